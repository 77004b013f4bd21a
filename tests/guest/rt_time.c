/* RLIMIT_RTTIME: how long a real-time thread runs without sleeping; and how late timers may be, of
 * which such a thread has none. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

#define MS 1000ul	/* of RLIMIT_RTTIME's microseconds */

static volatile int told, told_thread;

static void on_limit(int sig)
{
	(void)sig;
	told_thread = (int)syscall(SYS_gettid);
	told++;
}

static void become(int policy, int priority)
{
	struct sched_param param = {.sched_priority = priority};

	CHECK_EQ(sched_setscheduler(0, policy, &param), 0);
}

static void limit(rlim_t soft, rlim_t hard)
{
	struct rlimit limit = {soft, hard};

	CHECK_EQ(setrlimit(RLIMIT_RTTIME, &limit), 0);
}

static long ran_ms(void)
{
	struct timespec ts;

	CHECK_EQ(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts), 0);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Until it was told so often, but not for ever. */
static void burn_until_told(int times, bool yields)
{
	long start = ran_ms();

	while (told < times && ran_ms() - start < 20000)
		if (yields)
			sched_yield();
}

static void burn(long ms)
{
	long start = ran_ms();

	while (ran_ms() - start < ms)
		;
}

/* The soft limit, which was 200 ms, is a second more for each time it was told: on a machine that
 * stands still meanwhile that may be more often than was waited for. */
static void expect_raised(int least)
{
	struct rlimit now;

	CHECK(told >= least);
	CHECK(ran_ms() >= least * 1000 - 810);
	CHECK_EQ(getrlimit(RLIMIT_RTTIME, &now), 0);
	CHECK(now.rlim_cur >= (200 + 1000 * (rlim_t)least) * MS);
	CHECK_EQ((now.rlim_cur - 200 * MS) % (1000 * MS), 0);
}

TEST(the_soft_limit)
{

	signal(SIGXCPU, on_limit);
	limit(200 * MS, RLIM_INFINITY);
	become(SCHED_FIFO, 10);
	burn_until_told(1, false);
	expect_raised(1);
	burn_until_told(2, false);
	expect_raised(2);
}

TEST(making_way_is_not_sleeping)
{
	signal(SIGXCPU, on_limit);
	limit(200 * MS, RLIM_INFINITY);
	become(SCHED_RR, 10);
	burn_until_told(1, true);
	expect_raised(1);
}

TEST(a_sleep_begins_anew)
{
	signal(SIGXCPU, on_limit);
	limit(1500 * MS, RLIM_INFINITY);
	become(SCHED_FIFO, 10);
	for (int i = 0; i < 20; i++) {
		burn(100);
		usleep(1000);
	}
	CHECK_EQ(told, 0);
}

TEST(others_are_not_limited)
{
	signal(SIGXCPU, on_limit);
	limit(100 * MS, 150 * MS);
	burn(400);
	CHECK_EQ(told, 0);
}

static void spin(void *arg)
{
	(void)arg;
	for (;;)
		;
}

static void to_the_end(void *arg)
{
	signal(SIGXCPU, SIG_IGN);
	limit(100 * MS, 300 * MS);
	become(SCHED_FIFO, 10);
	spin(arg);
}

TEST(the_hard_limit)
{
	CHECK_EQ(test_child(to_the_end, NULL), SIGKILL);
}

TEST(limits_are_inherited)
{
	limit(200 * MS, 200 * MS);
	become(SCHED_FIFO, 10);
	CHECK_EQ(test_child(spin, NULL), SIGKILL);
}

/* Of a process that runs already. */
TEST(limits_of_others)
{
	struct rlimit soft = {300 * MS, 10000 * MS};
	struct rlimit none = {0, 0};
	pid_t child;
	int status;

	CHECK_EQ(setrlimit(RLIMIT_CORE, &none), 0);
	become(SCHED_FIFO, 20);
	child = fork();
	if (!child) {
		become(SCHED_FIFO, 10);
		spin(NULL);
	}
	usleep(20000);
	CHECK_EQ(prlimit(child, RLIMIT_RTTIME, &soft, NULL), 0);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, SIGXCPU);
}

static void *watches(void *arg)
{
	become(SCHED_FIFO, 10);
	burn_until_told(1, false);
	CHECK_EQ(told_thread, syscall(SYS_gettid));
	return arg;
}

TEST(the_thread_is_told)
{
	pthread_t thread;

	signal(SIGXCPU, on_limit);
	limit(200 * MS, RLIM_INFINITY);
	CHECK_EQ(pthread_create(&thread, NULL, watches, NULL), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK(told >= 1);
}

/* --- slack --- */

static void set_slack(unsigned long ns)
{
	CHECK_EQ(prctl(PR_SET_TIMERSLACK, ns), 0);
}

static void expect_slack(int line, long want)
{
	const char *text = test_read_file("/proc/self/timerslack_ns");
	long got = prctl(PR_GET_TIMERSLACK);

	if (got != want || atol(text) != want)
		test_failed(__FILE__, line, text, got, want);
}
#define SLACK(want) expect_slack(__LINE__, want)

static void *own_slack(void *arg)
{
	CHECK_EQ(prctl(PR_GET_TIMERSLACK), 70000);
	set_slack(80000);
	CHECK_EQ(prctl(PR_GET_TIMERSLACK), 80000);
	set_slack(0);
	CHECK_EQ(prctl(PR_GET_TIMERSLACK), 70000);
	return arg;
}

static void child_slack(void *arg)
{
	(void)arg;
	SLACK(70000);
	set_slack(1);
	SLACK(1);
	set_slack(0);
	SLACK(70000);
}

TEST(slack_is_kept)
{
	pthread_t thread;

	SLACK(50000);
	set_slack(70000);
	SLACK(70000);
	CHECK_EQ(test_child(child_slack, NULL), 0);
	CHECK_EQ(pthread_create(&thread, NULL, own_slack, NULL), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	SLACK(70000);
	set_slack(0);
	SLACK(50000);
	test_write_file("/proc/self/timerslack_ns", "12345\n");
	SLACK(12345);
	test_write_file("/proc/self/timerslack_ns", "0");
	SLACK(50000);
}

TEST(real_time_has_no_slack)
{
	set_slack(70000);
	become(SCHED_FIFO, 10);
	SLACK(0);
	set_slack(80000);
	SLACK(0);
	become(SCHED_OTHER, 0);
	SLACK(50000);
}

static void slack_of(pid_t pid, const char *text, int error)
{
	char path[64], got[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/timerslack_ns", pid);
	file = fopen(path, "r+");
	CHECK(file != NULL);
	setvbuf(file, NULL, _IONBF, 0);
	errno = 0;
	CHECK_EQ(fgets(got, sizeof(got), file) ? 0 : errno, error == EINVAL ? 0 : error);
	rewind(file);
	errno = 0;
	CHECK_EQ(fputs(text, file) >= 0 ? 0 : errno, error);
	fclose(file);
}

static void of_others(void *arg)
{
	slack_of(*(int *)arg, "5", EPERM);
}

TEST(slack_of_others)
{
	int self = getpid();

	slack_of(self, "x", EINVAL);
	slack_of(getppid(), "50000", 0);
	CHECK_EQ(test_child_as(1000, of_others, &self), 0);
}
