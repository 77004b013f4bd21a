/* vfs/file.h -- an open file description: what a descriptor points at.
 *
 * Ownership  file_open returns a file with one reference, owned by the caller; file_get takes
 *            another, file_put drops one, the last closes. A frame's `file` argument is
 *            borrowed until the frame is done.
 * Units      pos and lengths are bytes; results are bytes moved or a negative errno.
 * Locking    pos_lock is held over a read or write of a seekable file at its own position. A
 *            pipe, socket or terminal may wait for ever, so no lock is held over its read.
 */
#ifndef VFS_FILE_H
#define VFS_FILE_H

#include "mem/space/uio.h"
#include "vfs/inode.h"
#include "vfs/path.h"
#include "vfs/poll.h"

#define FILE_POS (-1l)	/* as `pos`: use and move the file's own position */

/* Called with the file just allocated: device open, FIFO rendezvous, checks. */
struct file_opened {
	struct co_frame co;
	struct file *file;
};
/* Move bytes at pos (already validated, not FILE_POS); return how many. A short result is
 * allowed; 0 from a read is the end. On O_NONBLOCK and nothing to do: -EAGAIN. */
struct file_transfer {
	struct co_frame co;
	struct file *file;
	struct uio *uio;
	i64 pos;
};
struct file_ioctl {
	struct co_frame co;
	struct file *file;
	unsigned cmd;
	u64 arg;
};
struct file_released {
	struct co_frame co;
	struct file *file;
};
struct file_fsync {
	struct co_frame co;
	struct file *file;
	bool data_only;
};

CO_OPERATION(file_opened);
CO_OPERATION(file_transfer);
CO_OPERATION(file_ioctl);
CO_OPERATION(file_released);
CO_OPERATION(file_fsync);

struct file_ops {
	struct file_opened_op open;
	struct file_transfer_op read;	/* .step NULL: through the page cache if the mapping has
					 * ops, else -EINVAL */
	struct file_transfer_op write;
	struct file_ioctl_op ioctl;	/* .step NULL: -ENOTTY */
	struct file_released_op release; /* the last reference is gone */
	struct file_fsync_op fsync;	/* .step NULL: -EINVAL */
	/* POLLIN etc. that hold now; enlists the poller (if not NULL) where changes are told.
	 * NULL: always ready (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM). */
	u32 (*poll)(struct file *file, struct poller *p);
	/* What mmap maps: a pager with a reference. NULL: the inode's mapping if it has ops,
	 * else -ENODEV. */
	int (*mmap)(struct file *file, u64 offset, u64 size, bool shared, bool write,
		    struct pager **pager);
	/* Without waiting; NULL: the usual rules on inode size. */
	i64 (*llseek)(struct file *file, i64 offset, int whence);
	bool stream;	/* no position: pread/pwrite/lseek give -ESPIPE */
	/* A read that may complete without waiting and without a frame; NULL or -EAGAIN: use
	 * `read`. The fast way of pipes. */
	i64 (*try_read)(struct file *file, struct uio *uio);
	i64 (*try_write)(struct file *file, struct uio *uio);
};

struct file {
	const struct file_ops *ops;	/* [I] */
	struct inode *inode;		/* [I] of path.dentry; borrowed from it */
	struct path path;		/* [I] owned reference */
	refcount refs;			/* [a] */
	u32 flags;			/* [a] O_* as F_GETFL shows; changed by F_SETFL */
	u32 mode;			/* [I] FILE_READ | FILE_WRITE | FILE_PATH */
	struct co_mutex pos_lock;	/* CO_RANK_FILE_POS */
	i64 pos;			/* under pos_lock; bytes */
	struct cred *cred;		/* [I] the opener's, owned reference */
	void *private;			/* the driver's */
	struct {
		u64 next, size;		/* readahead: expected index, current window; pages */
	} ahead;
};

enum { FILE_READ = 1, FILE_WRITE = 2, FILE_PATH = 4 };

#endif
