/* core/uring/issue.c -- from a request that was submitted to its end, and what was linked to it.
 *
 * Its file is found, it is tried, and begun if it would wait. The one linked to it is issued when
 * it is over, by whoever finds that: here in a loop as long as nothing waits, else by the executor.
 */
#include "core/uring/issue.h"

#include "core/cred/cred.h"
#include "core/uring/ops.h"
#include "core/uring/uring.h"
#include "mem/phys/slab.h"
#include "vfs/fd.h"
#include "vfs/reaper.h"

#define ISSUE_AT_ONCE 64u	/* of a chain */

static void issue_release(struct request *request)
{
	kfree(request);
}

/* --- the end of a request --- */

/* Everything it had, before the program hears that it is over. */
static void issue_let_go(struct uring_request *r)
{
	if (!r->error && r->op->cleanup)
		r->op->cleanup(r);
	if (r->kept)
		uring_unkeep(r);
	if (r->file)
		file_put(r->file);
	r->file = NULL;
	if (r->cred)
		cred_put(r->cred);
	r->cred = NULL;
}

/* Whatever comes of a time limit is a success. */
static bool issue_skips_success(const struct uring_request *r, long result)
{
	return (r->sqe.flags & IOSQE_CQE_SKIP_SUCCESS) && !r->fails &&
	       (result >= 0 || r->op == &uring_link_timeout);
}

static void issue_post(struct uring_request *r, long result)
{
	if (r->silent || issue_skips_success(r, result))
		return;
	if (r->op && (r->op->flags & URING_UNCOUNTED))
		complete_post_uncounted(r->ring, r->sqe.user_data, result, r->cqe_flags);
	else
		complete_post(r->ring, r->sqe.user_data, result, r->cqe_flags, r->big);
}

/* Its tag's completion comes after the request's own. */
static void issue_drop_buffer(struct uring_request *r)
{
	if (r->fixed)
		fixed_put(r->fixed);
	r->fixed = NULL;
}

bool uring_post_more(struct uring_request *r, long result, u32 cqe_flags)
{
	return complete_post(r->ring, r->sqe.user_data, result, cqe_flags | IORING_CQE_F_MORE,
			     NULL);
}

/* It never ran: a record that only the caller knows. */
static void issue_drop(struct uring *u, struct uring_request *r, bool taken)
{
	if (taken)
		request_drop(&r->request);
	spin_lock(&u->lock);
	r->next = u->returned;
	u->returned = r;
	spin_unlock(&u->lock);
}

/* One after the other completes: what is left of the chain after so many. */
static struct uring_request *issue_cancel_some(struct uring *u, struct uring_request *r,
					       bool silent)
{
	for (unsigned n = 0; r && n < ISSUE_AT_ONCE; n++) {
		struct uring_request *next = r->next;

		issue_let_go(r);
		r->cqe_flags = 0;
		r->silent |= silent;
		issue_post(r, r->error ? r->error : -ECANCELED);
		issue_drop_buffer(r);
		issue_drop(u, r, true);
		r = next;
	}
	return r;
}

/* A chain that is too long for one poll. */
struct issue_rest {
	struct reaper_rest rest;
	struct uring *ring;		/* a reference */
	struct uring_request *r;
	bool silent;
};

static bool issue_cancel_more(struct reaper_rest *rest)
{
	struct issue_rest *left = container_of(rest, struct issue_rest, rest);

	left->r = issue_cancel_some(left->ring, left->r, left->silent);
	if (left->r)
		return true;
	uring_put(left->ring);
	kfree(left);
	return false;
}

/* Those that were linked after one that failed. */
void issue_cancel_chain(struct uring *u, struct uring_request *r, bool silent)
{
	struct issue_rest *left;

	r = issue_cancel_some(u, r, silent);
	left = r ? kmalloc(sizeof(*left)) : NULL;
	if (left) {
		*left = (struct issue_rest){{.more = issue_cancel_more}, u, r, silent};
		uring_get(u);
		reaper_add_rest(&left->rest);
		return;
	}
	/* Without memory all of it now. */
	while (r)
		r = issue_cancel_some(u, r, silent);
}

