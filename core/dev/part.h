/* core/dev/part.h -- partitions: found in a disk's table, or made as a program says.
 *
 * A table is a GPT (its checksums have to be right; the second one counts only if the kernel's
 * command line has `gpt`, as on Linux) or the one of DOS, logical partitions included.
 *
 * Ownership  records of partitions stay for ever (core/dev/blk.h).
 * Units      sectors of 512 bytes; numbers of partitions from 1.
 * Locking    a mutex over each change, CO_RANK_RENAME. All of these wait.
 */
#ifndef DEV_PART_H
#define DEV_PART_H

#include "core/dev/blk.h"

#define PART_MAX 256u

/* What a table says, nothing of it checked but that nothing overflows. */
struct part_list {
	unsigned count;
	struct part {
		u64 first, sectors;
		u32 number;
	} at[PART_MAX];
};
void part_list_add(struct part_list *to, u32 number, u64 first, u64 sectors);

/* Forget a disk's partitions and take those of its table: 0, -EBUSY if one is used, -EINVAL if the
 * disk has none, -EIO, -ENOMEM. */
struct part_scan {
	struct co_frame co;
	struct blk_device *disk;
	struct part_list *list;
	unsigned at;
	long err;
};
co_t part_scan(struct co *co, struct part_scan *f);
/* All disks, at boot. */
struct part_scan_all {
	struct co_frame co;
	struct blk_device *disk;
	long ignored;
};
co_t part_scan_all(struct co *co, struct part_scan_all *f);

/* -EBUSY if there is one of that number or in that place, -EINVAL beyond the disk, -ENOMEM. */
struct part_add {
	struct co_frame co;
	struct blk_device *disk;
	u32 number;
	u64 first, sectors;
	struct part as;
	long err;
};
co_t part_add(struct co *co, struct part_add *f);
/* -ENXIO: there is none; -EBUSY: it is used. */
struct part_remove {
	struct co_frame co;
	struct blk_device *disk;
	u32 number;
	long err;
};
co_t part_remove(struct co *co, struct part_remove *f);
/* Another size: -ENXIO, -EINVAL if it begins elsewhere, -EBUSY over another one. */
struct part_resize {
	struct co_frame co;
	struct blk_device *disk;
	u32 number;
	u64 first, sectors;
	struct blk_device *part;
	long err;
};
co_t part_resize(struct co *co, struct part_resize *f);
/* All of a disk that nobody can use any more. */
struct part_forget {
	struct co_frame co;
	struct blk_device *disk;
	struct blk_device *part;
	long ignored;
};
co_t part_forget(struct co *co, struct part_forget *f);

/* --- the tables; parts of part_scan --- */

/* Bytes of the disk, through its page cache. */
struct part_read {
	struct co_frame co;
	struct blk_device *disk;
	u64 at;
	u8 *to;
	u32 len;
	struct page *page;
	long err;
};
co_t part_read(struct co *co, struct part_read *f);

/* Both: 1 if that is what the disk has, 0 if not, or an error. */
struct part_gpt {
	struct co_frame co;
	struct blk_device *disk;
	struct part_list *list;
	u8 *header, *entries;
	u64 lba;
	long err;
};
co_t part_gpt(struct co *co, struct part_gpt *f);
struct part_mbr {
	struct co_frame co;
	struct blk_device *disk;
	struct part_list *list;
	u8 *sector;
	u64 base, at, size;
	u32 number, links, entry;
	long err;
};
co_t part_mbr(struct co *co, struct part_mbr *f);

/* The first sector's entry i of 4; what the two tables have in common. */
struct part_mbr_entry {
	u8 active, type;
	u32 first, sectors;
};
struct part_mbr_entry part_mbr_entry(const u8 *sector, unsigned i);
bool part_mbr_signed(const u8 *sector);
#define PART_MBR_GPT 0xee

#endif
