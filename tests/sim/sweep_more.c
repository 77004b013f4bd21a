/* tests/sim/sweep_more.c -- the rarer ways of calls: files of memory, leases, pages into pipes, owners
 * of files, dumps of dead programs, processes made with everything said.
 */
#include <linux/falloc.h>

#include "base.h"

#define MORE (PROG_SPACE + 0x10000)	/* memory that nothing has touched yet */

#define NR_REMAP_FILE_PAGES 234
#define NR_PKEY_MPROTECT    288
#define NR_CACHESTAT	    451
#define NR_MSEAL	    462

#define SETLEASE  1024
#define ADD_SEALS 1033

static void new_file(struct prog *p, const char *name, int flags)
{
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, name)), I(O_RDWR | O_CREAT | flags), I(0644));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
}

/* A file without a name, mapped, sealed; and mappings in order of no kind. */
static void memory_files(struct prog *p)
{
	static const u64 range[2] = {0, 20000};

	SYS(p, __NR_memfd_create, I(prog_string(p, "memory")), I(2)); /* ALLOW_SEALING */
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	SYS(p, NR_FTRUNCATE, R(19), I(5 * 4096));
	SYS(p, NR_MMAP, I(0), I(5 * 4096), I(3), I(MAP_SHARED), R(19), I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 20, 0);
	SYS(p, NR_REMAP_FILE_PAGES, R(20), I(4096), I(0), I(3), I(0));
	SYS(p, __NR_write, R(19), I(work_fresh(p)), I(9000));
	SYS(p, NR_CACHESTAT, R(19), I(prog_data(p, range, 16)), I(MORE), I(0));
	SYS(p, NR_PKEY_MPROTECT, R(20), I(4096), I(1), I(-1));
	SYS(p, __NR_munmap, R(20), I(5 * 4096));
	SYS(p, __NR3264_fcntl, R(19), I(ADD_SEALS), I(8)); /* WRITE */
	EXPECT(p, 0, 0);
	SYS(p, __NR_write, R(19), I(work_fresh(p)), I(10));
	EXPECT(p, 0, -EPERM);
	SYS(p, NR_MMAP, I(0), I(8192), I(1), I(MAP_SHARED), R(19), I(0));
	EXPECT_OK(p, 0);
	SYS(p, NR_MSEAL, R(0), I(8192), I(0));
	new_file(p, "written-through", 010000); /* O_DSYNC */
	SYS(p, __NR_write, R(19), I(work_fresh(p)), I(5000));
	EXPECT(p, 0, 5000);
	SYS(p, __NR_pwrite64, R(19), I(BUFFER), I(10), I(1ul << 33)); /* far behind its end */
	EXPECT(p, 0, 10);
}

