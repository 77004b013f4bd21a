/* Who may do what: every user tries every operation on files and directories of every mode, and
 * says what came of it, a line for each: "user mode operation: outcome".
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { OWNER = 1000, MEMBER, OTHER, GROUP = 500, ENTRIES = 1003 };

struct user {
	const char *name;
	unsigned uid, gid, group;
	uint64_t without;	/* capabilities that root lacks */
};

#define CAP(n) (1ull << CAP_##n)

static const struct user users[] = {
	{ "root", 0, 0, 0, 0 },
	{ "owner", OWNER, OWNER, 0, 0 },
	{ "owner-in-group", OWNER, GROUP, 0, 0 },
	{ "member", MEMBER, MEMBER, GROUP, 0 },
	{ "in-group", MEMBER, GROUP, 0, 0 },
	{ "other", OTHER, OTHER, 0, 0 },
	{ "root-no-dac", 0, 0, 0, CAP(DAC_OVERRIDE) | CAP(DAC_READ_SEARCH) },
	{ "root-reads", 0, 0, 0, CAP(DAC_OVERRIDE) },
	{ "root-no-fowner", 0, 0, 0, CAP(FOWNER) | CAP(FSETID) | CAP(CHOWN) },
	{ "root-bare", 0, 0, 0, ~0ull },
};

static const char *self;

static void fail(const char *what)
{
	printf("%s failed: %s\n", what, strerror(errno));
	exit(1);
}

static void become(const struct user *u)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	umask(022);
	if (setgroups(u->group != 0, &u->group) || setresgid(u->gid, u->gid, u->gid) ||
	    setresuid(u->uid, u->uid, u->uid))
		fail("becoming somebody");
	if (!u->without)
		return;
	if (syscall(SYS_capget, &head, data))
		fail("capget");
	for (int i = 0; i < 2; i++)
		data[i].effective &= ~(uint32_t)(u->without >> (32 * i));
	if (syscall(SYS_capset, &head, data))
		fail("capset");
}

/* --- on a file: /work/f, of OWNER and GROUP --- */

static int opened(const char *path, int flags)
{
	int fd = open(path, flags, 0644);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? -1 : 0;
}

static int do_read(void) { return opened("f", O_RDONLY); }
static int do_write_open(void) { return opened("f", O_WRONLY); }
static int do_read_write(void) { return opened("f", O_RDWR); }
static int do_append(void) { return opened("f", O_WRONLY | O_APPEND); }
static int do_trunc(void) { return opened("f", O_RDONLY | O_TRUNC); }
static int do_creat(void) { return opened("f", O_CREAT | O_WRONLY); }
static int do_noatime(void) { return opened("f", O_RDONLY | O_NOATIME); }
static int do_path(void) { return opened("f", O_PATH); }
static int do_access_r(void) { return access("f", R_OK); }
static int do_access_w(void) { return access("f", W_OK); }
static int do_access_x(void) { return access("f", X_OK); }
static int do_truncate(void) { return truncate("f", 3); }
static int do_chmod(void) { return chmod("f", 0640); }
static int do_chmod_setid(void) { return chmod("f", 06751); }
static int do_chmod_sticky(void) { return chmod("f", 01644); }
static int do_chown_self(void) { return chown("f", geteuid(), -1); }
static int do_chown_same(void) { return chown("f", OWNER, GROUP); }
static int do_chown_none(void) { return chown("f", -1, -1); }
static int do_chgrp_own(void) { return chown("f", -1, getegid()); }
static int do_chgrp_group(void) { return chown("f", -1, GROUP); }
static int do_chgrp_other(void) { return chown("f", -1, 4000); }
static int do_chown_root(void) { return chown("f", 0, 0); }
static int do_touch(void) { return utimes("f", NULL); }
static int do_link(void) { return link("f", "open/link"); }
static int do_xattr(void) { return setxattr("f", "user.x", "1", 1, 0); }
static int do_xattr_get(void) { return getxattr("f", "user.there", NULL, 0) < 0 ? -1 : 0; }
static int do_set_trusted(void) { return setxattr("f", "trusted.x", "1", 1, 0); }
static int do_fchmod_path(void)
{
	int fd = open("f", O_PATH);

	return fchmod(fd, 0600);
}
static int do_past(void)
{
	struct timeval past[2] = { { 5, 0 }, { 6, 0 } };

	return utimes("f", past);
}
static int do_write(void)
{
	int fd = open("f", O_WRONLY);

	return fd < 0 || write(fd, "x", 1) != 1 ? -1 : 0;
}

