/* vfs/mount_share.c -- groups of mounts, and what spreads in them.
 *
 * What happens on a member of a group happens on the other members, then on the mounts whose
 * master the group is, and on the groups these are in, and so on: a tree of groups, gone through
 * from the top without recursion, as a user decides how deep it is. A copy for a member is a
 * member of the group of what it is a copy of. The first copy in a group further down has the
 * group of the copy above as its master and begins a group, in which the others there are.
 *
 * Everything here happens within one hold of the locks; a spread is prepared whole before any of
 * it is seen, so that it can fail.
 */
#include "vfs/mount_share.h"

#include <linux/mount.h>

#include "mem/phys/slab.h"
#include "vfs/mount_stat.h"

struct mount_group {
	u32 id;			/* [I] */
	struct list members;	/* mount.peer */
	struct list slaves;	/* mount.slave: who hears from it */
	/* While something spreads: */
	struct list turn;
	struct mount_group *above;	/* the nearest above with a place, or the first */
	struct mount_group *from;	/* itself if it has a place, or `above` */
	struct mount *copied;		/* what to copy for the next in it */
};

static u32 mount_share_last GUARDED_BY(&mount_lock);	/* number given to a group */

/* --- belonging --- */

static struct mount_group *mount_share_new(void) REQUIRES(mount_lock)
{
	struct mount_group *g = kzalloc(sizeof(*g));

	if (!g)
		return NULL;
	g->id = ++mount_share_last;
	list_init(&g->members);
	list_init(&g->slaves);
	list_init(&g->turn);
	return g;
}

static void mount_share_join(struct mount *m, struct mount_group *g) REQUIRES(mount_lock)
{
	m->group = g;
	m->unbindable = false;
	list_add_back(&g->members, &m->peer);
}

static void mount_share_obey(struct mount *m, struct mount_group *master) REQUIRES(mount_lock)
{
	list_remove(&m->slave);
	m->master = master;
	if (master)
		list_add_back(&master->slaves, &m->slave);
}

static void mount_share_leave(struct mount *m) REQUIRES(mount_lock)
{
	struct mount_group *g = m->group;

	m->group = NULL;
	list_remove(&m->peer);
	if (!list_empty(&g->members))
		return;
	while (!list_empty(&g->slaves))
		mount_share_obey(list_first(&g->slaves, struct mount, slave), m->master);
	kfree(g);
}

void mount_share_turn(struct mount *m, u32 type)
{
	struct mount_group *g = m->group;

	if (g) {
		bool alone = m->peer.next == m->peer.prev;

		if (type == MS_SLAVE && !alone)
			mount_share_obey(m, g);
		mount_share_leave(m);
	}
	if (type == MS_SLAVE)
		return;
	mount_share_obey(m, NULL);
	m->unbindable = type == MS_UNBINDABLE;
}

/* Undo what mount_share_all did after `last` was the number given last. */
static void mount_share_undo(struct mount *m, bool recursive, u32 last) REQUIRES(mount_lock)
{
	for (struct mount *each = m; each; each = recursive ? mount_next_below(each, m) : NULL)
		if (each->group && each->group->id > last)
			mount_share_leave(each);
}

int mount_share_all(struct mount *m, bool recursive)
{
	u32 last = mount_share_last;

	for (struct mount *each = m; each; each = recursive ? mount_next_below(each, m) : NULL) {
		struct mount_group *g = each->group ? NULL : mount_share_new();

		if (!each->group && !g) {
			mount_share_undo(m, recursive, last);
			return -ENOMEM;
		}
		if (g)
			mount_share_join(each, g);
	}
	return 0;
}

bool mount_share_copy(struct mount *m, const struct mount *of, unsigned how)
{
	struct mount_group *g = how & MOUNT_COPY_GROUP ? mount_share_new() : NULL;

	if ((how & MOUNT_COPY_HEARS) && of->group)
		how |= MOUNT_COPY_SLAVE;
	if ((how & MOUNT_COPY_GROUP) && !g)
		return false;
	mount_share_obey(m, how & MOUNT_COPY_SLAVE ? of->group : of->master);
	if (!g && !(how & MOUNT_COPY_SLAVE))
		g = of->group;
	if (g)
		mount_share_join(m, g);
	return true;
}

/* --- spreading --- */

/* Is `point` to be seen in m, which is a mount of the tree? */
static bool mount_share_has(const struct mount *m, const struct dentry *point)
	REQUIRES(dentry_lock)
{
	return m->ns && dentry_is_below_locked(point, m->root);
}

/* The mounts but `first` that hear of what happens at `point` of `first`, by mount.heard, from the
 * top down. */
static void mount_share_reach(struct mount *first, struct dentry *point, struct list *to)
	REQUIRES(mount_lock) REQUIRES(dentry_lock)
{
	struct mount_group *g = first->group;
	struct list groups;
	struct mount *m;

	list_init(to);
	list_init(&groups);
	if (!g)
		return;
	g->above = g->from = g;
	list_add_back(&groups, &g->turn);
	list_each(g, &groups, turn) {
		list_each(m, &g->members, peer)
			if (m != first && mount_share_has(m, point)) {
				g->from = g;
				list_add_back(to, &m->heard);
			}
		list_each(m, &g->slaves, slave) {
			if (m->group && list_empty(&m->group->turn)) {
				m->group->above = m->group->from = g->from;
				m->group->copied = NULL;
				list_add_back(&groups, &m->group->turn);
			} else if (!m->group && mount_share_has(m, point)) {
				list_add_back(to, &m->heard);
			}
		}
	}
	while (!list_empty(&groups))
		list_remove(groups.next);
}

