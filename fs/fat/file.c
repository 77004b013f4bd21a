/* fs/fat/file.c -- a regular file beyond reading and writing: attributes, its end, room in advance,
 * and when it is safe. Its lock is held for writing where it changes.
 */
#include <linux/falloc.h>
#include <linux/stat.h>

#include "fs/fat/dir.h"
#include "vfs/file.h"
#include "vfs/writeback.h"

/* --- the end moves --- */

static void set_size(struct inode *inode, u64 size)
{
	spin_lock(&inode->attr_lock);
	atomic_store(&inode->size, size);
	spin_unlock(&inode->attr_lock);
}

struct file_grow {
	struct co_frame co;
	struct inode *inode;
	u64 size;
	long err;
};
static co_t file_grow(struct co *co, struct file_grow *f)
{
	CO_BEGIN;
	f->err = fat_promise(fat_inode(f->inode), fat_clusters_of(fat_of(f->inode), f->size));
	if (!f->err)
		CO_AWAIT(f->err, page_zero_tail, .mapping = &f->inode->mapping,
			 .size = inode_size(f->inode));
	if (f->err) {
		fat_settle(fat_inode(f->inode),
			   fat_clusters_of(fat_of(f->inode), inode_size(f->inode)));
		CO_RETURN(f->err);
	}
	set_size(f->inode, f->size);
	writeback_note(f->inode, INODE_DIRTY_ATTRS);
	CO_RETURN(0);
	CO_END;
}

struct file_cut {
	struct co_frame co;
	struct inode *inode;
	u64 size, was;
	long err, ignored;
};
static co_t file_cut(struct co *co, struct file_cut *f)
{
	u64 valid;

	CO_BEGIN;
	f->was = inode_size(f->inode);
	set_size(f->inode, f->size);
	CO_AWAIT(f->ignored, page_truncate, .mapping = &f->inode->mapping, .size = f->size,
		 .was = f->was);
	CO_WRITE_LOCK(&fat_inode(f->inode)->map_lock);
	valid = atomic_load(&fat_inode(f->inode)->valid);
	atomic_store(&fat_inode(f->inode)->valid, min(valid, f->size));
	CO_AWAIT(f->err, fat_cut, .fi = fat_inode(f->inode),
		 .keep = fat_clusters_of(fat_of(f->inode), f->size));
	rwlock_unlock_write(&fat_inode(f->inode)->map_lock);
	fat_settle(fat_inode(f->inode), fat_clusters_of(fat_of(f->inode), f->size));
	CO_AWAIT(f->ignored, fat_inode_update, .fi = fat_inode(f->inode));
	CO_RETURN(f->err ? f->err : f->ignored);
	CO_END;
}

/* --- attributes --- */

/* What may change: 0 or -EPERM, and a->valid is cut to what will. */
static long setattr_check(struct inode *inode, struct inode_attr *a)
{
	const struct fat_options *o = &fat_of(inode)->options;

	if (((a->valid & ATTR_UID) && a->uid != inode->uid) ||
	    ((a->valid & ATTR_GID) && a->gid != inode->gid) ||
	    ((a->valid & ATTR_MODE) && (a->mode & 07000)))
		return o->quiet ? 1 : -EPERM;
	/* What cannot be kept is passed over without a word, as it always was. */
	if ((a->valid & ATTR_MODE) && fat_mode_check(inode, &a->mode))
		a->valid &= ~(u32)ATTR_MODE;
	return 0;
}

co_t fat_setattr(struct co *co, struct fat_setattr *f)
{
	CO_BEGIN;
	f->what = *f->attr;
	f->err = setattr_check(f->inode, &f->what);
	if (f->err)
		CO_RETURN(min(f->err, 0l));
	if ((f->what.valid & ATTR_SIZE) && f->what.size > f->inode->super->max_size)
		CO_RETURN(-EFBIG);
	if ((f->what.valid & ATTR_SIZE) && f->what.size > inode_size(f->inode))
		CO_AWAIT(f->err, file_grow, .inode = f->inode, .size = f->what.size);
	else if ((f->what.valid & ATTR_SIZE) && f->what.size < inode_size(f->inode))
		CO_AWAIT(f->err, file_cut, .inode = f->inode, .size = f->what.size);
	if (f->err)
		CO_RETURN(f->err);
	f->what.valid &= ~(u32)ATTR_SIZE;
	inode_apply(f->inode, &f->what);
	writeback_note(f->inode, INODE_DIRTY_ATTRS);
	CO_RETURN(0);
	CO_END;
}

/* --- fallocate --- */

