/* core/dev/blk_ioctl.c -- what a program asks of a block device. */
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <linux/hdreg.h>
#include <linux/stat.h>

#include "core/cred/cred.h"
#include "core/dev/blk_cache.h"
#include "core/dev/part.h"
#include "mem/space/uaccess.h"

static u64 ioctl_size(const struct blk_device *dev)
{
	return atomic_load(&dev->sectors) << BLK_SECTOR_SHIFT;
}

static bool ioctl_may_admin(struct co *co)
{
	return cred_capable(co_task(co)->cred, CAP_SYS_ADMIN);
}

/* The answer of an ioctl that only tells a number: its size in bytes, 0 for the others. */
static size_t ioctl_tell(const struct blk_device *dev, unsigned cmd, u64 *value)
{
	switch (cmd) {
	case BLKGETSIZE64:
		*value = ioctl_size(dev);
		return 8;
	case BLKGETSIZE:
		*value = atomic_load(&dev->sectors);
		return 8;
	case BLKSSZGET:
	case BLKPBSZGET:
	case BLKIOMIN:
		*value = dev->block_size;
		return 4;
	case BLKBSZGET:
		*value = PAGE_SIZE;
		return 4;
	case BLKROGET:
		*value = atomic_load(&dev->read_only);
		return 4;
	case BLKRAGET:
		*value = BLK_READ_AHEAD * (PAGE_SIZE / BLK_SECTOR);
		return 8;
	case BLKSECTGET:
		*value = BLK_MAX_SEGMENTS * (PAGE_SIZE / BLK_SECTOR);
		return 2;
	case BLKALIGNOFF:
	case BLKIOOPT:
	case BLKDISCARDZEROES:
		*value = 0;
		return 4;
	default:
		return 0;
	}
}

/* --- partitions --- */

struct ioctl_partition {
	struct co_frame co;
	struct blk_device *dev;
	uptr from;
	struct blkpg_ioctl_arg arg;
	struct blkpg_partition part;
	long err;
};

/* Of one that is made or resized: does it make sense? */
static bool ioctl_part_is_sound(const struct ioctl_partition *f)
{
	i64 start = f->part.start, length = f->part.length;

	return start >= 0 && length > 0 && INT64_MAX - length >= start &&
	       !((u64)(start | length) & (f->dev->block_size - 1));
}

static co_t ioctl_partition(struct co *co, struct ioctl_partition *f)
{
	CO_BEGIN;
	CO_COPY_FROM_USER(f->err, &f->arg, f->from, sizeof(f->arg));
	if (f->err)
		CO_RETURN(f->err);
	if (!ioctl_may_admin(co))
		CO_RETURN(-EACCES);
	CO_COPY_FROM_USER(f->err, &f->part, uptr_of((u64)f->arg.data), sizeof(f->part));
	if (f->err)
		CO_RETURN(f->err);
	if (f->dev->disk || f->part.pno <= 0)
		CO_RETURN(-EINVAL);
	f->err = -EINVAL;
	if (f->arg.op == BLKPG_DEL_PARTITION) {
		CO_AWAIT(f->err, part_remove, .disk = f->dev, .number = (u32)f->part.pno);
		CO_RETURN(f->err);
	}
	if (!ioctl_part_is_sound(f))
		CO_RETURN(-EINVAL);
	if (f->arg.op == BLKPG_ADD_PARTITION)
		CO_AWAIT(f->err, part_add, .disk = f->dev, .number = (u32)f->part.pno,
			 .first = (u64)f->part.start >> BLK_SECTOR_SHIFT,
			 .sectors = (u64)f->part.length >> BLK_SECTOR_SHIFT);
	else if (f->arg.op == BLKPG_RESIZE_PARTITION)
		CO_AWAIT(f->err, part_resize, .disk = f->dev, .number = (u32)f->part.pno,
			 .first = (u64)f->part.start >> BLK_SECTOR_SHIFT,
			 .sectors = (u64)f->part.length >> BLK_SECTOR_SHIFT);
	CO_RETURN(f->err);
	CO_END;
}

/* --- ranges --- */

struct ioctl_range {
	struct co_frame co;
	struct file *file;
	struct blk_device *dev;
	bool zero;
	uptr from;
	u64 range[2];
	long err;
};

static long ioctl_range_check(const struct ioctl_range *f)
{
	u64 mask = f->zero ? BLK_SECTOR - 1 : f->dev->block_size - 1, end;

	if (!(f->file->mode & FILE_WRITE))
		return -EBADF;
	if (!f->zero && !atomic_load(&blk_disk(f->dev)->range_max[0]))
		return -EOPNOTSUPP;
	if (!f->zero && atomic_load(&f->dev->read_only))
		return -EPERM;
	if (((f->range[0] | f->range[1]) & mask) || !f->range[1] ||
	    add_overflows(f->range[0], f->range[1], &end) || end > ioctl_size(f->dev))
		return -EINVAL;
	return atomic_load(&f->dev->read_only) ? -EPERM : 0;
}