struct operation {
	const char *name;
	int (*run)(void);
};

#define OP(n) { #n, do_##n }
static const struct operation file_operations[] = {
	OP(read), OP(write_open), OP(read_write), OP(append), OP(trunc), OP(creat), OP(noatime),
	OP(path), OP(access_r), OP(access_w), OP(access_x), OP(truncate), OP(chmod),
	OP(chmod_setid), OP(chmod_sticky), OP(chown_self), OP(chown_same), OP(chown_none),
	OP(chgrp_own), OP(chgrp_group), OP(chgrp_other), OP(chown_root), OP(touch), OP(past),
	OP(link), OP(xattr), OP(xattr_get), OP(set_trusted), OP(fchmod_path), OP(write),
};

static const unsigned file_modes[] = {
	0, 0400, 0200, 0100, 0040, 0020, 0010, 0007, 0664, 01777, 04755, 02745, 06777, 06666,
};

/* --- in a directory: /work/d, with what root made in it --- */

static int do_list(void) { return opened("d", O_RDONLY | O_DIRECTORY); }
static int do_enter(void) { return chdir("d"); }
static int do_stat(void) { struct stat st; return stat("d/file", &st); }
static int do_create(void) { return opened("d/new", O_CREAT | O_EXCL | O_WRONLY); }
static int do_mkdir(void) { return mkdir("d/new", 02777); }
static int do_symlink(void) { return symlink("x", "d/new"); }
static int do_fifo(void) { return mknod("d/new", S_IFIFO | 06666, 0); }
static int do_device(void) { return mknod("d/new", S_IFCHR | 0666, 0x103); }
static int do_whiteout(void) { return mknod("d/new", S_IFCHR | 0666, 0); }
static int do_setid_file(void) { return mknod("d/new", S_IFREG | 06777, 0); }
static int do_unlink(void) { return unlink("d/file"); }
static int do_unlink_root(void) { return unlink("d/roots"); }
static int do_rmdir(void) { return rmdir("d/dir"); }
static int do_rmdir_full(void) { return rmdir("d/full"); }
static int do_rename(void) { return rename("d/file", "d/renamed"); }
static int do_rename_over(void) { return rename("d/file", "d/roots"); }
static int do_rename_out(void) { return rename("d/file", "open/out"); }
static int do_rename_in(void) { return rename("open/mine", "d/new"); }
static int do_rename_dir(void) { return rename("d/dir", "open/out"); }
static int do_link_in(void) { return link("open/mine", "d/new"); }
static int do_open_creat(void) { return opened("d/theirs", O_CREAT | O_WRONLY); }
static int do_open_plain(void) { return opened("d/theirs", O_WRONLY); }
static int do_open_pipe(void) { return opened("d/pipe", O_CREAT | O_RDWR); }
static int do_follow(void) { return opened("d/link", O_RDONLY); }
static int do_link_root(void) { return link("d/roots", "open/out"); }
static int do_link_setid(void) { return link("d/setid", "open/out"); }
static int do_link_unsafe(void) { return link("d/theirs", "open/out"); }
static int do_chmod_dir(void) { return chmod("d", 03777); }
static int do_chgrp_dir(void) { return chown("d", -1, GROUP); }
static int do_xattr_dir(void) { return setxattr("d", "user.x", "1", 1, 0); }
static int do_exchange(void)
{
	return (int)syscall(SYS_renameat2, AT_FDCWD, "d/file", AT_FDCWD, "d/roots", 2);
}

