/* hal/vdso.h -- code and data that the kernel lends to every program.
 *
 * The image is an ELF shared object of whole pages, to be mapped read-execute; the page
 * before it in the address space is the data page, mapped read-only. Both are the kernel's
 * own memory: mapped, never counted or freed.
 *
 * A provider that has none says 0 pages; there is no AT_SYSINFO_EHDR then.
 */
#ifndef HAL_VDSO_H
#define HAL_VDSO_H

#include "hal/types.h"

/* What the code reads. seq is odd while the rest changes.
 * monotonic ns = (counter - zero) * mult >> 32; realtime = monotonic + wall_ns. */
struct hal_vdso_data {
	u32 seq;	/* [a] */
	i32 tz_minuteswest, tz_dsttime;
	u32 pad;
	u64 zero, mult;	/* [I] */
	i64 wall_ns;
};

/* Resolution of the *_COARSE clocks, which are the others rounded down to it. */
#define HAL_VDSO_COARSE_NS 4000000

unsigned hal_vdso_pages(void);		/* of the image, the data page not included */
paddr hal_vdso_page(unsigned n);	/* n < hal_vdso_pages() */
paddr hal_vdso_data_page(void);
u64 hal_vdso_sigreturn(void);		/* offset in the image of the signal trampoline */

/* The wall clock was set: now realtime is monotonic + wall_ns. One caller at a time. */
void hal_vdso_set_wall(i64 wall_ns, i32 tz_minuteswest, i32 tz_dsttime);

/* The provider's own. */
void hal_vdso_init(u64 zero, u64 mult);

#endif