/* One that was parked is over, and what followed it was issued: others may wait for that. */
static void issue_count_over(struct uring *u)
{
	struct uring_request *next;
	u32 less = 1;

	do {
		next = NULL;
		spin_lock(&u->lock);
		u->under_way -= less;
		if (u->deferred_count) {
			next = list_first(&u->deferred, struct uring_request, link);
			if (next->drains && u->under_way)
				next = NULL;
		}
		if (next) {
			list_remove(&next->link);
			atomic_store_relaxed(&u->deferred_count, u->deferred_count - 1);
			/* For it, until it counts itself. */
			u->under_way++;
		}
		spin_unlock(&u->lock);
		if (next)
			issue_queue(next);
		less = 1;
	} while (next);
}

/* It is over: the one to be issued next, or NULL. */
static struct uring_request *issue_over(struct uring_request *r, long result)
{
	struct uring_request *next = r->next, *timed;
	bool fails = r->fails || (result < 0 && !r->succeeds);

	issue_let_go(r);
	if (!next) {
		issue_post(r, result);
		issue_drop_buffer(r);
		return NULL;
	}
	/* It waited for nothing, so its time limit never began. */
	if (next->op == &uring_link_timeout) {
		timed = next;
		next = timed->next;
		timed->next = NULL;
		issue_cancel_chain(r->ring, timed, false);
	}
	issue_post(r, result);
	issue_drop_buffer(r);
	r->next = NULL;
	if (next && fails && !(r->sqe.flags & IOSQE_IO_HARDLINK)) {
		/* Who wants to hear of failures only hears of this one. */
		issue_cancel_chain(r->ring, next, r->sqe.flags & IOSQE_CQE_SKIP_SUCCESS);
		next = NULL;
	}
	return next;
}

/* --- issuing --- */

static int issue_assign_file(struct uring_request *r)
{
	if (!(r->op->flags & URING_FILE) || r->file)
		return 0;
	if (r->sqe.flags & IOSQE_FIXED_FILE)
		r->file = uring_file(r->ring, (u32)r->sqe.fd);
	else
		r->file = fd_get(task_current()->fds, r->sqe.fd);
	return r->file ? 0 : -EBADF;
}

/* As far as it goes without its coroutine, in whoever's context. */
static long issue_try(struct uring_request *r)
{
	int err = issue_assign_file(r);

	if (err)
		return err;
	r->tried = true;
	return r->op->try ? r->op->try(r) : URING_WAITS;
}

static co_t issue_begin(struct co *co, struct request *request)
{
	struct uring_request *r = (struct uring_request *)request;

	if (!r->tried) {
		co->result = issue_try(r);
		if (co->result != URING_WAITS)
			return CO_DONE;
	}
	return r->op->begin(co, r);
}

static void issue_arm_timeout(struct uring_request *r);

static void issue_waits(struct request *request)
{
	struct uring_request *r = (struct uring_request *)request;
	struct uring *u = r->ring;
	bool dying;

	uring_get(u);
	r->in_place = false;
	spin_lock(&u->lock);
	list_add_back(&u->parked, &r->link);
	cancel_add(u, r);
	u->parked_count++;
	u->under_way++;
	r->listed = true;
	dying = u->dying;
	spin_unlock(&u->lock);
	if (dying)
		request_cancel(request, false);
	if (r->next && r->next->op == &uring_link_timeout)
		issue_arm_timeout(r);
}

/* The time limit that is linked to r begins, as r waits: it is a request of its own. */
static void issue_arm_timeout(struct uring_request *r)
{
	struct uring_request *timed = r->next;

	r->next = timed->next;
	timed->next = NULL;
	spin_lock(&r->ring->lock);
	r->timeout = timed;
	timed->timeout = r;
	spin_unlock(&r->ring->lock);
	issue_queue(timed);
}

