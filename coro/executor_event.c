/* coro/executor_event.c -- what interrupts and other CPUs want of an executor. */
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

		t->sched.ran_ns += ran;
		atomic_store_relaxed(&t->sched.picked_ns, now);
		atomic_store(&ex->slice_end_ns, CO_FOREVER);
		atomic_or(&ex->resched,
			  ex->policy->charge(ex->runq, t, ran) ? RESCHED_NOW : RESCHED_ARM);
	}
	timer_run_due(ex);
	if (ex->watchdog.due)
		watchdog_look(ex);
}

void executor_kicked(void)
{
	/* Who kicked left a flag or a queued task; the way out of the interrupt looks. */
	watchdog_kicked(executor_this());
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
