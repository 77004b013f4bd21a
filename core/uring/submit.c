/* core/uring/submit.c -- from a submission to a request that is issued.
 *
 * A submission is copied, checked and made a request. Requests with IOSQE_IO_LINK form a chain,
 * whose first is issued when its last has come, unless it waits for what was issued before it
 * (IOSQE_IO_DRAIN).
 */
#include "core/uring/issue.h"
#include "core/uring/uring.h"

#include "core/cred/cred.h"
#include "core/uring/ops.h"
#include "mem/phys/slab.h"
#include "mem/space/uaccess.h"
#include "vfs/fd.h"
#include "vfs/file.h"

#define SUBMIT_SQE_FLAGS                                                              \
	(IOSQE_FIXED_FILE | IOSQE_IO_DRAIN | IOSQE_IO_LINK | IOSQE_IO_HARDLINK |      \
	 IOSQE_ASYNC | IOSQE_BUFFER_SELECT | IOSQE_CQE_SKIP_SUCCESS)
#define SUBMIT_LINKS (IOSQE_IO_LINK | IOSQE_IO_HARDLINK)
#define SUBMIT_CANCEL_BATCH 64u
#define SUBMIT_FREE_PIECE   64u

static const struct uring_op *const *submit_ops;
static unsigned submit_op_count;

struct uring_request *uring_current(void)
{
	struct thread *t = thread_current();
	struct request *request = request_of(&t->task);

	if (!t->of_request || request->ops != &issue_request_ops)
		return NULL;
	return (struct uring_request *)request;
}

/* FD_GIVEN: the current request's file, with a reference; NULL: none. */
static struct file *submit_given(void)
{
	struct uring_request *r = uring_current();

	if (r && r->file)
		file_get(r->file);
	return r ? r->file : NULL;
}

void uring_set_ops(const struct uring_op *const *ops, unsigned count)
{
	submit_ops = ops;
	submit_op_count = count;
	fd_given = submit_given;
	user_kept = keep_of_current;
}

/* --- records --- */

static struct uring_request *submit_new(void)
{
	struct uring_request *r = kzalloc(sizeof(*r));

	if (r && request_init(&r->request, "io_uring", &issue_request_ops)) {
		kfree(r);
		return NULL;
	}
	return r;
}

bool submit_free_some(struct uring_request **list)
{
	for (unsigned n = 0; *list && n < SUBMIT_FREE_PIECE; n++) {
		struct uring_request *r = *list;

		*list = r->next;
		request_put(&r->request);
	}
	return *list;
}

/* Another process's record is of no use. */
static struct uring_request *submit_take_spare(struct uring *u)
{
	struct uring_request *r;

	if (!u->spare) {
		spin_lock(&u->lock);
		u->spare = u->returned;
		u->returned = NULL;
		spin_unlock(&u->lock);
	}
	r = u->spare;
	if (!r)
		return submit_new();
	u->spare = r->next;
	if (r->request.thread.process == thread_current()->process)
		return r;
	request_put(&r->request);
	return submit_new();
}

/* --- submissions --- */

/* The program may use what was submitted again, and what that names. */
static void submit_consumed(struct uring *u)
{
	__atomic_store_n(&u->shared->sq_head, u->sq_head, __ATOMIC_RELEASE);
}

/* Copy the next one: false if the program gave a number that is none. */
static bool submit_copy(struct uring *u, struct uring_request *r)
{
	u32 at = u->sq_head & (u->sq_entries - 1);
	bool big = u->flags & IORING_SETUP_SQE128;
	const char *from;

	u->sq_head++;
	if (!(u->flags & IORING_SETUP_NO_SQARRAY))
		at = atomic_load_relaxed((u32 *)region_at(&u->rings, u->array_at + at * 4ul));
	if (at >= u->sq_entries) {
		atomic_add_relaxed(&u->shared->sq_dropped, 1u);
		submit_consumed(u);
		return false;
	}
	from = region_at(&u->sqes, (u64)at << (big ? 7 : 6));
	r->sqe = *(const struct io_uring_sqe *)from;
	if (big)
		memcpy(r->sqe_more, from + sizeof(r->sqe), sizeof(r->sqe_more));
	return true;
}

/* Does the ring's owner allow it? */
static bool submit_is_allowed(const struct uring *u, const struct io_uring_sqe *s)
{
	const struct uring_limits *l = u->limits;

	return !l || ((l->sqe_ops >> s->opcode & 1) &&
		      (s->flags & l->flags_required) == l->flags_required &&
		      !(s->flags & ~(l->flags_allowed | l->flags_required)));
}

