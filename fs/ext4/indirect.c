/* fs/ext4/indirect.c -- block maps of ext2 and ext3: 12 blocks, then trees of pointers of one,
 * two and three levels. */
#include "fs/ext4/ext4.h"

#define DIRECT 12

static unsigned pointer_shift(const struct ext4 *fs)
{
	return fs->block_shift - 2;
}

u64 ext4_indirect_limit(const struct ext4 *fs)
{
	unsigned shift = pointer_shift(fs);

	return min(DIRECT + (1ul << shift) + (1ul << 2 * shift) + (1ul << 3 * shift),
		   (u64)UINT32_MAX + 1);
}

/* The run of adjacent blocks from pointer `at` on among n; a hole likewise. */
static int run_from(struct ext4_inode *e, const u32 *pointers, u32 at, u32 n, u64 block,
		    struct ext4_run *run)
{
	u32 start = pointers[at], len = 1;

	while (at + len < n && pointers[at + len] == (start ? start + len : 0))
		len++;
	if (start && !ext4_blocks_valid(ext4_of(&e->inode), start, len)) {
		ext4_damaged(ext4_of(&e->inode), e->inode.ino, (u64)start,
			     "inode %lu: block %u of the map lies outside",
			     (unsigned long)e->inode.ino, start);
		return -EUCLEAN;
	}
	*run = (struct ext4_run){.block = block, .start = start, .len = len};
	return 0;
}

/* Which tree, and where in it. */
static int map_begin(struct ext4_indirect_map *f)
{
	unsigned shift = pointer_shift(ext4_of(&f->inode->inode));

	f->left = f->block;
	if (f->left < DIRECT)
		return run_from(f->inode, f->inode->disk_block, (u32)f->left, DIRECT, f->block,
				f->run);
	f->left -= DIRECT;
	for (f->levels = 1; f->levels <= 3; f->levels++) {
		if (f->left >> f->levels * shift == 0) {
			f->node = f->inode->disk_block[DIRECT + f->levels - 1];
			return 1;
		}
		f->left -= 1ul << f->levels * shift;
	}
	ext4_damaged(ext4_of(&f->inode->inode), f->inode->inode.ino, 0ul,
		     "inode %lu: block %lu cannot be mapped",
		     (unsigned long)f->inode->inode.ino, (unsigned long)f->block);
	return -EUCLEAN;
}

/* Look at one block of pointers: 0 *run is found, 1 go on at f->node, or an error. */
static int map_step(struct ext4_indirect_map *f, const u32 *pointers)
{
	unsigned shift = pointer_shift(ext4_of(&f->inode->inode));
	u32 at;

	f->levels--;
	at = (u32)(f->left >> f->levels * shift);
	f->left &= (1ul << f->levels * shift) - 1;
	if (!f->levels)
		return run_from(f->inode, pointers, at, 1u << shift, f->block, f->run);
	f->node = pointers[at];
	return 1;
}

co_t ext4_indirect_map(struct co *co, struct ext4_indirect_map *f)
{
	CO_BEGIN;
	f->err = map_begin(f);
	while (f->err == 1 && f->node) {
		if (!ext4_blocks_valid(ext4_of(&f->inode->inode), f->node, 1)) {
			ext4_damaged(ext4_of(&f->inode->inode), f->inode->inode.ino, (u64)f->node,
				     "inode %lu: block %u of the map lies outside",
				     (unsigned long)f->inode->inode.ino, f->node);
			CO_RETURN(-EUCLEAN);
		}
		CO_AWAIT(f->err, ext4_block_get, .fs = ext4_of(&f->inode->inode),
			 .block = f->node, .page = &f->page, .data = &f->data);
		if (f->err)
			CO_RETURN(f->err);
		f->err = map_step(f, (const u32 *)f->data);
		phys_page_put(f->page);
	}
	if (f->err == 1) {
		/* No tree here: a hole as large as what it would have mapped from here on. */
		*f->run = (struct ext4_run){
			.block = f->block,
			.len = (1ul << f->levels * pointer_shift(ext4_of(&f->inode->inode))) -
			       f->left,
		};
		f->err = 0;
	}
	CO_RETURN(f->err);
	CO_END;
}
