/* fs/fat/fat.h -- the FAT file systems; for fs/fat only (fs/fat/register.h is for others).
 *
 * Where things lie in memory: the file allocation table has a mapping of its own, whose pages go
 * to all copies of it; a directory's entries lie in its inode's pages, as a file's bytes do. So no
 * page ever holds two of them, whatever the clusters' size and place.
 *
 * A file's size runs ahead of the disk. `valid` is how far the disk has its bytes; what lies
 * between that and the size is zeros to who reads, and becomes so on the disk before anything
 * behind it is written. Clusters are promised when a page becomes dirty and had when it is written.
 *
 * Ownership  struct fat belongs to its super. An inode holds its directory's.
 * Units      clusters as the table numbers them, from FAT_FIRST; device sectors of 512 bytes.
 * Locking    an inode's lock, its map_lock, fs->lock; under them a table's page, claimed, and
 *            spinlocks: room_lock (how much is free), slot_lock (entries' bytes, and which entry
 *            is an inode's), an inode's run_lock. Constant after mount, unless marked.
 */
#ifndef FAT_FAT_H
#define FAT_FAT_H

#include "core/base/bits.h"
#include "core/base/log.h"
#include "core/dev/blk.h"
#include "fs/fat/disk.h"
#include "vfs/file.h"
#include "vfs/super.h"

#define FAT_FIRST    2u		/* the first cluster's number */
#define FAT_FREE     0u
#define FAT_BAD	     0x0ffffff7u /* what it says of any width */
#define FAT_END	     0x0fffffffu
#define FAT_ROOT_INO 1u
#define FAT_DIR_MAX  (65536u * FAT_SLOT)
#define FAT_MAGIC    0x4d44u

enum fat_errors { FAT_ERRORS_CONTINUE, FAT_ERRORS_PANIC, FAT_ERRORS_READ_ONLY };
enum fat_charset { FAT_ASCII, FAT_LATIN1, FAT_UTF8 };
enum fat_shortname { FAT_SHORT_LOWER, FAT_SHORT_WIN95, FAT_SHORT_WINNT, FAT_SHORT_MIXED };
enum fat_tz { FAT_TZ_SYSTEM, FAT_TZ_UTC, FAT_TZ_OFFSET };

struct fat_options {
	u32 uid, gid;
	u16 fmask, dmask;
	i32 allow_utime;		/* -1: by dmask */
	u8 errors, charset, shortname, tz;
	char check;			/* 'n', 'r' or 's' */
	i16 time_offset;		/* minutes */
	bool utf8, escape;		/* escape: uni_xlate */
	bool quiet, showexec, sys_immutable, flush, usefree, rodir, dots, no_tail;
};

struct fat_table {
	struct mapping mapping;
	struct fat *fs;
	struct fat_table *next;		/* of those that are free */
};

#define FAT_BUCKETS 256u

struct fat {
	struct blk_device *dev;
	struct super *super;
	bool long_names;		/* vfat */
	unsigned bits;			/* of an entry of the table */
	u32 sector_size;		/* 512 .. 4096 */
	unsigned cluster_shift;		/* bytes */
	u32 clusters;			/* valid numbers: FAT_FIRST .. clusters + 1 */
	u64 table_start, table_bytes;	/* of the first copy; bytes */
	u32 tables;
	u32 table_only;			/* UINT32_MAX: all copies are written, or just this one */
	u64 root_start;			/* bytes; of a root without clusters */
	u32 root_bytes, root_first;
	u64 data_start;			/* bytes */
	u32 info_sector;		/* of the file system; 0: none */
	u32 volume_id;
	u32 info_free, info_next;	/* as it says; UINT32_MAX: it does not */
	struct fat_options options;
	struct fat_table *table;
	bool was_dirty;			/* it was not unmounted: it stays marked so */
	bool marked;			/* [a] it is mounted for writing, and says so */
	bool stopped;			/* [a] it is damaged: no more is written */
	u8 *sector;			/* a page, for the boot and FSInfo sectors; under lock */

