/* tests/unit/test_coro.c -- awaits, frames, waits, deadlines, spawning, on 1 to 4 CPUs. */
#include "co_machine.h"

#include <string.h>

/* --- awaits and frames --- */

struct add { struct co_frame co; long a, b; };
static co_t add(struct co *co, struct add *f)
{
	CO_BEGIN;
	CO_RETURN(f->a + f->b);
	CO_END;
}

struct add_later { struct co_frame co; long a, b; };
static co_t add_later(struct co *co, struct add_later *f)
{
	CO_BEGIN;
	CO_YIELD;
	CO_YIELD;
	CO_RETURN(f->a + f->b);
	CO_END;
}

struct deep { struct co_frame co; unsigned left; long sum; };
static co_t deep(struct co *co, struct deep *f)
{
	CO_BEGIN;
	if (!f->left) {
		CO_YIELD;
		CO_RETURN(0);
	}
	CO_AWAIT(f->sum, deep, .left = f->left - 1);
	f->sum += f->left;
	if (f->left % 3 == 0)
		CO_YIELD;
	CO_RETURN(f->sum);
	CO_END;
}

struct compute;
CO_OPERATION(compute);
struct compute { struct co_frame co; long x; };
struct square { struct compute; long kept; };
static co_t square(struct co *co, struct square *f)
{
	CO_BEGIN;
	host_expect(f->kept == 0);
	f->kept = f->x;
	CO_YIELD;
	CO_RETURN(f->kept * f->x);
	CO_END;
}
static const struct { struct compute_op compute; } ops = {CO_IMPLEMENTS(compute, square)};

