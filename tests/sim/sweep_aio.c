/* tests/sim/sweep_aio.c -- the old asynchronous I/O: requests that are over at once, that wait, that
 * are cancelled, and that are under way when their program goes.
 *
 * Registers: 19 the context, 20 a file, 21 and 22 a pipe's ends; 9 and 10 within one line.
 */
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <poll.h>

#include "base.h"

#define IOCB (PROG_SPACE + 0x18000)
#define LIST (PROG_SPACE + 0x18800)
#define EVENTS (PROG_SPACE + 0x19000)
#define THREAD (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)

static void setup(struct prog *p, u64 requests)
{
	WORD_AT(p, EVENTS, 0);
	SYS(p, __NR_io_setup, I(requests), I(EVENTS));
	WANT(p, 0);
	SET(p, 9, EVENTS);
	LOAD(p, 8, 19, 9, 0);
}

/* An iocb at IOCB, for the descriptor in a register. */
static void iocb(struct prog *p, unsigned op, unsigned reg, u64 buf, u64 n, u32 rwf)
{
	WORD_AT(p, IOCB, 1);
	WORD_AT(p, IOCB + 8, (u64)rwf << 32);
	WORD_AT(p, IOCB + 16, op);
	STORE(p, 4, reg, 9, 4);
	WORD_AT(p, IOCB + 24, buf);
	WORD_AT(p, IOCB + 32, n);
	WORD_AT(p, IOCB + 40, 0);
	WORD_AT(p, IOCB + 48, 0);
	WORD_AT(p, IOCB + 56, 0);
	WORD_AT(p, LIST, IOCB);
}

static void submit(struct prog *p)
{
	SYS(p, __NR_io_submit, R(19), I(1), I(LIST));
	WANT(p, 1);
}

static void take(struct prog *p)
{
	SYS(p, __NR_io_getevents, R(19), I(1), I(1), I(EVENTS), I(0));
	WANT(p, 1);
}

static void destroy(struct prog *p)
{
	SYS(p, __NR_io_destroy, R(19));
	WANT(p, 0);
}

static void close_pipe(struct prog *p)
{
	SYS(p, __NR_close, R(21));
	SYS(p, __NR_close, R(22));
}

/* A file, read and written in all ways. */
static void at_once(struct prog *p)
{
	setup(p, 100);
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/aio")), I(O_CREAT | O_RDWR), I(0600));
	WANT_OK(p);
	MOVE(p, 20, 0);
	iocb(p, IOCB_CMD_PWRITE, 20, BUFFER, 5000, 0);
	submit(p);
	take(p);
	iocb(p, IOCB_CMD_PWRITE, 20, BUFFER, 5000, RWF_DSYNC);
	submit(p);
	take(p);
	iocb(p, IOCB_CMD_PREAD, 20, work_fresh(p), 4000, 0);
	submit(p);
	take(p);
	WORD_AT(p, BUFFER, BUFFER + 64);
	WORD_AT(p, BUFFER + 8, 100);
	iocb(p, IOCB_CMD_PREADV, 20, BUFFER, 1, 0);
	submit(p);
	take(p);
	iocb(p, IOCB_CMD_FSYNC, 20, 0, 0, 0);
	submit(p);
	take(p);
	iocb(p, IOCB_CMD_PREAD, 20, BUFFER, 8, 0);
	LOOP(p, 24, 70)
		submit(p);
	SYS(p, __NR_io_getevents, R(19), I(70), I(100), I(BUFFER), I(0));
	WANT(p, 70);
	SYS(p, __NR_close, R(20));
	destroy(p);
}

/* What is on the disk, into memory that is not there; and events likewise. */
static void from_disk(struct prog *p)
{
	setup(p, 8);
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/mnt/pattern")), I(O_RDONLY), I(0));
	WANT_OK(p);
	MOVE(p, 20, 0);
	iocb(p, IOCB_CMD_PREAD, 20, work_fresh(p), 4000, 0);
	submit(p);
	SYS(p, __NR_io_getevents, R(19), I(1), I(1), I(work_fresh(p)), I(0));
	WANT(p, 1);
	SYS(p, __NR_close, R(20));
	destroy(p);
}

