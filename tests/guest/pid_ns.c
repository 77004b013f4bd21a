/* Namespaces of process numbers: who is born where, what it is called there, and how one ends. */
#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#ifndef NS_GET_PID_FROM_PIDNS
#define NS_GET_PID_FROM_PIDNS _IOR(0xb7, 6, int)
#define NS_GET_TGID_FROM_PIDNS _IOR(0xb7, 7, int)
#define NS_GET_PID_IN_PIDNS _IOR(0xb7, 8, int)
#define NS_GET_TGID_IN_PIDNS _IOR(0xb7, 9, int)
#endif

int mount(const char *, const char *, const char *, unsigned long, const void *);
int umount2(const char *, int);

static pid_t clone_with(unsigned long flags)
{
	return (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
}

/* As the first process of a namespace; its wait status. */
static int inside(void (*run)(void))
{
	pid_t pid = clone_with(CLONE_NEWPID);

	CHECK(pid >= 0);
	if (!pid) {
		run();
		_exit(0);
	}
	return test_wait(pid);
}

static int open_ns(pid_t of, const char *name)
{
	char path[80];

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", of, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static ino_t number(const char *who, const char *name)
{
	char path[80];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%s/ns/%s", who, name);
	CHECK_EQ(stat(path, &st), 0);
	return st.st_ino;
}

/* A line of a process's status, after its name. */
static void status_line(const char *path, const char *name, char to[80])
{
	char line[200];
	FILE *f = fopen(path, "r");

	CHECK(f);
	to[0] = '\0';
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ':')
			snprintf(to, 80, "%s", line + strlen(name) + 1);
	fclose(f);
}

static void first_of_all(void)
{
	int status, own = -1;
	pid_t pid;

	CHECK_EQ(getpid(), 1);
	CHECK_EQ(syscall(SYS_gettid), 1);
	CHECK_EQ(getppid(), 0);
	CHECK_EQ(getpgid(0), 0);
	CHECK_EQ(getsid(0), 0);
	CHECK_ERR(kill(getpid() + 1, 0), ESRCH);
	CHECK_ERR(kill(-1, 0), ESRCH);
	pid = (pid_t)syscall(SYS_clone, CLONE_CHILD_SETTID | SIGCHLD, NULL, NULL, NULL, &own);
	if (!pid) {
		CHECK_EQ(getpid(), 2);
		CHECK_EQ(getppid(), 1);
		CHECK_EQ(own, 2);
		CHECK_EQ(setsid(), 2);
		CHECK_EQ(getsid(0), 2);
		CHECK_EQ(getpgid(0), 2);
		CHECK_EQ(getsid(1), 0);
		_exit(5);
	}
	CHECK_EQ(pid, 2);
	CHECK_EQ(waitpid(2, &status, 0), 2);
	CHECK_EQ(status, 5 << 8);
	CHECK_EQ(setpgid(0, 0), 0);
	CHECK_EQ(getpgid(1), 1);
	CHECK_ERR(clone_with(CLONE_PARENT), EINVAL);
}

TEST(the_first_is_number_one)
{
	CHECK_EQ(inside(first_of_all), 0);
	CHECK_ERR(syscall(SYS_clone, CLONE_NEWPID | CLONE_THREAD | CLONE_VM | CLONE_SIGHAND, NULL,
			  NULL, NULL, NULL), EINVAL);
}

/* Has a number in each from its own up to the first. */
TEST(it_has_a_number_in_each)
{
	int to[2], from[2], fd, up;
	char path[80], text[80], want[80], byte;
	pid_t pid, parent = -1;

	CHECK(!pipe(to) && !pipe(from));
	pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | CLONE_PARENT_SETTID | SIGCHLD, NULL,
			     &parent, NULL, NULL);
	if (!pid) {
		CHECK_EQ(setpgid(0, 0), 0);
		CHECK_EQ(write(from[1], "x", 1), 1);
		CHECK_EQ(read(to[0], &byte, 1), 1);
		_exit(3);
	}
	CHECK_EQ(parent, pid);
	CHECK_EQ(read(from[0], &byte, 1), 1);
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	snprintf(want, sizeof(want), "\t%d\t1\n", pid);
	status_line(path, "NSpid", text);
	CHECK_EQ(strcmp(text, want), 0);
	status_line(path, "NStgid", text);
	CHECK_EQ(strcmp(text, want), 0);
	status_line(path, "NSpgid", text);
	CHECK_EQ(strcmp(text, want), 0);
	status_line(path, "NSsid", text);
	snprintf(want, sizeof(want), "\t%d\t0\n", getsid(0));
	CHECK_EQ(strcmp(text, want), 0);
	/* The same told by descriptors. */
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	CHECK(fd >= 0);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	status_line(path, "NSpid", text);
	snprintf(want, sizeof(want), "\t%d\t1\n", pid);
	CHECK_EQ(strcmp(text, want), 0);
	close(fd);
	fd = open_ns(pid, "pid");
	CHECK(fd >= 0);
	CHECK_EQ(ioctl(fd, NS_GET_NSTYPE), CLONE_NEWPID);
	CHECK_EQ(ioctl(fd, NS_GET_PID_FROM_PIDNS, 1), pid);
	CHECK_EQ(ioctl(fd, NS_GET_TGID_FROM_PIDNS, 1), pid);
	CHECK_EQ(ioctl(fd, NS_GET_PID_IN_PIDNS, pid), 1);
	CHECK_EQ(ioctl(fd, NS_GET_TGID_IN_PIDNS, pid), 1);
	CHECK_ERR(ioctl(fd, NS_GET_PID_FROM_PIDNS, 2), ESRCH);
	CHECK_ERR(ioctl(fd, NS_GET_PID_IN_PIDNS, getpid()), ESRCH);
	up = ioctl(fd, NS_GET_PARENT);
	CHECK(up >= 0);
	CHECK_EQ(ioctl(up, NS_GET_PID_IN_PIDNS, pid), pid);
	CHECK_ERR(ioctl(up, NS_GET_PARENT), EPERM);
	close(up);
	up = open_ns(pid, "uts");
	CHECK_ERR(ioctl(up, NS_GET_PID_IN_PIDNS, pid), EINVAL);
	CHECK_EQ(write(to[1], "x", 1), 1);
	CHECK_EQ(test_wait(pid), 3 << 8);
	CHECK_ERR(ioctl(fd, NS_GET_PID_FROM_PIDNS, 1), ESRCH);
}

