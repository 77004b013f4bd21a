/* tests/sim/sweep_files.c -- the calls about open files: data, pipes, locks, watches, waiting. */
#include "base.h"

#define MORE (PROG_SPACE + 0x10000)	/* memory that nothing has touched yet */

static void open_file(struct prog *p, const char *name)
{
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, name)), I(O_RDWR | O_CREAT | O_TRUNC),
	    I(0644));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
}

/* A pipe's ends in x[23] and x[24]. */
static void make_pipe(struct prog *p, int flags)
{
	SYS(p, __NR_pipe2, I(FDS), I(flags));
	EXPECT(p, 0, 0);
	SET(p, 22, FDS);
	LOAD(p, 4, 23, 22, 0);
	LOAD(p, 4, 24, 22, 4);
}

static void space(struct prog *p)
{
	open_file(p, "space");
	SYS(p, __NR_fallocate, R(19), I(0), I(0), I(50000));
	EXPECT(p, 0, 0);
	SYS(p, __NR_pwrite64, R(19), I(work_fresh(p)), I(9000), I(10000));
	SYS(p, __NR_fallocate, R(19), I(3), I(5000), I(20000)); /* PUNCH_HOLE | KEEP_SIZE */
	EXPECT(p, 0, 0);
	SYS(p, __NR_fallocate, R(19), I(1), I(60000), I(8000));
	EXPECT(p, 0, 0);
	SYS(p, __NR_fallocate, R(19), I(0x10), I(1000), I(9000)); /* ZERO_RANGE */
	SYS(p, NR_LSEEK, R(19), I(0), I(3));
	SYS(p, NR_LSEEK, R(19), I(0), I(4));
	SYS(p, NR_FTRUNCATE, R(19), I(200000));
	EXPECT(p, 0, 0);
	SYS(p, NR_FTRUNCATE, R(19), I(70001));
	EXPECT(p, 0, 0);
	SYS(p, __NR_truncate, I(prog_string(p, "space")), I(100));
	EXPECT(p, 0, 0);
	SYS(p, __NR_fdatasync, R(19));
	EXPECT(p, 0, 0);
	SYS(p, __NR_sync, I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_sync_file_range, R(19), I(0), I(100), I(7));
}

/* Between files and pipes, and with memory that is only there when it is touched. */
static void moving(struct prog *p)
{
	static const u64 fresh[4] = {MORE, 6000, MORE + 0x4000, 9000};

	open_file(p, "from");
	SYS(p, __NR_write, R(19), I(MORE + 0x8000), I(12000));
	EXPECT(p, 0, 12000);
	MOVE(p, 20, 19);
	SYS(p, __NR_preadv, R(20), I(prog_data(p, fresh, sizeof(fresh))), I(2), I(100));
	EXPECT(p, 0, 11900);
	SYS(p, __NR_preadv2, R(20), I(prog_data(p, fresh, sizeof(fresh))), I(2), I(-1), I(0), I(0));
	SYS(p, __NR_pwritev2, R(20), I(prog_data(p, fresh, sizeof(fresh))), I(2), I(0), I(0), I(0));
	SYS(p, __NR_readv, R(20), I(prog_data(p, fresh, sizeof(fresh))), I(2));
	SYS(p, __NR_pwritev, R(20), I(prog_data(p, fresh, sizeof(fresh))), I(2), I(30));
	SYS(p, NR_LSEEK, R(20), I(0), I(0));
	open_file(p, "to");
	SYS(p, __NR_copy_file_range, R(20), I(0), R(19), I(0), I(7000), I(0));
	EXPECT(p, 0, 7000);
	SET(p, 22, TIME);
	SET(p, 23, 500);
	STORE(p, 8, 23, 22, 0);
	SYS(p, __NR_copy_file_range, R(20), I(TIME), R(19), I(0), I(700), I(0));
	EXPECT(p, 0, 700);
	make_pipe(p, 0);
	SET(p, 22, TIME);
	SET(p, 21, 500);
	STORE(p, 8, 21, 22, 0);
	SYS(p, __NR_splice, R(20), I(TIME), R(24), I(0), I(9000), I(0));
	EXPECT(p, 0, 9000);
	MOVE(p, 25, 23);
	MOVE(p, 21, 24);
	make_pipe(p, 0);
	SYS(p, __NR_tee, R(25), R(24), I(5000), I(0));
	EXPECT_OK(p, 0);
	SYS(p, __NR_splice, R(23), I(0), R(19), I(0), I(4000), I(0));
	EXPECT_OK(p, 0);
	SYS(p, __NR_splice, R(25), I(0), R(24), I(0), I(3000), I(0));
	EXPECT_OK(p, 0);
	SYS(p, __NR3264_sendfile, R(19), R(20), I(TIME), I(2000));
	/* Nothing there yet: a child brings it. */
	make_pipe(p, 0);
	CHILD(p) {
		work_sleep(p);
		SYS(p, __NR_write, R(24), I(work_fresh(p)), I(500));
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	SYS(p, __NR_splice, R(23), I(0), R(19), I(0), I(500), I(0));
	EXPECT(p, 0, 500);
	SYS(p, __NR_ioctl, R(23), I(0x541b), I(MORE + 0xc000)); /* FIONREAD */
	work_wait(p);
	SYS(p, __NR_read, I(99), I(work_fresh(p)), I(1));
	EXPECT(p, 0, -EBADF);
}

/* flock and record locks, waited for. */
static void locks(struct prog *p)
{
	static const struct { i16 type, whence; i64 start, len; i32 pid; } lock = {1, 0, 10, 5, 0};

	open_file(p, "lock");
	SYS(p, __NR_flock, R(19), I(2));
	EXPECT(p, 0, 0);
	SYS(p, __NR3264_fcntl, R(19), I(6), I(prog_data(p, &lock, sizeof(lock))));
	EXPECT(p, 0, 0);
	CHILD(p) {
		SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "lock")), I(O_RDWR));
		EXPECT_OK(p, 0);
		MOVE(p, 20, 0);
		SYS(p, __NR_flock, R(20), I(6)); /* LOCK_EX | LOCK_NB */
		SYS(p, __NR3264_fcntl, R(20), I(7), I(prog_data(p, &lock, sizeof(lock))));
		EXPECT(p, 0, 0);
		SYS(p, __NR_flock, R(20), I(2));
		EXPECT(p, 0, 0);
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	work_sleep(p);
	SYS(p, __NR3264_fcntl, R(19), I(5), I(prog_data(p, &lock, sizeof(lock))));
	EXPECT(p, 0, -EFAULT); /* it is read-only there */
	SYS(p, __NR_flock, R(19), I(8));
	EXPECT(p, 0, 0);
	SYS(p, __NR_close, R(19));
	work_wait(p);
	EXPECT(p, 21, 0);
	SYS(p, __NR_dup, I(1));
	SYS(p, __NR3264_fcntl, I(0), I(0), I(50));
	SYS(p, __NR_close_range, I(3), I(4000000000), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_dup3, I(0), I(60), I(0));
}

