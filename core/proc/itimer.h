/* core/proc/itimer.h -- the timers that a process has without creating them: setitimer's three, and
 * the one that watches RLIMIT_CPU.
 *
 * Ownership  they are posix_timers in the process's list, with numbers below 0.
 * Units      ns.
 * Locking    as in posix_timer.h. Nothing here waits.
 */
#ifndef PROC_ITIMER_H
#define PROC_ITIMER_H

#include "core/proc/posix_timer.h"

/* setitimer, getitimer: which is ITIMER_*; new may be NULL. 0, -EINVAL or -ENOMEM. */
int itimer_set(struct process *p, int which, const struct posix_timer_setting *new,
	       struct posix_timer_setting *old);

/* RLIMIT_CPU was set, or inherited: SIGXCPU when its soft limit is used up and each second from
 * then on, SIGKILL at the hard one. 0 or -ENOMEM. */
int itimer_limit(struct process *p);

#endif
