/* fs/fat/inode.c -- inodes: made of entries, found by where these lie, written back to them. */
#include <linux/stat.h>

#include "core/base/string.h"
#include "fs/fat/dir.h"
#include "mem/phys/slab.h"
#include "vfs/writeback.h"

#define INO_OTHER (1ul << 40)	/* numbers that no place has */

void fat_inode_setup(struct fat *fs)
{
	spin_init(&fs->slot_lock, RANK_FS_PRIVATE);
	for (unsigned i = 0; i < FAT_BUCKETS; i++)
		list_init(&fs->bucket[i]);
	list_init(&fs->parents);
}

/* --- modes --- */

u32 fat_mode(const struct fat *fs, u8 attr, const u8 *name)
{
	const struct fat_options *o = &fs->options;
	u32 mode = 0777;

	if (attr & FAT_DIRECTORY) {
		if ((attr & FAT_READ_ONLY) && o->rodir)
			mode &= ~0222u;
		return S_IFDIR | (mode & ~(u32)o->dmask);
	}
	if (name && o->showexec && memcmp(name + 8, "EXE", 3) && memcmp(name + 8, "COM", 3) &&
	    memcmp(name + 8, "BAT", 3))
		mode = 0666;
	if (attr & FAT_READ_ONLY)
		mode &= ~0222u;
	return S_IFREG | (mode & ~(u32)o->fmask);
}

/* Is "nobody may write" something that its entry can say? */
static bool can_hold_read_only(const struct inode *inode)
{
	const struct fat_options *o = &fat_of(inode)->options;

	if (S_ISDIR(inode->mode))
		return o->rodir && (o->dmask & 0222);
	return o->fmask & 0222;
}

int fat_mode_check(const struct inode *inode, u32 *mode)
{
	const struct fat_options *o = &fat_of(inode)->options;
	u32 mask = S_ISDIR(inode->mode) ? o->dmask : o->fmask;
	u32 perm = *mode & 0777 & ~mask, write = perm & 0222;

	if ((perm & 0555) != (inode->mode & 0555))
		return -EPERM;
	if (write != (0222 & ~mask) && (write || !can_hold_read_only(inode)))
		return -EPERM;
	*mode = perm;
	return 0;
}

/* --- where an entry lies --- */

static struct list *bucket_of(struct fat *fs, const struct inode *dir, u32 offset)
{
	u64 n = (u64)(uintptr_t)dir / 64 + offset / FAT_SLOT;

	return &fs->bucket[(n ^ n >> 8) % FAT_BUCKETS];
}

/* A directory is not held any more. Who comes while others go adds to the list: so a chain of
 * directories that each hold the one above does not become a chain of calls. */
static void parent_put(struct inode *parent)
{
	struct fat *fs;
	struct fat_inode *p;

	if (!parent)
		return;
	fs = fat_of(parent);
	spin_lock(&fs->slot_lock);
	p = fat_inode(parent);
	if (!p->let_go_count++)
		list_add_back(&fs->parents, &p->let_go);
	if (fs->letting_go) {
		spin_unlock(&fs->slot_lock);
		return;
	}
	fs->letting_go = true;
	while (!list_empty(&fs->parents)) {
		u32 n;

		p = list_first(&fs->parents, struct fat_inode, let_go);
		n = p->let_go_count;
		p->let_go_count = 0;
		list_remove(&p->let_go);
		spin_unlock(&fs->slot_lock);
		while (n--)
			inode_put(&p->inode);
		spin_lock(&fs->slot_lock);
	}
	fs->letting_go = false;
	spin_unlock(&fs->slot_lock);
}

static struct inode *at_locked(struct inode *dir, u32 offset)
{
	struct fat_inode *fi;

	list_each(fi, bucket_of(fat_of(dir), dir, offset), by_place)
		if (fi->parent == dir && fi->offset == offset && inode_get_live(&fi->inode))
			return &fi->inode;
	return NULL;
}

struct inode *fat_inode_at(struct inode *dir, u32 offset)
{
	struct inode *found;

	spin_lock(&fat_of(dir)->slot_lock);
	found = at_locked(dir, offset);
	spin_unlock(&fat_of(dir)->slot_lock);
	return found;
}

