/* ptrace: stops, events, registers, memory, and who may. */
#include <elf.h>
#include <fcntl.h>
#include <linux/ptrace.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#ifndef NT_ARM_SYSTEM_CALL
#define NT_ARM_SYSTEM_CALL 0x404
#endif

static long pt(long request, pid_t pid, unsigned long addr, unsigned long data)
{
	return syscall(SYS_ptrace, request, pid, addr, data);
}
#define PT(request, pid, addr, data) CHECK_EQ(pt(request, pid, addr, (unsigned long)(data)), 0)

struct regs {
	uint64_t x[31], sp, pc, pstate;
};

static struct regs get_regs(pid_t pid)
{
	struct regs r;
	struct iovec v = {&r, sizeof(r)};

	PT(PTRACE_GETREGSET, pid, NT_PRSTATUS, &v);
	CHECK_EQ(v.iov_len, sizeof(r));
	return r;
}

static void set_regs(pid_t pid, struct regs *r)
{
	struct iovec v = {r, sizeof(*r)};

	PT(PTRACE_SETREGSET, pid, NT_PRSTATUS, &v);
}

static int get_call(pid_t pid)
{
	int nr;
	struct iovec v = {&nr, sizeof(nr)};

	PT(PTRACE_GETREGSET, pid, NT_ARM_SYSTEM_CALL, &v);
	return nr;
}

static siginfo_t get_info(pid_t pid)
{
	siginfo_t info;

	PT(PTRACE_GETSIGINFO, pid, 0, &info);
	return info;
}

/* What wait says of the stop, events included. */
static int wait_stop(pid_t pid)
{
	int status;

	CHECK_EQ(waitpid(pid, &status, __WALL), pid);
	CHECK((status & 0xff) == 0x7f);
	return status >> 8;
}

static int wait_end(pid_t pid)
{
	int status;

	CHECK_EQ(waitpid(pid, &status, __WALL), pid);
	CHECK(!WIFSTOPPED(status));
	return status;
}

/* A child that asks to be traced and stops; stopped when this returns. */
static pid_t traced(void (*run)(void))
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

static pid_t child(void (*run)(void))
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run();
		_exit(0);
	}
	return pid;
}

static void sleep_for_ever(void)
{
	for (;;)
		pause();
}

static void exit_7(void)
{
	_exit(7);
}

static void nothing(void)
{
}

/* --- signals --- */

TEST(a_signal_stops_before_it_is_delivered)
{
	pid_t pid = traced(exit_7);
	siginfo_t info = get_info(pid);

	CHECK_EQ(info.si_signo, SIGSTOP);
	CHECK_EQ(info.si_code, SI_TKILL);
	CHECK_EQ(info.si_pid, pid);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_end(pid), 7 << 8);
	CHECK_ERR(pt(PTRACE_CONT, pid, 0, 0), ESRCH);
}

static void send_usr1(void)
{
	raise(SIGUSR1);
	_exit(3);
}

TEST(the_tracer_decides_about_a_signal)
{
	pid_t pid = traced(send_usr1);

	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGUSR1);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_end(pid), 3 << 8);
	pid = traced(send_usr1);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGUSR1);
	PT(PTRACE_CONT, pid, 0, SIGUSR1);
	CHECK_EQ(wait_end(pid), SIGUSR1);
	pid = traced(send_usr1);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGUSR1);
	PT(PTRACE_CONT, pid, 0, SIGTERM);
	CHECK_EQ(wait_end(pid), SIGTERM);
}

static volatile int seen_signal, seen_code, seen_pid;
static void note(int sig, siginfo_t *info, void *context)
{
	(void)context;
	seen_signal = sig;
	seen_code = info->si_code;
	seen_pid = info->si_pid;
}

static void take_signal(void)
{
	struct sigaction act = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};

	sigaction(SIGUSR1, &act, NULL);
	sigaction(SIGUSR2, &act, NULL);
	raise(SIGUSR1);
	_exit(seen_signal == SIGUSR2 && seen_code == SI_USER && seen_pid == getppid() ? 0 :
	      seen_signal == SIGUSR1 && seen_code == 77 ? 1 : 2);
}

TEST(another_signal_comes_from_the_tracer)
{
	pid_t pid = traced(take_signal);

	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGUSR1);
	PT(PTRACE_CONT, pid, 0, SIGUSR2);
	CHECK_EQ(wait_end(pid), 0);
}

TEST(siginfo_can_be_changed)
{
	pid_t pid = traced(take_signal);
	siginfo_t info;

	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGUSR1);
	info = get_info(pid);
	info.si_code = 77;
	PT(PTRACE_SETSIGINFO, pid, 0, &info);
	PT(PTRACE_CONT, pid, 0, SIGUSR1);
	CHECK_EQ(wait_end(pid), 1 << 8);
}

static void ignore_usr1(void)
{
	signal(SIGUSR1, SIG_IGN);
	raise(SIGUSR1);
	_exit(4);
}

TEST(an_ignored_signal_is_seen)
{
	pid_t pid = traced(ignore_usr1);

	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGUSR1);
	PT(PTRACE_CONT, pid, 0, SIGUSR1);
	CHECK_EQ(wait_end(pid), 4 << 8);
}

TEST(kill_is_not_seen)
{
	pid_t pid = traced(sleep_for_ever);
	int status;

	PT(PTRACE_CONT, pid, 0, 0);
	kill(pid, SIGKILL);
	CHECK_EQ(wait_end(pid), SIGKILL);
	pid = traced(sleep_for_ever);
	kill(pid, SIGKILL);
	CHECK_EQ(wait_end(pid), SIGKILL);
	pid = traced(sleep_for_ever);
	PT(PTRACE_KILL, pid, 0, 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, SIGKILL);
}

