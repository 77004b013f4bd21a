/* fs/ext4/grow.c -- the map of a file changes: blocks come and go. Both kinds of map, the counts
 * in the inode, and the locks. */
#include "fs/ext4/write.h"
#include "mem/space/reclaim.h"

#define WRITE_TRIES    8u
#define REMOVE_CREDITS 64u /* of a transaction that takes blocks away */

u32 ext4_map_credits(const struct inode *inode)
{
	const struct ext4_inode *e = container_of(inode, struct ext4_inode, inode);
	u32 depth = 0;

	/* Bitmap and descriptor, the inode; a leaf and one split of it, keys above; or three levels
	 * of pointers that are made. */
	if (e->flags & EXT4_EXTENTS_FL)
		depth = ((const struct ext4_extent_header *)e->disk_block)->depth;
	return 2 + 1 +
	       (e->flags & EXT4_EXTENTS_FL ? 1 + depth + 2 * EXT4_SPLIT_CREDITS : 3 * 3 + 1);
}

void ext4_inode_add_blocks(struct inode *inode, i64 n)
{
	atomic_add(&inode->blocks, (u64)n << (ext4_of(inode)->block_shift - 9));
}

static bool has_extents(struct inode *inode)
{
	return ext4_inode(inode)->flags & EXT4_EXTENTS_FL;
}

u64 ext4_map_limit(struct inode *inode)
{
	return has_extents(inode) ? UINT32_MAX : ext4_indirect_limit(ext4_of(inode));
}

u32 ext4_map_overhead(struct inode *inode, u64 block)
{
	return has_extents(inode) ? 0 : ext4_indirect_levels(inode, block);
}

/* --- blocks come --- */

co_t ext4_map_insert(struct co *co, struct ext4_map_insert *f)
{
	CO_BEGIN;
	CO_WRITE_LOCK(&ext4_inode(f->inode)->map_lock);
	*f->done = 0;
	if (f->block + f->len > ext4_map_limit(f->inode)) {
		f->err = -EFBIG;
	} else if (has_extents(f->inode)) {
		CO_AWAIT(f->err, ext4_extent_edit, .handle = f->handle, .inode = f->inode,
			 .what = EXT4_EXTENT_INSERT, .block = f->block, .len = f->len,
			 .start = f->start, .goal = f->start, .unwritten = f->unwritten,
			 .promised = f->promised);
		*f->done = f->err ? 0 : f->len;
	} else {
		CO_AWAIT(f->err, ext4_indirect_insert, .handle = f->handle, .inode = f->inode,
			 .block = f->block, .len = f->len, .start = f->start,
			 .promised = f->promised, .done = f->done);
	}
	ext4_inode_add_blocks(f->inode, (i64)*f->done);
	ext4_map_changed(ext4_inode(f->inode));
	rwlock_unlock_write(&ext4_inode(f->inode)->map_lock);
	if (*f->done < f->len)
		CO_AWAIT(f->ignored, ext4_free_blocks, .handle = f->handle,
			 .fs = ext4_of(f->inode), .start = f->start + *f->done,
			 .n = f->len - *f->done);
	CO_RETURN(*f->done ? 0 : f->err);
	CO_END;
}

co_t ext4_map_convert(struct co *co, struct ext4_map_convert *f)
{
	CO_BEGIN;
	CO_WRITE_LOCK(&ext4_inode(f->inode)->map_lock);
	CO_AWAIT(f->err, ext4_extent_edit, .handle = f->handle, .inode = f->inode,
		 .what = EXT4_EXTENT_CONVERT, .block = f->block, .len = f->len, .start = f->start,
		 .goal = f->start, .promised = true, .did = f->did);
	ext4_map_changed(ext4_inode(f->inode));
	rwlock_unlock_write(&ext4_inode(f->inode)->map_lock);
	CO_RETURN(f->err);
	CO_END;
}

/* Behind the block before it, if that is somewhere. */
co_t ext4_map_goal(struct co *co, struct ext4_map_goal *f)
{
	CO_BEGIN;
	*f->goal = 0;
	if (!f->block)
		CO_RETURN(0);
	CO_AWAIT(f->err, ext4_map, .inode = ext4_inode(f->inode), .block = f->block - 1,
		 .run = &f->run);
	if (!f->err && (f->run.start || f->run.unwritten))
		*f->goal = (f->run.start ? f->run.start : f->run.unwritten) +
			   (f->block - f->run.block);
	CO_RETURN(f->err);
	CO_END;
}

/* The inode after blocks of its came or went, which on the disk it does not know: worth waiting for
 * memory. */
