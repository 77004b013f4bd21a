/* User namespaces: what may be mounted in a mount namespace of one's own, and what stays locked. */
#include <linux/mount.h>
#include <sys/stat.h>

#include "users.h"

#define MS_LAZY 2	/* MNT_DETACH */

int mount(const char *, const char *, const char *, unsigned long, const void *);
int umount2(const char *, int);

static char *line_of(const char *where)
{
	static char line[1000], kept[1000];
	char point[200], *found = NULL;
	FILE *f = fopen("/proc/self/mountinfo", "r");

	CHECK(f);
	/* The last of them lies on the others. */
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%*d %*d %*s %*s %199s", point) == 1 && !strcmp(point, where))
			found = strcpy(kept, line);
	fclose(f);
	return found;
}

/* A tmpfs at /tmp, so that nothing is left elsewhere. */
static void tmpfs(void)
{
	struct stat st;
	int fd;

	CHECK_EQ(mount("none", "/tmp", "tmpfs", 0, "size=1m"), 0);
	CHECK_EQ(stat("/tmp", &st), 0);
	CHECK_EQ(st.st_uid, 0);
	CHECK_EQ(st.st_gid, 0);
	fd = open("/tmp/f", O_CREAT | O_RDWR, 0600);
	CHECK(fd >= 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_uid, 0);
	CHECK_ERR(fchown(fd, 1, -1), EINVAL);
	CHECK_ERR(mknod("/tmp/null", S_IFCHR | 0666, 0x103), EPERM);
	CHECK_EQ(mknod("/tmp/fifo", S_IFIFO | 0666, 0), 0);
	close(fd);
	CHECK_EQ(mount(NULL, "/tmp", NULL, MS_REMOUNT, "size=2m"), 0);
	CHECK_EQ(mount(NULL, "/tmp", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID, NULL), 0);
	CHECK_EQ(mount(NULL, "/tmp", NULL, MS_REMOUNT | MS_BIND, NULL), 0);
	CHECK_EQ(mkdir("/tmp/a", 0755), 0);
	CHECK_EQ(mount("/etc", "/tmp/a", NULL, MS_BIND, NULL), 0);
	CHECK_EQ(umount2("/tmp/a", 0), 0);
	CHECK_ERR(mount("none", "/tmp/a", "tmpfs", 0, "uid=7"), EINVAL);
	CHECK_EQ(mount("none", "/tmp/a", "tmpfs", 0, "uid=0"), 0);
	CHECK_EQ(umount2("/tmp/a", 0), 0);
	CHECK_EQ(umount2("/tmp", 0), 0);
}

TEST(a_tmpfs_of_ones_own)
{
	CHECK_EQ(users_as_root(CLONE_NEWNS, tmpfs), 0);
	CHECK_EQ(users_as_root(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWPID, tmpfs), 0);
}

static void others(void)
{
	CHECK_ERR(mount("none", "/tmp", "ext4", 0, NULL), EPERM);
	CHECK_ERR(mount("none", "/tmp", "nothing", 0, NULL), ENODEV);
	/* They show what is of other namespaces. */
	CHECK_ERR(mount("none", "/tmp", "proc", 0, NULL), EPERM);
	CHECK_ERR(mount("none", "/tmp", "sysfs", 0, NULL), EPERM);
	CHECK_ERR(mount("none", "/tmp", "mqueue", 0, NULL), EPERM);
	CHECK_ERR(mount("none", "/tmp", "devtmpfs", 0, NULL), EPERM);
	CHECK_EQ(mount("none", "/tmp", "devpts", 0, NULL), 0);
	/* The super's own state is not his to change. */
	CHECK_ERR(mount(NULL, "/dev", NULL, MS_REMOUNT | MS_NOSUID, NULL), EPERM);
}

TEST(other_file_systems)
{
	CHECK_EQ(users_as_root(CLONE_NEWNS, others), 0);
}

/* --- /proc --- */

static void shows_proc(void)
{
	pid_t pid = fork();

	if (!pid) {
		char text[16] = "";

		CHECK_EQ(getpid(), 1);
		CHECK_EQ(mount("none", "/proc", "proc", 0, NULL), 0);
		CHECK_EQ(readlink("/proc/self", text, sizeof(text) - 1), 1);
		CHECK(!strcmp(text, "1"));
		CHECK_EQ(umount2("/proc", 0), 0);
		_exit(0);
	}
	CHECK_EQ(test_wait(pid), 0);
}

TEST(proc_of_ones_own_numbers)
{
	CHECK_EQ(users_as_root(CLONE_NEWNS | CLONE_NEWPID, shows_proc), 0);
}

static void too_much(void)
{
	pid_t pid = fork();

	if (!pid) {
		CHECK_ERR(mount("none", "/proc", "proc", 0, NULL), EPERM);
		_exit(0);
	}
	CHECK_EQ(test_wait(pid), 0);
}

