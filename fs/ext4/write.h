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
#include "vfs/file.h"

/* --- alloc.c: blocks --- */

/* For a mount that may write, and when it ends (no handle is open, all has committed). */
int ext4_alloc_open(struct ext4 *fs);
void ext4_alloc_close(struct ext4 *fs);
/* Room for n blocks that are not chosen yet: 0 or -ENOSPC. Never waits; below any page index. */
int ext4_promise(struct ext4 *fs, u32 n);
void ext4_unpromise(struct ext4 *fs, u32 n);
/* Kept back for metadata of what was promised; statfs shows them as not available. */
u64 ext4_blocks_kept(const struct ext4 *fs);

/* Take up to `want` adjacent free blocks near `goal` (0: near the inode), in memory only. *start,
 * *got. -ENOSPC. */
struct ext4_reserve_blocks {
	struct co_frame co;
	struct inode *inode;
	u64 goal;
	u32 want;
	bool promised;		/* room for it was promised before */
	u64 *start;
	u32 *got;
	u32 group, held;
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
	u32 here;
	long err;
};
co_t ext4_use_blocks(struct co *co, struct ext4_use_blocks *f);
/* Both at once, for one block of metadata: *start. Not read, not zeroed: journal_create. */
struct ext4_alloc_block {
	struct co_frame co;
	struct handle *handle;
	struct inode *inode;
	u64 goal;
	bool promised;		/* it belongs to data that was promised room */
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
	u32 group, at, here, i;
	void *freed;
	long err;
};
co_t ext4_free_blocks(struct co *co, struct ext4_free_blocks *f);

/* --- grow.c: the map of a file changes --- */

/* Give logical block `block` of a directory or slow link (or any file) a block of its own now:
 * *start. Adds to i_blocks; the inode is written. ext4_map_credits. */
struct ext4_map_append {
	struct co_frame co;
	struct handle *handle;
	struct inode *inode;
	u32 block;
	u64 *start;
	u64 goal, done;
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
	long err;
};
co_t ext4_map_cut(struct co *co, struct ext4_map_cut *f);
/* The same of [from, end): a hole. */
struct ext4_map_remove {
	struct co_frame co;
	struct inode *inode;
	u64 from, end;
	bool metadata;
	struct handle handle;
	long err, written;
};
co_t ext4_map_remove(struct co *co, struct ext4_map_remove *f);
/* What lies from block `from` on moves, extents only: to from + by, behind a hole (right), or what
 * lies from from + by on to `from`, whose blocks go; the size with it. In one transaction, or, if
 * the tree is too large for that, in several, each of which leaves a sound file. -EINVAL: something
 * would lie too far. No page from there on may be dirty. */
struct ext4_map_shift {
	struct co_frame co;
	struct inode *inode;
	u64 from, by;
	bool right;
	bool sized;
	u64 next;
	struct handle handle;
	long err, written;
};
co_t ext4_map_shift(struct co *co, struct ext4_map_shift *f);
/* What a handle needs to add some blocks to a file, use them, and write its inode. */
u32 ext4_map_credits(const struct inode *inode);
/* Blocks of metadata that some data from `block` on may need; 0 with extents, for which the file
 * system keeps some back. */
u32 ext4_map_overhead(struct inode *inode, u64 block);
/* The first block that its kind of map cannot have. */
u64 ext4_map_limit(struct inode *inode);
/* Blocks that are used already become the file's at `block`; what it does not take is freed. *done
 * are its own now: 0 with an error, -EEXIST if there are some at `block`, else the inode is to be
 * written. */
struct ext4_map_insert {
	struct co_frame co;
	struct handle *handle;
	struct inode *inode;
	u64 block, start, len;
	bool unwritten, promised;
	u64 *done;
	long err, ignored;
};
co_t ext4_map_insert(struct co *co, struct ext4_map_insert *f);
/* Unwritten blocks at `start` hold data now: *did is the part of them that was changed. -ENOENT:
 * they are not there, or not unwritten. */
struct ext4_blocks {
	u64 start, len;
};
struct ext4_map_convert {
	struct co_frame co;
	struct handle *handle;
	struct inode *inode;
	u64 block, start, len;
	struct ext4_blocks *did;
	long err;
};
co_t ext4_map_convert(struct co *co, struct ext4_map_convert *f);
/* A good place for `block`; 0: none is better than others. */
struct ext4_map_goal {
	struct co_frame co;
	struct inode *inode;
	u64 block;
	u64 *goal;
	struct ext4_run run;
	long err;
};
co_t ext4_map_goal(struct co *co, struct ext4_map_goal *f);
void ext4_inode_add_blocks(struct inode *inode, i64 n); /* to i_blocks */

