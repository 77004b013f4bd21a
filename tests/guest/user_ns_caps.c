/* User namespaces: what the capabilities that one has in them are good for, and what not. */
#include <linux/securebits.h>
#include <linux/xattr.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/timex.h>

#include "users.h"

int mount(const char *, const char *, const char *, unsigned long, const void *);
int umount2(const char *, int);

/* --- the machine's --- */

struct call {
	const char *name;
	long (*run)(void);
	int error;	/* 0: it succeeds */
};

static long set_name(void)
{
	return sethostname("inside", 6);
}

static long mount_tmpfs(void)
{
	return mount("none", "/tmp", "tmpfs", 0, NULL);
}

static long unmount(void)
{
	return umount2("/tmp", 2);
}

static long make_node(void)
{
	return mknod("node", S_IFCHR | 0600, 0x103);
}

static long change_root(void)
{
	return chroot(".");
}

static long set_time(void)
{
	struct timeval now;

	gettimeofday(&now, NULL);
	return settimeofday(&now, NULL);
}

static long tune(void)
{
	struct timex t = { .modes = ADJ_TICK, .tick = 10000 };

	return adjtimex(&t) < 0 ? -1 : 0;
}

static long raise_limit(void)
{
	struct rlimit r = { 100, 100 };

	CHECK_EQ(setrlimit(RLIMIT_CORE, &r), 0);
	r.rlim_max = 200;
	return setrlimit(RLIMIT_CORE, &r);
}

static long be_nicer(void)
{
	return setpriority(PRIO_PROCESS, 0, -5);
}

static long real_time(void)
{
	struct sched_param p = { .sched_priority = 1 };

	return sched_setscheduler(0, SCHED_FIFO, &p);
}

static long read_log(void)
{
	return syscall(SYS_syslog, 5, NULL, 0);
}

static long restart(void)
{
	return syscall(SYS_reboot, 0, 0, 0, NULL);
}

static long drop_bound(void)
{
	return prctl(PR_CAPBSET_DROP, CAP_SYS_TIME, 0, 0, 0);
}

static long secure(void)
{
	return prctl(PR_SET_SECUREBITS, SECBIT_NOROOT, 0, 0, 0);
}

static long filter(void)
{
	/* One that there is not: looked at by whom it is allowed to. */
	return syscall(SYS_seccomp, 1, 0, NULL);
}

static long another(void)
{
	return setuid(1);
}

static long trusted(void)
{
	return syscall(SYS_setxattr, ".", "trusted.x", "1", 1, 0);
}

static long join_first(void)
{
	return setns(open("/proc/self/ns/net", O_RDONLY), CLONE_NEWNET);
}

static long own_spaces(void)
{
	return unshare(CLONE_NEWUTS | CLONE_NEWNS | CLONE_NEWPID);
}

static long handle(void)
{
	struct { unsigned bytes; int type; char f[16]; } h = { 8, 1, "" };

	return syscall(SYS_open_by_handle_at, AT_FDCWD, &h, O_RDONLY);
}

static const struct call calls[] = {
	{ "sethostname", set_name, EPERM },
	{ "mount", mount_tmpfs, EPERM },
	{ "umount2", unmount, EPERM },
	{ "mknod", make_node, EPERM },
	{ "settimeofday", set_time, EPERM },
	{ "adjtimex", tune, EPERM },
	{ "setrlimit", raise_limit, EPERM },
	{ "setpriority", be_nicer, EACCES },
	{ "sched_setscheduler", real_time, EPERM },
	{ "syslog", read_log, EPERM },
	{ "reboot", restart, EPERM },
	{ "setns", join_first, EPERM },
	{ "open_by_handle_at", handle, EPERM },
	{ "trusted.", trusted, EPERM },
	{ "setuid", another, EINVAL },
	{ "seccomp", filter, EFAULT },
	{ "PR_CAPBSET_DROP", drop_bound, 0 },
	{ "PR_SET_SECUREBITS", secure, 0 },
	{ "unshare", own_spaces, 0 },
	{ "sethostname in its own", set_name, 0 },
	{ "mount in its own", mount_tmpfs, 0 },
	{ "umount2 in its own", unmount, 0 },
	{ "chroot", change_root, 0 },
};

