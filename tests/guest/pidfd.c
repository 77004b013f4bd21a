/* Processes and threads as descriptors: made, polled, signalled, waited for; kcmp. */
#include <fcntl.h>
#include <linux/kcmp.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif
#ifndef PIDFD_NONBLOCK
#define PIDFD_NONBLOCK O_NONBLOCK
#endif
#define SIGNAL_THREAD	     1
#define SIGNAL_THREAD_GROUP  2
#define SIGNAL_PROCESS_GROUP 4
#define PIDFD_ID	     3	/* P_PIDFD */

static int pidfd_open_(pid_t pid, unsigned flags)
{
	return (int)syscall(SYS_pidfd_open, pid, flags);
}

static int pidfd_kill(int fd, int sig, siginfo_t *info, unsigned flags)
{
	return (int)syscall(SYS_pidfd_send_signal, fd, sig, info, flags);
}

static pid_t sleeper(void)
{
	pid_t child = fork();

	CHECK(child >= 0);
	if (child == 0) {
		for (;;)
			pause();
	}
	return child;
}

static int events(int fd, int ms)
{
	struct pollfd poll_fd = { fd, POLLIN | POLLHUP, 0 };

	CHECK(poll(&poll_fd, 1, ms) >= 0);
	return poll_fd.revents;
}

TEST(it_tells_of_the_end)
{
	pid_t child = sleeper();
	int fd = pidfd_open_(child, 0), set = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };

	CHECK(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR);
	CHECK_EQ(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event), 0);
	CHECK_EQ(events(fd, 0), 0);
	CHECK_EQ(epoll_wait(set, &event, 1, 0), 0);
	CHECK_EQ(pidfd_kill(fd, SIGKILL, NULL, 0), 0);
	CHECK_EQ(events(fd, 10000), POLLIN);
	CHECK_EQ(epoll_wait(set, &event, 1, 10000), 1);
	CHECK_EQ(event.events, EPOLLIN);
	CHECK_EQ(pidfd_kill(fd, 0, NULL, 0), 0);
	CHECK_EQ(waitpid(child, NULL, 0), child);
	CHECK_EQ(events(fd, 0), POLLIN | POLLHUP);
	CHECK_ERR(pidfd_kill(fd, 0, NULL, 0), ESRCH);
	CHECK_ERR(syscall(SYS_pidfd_getfd, fd, 0, 0), ESRCH);
	CHECK_ERR(pidfd_open_(child, 0), ESRCH);
}

TEST(errors)
{
	int self = pidfd_open_(getpid(), 0);
	siginfo_t info = { .si_signo = SIGUSR1, .si_code = SI_QUEUE };
	char byte;

	CHECK_ERR(pidfd_open_(0, 0), EINVAL);
	CHECK_ERR(pidfd_open_(-1, 0), EINVAL);
	CHECK_ERR(pidfd_open_(getpid(), 1), EINVAL);
	CHECK_ERR(pidfd_open_(32000, 0), ESRCH);
	CHECK_ERR(read(self, &byte, 1), EINVAL);
	CHECK_ERR(write(self, &byte, 1), EINVAL);
	CHECK_ERR(lseek(self, 0, SEEK_SET), ESPIPE);
	CHECK_ERR(pidfd_kill(self, 65, NULL, 0), EINVAL);
	CHECK_ERR(pidfd_kill(self, 0, NULL, 8), EINVAL);
	CHECK_ERR(pidfd_kill(self, 0, NULL, 3), EINVAL);
	CHECK_ERR(pidfd_kill(99, 0, NULL, 0), EBADF);
	CHECK_ERR(pidfd_kill(0, 0, NULL, 0), EBADF);
	CHECK_ERR(pidfd_kill(self, SIGUSR2, &info, 0), EINVAL);
	CHECK_ERR(pidfd_kill(self, SIGUSR1, (siginfo_t *)16, 0), EFAULT);
	CHECK_ERR(syscall(SYS_pidfd_getfd, self, 0, 1), EINVAL);
	CHECK_ERR(syscall(SYS_pidfd_getfd, 99, 0, 0), EBADF);
	CHECK_ERR(syscall(SYS_pidfd_getfd, self, 99, 0), EBADF);
	CHECK_ERR(syscall(SYS_pidfd_getfd, 0, 0, 0), EBADF);
	CHECK_ERR(waitid(PIDFD_ID, (id_t)-1, &info, WEXITED), EINVAL);
	CHECK_ERR(waitid(PIDFD_ID, 99, &info, WEXITED), EBADF);
	CHECK_ERR(waitid(PIDFD_ID, 0, &info, WEXITED), EBADF);
	CHECK_ERR(waitid(PIDFD_ID, (id_t)self, &info, WEXITED), ECHILD);
}