static const struct operation dir_operations[] = {
	OP(list), OP(enter), OP(stat), OP(create), OP(mkdir), OP(symlink), OP(fifo), OP(device),
	OP(whiteout), OP(setid_file), OP(unlink), OP(unlink_root), OP(rmdir), OP(rmdir_full),
	OP(rename), OP(rename_over), OP(rename_out), OP(rename_in), OP(rename_dir), OP(link_in),
	OP(open_creat), OP(open_plain), OP(open_pipe), OP(follow), OP(link_root),
	OP(link_setid), OP(link_unsafe), OP(chmod_dir), OP(chgrp_dir), OP(xattr_dir),
	OP(exchange),
};

static const unsigned dir_modes[] = {
	0111, 0222, 0333, 0555, 0755, 0070, 0007, 02777, 0700, 0775, 01777, 03775,
};

/* --- the scene --- */

static void must(int result, const char *what)
{
	if (result < 0)
		fail(what);
}

static void file(const char *path, unsigned mode, unsigned uid, unsigned gid)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);

	must(fd, path);
	must((int)write(fd, "contents", 8), path);
	close(fd);
	must(chown(path, uid, gid), path);
	must(chmod(path, mode), path);
}

static void fresh(void)
{
	must(chdir("/"), "chdir");
	umount2("/work", MNT_DETACH);
	must(mount("none", "/work", "tmpfs", 0, "mode=755"), "mount");
	must(chdir("/work"), "chdir");
	must(mkdir("open", 0777), "open");
	must(chmod("open", 0777), "open");
}

static void scene_file(unsigned mode)
{
	unlink("f");
	unlink("open/link");
	file("f", 0600, 0, 0);
	must(setxattr("f", "user.there", "1", 1, 0), "setxattr");
	must(chown("f", OWNER, GROUP), "f");
	must(chmod("f", mode), "f");
}

static void scene_dir(unsigned mode, unsigned owner)
{
	fresh();
	umask(0);
	must(mkdir("d", 0755), "d");
	must(mkdir("d/dir", 0755) | mkdir("d/full", 0755) | mkdir("d/full/x", 0755), "d/dir");
	must(chown("d/dir", OWNER, GROUP) | chown("d/full", OWNER, GROUP), "d/dir");
	file("d/file", 0644, OWNER, GROUP);
	file("d/roots", 0644, 0, 0);
	file("d/setid", 04755, 0, 0);
	file("d/theirs", 0666, ENTRIES, ENTRIES);
	file("open/mine", 0666, OWNER, GROUP);
	must(mkfifo("d/pipe", 0666), "pipe");
	must(chown("d/pipe", ENTRIES, ENTRIES), "pipe");
	must(symlink("roots", "d/link"), "link");
	must(lchown("d/link", ENTRIES, ENTRIES), "link");
	must(chown("d", owner, GROUP), "d");
	must(chmod("d", mode), "d");
}

/* Run it as u; "ok" or the error. */
static const char *outcome(const struct user *u, int (*run)(void))
{
	static char text[64];
	int status;
	pid_t pid = fork();

	if (!pid) {
		become(u);
		errno = 0;
		_exit(run() < 0 ? errno : 0);
	}
	must(waitpid(pid, &status, 0), "waitpid");
	if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), "signal %d", WTERMSIG(status));
	else if (!status)
		return "ok";
	else
		snprintf(text, sizeof(text), "%s", strerrorname_np(WEXITSTATUS(status)));
	return text;
}

