/* core/uring/cancel.c -- finding requests that are parked, to end them.
 *
 * Those that were looked at go to the list's end, so that a long list is looked at in pieces.
 */
#include "core/uring/ops.h"

#include "core/uring/uring.h"
#include "vfs/fd.h"
#include "vfs/file.h"

#define CANCEL_PIECE 128u
#define CANCEL_KNOWN                                                               \
	(IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ANY | \
	 IORING_ASYNC_CANCEL_FD_FIXED | IORING_ASYNC_CANCEL_USERDATA | IORING_ASYNC_CANCEL_OP)

/* --- by user_data --- */

/* A tree for each few of them: with one in it, as mostly, it costs nothing, and whatever numbers a
 * program chooses, no search is long. */
static struct rb_tree *cancel_bucket(struct uring *u, u64 user_data)
{
	u64 mixed = user_data * 0x9e3779b97f4a7c15ul;

	return &u->buckets[mixed >> 56];
}

static struct uring_request *cancel_of(const struct rb_node *n)
{
	return container_of(n, struct uring_request, same);
}

/* Those of one user_data stand by operation. */
static bool cancel_is_before(const struct uring_request *r, u64 user_data,
			     const struct uring_op *op)
{
	return r->sqe.user_data < user_data ||
	       (r->sqe.user_data == user_data && (u64)r->op < (u64)op);
}

static bool cancel_less(const struct rb_node *a, const struct rb_node *b)
{
	return cancel_is_before(cancel_of(a), cancel_of(b)->sqe.user_data, cancel_of(b)->op);
}

void cancel_add(struct uring *u, struct uring_request *r)
{
	rb_insert(cancel_bucket(u, r->sqe.user_data), &r->same, cancel_less);
}

void cancel_drop(struct uring_request *r)
{
	rb_remove(cancel_bucket(r->ring, r->sqe.user_data), &r->same);
}

void cancel_rename(struct uring_request *r, u64 user_data)
{
	cancel_drop(r);
	r->sqe.user_data = user_data;
	cancel_add(r->ring, r);
}

struct uring_request *cancel_find(struct uring *u, u64 user_data, const struct uring_op *op)
{
	struct rb_node *n = cancel_bucket(u, user_data)->root;
	struct uring_request *found = NULL;

	while (n) {
		if (cancel_is_before(cancel_of(n), user_data, op)) {
			n = n->right;
		} else {
			found = cancel_of(n);
			n = n->left;
		}
	}
	if (!found || found->sqe.user_data != user_data || (op && found->op != op))
		return NULL;
	return found;
}

/* --- by anything --- */

static bool cancel_matches(const struct uring_request *r, const struct cancel_what *what)
{
	bool by_data = what->flags & IORING_ASYNC_CANCEL_USERDATA ||
		       !(what->flags & (IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_OP));

	if (r == what->by)
		return false;
	if (what->flags & IORING_ASYNC_CANCEL_ANY)
		return true;
	if ((what->flags & IORING_ASYNC_CANCEL_FD) && r->file != what->file)
		return false;
	if ((what->flags & IORING_ASYNC_CANCEL_OP) && r->sqe.opcode != what->op)
		return false;
	return !by_data || r->sqe.user_data == what->user_data;
}

/* Of the next piece; true: that is enough. */
static bool cancel_piece(struct cancel_run *f)
{
	bool all = f->what.flags & (IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_ANY);
	struct uring *u = f->ring;
	bool enough = false;

	spin_lock(&u->lock);
	f->left = min(f->left, u->parked_count);
	for (unsigned n = 0; n < CANCEL_PIECE && f->left && !enough; n++, f->left--) {
		struct uring_request *r = list_first(&u->parked, struct uring_request, link);

		list_remove(&r->link);
		list_add_back(&u->parked, &r->link);
		if (!cancel_matches(r, &f->what))
			continue;
		if (request_is_cancelled(&r->request)) {
			f->already++;
			continue;
		}
		request_cancel(&r->request, false);
		f->found++;
		enough = !all;
	}
	spin_unlock(&u->lock);
	return enough || !f->left;
}

/* One of its user_data: no need to look at others. */
static long cancel_one(struct cancel_run *f)
{
	struct uring *u = f->ring;
	struct uring_request *r;
	long err = 0;

	spin_lock(&u->lock);
	r = cancel_find(u, f->what.user_data, NULL);
	if (!r || r == f->what.by)
		err = -ENOENT;
	else if (request_is_cancelled(&r->request))
		err = -EALREADY;
	else
		request_cancel(&r->request, false);
	spin_unlock(&u->lock);
	return err;
}

co_t cancel_run(struct co *co, struct cancel_run *f)
{
	CO_BEGIN;
	if (!(f->what.flags & ~(u32)IORING_ASYNC_CANCEL_USERDATA))
		CO_RETURN(cancel_one(f));
	f->left = UINT32_MAX;
	while (!cancel_piece(f))
		CO_BREATHE;
	if (f->what.flags & (IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_ANY))
		CO_RETURN(f->found);
	CO_RETURN(f->found ? 0 : f->already ? -EALREADY : -ENOENT);
	CO_END;
}

/* --- ASYNC_CANCEL --- */

static int cancel_prepare(struct uring_request *r)
{
	const struct io_uring_sqe *s = &r->sqe;
	u32 flags = s->cancel_flags;

	if ((s->flags & IOSQE_BUFFER_SELECT) || s->off || s->splice_fd_in)
		return -EINVAL;
	if (flags & ~(u32)CANCEL_KNOWN)
		return -EINVAL;
	if (flags & (IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_OP)) {
		if (flags & IORING_ASYNC_CANCEL_ANY)
			return -EINVAL;
	}
	return s->len && !(flags & IORING_ASYNC_CANCEL_OP) ? -EINVAL : 0;
}

struct cancel_request {
	struct co_frame co;
	struct uring_request *r;
	struct file *file;
	long n;
};
static co_t cancel_request(struct co *co, struct cancel_request *f)
{
	const struct io_uring_sqe *s = &f->r->sqe;

	CO_BEGIN;
	if (s->cancel_flags & IORING_ASYNC_CANCEL_FD) {
		if (s->flags & IOSQE_FIXED_FILE || s->cancel_flags & IORING_ASYNC_CANCEL_FD_FIXED)
			f->file = uring_file(f->r->ring, (u32)s->fd);
		else
			f->file = fd_get(fd_current(co), s->fd);
		if (!f->file)
			CO_RETURN(-EBADF);
	}
	CO_AWAIT(f->n, cancel_run, .ring = f->r->ring,
		 .what = {.user_data = s->addr, .file = f->file, .flags = s->cancel_flags,
			  .op = (u8)s->len, .by = f->r});
	file_put(f->file);
	CO_RETURN(f->n);
	CO_END;
}

static co_t cancel_begin(struct co *co, struct uring_request *r)
{
	return co_begin(co, cancel_request, .r = r);
}

const struct uring_op uring_async_cancel = {
	.prepare = cancel_prepare,
	.begin = cancel_begin,
};
