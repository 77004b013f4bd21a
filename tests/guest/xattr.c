/* Extended attributes and access control lists. */
#include <fcntl.h>
#include <grp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "test.h"

static void make(const char *path)
{
	int fd = open(path, O_CREAT | O_RDWR, 0644);

	CHECK(fd >= 0);
	close(fd);
}

/* The names of a list, with a space behind each. */
static const char *names(const char *path)
{
	static char text[4096];
	ssize_t n = llistxattr(path, text, sizeof(text) - 1);

	CHECK(n >= 0);
	text[n] = '\0';
	for (ssize_t i = 0; i < n; i++)
		if (!text[i])
			text[i] = ' ';
	return text;
}

TEST(values)
{
	char got[16];

	make("f");
	CHECK_EQ(setxattr("f", "user.a", "abc", 3, 0), 0);
	CHECK_EQ(getxattr("f", "user.a", got, sizeof(got)), 3);
	CHECK_EQ(memcmp(got, "abc", 3), 0);
	CHECK_EQ(getxattr("f", "user.a", NULL, 0), 3);
	CHECK_ERR(getxattr("f", "user.a", got, 2), ERANGE);
	CHECK_ERR(getxattr("f", "user.b", got, 2), ENODATA);
	CHECK_EQ(setxattr("f", "user.a", "longer", 6, 0), 0);
	CHECK_EQ(getxattr("f", "user.a", got, sizeof(got)), 6);
	CHECK_EQ(setxattr("f", "user.a", NULL, 0, 0), 0);
	CHECK_EQ(getxattr("f", "user.a", got, sizeof(got)), 0);
	CHECK_EQ(removexattr("f", "user.a"), 0);
	CHECK_ERR(removexattr("f", "user.a"), ENODATA);
	CHECK_ERR(getxattr("f", "user.a", got, sizeof(got)), ENODATA);
}

TEST(create_and_replace)
{
	make("f");
	CHECK_ERR(setxattr("f", "user.a", "x", 1, XATTR_REPLACE), ENODATA);
	CHECK_EQ(setxattr("f", "user.a", "x", 1, XATTR_CREATE), 0);
	CHECK_ERR(setxattr("f", "user.a", "x", 1, XATTR_CREATE), EEXIST);
	CHECK_EQ(setxattr("f", "user.a", "y", 1, XATTR_REPLACE), 0);
	CHECK_ERR(setxattr("f", "user.a", "y", 1, 4), EINVAL);
	CHECK_ERR(setxattr("f", "user.a", "y", 1, XATTR_CREATE | XATTR_REPLACE), EEXIST);
	CHECK_ERR(setxattr("f", "user.b", "y", 1, XATTR_CREATE | XATTR_REPLACE), ENODATA);
}

TEST(names_and_sizes)
{
	static char big[65537], got[65537], name[300];

	make("f");
	memset(name, 'n', sizeof(name) - 1);
	memcpy(name, "user.", 5);
	CHECK_ERR(setxattr("f", name, "x", 1, 0), ERANGE);
	name[256] = 0;
	CHECK_ERR(setxattr("f", name, "x", 1, 0), ERANGE);
	name[255] = 0;
	CHECK_EQ(setxattr("f", name, "x", 1, 0), 0);
	CHECK_EQ(getxattr("f", name, got, 1), 1);
	CHECK_ERR(setxattr("f", "", "x", 1, 0), ERANGE);
	CHECK_ERR(getxattr("f", "", got, 1), ERANGE);
	CHECK_ERR(removexattr("f", ""), ERANGE);
	CHECK_ERR(setxattr("f", "user.", "x", 1, 0), EINVAL);
	CHECK_ERR(setxattr("f", "trusted.", "x", 1, 0), EINVAL);
	CHECK_ERR(setxattr("f", "user", "x", 1, 0), EOPNOTSUPP);
	CHECK_ERR(setxattr("f", "other.x", "x", 1, 0), EOPNOTSUPP);
	CHECK_ERR(getxattr("f", "system.x", got, 1), EOPNOTSUPP);
	CHECK_ERR(setxattr("f", "user.big", big, 65537, 0), E2BIG);
	CHECK_ERR(setxattr("f", "user.big", (void *)8, 65537, 0), E2BIG);
	CHECK_ERR(setxattr("f", "user.big", (void *)8, 5, 0), EFAULT);
	CHECK_ERR(setxattr("f", (void *)8, big, 5, 0), EFAULT);
	memset(big, 'b', sizeof(big));
	CHECK_EQ(setxattr("f", "user.big", big, 65536, 0), 0);
	CHECK_EQ(getxattr("f", "user.big", got, sizeof(got)), 65536);
	CHECK_EQ(memcmp(big, got, 65536), 0);
	CHECK_ERR(getxattr("f", "user.big", (void *)8, 65536), EFAULT);
}

