/* epoll: what is reported, when again, to whom; sets in sets; files that go. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

static int new_set(void)
{
	int set = epoll_create1(EPOLL_CLOEXEC);

	CHECK(set >= 0);
	return set;
}

static int ctl(int set, int op, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.u64 = 0x100000000ull + (unsigned)fd };

	return epoll_ctl(set, op, fd, &event);
}

static void add(int set, int fd, uint32_t events)
{
	CHECK_EQ(ctl(set, EPOLL_CTL_ADD, fd, events), 0);
}

/* The one event there is at once, of that fd; 0: none. */
static uint32_t only(int set, int fd)
{
	struct epoll_event events[4];
	int n = epoll_wait(set, events, 4, 0);

	CHECK(n == 0 || n == 1);
	if (n == 0)
		return 0;
	CHECK_EQ(events[0].data.u64, 0x100000000ull + (unsigned)fd);
	return events[0].events;
}

static void make_pipe(int ends[2])
{
	CHECK_EQ(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
}

static void put(int fd, size_t n)
{
	static char bytes[65536];

	CHECK_EQ(write(fd, bytes, n), n);
}

static void take(int fd, size_t n)
{
	static char bytes[65536];

	CHECK_EQ(read(fd, bytes, n), n);
}

TEST(a_level_is_reported_until_it_is_gone)
{
	int set = new_set(), p[2];

	make_pipe(p);
	add(set, p[0], EPOLLIN);
	CHECK_EQ(only(set, p[0]), 0);
	put(p[1], 2);
	CHECK_EQ(only(set, p[0]), EPOLLIN);
	take(p[0], 1);
	CHECK_EQ(only(set, p[0]), EPOLLIN);
	take(p[0], 1);
	CHECK_EQ(only(set, p[0]), 0);
	put(p[1], 1);
	close(p[1]);
	CHECK_EQ(only(set, p[0]), EPOLLIN | EPOLLHUP);
	take(p[0], 1);
	CHECK_EQ(only(set, p[0]), EPOLLHUP);
}

TEST(an_edge_is_reported_once)
{
	int set = new_set(), p[2];

	make_pipe(p);
	put(p[1], 1);
	add(set, p[0], EPOLLIN | EPOLLET);
	CHECK_EQ(only(set, p[0]), EPOLLIN);
	CHECK_EQ(only(set, p[0]), 0);
	put(p[1], 3);
	CHECK_EQ(only(set, p[0]), EPOLLIN);
	take(p[0], 1);
	CHECK_EQ(only(set, p[0]), 0);
	CHECK_EQ(ctl(set, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLET), 0);
	CHECK_EQ(only(set, p[0]), EPOLLIN);
	close(p[1]);
	CHECK_EQ(only(set, p[0]), EPOLLIN | EPOLLHUP);
	CHECK_EQ(only(set, p[0]), 0);
}

TEST(one_shot_is_reported_once_until_it_is_armed_again)
{
	int set = new_set(), p[2];

	make_pipe(p);
	add(set, p[0], EPOLLIN | EPOLLONESHOT);
	put(p[1], 1);
	CHECK_EQ(only(set, p[0]), EPOLLIN);
	put(p[1], 1);
	close(p[1]);
	CHECK_EQ(only(set, p[0]), 0);
	CHECK_EQ(ctl(set, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT), 0);
	CHECK_EQ(only(set, p[0]), EPOLLIN | EPOLLHUP);
	CHECK_EQ(only(set, p[0]), 0);
}

TEST(only_what_is_asked_for_but_errors_always)
{
	int set = new_set(), p[2];

	make_pipe(p);
	add(set, p[1], 0);
	CHECK_EQ(only(set, p[1]), 0);
	close(p[0]);
	CHECK_EQ(only(set, p[1]), EPOLLERR);
	CHECK_EQ(ctl(set, EPOLL_CTL_MOD, p[1], EPOLLOUT | EPOLLRDHUP), 0);
	CHECK_EQ(only(set, p[1]), EPOLLOUT | EPOLLERR);
	CHECK_EQ(ctl(set, EPOLL_CTL_DEL, p[1], 0), 0);
	CHECK_EQ(only(set, p[1]), 0);
}

TEST(the_writing_end_tells_of_room)
{
	int set = new_set(), p[2];
	struct epoll_event event;

	make_pipe(p);
	put(p[1], 65536);
	add(set, p[1], EPOLLOUT | EPOLLET);
	CHECK_EQ(only(set, p[1]), 0);
	take(p[0], 65536);
	CHECK_EQ(epoll_wait(set, &event, 1, -1), 1);
	CHECK_EQ(event.events, EPOLLOUT);
}

TEST(the_last_close_removes)
{
	int set = new_set(), p[2], copy;

	make_pipe(p);
	add(set, p[0], EPOLLIN);
	put(p[1], 1);
	copy = dup(p[0]);
	close(p[0]);
	CHECK_EQ(only(set, p[0]), EPOLLIN);
	CHECK_ERR(ctl(set, EPOLL_CTL_DEL, p[0], 0), EBADF);
	CHECK_ERR(ctl(set, EPOLL_CTL_DEL, copy, 0), ENOENT);
	close(copy);
	CHECK_EQ(only(set, p[0]), 0);
	make_pipe(p);
	add(set, p[0], EPOLLIN);
	close(set);
	put(p[1], 1);
}

TEST(one_file_by_two_numbers)
{
	int set = new_set(), p[2], copy;
	struct epoll_event events[4];

	make_pipe(p);
	copy = dup(p[0]);
	add(set, p[0], EPOLLIN);
	add(set, copy, EPOLLIN);
	CHECK_ERR(ctl(set, EPOLL_CTL_ADD, copy, EPOLLIN), EEXIST);
	put(p[1], 1);
	CHECK_EQ(epoll_wait(set, events, 4, 0), 2);
	CHECK_EQ(ctl(set, EPOLL_CTL_DEL, copy, 0), 0);
	CHECK_EQ(only(set, p[0]), EPOLLIN);
}

TEST(a_small_array_goes_round)
{
	enum { PIPES = 6 };
	int set = new_set(), p[PIPES][2];
	struct epoll_event events[2];
	unsigned seen[3] = { 0 };

	for (int i = 0; i < PIPES; i++) {
		struct epoll_event event = { .events = EPOLLIN, .data.u32 = 1u << i };

		make_pipe(p[i]);
		put(p[i][1], 1);
		CHECK_EQ(epoll_ctl(set, EPOLL_CTL_ADD, p[i][0], &event), 0);
	}
	for (int round = 0; round < 3; round++) {
		CHECK_EQ(epoll_wait(set, events, 2, 0), 2);
		seen[round] = events[0].data.u32 | events[1].data.u32;
	}
	CHECK_EQ(seen[0] | seen[1] | seen[2], (1u << PIPES) - 1);
}

TEST(errors_of_ctl)
{
	int set = new_set(), p[2], file = open("f", O_RDWR | O_CREAT, 0600);
	struct epoll_event event = { .events = EPOLLIN };

	make_pipe(p);
	CHECK_ERR(epoll_create1(1), EINVAL);
	CHECK_ERR(epoll_create(0), EINVAL);
	CHECK_ERR(ctl(99, EPOLL_CTL_ADD, p[0], EPOLLIN), EBADF);
	CHECK_ERR(ctl(set, EPOLL_CTL_ADD, 99, EPOLLIN), EBADF);
	CHECK_ERR(ctl(set, EPOLL_CTL_ADD, open("/", O_PATH), EPOLLIN), EBADF);
	CHECK_ERR(epoll_ctl(99, EPOLL_CTL_ADD, p[0], NULL), EFAULT);
	CHECK_ERR(epoll_ctl(set, 9, p[0], NULL), EFAULT);
	CHECK_ERR(ctl(set, 9, p[0], EPOLLIN), EINVAL);
	CHECK_ERR(ctl(set, EPOLL_CTL_ADD, file, EPOLLIN), EPERM);
	CHECK_ERR(ctl(file, EPOLL_CTL_ADD, file, EPOLLIN), EPERM);
	CHECK_ERR(ctl(set, EPOLL_CTL_ADD, open("/", O_RDONLY), EPOLLIN), EPERM);
	CHECK_ERR(ctl(set, EPOLL_CTL_ADD, open("/dev/null", O_RDWR), EPOLLIN), EPERM);
	CHECK_ERR(ctl(set, EPOLL_CTL_ADD, set, EPOLLIN), EINVAL);
	CHECK_ERR(ctl(p[0], EPOLL_CTL_ADD, p[1], EPOLLIN), EINVAL);
	CHECK_ERR(ctl(set, EPOLL_CTL_MOD, p[0], EPOLLIN), ENOENT);
	CHECK_ERR(epoll_ctl(set, EPOLL_CTL_DEL, p[0], NULL), ENOENT);
	add(set, p[0], EPOLLIN);
	CHECK_ERR(ctl(set, EPOLL_CTL_ADD, p[0], EPOLLIN), EEXIST);
	CHECK_EQ(epoll_ctl(set, EPOLL_CTL_DEL, p[0], NULL), 0);
	CHECK_ERR(epoll_wait(99, &event, 1, 0), EBADF);
	CHECK_ERR(epoll_wait(p[0], &event, 1, 0), EINVAL);
	CHECK_ERR(epoll_wait(set, &event, 0, 0), EINVAL);
	CHECK_ERR(epoll_wait(set, &event, -1, 0), EINVAL);
	CHECK_ERR(epoll_wait(set, &event, INT32_MAX / 16 + 1, 0), EINVAL);
	CHECK_ERR(epoll_wait(set, (void *)-4096l, 1, 0), EFAULT);
	CHECK_EQ(epoll_wait(set, (void *)16, 1, 0), 0);
	CHECK_EQ(epoll_wait(set, &event, 1, 0), 0);
}

TEST(exclusive_has_its_rules)
{
	int set = new_set(), inner = new_set(), p[2];

	make_pipe(p);
	CHECK_ERR(ctl(set, EPOLL_CTL_ADD, p[0], EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT), EINVAL);
	CHECK_ERR(ctl(set, EPOLL_CTL_ADD, p[0], EPOLLPRI | EPOLLEXCLUSIVE), EINVAL);
	CHECK_ERR(ctl(set, EPOLL_CTL_ADD, inner, EPOLLIN | EPOLLEXCLUSIVE), EINVAL);
	add(set, p[0], EPOLLIN | EPOLLEXCLUSIVE | EPOLLET);
	CHECK_ERR(ctl(set, EPOLL_CTL_MOD, p[0], EPOLLIN), EINVAL);
	CHECK_ERR(ctl(set, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLEXCLUSIVE), EINVAL);
	put(p[1], 1);
	CHECK_EQ(only(set, p[0]), EPOLLIN);
	CHECK_EQ(only(set, p[0]), 0);
}

TEST(a_bad_buffer_loses_no_event)
{
	int set = new_set(), p[2];
	char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	make_pipe(p);
	add(set, p[0], EPOLLIN | EPOLLET);
	put(p[1], 1);
	CHECK_ERR(epoll_wait(set, (void *)page, 1, 0), EFAULT);
	CHECK_ERR(epoll_wait(set, (void *)page, 1, -1), EFAULT);
	CHECK_EQ(mprotect(page, 4096, PROT_READ | PROT_WRITE), 0);
	CHECK_EQ(epoll_wait(set, (void *)page, 1, 0), 1);
	CHECK_EQ(((struct epoll_event *)page)->events, EPOLLIN);
	CHECK_EQ(only(set, p[0]), 0);
}

/* --- sets in sets --- */

TEST(a_set_is_polled)
{
	int outer = new_set(), inner = new_set(), p[2];
	struct pollfd poll_inner = { inner, POLLIN | POLLOUT | POLLRDNORM, 0 };

	make_pipe(p);
	add(inner, p[0], EPOLLIN);
	add(outer, inner, EPOLLIN);
	CHECK_EQ(only(outer, inner), 0);
	CHECK_EQ(poll(&poll_inner, 1, 0), 0);
	put(p[1], 1);
	CHECK_EQ(poll(&poll_inner, 1, 0), 1);
	CHECK_EQ(poll_inner.revents, POLLIN | POLLRDNORM);
	CHECK_EQ(only(outer, inner), EPOLLIN);
	CHECK_EQ(only(outer, inner), EPOLLIN);
	CHECK_EQ(only(inner, p[0]), EPOLLIN);
	take(p[0], 1);
	CHECK_EQ(only(outer, inner), 0);
	CHECK_EQ(poll(&poll_inner, 1, 0), 0);
	put(p[1], 1);
	close(inner);
	CHECK_EQ(only(outer, inner), 0);
}

TEST(an_edge_goes_up)
{
	int outer = new_set(), inner = new_set(), p[2];

	make_pipe(p);
	add(inner, p[0], EPOLLIN);
	add(outer, inner, EPOLLIN | EPOLLET);
	put(p[1], 1);
	CHECK_EQ(only(outer, inner), EPOLLIN);
	CHECK_EQ(only(outer, inner), 0);
	CHECK_EQ(only(inner, p[0]), EPOLLIN);
	CHECK_EQ(only(outer, inner), 0);
}

TEST(sets_make_no_circle)
{
	int sets[4];

	for (int i = 0; i < 4; i++)
		sets[i] = new_set();
	add(sets[0], sets[1], EPOLLIN);
	CHECK_ERR(ctl(sets[1], EPOLL_CTL_ADD, sets[0], EPOLLIN), ELOOP);
	add(sets[1], sets[2], EPOLLIN);
	CHECK_ERR(ctl(sets[2], EPOLL_CTL_ADD, sets[0], EPOLLIN), ELOOP);
	add(sets[0], sets[2], EPOLLIN);
	add(sets[2], sets[3], EPOLLIN);
	CHECK_ERR(ctl(sets[3], EPOLL_CTL_ADD, sets[1], EPOLLIN), ELOOP);
	CHECK_EQ(ctl(sets[2], EPOLL_CTL_DEL, sets[3], 0), 0);
	add(sets[3], sets[1], EPOLLIN);
}

TEST(sets_are_five_deep_at_most)
{
	int sets[6], p[2];

	make_pipe(p);
	for (int i = 0; i < 6; i++)
		sets[i] = new_set();
	add(sets[0], p[0], EPOLLIN);
	for (int i = 1; i < 5; i++)
		add(sets[i], sets[i - 1], EPOLLIN);
	CHECK_ERR(ctl(sets[5], EPOLL_CTL_ADD, sets[4], EPOLLIN), ELOOP);
	add(sets[5], sets[3], EPOLLIN);
	put(p[1], 1);
	CHECK_EQ(only(sets[4], sets[3]), EPOLLIN);
	CHECK_EQ(only(sets[5], sets[3]), EPOLLIN);

	for (int i = 0; i < 6; i++)
		sets[i] = new_set();
	for (int i = 1; i < 5; i++)
		add(sets[i - 1], sets[i], EPOLLIN);
	CHECK_ERR(ctl(sets[4], EPOLL_CTL_ADD, sets[5], EPOLLIN), ELOOP);
	CHECK_EQ(ctl(sets[0], EPOLL_CTL_DEL, sets[1], 0), 0);
	add(sets[4], sets[5], EPOLLIN);
}

/* --- waiting --- */

static void *write_later(void *fd)
{
	test_sleep_ms(50);
	put((int)(intptr_t)fd, 1);
	return NULL;
}

TEST(a_wait_ends_with_an_event)
{
	int set = new_set(), p[2];
	struct epoll_event event;
	pthread_t thread;

	make_pipe(p);
	add(set, p[0], EPOLLIN);
	pthread_create(&thread, NULL, write_later, (void *)(intptr_t)p[1]);
	CHECK_EQ(epoll_wait(set, &event, 1, -1), 1);
	CHECK_EQ(event.events, EPOLLIN);
	pthread_join(thread, NULL);
}

static void *add_later(void *arg)
{
	int *fds = arg;

	test_sleep_ms(50);
	add(fds[0], fds[1], EPOLLOUT);
	return NULL;
}

TEST(a_wait_ends_with_an_addition)
{
	int set = new_set(), p[2];
	struct epoll_event event;
	pthread_t thread;

	make_pipe(p);
	pthread_create(&thread, NULL, add_later, (int[]) { set, p[1] });
	CHECK_EQ(epoll_wait(set, &event, 1, 10000), 1);
	CHECK_EQ(event.events, EPOLLOUT);
	pthread_join(thread, NULL);
}

TEST(a_wait_ends_in_time)
{
	int set = new_set(), p[2];
	struct epoll_event event;
	struct timespec time = { 0, 30000000 };
	long start = test_now_ms();

	make_pipe(p);
	add(set, p[0], EPOLLIN);
	CHECK_EQ(epoll_wait(set, &event, 1, 30), 0);
	CHECK(test_now_ms() - start >= 29);
	start = test_now_ms();
	CHECK_EQ(epoll_pwait2(set, &event, 1, &time, NULL), 0);
	CHECK(test_now_ms() - start >= 29);
	CHECK_EQ(time.tv_nsec, 30000000);
	time.tv_nsec = 1000000000;
	CHECK_ERR(epoll_pwait2(set, &event, 1, &time, NULL), EINVAL);
	time = (struct timespec) { -1, 0 };
	CHECK_ERR(epoll_pwait2(set, &event, 1, &time, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_epoll_pwait2, set, &event, 1, 16, NULL, 8), EFAULT);
	put(p[1], 1);
	CHECK_EQ(epoll_pwait2(set, &event, 1, NULL, NULL), 1);
}

static atomic_int handled;

static void on_signal(int sig)
{
	(void)sig;
	handled++;
}

static void *kill_later(void *arg)
{
	test_sleep_ms(50);
	pthread_kill(*(pthread_t *)arg, SIGUSR1);
	return NULL;
}

TEST(a_signal_ends_a_wait_for_good)
{
	int set = new_set();
	struct epoll_event event;
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	pthread_t thread, me = pthread_self();

	sigaction(SIGUSR1, &act, NULL);
	pthread_create(&thread, NULL, kill_later, &me);
	CHECK_ERR(epoll_wait(set, &event, 1, -1), EINTR);
	CHECK_EQ(handled, 1);
	pthread_join(thread, NULL);
}

TEST(a_mask_holds_for_the_wait)
{
	int set = new_set(), p[2];
	struct epoll_event event;
	sigset_t none, blocked;

	make_pipe(p);
	signal(SIGUSR1, on_signal);
	sigemptyset(&none);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	raise(SIGUSR1);
	CHECK_EQ(epoll_pwait(set, &event, 1, 0, &blocked), 0);
	CHECK_EQ(handled, 0);
	CHECK_ERR(epoll_pwait(set, &event, 1, 1000, &none), EINTR);
	CHECK_EQ(handled, 1);
	sigprocmask(SIG_BLOCK, NULL, &none);
	CHECK(sigismember(&none, SIGUSR1));
	CHECK_ERR(syscall(SYS_epoll_pwait, set, &event, 1, 0, &none, 4), EINVAL);
	CHECK_ERR(syscall(SYS_epoll_pwait, set, &event, 1, 0, 16, 8), EFAULT);
}

struct crowd {
	int set;
	atomic_int woken;
};

static void *wait_in_crowd(void *arg)
{
	struct crowd *crowd = arg;
	struct epoll_event event;

	if (epoll_wait(crowd->set, &event, 1, 400) == 1)
		crowd->woken++;
	return NULL;
}

TEST(an_edge_wakes_one_of_many)
{
	struct crowd crowd = { .set = new_set() };
	pthread_t threads[4];
	int p[2];

	make_pipe(p);
	add(crowd.set, p[0], EPOLLIN | EPOLLET);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, wait_in_crowd, &crowd);
	test_sleep_ms(100);
	put(p[1], 1);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(crowd.woken, 1);
}

