/* What waits for a time of the clock that is set, when it is set. Each test sets it back. */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

static struct timespec in_seconds(clockid_t clock, long s)
{
	struct timespec now;

	CHECK_EQ(clock_gettime(clock, &now), 0);
	now.tv_sec += s;
	return now;
}

static void move_clock(long s)
{
	struct timespec to = in_seconds(CLOCK_REALTIME, s);

	CHECK_EQ(clock_settime(CLOCK_REALTIME, &to), 0);
}

static long left_of(timer_t timer)
{
	struct itimerspec now;

	CHECK_EQ(timer_gettime(timer, &now), 0);
	return now.it_value.tv_sec;
}

static timer_t timer_at(clockid_t clock, int flags, struct timespec when)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec at = { .it_value = when };
	timer_t timer;

	CHECK_EQ(timer_create(clock, &event, &timer), 0);
	CHECK_EQ(timer_settime(timer, flags, &at, NULL), 0);
	return timer;
}

TEST(a_timer_moves)
{
	struct timespec for_long = { .tv_sec = 30 };
	timer_t real, relative, monotonic;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	real = timer_at(CLOCK_REALTIME, TIMER_ABSTIME, in_seconds(CLOCK_REALTIME, 5000));
	relative = timer_at(CLOCK_REALTIME, 0, (struct timespec) { .tv_sec = 5000 });
	monotonic = timer_at(CLOCK_MONOTONIC, TIMER_ABSTIME, in_seconds(CLOCK_MONOTONIC, 5000));
	move_clock(2000);
	CHECK(left_of(real) > 2500 && left_of(real) <= 3000);
	CHECK(left_of(relative) > 4500 && left_of(monotonic) > 4500);
	move_clock(-4000);
	CHECK(left_of(real) > 6500 && left_of(real) <= 7000);
	CHECK_ERR(sigtimedwait(&set, NULL, &(struct timespec) { 0 }), EAGAIN);
	move_clock(10000);
	CHECK_EQ(sigtimedwait(&set, NULL, &for_long), SIGUSR1);
	CHECK_EQ(left_of(real), 0);
	CHECK(left_of(relative) > 4500 && left_of(monotonic) > 4500);
	CHECK_ERR(sigtimedwait(&set, NULL, &(struct timespec) { 0 }), EAGAIN);
	move_clock(-8000);
	CHECK_EQ(left_of(real), 0);
}

TEST(a_disarmed_timer_stays_so)
{
	timer_t timer = timer_at(CLOCK_REALTIME, TIMER_ABSTIME, in_seconds(CLOCK_REALTIME, 5000));
	struct itimerspec other = { .it_value = { .tv_sec = 5000 } };

	CHECK_EQ(timer_settime(timer, 0, &(struct itimerspec) { 0 }, NULL), 0);
	move_clock(10000);
	CHECK_EQ(left_of(timer), 0);
	CHECK_EQ(timer_settime(timer, 0, &other, NULL), 0);
	move_clock(-10000);
	CHECK(left_of(timer) > 4500 && left_of(timer) <= 5000);
	CHECK_EQ(timer_delete(timer), 0);
	move_clock(0);
}

static int descriptor(int flags, long first, long interval)
{
	struct itimerspec at = { .it_value = in_seconds(CLOCK_REALTIME, first),
				 .it_interval.tv_sec = interval };
	int fd = timerfd_create(CLOCK_REALTIME, 0);

	CHECK(fd >= 0);
	CHECK_EQ(timerfd_settime(fd, flags, &at, NULL), 0);
	return fd;
}

TEST(timer_descriptors_move)
{
	int once = descriptor(TFD_TIMER_ABSTIME, 5000, 0);
	int often = descriptor(TFD_TIMER_ABSTIME, 5000, 1000);
	struct timeval now;
	uint64_t times;
	struct itimerspec left;

	CHECK_EQ(gettimeofday(&now, NULL), 0);
	now.tv_sec += 10500;
	CHECK_EQ(settimeofday(&now, NULL), 0);
	CHECK_EQ(read(once, &times, sizeof(times)), sizeof(times));
	CHECK_EQ(times, 1);
	CHECK_EQ(read(often, &times, sizeof(times)), sizeof(times));
	CHECK_EQ(times, 6);
	CHECK_EQ(timerfd_gettime(often, &left), 0);
	CHECK(left.it_value.tv_sec <= 500);
	move_clock(-10500);
	CHECK_EQ(timerfd_gettime(often, &left), 0);
	CHECK(left.it_value.tv_sec > 10500 && left.it_value.tv_sec <= 11000);
}

