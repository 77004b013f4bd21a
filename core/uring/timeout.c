/* core/uring/timeout.c -- requests that wait for a time, or for others' completions. */
#include "core/uring/ops.h"

#include <linux/time_types.h>

#include "core/proc/clock.h"
#include "core/uring/uring.h"
#include "hal/clock.h"
#include "mem/phys/slab.h"

#define TIMEOUT_CLOCKS (IORING_TIMEOUT_BOOTTIME | IORING_TIMEOUT_REALTIME)
#define TIMEOUT_KNOWN                                                          \
	(IORING_TIMEOUT_ABS | TIMEOUT_CLOCKS | IORING_TIMEOUT_ETIME_SUCCESS |  \
	 IORING_TIMEOUT_MULTISHOT)

struct timeout {
	u64 ns;			/* as asked for: a span, or a time of the clock */
	u64 deadline_ns;	/* under the ring's lock while it waits */
	u32 changes;		/* the same: of the deadline */
	u32 flags;
	u32 start;		/* the ring's completions when it began; if it counts them */
	bool counts;
};

static int timeout_clock(u32 flags)
{
	return flags & IORING_TIMEOUT_REALTIME	 ? CLOCK_REALTIME
	       : flags & IORING_TIMEOUT_BOOTTIME ? CLOCK_BOOTTIME
						 : CLOCK_MONOTONIC;
}

static int timeout_set(struct timeout *t)
{
	return clock_deadline(timeout_clock(t->flags), t->ns, t->flags & IORING_TIMEOUT_ABS,
			      &t->deadline_ns);
}

static bool timeout_clocks_are_one(u32 flags)
{
	return (flags & TIMEOUT_CLOCKS) != TIMEOUT_CLOCKS;
}

/* The struct timespec at addr, in ns. */
static int timeout_get(struct uring_request *r, u64 addr, u64 *ns)
{
	struct __kernel_timespec ts;

	if (!uring_copy_in(r, &ts, addr, sizeof(ts)))
		return -EFAULT;
	return clock_from_timespec(&ts, ns);
}

