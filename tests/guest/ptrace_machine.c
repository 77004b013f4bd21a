/* ptrace: breakpoints, watchpoints and steps, and many tracers at once. */
#include "traced.h"

/* --- the machine's help --- */

static volatile int watched;
static volatile int sink;

__attribute__((noinline)) static void write_watched(void)
{
	sink = 1;
	watched = 5;
	sink = 2;
}

static void use_watched(void)
{
	write_watched();
	_exit(watched == 5 ? 0 : 1);
}

struct hw {
	uint32_t info, pad;
	struct {
		uint64_t addr;
		uint32_t ctrl, pad;
	} regs[16];
};

static void set_hw(pid_t pid, int type, uint64_t addr, uint32_t ctrl)
{
	struct hw hw = {.regs[0] = {addr, ctrl, 0}};
	struct iovec v = {&hw, 8 + 16};

	PT(PTRACE_SETREGSET, pid, type, &v);
}

static struct hw get_hw(pid_t pid, int type)
{
	struct hw hw;
	struct iovec v = {&hw, sizeof(hw)};

	PT(PTRACE_GETREGSET, pid, type, &v);
	CHECK_EQ(v.iov_len, sizeof(hw));
	return hw;
}

TEST(breakpoints_of_the_machine)
{
	pid_t pid = traced(use_watched);
	uint64_t at = (uint64_t)write_watched;
	struct hw hw = get_hw(pid, NT_ARM_HW_BREAK);
	struct iovec v = {&hw, sizeof(hw)};

	CHECK_EQ(hw.info & 0xff, 6);
	CHECK_EQ(hw.regs[0].ctrl, 0);
	set_hw(pid, NT_ARM_HW_BREAK, at, 0xf << 5 | 2 << 1 | 1);
	hw = get_hw(pid, NT_ARM_HW_BREAK);
	CHECK_EQ(hw.regs[0].addr, at);
	CHECK_EQ(hw.regs[0].ctrl, 0xf << 5 | 2 << 1 | 1);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP);
	CHECK_EQ(get_regs(pid).pc, at);
	CHECK_EQ(get_info(pid).si_code, 4);	/* TRAP_HWBKPT */
	CHECK_EQ(get_info(pid).si_addr == (void *)at, 1);
	set_hw(pid, NT_ARM_HW_BREAK, at, 0);
	/* More than there are. */
	memset(&hw, 0, sizeof(hw));
	CHECK_ERR(pt(PTRACE_SETREGSET, pid, NT_ARM_HW_BREAK, (unsigned long)&v), ENOSPC);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_end(pid), 0);
}

TEST(watchpoints_of_the_machine)
{
	pid_t pid = traced(use_watched);
	uint64_t at = (uint64_t)&watched;
	uint32_t bytes = 0xf;
	struct hw hw;
	struct iovec v = {&hw, 8 + 16};
	long got;

	CHECK_EQ(get_hw(pid, NT_ARM_HW_WATCH).info & 0xff, 4);
	set_hw(pid, NT_ARM_HW_WATCH, at, bytes << 5 | 2 << 3 | 2 << 1 | 1);
	CHECK_EQ(get_hw(pid, NT_ARM_HW_WATCH).regs[0].addr, at & ~7ul);
	CHECK_EQ(get_hw(pid, NT_ARM_HW_WATCH).regs[0].ctrl,
		 (bytes << (at & 7)) << 5 | 2 << 3 | 2 << 1 | 1);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP);
	CHECK_EQ(get_info(pid).si_code, 4);
	CHECK_EQ(get_info(pid).si_addr == (void *)at, 1);
	PT(PTRACE_PEEKDATA, pid, at, &got);
	CHECK_EQ((int)got, 0);
	set_hw(pid, NT_ARM_HW_WATCH, at, 0);
	PT(PTRACE_SINGLESTEP, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP);
	PT(PTRACE_PEEKDATA, pid, at, &got);
	CHECK_EQ((int)got, 5);
	/* What cannot be watched. */
	hw = (struct hw){.regs[0] = {at, 0xf << 5 | 0 << 3 | 1, 0}};
	CHECK_ERR(pt(PTRACE_SETREGSET, pid, NT_ARM_HW_WATCH, (unsigned long)&v), EINVAL);
	hw.regs[0].ctrl = 0x5 << 5 | 2 << 3 | 1;
	CHECK_ERR(pt(PTRACE_SETREGSET, pid, NT_ARM_HW_WATCH, (unsigned long)&v), EINVAL);
	hw.regs[0].ctrl = 2 << 3 | 1;
	CHECK_ERR(pt(PTRACE_SETREGSET, pid, NT_ARM_HW_WATCH, (unsigned long)&v), EINVAL);
	hw.regs[0].addr = -8ul;
	CHECK_ERR(pt(PTRACE_SETREGSET, pid, NT_ARM_HW_WATCH, (unsigned long)&v), EINVAL);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_end(pid), 0);
}

