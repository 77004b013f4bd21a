/* Advisory locks: records of a process, records of an open file, whole files; who waits for whom. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static int file(void)
{
	int fd = open("f", O_CREAT | O_RDWR, 0644);

	CHECK(fd >= 0);
	return fd;
}

static int record(int fd, int cmd, int type, off_t start, off_t len)
{
	struct flock l = { .l_type = (short)type, .l_whence = SEEK_SET, .l_start = start,
			   .l_len = len };

	return fcntl(fd, cmd, &l);
}

static int set(int fd, int type, off_t start, off_t len)
{
	return record(fd, F_SETLK, type, start, len);
}

static int wait_for(int fd, int type, off_t start, off_t len)
{
	return record(fd, F_SETLKW, type, start, len);
}

/* Who is in the way of a write lock there. */
static struct flock in_the_way(int fd, int cmd, off_t start, off_t len)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start,
			   .l_len = len };

	CHECK_EQ(fcntl(fd, cmd, &l), 0);
	return l;
}

TEST(of_a_process)
{
	int fd = file(), other = file();
	struct flock l;
	pid_t child;

	CHECK_EQ(set(fd, F_WRLCK, 10, 10), 0);
	/* Its own locks are in nobody's way, by whatever descriptor. */
	CHECK_EQ(in_the_way(other, F_GETLK, 0, 0).l_type, F_UNLCK);
	CHECK_EQ(set(fd, F_UNLCK, 13, 2), 0);
	child = fork();
	if (!child) {
		l = in_the_way(fd, F_GETLK, 12, 0);
		CHECK_EQ(l.l_type, F_WRLCK);
		CHECK_EQ(l.l_start, 10);
		CHECK_EQ(l.l_len, 3);
		CHECK_EQ(l.l_pid, getppid());
		CHECK_EQ(set(fd, F_WRLCK, 13, 2), 0);
		CHECK_ERR(set(fd, F_WRLCK, 15, 1), EAGAIN);
		CHECK_ERR(set(fd, F_RDLCK, 12, 1), EAGAIN);
		_exit(0);
	}
	CHECK_EQ(test_wait(child), 0);
	/* Any close of the file is the end of all of them. */
	close(other);
	child = fork();
	if (!child)
		_exit(in_the_way(fd, F_GETLK, 0, 0).l_type != F_UNLCK);
	CHECK_EQ(test_wait(child), 0);
}

TEST(of_an_open_file)
{
	int fd = file(), same = dup(fd), other = file();
	struct flock l;
	pid_t child;

	CHECK_EQ(record(fd, F_OFD_SETLK, F_WRLCK, 0, 10), 0);
	CHECK_EQ(record(same, F_OFD_SETLK, F_WRLCK, 0, 10), 0);
	CHECK_ERR(record(other, F_OFD_SETLK, F_RDLCK, 5, 1), EAGAIN);
	l = in_the_way(other, F_OFD_GETLK, 0, 0);
	CHECK_EQ(l.l_type, F_WRLCK);
	CHECK_EQ(l.l_pid, -1);
	CHECK_EQ(l.l_len, 10);
	/* Another close does not end them, nor does a fork own others. */
	close(other);
	other = file();
	close(same);
	child = fork();
	if (!child)
		_exit(record(fd, F_OFD_SETLK, F_WRLCK, 20, 10) != 0);
	CHECK_EQ(test_wait(child), 0);
	CHECK_ERR(record(other, F_OFD_SETLK, F_WRLCK, 25, 1), EAGAIN);
	CHECK_ERR(record(other, F_OFD_SETLK, F_WRLCK, 5, 1), EAGAIN);
	close(fd);
	CHECK_EQ(record(other, F_OFD_SETLK, F_WRLCK, 0, 0), 0);
}