TEST(exclusive_sets_share_a_wake)
{
	struct crowd crowds[3];
	pthread_t threads[3];
	int p[2];

	make_pipe(p);
	for (int i = 0; i < 3; i++) {
		crowds[i] = (struct crowd) { .set = new_set() };
		add(crowds[i].set, p[0], EPOLLIN | EPOLLEXCLUSIVE);
		pthread_create(&threads[i], NULL, wait_in_crowd, &crowds[i]);
	}
	test_sleep_ms(100);
	put(p[1], 1);
	test_sleep_ms(50);
	CHECK_EQ(crowds[0].woken + crowds[1].woken + crowds[2].woken, 1);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}

/* --- other files --- */

static int event_within(int set, int ms)
{
	struct epoll_event event;
	int n = epoll_wait(set, &event, 1, ms);

	CHECK(n >= 0);
	return n ? (int)event.events : 0;
}

TEST(timers_are_watched)
{
	int set = new_set(), fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	struct itimerspec soon = { .it_value = { 0, 20000000 } };
	uint64_t times;

	add(set, fd, EPOLLIN | EPOLLET);
	timerfd_settime(fd, 0, &soon, NULL);
	CHECK_EQ(event_within(set, 10000), EPOLLIN);
	CHECK_EQ(event_within(set, 0), 0);
	CHECK_EQ(read(fd, &times, 8), 8);
	timerfd_settime(fd, 0, &soon, NULL);
	CHECK_EQ(event_within(set, 10000), EPOLLIN);
}

