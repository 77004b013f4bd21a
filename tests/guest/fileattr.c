/* Files that may not be changed, or only added to, as chattr(1) makes them. The folder of a test is
 * on tmpfs. */
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "test.h"

static int set(const char *path, int flags)
{
	int fd = open(path, O_RDONLY), err;

	CHECK(fd >= 0);
	err = ioctl(fd, FS_IOC_SETFLAGS, &flags);
	close(fd);
	return err;
}

static int get(const char *path)
{
	int fd = open(path, O_RDONLY), flags = -1;

	CHECK(fd >= 0);
	CHECK_EQ(ioctl(fd, FS_IOC_GETFLAGS, &flags), 0);
	close(fd);
	return flags;
}

static unsigned long attributes(const char *path, unsigned long *mask)
{
	struct statx st;

	CHECK_EQ(statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &st), 0);
	if (mask)
		*mask = st.stx_attributes_mask;
	return st.stx_attributes;
}

TEST(set_and_shown)
{
	static const int each[] = {FS_IMMUTABLE_FL, FS_APPEND_FL, FS_NODUMP_FL, FS_NOATIME_FL};
	unsigned long mask;

	test_write_file("f", "text");
	CHECK_EQ(get("f"), 0);
	CHECK_EQ(attributes("f", &mask), 0);
	CHECK_EQ(mask & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND | STATX_ATTR_NODUMP),
		 STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND | STATX_ATTR_NODUMP);
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(set("f", each[i]), 0);
		CHECK_EQ(get("f"), each[i]);
	}
	CHECK_EQ(attributes("f", NULL), 0);
	CHECK_EQ(set("f", FS_IMMUTABLE_FL | FS_NODUMP_FL), 0);
	CHECK_EQ(attributes("f", NULL), STATX_ATTR_IMMUTABLE | STATX_ATTR_NODUMP);
	CHECK_EQ(set("f", FS_APPEND_FL), 0);
	CHECK_EQ(attributes("f", NULL), STATX_ATTR_APPEND);
	CHECK_EQ(set("f", 0), 0);
	CHECK_EQ(get("f"), 0);
}

static void as_owner(void *unused)
{
	(void)unused;
	CHECK_EQ(set("mine", FS_NODUMP_FL), 0);
	CHECK_ERR(set("mine", FS_NODUMP_FL | FS_APPEND_FL), EPERM);
	CHECK_ERR(set("mine", FS_IMMUTABLE_FL), EPERM);
	CHECK_ERR(set("other", FS_NODUMP_FL), EPERM);
	CHECK_EQ(get("other"), 0);
}

TEST(what_is_refused)
{
	int fd, flags = 0, ends[2];

	test_write_file("f", "text");
	CHECK_ERR(set("f", FS_COMPR_FL), EOPNOTSUPP);
	CHECK_ERR(set("f", FS_SYNC_FL | FS_NODUMP_FL), EOPNOTSUPP);
	fd = open("f", O_RDONLY);
	CHECK_ERR(ioctl(fd, FS_IOC_SETFLAGS, NULL), EFAULT);
	CHECK_ERR(ioctl(fd, FS_IOC_GETFLAGS, NULL), EFAULT);
	CHECK_ERR(ioctl(open("f", O_PATH), FS_IOC_GETFLAGS, &flags), EBADF);
	CHECK_EQ(pipe(ends), 0);
	CHECK_ERR(ioctl(ends[0], FS_IOC_GETFLAGS, &flags), ENOTTY);
	CHECK_ERR(ioctl(ends[0], FS_IOC_SETFLAGS, &flags), ENOTTY);
	CHECK_ERR(ioctl(open("/dev/null", O_RDONLY), FS_IOC_GETFLAGS, &flags), ENOTTY);
	CHECK_ERR(ioctl(open("/proc/self/status", O_RDONLY), FS_IOC_GETFLAGS, &flags), ENOTTY);
	chmod(".", 0777);
	test_write_file("other", "text");
	test_write_file("mine", "text");
	CHECK_EQ(chown("mine", 1000, 1000), 0);
	CHECK_EQ(test_child_as(1000, as_owner, NULL), 0);
}

