/* core/dev/blk_cache.c -- see blk_cache.h. The last page of a device may be partial: its tail
 * reads as zeros and is not written. */
#include "core/dev/blk_cache.h"

#include <linux/fs.h>
#include <linux/stat.h>

#include "core/base/log.h"
#include "mem/phys/slab.h"
#include "mem/space/reclaim.h"
#include "mem/space/uaccess.h"
#include "vfs/reaper.h"
#include "vfs/super.h"

static u64 blk_size(const struct blk_device *dev)
{
	return atomic_load(&dev->sectors) << BLK_SECTOR_SHIFT;
}

/* Bytes of page `index` that exist. */
static u32 blk_page_bytes(const struct blk_device *dev, u64 index)
{
	u64 size = blk_size(dev);

	if (index > size >> PAGE_SHIFT)
		return 0;
	return (u32)min(size - (index << PAGE_SHIFT), PAGE_SIZE);
}

/* --- filling and writing pages --- */

/* What lies past the device's end reads as zeros. */
static void blk_zero_tail(struct page *page, u32 len)
{
	memset((u8 *)phys_page_data(page) + len, 0, PAGE_SIZE - len);
}

struct blk_readpage {
	struct mapping_readpage;
	struct blk_segment segment;
	long err;
};
static co_t blk_readpage(struct co *co, struct blk_readpage *f)
{
	CO_BEGIN;
	f->segment = (struct blk_segment){
		.addr = phys_page_addr(f->page),
		.len = blk_page_bytes(f->mapping->private, f->page->index),
	};
	f->err = -EIO;
	blk_zero_tail(f->page, f->segment.len);
	if (f->segment.len)
		CO_AWAIT(f->err, blk_transfer, .dev = f->mapping->private, .kind = BLK_READ,
			 .sector = f->page->index << (PAGE_SHIFT - BLK_SECTOR_SHIFT),
			 .segments = &f->segment, .count = 1);
	page_filled(f->mapping, f->page, f->err == 0);
	CO_RETURN(f->err);
	CO_END;
}

static bool blk_batch_page(struct blk_batch *b, struct page *page)
{
	u32 len = blk_page_bytes(b->dev, page->index);

	blk_zero_tail(page, len);
	return !len || blk_batch_add(b, page->index << (PAGE_SHIFT - BLK_SECTOR_SHIFT),
				     phys_page_addr(page), len);
}

struct blk_readpages {
	struct mapping_readpages;
	struct blk_batch *batch;
	unsigned at;
	long err;
};
static co_t blk_readpages(struct co *co, struct blk_readpages *f)
{
	CO_BEGIN;
	f->batch = kmalloc(sizeof(*f->batch));
	f->err = -ENOMEM;
	if (!f->batch)
		goto out;
	blk_batch_init(f->batch, f->mapping->private, BLK_READ);
	for (f->at = 0; f->at < f->count; f->at++)
		while (!blk_batch_page(f->batch, f->pages[f->at]))
			CO_AWAIT(f->err, blk_batch_wait, .batch = f->batch);
	CO_AWAIT(f->err, blk_batch_wait, .batch = f->batch);
	kfree(f->batch);
out:
	for (f->at = 0; f->at < f->count; f->at++)
		page_filled(f->mapping, f->pages[f->at], f->err == 0);
	CO_RETURN(f->err);
	CO_END;
}

struct blk_writepage {
	struct mapping_writepage;
	struct blk_segment segment;
	long err;
};
static co_t blk_writepage(struct co *co, struct blk_writepage *f)
{
	CO_BEGIN;
	f->segment = (struct blk_segment){
		.addr = phys_page_addr(f->page),
		.len = blk_page_bytes(f->mapping->private, f->page->index),
	};
	f->err = -EIO;
	if (f->segment.len)
		CO_AWAIT(f->err, blk_transfer, .dev = f->mapping->private, .kind = BLK_WRITE,
			 .sector = f->page->index << (PAGE_SHIFT - BLK_SECTOR_SHIFT),
			 .segments = &f->segment, .count = 1);
	CO_RETURN(f->err);
	CO_END;
}

static const struct mapping_ops blk_mapping_ops = {
	.readpage = CO_IMPLEMENTS(mapping_readpage, blk_readpage),
	.readpages = CO_IMPLEMENTS(mapping_readpages, blk_readpages),
	.writepage = CO_IMPLEMENTS(mapping_writepage, blk_writepage),
};

void blk_cache_init(struct blk_device *dev)
{
	mapping_init(&dev->mapping, NULL);
	dev->mapping.ops = &blk_mapping_ops;
	dev->mapping.private = dev;
	dev->mapping.fixed_size = blk_size(dev);
}

/* --- the file --- */

