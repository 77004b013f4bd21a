/* Mounts: what they forbid, how they go by themselves, and the calls by descriptor. */
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "test.h"

#define ATTR_SIZE 32
#ifndef MNT_EXPIRE
#define MNT_EXPIRE 4
#endif
#define MNT_DETACH 2
#define ST_NOSYMFOLLOW 0x2000

int mount(const char *, const char *, const char *, unsigned long, const void *);
int umount2(const char *, int);

static int open_tree(int fd, const char *path, unsigned flags)
{
	return (int)syscall(SYS_open_tree, fd, path, flags);
}

static int move_mount(int from, const char *path, int to, const char *where, unsigned flags)
{
	return (int)syscall(SYS_move_mount, from, path, to, where, flags);
}

static int set_attr(int fd, const char *path, unsigned flags, unsigned long set,
		    unsigned long clear)
{
	struct mount_attr a = { .attr_set = set, .attr_clr = clear };

	return (int)syscall(SYS_mount_setattr, fd, path, flags, &a, sizeof(a));
}

static void tmpfs(const char *at)
{
	mkdir(at, 0755);
	CHECK_EQ(mount("made", at, "tmpfs", 0, NULL), 0);
}

/* The options that mountinfo shows of what is mounted last at `at`, below here; "" for none. */
static const char *options_of(const char *at)
{
	static char options[200];
	char here[PATH_MAX], where[PATH_MAX + 20], line[2000], point[1000], found[200];
	FILE *f = fopen("/proc/self/mountinfo", "r");

	CHECK(f && getcwd(here, sizeof(here)));
	snprintf(where, sizeof(where), "%s/%s", here, at);
	options[0] = 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%*d %*d %*s %*s %999s %199s", point, found) == 2 &&
		    !strcmp(point, where))
			strcpy(options, found);
	fclose(f);
	return options;
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

TEST(links_are_not_followed)
{
	struct statfs fs;

	tmpfs("m");
	test_write_file("m/f", "text");
	CHECK_EQ(symlink("f", "m/l"), 0);
	CHECK_EQ(mkdir("m/d", 0755), 0);
	CHECK_EQ(symlink("d", "m/ld"), 0);
	CHECK_EQ(symlink("m/f", "outside"), 0);
	CHECK(open("m/l", O_RDONLY) >= 0);
	CHECK_EQ(mount(NULL, "m", NULL, MS_REMOUNT | MS_BIND | MS_NOSYMFOLLOW, NULL), 0);
	CHECK(!strcmp(options_of("m"), "rw,relatime,nosymfollow"));
	CHECK_ERR(open("m/l", O_RDONLY), ELOOP);
	CHECK_ERR(open("m/ld/x", O_RDONLY), ELOOP);
	CHECK_ERR(open("m/ld/", O_RDONLY), ELOOP);
	CHECK(open("m/l", O_PATH | O_NOFOLLOW) >= 0);
	CHECK(open("outside", O_RDONLY) >= 0);
	CHECK_EQ(statfs("m", &fs), 0);
	CHECK(fs.f_flags & ST_NOSYMFOLLOW);
	CHECK_EQ(mount(NULL, "m", NULL, MS_REMOUNT | MS_BIND, NULL), 0);
	CHECK(open("m/l", O_RDONLY) >= 0);
	CHECK_EQ(umount2("m", MNT_DETACH), 0);
	CHECK_EQ(mount("x", "m", "tmpfs", MS_NOSYMFOLLOW, NULL), 0);
	CHECK_EQ(symlink("f", "m/l"), 0);
	CHECK_ERR(open("m/l", O_CREAT | O_RDWR, 0600), ELOOP);
	CHECK_EQ(umount2("m", 0), 0);
}

TEST(expiry)
{
	int fd;

	tmpfs("m");
	fd = open("m", O_RDONLY);
	CHECK_ERR(umount2("m", MNT_EXPIRE), EBUSY);
	close(fd);
	CHECK_ERR(umount2("m", MNT_EXPIRE | MNT_DETACH), EINVAL);
	CHECK_ERR(umount2("m", MNT_EXPIRE), EAGAIN);
	/* Used meanwhile: from the start again. */
	close(open("m", O_RDONLY));
	CHECK_ERR(umount2("m", MNT_EXPIRE), EAGAIN);
	CHECK_EQ(umount2("m", MNT_EXPIRE), 0);
	CHECK_ERR(umount2("m", MNT_EXPIRE), EINVAL);
}

