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

static void complete_write(struct uring *u, u64 user_data, i32 res, u32 flags, const u64 *big)
	REQUIRES(u->lock)
{
	u64 slot = u->cq_tail & (u->cq_entries - 1);
	struct complete_cqe *to = region_at(&u->rings,
					    u->cqes_at + (slot << (complete_is_big(u) ? 5 : 4)));

	to->user_data = user_data;
	to->res = res;
	to->flags = flags;
	if (complete_is_big(u)) {
		to->big[0] = big ? big[0] : 0;
		to->big[1] = big ? big[1] : 0;
	}
	u->cq_tail++;
	__atomic_store_n(&u->shared->cq_tail, u->cq_tail, __ATOMIC_RELEASE);
}

/* There is no room: it waits for some. */
static void complete_overflows(struct uring *u, u64 user_data, i32 res, u32 flags,
			       const u64 *big) REQUIRES(u->lock)
{
	struct complete_overflow *o = u->overflowed < URING_OVERFLOW_MOST ? kmalloc(sizeof(*o))
									  : NULL;

	if (!o) {
		atomic_add_relaxed(&u->shared->cq_overflow, 1u);
		u->lost = true;
		return;
	}
	o->cqe = (struct complete_cqe){user_data, res, flags,
				       {big ? big[0] : 0, big ? big[1] : 0}};
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

/* Who waits is to be woken when he has what he waits for, not before. */
static bool complete_is_awaited(struct uring *u) REQUIRES(u->lock)
{
	if (!u->awaited || (i32)(u->cq_tail - u->awaited_tail) < 0)
		return false;
	u->awaited = false;
	return true;
}

static bool complete_has_room(const struct uring *u)
{
	return !u->overflowed && complete_untaken(u, u->cq_tail) < u->cq_entries;
}

/* Whoever is to hear of it does. */
static void complete_wake(struct uring *u, bool awaited, bool watched, bool counted)
{
	if (awaited)
		waitq_wake(&u->enter_wait);
	if (watched)
		waitq_wake_events(&u->wait, POLLIN | POLLRDNORM | POLL_BY_RING);
	if (counted)
		waitq_wake(&u->count_wait);
}

/* With more to it than a place in the ring. */
static bool complete_put(struct uring *u, u64 user_data, i32 res, u32 flags, const u64 *big,
			 bool counts)
{
	bool room, awaited, watched;

	spin_lock(&u->lock);
	room = complete_has_room(u);
	if (room)
		complete_write(u, user_data, res, flags, big);
	else
		complete_overflows(u, user_data, res, flags, big);
	if (counts)
		atomic_store_relaxed(&u->completions, u->completions + 1);
	if (u->eventfd)
		complete_tell(u);
	awaited = complete_is_awaited(u) || !room || !counts;
	watched = u->watched;
	spin_unlock(&u->lock);
	complete_wake(u, awaited, watched, counts && atomic_load(&u->counting));
	return room;
}

bool complete_post(struct uring *u, u64 user_data, long result, u32 flags, const u64 *big)
{
	bool awaited;

	spin_lock(&u->lock);
	if (!complete_has_room(u) || u->eventfd || u->watched) {
		spin_unlock(&u->lock);
		return complete_put(u, user_data, (i32)result, flags, big, true);
	}
	complete_write(u, user_data, (i32)result, flags, big);
	atomic_store_relaxed(&u->completions, u->completions + 1);
	awaited = complete_is_awaited(u);
	spin_unlock(&u->lock);
	if (awaited || atomic_load(&u->counting))
		complete_wake(u, awaited, false, true);
	return true;
}

bool complete_post_uncounted(struct uring *u, u64 user_data, long result, u32 flags)
{
	return complete_put(u, user_data, (i32)result, flags, NULL, false);
}

void complete_watch(struct uring *u)
{
	spin_lock(&u->lock);
	u->watched = true;
	spin_unlock(&u->lock);
}

void complete_flush(struct uring *u)
{
	if (!atomic_load_relaxed(&u->overflowed))
		return;
	spin_lock(&u->lock);
	while (u->overflowed && complete_untaken(u, u->cq_tail) < u->cq_entries) {
		struct complete_overflow *o = list_first(&u->overflow, struct complete_overflow,
							 link);

		complete_write(u, o->cqe.user_data, o->cqe.res, o->cqe.flags, o->cqe.big);
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

/* A timeout of the ring's ends the wait of whoever waits. */
static bool complete_has_come(const struct complete_wait *f)
{
	return complete_ready(f->ring) >= f->want ||
	       atomic_load(&f->ring->timeouts) != f->timeouts;
}

/* If not, that completion is to wake him with which there is enough: of several the first. */
static bool complete_suffices(struct complete_wait *f)
{
	struct uring *u = f->ring;
	bool enough;
	u32 at;

	complete_flush(u);
	if (complete_has_come(f))
		return true;
	spin_lock(&u->lock);
	at = atomic_load(&u->shared->cq_head) + f->want;
	enough = complete_has_come(f);
	if (!enough && (!u->awaited || (i32)(at - u->awaited_tail) < 0)) {
		u->awaited = true;
		u->awaited_tail = at;
	}
	spin_unlock(&u->lock);
	return enough;
}

co_t complete_wait(struct co *co, struct complete_wait *f)
{
	CO_BEGIN;
	f->timeouts = atomic_load(&f->ring->timeouts);
	if (f->settle_ns) {
		CO_WAIT_UNTIL(f->err, &f->ring->enter_wait, complete_suffices(f),
			      min(f->settle_ns, f->deadline_ns));
		if (f->err != -ETIMEDOUT)
			CO_RETURN(complete_ready(f->ring) ? 0 : f->err);
		f->want = 1;
	}
	CO_WAIT_UNTIL(f->err, &f->ring->enter_wait, complete_suffices(f), f->deadline_ns);
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
