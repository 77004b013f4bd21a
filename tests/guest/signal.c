/* Signals: delivery, masks, restarts, frames. */
#include <execinfo.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "test.h"

static volatile sig_atomic_t seen, seen_signal;
static siginfo_t info;

static void note(int signal)
{
	seen++;
	seen_signal = signal;
}

static void note_info(int signal, siginfo_t *from, void *context)
{
	(void)context;
	note(signal);
	info = *from;
}

static void on(int signal, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	CHECK_EQ(sigaction(signal, &action, NULL), 0);
}

static void on_info(int signal, int flags)
{
	struct sigaction action = { .sa_sigaction = note_info, .sa_flags = SA_SIGINFO | flags };

	CHECK_EQ(sigaction(signal, &action, NULL), 0);
}

static void mask(int how, int signal)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signal);
	CHECK_EQ(sigprocmask(how, &set, NULL), 0);
}

TEST(handler_runs_and_returns)
{
	on(SIGUSR1, note, 0);
	CHECK_EQ(kill(getpid(), SIGUSR1), 0);
	CHECK_EQ(seen, 1);
	CHECK_EQ(seen_signal, SIGUSR1);
	raise(SIGUSR1);
	CHECK_EQ(seen, 2);
}

TEST(sender_is_told)
{
	on_info(SIGUSR1, 0);
	kill(getpid(), SIGUSR1);
	CHECK_EQ(info.si_signo, SIGUSR1);
	CHECK_EQ(info.si_code, SI_USER);
	CHECK_EQ(info.si_pid, getpid());
	CHECK_EQ(info.si_uid, 0);
	raise(SIGUSR1);
	CHECK_EQ(info.si_code, SI_TKILL);
}

TEST(masked_signals_wait)
{
	sigset_t pending;

	on(SIGUSR1, note, 0);
	mask(SIG_BLOCK, SIGUSR1);
	raise(SIGUSR1);
	raise(SIGUSR1);
	CHECK_EQ(seen, 0);
	CHECK_EQ(sigpending(&pending), 0);
	CHECK_EQ(sigismember(&pending, SIGUSR1), 1);
	mask(SIG_UNBLOCK, SIGUSR1);
	CHECK_EQ(seen, 1);
}

TEST(kill_and_stop_cannot_be_masked_or_caught)
{
	sigset_t all;
	struct sigaction action = { .sa_handler = note };

	sigfillset(&all);
	CHECK_EQ(sigprocmask(SIG_SETMASK, &all, NULL), 0);
	CHECK_EQ(sigprocmask(SIG_SETMASK, NULL, &all), 0);
	CHECK_EQ(sigismember(&all, SIGKILL), 0);
	CHECK_EQ(sigismember(&all, SIGSTOP), 0);
	CHECK_ERR(sigaction(SIGKILL, &action, NULL), EINVAL);
	CHECK_ERR(sigaction(SIGSTOP, &action, NULL), EINVAL);
	CHECK_EQ(sigaction(SIGKILL, NULL, &action), 0);
}

TEST(real_time_signals_queue_in_order)
{
	on_info(SIGRTMIN, 0);
	mask(SIG_BLOCK, SIGRTMIN);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(sigqueue(getpid(), SIGRTMIN, (union sigval) { .sival_int = i }), 0);
	for (int i = 0; i < 3; i++) {
		sigset_t set;

		sigemptyset(&set);
		sigaddset(&set, SIGRTMIN);
		CHECK_EQ(sigwaitinfo(&set, &info), SIGRTMIN);
		CHECK_EQ(info.si_value.sival_int, i);
		CHECK_EQ(info.si_code, SI_QUEUE);
	}
}

static void nested(int signal)
{
	int level = ++seen;

	(void)signal;
	if (level < 3)
		raise(SIGUSR1);
	if (level == 1)
		seen_signal = seen;
}

TEST(a_handler_masks_its_own_signal)
{
	on(SIGUSR1, nested, 0);
	raise(SIGUSR1);
	CHECK_EQ(seen_signal, 1);
	CHECK_EQ(seen, 3);
}

TEST(nodefer_lets_it_nest)
{
	on(SIGUSR1, nested, SA_NODEFER);
	raise(SIGUSR1);
	CHECK_EQ(seen_signal, 3);
}

TEST(resethand_takes_the_handler_away)
{
	struct sigaction now;

	on(SIGUSR1, note, (int)SA_RESETHAND);
	raise(SIGUSR1);
	CHECK_EQ(sigaction(SIGUSR1, NULL, &now), 0);
	CHECK(now.sa_handler == SIG_DFL);
}

static void pester_parent(pid_t *pid, int first_ms)
{
	*pid = fork();
	if (*pid == 0) {
		test_sleep_ms(first_ms);
		for (;;) {
			kill(getppid(), SIGUSR1);
			test_sleep_ms(20);
		}
	}
}