struct write_changed {
	struct co_frame co;
	struct handle *handle;
	struct inode *inode;
	unsigned tries;
	long err, ignored;
};
static co_t write_changed(struct co *co, struct write_changed *f)
{
	CO_BEGIN;
	for (; f->tries < WRITE_TRIES; f->tries++) {
		CO_AWAIT(f->err, ext4_inode_write, .handle = f->handle, .inode = f->inode);
		if (f->err != -ENOMEM)
			break;
		CO_AWAIT(f->ignored, reclaim_await, .pages = 4);
	}
	if (f->err)
		journal_abort(f->handle->journal, (int)f->err);
	CO_RETURN(f->err);
	CO_END;
}

co_t ext4_map_append(struct co *co, struct ext4_map_append *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, ext4_map_goal, .inode = f->inode, .block = f->block, .goal = &f->goal);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, ext4_alloc_block, .handle = f->handle, .inode = f->inode,
		 .goal = f->goal, .start = f->start);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, ext4_map_insert, .handle = f->handle, .inode = f->inode,
		 .block = f->block, .start = *f->start, .len = 1, .done = &f->done);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, write_changed, .handle = f->handle, .inode = f->inode);
	CO_RETURN(f->err);
	CO_END;
}

/* --- blocks go --- */

/* The last blocks of [from, *end) that are there; -ENOENT: no more. With map_lock. */
struct remove_some {
	struct co_frame co;
	struct handle *handle;
	struct inode *inode;
	u64 from, *end;
	bool metadata;
	struct ext4_blocks did;
	long err;
};
static co_t remove_some(struct co *co, struct remove_some *f)
{
	CO_BEGIN;
	if (!has_extents(f->inode)) {
		CO_AWAIT(f->err, ext4_indirect_remove, .handle = f->handle, .inode = f->inode,
			 .from = f->from, .end = f->end, .metadata = f->metadata);
		CO_RETURN(f->err);
	}
	CO_AWAIT(f->err, ext4_extent_edit, .handle = f->handle, .inode = f->inode,
		 .what = EXT4_EXTENT_REMOVE, .block = f->from, .last = *f->end - 1,
		 .metadata = f->metadata, .did = &f->did);
	if (!f->err)
		ext4_inode_add_blocks(f->inode, -(i64)f->did.len);
	CO_RETURN(f->err);
	CO_END;
}

/* What one step may cost: its blocks in one group, nodes of the path, those that become empty. */
static u32 remove_credits(struct inode *inode)
{
	const struct ext4_extent_header *h = (void *)ext4_inode(inode)->disk_block;
	u32 depth = has_extents(inode) ? h->depth : 3;

	return 2 + 1 + 5 * (depth + 1) + EXT4_SPLIT_CREDITS * (depth + 1);
}

static u32 remove_many(struct inode *inode)
{
	return max(REMOVE_CREDITS, 2 * remove_credits(inode));
}

co_t ext4_map_remove(struct co *co, struct ext4_map_remove *f)
{
	CO_BEGIN;
	f->end = min(f->end, ext4_map_limit(f->inode));
	if (f->from >= f->end || !atomic_load(&f->inode->blocks))
		CO_RETURN(0);
	CO_AWAIT(f->err, journal_start, .journal = ext4_of(f->inode)->journal,
		 .handle = &f->handle, .credits = remove_many(f->inode));
	if (f->err)
		CO_RETURN(f->err);
	while (!f->err && f->from < f->end) {
		CO_WRITE_LOCK(&ext4_inode(f->inode)->map_lock);
		CO_AWAIT(f->err, remove_some, .handle = &f->handle, .inode = f->inode,
			 .from = f->from, .end = &f->end, .metadata = f->metadata);
		ext4_map_changed(ext4_inode(f->inode));
		rwlock_unlock_write(&ext4_inode(f->inode)->map_lock);
		CO_BREATHE;
		if (f->err || f->handle.credits >= remove_credits(f->inode))
			continue;
		CO_AWAIT(f->err, write_changed, .handle = &f->handle, .inode = f->inode);
		if (f->err)
			break;
		CO_AWAIT(f->err, journal_restart, .handle = &f->handle,
			 .credits = remove_many(f->inode));
		if (f->err)
			CO_RETURN(f->err);
	}
	if (f->err == -ENOENT)
		f->err = 0;
	CO_AWAIT(f->written, write_changed, .handle = &f->handle, .inode = f->inode);
	journal_stop(&f->handle);
	CO_RETURN(f->err ? f->err : f->written);
	CO_END;
}

