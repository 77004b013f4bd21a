/* A file system that is configured by a descriptor: fsopen, fsconfig, fsmount, fspick. */
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

#define MNT_DETACH 2

int mount(const char *, const char *, const char *, unsigned long, const void *);
int umount2(const char *, int);

static int fsopen(const char *type, unsigned flags)
{
	return (int)syscall(SYS_fsopen, type, flags);
}

static int config(int fd, unsigned cmd, const char *key, const void *value, int aux)
{
	return (int)syscall(SYS_fsconfig, fd, cmd, key, value, aux);
}

static int set(int fd, const char *key, const char *value)
{
	return config(fd, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key, value, 0);
}

static int create(int fd)
{
	return config(fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
}

static int fsmount(int fd, unsigned flags, unsigned attr)
{
	return (int)syscall(SYS_fsmount, fd, flags, attr);
}

static int fspick(int fd, const char *path, unsigned flags)
{
	return (int)syscall(SYS_fspick, fd, path, flags);
}

static int move_to(int fd, const char *where)
{
	return (int)syscall(SYS_move_mount, fd, "", AT_FDCWD, where, MOVE_MOUNT_F_EMPTY_PATH);
}

/* A field of mountinfo's line of what is mounted last at `at`: 6 its options, and those behind
 * the dash: type, source, options of the file system. */
struct shown {
	char options[200], type[40], source[100], super[200];
};

static struct shown shown(const char *at)
{
	struct shown found = { 0 }, one;
	char here[PATH_MAX], where[PATH_MAX + 20], line[2000], point[1000];
	FILE *f = fopen("/proc/self/mountinfo", "r");

	CHECK(f && getcwd(here, sizeof(here)));
	snprintf(where, sizeof(where), "%s/%s", here, at);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%*d %*d %*s %*s %999s %199s - %39s %99s %199s", point,
			   one.options, one.type, one.source, one.super) == 5 &&
		    !strcmp(point, where))
			found = one;
	fclose(f);
	return found;
}