/* --- extent_write.c, indirect_write.c: for grow.c, with map_lock for writing --- */

/* An empty tree in the inode, of a fresh file (with EXT4_EXTENTS_FL). */
void ext4_extent_init(struct ext4_inode *e);

#define EXT4_SPLIT_CREDITS 5u	/* bitmap, descriptor, the new node, the old one, its parent */
struct ext4_extent_edit {
	struct co_frame co;
	struct handle *handle;
	struct inode *inode;
	enum { EXT4_EXTENT_INSERT, EXT4_EXTENT_CONVERT, EXT4_EXTENT_REMOVE, EXT4_EXTENT_SPLIT,
	       EXT4_EXTENT_LEFT, EXT4_EXTENT_RIGHT } what;
	u64 block, len, start;
	u64 last;		/* REMOVE: the last extent that has some of [block, last];
				 * RIGHT: what begins there moves, in its leaf */
	u64 *next;		/* LEFT: the next leaf's first key; RIGHT: this one's; 0: no more */
	u64 goal;		/* of new nodes */
	bool unwritten, promised;
	bool metadata;		/* REMOVE: what is freed */
	struct ext4_blocks *did; /* CONVERT, REMOVE: which */
	struct {
		struct buffer *buffer;	/* of the root: NULL */
		i16 at;
	} path[EXT4_EXTENT_DEPTH_MAX + 1];
	u16 depth;
	u64 look;
	/* The splice of the leaf. */
	i16 at;
	u8 remove, add;
	struct ext4_extent fresh[3];
	bool emptied;
	long err;
};
co_t ext4_extent_edit(struct co *co, struct ext4_extent_edit *f);

struct ext4_indirect_insert {
	struct co_frame co;
	struct handle *handle;
	struct inode *inode;
	u64 block, len, start;
	bool promised;
	u64 *done;		/* also with an error */
	struct buffer *table, *fresh;
	u64 left;
	u32 at;
	unsigned levels;
	long err;
};
co_t ext4_indirect_insert(struct co *co, struct ext4_indirect_insert *f);
/* Tables on the way to a block. */
unsigned ext4_indirect_levels(struct inode *inode, u64 block);
/* The last blocks of [from, *end) go, and *end to where they began; -ENOENT: there are none. */
struct ext4_indirect_remove {
	struct co_frame co;
	struct handle *handle;
	struct inode *inode;
	u64 from, *end;
	bool metadata;
	struct {
		struct buffer *table;
		u32 at;
	} path[3];
	unsigned depth, level;
	long err;
};
co_t ext4_indirect_remove(struct co *co, struct ext4_indirect_remove *f);

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
/* vfs/super.h: in a handle of its own. */
struct ext4_write_inode {
	struct super_write_inode;
	struct handle handle;
	long err;
};
co_t ext4_write_inode(struct co *co, struct ext4_write_inode *f);
void ext4_inode_seal(const struct ext4 *fs, u32 ino, u8 *data);

/* --- data_write.c: pages to the disk --- */

int ext4_write_open(struct ext4 *fs);	/* by ext4_alloc_open */
void ext4_write_close(struct ext4 *fs);
struct ext4_writepages {
	struct mapping_writepages;
	struct ext4_write_round *round;
	bool spare;		/* it is the file system's */
	u64 block, end;		/* what is left to do */
	unsigned at;
	long err, io_err;
};
co_t ext4_writepages(struct co *co, struct ext4_writepages *f);
int ext4_page_promise(struct mapping *m, struct page *page);
void ext4_page_unpromise(struct mapping *m, struct page *page);

/* --- room.c --- */

/* An attempt at operation `of`, which leaves all as it was if there is no room. */
struct ext4_once {
	struct co_frame co;
	void *of;
};
CO_OPERATION(ext4_once);
/* Make it, with no handle; after -ENOSPC have what was removed deleted, and what was freed
 * committed, so that it can be had, and make another. */
