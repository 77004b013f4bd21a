/* core/dev/part_gpt.c -- the table of partitions of EFI: a header in the second block, entries
 * where that says, both with checksums; and a copy of both whose header is the last block. The
 * first sector has a table of DOS's with one partition over everything, for who does not know it.
 */
#include "core/dev/part.h"

#include "core/base/string.h"
#include "hal/machine.h"
#include "mem/phys/slab.h"

#define GPT_HEADER_MIN	 92u
#define GPT_ENTRY	 128u
#define GPT_ENTRIES_MAX	 1024u
#define GPT_CHUNK	 PAGE_SIZE

struct gpt_header {
	u8 signature[8];
	u32 revision, size, crc, reserved;
	u64 my_lba, other_lba, first_usable, last_usable;
	u8 guid[16];
	u64 entries_lba;
	u32 entries, entry_size, entries_crc;
};
static_assert(offsetof(struct gpt_header, entries_crc) == 88);

struct gpt_entry {
	u8 type[16], guid[16];
	u64 first, last, attributes;
	u16 name[36];
};
static_assert(sizeof(struct gpt_entry) == GPT_ENTRY);

/* CRC-32 as EFI has it, four bits at a time; begun with all ones, and inverted at the end. */
static u32 gpt_crc(u32 crc, const u8 *p, size_t n)
{
	static const u32 table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158,
		0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4,
		0xa00ae278, 0xbdbdf21c,
	};

	while (n--) {
		crc ^= *p++;
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return crc;
}

/* Does the first sector say that there is one? */
static bool gpt_is_announced(const u8 *sector)
{
	if (!part_mbr_signed(sector))
		return false;
	for (unsigned i = 0; i < 4; i++) {
		struct part_mbr_entry e = part_mbr_entry(sector, i);

		if (e.type == PART_MBR_GPT && e.first == 1)
			return true;
	}
	return false;
}

static u64 gpt_last_lba(const struct blk_device *disk)
{
	return (atomic_load(&disk->sectors) << BLK_SECTOR_SHIFT) / disk->block_size - 1;
}

/* The header in a block that lies at lba. Its bytes are aligned. */
static bool gpt_header_is_good(const struct blk_device *disk, u8 *block, u64 lba)
{
	struct gpt_header *h = (struct gpt_header *)block;
	u64 last = gpt_last_lba(disk);
	u32 crc;

	if (memcmp(h->signature, "EFI PART", 8) || h->size < GPT_HEADER_MIN ||
	    h->size > disk->block_size)
		return false;
	crc = h->crc;
	h->crc = 0;
	if (~gpt_crc(~0u, block, h->size) != crc)
		return false;
	return h->my_lba == lba && h->first_usable <= last && h->last_usable <= last &&
	       h->last_usable >= h->first_usable && h->entry_size == GPT_ENTRY &&
	       h->entries && h->entries <= GPT_ENTRIES_MAX && h->entries_lba <= last;
}

/* Some entries, of which the first is number `number`. */
static void gpt_take(const struct part_gpt *f, const u8 *bytes, u32 n, u32 number)
{
	static const u8 none[16];
	u64 unit = f->disk->block_size >> BLK_SECTOR_SHIFT, last = gpt_last_lba(f->disk);

	for (; n >= GPT_ENTRY; n -= GPT_ENTRY, bytes += GPT_ENTRY, number++) {
		const struct gpt_entry *e = (const struct gpt_entry *)bytes;

		if (memcmp(e->type, none, sizeof(none)) && e->first <= e->last && e->last <= last)
			part_list_add(f->list, number, e->first * unit,
				      (e->last - e->first + 1) * unit);
	}
}

static const struct gpt_header *gpt_of(const struct part_gpt *f)
{
	return (const struct gpt_header *)f->header;
}

/* The entries of the header that was read, twice: their checksum first. 1: the table is good. */
struct gpt_entries {
	struct co_frame co;
	struct part_gpt *of;
	bool checked;
	u32 at, some, crc;
	long err;
};
static co_t gpt_entries(struct co *co, struct gpt_entries *f)
{
	const struct gpt_header *h;

	CO_BEGIN;
	f->crc = ~0u;
	for (;;) {
		h = gpt_of(f->of);
		f->some = (u32)min((u64)(h->entries * GPT_ENTRY - f->at), GPT_CHUNK);
		CO_AWAIT(f->err, part_read, .disk = f->of->disk, .to = f->of->entries,
			 .at = gpt_of(f->of)->entries_lba * f->of->disk->block_size + f->at,
			 .len = f->some);
		if (f->err)
			CO_RETURN(0);
		if (f->checked)
			gpt_take(f->of, f->of->entries, f->some, f->at / GPT_ENTRY + 1);
		else
			f->crc = gpt_crc(f->crc, f->of->entries, f->some);
		f->at += f->some;
		CO_BREATHE;
		if (f->at < gpt_of(f->of)->entries * GPT_ENTRY)
			continue;
		if (f->checked)
			CO_RETURN(1);
		if (~f->crc != gpt_of(f->of)->entries_crc)
			CO_RETURN(0);
		f->checked = true;
		f->at = 0;
	}
	CO_END;
}

/* Has somebody asked for the copy? */
static bool gpt_copy_counts(void)
{
	const char *word = hal_machine.cmdline;

	for (; *word; word++)
		if ((word == hal_machine.cmdline || word[-1] == ' ') && !memcmp(word, "gpt", 3) &&
		    (word[3] == ' ' || !word[3]))
			return true;
	return false;
}

co_t part_gpt(struct co *co, struct part_gpt *f)
{
	CO_BEGIN;
	f->header = kmalloc(PAGE_SIZE);
	f->entries = kmalloc(GPT_CHUNK);
	f->err = -ENOMEM;
	if (!f->header || !f->entries)
		goto out;
	CO_AWAIT(f->err, part_read, .disk = f->disk, .to = f->header, .len = BLK_SECTOR);
	if (f->err || !gpt_is_announced(f->header))
		goto out;
	for (f->lba = 1;; f->lba = gpt_last_lba(f->disk)) {
		CO_AWAIT(f->err, part_read, .disk = f->disk, .at = f->lba * f->disk->block_size,
			 .to = f->header, .len = f->disk->block_size);
		if (!f->err && gpt_header_is_good(f->disk, f->header, f->lba))
			CO_AWAIT(f->err, gpt_entries, .of = f);
		if (f->err > 0 || f->lba != 1 || !gpt_copy_counts())
			break;
	}
out:
	kfree(f->header);
	kfree(f->entries);
	CO_RETURN(f->err);
	CO_END;
}
