/* core/uring/message.c -- operations on rings: messages to others, registered files, buffers. */
#include "core/uring/ops.h"

#include "core/proc/process.h"
#include "core/uring/uring.h"
#include "hal/memory.h"
#include "mem/phys/slab.h"
#include "mem/space/uaccess.h"
#include "vfs/fd.h"
#include "vfs/file.h"

/* --- MSG_RING --- */

static int msg_prepare(struct uring_request *r)
{
	const struct io_uring_sqe *s = &r->sqe;

	if (s->buf_index || s->personality)
		return -EINVAL;
	return s->msg_ring_flags & ~(u32)(IORING_MSG_RING_CQE_SKIP | IORING_MSG_RING_FLAGS_PASS)
		       ? -EINVAL
		       : 0;
}

static long msg_data(struct uring_request *r, struct uring *to)
{
	const struct io_uring_sqe *s = &r->sqe;
	bool passes = s->msg_ring_flags & IORING_MSG_RING_FLAGS_PASS;

	if (s->addr3 || s->msg_ring_flags & ~(u32)IORING_MSG_RING_FLAGS_PASS ||
	    (!passes && s->file_index))
		return -EINVAL;
	complete_post(to, s->off, (i32)s->len, passes ? s->file_index : 0, NULL);
	return 0;
}

static long msg_file(struct uring_request *r, struct uring *to)
{
	const struct io_uring_sqe *s = &r->sqe;
	struct file *file;
	long err;

	if (s->len || to == r->ring)
		return -EINVAL;
	file = uring_file(r->ring, (u32)s->addr3);
	if (!file)
		return -EBADF;
	if (!s->file_index) {
		file_put(file);
		return -EINVAL;
	}
	err = uring_install(to, file, s->file_index);
	if (err >= 0 && !(s->msg_ring_flags & IORING_MSG_RING_CQE_SKIP))
		complete_post(to, s->off, err, 0, NULL);
	return err;
}

static long msg_try(struct uring_request *r)
{
	struct uring *to = uring_of(r->file);

	if (!to || atomic_load(&to->disabled))
		return -EBADFD;
	switch (r->sqe.addr) {
	case IORING_MSG_DATA:
		return msg_data(r, to);
	case IORING_MSG_SEND_FD:
		return msg_file(r, to);
	default:
		return -EINVAL;
	}
}

const struct uring_op uring_msg_ring = {
	.flags = URING_FILE | URING_IOPOLL,
	.prepare = msg_prepare,
	.try = msg_try,
};

/* --- FIXED_FD_INSTALL --- */

static int fd_install_prepare(struct uring_request *r)
{
	const struct io_uring_sqe *s = &r->sqe;

	if (s->off || s->addr || s->len || s->buf_index || s->splice_fd_in || s->addr3)
		return -EINVAL;
	if (s->install_fd_flags & ~(u32)IORING_FIXED_FD_NO_CLOEXEC)
		return -EINVAL;
	/* Whose credentials it was opened with would not be known. */
	if (s->personality)
		return -EPERM;
	return s->flags & IOSQE_FIXED_FILE ? 0 : -EBADF;
}

static long fd_install_try(struct uring_request *r)
{
	bool cloexec = !(r->sqe.install_fd_flags & IORING_FIXED_FD_NO_CLOEXEC);
	struct task *t = task_current();
	int fd;

	file_get(r->file);
	fd = fd_add(t->fds, r->file, 0, rlimit_get(thread_of(t)->process, RLIMIT_NOFILE), cloexec);
	if (fd < 0)
		file_put(r->file);
	return fd;
}

const struct uring_op uring_fixed_fd_install = {
	.flags = URING_FILE,
	.prepare = fd_install_prepare,
	.try = fd_install_try,
};

/* --- FILES_UPDATE --- */

static int files_update_prepare(struct uring_request *r)
{
	const struct io_uring_sqe *s = &r->sqe;
	u64 size = (u64)s->len * sizeof(i32);

	if (s->flags & (IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT))
		return -EINVAL;
	if (s->rw_flags || s->splice_fd_in || !s->len)
		return -EINVAL;
	if (s->len > URING_FILES_MOST)
		return -EINVAL;
	r->data = kmalloc(size);
	if (!r->data)
		return -ENOMEM;
	if (uring_copy_in(r, r->data, s->addr, size))
		return 0;
	kfree(r->data);
	r->data = NULL;
	return -EFAULT;
}

static void message_cleanup(struct uring_request *r)
{
	kfree(r->data);
	r->data = NULL;
}

