/* sched/eevdf_lag.h -- virtual time, lag and the tree of eevdf.c: its arithmetic.
 *
 * Units    ns; virtual ones are a nice-0 task's.
 * Locking  the queue's lock, held by the caller.
 */
#ifndef SCHED_EEVDF_LAG_H
#define SCHED_EEVDF_LAG_H

#include "sched/runq.h"

#define NICE0_WEIGHT	  1024u
#define LAG_LIMIT_SLICES  2
#define REBASE_SHIFT	  24	/* base follows V when it is 2^24 ns away */

static inline bool eevdf_update(struct rb_node *n)
{
	struct sched_task *s = runq_sched(n);
	i64 least = s->vruntime, was = s->min_vruntime;

	if (n->left)
		least = min(least, runq_sched(n->left)->min_vruntime);
	if (n->right)
		least = min(least, runq_sched(n->right)->min_vruntime);
	s->min_vruntime = least;
	return least != was;
}

/* Real nanoseconds to the task's virtual ones, and back. */
static inline i64 eevdf_virtual(const struct sched_task *s, u64 ns)
{
	return (i64)(s->weight == NICE0_WEIGHT ? ns : ns * NICE0_WEIGHT / s->weight);
}

static inline u64 eevdf_real(const struct sched_task *s, i64 vns)
{
	return (u64)vns * s->weight / NICE0_WEIGHT;
}

/* V. Rounds down, so that a queue of one is always eligible. */
static inline i64 eevdf_mean(const struct runq *rq) REQUIRES(rq->lock)
{
	i64 sum = rq->weighted;

	if (!rq->weight)
		return rq->base;
	if (sum < 0)
		sum -= (i64)rq->weight - 1;
	return rq->base + sum / (i64)rq->weight;
}

/* Is a vruntime at or before V? Without the division's rounding. */
static inline bool eevdf_eligible(const struct runq *rq, i64 vruntime) REQUIRES(rq->lock)
{
	return (vruntime - rq->base) * (i64)rq->weight <= rq->weighted;
}

/* Has V, which is weighted / weight past base, moved on so far that base should? */
static inline bool eevdf_is_far(const struct runq *rq) REQUIRES(rq->lock)
{
	i64 far = rq->weighted >> REBASE_SHIFT;

	return far >= (i64)rq->weight || far < -(i64)rq->weight;
}

static inline void eevdf_rebase(struct runq *rq) REQUIRES(rq->lock)
{
	i64 delta;

	if (!eevdf_is_far(rq))
		return;
	delta = eevdf_mean(rq) - rq->base;
	rq->base += delta;
	rq->weighted -= delta * (i64)rq->weight;
}

static inline void eevdf_count(struct runq *rq, const struct sched_task *s) REQUIRES(rq->lock)
{
	rq->weight += s->weight;
	rq->weighted += (s->vruntime - rq->base) * (i64)s->weight;
}

static inline void eevdf_uncount(struct runq *rq, const struct sched_task *s) REQUIRES(rq->lock)
{
	rq->weight -= s->weight;
	rq->weighted -= (s->vruntime - rq->base) * (i64)s->weight;
}

/* A new request's deadline is mostly later than all others. */
static inline void eevdf_insert_among(struct runq *rq, struct sched_task *s) REQUIRES(rq->lock)
{
	struct rb_node *root = rq->tree.root, *last = root->left || root->right ? rq->last : root;

	if (runq_before(&s->node, last)) {
		rb_insert_below(&rq->tree, &s->node, runq_before);
	} else {
		rbtree_hang(&rq->tree, &s->node, &last->right, last);
		last = &s->node;
	}
	rq->last = last;
}

static inline void eevdf_insert(struct runq *rq, struct sched_task *s) REQUIRES(rq->lock)
{
	s->min_vruntime = s->vruntime;
	if (!rq->tree.root)
		rb_insert_only(&rq->tree, &s->node);
	else
		eevdf_insert_among(rq, s);
	atomic_store_relaxed(&rq->queued, rq->queued + 1);
}

static inline void eevdf_take(struct runq *rq, struct sched_task *s) REQUIRES(rq->lock)
{
	if (rq->queued == 1) {
		rq->tree.root = NULL;
	} else {
		if (rq->last == &s->node)
			rq->last = rb_prev(&s->node);
		rb_remove_one(&rq->tree, &s->node);
	}
	atomic_store_relaxed(&rq->queued, rq->queued - 1);
}

/* Remember what it is owed, before it leaves. */
static inline void eevdf_keep_lag(struct runq *rq, struct sched_task *s) REQUIRES(rq->lock)
{
	i64 limit = eevdf_virtual(s, LAG_LIMIT_SLICES * s->slice_ns);

	s->vlag = max(-limit, min(limit, eevdf_mean(rq) - s->vruntime));
}

/* Put it where its lag says, with a fresh request. */
static inline void eevdf_place(struct runq *rq, struct sched_task *s) REQUIRES(rq->lock)
{
	i64 lag = s->vlag;

	if (rq->weight)
		lag = lag * (i64)(rq->weight + s->weight) / (i64)rq->weight;
	else
		lag = 0;
	s->vruntime = eevdf_mean(rq) - lag;
	s->vdeadline = s->vruntime + eevdf_virtual(s, s->slice_ns);
}

/* Current ran; true if its request is used up, and a new one made. */
static inline bool eevdf_charge(struct runq *rq, struct sched_task *s, u64 ran_ns)
	REQUIRES(rq->lock)
{
	i64 delta = eevdf_virtual(s, ran_ns);

	s->vruntime += delta;
	rq->weighted += delta * (i64)s->weight;
	eevdf_rebase(rq);
	if (s->vruntime < s->vdeadline)
		return false;
	s->vdeadline = s->vruntime + eevdf_virtual(s, s->slice_ns);
	return true;
}

#endif
