/* coro/watchdog.h -- a poll that does not end is reported by another CPU.
 *
 * A CPU in a poll takes no interrupt, so a kick that is not taken for long is the sign of a
 * stuck one, and looking for it costs a poll nothing. While any CPU is busy another one looks
 * once a second: it kicks every busy CPU and sees whether the last kick was taken. It stops
 * when all others sleep; who leaves that sleep makes sure that somebody looks again. A machine
 * with one CPU has nobody who could: there ./lichen exec --timeout looks from outside.
 *
 *	awake --(nobody but me looks)-------> ask a CPU: kick it, `wanted`
 *	kicked, wanted ---------------------> arm its timer, `watchers`
 *	timer, some other CPU is busy ------> look at each, arm again
 *	timer, all others sleep ------------> out of `watchers`
 *
 * Locking  atomics only; each CPU writes its own record.
 */
#ifndef CORO_WATCHDOG_H
#define CORO_WATCHDOG_H

#include "coro/timer.h"
#include "hal/cpu.h"

#define WATCHDOG_LOOK_NS  1000000000ul
#define WATCHDOG_STUCK_NS 2000000000ul

struct executor;

struct watchdog {
	struct timer timer;
	bool due;			/* its CPU's: the timer has fired */
	u64 kicks;			/* [a] taken by its CPU */
	u64 reported;			/* [a] kicks + 1 when a stuck poll was reported */
	struct {
		u64 kicks, since_ns;	/* when its kicks were first seen to be these; 0: idle */
	} seen[HAL_MAX_CPUS];		/* of the CPU that looks */
};

/* At boot. `report` is called once for each stuck poll, in an interrupt handler without locks:
 * ex has been in one for so long. */
void watchdog_init(void (*report)(struct executor *ex, u64 ns));

/* For the executor: it slept and runs a task; it was kicked; its timer interrupt is over. */
void watchdog_awake(struct executor *ex);
void watchdog_kicked(struct executor *ex);
void watchdog_look(struct executor *ex);

#endif
