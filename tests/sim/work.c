/* tests/sim/work.c */
#define __ARCH_WANT_NEW_STAT
#define __ARCH_WANT_SET_GET_RLIMIT
#define __ARCH_WANT_SYS_CLONE3
#include "work.h"

#include <asm-generic/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/mman.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <signal.h>

#ifndef __NR_newfstatat
#define __NR_newfstatat __NR3264_fstatat
#endif
/* arm64's value: the build host's means O_DIRECT there. */
#undef O_DIRECTORY
#define O_DIRECTORY 040000
#define NR_MMAP	    __NR3264_mmap
#define NR_LSEEK    __NR3264_lseek
#define NR_FTRUNCATE __NR3264_ftruncate

/* The programs' own memory. */
#define STATUS (PROG_SPACE + 0x0)
#define FDS    (PROG_SPACE + 0x40)
#define WORD   (PROG_SPACE + 0x80)	/* futex */
#define COUNT  (PROG_SPACE + 0xc0)	/* signals handled */
#define TIME   (PROG_SPACE + 0x100)
#define BUFFER (PROG_SPACE + 0x1000)	/* 16 KiB */
#define STACK  (PROG_SPACE + 0x9000)	/* a thread's, its end */

/* Registers: 27 who, 26 rounds, 25 choice, 19-24 within one thing. */

static void work_exit(struct prog *p, int status)
{
	SYS(p, __NR_exit_group, I(status));
}

/* A descriptor or an error is in x0; go on to `what` only with a descriptor (in x19). */
#define WITH_FD(p) MOVE(p, 19, 0); \
	for (unsigned skip_ = prog_if_not_negative(p, 19), one_ = 1; one_; \
	     one_ = 0, prog_land(p, skip_))

static unsigned prog_if_not_negative(struct prog *p, unsigned reg)
{
	EMIT(p, {.op = HOST_OP_IF_LT, .a = (u8)reg, .b = P_NONE});
	return p->n - 1;
}

static void work_disk_read(struct prog *p)
{
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/mnt/pattern")), I(O_RDONLY));
	WITH_FD(p) {
		LOOP(p, 24, 3) {
			RANDOM(p, 20, WORK_PATTERN_WORDS - 1000);
			EMIT(p, {.op = HOST_OP_MUL, .d = 21, .a = 20, .imm = 8});
			SYS(p, __NR_pread64, R(19), I(BUFFER), I(6000), R(21));
			/* A read that met a bad sector further on is short. */
			IF(p, 0, LT, 0)
				EXPECT(p, 0, -EIO);
			SET(p, 22, BUFFER);
			IF(p, 0, GE, 0) {
				EXPECT_ABOVE(p, 0, 7);
				LOAD(p, 8, 23, 22, 0);
				EMIT(p, {.op = HOST_OP_MUL, .d = 21, .a = 20, .imm = WORK_PATTERN});
				EXPECT_REG(p, 23, 21);
			}
			IF(p, 0, EQ, 6000) {
				LOAD(p, 8, 23, 22, 5992);
				ADD(p, 20, 20, 749);
				EMIT(p, {.op = HOST_OP_MUL, .d = 21, .a = 20, .imm = WORK_PATTERN});
				EXPECT_REG(p, 23, 21);
			}
		}
		SYS(p, __NR_close, R(19));
		EXPECT(p, 0, 0);
	}
}

/* Through a private mapping; an error of the disk is a SIGBUS, which ends the process. */
static void work_disk_map(struct prog *p)
{
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/mnt/pattern")), I(O_RDONLY));
	WITH_FD(p) {
		SYS(p, NR_MMAP, I(0), I(WORK_PATTERN_WORDS * 8), I(PROT_READ | PROT_WRITE),
		    I(MAP_PRIVATE), R(19), I(0));
		EXPECT_OK(p, 0);
		MOVE(p, 20, 0);
		SYS(p, __NR_close, R(19));
		LOOP(p, 24, 6) {
			RANDOM(p, 21, WORK_PATTERN_WORDS);
			EMIT(p, {.op = HOST_OP_MUL, .d = 22, .a = 21, .imm = 8});
			EMIT(p, {.op = HOST_OP_ADD, .d = 22, .a = 22, .b = 20});
			LOAD(p, 8, 23, 22, 0);
			/* Written over in an earlier round, or the file's. */
			IF(p, 23, NE, -77) {
				EMIT(p, {.op = HOST_OP_MUL, .d = 21, .a = 21, .imm = WORK_PATTERN});
				EXPECT_REG(p, 23, 21);
			}
			SET(p, 23, -77);
			STORE(p, 8, 23, 22, 0);
			LOAD(p, 8, 23, 22, 0);
			EXPECT(p, 23, -77);
		}
		SYS(p, __NR_munmap, R(20), I(WORK_PATTERN_WORDS * 8));
		EXPECT(p, 0, 0);
	}
}