TEST(signals_are_watched)
{
	int set = new_set(), fd;
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	fd = signalfd(-1, &mask, 0);
	add(set, fd, EPOLLIN);
	CHECK_EQ(event_within(set, 0), 0);
	kill(getpid(), SIGUSR2);
	CHECK_EQ(event_within(set, 1000), EPOLLIN);
}

/* The set's signalfd was added by a process that is gone. */
static void add_signals(void *arg)
{
	int *fds = arg;

	add(fds[0], fds[1], EPOLLIN);
}

TEST(signals_of_one_who_is_gone)
{
	int fds[2] = { new_set() };
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	fds[1] = signalfd(-1, &mask, 0);
	CHECK_EQ(test_child(add_signals, fds), 0);
	CHECK_EQ(event_within(fds[0], 50), 0);
	kill(getpid(), SIGUSR2);
	CHECK_EQ(event_within(fds[0], 50), 0);
	CHECK_EQ(ctl(fds[0], EPOLL_CTL_MOD, fds[1], EPOLLIN), 0);
	CHECK_EQ(event_within(fds[0], 0), EPOLLIN);
	CHECK_EQ(ctl(fds[0], EPOLL_CTL_DEL, fds[1], 0), 0);
}

TEST(folders_are_watched)
{
	int set = new_set(), fd = inotify_init1(IN_NONBLOCK);

	inotify_add_watch(fd, ".", IN_CREATE);
	add(set, fd, EPOLLIN);
	CHECK_EQ(event_within(set, 0), 0);
	close(open("new", O_CREAT | O_WRONLY, 0600));
	CHECK_EQ(event_within(set, 0), EPOLLIN);
}

