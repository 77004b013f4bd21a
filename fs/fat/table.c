/* fs/fat/table.c -- the file allocation table: entries of 12, 16 or 32 bits.
 *
 * An entry is changed with its page claimed and fs->lock held, and read with neither: entries of 16
 * and 32 bits are read and written at once, and of those of 12 bits only the neighbour's half of a
 * byte changes meanwhile, since who follows a chain holds what keeps it as it is.
 *
 * Ownership  a table's mapping outlives its file system: whoever reclaims a page may still look at
 *            it. It is used again for the next one.
 */
#include "core/base/spinlock.h"
#include "fs/fat/fat.h"
#include "mem/phys/slab.h"

#define READ_AHEAD 32u	/* pages */

#define TABLES 8u	/* so many need no memory; more are from the heap, and stay */

static spinlock tables_lock = SPINLOCK_INIT(RANK_FS_PRIVATE);
static struct fat_table *tables_free GUARDED_BY(&tables_lock);
static struct fat_table tables[TABLES] GUARDED_BY(&tables_lock);

static void table_init(struct fat_table *t)
{
	mapping_init(&t->mapping, NULL);
	t->mapping.ops = &fat_table_mapping;
	t->mapping.private = t;
}

void fat_table_setup(void)
{
	spin_lock(&tables_lock);
	tables_free = NULL;
	for (unsigned i = 0; i < TABLES; i++) {
		table_init(&tables[i]);
		tables[i].next = tables_free;
		tables_free = &tables[i];
	}
	spin_unlock(&tables_lock);
}

int fat_table_open(struct fat *fs)
{
	struct fat_table *t;

	spin_lock(&tables_lock);
	t = tables_free;
	if (t)
		tables_free = t->next;
	spin_unlock(&tables_lock);
	if (!t) {
		t = kzalloc(sizeof(*t));
		if (!t)
			return -ENOMEM;
		table_init(t);
	}
	t->mapping.fixed_size = fs->table_bytes;
	t->fs = fs;
	fs->table = t;
	return 0;
}

void fat_table_close(struct fat *fs)
{
	struct fat_table *t = fs->table;

	if (!t)
		return;
	t->fs = NULL;
	spin_lock(&tables_lock);
	t->next = tables_free;
	tables_free = t;
	spin_unlock(&tables_lock);
	fs->table = NULL;
}

/* --- one entry --- */

static u64 entry_at(const struct fat *fs, u32 cluster)
{
	return (u64)cluster * fs->bits / 8;
}
static unsigned entry_bytes(const struct fat *fs)
{
	return fs->bits == 32 ? 4 : 2;
}

/* The page of this byte if it is there, with a reference. */
static struct page *page_at(struct fat *fs, u64 at, u8 **byte)
{
	struct page *page = page_find_uptodate(&fs->table->mapping, at >> PAGE_SHIFT);

	if (page)
		*byte = (u8 *)phys_page_data(page) + at % PAGE_SIZE;
	return page;
}

static u32 value_seen(const struct fat *fs, u32 raw)
{
	u32 bad = fs->bits == 32 ? FAT_BAD : fs->bits == 16 ? 0xfff7u : 0xff7u;

	return raw > bad ? FAT_END : raw == bad ? FAT_BAD : raw;
}

/* 12 bits of two bytes, which may lie in two pages. */
static enum fat_try try_get12(struct fat *fs, u32 cluster, u32 *value)
{
	u64 at = entry_at(fs, cluster);
	u32 raw = 0;
	u8 *byte;

	for (unsigned i = 0; i < 2; i++) {
		struct page *page = page_at(fs, at + i, &byte);

		if (!page)
			return FAT_MISSING;
		raw |= (u32)atomic_load_relaxed(byte) << 8 * i;
		phys_page_put(page);
	}
	*value = value_seen(fs, cluster % 2 ? raw >> 4 : raw & 0xfff);
	return FAT_DONE;
}

enum fat_try fat_try_get(struct fat *fs, u32 cluster, u32 *value)
{
	struct page *page;
	u8 *byte;

