/* fs/fat/entry.c -- entries made and removed. */
#include "core/base/random.h"
#include "core/base/string.h"
#include "fs/fat/dir.h"
#include "mem/phys/slab.h"

#define RANDOM_TRIES 1000u

/* --- slots --- */

static void slot_put(struct fat_slot_write *f)
{
	struct fat *fs = fat_of(f->dir);

	spin_lock(&fs->slot_lock);
	memcpy((u8 *)phys_page_data(f->page) + f->offset % PAGE_SIZE, f->slot, FAT_SLOT);
	spin_unlock(&fs->slot_lock);
	page_mark_dirty(&f->dir->mapping, f->page);
	page_unclaim(&f->dir->mapping, f->page);
	phys_page_put(f->page);
}

co_t fat_slot_write(struct co *co, struct fat_slot_write *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, page_get_filled, .mapping = &f->dir->mapping,
		 .index = f->offset >> PAGE_SHIFT, .ahead = 1, .page = &f->page);
	if (f->err)
		CO_RETURN(f->err);
	CO_WAIT_IO(&f->dir->mapping.waiters, page_claim(f->page));
	slot_put(f);
	CO_RETURN(0);
	CO_END;
}

static void slot_delete(struct fat_slots_delete *f)
{
	struct fat *fs = fat_of(f->dir);

	spin_lock(&fs->slot_lock);
	*((u8 *)phys_page_data(f->page) + f->offset % PAGE_SIZE) = FAT_DELETED;
	spin_unlock(&fs->slot_lock);
	page_mark_dirty(&f->dir->mapping, f->page);
	page_unclaim(&f->dir->mapping, f->page);
	phys_page_put(f->page);
}

co_t fat_slots_delete(struct co *co, struct fat_slots_delete *f)
{
	CO_BEGIN;
	for (; f->slots; f->slots--, f->offset -= FAT_SLOT) {
		CO_AWAIT(f->err, page_get_filled, .mapping = &f->dir->mapping,
			 .index = f->offset >> PAGE_SHIFT, .ahead = 1, .page = &f->page);
		if (f->err)
			CO_RETURN(f->begun ? 0 : f->err);
		CO_WAIT_IO(&f->dir->mapping.waiters, page_claim(f->page));
		slot_delete(f);
		f->begun = true;
	}
	CO_RETURN(0);
	CO_END;
}

/* --- more room --- */

/* The pages of [f->from, f->size): they are zeros, and have to become so on the disk. */
struct grow_pages {
	struct co_frame co;
	struct inode *dir;
	u64 from, size;
	struct page *page;
	long err;
};
static co_t grow_pages(struct co *co, struct grow_pages *f)
{
	CO_BEGIN;
	for (; f->from < f->size; f->from = PAGE_DOWN(f->from) + PAGE_SIZE) {
		CO_AWAIT(f->err, page_get_filled, .mapping = &f->dir->mapping,
			 .index = f->from >> PAGE_SHIFT, .ahead = 1, .page = &f->page);
		if (f->err)
			CO_RETURN(f->err);
		CO_WAIT_IO(&f->dir->mapping.waiters, page_claim(f->page));
		page_mark_dirty(&f->dir->mapping, f->page);
		page_unclaim(&f->dir->mapping, f->page);
		phys_page_put(f->page);
	}
	CO_RETURN(0);
	CO_END;
}

co_t fat_dir_grow(struct co *co, struct fat_dir_grow *f)
{
	CO_BEGIN;
	if (fat_is_fixed(f->dir) || f->size > FAT_DIR_MAX)
		CO_RETURN(-ENOSPC);
	f->err = fat_promise(fat_inode(f->dir), fat_clusters_of(fat_of(f->dir), f->size));
	if (f->err)
		CO_RETURN(f->err);
	f->from = (u32)inode_size(f->dir);
	CO_WRITE_LOCK(&fat_inode(f->dir)->map_lock);
	CO_AWAIT(f->err, fat_extend, .fi = fat_inode(f->dir),
		 .clusters = fat_clusters_of(fat_of(f->dir), f->size));
	/* As much as there is. */
	atomic_store(&f->dir->size,
		     (u64)fat_inode(f->dir)->allocated << fat_of(f->dir)->cluster_shift);
	rwlock_unlock_write(&fat_inode(f->dir)->map_lock);
	fat_settle(fat_inode(f->dir), 0);
	if (!f->err)
		CO_AWAIT(f->err, grow_pages, .dir = f->dir, .from = f->from,
			 .size = inode_size(f->dir));
	CO_RETURN(f->err);
	CO_END;
}

/* --- a short name that is free, and free slots --- */

static void scan_again(struct fat_scan *s)
{
	s->pos = 0;
	s->loaded = UINT32_MAX;
	s->expect = s->parts = 0;
}

