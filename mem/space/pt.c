/* mem/space/pt.c -- walking and changing page tables. */
#include "mem/space/pt.h"

#include "core/base/log.h"
#include "mem/phys/buddy.h"
#include "mem/phys/page.h"
#include "mem/space/fault.h"

struct page *pt_zero_page; /* [I] */

/* Pages done under pt_lock before another look at the world. */
#define BUDGET 256

void pt_init(void)
{
	pt_zero_page = buddy_alloc(0, BUDDY_ZERO);
	if (!pt_zero_page)
		panic("no memory for the zero page");
	pt_zero_page->flags = PAGE_RESERVED | PAGE_UPTODATE;
}

u64 pt_entry(const struct page *p, u32 vma_flags, bool writable)
{
	u64 e = phys_page_addr(p).raw | HAL_PTE_PAGE | HAL_PTE_NORMAL | HAL_PTE_SHARED |
		HAL_PTE_ACCESSED | HAL_PTE_NONGLOBAL | HAL_PTE_PXN | HAL_PTE_USER;

	if (!writable)
		e |= HAL_PTE_RDONLY;
	if (!(vma_flags & VMA_EXEC))
		e |= HAL_PTE_UXN;
	if (!(vma_flags & VMA_PROT))
		e = (e & ~(HAL_PTE_VALID | HAL_PTE_USER)) | PTE_HIDDEN;
	return e;
}

struct page *pt_page(u64 e)
{
	return phys_page_at(paddr_of(e & HAL_PTE_ADDR));
}

bool pt_allows(u64 e, unsigned access)
{
	struct page *p;

	if (!e || (!(e & HAL_PTE_VALID) && !(access & FAULT_FORCE)))
		return false;
	if (!(access & HAL_WRITE) || pt_is_writable(e))
		return true;
	/* A debugger may write a page that is nobody else's although the program may not. */
	p = pt_page(e);
	return access & FAULT_FORCE && atomic_load_relaxed(&p->flags) & PAGE_ANON &&
	       atomic_load_relaxed(&p->mappings) == 1;
}

static unsigned index_at(u64 va, unsigned level)
{
	return va >> (PAGE_SHIFT + 9 * (HAL_PT_LEVELS - 1 - level)) & (HAL_PT_ENTRIES - 1);
}

static u64 *table_of(u64 e)
{
	return hal_phys_to_virt(paddr_of(e & HAL_PTE_ADDR));
}

u64 *pt_slot(struct space *s, u64 va)
{
	u64 *table = hal_phys_to_virt(s->hal.root);

	for (unsigned level = 0; level < HAL_PT_LEVELS - 1; level++) {
		u64 e = table[index_at(va, level)];

		if (!e)
			return NULL;
		table = table_of(e);
	}
	return &table[index_at(va, HAL_PT_LEVELS - 1)];
}

u64 *pt_slot_make(struct space *s, u64 va)
{
	u64 *table = hal_phys_to_virt(s->hal.root);

	for (unsigned level = 0; level < HAL_PT_LEVELS - 1; level++) {
		u64 *slot = &table[index_at(va, level)];

		if (!*slot) {
			struct page *p = buddy_alloc(0, BUDDY_ZERO);

			if (!p)
				return NULL;
			s->tables++;
			pt_page(hal_virt_to_phys(table).raw)->index++;
			/* A release: its zeros are seen before it is. */
			atomic_store(slot, phys_page_addr(p).raw | HAL_PTE_TABLE);
		}
		table = table_of(*slot);
	}
	return &table[index_at(va, HAL_PT_LEVELS - 1)];
}

u64 *pt_next(struct space *s, u64 *va, u64 end)
{
next_table:
	while (*va < end) {
		u64 *table = hal_phys_to_virt(s->hal.root);

		for (unsigned level = 0; level < HAL_PT_LEVELS - 1; level++) {
			u64 e = table[index_at(*va, level)];

			if (!e) {
				u64 size = PAGE_SIZE << 9 * (HAL_PT_LEVELS - 1 - level);

				*va = (*va | (size - 1)) + 1;
				goto next_table;
			}
			table = table_of(e);
		}
		for (unsigned i = index_at(*va, HAL_PT_LEVELS - 1);
		     i < HAL_PT_ENTRIES && *va < end; i++, *va += PAGE_SIZE)
			if (table[i])
				return &table[i];
	}
	return NULL;
}

/* --- one entry --- */

static u64 *rss_of(struct space *s, const struct page *p)
{
	u32 flags = atomic_load_relaxed(&p->flags);

	return flags & PAGE_ANON ? &s->rss_anon : flags & PAGE_SHM ? &s->rss_shm : &s->rss_file;
}

