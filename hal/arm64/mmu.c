/* hal/arm64/mmu.c -- the kernel's own mappings, and the TLB.
 *
 * The direct map uses the largest blocks that fit; in it, as in the image's mapping, the
 * kernel's code and constants are read-only. Tables come from a static pool: nothing here
 * needs an allocator, and nothing is ever freed.
 *
 * Locking  map_lock for the kernel's tables; user tables are their owner's.
 */
#include "core/base/bits.h"
#include "core/base/spinlock.h"
#include "core/base/string.h"
#include "hal/arm64/arm64.h"

#define PTE_BLOCK   1ul
#define PTE_NORMAL  (0ul << 2)
#define PTE_DEVICE  (1ul << 2)
#define PTE_GLOBAL  (HAL_PTE_SHARED | HAL_PTE_ACCESSED)
#define PTE_NOEXEC  (HAL_PTE_PXN | HAL_PTE_UXN)
#define PROT_TEXT   (PTE_GLOBAL | PTE_NORMAL | HAL_PTE_RDONLY | HAL_PTE_UXN)
#define PROT_RODATA (PTE_GLOBAL | PTE_NORMAL | HAL_PTE_RDONLY | PTE_NOEXEC)
#define PROT_DATA   (PTE_GLOBAL | PTE_NORMAL | PTE_NOEXEC)
#define PROT_DEVICE (PTE_GLOBAL | PTE_DEVICE | PTE_NOEXEC)

#define POOL_TABLES	64
#define FLUSH_RANGE_MAX 128	/* pages; beyond, the whole ASID goes */

u64 kernel_l0[HAL_PT_ENTRIES] __attribute__((aligned(4096)));
u8 stacks[HAL_MAX_CPUS][STACK_SIZE] __attribute__((aligned(4096)));
RO_AFTER_INIT u64 image_phys;

static u64 pool[POOL_TABLES][HAL_PT_ENTRIES] __attribute__((aligned(4096)));
static unsigned pool_used;
static spinlock map_lock;
static RO_AFTER_INIT unsigned asid_max;

extern u64 empty_l0[], early_l2[];
void mmu_switch(u64 root);

static u64 image_to_phys(const void *v)
{
	return (u64)v - IMAGE_BASE + image_phys;
}

paddr hal_virt_to_phys(const void *v)
{
	u64 at = (u64)v;

	if (at < DEVICE_BASE)
		return paddr_of(at - DIRECT_BASE);
	if (at >= IMAGE_BASE)
		return paddr_of(image_to_phys(v));
	/* a stack: slot n holds stacks[n] at its end */
	at -= STACK_BASE;
	return paddr_of(image_to_phys(stacks[at / STACK_SLOT]) + at % STACK_SLOT -
			(STACK_SLOT - STACK_SIZE));
}

/* The table below entry e of a table, made if there was none; NULL if the pool is dry. */
static u64 *table_below(u64 *entry)
{
	u64 *table;

	if (*entry)
		return (u64 *)((*entry & HAL_PTE_ADDR) - image_phys + IMAGE_BASE);
	if (pool_used == POOL_TABLES)
		return NULL;
	table = pool[pool_used++];
	barrier("dsb ishst");
	__atomic_store_n(entry, image_to_phys(table) | HAL_PTE_TABLE, __ATOMIC_RELAXED);
	return table;
}

/* The entry for va at `level` (1 to 3). */
static u64 *entry_at(u64 va, unsigned level)
{
	u64 *table = kernel_l0;

	for (unsigned l = 0; l < level; l++) {
		table = table_below(&table[(va >> (39 - 9 * l)) & 511]);
		if (!table)
			return NULL;
	}
	return &table[(va >> (39 - 9 * level)) & 511];
}