TEST(lists)
{
	char small[8];

	make("f");
	CHECK_EQ(strcmp(names("f"), ""), 0);
	CHECK_EQ(setxattr("f", "user.b", "1", 1, 0), 0);
	CHECK_EQ(setxattr("f", "user.a", "1", 1, 0), 0);
	CHECK_EQ(setxattr("f", "trusted.t", "1", 1, 0), 0);
	CHECK_EQ(setxattr("f", "security.s", "1", 1, 0), 0);
	CHECK_EQ(strcmp(names("f"), "user.b user.a trusted.t security.s "), 0);
	CHECK_EQ(listxattr("f", NULL, 0), 35);
	CHECK_ERR(listxattr("f", small, sizeof(small)), ERANGE);
	CHECK_ERR(listxattr("f", (void *)8, 100), EFAULT);
	CHECK_ERR(listxattr("nothing", small, 8), ENOENT);
}

TEST(links_and_descriptors)
{
	char got[8];
	int fd, path, ends[2];

	make("f");
	CHECK_EQ(symlink("f", "l"), 0);
	CHECK_EQ(setxattr("l", "user.a", "1", 1, 0), 0);
	CHECK_EQ(getxattr("f", "user.a", got, 8), 1);
	CHECK_ERR(lsetxattr("l", "user.a", "1", 1, 0), EPERM);
	CHECK_ERR(lgetxattr("l", "user.a", got, 8), ENODATA);
	CHECK_EQ(lsetxattr("l", "trusted.a", "1", 1, 0), 0);
	CHECK_EQ(strcmp(names("l"), "trusted.a "), 0);
	CHECK_EQ(lremovexattr("l", "trusted.a"), 0);
	CHECK_ERR(lgetxattr("l", "system.posix_acl_access", got, 8), EOPNOTSUPP);
	fd = open("f", O_RDONLY);
	CHECK_EQ(fsetxattr(fd, "user.fd", "12", 2, 0), 0);
	CHECK_EQ(fgetxattr(fd, "user.fd", got, 8), 2);
	CHECK_EQ(flistxattr(fd, NULL, 0), 15);
	CHECK_EQ(fremovexattr(fd, "user.fd"), 0);
	path = open("f", O_PATH);
	CHECK_ERR(fsetxattr(path, "user.fd", "12", 2, 0), EBADF);
	CHECK_ERR(fgetxattr(path, "user.fd", got, 8), EBADF);
	CHECK_ERR(flistxattr(path, got, 8), EBADF);
	CHECK_ERR(fremovexattr(path, "user.fd"), EBADF);
	CHECK_EQ(pipe(ends), 0);
	CHECK_ERR(fsetxattr(ends[0], "user.x", "1", 1, 0), EPERM);
	CHECK_ERR(fgetxattr(ends[0], "user.x", got, 8), ENODATA);
	CHECK_ERR(fsetxattr(ends[0], "trusted.x", "1", 1, 0), EOPNOTSUPP);
	CHECK_EQ(flistxattr(ends[0], got, 8), 0);
	CHECK_EQ(mkfifo("p", 0666), 0);
	CHECK_ERR(setxattr("p", "user.x", "1", 1, 0), EPERM);
	CHECK_EQ(setxattr("p", "trusted.x", "1", 1, 0), 0);
	CHECK_ERR(setxattr("/proc/self/status", "user.x", "1", 1, 0), EOPNOTSUPP);
	CHECK_ERR(getxattr("/proc/self/status", "user.x", got, 8), EOPNOTSUPP);
}

