/* tests/sim/work_ipc.c -- processes that talk: over sockets, by messages and semaphores; and one
 * that looks into another.
 */
#include <linux/ptrace.h>
#include <sys/epoll.h>

#include "base.h"

#define NAME   (PROG_SPACE + 0x100)	/* a socket's */
#define LENGTH (PROG_SPACE + 0x120)
#define EVENT  (PROG_SPACE + 0x140)

/* Read or write all `n` bytes of BUFFER through x[reg]; x[24] counts down. */
static void transfer(struct prog *p, unsigned nr, unsigned reg, u64 n)
{
	unsigned top;

	SET(p, 24, n);
	top = p->n;
	SYS(p, nr, R(reg), I(BUFFER), R(24));
	IF(p, 0, EQ, -EINTR)
		prog_go_to(p, top);
	EXPECT_ABOVE(p, 0, 0);
	EMIT(p, {.op = HOST_OP_SUB, .d = 24, .a = 24, .b = 0});
	IF(p, 24, NE, 0)
		prog_go_to(p, top);
}

/* A child sends it back: over a pair of sockets whose queues are shorter than that. */
static void work_pair(struct prog *p)
{
	SYS(p, __NR_socketpair, I(1), I(1), I(0), I(FDS));
	EXPECT(p, 0, 0);
	SET(p, 22, FDS);
	LOAD(p, 4, 19, 22, 0);
	LOAD(p, 4, 23, 22, 4);
	CHILD(p) {
		SYS(p, __NR_close, R(19));
		LOOP(p, 21, 6) {
			transfer(p, __NR_read, 23, 16000);
			transfer(p, __NR_write, 23, 16000);
		}
		work_exit(p, 0);
	}
	EXPECT_OK(p, 0);
	MOVE(p, 20, 0);
	SYS(p, __NR_close, R(23));
	LOOP(p, 21, 6) {
		transfer(p, __NR_write, 19, 16000);
		transfer(p, __NR_read, 19, 16000);
	}
	SYS(p, __NR_shutdown, R(19), I(1));
	SYS(p, __NR_read, R(19), I(BUFFER), I(10));
	EXPECT(p, 0, 0);
	SYS(p, __NR_close, R(19));
	work_wait(p);
	EXPECT(p, 21, 0);
}

/* A socket in x[reg], bound: to `port`, in network order, if one is alone and known to leave nothing
 * behind it; otherwise to any. */
static void own_socket(struct prog *p, unsigned reg, u64 port)
{
	static const u32 one = 1;
	u64 own[8][2] = {0};

	for (u64 i = 0; i < 8; i++)
		own[i][0] = 2 | (i ? 0 : port) << 16 | 0x0100007ful << 32;
	SYS(p, __NR_socket, I(2), I(1), I(0));
	EXPECT_OK(p, 0);
	MOVE(p, reg, 0);
	SYS(p, __NR_setsockopt, R(reg), I(1), I(2), I(prog_data(p, &one, 4)), I(4));
	EXPECT(p, 0, 0);
	EMIT(p, {.op = HOST_OP_MUL, .d = 24, .a = 27, .imm = 16});
	ADD(p, 24, 24, prog_data(p, own, sizeof(own)));
	SYS(p, __NR_bind, R(reg), R(24), I(16));
	EXPECT(p, 0, 0);
}