/* A pipe that is full of somebody's pages. */
static void pages(struct prog *p)
{
	static const u64 some[4] = {BUFFER, 16000, BUFFER, 9000}, fresh[2] = {MORE + 0x4000, 20000};

	SYS(p, __NR_pipe2, I(FDS), I(0));
	EXPECT(p, 0, 0);
	SET(p, 22, FDS);
	LOAD(p, 4, 19, 22, 0);
	LOAD(p, 4, 23, 22, 4);
	CHILD(p) {
		SYS(p, __NR_close, R(19));
		LOOP(p, 24, 4)
			SYS(p, __NR_vmsplice, R(23), I(prog_data(p, some, 32)), I(2), I(0));
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	SYS(p, __NR_close, R(23));
	work_sleep(p);
	{
		unsigned top = p->n;

		SYS(p, __NR_vmsplice, R(19), I(prog_data(p, fresh, 16)), I(1), I(0));
		EXPECT_OK(p, 0);
		IF(p, 0, NE, 0)
			prog_go_to(p, top);
	}
	work_wait(p);
	EXPECT(p, 21, 0);
}

/* Who owns a file, who has a lease on it, and who wants it. */
static void owners(struct prog *p)
{
	static const u64 ignore[4] = {1};
	static const struct { i32 type, pid; } me = {1, 0};
	static const u32 on = 1;

	SYS(p, __NR_rt_sigaction, I(SIGIO), I(prog_data(p, ignore, 32)), I(0), I(8));
	new_file(p, "leased", 0);
	SYS(p, __NR3264_fcntl, R(19), I(15), I(prog_data(p, &me, 8))); /* SETOWN_EX */
	SYS(p, __NR3264_fcntl, R(19), I(16), I(MORE));
	SYS(p, __NR3264_fcntl, R(19), I(17), I(MORE + 0x1000));
	SYS(p, __NR_ioctl, R(19), I(0x5421), I(prog_data(p, &on, 4))); /* FIONBIO */
	SYS(p, __NR_ioctl, R(19), I(0x5452), I(prog_data(p, &on, 4))); /* FIOASYNC */
	SYS(p, __NR_ioctl, R(19), I(0x541b), I(MORE + 0x2000));
	SYS(p, __NR3264_fcntl, R(19), I(SETLEASE), I(1)); /* WRLCK */
	EXPECT(p, 0, 0);
	CHILD(p) {
		SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "leased")), I(O_RDWR));
		EXPECT_OK(p, 0);
		SYS(p, __NR_flock, R(0), I(2));
		EXPECT(p, 0, 0);
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	SYS(p, __NR_flock, R(19), I(2));
	work_sleep(p);
	SYS(p, __NR3264_fcntl, R(19), I(SETLEASE), I(2)); /* UNLCK */
	EXPECT(p, 0, 0);
	SYS(p, __NR_nanosleep, I(prog_data(p, (const u64[]){0, 2000000}, 16)), I(0));
	SYS(p, __NR_flock, R(19), I(8));
	work_wait(p);
	EXPECT(p, 21, 0);
	SYS(p, __NR3264_fcntl, R(19), I(SETLEASE), I(1));
	EXPECT(p, 0, 0);
	CHILD(p) {
		SYS(p, __NR_truncate, I(prog_string(p, "leased")), I(10));
		EXPECT(p, 0, 0);
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	work_sleep(p);
	SYS(p, __NR3264_fcntl, R(19), I(SETLEASE), I(2));
	work_wait(p);
	SYS(p, __NR_epoll_create1, I(0));
	SYS(p, __NR_dup3, R(19), R(0), I(0));
	SYS(p, __NR_socket, I(1), I(1), I(0));
	SYS(p, __NR_ioctl, R(0), I(0x8902), I(prog_data(p, &on, 4))); /* SIOCSPGRP */
}