static void each_call(void)
{
	for (unsigned i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		long result;

		errno = 0;
		result = calls[i].run();
		if (calls[i].error ? result != -1 || errno != calls[i].error : result)
			dprintf(1, "# %s\n", calls[i].name);
		CHECK_EQ(result, calls[i].error ? -1 : 0);
		CHECK_EQ(calls[i].error ? errno : 0, calls[i].error);
	}
}

TEST(what_each_capability_is_good_for)
{
	CHECK_EQ(chmod(".", 0777), 0);
	CHECK_EQ(users_as_root(0, each_call), 0);
}

/* --- files --- */

static void make_file(const char *name, mode_t mode, uid_t uid, gid_t gid)
{
	test_write_file(name, "text");
	CHECK_EQ(chown(name, uid, gid), 0);
	CHECK_EQ(chmod(name, mode), 0);
}

static void files(void)
{
	struct stat st;

	CHECK_EQ(setresgid(0, 0, 0), 0);
	CHECK_EQ(setresuid(0, 0, 0), 0);
	/* Of one who has an id here. */
	CHECK(open("mapped", O_RDWR) >= 0);
	CHECK_EQ(chmod("mapped", 0640), 0);
	CHECK_EQ(chown("mapped", 2, 2), 0);
	CHECK_EQ(stat("mapped", &st), 0);
	CHECK_EQ(st.st_uid, 2);
	CHECK_EQ(st.st_gid, 2);
	CHECK_EQ(chown("mapped", -1, 1), 0);
	CHECK_EQ(chown("mapped", 1, -1), 0);
	CHECK_ERR(chown("mapped", 50, -1), EINVAL);
	CHECK_ERR(chown("mapped", -1, 50), EINVAL);
	CHECK_ERR(chown("mapped", NOBODY, -1), EINVAL);
	CHECK_EQ(unlink("mapped"), 0);
	/* Of one who has none. */
	CHECK_EQ(stat("strangers", &st), 0);
	CHECK_EQ(st.st_uid, NOBODY);
	CHECK_EQ(st.st_gid, NOBODY);
	CHECK_ERR(open("strangers", O_RDONLY), EACCES);
	CHECK_ERR(chmod("strangers", 0666), EPERM);
	CHECK_ERR(chown("strangers", 0, 0), EPERM);
	CHECK_ERR(utimensat(AT_FDCWD, "strangers", (struct timespec[2]){}, 0), EPERM);
	/* In part. */
	CHECK_EQ(stat("half", &st), 0);
	CHECK_EQ(st.st_uid, 1);
	CHECK_EQ(st.st_gid, NOBODY);
	CHECK_ERR(open("half", O_RDONLY), EACCES);
	CHECK_EQ(chmod("half", 0644), 0);
	CHECK_ERR(chown("half", 0, 0), EPERM);
	/* Of others in a directory where each has his own. */
	CHECK_ERR(unlink("sticky/strangers"), EPERM);
	CHECK_ERR(unlink("sticky/half"), EPERM);
	CHECK_EQ(unlink("sticky/mapped"), 0);
	/* Its own. */
	test_write_file("own", "text");
	CHECK_EQ(chown("own", 1, 1), 0);
	CHECK_EQ(chmod("own", 06755), 0);
	CHECK_EQ(stat("own", &st), 0);
	CHECK_EQ(st.st_mode & 07777, 06755);
}