/* The two kinds of records see each other, even within a process; flock sees neither. */
TEST(kinds)
{
	int fd = file(), other = file();
	struct flock l;

	CHECK_EQ(set(fd, F_WRLCK, 0, 10), 0);
	CHECK_ERR(record(fd, F_OFD_SETLK, F_WRLCK, 5, 10), EAGAIN);
	l = in_the_way(fd, F_OFD_GETLK, 0, 0);
	CHECK_EQ(l.l_pid, getpid());
	CHECK_EQ(record(other, F_OFD_SETLK, F_WRLCK, 10, 10), 0);
	CHECK_ERR(set(fd, F_RDLCK, 15, 1), EAGAIN);
	CHECK_EQ(in_the_way(fd, F_GETLK, 10, 0).l_pid, -1);
	CHECK_EQ(flock(fd, LOCK_EX | LOCK_NB), 0);
	CHECK_ERR(flock(other, LOCK_SH | LOCK_NB), EWOULDBLOCK);
	CHECK_EQ(flock(fd, LOCK_SH | LOCK_NB), 0);
	CHECK_EQ(flock(other, LOCK_SH | LOCK_NB), 0);
	CHECK_ERR(flock(fd, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	CHECK_EQ(flock(other, LOCK_UN), 0);
	CHECK_EQ(flock(fd, LOCK_EX | LOCK_NB), 0);
	CHECK_EQ(set(fd, F_UNLCK, 0, 0), 0);
	CHECK_ERR(flock(other, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	l = (struct flock){ .l_type = F_WRLCK, .l_pid = 1 };
	CHECK_ERR(fcntl(fd, F_OFD_SETLK, &l), EINVAL);
}

/* What two processes share; each step is said by a byte. */
static int *step;

static void until(int n)
{
	while (__atomic_load_n(step, __ATOMIC_ACQUIRE) < n)
		test_sleep_ms(1);
}

static void reach(int n)
{
	__atomic_store_n(step, n, __ATOMIC_RELEASE);
}

static void share(void)
{
	step = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(step != MAP_FAILED);
}

/* 0: had it. 1: it would have been a dead-lock, so what it has itself is given up. */
static int take_or_give_up(int fd, off_t mine, off_t wanted)
{
	if (!wait_for(fd, F_WRLCK, wanted, 1))
		return 0;
	CHECK_EQ(errno, EDEADLK);
	CHECK_EQ(set(fd, F_UNLCK, mine, 1), 0);
	return 1;
}

TEST(two_wait_for_each_other)
{
	int fd = file(), mine, status;
	pid_t child;

	share();
	CHECK_EQ(set(fd, F_WRLCK, 0, 1), 0);
	child = fork();
	if (!child) {
		CHECK_EQ(set(fd, F_WRLCK, 1, 1), 0);
		reach(1);
		_exit(take_or_give_up(fd, 1, 0));
	}
	until(1);
	mine = take_or_give_up(fd, 0, 1);
	/* One of the two is refused, whoever comes second; then the other goes on. */
	status = test_wait(child);
	CHECK(status == 0 || status == 1 << 8);
	CHECK_EQ((status >> 8) + mine, 1);
}

TEST(a_ring_of_three)
{
	int fd = file(), refused = 0;
	pid_t child[3];

	share();
	for (int i = 0; i < 3; i++) {
		child[i] = fork();
		if (!child[i]) {
			CHECK_EQ(set(fd, F_WRLCK, i, 1), 0);
			__atomic_add_fetch(step, 1, __ATOMIC_ACQ_REL);
			until(3);
			_exit(take_or_give_up(fd, i, (i + 1) % 3));
		}
	}
	for (int i = 0; i < 3; i++) {
		int status = test_wait(child[i]);

		CHECK(status == 0 || status == 1 << 8);
		refused += status >> 8;
	}
	CHECK_EQ(refused, 1);
}

/* A wait that is over is no dead-lock: many times, as the window is small. */
TEST(taken_in_turn)
{
	int fd = file();
	pid_t child;

	share();
	child = fork();
	for (int i = 0; i < 300; i++) {
		CHECK_EQ(wait_for(fd, F_WRLCK, 0, 1), 0);
		CHECK_EQ(set(fd, F_UNLCK, 0, 1), 0);
		CHECK_EQ(wait_for(fd, F_WRLCK, 1, 1), 0);
		CHECK_EQ(set(fd, F_UNLCK, 1, 1), 0);
	}
	if (!child)
		_exit(0);
	CHECK_EQ(test_wait(child), 0);
}

/* Hand over hand: each takes the next before it lets go of the last; both in one order. */
TEST(hand_over_hand)
{
	int fd = file();
	pid_t child = fork();

	for (int round = 0; round < 30; round++) {
		CHECK_EQ(wait_for(fd, F_WRLCK, 0, 1), 0);
		for (int i = 1; i < 8; i++) {
			CHECK_EQ(wait_for(fd, F_WRLCK, i, 1), 0);
			CHECK_EQ(set(fd, F_UNLCK, i - 1, 1), 0);
		}
		CHECK_EQ(set(fd, F_UNLCK, 7, 1), 0);
	}
	if (!child)
		_exit(0);
	CHECK_EQ(test_wait(child), 0);
}

static void ignore(int sig)
{
	(void)sig;
}

/* Locks of open files are nobody's in particular, so nobody waits for himself. */
TEST(no_dead_lock_of_open_files)
{
	int a = file(), b = file();
	/* Again and again: the first may come before the wait. */
	struct itimerval soon = { .it_value.tv_usec = 50000, .it_interval.tv_usec = 50000 };
	struct sigaction act = { .sa_handler = ignore };

	CHECK_EQ(record(a, F_OFD_SETLK, F_WRLCK, 0, 1), 0);
	CHECK_EQ(sigaction(SIGALRM, &act, NULL), 0);
	CHECK_EQ(setitimer(ITIMER_REAL, &soon, NULL), 0);
	CHECK_ERR(record(b, F_OFD_SETLKW, F_WRLCK, 0, 1), EINTR);
	CHECK_ERR(wait_for(b, F_WRLCK, 0, 1), EINTR);
	CHECK_EQ(flock(a, LOCK_EX | LOCK_NB), 0);
	CHECK_ERR(flock(b, LOCK_EX), EINTR);
}

TEST(a_waiter_is_let_in)
{
	int fd = file();
	pid_t child;

	share();
	CHECK_EQ(set(fd, F_WRLCK, 0, 100), 0);
	child = fork();
	if (!child) {
		reach(1);
		CHECK_EQ(wait_for(fd, F_RDLCK, 10, 10), 0);
		CHECK_EQ(in_the_way(fd, F_GETLK, 0, 10).l_type, F_WRLCK);
		_exit(0);
	}
	until(1);
	/* Not the part he waits for; then that. */
	CHECK_EQ(set(fd, F_UNLCK, 50, 50), 0);
	test_sleep_ms(30);
	CHECK_EQ(waitpid(child, NULL, WNOHANG), 0);
	CHECK_EQ(set(fd, F_RDLCK, 5, 15), 0);
	CHECK_EQ(test_wait(child), 0);
}

TEST(the_end_of_a_process_lets_in)
{
	int fd = file();
	pid_t child;

	share();
	child = fork();
	if (!child) {
		CHECK_EQ(set(fd, F_WRLCK, 0, 0), 0);
		reach(1);
		pause();
	}
	until(1);
	CHECK_ERR(set(fd, F_WRLCK, 5, 1), EAGAIN);
	kill(child, SIGKILL);
	CHECK_EQ(wait_for(fd, F_WRLCK, 5, 1), 0);
	test_wait(child);
}
