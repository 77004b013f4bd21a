/* vfs/attr.h -- reading and changing attributes: stat, chmod, chown, utimes, truncate.
 *
 * Paths are borrowed. Those marked as coroutines wait (the inode's lock, the file system).
 */
#ifndef VFS_ATTR_H
#define VFS_ATTR_H

#include "core/cred/cred.h"
#include "vfs/file.h"

/* A consistent snapshot. */
struct attr_stat {
	u64 ino, size, blocks;
	u32 dev, rdev, mode, nlink, uid, gid, block_size;
	struct inode_time atime, mtime, ctime, btime;
};
/* Without waiting; asks ops->refresh first. */
void attr_stat(struct inode *inode, struct attr_stat *to);

/* Change attributes under the rules for cred (NULL: the kernel's own, no checks); mount's
 * read-only flag included. For ATTR_SIZE: pages are dropped too. Set-id bits go where Linux
 * clears them. A valid ATTR_ATIME|ATTR_MTIME with `now` set: the times are the clock's and
 * write permission is enough. */
struct attr_change {
	struct co_frame co;
	const struct path *path;
	const struct cred *cred;
	struct inode_attr *attr;
	bool now;
	bool opened;		/* through a file opened for writing: no write check (ftruncate) */
	bool locked;
	long err;
};
co_t attr_change(struct co *co, struct attr_change *f);

/* A write happened: times, and set-id bits go. The inode's lock is held. Without waiting. */
void attr_written(struct inode *inode, const struct cred *cred);
/* A read happened: atime under relatime rules of the mount. Without waiting. */
void attr_accessed(struct file *file);

#endif
