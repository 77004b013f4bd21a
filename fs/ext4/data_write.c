/* fs/ext4/data_write.c -- file pages to the disk.
 *
 * A run of pages is gone over in rounds. First what has a place is written there, with the map
 * held, so that nobody takes those blocks away meanwhile; what is a hole, and was promised room,
 * is noted. Then for each hole blocks are reserved, written, and only then, under a handle, used
 * and entered into the map; unwritten extents that were written to become ordinary ones. The size
 * that the disk knows follows.
 *
 * A page that is dirty but has no promise was only zeroed in part: where it has no block, it is
 * zeros anyway, and none is looked for.
 *
 * Ownership  what a round needs is from the heap, or, without memory, the one spare of the file
 *            system, which is waited for: writing back goes on when nothing is left.
 */
#include <linux/stat.h>

#include "fs/ext4/write.h"
#include "mem/phys/slab.h"

#define PIECES 32u

/* Blocks that are to be entered (a hole), or are there, unwritten. */
struct write_piece {
	u64 block, start, len;	/* start 0: a hole */
};

struct ext4_write_round {
	struct blk_batch batch;
	unsigned count;
	struct write_piece piece[PIECES];
};

int ext4_write_open(struct ext4 *fs)
{
	waitq_init(&fs->spare_free);
	fs->spare = kmalloc(sizeof(*fs->spare));
	return fs->spare ? 0 : -ENOMEM;
}

void ext4_write_close(struct ext4 *fs)
{
	kfree(fs->spare);
	fs->spare = NULL;
}

/* --- promises --- */

/* Blocks that a page may need, with its share of the map. */
static u32 page_needs(struct inode *inode, const struct page *page)
{
	unsigned shift = PAGE_SHIFT - ext4_of(inode)->block_shift;

	return (1u << shift) + ext4_map_overhead(inode, ((page->index + 1) << shift) - 1);
}

int ext4_page_promise(struct mapping *m, struct page *page)
{
	struct ext4 *fs = ext4_of(m->inode);
	int err;

	if ((page->index + 1) << (PAGE_SHIFT - fs->block_shift) > ext4_map_limit(m->inode))
		return -EFBIG;
	err = ext4_promise(fs, page_needs(m->inode, page));
	if (!err)
		atomic_or(&page->flags, (u32)(PAGE_ROOM | PAGE_PROMISED));
	return err;
}

void ext4_page_unpromise(struct mapping *m, struct page *page)
{
	atomic_and(&page->flags, ~(u32)PAGE_PROMISED);
	ext4_unpromise(ext4_of(m->inode), page_needs(m->inode, page));
}

/* --- one run of pages --- */

static struct ext4 *fs_of(const struct ext4_writepages *f)
{
	return ext4_of(f->mapping->inode);
}

static struct page *page_of(const struct ext4_writepages *f, u64 block)
{
	u64 index = block >> (PAGE_SHIFT - fs_of(f)->block_shift);

	return f->pages[index - f->pages[0]->index];
}

static bool round_try(struct ext4_writepages *f)
{
	f->round = atomic_swap(&fs_of(f)->spare, NULL);
	f->spare = f->round != NULL;
	return f->round;
}

static void round_put(struct ext4_writepages *f)
{
	if (!f->spare) {
		kfree(f->round);
		return;
	}
	atomic_store(&fs_of(f)->spare, f->round);
	waitq_wake(&fs_of(f)->spare_free);
}

/* The part of the batch's request for this block. false: the batch is full. */
static bool add_block(struct ext4_writepages *f, u64 block, u64 at)
{
	const struct ext4 *fs = fs_of(f);
	u64 offset = block << fs->block_shift & ~PAGE_MASK;

	return blk_batch_add(&f->round->batch, at << (fs->block_shift - BLK_SECTOR_SHIFT),
			     paddr_of(phys_page_addr(page_of(f, block)).raw + offset),
			     fs->block_size);
}

/* Write [block, block + len) to `start` on. Waits for all that the batch has. */
struct write_blocks {
	struct co_frame co;
	struct ext4_writepages *w;
	u64 block, start, len;
	bool wait;
	long err;
};
static co_t write_blocks(struct co *co, struct write_blocks *f)
{
	CO_BEGIN;
	for (; f->len; f->len--, f->block++, f->start++) {
		while (!add_block(f->w, f->block, f->start)) {
			CO_AWAIT(f->err, blk_batch_wait, .batch = &f->w->round->batch);
			f->w->io_err = f->w->io_err ? f->w->io_err : f->err;
		}
	}
	if (f->wait) {
		CO_AWAIT(f->err, blk_batch_wait, .batch = &f->w->round->batch);
		f->w->io_err = f->w->io_err ? f->w->io_err : f->err;
	}
	CO_RETURN(f->w->io_err);
	CO_END;
}

