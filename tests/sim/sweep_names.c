/* tests/sim/sweep_names.c -- the calls about names, attributes and mounts. Each runs in a process
 * of its own, in a directory of its own: /tmp/<who>. */
#include "base.h"

static void open_at(struct prog *p, const char *name, int flags)
{
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, name)), I(flags), I(0644));
}

static void make_file(struct prog *p, const char *name)
{
	open_at(p, name, O_RDWR | O_CREAT);
	SYS(p, __NR_close, R(0));
}

/* Clean, whatever one that broke off left. */
static void make_dir(struct prog *p, const char *name)
{
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, name)), I(0755));
}

static void unlink_at(struct prog *p, const char *name, int flags)
{
	SYS(p, __NR_unlinkat, I(AT_FDCWD), I(prog_string(p, name)), I(flags));
}

static void links(struct prog *p)
{
	make_file(p, "file");
	SYS(p, __NR_symlinkat, I(prog_string(p, "file")), I(AT_FDCWD), I(prog_string(p, "s1")));
	SYS(p, __NR_symlinkat, I(prog_string(p, "./s1")), I(AT_FDCWD), I(prog_string(p, "s2")));
	SYS(p, __NR_symlinkat, I(prog_string(p, "loop")), I(AT_FDCWD), I(prog_string(p, "loop")));
	SYS(p, __NR_linkat, I(AT_FDCWD), I(prog_string(p, "s2")), I(AT_FDCWD),
	    I(prog_string(p, "hard")), I(AT_SYMLINK_FOLLOW));
	EXPECT(p, 0, 0);
	open_at(p, "s2", O_RDONLY);
	WITH_FD(p) {
		SYS(p, __NR_linkat, R(19), I(prog_string(p, "")), I(AT_FDCWD),
		    I(prog_string(p, "again")), I(0x1000)); /* AT_EMPTY_PATH */
		SYS(p, __NR_newfstatat, R(19), I(prog_string(p, "")), I(work_fresh(p)), I(0x1000));
		EXPECT(p, 0, 0);
		SYS(p, __NR_close, R(19));
	}
	open_at(p, "loop", O_RDONLY);
	EXPECT(p, 0, -ELOOP);
	SYS(p, __NR_readlinkat, I(AT_FDCWD), I(prog_string(p, "s2")), I(work_fresh(p)), I(100));
	EXPECT(p, 0, 4);
	SYS(p, __NR_mknodat, I(AT_FDCWD), I(prog_string(p, "node")), I(020600), I(0x103));
	EXPECT(p, 0, 0);
	open_at(p, "node", O_RDWR);
	WITH_FD(p) {
		SYS(p, __NR_write, R(19), I(work_fresh(p)), I(10));
		EXPECT(p, 0, 10);
		SYS(p, __NR_close, R(19));
	}
	for (int i = 0; i < 2; i++)
		SYS(p, __NR_readlinkat, I(AT_FDCWD),
		    I(prog_string(p, i ? "/mnt/longlink" : "/mnt/link")), I(work_fresh(p)), I(1000));
	open_at(p, "/mnt/link", O_RDONLY);
	WITH_FD(p)
		SYS(p, __NR_close, R(19));
	unlink_at(p, "file/", 0);
	unlink_at(p, "s2", 0);
	EXPECT(p, 0, 0);
}

static void rename_to(struct prog *p, const char *from, const char *to, int flags)
{
	SYS(p, __NR_renameat2, I(AT_FDCWD), I(prog_string(p, from)), I(AT_FDCWD),
	    I(prog_string(p, to)), I(flags));
}

