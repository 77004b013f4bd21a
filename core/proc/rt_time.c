/* core/proc/rt_time.c */
#include "core/proc/rt_time.h"

#include "coro/executor.h"

#define RT_TIME_AGAIN_US 1000000ul

static bool rt_time_is_limited(const struct process *p)
{
	return atomic_load_relaxed(&p->limits.of[RLIMIT_RTTIME].rlim_cur) != RLIM_INFINITY;
}

void rt_time_add(struct process *p, struct thread *t)
{
	if (rt_time_is_limited(p))
		atomic_or(&t->task.sched.marks, (u8)SCHED_TIMED);
}

void rt_time_limited(struct process *p)
{
	bool limited = rt_time_is_limited(p);
	struct thread *t;

	spin_lock(&p->sig_lock);
	list_each(t, &p->threads, in_process) {
		if (limited)
			atomic_or(&t->task.sched.marks, (u8)SCHED_TIMED);
		else
			atomic_and(&t->task.sched.marks, (u8)~SCHED_TIMED);
		if (atomic_load_relaxed(&t->task.sched.level) < -20)
			executor_rearm(&t->task);
	}
	spin_unlock(&p->sig_lock);
}

static int rt_time_signal(struct process *p, u64 ran_us)
{
	struct rlimit *r = &p->limits.of[RLIMIT_RTTIME];
	int sig = 0;

	spin_lock(&p->sig_lock);
	if (r->rlim_cur != RLIM_INFINITY && ran_us >= r->rlim_max) {
		sig = SIGKILL;
	} else if (r->rlim_cur != RLIM_INFINITY && ran_us >= r->rlim_cur) {
		r->rlim_cur += RT_TIME_AGAIN_US;
		sig = SIGXCPU;
	}
	spin_unlock(&p->sig_lock);
	return sig;
}

void rt_time_check(struct thread *t)
{
	const struct sched_task *s = &t->task.sched;
	int sig;

	if (!(atomic_load_relaxed(&s->marks) & SCHED_TIMED) || s->weight ||
	    atomic_load_relaxed(&s->level) == SCHED_LEVEL_DEADLINE)
		return;
	sig = rt_time_signal(t->process, (u64)atomic_load_relaxed(&s->burst) / 1000);
	if (sig)
		signal_thread(t, sig, NULL);
}
