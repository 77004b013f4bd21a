/* mem/phys/buddy.c -- the page allocator.
 *
 * Free blocks of 2^n pages hang in one list per order, by the record of their first page,
 * which carries PAGE_BUDDY and the order. A freed block joins its buddy (the block whose
 * frame number differs in bit n) as long as that one is free with the same order. Single
 * pages, nearly all of the traffic, go through a stack per CPU that is filled and emptied
 * by halves. A stack has a lock only so that another CPU can drain it.
 *
 * The last `reserve` pages are given only to callers who will free more by it
 * (BUDDY_RESERVE): page tables and I/O of reclaim itself. As many again are not for the memory
 * of programs (BUDDY_USER): a program that takes all there is must not make the calls of others
 * fail, but wait, or be ended.
 */
#include "mem/phys/buddy.h"

#include "core/base/bits.h"
#include "core/base/log.h"
#include "core/base/spinlock.h"
#include "hal/memory.h"
#include "mem/phys/boot.h"
#include "mem/phys/fail.h"
#include "mem/phys/records.h"

#define ORDERS	    (BUDDY_MAX_ORDER + 1)
#define STACK_PAGES 64
#define STACK_HALF  (STACK_PAGES / 2)

/* Marks of free memory, in multiples of the reserve. */
#define USER_KEEPS 2
#define LOW	   4
#define PLENTY	   6

static spinlock lock = SPINLOCK_INIT(RANK_BUDDY);
static struct list lists[ORDERS] GUARDED_BY(&lock);
static u64 free_pages;	/* [a] in the lists; written under lock */
static u64 total_pages; /* [I] */
static u64 reserve;	/* [I] pages */

struct stack {
	spinlock lock;
	u32 count;
	struct page *pages[STACK_PAGES];
} __attribute__((aligned(64)));

static struct stack stacks[HAL_MAX_CPUS]; /* under .lock */

/* The record of the buddy of the block at pfn, if it exists. */
static struct page *buddy_of(u64 pfn, unsigned order)
{
	return phys_page_at(paddr_of((pfn ^ (1ul << order)) << PAGE_SHIFT));
}

static void list_in(struct page *p, unsigned order) REQUIRES(lock)
{
	atomic_store_relaxed(&p->order, (u8)order);
	atomic_store_relaxed(&p->flags, (u32)PAGE_BUDDY);
	list_add_front(&lists[order], &p->link);
	atomic_store_relaxed(&free_pages, free_pages + (1ul << order));
}

static void list_out(struct page *p) REQUIRES(lock)
{
	list_remove(&p->link);
	atomic_store_relaxed(&p->flags, 0u);
	atomic_store_relaxed(&free_pages, free_pages - (1ul << p->order));
}

static void block_free(struct page *p, unsigned order) REQUIRES(lock)
{
	u64 pfn = phys_page_addr(p).raw >> PAGE_SHIFT;

	for (; order < BUDDY_MAX_ORDER; order++) {
		struct page *b = buddy_of(pfn, order);

		if (!b || !(atomic_load_relaxed(&b->flags) & PAGE_BUDDY) || b->order != order)
			break;
		list_out(b);
		if (b < p)
			p = b;
		pfn &= ~(1ul << order);
	}
	list_in(p, order);
}

static struct page *block_alloc(unsigned order, unsigned flags) REQUIRES(lock)
{
	u64 keep = flags & BUDDY_RESERVE ? 0 : flags & BUDDY_USER ? USER_KEEPS * reserve : reserve;
	unsigned from = order;
	struct page *p;

	if (free_pages < keep + (1ul << order))
		return NULL;
	while (from < ORDERS && list_empty(&lists[from]))
		from++;
	if (from == ORDERS)
		return NULL;
	p = list_first(&lists[from], struct page, link);
	list_out(p);
	while (from-- > order)
		list_in(p + (1ul << from), from);
	atomic_store_relaxed(&p->order, (u8)order);
	return p;
}

static struct page *stack_alloc(unsigned flags)
{
	struct stack *s = &stacks[hal_cpu_self()->id];
	struct page *p = NULL;

	spin_lock(&s->lock);
	if (!s->count) {
		spin_lock(&lock);
		while (s->count < STACK_HALF) {
			p = block_alloc(0, flags);
			if (!p)
				break;
			s->pages[s->count++] = p;
		}
		spin_unlock(&lock);
	}
	if (s->count)
		p = s->pages[--s->count];
	spin_unlock(&s->lock);
	return p;
}

static void stack_empty(struct stack *s, u32 down_to) REQUIRES(s->lock)
{
	spin_lock(&lock);
	while (s->count > down_to)
		block_free(s->pages[--s->count], 0);
	spin_unlock(&lock);
}

