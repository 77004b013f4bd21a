/* fs/ext4/ext4.h -- ext2, ext3 and ext4: what the files of this folder share.
 *
 * Nothing that comes from the disk is trusted. Geometry is checked once at mount, a group's
 * descriptor and an inode when they are read, a directory's block when its page is filled,
 * a node of an extent tree each time it is walked. What is found wrong is logged by name and
 * gives -EUCLEAN (which reading a page turns into -EIO).
 *
 * Where things are cached: file data and directories in their inode's own mapping; everything
 * else in the device's page cache, which ext4_block_get reads through.
 *
 * Ownership  a struct ext4 belongs to its super; inodes as vfs/inode.h says.
 * Units      block numbers are file system blocks, `len` of a run too.
 * Locking    constant after mount, unless marked.
 */
#ifndef EXT4_EXT4_H
#define EXT4_EXT4_H

#include "core/base/bits.h"
#include "core/base/log.h"
#include "core/dev/blk.h"
#include "fs/ext4/disk.h"
#include "fs/journal/journal.h"
#include "vfs/super.h"

/* What it is mounted as. */
enum ext4_type { EXT4_AS_EXT2 = 2, EXT4_AS_EXT3, EXT4_AS_EXT4 };

enum ext4_on_error {
	EXT4_ERRORS_CONTINUE = 1,
	EXT4_ERRORS_READ_ONLY,
	EXT4_ERRORS_PANIC,
};

struct ext4_options {
	bool no_load;			/* mount without replaying the log */
	bool discard;			/* the device hears of what is freed */
	enum ext4_on_error errors;	/* 0: what the super block says */
	u32 commit_seconds;		/* 0: the default */
};

/* Damage that was found. */
struct ext4_error {
	u64 time;		/* seconds */
	u64 block;
	u32 ino, line;
	const char *function;
};

/* Where the journal's log lies. */
struct ext4_log {
	struct journal_run *runs;
	unsigned count, room;
};

struct ext4 {
	struct blk_device *dev;
	struct super *super;
	enum ext4_type type;
	u64 blocks;			/* 1 .. 2^48 */
	u32 first_data_block;
	u32 block_size, block_shift;	/* 1024 .. PAGE_SIZE */
	u32 blocks_per_group, inodes_per_group, inodes, groups;
	u32 first_ino;
	u32 inode_size, group_size;	/* bytes on disk */
	u32 first_meta_group;		/* groups per block of descriptors; UINT32_MAX: none */
	u32 incompat;
	bool checksums;			/* metadata_csum */
	bool group_crc16;		/* uninit_bg without it */
	bool dir_index, filetype, huge_file;
	u32 seed;			/* of all metadata checksums */
	u8 uuid[16];
	u32 hash_seed[4];
	u8 hash_version;		/* of directories without an index */
	bool hash_unsigned;
	bool sparse_super, sparse_super2;
	u32 backup_groups[2];		/* with sparse_super2 */
	u32 reserved_descriptors;	/* blocks, after each copy of the descriptors */
	/* For statfs. */
	u64 blocks_reserved, overhead;
	u64 blocks_free;		/* [a] changed under room_lock */
	u32 inodes_free;
	u32 journal_ino;
	struct ext4_log log;		/* once it was looked for */
	u32 orphan_ino;			/* of the file of orphans; 0: none */
	struct co_mutex inode_lock;	/* CO_RANK_FS: numbers of inodes are had or given back */
	struct ext4_inode_group *inode_groups;	/* under it; NULL: not counted yet */
	struct co_mutex orphan_lock;	/* CO_RANK_FS */
	struct list orphans;		/* under it: ext4_inode.orphans, as the list goes */
	struct ext4_orphan_file *orphan_file;	/* the same; NULL: none, or not needed yet */
	/* Since it was first mounted for writing. */
	struct journal *journal;	/* NULL: it never was */
	struct buffer *super_buffer;	/* the block that the super block lies in */
	struct ext4_disk_super *super_disk;	/* in it; changed under super_lock and a handle */
	spinlock super_lock;		/* RANK_FS_PRIVATE */
	struct ext4_options options;
	bool writable;			/* under super.change_mutex: marked so on the disk */
	u16 state;			/* EXT4_STATE_*: what it will be when it is unmounted */
	u32 errors;			/* [a] found since it was mounted */
	spinlock error_lock;		/* RANK_FS_ROOM */
	u32 errors_unsaved;		/* under it: the super block does not say them yet */
	struct ext4_error error_first, error_last;	/* the same: of those */
	u16 errors_usual;		/* what the super block says is to be done with them */
	/* A descriptor and its group's bitmaps are read to be checked, changed and sealed under the
	 * group's lock (ext4_group_lock). */
#define EXT4_GROUP_LOCKS 16
	spinlock group_lock[EXT4_GROUP_LOCKS]; /* RANK_FS_PRIVATE */
	/* Writing; alloc.c. NULL and 0 where that is not possible. */
	struct ext4_group *group;	/* each under its group's lock */
	spinlock room_lock;		/* RANK_FS_ROOM */
	u64 blocks_promised;		/* under room_lock: to dirty pages that have none yet */
	u64 blocks_held;		/* under room_lock: reserved, not yet used */
	u64 blocks_pending;		/* [a] freed by what has not committed, so not to be had */
	struct list freed;		/* under room_lock: committed, but the device is to hear */
	bool trimming;			/* the same: freed.c's worker is there */
	struct waitq trimmed;		/* its end */
	struct ext4_write_round *spare;	/* [a] for when memory is short; NULL: in use */
	struct waitq spare_free;
};

