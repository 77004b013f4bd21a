/* hal/host/memory.c -- RAM, and user memory behind the kernel's page tables through a TLB.
 *
 * RAM lies at one fixed address of the process, so that runs of one seed see equal pointers.
 * Each CPU's TLB holds what it read from the tables until it is told to forget, so a missing
 * flush shows as it would on a machine: an old translation is used. Where the tables say
 * something else by then that no order of events allows, the run fails.
 *
 * Locking  a TLB is filled by its CPU and flushed by any: machine_lock in a free run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "hal/machine.h"
#include "hal/uaccess.h"
#include "hal/host/internal.h"

#define ARENA ((void *)0x7e9000000000ul)
#define KERNEL_SIZE 0x100000ul /* reserved at the start, as if an image lay there */

struct hal_machine hal_machine;
static u8 *ram;
static u64 ram_size;
static u64 empty_root;

static const char cpu_name[] = "simulated";

/* Lay something at the end of RAM, before what is there. */
static struct hal_region place(u64 *end, const void *data, size_t size)
{
	struct hal_region r = {.size = size};

	*end = PAGE_DOWN(*end - size);
	r.base = paddr_of(HOST_RAM_BASE + *end);
	memcpy(ram + *end, data, size);
	return r;
}

void host_memory_init(void)
{
	struct hal_machine *m = &hal_machine;
	u64 end;

	if (ram)
		munmap(ram, ram_size);
	ram_size = host_config.memory;
	ram = mmap(ARENA, ram_size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	if (ram == MAP_FAILED) {
		perror("the simulated machine's memory");
		exit(2);
	}
	memset(m, 0, sizeof(*m));
	m->memory[0] = (struct hal_region){paddr_of(HOST_RAM_BASE), ram_size};
	m->memory_count = 1;
	m->reserved[m->reserved_count++] =
		(struct hal_region){paddr_of(HOST_RAM_BASE), KERNEL_SIZE};
	end = ram_size;
	if (host_config.initrd_size) {
		m->initrd = place(&end, host_config.initrd, host_config.initrd_size);
		m->reserved[m->reserved_count++] = m->initrd;
	}
	empty_root = HOST_RAM_BASE; /* a zero page inside the reserved range */
	if (host_config.cmdline)
		snprintf(m->cmdline, sizeof(m->cmdline), "%s", host_config.cmdline);
	m->rng_seed_len = 32;
	for (unsigned i = 0; i < m->rng_seed_len; i++)
		m->rng_seed[i] = (u8)host_random(256);
	m->cpu_name = cpu_name;
	m->hwcap = 3; /* FP and ASIMD */
	m->midr = 0x414fd0b1;
}

void *host_ram(u64 phys, u64 size)
{
	u64 at = phys - HOST_RAM_BASE;

	return at < ram_size && size <= ram_size - at ? ram + at : NULL;
}

void *hal_phys_to_virt(paddr p)
{
	if (p.raw - HOST_RAM_BASE > ram_size)
		host_fail("physical address %#lx is not RAM", p.raw);
	return ram + (p.raw - HOST_RAM_BASE);
}

paddr hal_virt_to_phys(const void *v)
{
	u64 at = (u64)((const u8 *)v - ram);

	if (at > ram_size)
		host_fail("%p is not in the direct map", v);
	return paddr_of(HOST_RAM_BASE + at);
}

/* --- address spaces --- */

paddr hal_space_empty(void)
{
	return paddr_of(HOST_RAM_BASE);
}

void hal_space_load(u64 token)
{
	paddr root = paddr_of(token & HAL_PTE_ADDR);
	u16 asid = (u16)(token >> 48);

	if (root.raw == empty_root ? asid : !asid)
		host_fail("user space %#lx loaded with ASID %u", root.raw, asid);
	if (!host_ram(root.raw, PAGE_SIZE) || root.raw % PAGE_SIZE)
		host_fail("user space at %#lx is not a page of RAM", root.raw);
	host_self->root = root.raw;
	host_self->asid = asid;
}

unsigned hal_asid_max(void)
{
	return 63; /* few, so that they are used up and recycled */
}

void hal_pt_publish(void)
{
	hal_sim_point(NULL);
}

void hal_zero_page(void *page)
{
	memset(page, 0, PAGE_SIZE);
}

void hal_icache_sync(const void *p, size_t size)
{
}

void hal_memory_seal(void)
{
}

static struct host_tlb_entry *tlb_slot(struct host_cpu *c, u16 asid, u64 page)
{
	return &c->tlb[(page ^ page >> 9 ^ asid * 37u) % HOST_TLB_SIZE];
}

void hal_tlb_flush_page(u16 asid, u64 va)
{
	hal_sim_point(NULL);
	host_lock();
	for (unsigned i = 0; i < host_cpu_total; i++) {
		struct host_tlb_entry *e = tlb_slot(&host_cpus[i], asid, va >> PAGE_SHIFT);

		if (e->asid == asid && e->page == va >> PAGE_SHIFT)
			e->valid = false;
	}
	host_unlock();
	hal_sim_point(NULL);
}

static void flush_pages(u16 asid, u64 first, u64 end)
{
	hal_sim_point(NULL);
	host_lock();
	for (unsigned i = 0; i < host_cpu_total; i++)
		for (unsigned n = 0; n < HOST_TLB_SIZE; n++) {
			struct host_tlb_entry *e = &host_cpus[i].tlb[n];

			if (e->asid == asid && e->page >= first && e->page < end)
				e->valid = false;
		}
	host_unlock();
	hal_sim_point(NULL);
}

void hal_tlb_flush_range(u16 asid, u64 va, u64 size)
{
	flush_pages(asid, va >> PAGE_SHIFT, (va + size + PAGE_SIZE - 1) >> PAGE_SHIFT);
}

void hal_tlb_flush_asid(u16 asid)
{
	flush_pages(asid, 0, UINT64_MAX);
}

/* --- translation --- */

/* The leaf entry for va, 0 if a table is missing. */
static u64 walk(u64 root, u64 va)
{
	u64 entry = root | HAL_PTE_TABLE;

	for (int level = 0; level < HAL_PT_LEVELS; level++) {
		u64 index = va >> (39 - 9 * level) & (HAL_PT_ENTRIES - 1);
		u64 *table = host_ram(entry & HAL_PTE_ADDR, PAGE_SIZE);

		if (!table)
			host_fail("a page table entry of %#lx at level %d points outside RAM: %#lx",
				  va, level - 1, entry);
		entry = __atomic_load_n(&table[index], __ATOMIC_RELAXED);
		if (!(entry & HAL_PTE_VALID))
			return 0;
		if ((entry & 3) != HAL_PTE_TABLE)
			host_fail("a block entry for %#lx at level %d: %#lx", va, level, entry);
	}
	return entry;
}

/* The cached entry is about to be used; do the tables allow that it still is? */
static void check_cached(const struct host_tlb_entry *e, u64 root, u64 va)
{
	u64 now;

	if (e->root != root)
		host_fail("ASID %u was given to another space while translations of the former "
			  "one were cached (%#lx)", e->asid, va);
	now = walk(root, va);
	if (!(now & HAL_PTE_VALID) || now == e->pte)
		return;
	if ((now ^ e->pte) & HAL_PTE_ADDR)
		host_fail("no break-before-make at %#lx: %#lx became %#lx while cached", va,
			  e->pte, now);
	if ((e->pte & HAL_PTE_RDONLY && !(now & HAL_PTE_RDONLY)) ||
	    (e->pte & HAL_PTE_UXN && !(now & HAL_PTE_UXN)))
		host_fail("permissions at %#lx were widened without break-before-make: "
			  "%#lx became %#lx", va, e->pte, now);
}

static bool allows(u64 pte, enum hal_access access)
{
	if (!(pte & HAL_PTE_USER))
		return false;
	if (access == HAL_WRITE && pte & HAL_PTE_RDONLY)
		return false;
	return !(access == HAL_EXEC && pte & HAL_PTE_UXN);
}

static void *translate(struct host_cpu *me, u64 va, enum hal_access access, bool *present)
{
	struct host_tlb_entry *e = tlb_slot(me, me->asid, va >> PAGE_SHIFT);
	u8 *page;

	*present = false;
	if (e->valid && e->asid == me->asid && e->page == va >> PAGE_SHIFT) {
		check_cached(e, me->root, va);
	} else {
		u64 pte = walk(me->root, va);

		/* Entries that fault are never cached. */
		if (!(pte & HAL_PTE_VALID) || !(pte & HAL_PTE_ACCESSED))
			return NULL;
		if (!(pte & HAL_PTE_NONGLOBAL))
			host_fail("a global user page at %#lx: %#lx", va, pte);
		*e = (struct host_tlb_entry){true, me->asid, va >> PAGE_SHIFT, pte, me->root};
	}
	*present = true;
	if (!allows(e->pte, access))
		return NULL;
	page = host_ram(e->pte & HAL_PTE_ADDR, PAGE_SIZE);
	if (!page)
		host_fail("user page at %#lx lies outside RAM: %#lx", va, e->pte);
	return page + va % PAGE_SIZE;
}

void *host_translate(u64 va, enum hal_access access, bool *present)
{
	void *at;

	*present = false;
	if (va >= HAL_USER_END)
		return NULL;
	host_lock();
	at = translate(host_self, va, access, present);
	host_unlock();
	return at;
}

/* --- hal/uaccess.h --- */

__attribute__((no_sanitize("thread", "address"))) static void
move(void *to, const void *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((volatile u8 *)to)[i] = ((const volatile u8 *)from)[i];
}

/* The kernel's buffer is checked by the sanitizers; user memory is raced for on purpose. */
static size_t copy_user(u8 *buffer, uptr user, size_t n, enum hal_access access)
{
	size_t done = 0;

	if (n > HAL_USER_END || user.raw > HAL_USER_END - n)
		return 0;
	hal_sim_point(NULL);
	while (done < n) {
		u64 va = user.raw + done;
		size_t part = PAGE_SIZE - va % PAGE_SIZE;
		bool present;
		void *at = host_translate(va, access, &present);

		if (!at)
			break;
		if (part > n - done)
			part = n - done;
		if (access == HAL_READ)
			move(buffer + done, at, part);
		else
			move(at, buffer + done, part);
		done += part;
	}
	return done;
}

size_t hal_copy_from_user(void *to, uptr from, size_t n)
{
	return copy_user(to, from, n, HAL_READ);
}

size_t hal_copy_to_user(uptr to, const void *from, size_t n)
{
	return copy_user((u8 *)from, to, n, HAL_WRITE);
}

size_t hal_zero_user(uptr to, size_t n)
{
	static const u8 zeros[PAGE_SIZE];
	size_t done = 0;

	if (n > HAL_USER_END || to.raw > HAL_USER_END - n)
		return 0;
	while (done < n) {
		size_t part = n - done < PAGE_SIZE ? n - done : PAGE_SIZE;
		size_t did = copy_user((u8 *)zeros, uptr_add(to, done), part, HAL_WRITE);

		done += did;
		if (did < part)
			break;
	}
	return done;
}

i64 hal_string_from_user(char *to, uptr from, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!copy_user((u8 *)to + i, uptr_add(from, i), 1, HAL_READ))
			return -1 - (i64)i;
		if (!to[i])
			return (i64)i;
	}
	return (i64)n;
}

bool hal_load_user32(u32 *value, uptr from)
{
	bool present;
	u32 *at;

	if (from.raw % sizeof(u32))
		return false;
	hal_sim_point(NULL);
	at = host_translate(from.raw, HAL_READ, &present);
	if (!at)
		return false;
	*value = __atomic_load_n(at, __ATOMIC_ACQUIRE);
	return true;
}

bool hal_store_user32(uptr to, u32 value)
{
	bool present;
	u32 *at;

	if (to.raw % sizeof(u32))
		return false;
	hal_sim_point(NULL);
	at = host_translate(to.raw, HAL_WRITE, &present);
	if (!at)
		return false;
	__atomic_store_n(at, value, __ATOMIC_RELEASE);
	return true;
}
