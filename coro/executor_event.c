/* coro/executor_event.c -- what interrupts, other CPUs and reports want of an executor. */
#include "coro/executor.h"

#include "hal/clock.h"

void executor_timer(void)
{
	struct executor *ex = executor_this();
	struct task *t = ex->current;
	u64 now = hal_clock_ns();

	if (now > ex->timer_set_ns)
		ex->stats.late_ns = max(ex->stats.late_ns, now - ex->timer_set_ns);
	ex->timer_set_ns = CO_FOREVER;
	if (t && now >= ex->slice_end_ns) {
		u64 ran = now - t->sched.picked_ns;

		atomic_store_relaxed(&t->sched.ran_ns, t->sched.ran_ns + ran);
		atomic_store_relaxed(&t->sched.picked_ns, now);
		atomic_store(&ex->slice_end_ns, CO_FOREVER);
		atomic_or(&ex->resched,
			  ex->policy->charge(ex->runq, t, ran) ? RESCHED_NOW : RESCHED_ARM);
		executor_pull(ex);
	} else if (now >= ex->slice_end_ns) {
		/* It woke up to look again. */
		atomic_store(&ex->slice_end_ns, CO_FOREVER);
	}
	timer_run_due(ex);
	if (ex->watchdog.due)
		watchdog_look(ex);
}

void executor_kicked(void)
{
	struct executor *ex = executor_this();

	/* Who kicked left a flag or a queued task; the way out of the interrupt looks. */
	if (atomic_load_relaxed(&ex->pull)) {
		atomic_store(&ex->pull, 0u);
		executor_pull(ex);
	}
	watchdog_kicked(ex);
}

void executor_push(const struct executor *from, u64 allowed)
{
	u64 ready = executor_ready_mask() & allowed & ~(1ul << from->id);
	u64 idle = ready & executor_idle_mask();
	struct executor *lowest = NULL;
	i64 place;

	if (idle) {
		hal_cpu_kick((unsigned)__builtin_ctzll(idle)); /* it looks by itself */
		return;
	}
	if (!ready)
		return;
	place = from->policy->waiting(from->runq);
	for (; ready; ready &= ready - 1) {
		struct executor *ex = executor_nth((unsigned)__builtin_ctzll(ready));
		i64 running = ex->policy->running(ex->runq);

		if (running > place) {
			place = running;
			lowest = ex;
		}
	}
	if (!lowest)
		return;
	atomic_store(&lowest->pull, 1u);
	hal_cpu_kick(lowest->id);
}

void executor_pull(struct executor *ex)
{
	for (u64 ready = executor_ready_mask() & ~(1ul << ex->id); ready; ready &= ready - 1) {
		struct executor *from = executor_nth((unsigned)__builtin_ctzll(ready));
		i64 place = min(ex->policy->running(ex->runq), ex->policy->waiting(ex->runq));
		struct task *t;

		if (ex->policy->waiting(from->runq) >= place)
			continue;
		t = ex->policy->pull(from->runq, ex->id, place);
		if (!t)
			continue;
		atomic_store(&t->home, ex);
		atomic_or(&t->flags, (u32)TASK_RETURN);
		executor_enqueue(t, false);
	}
}

void executor_reweigh(struct task *t)
{
	struct executor *ex;
	u32 why;

	/* On its way to another queue it takes its new level along, once it is home there. */
	do {
		ex = atomic_load(&t->home);
		why = ex->policy->reweigh(ex->runq, t);
		if (why & RESCHED_PUSH)
			executor_push(ex, atomic_load(&t->affinity));
		if (!(why & RESCHED_NOW))
			continue;
		atomic_or(&ex->resched, (u32)RESCHED_NOW);
		if (ex != executor_this())
			hal_cpu_kick(ex->id);
	} while (atomic_load(&t->home) != ex);
}

void executor_rearm(struct task *t)
{
	struct executor *ex = atomic_load(&t->home);

	atomic_or(&ex->resched, (u32)RESCHED_ARM);
	if (ex != executor_this())
		hal_cpu_kick(ex->id);
}

void executor_user_sync(struct task *t)
{
	struct executor *ex = executor_this();

	if (ex->user_live != t->user)
		return;
	hal_user_save(t->user);
	ex->user_live = NULL;
	/* Not straight back to user mode: they have to be loaded again. */
	atomic_or(&ex->resched, RESCHED_ARM);
}

void executor_move(struct task *t)
{
	struct executor *ex = atomic_load(&t->home);

	if (atomic_load(&t->affinity) & (1ul << ex->id))
		return;
	atomic_or(&ex->resched, RESCHED_NOW);
	if (ex != executor_this())
		hal_cpu_kick(ex->id);
}

u32 executor_runnable(void)
{
	u64 ready = executor_ready_mask(), awake = ready & ~executor_idle_mask();
	u32 n = (u32)__builtin_popcountll(awake);

	for (; ready; ready &= ready - 1) {
		struct executor *ex = executor_nth((unsigned)__builtin_ctzll(ready));

		n += ex->policy->length(ex->runq);
	}
	return n;
}
