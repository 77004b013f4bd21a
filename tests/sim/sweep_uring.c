/* tests/sim/sweep_uring.c -- operations of rings, one at a time, begun by the executor (IOSQE_ASYNC)
 * and where they are submitted.
 *
 * Registers: 19 the ring, 20 its memory, 23 its one submission; 21 and 22 two descriptors; 10 within
 * one line.
 */
#include <linux/io_uring.h>
#include <sys/socket.h>

#include "base.h"

#define PARAMS (PROG_SPACE + 0x18000)
#define HOW    (PROG_SPACE + 0x19000)
#define NAME   (PROG_SPACE + 0x1a000)
#define NO_ARRAY (1u << 16)	/* newer than some hosts' header */
#define OFF_SQES 0x10000000ul
#define ASYNC_FLAG 16u
enum { SQ_TAIL = 64, CQ_HEAD = 128, CQ_TAIL = 192 };

static void map(struct prog *p, unsigned reg, u64 offset)
{
	SYS(p, NR_MMAP, I(0), I(4096), I(PROT_READ | PROT_WRITE), I(MAP_SHARED), R(19), I(offset));
	WANT_OK(p);
	MOVE(p, reg, 0);
}

/* A ring with room for one, and these flags. */
static void setup_with(struct prog *p, u64 flags)
{
	WORD_AT(p, PARAMS, 0);
	WORD_AT(p, PARAMS + 8, NO_ARRAY | flags);
	WORD_AT(p, PARAMS + 16, 1);	/* how long its own submitter looks on, in ms */
	SYS(p, __NR_io_uring_setup, I(1), I(PARAMS));
	WANT_OK(p);
	MOVE(p, 19, 0);
	map(p, 20, 0);
	map(p, 23, OFF_SQES);
}

static void setup(struct prog *p)
{
	setup_with(p, 0);
}

static void gone(struct prog *p)
{
	SYS(p, __NR_munmap, R(20), I(4096));
	SYS(p, __NR_munmap, R(23), I(4096));
	SYS(p, __NR_close, R(19));
}

/* A submission: what stands where, by words; the descriptor is in a register. */
struct words {
	u64 head, off, addr, len, flags, index, addr3;
};
static void prepare(struct prog *p, unsigned fd, struct words w)
{
	u64 word[8] = {w.head, w.off, w.addr, w.len | w.flags << 32, 1, w.index << 32, w.addr3, 0};

	for (unsigned i = 0; i < 8; i++) {
		SET(p, 10, word[i]);
		STORE(p, 8, 10, 23, i * 8);
	}
	STORE(p, 4, fd, 23, 4);
	LOAD(p, 4, 10, 20, SQ_TAIL);
	ADD(p, 10, 10, 1);
	STORE(p, 4, 10, 20, SQ_TAIL);
}

static void submit(struct prog *p, unsigned fd, struct words w, unsigned wait)
{
	prepare(p, fd, w);
	SYS(p, __NR_io_uring_enter, R(19), I(1), I(wait), I(IORING_ENTER_GETEVENTS), I(0), I(0));
	/* A signal may cut it short; what was not submitted must not be waited for. */
	if (p->forgetful)
		WANT_OK(p);
}

/* What it said is taken. */
static void take(struct prog *p)
{
	LOAD(p, 4, 10, 20, CQ_TAIL);
	STORE(p, 4, 10, 20, CQ_HEAD);
}

/* Where it is submitted, and by the executor. */
#define DO(p, fd, op, ...)                                                                 \
	do {                                                                               \
		submit((p), (fd), (struct words){.head = (op), __VA_ARGS__}, 1);           \
		take(p);                                                                   \
		submit((p), (fd), (struct words){.head = (op) | ASYNC_FLAG << 8, __VA_ARGS__}, 1); \
		take(p);                                                                   \
	} while (0)

/* Nothing is left by who is killed: what would be made is there, or cannot be. */
static void names(struct prog *p)
{
	setup(p);
	SET(p, 21, AT_FDCWD);
	DO(p, 21, IORING_OP_OPENAT, .addr = prog_string(p, "/mnt/pattern"));
	WORD_AT(p, HOW, 0);
	WORD_AT(p, HOW + 8, 0);
	WORD_AT(p, HOW + 16, 0);
	DO(p, 21, IORING_OP_OPENAT2, .addr = prog_string(p, "/mnt/pattern"), .off = HOW, .len = 24);
	DO(p, 21, IORING_OP_STATX, .addr = prog_string(p, "/mnt/pattern"), .off = BUFFER, .len = 0xfff);
	DO(p, 21, IORING_OP_MKDIRAT, .addr = prog_string(p, "/mnt"), .len = 0700);
	DO(p, 21, IORING_OP_UNLINKAT, .addr = prog_string(p, "/none"));
	DO(p, 21, IORING_OP_RENAMEAT, .addr = prog_string(p, "/none"), .len = (u32)AT_FDCWD,
	   .off = prog_string(p, "/none2"));
	gone(p);
	SYS(p, __NR_close_range, I(3), I(20), I(0));
}