static void orphans(void)
{
	int got[2], status, n = 0;
	pid_t pid = fork(), parent;

	CHECK(pid >= 0 && !pipe(got));
	if (!pid) {
		if (!fork()) {
			while (getppid() == 2)
				test_sleep_ms(1);
			parent = getppid();
			CHECK_EQ(parent, 1);
			_exit(7);
		}
		_exit(0);
	}
	while ((pid = wait(&status)) > 0) {
		CHECK_EQ(status, pid == 2 ? 0 : 7 << 8);
		n++;
	}
	CHECK_EQ(n, 2);
}

TEST(orphans_come_to_the_first)
{
	CHECK_EQ(inside(orphans), 0);
}

static int told[2];

/* Three of them and one of a namespace below, which all wait for ever. */
static void leave_some(void)
{
	for (int i = 0; i < 4; i++) {
		pid_t pid = clone_with(i == 3 ? CLONE_NEWPID : 0);

		CHECK(pid >= 0);
		if (!pid) {
			if (i == 3 && !fork())
				signal(SIGTERM, SIG_IGN);
			CHECK_EQ(write(told[1], "x", 1), 1);
			for (;;)
				pause();
		}
	}
	for (int i = 0; i < 5; i++) {
		char byte;

		CHECK_EQ(read(told[0], &byte, 1), 1);
	}
	_exit(9);
}

TEST(all_end_with_the_first)
{
	char byte;

	CHECK(!pipe(told));
	CHECK_EQ(inside(leave_some), 9 << 8);
	/* Nobody has the pipe any more. */
	close(told[1]);
	CHECK_EQ(read(told[0], &byte, 1), 0);
}

