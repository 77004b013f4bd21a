/* vfs/walk.h -- from a path name to a place in the tree.
 *
 *	err = walk_start(&f->walk, co, dirfd, f->name, WALK_FOLLOW);
 *	if (!err)
 *		WALK(err, &f->walk);
 *	if (!err) ... f->walk.path has references ...
 *	walk_finish(&f->walk);
 *
 * What is cached is walked at once under dentry_lock, without a frame (walk_try). It stops
 * where a directory or a link has to be read; walk_on, a coroutine, waits for that and goes
 * on from there.
 *
 * Ownership  walk_start borrows the name until walk_finish. walk_finish drops the path unless
 *            walk_take took it. Harmless after a walk_start that failed.
 * Units      names at most 255 bytes, a path 4095, 40 links.
 */
#ifndef VFS_WALK_H
#define VFS_WALK_H

#include <linux/fcntl.h>
#include <linux/limits.h>

#include "core/cred/cred.h"
#include "vfs/dentry.h"
#include "vfs/mount.h"

enum {
	WALK_FOLLOW = 1u << 0,	  /* a link in the last place is followed */
	WALK_DIRECTORY = 1u << 1, /* the result is a directory, else -ENOTDIR */
	WALK_PARENT = 1u << 2,	  /* stop at the directory of the last name */
	WALK_EMPTY = 1u << 3,	  /* "" means dirfd itself (AT_EMPTY_PATH) */
	WALK_MOUNTPOINT = 1u << 4, /* do not cross a mount at the end (umount looks at the top) */
	WALK_NO_MAGIC = 1u << 5,  /* magic links give -ELOOP */
	/* openat2's limits on the way: */
	WALK_NO_LINKS = 1u << 6,  /* no link is followed: -ELOOP */
	WALK_NO_MOUNTS = 1u << 7, /* stay on the mount: -EXDEV */
	WALK_BENEATH = 1u << 8,	  /* not above dirfd, nor anywhere by an absolute name: -EXDEV */
	WALK_IN_ROOT = 1u << 9,	  /* dirfd is the root */
	WALK_CACHED = 1u << 10,	  /* what would have to wait: -EAGAIN */
};

/* What the last name is; only with WALK_PARENT. */
enum walk_last { WALK_NORMAL, WALK_DOT, WALK_DOTDOT, WALK_ROOT };

#define WALK_WAITS 1	/* walk_try: cannot go on without waiting */

struct walk {
	/* result */
	struct path path;	/* referenced */
	const char *last;	/* WALK_PARENT: the last name, not terminated */
	u32 last_len;
	u8 last_kind;		/* enum walk_last */
	bool last_slash;	/* slashes followed it */
	/* state */
	u8 need;
	u8 links;
	u32 flags;
	const char *rest;
	char *text;		/* owned: a link's target joined with the rest */
	const struct cred *cred;
	struct path root;	/* referenced */
	struct dentry *held;	/* owned: just looked up, or the link to be read */
};

/* dirfd: AT_FDCWD or a descriptor of a directory. -EBADF, -ENOTDIR, -ENOENT for "". */
int walk_start(struct walk *w, struct co *co, int dirfd, const char *name, unsigned flags);
/* From a given place under a given root; borrowed for the call. Kernel callers. */
void walk_start_at(struct walk *w, const struct cred *cred, const struct path *from,
		   const struct path *root, const char *name, unsigned flags);
/* 0, a negative errno, or WALK_WAITS. */
int walk_try(struct walk *w);
void walk_finish(struct walk *w);
/* The result becomes the caller's. */
void walk_take(struct walk *w, struct path *to);

struct walk_on {
	struct co_frame co;
	struct walk *walk;
	struct inode *dir;
	int err;
};
co_t walk_on(struct co *co, struct walk_on *f);

/* The permission checks of a walk are made under dentry_lock: inode_ops.permission and
 * link_target take no lock of a lower rank. revalidate and jump are called with none. */

/* After WALK_PARENT: the last name turned out to be a link, held by the caller: go on through
 * it to the parent of what it names. */
struct walk_follow {
	struct co_frame co;
	struct walk *walk;
	struct dentry *link;
	int err;
};
co_t walk_follow(struct co *co, struct walk_follow *f);

#define WALK(err, w)                                          \
	do {                                                  \
		(err) = walk_try(w);                          \
		if ((err) == WALK_WAITS)                      \
			CO_AWAIT(err, walk_on, .walk = (w));  \
	} while (0)

/* One name in a directory whose lock the caller holds (reading or writing): *found gets a
 * referenced dentry, negative if there is no such entry. "." and ".." are not names here. */
struct walk_child {
	struct co_frame co;
	struct dentry *dir;
	const char *name;
	u32 len;
	struct dentry **found;
	struct inode *inode;
	char *as;
};
co_t walk_child(struct co *co, struct walk_child *f);

#endif
