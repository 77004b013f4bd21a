/* coro/watchdog.c */
#include "coro/watchdog.h"

#include "coro/executor.h"
#include "hal/clock.h"

static void (*reporter)(struct executor *ex, u64 ns);	/* [I] NULL: nobody looks */
static u64 watchers;	/* [a] bit per CPU: its timer is armed */
static u64 wanted;	/* [a] bit per CPU: asked to look */

void watchdog_init(void (*report)(struct executor *ex, u64 ns))
{
	reporter = report;
}

static u64 watchdog_fire(struct timer *t)
{
	container_of(t, struct watchdog, timer)->due = true;
	return CO_FOREVER;
}

static void watchdog_arm(struct watchdog *w)
{
	timer_init(&w->timer, watchdog_fire);
	timer_arm(&w->timer, hal_clock_ns() + WATCHDOG_LOOK_NS);
}

void watchdog_awake(struct executor *ex)
{
	u64 me = 1ul << ex->id, others, idle;

	if (!reporter || hal_cpu_count() == 1)
		return;
	/* Against watchdog_look: either we see it leave the watch, or it sees us awake. */
	atomic_fence();
	if (atomic_load(&watchers) & ~me)
		return;
	others = executor_ready_mask() & ~me;
	idle = executor_idle_mask() & others;
	if (idle)
		others = idle;
	if (!others)
		return;
	others &= -others;
	atomic_or(&wanted, others);
	hal_cpu_kick((unsigned)__builtin_ctzll(others));
}

void watchdog_kicked(struct executor *ex)
{
	struct watchdog *w = &ex->watchdog;
	u64 me = 1ul << ex->id;

	atomic_store_relaxed(&w->kicks, w->kicks + 1);
	if (!(atomic_load_relaxed(&wanted) & me))
		return;
	atomic_and(&wanted, ~me);
	if (!(atomic_or(&watchers, me) & me))
		watchdog_arm(w);
}

static void watchdog_look_at(struct watchdog *w, unsigned cpu)
{
	struct executor *ex = executor_nth(cpu);
	u64 kicks = atomic_load_relaxed(&ex->watchdog.kicks), now = hal_clock_ns();
	u64 since = w->seen[cpu].since_ns;

	if (!since || w->seen[cpu].kicks != kicks) {
		w->seen[cpu].kicks = kicks;
		w->seen[cpu].since_ns = now;
		hal_cpu_kick(cpu);
	} else if (now - since >= WATCHDOG_STUCK_NS &&
		   atomic_swap(&ex->watchdog.reported, kicks + 1) != kicks + 1) {
		reporter(ex, now - since);
	}
}

void watchdog_look(struct executor *ex)
{
	struct watchdog *w = &ex->watchdog;
	u64 me = 1ul << ex->id, busy;

	w->due = false;
	atomic_and(&watchers, ~me);
	atomic_fence();
	busy = executor_ready_mask() & ~executor_idle_mask() & ~me;
	for (unsigned cpu = 0; cpu < hal_cpu_count(); cpu++) {
		if (busy & 1ul << cpu)
			watchdog_look_at(w, cpu);
		else
			w->seen[cpu].since_ns = 0;
	}
	if (busy) {
		atomic_or(&watchers, me);
		watchdog_arm(w);
	}
}
