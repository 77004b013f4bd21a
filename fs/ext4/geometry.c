/* fs/ext4/geometry.c -- the super block: features, sizes, and whether they can be true. */
#include "core/base/crc.h"
#include "fs/ext4/ext4.h"

#define INCOMPAT_KNOWN                                                                     \
	(EXT4_INCOMPAT_FILETYPE | EXT4_INCOMPAT_RECOVER | EXT4_INCOMPAT_META_BG |          \
	 EXT4_INCOMPAT_EXTENTS | EXT4_INCOMPAT_64BIT | EXT4_INCOMPAT_MMP |                 \
	 EXT4_INCOMPAT_FLEX_BG | EXT4_INCOMPAT_EA_INODE | EXT4_INCOMPAT_CSUM_SEED |        \
	 EXT4_INCOMPAT_LARGEDIR)

/* Features by name, also those we do not have. Bits without a name are shown as numbers. */
static const struct {
	u32 bit;
	const char *name;
} incompat_names[] = {
	{EXT4_INCOMPAT_COMPRESSION, "compression"},
	{EXT4_INCOMPAT_JOURNAL_DEV, "journal_dev"},
	{EXT4_INCOMPAT_DIRDATA, "dirdata"},
	{EXT4_INCOMPAT_INLINE_DATA, "inline_data"},
	{EXT4_INCOMPAT_ENCRYPT, "encrypt"},
	{EXT4_INCOMPAT_CASEFOLD, "casefold"},
};

static int check_features(struct ext4 *fs, const struct ext4_disk_super *disk)
{
	u32 unknown = disk->feature_incompat & ~(u32)INCOMPAT_KNOWN;

	for (unsigned i = 0; i < ARRAY_SIZE(incompat_names); i++)
		if (unknown & incompat_names[i].bit) {
			ext4_bad(fs, "feature %s is not supported", incompat_names[i].name);
			return -EINVAL;
		}
	if (unknown) {
		ext4_bad(fs, "feature FEATURE_I%u is not supported", bits_log2(unknown));
		return -EINVAL;
	}
	return 0;
}

#define RO_COMPAT_KNOWN                                                                    \
	(EXT4_RO_SPARSE_SUPER | EXT4_RO_LARGE_FILE | EXT4_RO_BTREE_DIR | EXT4_RO_HUGE_FILE |   \
	 EXT4_RO_GDT_CSUM | EXT4_RO_DIR_NLINK | EXT4_RO_EXTRA_ISIZE | EXT4_RO_METADATA_CSUM |  \
	 EXT4_RO_ORPHAN_PRESENT)

int ext4_geometry_writable(const struct ext4 *fs, const struct ext4_disk_super *disk)
{
	u32 unknown = disk->feature_ro_compat & ~(u32)RO_COMPAT_KNOWN;

	if (unknown) {
		ext4_bad(fs, "feature FEATURE_R%u is not supported for writing",
			 bits_log2(unknown));
		return -EINVAL;
	}
	if (disk->feature_incompat & (EXT4_INCOMPAT_MMP | EXT4_INCOMPAT_EA_INODE)) {
		ext4_bad(fs, "feature %s is not supported for writing",
			 disk->feature_incompat & EXT4_INCOMPAT_MMP ? "mmp" : "ea_inode");
		return -EINVAL;
	}
	return 0;
}

/* What a mount as ext2 or ext3 takes, as Linux has it. */
#define INCOMPAT_EXT2  (EXT4_INCOMPAT_FILETYPE | EXT4_INCOMPAT_META_BG)
#define INCOMPAT_EXT3  (INCOMPAT_EXT2 | EXT4_INCOMPAT_RECOVER)
#define RO_COMPAT_EXT2 (EXT4_RO_SPARSE_SUPER | EXT4_RO_LARGE_FILE | EXT4_RO_BTREE_DIR)

