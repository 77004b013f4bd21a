/* fs/ext4/alloc.c -- which blocks are free.
 *
 * Each group that was looked at has a bitmap in memory of what cannot be had: what is used on the
 * disk, what is reserved for data that is being written, and what was freed by a transaction that
 * has not committed. The disk's bitmap changes under handles only. Room is counted besides, for
 * the whole file system: a page that is dirtied where no block is gets one promised, and which
 * one it is, is found when it is written back. What is promised is had from nobody else.
 *
 *	free ---reserve---> held ---use---> used ---free---> pending ---commit---> free
 */
#include "core/cred/cred.h"
#include "fs/ext4/bitmap.h"
#include "fs/ext4/trim.h"
#include "fs/ext4/write.h"
#include "mem/phys/slab.h"
#include "mem/space/reclaim.h"

#define FREE_TRIES 8u
#define ENOUGH 64u /* blocks in a row: no search in other groups for more */

struct ext4_group {
	u64 *taken;	/* [a] set once; its bits are under the group's lock */
	u32 free;	/* under that lock: zeros in it */
	u32 trimmed;	/* the same: the device knows of all that is free in so long runs; 0: not */
};

int ext4_alloc_open(struct ext4 *fs)
{
	spin_init(&fs->room_lock, RANK_FS_ROOM);
	list_init(&fs->freed);
	waitq_init(&fs->trimmed);
	fs->group = kcalloc(fs->groups, sizeof(*fs->group));
	return fs->group ? ext4_write_open(fs) : -ENOMEM;
}

void ext4_alloc_close(struct ext4 *fs)
{
	for (u32 g = 0; fs->group && g < fs->groups; g++)
		kfree(fs->group[g].taken);
	kfree(fs->group);
	fs->group = NULL;
	ext4_write_close(fs);
}

/* --- room --- */

u64 ext4_blocks_kept(const struct ext4 *fs)
{
	return fs->incompat & EXT4_INCOMPAT_EXTENTS ? min(fs->blocks / 50, 4096ul) : 0;
}

/* Blocks that neither are promised nor kept back. */
static u64 room_left(const struct ext4 *fs) REQUIRES(fs->room_lock)
{
	u64 gone = fs->blocks_promised + fs->blocks_held + ext4_blocks_kept(fs);
	const struct task *t = task_current();

	if (!t || !t->cred || !cred_capable(t->cred, CAP_SYS_RESOURCE))
		gone += fs->blocks_reserved;
	return fs->blocks_free - min(fs->blocks_free, gone);
}

int ext4_promise(struct ext4 *fs, u32 n)
{
	int err = 0;

	spin_lock(&fs->room_lock);
	if (room_left(fs) < n)
		err = -ENOSPC;
	else
		fs->blocks_promised += n;
	spin_unlock(&fs->room_lock);
	return err;
}

void ext4_unpromise(struct ext4 *fs, u32 n)
{
	spin_lock(&fs->room_lock);
	fs->blocks_promised -= n;
	spin_unlock(&fs->room_lock);
}

/* How many of `want` may be held from now on. */
static u32 room_hold(struct ext4 *fs, u32 want, bool promised)
{
	u64 left;

	spin_lock(&fs->room_lock);
	left = promised ? fs->blocks_free - min(fs->blocks_free, fs->blocks_held) : room_left(fs);
	want = (u32)min((u64)want, left);
	fs->blocks_held += want;
	spin_unlock(&fs->room_lock);
	return want;
}

static void room_unhold(struct ext4 *fs, u32 n)
{
	spin_lock(&fs->room_lock);
	fs->blocks_held -= n;
	spin_unlock(&fs->room_lock);
}

/* --- a group looked at for the first time --- */

