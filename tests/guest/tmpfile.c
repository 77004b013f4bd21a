/* O_TMPFILE: files without a name, which may get one. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

static unsigned links_of(int fd)
{
	struct stat st;

	CHECK_EQ(fstat(fd, &st), 0);
	CHECK(S_ISREG(st.st_mode));
	return (unsigned)st.st_nlink;
}

static const char *through(int fd)
{
	static char text[40];

	snprintf(text, sizeof(text), "/proc/self/fd/%d", fd);
	return text;
}

/* Make one here, name it, and look at it. */
static void named_later(void)
{
	int fd = open(".", O_TMPFILE | O_RDWR, 0640);
	char where[300], want[300], here[200];
	struct stat st;
	ssize_t n;

	CHECK(fd >= 0);
	CHECK_EQ(links_of(fd), 0);
	CHECK_EQ(write(fd, "text", 4), 4);
	n = readlink(through(fd), where, sizeof(where) - 1);
	CHECK(n > 0);
	where[n] = '\0';
	CHECK_EQ(fstat(fd, &st), 0);
	snprintf(want, sizeof(want), "%s/#%lu (deleted)", getcwd(here, sizeof(here)),
		 (unsigned long)st.st_ino);
	CHECK_EQ(strcmp(where, want), 0);
	CHECK_EQ(linkat(AT_FDCWD, through(fd), AT_FDCWD, "named", AT_SYMLINK_FOLLOW), 0);
	CHECK_EQ(links_of(fd), 1);
	CHECK_EQ(strcmp(test_read_file("named"), "text"), 0);
	CHECK_EQ(stat("named", &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0640);
	CHECK_EQ(linkat(fd, "", AT_FDCWD, "again", AT_EMPTY_PATH), 0);
	CHECK_EQ(links_of(fd), 2);
	CHECK_EQ(unlink("named"), 0);
	CHECK_EQ(unlink("again"), 0);
	CHECK_EQ(links_of(fd), 0);
	CHECK_ERR(linkat(AT_FDCWD, through(fd), AT_FDCWD, "named", AT_SYMLINK_FOLLOW), ENOENT);
	close(fd);
}

TEST(a_name_later)
{
	umask(022);
	named_later();
}

TEST(on_an_overlay)
{
	char path[] = "/opt/tmpfile-XXXXXX";

	umask(022);
	CHECK(mkdtemp(path));
	CHECK_EQ(chdir(path), 0);
	named_later();
	CHECK_EQ(rmdir(path), 0);
}

TEST(never_a_name)
{
	int fd = open(".", O_TMPFILE | O_WRONLY | O_EXCL, 0600);

	CHECK(fd >= 0);
	CHECK_ERR(linkat(AT_FDCWD, through(fd), AT_FDCWD, "named", AT_SYMLINK_FOLLOW), ENOENT);
	CHECK_ERR(linkat(fd, "", AT_FDCWD, "named", AT_EMPTY_PATH), ENOENT);
}

static void in_a_folder_of_root(void *unused)
{
	(void)unused;
	CHECK_ERR(open("d", O_TMPFILE | O_RDWR, 0600), EACCES);
}

TEST(refused)
{
	test_write_file("f", "text");
	CHECK_EQ(mkdir("d", 0755), 0);
	CHECK_ERR(open("f", O_TMPFILE | O_RDWR, 0600), ENOTDIR);
	CHECK_ERR(open("nothing", O_TMPFILE | O_RDWR, 0600), ENOENT);
	CHECK_ERR(open("d", O_TMPFILE | O_RDONLY, 0600), EINVAL);
	CHECK_ERR(open("d", (O_TMPFILE & ~O_DIRECTORY) | O_RDWR, 0600), EINVAL);
	CHECK_ERR(open("/proc", O_TMPFILE | O_RDWR, 0600), EOPNOTSUPP);
	CHECK_EQ(test_child_as(1000, in_a_folder_of_root, NULL), 0);
}

TEST(the_mode_is_obeyed_later)
{
	int fd;

	umask(027);
	fd = open(".", O_TMPFILE | O_RDWR, 0);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(linkat(AT_FDCWD, through(fd), AT_FDCWD, "named", AT_SYMLINK_FOLLOW), 0);
	CHECK_EQ(fcntl(fd, F_GETFL) & (O_TMPFILE | O_ACCMODE), O_TMPFILE | O_RDWR);
}