static struct mount *mount_share_heard(struct list *reach) REQUIRES(mount_lock)
{
	struct mount *m;

	if (list_empty(reach))
		return NULL;
	m = list_first(reach, struct mount, heard);
	list_remove(&m->heard);
	return m;
}

/* The copy for one that hears: 0, -ENOSPC, -ENOMEM. */
static int mount_share_one(struct mount *hears, struct list *made)
	REQUIRES(mount_lock) REQUIRES(dentry_lock)
{
	struct mount_group *g = hears->group;
	unsigned how = MOUNT_COPY_PEER;
	struct mount *of, *copy;
	int n;

	if (!g) {
		how = MOUNT_COPY_SLAVE;
		of = hears->master->from->copied;
	} else {
		of = g->copied;
		if (!of) {
			how = MOUNT_COPY_SLAVE | MOUNT_COPY_GROUP;
			of = g->above->copied;
		}
	}
	n = mount_copy_tree_locked(of, of->root, true, how,
				   MOUNT_MAX - hears->ns->count - hears->ns->coming, &copy);
	if (!copy)
		return n;
	copy->parent = hears;
	list_add_back(made, &copy->all);
	hears->ns->coming += n > 0 ? (u32)n : 0;
	if (g)
		g->copied = copy;
	return min(n, 0);
}

int mount_share_spread(struct mount *m, const struct path *on, struct list *made)
{
	u32 last = mount_share_last;
	struct mount *hears;
	struct list reach;
	int err;

	if (!on->mount->group)
		return 0;
	err = mount_share_all(m, true);
	if (err)
		return err;
	mount_share_reach(on->mount, on->dentry, &reach);
	on->mount->group->copied = m;
	while ((hears = mount_share_heard(&reach))) {
		/* After an error only to empty the list. */
		err = err ? err : mount_share_one(hears, made);
	}
	if (err)
		mount_share_undo(m, true, last);
	return err;
}

/* What lies on m's root where m's own mounts do not count: it came from elsewhere. */
static struct mount *mount_share_topper(struct mount *m) REQUIRES(dentry_lock)
{
	return mount_on(&(struct path){m, m->root});
}

bool mount_share_busy(struct mount *m)
{
	struct mount *hears, *c;
	struct list reach;
	bool busy = false;

	mount_share_reach(m->parent, m->point, &reach);
	while ((hears = mount_share_heard(&reach))) {
		struct mount *topper;

		c = mount_on(&(struct path){hears, m->point});
		topper = c ? mount_share_topper(c) : NULL;
		/* What has mounts of its own stays, and is not asked. */
		if (c && (topper ? c->children.next == c->children.prev : list_empty(&c->children)))
			busy |= atomic_load(&c->refs.n) > 1;
	}
	return busy;
}

/* It may go if what lies on it goes, but for what lies on its root. */
static bool mount_share_may_go(struct mount *c) REQUIRES(mount_lock) REQUIRES(dentry_lock)
{
	struct mount *topper = mount_share_topper(c), *m;

	list_each(m, &c->children, child)
		if (m->ns && m != topper)
			return false;
	return true;
}

void mount_share_gone(struct list *gone)
{
	struct list *at, *before;
	struct mount *hears;
	struct list reach;

	/* From the leaves; what is added behind is not come to. */
	for (at = gone->prev; at != gone; at = before) {
		struct mount *m = list_entry(at, struct mount, all);

		before = at->prev;
		mount_share_reach(m->parent, m->point, &reach);
		while ((hears = mount_share_heard(&reach))) {
			struct mount *c = mount_on(&(struct path){hears, m->point}), *topper;

			if (!c || !c->ns || !mount_share_may_go(c))
				continue;
			topper = mount_share_topper(c);
			if (topper && topper->ns)
				mount_untuck(topper);
			mount_gone(c);
			list_add_back(gone, &c->all);
		}
	}
}

/* --- telling --- */

/* The number of the nearest group above m with a member below root. */
static u32 mount_share_from(const struct mount *m, const struct path *root)
	REQUIRES(mount_lock)
{
	const struct mount_group *g;
	const struct mount *each;

	for (g = m->master; g; g = list_first(&g->members, struct mount, peer)->master)
		list_each(each, &g->members, peer)
			if (each->ns && mount_stat_is_below_locked(each, root))
				return g->id;
	return 0;
}

void mount_share_read(const struct mount *m, const struct path *root, struct mount_shares *to)
{
	spin_lock(&mount_lock);
	*to = (struct mount_shares){
		.group = m->group ? m->group->id : 0,
		.master = m->master ? m->master->id : 0,
		.from = mount_share_from(m, root),
		.unbindable = m->unbindable,
	};
	spin_unlock(&mount_lock);
}
