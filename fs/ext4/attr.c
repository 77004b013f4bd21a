/* fs/ext4/attr.c -- attributes of an inode change: mode, owner, times, access control lists and
 * flags, each as one handle. The inode's lock is held. Its size is data.c's.
 */
#include <linux/fs.h>
#include <linux/stat.h>

#include "fs/ext4/names.h"
#include "vfs/acl.h"

/* --- flags --- */

#define FLAGS_VISIBLE	 0x725bdfffu	/* as Linux's ext4 */
#define FLAGS_MODIFIABLE 0x624bc0ffu
/* Of those, what would need more than a flag. */
#define FLAGS_FIXED (FS_JOURNAL_DATA_FL | FS_EXTENT_FL | FS_CASEFOLD_FL)
#define FLAGS_INHERITED                                                                      \
	(FS_SECRM_FL | FS_UNRM_FL | FS_COMPR_FL | FS_SYNC_FL | FS_NODUMP_FL | FS_NOATIME_FL |  \
	 FS_NOCOMP_FL | FS_JOURNAL_DATA_FL | FS_NOTAIL_FL | FS_DIRSYNC_FL | FS_PROJINHERIT_FL)

static const struct {
	u32 disk, inode;
} flag_bits[] = {
	{FS_IMMUTABLE_FL, INODE_IMMUTABLE}, {FS_APPEND_FL, INODE_APPEND},
	{FS_NODUMP_FL, INODE_NODUMP}, {FS_NOATIME_FL, INODE_NOATIME},
	{FS_SYNC_FL, INODE_SYNC},
};

/* Which of them mean something for files of this mode. */
static u32 flags_of_mode(u32 flags, u32 mode)
{
	if (S_ISDIR(mode))
		return flags;
	if (S_ISREG(mode))
		return flags & ~(u32)(FS_DIRSYNC_FL | FS_TOPDIR_FL | FS_CASEFOLD_FL |
				      FS_PROJINHERIT_FL);
	return flags & (FS_NODUMP_FL | FS_NOATIME_FL);
}

u32 ext4_flags_inherited(u32 dir_flags, u32 mode)
{
	return flags_of_mode(dir_flags & FLAGS_INHERITED, mode);
}

void ext4_flags_apply(struct ext4_inode *e)
{
	u32 set = 0, clear = 0;

	for (size_t i = 0; i < ARRAY_SIZE(flag_bits); i++)
		*(e->flags & flag_bits[i].disk ? &set : &clear) |= flag_bits[i].inode;
	atomic_and(&e->inode.flags, ~clear);
	atomic_or(&e->inode.flags, set);
}

u32 ext4_getflags(const struct inode *inode)
{
	u32 flags = container_of(inode, struct ext4_inode, inode)->flags & FLAGS_VISIBLE;

	return S_ISREG(inode->mode) ? flags & ~(u32)FS_PROJINHERIT_FL : flags;
}

static long flags_check(const struct ext4_inode *e, u32 mode, u32 *flags)
{
	if (*flags & ~FLAGS_VISIBLE)
		return -EOPNOTSUPP;
	/* Who asks got the others from here. */
	*flags &= FLAGS_MODIFIABLE;
	if (flags_of_mode(*flags, mode) != *flags || ((*flags ^ e->flags) & FLAGS_FIXED))
		return -EOPNOTSUPP;
	return 0;
}

/* Without a journal there is none to put data into: that flag is not taken, and nothing said. */
static u32 flags_without_journal(const struct inode *inode, u32 flags)
{
	return ext4_of(inode)->journal_ino ? flags : flags & ~(u32)FS_JOURNAL_DATA_FL;
}

