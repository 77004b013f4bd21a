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
#include "sched/deadline.h"
#include "sched/eevdf_lag.h"
#include "sched/rt.h"

/* A woken task with an earlier deadline takes the CPU only after current ran this long. */
#define GRANULARITY_NS	  500000ul
/* The timer is not set for less. */
#define SLICE_LEAST_NS	  (1ul << 17)
#define REBASE_AT	  ((i64)(2 * NICE0_WEIGHT) << REBASE_SHIFT)	/* weighted, for two */

/* By level. 1024 / 1.25^nice: one step is about 10 % of the CPU between two tasks. Real-time ones
 * weigh nothing; SCHED_IDLE is the last. */
#define AT_NICE(n) ((n) - SCHED_LEVEL_BEST)
static const u32 eevdf_weights[AT_NICE(SCHED_FAIR) + 1] = {
	[AT_NICE(-20)] =
	88818, 71054, 56843, 45475, 36380, 29104, 23283, 18626,
	14901, 11921, 9537, 7629, 6104, 4883, 3906, 3125,
	2500, 2000, 1600, 1280, 1024, 819, 655, 524,
	419, 336, 268, 215, 172, 137, 110, 88,
	70, 56, 45, 36, 29, 23, 18, 15,
	3,
};

u32 eevdf_weight(int nice)
{
	return eevdf_weights[AT_NICE(nice)];
}

/* What it should weigh. */
static inline u32 eevdf_due_weight(const struct sched_task *s)
{
	return eevdf_weights[AT_NICE(s->level)];
}

/* --- the operations --- */

static struct runq *eevdf_runq_create(unsigned cpu)
{
	struct runq *rq = kzalloc(sizeof(*rq));

	if (!rq)
		panic("no memory for a run queue");
	spin_init(&rq->lock, RANK_RUNQ);
	rq->mark = (u8)(cpu + 1);
	rq->running = rq->waiting = SCHED_FAIR;
	rq->tree.update = eevdf_update;
	return rq;
}

/* Should t, which just came, take the CPU from current? */
static bool eevdf_preempts(struct runq *rq, const struct task *t) REQUIRES(rq->lock)
{
	const struct task *current = rq->current;

	return current && current != t && t->sched.vdeadline < current->sched.vdeadline &&
	       hal_clock_ns() - atomic_load_relaxed(&current->sched.picked_ns) >= GRANULARITY_NS &&
	       eevdf_eligible(rq, t->sched.vruntime) &&
	       atomic_load_relaxed(&t->sched.policy) != SCHED_TASK_BATCH;
}

/* Not in the queue, or taken out of it: in by its level. */
static void eevdf_enter(struct runq *rq, struct sched_task *s, bool woken) REQUIRES(rq->lock)
{
	u32 weight = eevdf_due_weight(s);

	s->queue = rq->mark;
	if (!weight) {
		/* The other kind's lag or turn is no use. */
		if (s->weight)
			s->vruntime = s->burst = 0;
		s->weight = 0;
		rt_enter(rq, s, woken);
		return;
	}
	if (!s->weight)
		s->vlag = 0;
	s->weight = weight;
	eevdf_place(rq, s);
	eevdf_count(rq, s);
	eevdf_insert(rq, s);
}

/* A real-time task came: does it take the CPU, and if not, can another have it? */
static u32 eevdf_rt_arrived(struct runq *rq, const struct sched_task *s) REQUIRES(rq->lock)
{
	const struct sched_task *current = rq->current ? &rq->current->sched : NULL;
	u32 why = 0;

	rt_note(rq);
	if (deadline_is_held(s))
		return RESCHED_ARM;
	if (!current)
		return 0;
	if (current->weight || rt_place(s) < rt_place(current))
		why = RESCHED_NOW;
	else if (rt_place(s) == rt_place(current))
		why = RESCHED_ARM;
	return current->weight ? why : why | RESCHED_PUSH;
}

