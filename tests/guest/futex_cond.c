/* futex: waiters that go over to a lock with an owner, as condition variables want it. */
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

typedef _Atomic(uint32_t) word;

static word condition, lock, lock2;
static atomic_int entered, left, stop;

static long futex(word *addr, int op, uint32_t value, uintptr_t time, word *addr2, uint32_t value3)
{
	return syscall(SYS_futex, addr, op | FUTEX_PRIVATE_FLAG, value, time, addr2, value3);
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

static long wait_for(word *on, uint32_t value, word *then, struct timespec *until)
{
	return futex(on, FUTEX_WAIT_REQUEUE_PI, value, (uintptr_t)until, then, 0);
}

static long move(word *from, uint32_t most, word *to, uint32_t value)
{
	return futex(from, FUTEX_CMP_REQUEUE_PI, 1, most, to, value);
}

static void take(word *l)
{
	CHECK_EQ(futex(l, FUTEX_LOCK_PI, 0, 0, NULL, 0), 0);
}

static void give(word *l)
{
	CHECK_EQ(futex(l, FUTEX_UNLOCK_PI, 0, 0, NULL, 0), 0);
}

/* Move until n have gone over; how often it took is the scheduler's. */
static void move_all(word *from, word *to, int n)
{
	while (n) {
		long moved = move(from, 100, to, condition);

		CHECK(moved >= 0 && moved <= n);
		n -= (int)moved;
		test_sleep_ms(1);
	}
}

TEST(a_wait_that_cannot_be)
{
	struct timespec soon = in_ms(CLOCK_MONOTONIC, 20), bad = { 0, 1000000000 }, past = { 1, 0 };

	CHECK_ERR(wait_for(&condition, 1, &lock, NULL), EAGAIN);
	CHECK_ERR(wait_for(&condition, 0, &condition, NULL), EINVAL);
	CHECK_ERR(wait_for((word *)((char *)&condition + 2), 0, &lock, NULL), EINVAL);
	CHECK_ERR(wait_for(&condition, 0, (word *)((char *)&lock + 1), NULL), EINVAL);
	CHECK_ERR(wait_for((word *)16, 0, &lock, NULL), EFAULT);
	/* Where it would go is not looked at before. */
	CHECK_ERR(wait_for(&condition, 0, (word *)16, &past), ETIMEDOUT);
	CHECK_ERR(wait_for(&condition, 0, (word *)-16ul, &past), EFAULT);
	CHECK_ERR(wait_for(&condition, 0, &lock, &bad), EINVAL);
	CHECK_ERR(wait_for(&condition, 0, &lock, (void *)16), EFAULT);
	CHECK_ERR(wait_for(&condition, 0, &lock, &past), ETIMEDOUT);
	CHECK_ERR(wait_for(&condition, 0, &lock, &soon), ETIMEDOUT);
	soon = in_ms(CLOCK_REALTIME, 20);
	CHECK_ERR(futex(&condition, FUTEX_WAIT_REQUEUE_PI | FUTEX_CLOCK_REALTIME, 0,
			(uintptr_t)&soon, &lock, 0), ETIMEDOUT);
	CHECK_EQ(lock, 0);
}

TEST(a_move_that_cannot_be)
{
	CHECK_EQ(move(&condition, 1, &lock, 0), 0);
	CHECK_ERR(move(&condition, 1, &lock, 1), EAGAIN);
	CHECK_ERR(move(&condition, 1, &condition, 0), EINVAL);
	CHECK_ERR(move(&condition, (uint32_t)-1, &lock, 0), EINVAL);
	CHECK_ERR(futex(&condition, FUTEX_CMP_REQUEUE_PI, 0, 1, &lock, 0), EINVAL);
	CHECK_ERR(futex(&condition, FUTEX_CMP_REQUEUE_PI, 2, 1, &lock, 0), EINVAL);
	CHECK_ERR(futex(&condition, FUTEX_CMP_REQUEUE_PI, (uint32_t)-1, 1, &lock, 0), EINVAL);
	CHECK_ERR(move((word *)((char *)&condition + 2), 1, &lock, 0), EINVAL);
	CHECK_ERR(move(&condition, 1, (word *)((char *)&lock + 2), 0), EINVAL);
	CHECK_ERR(move((word *)16, 1, &lock, 0), EFAULT);
	CHECK_ERR(move(&condition, 1, (word *)16, 0), EFAULT);
	CHECK_ERR(futex(&condition, FUTEX_CMP_REQUEUE_PI | FUTEX_CLOCK_REALTIME, 1, 1, &lock, 0), ENOSYS);
}

static void *wait_and_give(void *arg)
{
	(void)arg;
	entered++;
	CHECK_EQ(wait_for(&condition, 0, &lock, NULL), 0);
	CHECK_EQ(lock & FUTEX_TID_MASK, gettid());
	left++;
	give(&lock);
	return NULL;
}

TEST(a_free_lock_is_had_at_once)
{
	pthread_t thread;

	pthread_create(&thread, NULL, wait_and_give, NULL);
	move_all(&condition, &lock, 1);
	pthread_join(thread, NULL);
	CHECK_EQ(left, 1);
	CHECK_EQ(lock, 0);
}

TEST(all_go_over_to_a_lock_that_is_had)
{
	pthread_t threads[8];

	take(&lock);
	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, wait_and_give, NULL);
	move_all(&condition, &lock, 8);
	CHECK_EQ(lock, FUTEX_WAITERS | (uint32_t)gettid());
	test_sleep_ms(20);
	CHECK_EQ(left, 0);
	give(&lock);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(left, 8);
	CHECK_EQ(lock, 0);
}

