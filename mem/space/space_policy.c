/* mem/space/space_policy.c */
#include "mem/space/space_policy.h"

#include <linux/mempolicy.h>

#include "core/base/bits.h"
#include "mem/space/pt.h"
#include "mem/space/vma.h"

#define POLICY_AT_ONCE 256	/* entries under one hold of pt_lock */
#define POLICY_MOVES   (MPOL_MF_MOVE | MPOL_MF_MOVE_ALL)

/* Where the range ends; false: there is no such range. */
static bool policy_range(u64 addr, u64 len, u64 *end)
{
	*end = addr + PAGE_UP(len);
	return !(addr & ~PAGE_MASK) && *end >= addr;
}

/* Cut out what of the VMA at `at` lies below end, and give it its policy. */
static long policy_set(struct space *s, u64 at, u64 end, struct policy policy)
{
	struct vma *v = vma_at(s, at);
	long err;

	if (policy_equal(v->policy, policy))
		return 0;
	err = vma_split(s, at);
	if (!err)
		err = vma_split(s, end);
	if (err)
		return err;
	vma_at(s, at)->policy = policy;
	return 0;
}

/* --- mbind --- */

/* The next VMA of [f->at, f->end), if there is no hole before it. */
static bool bind_has_no_hole(struct space_bind *f)
{
	const struct vma *v = vma_find(f->space, f->at);

	if (!v || v->start > f->at)
		return false;
	f->at = v->end;
	return true;
}

/* All pages are on node 0: is this one of those that must not be there, and stay? */
static bool bind_is_stuck(const struct space_bind *f, const struct page *p)
{
	if (!p || p == pt_zero_page)
		return false;
	if (!(f->flags & POLICY_MOVES))
		return true;
	return !(f->flags & MPOL_MF_MOVE_ALL) && atomic_load_relaxed(&p->mappings) > 1;
}

/* Look at some pages of [f->at, f->end); false: there are more. */
static bool bind_look(struct space_bind *f)
{
	u64 *slot = NULL;

	spin_lock(&f->space->pt_lock);
	for (unsigned n = 0; n < POLICY_AT_ONCE && !f->stuck; n++) {
		slot = pt_next(f->space, &f->at, f->end);
		if (!slot)
			break;
		f->stuck = bind_is_stuck(f, pt_page(*slot));
		f->at += PAGE_SIZE;
	}
	spin_unlock(&f->space->pt_lock);
	return !slot || f->stuck;
}

/* The next part of the range; false: no more, or an error. */
static bool bind_next(struct space_bind *f)
{
	const struct vma *v = f->at < f->end ? vma_find(f->space, f->at) : NULL;
	u64 to;

	if (!v || v->start >= f->end)
		return false;
	f->at = max(f->at, v->start);
	to = min(v->end, f->end);
	f->err = policy_set(f->space, f->at, to, f->policy);
	f->at = to;
	return !f->err;
}

co_t space_bind(struct co *co, struct space_bind *f)
{
	CO_BEGIN;
	if (!policy_range(f->addr, f->len, &f->end))
		CO_RETURN(-EINVAL);
	if (f->end == f->addr)
		CO_RETURN(0);
	CO_WRITE_LOCK(&f->space->lock);
	f->at = f->addr;
	f->err = vma_range_free(f->space, f->addr, f->end) ? -EFAULT : 0;
	while (!f->err && policy_is_set(f->policy) && f->at < f->end) {
		if (!bind_has_no_hole(f))
			f->err = -EFAULT;
		CO_BREATHE;
	}
	f->at = f->addr;
	if ((f->flags & MPOL_MF_STRICT) && !(f->nodes & POLICY_NODE0))
		while (!f->err && !bind_look(f))
			CO_BREATHE;
	if (f->stuck && !(f->flags & POLICY_MOVES))
		f->err = -EIO;
	f->at = f->addr;
	while (!f->err && bind_next(f))
		CO_BREATHE;
	vma_merge_range(f->space, f->addr, f->end);
	rwlock_unlock_write(&f->space->lock);
	CO_RETURN(!f->err && f->stuck ? -EIO : f->err);
	CO_END;
}

/* --- the others --- */

/* The next part of the range that has a policy; false: no more, or an error. */
static bool go_home_next(struct space_go_home *f)
{
	const struct vma *v = f->at < f->end ? vma_find(f->space, f->at) : NULL;
	struct policy policy;
	u64 to;

	while (v && v->start < f->end && !policy_is_set(v->policy))
		v = vma_next(v);
	if (!v || v->start >= f->end)
		return false;
	policy = v->policy;
	f->at = max(f->at, v->start);
	to = min(v->end, f->end);
	f->err = policy_go_home(&policy) ? policy_set(f->space, f->at, to, policy) : -EOPNOTSUPP;
	f->at = to;
	return !f->err;
}

co_t space_go_home(struct co *co, struct space_go_home *f)
{
	CO_BEGIN;
	if (!policy_range(f->addr, f->len, &f->end))
		CO_RETURN(-EINVAL);
	if (f->end == f->addr)
		CO_RETURN(0);
	CO_WRITE_LOCK(&f->space->lock);
	f->at = f->addr;
	f->err = -ENOENT;
	while (go_home_next(f))
		CO_BREATHE;
	vma_merge_range(f->space, f->addr, f->end);
	rwlock_unlock_write(&f->space->lock);
	CO_RETURN(f->err);
	CO_END;
}

co_t space_policy_at(struct co *co, struct space_policy_at *f)
{
	const struct vma *v;

	CO_BEGIN;
	CO_READ_LOCK(&f->space->lock);
	v = vma_at(f->space, f->addr);
	if (v)
		*f->to = v->policy;
	rwlock_unlock_read(&f->space->lock);
	CO_RETURN(v ? 0 : -EFAULT);
	CO_END;
}

static long node_of(struct space *s, u64 addr)
{
	const struct page *p = NULL;
	const u64 *slot;
	bool there;

	if (!vma_at(s, addr))
		return -EFAULT;
	spin_lock(&s->pt_lock);
	slot = pt_slot(s, addr & PAGE_MASK);
	there = slot && *slot;
	if (there)
		p = pt_page(*slot);
	spin_unlock(&s->pt_lock);
	if (!there)
		return -ENOENT;
	return p && p != pt_zero_page ? 0 : -EFAULT;
}

co_t space_node_of(struct co *co, struct space_node_of *f)
{
	long node;

	CO_BEGIN;
	CO_READ_LOCK(&f->space->lock);
	node = node_of(f->space, f->addr);
	rwlock_unlock_read(&f->space->lock);
	CO_RETURN(node);
	CO_END;
}
