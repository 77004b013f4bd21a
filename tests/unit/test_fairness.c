/* tests/unit/test_fairness.c -- the scheduling policy under random loads, a seed each: every pick
 * beside a naive model, lag over sleeps, shares by weight, and nothing gained by tricks.
 *
 * Usage: unit-fairness [FIRST [COUNT]]	 seeds FIRST .. FIRST + COUNT - 1; 1 .. 10000 else
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hal/clock.h"
#include "hal/host/host.h"
#include "mem/phys/boot.h"
#include "mem/phys/buddy.h"
#include "mem/phys/slab.h"
#include "sched/eevdf.h"
#include "sched/rt.h"

#define SLICE_NS   3000000l
#define LEAST_NS   (1l << 17)	/* no shorter time is given */
#define TASKS_MAX  16u
#define STEPS	   250

static const struct runq_ops *ops = &eevdf_runq_ops;
static u64 seed_first = 1, seed_count = 10000;

/* A task as the run queue sees it, and what the test knows of it. */
struct subject {
	struct task task;
	bool runnable;
	i64 lag;		/* when it left */
	u64 ran;		/* ns in all */
};

static struct subject subjects[TASKS_MAX];
static unsigned count;
static struct runq *rq;
static u64 random_state;

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

/* A queue of its own for a seed, with `tasks` tasks of nice values least .. most. */
static void begin(u64 seed, unsigned tasks, int least, int most)
{
	random_state = seed * 0x9e3779b97f4a7c15ul + 1;
	memset(subjects, 0, sizeof(subjects));
	count = tasks;
	for (unsigned i = 0; i < count; i++) {
		struct task *t = &subjects[i].task;

		t->affinity = TASK_ANYWHERE;
		t->sched.slice_ns = SCHED_SLICE_NS;
		t->sched.nice = (i8)(least + (int)draw((u64)(most - least + 1)));
		t->sched.level = sched_task_level(&t->sched);
	}
	rq = ops->create(0);
}

/* All leave, the queue is given back. */
static void end(struct task *current)
{
	if (current)
		ops->put(rq, current, 0, false);
	while ((current = ops->pick(rq).task))
		ops->put(rq, current, 0, false);
	kfree(rq);
}

