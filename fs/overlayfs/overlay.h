/* fs/overlayfs/overlay.h -- what the files of this folder share.
 *
 * A directory of the overlay shows the union of an upper directory, which takes all changes,
 * and of lower ones, which are only read. Another file is one real inode: the upper one if
 * there is one, else the topmost lower one, which is copied up before its first change.
 * A whiteout (character device 0:0) in the upper layer says that a name is gone; an upper
 * directory marked INODE_OPAQUE hides the lower ones of its name. That mark lives in memory, so
 * the upper layer must be a tmpfs.
 *
 * Identity. An overlay inode over an upper one is entered in a table by the upper's number and
 * stays as long as the upper one has links: it holds the times and the mode that writes
 * change. An overlay inode without an upper one belongs to one name (hard links of a lower file
 * are separate files here, as on Linux) and knows its parent and name, so that it can be
 * copied up; its number is the lower file's and stays when it is.
 *
 * Data. inode_ops.data names the real inode, whose page cache is the only one: all programs
 * share the pages of a lower library.
 *
 * Ownership  an overlay inode owns references of its real inodes and of its parent.
 * Locking    the vfs holds the overlay inode's lock; under it `copying`, then the real inodes'
 *            locks, upper before lower. `upper` is set once, with `copying` held.
 */
#ifndef OVERLAYFS_OVERLAY_H
#define OVERLAYFS_OVERLAY_H

#include <linux/stat.h>

#include "core/base/bits.h"
#include "core/base/log.h"
#include "core/base/rbtree.h"
#include "mem/phys/slab.h"
#include "vfs/file.h"
#include "vfs/mount.h"
#include "vfs/super.h"
#include "vfs/xattr.h"

#define OVERLAY_LOWERS	16
#define OVERLAY_BUCKETS 256
#define OVERLAY_TEMP	24	/* "#" and a number */

struct overlay {
	struct super *super;		/* [I] */
	struct path top, work;		/* [I] owned: upperdir, workdir; cleared: read-only */
	struct path lower[OVERLAY_LOWERS];	/* [I] owned, topmost first */
	unsigned lowers;		/* [I] */
	char *options;			/* [I] owned: what /proc/mounts shows */
	u64 temps;			/* [a] names given out in the work directory */
	spinlock lock;			/* RANK_FS_PRIVATE */
	struct list table[OVERLAY_BUCKETS]; /* overlay_inode.by_upper, under lock */
};

struct overlay_inode {
	struct inode inode;
	struct inode *upper;		/* [a] owned; NULL until it is copied up */
	struct co_mutex copying;	/* held to set `upper`, and around the listing */
	struct list by_upper;		/* in the table, which then owns a reference */
	struct inode *parent;		/* [I] owned; NULL: the root, or upper came first */
	char *name;			/* [I] owned, with `parent` */
	size_t len;
	u32 removed;			/* [a] its only name is hidden by a whiteout */
	/* Directories: the merged listing, kept while the directory is open. */
	struct overlay_listing *listing;	/* under copying */
	u32 changes;			/* [a] counts what makes the listing stale */
	u32 openers;			/* [a] */
	u8 layer[OVERLAY_LOWERS];	/* [I] which layer each of lower[] is of */
	unsigned lowers;		/* [I] */
	struct inode *lower[];		/* [I] owned, topmost first */
};

static inline struct overlay_inode *overlay_of(struct inode *inode)
{
	return container_of(inode, struct overlay_inode, inode);
}

static inline struct overlay *overlay_fs(const struct inode *inode)
{
	return inode->super->private;
}

static inline struct inode *overlay_upper(struct inode *inode)
{
	return atomic_load(&overlay_of(inode)->upper);
}

static inline struct inode *overlay_real(struct inode *inode)
{
	struct inode *upper = overlay_upper(inode);

	return upper ? upper : overlay_of(inode)->lower[0];
}

static inline bool overlay_is_whiteout(const struct inode *real)
{
	return S_ISCHR(real->mode) && !real->rdev;
}

static inline struct inode *overlay_work(const struct overlay *ov)
{
	return ov->work.dentry->inode;
}

/* The directory's contents changed. */
static inline void overlay_changed(struct inode *dir)
{
	atomic_add(&overlay_of(dir)->changes, 1u);
}

/* --- inode.c --- */

extern const struct super_ops overlay_super_ops;

/* Room for an inode over at most n lower ones, to be filled (upper, lower, layer, lowers with
 * references) and finished; NULL without memory. */
struct overlay_inode *overlay_new(unsigned n);
/* Drop one that is not finished; NULL is ignored. */
void overlay_drop(struct overlay_inode *o);
/* Make an inode of it, or find the one that stands for the same upper one. Takes o over in any
 * case. parent, name: where it is found; needed if it has no upper. 0 or -ENOMEM. */
int overlay_finish(struct overlay *ov, struct overlay_inode *o, struct inode *parent,
		   const char *name, size_t len, struct inode **to);
/* The inode over this upper one with a reference, or NULL. */
struct inode *overlay_find(struct overlay *ov, u64 upper_ino);
/* o has an upper inode now: into the table. */
void overlay_pin(struct overlay *ov, struct overlay_inode *o);
/* Its upper inode lost a link: out of the table with the last. */
void overlay_unlinked(struct overlay *ov, struct overlay_inode *o);
/* The number under which a real inode shows. layer: of lower ones, -1 the upper. */
u64 overlay_ino(int layer, u64 real);
/* Let go of all of the table. */
struct overlay_unpin_all {
	struct super_let_go;
	struct overlay_inode *o;
	unsigned bucket;
};
co_t overlay_unpin_all(struct co *co, struct overlay_unpin_all *f);