static const char *looks(const char *path)
{
	static char text[80];
	struct stat st;

	if (lstat(path, &st))
		return strerrorname_np(errno);
	snprintf(text, sizeof(text), "%o %u %u", st.st_mode, st.st_uid, st.st_gid);
	return text;
}

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static void all_files(void)
{
	fresh();
	for (unsigned u = 0; u < COUNT(users); u++)
		for (unsigned m = 0; m < COUNT(file_modes); m++)
			for (unsigned o = 0; o < COUNT(file_operations); o++) {
				const char *what;

				scene_file(file_modes[m]);
				what = outcome(&users[u], file_operations[o].run);
				printf("%s file %04o %s: %s, %s\n", users[u].name, file_modes[m],
				       file_operations[o].name, what, looks("f"));
			}
}

static void all_dirs(unsigned owner)
{
	for (unsigned u = 0; u < COUNT(users); u++)
		/* The owner's own: just those modes that tell owners apart. */
		for (unsigned m = owner ? COUNT(dir_modes) - 4 : 0; m < COUNT(dir_modes); m++)
			for (unsigned o = 0; o < COUNT(dir_operations); o++) {
				const char *what;

				scene_dir(dir_modes[m], owner);
				what = outcome(&users[u], dir_operations[o].run);
				printf("%s dir-of-%u %04o %s: %s, %s", users[u].name, owner,
				       dir_modes[m], dir_operations[o].name, what, looks("d"));
				printf(", %s\n", looks("d/new"));
			}
}

/* --- programs --- */

/* Who a program is that was just executed. */
static int tell(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct c[2] = { 0 };
	unsigned r, e, s, gr, ge, gs;

	getresuid(&r, &e, &s);
	getresgid(&gr, &ge, &gs);
	syscall(SYS_capget, &head, c);
	printf("uid %u %u %u gid %u %u %u secure %lu dumpable %d "
	       "caps %x%08x %x%08x %x%08x ambient %d\n",
	       r, e, s, gr, ge, gs, getauxval(AT_SECURE), prctl(PR_GET_DUMPABLE),
	       c[1].permitted, c[0].permitted, c[1].effective, c[0].effective,
	       c[1].inheritable, c[0].inheritable,
	       prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_NET_RAW, 0, 0));
	fflush(stdout);
	return 0;
}

enum { PLAIN, NO_NEW_PRIVS, NOSUID, KEEP, AMBIENT, NOROOT, WAYS };
static const char *const ways[] = { "plain", "no-new-privs", "nosuid", "inherit", "ambient",
				    "noroot" };

static void prepare(int way)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct c[2];

	if (way == NO_NEW_PRIVS)
		must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
	if (way == NOROOT)
		must(prctl(PR_SET_SECUREBITS, 1, 0, 0, 0), "securebits");
	if (way != KEEP && way != AMBIENT)
		return;
	must(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), "keepcaps");
	must((int)syscall(SYS_capget, &head, c), "capget");
	c[0].inheritable = 1 << CAP_NET_RAW | 1 << CAP_CHOWN;
	must((int)syscall(SYS_capset, &head, c), "capset");
	if (way == AMBIENT)
		must(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0), "ambient");
}

struct caps {
	const char *name;
	uint32_t magic, permitted, inheritable, root;
	size_t size;
};
static const struct caps caps[] = {
	{ "none", 0, 0, 0, 0, 0 },
	{ "eff", 0x02000001, 1 << CAP_NET_RAW | 1 << CAP_SETUID, 0, 0, 20 },
	{ "perm", 0x02000000, 1 << CAP_NET_RAW, 0, 0, 20 },
	{ "inh", 0x02000001, 0, 1 << CAP_CHOWN | 1 << CAP_NET_RAW, 0, 20 },
	{ "root0", 0x03000001, 1 << CAP_KILL, 0, 0, 24 },
	{ "root7", 0x03000001, 1 << CAP_KILL, 0, 7, 24 },
};