static void renames(struct prog *p)
{
	make_dir(p, "a");
	make_dir(p, "b");
	make_dir(p, "b/full");
	make_file(p, "a/one");
	make_file(p, "b/full/two");
	rename_to(p, "a/one", "b/one", 0);
	EXPECT(p, 0, 0);
	rename_to(p, "b/one", "b/full/two", 2); /* RENAME_EXCHANGE */
	EXPECT(p, 0, 0);
	rename_to(p, "b/one", "b/full/two", 1); /* RENAME_NOREPLACE */
	EXPECT(p, 0, -EEXIST);
	rename_to(p, "b/one", "b/full/two", 0);
	EXPECT(p, 0, 0);
	rename_to(p, "b/full", "a", 0);
	EXPECT(p, 0, 0);
	rename_to(p, "a", "a/below", 0);
	EXPECT(p, 0, -EINVAL);
	rename_to(p, "b", "a/two", 0);
	EXPECT(p, 0, -ENOTDIR);
	rename_to(p, "a/two", "b/none/two", 0);
	EXPECT(p, 0, -ENOENT);
	rename_to(p, "a", "b/moved", 0);
	EXPECT(p, 0, 0);
	rename_to(p, "b/moved/two", "b/gone", 0);
	EXPECT(p, 0, 0);
	unlink_at(p, "b/moved", AT_REMOVEDIR);
	EXPECT(p, 0, 0);
	open_at(p, "b", O_RDONLY | O_DIRECTORY);
	WITH_FD(p) {
		SYS(p, __NR_getdents64, R(19), I(work_fresh(p)), I(40));
		SYS(p, NR_LSEEK, R(19), I(0), I(0));
		SYS(p, __NR_getdents64, R(19), I(work_fresh(p)), I(1000));
		EXPECT_ABOVE(p, 0, 60);
		SYS(p, __NR_getdents64, R(19), I(work_fresh(p)), I(1000));
		EXPECT(p, 0, 0);
		SYS(p, __NR_fchdir, R(19));
		EXPECT(p, 0, 0);
		SYS(p, __NR_getcwd, I(work_fresh(p)), I(100));
		EXPECT_OK(p, 0);
	}
}

static void attributes(struct prog *p)
{
	static const u64 times[4] = {1000000, 5, 2000000, 7};

	make_file(p, "f");
	open_at(p, "f", O_RDWR);
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	SYS(p, __NR_fchmod, R(19), I(0640));
	EXPECT(p, 0, 0);
	SYS(p, __NR_fchown, R(19), I(7), I(8));
	EXPECT(p, 0, 0);
	SYS(p, __NR_fchownat, I(AT_FDCWD), I(prog_string(p, "f")), I(0), I(0), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_utimensat, R(19), I(0), I(prog_data(p, times, sizeof(times))), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_utimensat, I(AT_FDCWD), I(prog_string(p, "f")),
	    I(prog_data(p, times, sizeof(times))), I(AT_SYMLINK_NOFOLLOW));
	EXPECT(p, 0, 0);
	SYS(p, __NR_statx, I(AT_FDCWD), I(prog_string(p, "f")), I(0), I(0xfff), I(work_fresh(p)));
	EXPECT(p, 0, 0);
	SYS(p, __NR_statx, R(19), I(prog_string(p, "")), I(0x1000), I(0xfff), I(work_fresh(p)));
	EXPECT(p, 0, 0);
	SYS(p, __NR3264_fstat, R(19), I(work_fresh(p)));
	EXPECT(p, 0, 0);
	SYS(p, __NR3264_fstatfs, R(19), I(work_fresh(p)));
	EXPECT(p, 0, 0);
	for (int i = 0; i < 3; i++)
		SYS(p, __NR3264_statfs,
		    I(prog_string(p, i == 2 ? "/mnt/none" : i ? "/mnt" : "/over")), I(work_fresh(p)));
	SYS(p, __NR_faccessat, I(AT_FDCWD), I(prog_string(p, "f")), I(6));
	EXPECT(p, 0, 0);
	SYS(p, __NR_faccessat2, R(19), I(prog_string(p, "")), I(4), I(0x1200));
	EXPECT(p, 0, 0);
	SYS(p, __NR_faccessat2, I(AT_FDCWD), I(prog_string(p, "/mnt/directory/inner/file")), I(4),
	    I(0));
	SYS(p, __NR_setxattr, I(prog_string(p, "f")), I(prog_string(p, "user.x")), I(work_fresh(p)), I(3),
	    I(0));
	SYS(p, __NR_lgetxattr, I(prog_string(p, "none")), I(prog_string(p, "user.x")), I(work_fresh(p)),
	    I(3));
	SYS(p, __NR_listxattr, I(prog_string(p, "f")), I(work_fresh(p)), I(100));
	SYS(p, __NR_close, R(19));
	SYS(p, __NR_chroot, I(prog_string(p, "f")));
	EXPECT(p, 0, -ENOTDIR);
	SYS(p, __NR_chroot, I(prog_string(p, ".")));
	EXPECT(p, 0, 0);
	SYS(p, __NR_chdir, I(prog_string(p, "none")));
	EXPECT(p, 0, -ENOENT);
	open_at(p, "/f", O_RDONLY);
	EXPECT_OK(p, 0);
}

