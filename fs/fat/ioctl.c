/* fs/fat/ioctl.c -- attributes of the disk, and names both long and short. */
#include <linux/fs.h>
#include <linux/msdos_fs.h>
#include <linux/stat.h>

#include "core/base/string.h"
#include "core/cred/cred.h"
#include "fs/fat/dir.h"
#include "mem/phys/slab.h"
#include "mem/space/uaccess.h"
#include "vfs/fileattr.h"
#include "vfs/mount.h"
#include "vfs/writeback.h"

static u32 attributes(struct inode *inode)
{
	struct fat_disk_entry e = {};

	fat_inode_encode(fat_inode(inode), &e);
	return e.attr;
}

/* Other ones: the mode follows what says that nobody writes. */
struct attributes_set {
	struct co_frame co;
	struct file *file;
	u32 value;
	struct inode_attr attr;
	long err;
};

static long attributes_check(struct attributes_set *f, const struct cred *cred)
{
	struct inode *inode = f->file->inode;
	u32 was = attributes(inode);

	f->value &= 0xff & ~(u32)(FAT_VOLUME | FAT_DIRECTORY);
	f->value |= was & (FAT_VOLUME | FAT_DIRECTORY);
	if (inode->ino == FAT_ROOT_INO && f->value != FAT_DIRECTORY)
		return -EINVAL;
	if (fat_of(inode)->options.sys_immutable && ((f->value | was) & FAT_SYSTEM) &&
	    !cred_capable(cred, CAP_LINUX_IMMUTABLE))
		return -EPERM;
	f->attr = (struct inode_attr){
		.valid = ATTR_MODE | ATTR_CTIME,
		.mode = fat_mode(fat_of(inode), (u8)f->value, NULL) & 0777,
		.ctime = inode_now(),
	};
	/* Who may execute it stays. */
	if (S_ISREG(inode->mode))
		f->attr.mode = (f->attr.mode & ~0111u) | (inode->mode & 0111);
	if (!cred_owns(cred, inode->uid))
		return -EPERM;
	return 0;
}

static void attributes_put(struct attributes_set *f)
{
	struct inode *inode = f->file->inode;

	spin_lock(&inode->attr_lock);
	fat_inode(inode)->attr = (u8)f->value;
	spin_unlock(&inode->attr_lock);
	if (!fat_of(inode)->options.sys_immutable)
		return;
	if (f->value & FAT_SYSTEM)
		atomic_or(&inode->flags, (u32)INODE_IMMUTABLE);
	else
		atomic_and(&inode->flags, ~(u32)INODE_IMMUTABLE);
}

static co_t attributes_set(struct co *co, struct attributes_set *f)
{
	CO_BEGIN;
	f->err = mount_may_write(f->file->path.mount);
	if (f->err)
		CO_RETURN(f->err);
	CO_WRITE_LOCK(&f->file->inode->lock);
	f->err = attributes_check(f, cred_current(co));
	if (!f->err)
		CO_AWAIT(f->err, fat_setattr, .inode = f->file->inode, .attr = &f->attr);
	if (!f->err) {
		attributes_put(f);
		writeback_note(f->file->inode, INODE_DIRTY_ATTRS);
	}
	rwlock_unlock_write(&f->file->inode->lock);
	CO_RETURN(f->err);
	CO_END;
}

/* --- VFAT_IOCTL_READDIR_* --- */

struct fat_both {
	struct __fat_dirent name[2];	/* short, long */
};

static void both_put(struct fat_scan *s, struct fat_both *to, bool both)
{
	size_t len;

	memset(to, 0, sizeof(*to));
	to->name[0].d_ino = (long)(s->disk / FAT_SLOT);
	to->name[0].d_off = (long)s->offset;
	len = fat_scan_show(s, true);
	len = min(len, sizeof(to->name[0].d_name) - 1);
	to->name[0].d_reclen = (u16)len;
	memcpy(to->name[0].d_name, s->shown, len);
	if (!both || !s->len)
		return;
	to->name[1].d_ino = to->name[0].d_ino;
	to->name[1].d_off = to->name[0].d_off;
	len = fat_scan_show(s, false);
	len = min(len, sizeof(to->name[1].d_name) - 1);
	to->name[1].d_reclen = (u16)len;
	memcpy(to->name[1].d_name, s->shown, len);
}

