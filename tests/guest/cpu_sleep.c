/* Sleeping until CPU time has been used. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

static atomic_bool stop;

static void *burn(void *arg)
{
	while (!stop)
		;
	return arg;
}

static void note(int signal)
{
	(void)signal;
}

static int64_t ns_of(const struct timespec *t)
{
	return t->tv_sec * 1000000000l + t->tv_nsec;
}

static int64_t used(clockid_t clock)
{
	struct timespec now;

	CHECK_EQ(clock_gettime(clock, &now), 0);
	return ns_of(&now);
}

static long sleep_on(clockid_t clock, int flags, int64_t ns, struct timespec *left)
{
	struct timespec time = { ns / 1000000000, ns % 1000000000 };

	return syscall(SYS_clock_nanosleep, clock, flags, &time, left);
}

static pthread_t start_burning(void)
{
	pthread_t thread;

	stop = false;
	CHECK_EQ(pthread_create(&thread, NULL, burn, NULL), 0);
	return thread;
}

static void stop_burning(pthread_t thread)
{
	stop = true;
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

TEST(until_the_process_has_used_time)
{
	int64_t before = used(CLOCK_PROCESS_CPUTIME_ID);
	pthread_t burning = start_burning();
	clockid_t own;

	CHECK_EQ(sleep_on(CLOCK_PROCESS_CPUTIME_ID, 0, 30000000, NULL), 0);
	CHECK(used(CLOCK_PROCESS_CPUTIME_ID) - before >= 30000000);
	before = used(CLOCK_PROCESS_CPUTIME_ID) + 30000000;
	CHECK_EQ(sleep_on(CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, before, NULL), 0);
	CHECK(used(CLOCK_PROCESS_CPUTIME_ID) >= before);
	CHECK_EQ(clock_getcpuclockid(getpid(), &own), 0);
	before = used(own) + 20000000;
	CHECK_EQ(sleep_on(own, TIMER_ABSTIME, before, NULL), 0);
	CHECK(used(own) >= before);
	stop_burning(burning);
}

TEST(until_another_thread_has_used_time)
{
	pthread_t burning = start_burning();
	clockid_t its;
	int64_t until;

	CHECK_EQ(pthread_getcpuclockid(burning, &its), 0);
	until = used(its) + 30000000;
	CHECK_EQ(sleep_on(its, TIMER_ABSTIME, until, NULL), 0);
	CHECK(used(its) >= until);
	until = used(its) + 20000000;
	CHECK_EQ(sleep_on(its, 0, 20000000, NULL), 0);
	CHECK(used(its) >= until);
	stop_burning(burning);
}

TEST(until_another_process_has_used_time)
{
	pid_t child = fork();
	clockid_t its;
	int64_t until;

	CHECK(child >= 0);
	if (!child)
		for (;;)
			;
	CHECK_EQ(clock_getcpuclockid(child, &its), 0);
	until = used(its) + 30000000;
	CHECK_EQ(sleep_on(its, 0, 30000000, NULL), 0);
	CHECK(used(its) >= until);
	CHECK_EQ(kill(child, SIGKILL), 0);
	CHECK(WIFSIGNALED(test_wait(child)));
}

TEST(no_sleep_where_the_time_is_over)
{
	CHECK_EQ(sleep_on(CLOCK_PROCESS_CPUTIME_ID, 0, 0, NULL), 0);
	CHECK_EQ(sleep_on(CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, 0, NULL), 0);
	CHECK_EQ(sleep_on(CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, 1, NULL), 0);
}

/* Nobody uses time meanwhile, so all of it is left but what the sleeper's own start took. */
TEST(what_is_left_of_an_interrupted_sleep)
{
	struct sigaction act = { .sa_handler = note };
	struct timespec left = { .tv_nsec = -5 };

	CHECK_EQ(sigaction(SIGALRM, &act, NULL), 0);
	ualarm(50000, 0);
	CHECK_ERR(sleep_on(CLOCK_PROCESS_CPUTIME_ID, 0, 100000000000l, &left), EINTR);
	CHECK(left.tv_sec >= 90 && left.tv_sec <= 100);
	left.tv_nsec = -5;
	ualarm(50000, 0);
	CHECK_ERR(sleep_on(CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, 100000000000l, &left), EINTR);
	CHECK_EQ(left.tv_nsec, -5);
	ualarm(50000, 0);
	CHECK_ERR(sleep_on(CLOCK_PROCESS_CPUTIME_ID, 0, 100000000000l, (void *)16), EFAULT);
}

static int64_t time_of_a_sleep(void)
{
	int64_t before = used(CLOCK_PROCESS_CPUTIME_ID);

	start_burning();
	CHECK_EQ(sleep_on(CLOCK_PROCESS_CPUTIME_ID, 0, 100000000, &(struct timespec) { 0 }), 0);
	return used(CLOCK_PROCESS_CPUTIME_ID) - before;
}

TEST(a_stop_does_not_end_it)
{
	pid_t child = fork();

	CHECK(child >= 0);
	if (!child)
		_exit(time_of_a_sleep() >= 100000000 ? 7 : 1);
	test_sleep_ms(30);
	CHECK_EQ(kill(child, SIGSTOP), 0);
	test_sleep_ms(30);
	CHECK_EQ(kill(child, SIGCONT), 0);
	CHECK_EQ(WEXITSTATUS(test_wait(child)), 7);
}

TEST(what_cannot_be_slept_on)
{
	clockid_t own;
	pid_t child;

	CHECK_ERR(sleep_on(CLOCK_THREAD_CPUTIME_ID, 0, 1000, NULL), EOPNOTSUPP);
	CHECK_EQ(pthread_getcpuclockid(pthread_self(), &own), 0);
	CHECK_ERR(sleep_on(own, 0, 1000, NULL), EINVAL);
	CHECK_ERR(sleep_on(own, TIMER_ABSTIME, 0, NULL), EINVAL);
	CHECK_ERR(sleep_on(-2, 0, 1000, NULL), EINVAL);		/* the same by number 0 */
	CHECK_ERR(sleep_on(-1, 0, 1000, NULL), EINVAL);		/* of no kind */
	CHECK_ERR(sleep_on(-5, 0, 1000, NULL), EOPNOTSUPP);	/* a descriptor's */
	CHECK_ERR(sleep_on(-2, 0, -1, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, 0, 16, NULL), EFAULT);
	CHECK_ERR(syscall(SYS_clock_nanosleep, -1, 0, 16, NULL), EFAULT);
	CHECK_ERR(sleep_on(CLOCK_PROCESS_CPUTIME_ID, 0, -1, NULL), EINVAL);
	child = fork();
	CHECK(child >= 0);
	if (!child)
		_exit(0);
	CHECK_EQ(clock_getcpuclockid(child, &own), 0);
	test_wait(child);
	CHECK_ERR(sleep_on(own, 0, 1000, NULL), EINVAL);
}
