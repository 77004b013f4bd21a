/* Signals for files: who owns them, which signal it is, and what has one sent. */
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "test.h"

#define RT (SIGRTMIN + 3)

static void block(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
}

/* Take sig, which is to come; its record. */
static siginfo_t expect(int sig)
{
	struct timespec limit = { .tv_sec = 20 };
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	CHECK_EQ(sigtimedwait(&set, &info, &limit), sig);
	return info;
}

/* It is not pending. */
static void expect_none(int sig)
{
	struct timespec now = { 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	CHECK_ERR(sigtimedwait(&set, NULL, &now), EAGAIN);
}

static void drop(int sig)
{
	struct timespec now = { 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	while (sigtimedwait(&set, NULL, &now) == sig)
		;
}

static void arm(int fd, int sig)
{
	block(sig ? sig : SIGIO);
	CHECK_EQ(fcntl(fd, F_SETOWN, getpid()), 0);
	CHECK_EQ(fcntl(fd, F_SETSIG, sig), 0);
	CHECK_EQ(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC), 0);
	CHECK(fcntl(fd, F_GETFL) & O_ASYNC);
}

TEST(owners)
{
	struct f_owner_ex owner = { .type = 77, .pid = 77 };
	int ends[2], pid = getpid();
	pid_t child;

	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(fcntl(ends[0], F_GETOWN), 0);
	CHECK_EQ(fcntl(ends[0], F_GETOWN_EX, &owner), 0);
	CHECK_EQ(owner.pid, 0);
	CHECK_EQ(fcntl(ends[0], F_SETOWN, pid), 0);
	CHECK_EQ(fcntl(ends[0], F_GETOWN), pid);
	CHECK_EQ(fcntl(ends[0], F_GETOWN_EX, &owner), 0);
	CHECK_EQ(owner.type, F_OWNER_PID);
	CHECK_EQ(owner.pid, pid);
	CHECK_EQ(fcntl(ends[1], F_GETOWN), 0);
	setpgid(0, 0);	/* it leads one already where it leads a session */
	CHECK_EQ(fcntl(ends[0], F_SETOWN, -pid), 0);
	CHECK_EQ(fcntl(ends[0], F_GETOWN_EX, &owner), 0);
	CHECK_EQ(owner.type, F_OWNER_PGRP);
	CHECK_EQ(owner.pid, pid);
	CHECK_EQ(fcntl(ends[0], F_GETOWN), -pid);
	owner = (struct f_owner_ex){ F_OWNER_TID, gettid() };
	CHECK_EQ(fcntl(ends[0], F_SETOWN_EX, &owner), 0);
	owner.pid = 0;
	CHECK_EQ(fcntl(ends[0], F_GETOWN_EX, &owner), 0);
	CHECK_EQ(owner.type, F_OWNER_TID);
	CHECK_EQ(owner.pid, gettid());
	CHECK_EQ(fcntl(ends[0], F_SETOWN, 0), 0);
	CHECK_EQ(fcntl(ends[0], F_GETOWN), 0);
	/* One that ends names nobody any more. */
	child = fork();
	if (!child) {
		pause();
		_exit(0);
	}
	CHECK_EQ(fcntl(ends[0], F_SETOWN, child), 0);
	CHECK_EQ(fcntl(ends[0], F_GETOWN), child);
	kill(child, SIGKILL);
	test_wait(child);
	CHECK_EQ(fcntl(ends[0], F_GETOWN), 0);
}

TEST(wrong_owners)
{
	struct f_owner_ex owner = { .type = 3, .pid = getpid() };
	int ends[2];

	CHECK_EQ(pipe(ends), 0);
	CHECK_ERR(fcntl(ends[0], F_SETOWN, 0x3fffffff), ESRCH);
	CHECK_ERR(fcntl(ends[0], F_SETOWN, -0x3fffffff), ESRCH);
	CHECK_ERR(fcntl(ends[0], F_SETOWN, (int)0x80000000), EINVAL);
	CHECK_ERR(fcntl(ends[0], F_SETOWN_EX, &owner), EINVAL);
	owner.type = -1;
	CHECK_ERR(fcntl(ends[0], F_SETOWN_EX, &owner), EINVAL);
	owner = (struct f_owner_ex){ F_OWNER_PID, 0x3fffffff };
	CHECK_ERR(fcntl(ends[0], F_SETOWN_EX, &owner), ESRCH);
	CHECK_ERR(fcntl(ends[0], F_SETOWN_EX, 8), EFAULT);
	CHECK_ERR(fcntl(ends[0], F_GETOWN_EX, 8), EFAULT);
	CHECK_ERR(fcntl(ends[0], F_SETSIG, 65), EINVAL);
	CHECK_ERR(fcntl(ends[0], F_SETSIG, -1), EINVAL);
	CHECK_EQ(fcntl(ends[0], F_SETSIG, SIGKILL), 0);
	CHECK_EQ(fcntl(ends[0], F_GETSIG), SIGKILL);
	CHECK_ERR(fcntl(99, F_SETOWN, 1), EBADF);
	CHECK_ERR(fcntl(open(".", O_PATH), F_GETOWN), EBADF);
}

TEST(the_ids_of_who_set_the_owner)
{
	unsigned uids[2] = { 7, 7 };
	int ends[2];

	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(fcntl(ends[0], F_SETOWN, getpid()), 0);
	CHECK_EQ(fcntl(ends[0], 17 /* F_GETOWNER_UIDS */, uids), 0);
	CHECK_EQ(uids[0], getuid());
	CHECK_EQ(uids[1], geteuid());
}

TEST(a_pipe_is_written)
{
	siginfo_t info;
	int ends[2];

	CHECK_EQ(pipe(ends), 0);
	arm(ends[0], 0);
	expect_none(SIGIO);
	CHECK_EQ(write(ends[1], "x", 1), 1);
	info = expect(SIGIO);
	CHECK_EQ(info.si_code, SI_KERNEL);
	/* Each write tells, whether the first was read or not. */
	CHECK_EQ(write(ends[1], "x", 1), 1);
	expect(SIGIO);
	expect_none(SIGIO);
	close(ends[1]);
	expect(SIGIO);
	expect_none(SIGIO);
}

TEST(a_record_says_which_file)
{
	siginfo_t info;
	int ends[2], copy;

	CHECK_EQ(pipe(ends), 0);
	arm(ends[0], RT);
	copy = dup(ends[0]);
	CHECK_EQ(fcntl(copy, F_GETSIG), RT);
	CHECK_EQ(write(ends[1], "x", 1), 1);
	CHECK_EQ(write(ends[1], "x", 1), 1);
	for (int i = 0; i < 2; i++) {
		info = expect(RT);
		CHECK_EQ(info.si_code, POLL_IN);
		CHECK_EQ(info.si_fd, ends[0]);
		CHECK_EQ(info.si_band, 0x41);
	}
	expect_none(RT);
	/* SIGIO itself may be asked for with a record. */
	arm(ends[0], SIGIO);
	CHECK_EQ(write(ends[1], "x", 1), 1);
	info = expect(SIGIO);
	CHECK_EQ(info.si_code, POLL_IN);
	CHECK_EQ(info.si_fd, ends[0]);
	arm(ends[0], SIGCHLD);
	CHECK_EQ(write(ends[1], "x", 1), 1);
	info = expect(SIGCHLD);
	CHECK_EQ(info.si_code, -5 /* SI_SIGIO */);
}

TEST(a_pipe_has_room_again)
{
	static char bytes[65536];
	siginfo_t info;
	int ends[2];

	CHECK_EQ(pipe2(ends, O_NONBLOCK), 0);
	CHECK_EQ(write(ends[1], bytes, sizeof(bytes)), sizeof(bytes));
	arm(ends[1], RT);
	CHECK_EQ(read(ends[0], bytes, sizeof(bytes)), sizeof(bytes));
	info = expect(RT);
	CHECK_EQ(info.si_code, POLL_OUT);
	CHECK_EQ(info.si_fd, ends[1]);
	CHECK_EQ(info.si_band, 0x304);
	drop(RT);
	/* Any read says so. */
	CHECK_EQ(write(ends[1], bytes, 10), 10);
	drop(RT);
	CHECK_EQ(read(ends[0], bytes, 5), 5);
	CHECK_EQ(expect(RT).si_code, POLL_OUT);
	drop(RT);
	close(ends[0]);
	CHECK_EQ(expect(RT).si_code, POLL_OUT);
}

TEST(switched_off)
{
	int ends[2];

	CHECK_EQ(pipe(ends), 0);
	arm(ends[0], 0);
	CHECK_EQ(fcntl(ends[0], F_SETFL, 0), 0);
	CHECK_EQ(write(ends[1], "x", 1), 1);
	expect_none(SIGIO);
	arm(ends[0], 0);
	CHECK_EQ(fcntl(ends[0], F_SETOWN, 0), 0);
	CHECK_EQ(write(ends[1], "x", 1), 1);
	expect_none(SIGIO);
	/* Without an owner nobody is told. */
	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(fcntl(ends[0], F_SETFL, O_ASYNC), 0);
	CHECK_EQ(write(ends[1], "x", 1), 1);
	expect_none(SIGIO);
	/* The last descriptor is gone, and the file with it. */
	arm(ends[0], 0);
	close(ends[0]);
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERR(write(ends[1], "x", 1), EPIPE);
	expect_none(SIGIO);
}

TEST(by_ioctl)
{
	int ends[2], on = 1, file = open("f", O_CREAT | O_RDWR, 0600), who;

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	block(SIGIO);
	CHECK_EQ(ioctl(ends[0], FIOASYNC, &on), 0);
	CHECK(fcntl(ends[0], F_GETFL) & O_ASYNC);
	CHECK_ERR(ioctl(file, FIOASYNC, &on), ENOTTY);
	CHECK_ERR(ioctl(ends[0], FIOASYNC, 8), EFAULT);
	who = getpid();
	CHECK_EQ(ioctl(ends[0], FIOSETOWN, &who), 0);
	who = 0;
	CHECK_EQ(ioctl(ends[0], SIOCGPGRP, &who), 0);
	CHECK_EQ(who, getpid());
	who = 0x3fffffff;
	CHECK_ERR(ioctl(ends[0], SIOCSPGRP, &who), ESRCH);
	CHECK_EQ(ioctl(ends[0], FIOGETOWN, &who), 0);
	CHECK_EQ(who, getpid());
	CHECK_ERR(ioctl(file, FIOSETOWN, &who), ENOTTY);
	CHECK_EQ(write(ends[1], "x", 1), 1);
	expect(SIGIO);
	on = 0;
	CHECK_EQ(ioctl(ends[0], FIOASYNC, &on), 0);
	CHECK_EQ(write(ends[1], "x", 1), 1);
	expect_none(SIGIO);
	/* A file that is always ready: nothing happens, and the flag does not stay. */
	CHECK_EQ(fcntl(file, F_SETFL, O_ASYNC), 0);
	CHECK_EQ(fcntl(file, F_GETFL) & O_ASYNC, 0);
}

TEST(sockets)
{
	int ends[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	arm(ends[0], RT);
	CHECK_EQ(write(ends[1], "x", 1), 1);
	CHECK_EQ(expect(RT).si_code, POLL_IN);
	expect_none(RT);
	close(ends[1]);
	CHECK_EQ(expect(RT).si_code, POLL_HUP);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
	arm(ends[0], RT);
	CHECK_EQ(write(ends[1], "x", 1), 1);
	CHECK_EQ(expect(RT).si_code, POLL_IN);
}

/* Nobody has brought the loopback up on Linux. */
static void bring_up(void)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	CHECK_EQ(ioctl(fd, SIOCSIFFLAGS, &r), 0);
	close(fd);
}

static int listening(struct sockaddr_in *at)
{
	socklen_t len = sizeof(*at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	bring_up();
	*at = (struct sockaddr_in){ .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	CHECK_EQ(bind(fd, (struct sockaddr *)at, sizeof(*at)), 0);
	CHECK_EQ(listen(fd, 5), 0);
	CHECK_EQ(getsockname(fd, (struct sockaddr *)at, &len), 0);
	return fd;
}

TEST(connections)
{
	struct sockaddr_in at;
	int server = listening(&at), client, made;
	siginfo_t info;

	arm(server, RT);
	client = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(connect(client, (struct sockaddr *)&at, sizeof(at)), 0);
	info = expect(RT);
	CHECK_EQ(info.si_fd, server);
	CHECK_EQ(info.si_code, POLL_IN);
	made = accept(server, NULL, NULL);
	CHECK(made >= 0);
	/* What a listener hands out has no owner of its own. */
	CHECK_EQ(fcntl(made, F_GETOWN), 0);
	drop(RT);
	arm(made, RT);
	CHECK_EQ(write(client, "text", 4), 4);
	CHECK_EQ(expect(RT).si_code, POLL_IN);
}

TEST(urgent_data)
{
	struct sockaddr_in at;
	int server = listening(&at), client, made;
	siginfo_t info;

	client = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(connect(client, (struct sockaddr *)&at, sizeof(at)), 0);
	made = accept(server, NULL, NULL);
	block(SIGURG);
	CHECK_EQ(fcntl(made, F_SETOWN, getpid()), 0);
	CHECK_EQ(send(client, "u", 1, MSG_OOB), 1);
	info = expect(SIGURG);
	CHECK_EQ(info.si_code, SI_KERNEL);
}

TEST(terminals)
{
	struct termios raw;
	siginfo_t info;
	int master, slave;

	CHECK_EQ(openpty(&master, &slave, NULL, NULL, NULL), 0);
	CHECK_EQ(tcgetattr(slave, &raw), 0);
	cfmakeraw(&raw);
	CHECK_EQ(tcsetattr(slave, TCSANOW, &raw), 0);
	block(RT);
	/* Who switches it on is the owner, if there is neither one nor a foreground group. */
	CHECK_EQ(fcntl(slave, F_SETSIG, RT), 0);
	CHECK_EQ(fcntl(slave, F_SETFL, O_RDWR | O_ASYNC), 0);
	CHECK_EQ(fcntl(slave, F_GETOWN), getpid());
	CHECK_EQ(write(master, "x", 1), 1);
	info = expect(RT);
	CHECK_EQ(info.si_code, POLL_IN);
	CHECK_EQ(info.si_fd, slave);
	drop(RT);
	CHECK_EQ(fcntl(slave, F_SETFL, O_RDWR), 0);
	arm(master, RT);
	CHECK_EQ(write(slave, "y", 1), 1);
	info = expect(RT);
	CHECK_EQ(info.si_code, POLL_IN);
	CHECK_EQ(info.si_fd, master);
}

TEST(the_foreground_group_of_a_terminal)
{
	int master, slave;
	pid_t child;

	CHECK_EQ(openpty(&master, &slave, NULL, NULL, NULL), 0);
	child = fork();
	if (!child) {
		struct f_owner_ex owner;

		setsid();
		if (ioctl(slave, TIOCSCTTY, 0) || fcntl(slave, F_SETFL, O_RDWR | O_ASYNC))
			_exit(1);
		if (fcntl(slave, F_GETOWN_EX, &owner) || owner.type != F_OWNER_PGRP)
			_exit(2);
		_exit(owner.pid == getpid() ? 0 : 3);
	}
	CHECK_EQ(test_wait(child), 0);
}

TEST(watches)
{
	int fd = inotify_init1(0);

	CHECK_EQ(inotify_add_watch(fd, ".", IN_CREATE), 1);
	arm(fd, RT);
	test_write_file("new", "");
	CHECK_EQ(expect(RT).si_fd, fd);
}

/* The one thread, not any of the process. */
TEST(one_thread)
{
	struct f_owner_ex owner = { F_OWNER_TID, 0 };
	int ends[2];
	sigset_t pending;

	CHECK_EQ(pipe(ends), 0);
	arm(ends[0], 0);
	owner.pid = gettid();
	CHECK_EQ(fcntl(ends[0], F_SETOWN_EX, &owner), 0);
	CHECK_EQ(write(ends[1], "x", 1), 1);
	expect(SIGIO);
	CHECK_EQ(sigpending(&pending), 0);
	CHECK(!sigismember(&pending, SIGIO));
}

/* All of a group. */
TEST(a_group)
{
	int ends[2], ready[2];
	char byte;
	pid_t child;

	setpgid(0, 0);	/* it leads one already where it leads a session */
	block(SIGIO);
	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(pipe(ready), 0);
	child = fork();
	if (!child) {
		CHECK_EQ(write(ready[1], "r", 1), 1);
		expect(SIGIO);
		_exit(0);
	}
	CHECK_EQ(read(ready[0], &byte, 1), 1);
	CHECK_EQ(fcntl(ends[0], F_SETOWN, -getpid()), 0);
	CHECK_EQ(fcntl(ends[0], F_SETFL, O_ASYNC), 0);
	CHECK_EQ(write(ends[1], "x", 1), 1);
	expect(SIGIO);
	CHECK_EQ(test_wait(child), 0);
}

static void write_for_root(void *argument)
{
	int *ends = argument, pid = getppid();

	/* He may name whom he wants, but not signal him. */
	CHECK_EQ(fcntl(ends[0], F_SETOWN, pid), 0);
	CHECK_EQ(fcntl(ends[0], F_SETFL, O_ASYNC), 0);
	CHECK_EQ(write(ends[1], "x", 1), 1);
}

TEST(who_may_have_whom_signalled)
{
	int ends[2];

	CHECK_EQ(pipe(ends), 0);
	block(SIGIO);
	CHECK_EQ(test_child_as(1000, write_for_root, ends), 0);
	expect_none(SIGIO);
	CHECK_EQ(fcntl(ends[0], F_SETOWN, getpid()), 0);
	CHECK_EQ(write(ends[1], "x", 1), 1);
	expect(SIGIO);
}

/* A writer that fills the pipe waits for a reader that waits for the signal. */
TEST(the_signal_comes_while_the_writer_waits)
{
	static char bytes[300000];
	long left = sizeof(bytes);
	int ends[2];
	pid_t child;

	CHECK_EQ(pipe(ends), 0);
	arm(ends[0], 0);
	child = fork();
	if (!child) {
		close(ends[0]);
		_exit(write(ends[1], bytes, sizeof(bytes)) != sizeof(bytes));
	}
	expect(SIGIO);
	while (left > 0) {
		long n = read(ends[0], bytes, sizeof(bytes));

		CHECK(n > 0);
		left -= n;
	}
	CHECK_EQ(test_wait(child), 0);
}

static volatile sig_atomic_t handled;

static void handler(int sig)
{
	(void)sig;
	handled++;
}

/* Before the call that caused it is over. */
TEST(at_once)
{
	int ends[2];

	CHECK_EQ(pipe(ends), 0);
	signal(SIGIO, handler);
	CHECK_EQ(fcntl(ends[0], F_SETOWN, getpid()), 0);
	CHECK_EQ(fcntl(ends[0], F_SETFL, O_ASYNC), 0);
	for (int i = 1; i <= 1000; i++) {
		CHECK_EQ(write(ends[1], "x", 1), 1);
		CHECK_EQ(handled, i);
	}
}
