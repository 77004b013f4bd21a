/* Timers on CPU time and alarm clocks, timer descriptors and a clock that is set, barriers. */
#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

static atomic_int fired;

static void on_timer(int sig)
{
	(void)sig;
	fired++;
}

static void use_time(long ms)
{
	struct timespec start, now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
	do
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < ms);
}

static void runs_out(clockid_t clock)
{
	struct itimerspec in_20_ms = { .it_value = { 0, 20000000 } }, left;
	timer_t timer;

	fired = 0;
	signal(SIGALRM, on_timer);
	CHECK_EQ(timer_create(clock, NULL, &timer), 0);
	CHECK_EQ(timer_settime(timer, 0, &in_20_ms, NULL), 0);
	CHECK_EQ(timer_gettime(timer, &left), 0);
	CHECK(left.it_value.tv_nsec > 0);
	use_time(100);
	/* Who tells may be on a CPU that the host is late to run. */
	for (int i = 0; i < 100 && !fired; i++)
		test_sleep_ms(20);
	CHECK_EQ(fired, 1);
	CHECK_EQ(timer_delete(timer), 0);
}

/* Who has its signal finds it no longer armed. */
TEST(one_that_fired_is_not_armed)
{
	struct itimerspec soon = { .it_value = { 0, 20000 } }, left;
	timer_t timer;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	CHECK_EQ(timer_create(CLOCK_MONOTONIC, NULL, &timer), 0);
	for (int i = 0; i < 3000; i++) {
		CHECK_EQ(timer_settime(timer, 0, &soon, NULL), 0);
		CHECK_EQ(sigwaitinfo(&set, NULL), SIGALRM);
		CHECK_EQ(timer_gettime(timer, &left), 0);
		CHECK_EQ(left.it_value.tv_sec, 0);
		CHECK_EQ(left.it_value.tv_nsec, 0);
	}
	CHECK_EQ(timer_delete(timer), 0);
}

TEST(time_that_is_used)
{
	clockid_t own;

	runs_out(CLOCK_PROCESS_CPUTIME_ID);
	runs_out(CLOCK_THREAD_CPUTIME_ID);
	CHECK_EQ(clock_getcpuclockid(getpid(), &own), 0);
	runs_out(own);
	CHECK_EQ(pthread_getcpuclockid(pthread_self(), &own), 0);
	runs_out(own);
}

TEST(nobody_sets_used_time)
{
	struct timespec t = { 1, 0 };
	clockid_t own;

	CHECK_EQ(clock_getcpuclockid(getpid(), &own), 0);
	CHECK_ERR(clock_settime(own, &t), EPERM);
	CHECK_ERR(clock_settime(CLOCK_MONOTONIC, &t), EINVAL);
	t.tv_nsec = 1000000000;
	CHECK_ERR(clock_settime(CLOCK_REALTIME, &t), EINVAL);
}

static void alarms_as_user(void *argument)
{
	timer_t timer;

	(void)argument;
	CHECK_ERR(timerfd_create(CLOCK_BOOTTIME_ALARM, 0), EPERM);
	CHECK_ERR(timer_create(CLOCK_REALTIME_ALARM, NULL, &timer), EPERM);
}

TEST(alarm_clocks_want_a_right)
{
	struct timespec a, b;
	struct itimerspec soon = { .it_value = { 0, 10000000 } };
	uint64_t times;
	int fd = timerfd_create(CLOCK_BOOTTIME_ALARM, 0);

	CHECK_EQ(clock_gettime(CLOCK_BOOTTIME, &a), 0);
	CHECK_EQ(clock_gettime(CLOCK_BOOTTIME_ALARM, &b), 0);
	CHECK(b.tv_sec - a.tv_sec <= 1);
	CHECK_EQ(timerfd_settime(fd, 0, &soon, NULL), 0);
	CHECK_EQ(read(fd, &times, 8), 8);
	CHECK_EQ(times, 1);
	CHECK_EQ(test_child_as(1000, alarms_as_user, NULL), 0);
}

static void set_clock_to_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	CHECK_EQ(clock_settime(CLOCK_REALTIME, &now), 0);
}

static void *set_clock_later(void *arg)
{
	test_sleep_ms(50);
	set_clock_to_now();
	return arg;
}

