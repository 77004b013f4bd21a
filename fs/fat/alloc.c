/* fs/fat/alloc.c -- free clusters: counted at mount, promised, had, given back.
 *
 * fs->promised is what dirty pages will take and have not yet; promises never exceed what is free.
 */
#include "fs/fat/fat.h"
#include "mem/space/reclaim.h"

#define CUT_TRIES 8u

/* --- promises --- */

int fat_promise(struct fat_inode *fi, u32 clusters)
{
	struct fat *fs = fat_of(&fi->inode);
	int err = 0;
	u32 more;

	if (atomic_load_relaxed(&fi->promised) >= clusters)
		return 0;
	spin_lock(&fs->room_lock);
	if (fi->promised < clusters) {
		more = clusters - fi->promised;
		if (more > fs->free - min(fs->free, fs->promised)) {
			err = -ENOSPC;
		} else {
			fs->promised += more;
			atomic_store_relaxed(&fi->promised, clusters);
		}
	}
	spin_unlock(&fs->room_lock);
	return err;
}

void fat_settle(struct fat_inode *fi, u32 clusters)
{
	struct fat *fs = fat_of(&fi->inode);

	spin_lock(&fs->room_lock);
	clusters = max(clusters, fi->allocated);
	if (clusters < fi->promised) {
		fs->promised -= fi->promised - clusters;
		atomic_store_relaxed(&fi->promised, clusters);
	}
	spin_unlock(&fs->room_lock);
}

/* One more is the inode's: its promise is kept. `fresh`: it was free. */
static void room_take(struct fat_inode *fi, bool fresh)
{
	struct fat *fs = fat_of(&fi->inode);

	spin_lock(&fs->room_lock);
	if (fresh)
		fs->free -= min(fs->free, 1u);
	atomic_store_relaxed(&fi->allocated, fi->allocated + 1);
	if (fi->promised < fi->allocated)
		atomic_store_relaxed(&fi->promised, fi->allocated);
	else
		fs->promised--;
	spin_unlock(&fs->room_lock);
	atomic_store(&fs->info_dirty, true);
}

static void room_give(struct fat *fs)
{
	spin_lock(&fs->room_lock);
	fs->free = min(fs->free + 1, fs->clusters);
	spin_unlock(&fs->room_lock);
	atomic_store(&fs->info_dirty, true);
}

/* --- looking --- */

#define LOOK_AT 1024u

/* Some entries from *cluster on, which is moved; with `find` up to the first free one. */
static enum fat_try look(struct fat *fs, u32 *cluster, u32 *free, bool find)
{
	u32 value;

	for (unsigned n = 0; n < LOOK_AT && fat_is_cluster(fs, *cluster); n++, ++*cluster) {
		if (fat_try_get(fs, *cluster, &value) == FAT_MISSING)
			return FAT_MISSING;
		if (value == FAT_FREE) {
			++*free;
			if (find)
				return FAT_DONE;
		}
	}
	return FAT_DONE;
}

co_t fat_count(struct co *co, struct fat_count *f)
{
	CO_BEGIN;
	f->cluster = FAT_FIRST;
	while (fat_is_cluster(f->fs, f->cluster)) {
		if (look(f->fs, &f->cluster, &f->free, false) == FAT_MISSING)
			CO_AWAIT(f->err, fat_load, .fs = f->fs, .cluster = f->cluster);
		if (f->err)
			CO_RETURN(f->err);
		CO_BREATHE;
	}
	f->fs->free = f->free;
	CO_RETURN(0);
	CO_END;
}

/* A free cluster: *found, from the hint on and then from the start. */
struct alloc_find {
	struct co_frame co;
	struct fat *fs;
	u32 *found;
	u32 cluster, free;
	bool wrapped;
	long err;
};
static co_t alloc_find(struct co *co, struct alloc_find *f)
{
	CO_BEGIN;
	f->cluster = fat_is_cluster(f->fs, f->fs->next) ? f->fs->next : FAT_FIRST;
	for (;;) {
		if (look(f->fs, &f->cluster, &f->free, true) == FAT_MISSING)
			CO_AWAIT(f->err, fat_load, .fs = f->fs, .cluster = f->cluster);
		if (f->err)
			CO_RETURN(f->err);
		if (f->free)
			break;
		if (!fat_is_cluster(f->fs, f->cluster)) {
			if (f->wrapped)
				CO_RETURN(-ENOSPC);
			f->wrapped = true;
			f->cluster = FAT_FIRST;
		}
		CO_BREATHE;
	}
	*f->found = f->cluster;
	CO_RETURN(0);
	CO_END;
}

/* --- having and giving back --- */

/* The cluster is the inode's last. */
static void extend_take(struct fat_extend *f, bool fresh)
{
	if (fresh)
		fat_of(&f->fi->inode)->next = f->found + 1;
	room_take(f->fi, fresh);
	f->last = f->found;
}

/* What the chain has beyond what the file's size says (somebody made room in advance) is the
 * file's. */
struct extend_adopt {
	struct co_frame co;
	struct fat_extend *of;
	long err;
};
static co_t extend_adopt(struct co *co, struct extend_adopt *f)
{
	CO_BEGIN;
	while (f->of->fi->allocated < f->of->clusters) {
		CO_AWAIT(f->err, fat_get, .fs = fat_of(&f->of->fi->inode), .cluster = f->of->last,
			 .value = &f->of->found);
		if (f->err || !fat_is_cluster(fat_of(&f->of->fi->inode), f->of->found))
			break;
		extend_take(f->of, false);
		CO_BREATHE;
	}
	CO_RETURN(f->err);
	CO_END;
}

