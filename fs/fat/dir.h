/* fs/fat/dir.h -- directories: their entries in turn, new ones, old ones gone.
 *
 * Locking  the directory's lock is held (or nobody knows it yet), for writing where it changes.
 *          That keeps its chain as it is, too. All that is no inline wait.
 */
#ifndef FAT_DIR_H
#define FAT_DIR_H

#include "fs/fat/name.h"

#define FAT_SCAN_BYTES 512u

/* Entries from `pos` on, with their long names. From the heap: it is large. */
struct fat_scan {
	struct inode *dir;
	u32 pos;		/* of the next slot to be looked at */
	/* What fat_scan_next found. */
	struct fat_disk_entry entry;
	u32 offset;		/* of it in dir */
	u8 slots;		/* of all of it */
	u64 disk;		/* where it lies; bytes */
	u16 len;		/* of the long name; 0: it has none */
	u16 uni[FAT_PARTS * FAT_PART];
	/* Free slots, while they are wanted. */
	unsigned want, gap;	/* how many in a row; how many there are before pos */
	u32 gap_at;		/* once there are as many: where; UINT32_MAX: not yet */
	/* Inside. */
	u32 loaded;		/* offset of what `slot` has; UINT32_MAX: nothing */
	u64 loaded_disk;
	u8 expect;		/* number of the next part; 0: none */
	u8 checksum, parts;
	union fat_disk_slot slot[FAT_SCAN_BYTES / FAT_SLOT];
	struct fat_name name;	/* what is looked for, or made */
	char shown[FAT_LONG_MAX * 5 + 6];
};
struct fat_scan *fat_scan_new(struct inode *dir, u32 pos);	/* NULL without memory */

/* 1: there is one; 0: it was the last; or an error. "." and ".." are not among them. */
struct fat_scan_next {
	struct co_frame co;
	struct fat_scan *scan;
	struct page *page;
	u64 len;
	long err;
};
co_t fat_scan_next(struct co *co, struct fat_scan_next *f);
/* The name of what was found, into scan->shown: its length; 0: it has none that can be shown. */
size_t fat_scan_show(struct fat_scan *scan, bool only_short);

/* The entry of this name: scan (fresh) has it. 1, 0 or an error. */
struct fat_find {
	struct co_frame co;
	struct fat_scan *scan;
	const char *name;
	size_t len;
	u8 msdos[FAT_NAME];
	long err;
};
co_t fat_find(struct co *co, struct fat_find *f);

/* Change one slot: `entry` and `keep_name`: all but the name's bytes and case. */
struct fat_slot_write {
	struct co_frame co;
	struct inode *dir;
	u32 offset;
	const union fat_disk_slot *slot;
	struct page *page;
	long err;
};
co_t fat_slot_write(struct co *co, struct fat_slot_write *f);
/* Mark slots as deleted, the last (with the short name) first. An error: none is. Where only the
 * first could be, the others are what is left of a long name, and nobody's. */
struct fat_slots_delete {
	struct co_frame co;
	struct inode *dir;
	u32 offset;		/* of the last */
	u8 slots;
	bool begun;
	struct page *page;
	long err;
};
co_t fat_slots_delete(struct co *co, struct fat_slots_delete *f);

/* Choose a short name for scan->name (parsed and valid) that dir has not, and find room for it:
 * scan->gap_at and scan->name.short_name. -ENOSPC, -EEXIST... */
struct fat_make_room {
	struct co_frame co;
	struct fat_scan *scan;
	u32 used;
	u32 random;
	unsigned tries;
	long err;
};
co_t fat_make_room(struct co *co, struct fat_make_room *f);
/* Write the entry where room was found; on an error there is none. */
struct fat_enter {
	struct co_frame co;
	struct fat_scan *scan;
	const struct fat_disk_entry *entry;	/* but for its name */
	unsigned number;
	union fat_disk_slot *slot;
	long err, ignored;
};
co_t fat_enter(struct co *co, struct fat_enter *f);
/* A directory gets clusters, up to so many bytes, of zeros. */
struct fat_dir_grow {
	struct co_frame co;
	struct inode *dir;
	u32 size;
	u32 from;
	struct page *page;
	long err;
};
co_t fat_dir_grow(struct co *co, struct fat_dir_grow *f);

/* Is there nothing in it? 0, -ENOTEMPTY or an error. */
struct fat_dir_is_empty {
	struct co_frame co;
	struct inode *dir;
	struct fat_scan *scan;
	long err;
};
co_t fat_dir_is_empty(struct co *co, struct fat_dir_is_empty *f);
/* How many directories there are in it. */
struct fat_dir_count {
	struct co_frame co;
	struct inode *dir;
	struct fat_scan *scan;
	u32 n;
	long err;
};
co_t fat_dir_count(struct co *co, struct fat_dir_count *f);

/* --- namei.c --- */
extern const struct inode_ops fat_dir_ops;

#endif
