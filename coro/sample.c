/* coro/sample.c */
#include "coro/sample.h"

#include "coro/executor.h"
#include "hal/clock.h"

#define PERIOD_NS  3500000ul	/* and a random part of up to 2^20 ns */
#define RANDOM_BITS 20

#define NEVER (CO_FOREVER - 1)

static bool sampling; /* [I] after boot */

/* sched.split: the top bit says in which mode the task is, the rest how long it was in the
 * other one. The time in this mode is what remains. */
#define SPLIT_SYSTEM (1ul << 63)

u64 sample_system_ns(const struct task *t, u64 ran_ns)
{
	u64 split = atomic_load_relaxed(&t->sched.split), other = split & ~SPLIT_SYSTEM;

	if (!(split & SPLIT_SYSTEM))
		return min(other, ran_ns);
	return ran_ns - min(other, ran_ns);
}

/* From now on, when it has run for so long, it is in that mode. */
static void sample_split(struct task *t, bool system, u64 ran_ns)
{
	u64 split = t->sched.split, here = ran_ns - min(split & ~SPLIT_SYSTEM, ran_ns);

	if (!(split & SPLIT_SYSTEM) == system)
		atomic_store_relaxed(&t->sched.split, system ? here | SPLIT_SYSTEM : here);
}

void sample_task(struct task *t)
{
	t->sched.split = executor_this()->sampler.mode == SAMPLE_SYSTEM ? SPLIT_SYSTEM : 0;
}

static u64 idle_ns(const struct executor *ex, u64 now)
{
	u64 since = atomic_load_relaxed(&ex->idle_since_ns);

	return atomic_load_relaxed(&ex->stats.idle_ns) + (since && now > since ? now - since : 0);
}

/* Bring spent_ns up to now. */
static void sample_count(struct executor *ex, u64 now) REQUIRES(ex->timer_lock)
{
	struct sampler *s = &ex->sampler;
	u64 idle = idle_ns(ex, now), busy = now > idle ? now - idle : 0;

	if (busy > s->counted_ns) {
		s->spent_ns[s->mode] += busy - s->counted_ns;
		s->counted_ns = busy;
	}
}

static void sample_take(struct executor *ex, struct task *t, bool system, u64 now)
	REQUIRES(ex->timer_lock)
{
	struct sampler *s = &ex->sampler;

	sample_count(ex, now);
	s->mode = system ? SAMPLE_SYSTEM : t->sched.nice > 0 ? SAMPLE_NICE : SAMPLE_USER;
	s->fault_pc = 0;
	s->random = s->random * 6364136223846793005ul + 1442695040888963407ul;
	s->due_ns = now + PERIOD_NS + (s->random >> (64 - RANDOM_BITS));
}

/* Is this a poll's end, or was user mode entered only to be interrupted? */
static bool was_in_kernel(const struct executor *ex, const struct task *t)
{
	return ex->in_window || t->user->pc == ex->sampler.fault_pc ||
	       hal_user_after_syscall(t->user);
}

/* Under ex's timer_lock, which the analysis does not see. */
static u64 sample_fire(struct timer *timer) NO_LOCK_ANALYSIS
{
	struct executor *ex = container_of(timer, struct executor, sampler.timer);
	struct sampler *s = &ex->sampler;
	struct task *t = ex->current;
	u64 now = hal_clock_ns();
	bool system;

	if (ex->idle_since_ns) {
		s->due_ns = CO_FOREVER;
		return CO_FOREVER;
	}
	if (now >= s->due_ns && t) {
		system = was_in_kernel(ex, t);
		sample_split(t, system, t->sched.ran_ns + (now - t->sched.picked_ns));
		sample_take(ex, t, system, now);
	} else if (now >= s->due_ns) {
		s->due_ns = now + PERIOD_NS;
	}
	return s->due_ns;
}

void sample_setup(void)
{
	sampling = true;
	executor_this()->sampler.due_ns = CO_FOREVER;
}

void sample_init(struct executor *ex)
{
	ex->sampler = (struct sampler){.due_ns = sampling ? CO_FOREVER : NEVER,
				       .mode = SAMPLE_SYSTEM, .random = ex->id};
	timer_init(&ex->sampler.timer, sample_fire);
}

void sample_awake(struct executor *ex)
{
	if (ex->sampler.due_ns != CO_FOREVER)
		return;
	ex->sampler.due_ns = hal_clock_ns() + PERIOD_NS;
	timer_arm(&ex->sampler.timer, ex->sampler.due_ns);
}

void sample_cpu(unsigned cpu, struct sample_times *to)
{
	struct executor *ex = executor_nth(cpu);
	u64 now = hal_clock_ns();

	spin_lock(&ex->timer_lock);
	sample_count(ex, now);
	for (int i = 0; i < SAMPLE_MODES; i++)
		to->spent_ns[i] = ex->sampler.spent_ns[i];
	to->idle_ns = idle_ns(ex, now);
	spin_unlock(&ex->timer_lock);
}
