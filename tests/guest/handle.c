/* Files by handles: made, opened again, stale, forged. */
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "test.h"

#define MNT_DETACH 2
#define HANDLE_FID 0x200
#define MOUNT_UNIQUE 1

int mount(const char *, const char *, const char *, unsigned long, const void *);
int umount2(const char *, int);

struct handle {
	unsigned bytes;
	int type;
	unsigned char data[120];
};
static struct handle h;

static long name_to(const char *path, struct handle *to, void *id, int flags)
{
	return syscall(SYS_name_to_handle_at, AT_FDCWD, path, to, id, flags);
}

static void handle_of(const char *path)
{
	int id;

	memset(&h, 0, sizeof(h));
	h.bytes = sizeof(h.data);
	CHECK_EQ(name_to(path, &h, &id, 0), 0);
}

static int open_by(int fd, int flags)
{
	return (int)syscall(SYS_open_by_handle_at, fd, &h, flags);
}

static ino_t number(const char *path)
{
	struct stat st;

	CHECK_EQ(lstat(path, &st), 0);
	return st.st_ino;
}

/* It opens, and is the file at this path. */
static void opens(int fd, int flags, const char *path)
{
	char link[60], where[300], here[300], want[600];
	int got = open_by(fd, flags);
	struct stat st;
	ssize_t n;

	CHECK(got >= 0);
	CHECK_EQ(fstat(got, &st), 0);
	CHECK_EQ(st.st_ino, number(path));
	snprintf(link, sizeof(link), "/proc/self/fd/%d", got);
	n = readlink(link, where, sizeof(where) - 1);
	where[n > 0 ? n : 0] = 0;
	CHECK(getcwd(here, sizeof(here)));
	snprintf(want, sizeof(want), "%s/%s", here, path);
	CHECK_EQ(strcmp(where, want), 0);
	close(got);
}

static int tree(void)
{
	mkdir("t", 0755);
	CHECK_EQ(mount("made", "t", "tmpfs", 0, NULL), 0);
	CHECK(!mkdir("t/a", 0755) && !mkdir("t/a/b", 0755) && !mkdir("t/a/b/c", 0755));
	test_write_file("t/a/b/file", "text");
	CHECK_EQ(symlink("file", "t/a/b/link"), 0);
	return open("t", O_RDONLY);
}

/* The device that the programs come from, once more. */
static int disk(const char *at)
{
	mkdir(at, 0755);
	CHECK_EQ(mount("/dev/vda", at, "ext4", MS_RDONLY, NULL), 0);
	return open(at, O_RDONLY);
}

TEST(in_memory)
{
	int t = tree();

	handle_of("t/a/b/file");
	CHECK(h.bytes == 12 && h.type == 1);
	opens(t, O_RDONLY, "t/a/b/file");
	opens(t, O_RDWR, "t/a/b/file");
	opens(t, O_PATH, "t/a/b/file");
	CHECK_ERR(open_by(t, O_DIRECTORY), ENOTDIR);
	CHECK_EQ(fcntl(open_by(t, O_CLOEXEC), F_GETFD), FD_CLOEXEC);
	handle_of("t/a/b");
	opens(t, O_RDONLY, "t/a/b");
	CHECK_ERR(open_by(t, O_RDWR), EISDIR);
	CHECK_ERR(open_by(t, O_RDONLY | O_CREAT), EISDIR);
	handle_of("t");
	opens(t, O_RDONLY, "t");
	handle_of("t/a/b/link");
	CHECK_ERR(open_by(t, O_RDONLY), ELOOP);
	opens(t, O_PATH | O_NOFOLLOW, "t/a/b/link");
	/* By what is mounted where the task is. */
	handle_of("t/a/b/file");
	CHECK_ERR(open_by(AT_FDCWD, O_RDONLY), ESTALE);
	CHECK_EQ(chdir("t/a"), 0);
	CHECK(open_by(AT_FDCWD, O_RDONLY) >= 0);
}

TEST(its_name_may_change)
{
	int t = tree();

	handle_of("t/a/b/file");
	CHECK_EQ(rename("t/a/b/file", "t/a/other"), 0);
	opens(t, O_RDONLY, "t/a/other");
	handle_of("t/a/b/c");
	CHECK_EQ(rename("t/a/b", "t/moved"), 0);
	opens(t, O_RDONLY, "t/moved/c");
	/* When no name of it is remembered. */
	test_write_file("/proc/sys/vm/drop_caches", "2");
	opens(t, O_RDONLY, "t/moved/c");
}