TEST(restart_of_a_read)
{
	int ends[2];
	char byte;
	pid_t pester, writer;

	CHECK_EQ(pipe(ends), 0);
	on(SIGUSR1, note, SA_RESTART);
	pester_parent(&pester, 20);
	writer = fork();
	if (writer == 0) {
		test_sleep_ms(200);
		(void)!write(ends[1], "x", 1);
		_exit(0);
	}
	CHECK_EQ(read(ends[0], &byte, 1), 1);
	CHECK(seen > 0);
	kill(pester, SIGKILL);
}

TEST(no_restart_without_the_flag)
{
	int ends[2];
	char byte;
	pid_t pester;

	CHECK_EQ(pipe(ends), 0);
	on(SIGUSR1, note, 0);
	pester_parent(&pester, 20);
	CHECK_ERR(read(ends[0], &byte, 1), EINTR);
	CHECK_ERR(waitpid(pester, NULL, 0), EINTR);
	kill(pester, SIGKILL);
}

TEST(pause_and_sigsuspend)
{
	sigset_t none;
	pid_t pester;

	sigemptyset(&none);
	on(SIGUSR1, note, SA_RESTART);
	mask(SIG_BLOCK, SIGUSR1);
	raise(SIGUSR1);
	CHECK_ERR(sigsuspend(&none), EINTR);
	CHECK_EQ(seen, 1);
	raise(SIGUSR1);
	CHECK_EQ(seen, 1);
	mask(SIG_UNBLOCK, SIGUSR1);
	pester_parent(&pester, 20);
	CHECK_ERR(pause(), EINTR);
	kill(pester, SIGKILL);
}

TEST(an_ignored_signal_ends_no_sleep)
{
	pid_t pester;
	long before = test_now_ms();

	signal(SIGUSR1, SIG_IGN);
	pester_parent(&pester, 5);
	CHECK_EQ(usleep(200000), 0);
	CHECK(test_now_ms() - before >= 200);
	kill(pester, SIGKILL);
}