static u64 work_names(struct prog *p)
{
	static char names[8][16];

	for (unsigned i = 0; i < 8; i++)
		sprintf(names[i], "/tmp/file%u", i);
	return prog_data(p, names, sizeof(names));
}

static void work_tmp_file(struct prog *p)
{
	EMIT(p, {.op = HOST_OP_MUL, .d = 20, .a = 27, .imm = 16});
	ADD(p, 20, 20, work_names(p));
	SYS(p, __NR_openat, I(AT_FDCWD), R(20), I(O_RDWR | O_CREAT | O_TRUNC), I(0600));
	WITH_FD(p) {
		SET(p, 22, BUFFER);
		RANDOM(p, 21, 1000000);
		STORE(p, 8, 21, 22, 0);
		ADD(p, 23, 21, 5);
		STORE(p, 8, 23, 22, 6992);
		SYS(p, __NR_write, R(19), I(BUFFER), I(7000));
		EXPECT(p, 0, 7000);
		SYS(p, __NR_pwrite64, R(19), I(BUFFER), I(100), I(20000));
		EXPECT(p, 0, 100);
		SYS(p, NR_LSEEK, R(19), I(0), I(0));
		EXPECT(p, 0, 0);
		SYS(p, __NR_read, R(19), I(BUFFER + 8000), I(7000));
		EXPECT(p, 0, 7000);
		LOAD(p, 8, 24, 22, 8000);
		EXPECT_REG(p, 24, 21);
		LOAD(p, 8, 24, 22, 14992);
		EXPECT_REG(p, 24, 23);
		SYS(p, __NR_pread64, R(19), I(BUFFER + 8000), I(8), I(15000));
		EXPECT(p, 0, 8);
		LOAD(p, 8, 24, 22, 8000);
		EXPECT(p, 24, 0);
		SYS(p, NR_FTRUNCATE, R(19), I(10));
		EXPECT(p, 0, 0);
		SYS(p, NR_LSEEK, R(19), I(0), I(2));
		EXPECT(p, 0, 10);
		SYS(p, __NR_close, R(19));
		SYS(p, __NR_unlinkat, I(AT_FDCWD), R(20), I(0));
		EXPECT(p, 0, 0);
		SYS(p, __NR_openat, I(AT_FDCWD), R(20), I(O_RDONLY));
		EXPECT(p, 0, -ENOENT);
	}
}

/* fork(2): what follows is the child; it must end. */
#define CHILD(p) SYS(p, __NR_clone, I(SIGCHLD)); IF(p, 0, EQ, 0)

/* Wait for one's own child (in x20), its status in x21. */
static void work_wait(struct prog *p)
{
	SYS(p, __NR_wait4, R(20), I(STATUS), I(0), I(0));
	EXPECT_REG(p, 0, 20);
	SET(p, 22, STATUS);
	LOAD(p, 4, 21, 22, 0);
}

