/* sched/eevdf.c -- earliest eligible virtual deadline first, with lag.
 *
 * Virtual time runs for a task at 1/weight of the pace it runs on the CPU. V, the weighted
 * mean of the virtual runtimes of all runnable tasks of a CPU, is what an ideal machine that
 * serves all of them at once would have given each. A task's lag is V - vruntime: what it is
 * owed. It is *eligible* when its lag is not negative. A request is one slice; its virtual
 * deadline is vruntime + slice/weight at the time of the request. The next task is the
 * eligible one with the earliest deadline (Stoica and Abdel-Wahab, 1995).
 *
 * The tree is ordered by deadline and each node knows the least vruntime below it, so the
 * pick descends once: left if anything there is eligible, else this one, else right.
 *
 * A task that sleeps takes its lag along (at most two slices either way) and is placed at
 * V - lag when it returns: a sleep neither wipes a debt nor earns credit. Since its return
 * moves V itself, the lag is scaled by (W + w) / W first, so that it ends up as it was.
 *
 * V is kept as a sum relative to `base`, so the products stay small; base moves along with V.
 */
#include "sched/eevdf.h"

#include "core/base/bits.h"
#include "core/base/log.h"
#include "hal/clock.h"
#include "mem/phys/slab.h"

#define NICE0_WEIGHT	  1024u
#define SLICE_NS	  3000000ul
/* A woken task with an earlier deadline takes the CPU only after current ran this long. */
#define GRANULARITY_NS	  500000ul
/* The timer is not set for less. */
#define SLICE_LEAST_NS	  (1ul << 17)
#define LAG_LIMIT_SLICES  2
#define REBASE_SHIFT	  24	/* base follows V when it is 2^24 ns away */
#define REBASE_AT	  ((i64)(2 * NICE0_WEIGHT) << REBASE_SHIFT)	/* weighted, for two */

struct runq {
	spinlock lock;
	unsigned cpu;		/* [I] */
	/* All under lock. */
	struct rb_tree tree;	/* queued tasks by deadline; current is not in it */
	struct rb_node *last;	/* the latest deadline, if two or more are queued */
	struct task *current;	/* still counted in the sums */
	u64 weight;		/* of all runnable, current included */
	i64 weighted;		/* sum of weight * (vruntime - base) */
	i64 base;
	unsigned queued;	/* [a] written under lock */
};

/* 1024 / 1.25^nice: one step is about 10 % of the CPU between two tasks. */
static const u32 eevdf_weights[40] = {
	88818, 71054, 56843, 45475, 36380, 29104, 23283, 18626,
	14901, 11921, 9537, 7629, 6104, 4883, 3906, 3125,
	2500, 2000, 1600, 1280, 1024, 819, 655, 524,
	419, 336, 268, 215, 172, 137, 110, 88,
	70, 56, 45, 36, 29, 23, 18, 15,
};

static struct sched_task *eevdf_of(struct rb_node *n)
{
	return container_of(n, struct sched_task, node);
}

static struct task *eevdf_task(struct sched_task *s)
{
	return container_of(s, struct task, sched);
}

u32 eevdf_weight(int nice)
{
	return eevdf_weights[nice + 20];
}

static bool eevdf_update(struct rb_node *n)
{
	struct sched_task *s = eevdf_of(n);
	i64 least = s->vruntime, was = s->min_vruntime;

	if (n->left)
		least = min(least, eevdf_of(n->left)->min_vruntime);
	if (n->right)
		least = min(least, eevdf_of(n->right)->min_vruntime);
	s->min_vruntime = least;
	return least != was;
}