	struct co_mutex lock;		/* CO_RANK_FS: the table changes */
	u32 next;			/* under it: where to look for a free cluster */
	bool info_dirty;		/* [a] */
	spinlock room_lock;		/* RANK_FS_ROOM */
	u32 free, promised;		/* under it: clusters */
	spinlock slot_lock;		/* RANK_FS_PRIVATE; see above, and the next */
	struct inode *root;		/* who is dirty when the table is; NULL: nobody any more */
	u32 generation;			/* of inodes; under slot_lock */
	struct list bucket[FAT_BUCKETS]; /* under it: inodes by their entry's place */
	struct list parents;		/* under it: directories to be let go of */
	bool letting_go;		/* under it */
	struct blk_batch *spare;	/* [a] for writing when memory is short; NULL: in use */
	struct waitq spare_free;
};

/* Clusters [index, index + len) of a file lie at `cluster` on. */
struct fat_run {
	u32 index, cluster, len;
};
#define FAT_RUNS_FIRST 8u
#define FAT_RUNS_MAX   512u

struct fat_inode {
	struct inode inode;
	struct inode *parent;		/* under slot_lock; a reference; NULL: it has no entry */
	u32 offset;			/* the same: of the short entry in it */
	u8 slots;			/* the same: of all of it */
	struct list by_place;		/* the same */
	struct list let_go;		/* the same: in fs->parents */
	u32 let_go_count;
	u8 attr;			/* under attr_lock; but READ_ONLY, which the mode says */
	struct co_rwlock map_lock;	/* CO_RANK_HANDLE: which clusters it has; for reading also
					 * while they are read or written */
	u32 first;			/* under map_lock; 0: none */
	u32 allocated;			/* [a] under map_lock: clusters that it has */
	u32 promised;			/* [a] under fs->room_lock: that it has or will */
	u64 valid;			/* [a] bytes that the disk has; changed under map_lock */
	spinlock run_lock;		/* RANK_FS_PRIVATE */
	struct fat_run *run;		/* under it: some of its runs, in order, owned */
	unsigned runs, room;
};

static inline struct fat *fat_of(const struct inode *inode)
{
	return inode->super->private;
}
static inline struct fat_inode *fat_inode(struct inode *inode)
{
	return container_of(inode, struct fat_inode, inode);
}
static inline u32 fat_cluster_size(const struct fat *fs)
{
	return 1u << fs->cluster_shift;
}
static inline bool fat_is_writable(const struct fat *fs)
{
	return atomic_load(&fs->marked) && !atomic_load(&fs->stopped);
}
/* Clusters that so many bytes take. */
static inline u32 fat_clusters_of(const struct fat *fs, u64 bytes)
{
	return (u32)((bytes + fat_cluster_size(fs) - 1) >> fs->cluster_shift);
}
static inline bool fat_is_cluster(const struct fat *fs, u32 n)
{
	return n >= FAT_FIRST && n - FAT_FIRST < fs->clusters;
}
static inline u64 fat_cluster_at(const struct fat *fs, u32 n)
{
	return fs->data_start + ((u64)(n - FAT_FIRST) << fs->cluster_shift);
}
/* A root that has no clusters, but a place of its own. */
static inline bool fat_is_fixed(const struct inode *inode)
{
	return inode->ino == FAT_ROOT_INO && fat_of(inode)->bits != 32;
}

/* --- mount.c --- */

#define fat_bad(fs, fmt, ...) log_err("fat %s: " fmt, (fs)->dev->name __VA_OPT__(, ) __VA_ARGS__)
/* What is on the disk cannot be true: as errors= says. */
void fat_damaged(struct fat *fs);
/* The table was changed: it will be written. */
void fat_note_table(struct fat *fs);

/* --- boot.c --- */

/* Where a piece of kernel memory lies, for a request. */
static inline paddr fat_addr(const void *data)
{
	return paddr_of(phys_page_addr(phys_page_of(data)).raw + ((uintptr_t)data & ~PAGE_MASK));
}

/* Make sense of the boot sector: 0 or -EINVAL (said in the log). */
int fat_boot_parse(struct fat *fs, const struct fat_disk_boot *b);

/* Read or write one sector of the file system, through fs->sector; lock is held. */
struct fat_sector {
	struct co_frame co;
	struct fat *fs;
	u32 sector;
	enum blk_kind kind;
	struct blk_segment segment;
	long err;
};
co_t fat_sector(struct co *co, struct fat_sector *f);
/* What FSInfo says, if there is one. */
struct fat_info_read {
	struct co_frame co;
	struct fat *fs;
	long err;
};
co_t fat_info_read(struct co *co, struct fat_info_read *f);
struct fat_info_write {
	struct co_frame co;
	struct fat *fs;
	long err;
};
co_t fat_info_write(struct co *co, struct fat_info_write *f);
/* Mark it as being in use, or not. */
struct fat_mark {
	struct co_frame co;
	struct fat *fs;
	bool used;
	long err;
};
co_t fat_mark(struct co *co, struct fat_mark *f);

