/* What one user may have of watches, pipes and descriptors in flight: /proc/sys/fs. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"

#define SYS_FS "/proc/sys/fs/"
#define USER   4321

/* Set a limit for one child's run. */
static void with(const char *name, long limit, void (*run)(void *), unsigned uid)
{
	char path[64], before[32], now[32];
	int status;

	snprintf(path, sizeof(path), SYS_FS "%s", name);
	snprintf(before, sizeof(before), "%s", test_read_file(path));
	snprintf(now, sizeof(now), "%ld\n", limit);
	test_write_file(path, now);
	CHECK(!strcmp(test_read_file(path), now));
	status = uid ? test_child_as(uid, run, NULL) : test_child(run, NULL);
	test_write_file(path, before);
	CHECK_EQ(status, 0);
}

/* --- inotify --- */

static void make_instances([[maybe_unused]] void *unused)
{
	int fds[8];

	for (int i = 0; i < 5; i++)
		CHECK((fds[i] = inotify_init()) >= 0);
	CHECK_ERR(inotify_init(), EMFILE);
	close(fds[2]);
	CHECK((fds[2] = inotify_init()) >= 0);
	CHECK_ERR(inotify_init1(IN_NONBLOCK), EMFILE);
}

TEST(inotify_instances_are_limited)
{
	CHECK(!strcmp(test_read_file(SYS_FS "inotify/max_user_instances"), "128\n"));
	with("inotify/max_user_instances", 5, make_instances, USER);
	with("inotify/max_user_instances", 5, make_instances, USER + 1);
}

static void make_watches([[maybe_unused]] void *unused)
{
	static const char *const paths[] = { "/", "/etc", "/usr", "/tmp", "/proc" };
	int set = inotify_init(), wd = -1;

	CHECK(set >= 0);
	for (int i = 0; i < 4; i++)
		CHECK((wd = inotify_add_watch(set, paths[i], IN_CREATE)) > 0);
	CHECK_ERR(inotify_add_watch(set, paths[4], IN_CREATE), ENOSPC);
	/* One that is there may change. */
	CHECK_EQ(inotify_add_watch(set, paths[3], IN_DELETE), wd);
	CHECK_EQ(inotify_rm_watch(set, wd), 0);
	CHECK(inotify_add_watch(set, paths[4], IN_CREATE) > 0);
	close(set);
	CHECK((set = inotify_init()) >= 0);
	CHECK(inotify_add_watch(set, paths[4], IN_CREATE) > 0);
}

TEST(inotify_watches_are_limited)
{
	with("inotify/max_user_watches", 4, make_watches, USER);
}

static void overflow([[maybe_unused]] void *unused)
{
	struct inotify_event *e;
	char buf[2048], name[32], dir[] = "/tmp/limitXXXXXX";
	int set = inotify_init1(IN_NONBLOCK), n = 0, last = 0;
	ssize_t got;

	CHECK(set >= 0 && mkdtemp(dir));
	CHECK(inotify_add_watch(set, dir, IN_CREATE) > 0);
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "%s/%d", dir, i);
		close(open(name, O_CREAT | O_WRONLY, 0600));
		unlink(name);
	}
	rmdir(dir);
	got = read(set, buf, sizeof(buf));
	CHECK(got > 0);
	for (char *at = buf; at < buf + got; at += sizeof(*e) + e->len, n++) {
		e = (struct inotify_event *)at;
		last = (int)e->mask;
	}
	CHECK_EQ(n, 6);
	CHECK_EQ(last, IN_Q_OVERFLOW);
}

TEST(inotify_events_are_limited)
{
	CHECK(!strcmp(test_read_file(SYS_FS "inotify/max_queued_events"), "16384\n"));
	with("inotify/max_queued_events", 5, overflow, USER);
}

/* --- epoll --- */

static void watch_with_epoll([[maybe_unused]] void *unused)
{
	struct epoll_event what = { .events = EPOLLIN };
	int set = epoll_create1(0), other = epoll_create1(0), fds[7];

	for (int i = 0; i < 7; i++)
		CHECK((fds[i] = eventfd(0, 0)) >= 0);
	for (int i = 0; i < 6; i++)
		CHECK_EQ(epoll_ctl(i & 1 ? set : other, EPOLL_CTL_ADD, fds[i], &what), 0);
	CHECK_ERR(epoll_ctl(set, EPOLL_CTL_ADD, fds[6], &what), ENOSPC);
	CHECK_ERR(epoll_ctl(set, EPOLL_CTL_ADD, fds[1], &what), EEXIST);
	CHECK_EQ(epoll_ctl(set, EPOLL_CTL_DEL, fds[1], NULL), 0);
	CHECK_EQ(epoll_ctl(set, EPOLL_CTL_ADD, fds[6], &what), 0);
	close(other);
	CHECK_EQ(epoll_ctl(set, EPOLL_CTL_ADD, fds[1], &what), 0);
	close(fds[1]);
	CHECK_EQ(epoll_ctl(set, EPOLL_CTL_ADD, fds[0], &what), 0);
}

