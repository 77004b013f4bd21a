/* mem/space/userfault_fill.c -- the pages that a program puts where faults wait for them.
 *
 * What a page is made of is got without a lock: the program's own memory may fault. Then the
 * page goes in, whole or not at all, under the space's lock for writing (userfault.h says why).
 */
#include "core/base/bits.h"
#include "mem/phys/buddy.h"
#include "mem/space/pt.h"
#include "mem/space/reclaim.h"
#include "mem/space/uaccess.h"
#include "mem/space/userfault.h"
#include "mem/space/vma.h"

/* Of fill_page: a page of zeros is wanted in f->page. */
#define WANTS_PAGE 1

static struct userfault *owner_of(const struct vma *v)
{
	return v->userfault && !atomic_load(&v->userfault->released) ? v->userfault : NULL;
}

/* The VMA that all of it lies in. */
static struct vma *target(const struct userfault_fill *f)
{
	struct vma *v = vma_at(f->on->space, f->start);

	return v && f->start + f->len <= v->end && owner_of(v) ? v : NULL;
}

/* An entry where there is none. Takes over the reference of the page. 0, -EEXIST, -ENOMEM. */
static long put(const struct vma *v, u64 va, struct page *page, u64 e, u32 must)
{
	struct space *s = v->space;
	long err = 0;
	u64 *slot;

	spin_lock(&s->pt_lock);
	slot = pt_slot_make(s, va);
	if (!slot)
		err = -ENOMEM;
	else if (*slot)
		err = -EEXIST;
	else if ((atomic_load(&page->flags) & must) != must)
		err = -EFAULT;
	else
		pt_set(s, slot, e);
	spin_unlock(&s->pt_lock);
	return err;
}

static bool is_absent(const struct vma *v, u64 va)
{
	bool absent;
	u64 *slot;

	spin_lock(&v->space->pt_lock);
	slot = pt_slot(v->space, va);
	absent = !slot || !*slot;
	spin_unlock(&v->space->pt_lock);
	return absent;
}

static u64 entry(const struct userfault_fill *f, const struct vma *v, const struct page *page,
		 bool writable)
{
	u64 e = pt_entry(page, v->flags, writable && !f->protect);

	return f->protect ? e | PTE_PROTECTED : e;
}

/* Private memory gets it for its own. */
static long put_private(struct userfault_fill *f, struct vma *v, u64 va)
{
	long err;

	/* Before there is one, for fork, as with a fault. */
	atomic_store_relaxed(&v->copied, true);
	if (!f->page)
		return put(v, va, pt_zero_page, entry(f, v, pt_zero_page, false), 0);
	atomic_store_relaxed(&f->page->flags, (u32)(PAGE_ANON | PAGE_UPTODATE));
	err = put(v, va, f->page, entry(f, v, f->page, v->flags & VMA_WRITE), 0);
	if (!err)
		f->page = NULL;
	return err;
}

/* Shared memory's object gets it; then it is shown as a fault would show it. */
static long put_shared(struct userfault_fill *f, const struct vma *v, u64 va)
{
	struct page *page = f->page;
	u64 index = vma_index(v, va);
	long err;

	if (!page)
		return WANTS_PAGE;
	if (!is_absent(v, va))
		return -EEXIST;
	phys_page_get(page);
	err = v->pager->ops->supply(v->pager, index, page);
	if (err) {
		phys_page_put(page);
		return err == -ENXIO ? -EFAULT : err;
	}
	err = put(v, va, page, entry(f, v, page, false), PAGE_CACHE);
	if (err)
		return err == -ENOMEM ? 0 : err; /* it is there, and a fault will find it */
	f->page = NULL;
	return 0;
}

static long show(struct userfault_fill *f, const struct vma *v, u64 va)
{
	u64 index = vma_index(v, va);
	struct page *two[2] = {};
	long err = -EFAULT;

	if (!v->pager || !v->pager->ops->has)
		return -EINVAL;
	if (!is_absent(v, va))
		return -EEXIST;
	/* Two at once, so that a pager which makes pages on demand does not. */
	v->pager->ops->peek(v->pager, index, 2, false, two);
	if (two[0]) {
		err = put(v, va, two[0], entry(f, v, two[0], false), PAGE_CACHE);
		if (err)
			phys_page_put(two[0]);
	}
	if (two[1])
		phys_page_put(two[1]);
	return err;
}

static long poison(const struct userfault_fill *f, struct vma *v, u64 va)
{
	u64 e = pt_entry(pt_zero_page, 0, false) | PTE_POISONED;
	long err = put(v, va, pt_zero_page, e, 0);

	if (!err && !(v->flags & VMA_POISONED))
		vma_set_flags(v, v->flags | VMA_POISONED);
	return err;
}

/* --- moving --- */