TEST(one_goes_over_and_as_many_as_are_asked_for)
{
	pthread_t threads[4];
	long moved;

	take(&lock);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, wait_and_give, NULL);
	while (entered < 4)
		test_sleep_ms(1);
	while (!(moved = move(&condition, 0, &lock, 0)))
		test_sleep_ms(1);
	CHECK_EQ(moved, 1);
	test_sleep_ms(200);
	CHECK_EQ(move(&condition, 1, &lock, 0), 2);
	CHECK_EQ(move(&condition, 0, &lock, 0), 1);
	CHECK_EQ(move(&condition, 9, &lock, 0), 0);
	give(&lock);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

static void *wait_plain(void *arg)
{
	(void)arg;
	CHECK_EQ(futex(&condition, FUTEX_WAIT, 0, 0, NULL, 0), 0);
	return NULL;
}

TEST(only_the_two_go_together)
{
	pthread_t thread;
	long n;

	pthread_create(&thread, NULL, wait_and_give, NULL);
	while (!(n = futex(&condition, FUTEX_WAKE, 1, 0, NULL, 0)))
		test_sleep_ms(1);
	CHECK_EQ(n, -1);
	CHECK_EQ(errno, EINVAL);
	CHECK_ERR(futex(&condition, FUTEX_WAKE_BITSET, 1, 0, NULL, 1), EINVAL);
	CHECK_ERR(futex(&condition, FUTEX_REQUEUE, 1, 1, &lock2, 0), EINVAL);
	CHECK_ERR(futex(&condition, FUTEX_CMP_REQUEUE, 0, 1, &lock2, 0), EINVAL);
	CHECK_ERR(futex(&condition, FUTEX_WAKE_OP, 1, 1, &lock2, 0), EINVAL);
	CHECK_ERR(futex(&lock2, FUTEX_WAKE_OP, 1, 1, &condition, 0), EINVAL);
	CHECK_ERR(move(&condition, 1, &lock2, 0), EINVAL);
	move_all(&condition, &lock, 1);
	pthread_join(thread, NULL);
	pthread_create(&thread, NULL, wait_plain, NULL);
	while (!(n = move(&condition, 1, &lock, 0)))
		test_sleep_ms(1);
	CHECK_EQ(n, -1);
	CHECK_EQ(errno, EINVAL);
	CHECK_EQ(futex(&condition, FUTEX_WAKE, 1, 0, NULL, 0), 1);
	pthread_join(thread, NULL);
	CHECK_EQ(lock, 0);
}

static void *wait_in_vain(void *arg)
{
	struct timespec later = in_ms(CLOCK_MONOTONIC, 1000);

	(void)arg;
	entered++;
	CHECK_ERR(wait_for(&condition, 0, &lock, &later), ETIMEDOUT);
	CHECK((lock & FUTEX_TID_MASK) != (uint32_t)gettid());
	return NULL;
}

