/* fs/ext4/extent_split.c -- room in a leaf of an extent tree: full nodes are split, and the root's
 * entries move into a block when it is full. */
#include "fs/ext4/extent_write.h"

static struct ext4_extent index_make(u32 block, u64 child)
{
	struct ext4_extent_index x = {.block = block, .leaf_lo = (u32)child,
				      .leaf_hi = (u16)(child >> 32)};
	struct ext4_extent e;

	memcpy(&e, &x, sizeof(e));
	return e;
}

static u16 block_room(const struct ext4 *fs)
{
	return (u16)((fs->block_size - sizeof(struct ext4_extent_header)) /
		     sizeof(struct ext4_extent));
}

/* A block for a node: its buffer, zeroed. */
struct node_make {
	struct co_frame co;
	struct ext4_extent_edit *e;
	struct buffer **buffer;
	u64 block;
	long err, ignored;
};
static co_t node_make(struct co *co, struct node_make *f)
{
	struct inode *inode = f->e->inode;

	CO_BEGIN;
	inode = f->e->inode;
	/* Near the data. */
	f->block = f->e->goal;
	CO_AWAIT(f->err, ext4_alloc_block, .handle = f->e->handle, .inode = inode,
		 .goal = f->block, .start = &f->block, .promised = f->e->promised);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, journal_create, .handle = f->e->handle, .block = f->block,
		 .buffer = f->buffer);
	if (f->err)
		CO_AWAIT(f->ignored, ext4_free_blocks, .handle = f->e->handle,
			 .fs = ext4_of(f->e->inode), .start = f->block, .n = 1);
	else
		ext4_inode_add_blocks(f->e->inode, 1);
	CO_RETURN(f->err);
	CO_END;
}

/* The root's entries move into a block; the root has that one below it. */
static void root_deepen(struct ext4_extent_edit *f, struct buffer *b)
{
	struct ext4_extent_header *root = ext4_node(f, 0);
	struct ext4_extent_header *h = (struct ext4_extent_header *)b->data;
	struct ext4_extent entry;

	memcpy(h, root, sizeof(*h) + root->entries * sizeof(entry));
	h->max = block_room(ext4_of(f->inode));
	ext4_node_seal(f, h);
	entry = index_make(ext4_node_entries(h)->block, b->block);
	ext4_node_splice(f, root, 0, root->entries, 1, &entry);
	spin_lock(&f->inode->attr_lock);
	root->depth++;
	spin_unlock(&f->inode->attr_lock);
}

/* The later entries of the node at `level` move into a block of their own. A file that grows at
 * its end leaves full nodes behind. */
static void split(struct ext4_extent_edit *f, unsigned level, struct buffer *b)
{
	struct ext4_extent_header *left = ext4_node(f, level), *parent = ext4_node(f, level - 1);
	struct ext4_extent_header *right = (struct ext4_extent_header *)b->data;
	unsigned from = left->entries / 2u;
	struct ext4_extent entry;

	if (f->path[level].at == left->entries - 1)
		from = left->entries - 1u;
	*right = (struct ext4_extent_header){
		.magic = EXT4_EXTENT_MAGIC,
		.entries = (u16)(left->entries - from),
		.max = block_room(ext4_of(f->inode)),
		.depth = left->depth,
	};
	memcpy(ext4_node_entries(right), ext4_node_entries(left) + from,
	       right->entries * sizeof(entry));
	left->entries = (u16)from;
	entry = index_make(ext4_node_entries(right)->block, b->block);
	ext4_node_splice(f, parent, f->path[level - 1].at + 1, 0, 1, &entry);
	ext4_node_seal(f, left);
	ext4_node_seal(f, right);
	ext4_node_seal(f, parent);
}

static bool is_full(const struct ext4_extent_header *h)
{
	return h->entries >= h->max;
}

co_t ext4_node_split(struct co *co, struct ext4_node_split *f)
{
	CO_BEGIN;
	f->level = f->e->depth;
	while (f->level && is_full(ext4_node(f->e, f->level - 1)))
		f->level--;
	if (!f->level && f->e->depth == EXT4_EXTENT_DEPTH_MAX)
		CO_RETURN(-EFBIG);
	/* What was counted on need not do: there is one split more for each level that is full. */
	if (f->e->handle->credits < EXT4_SPLIT_CREDITS + f->e->depth + 4 &&
	    journal_extend(f->e->handle, EXT4_SPLIT_CREDITS))
		CO_RETURN(-ENOSPC);
	if (f->level)
		CO_AWAIT(f->err, journal_access, .handle = f->e->handle,
			 .buffer = f->e->path[f->level].buffer);
	if (!f->err && f->level > 1)
		CO_AWAIT(f->err, journal_access, .handle = f->e->handle,
			 .buffer = f->e->path[f->level - 1].buffer);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, node_make, .e = f->e, .buffer = &f->fresh);
	if (f->err)
		CO_RETURN(f->err);
	if (f->level)
		split(f->e, f->level, f->fresh);
	else
		root_deepen(f->e, f->fresh);
	buffer_put(f->fresh);
	CO_RETURN(0);
	CO_END;
}
