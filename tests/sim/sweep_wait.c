/* tests/sim/sweep_wait.c -- waits for one another: futexes with an owner and of two, queues and
 * semaphores that are full, memory that is shared. */
#include "base.h"

#define MORE (PROG_SPACE + 0x10000)	/* memory that nothing has touched yet */
#define THREAD (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)

#define NR_FUTEX_WAITV	 449
#define NR_FUTEX_WAKE	 454
#define NR_FUTEX_WAIT	 455
#define NR_FUTEX_REQUEUE 456
#define SIZE_32		 2
#define PRIVATE		 128

static void set(struct prog *p, u64 addr, u64 value)
{
	SET(p, 22, addr);
	SET(p, 23, value);
	STORE(p, 4, 23, 22, 0);
}

/* A thread on STACK, whose end clears WORD + 12. */
static void start_thread(struct prog *p)
{
	SYS(p, __NR_clone, I(THREAD | CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID), I(STACK),
	    I(WORD + 12), I(0), I(WORD + 12));
}

static void join_thread(struct prog *p)
{
	unsigned top = p->n;

	work_sleep(p);
	SET(p, 22, WORD);
	LOAD(p, 4, 23, 22, 12);
	IF(p, 23, NE, 0)
		prog_go_to(p, top);
}

/* A lock with an owner, waited for by two; one that never was there; one with a time limit. */
static void owned(struct prog *p)
{
	static const u64 past[2] = {0, 1}, far[2] = {4000000000, 0};

	for (int shared = 0; shared < 2; shared++) {
		u64 lock = shared ? MORE : WORD;
		unsigned flag = shared ? 0 : FUTEX_PRIVATE_FLAG;

		SYS(p, __NR_futex, I(lock), I(FUTEX_LOCK_PI | flag), I(0), I(0));
		EXPECT(p, 0, 0);
		start_thread(p);
		IF(p, 0, EQ, 0) {
			SYS(p, __NR_futex, I(lock), I(FUTEX_LOCK_PI | flag), I(0),
			    I(prog_data(p, far, 16)));
			work_sleep(p);
			SYS(p, __NR_futex, I(lock), I(FUTEX_UNLOCK_PI | flag), I(0));
			SYS(p, __NR_exit, I(0));
		}
		EXPECT_OK(p, 0);
		work_sleep(p);
		SYS(p, __NR_futex, I(lock), I(FUTEX_UNLOCK_PI | flag), I(0));
		EXPECT(p, 0, 0);
		work_sleep(p);
		SYS(p, __NR_futex, I(lock), I(FUTEX_LOCK_PI | flag), I(0), I(0));
		EXPECT(p, 0, 0);
		SYS(p, __NR_futex, I(lock), I(FUTEX_LOCK_PI | flag), I(0), I(0));
		EXPECT(p, 0, -EDEADLK);
		SYS(p, __NR_futex, I(lock), I(FUTEX_TRYLOCK_PI | flag), I(0), I(0));
		SYS(p, __NR_futex, I(lock), I(FUTEX_UNLOCK_PI | flag), I(0));
		EXPECT(p, 0, 0);
		join_thread(p);
	}
	/* A thread ends with it. */
	start_thread(p);
	IF(p, 0, EQ, 0) {
		SYS(p, __NR_futex, I(MORE + 0x1000), I(FUTEX_LOCK_PI), I(0), I(0));
		SYS(p, __NR_exit, I(0));
	}
	join_thread(p);
	SYS(p, __NR_futex, I(MORE + 0x1000), I(FUTEX_LOCK_PI), I(0), I(prog_data(p, past, 16)));
	SYS(p, __NR_futex, I(MORE + 0x2001), I(FUTEX_LOCK_PI), I(0), I(0));
	EXPECT(p, 0, -EINVAL);
}

/* Waiters that go over to a lock with an owner: with a time limit, to one that is free, to one that
 * is had. */
