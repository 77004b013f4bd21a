/* syscalls/aio_submit.c -- requests of the old asynchronous I/O. What is wrong with one is said by
 * the call; what becomes of it, by its event. */
#include <linux/fs.h>
#include <linux/stat.h>
#include <linux/uio.h>

#include "core/base/bits.h"
#include "core/proc/process.h"
#include "hal/memory.h"
#include "mem/phys/slab.h"
#include "mem/space/uaccess.h"
#include "mem/space/uio.h"
#include "syscalls/aio.h"
#include "syscalls/ioprio.h"
#include "syscalls/read.h"
#include "vfs/eventfd.h"
#include "vfs/fd.h"
#include "vfs/file.h"

/* A try's result: it would wait, nothing happened. */
#define AIO_WAITS FILE_WAITS

/* RWF_* that can be had: how to wait; of a read also how to write, which changes nothing. */
#define AIO_WRITE_RWF ((u32)(RWF_HIPRI | RWF_DSYNC | RWF_SYNC))
#define AIO_READ_RWF                                                                    \
	((u32)(RWF_HIPRI | RWF_NOWAIT | RWF_DSYNC | RWF_SYNC | RWF_APPEND | RWF_NOAPPEND))

static u16 aio_op(const struct aio_request *r)
{
	return r->iocb.aio_lio_opcode;
}

static bool aio_writes(const struct aio_request *r)
{
	return aio_op(r) == IOCB_CMD_PWRITE || aio_op(r) == IOCB_CMD_PWRITEV;
}

static bool aio_has_vecs(const struct aio_request *r)
{
	return aio_op(r) == IOCB_CMD_PREADV || aio_op(r) == IOCB_CMD_PWRITEV;
}

/* --- reads and writes --- */

static int aio_prepare_flags(struct aio_request *r)
{
	u32 flags = (u32)r->iocb.aio_rw_flags;
	long err;

	if (r->iocb.aio_flags & IOCB_FLAG_IOPRIO) {
		err = ioprio_check(task_current()->cred, (u16)r->iocb.aio_reqprio);
		if (err)
			return (int)err;
	}
	if (flags & ~(aio_writes(r) ? AIO_WRITE_RWF : AIO_READ_RWF))
		return -EOPNOTSUPP;
	return (flags & RWF_APPEND) && (flags & RWF_NOAPPEND) ? -EINVAL : 0;
}

static int aio_prepare_rw(struct aio_request *r)
{
	bool writes = aio_writes(r);
	int err = aio_prepare_flags(r);

	if (err)
		return err;
	if (!(r->file->mode & (writes ? FILE_WRITE : FILE_READ)))
		return -EBADF;
	return S_ISDIR(r->file->inode->mode) || !read_vec_can(r->file, writes) ? -EINVAL : 0;
}

/* The place, once it is known how much it is. */
static int aio_check_range(const struct aio_request *r, u64 bytes)
{
	i64 end;

	return r->iocb.aio_offset < 0 || add_overflows(r->iocb.aio_offset, (i64)bytes, &end)
		       ? -EINVAL : 0;
}

static int aio_check_buffer(const struct aio_request *r)
{
	u64 at = r->iocb.aio_buf, bytes = r->iocb.aio_nbytes;

	if (at > HAL_USER_END || bytes > HAL_USER_END - at)
		return -EFAULT;
	return aio_check_range(r, bytes);
}

static struct uio aio_uio(const struct aio_request *r)
{
	return r->vecs ? uio_user_iov(r->vecs, (u32)r->iocb.aio_nbytes)
		       : uio_user(uptr_of(r->iocb.aio_buf), r->iocb.aio_nbytes);
}

static i64 aio_position(const struct aio_request *r)
{
	return r->file->ops->stream ? FILE_POS : r->iocb.aio_offset;
}

/* A write that is to be durable is so when it is over. */
static bool aio_is_durable(const struct aio_request *r)
{
	return aio_writes(r) && (r->iocb.aio_rw_flags & (RWF_DSYNC | RWF_SYNC));
}

static long aio_try_rw(struct aio_request *r)
{
	struct task *t = task_current();
	struct uio uio = aio_uio(r);
	bool writes = aio_writes(r);
	long n;

	if (aio_is_durable(r))
		return AIO_WAITS;
	n = writes ? file_try_write(r->file, &uio, aio_position(r), read_size_limit(t))
		   : file_try_read(r->file, &uio, aio_position(r));
	if (n == AIO_WAITS)
		return r->iocb.aio_rw_flags & RWF_NOWAIT ? -EAGAIN : AIO_WAITS;
	if (writes)
		n = read_signals(t, r->file, n);
	process_count_io(process_current(), n, writes);
	return n;
}