TEST(time_goes_on_after_the_move)
{
	pthread_t thread;

	take(&lock);
	pthread_create(&thread, NULL, wait_in_vain, NULL);
	while (!entered)
		test_sleep_ms(1);
	test_sleep_ms(100);
	/* Unless it took a second to get here. */
	CHECK(move(&condition, 1, &lock, 0) <= 1);
	pthread_join(thread, NULL);
	give(&lock);
	CHECK_EQ(lock, 0);
}

static atomic_int handled;

static void handle(int sig)
{
	(void)sig;
	handled++;
}

static void *wait_interrupted(void *arg)
{
	(void)arg;
	entered++;
	CHECK_ERR(wait_for(&condition, 0, &lock, NULL), EAGAIN);
	CHECK_EQ(handled, 2);
	return NULL;
}

TEST(signals_before_and_after_the_move)
{
	pthread_t thread;

	sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = handle }, NULL);
	take(&lock);
	pthread_create(&thread, NULL, wait_interrupted, NULL);
	while (!entered)
		test_sleep_ms(1);
	test_sleep_ms(100);
	pthread_kill(thread, SIGUSR1);
	while (!handled)
		test_sleep_ms(1);
	/* It waits again. */
	move_all(&condition, &lock, 1);
	pthread_kill(thread, SIGUSR1);
	pthread_join(thread, NULL);
	give(&lock);
	CHECK_EQ(lock, 0);
}

static void *die_with_lock(void *arg)
{
	(void)arg;
	take(&lock);
	entered = 1;
	while (!stop)
		test_sleep_ms(1);
	return NULL;
}

static void *wait_and_inherit(void *arg)
{
	(void)arg;
	CHECK_EQ(wait_for(&condition, 0, &lock, NULL), 0);
	CHECK_EQ(lock & (FUTEX_TID_MASK | FUTEX_OWNER_DIED), FUTEX_OWNER_DIED | (uint32_t)gettid());
	give(&lock);
	return NULL;
}

TEST(a_lock_is_inherited_by_one_who_was_moved)
{
	pthread_t owner, heir;

	pthread_create(&owner, NULL, die_with_lock, NULL);
	while (!entered)
		test_sleep_ms(1);
	pthread_create(&heir, NULL, wait_and_inherit, NULL);
	move_all(&condition, &lock, 1);
	stop = 1;
	pthread_join(owner, NULL);
	pthread_join(heir, NULL);
	CHECK_EQ(lock, 0);
}

TEST(nobody_has_what_he_would_go_over_to)
{
	pthread_t thread;

	lock = 32001;
	pthread_create(&thread, NULL, wait_in_vain, NULL);
	while (!entered)
		test_sleep_ms(1);
	for (long n = 0; !n;) {
		n = move(&condition, 1, &lock, 0);
		if (n)
			CHECK(n == -1 && errno == ESRCH);
	}
	pthread_join(thread, NULL);
}

static void *wait_with_lock(void *arg)
{
	struct timespec later = in_ms(CLOCK_MONOTONIC, 1000);

	(void)arg;
	take(&lock);
	entered++;
	CHECK_ERR(wait_for(&condition, 0, &lock, &later), ETIMEDOUT);
	give(&lock);
	return NULL;
}

TEST(one_who_has_the_lock_already_is_not_moved)
{
	pthread_t thread;
	long n = 0;

	pthread_create(&thread, NULL, wait_with_lock, NULL);
	while (!entered)
		test_sleep_ms(1);
	while (!n)
		n = move(&condition, 1, &lock, 0);
	CHECK_EQ(n, -1);
	CHECK_EQ(errno, EDEADLK);
	pthread_join(thread, NULL);
	CHECK_EQ(lock, 0);
}

/* --- the most urgent first --- */

static atomic_int order[4];

static void *wait_urgently(void *arg)
{
	int priority = (int)(intptr_t)arg;
	struct sched_param p = { .sched_priority = priority };

	if (priority)
		CHECK_EQ(pthread_setschedparam(pthread_self(), SCHED_FIFO, &p), 0);
	entered++;
	CHECK_EQ(wait_for(&condition, 0, &lock, NULL), 0);
	order[left++] = priority;
	give(&lock);
	return NULL;
}