static void place_locked(struct fat_inode *fi, struct inode *dir, u32 offset, u8 slots)
{
	list_remove(&fi->by_place);
	fi->parent = dir;
	fi->offset = offset;
	fi->slots = slots;
	if (dir)
		list_add_back(bucket_of(fat_of(dir), dir, offset), &fi->by_place);
}

void fat_inode_place(struct fat_inode *fi, struct inode *dir, u32 offset, u8 slots)
{
	struct fat *fs = fat_of(&fi->inode);
	struct inode *was;

	if (dir)
		inode_get(dir);
	spin_lock(&fs->slot_lock);
	was = fi->parent;
	place_locked(fi, dir, offset, slots);
	spin_unlock(&fs->slot_lock);
	parent_put(was);
}

void fat_inode_exchange(struct fat_inode *a, struct fat_inode *b)
{
	struct fat *fs = fat_of(&a->inode);
	struct inode *dir;
	u32 offset;
	u8 slots;

	spin_lock(&fs->slot_lock);
	dir = a->parent;
	offset = a->offset;
	slots = a->slots;
	place_locked(a, b->parent, b->offset, b->slots);
	place_locked(b, dir, offset, slots);
	spin_unlock(&fs->slot_lock);
}

/* Its number is that of its place, unless somebody who had that place has moved away with it. */
static void number(struct fat_inode *fi, u64 ino)
{
	struct fat *fs = fat_of(&fi->inode);
	struct inode *other;

	fi->inode.ino = ino;
	while ((other = inode_hash(&fi->inode))) {
		inode_put(other);
		spin_lock(&fs->slot_lock);
		fi->inode.ino = INO_OTHER + fs->generation++;
		spin_unlock(&fs->slot_lock);
	}
}

void fat_inode_publish(struct fat_inode *fi, struct inode *dir, u32 offset, u8 slots, u64 disk)
{
	number(fi, disk / FAT_SLOT);
	fat_inode_place(fi, dir, offset, slots);
}

/* The same where another task may be doing it: the one that is found from now on. */
static struct inode *publish_first(struct fat_inode *fi, const struct fat_inode_get *f)
{
	struct fat *fs = fat_of(f->dir);
	struct inode *other;

	number(fi, f->disk / FAT_SLOT);
	inode_get(f->dir);
	spin_lock(&fs->slot_lock);
	other = at_locked(f->dir, f->offset);
	if (!other)
		place_locked(fi, f->dir, f->offset, f->slots);
	spin_unlock(&fs->slot_lock);
	if (!other)
		return &fi->inode;
	inode_put(f->dir);
	inode_put(&fi->inode);
	return other;
}

/* --- life --- */

struct fat_inode *fat_inode_new(struct fat *fs, u64 ino, u32 mode)
{
	struct fat_inode *fi = kzalloc(sizeof(*fi));

	if (!fi)
		return NULL;
	inode_init(&fi->inode, fs->super, ino, mode);
	fi->inode.uid = fs->options.uid;
	fi->inode.gid = fs->options.gid;
	rwlock_init(&fi->map_lock, CO_RANK_HANDLE);
	spin_init(&fi->run_lock, RANK_FS_PRIVATE);
	list_init(&fi->by_place);
	list_init(&fi->let_go);
	if (S_ISDIR(mode)) {
		fi->inode.ops = &fat_dir_ops;
		fi->inode.file_ops = &fat_dir_file_ops;
		fi->inode.mapping.ops = &fat_dir_mapping;
		fi->inode.nlink = 2;
		fi->attr = FAT_DIRECTORY;
	} else {
		fi->inode.ops = &fat_file_inode_ops;
		fi->inode.file_ops = &fat_file_ops;
		fi->inode.mapping.ops = &fat_file_mapping;
	}
	return fi;
}

void fat_inode_free(struct inode *inode)
{
	struct fat_inode *fi = fat_inode(inode);
	struct fat *fs = fat_of(inode);
	struct inode *parent;

	fat_settle(fi, 0);
	spin_lock(&fs->slot_lock);
	list_remove(&fi->by_place);
	parent = fi->parent;
	spin_unlock(&fs->slot_lock);
	fat_runs_free(fi);
	kfree(fi);
	parent_put(parent);
}

