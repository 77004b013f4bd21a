/* vfs/lease.h -- leases: the holder is told by a signal before somebody else opens or truncates
 * the file, and has some time to give it up or take less.
 *
 * A read lease excludes writers, a write lease everybody else. Being broken is said of a lease
 * until its holder has changed it or its time is over; what comes of it is then done for him.
 *
 * Ownership  a lease is its open file's, and goes with it.
 * Locking    that of the inode's locks; only lease_break waits.
 */
#ifndef VFS_LEASE_H
#define VFS_LEASE_H

#include "vfs/flock.h"

struct lease_settings {
	i32 break_time;		/* [a] seconds a holder has; 0: for ever */
	i32 enabled;		/* [a] */
};
extern struct lease_settings lease_settings;

/* F_SETLEASE: 0, -EINVAL, -EACCES, -EAGAIN (who else has it open; no lease to give up), -ENOMEM.
 * pid is shown in /proc/locks. */
int lease_set(struct file *file, int fd, u32 type, const struct cred *cred, u32 pid);
/* F_GETLEASE: F_RDLCK, F_WRLCK, F_UNLCK; of one that is being broken, what it is to become. */
int lease_get(struct file *file);

/* Somebody is about to open the file (he is counted already) or to truncate it: 0, -EAGAIN with
 * no_wait, -ERESTARTSYS. */
struct lease_break {
	struct co_frame co;
	struct inode *inode;
	bool write, no_wait;
	u64 deadline_ns;
	long err;
};
co_t lease_break(struct co *co, struct lease_break *f);

/* May there be any? A look, for who then awaits lease_break. */
bool lease_possible(struct inode *inode);

/* The last reference of the open file is gone. */
void lease_released(struct file *file);
void lease_each(struct file_locks *l,
		void (*show)(void *arg, const struct inode *inode, const struct flock_range *r),
		void *arg);

#endif