TEST(pending_signals_and_the_mask)
{
	pid_t pid = traced(sleep_for_ever);
	struct ptrace_peeksiginfo_args args = {.nr = 4};
	siginfo_t infos[4];
	uint64_t mask = 1ul << (SIGUSR1 - 1) | 1ul << (SIGKILL - 1), got = 0;

	CHECK_ERR(pt(PTRACE_GETSIGMASK, pid, 4, (unsigned long)&got), EINVAL);
	PT(PTRACE_SETSIGMASK, pid, 8, &mask);
	PT(PTRACE_GETSIGMASK, pid, 8, &got);
	CHECK_EQ(got, 1ul << (SIGUSR1 - 1));
	kill(pid, SIGUSR1);
	syscall(SYS_tkill, pid, SIGUSR2);
	args.flags = PTRACE_PEEKSIGINFO_SHARED;
	CHECK_EQ(pt(PTRACE_PEEKSIGINFO, pid, (unsigned long)&args, (unsigned long)infos), 1);
	CHECK_EQ(infos[0].si_signo, SIGUSR1);
	args.flags = 0;
	CHECK_EQ(pt(PTRACE_PEEKSIGINFO, pid, (unsigned long)&args, (unsigned long)infos), 1);
	CHECK_EQ(infos[0].si_signo, SIGUSR2);
	args.off = 1;
	CHECK_EQ(pt(PTRACE_PEEKSIGINFO, pid, (unsigned long)&args, (unsigned long)infos), 0);
	args.flags = 2;
	CHECK_ERR(pt(PTRACE_PEEKSIGINFO, pid, (unsigned long)&args, (unsigned long)infos), EINVAL);
	args.flags = 0;
	args.nr = -1;
	CHECK_ERR(pt(PTRACE_PEEKSIGINFO, pid, (unsigned long)&args, (unsigned long)infos), EINVAL);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGUSR2);
	PT(PTRACE_KILL, pid, 0, 0);
	CHECK_EQ(wait_end(pid), SIGKILL);
}

/* --- memory and registers --- */

static volatile long word = 0x1122334455667788;
static const volatile long constant = 42;

static void show_word(void)
{
	_exit(word == 5 && constant == 6 ? 0 : 1);
}

TEST(memory)
{
	pid_t pid = traced(show_word);
	long got;

	PT(PTRACE_PEEKDATA, pid, (unsigned long)&word, &got);
	CHECK_EQ(got, 0x1122334455667788);
	PT(PTRACE_PEEKTEXT, pid, (unsigned long)&word + 1, &got);
	CHECK_EQ(got & 0xffffff, 0x556677);
	PT(PTRACE_POKEDATA, pid, (unsigned long)&word, 5);
	/* What the program itself may not write. */
	PT(PTRACE_POKETEXT, pid, (unsigned long)&constant, 6);
	CHECK_ERR(pt(PTRACE_PEEKDATA, pid, 0, (unsigned long)&got), EIO);
	CHECK_ERR(pt(PTRACE_POKEDATA, pid, 8, 1), EIO);
	CHECK_ERR(pt(PTRACE_PEEKDATA, pid, (unsigned long)&word, 8), EFAULT);
	CHECK_EQ(word, 0x1122334455667788);
	CHECK_EQ(constant, 42);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_end(pid), 0);
}

TEST(registers)
{
	pid_t pid = traced(exit_7);
	struct regs r = get_regs(pid), again;
	uint64_t small[2];
	struct iovec v = {small, sizeof(small)};
	struct {
		__uint128_t v[32];
		uint32_t fpsr, fpcr, reserved[2];
	} fp;
	uint64_t tls[2];

	CHECK(r.pc && r.sp);
	PT(PTRACE_GETREGSET, pid, NT_PRSTATUS, &v);
	CHECK_EQ(v.iov_len, 16);
	CHECK_EQ(small[1], r.x[1]);
	v.iov_len = 12;
	CHECK_ERR(pt(PTRACE_GETREGSET, pid, NT_PRSTATUS, (unsigned long)&v), EINVAL);
	v.iov_len = 16;
	CHECK_ERR(pt(PTRACE_GETREGSET, pid, 12345, (unsigned long)&v), EINVAL);
	CHECK_ERR(pt(PTRACE_GETREGSET, pid, NT_PRSTATUS, 8), EFAULT);
	v.iov_base = (void *)8;
	CHECK_ERR(pt(PTRACE_GETREGSET, pid, NT_PRSTATUS, (unsigned long)&v), EFAULT);
	again = r;
	again.x[19] = 0x1234;
	set_regs(pid, &again);
	CHECK_EQ(get_regs(pid).x[19], 0x1234);
	again.pstate |= 5;	/* another exception level */
	v = (struct iovec){&again, sizeof(again)};
	CHECK_ERR(pt(PTRACE_SETREGSET, pid, NT_PRSTATUS, (unsigned long)&v), EINVAL);
	set_regs(pid, &r);
	v = (struct iovec){&fp, sizeof(fp)};
	PT(PTRACE_GETREGSET, pid, NT_PRFPREG, &v);
	CHECK_EQ(v.iov_len, 528);
	fp.v[31] = 77;
	PT(PTRACE_SETREGSET, pid, NT_PRFPREG, &v);
	fp.v[31] = 0;
	PT(PTRACE_GETREGSET, pid, NT_PRFPREG, &v);
	CHECK_EQ(fp.v[31], 77);
	v = (struct iovec){tls, sizeof(tls)};
	PT(PTRACE_GETREGSET, pid, NT_ARM_TLS, &v);
	CHECK_EQ(v.iov_len, 16);
	CHECK_EQ(tls[0], (uint64_t)__builtin_thread_pointer());
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_end(pid), 7 << 8);
}

/* --- system calls --- */

static void three_calls(void)
{
	syscall(SYS_getppid);
	syscall(SYS_close, 12345);
	syscall(SYS_exit, syscall(SYS_getpid) == 99 ? 0 : 1);
}

