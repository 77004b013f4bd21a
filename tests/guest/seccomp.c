/* seccomp: filters of system calls, and strict mode. */
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/ptrace.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, what)
#define IS(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

static long seccomp(unsigned op, unsigned flags, const void *args)
{
	return syscall(SYS_seccomp, op, flags, args);
}

static long set(struct sock_filter *insns, size_t n, unsigned flags)
{
	struct sock_fprog prog = {.len = (unsigned short)n, .filter = insns};

	return seccomp(SECCOMP_SET_MODE_FILTER, flags, &prog);
}

/* Every getppid ends so; all else is allowed. */
static long set_for_getppid(unsigned action, unsigned flags)
{
	struct sock_filter insns[] = {
		LOAD(nr), IS(SYS_getppid, 0, 1), RETURN(action), RETURN(SECCOMP_RET_ALLOW),
	};

	return set(insns, LENGTH(insns), flags);
}

static void calm(void)
{
	CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
}

/* --- actions --- */

TEST(errors_instead_of_calls)
{
	calm();
	CHECK_EQ(set_for_getppid(SECCOMP_RET_ERRNO | 77, 0), 0);
	CHECK_ERR(syscall(SYS_getppid), 77);
	CHECK_EQ(syscall(SYS_getpid), getpid());
	/* The newest of equals; the data is cut to the largest error. */
	CHECK_EQ(set_for_getppid(SECCOMP_RET_ERRNO | 0xffff, 0), 0);
	CHECK_ERR(syscall(SYS_getppid), 4095);
	CHECK_EQ(set_for_getppid(SECCOMP_RET_ALLOW, 0), 0);
	CHECK_ERR(syscall(SYS_getppid), 4095);
	CHECK_EQ(set_for_getppid(SECCOMP_RET_TRACE | 5, 0), 0);
	CHECK_ERR(syscall(SYS_getppid), 4095);
	CHECK_EQ(set_for_getppid(SECCOMP_RET_ERRNO, 0), 0);
	CHECK_EQ(syscall(SYS_getppid), 0);
}

TEST(without_a_tracer_or_listener_there_is_no_call)
{
	calm();
	CHECK_EQ(set_for_getppid(SECCOMP_RET_TRACE | 5, 0), 0);
	CHECK_ERR(syscall(SYS_getppid), ENOSYS);
	CHECK_EQ(set_for_getppid(SECCOMP_RET_USER_NOTIF, 0), 0);
	CHECK_ERR(syscall(SYS_getppid), ENOSYS);
}

TEST(logging_lets_it_pass)
{
	calm();
	CHECK_EQ(set_for_getppid(SECCOMP_RET_LOG, SECCOMP_FILTER_FLAG_LOG), 0);
	CHECK_EQ(syscall(SYS_getppid), getppid());
}

static siginfo_t trapped;
static uint64_t trapped_x0;
static void on_sys(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)sig;
	trapped = *info;
	trapped_x0 = uc->uc_mcontext.regs[0];
	uc->uc_mcontext.regs[0] = 1234;
}

TEST(a_trap_is_a_signal)
{
	struct sigaction act = {.sa_sigaction = on_sys, .sa_flags = SA_SIGINFO};

	calm();
	sigaction(SIGSYS, &act, NULL);
	CHECK_EQ(set_for_getppid(SECCOMP_RET_TRAP | 33, 0), 0);
	CHECK_EQ(syscall(SYS_getppid, 55), 1234);
	CHECK_EQ(trapped_x0, 55);
	CHECK_EQ(trapped.si_signo, SIGSYS);
	CHECK_EQ(trapped.si_code, 1);	/* SYS_SECCOMP */
	CHECK_EQ(trapped.si_errno, 33);
	CHECK_EQ(trapped.si_syscall, SYS_getppid);
	CHECK_EQ(trapped.si_arch, AUDIT_ARCH_AARCH64);
	CHECK(trapped.si_call_addr);
}

static void kill_with(void *arg)
{
	struct sigaction act = {.sa_sigaction = on_sys, .sa_flags = SA_SIGINFO};

	sigaction(SIGSYS, &act, NULL);
	calm();
	CHECK_EQ(set_for_getppid(*(unsigned *)arg, 0), 0);
	syscall(SYS_getppid);
	_exit(1);
}