/* The entry at f->pos: 1, 0 at the end. */
struct both_read {
	struct co_frame co;
	struct fat_ioctl *of;
	struct fat_scan *scan;
	long err;
};
static co_t both_read(struct co *co, struct both_read *f)
{
	struct inode *dir = f->of->file->inode;

	CO_BEGIN;
	if (f->of->pos >= inode_size(dir))
		CO_RETURN(0);
	f->scan = fat_scan_new(dir, f->of->pos <= 2 ? 0 : (u32)round_up(f->of->pos, (u64)FAT_SLOT));
	if (!f->scan)
		CO_RETURN(-ENOMEM);
	CO_READ_LOCK(&dir->lock);
	f->err = atomic_load(&f->of->file->inode->flags) & INODE_DEAD ? -ENOENT : 0;
	if (!f->err)
		CO_AWAIT(f->err, fat_scan_next, .scan = f->scan);
	rwlock_unlock_read(&f->of->file->inode->lock);
	if (f->err > 0)
		both_put(f->scan, f->of->both, f->of->cmd == VFAT_IOCTL_READDIR_BOTH);
	if (f->err >= 0)
		f->of->pos = f->scan->pos;
	kfree(f->scan);
	CO_RETURN(f->err);
	CO_END;
}

struct both_ioctl {
	struct co_frame co;
	struct fat_ioctl *of;
	long n, err;
};
static co_t both_ioctl(struct co *co, struct both_ioctl *f)
{
	CO_BEGIN;
	f->of->both = kzalloc(sizeof(*f->of->both));
	if (!f->of->both)
		CO_RETURN(-ENOMEM);
	CO_LOCK(&f->of->file->pos_lock);
	f->of->pos = (u64)f->of->file->pos;
	CO_AWAIT(f->n, both_read, .of = f->of);
	if (f->n >= 0)
		f->of->file->pos = (i64)f->of->pos;
	mutex_unlock(&f->of->file->pos_lock);
	if (f->n >= 0)
		CO_COPY_TO_USER(f->err, uptr_of(f->of->arg), f->of->both, sizeof(*f->of->both));
	kfree(f->of->both);
	CO_RETURN(f->err ? f->err : f->n);
	CO_END;
}

co_t fat_ioctl(struct co *co, struct fat_ioctl *f)
{
	CO_BEGIN;
	if ((f->cmd == VFAT_IOCTL_READDIR_BOTH || f->cmd == VFAT_IOCTL_READDIR_SHORT) &&
	    S_ISDIR(f->file->inode->mode)) {
		CO_AWAIT(f->err, both_ioctl, .of = f);
		CO_RETURN(f->err);
	}
	if (f->cmd == FAT_IOCTL_SET_ATTRIBUTES) {
		CO_COPY_FROM_USER(f->err, &f->value, uptr_of(f->arg), sizeof(f->value));
		if (!f->err)
			CO_AWAIT(f->err, attributes_set, .file = f->file, .value = f->value);
		CO_RETURN(f->err);
	}
	if (f->cmd == FAT_IOCTL_GET_ATTRIBUTES)
		f->value = attributes(f->file->inode);
	else if (f->cmd == FAT_IOCTL_GET_VOLUME_ID)
		f->value = fat_of(f->file->inode)->volume_id;
	else if (f->cmd == FITRIM)
		CO_RETURN(cred_capable(cred_current(co), CAP_SYS_ADMIN) ? -EOPNOTSUPP : -EPERM);
	else
		CO_RETURN(-ENOTTY);
	CO_COPY_TO_USER(f->err, uptr_of(f->arg), &f->value, sizeof(f->value));
	CO_RETURN(f->err);
	CO_END;
}