/* What the disk has: a directory with an index, files of both ways of mapping. */
static void the_disk(struct prog *p)
{
	open_at(p, "/mnt/many", O_RDONLY | O_DIRECTORY);
	WITH_FD(p) {
		LOOP(p, 24, 12)
			SYS(p, __NR_getdents64, R(19), I(work_fresh(p)), I(1500));
		SYS(p, __NR_close, R(19));
	}
	open_at(p, "/mnt/many/entry-with-a-longer-name-133", O_RDONLY);
	WITH_FD(p) {
		SYS(p, __NR_read, R(19), I(work_fresh(p)), I(100));
		SYS(p, __NR_fsync, R(19));
		SYS(p, __NR_close, R(19));
	}
	open_at(p, "/mnt/many/no-such-entry-with-a-longer-name", O_RDONLY);
	open_at(p, "/mnt/sparse", O_RDONLY);
	WITH_FD(p) {
		for (int i = 0; i < 6; i++)
			SYS(p, __NR_pread64, R(19), I(work_fresh(p)), I(5000), I(i * 70000));
		SYS(p, NR_LSEEK, R(19), I(0), I(3)); /* SEEK_DATA */
		SYS(p, NR_LSEEK, R(19), I(0), I(4));
		SYS(p, __NR_close, R(19));
	}
	open_at(p, "/mnt/pattern", O_RDONLY);
	WITH_FD(p) {
		SYS(p, __NR_readahead, R(19), I(0), I(65536));
		SYS(p, __NR_fadvise64, R(19), I(0), I(65536), I(3));
		LOOP(p, 24, 20)
			SYS(p, __NR_read, R(19), I(work_fresh(p)), I(8192));
		SYS(p, __NR_close, R(19));
	}
	make_file(p, "/mnt/not-writable");
}

static void mount_at(struct prog *p, const char *what, const char *where, const char *type, u64 flags,
		     const char *options)
{
	SYS(p, __NR_mount, I(what ? prog_string(p, what) : 0), I(prog_string(p, where)),
	    I(type ? prog_string(p, type) : 0), I(flags), I(options ? prog_string(p, options) : 0));
}

static void read_all_of(struct prog *p, const char *name)
{
	open_at(p, name, O_RDONLY);
	WITH_FD(p) {
		SYS(p, __NR_read, R(19), I(work_fresh(p)), I(4000));
		SYS(p, __NR_read, R(19), I(work_fresh(p)), I(4000));
		SYS(p, __NR_close, R(19));
	}
}

