/* syscalls/vmsplice.c -- user memory into a pipe, or out of it.
 *
 * The bytes are copied: what a program does to its pages afterwards the reader does not see.
 */
#include <linux/fcntl.h>

#include "core/proc/signal.h"
#include "mem/phys/slab.h"
#include "mem/space/uaccess.h"
#include "syscalls/syscall.h"
#include "vfs/fd.h"
#include "vfs/pipe.h"

#define VMSPLICE_MOST	  65536ul
#define VMSPLICE_VECS	  1024u		/* UIO_MAXIOV */
#define VMSPLICE_NONBLOCK 2u		/* SPLICE_F_NONBLOCK */
#define VMSPLICE_FLAGS	  15u

struct vmsplice {
	struct co_frame co;
	struct file *file;
	struct uio *uio;	/* the user's */
	bool no_wait;
	char *buf;
	struct uio piece;
	struct poll_item room;
	u64 have, at;
	long n;
};

/* One buffer's worth of the user's bytes, as far as they can be had: f->have. */
struct vmsplice_gather {
	struct co_frame co;
	struct vmsplice *to;
	u64 most;
	long err;
};
static co_t vmsplice_gather(struct co *co, struct vmsplice_gather *f)
{
	struct vmsplice *to = f->to;

	CO_BEGIN;
	while (to->have < f->most) {
		to->have += uio_copy_from(to->uio, to->buf + to->have, f->most - to->have);
		if (to->have == f->most)
			break;
		CO_AWAIT(f->err, uio_fault_in, .uio = to->uio, .n = f->most - to->have);
		if (f->err)
			break;
	}
	CO_RETURN(to->have ? 0 : f->err);
	CO_END;
}

/* Wait for room once; then what there is room for goes in, without waiting. */
static co_t vmsplice(struct co *co, struct vmsplice *f)
{
	u64 most;

	CO_BEGIN;
	f->room = (struct poll_item){.file = f->file, .events = POLLOUT};
	f->n = poll_try(&f->room, 1);
	if (!f->n && f->no_wait)
		CO_RETURN(-EAGAIN);
	if (!f->n)
		CO_AWAIT(f->n, poll_wait, .items = &f->room, .count = 1, .deadline_ns = CO_FOREVER);
	if (f->n < 0)
		CO_RETURN(f->n == -ERESTARTNOHAND ? -ERESTARTSYS : f->n);
	if (f->room.revents & POLLERR)
		CO_RETURN(-EPIPE);
	most = min(VMSPLICE_MOST, (u64)pipe_size(f->file));
	CO_AWAIT(f->n, vmsplice_gather, .to = f, .most = min(f->uio->left, most));
	for (f->at = 0; !f->n && f->at < f->have; f->at += PAGE_SIZE) {
		f->piece = uio_kernel(f->buf + f->at, min(f->have - f->at, PAGE_SIZE));
		f->n = file_try_write(f->file, &f->piece, FILE_POS, 0);
		if (f->n > 0)
			f->n = 0;
		else
			break;
	}
	if (f->at)
		CO_RETURN((long)min(f->at, f->have));
	CO_RETURN(f->n == FILE_WAITS ? -EAGAIN : f->n);
	CO_END;
}

/* Out of a pipe, as read(2), but whether it waits is the call's to say. */
struct vmsplice_read {
	struct co_frame co;
	struct file *file;
	struct uio *uio;
	bool no_wait;
	long n;
};
static co_t vmsplice_read(struct co *co, struct vmsplice_read *f)
{
	CO_BEGIN;
	do {
		if (f->no_wait && !(file_poll(f->file, NULL) & (POLLIN | POLLHUP)))
			CO_RETURN(-EAGAIN);
		CO_AWAIT(f->n, pipe_wait, .file = f->file);
		if (f->n)
			CO_RETURN(f->n);
		CO_AWAIT(f->n, file_read, .file = f->file, .uio = f->uio, .pos = FILE_POS);
	} while (f->n == -EAGAIN && !f->no_wait);
	CO_RETURN(f->n);
	CO_END;
}

struct sys_vmsplice {
	struct co_frame co;
	int fd;
	uptr iov;
	u32 count;
	u32 flags;
	struct file *file;
	struct uio_vec *vecs;
	struct uio uio;
	char *buf;
	long n;
};

/* Into the pipe until it took anything, or would not. */
struct vmsplice_write {
	struct co_frame co;
	struct sys_vmsplice *call;
	long n;
};
static co_t vmsplice_write(struct co *co, struct vmsplice_write *f)
{
	struct sys_vmsplice *call = f->call;

	CO_BEGIN;
	call->buf = kmalloc(VMSPLICE_MOST);
	if (!call->buf)
		CO_RETURN(-ENOMEM);
	do
		CO_AWAIT(f->n, vmsplice, .file = call->file, .uio = &call->uio, .buf = call->buf,
			 .no_wait = call->flags & VMSPLICE_NONBLOCK);
	while (f->n == -EAGAIN && !(call->flags & VMSPLICE_NONBLOCK));
	kfree(call->buf);
	if (f->n == -EPIPE)
		signal_self(SIGPIPE);
	CO_RETURN(f->n);
	CO_END;
}

static co_t sys_vmsplice(struct co *co, struct sys_vmsplice *f)
{
	CO_BEGIN;
	if (f->flags & ~VMSPLICE_FLAGS)
		CO_RETURN(-EINVAL);
	f->file = fd_get(fd_current(co), f->fd);
	if (!f->file)
		CO_RETURN(-EBADF);
	f->n = f->count > VMSPLICE_VECS ? -EINVAL : 0;
	if (f->n)
		goto out;
	f->vecs = kmalloc(max(f->count, 1u) * sizeof(*f->vecs));
	f->n = -ENOMEM;
	if (!f->vecs)
		goto out;
	CO_COPY_FROM_USER(f->n, f->vecs, f->iov, f->count * sizeof(*f->vecs));
	if (!f->n)
		f->n = (long)uio_check_iov(f->vecs, f->count);
	if (f->n <= 0)
		goto out;	/* nothing to move goes with any file */
	f->uio = uio_user_iov(f->vecs, f->count);
	f->n = -EBADF;
	if (pipe_size(f->file) < 0)
		goto out;
	if (f->file->mode & FILE_WRITE)
		CO_AWAIT(f->n, vmsplice_write, .call = f);
	else
		CO_AWAIT(f->n, vmsplice_read, .file = f->file, .uio = &f->uio,
			 .no_wait = f->flags & VMSPLICE_NONBLOCK);
out:
	kfree(f->vecs);
	file_put(f->file);
	CO_RETURN(f->n);
	CO_END;
}
SYSCALL_CO(vmsplice, fd, iov, count, flags);