static void as_a_user(void *unused)
{
	char got[8];

	(void)unused;
	CHECK_EQ(getxattr("f", "user.a", got, 8), 1);
	CHECK_ERR(setxattr("f", "user.a", "2", 1, 0), EACCES);
	CHECK_ERR(removexattr("f", "user.a"), EACCES);
	CHECK_ERR(setxattr("f", "other.a", "2", 1, 0), EACCES);
	CHECK_ERR(getxattr("secret", "user.a", got, 8), EACCES);
	CHECK_ERR(getxattr("f", "trusted.a", got, 8), ENODATA);
	CHECK_ERR(setxattr("f", "trusted.a", "2", 1, 0), EPERM);
	CHECK_EQ(getxattr("f", "security.a", got, 8), 1);
	CHECK_ERR(setxattr("f", "security.a", "2", 1, 0), EPERM);
	CHECK_ERR(removexattr("f", "security.a"), EPERM);
	CHECK_ERR(removexattr("f", "security.capability"), EPERM);
	CHECK_EQ(strcmp(names("f"), "user.a security.a "), 0);
	CHECK_ERR(setxattr("sticky", "user.a", "2", 1, 0), EPERM);
	CHECK_EQ(setxattr("shared", "user.a", "2", 1, 0), 0);
	CHECK_ERR(removexattr("f", "system.posix_acl_access"), EPERM);
}

TEST(who_may)
{
	make("f");
	make("secret");
	CHECK_EQ(chmod("secret", 0600), 0);
	CHECK_EQ(mkdir("sticky", 0777), 0);
	CHECK_EQ(chmod("sticky", 01777), 0);
	CHECK_EQ(mkdir("shared", 0777), 0);
	CHECK_EQ(chmod("shared", 0777), 0);
	CHECK_EQ(setxattr("f", "user.a", "1", 1, 0), 0);
	CHECK_EQ(setxattr("secret", "user.a", "1", 1, 0), 0);
	CHECK_EQ(setxattr("f", "trusted.a", "1", 1, 0), 0);
	CHECK_EQ(setxattr("f", "security.a", "1", 1, 0), 0);
	CHECK_EQ(test_child_as(1000, as_a_user, NULL), 0);
}

TEST(file_capabilities_have_a_form)
{
	struct { uint32_t magic, data[5]; } cap = { .magic = 0x02000001, .data = { 1 << 10 } };
	char got[64];

	make("f");
	CHECK_ERR(setxattr("f", "security.capability", "abc", 3, 0), EINVAL);
	CHECK_ERR(setxattr("f", "security.capability", &cap, 24, 0), EINVAL);
	CHECK_EQ(setxattr("f", "security.capability", &cap, 20, 0), 0);
	CHECK_EQ(getxattr("f", "security.capability", got, sizeof(got)), 20);
	CHECK_EQ(memcmp(got, &cap, 20), 0);
	cap.magic = 0x03000000;
	cap.data[4] = 1000;
	CHECK_EQ(setxattr("f", "security.capability", &cap, 24, 0), 0);
	CHECK_EQ(getxattr("f", "security.capability", got, sizeof(got)), 24);
	cap.data[4] = 0;
	CHECK_EQ(setxattr("f", "security.capability", &cap, 24, 0), 0);
	CHECK_EQ(getxattr("f", "security.capability", got, sizeof(got)), 20);
}

/* What a file may beyond its user's rights goes when somebody writes to it. */
TEST(a_write_drops_capabilities)
{
	struct { uint32_t magic, data[5]; } cap = { .magic = 0x02000001, .data = { 1 << 10 } };
	int fd;

	for (int way = 0; way < 3; way++) {
		make("f");
		CHECK_EQ(setxattr("f", "security.capability", &cap, 20, 0), 0);
		fd = open("f", O_WRONLY);
		if (way == 0)
			CHECK_EQ(write(fd, "x", 1), 1);
		else if (way == 1)
			CHECK_EQ(chown("f", 5, 5), 0);
		else
			CHECK_EQ(truncate("f", 0), 0);
		CHECK_ERR(getxattr("f", "security.capability", NULL, 0), ENODATA);
		close(fd);
	}
}

