/* mem/space/fault.c -- page faults.
 *
 * resolve() does everything that can be done without waiting, under the space's lock for
 * reading; it either settles the fault or says in a fault_need what is missing. fault_try
 * calls it once. fault_handle calls it again and again, lets go of the lock, gets what was
 * missing (a page from the pager, memory, a larger stack), and starts over: whatever changed
 * meanwhile is simply seen.
 *
 * A page of the pager enters the tables only while pt_lock is held and its flags say that it
 * is still what we were given (see pager.h).
 */
#include "mem/space/fault.h"

#include "core/base/bits.h"
#include "core/base/log.h"
#include "mem/phys/buddy.h"
#include "mem/space/commit.h"
#include "mem/space/pt.h"
#include "mem/space/reclaim.h"
#include "mem/space/userfault.h"
#include "mem/space/vma.h"

#define AROUND 16 /* pages mapped with one fault, at most */

struct fault_stats fault_stats;

static enum fault_result needs(struct fault_need *n, typeof(n->what) what)
{
	n->what = what;
	return FAULT_WAIT;
}

static enum fault_result needs_page(struct fault_need *n, struct pager *p, u64 index, bool write)
{
	n->pager = p;
	n->index = index;
	n->write = write;
	return needs(n, FAULT_NEEDS_PAGE);
}

/* The page awaited for exactly this, if it is that; its reference goes to the caller. */
static struct page *take_given(struct fault_need *n, struct pager *p, u64 index, bool write)
{
	struct page *page = n->page;

	if (!page || n->pager != p || n->index != index || n->write != write)
		return NULL;
	n->page = NULL;
	return page;
}

static bool allowed(const struct vma *v, unsigned access)
{
	if (access & HAL_WRITE)
		return v->flags & VMA_WRITE ||
		       (access & FAULT_FORCE && (v->flags & (VMA_SHARED | VMA_MAYWRITE)) == VMA_MAYWRITE);
	if (access & HAL_EXEC)
		return v->flags & VMA_EXEC;
	return v->flags & VMA_PROT || access & FAULT_FORCE;
}

/* --- private pages --- */

static struct page *private_copy(struct page *from)
{
	struct page *p = buddy_alloc(0, BUDDY_USER | (from ? 0 : BUDDY_ZERO));

	if (!p)
		return NULL;
	if (from)
		string_copy_page(phys_page_data(p), phys_page_data(from));
	atomic_store_relaxed(&p->flags, (u32)(PAGE_ANON | PAGE_UPTODATE));
	return p;
}

/* Put `fresh` where the entry was `e`. Takes over its reference. */
static void put_copy(struct space *s, const struct vma *v, u64 va, u64 *slot, u64 e,
		     struct page *fresh) REQUIRES(s->pt_lock)
{
	u64 made = pt_entry(fresh, v->flags, v->flags & VMA_WRITE);

	if (e)
		pt_replace(s, va, slot, made);
	else
		pt_set(s, slot, made);
}

/* A write to private memory. `source`: what an absent entry would show (the caller's
 * reference is taken over), NULL for zeros. */
static enum fault_result private_write(struct space *s, const struct vma *v, u64 va,
				       unsigned access, struct page *source,
				       struct fault_need *need)
{
	enum fault_result result = FAULT_DONE;
	struct page *fresh = NULL;
	bool settled = true;
	u64 *slot, e = 0;

	spin_lock(&s->pt_lock);
	slot = pt_slot_make(s, va);
	if (!slot) {
		result = needs(need, FAULT_NEEDS_MEMORY);
	} else if (!pt_allows(e = *slot, access)) {
		struct page *p = e ? pt_page(e) : NULL;

		if (p && atomic_load(&p->flags) & PAGE_ANON && atomic_load(&p->refs) == 1) {
			/* Nobody else has it. */
			pt_change(s, va, slot, pt_entry(p, v->flags, v->flags & VMA_WRITE));
		} else {
			settled = false;
			if (p) {
				if (source)
					phys_page_put(source);
				source = p == pt_zero_page ? NULL : p;
				if (source)
					phys_page_get(source);
			}
		}
	}
	spin_unlock(&s->pt_lock);
	if (settled)
		goto out;

