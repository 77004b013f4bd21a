/* tests/unit/test_watchdog.c -- a poll that does not end is reported once, by another CPU; and
 * whose the time of the CPU is. */
#include "co_machine.h"

#include <string.h>

#define SECOND 1000000000ul

static unsigned reports;	/* [a] */

static void note_frame(void *arg, const struct co_point *at)
{
	*(bool *)arg |= !strcmp(at->func, "stuck");
}

static void note_stuck(struct executor *ex, u64 ns)
{
	const struct task *t = ex->current;
	bool found = false;

	host_expect(ex != executor_this());
	host_expect(ns >= WATCHDOG_STUCK_NS);
	host_expect(t && !strcmp(t->name, "stuck"));
	co_backtrace(&t->co, note_frame, &found);
	host_expect(found);
	atomic_add(&reports, 1u);
}

/* A poll of so long: time passes, and nothing is awaited. */
static void hold_the_cpu(u64 ns)
{
	for (u64 end = hal_clock_ns() + ns; hal_clock_ns() < end;) {
		host_advance(SECOND / 1000);
		for (int i = 0; i < 100; i++)
			(void)atomic_load(&reports);
	}
}

struct stuck { struct co_frame co; long err; };
static co_t stuck(struct co *co, struct stuck *f)
{
	CO_BEGIN;
	watchdog_init(note_stuck);
	/* Idle first, as every CPU is sooner or later: on the way out of it the watch begins. */
	CO_SLEEP_UNTIL(f->err, hal_clock_ns() + SECOND / 1000);
	hold_the_cpu(SECOND * 5);
	host_expect(atomic_load(&reports) == (hal_cpu_count() > 1));
	CO_SLEEP_UNTIL(f->err, hal_clock_ns() + SECOND / 1000);
	/* Long is not stuck, however often. */
	for (f->err = 0; f->err < 4; f->err++) {
		hold_the_cpu(SECOND * 3 / 2);
		CO_YIELD;
	}
	host_expect(atomic_load(&reports) == (hal_cpu_count() > 1));
	hold_the_cpu(SECOND * 5);
	host_expect(atomic_load(&reports) == 2 * (hal_cpu_count() > 1));
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(stuck)

static void run_for_minutes(unsigned seed, unsigned cpus, co_machine_main *first)
{
	static struct host_result r;
	struct host_config config = {.seed = seed, .cpus = cpus, .memory = 8ul << 20,
				     .limit_ns = SECOND * 100};

	if (co_machine_run(config, first, &r) != HOST_OFF)
		fail_msg("seed %u, %u CPUs: %s: %s\n%s", seed, cpus, host_end_name(r.end), r.why,
			 r.console);
}

static void test_stuck(void **state)
{
	for (unsigned seed = 1; seed <= 6; seed++)
		run_for_minutes(seed, 1 + seed % 3, begin_stuck);
}

/* While everybody sleeps nobody looks: a machine with nothing to do has no timers. */
struct sleeper { struct co_frame co; struct waitq queue; long err; };
static co_t sleeper(struct co *co, struct sleeper *f)
{
	CO_BEGIN;
	watchdog_init(note_stuck);
	waitq_init(&f->queue);
	CO_SLEEP_UNTIL(f->err, hal_clock_ns() + SECOND / 1000);
	CO_WAIT_IO(&f->queue, false);
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(sleeper)

static void test_nobody_looks(void **state)
{
	co_machine_ends(1, begin_sleeper, HOST_STUCK, "every CPU is idle and nothing is due");
	co_machine_ends(3, begin_sleeper, HOST_STUCK, "every CPU is idle and nothing is due");
}

/* --- user and system time --- */

#define SPIN_NS 50000

static const struct host_insn program[] = {
	P_SET(20, 2000),
	{.op = HOST_OP_SPIN, .imm = SPIN_NS},
	P_SYS(1),
	P_ADD(20, 20, -1),
	P_IF(20, NE, 0, -4),
	P_SYS(2),
	{.op = HOST_OP_ILLEGAL},
};

static u64 kernel_ns;	/* how long a call takes */

struct leave { struct co_frame co; };
static co_t leave(struct co *co, struct leave *f)
{
	CO_BEGIN;
	co_task(co)->exiting = true;
	atomic_or(&co_task(co)->flags, (u32)TASK_RETURN);
	CO_RETURN(0);
	CO_END;
}

/* A call that is long, then lets others run. */
struct long_call { struct co_frame co; };
static co_t long_call(struct co *co, struct long_call *f)
{
	CO_BEGIN;
	host_advance(kernel_ns);
	CO_YIELD;
	CO_RETURN(0);
	CO_END;
}

static co_t take_long(struct task *t)
{
	if (t->user->x[8] == 2)
		return co_begin(&t->co, leave);
	if (kernel_ns > SPIN_NS * 5)
		return co_begin(&t->co, long_call);
	if (kernel_ns)
		host_advance(kernel_ns);
	return CO_DONE;
}

struct shares {
	struct co_frame co;
	u64 in_kernel, ran, system;
	struct task *t;
	struct sample_times times, after;
	long n;
};
static co_t shares(struct co *co, struct shares *f)
{
	CO_BEGIN;
	co_machine_syscall = take_long;
	for (f->in_kernel = 0; f->in_kernel <= SPIN_NS * 9; f->in_kernel += SPIN_NS * 3) {
		kernel_ns = f->in_kernel;
		f->t = co_machine_user("user", HOST_ROM);
		task_get(f->t);
		task_start(f->t);
		CO_JOIN(f->n, f->t);
		f->ran = task_ran_ns(f->t);
		f->system = sample_system_ns(f->t, f->ran);
		host_expect(f->ran >= 2000 * (SPIN_NS + f->in_kernel));
		/* Within 10 % of the whole: there were 25 samples and more. */
		host_expect(f->system * (SPIN_NS + f->in_kernel) <
			    f->ran * f->in_kernel + f->ran * (SPIN_NS + f->in_kernel) / 10);
		host_expect(f->system * (SPIN_NS + f->in_kernel) +
			    f->ran * (SPIN_NS + f->in_kernel) / 10 > f->ran * f->in_kernel);
		task_put(f->t);
	}
	sample_cpu(executor_this()->id, &f->times);
	host_expect(f->times.spent_ns[SAMPLE_USER] && f->times.spent_ns[SAMPLE_SYSTEM]);
	host_expect(!f->times.spent_ns[SAMPLE_NICE]);
	/* A worker has no user half: whatever it does is the kernel's. */
	for (f->n = 0; f->n < 400; f->n++) {
		host_advance(SPIN_NS * 2);
		CO_YIELD;
	}
	sample_cpu(executor_this()->id, &f->after);
	host_expect(f->after.spent_ns[SAMPLE_USER] - f->times.spent_ns[SAMPLE_USER] <
		    SPIN_NS * 100);
	host_expect(f->after.spent_ns[SAMPLE_SYSTEM] - f->times.spent_ns[SAMPLE_SYSTEM] >
		    SPIN_NS * 600);
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(shares)

static struct task *begin_sampled(void)
{
	sample_setup();
	return begin_shares();
}

static void test_shares(void **state)
{
	static struct host_result r;
	struct host_config config = {.seed = 1, .cpus = 1, .rom = program,
				     .rom_count = ARRAY_SIZE(program), .memory = 8ul << 20};

	if (co_machine_run(config, begin_sampled, &r) != HOST_OFF)
		fail_msg("%s: %s\n%s", host_end_name(r.end), r.why, r.console);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stuck),
		cmocka_unit_test(test_nobody_looks),
		cmocka_unit_test(test_shares),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
