/* Directories that tell by signals: fcntl's F_NOTIFY. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define ENABLE "/proc/sys/fs/dir-notify-enable"
#define EVERYTHING (DN_ACCESS | DN_MODIFY | DN_CREATE | DN_DELETE | DN_RENAME | DN_ATTRIB)

static void block(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
}

/* How many there are; all are taken. */
static int told(int sig, siginfo_t *info)
{
	struct timespec now = {};
	sigset_t set;
	int n = 0;

	sigemptyset(&set);
	sigaddset(&set, sig);
	while (sigtimedwait(&set, info, &now) == sig)
		n++;
	return n;
}

/* The folder `d` with a file in it, and what is wanted of it by SIGRTMIN. */
static int folder(long want)
{
	int fd;

	CHECK_EQ(mkdir("d", 0755), 0);
	test_write_file("d/f", "text");
	block(SIGRTMIN);
	fd = open("d", O_RDONLY | O_DIRECTORY);
	CHECK(fd >= 0);
	CHECK_EQ(fcntl(fd, F_SETSIG, SIGRTMIN), 0);
	CHECK_EQ(fcntl(fd, F_NOTIFY, want), 0);
	return fd;
}

TEST(the_record)
{
	int fd = folder(DN_CREATE | DN_MULTISHOT);
	siginfo_t info;

	CHECK_EQ(fcntl(fd, F_GETOWN), getpid());
	CHECK_EQ(told(SIGRTMIN, &info), 0);
	test_write_file("d/g", "text");
	CHECK_EQ(told(SIGRTMIN, &info), 1);
	CHECK_EQ(info.si_code, POLL_MSG);
	CHECK_EQ(info.si_fd, fd);
	CHECK_EQ(info.si_band, 0x441);
}

TEST(without_a_signal_of_its_own)
{
	siginfo_t info;
	int fd = open(".", O_RDONLY);

	block(SIGIO);
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_CREATE | DN_MULTISHOT), 0);
	test_write_file("f", "text");
	CHECK_EQ(told(SIGIO, &info), 1);
	CHECK_EQ(info.si_code, SI_KERNEL);
}

TEST(what_is_told)
{
	static const struct {
		long want;
		int create, write, read, mode, rename, remove, list;
	} each[] = {
		{DN_CREATE, 1, 0, 0, 0, 1, 0, 0}, {DN_MODIFY, 0, 1, 0, 0, 0, 0, 0},
		{DN_ACCESS, 0, 0, 1, 0, 0, 0, 1}, {DN_ATTRIB, 0, 0, 0, 1, 0, 0, 0},
		{DN_RENAME, 0, 0, 0, 0, 1, 0, 0}, {DN_DELETE, 0, 0, 0, 0, 1, 1, 0},
		{EVERYTHING, 1, 1, 1, 1, 3, 1, 1},
	};
	int fd = folder(DN_CREATE), file;
	char byte[1024];

	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		CHECK_EQ(fcntl(fd, F_NOTIFY, 0), 0);
		CHECK_EQ(fcntl(fd, F_NOTIFY, each[i].want | DN_MULTISHOT), 0);
		file = open("d/g", O_CREAT | O_RDWR | O_EXCL, 0644);
		CHECK_EQ(told(SIGRTMIN, NULL), each[i].create);
		CHECK_EQ(write(file, "abc", 3), 3);
		CHECK_EQ(told(SIGRTMIN, NULL), each[i].write);
		CHECK_EQ(pread(file, byte, 1, 0), 1);
		CHECK_EQ(told(SIGRTMIN, NULL), each[i].read);
		CHECK_EQ(fchmod(file, 0600), 0);
		CHECK_EQ(told(SIGRTMIN, NULL), each[i].mode);
		CHECK_EQ(rename("d/g", "d/h"), 0);
		CHECK_EQ(told(SIGRTMIN, NULL), each[i].rename);
		close(file);
		CHECK_EQ(told(SIGRTMIN, NULL), 0);
		CHECK_EQ(unlink("d/h"), 0);
		CHECK_EQ(told(SIGRTMIN, NULL), each[i].remove);
		file = open("d", O_RDONLY | O_DIRECTORY);
		CHECK(syscall(SYS_getdents64, file, byte, sizeof(byte)) > 0);
		close(file);
		CHECK_EQ(told(SIGRTMIN, NULL), each[i].list);
	}
}

TEST(from_one_folder_to_another)
{
	int fd = folder(DN_RENAME | DN_MULTISHOT);

	CHECK_EQ(mkdir("e", 0755), 0);
	CHECK_EQ(rename("d/f", "e/f"), 0);
	CHECK_EQ(told(SIGRTMIN, NULL), 0);	/* no renaming in d */
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_CREATE | DN_MULTISHOT), 0);
	CHECK_EQ(rename("e/f", "d/f"), 0);
	CHECK_EQ(told(SIGRTMIN, NULL), 1);
	CHECK_EQ(rename("d/f", "e/f"), 0);
	CHECK_EQ(told(SIGRTMIN, NULL), 0);
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_DELETE | DN_MULTISHOT), 0);
	CHECK_EQ(rename("e/f", "d/f"), 0);
	CHECK_EQ(rename("d/f", "e/f"), 0);
	CHECK_EQ(told(SIGRTMIN, NULL), 2);
}

