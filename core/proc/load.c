/* core/proc/load.c */
#include "core/proc/load.h"

#include "coro/executor.h"
#include "hal/clock.h"

#define LOAD_STEP_NS 5000000000ul

static u64 load_average[3]; /* [a] written by the worker */

static void load_step(u64 running)
{
	static const u64 keep[3] = {1884, 2014, 2037};	/* 1, 5 and 15 minutes */

	running <<= LOAD_SHIFT;
	for (unsigned i = 0; i < 3; i++) {
		u64 was = atomic_load_relaxed(&load_average[i]);
		u64 sum = was * keep[i] + running * (LOAD_ONE - keep[i]);

		/* Rising, it gets there. */
		if (running >= was)
			sum += LOAD_ONE - 1;
		atomic_store_relaxed(&load_average[i], sum >> LOAD_SHIFT);
	}
}

struct load_worker {
	struct co_frame co;
	u64 next_ns;
	long ignored;
};
static co_t load_worker(struct co *co, struct load_worker *f)
{
	CO_BEGIN;
	f->next_ns = hal_clock_ns();
	for (;;) {
		f->next_ns += LOAD_STEP_NS;
		CO_SLEEP_UNTIL(f->ignored, f->next_ns);
		load_step(max(executor_runnable(), 1u) - 1);	/* not this worker */
	}
	CO_END;
}

bool load_start(void)
{
	struct task *t;

	/* A simulation ends when nothing is left to happen. */
	if (HAL_SIMULATED)
		return true;
	CO_SPAWN(t, "load", load_worker);
	if (t)
		task_put(t);
	return t;
}

void load_get(u64 average[3])
{
	for (unsigned i = 0; i < 3; i++)
		average[i] = atomic_load_relaxed(&load_average[i]);
}
