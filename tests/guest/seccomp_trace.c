/* What a tracer sees of filters, and what the kernel says of them. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#ifndef PTRACE_O_SUSPEND_SECCOMP
#define PTRACE_O_SUSPEND_SECCOMP (1 << 21)
#endif
enum { GET_FILTER = 0x420c, GET_METADATA = 0x420d };

struct metadata {
	uint64_t offset, flags;
};

/* getppid() fails with this error; everything else is allowed. */
static void add_filter(unsigned error, unsigned flags)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { 4, code };

	CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	CHECK_EQ(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program), 0);
}

static long raw_getppid(void)
{
	return syscall(SYS_getppid);
}

/* A traced child with two filters, in its first stop. */
static pid_t filtered(void)
{
	pid_t pid = fork();

	if (!pid) {
		add_filter(11, 0);
		add_filter(22, SECCOMP_FILTER_FLAG_LOG);
		CHECK_EQ(ptrace(PTRACE_TRACEME, 0, 0, 0), 0);
		raise(SIGSTOP);
		/* Suspended, and then not any more. */
		CHECK(raw_getppid() > 0);
		raise(SIGSTOP);
		CHECK_EQ(raw_getppid(), -1);
		_exit(errno);
	}
	CHECK_EQ(test_wait(pid), SIGSTOP << 8 | 0x7f);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	CHECK_EQ(test_wait(pid), SIGKILL);
}

TEST(programs_are_read)
{
	struct sock_filter code[4];
	pid_t pid = filtered();

	/* The oldest is the first. */
	CHECK_EQ(ptrace(GET_FILTER, pid, 0, NULL), 4);
	memset(code, 0xff, sizeof(code));
	CHECK_EQ(ptrace(GET_FILTER, pid, 0, code), 4);
	CHECK_EQ(code[1].k, SYS_getppid);
	CHECK_EQ(code[2].code, BPF_RET | BPF_K);
	CHECK_EQ(code[2].k, SECCOMP_RET_ERRNO | 11);
	CHECK_EQ(ptrace(GET_FILTER, pid, 1, code), 4);
	CHECK_EQ(code[2].k, SECCOMP_RET_ERRNO | 22);
	CHECK_ERR(ptrace(GET_FILTER, pid, 2, code), ENOENT);
	CHECK_ERR(ptrace(GET_FILTER, pid, -1, code), ENOENT);
	CHECK_ERR(ptrace(GET_FILTER, pid, 0, 1), EFAULT);
	end(pid);
}

TEST(metadata)
{
	struct metadata what = { 0, 99 };
	pid_t pid = filtered();

	CHECK_EQ(ptrace(GET_METADATA, pid, sizeof(what), &what), 16);
	CHECK_EQ(what.flags, 0);
	what = (struct metadata){ 1, 99 };
	CHECK_EQ(ptrace(GET_METADATA, pid, sizeof(what), &what), 16);
	CHECK_EQ(what.flags, SECCOMP_FILTER_FLAG_LOG);
	what = (struct metadata){ 1, 99 };
	CHECK_EQ(ptrace(GET_METADATA, pid, 8, &what), 8);
	CHECK_EQ(what.flags, 99);
	CHECK_EQ(ptrace(GET_METADATA, pid, 100, &what), 16);
	what.offset = 2;
	CHECK_ERR(ptrace(GET_METADATA, pid, sizeof(what), &what), ENOENT);
	CHECK_ERR(ptrace(GET_METADATA, pid, 7, &what), EINVAL);
	CHECK_ERR(ptrace(GET_METADATA, pid, sizeof(what), 1), EFAULT);
	end(pid);
}

TEST(who_has_none)
{
	struct metadata what = { 0, 0 };
	pid_t pid = fork();

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		_exit(0);
	}
	CHECK_EQ(test_wait(pid), SIGSTOP << 8 | 0x7f);
	CHECK_ERR(ptrace(GET_FILTER, pid, 0, NULL), EINVAL);
	CHECK_ERR(ptrace(GET_METADATA, pid, sizeof(what), &what), EINVAL);
	end(pid);
}

TEST(a_filtered_tracer)
{
	struct metadata what = { 0, 0 };
	pid_t pid = filtered();

	add_filter(33, 0);
	CHECK_ERR(ptrace(GET_FILTER, pid, 0, NULL), EACCES);
	CHECK_ERR(ptrace(GET_METADATA, pid, sizeof(what), &what), EACCES);
	CHECK_ERR(ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_SUSPEND_SECCOMP), EPERM);
	end(pid);
}

static void without_privilege(void *unused)
{
	pid_t pid = filtered();

	(void)unused;
	CHECK_ERR(ptrace(GET_FILTER, pid, 0, NULL), EACCES);
	CHECK_ERR(ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_SUSPEND_SECCOMP), EPERM);
	CHECK_ERR(ptrace(PTRACE_SETOPTIONS, pid, 0, 1 << 22), EINVAL);
	end(pid);
}

TEST(a_tracer_without_privilege)
{
	CHECK_EQ(test_child_as(1000, without_privilege, NULL), 0);
}

TEST(filters_are_suspended)
{
	pid_t pid = filtered();

	CHECK_EQ(ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_SUSPEND_SECCOMP), 0);
	CHECK_EQ(ptrace(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EQ(test_wait(pid), SIGSTOP << 8 | 0x7f);
	CHECK_EQ(ptrace(PTRACE_SETOPTIONS, pid, 0, 0), 0);
	CHECK_EQ(ptrace(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EQ(test_wait(pid), 22 << 8);
}

TEST(suspended_until_the_tracer_goes)
{
	pid_t pid = filtered();

	CHECK_EQ(ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_SUSPEND_SECCOMP), 0);
	CHECK_EQ(ptrace(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EQ(test_wait(pid), SIGSTOP << 8 | 0x7f);
	CHECK_EQ(ptrace(PTRACE_DETACH, pid, 0, 0), 0);
	CHECK_EQ(test_wait(pid), 22 << 8);
}

TEST(sizes_of_notifications)
{
	struct seccomp_notif_sizes sizes = { 0, 0, 0 };

	CHECK_EQ(syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes), 0);
	CHECK_EQ(sizes.seccomp_notif, sizeof(struct seccomp_notif));
	CHECK_EQ(sizes.seccomp_notif_resp, sizeof(struct seccomp_notif_resp));
	CHECK_EQ(sizes.seccomp_data, sizeof(struct seccomp_data));
	CHECK_ERR(syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 1, &sizes), EINVAL);
	CHECK_ERR(syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, 1), EFAULT);
}

TEST(actions_there_are)
{
	static const unsigned there[] = { SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD,
					  SECCOMP_RET_TRAP, SECCOMP_RET_ERRNO, SECCOMP_RET_TRACE,
					  SECCOMP_RET_LOG, SECCOMP_RET_ALLOW };
	unsigned action;

	for (size_t i = 0; i < sizeof(there) / sizeof(*there); i++)
		CHECK_EQ(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &there[i]), 0);
	action = 0x12340000;
	CHECK_ERR(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action), EOPNOTSUPP);
	action = SECCOMP_RET_ERRNO | 1;
	CHECK_ERR(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action), EOPNOTSUPP);
	CHECK_ERR(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 1, &there[0]), EINVAL);
	CHECK_ERR(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, 1), EFAULT);
}