TEST(terminals_are_watched)
{
	int set = new_set(), master, slave;
	char text[16];

	CHECK_EQ(openpty(&master, &slave, NULL, NULL, NULL), 0);
	add(set, master, EPOLLIN | EPOLLET);
	CHECK_EQ(event_within(set, 0), 0);
	CHECK_EQ(write(slave, "x", 1), 1);
	CHECK_EQ(event_within(set, 1000), EPOLLIN);
	CHECK_EQ(read(master, text, sizeof(text)), 1);
	add(set, slave, EPOLLIN);
	CHECK_EQ(write(master, "line\n", 5), 5);
	test_sleep_ms(20);
	CHECK(event_within(set, 1000) & EPOLLIN);
	close(slave);
	test_sleep_ms(20);
	CHECK(event_within(set, 1000) & EPOLLHUP);
}

TEST(a_fifo_is_watched_over_its_writers)
{
	int set = new_set(), reader, writer;
	char c;

	CHECK_EQ(mkfifo("fifo", 0600), 0);
	reader = open("fifo", O_RDONLY | O_NONBLOCK);
	add(set, reader, EPOLLIN);
	CHECK_EQ(event_within(set, 0), 0);
	writer = open("fifo", O_WRONLY);
	put(writer, 1);
	CHECK_EQ(event_within(set, 0), EPOLLIN);
	close(writer);
	CHECK_EQ(event_within(set, 0), EPOLLIN | EPOLLHUP);
	CHECK_EQ(read(reader, &c, 1), 1);
	CHECK_EQ(event_within(set, 0), EPOLLHUP);
	writer = open("fifo", O_WRONLY);
	CHECK_EQ(event_within(set, 0), 0);
	close(writer);
}

