/* hal/cpu.h -- processors: who am I, wake another, sleep, stop.
 *
 * Kernel code runs with interrupts masked. They are taken in EL0, in hal_cpu_idle and in
 * hal_irq_window, and nowhere else, so code between two of those is atomic on its CPU.
 *
 * Ownership  struct hal_cpu belongs to the HAL; `upper` is the executor's, set once.
 * Locking    none needed: everything here is about the calling CPU, or atomic.
 */
#ifndef HAL_CPU_H
#define HAL_CPU_H

#include "hal/types.h"

#define HAL_MAX_CPUS 8

struct hal_cpu {
	unsigned id;	/* [I] 0 .. hal_cpu_count()-1 */
	void *upper;	/* [I] the executor of this CPU */
	/* the provider's own state follows in its containing struct */
};

#include "hal_inline.h" /* hal_cpu_self, hal_relax, hal_irq_pending, hal_lock, hal_sim_point */

/* struct hal_cpu *hal_cpu_self(void): the calling CPU.
 * void hal_relax(void): inside a spin loop.
 * void hal_lock(u32 *lock), bool hal_try_lock(u32 *lock), void hal_unlock(u32 *lock): what a
 *	spinlock is made of; 0 is free.
 * bool hal_irq_pending(void): an interrupt waits to be taken on this CPU; loops with a
 *	budget look at it.
 * bool hal_has_crc32c(void), u32 hal_crc32c(u32 crc, u64 word): an instruction for CRC32C of eight
 *	bytes, the lowest first, and is there one?
 * void hal_sim_point(const volatile void *what): nothing on a machine; on hal/host a place where
 *	another simulated CPU may run. Called by every atomic and spinlock operation;
 *	hal_sim_read is the same before an operation that only reads.
 * HAL_ENTRY: of a function that is entered where the C stack begins, and of its tail calls: no
 *	caller has anything in a register that it wants kept.
 * HAL_SIMULATED: constant 1 on hal/host, 0 on a machine. */

/* CPUs the machine has, 1 .. HAL_MAX_CPUS; constant after boot. */
unsigned hal_cpu_count(void);

/* CPU n's record, n < hal_cpu_count(). */
struct hal_cpu *hal_cpu_nth(unsigned n);

/* Start CPU n; it comes up in hal_upcalls.cpu_up. 0 or -EIO. */
int hal_cpu_start(unsigned n);

/* Interrupt CPU n, so that it looks at its run queue and its task's flags. It takes the
 * interrupt at its next window; hal_upcalls.kicked runs there. */
void hal_cpu_kick(unsigned n);

/* Take whatever interrupts are pending, now. */
void hal_irq_window(void);

/* Sleep until an interrupt is pending, then take it. An interrupt that became pending
 * before the call makes it return at once: no wake-up is lost. */
void hal_cpu_idle(void);

/* End the machine. */
[[noreturn]] void hal_power_off(void);
[[noreturn]] void hal_reset(void);

/* Stop this CPU for ever; a panic's last act. Other CPUs were told by hal_stop_others,
 * which waits for nobody. */
[[noreturn]] void hal_halt(void);
void hal_stop_others(void);

#endif