/* --- from and to an entry --- */

static void decode(struct fat_inode *fi, const struct fat_disk_entry *e)
{
	struct fat *fs = fat_of(&fi->inode);
	struct inode *i = &fi->inode;

	fi->attr = e->attr;
	fi->first = e->first | (fs->bits == 32 ? (u32)e->first_high << 16 & FAT_END : 0);
	i->mtime = i->ctime = i->atime = i->btime = fat_time_decode(fs, e->date, e->time, 0);
	if (fs->long_names) {
		i->atime = fat_time_decode(fs, e->adate, 0, 0);
		i->btime = fat_time_decode(fs, e->cdate, e->ctime, e->ctime_cs);
	}
	if ((e->attr & FAT_SYSTEM) && fs->options.sys_immutable)
		i->flags |= INODE_IMMUTABLE;
	if (!S_ISREG(i->mode))
		return;
	i->size = fi->valid = e->size;
	/* One that has a first cluster and no size had room made for it in advance. */
	fi->allocated = fi->promised = fi->first ? max(fat_clusters_of(fs, e->size), 1u) : 0;
}

/* What an entry cannot say: it is seen before any use. */
static const char *entry_wrong(const struct fat *fs, const struct fat_inode *fi)
{
	if (fi->first && !fat_is_cluster(fs, fi->first))
		return "its first cluster is impossible";
	if (S_ISDIR(fi->inode.mode) &&
	    (!fi->first || (fs->bits == 32 && fi->first == fs->root_first)))
		return "the directory has no place of its own";
	if (S_ISREG(fi->inode.mode) && fi->inode.size && !fi->first)
		return "it has a size and no clusters";
	if (fat_clusters_of(fs, fi->inode.size) > fs->clusters)
		return "it is larger than the file system";
	return NULL;
}

void fat_inode_encode(struct fat_inode *fi, struct fat_disk_entry *e)
{
	struct fat *fs = fat_of(&fi->inode);
	struct inode *i = &fi->inode;
	u32 first = atomic_load_relaxed(&fi->first);
	u8 attr;

	spin_lock(&i->attr_lock);
	attr = fi->attr & ~FAT_READ_ONLY;
	if (can_hold_read_only(i) ? !(i->mode & 0222) : (fi->attr & FAT_READ_ONLY))
		attr |= FAT_READ_ONLY;
	e->attr = attr;
	e->first = (u16)first;
	e->first_high = fs->bits == 32 ? (u16)(first >> 16) : 0;
	e->size = S_ISREG(i->mode) ? (u32)min(inode_size(i), atomic_load(&fi->valid)) : 0;
	fat_time_encode(fs, i->mtime, &e->date, &e->time, NULL);
	if (fs->long_names) {
		fat_time_encode(fs, i->atime, &e->adate, NULL, NULL);
		fat_time_encode(fs, i->btime, &e->cdate, &e->ctime, &e->ctime_cs);
	}
	spin_unlock(&i->attr_lock);
}

/* With the directory, its page claimed: unless the entry is another's by now. */
static void update_put(struct fat_inode_update *f)
{
	struct fat *fs = fat_of(f->dir);
	struct fat_disk_entry *e, new;

	e = (struct fat_disk_entry *)((u8 *)phys_page_data(f->page) + f->offset % PAGE_SIZE);
	new = *e;
	fat_inode_encode(f->fi, &new);
	spin_lock(&fs->slot_lock);
	if (f->fi->parent == f->dir && f->fi->offset == f->offset)
		*e = new;
	spin_unlock(&fs->slot_lock);
	page_mark_dirty(&f->dir->mapping, f->page);
	page_unclaim(&f->dir->mapping, f->page);
	phys_page_put(f->page);
}

/* With a reference, or NULL: and where in it. */
static struct inode *entry_where(struct fat_inode *fi, u32 *offset)
{
	struct fat *fs = fat_of(&fi->inode);
	struct inode *dir;

	spin_lock(&fs->slot_lock);
	dir = fi->parent;
	*offset = fi->offset;
	if (dir)
		inode_get(dir);
	spin_unlock(&fs->slot_lock);
	return dir;
}

