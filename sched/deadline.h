/* sched/deadline.h -- tasks that are to have so much of a CPU in every period: the earliest
 * deadline first (SCHED_DEADLINE), before all other real-time ones.
 *
 * Each has a server of constant bandwidth (Abeni and Buttazzo, 1998): a budget, and a deadline
 * until when it is to be had. Who used his budget up is *held*: in a tree of his queue's by when he
 * gets the next one, and not to be picked before. Who comes back from a wait keeps what is left if
 * that is no more of the time to his deadline than his bandwidth; else he begins anew.
 *
 * The bandwidths of all are admitted up to what real-time tasks may have (sched/rt.h) of all CPUs.
 *
 * Ownership  the record is the task's, from when it is first needed to the task's end.
 * Units      ns of hal_clock_ns; bandwidths are 2^20ths of a CPU.
 * Locking    the queue's lock, of the queue it belongs to; what is asked for is [a], and a mixture
 *            of two settings does no harm for a moment. Nothing here waits.
 */
#ifndef SCHED_DEADLINE_H
#define SCHED_DEADLINE_H

#include "sched/rt.h"

struct deadline_params {
	u64 runtime, deadline, period;	/* 0 < runtime <= deadline <= period <= 2^42 */
	bool reclaims;		/* it may use what is nobody's */
	bool tells;		/* deadline_overran says when it is held for its budget's end */
};

struct deadline {
	/* As asked for. */
	u64 runtime_ns;		/* [a] */
	u64 deadline_ns;	/* [a] */
	u64 period_ns;		/* [a] */
	bool reclaims;		/* [a] */
	bool tells;		/* [a] */
	bool anew;		/* [a] the next time it is queued it begins anew */
	bool overran;		/* [a] and has not been told */
	u32 bandwidth;		/* [a] admitted; 0: none */
	/* Under the queue's lock. */
	bool held;
	i64 left_ns;		/* of the budget */
	i64 due_ns;		/* [a] the deadline */
	i64 lent_ns;		/* [a] the earliest of who waits for it, while lent that */
};

/* --- what is asked for --- */

/* The record of a task, made now if need be; NULL without memory. */
struct deadline *deadline_of(struct task *t);
/* At the task's end. */
void deadline_free(struct task *t);

struct deadline_params deadline_params(const struct task *t);
/* Admit the task, or its new parameters, and set them: 0, -EBUSY, or -ENOMEM. */
int deadline_admit(struct task *t, const struct deadline_params *p);
/* It needs them no longer. */
void deadline_discharge(struct task *t);
/* With these limits, is there room for all that were admitted? */
bool deadline_fits(u32 period_us, i32 runtime_us) REQUIRES(rt_limits_lock);
/* Did it overrun its budget since the last call? */
bool deadline_overran(struct task *t);

/* Its place (coro/executor.h), of which anybody who waits for it knows, with what it is lent. */
i64 deadline_place(const struct task *t);
/* It is lent that place, one with a deadline. */
void deadline_lend(struct task *t, i64 place);

/* What periods may be, /proc/sys/kernel/sched_deadline_period_*_us. */
struct deadline_limits {
	u32 period_max_us, period_min_us;
};
struct deadline_limits deadline_limits(void);
int deadline_set_limits(const struct deadline_limits *to);	/* 0 or -EINVAL */

/* --- for the run queue --- */

/* Of a task at SCHED_LEVEL_DEADLINE that comes: its place, or hold it and return false. */
bool deadline_enter(struct runq *rq, struct sched_task *s, bool woken) REQUIRES(rq->lock);
/* It does not run before its next budget. */
static inline bool deadline_is_held(const struct sched_task *s)
{
	const struct deadline *d = atomic_load_relaxed(&s->deadline);

	return d && d->held;
}
/* Is it held? Then take it out. */
bool deadline_unhold(struct runq *rq, struct sched_task *s) REQUIRES(rq->lock);
/* The first of those whose time has come, no longer held and with a new budget; NULL: none. */
struct sched_task *deadline_next_due(struct runq *rq, u64 now) REQUIRES(rq->lock);
/* When that will be; CO_FOREVER: nobody is held. */
u64 deadline_held_until(const struct runq *rq) REQUIRES(rq->lock);

/* Has it a budget of its own, and is not just lent a deadline? */
bool deadline_is_own(const struct sched_task *s);
/* Such a one ran for ran_ns; true if its budget is used up. */
bool deadline_charge(struct runq *rq, struct sched_task *s, u64 ran_ns) REQUIRES(rq->lock);
/* It gives the rest of its budget away. */
void deadline_yield(struct runq *rq, struct sched_task *s) REQUIRES(rq->lock);
/* ns that it may run, if nobody comes. */
u64 deadline_slice(struct runq *rq, const struct sched_task *s) REQUIRES(rq->lock);

#endif
