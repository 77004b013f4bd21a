/* hal/clock.h -- time.
 *
 * Units  nanoseconds since boot unless said otherwise; wall-clock in ns since 1970.
 */
#ifndef HAL_CLOCK_H
#define HAL_CLOCK_H

#include "hal/cpu.h" /* a provider may define some of these inline in hal_inline.h */

/* Monotonic, the same on every CPU. */
u64 hal_clock_ns(void);

/* The counter a program may read in user mode (CNTVCT_EL0), its frequency in Hz, and the
 * counter's value at hal_clock_ns() == 0. */
u64 hal_clock_counter(void);
u64 hal_clock_hz(void);
u64 hal_clock_counter_at_zero(void);

/* The battery clock, read once at boot. Units: seconds since 1970. */
u64 hal_clock_rtc_seconds(void);

/* Arm this CPU's one-shot timer: hal_upcalls.timer runs at the first window at or after
 * deadline_ns. A later call replaces an earlier one; HAL_TIMER_NEVER disarms. */
#define HAL_TIMER_NEVER UINT64_MAX
void hal_timer_set(u64 deadline_ns);

#endif
