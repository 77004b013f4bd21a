/* tests/sim/sweep_tasks.c -- the calls about processes, threads, signals, timers and futexes. */
#include "base.h"

#define MORE (PROG_SPACE + 0x10000)	/* memory that nothing has touched yet */
#define THREAD (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)

static const u64 soon[2] = {0, 300000};

static void set_word(struct prog *p, unsigned offset, u64 value)
{
	SET(p, 22, WORD);
	SET(p, 23, value);
	STORE(p, 4, 23, 22, offset);
}

/* Waits that end by time, by a wake, by a move to another word. */
static void futexes(struct prog *p)
{
	set_word(p, 0, 0);
	set_word(p, 4, 0);
	set_word(p, 8, 0);
	SYS(p, __NR_futex, I(WORD), I(FUTEX_WAIT), I(0), I(prog_data(p, soon, 16)));
	EXPECT(p, 0, -ETIMEDOUT);
	SYS(p, __NR_futex, I(WORD), I(FUTEX_WAIT_BITSET), I(1), I(0), I(0), I(1));
	EXPECT(p, 0, -EAGAIN);
	SYS(p, __NR_clone, I(THREAD | CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID), I(STACK),
	    I(WORD + 12), I(0), I(WORD + 12));
	IF(p, 0, EQ, 0) {
		SYS(p, __NR_futex, I(WORD), I(FUTEX_WAIT | FUTEX_PRIVATE_FLAG), I(0), I(0));
		SYS(p, __NR_exit, I(0));
	}
	EXPECT_OK(p, 0);
	work_sleep(p);
	SYS(p, __NR_futex, I(WORD), I(FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG), I(0), I(10),
	    I(WORD + 4), I(0));
	SYS(p, __NR_futex, I(WORD), I(FUTEX_REQUEUE | FUTEX_PRIVATE_FLAG), I(0), I(10),
	    I(WORD + 4));
	SET(p, 22, WORD);
	{
		unsigned top = p->n;

		/* Set the word to 1 and wake, until the thread is gone. */
		SYS(p, __NR_futex, I(WORD + 8), I(FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG), I(1), I(10),
		    I(WORD + 4), I(0x00001000));
		SYS(p, __NR_futex, I(WORD), I(FUTEX_WAKE | FUTEX_PRIVATE_FLAG), I(10));
		work_sleep(p);
		SET(p, 22, WORD);
		LOAD(p, 4, 23, 22, 12);
		IF(p, 23, NE, 0)
			prog_go_to(p, top);
	}
	/* Words in memory that is not there yet. */
	SYS(p, __NR_futex, I(MORE + 0x20000), I(FUTEX_WAKE), I(1));
	SYS(p, __NR_futex, I(MORE + 0x21000), I(FUTEX_WAKE_OP), I(1), I(1), I(MORE + 0x22000),
	    I(0x01000000));
	SYS(p, __NR_futex, I(MORE + 0x23000), I(FUTEX_WAIT), I(1), I(0));
	EXPECT(p, 0, -EAGAIN);
}

