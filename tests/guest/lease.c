/* Leases: who has one is told before another opens or truncates the file, and is waited for. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define BREAK_TIME "/proc/sys/fs/lease-break-time"

static int file(int flags)
{
	int fd = open("f", O_CREAT | flags, 0644);

	CHECK(fd >= 0);
	return fd;
}

static int lease_of(int fd)
{
	return fcntl(fd, F_GETLEASE);
}

static int lease(int fd, int type)
{
	return fcntl(fd, F_SETLEASE, type);
}

static void block(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
}

static siginfo_t expect(int sig)
{
	struct timespec limit = { .tv_sec = 30 };
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	CHECK_EQ(sigtimedwait(&set, &info, &limit), sig);
	return info;
}

static void expect_none(int sig)
{
	struct timespec now = { 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	CHECK_ERR(sigtimedwait(&set, NULL, &now), EAGAIN);
}

TEST(set_and_asked_for)
{
	int fd;

	close(file(O_RDWR));
	fd = file(O_RDONLY);
	CHECK_EQ(lease_of(fd), F_UNLCK);
	CHECK_ERR(lease(fd, F_UNLCK), EAGAIN);
	CHECK_EQ(lease(fd, F_RDLCK), 0);
	CHECK_EQ(lease_of(fd), F_RDLCK);
	CHECK_EQ(lease(fd, F_RDLCK), 0);
	CHECK_EQ(fcntl(fd, F_GETOWN), getpid());
	CHECK_EQ(lease(fd, F_WRLCK), 0);
	CHECK_EQ(lease_of(fd), F_WRLCK);
	CHECK_EQ(lease_of(dup(fd)), F_WRLCK);
	CHECK_EQ(lease(fd, F_UNLCK), 0);
	CHECK_EQ(lease_of(fd), F_UNLCK);
	CHECK_EQ(fcntl(fd, F_GETOWN), 0);
	CHECK_ERR(lease(fd, F_UNLCK), EAGAIN);
	CHECK_ERR(lease(fd, 77), EINVAL);
	CHECK_ERR(lease(99, F_RDLCK), EBADF);
	CHECK_ERR(lease(open("f", O_PATH), F_RDLCK), EBADF);
}

TEST(what_else_is_open)
{
	int a = file(O_RDWR), b;

	CHECK_ERR(lease(a, F_RDLCK), EAGAIN);
	CHECK_EQ(lease(a, F_WRLCK), 0);
	CHECK_EQ(lease(a, F_UNLCK), 0);
	b = file(O_RDONLY);
	CHECK_ERR(lease(a, F_WRLCK), EAGAIN);
	CHECK_ERR(lease(b, F_WRLCK), EAGAIN);
	CHECK_ERR(lease(b, F_RDLCK), EAGAIN);
	close(a);
	CHECK_EQ(lease(b, F_RDLCK), 0);
	a = open("f", O_RDONLY);
	CHECK(a >= 0);
	CHECK_EQ(lease(a, F_RDLCK), 0);
	CHECK_ERR(lease(a, F_WRLCK), EAGAIN);
	close(b);
	CHECK_EQ(lease(a, F_WRLCK), 0);
}

TEST(other_files)
{
	int ends[2], folder = open(".", O_RDONLY);

	CHECK_EQ(pipe(ends), 0);
	CHECK_ERR(lease(ends[0], F_RDLCK), EINVAL);
	CHECK_ERR(lease(folder, F_RDLCK), EINVAL);
	CHECK_ERR(lease(open("/dev/null", O_RDONLY), F_RDLCK), EINVAL);
	CHECK_EQ(lease_of(ends[0]), F_UNLCK);
}

static void of_another(void *unused)
{
	int fd = open("f", O_RDONLY);

	(void)unused;
	CHECK(fd >= 0);
	CHECK_ERR(lease(fd, F_RDLCK), EACCES);
}

TEST(of_another_user)
{
	close(file(O_RDWR));
	CHECK_EQ(test_child_as(1000, of_another, NULL), 0);
}

TEST(one_who_will_not_wait)
{
	int fd;

	close(file(O_RDWR));
	fd = file(O_RDONLY);
	block(SIGIO);
	CHECK_EQ(lease(fd, F_RDLCK), 0);
	close(open("f", O_RDONLY));
	expect_none(SIGIO);
	CHECK_ERR(open("f", O_WRONLY | O_NONBLOCK), EWOULDBLOCK);
	CHECK_EQ(expect(SIGIO).si_code, SI_KERNEL);
	/* It is being broken: what it is to become. */
	CHECK_EQ(lease_of(fd), F_UNLCK);
	CHECK_EQ(lease(fd, F_RDLCK), 0);	/* which is not enough */
	CHECK_EQ(lease_of(fd), F_UNLCK);
	CHECK_ERR(open("f", O_WRONLY | O_NONBLOCK), EWOULDBLOCK);
	expect_none(SIGIO);	/* told once */
	CHECK_EQ(lease(fd, F_UNLCK), 0);
	CHECK(open("f", O_WRONLY | O_NONBLOCK) >= 0);
}