co_t fat_extend(struct co *co, struct fat_extend *f)
{
	CO_BEGIN;
	if (f->fi->allocated >= f->clusters)
		CO_RETURN(0);
	CO_LOCK(&fat_of(&f->fi->inode)->lock);
	if (f->fi->first) {
		CO_AWAIT(f->err, fat_map, .fi = f->fi, .index = f->fi->allocated - 1,
			 .run = &f->run);
		f->last = f->run.cluster;
		if (!f->err)
			CO_AWAIT(f->err, extend_adopt, .of = f);
	}
	while (!f->err && f->fi->allocated < f->clusters) {
		CO_AWAIT(f->err, alloc_find, .fs = fat_of(&f->fi->inode), .found = &f->found);
		if (!f->err)
			CO_AWAIT(f->err, fat_set, .fs = fat_of(&f->fi->inode),
				 .cluster = f->found, .value = FAT_END);
		if (f->err)
			break;
		if (!f->last)
			f->fi->first = f->found;
		else
			CO_AWAIT(f->err, fat_set, .fs = fat_of(&f->fi->inode), .cluster = f->last,
				 .value = f->found);
		if (f->err) {
			CO_AWAIT(f->ignored, fat_set, .fs = fat_of(&f->fi->inode),
				 .cluster = f->found, .value = FAT_FREE);
			break;
		}
		extend_take(f, true);
		CO_BREATHE;
	}
	mutex_unlock(&fat_of(&f->fi->inode)->lock);
	CO_RETURN(f->err);
	CO_END;
}

/* The part that stays is cut off: f->cluster is the first of what goes. */
struct cut_off {
	struct co_frame co;
	struct fat_cut *of;
	struct fat_run run;
	long err;
};
static co_t cut_off(struct co *co, struct cut_off *f)
{
	CO_BEGIN;
	f->of->cluster = f->of->fi->first;
	if (!f->of->keep) {
		f->of->fi->first = 0;
		CO_RETURN(0);
	}
	CO_AWAIT(f->err, fat_map, .fi = f->of->fi, .index = f->of->keep - 1, .run = &f->run);
	if (!f->err)
		CO_AWAIT(f->err, fat_get, .fs = fat_of(&f->of->fi->inode),
			 .cluster = f->run.cluster, .value = &f->of->cluster);
	if (!f->err && f->of->cluster != FAT_END)
		CO_AWAIT(f->err, fat_set, .fs = fat_of(&f->of->fi->inode),
			 .cluster = f->run.cluster, .value = FAT_END);
	CO_RETURN(f->err);
	CO_END;
}

static void cut_count(struct fat_inode *fi, u32 keep)
{
	struct fat *fs = fat_of(&fi->inode);

	spin_lock(&fs->room_lock);
	if (fi->allocated > keep) {
		u32 promised = fi->promised - fi->allocated;

		/* A promise was on top of what it had. */
		fs->promised -= promised;
		atomic_store_relaxed(&fi->allocated, keep);
		atomic_store_relaxed(&fi->promised, keep);
	}
	spin_unlock(&fs->room_lock);
	fat_runs_cut(fi, keep);
}

/* One cluster of those that go, and which is the next. */
struct cut_next {
	struct co_frame co;
	struct fat_cut *of;
	long err;
};
static co_t cut_next(struct co *co, struct cut_next *f)
{
	struct fat *fs = fat_of(&f->of->fi->inode);

	CO_BEGIN;
	f->of->next = FAT_FREE;
	if (fat_is_cluster(fs, f->of->cluster))
		CO_AWAIT(f->err, fat_get, .fs = fs, .cluster = f->of->cluster,
			 .value = &f->of->next);
	if (f->err)
		CO_RETURN(f->err);
	if (f->of->next == FAT_FREE) {
		fat_bad(fs, "inode %lu: cluster %u is not in use",
			(unsigned long)f->of->fi->inode.ino, f->of->cluster);
		fat_damaged(fs);
		CO_RETURN(-EIO);
	}
	CO_AWAIT(f->err, fat_set, .fs = fs, .cluster = f->of->cluster, .value = FAT_FREE);
	if (!f->err)
		room_give(fs);
	CO_RETURN(f->err);
	CO_END;
}

co_t fat_cut(struct co *co, struct fat_cut *f)
{
	CO_BEGIN;
	if (f->fi->allocated <= f->keep || !f->fi->first)
		CO_RETURN(0);
	CO_LOCK(&fat_of(&f->fi->inode)->lock);
	CO_AWAIT(f->err, cut_off, .of = f);
	if (!f->err)
		cut_count(f->fi, f->keep);
	while (!f->err && f->cluster != FAT_END) {
		CO_AWAIT(f->err, cut_next, .of = f);
		/* Nobody has the rest any more: worth waiting for memory, and nobody's to touch
		 * while the others have the table. */
		if (f->err == -ENOMEM && f->tries++ < CUT_TRIES) {
			mutex_unlock(&fat_of(&f->fi->inode)->lock);
			CO_AWAIT(f->ignored, reclaim_await, .pages = 4);
			CO_LOCK(&fat_of(&f->fi->inode)->lock);
			f->err = 0;
			continue;
		}
		f->cluster = f->next;
		CO_BREATHE;
	}
	mutex_unlock(&fat_of(&f->fi->inode)->lock);
	CO_RETURN(f->err);
	CO_END;
}