TEST(system_calls_stop_twice)
{
	pid_t pid = traced(three_calls);
	struct ptrace_syscall_info si;
	struct regs r;
	long size;

	PT(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD);
	PT(PTRACE_SYSCALL, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | 0x80);
	CHECK_EQ(get_call(pid), SYS_getppid);
	CHECK_EQ(get_regs(pid).x[7], 0);
	CHECK_EQ(get_info(pid).si_code, SIGTRAP | 0x80);
	PT(PTRACE_SYSCALL, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | 0x80);
	CHECK_EQ(get_regs(pid).x[0], getpid());
	CHECK_EQ(get_regs(pid).x[7], 1);
	PT(PTRACE_SYSCALL, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | 0x80);
	size = pt(PTRACE_GET_SYSCALL_INFO, pid, sizeof(si), (unsigned long)&si);
	CHECK_EQ(size, 80);
	CHECK_EQ(si.op, PTRACE_SYSCALL_INFO_ENTRY);
	CHECK_EQ(si.arch, 0xc00000b7);
	CHECK_EQ(si.entry.nr, SYS_close);
	CHECK_EQ(si.entry.args[0], 12345);
	PT(PTRACE_SYSCALL, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | 0x80);
	size = pt(PTRACE_GET_SYSCALL_INFO, pid, sizeof(si), (unsigned long)&si);
	CHECK_EQ(size, 33);
	CHECK_EQ(si.op, PTRACE_SYSCALL_INFO_EXIT);
	CHECK_EQ(si.exit.rval, -EBADF);
	CHECK_EQ(si.exit.is_error, 1);
	PT(PTRACE_SYSCALL, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | 0x80);
	PT(PTRACE_SYSCALL, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | 0x80);
	r = get_regs(pid);
	r.x[0] = 99;
	set_regs(pid, &r);
	PT(PTRACE_SYSCALL, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | 0x80);
	CHECK_EQ(get_call(pid), SYS_exit);
	PT(PTRACE_SYSCALL, pid, 0, 0);
	CHECK_EQ(wait_end(pid), 0);
}

static void one_call(void)
{
	syscall(SYS_exit_group, (int)syscall(SYS_getpid) == -5 ? 0 : 1);
}

TEST(a_call_is_left_out)
{
	pid_t pid = traced(one_call);
	struct regs r;
	int none = -1, call = SYS_getppid;
	struct iovec v = {&none, sizeof(none)};

	PT(PTRACE_SYSCALL, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP);
	r = get_regs(pid);
	r.x[0] = (uint64_t)-5;
	set_regs(pid, &r);
	PT(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &v);
	PT(PTRACE_SYSCALL, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP);
	CHECK_EQ((long)get_regs(pid).x[0], -5);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(WEXITSTATUS(wait_end(pid)), 1);	/* -1 and errno 5 */
	/* And another one in its place. */
	pid = traced(one_call);
	PT(PTRACE_SYSCALL, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP);
	v.iov_base = &call;
	PT(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &v);
	PT(PTRACE_SYSCALL, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP);
	CHECK_EQ(get_regs(pid).x[0], getpid());
	PT(PTRACE_KILL, pid, 0, 0);
	CHECK_EQ(wait_end(pid), SIGKILL);
}

TEST(a_call_is_emulated)
{
	pid_t pid = traced(three_calls);
	struct regs r;

	PT(31 /* PTRACE_SYSEMU */, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP);
	CHECK_EQ(get_call(pid), SYS_getppid);
	r = get_regs(pid);
	r.x[0] = 5;
	set_regs(pid, &r);
	PT(31, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP);
	CHECK_EQ(get_call(pid), SYS_close);
	PT(PTRACE_KILL, pid, 0, 0);
	CHECK_EQ(wait_end(pid), SIGKILL);
}

static int restarts[2];
static void on_usr1(int sig)
{
	(void)sig;
}

static void read_pipe(void)
{
	struct sigaction act = {.sa_handler = on_usr1, .sa_flags = SA_RESTART};
	char c;

	sigaction(SIGUSR1, &act, NULL);
	_exit(read(restarts[0], &c, 1) == 1 ? 0 : 1);
}

TEST(an_interrupted_call_is_taken_back_before_the_stop)
{
	struct regs r;
	pid_t pid;
	uint32_t insn;
	long got;

	CHECK_EQ(pipe(restarts), 0);
	pid = traced(read_pipe);
	PT(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD);
	PT(PTRACE_CONT, pid, 0, 0);
	test_sleep_ms(50);
	kill(pid, SIGUSR1);
	CHECK_EQ(wait_stop(pid), SIGUSR1);
	r = get_regs(pid);
	PT(PTRACE_PEEKTEXT, pid, r.pc & ~7ul, &got);
	insn = (uint32_t)(r.pc & 4 ? (unsigned long)got >> 32 : (unsigned long)got);
	CHECK_EQ(insn, 0xd4000001);	/* svc #0 */
	CHECK_EQ(r.x[0], restarts[0]);
	CHECK_EQ(get_call(pid), -1);
	PT(PTRACE_SYSCALL, pid, 0, SIGUSR1);
	CHECK_EQ(wait_stop(pid), SIGTRAP | 0x80);
	CHECK_EQ(get_call(pid), SYS_rt_sigreturn);
	PT(PTRACE_SYSCALL, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | 0x80);
	CHECK_EQ(get_call(pid), -1);
	PT(PTRACE_SYSCALL, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | 0x80);
	CHECK_EQ(get_call(pid), SYS_read);
	CHECK_EQ(write(restarts[1], "x", 1), 1);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_end(pid), 0);
}

/* --- events --- */

static unsigned long message(pid_t pid)
{
	unsigned long m;

	PT(PTRACE_GETEVENTMSG, pid, 0, &m);
	return m;
}

static void fork_once(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(5);
	waitpid(pid, NULL, 0);
	_exit(6);
}

TEST(fork_is_followed)
{
	pid_t pid = traced(fork_once), made;

	PT(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEFORK);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | PTRACE_EVENT_FORK << 8);
	made = (pid_t)message(pid);
	CHECK_EQ(get_info(pid).si_code, SIGTRAP | PTRACE_EVENT_FORK << 8);
	CHECK_EQ(wait_stop(made), SIGSTOP);
	CHECK_EQ(get_info(made).si_code, SI_USER);
	CHECK_EQ(get_regs(made).x[0], 0);
	PT(PTRACE_CONT, made, 0, 0);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_end(made), 5 << 8);
	CHECK_EQ(wait_stop(pid), SIGCHLD);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_end(pid), 6 << 8);
}

static void vfork_once(void)
{
	if (!vfork())
		_exit(5);
	_exit(6);
}

TEST(vfork_and_its_end)
{
	pid_t pid = traced(vfork_once), made;

	PT(PTRACE_SETOPTIONS, pid, 0,
	   PTRACE_O_TRACEVFORK | PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEEXIT);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | PTRACE_EVENT_VFORK << 8);
	made = (pid_t)message(pid);
	CHECK_EQ(wait_stop(made), SIGSTOP);
	PT(PTRACE_CONT, pid, 0, 0);
	PT(PTRACE_CONT, made, 0, 0);
	CHECK_EQ(wait_stop(made), SIGTRAP | PTRACE_EVENT_EXIT << 8);
	CHECK_EQ(message(made), 5 << 8);
	PT(PTRACE_CONT, made, 0, 0);
	CHECK_EQ(wait_end(made), 5 << 8);
	CHECK_EQ(wait_stop(pid), SIGTRAP | PTRACE_EVENT_VFORK_DONE << 8);
	CHECK_EQ(message(pid), made);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGCHLD);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | PTRACE_EVENT_EXIT << 8);
	CHECK_EQ(message(pid), 6 << 8);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_end(pid), 6 << 8);
}