struct aio_rw {
	struct co_frame co;
	struct aio_request *r;
	struct uio uio;
	long n, err;
};
static co_t aio_rw(struct co *co, struct aio_rw *f)
{
	CO_BEGIN;
	f->uio = aio_uio(f->r);
	if (!aio_writes(f->r)) {
		CO_AWAIT(f->n, file_read, .file = f->r->file, .uio = &f->uio,
			 .pos = aio_position(f->r));
	} else {
		CO_AWAIT(f->n, file_write, .file = f->r->file, .uio = &f->uio,
			 .pos = aio_position(f->r), .limit_fsize = read_size_limit(co_task(co)));
		f->n = read_signals(co_task(co), f->r->file, f->n);
	}
	process_count_io(process_of(co), f->n, aio_writes(f->r));
	if (f->n > 0 && aio_is_durable(f->r)) {
		CO_AWAIT(f->err, file_sync, .file = f->r->file,
			 .data_only = !(f->r->iocb.aio_rw_flags & RWF_SYNC));
		if (f->err)
			CO_RETURN(f->err);
	}
	CO_RETURN(f->n);
	CO_END;
}

/* --- fsync --- */

static int aio_prepare_sync(const struct aio_request *r)
{
	const struct iocb *i = &r->iocb;

	if (i->aio_buf || i->aio_offset || i->aio_nbytes || i->aio_rw_flags)
		return -EINVAL;
	return r->file->ops->stream && !r->file->ops->fsync.step ? -EINVAL : 0;
}

/* --- poll --- */

static u32 aio_poll_events(const struct aio_request *r)
{
	return (u32)r->iocb.aio_buf;
}

static int aio_prepare_poll(const struct aio_request *r)
{
	const struct iocb *i = &r->iocb;

	if (i->aio_buf > UINT16_MAX || i->aio_offset || i->aio_nbytes || i->aio_rw_flags)
		return -EINVAL;
	/* What never changes is ready now or never. */
	return r->file->ops->poll || (file_poll(r->file, NULL) & aio_poll_events(r)) ? 0 : -EINVAL;
}

static long aio_try_poll(struct aio_request *r)
{
	struct poll_item item = {.file = r->file, .events = aio_poll_events(r)};

	return poll_try(&item, 1) ? item.revents : AIO_WAITS;
}

struct aio_poll {
	struct co_frame co;
	struct poll_item item;
	long n;
};
static co_t aio_poll(struct co *co, struct aio_poll *f)
{
	CO_BEGIN;
	CO_AWAIT(f->n, poll_wait, .items = &f->item, .count = 1, .deadline_ns = CO_FOREVER);
	CO_RETURN(f->n > 0 ? f->item.revents : f->n);
	CO_END;
}

/* --- all of them --- */

static int aio_prepare(struct aio_request *r)
{
	switch (aio_op(r)) {
	case IOCB_CMD_PREAD:
	case IOCB_CMD_PWRITE:
	case IOCB_CMD_PREADV:
	case IOCB_CMD_PWRITEV:
		return aio_prepare_rw(r);
	case IOCB_CMD_FSYNC:
	case IOCB_CMD_FDSYNC:
		return aio_prepare_sync(r);
	case IOCB_CMD_POLL:
		return aio_prepare_poll(r);
	}
	return -EINVAL;
}

static bool aio_is_sync(const struct aio_request *r)
{
	return aio_op(r) == IOCB_CMD_FSYNC || aio_op(r) == IOCB_CMD_FDSYNC;
}

static long aio_try(struct aio_request *r)
{
	if (aio_is_sync(r))
		return AIO_WAITS;
	return aio_op(r) == IOCB_CMD_POLL ? aio_try_poll(r) : aio_try_rw(r);
}

static co_t aio_begin(struct co *co, struct request *request)
{
	struct aio_request *r = (struct aio_request *)request;

	if (aio_is_sync(r))
		return co_begin(co, file_sync, .file = r->file,
				.data_only = aio_op(r) == IOCB_CMD_FDSYNC);
	if (aio_op(r) == IOCB_CMD_POLL)
		return co_begin(co, aio_poll,
				.item = {.file = r->file, .events = aio_poll_events(r)});
	return co_begin(co, aio_rw, .r = r);
}

