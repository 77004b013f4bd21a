/* fs/ext4/extent_write.h -- nodes of an extent tree that changes: for extent_write.c and
 * extent_split.c. */
#ifndef EXT4_EXTENT_WRITE_H
#define EXT4_EXTENT_WRITE_H

#include "fs/ext4/write.h"

#define EXT4_ROOT_MAX 4u /* entries in the inode */

static inline struct ext4_extent_header *ext4_node(struct ext4_extent_edit *f, unsigned level)
{
	return level ? (struct ext4_extent_header *)f->path[level].buffer->data
		     : (struct ext4_extent_header *)ext4_inode(f->inode)->disk_block;
}

static inline struct ext4_extent *ext4_node_entries(struct ext4_extent_header *h)
{
	return (struct ext4_extent *)(h + 1);
}

static inline u64 ext4_extent_start(const struct ext4_extent *x)
{
	return x->start_lo | (u64)x->start_hi << 32;
}

static inline bool ext4_extent_unwritten(const struct ext4_extent *x)
{
	return x->len > EXT4_EXTENT_INIT_MAX;
}

static inline u32 ext4_extent_len(const struct ext4_extent *x)
{
	return ext4_extent_unwritten(x) ? x->len - EXT4_EXTENT_INIT_MAX : x->len;
}

static inline struct ext4_extent ext4_extent_make(u64 block, u64 len, u64 start, bool unwritten)
{
	return (struct ext4_extent){
		.block = (u32)block,
		.len = (u16)(len + (unwritten ? EXT4_EXTENT_INIT_MAX : 0)),
		.start_lo = (u32)start,
		.start_hi = (u16)(start >> 32),
	};
}

/* The checksum behind the node's room. */
void ext4_node_seal(struct ext4_extent_edit *f, struct ext4_extent_header *h);
/* Entries [at, at + remove) become the `add` at `fresh`. */
void ext4_node_splice(struct ext4_extent_edit *f, struct ext4_extent_header *h, int at,
		      unsigned remove, unsigned add, const struct ext4_extent *fresh);

/* The first key after the range of the leaf that the way leads to; the first one in it. */
u64 ext4_way_limit(struct ext4_extent_edit *f);
u64 ext4_way_key(struct ext4_extent_edit *f);
/* What the splice of the leaf is; 0. */
int ext4_plan(struct ext4_extent_edit *f, int at, unsigned remove, unsigned add);

/* --- extent_shift.c --- */

/* Plan, as extent_write.c's: 0, -ENOENT (nothing to be done in this leaf) or another error. */
int ext4_plan_split(struct ext4_extent_edit *f);
int ext4_plan_left(struct ext4_extent_edit *f);
int ext4_plan_right(struct ext4_extent_edit *f);
/* Carry out one of the latter two. */
void ext4_leaf_shift(struct ext4_extent_edit *f, struct ext4_extent_header *h);

/* --- extent_split.c --- */

/* One step towards a leaf with room: what the way led to is to be looked for again. */
struct ext4_node_split {
	struct co_frame co;
	struct ext4_extent_edit *e;
	unsigned level;		/* the node to be split; 0: the root is full */
	struct buffer *fresh;
	long err;
};
co_t ext4_node_split(struct co *co, struct ext4_node_split *f);

#endif