TEST(a_set_says_what_it_holds)
{
	int set = new_set(), p[2];
	char path[64], want[96];
	const char *text;

	make_pipe(p);
	add(set, p[0], EPOLLIN | EPOLLET);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", set);
	snprintf(want, sizeof(want), "tfd: %8d events: %8x data: %16llx  pos:0 ino:", p[0],
		 EPOLLIN | EPOLLET | EPOLLERR | EPOLLHUP, 0x100000000ull + (unsigned)p[0]);
	text = test_read_file(path);
	CHECK(strstr(text, want));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", set);
	CHECK_EQ(readlink(path, want, sizeof(want)), 22);
	CHECK(!memcmp(want, "anon_inode:[eventpoll]", 22));
	CHECK_ERR(read(set, want, 8), EINVAL);
	CHECK_ERR(write(set, want, 8), EINVAL);
	CHECK_EQ(lseek(set, 5, SEEK_SET), 0);
	CHECK_EQ(fcntl(set, F_GETFL), O_RDWR);
}

TEST(a_child_shares_the_set)
{
	int set = new_set(), p[2];
	pid_t child;

	make_pipe(p);
	add(set, p[0], EPOLLIN);
	child = fork();
	if (child == 0) {
		close(p[0]);
		close(p[1]);
		_exit(event_within(set, 10000) == EPOLLIN ? 0 : 1);
	}
	test_sleep_ms(30);
	put(p[1], 1);
	CHECK_EQ(test_wait(child), 0);
}

