/* core/cred/user_ns.c */
#include "core/cred/user_ns.h"

#include "core/base/bits.h"
#include "core/base/errno.h"
#include "core/base/spinlock.h"
#include "core/base/string.h"
#include "core/cred/user_counts.h"
#include "mem/phys/slab.h"

struct user_ns user_ns_first = {.id = 1};

static spinlock user_ns_lock = SPINLOCK_INIT(RANK_USER_NS);
static u64 last_id = 1;	/* [a] given */

int user_ns_new(struct user_ns *parent, u32 owner, u32 group, bool could_setfcap,
		struct user_ns **to)
{
	struct user_counts *counted;
	struct user_ns *ns;

	if (parent->level >= USER_LEVELS)
		return -ENOSPC;
	counted = user_counts_find(owner);
	ns = kzalloc(sizeof(*ns));
	if (!counted || !ns) {
		user_counts_put(counted);
		kfree(ns);
		return -ENOMEM;
	}
	if (!user_counts_take(&counted->user_spaces,
			      atomic_load_relaxed(&user_limits.user_spaces))) {
		user_counts_put(counted);
		kfree(ns);
		return -ENOSPC;
	}
	*ns = (struct user_ns){
		.level = parent->level + 1, .id = atomic_add_relaxed(&last_id, 1ul) + 1,
		.parent = parent, .owner = owner, .group = group,
		.parent_could_setfcap = could_setfcap, .counted = counted,
		.setgroups_denied = atomic_load_relaxed(&parent->setgroups_denied),
	};
	ref_init(&ns->refs);
	user_ns_get(parent);
	*to = ns;
	return 0;
}

void user_ns_get(struct user_ns *ns)
{
	if (ns->level)
		ref_get(&ns->refs);
}

void user_ns_put(struct user_ns *ns)
{
	struct user_ns *parent;

	for (; ns && ns->level && ref_put(&ns->refs); ns = parent) {
		parent = ns->parent;
		atomic_sub(&ns->counted->user_spaces, 1u);
		user_counts_put(ns->counted);
		for (unsigned i = 0; i < USER_KINDS; i++)
			kfree((void *)ns->maps[i]);
		kfree(ns);
	}
}

bool user_ns_is_within(const struct user_ns *ns, const struct user_ns *above)
{
	return user_ns_above(ns, above->level) == above;
}

const struct user_ns *user_ns_above(const struct user_ns *ns, unsigned level)
{
	while (ns->level > level)
		ns = ns->parent;
	return ns;
}

/* --- translation --- */

static u32 extent_begin(const struct user_extent *e, bool by_kernel)
{
	return by_kernel ? e->kernel : e->first;
}

/* The extent that holds `count` ids from `id` on, in one of a map's two orders. */
static const struct user_extent *map_find(const struct user_map *map, bool by_kernel, u32 id,
					  u32 count)
{
	const struct user_extent *v;
	u32 low = 0, high;

	if (!map)
		return NULL;
	v = by_kernel ? map->at + map->count : map->at;
	high = map->count;
	while (low < high) {
		u32 mid = low + (high - low) / 2;

		if (extent_begin(&v[mid], by_kernel) <= id)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low)
		return NULL;
	v += low - 1;
	id -= extent_begin(v, by_kernel);
	return id < v->count && count <= v->count - id ? v : NULL;
}

u32 user_ns_range_into(const struct user_ns *ns, enum user_kind kind, u32 id, u32 count)
{
	const struct user_extent *e;

	if (ns == &user_ns_first)
		return id != USER_NONE && count <= USER_NONE - id ? id : USER_NONE;
	e = map_find(atomic_load(&ns->maps[kind]), false, id, count);
	return e ? e->kernel + (id - e->first) : USER_NONE;
}

u32 user_ns_from_slow(const struct user_ns *ns, enum user_kind kind, u32 kernel)
{
	const struct user_extent *e = map_find(atomic_load(&ns->maps[kind]), true, kernel, 1);

	return e ? e->first + (kernel - e->kernel) : USER_NONE;
}

bool user_ns_has_root(const struct user_ns *ns, u32 root)
{
	while (ns->parent && user_ns_from(ns, USER_UIDS, root))
		ns = ns->parent;
	return !user_ns_from(ns, USER_UIDS, root);
}

/* --- what may be said once --- */

/* Into its place among the n that are sorted. */
static void map_insert(struct user_extent *v, u32 n, const struct user_extent *e, bool by_kernel)
{
	u32 at = n;

	while (at && extent_begin(&v[at - 1], by_kernel) > extent_begin(e, by_kernel)) {
		v[at] = v[at - 1];
		at--;
	}
	v[at] = *e;
}

static struct user_map *map_make(const struct user_extent *extents, u32 count)
{
	struct user_map *map = kmalloc(sizeof(*map) + 2ul * count * sizeof(map->at[0]));

	if (!map)
		return NULL;
	map->count = count;
	for (u32 i = 0; i < count; i++)
		map_insert(map->at, i, &extents[i], false);
	return map;
}

/* What the namespace above has for it in the kernel's place, and then the second order; false:
 * there is not something for all of them. */
static bool map_ground(struct user_map *map, const struct user_ns *ns, enum user_kind kind)
{
	for (u32 i = 0; i < map->count; i++) {
		struct user_extent *e = &map->at[i];

		e->kernel = user_ns_range_into(ns->parent, kind, e->kernel, e->count);
		if (e->kernel == USER_NONE)
			return false;
		map_insert(map->at + map->count, i, e, true);
	}
	return true;
}

int user_ns_give(struct user_ns *ns, enum user_kind kind, const struct user_extent *extents,
		 u32 count)
{
	struct user_map *map;
	int err = -EPERM;

	if (!ns->parent)
		return -EPERM;
	map = map_make(extents, count);
	if (!map)
		return -ENOMEM;
	if (map_ground(map, ns, kind)) {
		spin_lock(&user_ns_lock);
		if (!ns->maps[kind]) {
			atomic_store(&ns->maps[kind], map);
			map = NULL;
			err = 0;
		}
		spin_unlock(&user_ns_lock);
	}
	kfree(map);
	return err;
}

bool user_ns_may_setgroups(const struct user_ns *ns)
{
	bool may;

	if (ns == &user_ns_first)
		return true;
	spin_lock(&user_ns_lock);
	may = ns->maps[USER_GIDS] && !ns->setgroups_denied;
	spin_unlock(&user_ns_lock);
	return may;
}

int user_ns_set_setgroups(struct user_ns *ns, bool allowed)
{
	int err = 0;

	spin_lock(&user_ns_lock);
	if (allowed)
		err = ns->setgroups_denied ? -EPERM : 0;
	else if (ns == &user_ns_first || ns->maps[USER_GIDS])
		err = -EPERM;
	else
		atomic_store(&ns->setgroups_denied, true);
	spin_unlock(&user_ns_lock);
	return err;
}
