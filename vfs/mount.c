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
static u32 mount_next_id;	/* [a] */

void mount_init(void)
{
	mount_ns_init();
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
	mount_ns_first()->top = m;
	mount_enter(m, mount_ns_first());
	spin_unlock(&dentry_lock);
	spin_unlock(&mount_lock);
	return 0;
}

void mount_root(struct path *to)
{
	mount_ns_root(mount_ns_first(), to);
}

bool mount_is_here(const struct mount *m)
{
	return m->ns && m->ns == mount_ns_current();
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

void mount_enter(struct mount *m, struct mount_ns *ns)
{
	for (struct mount *each = m; each; each = mount_next_below(each, m)) {
		each->ns = ns;
		list_add_back(&ns->all, &each->all);
		ns->count++;
	}
}

void mount_gone(struct mount *m)
{
	m->ns->count--;
	m->ns = NULL;
	list_remove(&m->all);
}

/* A tree comes to lie on a place, and copies of it on those who hear of that; *old is where it
 * lay. 0, -ENOSPC, -ENOMEM; then `made` has what is to be put without locks. */
static int mount_place(struct mount *m, const struct path *on, struct dentry **old,
		       struct list *made) REQUIRES(mount_lock) REQUIRES(dentry_lock)
{
	struct mount_ns *ns = on->mount->ns;
	struct mount *each;
	int err = 0;

	for (each = m; each && !m->ns; each = mount_next_below(each, m))
		ns->coming++;
	if (ns->count + ns->coming > MOUNT_MAX)
		err = -ENOSPC;
	if (!err)
		err = mount_share_spread(m, on, made);
	ns->coming = 0;
	list_each(each, made, all)
		each->parent->ns->coming = 0;
	if (err)
		return err;
	*old = mount_unhang(m);
	mount_hang(m, on->mount, on->dentry);
	if (!m->ns)
		mount_enter(m, ns);
	while (!list_empty(made)) {
		each = list_first(made, struct mount, all);
		list_remove(&each->all);
		if (each->parent->ns->users != ns->users)
			mount_lock_tree(each);
		mount_enter(each, each->parent->ns);	/* before others' come to lie on it */
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
	if (!on.mount->ns || !(on.dentry->flags & (DENTRY_HASHED | DENTRY_ROOT)))
		err = -ENOENT;
	else if (!mount_is_here(on.mount))
		err = -EINVAL;
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
	if (!mount_may_make(f->type))
		CO_RETURN(-EPERM);
	CO_AWAIT_OP(f->err, f->type->mount, .type = f->type, .source = f->source, .dev = f->dev,
		    .options = f->options, .read_only = f->flags & MS_RDONLY, .made = &f->super,
		    .shared = &f->shared);
	if (f->err)
		CO_RETURN(f->err);
	if ((f->flags & MS_RDONLY) && !f->shared)
		f->super->read_only = true;
	if (!f->shared)
		f->super->synced = f->flags & SUPER_SYNCED;
	if (!f->super->root_dentry) {
		f->super->users = mount_type_users(f->type);
		user_ns_get(f->super->users);
		inode_get(f->super->root); /* it is torn down with its root, dentry or not */
		f->super->root_dentry = dentry_new_root(f->super, f->super->root);
		if (f->super->root_dentry)
			inode_put(f->super->root);
	}
	*f->made = f->super->root_dentry ?
		mount_new(f->super, f->super->root_dentry, f->flags & ~SUPER_SYNCED, f->source) :
		NULL;
	if (!*f->made) { /* as if it had been mounted: unless it is elsewhere, it goes */
		super_mounted(f->super);
		super_unmounted(f->super);
	}
	if (f->shared)
		super_unmounted(f->super);
	else
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
	f->err = mount_check_revealing(f->mount);
	if (!f->err)
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
	if (from->dentry != m->root || !(mount_is_here(m) || m->loose) ||
	    !mount_is_here(on->mount) || m == on->mount->ns->top)
		return -EINVAL;
	if (S_ISDIR(on->dentry->inode->mode) != S_ISDIR(m->root->inode->mode))
		return -EINVAL;
	if (m->locked & MOUNT_LOCK_PLACE)
		return -EINVAL;
	/* Others would have to see it go; or to have copies of what must not be copied. */
	if ((m->ns && m->parent->group) || (on->mount->group && mount_has_unbindable(m)))
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
	bool may;

	if (at->dentry != at->mount->root || !mount_is_here(at->mount))
		return -EINVAL;
	if (!(own & (MS_NOATIME | MS_STRICTATIME)))
		own |= MS_RELATIME;
	spin_lock(&mount_lock);
	may = mount_keeps_locked(at->mount, own);
	if (may)
		atomic_store(&at->mount->flags, own);
	spin_unlock(&mount_lock);
	return may ? 0 : -EPERM;
}

void mount_put_gone(struct list *gone)
{
	while (!list_empty(gone)) {
		struct mount *m = list_first(gone, struct mount, all);

		list_remove(&m->all);
		dentry_put(m->point);
		m->point = NULL;
		mount_put(m);
	}
}

int mount_umount(const struct path *at, unsigned flags)
{
	struct mount *m = at->mount, *each;
	struct list gone;
	int err = -EINVAL;

	list_init(&gone);
	spin_lock(&mount_lock);
	spin_lock(&dentry_lock);
	if (at->dentry != m->root || !mount_is_here(m) || m == m->ns->top ||
	    (m->locked & MOUNT_LOCK_PLACE))
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
		mount_gone(each);
		list_add_back(&gone, &each->all);
	}
	mount_share_gone(&gone);
	list_each(each, &gone, all) {
		mount_share_turn(each, MS_PRIVATE);
		each->point = mount_unhang(each);	/* only for the reference */
	}
	err = 0;
out:
	spin_unlock(&dentry_lock);
	spin_unlock(&mount_lock);
	mount_put_gone(&gone);
	return err;
}

/* May they be turned round? `on` is the topmost place of put_old. */
static int mount_may_pivot(const struct path *root, const struct path *new_root,
			   const struct path *on) REQUIRES(mount_lock) REQUIRES(dentry_lock)
{
	const struct mount *m = new_root->mount, *old = root->mount;

	/* Nobody else is to hear of it. */
	if (on->mount->group || m->parent->group || old->parent->group)
		return -EINVAL;
	if (!mount_is_here(old) || !mount_is_here(m) || (m->locked & MOUNT_LOCK_PLACE))
		return -EINVAL;
	if (!(new_root->dentry->flags & (DENTRY_HASHED | DENTRY_ROOT)))
		return -ENOENT;
	if (m == old || on->mount == old)
		return -EBUSY;
	if (root->dentry != old->root || old->parent == old || new_root->dentry != m->root ||
	    m->parent == m)
		return -EINVAL;
	return mount_is_below(on->mount, m) && mount_is_below(m, old) ? 0 : -EINVAL;
}

int mount_pivot(const struct path *root, const struct path *new_root, const struct path *put_old)
{
	struct mount *m = new_root->mount, *old = root->mount, *parent;
	struct dentry *points[2] = {};
	struct path on = *put_old;
	int err;

	spin_lock(&mount_lock);
	spin_lock(&dentry_lock);
	mount_cross_locked(&on);
	err = mount_may_pivot(root, new_root, &on);
	if (!err) {
		parent = old->parent;
		m->locked |= old->locked & MOUNT_LOCK_PLACE;
		old->locked &= ~MOUNT_LOCK_PLACE;
		points[0] = mount_unhang(m);
		points[1] = mount_unhang(old);
		mount_hang(old, on.mount, on.dentry);
		mount_hang(m, parent, points[1]);
	}
	spin_unlock(&dentry_lock);
	spin_unlock(&mount_lock);
	dentry_put(points[0]);
	dentry_put(points[1]);
	return err;
}
