/* mem/phys/page.c -- page records: one array per memory region. */
#include "mem/phys/page.h"

#include "core/base/bits.h"
#include "core/base/log.h"
#include "hal/machine.h"
#include "hal/memory.h"
#include "mem/phys/boot.h"
#include "mem/phys/buddy.h"
#include "mem/phys/records.h"

struct phys_records phys_records[HAL_MAX_REGIONS];
unsigned phys_records_count;

void phys_records_make(void)
{
	phys_records_count = 0;
	for (unsigned i = 0; i < hal_machine.memory_count; i++) {
		const struct hal_region *m = &hal_machine.memory[i];
		u64 first = PAGE_UP(m->base.raw) >> PAGE_SHIFT;
		u64 end = (m->base.raw + m->size) >> PAGE_SHIFT;
		struct phys_records *r = &phys_records[phys_records_count];

		if (first >= end)
			continue;
		r->first = first;
		r->count = end - first;
		r->pages = boot_alloc(r->count * sizeof(struct page), 64);
		for (u64 n = 0; n < r->count; n++) {
			r->pages[n].flags = PAGE_RESERVED;
			r->pages[n].refs = 1;
			list_init(&r->pages[n].link);
		}
		phys_records_count++;
	}
}

paddr phys_page_addr_slow(const struct page *p)
{
	for (unsigned i = 0; i < phys_records_count; i++) {
		const struct phys_records *r = &phys_records[i];
		u64 n = (u64)(p - r->pages);

		if (n < r->count)
			return paddr_of((r->first + n) << PAGE_SHIFT);
	}
	panic("not a page record: %p", (const void *)p);
}

struct page *phys_page_at_slow(paddr p)
{
	u64 pfn = p.raw >> PAGE_SHIFT;

	for (unsigned i = 0; i < phys_records_count; i++) {
		const struct phys_records *r = &phys_records[i];

		if (pfn - r->first < r->count)
			return &r->pages[pfn - r->first];
	}
	return NULL;
}

struct page *phys_page_of(const void *data)
{
	return phys_page_at(hal_virt_to_phys(data));
}

bool phys_page_get_live(struct page *p)
{
	u32 n = atomic_load_relaxed(&p->refs);

	while (n)
		if (atomic_cas(&p->refs, &n, n + 1))
			return true;
	return false;
}

#define LOOK_AT_ONCE 1024 /* records */

/* How many records to go on by: a free block is one step. */
static u64 count_mapped(const struct page *p, struct phys_mapped *to)
{
	u32 flags = atomic_load_relaxed(&p->flags);
	unsigned order = atomic_load_relaxed(&p->order);

	if (flags & PAGE_BUDDY)
		return 1ul << min(order, (unsigned)BUDDY_MAX_ORDER);
	/* A slab counts something else there. */
	if (flags & (PAGE_ANON | PAGE_CACHE) && atomic_load_relaxed(&p->mappings))
		*(flags & PAGE_ANON ? &to->anon : &to->file) += 1;
	return 1;
}

bool phys_page_mapped_some(u64 *at, struct phys_mapped *to)
{
	unsigned budget = LOOK_AT_ONCE;
	u64 base = 0;

	for (unsigned i = 0; i < phys_records_count; base += phys_records[i++].count) {
		const struct phys_records *r = &phys_records[i];

		while (*at < base + r->count) {
			if (!budget--)
				return false;
			*at += count_mapped(&r->pages[*at - base], to);
		}
	}
	return true;
}