	if (fs->bits == 12)
		return try_get12(fs, cluster, value);
	page = page_at(fs, entry_at(fs, cluster), &byte);
	if (!page)
		return FAT_MISSING;
	if (fs->bits == 16)
		*value = value_seen(fs, atomic_load_relaxed((u16 *)byte));
	else
		*value = value_seen(fs, atomic_load_relaxed((u32 *)byte) & FAT_END);
	phys_page_put(page);
	return FAT_DONE;
}

/* Change bits of one claimed byte, or of an entry at once. */
static void put_bytes(const struct fat *fs, u8 *byte, u32 cluster, u32 value, unsigned i)
{
	if (fs->bits == 32) {
		u32 keep = atomic_load_relaxed((u32 *)byte) & ~FAT_END;

		atomic_store_relaxed((u32 *)byte, keep | value);
	} else if (fs->bits == 16) {
		atomic_store_relaxed((u16 *)byte, (u16)value);
	} else {
		u32 mask = (cluster % 2 ? 0xfff0u : 0x0fffu) >> 8 * i & 0xff;
		u32 bits = (cluster % 2 ? value << 4 & 0xfff0 : value & 0xfff) >> 8 * i & 0xff;

		atomic_store_relaxed(byte, (u8)((atomic_load_relaxed(byte) & ~mask) | bits));
	}
}

static enum fat_try try_set(struct fat *fs, u32 cluster, u32 value)
{
	unsigned pieces = fs->bits == 12 ? 2 : 1;
	u8 *byte;

	for (unsigned i = 0; i < pieces; i++) {
		struct page *page = page_at(fs, entry_at(fs, cluster) + i, &byte);

		if (!page)
			return FAT_MISSING;
		if (!page_claim(page)) {
			phys_page_put(page);
			return FAT_BUSY;
		}
		if (atomic_load(&page->flags) & PAGE_CACHE) {
			put_bytes(fs, byte, cluster, value, i);
			page_mark_dirty(&fs->table->mapping, page);
		} else {
			pieces = 0;	/* it was reclaimed */
		}
		page_unclaim(&fs->table->mapping, page);
		phys_page_put(page);
	}
	return pieces ? FAT_DONE : FAT_MISSING;
}

co_t fat_load(struct co *co, struct fat_load *f)
{
	CO_BEGIN;
	f->at = entry_at(f->fs, f->cluster);
	while (f->at < entry_at(f->fs, f->cluster) + entry_bytes(f->fs)) {
		CO_AWAIT(f->err, page_get_filled, .mapping = &f->fs->table->mapping,
			 .index = f->at >> PAGE_SHIFT,
			 .ahead = (unsigned)min((u64)READ_AHEAD, (PAGE_UP(f->fs->table_bytes) -
								  PAGE_DOWN(f->at)) >> PAGE_SHIFT),
			 .page = &f->page);
		if (f->err)
			CO_RETURN(f->err);
		phys_page_put(f->page);
		f->at = PAGE_DOWN(f->at) + PAGE_SIZE;
	}
	CO_RETURN(0);
	CO_END;
}

co_t fat_get(struct co *co, struct fat_get *f)
{
	CO_BEGIN;
	while (fat_try_get(f->fs, f->cluster, f->value) == FAT_MISSING) {
		CO_AWAIT(f->err, fat_load, .fs = f->fs, .cluster = f->cluster);
		if (f->err)
			CO_RETURN(f->err);
	}
	CO_RETURN(0);
	CO_END;
}

co_t fat_set(struct co *co, struct fat_set *f)
{
	CO_BEGIN;
	for (;;) {
		CO_WAIT_IO(&f->fs->table->mapping.waiters,
			   (f->tried = try_set(f->fs, f->cluster, f->value)) != FAT_BUSY);
		if (f->tried == FAT_DONE)
			break;
		CO_AWAIT(f->err, fat_load, .fs = f->fs, .cluster = f->cluster);
		if (f->err)
			CO_RETURN(f->err);
	}
	fat_note_table(f->fs);
	CO_RETURN(0);
	CO_END;
}