bool issue_time_is_up(struct uring_request *timed)
{
	struct uring_request *r;

	spin_lock(&timed->ring->lock);
	r = timed->timeout;
	if (r) {
		r->timeout = timed->timeout = NULL;
		request_cancel(&r->request, false);
	}
	spin_unlock(&timed->ring->lock);
	return r;
}

/* r is over: neither it nor its time limit concerns the other any more. */
static void issue_part(struct uring *u, struct uring_request *r) REQUIRES(u->lock)
{
	struct uring_request *other = r->timeout;

	if (!other)
		return;
	r->timeout = other->timeout = NULL;
	if (other->op == &uring_link_timeout)
		request_cancel(&other->request, false);
}

/* Leave the issuing of r, which was taken, to the executor. */
void issue_queue(struct uring_request *r)
{
	if (!r || request_queue(&r->request))
		return;
	/* Its process ends; what it was to limit is not limited. */
	spin_lock(&r->ring->lock);
	issue_part(r->ring, r);
	spin_unlock(&r->ring->lock);
	issue_cancel_chain(r->ring, r, false);
}

static void issue_done(struct request *request, long result)
{
	struct uring_request *r = (struct uring_request *)request;
	struct uring *u = r->ring;

	if (r->listed) {
		spin_lock(&u->lock);
		list_remove(&r->link);
		cancel_drop(r);
		u->parked_count--;
		r->listed = false;
		issue_part(u, r);
		spin_unlock(&u->lock);
	}
	if (r->in_place) {
		r->request.thread.task.co.result = result;
	} else {
		issue_queue(issue_over(r, result));
		issue_count_over(u);
	}
}

static void issue_ended(struct request *request)
{
	struct uring_request *r = (struct uring_request *)request;
	struct uring *u = r->ring;

	spin_lock(&u->lock);
	r->next = u->returned;
	u->returned = r;
	spin_unlock(&u->lock);
	uring_put(u);
}

const struct request_ops issue_request_ops = {
	.begin = issue_begin,
	.waits = issue_waits,
	.done = issue_done,
	.ended = issue_ended,
	.release = issue_release,
};

/* Begin r, which was not taken yet unless it is a link's; its result, or URING_WAITS: it goes on
 * by itself. */
static long issue_start(struct uring_request *r, bool taken)
{
	if (!taken)
		request_take(&r->request, r->cred);
	if ((r->sqe.flags & IOSQE_ASYNC) || !request_may_begin()) {
		issue_queue(r);
		return URING_WAITS;
	}
	r->in_place = true;
	if (!request_begin(&r->request))
		return URING_WAITS;
	return r->request.thread.task.co.result;
}

/* As far as it goes at once. */
static long issue_try_here(struct uring_request *r)
{
	if ((r->sqe.flags & IOSQE_ASYNC) && !(r->op->flags & URING_NO_ASYNC))
		return URING_WAITS;
	return issue_try(r);
}

/* Run r: the same. */
static long issue_run(struct uring_request *r, bool taken)
{
	long result = issue_try_here(r);

	if (result == URING_WAITS)
		return issue_start(r, taken);
	if (taken)
		request_drop(&r->request);
	return result;
}

void issue_alone(struct uring *u, struct uring_request *r)
{
	long result = issue_try_here(r);

	if (result == URING_WAITS)
		result = issue_start(r, false);
	if (result == URING_WAITS)
		return;
	issue_let_go(r);
	issue_post(r, result);
	issue_drop_buffer(r);
	r->next = u->spare;
	u->spare = r;
}

/* Issue a chain: as far as it gets without waiting. */
void issue_chain(struct uring *u, struct uring_request *r)
{
	bool taken = false;

	for (unsigned n = 0; r; n++) {
		struct uring_request *next;
		long result;

		/* A long one lets others run. */
		if (n == ISSUE_AT_ONCE) {
			issue_queue(r);
			return;
		}
		result = issue_run(r, taken);
		if (result == URING_WAITS)
			return;
		next = issue_over(r, result);
		r->next = u->spare;
		u->spare = r;
		r = next;
		taken = true;
	}
}

