/* vfs/mount.c -- the tree of mounts.
 *
 * Changed under mount_lock and dentry_lock both, so either is enough to read it. What a change
 * lets go of is put after the locks.
 */
#include "vfs/mount.h"

#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/stat.h>

#include "core/base/string.h"
#include "mem/phys/slab.h"
#include "vfs/fs_context.h"
#include "vfs/mount_list.h"

#define MOUNT_MAX	10000u
#define MOUNT_OWN_FLAGS (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | \
			 MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME)
#define MOUNT_DETACH	2u	/* MNT_DETACH: the UAPI keeps it in libc's sys/mount.h */

static spinlock mount_lock = SPINLOCK_INIT(RANK_MOUNT);
static struct list mount_all GUARDED_BY(&mount_lock);
static struct mount *mount_top GUARDED_BY(&mount_lock);	/* the root of the tree; owned */
static u32 mount_count GUARDED_BY(&mount_lock);
static u32 mount_next_id;	/* [a] */

void mount_init(void)
{
	spin_lock(&mount_lock);
	list_init(&mount_all);
	mount_top = NULL;
	mount_count = 0;
	spin_unlock(&mount_lock);
	mount_next_id = 20;
}

void mount_get(struct mount *m)
{
	ref_get(&m->refs);
}

void mount_put(struct mount *m)
{
	if (!m || !ref_put(&m->refs))
		return;
	dentry_put(m->root);
	super_unmounted(m->super);
	kfree(m->source);
	kfree(m);
}

int mount_may_write(const struct mount *m)
{
	return (atomic_load_relaxed(&m->flags) & MS_RDONLY) ||
			       atomic_load_relaxed(&m->super->read_only)
		       ? -EROFS
		       : 0;
}

struct mount *mount_new(struct super *super, struct dentry *root, u32 flags, const char *source)
{
	struct mount *m = kzalloc(sizeof(*m));
	size_t len = strnlen(source, PAGE_SIZE - 1);

	if (m)
		m->source = kmalloc(len + 1);
	if (!m || !m->source) {
		kfree(m);
		return NULL;
	}
	memcpy(m->source, source, len);
	m->source[len] = 0;
	ref_init(&m->refs);
	m->super = super;
	super_mounted(super);
	dentry_get(root);
	m->root = root;
	m->parent = m;
	m->flags = flags & MOUNT_OWN_FLAGS;
	if (!(m->flags & (MS_NOATIME | MS_STRICTATIME)))
		m->flags |= MS_RELATIME;
	m->id = atomic_add(&mount_next_id, 1u);
	list_init(&m->children);
	list_init(&m->child);
	list_init(&m->all);
	return m;
}

int mount_set_root(struct super *super, const char *source)
{
	struct mount *m;

	super->root_dentry = dentry_new_root(super, super->root);
	if (!super->root_dentry)
		return -ENOMEM;
	m = mount_new(super, super->root_dentry, 0, source);
	if (!m)
		return -ENOMEM;
	super_put(super);
	spin_lock(&mount_lock);
	spin_lock(&dentry_lock);
	m->attached = true;
	mount_top = m;
	mount_count++;
	list_add_back(&mount_all, &m->all);
	spin_unlock(&dentry_lock);
	spin_unlock(&mount_lock);
	return 0;
}

void mount_root(struct path *to)
{
	*to = (struct path){};
	spin_lock(&mount_lock);
	spin_lock(&dentry_lock);
	if (mount_top) {
		*to = (struct path){mount_top, mount_top->root};
		/* The tree's root shows what was mounted over it last. */
		mount_cross_locked(to);
		mount_get(to->mount);
		dentry_get_locked(to->dentry);
	}
	spin_unlock(&dentry_lock);
	spin_unlock(&mount_lock);
}

/* The mount on exactly this place, or NULL. */
static struct mount *mount_on(const struct path *p) REQUIRES(dentry_lock)
{
	struct mount *m;

	if (!p->dentry->mounts)
		return NULL;
	list_each(m, &p->mount->children, child)
		if (m->point == p->dentry)
			return m;
	return NULL;
}

