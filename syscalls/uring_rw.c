/* syscalls/uring_rw.c -- operations of rings that read and write, and the one that does nothing. */
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/uio.h>

#include "core/proc/process.h"
#include "core/uring/poll.h"
#include "core/uring/uring.h"
#include "hal/memory.h"
#include "mem/phys/slab.h"
#include "mem/space/uio.h"
#include "syscalls/ioprio.h"
#include "syscalls/read.h"
#include "syscalls/uring.h"
#include "vfs/file.h"

/* RWF_* that change nothing, or that say how to wait. */
#define URING_WRITE_RWF ((u32)(RWF_HIPRI | RWF_NOWAIT))
#define URING_READ_RWF \
	(URING_WRITE_RWF | (u32)(RWF_DSYNC | RWF_SYNC | RWF_APPEND | RWF_NOAPPEND))

/* --- NOP --- */

static int nop_prepare(struct uring_request *r)
{
	return r->sqe.nop_flags & ~(u32)IORING_NOP_INJECT_RESULT ? -EINVAL : 0;
}

static long nop_try(struct uring_request *r)
{
	long result = r->sqe.nop_flags & IORING_NOP_INJECT_RESULT ? (i32)r->sqe.len : 0;

	r->fails = result < 0;
	return result;
}

const struct uring_op uring_nop = {.flags = URING_IOPOLL, .prepare = nop_prepare, .try = nop_try};

/* --- where to and where from --- */

static bool uring_rw_writes(const struct uring_request *r)
{
	u8 op = r->sqe.opcode;

	return op == IORING_OP_WRITE || op == IORING_OP_WRITEV || op == IORING_OP_WRITE_FIXED;
}

static bool uring_rw_is_vector(const struct uring_request *r)
{
	return r->sqe.opcode == IORING_OP_READV || r->sqe.opcode == IORING_OP_WRITEV;
}

static bool uring_rw_is_fixed(const struct uring_request *r)
{
	return r->sqe.opcode == IORING_OP_READ_FIXED || r->sqe.opcode == IORING_OP_WRITE_FIXED;
}

static bool uring_rw_selects(const struct uring_request *r)
{
	return r->sqe.flags & IOSQE_BUFFER_SELECT;
}

/* The vectors, copied while the submission is prepared: the program may use theirs again. */
static int uring_rw_copy_vectors(struct uring_request *r)
{
	u64 size = r->sqe.len * sizeof(struct uio_vec);
	int err = 0;
	i64 total;

	if (r->sqe.len > UIO_MAXIOV)
		return -EINVAL;
	if (!size)
		return 0;
	r->data = kmalloc(size);
	if (!r->data)
		return -ENOMEM;
	if (!uring_copy_in(r, r->data, r->sqe.addr, size))
		err = -EFAULT;
	total = err ? 0 : uio_check_iov(r->data, r->sqe.len);
	if (total < 0)
		err = (int)total;
	r->args[0] = (u64)total;
	if (err) {
		kfree(r->data);
		r->data = NULL;
	}
	return err;
}

static int uring_rw_prepare(struct uring_request *r)
{
	long err = r->sqe.ioprio ? ioprio_check(task_current()->cred, r->sqe.ioprio) : 0;

	if (err)
		return (int)err;
	r->args[0] = r->sqe.len;
	if (uring_rw_is_vector(r) && uring_rw_selects(r) && r->sqe.len != 1)
		return -EINVAL;
	if (r->sqe.opcode == IORING_OP_READ_MULTISHOT && !uring_rw_selects(r))
		return -EINVAL;
	return uring_rw_is_vector(r) ? uring_rw_copy_vectors(r) : 0;
}

static void uring_rw_cleanup(struct uring_request *r)
{
	kfree(r->data);
	r->data = NULL;
}

static long uring_rw_user(u64 at, u64 len, struct uio *to)
{
	if (at > HAL_USER_END || len > HAL_USER_END - at)
		return -EFAULT;
	*to = uio_user(uptr_of(at), len);
	return 0;
}

/* What is to be moved; with a choice of buffers one is taken now. */
static long uring_rw_uio(struct uring_request *r, struct uio *to)
{
	u32 len = (u32)r->args[0];
	u64 at;
	int err;

	if (!uring_rw_selects(r) &&
	    (r->sqe.opcode == IORING_OP_READ || r->sqe.opcode == IORING_OP_WRITE))
		return uring_rw_user(r->sqe.addr, r->sqe.len, to);
	if (uring_rw_selects(r)) {
		err = uring_select(r, &at, &len);
		return err ? err : uring_rw_user(at, len, to);
	}
	if (uring_rw_is_fixed(r))
		return uring_fixed_uio(r, !uring_rw_writes(r), to);
	*to = uio_user_iov(r->data, r->sqe.len);
	return 0;
}

/* A stream has no position, and -1 is the file's own. */
static i64 uring_rw_position(const struct uring_request *r)
{
	return r->file->ops->stream ? FILE_POS : (i64)r->sqe.off;
}

static long uring_rw_check(const struct uring_request *r)
{
	bool writes = uring_rw_writes(r);

	if (!(r->file->mode & (writes ? FILE_WRITE : FILE_READ)))
		return -EBADF;
	if (r->sqe.rw_flags & ~(writes ? URING_WRITE_RWF : URING_READ_RWF))
		return -EOPNOTSUPP;
	/* No file here is polled for its device to be done. */
	if (r->ring->flags & IORING_SETUP_IOPOLL)
		return -EOPNOTSUPP;
	if (r->sqe.opcode == IORING_OP_READ_MULTISHOT && !r->file->ops->poll)
		return -EBADFD;
	if (uring_rw_is_vector(r) && !read_vec_can(r->file, writes))
		return -EINVAL;
	return uring_rw_position(r) < FILE_POS ? -EINVAL : 0;
}