static int check_type(struct ext4 *fs, const struct ext4_disk_super *disk, bool read_only)
{
	enum ext4_type type = fs->type;
	u32 incompat = type == EXT4_AS_EXT2 ? INCOMPAT_EXT2 : INCOMPAT_EXT3;

	if (type == EXT4_AS_EXT4 ||
	    (!(disk->feature_incompat & ~incompat) &&
	     (read_only || !(disk->feature_ro_compat & ~(u32)RO_COMPAT_EXT2)) &&
	     (type == EXT4_AS_EXT2 || (disk->feature_compat & EXT4_COMPAT_HAS_JOURNAL))))
		return 0;
	ext4_bad(fs, "it cannot be mounted as ext%u, for its features", (unsigned)type);
	return -EINVAL;
}

static int check_checksum(struct ext4 *fs, const struct ext4_disk_super *disk)
{
	fs->checksums = disk->feature_ro_compat & EXT4_RO_METADATA_CSUM;
	fs->group_crc16 = !fs->checksums && (disk->feature_ro_compat & EXT4_RO_GDT_CSUM);
	if (!fs->checksums)
		return 0;
	if (disk->checksum_type != 1) {
		ext4_bad(fs, "checksum type %u is unknown", disk->checksum_type);
		return -EINVAL;
	}
	if (crc_32c(~0u, disk, offsetof(struct ext4_disk_super, checksum)) != disk->checksum) {
		ext4_bad(fs, "the super block's checksum is wrong");
		return -EUCLEAN;
	}
	fs->seed = disk->feature_incompat & EXT4_INCOMPAT_CSUM_SEED
			   ? disk->checksum_seed
			   : crc_32c(~0u, disk->uuid, sizeof(disk->uuid));
	return 0;
}

/* Sizes of things, each within its bounds. What is wrong, or NULL. */
static const char *check_sizes(struct ext4 *fs, const struct ext4_disk_super *disk)
{
	bool is_64bit = disk->feature_incompat & EXT4_INCOMPAT_64BIT;

	if (disk->log_block_size > 2)
		return "block size is larger than a page";
	fs->block_shift = 10 + disk->log_block_size;
	fs->block_size = 1u << fs->block_shift;
	if (fs->block_size < fs->dev->block_size)
		return "block size is smaller than the device's";
	fs->inode_size = disk->rev_level ? disk->inode_size : EXT4_INODE_SIZE_OLD;
	fs->first_ino = disk->rev_level ? disk->first_ino : EXT4_GOOD_OLD_FIRST;
	if (fs->inode_size < EXT4_INODE_SIZE_OLD || fs->inode_size > fs->block_size ||
	    !bits_is_power(fs->inode_size))
		return "inode size is impossible";
	if (fs->first_ino < EXT4_GOOD_OLD_FIRST)
		return "first inode number is impossible";
	fs->group_size = is_64bit ? disk->desc_size : EXT4_GROUP_SIZE_OLD;
	if (fs->group_size < (is_64bit ? sizeof(struct ext4_disk_group) : EXT4_GROUP_SIZE_OLD) ||
	    fs->group_size > 1024 || !bits_is_power(fs->group_size))
		return "descriptor size is impossible";
	fs->blocks_per_group = disk->blocks_per_group;
	fs->inodes_per_group = disk->inodes_per_group;
	if (!fs->blocks_per_group || fs->blocks_per_group > fs->block_size * 8 * 16 ||
	    fs->blocks_per_group % 8)
		return "number of blocks per group is impossible";
	if (!fs->inodes_per_group || fs->inodes_per_group > fs->block_size * 8 ||
	    fs->inodes_per_group % (fs->block_size / fs->inode_size))
		return "number of inodes per group is impossible";
	return NULL;
}