/* Note a piece, joined with the last if it goes on there. */
static void note_piece(struct ext4_write_round *r, u64 block, u64 start, u64 len)
{
	struct write_piece *last = r->count ? &r->piece[r->count - 1] : NULL;

	if (last && last->block + last->len == block &&
	    (start ? last->start && last->start + last->len == start : !last->start))
		last->len += len;
	else
		r->piece[r->count++] = (struct write_piece){block, start, len};
}

/* Blocks of a hole that have a promise, from f->block on and before `end`: moves f->block. */
static void note_hole(struct ext4_writepages *f, u64 end)
{
	for (; f->block < end && f->round->count < PIECES; f->block++)
		if (atomic_load_relaxed(&page_of(f, f->block)->flags) & PAGE_PROMISED)
			note_piece(f->round, f->block, 0, 1);
}

/* From f->block on, as far as there are pieces to note it in: with the map held. */
struct write_placed {
	struct co_frame co;
	struct ext4_writepages *w;
	struct ext4_run run;
	u64 at, n;
	long err;
};
static co_t write_placed(struct co *co, struct write_placed *f)
{
	CO_BEGIN;
	while (f->w->block < f->w->end && f->w->round->count < PIECES && !f->err) {
		CO_AWAIT(f->err, ext4_map_locked, .inode = ext4_inode(f->w->mapping->inode),
			 .block = f->w->block, .run = &f->run);
		if (f->err)
			break;
		f->n = min(f->run.block + f->run.len, f->w->end) - f->w->block;
		f->at = f->run.start + f->run.unwritten;
		if (!f->at) {
			note_hole(f->w, f->w->block + f->n);
			continue;
		}
		f->at += f->w->block - f->run.block;
		if (f->run.unwritten)
			note_piece(f->w->round, f->w->block, f->at, f->n);
		CO_AWAIT(f->err, write_blocks, .w = f->w, .block = f->w->block, .start = f->at,
			 .len = f->n);
		f->w->block += f->n;
	}
	/* Those under way read the pages, and the map is held for them: wait in any case. */
	CO_AWAIT(f->n, write_blocks, .w = f->w, .wait = true);
	CO_RETURN(f->err ? f->err : (long)f->n);
	CO_END;
}

/* The disk may know that the file reaches to `end`: what lies before is written. */
static bool size_follows(struct inode *inode, u64 end)
{
	struct ext4_inode *e = ext4_inode(inode);
	bool grew;

	spin_lock(&inode->attr_lock);
	end = min(end, inode_size(inode));
	grew = end > e->disk_size;
	if (grew)
		atomic_store(&e->disk_size, end);
	spin_unlock(&inode->attr_lock);
	return grew;
}

/* Data was written to reserved blocks (`fresh`), or unwritten ones: enter it. *done blocks. */
struct write_enter {
	struct co_frame co;
	struct ext4_writepages *w;
	u64 block, start, len;
	bool fresh;
	u64 *done;
	struct handle handle;
	struct ext4_blocks did;
	long err;
};

static bool enter_has_size(const struct write_enter *f)
{
	return size_follows(f->w->mapping->inode,
			    (f->block + *f->done) << fs_of(f->w)->block_shift);
}

static co_t write_enter(struct co *co, struct write_enter *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, journal_start, .journal = fs_of(f->w)->journal, .handle = &f->handle,
		 .credits = ext4_map_credits(f->w->mapping->inode));
	if (f->err) {
		if (f->fresh)
			ext4_unreserve_blocks(fs_of(f->w), f->start, (u32)f->len);
		CO_RETURN(f->err);
	}
	if (f->fresh) {
		CO_AWAIT(f->err, ext4_use_blocks, .handle = &f->handle, .fs = fs_of(f->w),
			 .start = f->start, .n = (u32)f->len);
		if (f->err) {
			ext4_unreserve_blocks(fs_of(f->w), f->start, (u32)f->len);
			goto out;
		}
		CO_AWAIT(f->err, ext4_map_insert, .handle = &f->handle,
			 .inode = f->w->mapping->inode, .block = f->block, .start = f->start,
			 .len = f->len, .promised = true, .done = f->done);
	} else {
		CO_AWAIT(f->err, ext4_map_convert, .handle = &f->handle,
			 .inode = f->w->mapping->inode, .block = f->block, .start = f->start,
			 .len = f->len, .did = &f->did);
		*f->done = f->did.len;
	}
	if (!f->err) {
		enter_has_size(f);
		CO_AWAIT(f->err, ext4_inode_write, .handle = &f->handle,
			 .inode = f->w->mapping->inode);
	}
out:
	journal_stop(&f->handle);
	CO_RETURN(f->err);
	CO_END;
}

