/* fs/ext4/disk.h -- what lies on the disk: ext2, ext3 and ext4. Little-endian throughout, as
 * both machines are.
 *
 * Units  block numbers in file system blocks; times in seconds since 1970 with extra bits.
 */
#ifndef EXT4_DISK_H
#define EXT4_DISK_H

#include "hal/types.h"

#define EXT4_MAGIC	    0xef53
#define EXT4_SUPER_OFFSET   1024
#define EXT4_ROOT_INO	    2
#define EXT4_GOOD_OLD_FIRST 11
#define EXT4_NAME_MAX	    255
#define EXT4_LINK_MAX	    65000
#define EXT4_TIME_MAX	    0x37fffffffl	/* seconds, with two bits more than 32 */

struct ext4_disk_super {
	u32 inodes_count;
	u32 blocks_count_lo;
	u32 r_blocks_count_lo;
	u32 free_blocks_count_lo;
	u32 free_inodes_count;
	u32 first_data_block;
	u32 log_block_size;
	u32 log_cluster_size;
	u32 blocks_per_group;
	u32 clusters_per_group;
	u32 inodes_per_group;
	u32 mtime;
	u32 wtime;
	u16 mnt_count;
	u16 max_mnt_count;
	u16 magic;
	u16 state;
	u16 errors;
	u16 minor_rev_level;
	u32 lastcheck;
	u32 checkinterval;
	u32 creator_os;
	u32 rev_level;
	u16 def_resuid;
	u16 def_resgid;
	u32 first_ino;
	u16 inode_size;
	u16 block_group_nr;
	u32 feature_compat;
	u32 feature_incompat;
	u32 feature_ro_compat;
	u8 uuid[16];
	char volume_name[16];
	char last_mounted[64];
	u32 algorithm_usage_bitmap;
	u8 prealloc_blocks;
	u8 prealloc_dir_blocks;
	u16 reserved_gdt_blocks;
	u8 journal_uuid[16];
	u32 journal_inum;
	u32 journal_dev;
	u32 last_orphan;
	u32 hash_seed[4];
	u8 def_hash_version;
	u8 jnl_backup_type;
	u16 desc_size;
	u32 default_mount_opts;
	u32 first_meta_bg;
	u32 mkfs_time;
	u32 jnl_blocks[17];
	u32 blocks_count_hi;
	u32 r_blocks_count_hi;
	u32 free_blocks_count_hi;
	u16 min_extra_isize;
	u16 want_extra_isize;
	u32 flags;
	u16 raid_stride;
	u16 mmp_interval;
	u64 mmp_block;
	u32 raid_stripe_width;
	u8 log_groups_per_flex;
	u8 checksum_type;
	u16 reserved_pad;
	u64 kbytes_written;
	u32 snapshot_inum;
	u32 snapshot_id;
	u64 snapshot_r_blocks_count;
	u32 snapshot_list;
	u32 error_count;
	u32 first_error_time;
	u32 first_error_ino;
	u64 first_error_block;
	char first_error_func[32];
	u32 first_error_line;
	u32 last_error_time;
	u32 last_error_ino;
	u32 last_error_line;
	u64 last_error_block;
	char last_error_func[32];
	u8 mount_opts[64];
	u32 usr_quota_inum;
	u32 grp_quota_inum;
	u32 overhead_clusters;
	u32 backup_bgs[2];
	u8 encrypt_algos[4];
	u8 encrypt_pw_salt[16];
	u32 lpf_ino;
	u32 prj_quota_inum;
	u32 checksum_seed;
	u8 times_hi[8];
	u16 encoding;
	u16 encoding_flags;
	u32 orphan_file_inum;
	u32 reserved[94];
	u32 checksum;
};
static_assert(sizeof(struct ext4_disk_super) == 1024);
static_assert(offsetof(struct ext4_disk_super, hash_seed) == 0xec);
static_assert(offsetof(struct ext4_disk_super, blocks_count_hi) == 0x150);
static_assert(offsetof(struct ext4_disk_super, checksum_type) == 0x175);
static_assert(offsetof(struct ext4_disk_super, checksum_seed) == 0x270);

enum {	/* super.state */
	EXT4_STATE_CLEAN = 1,
	EXT4_STATE_ERRORS = 2,
};
enum {	/* super.flags: how hashes of directories were computed */
	EXT4_FLAG_SIGNED_HASH = 1,
	EXT4_FLAG_UNSIGNED_HASH = 2,
};

