/* fs/fat/namei.c -- what the vfs asks of a directory. Its lock is held (and the victim's). */
#include <linux/fs.h>
#include <linux/stat.h>

#include "core/base/string.h"
#include "fs/fat/namei.h"
#include "mem/phys/slab.h"
#include "vfs/writeback.h"

co_t fat_namei_settle(struct co *co, struct fat_namei_settle *f)
{
	CO_BEGIN;
	if (!(atomic_load_relaxed(&f->a->super->synced) & SUPER_SYNCED))
		CO_RETURN(0);
	CO_AWAIT(f->err, page_write_back, .mapping = &f->a->mapping, .last = UINT64_MAX - 1);
	if (!f->err && f->b && f->b != f->a)
		CO_AWAIT(f->err, page_write_back, .mapping = &f->b->mapping,
			 .last = UINT64_MAX - 1);
	if (!f->err)
		CO_AWAIT(f->err, fat_sync_table, .fs = fat_of(f->a), .flush = true);
	CO_RETURN(f->err);
	CO_END;
}

void fat_dir_changed(struct inode *dir)
{
	inode_touch(dir, ATTR_MTIME | ATTR_CTIME);
	writeback_note(dir, INODE_DIRTY_ATTRS);
}

/* --- lookup --- */

struct fat_lookup {
	struct inode_lookup;
	struct fat_scan *scan;
	long err;
};

/* The name it is kept under, if it was found by its short one. */
static void lookup_as(struct fat_lookup *f)
{
	char *own = f->scan->shown;
	size_t len;

	if (!f->as || !f->scan->len ||
	    fat_name_is(fat_of(f->dir), &f->scan->name, f->scan->uni, f->scan->len))
		return;
	len = fat_scan_show(f->scan, false);
	if (len && len <= DENTRY_NAME_MAX && !strchr(own, '/'))
		*f->as = kmalloc(len + 1);
	if (*f->as)
		memcpy(*f->as, own, len + 1);
}

static co_t fat_lookup(struct co *co, struct fat_lookup *f)
{
	CO_BEGIN;
	*f->found = NULL;
	f->scan = fat_scan_new(f->dir, 0);
	if (!f->scan)
		CO_RETURN(-ENOMEM);
	CO_AWAIT(f->err, fat_find, .scan = f->scan, .name = f->name, .len = f->len);
	if (f->err == 1) {
		CO_AWAIT(f->err, fat_inode_get, .dir = f->dir, .offset = f->scan->offset,
			 .slots = f->scan->slots, .disk = f->scan->disk, .entry = &f->scan->entry,
			 .inode = f->found);
		if (!f->err)
			lookup_as(f);
	}
	kfree(f->scan);
	CO_RETURN(f->err);
	CO_END;
}

/* --- making --- */

struct fat_create {
	struct inode_create;
	struct fat_scan *scan;
	struct fat_inode *new;
	union fat_disk_slot *slot;
	long err, ignored;
};

long fat_create_name(struct fat_scan *s, const char *name, size_t len)
{
	const struct fat *fs = fat_of(s->dir);
	long err;

	if (!fs->long_names) {
		s->name.has_long = false;
		s->name.is_short = true;
		s->name.lower = 0;
		s->name.base_len = 8;
		return fat_msdos_parse(fs, name, len, s->name.short_name);
	}
	err = fat_name_parse(fs, name, len, &s->name);
	if (!err && !fat_name_valid(&s->name))
		err = -EINVAL;
	return err ? err : fat_name_shorten(fs, &s->name);
}

static void dots_put(struct fat_create *f, unsigned n)
{
	struct fat *fs = fat_of(f->dir);
	u32 up = f->dir->ino == FAT_ROOT_INO ? 0 : atomic_load(&fat_inode(f->dir)->first);

	memset(f->slot, 0, sizeof(*f->slot));
	fat_inode_encode(f->new, &f->slot->entry);
	memcpy(f->slot->entry.name, n ? "..         " : ".          ", FAT_NAME);
	if (n) {
		f->slot->entry.first = (u16)up;
		f->slot->entry.first_high = fs->bits == 32 ? (u16)(up >> 16) : 0;
	}
}