#define CHECK(seed, condition)                                                \
	do {                                                                  \
		if (!(condition))                                             \
			fail_msg("seed %lu: %s", (unsigned long)(seed), #condition); \
	} while (0)

/* --- the definitions, without a tree and without sums that are kept --- */

/* Sum of weight * vruntime over all runnable; *weight: of the weights. */
static __int128 model_sum(i64 *weight)
{
	__int128 sum = 0;

	*weight = 0;
	for (unsigned i = 0; i < count; i++)
		if (subjects[i].runnable) {
			*weight += subjects[i].task.sched.weight;
			sum += (__int128)subjects[i].task.sched.vruntime *
			       subjects[i].task.sched.weight;
		}
	return sum;
}

/* Whether t is eligible and nobody eligible has an earlier deadline. */
static bool model_picks(const struct task *t)
{
	i64 weight;
	__int128 sum = model_sum(&weight);

	if ((__int128)t->sched.vruntime * weight > sum)
		return false;
	for (unsigned i = 0; i < count; i++) {
		const struct sched_task *s = &subjects[i].task.sched;

		if (subjects[i].runnable && (__int128)s->vruntime * weight <= sum &&
		    s->vdeadline < t->sched.vdeadline)
			return false;
	}
	return true;
}

/* The mean less its vruntime: what the task is owed. */
static i64 model_lag(const struct subject *s)
{
	i64 weight;
	__int128 sum = model_sum(&weight);

	return weight ? (i64)(sum / weight) - s->task.sched.vruntime : 0;
}

/* --- every pick, and lag over a sleep --- */

static void check_arrival(u64 seed, struct subject *s)
{
	i64 now, weight;

	model_sum(&weight);
	s->runnable = true;
	now = model_lag(s);
	/* The first comes without a past. Roundings are a few ns. */
	CHECK(seed, !weight || (now - s->lag <= 4 && s->lag - now <= 4));
}

static void arrive(u64 seed, struct subject *s)
{
	ops->enqueue(rq, &s->task, true);
	check_arrival(seed, s);
}

/* It left, with what it is owed, two slices at most. */
static void depart(struct subject *s)
{
	i64 limit = 2 * SLICE_NS * 1024 / s->task.sched.weight;

	s->lag = max(-limit, min(limit, model_lag(s)));
	s->runnable = false;
}

static struct task *switch_from(u64 seed, struct task *t, u64 ran)
{
	struct subject *s = subject_of(t);
	bool again = draw(4);
	struct task *next;

	t->sched.yielded = again && !draw(8);
	if (draw(2)) {
		ops->put(rq, t, ran, again);
		next = ops->pick(rq).task;
	} else {
		next = ops->swap(rq, t, ran, again).task;
	}
	if (!again)
		depart(s);
	if (!next) {
		CHECK(seed, !ops->length(rq));
		arrive(seed, &subjects[draw(count)]);
		next = ops->pick(rq).task;
	}
	CHECK(seed, model_picks(next));
	return next;
}

static void step(u64 seed, struct task **current)
{
	struct subject *s = &subjects[draw(count)];
	struct task *stolen;

	switch (draw(8)) {
	case 0:
		ops->charge(rq, *current, draw(2 * SLICE_NS));
		break;
	case 1:
		/* Counts when it is queued next. */
		s->task.sched.nice = (i8)draw(40) - 20;
		s->task.sched.level = sched_task_level(&s->task.sched);
		break;
	case 2:
		stolen = ops->steal(rq, 0);
		if (stolen)
			depart(subject_of(stolen));
		break;
	case 3:
		if (!s->runnable)
			arrive(seed, s);
		break;
	default:
		*current = switch_from(seed, *current, draw(2 * SLICE_NS));
	}
}

static void trace(u64 seed)
{
	struct task *current;

	begin(seed, 2 + (unsigned)(seed % (TASKS_MAX - 1)), -20, 19);
	arrive(seed, &subjects[0]);
	current = ops->pick(rq).task;
	for (int i = 0; i < STEPS; i++)
		step(seed, &current);
	end(current);
}

/* --- shares --- */

static u64 weights(void)
{
	u64 sum = 0;

	for (unsigned i = 0; i < count; i++)
		sum += eevdf_weight(subjects[i].task.sched.nice);
	return sum;
}

static u64 share(u64 total, unsigned i)
{
	return (u64)((__int128)total * eevdf_weight(subjects[i].task.sched.nice) / weights());
}

static struct task *run_slice(struct task *t, u64 *total)
{
	u64 slice = ops->slice_left(rq, t);

	subject_of(t)->ran += slice;
	*total += slice;
	return ops->swap(rq, t, slice, true).task;
}

static struct task *all_arrive(void)
{
	for (unsigned i = 0; i < count; i++) {
		subjects[i].runnable = true;
		ops->enqueue(rq, &subjects[i].task, true);
	}
	return ops->pick(rq).task;
}

/* Spinners, until the least of them should have had 60 slices: nobody is ever more than a slice
 * from what is his, and that is within 2 % in the end. */
static void spin(u64 seed)
{
	struct task *current;
	u64 total = 0;
	unsigned least = 0;

	begin(seed, 2 + (unsigned)(seed % 4), -5, 10);
	for (unsigned i = 1; i < count; i++)
		if (subjects[i].task.sched.nice > subjects[least].task.sched.nice)
			least = i;
	current = all_arrive();
	while (share(total, least) < 60 * SLICE_NS) {
		current = run_slice(current, &total);
		for (unsigned i = 0; i < count; i++) {
			i64 lag = (i64)share(total, i) - (i64)subjects[i].ran;

			CHECK(seed, lag <= SLICE_NS + LEAST_NS && -lag <= SLICE_NS + LEAST_NS);
		}
	}
	for (unsigned i = 0; i < count; i++) {
		i64 off = (i64)subjects[i].ran - (i64)share(total, i);

		CHECK(seed, (off < 0 ? -off : off) * 50 <= (i64)share(total, i));
	}
	end(current);
}

/* --- tricks --- */

struct trick {
	u64 percent;		/* of its slice that it runs */
	bool yields;		/* then; else it sleeps, to be back while another runs */
};

/* The cheater is back when half of the other's slice is over, and takes the CPU if it may. */
static struct task *come_back(struct task *t, u64 *total)
{
	u64 part = ops->slice_left(rq, t) / 2;

	ops->charge(rq, t, part);
	subject_of(t)->ran += part;
	*total += part;
	t->sched.picked_ns = hal_clock_ns() - part;
	subjects[0].runnable = true;
	return ops->enqueue(rq, &subjects[0].task, true) ? ops->swap(rq, t, 0, true).task : t;
}

static struct task *cheat(struct task *t, const struct trick *trick, u64 *total)
{
	u64 ran = ops->slice_left(rq, t);

	ran = ran == CO_FOREVER ? SLICE_NS : ran;
	ran = max(ran * trick->percent / 100, 1ul);
	subjects[0].ran += ran;
	*total += ran;
	t->sched.yielded = trick->yields;
	subjects[0].runnable = trick->yields;
	return ops->swap(rq, t, ran, trick->yields).task;
}

static void tricks(u64 seed)
{
	struct task *current;
	struct trick trick;
	u64 total = 0;

	begin(seed, 2 + (unsigned)(seed % 4), -5, 5);
	trick = (struct trick){1 + draw(99), !draw(4)};
	current = all_arrive();
	for (int i = 0; i < 1500; i++) {
		if (current == &subjects[0].task)
			current = cheat(current, &trick, &total);
		else if (!subjects[0].runnable)
			current = come_back(current, &total);
		else
			current = run_slice(current, &total);
	}
	CHECK(seed, subjects[0].ran <= share(total, 0) + share(total, 0) / 50 + SLICE_NS);
	end(current);
}

/* --- real time --- */

/* Of those who can run none has a better real-time level. */
static void check_level(u64 seed, const struct task *t)
{
	CHECK(seed, t);
	for (unsigned i = 0; i < count; i++) {
		int level = subjects[i].task.sched.level;

		CHECK(seed, !subjects[i].runnable || level >= -20 || level >= t->sched.level);
	}
}

static void draw_class(struct sched_task *s)
{
	bool rt = draw(2);

	s->priority = rt ? (u8)(1 + draw(4)) : 0;
	s->policy = rt ? SCHED_TASK_FIFO + (u8)draw(2) : SCHED_TASK_NORMAL;
}

static void classes(u64 seed)
{
	struct task *current;
	struct subject *s;
	bool again;

	begin(seed, 2 + (unsigned)(seed % (TASKS_MAX - 1)), -20, 19);
	current = all_arrive();
	for (int i = 0; i < STEPS; i++) {
		s = &subjects[draw(count)];
		if (draw(3) == 0) {
			draw_class(&s->task.sched);
			ops->reweigh(rq, &s->task);
		} else if (!s->runnable) {
			s->runnable = true;
			ops->enqueue(rq, &s->task, true);
		}
		again = draw(3) || !ops->length(rq);
		subject_of(current)->runnable = again;
		current->sched.yielded = again && !draw(8);
		current = ops->swap(rq, current, draw(200 * SLICE_NS), again).task;
		check_level(seed, current);
	}
	end(current);
}

/* --- */

static void each_seed(void (*run)(u64 seed))
{
	for (u64 seed = seed_first; seed < seed_first + seed_count; seed++)
		run(seed);
}

static void every_pick_is_the_model_s_and_lag_outlives_a_sleep(void **state)
{
	each_seed(trace);
}

static void shares_follow_weights_and_lag_stays_within_a_slice(void **state)
{
	each_seed(spin);
}

static void sleeping_and_yielding_early_gain_nothing(void **state)
{
	each_seed(tricks);
}

static void real_time_tasks_go_first_by_priority(void **state)
{
	struct rt_limits none = rt_limits();

	/* The clock stands still here, and their time would be up for ever. */
	none.runtime_us = -1;
	assert_int_equal(rt_set_limits(&none), 0);
	each_seed(classes);
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
		cmocka_unit_test(every_pick_is_the_model_s_and_lag_outlives_a_sleep),
		cmocka_unit_test(shares_follow_weights_and_lag_stays_within_a_slice),
		cmocka_unit_test(sleeping_and_yielding_early_gain_nothing),
		cmocka_unit_test(real_time_tasks_go_first_by_priority),
	};

	if (argc > 1)
		seed_first = strtoul(argv[1], NULL, 10);
	if (argc > 2)
		seed_count = strtoul(argv[2], NULL, 10);
	return cmocka_run_group_tests(tests, start, NULL);
}