static void exec_true(void)
{
	execl("/bin/true", "true", NULL);
}

TEST(exec_is_told)
{
	pid_t pid = traced(exec_true);

	PT(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | PTRACE_EVENT_EXEC << 8);
	CHECK_EQ(message(pid), pid);
	PT(PTRACE_SYSCALL, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | 0x80);
	CHECK_EQ(get_call(pid), SYS_execve);
	CHECK_EQ(get_regs(pid).x[0], 0);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_end(pid), 0);
	/* Without the option it is a plain SIGTRAP. */
	pid = traced(exec_true);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP);
	CHECK_EQ(get_info(pid).si_code, SI_USER);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_end(pid), 0);
}

static void *exec_in_thread(void *arg)
{
	(void)arg;
	exec_true();
	return NULL;
}

static void thread_execs(void)
{
	pthread_t t;

	pthread_create(&t, NULL, exec_in_thread, NULL);
	sleep_for_ever();
}

TEST(a_thread_that_execs_becomes_the_leader)
{
	pid_t pid = traced(thread_execs), tid;
	int status;

	PT(PTRACE_SETOPTIONS, pid, 0,
	   PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | PTRACE_EVENT_CLONE << 8);
	tid = (pid_t)message(pid);
	CHECK_EQ(wait_stop(tid), SIGSTOP);
	PT(PTRACE_CONT, pid, 0, 0);
	PT(PTRACE_CONT, tid, 0, 0);
	/* The leader ends for it. */
	CHECK_EQ(wait_stop(pid), SIGTRAP | PTRACE_EVENT_EXIT << 8);
	CHECK_EQ(waitpid(tid, &status, __WALL | WNOHANG), 0);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | PTRACE_EVENT_EXEC << 8);
	CHECK_EQ(message(pid), tid);
	CHECK_ERR(waitpid(tid, &status, __WALL | WNOHANG), ECHILD);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | PTRACE_EVENT_EXIT << 8);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_end(pid), 0);
}

static void *end_thread(void *arg)
{
	(void)arg;
	syscall(SYS_exit, 9);
	return NULL;
}

static void leader_ends_first(void)
{
	pthread_t t;

	pthread_create(&t, NULL, end_thread, NULL);
	syscall(SYS_exit, 3);
}

TEST(threads_are_waited_for_one_by_one)
{
	pid_t pid = traced(leader_ends_first), tid;
	int status;

	PT(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACECLONE);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | PTRACE_EVENT_CLONE << 8);
	tid = (pid_t)message(pid);
	CHECK_EQ(wait_stop(tid), SIGSTOP);
	PT(PTRACE_CONT, pid, 0, 0);
	test_sleep_ms(50);
	/* A leader is not waited for before its threads. */
	CHECK_EQ(waitpid(pid, &status, __WALL | WNOHANG), 0);
	PT(PTRACE_CONT, tid, 0, 0);
	CHECK_EQ(waitpid(-1, &status, __WALL), tid);
	CHECK_EQ(status, 9 << 8);
	CHECK_EQ(waitpid(-1, &status, __WALL), pid);
	CHECK_EQ(status, 9 << 8);	/* as its last thread ended */
	CHECK_ERR(waitpid(-1, &status, __WALL), ECHILD);
}

/* --- attaching --- */

TEST(attach_and_detach)
{
	pid_t pid = child(sleep_for_ever);
	int status;

	CHECK_ERR(pt(PTRACE_CONT, pid, 0, 0), ESRCH);
	PT(PTRACE_ATTACH, pid, 0, 0);
	CHECK_ERR(pt(PTRACE_ATTACH, pid, 0, 0), EPERM);
	CHECK_EQ(wait_stop(pid), SIGSTOP);
	CHECK_EQ(get_info(pid).si_code, SI_KERNEL);
	CHECK_ERR(pt(PTRACE_CONT, pid, 0, 65), EIO);
	CHECK_ERR(pt(PTRACE_DETACH, pid, 0, 65), EIO);
	CHECK_ERR(pt(PTRACE_INTERRUPT, pid, 0, 0), EIO);
	CHECK_ERR(pt(PTRACE_SETOPTIONS, pid, 0, 1ul << 40), EINVAL);
	CHECK_ERR(pt(PTRACE_LISTEN, pid, 0, 0), EIO);
	CHECK_ERR(pt(9999, pid, 0, 0), EIO);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_ERR(pt(PTRACE_DETACH, pid, 0, 0), ESRCH);	/* it runs */
	kill(pid, SIGSTOP);
	CHECK_EQ(wait_stop(pid), SIGSTOP);
	PT(PTRACE_DETACH, pid, 0, SIGTERM);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, SIGTERM);
}

TEST(attach_to_nobody)
{
	pid_t pid = child(exit_7);
	siginfo_t info;

	CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	CHECK_ERR(pt(PTRACE_ATTACH, pid, 0, 0), EPERM);
	CHECK_EQ(wait_end(pid), 7 << 8);
	CHECK_ERR(pt(PTRACE_ATTACH, pid, 0, 0), ESRCH);
	CHECK_ERR(pt(PTRACE_ATTACH, getpid(), 0, 0), EPERM);
	CHECK_ERR(pt(PTRACE_ATTACH, -1, 0, 0), ESRCH);
	CHECK_ERR(pt(PTRACE_SEIZE, 1, 1, 0), EIO);
	CHECK_ERR(pt(PTRACE_SEIZE, 1, 0, 1ul << 40), EIO);
}