/* A server that waits for its client, and then for its words, in a set of events. */
static void work_server(struct prog *p)
{
	static const u64 length = 16;
	static const struct { u32 events, pad; u64 data; } event = {EPOLLIN, 0, 5};

	own_socket(p, 19, 0x5612);
	SYS(p, __NR_listen, R(19), I(4));
	EXPECT(p, 0, 0);
	SET(p, 22, LENGTH);
	SET(p, 23, length);
	STORE(p, 4, 23, 22, 0);
	SYS(p, __NR_getsockname, R(19), I(NAME), I(LENGTH));
	EXPECT(p, 0, 0);
	SYS(p, __NR_epoll_create1, I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 23, 0);
	SYS(p, __NR_epoll_ctl, R(23), I(EPOLL_CTL_ADD), R(19), I(prog_data(p, &event, 16)));
	EXPECT(p, 0, 0);
	CHILD(p) {
		own_socket(p, 21, 0x3612);
		SYS(p, __NR_connect, R(21), I(NAME), I(16));
		EXPECT(p, 0, 0);
		transfer(p, __NR_write, 21, 9000);
		transfer(p, __NR_read, 21, 3);
		work_exit(p, 0);
	}
	EXPECT_OK(p, 0);
	MOVE(p, 20, 0);
	SYS(p, __NR_epoll_pwait, R(23), I(EVENT), I(1), I(-1), I(0), I(8));
	EXPECT(p, 0, 1);
	SYS(p, __NR_accept4, R(19), I(0), I(0), I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 21, 0);
	SYS(p, __NR_close, R(19));
	SYS(p, __NR_epoll_ctl, R(23), I(EPOLL_CTL_ADD), R(21), I(prog_data(p, &event, 16)));
	EXPECT(p, 0, 0);
	SYS(p, __NR_epoll_pwait, R(23), I(EVENT), I(1), I(-1), I(0), I(8));
	EXPECT(p, 0, 1);
	transfer(p, __NR_read, 21, 9000);
	transfer(p, __NR_write, 21, 3);
	SYS(p, __NR_read, R(21), I(BUFFER), I(1));
	EXPECT(p, 0, 0);
	SYS(p, __NR_close, R(21));
	SYS(p, __NR_close, R(23));
	work_wait(p);
	EXPECT(p, 21, 0);
}

/* Turns: a semaphore says whose, a queue carries what. */
static void work_turns(struct prog *p)
{
	static const struct { i64 type; u64 text; } message = {3, 77};
	static const i16 down[3] = {0, -1, 0}, up[3] = {0, 1, 0};

	SYS(p, __NR_semget, I(0), I(1), I(0600));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	SYS(p, __NR_msgget, I(0), I(0600));
	EXPECT_OK(p, 0);
	MOVE(p, 23, 0);
	CHILD(p) {
		LOOP(p, 24, 5) {
			SYS(p, __NR_semop, R(19), I(prog_data(p, down, 6)), I(1));
			EXPECT(p, 0, 0);
			SYS(p, __NR_msgsnd, R(23), I(prog_data(p, &message, 16)), I(8), I(0));
			EXPECT(p, 0, 0);
		}
		work_exit(p, 0);
	}
	EXPECT_OK(p, 0);
	MOVE(p, 20, 0);
	LOOP(p, 24, 5) {
		SYS(p, __NR_semop, R(19), I(prog_data(p, up, 6)), I(1));
		EXPECT(p, 0, 0);
		SYS(p, __NR_msgrcv, R(23), I(BUFFER), I(8), I(3), I(0));
		EXPECT(p, 0, 8);
	}
	work_wait(p);
	EXPECT(p, 21, 0);
	SYS(p, __NR_semctl, R(19), I(0), I(0), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_msgctl, R(23), I(0), I(0));
	EXPECT(p, 0, 0);
}

/* A child whose calls are followed to its end; its memory is read and changed on the way. */
static void work_trace(struct prog *p)
{
	unsigned top;

	CHILD(p) {
		SYS(p, __NR_ptrace, I(PTRACE_TRACEME));
		EXPECT(p, 0, 0);
		SYS(p, __NR_getpid, I(0));
		SYS(p, __NR_kill, R(0), I(SIGSTOP));
		LOOP(p, 24, 3)
			SYS(p, __NR_getppid, I(0));
		SET(p, 22, WORD);
		LOAD(p, 8, 23, 22, 0);
		EXPECT(p, 23, 4711);
		work_exit(p, 5);
	}
	EXPECT_OK(p, 0);
	MOVE(p, 20, 0);
	top = p->n;
	SYS(p, __NR_wait4, R(20), I(STATUS), I(0), I(0));
	EXPECT_REG(p, 0, 20);
	SET(p, 22, STATUS);
	LOAD(p, 4, 21, 22, 0);
	IF(p, 21, NE, 5 << 8) {
		SYS(p, __NR_ptrace, I(PTRACE_POKEDATA), R(20), I(WORD), I(4711));
		EXPECT(p, 0, 0);
		SYS(p, __NR_ptrace, I(PTRACE_PEEKDATA), R(20), I(WORD), I(BUFFER));
		EXPECT(p, 0, 0);
		SYS(p, __NR_ptrace, I(PTRACE_SYSCALL), R(20), I(0), I(0));
		EXPECT(p, 0, 0);
		prog_go_to(p, top);
	}
}

work_fn *const work_ipc[] = {work_pair, work_server, work_turns, work_trace, NULL};
