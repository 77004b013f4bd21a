/* fs/ext4/group.c -- block groups and their descriptors. */
#include "core/base/crc.h"
#include "fs/ext4/ext4.h"

static bool is_power_of(u32 n, u32 base)
{
	while (n % base == 0)
		n /= base;
	return n == 1;
}

bool ext4_group_has_super(const struct ext4 *fs, u32 group)
{
	if (group == 0)
		return true;
	if (fs->sparse_super2)
		return group == fs->backup_groups[0] || group == fs->backup_groups[1];
	if (!fs->sparse_super)
		return true;
	return group == 1 || is_power_of(group, 3) || is_power_of(group, 5) ||
	       is_power_of(group, 7);
}

u64 ext4_group_overhead(const struct ext4 *fs)
{
	u32 per_block = fs->block_size / fs->group_size;
	u64 tables = (u64)fs->inodes_per_group * fs->inode_size >> fs->block_shift;
	u64 descriptors = ((u64)fs->groups + per_block - 1) / per_block +
			  fs->reserved_descriptors;
	u64 total = fs->first_data_block + fs->groups * (tables + 2);

	for (u32 g = 0; g < fs->groups; g++)
		if (ext4_group_has_super(fs, g))
			total += 1 + descriptors;
	return total;
}

/* The block that holds a group's descriptor: after the super block, or with meta_bg in the
 * first group that it describes, after that one's copy of the super block. */
static u64 group_block(const struct ext4 *fs, u32 group, bool *meta)
{
	u32 per_block = fs->block_size / fs->group_size;
	u32 meta_group = group / per_block;
	/* With bigalloc groups count from block 0 even where the super block is in block 1. */
	u64 super = fs->block_size == 1024 ? 1 : 0;

	*meta = meta_group >= fs->first_meta_group;
	if (!*meta)
		return super + 1 + meta_group;
	return fs->first_data_block + (u64)meta_group * per_block * fs->blocks_per_group;
}

u16 ext4_group_checksum(const struct ext4 *fs, u32 group, const u8 *data)
{
	const unsigned at = offsetof(struct ext4_disk_group, checksum);
	const u16 zero = 0;
	u16 crc16;
	u32 crc;

	if (fs->checksums) {
		crc = crc_32c(fs->seed, &group, sizeof(group));
		crc = crc_32c(crc, data, at);
		crc = crc_32c(crc, &zero, sizeof(zero));
		crc = crc_32c(crc, data + at + 2, fs->group_size - at - 2);
		return (u16)crc;
	}
	crc16 = crc_16(0xffff, fs->uuid, sizeof(fs->uuid));
	crc16 = crc_16(crc16, &group, sizeof(group));
	crc16 = crc_16(crc16, data, at);
	if (fs->incompat & EXT4_INCOMPAT_64BIT)
		crc16 = crc_16(crc16, data + at + 2, fs->group_size - at - 2);
	return crc16;
}

static bool group_checksum_valid(const struct ext4 *fs, u32 group, const u8 *data)
{
	const struct ext4_disk_group *g = (const struct ext4_disk_group *)data;

	return !(fs->checksums || fs->group_crc16) ||
	       ext4_group_checksum(fs, group, data) == g->checksum;
}

/* Check a descriptor and tell where its inodes are. */
static int group_check(struct ext4 *fs, u32 group, const u8 *data, u64 *inode_table)
{
	const struct ext4_disk_group *g = (const struct ext4_disk_group *)data;
	u64 tables = (u64)fs->inodes_per_group * fs->inode_size >> fs->block_shift;
	u64 table = g->inode_table_lo;

	if (fs->group_size >= sizeof(*g))
		table |= (u64)g->inode_table_hi << 32;
	if (!group_checksum_valid(fs, group, data)) {
		ext4_damaged(fs, 0, 0ul, "group %u: the descriptor's checksum is wrong", group);
		return -EUCLEAN;
	}
	if (!ext4_blocks_valid(fs, table, tables)) {
		ext4_damaged(fs, 0, 0ul,
			     "group %u: its inode table lies outside, at block %lu", group,
			     (unsigned long)table);
		return -EUCLEAN;
	}
	if (inode_table)
		*inode_table = table;
	return 0;
}

static void group_add_free(const struct ext4 *fs, const u8 *data, struct ext4_free *to)
{
	const struct ext4_disk_group *g = (const struct ext4_disk_group *)data;
	bool wide = fs->group_size >= sizeof(*g);

	to->blocks += g->free_blocks_count_lo | (wide ? (u32)g->free_blocks_count_hi << 16 : 0);
	to->inodes += g->free_inodes_count_lo | (wide ? (u32)g->free_inodes_count_hi << 16 : 0);
}

/* With meta_bg the descriptors stand behind a copy of the super block, if there is one. Whether
 * there is can be told from the block itself: a descriptor block is never one. */
static bool is_super_copy(const struct ext4 *fs, const u8 *data)
{
	const struct ext4_disk_super *copy = (const struct ext4_disk_super *)data;

	return copy->magic == EXT4_MAGIC && !memcmp(copy->uuid, fs->uuid, sizeof(fs->uuid));
}

co_t ext4_group_locate(struct co *co, struct ext4_group_locate *f)
{
	bool meta;

	CO_BEGIN;
	if (f->group >= f->fs->groups)
		CO_RETURN(-EUCLEAN);
	*f->block = group_block(f->fs, f->group, &meta);
	if (meta && f->group < f->fs->block_size / f->fs->group_size) {
		/* The super block itself, which may lie inside of block 0. */
		*f->block = f->fs->block_size == 1024 ? 2 : 1;
		meta = false;
	}
	if (meta) {
		CO_AWAIT(f->err, ext4_block_get, .fs = f->fs, .block = *f->block,
			 .page = &f->page, .data = &f->data);
		if (f->err)
			CO_RETURN(f->err);
		if (is_super_copy(f->fs, f->data))
			++*f->block;
		phys_page_put(f->page);
	}
	*f->offset = f->group % (f->fs->block_size / f->fs->group_size) * f->fs->group_size;
	CO_RETURN(0);
	CO_END;
}

/* Check it and copy what is asked for, while nobody changes it. */
static int group_copy(struct ext4_group_get *f)
{
	int err;

	ext4_group_lock(f->fs, f->group);
	err = group_check(f->fs, f->group, f->data + f->offset, f->inode_table);
	if (!err && f->free)
		group_add_free(f->fs, f->data + f->offset, f->free);
	if (!err && f->copy) {
		*f->copy = (struct ext4_disk_group){0};
		memcpy(f->copy, f->data + f->offset,
		       min((size_t)f->fs->group_size, sizeof(*f->copy)));
	}
	ext4_group_unlock(f->fs, f->group);
	return err;
}

co_t ext4_group_get(struct co *co, struct ext4_group_get *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, ext4_group_locate, .fs = f->fs, .group = f->group, .block = &f->block,
		 .offset = &f->offset);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, ext4_block_get, .fs = f->fs, .block = f->block, .page = &f->page,
		 .data = &f->data);
	if (f->err)
		CO_RETURN(f->err);
	f->err = group_copy(f);
	phys_page_put(f->page);
	CO_RETURN(f->err);
	CO_END;
}