TEST(a_tree_by_descriptor)
{
	struct stat st;
	int fd;

	tmpfs("m");
	tmpfs("m/sub");
	test_write_file("m/f", "text");
	test_write_file("m/sub/g", "text");
	CHECK_EQ(mkdir("to", 0755), 0);
	/* Without a copy it is a descriptor as any other. */
	fd = open_tree(AT_FDCWD, "m", 0);
	CHECK(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFL) & O_PATH, O_PATH);
	CHECK_EQ(fstatat(fd, "sub/g", &st, 0), 0);
	close(fd);
	CHECK(exists("m/f"));
	fd = open_tree(AT_FDCWD, "m", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	CHECK(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fstatat(fd, "f", &st, 0), 0);
	CHECK_ERR(fstatat(fd, "sub/g", &st, 0), ENOENT);
	CHECK_EQ(move_mount(fd, "", AT_FDCWD, "to", MOVE_MOUNT_F_EMPTY_PATH), 0);
	CHECK(exists("to/f"));
	CHECK(!exists("to/sub/g"));
	CHECK(!strcmp(options_of("to"), "rw,relatime"));
	close(fd);
	CHECK(exists("to/f"));
	CHECK_EQ(umount2("to", 0), 0);
	fd = open_tree(AT_FDCWD, "m", OPEN_TREE_CLONE | AT_RECURSIVE);
	CHECK(fd >= 0);
	CHECK_EQ(fstatat(fd, "sub/g", &st, 0), 0);
	CHECK_EQ(move_mount(fd, "", AT_FDCWD, "to", MOVE_MOUNT_F_EMPTY_PATH), 0);
	CHECK(exists("to/sub/g"));
	CHECK_EQ(umount2("to", MNT_DETACH), 0);
	/* What was never attached goes with its descriptor. */
	fd = open_tree(AT_FDCWD, "m", OPEN_TREE_CLONE | AT_RECURSIVE);
	close(fd);
	CHECK_EQ(umount2("m/sub", 0), 0);
	CHECK_EQ(umount2("m", 0), 0);
}

TEST(a_part_of_a_file_system)
{
	int fd;

	tmpfs("m");
	CHECK_EQ(mkdir("m/d", 0755), 0);
	test_write_file("m/d/f", "text");
	test_write_file("m/file", "text");
	CHECK_EQ(mkdir("to", 0755), 0);
	test_write_file("at", "");
	fd = open_tree(AT_FDCWD, "m/d", OPEN_TREE_CLONE);
	CHECK_EQ(move_mount(fd, "", AT_FDCWD, "to", MOVE_MOUNT_F_EMPTY_PATH), 0);
	CHECK(exists("to/f"));
	close(fd);
	fd = open_tree(AT_FDCWD, "m/file", OPEN_TREE_CLONE);
	CHECK_ERR(move_mount(fd, "", AT_FDCWD, "to", MOVE_MOUNT_F_EMPTY_PATH), EINVAL);
	CHECK_EQ(move_mount(fd, "", AT_FDCWD, "at", MOVE_MOUNT_F_EMPTY_PATH), 0);
	CHECK(!strcmp(test_read_file("at"), "text"));
	CHECK_EQ(umount2("at", MNT_DETACH), 0);
	CHECK_EQ(umount2("to", 0), 0);
	CHECK_EQ(umount2("m", MNT_DETACH), 0);
}

TEST(mounts_move)
{
	tmpfs("m");
	test_write_file("m/f", "text");
	CHECK_EQ(mkdir("to", 0755), 0);
	CHECK_EQ(mkdir("m/d", 0755), 0);
	CHECK_EQ(move_mount(AT_FDCWD, "m", AT_FDCWD, "to", 0), 0);
	CHECK(exists("to/f"));
	CHECK(!exists("m/f"));
	CHECK_ERR(move_mount(AT_FDCWD, "to", AT_FDCWD, "to/d", 0), ELOOP);
	CHECK_ERR(move_mount(AT_FDCWD, "to/d", AT_FDCWD, "m", 0), EINVAL);
	CHECK_ERR(move_mount(AT_FDCWD, "to", AT_FDCWD, "to/f", 0), EINVAL);
	CHECK_ERR(move_mount(AT_FDCWD, "nothing", AT_FDCWD, "m", 0), ENOENT);
	CHECK_ERR(move_mount(AT_FDCWD, "", AT_FDCWD, "m", 0), ENOENT);
	CHECK_ERR(move_mount(99, "", AT_FDCWD, "m", MOVE_MOUNT_F_EMPTY_PATH), EBADF);
	CHECK_ERR(move_mount(AT_FDCWD, "to", AT_FDCWD, "m", 8), EINVAL);
	CHECK_ERR(move_mount(AT_FDCWD, (char *)8, AT_FDCWD, "m", 0), EFAULT);
	CHECK_ERR(move_mount(AT_FDCWD, "to", AT_FDCWD, (char *)8, 0), EFAULT);
	CHECK_EQ(umount2("to", 0), 0);
}