struct blk_open {
	struct file_opened;
};
static co_t blk_open(struct co *co, struct blk_open *f)
{
	struct blk_device *dev;

	CO_BEGIN;
	dev = blk_find(f->file->inode->rdev);
	if (!dev || !blk_use(dev))
		CO_RETURN(-ENXIO);
	f->file->private = dev;
	CO_RETURN(0);
	CO_END;
}

/* What the last close of a device sets off is over when it returns. */
struct blk_file_release {
	struct file_released;
	struct blk_device *dev;
	long ignored;
};
static co_t blk_file_release(struct co *co, struct blk_file_release *f)
{
	CO_BEGIN;
	f->dev = f->file->private;
	if (!f->dev)
		CO_RETURN(0);
	blk_unuse(f->dev);
	if (atomic_load(&blk_disk(f->dev)->users) == BLK_UNUSABLE)
		CO_AWAIT(f->ignored, reaper_wait);
	CO_RETURN(0);
	CO_END;
}

static struct mapping *blk_mapping(struct file *file)
{
	struct blk_device *dev = file->private;

	return &dev->mapping;
}

/* How much of the page at pos a transfer wants, cut to the device. */
static size_t blk_chunk(const struct file *file, i64 pos, u64 left)
{
	u64 size = blk_size(file->private);

	if ((u64)pos >= size)
		return 0;
	left = min(left, size - (u64)pos);
	return min(left, PAGE_SIZE - ((u64)pos & ~PAGE_MASK));
}

struct blk_file_read {
	struct file_transfer;
	struct page *page;
	size_t chunk, moved;
	i64 done;
	long err;
};
static co_t blk_file_read(struct co *co, struct blk_file_read *f)
{
	CO_BEGIN;
	while ((f->chunk = blk_chunk(f->file, f->pos, f->uio->left))) {
		CO_AWAIT(f->err, page_get_filled, .mapping = blk_mapping(f->file),
			 .index = (u64)f->pos >> PAGE_SHIFT, .ahead = BLK_READ_AHEAD,
			 .page = &f->page);
		if (f->err)
			break;
		f->moved = uio_copy_to(f->uio, (u8 *)phys_page_data(f->page) +
				       ((u64)f->pos & ~PAGE_MASK), f->chunk);
		phys_page_put(f->page);
		f->pos += (i64)f->moved;
		f->done += (i64)f->moved;
		if (f->moved < f->chunk) {
			CO_AWAIT(f->err, uio_fault_in, .uio = f->uio, .n = f->chunk - f->moved,
				 .write = true);
			if (f->err)
				break;
		}
		CO_BREATHE;
	}
	CO_RETURN(f->done ? f->done : f->err);
	CO_END;
}

/* Copy into a claimed page. */
static size_t blk_fill(struct mapping *m, struct page *page, struct uio *uio, i64 pos, size_t n)
{
	size_t moved = uio_copy_from(uio, (u8 *)phys_page_data(page) + ((u64)pos & ~PAGE_MASK), n);

	if (moved) {
		page_mark_dirty(m, page);
		page_changed(page);
	}
	page_unclaim(m, page);
	phys_page_put(page);
	return moved;
}

/* A whole page that is not there need not be read. Bytes; 0: it is there by now, -EAGAIN: the
 * user's memory is not. */
struct blk_write_whole {
	struct co_frame co;
	struct mapping *mapping;
	struct uio *uio;
	u64 index;
	struct page *page;
	long err;
};
static co_t blk_write_whole(struct co *co, struct blk_write_whole *f)
{
	struct uio start;

	CO_BEGIN;
	CO_AWAIT(f->err, page_alloc_await, .page = &f->page);
	if (f->err)
		CO_RETURN(f->err);
	start = *f->uio;
	if (uio_copy_from(f->uio, phys_page_data(f->page), PAGE_SIZE) < PAGE_SIZE)
		f->err = -EAGAIN;
	else
		f->err = page_add(f->mapping, f->page, f->index);
	if (f->err) {
		*f->uio = start;
	} else {
		page_mark_dirty(f->mapping, f->page);
		page_filled(f->mapping, f->page, true);
		f->err = PAGE_SIZE;
	}
	phys_page_put(f->page);
	CO_RETURN(f->err == -EEXIST ? 0 : f->err);
	CO_END;
}

/* Is it one that blk_write_whole can do? */
static bool blk_is_whole(struct file *file, i64 pos, size_t n)
{
	struct page *page = n < PAGE_SIZE ? NULL
					  : page_find(blk_mapping(file), (u64)pos >> PAGE_SHIFT);

	if (page)
		phys_page_put(page);
	return n == PAGE_SIZE && !page;
}