static void step_over(void)
{
	long n;

	__asm__ volatile("brk #1\n\tmov x8, #172\n\tsvc #0\n\tnop\n\tnop\n\tmov %0, x0"
			 : "=r"(n) : : "x0", "x8", "memory");
	_exit(n == getpid() ? 0 : 1);
}

/* What each of the next steps says: distance and siginfo's code. */
static const char *steps(pid_t pid, int n)
{
	static char text[256];
	uint64_t last = get_regs(pid).pc, pc;

	text[0] = 0;
	while (n--) {
		PT(PTRACE_SINGLESTEP, pid, 0, 0);
		CHECK_EQ(wait_stop(pid), SIGTRAP);
		pc = get_regs(pid).pc;
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%ld:%d ",
			 (long)(pc - last), get_info(pid).si_code);
		last = pc;
	}
	return text;
}

TEST(single_steps)
{
	pid_t pid = traced(step_over);
	struct regs r;
	const char *text;

	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP);
	CHECK_EQ(get_info(pid).si_code, 1);	/* TRAP_BRKPT */
	r = get_regs(pid);
	r.pc += 4;
	set_regs(pid, &r);
	text = steps(pid, 5);
	printf("# %s\n", text);
	CHECK(!strcmp(text, "4:2 4:0 0:2 4:2 4:2 ") || !strcmp(text, "4:2 4:0 4:2 4:2 4:2 "));
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_end(pid), 0);
}

static void step_into(void)
{
	signal(SIGUSR1, on_usr1);
	__asm__ volatile("brk #1\n\tnop\n\tnop");
	_exit(0);
}

TEST(a_step_into_a_handler)
{
	pid_t pid = traced(step_into);
	struct regs r;

	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP);
	r = get_regs(pid);
	r.pc += 4;
	set_regs(pid, &r);
	PT(PTRACE_SINGLESTEP, pid, 0, SIGUSR1);
	CHECK_EQ(wait_stop(pid), SIGTRAP);
	CHECK_EQ(get_regs(pid).pc, (uint64_t)on_usr1);
	CHECK_EQ(get_info(pid).si_code, SIGTRAP);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_end(pid), 0);
}

/* --- many --- */

enum { MANY = 50, MANY_MS = 1000 };

static volatile unsigned *progress;	/* shared: what each of the traced has done */

static unsigned random_below(unsigned *state, unsigned n)
{
	*state = *state * 1103515245 + 12345;
	return (*state >> 16) % n;
}

/* Calls, signals, children, for ever. */
static void many_traced(unsigned n)
{
	signal(SIGUSR1, on_usr1);
	for (unsigned i = 0;; i++) {
		pid_t pid;

		progress[n]++;
		syscall(SYS_getuid);
		if (i % 8 == 7)
			test_sleep_ms(1);
		if (i % 64 != 63)
			continue;
		pid = fork();
		if (!pid)
			_exit(0);
		while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
}

static void many_go_on(pid_t pid, int status, unsigned *random)
{
	/* No steps: Linux goes on with them when the tracer is gone. */
	static const int how[] = {PTRACE_SYSCALL, PTRACE_SYSCALL, PTRACE_SYSCALL, PTRACE_CONT};
	int sig = status >> 8;
	bool event = sig >> 8 || (sig & 0x7f) == SIGTRAP;

	if (random_below(random, 40) == 0 && pt(PTRACE_DETACH, pid, 0, 0) == 0)
		return;
	if (sig >> 8 == PTRACE_EVENT_STOP && (sig & 0x7f) != SIGTRAP)
		pt(PTRACE_LISTEN, pid, 0, 0);
	else
		pt(how[random_below(random, 4)], pid, 0, event ? 0 : (unsigned)sig & 0x7f);
}

static void many_tracer(const pid_t *pids, unsigned random)
{
	unsigned long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEEXIT;
	int status;
	pid_t pid;

	for (;;) {
		pid = pids[random_below(&random, MANY)];
		if (pt(PTRACE_SEIZE, pid, 0, options) < 0) {
			test_sleep_ms(2);
			continue;
		}
		pt(PTRACE_INTERRUPT, pid, 0, 0);
		while ((pid = waitpid(-1, &status, __WALL)) > 0)
			if (WIFSTOPPED(status))
				many_go_on(pid, status, &random);
	}
}

static pid_t many_start_tracer(const pid_t *pids, unsigned random)
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		many_tracer(pids, random);
	}
	CHECK(pid > 0);
	return pid;
}

