/* mem/space/space_protect.c -- changing what a range is: mprotect, madvise; mincore. */
#include <linux/mman.h>

#include "core/base/bits.h"
#include "mem/space/commit.h"
#include "mem/space/pt.h"
#include "mem/space/userfault.h"
#include "mem/space/vma.h"

static bool range_ok(u64 addr, u64 len, u64 *end)
{
	return !(addr & ~PAGE_MASK) && len <= HAL_USER_END && addr <= HAL_USER_END &&
	       (*end = PAGE_UP(addr + len)) <= HAL_USER_END;
}

/* --- mprotect --- */

/* `pages` of v are meant. */
static long may_protect(const struct vma *v, u32 prot, u64 pages)
{
	if (prot & VMA_WRITE && !(v->flags & VMA_MAYWRITE))
		return -EACCES;
	if (prot & VMA_EXEC && !(v->flags & VMA_MAYEXEC))
		return -EACCES;
	if (vma_accounted((v->flags & ~(u32)VMA_PROT) | prot) & ~v->flags & VMA_ACCOUNT &&
	    !commit_may(pages, v->space->pages_total))
		return -ENOMEM;
	return 0;
}

/* Split out [f->at, f->to) of the VMA at f->at and give it its new rights; the page tables
 * come after. 0, -ENOMEM for a hole, or an error. */
static long protect_vma(struct space_protect *f)
{
	struct vma *v = vma_at(f->space, f->at);
	long err;

	if (!v)
		return -ENOMEM;
	err = v->flags & VMA_SEALED ? -EPERM
	      : may_protect(v, f->prot, (min(v->end, f->end) - f->at) >> PAGE_SHIFT);
	if (!err)
		err = vma_split(f->space, f->at);
	if (!err)
		err = vma_split(f->space, f->end);
	if (err)
		return err;
	v = vma_at(f->space, f->at);
	f->to = min(v->end, f->end);
	f->flags = vma_accounted((v->flags & ~(u32)VMA_PROT) | f->prot);
	vma_set_flags(v, f->flags);
	return 0;
}

co_t space_protect(struct co *co, struct space_protect *f)
{
	struct vma *v;

	CO_BEGIN;
	if (f->prot & ~(u32)(VMA_PROT | PROT_GROWSDOWN | PROT_GROWSUP) ||
	    f->prot & PROT_GROWSUP)
		CO_RETURN(-EINVAL);
	if (f->addr & ~PAGE_MASK)
		CO_RETURN(-EINVAL);
	if (!f->len)
		CO_RETURN(0);
	if (!range_ok(f->addr, f->len, &f->end))
		CO_RETURN(-ENOMEM);
	CO_WRITE_LOCK(&f->space->lock);
	f->at = f->addr;
	if (f->prot & PROT_GROWSDOWN) {
		v = vma_find(f->space, f->addr);
		f->err = -EINVAL;
		if (!v || v->start >= f->end || !(v->flags & VMA_GROWSDOWN))
			goto out;
		f->at = v->start;
	}
	f->prot &= VMA_PROT;
	f->err = 0;
	while (f->at < f->end) {
		f->err = protect_vma(f);
		if (f->err)
			break;
		while (!pt_protect_some(f->space, &f->at, f->to, f->flags))
			CO_BREATHE;
		f->at = f->to;
		CO_BREATHE;
	}
	vma_merge_range(f->space, f->addr, f->end);
out:
	rwlock_unlock_write(&f->space->lock);
	CO_RETURN(f->err);
	CO_END;
}

/* --- madvise --- */

static bool advice_known(u32 advice)
{
	switch (advice) {
	case MADV_NORMAL:
	case MADV_RANDOM:
	case MADV_SEQUENTIAL:
	case MADV_WILLNEED:
	case MADV_DONTNEED:
	case MADV_DONTNEED_LOCKED:
	case MADV_FREE:
	case MADV_REMOVE:
	case MADV_DONTFORK:
	case MADV_DOFORK:
	case MADV_WIPEONFORK:
	case MADV_KEEPONFORK:
	case MADV_DONTDUMP:
	case MADV_DODUMP:
	case MADV_HUGEPAGE:
	case MADV_NOHUGEPAGE:
	case MADV_MERGEABLE:
	case MADV_UNMERGEABLE:
	case MADV_COLD:
	case MADV_PAGEOUT:
	case MADV_POPULATE_READ:
	case MADV_POPULATE_WRITE:
		return true;
	}
	return false;
}

