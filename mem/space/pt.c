/* mem/space/pt.c -- walking and changing page tables. */
#include "mem/space/pt.h"

#include "core/base/log.h"
#include "mem/phys/buddy.h"
#include "mem/phys/page.h"
#include "mem/space/fault.h"

struct page *pt_zero_page; /* [I] */

/* What may be done before another look at the world: in empty slots looked at. */
#define BUDGET	   4096
#define COST_STEP  8	/* past a part without a table */
#define COST_ENTRY 12	/* an entry worked on */

void pt_init(void)
{
	pt_zero_page = buddy_alloc(0, BUDDY_ZERO);
	if (!pt_zero_page)
		panic("no memory for the zero page");
	pt_zero_page->flags = PAGE_RESERVED | PAGE_UPTODATE;
}

/* Everything of an entry but the page's address. */
static u64 rights(u32 vma_flags, bool writable)
{
	u64 e = HAL_PTE_PAGE | HAL_PTE_NORMAL | HAL_PTE_SHARED | HAL_PTE_ACCESSED |
		HAL_PTE_NONGLOBAL | HAL_PTE_PXN | HAL_PTE_USER;

	if (!writable)
		e |= HAL_PTE_RDONLY;
	if (!(vma_flags & VMA_EXEC))
		e |= HAL_PTE_UXN;
	if (!(vma_flags & VMA_PROT))
		e = (e & ~(HAL_PTE_VALID | HAL_PTE_USER)) | PTE_HIDDEN;
	return e;
}

u64 pt_entry(const struct page *p, u32 vma_flags, bool writable)
{
	return phys_page_addr(p).raw | rights(vma_flags, writable);
}

struct page *pt_page(u64 e)
{
	return phys_page_at(paddr_of(e & HAL_PTE_ADDR));
}

bool pt_allows(u64 e, unsigned access)
{
	struct page *p;

	if (!e || (!(e & HAL_PTE_VALID) && (!(access & FAULT_FORCE) || e & PTE_POISONED)))
		return false;
	if (!(access & HAL_WRITE) || pt_is_writable(e))
		return true;
	/* A debugger may write a page that is nobody else's although the program may not. */
	p = pt_page(e);
	return access & FAULT_FORCE && !(e & PTE_PROTECTED) &&
	       atomic_load_relaxed(&p->flags) & PAGE_ANON &&
	       atomic_load_relaxed(&p->mappings) == 1;
}

u64 *pt_slot(struct space *s, u64 va)
{
	u64 *table = hal_phys_to_virt(s->hal.root);

	for (unsigned level = 0; level < HAL_PT_LEVELS - 1; level++) {
		u64 e = table[pt_index(va, level)];

		if (!e)
			return NULL;
		table = pt_table(e);
	}
	return &table[pt_index(va, HAL_PT_LEVELS - 1)];
}

u64 *pt_slot_make(struct space *s, u64 va)
{
	u64 *table = hal_phys_to_virt(s->hal.root);

	for (unsigned level = 0; level < HAL_PT_LEVELS - 1; level++) {
		u64 *slot = &table[pt_index(va, level)];

		if (!*slot) {
			struct page *p = buddy_alloc(0, BUDDY_ZERO);

			if (!p)
				return NULL;
			s->tables++;
			pt_page(hal_virt_to_phys(table).raw)->index++;
			/* A release: its zeros are seen before it is. */
			atomic_store(slot, phys_page_addr(p).raw | HAL_PTE_TABLE);
		}
		table = pt_table(*slot);
	}
	return &table[pt_index(va, HAL_PT_LEVELS - 1)];
}

u64 *pt_run(struct space *s, u64 *va, u64 end, unsigned *n, int *budget)
{
	while (*va < end && *budget > 0) {
		u64 *table = hal_phys_to_virt(s->hal.root), size;
		unsigned level = 0, first;

		for (; level < HAL_PT_LEVELS - 1; level++) {
			u64 e = table[pt_index(*va, level)];

			if (!e)
				break;
			table = pt_table(e);
		}
		if (level == HAL_PT_LEVELS - 1) {
			first = pt_index(*va, level);
			*n = (unsigned)min((u64)HAL_PT_ENTRIES - first, (end - *va) >> PAGE_SHIFT);
			return &table[first];
		}
		size = PAGE_SIZE << 9 * (HAL_PT_LEVELS - 1 - level);
		*va = min((*va | (size - 1)) + 1, end);
		*budget -= COST_STEP;
	}
	return NULL;
}

