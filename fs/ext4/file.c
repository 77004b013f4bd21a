/* fs/ext4/file.c -- a regular file beyond reading and writing: its end moved, room for it, holes,
 * and when it is safe. Its lock is held for writing where it changes.
 */
#include <linux/falloc.h>
#include <linux/fiemap.h>
#include <linux/stat.h>

#include "fs/ext4/trim.h"
#include "fs/ext4/write.h"
#include "vfs/file.h"
#include "vfs/writeback.h"

/* --- fsync --- */

co_t ext4_fsync(struct co *co, struct ext4_fsync *f)
{
	CO_BEGIN;
	f->inode = f->file->inode;
	if (!ext4_of(f->inode)->journal)
		CO_RETURN(0);
	if (S_ISREG(f->inode->mode))
		CO_AWAIT(f->failed, page_write_back, .mapping = &f->inode->mapping,
			 .last = UINT64_MAX - 1);
	/* Times alone are not worth a commit to fdatasync. */
	if ((atomic_load(&f->inode->dirty) & INODE_DIRTY_ATTRS) &&
	    (!f->data_only ||
	     inode_size(f->inode) != atomic_load(&ext4_inode(f->inode)->disk_size))) {
		CO_AWAIT(f->err, writeback_inode, .inode = f->inode);
		f->failed = f->failed ? f->failed : f->err;
	}
	/* What was changed of a directory is in it, in its files' inodes, in other directories. */
	if (S_ISDIR(f->inode->mode))
		CO_AWAIT(f->err, journal_sync, .journal = ext4_of(f->inode)->journal);
	else
		CO_AWAIT(f->err, journal_wait, .journal = ext4_of(f->inode)->journal,
			 .tid = atomic_load(&ext4_inode(f->inode)->tid));
	CO_RETURN(f->failed ? f->failed : f->err);
	CO_END;
}

co_t ext4_settle(struct co *co, struct ext4_settle *f)
{
	CO_BEGIN;
	if (!(atomic_load_relaxed(&f->inode->flags) & INODE_SYNC) &&
	    !(atomic_load_relaxed(&f->inode->super->synced) & (u32)MS_SYNCHRONOUS))
		CO_RETURN(0);
	CO_AWAIT(f->err, journal_wait, .journal = ext4_of(f->inode)->journal,
		 .tid = atomic_load(&ext4_inode(f->inode)->tid));
	CO_RETURN(f->err);
	CO_END;
}

/* --- the end moves --- */

/* Pages that a hole reaches into may have no block for that part any more. */
static void forget_room(struct inode *inode, u64 byte)
{
	struct page *page = NULL;

	if (byte % PAGE_SIZE)
		page = page_find(&inode->mapping, byte >> PAGE_SHIFT);
	if (!page)
		return;
	if (!(atomic_load(&page->flags) & PAGE_PROMISED))
		atomic_and(&page->flags, ~(u32)PAGE_ROOM);
	phys_page_put(page);
}

/* The sizes, of memory and disk, at once. */
static void set_size(struct inode *inode, u64 size)
{
	struct ext4_inode *e = ext4_inode(inode);

	spin_lock(&inode->attr_lock);
	atomic_store(&inode->size, size);
	if (size < e->disk_size)
		atomic_store(&e->disk_size, size);
	spin_unlock(&inode->attr_lock);
}

/* One handle: into the list of orphans, or out of it; the inode. */
struct truncate_note {
	struct co_frame co;
	struct inode *inode;
	bool orphan, enter;
	struct handle handle;
	long err;
};
static co_t truncate_note(struct co *co, struct truncate_note *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, journal_start, .journal = ext4_of(f->inode)->journal,
		 .handle = &f->handle, .credits = 4);
	if (f->err)
		CO_RETURN(f->err);
	if (f->orphan && f->enter)
		CO_AWAIT(f->err, ext4_orphan_add, .handle = &f->handle, .inode = f->inode);
	else if (f->orphan)
		CO_AWAIT(f->err, ext4_orphan_remove, .handle = &f->handle, .inode = f->inode);
	if (!f->err)
		CO_AWAIT(f->err, ext4_inode_write, .handle = &f->handle, .inode = f->inode);
	journal_stop(&f->handle);
	CO_RETURN(f->err);
	CO_END;
}

