/* tests/unit/test_deadline.c -- tasks with deadlines under random loads, a seed each: every pick
 * beside a naive model, what was promised to each in every period, and nothing more.
 *
 * Usage: unit-deadline [FIRST [COUNT]]	 seeds FIRST .. FIRST + COUNT - 1; 1 .. 1000 else
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/errno.h"
#include "hal/clock.h"
#include "hal/host/host.h"
#include "mem/phys/boot.h"
#include "mem/phys/buddy.h"
#include "mem/phys/slab.h"
#include "sched/deadline.h"
#include "sched/eevdf.h"

#define MS	  1000000l
#define TASKS_MAX 8u

static const struct runq_ops *ops = &eevdf_runq_ops;
static u64 seed_first = 1, seed_count = 1000;

/* A task as the run queue sees it, and what the test knows of it. */
struct subject {
	struct task task;
	i64 runtime, period;
	bool runnable;
	u64 since, ran;		/* how much from then on */
};

static struct subject subjects[TASKS_MAX + 1];	/* and one that has no deadline */
static unsigned count;
static struct runq *rq;
static struct task *current;
static u64 random_state;

#define CHECK(seed, condition)                                                \
	do {                                                                  \
		if (!(condition))                                             \
			fail_msg("seed %lu: %s", (unsigned long)(seed), #condition); \
	} while (0)

/* xorshift64* */
static u64 draw(u64 below)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (random_state * 0x2545f4914f6cdd1dul >> 16) % below;
}

static struct subject *subject_of(struct task *t)
{
	return container_of(t, struct subject, task);
}

/* As many as are admitted, of 5 % to 40 % each; and one that shares by weight. */
static void begin(u64 seed)
{
	struct deadline_params p;

	random_state = seed * 0x9e3779b97f4a7c15ul + 1;
	memset(subjects, 0, sizeof(subjects));
	rq = ops->create(0);
	for (count = 0; count < TASKS_MAX; count++) {
		struct subject *s = &subjects[count];

		s->period = (i64)(2 + draw(50)) * MS;
		s->runtime = s->period * (i64)(5 + draw(36)) / 100;
		p = (struct deadline_params){(u64)s->runtime, (u64)s->period, (u64)s->period};
		s->task.affinity = TASK_ANYWHERE;
		s->task.sched.slice_ns = SCHED_SLICE_NS;
		if (deadline_admit(&s->task, &p))
			break;
		s->task.sched.policy = SCHED_TASK_DEADLINE;
		s->task.sched.level = sched_task_level(&s->task.sched);
	}
	if (count < TASKS_MAX)
		deadline_free(&subjects[count].task);
	subjects[count] = (struct subject){.task.affinity = TASK_ANYWHERE};
	subjects[count].task.sched.slice_ns = SCHED_SLICE_NS;
	for (unsigned i = 0; i <= count; i++) {
		ops->enqueue(rq, &subjects[i].task, true);
		subjects[i].runnable = true;
		subjects[i].since = hal_clock_ns();
	}
	current = ops->pick(rq).task;
}

static void end(void)
{
	struct rb_node *n;

	if (current)
		ops->put(rq, current, 0, false);
	while ((n = rb_first(&rq->held)))
		deadline_unhold(rq, runq_sched(n));
	while ((current = ops->pick(rq).task))
		ops->put(rq, current, 0, false);
	for (unsigned i = 0; i <= count; i++)
		deadline_free(&subjects[i].task);
	kfree(rq);
}

static bool has_deadline(const struct subject *s)
{
	return s < &subjects[count];
}

static const struct deadline *server(const struct subject *s)
{
	return s->task.sched.deadline;
}

/* Of those who have a budget nobody's deadline is earlier; the one without runs if none has. Who
 * has none is held, but not into his next period. */
static bool model_picks(const struct task *t)
{
	const struct subject *picked = t ? container_of(t, struct subject, task) : NULL;

	for (unsigned i = 0; i < count; i++) {
		const struct subject *s = &subjects[i];
		bool has = server(s)->left_ns > 0;

		if (!s->runnable)
			continue;
		if (has == server(s)->held ||
		    (!has && server(s)->due_ns + MS / 100 < (i64)hal_clock_ns()))
			return false;
		if (has && (!picked || !has_deadline(picked) ||
			    server(s)->due_ns < server(picked)->due_ns))
			return false;
	}
	return picked ? picked->runnable : !subjects[count].runnable;
}

/* What a server gives is its share of the time, and a budget at either end; who was not stopped at
 * its end, as he should have been, has had up to `more`: twice what he ran too long. */