TEST(it_is_waited_for)
{
	pid_t child = sleeper(), other = fork();
	int fd;
	siginfo_t info = { 0 };

	if (other == 0)
		_exit(1);
	fd = pidfd_open_(child, PIDFD_NONBLOCK);
	CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
	CHECK_ERR(waitid(PIDFD_ID, (id_t)fd, &info, WEXITED), EAGAIN);
	CHECK_EQ(waitid(PIDFD_ID, (id_t)fd, &info, WEXITED | WNOHANG), 0);
	CHECK_EQ(info.si_pid, 0);
	fcntl(fd, F_SETFL, 0);
	CHECK_EQ(pidfd_kill(fd, SIGTERM, NULL, 0), 0);
	CHECK_EQ(waitid(PIDFD_ID, (id_t)fd, &info, WEXITED | WNOWAIT), 0);
	CHECK_EQ(info.si_pid, child);
	CHECK_EQ(info.si_code, CLD_KILLED);
	CHECK_EQ(info.si_status, SIGTERM);
	CHECK_EQ(waitid(PIDFD_ID, (id_t)fd, &info, WEXITED), 0);
	CHECK_ERR(waitid(PIDFD_ID, (id_t)fd, &info, WEXITED), ECHILD);
	CHECK_EQ(waitpid(other, NULL, 0), other);
}

/* --- made with the process --- */

static long clone3_(struct clone_args *args, size_t size)
{
	return syscall(SYS_clone3, args, size);
}

TEST(clone_makes_one)
{
	int fd = -1;
	siginfo_t info;
	struct clone_args args = { .flags = CLONE_PIDFD, .exit_signal = SIGCHLD,
				   .pidfd = (uintptr_t)&fd };
	pid_t child = (pid_t)syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &fd, 0, 0);

	if (child == 0)
		_exit(fcntl(fd, F_GETFD) < 0 ? 7 : 8);
	CHECK(child > 0 && fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(waitid(PIDFD_ID, (id_t)fd, &info, WEXITED), 0);
	CHECK_EQ(info.si_pid, child);
	CHECK_EQ(info.si_status, 7);
	fd = -1;
	child = (pid_t)clone3_(&args, sizeof(args));
	if (child == 0)
		_exit(9);
	CHECK(child > 0 && fd >= 0);
	CHECK_EQ(waitid(PIDFD_ID, (id_t)fd, &info, WEXITED), 0);
	CHECK_EQ(info.si_status, 9);
	CHECK_ERR(syscall(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, 0, &fd, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_clone, CLONE_PIDFD | CLONE_DETACHED | SIGCHLD, 0, &fd, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, 16, 0, 0), EFAULT);
	args.flags |= CLONE_PARENT_SETTID;
	args.parent_tid = args.pidfd;
	CHECK_ERR(clone3_(&args, sizeof(args)), EINVAL);
	args = (struct clone_args) { .flags = CLONE_PIDFD, .exit_signal = SIGCHLD, .pidfd = 16 };
	CHECK_ERR(clone3_(&args, sizeof(args)), EFAULT);
	CHECK_ERR(waitpid(-1, NULL, 0), ECHILD);
}

