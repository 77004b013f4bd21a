/* vfs/writeback.h -- what was changed in memory reaches its file system's storage: in time, when
 * too much of memory is dirty, or when somebody asks.
 *
 * An inode with dirty pages or attributes is on its super's list, if the file system has
 * super_ops.write_inode. A worker writes what has been there for half a minute, looking every five
 * seconds; and all there is, the oldest first, while a tenth of memory is dirty. Who dirties pages
 * waits while a fifth is.
 *
 * Ownership  the list holds a reference to each inode. One without a name goes when the list's is
 *            the last, unwritten.
 * Locking    a spinlock of its own, below that of a page index. Writing back takes none of the
 *            vfs's awaitable locks, so who holds some may wait for it.
 */
#ifndef VFS_WRITEBACK_H
#define VFS_WRITEBACK_H

#include "vfs/inode.h"

/* inode.dirty */
enum {
	INODE_DIRTY_ATTRS = 1u << 0,
	INODE_DIRTY_PAGES = 1u << 1,
	INODE_LISTED = 1u << 2,
};

void writeback_setup(void);	/* at boot */
int writeback_launch(void);	/* the worker */

/* Something of the inode is dirty now. Never waits. */
void writeback_note(struct inode *inode, u32 what);
/* It is known to be written, or not worth it: off the list. The caller holds a reference. */
void writeback_forget(struct inode *inode);
/* Is it on a list only? */
static inline bool writeback_is_last_but_one(const struct inode *inode)
{
	return !atomic_load_relaxed(&inode->nlink) &&
	       (atomic_load_relaxed(&inode->dirty) & INODE_LISTED) &&
	       atomic_load_relaxed(&inode->refs.n) == 2;
}

/* Write one inode's pages and attributes: 0, or the first error; then it is listed again, if it
 * is worth trying. */
struct writeback_inode {
	struct co_frame co;
	struct inode *inode;
	bool attrs;
	long err, failed;
};
co_t writeback_inode(struct co *co, struct writeback_inode *f);
/* All inodes of a super that are dirty now. */
struct writeback_super {
	struct co_frame co;
	struct super *super;
	u64 before_ns;
	struct inode *inode;
	long err, failed;
};
co_t writeback_super(struct co *co, struct writeback_super *f);
/* Nothing more can be written there, whatever it was: no inode stays on the list. */
void writeback_abandon(struct super *super);

/* Are there so many dirty pages that who makes more has to wait? Then await this: 0, or -EINTR
 * after a fatal signal. No inode lock is held. */
bool writeback_is_over(void);
struct writeback_throttle {
	struct co_frame co;
	long err;
};
co_t writeback_throttle(struct co *co, struct writeback_throttle *f);
/* Begin now, memory is wanted. Never waits. */
void writeback_start(void);

#endif