/* What most do not have. */
static int submit_check_more(struct uring *u, struct uring_request *r)
{
	const struct io_uring_sqe *s = &r->sqe;

	if (s->flags & ~SUBMIT_SQE_FLAGS)
		return -EINVAL;
	if ((s->flags & IOSQE_BUFFER_SELECT) && !(r->op->flags & URING_BUFFERS))
		return -EOPNOTSUPP;
	if ((s->flags & IOSQE_CQE_SKIP_SUCCESS) && (s->flags & IOSQE_IO_DRAIN))
		return -EOPNOTSUPP;
	if (!submit_is_allowed(u, s))
		return -EACCES;
	if (s->ioprio && !(r->op->flags & URING_IOPRIO))
		return -EINVAL;
	if ((u->flags & IORING_SETUP_IOPOLL) && !(r->op->flags & URING_IOPOLL))
		return -EINVAL;
	if (s->personality && !r->cred) {
		r->cred = uring_cred(u, s->personality);
		if (!r->cred)
			return -EINVAL;
	}
	return 0;
}

static int submit_check(struct uring *u, struct uring_request *r)
{
	const struct io_uring_sqe *s = &r->sqe;
	int err = 0;

	r->op = s->opcode < submit_op_count ? submit_ops[s->opcode] : NULL;
	if (!r->op)
		return -EINVAL;
	if (s->flags || s->ioprio || s->personality || u->limits ||
	    (u->flags & IORING_SETUP_IOPOLL))
		err = submit_check_more(u, r);
	if (err || !r->op->prepare)
		return err;
	if (r->op->flags & URING_LATE)
		r->keeps = true;
	return r->op->prepare(r);
}

/* Has it nothing to do with others, before or behind it? */
static bool submit_is_alone(const struct uring *u, const struct uring_request *r)
{
	return !(r->sqe.flags & (IOSQE_IO_DRAIN | SUBMIT_LINKS)) && !u->chain && !u->drain_next &&
	       !atomic_load_relaxed(&u->deferred_count);
}

bool uring_copy_in(struct uring_request *r, void *to, u64 from, size_t n)
{
	if (from <= HAL_USER_END && hal_copy_from_user(to, uptr_of(from), n) == n)
		return true;
	r->missing = from;
	r->missing_len = (u32)n;
	return false;
}

static void submit_fresh(struct uring *u, struct uring_request *r)
{
	memset(&r->op, 0, offsetof(struct uring_request, fresh_end) -
			  offsetof(struct uring_request, op));
	r->ring = u;
}

/* Does the chain wait for what was issued before it? Then it is known as one that does. */
static bool submit_defers(struct uring *u, struct uring_request *r)
{
	bool waits;

	r->drains = u->chain_drains;
	if (!r->drains && !atomic_load_relaxed(&u->deferred_count) && !u->drain_next)
		return false;
	request_take(&r->request, r->cred);
	spin_lock(&u->lock);
	r->drains |= u->drain_next;
	waits = u->deferred_count || (r->drains && u->under_way);
	if (waits) {
		list_add_back(&u->deferred, &r->link);
		atomic_store_relaxed(&u->deferred_count, u->deferred_count + 1);
	}
	u->drain_next = r->drains && r->next;
	spin_unlock(&u->lock);
	if (!waits)
		request_drop(&r->request);
	return waits;
}

/* The submission is complete as far as it goes: issue its chain, or fail it as a whole. */
static void submit_chain(struct uring *u)
{
	struct uring_request *r = u->chain;

	u->chain = NULL;
	if (u->chain_fails) {
		/* The first was not taken. */
		request_take(&r->request, NULL);
		issue_cancel_chain(u, r, false);
	} else if (!submit_defers(u, r)) {
		issue_chain(u, r);
	}
}

static void submit_add(struct uring *u, struct uring_request *r)
{
	bool links = r->sqe.flags & SUBMIT_LINKS;

	if (!u->chain) {
		u->chain = r;
		u->chain_fails = u->chain_drains = false;
	} else {
		request_take(&r->request, r->cred);
		u->chain_last->next = r;
	}
	u->chain_last = r;
	u->chain_fails |= r->error != 0;
	u->chain_drains |= (r->sqe.flags & IOSQE_IO_DRAIN) != 0;
	if (!links)
		submit_chain(u);
}

/* The next submission's request, copied but not checked; NULL: there is none to take now (*err is
 * 0), or no memory. */
static struct uring_request *submit_next(struct uring *u, long *err)
{
	struct uring_request *r = submit_take_spare(u);

	*err = r ? 0 : -EAGAIN;
	if (!r)
		return NULL;
	submit_fresh(u, r);
	if (submit_copy(u, r))
		return r;
	r->next = u->spare;
	u->spare = r;
	return NULL;
}