TEST(an_immutable_file)
{
	int before, flags = 0;
	struct timeval times[2] = {};

	test_write_file("f", "text");
	before = open("f", O_RDWR);
	CHECK_EQ(set("f", FS_IMMUTABLE_FL), 0);
	CHECK_ERR(open("f", O_WRONLY), EPERM);
	CHECK_ERR(open("f", O_RDWR | O_APPEND), EPERM);
	CHECK_ERR(open("f", O_RDONLY | O_TRUNC), EPERM);
	CHECK_ERR(access("f", W_OK), EPERM);
	CHECK_EQ(access("f", R_OK), 0);
	CHECK_ERR(truncate("f", 1), EPERM);
	CHECK_ERR(chmod("f", 0600), EPERM);
	CHECK_ERR(chown("f", 1, 1), EPERM);
	CHECK_EQ(chown("f", -1, -1), 0);
	CHECK_ERR(utimes("f", times), EPERM);
	CHECK_ERR(utimes("f", NULL), EPERM);
	CHECK_ERR(unlink("f"), EPERM);
	CHECK_ERR(rename("f", "g"), EPERM);
	CHECK_ERR(link("f", "g"), EPERM);
	CHECK_ERR(setxattr("f", "user.x", "y", 1, 0), EPERM);
	CHECK_ERR(setxattr("f", "trusted.x", "y", 1, 0), EPERM);
	test_write_file("g", "other");
	CHECK_ERR(rename("g", "f"), EPERM);
	/* Who had it open for writing still does. */
	CHECK_EQ(write(before, "T", 1), 1);
	CHECK_ERR(fchmod(before, 0600), EPERM);
	CHECK_EQ(ftruncate(before, 2), 0);
	CHECK_ERR(fallocate(before, 0, 0, 100), EPERM);
	CHECK(!strcmp(test_read_file("f"), "Te"));
	CHECK_EQ(ioctl(before, FS_IOC_SETFLAGS, &flags), 0);
	CHECK_EQ(unlink("f"), 0);
}

TEST(a_file_that_only_grows)
{
	struct timeval times[2] = {};
	int fd;

	test_write_file("f", "text");
	CHECK_EQ(set("f", FS_APPEND_FL), 0);
	CHECK_ERR(open("f", O_WRONLY), EPERM);
	CHECK_ERR(open("f", O_RDWR), EPERM);
	CHECK_ERR(open("f", O_WRONLY | O_APPEND | O_TRUNC), EPERM);
	CHECK_ERR(truncate("f", 1), EPERM);
	CHECK_ERR(chmod("f", 0600), EPERM);
	CHECK_ERR(utimes("f", times), EPERM);
	CHECK_EQ(utimes("f", NULL), 0);
	CHECK_ERR(unlink("f"), EPERM);
	CHECK_ERR(rename("f", "g"), EPERM);
	CHECK_ERR(link("f", "g"), EPERM);
	CHECK_ERR(setxattr("f", "user.x", "y", 1, 0), EPERM);
	fd = open("f", O_RDWR | O_APPEND);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "s", 1), 1);
	CHECK(!strcmp(test_read_file("f"), "texts"));
	CHECK_ERR(ftruncate(fd, 0), EPERM);
	CHECK_ERR(fcntl(fd, F_SETFL, 0), EPERM);
	CHECK_EQ(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK), 0);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED);
	CHECK_EQ(errno, EACCES);
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0) != MAP_FAILED);
	CHECK_EQ(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 8192), 0);
	CHECK_ERR(fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, 4096), EPERM);
	CHECK_EQ(set("f", 0), 0);
	CHECK_EQ(unlink("f"), 0);
}

TEST(folders)
{
	CHECK_EQ(mkdir("d", 0755), 0);
	test_write_file("d/f", "text");
	CHECK_EQ(set("d", FS_IMMUTABLE_FL), 0);
	CHECK_ERR(open("d/g", O_CREAT | O_WRONLY, 0644), EPERM);
	CHECK_ERR(mkdir("d/e", 0755), EPERM);
	CHECK_ERR(unlink("d/f"), EPERM);
	CHECK_ERR(rename("d/f", "f"), EPERM);
	CHECK_ERR(link("d/f", "d/g"), EPERM);
	CHECK_ERR(rmdir("d"), EPERM);
	test_write_file("d/f", "what is in it may be changed");
	CHECK_EQ(set("d", FS_APPEND_FL), 0);
	test_write_file("d/g", "text");
	CHECK_ERR(unlink("d/g"), EPERM);
	CHECK_ERR(rename("d/g", "d/h"), EPERM);
	CHECK_EQ(set("d", 0), 0);
	CHECK_EQ(unlink("d/g"), 0);
}

TEST(what_new_files_have_of_their_folder)
{
	CHECK_EQ(mkdir("d", 0755), 0);
	CHECK_EQ(set("d", FS_NODUMP_FL | FS_NOATIME_FL | FS_APPEND_FL), 0);
	test_write_file("d/f", "text");
	CHECK_EQ(mkdir("d/e", 0755), 0);
	CHECK_EQ(get("d/f"), FS_NODUMP_FL | FS_NOATIME_FL);
	CHECK_EQ(get("d/e"), FS_NODUMP_FL | FS_NOATIME_FL);
	CHECK_EQ(set("d", 0), 0);
}

TEST(reading_without_a_trace)
{
	struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 2000}};
	struct stat st;
	char byte;
	int fd;

	test_write_file("f", "text");
	CHECK_EQ(utimensat(AT_FDCWD, "f", old, 0), 0);
	CHECK_EQ(set("f", FS_NOATIME_FL), 0);
	fd = open("f", O_RDONLY);
	CHECK_EQ(read(fd, &byte, 1), 1);
	CHECK_EQ(stat("f", &st), 0);
	CHECK_EQ(st.st_atime, 1000);
	CHECK_EQ(set("f", 0), 0);
	CHECK_EQ(read(fd, &byte, 1), 1);
	CHECK_EQ(stat("f", &st), 0);
	CHECK(st.st_atime != 1000);
}