static bool is_within_share(const struct subject *s, u64 more)
{
	u64 periods = (hal_clock_ns() - s->since) / (u64)s->period + 2;

	return s->ran <= periods * (u64)s->runtime + more;
}

static void run(u64 ns)
{
	host_advance(ns);
	subject_of(current)->ran += ns;
	current->sched.picked_ns = hal_clock_ns();
}

/* --- every pick --- */

static void step(u64 seed)
{
	struct subject *s = &subjects[draw(count + 1)];
	bool again = draw(3), yields = again && !draw(6);
	u64 ns = draw(4 * MS);

	if (!s->runnable) {
		ops->enqueue(rq, &s->task, true);
		s->runnable = true;
	}
	if (!current) {
		host_advance(ns);
	} else {
		s = subject_of(current);
		run(ns);
		s->runnable = again;
		current->sched.yielded = yields;
		CHECK(seed, !has_deadline(s) || is_within_share(s, 8 * MS));
		ops->put(rq, current, ns, again);
	}
	current = ops->pick(rq).task;
	CHECK(seed, model_picks(current));
}

static void trace(u64 seed)
{
	begin(seed);
	for (int i = 0; i < 300; i++)
		step(seed);
	end();
}

/* --- promises --- */

/* Everybody always wants to run: each has had what is his in every period so far, up to the
 * nanoseconds by which the timer is late, and not more; and the rest is the other's. */
static void promises(u64 seed)
{
	struct runq_pick next;

	begin(seed);
	next = (struct runq_pick){current, ops->slice_left(rq, current)};
	for (int i = 0; i < 600; i++) {
		u64 ns = next.slice_ns == CO_FOREVER ? MS : max(next.slice_ns, 1ul), all;

		run(ns);
		next = ops->swap(rq, current, ns, true);
		current = next.task;
		CHECK(seed, model_picks(current));
		all = hal_clock_ns() - subjects[count].since;
		for (unsigned k = 0; k < count; k++) {
			const struct subject *s = &subjects[k];
			u64 due = all / (u64)s->period * (u64)s->runtime;

			CHECK(seed, s->ran + all / 1000 + MS / 10 >= due);
			CHECK(seed, is_within_share(s, MS / 10));
		}
	}
	CHECK(seed, subjects[count].ran + 60 * MS >= (hal_clock_ns() - subjects[count].since) / 20);
	end();
}

/* --- admission --- */

static void admission(u64 seed)
{
	struct task tasks[64] = {0};
	struct deadline_params p = {.deadline = 100 * MS, .period = 100 * MS};
	u64 sum = 0;

	random_state = seed * 0x9e3779b97f4a7c15ul + 1;
	for (int i = 0; i < 500; i++) {
		struct task *t = &tasks[draw(64)];
		u64 had = deadline_params(t).runtime, percent = 1 + draw(30);
		int err;

		if (!draw(4)) {
			deadline_free(t);
			*t = (struct task){0};
			sum -= had;
			continue;
		}
		p.runtime = percent * MS;
		err = deadline_admit(t, &p);
		CHECK(seed, err == (p.runtime > had && sum - had + p.runtime > 95 * MS ?
					    -EBUSY : 0));
		if (!err)
			sum += p.runtime - had;
		else if (!had)
			CHECK(seed, !deadline_params(t).runtime);
	}
	for (int i = 0; i < 64; i++)
		deadline_free(&tasks[i]);
}

/* --- */

static void each_seed(void (*one)(u64 seed))
{
	for (u64 seed = seed_first; seed < seed_first + seed_count; seed++)
		one(seed);
}

static void every_pick_has_the_earliest_deadline(void **state)
{
	each_seed(trace);
}

static void each_has_his_runtime_by_his_deadline_and_no_more(void **state)
{
	each_seed(promises);
}

static void no_more_is_promised_than_there_is(void **state)
{
	each_seed(admission);
}

static int start(void **state)
{
	static const struct host_config config = {.cpus = 1};

	host_attach(&config);
	boot_init();
	buddy_init();
	slab_init();
	return 0;
}

/* Nothing here leaves the attached thread. */
const struct hal_upcalls hal_upcalls;

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pick_has_the_earliest_deadline),
		cmocka_unit_test(each_has_his_runtime_by_his_deadline_and_no_more),
		cmocka_unit_test(no_more_is_promised_than_there_is),
	};

	if (argc > 1)
		seed_first = strtoul(argv[1], NULL, 10);
	if (argc > 2)
		seed_count = strtoul(argv[2], NULL, 10);
	return cmocka_run_group_tests(tests, start, NULL);
}