/* Of any kind. The lock is held, and let go. */
static __attribute__((noinline)) u32
eevdf_enqueue_any(struct runq *rq, struct task *t, bool woken) RELEASES(rq->lock)
{
	u32 why;

	eevdf_enter(rq, &t->sched, woken);
	if (t->sched.weight)
		why = eevdf_preempts(rq, t) ? RESCHED_NOW : 0;
	else
		why = eevdf_rt_arrived(rq, &t->sched);
	spin_unlock(&rq->lock);
	return why;
}

/* The commonest, without a stack: it shares by weight as before, and nobody else is queued. */
static u32 eevdf_runq_enqueue(struct runq *rq, struct task *t, bool woken)
{
	struct sched_task *s = &t->sched;
	u32 weight, preempts;

	spin_lock(&rq->lock);
	weight = eevdf_due_weight(s);
	if (!weight || !s->weight || rq->queued)
		__attribute__((musttail)) return eevdf_enqueue_any(rq, t, woken);
	s->queue = rq->mark;
	s->weight = weight;
	eevdf_place(rq, s);
	eevdf_count(rq, s);
	s->min_vruntime = s->vruntime;
	rb_insert_only(&rq->tree, &s->node);
	atomic_store_relaxed(&rq->queued, 1u);
	preempts = eevdf_preempts(rq, t) ? RESCHED_NOW : 0;
	spin_unlock(&rq->lock);
	return preempts;
}

/* Its nice value changed: leave the sums and come back with the same lag. If it became a
 * real-time task meanwhile, who made it that is about to say so. */
static void eevdf_reweigh(struct runq *rq, struct sched_task *s) REQUIRES(rq->lock)
{
	u32 weight = eevdf_due_weight(s);

	if (!weight)
		return;
	eevdf_keep_lag(rq, s);
	eevdf_uncount(rq, s);
	s->weight = weight;
	eevdf_place(rq, s);
	eevdf_count(rq, s);
}

/* Current makes way: it leaves the sums, or (`again`) is ready to be queued. */
static inline __attribute__((always_inline)) void
eevdf_stop(struct runq *rq, struct sched_task *s, u64 ran_ns, bool again) REQUIRES(rq->lock)
{
	eevdf_charge(rq, s, ran_ns);
	if (!again) {
		eevdf_keep_lag(rq, s);
		eevdf_uncount(rq, s);
		s->queue = 0;
	} else {
		if (s->weight != eevdf_due_weight(s))
			eevdf_reweigh(rq, s);
		if (s->yielded)
			s->vdeadline += eevdf_virtual(s, s->slice_ns);
	}
	s->yielded = 0;
}

/* The same for a real-time task, which is queued again if it is still one. */
static void eevdf_stop_rt(struct runq *rq, struct sched_task *s, u64 ran_ns, bool again)
	REQUIRES(rq->lock)
{
	bool over = rt_charge(rq, s, ran_ns) || s->yielded;

	if (s->yielded && deadline_is_own(s))
		deadline_yield(rq, s);
	s->yielded = 0;
	if (over)
		s->vruntime = 0;
	if (!again)
		s->queue = 0;
	else if (eevdf_due_weight(s) || s->level == SCHED_LEVEL_DEADLINE)
		eevdf_enter(rq, s, false);
	else
		rt_insert(rq, s, over);
}

static void eevdf_stop_any(struct runq *rq, struct sched_task *s, u64 ran_ns, bool again)
	REQUIRES(rq->lock)
{
	rq->current = NULL;
	if (!s->weight) {
		eevdf_stop_rt(rq, s, ran_ns, again);
		return;
	}
	eevdf_stop(rq, s, ran_ns, again);
	if (again && eevdf_due_weight(s)) {
		eevdf_insert(rq, s);
	} else if (again) {
		eevdf_keep_lag(rq, s);
		eevdf_uncount(rq, s);
		eevdf_enter(rq, s, false);
	}
}

