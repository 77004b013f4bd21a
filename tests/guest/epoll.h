/* tests/guest/epoll.h -- what the tests of epoll have in common. */
#ifndef EPOLL_H
#define EPOLL_H

#include <fcntl.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

[[maybe_unused]] static int new_set(void)
{
	int set = epoll_create1(EPOLL_CLOEXEC);

	CHECK(set >= 0);
	return set;
}

[[maybe_unused]] static int ctl(int set, int op, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.u64 = 0x100000000ull + (unsigned)fd };

	return epoll_ctl(set, op, fd, &event);
}

[[maybe_unused]] static void add(int set, int fd, uint32_t events)
{
	CHECK_EQ(ctl(set, EPOLL_CTL_ADD, fd, events), 0);
}

/* The one event there is at once, of that fd; 0: none. */
[[maybe_unused]] static uint32_t only(int set, int fd)
{
	struct epoll_event events[4];
	int n = epoll_wait(set, events, 4, 0);

	CHECK(n == 0 || n == 1);
	if (n == 0)
		return 0;
	CHECK_EQ(events[0].data.u64, 0x100000000ull + (unsigned)fd);
	return events[0].events;
}

[[maybe_unused]] static void make_pipe(int ends[2])
{
	CHECK_EQ(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
}

[[maybe_unused]] static void put(int fd, size_t n)
{
	static char bytes[65536];

	CHECK_EQ(write(fd, bytes, n), n);
}

[[maybe_unused]] static void take(int fd, size_t n)
{
	static char bytes[65536];

	CHECK_EQ(read(fd, bytes, n), n);
}

#endif
