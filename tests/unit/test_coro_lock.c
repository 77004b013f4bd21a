/* tests/unit/test_coro_lock.c -- awaitable mutex and rwlock: exclusion, order, hand-over;
 * and tasks in user mode: preemption, and registers that stay one's own. */
#include "co_machine.h"

#include <string.h>

#include "hal/trap.h"

static struct co_mutex mutex;
static struct co_rwlock rwlock;
static struct waitq done;
static u32 finished;	/* [a] */
static long inside, writers, readers; /* plain: the lock is what protects them */
static unsigned order[32];
static u32 ordered;

/* --- mutex --- */

struct locker { struct co_frame co; unsigned rounds; };
static co_t locker(struct co *co, struct locker *f)
{
	CO_BEGIN;
	for (; f->rounds; f->rounds--) {
		CO_LOCK(&mutex);
		host_expect(mutex_is_mine(&mutex));
		host_expect(inside++ == 0);
		if (f->rounds % 2)
			CO_YIELD;
		host_expect(--inside == 0);
		mutex_unlock(&mutex);
		if (f->rounds % 3 == 0)
			CO_YIELD;
	}
	atomic_add(&finished, 1u);
	waitq_wake(&done);
	CO_RETURN(0);
	CO_END;
}

struct crowd { struct co_frame co; struct task *t[6]; u32 i; };
static co_t crowd(struct co *co, struct crowd *f)
{
	CO_BEGIN;
	waitq_init(&done);
	mutex_init(&mutex, CO_RANK_NONE);
	for (f->i = 0; f->i < 6; f->i++)
		CO_SPAWN(f->t[f->i], "locker", locker, .rounds = 6);
	/* Wakes that mean nothing must not disturb a waiter. */
	for (f->i = 0; f->i < 12; f->i++) {
		task_wake(f->t[host_random(6)]);
		CO_YIELD;
	}
	CO_WAIT_IO(&done, atomic_load(&finished) == 6);
	for (f->i = 0; f->i < 6; f->i++)
		task_put(f->t[f->i]);
	host_expect(mutex_trylock(&mutex));
	mutex_unlock(&mutex);
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(crowd)

static void test_mutex(void **state)
{
	co_machine_seeds(50, 1, begin_crowd);
	co_machine_seeds(300, 3, begin_crowd);
}

/* First come, first served; but while the first is being woken, who runs may have it once. */
struct in_order { struct co_frame co; unsigned me; };
static co_t in_order(struct co *co, struct in_order *f)
{
	CO_BEGIN;
	CO_LOCK(&mutex);
	order[ordered++] = f->me;
	CO_YIELD;
	mutex_unlock(&mutex);
	CO_RETURN(0);
	CO_END;
}

struct fair { struct co_frame co; struct task *t[5]; u32 i; long n; };
static co_t fair(struct co *co, struct fair *f)
{
	CO_BEGIN;
	mutex_init(&mutex, CO_RANK_NONE);
	CO_LOCK(&mutex);
	for (f->i = 0; f->i < 5; f->i++) {
		CO_SPAWN(f->t[f->i], "in order", in_order, .me = f->i);
		CO_YIELD;
		CO_YIELD;
	}
	mutex_unlock(&mutex);
	host_expect(mutex_trylock(&mutex));
	CO_YIELD; /* the first waiter looks, in vain */
	mutex_unlock(&mutex);
	host_expect(!mutex_trylock(&mutex)); /* so it is handed over, not free */
	for (f->i = 0; f->i < 5; f->i++)
		CO_JOIN(f->n, f->t[f->i]);
	for (f->i = 0; f->i < 5; f->i++)
		host_expect(order[f->i] == f->i);
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(fair)

static void test_fair(void **state)
{
	co_machine_seeds(20, 1, begin_fair);
}

struct twice { struct co_frame co; };
static co_t twice(struct co *co, struct twice *f)
{
	CO_BEGIN;
	mutex_init(&mutex, CO_RANK_NONE);
	CO_LOCK(&mutex);
	CO_LOCK(&mutex);
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(twice)

struct not_mine { struct co_frame co; };
static co_t not_mine(struct co *co, struct not_mine *f)
{
	CO_BEGIN;
	mutex_init(&mutex, CO_RANK_NONE);
	mutex_unlock(&mutex);
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(not_mine)

static void test_misuse(void **state)
{
	co_machine_ends(1, begin_twice, HOST_HALTED, "locks a mutex of rank 0 twice");
	co_machine_ends(1, begin_not_mine, HOST_HALTED, "unlocked by another than its owner");
}

/* --- ranks --- */

/* In their order, and two of one rank where the caller says so. */
struct orderly { struct co_frame co; struct co_rwlock second; };
static co_t orderly(struct co *co, struct orderly *f)
{
	CO_BEGIN;
	mutex_init(&mutex, CO_RANK_FILE_POS);
	rwlock_init(&rwlock, CO_RANK_INODE);
	rwlock_init(&f->second, CO_RANK_INODE);
	CO_LOCK(&mutex);
	CO_WRITE_LOCK(&rwlock);
	CO_WRITE_LOCK_NEXT(&f->second);
	/* Trying is free: who tries does not wait. */
	mutex_unlock(&mutex);
	host_expect(mutex_trylock(&mutex));
	rwlock_unlock_write(&rwlock);
	mutex_unlock(&mutex);
	CO_READ_LOCK(&rwlock); /* not without saying so: `second` is held */
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(orderly)

struct disorderly { struct co_frame co; };
static co_t disorderly(struct co *co, struct disorderly *f)
{
	CO_BEGIN;
	mutex_init(&mutex, CO_RANK_RENAME);
	rwlock_init(&rwlock, CO_RANK_INODE);
	CO_READ_LOCK(&rwlock);
	CO_LOCK(&mutex);
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(disorderly)

/* The rank of what was waited for counts like that of what was free. */
struct holder { struct co_frame co; };
static co_t holder(struct co *co, struct holder *f)
{
	CO_BEGIN;
	CO_WRITE_LOCK(&rwlock);
	CO_YIELD;
	CO_YIELD;
	rwlock_unlock_write(&rwlock);
	CO_RETURN(0);
	CO_END;
}

struct waited { struct co_frame co; struct task *t; };
static co_t waited(struct co *co, struct waited *f)
{
	CO_BEGIN;
	mutex_init(&mutex, CO_RANK_RENAME);
	rwlock_init(&rwlock, CO_RANK_INODE);
	CO_SPAWN(f->t, "holder", holder);
	task_put(f->t);
	CO_YIELD;
	host_expect(!rwlock_try_read(&rwlock));
	CO_READ_LOCK(&rwlock);
	CO_LOCK(&mutex);
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(waited)

struct keeper { struct co_frame co; };
static co_t keeper(struct co *co, struct keeper *f)
{
	CO_BEGIN;
	mutex_init(&mutex, CO_RANK_FILE_POS);
	CO_LOCK(&mutex);
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(keeper)

static void test_ranks(void **state)
{
	co_machine_ends(1, begin_orderly, HOST_HALTED,
			"orderly waits for an awaitable lock of rank 7 while it holds 0x40000");
	co_machine_ends(1, begin_disorderly, HOST_HALTED,
			"waits for an awaitable lock of rank 2 while it holds 0x40000");
	co_machine_ends(1, begin_waited, HOST_HALTED,
			"waits for an awaitable lock of rank 2 while it holds 0x40000");
	co_machine_ends(1, begin_keeper, HOST_HALTED,
			"keeper leaves the kernel with awaitable locks held: 0x1");
}

/* --- rwlock --- */

struct reader { struct co_frame co; unsigned rounds; };
static co_t reader(struct co *co, struct reader *f)
{
	CO_BEGIN;
	for (; f->rounds; f->rounds--) {
		CO_READ_LOCK(&rwlock);
		atomic_add(&readers, 1l);
		host_expect(writers == 0);
		CO_YIELD;
		host_expect(writers == 0);
		atomic_sub(&readers, 1l);
		rwlock_unlock_read(&rwlock);
	}
	atomic_add(&finished, 1u);
	waitq_wake(&done);
	CO_RETURN(0);
	CO_END;
}

struct writer { struct co_frame co; unsigned rounds; };
static co_t writer(struct co *co, struct writer *f)
{
	CO_BEGIN;
	for (; f->rounds; f->rounds--) {
		CO_WRITE_LOCK(&rwlock);
		host_expect(writers++ == 0);
		host_expect(atomic_load(&readers) == 0);
		CO_YIELD;
		host_expect(atomic_load(&readers) == 0);
		host_expect(--writers == 0);
		rwlock_unlock_write(&rwlock);
	}
	atomic_add(&finished, 1u);
	waitq_wake(&done);
	CO_RETURN(0);
	CO_END;
}

struct library { struct co_frame co; struct task *t; u32 i; };
static co_t library(struct co *co, struct library *f)
{
	CO_BEGIN;
	waitq_init(&done);
	rwlock_init(&rwlock, CO_RANK_NONE);
	for (f->i = 0; f->i < 7; f->i++) {
		if (f->i % 3 == 2)
			CO_SPAWN(f->t, "writer", writer, .rounds = 5);
		else
			CO_SPAWN(f->t, "reader", reader, .rounds = 5);
		host_expect(f->t);
		task_put(f->t);
	}
	CO_WAIT_IO(&done, atomic_load(&finished) == 7);
	host_expect(rwlock_try_write(&rwlock));
	rwlock_unlock_write(&rwlock);
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(library)

static void test_rwlock(void **state)
{
	co_machine_seeds(50, 1, begin_library);
	co_machine_seeds(300, 3, begin_library);
}

/* A writer that waits keeps later readers out, and then all readers go at once. */
struct one_reader { struct co_frame co; };
static co_t one_reader(struct co *co, struct one_reader *f)
{
	CO_BEGIN;
	CO_READ_LOCK(&rwlock);
	order[ordered++] = 'r';
	CO_YIELD;
	host_expect(rwlock.readers == 2);
	CO_YIELD;
	rwlock_unlock_read(&rwlock);
	CO_RETURN(0);
	CO_END;
}

struct one_writer { struct co_frame co; };
static co_t one_writer(struct co *co, struct one_writer *f)
{
	CO_BEGIN;
	CO_WRITE_LOCK(&rwlock);
	order[ordered++] = 'w';
	CO_YIELD;
	rwlock_unlock_write(&rwlock);
	CO_RETURN(0);
	CO_END;
}

struct queueing { struct co_frame co; struct task *w, *r1, *r2; long n; };
static co_t queueing(struct co *co, struct queueing *f)
{
	CO_BEGIN;
	rwlock_init(&rwlock, CO_RANK_NONE);
	CO_READ_LOCK(&rwlock);
	CO_SPAWN(f->w, "w", one_writer);
	CO_YIELD;
	host_expect(!rwlock_try_read(&rwlock));
	CO_SPAWN(f->r1, "r1", one_reader);
	CO_SPAWN(f->r2, "r2", one_reader);
	CO_YIELD;
	rwlock_unlock_read(&rwlock);
	CO_JOIN(f->n, f->w);
	CO_JOIN(f->n, f->r1);
	CO_JOIN(f->n, f->r2);
	host_expect(order[0] == 'w' && order[1] == 'r' && order[2] == 'r');
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(queueing)

static void test_queueing(void **state)
{
	co_machine_seeds(1, 1, begin_queueing);
}

/* --- user mode --- */

/* x0: who I am. Fills FP and TLS with it, spins with system calls between, and looks. */
static const struct host_insn program[] = {
	{.op = HOST_OP_FP_SET, .d = 3, .a = 19},
	{.op = HOST_OP_TLS_SET, .a = 19},
	P_SET(20, 30),
	{.op = HOST_OP_SPIN, .imm = 20000},
	{.op = HOST_OP_FP_GET, .d = 1, .a = 3},
	{.op = HOST_OP_EXPECT, .a = 1, .b = 19, .to = __LINE__},
	{.op = HOST_OP_TLS_GET, .d = 2},
	{.op = HOST_OP_EXPECT, .a = 2, .b = 19, .to = __LINE__},
	P_MOVE(0, 20),
	P_SYS(1),	/* doubles x0, may wait */
	P_SUM(3, 20, 20),
	{.op = HOST_OP_EXPECT, .a = 0, .b = 3, .to = __LINE__},
	P_ADD(20, 20, -1),
	P_IF(20, NE, 0, -10),
	P_SYS(2),	/* exit */
	{.op = HOST_OP_ILLEGAL},
};

struct double_it { struct co_frame co; struct hal_user *user; long x; long err; };
static co_t double_it(struct co *co, struct double_it *f)
{
	CO_BEGIN;
	if (f->x % 3 == 0)
		CO_YIELD;
	if (f->x % 4 == 0)
		CO_SLEEP_UNTIL(f->err, hal_clock_ns() + 30000);
	f->user->x[0] = (u64)f->x * 2;
	CO_RETURN(0);
	CO_END;
}

struct leave { struct co_frame co; };
static co_t leave(struct co *co, struct leave *f)
{
	CO_BEGIN;
	co_task(co)->exiting = true;
	/* It began in a system call, so without a flag it would go back from there. */
	atomic_or(&co_task(co)->flags, (u32)TASK_RETURN);
	CO_RETURN(0);
	CO_END;
}

static co_t user_syscall(struct task *t)
{
	if (t->user->x[8] == 2)
		return co_begin(&t->co, leave);
	return co_begin(&t->co, double_it, .user = t->user, .x = (long)t->user->x[0]);
}

struct users { struct co_frame co; struct task *t[5]; u32 i; long n; };
static co_t users(struct co *co, struct users *f)
{
	CO_BEGIN;
	co_machine_syscall = user_syscall;
	for (f->i = 0; f->i < 5; f->i++) {
		f->t[f->i] = co_machine_user("user", HOST_ROM);
		f->t[f->i]->user->x[19] = 100 + f->i;
		task_start(f->t[f->i]);
	}
	for (f->i = 0; f->i < 5; f->i++)
		CO_JOIN(f->n, f->t[f->i]);
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(users)

static void test_users(void **state)
{
	static struct host_result r;

	for (u64 seed = 1; seed <= 120; seed++) {
		struct host_config config = {.seed = seed, .cpus = 1 + seed % 4, .rom = program,
					     .rom_count = ARRAY_SIZE(program)};

		if (co_machine_run(config, begin_users, &r) != HOST_OFF)
			fail_msg("seed %lu: %s: %s\n%s", seed, host_end_name(r.end), r.why,
				 r.console);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mutex),	 cmocka_unit_test(test_fair),
		cmocka_unit_test(test_misuse),	 cmocka_unit_test(test_rwlock),
		cmocka_unit_test(test_ranks),	 cmocka_unit_test(test_queueing),
		cmocka_unit_test(test_users),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