TEST(killing)
{
	unsigned kill_process = SECCOMP_RET_KILL_PROCESS, kill_thread = SECCOMP_RET_KILL_THREAD;
	unsigned unknown = 0x00010000;

	CHECK_EQ(test_child(kill_with, &kill_process) & 0x7f, SIGSYS);
	CHECK_EQ(test_child(kill_with, &kill_thread) & 0x7f, SIGSYS);
	CHECK_EQ(test_child(kill_with, &unknown) & 0x7f, SIGSYS);
}

static void *die_alone(void *arg)
{
	syscall(SYS_getppid);
	return arg;
}

static void kill_a_thread(void *arg)
{
	pthread_t t;

	calm();
	CHECK_EQ(set_for_getppid(*(unsigned *)arg, 0), 0);
	pthread_create(&t, NULL, die_alone, NULL);
	pthread_join(t, NULL);
	_exit(5);
}

TEST(killing_one_thread_or_all)
{
	unsigned kill_process = SECCOMP_RET_KILL_PROCESS, kill_thread = SECCOMP_RET_KILL_THREAD;

	CHECK_EQ(test_child(kill_a_thread, &kill_thread), 5 << 8);
	CHECK_EQ(test_child(kill_a_thread, &kill_process) & 0x7f, SIGSYS);
}

/* --- strict --- */

static void go_strict(void *arg)
{
	int how = *(int *)arg;

	if (how == 1)
		CHECK_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0), 0);
	else
		CHECK_EQ(seccomp(SECCOMP_SET_MODE_STRICT, 0, NULL), 0);
	if (write(2, "", 0) == 0 && how == 3)
		syscall(SYS_getpid);
	syscall(SYS_exit, 7);
}

TEST(strict_mode)
{
	int by_prctl = 1, by_call = 2, more = 3;

	CHECK_EQ(test_child(go_strict, &by_prctl), 7 << 8);
	CHECK_EQ(test_child(go_strict, &by_call), 7 << 8);
	CHECK_EQ(test_child(go_strict, &more), SIGKILL);
	CHECK_ERR(seccomp(SECCOMP_SET_MODE_STRICT, 1, NULL), EINVAL);
	CHECK_ERR(seccomp(SECCOMP_SET_MODE_STRICT, 0, &more), EINVAL);
	CHECK_ERR(prctl(PR_SET_SECCOMP, 3, 0, 0, 0), EINVAL);
	calm();
	CHECK_EQ(set_for_getppid(SECCOMP_RET_ERRNO | 1, 0), 0);
	CHECK_ERR(seccomp(SECCOMP_SET_MODE_STRICT, 0, NULL), EINVAL);
}

/* --- checking --- */

static void refused(struct sock_filter *insns, size_t n, int error)
{
	CHECK_ERR(set(insns, n, 0), error);
}
#define REFUSED(error, ...) do { \
	struct sock_filter insns_[] = {__VA_ARGS__}; \
	refused(insns_, LENGTH(insns_), error); \
} while (0)

TEST(programs_that_are_refused)
{
	static struct sock_filter many[4097];

	calm();
	REFUSED(EINVAL, LOAD(nr));	/* it does not end */
	REFUSED(EINVAL, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), RETURN(0));
	REFUSED(EINVAL, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), RETURN(0));
	REFUSED(EINVAL, BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0), RETURN(0));
	REFUSED(EINVAL, BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0), RETURN(0));
	REFUSED(EINVAL, BPF_STMT(BPF_LD | BPF_MEM, 0), RETURN(0));
	REFUSED(EINVAL, BPF_STMT(BPF_ST, 16), RETURN(0));
	REFUSED(EINVAL, BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), RETURN(0));
	REFUSED(EINVAL, BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32), RETURN(0));
	REFUSED(EINVAL, BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 3), RETURN(0));
	REFUSED(EINVAL, BPF_STMT(BPF_JMP | BPF_JA, 1), RETURN(0));
	REFUSED(EINVAL, IS(0, 0, 1), RETURN(0));
	REFUSED(EINVAL, BPF_STMT(0xffff, 0), RETURN(0));
	/* Only one of two ways writes the word. */
	REFUSED(EINVAL, IS(0, 1, 0), BPF_STMT(BPF_ST, 3), BPF_STMT(BPF_LD | BPF_MEM, 3),
		RETURN(0));
	CHECK_ERR(set(many, 0, 0), EINVAL);
	CHECK_ERR(set(many, 4097, 0), EINVAL);
	CHECK_ERR(set(NULL, 1, 0), EINVAL);
	CHECK_ERR(set((struct sock_filter *)8, 1, 0), EFAULT);
	CHECK_ERR(seccomp(SECCOMP_SET_MODE_FILTER, 0, NULL), EFAULT);
	CHECK_ERR(set_for_getppid(0, 1u << 20), EINVAL);
	CHECK_ERR(seccomp(99, 0, NULL), EINVAL);
	CHECK_ERR(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0), EFAULT);
}

