/* vfs/flock.h -- advisory locks: POSIX records (a process's), OFD records and flock (an open
 * file's).
 *
 * Ownership  an inode's locks hang off inode->locks until the inode is freed.
 * Units      byte ranges, both ends included; INT64_MAX is the end of everything.
 * Locking    a spinlock per inode, and one over who waits for whom; only flock_wait waits.
 */
#ifndef VFS_FLOCK_H
#define VFS_FLOCK_H

#include "vfs/file.h"

enum flock_kind { FLOCK_POSIX, FLOCK_OFD, FLOCK_WHOLE, FLOCK_LEASE };
enum flock_type { FLOCK_NONE, FLOCK_SHARED, FLOCK_EXCLUSIVE };

struct flock_range {
	enum flock_kind kind;
	enum flock_type type;
	const void *owner;	/* POSIX: the fd_table (as a process's identity); else the file */
	u32 pid;		/* the process's, of the first namespace; OFD: ~0 */
	u64 start, last;
	bool breaking;		/* a lease: its holder was told */
};

/* Set or clear: 0, -EAGAIN if somebody else's is in the way, -ENOLCK/-ENOMEM. */
int flock_try(struct file *file, const struct flock_range *want);
/* The same, waiting: -ERESTARTSYS on a signal; -EDEADLK for a process's record whose holder
 * waits, through others perhaps, for one of the waiter's. */
struct flock_waiting {
	struct list link;
	const void *owner, *blocker;	/* fd_tables; blocker NULL: not known to be one */
	struct file_locks *at;
};
struct flock_wait {
	struct co_frame co;
	struct file *file;
	const struct flock_range *want;
	struct flock_waiting waiting;
	int err;
};
co_t flock_wait(struct co *co, struct flock_wait *f);
/* Who would be in the way: true and *found. */
bool flock_test(struct file *file, const struct flock_range *want, struct flock_range *found);

/* For /proc/locks: call show for each lock and lease there is; it must not wait. */
void flock_each(void (*show)(void *arg, const struct inode *inode, const struct flock_range *r),
		void *arg);

/* A descriptor of this table was closed: its process's POSIX locks on the file go. */
void flock_closed(struct file *file, const void *table);
/* The last reference of the open file is gone: its OFD and flock locks go, and its lease. */
void flock_released(struct file *file);
void flock_free(struct inode *inode);

#endif
