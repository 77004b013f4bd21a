/* mem/space/space_count.c -- what of a range is resident, whose it is, and how many share it: in
 * sum, and page by page. */
#include "core/base/bits.h"
#include "mem/space/pt.h"
#include "mem/space/space.h"
#include "mem/space/vma.h"

#define COUNT_AT_ONCE 256	/* entries under one hold of pt_lock */

static void count_page(struct vma_count *c, const struct page *p)
{
	u32 flags = atomic_load_relaxed(&p->flags);
	u64 mappings = max(atomic_load_relaxed(&p->mappings), 1u);
	u64 share = (PAGE_SIZE << VMA_COUNT_SHIFT) / mappings;
	bool anon = flags & PAGE_ANON, dirty = anon || (flags & PAGE_DIRTY);

	c->rss++;
	c->active += !!(flags & PAGE_ACTIVE);
	c->most_mappings = max(c->most_mappings, mappings);
	c->pss += share;
	if (anon) {
		c->anon++;
		c->pss_anon += share;
	} else if (flags & PAGE_SHM) {
		c->pss_shm += share;
	} else {
		c->pss_file += share;
	}
	if (dirty)
		c->pss_dirty += share;
	if (mappings > 1)
		*(dirty ? &c->shared_dirty : &c->shared_clean) += 1;
	else
		*(dirty ? &c->private_dirty : &c->private_clean) += 1;
}

/* Some of [f->at, f->end); false: there is more. */
static bool count_some(struct space_count *f)
{
	u64 *slot = NULL;

	spin_lock(&f->space->pt_lock);
	for (unsigned n = 0; n < COUNT_AT_ONCE; n++) {
		const struct page *p;

		slot = pt_next(f->space, &f->at, f->end);
		if (!slot)
			break;
		p = pt_page(*slot);
		if (p && p != pt_zero_page)
			count_page(f->count, p);
		f->at += PAGE_SIZE;
	}
	spin_unlock(&f->space->pt_lock);
	return !slot;
}

co_t space_count(struct co *co, struct space_count *f)
{
	CO_BEGIN;
	CO_READ_LOCK(&f->space->lock);
	while (!count_some(f))
		CO_BREATHE;
	rwlock_unlock_read(&f->space->lock);
	CO_RETURN(0);
	CO_END;
}

static u64 describe(u64 e, bool frame)
{
	const struct page *p = pt_page(e);
	u64 told = SPACE_PAGE_PRESENT;

	if (e & PTE_POISONED)
		return 0;
	if (e & PTE_PROTECTED)
		told |= SPACE_PAGE_PROTECTED;
	if (frame)
		told |= (e & HAL_PTE_ADDR) >> PAGE_SHIFT;
	if (!p || p == pt_zero_page)
		return told;
	if (!(atomic_load_relaxed(&p->flags) & PAGE_ANON))
		told |= SPACE_PAGE_NOT_ANON;
	if (atomic_load_relaxed(&p->mappings) == 1)
		told |= SPACE_PAGE_ONE_MAPPING;
	return told;
}

co_t space_pages(struct co *co, struct space_pages *f)
{
	CO_BEGIN;
	CO_READ_LOCK(&f->space->lock);
	spin_lock(&f->space->pt_lock);
	for (unsigned n = 0; n < f->pages; n++) {
		const u64 *slot = pt_slot(f->space, f->addr + ((u64)n << PAGE_SHIFT));

		f->to[n] = slot && *slot ? describe(*slot, f->frames) : 0;
	}
	spin_unlock(&f->space->pt_lock);
	rwlock_unlock_read(&f->space->lock);
	CO_RETURN(0);
	CO_END;
}
