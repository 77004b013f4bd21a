/* core/proc/rt_time.h -- RLIMIT_RTTIME: how long a real-time thread may run without sleeping.
 *
 * The run queue counts that for every real-time task (sched_task.burst). Those whose process has a
 * limit carry SCHED_TIMED: one that runs is brought into the kernel every few ms to be asked.
 *
 * Units      us, as the limit.
 * Locking    takes process->sig_lock. Nothing here waits.
 */
#ifndef PROC_RT_TIME_H
#define PROC_RT_TIME_H

#include "core/proc/thread.h"

/* The limit changed. */
void rt_time_limited(struct process *p);
/* A thread that is new in its process. */
void rt_time_add(struct process *p, struct thread *t) REQUIRES(p->sig_lock);
/* SIGXCPU to the current thread if it ran for longer than the soft limit, which is a second more
 * from then on; SIGKILL if for longer than the hard one. */
void rt_time_check(struct thread *t);

#endif