u32 submit_available(struct uring *u)
{
	u32 tail = __atomic_load_n(&u->shared->sq_tail, __ATOMIC_ACQUIRE);

	return min(tail - u->sq_head, u->sq_entries);
}

/* It was prepared, and nothing is missing. */
static void submit_take_on(struct uring_submit *f, struct uring_request *r)
{
	struct uring *u = f->ring;

	/* One within a chain fails the chain, once that is complete. */
	f->stop = r->error && !(u->flags & IORING_SETUP_SUBMIT_ALL) &&
		  !(r->sqe.flags & SUBMIT_LINKS);
	submit_add(u, r);
	submit_consumed(u);
	f->done++;
}

/* What was missing is there. */
static void submit_check_again(struct uring *u, struct uring_request *r)
{
	r->missing_len = 0;
	if (r->kept)
		uring_unkeep(r);
	r->error = submit_check(u, r);
}

static bool submit_misses(const struct uring_request *r)
{
	return r->error == -EFAULT && r->missing_len;
}

/* As many as go without waiting. false: that is all; else something comes before the next, which is
 * f->r if it was taken already, but misses something. */
static bool submit_some(struct co *co, struct uring_submit *f)
{
	struct uring *u = f->ring;
	struct uring_request *r;
	bool alone;

	f->r = NULL;
	while (f->done < f->most && !f->stop) {
		r = submit_next(u, &f->err);
		if (!r)
			return false;
		/* Who is alone begins here and now. */
		alone = submit_is_alone(u, r);
		r->keeps = !alone || (r->sqe.flags & IOSQE_ASYNC);
		r->error = submit_check(u, r);
		if (!r->error && alone) {
			issue_alone(u, r);
			submit_consumed(u);
			f->done++;
		} else if (submit_misses(r)) {
			f->r = r;
			return true;
		} else {
			submit_take_on(f, r);
		}
		if (!request_may_begin() || co_should_yield(co) || co_goes_long_way())
			return true;
	}
	return false;
}

#define SUBMIT_TRIES 64	/* pages taken away again and again: not by accident */

co_t uring_submit(struct co *co, struct uring_submit *f)
{
	struct uring *u = f->ring;

	CO_BEGIN;
	CO_LOCK(&u->submit_lock);
	f->most = min(f->most, submit_available(u));
	while (submit_some(co, f)) {
		for (f->tries = 0; f->r && f->tries < SUBMIT_TRIES; f->tries++) {
			CO_AWAIT(f->err, user_fault_in, .addr = uptr_of(f->r->missing),
				 .n = f->r->missing_len);
			if (f->err)
				break;
			submit_check_again(u, f->r);
			if (!submit_misses(f->r))
				break;
		}
		if (f->r)
			submit_take_on(f, f->r);
		while (!request_may_begin())
			CO_YIELD;
		CO_BREATHE;
	}
	if (u->chain)
		submit_chain(u);
	mutex_unlock(&u->submit_lock);
	while (!request_may_begin())
		CO_YIELD;
	CO_RETURN(f->done ? f->done : f->err);
	CO_END;
}

/* --- the end of a ring --- */

static unsigned submit_cancel_some(struct uring *u)
{
	unsigned n = 0;

	spin_lock(&u->lock);
	u->dying = true;
	while (n < SUBMIT_CANCEL_BATCH && !list_empty(&u->parked)) {
		struct uring_request *r = list_first(&u->parked, struct uring_request, link);

		if (request_is_cancelled(&r->request))
			break;
		request_cancel(&r->request, false);
		list_remove(&r->link);
		list_add_back(&u->parked, &r->link);
		n++;
	}
	spin_unlock(&u->lock);
	return n;
}

/* Those that never began. */
static bool submit_cancel_deferred(struct uring *u)
{
	struct uring_request *r = NULL;

	spin_lock(&u->lock);
	if (u->deferred_count) {
		r = list_first(&u->deferred, struct uring_request, link);
		list_remove(&r->link);
		atomic_store_relaxed(&u->deferred_count, u->deferred_count - 1);
	}
	spin_unlock(&u->lock);
	if (r)
		issue_cancel_chain(u, r, false);
	return r;
}

co_t submit_end(struct co *co, struct submit_end *f)
{
	CO_BEGIN;
	while (submit_cancel_deferred(f->ring))
		CO_BREATHE;
	do {
		f->more = submit_cancel_some(f->ring);
		CO_BREATHE;
	} while (f->more);
	while (group_free_one(f->ring))
		CO_BREATHE;
	CO_RETURN(0);
	CO_END;
}

