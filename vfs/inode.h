/* vfs/inode.h -- an object of a file system: its attributes and what can be done with it.
 *
 * A file system embeds struct inode in its own, fills ops and file_ops, and hands inodes out
 * from its lookup/create operations with one reference.
 *
 * Ownership  inode_get/inode_put; the last put evicts it: out of the inode table, its
 *            pages dropped, super->ops->free_inode. A dentry holds one reference, an open
 *            file holds its dentry; a file system whose inodes are their only storage holds
 *            one per link itself. One without links is deleted before that
 *            (super->ops->evict), which waits.
 * Units      size in bytes, blocks in 512-byte units, times in ns since 1970 (struct
 *            inode_time keeps seconds for ranges that ns cannot hold).
 * Locking    `lock` (awaitable, CO_RANK_INODE): held for writing by the vfs around create,
 *            link, unlink, rename, setattr and writes; for reading around lookup and readdir.
 *            A page fault never takes it. `attr_lock` (spinlock) covers the attributes for
 *            readers that hold nothing.
 */
#ifndef VFS_INODE_H
#define VFS_INODE_H

#include "core/base/list.h"
#include "coro/lock.h"
#include "vfs/page.h"
#include "vfs/path.h"

struct acl;
struct xattr_names;
struct dentry;
struct file;
struct inode;
struct super;
struct cred;

struct inode_time {
	i64 sec;
	u32 nsec;
};

/* What setattr is asked to change. */
enum {
	ATTR_MODE = 1u << 0,
	ATTR_UID = 1u << 1,
	ATTR_GID = 1u << 2,
	ATTR_SIZE = 1u << 3,
	ATTR_ATIME = 1u << 4,
	ATTR_MTIME = 1u << 5,
	ATTR_CTIME = 1u << 6,
	ATTR_OWNER = 1u << 7,	/* chown(2) was called, whatever it changes */
};
struct inode_attr {
	u32 valid;	/* ATTR_* */
	u32 mode, uid, gid;
	u64 size;
	struct inode_time atime, mtime, ctime;
};

/* --- Operations. Those that may wait are CO_OPERATIONs; `name` is a component of len bytes,
 * not terminated, 1..255, without '/' and NUL. A result is 0 or a negative errno. --- */

/* Find a child: *found gets a referenced inode, or NULL when there is none (not an error). `as`
 * (may be NULL) may get the name, NUL-terminated, that it is known by, to be freed by kfree: the
 * one asked for is another one of the same entry. */
struct inode_lookup {
	struct co_frame co;
	struct inode *dir;
	const char *name;
	size_t len;
	struct inode **found;
	char **as;
};
/* Make a child: any type but directory and symlink by mode (S_IFREG, S_IFIFO, S_IFSOCK,
 * S_IFCHR, S_IFBLK with rdev), S_IFDIR, or S_IFLNK with target. Permission was checked,
 * umask applied, absence verified; uid/gid are the new owner's. */
struct inode_create {
	struct co_frame co;
	struct inode *dir;
	const char *name;
	size_t len;
	u32 mode, uid, gid;
	u32 rdev;
	const char *target;	/* S_IFLNK only; NUL-terminated, under PATH_MAX */
	struct acl *acl, *default_acl;	/* [a] the new one's, borrowed; NULL: none */
	struct inode **made;
};
struct inode_link {
	struct co_frame co;
	struct inode *dir;
	const char *name;
	size_t len;
	struct inode *inode;
};
/* Remove the entry and drop the link count (rmdir too: the child is an empty directory or the
 * operation says -ENOTEMPTY). */
struct inode_unlink {
	struct co_frame co;
	struct inode *dir;
	const char *name;
	size_t len;
	struct inode *inode;
};
/* target: the inode under the new name, or NULL. flags: RENAME_EXCHANGE, RENAME_NOREPLACE
 * (already checked), RENAME_WHITEOUT; unknown ones: -EINVAL. Both directories are locked. */
