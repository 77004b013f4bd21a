/* vfs/super.h -- a mounted file system, and the kinds there are.
 *
 * Ownership  super_get/super_put; every mount and every inode holds one. When the last mount
 *            goes the reaper drops the root (super_tear_down); the last inode then shuts the
 *            super down.
 */
#ifndef VFS_SUPER_H
#define VFS_SUPER_H

#include <linux/mount.h>

#include "core/cred/user_ns.h"
#include "vfs/dentry.h"
#include "vfs/inode.h"

struct statfs_info {
	u64 type;		/* Linux's magic, e.g. EXT4_SUPER_MAGIC */
	u64 block_size;
	u64 blocks, blocks_free, blocks_available;
	u64 files, files_free;
	u64 fsid;
	u32 name_max;
};

/* The inode of this number, with a reference, and if `exact` of this generation: -ESTALE. The
 * number is a user's: anything. */
struct super_by_number {
	struct co_frame co;
	struct super *super;
	u64 ino;
	u32 generation;
	bool exact;
	struct inode **found;
};
CO_OPERATION(super_by_number);

struct super_let_go {
	struct co_frame co;
	struct super *super;
};
CO_OPERATION(super_let_go);

/* Bring what was changed to storage, so that it lasts: what the file system itself keeps back; its
 * files were written back before. */
struct super_sync {
	struct co_frame co;
	struct super *super;
};
CO_OPERATION(super_sync);
/* Everything is evicted: write what is left, release the device and memory (s->private). */
struct super_close {
	struct co_frame co;
	struct super *super;
};
CO_OPERATION(super_close);
/* Attributes (and the size) that changed in memory become part of a transaction, or are written. */
struct super_write_inode {
	struct co_frame co;
	struct inode *inode;
};
CO_OPERATION(super_write_inode);
/* The last reference of an inode without links is gone, and so are its pages: free what it has on
 * the disk. A failure is the file system's to report. */
struct super_evict {
	struct co_frame co;
	struct inode *inode;
};
CO_OPERATION(super_evict);

/* Take on new options and this read-only state, or an error. Before it becomes read-only nothing
 * is open for writing any more and files were written back. */
struct super_remount {
	struct co_frame co;
	struct super *super;
	bool read_only;
	const char *options;
};
CO_OPERATION(super_remount);

struct super_ops {
	void (*free_inode)(struct inode *inode);	/* memory only */
	void (*statfs)(struct super *s, struct statfs_info *to);
	struct super_evict_op evict;	/* optional */
	/* The last mount is gone: let go of what the file system itself holds (tmpfs: its tree).
	 * Optional. */
	struct super_let_go_op unmounted;
	/* Absent: inodes are never dirty (vfs/writeback.h). */
	struct super_write_inode_op write_inode;
	/* Everything is evicted: release memory (s->private), without waiting or waiting. One of
	 * them, or none. */
	void (*shutdown)(struct super *s);
	struct super_close_op close;
	struct super_sync_op sync;	/* optional */
	struct super_remount_op remount; /* NULL: it cannot become writable, and takes no options */
	/* Files found by number (vfs/handle.h); without by_number none are. */
	struct super_by_number_op by_number;
	u32 (*generation)(struct inode *inode);	/* which makes it one that by_number finds */
	bool short_handles;			/* numbers have 32 bits */
	/* Without waiting, under dentry_lock: what all names that mean the same as this one have
	 * in common, into `to` of DENTRY_NAME_MAX bytes; its length. NULL: names that are the same
	 * are equal. */
	size_t (*fold)(const struct super *s, const char *name, size_t len, char *to);
	/* Options as /proc/mounts shows them after rw/ro, e.g. ",size=1024k"; may be NULL. */
	void (*show_options)(struct super *s, char *to, size_t size);
};

/* What is changed is waited for: all of it, or names. */
#define SUPER_SYNCED ((u32)(MS_SYNCHRONOUS | MS_DIRSYNC))