/* Map [pa, pa+size) at va, all multiples of a page, in the largest blocks possible. */
static bool map(u64 va, u64 pa, u64 size, u64 prot) REQUIRES(map_lock)
{
	while (size) {
		unsigned level = 3;
		u64 step = PAGE_SIZE;
		u64 *entry;

		for (unsigned l = 1; l < 3; l++) {
			u64 block = 1ul << (39 - 9 * l);

			if (!((va | pa) & (block - 1)) && size >= block) {
				level = l;
				step = block;
				break;
			}
		}
		entry = entry_at(va, level);
		if (!entry)
			return false;
		if (!*entry)
			__atomic_store_n(entry, pa | prot | (level == 3 ? HAL_PTE_PAGE : PTE_BLOCK),
					 __ATOMIC_RELAXED);
		va += step;
		pa += step;
		size -= step;
	}
	return true;
}

/* One region of RAM in the direct map, the image's constants in it read-only. */
static bool map_memory(u64 base, u64 end) REQUIRES(map_lock)
{
	const u64 cuts[] = {base, image_phys, image_to_phys(rodata_end),
			    image_to_phys(ro_after_init_end), end};
	const u64 prot[] = {PROT_DATA, PROT_RODATA, PROT_DATA, PROT_DATA};

	for (unsigned i = 0; i < ARRAY_SIZE(prot); i++) {
		u64 from = min(max(cuts[i], base), end);
		u64 to = min(max(cuts[i + 1], base), end);

		if (from < to && !map(DIRECT_BASE + from, from, to - from, prot[i]))
			return false;
	}
	return true;
}

static bool map_image(const char *from, const char *to, u64 prot) REQUIRES(map_lock)
{
	u64 va = (u64)from;

	/* By pages, so that no block joins two kinds and seal can change its part. */
	for (; va < PAGE_UP((u64)to); va += PAGE_SIZE)
		if (!map(va, image_to_phys((void *)va), PAGE_SIZE, prot))
			return false;
	return true;
}

/* The tree can be 2 MiB long and start anywhere. */
const void *mmu_early_dtb(paddr dtb)
{
	u64 block = round_down(dtb.raw, BLOCK_SIZE);

	image_phys = early_l2[0] & HAL_PTE_ADDR;
	for (unsigned i = 0; i < 2; i++)
		early_l2[EARLY_DTB_INDEX + i] = (block + i * BLOCK_SIZE) | PROT_RODATA | PTE_BLOCK;
	barrier("dsb ishst\n\tisb");
	return (const void *)(EARLY_DTB_BASE + dtb.raw - block);
}

u64 mmu_stack_top(unsigned cpu)
{
	return STACK_BASE + (cpu + 1ul) * STACK_SLOT;
}

void mmu_init(void)
{
	bool ok;

	asid_max = (sysreg_read(id_aa64mmfr0_el1) >> 4 & 15) == 2 ? 0xffff : 0xff;
	spin_lock(&map_lock);
	ok = map_image(image_start, text_end, PROT_TEXT) &&
	     map_image(text_end, rodata_end, PROT_RODATA) &&
	     map_image(rodata_end, image_end, PROT_DATA);
	for (unsigned i = 0; i < HAL_MAX_CPUS; i++)
		ok = ok && map(mmu_stack_top(i) - STACK_SIZE, image_to_phys(stacks[i]),
			       STACK_SIZE, PROT_DATA);
	for (unsigned i = 0; i < hal_machine.memory_count; i++) {
		const struct hal_region *r = &hal_machine.memory[i];

		/* What cannot be mapped is not ours. */
		if (!map_memory(r->base.raw, r->base.raw + r->size)) {
			hal_machine.memory_count = i;
			break;
		}
	}
	spin_unlock(&map_lock);
	/* Without the image mapped there is nothing to report with; the pool is sized for it. */
	if (!ok)
		hal_halt();
	barrier("dsb ish");
	mmu_switch(image_to_phys(kernel_l0));
}

void hal_memory_seal(void)
{
	spin_lock(&map_lock);
	for (u64 va = (u64)rodata_end; va < (u64)ro_after_init_end; va += PAGE_SIZE) {
		u64 direct = DIRECT_BASE + image_to_phys((void *)va);

		/* Only permissions change, so no break is needed. */
		*entry_at(va, 3) |= HAL_PTE_RDONLY;
		*entry_at(direct, 3) |= HAL_PTE_RDONLY;
	}
	spin_unlock(&map_lock);
	barrier("dsb ishst\n\ttlbi vmalle1is\n\tdsb ish\n\tisb");
}

