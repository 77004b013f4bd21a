/* tests/unit/test_sched.c -- the scheduling policy against what it promises: a naive model of
 * every pick, shares by weight, lag within a slice, and nothing gained by tricks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hal/host/host.h"
#include "mem/phys/boot.h"
#include "mem/phys/buddy.h"
#include "mem/phys/slab.h"
#include "sched/eevdf.h"

#define MS 1000000ul
#define TASKS 24

static const struct runq_ops *ops = &eevdf_runq_ops;

/* A task as the run queue sees it, and what the test knows of it. */
struct subject {
	struct task task;
	bool queued;
	u64 ran;		/* ns in all */
};

static struct subject subjects[TASKS];

static struct runq *fresh(unsigned n)
{
	static struct runq *queues[24];
	static unsigned used;

	assert_true(used < ARRAY_SIZE(queues));
	memset(subjects, 0, sizeof(subjects));
	for (unsigned i = 0; i < TASKS; i++) {
		subjects[i].task.affinity = TASK_ANYWHERE;
		subjects[i].task.sched.slice_ns = SCHED_SLICE_NS;
	}
	return queues[used++] = ops->create(0);
}

static void enqueue(struct runq *rq, unsigned i)
{
	subjects[i].queued = true;
	ops->enqueue(rq, &subjects[i].task, true);
}

static struct subject twins[TASKS];

static void enqueue_both(struct runq *rq[2], unsigned i)
{
	enqueue(rq[0], i);
	ops->enqueue(rq[1], &twins[i].task, true);
}

/* The definition, without a tree: of those whose vruntime is not past the weighted mean of
 * all runnable, the earliest deadline. */
static u64 model_deadline(void)
{
	__int128 weighted = 0;
	i64 weight = 0, best = INT64_MAX;

	for (unsigned i = 0; i < TASKS; i++) {
		const struct sched_task *s = &subjects[i].task.sched;

		if (!subjects[i].queued)
			continue;
		weight += s->weight;
		weighted += (__int128)s->vruntime * s->weight;
	}
	for (unsigned i = 0; i < TASKS; i++) {
		const struct sched_task *s = &subjects[i].task.sched;

		if (subjects[i].queued && (__int128)s->vruntime * weight <= weighted &&
		    s->vdeadline < best)
			best = s->vdeadline;
	}
	return (u64)best;
}

static void every_pick_is_the_model_s(void **state)
{
	struct runq *rq = fresh(TASKS);

	srand(1);
	for (unsigned i = 0; i < TASKS; i++) {
		subjects[i].task.sched.nice = (i8)(rand() % 40 - 20);
		subjects[i].task.sched.level = sched_task_level(&subjects[i].task.sched);
	}
	for (unsigned step = 0; step < 200000; step++) {
		unsigned i = (unsigned)rand() % TASKS;
		struct task *t;
		struct subject *s;
		u64 expected;
		bool again;

		if (!subjects[i].queued)
			enqueue(rq, i);
		expected = model_deadline();
		t = ops->pick(rq).task;
		assert_non_null(t);
		s = container_of(t, struct subject, task);
		assert_true(s->queued);
		assert_int_equal(t->sched.vdeadline, expected);
		again = rand() % 4;
		t->sched.yielded = again && rand() % 8 == 0;
		s->queued = again;
		ops->put(rq, t, (u64)rand() % (4 * MS), again);
	}
}

/* A swap is a put and a pick: from the same state both give the same task, and leave every task
 * with the same times. */
static void swap_beside_put_and_pick(unsigned tasks, bool nice)
{
	struct runq *rq[2] = {fresh(tasks), fresh(tasks)};
	struct task *t[2];

	srand(2);
	memcpy(twins, subjects, sizeof(twins));
	for (unsigned i = 0; i < max(tasks / 2, 2u); i++)
		enqueue_both(rq, i);
	t[0] = ops->pick(rq[0]).task;
	t[1] = ops->pick(rq[1]).task;
	for (unsigned step = 0; step < 200000; step++) {
		unsigned i = (unsigned)(container_of(t[0], struct subject, task) - subjects);
		/* Somebody is always left to be picked. */
		bool again = rand() % 4 || ops->length(rq[0]) == 0;
		u64 ran = (u64)rand() % (4 * MS);
		struct runq_pick two, one;

		assert_ptr_equal(t[1], &twins[i].task);
		t[0]->sched.yielded = t[1]->sched.yielded = again && rand() % 8 == 0;
		if (nice)
			t[0]->sched.nice = t[1]->sched.nice = (i8)(rand() % 40 - 20);
		t[0]->sched.level = sched_task_level(&t[0]->sched);
		t[1]->sched.level = sched_task_level(&t[1]->sched);
		ops->put(rq[0], t[0], ran, again);
		two = ops->pick(rq[0]);
		one = ops->swap(rq[1], t[1], ran, again);
		subjects[i].queued = again;
		t[0] = two.task;
		t[1] = one.task;
		assert_non_null(t[1]);
		assert_int_equal(one.slice_ns, two.slice_ns);
		assert_int_equal(one.task->sched.vruntime, two.task->sched.vruntime);
		assert_int_equal(one.task->sched.vdeadline, two.task->sched.vdeadline);
		i = (unsigned)rand() % tasks;
		if (!subjects[i].queued)
			enqueue_both(rq, i);
	}
}

static void a_swap_is_a_put_and_a_pick(void **state)
{
	swap_beside_put_and_pick(TASKS, true);
	swap_beside_put_and_pick(3, true);
	swap_beside_put_and_pick(2, true);
}

/* The way that has no tree. */
static void so_it_is_between_two_of_a_weight(void **state)
{
	swap_beside_put_and_pick(2, false);
}

