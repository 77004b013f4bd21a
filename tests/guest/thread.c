/* Threads and futexes. */
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

enum { THREADS = 8, ROUNDS = 20000 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static long counter;
static _Thread_local long own;

static void start_all(pthread_t *threads, void *(*run)(void *))
{
	for (long i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, run, (void *)i), 0);
}

static void join_all(pthread_t *threads)
{
	for (long i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
}

static void *count_up(void *argument)
{
	for (int i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		pthread_mutex_unlock(&mutex);
		own++;
	}
	return own == ROUNDS ? argument : NULL;
}

TEST(threads_exclude_each_other)
{
	pthread_t threads[THREADS];

	start_all(threads, count_up);
	for (long i = 0; i < THREADS; i++) {
		void *result;

		CHECK_EQ(pthread_join(threads[i], &result), 0);
		CHECK_EQ((long)result, i);
	}
	CHECK_EQ(counter, THREADS * ROUNDS);
	CHECK_EQ(own, 0);
}

static void *pass_the_turn(void *argument)
{
	for (long turn = (long)argument; turn < 200 * THREADS; turn += THREADS) {
		pthread_mutex_lock(&mutex);
		while (counter != turn)
			pthread_cond_wait(&condition, &mutex);
		counter++;
		pthread_cond_broadcast(&condition);
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

TEST(conditions_pass_turns)
{
	pthread_t threads[THREADS];

	start_all(threads, pass_the_turn);
	join_all(threads);
	CHECK_EQ(counter, 200 * THREADS);
}

static void *identify(void *argument)
{
	(void)argument;
	CHECK(gettid() != getpid());
	CHECK_EQ(syscall(SYS_getpid), getpid());
	return (void *)(long)gettid();
}

TEST(identities)
{
	pthread_t threads[THREADS];
	void *first, *second;

	start_all(threads, identify);
	CHECK_EQ(pthread_join(threads[0], &first), 0);
	CHECK_EQ(pthread_join(threads[1], &second), 0);
	CHECK(first != second);
	CHECK_EQ(gettid(), getpid());
}

static long futex(uint32_t *word, int operation, uint32_t value, const struct timespec *limit)
{
	return syscall(SYS_futex, word, operation, value, limit, NULL, 0);
}

TEST(futex_errors_and_time_out)
{
	uint32_t word = 1;
	struct timespec limit = { .tv_nsec = 50000000 };
	long before = test_now_ms();

	CHECK_ERR(futex(&word, FUTEX_WAIT, 0, NULL), EAGAIN);
	CHECK_ERR(futex(&word, FUTEX_WAIT, 1, &limit), ETIMEDOUT);
	CHECK(test_now_ms() - before >= 50);
	CHECK_EQ(futex(&word, FUTEX_WAKE, 1, NULL), 0);
	CHECK_ERR(futex((uint32_t *)16, FUTEX_WAIT, 1, NULL), EFAULT);
	CHECK_ERR(futex((uint32_t *)((char *)&word + 1), FUTEX_WAKE, 1, NULL), EINVAL);
	CHECK_ERR(futex(&word, 99, 1, NULL), ENOSYS);
}

TEST(futex_between_processes)
{
	uint32_t *word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			      -1, 0);
	pid_t pids[4];
	int woken = 0;

	for (int i = 0; i < 4; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(futex(word, FUTEX_WAIT, 0, NULL) != 0);
	}
	while (woken < 4) {
		woken += (int)futex(word, FUTEX_WAKE, 1, NULL);
		test_sleep_ms(2);
	}
	for (int i = 0; i < 4; i++)
		CHECK_EQ(test_wait(pids[i]), 0);
}

static uint32_t shared_word, other_word;
static atomic_int awake;

static void *wait_there(void *argument)
{
	(void)argument;
	while (futex(&shared_word, FUTEX_WAIT_PRIVATE, 0, NULL) != 0)
		;
	awake++;
	return NULL;
}

TEST(futex_requeue)
{
	pthread_t threads[THREADS];
	long moved = 0;

	start_all(threads, wait_there);
	test_sleep_ms(100);
	moved = syscall(SYS_futex, &shared_word, FUTEX_REQUEUE_PRIVATE, 1, (void *)100,
			&other_word, 0);
	CHECK(moved >= 1 && moved <= THREADS);
	while (awake < THREADS) {
		futex(&other_word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL);
		futex(&shared_word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL);
		test_sleep_ms(2);
	}
	join_all(threads);
}

TEST(futex_bitset_with_a_deadline)
{
	uint32_t word = 0;
	struct timespec deadline;

	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_nsec += 20000000;
	if (deadline.tv_nsec >= 1000000000) {
		deadline.tv_nsec -= 1000000000;
		deadline.tv_sec++;
	}
	CHECK_ERR(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 0, &deadline, NULL, 1),
		  ETIMEDOUT);
	CHECK_ERR(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, 0), EINVAL);
}

