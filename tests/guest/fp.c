/* Floating-point registers: each thread's are its own, whatever happens between two uses. */
#include <asm/sigcontext.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "test.h"

enum { THREADS = 6, ROUNDS = 1000, SIGNALS = 100 };

#define FPCR_ROUND_UP (1u << 22)
#define FPSR_QC	      (1u << 27)

struct registers {
	uint64_t v[32][2];
	uint64_t fpsr, fpcr;
};

#define PAIRS(op, base) \
	op " q0, q1, [" base "]\n" op " q2, q3, [" base ", #32]\n" \
	op " q4, q5, [" base ", #64]\n" op " q6, q7, [" base ", #96]\n" \
	op " q8, q9, [" base ", #128]\n" op " q10, q11, [" base ", #160]\n" \
	op " q12, q13, [" base ", #192]\n" op " q14, q15, [" base ", #224]\n" \
	op " q16, q17, [" base ", #256]\n" op " q18, q19, [" base ", #288]\n" \
	op " q20, q21, [" base ", #320]\n" op " q22, q23, [" base ", #352]\n" \
	op " q24, q25, [" base ", #384]\n" op " q26, q27, [" base ", #416]\n" \
	op " q28, q29, [" base ", #448]\n" op " q30, q31, [" base ", #480]\n"
#define ALL_V "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", \
	"v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", \
	"v25", "v26", "v27", "v28", "v29", "v30", "v31"

/* Load all registers, make a system call `times` times, store all registers. */
static long call_with(const struct registers *in, struct registers *out, long times, long nr,
		      long a, long b, long c)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = 0;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = 0;
	register long x4 __asm__("x4") = 0;
	register const struct registers *from __asm__("x9") = in;
	register struct registers *to __asm__("x10") = out;
	register long left __asm__("x11") = times;
	register long first __asm__("x12") = a;

	__asm__ volatile(PAIRS("ldp", "x9")
			 "ldr x13, [x9, #512]\n"
			 "ldr x14, [x9, #520]\n"
			 "msr fpsr, x13\n"
			 "msr fpcr, x14\n"
			 "1: mov x0, x12\n"
			 "svc #0\n"
			 "subs x11, x11, #1\n"
			 "b.ne 1b\n"
			 PAIRS("stp", "x10")
			 "mrs x13, fpsr\n"
			 "mrs x14, fpcr\n"
			 "str x13, [x10, #512]\n"
			 "str x14, [x10, #520]\n"
			 "msr fpcr, xzr\n"
			 : "+r"(x0), "+r"(left)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(from), "r"(to), "r"(first)
			 : "x13", "x14", "memory", "cc", ALL_V);
	return x0;
}

/* Load all registers, spin, store them. */
static void spin_with(const struct registers *in, struct registers *out, long times)
{
	register const struct registers *from __asm__("x9") = in;
	register struct registers *to __asm__("x10") = out;
	register long left __asm__("x11") = times;

	__asm__ volatile(PAIRS("ldp", "x9")
			 "ldr x13, [x9, #512]\n"
			 "ldr x14, [x9, #520]\n"
			 "msr fpsr, x13\n"
			 "msr fpcr, x14\n"
			 "1: subs x11, x11, #1\n"
			 "b.ne 1b\n"
			 PAIRS("stp", "x10")
			 "mrs x13, fpsr\n"
			 "mrs x14, fpcr\n"
			 "str x13, [x10, #512]\n"
			 "str x14, [x10, #520]\n"
			 "msr fpcr, xzr\n"
			 : "+r"(left)
			 : "r"(from), "r"(to)
			 : "x13", "x14", "memory", "cc", ALL_V);
}

/* A pattern that belongs to one thread and one round. */
static void fill(struct registers *r, unsigned thread, unsigned round)
{
	for (unsigned i = 0; i < 32; i++)
		for (unsigned half = 0; half < 2; half++)
			r->v[i][half] = ((uint64_t)thread << 56 | (uint64_t)round << 16 | i << 1 | half) *
					0x9e3779b97f4a7c15u;
	r->fpsr = round & 1 ? FPSR_QC : 0;
	r->fpcr = thread & 1 ? FPCR_ROUND_UP : 0;
}

static void check_same(const struct registers *got, const struct registers *want)
{
	for (unsigned i = 0; i < 32; i++)
		for (unsigned half = 0; half < 2; half++)
			CHECK_EQ(got->v[i][half], want->v[i][half]);
	CHECK_EQ(got->fpsr, want->fpsr);
	CHECK_EQ(got->fpcr, want->fpcr);
}

static void on_all_threads(void *(*run)(void *))
{
	pthread_t threads[THREADS];

	for (long i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, run, (void *)i), 0);
	for (long i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
}

/* --- over yields; some threads go long without them --- */

static void *yield_over(void *argument)
{
	unsigned me = (unsigned)(long)argument;
	struct registers in, out;

	for (unsigned round = 0; round < ROUNDS; round++) {
		fill(&in, me, round);
		call_with(&in, &out, 1 + round % 3, SYS_sched_yield, 0, 0, 0);
		check_same(&out, &in);
		for (unsigned i = 0; me % 3 && i < 7 * me; i++)
			syscall(SYS_sched_yield);
	}
	return NULL;
}

TEST(they_survive_yields)
{
	on_all_threads(yield_over);
}

static void *be_preempted(void *argument)
{
	struct registers in, out;

	for (unsigned round = 0; round < 40; round++) {
		fill(&in, (unsigned)(long)argument, round);
		spin_with(&in, &out, 400000);
		check_same(&out, &in);
	}
	return NULL;
}

