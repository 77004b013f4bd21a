/* syscalls/read.c -- read, write and their relatives. */
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>
#include <linux/uio.h>

#include "core/proc/process.h"
#include "core/proc/signal.h"
#include "core/proc/thread.h"
#include "hal/memory.h"
#include "mem/phys/slab.h"
#include "mem/space/uaccess.h"
#include "mem/space/uio.h"
#include "syscalls/read.h"
#include "syscalls/syscall.h"
#include "vfs/fd.h"
#include "vfs/file.h"

#define READ_FEW_VECS 4

/* RWF_* that change nothing: how to wait, and for a read how to write. */
#define READ_WRITE_RWF ((u32)RWF_HIPRI)
#define READ_READ_RWF ((u32)(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_APPEND | RWF_NOAPPEND))

u64 read_size_limit(struct task *t)
{
	return rlimit_get(thread_of(t)->process, RLIMIT_FSIZE) + 1;
}

/* Sockets see to it themselves: not all of them signal. */
long read_signals(struct task *t, const struct file *file, long n)
{
	if (n == -EPIPE && !S_ISSOCK(file->inode->mode))
		signal_self(SIGPIPE);
	if (n == -EFBIG && read_size_limit(t))
		signal_self(SIGXFSZ);
	return n;
}

/* A buffer from user space as a uio: 0, or -EFAULT for a range that no program has. */
static long read_uio(struct uio *to, uptr buf, size_t len)
{
	if (buf.raw > HAL_USER_END || len > HAL_USER_END - buf.raw)
		return -EFAULT;
	*to = uio_user(buf, min(len, UIO_MAX));
	return 0;
}

/* --- one buffer: a try without a frame, then the coroutine --- */

static long read_try(struct task *t, int fd, uptr buf, size_t len, i64 pos, bool write)
{
	struct fd_loan loan = fd_borrow(t->fds, fd);
	struct uio uio;
	long n;

	if (!loan.file)
		return -EBADF;
	n = read_uio(&uio, buf, len);
	if (!n)
		n = write ? file_try_write(loan.file, &uio, pos, read_size_limit(t))
			  : file_try_read(loan.file, &uio, pos);
	if (n < 0 && n != FILE_WAITS && write)
		n = read_signals(t, loan.file, n);
	fd_return(loan);
	if (n == FILE_WAITS)
		return SYS_MUST_WAIT;
	process_count_io(thread_of(t)->process, n, write);
	return n;
}

struct read_one {
	struct co_frame co;
	int fd;
	uptr buf;
	size_t len;
	i64 pos;
	bool write;
	struct fd_loan loan;
	struct uio uio;
	long n;
};
static co_t read_one(struct co *co, struct read_one *f)
{
	CO_BEGIN;
	f->loan = fd_borrow(fd_current(co), f->fd);
	if (!f->loan.file)
		CO_RETURN(-EBADF);
	f->n = read_uio(&f->uio, f->buf, f->len);
	if (!f->n && f->write)
		CO_AWAIT(f->n, file_write, .file = f->loan.file, .uio = &f->uio, .pos = f->pos,
			 .limit_fsize = read_size_limit(co_task(co)));
	else if (!f->n)
		CO_AWAIT(f->n, file_read, .file = f->loan.file, .uio = &f->uio, .pos = f->pos);
	if (f->write)
		f->n = read_signals(co_task(co), f->loan.file, f->n);
	fd_return(f->loan);
	process_count_io(process_of(co), f->n, f->write);
	CO_RETURN(f->n);
	CO_END;
}

/* May a read of it wait on its read_queue, until it is `ready`, and then try again? */
static bool read_may_wait(const struct file *file)
{
	return file->ops->ready && file->mode & FILE_READ &&
	       !(atomic_load_relaxed(&file->flags) & O_NONBLOCK);
}