/* The flags a VMA has after such advice. */
static u32 advised_flags(u32 flags, u32 advice)
{
	switch (advice) {
	case MADV_DONTFORK:
		return flags | VMA_DONTFORK;
	case MADV_DOFORK:
		return flags & ~(u32)VMA_DONTFORK;
	case MADV_WIPEONFORK:
		return flags | VMA_WIPEONFORK;
	case MADV_KEEPONFORK:
		return flags & ~(u32)VMA_WIPEONFORK;
	case MADV_DONTDUMP:
		return flags | VMA_DONTDUMP;
	case MADV_DODUMP:
		return flags & ~(u32)VMA_DONTDUMP;
	}
	return flags;
}

/* Would it lose what a sealed mapping that cannot be written holds? */
static bool breaks_seal(const struct vma *v, u32 advice)
{
	if (!(v->flags & VMA_SEALED) || v->flags & VMA_WRITE || v->pager)
		return false;
	return advice == MADV_DONTNEED || advice == MADV_FREE || advice == MADV_DONTFORK ||
	       advice == MADV_DONTNEED_LOCKED || advice == MADV_WIPEONFORK;
}

static long may_advise(const struct vma *v, u32 advice)
{
	bool ours = v->flags & VMA_FIXED;

	if (breaks_seal(v, advice))
		return -EPERM;
	switch (advice) {
	case MADV_DONTNEED:
	case MADV_COLD:
	case MADV_PAGEOUT:
		return v->flags & VMA_LOCKED || ours ? -EINVAL : 0;
	case MADV_DONTNEED_LOCKED:
		return ours ? -EINVAL : 0;
	case MADV_FREE:
		return v->flags & VMA_LOCKED || v->pager ? -EINVAL : 0;
	case MADV_WIPEONFORK:
		return v->pager ? -EINVAL : 0;
	case MADV_REMOVE:
		if (v->flags & VMA_LOCKED || !v->pager || !v->pager->ops->discard.step)
			return -EINVAL;
		return (v->flags & (VMA_SHARED | VMA_WRITE)) == (VMA_SHARED | VMA_WRITE)
			       ? 0 : -EACCES;
	case MADV_DOFORK:
	case MADV_DODUMP:
		return ours ? -EINVAL : 0;
	}
	return 0;
}

/* Apply the advice to the VMA from f->at on; f->at moves to where its page tables are to be
 * emptied up to f->end of it. false: nothing more to do for this VMA. */
static long advise_vma(struct space_advise *f, struct vma *v, u64 *to)
{
	u32 flags = advised_flags(v->flags, f->advice);
	long err = may_advise(v, f->advice);

	*to = min(v->end, f->end);
	if (err || flags == v->flags)
		return err;
	err = vma_split(f->space, f->at);
	if (!err)
		err = vma_split(f->space, f->end);
	if (!err)
		vma_set_flags(vma_at(f->space, f->at), flags);
	return err;
}

static bool discards(u32 advice)
{
	return advice == MADV_DONTNEED || advice == MADV_FREE || advice == MADV_DONTNEED_LOCKED;
}

/* Must the program that settles v's faults hear of it first? */
static bool advise_tells(struct space_advise *f, const struct vma *v, u64 to)
{
	int noted;

	if (f->at < f->told)
		return false;
	noted = userfault_note_remove(v, f->at, to);
	f->err = min(noted, 0);
	f->told = to;
	return noted;
}

/* One step of it: true when the range is done or f->err is set. */
static bool advise_some(struct space_advise *f)
{
	struct vma *v = vma_find(f->space, f->at);
	u64 to;

	if (f->at >= f->end)
		return true;
	if (!v || v->start >= f->end) {
		f->hole = true;
		return true;
	}
	if (v->start > f->at) {
		f->hole = true;
		f->at = v->start;
	}
	f->err = advise_vma(f, v, &to);
	if (f->err)
		return true;
	if (v->flags & VMA_USERFAULT && discards(f->advice) && advise_tells(f, v, to))
		return f->err;
	if (!discards(f->advice) || pt_clear_some(f->space, &f->at, to, PT_ALL))
		f->at = to;
	return false;
}

/* MADV_REMOVE of the mapping at f->at: what is to go, with its object kept. false: the end. */
static bool next_removed(struct space_advise *f)
{
	struct vma *v = vma_find(f->space, f->at);
	u64 from;

	f->pager = NULL;
	if (!v || v->start > f->at)
		f->hole = true;
	if (!v || v->start >= f->end)
		return false;
	f->err = may_advise(v, f->advice);
	if (f->err)
		return false;
	from = max(f->at, v->start);
	f->index = vma_index(v, from);
	f->count = (min(v->end, f->end) - from) >> PAGE_SHIFT;
	f->at = min(v->end, f->end);
	f->pager = v->pager;
	f->file = v->file;
	if (v->flags & VMA_USERFAULT)
		f->err = min(userfault_note_remove(v, from, f->at), 0);
	f->pager->ops->get(f->pager);
	if (f->file && f->pager->ops->file_get)
		f->pager->ops->file_get(f->file);
	return true;
}