static void conditions(struct prog *p)
{
	static const u64 past[2] = {0, 1};

	for (int shared = 0; shared < 2; shared++) {
		u64 word = shared ? MORE : WORD, lock = shared ? MORE + 0x1000 : WORD + 4;
		unsigned flag = shared ? 0 : FUTEX_PRIVATE_FLAG, top;

		set(p, word, 0);
		set(p, lock, 0);
		SYS(p, __NR_futex, I(word), I(FUTEX_WAIT_REQUEUE_PI | flag), I(0),
		    I(prog_data(p, past, 16)), I(lock));
		EXPECT(p, 0, -ETIMEDOUT);
		SYS(p, __NR_futex, I(word), I(FUTEX_WAIT_REQUEUE_PI | flag), I(1), I(0), I(lock));
		EXPECT(p, 0, -EAGAIN);
		for (int had = 0; had < 2; had++) {
			start_thread(p);
			IF(p, 0, EQ, 0) {
				SYS(p, __NR_futex, I(word), I(FUTEX_WAIT_REQUEUE_PI | flag), I(0),
				    I(0), I(lock));
				SYS(p, __NR_futex, I(lock), I(FUTEX_UNLOCK_PI | flag), I(0));
				SYS(p, __NR_exit, I(0));
			}
			EXPECT_OK(p, 0);
			if (had)
				SYS(p, __NR_futex, I(lock), I(FUTEX_LOCK_PI | flag), I(0), I(0));
			/* It may have been about to wait. */
			top = p->n;
			SYS(p, __NR_futex, I(word), I(FUTEX_CMP_REQUEUE_PI | flag), I(1), I(3),
			    I(lock), I(0));
			if (had)
				SYS(p, __NR_futex, I(lock), I(FUTEX_UNLOCK_PI | flag), I(0));
			work_sleep(p);
			SET(p, 22, WORD);
			LOAD(p, 4, 23, 22, 12);
			IF(p, 23, NE, 0)
				prog_go_to(p, top);
		}
	}
	/* Words that are not there yet. */
	SYS(p, __NR_futex, I(MORE + 0x2000), I(FUTEX_CMP_REQUEUE_PI), I(1), I(3), I(MORE + 0x3000), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_futex, I(MORE + 0x4000), I(FUTEX_WAIT_REQUEUE_PI), I(1), I(0), I(MORE + 0x5000));
	EXPECT(p, 0, -EAGAIN);
}

/* The newer calls: one word, several, moved. */
static void several(struct prog *p)
{
	struct { u64 value, addr; u32 flags, pad; } words[3] = {
		{0, WORD, SIZE_32 | PRIVATE, 0}, {0, MORE, SIZE_32, 0}, {0, MORE + 0x1000, SIZE_32, 0},
	}, moved[2] = {{0, WORD, SIZE_32 | PRIVATE, 0}, {0, WORD + 4, SIZE_32 | PRIVATE, 0}};
	static const u64 past[2] = {0, 1}, far[2] = {4000000000, 0};

	set(p, WORD, 0);
	set(p, WORD + 4, 0);
	SYS(p, NR_FUTEX_WAIT, I(WORD), I(0), I(0xffffffff), I(SIZE_32 | PRIVATE),
	    I(prog_data(p, past, 16)), I(1));
	EXPECT(p, 0, -ETIMEDOUT);
	SYS(p, NR_FUTEX_WAITV, I(prog_data(p, words, sizeof(words))), I(3), I(0),
	    I(prog_data(p, past, 16)), I(1));
	EXPECT(p, 0, -ETIMEDOUT);
	for (int i = 0; i < 2; i++) {
		start_thread(p);
		IF(p, 0, EQ, 0) {
			if (i)
				SYS(p, NR_FUTEX_WAITV, I(prog_data(p, words, sizeof(words))), I(3), I(0),
				    I(prog_data(p, far, 16)), I(1));
			else
				SYS(p, NR_FUTEX_WAIT, I(WORD), I(0), I(0xffffffff),
				    I(SIZE_32 | PRIVATE), I(0), I(0));
			SYS(p, __NR_exit, I(0));
		}
		EXPECT_OK(p, 0);
		work_sleep(p);
		SYS(p, NR_FUTEX_REQUEUE, I(prog_data(p, moved, sizeof(moved))), I(0), I(0), I(1));
		{
			unsigned top = p->n;

			SYS(p, NR_FUTEX_WAKE, I(WORD + 4), I(0xffffffff), I(1), I(SIZE_32 | PRIVATE));
			SYS(p, NR_FUTEX_WAKE, I(WORD), I(0xffffffff), I(1), I(SIZE_32 | PRIVATE));
			work_sleep(p);
			SET(p, 22, WORD);
			LOAD(p, 4, 23, 22, 12);
			IF(p, 23, NE, 0)
				prog_go_to(p, top);
		}
	}
}

