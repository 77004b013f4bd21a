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
#include "syscalls/syscall.h"
#include "vfs/fd.h"
#include "vfs/pipe.h"

#define SPLICE_MOST	65536ul
#define SPLICE_NONBLOCK 2u	/* SPLICE_F_NONBLOCK */
#define SPLICE_FLAGS	15u

/* One end of it: its place, given or its own. */
struct splice_end {
	struct file *file;
	uptr at;		/* of a user's loff_t, or 0 */
	i64 pos;
	bool pipe;
};

struct splice_get {
	struct co_frame co;
	bool write;
	struct splice_end *end;
	long err;
};
static co_t splice_get(struct co *co, struct splice_get *f)
{
	CO_BEGIN;
	f->end->pipe = pipe_size(f->end->file) >= 0;
	if (f->end->pipe && f->end->at.raw)
		CO_RETURN(-ESPIPE);
	if (!(f->end->file->mode & (f->write ? FILE_WRITE : FILE_READ)))
		CO_RETURN(-EBADF);
	if (S_ISDIR(f->end->file->inode->mode))
		CO_RETURN(-EINVAL);
	f->end->pos = FILE_POS;
	if (!f->end->at.raw)
		CO_RETURN(0);
	if (f->end->file->ops->stream)
		CO_RETURN(-EINVAL);
	CO_COPY_FROM_USER(f->err, &f->end->pos, f->end->at, sizeof(f->end->pos));
	if (!f->err && f->end->pos < 0)
		f->err = -EINVAL;
	CO_RETURN(f->err);
	CO_END;
}

/* n bytes went through: the user's offset moves. */
struct splice_moved {
	struct co_frame co;
	struct splice_end *end;
	i64 n;
	long err;
};
static co_t splice_moved(struct co *co, struct splice_moved *f)
{
	CO_BEGIN;
	if (!f->end->at.raw || f->n <= 0)
		CO_RETURN(0);
	f->end->pos += f->n;
	CO_COPY_TO_USER(f->err, f->end->at, &f->end->pos, sizeof(f->end->pos));
	CO_RETURN(f->err);
	CO_END;
}

/* Would it have to wait, though it was told not to? */
static bool splice_would_wait(const struct splice_end *in, const struct splice_end *out, u32 flags)
{
	bool in_not = (flags & SPLICE_NONBLOCK) || (in->file->flags & O_NONBLOCK);
	bool out_not = (flags & SPLICE_NONBLOCK) || (out->file->flags & O_NONBLOCK);

	return (in->pipe && in_not && !(file_poll(in->file, NULL) & (POLLIN | POLLHUP))) ||
	       (out->pipe && out_not && !(file_poll(out->file, NULL) & (POLLOUT | POLLERR)));
}

struct sys_splice {
	struct co_frame co;
	int in_fd;
	uptr in_at;
	int out_fd;
	uptr out_at;
	u64 len;
	u32 flags;
	struct splice_end in, out;
	struct uio uio;
	char *buf;
	long n, err;
};
static co_t sys_splice(struct co *co, struct sys_splice *f)
{
	CO_BEGIN;
	if (f->flags & ~SPLICE_FLAGS)
		CO_RETURN(-EINVAL);
	if (!f->len)
		CO_RETURN(0);
	f->in.at = f->in_at;
	f->out.at = f->out_at;
	f->in.file = fd_get(fd_current(co), f->in_fd);
	f->out.file = fd_get(fd_current(co), f->out_fd);
	f->n = f->in.file && f->out.file ? 0 : -EBADF;
	if (!f->n)
		CO_AWAIT(f->n, splice_get, .end = &f->in);
	if (!f->n)
		CO_AWAIT(f->n, splice_get, .write = true, .end = &f->out);
	if (!f->n && (i64)f->len < 0)
		f->n = -EINVAL;
	if (f->n)
		goto out;
	f->n = -EINVAL;
	if ((!f->in.pipe && !f->out.pipe) || f->in.file->inode == f->out.file->inode ||
	    f->in.file->ops->unspliced || f->out.file->ops->unspliced ||
	    (!f->out.pipe && (f->out.file->flags & O_APPEND)))
		goto out;
	f->n = -EAGAIN;
	if (splice_would_wait(&f->in, &f->out, f->flags))
		goto out;
	f->n = -ENOMEM;
	f->len = min(f->len, SPLICE_MOST);
	/* What is taken from the source must go somewhere: no more than the pipe holds. */
	if (f->out.pipe)
		f->len = min(f->len, (u64)pipe_size(f->out.file));
	f->buf = kmalloc(f->len);
	if (!f->buf)
		goto out;
	f->uio = uio_kernel(f->buf, f->len);
	CO_AWAIT(f->n, file_read, .file = f->in.file, .uio = &f->uio, .pos = f->in.pos);
	if (f->n <= 0)
		goto out;
	f->uio = uio_kernel(f->buf, (u64)f->n);
	CO_AWAIT(f->n, file_write, .file = f->out.file, .uio = &f->uio, .pos = f->out.pos);
	CO_AWAIT(f->err, splice_moved, .end = &f->in, .n = f->n);
	if (!f->err)
		CO_AWAIT(f->err, splice_moved, .end = &f->out, .n = f->n);
	if (f->err)
		f->n = f->err;
	if (f->n == -EPIPE)
		signal_self(SIGPIPE);
out:
	kfree(f->buf);
	file_put(f->in.file);
	file_put(f->out.file);
	CO_RETURN(f->n);
	CO_END;
}
SYSCALL_CO(splice, in_fd, in_at, out_fd, out_at, len, flags);

struct sys_tee {
	struct co_frame co;
	int in_fd, out_fd;
	u64 len;
	u32 flags;
	struct splice_end in, out;
	struct uio uio;
	char *buf;
	long n;
};
static co_t sys_tee(struct co *co, struct sys_tee *f)
{
	CO_BEGIN;
	if (f->flags & ~SPLICE_FLAGS)
		CO_RETURN(-EINVAL);
	if (!f->len)
		CO_RETURN(0);
	f->in.file = fd_get(fd_current(co), f->in_fd);
	f->out.file = fd_get(fd_current(co), f->out_fd);
	f->n = f->in.file && f->out.file ? 0 : -EBADF;
	if (!f->n)
		CO_AWAIT(f->n, splice_get, .end = &f->in);
	if (!f->n)
		CO_AWAIT(f->n, splice_get, .write = true, .end = &f->out);
	if (f->n)
		goto out;
	f->n = -EINVAL;
	if (!f->in.pipe || !f->out.pipe || f->in.file->inode == f->out.file->inode)
		goto out;
	f->n = -EAGAIN;
	if (splice_would_wait(&f->in, &f->out, f->flags))
		goto out;
	f->n = -ENOMEM;
	f->len = min(f->len, SPLICE_MOST);
	f->buf = kmalloc(f->len);
	if (!f->buf)
		goto out;
	do {
		CO_AWAIT(f->n, pipe_wait, .file = f->in.file);
		if (f->n)
			goto out;
		f->n = pipe_peek(f->in.file, f->buf, f->len);
	} while (f->n == -EAGAIN);
	if (f->n <= 0)
		goto out;
	f->uio = uio_kernel(f->buf, (u64)f->n);
	CO_AWAIT(f->n, file_write, .file = f->out.file, .uio = &f->uio, .pos = FILE_POS);
	if (f->n == -EPIPE)
		signal_self(SIGPIPE);
out:
	kfree(f->buf);
	file_put(f->in.file);
	file_put(f->out.file);
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
