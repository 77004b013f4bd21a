/* mem/space/userfault_range.c -- which ranges a program settles the faults of, and what it says
 * of their pages without giving any.
 */
#include "core/base/bits.h"
#include "mem/space/pt.h"
#include "mem/space/userfault.h"
#include "mem/space/vma.h"

#define BUDGET 4096	/* as pt_run counts */
#define MARKS  32	/* copied at once */

/* --- write protection, and marks, of entries --- */

/* Protect the present pages of [*at, end), or take that away; false: there is more to do. */
static bool mark_some(struct space *s, u64 *at, u64 end, bool protect)
{
	int budget = BUDGET;
	bool flush = false;
	u64 from = *at, *slot;
	unsigned n;

	spin_lock(&s->pt_lock);
	while ((slot = pt_run(s, at, end, &n, &budget))) {
		budget -= (int)n;
		*at += (u64)n << PAGE_SHIFT;
		for (; n; n--, slot++) {
			u64 e = *slot;

			if (!e || e & PTE_POISONED)
				continue;
			/* Rights are only taken away: no break is needed. */
			flush |= protect && pt_is_writable(e);
			e = protect ? e | PTE_PROTECTED | HAL_PTE_RDONLY
				    : e & ~(u64)PTE_PROTECTED;
			atomic_store_relaxed(slot, e);
		}
	}
	if (flush)
		hal_tlb_flush_range(s->hal.asid, from, *at - from);
	hal_pt_publish();
	spin_unlock(&s->pt_lock);
	return *at >= end;
}

/* An entry that says something of a page which is nobody's. */
static bool is_mark(u64 e, const struct vma *v)
{
	return e & PTE_POISONED ||
	       (e & PTE_PROTECTED && v->flags & VMA_UF_WP && pt_page(e) == pt_zero_page);
}

int userfault_fork_marks(struct space *child, const struct vma *v, u64 *at)
{
	u64 va[MARKS], e[MARKS], *slot;
	unsigned n = 0, run;
	int budget = BUDGET, err = 0;

	if (!(v->flags & (VMA_POISONED | VMA_UF_WP)) || v->flags & (VMA_SHARED | VMA_WIPEONFORK))
		return 0;
	spin_lock(&v->space->pt_lock);
	while (n < MARKS && (slot = pt_run(v->space, at, v->end, &run, &budget))) {
		budget -= (int)run;
		for (; run && n < MARKS; run--, slot++, *at += PAGE_SIZE) {
			if (!*slot || !is_mark(*slot, v))
				continue;
			va[n] = *at;
			e[n++] = *slot;
		}
	}
	spin_unlock(&v->space->pt_lock);
	spin_lock(&child->pt_lock);
	for (unsigned i = 0; i < n && !err; i++) {
		slot = pt_slot_make(child, va[i]);
		if (slot)
			pt_set(child, slot, e[i]);
		else
			err = -ENOMEM;
	}
	spin_unlock(&child->pt_lock);
	return err ? err : *at < v->end;
}

/* --- registration --- */

static u32 flags_of(u64 mode)
{
	return (mode & UFFDIO_REGISTER_MODE_MISSING ? VMA_UF_MISSING : 0) |
	       (mode & UFFDIO_REGISTER_MODE_WP ? VMA_UF_WP : 0) |
	       (mode & UFFDIO_REGISTER_MODE_MINOR ? VMA_UF_MINOR : 0);
}

static struct userfault *owner_of(const struct vma *v)
{
	return v->userfault && !atomic_load(&v->userfault->released) ? v->userfault : NULL;
}

/* Anonymous memory, and objects in memory; only the former is protected from writes, only the
 * latter has minor faults. */
static bool is_fit(const struct vma *v, u64 mode)
{
	if (v->flags & VMA_FIXED)
		return false;
	if (!v->pager)
		return !(mode & UFFDIO_REGISTER_MODE_MINOR);
	return !(mode & UFFDIO_REGISTER_MODE_WP) && v->pager->ops->has &&
	       v->pager->ops->has(v->pager, 0) != -EINVAL;
}

