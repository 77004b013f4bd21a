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
#include "vfs/mount_share.h"

#define MOUNT_OWN_FLAGS (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | \
			 MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME | MS_NOSYMFOLLOW)
#define MOUNT_DETACH	2u	/* MNT_DETACH: the UAPI keeps it in libc's sys/mount.h */
#define MOUNT_EXPIRE	4u	/* MNT_EXPIRE */

spinlock mount_lock = SPINLOCK_INIT(RANK_MOUNT);
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
	if (!m)
		return;
	if (atomic_load_relaxed(&m->expiring))
		atomic_store_relaxed(&m->expiring, false);
	mount_put_unused(m);
}

void mount_put_unused(struct mount *m)
{
	if (!ref_put(&m->refs))
		return;
	if (m->group || m->master) {
		spin_lock(&mount_lock);
		mount_share_turn(m, MS_PRIVATE);
		spin_unlock(&mount_lock);
	}
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
	struct mount *m;

	spin_lock(&dentry_lock);
	m = mount_new_locked(super, root, flags, source);
	spin_unlock(&dentry_lock);
	return m;
}

struct mount *mount_new_locked(struct super *super, struct dentry *root, u32 flags,
			       const char *source)
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
	dentry_get_locked(root);
	m->root = root;
	m->parent = m;
	m->flags = flags & MOUNT_OWN_FLAGS;
	if (!(m->flags & (MS_NOATIME | MS_STRICTATIME)))
		m->flags |= MS_RELATIME;
	m->id = atomic_add(&mount_next_id, 1u);
	list_init(&m->children);
	list_init(&m->child);
	list_init(&m->all);
	list_init(&m->peer);
	list_init(&m->slave);
	list_init(&m->heard);
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

struct mount *mount_on(const struct path *p)
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

void mount_hang(struct mount *m, struct mount *parent, struct dentry *point)
{
	dentry_get_locked(point);
	m->point = point;
	m->parent = parent;
	point->mounts++;
	list_add_back(&parent->children, &m->child);
}

struct dentry *mount_unhang(struct mount *m)
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

/* m, which is hung nowhere, comes to lie on m->parent below what lies there. */
static void mount_hang_below(struct mount *m, struct dentry *point)
	REQUIRES(mount_lock) REQUIRES(dentry_lock)
{
	struct mount *under = mount_on(&(struct path){m->parent, point});

	if (!under) {
		mount_hang(m, m->parent, point);
		return;
	}
	/* The reference on the point is m's now. */
	list_remove(&under->child);
	m->point = point;
	list_add_back(&m->parent->children, &m->child);
	mount_hang(under, m, m->root);
}

void mount_untuck(struct mount *m)
{
	struct mount *below = m->parent;
	struct dentry *point = below->point;

	list_remove(&m->child);
	list_remove(&below->child);
	list_add_back(&below->parent->children, &m->child);
	m->parent = below->parent;
	/* The point it lay on is one of nobody's now, and put by mount_umount. */
	below->point = m->point;
	m->point = point;
}

struct mount *mount_next_below(struct mount *m, struct mount *top)
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

/* All of a tree is attached from now on. */
static void mount_enter(struct mount *m) REQUIRES(mount_lock)
{
	for (struct mount *each = m; each; each = mount_next_below(each, m)) {
		each->attached = true;
		list_add_back(&mount_all, &each->all);
		mount_count++;
	}
}

/* A tree comes to lie on a place, and copies of it on those who hear of that; *old is where it
 * lay. 0, -ENOSPC, -ENOMEM; then `made` has what is to be put without locks. */
static int mount_place(struct mount *m, const struct path *on, struct dentry **old,
		       struct list *made) REQUIRES(mount_lock) REQUIRES(dentry_lock)
{
	struct mount *each;
	u32 n = mount_count;
	int err;

	for (each = m; each && !m->attached; each = mount_next_below(each, m))
		n++;
	if (n > MOUNT_MAX)
		return -ENOSPC;
	err = mount_share_spread(m, on, MOUNT_MAX - n, made);
	if (err < 0)
		return err;
	*old = mount_unhang(m);
	mount_hang(m, on->mount, on->dentry);
	if (!m->attached)
		mount_enter(m);
	while (!list_empty(made)) {
		each = list_first(made, struct mount, all);
		list_remove(&each->all);
		mount_enter(each);	/* before others' come to lie on it */
		mount_hang_below(each, on->dentry);
	}
	return 0;
}

/* What mount_place has left. */
static void mount_put_made(struct list *made, struct dentry *old)
{
	while (!list_empty(made)) {
		struct mount *m = list_first(made, struct mount, all);

		list_remove(&m->all);
		mount_put_tree(m);
	}
	dentry_put(old);
}