static int by_data(const void *a, const void *b)
{
	const struct epoll_event *x = a, *y = b;

	return x->data.u64 < y->data.u64 ? -1 : x->data.u64 > y->data.u64;
}

TEST(many_items)
{
	enum { MANY = 1000 };
	int set = new_set(), p[2], copies[MANY];
	static struct epoll_event events[MANY];

	make_pipe(p);
	for (int i = 0; i < MANY; i++) {
		copies[i] = fcntl(p[0], F_DUPFD, 10);
		if (copies[i] < 0)
			break;
		add(set, copies[i], EPOLLIN);
	}
	put(p[1], 1);
	for (int seen = 0, n; seen < MANY; seen += n) {
		n = epoll_wait(set, events + seen, MANY - seen, -1);
		CHECK(n > 0);
	}
	qsort(events, MANY, sizeof(events[0]), by_data);
	for (int i = 0; i < MANY; i++)
		CHECK_EQ(events[i].data.u64, 0x100000000ull + (unsigned)copies[i]);
	take(p[0], 1);
	CHECK_EQ(epoll_wait(set, events, MANY, 0), 0);
}

/* --- races --- */

enum { RACE_MS = 1500, RACE_PIPES = 8 };

static struct {
	int set, pipes[RACE_PIPES][2];
	atomic_bool stop;
	atomic_long seen, written;
} race;

