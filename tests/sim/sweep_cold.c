/* tests/sim/sweep_cold.c -- names that are not in memory: every call that takes one has to wait for
 * the disk; and the mounting of what they lie on.
 */
#include "base.h"

#define MORE (PROG_SPACE + 0x10000)	/* memory that nothing has touched yet */

#define INNER "/mnt/directory/inner"

static void drop_caches(struct prog *p)
{
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/proc/sys/vm/drop_caches")), I(O_WRONLY));
	WITH_FD(p) {
		SYS(p, __NR_write, R(19), I(prog_string(p, "3")), I(1));
		SYS(p, __NR_close, R(19));
	}
	work_sleep(p); /* a worker does it */
}

static void cold(struct prog *p, unsigned nr, const struct prog_arg *args, unsigned n)
{
	drop_caches(p);
	prog_sys(p, nr, args, n);
}
#define COLD(p, nr, ...) \
	cold((p), (nr), (const struct prog_arg[]){__VA_ARGS__}, \
	     sizeof((const struct prog_arg[]){__VA_ARGS__}) / sizeof(struct prog_arg))

static void names(struct prog *p)
{
	static const struct { u16 family; char name[30]; } socket = {1, INNER "/none"};
	u64 file = prog_string(p, INNER "/file"), none = prog_string(p, INNER "/none");

	CHILD(p) {
		COLD(p, __NR_chroot, I(prog_string(p, INNER)));
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	work_wait(p);
	SYS(p, __NR_inotify_init1, I(0));
	MOVE(p, 25, 0);
	COLD(p, __NR_inotify_add_watch, R(25), I(file), I(0xfff));
	COLD(p, __NR_statx, I(AT_FDCWD), I(file), I(0), I(0xfff), I(MORE));
	COLD(p, __NR3264_statfs, I(file), I(MORE));
	COLD(p, __NR_mkdirat, I(AT_FDCWD), I(none), I(0755));
	COLD(p, __NR_openat, I(AT_FDCWD), I(none), I(O_RDWR | O_CREAT), I(0644));
	COLD(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/mnt/link")), I(O_RDWR | O_CREAT), I(0644));
	COLD(p, __NR_openat, I(AT_FDCWD), I(none), I(O_RDWR | O_CREAT | O_EXCL), I(0644));
	COLD(p, __NR_linkat, I(AT_FDCWD), I(file), I(AT_FDCWD), I(prog_string(p, INNER "/new")), I(0));
	COLD(p, __NR_renameat2, I(AT_FDCWD), I(file), I(AT_FDCWD), I(none), I(0));
	COLD(p, __NR_unlinkat, I(AT_FDCWD), I(file), I(0));
	COLD(p, __NR_truncate, I(file), I(0));
	COLD(p, __NR_utimensat, I(AT_FDCWD), I(file), I(0), I(0));
	COLD(p, __NR_getxattr, I(file), I(prog_string(p, "user.x")), I(MORE), I(100));
	COLD(p, __NR_readlinkat, I(AT_FDCWD), I(prog_string(p, "/mnt/longlink")), I(MORE), I(1000));
	COLD(p, __NR_execve, I(file), I(0), I(0));
	SYS(p, __NR_socket, I(1), I(2), I(0));
	MOVE(p, 25, 0);
	COLD(p, __NR_connect, R(25), I(prog_data(p, &socket, sizeof(socket))), I(sizeof(socket)));
	COLD(p, __NR_bind, R(25), I(prog_data(p, &socket, sizeof(socket))), I(sizeof(socket)));
	COLD(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/mnt/many")), I(O_RDONLY | O_DIRECTORY));
	MOVE(p, 25, 0);
	COLD(p, __NR_getdents64, R(25), I(MORE), I(20000));
	COLD(p, __NR_getdents64, R(25), I(MORE), I(20000));
	COLD(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/over/directory")), I(O_RDONLY | O_DIRECTORY));
	MOVE(p, 25, 0);
	COLD(p, __NR_getdents64, R(25), I(MORE), I(20000));
	COLD(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/mnt/pattern")), I(O_RDONLY));
	MOVE(p, 25, 0);
	COLD(p, __NR_read, R(25), I(MORE), I(60000));
	COLD(p, __NR3264_sendfile, R(25), R(25), I(0), I(10));
	COLD(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/mnt/longlink")), I(O_RDONLY));
	COLD(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/over/link")), I(O_RDONLY));
	/* A link to nothing, where a file is to be made. */
	COLD(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/over/longlink")), I(O_RDWR | O_CREAT),
	     I(0600));
	SYS(p, __NR_fsopen, I(prog_string(p, "ext4")), I(0));
	MOVE(p, 25, 0);
	COLD(p, __NR_fsconfig, R(25), I(1), I(prog_string(p, "source")), I(file), I(0));
	COLD(p, __NR_fsconfig, R(25), I(6), I(0), I(0), I(0)); /* CMD_CREATE */
	COLD(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/mnt/indirect")), I(O_RDONLY));
	MOVE(p, 25, 0);
	COLD(p, __NR_read, R(25), I(MORE), I(30000));
	COLD(p, __NR_getxattr, I(prog_string(p, "/mnt/pattern")), I(prog_string(p, "user.large")), I(MORE),
	     I(8000));
	COLD(p, __NR_chdir, I(prog_string(p, INNER)));
	COLD(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "file")), I(O_RDONLY));
}

/* A directory by its handle, when no name on the way to it is known. */
static void handles(struct prog *p)
{
	const u64 handle = PROG_SPACE + 0x30000;

	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/mnt")), I(O_RDONLY | O_DIRECTORY));
	MOVE(p, 25, 0);
	SET(p, 22, handle);
	SET(p, 23, 100);
	STORE(p, 4, 23, 22, 0);
	SYS(p, __NR_name_to_handle_at, I(AT_FDCWD), I(prog_string(p, INNER)), I(handle), I(handle + 200),
	    I(0));
	IF(p, 0, EQ, 0) {
		COLD(p, __NR_open_by_handle_at, R(25), I(handle), I(O_RDONLY));
		COLD(p, __NR_open_by_handle_at, R(25), I(handle), I(O_RDONLY));
	}
}

/* A file system made step by step, moved by its descriptor, asked about. */
static void steps(struct prog *p)
{
	static const u64 attr[4] = {1, 0, 0, 0};		/* MOUNT_ATTR_RDONLY */
	u64 empty = prog_string(p, ""), m;

	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "m")), I(0755));
	m = prog_string(p, "m");
	SYS(p, __NR_fsopen, I(prog_string(p, "tmpfs")), I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	SYS(p, __NR_fsconfig, R(19), I(1), I(prog_string(p, "size")), I(prog_string(p, "64k")), I(0));
	SYS(p, __NR_fsconfig, R(19), I(0), I(prog_string(p, "no-such")), I(0), I(0));
	SYS(p, __NR_read, R(19), I(MORE), I(500));
	SYS(p, __NR_fsconfig, R(19), I(6), I(0), I(0), I(0)); /* CMD_CREATE */
	SYS(p, __NR_fsmount, R(19), I(0), I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 20, 0);
	SYS(p, __NR_move_mount, R(20), I(empty), I(AT_FDCWD), I(m), I(4)); /* F_EMPTY_PATH */
	EXPECT(p, 0, 0);
	SYS(p, __NR_fspick, I(AT_FDCWD), I(m), I(0));
	MOVE(p, 19, 0);
	SYS(p, __NR_fsconfig, R(19), I(7), I(0), I(0), I(0)); /* CMD_RECONFIGURE */
	SYS(p, __NR_mount_setattr, I(AT_FDCWD), I(m), I(0), I(prog_data(p, attr, 32)), I(32));
	SYS(p, __NR_open_tree, I(AT_FDCWD), I(m), I(1)); /* CLONE */
	EXPECT_OK(p, 0);
	/* The mount's unique number, and what it says of itself. */
	SYS(p, __NR_statx, I(AT_FDCWD), I(m), I(0), I(0x4000), I(MORE + 0x1000));
	SET(p, 22, MORE + 0x1000);
	LOAD(p, 8, 21, 22, 0x90);
	SET(p, 22, MORE + 0x2000);
	SET(p, 23, 24);
	STORE(p, 8, 23, 22, 0);
	STORE(p, 8, 21, 22, 8);
	SET(p, 23, 0x3f);
	STORE(p, 8, 23, 22, 16);
	SYS(p, 457, I(MORE + 0x2000), I(MORE + 0x3000), I(4096), I(0)); /* statmount */
	SET(p, 22, MORE + 0x2000);
	SET(p, 23, ~0ul);
	STORE(p, 8, 23, 22, 8);
	SET(p, 23, 0);
	STORE(p, 8, 23, 22, 16);
	SYS(p, 458, I(MORE + 0x2000), I(MORE + 0x5000), I(100), I(0)); /* listmount */
	SYS(p, __NR_umount2, I(m), I(2));
}

/* Take all of it down and put it up again. */
static void mounting(struct prog *p)
{
	u64 mnt = prog_string(p, "/mnt"), over = prog_string(p, "/over");

	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "m")), I(0755));
	COLD(p, __NR_mount, I(prog_string(p, "x")), I(prog_string(p, "m")), I(prog_string(p, "overlay")),
	     I(0), I(prog_string(p, "lowerdir=" INNER ":/mnt/directory")));
	EXPECT(p, 0, 0);
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "m")), I(O_RDONLY | O_DIRECTORY));
	MOVE(p, 25, 0);
	SYS(p, __NR_getdents64, R(25), I(MORE), I(3000));
	SYS(p, __NR_close, R(25));
	SYS(p, __NR_umount2, I(prog_string(p, "m")), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_mount, I(prog_string(p, "d")), I(prog_string(p, "m")), I(prog_string(p, "devtmpfs")),
	    I(0), I(0));
	SYS(p, __NR_umount2, I(prog_string(p, "m")), I(0));
	SYS(p, __NR_umount2, I(over), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_nanosleep, I(prog_data(p, (const u64[]){0, 50000000}, 16)), I(0));
	SYS(p, __NR_umount2, I(mnt), I(0));
	EXPECT(p, 0, 0);
	drop_caches(p);
	SYS(p, __NR_mount, I(prog_string(p, "/dev/vda")), I(mnt), I(prog_string(p, "ext4")), I(1), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_sync, I(0));
	SYS(p, __NR_mount, I(prog_string(p, "over")), I(over), I(prog_string(p, "overlay")), I(0),
	    I(prog_string(p, "lowerdir=/mnt,upperdir=/tmp/upper,workdir=/tmp/work")));
	EXPECT(p, 0, 0);
}

work_fn *const sweep_cold[] = {names, handles, steps, NULL}, *const sweep_mounting[] = {mounting, NULL};