/* Its result: less than was asked for severs a link. */
static long uring_rw_result(struct uring_request *r, long n)
{
	bool writes = uring_rw_writes(r);

	if (n >= 0) {
		r->fails |= (u64)n != r->args[0] && !uring_rw_selects(r);
		uring_select_used(r, (u64)n);
	} else {
		uring_unselect(r);
	}
	process_count_io(thread_current()->process, n, writes);
	return writes ? read_signals(task_current(), r->file, n) : n;
}

/* --- without waiting --- */

static long uring_rw_go(struct uring_request *r, struct uio *uio)
{
	i64 pos = uring_rw_position(r);

	if (uring_rw_writes(r))
		return file_try_write(r->file, uio, pos, read_size_limit(task_current()));
	return file_try_read(r->file, uio, pos);
}

/* -EAGAIN is for those who do not want to wait, not for descriptors that do not: a request may. */
static bool uring_rw_would_wait(const struct uring_request *r, long n)
{
	return n == FILE_WAITS || (n == -EAGAIN && r->file->ops->poll);
}

static long uring_rw_try(struct uring_request *r)
{
	long n = uring_rw_check(r);
	struct uio uio;

	if (n)
		return n;
	if (r->sqe.opcode == IORING_OP_READ_MULTISHOT)
		return URING_WAITS;
	/* A buffer is only chosen when there is something to put there. */
	if (uring_rw_selects(r) && r->file->ops->poll &&
	    !(file_poll(r->file, NULL) & (POLLIN | POLLHUP | POLLERR)))
		return r->sqe.rw_flags & RWF_NOWAIT ? -EAGAIN : URING_WAITS;
	if (!uring_rw_writes(r) && r->args[0] && r->file->ops->ready &&
	    !r->file->ops->ready(r->file))
		n = FILE_WAITS;
	else
		n = uring_rw_uio(r, &uio);
	if (!n)
		n = uring_rw_go(r, &uio);
	if (uring_rw_would_wait(r, n)) {
		if (!(r->sqe.rw_flags & RWF_NOWAIT))
			return URING_WAITS;
		n = -EAGAIN;
	}
	return uring_rw_result(r, n);
}

/* --- and with --- */

struct uring_rw {
	struct co_frame co;
	struct uring_request *r;
	struct uio uio;
	long n, err;
};

/* A file that says -EAGAIN, or a buffer chosen when it is ready: until one go moves something. */
struct uring_rw_polled {
	struct co_frame co;
	struct uring_request *r;
	struct uio *uio;
	u32 events;
	long n;
};
static co_t uring_rw_polled(struct co *co, struct uring_rw_polled *f)
{
	CO_BEGIN;
	do {
		CO_AWAIT(f->n, poll_ready, .file = f->r->file, .events = f->events);
		if (f->n < 0)
			CO_RETURN(f->n);
		f->n = uring_rw_uio(f->r, f->uio);
		if (f->n)
			CO_RETURN(f->n);
		if (f->events == POLLOUT)
			CO_AWAIT(f->n, file_write, .file = f->r->file, .uio = f->uio,
				 .pos = FILE_POS, .limit_fsize = read_size_limit(co_task(co)));
		else
			CO_AWAIT(f->n, file_read, .file = f->r->file, .uio = f->uio,
				 .pos = FILE_POS);
	} while (f->n == -EAGAIN);
	CO_RETURN(f->n);
	CO_END;
}

static bool uring_rw_is_polled(const struct uring_request *r)
{
	return r->file->ops->poll && r->file->ops->stream &&
	       (uring_rw_selects(r) || atomic_load_relaxed(&r->file->flags) & O_NONBLOCK);
}

static co_t uring_rw(struct co *co, struct uring_rw *f)
{
	struct uring_request *r = f->r;

	CO_BEGIN;
	do {
		if (uring_rw_is_polled(r)) {
			CO_AWAIT(f->n, uring_rw_polled, .r = r, .uio = &f->uio,
				 .events = uring_rw_writes(r) ? POLLOUT : POLLIN);
		} else {
			f->n = uring_rw_uio(r, &f->uio);
			if (!f->n && uring_rw_writes(r))
				CO_AWAIT(f->n, file_write, .file = r->file, .uio = &f->uio,
					 .pos = uring_rw_position(r),
					 .limit_fsize = read_size_limit(co_task(co)));
			else if (!f->n)
				CO_AWAIT(f->n, file_read, .file = r->file, .uio = &f->uio,
					 .pos = uring_rw_position(r));
		}
		f->n = uring_rw_result(r, f->n);
		if (r->sqe.opcode != IORING_OP_READ_MULTISHOT || f->n <= 0)
			break;
		if (!uring_post_more(r, f->n, r->cqe_flags)) {
			r->silent = true;
			break;
		}
		uring_select_next(r);
		CO_BREATHE;
	} while (true);
	CO_RETURN(f->n);
	CO_END;
}

static co_t uring_rw_begin(struct co *co, struct uring_request *r)
{
	return co_begin(co, uring_rw, .r = r);
}

#define URING_RW(more)                                                                     \
	{                                                                                  \
		.flags = URING_FILE | URING_IOPRIO | URING_IOPOLL | (more),                \
		.prepare = uring_rw_prepare, .try = uring_rw_try, .begin = uring_rw_begin, \
		.cleanup = uring_rw_cleanup,                                               \
	}
const struct uring_op uring_read = URING_RW(URING_BUFFERS), uring_readv = URING_RW(URING_BUFFERS);
const struct uring_op uring_write = URING_RW(0), uring_writev = URING_RW(0);
const struct uring_op uring_fixed = URING_RW(0), uring_read_multishot = URING_RW(URING_BUFFERS);
