/* vfs/mount_stat.h -- mounts by number: statmount, listmount.
 *
 * A mount has two numbers: `id`, which mountinfo shows, and a unique one that no mount will ever
 * have again. Here they are the same but for an offset, so that neither is taken for the other.
 *
 * Locking    mount.c's, taken inside; nothing here waits.
 */
#ifndef VFS_MOUNT_STAT_H
#define VFS_MOUNT_STAT_H

#include <linux/mount.h>

#include "vfs/mount_list.h"
#include "vfs/text.h"

#define MOUNT_STAT_FIRST (1ul << 31)	/* unique numbers lie above */

static inline u64 mount_stat_id(const struct mount *m)
{
	return MOUNT_STAT_FIRST + m->id;
}

/* A mount of the namespace with a reference; NULL: there is none of that number. */
struct mount *mount_stat_find(struct mount_ns *ns, u64 id);
/* Its mount with the next number after `after` (before it with `back`; 0: any) that lies
 * on `top` or below, but the one numbered `but`: with a reference, or NULL. */
struct mount *mount_stat_next(struct mount_ns *ns, const struct path *top, u64 after, bool back,
			      u64 but);
/* Does it lie on `top` or below? */
bool mount_stat_is_below(const struct mount *m, const struct path *top);
bool mount_stat_is_below_locked(const struct mount *m, const struct path *top)
	REQUIRES(mount_lock);

/* What mask (STATMOUNT_*) asks for, as far as it is known: to->mask says what that is. Texts go to
 * `strings`, an offset of 0 being the empty one. */
int mount_stat(struct mount *m, const struct path *root, u64 mask, struct statmount *to,
	       struct text *strings);

#endif