/* A name in one real directory, under that directory's lock: *found or NULL. */
struct overlay_real_lookup {
	struct co_frame co;
	struct inode *dir;
	const char *name;
	size_t len;
	struct inode **found;
	long err;
};
co_t overlay_real_lookup(struct co *co, struct overlay_real_lookup *f);

/* Does a lower layer of dir show this name? 1, 0 or an error. */
struct overlay_lower_has {
	struct co_frame co;
	struct inode *dir;
	const char *name;
	size_t len;
	unsigned at;
	struct inode *found;
	long err;
};
co_t overlay_lower_has(struct co *co, struct overlay_lower_has *f);

/* Shared by files and directories. */
struct overlay_setattr {
	struct inode_setattr;
	long err;
};
co_t overlay_setattr(struct co *co, struct overlay_setattr *f);
void overlay_refresh(struct inode *inode);

/* --- xattr.c: attributes are the real inode's --- */

struct overlay_getxattr {
	struct inode_getxattr;
	char *name_below;
	long n;
};
co_t overlay_getxattr(struct co *co, struct overlay_getxattr *f);
struct overlay_setxattr {
	struct inode_setxattr;
	char *name_below;
	long err;
};
co_t overlay_setxattr(struct co *co, struct overlay_setxattr *f);
struct overlay_listxattr {
	struct inode_listxattr;
	struct xattr_names below;
	long n;
};
co_t overlay_listxattr(struct co *co, struct overlay_listxattr *f);
struct overlay_setacl {
	struct inode_setacl;
	long err;
};
co_t overlay_setacl(struct co *co, struct overlay_setacl *f);
void overlay_drop_caps(struct inode *inode);
#define OVERLAY_XATTR_OPS                                              \
	.getxattr = CO_IMPLEMENTS(inode_getxattr, overlay_getxattr),   \
	.setxattr = CO_IMPLEMENTS(inode_setxattr, overlay_setxattr),   \
	.listxattr = CO_IMPLEMENTS(inode_listxattr, overlay_listxattr), \
	.setacl = CO_IMPLEMENTS(inode_setacl, overlay_setacl),         \
	.drop_caps = overlay_drop_caps

/* The access control lists, and whether there are file capabilities, as real has them. */
void overlay_share_rights(struct inode *inode, struct inode *real);
/* All attributes of `from` to a fresh upper inode, but the overlay's own. */
struct overlay_copy_xattrs {
	struct co_frame co;
	struct inode *from, *to;
	struct xattr_names names;
	size_t at;
	void *value;
	long n;
};
co_t overlay_copy_xattrs(struct co *co, struct overlay_copy_xattrs *f);

/* --- copy_up.c --- */

/* Give inode an upper one, its parents first. `most`: bytes of data worth copying. 0, -EROFS,
 * -ENOSPC, ... */
struct overlay_copy_up {
	struct co_frame co;
	struct inode *inode;
	u64 most;
	struct inode *next;
	long err;
};
co_t overlay_copy_up(struct co *co, struct overlay_copy_up *f);

#define OVERLAY_COPY_UP(err, inode_)                                                  \
	do {                                                                          \
		(err) = 0;                                                            \
		if (!overlay_upper(inode_))                                           \
			CO_AWAIT(err, overlay_copy_up, .inode = (inode_),             \
				 .most = UINT64_MAX);                                 \
	} while (0)

/* A fresh name for the work directory. */
size_t overlay_temp_name(struct overlay *ov, char name[OVERLAY_TEMP]);

/* Move what is called `temp` in the work directory to a name in a real directory, in the place
 * of what is there. */
struct overlay_place {
	struct co_frame co;
	struct overlay *ov;
	const char *temp;
	size_t temp_len;
	struct inode *inode;
	struct inode *dir;
	const char *name;
	size_t len;
	struct inode *there;
	long err;
};
co_t overlay_place(struct co *co, struct overlay_place *f);

/* Remove a name from a real directory, whatever it is; -ENOENT if there is none. */
struct overlay_remove {
	struct co_frame co;
	struct inode *dir;
	const char *name;
	size_t len;
	struct inode *there;
	long err;
};
co_t overlay_remove(struct co *co, struct overlay_remove *f);

/* --- entry.c --- */

extern const struct inode_ops overlay_dir_ops;

/* --- readdir.c --- */

extern const struct file_ops overlay_dir_file_ops;

struct overlay_readdir {
	struct inode_readdir;
	struct overlay_listing *fresh;
	long err;
};
co_t overlay_readdir(struct co *co, struct overlay_readdir *f);

/* -ENOTEMPTY if the directory shows anything. If it does not, the whiteouts in its upper one
 * are removed, so that it can be. */
struct overlay_clear {
	struct co_frame co;
	struct inode *dir;
	struct overlay_listing *listing;
	struct overlay_name *name;
	long err;
};
co_t overlay_clear(struct co *co, struct overlay_clear *f);

void overlay_listing_free(struct overlay_listing *l);	/* NULL is ignored */

#endif
