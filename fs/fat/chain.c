/* fs/fat/chain.c -- which clusters a file has: its chain in the table, and what is known of it.
 *
 * Runs of adjacent clusters are kept per inode, in the order of the file. When there are too many,
 * every second is forgotten, so that they go on being spread over all of it: a look goes from the
 * nearest one before, and its way stays short. A chain that goes in circles is longer than the
 * file system has clusters, which is noticed.
 */
#include <linux/stat.h>

#include "core/base/string.h"
#include "fs/fat/fat.h"
#include "mem/phys/slab.h"

#define STEPS 512u	/* entries looked at in one poll */

/* --- what is remembered --- */

/* How many of the runs begin at or before `index`. */
static unsigned runs_before(const struct fat_inode *fi, u32 index) REQUIRES(fi->run_lock)
{
	unsigned low = 0, high = fi->runs;

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (fi->run[mid].index <= index)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* The nearest run at or before it; at worst the first cluster. */
static struct fat_run runs_find(struct fat_inode *fi, u32 index)
{
	struct fat_run found = {.cluster = fi->first, .len = 1};
	unsigned n;

	spin_lock(&fi->run_lock);
	n = runs_before(fi, index);
	if (n)
		found = fi->run[n - 1];
	spin_unlock(&fi->run_lock);
	return found;
}

/* Room for one more; without it nothing is remembered. */
static bool runs_room(struct fat_inode *fi) REQUIRES(fi->run_lock)
{
	struct fat_run *more;
	unsigned n = 0;

	if (fi->runs < fi->room)
		return true;
	if (fi->room == FAT_RUNS_MAX) {
		for (unsigned i = 0; i < fi->runs; i += 2)
			fi->run[n++] = fi->run[i];
		fi->runs = n;
		return true;
	}
	n = fi->room ? fi->room * 4 : FAT_RUNS_FIRST;
	more = kmalloc(n * sizeof(*more));
	if (!more)
		return false;
	if (fi->runs)
		memcpy(more, fi->run, fi->runs * sizeof(*more));
	kfree(fi->run);
	fi->run = more;
	fi->room = n;
	return true;
}

static void runs_add(struct fat_inode *fi, const struct fat_run *run)
{
	unsigned n;

	spin_lock(&fi->run_lock);
	n = runs_before(fi, run->index);
	if (n && run->index - fi->run[n - 1].index < fi->run[n - 1].len) {
		/* It is known, or goes on from what is. */
		fi->run[n - 1].len = max(fi->run[n - 1].len,
					 run->index - fi->run[n - 1].index + run->len);
	} else if (runs_room(fi)) {
		n = runs_before(fi, run->index);
		memmove(fi->run + n + 1, fi->run + n, (fi->runs - n) * sizeof(*fi->run));
		fi->run[n] = *run;
		fi->runs++;
	}
	spin_unlock(&fi->run_lock);
}

void fat_runs_cut(struct fat_inode *fi, u32 keep)
{
	spin_lock(&fi->run_lock);
	while (fi->runs && fi->run[fi->runs - 1].index >= keep)
		fi->runs--;
	if (fi->runs)
		fi->run[fi->runs - 1].len = min(fi->run[fi->runs - 1].len,
						keep - fi->run[fi->runs - 1].index);
	spin_unlock(&fi->run_lock);
}

void fat_runs_free(struct fat_inode *fi)
{
	kfree(fi->run);
}

/* --- following it --- */

enum follow { FOLLOW_DONE, FOLLOW_LOAD, FOLLOW_ON, FOLLOW_BROKEN };

/* Some steps from the run `at` on, until it has `index` and reaches `end`, or ends. *ended: the
 * chain does. */
static enum follow follow(struct fat_inode *fi, u32 index, u32 end, struct fat_run *at, bool *ended)
{
	struct fat *fs = fat_of(&fi->inode);

	for (unsigned n = 0; n < STEPS; n++) {
		u32 reach = at->index + at->len, last = at->cluster + at->len - 1, next;

		if (reach >= end && reach > index)
			return FOLLOW_DONE;
		if (!fat_is_cluster(fs, last) || reach > fs->clusters)
			return FOLLOW_BROKEN;
		if (fat_try_get(fs, last, &next) == FAT_MISSING)
			return FOLLOW_LOAD;
		if (next == last + 1 && fat_is_cluster(fs, next)) {
			at->len++;
			continue;
		}
		if (reach > index)
			return FOLLOW_DONE;
		if (next == FAT_END) {
			*ended = true;
			return FOLLOW_DONE;
		}
		if (!fat_is_cluster(fs, next))
			return FOLLOW_BROKEN;
		runs_add(fi, at);
		*at = (struct fat_run){.index = reach, .cluster = next, .len = 1};
	}
	return FOLLOW_ON;
}

/* As far as it can be seen: 0, 1 (it ends before `index`: *at is its last run) or an error. */
struct chain_follow {
	struct co_frame co;
	struct fat_inode *fi;
	u32 index, end;
	struct fat_run *at;
	enum follow was;
	bool ended;
	long err;
};
static co_t chain_follow(struct co *co, struct chain_follow *f)
{
	CO_BEGIN;
	*f->at = runs_find(f->fi, f->index);
	f->was = FOLLOW_BROKEN;
	while (fat_is_cluster(fat_of(&f->fi->inode), f->at->cluster)) {
		f->was = follow(f->fi, f->index, f->end, f->at, &f->ended);
		if (f->was == FOLLOW_DONE || f->was == FOLLOW_BROKEN)
			break;
		if (f->was == FOLLOW_LOAD)
			CO_AWAIT(f->err, fat_load, .fs = fat_of(&f->fi->inode),
				 .cluster = f->at->cluster + f->at->len - 1);
		if (f->err)
			CO_RETURN(f->err);
		CO_BREATHE;
	}
	if (f->was == FOLLOW_BROKEN) {
		fat_bad(fat_of(&f->fi->inode), "inode %lu: its chain is broken after cluster %u",
			(unsigned long)f->fi->inode.ino, f->at->cluster + f->at->len - 1);
		fat_damaged(fat_of(&f->fi->inode));
		CO_RETURN(-EIO);
	}
	runs_add(f->fi, f->at);
	CO_RETURN(f->ended);
	CO_END;
}

co_t fat_map(struct co *co, struct fat_map *f)
{
	u32 skip;

	CO_BEGIN;
	CO_AWAIT(f->err, chain_follow, .fi = f->fi, .index = f->index,
		 .end = max(f->end, f->index + 1), .at = &f->at);
	if (f->err > 0) {
		fat_bad(fat_of(&f->fi->inode), "inode %lu: its chain ends early",
			(unsigned long)f->fi->inode.ino);
		fat_damaged(fat_of(&f->fi->inode));
		f->err = -EIO;
	}
	if (f->err)
		CO_RETURN(f->err);
	skip = f->index - f->at.index;
	*f->run = (struct fat_run){f->index, f->at.cluster + skip, f->at.len - skip};
	CO_RETURN(0);
	CO_END;
}

co_t fat_measure(struct co *co, struct fat_measure *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, chain_follow, .fi = f->fi, .index = UINT32_MAX - 1, .end = UINT32_MAX,
		 .at = &f->run);
	if (f->err < 0)
		CO_RETURN(f->err);
	f->fi->allocated = f->run.index + f->run.len;
	CO_RETURN(0);
	CO_END;
}

co_t fat_place(struct co *co, struct fat_place *f)
{
	struct fat *fs;
	u64 within;

	CO_BEGIN;
	fs = fat_of(f->inode);
	if (fat_is_fixed(f->inode)) {
		*f->disk = fs->root_start + f->at;
		*f->len = f->end - f->at;
		CO_RETURN(0);
	}
	CO_AWAIT(f->err, fat_map, .fi = fat_inode(f->inode), .run = &f->run,
		 .index = (u32)(f->at >> fs->cluster_shift), .end = fat_clusters_of(fs, f->end));
	if (f->err)
		CO_RETURN(f->err);
	fs = fat_of(f->inode);
	within = f->at & (fat_cluster_size(fs) - 1);
	*f->disk = fat_cluster_at(fs, f->run.cluster) + within;
	*f->len = min(((u64)f->run.len << fs->cluster_shift) - within, f->end - f->at);
	CO_RETURN(0);
	CO_END;
}