/* How much of everything there is. */
static const char *check_counts(struct ext4 *fs, const struct ext4_disk_super *disk)
{
	u64 groups;

	fs->blocks = disk->blocks_count_lo;
	if (disk->feature_incompat & EXT4_INCOMPAT_64BIT)
		fs->blocks |= (u64)disk->blocks_count_hi << 32;
	fs->first_data_block = disk->first_data_block;
	if (fs->first_data_block != (fs->block_size == 1024 ? 1u : 0u) &&
	    (fs->first_data_block || !(disk->feature_ro_compat & EXT4_RO_BIGALLOC)))
		return "first data block is impossible";
	if (fs->blocks <= fs->first_data_block || fs->blocks >> 48)
		return "block count is impossible";
	if (fs->blocks > fs->dev->sectors >> (fs->block_shift - BLK_SECTOR_SHIFT))
		return "it is larger than its device (a truncated image?)";
	groups = (fs->blocks - fs->first_data_block + fs->blocks_per_group - 1) /
		 fs->blocks_per_group;
	if (groups > UINT32_MAX / fs->inodes_per_group)
		return "group count is impossible";
	fs->groups = (u32)groups;
	fs->inodes = disk->inodes_count;
	if (fs->inodes != fs->groups * fs->inodes_per_group)
		return "inode count does not fit the groups";
	if (fs->inodes < fs->first_ino)
		return "it has no room for inodes";
	fs->first_meta_group = UINT32_MAX;
	if (disk->feature_incompat & EXT4_INCOMPAT_META_BG)
		fs->first_meta_group = disk->first_meta_bg;
	return NULL;
}

/* Where copies of the super block and the descriptors are. */
static void note_layout(struct ext4 *fs, const struct ext4_disk_super *disk)
{
	fs->sparse_super = disk->feature_ro_compat & EXT4_RO_SPARSE_SUPER;
	fs->sparse_super2 = disk->feature_compat & EXT4_COMPAT_SPARSE_SUPER2;
	memcpy(fs->backup_groups, disk->backup_bgs, sizeof(fs->backup_groups));
	fs->reserved_descriptors = disk->reserved_gdt_blocks;
	for (unsigned i = 0; i < EXT4_GROUP_LOCKS; i++)
		spin_init(&fs->group_lock[i], RANK_FS_PRIVATE);
}

int ext4_geometry(struct ext4 *fs, const struct ext4_disk_super *disk, bool read_only)
{
	const char *wrong;
	u32 high;
	int err;

	if (disk->magic != EXT4_MAGIC) {
		ext4_bad(fs, "there is no ext2, ext3 or ext4 file system");
		return -EINVAL;
	}
	err = check_checksum(fs, disk);
	if (!err)
		err = check_features(fs, disk);
	if (!err)
		err = check_type(fs, disk, read_only);
	if (err)
		return err;
	wrong = check_sizes(fs, disk);
	if (!wrong)
		wrong = check_counts(fs, disk);
	if (wrong) {
		ext4_bad(fs, "%s", wrong);
		return -EUCLEAN;
	}
	note_layout(fs, disk);
	fs->incompat = disk->feature_incompat;
	fs->filetype = disk->feature_incompat & EXT4_INCOMPAT_FILETYPE;
	fs->dir_index = disk->feature_compat & EXT4_COMPAT_DIR_INDEX;
	fs->huge_file = disk->feature_ro_compat & 0x8;
	memcpy(fs->uuid, disk->uuid, sizeof(fs->uuid));
	memcpy(fs->hash_seed, disk->hash_seed, sizeof(fs->hash_seed));
	fs->hash_version = disk->def_hash_version;
	fs->hash_unsigned = disk->flags & EXT4_FLAG_UNSIGNED_HASH;
	high = disk->feature_incompat & EXT4_INCOMPAT_64BIT ? ~0u : 0;
	fs->blocks_free = disk->free_blocks_count_lo |
			  (u64)(disk->free_blocks_count_hi & high) << 32;
	fs->blocks_reserved = disk->r_blocks_count_lo |
			      (u64)(disk->r_blocks_count_hi & high) << 32;
	fs->inodes_free = disk->free_inodes_count;
	if (disk->feature_compat & EXT4_COMPAT_ORPHAN_FILE)
		fs->orphan_ino = disk->orphan_file_inum;
	if (disk->feature_compat & EXT4_COMPAT_HAS_JOURNAL)
		fs->journal_ino = disk->journal_inum;
	return 0;
}