/* Waits with no time limit for a queue with room, for a message, for a semaphore. */
static void full(struct prog *p)
{
	static const struct { i64 type; char text[16]; } message = {5, "a message"};
	static const i16 take[3] = {0, -1, 0x1000}, give[3] = {0, 1, 0}, zero[3] = {0, 0, 0};
	static const i64 attr[8] = {0, 1, 64};

	SYS(p, __NR_msgget, I(0), I(0600));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	CHILD(p) {
		LOOP(p, 24, 2500) {
			SYS(p, __NR_msgsnd, R(19), I(prog_data(p, &message, 24)), I(16), I(0));
			EXPECT(p, 0, 0);
		}
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	work_sleep(p);
	LOOP(p, 24, 2500) {
		SYS(p, __NR_msgrcv, R(19), I(MORE), I(16), I(5), I(0));
		EXPECT(p, 0, 16);
	}
	work_wait(p);
	EXPECT(p, 21, 0);
	SYS(p, __NR_msgctl, R(19), I(0), I(0));
	work_own_path(p, 21, "queue%u");
	SYS(p, __NR_mq_unlink, R(21)); /* one that was broken off left it */
	SYS(p, __NR_mq_open, R(21), I(O_RDWR | O_CREAT), I(0600), I(prog_data(p, attr, 64)));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	CHILD(p) {
		LOOP(p, 24, 3) {
			SYS(p, __NR_mq_timedsend, R(19), I(prog_data(p, &message, 24)), I(24), I(1), I(0));
			EXPECT(p, 0, 0);
			work_sleep(p);
		}
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	LOOP(p, 24, 3) {
		SYS(p, __NR_mq_timedreceive, R(19), I(MORE + 0x1000), I(64), I(MORE + 0x2000), I(0));
		EXPECT(p, 0, 24);
	}
	SYS(p, __NR_read, R(19), I(MORE + 0x3000), I(100));
	work_wait(p);
	EXPECT(p, 21, 0);
	SYS(p, __NR_mq_notify, R(19), I(0));
	SYS(p, __NR_mq_unlink, R(21));
	SYS(p, __NR_semget, I(0), I(1), I(0600));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	for (int i = 0; i < 2; i++) {
		CHILD(p) {
			work_sleep(p);
			SYS(p, __NR_semop, R(19), I(prog_data(p, i ? take : give, 6)), I(1));
			EXPECT(p, 0, 0);
			work_exit(p, 0);
		}
		MOVE(p, 20, 0);
		SYS(p, __NR_semop, R(19), I(prog_data(p, i ? zero : take, 6)), I(1));
		EXPECT(p, 0, 0);
		if (!i)
			SYS(p, __NR_semop, R(19), I(prog_data(p, give, 6)), I(1));
		work_wait(p);
		EXPECT(p, 21, 0);
	}
	SYS(p, __NR_semctl, R(19), I(0), I(0), I(0));
}

/* Processes made in all ways, and waits cut short by a stop. */
static void processes(struct prog *p)
{
	static const u64 pidfd[11] = {0x1000 | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID, MORE, MORE + 0x1000,
				      MORE + 0x2000, SIGCHLD};

	SYS(p, __NR_clone3, I(prog_data(p, pidfd, 88)), I(88));
	IF(p, 0, EQ, 0)
		work_exit(p, 3);
	EXPECT_OK(p, 0);
	MOVE(p, 20, 0);
	SYS(p, __NR_waitid, I(1), R(20), I(MORE + 0x3000), I(4), I(MORE + 0x4000));
	EXPECT(p, 0, 0);
	SYS(p, __NR_unshare, I(CLONE_FILES | CLONE_FS));
	SYS(p, __NR_close_range, I(3), I(100), I(2)); /* UNSHARE */
	CHILD(p) {
		SYS(p, __NR_ppoll, I(0), I(0), I(prog_data(p, (const u64[]){0, 2000000}, 16)), I(0), I(8));
		EXPECT(p, 0, 0);
		SYS(p, __NR_nanosleep, I(prog_data(p, (const u64[]){0, 2000000}, 16)), I(MORE));
		EXPECT(p, 0, 0);
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	LOOP(p, 24, 5) {
		work_sleep(p);
		SYS(p, __NR_kill, R(20), I(SIGSTOP));
		work_sleep(p);
		SYS(p, __NR_kill, R(20), I(SIGCONT));
	}
	work_wait(p);
	EXPECT(p, 21, 0);
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/proc/self/task/1/stack")), I(O_RDONLY));
	SYS(p, __NR_sched_setaffinity, I(0), I(8), I(prog_data(p, (const u64[]){~0ul}, 8)));
	SYS(p, __NR_setgroups, I(2), I(prog_data(p, (const u32[]){1, 2}, 8)));
}

work_fn *const sweep_wait[] = {owned, conditions, several, full, processes, NULL};
