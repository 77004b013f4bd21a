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

struct text;
struct pid_ns;
struct pid;
struct epoll_item;
struct file_async;

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
	/* A descriptor of it was closed by the current process; without waiting, may be NULL. */
	void (*flush)(struct file *file);
	struct file_fsync_op fsync;	/* .step NULL: -EINVAL */
	/* POLLIN etc. that hold now; enlists the poller (if not NULL) where changes are told.
	 * NULL: always ready (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM), and not for epoll. */
	u32 (*poll)(struct file *file, struct poller *p);
	/* What mmap maps: a pager with a reference. NULL: the inode's mapping if it has ops,
	 * else -ENODEV. */
	int (*mmap)(struct file *file, u64 offset, u64 size, bool shared, bool write,
		    struct pager **pager);
	/* Without waiting; NULL: the usual rules on inode size. */
	i64 (*llseek)(struct file *file, i64 offset, int whence);
	bool stream;	/* no position: -ESPIPE from pread and pwrite, and from lseek unless
			 * there is `llseek` */
	bool unspliced;	/* splice takes nothing from it and gives it nothing */
	bool unsent;	/* no socket takes it along: it might hold that socket */
	bool async;	/* O_ASYNC: signals tell that it became ready */
	/* Whose they are if nobody said: a group, with a reference; NULL: the process that asks
	 * for them is. Absent: nobody's. */
	struct pid *(*async_owner)(struct file *file);
	/* A read that may complete without waiting and without a frame; NULL or -EAGAIN: use
	 * `read`. The fast way of pipes. */
	i64 (*try_read)(struct file *file, struct uio *uio);
	i64 (*try_write)(struct file *file, struct uio *uio);
	/* For a stream whose reader needs nothing but to wait until there is something, one of
	 * them at a time: is there (or the end), and where to wait. NULL: `read` waits. */
	bool (*ready)(struct file *file);
	struct waitq *(*read_queue)(struct file *file);
	/* The last reference is gone, without waiting; before `release`, either may be absent. */
	void (*closed)(struct file *file);
	/* What it says of itself in /proc/pid/fdinfo, in lines, with numbers of processes as ns
	 * has them; NULL: nothing. Never waits. */
	void (*fdinfo)(struct file *file, const struct pid_ns *ns, struct text *to);
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
		u64 next, size;		/* [a] readahead: expected index, current window; pages */
	} ahead;
	struct list reap;		/* the reaper's */
	struct epoll_item *watchers;	/* epoll's, under its lock; [a] for a look */
	struct file_async *async;	/* [a] who gets signals: vfs/async.h; NULL: nobody yet */
	i8 claims;			/* what it adds to inode->writers: 1, -1 or 0 */
	bool reads;		/* it is one of inode->readers */
	bool opened;		/* IN_OPEN was told, so IN_CLOSE will be */
	bool locks_seen;		/* [a] it may hold flock or OFD locks: drop them at the end */
};

/* FILE_TREE: of mounts that are attached nowhere (open_tree), which goes with the file. */
enum { FILE_READ = 1, FILE_WRITE = 2, FILE_PATH = 4, FILE_TREE = 8 };

/* A file over path (a reference of the caller's is taken over on success), refs 1, ops from the
 * inode; nothing was called yet. flags: O_*. NULL without memory. */
struct file *file_new(const struct path *path, u32 flags, const struct cred *cred);
/* A file on a dentry of its own in no directory: pipes, sockets, anonymous inodes. Takes the
 * inode reference over in any case. `name` shows as "pipe:[7]" in /proc/pid/fd. */
struct file *file_new_loose(struct inode *inode, const char *name, const struct file_ops *ops,
			    u32 flags, const struct cred *cred);

/* Count it as one that only reads its regular file. */
void file_claim_reading(struct file *file);
/* Count it as a writer of its regular file (by = 1) or as a program that runs (by = -1), until
 * it is released: 0, or -ETXTBSY if there are some of the other kind. Without waiting. */
int file_claim(struct file *file, int by);

static inline void file_get(struct file *file)
{
	ref_get(&file->refs);
}

/* NULL is ignored. If it is the last and its release has to wait, the reaper does it. */
void file_put(struct file *file);
/* The same, awaiting it: close(2). Returns what flush said, 0 today. */
/* The last reference is gone: release it now. For the reaper. */
struct file_release {
	struct co_frame co;
	struct file *file;
	long ignored;
};
co_t file_release(struct co *co, struct file_release *f);
struct file_close {
	struct co_frame co;
	struct file *file;
	long ignored;
};
co_t file_close(struct co *co, struct file_close *f);

/* Read or write at pos, or at the file's own position (FILE_POS), checks included: -EBADF if
 * it was not opened for that, -EINVAL, -ESPIPE, -EISDIR, -EFBIG; limit_fsize is
 * RLIMIT_FSIZE plus one, 0 for none (-EFBIG at it: the system call raises SIGXFSZ); append
 * follows O_APPEND. */
struct file_read {
	struct co_frame co;
	struct file *file;
	struct uio *uio;
	i64 pos;
	long n;
	bool locked;
};
co_t file_read(struct co *co, struct file_read *f);
struct file_write {
	struct co_frame co;
	struct file *file;
	struct uio *uio;
	i64 pos;
	u64 limit_fsize;
	i64 end;
	long n, err;
	bool locked;
};
co_t file_write(struct co *co, struct file_write *f);
/* The same without a frame: bytes, an error, or FILE_WAITS (nothing was moved). */
#define FILE_WAITS (-4096l)
i64 file_try_read(struct file *file, struct uio *uio, i64 pos);
i64 file_try_write(struct file *file, struct uio *uio, i64 pos, u64 limit_fsize);

/* lseek, under the usual rules; awaits pos_lock, and the file system for data and holes. */
struct file_seek {
	struct co_frame co;
	struct file *file;
	i64 offset;
	int whence;
	struct inode *inode;
	i64 to;
};
co_t file_seek(struct co *co, struct file_seek *f);
i64 file_try_seek(struct file *file, i64 offset, int whence);

/* A `llseek` for streams that take any seek and do nothing. */
i64 file_seek_nowhere(struct file *file, i64 offset, int whence);

/* What holds now, POLL*; enlists p. */
u32 file_poll(struct file *file, struct poller *p);
/* The pager to map and whether writing through it is possible; a reference is given. */
int file_mmap(struct file *file, u64 offset, u64 size, bool shared, bool write,
	      struct pager **pager);
struct file_sync {
	struct co_frame co;
	struct file *file;
	bool data_only;
	long err;
};
co_t file_sync(struct co *co, struct file_sync *f);

/* Through the page cache: what read and write of a regular file do when its ops have none.
 * For file systems that wrap them. pos is validated; uio bounded by UIO_MAX. */
struct file_cache_read {
	struct file_transfer;
	struct inode *inode;
	struct page *page;
	long err, done;
};
co_t file_cache_read(struct co *co, struct file_cache_read *f);
struct file_cache_write {
	struct file_transfer;
	u64 limit;		/* as limit_fsize */
	i64 *end;		/* may be NULL: gets the position after it */
	struct inode *inode;
	struct page *page;
	long err, done, ignored;
	u64 most;
	bool begun;
};
co_t file_cache_write(struct co *co, struct file_cache_write *f);

#endif