struct fat_allocate {
	struct inode_allocate;
	u32 was;
	long err, ignored;
};
static co_t fat_allocate(struct co *co, struct fat_allocate *f)
{
	CO_BEGIN;
	if (f->mode & ~(u32)FALLOC_FL_KEEP_SIZE)
		CO_RETURN(-EOPNOTSUPP);
	if (f->end <= inode_size(f->inode))
		CO_RETURN(0);
	if (!(f->mode & FALLOC_FL_KEEP_SIZE)) {
		CO_AWAIT(f->err, file_grow, .inode = f->inode, .size = f->end);
		CO_RETURN(f->err);
	}
	f->err = fat_promise(fat_inode(f->inode), fat_clusters_of(fat_of(f->inode), f->end));
	if (f->err)
		CO_RETURN(f->err);
	CO_WRITE_LOCK(&fat_inode(f->inode)->map_lock);
	f->was = fat_inode(f->inode)->allocated;
	CO_AWAIT(f->err, fat_extend, .fi = fat_inode(f->inode),
		 .clusters = fat_clusters_of(fat_of(f->inode), f->end));
	if (f->err)
		CO_AWAIT(f->ignored, fat_cut, .fi = fat_inode(f->inode), .keep = f->was);
	rwlock_unlock_write(&fat_inode(f->inode)->map_lock);
	writeback_note(f->inode, INODE_DIRTY_ATTRS);
	CO_RETURN(f->err);
	CO_END;
}

/* The last that wrote it closes it: room that was made in advance and not used goes. */
struct fat_release {
	struct file_released;
	struct inode *inode;
	long err;
};
static co_t fat_release(struct co *co, struct fat_release *f)
{
	CO_BEGIN;
	f->inode = f->file->inode;
	if (!(f->file->mode & FILE_WRITE) || !fat_is_writable(fat_of(f->inode)))
		CO_RETURN(0);
	if (fat_of(f->inode)->options.flush) {
		CO_AWAIT(f->err, writeback_inode, .inode = f->inode);
		CO_AWAIT(f->err, fat_sync_table, .fs = fat_of(f->inode));
	}
	if (atomic_load(&fat_inode(f->inode)->allocated) <=
	    fat_clusters_of(fat_of(f->inode), inode_size(f->inode)))
		CO_RETURN(0);
	CO_WRITE_LOCK(&f->inode->lock);
	CO_WRITE_LOCK(&fat_inode(f->inode)->map_lock);
	CO_AWAIT(f->err, fat_cut, .fi = fat_inode(f->inode),
		 .keep = fat_clusters_of(fat_of(f->inode), inode_size(f->inode)));
	rwlock_unlock_write(&fat_inode(f->inode)->map_lock);
	CO_AWAIT(f->err, fat_inode_update, .fi = fat_inode(f->inode));
	rwlock_unlock_write(&f->inode->lock);
	CO_RETURN(0);
	CO_END;
}

/* --- to what lasts --- */

co_t fat_sync_table(struct co *co, struct fat_sync_table *f)
{
	CO_BEGIN;
	CO_AWAIT(f->failed, page_write_back, .mapping = &f->fs->table->mapping,
		 .last = UINT64_MAX >> PAGE_SHIFT);
	CO_AWAIT(f->err, fat_info_write, .fs = f->fs);
	f->failed = f->failed ? f->failed : f->err;
	if (f->flush)
		CO_AWAIT(f->err, blk_transfer, .dev = f->fs->dev, .kind = BLK_FLUSH);
	CO_RETURN(f->failed ? f->failed : f->err);
	CO_END;
}

/* Its bytes, its entry, its chain. */
struct fat_fsync {
	struct file_fsync;
	struct inode *inode, *dir;
	long err, failed;
};

static void fsync_note(struct fat_fsync *f)
{
	f->failed = f->failed ? f->failed : f->err;
}

static co_t fat_fsync(struct co *co, struct fat_fsync *f)
{
	CO_BEGIN;
	f->inode = f->file->inode;
	if (!fat_is_writable(fat_of(f->inode)))
		CO_RETURN(0);
	CO_AWAIT(f->failed, page_write_back, .mapping = &f->inode->mapping, .last = UINT64_MAX - 1);
	if (atomic_load(&f->inode->dirty) & INODE_DIRTY_ATTRS) {
		CO_AWAIT(f->err, writeback_inode, .inode = f->inode);
		fsync_note(f);
	}
	f->dir = fat_inode_parent(f->inode);
	if (f->dir) {
		CO_AWAIT(f->err, page_write_back, .mapping = &f->dir->mapping,
			 .last = UINT64_MAX - 1, .quiet = true);
		fsync_note(f);
		inode_put(f->dir);
	}
	CO_AWAIT(f->err, fat_sync_table, .fs = fat_of(f->inode), .flush = true);
	fsync_note(f);
	CO_RETURN(f->failed);
	CO_END;
}

const struct inode_ops fat_file_inode_ops = {
	.setattr = CO_IMPLEMENTS(inode_setattr, fat_setattr),
	.allocate = CO_IMPLEMENTS(inode_allocate, fat_allocate),
	.refresh = fat_refresh,
};
const struct file_ops fat_file_ops = {
	.fsync = CO_IMPLEMENTS(file_fsync, fat_fsync),
	.ioctl = CO_IMPLEMENTS(file_ioctl, fat_ioctl),
	.release = CO_IMPLEMENTS(file_released, fat_release),
};

static int dir_mmap(struct file *file, u64 offset, u64 size, bool shared, bool write,
		    struct pager **pager)
{
	return -ENODEV;
}
const struct file_ops fat_dir_file_ops = {
	.mmap = dir_mmap,
	.fsync = CO_IMPLEMENTS(file_fsync, fat_fsync),
	.ioctl = CO_IMPLEMENTS(file_ioctl, fat_ioctl),
};
