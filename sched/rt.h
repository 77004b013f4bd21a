/* sched/rt.h -- real-time tasks: the highest priority first, and of one priority first come first
 * served (SCHED_FIFO) or in turns (SCHED_RR). While others wait they have 95 % of a CPU at most.
 * Before them go those with deadlines (sched/deadline.h), in the same tree.
 *
 * Units    ns; a level is -20 - priority (coro/task.h).
 * Locking  the queue's lock, held by the caller.
 */
#ifndef SCHED_RT_H
#define SCHED_RT_H

#include "sched/runq.h"

/* Into the tree: behind the others of its level, or before them. Sets nothing else. */
void rt_insert(struct runq *rq, struct sched_task *s, bool behind) REQUIRES(rq->lock);
/* The same for whoever comes, woken or not; one with a deadline may have to be held. */
void rt_enter(struct runq *rq, struct sched_task *s, bool woken) REQUIRES(rq->lock);
/* Those who are held no longer; true if there were any. */
bool rt_release(struct runq *rq) REQUIRES(rq->lock);
/* Is its place, or the one it had before it became current, that of its level? */
bool rt_is_in_place(const struct sched_task *s);
void rt_take(struct runq *rq, struct sched_task *s) REQUIRES(rq->lock);
/* Its place; it is queued or current. */
i64 rt_place(const struct sched_task *s);

/* The one to run; NULL: none, or it is the others' turn. */
struct sched_task *rt_best(struct runq *rq) REQUIRES(rq->lock);
/* The first that may run on a CPU and goes before `place`. */
struct sched_task *rt_for(struct runq *rq, unsigned cpu, i64 place) REQUIRES(rq->lock);

/* Current ran for ran_ns; true if its turn is over, which whoever queues it again resets, or its
 * budget. */
bool rt_charge(struct runq *rq, struct sched_task *s, u64 ran_ns) REQUIRES(rq->lock);
/* ns from `from` until somebody else may have to run instead of s, which is current and of either
 * kind (or NULL); CO_FOREVER: no such time is known. */
u64 rt_slice(struct runq *rq, const struct sched_task *s, u64 from) REQUIRES(rq->lock);

/* Who runs and who waits, for other CPUs to see, after any change. */
void rt_note(struct runq *rq) REQUIRES(rq->lock);

#define RT_TURN_MS 100		/* unless said otherwise */

/* /proc/sys/kernel/sched_rt_*, sched_rr_timeslice_ms. */
struct rt_limits {
	u32 period_us;
	i32 runtime_us;		/* -1: no limit */
	u32 turn_ms;		/* of SCHED_RR */
};
struct rt_limits rt_limits(void);
int rt_set_limits(const struct rt_limits *to);	/* 0, -EINVAL, -EBUSY: that much is promised */
extern spinlock rt_limits_lock;		/* while they or what is promised of them change */

#endif