static void *race_wait(void *arg)
{
	struct epoll_event events[3];
	char bytes[64];

	(void)arg;
	while (!race.stop) {
		int n = epoll_wait(race.set, events, 3, 5);

		for (int i = 0; i < n; i++)
			if (read(race.pipes[events[i].data.u32][0], bytes, sizeof(bytes)) > 0)
				race.seen++;
	}
	return NULL;
}

static void *race_write(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;

	while (!race.stop) {
		if (write(race.pipes[rand_r(&seed) % RACE_PIPES][1], "x", 1) == 1)
			race.written++;
		if (rand_r(&seed) % 16 == 0)
			sched_yield();
	}
	return NULL;
}

static void *race_change(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;

	while (!race.stop) {
		unsigned i = rand_r(&seed) % RACE_PIPES;
		struct epoll_event event = { .events = EPOLLIN | (rand_r(&seed) % 2 ? EPOLLET : 0),
					     .data.u32 = i };

		epoll_ctl(race.set, (int)(1 + rand_r(&seed) % 3), race.pipes[i][0], &event);
	}
	return NULL;
}

/* Files and sets that go while they are watched and woken. */
static void *race_close(void *arg)
{
	struct epoll_event event = { .events = EPOLLIN };

	(void)arg;
	while (!race.stop) {
		int inner = epoll_create1(0), p[2];

		if (pipe2(p, O_NONBLOCK) < 0)
			break;
		epoll_ctl(inner, EPOLL_CTL_ADD, p[0], &event);
		epoll_ctl(inner, EPOLL_CTL_ADD, race.pipes[1][0], &event);
		epoll_ctl(race.set, EPOLL_CTL_ADD, inner, &event);
		if (write(p[1], "x", 1) != 1)
			break;
		close(p[0]);
		close(inner);
		close(p[1]);
	}
	return NULL;
}