struct inode_rename {
	struct co_frame co;
	struct inode *old_dir, *new_dir;
	const char *old_name, *new_name;
	size_t old_len, new_len;
	struct inode *inode, *target;
	unsigned flags;
};
/* The target of a symlink, NUL-terminated in to[size]; returns its length. */
struct inode_readlink {
	struct co_frame co;
	struct inode *inode;
	char *to;
	size_t size;
};
struct inode_setattr {
	struct co_frame co;
	struct inode *inode;
	const struct inode_attr *attr;
};
/* Entries from *pos on (an opaque cookie; 0 is the start; "." and ".." are the file
 * system's to emit, first). emit returns false when it wants no more: the entry was not
 * taken and *pos must lead to it again. */
struct dir_emit {
	bool (*emit)(struct dir_emit *to, const char *name, size_t len, u64 ino, u8 type,
		     u64 next_pos);	/* type: DT_* */
};
struct inode_readdir {
	struct co_frame co;
	struct inode *dir;
	u64 *pos;
	struct dir_emit *to;
};
/* Extended attributes. Names are NUL-terminated, with their prefix, 1..255 bytes; rules of who
 * may do what were checked (vfs/xattr.h), and the inode's lock is held. A file system knows
 * which prefixes it keeps: -EOPNOTSUPP for others. "system.posix_acl_*" never come here. */
/* The length; -ENODATA; -ERANGE if it does not fit in `size`, unless that is 0. */
struct inode_getxattr {
	struct co_frame co;
	struct inode *inode;
	const char *name;
	void *to;
	size_t size;
};
/* value NULL: remove (-ENODATA if absent). flags: XATTR_CREATE, XATTR_REPLACE. */
struct inode_setxattr {
	struct co_frame co;
	struct inode *inode;
	const char *name;
	const void *value;
	size_t size;
	int flags;
};
/* All names into `to` (xattr_names_add), those of access control lists too. */
struct inode_listxattr {
	struct co_frame co;
	struct inode *inode;
	struct xattr_names *to;
};
/* Another access control list (borrowed; NULL: none). For the access one the mode goes with
 * it. */
struct inode_setacl {
	struct co_frame co;
	struct inode *inode;
	bool is_default;
	struct acl *acl;	/* [a] of it only its count */
	const struct inode_attr *attr;
};

/* fallocate; mode is FALLOC_FL_*, as vfs/allocate.h allows, the range is within super.max_size.
 * Size, and pages in memory, are the file system's to change. The inode is locked. */
struct inode_allocate {
	struct co_frame co;
	struct inode *inode;
	u32 mode;
	u64 offset, end;
};
/* Where data (or a hole) begins at or after offset, which lies before the end of the file; the
 * file's size if that is the end. */
struct inode_seek {
	struct co_frame co;
	struct inode *inode;
	u64 offset;
	bool hole;
};
/* The first extent of a file that has some of [from, end) bytes, from `from` on: *to; len 0: there
 * is none. */
struct inode_extent {
	u64 offset, len, place;		/* bytes; place: on the storage */
	u32 flags;			/* FIEMAP_EXTENT_* */
};
struct inode_extent_at {
	struct co_frame co;
	struct inode *inode;
	u64 from, end;
	struct inode_extent *to;
};
/* Other FS_*_FL (vfs/fileattr.h): who may was checked, the lock is held. -EOPNOTSUPP. */
struct inode_setflags {
	struct co_frame co;
	struct inode *inode;
	u32 flags;
};

CO_OPERATION(inode_lookup);
CO_OPERATION(inode_allocate);
CO_OPERATION(inode_seek);
CO_OPERATION(inode_extent_at);
CO_OPERATION(inode_create);
CO_OPERATION(inode_link);
CO_OPERATION(inode_unlink);
CO_OPERATION(inode_rename);
CO_OPERATION(inode_readlink);
CO_OPERATION(inode_setattr);
CO_OPERATION(inode_readdir);
CO_OPERATION(inode_getxattr);
CO_OPERATION(inode_setxattr);
CO_OPERATION(inode_listxattr);
CO_OPERATION(inode_setacl);
CO_OPERATION(inode_setflags);