struct advise_remove {
	struct co_frame co;
	struct space_advise *advise;
	long err;
	bool more;
};
static co_t advise_remove(struct co *co, struct advise_remove *f)
{
	struct space_advise *a = f->advise;

	CO_BEGIN;
	while (a->at < a->end) {
		CO_WRITE_LOCK(&a->space->lock);
		f->more = next_removed(a);
		rwlock_unlock_write(&a->space->lock);
		if (!f->more)
			break;
		USERFAULT_SETTLE(a->space);
		if (!a->err)
			CO_AWAIT_OP(a->err, a->pager->ops->discard, .pager = a->pager,
				    .file = a->file, .index = a->index, .count = a->count);
		if (a->file && a->pager->ops->file_put)
			a->pager->ops->file_put(a->file);
		a->pager->ops->put(a->pager);
		if (a->err)
			break;
	}
	CO_RETURN(a->err ? a->err : a->hole ? -ENOMEM : 0);
	CO_END;
}

co_t space_advise(struct co *co, struct space_advise *f)
{
	CO_BEGIN;
	if (f->advice == MADV_HWPOISON || f->advice == MADV_SOFT_OFFLINE)
		CO_RETURN(-EPERM);
	if (!advice_known(f->advice) || f->addr & ~PAGE_MASK ||
	    add_overflows(f->addr, f->len, &f->end) || PAGE_UP(f->end) < f->end)
		CO_RETURN(-EINVAL);
	if (!f->len)
		CO_RETURN(0);
	if (!range_ok(f->addr, f->len, &f->end))
		CO_RETURN(-ENOMEM);	/* nothing is mapped there */
	if (f->advice == MADV_POPULATE_READ || f->advice == MADV_POPULATE_WRITE) {
		CO_AWAIT(f->err, space_populate, .space = f->space, .addr = f->addr,
			 .len = f->end - f->addr,
			 .flags = f->advice == MADV_POPULATE_READ ? VMA_READ : VMA_WRITE);
		CO_RETURN(f->err);
	}
	f->at = f->addr;
	if (f->advice == MADV_REMOVE) {
		CO_AWAIT(f->err, advise_remove, .advise = f);
		CO_RETURN(f->err);
	}
	CO_WRITE_LOCK(&f->space->lock);
	while (!advise_some(f)) {
		if (f->told > f->at && f->told != f->settled) {
			f->settled = f->told;
			rwlock_unlock_write(&f->space->lock);
			USERFAULT_SETTLE(f->space);
			CO_WRITE_LOCK(&f->space->lock);
		}
		CO_BREATHE;
	}
	if (!discards(f->advice))
		vma_merge_range(f->space, f->addr, f->end);
	rwlock_unlock_write(&f->space->lock);
	CO_RETURN(f->err ? f->err : f->hole ? -ENOMEM : 0);
	CO_END;
}

/* --- mincore --- */

static u8 in_core(struct space *s, struct vma *v, u64 va)
{
	struct page *page = NULL;
	u64 *slot;
	bool in;

	spin_lock(&s->pt_lock);
	slot = pt_slot(s, va);
	in = slot && *slot;
	spin_unlock(&s->pt_lock);
	if (in || !v->pager)
		return in;
	/* Two at once, so that a pager which makes pages on demand does not. */
	struct page *two[2] = {};

	v->pager->ops->peek(v->pager, vma_index(v, va), 2, false, two);
	page = two[0];
	for (int i = 0; i < 2; i++)
		if (two[i])
			phys_page_put(two[i]);
	return page != NULL;
}

static long core_pages(struct space_mincore *f)
{
	struct vma *v = NULL;

	for (u64 i = 0; i < f->pages; i++) {
		u64 va = f->addr + (i << PAGE_SHIFT);

		if (!v || va >= v->end)
			v = vma_at(f->space, va);
		if (!v)
			return -ENOMEM;
		f->to[i] = in_core(f->space, v, va);
	}
	return 0;
}

co_t space_mincore(struct co *co, struct space_mincore *f)
{
	long err;

	CO_BEGIN;
	if (f->addr & ~PAGE_MASK || f->pages > 4096)
		CO_RETURN(-EINVAL);
	CO_READ_LOCK(&f->space->lock);
	err = core_pages(f);
	rwlock_unlock_read(&f->space->lock);
	CO_RETURN(err);
	CO_END;
}