enum {
	EXT4_COMPAT_HAS_JOURNAL = 0x4,
	EXT4_COMPAT_DIR_INDEX = 0x20,
	EXT4_COMPAT_SPARSE_SUPER2 = 0x200,
	EXT4_COMPAT_FAST_COMMIT = 0x400,
	EXT4_COMPAT_ORPHAN_FILE = 0x1000,
};
enum {
	EXT4_INCOMPAT_COMPRESSION = 0x1,
	EXT4_INCOMPAT_FILETYPE = 0x2,
	EXT4_INCOMPAT_RECOVER = 0x4,
	EXT4_INCOMPAT_JOURNAL_DEV = 0x8,
	EXT4_INCOMPAT_META_BG = 0x10,
	EXT4_INCOMPAT_EXTENTS = 0x40,
	EXT4_INCOMPAT_64BIT = 0x80,
	EXT4_INCOMPAT_MMP = 0x100,
	EXT4_INCOMPAT_FLEX_BG = 0x200,
	EXT4_INCOMPAT_EA_INODE = 0x400,
	EXT4_INCOMPAT_DIRDATA = 0x1000,
	EXT4_INCOMPAT_CSUM_SEED = 0x2000,
	EXT4_INCOMPAT_LARGEDIR = 0x4000,
	EXT4_INCOMPAT_INLINE_DATA = 0x8000,
	EXT4_INCOMPAT_ENCRYPT = 0x10000,
	EXT4_INCOMPAT_CASEFOLD = 0x20000,
};
enum {
	EXT4_RO_SPARSE_SUPER = 0x1,
	EXT4_RO_LARGE_FILE = 0x2,
	EXT4_RO_BTREE_DIR = 0x4,
	EXT4_RO_HUGE_FILE = 0x8,
	EXT4_RO_GDT_CSUM = 0x10,
	EXT4_RO_DIR_NLINK = 0x20,
	EXT4_RO_EXTRA_ISIZE = 0x40,
	EXT4_RO_BIGALLOC = 0x200,
	EXT4_RO_METADATA_CSUM = 0x400,
	EXT4_RO_ORPHAN_PRESENT = 0x10000,
};

struct ext4_disk_group {
	u32 block_bitmap_lo;
	u32 inode_bitmap_lo;
	u32 inode_table_lo;
	u16 free_blocks_count_lo;
	u16 free_inodes_count_lo;
	u16 used_dirs_count_lo;
	u16 flags;
	u32 exclude_bitmap_lo;
	u16 block_bitmap_csum_lo;
	u16 inode_bitmap_csum_lo;
	u16 itable_unused_lo;
	u16 checksum;
	/* only with 64bit: */
	u32 block_bitmap_hi;
	u32 inode_bitmap_hi;
	u32 inode_table_hi;
	u16 free_blocks_count_hi;
	u16 free_inodes_count_hi;
	u16 used_dirs_count_hi;
	u16 itable_unused_hi;
	u32 exclude_bitmap_hi;
	u16 block_bitmap_csum_hi;
	u16 inode_bitmap_csum_hi;
	u32 reserved;
};
static_assert(sizeof(struct ext4_disk_group) == 64);
#define EXT4_GROUP_SIZE_OLD 32

enum {	/* group.flags; with checksums of descriptors only */
	EXT4_GROUP_INODE_UNINIT = 1,	/* the bitmap was never written: nothing is in use */
	EXT4_GROUP_BLOCK_UNINIT = 2,	/* the same: what the layout says */
	EXT4_GROUP_INODE_ZEROED = 4,	/* the table's unused part is zeros */
};

struct ext4_disk_inode {
	u16 mode;
	u16 uid;
	u32 size_lo;
	u32 atime;
	u32 ctime;
	u32 mtime;
	u32 dtime;
	u16 gid;
	u16 links_count;
	u32 blocks_lo;
	u32 flags;
	u32 version;
	u32 block[15];
	u32 generation;
	u32 file_acl_lo;
	u32 size_high;
	u32 obso_faddr;
	u16 blocks_high;
	u16 file_acl_high;
	u16 uid_high;
	u16 gid_high;
	u16 checksum_lo;
	u16 reserved;
	/* only in inodes of more than 128 bytes, as far as extra_isize reaches: */
	u16 extra_isize;
	u16 checksum_hi;
	u32 ctime_extra;
	u32 mtime_extra;
	u32 atime_extra;
	u32 crtime;
	u32 crtime_extra;
	u32 version_hi;
	u32 projid;
};
static_assert(sizeof(struct ext4_disk_inode) == 160);
#define EXT4_INODE_SIZE_OLD 128