TEST(the_most_urgent_goes_first)
{
	static const int priorities[4] = { 0, 3, 9, 5 };
	pthread_t threads[4];

	take(&lock);
	for (int i = 0; i < 4; i++) {
		pthread_create(&threads[i], NULL, wait_urgently, (void *)(intptr_t)priorities[i]);
		while (entered <= i)
			test_sleep_ms(1);
		test_sleep_ms(100);
	}
	CHECK_EQ(move(&condition, 2, &lock, 0), 3);
	CHECK_EQ(move(&condition, 2, &lock, 0), 1);
	give(&lock);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	CHECK(order[0] == 9 && order[1] == 5 && order[2] == 3 && order[3] == 0);
}

static void *wait_to_be_woken(void *arg)
{
	int priority = (int)(intptr_t)arg;
	struct sched_param p = { .sched_priority = priority };

	if (priority)
		CHECK_EQ(pthread_setschedparam(pthread_self(), SCHED_FIFO, &p), 0);
	entered++;
	CHECK_EQ(futex(&condition, FUTEX_WAIT, 0, 0, NULL, 0), 0);
	order[left++] = priority;
	return NULL;
}

TEST(the_most_urgent_is_woken_first)
{
	static const int priorities[3] = { 0, 3, 9 };
	pthread_t threads[3];

	for (int i = 0; i < 3; i++) {
		pthread_create(&threads[i], NULL, wait_to_be_woken, (void *)(intptr_t)priorities[i]);
		while (entered <= i)
			test_sleep_ms(1);
		test_sleep_ms(100);
	}
	/* None is one. */
	for (uint32_t i = 0; i < 3; i++) {
		CHECK_EQ(futex(&condition, FUTEX_WAKE, i ? 1 - i : 0, 0, NULL, 0), 1);
		while (left <= (int)i)
			test_sleep_ms(1);
	}
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	CHECK(order[0] == 9 && order[1] == 3 && order[2] == 0);
}

/* --- between processes --- */

struct shared {
	word condition, lock;
	atomic_int got;
};

TEST(between_processes)
{
	struct shared *s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child;

	CHECK(s != MAP_FAILED);
	child = fork();
	if (!child) {
		if (syscall(SYS_futex, &s->condition, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &s->lock, 0))
			_exit(1);
		s->got = (s->lock & FUTEX_TID_MASK) == (uint32_t)getpid();
		_exit(syscall(SYS_futex, &s->lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0) ? 2 : 0);
	}
	/* A private condition is another. */
	CHECK_EQ(move(&s->condition, 1, &s->lock, 0), 0);
	for (long n = 0; !n;) {
		n = syscall(SYS_futex, &s->condition, FUTEX_CMP_REQUEUE_PI, 1, 1, &s->lock, 0);
		CHECK(n >= 0);
		test_sleep_ms(1);
	}
	CHECK_EQ(test_wait(child), 0);
	CHECK_EQ(s->got, 1);
	CHECK_EQ(s->lock, 0);
}

/* --- a condition variable, in use --- */

static int items;
static atomic_int taken, gave_up;

static void *consume(void *arg)
{
	struct timespec soon;
	uint32_t seen;
	long err;

	take(&lock);
	while (!stop) {
		if (items) {
			items--;
			taken++;
			continue;
		}
		seen = condition;
		give(&lock);
		soon = in_ms(CLOCK_MONOTONIC, (uintptr_t)arg);
		err = wait_for(&condition, seen, &lock, &soon);
		if (!err)
			CHECK_EQ(lock & FUTEX_TID_MASK, gettid());
		else
			CHECK(errno == EAGAIN || errno == ETIMEDOUT);
		if (err) {
			gave_up++;
			take(&lock);
		}
	}
	give(&lock);
	return NULL;
}

TEST(a_condition_variable)
{
	pthread_t threads[6];

	for (int i = 0; i < 6; i++)
		pthread_create(&threads[i], NULL, consume, (void *)(intptr_t)(i < 3 ? 1 : 50));
	for (int i = 0; i < 200; i++) {
		take(&lock);
		items++;
		condition++;
		if (move(&condition, i % 3 ? 0 : 100, &lock, condition) < 0)
			CHECK_EQ(errno, EAGAIN);
		give(&lock);
	}
	while (taken < 200)
		test_sleep_ms(1);
	take(&lock);
	stop = 1;
	condition++;
	CHECK(move(&condition, 100, &lock, condition) >= 0);
	give(&lock);
	for (int i = 0; i < 6; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(lock, 0);
	CHECK_EQ(items, 0);
}