/* A program that ends with its threads' memory in a file. */
static void dumps(struct prog *p)
{
	static const u64 all[2] = {~0ul, ~0ul};

	CHILD(p) {
		SYS(p, __NR_prlimit64, I(0), I(4), I(prog_data(p, all, 16)), I(0)); /* CORE */
		EXPECT(p, 0, 0);
		SYS(p, NR_MMAP, I(0), I(40960), I(3), I(MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE), I(-1),
		    I(0));
		SYS(p, __NR_clone, I(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD), I(STACK),
		    I(0), I(0), I(0));
		IF(p, 0, EQ, 0) {
			SYS(p, __NR_ppoll, I(0), I(0), I(0), I(0), I(0));
			SYS(p, __NR_exit, I(0));
		}
		work_sleep(p);
		SYS(p, __NR_getpid, I(0));
		SYS(p, __NR_kill, R(0), I(SIGABRT));
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	work_wait(p);
	EXPECT(p, 21, SIGABRT | 0x80);
}

/* With a number, with more said than this kernel knows, and one that fails late. */
static void making(struct prog *p)
{
	static const i32 number[2] = {4242};
	static const i16 undone[3] = {0, 1, 0x1000};
	u64 args[12] = {0, 0, 0, 0, SIGCHLD, 0, 0, 0, prog_data(p, number, 8), 1};

	SYS(p, __NR_clone3, I(prog_data(p, args, 96)), I(96));
	IF(p, 0, EQ, 0)
		work_exit(p, 0);
	IF(p, 0, GE, 0) { /* it is not in use */
		EXPECT(p, 0, 4242);
		MOVE(p, 20, 0);
		work_wait(p);
	}
	SYS(p, __NR_clone, I(0x1000 | SIGCHLD), I(0), I(PROG_DATA)); /* a pidfd, to where none may be */
	IF(p, 0, EQ, 0)
		work_exit(p, 0);
	EXPECT(p, 0, -EFAULT);
	SYS(p, __NR_semget, I(0), I(1), I(0600));
	MOVE(p, 19, 0);
	SYS(p, __NR_semop, R(19), I(prog_data(p, undone, 6)), I(1));
	EXPECT(p, 0, 0);
	SYS(p, __NR_unshare, I(CLONE_SYSVSEM));
	SYS(p, __NR_semctl, R(19), I(0), I(0), I(0));
	{
		const u64 mask[1] = {1ul << (SIGUSR2 - 1)};
		const u64 packed[2] = {prog_data(p, mask, 8), 8};

		SYS(p, __NR_pselect6, I(0), I(0), I(0), I(0), I(prog_data(p, (const u64[]){0, 2000}, 16)),
		    I(prog_data(p, packed, 16)));
		EXPECT(p, 0, 0);
	}
}

/* Copies of what is below, for the first time each. */
static void copies(struct prog *p)
{
	static const struct { u32 version; struct { u16 tag, perm; u32 id; } entries[3]; } acl = {
		2, {{1, 6, ~0u}, {4, 4, ~0u}, {32, 4, ~0u}}};

	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/over/directory/inner/made")),
	    I(O_RDWR | O_CREAT), I(0644));
	SYS(p, __NR_setxattr, I(prog_string(p, "/over/sparse")), I(prog_string(p, "system.posix_acl_access")),
	    I(prog_data(p, &acl, 28)), I(28), I(0));
	SYS(p, __NR_readlinkat, I(AT_FDCWD), I(prog_string(p, "/over/longlink")), I(MORE), I(200));
	SYS(p, __NR_fchownat, I(AT_FDCWD), I(prog_string(p, "/over/longlink")), I(1), I(1), I(0x100));
	SYS(p, __NR_linkat, I(AT_FDCWD), I(prog_string(p, "/over/pattern")), I(AT_FDCWD),
	    I(prog_string(p, "/over/many/linked")), I(0));
	SYS(p, __NR_renameat2, I(AT_FDCWD), I(prog_string(p, "/over/directory/entry1")), I(AT_FDCWD),
	    I(prog_string(p, "/over/many/entry-with-a-longer-name-1")), I(0));
	SYS(p, __NR_renameat2, I(AT_FDCWD), I(prog_string(p, "/over/many/entry-with-a-longer-name-2")),
	    I(AT_FDCWD), I(prog_string(p, "/over/directory/entry2")), I(2)); /* EXCHANGE */
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/over/directory/entry30")), I(O_RDONLY));
	WITH_FD(p) {
		SYS(p, __NR_unlinkat, I(AT_FDCWD), I(prog_string(p, "/over/directory/entry30")), I(0));
		SYS(p, __NR_fchmod, R(19), I(0600));
		SYS(p, __NR_close, R(19));
	}
	SYS(p, __NR_unlinkat, I(AT_FDCWD), I(prog_string(p, "/over/directory/inner/made")), I(0));
	SYS(p, __NR_unlinkat, I(AT_FDCWD), I(prog_string(p, "/over/directory/inner/file")), I(0));
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "/over/fresh")), I(0755));
	SYS(p, __NR_renameat2, I(AT_FDCWD), I(prog_string(p, "/over/fresh")), I(AT_FDCWD),
	    I(prog_string(p, "/over/directory/inner")), I(0));
}

/* In a directory that was not touched yet: a file without a name. */
static void nameless(struct prog *p)
{
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/over/directory")),
	    I(020000000 | O_DIRECTORY | O_RDWR), I(0600)); /* O_TMPFILE */
	WITH_FD(p)
		SYS(p, __NR_linkat, R(19), I(prog_string(p, "")), I(AT_FDCWD),
		    I(prog_string(p, "/over/many/named")), I(0x1000));
}

work_fn *const sweep_more[] = {memory_files, pages, owners, dumps, making, copies, nameless, NULL};
