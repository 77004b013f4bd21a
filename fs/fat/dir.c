/* fs/fat/dir.c -- entries in turn: long names put together, names found, listings. */
#include "fs/fat/dir.h"

#include <linux/stat.h>

#include "core/base/string.h"
#include "mem/phys/slab.h"

#define READ_AHEAD 8u	/* pages */

struct fat_scan *fat_scan_new(struct inode *dir, u32 pos)
{
	struct fat_scan *s = kmalloc(sizeof(*s));

	if (!s)
		return NULL;
	s->dir = dir;
	s->pos = pos;
	s->want = s->gap = 0;
	s->gap_at = s->loaded = UINT32_MAX;
	s->expect = s->parts = 0;
	s->len = 0;
	return s;
}

/* --- one after the other --- */

/* A part of a long name: kept, if it is the one that comes next. */
static void scan_part(struct fat_scan *s, const struct fat_disk_part *p)
{
	u8 number = p->number & FAT_PART_NUMBER;
	u16 *to;

	if (p->number & FAT_PART_LAST) {
		s->parts = s->expect = number <= FAT_PARTS ? number : 0;
		s->checksum = p->checksum;
	}
	if (!number || number != s->expect || p->checksum != s->checksum) {
		s->expect = s->parts = 0;
		return;
	}
	to = s->uni + (number - 1) * FAT_PART;
	memcpy(to, p->name0, sizeof(p->name0));
	memcpy(to + 5, p->name5, sizeof(p->name5));
	memcpy(to + 11, p->name11, sizeof(p->name11));
	s->expect--;
}

/* An entry with a short name ends what came before it. False: it is none to be told of. */
static bool scan_entry(struct fat_scan *s, const struct fat_disk_entry *e)
{
	bool whole = s->parts && !s->expect && s->checksum == fat_short_checksum(e->name);

	s->len = 0;
	if (whole && fat_of(s->dir)->long_names)
		while (s->len < s->parts * FAT_PART && s->uni[s->len])
			s->len++;
	if (s->len > FAT_LONG_MAX)
		s->len = 0;
	s->slots = (u8)(1 + (whole ? s->parts : 0));
	s->expect = s->parts = 0;
	if ((e->attr & FAT_VOLUME) || !memcmp(e->name, ".          ", FAT_NAME) ||
	    !memcmp(e->name, "..         ", FAT_NAME))
		return false;
	s->entry = *e;
	s->offset = s->pos;
	s->disk = s->loaded_disk + s->pos % FAT_SCAN_BYTES;
	return true;
}

static void scan_free(struct fat_scan *s)
{
	s->expect = s->parts = 0;
	if (s->gap_at == UINT32_MAX && ++s->gap == s->want)
		s->gap_at = s->pos + FAT_SLOT - s->want * FAT_SLOT;
}

/* What is loaded, from pos on: true if it has an entry. */
static bool scan_loaded(struct fat_scan *s)
{
	while (s->pos - s->loaded < FAT_SCAN_BYTES && s->pos < inode_size(s->dir)) {
		const union fat_disk_slot *slot = &s->slot[s->pos % FAT_SCAN_BYTES / FAT_SLOT];
		bool found = false;

		if (!slot->bytes[0] || slot->bytes[0] == FAT_DELETED) {
			scan_free(s);
		} else {
			s->gap = 0;
			if (slot->part.attr == FAT_LONG)
				scan_part(s, &slot->part);
			else
				found = scan_entry(s, &slot->entry);
		}
		s->pos += FAT_SLOT;
		if (found)
			return true;
	}
	return false;
}

static void scan_take(struct fat_scan *s, const struct page *page)
{
	struct fat *fs = fat_of(s->dir);

	spin_lock(&fs->slot_lock);
	memcpy(s->slot, (u8 *)phys_page_data(page) + s->loaded % PAGE_SIZE, FAT_SCAN_BYTES);
	spin_unlock(&fs->slot_lock);
}

