/* vfs/mount_users.c -- what user namespaces mean for mounts.
 *
 * A mount namespace belongs to a user namespace, and who has CAP_SYS_ADMIN there changes its
 * mounts. What comes into one from where others say so (as it is copied, or as something spreads
 * to it) is locked: it cannot be taken away to show what it hides, nor lose the flags that restrict
 * it.
 */
#include <linux/mount.h>

#include "core/cred/cred.h"
#include "vfs/mount_share.h"

#define LOCKED_FLAGS (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
#define ATIME_FLAGS  (MS_NOATIME | MS_NODIRATIME | MS_RELATIME)

bool mount_may_change(void)
{
	return cred_capable_in(task_current()->cred, mount_ns_current()->users, CAP_SYS_ADMIN);
}

bool mount_may_suid(const struct mount *m)
{
	return !(atomic_load_relaxed(&m->flags) & MS_NOSUID) && mount_is_here(m) &&
	       user_ns_is_within(cred_ns(), m->super->users);
}

bool mount_may_open_device(const struct mount *m)
{
	return !(atomic_load_relaxed(&m->flags) & MS_NODEV) &&
	       (m->super->users == &user_ns_first || m->super->type->own_devices);
}

struct user_ns *mount_type_users(const struct fs_type *type)
{
	return type->users ? type->users() : cred_ns();
}

bool mount_may_make(const struct fs_type *type)
{
	const struct cred *cred = task_current()->cred;

	/* The kernel's own are made before there is anybody. */
	if (!cred)
		return true;
	return type->for_users ? cred_capable_in(cred, mount_type_users(type), CAP_SYS_ADMIN)
			       : cred_capable(cred, CAP_SYS_ADMIN);
}

/* --- locks --- */

void mount_lock_tree(struct mount *top)
{
	for (struct mount *m = top; m; m = mount_next_below(m, top)) {
		m->locked |= MOUNT_LOCK_ATIME | (m->flags & LOCKED_FLAGS);
		if (m != top)
			m->locked |= MOUNT_LOCK_PLACE;
	}
}

bool mount_has_locked(struct mount *m, struct dentry *root)
{
	struct mount *each;

	list_each(each, &m->children, child)
		if ((each->locked & MOUNT_LOCK_PLACE) &&
		    dentry_is_below_locked(each->point, root))
			return true;
	return false;
}

bool mount_keeps_locked(const struct mount *m, u32 flags)
{
	u32 was = atomic_load_relaxed(&m->flags);

	if (m->locked & LOCKED_FLAGS & ~flags)
		return false;
	return !(m->locked & MOUNT_LOCK_ATIME) || !((was ^ flags) & ATIME_FLAGS);
}

/* Does m show all of its file system, and as freely as with `flags`? */
static bool mount_reveals(struct mount *m, u32 flags) REQUIRES(mount_lock)
{
	u32 locked = m->locked;
	struct mount *each;

	if (m->root != m->super->root_dentry)
		return false;
	if (atomic_load_relaxed(&m->super->read_only))
		locked |= MS_RDONLY;
	if ((locked & MS_RDONLY & ~flags) ||
	    ((locked & MOUNT_LOCK_ATIME) && ((m->flags ^ flags) & ATIME_FLAGS)))
		return false;
	list_each(each, &m->children, child)
		if (each->locked & MOUNT_LOCK_PLACE)
			return false;
	return true;
}

int mount_check_revealing(struct mount *new)
{
	struct mount_ns *ns = mount_ns_current();
	int err = -EPERM;
	struct mount *m;

	if (ns->users == &user_ns_first || !new->super->type->revealing)
		return 0;
	spin_lock(&mount_lock);
	list_each(m, &ns->all, all)
		if (m->super->type == new->super->type && mount_reveals(m, new->flags)) {
			new->locked |= m->locked & (MS_RDONLY | MOUNT_LOCK_ATIME);
			err = 0;
			break;
		}
	spin_unlock(&mount_lock);
	return err;
}