/* --- options.c --- */

void fat_options_init(struct fat_options *o);
/* 0, -EINVAL (said in the log). */
int fat_options_parse(struct fat_options *o, const char *text, bool long_names);
int fat_options_understands(const char *option, bool long_names);
void fat_options_show(struct super *s, char *to, size_t size);

/* --- table.c --- */

void fat_table_setup(void);		/* at boot */
int fat_table_open(struct fat *fs);	/* -ENOMEM */
void fat_table_close(struct fat *fs);	/* its pages are gone; fs->table may be NULL */

enum fat_try { FAT_DONE, FAT_MISSING, FAT_BUSY };
/* Without waiting: the entry of a valid cluster. FAT_MISSING: await fat_load. Any width is seen
 * as FAT_FREE, FAT_BAD, FAT_END, a number (which may be out of range). */
enum fat_try fat_try_get(struct fat *fs, u32 cluster, u32 *value);
struct fat_load {
	struct co_frame co;
	struct fat *fs;
	u32 cluster;
	struct page *page;
	u64 at;
	long err;
};
co_t fat_load(struct co *co, struct fat_load *f);
struct fat_get {
	struct co_frame co;
	struct fat *fs;
	u32 cluster, *value;
	long err;
};
co_t fat_get(struct co *co, struct fat_get *f);
/* fs->lock is held. */
struct fat_set {
	struct co_frame co;
	struct fat *fs;
	u32 cluster, value;
	enum fat_try tried;
	long err;
};
co_t fat_set(struct co *co, struct fat_set *f);

/* --- alloc.c --- */

/* At mount: how many are free. */
struct fat_count {
	struct co_frame co;
	struct fat *fs;
	u32 cluster, free;
	long err;
};
co_t fat_count(struct co *co, struct fat_count *f);
/* The inode will have so many clusters: 0 or -ENOSPC. Without waiting. */
int fat_promise(struct fat_inode *fi, u32 clusters);
/* It will not have more than that, or than it has. Its lock is held, or nobody knows it. */
void fat_settle(struct fat_inode *fi, u32 clusters);
/* Give it so many, with map_lock held for writing. What was had before an error stays. */
struct fat_extend {
	struct co_frame co;
	struct fat_inode *fi;
	u32 clusters;
	u32 last, found;
	struct fat_run run;
	long err, ignored;
};
co_t fat_extend(struct co *co, struct fat_extend *f);
/* Keep so many, with map_lock held for writing. Waits for memory, without fs->lock. */
struct fat_cut {
	struct co_frame co;
	struct fat_inode *fi;
	u32 keep;
	u32 cluster, next;
	unsigned tries;
	long err, ignored;
};
co_t fat_cut(struct co *co, struct fat_cut *f);

/* --- chain.c --- */

/* Where cluster `index` of it lies: *run contains it, and what is seen on the way to `end`. With
 * map_lock held. -EIO: the chain is broken. */
struct fat_map {
	struct co_frame co;
	struct fat_inode *fi;
	u32 index, end;
	struct fat_run *run;
	struct fat_run at;
	long err;
};
co_t fat_map(struct co *co, struct fat_map *f);
/* Where byte `at` of it lies, and how many follow there. With map_lock held. */
struct fat_place {
	struct co_frame co;
	struct inode *inode;
	u64 at, end, *disk, *len;
	struct fat_run run;
	long err;
};
co_t fat_place(struct co *co, struct fat_place *f);
/* Count a chain to its end: into `allocated`. Nobody knows the inode yet. */
struct fat_measure {
	struct co_frame co;
	struct fat_inode *fi;
	struct fat_run run;
	long err;
};
co_t fat_measure(struct co *co, struct fat_measure *f);
/* Its runs from cluster `keep` on are not true any more. */
void fat_runs_cut(struct fat_inode *fi, u32 keep);
void fat_runs_free(struct fat_inode *fi);

/* --- data.c --- */

extern const struct mapping_ops fat_file_mapping, fat_dir_mapping, fat_table_mapping;
int fat_data_open(struct fat *fs);	/* -ENOMEM */
void fat_data_close(struct fat *fs);
/* The disk has all bytes of the file up to `end`, zeros where none were written. map_lock is held
 * for writing. */