u64 *pt_next(struct space *s, u64 *va, u64 end)
{
	int budget = INT32_MAX;
	unsigned n;
	u64 *slot;

	while ((slot = pt_run(s, va, end, &n, &budget)))
		for (; n; n--, slot++, *va += PAGE_SIZE)
			if (*slot)
				return slot;
	return NULL;
}

/* --- one entry --- */

static u64 *rss_of(struct space *s, const struct page *p)
{
	u32 flags = atomic_load_relaxed(&p->flags);

	return flags & PAGE_ANON ? &s->rss_anon : flags & PAGE_SHM ? &s->rss_shm : &s->rss_file;
}

static void note_peak(struct space *s) REQUIRES(s->pt_lock)
{
	u64 all = s->rss_anon + s->rss_file + s->rss_shm;

	if (all > s->rss_peak)
		__atomic_store_n(&s->rss_peak, all, __ATOMIC_RELAXED);
}

static void count_in(struct space *s, struct page *p) REQUIRES(s->pt_lock)
{
	u64 *rss = rss_of(s, p);

	if (p == pt_zero_page)
		return;
	atomic_add_relaxed(&p->mappings, 1u);
	__atomic_store_n(rss, *rss + 1, __ATOMIC_RELAXED);
	note_peak(s);
}

static void count_out(struct space *s, struct page *p) REQUIRES(s->pt_lock)
{
	u64 *rss = rss_of(s, p);

	if (p == pt_zero_page)
		return;
	atomic_sub(&p->mappings, 1u);
	__atomic_store_n(rss, *rss - 1, __ATOMIC_RELAXED);
}

static void drop(struct page *p)
{
	if (p != pt_zero_page)
		phys_page_put(p);
}

/* The instruction cache must see what an executable entry shows. */
static void sync_code(u64 e)
{
	struct page *p;

	if ((e & (HAL_PTE_VALID | HAL_PTE_UXN)) != HAL_PTE_VALID)
		return;
	p = pt_page(e);
	if (atomic_load(&p->flags) & PAGE_SYNCED)
		return;
	atomic_or(&p->flags, (u32)PAGE_SYNCED);
	hal_icache_sync(phys_page_data(p), PAGE_SIZE);
}

static void store(u64 *slot, u64 e)
{
	sync_code(e);
	atomic_store(slot, e);
}

void pt_fill(struct space *s, u64 *slot, struct page **pages, unsigned n, u32 vma_flags)
{
	u64 all = 0, shm = 0, e = rights(vma_flags, false);

	for (unsigned i = 0; i < n; i++) {
		struct page *p = pages[i];
		u32 flags;

		if (!p || slot[i])
			continue;
		flags = atomic_load(&p->flags);
		if (!(flags & PAGE_CACHE))
			continue;
		atomic_add_relaxed(&p->mappings, 1u);
		all++;
		shm += !!(flags & PAGE_SHM);
		store(&slot[i], phys_page_addr(p).raw | e);
		pages[i] = NULL;
	}
	if (!all)
		return;
	__atomic_store_n(&s->rss_shm, s->rss_shm + shm, __ATOMIC_RELAXED);
	__atomic_store_n(&s->rss_file, s->rss_file + all - shm, __ATOMIC_RELAXED);
	note_peak(s);
	hal_pt_publish();
}

void pt_set(struct space *s, u64 *slot, u64 e)
{
	count_in(s, pt_page(e));
	store(slot, e);
	hal_pt_publish();
}

/* Take an entry out, and the TLB's memory of it. */
static void break_entry(struct space *s, u64 va, u64 *slot) REQUIRES(s->pt_lock)
{
	u64 old = *slot;

	atomic_store(slot, 0ul);
	if (old & HAL_PTE_VALID)
		hal_tlb_flush_page(s->hal.asid, va);
}

void pt_change(struct space *s, u64 va, u64 *slot, u64 e)
{
	break_entry(s, va, slot);
	store(slot, e);
	hal_pt_publish();
}

void pt_replace(struct space *s, u64 va, u64 *slot, u64 e)
{
	struct page *old = pt_page(*slot);

	break_entry(s, va, slot);
	count_out(s, old);
	pt_set(s, slot, e);
	drop(old);
}

