/* mem/space/vma.c -- VMAs in a red-black tree by address.
 *
 * Each node knows of its subtree the lowest start, the highest end and the widest hole
 * between two VMAs, so a hole is found in one descent. A stack's start counts as lower by
 * its guard gap: nothing is put right below it.
 *
 * A VMA of a pager is on the pager's list, and its range only changes under pager->lock:
 * truncate and writeback come that way without the space's lock.
 */
#include "mem/space/vma.h"

#include "core/base/bits.h"
#include "core/base/log.h"
#include "mem/phys/slab.h"
#include "mem/space/commit.h"
#include "mem/space/pt.h"
#include "mem/space/userfault.h"

static struct slab_cache *cache;

#define VMA(n) container_of(n, struct vma, node)

void vma_init(void)
{
	cache = slab_cache_new("vma", sizeof(struct vma), 0);
}

static u64 low_of(const struct vma *v)
{
	if (!(v->flags & VMA_GROWSDOWN))
		return v->start;
	return v->start > SPACE_STACK_GAP ? v->start - SPACE_STACK_GAP : 0;
}

bool vma_update(struct rb_node *n)
{
	struct vma *v = VMA(n);
	u64 lo = low_of(v), hi = v->end, gap = 0;
	bool changed;

	if (n->left) {
		struct vma *l = VMA(n->left);

		gap = max(l->sub_gap, lo > l->sub_hi ? lo - l->sub_hi : 0);
		lo = l->sub_lo;
	}
	if (n->right) {
		struct vma *r = VMA(n->right);

		gap = max(gap, r->sub_gap);
		gap = max(gap, r->sub_lo > hi ? r->sub_lo - hi : 0);
		hi = r->sub_hi;
	}
	changed = v->sub_lo != lo || v->sub_hi != hi || v->sub_gap != gap;
	v->sub_lo = lo;
	v->sub_hi = hi;
	v->sub_gap = gap;
	return changed;
}

struct vma *vma_new(struct space *s)
{
	struct vma *v = slab_zalloc(cache);

	if (v) {
		v->space = s;
		list_init(&v->on_pager);
	}
	return v;
}

void vma_free(struct vma *v)
{
	if (v->pager) {
		if (v->file && v->pager->ops->file_put)
			v->pager->ops->file_put(v->file);
		v->pager->ops->put(v->pager);
	}
	if (v->flags & VMA_USERFAULT)
		userfault_put(v->userfault);
	slab_free(cache, v);
}

void vma_set_pager(struct vma *v, struct pager *pager, void *file, u64 pgoff)
{
	v->pager = pager;
	v->file = file;
	v->pgoff = pgoff;
	if (!pager)
		return;
	pager->ops->get(pager);
	if (file && pager->ops->file_get)
		pager->ops->file_get(file);
}

/* --- finding --- */

static bool ends_below(const struct rb_node *n, u64 addr)
{
	return VMA(n)->end <= addr;
}

struct vma *vma_find(struct space *s, u64 addr)
{
	struct rb_node *n = rb_lower_bound(&s->vmas, ends_below, addr);

	return n ? VMA(n) : NULL;
}

struct vma *vma_at(struct space *s, u64 addr)
{
	struct vma *v = vma_find(s, addr);

	return v && v->start <= addr ? v : NULL;
}

struct vma *vma_next(const struct vma *v)
{
	struct rb_node *n = rb_next(&v->node);

	return n ? VMA(n) : NULL;
}

struct vma *vma_prev(const struct vma *v)
{
	struct rb_node *n = rb_prev(&v->node);

	return n ? VMA(n) : NULL;
}

bool vma_range_free(struct space *s, u64 start, u64 end)
{
	struct vma *v = vma_find(s, start);

	return !v || v->start >= end;
}

/* The hole's start, between from and to, if it is wide enough. */
static u64 hole_fits(u64 from, u64 to, u64 len, u64 low, u64 high)
{
	from = max(from, low);
	to = min(to, high);
	return to > from && to - from >= len ? to - len : 0;
}

static u64 hole_in(const struct rb_node *n, u64 len, u64 low, u64 high)
{
	u64 found;

	if (!n || VMA(n)->sub_gap < len || VMA(n)->sub_lo >= high || VMA(n)->sub_hi <= low)
		return 0;
	if (n->right) {
		found = hole_in(n->right, len, low, high);
		if (!found)
			found = hole_fits(VMA(n)->end, VMA(n->right)->sub_lo, len, low, high);
		if (found)
			return found;
	}
	if (!n->left)
		return 0;
	found = hole_fits(VMA(n->left)->sub_hi, low_of(VMA(n)), len, low, high);
	return found ? found : hole_in(n->left, len, low, high);
}

