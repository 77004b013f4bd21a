/* vfs/mount_list.h -- the tree of mounts from inside; for vfs/mount*.c. */
#ifndef VFS_MOUNT_LIST_H
#define VFS_MOUNT_LIST_H

#include "vfs/mount_ns.h"

extern spinlock mount_lock;

/* What of its file system m shows, as text: "/" for all. */
void mount_root_text(const struct mount *m, char *to, size_t size);

/* All of a tree is attached in ns from now on; no longer, all that is hung on it included, but for
 * its own place. */
void mount_enter(struct mount *m, struct mount_ns *ns) REQUIRES(mount_lock);
void mount_gone(struct mount *m) REQUIRES(mount_lock);
/* What was taken out, by mount.all, each with the point to put in `point`: goes, without locks. */
void mount_put_gone(struct list *gone);

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
/* A copy of what `root` of m shows, with all bindable mounts below if it is recursive (all with
 * MOUNT_COPY_ALL), attached nowhere. how: MOUNT_COPY_*. The number of its mounts, at most `most`
 * or -ENOSPC; -ENOMEM; -EPERM. *made is what there is of it, on errors too, or NULL. */
int mount_copy_tree_locked(struct mount *m, struct dentry *root, bool recursive, unsigned how,
			   u32 most, struct mount **made)
	REQUIRES(mount_lock) REQUIRES(dentry_lock);
/* Others' word, for who is in another user namespace: all of it stays as it is, but for where it
 * itself lies. */
void mount_lock_tree(struct mount *top) REQUIRES(mount_lock);
/* Would `root` of m, alone, show what a locked mount hides? */
bool mount_has_locked(struct mount *m, struct dentry *root)
	REQUIRES(mount_lock) REQUIRES(dentry_lock);
/* May it get those flags? */
bool mount_keeps_locked(const struct mount *m, u32 flags) REQUIRES(mount_lock);

/* Put a tree that never was attached; without locks. */
void mount_put_tree(struct mount *m);

#endif