TEST(clone_chooses_a_number)
{
	pid_t want = 31111, child;
	struct clone_args args = { .exit_signal = SIGCHLD, .set_tid = (uintptr_t)&want,
				   .set_tid_size = 1 };
	static const pid_t bad[] = { 0, -1, 1 << 22 };

	child = (pid_t)clone3_(&args, sizeof(args));
	if (child == 0)
		_exit(getpid() == 31111 ? 0 : 1);
	CHECK_EQ(child, want);
	CHECK_ERR(clone3_(&args, sizeof(args)), EEXIST);
	CHECK_EQ(test_wait(child), 0);
	for (int i = 0; i < 3; i++) {
		want = bad[i];
		CHECK_ERR(clone3_(&args, sizeof(args)), EINVAL);
	}
	args.set_tid_size = 2;
	CHECK_ERR(clone3_(&args, sizeof(args)), EINVAL);
	args.set_tid_size = 0;
	CHECK_ERR(clone3_(&args, sizeof(args)), EINVAL);
	args.set_tid_size = 33;
	CHECK_ERR(clone3_(&args, sizeof(args)), EINVAL);
	args.set_tid_size = 1;
	args.set_tid = 16;
	CHECK_ERR(clone3_(&args, sizeof(args)), EFAULT);
	args.set_tid = 0;
	CHECK_ERR(clone3_(&args, sizeof(args)), EINVAL);
	args = (struct clone_args) { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = 0 };
	CHECK_ERR(clone3_(&args, sizeof(args)), EBADF);
	args.cgroup = 99;
	CHECK_ERR(clone3_(&args, sizeof(args)), EBADF);
	args.cgroup = 1ull << 32;
	CHECK_ERR(clone3_(&args, sizeof(args)), EINVAL);
	args.cgroup = 0;
	CHECK_ERR(clone3_(&args, 80), EINVAL);
}

static void choose_as_user(void *argument)
{
	pid_t want = 31112;
	struct clone_args args = { .exit_signal = SIGCHLD, .set_tid = (uintptr_t)&want,
				   .set_tid_size = 1 };

	(void)argument;
	CHECK_ERR(clone3_(&args, sizeof(args)), EPERM);
	want = 0;
	CHECK_ERR(clone3_(&args, sizeof(args)), EINVAL);
}

TEST(not_everybody_chooses_a_number)
{
	CHECK_EQ(test_child_as(1000, choose_as_user, NULL), 0);
}

/* --- signals --- */

static atomic_int got_code, got_value, got_tid;

static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	got_code = info->si_code;
	got_value = info->si_value.sival_int;
	got_tid = gettid();
}

TEST(what_a_signal_says)
{
	struct sigaction act = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
	int self = pidfd_open_(getpid(), 0), other;
	siginfo_t info = { .si_signo = SIGUSR1, .si_code = SI_QUEUE };
	pid_t child = sleeper();

	info.si_value.sival_int = 42;
	sigaction(SIGUSR1, &act, NULL);
	CHECK_EQ(pidfd_kill(self, SIGUSR1, NULL, 0), 0);
	CHECK_EQ(got_code, SI_USER);
	CHECK_EQ(pidfd_kill(self, SIGUSR1, NULL, SIGNAL_THREAD), 0);
	CHECK_EQ(got_code, SI_TKILL);
	CHECK_EQ(pidfd_kill(self, SIGUSR1, &info, SIGNAL_THREAD_GROUP), 0);
	CHECK_EQ(got_code, SI_QUEUE);
	CHECK_EQ(got_value, 42);
	info.si_code = 5;
	CHECK_EQ(pidfd_kill(self, SIGUSR1, &info, 0), 0);
	CHECK_EQ(got_code, 5);
	other = pidfd_open_(child, 0);
	CHECK_ERR(pidfd_kill(other, SIGUSR1, &info, 0), EPERM);
	info.si_code = SI_TKILL;
	CHECK_ERR(pidfd_kill(other, SIGUSR1, &info, 0), EPERM);
	CHECK_EQ(pidfd_kill(other, SIGKILL, NULL, 0), 0);
	CHECK_EQ(test_wait(child), SIGKILL);
}

static void signal_init_(void *argument)
{
	CHECK_ERR(pidfd_kill(*(int *)argument, SIGUSR1, NULL, 0), EPERM);
	CHECK_ERR(syscall(SYS_pidfd_getfd, *(int *)argument, 0, 0), EPERM);
}

