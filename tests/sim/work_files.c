/* tests/sim/work_files.c -- files: on the disk, in a tmpfs, on an overlay. */
#include "base.h"

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

work_fn *const work_files[] = {
	work_disk_read, work_disk_map, work_tmp_file, work_directory, work_tree, work_shared_file,
	work_vectors, work_overlay, NULL,
};