/* A directory gets a cluster, and in it its two first entries. */
struct create_dots {
	struct co_frame co;
	struct fat_create *of;
	unsigned n;
	long err;
};
static co_t create_dots(struct co *co, struct create_dots *f)
{
	CO_BEGIN;
	f->of->slot = kmalloc(sizeof(*f->of->slot));
	if (!f->of->slot)
		CO_RETURN(-ENOMEM);
	CO_AWAIT(f->err, fat_dir_grow, .dir = &f->of->new->inode,
		 .size = fat_cluster_size(fat_of(f->of->dir)));
	for (; f->n < 2 && !f->err; f->n++) {
		dots_put(f->of, f->n);
		CO_AWAIT(f->err, fat_slot_write, .dir = &f->of->new->inode,
			 .offset = f->n * FAT_SLOT, .slot = f->of->slot);
	}
	kfree(f->of->slot);
	CO_RETURN(f->err);
	CO_END;
}

static long create_new(struct fat_create *f)
{
	struct fat *fs = fat_of(f->dir);
	u8 attr = S_ISDIR(f->mode) ? FAT_DIRECTORY : FAT_ARCHIVE;

	/* A name that begins with a dot is a hidden file's, with dotsOK. */
	if (!fs->long_names && f->name[0] == '.')
		attr |= FAT_HIDDEN;
	f->new = fat_inode_new(fs, 0, fat_mode(fs, attr, f->scan->name.short_name));
	if (!f->new)
		return -ENOMEM;
	f->new->attr = attr;
	f->new->inode.btime.nsec -= f->new->inode.btime.nsec % 10000000;
	return 0;
}

/* The entry is written: found from now on. */
static void create_done(struct fat_create *f)
{
	struct fat_scan *s = f->scan;

	fat_inode_publish(f->new, f->dir, s->gap_at + (s->want - 1) * FAT_SLOT, (u8)s->want,
			  s->disk);
	if (S_ISDIR(f->mode))
		inode_add_links(f->dir, 1);
	fat_dir_changed(f->dir);
	*f->made = &f->new->inode;
}

/* Its entry, once the inode is as it should be. */
struct create_entry {
	struct co_frame co;
	struct fat_create *of;
	struct fat_disk_entry *entry;
	u64 len;
	long err;
};
static co_t create_entry(struct co *co, struct create_entry *f)
{
	CO_BEGIN;
	f->entry = &f->of->scan->entry;
	memset(f->entry, 0, sizeof(*f->entry));
	fat_inode_encode(f->of->new, f->entry);
	CO_AWAIT(f->err, fat_place, .inode = f->of->dir, .disk = &f->of->scan->disk,
		 .at = f->of->scan->gap_at + (f->of->scan->want - 1) * FAT_SLOT,
		 .end = f->of->scan->gap_at + f->of->scan->want * FAT_SLOT, .len = &f->len);
	/* Last: once it is there nothing may fail. */
	if (!f->err)
		CO_AWAIT(f->err, fat_enter, .scan = f->of->scan, .entry = f->entry);
	CO_RETURN(f->err);
	CO_END;
}

static co_t fat_create(struct co *co, struct fat_create *f)
{
	CO_BEGIN;
	if (!S_ISREG(f->mode) && !S_ISDIR(f->mode))
		CO_RETURN(-EPERM);
	f->scan = fat_scan_new(f->dir, 0);
	if (!f->scan)
		CO_RETURN(-ENOMEM);
	f->err = fat_create_name(f->scan, f->name, f->len);
	if (!f->err)
		CO_AWAIT(f->err, fat_make_room, .scan = f->scan);
	if (!f->err)
		f->err = create_new(f);
	if (!f->err && S_ISDIR(f->mode))
		CO_AWAIT(f->err, create_dots, .of = f);
	if (!f->err)
		CO_AWAIT(f->err, create_entry, .of = f);
	if (!f->err) {
		create_done(f);
		CO_AWAIT(f->ignored, fat_namei_settle, .a = f->dir,
			 .b = S_ISDIR(f->mode) ? *f->made : NULL);
	} else if (f->new) {
		/* What it has goes with it. */
		atomic_store(&f->new->inode.nlink, 0u);
		CO_AWAIT(f->ignored, inode_put_wait, .inode = &f->new->inode);
	}
	kfree(f->scan);
	CO_RETURN(f->err);
	CO_END;
}

/* --- removing --- */

/* The inode loses its entry: the slots go. First the place is forgotten, so that nobody writes the
 * entry again; that cannot be undone, so what is needed to delete it is held before. */
