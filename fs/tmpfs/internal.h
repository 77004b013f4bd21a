/* fs/tmpfs/internal.h -- what tmpfs's files share.
 *
 * Ownership  a directory entry holds a reference of its inode; the root's is the super's.
 * Locking    a directory's tree: the inode's awaitable lock, which the vfs holds around every
 *            operation. Counts are atomic.
 */
#ifndef TMPFS_INTERNAL_H
#define TMPFS_INTERNAL_H

#include "core/base/rbtree.h"
#include "vfs/super.h"
#include "vfs/xattr_memory.h"

struct tmpfs_super {
	u64 max_pages, max_inodes;	/* [a] 0: no limit */
	u64 pages, inodes;		/* [a] in use */
	u64 xattr_bytes;		/* [a] of "user." attributes: part of max_inodes */
	u64 next_ino;			/* [a] */
	u64 secret;			/* [I] generations come of it */
	u32 mode, uid, gid;		/* [I] the root's, for show_options */
};

struct tmpfs_entry {
	struct rb_node by_name;		/* by hash, then as they come */
	struct rb_node by_cookie;
	u64 hash;
	u64 cookie;			/* of readdir; never used again */
	struct inode *inode;		/* owned */
	u16 len;
	char name[];
};

struct tmpfs_inode {
	struct inode inode;		/* first */
	struct rb_tree names, cookies;	/* a directory's */
	u64 next_cookie;
	struct inode *parent;		/* a directory's; borrowed, itself for the root */
	char *target;			/* a link's; owned */
	struct list work;		/* for the tear-down */
	struct xattr_memory xattrs;
};

#define TMPFS_FIRST_COOKIE 2	/* 0 is ".", 1 is ".." */
/* Cookies count down: the newest entry is listed first, as on Linux. */
#define TMPFS_LAST_COOKIE (1ul << 62)

static inline struct tmpfs_inode *tmpfs_of(struct inode *inode)
{
	return container_of(inode, struct tmpfs_inode, inode);
}
static inline struct tmpfs_super *tmpfs_super_of(const struct inode *inode)
{
	return inode->super->private;
}

extern const struct inode_ops tmpfs_dir_ops, tmpfs_file_ops, tmpfs_link_ops;
extern const struct mapping_ops tmpfs_mapping_ops;

void tmpfs_inode_setup(void);
/* vfs/super.h: numbers are never used again, but another super has the same. */
u32 tmpfs_generation(struct inode *inode);
struct tmpfs_by_number {
	struct super_by_number;
};
co_t tmpfs_by_number(struct co *co, struct tmpfs_by_number *f);
/* An inode with one reference: 0, -ENOSPC, -ENOMEM. nlink is 1, 2 for a directory. */
int tmpfs_inode_new(struct super *s, u32 mode, u32 uid, u32 gid, struct inode **made);
void tmpfs_inode_free(struct inode *inode);

struct tmpfs_setattr {
	struct inode_setattr;
	struct acl *acl;
	u64 was;
	long ignored;
};
co_t tmpfs_setattr(struct co *co, struct tmpfs_setattr *f);

/* Extended attributes: fs/tmpfs/xattr.c. */
struct tmpfs_getxattr {
	struct inode_getxattr;
};
co_t tmpfs_getxattr(struct co *co, struct tmpfs_getxattr *f);
struct tmpfs_setxattr {
	struct inode_setxattr;
};
co_t tmpfs_setxattr(struct co *co, struct tmpfs_setxattr *f);
struct tmpfs_listxattr {
	struct inode_listxattr;
};
co_t tmpfs_listxattr(struct co *co, struct tmpfs_listxattr *f);
struct tmpfs_setacl {
	struct inode_setacl;
};
co_t tmpfs_setacl(struct co *co, struct tmpfs_setacl *f);
void tmpfs_drop_caps(struct inode *inode);
void tmpfs_xattr_free(struct inode *inode);
#define TMPFS_XATTR_OPS                                              \
	.getxattr = CO_IMPLEMENTS(inode_getxattr, tmpfs_getxattr),   \
	.setxattr = CO_IMPLEMENTS(inode_setxattr, tmpfs_setxattr),   \
	.listxattr = CO_IMPLEMENTS(inode_listxattr, tmpfs_listxattr), \
	.setacl = CO_IMPLEMENTS(inode_setacl, tmpfs_setacl),         \
	.drop_caps = tmpfs_drop_caps

/* Directories: fs/tmpfs/tree.c. */
struct tmpfs_entry *tmpfs_find(struct inode *dir, const char *name, size_t len);
struct tmpfs_entry *tmpfs_entry_new(const char *name, size_t len);
/* Enter e, which takes a reference of inode; the directory's size and times change. */
void tmpfs_enter(struct inode *dir, struct tmpfs_entry *e, struct inode *inode);
/* Take e out and free it; the inode's reference is the caller's now. */
struct inode *tmpfs_leave(struct inode *dir, struct tmpfs_entry *e);
/* The first entry, or the first with a cookie of at least pos; or NULL. */
struct tmpfs_entry *tmpfs_first(struct inode *dir);
struct tmpfs_entry *tmpfs_from(struct inode *dir, u64 pos);

#endif
