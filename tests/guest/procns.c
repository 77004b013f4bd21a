/* The namespaces that a process is in, as /proc tells: there is one of each kind here. */
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static const struct {
	const char *link, *name;
	unsigned long number;
	int type;
} spaces[] = {
	{ "time", "time", 4026531834, 0x80 },
	{ "time_for_children", "time", 4026531834, 0x80 },
	{ "cgroup", "cgroup", 4026531835, CLONE_NEWCGROUP },
	{ "pid", "pid", 4026531836, CLONE_NEWPID },
	{ "pid_for_children", "pid", 4026531836, CLONE_NEWPID },
	{ "user", "user", 4026531837, CLONE_NEWUSER },
	{ "uts", "uts", 4026531838, CLONE_NEWUTS },
	{ "ipc", "ipc", 4026531839, CLONE_NEWIPC },
	{ "net", "net", 0, CLONE_NEWNET },	/* Linux gives these two a number at boot */
	{ "mnt", "mnt", 0, CLONE_NEWNS },
};
enum { SPACES = sizeof(spaces) / sizeof(*spaces) };

static int open_space(const char *who, const char *name)
{
	char path[96];

	snprintf(path, sizeof(path), "/proc/%s/ns/%s", who, name);
	return open(path, O_RDONLY);
}

TEST(each_is_told_by_name_and_number)
{
	static const char *const of[] = { "1", "self", "thread-self" };
	char path[96], text[64], want[64];
	struct stat one, other;

	for (int i = 0; i < SPACES; i++) {
		for (int n = 0; n < 3; n++) {
			ssize_t len;

			snprintf(path, sizeof(path), "/proc/%s/ns/%s", of[n], spaces[i].link);
			CHECK_EQ(lstat(path, &other), 0);
			CHECK_EQ(other.st_mode, S_IFLNK | 0777);
			CHECK_EQ(other.st_size, 0);
			CHECK_EQ(stat(path, &other), 0);
			len = readlink(path, text, sizeof(text) - 1);
			CHECK(len > 0);
			text[len] = '\0';
			snprintf(want, sizeof(want), "%s:[%lu]", spaces[i].name,
				 (unsigned long)other.st_ino);
			CHECK_EQ(strcmp(text, want), 0);
			if (!n)
				one = other;
			CHECK_EQ(other.st_ino, one.st_ino);
			CHECK_EQ(other.st_dev, one.st_dev);
		}
		CHECK_EQ(one.st_mode, S_IFREG | 0444);
		CHECK_EQ(one.st_nlink, 1);
		if (spaces[i].number)
			CHECK_EQ(one.st_ino, spaces[i].number);
	}
	CHECK_ERR(stat("/proc/self/ns/none", &one), ENOENT);
}

TEST(they_are_listed)
{
	DIR *folder = opendir("/proc/self/ns");
	struct dirent *entry;
	struct stat st;
	int seen = 0;

	CHECK(folder);
	CHECK_EQ(fstat(dirfd(folder), &st), 0);
	CHECK_EQ(st.st_mode, S_IFDIR | 0511);
	while ((entry = readdir(folder)))
		for (int i = 0; i < SPACES; i++)
			if (!strcmp(entry->d_name, spaces[i].link)) {
				CHECK_EQ(entry->d_type, DT_LNK);
				seen |= 1 << i;
			}
	CHECK_EQ(seen, (1 << SPACES) - 1);
}

TEST(an_open_one)
{
	struct statfs fs;
	struct stat st, user;
	char byte, path[64], text[64];
	int fd, owner;
	ssize_t len;

	CHECK_EQ(stat("/proc/self/ns/user", &user), 0);
	for (int i = 0; i < SPACES; i++) {
		uid_t uid = 7;

		fd = open_space("self", spaces[i].link);
		CHECK(fd >= 0);
		CHECK_EQ(fstatfs(fd, &fs), 0);
		CHECK_EQ(fs.f_type, NSFS_MAGIC);
		CHECK_ERR(read(fd, &byte, 1), EINVAL);
		CHECK_ERR(write(fd, &byte, 1), EBADF);
		CHECK_EQ(ioctl(fd, NS_GET_NSTYPE), spaces[i].type);
		CHECK_ERR(ioctl(fd, _IO(0xb7, 0x77)), ENOTTY);
		if (spaces[i].type == CLONE_NEWUSER) {
			CHECK_ERR(ioctl(fd, NS_GET_USERNS), EPERM);
			CHECK_ERR(ioctl(fd, NS_GET_PARENT), EPERM);
			CHECK_EQ(ioctl(fd, NS_GET_OWNER_UID, &uid), 0);
			CHECK_EQ(uid, 0);
			CHECK_ERR(ioctl(fd, NS_GET_OWNER_UID, (void *)8), EFAULT);
		} else {
			CHECK_ERR(ioctl(fd, NS_GET_PARENT),
				  spaces[i].type == CLONE_NEWPID ? EPERM : EINVAL);
			CHECK_ERR(ioctl(fd, NS_GET_OWNER_UID, &uid), EINVAL);
			owner = ioctl(fd, NS_GET_USERNS);
			CHECK(owner > fd);
			CHECK_EQ(fcntl(owner, F_GETFD), FD_CLOEXEC);
			CHECK_EQ(fstat(owner, &st), 0);
			CHECK(st.st_ino == user.st_ino && st.st_dev == user.st_dev);
			close(owner);
		}
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		len = readlink(path, text, sizeof(text) - 1);
		text[len > 0 ? len : 0] = '\0';
		CHECK(!strncmp(text, spaces[i].name, strlen(spaces[i].name)));
		close(fd);
	}
}

static void stranger(void *argument)
{
	char text[64];

	(void)argument;
	CHECK_ERR(readlink("/proc/1/ns/uts", text, sizeof(text)), EACCES);
	CHECK_ERR(open("/proc/1/ns/uts", O_RDONLY), EACCES);
	CHECK_ERR(open("/proc/1/ns/none", O_RDONLY), ENOENT);
	CHECK_ERR(open("/proc/1/ns", O_RDONLY), EACCES);
	CHECK_EQ(open("/proc/1/ns", O_PATH) >= 0, 1);
	CHECK_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
	CHECK(open("/proc/self/ns", O_RDONLY) >= 0);
	CHECK(readlink("/proc/self/ns/uts", text, sizeof(text)) > 0);
}

TEST(anothers_are_not_shown)
{
	CHECK_EQ(test_child_as(1000, stranger, NULL), 0);
}

TEST(an_ended_process_is_nowhere)
{
	static const char *const places[] = { "exe", "cwd", "root", "ns/uts", "ns/mnt", "ns/net",
		"ns/ipc", "ns/cgroup", "ns/time", "ns/pid_for_children" };
	char path[64], text[64];
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	CHECK_EQ(waitid(P_PID, (id_t)pid, &(siginfo_t) { 0 }, WEXITED | WNOWAIT), 0);
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", pid, places[i]);
		CHECK_ERR(readlink(path, text, sizeof(text)), ENOENT);
		CHECK_ERR(open(path, O_RDONLY), ENOENT);
	}
	CHECK_EQ(test_wait(pid), 0);
	CHECK_ERR(readlink(path, text, sizeof(text)), ENOENT);
}
