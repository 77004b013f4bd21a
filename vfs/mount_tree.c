/* vfs/mount_tree.c -- copies of trees of mounts, and trees that are attached nowhere. */
#include <linux/mount.h>

#include "core/cred/cred.h"
#include "vfs/mount_share.h"

/* Everything below m goes, from the leaves. */
static void mount_put_below(struct mount *top)
{
	struct mount *m = top;

	while (m != top || !list_empty(&m->children)) {
		struct mount *parent = m->parent;
		struct dentry *point;

		if (!list_empty(&m->children)) {
			m = list_first(&m->children, struct mount, child);
			continue;
		}
		spin_lock(&mount_lock);
		spin_lock(&dentry_lock);
		point = mount_unhang(m);
		spin_unlock(&dentry_lock);
		spin_unlock(&mount_lock);
		mount_put(m);
		dentry_put(point);
		m = parent;
	}
}

void mount_put_tree(struct mount *m)
{
	mount_put_below(m);
	mount_put(m);
}

int mount_copy_tree_locked(struct mount *m, struct dentry *root, bool recursive, unsigned how,
			   u32 most, struct mount **made)
{
	struct mount *from, *to = NULL, *copy, *each = m;
	struct list *next;
	u32 n = 0;

	*made = NULL;
	for (;;) {
		if (n == most)
			return -ENOSPC;
		copy = mount_new_locked(each->super, each == m ? root : each->root, each->flags,
					each->source);
		if (!copy)
			return -ENOMEM;
		n++;
		copy->unbindable = each->unbindable;
		copy->locked = each->locked;
		if (each == m)
			copy->locked &= ~MOUNT_LOCK_PLACE;
		if (to)
			mount_hang(copy, to, each->point);
		else
			*made = copy;
		if (!mount_share_copy(copy, each, how))
			return -ENOMEM;
		from = each;
		to = copy;
		next = from->children.next;
		/* The next in the order of the tree that is copied, too. */
		for (each = NULL; !each;) {
			if (next == &from->children) {
				if (from == m)
					return (int)n;
				next = from->child.next;
				from = from->parent;
				to = to->parent;
				continue;
			}
			each = list_entry(next, struct mount, child);
			next = next->next;
			/* It cannot be left out, nor be copied. */
			if (recursive && each->unbindable && !(how & MOUNT_COPY_ALL) &&
			    (each->locked & MOUNT_LOCK_PLACE))
				return -EPERM;
			if (!recursive || (each->unbindable && !(how & MOUNT_COPY_ALL)) ||
			    (from == m && !dentry_is_below_locked(each->point, root)))
				each = NULL;
		}
	}
}

/* A copy of the tree at `from`, or of its first mount, for a mount that may be nowhere if it is
 * `loose`: 0, -EINVAL, -ENOMEM. */
static int mount_copy_tree(const struct path *from, bool recursive, bool loose,
			   struct mount **to)
{
	struct mount *m = from->mount;
	int n = -EINVAL;

	*to = NULL;
	spin_lock(&mount_lock);
	spin_lock(&dentry_lock);
	if ((mount_is_here(m) || (loose && m->loose)) && !m->unbindable &&
	    (recursive || !mount_has_locked(m, from->dentry)))
		n = mount_copy_tree_locked(m, from->dentry, recursive, MOUNT_COPY_PEER,
					   MOUNT_MAX, to);
	spin_unlock(&dentry_lock);
	spin_unlock(&mount_lock);
	if (n < 0 && *to)
		mount_put_tree(*to);
	return n < 0 ? n : 0;
}

int mount_bind(const struct path *from, const struct path *at, bool recursive)
{
	struct mount *m;
	int err = mount_copy_tree(from, recursive, false, &m);

	if (err)
		return err;
	err = mount_attach(m, at);
	if (err)
		mount_put_tree(m);
	return err;
}

int mount_clone(const struct path *from, bool recursive, struct mount **to)
{
	struct mount *m;
	int err = mount_copy_tree(from, recursive, true, &m);

	if (err)
		return err;
	m->loose = true;
	*to = m;
	return 0;
}

void mount_dissolve(struct mount *m)
{
	bool loose;

	spin_lock(&mount_lock);
	loose = m->loose;
	m->loose = false;
	spin_unlock(&mount_lock);
	if (loose)
		mount_put_below(m);
}

/* May the current task change those of m's namespace? A tree that is nowhere is who has it's. */
static bool mount_is_ours(const struct mount *m) REQUIRES(mount_lock)
{
	return !m->ns || cred_capable_in(task_current()->cred, m->ns->users, CAP_SYS_ADMIN);
}

int mount_join(const struct path *from, const struct path *to)
{
	struct mount *f = from->mount, *t = to->mount;
	int err = -EINVAL;

	spin_lock(&mount_lock);
	spin_lock(&dentry_lock);
	if ((f->ns || f->loose) && (t->ns || t->loose) && from->dentry == f->root &&
	    to->dentry == t->root && f->super == t->super &&
	    dentry_is_below_locked(t->root, f->root) && !t->group && !t->master &&
	    (f->group || f->master) && !mount_has_locked(f, t->root)) {
		err = -EPERM;
		if (mount_is_ours(f) && mount_is_ours(t))
			err = mount_share_copy(t, f, MOUNT_COPY_PEER) ? 0 : -ENOMEM;
	}
	spin_unlock(&dentry_lock);
	spin_unlock(&mount_lock);
	return err;
}

/* --- attributes --- */

static void mount_change_flags(struct mount *m, u32 set, u32 clear)
{
	atomic_store(&m->flags, (atomic_load_relaxed(&m->flags) & ~clear) | set);
}

static int mount_check_flags(struct mount *m, u32 set, u32 clear, bool recursive)
	REQUIRES(mount_lock)
{
	for (struct mount *each = m; each; each = recursive ? mount_next_below(each, m) : NULL)
		if (!mount_keeps_locked(each, (atomic_load_relaxed(&each->flags) & ~clear) | set))
			return -EPERM;
	return 0;
}

int mount_set_attr(const struct path *at, u32 set, u32 clear, u32 share, bool recursive)
{
	struct mount *m = at->mount, *each;
	int err = -EINVAL;

	spin_lock(&mount_lock);
	if (at->dentry != m->root || !(mount_is_here(m) || m->loose))
		goto out;
	err = mount_check_flags(m, set, clear, recursive);
	if (!err && share == MS_SHARED)
		err = mount_share_all(m, recursive);
	for (each = m; !err && each; each = recursive ? mount_next_below(each, m) : NULL) {
		mount_change_flags(each, set, clear);
		if (share && share != MS_SHARED)
			mount_share_turn(each, share);
	}
out:
	spin_unlock(&mount_lock);
	return err;
}
