/* syscalls/splice.c -- splice and tee, by way of a buffer; readahead.
 *
 * Moving pages instead of bytes is an optimisation that no program can see. One buffer's worth
 * is moved a call: these calls may always move less than was asked.
 */
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "core/proc/signal.h"
#include "mem/phys/slab.h"
#include "mem/space/uaccess.h"
#include "syscalls/splice.h"
#include "vfs/fd.h"
#include "vfs/pipe.h"

#define SPLICE_MOST	65536ul
#define SPLICE_NONBLOCK 2u	/* SPLICE_F_NONBLOCK */

/* May it be an end? -ESPIPE, -EBADF, -EINVAL. */
static long splice_check(struct splice_end *end, bool write)
{
	end->pipe = pipe_size(end->file) >= 0;
	if (end->pipe && end->given)
		return -ESPIPE;
	if (!(end->file->mode & (write ? FILE_WRITE : FILE_READ)))
		return -EBADF;
	if (S_ISDIR(end->file->inode->mode))
		return -EINVAL;
	if (!end->given)
		end->place = FILE_POS;
	else if (end->file->ops->stream || end->place < 0)
		return -EINVAL;
	return 0;
}

/* Would it have to wait, though it was told not to? */
static bool splice_would_wait(const struct splice_end *in, const struct splice_end *out, u32 flags)
{
	bool in_not = (flags & SPLICE_NONBLOCK) || (in->file->flags & O_NONBLOCK);
	bool out_not = (flags & SPLICE_NONBLOCK) || (out->file->flags & O_NONBLOCK);

	return (in->pipe && in_not && !(file_poll(in->file, NULL) & (POLLIN | POLLHUP))) ||
	       (out->pipe && out_not && !(file_poll(out->file, NULL) & (POLLOUT | POLLERR)));
}

static long splice_check_both(struct splice_run *run)
{
	struct splice_end *in = &run->in, *out = &run->out;
	long err = splice_check(in, false);

	if (!err)
		err = splice_check(out, true);
	if (err)
		return err;
	if ((i64)run->len < 0 || (!in->pipe && !out->pipe) ||
	    in->file->inode == out->file->inode || in->file->ops->unspliced ||
	    out->file->ops->unspliced || (!out->pipe && (out->file->flags & O_APPEND)))
		return -EINVAL;
	return splice_would_wait(in, out, run->flags) ? -EAGAIN : 0;
}

co_t splice_files(struct co *co, struct splice_files *f)
{
	CO_BEGIN;
	if (!f->run->len)
		CO_RETURN(0);
	f->n = splice_check_both(f->run);
	if (f->n)
		CO_RETURN(f->n);
	f->run->len = min(f->run->len, SPLICE_MOST);
	/* What is taken from the source must go somewhere: no more than the pipe holds. */
	if (f->run->out.pipe)
		f->run->len = min(f->run->len, (u64)pipe_size(f->run->out.file));
	f->buf = kmalloc(f->run->len);
	if (!f->buf)
		CO_RETURN(-ENOMEM);
	f->uio = uio_kernel(f->buf, f->run->len);
	CO_AWAIT(f->n, file_read, .file = f->run->in.file, .uio = &f->uio, .pos = f->run->in.place);
	if (f->n > 0) {
		f->uio = uio_kernel(f->buf, (u64)f->n);
		CO_AWAIT(f->n, file_write, .file = f->run->out.file, .uio = &f->uio,
			 .pos = f->run->out.place);
	}
	if (f->n == -EPIPE)
		signal_self(SIGPIPE);
	kfree(f->buf);
	CO_RETURN(f->n);
	CO_END;
}

/* An offset of the user's, if he gave one; and moved by what went through. */
struct splice_offset {
	struct co_frame co;
	struct splice_end *end;
	uptr at;
	i64 moved;		/* 0: get it */
	long err;
};
static co_t splice_offset(struct co *co, struct splice_offset *f)
{
	CO_BEGIN;
	f->end->given = f->at.raw;
	if (!f->at.raw)
		CO_RETURN(0);
	if (!f->moved) {
		CO_COPY_FROM_USER(f->err, &f->end->place, f->at, sizeof(f->end->place));
	} else {
		f->end->place += f->moved;
		CO_COPY_TO_USER(f->err, f->at, &f->end->place, sizeof(f->end->place));
	}
	CO_RETURN(f->err);
	CO_END;
}

struct sys_splice {
	struct co_frame co;
	int in_fd;
	uptr in_at;
	int out_fd;
	uptr out_at;
	u64 len;
	u32 flags;
	struct splice_run run;
	long n, err;
};

/* What is wrong with the ends comes before an offset that cannot be read. */
static long splice_check_given(struct sys_splice *f)
{
	struct splice_end in = {.file = f->run.in.file, .given = f->in_at.raw};
	struct splice_end out = {.file = f->run.out.file, .given = f->out_at.raw};
	long err = splice_check(&in, false);

	return err ? err : splice_check(&out, true);
}

