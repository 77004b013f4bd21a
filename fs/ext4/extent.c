/* fs/ext4/extent.c -- extent trees. The root lies in the inode; every node is checked whenever
 * it is walked, and the depth only falls, so a walk ends. */
#include "core/base/crc.h"
#include "fs/ext4/ext4.h"

int ext4_extent_bad(struct ext4_inode *e, const char *what)
{
	ext4_damaged_inode(&e->inode, "inode %lu: extent tree: %s", (unsigned long)e->inode.ino,
			   what);
	return -EUCLEAN;
}

const char *ext4_extent_wrong(const struct ext4_inode *e, const struct ext4_extent_header *h,
			      u16 depth, u32 size, bool root)
{
	const struct ext4 *fs = ext4_of(&e->inode);
	u32 room = (size - sizeof(*h)) / sizeof(struct ext4_extent);

	if (h->magic != EXT4_EXTENT_MAGIC)
		return "a node without its magic number";
	if (h->depth != depth || depth > EXT4_EXTENT_DEPTH_MAX)
		return "a node of the wrong depth";
	if (h->max > room || h->entries > h->max)
		return "a node with too many entries";
	if (!h->entries && (depth || !root))
		return "an empty node";
	if (!root && fs->checksums) {
		u32 covered = (u32)(sizeof(*h) + h->max * sizeof(struct ext4_extent));
		u32 want;

		if (covered + sizeof(want) > size)
			return "a node without room for its checksum";
		memcpy(&want, (const u8 *)h + covered, sizeof(want));
		if (crc_32c(e->seed, h, covered) != want)
			return "a node's checksum is wrong";
	}
	return NULL;
}

/* Extents and index entries both begin with their first block and are of one size. */
int ext4_extent_search(const struct ext4_extent_header *h, u64 block)
{
	const struct ext4_extent *first = (const struct ext4_extent *)(h + 1);
	int low = 0, high = h->entries;

	while (low < high) {
		int middle = low + (high - low) / 2;

		if (first[middle].block <= block)
			low = middle + 1;
		else
			high = middle;
	}
	return low - 1;
}

/* The leaf's answer. limit: where the node's range ends. */
static int leaf_map(struct ext4_inode *e, const struct ext4_extent_header *h, u16 entries,
		    u64 block, u64 limit, struct ext4_run *run)
{
	const struct ext4_extent *first = (const struct ext4_extent *)(h + 1);
	int at = ext4_extent_search(h, block);
	struct ext4_extent x;
	u64 start, len, next = limit;

	if (at + 1 < entries && first[at + 1].block > block)
		next = min(next, (u64)first[at + 1].block);
	if (at >= 0) {
		x = first[at];
		len = x.len > EXT4_EXTENT_INIT_MAX ? x.len - EXT4_EXTENT_INIT_MAX : x.len;
		start = x.start_lo | (u64)x.start_hi << 32;
		if (!len || !ext4_blocks_valid(ext4_of(&e->inode), start, len))
			return ext4_extent_bad(e, "an extent lies outside the file system");
		if (x.block <= block && block - x.block < len) {
			*run = (struct ext4_run){.block = x.block, .len = len};
			*(x.len > EXT4_EXTENT_INIT_MAX ? &run->unwritten : &run->start) = start;
			return 0;
		}
	}
	/* A hole, up to what follows. */
	if (next <= block)
		return ext4_extent_bad(e, "a node outside of its parent's range");
	*run = (struct ext4_run){.block = block, .len = next - block};
	return 0;
}

/* An inner node's: the child to go to, and where its range ends. */
static int index_map(struct ext4_inode *e, const struct ext4_extent_header *h, u16 entries,
		     u64 block, u64 *next, u64 *limit)
{
	const struct ext4_extent_index *first = (const struct ext4_extent_index *)(h + 1);
	int at = max(ext4_extent_search(h, block), 0);
	struct ext4_extent_index x = first[at];

	if (at + 1 < entries && first[at + 1].block > block)
		*limit = min(*limit, (u64)first[at + 1].block);
	*next = x.leaf_lo | (u64)x.leaf_hi << 32;
	if (!ext4_blocks_valid(ext4_of(&e->inode), *next, 1))
		return ext4_extent_bad(e, "a node lies outside the file system");
	return 0;
}

/* Look at one node: 0 *run is found, 1 go on at *next, or an error. */
static int node_step(struct ext4_extent_map *f, const u8 *data, u32 size, bool root)
{
	const struct ext4_extent_header *h = (const struct ext4_extent_header *)data;
	const char *wrong = ext4_extent_wrong(f->inode, h, f->depth, size, root);
	u16 entries = h->entries;
	int err;

	if (wrong)
		return ext4_extent_bad(f->inode, wrong);
	if (!f->depth)
		return leaf_map(f->inode, h, entries, f->block, f->limit, f->run);
	err = index_map(f->inode, h, entries, f->block, &f->next, &f->limit);
	f->depth--;
	return err ? err : 1;
}

co_t ext4_extent_map(struct co *co, struct ext4_extent_map *f)
{
	CO_BEGIN;
	f->limit = (u64)UINT32_MAX + 1;
	f->depth = ((struct ext4_extent_header *)f->inode->disk_block)->depth;
	f->err = node_step(f, (u8 *)f->inode->disk_block, sizeof(f->inode->disk_block), true);
	while (f->err == 1) {
		CO_AWAIT(f->err, ext4_block_get, .fs = ext4_of(&f->inode->inode),
			 .block = f->next, .page = &f->page, .data = &f->data);
		if (f->err)
			CO_RETURN(f->err);
		f->err = node_step(f, f->data, ext4_of(&f->inode->inode)->block_size, false);
		phys_page_put(f->page);
	}
	CO_RETURN(f->err);
	CO_END;
}