static co_t ioctl_range(struct co *co, struct ioctl_range *f)
{
	CO_BEGIN;
	if (f->zero && !(f->file->mode & FILE_WRITE))
		CO_RETURN(-EBADF);
	CO_COPY_FROM_USER(f->err, &f->range, f->from, sizeof(f->range));
	if (!f->err)
		f->err = ioctl_range_check(f);
	if (f->err)
		CO_RETURN(f->err);
	/* What is in memory of it is nothing any more; a page's other half goes out as it is. */
	CO_AWAIT(f->err, page_punch, .mapping = &f->dev->mapping, .from = f->range[0],
		 .to = f->range[0] + f->range[1]);
	if (f->zero)
		CO_AWAIT(f->err, blk_zero, .dev = f->dev,
			 .sector = f->range[0] >> BLK_SECTOR_SHIFT,
			 .sectors = f->range[1] >> BLK_SECTOR_SHIFT);
	else
		CO_AWAIT(f->err, blk_range, .dev = f->dev, .kind = BLK_DISCARD,
			 .sector = f->range[0] >> BLK_SECTOR_SHIFT,
			 .sectors = f->range[1] >> BLK_SECTOR_SHIFT);
	CO_RETURN(f->err);
	CO_END;
}

/* --- all of them --- */

struct ioctl_geometry {
	struct co_frame co;
	const struct blk_device *dev;
	uptr to;
	struct hd_geometry geometry;
	long err;
};
static co_t ioctl_geometry(struct co *co, struct ioctl_geometry *f)
{
	CO_BEGIN;
	f->geometry = (struct hd_geometry){
		.heads = 16,
		.sectors = 63,
		.cylinders = (unsigned short)min(f->dev->sectors / (16 * 63), 65535ul),
		.start = f->dev->first,
	};
	CO_COPY_TO_USER(f->err, f->to, &f->geometry, sizeof(f->geometry));
	CO_RETURN(f->err);
	CO_END;
}

/* Those that wait for the device. -ENOTTY: it is none of them. */
struct ioctl_act {
	struct co_frame co;
	struct blk_ioctl *of;
	struct blk_device *dev;
	long err;
};
static co_t ioctl_act(struct co *co, struct ioctl_act *f)
{
	CO_BEGIN;
	f->err = -ENOTTY;
	if (f->of->cmd == BLKFLSBUF && !ioctl_may_admin(co))
		f->err = -EACCES;
	else if (f->of->cmd == BLKFLSBUF)
		CO_AWAIT(f->err, blk_sync, .dev = f->dev);
	else if (f->of->cmd == BLKRRPART && !ioctl_may_admin(co))
		f->err = -EACCES;
	else if (f->of->cmd == BLKRRPART)
		CO_AWAIT(f->err, part_scan, .disk = f->dev);
	else if (f->of->cmd == BLKPG)
		CO_AWAIT(f->err, ioctl_partition, .dev = f->dev, .from = uptr_of(f->of->arg));
	else if (f->of->cmd == BLKDISCARD || f->of->cmd == BLKZEROOUT)
		CO_AWAIT(f->err, ioctl_range, .file = f->of->file, .dev = f->dev,
			 .zero = f->of->cmd == BLKZEROOUT, .from = uptr_of(f->of->arg));
	else if (f->of->cmd == HDIO_GETGEO && f->dev->geometry)
		CO_AWAIT(f->err, ioctl_geometry, .dev = f->dev, .to = uptr_of(f->of->arg));
	CO_RETURN(f->err);
	CO_END;
}

co_t blk_ioctl(struct co *co, struct blk_ioctl *f)
{
	size_t size;

	CO_BEGIN;
	f->dev = f->file->private;
	size = ioctl_tell(f->dev, f->cmd, &f->value);
	if (size) {
		CO_COPY_TO_USER(f->err, uptr_of(f->arg), &f->value, size);
		CO_RETURN(f->err);
	}
	CO_AWAIT(f->err, ioctl_act, .of = f, .dev = f->dev);
	if (f->err != -ENOTTY || f->cmd == HDIO_GETGEO || !f->dev->ops->ioctl.step)
		CO_RETURN(f->err);
	CO_AWAIT_OP(f->err, f->dev->ops->ioctl, .file = f->file, .cmd = f->cmd, .arg = f->arg);
	CO_RETURN(f->err);
	CO_END;
}
