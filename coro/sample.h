/* coro/sample.h -- whose the CPU time is: the user's or the kernel's.
 *
 * How long a task ran and a CPU slept is measured where tasks are switched. How much of it was
 * spent in the kernel is sampled, so that no system call reads the clock for it: about every
 * 4 ms (with a random part, so that nothing runs in step with it) a busy CPU asks what it is
 * doing, and until it asks again its time and its task's count as that. So the sum is exact,
 * the parts never run backwards, and their error falls with the square root of the time.
 *
 * Kernel code is not interrupted, so a sample that falls due there is late: the interrupt is
 * taken when the task's poll has ended, or by the first instruction after the kernel's return,
 * which is the one after a system call or one that faulted.
 *
 * Locking  a CPU's sampler is under its timer_lock; a task's word is written by its CPU only.
 */
#ifndef CORO_SAMPLE_H
#define CORO_SAMPLE_H

#include "coro/timer.h"

struct task;

enum sample_mode { SAMPLE_USER, SAMPLE_NICE, SAMPLE_SYSTEM, SAMPLE_MODES };

struct sampler {
	struct timer timer;
	u64 due_ns;		/* its CPU's; CO_FOREVER: it sleeps; CO_FOREVER - 1: never */
	u64 fault_pc;		/* its CPU's: where a program faulted last since the last sample */
	u64 random;
	enum sample_mode mode;
	u64 spent_ns[SAMPLE_MODES];	/* up to counted_ns of the time the CPU was awake */
	u64 counted_ns;
};

/* A CPU's time so far. */
struct sample_times {
	u64 spent_ns[SAMPLE_MODES], idle_ns;
};
void sample_cpu(unsigned cpu, struct sample_times *to);

/* A task's time in the kernel, of the ran_ns it ran in all. */
u64 sample_system_ns(const struct task *t, u64 ran_ns);

/* At boot, on CPU 0 with its executor set up: sample at all. */
void sample_setup(void);

/* For the executor: at its set-up; when it slept and runs a task. */
void sample_init(struct executor *ex);
void sample_awake(struct executor *ex);
/* A new task counts as what its CPU does. */
void sample_task(struct task *t);

#endif
