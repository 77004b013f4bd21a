/* tests/sim/sweep_ends.c -- rarer ends and stops: of those that are traced or filtered, of programs whose
 * memory is dumped to a file or a program; and both ends of terminals and sockets.
 */
#include <linux/filter.h>
#include <linux/ptrace.h>
#include <linux/seccomp.h>

#include "base.h"

#define MORE (PROG_SPACE + 0x10000)	/* memory that nothing has touched yet */
#define RW (PROT_READ | PROT_WRITE)
#define THREAD (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)

static void ask(struct prog *p, int request, u64 addr, u64 data)
{
	SYS(p, __NR_ptrace, I(request), R(20), I(addr), I(data));
}

static void pause_here(struct prog *p)
{
	SYS(p, __NR_getpid, I(0));
	SYS(p, __NR_kill, R(0), I(SIGSTOP));
}

/* Wait for x[20]; x[21] is its status. */
static void wait_for(struct prog *p)
{
	SYS(p, __NR_wait4, R(20), I(STATUS), I(0x40000002), I(0)); /* __WALL, WUNTRACED */
	EXPECT_REG(p, 0, 20);
	SET(p, 22, STATUS);
	LOAD(p, 4, 21, 22, 0);
}

static void store(struct prog *p, const char *name, const char *text)
{
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, name)), I(O_WRONLY), I(0));
	WITH_FD(p) {
		SYS(p, __NR_write, R(19), I(prog_string(p, text)), I(strlen(text)));
		EXPECT(p, 0, strlen(text));
		SYS(p, __NR_close, R(19));
	}
}

/* --- tracers --- */

/* However often it stops; or it is killed. */
static void go_on_to_the_end(struct prog *p)
{
	unsigned top = p->n;

	ask(p, PTRACE_CONT, 0, 0);
	wait_for(p);
	IF(p, 21, NE, 0)
		IF(p, 21, NE, SIGKILL)
			prog_go_to(p, top);
}

/* A handler's way in and out, call by call and step by step. */
static void handlers(struct prog *p)
{
	for (int step = 0; step < 2; step++) {
		CHILD(p) {
			work_handler(p, SIGUSR2);
			SYS(p, __NR_ptrace, I(PTRACE_TRACEME));
			pause_here(p);
			SYS(p, __NR_getpid, I(0));
			SYS(p, __NR_kill, R(0), I(SIGUSR2));
			work_exit(p, 0);
		}
		MOVE(p, 20, 0);
		wait_for(p);
		SET(p, 25, 0);
		{
			unsigned top = p->n;

			SYS(p, __NR_ptrace, I(step ? PTRACE_CONT : PTRACE_SYSCALL), R(20), I(0), R(25));
			wait_for(p);
			SET(p, 25, 0);
			IF(p, 21, EQ, SIGUSR2 << 8 | 0x7f) {
				SET(p, 25, SIGUSR2);
				if (step) {
					SYS(p, __NR_ptrace, I(PTRACE_SINGLESTEP), R(20), I(0), R(25));
					wait_for(p);
					SET(p, 25, 0);
				}
			}
			IF(p, 21, NE, 0)
				IF(p, 21, NE, 9)
					prog_go_to(p, top);
		}
	}
}