int mount_attach(struct mount *m, const struct path *at)
{
	struct dentry *old = NULL;
	struct path on = *at;
	struct list made;
	int err;

	list_init(&made);
	spin_lock(&mount_lock);
	spin_lock(&dentry_lock);
	mount_cross_locked(&on);
	if (!on.mount->attached || !(on.dentry->flags & (DENTRY_HASHED | DENTRY_ROOT)))
		err = -ENOENT;
	else if (S_ISDIR(on.dentry->inode->mode) != S_ISDIR(m->root->inode->mode))
		err = -ENOTDIR;
	else
		err = mount_place(m, &on, &old, &made);
	spin_unlock(&dentry_lock);
	spin_unlock(&mount_lock);
	mount_put_made(&made, old);
	return err;
}

/* --- mount(2) --- */

co_t mount_make(struct co *co, struct mount_make *f)
{
	CO_BEGIN;
	CO_AWAIT_OP(f->err, f->type->mount, .type = f->type, .source = f->source, .dev = f->dev,
		    .options = f->options, .read_only = f->flags & MS_RDONLY, .made = &f->super);
	if (f->err)
		CO_RETURN(f->err);
	if (f->flags & MS_RDONLY)
		f->super->read_only = true;
	if (!f->super->root_dentry) {
		inode_get(f->super->root); /* it is torn down with its root, dentry or not */
		f->super->root_dentry = dentry_new_root(f->super, f->super->root);
		if (f->super->root_dentry)
			inode_put(f->super->root);
	}
	*f->made = f->super->root_dentry ?
		mount_new(f->super, f->super->root_dentry, f->flags, f->source) : NULL;
	if (!*f->made) { /* as if it had been mounted: unless it is elsewhere, it goes */
		super_mounted(f->super);
		super_unmounted(f->super);
	}
	super_put(f->super);
	CO_RETURN(*f->made ? 0 : -ENOMEM);
	CO_END;
}

co_t mount_fs(struct co *co, struct mount_fs *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, mount_make, .type = f->type, .dev = f->dev, .source = f->source,
		 .options = f->options, .flags = f->flags, .made = &f->mount);
	if (f->err)
		CO_RETURN(f->err);
	f->err = mount_attach(f->mount, f->at);
	if (f->err)
		mount_put(f->mount);
	CO_RETURN(f->err);
	CO_END;
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

static bool mount_has_unbindable(struct mount *m) REQUIRES(mount_lock)
{
	for (struct mount *each = m; each; each = mount_next_below(each, m))
		if (each->unbindable)
			return true;
	return false;
}

/* May m go to this place? It is a mount of the tree, or the root of one that is nowhere yet. */
static int mount_may_move(struct mount *m, const struct path *from, const struct path *on)
	REQUIRES(mount_lock)
{
	if (from->dentry != m->root || !(m->attached || m->loose) || m == mount_top ||
	    !on->mount->attached)
		return -EINVAL;
	if (S_ISDIR(on->dentry->inode->mode) != S_ISDIR(m->root->inode->mode))
		return -EINVAL;
	/* Others would have to see it go; or to have copies of what must not be copied. */
	if ((m->attached && m->parent->group) || (on->mount->group && mount_has_unbindable(m)))
		return -EINVAL;
	return mount_is_below(on->mount, m) ? -ELOOP : 0;
}

int mount_move(const struct path *from, const struct path *at)
{
	struct dentry *old = NULL;
	struct mount *m = from->mount;
	struct path on = *at;
	struct list made;
	int err;

	list_init(&made);
	spin_lock(&mount_lock);
	spin_lock(&dentry_lock);
	mount_cross_locked(&on);
	err = mount_may_move(m, from, &on);
	if (!err)
		err = mount_place(m, &on, &old, &made);
	if (!err && m->loose) {
		m->loose = false;
		mount_get(m);	/* the tree's */
	}
	spin_unlock(&dentry_lock);
	spin_unlock(&mount_lock);
	mount_put_made(&made, old);
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
	    (!list_empty(&m->children) || atomic_load(&m->refs.n) > 2 || mount_share_busy(m)))
		goto out;
	err = -EAGAIN;
	if ((flags & MOUNT_EXPIRE) && !atomic_swap(&m->expiring, true))
		goto out;
	for (each = m; each; each = mount_next_below(each, m)) {
		each->attached = false;
		list_remove(&each->all);
		list_add_back(&gone, &each->all);
		mount_count--;
	}
	mount_count -= mount_share_gone(&gone);
	list_each(each, &gone, all) {
		mount_share_turn(each, MS_PRIVATE);
		each->point = mount_unhang(each);	/* only for the reference */
	}
	err = 0;
out:
	spin_unlock(&dentry_lock);
	spin_unlock(&mount_lock);
	while (!list_empty(&gone)) {
		each = list_first(&gone, struct mount, all);
		list_remove(&each->all);
		dentry_put(each->point);
		each->point = NULL;
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
	/* Nobody else is to hear of it; old, the parent of new_root's mount, has none. */
	if (put_old->mount->group || old->group)
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

struct list *mount_list(void)
{
	return &mount_all;
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
