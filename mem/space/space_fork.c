/* mem/space/space_fork.c -- the copy of a space.
 *
 * VMAs are copied; of the pages only the private ones that faults could not bring back:
 * anonymous memory and the copies made of private file pages. Both spaces then have them
 * read-only, and whoever writes first makes his own. The page cache's pages are left to the
 * child's faults.
 *
 * pt_lock of two spaces is never held at once: a batch is taken down in one, then put up in
 * the other.
 */
#include "core/base/bits.h"
#include "core/base/string.h"
#include "mem/space/pt.h"
#include "mem/space/reclaim.h"
#include "mem/space/vma.h"

struct copied {
	u64 va, e;
};

/* Write-protect up to PT_BATCH private pages from *at on and note them, each with a
 * reference for the child. */
static unsigned take_down(struct space *s, u64 *at, u64 end, struct copied *to)
{
	u64 *slots[PT_BATCH], *slot, first = 0, last = 0;
	unsigned n = 0, looked = 0;
	bool broken = false;

	spin_lock(&s->pt_lock);
	while (n < PT_BATCH && looked++ < 8 * PT_BATCH && (slot = pt_next(s, at, end))) {
		u64 e = *slot, va = *at;
		struct page *p = pt_page(e);

		*at += PAGE_SIZE;
		if (p == pt_zero_page || !(p->flags & PAGE_ANON))
			continue;
		phys_page_get(p);
		slots[n] = NULL;
		if (pt_is_writable(e)) {
			slots[n] = slot;
			if (!broken)
				first = va;
			last = va;
			broken = true;
			atomic_store_relaxed(slot, 0ul);
		}
		to[n++] = (struct copied){va, e | HAL_PTE_RDONLY};
	}
	if (broken)
		hal_tlb_flush_range(s->hal.asid, first, last + PAGE_SIZE - first);
	for (unsigned i = 0; i < n; i++)
		if (slots[i])
			atomic_store(slots[i], to[i].e);
	if (broken)
		hal_pt_publish();
	spin_unlock(&s->pt_lock);
	return n;
}

/* Put them up in the child; how many found room. */
static unsigned put_up(struct space *child, const struct copied *from, unsigned n)
{
	u64 *slot = NULL, last = 0;
	unsigned done = 0;

	spin_lock(&child->pt_lock);
	for (; done < n; done++) {
		u64 va = from[done].va;

		if (slot && va / PT_LEAF_SPAN == last / PT_LEAF_SPAN)
			slot += (va - last) >> PAGE_SHIFT;
		else
			slot = pt_slot_make(child, va);
		if (!slot)
			break;
		pt_fill(child, slot, from[done].e);
		last = va;
	}
	hal_pt_publish();
	spin_unlock(&child->pt_lock);
	return done;
}

/* Copy pages of a VMA: 1 more to do, 0 done, -ENOMEM (then *at is where to go on). */
static int copy_some(struct space *s, struct space *child, u64 *at, u64 end)
{
	struct copied batch[PT_BATCH];

	for (int i = 0; i < 8 && *at < end; i++) {
		unsigned n = take_down(s, at, end, batch);
		unsigned done = put_up(child, batch, n);

		if (done == n)
			continue;
		*at = batch[done].va;
		for (; done < n; done++)
			phys_page_put(pt_page(batch[done].e));
		return -ENOMEM;
	}
	return *at < end;
}

static int copy_vma(struct space *child, const struct vma *v)
{
	struct vma *c = vma_new(child);

	if (!c)
		return -ENOMEM;
	c->start = v->start;
	c->end = v->end;
	c->flags = v->flags & ~(u32)VMA_LOCKED;
	vma_set_pager(c, v->pager, v->file, v->pgoff);
	vma_insert(c);
	return 0;
}

static void copy_header(struct space *to, const struct space *from)
{
	to->mmap_base = from->mmap_base;
	to->brk_start = from->brk_start;
	to->brk = from->brk;
	to->stack_start = from->stack_start;
	to->arg_start = from->arg_start;
	to->arg_end = from->arg_end;
	to->env_start = from->env_start;
	to->env_end = from->env_end;
	to->code_start = from->code_start;
	to->code_end = from->code_end;
	to->data_start = from->data_start;
	to->data_end = from->data_end;
	to->vdso = from->vdso;
	to->auxv_words = from->auxv_words;
	memcpy(to->auxv, from->auxv, sizeof(to->auxv));
	to->dumpable = from->dumpable;
	to->limit_as = from->limit_as;
	to->limit_data = from->limit_data;
	to->limit_stack = from->limit_stack;
	to->limit_memlock = from->limit_memlock;
}

co_t space_fork(struct co *co, struct space_fork *f)
{
	CO_BEGIN;
	f->child = space_new();
	if (!f->child)
		CO_RETURN(-ENOMEM);
	CO_WRITE_LOCK(&f->space->lock);
	copy_header(f->child, f->space);
	for (f->vma = vma_find(f->space, 0); f->vma; f->vma = vma_next(f->vma)) {
		if (f->vma->flags & VMA_DONTFORK)
			continue;
		f->err = copy_vma(f->child, f->vma);
		if (f->err)
			break;
		if (f->vma->flags & (VMA_SHARED | VMA_WIPEONFORK))
			continue;
		f->at = f->vma->start;
		while ((f->err = copy_some(f->space, f->child, &f->at, f->vma->end))) {
			if (f->err == -ENOMEM) {
				CO_AWAIT(f->err, reclaim_await, .pages = 16);
				if (f->err)
					break;
			}
			CO_BREATHE;
		}
		if (f->err)
			break;
	}
	rwlock_unlock_write(&f->space->lock);
	if (f->err)
		CO_AWAIT(f->ignored, space_leave, .space = f->child);
	else
		*f->to = f->child;
	CO_RETURN(f->err);
	CO_END;
}