TEST(sigtimedwait_waits)
{
	struct timespec limit = { .tv_nsec = 30000000 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	mask(SIG_BLOCK, SIGUSR1);
	CHECK_ERR(sigtimedwait(&set, NULL, &limit), EAGAIN);
	raise(SIGUSR1);
	CHECK_EQ(sigtimedwait(&set, NULL, &limit), SIGUSR1);
}

static char other_stack[1 << 16];

static void where(int signal)
{
	char here;

	(void)signal;
	seen = &here >= other_stack && &here < other_stack + sizeof(other_stack);
}

TEST(alternate_stack)
{
	stack_t stack = { .ss_sp = other_stack, .ss_size = sizeof(other_stack) }, old;

	CHECK_EQ(sigaltstack(&stack, NULL), 0);
	on(SIGUSR1, where, SA_ONSTACK);
	raise(SIGUSR1);
	CHECK_EQ(seen, 1);
	on(SIGUSR1, where, 0);
	raise(SIGUSR1);
	CHECK_EQ(seen, 0);
	CHECK_EQ(sigaltstack(NULL, &old), 0);
	CHECK(old.ss_sp == other_stack);
	stack.ss_size = 100;
	CHECK_ERR(sigaltstack(&stack, NULL), ENOMEM);
}

static sigjmp_buf away;

static void jump(int signal, siginfo_t *from, void *context)
{
	(void)context;
	info = *from;
	siglongjmp(away, signal);
}

static void on_fault(int signal)
{
	struct sigaction action = { .sa_sigaction = jump, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	CHECK_EQ(sigaction(signal, &action, NULL), 0);
}

TEST(segmentation_fault_tells_where)
{
	char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	on_fault(SIGSEGV);
	if (!sigsetjmp(away, 1)) {
		*(volatile char *)16 = 1;
		CHECK(false);
	}
	CHECK_EQ(info.si_code, SEGV_MAPERR);
	CHECK(info.si_addr == (void *)16);
	if (!sigsetjmp(away, 1)) {
		((volatile char *)page)[100] = 1;
		CHECK(false);
	}
	CHECK_EQ(info.si_code, SEGV_ACCERR);
	CHECK(info.si_addr == page + 100);
}

TEST(stack_overflow_reaches_the_alternate_stack)
{
	stack_t stack = { .ss_sp = other_stack, .ss_size = sizeof(other_stack) };

	CHECK_EQ(sigaltstack(&stack, NULL), 0);
	on_fault(SIGSEGV);
	if (!sigsetjmp(away, 1)) {
		char *here = (char *)&stack;

		for (;;) {
			here -= 4096;
			*(volatile char *)here = 1;
		}
	}
	CHECK_EQ(info.si_signo, SIGSEGV);
}

TEST(illegal_instruction_and_breakpoint)
{
	on_fault(SIGILL);
	on_fault(SIGTRAP);
	if (!sigsetjmp(away, 1))
		asm volatile("udf #0");
	CHECK_EQ(info.si_signo, SIGILL);
	CHECK_EQ(info.si_code, ILL_ILLOPC);
	if (!sigsetjmp(away, 1))
		asm volatile("brk #0");
	CHECK_EQ(info.si_signo, SIGTRAP);
	CHECK_EQ(info.si_code, TRAP_BRKPT);
}

TEST(misaligned_pc_and_bus_error)
{
	int fd = open("f", O_RDWR | O_CREAT, 0600);
	char *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	on_fault(SIGBUS);
	if (!sigsetjmp(away, 1)) {
		(void)*(volatile char *)page;
		CHECK(false);
	}
	CHECK_EQ(info.si_code, BUS_ADRERR);
	CHECK(info.si_addr == page);
}

static void skip(int signal, siginfo_t *from, void *context)
{
	ucontext_t *state = context;

	(void)signal;
	(void)from;
	seen++;
	state->uc_mcontext.pc += 4;
	state->uc_mcontext.regs[0] = 1234;
}

TEST(a_handler_may_change_registers)
{
	struct sigaction action = { .sa_sigaction = skip, .sa_flags = SA_SIGINFO };
	register long x0 asm("x0") = 0;

	sigaction(SIGILL, &action, NULL);
	asm volatile("udf #0" : "+r"(x0) : : "memory");
	CHECK_EQ(x0, 1234);
	CHECK_EQ(seen, 1);
}

static void spoil_floats(int signal)
{
	note(signal);
	for (int i = 0; i < 3; i++)
		asm volatile("movi v8.16b, #0x55\n movi v15.16b, #0x55\n movi v0.16b, #0x55\n"
			     "movi v31.16b, #0x55" : : : "v0", "v8", "v15", "v31");
}

/* v8, v15, v0 and v31 keep their bits until `seen` changes. */
static bool floats_survive(unsigned long bits)
{
	unsigned long a, b, c, d;

	asm volatile("dup v8.2d, %5\n dup v15.2d, %5\n dup v0.2d, %5\n dup v31.2d, %5\n"
		     "1: ldr w9, [%4]\n cbz w9, 1b\n"
		     "mov %0, v8.d[1]\n mov %1, v15.d[1]\n mov %2, v0.d[1]\n mov %3, v31.d[1]\n"
		     : "=&r"(a), "=&r"(b), "=&r"(c), "=&r"(d)
		     : "r"(&seen), "r"(bits)
		     : "x9", "v0", "v8", "v15", "v31", "memory");
	return a == bits && b == bits && c == bits && d == bits;
}

TEST(floats_survive_a_handler)
{
	on(SIGALRM, spoil_floats, 0);
	ualarm(50000, 0);
	CHECK(floats_survive(0x0123456789abcdef));
}

TEST(floats_survive_other_processes)
{
	enum { OTHERS = 4 };
	pid_t pids[OTHERS];

	for (int i = 0; i < OTHERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			on(SIGALRM, note, 0);
			ualarm((useconds_t)(100000 + i * 10000), 0);
			_exit(!floats_survive(0x1111111111111111UL * (unsigned)(i + 1)));
		}
	}
	for (int i = 0; i < OTHERS; i++)
		CHECK_EQ(test_wait(pids[i]), 0);
}

TEST(interval_timer_and_alarm)
{
	struct itimerval timer = { { 0, 10000 }, { 0, 10000 } }, old;

	on(SIGALRM, note, 0);
	CHECK_EQ(setitimer(ITIMER_REAL, &timer, NULL), 0);
	while (seen < 3)
		pause();
	CHECK_EQ(setitimer(ITIMER_REAL, &(struct itimerval) { 0 }, &old), 0);
	CHECK_EQ(old.it_interval.tv_usec, 10000);
	CHECK_EQ(alarm(100), 0);
	CHECK(alarm(0) >= 99);
}

TEST(children_are_announced)
{
	pid_t pid;

	on_info(SIGCHLD, SA_RESTART);
	pid = fork();
	if (pid == 0)
		_exit(5);
	while (!seen)
		test_sleep_ms(1);
	CHECK_EQ(info.si_pid, pid);
	CHECK_EQ(info.si_code, CLD_EXITED);
	CHECK_EQ(info.si_status, 5);
	CHECK_EQ(WEXITSTATUS(test_wait(pid)), 5);
}

TEST(bad_arguments)
{
	sigset_t set;

	sigemptyset(&set);
	CHECK_ERR(sigprocmask(77, &set, NULL), EINVAL);
	CHECK_ERR(kill(getpid(), -1), EINVAL);
	CHECK_ERR(kill(999999, 0), ESRCH);
	CHECK_EQ(kill(getpid(), 0), 0);
	CHECK_ERR(sigaction(0, NULL, &(struct sigaction) { 0 }), EINVAL);
}

/* A library's function is interrupted; who called it is found through its frame. */
static void *trace[64], *caller;
static int traced;

static void take_trace(int signal)
{
	(void)signal;
	traced = backtrace(trace, 64);
}

static __attribute__((noinline)) void raise_from_here(void)
{
	caller = __builtin_return_address(0);
	CHECK_EQ(raise(SIGUSR1), 0);
}

TEST(unwinding_passes_a_handler)
{
	bool found = false;

	on(SIGUSR1, take_trace, 0);
	raise_from_here();
	for (int i = 0; i < traced; i++)
		found |= trace[i] == caller;
	CHECK(found);
}