co_t ext4_map_cut(struct co *co, struct ext4_map_cut *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, ext4_map_remove, .inode = f->inode, .from = f->from, .end = UINT64_MAX,
		 .metadata = f->metadata);
	CO_RETURN(f->err);
	CO_END;
}

/* --- blocks move --- */

/* The end moves with them. */
static void shift_size(struct ext4_map_shift *f)
{
	struct ext4_inode *e = ext4_inode(f->inode);
	u64 by = f->by << ext4_of(f->inode)->block_shift, size;

	f->sized = true;
	spin_lock(&f->inode->attr_lock);
	size = inode_size(f->inode);
	atomic_store(&f->inode->size, f->right ? size + by : size - by);
	size = e->disk_size;
	atomic_store(&e->disk_size, f->right ? size + by : size - min(by, size));
	spin_unlock(&f->inode->attr_lock);
}

/* One leaf, with map_lock. What it moves over is removed first, some at a time: what is to go, or
 * what a store through a mapping brought there since the last step. */
struct shift_step {
	struct co_frame co;
	struct ext4_map_shift *of;
	u64 end;
	long err;
};
static co_t shift_step(struct co *co, struct shift_step *f)
{
	CO_BEGIN;
	f->end = f->of->next + (f->of->right ? f->of->by : 0);
	f->err = -ENOENT;
	if (f->end <= ext4_map_limit(f->of->inode))
		CO_AWAIT(f->err, remove_some, .handle = &f->of->handle, .inode = f->of->inode,
			 .from = f->end - f->of->by, .end = &f->end);
	if (f->err != -ENOENT)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, ext4_extent_edit, .handle = &f->of->handle, .inode = f->of->inode,
		 .what = f->of->right ? EXT4_EXTENT_RIGHT : EXT4_EXTENT_LEFT,
		 .block = f->of->right ? f->of->from : f->of->next, .last = f->of->next - 1,
		 .len = f->of->by, .next = &f->of->next);
	if (f->of->right && !f->of->sized && (!f->err || f->err == -ENOENT))
		shift_size(f->of);
	CO_RETURN(f->err == -ENOENT ? 0 : f->err);
	CO_END;
}

/* An extent that goes on behind f->from is two from now on. */
struct shift_begin {
	struct co_frame co;
	struct ext4_map_shift *of;
	long err;
};
static co_t shift_begin(struct co *co, struct shift_begin *f)
{
	CO_BEGIN;
	f->of->next = f->of->from + f->of->by;
	if (!f->of->right)
		CO_RETURN(0);
	f->of->next = (u64)UINT32_MAX + 1;
	CO_WRITE_LOCK(&ext4_inode(f->of->inode)->map_lock);
	CO_AWAIT(f->err, ext4_extent_edit, .handle = &f->of->handle, .inode = f->of->inode,
		 .what = EXT4_EXTENT_SPLIT, .block = f->of->from);
	ext4_map_changed(ext4_inode(f->of->inode));
	rwlock_unlock_write(&ext4_inode(f->of->inode)->map_lock);
	CO_RETURN(f->err == -ENOENT ? 0 : f->err);
	CO_END;
}

static bool shift_goes_on(const struct ext4_map_shift *f)
{
	return f->right ? f->next : f->next <= UINT32_MAX;
}

co_t ext4_map_shift(struct co *co, struct ext4_map_shift *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, journal_start, .journal = ext4_of(f->inode)->journal,
		 .handle = &f->handle, .credits = remove_many(f->inode));
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, shift_begin, .of = f);
	while (!f->err && shift_goes_on(f)) {
		CO_WRITE_LOCK(&ext4_inode(f->inode)->map_lock);
		CO_AWAIT(f->err, shift_step, .of = f);
		ext4_map_changed(ext4_inode(f->inode));
		rwlock_unlock_write(&ext4_inode(f->inode)->map_lock);
		CO_BREATHE;
		if (f->err || f->handle.credits >= remove_credits(f->inode))
			continue;
		CO_AWAIT(f->err, write_changed, .handle = &f->handle, .inode = f->inode);
		if (f->err)
			break;
		CO_AWAIT(f->err, journal_restart, .handle = &f->handle,
			 .credits = remove_many(f->inode));
		if (f->err)
			CO_RETURN(f->err);
	}
	if (!f->err && !f->sized)
		shift_size(f);
	CO_AWAIT(f->written, write_changed, .handle = &f->handle, .inode = f->inode);
	journal_stop(&f->handle);
	CO_RETURN(f->err ? f->err : f->written);
	CO_END;
}
