/* vfs/mount_share.h -- which mounts tell each other of what is mounted and unmounted on them; for
 * vfs/mount*.c.
 *
 * Mounts of one group (mount.group) tell each other both ways; a mount with a master (a group)
 * hears from that group and tells it nothing. It may be in a group of its own besides, whose
 * members all have that master. A group lives as long as it has members; when the last leaves,
 * what it was master of goes to the last one's own master.
 *
 * Ownership  mount.group and mount.master are no references: leaving is what mount_share_turn to
 *            MS_PRIVATE does, or the mount's end.
 * Locking    mount_lock for all of it.
 */
#ifndef VFS_MOUNT_SHARE_H
#define VFS_MOUNT_SHARE_H

#include "vfs/mount_list.h"

/* How a copy stands to what it is a copy of. */
#define MOUNT_COPY_PEER	 0u	/* in the same group, with the same master, where it has them */
#define MOUNT_COPY_SLAVE 1u	/* its master is the original's group, which there must be */
#define MOUNT_COPY_GROUP 2u	/* it begins a group of its own */
#define MOUNT_COPY_ALL	 4u	/* with those that are not bindable */
#define MOUNT_COPY_HEARS 8u	/* as MOUNT_COPY_SLAVE where the original has a group */

/* Give each mount of the tree (or only m) a group that has none; -ENOMEM: none has got one. */
int mount_share_all(struct mount *m, bool recursive) REQUIRES(mount_lock);
/* type: MS_PRIVATE, MS_SLAVE or MS_UNBINDABLE. */
void mount_share_turn(struct mount *m, u32 type) REQUIRES(mount_lock);
/* m, which is new, becomes to `of` what `how` says; false without memory. */
bool mount_share_copy(struct mount *m, const struct mount *of, unsigned how)
	REQUIRES(mount_lock);

/* m's tree is about to lie at `on`: copies of it for every mount that hears of that, each with its
 * `parent` and hung nowhere, by mount.all into `made`; how many mounts come to a namespace is added
 * to its `coming`. All of m's tree gets groups if any hears. -ENOSPC, -ENOMEM: then the caller puts
 * what was made, and m's tree is as it was. */
int mount_share_spread(struct mount *m, const struct path *on, struct list *made)
	REQUIRES(mount_lock) REQUIRES(dentry_lock);
/* Is anything in use that would go with m? */
bool mount_share_busy(struct mount *m) REQUIRES(mount_lock) REQUIRES(dentry_lock);
/* The mounts in `gone` (by mount.all, not attached any more but still hung, parents first) go:
 * what hears of that goes with them, into the same list. */
void mount_share_gone(struct list *gone) REQUIRES(mount_lock) REQUIRES(dentry_lock);

/* For those who ask: numbers of groups, 0 for none. */
struct mount_shares {
	u32 group, master;
	u32 from;	/* the nearest of its masters with a member below the reader's root */
	bool unbindable;
};
void mount_share_read(const struct mount *m, const struct path *root, struct mount_shares *to);

#endif
