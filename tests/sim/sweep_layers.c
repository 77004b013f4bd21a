/* tests/sim/sweep_layers.c -- extended attributes, and an overlay whose lower layer has them. */
#include "base.h"

#define MORE (PROG_SPACE + 0x10000)	/* memory that nothing has touched yet */
#define EMPTY_PATH 0x1000

/* POSIX ACL: owner rw, user 7 r, group r, mask r, other nothing. */
static const struct {
	u32 version;
	struct { u16 tag, perm; u32 id; } entries[5];
} acl = {2, {{1, 6, ~0u}, {2, 4, 7}, {4, 4, ~0u}, {16, 4, ~0u}, {32, 0, ~0u}}};

static void open_at(struct prog *p, const char *name, int flags)
{
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, name)), I(flags), I(0644));
}

static void unlink_at(struct prog *p, const char *name, int flags)
{
	SYS(p, __NR_unlinkat, I(AT_FDCWD), I(prog_string(p, name)), I(flags));
}

/* Every call about attributes, on a file by its name. */
static void attributes_of(struct prog *p, const char *name)
{
	u64 at = prog_string(p, name), x = prog_string(p, "user.x"),
	    access = prog_string(p, "system.posix_acl_access");

	SYS(p, __NR_setxattr, I(at), I(x), I(work_fresh(p)), I(300), I(0));
	SYS(p, __NR_setxattr, I(at), I(prog_string(p, "user.empty")), I(0), I(0), I(1));
	SYS(p, __NR_getxattr, I(at), I(x), I(MORE), I(1000));
	SYS(p, __NR_getxattr, I(at), I(x), I(0), I(0));
	SYS(p, __NR_lsetxattr, I(at), I(x), I(prog_data(p, "abc", 3)), I(3), I(2));
	SYS(p, __NR_listxattr, I(at), I(MORE + 0x1000), I(1000));
	SYS(p, __NR_setxattr, I(at), I(access), I(prog_data(p, &acl, sizeof(acl))), I(sizeof(acl)), I(0));
	SYS(p, __NR_getxattr, I(at), I(access), I(MORE + 0x2000), I(1000));
	SYS(p, __NR_faccessat, I(AT_FDCWD), I(at), I(6));
	SYS(p, __NR_removexattr, I(at), I(access));
	SYS(p, __NR_lremovexattr, I(at), I(x));
	SYS(p, __NR_getxattr, I(at), I(prog_string(p, "trusted.none")), I(MORE), I(10));
	SYS(p, __NR_getxattr, I(at), I(prog_string(p, "security.capability")), I(MORE), I(100));
}

static void attributes(struct prog *p)
{
	open_at(p, "f", O_RDWR | O_CREAT);
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	attributes_of(p, "f");
	SYS(p, __NR_fsetxattr, R(19), I(prog_string(p, "user.y")), I(MORE + 0x4000), I(20), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_fgetxattr, R(19), I(prog_string(p, "user.y")), I(MORE + 0x5000), I(20));
	EXPECT(p, 0, 20);
	SYS(p, __NR_flistxattr, R(19), I(MORE + 0x6000), I(3));
	SYS(p, __NR_fremovexattr, R(19), I(prog_string(p, "user.y")));
	EXPECT(p, 0, 0);
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "d")), I(0755));
	SYS(p, __NR_setxattr, I(prog_string(p, "d")), I(prog_string(p, "system.posix_acl_default")),
	    I(prog_data(p, &acl, sizeof(acl))), I(sizeof(acl)), I(0));
	open_at(p, "d/with-it", O_RDWR | O_CREAT);
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "d/below")), I(0777));
	attributes_of(p, "/mnt/pattern");
	attributes_of(p, "/mnt/directory/entry3");
	SYS(p, __NR_llistxattr, I(prog_string(p, "/mnt/pattern")), I(MORE + 0x7000), I(1000));
	SYS(p, __NR_lgetxattr, I(prog_string(p, "/mnt/pattern")), I(prog_string(p, "user.long")),
	    I(MORE + 0x8000), I(3000));
}

