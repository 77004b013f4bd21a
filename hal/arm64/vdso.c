/* hal/arm64/vdso.c -- the kernel's side of the vDSO. */
#include "core/base/atomic.h"
#include "hal/arm64/arm64.h"
#include "hal/vdso.h"
#include "hal/arm64/vdso_offsets.h"

extern const char vdso_image[], vdso_image_end[];

static union {
	struct hal_vdso_data data;
	u8 page[PAGE_SIZE];
} vdso __attribute__((aligned(4096)));

unsigned hal_vdso_pages(void)
{
	return (unsigned)((vdso_image_end - vdso_image) / PAGE_SIZE);
}

paddr hal_vdso_page(unsigned n)
{
	return hal_virt_to_phys(vdso_image + n * PAGE_SIZE);
}

paddr hal_vdso_data_page(void)
{
	return hal_virt_to_phys(&vdso);
}

u64 hal_vdso_sigreturn(void)
{
	return VDSO_SIGRETURN;
}

void hal_vdso_init(u64 zero, u64 mult)
{
	vdso.data.zero = zero;
	vdso.data.mult = mult;
}

void hal_vdso_set_wall(i64 wall_ns, i32 tz_minuteswest, i32 tz_dsttime)
{
	atomic_store_relaxed(&vdso.data.seq, vdso.data.seq + 1);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	atomic_store_relaxed(&vdso.data.wall_ns, wall_ns);
	atomic_store_relaxed(&vdso.data.tz_minuteswest, tz_minuteswest);
	atomic_store_relaxed(&vdso.data.tz_dsttime, tz_dsttime);
	atomic_store(&vdso.data.seq, vdso.data.seq + 1);
}