/* What is wrong with a bitmap, or NULL. */
static const char *bitmap_wrong(const struct ext4 *fs, u32 group, const struct ext4_disk_group *g,
				const u64 *bits, u64 *layout)
{
	if (!ext4_bitmap_valid(fs, g, (const u8 *)bits, false))
		return "the checksum is wrong";
	ext4_group_layout(fs, group, g, layout);
	for (u32 i = 0; i < ext4_group_blocks(fs, group) / 64; i++)
		if (layout[i] & ~bits[i])
			return "it says that its own metadata is free";
	if (bitmap_count_clear(bits, ext4_group_blocks(fs, group)) != ext4_group_free(fs, g))
		return "the descriptor has another count of free blocks";
	return NULL;
}

/* Enter the bitmap, unless another task was first; then it is freed. */
static void group_enter(struct ext4 *fs, u32 group, u64 *bits)
{
	struct ext4_group *g = &fs->group[group];

	ext4_group_lock(fs, group);
	if (!g->taken) {
		g->free = bitmap_count_clear(bits, ext4_group_blocks(fs, group));
		atomic_store(&g->taken, bits);
		bits = NULL;
	}
	ext4_group_unlock(fs, group);
	kfree(bits);
}

co_t ext4_group_load(struct co *co, struct ext4_group_load *f)
{
	const char *wrong;

	CO_BEGIN;
	if (atomic_load(&f->fs->group[f->group].taken))
		CO_RETURN(0);
	CO_AWAIT(f->err, ext4_group_get, .fs = f->fs, .group = f->group, .copy = &f->g);
	if (f->err)
		CO_RETURN(f->err);
	f->bits = kmalloc(f->fs->block_size);
	f->layout = kmalloc(f->fs->block_size);
	f->err = -ENOMEM;
	if (!f->bits || !f->layout)
		goto out;
	f->err = 0;
	if (ext4_group_uninit(f->fs, &f->g, EXT4_GROUP_BLOCK_UNINIT)) {
		ext4_group_layout(f->fs, f->group, &f->g, f->bits);
	} else {
		CO_AWAIT(f->err, ext4_block_get, .fs = f->fs,
			 .block = ext4_group_bitmap(f->fs, &f->g, false), .page = &f->page,
			 .data = &f->data);
		if (f->err)
			goto out;
		memcpy(f->bits, f->data, f->fs->block_size);
		phys_page_put(f->page);
		wrong = bitmap_wrong(f->fs, f->group, &f->g, f->bits, f->layout);
		/* Another task was first, and has changed it since. */
		if (wrong && atomic_load(&f->fs->group[f->group].taken))
			goto out;
		if (wrong) {
			ext4_damaged(f->fs, 0, 0ul, "group %u: the block bitmap: %s", f->group,
				     wrong);
			f->err = -EUCLEAN;
			goto out;
		}
	}
	group_enter(f->fs, f->group, f->bits);
	f->bits = NULL;
out:
	kfree(f->bits);
	kfree(f->layout);
	CO_RETURN(f->err);
	CO_END;
}

/* --- reserving --- */

/* The first run of `want` zeros from `goal` on, then from the beginning, or the longest there is:
 * its length. A run at the goal itself is good enough if it is not too short. */
static u32 group_search(const u64 *bits, u32 blocks, u32 goal, u32 want, u32 *start)
{
	u32 from = goal, end = blocks, best = 0;

	for (unsigned pass = 0; pass < 2; pass++, from = 0, end = goal) {
		while (from < end) {
			u32 at = bitmap_next(bits, from, end, false);
			u32 stop = bitmap_next(bits, at, (u32)min((u64)end, (u64)at + want), true);

			if (stop - at > best) {
				best = stop - at;
				*start = at;
			}
			if (best == want || (at == goal && stop > at && best >= want / 8))
				return best;
			from = stop + 1;
		}
	}
	return best;
}

/* Take what the group has, if that is at least `least`. */
static u32 group_take(struct ext4 *fs, u32 group, u64 goal, u32 want, u32 least, u64 *start)
{
	struct ext4_group *g = &fs->group[group];
	u64 first = ext4_group_first(fs, group);
	u32 blocks = ext4_group_blocks(fs, group), at = 0, got = 0;

	ext4_group_lock(fs, group);
	if (g->taken && g->free >= least)
		got = group_search(g->taken, blocks,
				   goal >= first && goal - first < blocks ? (u32)(goal - first) : 0,
				   want, &at);
	if (got < least)
		got = 0;
	if (got) {
		bitmap_set_run(g->taken, at, got);
		g->free -= got;
		*start = first + at;
	}
	ext4_group_unlock(fs, group);
	return got;
}