static void many_disturb(const pid_t *pids, pid_t *tracers, unsigned *random)
{
	static const int sigs[] = {SIGUSR1, SIGSTOP, SIGCONT, SIGCONT};
	unsigned n = random_below(random, MANY);

	kill(pids[random_below(random, MANY)], sigs[random_below(random, 4)]);
	kill(tracers[n], SIGKILL);
	CHECK_EQ(wait_end(tracers[n]), SIGKILL);
	tracers[n] = many_start_tracer(pids, *random);
}

static void many_all_go_on(const pid_t *pids)
{
	long end = test_now_ms() + 60000;
	unsigned before[MANY];

	for (int i = 0; i < MANY; i++) {
		before[i] = progress[i];
		kill(pids[i], SIGCONT);
	}
	for (int i = 0; i < MANY; i++) {
		while (progress[i] < before[i] + 10 && test_now_ms() < end)
			test_sleep_ms(5);
		if (progress[i] < before[i] + 10)
			dprintf(1, "# %d: %s\n", pids[i], status_line(pids[i], "State:"));
		CHECK(progress[i] >= before[i] + 10);
	}
}

TEST(fifty_tracers_are_killed_at_random)
{
	pid_t pids[MANY], tracers[MANY];
	unsigned random = 1;
	int status;
	long end = test_now_ms() + MANY_MS;

	progress = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	for (unsigned i = 0; i < MANY; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			many_traced(i);
		}
	}
	for (unsigned i = 0; i < MANY; i++)
		tracers[i] = many_start_tracer(pids, i);
	while (test_now_ms() < end) {
		many_disturb(pids, tracers, &random);
		test_sleep_ms(2);
	}
	for (int i = 0; i < MANY; i++)
		kill(tracers[i], SIGKILL);
	for (int i = 0; i < MANY; i++)
		CHECK_EQ(wait_end(tracers[i]), SIGKILL);
	many_all_go_on(pids);
	for (int i = 0; i < MANY; i++)
		kill(pids[i], SIGKILL);
	for (int i = 0; i < MANY; i++)
		CHECK_EQ(wait_end(pids[i]), SIGKILL);
	while (waitpid(-1, &status, 0) > 0)	/* children's children */
		;
	CHECK_EQ(errno, ECHILD);
}

/* --- a tracer that dies while its child steps --- */

static void count_for_ever(void)
{
	volatile unsigned long n = 0;

	for (;;)
		n++;
}

static void step_for_ever(void *to)
{
	pid_t pid = fork();

	if (!pid) {
		PT(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		count_for_ever();
	}
	CHECK_EQ(wait_stop(pid), SIGSTOP);
	CHECK_EQ(write(*(int *)to, &pid, sizeof(pid)), sizeof(pid));
	for (;;) {
		PT(PTRACE_SINGLESTEP, pid, 0, 0);
		CHECK_EQ(wait_stop(pid), SIGTRAP);
	}
}

/* It goes on as if it had never been stepped. */
TEST(a_tracer_dies_while_its_child_steps)
{
	CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	for (int i = 0; i < 20; i++) {
		int ends[2], status;
		pid_t tracer, pid;

		CHECK_EQ(pipe(ends), 0);
		tracer = fork();
		if (!tracer)
			step_for_ever(&ends[1]);
		CHECK_EQ(read(ends[0], &pid, sizeof(pid)), sizeof(pid));
		test_sleep_ms(i % 7);
		CHECK_EQ(kill(tracer, SIGKILL), 0);
		CHECK_EQ(test_wait(tracer), SIGKILL);
		/* A step that was under way may have been taken as a signal before. */
		test_sleep_ms(5);
		if (waitpid(pid, &status, WNOHANG) == pid) {
			CHECK_EQ(status, SIGTRAP);
		} else {
			CHECK_EQ(kill(pid, SIGTERM), 0);
			status = test_wait(pid);
			CHECK(status == SIGTERM || status == SIGTRAP);
		}
		close(ends[0]);
		close(ends[1]);
	}
}