static void watching(struct prog *p)
{
	SYS(p, __NR_inotify_init1, I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 25, 0);
	SYS(p, __NR_inotify_add_watch, R(25), I(prog_string(p, ".")), I(0xfff));
	EXPECT(p, 0, 1);
	CHILD(p) {
		work_sleep(p);
		open_file(p, "new");
		SYS(p, __NR_write, R(19), I(work_fresh(p)), I(5));
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	SYS(p, __NR_read, R(25), I(MORE), I(4000));
	EXPECT_ABOVE(p, 0, 15);
	work_wait(p);
	SYS(p, __NR_ioctl, R(25), I(0x541b), I(MORE + 0x2000));
	EXPECT(p, 0, 0);
	SYS(p, __NR_inotify_rm_watch, R(25), I(1));
	EXPECT(p, 0, 0);
}

/* select and poll, until something comes. */
static void waiting(struct prog *p)
{
	static const u64 soon[2] = {0, 400000};
	static const u64 mask[2] = {0, 8};

	make_pipe(p, 0);
	SET(p, 22, FDS);
	STORE(p, 4, 23, 22, 16);
	SET(p, 21, 1);
	STORE(p, 4, 21, 22, 20);
	SYS(p, __NR_ppoll, I(FDS + 16), I(1), I(prog_data(p, soon, 16)), I(prog_data(p, mask, 8)),
	    I(8));
	EXPECT(p, 0, 0);
	SET(p, 21, 0x3ff);
	STORE(p, 8, 21, 22, 24);
	SYS(p, __NR_pselect6, I(7), I(FDS + 24), I(0), I(0), I(prog_data(p, soon, 16)), I(0));
	CHILD(p) {
		work_sleep(p);
		SYS(p, __NR_write, R(24), I(work_fresh(p)), I(1));
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	SET(p, 22, MORE);
	SET(p, 21, 0);
	EMIT(p, {.op = HOST_OP_SET, .d = 21, .imm = 0x18});
	STORE(p, 8, 21, 22, 0);
	STORE(p, 8, 21, 22, 8);
	STORE(p, 8, 21, 22, 16);
	SYS(p, __NR_pselect6, I(5), I(MORE), I(MORE + 8), I(MORE + 16), I(0), I(0));
	EXPECT_OK(p, 0);
	SET(p, 22, FDS);
	SYS(p, __NR_ppoll, I(FDS + 16), I(1), I(0), I(0), I(8));
	EXPECT(p, 0, 1);
	work_wait(p);
	SYS(p, __NR_pselect6, I(0), I(0), I(0), I(0), I(prog_data(p, soon, 16)), I(0));
	EXPECT(p, 0, 0);
	/* A FIFO's two ends find each other. */
	SYS(p, __NR_mknodat, I(AT_FDCWD), I(prog_string(p, "fifo")), I(010600), I(0));
	CHILD(p) {
		SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "fifo")), I(O_WRONLY));
		MOVE(p, 19, 0);
		SYS(p, __NR_write, R(19), I(work_fresh(p)), I(100));
		EXPECT(p, 0, 100);
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "fifo")), I(O_RDONLY));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	SYS(p, __NR_read, R(19), I(MORE + 0x5000), I(200));
	EXPECT(p, 0, 100);
	work_wait(p);
	EXPECT(p, 21, 0);
}

work_fn *const sweep_files[] = {space, moving, locks, watching, waiting, NULL};
