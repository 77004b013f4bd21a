/* sched/deadline.c */
#include "sched/deadline.h"

#include "core/base/errno.h"
#include "mem/phys/slab.h"

#define WHOLE_SHIFT 20
#define WHOLE	    (1ul << WHOLE_SHIFT)	/* a CPU's bandwidth */
/* A debt of more budgets than these is forgiven. */
#define DEBT_MOST   1024
/* Below every level: the places of those with deadlines, by these. */
#define PLACE_FIRST (-(1l << 62))

static struct deadline_limits limits = {	/* [a] each field */
	.period_max_us = 1u << 22,
	.period_min_us = 100,
};

static u64 admitted; /* [a] of all; written under rt_limits_lock */

/* --- what is asked for --- */

struct deadline *deadline_of(struct task *t)
{
	struct deadline *d = atomic_load(&t->sched.deadline), *none = NULL;

	if (d)
		return d;
	d = kzalloc(sizeof(*d));
	if (!d || atomic_cas(&t->sched.deadline, &none, d))
		return d;
	kfree(d);
	return none;
}

void deadline_free(struct task *t)
{
	deadline_discharge(t);
	kfree(t->sched.deadline);
}

struct deadline_params deadline_params(const struct task *t)
{
	const struct deadline *d = atomic_load(&t->sched.deadline);

	if (!d)
		return (struct deadline_params){0};
	return (struct deadline_params){
		.runtime = atomic_load_relaxed(&d->runtime_ns),
		.deadline = atomic_load_relaxed(&d->deadline_ns),
		.period = atomic_load_relaxed(&d->period_ns),
		.reclaims = atomic_load_relaxed(&d->reclaims),
		.tells = atomic_load_relaxed(&d->tells),
	};
}

/* Of one CPU what may be given away; more than all: anything. */
static u64 deadline_share(u32 period_us, i32 runtime_us)
{
	return runtime_us < 0 ? UINT32_MAX : ((u64)runtime_us << WHOLE_SHIFT) / period_us;
}

static u64 deadline_share_now(void)
{
	struct rt_limits rt = rt_limits();

	return deadline_share(rt.period_us, rt.runtime_us);
}

bool deadline_fits(u32 period_us, i32 runtime_us)
{
	u64 share = deadline_share(period_us, runtime_us);

	return atomic_load_relaxed(&admitted) <= share * hal_cpu_count();
}

/* It has `bandwidth` from now on, in place of what it had; false: there is no room. Less is always
 * had. */
static bool deadline_book(struct deadline *d, u32 bandwidth)
{
	bool fits;

	spin_lock(&rt_limits_lock);
	fits = bandwidth <= d->bandwidth ||
	       admitted - d->bandwidth + bandwidth <= deadline_share_now() * hal_cpu_count();
	if (fits) {
		atomic_store_relaxed(&admitted, admitted - d->bandwidth + bandwidth);
		atomic_store_relaxed(&d->bandwidth, bandwidth);
	}
	spin_unlock(&rt_limits_lock);
	return fits;
}

int deadline_admit(struct task *t, const struct deadline_params *p)
{
	struct deadline *d = deadline_of(t);

	if (!d)
		return -ENOMEM;
	if (!deadline_book(d, (u32)((p->runtime << WHOLE_SHIFT) / p->period)))
		return -EBUSY;
	atomic_store_relaxed(&d->runtime_ns, p->runtime);
	atomic_store_relaxed(&d->deadline_ns, p->deadline);
	atomic_store_relaxed(&d->period_ns, p->period);
	atomic_store_relaxed(&d->reclaims, p->reclaims);
	atomic_store_relaxed(&d->tells, p->tells);
	if (atomic_load_relaxed(&t->sched.policy) != SCHED_TASK_DEADLINE)
		atomic_store(&d->anew, true);
	return 0;
}

void deadline_discharge(struct task *t)
{
	struct deadline *d = atomic_load(&t->sched.deadline);

	if (d)
		deadline_book(d, 0);
}

bool deadline_overran(struct task *t)
{
	struct deadline *d = atomic_load(&t->sched.deadline);

	return d && atomic_load_relaxed(&d->overran) && atomic_swap(&d->overran, false);
}

struct deadline_limits deadline_limits(void)
{
	return (struct deadline_limits){
		.period_max_us = atomic_load_relaxed(&limits.period_max_us),
		.period_min_us = atomic_load_relaxed(&limits.period_min_us),
	};
}