static void hidden(void *)
{
	CHECK_EQ(unshare(CLONE_NEWNS), 0);
	CHECK_EQ(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	CHECK_EQ(mount("none", "/proc/sys", "tmpfs", 0, NULL), 0);
	CHECK_EQ(users_as_root(CLONE_NEWNS | CLONE_NEWPID, too_much), 0);
}

TEST(not_where_part_of_it_is_hidden)
{
	CHECK_EQ(test_child(hidden, NULL), 0);
}

static void later_too_much(void)
{
	CHECK_EQ(unshare(CLONE_NEWNS | CLONE_NEWPID), 0);
	too_much();
}

static void read_only(void *)
{
	struct users_child c;

	CHECK_EQ(unshare(CLONE_NEWNS), 0);
	CHECK_EQ(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	c = users_start(0, "0 0 1", "0 0 1", later_too_much);
	CHECK_EQ(mount(NULL, "/proc", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), 0);
	CHECK_EQ(users_go(c), 0);
}

TEST(not_where_it_can_only_be_read)
{
	CHECK_EQ(test_child(read_only, NULL), 0);
}

/* --- what is locked --- */

static void locked(void)
{
	/* Neither can what is hidden be uncovered, */
	CHECK_ERR(umount2("/tmp/over", 0), EINVAL);
	CHECK_ERR(umount2("/tmp/over", MS_LAZY), EINVAL);
	CHECK_ERR(umount2("/tmp", 0), EINVAL);
	CHECK_ERR(mount("/tmp/over", "/mnt", NULL, MS_MOVE, NULL), EINVAL);
	CHECK_ERR(mount("/tmp", "/mnt", NULL, MS_BIND, NULL), EINVAL);
	CHECK_EQ(mount("/tmp", "/mnt", NULL, MS_BIND | MS_REC, NULL), 0);
	CHECK_EQ(access("/mnt/over/above", F_OK), 0);
	CHECK_ERR(umount2("/mnt/over", MS_LAZY), EINVAL);
	CHECK_EQ(umount2("/mnt", MS_LAZY), 0);
	CHECK_EQ(mount("/tmp/over", "/mnt", NULL, MS_BIND, NULL), 0);
	/* nor do the flags go, here and in copies. */
	CHECK_ERR(mount(NULL, "/mnt", NULL, MS_REMOUNT | MS_BIND, NULL), EPERM);
	CHECK_ERR(mount(NULL, "/mnt", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID, NULL),
		  EPERM);
	CHECK_ERR(mount(NULL, "/mnt", NULL,
			MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC |
				MS_NOATIME, NULL), EPERM);
	CHECK_EQ(mount(NULL, "/mnt", NULL,
		       MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), 0);
	CHECK_EQ(umount2("/mnt", 0), 0);
	/* What comes on top is one's own. */
	CHECK_EQ(mount("none", "/tmp/over", "tmpfs", 0, NULL), 0);
	CHECK_EQ(umount2("/tmp/over", 0), 0);
}

static void locks(void *)
{
	struct { unsigned long long set, clear, how, fd; } attr = { .clear = MOUNT_ATTR_NOSUID };

	CHECK_EQ(unshare(CLONE_NEWNS), 0);
	CHECK_EQ(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	CHECK_EQ(mount("none", "/tmp", "tmpfs", 0, NULL), 0);
	CHECK_EQ(mkdir("/tmp/over", 0755), 0);
	CHECK_EQ(mount("none", "/tmp/over", "tmpfs", 0, NULL), 0);
	test_write_file("/tmp/over/above", "x");
	CHECK_EQ(mount(NULL, "/tmp/over", NULL,
		       MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL), 0);
	CHECK_EQ(users_as_root(CLONE_NEWNS, locked), 0);
	CHECK_EQ(syscall(SYS_mount_setattr, AT_FDCWD, "/tmp/over", 0, &attr, sizeof(attr)), 0);
	CHECK_EQ(umount2("/tmp/over", 0), 0);
}

TEST(what_came_with_it_is_locked)
{
	CHECK_EQ(test_child(locks, NULL), 0);
}

static void attributes(void)
{
	struct { unsigned long long set, clear, how, fd; } attr = { .clear = MOUNT_ATTR_NOSUID };

	CHECK_ERR(syscall(SYS_mount_setattr, AT_FDCWD, "/dev", 0, &attr, sizeof(attr)), EPERM);
	attr.set = MOUNT_ATTR_RDONLY;
	attr.clear = 0;
	CHECK_EQ(syscall(SYS_mount_setattr, AT_FDCWD, "/dev", 0, &attr, sizeof(attr)), 0);
	attr.set = 0;
	attr.clear = MOUNT_ATTR_RDONLY;
	CHECK_EQ(syscall(SYS_mount_setattr, AT_FDCWD, "/dev", 0, &attr, sizeof(attr)), 0);
}

static void nosuid_dev(void *)
{
	CHECK_EQ(unshare(CLONE_NEWNS), 0);
	CHECK_EQ(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	CHECK_EQ(mount(NULL, "/dev", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID, NULL), 0);
	CHECK_EQ(users_as_root(CLONE_NEWNS, attributes), 0);
}

TEST(attributes_that_stay)
{
	CHECK_EQ(test_child(nosuid_dev, NULL), 0);
}

/* --- who hears of what --- */

static int turns[2][2];

static void take(int which)
{
	char byte;

	CHECK_EQ(read(turns[which][0], &byte, 1), 1);
}

static void give(int which)
{
	CHECK_EQ(write(turns[which][1], "x", 1), 1);
}

static void hears(void)
{
	close(turns[1][1]);
	CHECK(strstr(line_of("/tmp"), " master:"));
	CHECK(!strstr(line_of("/tmp"), " shared:"));
	CHECK_EQ(mount("none", "/tmp/mine", "tmpfs", 0, NULL), 0);
	give(0);
	take(1);
	CHECK(line_of("/tmp/theirs"));
	/* It came alone, and may be taken away; what came below it stays. */
	CHECK_ERR(umount2("/tmp/theirs/below", MS_LAZY), EINVAL);
	CHECK_EQ(umount2("/tmp/theirs", MS_LAZY), 0);
	CHECK_EQ(umount2("/tmp/mine", 0), 0);
}

static void tells(void *)
{
	struct users_child c;

	CHECK_EQ(unshare(CLONE_NEWNS), 0);
	CHECK_EQ(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	CHECK_EQ(mount("none", "/tmp", "tmpfs", 0, NULL), 0);
	CHECK_EQ(mount("none", "/mnt", "tmpfs", 0, NULL), 0);
	CHECK_EQ(mkdir("/mnt/below", 0755), 0);
	CHECK_EQ(mount("none", "/mnt/below", "tmpfs", 0, NULL), 0);
	CHECK(!mkdir("/tmp/mine", 0755) && !mkdir("/tmp/theirs", 0755));
	CHECK_EQ(mount(NULL, "/tmp", NULL, MS_SHARED, NULL), 0);
	CHECK(!pipe(turns[0]) && !pipe(turns[1]));
	c = users_start(CLONE_NEWNS, "0 0 1", "0 0 1", hears);
	close(turns[0][1]);
	CHECK_EQ(write(c.go, "x", 1), 1);
	take(0);
	CHECK(!line_of("/tmp/mine"));
	CHECK_EQ(mount("/mnt", "/tmp/theirs", NULL, MS_BIND | MS_REC, NULL), 0);
	give(1);
	CHECK_EQ(test_wait(c.pid), 0);
	CHECK(line_of("/tmp/theirs"));
}

TEST(it_hears_and_does_not_tell)
{
	CHECK_EQ(test_child(tells, NULL), 0);
}

/* Nor does it get to tell by way of a descriptor from outside. */
static int outside;

static void joins(void)
{
	int own;

	CHECK_EQ(mount("/tmp", "/mnt", NULL, MS_BIND, NULL), 0);
	CHECK_EQ(mount(NULL, "/mnt", NULL, MS_PRIVATE, NULL), 0);
	own = open("/mnt", O_PATH | O_DIRECTORY);
	CHECK(own >= 0);
	CHECK_ERR(syscall(SYS_move_mount, outside, "", own, "",
			  MOVE_MOUNT_SET_GROUP | MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH),
		  EPERM);
	CHECK_EQ(fchdir(outside), 0);
	CHECK_ERR(mount("none", ".", "tmpfs", 0, NULL), EINVAL);
}

static void keeps_out(void *)
{
	CHECK_EQ(unshare(CLONE_NEWNS), 0);
	CHECK_EQ(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	CHECK_EQ(mount("none", "/tmp", "tmpfs", 0, NULL), 0);
	CHECK_EQ(mount(NULL, "/tmp", NULL, MS_SHARED, NULL), 0);
	outside = open("/tmp", O_PATH | O_DIRECTORY);
	CHECK_EQ(users_as_root(CLONE_NEWNS, joins), 0);
}

TEST(not_by_a_descriptor_from_outside)
{
	CHECK_EQ(test_child(keeps_out, NULL), 0);
}

/* --- programs and devices there --- */

static void leaves_one(void)
{
	close(turns[1][1]);
	CHECK_EQ(mount("none", "/tmp", "tmpfs", 0, "mode=777"), 0);
	give(0);
	take(1);
}

/* A file system of a namespace has files of those who have ids there. */
TEST(a_file_system_of_others)
{
	struct users_child c;
	char path[64];
	int fd;

	CHECK(!pipe(turns[0]) && !pipe(turns[1]));
	c = users_start(CLONE_NEWNS, "0 5000 1", "0 5000 1", leaves_one);
	close(turns[0][1]);
	CHECK_EQ(write(c.go, "x", 1), 1);
	take(0);
	snprintf(path, sizeof(path), "/proc/%d/root/tmp/file", c.pid);
	CHECK_ERR(open(path, O_CREAT | O_WRONLY, 0644), EOVERFLOW);
	snprintf(path, sizeof(path), "/proc/%d/root/tmp", c.pid);
	fd = open(path, O_RDONLY | O_DIRECTORY);
	CHECK(fd >= 0);
	CHECK_EQ(fchown(fd, 5000, 5000), 0);
	/* Whoever may make devices, may not here use them. */
	CHECK_ERR(mknodat(fd, "null", S_IFCHR | 0666, 0x103), EOVERFLOW);
	give(1);
	CHECK_EQ(test_wait(c.pid), 0);
}
