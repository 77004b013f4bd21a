/* core/uring/complete.c -- completions: into the ring, or where they wait for room in it. */
#include "core/uring/uring.h"

#include "mem/phys/slab.h"
#include "vfs/eventfd.h"
#include "vfs/poll.h"

#define COMPLETE_PIECE 256u

/* A completion as it lies in the ring; the second half only if the ring has big ones. */
struct complete_cqe {
	u64 user_data;
	i32 res;
	u32 flags;
	u64 big[2];
};
static_assert(sizeof(struct complete_cqe) == 2 * sizeof(struct io_uring_cqe));

struct complete_overflow {
	struct list link;
	struct complete_cqe cqe;
};

static bool complete_is_big(const struct uring *u)
{
	return u->flags & IORING_SETUP_CQE32;
}

/* How many the program has yet to take, as far as its word can be true. */
static u32 complete_untaken(const struct uring *u, u32 tail)
{
	return min(tail - atomic_load(&u->shared->cq_head), u->cq_entries);
}

static void complete_write(struct uring *u, const struct complete_cqe *cqe) REQUIRES(u->lock)
{
	u64 slot = u->cq_tail & (u->cq_entries - 1);
	unsigned shift = complete_is_big(u) ? 5 : 4;

	memcpy(region_at(&u->rings, u->cqes_at + (slot << shift)), cqe, 1ul << shift);
	u->cq_tail++;
	__atomic_store_n(&u->shared->cq_tail, u->cq_tail, __ATOMIC_RELEASE);
}

/* There is no room: it waits for some. */
static void complete_overflows(struct uring *u, const struct complete_cqe *cqe) REQUIRES(u->lock)
{
	struct complete_overflow *o = u->overflowed < URING_OVERFLOW_MOST ? kmalloc(sizeof(*o))
									  : NULL;

	if (!o) {
		atomic_add_relaxed(&u->shared->cq_overflow, 1u);
		u->lost = true;
		return;
	}
	o->cqe = *cqe;
	list_add_back(&u->overflow, &o->link);
	atomic_store_relaxed(&u->overflowed, u->overflowed + 1);
	atomic_or(&u->shared->sq_flags, (u32)IORING_SQ_CQ_OVERFLOW);
}

/* Tell the eventfd, unless the program wants to hear only of what it did not see end. */
static void complete_tell(struct uring *u) REQUIRES(u->lock)
{
	const struct task *t = task_current();

	if (atomic_load_relaxed(&u->shared->cq_flags) & IORING_CQ_EVENTFD_DISABLED)
		return;
	if (!u->eventfd_async || !t || !t->user || thread_of((struct task *)t)->of_request)
		eventfd_signal(u->eventfd, 1);
}

static bool complete_put(struct uring *u, const struct complete_cqe *cqe, bool counts)
{
	bool room;

	spin_lock(&u->lock);
	room = !u->overflowed && complete_untaken(u, u->cq_tail) < u->cq_entries;
	if (room)
		complete_write(u, cqe);
	else
		complete_overflows(u, cqe);
	if (counts)
		atomic_store_relaxed(&u->completions, u->completions + 1);
	if (u->eventfd)
		complete_tell(u);
	spin_unlock(&u->lock);
	waitq_wake_events(&u->wait, POLLIN | POLLRDNORM | POLL_BY_RING);
	if (counts && atomic_load(&u->counting))
		waitq_wake(&u->count_wait);
	return room;
}

bool complete_post(struct uring *u, u64 user_data, long result, u32 flags, const u64 *big)
{
	struct complete_cqe cqe = {.user_data = user_data, .res = (i32)result, .flags = flags};

	if (big) {
		cqe.big[0] = big[0];
		cqe.big[1] = big[1];
	}
	return complete_put(u, &cqe, true);
}

bool complete_post_uncounted(struct uring *u, u64 user_data, long result, u32 flags)
{
	struct complete_cqe cqe = {.user_data = user_data, .res = (i32)result, .flags = flags};

	return complete_put(u, &cqe, false);
}

void complete_flush(struct uring *u)
{
	if (!atomic_load_relaxed(&u->overflowed))
		return;
	spin_lock(&u->lock);
	while (u->overflowed && complete_untaken(u, u->cq_tail) < u->cq_entries) {
		struct complete_overflow *o = list_first(&u->overflow, struct complete_overflow,
							 link);

		complete_write(u, &o->cqe);
		list_remove(&o->link);
		kfree(o);
		atomic_store_relaxed(&u->overflowed, u->overflowed - 1);
	}
	if (!u->overflowed)
		atomic_and(&u->shared->sq_flags, ~(u32)IORING_SQ_CQ_OVERFLOW);
	spin_unlock(&u->lock);
}

bool complete_free_some(struct uring *u)
{
	for (unsigned n = 0; n < COMPLETE_PIECE && !list_empty(&u->overflow); n++) {
		struct complete_overflow *o = list_first(&u->overflow, struct complete_overflow,
							 link);

		list_remove(&o->link);
		kfree(o);
	}
	return !list_empty(&u->overflow);
}

u32 complete_ready(const struct uring *u)
{
	return complete_untaken(u, atomic_load(&u->cq_tail));
}

static bool complete_suffices(struct complete_wait *f)
{
	complete_flush(f->ring);
	/* A timeout of the ring's ends the wait of whoever waits. */
	return complete_ready(f->ring) >= f->want ||
	       atomic_load(&f->ring->timeouts) != f->timeouts;
}

co_t complete_wait(struct co *co, struct complete_wait *f)
{
	CO_BEGIN;
	f->timeouts = atomic_load(&f->ring->timeouts);
	if (f->settle_ns) {
		CO_WAIT_UNTIL(f->err, &f->ring->wait, complete_suffices(f),
			      min(f->settle_ns, f->deadline_ns));
		if (f->err != -ETIMEDOUT)
			CO_RETURN(complete_ready(f->ring) ? 0 : f->err);
		f->want = 1;
	}
	CO_WAIT_UNTIL(f->err, &f->ring->wait, complete_suffices(f), f->deadline_ns);
	/* What came before the end of the wait counts. */
	if (f->err && complete_ready(f->ring))
		f->err = 0;
	CO_RETURN(f->err == -ETIMEDOUT ? -ETIME : f->err);
	CO_END;
}

bool uring_may_post(const struct uring_request *r)
{
	const struct uring *u = r->ring;

	return !atomic_load_relaxed(&u->overflowed) &&
	       complete_untaken(u, atomic_load_relaxed(&u->cq_tail)) < u->cq_entries;
}