TEST(a_cancelled_one_moves_too)
{
	int fd = descriptor(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, 5000, 0);
	struct itimerspec left;
	uint64_t times;

	move_clock(2000);
	CHECK_ERR(read(fd, &times, sizeof(times)), ECANCELED);
	CHECK_EQ(timerfd_gettime(fd, &left), 0);
	CHECK(left.it_value.tv_sec > 2500 && left.it_value.tv_sec <= 3000);
	move_clock(-2000);
	CHECK_ERR(read(fd, &times, sizeof(times)), ECANCELED);
	CHECK_EQ(timerfd_gettime(fd, &left), 0);
	CHECK(left.it_value.tv_sec > 4500);
}

/* --- waits --- */

struct wait {
	long (*run)(const struct timespec *until);
	struct timespec until;
	long result;
	int error;
};

static void *wait_in_thread(void *arg)
{
	struct wait *w = arg;

	w->result = w->run(&w->until);
	w->error = errno;
	return NULL;
}

/* The clock is set past the time that a thread waits for: most often while it does. */
static void passes(long (*run)(const struct timespec *until), long result, int error)
{
	struct wait w = { .run = run, .until = in_seconds(CLOCK_REALTIME, 5000) };
	pthread_t thread;

	CHECK_EQ(pthread_create(&thread, NULL, wait_in_thread, &w), 0);
	test_sleep_ms(40);
	move_clock(2000);
	test_sleep_ms(40);
	move_clock(8000);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	move_clock(-10000);
	CHECK_EQ(w.result, result);
	if (error)
		CHECK_EQ(w.error, error);
}

static long sleep_until(const struct timespec *until)
{
	return syscall(SYS_clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, until, NULL);
}

TEST(a_sleep_ends)
{
	passes(sleep_until, 0, 0);
}

TEST(a_sleep_is_never_too_short)
{
	struct wait w = { .run = sleep_until, .until = in_seconds(CLOCK_REALTIME, 1) };
	struct timespec now;
	pthread_t thread;

	CHECK_EQ(pthread_create(&thread, NULL, wait_in_thread, &w), 0);
	test_sleep_ms(40);
	move_clock(-2);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(w.result, 0);
	CHECK_EQ(clock_gettime(CLOCK_REALTIME, &now), 0);
	move_clock(2);
	CHECK(now.tv_sec > w.until.tv_sec ||
	      (now.tv_sec == w.until.tv_sec && now.tv_nsec >= w.until.tv_nsec));
}

static void note(int signal)
{
	(void)signal;
}

TEST(a_sleep_is_interrupted)
{
	struct timespec until = in_seconds(CLOCK_REALTIME, 5000);
	struct sigaction act = { .sa_handler = note };

	CHECK_EQ(sigaction(SIGALRM, &act, NULL), 0);
	ualarm(50000, 0);
	CHECK_ERR(sleep_until(&until), EINTR);
}

static long wait_on_word(const struct timespec *until)
{
	uint32_t word = 0;

	return syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, until, NULL,
		       FUTEX_BITSET_MATCH_ANY);
}

static long wait_on_words(const struct timespec *until)
{
	uint32_t word = 0;
	struct futex_waitv one = { .uaddr = (uintptr_t)&word, .flags = FUTEX_32 };

	return syscall(449 /* futex_waitv */, &one, 1, 0, until, CLOCK_REALTIME);
}

static uint32_t taken;

static long wait_for_lock(const struct timespec *until)
{
	return syscall(SYS_futex, &taken, FUTEX_LOCK_PI, 0, until, NULL, 0);
}

TEST(waits_for_words_end)
{
	passes(wait_on_word, -1, ETIMEDOUT);
	passes(wait_on_words, -1, ETIMEDOUT);
}

TEST(a_wait_for_a_lock_ends)
{
	taken = (uint32_t)gettid();
	passes(wait_for_lock, -1, ETIMEDOUT);
}

static long wait_for_message(const struct timespec *until)
{
	struct mq_attr attr = { .mq_maxmsg = 1, .mq_msgsize = 8 };
	mqd_t mq = mq_open("/clock_set", O_RDWR | O_CREAT, 0600, &attr);
	char text[8];
	long got = mq_timedreceive(mq, text, sizeof(text), NULL, until);
	int error = errno;

	mq_close(mq);
	mq_unlink("/clock_set");
	errno = error;
	return got;
}

TEST(a_wait_for_a_message_ends)
{
	passes(wait_for_message, -1, ETIMEDOUT);
}