static void work_copy_on_write(struct prog *p)
{
	SYS(p, NR_MMAP, I(0), I(8 * 4096), I(PROT_READ | PROT_WRITE),
	    I(MAP_PRIVATE | MAP_ANONYMOUS), I(-1), I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	SET(p, 23, 4711);
	MOVE(p, 22, 19);
	LOOP(p, 24, 8) {
		LOAD(p, 8, 21, 22, 16);
		EXPECT(p, 21, 0);
		STORE(p, 8, 23, 22, 16);
		ADD(p, 22, 22, 4096);
	}
	CHILD(p) {
		SET(p, 23, 1);
		LOOP(p, 24, 8) {
			ADD(p, 22, 22, -4096);
			LOAD(p, 8, 21, 22, 16);
			EXPECT(p, 21, 4711);
			STORE(p, 8, 23, 22, 16);
			LOAD(p, 8, 21, 22, 16);
			EXPECT(p, 21, 1);
		}
		work_exit(p, 3);
	}
	EXPECT_OK(p, 0);
	MOVE(p, 20, 0);
	LOOP(p, 24, 4) { /* while the child does the same */
		ADD(p, 22, 22, -4096);
		SET(p, 23, 99);
		STORE(p, 8, 23, 22, 16);
	}
	work_wait(p);
	EXPECT(p, 21, 3 << 8);
	LOAD(p, 8, 21, 19, 16);
	EXPECT(p, 21, 4711);
	LOAD(p, 8, 21, 19, 7 * 4096 + 16);
	EXPECT(p, 21, 99);
	SYS(p, __NR_munmap, R(19), I(8 * 4096));
	EXPECT(p, 0, 0);
}

static void work_pipe(struct prog *p)
{
	SYS(p, __NR_pipe2, I(FDS), I(0));
	EXPECT(p, 0, 0);
	SET(p, 22, FDS);
	LOAD(p, 4, 19, 22, 0);
	LOAD(p, 4, 23, 22, 4);
	CHILD(p) {
		SYS(p, __NR_close, R(19));
		LOOP(p, 24, 6) {
			SYS(p, __NR_write, R(23), I(BUFFER), I(12000));
			EXPECT(p, 0, 12000);
		}
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	SYS(p, __NR_close, R(23));
	SET(p, 23, 0);
	{
		unsigned top = p->n, out;

		SYS(p, __NR_read, R(19), I(BUFFER), I(10000));
		EXPECT_OK(p, 0);
		EMIT(p, {.op = HOST_OP_IF_EQ, .a = 0, .b = P_NONE});
		out = p->n - 1;
		EMIT(p, {.op = HOST_OP_ADD, .d = 23, .a = 23, .b = 0});
		prog_go_to(p, top);
		prog_land(p, out);
	}
	EXPECT(p, 23, 72000);
	SYS(p, __NR_close, R(19));
	work_wait(p);
	EXPECT(p, 21, 0);
}

/* A thread that sets a word and wakes whoever waits for it. */
static void work_futex(struct prog *p)
{
	unsigned top;

	SET(p, 22, WORD);
	SET(p, 23, 0);
	STORE(p, 4, 23, 22, 0);
	STORE(p, 4, 23, 22, 4);
	SYS(p, __NR_clone, I(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
			     CLONE_SYSVSEM | CLONE_CHILD_CLEARTID),
	    I(STACK), I(0), I(0), I(WORD + 4));
	IF(p, 0, EQ, 0) {
		SET(p, 23, 1);
		STORE(p, 4, 23, 22, 0);
		SYS(p, __NR_futex, I(WORD), I(FUTEX_WAKE | FUTEX_PRIVATE_FLAG), I(1));
		SYS(p, __NR_exit, I(0));
	}
	EXPECT_OK(p, 0);
	top = p->n;
	LOAD(p, 4, 23, 22, 0);
	IF(p, 23, EQ, 0) {
		SYS(p, __NR_futex, I(WORD), I(FUTEX_WAIT | FUTEX_PRIVATE_FLAG), I(0), I(0));
		prog_go_to(p, top);
	}
}

static void work_sleep(struct prog *p)
{
	SET(p, 22, TIME);
	SET(p, 23, 0);
	STORE(p, 8, 23, 22, 0);
	RANDOM(p, 23, 200000);
	STORE(p, 8, 23, 22, 8);
	SYS(p, __NR_nanosleep, I(TIME), I(0));
	IF(p, 0, NE, -EINTR)
		EXPECT(p, 0, 0);
	SYS(p, __NR_sched_yield, I(0));
	EXPECT(p, 0, 0);
}

/* A handler that counts, and the call it interrupts or not. */
static void work_signal(struct prog *p)
{
	unsigned over = prog_go(p), handler = p->n, restorer;
	u64 action[4];

	SET(p, 9, COUNT);
	LOAD(p, 8, 10, 9, 0);
	ADD(p, 10, 10, 1);
	STORE(p, 8, 10, 9, 0);
	EMIT(p, {.op = HOST_OP_RETURN});
	restorer = p->n;
	SET(p, 8, __NR_rt_sigreturn);
	EMIT(p, {.op = HOST_OP_SVC});
	prog_land(p, over);
	action[0] = PROG_CODE + handler * 16ul;
	action[1] = 0x04000000; /* SA_RESTORER */
	action[2] = PROG_CODE + restorer * 16ul;
	action[3] = 0;
	SYS(p, __NR_rt_sigaction, I(SIGUSR1), I(prog_data(p, action, sizeof(action))), I(0), I(8));
	EXPECT(p, 0, 0);
	SET(p, 22, COUNT);
	SET(p, 23, 0);
	STORE(p, 8, 23, 22, 0);
	SET(p, 21, 424242);
	SYS(p, __NR_getpid, I(0));
	MOVE(p, 20, 0);
	LOOP(p, 24, 3) {
		SYS(p, __NR_kill, R(20), I(SIGUSR1));
		EXPECT(p, 0, 0);
	}
	LOAD(p, 8, 23, 22, 0);
	EXPECT(p, 23, 3);
	EXPECT(p, 21, 424242);
}

static void work_directory(struct prog *p)
{
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/mnt")), I(O_RDONLY | O_DIRECTORY));
	WITH_FD(p) {
		SYS(p, __NR_getdents64, R(19), I(BUFFER), I(4096));
		SYS(p, __NR_close, R(19));
	}
	SYS(p, __NR_newfstatat, I(AT_FDCWD), I(prog_string(p, "/mnt/pattern")), I(BUFFER), I(0));
	IF(p, 0, NE, -EIO) {
		EXPECT(p, 0, 0);
		SET(p, 22, BUFFER);
		LOAD(p, 8, 23, 22, 48); /* st_size */
		EXPECT(p, 23, WORK_PATTERN_WORDS * 8);
	}
	SYS(p, __NR_newfstatat, I(AT_FDCWD), I(prog_string(p, "/mnt/none/../x")), I(BUFFER), I(0));
	IF(p, 0, NE, -EIO)
		EXPECT(p, 0, -ENOENT);
}

/* A child that would sleep for ever is killed. */
static void work_kill(struct prog *p)
{
	CHILD(p) {
		unsigned top = p->n;

		SYS(p, __NR_ppoll, I(0), I(0), I(0), I(0), I(0));
		prog_go_to(p, top);
	}
	MOVE(p, 20, 0);
	work_sleep(p);
	SYS(p, __NR_kill, R(20), I(SIGKILL));
	EXPECT(p, 0, 0);
	work_wait(p);
	EXPECT(p, 21, SIGKILL);
}

/* The same program over again, in a fresh image; x0 of a fresh image is 0, argv says who. */
static void work_exec(struct prog *p)
{
	static const u64 none[1];

	CHILD(p) {
		SYS(p, __NR_execve, I(prog_string(p, "/true")), I(prog_data(p, none, 8)),
		    I(prog_data(p, none, 8)));
		work_exit(p, 9); /* not there: no memory, say */
	}
	MOVE(p, 20, 0);
	work_wait(p);
	IF(p, 21, NE, 0)
		EXPECT(p, 21, 9 << 8);
}

/* --- more of the calls, each with what it must leave behind --- */

/* A path of one's own, in x20: base + who * 16. */
static void work_own_path(struct prog *p, unsigned reg, const char *format_)
{
	char names[8][24];

	memset(names, 0, sizeof(names));
	for (unsigned i = 0; i < 8; i++)
		snprintf(names[i], sizeof(names[i]), format_, i);
	EMIT(p, {.op = HOST_OP_MUL, .d = (u8)reg, .a = 27, .imm = sizeof(names[0])});
	ADD(p, reg, reg, prog_data(p, names, sizeof(names)));
}

static void work_tree(struct prog *p)
{
	work_own_path(p, 20, "/tmp/dir%u");
	work_own_path(p, 21, "/tmp/dir%u/link");
	work_own_path(p, 22, "/tmp/dir%u/name");
	work_own_path(p, 23, "/tmp/moved%u");
	/* What one that broke off left. */
	SYS(p, __NR_unlinkat, I(AT_FDCWD), R(21), I(0));
	SYS(p, __NR_unlinkat, I(AT_FDCWD), R(22), I(0));
	SYS(p, __NR_unlinkat, I(AT_FDCWD), R(23), I(0));
	SYS(p, __NR_unlinkat, I(AT_FDCWD), R(20), I(AT_REMOVEDIR));
	SYS(p, __NR_mkdirat, I(AT_FDCWD), R(20), I(0755));
	EXPECT(p, 0, 0);
	SYS(p, __NR_symlinkat, I(prog_string(p, "name")), I(AT_FDCWD), R(21));
	EXPECT(p, 0, 0);
	SYS(p, __NR_openat, I(AT_FDCWD), R(21), I(O_RDWR | O_CREAT), I(0644));
	EXPECT_OK(p, 0);
	SYS(p, __NR_close, R(0));
	SYS(p, __NR_readlinkat, I(AT_FDCWD), R(21), I(BUFFER), I(100));
	EXPECT(p, 0, 4);
	SYS(p, __NR_linkat, I(AT_FDCWD), R(22), I(AT_FDCWD), R(23), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_fchmodat, I(AT_FDCWD), R(23), I(0600));
	EXPECT(p, 0, 0);
	SYS(p, __NR_truncate, R(23), I(70000));
	EXPECT(p, 0, 0);
	SYS(p, __NR_newfstatat, I(AT_FDCWD), R(22), I(BUFFER), I(0));
	EXPECT(p, 0, 0);
	SET(p, 24, BUFFER);
	LOAD(p, 8, 25, 24, 48);
	EXPECT(p, 25, 70000);
	LOAD(p, 4, 25, 24, 20); /* st_nlink */
	EXPECT(p, 25, 2);
	SYS(p, __NR_unlinkat, I(AT_FDCWD), R(20), I(AT_REMOVEDIR));
	EXPECT(p, 0, -ENOTEMPTY);
	SYS(p, __NR_renameat2, I(AT_FDCWD), R(23), I(AT_FDCWD), R(21), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_utimensat, I(AT_FDCWD), R(21), I(0), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_chdir, R(20));
	EXPECT(p, 0, 0);
	SYS(p, __NR_getcwd, I(BUFFER), I(100));
	EXPECT(p, 0, 10);
	SYS(p, __NR_chdir, I(prog_string(p, "/")));
	SYS(p, __NR_openat, I(AT_FDCWD), R(20), I(O_RDONLY | O_DIRECTORY));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	SYS(p, __NR_getdents64, R(19), I(BUFFER), I(2000));
	EXPECT_ABOVE(p, 0, 60);
	SYS(p, __NR_close, R(19));
	SYS(p, __NR_unlinkat, I(AT_FDCWD), R(21), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_unlinkat, I(AT_FDCWD), R(22), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_unlinkat, I(AT_FDCWD), R(20), I(AT_REMOVEDIR));
	EXPECT(p, 0, 0);
}

static void work_memory(struct prog *p)
{
	SYS(p, __NR_brk, I(0));
	MOVE(p, 19, 0);
	ADD(p, 20, 19, 100000);
	SYS(p, __NR_brk, R(20));
	EXPECT_REG(p, 0, 20);
	SET(p, 23, 5);
	STORE(p, 1, 23, 20, -1);
	SYS(p, __NR_brk, R(19));
	EXPECT_REG(p, 0, 19);
	SYS(p, NR_MMAP, I(0), I(16 * 4096), I(PROT_READ | PROT_WRITE),
	    I(MAP_SHARED | MAP_ANONYMOUS), I(-1), I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	CHILD(p) {
		SET(p, 23, 31337);
		STORE(p, 8, 23, 19, 4096);
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	work_wait(p);
	EXPECT(p, 21, 0);
	LOAD(p, 8, 23, 19, 4096);
	EXPECT(p, 23, 31337);
	SYS(p, __NR_mremap, R(19), I(16 * 4096), I(40 * 4096), I(1), I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	LOAD(p, 8, 23, 19, 4096);
	EXPECT(p, 23, 31337);
	SYS(p, __NR_munmap, R(19), I(40 * 4096));
	EXPECT(p, 0, 0);
	SYS(p, NR_MMAP, I(0), I(16 * 4096), I(PROT_READ | PROT_WRITE),
	    I(MAP_PRIVATE | MAP_ANONYMOUS), I(-1), I(0));
	MOVE(p, 19, 0);
	STORE(p, 8, 23, 19, 8192);
	SYS(p, __NR_mprotect, R(19), I(4 * 4096), I(PROT_READ));
	EXPECT(p, 0, 0);
	SYS(p, __NR_read, I(0), I(0), I(0));
	LOAD(p, 8, 22, 19, 8192);
	EXPECT_REG(p, 22, 23);
	ADD(p, 20, 19, 8192);
	SYS(p, __NR_pipe2, R(20), I(0));
	EXPECT(p, 0, -EFAULT);
	SYS(p, __NR_mprotect, R(19), I(4 * 4096), I(PROT_READ | PROT_WRITE));
	STORE(p, 8, 23, 19, 0);
	SYS(p, __NR_madvise, R(19), I(4 * 4096), I(4)); /* MADV_DONTNEED */
	EXPECT(p, 0, 0);
	LOAD(p, 8, 22, 19, 8192);
	EXPECT(p, 22, 0);
	SYS(p, __NR_mincore, R(19), I(4 * 4096), I(BUFFER));
	EXPECT(p, 0, 0);
	SYS(p, __NR_mlock, R(19), I(4 * 4096));
	SYS(p, __NR_munmap, R(20), I(4096));
	EXPECT(p, 0, 0);
	SYS(p, __NR_munmap, R(19), I(16 * 4096));
	EXPECT(p, 0, 0);
}

static void work_shared_file(struct prog *p)
{
	work_own_path(p, 20, "/tmp/shared%u");
	SYS(p, __NR_openat, I(AT_FDCWD), R(20), I(O_RDWR | O_CREAT | O_TRUNC), I(0600));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	SYS(p, NR_FTRUNCATE, R(19), I(12288));
	EXPECT(p, 0, 0);
	SYS(p, NR_MMAP, I(0), I(12288), I(PROT_READ | PROT_WRITE), I(MAP_SHARED), R(19), I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 21, 0);
	SET(p, 23, 0x1234567);
	STORE(p, 8, 23, 21, 8192);
	SYS(p, __NR_pread64, R(19), I(BUFFER), I(8), I(8192));
	EXPECT(p, 0, 8);
	SET(p, 22, BUFFER);
	LOAD(p, 8, 24, 22, 0);
	EXPECT_REG(p, 24, 23);
	SYS(p, __NR_pwrite64, R(19), I(BUFFER), I(8), I(16));
	LOAD(p, 8, 24, 21, 16);
	EXPECT_REG(p, 24, 23);
	/* From a mapping of the file into the file. */
	SYS(p, __NR_pwrite64, R(19), R(21), I(5000), I(100));
	EXPECT(p, 0, 5000);
	SYS(p, __NR_msync, R(21), I(12288), I(4));
	EXPECT(p, 0, 0);
	SYS(p, __NR_fsync, R(19));
	EXPECT(p, 0, 0);
	SYS(p, __NR_munmap, R(21), I(12288));
	SYS(p, __NR_close, R(19));
	SYS(p, __NR_unlinkat, I(AT_FDCWD), R(20), I(0));
	EXPECT(p, 0, 0);
}

static void work_vectors(struct prog *p)
{
	static const u64 from[4] = {BUFFER, 100, BUFFER + 1000, 300};

	work_own_path(p, 20, "/tmp/vector%u");
	SYS(p, __NR_openat, I(AT_FDCWD), R(20), I(O_RDWR | O_CREAT | O_APPEND | O_TRUNC), I(0600));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	SYS(p, __NR_writev, R(19), I(prog_data(p, from, sizeof(from))), I(2));
	EXPECT(p, 0, 400);
	SYS(p, __NR_preadv, R(19), I(prog_data(p, from, sizeof(from))), I(2), I(50));
	EXPECT(p, 0, 350);
	SYS(p, __NR_pipe2, I(FDS), I(O_NONBLOCK));
	EXPECT(p, 0, 0);
	SET(p, 22, FDS);
	LOAD(p, 4, 23, 22, 0);
	LOAD(p, 4, 24, 22, 4);
	SYS(p, NR_LSEEK, R(19), I(0), I(0));
	SYS(p, __NR3264_sendfile, R(24), R(19), I(0), I(1000));
	EXPECT(p, 0, 400);
	SYS(p, __NR_read, R(23), I(BUFFER), I(1000));
	EXPECT(p, 0, 400);
	SYS(p, __NR_read, R(23), I(BUFFER), I(1000));
	EXPECT(p, 0, -EAGAIN);
	/* poll: nothing to read until the time is over, then there is. */
	STORE(p, 4, 23, 22, 16);
	SET(p, 21, 1);
	STORE(p, 4, 21, 22, 20);
	SET(p, 21, 0);
	SET(p, 25, TIME);
	STORE(p, 8, 21, 25, 0);
	SET(p, 21, 30000);
	STORE(p, 8, 21, 25, 8);
	SYS(p, __NR_ppoll, I(FDS + 16), I(1), I(TIME), I(0), I(8));
	EXPECT(p, 0, 0);
	SYS(p, __NR_write, R(24), I(BUFFER), I(5));
	SYS(p, __NR_ppoll, I(FDS + 16), I(1), I(0), I(0), I(8));
	EXPECT(p, 0, 1);
	SYS(p, __NR_dup3, R(23), I(100), I(0));
	EXPECT(p, 0, 100);
	SYS(p, __NR_close, I(100));
	SYS(p, __NR_close, R(23));
	SYS(p, __NR_close, R(24));
	SYS(p, __NR_close, R(19));
	SYS(p, __NR_unlinkat, I(AT_FDCWD), R(20), I(0));
	EXPECT(p, 0, 0);
}

static void work_proc_read(struct prog *p, const char *name)
{
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, name)), I(O_RDONLY));
	WITH_FD(p) {
		SYS(p, __NR_read, R(19), I(BUFFER), I(4000));
		EXPECT_OK(p, 0);
		SYS(p, __NR_close, R(19));
	}
}

static void work_proc(struct prog *p)
{
	work_proc_read(p, "/proc/self/stat");
	work_proc_read(p, "/proc/self/status");
	work_proc_read(p, "/proc/self/maps");
	work_proc_read(p, "/proc/self/stack");
	work_proc_read(p, "/proc/1/cmdline");
	work_proc_read(p, "/proc/meminfo");
	work_proc_read(p, "/proc/stat");
	work_proc_read(p, "/proc/mounts");
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/proc")), I(O_RDONLY | O_DIRECTORY));
	WITH_FD(p) {
		SYS(p, __NR_getdents64, R(19), I(BUFFER), I(4096));
		EXPECT_OK(p, 0);
		SYS(p, __NR_close, R(19));
	}
}

/* Files that are copied up from the disk, and new ones, above it. */
static void work_overlay(struct prog *p)
{
	work_own_path(p, 20, "/over/new%u");
	SYS(p, __NR_openat, I(AT_FDCWD), R(20), I(O_RDWR | O_CREAT | O_TRUNC), I(0600));
	WITH_FD(p) {
		SYS(p, __NR_write, R(19), I(BUFFER), I(3000));
		EXPECT(p, 0, 3000);
		SYS(p, __NR_close, R(19));
		SYS(p, __NR_unlinkat, I(AT_FDCWD), R(20), I(0));
		IF(p, 0, NE, -EIO)
			EXPECT(p, 0, 0);
	}
	work_own_path(p, 20, "/over/directory/entry%u");
	SYS(p, __NR_openat, I(AT_FDCWD), R(20), I(O_RDWR | O_APPEND));
	WITH_FD(p) {
		SYS(p, __NR_write, R(19), I(BUFFER), I(10));
		SYS(p, __NR_close, R(19));
	}
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/over/directory")),
	    I(O_RDONLY | O_DIRECTORY));
	WITH_FD(p) {
		SYS(p, __NR_getdents64, R(19), I(BUFFER), I(8000));
		SYS(p, __NR_close, R(19));
	}
}

/* A pseudo terminal: what the master writes, the other end reads as a line. */
static void work_pty(struct prog *p)
{
	static const u32 none;

	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/dev/ptmx")), I(O_RDWR | 0400));
	WITH_FD(p) {
		SYS(p, __NR_ioctl, R(19), I(0x40045431), I(prog_data(p, &none, 4))); /* TIOCSPTLCK */
		EXPECT(p, 0, 0);
		SYS(p, __NR_ioctl, R(19), I(0x5441), I(O_RDWR | 0400)); /* TIOCGPTPEER */
		IF(p, 0, GE, 0) {
			MOVE(p, 20, 0);
			SYS(p, __NR_write, R(19), I(prog_string(p, "hello\n")), I(6));
			EXPECT(p, 0, 6);
			SYS(p, __NR_read, R(20), I(BUFFER), I(100));
			EXPECT(p, 0, 6);
			SYS(p, __NR_write, R(20), I(prog_string(p, "yes")), I(3));
			EXPECT(p, 0, 3);
			SYS(p, __NR_read, R(19), I(BUFFER), I(100));
			SYS(p, __NR_close, R(20));
		}
		SYS(p, __NR_close, R(19));
	}
}

/* Signals that are waited for, timers that send them, and vfork. */
static void work_timers(struct prog *p)
{
	static const u64 alarm_set = 1ul << (SIGALRM - 1);
	static const u64 soon[4] = {0, 0, 0, 40};	/* usec */

	SYS(p, __NR_rt_sigprocmask, I(0), I(prog_data(p, &alarm_set, 8)), I(0), I(8));
	EXPECT(p, 0, 0);
	SYS(p, __NR_setitimer, I(0), I(prog_data(p, soon, sizeof(soon))), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_rt_sigtimedwait, I(prog_data(p, &alarm_set, 8)), I(BUFFER), I(0), I(8));
	EXPECT(p, 0, SIGALRM);
	SYS(p, __NR_rt_sigprocmask, I(1), I(prog_data(p, &alarm_set, 8)), I(0), I(8));
	SYS(p, __NR_clone, I(CLONE_VFORK | CLONE_VM | SIGCHLD), I(STACK));
	IF(p, 0, EQ, 0) {
		SET(p, 22, WORD);
		SET(p, 23, 55);
		STORE(p, 8, 23, 22, 8);
		work_exit(p, 4);
	}
	EXPECT_OK(p, 0);
	MOVE(p, 20, 0);
	SET(p, 22, WORD);
	LOAD(p, 8, 23, 22, 8);
	EXPECT(p, 23, 55);
	SYS(p, __NR_waitid, I(1), R(20), I(BUFFER), I(4), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_clock_gettime, I(1), I(BUFFER));
	EXPECT(p, 0, 0);
	SYS(p, __NR_getrandom, I(BUFFER), I(200), I(0));
	EXPECT(p, 0, 200);
	SYS(p, __NR_sched_setaffinity, I(0), I(8), I(prog_data(p, &alarm_set, 8)));
}

typedef void work_fn(struct prog *p);
static work_fn *const things[] = {
	work_disk_read, work_disk_map, work_tmp_file, work_copy_on_write, work_pipe, work_futex,
	work_sleep, work_signal, work_directory, work_kill, work_exec, work_tree, work_memory,
	work_shared_file, work_vectors, work_proc, work_overlay, work_pty, work_timers,
	work_epoll,
};
#define THINGS (sizeof(things) / sizeof(things[0]))

static void work_mount(struct prog *p)
{
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "/tmp")), I(0777));
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "/mnt")), I(0777));
	SYS(p, __NR_mount, I(prog_string(p, "dev")), I(prog_string(p, "/dev")),
	    I(prog_string(p, "devtmpfs")), I(0), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "/proc")), I(0555));
	SYS(p, __NR_mount, I(prog_string(p, "proc")), I(prog_string(p, "/proc")),
	    I(prog_string(p, "proc")), I(0), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "/dev/pts")), I(0755));
	SYS(p, __NR_mount, I(prog_string(p, "devpts")), I(prog_string(p, "/dev/pts")),
	    I(prog_string(p, "devpts")), I(0), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "/over")), I(0755));
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "/tmp/upper")), I(0755));
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "/tmp/work")), I(0755));
	SYS(p, __NR_mount, I(prog_string(p, "/dev/vda")), I(prog_string(p, "/mnt")),
	    I(prog_string(p, "ext4")), I(1), I(0));
}