u64 vma_hole_below(struct space *s, u64 len, u64 low, u64 high)
{
	const struct vma *root = s->vmas.root ? VMA(s->vmas.root) : NULL;
	u64 found;

	if (!root)
		return hole_fits(low, high, len, low, high);
	found = hole_fits(root->sub_hi, high, len, low, high);
	if (!found)
		found = hole_in(&root->node, len, low, high);
	if (!found)
		found = hole_fits(low, root->sub_lo, len, low, high);
	return found;
}

/* --- changing --- */

static bool starts_before(const struct rb_node *a, const struct rb_node *b)
{
	return VMA(a)->start < VMA(b)->start;
}

static void account(struct space *s, u32 flags, u64 bytes, int sign)
{
	u64 pages = (bytes >> PAGE_SHIFT) * (u64)sign;

	s->pages_total += pages;
	if (vma_is_data(flags))
		s->pages_data += pages;
	if (flags & VMA_GROWSDOWN)
		s->pages_stack += pages;
	if (flags & VMA_EXEC && !(flags & VMA_WRITE))
		s->pages_exec += pages;
	if (flags & VMA_LOCKED)
		s->pages_locked += pages;
	if (flags & VMA_ACCOUNT) {
		s->pages_committed += pages;
		commit_add((i64)pages);
	}
}

static void enter_pager(struct vma *v)
{
	if (!v->pager)
		return;
	spin_lock(&v->pager->lock);
	list_add_back(&v->pager->vmas, &v->on_pager);
	spin_unlock(&v->pager->lock);
}

static void leave_pager(struct vma *v)
{
	if (!v->pager)
		return;
	spin_lock(&v->pager->lock);
	list_remove(&v->on_pager);
	spin_unlock(&v->pager->lock);
}

static void count(struct vma *v)
{
	account(v->space, v->flags, v->end - v->start, 1);
	v->space->vma_count++;
}

void vma_insert(struct vma *v)
{
	count(v);
	rb_insert(&v->space->vmas, &v->node, starts_before);
	enter_pager(v);
}

void vma_append(struct vma *v)
{
	count(v);
	rbtree_append(&v->space->vmas, &v->node);
	enter_pager(v);
}

struct vma *vma_drop_first(struct space *s, struct vma *first)
{
	struct rb_node *next = rbtree_drop_first(&s->vmas, &first->node);

	leave_pager(first);
	s->vma_count--;
	vma_free(first);
	return next ? VMA(next) : NULL;
}

void vma_remove(struct vma *v)
{
	struct space *s = v->space;

	leave_pager(v);
	rb_remove(&s->vmas, &v->node);
	s->vma_count--;
	account(s, v->flags, v->end - v->start, -1);
}

static void set_range(struct vma *v, u64 start, u64 end)
{
	v->pgoff += (u64)((i64)(start - v->start) >> PAGE_SHIFT);
	v->start = start;
	v->end = end;
}

void vma_resize(struct vma *v, u64 start, u64 end)
{
	account(v->space, v->flags, v->end - v->start, -1);
	if (v->pager) {
		spin_lock(&v->pager->lock);
		set_range(v, start, end);
		spin_unlock(&v->pager->lock);
	} else {
		set_range(v, start, end);
	}
	account(v->space, v->flags, v->end - v->start, 1);
	rb_updated(&v->space->vmas, &v->node);
}

void vma_set_flags(struct vma *v, u32 flags)
{
	account(v->space, v->flags, v->end - v->start, -1);
	if (v->pager) { /* who comes by the pager looks at them */
		spin_lock(&v->pager->lock);
		v->flags = flags;
		spin_unlock(&v->pager->lock);
	} else {
		v->flags = flags;
	}
	account(v->space, v->flags, v->end - v->start, 1);
	rb_updated(&v->space->vmas, &v->node);
}