TEST(seize_interrupt_listen)
{
	pid_t pid = child(sleep_for_ever);
	int status;

	PT(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD);
	CHECK_EQ(waitpid(pid, &status, WNOHANG | __WALL), 0);
	PT(PTRACE_INTERRUPT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | PTRACE_EVENT_STOP << 8);
	CHECK_EQ(get_info(pid).si_code, SIGTRAP | PTRACE_EVENT_STOP << 8);
	PT(PTRACE_CONT, pid, 0, 0);
	kill(pid, SIGSTOP);
	CHECK_EQ(wait_stop(pid), SIGSTOP);
	CHECK_ERR(pt(PTRACE_LISTEN, pid, 0, 0), EIO);
	PT(PTRACE_CONT, pid, 0, SIGSTOP);
	CHECK_EQ(wait_stop(pid), SIGSTOP | PTRACE_EVENT_STOP << 8);
	PT(PTRACE_LISTEN, pid, 0, 0);
	CHECK_EQ(waitpid(pid, &status, WNOHANG | __WALL), 0);
	CHECK_ERR(pt(PTRACE_CONT, pid, 0, 0), ESRCH);
	kill(pid, SIGCONT);
	CHECK_EQ(wait_stop(pid), SIGTRAP | PTRACE_EVENT_STOP << 8);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGCONT);
	PT(PTRACE_CONT, pid, 0, 0);
	PT(PTRACE_INTERRUPT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | PTRACE_EVENT_STOP << 8);
	PT(PTRACE_DETACH, pid, 0, 0);
	kill(pid, SIGKILL);
	CHECK_EQ(wait_end(pid), SIGKILL);
}

TEST(seized_children_stop_by_themselves)
{
	int go[2];
	pid_t pid, made;
	char c = 0;

	CHECK_EQ(pipe(go), 0);
	pid = fork();
	if (!pid) {
		CHECK_EQ(read(go[0], &c, 1), 1);
		fork_once();
	}
	PT(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEFORK);
	CHECK_EQ(write(go[1], &c, 1), 1);
	CHECK_EQ(wait_stop(pid), SIGTRAP | PTRACE_EVENT_FORK << 8);
	made = (pid_t)message(pid);
	CHECK_EQ(wait_stop(made), SIGTRAP | PTRACE_EVENT_STOP << 8);
	PT(PTRACE_CONT, made, 0, 0);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_end(made), 5 << 8);
	CHECK_EQ(wait_stop(pid), SIGCHLD);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_end(pid), 6 << 8);
}

TEST(group_stop_of_a_traced_process)
{
	pid_t pid = traced(exit_7);
	siginfo_t info;

	PT(PTRACE_CONT, pid, 0, SIGSTOP);
	CHECK_EQ(wait_stop(pid), SIGSTOP);
	CHECK_ERR(pt(PTRACE_GETSIGINFO, pid, 0, (unsigned long)&info), EINVAL);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_end(pid), 7 << 8);
}

TEST(attach_to_a_stopped_process)
{
	pid_t pid = child(sleep_for_ever);
	int status, first;

	kill(pid, SIGSTOP);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	PT(PTRACE_ATTACH, pid, 0, 0);
	first = wait_stop(pid);
	CHECK_EQ(first, SIGSTOP);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGSTOP);
	PT(PTRACE_DETACH, pid, 0, 0);
	kill(pid, SIGKILL);
	CHECK_EQ(wait_end(pid), SIGKILL);
	/* Seized: the stop goes on, and is told. */
	pid = child(sleep_for_ever);
	kill(pid, SIGSTOP);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	PT(PTRACE_SEIZE, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGSTOP | PTRACE_EVENT_STOP << 8);
	PT(PTRACE_DETACH, pid, 0, 0);
	test_sleep_ms(20);
	kill(pid, SIGCONT);
	kill(pid, SIGTERM);
	CHECK_EQ(wait_end(pid), SIGTERM);
}

TEST(the_tracer_ends)
{
	pid_t pid = child(sleep_for_ever), tracer;
	int status, ends[2];
	char c;

	CHECK_EQ(pipe(ends), 0);
	tracer = fork();
	if (!tracer) {
		PT(PTRACE_ATTACH, pid, 0, 0);
		CHECK_EQ(wait_stop(pid), SIGSTOP);
		CHECK_EQ(write(ends[1], "x", 1), 1);
		sleep_for_ever();
	}
	CHECK_EQ(read(ends[0], &c, 1), 1);
	CHECK_ERR(pt(PTRACE_ATTACH, pid, 0, 0), EPERM);
	kill(tracer, SIGKILL);
	CHECK_EQ(wait_end(tracer), SIGKILL);
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	PT(PTRACE_SEIZE, pid, 0, 0);
	PT(PTRACE_INTERRUPT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | PTRACE_EVENT_STOP << 8);
	kill(pid, SIGKILL);
	CHECK_EQ(wait_end(pid), SIGKILL);
	/* And takes the traced with it. */
	pid = child(sleep_for_ever);
	tracer = fork();
	if (!tracer) {
		PT(PTRACE_SEIZE, pid, 0, PTRACE_O_EXITKILL);
		_exit(0);
	}
	CHECK_EQ(wait_end(tracer), 0);
	CHECK_EQ(wait_end(pid), SIGKILL);
}

TEST(a_foreign_tracer_buries_first)
{
	int to_tracer[2];
	pid_t pid, tracer;
	int status;
	char c = 0;

	CHECK_EQ(pipe(to_tracer), 0);
	signal(SIGUSR1, on_usr1);
	pid = child(sleep_for_ever);
	tracer = fork();
	if (!tracer) {
		PT(PTRACE_SEIZE, pid, 0, 0);
		kill(getppid(), SIGUSR1);
		CHECK_EQ(read(to_tracer[0], &c, 1), 1);
		CHECK_EQ(wait_end(pid), SIGKILL);
		CHECK_EQ(read(to_tracer[0], &c, 1), 1);
		_exit(0);
	}
	test_sleep_ms(100);
	CHECK_ERR(pt(PTRACE_SEIZE, pid, 0, 0), EPERM);
	kill(pid, SIGKILL);
	test_sleep_ms(50);
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	CHECK_EQ(write(to_tracer[1], &c, 1), 1);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, SIGKILL);
	CHECK_EQ(write(to_tracer[1], &c, 1), 1);
	CHECK_EQ(wait_end(tracer), 0);
}

static void try_attach(void *arg)
{
	pid_t pid = *(pid_t *)arg;

	CHECK_ERR(pt(PTRACE_ATTACH, pid, 0, 0), EPERM);
	CHECK_ERR(pt(PTRACE_ATTACH, 1, 0, 0), EPERM);
}