static void work_mount_overlay(struct prog *p)
{
	SYS(p, __NR_mount, I(prog_string(p, "over")), I(prog_string(p, "/over")),
	    I(prog_string(p, "overlay")), I(0),
	    I(prog_string(p, "lowerdir=/mnt,upperdir=/tmp/upper,workdir=/tmp/work")));
}

void work_mixed(struct prog *p, unsigned rounds)
{
	work_mount(p);
	IF(p, 0, EQ, -EIO) /* the disk's right */
		P_OFF_NOW(p);
	EXPECT(p, 0, 0);
	work_mount_overlay(p);
	IF(p, 0, NE, -EIO)
		EXPECT(p, 0, 0);
	LOOP(p, 27, 4) {
		CHILD(p) {
			LOOP(p, 26, rounds) {
				RANDOM(p, 25, THINGS);
				for (unsigned i = 0; i < THINGS; i++)
					IF(p, 25, EQ, i)
						things[i](p);
			}
			work_exit(p, 0);
		}
		EXPECT_OK(p, 0);
	}
	LOOP(p, 27, 4) {
		SYS(p, __NR_wait4, I(-1), I(STATUS), I(0), I(0));
		EXPECT_OK(p, 0);
		SET(p, 22, STATUS);
		LOAD(p, 4, 21, 22, 0);
		IF(p, 21, NE, SIGBUS)
			EXPECT(p, 21, 0);
	}
	SYS(p, __NR_wait4, I(-1), I(STATUS), I(0), I(0));
	EXPECT(p, 0, -ECHILD);
	SYS(p, __NR_umount2, I(prog_string(p, "/over")), I(0));
	/* What the overlay held is let go by a worker. */
	SYS(p, __NR_nanosleep, I(prog_data(p, (const u64[]){0, 100000000}, 16)), I(0));
	SYS(p, __NR_umount2, I(prog_string(p, "/mnt")), I(0));
	EXPECT(p, 0, 0);
	P_OFF_NOW(p);
}