/* --- ranges, in batches: break all, flush once, then make or free --- */

/* The old entries are gone from the tables and the TLB: so are their references. */
static void drop_entries(struct space *s, const u64 *old, unsigned n) REQUIRES(s->pt_lock)
{
	struct page *freed[PT_BATCH];
	unsigned n_freed = 0;
	u64 anon = 0, shm = 0, all = 0;

	for (unsigned i = 0; i < n; i++) {
		struct page *p = pt_page(old[i]);
		u32 flags;

		if (p == pt_zero_page)
			continue;
		flags = atomic_load_relaxed(&p->flags);
		anon += !!(flags & PAGE_ANON);
		shm += !!(flags & PAGE_SHM);
		all++;
		if (phys_page_unmap(p))
			freed[n_freed++] = p;
	}
	__atomic_store_n(&s->rss_anon, s->rss_anon - anon, __ATOMIC_RELAXED);
	__atomic_store_n(&s->rss_shm, s->rss_shm - shm, __ATOMIC_RELAXED);
	__atomic_store_n(&s->rss_file, s->rss_file - (all - anon - shm), __ATOMIC_RELAXED);
	buddy_release(freed, n_freed);
}

static bool wanted(u64 e, enum pt_which which)
{
	return which != PT_CACHE_ONLY || !(atomic_load_relaxed(&pt_page(e)->flags) & PAGE_ANON);
}

static void clear_batch(struct space *s, u64 *at, u64 end, enum pt_which which, int *budget)
	REQUIRES(s->pt_lock)
{
	u64 old[PT_BATCH], *slot, first = 0, last = 0, va;
	unsigned n = 0, run;
	bool valid = false;

	slot = pt_run(s, at, end, &run, budget);
	if (!slot)
		return;
	for (va = *at; run && n < PT_BATCH; run--, slot++, va += PAGE_SIZE) {
		u64 e = *slot;

		if (!e || !wanted(e, which))
			continue;
		if (!n)
			first = va;
		last = va;
		valid |= e & HAL_PTE_VALID;
		atomic_store_relaxed(slot, 0ul);
		old[n++] = e;
	}
	*budget -= (int)((va - *at) >> PAGE_SHIFT) + COST_ENTRY * (int)n;
	*at = va;
	if (valid && which != PT_QUIET)
		hal_tlb_flush_range(s->hal.asid, first, last + PAGE_SIZE - first);
	if (n)
		drop_entries(s, old, n);
}

bool pt_clear_some(struct space *s, u64 *at, u64 end, enum pt_which which)
{
	int budget = BUDGET;

	while (*at < end && budget > 0) {
		spin_lock(&s->pt_lock);
		clear_batch(s, at, end, which, &budget);
		spin_unlock(&s->pt_lock);
	}
	return *at >= end;
}

/* Entries of one table that change: broken, but not yet made. */
struct edits {
	u64 *slot[PT_BATCH], e[PT_BATCH];
	u64 first, last;	/* addresses */
	unsigned n;
	bool valid;		/* one was */
};

/* Take one out, to be what `e` says. */
static void edit(struct edits *to, u64 va, u64 *slot, u64 e)
{
	if (!to->n)
		to->first = va;
	to->last = va;
	to->valid |= *slot & HAL_PTE_VALID;
	atomic_store_relaxed(slot, 0ul);
	to->slot[to->n] = slot;
	to->e[to->n++] = e;
}

static void make_edits(struct space *s, const struct edits *of) REQUIRES(s->pt_lock)
{
	if (!of->n)
		return;
	if (of->valid)
		hal_tlb_flush_range(s->hal.asid, of->first, of->last + PAGE_SIZE - of->first);
	for (unsigned i = 0; i < of->n; i++)
		store(of->slot[i], of->e[i]);
	hal_pt_publish();
}

/* What the program that settles its faults has said of an entry stays. */
static u64 keep_marks(u64 old, u64 e)
{
	if (old & PTE_POISONED)
		return old;
	return old & PTE_PROTECTED ? e | PTE_PROTECTED | HAL_PTE_RDONLY : e;
}