co_t fat_inode_update(struct co *co, struct fat_inode_update *f)
{
	CO_BEGIN;
	f->dir = entry_where(f->fi, &f->offset);
	if (!f->dir)
		CO_RETURN(0);
	CO_AWAIT(f->err, page_get_filled, .mapping = &f->dir->mapping,
		 .index = f->offset >> PAGE_SHIFT, .ahead = 1, .page = &f->page);
	if (!f->err) {
		CO_WAIT_IO(&f->dir->mapping.waiters, page_claim(f->page));
		update_put(f);
	}
	inode_put(f->dir);
	CO_RETURN(f->err);
	CO_END;
}

co_t fat_inode_hold(struct co *co, struct fat_inode_hold *f)
{
	CO_BEGIN;
	*f->page = NULL;
	f->dir = entry_where(f->fi, &f->offset);
	if (!f->dir)
		CO_RETURN(0);
	CO_AWAIT(f->err, page_get_filled, .mapping = &f->dir->mapping,
		 .index = f->offset >> PAGE_SHIFT, .ahead = 1, .page = f->page);
	if (f->err)
		*f->page = NULL;
	inode_put(f->dir);
	CO_RETURN(f->err);
	CO_END;
}

/* A directory's size is its chain's, its links those of the directories in it. */
struct load_dir {
	struct co_frame co;
	struct fat_inode *fi;
	long err;
};
static co_t load_dir(struct co *co, struct load_dir *f)
{
	u64 size;

	CO_BEGIN;
	if (fat_is_fixed(&f->fi->inode)) {
		f->fi->inode.size = f->fi->valid = fat_of(&f->fi->inode)->root_bytes;
	} else {
		CO_AWAIT(f->err, fat_measure, .fi = f->fi);
		if (f->err)
			CO_RETURN(f->err);
		f->fi->promised = f->fi->allocated;
		size = (u64)f->fi->allocated << fat_of(&f->fi->inode)->cluster_shift;
		if (size > FAT_DIR_MAX && size > fat_cluster_size(fat_of(&f->fi->inode))) {
			fat_bad(fat_of(&f->fi->inode), "a directory is too large");
			size = FAT_DIR_MAX;
		}
		f->fi->inode.size = f->fi->valid = size;
	}
	CO_AWAIT(f->err, fat_dir_count, .dir = &f->fi->inode);
	if (f->err >= 0)
		f->fi->inode.nlink = 2 + (u32)f->err;
	CO_RETURN(min(f->err, 0l));
	CO_END;
}

co_t fat_inode_get(struct co *co, struct fat_inode_get *f)
{
	const char *wrong;

	CO_BEGIN;
	*f->inode = fat_inode_at(f->dir, f->offset);
	if (*f->inode)
		CO_RETURN(0);
	f->made = fat_inode_new(fat_of(f->dir), f->disk / FAT_SLOT,
				fat_mode(fat_of(f->dir), f->entry->attr, f->entry->name));
	if (!f->made)
		CO_RETURN(-ENOMEM);
	decode(f->made, f->entry);
	wrong = entry_wrong(fat_of(f->dir), f->made);
	if (wrong) {
		fat_bad(fat_of(f->dir), "entry %u of directory %lu: %s", f->offset / FAT_SLOT,
			(unsigned long)f->dir->ino, wrong);
		fat_damaged(fat_of(f->dir));
		f->err = -EIO;
	}
	if (!f->err && S_ISDIR(f->made->inode.mode))
		CO_AWAIT(f->err, load_dir, .fi = f->made);
	if (f->err)
		inode_put(&f->made->inode);
	else
		*f->inode = publish_first(f->made, f);
	CO_RETURN(f->err);
	CO_END;
}