static int timeout_new(struct uring_request *r, u32 flags)
{
	struct timeout *t = r->data;

	if (!t)
		t = r->data = kzalloc(sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->flags = flags;
	return timeout_get(r, r->sqe.addr, &t->ns);
}

static void timeout_cleanup(struct uring_request *r)
{
	kfree(r->data);
	r->data = NULL;
}

/* What an error leaves is not the operation's any more. */
static int timeout_settle(struct uring_request *r, int err)
{
	if (err)
		timeout_cleanup(r);
	return err;
}

/* --- TIMEOUT --- */

static int timeout_prepare(struct uring_request *r)
{
	const struct io_uring_sqe *s = &r->sqe;
	u32 flags = s->timeout_flags;

	if (s->buf_index || s->len != 1 || s->splice_fd_in)
		return -EINVAL;
	if (flags & ~(u32)TIMEOUT_KNOWN || !timeout_clocks_are_one(flags))
		return -EINVAL;
	if ((flags & IORING_TIMEOUT_MULTISHOT) && (flags & IORING_TIMEOUT_ABS))
		return -EINVAL;
	r->succeeds = flags & IORING_TIMEOUT_ETIME_SUCCESS;
	return timeout_settle(r, timeout_new(r, flags));
}

static bool timeout_is_counted(struct uring_request *r)
{
	struct timeout *t = r->data;

	return t->counts && atomic_load(&r->ring->completions) - t->start >= (u32)r->sqe.off;
}

/* Its end, or one of its times: -ETIME; 0: the completions came. */
struct timeout_run {
	struct co_frame co;
	struct uring_request *r;
	u32 changes;
	u64 left;		/* times */
	long err;
};
static co_t timeout_run(struct co *co, struct timeout_run *f)
{
	struct timeout *t = f->r->data;
	struct uring *u = f->r->ring;

	CO_BEGIN;
	f->err = timeout_set(t);
	if (f->err)
		CO_RETURN(f->err);
	t->counts = f->r->sqe.off && !(t->flags & IORING_TIMEOUT_MULTISHOT);
	if (t->counts) {
		t->start = atomic_load(&u->completions);
		atomic_add(&u->counting, 1u);
	}
	f->left = f->r->sqe.off ? f->r->sqe.off : UINT64_MAX;
	do {
		f->changes = atomic_load(&t->changes);
		CO_WAIT_UNTIL(f->err, &u->count_wait,
			      timeout_is_counted(f->r) || atomic_load(&t->changes) != f->changes,
			      atomic_load(&t->deadline_ns));
		if (f->err == -ETIMEDOUT && (t->flags & IORING_TIMEOUT_MULTISHOT) && --f->left) {
			complete_post_uncounted(u, f->r->sqe.user_data, -ETIME, IORING_CQE_F_MORE);
			atomic_store(&t->deadline_ns, t->deadline_ns + max(t->ns, 1ul));
			f->err = 0;
		}
	} while (!f->err && !timeout_is_counted(f->r));
	if (t->counts)
		atomic_sub(&u->counting, 1u);
	if (f->err != -ETIMEDOUT)
		CO_RETURN(f->err);
	atomic_add(&u->timeouts, 1u);
	CO_RETURN(-ETIME);
	CO_END;
}

static co_t timeout_begin(struct co *co, struct uring_request *r)
{
	return co_begin(co, timeout_run, .r = r);
}

const struct uring_op uring_timeout = {
	.flags = URING_NO_ASYNC | URING_UNCOUNTED,
	.prepare = timeout_prepare,
	.begin = timeout_begin,
	.cleanup = timeout_cleanup,
};

/* --- LINK_TIMEOUT: begun when what it is linked to waits --- */

static int link_timeout_prepare(struct uring_request *r)
{
	const struct io_uring_sqe *s = &r->sqe;
	u32 flags = s->timeout_flags;

	if (s->buf_index || s->len != 1 || s->splice_fd_in || s->off)
		return -EINVAL;
	if (flags & ~(u32)(IORING_TIMEOUT_ABS | TIMEOUT_CLOCKS | IORING_TIMEOUT_ETIME_SUCCESS) ||
	    !timeout_clocks_are_one(flags))
		return -EINVAL;
	/* It is the limit of what comes before it in its chain. */
	if (!r->ring->chain || r->ring->chain_last->op == &uring_link_timeout)
		return -EINVAL;
	return timeout_settle(r, timeout_new(r, flags));
}

struct link_timeout_run {
	struct co_frame co;
	struct uring_request *r;
	u32 changes;
	long err;
};
static co_t link_timeout_run(struct co *co, struct link_timeout_run *f)
{
	struct timeout *t = f->r->data;

	CO_BEGIN;
	f->err = timeout_set(t);
	while (!f->err) {
		f->changes = atomic_load(&t->changes);
		CO_WAIT_UNTIL(f->err, NULL, atomic_load(&t->changes) != f->changes,
			      atomic_load(&t->deadline_ns));
	}
	if (f->err == -ETIMEDOUT)
		CO_RETURN(issue_time_is_up(f->r) ? -ETIME : -ECANCELED);
	CO_RETURN(f->err);
	CO_END;
}

static co_t link_timeout_begin(struct co *co, struct uring_request *r)
{
	return co_begin(co, link_timeout_run, .r = r);
}

const struct uring_op uring_link_timeout = {
	.flags = URING_NO_ASYNC | URING_UNCOUNTED,
	.prepare = link_timeout_prepare,
	.begin = link_timeout_begin,
	.cleanup = timeout_cleanup,
};

/* --- TIMEOUT_REMOVE --- */

static int timeout_remove_prepare(struct uring_request *r)
{
	const struct io_uring_sqe *s = &r->sqe;
	u32 flags = s->timeout_flags;
	u64 ns;

	if (s->flags & (IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT))
		return -EINVAL;
	if (s->buf_index || s->len || s->splice_fd_in)
		return -EINVAL;
	if (!(flags & IORING_TIMEOUT_UPDATE_MASK))
		return flags ? -EINVAL : 0;
	if (!timeout_clocks_are_one(flags))
		return -EINVAL;
	if (flags & ~(u32)(IORING_TIMEOUT_UPDATE_MASK | IORING_TIMEOUT_ABS | TIMEOUT_CLOCKS))
		return -EINVAL;
	if (timeout_get(r, s->addr2, &ns))
		return r->missing_len ? -EFAULT : -EINVAL;
	r->args[0] = ns;
	return 0;
}

static long timeout_update(struct uring_request *found, const struct uring_request *r)
{
	struct timeout *t = found->data;

	t->ns = r->args[0];
	t->flags = (t->flags & ~(u32)(IORING_TIMEOUT_ABS | TIMEOUT_CLOCKS)) |
		   (r->sqe.timeout_flags & (IORING_TIMEOUT_ABS | TIMEOUT_CLOCKS));
	timeout_set(t);
	atomic_store(&t->changes, t->changes + 1);
	task_wake(&found->request.thread.task);
	return 0;
}

static long timeout_remove_try(struct uring_request *r)
{
	bool update = r->sqe.timeout_flags & IORING_TIMEOUT_UPDATE_MASK;
	bool linked = r->sqe.timeout_flags & IORING_LINK_TIMEOUT_UPDATE;
	struct uring *u = r->ring;
	struct uring_request *found;
	long err = 0;

	spin_lock(&u->lock);
	found = cancel_find(u, r->sqe.addr, linked ? &uring_link_timeout : &uring_timeout);
	if (!found)
		err = -ENOENT;
	else if (request_is_cancelled(&found->request))
		err = -EALREADY;
	else if (update)
		err = timeout_update(found, r);
	else
		request_cancel(&found->request, false);
	spin_unlock(&u->lock);
	return err;
}

const struct uring_op uring_timeout_remove = {
	.prepare = timeout_remove_prepare,
	.try = timeout_remove_try,
};