struct ext4_with_room {
	struct co_frame co;
	struct ext4 *fs;
	const struct ext4_once_op *once;
	void *of;
	bool tried;
	long err, ignored;
};
co_t ext4_with_room(struct co *co, struct ext4_with_room *f);
/* For a page that finds none. */
struct ext4_make_room {
	struct mapping_make_room;
	long err;
};
co_t ext4_make_room(struct co *co, struct ext4_make_room *f);

/* --- file.c --- */

extern const struct file_ops ext4_file_ops;
struct ext4_fsync {
	struct file_fsync;
	struct inode *inode;
	long err, failed;
};
co_t ext4_fsync(struct co *co, struct ext4_fsync *f);	/* of directories, too */
/* What was changed of it is waited for if that is so asked: chattr +S, mount -o sync. */
struct ext4_settle {
	struct co_frame co;
	struct inode *inode;
	long err;
};
co_t ext4_settle(struct co *co, struct ext4_settle *f);
/* Another size, with inode.lock for writing; times are the caller's. */
struct ext4_truncate {
	struct co_frame co;
	struct inode *inode;
	u64 size, was, from;	/* under inode.lock */
	bool orphan;
	long err;
};
co_t ext4_truncate(struct co *co, struct ext4_truncate *f);
struct ext4_allocate {
	struct inode_allocate;
	u64 blocks_end;
	bool grows;
	long err;
};
co_t ext4_allocate(struct co *co, struct ext4_allocate *f);
struct ext4_seek {
	struct inode_seek;
	struct ext4_run run;
	long err;
};
co_t ext4_seek(struct co *co, struct ext4_seek *f);
struct ext4_extent_at {
	struct inode_extent_at;
	u64 block, last;
	struct ext4_run run;
	long err;
};
co_t ext4_extent_at(struct co *co, struct ext4_extent_at *f);
#define EXT4_FILE_INODE_OPS                                           \
	.allocate = CO_IMPLEMENTS(inode_allocate, ext4_allocate),     \
	.extent_at = CO_IMPLEMENTS(inode_extent_at, ext4_extent_at),			       \
	.seek = CO_IMPLEMENTS(inode_seek, ext4_seek)

/* --- ialloc.c: inodes --- */

/* A fresh inode near `dir`, with mode, owner, times, generation, flags that it inherits; nlink 1,
 * known to nobody, not yet written (ext4_inode_write with fresh). 4 credits. */
struct ext4_inode_alloc {
	struct co_frame co;
	struct handle *handle;
	struct inode *dir;
	u32 mode, uid, gid, rdev;
	struct inode **inode;
	struct ext4_inode *made;
	u32 ino;
	long err;
};
co_t ext4_inode_alloc(struct co *co, struct ext4_inode_alloc *f);
/* It has no blocks any more: its number is free. 3 credits. */
struct ext4_inode_free {
	struct co_frame co;
	struct handle *handle;
	struct inode *inode;
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
/* After a change of a descriptor or a bitmap that is accessed: checksums. All of the change and
 * this in one go under ext4_group_lock(fs, group), a spinlock: others change the same descriptor.
 * The bitmap first, its checksum is in the descriptor. */
void ext4_group_seal(const struct ext4 *fs, u32 group, u8 *descriptor);
void ext4_bitmap_seal(const struct ext4 *fs, u8 *descriptor, const u8 *bitmap, bool inodes);
bool ext4_bitmap_valid(const struct ext4 *fs, const struct ext4_disk_group *g, const u8 *bitmap,
		       bool inodes);

u64 ext4_group_first(const struct ext4 *fs, u32 group);		/* block */
u32 ext4_group_blocks(const struct ext4 *fs, u32 group);	/* the last one may be short */
u64 ext4_group_bitmap(const struct ext4 *fs, const struct ext4_disk_group *g, bool inodes);
u32 ext4_group_free(const struct ext4 *fs, const struct ext4_disk_group *g); /* blocks */
void ext4_group_set_free(const struct ext4 *fs, struct ext4_disk_group *g, u32 n);
/* The block bitmap of a group that was never written (EXT4_GROUP_BLOCK_UNINIT). */
void ext4_group_layout(const struct ext4 *fs, u32 group, const struct ext4_disk_group *g,
		       u64 *bits);
static inline bool ext4_group_uninit(const struct ext4 *fs, const struct ext4_disk_group *g,
				     u16 which)
{
	return (fs->checksums || fs->group_crc16) && (g->flags & which);
}

#endif
