/* hal/arm64/clock.c -- the architected virtual counter and timer, and the battery clock.
 *
 * ns = ticks * mult >> 32 with a 128-bit product, here and in the vDSO: the two agree to the
 * nanosecond and never need an update.
 */
#include "hal/arm64/arm64.h"
#include "hal/clock.h"
#include "hal/vdso.h"

#define CNTV_ENABLE 1
#define RTC_DATA    0x00

static RO_AFTER_INIT u64 hz, inverse, zero;
static RO_AFTER_INIT u64 rtc_seconds;

u64 hal_clock_hz(void)
{
	return hz;
}

u64 hal_clock_counter_at_zero(void)
{
	return zero;
}

u64 hal_clock_rtc_seconds(void)
{
	return rtc_seconds;
}

void hal_timer_set(u64 deadline_ns)
{
	unsigned __int128 ticks;
	u64 at;

	if (deadline_ns == HAL_TIMER_NEVER) {
		sysreg_write(cntv_ctl_el0, 0);
		return;
	}
	/* Never early: that would only make another interrupt. */
	ticks = ((unsigned __int128)deadline_ns * inverse >> 32) + 1 + zero;
	at = ticks > INT64_MAX ? INT64_MAX : (u64)ticks;
	sysreg_write(cntv_cval_el0, at);
	sysreg_write(cntv_ctl_el0, CNTV_ENABLE);
	barrier("isb");
}

static void expired(void *arg)
{
	/* The line is level-triggered: silence it until it is set again. */
	sysreg_write(cntv_ctl_el0, 0);
	barrier("isb");
	hal_upcalls.timer();
}

void counter_init(void)
{
	u64 mult;
	u8 *rtc = arm_platform.rtc.raw ? hal_mmio_map(arm_platform.rtc, PAGE_SIZE) : NULL;

	hz = sysreg_read(cntfrq_el0);
	if (!hz)
		hz = 62500000;
	mult = (1000000000ul << 32) / hz;
	inverse = (hz << 32) / 1000000000 + 1;	/* frequencies are below 2^32 */
	zero = hal_clock_counter();
	for (unsigned i = 0; i < hal_cpu_count(); i++) {
		arm_cpus[i].zero = zero;
		arm_cpus[i].mult = mult;
	}
	if (rtc)
		rtc_seconds = hal_mmio_read32(rtc + RTC_DATA);
	hal_vdso_init(zero, mult);
}

void counter_init_cpu(void)
{
	sysreg_write(cntv_ctl_el0, 0);
	irq_local(arm_platform.timer_irq, "arch_timer", expired);
}