static void undumpable(void)
{
	prctl(PR_SET_DUMPABLE, 0);
	sleep_for_ever();
}

static void as_user(void)
{
	CHECK_EQ(setresgid(1000, 1000, 1000), 0);
	CHECK_EQ(setresuid(1000, 1000, 1000), 0);
	CHECK_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
	sleep_for_ever();
}

static void attach_own(void *arg)
{
	pid_t pid = *(pid_t *)arg, hidden;

	PT(PTRACE_ATTACH, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGSTOP);
	PT(PTRACE_DETACH, pid, 0, 0);
	CHECK_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
	hidden = child(undumpable);
	test_sleep_ms(50);
	CHECK_ERR(pt(PTRACE_ATTACH, hidden, 0, 0), EPERM);
	kill(hidden, SIGKILL);
	CHECK_EQ(wait_end(hidden), SIGKILL);
}

TEST(permission)
{
	pid_t root = child(sleep_for_ever), user = child(as_user);

	test_sleep_ms(50);
	CHECK_EQ(test_child_as(1000, try_attach, &root), 0);
	CHECK_EQ(test_child_as(1001, try_attach, &user), 0);
	CHECK_EQ(test_child_as(1000, attach_own, &user), 0);
	kill(root, SIGKILL);
	kill(user, SIGKILL);
	CHECK_EQ(wait_end(root), SIGKILL);
	CHECK_EQ(wait_end(user), SIGKILL);
	CHECK_ERR(prctl(PR_SET_PTRACER, 123456789, 0, 0, 0), EINVAL);
	CHECK_EQ(prctl(PR_SET_PTRACER, getppid(), 0, 0, 0), 0);
	CHECK_EQ(prctl(PR_SET_PTRACER, -1, 0, 0, 0), 0);
	CHECK_EQ(prctl(PR_SET_PTRACER, 0, 0, 0, 0), 0);
}

TEST(traceme_twice)
{
	pid_t pid = fork();

	if (!pid) {
		PT(PTRACE_TRACEME, 0, 0, 0);
		CHECK_ERR(pt(PTRACE_TRACEME, 0, 0, 0), EPERM);
		_exit(0);
	}
	CHECK_EQ(wait_end(pid), 0);
}

static const char *status_line(pid_t pid, const char *key)
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

TEST(proc_says_who_traces)
{
	pid_t pid = traced(nothing);
	char want[64];

	snprintf(want, sizeof(want), "TracerPid:\t%d", getpid());
	CHECK(!strcmp(status_line(pid, "TracerPid:"), want));
	CHECK(!strcmp(status_line(pid, "State:"), "State:\tt (tracing stop)"));
	PT(PTRACE_DETACH, pid, 0, 0);
	CHECK_EQ(wait_end(pid), 0);
}

TEST(rseq_configuration)
{
	pid_t pid = traced(nothing);
	struct {
		uint64_t pointer;
		uint32_t size, signature, flags, pad;
	} conf = {0};

	CHECK_EQ(pt(0x420f, pid, sizeof(conf), (unsigned long)&conf), sizeof(conf));
	CHECK(conf.pointer);
	CHECK_EQ(conf.size, 32);
	PT(PTRACE_DETACH, pid, 0, 0);
	CHECK_EQ(wait_end(pid), 0);
}

static void *attach_elsewhere(void *arg)
{
	pid_t *pid = arg;

	PT(PTRACE_ATTACH, *pid, 0, 0);
	CHECK_EQ(wait_stop(*pid), SIGSTOP);
	kill(getpid(), SIGCONT);
	for (int i = 0; i < 100 && !atomic_load_explicit((_Atomic int *)&seen_signal, 0); i++)
		test_sleep_ms(10);
	return NULL;
}

TEST(the_tracer_is_a_thread)
{
	pid_t pid = child(sleep_for_ever);
	pthread_t t;
	int status;

	pthread_create(&t, NULL, attach_elsewhere, &pid);
	test_sleep_ms(100);
	CHECK_ERR(pt(PTRACE_CONT, pid, 0, 0), ESRCH);
	seen_signal = 1;
	pthread_join(t, NULL);
	/* With the thread the tracing ends. */
	test_sleep_ms(20);
	CHECK_EQ(waitpid(pid, &status, WNOHANG | __WNOTHREAD), 0);
	PT(PTRACE_SEIZE, pid, 0, 0);
	kill(pid, SIGKILL);
	CHECK_EQ(wait_end(pid), SIGKILL);
}

/* --- the machine's help --- */

static volatile int watched;
static volatile int sink;

__attribute__((noinline)) static void write_watched(void)
{
	sink = 1;
	watched = 5;
	sink = 2;
}

static void use_watched(void)
{
	write_watched();
	_exit(watched == 5 ? 0 : 1);
}

struct hw {
	uint32_t info, pad;
	struct {
		uint64_t addr;
		uint32_t ctrl, pad;
	} regs[16];
};

static void set_hw(pid_t pid, int type, uint64_t addr, uint32_t ctrl)
{
	struct hw hw = {.regs[0] = {addr, ctrl, 0}};
	struct iovec v = {&hw, 8 + 16};

	PT(PTRACE_SETREGSET, pid, type, &v);
}

static struct hw get_hw(pid_t pid, int type)
{
	struct hw hw;
	struct iovec v = {&hw, sizeof(hw)};

	PT(PTRACE_GETREGSET, pid, type, &v);
	CHECK_EQ(v.iov_len, sizeof(hw));
	return hw;
}

TEST(breakpoints_of_the_machine)
{
	pid_t pid = traced(use_watched);
	uint64_t at = (uint64_t)write_watched;
	struct hw hw = get_hw(pid, NT_ARM_HW_BREAK);
	struct iovec v = {&hw, sizeof(hw)};

	CHECK_EQ(hw.info & 0xff, 6);
	CHECK_EQ(hw.regs[0].ctrl, 0);
	set_hw(pid, NT_ARM_HW_BREAK, at, 0xf << 5 | 2 << 1 | 1);
	hw = get_hw(pid, NT_ARM_HW_BREAK);
	CHECK_EQ(hw.regs[0].addr, at);
	CHECK_EQ(hw.regs[0].ctrl, 0xf << 5 | 2 << 1 | 1);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP);
	CHECK_EQ(get_regs(pid).pc, at);
	CHECK_EQ(get_info(pid).si_code, 4);	/* TRAP_HWBKPT */
	CHECK_EQ(get_info(pid).si_addr == (void *)at, 1);
	set_hw(pid, NT_ARM_HW_BREAK, at, 0);
	/* More than there are. */
	memset(&hw, 0, sizeof(hw));
	CHECK_ERR(pt(PTRACE_SETREGSET, pid, NT_ARM_HW_BREAK, (unsigned long)&v), ENOSPC);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_end(pid), 0);
}

