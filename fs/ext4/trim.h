/* fs/ext4/trim.h -- the device hears of blocks that are free.
 *
 * Locking  as in alloc.c: a group's lock over its bitmap, room_lock over fs->freed.
 */
#ifndef EXT4_TRIM_H
#define EXT4_TRIM_H

#include <linux/fs.h>

#include "fs/ext4/ext4.h"

/* Have the device forget some blocks: 0, -EIO, -EOPNOTSUPP. */
struct ext4_trim_blocks {
	struct co_frame co;
	struct ext4 *fs;
	u64 start, n;
	long err;
};
co_t ext4_trim_blocks(struct co *co, struct ext4_trim_blocks *f);

/* FITRIM, with the user's struct fstrim_range. */
struct ext4_trim {
	struct co_frame co;
	struct ext4 *fs;
	uptr at;
	struct fstrim_range range;
	u64 block, end, next, done;
	u32 least;
	long err;
};
co_t ext4_trim(struct co *co, struct ext4_trim *f);
/* Of files and directories. */
struct ext4_ioctl {
	struct file_ioctl;
	long err;
};
co_t ext4_ioctl(struct co *co, struct ext4_ioctl *f);

/* --- alloc.c --- */

/* Have the group's bitmap in memory. */
struct ext4_group_load {
	struct co_frame co;
	struct ext4 *fs;
	u32 group;
	u64 *bits, *layout;
	struct ext4_disk_group g;
	struct page *page;
	u8 *data;
	long err;
};
co_t ext4_group_load(struct co *co, struct ext4_group_load *f);
/* Take the next `least` or more free blocks in a row of [*at, end): where, and how many; and give
 * them back. */
bool ext4_group_hold_free(struct ext4 *fs, u32 group, u32 least, u32 end, u32 *at, u32 *n);
void ext4_group_let_free(struct ext4 *fs, u32 group, u32 at, u32 n);
/* Does the device know of all that is free there, but of what is shorter? */
bool ext4_group_is_trimmed(struct ext4 *fs, u32 group, u32 least);
void ext4_group_set_trimmed(struct ext4 *fs, u32 group, u32 least);
/* These were reserved, or pending: they can be had again. */
void ext4_give_back(struct ext4 *fs, u64 start, u32 n);

/* --- freed.c: blocks that can be had again when their transaction has committed --- */

struct ext4_freed {
	struct journal_callback committed;
	struct list link;
	struct ext4 *fs;
	u64 start;
	u32 n;
};
/* `freed` is the heap's, and taken over. */
void ext4_freed_enter(struct handle *handle, struct ext4_freed *freed, struct ext4 *fs, u64 start,
		      u32 n);
/* All that committed is given back: before the file system goes. */
struct ext4_freed_settle {
	struct co_frame co;
	struct ext4 *fs;
};
co_t ext4_freed_settle(struct co *co, struct ext4_freed_settle *f);

#endif
