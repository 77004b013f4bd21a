/* coro/lock_rank.c -- one digit per rank in a word of the task. */
#include "coro/lock_rank.h"

#include "core/base/log.h"

#define DIGIT_BITS 3u
#define DIGIT_MAX  7u

static unsigned digit_shift(unsigned rank)
{
	return DIGIT_BITS * (rank - 1);
}

void lock_rank_check_order(const struct task *t, unsigned rank, bool same)
{
	if (rank && t->locks >> (digit_shift(rank) + (same ? DIGIT_BITS : 0)))
		panic("%s waits for an awaitable lock of rank %u while it holds %#x", t->name, rank,
		      t->locks);
}

void lock_rank_check_taken(struct task *t, unsigned rank)
{
	if (!rank)
		return;
	if ((t->locks >> digit_shift(rank) & DIGIT_MAX) == DIGIT_MAX)
		panic("%s holds too many awaitable locks of rank %u", t->name, rank);
	t->locks += 1u << digit_shift(rank);
}

void lock_rank_check_released(struct task *t, unsigned rank)
{
	if (!rank)
		return;
	if (!(t->locks >> digit_shift(rank) & DIGIT_MAX))
		panic("%s releases an awaitable lock of rank %u that it does not hold", t->name,
		      rank);
	t->locks -= 1u << digit_shift(rank);
}

void lock_rank_check_none(const struct task *t)
{
	if (t->locks)
		panic("%s leaves the kernel with awaitable locks held: %#x", t->name, t->locks);
}