TEST(of_the_folder_itself)
{
	int fd = folder(DN_ATTRIB | DN_MULTISHOT);

	CHECK_EQ(fchmod(fd, 0700), 0);
	CHECK_EQ(told(SIGRTMIN, NULL), 1);
	CHECK_EQ(mkdir("d/sub", 0700), 0);
	test_write_file("d/sub/f", "text");
	CHECK_EQ(chmod("d/sub/f", 0600), 0);
	CHECK_EQ(told(SIGRTMIN, NULL), 0);	/* not what is deeper */
	CHECK_EQ(chmod("d/sub", 0755), 0);
	CHECK_EQ(told(SIGRTMIN, NULL), 1);
}

TEST(once_or_always)
{
	int fd = folder(DN_ATTRIB);

	CHECK_EQ(chmod("d/f", 0600), 0);
	CHECK_EQ(told(SIGRTMIN, NULL), 1);
	CHECK_EQ(chmod("d/f", 0644), 0);
	CHECK_EQ(told(SIGRTMIN, NULL), 0);
	/* Wishes add up; one of many times makes all so. */
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_ATTRIB), 0);
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_DELETE), 0);
	CHECK_EQ(chmod("d/f", 0600), 0);
	CHECK_EQ(unlink("d/f"), 0);
	CHECK_EQ(told(SIGRTMIN, NULL), 1);
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_ATTRIB), 0);
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_DELETE | DN_MULTISHOT), 0);
	test_write_file("d/f", "text");
	CHECK_EQ(chmod("d/f", 0600), 0);
	CHECK_EQ(chmod("d/f", 0644), 0);
	CHECK_EQ(unlink("d/f"), 0);
	CHECK_EQ(told(SIGRTMIN, NULL), 3);
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_MULTISHOT), 0);
	test_write_file("d/f", "text");
	CHECK_EQ(unlink("d/f"), 0);
	CHECK_EQ(told(SIGRTMIN, NULL), 0);
}

/* Any descriptor of the open file ends it, but not another process's. */
TEST(closing_ends_it)
{
	int fd = folder(DN_ATTRIB | DN_MULTISHOT), other = dup(fd), status;
	pid_t child = fork();

	if (!child)
		_exit(close(fd) || close(other));
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
	CHECK_EQ(chmod("d/f", 0600), 0);
	CHECK_EQ(told(SIGRTMIN, NULL), 1);
	close(other);
	CHECK_EQ(chmod("d/f", 0644), 0);
	CHECK_EQ(told(SIGRTMIN, NULL), 0);
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_ATTRIB | DN_MULTISHOT), 0);
	CHECK_EQ(chmod("d/f", 0600), 0);
	CHECK_EQ(told(SIGRTMIN, NULL), 1);
	close(fd);
	CHECK_EQ(chmod("d/f", 0644), 0);
	CHECK_EQ(told(SIGRTMIN, NULL), 0);
}

/* A watch of a process that ends goes with it, the folder being removed or not. */
TEST(an_end_ends_it)
{
	int fd = folder(DN_ATTRIB | DN_MULTISHOT), status;
	pid_t child = fork();

	if (!child)
		_exit(fcntl(fd, F_NOTIFY, DN_ATTRIB | DN_MULTISHOT) || unlink("d/f") || rmdir("d"));
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
	told(SIGRTMIN, NULL);
	CHECK_EQ(fchmod(fd, 0700), 0);
	CHECK_EQ(told(SIGRTMIN, NULL), 1);
}

TEST(for_another_process)
{
	int fd = folder(DN_ATTRIB | DN_MULTISHOT), status;
	struct timespec limit = {.tv_sec = 60};
	sigset_t set;
	pid_t child;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	child = fork();
	if (!child)
		_exit(sigtimedwait(&set, NULL, &limit) != SIGRTMIN);
	CHECK_EQ(fcntl(fd, F_SETOWN, child), 0);
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_ATTRIB | DN_MULTISHOT), 0);
	CHECK_EQ(fcntl(fd, F_GETOWN), child);
	CHECK_EQ(chmod("d/f", 0600), 0);
	CHECK_EQ(told(SIGRTMIN, NULL), 0);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
}

TEST(what_is_refused)
{
	int ends[2], fd;

	test_write_file("f", "text");
	fd = open("f", O_RDONLY);
	CHECK_ERR(fcntl(fd, F_NOTIFY, DN_CREATE), ENOTDIR);
	CHECK_EQ(fcntl(fd, F_NOTIFY, 0), 0);
	CHECK_EQ(pipe(ends), 0);
	CHECK_ERR(fcntl(ends[0], F_NOTIFY, DN_CREATE), ENOTDIR);
	CHECK_ERR(fcntl(99, F_NOTIFY, DN_CREATE), EBADF);
	CHECK_ERR(fcntl(open(".", O_PATH), F_NOTIFY, DN_CREATE), EBADF);
	/* A bit that is none asks for nothing. */
	CHECK_EQ(fcntl(open(".", O_RDONLY), F_NOTIFY, 0x100), 0);
}

TEST(switched_off)
{
	int fd = open(".", O_RDONLY);

	CHECK(!strcmp(test_read_file(ENABLE), "1\n"));
	test_write_file(ENABLE, "0\n");
	CHECK_ERR(fcntl(fd, F_NOTIFY, DN_CREATE), EINVAL);
	test_write_file(ENABLE, "1\n");
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_CREATE), 0);
}