static void mounts(struct prog *p)
{
	make_dir(p, "m");
	make_dir(p, "n");
	mount_at(p, "t", "m", "tmpfs", 0, "size=64k,mode=0700,nr_inodes=50");
	EXPECT(p, 0, 0);
	make_dir(p, "m/deep");
	make_dir(p, "m/deep/er");
	make_file(p, "m/deep/er/file");
	open_at(p, "m/full", O_RDWR | O_CREAT);
	WITH_FD(p) {
		LOOP(p, 24, 9)
			SYS(p, __NR_write, R(19), I(work_fresh(p)), I(8192));
		EXPECT(p, 0, -ENOSPC);
		mount_at(p, NULL, "m", NULL, 0x21, NULL); /* MS_REMOUNT | MS_RDONLY */
		EXPECT(p, 0, -EBUSY);
		SYS(p, __NR_umount2, I(prog_string(p, "m")), I(0));
		EXPECT(p, 0, -EBUSY);
		SYS(p, __NR_syncfs, R(19));
		EXPECT(p, 0, 0);
		SYS(p, __NR_close, R(19));
	}
	mount_at(p, NULL, "m", NULL, 0x21, NULL);
	EXPECT(p, 0, 0);
	mount_at(p, "m/deep", "n", NULL, 0x1000, NULL); /* MS_BIND */
	EXPECT(p, 0, 0);
	mount_at(p, NULL, "n", NULL, 0x1027, NULL);
	mount_at(p, "n", "b2", NULL, 0x2000, NULL); /* MS_MOVE */
	mount_at(p, "x", "m", "no-such-type", 0, NULL);
	mount_at(p, "/dev/none", "m", "ext4", 1, NULL);
	mount_at(p, "/dev/null", "m", "ext4", 1, NULL);
	read_all_of(p, "/proc/self/mountinfo");
	read_all_of(p, "/proc/mounts");
	SYS(p, __NR_pivot_root, I(prog_string(p, "m")), I(prog_string(p, "n")));
	SYS(p, __NR_umount2, I(prog_string(p, "n")), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_umount2, I(prog_string(p, "m")), I(2)); /* MNT_DETACH */
	EXPECT(p, 0, 0);
	SYS(p, __NR_umount2, I(prog_string(p, "m")), I(0));
	EXPECT(p, 0, -EINVAL);
}

/* Namespaces: one that is left, gone back to, made with a child; another root in one. */
static void spaces(struct prog *p)
{
	SYS(p, __NR_clone, I(SIGCHLD), I(0));
	IF(p, 0, EQ, 0) {
		SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/proc/self/ns/mnt")), I(O_RDONLY));
		EXPECT_OK(p, 0);
		MOVE(p, 19, 0);
		SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/proc/self/ns/uts")), I(O_RDONLY));
		EXPECT_OK(p, 0);
		MOVE(p, 18, 0);
		SYS(p, __NR_unshare, I(CLONE_NEWNS | CLONE_NEWUTS));
		EXPECT(p, 0, 0);
		SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "s")), I(0755));
		mount_at(p, "x", "s", "tmpfs", 0, NULL);
		EXPECT(p, 0, 0);
		mount_at(p, NULL, "s", NULL, 0x100000, NULL); /* MS_SHARED */
		SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "s/old")), I(0755));
		SYS(p, __NR_clone, I(CLONE_NEWNS | CLONE_NEWUTS | SIGCHLD), I(0));
		IF(p, 0, EQ, 0) {
			mount_at(p, "x", "s/old", "tmpfs", 0, NULL);
			EXPECT(p, 0, 0);
			read_all_of(p, "/proc/self/mountinfo");
			SYS(p, __NR_sethostname, I(prog_string(p, "inner")), I(5));
			work_exit(p, 0);
		}
		EXPECT_OK(p, 0);
		MOVE(p, 20, 0);
		work_wait(p);
		SYS(p, __NR_umount2, I(prog_string(p, "s/old")), I(0));
		mount_at(p, NULL, "s", NULL, 0x40000, NULL); /* MS_PRIVATE */
		SYS(p, __NR_pivot_root, I(prog_string(p, "s")), I(prog_string(p, "s/old")));
		SYS(p, __NR_setns, R(19), I(CLONE_NEWNS));
		EXPECT(p, 0, 0);
		SYS(p, __NR_setns, R(18), I(0));
		EXPECT(p, 0, 0);
		SYS(p, __NR_close, R(19));
		SYS(p, __NR_close, R(18));
		work_exit(p, 0);
	}
	EXPECT_OK(p, 0);
	MOVE(p, 20, 0);
	work_wait(p);
	EXPECT(p, 21, 0);
}

/* A namespace of numbers, whose first process takes the others along. */
static void numbers(struct prog *p)
{
	SYS(p, __NR_clone, I(CLONE_NEWPID | SIGCHLD), I(0));
	IF(p, 0, EQ, 0) {
		SYS(p, __NR_getpid);
		EXPECT(p, 0, 1);
		SYS(p, __NR_clone, I(SIGCHLD), I(0));
		IF(p, 0, EQ, 0) {
			SYS(p, __NR_ppoll, I(0), I(0), I(0), I(0), I(8));
			work_exit(p, 0);
		}
		EXPECT(p, 0, 2);
		work_exit(p, 0);
	}
	EXPECT_OK(p, 0);
	MOVE(p, 20, 0);
	work_wait(p);
	EXPECT(p, 21, 0);
}

