/* vfs/mount_tree.c -- copies of trees of mounts, and trees that are attached nowhere. */
#include "core/base/string.h"
#include "vfs/mount.h"
#include "vfs/mount_list.h"

static void mount_put_tree(struct mount *m);

/* Everything below m goes. */
static void mount_put_below(struct mount *m)
{
	while (!list_empty(&m->children)) {
		struct mount *child = list_first(&m->children, struct mount, child);
		struct dentry *point;

		spin_lock(&mount_lock);
		spin_lock(&dentry_lock);
		point = mount_unhang(child);
		spin_unlock(&dentry_lock);
		spin_unlock(&mount_lock);
		mount_put_tree(child);
		dentry_put(point);
	}
}

/* Put a tree that never was attached. */
static void mount_put_tree(struct mount *m)
{
	mount_put_below(m);
	mount_put(m);
}

static struct mount *mount_copy(struct mount *m)
{
	return mount_new(m->super, m->root, m->flags, m->source);
}

/* A copy of every mount below `from` that lies below `top`, hung under the copy `to`. The tree
 * may change between the looks; a copy of an older state is as good. -ENOMEM. */
static int mount_copy_below(struct mount *from, struct dentry *top, struct mount *to)
{
	unsigned n = 0;

	for (;; n++) {
		struct mount *m = NULL, *copy;
		struct dentry *point = NULL;
		unsigned left = n;

		spin_lock(&mount_lock);
		spin_lock(&dentry_lock);
		list_each(m, &from->children, child)
			if (!left--) {
				point = m->point;
				mount_get(m);
				dentry_get_locked(point);
				break;
			}
		spin_unlock(&dentry_lock);
		spin_unlock(&mount_lock);
		if (!point)
			return 0;
		if (!top || dentry_is_below(point, top)) {
			copy = mount_copy(m);
			if (copy) {
				spin_lock(&mount_lock);
				spin_lock(&dentry_lock);
				mount_hang(copy, to, point);
				spin_unlock(&dentry_lock);
				spin_unlock(&mount_lock);
			}
			if (!copy || mount_copy_below(m, NULL, copy)) {
				mount_put(m);
				dentry_put(point);
				return -ENOMEM;
			}
		}
		mount_put(m);
		dentry_put(point);
	}
}

/* A copy of the tree at `from`, or of its first mount; NULL without memory. */
static struct mount *mount_copy_tree(const struct path *from, bool recursive)
{
	struct mount *m = mount_new(from->mount->super, from->dentry, from->mount->flags,
				    from->mount->source);

	if (m && recursive && mount_copy_below(from->mount, from->dentry, m)) {
		mount_put_tree(m);
		return NULL;
	}
	return m;
}

int mount_bind(const struct path *from, const struct path *at, bool recursive)
{
	struct mount *m = mount_copy_tree(from, recursive);
	int err;

	if (!m)
		return -ENOMEM;
	err = mount_attach(m, at);
	if (err)
		mount_put_tree(m);
	return err;
}

int mount_clone(const struct path *from, bool recursive, struct mount **to)
{
	struct mount *m;
	bool there;

	spin_lock(&mount_lock);
	there = from->mount->attached || from->mount->loose;
	spin_unlock(&mount_lock);
	if (!there)
		return -EINVAL;
	m = mount_copy_tree(from, recursive);
	if (!m)
		return -ENOMEM;
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

/* --- attributes --- */

static void mount_change_flags(struct mount *m, u32 set, u32 clear)
{
	atomic_store(&m->flags, (atomic_load_relaxed(&m->flags) & ~clear) | set);
}

int mount_set_attr(const struct path *at, u32 set, u32 clear, bool recursive)
{
	struct mount *m = at->mount, *each;
	int err = -EINVAL;

	spin_lock(&mount_lock);
	if (at->dentry != m->root || !(m->attached || m->loose))
		goto out;
	err = 0;
	mount_change_flags(m, set, clear);
	for (each = m; recursive && each; each = mount_next_below(each, m))
		mount_change_flags(each, set, clear);
out:
	spin_unlock(&mount_lock);
	return err;
}
