/* hal/arm64/vdso/vdso.c -- time without a system call. Runs in user mode.
 *
 * What it cannot answer it asks the kernel, so the answers never differ in kind.
 */
#include <asm/unistd.h>
#include <linux/time.h>

#include "hal/vdso.h"

#define NS_PER_SECOND 1000000000ul
#define hidden __attribute__((visibility("hidden")))

extern const struct hal_vdso_data vdso_data hidden;

int __kernel_clock_gettime(int clock, struct __kernel_timespec *to);
int __kernel_clock_getres(int clock, struct __kernel_timespec *to);
int __kernel_gettimeofday(struct __kernel_old_timeval *to, struct timezone *tz);

static long ask_kernel(long number, long a, void *b)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = (long)b;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1) : "memory");
	return x0;
}

static u64 monotonic_ns(void)
{
	u64 counter;

	__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(counter) : : "memory");
	return (u64)((unsigned __int128)(counter - vdso_data.zero) * vdso_data.mult >> 32);
}

/* All that settimeofday can change, of one moment. */
static void read_wall(i64 *wall_ns, struct timezone *tz)
{
	u32 seq;

	do {
		while ((seq = __atomic_load_n(&vdso_data.seq, __ATOMIC_ACQUIRE)) & 1)
			;
		*wall_ns = __atomic_load_n(&vdso_data.wall_ns, __ATOMIC_RELAXED);
		tz->tz_minuteswest = __atomic_load_n(&vdso_data.tz_minuteswest, __ATOMIC_RELAXED);
		tz->tz_dsttime = __atomic_load_n(&vdso_data.tz_dsttime, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (seq != __atomic_load_n(&vdso_data.seq, __ATOMIC_RELAXED));
}

int __kernel_clock_gettime(int clock, struct __kernel_timespec *to)
{
	struct timezone tz;
	i64 wall = 0;
	u64 ns;

	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
		read_wall(&wall, &tz);
		break;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
		break;
	default:
		return (int)ask_kernel(__NR_clock_gettime, clock, to);
	}
	ns = monotonic_ns();
	if (clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE)
		ns -= ns % HAL_VDSO_COARSE_NS;
	ns += (u64)wall;
	to->tv_sec = (long)(ns / NS_PER_SECOND);
	to->tv_nsec = (long)(ns % NS_PER_SECOND);
	return 0;
}

int __kernel_gettimeofday(struct __kernel_old_timeval *to, struct timezone *tz)
{
	struct timezone zone;
	i64 wall;

	read_wall(&wall, &zone);
	if (to) {
		u64 ns = monotonic_ns() + (u64)wall;

		to->tv_sec = (long)(ns / NS_PER_SECOND);
		to->tv_usec = (long)(ns % NS_PER_SECOND / 1000);
	}
	if (tz)
		*tz = zone;
	return 0;
}

int __kernel_clock_getres(int clock, struct __kernel_timespec *to)
{
	long ns;

	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_BOOTTIME:
		ns = 1;
		break;
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE:
		ns = HAL_VDSO_COARSE_NS;
		break;
	default:
		return (int)ask_kernel(__NR_clock_getres, clock, to);
	}
	if (to) {
		to->tv_sec = 0;
		to->tv_nsec = ns;
	}
	return 0;
}