/* A user namespace: its map, said from memory that is not there yet; and what is mounted there. */
static void users(struct prog *p)
{
	SYS(p, __NR_clone, I(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWUTS | SIGCHLD), I(0));
	IF(p, 0, EQ, 0) {
		open_at(p, "/proc/self/uid_map", O_RDWR);
		EXPECT_OK(p, 0);
		MOVE(p, 19, 0);
		SYS(p, __NR_write, R(19), I(work_fresh(p)), I(100));
		EXPECT(p, 0, -EINVAL);
		SYS(p, __NR_write, R(19), I(prog_string(p, "0 0 1")), I(5));
		EXPECT(p, 0, 5);
		SYS(p, __NR_close, R(19));
		read_all_of(p, "/proc/self/uid_map");
		SYS(p, __NR_sethostname, I(prog_string(p, "inner")), I(5));
		EXPECT(p, 0, 0);
		make_dir(p, "u");
		mount_at(p, "x", "u", "tmpfs", 0, NULL);
		EXPECT(p, 0, 0);
		mount_at(p, "x", "u", "proc", 0, NULL);
		EXPECT(p, 0, -EPERM);
		SYS(p, __NR_umount2, I(prog_string(p, "u")), I(0));
		EXPECT(p, 0, 0);
		SYS(p, __NR_unshare, I(CLONE_NEWUSER));
		work_exit(p, 0);
	}
	EXPECT_OK(p, 0);
	MOVE(p, 20, 0);
	work_wait(p);
	EXPECT(p, 21, 0);
}

/* A file system is watched, and goes. */
static void watched_to_the_end(struct prog *p)
{
	make_dir(p, "watched");
	mount_at(p, "t", "watched", "tmpfs", 0, "");
	EXPECT(p, 0, 0);
	make_file(p, "watched/file");
	SYS(p, __NR_inotify_init1, I(0));
	MOVE(p, 19, 0);
	SYS(p, __NR_inotify_add_watch, R(19), I(prog_string(p, "watched")), I(0xfff));
	EXPECT_OK(p, 0);
	SYS(p, __NR_inotify_add_watch, R(19), I(prog_string(p, "watched/file")), I(0xfff));
	EXPECT_OK(p, 0);
	SYS(p, __NR_umount2, I(prog_string(p, "watched")), I(0));
	EXPECT(p, 0, 0);
	work_sleep(p);
}

/* Files by handles, with and without names that are cached. */
static void handles(struct prog *p)
{
	static const char *const of[] = {"/mnt/many", "/mnt/pattern", "/tmp"};
	static const char *const in[] = {"/mnt", "/mnt", "/tmp"};
	const u64 handle = PROG_SPACE + 0x30000;

	for (int i = 0; i < 3; i++) {
		SET(p, 22, handle);
		SET(p, 23, 100);
		STORE(p, 4, 23, 22, 0);
		SYS(p, __NR_name_to_handle_at, I(AT_FDCWD), I(prog_string(p, of[i])), I(handle),
		    I(handle + 200), I(0));
		if (i == 2) /* the disk may have failed */
			EXPECT(p, 0, 0);
		for (int again = 0; again < 2; again++) {
			if (again) {
				open_at(p, "/proc/sys/vm/drop_caches", O_WRONLY);
				WITH_FD(p) {
					SYS(p, __NR_write, R(19), I(prog_string(p, "3")), I(1));
					SYS(p, __NR_close, R(19));
				}
			}
			open_at(p, in[i], O_RDONLY | O_DIRECTORY);
			WITH_FD(p) {
				SYS(p, __NR_open_by_handle_at, R(19), I(handle), I(O_RDONLY));
				if (i == 2)
					EXPECT_OK(p, 0);
				SYS(p, __NR_close, R(0));
				SYS(p, __NR_close, R(19));
			}
		}
	}
}