static void files(struct prog *p)
{
	setup(p);
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/ring")), I(O_CREAT | O_RDWR), I(0600));
	WANT_OK(p);
	MOVE(p, 21, 0);
	DO(p, 21, IORING_OP_FALLOCATE, .addr = 9000);
	DO(p, 21, IORING_OP_WRITE, .addr = BUFFER, .len = 100);
	DO(p, 21, IORING_OP_FSYNC);
	DO(p, 21, IORING_OP_FADVISE);
	DO(p, 21, IORING_OP_READ, .addr = work_fresh(p), .len = 100);
	WORD_AT(p, HOW, BUFFER);
	WORD_AT(p, HOW + 8, 50);
	DO(p, 21, IORING_OP_READV, .addr = HOW, .len = 1);
	DO(p, 21, IORING_OP_WRITEV, .addr = HOW, .len = 1);
	DO(p, 21, IORING_OP_CLOSE);
	gone(p);
}

/* A read and a poll that wait; one is cancelled, the other is given something. */
static void pipes(struct prog *p)
{
	setup(p);
	pipe_here(p);
	submit(p, 21, (struct words){.head = IORING_OP_READ, .addr = BUFFER, .len = 8}, 0);
	SYS(p, __NR_write, R(22), I(BUFFER), I(8));
	SYS(p, __NR_io_uring_enter, R(19), I(0), I(1), I(IORING_ENTER_GETEVENTS), I(0), I(0));
	take(p);
	submit(p, 21, (struct words){.head = IORING_OP_POLL_ADD, .flags = 1}, 0);
	SET(p, 24, (u32)-1);
	submit(p, 24, (struct words){.head = IORING_OP_ASYNC_CANCEL, .addr = 1}, 2);
	take(p);
	WORD_AT(p, TIME, 0);
	WORD_AT(p, TIME + 8, 1000000);
	submit(p, 24, (struct words){.head = IORING_OP_TIMEOUT, .addr = TIME, .len = 1}, 1);
	take(p);
	submit(p, 21, (struct words){.head = IORING_OP_READ, .addr = BUFFER, .len = 8}, 0);
	gone(p);
	SYS(p, __NR_close, R(21));
	SYS(p, __NR_close, R(22));
}

static void through(struct prog *p)
{
	setup(p);
	pipe_here(p);
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/mnt/pattern")), I(O_RDONLY), I(0));
	WANT_OK(p);
	MOVE(p, 24, 0);
	/* The other descriptor stands in a word of the submission: it is 5 or so, or none. */
	DO(p, 22, IORING_OP_SPLICE, .off = ~0ul, .addr = 0, .len = 8, .index = 5);
	DO(p, 22, IORING_OP_SPLICE, .off = ~0ul, .addr = 0, .len = 8, .index = 6);
	DO(p, 22, IORING_OP_TEE, .len = 8, .index = 3);
	SYS(p, __NR_close, R(24));
	SYS(p, __NR_close, R(21));
	SYS(p, __NR_close, R(22));
	gone(p);
}

static void sockets(struct prog *p)
{
	setup(p);
	SYS(p, __NR_socketpair, I(AF_UNIX), I(SOCK_STREAM), I(0), I(FDS));
	WANT(p, 0);
	SET(p, 9, FDS);
	LOAD(p, 4, 21, 9, 0);
	LOAD(p, 4, 22, 9, 4);
	DO(p, 21, IORING_OP_SEND, .addr = BUFFER, .len = 8);
	DO(p, 22, IORING_OP_RECV, .addr = work_fresh(p), .len = 8);
	WORD_AT(p, HOW, BUFFER);
	WORD_AT(p, HOW + 8, 8);
	for (unsigned i = 0; i < 56; i += 8)
		WORD_AT(p, NAME + i, i == 16 ? HOW : i == 24 ? 1 : 0);
	DO(p, 21, IORING_OP_SENDMSG, .addr = NAME, .len = 1);
	DO(p, 22, IORING_OP_RECVMSG, .addr = NAME, .len = 1);
	DO(p, 21, IORING_OP_SEND_ZC, .addr = BUFFER, .len = 8);
	submit(p, 22, (struct words){.head = IORING_OP_RECV, .addr = BUFFER, .len = 8}, 0);
	SYS(p, __NR_write, R(21), I(BUFFER), I(8));
	SYS(p, __NR_io_uring_enter, R(19), I(0), I(1), I(IORING_ENTER_GETEVENTS), I(0), I(0));
	take(p);
	DO(p, 21, IORING_OP_SHUTDOWN, .len = 1);
	SYS(p, __NR_close, R(21));
	SYS(p, __NR_close, R(22));
	gone(p);
}