static long check(struct userfault_register *f)
{
	struct vma *v = vma_find(f->on->space, f->start);

	if (!v || v->start >= f->end)
		return -EINVAL;
	for (; v && v->start < f->end; v = vma_next(v)) {
		if (!is_fit(v, f->mode))
			return -EINVAL;
		if (!f->mode)
			continue;
		if (!(v->flags & VMA_MAYWRITE))
			return -EPERM;
		if (owner_of(v) && owner_of(v) != f->on)
			return -EBUSY;
	}
	return 0;
}

/* The VMA at f->at is registered from now on, or not any more. */
static void set(struct userfault_register *f, struct vma *v)
{
	if (!f->mode) {
		if (owner_of(v))
			userfault_wake(v->userfault, v->start, v->end - v->start);
		userfault_clear_vma(v);
		return;
	}
	if (v->userfault != f->on) {
		userfault_clear_vma(v);
		userfault_get(f->on);
		v->userfault = f->on;
	}
	vma_set_flags(v, (v->flags & ~(u32)(VMA_UF_MISSING | VMA_UF_WP | VMA_UF_MINOR)) |
			 flags_of(f->mode) | VMA_USERFAULT);
}

/* The next one, which begins at f->at and is all meant; NULL: no more, or f->err. */
static struct vma *next(struct userfault_register *f)
{
	struct space *s = f->on->space;
	struct vma *v = vma_find(s, f->at);

	if (!v || v->start >= f->end)
		return NULL;
	f->at = max(f->at, v->start);
	f->err = vma_split(s, f->at);
	if (!f->err)
		f->err = vma_split(s, f->end);
	return f->err ? NULL : vma_at(s, f->at);
}

co_t userfault_register(struct co *co, struct userfault_register *f)
{
	struct space *s = f->on->space;
	struct vma *v;

	CO_BEGIN;
	if (!space_join_live(s))
		CO_RETURN(-ENOMEM);
	f->end = f->start + f->len;
	CO_WRITE_LOCK(&s->lock);
	f->err = check(f);
	f->at = f->start;
	while (!f->err && f->at < f->end && (v = next(f))) {
		f->to = v->end;
		/* What an earlier registration protected is so no more. */
		if (!(v->flags & VMA_UF_WP) || !f->mode)
			while (!mark_some(s, &f->at, f->to, false))
				CO_BREATHE;
		set(f, vma_at(s, f->to - 1));
		f->at = f->to;
		CO_BREATHE;
	}
	vma_merge_range(s, f->start, f->end);
	rwlock_unlock_write(&s->lock);
	CO_AWAIT(f->ignored, space_leave, .space = f->on->space);
	CO_RETURN(f->err);
	CO_END;
}

/* --- write protection --- */

co_t userfault_protect(struct co *co, struct userfault_protect *f)
{
	struct space *s = f->on->space;
	struct vma *v;

	CO_BEGIN;
	if (!space_join_live(s))
		CO_RETURN(-ESRCH);
	CO_WRITE_LOCK(&s->lock);
	f->err = -ENOENT;
	f->at = f->start;
	if (atomic_load(&f->on->changing)) {
		f->err = -EAGAIN;
		goto out;
	}
	while ((v = vma_find(s, f->at)) && v->start < f->start + f->len) {
		f->err = owner_of(v) && v->flags & VMA_UF_WP ? 0 : -ENOENT;
		if (f->err)
			break;
		f->at = max(f->at, v->start);
		f->to = min(v->end, f->start + f->len);
		while (!mark_some(s, &f->at, f->to, f->protect))
			CO_BREATHE;
		if (f->at >= f->start + f->len)
			break;
		CO_BREATHE;
	}
out:
	rwlock_unlock_write(&s->lock);
	CO_AWAIT(f->ignored, space_leave, .space = f->on->space);
	CO_RETURN(f->err);
	CO_END;
}
