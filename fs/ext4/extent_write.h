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

/* The checksum behind the node's room. */
void ext4_node_seal(struct ext4_extent_edit *f, struct ext4_extent_header *h);
/* Entries [at, at + remove) become the `add` at `fresh`. */
void ext4_node_splice(struct ext4_extent_edit *f, struct ext4_extent_header *h, int at,
		      unsigned remove, unsigned add, const struct ext4_extent *fresh);

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
