/* core/dev/part_mbr.c -- the table of partitions that DOS had. Four entries at the end of the
 * first sector; one of them may be a range of logical ones, which is a chain: each link is a
 * sector with a table of its own, the next logical partition (from the link on) and the next link
 * (from the range's beginning on).
 */
#include "core/dev/part.h"

#include "core/base/string.h"
#include "mem/phys/slab.h"

#define MBR_TABLE	446
#define MBR_LINKS_MAX	100	/* without a partition between them: it goes round in a circle */
#define MBR_BOOT_LOADER 2	/* sectors of a range that are seen: nothing is to be made there */

static u32 mbr_le32(const u8 *p)
{
	return p[0] | (u32)p[1] << 8 | (u32)p[2] << 16 | (u32)p[3] << 24;
}

struct part_mbr_entry part_mbr_entry(const u8 *sector, unsigned i)
{
	const u8 *e = sector + MBR_TABLE + 16 * i;

	return (struct part_mbr_entry){e[0], e[4], mbr_le32(e + 8), mbr_le32(e + 12)};
}

bool part_mbr_signed(const u8 *sector)
{
	return sector[510] == 0x55 && sector[511] == 0xaa;
}

static bool mbr_is_range(u8 type)
{
	return type == 0x05 || type == 0x0f || type == 0x85;
}

/* Is it the first sector of a FAT file system, which has the same signature? */
static bool mbr_is_fat(const u8 *s)
{
	bool media = s[21] >= 0xf8 || s[21] == 0xf0;

	return (s[14] || s[15]) && s[16] && media;
}

static bool mbr_is_table(const u8 *sector)
{
	bool active = false;

	if (!part_mbr_signed(sector))
		return false;
	for (unsigned i = 0; i < 4; i++) {
		struct part_mbr_entry e = part_mbr_entry(sector, i);

		if ((e.active & 0x7f) || e.type == PART_MBR_GPT)
			return false;
		active = active || e.active;
	}
	return active || !mbr_is_fat(sector);
}

static u64 mbr_unit(const struct blk_device *disk)
{
	return disk->block_size >> BLK_SECTOR_SHIFT;
}

/* A link of the chain at f->at, f->size long as the one before says: its partitions; true if
 * another follows, which f is about then. */
static bool mbr_link(struct part_mbr *f)
{
	u64 unit = mbr_unit(f->disk), end = f->at + f->size;

	if (!part_mbr_signed(f->sector) || f->links++ > MBR_LINKS_MAX)
		return false;
	for (unsigned i = 0; i < 4; i++) {
		struct part_mbr_entry e = part_mbr_entry(f->sector, i);
		u64 first = f->at + e.first * unit, sectors = e.sectors * unit;

		if (!e.sectors || mbr_is_range(e.type))
			continue;
		/* The last two are usually rubbish. */
		if (i >= 2 && (first + sectors > end || first < f->base))
			continue;
		part_list_add(f->list, f->number++, first, sectors);
		f->links = 0;
		if (f->number > PART_MAX)
			return false;
	}
	for (unsigned i = 0; i < 4; i++) {
		struct part_mbr_entry e = part_mbr_entry(f->sector, i);

		if (!e.sectors || !mbr_is_range(e.type))
			continue;
		f->at = f->base + e.first * unit;
		f->size = e.sectors * unit;
		return true;
	}
	return false;
}

/* One of the four; true if it is a range, which f is about then. */
static bool mbr_primary(struct part_mbr *f, unsigned i)
{
	struct part_mbr_entry e = part_mbr_entry(f->sector, i);
	u64 unit = mbr_unit(f->disk);

	if (!e.sectors)
		return false;
	if (!mbr_is_range(e.type)) {
		part_list_add(f->list, i + 1, e.first * unit, e.sectors * unit);
		return false;
	}
	f->base = f->at = e.first * unit;
	f->size = e.sectors * unit;
	part_list_add(f->list, i + 1, f->base,
		      min(f->size, max(unit, (u64)MBR_BOOT_LOADER)));
	return true;
}

co_t part_mbr(struct co *co, struct part_mbr *f)
{
	CO_BEGIN;
	f->sector = kmalloc(2 * BLK_SECTOR);
	if (!f->sector)
		CO_RETURN(-ENOMEM);
	f->number = 5;
	CO_AWAIT(f->err, part_read, .disk = f->disk, .to = f->sector, .len = BLK_SECTOR);
	if (f->err || !mbr_is_table(f->sector))
		goto out;
	memcpy(f->sector + BLK_SECTOR, f->sector, BLK_SECTOR);
	for (f->entry = 0; f->entry < 4; f->entry++) {
		memcpy(f->sector, f->sector + BLK_SECTOR, BLK_SECTOR);
		if (!mbr_primary(f, f->entry))
			continue;
		do {
			CO_AWAIT(f->err, part_read, .disk = f->disk, .to = f->sector,
				 .at = f->at << BLK_SECTOR_SHIFT, .len = BLK_SECTOR);
			if (f->err)
				break;
			CO_BREATHE;
		} while (mbr_link(f));
	}
	f->err = 1;	/* a chain that cannot be read ends there */
out:
	kfree(f->sector);
	CO_RETURN(f->err);
	CO_END;
}
