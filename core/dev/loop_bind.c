/* core/dev/loop_bind.c -- a loop device gets its file, other settings, and loses it. */
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "core/base/string.h"
#include "core/cred/cred.h"
#include "core/dev/blk_cache.h"
#include "core/dev/loop.h"
#include "core/dev/part.h"
#include "vfs/file_cache.h"

/* What LOOP_SET_STATUS may set, and clear. */
#define LOOP_SETTABLE  ((u32)(LO_FLAGS_AUTOCLEAR | LO_FLAGS_PARTSCAN))
#define LOOP_CLEARABLE ((u32)LO_FLAGS_AUTOCLEAR)

u64 loop_sectors(const struct loop *lo, const struct file *file)
{
	const struct inode *inode = file_data(file);
	u64 size = 0;

	if (S_ISBLK(file->inode->mode))
		size = atomic_load(&((struct blk_device *)file->private)->sectors)
		       << BLK_SECTOR_SHIFT;
	else if (inode)
		size = inode_size(inode);
	size -= min(size, lo->offset);
	if (lo->limit)
		size = min(size, lo->limit);
	return size >> BLK_SECTOR_SHIFT;
}

/* The loop that a file is, or NULL. */
static struct loop *loop_below(const struct file *file)
{
	return S_ISBLK(file->inode->mode) && file->private ? loop_of(file->private) : NULL;
}

long loop_check_file(const struct loop *lo, struct file *file)
{
	struct file *at = file;
	struct loop *below;

	while ((below = loop_below(at))) {
		if (below == lo)
			return -EBADF;
		if (!loop_is_bound(below))
			return -EINVAL;
		at = below->file;
	}
	return S_ISREG(file->inode->mode) || S_ISBLK(file->inode->mode) ? 0 : -EINVAL;
}

long loop_check_info(const struct loop_info64 *info)
{
	if (info->lo_encrypt_key_size > LO_KEY_SIZE || info->lo_encrypt_type)
		return -EINVAL;
	if (info->lo_offset > INT64_MAX || info->lo_sizelimit > INT64_MAX)
		return -EOVERFLOW;
	return 0;
}

static void loop_take_info(struct loop *lo, const struct loop_info64 *info)
{
	spin_lock(&lo->lock);
	lo->offset = info->lo_offset;
	spin_unlock(&lo->lock);
	lo->limit = info->lo_sizelimit;
	memcpy(lo->name, info->lo_file_name, LO_NAME_SIZE);
	lo->name[LO_NAME_SIZE - 1] = 0;
}

/* What follows from its flags and its file. */
static void loop_apply(struct loop *lo)
{
	bool holes = S_ISREG(lo->file->inode->mode) && !(lo->flags & LO_FLAGS_READ_ONLY);
	const struct inode *inode = holes ? file_data(lo->file) : NULL;
	bool punches = inode && (inode->ops->allocate.step ||
				 !inode->mapping.ops->readpage.step);

	atomic_store(&lo->blk.read_only, lo->flags & LO_FLAGS_READ_ONLY);
	atomic_store(&lo->blk.clears, lo->flags & LO_FLAGS_AUTOCLEAR);
	atomic_store(&lo->blk.unparted, !(lo->flags & LO_FLAGS_PARTSCAN));
	for (int i = 0; i < 2; i++)
		atomic_store(&lo->blk.range_max[i], punches ? UINT32_MAX >> BLK_SECTOR_SHIFT : 0);
}

/* --- letting go --- */

struct loop_clear {
	struct file_released;
	struct loop *lo;
	struct file *was;
	long ignored;
};
static co_t loop_clear(struct co *co, struct loop_clear *f)
{
	CO_BEGIN;
	f->lo = f->file->private;
	CO_LOCK(&loop_mutex);
	CO_AWAIT(f->ignored, part_forget, .disk = &f->lo->blk);
	CO_AWAIT(f->ignored, blk_sync, .dev = &f->lo->blk);
	CO_AWAIT(f->ignored, loop_work_end, .lo = f->lo);
	CO_AWAIT(f->ignored, blk_resize, .dev = &f->lo->blk);
	spin_lock(&f->lo->lock);
	f->was = f->lo->file;
	f->lo->file = NULL;
	f->lo->offset = 0;
	f->lo->stop = false;
	spin_unlock(&f->lo->lock);
	file_put(f->was);
	f->lo->anchor = NULL;
	f->lo->limit = 0;
	f->lo->flags = 0;
	memset(f->lo->name, 0, LO_NAME_SIZE);
	atomic_store(&f->lo->blk.read_only, false);
	atomic_store(&f->lo->blk.unparted, true);
	atomic_store(&f->lo->blk.block_size, (u32)BLK_SECTOR);
	atomic_store(&f->lo->blk.clears, false);
	atomic_store(&f->lo->blk.closing, false);
	atomic_store(&f->lo->blk.users, 0);
	mutex_unlock(&loop_mutex);
	CO_RETURN(0);
	CO_END;
}

