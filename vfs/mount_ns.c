/* vfs/mount_ns.c */
#include "vfs/mount_ns.h"

#include <linux/mount.h>

#include "mem/phys/slab.h"
#include "vfs/fs_context.h"
#include "vfs/mount_share.h"

static struct mount_ns mount_ns_one;	/* the first; its reference is the kernel's */
static struct list mount_ns_all GUARDED_BY(&mount_lock);
static u64 mount_ns_last GUARDED_BY(&mount_lock);	/* id given */

static void mount_ns_begin(struct mount_ns *ns, struct user_ns *users) REQUIRES(mount_lock)
{
	*ns = (struct mount_ns){.id = ++mount_ns_last, .users = users};
	user_ns_get(users);
	ref_init(&ns->refs);
	list_init(&ns->all);
	list_add_back(&mount_ns_all, &ns->link);
}

void mount_ns_init(void)
{
	spin_lock(&mount_lock);
	list_init(&mount_ns_all);
	mount_ns_last = 0;
	mount_ns_begin(&mount_ns_one, &user_ns_first);
	spin_unlock(&mount_lock);
}

struct mount_ns *mount_ns_first(void)
{
	return &mount_ns_one;
}

struct mount_ns *mount_ns_current(void)
{
	return task_current()->fs->ns;
}

void mount_ns_get(struct mount_ns *ns)
{
	ref_get(&ns->refs);
}

/* A tree goes, and nobody else hears of it. */
static void mount_ns_cut(struct mount *top, struct list *gone)
	REQUIRES(mount_lock) REQUIRES(dentry_lock)
{
	struct list cut;
	struct mount *m;

	list_init(&cut);
	for (m = top; m; m = mount_next_below(m, top)) {
		mount_gone(m);
		list_add_back(&cut, &m->all);
	}
	list_each(m, &cut, all) {
		mount_share_turn(m, MS_PRIVATE);
		m->point = mount_unhang(m);	/* only for the reference */
	}
	list_splice_back(gone, &cut);
}

void mount_ns_put(struct mount_ns *ns)
{
	struct list gone;

	if (!ns || !ref_put(&ns->refs))
		return;
	list_init(&gone);
	spin_lock(&mount_lock);
	spin_lock(&dentry_lock);
	list_remove(&ns->link);
	mount_ns_cut(ns->top, &gone);
	spin_unlock(&dentry_lock);
	spin_unlock(&mount_lock);
	mount_put_gone(&gone);
	user_ns_put(ns->users);
	kfree(ns);
}

/* The first mount of the namespace on it, or NULL. */
static struct mount *mount_ns_on(struct mount_ns *ns, const struct dentry *d) REQUIRES(mount_lock)
{
	struct mount *m;

	list_each(m, &ns->all, all)
		if (m->point == d)
			return m;
	return NULL;
}

bool mount_ns_is_point(const struct dentry *d)
{
	bool is;

	if (!atomic_load_relaxed(&d->mounts))
		return false;
	spin_lock(&mount_lock);
	is = mount_ns_on(mount_ns_current(), d);
	spin_unlock(&mount_lock);
	return is;
}

void mount_ns_point_gone(const struct dentry *d)
{
	struct mount_ns *ns;
	struct mount *m;
	struct list gone;

	if (!atomic_load_relaxed(&d->mounts))
		return;
	list_init(&gone);
	spin_lock(&mount_lock);
	spin_lock(&dentry_lock);
	list_each(ns, &mount_ns_all, link)
		while ((m = mount_ns_on(ns, d)))
			mount_ns_cut(m, &gone);
	spin_unlock(&dentry_lock);
	spin_unlock(&mount_lock);
	mount_put_gone(&gone);
}

struct mount_ns *mount_ns_find(u64 id)
{
	struct mount_ns *ns, *found = NULL;

	spin_lock(&mount_lock);
	list_each(ns, &mount_ns_all, link)
		/* One without references is on its way out. */
		if (ns->id == id && ref_get_live(&ns->refs)) {
			found = ns;
			break;
		}
	spin_unlock(&mount_lock);
	return found;
}

/* The paths that lie on `old` lie on `new`; who lets go of an old one's mount is the caller. */
static void mount_ns_move_paths(struct mount *old, struct mount *new, struct path *paths[],
				unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (paths[i]->mount == old) {
			mount_get(new);
			paths[i]->mount = new;
		}
}

int mount_ns_copy(struct mount_ns *from, struct user_ns *users, struct path *paths[], unsigned n,
		  struct mount_ns **made)
{
	struct mount_ns *ns = kzalloc(sizeof(*ns));
	struct mount *before[2] = {}, *copy, *old, *new;
	bool others = users != from->users;
	int err;

	if (!ns)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++)
		before[i] = paths[i]->mount;
	spin_lock(&mount_lock);
	spin_lock(&dentry_lock);
	err = mount_copy_tree_locked(from->top, from->top->root, true,
				     MOUNT_COPY_PEER | MOUNT_COPY_ALL |
					     (others ? MOUNT_COPY_HEARS : 0),
				     MOUNT_MAX, &copy);
	if (err > 0) {
		mount_ns_begin(ns, users);
		if (others)
			mount_lock_tree(copy);
		ns->top = copy;
		mount_enter(copy, ns);
		/* Nothing was left out, so the trees are the same. */
		for (old = from->top, new = copy; old; old = mount_next_below(old, from->top)) {
			mount_ns_move_paths(old, new, paths, n);
			new = mount_next_below(new, copy);
		}
	}
	spin_unlock(&dentry_lock);
	spin_unlock(&mount_lock);
	if (err < 0) {
		if (copy)
			mount_put_tree(copy);
		kfree(ns);
		return err;
	}
	for (unsigned i = 0; i < n; i++)
		if (paths[i]->mount != before[i])
			mount_put(before[i]);
	*made = ns;
	return 0;
}

void mount_ns_root(struct mount_ns *ns, struct path *to)
{
	*to = (struct path){};
	spin_lock(&mount_lock);
	spin_lock(&dentry_lock);
	if (ns->top) {
		*to = (struct path){ns->top, ns->top->root};
		mount_cross_locked(to);
		mount_get(to->mount);
		dentry_get_locked(to->dentry);
	}
	spin_unlock(&dentry_lock);
	spin_unlock(&mount_lock);
}

struct mount *mount_ns_nth(struct mount_ns *ns, unsigned n)
{
	struct mount *m, *found = NULL;

	spin_lock(&mount_lock);
	list_each(m, &ns->all, all)
		if (!n--) {
			mount_get(m);
			found = m;
			break;
		}
	spin_unlock(&mount_lock);
	return found;
}