struct inode_ops {
	/* An absent one (.step NULL) gives: lookup -ENOTDIR, create/link/unlink/rename -EPERM
	 * (-EROFS on a read-only super), readlink -EINVAL, setattr -EPERM. */
	struct inode_lookup_op lookup;
	struct inode_create_op create;
	/* A file without a name or a link; name NULL. Absent: -EOPNOTSUPP. */
	struct inode_create_op tmpfile;
	struct inode_link_op link;
	struct inode_unlink_op unlink;
	struct inode_rename_op rename;
	struct inode_readlink_op readlink;
	struct inode_setattr_op setattr;
	struct inode_readdir_op readdir;
	/* Absent: no such attributes (-EOPNOTSUPP), no list. */
	struct inode_getxattr_op getxattr;
	struct inode_setxattr_op setxattr;
	struct inode_listxattr_op listxattr;
	struct inode_setacl_op setacl;
	/* Where pages are not the storage; absent: -EOPNOTSUPP, and all is data. */
	struct inode_allocate_op allocate;
	struct inode_seek_op seek;
	struct inode_extent_at_op extent_at;	/* absent: it cannot tell */
	/* FS_*_FL that the file system keeps; getflags does not wait. Absent: those of
	 * super.fileattr, which inode.flags has. */
	u32 (*getflags)(const struct inode *inode);
	struct inode_setflags_op setflags;
	/* Without waiting: "security.capability" goes, the contents changed (INODE_CAPS). */
	void (*drop_caps)(struct inode *inode);
	/* Without waiting: the target if it lies in memory (fast symlinks), else NULL. */
	const char *(*link_target)(struct inode *inode);
	/* Without waiting, for procfs: is a cached (positive or negative) entry still true? */
	bool (*revalidate)(struct dentry *d);
	/* For magic links (/proc/self/fd/N): the path it stands for, with references, instead
	 * of a target string. -ENOENT etc. */
	int (*jump)(struct inode *inode, struct path *to);
	/* Without waiting: current attributes where they are computed (procfs); may be NULL. */
	void (*refresh)(struct inode *inode);
	/* Without waiting: the permission rules where mode and owner do not say it all; want is
	 * CRED_*. NULL: cred_permission on the inode's mode and owner. */
	int (*permission)(struct inode *inode, const struct cred *cred, unsigned want);
	/* The inode whose pages are this one's (overlay: the real file); NULL: itself. */
	struct inode *(*data)(struct inode *inode);
};

/* inode.flags */
enum {
	INODE_DEAD = 1u << 0,	/* a removed directory: nothing can be made in it any more */
	INODE_CAPS = 1u << 1,	/* it may have a "security.capability" */
	INODE_LINKABLE = 1u << 2, /* it has no name yet, but may get one (O_TMPFILE) */
	INODE_SEALS = 1u << 3,	/* it has `seals` (vfs/memfd.h) */
	INODE_IMMUTABLE = 1u << 4, /* vfs/fileattr.h, and the next three */
	INODE_APPEND = 1u << 5,
	INODE_NODUMP = 1u << 6,
	INODE_NOATIME = 1u << 7,
	INODE_SYNC = 1u << 9,	/* what is written is waited for, as with O_SYNC (chattr +S) */
	INODE_OPAQUE = 1u << 8,	/* as an overlay's upper directory: hides what lies below it */
};