/* Reads and polls of a pipe that another thread writes to; with a mask and a time. */
static void waits(struct prog *p)
{
	setup(p, 8);
	pipe_here(p);
	iocb(p, IOCB_CMD_PREAD, 21, BUFFER, 8, 0);
	submit(p);
	iocb(p, IOCB_CMD_POLL, 21, POLLIN, 0, 0);
	submit(p);
	SYS(p, __NR_clone, I(THREAD), I(STACK), I(0), I(0), I(0));
	IF(p, 0, EQ, 0) {
		SYS(p, __NR_write, R(22), I(BUFFER), I(8));
		SYS(p, __NR_write, R(22), I(BUFFER), I(8));
		SYS(p, __NR_exit, I(0));
	}
	WANT_OK(p);
	take(p);
	WORD_AT(p, TIME, 100);
	WORD_AT(p, TIME + 8, 0);
	WORD_AT(p, LIST, LIST + 16);
	WORD_AT(p, LIST + 8, 8);
	WORD_AT(p, LIST + 16, 0);
	SYS(p, __NR_io_pgetevents, R(19), I(1), I(1), I(EVENTS), I(TIME), I(LIST));
	WANT(p, 1);
	WORD_AT(p, TIME, 0);
	SYS(p, __NR_io_getevents, R(19), I(1), I(1), I(EVENTS), I(TIME));
	WANT(p, 0);
	/* A write that waits for room, and then for what no pipe can. */
	SYS(p, __NR_read, R(21), I(BUFFER), I(8));
	SYS(p, __NR_write, R(22), I(PROG_SPACE), I(65536));
	iocb(p, IOCB_CMD_PWRITE, 22, BUFFER, 8, RWF_DSYNC);
	submit(p);
	SYS(p, __NR_read, R(21), I(BUFFER), I(8192));
	take(p);
	close_pipe(p);
	destroy(p);
}

/* Cancelled one by one, by the end of the context, and by that of the mapping. */
static void cancelled(struct prog *p)
{
	setup(p, 8);
	pipe_here(p);
	iocb(p, IOCB_CMD_POLL, 21, POLLIN, 0, 0);
	submit(p);
	SYS(p, __NR_io_cancel, R(19), I(IOCB), I(EVENTS));
	WANT(p, -EINPROGRESS);
	take(p);
	submit(p);
	submit(p);
	destroy(p);
	setup(p, 8);
	submit(p);
	SYS(p, __NR_munmap, R(19), I(4096));
	WANT(p, 0);
	SYS(p, __NR_write, R(22), I(BUFFER), I(8));
	close_pipe(p);
	/* Its number cannot be told. */
	SYS(p, NR_MMAP, I(0), I(4096), I(PROT_READ), I(MAP_PRIVATE | MAP_ANONYMOUS), I(-1), I(0));
	WANT_OK(p);
	MOVE(p, 20, 0);
	SYS(p, __NR_io_setup, I(8), R(20));
	WANT(p, -EFAULT);
	SYS(p, __NR_munmap, R(20), I(4096));
}

/* Under way when the program goes, or becomes another. */
static void left(struct prog *p)
{
	static const u64 none[1];

	pipe_here(p);
	CHILD(p) {
		setup(p, 8);
		iocb(p, IOCB_CMD_POLL, 21, POLLIN, 0, 0);
		submit(p);
		work_exit(p, 0);
	}
	WANT_OK(p);
	MOVE(p, 20, 0);
	work_wait(p);
	CHILD(p) {
		setup(p, 8);
		iocb(p, IOCB_CMD_POLL, 21, POLLIN, 0, 0);
		submit(p);
		SYS(p, __NR_execve, I(prog_string(p, "/true")), I(prog_data(p, none, 8)),
		    I(prog_data(p, none, 8)));
		work_exit(p, 1);
	}
	WANT_OK(p);
	MOVE(p, 20, 0);
	work_wait(p);
	close_pipe(p);
}

work_fn *const sweep_aio[] = {at_once, from_disk, waits, cancelled, left, NULL};
