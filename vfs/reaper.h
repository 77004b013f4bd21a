/* vfs/reaper.h -- the worker that finishes what a plain put could not: evictions, releases and
 * tear-downs that have to wait, and what is left of something large that goes in pieces.
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

/* In what is to be freed in pieces. `more` frees one; false: that was the last, and nothing is
 * there any more. It must not wait. */
struct reaper_rest {
	struct list link;
	bool (*more)(struct reaper_rest *rest);
};
/* The first piece at once, the others, if there are any, by the worker. */
void reaper_add_rest(struct reaper_rest *rest);

/* Wait until it has nothing left of what was there now, nor of what that led to: umount, sync, a
 * full file system. */
struct reaper_wait {
	struct co_frame co;
	u64 upto, own;
};
co_t reaper_wait(struct co *co, struct reaper_wait *f);

#endif
