/* vfs/flock_list.h -- the locks and leases of one inode; for vfs/flock.c and vfs/lease.c.
 *
 * Ownership  hangs off inode->locks until the inode is freed.
 */
#ifndef VFS_FLOCK_LIST_H
#define VFS_FLOCK_LIST_H

#include "vfs/flock.h"

struct file_locks {
	struct list all;	/* under flock.c's lock */
	struct inode *inode;	/* [I] whose they are */
	spinlock lock;		/* RANK_FILE */
	struct list list;	/* under lock: locks */
	struct list leases;	/* under lock */
	struct waitq released;	/* woken when one of either goes, or is less than before */
};

/* An inode's, made at the first use if `make`; NULL: there is none, or no memory. */
struct file_locks *flock_of(struct inode *inode, bool make);

#endif