/* Copied up with what they have; written to, linked, renamed, hidden. */
static void overlay(struct prog *p)
{
	attributes_of(p, "/over/pattern");
	attributes_of(p, "/over/directory/entry3");
	SYS(p, __NR_setxattr, I(prog_string(p, "/over/directory")),
	    I(prog_string(p, "system.posix_acl_default")), I(prog_data(p, &acl, sizeof(acl))),
	    I(sizeof(acl)), I(0));
	unlink_at(p, "/over/directory/entry4", 0);
	open_at(p, "/over/directory/entry4", O_RDWR | O_CREAT); /* where a whiteout is */
	WITH_FD(p) {
		SYS(p, __NR_write, R(19), I(work_fresh(p)), I(5000));
		SYS(p, __NR_fsync, R(19));
		SYS(p, __NR_close, R(19));
	}
	open_at(p, "/over", 020000000 | O_DIRECTORY | O_RDWR); /* O_TMPFILE */
	WITH_FD(p) {
		SYS(p, __NR_write, R(19), I(work_fresh(p)), I(50));
		SYS(p, __NR_linkat, R(19), I(prog_string(p, "")), I(AT_FDCWD),
		    I(prog_string(p, "/over/had-no-name")), I(EMPTY_PATH));
		SYS(p, __NR_close, R(19));
	}
	unlink_at(p, "/over/directory/entry5", 0);
	SYS(p, __NR_linkat, I(AT_FDCWD), I(prog_string(p, "/over/directory/entry6")), I(AT_FDCWD),
	    I(prog_string(p, "/over/directory/entry5")), I(0));
	SYS(p, __NR_symlinkat, I(prog_string(p, "x")), I(AT_FDCWD), I(prog_string(p, "/over/sym")));
	unlink_at(p, "/over/longlink", 0);
	SYS(p, __NR_symlinkat, I(prog_string(p, "x")), I(AT_FDCWD), I(prog_string(p, "/over/longlink")));
	SYS(p, __NR_fchownat, I(AT_FDCWD), I(prog_string(p, "/over/link")), I(1), I(1), I(0x100));
	for (int i = 0; i < 3; i++)
		SYS(p, __NR_renameat2, I(AT_FDCWD), I(prog_string(p, i ? "/over/directory/entry9" :
								     "/over/directory/entry7")),
		    I(AT_FDCWD), I(prog_string(p, "/over/directory/entry8")), I(i == 1 ? 2 : 0));
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "/over/new")), I(0755));
	open_at(p, "/over/new/file", O_RDWR | O_CREAT);
	unlink_at(p, "/over/new/file", 0);
	unlink_at(p, "/over/new", AT_REMOVEDIR);
	LOOP(p, 24, 2) {
		open_at(p, "/over/many", O_RDONLY | O_DIRECTORY);
		WITH_FD(p) {
			SYS(p, __NR_getdents64, R(19), I(work_fresh(p)), I(4000));
			SYS(p, __NR_getdents64, R(19), I(work_fresh(p)), I(10000));
			SYS(p, NR_LSEEK, R(19), I(0), I(0));
			SYS(p, __NR_close, R(19));
		}
		unlink_at(p, "/over/many/entry-with-a-longer-name-7", 0);
	}
	SYS(p, __NR_truncate, I(prog_string(p, "/over/sparse")), I(100000));
	SYS(p, __NR_readlinkat, I(AT_FDCWD), I(prog_string(p, "/over/link")), I(MORE), I(100));
	SYS(p, __NR_umount2, I(prog_string(p, "/over")), I(8)); /* UMOUNT_NOFOLLOW: busy or not */
}

/* An upper layer that was there before: directories of both layers that were not copied up. */
static void layers_again(struct prog *p)
{
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "up")), I(0755));
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "up/directory")), I(0755));
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "up/many")), I(0755));
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "work")), I(0755));
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "both")), I(0755));
	SYS(p, __NR_mount, I(prog_string(p, "both")), I(prog_string(p, "both")), I(prog_string(p, "overlay")),
	    I(0), I(prog_string(p, "lowerdir=/mnt,upperdir=up,workdir=work")));
	IF(p, 0, EQ, 0) { /* the disk may fail */
		open_at(p, "both", O_RDONLY | O_DIRECTORY);
		WITH_FD(p) {
			SYS(p, __NR_getdents64, R(19), I(work_fresh(p)), I(4000));
			SYS(p, __NR_close, R(19));
		}
		open_at(p, "both/directory/new", O_RDWR | O_CREAT);
	}
}

/* The remaining ways to a name. */
static void names(struct prog *p)
{
	struct { u64 flags, mode, resolve; } how[2] = {{O_RDWR | O_CREAT, 0600, 0}, {O_RDONLY, 0, 8}};

	SYS(p, __NR_openat2, I(AT_FDCWD), I(prog_string(p, "two")), I(prog_data(p, &how[0], 24)), I(24));
	EXPECT_OK(p, 0);
	SYS(p, __NR_openat2, I(AT_FDCWD), I(prog_string(p, "../../0/w/two")),
	    I(prog_data(p, &how[1], 24)), I(24));
	SYS(p, __NR_openat2, I(AT_FDCWD), I(prog_string(p, "two")), I(MORE), I(4000));
	open_at(p, ".", 020000000 | O_DIRECTORY | O_RDWR); /* O_TMPFILE */
	WITH_FD(p) {
		SYS(p, __NR_linkat, R(19), I(prog_string(p, "")), I(AT_FDCWD), I(prog_string(p, "named")),
		    I(EMPTY_PATH));
		EXPECT(p, 0, 0);
		SYS(p, __NR_close, R(19));
	}
	SYS(p, __NR_inotify_init1, I(0));
	MOVE(p, 19, 0);
	SYS(p, __NR_inotify_add_watch, R(19), I(prog_string(p, "two")), I(0xfff));
	EXPECT_OK(p, 0);
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "d")), I(0755));
	SYS(p, __NR_renameat2, I(AT_FDCWD), I(prog_string(p, "two")), I(AT_FDCWD),
	    I(prog_string(p, "d/two")), I(0));
	SYS(p, __NR_chroot, I(prog_string(p, "d")));
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "e")), I(0755));
	SYS(p, __NR_mount, I(prog_string(p, "t")), I(prog_string(p, "e")), I(prog_string(p, "tmpfs")),
	    I(0), I(0));
	SYS(p, __NR_umount2, I(prog_string(p, "e")), I(0));
	unlink_at(p, "two", 0);
}

work_fn *const sweep_layers[] = {attributes, overlay, layers_again, names, NULL};