TEST(the_record)
{
	siginfo_t info;
	int fd;

	close(file(O_RDWR));
	fd = file(O_RDONLY);
	block(SIGRTMIN);
	CHECK_EQ(lease(fd, F_WRLCK), 0);
	CHECK_EQ(fcntl(fd, F_SETSIG, SIGRTMIN), 0);
	CHECK_ERR(open("f", O_RDONLY | O_NONBLOCK), EWOULDBLOCK);
	info = expect(SIGRTMIN);
	CHECK_EQ(info.si_code, POLL_MSG);
	CHECK_EQ(info.si_fd, fd);
	CHECK_EQ(info.si_band, 0x441);
	CHECK_EQ(lease_of(fd), F_RDLCK);
	/* One who writes wants more. */
	CHECK_ERR(open("f", O_WRONLY | O_NONBLOCK), EWOULDBLOCK);
	CHECK_EQ(expect(SIGRTMIN).si_code, POLL_MSG);
	CHECK_EQ(lease_of(fd), F_UNLCK);
	CHECK_EQ(lease(fd, F_UNLCK), 0);
	CHECK_EQ(fcntl(fd, F_GETSIG), 0);
}

/* A child that does it, and what it gives. */
static pid_t opener(int flags)
{
	pid_t child = fork();

	if (!child)
		_exit(open("f", flags) < 0 ? errno : 0);
	return child;
}

TEST(one_who_waits)
{
	int fd;
	pid_t child;

	close(file(O_RDWR));
	fd = file(O_RDONLY);
	block(SIGIO);
	CHECK_EQ(lease(fd, F_WRLCK), 0);
	child = opener(O_RDONLY);
	expect(SIGIO);
	CHECK_EQ(lease_of(fd), F_RDLCK);
	CHECK_EQ(waitpid(child, NULL, WNOHANG), 0);
	CHECK_EQ(lease(fd, F_RDLCK), 0);
	CHECK_EQ(test_wait(child), 0);
	CHECK_EQ(lease_of(fd), F_RDLCK);
	child = opener(O_RDWR);
	expect(SIGIO);
	CHECK_EQ(waitpid(child, NULL, WNOHANG), 0);
	CHECK_EQ(lease(fd, F_UNLCK), 0);
	CHECK_EQ(test_wait(child), 0);
	/* The end of the file is an end of the lease. */
	CHECK_EQ(lease(fd, F_WRLCK), 0);
	child = opener(O_RDONLY);
	expect(SIGIO);
	close(fd);
	CHECK_EQ(test_wait(child), 0);
}

TEST(truncation)
{
	int fd;
	pid_t child;

	test_write_file("f", "text");
	fd = file(O_RDONLY);
	block(SIGIO);
	CHECK_EQ(lease(fd, F_RDLCK), 0);
	child = fork();
	if (!child)
		_exit(truncate("f", 1) ? errno : 0);
	expect(SIGIO);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 4);
	CHECK_EQ(lease(fd, F_UNLCK), 0);
	CHECK_EQ(test_wait(child), 0);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 1);
	CHECK_EQ(lease(fd, F_RDLCK), 0);
	CHECK_EQ(chmod("f", 0600), 0);
	CHECK_EQ(rename("f", "g"), 0);
	CHECK_EQ(unlink("g"), 0);
	expect_none(SIGIO);
}