int deadline_set_limits(const struct deadline_limits *to)
{
	if (to->period_min_us > to->period_max_us)
		return -EINVAL;
	atomic_store_relaxed(&limits.period_max_us, to->period_max_us);
	atomic_store_relaxed(&limits.period_min_us, to->period_min_us);
	return 0;
}

/* --- places --- */

static bool deadline_is_lent(const struct sched_task *s)
{
	return atomic_load_relaxed(&s->boost) == 20 - SCHED_LEVEL_DEADLINE;
}

static bool deadline_has_policy(const struct sched_task *s)
{
	return atomic_load(&s->policy) == SCHED_TASK_DEADLINE;
}

/* At its level. Without a record, for which there was no memory, it goes first. */
static i64 deadline_place_of(const struct sched_task *s)
{
	const struct deadline *d = atomic_load(&s->deadline);
	i64 due = INT64_MAX;

	if (d && deadline_has_policy(s))
		due = atomic_load_relaxed(&d->due_ns);
	if (d && deadline_is_lent(s))
		due = min(due, atomic_load_relaxed(&d->lent_ns));
	return due == INT64_MAX ? PLACE_FIRST : PLACE_FIRST + due;
}

i64 deadline_place(const struct task *t)
{
	int level = sched_task_level(&t->sched);

	return level == SCHED_LEVEL_DEADLINE ? deadline_place_of(&t->sched) : level;
}

void deadline_lend(struct task *t, i64 place)
{
	struct deadline *d = deadline_of(t);

	if (d)
		atomic_store_relaxed(&d->lent_ns, place - PLACE_FIRST);
}

/* --- budgets --- */

static void deadline_renew(struct deadline *d, u64 now)
{
	atomic_store_relaxed(&d->due_ns, (i64)(now + atomic_load_relaxed(&d->deadline_ns)));
	d->left_ns = (i64)atomic_load_relaxed(&d->runtime_ns);
}

/* The start of its next period. */
static u64 deadline_next_period(const struct deadline *d)
{
	return (u64)d->due_ns - atomic_load_relaxed(&d->deadline_ns) +
	       atomic_load_relaxed(&d->period_ns);
}

/* Budgets, and as many periods, until something is left; who is late all the same begins anew. */
static void deadline_replenish(struct deadline *d, u64 now)
{
	i64 runtime = (i64)atomic_load_relaxed(&d->runtime_ns), times;

	if (d->left_ns <= 0) {
		times = -d->left_ns / runtime + 1;
		d->left_ns += times * runtime;
		atomic_store_relaxed(&d->due_ns, d->due_ns +
				     times * (i64)atomic_load_relaxed(&d->period_ns));
	}
	if (d->due_ns <= (i64)now)
		deadline_renew(d, now);
}

/* Is what is left more of the time to the deadline than the runtime is of the whole? In units of
 * 1024 ns, for the products. */
static bool deadline_has_too_much(const struct deadline *d, u64 now)
{
	u64 runtime = atomic_load_relaxed(&d->runtime_ns) >> 10;
	u64 whole = atomic_load_relaxed(&d->deadline_ns) >> 10;

	return ((u64)d->left_ns >> 10) * whole > (((u64)d->due_ns - now) >> 10) * runtime;
}

/* It comes back from a wait. One whose deadline is before its period's end has no other before
 * that end, only its share of the time to the one it has. False: not yet. */
static bool deadline_wake(struct deadline *d, u64 now)
{
	u64 whole = atomic_load_relaxed(&d->deadline_ns);
	bool ends_early = whole < atomic_load_relaxed(&d->period_ns);

	if (d->due_ns <= (i64)now) {
		if (ends_early && deadline_next_period(d) > now) {
			d->left_ns = 0;
			return false;
		}
		deadline_renew(d, now);
	} else if (deadline_has_too_much(d, now)) {
		if (ends_early)
			d->left_ns = (i64)((((u64)d->due_ns - now) >> 10) *
					   (atomic_load_relaxed(&d->runtime_ns) >> 10) /
					   max(whole >> 10, 1ul) << 10) + 1;
		else
			deadline_renew(d, now);
	}
	return true;
}

