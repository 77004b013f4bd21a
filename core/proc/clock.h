/* core/proc/clock.h -- what time it is, by every clock.
 *
 * Units    ns. CLOCK_REALTIME counts since 1970, the others since boot.
 * Locking  the wall offset is one atomic word.
 */
#ifndef PROC_CLOCK_H
#define PROC_CLOCK_H

#include <linux/time.h>
#include <linux/time_types.h>

#include "core/proc/thread.h"

void clock_init(void);		/* wall clock from the RTC; at boot */

u64 clock_wall_ns(void);	/* CLOCK_REALTIME */
u64 clock_boot_wall_seconds(void);	/* /proc/stat's btime */
int clock_set_wall(u64 wall_ns);
u64 clock_wall_to_boot(u64 wall_ns);	/* a wall time as a hal_clock_ns deadline */
u64 clock_wall_offset(void);		/* the wall clock minus hal_clock_ns */

/* The value of clock `id` for the current thread: 0 or -EINVAL. */
int clock_read(int id, u64 *ns);
int clock_resolution(int id, u64 *ns);
/* Is it a CPU-time clock of the caller's process or of one of its threads? Then which of the two,
 * and the thread's number (0: the caller). -EINVAL: no such clock; -EOPNOTSUPP: another's. */
int clock_own_cpu(int id, int *kind, int *tid);
bool clock_is_cpu(int id);
/* Whose CPU time a clock counts that the current thread may sleep on: references, of the process
 * and, if it is a thread's clock, of the thread (else NULL). -EINVAL: no such clock, or its own. */
int clock_cpu_owner(int id, struct process **p, struct thread **t);
/* May the current thread set timers that wake the machine? Nothing sleeps, but it is asked. */
bool clock_is_alarm(int id);
/* Does it move when the wall clock is set? */
bool clock_is_wall(int id);
/* How often the wall clock was set; the queue is woken after each time. Who waits for a time of it
 * reads the number before he works out his deadline, and does so again when it has changed. */
u64 clock_times_set(void);
extern struct waitq clock_set_wait;

/* Can it be slept on, and what is `ns` of it as a hal_clock_ns deadline? -EINVAL, -EOPNOTSUPP. */
int clock_deadline(int id, u64 ns, bool absolute, u64 *deadline_ns);

/* When a wait ends: ns by hal_clock_ns, or by the wall clock, which may be set meanwhile. */
struct clock_until {
	u64 ns;			/* CO_FOREVER: never */
	u32 set_before;		/* how often, when it was looked at last */
	bool wall;
};
/* As clock_deadline. */
int clock_until_set(struct clock_until *u, int id, u64 ns, bool absolute);
/* CO_WAIT_UNTIL for those, without a queue and on one; cond has no side effects. */
#define CLOCK_WAIT_UNTIL(out, cond, until) \
	CLOCK_WAIT_(out, clock_until_queue(until), NULL, cond, until)
#define CLOCK_WAIT_ON_UNTIL(out, wq, cond, until) \
	CLOCK_WAIT_(out, wq, clock_until_queue(until), cond, until)
#define CLOCK_WAIT_(out, wq1, wq2, cond, until)						\
	do {										\
		(until)->set_before = (u32)clock_times_set();				\
		CO_WAIT_EITHER(out, wq1, wq2, (cond) || clock_until_moved(until),	\
			       clock_until_deadline(until));				\
	} while (!(out) && !(cond))
static inline struct waitq *clock_until_queue(const struct clock_until *u)
{
	return u->wall ? &clock_set_wait : NULL;
}
static inline bool clock_until_moved(const struct clock_until *u)
{
	return u->wall && u->set_before != (u32)clock_times_set();
}
static inline u64 clock_until_deadline(const struct clock_until *u)
{
	return u->wall ? clock_wall_to_boot(u->ns) : u->ns;
}

/* -EINVAL unless it is a valid time span; saturates. */
int clock_from_timespec(const struct __kernel_timespec *ts, u64 *ns);
struct __kernel_timespec clock_to_timespec(u64 ns);

#endif
