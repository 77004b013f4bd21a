/* fs/ext4/data.c -- file pages. Adjacent blocks become one request, the requests of a run of
 * pages are all in flight together, and what no block backs is zeros. */
#include <linux/stat.h>

#include "fs/ext4/write.h"
#include "mem/phys/slab.h"

/* The piece of the pages where `block` lies. */
static u8 *block_memory(const struct ext4_read_pages *f, u64 block)
{
	unsigned shift = ext4_of(f->mapping->inode)->block_shift;
	u64 offset = (block << shift) - (f->pages[0]->index << PAGE_SHIFT);

	return (u8 *)phys_page_data(f->pages[offset >> PAGE_SHIFT]) + (offset & ~PAGE_MASK);
}

/* A directory's or link's block that was changed and has not gone home yet: it is in memory. */
static bool is_newer(const struct inode *inode, u64 block, u8 *memory)
{
	const struct ext4 *fs = ext4_of(inode);

	return fs->journal && !S_ISREG(inode->mode) && buffer_overlay(fs->journal, block, memory);
}

/* Bring f->block and what follows it in f->run into the batch, or zero it: moves f->block.
 * false: the batch is full. */
static bool add_run(struct ext4_read_pages *f)
{
	const struct ext4 *fs = ext4_of(f->mapping->inode);
	u64 end = min(f->end, f->run.block + f->run.len);

	for (; f->block < end; f->block++) {
		u8 *memory = block_memory(f, f->block);
		u64 at = f->run.start + (f->block - f->run.block);

		if (!f->run.start) {
			memset(memory, 0, fs->block_size);
			/* Unwritten: there is room, it only has to be said that it is written. */
			if (!f->run.unwritten)
				atomic_and(&phys_page_of(memory)->flags, ~(u32)PAGE_ROOM);
		} else if (!is_newer(f->mapping->inode, at, memory) &&
			   !blk_batch_add(f->batch, at << (fs->block_shift - BLK_SECTOR_SHIFT),
					paddr_of(phys_page_addr(phys_page_of(memory)).raw +
						 ((uintptr_t)memory & ~PAGE_MASK)),
					fs->block_size)) {
			return false;
		}
	}
	return true;
}

/* Until a hole is found in them; what lies behind the end is not looked at. */
static void assume_room(const struct ext4_read_pages *f)
{
	unsigned shift = PAGE_SHIFT - ext4_of(f->mapping->inode)->block_shift;

	for (unsigned i = 0; i < f->count; i++) {
		if ((f->pages[i]->index + 1) << shift <= f->end)
			atomic_or(&f->pages[i]->flags, (u32)PAGE_ROOM);
		else
			atomic_and(&f->pages[i]->flags, ~(u32)PAGE_ROOM);
	}
}

/* Zeros from the end of the file to the end of the pages. */
static void zero_tail(struct ext4_read_pages *f)
{
	u64 size = inode_size(f->mapping->inode);

	for (unsigned i = 0; i < f->count; i++) {
		u64 start = f->pages[i]->index << PAGE_SHIFT;
		u64 keep = size > start ? min(size - start, PAGE_SIZE) : 0;

		memset((u8 *)phys_page_data(f->pages[i]) + keep, 0, PAGE_SIZE - keep);
	}
}

/* The first block not to be read: past the pages or the file. */
static u64 blocks_end(const struct ext4_read_pages *f)
{
	const struct ext4 *fs = ext4_of(f->mapping->inode);
	u64 pages_end = (f->pages[0]->index + f->count) << PAGE_SHIFT;
	u64 end = min(pages_end, inode_size(f->mapping->inode));

	return (end + fs->block_size - 1) >> fs->block_shift;
}

co_t ext4_read_pages(struct co *co, struct ext4_read_pages *f)
{
	CO_BEGIN;
	f->block = f->pages[0]->index << PAGE_SHIFT >> ext4_of(f->mapping->inode)->block_shift;
	f->end = blocks_end(f);
	assume_room(f);
	if (f->block >= f->end) {
		zero_tail(f);
		CO_RETURN(0);
	}
	f->batch = kmalloc(sizeof(*f->batch));
	if (!f->batch)
		CO_RETURN(-ENOMEM);
	blk_batch_init(f->batch, ext4_of(f->mapping->inode)->dev, BLK_READ);
	/* Nobody takes blocks away while they are being read. */
	CO_READ_LOCK(&ext4_inode(f->mapping->inode)->map_lock);
	while (f->block < f->end) {
		CO_AWAIT(f->err, ext4_map_locked, .inode = ext4_inode(f->mapping->inode),
			 .block = f->block, .run = &f->run);
		if (f->err)
			break;
		while (!add_run(f))
			CO_AWAIT(f->io_err, blk_batch_wait, .batch = f->batch);
	}
	/* Those under way write into the pages: wait for them in any case. */
	CO_AWAIT(f->io_err, blk_batch_wait, .batch = f->batch);
	rwlock_unlock_read(&ext4_inode(f->mapping->inode)->map_lock);
	if (!f->err)
		f->err = f->io_err;
	kfree(f->batch);
	if (!f->err)
		zero_tail(f);
	CO_RETURN(f->err);
	CO_END;
}

struct ext4_readpage {
	struct mapping_readpage;
	long err;
};
static co_t ext4_readpage(struct co *co, struct ext4_readpage *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, ext4_read_pages, .mapping = f->mapping, .pages = &f->page, .count = 1);
	page_filled(f->mapping, f->page, f->err == 0);
	CO_RETURN(f->err);
	CO_END;
}

struct ext4_readpages {
	struct mapping_readpages;
	unsigned at;
	long err;
};
static co_t ext4_readpages(struct co *co, struct ext4_readpages *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, ext4_read_pages, .mapping = f->mapping, .pages = f->pages,
		 .count = f->count);
	for (f->at = 0; f->at < f->count; f->at++)
		page_filled(f->mapping, f->pages[f->at], f->err == 0);
	CO_RETURN(f->err);
	CO_END;
}

const struct mapping_ops ext4_file_mapping = {
	.readpage = CO_IMPLEMENTS(mapping_readpage, ext4_readpage),
	.readpages = CO_IMPLEMENTS(mapping_readpages, ext4_readpages),
	.writepages = CO_IMPLEMENTS(mapping_writepages, ext4_writepages),
	.promise = ext4_page_promise,
	.unpromise = ext4_page_unpromise,
	.make_room = CO_IMPLEMENTS(mapping_make_room, ext4_make_room),
};