TEST(watchpoints_of_the_machine)
{
	pid_t pid = traced(use_watched);
	uint64_t at = (uint64_t)&watched;
	uint32_t bytes = 0xf;
	struct hw hw;
	struct iovec v = {&hw, 8 + 16};
	long got;

	CHECK_EQ(get_hw(pid, NT_ARM_HW_WATCH).info & 0xff, 4);
	set_hw(pid, NT_ARM_HW_WATCH, at, bytes << 5 | 2 << 3 | 2 << 1 | 1);
	CHECK_EQ(get_hw(pid, NT_ARM_HW_WATCH).regs[0].addr, at & ~7ul);
	CHECK_EQ(get_hw(pid, NT_ARM_HW_WATCH).regs[0].ctrl,
		 (bytes << (at & 7)) << 5 | 2 << 3 | 2 << 1 | 1);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP);
	CHECK_EQ(get_info(pid).si_code, 4);
	CHECK_EQ(get_info(pid).si_addr == (void *)at, 1);
	PT(PTRACE_PEEKDATA, pid, at, &got);
	CHECK_EQ((int)got, 0);
	set_hw(pid, NT_ARM_HW_WATCH, at, 0);
	PT(PTRACE_SINGLESTEP, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP);
	PT(PTRACE_PEEKDATA, pid, at, &got);
	CHECK_EQ((int)got, 5);
	/* What cannot be watched. */
	hw = (struct hw){.regs[0] = {at, 0xf << 5 | 0 << 3 | 1, 0}};
	CHECK_ERR(pt(PTRACE_SETREGSET, pid, NT_ARM_HW_WATCH, (unsigned long)&v), EINVAL);
	hw.regs[0].ctrl = 0x5 << 5 | 2 << 3 | 1;
	CHECK_ERR(pt(PTRACE_SETREGSET, pid, NT_ARM_HW_WATCH, (unsigned long)&v), EINVAL);
	hw.regs[0].ctrl = 2 << 3 | 1;
	CHECK_ERR(pt(PTRACE_SETREGSET, pid, NT_ARM_HW_WATCH, (unsigned long)&v), EINVAL);
	hw.regs[0].addr = -8ul;
	CHECK_ERR(pt(PTRACE_SETREGSET, pid, NT_ARM_HW_WATCH, (unsigned long)&v), EINVAL);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_end(pid), 0);
}

static void step_over(void)
{
	long n;

	__asm__ volatile("brk #1\n\tmov x8, #172\n\tsvc #0\n\tnop\n\tnop\n\tmov %0, x0"
			 : "=r"(n) : : "x0", "x8", "memory");
	_exit(n == getpid() ? 0 : 1);
}

/* What each of the next steps says: distance and siginfo's code. */
static const char *steps(pid_t pid, int n)
{
	static char text[256];
	uint64_t last = get_regs(pid).pc, pc;

	text[0] = 0;
	while (n--) {
		PT(PTRACE_SINGLESTEP, pid, 0, 0);
		CHECK_EQ(wait_stop(pid), SIGTRAP);
		pc = get_regs(pid).pc;
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%ld:%d ",
			 (long)(pc - last), get_info(pid).si_code);
		last = pc;
	}
	return text;
}

TEST(single_steps)
{
	pid_t pid = traced(step_over);
	struct regs r;
	const char *text;

	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP);
	CHECK_EQ(get_info(pid).si_code, 1);	/* TRAP_BRKPT */
	r = get_regs(pid);
	r.pc += 4;
	set_regs(pid, &r);
	text = steps(pid, 5);
	printf("# %s\n", text);
	CHECK(!strcmp(text, "4:2 4:0 0:2 4:2 4:2 ") || !strcmp(text, "4:2 4:0 4:2 4:2 4:2 "));
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_end(pid), 0);
}

static void step_into(void)
{
	signal(SIGUSR1, on_usr1);
	__asm__ volatile("brk #1\n\tnop\n\tnop");
	_exit(0);
}

TEST(a_step_into_a_handler)
{
	pid_t pid = traced(step_into);
	struct regs r;

	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP);
	r = get_regs(pid);
	r.pc += 4;
	set_regs(pid, &r);
	PT(PTRACE_SINGLESTEP, pid, 0, SIGUSR1);
	CHECK_EQ(wait_stop(pid), SIGTRAP);
	CHECK_EQ(get_regs(pid).pc, (uint64_t)on_usr1);
	CHECK_EQ(get_info(pid).si_code, SIGTRAP);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_end(pid), 0);
}

/* --- others' memory --- */

static void wait_word(void)
{
	while (word != 9)
		test_sleep_ms(1);
	_exit(0);
}

TEST(process_vm)
{
	pid_t pid = child(wait_word);
	long got[2] = {0}, nine = 9;
	struct iovec here[2] = {{&got[0], 4}, {&got[1], 4}};
	struct iovec there = {(void *)&word, 8}, bad = {(void *)8, 8};

	CHECK_EQ(process_vm_readv(pid, here, 2, &there, 1, 0), 8);
	CHECK_EQ(got[0], 0x55667788);
	CHECK_EQ(got[1], 0x11223344);
	CHECK_EQ(process_vm_readv(pid, here, 1, &there, 1, 0), 4);
	CHECK_ERR(process_vm_readv(pid, here, 2, &bad, 1, 0), EFAULT);
	CHECK_ERR(process_vm_readv(pid, here, 2, &there, 1, 1), EINVAL);
	CHECK_ERR(process_vm_readv(pid, here, 2000, &there, 1, 0), EINVAL);
	CHECK_ERR(process_vm_readv(pid, here, 2, &there, 2000, 0), EINVAL);
	CHECK_ERR(process_vm_readv(-1, here, 2, &there, 1, 0), ESRCH);
	CHECK_EQ(process_vm_readv(pid, here, 0, &there, 1, 0), 0);
	CHECK_EQ(process_vm_readv(pid, here, 2, &there, 0, 0), 0);
	/* No more than the program itself may. */
	bad.iov_base = (void *)&constant;
	here[0] = (struct iovec){&nine, 8};
	CHECK_ERR(process_vm_writev(pid, here, 1, &bad, 1, 0), EFAULT);
	CHECK_EQ(process_vm_writev(pid, here, 1, &there, 1, 0), 8);
	CHECK_EQ(wait_end(pid), 0);
}