static u32 block_group(const struct ext4 *fs, u64 block)
{
	return (u32)((block - fs->first_data_block) / fs->blocks_per_group);
}

/* All groups from the goal's on, once, for `least` blocks in a row or more. */
struct alloc_round {
	struct co_frame co;
	struct ext4_reserve_blocks *r;
	struct ext4 *fs;
	u32 want, least;
	u32 group, tried;
	long err;
};
static co_t alloc_round(struct co *co, struct alloc_round *f)
{
	CO_BEGIN;
	for (f->tried = 0; f->tried < f->fs->groups; f->tried++) {
		CO_AWAIT(f->err, ext4_group_load, .fs = f->fs, .group = f->group);
		if (f->err && f->err != -EUCLEAN)
			CO_RETURN(f->err);
		*f->r->got = f->err ? 0 : group_take(f->fs, f->group, f->r->goal, f->want,
						     f->least, f->r->start);
		if (*f->r->got)
			CO_RETURN(0);
		f->group = f->group + 1 < f->fs->groups ? f->group + 1 : 0;
		CO_BREATHE;
	}
	CO_RETURN(-ENOSPC);
	CO_END;
}

co_t ext4_reserve_blocks(struct co *co, struct ext4_reserve_blocks *f)
{
	struct ext4 *fs;

	CO_BEGIN;
	fs = ext4_of(f->inode);
	f->group = (u32)((f->inode->ino - 1) / fs->inodes_per_group);
	if (ext4_blocks_valid(fs, f->goal, 1))
		f->group = block_group(fs, f->goal);
	f->held = room_hold(fs, f->want, f->promised);
	if (!f->held)
		CO_RETURN(-ENOSPC);
	CO_AWAIT(f->err, alloc_round, .r = f, .fs = ext4_of(f->inode), .want = f->held,
		 .least = min(f->held, ENOUGH), .group = f->group);
	if (f->err == -ENOSPC && f->held > 1)
		CO_AWAIT(f->err, alloc_round, .r = f, .fs = ext4_of(f->inode), .want = f->held,
			 .least = 1, .group = f->group);
	room_unhold(ext4_of(f->inode), f->err ? f->held : f->held - *f->got);
	CO_RETURN(f->err);
	CO_END;
}

void ext4_give_back(struct ext4 *fs, u64 start, u32 n)
{
	while (n) {
		u32 group = block_group(fs, start);
		u32 at = (u32)(start - ext4_group_first(fs, group));
		u32 here = min(n, ext4_group_blocks(fs, group) - at);

		ext4_group_lock(fs, group);
		bitmap_clear_run(fs->group[group].taken, at, here);
		fs->group[group].free += here;
		fs->group[group].trimmed = 0;
		ext4_group_unlock(fs, group);
		start += here;
		n -= here;
	}
}

void ext4_unreserve_blocks(struct ext4 *fs, u64 start, u32 n)
{
	ext4_give_back(fs, start, n);
	room_unhold(fs, n);
}

/* --- for who tells the device what is free --- */

bool ext4_group_hold_free(struct ext4 *fs, u32 group, u32 least, u32 end, u32 *at, u32 *n)
{
	struct ext4_group *g = &fs->group[group];
	u32 stop = *at;

	ext4_group_lock(fs, group);
	do {
		*at = bitmap_next(g->taken, stop, end, false);
		stop = bitmap_next(g->taken, *at, end, true);
	} while (*at < end && stop - *at < least);
	*n = stop - *at;
	bitmap_set_run(g->taken, *at, *n);
	g->free -= *n;
	ext4_group_unlock(fs, group);
	return *n;
}

