/* tests/bench/await.c -- a kernel that only awaits, and prints what one costs.
 *
 * Under `-icount shift=0` a nanosecond of the clock is one instruction. The loop around the
 * await is measured too and taken off.
 */
#include "core/base/log.h"
#include "coro/executor.h"
#include "hal/clock.h"
#include "mem/phys/boot.h"
#include "mem/phys/buddy.h"
#include "mem/phys/slab.h"
#include "sched/eevdf.h"

#define ROUNDS 100000l

/* The callee completes at once; not inlined, as a callee in another file would not be. */
struct callee {
	struct co_frame co;
	long value;
};
[[gnu::noinline]] static co_t callee(struct co *co, struct callee *f)
{
	CO_BEGIN;
	CO_RETURN(f->value);
	CO_END;
}

struct caller {
	struct co_frame co;
	volatile long i, sum;	/* in memory in both loops, so that they differ by the await */
	u64 start, empty;
};
static co_t caller(struct co *co, struct caller *f)
{
	long one;

	CO_BEGIN;
	f->start = hal_clock_ns();
	for (f->i = 0; f->i < ROUNDS; f->i++)
		f->sum += f->i;
	f->empty = hal_clock_ns() - f->start;
	f->start = hal_clock_ns();
	for (f->i = 0; f->i < ROUNDS; f->i++) {
		CO_AWAIT(one, callee, .value = f->i);
		f->sum += one;
	}
	panic_print("await %lu\n", (hal_clock_ns() - f->start - f->empty) / ROUNDS);
	hal_power_off();
	CO_RETURN(f->sum);
	CO_END;
}

static struct hal_user *boot(const struct hal_machine *m)
{
	struct task *t;

	boot_init();
	buddy_init();
	slab_init();
	executor_init(&eevdf_runq_ops);
	CO_SPAWN(t, "caller", caller);
	if (!t)
		panic("no memory");
	return executor_run();
}

static HAL_ENTRY struct hal_user *no_user(struct hal_user *u)
{
	panic("there is no user mode here");
}

static HAL_ENTRY struct hal_user *no_fault(struct hal_user *u, const struct hal_fault *why)
{
	panic("there is no user mode here");
}

static void died(const char *what, const struct hal_user *regs) __attribute__((noreturn));
static void died(const char *what, const struct hal_user *regs)
{
	panic("%s at %lx", what, regs->pc);
}

static struct hal_user *no_cpu(void)
{
	panic("one CPU was asked for");
}

const struct hal_upcalls hal_upcalls = {
	.boot = boot,
	.cpu_up = no_cpu,
	.syscall = no_user,
	.fault = no_fault,
	.interrupted = no_user,
	.timer = executor_timer,
	.kicked = executor_kicked,
	.died = died,
};