co_t ext4_setflags(struct co *co, struct ext4_setflags *f)
{
	struct ext4_inode *e;

	CO_BEGIN;
	f->flags = flags_without_journal(f->inode, f->flags);
	f->err = flags_check(ext4_inode(f->inode), f->inode->mode, &f->flags);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, journal_start, .journal = ext4_of(f->inode)->journal,
		 .handle = &f->handle, .credits = 1);
	if (f->err)
		CO_RETURN(f->err);
	e = ext4_inode(f->inode);
	e->flags = (e->flags & ~FLAGS_MODIFIABLE) | f->flags;
	ext4_flags_apply(e);
	inode_touch(f->inode, ATTR_CTIME);
	CO_AWAIT(f->err, ext4_inode_write, .handle = &f->handle, .inode = f->inode);
	journal_stop(&f->handle);
	CO_RETURN(f->err);
	CO_END;
}

/* --- mode, owner, times --- */

/* The attributes and a list of access that goes with the mode, or neither. */
struct attr_store {
	struct co_frame co;
	struct handle *handle;
	struct inode *inode;
	const struct inode_attr *attr;
	struct acl *acl;	/* NULL: stays as it is */
	long err;
};
static co_t attr_store(struct co *co, struct attr_store *f)
{
	CO_BEGIN;
	if (f->acl)
		CO_AWAIT(f->err, ext4_acl_store, .handle = f->handle, .inode = f->inode,
			 .acl = f->acl);
	if (f->err)
		CO_RETURN(f->err);
	inode_apply(f->inode, f->attr);
	if (f->acl) {
		acl_get(f->acl);
		acl_set(f->inode, false, f->acl);
	}
	CO_AWAIT(f->err, ext4_inode_write, .handle = f->handle, .inode = f->inode);
	CO_RETURN(f->err);
	CO_END;
}

co_t ext4_setattr(struct co *co, struct ext4_setattr *f)
{
	CO_BEGIN;
	if (f->attr->valid & ATTR_MODE)
		f->err = acl_chmod(f->inode, f->attr->mode, &f->acl);
	if (f->err)
		CO_RETURN(f->err);
	if (f->attr->valid & ATTR_SIZE)
		CO_AWAIT(f->err, ext4_truncate, .inode = f->inode, .size = f->attr->size);
	if (!f->err)
		CO_AWAIT(f->err, journal_start, .journal = ext4_of(f->inode)->journal,
			 .handle = &f->handle, .credits = f->acl ? EXT4_XATTR_CREDITS + 1 : 1);
	if (f->err)
		goto out;
	CO_AWAIT(f->err, attr_store, .handle = &f->handle, .inode = f->inode, .attr = f->attr,
		 .acl = f->acl);
	journal_stop(&f->handle);
out:
	acl_put(f->acl);
	CO_RETURN(f->err);
	CO_END;
}

struct setacl_once {
	struct ext4_once;
	struct handle handle;
	long err;
};
static co_t setacl_once(struct co *co, struct setacl_once *f)
{
	const struct inode_setacl *a = f->of;

	CO_BEGIN;
	CO_AWAIT(f->err, journal_start, .journal = ext4_of(a->inode)->journal,
		 .handle = &f->handle, .credits = EXT4_XATTR_CREDITS + 1);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, ext4_acl_store, .handle = &f->handle, .inode = a->inode,
		 .is_default = a->is_default, .acl = a->acl);
	if (f->err)
		goto out;
	if (a->acl)
		acl_get(a->acl);
	acl_set(a->inode, a->is_default, a->acl);
	inode_apply(a->inode, a->attr);
	CO_AWAIT(f->err, ext4_inode_write, .handle = &f->handle, .inode = a->inode);
out:
	journal_stop(&f->handle);
	CO_RETURN(f->err);
	CO_END;
}

co_t ext4_setacl(struct co *co, struct ext4_setacl *f)
{
	static const struct ext4_once_op once = CO_IMPLEMENTS(ext4_once, setacl_once);

	CO_BEGIN;
	CO_AWAIT(f->err, ext4_with_room, .fs = ext4_of(f->inode), .once = &once, .of = f);
	CO_RETURN(f->err);
	CO_END;
}
