/* Mounts by number: statmount, listmount, and the number that statx gives. */
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <linux/stat.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "test.h"

#define MS_SECURE 14u		/* nosuid, nodev, noexec */
#define UMOUNT_DETACH 2
#define NONE_SUCH (1ul << 60)

int mkdir(const char *, unsigned);
int mount(const char *, const char *, const char *, unsigned long, const void *);
int umount2(const char *, int);

static union {
	struct statmount s;
	char bytes[8192];
} answer;

static int stat_mount(unsigned long id, unsigned long mask, void *to, size_t room, unsigned flags)
{
	struct mnt_id_req r = { .size = MNT_ID_REQ_SIZE_VER0, .mnt_id = id, .param = mask };

	return (int)syscall(SYS_statmount, &r, to, room, flags);
}

static long list(unsigned long id, unsigned long last, void *to, size_t n, unsigned flags)
{
	struct mnt_id_req r = { .size = MNT_ID_REQ_SIZE_VER0, .mnt_id = id, .param = last };

	return syscall(SYS_listmount, &r, to, n, flags);
}

static unsigned long number(const char *path, unsigned which)
{
	struct statx x;

	CHECK_EQ(syscall(SYS_statx, AT_FDCWD, path, 0, which, &x), 0);
	CHECK_EQ(x.stx_mask & (STATX_MNT_ID | STATX_MNT_ID_UNIQUE), which);
	return x.stx_mnt_id;
}

static unsigned long made(void)
{
	mkdir("m", 0755);
	CHECK_EQ(mount("made it", "m", "tmpfs", MS_SECURE, "size=1m"), 0);
	return number("m", STATX_MNT_ID_UNIQUE);
}

TEST(two_numbers)
{
	unsigned long id = made();

	CHECK(id > 1ul << 31);
	CHECK(number("m", STATX_MNT_ID) < 1ul << 31);
	CHECK_EQ(umount2("m", 0), 0);
	/* The unique one is of no other ever. */
	CHECK(made() > id);
	CHECK_EQ(umount2("m", 0), 0);
	CHECK_ERR(stat_mount(id, 0, &answer, sizeof(answer), 0), ENOENT);
}

