/* fs/ext4/group_write.c -- descriptors and bitmaps of groups, as far as they change. */
#include "core/base/crc.h"
#include "fs/ext4/bitmap.h"
#include "fs/ext4/write.h"

u64 ext4_group_first(const struct ext4 *fs, u32 group)
{
	return fs->first_data_block + (u64)group * fs->blocks_per_group;
}

u32 ext4_group_blocks(const struct ext4 *fs, u32 group)
{
	return (u32)min((u64)fs->blocks_per_group, fs->blocks - ext4_group_first(fs, group));
}

u64 ext4_group_bitmap(const struct ext4 *fs, const struct ext4_disk_group *g, bool inodes)
{
	u64 low = inodes ? g->inode_bitmap_lo : g->block_bitmap_lo;
	u64 high = inodes ? g->inode_bitmap_hi : g->block_bitmap_hi;

	return fs->group_size >= sizeof(*g) ? low | high << 32 : low;
}

u32 ext4_group_free(const struct ext4 *fs, const struct ext4_disk_group *g)
{
	u32 high = fs->group_size >= sizeof(*g) ? g->free_blocks_count_hi : 0;

	return g->free_blocks_count_lo | high << 16;
}

void ext4_group_set_free(const struct ext4 *fs, struct ext4_disk_group *g, u32 n)
{
	g->free_blocks_count_lo = (u16)n;
	if (fs->group_size >= sizeof(*g))
		g->free_blocks_count_hi = (u16)(n >> 16);
}

co_t ext4_group_buffer(struct co *co, struct ext4_group_buffer *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, ext4_group_locate, .fs = f->fs, .group = f->group, .block = &f->block,
		 .offset = f->offset);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, buffer_get, .journal = f->fs->journal, .block = f->block,
		 .buffer = f->buffer);
	CO_RETURN(f->err);
	CO_END;
}

void ext4_group_seal(const struct ext4 *fs, u32 group, u8 *descriptor)
{
	if (fs->checksums || fs->group_crc16)
		((struct ext4_disk_group *)descriptor)->checksum =
			ext4_group_checksum(fs, group, descriptor);
}

static u32 bitmap_checksum(const struct ext4 *fs, const u8 *bitmap, bool inodes)
{
	return crc_32c(fs->seed, bitmap,
		       (inodes ? fs->inodes_per_group : fs->blocks_per_group) / 8);
}

void ext4_bitmap_seal(const struct ext4 *fs, u8 *descriptor, const u8 *bitmap, bool inodes)
{
	struct ext4_disk_group *g = (struct ext4_disk_group *)descriptor;
	u32 crc;

	if (!fs->checksums)
		return;
	crc = bitmap_checksum(fs, bitmap, inodes);
	*(inodes ? &g->inode_bitmap_csum_lo : &g->block_bitmap_csum_lo) = (u16)crc;
	if (fs->group_size >= sizeof(*g))
		*(inodes ? &g->inode_bitmap_csum_hi : &g->block_bitmap_csum_hi) = (u16)(crc >> 16);
}

bool ext4_bitmap_valid(const struct ext4 *fs, const struct ext4_disk_group *g, const u8 *bitmap,
		       bool inodes)
{
	u32 crc, want = inodes ? g->inode_bitmap_csum_lo : g->block_bitmap_csum_lo;

	if (!fs->checksums)
		return true;
	crc = bitmap_checksum(fs, bitmap, inodes);
	if (fs->group_size < sizeof(*g))
		return (u16)crc == want;
	want |= (u32)(inodes ? g->inode_bitmap_csum_hi : g->block_bitmap_csum_hi) << 16;
	return crc == want;
}

/* --- the bitmap of a group that was never written --- */

/* Blocks that a copy of the super block and of the descriptors take at the group's beginning. */
static u32 group_head(const struct ext4 *fs, u32 group)
{
	u32 per_block = fs->block_size / fs->group_size, meta = group / per_block;
	u32 tables = (fs->groups + per_block - 1) / per_block, in_meta = group % per_block;
	u32 n = ext4_group_has_super(fs, group) ? 1 : 0;

	if (meta >= fs->first_meta_group)
		return n + (in_meta <= 1 || in_meta == per_block - 1 ? 1 : 0);
	if (fs->first_meta_group != UINT32_MAX)
		tables = fs->first_meta_group;
	return n ? 1 + tables + fs->reserved_descriptors : 0;
}

/* Mark blocks [start, start + n) as far as they lie in the group. */
static void mark(const struct ext4 *fs, u32 group, u64 start, u64 n, u64 *bits)
{
	u64 first = ext4_group_first(fs, group), end = first + ext4_group_blocks(fs, group);

	for (u64 b = max(start, first); b < min(start + n, end); b++)
		bitmap_set(bits, (u32)(b - first));
}

void ext4_group_layout(const struct ext4 *fs, u32 group, const struct ext4_disk_group *g,
		       u64 *bits)
{
	u64 tables = (u64)fs->inodes_per_group * fs->inode_size >> fs->block_shift;
	u64 table = g->inode_table_lo;
	u32 blocks = ext4_group_blocks(fs, group);

	if (fs->group_size >= sizeof(*g))
		table |= (u64)g->inode_table_hi << 32;
	memset(bits, 0, fs->block_size);
	/* With flex_bg its bitmaps and table may lie elsewhere; a group where those of others lie
	 * was written. */
	mark(fs, group, ext4_group_first(fs, group), group_head(fs, group), bits);
	mark(fs, group, ext4_group_bitmap(fs, g, false), 1, bits);
	mark(fs, group, ext4_group_bitmap(fs, g, true), 1, bits);
	mark(fs, group, table, tables, bits);
	bitmap_set_run(bits, blocks, fs->block_size * 8 - blocks);
}