static void protect_batch(struct space *s, u64 *at, u64 end, u32 flags, int *budget)
	REQUIRES(s->pt_lock)
{
	struct edits edits;
	unsigned run;
	u64 va, *slot = pt_run(s, at, end, &run, budget);

	if (!slot)
		return;
	edits.n = 0;
	edits.valid = false;
	for (va = *at; run && edits.n < PT_BATCH; run--, slot++, va += PAGE_SIZE) {
		u64 old = *slot, e;

		if (!old)
			continue;
		e = pt_entry(pt_page(old), flags, pt_is_writable(old) && flags & VMA_WRITE);
		if (flags & VMA_USERFAULT)
			e = keep_marks(old, e);
		if (e != old)
			edit(&edits, va, slot, e);
	}
	*budget -= (int)((va - *at) >> PAGE_SHIFT) + COST_ENTRY * (int)edits.n;
	*at = va;
	make_edits(s, &edits);
}

bool pt_protect_some(struct space *s, u64 *at, u64 end, u32 vma_flags)
{
	int budget = BUDGET;

	while (*at < end && budget > 0) {
		spin_lock(&s->pt_lock);
		protect_batch(s, at, end, vma_flags, &budget);
		spin_unlock(&s->pt_lock);
	}
	return *at >= end;
}

static void move_batch(struct space *s, u64 *at, u64 end, u64 delta, int *budget)
	REQUIRES(s->pt_lock)
{
	struct edits edits;
	unsigned run;
	u64 va, *slot = pt_run(s, at, end, &run, budget), *to = NULL;

	if (!slot)
		return;
	edits.n = 0;
	edits.valid = false;
	for (va = *at; run && edits.n < PT_BATCH; run--, slot++, va += PAGE_SIZE) {
		u64 e = *slot;

		if (!to || !((va + delta) % PT_LEAF_SPAN))
			to = pt_slot(s, va + delta);
		if (e) {
			edit(&edits, va, slot, e);
			edits.slot[edits.n - 1] = to;
		}
		if (to)
			to++;
	}
	*budget -= (int)((va - *at) >> PAGE_SHIFT) + COST_ENTRY * (int)edits.n;
	*at = va;
	make_edits(s, &edits);
}

bool pt_move_some(struct space *s, u64 *at, u64 end, u64 delta)
{
	int budget = BUDGET;

	while (*at < end && budget > 0) {
		spin_lock(&s->pt_lock);
		move_batch(s, at, end, delta, &budget);
		spin_unlock(&s->pt_lock);
	}
	return *at >= end;
}

/* --- copies for fork --- */

bool pt_take_copies(struct space *s, u64 *at, u64 end, struct pt_copied *to, int *budget)
{
	unsigned run, offset, n = 0;
	bool broken = false;
	u64 *slot;

	spin_lock(&s->pt_lock);
	slot = pt_run(s, at, end, &run, budget);
	to->va = *at;
	for (offset = 0; slot && offset < run && n < PT_BATCH; offset++) {
		u64 e = slot[offset];
		struct page *p;

		if (!e)
			continue;
		p = pt_page(e);
		if (!(atomic_load_relaxed(&p->flags) & PAGE_ANON))
			continue;
		phys_page_map(p);
		if (!(e & HAL_PTE_RDONLY)) {
			/* Rights are only taken away: no break is needed. */
			e |= HAL_PTE_RDONLY;
			atomic_store_relaxed(&slot[offset], e);
			broken = true;
		}
		to->e[n] = e;
		to->offset[n++] = (u16)offset;
	}
	spin_unlock(&s->pt_lock);
	to->n = n;
	if (slot) {
		*budget -= (int)offset + COST_ENTRY * (int)n;
		*at += (u64)offset << PAGE_SHIFT;
	}
	return broken;
}

bool pt_put_copies(struct space *s, const struct pt_copied *from)
{
	u64 *slot;

	if (!from->n)
		return true;
	spin_lock(&s->pt_lock);
	slot = pt_slot_make(s, from->va);
	if (slot) {
		for (unsigned i = 0; i < from->n; i++)
			store(&slot[from->offset[i]], from->e[i]);
		__atomic_store_n(&s->rss_anon, s->rss_anon + from->n, __ATOMIC_RELAXED);
		note_peak(s);
	}
	spin_unlock(&s->pt_lock);
	if (slot)
		return true;
	for (unsigned i = 0; i < from->n; i++)
		if (phys_page_unmap(pt_page(from->e[i])))
			phys_page_release(pt_page(from->e[i]));
	return false;
}
