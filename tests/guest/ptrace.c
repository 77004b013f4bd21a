/* ptrace: signals, memory, registers and system calls of the traced. */
#include "traced.h"

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

/* Its own copy is written, not the one that all programs share. */
TEST(the_vdso_can_be_written)
{
	pid_t pid = traced(nothing);
	unsigned long at = getauxval(AT_SYSINFO_EHDR) + 64, word, mine;

	/* A child's lies where its parent's does. */
	memcpy(&mine, (void *)at, sizeof(mine));
	PT(PTRACE_POKETEXT, pid, at, ~mine);
	PT(PTRACE_PEEKTEXT, pid, at, &word);
	CHECK_EQ(word, ~mine);
	CHECK(!memcmp((void *)at, &mine, sizeof(mine)));
	PT(PTRACE_POKETEXT, pid, at, mine);
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