struct fat_fill {
	struct co_frame co;
	struct fat_inode *fi;
	u64 end;
	u8 *zeros;
	u64 disk, len;
	struct blk_segment segment;
	long err;
};
co_t fat_fill(struct co *co, struct fat_fill *f);

/* --- file.c --- */

extern const struct inode_ops fat_file_inode_ops;
extern const struct file_ops fat_file_ops, fat_dir_file_ops;
struct fat_setattr {
	struct inode_setattr;
	struct inode_attr what;
	long err;
};
co_t fat_setattr(struct co *co, struct fat_setattr *f);
/* What the table and FSInfo keep back, and the device. */
struct fat_sync_table {
	struct co_frame co;
	struct fat *fs;
	bool flush;
	long err, failed;
};
co_t fat_sync_table(struct co *co, struct fat_sync_table *f);

/* --- ioctl.c --- */

struct fat_ioctl {
	struct file_ioctl;
	struct fat_both *both;
	u32 value;
	u64 pos;
	long err;
};
co_t fat_ioctl(struct co *co, struct fat_ioctl *f);

/* --- inode.c --- */

void fat_inode_setup(struct fat *fs);
struct fat_inode *fat_inode_new(struct fat *fs, u64 ino, u32 mode); /* NULL without memory */
void fat_inode_free(struct inode *inode);
/* The inode of the entry at `offset` of dir, with a reference; NULL: it is not in memory. */
struct inode *fat_inode_at(struct inode *dir, u32 offset);
/* From its entry, which lies at byte `disk`. */
struct fat_inode_get {
	struct co_frame co;
	struct inode *dir;
	u32 offset;
	u8 slots;
	u64 disk;
	const struct fat_disk_entry *entry;
	struct inode **inode;
	struct fat_inode *made;
	long err;
};
co_t fat_inode_get(struct co *co, struct fat_inode_get *f);
/* The root. */
struct fat_root_get {
	struct co_frame co;
	struct fat *fs;
	struct inode **inode;
	struct fat_inode *made;
	long err;
};
co_t fat_root_get(struct co *co, struct fat_root_get *f);
/* It is found by this entry from now on; NULL: by none. */
void fat_inode_place(struct fat_inode *fi, struct inode *dir, u32 offset, u8 slots);
void fat_inode_exchange(struct fat_inode *a, struct fat_inode *b);
/* With a reference; NULL: the root, or it has no name. */
struct inode *fat_inode_parent(struct inode *inode);
/* Number and place: it may be found. */
void fat_inode_publish(struct fat_inode *fi, struct inode *dir, u32 offset, u8 slots, u64 disk);
/* What an entry says of it (not the name). */
void fat_inode_encode(struct fat_inode *fi, struct fat_disk_entry *e);
/* Into its entry. 0 also when it has none. */
struct fat_inode_update {
	struct co_frame co;
	struct fat_inode *fi;
	struct inode *dir;
	u32 offset;
	struct page *page;
	long err;
};
co_t fat_inode_update(struct co *co, struct fat_inode_update *f);
/* Hold the page that has its entry: until phys_page_put that can be written and deleted without
 * failing. NULL: it has none. */
struct fat_inode_hold {
	struct co_frame co;
	struct fat_inode *fi;
	struct page **page;
	struct inode *dir;
	u32 offset;
	long err;
};
co_t fat_inode_hold(struct co *co, struct fat_inode_hold *f);
struct fat_write_inode {
	struct super_write_inode;
	struct inode *dir;
	long err, failed, ignored;
};
co_t fat_write_inode(struct co *co, struct fat_write_inode *f);
struct fat_evict {
	struct super_evict;
	long err;
};
co_t fat_evict(struct co *co, struct fat_evict *f);
u32 fat_mode(const struct fat *fs, u8 attr, const u8 *name);
/* As the mask allows for this inode: 0, and *mode is cut to what can be kept; -EPERM. */
int fat_mode_check(const struct inode *inode, u32 *mode);
void fat_refresh(struct inode *inode);

/* --- time.c --- */

struct inode_time fat_time_decode(const struct fat *fs, u16 date, u16 time, u8 cs);
void fat_time_encode(const struct fat *fs, struct inode_time t, u16 *date, u16 *time, u8 *cs);
/* As the entry could keep it: two seconds, or a day. */
struct inode_time fat_time_cut(const struct fat *fs, struct inode_time t, bool day);

#endif