static const struct file_ops loop_anchor_ops = {
	.release = CO_IMPLEMENTS(file_released, loop_clear),
};

/* Of an anchor that holds nothing. */
static const struct file_ops loop_no_ops;

static struct file *loop_anchor(struct loop *lo, const struct cred *cred)
{
	struct inode *inode = inode_new_loose(0600);
	struct file *anchor = NULL;

	if (inode)
		anchor = file_new_loose(inode, "loop", &loop_anchor_ops, O_RDONLY, cred);
	if (anchor)
		anchor->private = lo;
	return anchor;
}

void loop_let_go(struct loop *lo)
{
	lo->flags |= LO_FLAGS_AUTOCLEAR;
	atomic_store(&lo->blk.clears, true);
	/* Nobody but who asks for it: from now on it is as good as gone. */
	if (atomic_load(&lo->blk.users) == 1)
		atomic_store(&lo->blk.closing, true);
}

/* --- getting a file --- */

co_t loop_bind(struct co *co, struct loop_bind *f)
{
	struct loop *lo;

	CO_BEGIN;
	lo = f->lo;
	lo->anchor = loop_anchor(lo, co_task(co)->cred);
	lo->worker = lo->anchor ? loop_work_start(lo) : NULL;
	if (!lo->worker) {
		if (lo->anchor) {
			lo->anchor->ops = &loop_no_ops;
			file_put(lo->anchor);
		}
		lo->anchor = NULL;
		CO_RETURN(-ENOMEM);
	}
	loop_take_info(lo, &f->config->info);
	lo->flags = f->config->info.lo_flags;
	if (f->read_only)
		lo->flags |= LO_FLAGS_READ_ONLY;
	spin_lock(&lo->lock);
	lo->file = f->file;
	spin_unlock(&lo->lock);
	loop_apply(lo);
	atomic_store(&lo->blk.block_size,
		     f->config->block_size ? f->config->block_size : (u32)BLK_SECTOR);
	CO_AWAIT(f->err, blk_resize, .dev = &f->lo->blk,
		 .sectors = loop_sectors(f->lo, f->lo->file));
	if (f->lo->flags & LO_FLAGS_PARTSCAN)
		CO_AWAIT(f->err, part_scan, .disk = &f->lo->blk);
	CO_RETURN(0);
	CO_END;
}

co_t loop_set(struct co *co, struct loop_set *f)
{
	struct loop *lo;
	u32 flags;

	CO_BEGIN;
	lo = f->lo;
	if (lo->offset != f->info->lo_offset || lo->limit != f->info->lo_sizelimit)
		CO_AWAIT(f->err, blk_sync, .dev = &f->lo->blk);
	lo = f->lo;
	f->scan = !(lo->flags & LO_FLAGS_PARTSCAN) && (f->info->lo_flags & LO_FLAGS_PARTSCAN);
	flags = (f->info->lo_flags & LOOP_SETTABLE) | (lo->flags & ~LOOP_SETTABLE);
	flags |= lo->flags & ~LOOP_CLEARABLE;
	if (lo->offset != f->info->lo_offset || lo->limit != f->info->lo_sizelimit) {
		loop_take_info(lo, f->info);
		lo->flags = flags;
		/* What it has in memory was somewhere else. */
		CO_AWAIT(f->err, blk_resize, .dev = &f->lo->blk);
		CO_AWAIT(f->err, blk_resize, .dev = &f->lo->blk,
			 .sectors = loop_sectors(f->lo, f->lo->file));
	} else {
		loop_take_info(lo, f->info);
		lo->flags = flags;
	}
	loop_apply(f->lo);
	if (f->scan)
		CO_AWAIT(f->err, part_scan, .disk = &f->lo->blk);
	CO_RETURN(0);
	CO_END;
}
