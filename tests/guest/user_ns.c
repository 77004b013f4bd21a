/* User namespaces: who may make one, what its maps may be, and who goes there. */
#include <linux/nsfs.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "users.h"

#define SETTING "/proc/sys/user/max_user_namespaces"
#define ALLOWED "/proc/sys/kernel/unprivileged_userns_clone"

static int open_ns(pid_t of, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", of, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static ino_t number(int fd)
{
	struct stat st;

	CHECK_EQ(fstat(fd, &st), 0);
	close(fd);
	return st.st_ino;
}

static void nothing(void)
{
}

/* --- making one --- */

static void new_one(void *)
{
	ino_t before = number(open_ns(getpid(), "user"));

	users_open_up();
	CHECK_EQ(users_caps(), 0);
	CHECK_EQ(unshare(CLONE_NEWUSER), 0);
	CHECK(number(open_ns(getpid(), "user")) != before);
	CHECK_EQ(users_caps(), ALL_CAPS);
	CHECK_EQ(getuid(), NOBODY);
	CHECK_EQ(getegid(), NOBODY);
	CHECK_EQ(strlen(test_read_file("/proc/self/uid_map")), 0);
	CHECK_EQ(strlen(test_read_file("/proc/self/gid_map")), 0);
	CHECK(!strcmp(test_read_file("/proc/self/setgroups"), "allow\n"));
	CHECK_EQ(prctl(PR_GET_SECUREBITS), 0);
	/* Nobody in it can be anybody yet. */
	CHECK_ERR(setuid(0), EINVAL);
	CHECK_ERR(setgid(0), EINVAL);
	CHECK_ERR(setgroups(0, NULL), EPERM);
	CHECK_ERR(unshare(CLONE_NEWUSER), EPERM);
	/* But goes on as who he was. */
	CHECK_ERR(open("/proc/1/environ", O_RDONLY), EACCES);
	CHECK_EQ(setresuid(-1, -1, -1), 0);
}

TEST(one_is_anybodys_to_make)
{
	CHECK_EQ(test_child_as(ME, new_one, NULL), 0);
	CHECK_EQ(test_child_as(0, new_one, NULL), 1 << 8);
}

static long make(unsigned long flags)
{
	return syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
}

static void *wait_there(void *)
{
	pause();
	return NULL;
}

TEST(what_goes_with_it)
{
	pthread_t thread;

	CHECK_ERR(make(CLONE_NEWUSER | CLONE_FS), EINVAL);
	CHECK_ERR(make(CLONE_NEWUSER | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM), EINVAL);
	CHECK_ERR(setns(open_ns(getpid(), "user"), CLONE_NEWUSER), EINVAL);
	CHECK_ERR(setns(open_ns(getpid(), "user"), CLONE_NEWPID), EINVAL);
	CHECK_EQ(pthread_create(&thread, NULL, wait_there, NULL), 0);
	CHECK_ERR(unshare(CLONE_NEWUSER), EINVAL);
}

static void confined(void *)
{
	CHECK_EQ(mkdir("below", 0755), 0);
	CHECK_EQ(chroot("below"), 0);
	CHECK_ERR(unshare(CLONE_NEWUSER), EPERM);
	CHECK_ERR(make(CLONE_NEWUSER), EPERM);
}

TEST(not_from_a_part_of_the_tree)
{
	CHECK_EQ(test_child(confined, NULL), 0);
}

static void no_more(void *)
{
	users_open_up();
	CHECK_ERR(unshare(CLONE_NEWUSER), ENOSPC);
	CHECK_ERR(make(CLONE_NEWUSER), ENOSPC);
}

TEST(as_many_as_the_setting_says)
{
	char before[32];

	snprintf(before, sizeof(before), "%s", test_read_file(SETTING));
	CHECK(atoi(before) > 0);
	test_write_file(SETTING, "0");
	CHECK_EQ(test_child_as(ME, no_more, NULL), 0);
	test_write_file(SETTING, before);
	CHECK_EQ(users_as_root(0, nothing), 0);
}

static void not_he(void *)
{
	CHECK_ERR(unshare(CLONE_NEWUSER), EPERM);
	CHECK_ERR(make(CLONE_NEWUSER | CLONE_NEWPID), EPERM);
}

TEST(not_without_privileges_if_the_setting_says_so)
{
	test_write_file(ALLOWED, "0");
	CHECK_EQ(test_child_as(ME, not_he, NULL), 0);
	CHECK_EQ(users_go(users_start(0, NULL, NULL, nothing)), 0);
	test_write_file(ALLOWED, "1");
}

static void deep(void)
{
	int levels = 1;

	while (!unshare(CLONE_NEWUSER)) {
		levels++;
		CHECK_EQ(users_write("/proc/self/uid_map", "0 0 1"), 0);
		CHECK_EQ(users_write("/proc/self/gid_map", "0 0 1"), 0);
		CHECK_EQ(getuid(), 0);
	}
	CHECK_EQ(errno, ENOSPC);
	CHECK_EQ(levels, 33);
}

TEST(thirty_three_levels)
{
	CHECK_EQ(users_as_root(0, deep), 0);
}

/* --- maps --- */

static const char *const no_maps[] = {
	"", "0", "0 1", "0 1 ", "0 1 0", "x 1 1", "0 x 1", "0 1 x", "0 1 1 1", "0 1 1x", "0 1 1\n\n",
	"\n0 1 1", "0,1,1", "-1 1 1", "4294967295 1 1", "0 4294967295 1", "1 1 4294967295",
	"0 1 4294967296", "0 1 2\n1 5 2", "0 1 2\n5 2 2", "0 1 1\n0 1 1",
};

TEST(what_a_map_is_not)
{
	struct users_child c = users_start(0, NULL, NULL, nothing);
	char text[8000];
	size_t n = 0;

	for (unsigned i = 1; i < sizeof(no_maps) / sizeof(*no_maps); i++) {
		int err = users_give(c.pid, "uid_map", no_maps[i]);

		if (err != EINVAL)
			dprintf(1, "# \"%s\"\n", no_maps[i]);
		CHECK_EQ(err, EINVAL);
	}
	for (unsigned i = 0; i < 341; i++)
		n += (size_t)sprintf(text + n, "%u %u 1\n", 2 * i, 3 * i);
	CHECK(n < 4096);
	CHECK_EQ(users_give(c.pid, "gid_map", text), EINVAL);
	memset(text, ' ', 5000);
	strcpy(text + 5000, "0 1 1");
	CHECK_EQ(users_give(c.pid, "gid_map", text), EINVAL);
	/* None of them was one. */
	CHECK_EQ(users_give(c.pid, "uid_map", "  0\t1  2 \n 7 3 1"), 0);
	CHECK_EQ(users_give(c.pid, "uid_map", "0 1 2"), EPERM);
	CHECK_EQ(users_give(c.pid, "uid_map", "x"), EPERM);
	CHECK_EQ(users_go(c), 0);
	CHECK_EQ(users_write("/proc/self/uid_map", "0 0 1"), EPERM);
	CHECK_EQ(users_write("/proc/self/gid_map", "0 0 1"), EPERM);
}

static void many_ids(void)
{
	CHECK_EQ(setgid(2 * 339), 0);
	CHECK_EQ(getgid(), 2 * 339);
	CHECK_EQ(setgid(2 * 17), 0);
	CHECK_ERR(setgid(2 * 17 + 1), EINVAL);
	CHECK_EQ(getegid(), 2 * 17);
}

TEST(three_hundred_and_forty_extents)
{
	struct users_child c = users_start(0, "0 5000 1", NULL, many_ids);
	char text[8000];
	size_t n = 0;

	/* In no order; those outside in another one than those inside. */
	for (unsigned i = 0; i < 340; i++) {
		unsigned at = i * 7 % 340;

		n += (size_t)sprintf(text + n, "%u %u 1\n", 2 * at, 9000 - 3 * at);
	}
	text[n - 1] = '\0';
	CHECK_EQ(users_give(c.pid, "gid_map", text), 0);
	CHECK_EQ(users_go(c), 0);
}

static void own_map(void *)
{
	users_open_up();
	CHECK_EQ(unshare(CLONE_NEWUSER), 0);
	CHECK_EQ(users_write("/proc/self/uid_map", "0 1001 1"), EPERM);
	CHECK_EQ(users_write("/proc/self/uid_map", "0 1000 2"), EPERM);
	CHECK_EQ(users_write("/proc/self/uid_map", "0 1000 1\n1 1001 1"), EPERM);
	CHECK_EQ(users_write("/proc/self/uid_map", "0 0 1"), EPERM);
	CHECK_EQ(users_write("/proc/self/uid_map", "7 1000 1\n"), 0);
	CHECK_EQ(getuid(), 7);
	CHECK_EQ(users_caps(), ALL_CAPS);
	CHECK_EQ(users_write("/proc/self/gid_map", "7 1000 1"), EPERM);
	CHECK_EQ(users_write("/proc/self/setgroups", "no"), EINVAL);
	CHECK_EQ(users_write("/proc/self/setgroups", "deny x"), EINVAL);
	CHECK_EQ(users_write("/proc/self/setgroups", "deny    "), EINVAL);
	CHECK_EQ(users_write("/proc/self/setgroups", "allow"), 0);
	CHECK_EQ(users_write("/proc/self/setgroups", "deny \n"), 0);
	CHECK_EQ(users_write("/proc/self/setgroups", "deny"), 0);
	CHECK_EQ(users_write("/proc/self/setgroups", "allow"), EPERM);
	CHECK(!strcmp(test_read_file("/proc/self/setgroups"), "deny\n"));
	CHECK_EQ(users_write("/proc/self/gid_map", "8 1000 1"), 0);
	CHECK_EQ(getgid(), 8);
	CHECK_EQ(users_write("/proc/self/setgroups", "deny"), EPERM);
	CHECK_ERR(setgroups(0, NULL), EPERM);
	CHECK(!strcmp(test_read_file("/proc/self/uid_map"), "         7       1000          1\n"));
}

TEST(ones_own_map)
{
	CHECK_EQ(test_child_as(ME, own_map, NULL), 0);
}

/* What is opened is about the namespace of that moment, with the rights of that moment. */
static void early(void *)
{
	int fd, other;

	users_open_up();
	fd = open("/proc/self/uid_map", O_RDWR);
	CHECK(fd >= 0);
	CHECK_ERR(open("/proc/self/setgroups", O_WRONLY), EACCES);
	CHECK_EQ(unshare(CLONE_NEWUSER), 0);
	CHECK_ERR(write(fd, "0 1000 1", 8), EPERM);
	other = open("/proc/self/uid_map", O_RDWR);
	CHECK_EQ(lseek(other, 1, SEEK_SET), 1);
	CHECK_ERR(write(other, "0 1000 1", 8), EINVAL);
	CHECK_EQ(lseek(other, 0, SEEK_SET), 0);
	CHECK_EQ(write(other, "0 1000 1", 8), 8);
	close(other);
}

TEST(a_file_is_about_what_was_when_it_was_opened)
{
	CHECK_EQ(test_child_as(ME, early, NULL), 0);
}

static void by_parent(void *)
{
	struct users_child c;

	users_open_up();
	c = users_start(0, NULL, NULL, nothing);
	CHECK_EQ(users_give(c.pid, "uid_map", "0 1001 1"), EPERM);
	CHECK_EQ(users_give(c.pid, "gid_map", "0 1000 1"), EPERM);
	CHECK_EQ(users_give(c.pid, "uid_map", "0 1000 1"), 0);
	CHECK_EQ(users_give(c.pid, "setgroups", "deny"), 0);
	CHECK_EQ(users_give(c.pid, "gid_map", "0 1000 1"), 0);
	CHECK_EQ(users_go(c), 0);
}

static void by_another(void *argument)
{
	CHECK_EQ(users_give(*(pid_t *)argument, "uid_map", "0 1001 1"), EACCES);
}

TEST(by_who_made_it_and_by_others)
{
	struct users_child c = users_start(0, NULL, NULL, nothing);

	CHECK_EQ(test_child_as(ME, by_parent, NULL), 0);
	CHECK_EQ(test_child_as(ME + 1, by_another, &c.pid), 0);
	CHECK_EQ(users_go(c), 0);
}

static char shown[2][80];

static void below(void)
{
	CHECK(!strcmp(test_read_file("/proc/self/uid_map"), shown[0]));
	CHECK_EQ(setresgid(3, 3, 3), 0);
	CHECK_EQ(setresuid(3, 3, 3), 0);
	users_open_up();
	users_become_root(0);
	CHECK(!strcmp(test_read_file("/proc/self/uid_map"), "         0          3          1\n"));
	CHECK(!strcmp(test_read_file("/proc/1/uid_map"), "         0 4294967295 4294967295\n"));
}

TEST(who_reads_a_map_sees_his_own_ids)
{
	struct users_child c;

	strcpy(shown[0], "         0     100000         10\n");
	c = users_start(0, "0 100000 10", "0 100000 10", below);
	snprintf(shown[1], 80, "/proc/%d/uid_map", c.pid);
	CHECK(!strcmp(test_read_file(shown[1]), shown[0]));
	CHECK(!strcmp(test_read_file("/proc/self/uid_map"), "         0          0 4294967295\n"));
	CHECK_EQ(users_go(c), 0);
}

/* A namespace's maps have room only for what the one above has. */
static void narrower(void)
{
	struct users_child c;

	CHECK_EQ(setresgid(0, 0, 0), 0);
	CHECK_EQ(setresuid(0, 0, 0), 0);
	users_open_up();
	c = users_start(0, NULL, NULL, nothing);
	CHECK_EQ(users_give(c.pid, "uid_map", "0 9 2"), EPERM);
	CHECK_EQ(users_give(c.pid, "uid_map", "0 9 1\n1 20 1"), EPERM);
	CHECK_EQ(users_give(c.pid, "uid_map", "0 1 9"), 0);
	CHECK_EQ(users_give(c.pid, "gid_map", "0 0 11"), EPERM);
	CHECK_EQ(users_go(c), 0);
}

TEST(not_more_than_the_one_above)
{
	CHECK_EQ(users_go(users_start(0, "0 100000 10", "0 100000 10", narrower)), 0);
}

/* --- going there --- */

static int there;

static void go_back(void)
{
	CHECK_ERR(setns(there, CLONE_NEWUSER), EPERM);
	CHECK_ERR(setns(there, 0), EPERM);
}

static void goes(void *)
{
	struct users_child c, d;
	int fd, pidfd;

	users_open_up();
	there = open_ns(getpid(), "user");
	c = users_start(CLONE_NEWUTS | CLONE_NEWNS, "0 1000 1", NULL, go_back);
	d = users_start(0, "0 1000 1", NULL, nothing);
	fd = open_ns(c.pid, "user");
	CHECK(fd >= 0);
	CHECK_ERR(setns(fd, CLONE_NEWUTS), EINVAL);
	CHECK_ERR(setns(open_ns(c.pid, "mnt"), CLONE_NEWNS), EPERM);
	CHECK_ERR(setns(open_ns(c.pid, "uts"), 0), EPERM);
	pidfd = (int)syscall(SYS_pidfd_open, c.pid, 0);
	CHECK_EQ(setns(pidfd, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWUTS), 0);
	CHECK_EQ(number(open_ns(getpid(), "user")), number(dup(fd)));
	CHECK_EQ(getuid(), 0);
	CHECK_EQ(users_caps(), ALL_CAPS);
	CHECK_EQ(sethostname("there", 5), 0);
	CHECK_ERR(setns(fd, CLONE_NEWUSER), EINVAL);
	CHECK_ERR(setns(there, CLONE_NEWUSER), EPERM);
	/* A sister's is not his any more. */
	CHECK_ERR(setns(open_ns(d.pid, "user"), CLONE_NEWUSER), EBADF);
	CHECK_EQ(users_go(c), 0);
	CHECK_EQ(users_go(d), 0);
}

TEST(into_one_that_is_his)
{
	CHECK_EQ(test_child_as(ME, goes, NULL), 0);
}

static void enters(void *argument)
{
	CHECK_ERR(setns(*(int *)argument, CLONE_NEWUSER), EPERM);
}

TEST(not_into_anothers)
{
	struct users_child c = users_start(0, "0 0 1", NULL, nothing);
	int fd = open_ns(c.pid, "user");

	CHECK_EQ(test_child_as(ME, enters, &fd), 0);
	CHECK_EQ(users_go(c), 0);
}

/* --- what its file says --- */

static void inside_asks(void)
{
	int fd = open_ns(getpid(), "user"), up;
	uid_t owner = 1;

	CHECK_EQ(ioctl(fd, NS_GET_OWNER_UID, &owner), 0);
	CHECK_EQ(owner, NOBODY);
	CHECK_ERR(ioctl(fd, NS_GET_PARENT), EPERM);
	CHECK_ERR(ioctl(fd, NS_GET_USERNS), EPERM);
	up = ioctl(open_ns(getpid(), "uts"), NS_GET_USERNS);
	CHECK(up >= 0);
	CHECK_EQ(number(up), number(dup(fd)));
	CHECK_ERR(ioctl(open_ns(getpid(), "mnt"), NS_GET_USERNS), EPERM);
	CHECK_ERR(ioctl(open_ns(getpid(), "net"), NS_GET_USERNS), EPERM);
}

TEST(what_its_file_says)
{
	struct users_child c = users_start(CLONE_NEWUTS, "0 7000 1", NULL, inside_asks);
	int fd = open_ns(c.pid, "user"), up;
	uid_t owner = 1;

	CHECK_EQ(ioctl(fd, NS_GET_NSTYPE), CLONE_NEWUSER);
	CHECK_EQ(ioctl(fd, NS_GET_OWNER_UID, &owner), 0);
	CHECK_EQ(owner, 0);
	up = ioctl(fd, NS_GET_PARENT);
	CHECK_EQ(number(up), number(open_ns(getpid(), "user")));
	up = ioctl(fd, NS_GET_USERNS);
	CHECK_EQ(number(up), number(open_ns(getpid(), "user")));
	up = ioctl(open_ns(c.pid, "uts"), NS_GET_USERNS);
	CHECK_EQ(number(up), number(dup(fd)));
	CHECK_ERR(ioctl(open_ns(c.pid, "uts"), NS_GET_OWNER_UID, &owner), EINVAL);
	CHECK_ERR(ioctl(fd, NS_GET_OWNER_UID, (void *)1), EFAULT);
	up = open_ns(getpid(), "user");
	CHECK_ERR(ioctl(up, NS_GET_PARENT), EPERM);
	CHECK_EQ(users_go(c), 0);
}
