/* mem/space/pager.c -- from an object to the page tables that show it.
 *
 * Under pager->lock the ranges of its VMAs stand still, and each space is alive because its
 * VMAs are; so page tables are reached here without the space's awaitable lock. A fault that
 * runs at the same time is settled by pt_lock and the page's flags (see pager.h).
 */
#include "mem/space/pager.h"

#include "core/base/bits.h"
#include "mem/space/pt.h"
#include "mem/space/vma.h"

void pager_init(struct pager *p, const struct pager_ops *ops)
{
	p->ops = ops;
	p->secret = false;
	spin_init(&p->lock, RANK_PAGER);
	list_init(&p->vmas);
}

bool pager_is_mapped(struct pager *p)
{
	bool mapped;

	spin_lock(&p->lock);
	mapped = !list_empty(&p->vmas);
	spin_unlock(&p->lock);
	return mapped;
}

bool pager_may_be_stored_to(struct pager *p)
{
	struct vma *v;
	bool may = false;

	spin_lock(&p->lock);
	list_each(v, &p->vmas, on_pager)
		may |= (v->flags & VMA_SHARED) && (v->flags & VMA_MAYWRITE);
	spin_unlock(&p->lock);
	return may;
}

/* The addresses of pages [index, index + count) in v; false if there are none. */
static bool in_vma(const struct vma *v, u64 index, u64 count, u64 *start, u64 *end)
{
	u64 first = max(index, v->pgoff);
	u64 last = min(index + count, v->pgoff + ((v->end - v->start) >> PAGE_SHIFT));

	if (first >= last)
		return false;
	*start = v->start + ((first - v->pgoff) << PAGE_SHIFT);
	*end = v->start + ((last - v->pgoff) << PAGE_SHIFT);
	return true;
}

void pager_unmap(struct pager *p, u64 index, u64 count, bool private_too)
{
	struct vma *v;
	u64 at, end;

	spin_lock(&p->lock);
	list_each(v, &p->vmas, on_pager)
		if (in_vma(v, index, count, &at, &end))
			while (!pt_clear_some(v->space, &at, end,
					      private_too ? PT_ALL : PT_CACHE_ONLY))
				;
	spin_unlock(&p->lock);
}

static bool write_protect(struct vma *v, u64 va)
{
	struct space *s = v->space;
	bool was = false;
	u64 *slot;

	spin_lock(&s->pt_lock);
	slot = pt_slot(s, va);
	if (slot && pt_is_writable(*slot)) {
		was = true;
		pt_change(s, va, slot, *slot | HAL_PTE_RDONLY);
	}
	spin_unlock(&s->pt_lock);
	return was;
}

bool pager_write_protect(struct pager *p, u64 index)
{
	bool was = false;
	struct vma *v;
	u64 at, end;

	spin_lock(&p->lock);
	list_each(v, &p->vmas, on_pager)
		if (v->flags & VMA_SHARED && in_vma(v, index, 1, &at, &end))
			was |= write_protect(v, at);
	spin_unlock(&p->lock);
	return was;
}