co_t ext4_truncate(struct co *co, struct ext4_truncate *f)
{
	CO_BEGIN;
	f->was = inode_size(f->inode);
	f->from = (f->size + ext4_of(f->inode)->block_size - 1) >> ext4_of(f->inode)->block_shift;
	if (f->from > ext4_map_limit(f->inode))
		CO_RETURN(-EFBIG);
	if (f->size > f->was) {
		CO_AWAIT(f->err, page_zero_tail, .mapping = &f->inode->mapping, .size = f->was);
		if (f->err)
			CO_RETURN(f->err);
		set_size(f->inode, f->size);
		/* If the old end is on its way the disk hears of the new one later. */
		writeback_note(f->inode, INODE_DIRTY_ATTRS);
		CO_RETURN(0);
	}
	f->orphan = atomic_load(&f->inode->blocks) && f->inode->nlink;
	set_size(f->inode, f->size);
	CO_AWAIT(f->err, truncate_note, .inode = f->inode, .orphan = f->orphan, .enter = true);
	if (f->err) {
		set_size(f->inode, f->was);
		writeback_note(f->inode, INODE_DIRTY_ATTRS);
		CO_RETURN(f->err);
	}
	CO_AWAIT(f->err, page_truncate, .mapping = &f->inode->mapping, .size = f->size,
		 .was = f->was);
	CO_AWAIT(f->err, ext4_map_cut, .inode = f->inode, .from = f->from);
	forget_room(f->inode, f->size);
	/* What could not be cut is cut at the next mount. */
	if (!f->err && f->orphan)
		CO_AWAIT(f->err, truncate_note, .inode = f->inode, .orphan = true);
	if (!f->err)
		CO_AWAIT(f->err, ext4_settle, .inode = f->inode);
	CO_RETURN(f->err);
	CO_END;
}

/* --- fallocate --- */

/* Some unwritten blocks for what is a hole at `block`: *done. */
struct allocate_some {
	struct co_frame co;
	struct inode *inode;
	u64 block, want, *done;
	u64 goal, start;
	u32 got;
	struct handle handle;
	long err;
};
static co_t allocate_some(struct co *co, struct allocate_some *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, ext4_map_goal, .inode = f->inode, .block = f->block, .goal = &f->goal);
	if (!f->err)
		CO_AWAIT(f->err, ext4_reserve_blocks, .inode = f->inode, .goal = f->goal,
			 .want = (u32)f->want, .start = &f->start, .got = &f->got);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, journal_start, .journal = ext4_of(f->inode)->journal,
		 .handle = &f->handle, .credits = ext4_map_credits(f->inode));
	if (f->err) {
		ext4_unreserve_blocks(ext4_of(f->inode), f->start, f->got);
		CO_RETURN(f->err);
	}
	CO_AWAIT(f->err, ext4_use_blocks, .handle = &f->handle, .fs = ext4_of(f->inode),
		 .start = f->start, .n = f->got);
	if (f->err) {
		ext4_unreserve_blocks(ext4_of(f->inode), f->start, f->got);
		goto out;
	}
	CO_AWAIT(f->err, ext4_map_insert, .handle = &f->handle, .inode = f->inode,
		 .block = f->block, .start = f->start, .len = f->got, .unwritten = true,
		 .done = f->done);
	if (!f->err)
		CO_AWAIT(f->err, ext4_inode_write, .handle = &f->handle, .inode = f->inode);
out:
	journal_stop(&f->handle);
	CO_RETURN(f->err);
	CO_END;
}

/* Unwritten blocks wherever [block, end) has none. */
struct allocate_blocks {
	struct co_frame co;
	struct inode *inode;
	u64 block, end, n;
	struct ext4_run run;
	bool again;
	long err;
};
static co_t allocate_blocks(struct co *co, struct allocate_blocks *f)
{
	CO_BEGIN;
	while (f->block < f->end) {
		CO_AWAIT(f->err, ext4_map, .inode = ext4_inode(f->inode), .block = f->block,
			 .run = &f->run);
		if (f->err)
			break;
		f->n = min(f->end, f->run.block + f->run.len) - f->block;
		if (!f->run.start && !f->run.unwritten) {
			CO_AWAIT(f->err, allocate_some, .inode = f->inode, .block = f->block,
				 .want = min(f->n, (u64)EXT4_EXTENT_UNWRITTEN_MAX), .done = &f->n);
			if (f->err == -EEXIST) {	/* written back meanwhile */
				f->err = 0;
				continue;
			}
			if (f->err == -ENOSPC && !f->again) {
				f->again = true;
				CO_AWAIT(f->err, page_make_room, .mapping = &f->inode->mapping);
				if (!f->err)
					continue;
			}
			if (f->err)
				break;
		}
		f->block += f->n;
		CO_BREATHE;
	}
	CO_RETURN(f->err);
	CO_END;
}