/* read(2) of a stream that had nothing: it waits in this one frame. */
struct read_stream {
	struct co_frame co;
	int fd;
	uptr buf;
	size_t len;
	struct fd_loan loan;
	struct uio uio;
	struct waitq *queue;
	long n;
};
static co_t read_stream(struct co *co, struct read_stream *f)
{
	CO_BEGIN;
	f->loan = fd_borrow(fd_current(co), f->fd);
	if (!f->loan.file)
		CO_RETURN(-EBADF);
	f->n = read_uio(&f->uio, f->buf, f->len);
	if (f->n)
		goto out;
	f->n = FILE_WAITS;
	if (!read_may_wait(f->loan.file))
		goto otherwise;
	f->queue = f->loan.file->ops->read_queue(f->loan.file);
	do {
		CO_WAIT_ONE(f->n, f->queue, f->loan.file->ops->ready(f->loan.file));
		if (!f->n)
			f->n = file_try_read(f->loan.file, &f->uio, FILE_POS);
	} while (f->n == FILE_WAITS && !f->loan.file->ops->ready(f->loan.file));
	/* Only one was woken: the rest is the next one's. */
	if (f->n >= 0 && f->loan.file->ops->ready(f->loan.file))
		waitq_wake_one(f->queue, POLLIN | POLLRDNORM);
otherwise:
	if (f->n == FILE_WAITS)
		CO_AWAIT(f->n, file_read, .file = f->loan.file, .uio = &f->uio, .pos = FILE_POS);
out:
	fd_return(f->loan);
	process_count_io(process_of(co), f->n, false);
	CO_RETURN(f->n);
	CO_END;
}

static long try_read(struct task *t, int fd, uptr buf, size_t len)
{
	return read_try(t, fd, buf, len, FILE_POS, false);
}
SYSCALL_TRY(read, int, uptr, size_t);

static long try_write(struct task *t, int fd, uptr buf, size_t len)
{
	return read_try(t, fd, buf, len, FILE_POS, true);
}
SYSCALL_TRY(write, int, uptr, size_t);

static long try_pread64(struct task *t, int fd, uptr buf, size_t len, i64 pos)
{
	return pos < 0 ? -EINVAL : read_try(t, fd, buf, len, pos, false);
}
SYSCALL_TRY(pread64, int, uptr, size_t, i64);

static long try_pwrite64(struct task *t, int fd, uptr buf, size_t len, i64 pos)
{
	return pos < 0 ? -EINVAL : read_try(t, fd, buf, len, pos, true);
}
SYSCALL_TRY(pwrite64, int, uptr, size_t, i64);

/* The awaitable halves differ in what they hand to read_one. */
co_t begin_read(struct co *co, const u64 *a);
co_t begin_read(struct co *co, const u64 *a)
{
	return co_begin(co, read_stream, .fd = (int)a[0], .buf = uptr_of(a[1]), .len = a[2]);
}
co_t begin_write(struct co *co, const u64 *a);
co_t begin_write(struct co *co, const u64 *a)
{
	return co_begin(co, read_one, .fd = (int)a[0], .buf = uptr_of(a[1]), .len = a[2],
			.pos = FILE_POS, .write = true);
}
co_t begin_pread64(struct co *co, const u64 *a);
co_t begin_pread64(struct co *co, const u64 *a)
{
	return co_begin(co, read_one, .fd = (int)a[0], .buf = uptr_of(a[1]), .len = a[2],
			.pos = (i64)a[3]);
}
co_t begin_pwrite64(struct co *co, const u64 *a);
co_t begin_pwrite64(struct co *co, const u64 *a)
{
	return co_begin(co, read_one, .fd = (int)a[0], .buf = uptr_of(a[1]), .len = a[2],
			.pos = (i64)a[3], .write = true);
}

/* --- several buffers --- */

bool read_vec_can(const struct file *file, bool write)
{
	return !file->ops->stream || (write ? file->ops->write.step : file->ops->read.step);
}

