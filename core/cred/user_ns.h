/* core/cred/user_ns.h -- user namespaces: which ids and capabilities count where.
 *
 * Inside the kernel an id is the first namespace's ("kernel id"). What a program passes in or reads
 * is translated at the edge, by the maps of the namespace its credentials are of; for the first
 * that is a comparison of a pointer. A map is given once, and never changes then.
 *
 * A capability counts in the namespace of who has it and in those below; who made a namespace (its
 * owner, in the namespace above) has all of them there: core/cred/cred.h asks.
 *
 * Ownership  user_ns_get/user_ns_put: credentials and the other namespaces hold references, and a
 *            namespace one of that above. The first is never freed.
 * Locking    its own, for maps that are given and for setgroups; reading takes none. None waits.
 */
#ifndef CRED_USER_NS_H
#define CRED_USER_NS_H

#include "core/base/atomic.h"

#define USER_NONE     UINT32_MAX	/* no id */
#define USER_OVERFLOW 65534u		/* what is read instead of one without a mapping */
#define USER_LEVELS   33u		/* below the first */
#define USER_EXTENTS  340u		/* of a map */

enum user_kind { USER_UIDS, USER_GIDS, USER_KINDS };

/* `count` ids from `first` on are the kernel's from `kernel` on. */
struct user_extent {
	u32 first, kernel, count;
};

/* Sorted by `first`, and then the same by `kernel`. */
struct user_map {
	u32 count;
	struct user_extent at[];
};

struct user_counts;

struct user_ns {
	refcount refs;			/* [a] the first's are not counted */
	u16 level;			/* [I] how many are above it */
	u64 id;				/* [I] 1: the first */
	struct user_ns *parent;		/* [I] owned; NULL: it is the first */
	u32 owner, group;		/* [I] who made it; kernel ids */
	bool parent_could_setfcap;	/* [I] whoever made it had that capability then */
	bool setgroups_denied;		/* [a] */
	const struct user_map *maps[USER_KINDS]; /* [a] owned; NULL: not given yet */
	struct user_counts *counted;	/* [I] owned: the owner's */
};
extern struct user_ns user_ns_first;

/* One below `parent` without maps, with a reference: 0, -ENOMEM, -ENOSPC. */
int user_ns_new(struct user_ns *parent, u32 owner, u32 group, bool could_setfcap,
		struct user_ns **to);
void user_ns_get(struct user_ns *ns);
void user_ns_put(struct user_ns *ns);	/* NULL is ignored */

/* Is ns `above` or below it? */
bool user_ns_is_within(const struct user_ns *ns, const struct user_ns *above);
/* Is that (a kernel id) the root of ns, or of one above it? */
bool user_ns_has_root(const struct user_ns *ns, u32 root);
/* The one of that level that is ns or above it. */
const struct user_ns *user_ns_above(const struct user_ns *ns, unsigned level);

/* Whole ranges and single ids; USER_NONE: there is no mapping (of all of the range). */
u32 user_ns_range_into(const struct user_ns *ns, enum user_kind kind, u32 id, u32 count);
u32 user_ns_from_slow(const struct user_ns *ns, enum user_kind kind, u32 kernel);

static inline u32 user_ns_into(const struct user_ns *ns, enum user_kind kind, u32 id)
{
	return ns == &user_ns_first ? id : user_ns_range_into(ns, kind, id, 1);
}
static inline u32 user_ns_from(const struct user_ns *ns, enum user_kind kind, u32 kernel)
{
	return ns == &user_ns_first ? kernel : user_ns_from_slow(ns, kind, kernel);
}
static inline bool user_ns_has(const struct user_ns *ns, enum user_kind kind, u32 kernel)
{
	return user_ns_from(ns, kind, kernel) != USER_NONE;
}
static inline bool user_ns_has_both(const struct user_ns *ns, u32 uid, u32 gid)
{
	return user_ns_has(ns, USER_UIDS, uid) && user_ns_has(ns, USER_GIDS, gid);
}
/* For a program to read. */
static inline u32 user_ns_shown(const struct user_ns *ns, enum user_kind kind, u32 kernel)
{
	u32 id = user_ns_from(ns, kind, kernel);

	return id == USER_NONE ? USER_OVERFLOW : id;
}

/* Give it a map of those extents, which do not overlap, whose `kernel` are ids of the namespace
 * above yet: 0, -EPERM (it has one, or that has no mapping for all of an extent), -ENOMEM. */
int user_ns_give(struct user_ns *ns, enum user_kind kind, const struct user_extent *extents,
		 u32 count);
/* May setgroups be called there? Not before there is a map, either. */
bool user_ns_may_setgroups(const struct user_ns *ns);
/* Let it be called, or not: -EPERM if that is not to be changed any more. */
int user_ns_set_setgroups(struct user_ns *ns, bool allowed);

#endif
