/* Capabilities, security bits, ids and what depends on them. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

struct sets {
	uint64_t effective, permitted, inheritable;
};

static struct sets sets(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2];

	CHECK_EQ(syscall(SYS_capget, &head, d), 0);
	return (struct sets) { d[0].effective | (uint64_t)d[1].effective << 32,
			       d[0].permitted | (uint64_t)d[1].permitted << 32,
			       d[0].inheritable | (uint64_t)d[1].inheritable << 32 };
}

static int set(struct sets s)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = {
		{ (uint32_t)s.effective, (uint32_t)s.permitted, (uint32_t)s.inheritable },
		{ (uint32_t)(s.effective >> 32), (uint32_t)(s.permitted >> 32),
		  (uint32_t)(s.inheritable >> 32) },
	};

	return (int)syscall(SYS_capset, &head, d);
}

#define BIT(cap) (1ull << (cap))

TEST(ambient_capabilities)
{
	struct sets s = sets();

	CHECK_ERR(prctl(PR_CAP_AMBIENT, 0, 0, 0, 0), EINVAL);
	CHECK_ERR(prctl(PR_CAP_AMBIENT, 5, CAP_KILL, 0, 0), EINVAL);
	CHECK_ERR(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 64, 0, 0), EINVAL);
	CHECK_ERR(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 1, 0), EINVAL);
	CHECK_ERR(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1, 0, 0), EINVAL);
	CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0), 0);
	CHECK_ERR(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0), EPERM);
	s.inheritable = BIT(CAP_KILL) | BIT(CAP_CHOWN);
	CHECK_EQ(set(s), 0);
	CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0), 0);
	CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0), 0);
	CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0), 1);
	CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_KILL, 0, 0), 0);
	CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0), 0);
	/* It does not outlive being permitted or inheritable. */
	s.inheritable = 0;
	CHECK_EQ(set(s), 0);
	CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0), 0);
}

TEST(security_bits)
{
	CHECK_EQ(prctl(PR_GET_SECUREBITS), 0);
	CHECK_ERR(prctl(PR_SET_SECUREBITS, 1 << 8), EPERM);
	CHECK_EQ(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED), 0);
	CHECK_EQ(prctl(PR_GET_SECUREBITS), SECBIT_NOROOT | SECBIT_NOROOT_LOCKED);
	CHECK_ERR(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT_LOCKED), EPERM);
	CHECK_ERR(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT), EPERM);
	CHECK_ERR(prctl(PR_SET_KEEPCAPS, 2), EINVAL);
	CHECK_EQ(prctl(PR_SET_KEEPCAPS, 1), 0);
	CHECK_EQ(prctl(PR_GET_KEEPCAPS), 1);
	CHECK_EQ(prctl(PR_GET_SECUREBITS),
		 SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_KEEP_CAPS);
	CHECK_EQ(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED |
					  SECBIT_KEEP_CAPS_LOCKED), 0);
	CHECK_ERR(prctl(PR_SET_KEEPCAPS, 1), EPERM);
	CHECK_EQ(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED |
					  SECBIT_KEEP_CAPS_LOCKED |
					  SECBIT_NO_CAP_AMBIENT_RAISE), 0);
}

TEST(capabilities_follow_ids)
{
	struct sets all = sets();

	CHECK(all.effective);
	CHECK_EQ(seteuid(1000), 0);
	CHECK_EQ(sets().effective, 0);
	CHECK_EQ(sets().permitted, all.permitted);
	CHECK_EQ(seteuid(0), 0);
	CHECK_EQ(sets().effective, all.effective);
	CHECK_EQ(prctl(PR_SET_KEEPCAPS, 1), 0);
	CHECK_EQ(setresuid(1000, 1000, 1000), 0);
	CHECK_EQ(sets().permitted, all.permitted);
	CHECK_EQ(sets().effective, 0);
	CHECK_EQ(set(all), 0);
	CHECK_EQ(setresuid(0, 0, 0), 0);
	CHECK_EQ(prctl(PR_SET_KEEPCAPS, 0), 0);
	CHECK_EQ(setresuid(1000, 1000, 1000), 0);
	CHECK_EQ(sets().permitted, 0);
	CHECK_ERR(setresuid(0, 0, 0), EPERM);
}

TEST(file_capabilities_follow_the_file_id)
{
	const uint64_t of_files = BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) |
				  BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_FOWNER) | BIT(CAP_FSETID) |
				  BIT(CAP_LINUX_IMMUTABLE) | BIT(CAP_MKNOD) |
				  BIT(CAP_MAC_OVERRIDE);
	uint64_t all = sets().effective;

	CHECK_EQ(setfsuid(1000), 0);
	CHECK_EQ(sets().effective, all & ~of_files);
	CHECK_EQ(setfsuid(0), 1000);
	CHECK_EQ(sets().effective, all);
	CHECK_EQ(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP), 0);
	CHECK_EQ(setfsuid(1000), 0);
	CHECK_EQ(sets().effective, all);
}

