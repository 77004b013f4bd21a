/* futex: locks that know their owner, several words at once, the calls with flags per word. */
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

#ifndef SYS_futex_wake
#define SYS_futex_wake 454
#define SYS_futex_wait 455
#define SYS_futex_requeue 456
#endif
#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif
enum { SIZE_U32 = 2, PRIVATE = 128 };

typedef _Atomic(uint32_t) word;

static long futex(word *addr, int op, uint32_t value, void *time, word *addr2, uint32_t value3)
{
	return syscall(SYS_futex, addr, op, value, time, addr2, value3);
}

static struct timespec in_ms(clockid_t clock, long ms)
{
	struct timespec t;

	clock_gettime(clock, &t);
	t.tv_nsec += ms * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static word lock, lock2;
static atomic_int step, other;

static void wait_step(int n)
{
	while (step < n)
		test_sleep_ms(1);
}

/* --- locks with an owner --- */

TEST(a_lock_nobody_has)
{
	uint32_t me = (uint32_t)gettid();

	CHECK_EQ(futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	CHECK_EQ(lock, me);
	CHECK_ERR(futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), EDEADLK);
	CHECK_ERR(futex(&lock, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, NULL, 0), EDEADLK);
	CHECK_EQ(futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	CHECK_EQ(lock, 0);
	CHECK_ERR(futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), EPERM);
	CHECK_EQ(futex(&lock, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	CHECK_EQ(lock, me);
	lock = FUTEX_OWNER_DIED;
	CHECK_EQ(futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	CHECK_EQ(lock, me | FUTEX_OWNER_DIED);
	lock = me | FUTEX_WAITERS;
	CHECK_EQ(futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	CHECK_EQ(lock, 0);
}

TEST(owners_that_cannot_be)
{
	struct timespec bad = { 0, 1000000000 };

	lock = 32001;
	CHECK_ERR(futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), ESRCH);
	CHECK_EQ(lock, 32001 | FUTEX_WAITERS);
	CHECK_ERR(futex(&lock, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, NULL, 0), ESRCH);
	CHECK_ERR(futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), EPERM);
	CHECK_ERR(futex((word *)((char *)&lock + 2), FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), EINVAL);
	CHECK_ERR(futex((word *)16, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), EFAULT);
	CHECK_ERR(futex((word *)16, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), EFAULT);
	CHECK_ERR(futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, &bad, NULL, 0), EINVAL);
	CHECK_ERR(futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, (void *)16, NULL, 0), EFAULT);
	CHECK_ERR(futex(&lock, FUTEX_LOCK_PI_PRIVATE | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0), ENOSYS);
	CHECK_ERR(futex(&lock, FUTEX_WAIT | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0), ENOSYS);
	CHECK_ERR(futex(&lock, 99, 0, NULL, NULL, 0), ENOSYS);
}

static void *hold(void *arg)
{
	(void)arg;
	CHECK_EQ(futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	other = gettid();
	step = 1;
	wait_step(2);
	test_sleep_ms(30);
	CHECK_EQ(futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	CHECK_ERR(futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), EPERM);
	return NULL;
}

TEST(a_lock_is_handed_over)
{
	uint32_t me = (uint32_t)gettid();
	struct timespec past = { 1, 0 }, soon;
	pthread_t thread;

	pthread_create(&thread, NULL, hold, NULL);
	wait_step(1);
	CHECK_EQ(lock, other);
	CHECK_ERR(futex(&lock, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, NULL, 0), EAGAIN);
	CHECK_EQ(lock, (uint32_t)other | FUTEX_WAITERS);
	CHECK_ERR(futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, &past, NULL, 0), ETIMEDOUT);
	soon = in_ms(CLOCK_REALTIME, 20);
	CHECK_ERR(futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, &soon, NULL, 0), ETIMEDOUT);
	soon = in_ms(CLOCK_MONOTONIC, 20);
	CHECK_ERR(futex(&lock, FUTEX_LOCK_PI2 | FUTEX_PRIVATE_FLAG, 0, &soon, NULL, 0), ETIMEDOUT);
	step = 2;
	CHECK_EQ(futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	CHECK_EQ(lock & FUTEX_TID_MASK, me);
	pthread_join(thread, NULL);
	CHECK_EQ(futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	CHECK_EQ(lock, 0);
}

static void *die_with_lock(void *arg)
{
	(void)arg;
	CHECK_EQ(futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	step = 1;
	wait_step(2);
	test_sleep_ms(30);
	return NULL;
}

TEST(a_lock_is_inherited)
{
	uint32_t me = (uint32_t)gettid();
	pthread_t thread;

	pthread_create(&thread, NULL, die_with_lock, NULL);
	wait_step(1);
	step = 2;
	CHECK_EQ(futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	CHECK_EQ(lock, me | FUTEX_WAITERS | FUTEX_OWNER_DIED);
	pthread_join(thread, NULL);
	CHECK_EQ(futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
}

static void *cross(void *arg)
{
	(void)arg;
	CHECK_EQ(futex(&lock2, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	step = 1;
	CHECK_EQ(futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	CHECK_EQ(futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	CHECK_EQ(futex(&lock2, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	return NULL;
}

TEST(a_circle_is_refused)
{
	pthread_t thread;

	CHECK_EQ(futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	pthread_create(&thread, NULL, cross, NULL);
	wait_step(1);
	test_sleep_ms(50);
	CHECK_ERR(futex(&lock2, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), EDEADLK);
	CHECK_EQ(futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	pthread_join(thread, NULL);
}

static void on_signal(int sig)
{
	(void)sig;
	other = -1;
}

static void *signal_main(void *arg)
{
	CHECK_EQ(futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	step = 1;
	test_sleep_ms(50);
	pthread_kill(*(pthread_t *)arg, SIGUSR1);
	test_sleep_ms(50);
	CHECK_EQ(futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	return NULL;
}

TEST(a_signal_does_not_end_the_wait)
{
	struct sigaction act = { .sa_handler = on_signal };
	pthread_t thread, me = pthread_self();

	sigaction(SIGUSR1, &act, NULL);
	pthread_create(&thread, NULL, signal_main, &me);
	wait_step(1);
	CHECK_EQ(futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	CHECK_EQ(other, -1);
	pthread_join(thread, NULL);
}

TEST(between_processes)
{
	word *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child;

	CHECK_EQ(futex(shared, FUTEX_LOCK_PI, 0, NULL, NULL, 0), 0);
	child = fork();
	if (child == 0) {
		shared[1] = 1;
		if (futex(shared, FUTEX_LOCK_PI, 0, NULL, NULL, 0))
			_exit(1);
		_exit((*shared & FUTEX_TID_MASK) == (uint32_t)gettid() ? 0 : 2);
	}
	while (!shared[1] || !(*shared & FUTEX_WAITERS))
		test_sleep_ms(1);
	CHECK_EQ(futex(shared, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), 0);
	CHECK_EQ(test_wait(child), 0);
	/* It went with the lock: nobody is the owner. */
	CHECK_ERR(futex(shared, FUTEX_LOCK_PI, 0, NULL, NULL, 0), ESRCH);
}

static pthread_mutex_t mutex;

static void *robust_owner(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&mutex);
	step = 1;
	test_sleep_ms(30);
	return NULL;
}

static void make_mutex(int robust)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	if (robust)
		pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	CHECK_EQ(pthread_mutex_init(&mutex, &attr), 0);
}

TEST(a_robust_mutex_with_inheritance)
{
	pthread_t thread;

	make_mutex(1);
	pthread_create(&thread, NULL, robust_owner, NULL);
	wait_step(1);
	CHECK_EQ(pthread_mutex_lock(&mutex), EOWNERDEAD);
	CHECK_EQ(pthread_mutex_consistent(&mutex), 0);
	CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
	pthread_join(thread, NULL);
	/* Nobody waits this time. */
	step = 0;
	pthread_create(&thread, NULL, robust_owner, NULL);
	pthread_join(thread, NULL);
	CHECK_EQ(pthread_mutex_lock(&mutex), EOWNERDEAD);
	CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
	CHECK_EQ(pthread_mutex_lock(&mutex), ENOTRECOVERABLE);
}

static long shared_count;

static void *count_up(void *arg)
{
	(void)arg;
	for (int i = 0; i < 3000; i++) {
		pthread_mutex_lock(&mutex);
		shared_count++;
		if (i % 64 == 0)
			sched_yield();
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

static void *time_out(void *arg)
{
	(void)arg;
	for (int i = 0; i < 300; i++) {
		struct timespec soon = in_ms(CLOCK_REALTIME, 0);

		if (pthread_mutex_timedlock(&mutex, &soon) == 0)
			pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

TEST(many_for_one_lock)
{
	pthread_t threads[6];

	make_mutex(0);
	for (int i = 0; i < 6; i++)
		pthread_create(&threads[i], NULL, i < 4 ? count_up : time_out, NULL);
	for (int i = 0; i < 6; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(shared_count, 4 * 3000);
}

static void *die_in_turn(void *arg)
{
	uint32_t me = (uint32_t)gettid();

	(void)arg;
	CHECK_EQ(futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	CHECK_EQ(lock & FUTEX_TID_MASK, me);
	other++;
	return NULL;
}

TEST(a_line_of_heirs)
{
	enum { HEIRS = 20 };
	pthread_t threads[HEIRS];

	CHECK_EQ(futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	for (int i = 0; i < HEIRS; i++)
		pthread_create(&threads[i], NULL, die_in_turn, NULL);
	test_sleep_ms(50);
	CHECK_EQ(futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	test_sleep_ms(300);
	/* Who comes late finds a dead owner's number and nobody who waits. */
	lock = 0;
	for (int i = 0; i < HEIRS; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(other, HEIRS);
}

/* --- several words at once --- */

static word words[4];

static void fill(struct futex_waitv *v, int n)
{
	for (int i = 0; i < n; i++)
		v[i] = (struct futex_waitv) { .val = words[i], .uaddr = (uintptr_t)&words[i],
					      .flags = SIZE_U32 | PRIVATE };
}

static void *wake_third(void *arg)
{
	(void)arg;
	test_sleep_ms(50);
	futex(&words[2], FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	return NULL;
}

TEST(any_of_several_words)
{
	struct futex_waitv v[4];
	struct timespec soon = in_ms(CLOCK_MONOTONIC, 20), bad = { -1, 0 };
	pthread_t thread;

	fill(v, 4);
	CHECK_ERR(syscall(SYS_futex_waitv, v, 4, 0, &soon, CLOCK_MONOTONIC), ETIMEDOUT);
	pthread_create(&thread, NULL, wake_third, NULL);
	CHECK_EQ(syscall(SYS_futex_waitv, v, 4, 0, NULL, 0), 2);
	pthread_join(thread, NULL);
	words[3] = 7;
	CHECK_ERR(syscall(SYS_futex_waitv, v, 4, 0, NULL, 0), EAGAIN);
	CHECK_ERR(syscall(SYS_futex_waitv, v, 0, 0, NULL, 0), EINVAL);
	CHECK_ERR(syscall(SYS_futex_waitv, v, 129, 0, NULL, 0), EINVAL);
	CHECK_ERR(syscall(SYS_futex_waitv, NULL, 1, 0, NULL, 0), EINVAL);
	CHECK_ERR(syscall(SYS_futex_waitv, 16, 1, 0, NULL, 0), EFAULT);
	CHECK_ERR(syscall(SYS_futex_waitv, v, 1, 1, NULL, 0), EINVAL);
	CHECK_ERR(syscall(SYS_futex_waitv, v, 1, 0, &soon, CLOCK_BOOTTIME), EINVAL);
	CHECK_ERR(syscall(SYS_futex_waitv, v, 1, 0, &bad, CLOCK_MONOTONIC), EINVAL);
	CHECK_ERR(syscall(SYS_futex_waitv, v, 1, 0, 16, CLOCK_MONOTONIC), EFAULT);
	v[0].flags = 0;
	CHECK_ERR(syscall(SYS_futex_waitv, v, 1, 0, NULL, 0), EINVAL);
	fill(v, 1);
	v[0].__reserved = 1;
	CHECK_ERR(syscall(SYS_futex_waitv, v, 1, 0, NULL, 0), EINVAL);
	fill(v, 1);
	v[0].uaddr++;
	CHECK_ERR(syscall(SYS_futex_waitv, v, 1, 0, NULL, 0), EINVAL);
	v[0].uaddr = 16;
	CHECK_ERR(syscall(SYS_futex_waitv, v, 1, 0, NULL, 0), EFAULT);
}

/* --- the calls of their own --- */

static long wait_flags(word *addr, uint64_t value, uint64_t mask, unsigned flags,
		       struct timespec *until, int clock)
{
	return syscall(SYS_futex_wait, addr, value, mask, flags, until, clock);
}

static void *wait_masked(void *arg)
{
	uint64_t mask = (uintptr_t)arg;

	step++;
	CHECK_EQ(wait_flags(&words[0], 0, mask, SIZE_U32 | PRIVATE, NULL, 0), 0);
	other++;
	return NULL;
}

TEST(waiting_and_waking_with_flags)
{
	struct timespec soon = in_ms(CLOCK_MONOTONIC, 20);
	unsigned flags = SIZE_U32 | PRIVATE;
	pthread_t threads[2];

	words[0] = 0;
	CHECK_ERR(wait_flags(&words[0], 1, 1, flags, NULL, 0), EAGAIN);
	CHECK_ERR(wait_flags(&words[0], 0, 1, flags, &soon, CLOCK_MONOTONIC), ETIMEDOUT);
	CHECK_ERR(wait_flags(&words[0], 0, 0, flags, NULL, 0), EINVAL);
	CHECK_ERR(wait_flags(&words[0], 0, 1ull << 32, flags, NULL, 0), EINVAL);
	CHECK_ERR(wait_flags(&words[0], 1ull << 32, 1, flags, NULL, 0), EINVAL);
	CHECK_ERR(wait_flags(&words[0], 0, 1, 0, NULL, 0), EINVAL);
	CHECK_ERR(wait_flags(&words[0], 0, 1, flags | 4, NULL, 0), EINVAL);
	CHECK_ERR(wait_flags(&words[0], 0, 1, flags, &soon, CLOCK_BOOTTIME), EINVAL);
	CHECK_ERR(syscall(SYS_futex_wake, &words[0], 0, 1, flags), EINVAL);
	CHECK_ERR(syscall(SYS_futex_wake, &words[0], 1ull << 32, 1, flags), EINVAL);
	CHECK_ERR(syscall(SYS_futex_wake, &words[0], 1, 1, 1), EINVAL);
	CHECK_EQ(syscall(SYS_futex_wake, &words[0], 1, 1, flags), 0);
	pthread_create(&threads[0], NULL, wait_masked, (void *)1);
	pthread_create(&threads[1], NULL, wait_masked, (void *)2);
	wait_step(2);
	test_sleep_ms(50);
	CHECK_EQ(syscall(SYS_futex_wake, &words[0], 3, 0, flags), 0);
	CHECK_EQ(syscall(SYS_futex_wake, &words[0], 4, 9, flags), 0);
	CHECK_EQ(syscall(SYS_futex_wake, &words[0], 2, 9, flags), 1);
	pthread_join(threads[1], NULL);
	CHECK_EQ(other, 1);
	CHECK_EQ(syscall(SYS_futex_wake, &words[0], 3, -1, flags), 1);
	pthread_join(threads[0], NULL);
}

TEST(moving_with_flags)
{
	struct futex_waitv v[2];
	pthread_t threads[2];

	fill(v, 2);
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, wait_masked, (void *)3);
	wait_step(2);
	test_sleep_ms(50);
	CHECK_EQ(syscall(SYS_futex_requeue, v, 0, 1, 1), 2);
	CHECK_EQ(futex(&words[0], FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0), 0);
	CHECK_EQ(futex(&words[1], FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0), 1);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	v[0].val = 9;
	CHECK_ERR(syscall(SYS_futex_requeue, v, 0, 1, 1), EAGAIN);
	v[0].val = 0;
	CHECK_ERR(syscall(SYS_futex_requeue, v, 1, 1, 1), EINVAL);
	CHECK_ERR(syscall(SYS_futex_requeue, NULL, 0, 1, 1), EINVAL);
	CHECK_ERR(syscall(SYS_futex_requeue, 16, 0, 1, 1), EFAULT);
	CHECK_ERR(syscall(SYS_futex_requeue, v, 0, -1, 1), EINVAL);
	CHECK_ERR(syscall(SYS_futex_requeue, v, 0, 1, -1), EINVAL);
	v[1].flags = 0;
	CHECK_ERR(syscall(SYS_futex_requeue, v, 0, 1, 1), EINVAL);
}

/* --- waiters are moved while others wake and leave --- */

static atomic_bool stop;

static void *race_wait(void *arg)
{
	struct timespec short_time = { 0, 200000 };

	while (!stop)
		futex(arg, FUTEX_WAIT_PRIVATE, 0, &short_time, NULL, 0);
	return NULL;
}

static void *race_move(void *arg)
{
	while (!stop) {
		futex(&words[0], FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)2ul, &words[1], 0);
		futex(&words[1], FUTEX_REQUEUE_PRIVATE, 0, (void *)1ul, &words[0], 0);
		futex(&words[1], FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	}
	return arg;
}

TEST(moving_among_others)
{
	pthread_t threads[6];

	words[0] = words[1] = 0;
	for (int i = 0; i < 6; i++)
		pthread_create(&threads[i], NULL, i < 4 ? race_wait : race_move, &words[i % 2]);
	test_sleep_ms(800);
	stop = true;
	for (int i = 0; i < 6; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(futex(&words[0], FUTEX_WAKE_PRIVATE, 99, NULL, NULL, 0), 0);
	CHECK_EQ(futex(&words[1], FUTEX_WAKE_PRIVATE, 99, NULL, NULL, 0), 0);
}
