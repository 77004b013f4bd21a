/* hal/host/vdso.c -- what a simulation lends to its programs: the way back from a signal's handler.
 *
 * It lies where a kernel's image would, behind the empty page table.
 */
#include "hal/vdso.h"

#include <string.h>

#include "hal/host/internal.h"

/* rt_sigreturn, as its number is on arm64. */
static const struct host_insn sigreturn[] = {P_SYS(139)};

unsigned hal_vdso_pages(void)
{
	return 1;
}

paddr hal_vdso_page(unsigned n)
{
	paddr page = paddr_of(HOST_RAM_BASE + 2 * PAGE_SIZE);

	memcpy(hal_phys_to_virt(page), sigreturn, sizeof(sigreturn));
	return page;
}

/* No program of a simulation reads it. */
paddr hal_vdso_data_page(void)
{
	return paddr_of(HOST_RAM_BASE + PAGE_SIZE);
}

u64 hal_vdso_sigreturn(void)
{
	return 0;
}

void hal_vdso_set_wall(i64 wall_ns, i32 tz_minuteswest, i32 tz_dsttime)
{
}