void ext4_group_let_free(struct ext4 *fs, u32 group, u32 at, u32 n)
{
	ext4_group_lock(fs, group);
	bitmap_clear_run(fs->group[group].taken, at, n);
	fs->group[group].free += n;
	ext4_group_unlock(fs, group);
}

bool ext4_group_is_trimmed(struct ext4 *fs, u32 group, u32 least)
{
	bool trimmed;

	ext4_group_lock(fs, group);
	trimmed = fs->group[group].trimmed && fs->group[group].trimmed <= least;
	ext4_group_unlock(fs, group);
	return trimmed;
}

void ext4_group_set_trimmed(struct ext4 *fs, u32 group, u32 least)
{
	ext4_group_lock(fs, group);
	fs->group[group].trimmed = least;
	ext4_group_unlock(fs, group);
}

/* --- the disk's bitmap --- */

/* A part of one group is used, or freed. */
struct group_change {
	struct co_frame co;
	struct handle *handle;
	struct ext4 *fs;
	u32 group, at, n;
	bool use;
	struct buffer *bitmap, *descriptor;
	u32 offset;
	long err;
};

/* Both buffers are accessed: change and seal them. */
static int group_apply(struct group_change *f)
{
	struct ext4 *fs = f->fs;
	struct ext4_disk_group *g = (struct ext4_disk_group *)(f->descriptor->data + f->offset);
	u64 *bits = (u64 *)f->bitmap->data;
	u32 end = f->at + f->n, free;
	int err = 0;

	ext4_group_lock(fs, f->group);
	if (ext4_group_uninit(fs, g, EXT4_GROUP_BLOCK_UNINIT)) {
		ext4_group_layout(fs, f->group, g, bits);
		g->flags &= (u16)~EXT4_GROUP_BLOCK_UNINIT;
	}
	free = ext4_group_free(fs, g);
	if (bitmap_next(bits, f->at, end, f->use) != end || (f->use && free < f->n)) {
		err = -EUCLEAN;
	} else if (f->use) {
		bitmap_set_run(bits, f->at, f->n);
		ext4_group_set_free(fs, g, free - f->n);
	} else {
		bitmap_clear_run(bits, f->at, f->n);
		ext4_group_set_free(fs, g, free + f->n);
	}
	ext4_bitmap_seal(fs, (u8 *)g, f->bitmap->data, false);
	ext4_group_seal(fs, f->group, (u8 *)g);
	ext4_group_unlock(fs, f->group);
	if (err)
		ext4_damaged(fs, 0, 0ul, "group %u: blocks %u to %u are %s already", f->group,
			     f->at, end - 1, f->use ? "used" : "free");
	return err;
}

static u64 group_bitmap_of(struct group_change *f)
{
	u64 block;

	ext4_group_lock(f->fs, f->group);
	block = ext4_group_bitmap(
		f->fs, (struct ext4_disk_group *)(f->descriptor->data + f->offset), false);
	ext4_group_unlock(f->fs, f->group);
	return block;
}

static co_t group_change(struct co *co, struct group_change *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, ext4_group_buffer, .fs = f->fs, .group = f->group,
		 .buffer = &f->descriptor, .offset = &f->offset);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, buffer_get, .journal = f->fs->journal, .block = group_bitmap_of(f),
		 .buffer = &f->bitmap);
	if (f->err)
		goto out;
	CO_AWAIT(f->err, journal_access, .handle = f->handle, .buffer = f->descriptor);
	if (!f->err)
		CO_AWAIT(f->err, journal_access, .handle = f->handle, .buffer = f->bitmap);
	if (!f->err)
		f->err = group_apply(f);
	buffer_put(f->bitmap);
out:
	buffer_put(f->descriptor);
	CO_RETURN(f->err);
	CO_END;
}