/* Bytes [from, to) read as zeros; whole blocks of them go. */
struct make_hole {
	struct co_frame co;
	struct inode *inode;
	u64 from, to;
	struct page *edge[2];	/* read, and kept until they are zeroed */
	u64 first, last;	/* bytes: whole blocks */
	long err, ignored;
};
static co_t make_hole(struct co *co, struct make_hole *f)
{
	u64 mask;

	CO_BEGIN;
	mask = ext4_of(f->inode)->block_size - 1;
	f->first = (f->from + mask) & ~mask;
	f->last = f->to & ~mask;
	if (f->from < f->first && f->from < inode_size(f->inode))
		CO_AWAIT(f->err, page_get_filled, .mapping = &f->inode->mapping, .ahead = 1,
			 .index = f->from >> PAGE_SHIFT, .page = &f->edge[0]);
	if (!f->err && f->to > f->last && f->last < inode_size(f->inode))
		CO_AWAIT(f->err, page_get_filled, .mapping = &f->inode->mapping, .ahead = 1,
			 .index = f->last >> PAGE_SHIFT, .page = &f->edge[1]);
	if (f->err)
		goto out;
	CO_AWAIT(f->ignored, page_punch, .mapping = &f->inode->mapping, .from = f->from,
		 .to = f->to);
	if (f->first < f->last) {
		CO_AWAIT(f->err, ext4_map_remove, .inode = f->inode,
			 .from = f->first >> ext4_of(f->inode)->block_shift,
			 .end = f->last >> ext4_of(f->inode)->block_shift);
		/* What was read before they went. */
		CO_AWAIT(f->ignored, page_punch, .mapping = &f->inode->mapping,
			 .from = f->first, .to = f->last);
		forget_room(f->inode, f->first);
		forget_room(f->inode, f->last);
	}
out:
	for (unsigned i = 0; i < 2; i++)
		if (f->edge[i])
			phys_page_put(f->edge[i]);
	CO_RETURN(f->err);
	CO_END;
}

/* [from, to) goes, or zeros come before `from`; what lies behind moves. */
struct move_rest {
	struct co_frame co;
	struct inode *inode;
	u64 from, to;
	bool insert;
	u64 was;
	long err, ignored;
};

static int move_check(const struct move_rest *f)
{
	const struct inode *inode = f->inode;

	if (!(ext4_inode(f->inode)->flags & EXT4_EXTENTS_FL))
		return -EOPNOTSUPP;
	if ((f->from | f->to) & (ext4_of(inode)->block_size - 1))
		return -EINVAL;
	if (f->insert && f->to - f->from > inode->super->max_size - inode_size(inode))
		return -EFBIG;
	return (f->insert ? f->from : f->to) >= inode_size(inode) ? -EINVAL : 0;
}

static co_t move_rest(struct co *co, struct move_rest *f)
{
	unsigned shift;

	CO_BEGIN;
	f->err = move_check(f);
	if (f->err)
		CO_RETURN(f->err);
	f->was = inode_size(f->inode);
	CO_AWAIT(f->err, page_write_back, .mapping = &f->inode->mapping,
		 .first = f->from >> PAGE_SHIFT, .last = UINT64_MAX - 1);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->ignored, page_truncate, .mapping = &f->inode->mapping,
		 .size = PAGE_DOWN(f->from), .was = f->was);
	shift = ext4_of(f->inode)->block_shift;
	CO_AWAIT(f->err, ext4_map_shift, .inode = f->inode, .from = f->from >> shift,
		 .by = (f->to - f->from) >> shift, .right = f->insert);
	/* What was read or stored meanwhile. */
	CO_AWAIT(f->ignored, page_truncate, .mapping = &f->inode->mapping,
		 .size = PAGE_DOWN(f->from), .was = max(f->was, inode_size(f->inode)));
	if (!f->err)
		CO_AWAIT(f->err, ext4_settle, .inode = f->inode);
	CO_RETURN(f->err);
	CO_END;
}

