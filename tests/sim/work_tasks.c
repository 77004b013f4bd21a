/* tests/sim/work_tasks.c -- memory, processes, signals, pipes, futexes. */
#include "base.h"

static void work_copy_on_write(struct prog *p)
{
	SYS(p, NR_MMAP, I(0), I(8 * 4096), I(PROT_READ | PROT_WRITE),
	    I(MAP_PRIVATE | MAP_ANONYMOUS), I(-1), I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	SET(p, 23, 4711);
	MOVE(p, 22, 19);
	LOOP(p, 24, 8) {
		LOAD(p, 8, 21, 22, 16);
		EXPECT(p, 21, 0);
		STORE(p, 8, 23, 22, 16);
		ADD(p, 22, 22, 4096);
	}
	CHILD(p) {
		SET(p, 23, 1);
		LOOP(p, 24, 8) {
			ADD(p, 22, 22, -4096);
			LOAD(p, 8, 21, 22, 16);
			EXPECT(p, 21, 4711);
			STORE(p, 8, 23, 22, 16);
			LOAD(p, 8, 21, 22, 16);
			EXPECT(p, 21, 1);
		}
		work_exit(p, 3);
	}
	EXPECT_OK(p, 0);
	MOVE(p, 20, 0);
	LOOP(p, 24, 4) { /* while the child does the same */
		ADD(p, 22, 22, -4096);
		SET(p, 23, 99);
		STORE(p, 8, 23, 22, 16);
	}
	work_wait(p);
	EXPECT(p, 21, 3 << 8);
	LOAD(p, 8, 21, 19, 16);
	EXPECT(p, 21, 4711);
	LOAD(p, 8, 21, 19, 7 * 4096 + 16);
	EXPECT(p, 21, 99);
	SYS(p, __NR_munmap, R(19), I(8 * 4096));
	EXPECT(p, 0, 0);
}

static void work_pipe(struct prog *p)
{
	SYS(p, __NR_pipe2, I(FDS), I(0));
	EXPECT(p, 0, 0);
	SET(p, 22, FDS);
	LOAD(p, 4, 19, 22, 0);
	LOAD(p, 4, 23, 22, 4);
	CHILD(p) {
		SYS(p, __NR_close, R(19));
		LOOP(p, 24, 6) {
			SYS(p, __NR_write, R(23), I(BUFFER), I(12000));
			EXPECT(p, 0, 12000);
		}
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	SYS(p, __NR_close, R(23));
	SET(p, 23, 0);
	{
		unsigned top = p->n, out;

		SYS(p, __NR_read, R(19), I(BUFFER), I(10000));
		EXPECT_OK(p, 0);
		EMIT(p, {.op = HOST_OP_IF_EQ, .a = 0, .b = P_NONE});
		out = p->n - 1;
		EMIT(p, {.op = HOST_OP_ADD, .d = 23, .a = 23, .b = 0});
		prog_go_to(p, top);
		prog_land(p, out);
	}
	EXPECT(p, 23, 72000);
	SYS(p, __NR_close, R(19));
	work_wait(p);
	EXPECT(p, 21, 0);
}

/* A thread that sets a word and wakes whoever waits for it. */
static void work_futex(struct prog *p)
{
	unsigned top;

	SET(p, 22, WORD);
	SET(p, 23, 0);
	STORE(p, 4, 23, 22, 0);
	STORE(p, 4, 23, 22, 4);
	SYS(p, __NR_clone, I(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
			     CLONE_SYSVSEM | CLONE_CHILD_CLEARTID),
	    I(STACK), I(0), I(0), I(WORD + 4));
	IF(p, 0, EQ, 0) {
		SET(p, 23, 1);
		STORE(p, 4, 23, 22, 0);
		SYS(p, __NR_futex, I(WORD), I(FUTEX_WAKE | FUTEX_PRIVATE_FLAG), I(1));
		SYS(p, __NR_exit, I(0));
	}
	EXPECT_OK(p, 0);
	top = p->n;
	LOAD(p, 4, 23, 22, 0);
	IF(p, 23, EQ, 0) {
		SYS(p, __NR_futex, I(WORD), I(FUTEX_WAIT | FUTEX_PRIVATE_FLAG), I(0), I(0));
		prog_go_to(p, top);
	}
}

void work_sleep(struct prog *p)
{
	SET(p, 22, TIME);
	SET(p, 23, 0);
	STORE(p, 8, 23, 22, 0);
	RANDOM(p, 23, 200000);
	STORE(p, 8, 23, 22, 8);
	SYS(p, __NR_nanosleep, I(TIME), I(0));
	IF(p, 0, NE, -EINTR)
		EXPECT(p, 0, 0);
	SYS(p, __NR_sched_yield, I(0));
	EXPECT(p, 0, 0);
}

/* A handler for `sig` that counts. */
void work_handler(struct prog *p, int sig)
{
	unsigned over = prog_go(p), handler = p->n, restorer;
	u64 action[4];

	SET(p, 9, COUNT);
	LOAD(p, 8, 10, 9, 0);
	ADD(p, 10, 10, 1);
	STORE(p, 8, 10, 9, 0);
	EMIT(p, {.op = HOST_OP_RETURN});
	restorer = p->n;
	SET(p, 8, __NR_rt_sigreturn);
	EMIT(p, {.op = HOST_OP_SVC});
	prog_land(p, over);
	action[0] = PROG_CODE + handler * 16ul;
	action[1] = 0x04000000; /* SA_RESTORER */
	action[2] = PROG_CODE + restorer * 16ul;
	action[3] = 0;
	SYS(p, __NR_rt_sigaction, I(sig), I(prog_data(p, action, sizeof(action))), I(0), I(8));
}

/* Signals handled, and registers as they were. */
static void work_signal(struct prog *p)
{
	work_handler(p, SIGUSR1);
	EXPECT(p, 0, 0);
	SET(p, 22, COUNT);
	SET(p, 23, 0);
	STORE(p, 8, 23, 22, 0);
	SET(p, 21, 424242);
	SYS(p, __NR_getpid, I(0));
	MOVE(p, 20, 0);
	LOOP(p, 24, 3) {
		SYS(p, __NR_kill, R(20), I(SIGUSR1));
		EXPECT(p, 0, 0);
	}
	LOAD(p, 8, 23, 22, 0);
	EXPECT(p, 23, 3);
	EXPECT(p, 21, 424242);
}

/* A child that would sleep for ever is killed. */
static void work_kill(struct prog *p)
{
	CHILD(p) {
		unsigned top = p->n;

		SYS(p, __NR_ppoll, I(0), I(0), I(0), I(0), I(0));
		prog_go_to(p, top);
	}
	MOVE(p, 20, 0);
	work_sleep(p);
	SYS(p, __NR_kill, R(20), I(SIGKILL));
	EXPECT(p, 0, 0);
	work_wait(p);
	EXPECT(p, 21, SIGKILL);
}

/* The same program over again, in a fresh image; x0 of a fresh image is 0, argv says who. */
static void work_exec(struct prog *p)
{
	static const u64 none[1];

	CHILD(p) {
		SYS(p, __NR_execve, I(prog_string(p, "/true")), I(prog_data(p, none, 8)),
		    I(prog_data(p, none, 8)));
		work_exit(p, 9); /* not there: no memory, say */
	}
	MOVE(p, 20, 0);
	work_wait(p);
	IF(p, 21, NE, 0)
		EXPECT(p, 21, 9 << 8);
}

static void work_memory(struct prog *p)
{
	SYS(p, __NR_brk, I(0));
	MOVE(p, 19, 0);
	ADD(p, 20, 19, 100000);
	SYS(p, __NR_brk, R(20));
	EXPECT_REG(p, 0, 20);
	SET(p, 23, 5);
	STORE(p, 1, 23, 20, -1);
	SYS(p, __NR_brk, R(19));
	EXPECT_REG(p, 0, 19);
	SYS(p, NR_MMAP, I(0), I(16 * 4096), I(PROT_READ | PROT_WRITE),
	    I(MAP_SHARED | MAP_ANONYMOUS), I(-1), I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	CHILD(p) {
		SET(p, 23, 31337);
		STORE(p, 8, 23, 19, 4096);
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	work_wait(p);
	EXPECT(p, 21, 0);
	LOAD(p, 8, 23, 19, 4096);
	EXPECT(p, 23, 31337);
	SYS(p, __NR_mremap, R(19), I(16 * 4096), I(40 * 4096), I(1), I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	LOAD(p, 8, 23, 19, 4096);
	EXPECT(p, 23, 31337);
	SYS(p, __NR_munmap, R(19), I(40 * 4096));
	EXPECT(p, 0, 0);
	SYS(p, NR_MMAP, I(0), I(16 * 4096), I(PROT_READ | PROT_WRITE),
	    I(MAP_PRIVATE | MAP_ANONYMOUS), I(-1), I(0));
	MOVE(p, 19, 0);
	STORE(p, 8, 23, 19, 8192);
	SYS(p, __NR_mprotect, R(19), I(4 * 4096), I(PROT_READ));
	EXPECT(p, 0, 0);
	SYS(p, __NR_read, I(0), I(0), I(0));
	LOAD(p, 8, 22, 19, 8192);
	EXPECT_REG(p, 22, 23);
	ADD(p, 20, 19, 8192);
	SYS(p, __NR_pipe2, R(20), I(0));
	EXPECT(p, 0, -EFAULT);
	SYS(p, __NR_mprotect, R(19), I(4 * 4096), I(PROT_READ | PROT_WRITE));
	STORE(p, 8, 23, 19, 0);
	SYS(p, __NR_madvise, R(19), I(4 * 4096), I(4)); /* MADV_DONTNEED */
	EXPECT(p, 0, 0);
	LOAD(p, 8, 22, 19, 8192);
	EXPECT(p, 22, 0);
	SYS(p, __NR_mincore, R(19), I(4 * 4096), I(BUFFER));
	EXPECT(p, 0, 0);
	SYS(p, __NR_mlock, R(19), I(4 * 4096));
	SYS(p, __NR_munmap, R(20), I(4096));
	EXPECT(p, 0, 0);
	SYS(p, __NR_munmap, R(19), I(16 * 4096));
	EXPECT(p, 0, 0);
}

/* Signals that are waited for, timers that send them, and vfork. */
static void work_timers(struct prog *p)
{
	static const u64 alarm_set = 1ul << (SIGALRM - 1);
	static const u64 soon[4] = {0, 0, 0, 40};	/* usec */

	SYS(p, __NR_rt_sigprocmask, I(0), I(prog_data(p, &alarm_set, 8)), I(0), I(8));
	EXPECT(p, 0, 0);
	SYS(p, __NR_setitimer, I(0), I(prog_data(p, soon, sizeof(soon))), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_rt_sigtimedwait, I(prog_data(p, &alarm_set, 8)), I(BUFFER), I(0), I(8));
	EXPECT(p, 0, SIGALRM);
	SYS(p, __NR_rt_sigprocmask, I(1), I(prog_data(p, &alarm_set, 8)), I(0), I(8));
	SYS(p, __NR_clone, I(CLONE_VFORK | CLONE_VM | SIGCHLD), I(STACK));
	IF(p, 0, EQ, 0) {
		SET(p, 22, WORD);
		SET(p, 23, 55);
		STORE(p, 8, 23, 22, 8);
		work_exit(p, 4);
	}
	EXPECT_OK(p, 0);
	MOVE(p, 20, 0);
	SET(p, 22, WORD);
	LOAD(p, 8, 23, 22, 8);
	EXPECT(p, 23, 55);
	SYS(p, __NR_waitid, I(1), R(20), I(BUFFER), I(4), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_clock_gettime, I(1), I(BUFFER));
	EXPECT(p, 0, 0);
	SYS(p, __NR_getrandom, I(BUFFER), I(200), I(0));
	EXPECT(p, 0, 200);
	SYS(p, __NR_sched_setaffinity, I(0), I(8), I(prog_data(p, &alarm_set, 8)));
}

work_fn *const work_tasks[] = {
	work_copy_on_write, work_pipe, work_futex, work_sleep, work_signal, work_kill, work_exec,
	work_memory, work_timers, NULL,
};
