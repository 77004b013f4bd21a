/* vfs/inotify_watch.h -- who is told of an inode: a queue (inotify) or a signal (dnotify).
 *
 * For vfs/inotify.c and vfs/dnotify.c only.
 *
 * Ownership  a watch holds a reference of its inode.
 * Locking    inotify_lock; nothing here waits.
 */
#ifndef VFS_INOTIFY_WATCH_H
#define VFS_INOTIFY_WATCH_H

#include "vfs/inotify_queue.h"

/* A name got another one in the same directory; beside IN_*, of which it is none. */
#define WATCH_RENAME 0x10000u
#define WATCH_EVENTS (IN_ALL_EVENTS | WATCH_RENAME)

struct fd_table;

struct inotify_watch {
	struct inotify_watch *next;	/* the inode's */
	struct inotify *group;		/* [I] NULL: a signal's */
	struct inode *inode;		/* [I] owned */
	u32 mask;			/* WATCH_EVENTS, IN_ONESHOT, IN_EXCL_UNLINK */
	int wd;				/* [I] a queue's */
	union {
		struct list link;		/* the queue's */
		struct {
			struct file *file;	/* [I] borrowed: the watch goes with it */
			const struct fd_table *fds; /* [I] whose descriptor asked; compared only */
		};
	};
};

/* Into the inode's list, with a reference of it. */
void inotify_attach(struct inotify_watch *w, struct inode *inode) REQUIRES(inotify_lock);
/* Out of all lists; the inode's reference and the memory are the caller's. */
void inotify_detach(struct inotify_watch *w) REQUIRES(inotify_lock);

#endif
