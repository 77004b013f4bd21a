/* fs/fat/rename.c -- renaming: an entry of another name takes over what the old one said, and goes
 * where that is. A name that is taken keeps its letters. */
#include <linux/fs.h>
#include <linux/stat.h>

#include "core/base/string.h"
#include "fs/fat/namei.h"
#include "mem/phys/slab.h"
#include "vfs/writeback.h"

/* --- so that nothing fails halfway --- */

/* The page with the two first entries of a directory that gets another parent. */
struct hold_dots {
	struct co_frame co;
	struct inode *inode;
	struct page **page;
	long err;
};
static co_t hold_dots(struct co *co, struct hold_dots *f)
{
	CO_BEGIN;
	if (!S_ISDIR(f->inode->mode))
		CO_RETURN(0);
	CO_AWAIT(f->err, page_get_filled, .mapping = &f->inode->mapping, .ahead = 1,
		 .page = f->page);
	if (f->err)
		*f->page = NULL;
	CO_RETURN(f->err);
	CO_END;
}

/* Entries and parents change one after the other: all that has to be read for it is held first,
 * and then is there. */
struct rename_hold {
	struct co_frame co;
	struct fat_rename *of;
	long err;
};
static co_t rename_hold(struct co *co, struct rename_hold *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, fat_inode_hold, .fi = fat_inode(f->of->inode), .page = &f->of->held[0]);
	if (!f->err && f->of->target)
		CO_AWAIT(f->err, fat_inode_hold, .fi = fat_inode(f->of->target),
			 .page = &f->of->held[1]);
	if (f->err || f->of->old_dir == f->of->new_dir)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, hold_dots, .inode = f->of->inode, .page = &f->of->held[2]);
	if (!f->err && (f->of->flags & RENAME_EXCHANGE))
		CO_AWAIT(f->err, hold_dots, .inode = f->of->target, .page = &f->of->held[3]);
	CO_RETURN(f->err);
	CO_END;
}

static void rename_let_go(struct fat_rename *f)
{
	for (unsigned i = 0; i < ARRAY_SIZE(f->held); i++)
		if (f->held[i])
			phys_page_put(f->held[i]);
}

/* --- the steps --- */

/* ".." of a directory that was moved; the page is held. */
struct mend_up {
	struct co_frame co;
	struct inode *inode, *dir;
	struct page *page;
};

static void mend_put(struct mend_up *f)
{
	struct fat *fs = fat_of(f->dir);
	u32 up = f->dir->ino == FAT_ROOT_INO ? 0 : atomic_load(&fat_inode(f->dir)->first);
	struct fat_disk_entry *e;

	e = (struct fat_disk_entry *)((u8 *)phys_page_data(f->page) + FAT_SLOT);
	spin_lock(&fs->slot_lock);
	if (!memcmp(e->name, "..         ", FAT_NAME)) {
		e->first = (u16)up;
		e->first_high = fs->bits == 32 ? (u16)(up >> 16) : 0;
	}
	spin_unlock(&fs->slot_lock);
	page_mark_dirty(&f->inode->mapping, f->page);
	page_unclaim(&f->inode->mapping, f->page);
}

static co_t mend_up(struct co *co, struct mend_up *f)
{
	CO_BEGIN;
	if (!f->page)
		CO_RETURN(0);
	CO_WAIT_IO(&f->inode->mapping.waiters, page_claim(f->page));
	mend_put(f);
	CO_RETURN(0);
	CO_END;
}

/* Each has the other's entry. */
struct rename_exchange {
	struct co_frame co;
	struct fat_rename *of;
	long ignored;
};
static co_t rename_exchange(struct co *co, struct rename_exchange *f)
{
	CO_BEGIN;
	fat_inode_exchange(fat_inode(f->of->inode), fat_inode(f->of->target));
	CO_AWAIT(f->ignored, fat_inode_update, .fi = fat_inode(f->of->inode));
	CO_AWAIT(f->ignored, fat_inode_update, .fi = fat_inode(f->of->target));
	CO_AWAIT(f->ignored, mend_up, .inode = f->of->inode, .dir = f->of->new_dir,
		 .page = f->of->held[2]);
	CO_AWAIT(f->ignored, mend_up, .inode = f->of->target, .dir = f->of->old_dir,
		 .page = f->of->held[3]);
	CO_RETURN(0);
	CO_END;
}

/* Its old entry is f->offset: the new one is there, or the victim's becomes it. */
struct rename_enter {
	struct co_frame co;
	struct fat_rename *of;
	u64 len;
	long err;
};

