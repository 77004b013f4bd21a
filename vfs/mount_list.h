/* vfs/mount_list.h -- the tree of mounts from inside; for vfs/mount*.c. */
#ifndef VFS_MOUNT_LIST_H
#define VFS_MOUNT_LIST_H

#include "vfs/mount.h"


extern spinlock mount_lock;

/* All attached mounts, by mount.all, oldest first. */
struct list *mount_list(void) REQUIRES(mount_lock);
/* What of its file system m shows, as text: "/" for all. */
void mount_root_text(const struct mount *m, char *to, size_t size);

/* The n-th attached mount, oldest first, with a reference; NULL past the last. */
struct mount *mount_nth(unsigned n);

void mount_hang(struct mount *m, struct mount *parent, struct dentry *point)
	REQUIRES(mount_lock) REQUIRES(dentry_lock);
/* The mount on exactly this place, or NULL. */
struct mount *mount_on(const struct path *p) REQUIRES(dentry_lock);
/* m, on the root of what goes, takes its place, and the point it had is the other's. */
void mount_untuck(struct mount *m) REQUIRES(mount_lock) REQUIRES(dentry_lock);
/* The reference on the point is the caller's to put. */
struct dentry *mount_unhang(struct mount *m) REQUIRES(mount_lock) REQUIRES(dentry_lock);
/* Everything below m, itself first, in the order of the tree. */
struct mount *mount_next_below(struct mount *m, struct mount *top) REQUIRES(mount_lock);

struct mount *mount_new_locked(struct super *super, struct dentry *root, u32 flags,
			       const char *source) REQUIRES(dentry_lock);
/* A copy of what `root` of m shows, with all bindable mounts below if it is recursive, attached
 * nowhere. how: MOUNT_COPY_*. The number of its mounts, at most `most` or -ENOSPC; -ENOMEM. *made
 * is what there is of it, on errors too, or NULL. */
int mount_copy_tree_locked(struct mount *m, struct dentry *root, bool recursive, unsigned how,
			   u32 most, struct mount **made)
	REQUIRES(mount_lock) REQUIRES(dentry_lock);
/* Put a tree that never was attached; without locks. */
void mount_put_tree(struct mount *m);

#endif
