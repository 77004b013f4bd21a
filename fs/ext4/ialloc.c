/* fs/ext4/ialloc.c -- inodes: whose number is free, and in which group to look.
 *
 * As in Linux directories are spread and what is in them lies near them: a directory of the root
 * goes where there are few directories and much is free, searched from any place on; others go
 * near their parent while there is room; a file into its
 * directory's group, else into one that is found by doubling steps, else into any.
 *
 * Numbers are had and given back one at a time (inode_lock); the descriptor's checksum is shared
 * with who allocates blocks, under the group's lock.
 */
#include <linux/fs.h>
#include <linux/stat.h>

#include "core/base/random.h"
#include "fs/ext4/bitmap.h"
#include "fs/ext4/names.h"
#include "mem/phys/slab.h"
#include "vfs/fileattr.h"

/* What is known of a group; under inode_lock. */
struct ext4_inode_group {
	u32 free, dirs;
	u32 first;	/* no inode below it is free */
	bool checked;	/* the bitmap's checksum was right */
};

void ext4_inodes_init(struct ext4 *fs)
{
	mutex_init(&fs->inode_lock, CO_RANK_FS);
}

void ext4_inodes_free(struct ext4 *fs)
{
	kfree(fs->inode_groups);
	fs->inode_groups = NULL;
}

/* --- descriptors --- */

static bool is_wide(const struct ext4 *fs)
{
	return fs->group_size >= sizeof(struct ext4_disk_group);
}

static u32 group_free(const struct ext4 *fs, const struct ext4_disk_group *g)
{
	return g->free_inodes_count_lo | (is_wide(fs) ? (u32)g->free_inodes_count_hi << 16 : 0);
}

static u32 group_dirs(const struct ext4 *fs, const struct ext4_disk_group *g)
{
	return g->used_dirs_count_lo | (is_wide(fs) ? (u32)g->used_dirs_count_hi << 16 : 0);
}

static u32 group_unused(const struct ext4 *fs, const struct ext4_disk_group *g)
{
	return g->itable_unused_lo | (is_wide(fs) ? (u32)g->itable_unused_hi << 16 : 0);
}

static void group_set_counts(const struct ext4 *fs, struct ext4_disk_group *g, u32 n, u32 dirs)
{
	g->free_inodes_count_lo = (u16)n;
	g->used_dirs_count_lo = (u16)dirs;
	if (is_wide(fs)) {
		g->free_inodes_count_hi = (u16)(n >> 16);
		g->used_dirs_count_hi = (u16)(dirs >> 16);
	}
}

static void group_set_unused(const struct ext4 *fs, struct ext4_disk_group *g, u32 n)
{
	g->itable_unused_lo = (u16)n;
	if (is_wide(fs))
		g->itable_unused_hi = (u16)(n >> 16);
}

static bool has_flags(const struct ext4 *fs)
{
	return fs->checksums || fs->group_crc16;
}

/* --- what is known of all groups --- */

struct inodes_count {
	struct co_frame co;
	struct ext4 *fs;
	struct ext4_disk_group disk;
	u32 group;
	long err;
};
static co_t inodes_count(struct co *co, struct inodes_count *f)
{
	CO_BEGIN;
	f->fs->inode_groups = kcalloc(f->fs->groups, sizeof(*f->fs->inode_groups));
	if (!f->fs->inode_groups)
		CO_RETURN(-ENOMEM);
	for (f->group = 0; f->group < f->fs->groups; f->group++) {
		CO_AWAIT(f->err, ext4_group_get, .fs = f->fs, .group = f->group, .copy = &f->disk);
		if (f->err)
			break;
		f->fs->inode_groups[f->group] = (struct ext4_inode_group){
			.free = group_free(f->fs, &f->disk), .dirs = group_dirs(f->fs, &f->disk)};
		CO_BREATHE;
	}
	if (f->err)
		ext4_inodes_free(f->fs);
	CO_RETURN(f->err);
	CO_END;
}

/* --- which group --- */