struct read_vec {
	struct co_frame co;
	int fd;
	uptr iov;
	u64 count;
	i64 pos;
	bool write;
	u32 flags;		/* RWF_* */
	struct file *file;
	struct uio_vec few[READ_FEW_VECS];
	struct uio_vec *vecs;
	struct uio uio;
	long n;
};
static co_t read_vec(struct co *co, struct read_vec *f)
{
	CO_BEGIN;
	if (f->flags & ~(f->write ? READ_WRITE_RWF : READ_READ_RWF))
		CO_RETURN(-EOPNOTSUPP);
	if (f->pos < 0 && f->pos != FILE_POS)
		CO_RETURN(-EINVAL);
	f->file = fd_get(fd_current(co), f->fd);
	if (!f->file)
		CO_RETURN(-EBADF);
	f->n = f->pos != FILE_POS && f->file->ops->stream ? -ESPIPE : -EBADF;
	if (f->n == -ESPIPE || !(f->file->mode & (f->write ? FILE_WRITE : FILE_READ)))
		goto out;
	f->n = -EINVAL;
	if (f->count > UIO_MAXIOV || !read_vec_can(f->file, f->write))
		goto out;
	f->vecs = f->count <= READ_FEW_VECS ? f->few : kmalloc(f->count * sizeof(*f->vecs));
	f->n = -ENOMEM;
	if (!f->vecs)
		goto out;
	CO_COPY_FROM_USER(f->n, f->vecs, f->iov, f->count * sizeof(*f->vecs));
	if (!f->n)
		f->n = (long)uio_check_iov(f->vecs, (u32)f->count);
	if (f->n < 0)
		goto out;
	f->uio = uio_user_iov(f->vecs, (u32)f->count);
	if (f->write)
		CO_AWAIT(f->n, file_write, .file = f->file, .uio = &f->uio, .pos = f->pos,
			 .limit_fsize = read_size_limit(co_task(co)));
	else
		CO_AWAIT(f->n, file_read, .file = f->file, .uio = &f->uio, .pos = f->pos);
	process_count_io(process_of(co), f->n, f->write);
out:
	if (f->vecs != f->few)
		kfree(f->vecs);
	if (f->write)
		f->n = read_signals(co_task(co), f->file, f->n);
	file_put(f->file);
	CO_RETURN(f->n);
	CO_END;
}

#define READ_VEC(name, position, writes, rwf)                                 \
	co_t begin_##name(struct co *co, const u64 *a);                       \
	co_t begin_##name(struct co *co, const u64 *a)                        \
	{                                                                     \
		return co_begin(co, read_vec, .fd = (int)a[0], .iov = uptr_of(a[1]), \
				.count = (u32)a[2], .pos = (position), .write = (writes), \
				.flags = (rwf));                              \
	}                                                                     \
	static_assert(true)

/* A negative position given to preadv is an error, to preadv2 -1 means the file's own. */
#define READ_VEC_POS ((i64)a[3] < 0 ? -2 : (i64)a[3])
READ_VEC(readv, FILE_POS, false, 0);
READ_VEC(writev, FILE_POS, true, 0);
READ_VEC(preadv, READ_VEC_POS, false, 0);
READ_VEC(pwritev, READ_VEC_POS, true, 0);
READ_VEC(preadv2, (i64)a[3], false, (u32)a[5]);
READ_VEC(pwritev2, (i64)a[3], true, (u32)a[5]);

/* --- lseek --- */

static long try_lseek(struct task *t, int fd, i64 offset, int whence)
{
	struct file *file = fd_get(t->fds, fd);
	i64 at;

	if (!file)
		return -EBADF;
	at = file_try_seek(file, offset, whence);
	file_put(file);
	return at == FILE_WAITS ? SYS_MUST_WAIT : at;
}
SYSCALL_TRY(lseek, int, i64, int);

struct sys_lseek {
	struct co_frame co;
	int fd;
	i64 offset;
	int whence;
	struct file *file;
	long at;
};
static co_t sys_lseek(struct co *co, struct sys_lseek *f)
{
	CO_BEGIN;
	f->file = fd_get(fd_current(co), f->fd);
	if (!f->file)
		CO_RETURN(-EBADF);
	CO_AWAIT(f->at, file_seek, .file = f->file, .offset = f->offset, .whence = f->whence);
	file_put(f->file);
	CO_RETURN(f->at);
	CO_END;
}
SYSCALL_CO(lseek, fd, offset, whence);

/* --- from file to file --- */