TEST(wrong_trees)
{
	CHECK_ERR(open_tree(AT_FDCWD, ".", 2), EINVAL);
	CHECK_ERR(open_tree(AT_FDCWD, ".", AT_RECURSIVE), EINVAL);
	CHECK_ERR(open_tree(AT_FDCWD, "nothing", 0), ENOENT);
	CHECK_ERR(open_tree(AT_FDCWD, "", OPEN_TREE_CLONE), ENOENT);
	CHECK_ERR(open_tree(AT_FDCWD, (char *)8, 0), EFAULT);
	CHECK_ERR(open_tree(99, "", AT_EMPTY_PATH), EBADF);
}

TEST(attributes)
{
	struct mount_attr bigger[2] = { { 0 } };

	tmpfs("m");
	tmpfs("m/sub");
	CHECK_EQ(set_attr(AT_FDCWD, "m", 0, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
			  MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSYMFOLLOW |
			  MOUNT_ATTR_NODIRATIME, 0), 0);
	CHECK(!strcmp(options_of("m"),
		      "ro,nosuid,nodev,noexec,nodiratime,relatime,nosymfollow"));
	CHECK(!strcmp(options_of("m/sub"), "rw,relatime"));
	CHECK_ERR(open("m/f", O_CREAT | O_RDWR, 0600), EROFS);
	CHECK_EQ(set_attr(AT_FDCWD, "m", 0, 0, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV |
			  MOUNT_ATTR_NOSYMFOLLOW | MOUNT_ATTR_NODIRATIME), 0);
	CHECK(!strcmp(options_of("m"), "rw,nosuid,noexec,relatime"));
	CHECK_EQ(set_attr(AT_FDCWD, "m", AT_RECURSIVE, MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME), 0);
	CHECK(!strcmp(options_of("m"), "rw,nosuid,noexec,noatime"));
	CHECK(!strcmp(options_of("m/sub"), "rw,noatime"));
	CHECK_EQ(set_attr(AT_FDCWD, "m", 0, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME), 0);
	CHECK(!strcmp(options_of("m"), "rw,nosuid,noexec"));
	CHECK_EQ(set_attr(AT_FDCWD, "m", 0, 0, MOUNT_ATTR__ATIME), 0);
	CHECK(!strcmp(options_of("m"), "rw,nosuid,noexec,relatime"));
	CHECK_ERR(set_attr(AT_FDCWD, "m", 0, MOUNT_ATTR_NOATIME, 0), EINVAL);
	CHECK_ERR(set_attr(AT_FDCWD, "m", 0, 0, MOUNT_ATTR_NOATIME), EINVAL);
	CHECK_ERR(set_attr(AT_FDCWD, "m", 0, 0x60, MOUNT_ATTR__ATIME), EINVAL);
	CHECK_ERR(set_attr(AT_FDCWD, "m", 0, 1ul << 40, 0), EINVAL);
	CHECK_ERR(set_attr(AT_FDCWD, "m/sub/..", 2, 1, 0), EINVAL);
	CHECK_EQ(mkdir("m/d", 0755), 0);
	CHECK_ERR(set_attr(AT_FDCWD, "m/d", 0, MOUNT_ATTR_RDONLY, 0), EINVAL);
	CHECK_EQ(set_attr(AT_FDCWD, "m/d", 0, 0, 0), 0);
	CHECK_EQ(set_attr(AT_FDCWD, "nothing", 0, 0, 0), 0);
	CHECK_ERR(set_attr(AT_FDCWD, "nothing", 0, 1, 0), ENOENT);
	CHECK_ERR(syscall(SYS_mount_setattr, AT_FDCWD, "m", 0, bigger, 31), EINVAL);
	CHECK_ERR(syscall(SYS_mount_setattr, AT_FDCWD, "m", 0, bigger, 4097), E2BIG);
	CHECK_ERR(syscall(SYS_mount_setattr, AT_FDCWD, "m", 0, 8, 32), EFAULT);
	CHECK_EQ(syscall(SYS_mount_setattr, AT_FDCWD, "m", 0, bigger, 64), 0);
	bigger[1].attr_set = 1;
	CHECK_ERR(syscall(SYS_mount_setattr, AT_FDCWD, "m", 0, bigger, 64), E2BIG);
	bigger[0].propagation = MS_PRIVATE;
	CHECK_EQ(syscall(SYS_mount_setattr, AT_FDCWD, "m", 0, bigger, 32), 0);
	bigger[0].propagation = MS_PRIVATE | MS_SLAVE;
	CHECK_ERR(syscall(SYS_mount_setattr, AT_FDCWD, "m", 0, bigger, 32), EINVAL);
	bigger[0].propagation = 1;
	CHECK_ERR(syscall(SYS_mount_setattr, AT_FDCWD, "m", 0, bigger, 32), EINVAL);
	CHECK_EQ(umount2("m/sub", 0), 0);
	CHECK_EQ(umount2("m", 0), 0);
}