static void stack_free(struct page *const *pages, unsigned n)
{
	struct stack *s = &stacks[hal_cpu_self()->id];

	spin_lock(&s->lock);
	for (unsigned i = 0; i < n; i++) {
		if (s->count == STACK_PAGES)
			stack_empty(s, STACK_HALF);
		s->pages[s->count++] = pages[i];
	}
	spin_unlock(&s->lock);
}

void buddy_drain(void)
{
	for (unsigned i = 0; i < hal_cpu_count(); i++) {
		struct stack *s = &stacks[i];

		spin_lock(&s->lock);
		stack_empty(s, 0);
		spin_unlock(&s->lock);
	}
}

/* A block of more than one page. What is missing for it may lie in the stacks. */
static struct page *large_alloc(unsigned order, unsigned flags)
{
	struct page *p = NULL;

	for (int round = 0; round < 2 && !p; round++) {
		if (round)
			buddy_drain();
		spin_lock(&lock);
		p = block_alloc(order, flags);
		spin_unlock(&lock);
	}
	return p;
}

struct page *buddy_alloc_sure(unsigned order, unsigned flags)
{
	struct page *p;

	if (order > BUDDY_MAX_ORDER)
		return NULL;
	p = order ? large_alloc(order, flags) : stack_alloc(flags);
	if (!p)
		return NULL;
	atomic_store_relaxed(&p->order, (u8)order);
	atomic_store_relaxed(&p->mappings, 0u);
	p->owner = NULL;
	p->index = 0;
	list_init(&p->link);
	atomic_store_relaxed(&p->flags, 0u);
	atomic_store(&p->refs, 1u);
	if (flags & BUDDY_ZERO) {
		u8 *data = phys_page_data(p);

		for (u64 n = 0; n < 1ul << order; n++)
			hal_zero_page(data + n * PAGE_SIZE);
	}
	return p;
}

struct page *buddy_alloc(unsigned order, unsigned flags)
{
	if (HAL_SIMULATED && fault_now())
		return NULL;
	return buddy_alloc_sure(order, flags);
}

void phys_page_release(struct page *p)
{
	assert(!(p->flags & (PAGE_BUDDY | PAGE_RESERVED)) && !p->mappings);
	if (p->order == 0) {
		stack_free(&p, 1);
		return;
	}
	spin_lock(&lock);
	block_free(p, p->order);
	spin_unlock(&lock);
}

void buddy_release(struct page *const *pages, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		assert(!(pages[i]->flags & (PAGE_BUDDY | PAGE_RESERVED)) && !pages[i]->order);
	if (n)
		stack_free(pages, n);
}

void buddy_free(struct page *p)
{
	phys_page_put(p);
}

u64 buddy_total_pages(void)
{
	return total_pages;
}

u64 buddy_free_pages(void)
{
	u64 n = atomic_load_relaxed(&free_pages);

	for (unsigned i = 0; i < hal_cpu_count(); i++)
		n += atomic_load_relaxed(&stacks[i].count);
	return n;
}

bool buddy_is_low(void)
{
	return atomic_load_relaxed(&free_pages) < reserve * LOW;
}

bool buddy_is_plenty(void)
{
	return atomic_load_relaxed(&free_pages) >= reserve * PLENTY;
}

/* Hand a range to the lists in the largest aligned blocks. */
static void range_free(u64 pfn, u64 end)
{
	while (pfn < end) {
		unsigned order = 0;
		struct page *p = phys_page_at(paddr_of(pfn << PAGE_SHIFT));

		while (order < BUDDY_MAX_ORDER && !(pfn & (1ul << order)) &&
		       pfn + (2ul << order) <= end)
			order++;
		for (u64 n = 0; n < 1ul << order; n++) {
			p[n].flags = 0;
			p[n].refs = 0;
		}
		spin_lock(&lock);
		block_free(p, order);
		spin_unlock(&lock);
		pfn += 1ul << order;
		total_pages += 1ul << order;
	}
}

void buddy_init(void)
{
	paddr base;
	u64 size;

	phys_records_make();
	spin_lock(&lock);
	for (unsigned i = 0; i < ORDERS; i++)
		list_init(&lists[i]);
	free_pages = 0;
	spin_unlock(&lock);
	total_pages = 0;
	for (unsigned i = 0; i < HAL_MAX_CPUS; i++) {
		stacks[i].count = 0;
		spin_init(&stacks[i].lock, RANK_BUDDY_CPU);
	}
	for (unsigned i = 0; boot_free_range(i, &base, &size); i++)
		range_free(base.raw >> PAGE_SHIFT, (base.raw + size) >> PAGE_SHIFT);
	reserve = min(max(total_pages / 128, 16ul), 1024ul);
}
