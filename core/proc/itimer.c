/* core/proc/itimer.c */
#include "core/proc/itimer.h"

#include "core/proc/clock.h"
#include "core/proc/internal.h"

#define LIMIT_ID (-4)
#define NS	 1000000000ul

int itimer_set(struct process *p, int which, const struct posix_timer_setting *new,
	       struct posix_timer_setting *old)
{
	struct posix_timer *t;
	int err = 0;

	if (which < 0 || which > 2)
		return -EINVAL;
	t = posix_timer_own(p, -1 - which, which ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC,
			    new && new->value);
	*old = (struct posix_timer_setting){0};
	if (!t)
		return new && new->value ? -ENOMEM : 0;
	if (new)
		err = posix_timer_change(t, false, new, old);
	else
		posix_timer_read(t, old);
	posix_timer_put(t);
	return err;
}

/* --- RLIMIT_CPU --- */

static void itimer_limit_set(struct posix_timer *t)
{
	const struct rlimit *r = &t->process->limits.of[RLIMIT_CPU];
	u64 seconds = min(atomic_load_relaxed(&r->rlim_cur), atomic_load_relaxed(&r->rlim_max));
	struct posix_timer_setting none = {0}, at = {
		.value = min(max(seconds, 1ul), INT64_MAX / NS) * NS
	};

	posix_timer_change(t, true, seconds == RLIM_INFINITY ? &none : &at, NULL);
}

static void itimer_limit_reached(struct posix_timer *t, u64 times)
{
	struct process *p = t->process;
	struct rlimit *r = &p->limits.of[RLIMIT_CPU];
	u64 seconds = posix_timer_cpu_now(t) / NS;
	bool end;

	spin_lock(&p->sig_lock);
	end = seconds >= r->rlim_max;
	if (!end && r->rlim_cur != RLIM_INFINITY)
		r->rlim_cur = max(r->rlim_cur, seconds) + 1;
	spin_unlock(&p->sig_lock);
	signal_process(p, end ? SIGKILL : SIGXCPU, NULL);
	if (!end)
		itimer_limit_set(t);
}

int itimer_limit(struct process *p)
{
	const struct rlimit *r = &p->limits.of[RLIMIT_CPU];
	bool limited = atomic_load_relaxed(&r->rlim_cur) != RLIM_INFINITY ||
		       atomic_load_relaxed(&r->rlim_max) != RLIM_INFINITY;
	struct posix_timer *t = posix_timer_own(p, LIMIT_ID, CLOCK_PROCESS_CPUTIME_ID, limited);

	if (!t)
		return limited && atomic_load(&p->live) ? -ENOMEM : 0;
	t->notified = itimer_limit_reached;
	itimer_limit_set(t);
	posix_timer_put(t);
	return 0;
}