static void *sleep_long(void *argument)
{
	for (;;)
		pause();
	return argument;
}

static void leave_while_others_sleep(void *argument)
{
	pthread_t threads[THREADS];

	(void)argument;
	start_all(threads, sleep_long);
	exit(6);
}

TEST(exit_takes_every_thread)
{
	CHECK_EQ(WEXITSTATUS(test_child(leave_while_others_sleep, NULL)), 6);
}

static void *exec_it(void *argument)
{
	execl("/bin/sh", "sh", "-c", "exit 8", NULL);
	return argument;
}

static void exec_from_a_thread(void *argument)
{
	pthread_t threads[THREADS], one;

	(void)argument;
	start_all(threads, sleep_long);
	pthread_create(&one, NULL, exec_it, NULL);
	pthread_join(one, NULL);
}

TEST(exec_from_a_thread_takes_the_place_of_all)
{
	CHECK_EQ(WEXITSTATUS(test_child(exec_from_a_thread, NULL)), 8);
}

static void main_thread_leaves(void *argument)
{
	pthread_t one;

	(void)argument;
	pthread_create(&one, NULL, exec_it, NULL);
	pthread_exit(NULL);
}

TEST(the_first_thread_may_leave_first)
{
	CHECK_EQ(WEXITSTATUS(test_child(main_thread_leaves, NULL)), 8);
}

static void *segfault(void *argument)
{
	*(volatile char *)argument = 1;
	return NULL;
}

static void crash_in_a_thread(void *argument)
{
	pthread_t threads[THREADS], one;

	(void)argument;
	start_all(threads, sleep_long);
	pthread_create(&one, NULL, segfault, (void *)16);
	pthread_join(one, NULL);
}

TEST(a_fault_kills_the_process)
{
	CHECK_EQ(WTERMSIG(test_child(crash_in_a_thread, NULL)), SIGSEGV);
}

static volatile pid_t handled_by;

static void note_thread(int signal)
{
	(void)signal;
	handled_by = gettid();
}

static atomic_int thread_id;

static void *take_signals(void *argument)
{
	(void)argument;
	thread_id = gettid();
	while (!handled_by)
		test_sleep_ms(1);
	return NULL;
}

TEST(a_signal_to_one_thread)
{
	pthread_t one;

	signal(SIGUSR1, note_thread);
	pthread_create(&one, NULL, take_signals, NULL);
	while (!thread_id)
		sched_yield();
	CHECK_EQ(pthread_kill(one, SIGUSR1), 0);
	pthread_join(one, NULL);
	CHECK_EQ(handled_by, thread_id);
	CHECK_ERR(syscall(SYS_tgkill, getpid(), 999999, SIGUSR1), ESRCH);
}

TEST(a_signal_to_the_process_finds_an_open_mask)
{
	pthread_t one;
	sigset_t set;

	signal(SIGUSR1, note_thread);
	pthread_create(&one, NULL, take_signals, NULL);
	while (!thread_id)
		sched_yield();
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	kill(getpid(), SIGUSR1);
	pthread_join(one, NULL);
	CHECK_EQ(handled_by, thread_id);
}

static void *hold_and_die(void *argument)
{
	pthread_mutex_lock(argument);
	return NULL;
}