TEST(arithmetic)
{
	/* ((nr ^ nr) + 6) * 7 / 2 << 1 | 1, through memory and both registers: 43. */
	struct sock_filter insns[] = {
		LOAD(nr), IS(SYS_getppid, 1, 0), RETURN(SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_MISC | BPF_TAX, 0), BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0),
		BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 6), BPF_STMT(BPF_ST, 2),
		BPF_STMT(BPF_LDX | BPF_IMM, 7), BPF_STMT(BPF_LD | BPF_MEM, 2),
		BPF_STMT(BPF_ALU | BPF_MUL | BPF_X, 0), BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 2),
		BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 1), BPF_STMT(BPF_ALU | BPF_OR | BPF_K, 1),
		BPF_STMT(BPF_ALU | BPF_NEG, 0), BPF_STMT(BPF_ALU | BPF_NEG, 0),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 42, 0, 2),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 1, 0, 1),
		BPF_JUMP(BPF_JMP | BPF_JA, 0, 0, 0),
		BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};

	calm();
	CHECK_EQ(set(insns, LENGTH(insns), 0), 0);
	CHECK_ERR(syscall(SYS_getppid), 43);
}

TEST(arguments_are_seen)
{
	struct sock_filter insns[] = {
		LOAD(arch), IS(AUDIT_ARCH_AARCH64, 1, 0), RETURN(SECCOMP_RET_KILL_PROCESS),
		LOAD(nr), IS(SYS_getppid, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5]) + 4),
		IS(0x12345678, 0, 1), RETURN(SECCOMP_RET_ERRNO | 5), RETURN(SECCOMP_RET_ALLOW),
	};

	calm();
	CHECK_EQ(set(insns, LENGTH(insns), 0), 0);
	CHECK_EQ(syscall(SYS_getppid), getppid() + 0);
	CHECK_ERR(syscall(SYS_getppid, 0, 0, 0, 0, 0, 0x1234567800000000), 5);
}

static void without_privilege(void *arg)
{
	(void)arg;
	CHECK_ERR(set_for_getppid(SECCOMP_RET_ALLOW, 0), EACCES);
	calm();
	CHECK_EQ(set_for_getppid(SECCOMP_RET_ALLOW, 0), 0);
}

TEST(privilege)
{
	CHECK_EQ(test_child_as(1000, without_privilege, NULL), 0);
	CHECK_EQ(set_for_getppid(SECCOMP_RET_ALLOW, 0), 0);
}

TEST(actions_there_are)
{
	unsigned good[] = {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP,
			   SECCOMP_RET_ERRNO, SECCOMP_RET_TRACE, SECCOMP_RET_LOG,
			   SECCOMP_RET_ALLOW};
	unsigned bad = 0x00010000;

	for (size_t i = 0; i < LENGTH(good); i++)
		CHECK_EQ(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &good[i]), 0);
	CHECK_ERR(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &bad), EOPNOTSUPP);
	CHECK_ERR(seccomp(SECCOMP_GET_ACTION_AVAIL, 1, &bad), EINVAL);
	CHECK_ERR(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, NULL), EFAULT);
}

/* --- who has them --- */

static bool status_has(const char *line)
{
	return strstr(test_read_file("/proc/self/status"), line);
}