/* Of a tree before it is attached. */
TEST(attributes_of_a_copy)
{
	int fd;

	tmpfs("m");
	tmpfs("m/sub");
	CHECK_EQ(mkdir("to", 0755), 0);
	fd = open_tree(AT_FDCWD, "m", OPEN_TREE_CLONE | AT_RECURSIVE);
	CHECK_EQ(set_attr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, MOUNT_ATTR_RDONLY, 0), 0);
	CHECK_EQ(move_mount(fd, "", AT_FDCWD, "to", MOVE_MOUNT_F_EMPTY_PATH), 0);
	CHECK(!strcmp(options_of("m"), "rw,relatime"));
	CHECK(!strcmp(options_of("to"), "ro,relatime"));
	CHECK(!strcmp(options_of("to/sub"), "ro,relatime"));
	CHECK_EQ(umount2("to", MNT_DETACH), 0);
	CHECK_EQ(umount2("m", MNT_DETACH), 0);
}

/* A tree goes with the last descriptor, what is open in it stays. */
TEST(open_in_a_tree_that_goes)
{
	int fd, file;
	char byte;

	tmpfs("m");
	tmpfs("m/sub");
	test_write_file("m/sub/f", "text");
	fd = open_tree(AT_FDCWD, "m", OPEN_TREE_CLONE | AT_RECURSIVE);
	file = openat(fd, "sub/f", O_RDONLY);
	CHECK(file >= 0);
	CHECK_EQ(umount2("m", MNT_DETACH), 0);
	CHECK_EQ(close(dup(fd)), 0);
	CHECK_EQ(faccessat(fd, "sub/f", F_OK, 0), 0);
	close(fd);
	CHECK_EQ(read(file, &byte, 1), 1);
}

static void unprivileged(void *unused)
{
	(void)unused;
	CHECK(open_tree(AT_FDCWD, ".", 0) >= 0);
	CHECK_ERR(open_tree(AT_FDCWD, ".", OPEN_TREE_CLONE), EPERM);
	CHECK_ERR(move_mount(AT_FDCWD, "/", AT_FDCWD, "/", 0), EPERM);
	CHECK_ERR(set_attr(AT_FDCWD, "/", 0, MOUNT_ATTR_RDONLY, 0), EPERM);
}

TEST(without_privilege)
{
	CHECK_EQ(test_child_as(1000, unprivileged, NULL), 0);
}

/* The first options that /proc/self/mounts has of what lies at `at`, below here. */
static const char *first_options(const char *at)
{
	static char options[200];
	char line[1000], where[300], here[200];
	FILE *f = fopen("/proc/self/mounts", "r");

	CHECK(f);
	snprintf(where, sizeof(where), " %s/%s tmpfs ", getcwd(here, sizeof(here)), at);
	options[0] = 0;
	while (fgets(line, sizeof(line), f))
		if (strstr(line, where))
			sscanf(strstr(line, where) + strlen(where), "%199s", options);
	fclose(f);
	return options;
}

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/* What is changed is waited for: of the file system, however it is mounted; only the one of the two can
 * be changed later. */
TEST(what_is_waited_for)
{
	struct statfs s;

	CHECK_EQ(mkdir("synced", 0755), 0);
	CHECK_EQ(mkdir("again", 0755), 0);
	CHECK_EQ(mount("x", "synced", "tmpfs", MS_SYNCHRONOUS, NULL), 0);
	CHECK(begins(first_options("synced"), "rw,sync,relatime"));
	CHECK_EQ(statfs("synced", &s), 0);
	CHECK(s.f_flags & MS_SYNCHRONOUS);
	CHECK_EQ(mount("synced", "again", NULL, MS_BIND, NULL), 0);
	CHECK(begins(first_options("again"), "rw,sync,relatime"));
	CHECK_EQ(mount(NULL, "synced", NULL, MS_REMOUNT | MS_DIRSYNC, NULL), 0);
	CHECK(begins(first_options("again"), "rw,relatime"));
	CHECK_EQ(statfs("again", &s), 0);
	CHECK(!(s.f_flags & MS_SYNCHRONOUS));
	CHECK_EQ(umount2("again", 0), 0);
	CHECK_EQ(umount2("synced", 0), 0);
	CHECK_EQ(mount("x", "synced", "tmpfs", MS_DIRSYNC | MS_SYNCHRONOUS, NULL), 0);
	CHECK(begins(first_options("synced"), "rw,sync,dirsync,relatime"));
	CHECK_EQ(mount(NULL, "synced", NULL, MS_REMOUNT, NULL), 0);
	CHECK(begins(first_options("synced"), "rw,dirsync,relatime"));
	CHECK_EQ(statfs("synced", &s), 0);
	CHECK(!(s.f_flags & MS_SYNCHRONOUS));
	CHECK_EQ(umount2("synced", 0), 0);
}