/* Copy up to len bytes through a page. Positions: where to begin, moved along; FILE_POS leaves
 * them to the files. What was read but could not be written is not counted. */
struct read_copy {
	struct co_frame co;
	struct file *from, *to;
	i64 *from_pos;		/* never FILE_POS */
	i64 *to_pos;
	size_t len;
	char *page;
	struct uio uio;
	size_t done;
	long n, put, written;
};
static co_t read_copy(struct co *co, struct read_copy *f)
{
	CO_BEGIN;
	f->page = kmalloc(PAGE_SIZE);
	if (!f->page)
		CO_RETURN(-ENOMEM);
	while (f->done < f->len) {
		f->uio = uio_kernel(f->page, min(f->len - f->done, PAGE_SIZE));
		CO_AWAIT(f->n, file_read, .file = f->from, .uio = &f->uio, .pos = *f->from_pos);
		if (f->n <= 0)
			break;
		for (f->put = 0; f->put < f->n; f->put += f->written) {
			f->uio = uio_kernel_const(f->page + f->put, (u64)(f->n - f->put));
			CO_AWAIT(f->written, file_write, .file = f->to, .uio = &f->uio,
				 .pos = *f->to_pos, .limit_fsize = read_size_limit(co_task(co)));
			if (f->written <= 0)
				break;
			if (*f->to_pos != FILE_POS)
				*f->to_pos += f->written;
		}
		*f->from_pos += f->put;
		f->done += (size_t)f->put;
		if (f->put < f->n) {
			f->n = f->written;
			break;
		}
		CO_BREATHE;
	}
	kfree(f->page);
	process_count_io(process_of(co), (long)f->done, false);
	process_count_io(process_of(co), (long)f->done, true);
	if (f->done)
		CO_RETURN((long)f->done);
	CO_RETURN(f->n < 0 ? read_signals(co_task(co), f->to, f->n) : 0);
	CO_END;
}

/* The position to use: the user's word, or the file's own. */
struct read_position {
	struct co_frame co;
	struct file *file;
	uptr user;		/* 0: none */
	i64 *pos;
	long err;
};
static co_t read_position(struct co *co, struct read_position *f)
{
	CO_BEGIN;
	if (f->user.raw) {
		CO_COPY_FROM_USER(f->err, f->pos, f->user, sizeof(*f->pos));
		if (!f->err && *f->pos < 0)
			f->err = -EINVAL;
	} else {
		CO_AWAIT(*f->pos, file_seek, .file = f->file, .offset = 0, .whence = SEEK_CUR);
		f->err = *f->pos < 0 ? (long)*f->pos : 0;
	}
	CO_RETURN(f->err);
	CO_END;
}

/* And store it back there. */
struct read_set_position {
	struct co_frame co;
	struct file *file;
	uptr user;
	i64 *pos;
	long err;
};
static co_t read_set_position(struct co *co, struct read_set_position *f)
{
	CO_BEGIN;
	if (f->user.raw)
		CO_COPY_TO_USER(f->err, f->user, f->pos, sizeof(*f->pos));
	else
		CO_AWAIT(f->err, file_seek, .file = f->file, .offset = *f->pos,
			 .whence = SEEK_SET);
	CO_RETURN(f->err < 0 ? f->err : 0);
	CO_END;
}