static void take_over(struct fat_rename *f)
{
	struct fat_inode *victim = fat_inode(f->target);
	u32 offset = victim->offset;
	u8 slots = victim->slots;

	fat_inode_place(victim, NULL, 0, 0);
	fat_inode_place(fat_inode(f->inode), f->new_dir, offset, slots);
}

static co_t rename_enter(struct co *co, struct rename_enter *f)
{
	CO_BEGIN;
	if (f->of->target) {
		take_over(f->of);
	} else {
		f->of->scan = fat_scan_new(f->of->new_dir, 0);
		if (!f->of->scan)
			CO_RETURN(-ENOMEM);
		f->err = fat_create_name(f->of->scan, f->of->new_name, f->of->new_len);
		if (!f->err)
			CO_AWAIT(f->err, fat_make_room, .scan = f->of->scan);
		if (f->err)
			CO_RETURN(f->err);
		memset(&f->of->scan->entry, 0, sizeof(f->of->scan->entry));
		fat_inode_encode(fat_inode(f->of->inode), &f->of->scan->entry);
		CO_AWAIT(f->err, fat_enter, .scan = f->of->scan, .entry = &f->of->scan->entry);
		if (f->err)
			CO_RETURN(f->err);
		fat_inode_place(fat_inode(f->of->inode), f->of->new_dir,
				f->of->scan->gap_at + (f->of->scan->want - 1) * FAT_SLOT,
				(u8)f->of->scan->want);
	}
	/* What it is may have changed since its entry was made. One that it took over is held. */
	CO_AWAIT(f->err, fat_inode_update, .fi = fat_inode(f->of->inode));
	if (f->err)
		writeback_note(f->of->inode, INODE_DIRTY_ATTRS);
	CO_RETURN(0);
	CO_END;
}

/* Who has how many links, after a rename that is none of two into each other. */
static void rename_links(struct fat_rename *f)
{
	if (f->target)
		fat_lost_link(f->new_dir, f->target);
	if (S_ISDIR(f->inode->mode)) {
		inode_add_links(f->old_dir, -1);
		inode_add_links(f->new_dir, 1);
	}
}

static void exchange_links(struct fat_rename *f)
{
	int more = S_ISDIR(f->inode->mode) - S_ISDIR(f->target->mode);

	if (f->old_dir == f->new_dir)
		return;
	inode_add_links(f->old_dir, -more);
	inode_add_links(f->new_dir, more);
}

/* Not an exchange: checked, entered, and the old entry gone. */
struct rename_move {
	struct co_frame co;
	struct fat_rename *of;
	long err;
};
static co_t rename_move(struct co *co, struct rename_move *f)
{
	CO_BEGIN;
	if (f->of->target && S_ISDIR(f->of->target->mode))
		CO_AWAIT(f->err, fat_dir_is_empty, .dir = f->of->target);
	if (f->err)
		CO_RETURN(f->err);
	f->of->offset = fat_inode(f->of->inode)->offset;
	f->of->slots = fat_inode(f->of->inode)->slots;
	CO_AWAIT(f->err, rename_enter, .of = f->of);
	kfree(f->of->scan);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, fat_slots_delete, .dir = f->of->old_dir, .offset = f->of->offset,
		 .slots = f->of->slots);
	CO_AWAIT(f->err, mend_up, .inode = f->of->inode, .dir = f->of->new_dir,
		 .page = f->of->held[2]);
	rename_links(f->of);
	CO_RETURN(0);
	CO_END;
}

co_t fat_rename(struct co *co, struct fat_rename *f)
{
	CO_BEGIN;
	if (f->flags & ~(unsigned)(RENAME_NOREPLACE |
				   (fat_of(f->old_dir)->long_names ? RENAME_EXCHANGE : 0)))
		CO_RETURN(-EINVAL);
	CO_AWAIT(f->err, rename_hold, .of = f);
	if (!f->err && (f->flags & RENAME_EXCHANGE)) {
		CO_AWAIT(f->err, rename_exchange, .of = f);
		exchange_links(f);
	} else if (!f->err) {
		CO_AWAIT(f->err, rename_move, .of = f);
	}
	rename_let_go(f);
	if (f->err)
		CO_RETURN(f->err);
	fat_dir_changed(f->old_dir);
	if (f->new_dir != f->old_dir)
		fat_dir_changed(f->new_dir);
	CO_AWAIT(f->ignored, fat_namei_settle, .a = f->old_dir, .b = f->new_dir);
	CO_RETURN(0);
	CO_END;
}