TEST(a_clock_that_is_set_cancels)
{
	enum { CANCELS = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET };
	int fd = timerfd_create(CLOCK_REALTIME, 0), other = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
	struct itimerspec far = { 0 };
	struct pollfd poll_fd = { fd, POLLIN, 0 };
	pthread_t thread;
	uint64_t times;

	clock_gettime(CLOCK_REALTIME, &far.it_value);
	far.it_value.tv_sec += 1000;
	CHECK_EQ(timerfd_settime(fd, CANCELS, &far, NULL), 0);
	CHECK_EQ(timerfd_settime(other, TFD_TIMER_ABSTIME, &far, NULL), 0);
	CHECK_EQ(poll(&poll_fd, 1, 0), 0);
	pthread_create(&thread, NULL, set_clock_later, NULL);
	CHECK_ERR(read(fd, &times, 8), ECANCELED);
	pthread_join(thread, NULL);
	CHECK_ERR(read(other, &times, 8), EAGAIN);
	CHECK_EQ(poll(&poll_fd, 1, 0), 0);
	set_clock_to_now();
	CHECK_EQ(poll(&poll_fd, 1, 0), 1);
	CHECK_ERR(timerfd_settime(fd, CANCELS, &far, NULL), ECANCELED);
	CHECK_EQ(timerfd_settime(fd, CANCELS, &far, NULL), 0);
	CHECK_EQ(poll(&poll_fd, 1, 0), 0);
	CHECK_ERR(timerfd_settime(fd, 4, &far, NULL), EINVAL);
}

TEST(a_timer_says_what_it_holds)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);
	struct itimerspec set = { .it_value = { 100, 0 }, .it_interval = { 3, 7 } };
	char path[64];
	const char *text;

	CHECK_EQ(timerfd_settime(fd, 0, &set, NULL), 0);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	text = test_read_file(path);
	CHECK(strstr(text, "clockid: 1\nticks: 0\nsettime flags: 00\nit_value: (99, "));
	CHECK(strstr(text, "\nit_interval: (3, 7)\n"));
}

/* --- barriers --- */

static long barrier(int cmd, unsigned flags, int cpu)
{
	return syscall(SYS_membarrier, cmd, flags, cpu);
}

static void make_timers_to_the_limit(void *unused)
{
	struct rlimit room = { 20, 20 };
	union sigval none = { 0 };
	timer_t timer, last = NULL;
	sigset_t all;
	int made = 0;

	(void)unused;
	sigfillset(&all);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &all, NULL), 0);
	CHECK_EQ(setrlimit(RLIMIT_SIGPENDING, &room), 0);
	for (; made < 100 && !timer_create(CLOCK_MONOTONIC, NULL, &timer); made++)
		last = timer;
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(made, 20);
	CHECK(strstr(test_read_file("/proc/self/status"), "SigQ:\t20/20\n"));
	CHECK_ERR(sigqueue(getpid(), SIGRTMIN, none), EAGAIN);
	CHECK_EQ(timer_delete(last), 0);
	CHECK_EQ(sigqueue(getpid(), SIGRTMIN, none), 0);
	CHECK_ERR(timer_create(CLOCK_MONOTONIC, NULL, &timer), EAGAIN);
}

TEST(timers_count_as_queued_signals)
{
	CHECK_EQ(test_child_as(1234, make_timers_to_the_limit, NULL), 0);
	CHECK_EQ(test_child(make_timers_to_the_limit, NULL), 0);
}

TEST(barriers_are_registered)
{
	CHECK_EQ(barrier(MEMBARRIER_CMD_QUERY, 0, 0), 0x3ff);
	CHECK_EQ(barrier(MEMBARRIER_CMD_GET_REGISTRATIONS, 0, 0), 0);
	CHECK_EQ(barrier(MEMBARRIER_CMD_GLOBAL, 0, 0), 0);
	CHECK_ERR(barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0), EPERM);
	CHECK_ERR(barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0), EPERM);
	CHECK_EQ(barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0), 0);
	CHECK_EQ(barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0), 0);
	CHECK_EQ(barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, MEMBARRIER_CMD_FLAG_CPU, 0), 0);
	CHECK_EQ(barrier(MEMBARRIER_CMD_GET_REGISTRATIONS, 0, 0),
		 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ |
			 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
	CHECK_ERR(barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0), EPERM);
	CHECK_EQ(barrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0), 0);
	CHECK_EQ(barrier(MEMBARRIER_CMD_GET_REGISTRATIONS, 0, 0),
		 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ |
			 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED |
			 MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED);
	CHECK_ERR(barrier(MEMBARRIER_CMD_GLOBAL, MEMBARRIER_CMD_FLAG_CPU, 0), EINVAL);
	CHECK_ERR(barrier(1 << 12, 0, 0), EINVAL);
}

TEST(no_descriptor_is_a_namespace)
{
	CHECK_ERR(setns(1, 0), EINVAL);
	CHECK_ERR(setns(99, 0), EBADF);
}