static co_t sys_splice(struct co *co, struct sys_splice *f)
{
	CO_BEGIN;
	if (f->flags & ~SPLICE_FLAGS)
		CO_RETURN(-EINVAL);
	if (!f->len)
		CO_RETURN(0);
	f->run.len = f->len;
	f->run.flags = f->flags;
	f->run.in.file = fd_get(fd_current(co), f->in_fd);
	f->run.out.file = fd_get(fd_current(co), f->out_fd);
	f->n = f->run.in.file && f->run.out.file ? splice_check_given(f) : -EBADF;
	if (!f->n)
		CO_AWAIT(f->n, splice_offset, .end = &f->run.in, .at = f->in_at);
	if (!f->n)
		CO_AWAIT(f->n, splice_offset, .end = &f->run.out, .at = f->out_at);
	if (!f->n)
		CO_AWAIT(f->n, splice_files, .run = &f->run);
	if (f->n > 0) {
		CO_AWAIT(f->err, splice_offset, .end = &f->run.in, .at = f->in_at, .moved = f->n);
		if (!f->err)
			CO_AWAIT(f->err, splice_offset, .end = &f->run.out, .at = f->out_at,
				 .moved = f->n);
		if (f->err)
			f->n = f->err;
	}
	file_put(f->run.in.file);
	file_put(f->run.out.file);
	CO_RETURN(f->n);
	CO_END;
}
SYSCALL_CO(splice, in_fd, in_at, out_fd, out_at, len, flags);

static long splice_tee_check(struct splice_run *run)
{
	long err = splice_check(&run->in, false);

	if (!err)
		err = splice_check(&run->out, true);
	if (err)
		return err;
	if (!run->in.pipe || !run->out.pipe || run->in.file->inode == run->out.file->inode)
		return -EINVAL;
	return splice_would_wait(&run->in, &run->out, run->flags) ? -EAGAIN : 0;
}

co_t splice_tee(struct co *co, struct splice_tee *f)
{
	CO_BEGIN;
	if (!f->run->len)
		CO_RETURN(0);
	f->n = splice_tee_check(f->run);
	if (f->n)
		CO_RETURN(f->n);
	f->run->len = min(f->run->len, SPLICE_MOST);
	f->buf = kmalloc(f->run->len);
	if (!f->buf)
		CO_RETURN(-ENOMEM);
	do {
		CO_AWAIT(f->n, pipe_wait, .file = f->run->in.file);
		if (f->n)
			goto out;
		f->n = pipe_peek(f->run->in.file, f->buf, f->run->len);
	} while (f->n == -EAGAIN);
	if (f->n <= 0)
		goto out;
	f->uio = uio_kernel(f->buf, (u64)f->n);
	CO_AWAIT(f->n, file_write, .file = f->run->out.file, .uio = &f->uio, .pos = FILE_POS);
	if (f->n == -EPIPE)
		signal_self(SIGPIPE);
out:
	kfree(f->buf);
	CO_RETURN(f->n);
	CO_END;
}

struct sys_tee {
	struct co_frame co;
	int in_fd, out_fd;
	u64 len;
	u32 flags;
	struct splice_run run;
	long n;
};
static co_t sys_tee(struct co *co, struct sys_tee *f)
{
	CO_BEGIN;
	if (f->flags & ~SPLICE_FLAGS)
		CO_RETURN(-EINVAL);
	if (!f->len)
		CO_RETURN(0);
	f->run.len = f->len;
	f->run.flags = f->flags;
	f->run.in.file = fd_get(fd_current(co), f->in_fd);
	f->run.out.file = fd_get(fd_current(co), f->out_fd);
	f->n = -EBADF;
	if (f->run.in.file && f->run.out.file)
		CO_AWAIT(f->n, splice_tee, .run = &f->run);
	file_put(f->run.in.file);
	file_put(f->run.out.file);
	CO_RETURN(f->n);
	CO_END;
}
SYSCALL_CO(tee, in_fd, out_fd, len, flags);

static long sys_readahead(struct task *t, int fd, i64 offset, u64 count)
{
	struct file *file = fd_get(t->fds, fd);
	u64 pages = PAGE_UP(min(count, UIO_MAX)) >> PAGE_SHIFT;
	struct inode *inode;
	long err = 0;

	if (!file)
		return -EBADF;
	inode = file->inode;
	if (!(file->mode & FILE_READ))
		err = -EBADF;
	else if ((!S_ISREG(inode->mode) && !S_ISBLK(inode->mode)) || (i64)count < 0)
		err = -EINVAL;
	else if (inode->ops->data)
		inode = inode->ops->data(inode);
	if (!err && offset >= 0)
		page_read_ahead(&inode->mapping, (u64)offset >> PAGE_SHIFT,
				(unsigned)min(pages, (u64)PAGE_RUN_MAX));
	file_put(file);
	return err;
}
SYSCALL_PLAIN(readahead, int, i64, u64);