static void deeper(int left)
{
	pid_t pid;

	if (!left) {
		CHECK_ERR(clone_with(CLONE_NEWPID), ENOSPC);
		CHECK_ERR(unshare(CLONE_NEWPID), ENOSPC);
		return;
	}
	pid = clone_with(CLONE_NEWPID);
	CHECK(pid >= 0);
	if (!pid) {
		CHECK_EQ(getpid(), 1);
		deeper(left - 1);
		_exit(left == 32 ? 4 : 0);
	}
	CHECK_EQ(test_wait(pid), left == 32 ? 4 << 8 : 0);
}

TEST(thirty_two_below_the_first)
{
	deeper(32);
}

TEST(children_are_born_elsewhere)
{
	pthread_t thread;
	char link[20];
	ino_t own = number("self", "pid"), other;
	int status;
	pid_t pid, next;

	CHECK_EQ(unshare(CLONE_NEWPID), 0);
	CHECK_EQ(number("self", "pid"), own);
	CHECK_ERR(readlink("/proc/self/ns/pid_for_children", link, sizeof(link)), ENOENT);
	CHECK_ERR(unshare(CLONE_NEWPID), EINVAL);
	CHECK_ERR(clone_with(CLONE_NEWPID), EINVAL);
	CHECK_EQ(pthread_create(&thread, NULL, (void *(*)(void *))abort, NULL), EINVAL);
	pid = fork();
	if (!pid) {
		CHECK_EQ(getpid(), 1);
		for (;;)
			pause();
	}
	other = number("self", "pid_for_children");
	CHECK(other != own);
	next = fork();
	if (!next) {
		CHECK_EQ(getpid(), 2);
		CHECK_EQ(getppid(), 0);
		/* Who was born there stays there. */
		CHECK_EQ(fork() ? test_wait(3) : getpid() != 3, 0);
		_exit(0);
	}
	CHECK_EQ(test_wait(next), 0);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, SIGKILL);
	CHECK_ERR(fork(), ENOMEM);
	CHECK_EQ(number("self", "pid_for_children"), other);
}

static void *asleep(void *unused)
{
	for (;;)
		pause();
	return unused;
}

/* A process that stays, the first of its namespace. */
static pid_t resident(void)
{
	pid_t pid = clone_with(CLONE_NEWPID);

	CHECK(pid >= 0);
	if (!pid)
		asleep(NULL);
	return pid;
}

TEST(others_are_gone_to)
{
	pid_t first = resident(), pid;
	int there = open_ns(first, "pid"), here = open_ns(getpid(), "pid");
	int pidfd = (int)syscall(SYS_pidfd_open, first, 0);

	CHECK_ERR(setns(there, CLONE_NEWUTS), EINVAL);
	CHECK_EQ(setns(there, CLONE_NEWPID), 0);
	pid = fork();
	if (!pid) {
		CHECK_EQ(getpid(), 2);
		/* Not upwards. */
		CHECK_ERR(setns(here, CLONE_NEWPID), EINVAL);
		CHECK_ERR(ioctl(there, NS_GET_PARENT), EPERM);
		CHECK_ERR(syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 1u << 30), EINVAL);
		_exit(0);
	}
	CHECK_EQ(test_wait(pid), 0);
	CHECK_EQ(setns(here, 0), 0);
	pid = fork();
	if (!pid)
		_exit(getpid() == 3);
	CHECK_EQ(test_wait(pid), 0);
	CHECK_EQ(setns(pidfd, CLONE_NEWPID), 0);
	pid = fork();
	if (!pid)
		_exit(getpid() != 3);
	CHECK_EQ(test_wait(pid), 0);
	/* Not before all who came have been waited for is it over. */
	pid = fork();
	if (!pid)
		asleep(NULL);
	CHECK_EQ(kill(first, SIGKILL), 0);
	CHECK_EQ(waitpid(first, NULL, WNOHANG), 0);
	CHECK_EQ(test_wait(pid), SIGKILL);
	CHECK_EQ(test_wait(first), SIGKILL);
	CHECK_ERR(fork(), ENOMEM);
}

