/* tests/sim/sweep_trace.c -- one process looks into another: ptrace, its memory, its calls. */
#include <linux/filter.h>
#include <linux/ptrace.h>
#include <linux/seccomp.h>

#include "base.h"

#define MORE (PROG_SPACE + 0x10000)	/* memory that nothing has touched yet */
#define ALL_EVENTS 0x7f			/* exec, clone, fork, vfork, its end, exit */
#define SECCOMP_EVENT 0x80

static void ask(struct prog *p, int request, u64 addr, u64 data)
{
	SYS(p, __NR_ptrace, I(request), R(20), I(addr), I(data));
}

/* An iovec in memory that can be written to: {at, len} at MORE + 0x8000. */
static void set_vector(struct prog *p, u64 at, u64 len)
{
	SET(p, 22, MORE + 0x8000);
	SET(p, 23, at);
	STORE(p, 8, 23, 22, 0);
	SET(p, 23, len);
	STORE(p, 8, 23, 22, 8);
}

/* Everything that can be asked of a stopped x[20]. */
static void look_into(struct prog *p)
{
	static const u64 word = 0x1234;
	static const struct { u64 off; u32 flags; i32 nr; } peek = {0, 1, 2}; /* of the process */

	ask(p, PTRACE_PEEKDATA, BUFFER, MORE);
	ask(p, PTRACE_POKEDATA, BUFFER, word);
	ask(p, PTRACE_GETSIGINFO, 0, MORE + 0x1000);
	IF(p, 0, EQ, 0)
		ask(p, PTRACE_SETSIGINFO, 0, MORE + 0x1000);
	ask(p, PTRACE_GETSIGMASK, 8, MORE + 0x2000);
	ask(p, PTRACE_SETSIGMASK, 8, MORE + 0x2000);
	ask(p, PTRACE_GETEVENTMSG, 0, MORE + 0x3000);
	ask(p, PTRACE_PEEKSIGINFO, prog_data(p, &peek, 16), MORE + 0x4000);
	ask(p, PTRACE_GET_SYSCALL_INFO, 88, MORE + 0x5000);
	ask(p, 0x420f, 24, MORE + 0x6000); /* GET_RSEQ_CONFIGURATION */
	set_vector(p, MORE + 0x9000, 272);
	ask(p, PTRACE_GETREGSET, 1, MORE + 0x8000);
	IF(p, 0, EQ, 0)
		ask(p, PTRACE_SETREGSET, 1, MORE + 0x8000);
	set_vector(p, MORE + 0xa000, 8);
	ask(p, PTRACE_GETREGSET, 0x401, MORE + 0x8000); /* TLS */
}

/* Until x[20] is gone; its status is then in x[21]. */
static void follow(struct prog *p, int request, void (*at_stop)(struct prog *p))
{
	unsigned top = p->n;

	SYS(p, __NR_wait4, R(20), I(STATUS), I(0x40000000), I(0)); /* __WALL */
	EXPECT_REG(p, 0, 20);
	SET(p, 22, STATUS);
	LOAD(p, 4, 21, 22, 0);
	IF(p, 21, NE, 0) {
		IF(p, 21, NE, 9) {
			if (at_stop)
				at_stop(p);
			ask(p, request, 0, 0);
			prog_go_to(p, top);
		}
	}
}

static void pause_here(struct prog *p)
{
	SYS(p, __NR_getpid, I(0));
	SYS(p, __NR_kill, R(0), I(SIGSTOP));
}

/* Every call of a child, stopped at twice; it queues signals, has a child and a thread, execs. */
static void calls(struct prog *p)
{
	static const u64 none[1], usr1 = 1ul << (SIGUSR1 - 1);

	CHILD(p) {
		SYS(p, __NR_ptrace, I(PTRACE_TRACEME));
		EXPECT(p, 0, 0);
		pause_here(p);
		SYS(p, __NR_rt_sigprocmask, I(0), I(prog_data(p, &usr1, 8)), I(0), I(8));
		SYS(p, __NR_getpid, I(0));
		SYS(p, __NR_kill, R(0), I(SIGUSR1));
		SYS(p, __NR_nanosleep, I(prog_data(p, (const u64[]){0, 1000}, 16)), I(0));
		work_handler(p, SIGUSR2);
		SYS(p, __NR_getpid, I(0));
		SYS(p, __NR_kill, R(0), I(SIGUSR2));
		SYS(p, __NR_execve, I(prog_string(p, "/true")), I(prog_data(p, none, 8)),
		    I(prog_data(p, none, 8)));
		work_exit(p, 9);
	}
	MOVE(p, 20, 0);
	SYS(p, __NR_wait4, R(20), I(STATUS), I(0), I(0));
	EXPECT_REG(p, 0, 20);
	ask(p, PTRACE_SETOPTIONS, 0, ALL_EVENTS);
	EXPECT(p, 0, 0);
	look_into(p);
	ask(p, PTRACE_SYSCALL, 0, 0);
	follow(p, PTRACE_SYSCALL, look_into);
}