/* A thread that ends with a mutex held, in its list and about to be. */
static void robust(struct prog *p)
{
	SET(p, 22, MORE);		/* head: list, offset, pending */
	SET(p, 23, MORE + 0x1000);	/* one entry */
	STORE(p, 8, 23, 22, 0);
	SET(p, 23, 32);
	STORE(p, 8, 23, 22, 8);
	SET(p, 23, MORE + 0x2000);
	STORE(p, 8, 23, 22, 16);
	SET(p, 21, MORE + 0x1000);
	STORE(p, 8, 22, 21, 0);		/* back to the head */
	CHILD(p) {
		SYS(p, __NR_set_robust_list, I(MORE), I(24));
		EXPECT(p, 0, 0);
		SYS(p, __NR_gettid, I(0));
		SET(p, 22, MORE + 0x1000);
		STORE(p, 4, 0, 22, 32);
		SET(p, 22, MORE + 0x2000);
		STORE(p, 4, 0, 22, 32);
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	work_wait(p);
	EXPECT(p, 21, 0);
	SYS(p, __NR_get_robust_list, I(0), I(MORE + 0x4000), I(MORE + 0x5000));
	EXPECT(p, 0, 0);
}

static void signals(struct prog *p)
{
	static const u64 none[1], usr1 = 1ul << (SIGUSR1 - 1), chld = 1ul << (SIGCHLD - 1);
	static const u64 stack[3] = {STACK - 0x4000, 0, 0x4000};

	work_handler(p, SIGUSR1);
	SYS(p, __NR_sigaltstack, I(prog_data(p, stack, 24)), I(MORE));
	EXPECT(p, 0, 0);
	SYS(p, __NR_rt_sigprocmask, I(0), I(prog_data(p, &usr1, 8)), I(MORE + 0x1000), I(8));
	SYS(p, __NR_getpid, I(0));
	MOVE(p, 25, 0);
	CHILD(p) {
		work_sleep(p);
		SYS(p, __NR_kill, R(25), I(SIGUSR1));
		work_sleep(p);
		SYS(p, __NR_kill, R(25), I(SIGUSR1));
		work_exit(p, 7);
	}
	MOVE(p, 20, 0);
	SYS(p, __NR_rt_sigsuspend, I(prog_data(p, none, 8)), I(8));
	EXPECT(p, 0, -EINTR);
	/* Or both came as one. */
	SYS(p, __NR_rt_sigtimedwait, I(prog_data(p, &usr1, 8)), I(MORE + 0x2000),
	    I(prog_data(p, soon, 16)), I(8));
	work_wait(p);
	EXPECT(p, 21, 7 << 8);
	SYS(p, __NR_rt_sigtimedwait, I(prog_data(p, &usr1, 8)), I(MORE + 0x3000),
	    I(prog_data(p, soon, 16)), I(8));
	SYS(p, __NR_rt_sigpending, I(MORE + 0x4000), I(8));
	EXPECT(p, 0, 0);
	/* signalfd: its child's end is read. */
	SYS(p, __NR_rt_sigprocmask, I(0), I(prog_data(p, &chld, 8)), I(0), I(8));
	SYS(p, __NR_signalfd4, I(-1), I(prog_data(p, &chld, 8)), I(8), I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	CHILD(p) {
		work_sleep(p);
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	SYS(p, __NR_read, R(19), I(MORE + 0x5000), I(128));
	EXPECT(p, 0, 128);
	work_wait(p);
}

/* A child that is stopped in a sleep, goes on, and sleeps to the end. */
static void stops(struct prog *p)
{
	static const u64 a_while[2] = {0, 3000000};

	CHILD(p) {
		SYS(p, __NR_nanosleep, I(prog_data(p, a_while, 16)), I(MORE));
		EXPECT(p, 0, 0);
		SYS(p, __NR_clock_nanosleep, I(1), I(0), I(prog_data(p, a_while, 16)), I(MORE));
		EXPECT(p, 0, 0);
		SYS(p, __NR_clock_nanosleep, I(1), I(1), I(prog_data(p, a_while, 16)), I(0));
		EXPECT(p, 0, 0);
		work_exit(p, 5);
	}
	MOVE(p, 20, 0);
	LOOP(p, 24, 2) {
		work_sleep(p);
		SYS(p, __NR_kill, R(20), I(SIGSTOP));
		EXPECT(p, 0, 0);
		SYS(p, __NR_waitid, I(1), R(20), I(MORE + 0x1000), I(2 | 4), I(0));
		EXPECT(p, 0, 0);
		IF(p, 24, EQ, 2) {
			SYS(p, __NR_kill, R(20), I(SIGCONT));
			SYS(p, __NR_waitid, I(1), R(20), I(MORE + 0x1000), I(8 | 4 | 0x1000000),
			    I(0));
			EXPECT(p, 0, 0);
		}
	}
	SYS(p, __NR_kill, R(20), I(SIGCONT));
	SYS(p, __NR_wait4, R(20), I(STATUS), I(0), I(MORE + 0x2000));
	EXPECT_REG(p, 0, 20);
	SET(p, 22, STATUS);
	LOAD(p, 4, 21, 22, 0);
	EXPECT(p, 21, 5 << 8);
	SYS(p, __NR_wait4, I(-1), I(STATUS), I(0), I(0));
	EXPECT(p, 0, -ECHILD);
}

static void timers(struct prog *p)
{
	static const u64 every[4] = {0, 200000, 0, 200000};
	static const u64 event[8] = {0, (u64)SIGUSR1 | 1ul << 32}; /* SIGEV_NONE */

	SYS(p, __NR_timerfd_create, I(1), I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	SYS(p, __NR_timerfd_settime, R(19), I(0), I(prog_data(p, every, 32)), I(MORE));
	EXPECT(p, 0, 0);
	SYS(p, __NR_read, R(19), I(MORE + 0x1000), I(8));
	EXPECT(p, 0, 8);
	SYS(p, __NR_timerfd_gettime, R(19), I(MORE + 0x2000));
	EXPECT(p, 0, 0);
	SYS(p, __NR_close, R(19));
	SYS(p, __NR_timer_create, I(1), I(prog_data(p, event, 64)), I(MORE + 0x3000));
	EXPECT(p, 0, 0);
	SYS(p, __NR_timer_settime, I(0), I(0), I(prog_data(p, every, 32)), I(MORE + 0x4000));
	EXPECT(p, 0, 0);
	SYS(p, __NR_timer_gettime, I(0), I(MORE + 0x5000));
	work_sleep(p);
	SYS(p, __NR_timer_getoverrun, I(0));
	SYS(p, __NR_timer_delete, I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_clock_gettime, I(2), I(MORE + 0x6000));
	SYS(p, __NR_clock_getres, I(1), I(MORE + 0x7000));
	SYS(p, __NR_getitimer, I(1), I(MORE + 0x8000));
	SYS(p, __NR_times, I(MORE + 0x9000));
	SYS(p, __NR_getrusage, I(0), I(MORE + 0xa000));
	SYS(p, __NR_prlimit64, I(0), I(0), I(prog_data(p, every, 16)), I(MORE + 0xb000));
	SYS(p, __NR_sysinfo, I(MORE + 0xc000));
	SYS(p, __NR_uname, I(MORE + 0xd000));
	SYS(p, __NR_getcpu, I(MORE + 0xe000), I(MORE + 0xf000), I(0));
}

static void identity(struct prog *p)
{
	static const u32 groups[4] = {4, 3, 2, 1};

	SYS(p, __NR_setgroups, I(4), I(prog_data(p, groups, 16)));
	EXPECT(p, 0, 0);
	SYS(p, __NR_getgroups, I(4), I(MORE));
	EXPECT(p, 0, 4);
	/* More than are looked at in one go: of all of them 0. */
	SYS(p, __NR_setgroups, I(3000), I(MORE + 0x8000));
	EXPECT(p, 0, 0);
	SYS(p, __NR_getgroups, I(3000), I(MORE + 0x8000));
	EXPECT(p, 0, 3000);
	SYS(p, __NR_getresuid, I(MORE + 0x1000), I(MORE + 0x2000), I(MORE + 0x3000));
	SYS(p, __NR_membarrier, I(0), I(0));
	EXPECT_OK(p, 0);
	SYS(p, __NR_membarrier, I(16), I(0));
	SYS(p, __NR_membarrier, I(8), I(0));
	SYS(p, __NR_membarrier, I(1), I(0));
	SYS(p, __NR_prctl, I(15), I(prog_string(p, "named")));
	SYS(p, __NR_prctl, I(16), I(MORE + 0x4000));
	SYS(p, __NR_sethostname, I(MORE + 0x5000), I(3));
	SYS(p, __NR_setresuid, I(5), I(5), I(5));
	EXPECT(p, 0, 0);
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/proc/1/environ")), I(O_RDONLY));
	SYS(p, __NR_kill, I(1), I(SIGUSR1));
	EXPECT(p, 0, -EPERM);
}

/* Programs: with arguments, by descriptor, through an interpreter, not at all. */
static void programs(struct prog *p)
{
	u64 argv[4] = {prog_string(p, "true"), prog_string(p, "an argument")};
	u64 args = prog_data(p, argv, 32);
	static const char *const names[] = {"/true", "/script", "/nested", "/dynamic", "/damaged",
					    "/none", "/tmp"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		CHILD(p) {
			SYS(p, __NR_execve, I(prog_string(p, names[i])), I(args), I(args));
			work_exit(p, 0);
		}
		MOVE(p, 20, 0);
		work_wait(p);
	}
	CHILD(p) {
		SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/true")), I(O_RDONLY));
		MOVE(p, 19, 0);
		SYS(p, __NR_execveat, R(19), I(prog_string(p, "")), I(args), I(0), I(0x1000));
		work_exit(p, 9);
	}
	MOVE(p, 20, 0);
	work_wait(p);
	EXPECT(p, 21, 0);
}

/* Threads: one execs, one ends them all; and clone3. */
static void threads(struct prog *p)
{
	static const u64 args[11] = {0, 0, 0, 0, SIGCHLD};
	static const u64 none[1];

	for (int i = 0; i < 2; i++) {
		CHILD(p) {
			SYS(p, __NR_clone, I(THREAD), I(STACK), I(0), I(0), I(0));
			IF(p, 0, EQ, 0) {
				SYS(p, __NR_ppoll, I(0), I(0), I(0), I(0), I(0));
				SYS(p, __NR_exit, I(0));
			}
			work_sleep(p);
			if (i)
				SYS(p, __NR_execve, I(prog_string(p, "/true")),
				    I(prog_data(p, none, 8)), I(prog_data(p, none, 8)));
			work_exit(p, 3);
		}
		MOVE(p, 20, 0);
		work_wait(p);
		EXPECT(p, 21, i ? 0 : 3 << 8);
	}
	SYS(p, __NR_clone3, I(prog_data(p, args, 88)), I(88));
	IF(p, 0, EQ, 0)
		work_exit(p, 2);
	EXPECT_OK(p, 0);
	MOVE(p, 20, 0);
	work_wait(p);
	EXPECT(p, 21, 2 << 8);
	/* An orphan's orphan. */
	CHILD(p) {
		CHILD(p) {
			work_sleep(p);
			work_exit(p, 0);
		}
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	work_wait(p);
}

work_fn *const sweep_tasks[] = {futexes, robust, signals, stops, timers, identity, programs, threads,
				NULL};