/* A poll that was cancelled found nothing. */
static void aio_done(struct request *request, long result)
{
	struct aio_request *r = (struct aio_request *)request;

	aio_request_over(r, aio_op(r) == IOCB_CMD_POLL && result == -ECANCELED ? 0 : result);
}

static const struct request_ops aio_request_ops = {
	.begin = aio_begin,
	.waits = aio_request_waits,
	.done = aio_done,
	.ended = aio_request_ended,
	.release = aio_request_release,
};

/* --- submitting --- */

static int aio_check(const struct iocb *i)
{
	return i->aio_reserved2 || (i64)i->aio_nbytes < 0 ? -EINVAL : 0;
}

static int aio_take_files(struct aio_request *r)
{
	r->file = fd_get(task_current()->fds, (int)r->iocb.aio_fildes);
	if (!r->file)
		return -EBADF;
	if (!(r->iocb.aio_flags & IOCB_FLAG_RESFD))
		return 0;
	r->told = fd_get(task_current()->fds, (int)r->iocb.aio_resfd);
	if (!r->told)
		return -EBADF;
	return eventfd_is(r->told) ? 0 : -EINVAL;
}

/* The buffers are the program's again when the call is over. */
struct aio_take_vecs {
	struct co_frame co;
	struct aio_request *r;
	u64 size;
	long n;
};
static co_t aio_take_vecs(struct co *co, struct aio_take_vecs *f)
{
	CO_BEGIN;
	if (f->r->iocb.aio_nbytes > UIO_MAXIOV)
		CO_RETURN(-EINVAL);
	f->size = f->r->iocb.aio_nbytes * sizeof(struct uio_vec);
	f->r->vecs = kmalloc(max(f->size, sizeof(struct uio_vec)));
	if (!f->r->vecs)
		CO_RETURN(-ENOMEM);
	CO_COPY_FROM_USER(f->n, f->r->vecs, uptr_of(f->r->iocb.aio_buf), f->size);
	if (!f->n)
		f->n = uio_check_iov(f->r->vecs, (u32)f->r->iocb.aio_nbytes);
	CO_RETURN(f->n < 0 ? f->n : aio_check_range(f->r, (u64)f->n));
	CO_END;
}

/* It is right: its event comes. false: it goes on by itself. */
static bool aio_run(struct aio_request *r)
{
	long result = aio_try(r);

	if (result != AIO_WAITS) {
		aio_request_over(r, result);
		return true;
	}
	request_take(&r->request, NULL);
	if (r->iocb.aio_flags & IOCB_FLAG_IOPRIO && !aio_is_sync(r) && aio_op(r) != IOCB_CMD_POLL)
		r->request.thread.ioprio = ioprio_pack((u16)r->iocb.aio_reqprio);
	return request_begin(&r->request);
}

co_t aio_submit(struct co *co, struct aio_submit *f)
{
	CO_BEGIN;
	CO_COPY_FROM_USER(f->err, &f->iocb, uptr_of(f->at), sizeof(f->iocb));
	if (!f->err)
		f->err = aio_check(&f->iocb);
	if (f->err)
		CO_RETURN(f->err);
	f->r = aio_request_get(f->aio, &aio_request_ops);
	if (!f->r)
		CO_RETURN(-EAGAIN);
	f->r->iocb = f->iocb;
	f->r->at = f->at;
	f->err = aio_take_files(f->r);
	if (!f->err)
		CO_COPY_TO_USER(f->err, uptr_of(f->at + offsetof(struct iocb, aio_key)), &f->key,
				sizeof(f->key));
	if (!f->err)
		f->err = aio_prepare(f->r);
	if (!f->err && aio_has_vecs(f->r))
		CO_AWAIT(f->err, aio_take_vecs, .r = f->r);
	else if (!f->err && !aio_is_sync(f->r) && aio_op(f->r) != IOCB_CMD_POLL)
		f->err = aio_check_buffer(f->r);
	if (f->err) {
		aio_request_drop(f->r);
		CO_RETURN(f->err);
	}
	while (!request_may_begin())
		CO_YIELD;
	if (aio_run(f->r))
		aio_request_ended(&f->r->request);
	while (!request_may_begin())
		CO_YIELD;
	CO_RETURN(0);
	CO_END;
}