/* Bit 0: the name itself is there; n: with the tail ~n. */
static u32 form_bit(const struct fat_scan *s)
{
	const u8 *name = s->entry.name;
	unsigned at = min(s->name.base_len, 6u);
	u8 form[FAT_NAME];

	if (!memcmp(name, s->name.short_name, FAT_NAME))
		return 1;
	if (name[at] != '~' || name[at + 1] < '1' || name[at + 1] > '9')
		return 0;
	fat_name_tail(&s->name, name[at + 1] - '0', form);
	return memcmp(name, form, FAT_NAME) ? 0 : 1u << (name[at + 1] - '0');
}

/* Look at all of the directory: which of the forms there are. */
struct room_look {
	struct co_frame co;
	struct fat_scan *scan;
	u32 *used;
	long err;
};
static co_t room_look(struct co *co, struct room_look *f)
{
	CO_BEGIN;
	scan_again(f->scan);
	for (;;) {
		CO_AWAIT(f->err, fat_scan_next, .scan = f->scan);
		if (f->err <= 0)
			CO_RETURN(f->err);
		*f->used |= form_bit(f->scan);
		CO_BREATHE;
	}
	CO_END;
}

/* Choose among the forms: false: none is left. */
static bool room_choose(struct fat_scan *s, u32 used)
{
	bool plain = s->name.is_short || fat_of(s->dir)->options.no_tail;

	if (plain && !(used & 1))
		return true;
	for (unsigned n = 1; n < 10; n++)
		if (!(used & 1u << n)) {
			fat_name_tail(&s->name, n, s->name.short_name);
			return true;
		}
	return false;
}

/* Is there a file with this short name? */
struct room_tried {
	struct co_frame co;
	struct fat_scan *scan;
	u32 random;
	u8 form[FAT_NAME];
	long err;
};
static co_t room_tried(struct co *co, struct room_tried *f)
{
	CO_BEGIN;
	fat_name_random(&f->scan->name, f->random, f->form);
	scan_again(f->scan);
	for (;;) {
		CO_AWAIT(f->err, fat_scan_next, .scan = f->scan);
		if (f->err < 0)
			CO_RETURN(f->err);
		if (!f->err)
			break;
		if (!memcmp(f->scan->entry.name, f->form, FAT_NAME))
			CO_RETURN(1);
		CO_BREATHE;
	}
	memcpy(f->scan->name.short_name, f->form, FAT_NAME);
	CO_RETURN(0);
	CO_END;
}

co_t fat_make_room(struct co *co, struct fat_make_room *f)
{
	CO_BEGIN;
	f->scan->want = fat_name_slots(&f->scan->name);
	CO_AWAIT(f->err, room_look, .scan = f->scan, .used = &f->used);
	if (f->err)
		CO_RETURN(f->err);
	/* The gap may go on behind the end. */
	if (f->scan->gap_at == UINT32_MAX)
		f->scan->gap_at = (u32)inode_size(f->scan->dir) - f->scan->gap * FAT_SLOT;
	if (f->scan->name.is_short && (f->used & 1))
		CO_RETURN(-EEXIST);
	if (!room_choose(f->scan, f->used)) {
		f->err = 1;
		while (f->err == 1 && f->tries++ < RANDOM_TRIES)
			CO_AWAIT(f->err, room_tried, .scan = f->scan, .random = (u32)random_u64());
		if (f->err)
			CO_RETURN(f->err == 1 ? -ENOSPC : f->err);
	}
	if (f->scan->gap_at + f->scan->want * FAT_SLOT > inode_size(f->scan->dir))
		CO_AWAIT(f->err, fat_dir_grow, .dir = f->scan->dir,
			 .size = f->scan->gap_at + f->scan->want * FAT_SLOT);
	CO_RETURN(f->err);
	CO_END;
}

/* The slot that stands `number` before the short name's; 0: that itself. */
static void enter_slot(struct fat_enter *f)
{
	const struct fat_name *name = &f->scan->name;

	if (f->number) {
		fat_name_part(name, f->number, &f->slot->part);
		return;
	}
	f->slot->entry = *f->entry;
	memcpy(f->slot->entry.name, name->short_name, FAT_NAME);
	f->slot->entry.lower = name->lower;
}

static u32 enter_at(const struct fat_enter *f)
{
	return f->scan->gap_at + (f->scan->want - 1 - f->number) * FAT_SLOT;
}

co_t fat_enter(struct co *co, struct fat_enter *f)
{
	CO_BEGIN;
	f->slot = kmalloc(sizeof(*f->slot));
	if (!f->slot)
		CO_RETURN(-ENOMEM);
	for (f->number = f->scan->want; f->number--;) {
		enter_slot(f);
		CO_AWAIT(f->err, fat_slot_write, .dir = f->scan->dir, .slot = f->slot,
			 .offset = enter_at(f));
		if (f->err)
			break;
	}
	kfree(f->slot);
	if (f->err && f->number + 1 < f->scan->want)
		CO_AWAIT(f->ignored, fat_slots_delete, .dir = f->scan->dir,
			 .offset = enter_at(f) - FAT_SLOT,
			 .slots = (u8)(f->scan->want - 1 - f->number));
	CO_RETURN(f->err);
	CO_END;
}