/* Events only: fork, vfork, a thread, exit. */
static void events(struct prog *p)
{
	CHILD(p) {
		SYS(p, __NR_ptrace, I(PTRACE_TRACEME));
		pause_here(p);
		SYS(p, __NR_clone, I(SIGCHLD));
		IF(p, 0, EQ, 0)
			work_exit(p, 0);
		SYS(p, __NR_clone, I(CLONE_VFORK | CLONE_VM | SIGCHLD), I(STACK));
		IF(p, 0, EQ, 0)
			work_exit(p, 0);
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	SYS(p, __NR_wait4, R(20), I(STATUS), I(0), I(0));
	EXPECT_REG(p, 0, 20);
	ask(p, PTRACE_SETOPTIONS, 0, 0x20 | 0x40 | 0x100000); /* VFORK_DONE, EXIT, EXITKILL */
	EXPECT(p, 0, 0);
	ask(p, PTRACE_CONT, 0, 0);
	follow(p, PTRACE_CONT, NULL);
	/* The same with the children traced; they are let go at once. */
	CHILD(p) {
		SYS(p, __NR_ptrace, I(PTRACE_TRACEME));
		pause_here(p);
		SYS(p, __NR_clone, I(CLONE_VFORK | CLONE_VM | SIGCHLD), I(STACK));
		IF(p, 0, EQ, 0)
			work_exit(p, 0);
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	MOVE(p, 24, 0);
	SYS(p, __NR_wait4, R(20), I(STATUS), I(0), I(0));
	ask(p, PTRACE_SETOPTIONS, 0, 0x4); /* VFORK */
	ask(p, PTRACE_CONT, 0, 0);
	{
		unsigned top = p->n;

		SYS(p, __NR_wait4, I(-1), I(STATUS), I(0x40000000), I(0));
		IF(p, 0, GE, 0) {
			MOVE(p, 20, 0);
			ask(p, PTRACE_CONT, 0, 0);
			prog_go_to(p, top);
		}
	}
}

/* Somebody else's process that sleeps: seized, interrupted, stopped, let go, attached to. */
static void seizing(struct prog *p)
{
	CHILD(p) {
		LOOP(p, 24, 40)
			SYS(p, __NR_nanosleep, I(prog_data(p, (const u64[]){0, 900000}, 16)), I(0));
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	work_sleep(p);
	SYS(p, __NR_ptrace, I(PTRACE_SEIZE), R(20), I(0), I(ALL_EVENTS));
	EXPECT(p, 0, 0);
	ask(p, PTRACE_INTERRUPT, 0, 0);
	SYS(p, __NR_wait4, R(20), I(STATUS), I(0x40000000), I(0));
	EXPECT_REG(p, 0, 20);
	look_into(p);
	ask(p, PTRACE_CONT, 0, 0);
	SYS(p, __NR_kill, R(20), I(SIGSTOP));
	for (int i = 0; i < 2; i++) {
		SYS(p, __NR_wait4, R(20), I(STATUS), I(0x40000000), I(0));
		EXPECT_REG(p, 0, 20);
		if (i)
			ask(p, PTRACE_LISTEN, 0, 0);
		else
			ask(p, PTRACE_CONT, 0, SIGSTOP);
	}
	SYS(p, __NR_kill, R(20), I(SIGCONT));
	work_sleep(p);
	SYS(p, __NR_wait4, R(20), I(STATUS), I(0x40000001), I(0)); /* WNOHANG */
	ask(p, PTRACE_DETACH, 0, 0);
	SYS(p, __NR_kill, R(20), I(SIGCONT));
	SYS(p, __NR_ptrace, I(PTRACE_ATTACH), R(20), I(0), I(0));
	SYS(p, __NR_wait4, R(20), I(STATUS), I(0x40000000), I(0));
	ask(p, PTRACE_SINGLESTEP, 0, 0);
	SYS(p, __NR_kill, R(20), I(SIGKILL));
	{
		unsigned top = p->n;

		SYS(p, __NR_wait4, R(20), I(STATUS), I(0x40000000), I(0));
		IF(p, 0, GE, 0) {
			ask(p, PTRACE_CONT, 0, 0);
			prog_go_to(p, top);
		}
	}
}

/* A debugger's way: the memory of a child that waits, by three ways. */
static void memory(struct prog *p)
{
	static const struct { u64 at, len; } local[2] = {{MORE, 5000}, {MORE + 0x4000, 100}},
		remote[1] = {{BUFFER, 5100}}, fresh[1] = {{MORE + 0x20000, 5100}};
	static const u64 nine = 9;

	SYS(p, __NR_eventfd2, I(0), I(0));
	MOVE(p, 19, 0);
	CHILD(p) {
		SYS(p, __NR_read, R(19), I(MORE + 0x6000), I(8));
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	SYS(p, __NR_process_vm_readv, R(20), I(prog_data(p, local, 32)), I(2),
	    I(prog_data(p, remote, 16)), I(1), I(0));
	EXPECT(p, 0, 5100);
	SYS(p, __NR_process_vm_writev, R(20), I(prog_data(p, local, 32)), I(2),
	    I(prog_data(p, fresh, 16)), I(1), I(0));
	EXPECT(p, 0, 5100);
	SYS(p, __NR_pidfd_open, R(20), I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 23, 0);
	SYS(p, __NR_process_madvise, R(23), I(prog_data(p, fresh, 16)), I(1), I(20), I(0)); /* COLD */
	SYS(p, __NR_pidfd_getfd, R(23), R(19), I(0));
	SYS(p, __NR_pidfd_send_signal, R(23), I(0), I(0), I(0));
	SYS(p, __NR_kcmp, R(20), R(20), I(0), I(0), I(0));
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/proc/self/mem")), I(O_RDWR));
	WITH_FD(p) {
		MOVE(p, 24, 19);
		SYS(p, __NR_pread64, R(24), I(MORE + 0x8000), I(6000), I(BUFFER));
		SYS(p, __NR_pwrite64, R(24), I(MORE + 0x8000), I(6000), I(MORE + 0xa000));
		SYS(p, __NR_close, R(24));
	}
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/proc/self/maps")), I(O_RDONLY));
	WITH_FD(p)
		SYS(p, __NR_close, R(19));
	SYS(p, __NR_ppoll, I(0), I(0), I(prog_data(p, (const u64[]){0, 1000}, 16)), I(0), I(8));
	/* The child is waited for through its descriptor. */
	SYS(p, __NR_kill, R(20), I(SIGKILL));
	SYS(p, __NR_waitid, I(3), R(23), I(MORE + 0xc000), I(4), I(MORE + 0xd000)); /* P_PIDFD */
	EXPECT(p, 0, 0);
	SYS(p, __NR_write, I(99), I(prog_data(p, &nine, 8)), I(8));
}

/* getpid gives an error, getppid asks the tracer, the rest is allowed. */
static const struct sock_filter filter[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_getpid, 4, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_getppid, 4, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_getgid, 4, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_getegid, 4, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 7),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE | 5),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_THREAD),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
};

static void install_filter(struct prog *p, u32 flags)
{
	const struct { u16 len, pad[3]; u64 insns; } prog = {
		sizeof(filter) / sizeof(filter[0]), {0}, prog_data(p, filter, sizeof(filter))};

	SYS(p, __NR_prctl, I(38), I(1), I(0), I(0), I(0)); /* NO_NEW_PRIVS */
	SYS(p, __NR_seccomp, I(SECCOMP_SET_MODE_FILTER), I(flags), I(prog_data(p, &prog, 16)));
	EXPECT(p, 0, 0);
}

static void filters(struct prog *p)
{
	static const u32 action = SECCOMP_RET_TRACE;

	SYS(p, __NR_seccomp, I(SECCOMP_GET_ACTION_AVAIL), I(0), I(prog_data(p, &action, 4)));
	EXPECT(p, 0, 0);
	CHILD(p) {
		SYS(p, __NR_ptrace, I(PTRACE_TRACEME));
		pause_here(p);
		install_filter(p, SECCOMP_FILTER_FLAG_TSYNC);
		SYS(p, __NR_getpid, I(0));
		EXPECT(p, 0, -7);
		SYS(p, __NR_getppid, I(0));
		SYS(p, __NR_madvise, I(MORE), I(4096), I(4));
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	SYS(p, __NR_wait4, R(20), I(STATUS), I(0), I(0));
	EXPECT_REG(p, 0, 20);
	ask(p, PTRACE_SETOPTIONS, 0, SECCOMP_EVENT);
	ask(p, PTRACE_CONT, 0, 0);
	follow(p, PTRACE_CONT, NULL);
	for (int i = 0; i < 2; i++) {
		CHILD(p) {
			install_filter(p, 0);
			SYS(p, i ? __NR_getgid : __NR_getegid, I(0));
			work_exit(p, 0);
		}
		MOVE(p, 20, 0);
		work_wait(p);
	}
	/* Strict mode: anything else kills. */
	for (int i = 0; i < 2; i++) {
		CHILD(p) {
			SYS(p, __NR_seccomp, I(SECCOMP_SET_MODE_STRICT), I(0), I(0));
			SYS(p, __NR_write, I(99), I(BUFFER), I(1));
			if (i)
				SYS(p, __NR_getuid, I(0));
			SYS(p, __NR_exit, I(0));
		}
		MOVE(p, 20, 0);
		work_wait(p);
	}
}

work_fn *const sweep_trace[] = {calls, events, seizing, memory, filters, NULL};
