/* vfs/fileattr.h -- what chattr(1) sets: files that nobody may change, or only add to, and two
 * that say nothing of rights. A file system takes those that its super's `fileattr` has, or has
 * operations for more (inode_ops.getflags).
 *
 * Locking    inode.flags, [a]. Only fileattr_set waits.
 */
#ifndef VFS_FILEATTR_H
#define VFS_FILEATTR_H

#include <linux/fs.h>

#include "vfs/inode.h"

struct cred;
struct file;

#define FILEATTR_INHERITED (INODE_NODUMP | INODE_NOATIME)

/* FS_IOC_GETFLAGS: FS_*_FL, or -ENOTTY. */
long fileattr_get(const struct inode *inode);
/* FS_IOC_SETFLAGS: 0, -ENOTTY, -EROFS, -EPERM, -EOPNOTSUPP. */
struct fileattr_set {
	struct co_frame co;
	struct file *file;
	const struct cred *cred;
	u32 flags;
	long err;
};
co_t fileattr_set(struct co *co, struct fileattr_set *f);

/* Nothing about it may be changed: neither its contents nor its names, owners and times. */
static inline bool fileattr_immutable(const struct inode *inode)
{
	return atomic_load_relaxed(&inode->flags) & INODE_IMMUTABLE;
}
/* It only grows. */
static inline bool fileattr_append(const struct inode *inode)
{
	return atomic_load_relaxed(&inode->flags) & INODE_APPEND;
}
/* Either: its names, owners and times stay. */
static inline bool fileattr_fixed(const struct inode *inode)
{
	return atomic_load_relaxed(&inode->flags) & (INODE_IMMUTABLE | INODE_APPEND);
}

#endif