TEST(the_change_time_moves)
{
	struct stat before, after;

	make("f");
	CHECK_EQ(stat("f", &before), 0);
	test_sleep_ms(20);
	CHECK_EQ(setxattr("f", "user.a", "1", 1, 0), 0);
	CHECK_EQ(stat("f", &after), 0);
	CHECK(memcmp(&before.st_ctim, &after.st_ctim, sizeof(after.st_ctim)));
	CHECK_EQ(memcmp(&before.st_mtim, &after.st_mtim, sizeof(after.st_mtim)), 0);
}

/* On the overlay that is the root: what the upper layer keeps for itself does not show. */
TEST(attributes_of_an_overlay)
{
	char path[] = "/opt/xattr-XXXXXX";

	CHECK(mkdtemp(path));
	CHECK_EQ(chdir(path), 0);
	make("f");
	CHECK_EQ(setxattr("f", "user.a", "1", 1, 0), 0);
	CHECK_EQ(setxattr("f", "trusted.overlay.mine", "1", 1, 0), 0);
	CHECK_EQ(getxattr("f", "trusted.overlay.mine", NULL, 0), 1);
	CHECK_ERR(getxattr("f", "trusted.overlay.origin", NULL, 0), ENODATA);
	CHECK_EQ(strcmp(names("f"), "user.a trusted.overlay.mine "), 0);
	CHECK_EQ(setxattr("/usr/bin/env", "user.copied.up", "1", 1, 0), 0);
	CHECK_EQ(getxattr("/usr/bin/env", "user.copied.up", NULL, 0), 1);
	CHECK_EQ(removexattr("/usr/bin/env", "user.copied.up"), 0);
	CHECK_EQ(unlink("f"), 0);
	CHECK_EQ(rmdir(path), 0);
}

/* --- access control lists --- */

#define ACCESS	"system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"

enum { OWNER = 1, USER = 2, GROUP = 4, OF_GROUP = 8, MASK = 16, OTHER = 32 };

struct list {
	uint32_t version;
	struct { uint16_t tag, perm; uint32_t id; } entry[8];
};

static int set_list(const char *path, const char *which, const struct list *l, int count)
{
	return setxattr(path, which, l, 4 + 8 * (size_t)count, 0);
}

/* "tag:perm:id ..." */
static const char *list_of(const char *path, const char *which)
{
	static char text[200];
	struct list l;
	ssize_t n = getxattr(path, which, &l, sizeof(l));
	int at = 0;

	if (n < 0)
		return "none";
	CHECK_EQ(l.version, 2);
	for (int i = 0; i < (n - 4) / 8; i++)
		at += sprintf(text + at, "%d:%d:%d ", l.entry[i].tag, l.entry[i].perm,
			      (int)l.entry[i].id);
	return text;
}