struct awaits { struct co_frame co; long n, i; };
static co_t awaits(struct co *co, struct awaits *f)
{
	CO_BEGIN;
	CO_AWAIT(f->n, add, .a = 2, .b = 3);
	host_expect(f->n == 5);
	CO_AWAIT(f->n, add_later, .a = f->n, .b = 3);
	host_expect(f->n == 8);
	for (f->i = 0; f->i < 100; f->i++) {
		CO_AWAIT(f->n, add_later, .a = f->i, .b = 1);
		host_expect(f->n == f->i + 1);
	}
	CO_AWAIT_OP(f->n, ops.compute, .x = 12);
	host_expect(f->n == 144);
	/* Past the inline area, twice: the lent page goes home in between. */
	for (f->i = 0; f->i < 2; f->i++) {
		CO_AWAIT(f->n, deep, .left = 60);
		host_expect(f->n == 60 * 61 / 2);
		host_expect(co->chunk || f->i == 2);
	}
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(awaits)

static void test_awaits(void **state)
{
	co_machine_seeds(20, 1, begin_awaits);
	co_machine_seeds(20, 3, begin_awaits);
}

struct too_deep { struct co_frame co; long n; };
static co_t too_deep(struct co *co, struct too_deep *f)
{
	CO_BEGIN;
	CO_AWAIT(f->n, deep, .left = 1000);
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(too_deep)

static void test_exhausted(void **state)
{
	co_machine_ends(1, begin_too_deep, HOST_HALTED, "frame stack of too_deep exhausted");
}

/* Frames of many sizes, each kept over waits and checked: none may lie over another, also
 * when the stack shrinks back out of the lent page and grows again. */
struct wide { struct co_frame co; unsigned depth, i; u64 seed; long n; u8 pattern[100]; };
static co_t wide(struct co *co, struct wide *f)
{
	CO_BEGIN;
	memset(f->pattern, (int)f->seed, sizeof(f->pattern));
	for (f->i = 0; f->i < 3; f->i++) {
		if (f->depth)
			CO_AWAIT(f->n, wide, .depth = f->depth - 1, .seed = f->seed * 3 + f->i);
		else
			CO_YIELD;
		for (size_t k = 0; k < sizeof(f->pattern); k++)
			host_expect(f->pattern[k] == (u8)f->seed);
	}
	CO_RETURN(0);
	CO_END;
}

struct frames { struct co_frame co; long n; };
static co_t frames(struct co *co, struct frames *f)
{
	CO_BEGIN;
	CO_AWAIT(f->n, wide, .depth = 5, .seed = 1);
	f->n = co_high_water(co);
	host_expect(f->n > CO_INLINE_SIZE && f->n < 2 * CO_CHUNK_SIZE);
	host_expect(co->top > co_task(co)->frames &&
		    co->top <= co_task(co)->frames + CO_INLINE_SIZE);
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(frames)

static void test_frames(void **state)
{
	co_machine_seeds(3, 1, begin_frames);
}

/* --- waiting --- */

static struct waitq queue;
static u32 value;	/* [a] */
static u32 finished;	/* [a] */
static struct waitq done;

static void raise_and_wake(u32 to)
{
	atomic_store(&value, to);
	waitq_wake(&queue);
}

struct consumer { struct co_frame co; u32 target; long err; };
static co_t consumer(struct co *co, struct consumer *f)
{
	CO_BEGIN;
	CO_WAIT(f->err, &queue, atomic_load(&value) >= f->target);
	host_expect(f->err == 0);
	host_expect(atomic_load(&value) >= f->target);
	atomic_add(&finished, 1u);
	waitq_wake(&done);
	CO_RETURN(0);
	CO_END;
}

struct broadcast { struct co_frame co; struct task *t; u32 i; long n; };
static co_t broadcast(struct co *co, struct broadcast *f)
{
	CO_BEGIN;
	waitq_init(&queue);
	waitq_init(&done);
	for (f->i = 1; f->i <= 20; f->i++) {
		CO_SPAWN(f->t, "consumer", consumer, .target = f->i);
		host_expect(f->t);
		task_put(f->t);
	}
	for (f->i = 1; f->i <= 20; f->i++) {
		raise_and_wake(f->i);
		if (f->i % 4 == 0)
			CO_YIELD;
	}
	CO_WAIT_IO(&done, atomic_load(&finished) == 20);
	host_expect(!waitq_has_waiters(&queue));
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(broadcast)

static void test_broadcast(void **state)
{
	co_machine_seeds(60, 1, begin_broadcast);
	co_machine_seeds(100, 2, begin_broadcast);
	co_machine_seeds(100, 4, begin_broadcast);
}

/* A condition that nobody makes true. */
struct forgotten { struct co_frame co; };
static co_t forgotten(struct co *co, struct forgotten *f)
{
	CO_BEGIN;
	waitq_init(&queue);
	CO_WAIT_IO(&queue, atomic_load(&value) == 77);
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(forgotten)

static void test_stuck(void **state)
{
	co_machine_ends(2, begin_forgotten, HOST_STUCK, "every CPU is idle");
}

/* --- exclusive hand-over: n tokens, each must be taken by exactly one of many waiters,
 * some of which give up --- */

static u32 tokens;	/* [a] */
static u32 taken, gave_up; /* [a] */

static bool take_token(void)
{
	u32 n = atomic_load(&tokens);

	while (n)
		if (atomic_cas(&tokens, &n, n - 1))
			return true;
	return false;
}

struct taker { struct co_frame co; long err; };
static co_t taker(struct co *co, struct taker *f)
{
	CO_BEGIN;
	CO_WAIT_ONE(f->err, &queue, take_token());
	if (f->err == 0)
		atomic_add(&taken, 1u);
	else
		atomic_add(&gave_up, 1u);
	waitq_wake(&done);
	CO_RETURN(0);
	CO_END;
}

struct handover { struct co_frame co; struct task *t[12]; u32 i; };
static co_t handover(struct co *co, struct handover *f)
{
	CO_BEGIN;
	waitq_init(&queue);
	waitq_init(&done);
	for (f->i = 0; f->i < 12; f->i++) {
		CO_SPAWN(f->t[f->i], "taker", taker);
		host_expect(f->t[f->i]);
	}
	for (f->i = 0; f->i < 12; f->i++) {
		if (f->i % 3 == 2) {
			task_interrupt(f->t[host_random(12)], TASK_SIGNAL);
		} else {
			atomic_add(&tokens, 1u);
			waitq_wake_one(&queue, 0);
		}
		if (host_random(2))
			CO_YIELD;
	}
	/* As many tokens as there were non-signals, 8; at most 4 gave up: all are settled. */
	CO_WAIT_IO(&done, atomic_load(&taken) + atomic_load(&gave_up) == 12 ||
				  atomic_load(&taken) == 8);
	host_expect(atomic_load(&tokens) == 0 ||
		    atomic_load(&taken) + atomic_load(&gave_up) == 12);
	for (f->i = 0; f->i < 12; f->i++)
		task_put(f->t[f->i]);
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(handover)

static void test_handover(void **state)
{
	co_machine_seeds(100, 1, begin_handover);
	co_machine_seeds(200, 3, begin_handover);
}

/* Few takers that come again and again, so that some are woken for a token another took. */
struct worker { struct co_frame co; long err; };
static co_t worker(struct co *co, struct worker *f)
{
	CO_BEGIN;
	for (;;) {
		CO_WAIT_ONE(f->err, &queue, take_token());
		if (f->err == -ERESTARTSYS) {
			task_clear_flags(co_task(co), TASK_SIGNAL);
			continue;
		}
		host_expect(f->err == 0);
		if (atomic_add(&taken, 1u) + 1 == 40)
			waitq_wake(&done);
		if (host_random(3) == 0)
			CO_YIELD;
	}
	CO_END;
}

struct work { struct co_frame co; struct task *t[3]; u32 i; };
static co_t work(struct co *co, struct work *f)
{
	CO_BEGIN;
	waitq_init(&queue);
	waitq_init(&done);
	for (f->i = 0; f->i < 3; f->i++)
		CO_SPAWN(f->t[f->i], "worker", worker);
	for (f->i = 0; f->i < 40; f->i++) {
		atomic_add(&tokens, 1u);
		waitq_wake_one(&queue, 0);
		if (host_random(4) == 0)
			task_interrupt(f->t[host_random(3)], TASK_SIGNAL);
		if (host_random(4) == 0)
			CO_YIELD;
	}
	CO_WAIT_IO(&done, atomic_load(&taken) == 40);
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(work)

static void test_work(void **state)
{
	co_machine_seeds(100, 2, begin_work);
	co_machine_seeds(200, 4, begin_work);
}

/* --- deadlines and signals --- */

struct deadlines { struct co_frame co; long err; u64 start; };
static co_t deadlines(struct co *co, struct deadlines *f)
{
	CO_BEGIN;
	waitq_init(&queue);
	f->start = hal_clock_ns();
	CO_WAIT_UNTIL(f->err, &queue, false, f->start + 5000000);
	host_expect(f->err == -ETIMEDOUT);
	host_expect(hal_clock_ns() >= f->start + 5000000);
	host_expect(hal_clock_ns() < f->start + 6000000);
	/* Already past. */
	CO_WAIT_UNTIL(f->err, &queue, false, f->start);
	host_expect(f->err == -ETIMEDOUT);
	/* Held at once: no time passes. */
	CO_WAIT_UNTIL(f->err, &queue, true, f->start);
	host_expect(f->err == 0);
	f->start = hal_clock_ns();
	CO_SLEEP_UNTIL(f->err, f->start + 1000000);
	host_expect(f->err == 0 && hal_clock_ns() >= f->start + 1000000);
	/* A pending signal ends an interruptible wait, not a killable or uninterruptible one;
	 * and it does not take back a wait that was granted. */
	task_interrupt(co_task(co), TASK_SIGNAL);
	CO_WAIT(f->err, &queue, true);
	host_expect(f->err == 0);
	CO_WAIT(f->err, &queue, false);
	host_expect(f->err == -ERESTARTSYS);
	CO_SLEEP_UNTIL(f->err, hal_clock_ns() + 1000000);
	host_expect(f->err == -ERESTARTSYS);
	CO_WAIT_KILLABLE_UNTIL(f->err, &queue, false, hal_clock_ns() + 1000);
	host_expect(f->err == -ETIMEDOUT);
	task_interrupt(co_task(co), TASK_KILLED);
	CO_WAIT_KILLABLE(f->err, &queue, false);
	host_expect(f->err == -EINTR);
	CO_WAIT_IO_UNTIL(f->err, &queue, false, hal_clock_ns() + 1000);
	host_expect(f->err == -ETIMEDOUT);
	host_expect(!waitq_has_waiters(&queue));
	task_clear_flags(co_task(co), TASK_SIGNAL | TASK_KILLED);
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(deadlines)

static void test_deadlines(void **state)
{
	co_machine_seeds(50, 1, begin_deadlines);
	co_machine_seeds(50, 2, begin_deadlines);
}

/* A wake and the deadline race: the wait ends exactly once, whichever won. */
struct sleeper { struct co_frame co; long err; u64 until; u32 round; };
static co_t sleeper(struct co *co, struct sleeper *f)
{
	CO_BEGIN;
	for (f->round = 1; f->round <= 10; f->round++) {
		f->until = hal_clock_ns() + 1000 + host_random(3000);
		CO_WAIT_UNTIL(f->err, &queue, atomic_load(&value) >= f->round, f->until);
		host_expect(f->err == 0 || f->err == -ETIMEDOUT);
		host_expect(!co->waiters || !co_deadline(co)->timer.on);
		if (f->err == 0)
			host_expect(atomic_load(&value) >= f->round);
		else
			host_expect(hal_clock_ns() >= f->until);
	}
	CO_RETURN(0);
	CO_END;
}

struct race { struct co_frame co; struct task *a, *b; u32 i; long n; };
static co_t race(struct co *co, struct race *f)
{
	CO_BEGIN;
	waitq_init(&queue);
	CO_SPAWN(f->a, "a", sleeper);
	CO_SPAWN(f->b, "b", sleeper);
	for (f->i = 1; f->i <= 10; f->i++) {
		CO_SLEEP_UNTIL(f->n, hal_clock_ns() + host_random(4000));
		raise_and_wake(f->i);
	}
	CO_JOIN(f->n, f->a);
	CO_JOIN(f->n, f->b);
	host_expect(!waitq_has_waiters(&queue));
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(race)

static void test_timer_race(void **state)
{
	co_machine_seeds(100, 1, begin_race);
	co_machine_seeds(300, 3, begin_race);
}

/* --- two queues --- */

static struct waitq other;
static u32 first_ready, second_ready; /* [a] */

struct either { struct co_frame co; long err; };
static co_t either(struct co *co, struct either *f)
{
	CO_BEGIN;
	CO_WAIT_EITHER(f->err, &queue, &other,
		       atomic_load(&first_ready) || atomic_load(&second_ready),
		       hal_clock_ns() + 10000000);
	host_expect(f->err == 0);
	CO_RETURN(atomic_load(&second_ready) ? 2 : 1);
	CO_END;
}

struct two { struct co_frame co; struct task *t; long n; };
static co_t two(struct co *co, struct two *f)
{
	CO_BEGIN;
	waitq_init(&queue);
	waitq_init(&other);
	CO_SPAWN(f->t, "either", either);
	CO_YIELD;
	atomic_store(&second_ready, 1u);
	waitq_wake(&other);
	CO_JOIN(f->n, f->t);
	host_expect(f->n == 2);
	host_expect(!waitq_has_waiters(&queue) && !waitq_has_waiters(&other));
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(two)

static void test_either(void **state)
{
	co_machine_seeds(100, 2, begin_two);
}

/* --- many spawned and joined; nothing is left over --- */

struct leaf { struct co_frame co; u32 n; long err; };
static co_t leaf(struct co *co, struct leaf *f)
{
	CO_BEGIN;
	if (f->n % 2)
		CO_YIELD;
	if (f->n % 3 == 0)
		CO_SLEEP_UNTIL(f->err, hal_clock_ns() + host_random(50000));
	CO_RETURN((long)f->n * 2);
	CO_END;
}

struct family { struct co_frame co; struct task *t[16]; u32 i, round; u64 free; long n; };
static co_t family(struct co *co, struct family *f)
{
	CO_BEGIN;
	for (f->round = 0; f->round < 3; f->round++) {
		for (f->i = 0; f->i < 16; f->i++) {
			CO_SPAWN(f->t[f->i], "leaf", leaf, .n = f->i);
			host_expect(f->t[f->i]);
		}
		for (f->i = 0; f->i < 16; f->i++) {
			CO_JOIN(f->n, f->t[f->i]);
			host_expect(f->n == (long)f->i * 2);
		}
	}
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(family)

static void test_spawn(void **state)
{
	co_machine_seeds(50, 1, begin_family);
	co_machine_seeds(100, 4, begin_family);
}

/* Spawning without memory says so and leaks nothing. */
struct poor { struct co_frame co; struct task *t; };
static co_t poor(struct co *co, struct poor *f)
{
	CO_BEGIN;
	fault_at(1);
	CO_SPAWN(f->t, "leaf", leaf, .n = 1);
	host_expect(!f->t && fault_hit());
	fault_at(0);
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(poor)

static void test_spawn_fails(void **state)
{
	co_machine_seeds(1, 1, begin_poor);
}

/* --- the same seed is the same run --- */

static void test_replay(void **state)
{
	static struct host_result a, b, c;
	struct host_config config = {.seed = 5, .cpus = 3};

	assert_int_equal(co_machine_run(config, begin_family, &a), HOST_OFF);
	assert_int_equal(co_machine_run(config, begin_family, &b), HOST_OFF);
	config.seed = 6;
	assert_int_equal(co_machine_run(config, begin_family, &c), HOST_OFF);
	assert_int_equal(a.digest, b.digest);
	assert_int_equal(a.steps, b.steps);
	assert_int_equal(a.ns, b.ns);
	assert_int_not_equal(a.digest, c.digest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_awaits),	   cmocka_unit_test(test_exhausted),
		cmocka_unit_test(test_broadcast),  cmocka_unit_test(test_stuck),
		cmocka_unit_test(test_handover),   cmocka_unit_test(test_deadlines),
		cmocka_unit_test(test_timer_race), cmocka_unit_test(test_either),
		cmocka_unit_test(test_spawn),	   cmocka_unit_test(test_spawn_fails),
		cmocka_unit_test(test_replay),	   cmocka_unit_test(test_frames),
		cmocka_unit_test(test_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