TEST(what_is_gone_is_stale)
{
	int t = tree(), fd;

	handle_of("t/a/b/file");
	CHECK_EQ(unlink("t/a/b/file"), 0);
	CHECK_ERR(open_by(t, O_RDONLY), ESTALE);
	test_write_file("t/a/b/file", "new");
	CHECK_ERR(open_by(t, O_RDONLY), ESTALE);
	handle_of("t/a/b/file");
	fd = open("t/a/b/file", O_RDONLY);
	CHECK_EQ(unlink("t/a/b/file"), 0);
	CHECK(open_by(t, O_RDONLY) >= 0);
	handle_of("t/a/b/c");
	CHECK_EQ(rmdir("t/a/b/c"), 0);
	CHECK_ERR(open_by(t, O_RDONLY), ESTALE);
	close(fd);
	/* Another file system with the same numbers. */
	handle_of("t/a");
	CHECK_EQ(umount2("t", MNT_DETACH), 0);
	close(t);
	t = tree();
	CHECK_ERR(open_by(t, O_RDONLY), ESTALE);
}

TEST(on_a_disk)
{
	int x = disk("x"), y;
	char path[40];

	handle_of("x/etc/passwd");
	CHECK(h.bytes == 8 && h.type == 1);
	opens(x, O_RDONLY, "x/etc/passwd");
	CHECK_ERR(open_by(x, O_RDWR), EROFS);
	handle_of("x/usr/share");
	opens(x, O_RDONLY, "x/usr/share");
	/* Mounted again nothing is remembered. */
	CHECK_EQ(umount2("x", MNT_DETACH), 0);
	close(x);
	y = disk("y");
	opens(y, O_RDONLY, "y/usr/share");
	CHECK_EQ(chdir("y/usr/share"), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", open_by(y, O_PATH));
	CHECK_EQ(chdir(path), 0);
	CHECK_EQ(chdir("../.."), 0);
	CHECK(access("etc/passwd", R_OK) == 0);
}

static void more_wrong(int x)
{
	h.type = 1;
	h.bytes = 4;
	CHECK_ERR(open_by(x, O_RDONLY), ESTALE);
	h.bytes = 8;
	h.type = 0x81;
	CHECK_ERR(open_by(x, O_RDONLY), ESTALE);
	h.type = 1;
	h.bytes = 0;
	CHECK_ERR(open_by(x, O_RDONLY), EINVAL);
	h.bytes = 129;
	CHECK_ERR(open_by(x, O_RDONLY), EINVAL);
}

TEST(wrong_handles)
{
	int t = tree(), x = disk("x"), p = open("/proc", O_RDONLY);

	handle_of("t/a");
	h.data[0] ^= 1;
	CHECK_ERR(open_by(t, O_RDONLY), ESTALE);
	h.data[0] ^= 1;
	h.data[9] ^= 1;
	CHECK_ERR(open_by(t, O_RDONLY), ESTALE);
	handle_of("x/etc");
	h.data[4] ^= 1;
	CHECK_ERR(open_by(x, O_RDONLY), ESTALE);
	h.data[4] ^= 1;
	CHECK_ERR(open_by(p, O_RDONLY), ESTALE);
	CHECK_ERR(open_by(t, O_RDONLY), ESTALE);
	CHECK_ERR(open_by(-1, O_RDONLY), EBADF);
	CHECK_ERR(open_by(open("t", O_PATH), O_RDONLY), EBADF);
	CHECK_ERR(syscall(SYS_open_by_handle_at, x, 8, 0), EFAULT);
	more_wrong(x);
}

/* Numbers in any order: what opens is what the handle says, and nothing else happens. */
TEST(forged_handles)
{
	int fds[2] = { tree(), disk("x") }, opened = 0;
	struct handle forged, same;
	struct stat st;
	unsigned seed = 1;

	for (int i = 0; i < 3000; i++) {
		unsigned words[3];
		int got, id;

		for (int n = 0; n < 3; n++)
			words[n] = (seed = seed * 1664525 + 1013904223) >> (i % 32);
		if (i % 2 && i % 3)
			words[1] = 0;	/* any generation */
		h = (struct handle){ .bytes = i % 2 ? 8 : 12, .type = 1 };
		memcpy(h.data, words, sizeof(words));
		got = open_by(fds[i % 2], O_PATH);
		if (got < 0) {
			CHECK_EQ(errno, ESTALE);
			continue;
		}
		opened++;
		forged = h;
		same = (struct handle){ .bytes = sizeof(same.data) };
		CHECK_EQ(syscall(SYS_name_to_handle_at, got, "", &same, &id, AT_EMPTY_PATH), 0);
		CHECK_EQ(memcmp(same.data, forged.data, 4), 0);
		CHECK(!fstat(got, &st) && st.st_ino == *(unsigned *)forged.data && st.st_nlink);
		close(got);
	}
	CHECK(opened > 0);
}

TEST(how_much_room_and_of_what)
{
	unsigned long id = 0;
	int old = 0;

	CHECK(tree() >= 0);
	h = (struct handle){ .bytes = 4, .type = 7 };
	CHECK_ERR(name_to("t", &h, &old, 0), EOVERFLOW);
	CHECK(h.bytes == 12 && h.type == 255 && old && !h.data[0]);
	h.bytes = 0;
	CHECK_ERR(name_to("t", &h, &id, MOUNT_UNIQUE), EOVERFLOW);
	CHECK(id > 0x7fffffff);
	h.bytes = 129;
	CHECK_ERR(name_to("t", &h, &old, 0), EINVAL);
	h.bytes = 120;
	CHECK_ERR(name_to("t", &h, &old, 2), EINVAL);
	CHECK_ERR(name_to("none", &h, &old, 0), ENOENT);
	CHECK_ERR(name_to("", &h, &old, 0), ENOENT);
	CHECK_ERR(name_to("t", (void *)8, &old, 0), EFAULT);
	CHECK_ERR(name_to("t", &h, (void *)8, 0), EFAULT);
	CHECK_ERR(name_to((void *)8, &h, &old, 0), EFAULT);
	CHECK_ERR(syscall(SYS_name_to_handle_at, -1, "t", &h, &old, 0), EBADF);
	CHECK_EQ(symlink("none", "t/dangling"), 0);
	CHECK_EQ(name_to("t/dangling", &h, &old, 0), 0);
	h.bytes = 120;
	CHECK_ERR(name_to("t/dangling", &h, &old, AT_SYMLINK_FOLLOW), ENOENT);
}

TEST(only_to_compare)
{
	static const char *const none[] = { "/proc", "/proc/self/status", "/dev/pts", "/sys",
					    "/etc/passwd" };
	struct handle other;
	int id;

	for (int i = 0; i < 5; i++) {
		h = (struct handle){ .bytes = sizeof(h.data) };
		CHECK_ERR(name_to(none[i], &h, &id, 0), EOPNOTSUPP);
		CHECK_EQ(name_to(none[i], &h, &id, HANDLE_FID), 0);
		other = (struct handle){ .bytes = sizeof(other.data) };
		CHECK_EQ(name_to(none[(i + 1) % 5], &other, &id, HANDLE_FID), 0);
		CHECK(h.bytes != other.bytes || memcmp(h.data, other.data, h.bytes) || i == 0 ||
		      i == 2);
	}
	CHECK(tree() >= 0);
	handle_of("t/a");
	other = (struct handle){ .bytes = sizeof(other.data) };
	CHECK_EQ(name_to("t/a", &other, &id, HANDLE_FID), 0);
	CHECK(h.bytes == other.bytes && !memcmp(h.data, other.data, h.bytes));
}

static void stranger(void *arg)
{
	int *fd = arg, id;

	CHECK_ERR(open_by(*fd, O_RDONLY), EPERM);
	CHECK_ERR(open_by(-1, O_RDONLY), EBADF);
	CHECK_ERR(syscall(SYS_open_by_handle_at, *fd, 8, 0), EPERM);
	h.bytes = sizeof(h.data);
	CHECK_EQ(name_to("t/a", &h, &id, 0), 0);
}

TEST(only_for_who_may_read_all)
{
	int t = tree();

	handle_of("t/a");
	chmod(".", 0755);
	CHECK_EQ(test_child_as(1000, stranger, &t), 0);
}