co_t fat_root_get(struct co *co, struct fat_root_get *f)
{
	CO_BEGIN;
	f->made = fat_inode_new(f->fs, FAT_ROOT_INO, fat_mode(f->fs, FAT_DIRECTORY, NULL));
	if (!f->made)
		CO_RETURN(-ENOMEM);
	f->made->inode.atime = f->made->inode.mtime = (struct inode_time){};
	f->made->inode.ctime = f->made->inode.btime = (struct inode_time){};
	f->made->first = f->fs->root_first;
	CO_AWAIT(f->err, load_dir, .fi = f->made);
	if (f->err) {
		inode_put(&f->made->inode);
		CO_RETURN(f->err);
	}
	number(f->made, FAT_ROOT_INO);
	*f->inode = &f->made->inode;
	CO_RETURN(0);
	CO_END;
}

/* --- written back, and gone --- */

struct inode *fat_inode_parent(struct inode *inode)
{
	u32 offset;

	return entry_where(fat_inode(inode), &offset);
}

/* Nobody writes to it now: it needs no more than it has. */
static void settle_if_idle(struct inode *inode)
{
	if (!rwlock_try_write(&inode->lock))
		return;
	fat_settle(fat_inode(inode), fat_clusters_of(fat_of(inode), inode_size(inode)));
	rwlock_unlock_write(&inode->lock);
}

static bool is_behind(const struct fat_write_inode *f)
{
	return atomic_load(&fat_inode(f->inode)->valid) < inode_size(f->inode);
}

co_t fat_write_inode(struct co *co, struct fat_write_inode *f)
{
	CO_BEGIN;
	if (!fat_is_writable(fat_of(f->inode)))
		CO_RETURN(-EROFS);
	if (f->inode->ino == FAT_ROOT_INO) {
		CO_AWAIT(f->err, fat_sync_table, .fs = fat_of(f->inode));
		CO_RETURN(f->err);
	}
	if (!f->inode->nlink)
		CO_RETURN(0);
	/* It ends where nothing was written. */
	if (page_all_written(&f->inode->mapping) && is_behind(f)) {
		CO_WRITE_LOCK(&fat_inode(f->inode)->map_lock);
		CO_AWAIT(f->failed, fat_fill, .fi = fat_inode(f->inode),
			 .end = inode_size(f->inode));
		rwlock_unlock_write(&fat_inode(f->inode)->map_lock);
	}
	CO_AWAIT(f->err, fat_inode_update, .fi = fat_inode(f->inode));
	/* On the way to read-only nobody notes any more that the directory is dirty. */
	f->dir = atomic_load(&f->inode->super->read_only) ? fat_inode_parent(f->inode) : NULL;
	if (f->dir)
		CO_AWAIT(f->ignored, page_write_back, .mapping = &f->dir->mapping,
			 .last = UINT64_MAX - 1, .quiet = true);
	inode_put(f->dir);
	if (!f->failed && is_behind(f))
		writeback_note(f->inode, INODE_DIRTY_ATTRS);
	settle_if_idle(f->inode);
	CO_RETURN(f->failed ? f->failed : f->err);
	CO_END;
}

co_t fat_evict(struct co *co, struct fat_evict *f)
{
	CO_BEGIN;
	if (!fat_is_writable(fat_of(f->inode)))
		CO_RETURN(0);
	CO_WRITE_LOCK(&fat_inode(f->inode)->map_lock);
	CO_AWAIT(f->err, fat_cut, .fi = fat_inode(f->inode));
	rwlock_unlock_write(&fat_inode(f->inode)->map_lock);
	CO_RETURN(f->err);
	CO_END;
}

void fat_refresh(struct inode *inode)
{
	struct fat *fs = fat_of(inode);
	u32 clusters = max(atomic_load_relaxed(&fat_inode(inode)->allocated),
			   fat_clusters_of(fs, inode_size(inode)));

	if (fat_is_fixed(inode))
		clusters = fat_clusters_of(fs, fs->root_bytes);
	atomic_store_relaxed(&inode->blocks,
			     (u64)clusters << (fs->cluster_shift - BLK_SECTOR_SHIFT));
	spin_lock(&inode->attr_lock);
	/* The root has no entry that could have any. */
	if (inode->ino == FAT_ROOT_INO)
		inode->mtime = inode->atime = (struct inode_time){};
	inode->mtime = fat_time_cut(fs, inode->mtime, false);
	inode->ctime = inode->mtime;
	inode->atime = fat_time_cut(fs, inode->atime, true);
	spin_unlock(&inode->attr_lock);
}