/* The group of fewest directories among those with enough free inodes, from any on. */
static u32 choose_spread(const struct ext4 *fs)
{
	u32 average = atomic_load_relaxed(&fs->inodes_free) / fs->groups;
	u32 from = (u32)(random_u64() % fs->groups), best = from, dirs = UINT32_MAX;

	for (u32 i = 0; i < fs->groups; i++) {
		u32 at = (from + i) % fs->groups;
		const struct ext4_inode_group *g = &fs->inode_groups[at];

		if (g->free && g->free >= average && g->dirs < dirs) {
			dirs = g->dirs;
			best = at;
		}
	}
	return best;
}

/* Some room must stay for what will be in the new directory. */
static u32 choose_near(const struct ext4 *fs, u32 parent)
{
	u32 least = max(atomic_load_relaxed(&fs->inodes_free) / fs->groups / 4, 1u);

	for (u32 i = 0; i < fs->groups; i++) {
		u32 at = (parent + i) % fs->groups;

		if (fs->inode_groups[at].free >= least)
			return at;
	}
	return parent;
}

static u32 choose_file(const struct ext4 *fs, u32 parent, u64 dir_ino)
{
	u32 at = parent;

	if (fs->inode_groups[at].free)
		return at;
	at = (u32)((parent + dir_ino) % fs->groups);
	for (u64 step = 1; step < fs->groups; step <<= 1) {
		at = (u32)((at + step) % fs->groups);
		if (fs->inode_groups[at].free)
			return at;
	}
	return parent;
}

static u32 choose_group(struct inode *dir, u32 mode)
{
	const struct ext4 *fs = ext4_of(dir);
	u32 parent = (u32)(dir->ino - 1) / fs->inodes_per_group;

	if (!S_ISDIR(mode))
		return choose_file(fs, parent, dir->ino);
	if (dir->ino == EXT4_ROOT_INO || (ext4_inode(dir)->flags & FS_TOPDIR_FL))
		return choose_spread(fs);
	return choose_near(fs, parent);
}

/* --- a number --- */

/* A group's descriptor and inode bitmap, both to be changed; a bitmap that was never written is
 * made. inode_lock is held. */
struct inode_group_access {
	struct co_frame co;
	struct handle *handle;
	struct ext4 *fs;
	u32 group;
	struct buffer **bitmap, **descriptor;
	struct ext4_disk_group **disk;
	u32 offset;
	bool fresh;
	long err;
};

/* What lies past the group's inodes counts as used. */
static void bitmap_make(const struct ext4 *fs, u64 *bitmap)
{
	memset(bitmap, 0, fs->block_size);
	bitmap_set_run(bitmap, fs->inodes_per_group, fs->block_size * 8 - fs->inodes_per_group);
}

static int inode_group_check(struct inode_group_access *f)
{
	struct ext4_inode_group *g = &f->fs->inode_groups[f->group];

	if (f->fresh) {
		bitmap_make(f->fs, (u64 *)(*f->bitmap)->data);
		(*f->disk)->flags &= (u16)~EXT4_GROUP_INODE_UNINIT;
	} else if (!g->checked && !ext4_bitmap_valid(f->fs, *f->disk, (*f->bitmap)->data, true)) {
		ext4_bad(f->fs, "group %u: the inode bitmap's checksum is wrong", f->group);
		return -EUCLEAN;
	}
	g->checked = true;
	return 0;
}

static co_t inode_group_access(struct co *co, struct inode_group_access *f)
{
	CO_BEGIN;
	*f->bitmap = NULL;
	CO_AWAIT(f->err, ext4_group_buffer, .fs = f->fs, .group = f->group,
		 .buffer = f->descriptor, .offset = &f->offset);
	if (f->err)
		CO_RETURN(f->err);
	*f->disk = (struct ext4_disk_group *)((*f->descriptor)->data + f->offset);
	CO_AWAIT(f->err, journal_access, .handle = f->handle, .buffer = *f->descriptor);
	if (f->err)
		goto out;
	f->err = -EUCLEAN;
	if (!ext4_blocks_valid(f->fs, ext4_group_bitmap(f->fs, *f->disk, true), 1))
		goto out;
	f->fresh = has_flags(f->fs) && ((*f->disk)->flags & EXT4_GROUP_INODE_UNINIT);
	if (f->fresh)
		CO_AWAIT(f->err, journal_create, .handle = f->handle,
			 .block = ext4_group_bitmap(f->fs, *f->disk, true), .buffer = f->bitmap);
	else
		CO_AWAIT(f->err, buffer_get, .journal = f->fs->journal,
			 .block = ext4_group_bitmap(f->fs, *f->disk, true), .buffer = f->bitmap);
	if (f->err) {
		*f->bitmap = NULL;
		goto out;
	}
	if (!f->fresh)
		CO_AWAIT(f->err, journal_access, .handle = f->handle, .buffer = *f->bitmap);
	if (!f->err)
		f->err = inode_group_check(f);
out:
	if (f->err) {
		buffer_put(*f->bitmap);
		buffer_put(*f->descriptor);
	}
	CO_RETURN(f->err);
	CO_END;
}

