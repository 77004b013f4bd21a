/* vfs/reaper.h -- the worker that finishes what a plain put could not: evictions, releases and
 * tear-downs that have to wait.
 *
 * Ownership  an object handed over has no references left; the reaper frees it.
 * Locking    its own spinlock, nothing else held. Only reaper_wait waits.
 */
#ifndef VFS_REAPER_H
#define VFS_REAPER_H

#include "coro/task.h"

struct file;
struct inode;
struct super;

void reaper_setup(void);	/* at boot, before anything is put */
/* Start the worker, when tasks can run. 0 or -ENOMEM. Until then work piles up. */
int reaper_start(void);

void reaper_add_inode(struct inode *inode);
void reaper_add_file(struct file *file);
void reaper_add_super(struct super *super);

/* Wait until it has nothing left of what was there now, nor of what that led to: umount, sync, a
 * full file system. */
struct reaper_wait {
	struct co_frame co;
	u64 upto, own;
};
co_t reaper_wait(struct co *co, struct reaper_wait *f);

#endif