enum {	/* inode.flags */
	EXT4_COMPRESSED_FL = 0x4,
	EXT4_ENCRYPT_FL = 0x800,
	EXT4_INDEX_FL = 0x1000,
	EXT4_HUGE_FILE_FL = 0x40000,
	EXT4_EXTENTS_FL = 0x80000,
	EXT4_VERITY_FL = 0x100000,
	EXT4_EA_INODE_FL = 0x200000,
	EXT4_INLINE_DATA_FL = 0x10000000,
	EXT4_CASEFOLD_FL = 0x40000000,
};

/* --- extents --- */

#define EXT4_EXTENT_MAGIC     0xf30a
#define EXT4_EXTENT_DEPTH_MAX 5
#define EXT4_EXTENT_INIT_MAX  32768u	/* longer: the extent is not initialised (zeros) */

struct ext4_extent_header {
	u16 magic;
	u16 entries;
	u16 max;
	u16 depth;
	u32 generation;
};
struct ext4_extent {
	u32 block;
	u16 len;
	u16 start_hi;
	u32 start_lo;
};
#define EXT4_EXTENT_UNWRITTEN_MAX 32767u
struct ext4_extent_index {
	u32 block;
	u32 leaf_lo;
	u16 leaf_hi;
	u16 unused;
};
static_assert(sizeof(struct ext4_extent) == 12 && sizeof(struct ext4_extent_index) == 12);

/* --- extended attributes --- */

#define EXT4_XATTR_MAGIC 0xea020000
#define EXT4_ACL_VERSION 1	/* of a list's value, which is not the one users see */

/* A block of them begins so; behind an inode there is only the magic number. */
struct ext4_xattr_head {
	u32 magic;
	u32 refcount;
	u32 blocks;	/* 1 */
	u32 hash;
	u32 checksum;
	u32 reserved[3];
};
static_assert(sizeof(struct ext4_xattr_head) == 32);

/* Then entries, each padded to 4 bytes, and four zeros; values lie at the end. */
struct ext4_xattr_entry {
	u8 name_len;
	u8 name_index;	/* EXT4_XATTR_*: the prefix */
	u16 value_offs;	/* in the block, or from the first entry behind an inode */
	u32 value_inum;	/* the value is this inode's contents; 0: it lies here */
	u32 value_size;
	u32 hash;
	char name[];
};
static_assert(sizeof(struct ext4_xattr_entry) == 16);

enum {
	EXT4_XATTR_USER = 1,
	EXT4_XATTR_ACL_ACCESS,
	EXT4_XATTR_ACL_DEFAULT,
	EXT4_XATTR_TRUSTED,
	EXT4_XATTR_SECURITY = 6,
	EXT4_XATTR_SYSTEM,
};

/* --- directories --- */

struct ext4_dirent {
	u32 inode;
	u16 rec_len;
	u8 name_len;
	u8 file_type;	/* means nothing without filetype */
	char name[];
};
#define EXT4_DIRENT_HEAD 8

/* The last entry of a directory block with metadata_csum. */
struct ext4_dirent_tail {
	u32 inode;	/* 0 */
	u16 rec_len;	/* 12 */
	u8 name_len;	/* 0 */
	u8 file_type;	/* 0xde */
	u32 checksum;
};
#define EXT4_DIRENT_TAIL_TYPE 0xde

/* The root of a hashed directory, after the entries of "." and "..". */
struct ext4_dx_root_info {
	u32 reserved;
	u8 hash_version;
	u8 info_length;	/* 8 */
	u8 indirect_levels;
	u8 unused_flags;
};
#define EXT4_DX_ROOT_INFO 0x18	/* its offset in block 0 */
#define EXT4_DX_NODE_HEAD 8	/* an empty entry before the others in inner nodes */

struct ext4_dx_entry {
	u32 hash;	/* of the first: limit and count instead */
	u32 block;
};
struct ext4_dx_countlimit {
	u16 limit;
	u16 count;
};
struct ext4_dx_tail {
	u32 reserved;
	u32 checksum;
};

enum { EXT4_HASH_LEGACY, EXT4_HASH_HALF_MD4, EXT4_HASH_TEA, EXT4_HASH_UNSIGNED };

#endif
