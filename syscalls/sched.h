/* syscalls/sched.h -- whose scheduling is meant, and who may change it. Nothing here waits.
 *
 * Ownership  sched_target gives a reference (task_put).
 */
#ifndef SYSCALLS_SCHED_H
#define SYSCALLS_SCHED_H

#include "core/proc/thread.h"

/* The thread meant by a number (0: the caller); NULL: none. */
struct thread *sched_target(struct task *t, int pid);
/* Is it the caller's own user's? */
bool sched_owns(struct task *t, struct thread *target);
/* The CPUs there are. */
u64 sched_online(void);
/* Let it run on those CPUs only: 0, or -EBUSY for one with a deadline. */
int sched_confine(struct thread *target, u64 mask);
/* Does RLIMIT_NICE allow it that nice value? */
bool sched_may_nice(struct thread *target, int nice);

#endif