/* A piece of a file: blocks [block, block + len) lie at start, or nowhere (start 0: zeros), or
 * have room at `unwritten` but are zeros too (start 0). */
struct ext4_run {
	u64 block, start, len;
	u64 unwritten;
};

struct ext4_inode {
	struct inode inode;
	u32 flags;			/* EXT4_*_FL */
	u32 generation;			/* [I] */
	u32 seed;			/* of the checksums of what belongs to it */
	struct co_rwlock map_lock;	/* CO_RANK_FS: where its blocks are; for reading also while
					 * they are read or written over */
	u32 disk_block[15];		/* map, extent root or short link; under map_lock, changed
					 * with inode.attr_lock */
	u64 disk_size;			/* [a] of a regular file, as the disk has it: of what was
					 * written; never more than inode.size but while that
					 * shrinks */
	u32 tid;			/* [a] the transaction that changed it last */
	u64 xattr_block;		/* under inode.lock; 0: none */
	bool xattr_inside;		/* the same: some lie behind the inode */
	u32 caps_dropped;		/* [a] "security.capability" is gone, but not on the disk */
	u32 orphan;			/* orphan.c's, under orphan_lock: where it stands */
	u32 orphan_next;		/* the same: the number of the list's next */
	struct list orphans;		/* the same: in fs->orphans */
	u32 no_index;			/* [a] a directory whose index is broken */
	spinlock run_lock;		/* RANK_FS_PRIVATE */
	struct ext4_run run;		/* the one found last; under run_lock; len 0: none */
};

static inline struct ext4 *ext4_of(const struct inode *inode)
{
	return inode->super->private;
}

static inline struct ext4_inode *ext4_inode(struct inode *inode)
{
	return container_of(inode, struct ext4_inode, inode);
}

/* Report damage: "ext4 vda: ..." */
#define ext4_bad(fs, fmt, ...) \
	log_err("ext4 %s: " fmt, (fs)->dev->name __VA_OPT__(, ) __VA_ARGS__)

/* Do n blocks from `start` lie inside the file system, past the boot block? */
static inline bool ext4_blocks_valid(const struct ext4 *fs, u64 start, u64 n)
{
	return start > fs->first_data_block && start < fs->blocks && n <= fs->blocks - start;
}

/* --- super.c --- */

/* Enter "ext2", "ext3" and "ext4" into the list of file systems; at boot. */
void ext4_register(void);

