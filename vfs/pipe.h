/* vfs/pipe.h -- pipes and FIFOs: a ring of pages between writers and readers.
 *
 * Ownership  a pipe belongs to its inode and lives while any end is open.
 * Units      bytes.
 * Locking    pipe.lock (RANK_PIPE), never held over a wait: who copies holds it for copies that
 *            cannot wait, and lets go of it to fault user memory in.
 */
#ifndef VFS_PIPE_H
#define VFS_PIPE_H

#include "vfs/file.h"

/* pipe2: two files, flags O_NONBLOCK | O_DIRECT(-EINVAL) as given. -ENOMEM. */
int pipe_make(struct file *ends[2], u32 flags, const struct cred *cred);

extern const struct file_ops pipe_ops;		/* both ends, told apart by file.mode */
extern const struct file_ops pipe_fifo_ops;	/* what an S_IFIFO inode opens with */

/* F_GETPIPE_SZ, F_SETPIPE_SZ: bytes, or -EBADF if it is no pipe, -EBUSY, -EPERM, -ENOMEM. */
long pipe_size(struct file *file);
long pipe_size_set(struct file *file, u64 size, const struct cred *cred);

/* Copy up to n bytes without taking them out: bytes, 0 at the end, -EAGAIN with nothing there,
 * -EBADF if it is no pipe's read end. */
i64 pipe_peek(struct file *file, void *to, u64 n);
/* Wait until there is something to read or no writer: 0, -ERESTARTSYS. */
struct pipe_wait {
	struct co_frame co;
	struct file *file;
	long err;
};
co_t pipe_wait(struct co *co, struct pipe_wait *f);
/* The write end `file`, whose holder is done with it, counts as closed: until nobody can read any
 * more. 0, -ERESTARTSYS. */
struct pipe_drain {
	struct co_frame co;
	struct file *file;
	long err;
};
co_t pipe_drain(struct co *co, struct pipe_drain *f);

#endif
