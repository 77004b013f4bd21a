/* hal/host/event.c -- what happens later: devices and the CPUs' timers, by virtual time.
 *
 * Locking  machine_lock in a free run; `next_due` may be read without it.
 */
#include "hal/host/internal.h"

#define EVENTS 256

struct event {
	u64 ns, order;	/* equal times: in the order they were asked for */
	host_event_fn *fn;
	void *arg;
};

static struct event events[EVENTS];
static unsigned event_count;
static u64 event_order;
static u64 next_due = HAL_TIMER_NEVER; /* [a] */

static void find_next(void)
{
	u64 due = HAL_TIMER_NEVER;

	for (unsigned i = 0; i < event_count; i++)
		if (events[i].ns < due)
			due = events[i].ns;
	for (unsigned i = 0; i < host_cpu_total; i++)
		if (host_cpus[i].timer_ns < due)
			due = host_cpus[i].timer_ns;
	__atomic_store_n(&next_due, due, __ATOMIC_RELAXED);
}

u64 host_event_next(void)
{
	return __atomic_load_n(&next_due, __ATOMIC_RELAXED);
}

void host_event_at(u64 ns, host_event_fn *fn, void *arg)
{
	host_lock();
	if (event_count == EVENTS)
		host_fail("more than %d device events at once", EVENTS);
	events[event_count++] = (struct event){ns, event_order++, fn, arg};
	find_next();
	host_unlock();
}

/* Take the first event due at `now` out. */
static bool take_due(u64 now, struct event *e)
{
	unsigned best = EVENTS;

	for (unsigned i = 0; i < event_count; i++)
		if (events[i].ns <= now &&
		    (best == EVENTS || events[i].ns < events[best].ns ||
		     (events[i].ns == events[best].ns && events[i].order < events[best].order)))
			best = i;
	if (best == EVENTS)
		return false;
	*e = events[best];
	events[best] = events[--event_count];
	return true;
}

void host_events_run(void)
{
	u64 now = host_now();
	struct event e;

	for (unsigned i = 0; i < host_cpu_total; i++)
		if (host_cpus[i].timer_ns <= now) {
			host_cpus[i].timer_ns = HAL_TIMER_NEVER;
			host_pend(i, HOST_PEND_TIMER);
		}
	while (take_due(now, &e))
		e.fn(e.arg);
	find_next();
}

void hal_timer_set(u64 deadline_ns)
{
	host_lock();
	host_self->timer_ns = deadline_ns;
	find_next();
	host_unlock();
}
