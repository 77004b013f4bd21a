/* fork, exec, wait, exit; groups and sessions. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static void exit_with(void *status)
{
	_exit(*(int *)status);
}

TEST(exit_status_is_eight_bits)
{
	CHECK_EQ(WEXITSTATUS(test_child(exit_with, &(int) { 0 })), 0);
	CHECK_EQ(WEXITSTATUS(test_child(exit_with, &(int) { 42 })), 42);
	CHECK_EQ(WEXITSTATUS(test_child(exit_with, &(int) { 0x1234 })), 0x34);
}

static void raise_it(void *signal)
{
	raise(*(int *)signal);
}

TEST(death_by_signal_is_told)
{
	static const int signals[] = { SIGKILL, SIGTERM, SIGINT, SIGUSR1, SIGALRM, SIGPIPE };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		int status = test_child(raise_it, (void *)&signals[i]);

		CHECK(WIFSIGNALED(status));
		CHECK_EQ(WTERMSIG(status), signals[i]);
	}
}

TEST(fork_copies_memory)
{
	static volatile int value = 1;
	pid_t pid = fork();

	if (pid == 0) {
		value = 2;
		_exit(value);
	}
	CHECK_EQ(WEXITSTATUS(test_wait(pid)), 2);
	CHECK_EQ(value, 1);
}

TEST(fork_shares_the_file_position)
{
	char byte;
	int fd;
	pid_t pid;

	test_write_file("f", "abc");
	fd = open("f", O_RDONLY);
	pid = fork();
	if (pid == 0) {
		CHECK_EQ(read(fd, &byte, 1), 1);
		_exit(0);
	}
	CHECK_EQ(test_wait(pid), 0);
	CHECK_EQ(read(fd, &byte, 1), 1);
	CHECK_EQ(byte, 'b');
}

TEST(vfork_lets_the_child_go_first)
{
	static volatile int order;
	pid_t pid = vfork();

	if (pid == 0) {
		order = 1;
		_exit(3);
	}
	CHECK_EQ(order, 1);
	CHECK_EQ(WEXITSTATUS(test_wait(pid)), 3);
}

TEST(exec_passes_arguments_and_environment)
{
	int ends[2];
	char text[64] = "";
	pid_t pid;

	CHECK_EQ(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		char *argv[] = { "sh", "-c", "echo $0 $1 $A", "zero", "one", NULL };
		char *envp[] = { "A=value", NULL };

		dup2(ends[1], 1);
		execve("/bin/sh", argv, envp);
		_exit(99);
	}
	CHECK_EQ(test_wait(pid), 0);
	CHECK(read(ends[0], text, sizeof(text) - 1) > 0);
	CHECK_EQ(strcmp(text, "zero one value\n"), 0);
}

TEST(exec_errors)
{
	char *argv[] = { "x", NULL };
	int fd;

	CHECK_ERR(execve("/no/such", argv, NULL), ENOENT);
	CHECK_ERR(execve("/etc/passwd", argv, NULL), EACCES);
	CHECK_ERR(execve("/etc", argv, NULL), EACCES);
	CHECK_ERR(execve("/etc/passwd/x", argv, NULL), ENOTDIR);
	test_write_file("text", "plain text\n");
	chmod("text", 0755);
	CHECK_ERR(execve("text", argv, NULL), ENOEXEC);
	test_write_file("empty", "");
	chmod("empty", 0755);
	CHECK_ERR(execve("empty", argv, NULL), ENOEXEC);
	test_write_file("script", "#!/no/such/interpreter\n");
	chmod("script", 0755);
	CHECK_ERR(execve("script", argv, NULL), ENOENT);
	fd = open("script", O_WRONLY);
	CHECK_ERR(execve("script", argv, NULL), ETXTBSY);
	close(fd);
	CHECK_ERR(execve("/bin/sh", (char **)8, NULL), EFAULT);
}

TEST(exec_of_a_truncated_elf_fails)
{
	static char head[64];
	char *argv[] = { "x", NULL };
	int from = open("/bin/true", O_RDONLY), to = open("cut", O_WRONLY | O_CREAT, 0755);

	CHECK_EQ(read(from, head, sizeof(head)), sizeof(head));
	CHECK_EQ(write(to, head, 40), 40);
	close(to);
	CHECK_ERR(execve("cut", argv, NULL), ENOEXEC);
}

TEST(close_on_exec)
{
	pid_t pid;

	CHECK_EQ(dup2(open("/dev/null", O_RDONLY), 20), 20);
	CHECK_EQ(dup3(20, 21, O_CLOEXEC), 21);
	CHECK_EQ(fcntl(20, F_GETFD), 0);
	CHECK_EQ(fcntl(21, F_GETFD), FD_CLOEXEC);
	pid = fork();
	if (pid == 0) {
		execl("/bin/bash", "bash", "-c", ": <&20 && ! : <&21", NULL);
		_exit(99);
	}
	dup2(open("/dev/null", O_WRONLY), 2);
	CHECK_EQ(WEXITSTATUS(test_wait(pid)), 0);
}

TEST(exec_resets_handlers_and_keeps_ignored_and_mask)
{
	sigset_t mask;
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGUSR1, SIG_IGN);
		sigemptyset(&mask);
		sigaddset(&mask, SIGUSR2);
		sigprocmask(SIG_SETMASK, &mask, NULL);
		execl("/usr/bin/awk", "awk",
		      "/SigBlk/ { blocked = $2 } /SigIgn/ { ignored = $2 }"
		      "END { exit !(blocked == \"0000000000000800\" &&"
		      " ignored == \"0000000000000200\") }", "/proc/self/status", NULL);
		_exit(99);
	}
	CHECK_EQ(WEXITSTATUS(test_wait(pid)), 0);
}

TEST(wait_options)
{
	int status, ends[2];
	pid_t pid;
	char byte;

	CHECK_ERR(waitpid(-1, &status, 0), ECHILD);
	CHECK_ERR(waitpid(1, &status, 0), ECHILD);
	CHECK_ERR(waitpid(-1, &status, 0x100), EINVAL);
	CHECK_EQ(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		close(ends[1]);
		(void)!read(ends[0], &byte, 1);
		_exit(5);
	}
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	close(ends[1]);
	CHECK_EQ(waitpid(-1, &status, 0), pid);
	CHECK_EQ(WEXITSTATUS(status), 5);
	CHECK_ERR(waitpid(pid, &status, 0), ECHILD);
}

TEST(waitid_tells_and_can_leave)
{
	siginfo_t info = { 0 };
	pid_t pid = fork();

	if (pid == 0)
		_exit(7);
	CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	CHECK_EQ(info.si_pid, pid);
	CHECK_EQ(info.si_code, CLD_EXITED);
	CHECK_EQ(info.si_status, 7);
	CHECK_EQ(info.si_signo, SIGCHLD);
	CHECK_EQ(WEXITSTATUS(test_wait(pid)), 7);
}

TEST(stop_and_continue_are_told)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	kill(pid, SIGSTOP);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status));
	CHECK_EQ(WSTOPSIG(status), SIGSTOP);
	kill(pid, SIGCONT);
	CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
	CHECK(WIFCONTINUED(status));
	kill(pid, SIGKILL);
	CHECK_EQ(WTERMSIG(test_wait(pid)), SIGKILL);
}

TEST(kill_reaches_a_stopped_process)
{
	pid_t pid = fork();

	if (pid == 0) {
		raise(SIGSTOP);
		_exit(0);
	}
	waitpid(pid, NULL, WUNTRACED);
	kill(pid, SIGKILL);
	CHECK_EQ(WTERMSIG(test_wait(pid)), SIGKILL);
}

TEST(orphans_go_to_init)
{
	int ends[2];
	pid_t middle, parent;

	CHECK_EQ(pipe(ends), 0);
	middle = fork();
	if (middle == 0) {
		if (fork() == 0) {
			while (getppid() != 1)
				test_sleep_ms(5);
			parent = getppid();
			(void)!write(ends[1], &parent, sizeof(parent));
		}
		_exit(0);
	}
	test_wait(middle);
	CHECK_EQ(read(ends[0], &parent, sizeof(parent)), sizeof(parent));
	CHECK_EQ(parent, 1);
}

TEST(subreaper_adopts)
{
	pid_t middle;
	int status;

	CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	middle = fork();
	if (middle == 0) {
		if (fork() == 0) {
			test_sleep_ms(50);
			_exit(9);
		}
		_exit(0);
	}
	test_wait(middle);
	CHECK(waitpid(-1, &status, 0) > 0);
	CHECK_EQ(WEXITSTATUS(status), 9);
}

TEST(ignored_sigchld_leaves_no_zombie)
{
	pid_t pid;

	signal(SIGCHLD, SIG_IGN);
	pid = fork();
	if (pid == 0)
		_exit(0);
	CHECK_ERR(waitpid(pid, NULL, 0), ECHILD);
}

TEST(groups_and_sessions)
{
	pid_t self = getpid(), pid;

	CHECK_EQ(getsid(0), self);
	CHECK_EQ(getpgrp(), self);
	CHECK_ERR(setsid(), EPERM);
	CHECK_ERR(setpgid(0, 1), EPERM);
	CHECK_ERR(setpgid(1, 1), ESRCH);
	pid = fork();
	if (pid == 0) {
		CHECK_EQ(getpgrp(), self);
		CHECK_EQ(setpgid(0, 0), 0);
		CHECK_EQ(getpgrp(), getpid());
		CHECK_EQ(setpgid(0, self), 0);
		CHECK_EQ(setsid(), getpid());
		CHECK_EQ(getsid(0), getpid());
		CHECK_ERR(setpgid(0, 0), EPERM);
		_exit(0);
	}
	CHECK_EQ(test_wait(pid), 0);
	CHECK_ERR(getsid(pid), ESRCH);
}

TEST(kill_a_group)
{
	pid_t leader = fork(), other;

	if (leader == 0) {
		setpgid(0, 0);
		for (;;)
			pause();
	}
	setpgid(leader, leader);
	other = fork();
	if (other == 0) {
		setpgid(0, leader);
		for (;;)
			pause();
	}
	setpgid(other, leader);
	CHECK_EQ(kill(-leader, SIGTERM), 0);
	CHECK_EQ(WTERMSIG(test_wait(leader)), SIGTERM);
	CHECK_EQ(WTERMSIG(test_wait(other)), SIGTERM);
	CHECK_ERR(kill(-leader, SIGTERM), ESRCH);
	CHECK_ERR(kill(getpid(), 65), EINVAL);
}

TEST(resource_use_of_children)
{
	struct rusage use;
	pid_t pid = fork();

	if (pid == 0) {
		for (volatile long i = 0; i < 50000000; i++)
			;
		_exit(0);
	}
	CHECK_EQ(wait4(pid, NULL, 0, &use), pid);
	CHECK(use.ru_utime.tv_sec > 0 || use.ru_utime.tv_usec > 0);
	CHECK(use.ru_maxrss > 0);
}

TEST(many_processes)
{
	enum { MANY = 100 };
	pid_t pids[MANY];

	for (int i = 0; i < MANY; i++) {
		pids[i] = fork();
		CHECK(pids[i] >= 0);
		if (pids[i] == 0)
			_exit(i);
	}
	for (int i = 0; i < MANY; i++)
		CHECK_EQ(WEXITSTATUS(test_wait(pids[i])), i);
}

TEST(limits)
{
	struct rlimit limit;

	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 10;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (int i = 0; i < 10; i++)
		(void)!dup(0);
	CHECK_ERR(dup(0), EMFILE);
	CHECK_ERR(open("/dev/null", O_RDONLY), EMFILE);
	limit.rlim_cur = limit.rlim_max + 1;
	CHECK_ERR(setrlimit(RLIMIT_NOFILE, &limit), EINVAL);
}

TEST(names_and_unknown_calls)
{
	char name[16];

	CHECK_EQ(prctl(PR_SET_NAME, "a name longer than fifteen"), 0);
	CHECK_EQ(prctl(PR_GET_NAME, name), 0);
	CHECK_EQ(strcmp(name, "a name longer t"), 0);
	CHECK_ERR(syscall(9999), ENOSYS);
	CHECK_ERR(syscall(-1L), ENOSYS);
}

TEST(priorities)
{
	CHECK_EQ(nice(3), 3);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 3);
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, 100), 0);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 19);
	CHECK_EQ(sched_yield(), 0);
}

/* --- where a program lies --- */

static void read_maps(char *to, size_t size)
{
	FILE *f = popen("exec cat /proc/self/maps", "r");

	CHECK(f);
	to[fread(to, 1, size - 1, f)] = 0;
	CHECK_EQ(pclose(f), 0);
	CHECK(strstr(to, "[stack]"));
}

TEST(places_are_the_same_for_who_asks)
{
	static char one[16384], two[16384];

	read_maps(one, sizeof(one));
	read_maps(two, sizeof(two));
	CHECK(strcmp(one, two));
	CHECK_EQ(personality(ADDR_NO_RANDOMIZE), 0);
	CHECK_EQ(personality(0xffffffff), ADDR_NO_RANDOMIZE);
	read_maps(one, sizeof(one));
	read_maps(two, sizeof(two));
	CHECK_EQ(strcmp(one, two), 0);
	/* The stack begins at the very top. */
	CHECK(strstr(one, "-1000000000000 rw-p"));
}