co_t ext4_allocate(struct co *co, struct ext4_allocate *f)
{
	struct ext4 *fs;

	CO_BEGIN;
	if (f->mode & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE)) {
		CO_AWAIT(f->err, move_rest, .inode = f->inode, .from = f->offset, .to = f->end,
			 .insert = f->mode & FALLOC_FL_INSERT_RANGE);
		CO_RETURN(f->err);
	}
	fs = ext4_of(f->inode);
	f->blocks_end = (f->end + fs->block_size - 1) >> fs->block_shift;
	if (f->mode & FALLOC_FL_PUNCH_HOLE) {
		CO_AWAIT(f->err, make_hole, .inode = f->inode, .from = f->offset, .to = f->end);
		CO_RETURN(f->err);
	}
	if (!(ext4_inode(f->inode)->flags & EXT4_EXTENTS_FL))
		CO_RETURN(-EOPNOTSUPP);
	if (f->blocks_end > ext4_map_limit(f->inode))
		CO_RETURN(-EFBIG);
	f->grows = !(f->mode & FALLOC_FL_KEEP_SIZE) && f->end > inode_size(f->inode);
	if (f->mode & FALLOC_FL_ZERO_RANGE)
		CO_AWAIT(f->err, make_hole, .inode = f->inode, .from = f->offset, .to = f->end);
	if (!f->err)
		CO_AWAIT(f->err, allocate_blocks, .inode = f->inode, .end = f->blocks_end,
			 .block = f->offset >> ext4_of(f->inode)->block_shift);
	if (!f->err && f->grows)
		CO_AWAIT(f->err, page_zero_tail, .mapping = &f->inode->mapping,
			 .size = inode_size(f->inode));
	if (!f->err && f->grows) {
		set_size(f->inode, f->end);
		writeback_note(f->inode, INODE_DIRTY_ATTRS);
	}
	CO_RETURN(f->err);
	CO_END;
}

/* --- SEEK_DATA, SEEK_HOLE --- */

/* By the map: what is dirty is written first, so that it is in there. */
co_t ext4_seek(struct co *co, struct ext4_seek *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, page_write_back, .mapping = &f->inode->mapping, .last = UINT64_MAX - 1,
		 .quiet = true);
	while (f->offset < inode_size(f->inode)) {
		CO_AWAIT(f->err, ext4_map, .inode = ext4_inode(f->inode), .run = &f->run,
			 .block = f->offset >> ext4_of(f->inode)->block_shift);
		if (f->err)
			CO_RETURN(f->err);
		if (!f->run.start == f->hole)
			CO_RETURN((long)f->offset);
		f->offset = (f->run.block + f->run.len) << ext4_of(f->inode)->block_shift;
		CO_BREATHE;
	}
	CO_RETURN((long)inode_size(f->inode));
	CO_END;
}

/* --- FIEMAP --- */

co_t ext4_extent_at(struct co *co, struct ext4_extent_at *f)
{
	unsigned shift;
	u64 past;

	CO_BEGIN;
	f->block = f->from >> ext4_of(f->inode)->block_shift;
	f->last = min(f->end - 1, f->inode->super->max_size - 1) >> ext4_of(f->inode)->block_shift;
	while (f->block <= f->last && f->block < ext4_map_limit(f->inode)) {
		CO_AWAIT(f->err, ext4_map, .inode = ext4_inode(f->inode), .block = f->block,
			 .run = &f->run);
		if (f->err)
			CO_RETURN(f->err);
		past = min(f->run.block + f->run.len, f->last + 1);
		if (!f->run.start && !f->run.unwritten) {
			f->block = past;
			CO_BREATHE;
			continue;
		}
		shift = ext4_of(f->inode)->block_shift;
		*f->to = (struct inode_extent){
			.offset = f->block << shift,
			.len = (past - f->block) << shift,
			.place = ((f->run.start | f->run.unwritten) + f->block - f->run.block)
				 << shift,
			.flags = f->run.unwritten ? FIEMAP_EXTENT_UNWRITTEN : 0,
		};
		if (!(ext4_inode(f->inode)->flags & EXT4_EXTENTS_FL))
			f->to->flags |= FIEMAP_EXTENT_MERGED;
		break;
	}
	CO_RETURN(0);
	CO_END;
}

const struct file_ops ext4_file_ops = {
	.ioctl = CO_IMPLEMENTS(file_ioctl, ext4_ioctl),
	.fsync = CO_IMPLEMENTS(file_fsync, ext4_fsync),
};
