/* core/cred/cred.c */
#include "core/cred/cred.h"

#include <linux/stat.h>

#include "core/base/errno.h"
#include "core/base/log.h"
#include "core/base/string.h"
#include "mem/phys/slab.h"

static size_t cred_size(u32 groups)
{
	return sizeof(struct cred) + groups * sizeof(u32);
}

struct cred *cred_new_root(void)
{
	struct cred *c = kzalloc(cred_size(0));

	if (!c)
		return NULL;
	ref_init(&c->refs);
	c->ns = &user_ns_first;
	c->permitted = c->effective = c->bounding = CRED_CAP_ALL;
	return c;
}

struct cred *cred_first(void)
{
	struct cred *c = cred_new_root();

	if (!c)
		panic("no memory for the first credentials");
	return c;
}

void cred_get(const struct cred *c)
{
	ref_get(&((struct cred *)c)->refs);
}

void cred_put(const struct cred *c)
{
	if (!c || !ref_put(&((struct cred *)c)->refs))
		return;
	user_ns_put(c->ns);
	kfree((struct cred *)c);
}

struct cred *cred_clone(const struct cred *c)
{
	struct cred *new = kmalloc(cred_size(c->group_count));

	if (!new)
		return NULL;
	/* All but the count, which others change meanwhile. */
	ref_init(&new->refs);
	memcpy(&new->refs + 1, &c->refs + 1, cred_size(c->group_count) - sizeof(c->refs));
	user_ns_get(new->ns);
	return new;
}

/* Heap sort: no recursion, no worst case; a user chooses the input. */
static void cred_sift(u32 *v, u32 at, u32 count)
{
	while (2ul * at + 1 < count) {
		u32 child = 2 * at + 1;
		u32 tmp;

		if (child + 1 < count && v[child + 1] > v[child])
			child++;
		if (v[at] >= v[child])
			return;
		tmp = v[at];
		v[at] = v[child];
		v[child] = tmp;
		at = child;
	}
}

static void cred_sort(u32 *v, u32 count)
{
	for (u32 i = count / 2; i-- > 0;)
		cred_sift(v, i, count);
	for (u32 n = count; n > 1; n--) {
		u32 tmp = v[0];

		v[0] = v[n - 1];
		v[n - 1] = tmp;
		cred_sift(v, 0, n - 1);
	}
}

struct cred *cred_clone_groups(const struct cred *c, const u32 *groups, u32 count)
{
	struct cred *new;

	if (count > CRED_MAX_GROUPS)
		return NULL;
	new = kmalloc(cred_size(count));
	if (!new)
		return NULL;
	memcpy(new, c, cred_size(0));
	ref_init(&new->refs);
	user_ns_get(new->ns);
	new->group_count = count;
	if (count)
		memcpy(new->groups, groups, count * sizeof(u32));
	cred_sort(new->groups, count);
	return new;
}

void cred_replace(struct task *t, struct cred *c)
{
	struct cred *old = t->cred;

	atomic_store(&t->cred, c);
	cred_put(old);
}

static bool cred_has_group(const struct cred *c, u32 gid)
{
	u32 low = 0, high = c->group_count;

	while (low < high) {
		u32 mid = low + (high - low) / 2;

		if (c->groups[mid] < gid)
			low = mid + 1;
		else
			high = mid;
	}
	return low < c->group_count && c->groups[low] == gid;
}

bool cred_in_group(const struct cred *c, u32 gid)
{
	return c->fsgid == gid || cred_has_group(c, gid);
}

bool cred_in_egroup(const struct cred *c, u32 gid)
{
	return c->egid == gid || cred_has_group(c, gid);
}

/* --- capabilities --- */

bool cred_capable_in(const struct cred *c, const struct user_ns *ns, unsigned cap)
{
	for (;; ns = ns->parent) {
		if (ns == c->ns)
			return cred_capable_own(c, cap);
		/* Neither its own nor one below. */
		if (ns->level <= c->ns->level)
			return false;
		if (ns->parent == c->ns && ns->owner == c->euid)
			return true;
	}
}

void cred_enter_ns(struct cred *c, struct user_ns *ns)
{
	user_ns_put(c->ns);
	c->ns = ns;
	c->securebits = 0;
	c->inheritable = c->ambient = 0;
	c->permitted = c->effective = c->bounding = CRED_CAP_ALL;
}

bool cred_is_subset(const struct cred *new, const struct cred *old)
{
	if (new->ns == old->ns)
		return !(new->permitted & ~old->permitted);
	/* In what is its own already it had everything. */
	for (const struct user_ns *ns = new->ns; ns->parent; ns = ns->parent)
		if (ns->parent == old->ns && ns->owner == old->euid)
			return true;
	return false;
}

/* --- objects --- */

int cred_permission(const struct cred *c, u32 mode, u32 uid, u32 gid, unsigned want)
{
	u32 bits = mode & 7;

	if (c->fsuid == uid)
		bits = mode >> 6 & 7;
	else if (cred_in_group(c, gid))
		bits = mode >> 3 & 7;
	return want & ~bits ? cred_override(c, mode, uid, gid, want) : 0;
}

int cred_override(const struct cred *c, u32 mode, u32 uid, u32 gid, unsigned want)
{
	bool override = cred_capable_of(c, uid, gid, CAP_DAC_OVERRIDE);
	bool search = cred_capable_of(c, uid, gid, CAP_DAC_READ_SEARCH);

	if (S_ISDIR(mode))
		return override || (!(want & CRED_WRITE) && search) ? 0 : -EACCES;
	/* Root may do all, but run only what somebody may run. */
	if ((!(want & CRED_EXEC) || (mode & 0111)) && override)
		return 0;
	return want == CRED_READ && search ? 0 : -EACCES;
}

bool cred_may_delete(const struct cred *c, u32 dir_mode, u32 dir_uid, u32 uid, u32 gid)
{
	return !(dir_mode & S_ISVTX) || c->fsuid == uid || c->fsuid == dir_uid ||
	       cred_capable_of(c, uid, gid, CAP_FOWNER);
}
