/* core/proc/cpu_sleep.h -- sleeping until CPU time has been used.
 *
 * Ownership  the timer is shared with the worker that tells of it, and goes with the last of
 *            the two.
 * Units      ns of the clock slept on.
 */
#ifndef PROC_CPU_SLEEP_H
#define PROC_CPU_SLEEP_H

#include "core/proc/thread.h"

/* Until CPU-time clock `id` has come to the deadline: 0, -ERESTARTSYS on a signal, -EINVAL (not a
 * clock to sleep on, see clock_cpu_owner), -ENOMEM. Waits. */
struct cpu_sleeper;
struct cpu_sleep {
	struct co_frame co;
	int id;
	u64 deadline_ns;
	struct cpu_sleeper *sleeper;
	long err;
};
co_t cpu_sleep(struct co *co, struct cpu_sleep *f);

#endif