/* Some blocks for a hole: reserved, written, entered. */
struct write_fresh {
	struct co_frame co;
	struct ext4_writepages *w;
	struct write_piece *piece;
	u64 *done;
	u64 goal, start;
	u32 got;
	long err;
};
static co_t write_fresh(struct co *co, struct write_fresh *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, ext4_map_goal, .inode = f->w->mapping->inode, .block = f->piece->block,
		 .goal = &f->goal);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, ext4_reserve_blocks, .inode = f->w->mapping->inode, .goal = f->goal,
		 .want = (u32)f->piece->len, .promised = true, .start = &f->start, .got = &f->got);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, write_blocks, .w = f->w, .block = f->piece->block, .start = f->start,
		 .len = f->got, .wait = true);
	if (f->err) {
		ext4_unreserve_blocks(fs_of(f->w), f->start, f->got);
		CO_RETURN(f->err);
	}
	CO_AWAIT(f->err, write_enter, .w = f->w, .block = f->piece->block, .start = f->start,
		 .len = f->got, .fresh = true, .done = f->done);
	CO_RETURN(f->err);
	CO_END;
}

/* A piece, a part at a time. */
struct write_piecewise {
	struct co_frame co;
	struct ext4_writepages *w;
	struct write_piece *piece;
	u64 done;
	unsigned tries;
	long err;
};
static co_t write_piecewise(struct co *co, struct write_piecewise *f)
{
	CO_BEGIN;
	while (f->piece->len && !f->err) {
		f->done = 0;
		if (f->piece->start)
			CO_AWAIT(f->err, write_enter, .w = f->w, .block = f->piece->block,
				 .start = f->piece->start, .len = f->piece->len, .done = &f->done);
		else
			CO_AWAIT(f->err, write_fresh, .w = f->w, .piece = f->piece,
				 .done = &f->done);
		/* Promised, so there are some, but freed by what has not committed. */
		if (f->err == -ENOSPC && atomic_load(&fs_of(f->w)->blocks_pending) && !f->tries++) {
			CO_AWAIT(f->err, journal_sync, .journal = fs_of(f->w)->journal);
			continue;
		}
		if (f->err)
			break;
		f->piece->block += f->done;
		f->piece->len -= f->done;
		f->piece->start += f->piece->start ? f->done : 0;
	}
	/* The map is not as it was: fallocate was faster. The pages are written again. */
	if (f->err == -EEXIST || f->err == -ENOENT)
		f->err = -EAGAIN;
	CO_RETURN(f->err);
	CO_END;
}

/* --- the operation --- */

/* Where the run ends on the disk; what a page has behind the end of the file is zeros. */
static void run_begin(struct ext4_writepages *f)
{
	const struct ext4 *fs = fs_of(f);
	u64 first = f->pages[0]->index << PAGE_SHIFT, size = inode_size(f->mapping->inode);
	u64 end = min(first + ((u64)f->count << PAGE_SHIFT), size);

	f->block = first >> fs->block_shift;
	f->end = (end + fs->block_size - 1) >> fs->block_shift;
	if (end == size && end > first && end % PAGE_SIZE) {
		struct page *last = f->pages[(end - first) >> PAGE_SHIFT];

		memset((u8 *)phys_page_data(last) + end % PAGE_SIZE, 0,
		       PAGE_SIZE - end % PAGE_SIZE);
	}
}

/* The promises are kept: what is promised from now on is for other blocks. */
static void run_end(struct ext4_writepages *f)
{
	unsigned shift = PAGE_SHIFT - fs_of(f)->block_shift;

	for (unsigned i = 0; i < f->count; i++) {
		struct page *page = f->pages[i];

		/* Blocks that it has none of lie behind the end. */
		if (f->err || (page->index + 1) << shift > f->end)
			atomic_and(&page->flags, ~(u32)PAGE_ROOM);
		if (atomic_load_relaxed(&page->flags) & PAGE_PROMISED)
			ext4_page_unpromise(f->mapping, page);
	}
}

static bool is_for_later(long err)
{
	return err == -ENOMEM || err == -EAGAIN || err == -EINTR;
}

co_t ext4_writepages(struct co *co, struct ext4_writepages *f)
{
	CO_BEGIN;
	if (!fs_of(f)->journal)
		CO_RETURN(-EROFS);
	run_begin(f);
	f->round = kmalloc(sizeof(*f->round));
	if (!f->round)
		CO_WAIT_IO(&fs_of(f)->spare_free, round_try(f));
	blk_batch_init(&f->round->batch, fs_of(f)->dev, BLK_WRITE);
	while (f->block < f->end && !f->err) {
		f->round->count = 0;
		CO_READ_LOCK(&ext4_inode(f->mapping->inode)->map_lock);
		CO_AWAIT(f->err, write_placed, .w = f);
		rwlock_unlock_read(&ext4_inode(f->mapping->inode)->map_lock);
		for (f->at = 0; f->at < f->round->count && !f->err; f->at++)
			CO_AWAIT(f->err, write_piecewise, .w = f, .piece = &f->round->piece[f->at]);
	}
	round_put(f);
	if (!f->err && size_follows(f->mapping->inode, f->end << fs_of(f)->block_shift))
		CO_AWAIT(f->err, ext4_write_inode, .inode = f->mapping->inode);
	if (is_for_later(f->err))
		CO_RETURN(f->err);
	run_end(f);
	if (f->err)
		atomic_store(&f->mapping->error, f->err == -ENOSPC ? -ENOSPC : -EIO);
	CO_RETURN(0);
	CO_END;
}