/* Where there are capabilities is enough: one plain and one set-user-id program. */
static unsigned caps_tried(unsigned mode)
{
	return mode == 0755 || mode == 04755 ? COUNT(caps) : 1;
}

static void run_program(const struct user *u, int way)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		prepare(way);
		if (way == AMBIENT || way == KEEP) {
			struct user keep = *u;

			keep.without = 0;
			become(&keep);
		} else {
			become(u);
		}
		execl("p", "p", "-tell", NULL);
		printf("%s\n", strerrorname_np(errno));
		fflush(stdout);
		_exit(0);
	}
	must(waitpid(pid, &status, 0), "waitpid");
	if (status)
		printf("status %x\n", status);
}

static void copy_self(const char *to)
{
	static char buffer[1 << 16];
	int from = open(self, O_RDONLY), fd = open(to, O_CREAT | O_WRONLY, 0700);
	ssize_t n;

	must(from, self);
	must(fd, to);
	while ((n = read(from, buffer, sizeof(buffer))) > 0)
		must((int)write(fd, buffer, (size_t)n), to);
	close(from);
	close(fd);
}

static void one_program(const struct user *u, int way, unsigned mode, unsigned owner,
			const struct caps *c)
{
	const uint32_t value[] = { c->magic, c->permitted, c->inheritable, 0, 0, c->root };

	removexattr("p", "security.capability");
	must(chown("p", owner, GROUP), "p");
	if (c->size)
		must(setxattr("p", "security.capability", value, c->size, 0), "caps");
	must(chmod("p", mode), "p");
	printf("%s runs %s %04o of %u caps %s: ", u->name, ways[way], mode, owner, c->name);
	run_program(u, way);
}

static void all_programs(void)
{
	static const unsigned modes[] = { 0010, 0711, 0644, 02755, 06755, 0755, 02745, 04755 };

	for (int way = 0; way < WAYS; way++) {
		fresh();
		copy_self("p");
		if (way == NOSUID)
			must(mount("none", "/work", NULL, MS_REMOUNT | MS_NOSUID, NULL), "nosuid");
		for (unsigned u = 0; u < COUNT(users); u++)
			for (unsigned m = 0; m < COUNT(modes); m++)
				for (unsigned c = 0; c < caps_tried(modes[m]); c++) {
					one_program(&users[u], way, modes[m], OWNER, &caps[c]);
					one_program(&users[u], way, modes[m], 0, &caps[c]);
				}
	}
}

/* --- signals --- */

static pid_t target;
static int do_kill(void) { return kill(target, 0); }
static int do_setpriority(void) { return (int)syscall(SYS_setpriority, 0, target, 0); }

static void all_signals(void)
{
	static const struct operation operations[] = { OP(kill), OP(setpriority) };

	for (unsigned to = 0; to < COUNT(users); to++) {
		int ready[2];
		char byte;

		must(pipe(ready), "pipe");
		fflush(stdout);
		target = fork();
		if (!target) {
			become(&users[to]);
			must((int)write(ready[1], "x", 1), "write");
			pause();
			_exit(0);
		}
		must((int)read(ready[0], &byte, 1), "read");
		close(ready[0]);
		close(ready[1]);
		for (unsigned u = 0; u < COUNT(users); u++)
			for (unsigned o = 0; o < COUNT(operations); o++)
				printf("%s %s %s: %s\n", users[u].name, operations[o].name,
				       users[to].name, outcome(&users[u], operations[o].run));
		kill(target, SIGKILL);
		waitpid(target, NULL, 0);
	}
}

int main(int argc, char **argv)
{
	self = "/proc/self/exe";
	if (argc > 1 && !strcmp(argv[1], "-tell"))
		return tell();
	mkdir("/work", 0755);
	mkdir("/proc", 0555);
	mount("proc", "/proc", "proc", 0, NULL);
	all_signals();
	all_programs();
	all_files();
	all_dirs(0);
	all_dirs(OWNER);
	return 0;
}