	fresh = private_copy(source);
	if (!fresh) {
		result = needs(need, FAULT_NEEDS_MEMORY);
		goto out;
	}
	spin_lock(&s->pt_lock);
	if (*slot == e && (e || !source || atomic_load(&source->flags) & PAGE_CACHE)) {
		put_copy(s, v, va, slot, e, fresh);
		fresh = NULL;
	} /* else: it changed; the access is tried again, and faults again if it must */
	spin_unlock(&s->pt_lock);
	if (fresh)
		phys_page_put(fresh);
out:
	if (source)
		phys_page_put(source);
	return result;
}

static enum fault_result anon_read(struct space *s, const struct vma *v, u64 va,
				   struct fault_need *need)
{
	u64 *slot;

	spin_lock(&s->pt_lock);
	slot = pt_slot_make(s, va);
	if (slot && !*slot)
		pt_set(s, slot, pt_entry(pt_zero_page, v->flags, false));
	spin_unlock(&s->pt_lock);
	return slot ? FAULT_DONE : needs(need, FAULT_NEEDS_MEMORY);
}

/* --- pages of a pager --- */

static struct page *peek_one(struct pager *p, u64 index, bool write)
{
	struct page *page = NULL;

	p->ops->peek(p, index, 1, write, &page);
	return page;
}

/* Map what is there of the pages around va, va's own at least. */
static enum fault_result pager_read(struct space *s, const struct vma *v, u64 va,
				    struct fault_need *need)
{
	/* Of what its program is to be asked about, this page only. */
	u64 around = v->flags & VMA_UF_MINOR ? PAGE_SIZE : AROUND * PAGE_SIZE;
	u64 window = va & ~(around - 1);
	u64 first = max(window, v->start), last = min(window + around, v->end);
	unsigned n = (unsigned)((last - first) >> PAGE_SHIFT);
	unsigned mine = (unsigned)((va - first) >> PAGE_SHIFT);
	struct page *pages[AROUND] = {};
	bool found;
	u64 *slot;

	v->pager->ops->peek(v->pager, vma_index(v, first), n, false, pages);
	if (!pages[mine])
		pages[mine] = take_given(need, v->pager, vma_index(v, va), false);
	if (!pages[mine])
		pages[mine] = peek_one(v->pager, vma_index(v, va), false);
	found = pages[mine];

	spin_lock(&s->pt_lock);
	slot = pt_slot_make(s, va);
	if (slot) /* the window lies in one table */
		pt_fill(s, slot - mine, pages, n, v->flags);
	spin_unlock(&s->pt_lock);
	for (unsigned i = 0; i < n; i++)
		if (pages[i])
			phys_page_put(pages[i]);
	if (!slot)
		return needs(need, FAULT_NEEDS_MEMORY);
	return found ? FAULT_DONE : needs_page(need, v->pager, vma_index(v, va), false);
}

static enum fault_result shared_write(struct space *s, const struct vma *v, u64 va,
				      struct fault_need *need)
{
	const u32 must = PAGE_CACHE | PAGE_DIRTY;
	u64 index = vma_index(v, va), *slot, e;
	struct page *page = take_given(need, v->pager, index, true);

	if (!page)
		page = peek_one(v->pager, index, true);
	if (!page)
		return needs_page(need, v->pager, index, true);
	e = pt_entry(page, v->flags, true);
	spin_lock(&s->pt_lock);
	slot = pt_slot_make(s, va);
	if (slot && *slot != e && (atomic_load(&page->flags) & must) == must) {
		if (*slot && pt_page(*slot) == page) {
			pt_change(s, va, slot, e);
		} else {
			phys_page_get(page);
			if (*slot)
				pt_replace(s, va, slot, e);
			else
				pt_set(s, slot, e);
		}
	}
	spin_unlock(&s->pt_lock);
	phys_page_put(page);
	return slot ? FAULT_DONE : needs(need, FAULT_NEEDS_MEMORY);
}