/* The page that holds `block`, with a reference; *data is the block's first byte. */
struct ext4_block_get {
	struct co_frame co;
	struct ext4 *fs;
	u64 block;
	unsigned ahead;		/* pages worth reading with it; 0: none */
	struct page **page;
	u8 **data;
	long err;
};
co_t ext4_block_get(struct co *co, struct ext4_block_get *f);

/* --- error.c --- */

/* Something on the disk cannot be true. It is said, and counted; as the option errors= says,
 * nothing is written any more, or nothing goes on. The super block will tell of it. Never waits.
 * ino, block: what it is about, or 0. */
#define ext4_damaged(fs, ino, block, ...)                                      \
	do {                                                                   \
		ext4_bad((fs), __VA_ARGS__);                                   \
		ext4_error_note((fs), (u32)(ino), (block), __func__, __LINE__); \
	} while (0)
/* The same of an inode. */
#define ext4_damaged_inode(inode, ...) \
	ext4_damaged(ext4_of(inode), (inode)->ino, 0ul, __VA_ARGS__)
void ext4_error_note(struct ext4 *fs, u32 ino, u64 block, const char *function, u32 line);
/* What is not saved yet goes into s. */
void ext4_error_save(struct ext4 *fs, struct ext4_disk_super *s) REQUIRES(fs->super_lock);
/* The journal has failed: what the disk's super block says, and that there are errors. */
struct ext4_error_write {
	struct co_frame co;
	struct ext4 *fs;
	struct page *page;
	struct blk_segment segment;
	long err;
};
co_t ext4_error_write(struct co *co, struct ext4_error_write *f);

/* --- options.c --- */

int ext4_options_parse(struct ext4 *fs, const char *text, struct ext4_options *to);
void ext4_options_show(struct super *s, char *to, size_t size);

/* --- geometry.c: the super block made sense of; nothing here waits --- */

/* 0, -EINVAL (not ours, or with a feature that we lack, or fs->type), -EUCLEAN. */
int ext4_geometry(struct ext4 *fs, const struct ext4_disk_super *disk, bool read_only);
/* May it be written to? 0 or -EINVAL: it has a feature with which we cannot. */
int ext4_geometry_writable(const struct ext4 *fs, const struct ext4_disk_super *disk);

/* --- group.c --- */

static inline void ext4_group_lock(struct ext4 *fs, u32 group)
	ACQUIRES(fs->group_lock[0]) NO_LOCK_ANALYSIS
{
	spin_lock(&fs->group_lock[group % EXT4_GROUP_LOCKS]);
}
static inline void ext4_group_unlock(struct ext4 *fs, u32 group)
	RELEASES(fs->group_lock[0]) NO_LOCK_ANALYSIS
{
	spin_unlock(&fs->group_lock[group % EXT4_GROUP_LOCKS]);
}

/* What is free in a group, or in several. */
struct ext4_free {
	u64 blocks, inodes;
};

/* Check group n's descriptor; *inode_table gets its first block, *copy all of it; what is free
 * there is added to *free. Each may be NULL. */
struct ext4_group_get {
	struct co_frame co;
	struct ext4 *fs;
	u32 group;
	u64 *inode_table;
	struct ext4_free *free;
	struct ext4_disk_group *copy;
	struct page *page;
	u8 *data;
	u64 block;
	u32 offset;
	long err;
};
co_t ext4_group_get(struct co *co, struct ext4_group_get *f);
/* The block that it lies in, and where. */
struct ext4_group_locate {
	struct co_frame co;
	struct ext4 *fs;
	u32 group;
	u64 *block;
	u32 *offset;
	struct page *page;
	u8 *data;
	long err;
};
co_t ext4_group_locate(struct co *co, struct ext4_group_locate *f);

/* Does the group begin with a copy of the super block? */
bool ext4_group_has_super(const struct ext4 *fs, u32 group);
u16 ext4_group_checksum(const struct ext4 *fs, u32 group, const u8 *data);