static void ignore(int sig)
{
	(void)sig;
}

TEST(one_who_gives_up)
{
	struct sigaction act = { .sa_handler = ignore };
	int fd, status;
	pid_t child;

	close(file(O_RDWR));
	fd = file(O_RDONLY);
	block(SIGIO);
	CHECK_EQ(lease(fd, F_WRLCK), 0);
	CHECK_EQ(sigaction(SIGUSR1, &act, NULL), 0);
	child = opener(O_RDONLY);
	expect(SIGIO);
	/* It may not wait yet: once more, until it has heard. */
	do {
		CHECK_EQ(kill(child, SIGUSR1), 0);
		test_sleep_ms(20);
	} while (!waitpid(child, &status, WNOHANG));
	CHECK_EQ(status, EINTR << 8);
	CHECK_EQ(lease_of(fd), F_RDLCK);
}

TEST(one_who_does_not_let_go)
{
	char was[20];
	int fd;
	pid_t child;

	snprintf(was, sizeof(was), "%s", test_read_file(BREAK_TIME));
	CHECK(atoi(was) > 0);
	test_write_file(BREAK_TIME, "1\n");
	CHECK_EQ(atoi(test_read_file(BREAK_TIME)), 1);
	close(file(O_RDWR));
	fd = file(O_RDONLY);
	block(SIGIO);
	CHECK_EQ(lease(fd, F_WRLCK), 0);
	child = opener(O_RDONLY);
	CHECK_EQ(test_wait(child), 0);
	CHECK_EQ(lease_of(fd), F_RDLCK);
	child = opener(O_WRONLY);
	CHECK_EQ(test_wait(child), 0);
	CHECK_EQ(lease_of(fd), F_UNLCK);
	CHECK_ERR(lease(fd, F_UNLCK), EAGAIN);
	test_write_file(BREAK_TIME, was);
}

TEST(several_readers)
{
	int a, b;
	pid_t child;

	close(file(O_RDWR));
	a = file(O_RDONLY);
	b = file(O_RDONLY);
	block(SIGIO);
	block(SIGRTMIN);
	CHECK_EQ(lease(a, F_RDLCK), 0);
	CHECK_EQ(lease(b, F_RDLCK), 0);
	CHECK_EQ(fcntl(b, F_SETSIG, SIGRTMIN), 0);
	child = opener(O_WRONLY);
	expect(SIGIO);
	expect(SIGRTMIN);
	CHECK_EQ(lease(a, F_UNLCK), 0);
	CHECK_EQ(waitpid(child, NULL, WNOHANG), 0);
	CHECK_EQ(lease(b, F_UNLCK), 0);
	CHECK_EQ(test_wait(child), 0);
}

TEST(a_mapping_does_not_count)
{
	int fd;
	void *at;

	test_write_file("f", "text");
	fd = file(O_RDONLY);
	at = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(at != MAP_FAILED);
	CHECK_EQ(lease(fd, F_WRLCK), 0);
	CHECK_EQ(lease(fd, F_UNLCK), 0);
	close(fd);
	/* Its file is still open, though nobody has a descriptor of it. */
	fd = file(O_RDONLY);
	CHECK_ERR(lease(fd, F_WRLCK), EAGAIN);
	CHECK_EQ(munmap(at, 4096), 0);
	CHECK_EQ(lease(fd, F_WRLCK), 0);
}

TEST(in_the_list_of_locks)
{
	char want[40];
	const char *text;
	int fd;

	close(file(O_RDWR));
	fd = file(O_RDONLY);
	block(SIGIO);
	CHECK_EQ(lease(fd, F_WRLCK), 0);
	snprintf(want, sizeof(want), "LEASE  ACTIVE    WRITE %d ", getpid());
	text = test_read_file("/proc/locks");
	CHECK(strstr(text, want));
	CHECK_ERR(open("f", O_RDONLY | O_NONBLOCK), EWOULDBLOCK);
	snprintf(want, sizeof(want), "LEASE  BREAKING  READ %d ", getpid());
	text = test_read_file("/proc/locks");
	CHECK(strstr(text, want));
	CHECK(strstr(strstr(text, want), " 0 EOF\n"));
}