co_t fat_scan_next(struct co *co, struct fat_scan_next *f)
{
	CO_BEGIN;
	for (;;) {
		if (f->scan->loaded != UINT32_MAX && scan_loaded(f->scan))
			CO_RETURN(1);
		if (f->scan->pos >= inode_size(f->scan->dir))
			CO_RETURN(0);
		f->scan->loaded = round_down(f->scan->pos, FAT_SCAN_BYTES);
		CO_AWAIT(f->err, fat_place, .inode = f->scan->dir, .at = f->scan->loaded,
			 .end = f->scan->loaded + FAT_SCAN_BYTES, .disk = &f->scan->loaded_disk,
			 .len = &f->len);
		if (!f->err)
			CO_AWAIT(f->err, page_get_filled, .mapping = &f->scan->dir->mapping,
				 .index = f->scan->loaded >> PAGE_SHIFT, .page = &f->page,
				 .ahead = (unsigned)min((u64)READ_AHEAD,
						(PAGE_UP(inode_size(f->scan->dir)) -
						 PAGE_DOWN((u64)f->scan->loaded)) >> PAGE_SHIFT));
		if (f->err) {
			f->scan->loaded = UINT32_MAX;
			CO_RETURN(f->err);
		}
		scan_take(f->scan, f->page);
		phys_page_put(f->page);
		CO_BREATHE;
	}
	CO_END;
}

size_t fat_scan_show(struct fat_scan *s, bool only_short)
{
	const struct fat *fs = fat_of(s->dir);
	u16 uni[12];
	size_t len;

	if (!fs->long_names)
		return fat_msdos_show(fs, &s->entry, s->shown);
	if (s->len && !only_short)
		return fat_name_show(fs, s->uni, s->len, s->shown, sizeof(s->shown));
	len = fat_short_to_uni(fs, &s->entry, uni);
	return fat_name_show(fs, uni, len, s->shown, sizeof(s->shown));
}

/* --- finding a name --- */

static bool find_matches(struct fat_scan *s)
{
	const struct fat *fs = fat_of(s->dir);
	u16 uni[12];

	if (s->len && fat_name_is(fs, &s->name, s->uni, s->len))
		return true;
	return s->name.len <= 12 &&
	       fat_name_is(fs, &s->name, uni, fat_short_to_uni(fs, &s->entry, uni));
}

co_t fat_find(struct co *co, struct fat_find *f)
{
	CO_BEGIN;
	/* What cannot be a name is none that is there. */
	if (fat_of(f->scan->dir)->long_names)
		f->err = fat_name_parse(fat_of(f->scan->dir), f->name, f->len, &f->scan->name);
	else
		f->err = fat_msdos_parse(fat_of(f->scan->dir), f->name, f->len, f->msdos);
	if (f->err)
		CO_RETURN(f->err == -ENAMETOOLONG ? f->err : 0);
	for (;;) {
		CO_AWAIT(f->err, fat_scan_next, .scan = f->scan);
		if (f->err <= 0)
			CO_RETURN(f->err);
		if (fat_of(f->scan->dir)->long_names
			    ? find_matches(f->scan)
			    : !memcmp(f->scan->entry.name, f->msdos, FAT_NAME))
			CO_RETURN(1);
		CO_BREATHE;
	}
	CO_END;
}

/* --- about all of it --- */

co_t fat_dir_is_empty(struct co *co, struct fat_dir_is_empty *f)
{
	CO_BEGIN;
	f->scan = fat_scan_new(f->dir, 0);
	if (!f->scan)
		CO_RETURN(-ENOMEM);
	CO_AWAIT(f->err, fat_scan_next, .scan = f->scan);
	kfree(f->scan);
	CO_RETURN(f->err > 0 ? -ENOTEMPTY : f->err);
	CO_END;
}

co_t fat_dir_count(struct co *co, struct fat_dir_count *f)
{
	CO_BEGIN;
	f->scan = fat_scan_new(f->dir, 0);
	if (!f->scan)
		CO_RETURN(-ENOMEM);
	for (;;) {
		CO_AWAIT(f->err, fat_scan_next, .scan = f->scan);
		if (f->err <= 0)
			break;
		f->n += f->scan->entry.attr & FAT_DIRECTORY ? 1 : 0;
		CO_BREATHE;
	}
	kfree(f->scan);
	CO_RETURN(f->err < 0 ? f->err : (long)f->n);
	CO_END;
}