static bool overlaps_memory(u64 base, u64 size)
{
	for (unsigned i = 0; i < hal_machine.memory_count; i++) {
		const struct hal_region *r = &hal_machine.memory[i];

		if (base < r->base.raw + r->size && r->base.raw < base + size)
			return true;
	}
	return false;
}

void *hal_mmio_map(paddr base, size_t size)
{
	u64 from = PAGE_DOWN(base.raw), to;
	bool ok;

	if (!size || add_overflows(base.raw, size, &to) || to > DEVICE_END - DEVICE_BASE)
		return NULL;
	to = PAGE_UP(to);
	if (overlaps_memory(from, to - from))
		return NULL;
	spin_lock(&map_lock);
	ok = map(DEVICE_BASE + from, from, to - from, PROT_DEVICE);
	spin_unlock(&map_lock);
	barrier("dsb ishst\n\tisb");
	return ok ? (void *)(DEVICE_BASE + base.raw) : NULL;
}

paddr hal_space_empty(void)
{
	return paddr_of(image_to_phys(empty_l0));
}

unsigned hal_asid_max(void)
{
	return asid_max;
}

void hal_pt_publish(void)
{
	barrier("dsb ishst\n\tisb");
}

static void flush_one(u16 asid, u64 va)
{
	u64 what = (u64)asid << 48 | (va >> PAGE_SHIFT & ((1ul << 44) - 1));

	__asm__ volatile("tlbi vae1is, %0" : : "r"(what) : "memory");
}

void hal_tlb_flush_page(u16 asid, u64 va)
{
	barrier("dsb ishst");
	flush_one(asid, va);
	barrier("dsb ish\n\tisb");
}

void hal_tlb_flush_range(u16 asid, u64 va, u64 size)
{
	if (size > FLUSH_RANGE_MAX * PAGE_SIZE) {
		hal_tlb_flush_asid(asid);
		return;
	}
	barrier("dsb ishst");
	for (u64 end = va + size; va < end; va += PAGE_SIZE)
		flush_one(asid, va);
	barrier("dsb ish\n\tisb");
}

void hal_tlb_flush_asid(u16 asid)
{
	barrier("dsb ishst");
	__asm__ volatile("tlbi aside1is, %0" : : "r"((u64)asid << 48) : "memory");
	barrier("dsb ish\n\tisb");
}

/* dc zva clears a block of 4 << BS bytes, unless the machine says that it may not. */
void hal_zero_page(void *page)
{
	u64 dczid = sysreg_read(dczid_el0), block = 4ul << (dczid & 15);
	char *at = page, *end = at + PAGE_SIZE;

	if (dczid & 16 || block > PAGE_SIZE / 4) {
		string_zero_page(page);
		return;
	}
	for (; at < end; at += 4 * block)
		__asm__ volatile("dc zva, %0\n\tdc zva, %1\n\tdc zva, %2\n\tdc zva, %3"
				 :
				 : "r"(at), "r"(at + block), "r"(at + 2 * block),
				   "r"(at + 3 * block)
				 : "memory");
}

void hal_icache_sync(const void *p, size_t size)
{
	u64 ctr = sysreg_read(ctr_el0);
	u64 dline = 4ul << (ctr >> 16 & 15), iline = 4ul << (ctr & 15);
	u64 from = (u64)p, to = from + size;

	for (u64 at = from & ~(dline - 1); at < to; at += dline)
		__asm__ volatile("dc cvau, %0" : : "r"(at) : "memory");
	barrier("dsb ish");
	if ((ctr >> 14 & 3) == 3) {
		/* indexed by physical address, so the direct map's alias will do */
		for (u64 at = from & ~(iline - 1); at < to; at += iline)
			__asm__ volatile("ic ivau, %0" : : "r"(at) : "memory");
	} else {
		barrier("ic ialluis");
	}
	barrier("dsb ish\n\tisb");
}
