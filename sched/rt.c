/* sched/rt.c -- the real-time half of the run queue.
 *
 * The tree's order is one number: the level, and below it one that counts up for who comes and
 * down for who was preempted and stays first; a deadline's is less than any of these.
 *
 * Others are not starved: once real-time tasks used up what they may of a period, and somebody
 * else is queued, the rest of the period is his. Nobody is held back while the CPU would idle.
 */
#include "sched/rt.h"

#include "core/base/errno.h"
#include "hal/clock.h"
#include "sched/deadline.h"

#define PLACE_SHIFT 48
#define NS_OF_US    1000l
#define NS_OF_MS    1000000l
/* One that is SCHED_TIMED runs for so long at a time. */
#define RT_ASKED_NS (4 * NS_OF_MS)

static struct rt_limits limits = {	/* [a] each field */
	.period_us = 1000000,
	.runtime_us = 950000,
	.turn_ms = RT_TURN_MS,
};

spinlock rt_limits_lock = SPINLOCK_INIT(RANK_ADMISSION);

static i64 rt_turn_ns(void)
{
	return atomic_load_relaxed(&limits.turn_ms) * NS_OF_MS;
}

/* < 0: no limit. */
static i64 rt_runtime_ns(void)
{
	return atomic_load_relaxed(&limits.runtime_us) * NS_OF_US;
}

static void rt_put(struct runq *rq, struct sched_task *s) REQUIRES(rq->lock)
{
	rb_insert(&rq->rt, &s->node, runq_before);
	atomic_store_relaxed(&rq->queued, rq->queued + 1);
	atomic_store_relaxed(&rq->has_rt, true);
}

void rt_insert(struct runq *rq, struct sched_task *s, bool behind)
{
	i64 place = behind ? ++rq->rt_last : --rq->rt_first;

	s->vdeadline = s->level * (1l << PLACE_SHIFT) + place;
	rt_put(rq, s);
}

void rt_enter(struct runq *rq, struct sched_task *s, bool woken)
{
	if (woken)
		s->burst = 0;
	if (s->level != SCHED_LEVEL_DEADLINE)
		rt_insert(rq, s, true);
	else if (deadline_enter(rq, s, woken))
		rt_put(rq, s);
}

bool rt_release(struct runq *rq)
{
	struct sched_task *s;
	bool any = false;

	if (!rq->held.root)
		return false;
	for (; (s = deadline_next_due(rq, hal_clock_ns())); any = true)
		rt_put(rq, s);
	return any;
}

/* One with a deadline never is: it is put in anew. */
bool rt_is_in_place(const struct sched_task *s)
{
	return (s->vdeadline + (1l << (PLACE_SHIFT - 1))) >> PLACE_SHIFT == s->level;
}

i64 rt_place(const struct sched_task *s)
{
	return s->level == SCHED_LEVEL_DEADLINE ? s->vdeadline : s->level;
}

void rt_take(struct runq *rq, struct sched_task *s)
{
	if (deadline_unhold(rq, s))
		return;
	rb_remove(&rq->rt, &s->node);
	atomic_store_relaxed(&rq->queued, rq->queued - 1);
}

/* Is the rest of the period the others', of whom there are some? */
static bool rt_is_over(const struct runq *rq, u64 now) REQUIRES(rq->lock)
{
	return rq->tree.root && rq->rt_left_ns <= 0 && now < rq->rt_period_end_ns &&
	       rt_runtime_ns() >= 0;
}

struct sched_task *rt_best(struct runq *rq)
{
	struct rb_node *n = rb_first(&rq->rt);

	if (!n || !rt_is_over(rq, hal_clock_ns()))
		return n ? runq_sched(n) : NULL;
	/* A budget is a promise. */
	for (; n && runq_sched(n)->level == SCHED_LEVEL_DEADLINE; n = rb_next(n))
		if (deadline_is_own(runq_sched(n)))
			return runq_sched(n);
	return NULL;
}

struct sched_task *rt_for(struct runq *rq, unsigned cpu, i64 place)
{
	for (struct rb_node *n = rb_first(&rq->rt); n; n = rb_next(n)) {
		struct sched_task *s = runq_sched(n);

		if (rt_place(s) >= place)
			break;
		if (atomic_load(&runq_task(s)->affinity) & (1ul << cpu))
			return s;
	}
	return NULL;
}

