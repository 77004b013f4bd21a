/* core/proc/cpu_sleep.c */
#include "core/proc/cpu_sleep.h"

#include "core/proc/clock.h"
#include "core/proc/posix_timer.h"
#include "mem/phys/slab.h"

struct cpu_sleeper {
	struct posix_timer timer;
	struct waitq wait;
	bool over;		/* [a] */
};

static void cpu_sleep_over(struct posix_timer *timer, u64)
{
	struct cpu_sleeper *s = container_of(timer, struct cpu_sleeper, timer);

	atomic_store(&s->over, true);
	waitq_wake(&s->wait);
}

static void cpu_sleep_release(struct posix_timer *timer)
{
	kfree(container_of(timer, struct cpu_sleeper, timer));
}

static int cpu_sleep_start(int id, u64 deadline_ns, struct cpu_sleeper **to)
{
	struct posix_timer_setting at = {.value = deadline_ns};
	struct process *p = NULL;
	struct thread *t = NULL;
	struct cpu_sleeper *s = kzalloc(sizeof(*s));
	u64 now = 0;
	int err = s ? clock_cpu_owner(id, &p, &t) : -ENOMEM;

	if (err) {
		kfree(s);
		return err;
	}
	posix_timer_init(&s->timer, t ? CLOCK_THREAD_CPUTIME_ID : CLOCK_PROCESS_CPUTIME_ID,
			 cpu_sleep_over, cpu_sleep_release);
	s->timer.process = p;
	s->timer.target = t;
	waitq_init(&s->wait);
	*to = s;
	clock_read(id, &now);
	s->over = now >= deadline_ns;
	return s->over ? 0 : posix_timer_change(&s->timer, true, &at, NULL);
}

co_t cpu_sleep(struct co *co, struct cpu_sleep *f)
{
	CO_BEGIN;
	f->err = cpu_sleep_start(f->id, f->deadline_ns, &f->sleeper);
	if (f->err)
		CO_RETURN(f->err);
	CO_WAIT(f->err, &f->sleeper->wait, atomic_load(&f->sleeper->over));
	posix_timer_kill(&f->sleeper->timer);
	CO_RETURN(f->err);
	CO_END;
}