static void count_in(struct space *s, struct page *p) REQUIRES(s->pt_lock)
{
	u64 *rss = rss_of(s, p), all;

	if (p == pt_zero_page)
		return;
	atomic_add_relaxed(&p->mappings, 1u);
	__atomic_store_n(rss, *rss + 1, __ATOMIC_RELAXED);
	all = s->rss_anon + s->rss_file + s->rss_shm;
	if (all > s->rss_peak)
		__atomic_store_n(&s->rss_peak, all, __ATOMIC_RELAXED);
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

void pt_fill(struct space *s, u64 *slot, u64 e)
{
	count_in(s, pt_page(e));
	store(slot, e);
}

void pt_set(struct space *s, u64 *slot, u64 e)
{
	pt_fill(s, slot, e);
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

static bool wanted(u64 e, enum pt_which which)
{
	return which != PT_CACHE_ONLY || !(pt_page(e)->flags & PAGE_ANON);
}

/* false: the end was reached. */
static bool clear_batch(struct space *s, u64 *at, u64 end, enum pt_which which)
	REQUIRES(s->pt_lock)
{
	struct page *pages[PT_BATCH];
	u64 *slot, first = 0, last = 0;
	unsigned n = 0;
	bool valid = false;

	while (n < PT_BATCH && (slot = pt_next(s, at, end))) {
		u64 e = *slot;

		if (wanted(e, which)) {
			if (!n)
				first = *at;
			last = *at;
			valid |= e & HAL_PTE_VALID;
			atomic_store_relaxed(slot, 0ul);
			pages[n] = pt_page(e);
			count_out(s, pages[n]);
			n++;
		}
		*at += PAGE_SIZE;
	}
	if (valid && which != PT_QUIET)
		hal_tlb_flush_range(s->hal.asid, first, last + PAGE_SIZE - first);
	for (unsigned i = 0; i < n; i++)
		drop(pages[i]);
	return n == PT_BATCH;
}

bool pt_clear_some(struct space *s, u64 *at, u64 end, enum pt_which which)
{
	bool more = true;

	for (unsigned n = 0; more && n < BUDGET; n += PT_BATCH) {
		spin_lock(&s->pt_lock);
		more = clear_batch(s, at, end, which);
		spin_unlock(&s->pt_lock);
	}
	return !more;
}

struct edit {
	u64 *slot, e;
};

static bool protect_batch(struct space *s, u64 *at, u64 end, u32 flags) REQUIRES(s->pt_lock)
{
	struct edit edits[PT_BATCH];
	u64 *slot, first = 0, last = 0;
	unsigned n = 0;
	bool valid = false;

	while (n < PT_BATCH && (slot = pt_next(s, at, end))) {
		u64 old = *slot;
		u64 e = pt_entry(pt_page(old), flags, pt_is_writable(old) && flags & VMA_WRITE);

		if (e != old) {
			if (!n)
				first = *at;
			last = *at;
			valid |= old & HAL_PTE_VALID;
			atomic_store_relaxed(slot, 0ul);
			edits[n++] = (struct edit){slot, e};
		}
		*at += PAGE_SIZE;
	}
	if (valid)
		hal_tlb_flush_range(s->hal.asid, first, last + PAGE_SIZE - first);
	for (unsigned i = 0; i < n; i++)
		store(edits[i].slot, edits[i].e);
	hal_pt_publish();
	return n == PT_BATCH;
}

bool pt_protect_some(struct space *s, u64 *at, u64 end, u32 vma_flags)
{
	bool more = true;

	for (unsigned n = 0; more && n < BUDGET; n += PT_BATCH) {
		spin_lock(&s->pt_lock);
		more = protect_batch(s, at, end, vma_flags);
		spin_unlock(&s->pt_lock);
	}
	return !more;
}

static bool move_batch(struct space *s, u64 *at, u64 end, u64 delta) REQUIRES(s->pt_lock)
{
	struct edit edits[PT_BATCH];
	u64 *slot, first = 0, last = 0;
	unsigned n = 0;

	while (n < PT_BATCH && (slot = pt_next(s, at, end))) {
		if (!n)
			first = *at;
		last = *at;
		edits[n++] = (struct edit){pt_slot(s, *at + delta), *slot};
		atomic_store_relaxed(slot, 0ul);
		*at += PAGE_SIZE;
	}
	if (!n)
		return false;
	hal_tlb_flush_range(s->hal.asid, first, last + PAGE_SIZE - first);
	for (unsigned i = 0; i < n; i++)
		atomic_store(edits[i].slot, edits[i].e);
	hal_pt_publish();
	return n == PT_BATCH;
}

bool pt_move_some(struct space *s, u64 *at, u64 end, u64 delta)
{
	bool more = true;

	for (unsigned n = 0; more && n < BUDGET; n += PT_BATCH) {
		spin_lock(&s->pt_lock);
		more = move_batch(s, at, end, delta);
		spin_unlock(&s->pt_lock);
	}
	return !more;
}

/* --- giving tables back --- */

struct freed {
	struct page *pages[PT_BATCH];
	unsigned n;
};

/* Unhook the tables wholly inside [start, end) that hang below `table`: a leaf table because
 * no VMA has pages in it, the others when they are empty. false when `to` is full. */
static bool unhook(struct space *s, u64 *table, unsigned level, u64 start, u64 end,
		   struct freed *to) REQUIRES(s->pt_lock)
{
	u64 size = PAGE_SIZE << 9 * (HAL_PT_LEVELS - 1 - level), next;

	for (u64 va = start; va < end; va = next) {
		u64 *slot = &table[index_at(va, level)];
		struct page *child;

		next = (va | (size - 1)) + 1;
		if (!*slot)
			continue;
		if (level < HAL_PT_LEVELS - 2 &&
		    !unhook(s, table_of(*slot), level + 1, va, next < end ? next : end, to))
			return false;
		child = pt_page(*slot);
		if (level < HAL_PT_LEVELS - 2 && child->index)
			continue;
		if (to->n == PT_BATCH)
			return false;
		atomic_store_relaxed(slot, 0ul);
		pt_page(hal_virt_to_phys(table).raw)->index--;
		s->tables--;
		to->pages[to->n++] = child;
	}
	return true;
}

bool pt_free_some(struct space *s, u64 start, u64 end, bool quiet)
{
	struct freed freed = {.n = 0};
	bool done;

	spin_lock(&s->pt_lock);
	done = unhook(s, hal_phys_to_virt(s->hal.root), 0, start, end, &freed);
	if (freed.n && !quiet)
		hal_tlb_flush_asid(s->hal.asid); /* walkers remember upper levels too */
	spin_unlock(&s->pt_lock);
	for (unsigned i = 0; i < freed.n; i++) {
		freed.pages[i]->index = 0;
		phys_page_put(freed.pages[i]);
	}
	return done;
}
