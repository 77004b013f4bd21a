/* fs/ext4/write.h -- changing an ext4: what the files that write share. What is changed is changed
 * under a handle (fs/journal/journal.h).
 *
 * Order of locks: vfs inode.lock, handle, ext4_inode.map_lock, a group's lock. map_lock (awaitable,
 * for reading by ext4_map) covers a file's map: extents or indirect blocks, i_blocks.
 *
 * Data is written first: writing back a run of pages reserves free blocks (in memory only), writes
 * the data there, and then, under a handle, marks the blocks used and enters the extent. A crash
 * between leaves free blocks with rubbish in them, never a file with somebody else's bytes. Blocks
 * that were freed can be had again when the transaction that freed them has committed.
 */
#ifndef EXT4_WRITE_H
#define EXT4_WRITE_H

#include "fs/ext4/ext4.h"
#include "fs/journal/journal.h"

/* --- alloc.c: blocks --- */

/* Take up to `want` adjacent free blocks near `goal` (0: near the inode), in memory only. *start,
 * *got. -ENOSPC. */
struct ext4_reserve_blocks {
	struct co_frame co;
	struct inode *inode;
	u64 goal;
	u32 want;
	u64 *start;
	u32 *got;
	u32 group, tried;
	long err;
};
co_t ext4_reserve_blocks(struct co *co, struct ext4_reserve_blocks *f);
/* Give them back unused. */
void ext4_unreserve_blocks(struct ext4 *fs, u64 start, u32 n);
/* Make the reservation real: bitmap, counts. Costs 2 credits per group touched. */
struct ext4_use_blocks {
	struct co_frame co;
	struct handle *handle;
	struct ext4 *fs;
	u64 start;
	u32 n;
	struct buffer *bitmap, *descriptor;
	long err;
};
co_t ext4_use_blocks(struct co *co, struct ext4_use_blocks *f);
/* Both at once, for one block of metadata: *start. Not read, not zeroed: journal_create. */
struct ext4_alloc_block {
	struct co_frame co;
	struct handle *handle;
	struct inode *inode;
	u64 goal;
	u64 *start;
	u32 got;
	long err;
};
co_t ext4_alloc_block(struct co *co, struct ext4_alloc_block *f);
/* Free; with `metadata` the journal forgets each. They can be had again after the commit. */
struct ext4_free_blocks {
	struct co_frame co;
	struct handle *handle;
	struct ext4 *fs;
	u64 start;
	u64 n;
	bool metadata;
	u32 here;
	struct buffer *bitmap, *descriptor;
	void *freed;
	long err;
};
co_t ext4_free_blocks(struct co *co, struct ext4_free_blocks *f);

/* --- grow.c: the map of a file changes --- */

/* Give logical block `block` of a directory or slow link (or any file) a block of its own now:
 * *start. Adds to i_blocks; the inode is written (ext4_inode_write). 8 credits + the depth. */
struct ext4_map_append {
	struct co_frame co;
	struct handle *handle;
	struct inode *inode;
	u32 block;
	u64 *start;
	long err;
};
co_t ext4_map_append(struct co *co, struct ext4_map_append *f);
/* Take away every block from logical `from` on, in as many transactions as it takes; no handle is
 * held by the caller, and the inode is an orphan if that must survive a crash. i_size is the
 * caller's. `metadata`: its blocks are a directory's. */
struct ext4_map_cut {
	struct co_frame co;
	struct inode *inode;
	u64 from;
	bool metadata;
	struct handle handle;
	void *state;
	long err;
};
co_t ext4_map_cut(struct co *co, struct ext4_map_cut *f);

/* --- inode_write.c --- */

/* Bring the inode as it is in memory into its block. 1 credit. A fresh one (ialloc) is filled
 * whole. */
struct ext4_inode_write {
	struct co_frame co;
	struct handle *handle;
	struct inode *inode;
	bool fresh;
	struct buffer *buffer;
	u64 block;
	u32 offset;
	long err;
};
co_t ext4_inode_write(struct co *co, struct ext4_inode_write *f);
/* The buffer that an inode lies in and where in it. */
struct ext4_inode_buffer {
	struct co_frame co;
	struct ext4 *fs;
	u32 ino;
	struct buffer **buffer;
	u32 *offset;
	u64 block;
	long err;
};
co_t ext4_inode_buffer(struct co *co, struct ext4_inode_buffer *f);

/* --- ialloc.c: inodes --- */

/* A fresh inode near `dir`, with mode, owner, times, generation, flags that it inherits; nlink 1,
 * known to nobody, not yet written (ext4_inode_write with fresh). 4 credits. */
struct ext4_inode_alloc {
	struct co_frame co;
	struct handle *handle;
	struct inode *dir;
	u32 mode, uid, gid, rdev;
	struct inode **inode;
	u32 group, tried, ino;
	struct buffer *bitmap, *descriptor;
	long err;
};
co_t ext4_inode_alloc(struct co *co, struct ext4_inode_alloc *f);
/* It has no blocks any more: its number is free. 4 credits. */
struct ext4_inode_free {
	struct co_frame co;
	struct handle *handle;
	struct inode *inode;
	struct buffer *bitmap, *descriptor, *table;
	u32 offset;
	long err;
};
co_t ext4_inode_free(struct co *co, struct ext4_inode_free *f);

/* --- orphan.c: files that are to be truncated or freed even after a crash --- */

/* 3 credits each. Enter or take out: a second time is nothing. */
struct ext4_orphan_add {
	struct co_frame co;
	struct handle *handle;
	struct inode *inode;
	long err;
};
co_t ext4_orphan_add(struct co *co, struct ext4_orphan_add *f);
struct ext4_orphan_remove {
	struct co_frame co;
	struct handle *handle;
	struct inode *inode;
	long err;
};
co_t ext4_orphan_remove(struct co *co, struct ext4_orphan_remove *f);
/* At mount, after the journal: finish what was begun. */
struct ext4_orphans_finish {
	struct co_frame co;
	struct ext4 *fs;
	long err;
};
co_t ext4_orphans_finish(struct co *co, struct ext4_orphans_finish *f);

/* --- group_write.c: a group in memory --- */

/* The buffer of a group's descriptor and where in it. */
struct ext4_group_buffer {
	struct co_frame co;
	struct ext4 *fs;
	u32 group;
	struct buffer **buffer;
	u32 *offset;
	u64 block;
	long err;
};
co_t ext4_group_buffer(struct co *co, struct ext4_group_buffer *f);
/* After a change of a descriptor or a bitmap that is accessed: checksums. */
void ext4_group_seal(const struct ext4 *fs, u32 group, u8 *descriptor);
void ext4_bitmap_seal(const struct ext4 *fs, u8 *descriptor, const u8 *bitmap, bool inodes);

#endif