static void a_swap_of_the_only_task_gives_it_back(void **state)
{
	struct runq *rq = fresh(1);
	struct runq_pick picked;

	enqueue(rq, 0);
	picked = ops->pick(rq);
	assert_ptr_equal(picked.task, &subjects[0].task);
	assert_int_equal(picked.slice_ns, CO_FOREVER);
	picked = ops->swap(rq, picked.task, MS, true);
	assert_ptr_equal(picked.task, &subjects[0].task);
	assert_int_equal(picked.slice_ns, CO_FOREVER);
	assert_int_equal(ops->length(rq), 0);
	assert_null(ops->swap(rq, picked.task, MS, false).task);
	assert_null(ops->pick(rq).task);
}

/* Run the queue for `total` ns; each pick runs for its slice or as long as `run` says, then
 * sleeps if `sleeps` says so, to be back at the next pick. */
static void simulate(struct runq *rq, u64 total, u64 (*run)(unsigned i, u64 slice),
		     bool (*sleeps)(unsigned i))
{
	int back = -1;

	for (u64 now = 0; now < total;) {
		struct task *t = ops->pick(rq).task;
		struct subject *s = container_of(t, struct subject, task);
		unsigned i = (unsigned)(s - subjects);
		u64 slice = ops->slice_left(rq, t);
		u64 ran = run(i, slice == CO_FOREVER ? 3 * MS : slice);
		bool again = !sleeps(i);

		now += ran;
		s->ran += ran;
		s->queued = again;
		ops->put(rq, t, ran, again);
		if (back >= 0)
			enqueue(rq, (unsigned)back);
		back = again ? -1 : (int)i;
	}
}

static u64 run_slice(unsigned i, u64 slice)
{
	return slice;
}

static bool never_sleeps(unsigned i)
{
	return false;
}

/* |a - b| is at most `percent` of b. */
static void assert_close(u64 a, u64 b, unsigned percent)
{
	u64 apart = a > b ? a - b : b - a;

	if (apart * 100 > b * percent)
		fail_msg("%lu is not within %u %% of %lu", a, percent, b);
}

static void shares_follow_weights(void **state)
{
	struct runq *rq = fresh(5);
	const i8 nice[5] = {0, 0, 5, -5, 10};
	u64 weights = 0, total = 60000 * MS;

	for (unsigned i = 0; i < 5; i++) {
		subjects[i].task.sched.nice = nice[i];
		subjects[i].task.sched.level = sched_task_level(&subjects[i].task.sched);
		weights += eevdf_weight(nice[i]);
		enqueue(rq, i);
	}
	simulate(rq, total, run_slice, never_sleeps);
	for (unsigned i = 0; i < 5; i++)
		assert_close(subjects[i].ran, total * eevdf_weight(nice[i]) / weights, 2);
}

static void nobody_falls_behind_by_more_than_a_slice(void **state)
{
	struct runq *rq = fresh(8);
	u64 total = 0;

	for (unsigned i = 0; i < 8; i++)
		enqueue(rq, i);
	for (unsigned step = 0; step < 20000; step++) {
		struct task *t = ops->pick(rq).task;
		struct subject *s = container_of(t, struct subject, task);
		u64 slice = ops->slice_left(rq, t);

		s->ran += slice;
		total += slice;
		ops->put(rq, t, slice, true);
		for (unsigned i = 0; i < 8; i++) {
			i64 lag = (i64)(total / 8) - (i64)subjects[i].ran;

			assert_in_range(lag + 4 * (i64)MS, 0, 8 * MS);
		}
	}
}

static u64 run_cheating(unsigned i, u64 slice)
{
	return i == 0 ? slice * 9 / 10 : slice;
}

static bool cheater_sleeps(unsigned i)
{
	return i == 0;
}

static void sleeping_just_before_the_slice_ends_gains_nothing(void **state)
{
	struct runq *rq = fresh(4);
	u64 total = 60000 * MS;

	for (unsigned i = 0; i < 4; i++)
		enqueue(rq, i);
	simulate(rq, total, run_cheating, cheater_sleeps);
	assert_true(subjects[0].ran <= total / 4 + total / 50);
}

static void a_yield_lets_the_others_go_first(void **state)
{
	struct runq *rq = fresh(2);
	struct task *first, *second;

	enqueue(rq, 0);
	enqueue(rq, 1);
	first = ops->pick(rq).task;
	first->sched.yielded = 1;
	ops->put(rq, first, 1000, true);
	second = ops->pick(rq).task;
	assert_ptr_not_equal(first, second);
	ops->put(rq, second, 1000, true);
}

static void only_an_allowed_cpu_steals(void **state)
{
	struct runq *rq = fresh(2);

	subjects[0].task.affinity = 1;
	subjects[1].task.affinity = 3;
	enqueue(rq, 0);
	enqueue(rq, 1);
	assert_ptr_equal(ops->steal(rq, 1), &subjects[1].task);
	assert_null(ops->steal(rq, 1));
	assert_int_equal(ops->length(rq), 1);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pick_is_the_model_s),
		cmocka_unit_test(a_swap_is_a_put_and_a_pick),
		cmocka_unit_test(so_it_is_between_two_of_a_weight),
		cmocka_unit_test(a_swap_of_the_only_task_gives_it_back),
		cmocka_unit_test(shares_follow_weights),
		cmocka_unit_test(nobody_falls_behind_by_more_than_a_slice),
		cmocka_unit_test(sleeping_just_before_the_slice_ends_gains_nothing),
		cmocka_unit_test(a_yield_lets_the_others_go_first),
		cmocka_unit_test(only_an_allowed_cpu_steals),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