TEST(children_and_programs_keep_them)
{
	int status;
	pid_t pid;

	CHECK(status_has("Seccomp:\t0\nSeccomp_filters:\t0\n"));
	CHECK_EQ(prctl(PR_GET_SECCOMP, 0, 0, 0, 0), 0);
	calm();
	CHECK_EQ(set_for_getppid(SECCOMP_RET_ERRNO | 9, 0), 0);
	CHECK_EQ(set_for_getppid(SECCOMP_RET_ALLOW, 0), 0);
	CHECK_EQ(prctl(PR_GET_SECCOMP, 0, 0, 0, 0), 2);
	CHECK(status_has("Seccomp:\t2\nSeccomp_filters:\t2\n"));
	pid = fork();
	if (!pid) {
		CHECK_ERR(syscall(SYS_getppid), 9);
		execl("/bin/sh", "sh", "-c", "grep -q 'Seccomp_filters:.2' /proc/self/status", NULL);
		_exit(1);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

static _Atomic int go, result;
static void *other_thread(void *arg)
{
	if (arg) {
		calm();
		CHECK_EQ(set_for_getppid(SECCOMP_RET_ALLOW, 0), 0);
		go = 2;
	}
	while (go != 1)
		usleep(1000);
	result = syscall(SYS_getppid) == -1 ? errno : 0;
	result = result == 21 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 21 : -1;
	return NULL;
}

TEST(all_threads_at_once)
{
	pthread_t t;

	pthread_create(&t, NULL, other_thread, NULL);
	calm();
	CHECK_EQ(set_for_getppid(SECCOMP_RET_ERRNO | 21, SECCOMP_FILTER_FLAG_TSYNC), 0);
	go = 1;
	pthread_join(t, NULL);
	CHECK_EQ(result, 21);
}

TEST(a_thread_with_filters_of_its_own)
{
	pthread_t t;
	long tid;

	pthread_create(&t, NULL, other_thread, (void *)1);
	while (go != 2)
		usleep(1000);
	calm();
	tid = set_for_getppid(SECCOMP_RET_ERRNO | 21, SECCOMP_FILTER_FLAG_TSYNC);
	CHECK_EQ(tid, getpid() + 1);
	CHECK_ERR(set_for_getppid(SECCOMP_RET_ALLOW, SECCOMP_FILTER_FLAG_TSYNC |
				  SECCOMP_FILTER_FLAG_TSYNC_ESRCH), ESRCH);
	CHECK_EQ(syscall(SYS_getppid), getppid());
}

/* --- with a tracer --- */

static long pt(long request, pid_t pid, unsigned long addr, unsigned long data)
{
	return syscall(SYS_ptrace, request, pid, addr, data);
}

static void ask_tracer(void)
{
	pt(PTRACE_TRACEME, 0, 0, 0);
	raise(SIGSTOP);
	calm();
	if (set_for_getppid(SECCOMP_RET_TRACE | 44, 0))
		_exit(1);
	_exit(syscall(SYS_getppid) == getpid() ? 0 : 2);
}

TEST(the_tracer_is_asked)
{
	struct ptrace_syscall_info si;
	int status, call = SYS_getpid;
	struct { void *base; unsigned long len; } v = {&call, sizeof(call)};
	unsigned long message;
	pid_t pid = fork();

	if (!pid)
		ask_tracer();
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESECCOMP), 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status >> 8, SIGTRAP | PTRACE_EVENT_SECCOMP << 8);
	CHECK_EQ(pt(PTRACE_GETEVENTMSG, pid, 0, (unsigned long)&message), 0);
	CHECK_EQ(message, 44);
	CHECK_EQ(pt(PTRACE_GET_SYSCALL_INFO, pid, sizeof(si), (unsigned long)&si), 84);
	CHECK_EQ(si.op, PTRACE_SYSCALL_INFO_SECCOMP);
	CHECK_EQ(si.seccomp.nr, SYS_getppid);
	CHECK_EQ(si.seccomp.ret_data, 44);
	CHECK_EQ(pt(PTRACE_SETREGSET, pid, 0x404, (unsigned long)&v), 0);
	CHECK_EQ(pt(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}