TEST(they_survive_being_preempted)
{
	on_all_threads(be_preempted);
}

/* --- over a wait, while others use theirs --- */

static void *sleep_over(void *argument)
{
	struct timespec moment = {.tv_nsec = 50000};
	struct registers in, out;

	for (unsigned round = 0; round < 100; round++) {
		fill(&in, (unsigned)(long)argument, round);
		if ((long)argument % 2)
			call_with(&in, &out, 1, SYS_nanosleep, (long)&moment, 0, 0);
		else
			call_with(&in, &out, 5, SYS_sched_yield, 0, 0, 0);
		check_same(&out, &in);
	}
	return NULL;
}

TEST(they_survive_a_sleep)
{
	on_all_threads(sleep_over);
}

/* --- from CPU to CPU --- */

static void *wander(void *argument)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned me = (unsigned)(long)argument;
	struct registers in, out;
	cpu_set_t set;

	for (unsigned round = 0; round < ROUNDS / 3; round++) {
		CPU_ZERO(&set);
		CPU_SET((me + round) % (unsigned)cpus, &set);
		fill(&in, me, round);
		CHECK_EQ(call_with(&in, &out, 1, SYS_sched_setaffinity, 0, sizeof(set), (long)&set), 0);
		check_same(&out, &in);
		if (round % 4 == 0)
			call_with(&in, &out, 2, SYS_sched_yield, 0, 0, 0);
		check_same(&out, &in);
	}
	return NULL;
}

TEST(they_come_along_to_another_cpu)
{
	on_all_threads(wander);
}

/* --- signals --- */

static _Atomic unsigned handled;

static void use_them_all(int signal)
{
	struct registers in, out;

	fill(&in, 0x40 | (unsigned)signal, handled);
	call_with(&in, &out, 1, SYS_sched_yield, 0, 0, 0);
	check_same(&out, &in);
	handled++;
}

static void *signal_self_over(void *argument)
{
	struct registers in, out;
	long pid = getpid(), tid = syscall(SYS_gettid);

	for (unsigned round = 0; round < SIGNALS; round++) {
		fill(&in, (unsigned)(long)argument, round);
		CHECK_EQ(call_with(&in, &out, 1, SYS_tgkill, pid, tid, SIGUSR1), 0);
		check_same(&out, &in);
	}
	return NULL;
}

TEST(a_handler_s_are_not_the_program_s)
{
	signal(SIGUSR1, use_them_all);
	on_all_threads(signal_self_over);
	CHECK_EQ(handled, THREADS * SIGNALS);
}

static struct fpsimd_context *find_context(ucontext_t *uc)
{
	struct _aarch64_ctx *at = (struct _aarch64_ctx *)uc->uc_mcontext.__reserved;

	while (at->magic && at->magic != FPSIMD_MAGIC)
		at = (struct _aarch64_ctx *)((char *)at + at->size);
	CHECK_EQ(at->magic, FPSIMD_MAGIC);
	return (struct fpsimd_context *)at;
}

static struct registers expected, replaced;

static void replace_them(int signal, siginfo_t *info, void *uc)
{
	struct fpsimd_context *context = find_context(uc);

	(void)signal;
	(void)info;
	CHECK_EQ(memcmp(context->vregs, expected.v, sizeof(expected.v)), 0);
	CHECK_EQ(context->fpsr, expected.fpsr);
	CHECK_EQ(context->fpcr, expected.fpcr);
	memcpy(context->vregs, replaced.v, sizeof(replaced.v));
	context->fpsr = (unsigned)replaced.fpsr;
	context->fpcr = (unsigned)replaced.fpcr;
}

TEST(a_handler_sees_and_changes_the_program_s)
{
	struct sigaction act = {.sa_sigaction = replace_them, .sa_flags = SA_SIGINFO};
	struct registers out;

	CHECK_EQ(sigaction(SIGUSR1, &act, NULL), 0);
	for (unsigned round = 0; round < 200; round++) {
		fill(&expected, 3, round);
		fill(&replaced, 4, round);
		CHECK_EQ(call_with(&expected, &out, 1, SYS_tgkill, getpid(), syscall(SYS_gettid),
				   SIGUSR1), 0);
		check_same(&out, &replaced);
	}
}

/* --- fork, and a new program --- */

TEST(a_child_has_its_parent_s)
{
	struct registers in, out;

	for (unsigned round = 0; round < 50; round++) {
		long pid;

		fill(&in, 5, round);
		pid = call_with(&in, &out, 1, SYS_clone, SIGCHLD, 0, 0);
		CHECK(pid >= 0);
		check_same(&out, &in);
		if (!pid) {
			/* Its own from now on. */
			fill(&in, 6, round);
			call_with(&in, &out, 3, SYS_sched_yield, 0, 0, 0);
			check_same(&out, &in);
			_exit(0);
		}
		fill(&in, 7, round);
		call_with(&in, &out, 3, SYS_sched_yield, 0, 0, 0);
		check_same(&out, &in);
		CHECK_EQ(test_wait((pid_t)pid), 0);
	}
}

static uint64_t control(void)
{
	uint64_t fpcr;

	__asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
	return fpcr;
}

/* Also what the next test's new program runs. */
TEST(a_program_begins_with_fpcr_zero)
{
	CHECK_EQ(control(), 0);
}

TEST(a_new_program_forgets_the_old_one_s)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid) {
		close(1);
		__asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)FPCR_ROUND_UP));
		execl("/proc/self/exe", "fp", "a_program_begins_with_fpcr_zero", NULL);
		_exit(99);
	}
	CHECK_EQ(test_wait(pid), 0);
}