/* Everything that changes a name, above files that are on the disk. */
static void overlay(struct prog *p)
{
	work_own_path(p, 20, "/over/directory/entry%u");
	work_own_path(p, 21, "/over/moved%u");
	work_own_path(p, 22, "/over/directory/dir%u");
	SYS(p, __NR_readlinkat, I(AT_FDCWD), I(prog_string(p, "/over/link")), I(work_fresh(p)), I(100));
	SYS(p, __NR_fchmodat, I(AT_FDCWD), R(20), I(0640));
	SYS(p, __NR_linkat, I(AT_FDCWD), R(20), I(AT_FDCWD), R(21), I(0));
	SYS(p, __NR_unlinkat, I(AT_FDCWD), R(20), I(0));
	SYS(p, __NR_renameat2, I(AT_FDCWD), R(21), I(AT_FDCWD), R(20), I(0));
	SYS(p, __NR_truncate, R(20), I(5));
	SYS(p, __NR_renameat2, I(AT_FDCWD), R(20), I(AT_FDCWD), R(21), I(0));
	SYS(p, __NR_mkdirat, I(AT_FDCWD), R(20), I(0755));
	SYS(p, __NR_renameat2, I(AT_FDCWD), R(20), I(AT_FDCWD), R(21), I(2));
	SYS(p, __NR_unlinkat, I(AT_FDCWD), R(20), I(0));
	SYS(p, __NR_unlinkat, I(AT_FDCWD), R(21), I(AT_REMOVEDIR));
	SYS(p, __NR_mkdirat, I(AT_FDCWD), R(22), I(0755));
	SYS(p, __NR_symlinkat, R(20), I(AT_FDCWD), R(21));
	SYS(p, __NR_readlinkat, I(AT_FDCWD), R(21), I(work_fresh(p)), I(100));
	SYS(p, __NR_unlinkat, I(AT_FDCWD), R(21), I(0));
	SYS(p, __NR_mknodat, I(AT_FDCWD), R(21), I(010600), I(0));
	SYS(p, __NR_unlinkat, I(AT_FDCWD), R(21), I(0));
	SYS(p, __NR_unlinkat, I(AT_FDCWD), R(22), I(AT_REMOVEDIR));
	SYS(p, __NR_mkdirat, I(AT_FDCWD), R(22), I(0755));
	SYS(p, __NR_unlinkat, I(AT_FDCWD), R(22), I(AT_REMOVEDIR));
	unlink_at(p, "/over/link", 0);
	unlink_at(p, "/over/directory/inner/file", 0);
	unlink_at(p, "/over/directory/inner", AT_REMOVEDIR);
	make_dir(p, "/over/directory/inner");
	make_file(p, "/over/directory/inner/file");
	SYS(p, __NR_utimensat, I(AT_FDCWD), I(prog_string(p, "/over/directory")), I(0), I(0));
	rename_to(p, "/over/many", "/over/fewer", 0);
	open_at(p, "/over/pattern", O_RDWR | O_TRUNC);
	WITH_FD(p)
		SYS(p, __NR_close, R(19));
	read_all_of(p, "/over/directory/entry20");
	open_at(p, "/over/directory/entry21", O_RDWR);
	WITH_FD(p) {
		unlink_at(p, "/over/directory/entry21", 0);
		SYS(p, __NR_write, R(19), I(work_fresh(p)), I(20));
		SYS(p, NR_FTRUNCATE, R(19), I(3));
		SYS(p, __NR_close, R(19));
	}
	open_at(p, "/over/directory", O_RDONLY | O_DIRECTORY);
	WITH_FD(p) {
		LOOP(p, 24, 4)
			SYS(p, __NR_getdents64, R(19), I(work_fresh(p)), I(1000));
		SYS(p, __NR_fsync, R(19));
		SYS(p, __NR_close, R(19));
	}
}

work_fn *const sweep_names[] = {links, renames, attributes, the_disk, mounts, spaces, numbers, users, watched_to_the_end, handles,
				overlay, NULL};