/* Calls that are not made. */
static void emulated(struct prog *p)
{
	CHILD(p) {
		SYS(p, __NR_ptrace, I(PTRACE_TRACEME));
		pause_here(p);
		LOOP(p, 24, 5)
			SYS(p, __NR_getpid, I(0));
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	wait_for(p);
	LOOP(p, 24, 3) {
		ask(p, 31, 0, 0); /* SYSEMU */
		EXPECT(p, 0, 0);
		wait_for(p);
	}
	go_on_to_the_end(p);
}

/* One that is stopped is attached to; its tracer ends, with more than one of them. */
static void attached(struct prog *p)
{
	CHILD(p) {
		LOOP(p, 25, 2) {
			CHILD(p) {
				SYS(p, __NR_ppoll, I(0), I(0), I(0), I(0), I(0));
				work_exit(p, 0);
			}
			MOVE(p, 20, 0);
			SYS(p, __NR_kill, R(20), I(SIGSTOP));
			wait_for(p);
			ask(p, PTRACE_ATTACH, 0, 0);
			EXPECT(p, 0, 0);
			wait_for(p);
		}
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	work_wait(p);
	EXPECT(p, 21, 0);
}

/* --- filters --- */

static const struct sock_filter filter[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_getgid, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_THREAD),
};

static void install_filter(struct prog *p)
{
	const struct { u16 len, pad[3]; u64 insns; } prog = {
		sizeof(filter) / sizeof(filter[0]), {0}, prog_data(p, filter, sizeof(filter))};

	SYS(p, __NR_prctl, I(38), I(1), I(0), I(0), I(0)); /* NO_NEW_PRIVS */
	SYS(p, __NR_seccomp, I(SECCOMP_SET_MODE_FILTER), I(0), I(prog_data(p, &prog, 16)));
	EXPECT(p, 0, 0);
}

/* A thread that is ended by its filter; a filter that is looked at. */
static void filtered(struct prog *p)
{
	CHILD(p) {
		install_filter(p);
		SYS(p, __NR_clone, I(THREAD), I(STACK), I(0), I(0), I(0));
		IF(p, 0, EQ, 0) {
			SYS(p, __NR_getgid, I(0));
			SYS(p, __NR_exit, I(0));
		}
		work_sleep(p);
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	work_wait(p);
	EXPECT(p, 21, 0);
	CHILD(p) {
		install_filter(p);
		SYS(p, __NR_ptrace, I(PTRACE_TRACEME));
		pause_here(p);
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	wait_for(p);
	ask(p, 0x420c, 0, MORE + 0x1000); /* SECCOMP_GET_FILTER */
	EXPECT_OK(p, 0);
	ask(p, 0x420d, 16, MORE + 0x2000); /* SECCOMP_GET_METADATA */
	EXPECT_OK(p, 0);
	go_on_to_the_end(p);
}

/* --- dumps --- */

/* Somebody with mappings of all kinds who dies; x[25] is his RLIMIT_CORE. */
static void die(struct prog *p)
{
	CHILD(p) {
		SET(p, 22, MORE + 0x8000);
		STORE(p, 8, 25, 22, 0);
		STORE(p, 8, 25, 22, 8);
		SYS(p, __NR_prlimit64, I(0), I(4), I(MORE + 0x8000), I(0)); /* CORE */
		EXPECT(p, 0, 0);
		store(p, "/proc/self/coredump_filter", "0x1f");
		/* Its last pages are holes, and it is the largest. */
		SYS(p, NR_MMAP, I(0), I(90 * 4096), I(RW), I(MAP_PRIVATE | MAP_ANONYMOUS), I(-1), I(0));
		STORE(p, 8, 22, 0, 0);
		LOOP(p, 24, 80)
			SYS(p, NR_MMAP, I(0), I(4096), I(RW), I(MAP_SHARED | MAP_ANONYMOUS), I(-1), I(0));
		SYS(p, NR_MMAP, I(0), I(4 * 4096), I(RW), I(MAP_SHARED | MAP_ANONYMOUS), I(-1), I(0));
		SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/mnt/pattern")), I(O_RDONLY), I(0));
		MOVE(p, 19, 0);
		SYS(p, NR_MMAP, I(0), I(8192), I(PROT_READ), I(MAP_PRIVATE), R(19), I(0));
		/* Behind the end of its file. */
		SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "short")), I(O_RDWR | O_CREAT), I(0600));
		MOVE(p, 19, 0);
		SYS(p, NR_FTRUNCATE, R(19), I(100));
		SYS(p, NR_MMAP, I(0), I(3 * 4096), I(PROT_READ), I(MAP_SHARED), R(19), I(0));
		EXPECT_OK(p, 0);
		SYS(p, __NR_getpid, I(0));
		SYS(p, __NR_kill, R(0), I(SIGABRT));
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	work_wait(p);
}

static void dumps(struct prog *p)
{
	store(p, "/proc/sys/kernel/core_sort_vma", "1");
	SET(p, 25, ~0ul);
	die(p);
	EXPECT(p, 21, SIGABRT | 0x80);
	SET(p, 25, 4096);
	die(p);
	EXPECT(p, 21, SIGABRT | 0x80);
	SET(p, 25, 3 * 4096);
	die(p);
	EXPECT(p, 21, SIGABRT | 0x80);
	store(p, "/proc/sys/kernel/core_sort_vma", "0");
	/* By elf headers only. */
	CHILD(p) {
		static const u64 all[2] = {~0ul, ~0ul};

		SYS(p, __NR_prlimit64, I(0), I(4), I(prog_data(p, all, 16)), I(0));
		store(p, "/proc/self/coredump_filter", "0x10");
		SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/mnt/pattern")), I(O_RDONLY), I(0));
		MOVE(p, 19, 0);
		SYS(p, NR_MMAP, I(0), I(8192), I(PROT_READ), I(MAP_PRIVATE), R(19), I(0));
		SYS(p, __NR_getpid, I(0));
		SYS(p, __NR_kill, R(0), I(SIGABRT));
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	work_wait(p);
	EXPECT(p, 21, SIGABRT | 0x80);
}

/* To a program that reads it, and one that does not. */
static void piped(struct prog *p)
{
	store(p, "/proc/sys/kernel/core_pattern", "|/reader");
	SET(p, 25, 0);
	die(p);
	EXPECT(p, 21, SIGABRT | 0x80);
	store(p, "/proc/sys/kernel/core_pattern", "|/true %p");
	SET(p, 25, 0);
	die(p);
	EXPECT(p, 21, SIGABRT | 0x80);
	store(p, "/proc/sys/kernel/core_pipe_limit", "1");
	die(p);
	EXPECT(p, 21, SIGABRT | 0x80);
	store(p, "/proc/sys/kernel/core_pattern", "|/none");
	die(p);
	EXPECT(p, 21, SIGABRT);
	store(p, "/proc/sys/kernel/core_pattern", "core");
	store(p, "/proc/sys/kernel/core_pipe_limit", "0");
}

/* --- terminals, sockets, semaphores --- */

/* x19 the master, x20 the other end, which gives what it gets at once. */
static void raw_terminal(struct prog *p)
{
	static const u32 none;
	static const u64 ignore[4] = {1};

	SYS(p, __NR_rt_sigaction, I(SIGHUP), I(prog_data(p, ignore, 32)), I(0), I(8));
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/dev/ptmx")), I(O_RDWR | 0400), I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	SYS(p, __NR_ioctl, R(19), I(0x40045431), I(prog_data(p, &none, 4)));
	SYS(p, __NR_ioctl, R(19), I(0x5441), I(O_RDWR));
	EXPECT_OK(p, 0);
	MOVE(p, 20, 0);
	SYS(p, __NR_ioctl, R(20), I(0x5401), I(BUFFER)); /* TCGETS */
	EXPECT(p, 0, 0);
	SET(p, 22, BUFFER);
	SET(p, 23, 0);
	for (unsigned at = 0; at < 16; at += 4) /* no flag but that for characters of 8 bits */
		if (at != 8)
			STORE(p, 4, 23, 22, at);
	SYS(p, __NR_ioctl, R(20), I(0x5402), I(BUFFER)); /* TCSETS */
	EXPECT(p, 0, 0);
}

static void terminals(struct prog *p)
{
	raw_terminal(p);
	/* More than it keeps, for somebody who reads it late. */
	CHILD(p) {
		LOOP(p, 24, 3)
			SYS(p, __NR_write, R(19), I(BUFFER), I(3000));
		work_exit(p, 0);
	}
	MOVE(p, 21, 0);
	work_sleep(p);
	LOOP(p, 24, 4)
		SYS(p, __NR_read, R(20), I(MORE + 0x4000), I(2000));
	SYS(p, __NR_kill, R(21), I(SIGKILL));
	SYS(p, __NR_wait4, R(21), I(STATUS), I(0), I(0));
	/* Two that write at once. */
	LOOP(p, 25, 2) {
		CHILD(p) {
			SYS(p, __NR_close, R(19));
			LOOP(p, 24, 10)
				SYS(p, __NR_write, R(20), I(MORE + 0xa000), I(4000));
			work_exit(p, 0);
		}
	}
	SYS(p, __NR_nanosleep, I(prog_data(p, (const u64[]){0, 500000}, 16)), I(0));
	LOOP(p, 24, 4)
		SYS(p, __NR_read, R(19), I(MORE + 0x8000), I(1500));
	SYS(p, __NR_close, R(19));
	LOOP(p, 25, 2)
		SYS(p, __NR_wait4, I(-1), I(STATUS), I(0), I(0));
}

static void datagrams(struct prog *p)
{
	static const struct { u16 family, port; u32 addr; u64 zero; } to = {2, 0x3612, 0x0100007f, 0};
	const u64 text[2] = {BUFFER, 100}, fresh[2] = {MORE + 0x3000, 100};
	const u64 out[7] = {prog_data(p, &to, 16), 16, prog_data(p, text, 16), 1, 0, 0, 0};

	SYS(p, __NR_socket, I(2), I(2), I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	SYS(p, __NR_bind, R(19), I(prog_data(p, &to, 16)), I(16));
	EXPECT(p, 0, 0);
	SYS(p, __NR_sendmsg, R(19), I(prog_data(p, out, 56)), I(0));
	EXPECT(p, 0, 100);
	/* msghdr for what comes: its name goes to memory that is not there. */
	SET(p, 22, MORE);
	SET(p, 23, MORE + 0x2000);
	STORE(p, 8, 23, 22, 0);
	SET(p, 23, 16);
	STORE(p, 8, 23, 22, 8);
	SET(p, 23, prog_data(p, fresh, 16));
	STORE(p, 8, 23, 22, 16);
	SET(p, 23, 1);
	STORE(p, 8, 23, 22, 24);
	SYS(p, __NR_recvmsg, R(19), I(MORE), I(0));
	EXPECT(p, 0, 100);
}

/* A listener that takes nobody in. */
static void connections(struct prog *p)
{
	static const struct { u16 family, port; u32 addr; u64 zero; } to = {2, 0x5612, 0x0100007f, 0};
	static const u64 a_while[2] = {0, 2000};

	SYS(p, __NR_socket, I(2), I(1), I(0));
	MOVE(p, 19, 0);
	SYS(p, __NR_bind, R(19), I(prog_data(p, &to, 16)), I(16));
	EXPECT(p, 0, 0);
	SYS(p, __NR_listen, R(19), I(0));
	LOOP(p, 24, 3) {
		SYS(p, __NR_socket, I(2), I(1), I(0));
		MOVE(p, 20, 0);
		SYS(p, __NR_setsockopt, R(20), I(1), I(21), I(prog_data(p, a_while, 16)), I(16)); /* SNDTIMEO */
		SYS(p, __NR_connect, R(20), I(prog_data(p, &to, 16)), I(16));
	}
}

/* More operations that wait than are tried in one go. */
static void semaphores(struct prog *p)
{
	static i16 take[500][3];
	static const i16 give[3] = {0, 1, 0};

	for (int i = 0; i < 500; i++)
		take[i][1] = i == 499 ? -1 : 0;
	for (int i = 0; i < 499; i++) /* each is 0 until the last one, which waits */
		take[i][0] = 1;
	SYS(p, __NR_semget, I(0), I(2), I(0600));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	LOOP(p, 24, 3) {
		CHILD(p) {
			SYS(p, __NR_semop, R(19), I(prog_data(p, take, sizeof(take))), I(500));
			EXPECT(p, 0, 0);
			work_exit(p, 0);
		}
	}
	work_sleep(p);
	LOOP(p, 24, 3)
		SYS(p, __NR_semop, R(19), I(prog_data(p, give, 6)), I(1));
	LOOP(p, 24, 3) {
		SYS(p, __NR_wait4, I(-1), I(STATUS), I(0), I(0));
		EXPECT_OK(p, 0);
	}
	SYS(p, __NR_semctl, R(19), I(0), I(0), I(0));
}

static void raw_disk(struct prog *p)
{
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/dev/vda")), I(O_RDWR), I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	SYS(p, __NR_ioctl, R(19), I(0x301), I(MORE)); /* HDIO_GETGEO */
	EXPECT(p, 0, 0);
	/* Zeros, over its last bytes. */
	SYS(p, __NR_pwrite64, R(19), I(MORE + 0x1000), I(700), I(3145728 - 1000));
	EXPECT(p, 0, 700);
	SYS(p, __NR_fsync, R(19));
	SYS(p, __NR_pread64, R(19), I(MORE + 0x8000), I(65536), I(65536));
}

work_fn *const sweep_ends[] = {handlers, emulated, attached, filtered, dumps, piped, terminals, datagrams,
			       connections, semaphores, raw_disk, NULL};
