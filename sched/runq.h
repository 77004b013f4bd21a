/* sched/runq.h -- a CPU's run queue, as the parts of the policy share it: eevdf.c for those
 * who share the CPU by weight, rt.c for the real-time ones, who go before them, of whom those with
 * deadlines (deadline.c) are the first.
 *
 * Locking  each queue's own lock. A task belongs to the queue that its `queue` names, until it
 *          leaves it, and only under that lock; of those who belong to it all but `current` are
 *          in one of the trees. A real-time task weighs nothing, so it is in no sum. A place is
 *          as in coro/executor.h.
 */
#ifndef SCHED_RUNQ_H
#define SCHED_RUNQ_H

#include "coro/executor.h"

struct runq {
	spinlock lock;
	u8 mark;		/* [I] 1 + the CPU's number: sched_task.queue of its tasks */
	/* All under lock. */
	struct rb_tree tree;	/* queued tasks by deadline; current is not in it */
	struct rb_node *last;	/* the latest deadline, if two or more are queued */
	struct task *current;	/* still counted in the sums */
	u64 weight;		/* of all runnable, current included */
	i64 weighted;		/* sum of weight * (vruntime - base) */
	i64 base;
	unsigned queued;	/* [a] written under lock; in all trees */
	/* Real time. */
	bool has_rt;		/* [a] written under lock; one is queued or current */
	i64 running;		/* [a] current's place, SCHED_FAIR if it is not real-time */
	i64 waiting;		/* [a] of the best that is queued and may run */
	struct rb_tree rt;	/* by deadline; by level, then as they came */
	struct rb_tree held;	/* deadline.c's: by when they may run again; that is vdeadline */
	unsigned held_count;	/* [a] written under lock */
	i64 rt_first, rt_last;	/* places before and behind all others of a level */
	u64 rt_period_end_ns;
	i64 rt_left_ns;		/* of what they may run in this period, if others wait */
};

static inline struct sched_task *runq_sched(struct rb_node *n)
{
	return container_of(n, struct sched_task, node);
}

static inline struct task *runq_task(struct sched_task *s)
{
	return container_of(s, struct task, sched);
}

static inline bool runq_before(const struct rb_node *a, const struct rb_node *b)
{
	return container_of(a, struct sched_task, node)->vdeadline <
	       container_of(b, struct sched_task, node)->vdeadline;
}

#endif