static bool already(struct space *s, u64 va, unsigned access)
{
	u64 *slot;
	bool yes;

	spin_lock(&s->pt_lock);
	slot = pt_slot(s, va);
	yes = slot && pt_allows(*slot, access);
	spin_unlock(&s->pt_lock);
	return yes;
}

static enum fault_result pager_private_write(struct space *s, struct vma *v, u64 va,
					     unsigned access, struct fault_need *need)
{
	struct page *source = NULL;
	u64 *slot;
	bool absent;

	spin_lock(&s->pt_lock);
	slot = pt_slot(s, va);
	absent = !slot || !*slot;
	spin_unlock(&s->pt_lock);
	if (absent) {
		u64 index = vma_index(v, va);

		source = take_given(need, v->pager, index, false);
		if (!source)
			source = peek_one(v->pager, index, false);
		if (!source)
			return needs_page(need, v->pager, index, false);
	}
	/* Before there is a copy: fork, which looks, waits until this has let go of the lock. */
	atomic_store_relaxed(&v->copied, true);
	return private_write(s, v, va, access, source, need);
}

/* --- putting it together --- */

/* false: what becomes of it is the program's to say, or is *result. */
static bool is_ours(const struct vma *v, u64 va, unsigned access, struct fault_need *need,
		    enum fault_result *result)
{
	u32 why;

	*result = userfault_look(v, va, access, &why);
	/* What this fault itself made is not what the object had. */
	if (*result == FAULT_WAIT && why & UFFD_PAGEFAULT_FLAG_MINOR && need->page)
		*result = FAULT_DONE;
	if (*result == FAULT_WAIT)
		needs(need, FAULT_NEEDS_PROGRAM);
	return *result == FAULT_DONE;
}

/* The space's lock is held for reading. */
static enum fault_result resolve(struct space *s, u64 va, unsigned access,
				 struct fault_need *need)
{
	struct vma *v = vma_find(s, va);
	enum fault_result result;

	if (!v)
		return FAULT_MAPERR;
	if (va < v->start)
		return v->flags & VMA_GROWSDOWN ? needs(need, FAULT_NEEDS_GROWTH) : FAULT_MAPERR;
	if (!allowed(v, access))
		return FAULT_ACCERR;
	va = PAGE_DOWN(va);
	if (v->flags & VMA_USERFAULT && !is_ours(v, va, access, need, &result))
		return result;
	if (!v->pager)
		return access & HAL_WRITE ? private_write(s, v, va, access, NULL, need)
					  : anon_read(s, v, va, need);
	/* Ask the pager only for what is really missing: it may not have it any more. */
	if (already(s, va, access))
		return FAULT_DONE;
	if (!(access & HAL_WRITE))
		return pager_read(s, v, va, need);
	if (v->flags & VMA_SHARED)
		return shared_write(s, v, va, need);
	return pager_private_write(s, v, va, access, need);
}

/* Without the tag a program may keep in the top byte; false if it is no user address. */
static bool user_address(uptr addr, u64 *va)
{
	*va = addr.raw & ~(0xfful << 56);
	return *va < HAL_USER_END;
}

enum fault_result fault_try(struct space *s, uptr addr, unsigned access)
{
	struct fault_need need;
	enum fault_result result;
	u64 va;

	if (!user_address(addr, &va))
		return FAULT_MAPERR;
	if (!rwlock_try_read(&s->lock))
		return FAULT_WAIT;
	need.page = NULL;	/* no more of it is looked at */
	result = resolve(s, va, access, &need);
	rwlock_unlock_read(&s->lock);
	reclaim_check();
	if (result == FAULT_DONE)
		atomic_add_relaxed(&fault_stats.minor, 1ul);
	return result;
}