/* Blocks that descriptors and the copies of the super block take, for statfs. */
u64 ext4_group_overhead(const struct ext4 *fs);

/* --- inode.c --- */

/* Does the inode on the disk reach to the end of this field? */
#define ext4_has_field(fs, disk, field)                                        \
	((fs)->inode_size > EXT4_INODE_SIZE_OLD &&                             \
	 offsetof(struct ext4_disk_inode, field) + sizeof((disk)->field) <=    \
		 EXT4_INODE_SIZE_OLD + (disk)->extra_isize)

u32 ext4_inode_seed(const struct ext4 *fs, u32 ino, u32 generation);
/* Of the inode at `data`; *wide: it has room for all 32 bits of it. */
u32 ext4_inode_checksum(const struct ext4 *fs, u32 ino, const u8 *data, bool *wide);

/* A fresh one's generic part, and its operations by its type. */
void ext4_inode_init(struct ext4_inode *e, struct ext4 *fs, u32 ino, u32 mode, u32 generation);
void ext4_inode_ops_set(struct ext4_inode *e, bool fast_link);

/* Find or read inode number ino: *inode with a reference. */
struct ext4_inode_get {
	struct co_frame co;
	struct ext4 *fs;
	u32 ino;
	struct inode **inode;
	bool is_value;		/* only one that holds an attribute's value will do */
	bool orphan;		/* one without links will do */
	struct page *page;
	u8 *data;
	struct ext4_inode *made;
	long err;
};
co_t ext4_inode_get(struct co *co, struct ext4_inode_get *f);
/* vfs/super.h. */
u32 ext4_generation(struct inode *inode);
struct ext4_by_number {
	struct super_by_number;
	struct page *page;
	u8 *data;
	long err;
};
co_t ext4_by_number(struct co *co, struct ext4_by_number *f);

/* Where it lies on the disk: a page with a reference. -EUCLEAN for an impossible number. */
struct ext4_inode_locate {
	struct co_frame co;
	struct ext4 *fs;
	u32 ino;
	struct page **page;
	u8 **data;
	u64 block;
	long err;
};
co_t ext4_inode_locate(struct co *co, struct ext4_inode_locate *f);

/* --- map.c --- */

/* Where logical block `block` lies: *run contains it. */
struct ext4_map {
	struct co_frame co;
	struct ext4_inode *inode;
	u64 block;
	struct ext4_run *run;
	long err;
};
co_t ext4_map(struct co *co, struct ext4_map *f);
/* The same with map_lock held. */
struct ext4_map_locked {
	struct co_frame co;
	struct ext4_inode *inode;
	u64 block;
	struct ext4_run *run;
	long err;
};
co_t ext4_map_locked(struct co *co, struct ext4_map_locked *f);
/* The map is about to change, or did: map_lock is held for writing. */
void ext4_map_changed(struct ext4_inode *e);

/* --- extent.c, indirect.c: the two ways to map; as ext4_map --- */

struct ext4_extent_map {
	struct co_frame co;
	struct ext4_inode *inode;
	u64 block;
	struct ext4_run *run;
	struct page *page;
	u8 *data;
	u64 next, limit;	/* node to look at; first logical block past its range */
	u16 depth;
	long err;
};
co_t ext4_extent_map(struct co *co, struct ext4_extent_map *f);

struct ext4_indirect_map {
	struct co_frame co;
	struct ext4_inode *inode;
	u64 block;
	struct ext4_run *run;
	struct page *page;
	u8 *data;
	u64 left;		/* block number within what the node maps */
	u32 node;
	unsigned levels;	/* of pointers below `node` */
	long err;
};
co_t ext4_indirect_map(struct co *co, struct ext4_indirect_map *f);

/* What is wrong with a node of `size` bytes, before its entries are looked at; NULL: nothing. */
const char *ext4_extent_wrong(const struct ext4_inode *e, const struct ext4_extent_header *h,
			      u16 depth, u32 size, bool root);
