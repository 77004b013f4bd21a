/* mem/phys/boot.c -- a sorted array of free ranges, out of which reservations are cut. */
#include "mem/phys/boot.h"

#include "core/base/bits.h"
#include "core/base/log.h"
#include "hal/machine.h"
#include "hal/memory.h"

#define RANGES 128

struct range {
	u64 start, end; /* page-aligned, not empty */
};

/* Boot only: one CPU. Sorted, and apart from each other. */
static struct range ranges[RANGES];
static unsigned count;

static void range_insert(unsigned at, u64 start, u64 end)
{
	if (count == RANGES)
		panic("boot memory is cut into more than %u ranges", RANGES);
	memmove(&ranges[at + 1], &ranges[at], (count - at) * sizeof(ranges[0]));
	ranges[at] = (struct range){start, end};
	count++;
}

static void range_remove(unsigned at)
{
	count--;
	memmove(&ranges[at], &ranges[at + 1], (count - at) * sizeof(ranges[0]));
}

static void cut(u64 start, u64 end)
{
	for (unsigned i = 0; i < count;) {
		struct range r = ranges[i];

		if (end <= r.start || start >= r.end) {
			i++;
			continue;
		}
		range_remove(i);
		if (end < r.end)
			range_insert(i, end, r.end);
		if (start > r.start)
			range_insert(i, r.start, start);
	}
}

static void add(u64 start, u64 end)
{
	unsigned at = 0;

	if (start >= end)
		return;
	cut(start, end); /* regions that overlap count once */
	while (at < count && ranges[at].start < start)
		at++;
	range_insert(at, start, end);
}

void boot_init(void)
{
	count = 0;
	for (unsigned i = 0; i < hal_machine.memory_count; i++) {
		const struct hal_region *m = &hal_machine.memory[i];

		add(PAGE_UP(m->base.raw), PAGE_DOWN(m->base.raw + m->size));
	}
	for (unsigned i = 0; i < hal_machine.reserved_count; i++)
		boot_reserve(hal_machine.reserved[i].base, hal_machine.reserved[i].size);
	/* Firmware may list these two as reserved or not; both must survive. */
	boot_reserve(hal_machine.initrd.base, hal_machine.initrd.size);
	boot_reserve(hal_machine.dtb.base, hal_machine.dtb.size);
	/* Physical address 0 would look like "no page" to too many. */
	cut(0, PAGE_SIZE);
}

void boot_reserve(paddr base, u64 size)
{
	u64 end;

	if (!size)
		return;
	if (add_overflows(base.raw, size, &end) || end > PAGE_MASK)
		end = PAGE_MASK;
	cut(PAGE_DOWN(base.raw), PAGE_UP(end));
}

void *boot_alloc(u64 size, u64 align)
{
	size = PAGE_UP(size);
	align = max(align, PAGE_SIZE);
	for (unsigned i = count; i-- > 0;) {
		struct range r = ranges[i];
		u64 start;
		void *p;

		if (r.end - r.start < size)
			continue;
		start = (r.end - size) & ~(align - 1);
		if (start < r.start)
			continue;
		cut(start, start + size);
		p = hal_phys_to_virt(paddr_of(start));
		memset(p, 0, size);
		return p;
	}
	panic("no %lu bytes of memory at boot", size);
}

bool boot_free_range(unsigned n, paddr *base, u64 *size)
{
	if (n >= count)
		return false;
	*base = paddr_of(ranges[n].start);
	*size = ranges[n].end - ranges[n].start;
	return true;
}