static pid_t clone3_with(unsigned long flags, const int *tids, unsigned count)
{
	struct clone_args args = {
		.flags = flags, .exit_signal = SIGCHLD, .set_tid = (unsigned long)tids,
		.set_tid_size = count,
	};

	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

TEST(numbers_are_chosen_in_each)
{
	int tids[3] = { 1, 21000, 5 };
	pid_t pid = clone3_with(CLONE_NEWPID, tids, 2);

	if (!pid) {
		int own[3] = { 77, 21001, 3 };

		CHECK_EQ(getpid(), 1);
		pid = clone3_with(0, own, 2);
		if (!pid)
			_exit(getpid() != 77);
		CHECK_EQ(pid, 77);
		CHECK_EQ(test_wait(77), 0);
		CHECK_ERR(clone3_with(0, own, 3), EINVAL);
		own[1] = 1;
		CHECK_ERR(clone3_with(0, own, 2), EEXIST);
		own[1] = -1;
		CHECK_ERR(clone3_with(0, own, 2), EINVAL);
		own[0] = 1;
		CHECK_ERR(clone3_with(0, own, 1), EEXIST);
		own[0] = 0;
		CHECK_ERR(clone3_with(0, own, 1), EINVAL);
		_exit(0);
	}
	CHECK_EQ(pid, 21000);
	CHECK_EQ(test_wait(pid), 0);
	CHECK_ERR(clone3_with(CLONE_NEWPID, tids, 3), EINVAL);
	CHECK_ERR(clone3_with(CLONE_NEWPID, tids, 33), EINVAL);
	tids[0] = 2;
	CHECK_ERR(clone3_with(CLONE_NEWPID, tids, 1), EINVAL);
}

static void look_around(void)
{
	char link[80], text[80];
	struct stat st;

	/* The old one shows what it did. */
	CHECK(readlink("/proc/self", link, sizeof(link)) > 0);
	CHECK(strncmp(link, "1", 2));
	CHECK_EQ(mkdir("proc", 0755), 0);
	CHECK_EQ(mount("proc", "proc", "proc", 0, NULL), 0);
	CHECK_EQ(readlink("proc/self", link, sizeof(link)), 1);
	CHECK_EQ(link[0], '1');
	CHECK_ERR(stat("proc/2", &st), ENOENT);
	status_line("proc/self/status", "NSpid", text);
	CHECK_EQ(strcmp(text, "\t1\n"), 0);
	status_line("proc/self/status", "PPid", text);
	CHECK_EQ(strcmp(text, "\t0\n"), 0);
	CHECK_EQ(umount2("proc", 0), 0);
	CHECK_EQ(rmdir("proc"), 0);
}

TEST(proc_shows_the_mounters)
{
	CHECK_EQ(inside(look_around), 0);
}

static void last_number(void)
{
	int fd = open("/proc/sys/kernel/ns_last_pid", O_RDWR);
	char text[10] = "";

	CHECK(fd >= 0);
	CHECK_EQ(read(fd, text, sizeof(text)), 2);
	CHECK_EQ(atoi(text), 1);
	CHECK_EQ(pwrite(fd, "4000", 4, 0), 4);
	CHECK_EQ(fork() ? test_wait(4001) : getpid() != 4001, 0);
	CHECK_ERR(pwrite(fd, "-1", 2, 0), EINVAL);
	CHECK_ERR(pwrite(fd, "4000000000", 10, 0), EINVAL);
	CHECK_ERR(pwrite(fd, "x", 1, 0), EINVAL);
}

TEST(the_last_number_is_each_ones)
{
	CHECK_EQ(inside(last_number), 0);
}

static void without_rights(void *unused)
{
	int fd = open_ns(getpid(), "pid");

	(void)unused;
	CHECK_ERR(unshare(CLONE_NEWPID), EPERM);
	CHECK_ERR(clone_with(CLONE_NEWPID), EPERM);
	CHECK_ERR(setns(fd, CLONE_NEWPID), EPERM);
}

TEST(it_takes_a_privilege)
{
	CHECK_EQ(test_child_as(1000, without_rights, NULL), 0);
}
