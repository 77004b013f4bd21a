/* openat2: where a name may lead. */
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "test.h"

static int open2(int dir, const char *path, unsigned long flags, unsigned long resolve)
{
	struct open_how how = { .flags = flags, .resolve = resolve };

	return (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
}

static int folder(void)
{
	CHECK_EQ(mkdir("d", 0755), 0);
	CHECK_EQ(mkdir("d/sub", 0755), 0);
	test_write_file("f", "outside");
	test_write_file("d/f", "inside");
	CHECK_EQ(symlink("f", "d/link"), 0);
	CHECK_EQ(symlink("../f", "d/up"), 0);
	CHECK_EQ(symlink("sub/../f", "d/around"), 0);
	CHECK_EQ(symlink("/f", "d/absolute"), 0);
	CHECK_EQ(symlink("/proc/self/exe", "d/magic"), 0);
	return open("d", O_PATH | O_DIRECTORY);
}

static const char *text_of(int fd)
{
	static char text[16];
	ssize_t n = read(fd, text, sizeof(text) - 1);

	CHECK(n >= 0);
	text[n] = '\0';
	return text;
}

TEST(what_is_asked_is_checked)
{
	struct open_how how = { .flags = O_RDONLY };
	char larger[64] = { 0 };

	test_write_file("f", "text");
	CHECK(syscall(SYS_openat2, AT_FDCWD, "f", &how, sizeof(how)) >= 0);
	CHECK_ERR(syscall(SYS_openat2, AT_FDCWD, "f", &how, sizeof(how) - 1), EINVAL);
	CHECK(syscall(SYS_openat2, AT_FDCWD, "f", larger, sizeof(larger)) >= 0);
	larger[40] = 1;
	CHECK_ERR(syscall(SYS_openat2, AT_FDCWD, "f", larger, sizeof(larger)), E2BIG);
	CHECK_ERR(syscall(SYS_openat2, AT_FDCWD, "f", larger, 5000), E2BIG);
	CHECK_ERR(syscall(SYS_openat2, AT_FDCWD, "f", (void *)8, sizeof(how)), EFAULT);
	CHECK_ERR(open2(AT_FDCWD, "f", 1ul << 40, 0), EINVAL);
	CHECK_ERR(open2(AT_FDCWD, "f", 1ul << 30, 0), EINVAL);
	CHECK_ERR(open2(AT_FDCWD, "f", O_RDONLY, 1 << 6), EINVAL);
	CHECK_ERR(open2(AT_FDCWD, "f", O_RDONLY, RESOLVE_BENEATH | RESOLVE_IN_ROOT), EINVAL);
	CHECK_ERR(open2(AT_FDCWD, "f", O_PATH | O_WRONLY, 0), EINVAL);
	CHECK_ERR(open2(AT_FDCWD, "f", O_CREAT | O_DIRECTORY, 0), EINVAL);
	CHECK_ERR(open2(AT_FDCWD, "f", O_WRONLY | O_TRUNC, RESOLVE_CACHED), EAGAIN);
	how.mode = 0644;
	CHECK_ERR(syscall(SYS_openat2, AT_FDCWD, "f", &how, sizeof(how)), EINVAL);
	how.flags = O_CREAT | O_WRONLY;
	how.mode = 010644;
	CHECK_ERR(syscall(SYS_openat2, AT_FDCWD, "f", &how, sizeof(how)), EINVAL);
	how.mode = 0600;
	CHECK(syscall(SYS_openat2, AT_FDCWD, "new", &how, sizeof(how)) >= 0);
	CHECK_ERR(open2(AT_FDCWD, "nothing", O_RDONLY, 0), ENOENT);
	CHECK_ERR(open2(99, "f", O_RDONLY, 0), EBADF);
}

TEST(beneath)
{
	int d = folder();

	CHECK(open2(d, "f", O_RDONLY, RESOLVE_BENEATH) >= 0);
	CHECK(open2(d, "link", O_RDONLY, RESOLVE_BENEATH) >= 0);
	CHECK(open2(d, "around", O_RDONLY, RESOLVE_BENEATH) >= 0);
	CHECK(open2(d, "sub/../f", O_RDONLY, RESOLVE_BENEATH) >= 0);
	CHECK(open2(d, ".", O_RDONLY, RESOLVE_BENEATH) >= 0);
	CHECK_ERR(open2(d, "..", O_RDONLY, RESOLVE_BENEATH), EXDEV);
	CHECK_ERR(open2(d, "../f", O_RDONLY, RESOLVE_BENEATH), EXDEV);
	CHECK_ERR(open2(d, "sub/../../f", O_RDONLY, RESOLVE_BENEATH), EXDEV);
	CHECK_ERR(open2(d, "up", O_RDONLY, RESOLVE_BENEATH), EXDEV);
	CHECK_ERR(open2(d, "/f", O_RDONLY, RESOLVE_BENEATH), EXDEV);
	CHECK_ERR(open2(d, "absolute", O_RDONLY, RESOLVE_BENEATH), EXDEV);
	CHECK_ERR(open2(d, "magic", O_RDONLY, RESOLVE_BENEATH), EXDEV);
	CHECK_ERR(open2(d, "../new", O_CREAT | O_WRONLY, RESOLVE_BENEATH), EXDEV);
	CHECK_ERR(open2(d, "nothing", O_RDONLY, RESOLVE_BENEATH), ENOENT);
}

TEST(a_folder_as_root)
{
	int d = folder();

	CHECK_EQ(strcmp(text_of(open2(d, "/f", O_RDONLY, RESOLVE_IN_ROOT)), "inside"), 0);
	CHECK_EQ(strcmp(text_of(open2(d, "../../f", O_RDONLY, RESOLVE_IN_ROOT)), "inside"), 0);
	CHECK_EQ(strcmp(text_of(open2(d, "absolute", O_RDONLY, RESOLVE_IN_ROOT)), "inside"), 0);
	CHECK_EQ(strcmp(text_of(open2(d, "up", O_RDONLY, RESOLVE_IN_ROOT)), "inside"), 0);
	CHECK_ERR(open2(d, "magic", O_RDONLY, RESOLVE_IN_ROOT), ENOENT);
	CHECK_ERR(open2(d, "/d/f", O_RDONLY, RESOLVE_IN_ROOT), ENOENT);
	d = open("/proc/self", O_PATH | O_DIRECTORY);
	CHECK_ERR(open2(d, "exe", O_RDONLY, RESOLVE_IN_ROOT), EXDEV);
}

TEST(no_links)
{
	int d = folder();

	CHECK(open2(d, "f", O_RDONLY, RESOLVE_NO_SYMLINKS) >= 0);
	CHECK_ERR(open2(d, "link", O_RDONLY, RESOLVE_NO_SYMLINKS), ELOOP);
	CHECK(open2(d, "link", O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS) >= 0);
	CHECK_ERR(open2(d, "link", O_CREAT | O_WRONLY, RESOLVE_NO_SYMLINKS), ELOOP);
	CHECK_EQ(symlink("nothing", "d/dangling"), 0);
	CHECK_ERR(open2(d, "dangling", O_CREAT | O_WRONLY, RESOLVE_NO_SYMLINKS), ELOOP);
	CHECK_ERR(open2(AT_FDCWD, "/proc/self/exe", O_RDONLY, RESOLVE_NO_SYMLINKS), ELOOP);
	CHECK_ERR(open2(AT_FDCWD, "/proc/self/exe", O_RDONLY, RESOLVE_NO_MAGICLINKS), ELOOP);
	CHECK_ERR(open2(d, "magic", O_RDONLY, RESOLVE_NO_MAGICLINKS), ELOOP);
	CHECK(open2(d, "link", O_RDONLY, RESOLVE_NO_MAGICLINKS) >= 0);
	CHECK(open2(AT_FDCWD, "/proc/self/status", O_RDONLY, RESOLVE_NO_MAGICLINKS) >= 0);
}

TEST(no_other_mounts)
{
	int d = folder(), root = open("/", O_PATH | O_DIRECTORY);

	CHECK(open2(d, "link", O_RDONLY, RESOLVE_NO_XDEV) >= 0);
	CHECK(open2(d, "../f", O_RDONLY, RESOLVE_NO_XDEV) >= 0);
	CHECK_ERR(open2(root, "proc/version", O_RDONLY, RESOLVE_NO_XDEV), EXDEV);
	CHECK_ERR(open2(AT_FDCWD, "/proc/version", O_RDONLY, RESOLVE_NO_XDEV), EXDEV);
	CHECK_ERR(open2(root, "proc/self/exe", O_RDONLY, RESOLVE_NO_XDEV), EXDEV);
	CHECK(open2(AT_FDCWD, "/etc/passwd", O_RDONLY, RESOLVE_NO_XDEV) >= 0);
	d = open("/proc", O_PATH | O_DIRECTORY);
	CHECK(open2(d, "version", O_RDONLY, RESOLVE_NO_XDEV) >= 0);
	CHECK_ERR(open2(d, "../etc/passwd", O_RDONLY, RESOLVE_NO_XDEV), EXDEV);
	CHECK_ERR(open2(d, "..", O_RDONLY, RESOLVE_NO_XDEV), EXDEV);
	CHECK_ERR(open2(d, "self/exe", O_RDONLY, RESOLVE_NO_XDEV), EXDEV);
}

TEST(what_is_cached)
{
	test_write_file("f", "text");
	close(open("f", O_RDONLY));
	CHECK(open2(AT_FDCWD, "f", O_RDONLY, RESOLVE_CACHED) >= 0);
}