/* Mark the lowest one: its number, or 0. */
static u32 group_claim(struct ext4 *fs, u32 group, bool dir, u8 *bitmap, struct ext4_disk_group *d)
{
	struct ext4_inode_group *g = &fs->inode_groups[group];
	u32 n = fs->inodes_per_group, bit = bitmap_next((u64 *)bitmap, g->first, n, false), used;

	if (bit >= n) {
		g->free = 0;
		return 0;
	}
	ext4_group_lock(fs, group);
	bitmap_set((u64 *)bitmap, bit);
	g->first = bit + 1;
	g->dirs += dir;
	g->free -= !!g->free;
	group_set_counts(fs, d, max(group_free(fs, d), 1u) - 1, g->dirs);
	used = n - min(group_unused(fs, d), n);
	if (has_flags(fs) && bit + 1 > used)
		group_set_unused(fs, d, n - bit - 1);
	ext4_bitmap_seal(fs, (u8 *)d, bitmap, true);
	ext4_group_seal(fs, group, (u8 *)d);
	ext4_group_unlock(fs, group);
	return group * n + bit + 1;
}

/* Any group from f->group on: *ino. */
struct inode_claim {
	struct co_frame co;
	struct handle *handle;
	struct ext4 *fs;
	u32 group, tried;
	bool dir;
	u32 *ino;
	struct buffer *bitmap, *descriptor;
	struct ext4_disk_group *disk;
	long err;
};
static co_t inode_claim(struct co *co, struct inode_claim *f)
{
	CO_BEGIN;
	*f->ino = 0;
	for (; f->tried < f->fs->groups && !*f->ino; f->tried++) {
		if (f->fs->inode_groups[f->group].free) {
			CO_AWAIT(f->err, inode_group_access, .handle = f->handle, .fs = f->fs,
				 .group = f->group, .bitmap = &f->bitmap,
				 .descriptor = &f->descriptor, .disk = &f->disk);
			if (f->err)
				CO_RETURN(f->err);
			*f->ino = group_claim(f->fs, f->group, f->dir, f->bitmap->data, f->disk);
			buffer_put(f->bitmap);
			buffer_put(f->descriptor);
		}
		f->group = (f->group + 1) % f->fs->groups;
		CO_BREATHE;
	}
	if (!*f->ino)
		CO_RETURN(-ENOSPC);
	atomic_sub(&f->fs->inodes_free, 1u);
	CO_RETURN(0);
	CO_END;
}

/* --- a fresh inode --- */

static void inode_fresh(const struct ext4_inode_alloc *f)
{
	struct ext4 *fs = ext4_of(f->dir);
	struct ext4_inode *e = f->made;
	bool mapped = S_ISREG(f->mode) || S_ISDIR(f->mode) || S_ISLNK(f->mode);

	ext4_inode_init(e, fs, f->ino, f->mode, (u32)random_u64());
	e->inode.btime = inode_time_fit(fs->super, e->inode.btime);
	e->inode.atime = e->inode.mtime = e->inode.ctime = e->inode.btime;
	e->inode.uid = f->uid;
	e->inode.gid = f->gid;
	e->inode.rdev = f->rdev;
	e->flags = ext4_flags_inherited(ext4_inode(f->dir)->flags, f->mode);
	if (mapped && (fs->incompat & EXT4_INCOMPAT_EXTENTS)) {
		e->flags |= EXT4_EXTENTS_FL;
		ext4_extent_init(e);
	}
	ext4_flags_apply(e);
	ext4_inode_ops_set(e, false);
}

