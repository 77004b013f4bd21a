/* sched/eevdf.h -- the scheduling policy: a struct runq_ops over per-CPU run queues.
 *
 * Ownership  a run queue is made per CPU at boot and stays.
 * Units      real ns for what ran; virtual ns (of a nice-0 task) inside.
 * Locking    each run queue's own lock, rank RANK_RUNQ. Nothing here waits.
 */
#ifndef SCHED_EEVDF_H
#define SCHED_EEVDF_H

#include "coro/executor.h"

extern const struct runq_ops eevdf_runq_ops;

/* The weight of a nice value, -20 .. 19; nice 0 is 1024. */
u32 eevdf_weight(int nice);

#endif