TEST(what_epoll_watches_is_limited)
{
	CHECK(atol(test_read_file(SYS_FS "epoll/max_user_watches")) > 1000);
	with("epoll/max_user_watches", 6, watch_with_epoll, USER);
}

/* --- pipes --- */

static void make_pipes([[maybe_unused]] void *unused)
{
	int ends[2], first[2];

	CHECK_EQ(pipe(first), 0);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(fcntl(ends[0], F_GETPIPE_SZ), 65536);
	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(fcntl(ends[0], F_GETPIPE_SZ), 8192);
	CHECK_ERR(fcntl(ends[0], F_SETPIPE_SZ, 16384), EPERM);
	CHECK_EQ(fcntl(ends[0], F_SETPIPE_SZ, 4096), 4096);
	CHECK_EQ(fcntl(first[0], F_SETPIPE_SZ, 4096), 4096);
	CHECK_EQ(fcntl(ends[0], F_SETPIPE_SZ, 16384), 16384);
	close(first[0]);
	close(first[1]);
	CHECK_ERR(fcntl(ends[0], F_SETPIPE_SZ, 1 << 20), EPERM);
}

static void make_any_pipe([[maybe_unused]] void *unused)
{
	int ends[2];

	for (int i = 0; i < 10; i++)
		CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(fcntl(ends[0], F_GETPIPE_SZ), 65536);
}

TEST(pages_of_pipes_are_limited)
{
	CHECK(!strcmp(test_read_file(SYS_FS "pipe-user-pages-soft"), "16384\n"));
	CHECK(!strcmp(test_read_file(SYS_FS "pipe-user-pages-hard"), "0\n"));
	with("pipe-user-pages-soft", 48, make_pipes, USER);
	with("pipe-user-pages-soft", 48, make_any_pipe, 0);
	with("pipe-user-pages-soft", 0, make_any_pipe, USER);
}

static void make_pipes_to_the_end([[maybe_unused]] void *unused)
{
	int ends[2], more[2];

	for (int i = 0; i < 3; i++)
		CHECK_EQ(pipe(ends), 0);
	CHECK_ERR(pipe(more), ENFILE);
	CHECK_ERR(fcntl(ends[0], F_SETPIPE_SZ, 131072), EPERM);
	close(ends[0]);
	close(ends[1]);
	CHECK_EQ(pipe(more), 0);
}

TEST(pipes_end_at_the_hard_limit)
{
	with("pipe-user-pages-hard", 48, make_pipes_to_the_end, USER);
	with("pipe-user-pages-hard", 48, make_any_pipe, 0);
}

static void grow([[maybe_unused]] void *unused)
{
	int ends[2], may = geteuid() == 0;

	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(fcntl(ends[0], F_GETPIPE_SZ), may ? 65536 : 32768);
	CHECK_EQ(fcntl(ends[0], F_SETPIPE_SZ, 20000), 32768);
	if (may)
		CHECK_EQ(fcntl(ends[0], F_SETPIPE_SZ, 65536), 65536);
	else
		CHECK_ERR(fcntl(ends[0], F_SETPIPE_SZ, 65536), EPERM);
}

TEST(a_pipe_has_a_largest_size)
{
	int fd = open(SYS_FS "pipe-max-size", O_WRONLY);

	CHECK(!strcmp(test_read_file(SYS_FS "pipe-max-size"), "1048576\n"));
	with("pipe-max-size", 32768, grow, USER);
	with("pipe-max-size", 32768, grow, 0);
	CHECK_EQ(pwrite(fd, "70000\n", 6, 0), 6);
	CHECK(!strcmp(test_read_file(SYS_FS "pipe-max-size"), "131072\n"));
	CHECK_EQ(pwrite(fd, "0\n", 2, 0), 2);
	CHECK(!strcmp(test_read_file(SYS_FS "pipe-max-size"), "4096\n"));
	CHECK_ERR(pwrite(fd, "2147483649\n", 11, 0), EINVAL);
	CHECK_ERR(pwrite(fd, "many\n", 5, 0), EINVAL);
	CHECK_EQ(pwrite(fd, "1048576\n", 8, 0), 8);
	close(fd);
}

/* --- in flight --- */

static int send_fd(int to, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec io = { &byte, 1 };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return (int)sendmsg(to, &m, MSG_DONTWAIT);
}

static void send_many([[maybe_unused]] void *unused)
{
	struct rlimit few = { 16, 16 };
	int pair[2], sent = 0;

	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
	/* What nobody received is not in flight any more. */
	for (int i = 0; i < 100; i++) {
		CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		CHECK_EQ(send_fd(pair[0], 1), 1);
		close(pair[i & 1]);
		close(pair[!(i & 1)]);
	}
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	while (send_fd(pair[0], 1) == 1)
		sent++;
	CHECK_EQ(errno, ETOOMANYREFS);
	CHECK_EQ(sent, 17);
}

TEST(descriptors_in_flight_are_limited)
{
	CHECK_EQ(test_child_as(USER, send_many, NULL), 0);
}