co_t ext4_use_blocks(struct co *co, struct ext4_use_blocks *f)
{
	u32 group, at;

	CO_BEGIN;
	while (f->n) {
		group = block_group(f->fs, f->start);
		at = (u32)(f->start - ext4_group_first(f->fs, group));
		f->here = min(f->n, ext4_group_blocks(f->fs, group) - at);
		CO_AWAIT(f->err, group_change, .handle = f->handle, .fs = f->fs, .group = group,
			 .at = at, .n = f->here, .use = true);
		if (f->err)
			CO_RETURN(f->err);
		spin_lock(&f->fs->room_lock);
		atomic_store(&f->fs->blocks_free, f->fs->blocks_free - f->here);
		f->fs->blocks_held -= f->here;
		spin_unlock(&f->fs->room_lock);
		f->start += f->here;
		f->n -= f->here;
	}
	CO_RETURN(0);
	CO_END;
}

co_t ext4_alloc_block(struct co *co, struct ext4_alloc_block *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, ext4_reserve_blocks, .inode = f->inode, .goal = f->goal, .want = 1,
		 .start = f->start, .got = &f->got, .promised = f->promised);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, ext4_use_blocks, .handle = f->handle, .fs = ext4_of(f->inode),
		 .start = *f->start, .n = 1);
	if (f->err)
		ext4_unreserve_blocks(ext4_of(f->inode), *f->start, 1);
	CO_RETURN(f->err);
	CO_END;
}

/* --- freeing --- */

/* All the memory that freeing takes. A change that was begun would have to be given up without, so
 * it is worth waiting for. */
struct free_prepare {
	struct co_frame co;
	struct ext4_free_blocks *f;
	unsigned tries;
	long err, ignored;
};
static co_t free_prepare(struct co *co, struct free_prepare *f)
{
	CO_BEGIN;
	for (; f->tries < FREE_TRIES; f->tries++) {
		CO_AWAIT(f->err, ext4_group_load, .fs = f->f->fs, .group = f->f->group);
		if (!f->err) {
			f->f->freed = kmalloc(sizeof(struct ext4_freed));
			f->err = f->f->freed ? 0 : -ENOMEM;
		}
		if (f->err != -ENOMEM)
			break;
		CO_AWAIT(f->ignored, reclaim_await, .pages = 4);
	}
	CO_RETURN(f->err);
	CO_END;
}

/* In one group: nobody has them any more. */
struct free_change {
	struct free_prepare;
};
static co_t free_change(struct co *co, struct free_change *f)
{
	CO_BEGIN;
	for (; f->tries < FREE_TRIES; f->tries++) {
		CO_AWAIT(f->err, group_change, .handle = f->f->handle, .fs = f->f->fs,
			 .group = f->f->group, .at = f->f->at, .n = f->f->here);
		if (f->err != -ENOMEM)
			break;
		CO_AWAIT(f->ignored, reclaim_await, .pages = 4);
	}
	CO_RETURN(f->err);
	CO_END;
}

co_t ext4_free_blocks(struct co *co, struct ext4_free_blocks *f)
{
	CO_BEGIN;
	if (!ext4_blocks_valid(f->fs, f->start, f->n)) {
		ext4_damaged(f->fs, 0, f->start, "blocks outside, from %lu on, are to be freed",
			     (unsigned long)f->start);
		CO_RETURN(-EUCLEAN);
	}
	while (f->n) {
		f->group = block_group(f->fs, f->start);
		f->at = (u32)(f->start - ext4_group_first(f->fs, f->group));
		f->here = (u32)min(f->n, (u64)ext4_group_blocks(f->fs, f->group) - f->at);
		CO_AWAIT(f->err, free_prepare, .f = f);
		if (f->err)
			CO_RETURN(f->err);
		for (f->i = 0; f->metadata && !f->err && f->i < f->here; f->i++)
			CO_AWAIT(f->err, journal_forget, .handle = f->handle,
				 .block = f->start + f->i);
		if (!f->err)
			CO_AWAIT(f->err, free_change, .f = f);
		if (!f->err)
			ext4_freed_enter(f->handle, f->freed, f->fs, f->start, f->here);
		else
			kfree(f->freed);
		f->freed = NULL;
		if (f->err)
			CO_RETURN(f->err);
		f->start += f->here;
		f->n -= f->here;
	}
	CO_RETURN(0);
	CO_END;
}