/* Numbers are chosen, one by one, and told where the files were named. */
struct files_choose {
	struct co_frame co;
	struct uring_request *r;
	u32 done;
	i32 at;
	long err;
};
static co_t files_choose(struct co *co, struct files_choose *f)
{
	const struct io_uring_sqe *s = &f->r->sqe;
	const i32 *fds = f->r->data;
	struct file *file;

	CO_BEGIN;
	for (; f->done < s->len; f->done++) {
		file = fd_get(fd_current(co), fds[f->done]);
		f->err = -EBADF;
		if (file)
			f->err = uring_install(f->r->ring, file, IORING_FILE_INDEX_ALLOC);
		if (f->err < 0)
			break;
		f->at = (i32)f->err;
		CO_COPY_TO_USER(f->err, uptr_of(s->addr + f->done * sizeof(i32)), &f->at,
				sizeof(f->at));
		if (f->err) {
			uring_uninstall(f->r->ring, (u32)f->at);
			break;
		}
		CO_BREATHE;
	}
	CO_RETURN(f->done ? f->done : f->err);
	CO_END;
}

static long files_update_try(struct uring_request *r)
{
	if ((u32)r->sqe.off == IORING_FILE_INDEX_ALLOC || r->sqe.len > URING_FILES_PIECE)
		return URING_WAITS;
	return files_update_some(r->ring, (u32)r->sqe.off, r->data, NULL, r->sqe.len);
}

static co_t files_update_begin(struct co *co, struct uring_request *r)
{
	if ((u32)r->sqe.off != IORING_FILE_INDEX_ALLOC)
		return co_begin(co, files_update, .ring = r->ring, .offset = (u32)r->sqe.off,
				.fds = r->data, .n = r->sqe.len);
	return co_begin(co, files_choose, .r = r);
}

const struct uring_op uring_files_update = {
	.prepare = files_update_prepare,
	.try = files_update_try,
	.begin = files_update_begin,
	.cleanup = message_cleanup,
};

/* --- PROVIDE_BUFFERS, REMOVE_BUFFERS --- */

#define PROVIDE_PIECE 256u
#define PROVIDE_IDS   65536u

static int provide_prepare(struct uring_request *r)
{
	const struct io_uring_sqe *s = &r->sqe;
	u64 size, end;

	if (s->rw_flags || s->splice_fd_in)
		return -EINVAL;
	if (s->fd <= 0 || s->fd > (i32)PROVIDE_IDS)
		return -E2BIG;
	if (!s->len)
		return -EINVAL;
	size = (u64)s->len * (u32)s->fd;
	if (add_overflows(s->addr, size, &end))
		return -EOVERFLOW;
	if (end > HAL_USER_END)
		return -EFAULT;
	if (s->off > UINT16_MAX)
		return -E2BIG;
	return s->off + (u32)s->fd > PROVIDE_IDS ? -EINVAL : 0;
}

struct provide_run {
	struct co_frame co;
	struct uring_request *r;
	u32 done;
	long err;
};
static co_t provide_run(struct co *co, struct provide_run *f)
{
	const struct io_uring_sqe *s = &f->r->sqe;
	u32 n;

	CO_BEGIN;
	while (!f->err && f->done < (u32)s->fd) {
		n = min((u32)s->fd - f->done, PROVIDE_PIECE);
		f->err = group_provide(f->r->ring, s->buf_group, s->addr + (u64)f->done * s->len,
				       s->len, n, (u32)s->off + f->done);
		f->done += n;
		CO_BREATHE;
	}
	CO_RETURN(f->err);
	CO_END;
}

static co_t provide_begin(struct co *co, struct uring_request *r)
{
	return co_begin(co, provide_run, .r = r);
}

const struct uring_op uring_provide_buffers = {
	.flags = URING_IOPOLL,
	.prepare = provide_prepare,
	.begin = provide_begin,
};

static int remove_prepare(struct uring_request *r)
{
	const struct io_uring_sqe *s = &r->sqe;

	if (s->rw_flags || s->addr || s->len || s->off || s->splice_fd_in)
		return -EINVAL;
	return s->fd <= 0 || s->fd > (i32)PROVIDE_IDS ? -EINVAL : 0;
}

struct remove_run {
	struct co_frame co;
	struct uring_request *r;
	u32 done;
	long n;
};
static co_t remove_run(struct co *co, struct remove_run *f)
{
	const struct io_uring_sqe *s = &f->r->sqe;

	CO_BEGIN;
	do {
		f->n = group_remove(f->r->ring, s->buf_group,
				    min((u32)s->fd - f->done, PROVIDE_PIECE));
		f->done += f->n > 0 ? (u32)f->n : 0;
		CO_BREATHE;
	} while (f->n > 0 && f->done < (u32)s->fd);
	CO_RETURN(f->n < 0 && !f->done ? f->n : (long)f->done);
	CO_END;
}

static co_t remove_begin(struct co *co, struct uring_request *r)
{
	return co_begin(co, remove_run, .r = r);
}

const struct uring_op uring_remove_buffers = {
	.flags = URING_IOPOLL,
	.prepare = remove_prepare,
	.begin = remove_begin,
};