/* Has it a budget to run on now? */
static bool deadline_is_ready(struct deadline *d, bool woken, u64 now)
{
	if (atomic_load_relaxed(&d->anew)) {
		atomic_store_relaxed(&d->anew, false);
		deadline_renew(d, now);
		return true;
	}
	if (d->left_ns > 0)
		return !woken || deadline_wake(d, now);
	if (deadline_next_period(d) > now)
		return false;
	deadline_replenish(d, now);
	return true;
}

/* --- the run queue's --- */

static void deadline_hold(struct runq *rq, struct sched_task *s) REQUIRES(rq->lock)
{
	s->deadline->held = true;
	s->vdeadline = (i64)deadline_next_period(s->deadline);
	rb_insert(&rq->held, &s->node, runq_before);
	atomic_store_relaxed(&rq->held_count, rq->held_count + 1);
	atomic_store_relaxed(&rq->queued, rq->queued + 1);
	atomic_store_relaxed(&rq->has_rt, true);
}

bool deadline_enter(struct runq *rq, struct sched_task *s, bool woken)
{
	struct deadline *d = atomic_load(&s->deadline);

	if (d && deadline_has_policy(s) && !deadline_is_ready(d, woken, hal_clock_ns()) &&
	    !deadline_is_lent(s)) {
		deadline_hold(rq, s);
		return false;
	}
	s->vdeadline = deadline_place_of(s);
	return true;
}

bool deadline_unhold(struct runq *rq, struct sched_task *s)
{
	struct deadline *d = atomic_load(&s->deadline);

	if (!d || !d->held)
		return false;
	d->held = false;
	rb_remove(&rq->held, &s->node);
	atomic_store_relaxed(&rq->queued, rq->queued - 1);
	atomic_store_relaxed(&rq->held_count, rq->held_count - 1);
	return true;
}

u64 deadline_held_until(const struct runq *rq)
{
	struct rb_node *first = rb_first(&rq->held);

	return first ? (u64)runq_sched(first)->vdeadline : CO_FOREVER;
}

struct sched_task *deadline_next_due(struct runq *rq, u64 now)
{
	struct sched_task *s;

	if (deadline_held_until(rq) > now)
		return NULL;
	s = runq_sched(rb_first(&rq->held));
	deadline_unhold(rq, s);
	deadline_replenish(s->deadline, now);
	s->vdeadline = deadline_place_of(s);
	return s;
}

bool deadline_is_own(const struct sched_task *s)
{
	return s->level == SCHED_LEVEL_DEADLINE && deadline_has_policy(s) &&
	       atomic_load(&s->deadline) && !deadline_is_lent(s);
}

/* 2^20ths of the time it runs that its budget pays. Who reclaims pays for what is given away of a
 * CPU, or his own share if that is more, as a part of what may be given away. So all of them
 * together have no more than that. */
static u64 deadline_pace(const struct deadline *d)
{
	u64 share = min(deadline_share_now(), WHOLE);
	u64 given = atomic_load_relaxed(&admitted) / hal_cpu_count();

	if (!atomic_load_relaxed(&d->reclaims) || !share)
		return WHOLE;
	given = max(given, (u64)atomic_load_relaxed(&d->bandwidth));
	return max(min((given << WHOLE_SHIFT) / share, WHOLE), 1ul);
}

bool deadline_charge(struct runq *rq, struct sched_task *s, u64 ran_ns)
{
	struct deadline *d = s->deadline;
	i64 runtime = (i64)atomic_load_relaxed(&d->runtime_ns);

	d->left_ns -= (i64)(ran_ns * deadline_pace(d) >> WHOLE_SHIFT);
	d->left_ns = max(d->left_ns, -DEBT_MOST * runtime);
	if (d->left_ns > 0)
		return false;
	if (atomic_load_relaxed(&d->tells)) {
		atomic_store_relaxed(&d->overran, true);
		atomic_or(&runq_task(s)->flags, (u32)TASK_RETURN);
	}
	return true;
}

void deadline_yield(struct runq *rq, struct sched_task *s)
{
	s->deadline->left_ns = min(s->deadline->left_ns, 0l);
}

u64 deadline_slice(struct runq *rq, const struct sched_task *s)
{
	u64 left = (u64)max(s->deadline->left_ns, 0l);

	return (left << WHOLE_SHIFT) / deadline_pace(s->deadline) + 1;
}