struct inode {
	struct super *super;		/* [I] */
	const struct inode_ops *ops;	/* [I] after the file system filled it */
	const struct file_ops *file_ops; /* [I] */
	u64 ino;			/* [I] */
	refcount refs;			/* [a] */
	struct co_rwlock lock;
	spinlock attr_lock;
	u32 mode, uid, gid;		/* under attr_lock, changed with lock held too */
	u32 nlink;
	u32 flags;			/* [a] INODE_* */
	u32 rdev;			/* [I] Linux's encoding: makedev() of 12:20 bits */
	u64 size;			/* [a] bytes */
	u64 blocks;			/* [a] 512-byte units */
	i32 writers;			/* [a] > 0: files open for writing; < 0: programs run
					 * from it; each excludes the other (-ETXTBSY) */
	u32 readers;		/* [a] regular files open for reading only */
	u32 seals;		/* [a] F_SEAL_*, added under lock; vfs/memfd.h */
	struct inode_time atime, mtime, ctime, btime;
	struct list hash;		/* in the inode table, under its lock */
	struct mapping mapping;		/* its pages, if any */
	struct pipe *pipe;		/* a FIFO's, under attr_lock */
	struct inotify_watch *watches;	/* [a] inotify.c's, under its lock; NULL: none */
	struct acl *acl, *default_acl;	/* [a] changed under attr_lock; owned; NULL: none */
	struct file_locks *locks;	/* under attr_lock; NULL: never locked */
	struct list reap;		/* the reaper's */
	u32 dirty;			/* [a] INODE_DIRTY_*, vfs/writeback.h; and the next two */
	struct list dirty_link;		/* of super.dirty */
	u64 dirty_ns;			/* hal_clock_ns: since when it is there */
	void *private;			/* the file system's or the device's */
};

/* Set up the generic part; refs 1, not hashed, one link, times now. */
void inode_init(struct inode *inode, struct super *s, u64 ino, u32 mode);
/* One in no directory, of no file system that anybody mounted (pipes, sockets); NULL without
 * memory. `private` is the caller's, freed by its files' `closed`. */
struct inode *inode_new_loose(u32 mode);
void inode_get(struct inode *inode);
/* Unless it is being evicted. */
bool inode_get_live(struct inode *inode);

/* Drop a reference; NULL is ignored. If it is the last and eviction has to wait, that is left
 * to the reaper, a worker. */
void inode_put(struct inode *inode);
/* The same for who wants the storage to be free afterwards. */
struct inode_put_wait {
	struct co_frame co;
	struct inode *inode;
	long ignored;
};
co_t inode_put_wait(struct co *co, struct inode_put_wait *f);
/* Without waiting: evict an inode without references if that is possible now. For
 * vfs/reaper.c, as is: */
bool inode_try_evict(struct inode *inode);
struct inode_evict_now {
	struct co_frame co;
	struct inode *inode;
	long ignored;
};
co_t inode_evict_now(struct co *co, struct inode_evict_now *f);

/* The inode table: find a live inode of a super by number (a reference), or NULL. */
struct inode *inode_find(struct super *s, u64 ino);
/* Enter it unless the number is there already; returns the one that is (with a reference), or
 * NULL when `inode` was entered. */
struct inode *inode_hash(struct inode *inode);
void inode_unhash(struct inode *inode);

u64 inode_size(const struct inode *inode);

/* May cred do this (CRED_*)? 0, -EACCES, -EROFS (writing a regular file, directory or link of a
 * read-only super). */
int inode_permission(struct inode *inode, const struct cred *cred, unsigned want);

/* The wall clock, and who sets it (core/proc): ns to be added to hal_clock_ns. */
struct inode_time inode_now(void);
void inode_set_clock(i64 offset_ns);

/* A time as the file system can keep it. */
struct inode_time inode_time_fit(const struct super *s, struct inode_time t);

/* Store what attr asks for into the generic fields (not ATTR_SIZE). */
void inode_apply(struct inode *inode, const struct inode_attr *attr);
/* Set these times (ATTR_ATIME...) to now, in memory. */
void inode_touch(struct inode *inode, unsigned which);

static inline void inode_add_links(struct inode *inode, int n)
{
	atomic_store(&inode->nlink, inode->nlink + (u32)n);
}

/* Lock one or two inodes for writing, a first; b may be NULL or equal to a. The order everywhere:
 * a directory before what it contains; of two directories without such a relation any, since
 * the super's rename mutex is held. */
struct inode_lock_two {
	struct co_frame co;
	struct inode *a, *b;
};
co_t inode_lock_two(struct co *co, struct inode_lock_two *f);
void inode_unlock_two(struct inode *a, struct inode *b);

void inode_setup(void);	/* at boot, after slab_init */

#endif
