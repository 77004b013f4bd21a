/* core/base/slots.c -- which numbers are taken. */
#include "core/base/slots.h"

#include "core/base/bits.h"
#include "core/base/string.h"

#define SLOTS_BITS 64u

static u32 slots_words(u32 bits)
{
	return (bits + SLOTS_BITS - 1) / SLOTS_BITS;
}

size_t slots_size(u32 n)
{
	size_t words = 0;

	do {
		n = slots_words(n);
		words += n;
	} while (n > 1);
	return words * sizeof(u64);
}

void slots_init(struct slots *s, u64 *words, u32 n)
{
	u32 count;

	s->levels = 0;
	do {
		count = slots_words(n);
		memset(words, 0, count * sizeof(*words));
		/* What there is none of is not free. */
		if (n % SLOTS_BITS)
			words[count - 1] = UINT64_MAX << n % SLOTS_BITS;
		s->words[s->levels] = count;
		s->level[s->levels++] = words;
		words += count;
		n = count;
	} while (n > 1);
}

void slots_take(struct slots *s, u32 at)
{
	for (u32 l = 0; l < s->levels; l++) {
		u64 *word = &s->level[l][at / SLOTS_BITS];

		*word |= 1ul << at % SLOTS_BITS;
		if (*word != UINT64_MAX)
			return;
		at /= SLOTS_BITS;
	}
}

void slots_give(struct slots *s, u32 at)
{
	for (u32 l = 0; l < s->levels; l++) {
		u64 *word = &s->level[l][at / SLOTS_BITS];
		bool was_full = *word == UINT64_MAX;

		*word &= ~(1ul << at % SLOTS_BITS);
		if (!was_full)
			return;
		at /= SLOTS_BITS;
	}
}

u32 slots_find(const struct slots *s, u32 from, u32 to)
{
	u32 at = from, l = 0;
	u64 free = 0;

	if (from >= to)
		return to;
	/* Up, until there is one at or behind the place. */
	for (; l < s->levels && at / SLOTS_BITS < s->words[l]; l++) {
		free = ~s->level[l][at / SLOTS_BITS] & UINT64_MAX << at % SLOTS_BITS;
		if (free)
			break;
		at = at / SLOTS_BITS + 1;
	}
	if (!free)
		return to;
	at = at / SLOTS_BITS * SLOTS_BITS + (u32)__builtin_ctzll(free);
	while (l) {
		l--;
		at = at * SLOTS_BITS + (u32)__builtin_ctzll(~s->level[l][at]);
	}
	return min(at, to);
}
