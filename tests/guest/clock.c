/* Clocks, sleeps and timers. Upper limits are only there to catch a hang. */
#include <errno.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

static volatile sig_atomic_t seen;

static void note(int signal)
{
	(void)signal;
	seen++;
}

TEST(clocks_go_forward)
{
	static const clockid_t clocks[] = {
		CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME,
		CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_PROCESS_CPUTIME_ID,
		CLOCK_THREAD_CPUTIME_ID,
	};

	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		struct timespec a, b, step;

		CHECK_EQ(clock_gettime(clocks[i], &a), 0);
		CHECK_EQ(clock_gettime(clocks[i], &b), 0);
		CHECK(b.tv_sec > a.tv_sec || (b.tv_sec == a.tv_sec && b.tv_nsec >= a.tv_nsec));
		CHECK(b.tv_nsec < 1000000000);
		CHECK_EQ(clock_getres(clocks[i], &step), 0);
		CHECK(step.tv_sec == 0 && step.tv_nsec > 0);
	}
	CHECK_ERR(clock_gettime(99, &(struct timespec) { 0 }), EINVAL);
}

TEST(the_date_is_sane)
{
	struct timeval now;
	time_t seconds = time(NULL);

	CHECK(seconds > 1600000000);
	CHECK_EQ(gettimeofday(&now, NULL), 0);
	CHECK(now.tv_sec - seconds <= 60);
	CHECK(times(&(struct tms) { 0 }) > 0);
}

TEST(sleeps_are_long_enough)
{
	for (long ms = 0; ms <= 40; ms += 10) {
		long before = test_now_ms();
		struct timespec time = { .tv_nsec = ms * 1000000 };

		CHECK_EQ(nanosleep(&time, NULL), 0);
		CHECK(test_now_ms() - before >= ms - 1);
	}
}

TEST(absolute_sleep)
{
	struct timespec until;
	long before = test_now_ms();

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += 30000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL), 0);
	CHECK(test_now_ms() - before >= 29);
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL), 0);
	CHECK_EQ(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &(struct timespec) { 0 }, NULL), 0);
}

TEST(wrong_times)
{
	CHECK_ERR(nanosleep(&(struct timespec) { .tv_nsec = 1000000000 }, NULL), EINVAL);
	CHECK_ERR(nanosleep(&(struct timespec) { .tv_sec = -1 }, NULL), EINVAL);
	CHECK_ERR(nanosleep((struct timespec *)16, NULL), EFAULT);
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec) { .tv_nsec = -1 }, NULL),
		 EINVAL);
}

TEST(an_interrupted_sleep_tells_what_is_left)
{
	struct timespec time = { .tv_sec = 60 }, left;

	signal(SIGALRM, note);
	ualarm(50000, 0);
	CHECK_ERR(nanosleep(&time, &left), EINTR);
	CHECK(left.tv_sec >= 50 && left.tv_sec < 60);
	CHECK_EQ(seen, 1);
}

TEST(timers_of_a_process)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec when = { { 0, 10000000 }, { 0, 10000000 } }, now;
	timer_t timer;

	signal(SIGUSR1, note);
	CHECK_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
	CHECK_EQ(timer_settime(timer, 0, &when, NULL), 0);
	while (seen < 3)
		pause();
	CHECK_EQ(timer_gettime(timer, &now), 0);
	CHECK_EQ(now.it_interval.tv_nsec, 10000000);
	CHECK_EQ(timer_delete(timer), 0);
	CHECK_ERR(timer_delete(timer), EINVAL);
}

TEST(timer_descriptors)
{
	struct itimerspec when = { { 0, 0 }, { 0, 20000000 } };
	unsigned long count = 0;
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	CHECK(fd >= 0);
	CHECK_EQ(timerfd_settime(fd, 0, &when, NULL), 0);
	CHECK_EQ(read(fd, &count, sizeof(count)), sizeof(count));
	CHECK_EQ(count, 1);
}

TEST(processor_time_is_counted)
{
	struct timespec before, after;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	for (volatile long i = 0; i < 20000000; i++)
		;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	CHECK((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec > 1000000);
	before = after;
	test_sleep_ms(300);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	CHECK((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec
	      < 250000000);
}