static bool rt_is_timed(const struct sched_task *s)
{
	return atomic_load_relaxed(&s->marks) & SCHED_TIMED;
}

bool rt_charge(struct runq *rq, struct sched_task *s, u64 ran_ns)
{
	u64 now;

	if (deadline_is_own(s))
		return deadline_charge(rq, s, ran_ns);
	now = hal_clock_ns();
	if (now >= rq->rt_period_end_ns) {
		rq->rt_period_end_ns =
			now + atomic_load_relaxed(&limits.period_us) * (u64)NS_OF_US;
		rq->rt_left_ns = rt_runtime_ns();
	} else {
		rq->rt_left_ns -= (i64)ran_ns;
	}
	s->vruntime += (i64)ran_ns;
	atomic_store_relaxed(&s->burst, s->burst + (i64)ran_ns);
	if (rt_is_timed(s))
		atomic_or(&runq_task(s)->flags, (u32)TASK_RETURN);
	return atomic_load_relaxed(&s->policy) == SCHED_TASK_RR && s->vruntime >= rt_turn_ns();
}

/* The same, but for those who are held. */
static u64 rt_own_slice(struct runq *rq, const struct sched_task *s, u64 from) REQUIRES(rq->lock)
{
	struct rb_node *first = rb_first(&rq->rt);
	u64 now = hal_clock_ns(), end = CO_FOREVER;
	i64 left = rq->rt_left_ns;

	if (s->weight)	/* real-time ones are queued, and it is not their turn */
		return first ? max(rq->rt_period_end_ns, from) - from : CO_FOREVER;
	if (deadline_is_own(s))
		return deadline_slice(rq, s);
	if (first && runq_sched(first)->level == s->level &&
	    atomic_load_relaxed(&s->policy) == SCHED_TASK_RR)
		end = (u64)max(rt_turn_ns() - s->vruntime, 0l);
	if (rt_is_timed(s))
		end = min(end, (u64)RT_ASKED_NS);
	if (!rq->tree.root || rt_runtime_ns() < 0)
		return end;
	if (now >= rq->rt_period_end_ns)
		left = (i64)(now - from) + rt_runtime_ns();
	return min(end, (u64)max(left, 0l));
}

u64 rt_slice(struct runq *rq, const struct sched_task *s, u64 from)
{
	u64 until = deadline_held_until(rq);

	if (until != CO_FOREVER)
		until = max(until, from) - from;
	return s ? min(rt_own_slice(rq, s, from), until) : until;
}

void rt_note(struct runq *rq)
{
	struct sched_task *current = rq->current ? &rq->current->sched : NULL;
	struct sched_task *best = rt_best(rq);
	bool runs = current && !current->weight;

	atomic_store_relaxed(&rq->has_rt, runs || rq->rt.root || rq->held.root);
	atomic_store(&rq->running, runs ? rt_place(current) : SCHED_FAIR);
	atomic_store(&rq->waiting, best ? rt_place(best) : SCHED_FAIR);
}

struct rt_limits rt_limits(void)
{
	return (struct rt_limits){
		.period_us = atomic_load_relaxed(&limits.period_us),
		.runtime_us = atomic_load_relaxed(&limits.runtime_us),
		.turn_ms = atomic_load_relaxed(&limits.turn_ms),
	};
}

int rt_set_limits(const struct rt_limits *to)
{
	bool fits;

	if (!to->period_us || to->period_us > INT32_MAX || !to->turn_ms ||
	    to->runtime_us < -1 || (to->runtime_us > 0 && (u32)to->runtime_us > to->period_us))
		return -EINVAL;
	spin_lock(&rt_limits_lock);
	fits = deadline_fits(to->period_us, to->runtime_us);
	if (fits) {
		atomic_store_relaxed(&limits.period_us, to->period_us);
		atomic_store_relaxed(&limits.runtime_us, to->runtime_us);
		atomic_store_relaxed(&limits.turn_ms, to->turn_ms);
	}
	spin_unlock(&rt_limits_lock);
	return fits ? 0 : -EBUSY;
}