static void eevdf_runq_put(struct runq *rq, struct task *t, u64 ran_ns, bool again)
{
	spin_lock(&rq->lock);
	eevdf_stop_any(rq, &t->sched, ran_ns, again);
	if (rq->has_rt)
		rt_note(rq);
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
		return eevdf_eligible(rq, runq_sched(n)->vruntime) ? runq_sched(n) : NULL;
	mean = eevdf_mean(rq);
	while (n) {
		struct sched_task *s = runq_sched(n);

		/* Rounded down the mean tells the same as eevdf_eligible. */
		if (n->left && runq_sched(n->left)->min_vruntime <= mean)
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

/* ns from `from` on until current's time is up, if it is not of the usual kind or not alone with
 * such. */
static u64 eevdf_slice_any(struct runq *rq, const struct sched_task *s, u64 from) REQUIRES(rq->lock)
{
	u64 slice = s->weight ? eevdf_slice(rq, s) : CO_FOREVER;

	return rq->has_rt ? min(slice, rt_slice(rq, s, from)) : slice;
}

/* Who waits may be for another CPU. */
static void eevdf_offer(struct runq *rq) REQUIRES(rq->lock)
{
	struct sched_task *s = rt_best(rq);

	if (s)
		executor_push(executor_nth(rq->mark - 1u), atomic_load(&runq_task(s)->affinity));
}

/* The best of all is current now. Real-time ones may be there, or were: if less runs here than
 * did before, another CPU may have better to give, so the timer comes soon. */
static struct runq_pick eevdf_pick_any(struct runq *rq) REQUIRES(rq->lock)
{
	struct runq_pick picked = {0};
	bool released = rt_release(rq);
	struct sched_task *best = rt_best(rq);
	i64 ran = rq->running;
	u64 now = rq->has_rt ? hal_clock_ns() : 0;

	if (best) {
		rt_take(rq, best);
	} else {
		/* Somebody is always eligible: the mean is at or after the least. */
		best = eevdf_best(rq);
		if (best)
			eevdf_take(rq, best);
	}
	if (best) {
		rq->current = runq_task(best);
		picked = (struct runq_pick){rq->current, eevdf_slice_any(rq, best, now)};
	} else if (rq->held.root) {
		/* It may be due since a moment. */
		picked.slice_ns = max(rt_slice(rq, NULL, now), 1ul);
	}
	if (rq->has_rt)
		rt_note(rq);
	if (rq->running > ran && picked.task)
		picked.slice_ns = 0;
	if (released && rq->rt.root)
		eevdf_offer(rq);
	return picked;
}

static struct runq_pick eevdf_runq_pick(struct runq *rq)
{
	struct runq_pick picked = {0};

	if (!atomic_load_relaxed(&rq->queued))
		return picked;
	spin_lock(&rq->lock);
	picked = eevdf_pick_any(rq);
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

	if (__builtin_expect(rq->has_rt, 0)) {
		eevdf_stop_any(rq, s, ran_ns, again);
		picked = eevdf_pick_any(rq);
		spin_unlock(&rq->lock);
		return picked;
	}
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
		picked = (struct runq_pick){runq_task(best), eevdf_slice(rq, best)};
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
	if (!again || rq->queued != 1 || rq->weight != 2 * NICE0_WEIGHT || s->level ||
	    weighted >= REBASE_AT)
		__attribute__((musttail)) return eevdf_swap_any(rq, t, ran_ns, again);
	other = runq_sched(rq->tree.root);
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
		rq->current = runq_task(other);
		best = other;
	}
	left = best->vdeadline - best->vruntime;
	spin_unlock(&rq->lock);
	return (struct runq_pick){runq_task(best), (u64)max(left, (i64)SLICE_LEAST_NS)};
}

static bool eevdf_runq_charge(struct runq *rq, struct task *current, u64 ran_ns)
{
	struct sched_task *s = &current->sched;
	bool used_up;

	spin_lock(&rq->lock);
	if (s->weight)
		used_up = eevdf_charge(rq, s, ran_ns) && rq->queued;
	else
		used_up = rt_charge(rq, s, ran_ns);
	/* Its limit or the others' is reached: the pick looks again. */
	used_up |= rq->has_rt && rq->queued;
	spin_unlock(&rq->lock);
	return used_up;
}

static u64 eevdf_runq_slice_left(struct runq *rq, const struct task *current)
{
	u64 slice;

	if (!atomic_load_relaxed(&rq->has_rt))
		return eevdf_slice(rq, &current->sched);
	spin_lock(&rq->lock);
	slice = eevdf_slice_any(rq, &current->sched,
				atomic_load_relaxed(&current->sched.picked_ns));
	spin_unlock(&rq->lock);
	return slice;
}

/* Out of the tree and the queue, of either kind. */
static void eevdf_leave(struct runq *rq, struct sched_task *s) REQUIRES(rq->lock)
{
	s->queue = 0;
	if (s->weight) {
		eevdf_take(rq, s);
		eevdf_keep_lag(rq, s);
		eevdf_uncount(rq, s);
		return;
	}
	rt_take(rq, s);
	rt_note(rq);
}

static struct task *eevdf_runq_steal(struct runq *from, unsigned to)
{
	struct sched_task *found = NULL;
	struct rb_node *n;

	spin_lock(&from->lock);
	if (from->has_rt)
		found = rt_for(from, to, SCHED_FAIR);
	for (n = rb_last(&from->tree); n && !found; n = rb_prev(n))
		if (atomic_load(&runq_task(runq_sched(n))->affinity) & (1ul << to))
			found = runq_sched(n);
	if (found)
		eevdf_leave(from, found);
	spin_unlock(&from->lock);
	return found ? runq_task(found) : NULL;
}

static struct task *eevdf_runq_pull(struct runq *from, unsigned to, i64 place)
{
	struct sched_task *found;

	spin_lock(&from->lock);
	found = rt_for(from, to, place);
	if (found)
		eevdf_leave(from, found);
	spin_unlock(&from->lock);
	return found ? runq_task(found) : NULL;
}

/* Is it queued, or current, as its level says? */
static bool eevdf_is_in_place(const struct sched_task *s)
{
	u32 weight = eevdf_due_weight(s);

	return s->weight == weight && (weight || rt_is_in_place(s));
}

/* Current goes to the back of its level, or of whatever it is now, when it makes way: at once. */
static u32 eevdf_runq_reweigh(struct runq *rq, struct task *t)
{
	struct sched_task *s = &t->sched;
	u32 why = 0;

	spin_lock(&rq->lock);
	s->level = sched_task_level(s);
	if (s->queue != rq->mark || eevdf_is_in_place(s)) {
		/* If it is elsewhere it takes its level along. */
	} else if (t == rq->current) {
		if (!s->weight || !eevdf_due_weight(s))
			atomic_store_relaxed(&rq->has_rt, true);
		why = RESCHED_NOW;
	} else {
		eevdf_leave(rq, s);
		eevdf_enter(rq, s, false);
		if (s->weight)
			why = eevdf_preempts(rq, t) ? RESCHED_NOW : 0;
		else
			why = eevdf_rt_arrived(rq, s);
	}
	spin_unlock(&rq->lock);
	return why;
}

static i64 eevdf_runq_running(const struct runq *rq)
{
	return atomic_load(&rq->running);
}

static i64 eevdf_runq_waiting(const struct runq *rq)
{
	return atomic_load(&rq->waiting);
}

static unsigned eevdf_runq_length(struct runq *rq)
{
	i32 n = (i32)(atomic_load_relaxed(&rq->queued) - atomic_load_relaxed(&rq->held_count));

	return (unsigned)max(n, 0);
}

const struct runq_ops eevdf_runq_ops = {
	.create = eevdf_runq_create,
	.enqueue = eevdf_runq_enqueue,
	.reweigh = eevdf_runq_reweigh,
	.put = eevdf_runq_put,
	.pick = eevdf_runq_pick,
	.swap = eevdf_runq_swap,
	.charge = eevdf_runq_charge,
	.slice_left = eevdf_runq_slice_left,
	.steal = eevdf_runq_steal,
	.pull = eevdf_runq_pull,
	.running = eevdf_runq_running,
	.waiting = eevdf_runq_waiting,
	.length = eevdf_runq_length,
};