struct sys_sendfile {
	struct co_frame co;
	int to_fd, from_fd;
	uptr offset;
	size_t len;
	struct file *to, *from;
	i64 from_pos, to_pos;
	long n, err;
};
static co_t sys_sendfile(struct co *co, struct sys_sendfile *f)
{
	CO_BEGIN;
	/* Before all else: a bad address is told of whatever the descriptors are. */
	if (f->offset.raw)
		CO_COPY_FROM_USER(f->n, &f->from_pos, f->offset, sizeof(f->from_pos));
	if (f->n)
		CO_RETURN(f->n);
	f->from = fd_get(fd_current(co), f->from_fd);
	f->to = fd_get(fd_current(co), f->to_fd);
	f->n = -EBADF;
	if (!f->from || !f->to || !(f->from->mode & FILE_READ) || !(f->to->mode & FILE_WRITE))
		goto out;
	f->n = -ESPIPE;
	if (f->from->ops->stream && f->offset.raw)
		goto out;
	f->n = -EINVAL;
	if (f->from->ops->stream || S_ISDIR(f->from->inode->mode) ||
	    (f->to->flags & O_APPEND) || (i64)f->len < 0)
		goto out;
	if (f->offset.raw)
		f->n = f->from_pos < 0 ? -EINVAL : 0;
	else
		CO_AWAIT(f->n, read_position, .file = f->from, .pos = &f->from_pos);
	if (f->n)
		goto out;
	f->to_pos = FILE_POS;
	CO_AWAIT(f->n, read_copy, .from = f->from, .to = f->to, .from_pos = &f->from_pos,
		 .to_pos = &f->to_pos, .len = min(f->len, UIO_MAX));
	if (f->n > 0) {
		CO_AWAIT(f->err, read_set_position, .file = f->from, .user = f->offset,
			 .pos = &f->from_pos);
		if (f->err)
			f->n = f->err;
	}
out:
	file_put(f->from);
	file_put(f->to);
	CO_RETURN(f->n);
	CO_END;
}
SYSCALL_CO(sendfile, to_fd, from_fd, offset, len);

struct sys_copy_file_range {
	struct co_frame co;
	int from_fd;
	uptr from_user;
	int to_fd;
	uptr to_user;
	size_t len;
	u32 flags;
	struct file *to, *from;
	i64 from_pos, to_pos;
	long n, err;
};

static long read_check_range(const struct sys_copy_file_range *f)
{
	if (!f->from || !f->to)
		return -EBADF;
	if (S_ISDIR(f->from->inode->mode) || S_ISDIR(f->to->inode->mode))
		return -EISDIR;
	if (!S_ISREG(f->from->inode->mode) || !S_ISREG(f->to->inode->mode) || f->flags)
		return -EINVAL;
	if (!(f->from->mode & FILE_READ) || !(f->to->mode & FILE_WRITE) ||
	    (f->to->flags & O_APPEND))
		return -EBADF;
	return f->from->inode->super == f->to->inode->super ? 0 : -EXDEV;
}

static co_t sys_copy_file_range(struct co *co, struct sys_copy_file_range *f)
{
	CO_BEGIN;
	f->from = fd_get(fd_current(co), f->from_fd);
	f->to = fd_get(fd_current(co), f->to_fd);
	f->n = read_check_range(f);
	if (!f->n)
		CO_AWAIT(f->n, read_position, .file = f->from, .user = f->from_user,
			 .pos = &f->from_pos);
	if (!f->n)
		CO_AWAIT(f->n, read_position, .file = f->to, .user = f->to_user,
			 .pos = &f->to_pos);
	if (f->n)
		goto out;
	f->n = -EOVERFLOW;
	if ((u64)f->from_pos + f->len < f->len || (u64)f->to_pos + f->len < f->len)
		goto out;
	f->n = -EINVAL;
	if (f->from->inode == f->to->inode && f->len &&
	    f->from_pos < f->to_pos + (i64)min(f->len, UIO_MAX) &&
	    f->to_pos < f->from_pos + (i64)min(f->len, UIO_MAX))
		goto out;
	CO_AWAIT(f->n, read_copy, .from = f->from, .to = f->to, .from_pos = &f->from_pos,
		 .to_pos = &f->to_pos, .len = min(f->len, UIO_MAX));
	if (f->n <= 0)
		goto out;
	CO_AWAIT(f->err, read_set_position, .file = f->from, .user = f->from_user,
		 .pos = &f->from_pos);
	if (!f->err)
		CO_AWAIT(f->err, read_set_position, .file = f->to, .user = f->to_user,
			 .pos = &f->to_pos);
	if (f->err)
		f->n = f->err;
out:
	file_put(f->from);
	file_put(f->to);
	CO_RETURN(f->n);
	CO_END;
}
SYSCALL_CO(copy_file_range, from_fd, from_user, to_fd, to_user, len, flags);
