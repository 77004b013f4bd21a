/* epoll over files of other kinds, and many of them. */
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>

#include "epoll.h"

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
