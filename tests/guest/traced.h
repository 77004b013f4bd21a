/* tests/guest/traced.h -- what the tests of ptrace share: children that are traced, and a look at
 * them. */
#ifndef TRACED_H
#define TRACED_H

#include <elf.h>
#include <fcntl.h>
#include <linux/ptrace.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#ifndef NT_ARM_SYSTEM_CALL
#define NT_ARM_SYSTEM_CALL 0x404
#endif

static inline long pt(long request, pid_t pid, unsigned long addr, unsigned long data)
{
	return syscall(SYS_ptrace, request, pid, addr, data);
}
#define PT(request, pid, addr, data) CHECK_EQ(pt(request, pid, addr, (unsigned long)(data)), 0)

struct regs {
	uint64_t x[31], sp, pc, pstate;
};

static inline struct regs get_regs(pid_t pid)
{
	struct regs r;
	struct iovec v = {&r, sizeof(r)};

	PT(PTRACE_GETREGSET, pid, NT_PRSTATUS, &v);
	CHECK_EQ(v.iov_len, sizeof(r));
	return r;
}

static inline void set_regs(pid_t pid, struct regs *r)
{
	struct iovec v = {r, sizeof(*r)};

	PT(PTRACE_SETREGSET, pid, NT_PRSTATUS, &v);
}

static inline int get_call(pid_t pid)
{
	int nr;
	struct iovec v = {&nr, sizeof(nr)};

	PT(PTRACE_GETREGSET, pid, NT_ARM_SYSTEM_CALL, &v);
	return nr;
}

static inline siginfo_t get_info(pid_t pid)
{
	siginfo_t info;

	PT(PTRACE_GETSIGINFO, pid, 0, &info);
	return info;
}

/* What wait says of the stop, events included. */
static inline int wait_stop(pid_t pid)
{
	int status;

	CHECK_EQ(waitpid(pid, &status, __WALL), pid);
	CHECK((status & 0xff) == 0x7f);
	return status >> 8;
}

static inline int wait_end(pid_t pid)
{
	int status;

	CHECK_EQ(waitpid(pid, &status, __WALL), pid);
	CHECK(!WIFSTOPPED(status));
	return status;
}

/* A child that asks to be traced and stops; stopped when this returns. */
static inline pid_t traced(void (*run)(void))
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		PT(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		run();
		_exit(0);
	}
	CHECK_EQ(wait_stop(pid), SIGSTOP);
	return pid;
}

static inline pid_t child(void (*run)(void))
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run();
		_exit(0);
	}
	return pid;
}

static inline void sleep_for_ever(void)
{
	for (;;)
		pause();
}

static inline void exit_7(void)
{
	_exit(7);
}

static inline void nothing(void)
{
}

static inline void on_usr1(int sig)
{
	(void)sig;
}

static inline const char *status_line(pid_t pid, const char *key)
{
	static char line[128];
	char path[64];
	const char *text;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	text = strstr(test_read_file(path), key);
	CHECK(text);
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(text, "\n"), text);
	return line;
}

/* PTRACE_GETEVENTMSG */
static inline unsigned long message(pid_t pid)
{
	unsigned long m;

	PT(PTRACE_GETEVENTMSG, pid, 0, &m);
	return m;
}

#endif