TEST(files_of_those_who_have_ids)
{
	struct stat st;

	CHECK_EQ(chmod(".", 0777), 0);
	CHECK_EQ(mkdir("sticky", 0), 0);
	CHECK_EQ(chmod("sticky", 01777), 0);
	make_file("mapped", 0600, 5001, 5001);
	make_file("strangers", 0600, 6000, 6000);
	make_file("half", 0600, 5001, 6000);
	make_file("sticky/mapped", 0600, 5001, 5001);
	make_file("sticky/strangers", 0600, 6000, 6000);
	make_file("sticky/half", 0600, 5001, 6000);
	CHECK_EQ(users_go(users_start(0, "0 5000 10", "0 5000 10", files)), 0);
	CHECK_EQ(stat("own", &st), 0);
	CHECK_EQ(st.st_uid, 5001);
	CHECK_EQ(st.st_gid, 5001);
}

/* --- processes --- */

static pid_t sleeper(uid_t uid)
{
	int ends[2];
	char byte;
	pid_t pid;

	CHECK_EQ(pipe(ends), 0);
	pid = fork();
	if (!pid) {
		if (uid)
			CHECK(!setresgid(uid, uid, uid) && !setresuid(uid, uid, uid));
		users_open_up();
		CHECK_EQ(write(ends[1], "x", 1), 1);
		for (;;)
			pause();
	}
	CHECK_EQ(read(ends[0], &byte, 1), 1);
	close(ends[0]);
	close(ends[1]);
	return pid;
}

static pid_t outside[2];	/* one whose id is mapped, another */

static void processes(void)
{
	struct rlimit r;
	pid_t mine;

	CHECK_EQ(setresgid(0, 0, 0), 0);
	CHECK_EQ(setresuid(0, 0, 0), 0);
	mine = sleeper(3);
	CHECK_EQ(kill(mine, 0), 0);
	CHECK_EQ(setpriority(PRIO_PROCESS, (id_t)mine, 5), 0);
	CHECK_EQ(syscall(SYS_prlimit64, mine, RLIMIT_CORE, NULL, &r), 0);
	CHECK_EQ(ptrace(PTRACE_SEIZE, mine, NULL, NULL), 0);
	CHECK_EQ(kill(mine, SIGKILL), 0);
	CHECK_EQ(test_wait(mine), SIGKILL);
	for (int i = 0; i < 2; i++) {
		/* Their ids may be its own, they are not of this namespace. */
		CHECK_ERR(kill(outside[i], 0), EPERM);
		CHECK_ERR(setpriority(PRIO_PROCESS, (id_t)outside[i], 5), EPERM);
		CHECK_ERR(syscall(SYS_prlimit64, outside[i], RLIMIT_CORE, NULL, &r), EPERM);
		CHECK_ERR(ptrace(PTRACE_SEIZE, outside[i], NULL, NULL), EPERM);
		CHECK_ERR(syscall(SYS_sched_setaffinity, outside[i], 8, &(unsigned long){ 1 }),
			  EPERM);
	}
}

TEST(processes_of_the_same_and_of_others)
{
	outside[0] = sleeper(5003);
	outside[1] = sleeper(0);
	CHECK_EQ(users_go(users_start(0, "0 5000 10", "0 5000 10", processes)), 0);
	for (int i = 0; i < 2; i++) {
		kill(outside[i], SIGKILL);
		test_wait(outside[i]);
	}
}

/* The owner has every capability in what is his; another none. */
static void is_there(void)
{
	users_open_up();
	CHECK_EQ(kill(getppid(), SIGUSR1), 0);
	for (;;)
		pause();
}

static void owner(void *)
{
	struct users_child c;
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	users_open_up();
	c = users_start(0, "0 1000 1", NULL, is_there);
	CHECK_EQ(write(c.go, "x", 1), 1);
	CHECK_EQ(sigwait(&set, &sig), 0);
	CHECK_EQ(ptrace(PTRACE_SEIZE, c.pid, NULL, NULL), 0);
	CHECK_EQ(kill(c.pid, SIGKILL), 0);
	CHECK_EQ(test_wait(c.pid), SIGKILL);
}