TEST(robust_mutexes)
{
	pthread_mutexattr_t kind;
	pthread_mutex_t robust;
	pthread_t one;

	pthread_mutexattr_init(&kind);
	pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&robust, &kind);
	pthread_create(&one, NULL, hold_and_die, &robust);
	pthread_join(one, NULL);
	CHECK_EQ(pthread_mutex_lock(&robust), EOWNERDEAD);
	CHECK_EQ(pthread_mutex_consistent(&robust), 0);
	CHECK_EQ(pthread_mutex_unlock(&robust), 0);
}

TEST(time_out_of_a_condition)
{
	struct timespec deadline;

	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += 0;
	pthread_mutex_lock(&mutex);
	CHECK_EQ(pthread_cond_timedwait(&condition, &mutex, &deadline), ETIMEDOUT);
	pthread_mutex_unlock(&mutex);
}

static void *come_and_go(void *argument)
{
	return argument;
}

TEST(many_threads_one_after_another)
{
	for (int i = 0; i < 500; i++) {
		pthread_t one;

		CHECK_EQ(pthread_create(&one, NULL, come_and_go, NULL), 0);
		CHECK_EQ(pthread_join(one, NULL), 0);
	}
}

static void *fork_there(void *argument)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(gettid() != getpid());
	return test_wait(pid) ? NULL : argument;
}

TEST(threads_may_fork)
{
	pthread_t threads[THREADS];

	start_all(threads, fork_there);
	for (long i = 0; i < THREADS; i++) {
		void *result;

		pthread_join(threads[i], &result);
		CHECK_EQ((long)result, i);
	}
}

static void *fault_pages(void *argument)
{
	char *at = argument;

	for (size_t i = 0; i < 256; i++)
		at[i * 4096] = 1;
	return NULL;
}

TEST(threads_fault_the_same_pages)
{
	for (int round = 0; round < 20; round++) {
		char *at = mmap(NULL, 256 * 4096, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		pthread_t threads[THREADS];

		for (int i = 0; i < THREADS; i++)
			CHECK_EQ(pthread_create(&threads[i], NULL, fault_pages, at), 0);
		join_all(threads);
		for (int i = 0; i < 256; i++)
			CHECK_EQ(at[i * 4096], 1);
		CHECK_EQ(munmap(at, 256 * 4096), 0);
	}
}

TEST(affinity)
{
	cpu_set_t set;

	CHECK_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
	CHECK(CPU_ISSET(0, &set));
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	CHECK_EQ(sched_setaffinity(0, sizeof(set), &set), 0);
	CHECK_EQ(sched_getcpu(), 0);
	CPU_ZERO(&set);
	CHECK_ERR(sched_setaffinity(0, sizeof(set), &set), EINVAL);
}

/* A cancelled thread unwinds from a handler through the call it waits in. */
static volatile int cleaned;

static void clean(void *arg)
{
	(void)arg;
	cleaned = 1;
}

static void wait_in(long which)
{
	struct pollfd none = { .fd = -1 };
	int pair[2];
	char c;

	switch (which) {
	case 0:
		pause();
		break;
	case 1:
		poll(&none, 1, -1);
		break;
	case 2:
		nanosleep(&(struct timespec) { .tv_sec = 100 }, NULL);
		break;
	case 3:
		if (pipe(pair) == 0 && read(pair[0], &c, 1) < 0)
			_exit(9);
		break;
	default:
		mq_receive(mq_open("/cancelled", O_CREAT | O_RDWR, 0600, NULL), (char[8192]) {},
			   8192, NULL);
		break;
	}
}

static void *cancelled(void *arg)
{
	pthread_cleanup_push(clean, NULL);
	wait_in((long)arg);
	pthread_cleanup_pop(0);
	return NULL;
}

TEST(cancelling_unwinds_from_a_handler)
{
	for (long which = 0; which < 5; which++) {
		pthread_t t;
		void *result;

		cleaned = 0;
		CHECK_EQ(pthread_create(&t, NULL, cancelled, (void *)which), 0);
		nanosleep(&(struct timespec) { .tv_nsec = 20000000 }, NULL);
		CHECK_EQ(pthread_cancel(t), 0);
		CHECK_EQ(pthread_join(t, &result), 0);
		CHECK(result == PTHREAD_CANCELED);
		CHECK_EQ(cleaned, 1);
	}
	mq_unlink("/cancelled");
}