struct leave {
	struct co_frame co;
	struct inode *dir, *inode;
	struct page *held;
	u32 offset;
	u8 slots;
	long err;
};
static co_t leave(struct co *co, struct leave *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, fat_inode_hold, .fi = fat_inode(f->inode), .page = &f->held);
	if (f->err)
		CO_RETURN(f->err);
	f->offset = fat_inode(f->inode)->offset;
	f->slots = fat_inode(f->inode)->slots;
	fat_inode_place(fat_inode(f->inode), NULL, 0, 0);
	CO_AWAIT(f->err, fat_slots_delete, .dir = f->dir, .offset = f->offset, .slots = f->slots);
	if (f->held)
		phys_page_put(f->held);
	CO_RETURN(f->err);
	CO_END;
}

void fat_lost_link(struct inode *dir, struct inode *inode)
{
	if (S_ISDIR(inode->mode))
		inode_add_links(dir, -1);
	atomic_store(&inode->nlink, 0u);
	inode_touch(inode, ATTR_CTIME);
}

struct fat_unlink {
	struct inode_unlink;
	long err, ignored;
};
static co_t fat_unlink(struct co *co, struct fat_unlink *f)
{
	CO_BEGIN;
	if (S_ISDIR(f->inode->mode))
		CO_AWAIT(f->err, fat_dir_is_empty, .dir = f->inode);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, leave, .dir = f->dir, .inode = f->inode);
	if (f->err)
		CO_RETURN(f->err);
	fat_lost_link(f->dir, f->inode);
	fat_dir_changed(f->dir);
	CO_AWAIT(f->ignored, fat_namei_settle, .a = f->dir);
	CO_RETURN(0);
	CO_END;
}

/* --- listing --- */

#define DOTS 2u	/* positions 0 and 1 are "." and "..", 2 is the first slot, then 32, 64... */

static bool emit_dots(struct inode *dir, u64 *pos, struct dir_emit *to)
{
	struct fat *fs = fat_of(dir);
	u64 up = dir->ino;

	if (!*pos) {
		if (!to->emit(to, ".", 1, dir->ino, 4, 1))
			return false;
		*pos = 1;
	}
	if (*pos == 1) {
		spin_lock(&fs->slot_lock);
		if (fat_inode(dir)->parent)
			up = fat_inode(dir)->parent->ino;
		spin_unlock(&fs->slot_lock);
		if (!to->emit(to, "..", 2, up, 4, DOTS))
			return false;
		*pos = DOTS;
	}
	return true;
}

/* What was found: false: enough. */
static bool emit_found(struct fat_scan *s, u64 *pos, struct dir_emit *to)
{
	size_t len = fat_scan_show(s, false);
	struct inode *inode;
	u64 ino = s->disk / FAT_SLOT;

	/* One that could not be opened by it is not shown. */
	if (len && len <= DENTRY_NAME_MAX && !memchr(s->shown, '/', len)) {
		inode = fat_inode_at(s->dir, s->offset);
		if (inode)
			ino = inode->ino;
		inode_put(inode);
		if (!to->emit(to, s->shown, len, ino, s->entry.attr & FAT_DIRECTORY ? 4 : 8,
			      s->pos))
			return false;
	}
	*pos = s->pos;
	return true;
}

struct fat_readdir {
	struct inode_readdir;
	struct fat_scan *scan;
	long err;
};
static co_t fat_readdir(struct co *co, struct fat_readdir *f)
{
	CO_BEGIN;
	if (!emit_dots(f->dir, f->pos, f->to) || *f->pos >= inode_size(f->dir))
		CO_RETURN(0);
	f->scan = fat_scan_new(f->dir,
			       *f->pos == DOTS ? 0 : (u32)round_up(*f->pos, (u64)FAT_SLOT));
	if (!f->scan)
		CO_RETURN(-ENOMEM);
	for (;;) {
		CO_AWAIT(f->err, fat_scan_next, .scan = f->scan);
		if (f->err <= 0 || !emit_found(f->scan, f->pos, f->to))
			break;
		CO_BREATHE;
	}
	if (!f->err)
		*f->pos = inode_size(f->dir);
	kfree(f->scan);
	CO_RETURN(min(f->err, 0l));
	CO_END;
}

const struct inode_ops fat_dir_ops = {
	.lookup = CO_IMPLEMENTS(inode_lookup, fat_lookup),
	.create = CO_IMPLEMENTS(inode_create, fat_create),
	.unlink = CO_IMPLEMENTS(inode_unlink, fat_unlink),
	.rename = CO_IMPLEMENTS(inode_rename, fat_rename),
	.readdir = CO_IMPLEMENTS(inode_readdir, fat_readdir),
	.setattr = CO_IMPLEMENTS(inode_setattr, fat_setattr),
	.refresh = fat_refresh,
};