TEST(all_of_a_mount)
{
	unsigned long id = made(), root = number("/", STATX_MNT_ID_UNIQUE);
	char where[PATH_MAX];
	struct statx x;

	CHECK_EQ(stat_mount(id, ~0ul >> 1, &answer, sizeof(answer), 0), 0);
	CHECK_EQ(answer.s.mask & 0xff, 0xff);
	CHECK_EQ(answer.s.mnt_id, id);
	CHECK_EQ(answer.s.mnt_id_old, number("m", STATX_MNT_ID));
	CHECK_EQ(answer.s.mnt_parent_id, number(".", STATX_MNT_ID_UNIQUE));
	CHECK_EQ(answer.s.mnt_parent_id_old, number(".", STATX_MNT_ID));
	CHECK_EQ(answer.s.mnt_attr, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	CHECK_EQ(answer.s.mnt_propagation, 1 << 18 /* private */);
	CHECK_EQ(answer.s.sb_magic, 0x01021994);
	CHECK_EQ(answer.s.sb_flags, 0);
	CHECK_EQ(syscall(SYS_statx, AT_FDCWD, "m", 0, 0, &x), 0);
	CHECK_EQ(answer.s.sb_dev_major, x.stx_dev_major);
	CHECK_EQ(answer.s.sb_dev_minor, x.stx_dev_minor);
	CHECK(answer.s.mnt_ns_id);
	CHECK(!strcmp(answer.s.str + answer.s.fs_type, "tmpfs"));
	CHECK(!strcmp(answer.s.str + answer.s.mnt_root, "/"));
	CHECK(getcwd(where, sizeof(where) - 2));
	strcat(where, "/m");
	CHECK(!strcmp(answer.s.str + answer.s.mnt_point, where));
	CHECK(!strcmp(answer.s.str + answer.s.mnt_opts, "size=1024k,inode64"));
	CHECK_EQ(umount2("m", 0), 0);
	CHECK_EQ(stat_mount(root, STATMOUNT_MNT_POINT, &answer, sizeof(answer), 0), 0);
	CHECK(!strcmp(answer.s.str + answer.s.mnt_point, "/"));
}

TEST(a_part_is_mounted)
{
	made();
	CHECK_EQ(mkdir("m/sub", 0755), 0);
	mkdir("to", 0755);
	CHECK_EQ(mount("m/sub", "to", NULL, 4096 /* bind */, NULL), 0);
	CHECK_EQ(stat_mount(number("to", STATX_MNT_ID_UNIQUE), STATMOUNT_MNT_ROOT, &answer,
			    sizeof(answer), 0), 0);
	CHECK_EQ(answer.s.mask, STATMOUNT_MNT_ROOT);
	CHECK(!strcmp(answer.s.str + answer.s.mnt_root, "/sub"));
	CHECK_EQ(umount2("to", 0), 0);
	CHECK_EQ(umount2("m", 0), 0);
}

TEST(little_room)
{
	unsigned long id = made();
	const size_t fixed = sizeof(struct statmount);

	CHECK_EQ(stat_mount(id, STATMOUNT_MNT_BASIC, &answer, 24, 0), 0);
	CHECK_EQ(answer.s.size, 24);
	CHECK_EQ(stat_mount(id, STATMOUNT_MNT_BASIC, &answer, 0, 0), 0);
	CHECK_ERR(stat_mount(id, STATMOUNT_FS_TYPE, &answer, 100, 0), EOVERFLOW);
	CHECK_ERR(stat_mount(id, STATMOUNT_FS_TYPE, &answer, fixed, 0), EOVERFLOW);
	CHECK_ERR(stat_mount(id, STATMOUNT_FS_TYPE, &answer, fixed + 6, 0), EOVERFLOW);
	CHECK_EQ(stat_mount(id, STATMOUNT_FS_TYPE, &answer, fixed + 20, 0), 0);
	CHECK(answer.s.size > fixed + 5);
	CHECK_EQ(umount2("m", 0), 0);
}

TEST(wrong_questions)
{
	struct { struct mnt_id_req r; unsigned long more[4]; } big = {
		.r = { .size = 64, .param = STATMOUNT_MNT_NS_ID } };
	struct mnt_id_req r = { .size = 23 };
	unsigned long id = made();

	big.r.mnt_id = r.mnt_id = id;
	CHECK_ERR(stat_mount(id, 1, &answer, sizeof(answer), 1), EINVAL);
	CHECK_ERR(stat_mount(NONE_SUCH, 1, &answer, sizeof(answer), 0), ENOENT);
	CHECK_ERR(stat_mount(5, 1, &answer, sizeof(answer), 0), EINVAL);
	CHECK_ERR(stat_mount(LSMT_ROOT, 1, &answer, sizeof(answer), 0), ENOENT);
	CHECK_ERR(stat_mount(id, 1, (void *)8, sizeof(answer), 0), EFAULT);
	CHECK_EQ(stat_mount(id, 1ul << 60, &answer, sizeof(answer), 0), 0);
	CHECK_EQ(answer.s.mask, 0);
	CHECK_ERR(syscall(SYS_statmount, 8, &answer, sizeof(answer), 0), EFAULT);
	CHECK_ERR(syscall(SYS_statmount, &r, &answer, sizeof(answer), 0), EINVAL);
	r.size = 4097;
	CHECK_ERR(syscall(SYS_statmount, &r, &answer, sizeof(answer), 0), E2BIG);
	CHECK_EQ(syscall(SYS_statmount, &big, &answer, sizeof(answer), 0), 0);
	big.r.mnt_ns_id = answer.s.mnt_ns_id;
	CHECK_EQ(syscall(SYS_statmount, &big, &answer, sizeof(answer), 0), 0);
	big.r.mnt_ns_id += 12345;
	CHECK_ERR(syscall(SYS_statmount, &big, &answer, sizeof(answer), 0), ENOENT);
	big.more[0] = 1;
	CHECK_ERR(syscall(SYS_statmount, &big, &answer, sizeof(answer), 0), E2BIG);
	CHECK_EQ(umount2("m", 0), 0);
}

TEST(lists)
{
	unsigned long all[200], some[200], id;
	long n;

	id = made();
	CHECK_EQ(mkdir("m/sub", 0755), 0);
	CHECK_EQ(mount("x", "m/sub", "tmpfs", 0, NULL), 0);
	n = list(LSMT_ROOT, 0, all, 200, 0);
	CHECK(n > 3 && n < 200);
	for (long i = 1; i < n; i++)
		CHECK(all[i] > all[i - 1]);
	CHECK_EQ(list(LSMT_ROOT, 0, some, 200, LISTMOUNT_REVERSE), n);
	CHECK_EQ(some[0], all[n - 1]);
	CHECK_EQ(some[n - 1], all[0]);
	CHECK_EQ(list(LSMT_ROOT, all[1], some, 1, 0), 1);
	CHECK_EQ(some[0], all[2]);
	CHECK_EQ(list(LSMT_ROOT, all[2], some, 1, LISTMOUNT_REVERSE), 1);
	CHECK_EQ(some[0], all[1]);
	/* Below one, itself left out. */
	CHECK_EQ(list(id, 0, some, 200, 0), 1);
	CHECK_EQ(some[0], number("m/sub", STATX_MNT_ID_UNIQUE));
	CHECK_EQ(list(id, 0, some, 0, 0), 0);
	CHECK_EQ(list(LSMT_ROOT, ~0ul, some, 200, 0), 0);
	CHECK_ERR(list(id, 0, some, 200, 2), EINVAL);
	CHECK_ERR(list(NONE_SUCH, 0, some, 200, 0), ENOENT);
	CHECK_ERR(list(5, 0, some, 200, 0), EINVAL);
	CHECK_ERR(list(id, 0, (void *)8, 200, 0), EFAULT);
	CHECK_ERR(list(id, 0, some, 1000001, 0), EOVERFLOW);
	CHECK_EQ(umount2("m", UMOUNT_DETACH), 0);
}

static void unprivileged(void *id)
{
	unsigned long ids[200];

	CHECK_EQ(stat_mount(*(unsigned long *)id, 1, &answer, sizeof(answer), 0), 0);
	CHECK(list(LSMT_ROOT, 0, ids, 200, 0) > 2);
}

static void elsewhere(void *argument)
{
	unsigned long id = *(unsigned long *)argument, ids[10];

	/* Root may know of what he cannot reach; where it lies nobody can say. */
	CHECK_EQ(chroot("m"), 0);
	CHECK_EQ(chdir("/"), 0);
	CHECK_EQ(list(LSMT_ROOT, 0, ids, 10, 0), 1);
	CHECK_EQ(ids[0], number("/", STATX_MNT_ID_UNIQUE));
	CHECK_EQ(stat_mount(id, STATMOUNT_MNT_BASIC, &answer, sizeof(answer), 0), 0);
	CHECK_EQ(setuid(1000), 0);
	CHECK_ERR(stat_mount(id, STATMOUNT_MNT_BASIC, &answer, sizeof(answer), 0), EPERM);
	CHECK_ERR(list(id, 0, ids, 10, 0), EPERM);
}

TEST(who_may_know)
{
	unsigned long id = made(), root = number("/", STATX_MNT_ID_UNIQUE);

	CHECK_EQ(test_child_as(1000, unprivileged, &id), 0);
	CHECK_EQ(test_child(elsewhere, &root), 0);
	CHECK_EQ(umount2("m", 0), 0);
}