/* One thing in a child of its own; 27 is 2 while allocations fail. */
static void work_one(struct prog *p, work_fn *thing)
{
	unsigned top;

	CHILD(p) {
		SET(p, 27, 0);
		thing(p);
		work_exit(p, 0);
	}
	IF(p, 27, NE, 2)
		EXPECT_OK(p, 0);
	/* What a thing that broke off left behind would run for ever. */
	IF(p, 27, EQ, 2) {
		IF(p, 0, GE, 0) {
			MOVE(p, 20, 0);
			SYS(p, __NR_wait4, R(20), I(STATUS), I(0), I(0));
			SYS(p, __NR_kill, I(-1), I(SIGKILL));
		}
	}
	top = p->n;
	SYS(p, __NR_wait4, I(-1), I(STATUS), I(0), I(0));
	IF(p, 0, GE, 0) {
		SET(p, 22, STATUS);
		LOAD(p, 4, 21, 22, 0);
		IF(p, 27, NE, 2)
			EXPECT(p, 21, 0);
	}
	IF(p, 0, NE, -ECHILD)
		prog_go_to(p, top);
}

static void work_hook(struct prog *p, unsigned what)
{
	EMIT(p, {.op = HOST_OP_HOOK, .imm = what});
}

void work_allocations(struct prog *p)
{
	static const u64 while_workers_free[2] = {0, 50000000};

	work_mount(p);
	SYS(p, __NR_umount2, I(prog_string(p, "/mnt")), I(0));
	LOOP(p, 27, 3) {
		IF(p, 27, EQ, 2)
			work_hook(p, WORK_FAIL);
		SYS(p, __NR_mount, I(prog_string(p, "/dev/vda")), I(prog_string(p, "/mnt")),
		    I(prog_string(p, "ext4")), I(1), I(0));
		IF(p, 27, NE, 2)
			EXPECT(p, 0, 0);
		for (unsigned i = 0; i < THINGS; i++)
			work_one(p, things[i]);
		SYS(p, __NR_umount2, I(prog_string(p, "/mnt")), I(0));
		IF(p, 27, EQ, 2)
			work_hook(p, WORK_FAILED);
		IF(p, 27, EQ, 2) /* the unmounting itself may have failed */
			SYS(p, __NR_umount2, I(prog_string(p, "/mnt")), I(0));
		SYS(p, __NR_nanosleep, I(prog_data(p, while_workers_free, 16)), I(0));
		IF(p, 27, EQ, 3)
			work_hook(p, WORK_QUIET);
	}
	work_hook(p, WORK_SAME);
	P_OFF_NOW(p);
}