/* Extend the stack above va down to it. The space's lock is held for writing. */
static bool grow_stack(struct space *s, u64 va)
{
	struct vma *v = vma_find(s, va), *below;
	u64 start = PAGE_DOWN(va), more;

	if (!v)
		return false;
	if (v->start <= va)
		return true;
	more = v->start - start;
	below = vma_prev(v);
	if (!(v->flags & VMA_GROWSDOWN) || start < SPACE_MIN_ADDR ||
	    v->end - start > atomic_load_relaxed(&s->limit_stack) ||
	    s->pages_total + (more >> PAGE_SHIFT) >
		    atomic_load_relaxed(&s->limit_as) >> PAGE_SHIFT)
		return false;
	if (v->flags & VMA_ACCOUNT && !commit_may(more >> PAGE_SHIFT, s->pages_total))
		return false;
	if (below && below->flags & VMA_PROT && !(below->flags & VMA_GROWSDOWN) &&
	    below->end + SPACE_STACK_GAP > start)
		return false;
	if (below && below->end > start)
		return false;
	vma_resize(v, start, v->end);
	return true;
}

/* After resolve: what it did not take of the page given to it goes, and the pager it needs
 * now is kept alive past the lock, and past the next resolve, which compares it. */
static void renew_need(struct fault_handle *f)
{
	struct pager *before = f->held;

	if (f->need.page)
		phys_page_put(f->need.page);
	f->need.page = NULL;
	f->held = f->need.what == FAULT_NEEDS_PAGE ? f->need.pager : NULL;
	if (f->held)
		f->held->ops->get(f->held);
	if (before)
		before->ops->put(before);
}

static enum fault_result result_of(long err)
{
	switch (err) {
	case -EINTR:
		return FAULT_KILLED;
	case -ERESTARTSYS:
		return FAULT_SIGNALLED;
	case -ENOMEM:
		return FAULT_OOM;
	}
	return FAULT_BUS;
}

static bool killed(struct co *co)
{
	return atomic_load_relaxed(&co_task(co)->flags) & TASK_KILLED;
}

co_t fault_handle(struct co *co, struct fault_handle *f)
{
	u64 va;

	CO_BEGIN;
	if (!user_address(f->addr, &va))
		CO_RETURN(FAULT_MAPERR);
	f->addr = uptr_of(va);
	for (;;) {
		CO_READ_LOCK(&f->space->lock);
		f->need.what = FAULT_NEEDS_NOTHING;
		f->err = resolve(f->space, f->addr.raw, f->access, &f->need);
		renew_need(f);
		rwlock_unlock_read(&f->space->lock);
		if (f->err != FAULT_WAIT)
			CO_RETURN(f->err);
		if (f->need.what == FAULT_NEEDS_GROWTH) {
			CO_WRITE_LOCK(&f->space->lock);
			f->err = grow_stack(f->space, f->addr.raw);
			rwlock_unlock_write(&f->space->lock);
			if (!f->err)
				CO_RETURN(FAULT_MAPERR);
		} else if (f->need.what == FAULT_NEEDS_PAGE) {
			atomic_add_relaxed(&fault_stats.major, 1ul);
			CO_AWAIT_OP(f->err, f->need.pager->ops->fault, .pager = f->need.pager,
				    .index = f->need.index, .write = f->need.write,
				    .page = &f->need.page);
			if (f->err)
				break;
		} else if (f->need.what == FAULT_NEEDS_PROGRAM) {
			CO_AWAIT(f->err, userfault_wait, .space = f->space, .addr = f->addr.raw,
				 .access = f->access);
			if (f->err)
				break;
		} else {
			CO_AWAIT(f->err, reclaim_await, .pages = 8);
			if (f->err)
				break;
		}
		f->err = killed(co) ? -EINTR : 0;
		if (f->err)
			break;
	}
	f->need.what = FAULT_NEEDS_NOTHING;
	renew_need(f);
	CO_RETURN(result_of(f->err));
	CO_END;
}