int vma_split(struct space *s, u64 at)
{
	struct vma *v = vma_at(s, at), *upper;

	if (!v || v->start == at)
		return 0;
	if (s->vma_count >= SPACE_MAX_VMAS)
		return -ENOMEM;
	upper = vma_new(s);
	if (!upper)
		return -ENOMEM;
	upper->start = at;
	upper->end = v->end;
	upper->flags = v->flags;
	upper->copied = v->copied;
	upper->policy = v->policy;
	vma_set_pager(upper, v->pager, v->file, vma_index(v, at));
	if (v->flags & VMA_USERFAULT)
		userfault_copy_vma(upper, v);
	/* The pager may look between the two steps: it must find no page missing, and one
	 * looked at twice is harmless. So the new one goes on the list first. */
	enter_pager(upper);
	vma_resize(v, v->start, at);
	count(upper);
	rb_insert(&s->vmas, &upper->node, starts_before);
	return 0;
}

static bool may_join(const struct vma *a, const struct vma *b)
{
	return !(a->flags & VMA_FIXED) && a->userfault == b->userfault;
}

static bool continues(const struct vma *a, const struct vma *b)
{
	return a->end == b->start && a->flags == b->flags && a->pager == b->pager &&
	       a->file == b->file &&
	       (!(a->flags & (VMA_FIXED | VMA_USERFAULT)) || may_join(a, b)) &&
	       policy_equal(a->policy, b->policy) &&
	       (!a->pager || vma_index(a, a->end) == b->pgoff);
}

static void join(struct vma *a, struct vma *b)
{
	u64 end = b->end;

	a->copied |= b->copied;
	/* As in a split: two look-ups of a page are harmless, none is not. */
	if (a->pager) {
		spin_lock(&a->pager->lock);
		a->end = end;
		list_remove(&b->on_pager);
		spin_unlock(&a->pager->lock);
	}
	vma_remove(b);
	a->end = end;
	account(a->space, a->flags, end - b->start, 1);
	rb_updated(&a->space->vmas, &a->node);
	vma_free(b);
}

struct vma *vma_merge(struct vma *v)
{
	struct vma *other = vma_prev(v);

	if (other && continues(other, v)) {
		join(other, v);
		v = other;
	}
	other = vma_next(v);
	if (other && continues(v, other))
		join(v, other);
	return v;
}

void vma_merge_range(struct space *s, u64 start, u64 end)
{
	struct vma *v = vma_find(s, start ? start - 1 : 0);

	while (v && v->start <= end) {
		v = vma_merge(v);
		v = vma_next(v);
	}
}

/* --- taking out a range --- */

/* Give back the page tables of a hole that was just made at [start, end): all that lie
 * between the VMAs left of it and right of it. */
static bool free_tables(struct space *s, u64 start, u64 end)
{
	struct vma *after = vma_find(s, start), *before;
	struct rb_node *last = after ? rb_prev(&after->node) : rb_last(&s->vmas);
	u64 from, to;

	before = last ? VMA(last) : NULL;
	from = round_up(before ? before->end : 0, PT_LEAF_SPAN);
	to = round_down(after ? after->start : HAL_USER_END, PT_LEAF_SPAN);
	from = max(from, round_down(start, PT_LEAF_SPAN));
	to = min(to, round_up(end, PT_LEAF_SPAN));
	return from >= to || pt_free_some(s, from, to, false);
}

/* Of any VMA there. */
static u32 flags_in(struct space *s, u64 start, u64 end)
{
	u32 flags = 0;

	for (struct vma *v = vma_find(s, start); v && v->start < end; v = vma_next(v))
		flags |= v->flags;
	return flags;
}

co_t vma_clear(struct co *co, struct vma_clear *f)
{
	struct vma *v;
	u32 flags;

	CO_BEGIN;
	if (vma_range_free(f->space, f->start, f->end))
		CO_RETURN(0);
	flags = flags_in(f->space, f->start, f->end);
	if (flags & VMA_SEALED)
		CO_RETURN(-EPERM);
	if (vma_split(f->space, f->start) || vma_split(f->space, f->end) ||
	    (flags & VMA_USERFAULT && userfault_note_unmap(f->space, f->start, f->end) < 0)) {
		vma_merge_range(f->space, f->start, f->end);
		CO_RETURN(-ENOMEM);
	}
	f->at = f->start;
	while (!pt_clear_some(f->space, &f->at, f->end, PT_ALL))
		CO_BREATHE;
	while ((v = vma_find(f->space, f->start)) && v->start < f->end) {
		vma_remove(v);
		vma_free(v);
		CO_BREATHE;
	}
	while (!free_tables(f->space, f->start, f->end))
		CO_BREATHE;
	CO_RETURN(0);
	CO_END;
}