bool mount_cross_locked(struct path *p)
{
	bool moved = false;
	struct mount *m;

	while ((m = mount_on(p))) {
		*p = (struct path){m, m->root};
		moved = true;
	}
	return moved;
}

/* --- attaching and detaching; the tree's locks are held --- */

static void mount_hang(struct mount *m, struct mount *parent, struct dentry *point)
	REQUIRES(mount_lock) REQUIRES(dentry_lock)
{
	dentry_get_locked(point);
	m->point = point;
	m->parent = parent;
	point->mounts++;
	list_add_back(&parent->children, &m->child);
}

/* The reference on the point is the caller's to put. */
static struct dentry *mount_unhang(struct mount *m) REQUIRES(mount_lock) REQUIRES(dentry_lock)
{
	struct dentry *point = m->point;

	if (point) {
		point->mounts--;
		list_remove(&m->child);
	}
	m->point = NULL;
	m->parent = m;
	return point;
}

/* Everything below m, itself first, in the order of the tree. */
static struct mount *mount_next_below(struct mount *m, struct mount *top) REQUIRES(mount_lock)
{
	if (!list_empty(&m->children))
		return list_first(&m->children, struct mount, child);
	while (m != top) {
		if (m->child.next != &m->parent->children)
			return list_entry(m->child.next, struct mount, child);
		m = m->parent;
	}
	return NULL;
}

int mount_attach(struct mount *m, const struct path *at)
{
	struct path on = *at;
	struct mount *each;
	u32 n = 0;
	int err = 0;

	spin_lock(&mount_lock);
	spin_lock(&dentry_lock);
	mount_cross_locked(&on);
	for (each = m; each; each = mount_next_below(each, m))
		n++;
	if (!on.mount->attached || !(on.dentry->flags & (DENTRY_HASHED | DENTRY_ROOT)))
		err = -ENOENT;
	else if (S_ISDIR(on.dentry->inode->mode) != S_ISDIR(m->root->inode->mode))
		err = -ENOTDIR;
	else if (mount_count + n > MOUNT_MAX)
		err = -ENOSPC;
	if (!err) {
		mount_hang(m, on.mount, on.dentry);
		for (each = m; each; each = mount_next_below(each, m)) {
			each->attached = true;
			list_add_back(&mount_all, &each->all);
			mount_count++;
		}
	}
	spin_unlock(&dentry_lock);
	spin_unlock(&mount_lock);
	return err;
}

/* Put a tree that never was attached. */
static void mount_put_tree(struct mount *m)
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
	mount_put(m);
}

/* --- mount(2) --- */