struct super {
	const struct super_ops *ops;	/* [I] */
	const struct fs_type *type;	/* [I] */
	refcount refs;			/* [a] each inode holds one, each mount too */
	u32 mounts;			/* [a] */
	struct inode *root;		/* [I] reference owned until the first mount makes root_dentry */
	struct dentry *root_dentry;	/* [I] after mount; owned */
	struct user_ns *users;		/* [I] owned: whose ids its files may have */
	u32 dev;			/* [I] st_dev, unique: a device's number or an anonymous one */
	bool read_only;			/* [a] */
	u32 synced;			/* [a] of SUPER_SYNCED */
	bool acls;			/* [I] it has access control lists */
	u32 fileattr;			/* [I] FS_*_FL that its files may have: vfs/fileattr.h */
	u32 writers;			/* [a] regular files open for writing */
	u64 max_size;			/* [I] largest file, bytes */
	i64 time_min, time_max;		/* [I] times that it can keep, seconds; 0 and 0: any */
	bool whole_seconds;		/* [I] and only such */
	u32 block_size;			/* [I] */
	unsigned depth;			/* [I] file systems below it; CO_RANK_STACK_MAX */
	struct co_mutex rename_mutex;	/* CO_RANK_RENAME: one cross-directory rename at a time */
	struct co_mutex change_mutex;	/* CO_RANK_RENAME: one super_change at a time */
	struct list all;		/* under super.c's lock */
	struct list dirty, dirty_link;	/* writeback.c's */
	struct list reap;		/* the reaper's */
	void *private;			/* the file system's */
};

/* Mount: make a super with its root. `source` is what mount(2) was given (a device path is
 * already resolved to `dev`, 0 if none); `options` the data string, never NULL. */
struct fs_mount {
	struct co_frame co;
	const struct fs_type *type;
	const char *source;
	u32 dev;
	const char *options;
	bool read_only;
	struct super **made;
	/* May be NULL. Set to true: it was mounted before, and super_share was called. */
	bool *shared;
};
CO_OPERATION(fs_mount);

struct fs_type {
	const char *name;
	bool needs_device;
	bool for_users;		/* whoever is capable in a namespace below may mount one */
	bool revealing;		/* but only if all of one can be seen already */
	bool own_devices;	/* its device files are no one else's, so they may be opened */
	struct fs_mount_op mount;
	/* Of what namespace is what the current task mounts? NULL: of its own. */
	struct user_ns *(*users)(void);
	/* Without waiting: would it take one option, "name" or "name=value"? 0, -ENOENT: it has
	 * none of that name, -EINVAL: not so. NULL: that is found out when it is mounted. */
	int (*understands)(const char *option);
	struct list link;	/* fs_register's */
};

struct mount;

void super_setup(void);	/* at boot, after slab_init */
void fs_register(struct fs_type *type);
struct fs_type *fs_find(const char *name);

/* A super with refs 1, an anonymous dev number, everything else zero; NULL without memory. */
struct super *super_new(const struct fs_type *type, const struct super_ops *ops);

/* For /proc/filesystems: the n-th type, NULL past the last. */
struct fs_type *fs_nth(unsigned n);
/* The super of loose inodes, which lives for ever, and its mount. */
struct super *super_loose(void);
struct mount *super_loose_mount(void);
void super_get(struct super *s);
void super_put(struct super *s);
/* A file system that fails to mount after super_new: drop it; shutdown is not called. */
void super_abandon(struct super *s);
/* A mount of it comes and goes; the last one to go starts the tear-down. */
void super_mounted(struct super *s);
void super_unmounted(struct super *s);
struct super_tear_down {
	struct co_frame co;
	struct super *super;
	long ignored;
};
co_t super_tear_down(struct co *co, struct super_tear_down *f);
/* Write back its files and have it sync: the first error. */
struct super_sync_one {
	struct co_frame co;
	struct super *super;
	long err, failed;
};
co_t super_sync_one(struct co *co, struct super_sync_one *f);
/* All there are. */
struct super_sync_all {
	struct co_frame co;
	struct super *super;
	unsigned n;
	long ignored;
};
co_t super_sync_all(struct co *co, struct super_sync_all *f);
/* Another read-only state, MS_SYNCHRONOUS or not (MS_DIRSYNC stays as it is), and new options: 0,
 * -EBUSY while files are written, -EINVAL, -EROFS. */
struct super_change {
	struct co_frame co;
	struct super *super;
	bool read_only;
	u32 synced;
	const char *options;
	bool was;
	long err;
};
co_t super_change(struct co *co, struct super_change *f);
/* The one that lies on this block device, with a reference and counted as if it were mounted once
 * more (super_unmounted); NULL if none is mounted. */
struct super *super_share(u32 dev);
/* The n-th live super with a reference, NULL past the last: for tests that count them. */
struct super *super_nth(unsigned n);
/* What was written to devices themselves, for sync(2) too: in the layer above; set at boot. */
struct super_sync_devices {
	struct co_frame co;
};
CO_OPERATION(super_sync_devices);
extern struct super_sync_devices_op super_devices;

#endif
