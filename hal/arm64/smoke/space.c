/* hal/arm64/smoke/space.c -- a hand-made user space. */
#include "core/base/log.h"
#include "core/base/string.h"
#include "hal/vdso.h"
#include "smoke.h"

#include <linux/elf.h>

extern const char user_start[], user_end[];
static u8 code[PAGE_SIZE] __attribute__((aligned(4096)));

u64 *space_entry(struct space *s, u64 va)
{
	u64 *table = s->tables[0];

	for (unsigned level = 0; level < 3; level++) {
		u64 *entry = &table[va >> (39 - 9 * level) & 511];

		if (!*entry)
			*entry = hal_virt_to_phys(s->tables[++s->tables_used]).raw | HAL_PTE_TABLE;
		table = hal_phys_to_virt(paddr_of(*entry & HAL_PTE_ADDR));
	}
	return &table[va >> PAGE_SHIFT & 511];
}

void space_map(struct space *s, u64 va, paddr to, u64 prot)
{
	*space_entry(s, va) = to.raw | prot | HAL_PTE_PAGE | HAL_PTE_NORMAL | HAL_PTE_USER |
			      HAL_PTE_SHARED | HAL_PTE_ACCESSED | HAL_PTE_NONGLOBAL;
	hal_pt_publish();
}

void space_init(struct space *s)
{
	/* All CPUs write the same bytes. */
	memcpy(code, user_start, (size_t)(user_end - user_start));
	hal_icache_sync(hal_phys_to_virt(hal_virt_to_phys(code)), sizeof(code));
	space_map(s, AT_CODE, hal_virt_to_phys(code), SPACE_RX);
	space_map(s, AT_DATA, hal_virt_to_phys(s->data), SPACE_RW);
	space_map(s, AT_RODATA, hal_virt_to_phys(s->rodata), SPACE_RO);
	space_map(s, AT_STRADDLE, hal_virt_to_phys(s->straddle), SPACE_RW);
	space_map(s, AT_MOVING, hal_virt_to_phys(s->moving[0]), SPACE_RW);
	space_map(s, AT_STACK - PAGE_SIZE, hal_virt_to_phys(s->stack), SPACE_RW);
	space_map(s, AT_VDSO - PAGE_SIZE, hal_vdso_data_page(), SPACE_RO);
	for (unsigned i = 0; i < hal_vdso_pages(); i++)
		space_map(s, AT_VDSO + i * PAGE_SIZE, hal_vdso_page(i), SPACE_RX);
	memset(s->moving[0], 0x11, PAGE_SIZE);
	memset(s->moving[1], 0x22, PAGE_SIZE);
}

u64 space_vdso(const char *name)
{
	const u8 *base = hal_phys_to_virt(hal_vdso_page(0));
	const Elf64_Ehdr *e = (const Elf64_Ehdr *)base;
	const Elf64_Phdr *p = (const Elf64_Phdr *)(base + e->e_phoff);
	const Elf64_Dyn *d = NULL;
	const Elf64_Sym *symbols = NULL;
	const char *strings = NULL;
	const u32 *hash = NULL;

	for (unsigned i = 0; i < e->e_phnum; i++)
		if (p[i].p_type == PT_DYNAMIC)
			d = (const Elf64_Dyn *)(base + p[i].p_offset);
	for (; d && d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_SYMTAB)
			symbols = (const Elf64_Sym *)(base + d->d_un.d_ptr);
		if (d->d_tag == DT_STRTAB)
			strings = (const char *)(base + d->d_un.d_ptr);
		if (d->d_tag == DT_HASH)
			hash = (const u32 *)(base + d->d_un.d_ptr);
	}
	assert(symbols && strings && hash);
	for (u32 i = 1; i < hash[1]; i++)
		if (strcmp(strings + symbols[i].st_name, name) == 0)
			return AT_VDSO + symbols[i].st_value;
	panic("the vDSO has no %s", name);
}