TEST(who_made_it_may_all_there)
{
	CHECK_EQ(test_child_as(ME, owner, NULL), 0);
}

/* --- becoming another, and running another's program --- */

static void ids(void)
{
	CHECK_EQ(getuid(), NOBODY);
	CHECK_EQ(setgid(4), 0);
	CHECK_EQ(setgroups(2, (gid_t[]){ 5, 3 }), 0);
	CHECK_ERR(setgroups(2, (gid_t[]){ 5, 30 }), EINVAL);
	CHECK_EQ(setresuid(1, 0, 2), 0);
	CHECK_EQ(users_caps(), ALL_CAPS);
	CHECK_EQ(setfsuid(3), 0);
	CHECK_EQ(setfsuid(30), 3);
	CHECK_EQ(setfsuid(-1), 3);
	CHECK_ERR(setreuid(30, -1), EINVAL);
	CHECK_ERR(setregid(-1, 30), EINVAL);
	CHECK_ERR(setresuid(-1, -1, 30), EINVAL);
	CHECK_ERR(setresgid(30, -1, -1), EINVAL);
	/* Root here is who has the namespace's 0. */
	CHECK_EQ(setresuid(1, 1, 0), 0);
	CHECK_EQ(users_caps(), 0);
	CHECK_EQ(setresuid(-1, 0, -1), 0);
	CHECK_EQ(users_caps(), ALL_CAPS);
	CHECK_EQ(setresuid(2, 2, 2), 0);
	CHECK_EQ(users_caps(), 0);
	CHECK_ERR(setuid(0), EPERM);
	CHECK_ERR(setgroups(0, NULL), EPERM);
}

TEST(becoming_another)
{
	CHECK_EQ(users_go(users_start(0, "0 5000 10", "0 5000 10", ids)), 0);
}

/* What a program of these owners and mode says that it runs as: "euid egid". */
static void run_as(const char *path, const char *expected)
{
	char text[64] = "";
	int ends[2];
	ssize_t n;
	pid_t pid;

	CHECK_EQ(pipe(ends), 0);
	pid = fork();
	if (!pid) {
		dup2(ends[1], 1);
		execl(path, path, (char *)NULL);
		_exit(9);
	}
	close(ends[1]);
	n = read(ends[0], text, sizeof(text) - 1);
	CHECK(n >= 0);
	close(ends[0]);
	CHECK_EQ(test_wait(pid), 0);
	if (strcmp(text, expected))
		dprintf(1, "# %s: \"%s\", not \"%s\"\n", path, text, expected);
	CHECK(!strcmp(text, expected));
}

[[gnu::constructor]] static void say_who(int, char **argv)
{
	if (!strstr(argv[0], "say-who"))
		return;
	printf("%d %d %d", (int)geteuid(), (int)getegid(), !!users_caps());
	fflush(stdout);
	_exit(0);
}

static void programs(void)
{
	CHECK_EQ(setresgid(0, 0, 0), 0);
	CHECK_EQ(setgroups(0, NULL), 0);
	CHECK_EQ(setresuid(0, 0, 0), 0);
	run_as("./say-who", "0 0 1");
	run_as("./say-who-mapped", "1 2 0");
	run_as("./say-who-strange", "0 0 1");
	run_as("./say-who-half", "0 0 1");
	CHECK_EQ(setresuid(3, 3, 3), 0);
	run_as("./say-who", "3 0 0");
	run_as("./say-who-mapped", "1 2 0");
	run_as("./say-who-strange", "3 0 0");
	run_as("./say-who-root", "0 0 1");
}

static void copy_self(const char *name, uid_t uid, gid_t gid, mode_t mode)
{
	char buf[4096];
	int from = open("/proc/self/exe", O_RDONLY);
	int to = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0755);
	ssize_t n;

	while ((n = read(from, buf, sizeof(buf))) > 0)
		CHECK_EQ(write(to, buf, (size_t)n), n);
	close(from);
	close(to);
	CHECK_EQ(chown(name, uid, gid), 0);
	CHECK_EQ(chmod(name, mode), 0);
}