TEST(rights)
{
	int init = pidfd_open_(1, 0);

	CHECK_EQ(test_child_as(1000, signal_init_, &init), 0);
}

TEST(a_whole_group)
{
	pid_t child = fork();
	int fd;

	if (child == 0) {
		setpgid(0, 0);
		if (sleeper() < 0)
			_exit(1);
		for (;;)
			pause();
	}
	fd = pidfd_open_(child, 0);
	test_sleep_ms(50);
	CHECK_EQ(pidfd_kill(fd, SIGKILL, NULL, SIGNAL_PROCESS_GROUP), 0);
	CHECK_EQ(test_wait(child), SIGKILL);
}

/* --- threads --- */

struct worker {
	atomic_int tid;
	atomic_bool stop;
};

static void *work(void *arg)
{
	struct worker *w = arg;

	w->tid = gettid();
	while (!w->stop)
		test_sleep_ms(5);
	return NULL;
}

static int start_worker(struct worker *w, pthread_t *thread)
{
	pthread_create(thread, NULL, work, w);
	while (!w->tid)
		test_sleep_ms(1);
	return w->tid;
}

TEST(one_thread)
{
	struct sigaction act = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
	struct worker w = { 0 };
	pthread_t thread;
	int tid = start_worker(&w, &thread), fd;

	sigaction(SIGUSR1, &act, NULL);
	CHECK_ERR(pidfd_open_(tid, 0), EINVAL);
	fd = pidfd_open_(tid, PIDFD_THREAD);
	CHECK(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | PIDFD_THREAD);
	CHECK_EQ(events(fd, 0), 0);
	CHECK_EQ(pidfd_kill(fd, SIGUSR1, NULL, 0), 0);
	for (int i = 0; i < 1000 && !got_tid; i++)
		test_sleep_ms(1);
	CHECK_EQ(got_tid, tid);
	CHECK_EQ(got_code, SI_TKILL);
	CHECK_EQ(pidfd_kill(fd, 0, NULL, SIGNAL_THREAD_GROUP), 0);
	w.stop = true;
	CHECK(events(fd, 10000) & POLLIN);
	pthread_join(thread, NULL);
	test_sleep_ms(20);
	CHECK_EQ(events(fd, 0), POLLIN | POLLHUP);
	CHECK_ERR(pidfd_kill(fd, 0, NULL, 0), ESRCH);
}

static void *outlive(void *arg)
{
	test_sleep_ms(300);
	(void)arg;
	_exit(3);
}

TEST(a_leader_that_goes_first)
{
	int process, leader, status;
	pid_t child = fork();

	if (child == 0) {
		pthread_t thread;

		pthread_create(&thread, NULL, outlive, NULL);
		test_sleep_ms(60);
		syscall(SYS_exit, 0);
	}
	process = pidfd_open_(child, 0);
	leader = pidfd_open_(child, PIDFD_THREAD);
	CHECK_EQ(events(leader, 10000), POLLIN);
	CHECK_EQ(events(process, 10000), POLLIN);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(WEXITSTATUS(status), 3);
}

/* --- descriptors of others --- */