static unsigned mode_of(const char *path)
{
	struct stat st;

	CHECK_EQ(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static const struct list usual = { 2, {
	{ OWNER, 6, ~0u }, { USER, 4, 1001 }, { USER, 6, 1002 }, { GROUP, 4, ~0u },
	{ OF_GROUP, 6, 2000 }, { MASK, 6, ~0u }, { OTHER, 0, ~0u } } };

TEST(lists_are_checked)
{
	struct list l = usual;

	make("f");
	CHECK_ERR(getxattr("f", ACCESS, NULL, 0), ENODATA);
	CHECK_EQ(removexattr("f", ACCESS), 0);
	CHECK_ERR(setxattr("f", ACCESS, &l, 3, 0), EINVAL);
	CHECK_ERR(setxattr("f", ACCESS, &l, 13, 0), EINVAL);
	CHECK_EQ(setxattr("f", ACCESS, &l, 4, 0), 0);
	CHECK_ERR(set_list("f", ACCESS, &l, 6), EINVAL);
	l.version = 3;
	CHECK_ERR(set_list("f", ACCESS, &l, 7), EOPNOTSUPP);
	l = usual;
	l.entry[1].perm = 8;
	CHECK_ERR(set_list("f", ACCESS, &l, 7), EINVAL);
	l = usual;
	l.entry[1].tag = 3;
	CHECK_ERR(set_list("f", ACCESS, &l, 7), EINVAL);
	l = usual;
	l.entry[1].id = ~0u;
	CHECK_ERR(set_list("f", ACCESS, &l, 7), EINVAL);
	l = usual;
	l.entry[5] = l.entry[6];
	CHECK_ERR(set_list("f", ACCESS, &l, 6), EINVAL);
	CHECK_ERR(set_list("f", DEFAULT, &usual, 7), EACCES);
	CHECK_EQ(removexattr("f", DEFAULT), 0);
	CHECK_EQ(symlink("f", "l"), 0);
	CHECK_ERR(lsetxattr("l", ACCESS, &usual, 4 + 7 * 8, 0), EOPNOTSUPP);
}

TEST(list_and_mode)
{
	struct list small = { 2, { { OWNER, 7, ~0u }, { GROUP, 5, ~0u }, { OTHER, 1, ~0u } } };

	make("f");
	CHECK_EQ(set_list("f", ACCESS, &usual, 7), 0);
	CHECK_EQ(mode_of("f"), 0660);
	CHECK_EQ(strcmp(list_of("f", ACCESS),
			"1:6:-1 2:4:1001 2:6:1002 4:4:-1 8:6:2000 16:6:-1 32:0:-1 "), 0);
	CHECK_EQ(strcmp(names("f"), ACCESS " "), 0);
	CHECK_EQ(chmod("f", 0741), 0);
	CHECK_EQ(strcmp(list_of("f", ACCESS),
			"1:7:-1 2:4:1001 2:6:1002 4:4:-1 8:6:2000 16:4:-1 32:1:-1 "), 0);
	CHECK_EQ(set_list("f", ACCESS, &small, 3), 0);
	CHECK_EQ(mode_of("f"), 0751);
	CHECK_EQ(strcmp(list_of("f", ACCESS), "none"), 0);
	CHECK_EQ(set_list("f", ACCESS, &usual, 7), 0);
	CHECK_EQ(removexattr("f", ACCESS), 0);
	CHECK_EQ(mode_of("f"), 0660);
}

struct who {
	unsigned uid, gid, group;
	int may;	/* as access(2) */
};

static void open_as(void *argument)
{
	const struct who *w = argument;
	static const int flags[] = { [4] = O_RDONLY, [2] = O_WRONLY, [6] = O_RDWR };

	CHECK_EQ(setgroups(w->group != 0, &w->group), 0);
	CHECK_EQ(setgid(w->gid), 0);
	CHECK_EQ(setuid(w->uid), 0);
	for (int want = 2; want <= 6; want += 2) {
		int fd = open("f", flags[want]);

		if ((w->may & want) == want)
			CHECK(fd >= 0);
		else
			CHECK(fd < 0 && errno == EACCES);
	}
}

TEST(lists_decide)
{
	static const struct who people[] = {
		{ 500, 500, 0, 6 },	/* the owner */
		{ 1001, 500, 0, 4 },	/* named users */
		{ 1002, 1002, 0, 6 },
		{ 1001, 2000, 2000, 4 },	/* ... before their groups */
		{ 1003, 500, 0, 4 },	/* the file's group */
		{ 1003, 2000, 0, 6 },	/* a named group */
		{ 1003, 1003, 2000, 6 },
		{ 1003, 500, 2000, 6 },	/* any of them */
		{ 1003, 1003, 0, 0 },	/* others */
	};
	static const struct who masked[] = {
		{ 500, 500, 0, 6 }, { 1002, 1002, 0, 4 }, { 1003, 2000, 0, 4 },
		{ 1003, 1003, 0, 0 },
	};

	make("f");
	CHECK_EQ(chown("f", 500, 500), 0);
	CHECK_EQ(set_list("f", ACCESS, &usual, 7), 0);
	for (unsigned i = 0; i < sizeof(people) / sizeof(*people); i++)
		CHECK_EQ(test_child(open_as, (void *)&people[i]), 0);
	CHECK_EQ(chmod("f", 0640), 0);
	for (unsigned i = 0; i < sizeof(masked) / sizeof(*masked); i++)
		CHECK_EQ(test_child(open_as, (void *)&masked[i]), 0);
}

static void walk_as(void *argument)
{
	CHECK_EQ(setgid(*(unsigned *)argument), 0);
	CHECK_EQ(setuid(*(unsigned *)argument), 0);
	_exit(access("d/f", F_OK) ? errno : 0);
}

TEST(lists_on_the_way)
{
	struct list l = { 2, { { OWNER, 7, ~0u }, { USER, 1, 1001 }, { USER, 0, 1002 },
			       { GROUP, 5, ~0u }, { MASK, 7, ~0u }, { OTHER, 1, ~0u } } };
	unsigned uids[] = { 1001, 1002, 1003 };

	CHECK_EQ(mkdir("d", 0755), 0);
	make("d/f");
	CHECK_EQ(set_list("d", ACCESS, &l, 6), 0);
	CHECK_EQ(test_child(walk_as, &uids[0]), 0);
	CHECK_EQ(WEXITSTATUS(test_child(walk_as, &uids[1])), EACCES);
	CHECK_EQ(test_child(walk_as, &uids[2]), 0);
}

TEST(lists_are_inherited)
{
	struct list l = { 2, { { OWNER, 7, ~0u }, { USER, 6, 1001 }, { GROUP, 5, ~0u },
			       { MASK, 7, ~0u }, { OTHER, 4, ~0u } } };
	struct list plain = { 2, { { OWNER, 7, ~0u }, { GROUP, 7, ~0u }, { OTHER, 5, ~0u } } };

	umask(077);
	CHECK_EQ(mkdir("d", 0755), 0);
	CHECK_EQ(set_list("d", DEFAULT, &l, 5), 0);
	CHECK_EQ(mode_of("d"), 0700);
	CHECK_EQ(strcmp(names("d"), DEFAULT " "), 0);
	close(open("d/f", O_CREAT | O_WRONLY, 0664));
	CHECK_EQ(mode_of("d/f"), 0664);
	CHECK_EQ(strcmp(list_of("d/f", ACCESS), "1:6:-1 2:6:1001 4:5:-1 16:6:-1 32:4:-1 "), 0);
	CHECK_EQ(mkdir("d/sub", 0770), 0);
	CHECK_EQ(mode_of("d/sub"), 0770);
	CHECK_EQ(strcmp(list_of("d/sub", ACCESS), "1:7:-1 2:6:1001 4:5:-1 16:7:-1 32:0:-1 "), 0);
	CHECK_EQ(strcmp(list_of("d/sub", DEFAULT), "1:7:-1 2:6:1001 4:5:-1 16:7:-1 32:4:-1 "), 0);
	CHECK_EQ(symlink("x", "d/link"), 0);
	CHECK_EQ(set_list("d", DEFAULT, &plain, 3), 0);
	close(open("d/g", O_CREAT | O_WRONLY, 0666));
	CHECK_EQ(mode_of("d/g"), 0664);
	CHECK_EQ(strcmp(list_of("d/g", ACCESS), "none"), 0);
	CHECK_EQ(removexattr("d", DEFAULT), 0);
	close(open("d/h", O_CREAT | O_WRONLY, 0666));
	CHECK_EQ(mode_of("d/h"), 0600);
}

static void set_as(void *argument)
{
	(void)argument;
	CHECK_EQ(set_list("mine", ACCESS, &usual, 7), 0);
	CHECK_ERR(set_list("theirs", ACCESS, &usual, 7), EPERM);
	CHECK_ERR(set_list("theirs", DEFAULT, &usual, 7), EACCES);
	/* Set-group-id stays only for a group of one's own. */
	CHECK_EQ(mode_of("mine"), 0660);
}

TEST(whose_lists)
{
	make("mine");
	make("theirs");
	CHECK_EQ(chown("mine", 1000, 7), 0);
	CHECK_EQ(chmod("mine", 02775), 0);
	CHECK_EQ(test_child_as(1000, set_as, NULL), 0);
}