/* The last of its entries that begins at or before `block`; -1 if all begin later. */
int ext4_extent_search(const struct ext4_extent_header *h, u64 block);
int ext4_extent_bad(struct ext4_inode *e, const char *what);	/* says so; -EUCLEAN */

/* The first block past what either can map. */
u64 ext4_indirect_limit(const struct ext4 *fs);

/* --- data.c: pages --- */

extern const struct mapping_ops ext4_file_mapping;

/* Read the bytes of adjacent pages, all claimed; does not call page_filled. */
struct ext4_read_pages {
	struct co_frame co;
	struct mapping *mapping;
	struct page **pages;
	unsigned count;
	struct blk_batch *batch;
	struct ext4_run run;
	u64 block, end;
	long err, io_err;
};
co_t ext4_read_pages(struct co *co, struct ext4_read_pages *f);

/* --- dir.c --- */

extern const struct inode_ops ext4_dir_ops;
extern const struct mapping_ops ext4_dir_mapping;
extern const struct file_ops ext4_dir_file_ops;

/* A directory's block in its page: block `block` of dir, checked when it was filled. */
struct ext4_dir_block {
	struct co_frame co;
	struct inode *dir;
	u64 block;
	struct page **page;	/* gets a reference */
	u8 **data;
	long err;
};
co_t ext4_dir_block(struct co *co, struct ext4_dir_block *f);

static inline u32 ext4_dir_blocks(const struct inode *dir)
{
	return (u32)(inode_size(dir) >> ext4_of(dir)->block_shift);
}

/* The entry `name` in a block, or NULL. */
const struct ext4_dirent *ext4_dirent_find(const struct ext4 *fs, const u8 *block,
					   const char *name, size_t len);
u8 ext4_dirent_type(const struct ext4 *fs, const struct ext4_dirent *e); /* DT_* */

/* --- htree.c: hashed directories --- */

#define EXT4_INDEX_LEVELS 4
struct ext4_index {
	u8 hash_version;
	u8 levels;		/* of index nodes, 1 .. EXT4_INDEX_LEVELS */
	u32 leaf;		/* block where the path ends */
	u32 next_hash;		/* of what follows the leaf; odd: its hash goes on there */
	bool last;		/* nothing follows */
	struct {
		u32 block;
		u32 next_hash;	/* of the entry after `at` */
		u16 at, count;
	} level[EXT4_INDEX_LEVELS];
};

/* Descend to the leaf for `hash`, or, with `next`, to the leaf after the one the path leads to
 * (!last). -EUCLEAN if the index is broken: use the directory without it. */
struct ext4_index_walk {
	struct co_frame co;
	struct inode *dir;
	struct ext4_index *path;
	u32 hash;
	bool next;
	unsigned at;
	u32 block;
	struct page *page;
	u8 *data;
	long err;
};
co_t ext4_index_walk(struct co *co, struct ext4_index_walk *f);

/* The hash of a name by the version that the root names. */
struct ext4_index_hash {
	struct co_frame co;
	struct inode *dir;
	const char *name;
	size_t len;
	u32 *hash;
	struct page *page;
	u8 *data;
	long err;
};
co_t ext4_index_hash(struct co *co, struct ext4_index_hash *f);

/* Say so once and do without it from now on. */
void ext4_index_broken(struct inode *dir);
/* Is it read in the order of hashes, as Linux does? */
bool ext4_is_indexed(struct inode *dir);
/* Is this block of an indexed directory a node of the index? The count's offset, or 0. */
unsigned ext4_index_offset(const struct ext4 *fs, const u8 *block);
/* The hash version for names of this directory given what its root says. */
unsigned ext4_hash_version(const struct ext4 *fs, unsigned root_says);

/* readdir of such a directory; positions are hashes. */
struct ext4_readdir_hashed {
	struct co_frame co;
	struct inode *dir;
	u64 *pos;
	struct dir_emit *to;
	struct ext4_sorted *sorted;
	long err;
};
co_t ext4_readdir_hashed(struct co *co, struct ext4_readdir_hashed *f);

#endif
