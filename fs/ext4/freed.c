/* fs/ext4/freed.c -- blocks that a transaction freed, and that can be had when it has committed;
 * with the option `discard` when the device has forgotten them, too: a worker sees to that. */
#include "coro/task.h"
#include "fs/ext4/trim.h"
#include "mem/phys/slab.h"

static void freed_give_back(struct ext4_freed *freed)
{
	ext4_give_back(freed->fs, freed->start, freed->n);
	atomic_sub(&freed->fs->blocks_pending, (u64)freed->n);
	kfree(freed);
}

co_t ext4_trim_blocks(struct co *co, struct ext4_trim_blocks *f)
{
	unsigned shift;

	CO_BEGIN;
	shift = f->fs->block_shift - BLK_SECTOR_SHIFT;
	CO_AWAIT(f->err, blk_range, .dev = f->fs->dev, .kind = BLK_DISCARD,
		 .sector = f->start << shift, .sectors = f->n << shift);
	CO_RETURN(f->err);
	CO_END;
}

/* --- the worker, as long as there is something --- */

struct freed_worker {
	struct co_frame co;
	struct ext4 *fs;
	struct ext4_freed *freed;
	long ignored;
};

/* The next; without one the file system may go. */
static bool freed_next(struct freed_worker *f)
{
	struct ext4 *fs = f->fs;

	f->freed = NULL;
	spin_lock(&fs->room_lock);
	if (!list_empty(&fs->freed)) {
		f->freed = list_first(&fs->freed, struct ext4_freed, link);
		list_remove(&f->freed->link);
	} else {
		fs->trimming = false;
		waitq_wake(&fs->trimmed);
	}
	spin_unlock(&fs->room_lock);
	return f->freed;
}

static co_t freed_worker(struct co *co, struct freed_worker *f)
{
	CO_BEGIN;
	while (freed_next(f)) {
		CO_AWAIT(f->ignored, ext4_trim_blocks, .fs = f->fs, .start = f->freed->start,
			 .n = f->freed->n);
		freed_give_back(f->freed);
		CO_BREATHE;
	}
	CO_RETURN(0);
	CO_END;
}

/* For the worker, whom it may take to start. */
static void freed_queue(struct ext4_freed *freed)
{
	struct ext4 *fs = freed->fs;
	struct task *t;
	bool begin;

	spin_lock(&fs->room_lock);
	list_add_back(&fs->freed, &freed->link);
	begin = !fs->trimming;
	fs->trimming = true;
	spin_unlock(&fs->room_lock);
	if (!begin)
		return;
	CO_SPAWN(t, "ext4 discard", freed_worker, .fs = fs);
	if (t) {
		task_put(t);
		return;
	}
	/* No memory: the device does not hear of these. Nobody else is at it. */
	for (struct freed_worker all = {.fs = fs}; freed_next(&all);)
		freed_give_back(all.freed);
}

static void freed_committed(struct journal_callback *cb, int err)
{
	struct ext4_freed *freed = container_of(cb, struct ext4_freed, committed);

	if (!err && freed->fs->options.discard &&
	    atomic_load(&blk_disk(freed->fs->dev)->range_max[0]))
		freed_queue(freed);
	else
		freed_give_back(freed);
}

void ext4_freed_enter(struct handle *handle, struct ext4_freed *freed, struct ext4 *fs, u64 start,
		      u32 n)
{
	*freed = (struct ext4_freed){
		.committed.done = freed_committed, .fs = fs, .start = start, .n = n,
	};
	spin_lock(&fs->room_lock);
	atomic_store(&fs->blocks_free, fs->blocks_free + n);
	spin_unlock(&fs->room_lock);
	atomic_add(&fs->blocks_pending, (u64)n);
	journal_on_commit(handle, &freed->committed);
}

static bool freed_settled(struct ext4 *fs)
{
	bool busy;

	spin_lock(&fs->room_lock);
	busy = fs->trimming;
	spin_unlock(&fs->room_lock);
	return !busy;
}

co_t ext4_freed_settle(struct co *co, struct ext4_freed_settle *f)
{
	CO_BEGIN;
	CO_WAIT_IO(&f->fs->trimmed, freed_settled(f->fs));
	CO_RETURN(0);
	CO_END;
}
