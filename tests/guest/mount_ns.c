/* Mount and UTS namespaces: made, gone to, told apart; what spreads between them. */
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <pthread.h>
#include <unistd.h>

#include "test.h"

#define MNT_DETACH 2
#ifndef NS_GET_MNTNS_ID
#define NS_GET_MNTNS_ID _IOR(0xb7, 5, unsigned long)
#endif

int mount(const char *, const char *, const char *, unsigned long, const void *);
int umount2(const char *, int);

static void tmpfs(const char *at, const char *name)
{
	char path[200];

	mkdir(at, 0755);
	CHECK_EQ(mount("made", at, "tmpfs", 0, NULL), 0);
	snprintf(path, sizeof(path), "%s/%s", at, name);
	test_write_file(path, "text");
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static ino_t number(const char *who, const char *kind)
{
	char path[100];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%s/ns/%s", who, kind);
	CHECK_EQ(stat(path, &st), 0);
	return st.st_ino;
}

/* How many lines of a process's table of mounts have these words. */
static int lines_with(const char *who, const char *words)
{
	char path[100], line[2000];
	int n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/mountinfo", who);
	f = fopen(path, "r");
	CHECK(f);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, words) != NULL;
	fclose(f);
	return n;
}

/* A child in namespaces of its own that runs to its first call of here(), and on when told. */
static int to_child[2], to_parent[2];
static pid_t child;

static void here(void)
{
	char byte = 0;

	CHECK_EQ(write(to_parent[1], &byte, 1), 1);
	CHECK_EQ(read(to_child[0], &byte, 1), 1);
}

static void there(void)
{
	char byte;

	CHECK_EQ(read(to_parent[0], &byte, 1), 1);
}

static void go_on(void)
{
	char byte = 0;

	CHECK_EQ(write(to_child[1], &byte, 1), 1);
}

static void start(int flags, void (*run)(void))
{
	CHECK(!pipe(to_child) && !pipe(to_parent));
	child = fork();
	if (!child) {
		CHECK_EQ(unshare(flags), 0);
		run();
		_exit(0);
	}
	there();
}

static void finish(void)
{
	go_on();
	CHECK_EQ(test_wait(child), 0);
}

static void mount_inside(void)
{
	tmpfs("m", "inside");
	CHECK(exists("m/inside"));
	here();
}

