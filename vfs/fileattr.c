/* vfs/fileattr.c */
#include "vfs/fileattr.h"

#include <linux/stat.h>

#include "core/cred/cred.h"
#include "vfs/file.h"
#include "vfs/mount.h"
#include "vfs/super.h"

static const struct {
	u32 fs, inode;
} fileattr_bits[] = {
	{FS_IMMUTABLE_FL, INODE_IMMUTABLE}, {FS_APPEND_FL, INODE_APPEND},
	{FS_NODUMP_FL, INODE_NODUMP}, {FS_NOATIME_FL, INODE_NOATIME},
};

static bool fileattr_has(const struct inode *inode)
{
	u32 mode = atomic_load_relaxed(&inode->mode);

	return (inode->super->fileattr || inode->ops->getflags) && (S_ISREG(mode) || S_ISDIR(mode));
}

long fileattr_get(const struct inode *inode)
{
	u32 flags = atomic_load_relaxed(&inode->flags);
	long shown = 0;

	if (!fileattr_has(inode))
		return -ENOTTY;
	if (inode->ops->getflags)
		return inode->ops->getflags(inode);
	for (size_t i = 0; i < ARRAY_SIZE(fileattr_bits); i++)
		if (flags & fileattr_bits[i].inode)
			shown |= fileattr_bits[i].fs;
	return shown;
}

static long fileattr_may_set(const struct file *file, const struct cred *cred, u32 flags)
{
	struct inode *inode = file->inode;
	long old = fileattr_get(inode), err = mount_may_write(file->path.mount);

	if (err)
		return err;
	if (old < 0)
		return old;
	if (!cred_owns(cred, atomic_load_relaxed(&inode->uid)))
		return -EPERM;
	if (((flags ^ (u32)old) & (FS_IMMUTABLE_FL | FS_APPEND_FL)) &&
	    !cred_capable(cred, CAP_LINUX_IMMUTABLE))
		return -EPERM;
	if (!inode->ops->getflags && (flags & ~inode->super->fileattr))
		return -EOPNOTSUPP;
	return 0;
}

static void fileattr_store(struct inode *inode, u32 flags)
{
	u32 set = 0, clear = 0;

	for (size_t i = 0; i < ARRAY_SIZE(fileattr_bits); i++)
		*(flags & fileattr_bits[i].fs ? &set : &clear) |= fileattr_bits[i].inode;
	atomic_and(&inode->flags, ~clear);
	atomic_or(&inode->flags, set);
	inode_touch(inode, ATTR_CTIME);
}

co_t fileattr_set(struct co *co, struct fileattr_set *f)
{
	CO_BEGIN;
	CO_WRITE_LOCK(&f->file->inode->lock);
	f->err = fileattr_may_set(f->file, f->cred, f->flags);
	if (f->err)
		goto out;
	if (f->file->inode->ops->setflags.step)
		CO_AWAIT_OP(f->err, f->file->inode->ops->setflags, .inode = f->file->inode,
			    .flags = f->flags);
	else
		fileattr_store(f->file->inode, f->flags);
out:
	rwlock_unlock_write(&f->file->inode->lock);
	CO_RETURN(f->err);
	CO_END;
}
