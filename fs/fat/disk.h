/* fs/fat/disk.h -- what lies on the disk: Microsoft's FAT, its long names.
 *
 * Units  little-endian, as the machine is. A sector here is the file system's own.
 */
#ifndef FAT_DISK_H
#define FAT_DISK_H

#include "hal/types.h"

struct fat_disk_boot {
	u8 jump[3];
	u8 system[8];
	u16 sector_size;
	u8 cluster_sectors;
	u16 reserved;		/* sectors before the first table */
	u8 tables;
	u16 root_entries;	/* 0: FAT32 */
	u16 sectors16;
	u8 media;
	u16 table_sectors16;	/* 0: FAT32 */
	u16 track_sectors, heads;
	u32 hidden;
	u32 sectors32;
	union {
		struct {
			u8 drive, state, signature;
			u32 volume_id;
			u8 label[11], type[8];
		} __attribute__((packed)) old;
		struct {
			u32 table_sectors;
			u16 flags;	/* bit 7: only table `flags & 15` is kept */
			u16 version;
			u32 root;
			u16 info_sector, backup;
			u8 zero[12];
			u8 drive, state, signature;
			u32 volume_id;
			u8 label[11], type[8];
		} __attribute__((packed)) fat32;
	};
} __attribute__((packed));
static_assert(sizeof(struct fat_disk_boot) == 90);

#define FAT_IN_USE 1u	/* in the boot sector's state: it was not unmounted */

struct fat_disk_info {
	u32 signature1;		/* FAT_INFO_1 */
	u8 zero[480];
	u32 signature2;		/* FAT_INFO_2 */
	u32 free;		/* UINT32_MAX: unknown */
	u32 next;
	u8 zero2[16];
} __attribute__((packed));
static_assert(sizeof(struct fat_disk_info) == 512);
#define FAT_INFO_1 0x41615252u
#define FAT_INFO_2 0x61417272u

/* attributes */
enum {
	FAT_READ_ONLY = 1,
	FAT_HIDDEN = 2,
	FAT_SYSTEM = 4,
	FAT_VOLUME = 8,
	FAT_DIRECTORY = 16,
	FAT_ARCHIVE = 32,
	FAT_LONG = 15,		/* it is a part of a long name */
};
/* `lower`: what of a short name is shown in lower case */
#define FAT_LOWER_BASE 8u
#define FAT_LOWER_EXT  16u

#define FAT_NAME    11u		/* bytes of a short name */
#define FAT_SLOT    32u		/* bytes of an entry */
#define FAT_DELETED 0xe5u	/* first byte of a name that is gone */
#define FAT_IS_E5   0x05u	/* ... of one that begins with that byte */

struct fat_disk_entry {
	u8 name[FAT_NAME];
	u8 attr, lower;
	u8 ctime_cs;		/* 10 ms, 0 .. 199 */
	u16 ctime, cdate, adate;
	u16 first_high;		/* FAT32 */
	u16 time, date;
	u16 first;
	u32 size;
};
static_assert(sizeof(struct fat_disk_entry) == FAT_SLOT);

#define FAT_PART	 13u	/* characters of one part */
#define FAT_PARTS	 20u
#define FAT_LONG_MAX	 255u	/* UTF-16 units */
#define FAT_PART_NUMBER	 0x3fu
#define FAT_PART_LAST	 0x40u
struct fat_disk_part {
	u8 number;		/* from 1; the last comes first, with FAT_PART_LAST */
	u16 name0[5];
	u8 attr, zero, checksum;
	u16 name5[6];
	u16 first;
	u16 name11[2];
} __attribute__((packed));

union fat_disk_slot {
	struct fat_disk_entry entry;
	struct fat_disk_part part;
	u8 bytes[FAT_SLOT];
};
static_assert(sizeof(union fat_disk_slot) == FAT_SLOT);

#endif