static void tell(struct prog *p, u64 what, u64 arg, u64 n)
{
	SYS(p, __NR_io_uring_register, R(19), I(what), I(arg), I(n));
}

/* What is registered: files, buffers, groups of them; and what waits is cancelled by a call. */
static void registers(struct prog *p)
{
	setup(p);
	pipe_here(p);
	WORD_AT(p, HOW, ~0ul);
	tell(p, IORING_REGISTER_FILES, HOW, 2);
	WANT(p, 0);
	WORD_AT(p, NAME, 0);
	WORD_AT(p, NAME + 8, HOW);
	tell(p, IORING_REGISTER_FILES_UPDATE, NAME, 1);
	tell(p, IORING_UNREGISTER_FILES, 0, 0);
	WANT(p, 0);
	/* The second is none. */
	WORD_AT(p, HOW, 9999ul << 32 | (u32)-1);
	tell(p, IORING_REGISTER_FILES, HOW, 2);
	WORD_AT(p, HOW, BUFFER);
	WORD_AT(p, HOW + 8, 8000);
	WORD_AT(p, HOW + 16, BUFFER);
	WORD_AT(p, HOW + 24, 0);
	tell(p, IORING_REGISTER_BUFFERS, HOW, 2);
	tell(p, IORING_REGISTER_BUFFERS, HOW, 1);
	WORD_AT(p, NAME + 16, 0);
	WORD_AT(p, NAME + 24, 1);
	tell(p, IORING_REGISTER_BUFFERS_UPDATE, NAME, 32);
	submit(p, 22, (struct words){.head = IORING_OP_WRITE_FIXED, .addr = BUFFER, .len = 8}, 1);
	take(p);
	tell(p, IORING_UNREGISTER_BUFFERS, 0, 0);
	for (unsigned i = 0; i < 40; i += 8)
		WORD_AT(p, NAME + i, i ? 0 : BUFFER);
	WORD_AT(p, NAME + 8, 1ul << 32 | 4);
	tell(p, 22 /* PBUF_RING */, NAME, 1);
	tell(p, 23, NAME, 1);
	tell(p, IORING_REGISTER_PROBE, BUFFER, 8);
	/* More than go at once when the ring does. */
	SET(p, 24, 600);
	submit(p, 24, (struct words){.head = IORING_OP_PROVIDE_BUFFERS, .addr = BUFFER, .len = 1}, 1);
	take(p);
	for (unsigned i = 0; i < 64; i += 8)
		WORD_AT(p, NAME + i, 0);
	WORD_AT(p, NAME, 1);
	WORD_AT(p, NAME + 8, (u32)-1);
	WORD_AT(p, NAME + 16, ~0ul);
	WORD_AT(p, NAME + 24, ~0ul);
	SYS(p, __NR_read, R(21), I(BUFFER), I(8));
	submit(p, 21, (struct words){.head = IORING_OP_POLL_ADD, .flags = 1}, 0);
	tell(p, 24 /* SYNC_CANCEL */, NAME, 1);
	gone(p);
	SYS(p, __NR_close, R(21));
	SYS(p, __NR_close, R(22));
}

/* A wait with a time and a mask, which may be cut short. */
static void timed(struct prog *p)
{
	setup(p);
	WORD_AT(p, TIME, 0);
	WORD_AT(p, TIME + 8, 1000000);
	WORD_AT(p, HOW, NAME);
	WORD_AT(p, HOW + 8, 8);
	WORD_AT(p, HOW + 16, TIME);
	WORD_AT(p, NAME, 0);
	SYS(p, __NR_io_uring_enter, R(19), I(0), I(1),
	    I(IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG), I(HOW), I(24));
	/* In two parts: 100 us for all, then for any. */
	WORD_AT(p, HOW + 8, 100ul << 32 | 8);
	SYS(p, __NR_io_uring_enter, R(19), I(0), I(1),
	    I(IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG), I(HOW), I(24));
	gone(p);
}

/* The ring's own submitter has yet to take what is there; its buffers are named in memory that is
 * not. */
static void by_itself(struct prog *p)
{
	setup_with(p, IORING_SETUP_SQPOLL);
	pipe_here(p);
	prepare(p, 21, (struct words){.head = IORING_OP_NOP});
	SYS(p, __NR_io_uring_enter, R(19), I(1), I(0), I(IORING_ENTER_SQ_WAKEUP | IORING_ENTER_SQ_WAIT),
	    I(0), I(0));
	gone(p);
	setup(p);
	submit(p, 21, (struct words){.head = IORING_OP_READV, .addr = work_fresh(p), .len = 1}, 1);
	gone(p);
	SYS(p, __NR_close, R(21));
	SYS(p, __NR_close, R(22));
}

work_fn *const sweep_uring[] = {names, files, pipes, through, sockets, registers, timed, by_itself,
				  NULL};