TEST(from_a_type_to_a_mount)
{
	int fd = fsopen("tmpfs", FSOPEN_CLOEXEC), m;
	char buffer[100];
	struct shown s;
	struct stat st;

	CHECK(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(set(fd, "source", "made"), 0);
	CHECK_EQ(set(fd, "size", "1m"), 0);
	CHECK_EQ(set(fd, "mode", "0700"), 0);
	CHECK_ERR(fsmount(fd, 0, 0), EINVAL);	/* there is none yet */
	CHECK_EQ(create(fd), 0);
	CHECK_ERR(read(fd, buffer, sizeof(buffer)), ENODATA);
	m = fsmount(fd, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV | MOUNT_ATTR_NOATIME);
	CHECK(m >= 0);
	CHECK_EQ(fcntl(m, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(m, F_GETFL) & O_PATH, O_PATH);
	CHECK_EQ(fstat(m, &st), 0);
	CHECK_EQ(st.st_mode, S_IFDIR | 0700);
	close(openat(m, "f", O_CREAT | O_RDWR, 0600));
	CHECK_EQ(mkdir("m", 0755), 0);
	CHECK_EQ(move_to(m, "m"), 0);
	CHECK_EQ(access("m/f", F_OK), 0);
	s = shown("m");
	CHECK(!strcmp(s.options, "rw,nodev,noatime"));
	CHECK(!strcmp(s.type, "tmpfs"));
	CHECK(!strcmp(s.source, "made"));
	CHECK(strstr(s.super, "size=1024k"));
	CHECK(strstr(s.super, "mode=700"));
	/* It was mounted; another time needs another. */
	CHECK_ERR(fsmount(fd, 0, 0), EBUSY);
	CHECK_EQ(umount2("m", MNT_DETACH), 0);
}

TEST(read_only)
{
	int fd = fsopen("tmpfs", 0), m;

	CHECK_EQ(set(fd, "ro", NULL), 0);
	CHECK_EQ(create(fd), 0);
	m = fsmount(fd, 0, 0);
	CHECK(m >= 0);
	CHECK_ERR(openat(m, "f", O_CREAT | O_RDWR, 0600), EROFS);
	CHECK_EQ(mkdir("m", 0755), 0);
	CHECK_EQ(move_to(m, "m"), 0);
	CHECK(!strncmp(shown("m").super, "ro", 2));
	CHECK(!strcmp(shown("m").source, "none"));
	CHECK_EQ(umount2("m", MNT_DETACH), 0);
}

/* Options that every file system has. */
TEST(waited_for)
{
	int fd = fsopen("tmpfs", 0), m;

	CHECK_EQ(set(fd, "sync", NULL), 0);
	CHECK_EQ(set(fd, "dirsync", NULL), 0);
	CHECK_EQ(create(fd), 0);
	m = fsmount(fd, 0, 0);
	CHECK(m >= 0);
	CHECK_EQ(mkdir("m", 0755), 0);
	CHECK_EQ(move_to(m, "m"), 0);
	CHECK(!strncmp(shown("m").super, "rw,sync,dirsync", 15));
	close(fd);
	fd = fspick(AT_FDCWD, "m", 0);
	CHECK(fd >= 0);
	CHECK_EQ(set(fd, "async", NULL), 0);
	CHECK_EQ(config(fd, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0), 0);
	CHECK(!strncmp(shown("m").super, "rw,dirsync", 10));
	close(fd);
	CHECK_EQ(umount2("m", MNT_DETACH), 0);
}

TEST(never_mounted)
{
	int fd = fsopen("tmpfs", 0);

	CHECK_EQ(create(fd), 0);
	close(fd);
	fd = fsopen("tmpfs", 0);
	CHECK_EQ(create(fd), 0);
	CHECK(fsmount(fd, 0, 0) >= 0);
	close(fd);
}

TEST(in_its_order)
{
	int fd = fsopen("tmpfs", 0);

	CHECK_ERR(config(fd, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0), EBUSY);
	CHECK_EQ(set(fd, "source", "a"), 0);
	CHECK_ERR(set(fd, "source", "b"), EINVAL);
	CHECK_EQ(create(fd), 0);
	CHECK_ERR(create(fd), EBUSY);
	CHECK_ERR(set(fd, "size", "1m"), EBUSY);
}

TEST(wrong_settings)
{
	int fd = fsopen("tmpfs", 0);
	char longer[300];

	memset(longer, 'x', sizeof(longer));
	longer[299] = 0;
	CHECK_ERR(fsopen("tmpfs", 2), EINVAL);
	CHECK_ERR(fsopen("nosuch", 0), ENODEV);
	CHECK_ERR(fsopen((char *)8, 0), EFAULT);
	CHECK_ERR(config(-1, FSCONFIG_SET_FLAG, "ro", NULL, 0), EINVAL);
	CHECK_ERR(config(99, FSCONFIG_SET_FLAG, "ro", NULL, 0), EBADF);
	CHECK_ERR(config(open(".", O_RDONLY), FSCONFIG_SET_FLAG, "ro", NULL, 0), EINVAL);
	CHECK_ERR(config(fd, 99, NULL, NULL, 0), EOPNOTSUPP);
	CHECK_ERR(config(fd, FSCONFIG_SET_FLAG, NULL, NULL, 0), EINVAL);
	CHECK_ERR(config(fd, FSCONFIG_SET_FLAG, "ro", "x", 0), EINVAL);
	CHECK_ERR(config(fd, FSCONFIG_SET_FLAG, "ro", NULL, 1), EINVAL);
	CHECK_ERR(config(fd, FSCONFIG_SET_STRING, "size", NULL, 0), EINVAL);
	CHECK_ERR(config(fd, FSCONFIG_SET_STRING, "size", "1m", 1), EINVAL);
	CHECK_ERR(config(fd, FSCONFIG_SET_STRING, (char *)8, "1m", 0), EFAULT);
	CHECK_ERR(config(fd, FSCONFIG_SET_STRING, "size", (char *)8, 0), EFAULT);
	CHECK_ERR(config(fd, FSCONFIG_SET_STRING, longer, "x", 0), EINVAL);
	CHECK_ERR(config(fd, FSCONFIG_SET_STRING, "size", longer, 0), EINVAL);
	CHECK_ERR(config(fd, FSCONFIG_CMD_CREATE, "x", NULL, 0), EINVAL);
	CHECK_ERR(config(fd, FSCONFIG_CMD_CREATE, NULL, NULL, 1), EINVAL);
	CHECK_ERR(set(fd, "nosuch", NULL), EINVAL);
	CHECK_ERR(set(fd, "nosuch", "value"), EINVAL);
	CHECK_ERR(set(fd, "size", "nonsense"), EINVAL);
	CHECK_ERR(set(fd, "size", NULL), EINVAL);
	CHECK_ERR(fsmount(99, 0, 0), EBADF);
	CHECK_ERR(fsmount(open(".", O_RDONLY), 0, 0), EINVAL);
	CHECK_ERR(fsmount(fd, 2, 0), EINVAL);
	CHECK_ERR(fsmount(fd, 0, 1 << 24), EINVAL);
	CHECK_ERR(fsmount(fd, 0, 0x60), EINVAL);
	CHECK_EQ(create(fd), 0);
}

static void expect_message(int fd, const char *want)
{
	char got[200] = "";

	CHECK_ERR(read(fd, got, 3), EMSGSIZE);
	CHECK_EQ(read(fd, got, sizeof(got)), strlen(want));
	CHECK(!strcmp(got, want));
	CHECK_ERR(read(fd, got, sizeof(got)), ENODATA);
}

TEST(messages)
{
	int fd = fsopen("tmpfs", 0);

	CHECK_ERR(set(fd, "nosuch", "value"), EINVAL);
	expect_message(fd, "e tmpfs: Unknown parameter 'nosuch'\n");
	CHECK_ERR(set(fd, "size", "nonsense"), EINVAL);
	expect_message(fd, "e tmpfs: Bad value for 'size'\n");
	CHECK_ERR(set(fd, "nosuch", "value"), EINVAL);
	CHECK_ERR(read(fd, (char *)8, 100), EFAULT);
}

TEST(again)
{
	int fd;

	CHECK_EQ(mkdir("m", 0755), 0);
	CHECK_EQ(mount("made", "m", "tmpfs", 0, "size=1m"), 0);
	fd = fspick(AT_FDCWD, "m", FSPICK_CLOEXEC);
	CHECK(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_ERR(create(fd), EBUSY);
	CHECK_EQ(set(fd, "size", "2m"), 0);
	CHECK_EQ(set(fd, "ro", NULL), 0);
	CHECK_EQ(config(fd, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0), 0);
	CHECK(!strncmp(shown("m").super, "ro", 2));
	CHECK(strstr(shown("m").super, "size=2048k"));
	CHECK_ERR(open("m/f", O_CREAT | O_RDWR, 0600), EROFS);
	CHECK_EQ(set(fd, "rw", NULL), 0);
	CHECK_EQ(config(fd, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0), 0);
	CHECK(open("m/f", O_CREAT | O_RDWR, 0600) >= 0);
	CHECK(strstr(shown("m").super, "size=2048k"));
	/* Not while it is written. */
	fd = fspick(AT_FDCWD, "m", 0);
	CHECK_EQ(set(fd, "ro", NULL), 0);
	CHECK_ERR(config(fd, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0), EBUSY);
	CHECK_EQ(mkdir("m/d", 0755), 0);
	CHECK_ERR(fspick(AT_FDCWD, "m/d", 0), EINVAL);
	CHECK_ERR(fspick(AT_FDCWD, "m", 0x10), EINVAL);
	CHECK_ERR(fspick(AT_FDCWD, "nothing", 0), ENOENT);
	CHECK_ERR(fspick(AT_FDCWD, "", 0), ENOENT);
	CHECK_ERR(fspick(99, "x", 0), EBADF);
	CHECK_EQ(umount2("m", MNT_DETACH), 0);
}

/* The file system of a mount that was made so can be configured anew by the same descriptor. */
TEST(again_by_the_same)
{
	int fd = fsopen("tmpfs", 0), m;

	CHECK_EQ(create(fd), 0);
	m = fsmount(fd, 0, 0);
	CHECK(m >= 0);
	CHECK_EQ(set(fd, "ro", NULL), 0);
	CHECK_EQ(config(fd, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0), 0);
	CHECK_ERR(openat(m, "f", O_CREAT | O_RDWR, 0600), EROFS);
}

TEST(what_has_no_device)
{
	int fd = fsopen("ext4", 0);

	CHECK(fd >= 0);
	CHECK_EQ(set(fd, "source", "/dev/null"), 0);
	CHECK_ERR(create(fd), ENOTBLK);
	fd = fsopen("ext4", 0);
	CHECK_EQ(set(fd, "source", "/nothing"), 0);
	CHECK_ERR(create(fd), ENOENT);
	fd = fsopen("ext4", 0);
	CHECK_ERR(create(fd), EINVAL);
}

TEST(other_types)
{
	int fd = fsopen("proc", 0), m;

	CHECK_EQ(create(fd), 0);
	m = fsmount(fd, 0, MOUNT_ATTR_RDONLY);
	CHECK(m >= 0);
	CHECK(faccessat(m, "self/stat", F_OK, 0) == 0);
}

static void unprivileged(void *argument)
{
	CHECK_ERR(fsopen("tmpfs", 0), EPERM);
	CHECK_ERR(fspick(AT_FDCWD, "/", 0), EPERM);
	CHECK_ERR(fsmount(*(int *)argument, 0, 0), EPERM);
	CHECK_ERR(create(*(int *)argument), EPERM);
}

TEST(without_privilege)
{
	int fd = fsopen("tmpfs", 0);

	CHECK_EQ(test_child_as(1000, unprivileged, &fd), 0);
}
