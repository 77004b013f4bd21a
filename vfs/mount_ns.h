/* vfs/mount_ns.h -- mount namespaces: trees of mounts of their own.
 *
 * A process is in the namespace of its fs context (vfs/fs_context.h). A new one begins with a copy
 * of all of another's mounts, each in the group of what it is a copy of, so that what is shared
 * spreads between namespaces as it does within one.
 *
 * Ownership  mount_ns_get/mount_ns_put: an fs context and an open file of one hold references. With
 *            the last one all that is mounted there is unmounted.
 * Locking    mount_lock.
 */
#ifndef VFS_MOUNT_NS_H
#define VFS_MOUNT_NS_H

#include "vfs/mount.h"

struct mount_ns {
	refcount refs;		/* [a] */
	struct user_ns *users;	/* [I] owned: who may change it */
	u64 id;			/* [I] 1 is the first; never used again */
	struct list link;	/* all namespaces, by id */
	struct list all;	/* mount.all */
	struct mount *top;	/* the root of its tree; owned */
	u32 count;		/* of its mounts */
	u32 coming;		/* and of those a change under way will add */
};

void mount_ns_init(void);	/* at boot */
struct mount_ns *mount_ns_first(void);
struct mount_ns *mount_ns_current(void);
void mount_ns_get(struct mount_ns *ns);
void mount_ns_put(struct mount_ns *ns);
/* With a reference; NULL: there is none of that number. */
struct mount_ns *mount_ns_find(u64 id);

/* A copy of `from` that belongs to `users`, and the paths in it (with references) instead of those
 * that lie in `from`: -ENOMEM, -ENOSPC. */
int mount_ns_copy(struct mount_ns *from, struct user_ns *users, struct path *paths[], unsigned n,
		  struct mount_ns **made);
/* The root of its tree, or what is mounted over that, with references. */
void mount_ns_root(struct mount_ns *ns, struct path *to);
/* Is anything mounted on it in the current namespace? Then it is not to be removed. */
bool mount_ns_is_point(const struct dentry *d);
/* It was removed: what other namespaces have mounted on it goes. */
void mount_ns_point_gone(const struct dentry *d);
/* The n-th mount, oldest first, with a reference; NULL past the last. */
struct mount *mount_ns_nth(struct mount_ns *ns, unsigned n);

#endif