/* It can be found by number from here on, but nobody can ask for it by name yet. */
static long inode_enter_fresh(const struct ext4_inode_alloc *f)
{
	struct inode *other = inode_hash(&f->made->inode);

	if (!other) {
		*f->inode = &f->made->inode;
		return 0;
	}
	ext4_damaged_inode(f->dir, "inode %u is in use, but its bitmap says that it is free",
			   f->ino);
	inode_put(other);
	inode_put(&f->made->inode);
	return -EUCLEAN;
}

co_t ext4_inode_alloc(struct co *co, struct ext4_inode_alloc *f)
{
	CO_BEGIN;
	f->made = kzalloc(sizeof(*f->made));
	if (!f->made)
		CO_RETURN(-ENOMEM);
	CO_LOCK(&ext4_of(f->dir)->inode_lock);
	if (!ext4_of(f->dir)->inode_groups)
		CO_AWAIT(f->err, inodes_count, .fs = ext4_of(f->dir));
	if (!f->err)
		CO_AWAIT(f->err, inode_claim, .handle = f->handle, .fs = ext4_of(f->dir),
			 .group = choose_group(f->dir, f->mode), .dir = S_ISDIR(f->mode),
			 .ino = &f->ino);
	mutex_unlock(&ext4_of(f->dir)->inode_lock);
	if (f->err) {
		kfree(f->made);
		CO_RETURN(f->err);
	}
	inode_fresh(f);
	CO_RETURN(inode_enter_fresh(f));
	CO_END;
}

/* --- one that goes --- */

static int group_release(struct ext4 *fs, u32 ino, bool dir, u8 *bitmap, struct ext4_disk_group *d)
{
	u32 group = (ino - 1) / fs->inodes_per_group, bit = (ino - 1) % fs->inodes_per_group;
	struct ext4_inode_group *g = &fs->inode_groups[group];

	if (!bitmap_test((u64 *)bitmap, bit))
		return -EUCLEAN;
	ext4_group_lock(fs, group);
	bitmap_clear((u64 *)bitmap, bit);
	g->first = min(g->first, bit);
	g->free++;
	g->dirs -= dir && g->dirs;
	group_set_counts(fs, d, group_free(fs, d) + 1, g->dirs);
	ext4_bitmap_seal(fs, (u8 *)d, bitmap, true);
	ext4_group_seal(fs, group, (u8 *)d);
	ext4_group_unlock(fs, group);
	return 0;
}

struct inode_release {
	struct co_frame co;
	struct handle *handle;
	struct ext4 *fs;
	u32 ino;
	bool dir;
	struct buffer *bitmap, *descriptor;
	struct ext4_disk_group *disk;
	long err;
};
static co_t inode_release(struct co *co, struct inode_release *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, inode_group_access, .handle = f->handle, .fs = f->fs,
		 .group = (f->ino - 1) / f->fs->inodes_per_group, .bitmap = &f->bitmap,
		 .descriptor = &f->descriptor, .disk = &f->disk);
	if (f->err)
		CO_RETURN(f->err);
	f->err = group_release(f->fs, f->ino, f->dir, f->bitmap->data, f->disk);
	buffer_put(f->bitmap);
	buffer_put(f->descriptor);
	if (f->err)
		ext4_damaged(f->fs, f->ino, 0ul,
			     "inode %u is freed, but its bitmap says that it is free", f->ino);
	else
		atomic_add(&f->fs->inodes_free, 1u);
	CO_RETURN(f->err);
	CO_END;
}

co_t ext4_inode_free(struct co *co, struct ext4_inode_free *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, ext4_inode_set_dtime, .handle = f->handle, .inode = f->inode,
		 .dtime = (u32)inode_now().sec);
	if (f->err)
		CO_RETURN(f->err);
	CO_LOCK(&ext4_of(f->inode)->inode_lock);
	if (!ext4_of(f->inode)->inode_groups)
		CO_AWAIT(f->err, inodes_count, .fs = ext4_of(f->inode));
	if (!f->err)
		CO_AWAIT(f->err, inode_release, .handle = f->handle, .fs = ext4_of(f->inode),
			 .ino = (u32)f->inode->ino, .dir = S_ISDIR(f->inode->mode));
	mutex_unlock(&ext4_of(f->inode)->inode_lock);
	CO_RETURN(f->err);
	CO_END;
}
