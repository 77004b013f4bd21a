/* hal/host/vdso.c -- a simulation has no code to lend. */
#include "hal/vdso.h"

unsigned hal_vdso_pages(void)
{
	return 0;
}

paddr hal_vdso_page(unsigned n)
{
	return paddr_of(0);
}

paddr hal_vdso_data_page(void)
{
	return paddr_of(0);
}

u64 hal_vdso_sigreturn(void)
{
	return 0;
}

void hal_vdso_set_wall(i64 wall_ns, i32 tz_minuteswest, i32 tz_dsttime)
{
}
