/* tests/unit/test_explore.c -- small races between two CPUs: the park/wake race under every
 * interleaving, larger ones under every order with at most two or three preemptions.
 *
 * Each case is a few coroutines on CPUs of their own. They end by waiting for nothing, which
 * costs no further steps; when every CPU is idle the round is judged and the next begins.
 */
#include "co_machine.h"

#include <string.h>

static struct host_result result;

/* The tasks of a round: the same records every time, never let go. */
static struct task *tasks[4];
static void never_released(struct task *t)
{
	host_fail("%s is released", t->name);
}

static co_t never_returns(struct task *t)
{
	host_fail("%s ended", t->name);
}
static const struct task_ops forever = {.returned = never_returns, .release = never_released};

/* Task n of this round: coroutine fn, on one CPU and no other. */
#define START(n, cpu, fn, ...)                                                \
	do {                                                                  \
		struct task *t_ = prepare(n, #fn, cpu);                       \
		struct fn *f_ = co_push(&t_->co, sizeof(struct fn));          \
		*f_ = (struct fn){__VA_ARGS__};                               \
		co_enter(&t_->co, &f_->co, (co_step *)fn);                    \
		task_start(t_);                                               \
	} while (0)

static struct task *prepare(unsigned n, const char *name, unsigned cpu)
{
	struct task *t = tasks[n];

	if (t->ops)
		list_remove(&t->all);
	task_init(t, name, NULL, &forever);
	t->affinity = 1ul << cpu;
	t->home = executor_nth(cpu);
	return t;
}

#define DONE CO_WAIT_IO(NULL, false)

static const struct host_exploration *exploration;
struct begin { struct co_frame co; unsigned i; };
static co_t begin(struct co *co, struct begin *f)
{
	CO_BEGIN;
	for (f->i = 1; f->i < hal_cpu_count(); f->i++)
		while (!executor_nth(f->i)->runq)
			CO_YIELD;
	for (unsigned i = 0; i < ARRAY_SIZE(tasks); i++)
		tasks[i] = kzalloc(sizeof(struct task));
	host_explore(exploration);
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(begin)

static void line(void *arg, const struct co_point *at)
{
	fprintf(stderr, "    %s:%u\n", at->func, at->line);
}

static void explain(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(tasks) && tasks[i]->ops; i++) {
		fprintf(stderr, "%s: state %u\n", tasks[i]->name, tasks[i]->state);
		co_backtrace(&tasks[i]->co, line, NULL);
	}
}

static void explore(const char *name, unsigned cpus, const struct host_exploration *e)
{
	struct host_config config = {.seed = 1, .mode = HOST_EXPLORED, .cpus = cpus,
				     .memory = 4ul << 20, .explain = explain};

	exploration = e;
	co_machine_begin(begin_begin);
	host_run(&config, &result);
	print_message("%s: %lu interleavings\n", name, result.rounds);
	if (result.end != HOST_OFF)
		fail_msg("%s: %s: %s\n%s", name, host_end_name(result.end), result.why,
			 result.console);
}

/* --- park and wake: the waiter looks, enlists, looks again and parks, while the other CPU
 * makes the condition true and wakes --- */

static struct waitq queue;
static u32 value;	/* [a] */
static unsigned woke;

struct parker { struct co_frame co; };
static co_t parker(struct co *co, struct parker *f)
{
	CO_BEGIN;
	CO_WAIT_IO(&queue, atomic_load(&value));
	woke++;
	DONE;
	CO_RETURN(0);
	CO_END;
}

struct waker { struct co_frame co; };
static co_t waker(struct co *co, struct waker *f)
{
	CO_BEGIN;
	atomic_store(&value, 1u);
	waitq_wake(&queue);
	DONE;
	CO_RETURN(0);
	CO_END;
}

static void park_wake(void)
{
	waitq_init(&queue);
	value = woke = 0;
	START(0, 0, parker);
	START(1, 1, waker);
}

static bool parker_woke(void)
{
	return woke == 1 && list_empty(&queue.waiters);
}

static void test_park_wake(void **state)
{
	explore("park and wake", 2,
		&(struct host_exploration){park_wake, parker_woke, 500000});
}

/* --- two rounds of it: the second wake may meet the task still running from the first --- */

struct parker_twice { struct co_frame co; };
static co_t parker_twice(struct co *co, struct parker_twice *f)
{
	CO_BEGIN;
	CO_WAIT_IO(&queue, atomic_load(&value) >= 1);
	CO_WAIT_IO(&queue, atomic_load(&value) >= 2);
	woke++;
	DONE;
	CO_RETURN(0);
	CO_END;
}

struct waker_twice { struct co_frame co; };
static co_t waker_twice(struct co *co, struct waker_twice *f)
{
	CO_BEGIN;
	atomic_store(&value, 1u);
	waitq_wake(&queue);
	atomic_store(&value, 2u);
	waitq_wake(&queue);
	DONE;
	CO_RETURN(0);
	CO_END;
}

static void park_wake_twice(void)
{
	waitq_init(&queue);
	value = woke = 0;
	START(0, 0, parker_twice);
	START(1, 1, waker_twice);
}

static void test_park_wake_twice(void **state)
{
	explore("park and wake twice", 2,
		&(struct host_exploration){park_wake_twice, parker_woke, 500000, 3});
}

/* --- one token, two exclusive waiters, one of which gets a signal --- */

static u32 token, taken, gave_up; /* [a] */

static bool take(void)
{
	u32 one = 1;

	return atomic_cas(&token, &one, 0u);
}

struct taker { struct co_frame co; long err; };
static co_t taker(struct co *co, struct taker *f)
{
	CO_BEGIN;
	CO_WAIT_ONE(f->err, &queue, take());
	if (f->err)
		gave_up++;
	else
		taken++;
	DONE;
	CO_RETURN(0);
	CO_END;
}

struct giver { struct co_frame co; };
static co_t giver(struct co *co, struct giver *f)
{
	CO_BEGIN;
	atomic_store(&token, 1u);
	waitq_wake_one(&queue, 0);
	task_interrupt(tasks[0], TASK_SIGNAL);
	DONE;
	CO_RETURN(0);
	CO_END;
}

static void exclusive(void)
{
	waitq_init(&queue);
	token = taken = gave_up = 0;
	START(0, 0, taker);
	START(1, 0, taker);
	START(2, 1, giver);
}

static bool one_has_it(void)
{
	return taken == 1 && token == 0;
}

static void test_exclusive(void **state)
{
	explore("a token, a signal and two takers", 2,
		&(struct host_exploration){exclusive, one_has_it, 500000, 3});
}

/* --- a mutex between two CPUs, with a wake out of the blue --- */

static struct co_mutex mutex;
static unsigned inside, rounds;

struct locker { struct co_frame co; };
static co_t locker(struct co *co, struct locker *f)
{
	CO_BEGIN;
	CO_LOCK(&mutex);
	host_expect(!inside);
	inside = true;
	task_wake(tasks[!(co_task(co) == tasks[1])]);
	host_expect(inside);
	inside = false;
	rounds++;
	mutex_unlock(&mutex);
	DONE;
	CO_RETURN(0);
	CO_END;
}

static void lock_race(void)
{
	mutex_init(&mutex, CO_RANK_NONE);
	inside = rounds = 0;
	START(0, 0, locker);
	START(1, 1, locker);
}

static bool both_had_it(void)
{
	return rounds == 2 && !mutex.owner;
}

static void test_mutex(void **state)
{
	explore("a mutex", 2, &(struct host_exploration){lock_race, both_had_it, 500000, 2});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_park_wake), cmocka_unit_test(test_park_wake_twice),
		cmocka_unit_test(test_exclusive), cmocka_unit_test(test_mutex),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