co_t mount_fs(struct co *co, struct mount_fs *f)
{
	struct mount *m;

	CO_BEGIN;
	CO_AWAIT_OP(f->err, f->type->mount, .type = f->type, .source = f->source, .dev = f->dev,
		    .options = f->options, .read_only = f->flags & MS_RDONLY, .made = &f->super);
	if (f->err)
		CO_RETURN(f->err);
	if (f->flags & MS_RDONLY)
		f->super->read_only = true;
	if (!f->super->root_dentry) {
		f->super->root_dentry = dentry_new_root(f->super, f->super->root);
		if (!f->super->root_dentry) {
			super_put(f->super);
			CO_RETURN(-ENOMEM);
		}
	}
	m = mount_new(f->super, f->super->root_dentry, f->flags, f->source);
	if (!m) {
		dentry_put(f->super->root_dentry);
		super_put(f->super);
		CO_RETURN(-ENOMEM);
	}
	super_put(f->super);
	f->err = mount_attach(m, f->at);
	if (f->err)
		mount_put(m);
	CO_RETURN(f->err);
	CO_END;
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

int mount_bind(const struct path *from, const struct path *at, bool recursive)
{
	struct mount *m = mount_new(from->mount->super, from->dentry, from->mount->flags,
				    from->mount->source);
	int err = 0;

	if (!m)
		return -ENOMEM;
	if (recursive)
		err = mount_copy_below(from->mount, from->dentry, m);
	if (!err)
		err = mount_attach(m, at);
	if (err)
		mount_put_tree(m);
	return err;
}

/* Is mount m `above` or mounted somewhere below it? */
static bool mount_is_below(const struct mount *m, const struct mount *above)
	REQUIRES(mount_lock)
{
	for (;; m = m->parent) {
		if (m == above)
			return true;
		if (m->parent == m)
			return false;
	}
}

int mount_move(const struct path *from, const struct path *at)
{
	struct dentry *old = NULL;
	struct mount *m = from->mount;
	struct path on = *at;
	int err = -EINVAL;

	spin_lock(&mount_lock);
	spin_lock(&dentry_lock);
	mount_cross_locked(&on);
	if (from->dentry != m->root || !m->attached || m == mount_top || !on.mount->attached)
		goto out;
	err = -ELOOP;
	if (mount_is_below(on.mount, m))
		goto out;
	err = -ENOTDIR;
	if (S_ISDIR(on.dentry->inode->mode) != S_ISDIR(m->root->inode->mode))
		goto out;
	old = mount_unhang(m);
	mount_hang(m, on.mount, on.dentry);
	err = 0;
out:
	spin_unlock(&dentry_lock);
	spin_unlock(&mount_lock);
	dentry_put(old);
	return err;
}

int mount_set_flags(const struct path *at, u32 flags)
{
	u32 own = flags & MOUNT_OWN_FLAGS;

	if (at->dentry != at->mount->root)
		return -EINVAL;
	if (!(own & (MS_NOATIME | MS_STRICTATIME)))
		own |= MS_RELATIME;
	atomic_store(&at->mount->flags, own);
	return 0;
}

int mount_umount(const struct path *at, unsigned flags)
{
	struct mount *m = at->mount, *each;
	struct list gone;
	int err = -EINVAL;

	list_init(&gone);
	spin_lock(&mount_lock);
	spin_lock(&dentry_lock);
	if (at->dentry != m->root || !m->attached)
		goto out;
	if (m == mount_top)
		goto out;
	err = -EBUSY;
	/* The tree's reference and the caller's path. */
	if (!(flags & MOUNT_DETACH) &&
	    (!list_empty(&m->children) || atomic_load(&m->refs.n) > 2))
		goto out;
	for (each = m; each; each = mount_next_below(each, m)) {
		each->attached = false;
		list_remove(&each->all);
		list_add_back(&gone, &each->all);
		mount_count--;
	}
	err = 0;
out:
	spin_unlock(&dentry_lock);
	spin_unlock(&mount_lock);
	while (!list_empty(&gone)) {
		struct dentry *point;

		/* From the leaves, so that each is without children when it is unhung. */
		each = list_last(&gone, struct mount, all);
		list_remove(&each->all);
		spin_lock(&mount_lock);
		spin_lock(&dentry_lock);
		point = mount_unhang(each);
		spin_unlock(&dentry_lock);
		spin_unlock(&mount_lock);
		dentry_put(point);
		mount_put(each);
	}
	return err;
}

int mount_pivot(const struct path *new_root, const struct path *put_old)
{
	struct dentry *point = NULL;
	struct mount *m = new_root->mount, *old;
	int err = -EINVAL;

	spin_lock(&mount_lock);
	spin_lock(&dentry_lock);
	old = mount_top;
	if (new_root->dentry != m->root || !m->attached || m == old || m->parent != old)
		goto out;
	if (!mount_is_below(put_old->mount, m))
		goto out;
	point = mount_unhang(m);
	mount_top = m;
	mount_hang(old, put_old->mount, put_old->dentry);
	err = 0;
out:
	spin_unlock(&dentry_lock);
	spin_unlock(&mount_lock);
	dentry_put(point);
	return err;
}

struct mount *mount_nth(unsigned n)
{
	struct mount *m, *found = NULL;

	spin_lock(&mount_lock);
	list_each(m, &mount_all, all)
		if (!n--) {
			mount_get(m);
			found = m;
			break;
		}
	spin_unlock(&mount_lock);
	return found;
}