TEST(a_descriptor_is_fetched)
{
	int ends[2], pipe_of_child, fd;
	pid_t child;
	char byte = 0;

	CHECK_EQ(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		int mine[2];

		if (pipe(mine) < 0 || write(mine[1], "z", 1) != 1)
			_exit(1);
		if (write(ends[1], mine, sizeof(int)) != sizeof(int))
			_exit(2);
		for (;;)
			pause();
	}
	CHECK_EQ(read(ends[0], &pipe_of_child, sizeof(int)), sizeof(int));
	fd = (int)syscall(SYS_pidfd_getfd, pidfd_open_(child, 0), pipe_of_child, 0);
	CHECK(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(read(fd, &byte, 1), 1);
	CHECK_EQ(byte, 'z');
	CHECK_EQ(syscall(SYS_kcmp, getpid(), child, KCMP_FILE, fd, pipe_of_child), 0);
	kill(child, SIGKILL);
	CHECK_EQ(test_wait(child), SIGKILL);
}

TEST(it_says_whom_it_means)
{
	pid_t child = sleeper();
	int fd = pidfd_open_(child, 0), again = pidfd_open_(child, 0);
	struct stat a, b;
	char path[64], want[64];

	fstat(fd, &a);
	fstat(again, &b);
	CHECK_EQ(a.st_ino, b.st_ino);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	snprintf(want, sizeof(want), "\nPid:\t%d\nNSpid:\t%d\n", child, child);
	CHECK(strstr(test_read_file(path), want));
	kill(child, SIGKILL);
	CHECK_EQ(test_wait(child), SIGKILL);
	CHECK(strstr(test_read_file(path), "\nPid:\t-1\nNSpid:\t-1\n"));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK_EQ(readlink(path, want, sizeof(want)), 18);
	CHECK(!memcmp(want, "anon_inode:[pidfd]", 18));
}

/* --- kcmp --- */

static long compare(pid_t a, pid_t b, int type, unsigned long i, unsigned long j)
{
	return syscall(SYS_kcmp, a, b, type, i, j);
}

TEST(what_two_have_in_common)
{
	pid_t me = getpid(), child = sleeper();
	int copy = dup(1), other = open("/dev/null", O_RDONLY);
	struct kcmp_epoll_slot slot = { .efd = (unsigned)epoll_create1(0) };
	struct epoll_event event = { .events = EPOLLIN };
	long ab, ba;
	int counter = eventfd(0, 0);

	CHECK_EQ(compare(me, me, KCMP_FILE, 1, (unsigned long)copy), 0);
	ab = compare(me, me, KCMP_FILE, 1, (unsigned long)other);
	ba = compare(me, me, KCMP_FILE, (unsigned long)other, 1);
	CHECK((ab == 1 && ba == 2) || (ab == 2 && ba == 1));
	CHECK_EQ(compare(me, child, KCMP_FILE, 1, 1), 0);
	CHECK_EQ(compare(me, me, KCMP_VM, 0, 0), 0);
	CHECK(compare(me, child, KCMP_VM, 0, 0) > 0);
	CHECK(compare(me, child, KCMP_FILES, 0, 0) > 0);
	CHECK(compare(me, child, KCMP_FS, 0, 0) > 0);
	CHECK(compare(me, child, KCMP_SIGHAND, 0, 0) > 0);
	CHECK_EQ(compare(me, child, KCMP_SYSVSEM, 0, 0), 0);
	CHECK_ERR(compare(me, me, KCMP_FILE, 99, 1), EBADF);
	CHECK_ERR(compare(me, me, 99, 0, 0), EINVAL);
	CHECK_ERR(compare(me, 32000, KCMP_VM, 0, 0), ESRCH);
	slot.tfd = (unsigned)counter;
	CHECK_EQ(epoll_ctl((int)slot.efd, EPOLL_CTL_ADD, counter, &event), 0);
	CHECK_EQ(compare(me, me, KCMP_EPOLL_TFD, (unsigned long)counter, (unsigned long)&slot), 0);
	CHECK(compare(me, me, KCMP_EPOLL_TFD, 1, (unsigned long)&slot) > 0);
	slot.toff = 1;
	CHECK_ERR(compare(me, me, KCMP_EPOLL_TFD, 1, (unsigned long)&slot), ENOENT);
	slot.tfd = 1;
	CHECK_ERR(compare(me, me, KCMP_EPOLL_TFD, 1, (unsigned long)&slot), ENOENT);
	slot.efd = 1;
	CHECK_ERR(compare(me, me, KCMP_EPOLL_TFD, 1, (unsigned long)&slot), EINVAL);
	CHECK_ERR(compare(me, me, KCMP_EPOLL_TFD, 1, 16), EFAULT);
	kill(child, SIGKILL);
	CHECK_EQ(test_wait(child), SIGKILL);
}

static void compare_with_init(void *argument)
{
	(void)argument;
	CHECK_ERR(compare(getpid(), 1, KCMP_VM, 0, 0), EPERM);
}

TEST(not_with_everybody)
{
	CHECK_EQ(test_child_as(1000, compare_with_init, NULL), 0);
}