TEST(everything_at_once)
{
	void *(*parts[])(void *) = { race_wait, race_wait, race_write, race_change, race_close };
	pthread_t threads[5];
	struct epoll_event event = { .events = EPOLLIN };

	race.set = new_set();
	for (int i = 0; i < RACE_PIPES; i++)
		make_pipe(race.pipes[i]);
	for (unsigned i = 0; i < 5; i++)
		pthread_create(&threads[i], NULL, parts[i], (void *)(uintptr_t)(i + 1));
	test_sleep_ms(RACE_MS);
	race.stop = true;
	for (int i = 0; i < 5; i++)
		pthread_join(threads[i], NULL);
	CHECK(race.seen > 0);
	CHECK(race.written > 0);
	for (unsigned i = 0; i < RACE_PIPES; i++) {
		event.data.u32 = i;
		epoll_ctl(race.set, EPOLL_CTL_DEL, race.pipes[i][0], NULL);
		CHECK_EQ(epoll_ctl(race.set, EPOLL_CTL_ADD, race.pipes[i][0], &event), 0);
	}
}

/* An edge is never lost: each byte comes after the one before was taken. */
static int ball[2][2];

static void *play(void *arg)
{
	int me = (int)(intptr_t)arg, set = new_set();
	struct epoll_event event;
	char c;

	add(set, ball[me][0], EPOLLIN | EPOLLET);
	for (int i = 0; i < 3000; i++) {
		if (me == 0)
			CHECK_EQ(write(ball[1][1], "x", 1), 1);
		while (read(ball[me][0], &c, 1) != 1)
			CHECK(epoll_wait(set, &event, 1, 10000) == 1);
		if (me == 1)
			CHECK_EQ(write(ball[0][1], "x", 1), 1);
	}
	return NULL;
}

TEST(no_edge_is_lost)
{
	pthread_t threads[2];

	make_pipe(ball[0]);
	make_pipe(ball[1]);
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, play, (void *)(intptr_t)i);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}