TEST(sets_are_limited)
{
	struct sets s = sets(), less = s;

	less.permitted &= ~BIT(CAP_KILL);
	CHECK_ERR(set(less), EPERM);	/* effective is no longer within permitted */
	less.effective = less.permitted;
	CHECK_EQ(set(less), 0);
	CHECK_ERR(set(s), EPERM);
	CHECK_EQ(prctl(PR_CAPBSET_READ, CAP_KILL), 1);
	CHECK_EQ(prctl(PR_CAPBSET_DROP, CAP_KILL), 0);
	CHECK_EQ(prctl(PR_CAPBSET_READ, CAP_KILL), 0);
	CHECK_ERR(prctl(PR_CAPBSET_READ, 64), EINVAL);
	CHECK_ERR(prctl(PR_CAPBSET_DROP, 64), EINVAL);
	less.inheritable = BIT(CAP_KILL);
	CHECK_ERR(set(less), EPERM);
	less.inheritable = BIT(CAP_CHOWN);
	less.effective &= ~BIT(CAP_SETPCAP);
	CHECK_EQ(set(less), 0);
	CHECK_ERR(prctl(PR_CAPBSET_DROP, CAP_CHOWN), EPERM);
	CHECK_ERR(prctl(PR_SET_SECUREBITS, 0), EPERM);
}

TEST(a_change_of_ids_hides_the_memory)
{
	int signal = -1;

	CHECK_EQ(prctl(PR_SET_PDEATHSIG, 9), 0);
	CHECK_EQ(prctl(PR_GET_DUMPABLE), 1);
	CHECK_EQ(setresuid(1000, 1000, 1000), 0);
	CHECK_EQ(prctl(PR_GET_DUMPABLE), 0);
	CHECK_EQ(prctl(PR_GET_PDEATHSIG, &signal), 0);
	CHECK_EQ(signal, 0);
}

static void links_as(void *unused)
{
	(void)unused;
	CHECK_ERR(link("theirs", "open/link"), EPERM);
	CHECK_EQ(link("shared", "open/shared"), 0);
	CHECK(open("sticky/link", O_RDONLY) < 0 && errno == EACCES);
	CHECK(open("sticky/shared", O_CREAT | O_WRONLY, 0600) >= 0);
}

static void created_as(void *unused)
{
	(void)unused;
	CHECK(open("sticky/shared", O_CREAT | O_WRONLY, 0600) < 0 && errno == EACCES);
	CHECK(open("sticky/shared", O_WRONLY) >= 0);
}

TEST(shared_folders_are_protected)
{
	int fd;

	CHECK_EQ(strcmp(test_read_file("/proc/sys/fs/protected_hardlinks"), "1\n"), 0);
	CHECK_EQ(strcmp(test_read_file("/proc/sys/fs/protected_symlinks"), "1\n"), 0);
	umask(0);
	CHECK_EQ(mkdir("open", 0777), 0);
	CHECK_EQ(mkdir("sticky", 01777), 0);
	test_write_file("theirs", "text");
	test_write_file("shared", "text");
	CHECK_EQ(chmod("shared", 0666), 0);
	test_write_file("sticky/shared", "text");
	CHECK_EQ(chmod("sticky/shared", 0666), 0);
	CHECK_EQ(chown("sticky/shared", 1003, 1003), 0);
	CHECK_EQ(symlink("../theirs", "sticky/link"), 0);
	CHECK_EQ(lchown("sticky/link", 1003, 1003), 0);
	CHECK_EQ(test_child_as(1000, links_as, NULL), 0);
	test_write_file("/proc/sys/fs/protected_regular", "1");
	CHECK_EQ(test_child_as(1000, created_as, NULL), 0);
	test_write_file("/proc/sys/fs/protected_regular", "0");
	fd = open("/proc/sys/fs/protected_regular", O_WRONLY);
	CHECK_ERR(write(fd, "3", 1), EINVAL);
	CHECK_ERR(write(fd, "x", 1), EINVAL);
}

static void one_too_many(void *unused)
{
	struct rlimit none = { 0, 0 };

	(void)unused;
	CHECK_EQ(setrlimit(RLIMIT_NPROC, &none), 0);
	CHECK_EQ(setresuid(1007, 1007, 1007), 0);
	CHECK_ERR(execl("/bin/true", "true", NULL), EAGAIN);
	CHECK_EQ(fork(), -1);
	CHECK_EQ(errno, EAGAIN);
}

TEST(a_user_with_too_many_processes)
{
	CHECK_EQ(test_child(one_too_many, NULL), 0);
}
