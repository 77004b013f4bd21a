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
/* The reference on the point is the caller's to put. */
struct dentry *mount_unhang(struct mount *m) REQUIRES(mount_lock) REQUIRES(dentry_lock);
/* Everything below m, itself first, in the order of the tree. */
struct mount *mount_next_below(struct mount *m, struct mount *top) REQUIRES(mount_lock);

#endif