TEST(what_is_private_stays_inside)
{
	char who[20], path[100];

	CHECK_EQ(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	mkdir("m", 0755);
	start(CLONE_NEWNS, mount_inside);
	snprintf(who, sizeof(who), "%d", child);
	CHECK(number(who, "mnt") != number("self", "mnt"));
	CHECK_EQ(number(who, "uts"), number("self", "uts"));
	CHECK(!exists("m/inside"));
	CHECK_EQ(lines_with("self", "/m "), 0);
	CHECK_EQ(lines_with(who, "/m "), 1);
	snprintf(path, sizeof(path), "/proc/%s/cwd/m/inside", who);
	CHECK(exists(path));
	finish();
	CHECK_EQ(rmdir("m"), 0);
}

static void spread(void)
{
	tmpfs("shared/a", "inner");
	tmpfs("slave/a", "inner");
	here();
	CHECK(exists("shared/b/outer"));
	CHECK(exists("slave/b/outer"));
	CHECK(!exists("private/b/outer"));
	CHECK_EQ(umount2("shared/b", 0), 0);
	here();
}

static void before(void)
{
	CHECK_EQ(mount(NULL, "slave", NULL, MS_SLAVE, NULL), 0);
	CHECK_EQ(mount(NULL, "private", NULL, MS_PRIVATE, NULL), 0);
	spread();
}

TEST(what_is_shared_spreads)
{
	static const char *const kinds[] = { "shared", "slave", "private" };
	char path[60];

	for (int i = 0; i < 3; i++) {
		tmpfs(kinds[i], "file");
		CHECK_EQ(mount(NULL, kinds[i], NULL, MS_SHARED, NULL), 0);
		snprintf(path, sizeof(path), "%s/a", kinds[i]);
		mkdir(path, 0755);
		snprintf(path, sizeof(path), "%s/b", kinds[i]);
		mkdir(path, 0755);
	}
	start(CLONE_NEWNS, before);
	CHECK(exists("shared/a/inner"));
	CHECK(!exists("slave/a/inner"));
	tmpfs("shared/b", "outer");
	tmpfs("slave/b", "outer");
	tmpfs("private/b", "outer");
	go_on();
	there();
	CHECK(!exists("shared/b/outer"));
	CHECK(exists("slave/b/outer"));
	finish();
	/* The end of a namespace tells nobody. */
	CHECK(exists("shared/a/inner"));
	CHECK_EQ(umount2("shared/a", 0), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(umount2(kinds[i], MNT_DETACH), 0);
}

static int held;

static void keep_file(void)
{
	tmpfs("m", "kept");
	here();
}

TEST(all_of_it_goes_with_the_last_user)
{
	struct stat st;
	char path[100];
	int space, fd;

	CHECK_EQ(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	mkdir("m", 0755);
	start(CLONE_NEWNS, keep_file);
	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", child);
	space = open(path, O_RDONLY);
	snprintf(path, sizeof(path), "/proc/%d/cwd/m/kept", child);
	fd = open(path, O_RDONLY);
	CHECK(space >= 0 && fd >= 0);
	finish();
	/* A descriptor is a user. */
	held = fork();
	if (!held) {
		char dir[200];

		CHECK(getcwd(dir, sizeof(dir)));
		CHECK_EQ(setns(space, CLONE_NEWNS), 0);
		CHECK_EQ(chdir(dir), 0);
		CHECK(exists("m/kept"));
		_exit(0);
	}
	CHECK_EQ(test_wait(held), 0);
	close(space);
	/* A file that is open stays. */
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_size, 4);
	close(fd);
	CHECK_EQ(rmdir("m"), 0);
}

static void in_there(void)
{
	CHECK_EQ(sethostname("inner", 5), 0);
	tmpfs("m", "inside");
	here();
}

static const char *host(void)
{
	static struct utsname u;

	CHECK_EQ(uname(&u), 0);
	return u.nodename;
}

TEST(going_there)
{
	char dir[200], path[100], who[20], at[200];
	int space, names, pid_fd, own;

	CHECK(getcwd(dir, sizeof(dir)));
	CHECK_EQ(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	mkdir("m", 0755);
	start(CLONE_NEWNS | CLONE_NEWUTS, in_there);
	snprintf(who, sizeof(who), "%d", child);
	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", child);
	space = open(path, O_RDONLY);
	snprintf(path, sizeof(path), "/proc/%d/ns/uts", child);
	names = open(path, O_RDONLY);
	pid_fd = (int)syscall(SYS_pidfd_open, child, 0);
	own = open("/proc/self/ns/mnt", O_RDONLY);
	CHECK(space >= 0 && names >= 0 && pid_fd >= 0 && own >= 0);
	CHECK(strcmp(host(), "inner"));
	CHECK_ERR(setns(space, CLONE_NEWUTS), EINVAL);
	CHECK_ERR(setns(-1, 0), EBADF);
	CHECK_ERR(setns(to_child[0], 0), EINVAL);
	CHECK_ERR(setns(pid_fd, 0), EINVAL);
	CHECK_ERR(setns(pid_fd, CLONE_NEWNS | 1), EINVAL);
	CHECK_ERR(setns(pid_fd, CLONE_NEWUSER), EINVAL);
	CHECK(!exists("m/inside"));
	CHECK_EQ(setns(space, 0), 0);
	/* At the root of that. */
	CHECK(getcwd(at, sizeof(at)));
	CHECK_EQ(strcmp(at, "/"), 0);
	CHECK_EQ(chdir(dir), 0);
	CHECK(exists("m/inside"));
	CHECK_EQ(number("self", "mnt"), number(who, "mnt"));
	CHECK_EQ(setns(own, CLONE_NEWNS), 0);
	CHECK_EQ(chdir(dir), 0);
	CHECK(!exists("m/inside"));
	CHECK_EQ(setns(pid_fd, CLONE_NEWNS | CLONE_NEWUTS), 0);
	CHECK_EQ(strcmp(host(), "inner"), 0);
	CHECK_EQ(chdir(dir), 0);
	CHECK(exists("m/inside"));
	CHECK_EQ(sethostname("other", 5), 0);
	finish();
	CHECK_EQ(setns(names, CLONE_NEWUTS), 0);
	CHECK_EQ(strcmp(host(), "other"), 0);
	CHECK_ERR(setns(pid_fd, CLONE_NEWNS), ESRCH);
	CHECK_EQ(setns(own, CLONE_NEWNS), 0);
	CHECK_EQ(chdir(dir), 0);
	CHECK_EQ(rmdir("m"), 0);
}

TEST(going_to_where_one_is)
{
	static const char *const kinds[] = { "uts", "ipc", "net", "pid", "cgroup", "mnt", "time" };
	char path[60];
	int fd;

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[i]);
		fd = open(path, O_RDONLY);
		CHECK(fd >= 0);
		CHECK_EQ(setns(fd, 0), 0);
		close(fd);
	}
	fd = open("/proc/self/ns/user", O_RDONLY);
	CHECK_ERR(setns(fd, 0), EINVAL);
	close(fd);
}

static void *sit(void *arg)
{
	pause();
	return arg;
}

TEST(who_shares_his_directory_stays)
{
	int own = open("/proc/self/ns/mnt", O_RDONLY);
	pthread_t thread;

	pthread_create(&thread, NULL, sit, NULL);
	CHECK_ERR(setns(own, CLONE_NEWNS), EINVAL);
	/* But may have one of his own. */
	CHECK_EQ(unshare(CLONE_NEWNS), 0);
	CHECK_EQ(setns(own, CLONE_NEWNS), 0);
}

static void stranger(void *arg)
{
	int *fds = arg;

	CHECK_ERR(unshare(CLONE_NEWNS), EPERM);
	CHECK_ERR(unshare(CLONE_NEWUTS), EPERM);
	CHECK_ERR(setns(fds[0], 0), EPERM);
	CHECK_ERR(setns(fds[1], 0), EPERM);
	CHECK_ERR(syscall(SYS_clone, CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0), EPERM);
	CHECK_ERR(syscall(SYS_clone, CLONE_NEWUTS | SIGCHLD, 0, 0, 0, 0), EPERM);
}

TEST(without_privilege)
{
	int fds[2] = { open("/proc/self/ns/mnt", O_RDONLY), open("/proc/self/ns/uts", O_RDONLY) };

	CHECK_EQ(test_child_as(1000, stranger, fds), 0);
	CHECK_ERR(syscall(SYS_clone, CLONE_NEWNS | CLONE_FS | SIGCHLD, 0, 0, 0, 0), EINVAL);
	CHECK_ERR(unshare(1), EINVAL);
}

TEST(a_child_is_made_in_one)
{
	unsigned long args[11] = { CLONE_NEWNS | CLONE_NEWUTS, 0, 0, 0, SIGCHLD };
	int status;
	pid_t pid;

	CHECK_EQ(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	mkdir("m", 0755);
	for (int three = 0; three < 2; three++) {
		ino_t mnt = number("self", "mnt"), uts = number("self", "uts");

		pid = three ? (pid_t)syscall(SYS_clone3, args, 64)
			    : (pid_t)syscall(SYS_clone, args[0] | SIGCHLD, 0, 0, 0, 0);
		if (!pid) {
			tmpfs("m", "inside");
			CHECK_EQ(sethostname("inner", 5), 0);
			CHECK(number("self", "mnt") != mnt && number("self", "uts") != uts);
			_exit(7);
		}
		CHECK(pid > 0);
		status = test_wait(pid);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
		CHECK(!exists("m/inside"));
		CHECK(strcmp(host(), "inner"));
	}
	CHECK_EQ(rmdir("m"), 0);
}

/* What is another's is not changed from here. */
static void wait_there(void)
{
	tmpfs("m", "inside");
	mkdir("m/in", 0755);
	here();
}

TEST(anothers_mounts_are_not_changed)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	char path[100], in[120];

	CHECK_EQ(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	mkdir("m", 0755);
	mkdir("n", 0755);
	start(CLONE_NEWNS, wait_there);
	snprintf(path, sizeof(path), "/proc/%d/cwd/m", child);
	snprintf(in, sizeof(in), "%s/in", path);
	CHECK_ERR(umount2(path, MNT_DETACH), EINVAL);
	CHECK_ERR(mount("x", in, "tmpfs", 0, NULL), EINVAL);
	CHECK_ERR(mount(path, "n", NULL, MS_BIND, NULL), EINVAL);
	CHECK_ERR(mount("n", in, NULL, MS_BIND, NULL), EINVAL);
	CHECK_ERR(mount(path, "n", NULL, MS_MOVE, NULL), EINVAL);
	CHECK_ERR(mount(NULL, path, NULL, MS_REMOUNT | MS_RDONLY, NULL), EINVAL);
	CHECK_ERR(mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_mount_setattr, AT_FDCWD, path, 0, &attr, sizeof(attr)), EINVAL);
	CHECK_ERR(syscall(SYS_open_tree, AT_FDCWD, path, 1), EINVAL);
	CHECK_ERR(syscall(SYS_pivot_root, path, in), EINVAL);
	/* A file there is used as any. */
	snprintf(in, sizeof(in), "%s/new", path);
	test_write_file(in, "text");
	finish();
	CHECK(!rmdir("m") && !rmdir("n"));
}

TEST(an_unbindable_one_is_copied)
{
	CHECK_EQ(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	tmpfs("u", "file");
	CHECK_EQ(mount(NULL, "u", NULL, MS_UNBINDABLE, NULL), 0);
	CHECK_EQ(unshare(CLONE_NEWNS), 0);
	CHECK(exists("u/file"));
	CHECK_EQ(lines_with("self", " unbindable"), 1);
	CHECK_ERR(mount("u", "u", NULL, MS_BIND, NULL), EINVAL);
}

static void mount_on_them(void)
{
	CHECK_EQ(mount("x", "dir", "tmpfs", 0, NULL), 0);
	CHECK_EQ(mount("x", "dir2", "tmpfs", 0, NULL), 0);
	CHECK_EQ(mount("file2", "file", NULL, MS_BIND, NULL), 0);
	mkdir("dir/in", 0755);
	CHECK_EQ(mount("x", "dir/in", "tmpfs", 0, NULL), 0);
	CHECK_ERR(rmdir("dir"), EBUSY);
	CHECK_ERR(unlink("file"), EBUSY);
	CHECK_ERR(rename("dir", "dir3"), EBUSY);
	here();
	CHECK_EQ(lines_with("self", "/dir "), 0);
	CHECK_EQ(lines_with("self", "/dir/in "), 0);
	CHECK_EQ(lines_with("self", "/file "), 0);
	/* This one went with its place. */
	CHECK_EQ(lines_with("self", "/moved "), 1);
}

TEST(what_others_mounted_on_it_does_not_keep_it)
{
	CHECK_EQ(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	mkdir("dir", 0755);
	mkdir("dir2", 0755);
	test_write_file("file", "text");
	test_write_file("file2", "text");
	start(CLONE_NEWNS, mount_on_them);
	CHECK_EQ(rmdir("dir"), 0);
	CHECK_EQ(rename("file2", "file"), 0);
	CHECK_EQ(rename("dir2", "moved"), 0);
	finish();
	CHECK_EQ(rmdir("moved"), 0);
	CHECK_EQ(unlink("file"), 0);
}

/* --- another root --- */

static int root_of(pid_t pid, const char *name)
{
	char path[100];

	snprintf(path, sizeof(path), "/proc/%d/root/%s", pid, name);
	return exists(path);
}

TEST(another_root_for_all_who_are_there)
{
	char dir[200];
	pid_t other;

	CHECK_EQ(unshare(CLONE_NEWNS), 0);
	CHECK_EQ(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	tmpfs("new", "mark");
	mkdir("new/old", 0755);
	CHECK(getcwd(dir, sizeof(dir)));
	CHECK_ERR(syscall(SYS_pivot_root, "/etc", "/etc"), EBUSY);
	CHECK_ERR(syscall(SYS_pivot_root, "new", "/etc"), EBUSY);
	CHECK_ERR(syscall(SYS_pivot_root, "/", "/"), EBUSY);
	CHECK_ERR(syscall(SYS_pivot_root, "none", "new/old"), ENOENT);
	CHECK_ERR(syscall(SYS_pivot_root, "new/mark", "new/old"), ENOTDIR);
	CHECK_EQ(mount(NULL, "new", NULL, MS_SHARED, NULL), 0);
	CHECK_ERR(syscall(SYS_pivot_root, "new", "new/old"), EINVAL);
	CHECK_EQ(mount(NULL, "new", NULL, MS_PRIVATE, NULL), 0);
	other = fork();
	if (!other) {
		CHECK_EQ(chdir("/"), 0);
		pause();
	}
	test_sleep_ms(50);
	CHECK_EQ(syscall(SYS_pivot_root, "new", "new/old"), 0);
	CHECK(exists("/mark") && exists("/old/proc") && !exists("/proc"));
	CHECK_EQ(chdir("/"), 0);
	mkdir("/proc", 0755);
	CHECK_EQ(mount("p", "/proc", "proc", 0, NULL), 0);
	CHECK_EQ(root_of(other, "mark"), 1);
	CHECK_EQ(lines_with("self", " / / "), 1);
	CHECK_EQ(umount2("/old", MNT_DETACH), 0);
	CHECK(!exists("/old/proc"));
	CHECK_EQ(lines_with("self", " - "), 2);
	kill(other, SIGKILL);
	test_wait(other);
}

TEST(the_old_root_on_top_of_the_new)
{
	CHECK_EQ(unshare(CLONE_NEWNS), 0);
	CHECK_EQ(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	tmpfs("new", "mark");
	CHECK_EQ(chdir("new"), 0);
	CHECK_EQ(syscall(SYS_pivot_root, ".", "."), 0);
	CHECK(exists("/mark"));
	CHECK_EQ(umount2(".", MNT_DETACH), 0);
	CHECK(exists("/mark") && exists("mark"));
	CHECK_EQ(chdir("/"), 0);
	CHECK(exists("mark"));
}

/* --- into another's group --- */

static int join(const char *from, const char *to)
{
	return (int)syscall(SYS_move_mount, AT_FDCWD, from, AT_FDCWD, to, MOVE_MOUNT_SET_GROUP);
}

TEST(one_joins_anothers_group)
{
	CHECK_EQ(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	tmpfs("from", "file");
	CHECK(!mkdir("from/in", 0755) && !mkdir("to", 0755) && !mkdir("part", 0755));
	CHECK_EQ(mount("from", "to", NULL, MS_BIND, NULL), 0);
	CHECK_EQ(mount("from/in", "part", NULL, MS_BIND, NULL), 0);
	CHECK_ERR(join("from", "to"), EINVAL);
	CHECK_EQ(mount(NULL, "from", NULL, MS_SHARED, NULL), 0);
	CHECK_ERR(join("from/in", "to"), EINVAL);
	CHECK_ERR(join("from", "to/in"), EINVAL);
	CHECK_ERR(join("from", "none"), ENOENT);
	CHECK_EQ(join("from", "to"), 0);
	CHECK_ERR(join("from", "to"), EINVAL);
	CHECK_EQ(join("from", "part"), 0);
	tmpfs("from/in", "spread");
	CHECK(exists("to/in/spread"));
	/* What is mounted on all of it is out of its sight. */
	CHECK_EQ(umount2("to/in", 0), 0);
	CHECK(!exists("from/in/spread"));
	tmpfs("other", "file");
	CHECK_ERR(join("from", "other"), EINVAL);
	CHECK(!umount2("part", 0) && !umount2("to", 0) && !umount2("from", 0) && !umount2("other", 0));
}

/* --- by number --- */

#define ALL_MOUNTS ~0ul

static void two_more(void)
{
	tmpfs("m", "one");
	tmpfs("m/n", "two");
	here();
}

TEST(mounts_of_another_by_number)
{
	unsigned long request[4] = { 32, ALL_MOUNTS, 0, 0 }, ids[200], own_id, id, stat[80];
	char path[100];
	long own, n;
	int fd;

	CHECK_EQ(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	mkdir("m", 0755);
	start(CLONE_NEWNS, two_more);
	fd = open("/proc/self/ns/mnt", O_RDONLY);
	CHECK_EQ(ioctl(fd, NS_GET_MNTNS_ID, &own_id), 0);
	CHECK_ERR(ioctl(fd, NS_GET_MNTNS_ID, 8), EFAULT);
	close(fd);
	fd = open("/proc/self/ns/uts", O_RDONLY);
	CHECK_ERR(ioctl(fd, NS_GET_MNTNS_ID, &id), EINVAL);
	close(fd);
	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", child);
	fd = open(path, O_RDONLY);
	CHECK_EQ(ioctl(fd, NS_GET_MNTNS_ID, &id), 0);
	CHECK(id != own_id);
	own = syscall(SYS_listmount, request, ids, 200, 0);
	CHECK(own > 0);
	request[3] = own_id;
	CHECK_EQ(syscall(SYS_listmount, request, ids, 200, 0), own);
	request[3] = id;
	n = syscall(SYS_listmount, request, ids, 200, 0);
	CHECK(n >= 1);
	request[1] = ids[n - 1];
	request[2] = 0x42;	/* STATMOUNT_MNT_BASIC | STATMOUNT_MNT_NS_ID */
	CHECK_EQ(syscall(SYS_statmount, request, stat, sizeof(stat), 0), 0);
	request[3] = own_id;
	CHECK_ERR(syscall(SYS_statmount, request, stat, sizeof(stat), 0), ENOENT);
	request[3] = 1ul << 40;
	CHECK_ERR(syscall(SYS_statmount, request, stat, sizeof(stat), 0), ENOENT);
	finish();
	close(fd);
	request[3] = id;
	/* It goes when its last process is gone for good. */
	CHECK_ERR(syscall(SYS_statmount, request, stat, sizeof(stat), 0), ENOENT);
	CHECK_EQ(rmdir("m"), 0);
}

/* --- all at once --- */

static void *race(void *arg)
{
	char at[40];

	snprintf(at, sizeof(at), "shared/%ld", (long)arg);
	mkdir(at, 0755);
	for (int i = 0; i < 40; i++) {
		pid_t pid = fork();

		if (!pid) {
			if (unshare(CLONE_NEWNS) || mount("r", at, "tmpfs", 0, NULL))
				_exit(1);
			_exit(umount2(at, MNT_DETACH) ? 2 : 0);
		}
		CHECK_EQ(test_wait(pid), 0);
	}
	return NULL;
}

TEST(many_come_and_go)
{
	pid_t pids[4];

	tmpfs("shared", "file");
	CHECK_EQ(mount(NULL, "shared", NULL, MS_SHARED, NULL), 0);
	for (long i = 0; i < 4; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			race((void *)i);
			_exit(0);
		}
	}
	for (int i = 0; i < 4; i++) {
		int status;

		CHECK_EQ(waitpid(pids[i], &status, 0), pids[i]);
		CHECK_EQ(status, 0);
	}
	CHECK_EQ(lines_with("self", "/shared/"), 0);
	CHECK_EQ(umount2("shared", 0), 0);
}