/* --- programs with capabilities --- */

static const char caps_name[] = "security.capability";

static const struct vfs_ns_cap_data some = {
	.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
	.data = { { .permitted = 1 << CAP_NET_ADMIN } },
};

static void gives_caps(void)
{
	struct vfs_ns_cap_data read;

	CHECK_EQ(setresgid(0, 0, 0), 0);
	CHECK_EQ(setresuid(0, 0, 0), 0);
	/* Not to what is of strangers; and not in another's name. */
	CHECK_ERR(syscall(SYS_setxattr, "say-who", caps_name, &some, XATTR_CAPS_SZ_2, 0), EPERM);
	read = some;
	read.magic_etc = VFS_CAP_REVISION_3 | VFS_CAP_FLAGS_EFFECTIVE;
	read.rootid = 50;
	CHECK_ERR(syscall(SYS_setxattr, "say-who-caps", caps_name, &read, XATTR_CAPS_SZ_3, 0),
		  EINVAL);
	CHECK_EQ(syscall(SYS_setxattr, "say-who-caps", caps_name, &some, XATTR_CAPS_SZ_2, 0), 0);
	CHECK_EQ(syscall(SYS_getxattr, "say-who-caps", caps_name, &read, sizeof(read)),
		 XATTR_CAPS_SZ_2);
	CHECK(!memcmp(&read, &some, XATTR_CAPS_SZ_2));
	CHECK_ERR(syscall(SYS_setxattr, "say-who-caps", "security.x", "x", 1, 0), EPERM);
	CHECK_EQ(setresuid(3, 3, 3), 0);
	run_as("./say-who-caps", "3 0 1");
}

static void has_none(void)
{
	struct vfs_ns_cap_data read;

	CHECK_EQ(setresgid(3, 3, 3), 0);
	CHECK_EQ(setresuid(3, 3, 3), 0);
	run_as("./say-who-caps", "3 3 0");
	CHECK_EQ(syscall(SYS_getxattr, "say-who-caps", caps_name, &read, sizeof(read)),
		 XATTR_CAPS_SZ_3);
	CHECK_EQ(read.rootid, 7);
}

static void not_seen(void)
{
	struct vfs_ns_cap_data read;

	CHECK_ERR(syscall(SYS_getxattr, "say-who-caps", caps_name, &read, sizeof(read)), EOVERFLOW);
}

TEST(programs_with_capabilities)
{
	struct vfs_ns_cap_data read;

	copy_self("say-who", 6000, 6000, 0755);
	copy_self("say-who-caps", 5001, 5001, 0755);
	CHECK_EQ(users_go(users_start(0, "0 5000 10", "0 5000 10", gives_caps)), 0);
	CHECK_EQ(syscall(SYS_getxattr, "say-who-caps", caps_name, &read, sizeof(read)),
		 XATTR_CAPS_SZ_3);
	CHECK_EQ(read.magic_etc, VFS_CAP_REVISION_3 | VFS_CAP_FLAGS_EFFECTIVE);
	CHECK_EQ(read.rootid, 5000);
	/* In another's namespace they count for nothing, though he is somebody there. */
	CHECK_EQ(users_go(users_start(0, "0 4993 10", "0 4993 10", has_none)), 0);
	CHECK_EQ(users_go(users_start(0, "0 7000 10", "0 7000 10", not_seen)), 0);
}

TEST(programs_of_others)
{
	copy_self("say-who", 6000, 6000, 0755);
	copy_self("say-who-mapped", 5001, 5002, 06755);
	copy_self("say-who-strange", 6000, 6000, 06755);
	copy_self("say-who-half", 5001, 6000, 06755);
	copy_self("say-who-root", 5000, 5000, 06755);
	CHECK_EQ(users_go(users_start(0, "0 5000 10", "0 5000 10", programs)), 0);
}