static bool eevdf_before(const struct rb_node *a, const struct rb_node *b)
{
	return container_of(a, struct sched_task, node)->vdeadline <
	       container_of(b, struct sched_task, node)->vdeadline;
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
static i64 eevdf_mean(const struct runq *rq) REQUIRES(rq->lock)
{
	i64 sum = rq->weighted;

	if (!rq->weight)
		return rq->base;
	if (sum < 0)
		sum -= (i64)rq->weight - 1;
	return rq->base + sum / (i64)rq->weight;
}

/* Is a vruntime at or before V? Without the division's rounding. */
static bool eevdf_eligible(const struct runq *rq, i64 vruntime) REQUIRES(rq->lock)
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

static void eevdf_count(struct runq *rq, const struct sched_task *s) REQUIRES(rq->lock)
{
	rq->weight += s->weight;
	rq->weighted += (s->vruntime - rq->base) * (i64)s->weight;
}

static void eevdf_uncount(struct runq *rq, const struct sched_task *s) REQUIRES(rq->lock)
{
	rq->weight -= s->weight;
	rq->weighted -= (s->vruntime - rq->base) * (i64)s->weight;
}

/* A new request's deadline is mostly later than all others. */
static inline void eevdf_insert_among(struct runq *rq, struct sched_task *s) REQUIRES(rq->lock)
{
	struct rb_node *last = rq->queued == 1 ? rq->tree.root : rq->last;

	if (eevdf_before(&s->node, last)) {
		rb_insert_below(&rq->tree, &s->node, eevdf_before);
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
static void eevdf_keep_lag(struct runq *rq, struct sched_task *s) REQUIRES(rq->lock)
{
	i64 limit = eevdf_virtual(s, LAG_LIMIT_SLICES * s->slice_ns);

	s->vlag = max(-limit, min(limit, eevdf_mean(rq) - s->vruntime));
}

/* Put it where its lag says, with a fresh request. */
static void eevdf_place(struct runq *rq, struct sched_task *s) REQUIRES(rq->lock)
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

/* --- the operations --- */

static struct runq *eevdf_runq_create(unsigned cpu)
{
	struct runq *rq = kzalloc(sizeof(*rq));

	if (!rq)
		panic("no memory for a run queue");
	spin_init(&rq->lock, RANK_RUNQ);
	rq->cpu = cpu;
	rq->tree.update = eevdf_update;
	return rq;
}

/* Should t, which just came, take the CPU from current? */
static bool eevdf_preempts(struct runq *rq, const struct task *t) REQUIRES(rq->lock)
{
	const struct task *current = rq->current;

	return current && current != t && t->sched.vdeadline < current->sched.vdeadline &&
	       hal_clock_ns() - atomic_load_relaxed(&current->sched.picked_ns) >= GRANULARITY_NS &&
	       eevdf_eligible(rq, t->sched.vruntime);
}

static bool eevdf_runq_enqueue(struct runq *rq, struct task *t, bool woken)
{
	struct sched_task *s = &t->sched;
	bool preempts;

	spin_lock(&rq->lock);
	if (!s->slice_ns)
		s->slice_ns = SLICE_NS;
	s->weight = eevdf_weight(s->weighs);
	eevdf_place(rq, s);
	eevdf_count(rq, s);
	eevdf_insert(rq, s);
	preempts = eevdf_preempts(rq, t);
	spin_unlock(&rq->lock);
	return preempts;
}

/* Its nice value changed: leave the sums and come back with the same lag. */
static void eevdf_reweigh(struct runq *rq, struct sched_task *s) REQUIRES(rq->lock)
{
	eevdf_keep_lag(rq, s);
	eevdf_uncount(rq, s);
	s->weight = eevdf_weight(s->weighs);
	eevdf_place(rq, s);
	eevdf_count(rq, s);
}

/* Current makes way: it leaves the sums, or (`again`) is ready to be queued. */
static inline void eevdf_stop(struct runq *rq, struct sched_task *s, u64 ran_ns, bool again)
	REQUIRES(rq->lock)
{
	eevdf_charge(rq, s, ran_ns);
	if (!again) {
		eevdf_keep_lag(rq, s);
		eevdf_uncount(rq, s);
	} else {
		if (s->weight != eevdf_weights[s->weighs + 20])
			eevdf_reweigh(rq, s);
		if (s->yielded)
			s->vdeadline += eevdf_virtual(s, s->slice_ns);
	}
	s->yielded = 0;
}

static void eevdf_runq_put(struct runq *rq, struct task *t, u64 ran_ns, bool again)
{
	spin_lock(&rq->lock);
	eevdf_stop(rq, &t->sched, ran_ns, again);
	if (again)
		eevdf_insert(rq, &t->sched);
	rq->current = NULL;
	spin_unlock(&rq->lock);
}

/* The best in the tree; NULL if it is empty, or if current alone is eligible. */
static inline struct sched_task *eevdf_best(struct runq *rq) REQUIRES(rq->lock)
{
	struct rb_node *n = rq->tree.root;
	i64 mean;

	if (!n)
		return NULL;
	if (rq->queued == 1)
		return eevdf_eligible(rq, eevdf_of(n)->vruntime) ? eevdf_of(n) : NULL;
	mean = eevdf_mean(rq);
	while (n) {
		struct sched_task *s = eevdf_of(n);

		/* Rounded down the mean tells the same as eevdf_eligible. */
		if (n->left && eevdf_of(n->left)->min_vruntime <= mean)
			n = n->left;
		else if (s->vruntime <= mean)
			return s;
		else
			n = n->right;
	}
	return NULL;
}

/* ns until s, current from now on, has had its request; for ever if it is alone. */
static inline u64 eevdf_slice(const struct runq *rq, const struct sched_task *s)
{
	i64 left = s->vdeadline - s->vruntime;

	if (!atomic_load_relaxed(&rq->queued))
		return CO_FOREVER;
	left = max(left, 0l);
	return max(eevdf_real(s, left), SLICE_LEAST_NS);
}

static struct runq_pick eevdf_runq_pick(struct runq *rq)
{
	struct runq_pick picked = {0};
	struct sched_task *best;

	if (!atomic_load_relaxed(&rq->queued))
		return picked;
	spin_lock(&rq->lock);
	/* Somebody is always eligible: the mean is at or after the least. */
	best = eevdf_best(rq);
	if (best) {
		eevdf_take(rq, best);
		rq->current = eevdf_task(best);
		picked = (struct runq_pick){rq->current, eevdf_slice(rq, best)};
	}
	spin_unlock(&rq->lock);
	return picked;
}

/* As put and pick, but the one who makes way is only queued if it is not the best itself. The
 * lock is held, and let go. */
static __attribute__((noinline)) struct runq_pick
eevdf_swap_any(struct runq *rq, struct task *t, u64 ran_ns, bool again) RELEASES(rq->lock)
{
	struct runq_pick picked = {0};
	struct sched_task *s = &t->sched, *best;

	eevdf_stop(rq, s, ran_ns, again);
	best = eevdf_best(rq);
	if (again && (!best || (s->vdeadline < best->vdeadline &&
				eevdf_eligible(rq, s->vruntime)))) {
		best = s;
	} else if (best) {
		eevdf_take(rq, best);
		if (again)
			eevdf_insert(rq, s);
	}
	if (best)
		picked = (struct runq_pick){eevdf_task(best), eevdf_slice(rq, best)};
	rq->current = picked.task;
	spin_unlock(&rq->lock);
	return picked;
}

/* The same for the commonest switch, between two tasks of the usual weight: no tree to speak
 * of, no division, and nothing that needs a stack. No other two weights have their sum. */
static struct runq_pick eevdf_runq_swap(struct runq *rq, struct task *t, u64 ran_ns, bool again)
{
	struct sched_task *s = &t->sched, *other, *best = s;
	i64 weighted, vruntime, vdeadline, left;

	spin_lock(&rq->lock);
	weighted = rq->weighted;
	if (!again || rq->queued != 1 || rq->weight != 2 * NICE0_WEIGHT || s->weighs ||
	    weighted >= REBASE_AT)
		__attribute__((musttail)) return eevdf_swap_any(rq, t, ran_ns, again);
	other = eevdf_of(rq->tree.root);
	rq->weighted = weighted + (i64)ran_ns * NICE0_WEIGHT;
	vruntime = s->vruntime + (i64)ran_ns;
	vdeadline = s->vdeadline;
	if (vruntime >= vdeadline)
		vdeadline = vruntime + (i64)s->slice_ns;
	if (s->yielded) {
		s->yielded = 0;
		vdeadline += (i64)s->slice_ns;
	}
	s->vruntime = vruntime;
	s->vdeadline = vdeadline;
	/* The one behind is eligible; both are if neither is behind. */
	if (other->vruntime < vruntime ||
	    (other->vruntime == vruntime && other->vdeadline <= vdeadline)) {
		s->min_vruntime = vruntime;
		rb_insert_only(&rq->tree, &s->node);
		rq->current = eevdf_task(other);
		best = other;
	}
	left = best->vdeadline - best->vruntime;
	spin_unlock(&rq->lock);
	return (struct runq_pick){eevdf_task(best), (u64)max(left, (i64)SLICE_LEAST_NS)};
}

static bool eevdf_runq_charge(struct runq *rq, struct task *current, u64 ran_ns)
{
	bool used_up;

	spin_lock(&rq->lock);
	used_up = eevdf_charge(rq, &current->sched, ran_ns) && rq->tree.root;
	spin_unlock(&rq->lock);
	return used_up;
}

static u64 eevdf_runq_slice_left(struct runq *rq, const struct task *current)
{
	return eevdf_slice(rq, &current->sched);
}

static struct task *eevdf_runq_steal(struct runq *from, unsigned to)
{
	struct sched_task *found = NULL;
	struct rb_node *n;

	spin_lock(&from->lock);
	for (n = rb_last(&from->tree); n && !found; n = rb_prev(n))
		if (atomic_load(&eevdf_task(eevdf_of(n))->affinity) & (1ul << to))
			found = eevdf_of(n);
	if (found) {
		eevdf_take(from, found);
		eevdf_keep_lag(from, found);
		eevdf_uncount(from, found);
	}
	spin_unlock(&from->lock);
	return found ? eevdf_task(found) : NULL;
}

static unsigned eevdf_runq_length(struct runq *rq)
{
	return atomic_load_relaxed(&rq->queued);
}

const struct runq_ops eevdf_runq_ops = {
	.create = eevdf_runq_create,
	.enqueue = eevdf_runq_enqueue,
	.put = eevdf_runq_put,
	.pick = eevdf_runq_pick,
	.swap = eevdf_runq_swap,
	.charge = eevdf_runq_charge,
	.slice_left = eevdf_runq_slice_left,
	.steal = eevdf_runq_steal,
	.length = eevdf_runq_length,
};
