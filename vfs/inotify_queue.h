/* vfs/inotify_queue.h -- an instance's events, from those that tell to who reads them.
 *
 * For vfs/inotify.c only.
 *
 * Ownership  a record is the queue's until it is read; the overflow's own stays.
 * Locking    inotify_lock; reading waits.
 */
#ifndef VFS_INOTIFY_QUEUE_H
#define VFS_INOTIFY_QUEUE_H

#include <linux/inotify.h>

#include "vfs/file.h"
#include "vfs/inotify.h"

extern spinlock inotify_lock;	/* RANK_INOTIFY: queues, and inotify.c's watches */

struct inotify_record {
	struct list link;
	struct inotify_event event;	/* as read; event.len bytes of name follow */
};

/* Everything but `wait` under inotify_lock. */
struct inotify {
	struct list all;
	struct list watches, records;
	struct inotify_record *overflow;	/* owned; in records while overflowed */
	bool overflowed;
	struct user_counts *user;	/* [I] owned: whose it is */
	u32 count, most;		/* records */
	u32 bytes;			/* of them all */
	int last_wd;
	struct waitq wait;		/* woken when there is something to read */
};

/* Empty; false without memory. */
bool inotify_queue_init(struct inotify *g);
/* Free what is left; nobody adds any more. */
void inotify_queue_drop(struct inotify *g);
/* An event to be read, unless it is the same as the last one. */
void inotify_queue_add(struct inotify *g, int wd, u32 mask, u32 cookie, const char *name, u32 len)
	REQUIRES(inotify_lock);

/* The file's operations. */
struct inotify_queue_read {
	struct file_transfer;
	struct inotify_record *record;	/* taken; owned unless it is the overflow's */
	bool tight;			/* there is one, but no room for it */
	struct uio start;
	long done, err;
};

co_t inotify_queue_read(struct co *co, struct inotify_queue_read *f);
struct inotify_queue_ioctl {
	struct file_ioctl;
	int bytes;
	long err;
};
co_t inotify_queue_ioctl(struct co *co, struct inotify_queue_ioctl *f);
u32 inotify_queue_poll(struct file *file, struct poller *p);

#endif