struct blk_file_write {
	struct file_transfer;
	struct page *page;
	size_t chunk, moved;
	i64 done;
	long err;
};
static co_t blk_file_write(struct co *co, struct blk_file_write *f)
{
	CO_BEGIN;
	if (((struct blk_device *)f->file->private)->read_only)
		CO_RETURN(-EPERM);
	if (f->uio->left && !blk_chunk(f->file, f->pos, f->uio->left))
		CO_RETURN(-ENOSPC);
	while ((f->chunk = blk_chunk(f->file, f->pos, f->uio->left))) {
		f->err = 0;
		if (blk_is_whole(f->file, f->pos, f->chunk))
			CO_AWAIT(f->err, blk_write_whole, .mapping = blk_mapping(f->file),
				 .uio = f->uio, .index = (u64)f->pos >> PAGE_SHIFT);
		if (f->err > 0) {
			f->pos += f->err;
			f->done += f->err;
			CO_BREATHE;
			continue;
		}
		if (f->err == -EAGAIN) {
			CO_AWAIT(f->err, uio_fault_in, .uio = f->uio, .n = f->chunk);
			if (!f->err)
				continue;
		}
		if (f->err)
			break;
		CO_AWAIT(f->err, page_get_filled, .mapping = blk_mapping(f->file),
			 .index = (u64)f->pos >> PAGE_SHIFT, .ahead = 1, .page = &f->page);
		if (f->err)
			break;
		CO_WAIT_IO(&blk_mapping(f->file)->waiters, page_claim(f->page));
		f->moved = blk_fill(blk_mapping(f->file), f->page, f->uio, f->pos, f->chunk);
		f->pos += (i64)f->moved;
		f->done += (i64)f->moved;
		if (f->moved < f->chunk) {
			CO_AWAIT(f->err, uio_fault_in, .uio = f->uio, .n = f->chunk - f->moved);
			if (f->err)
				break;
		}
		CO_BREATHE;
	}
	CO_RETURN(f->done ? f->done : f->err);
	CO_END;
}

/* Everything dirty to the device, and the device's own cache to what lasts. */
co_t blk_sync(struct co *co, struct blk_sync *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, page_write_back, .mapping = &f->dev->mapping, .first = 0,
		 .last = UINT64_MAX >> PAGE_SHIFT);
	if (f->err || !blk_size(f->dev))
		CO_RETURN(f->err);
	CO_AWAIT(f->err, blk_transfer, .dev = f->dev, .kind = BLK_FLUSH);
	CO_RETURN(f->err);
	CO_END;
}

struct blk_sync_all {
	struct super_sync_devices;
	struct blk_device *dev;
	long ignored;
};
static co_t blk_sync_all(struct co *co, struct blk_sync_all *f)
{
	CO_BEGIN;
	while ((f->dev = blk_next(f->dev)))
		CO_AWAIT(f->ignored, blk_sync, .dev = f->dev);
	CO_RETURN(0);
	CO_END;
}

void blk_cache_start(void)
{
	super_devices = (struct super_sync_devices_op)CO_IMPLEMENTS(super_sync_devices,
								    blk_sync_all);
}

struct blk_fsync {
	struct file_fsync;
	long err;
};
static co_t blk_fsync(struct co *co, struct blk_fsync *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, blk_sync, .dev = f->file->private);
	CO_RETURN(f->err);
	CO_END;
}

static int blk_mmap(struct file *file, u64 offset, u64 size, bool shared, bool write,
		    struct pager **pager)
{
	if (shared && write && ((struct blk_device *)file->private)->read_only)
		return -EINVAL;
	*pager = &blk_mapping(file)->pager;
	(*pager)->ops->get(*pager);
	return 0;
}

static i64 blk_llseek(struct file *file, i64 offset, int whence)
{
	i64 base = 0, size = (i64)blk_size(file->private), to;

	if (whence == SEEK_CUR)
		base = file->pos;
	else if (whence == SEEK_END)
		base = size;
	else if (whence != SEEK_SET)
		return -EINVAL;
	if (add_overflows(base, offset, &to) || to < 0 || to > size)
		return -EINVAL;
	return to;
}

const struct file_ops blk_file_ops = {
	.open = CO_IMPLEMENTS(file_opened, blk_open),
	.read = CO_IMPLEMENTS(file_transfer, blk_file_read),
	.write = CO_IMPLEMENTS(file_transfer, blk_file_write),
	.release = CO_IMPLEMENTS(file_released, blk_file_release),
	.ioctl = CO_IMPLEMENTS(file_ioctl, blk_ioctl),
	.fsync = CO_IMPLEMENTS(file_fsync, blk_fsync),
	.mmap = blk_mmap,
	.llseek = blk_llseek,
};