static void peek_as_user(void *arg)
{
	long got;
	struct iovec here = {&got, 8}, there = {(void *)&word, 8};

	CHECK_ERR(process_vm_readv(*(pid_t *)arg, &here, 1, &there, 1, 0), EPERM);
}

TEST(memory_as_a_file)
{
	pid_t pid = child(wait_word);
	char path[64];
	long got, nine = 9;
	int fd;

	CHECK_EQ(test_child_as(1000, peek_as_user, &pid), 0);
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDWR);
	CHECK(fd >= 0);
	CHECK_EQ(pread(fd, &got, 8, (off_t)&word), 8);
	CHECK_EQ(got, 0x1122334455667788);
	CHECK_ERR(pread(fd, &got, 8, 8), EIO);
	CHECK_ERR(lseek(fd, 0, SEEK_END), EINVAL);
	CHECK_EQ(lseek(fd, (off_t)&constant, SEEK_SET), (off_t)&constant);
	CHECK_EQ(write(fd, &nine, 8), 8);
	CHECK_EQ(pwrite(fd, &nine, 8, (off_t)&word), 8);
	CHECK_EQ(wait_end(pid), 0);
	CHECK_EQ(pread(fd, &got, 8, (off_t)&word), 0);
	close(fd);
}

/* --- many --- */

enum { MANY = 50, MANY_MS = 1000 };

static volatile unsigned *progress;	/* shared: what each of the traced has done */

static unsigned random_below(unsigned *state, unsigned n)
{
	*state = *state * 1103515245 + 12345;
	return (*state >> 16) % n;
}

/* Calls, signals, children, for ever. */
static void many_traced(unsigned n)
{
	signal(SIGUSR1, on_usr1);
	for (unsigned i = 0;; i++) {
		pid_t pid;

		progress[n]++;
		syscall(SYS_getuid);
		if (i % 8 == 7)
			test_sleep_ms(1);
		if (i % 64 != 63)
			continue;
		pid = fork();
		if (!pid)
			_exit(0);
		while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
}

static void many_go_on(pid_t pid, int status, unsigned *random)
{
	/* No steps: Linux goes on with them when the tracer is gone. */
	static const int how[] = {PTRACE_SYSCALL, PTRACE_SYSCALL, PTRACE_SYSCALL, PTRACE_CONT};
	int sig = status >> 8;
	bool event = sig >> 8 || (sig & 0x7f) == SIGTRAP;

	if (random_below(random, 40) == 0 && pt(PTRACE_DETACH, pid, 0, 0) == 0)
		return;
	if (sig >> 8 == PTRACE_EVENT_STOP && (sig & 0x7f) != SIGTRAP)
		pt(PTRACE_LISTEN, pid, 0, 0);
	else
		pt(how[random_below(random, 4)], pid, 0, event ? 0 : (unsigned)sig & 0x7f);
}

static void many_tracer(const pid_t *pids, unsigned random)
{
	unsigned long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEEXIT;
	int status;
	pid_t pid;

	for (;;) {
		pid = pids[random_below(&random, MANY)];
		if (pt(PTRACE_SEIZE, pid, 0, options) < 0) {
			test_sleep_ms(2);
			continue;
		}
		pt(PTRACE_INTERRUPT, pid, 0, 0);
		while ((pid = waitpid(-1, &status, __WALL)) > 0)
			if (WIFSTOPPED(status))
				many_go_on(pid, status, &random);
	}
}

static pid_t many_start_tracer(const pid_t *pids, unsigned random)
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		many_tracer(pids, random);
	}
	CHECK(pid > 0);
	return pid;
}

static void many_disturb(const pid_t *pids, pid_t *tracers, unsigned *random)
{
	static const int sigs[] = {SIGUSR1, SIGSTOP, SIGCONT, SIGCONT};
	unsigned n = random_below(random, MANY);

	kill(pids[random_below(random, MANY)], sigs[random_below(random, 4)]);
	kill(tracers[n], SIGKILL);
	CHECK_EQ(wait_end(tracers[n]), SIGKILL);
	tracers[n] = many_start_tracer(pids, *random);
}

static void many_all_go_on(const pid_t *pids)
{
	long end = test_now_ms() + 60000;
	unsigned before[MANY];

	for (int i = 0; i < MANY; i++) {
		before[i] = progress[i];
		kill(pids[i], SIGCONT);
	}
	for (int i = 0; i < MANY; i++) {
		while (progress[i] < before[i] + 10 && test_now_ms() < end)
			test_sleep_ms(5);
		if (progress[i] < before[i] + 10)
			dprintf(1, "# %d: %s\n", pids[i], status_line(pids[i], "State:"));
		CHECK(progress[i] >= before[i] + 10);
	}
}

TEST(fifty_tracers_are_killed_at_random)
{
	pid_t pids[MANY], tracers[MANY];
	unsigned random = 1;
	int status;
	long end = test_now_ms() + MANY_MS;

	progress = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	for (unsigned i = 0; i < MANY; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			many_traced(i);
		}
	}
	for (unsigned i = 0; i < MANY; i++)
		tracers[i] = many_start_tracer(pids, i);
	while (test_now_ms() < end) {
		many_disturb(pids, tracers, &random);
		test_sleep_ms(2);
	}
	for (int i = 0; i < MANY; i++)
		kill(tracers[i], SIGKILL);
	for (int i = 0; i < MANY; i++)
		CHECK_EQ(wait_end(tracers[i]), SIGKILL);
	many_all_go_on(pids);
	for (int i = 0; i < MANY; i++)
		kill(pids[i], SIGKILL);
	for (int i = 0; i < MANY; i++)
		CHECK_EQ(wait_end(pids[i]), SIGKILL);
	while (waitpid(-1, &status, 0) > 0)	/* children's children */
		;
	CHECK_EQ(errno, ECHILD);
}