static bool may_move(const struct userfault_fill *f, const struct vma *from, const struct vma *to)
{
	const u32 same = VMA_PROT | VMA_SHARED | VMA_LOCKED;

	return from && f->src + f->len <= from->end && owner_of(to) == f->on && !from->pager &&
	       !to->pager && !(from->flags & VMA_SHARED) && from->flags & VMA_WRITE &&
	       !((from->flags ^ to->flags) & same);
}

/* May the page be taken from there? */
static long check_moved(const struct userfault_fill *f, const u64 *slot)
{
	const struct page *p;

	if (!slot || !*slot)
		return f->holes ? WANTS_PAGE : -ENOENT;
	if (*slot & PTE_POISONED)
		return -EBUSY;
	p = pt_page(*slot);
	return p == pt_zero_page || (atomic_load(&p->flags) & PAGE_ANON &&
				     atomic_load(&p->refs) == 1) ? 0 : -EBUSY;
}

static long move_page(struct userfault_fill *f, const struct vma *to, u64 va)
{
	struct space *s = to->space;
	u64 at = f->src + f->done, *slot;
	long err = 0;

	if (!may_move(f, vma_at(s, f->src), to))
		return -EINVAL;
	spin_lock(&s->pt_lock);
	slot = pt_slot_make(s, va);
	if (!slot)
		err = -ENOMEM;
	else if (*slot)
		err = -EEXIST;
	if (!err)
		err = check_moved(f, pt_slot(s, at));
	if (!err) {
		slot = pt_slot(s, at);
		/* The mark was the old place's. */
		atomic_store_relaxed(slot, *slot & ~(u64)PTE_PROTECTED);
	}
	spin_unlock(&s->pt_lock);
	if (!err)
		(void)pt_move_some(s, &at, at + PAGE_SIZE, va - at);
	return err == WANTS_PAGE ? 0 : err;
}

/* --- one page, then all --- */

static long fill_page(struct userfault_fill *f)
{
	struct vma *v = target(f);
	u64 va = f->start + f->done;

	if (atomic_load(&f->on->changing))
		return -EAGAIN;
	if (!v)
		return f->how == USERFAULT_MOVE ? -EINVAL : -ENOENT;
	if (f->protect && !(v->flags & VMA_UF_WP))
		return -EINVAL;
	switch (f->how) {
	case USERFAULT_CONTINUE:
		return show(f, v, va);
	case USERFAULT_POISON:
		return poison(f, v, va);
	case USERFAULT_MOVE:
		return move_page(f, v, va);
	case USERFAULT_COPY:
	case USERFAULT_ZERO:
		break;
	}
	return v->flags & VMA_SHARED ? put_shared(f, v, va) : put_private(f, v, va);
}

/* What the next page is made of, and the page itself in its place. */
struct fill_one {
	struct co_frame co;
	struct userfault_fill *up;
	long err;
};
static co_t fill_one(struct co *co, struct fill_one *f)
{
	struct userfault_fill *up = f->up;

	CO_BEGIN;
	if (up->how == USERFAULT_COPY && !up->page) {
		CO_AWAIT(f->err, page_alloc_await, .flags = BUDDY_USER, .page = &up->page);
		if (f->err)
			CO_RETURN(f->err);
		CO_COPY_FROM_USER(f->err, phys_page_data(up->page), uptr_of(up->src + up->done),
				  PAGE_SIZE);
		if (f->err)
			CO_RETURN(f->err);
	}
	for (;;) {
		CO_WRITE_LOCK(&up->on->space->lock);
		f->err = fill_page(up);
		rwlock_unlock_write(&up->on->space->lock);
		if (f->err == WANTS_PAGE)
			CO_AWAIT(f->err, page_alloc_await, .flags = BUDDY_USER | BUDDY_ZERO,
				 .page = &up->page);
		else if (f->err == -ENOMEM)
			CO_AWAIT(f->err, reclaim_await, .pages = 8);
		else
			CO_RETURN(f->err);
		if (f->err)
			CO_RETURN(f->err);
	}
	CO_END;
}

static bool is_killed(struct co *co)
{
	return atomic_load_relaxed(&co_task(co)->flags) & TASK_KILLED;
}

co_t userfault_fill(struct co *co, struct userfault_fill *f)
{
	CO_BEGIN;
	if (!space_join_live(f->on->space))
		CO_RETURN(-ESRCH);
	while (!f->err && f->done < f->len) {
		CO_AWAIT(f->err, fill_one, .up = f);
		if (f->page) {
			phys_page_put(f->page);
			f->page = NULL;
		}
		if (!f->err)
			f->done += PAGE_SIZE;
		if (!f->err && is_killed(co))
			f->err = -EINTR;
		CO_BREATHE;
	}
	CO_AWAIT(f->ignored, space_leave, .space = f->on->space);
	CO_RETURN(f->done ? (i64)f->done : f->err);
	CO_END;
}
