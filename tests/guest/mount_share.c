/* Mounts that tell each other of what is mounted and unmounted on them. */
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define MNT_DETACH 2

int mount(const char *, const char *, const char *, unsigned long, const void *);
int umount2(const char *, int);

/* A tmpfs on `at`, with a file `name` in it. */
static void tmpfs(const char *at, const char *name)
{
	char path[200];

	mkdir(at, 0755);
	CHECK_EQ(mount("made", at, "tmpfs", 0, NULL), 0);
	snprintf(path, sizeof(path), "%s/%s", at, name);
	test_write_file(path, "text");
}

static void bind_to(const char *from, const char *at, unsigned long flags)
{
	mkdir(at, 0755);
	CHECK_EQ(mount(from, at, NULL, MS_BIND | flags, NULL), 0);
}

static int share(const char *at, unsigned long how)
{
	return mount(NULL, at, NULL, how, NULL);
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

/* Of the mount that lies on top at `at`, below here: what mountinfo says. */
struct shares {
	int found;	/* how many mounts lie there */
	int group, master, from;
	bool unbindable;
};

static struct shares shares_below(const char *here, const char *at)
{
	struct shares s = {};
	char where[PATH_MAX + 200], line[2000], point[1000];
	FILE *f = fopen("/proc/self/mountinfo", "r");
	int found = 0, end;

	CHECK(f);
	snprintf(where, sizeof(where), "%s/%s", here, at);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*d %*d %*s %*s %999s %*s%n", point, &end) != 1 ||
		    strcmp(point, where))
			continue;
		s = (struct shares){.found = ++found};
		*strstr(line, " - ") = 0;
		for (char *word = strtok(line + end, " "); word; word = strtok(NULL, " ")) {
			if (!strcmp(word, "unbindable"))
				s.unbindable = true;
			else
				CHECK(sscanf(word, "shared:%d", &s.group) == 1 ||
				      sscanf(word, "master:%d", &s.master) == 1 ||
				      sscanf(word, "propagate_from:%d", &s.from) == 1);
		}
	}
	fclose(f);
	return s;
}

static struct shares shares_of(const char *at)
{
	char here[PATH_MAX];

	CHECK(getcwd(here, sizeof(here)));
	return shares_below(here, at);
}

static bool is_private(const char *at)
{
	struct shares s = shares_of(at);

	CHECK(s.found);
	return !s.group && !s.master && !s.from && !s.unbindable;
}

/* a, which is shared, and b, its peer. */
static void peers(void)
{
	tmpfs("a", "in_a");
	CHECK_EQ(mkdir("a/d", 0755), 0);
	CHECK_EQ(mkdir("a/e", 0755), 0);
	CHECK_EQ(share("a", MS_SHARED), 0);
	bind_to("a", "b", 0);
}

static void away(const char *at)
{
	CHECK_EQ(umount2(at, MNT_DETACH), 0);
}

TEST(ways_to_share)
{
	struct shares s;

	tmpfs("a", "f");
	CHECK(is_private("a"));
	CHECK_EQ(share("a", MS_SHARED), 0);
	s = shares_of("a");
	CHECK(s.group > 0 && !s.master && !s.unbindable);
	/* Again is the same; without peers a slave has no master. */
	CHECK_EQ(share("a", MS_SHARED | MS_SILENT), 0);
	CHECK_EQ(shares_of("a").group, s.group);
	CHECK_EQ(share("a", MS_SLAVE), 0);
	CHECK(is_private("a"));
	CHECK_EQ(share("a", MS_UNBINDABLE), 0);
	s = shares_of("a");
	CHECK(s.unbindable && !s.group && !s.master);
	CHECK_EQ(share("a", MS_SLAVE), 0);
	CHECK(shares_of("a").unbindable);
	CHECK_EQ(share("a", MS_SHARED), 0);
	s = shares_of("a");
	CHECK(s.group && !s.unbindable);
	CHECK_EQ(share("a", MS_PRIVATE), 0);
	CHECK(is_private("a"));
	away("a");
}

TEST(ways_not_to_share)
{
	tmpfs("a", "f");
	CHECK_EQ(mkdir("a/d", 0755), 0);
	CHECK_ERR(share("a", MS_SHARED | MS_PRIVATE), EINVAL);
	CHECK_ERR(share("a", MS_SHARED | MS_RDONLY), EINVAL);
	CHECK_ERR(share("a", MS_SLAVE | MS_UNBINDABLE), EINVAL);
	CHECK_ERR(share("a/d", MS_SHARED), EINVAL);
	CHECK_ERR(share("a/d", MS_PRIVATE), EINVAL);
	CHECK_ERR(share("nothing", MS_SHARED), ENOENT);
	CHECK(is_private("a"));
	away("a");
}

TEST(all_below)
{
	tmpfs("a", "f");
	tmpfs("a/x", "f");
	tmpfs("a/x/y", "f");
	CHECK_EQ(share("a", MS_SHARED), 0);
	CHECK(is_private("a/x"));
	CHECK_EQ(share("a", MS_SHARED | MS_REC), 0);
	CHECK(shares_of("a/x").group && shares_of("a/x/y").group);
	CHECK(shares_of("a/x").group != shares_of("a").group);
	CHECK_EQ(share("a/x", MS_UNBINDABLE | MS_REC), 0);
	CHECK(shares_of("a").group && shares_of("a/x").unbindable && shares_of("a/x/y").unbindable);
	away("a");
}

TEST(peers_mount)
{
	struct shares a, b;

	peers();
	CHECK_EQ(shares_of("a").group, shares_of("b").group);
	tmpfs("a/d", "in_d");
	CHECK(exists("b/d/in_d"));
	a = shares_of("a/d");
	b = shares_of("b/d");
	CHECK(a.found == 1 && b.found == 1 && a.group && a.group == b.group && !b.master);
	/* And the other way. */
	tmpfs("b/e", "in_e");
	CHECK(exists("a/e/in_e"));
	CHECK_EQ(umount2("a/e", 0), 0);
	CHECK(!exists("b/e/in_e"));
	CHECK_EQ(umount2("b/d", 0), 0);
	CHECK(!exists("a/d/in_d"));
	/* What is mounted on both tells of itself. */
	tmpfs("a/d", "in_d");
	CHECK_EQ(mkdir("a/d/x", 0755), 0);
	tmpfs("b/d/x", "in_x");
	CHECK(exists("a/d/x/in_x"));
	CHECK_ERR(umount2("a/d", 0), EBUSY);
	away("a/d");
	CHECK(!shares_of("a/d").found && !shares_of("b/d").found && !shares_of("b/d/x").found);
	CHECK_EQ(umount2("a", 0), 0);
	CHECK(exists("b/in_a"));
	away("b");
}

TEST(slaves_hear)
{
	struct shares s;

	peers();
	CHECK_EQ(share("b", MS_SLAVE), 0);
	s = shares_of("b");
	CHECK(!s.group && s.master == shares_of("a").group && !s.from);
	tmpfs("a/d", "in_d");
	CHECK(exists("b/d/in_d"));
	s = shares_of("b/d");
	CHECK(!s.group && s.master == shares_of("a/d").group);
	tmpfs("b/e", "in_e");
	CHECK(!exists("a/e/in_e"));
	CHECK(is_private("b/e"));
	/* A slave's is its own to unmount. */
	CHECK_EQ(umount2("b/d", 0), 0);
	CHECK(exists("a/d/in_d"));
	CHECK_EQ(umount2("a/d", 0), 0);
	/* The master goes, and with it what there was to hear. */
	CHECK_EQ(umount2("a", 0), 0);
	CHECK(is_private("b"));
	away("b");
}

/* a's slave b has a group of its own with c; d is c's slave. */
TEST(slaves_of_slaves)
{
	struct shares b, c;

	peers();
	CHECK_EQ(share("b", MS_SLAVE), 0);
	CHECK_EQ(share("b", MS_SHARED), 0);
	bind_to("b", "c", 0);
	bind_to("c", "s", 0);
	CHECK_EQ(share("s", MS_SLAVE), 0);
	b = shares_of("b");
	c = shares_of("c");
	CHECK(b.group && b.master == shares_of("a").group);
	CHECK(b.group == c.group && b.master == c.master);
	CHECK_EQ(shares_of("s").master, c.group);
	tmpfs("a/d", "in_d");
	CHECK(exists("b/d/in_d") && exists("c/d/in_d") && exists("s/d/in_d"));
	b = shares_of("b/d");
	c = shares_of("c/d");
	CHECK(b.group && b.group == c.group && b.master == shares_of("a/d").group &&
	      c.master == b.master);
	CHECK(shares_of("s/d").master == c.group && !shares_of("s/d").group);
	tmpfs("c/e", "in_e");
	CHECK(exists("b/e/in_e") && exists("s/e/in_e") && !exists("a/e/in_e"));
	CHECK_EQ(umount2("a/d", 0), 0);
	CHECK(!exists("b/d/in_d") && !exists("c/d/in_d") && !exists("s/d/in_d"));
	/* Without the group between, its slave hears from the first. */
	away("b");
	away("c");
	CHECK_EQ(shares_of("s").master, shares_of("a").group);
	away("a");
	away("s");
}

TEST(only_where_it_is_seen)
{
	tmpfs("a", "f");
	CHECK_EQ(mkdir("a/d", 0755), 0);
	CHECK_EQ(mkdir("a/d/sub", 0755), 0);
	CHECK_EQ(mkdir("a/e", 0755), 0);
	CHECK_EQ(share("a", MS_SHARED), 0);
	bind_to("a/d", "b", 0);
	tmpfs("a/e", "in_e");
	CHECK(!exists("b/in_e"));
	tmpfs("a/d/sub", "in_sub");
	CHECK(exists("b/sub/in_sub"));
	CHECK_EQ(umount2("a/e", 0), 0);
	CHECK_EQ(umount2("b/sub", 0), 0);
	CHECK(!exists("a/d/sub/in_sub"));
	away("a");
	away("b");
}

TEST(binds)
{
	peers();
	/* Of a private mount: the copies are peers of the one that was asked for. */
	tmpfs("p", "in_p");
	bind_to("p", "a/d", 0);
	CHECK(exists("b/d/in_p") && is_private("p"));
	CHECK(shares_of("a/d").group && shares_of("a/d").group == shares_of("b/d").group);
	CHECK_EQ(umount2("a/d", 0), 0);
	/* Of a slave: a slave that is shared. */
	bind_to("a", "s", 0);
	CHECK_EQ(share("s", MS_SLAVE), 0);
	bind_to("s", "t", 0);
	CHECK(shares_of("t").master == shares_of("a").group && !shares_of("t").group);
	CHECK_EQ(mkdir("p/d", 0755), 0);
	CHECK_EQ(share("p", MS_SHARED), 0);
	bind_to("s", "p/d", 0);
	CHECK(shares_of("p/d").master == shares_of("a").group && shares_of("p/d").group);
	/* Of what is not to be bound. */
	CHECK_EQ(mkdir("u", 0755), 0);
	CHECK_EQ(share("t", MS_UNBINDABLE), 0);
	CHECK_ERR(mount("t", "u", NULL, MS_BIND, NULL), EINVAL);
	CHECK_ERR(mount("t/d", "u", NULL, MS_BIND, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_open_tree, AT_FDCWD, "t", OPEN_TREE_CLONE), EINVAL);
	away("t");
	away("s");
	away("p");
	away("a");
	away("b");
}

TEST(binds_of_trees)
{
	tmpfs("a", "f");
	tmpfs("a/x", "in_x");
	tmpfs("a/x/y", "in_y");
	tmpfs("a/z", "in_z");
	CHECK_EQ(share("a/x", MS_UNBINDABLE), 0);
	CHECK_EQ(share("a/z", MS_SHARED), 0);
	bind_to("a", "b", MS_REC);
	/* Without what is not to be bound and all below that. */
	CHECK(exists("b/z/in_z") && !exists("b/x/in_x") && !shares_of("b/x/y").found);
	CHECK_EQ(shares_of("b/z").group, shares_of("a/z").group);
	away("b");
	CHECK_EQ(shares_of("a/z").found, 1);
	/* Onto itself: the copy is not copied. */
	CHECK_EQ(share("a", MS_SHARED), 0);
	CHECK_EQ(mkdir("a/in", 0755), 0);
	bind_to("a", "a/in", MS_REC);
	CHECK(exists("a/in/f") && shares_of("a/in").found == 1);
	CHECK_EQ(shares_of("a/in").group, shares_of("a").group);
	CHECK(!shares_of("a/in/in").found);
	away("a");
}

TEST(moves)
{
	peers();
	tmpfs("p", "in_p");
	tmpfs("p/x", "in_x");
	CHECK_EQ(mount("p", "a/d", NULL, MS_MOVE, NULL), 0);
	CHECK(exists("a/d/in_p") && exists("b/d/in_p") && exists("b/d/x/in_x"));
	CHECK(!exists("p/in_p"));
	CHECK(shares_of("a/d/x").group && shares_of("a/d/x").group == shares_of("b/d/x").group);
	/* Not away from where others would miss it. */
	CHECK_ERR(mount("a/d", "p", NULL, MS_MOVE, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_move_mount, AT_FDCWD, "a/d", AT_FDCWD, "p", 0), EINVAL);
	CHECK_ERR(mount("a/d/x", "p", NULL, MS_MOVE, NULL), EINVAL);
	away("a/d");
	CHECK(!shares_of("b/d").found);
	/* Not with what is not to be copied. */
	tmpfs("p", "in_p");
	tmpfs("p/x", "in_x");
	CHECK_EQ(share("p/x", MS_UNBINDABLE), 0);
	CHECK_ERR(mount("p", "a/d", NULL, MS_MOVE, NULL), EINVAL);
	CHECK_EQ(mkdir("q", 0755), 0);
	CHECK_EQ(mount("p", "q", NULL, MS_MOVE, NULL), 0);
	CHECK(shares_of("q/x").unbindable && is_private("q"));
	away("q");
	/* A slave that comes to a shared place hears, and is shared besides. */
	bind_to("a", "s", 0);
	CHECK_EQ(share("s", MS_SLAVE), 0);
	tmpfs("p", "in_p");
	CHECK_EQ(mkdir("p/d", 0755), 0);
	CHECK_EQ(share("p", MS_SHARED), 0);
	CHECK_EQ(mount("s", "p/d", NULL, MS_MOVE, NULL), 0);
	CHECK(shares_of("p/d").master == shares_of("a").group && shares_of("p/d").group);
	away("p");
	away("b");
	away("a");
}

/* What is told comes to lie below what was there. */
TEST(below_what_is_there)
{
	peers();
	CHECK_EQ(share("b", MS_SLAVE), 0);
	tmpfs("b/d", "own");
	tmpfs("a/d", "told");
	CHECK(exists("b/d/own") && !exists("b/d/told"));
	CHECK_EQ(shares_of("b/d").found, 2);
	CHECK_EQ(umount2("b/d", 0), 0);
	CHECK(exists("b/d/told"));
	/* And is taken away from below it. */
	tmpfs("b/d", "own");
	CHECK_EQ(umount2("a/d", 0), 0);
	CHECK(exists("b/d/own"));
	CHECK_EQ(shares_of("b/d").found, 1);
	CHECK_EQ(umount2("b/d", 0), 0);
	CHECK_EQ(shares_of("b/d").found, 0);
	CHECK_EQ(rmdir("a/d"), 0);
	away("b");
	away("a");
}

TEST(others_are_busy)
{
	int fd;

	peers();
	CHECK_EQ(mkdir("a/d/x", 0755), 0);
	tmpfs("a/d", "in_d");
	fd = open("b/d/in_d", O_RDONLY);
	CHECK(fd >= 0);
	CHECK_ERR(umount2("a/d", 0), EBUSY);
	CHECK(exists("a/d/in_d"));
	close(fd);
	CHECK_EQ(umount2("a/d", 0), 0);
	/* One that has mounts of its own stays. */
	CHECK_EQ(share("b", MS_SLAVE), 0);
	tmpfs("a/d", "in_d");
	CHECK_EQ(mkdir("a/d/x", 0755), 0);
	tmpfs("b/d/x", "own");
	CHECK_EQ(umount2("a/d", 0), 0);
	CHECK(!exists("a/d/in_d") && exists("b/d/in_d") && exists("b/d/x/own"));
	CHECK(is_private("b/d"));
	away("b");
	away("a");
}

static int set_share(const char *at, unsigned flags, unsigned long how, unsigned long set)
{
	struct mount_attr a = {.attr_set = set, .propagation = how};

	return (int)syscall(SYS_mount_setattr, AT_FDCWD, at, flags, &a, sizeof(a));
}

TEST(attributes)
{
	tmpfs("a", "f");
	tmpfs("a/x", "f");
	CHECK_ERR(set_share("a", 0, MS_SHARED | MS_SLAVE, 0), EINVAL);
	CHECK_ERR(set_share("a", 0, MS_SHARED | MS_REC, 0), EINVAL);
	CHECK_ERR(set_share("a", 0, 1ul << 40, 0), EINVAL);
	CHECK_EQ(set_share("a", 0, MS_SHARED, MOUNT_ATTR_NODEV), 0);
	CHECK(shares_of("a").group && is_private("a/x"));
	CHECK_EQ(set_share("a", 0x8000 /* AT_RECURSIVE */, MS_SHARED, 0), 0);
	CHECK(shares_of("a/x").group);
	bind_to("a", "b", 0);
	CHECK_EQ(set_share("b", 0, MS_SLAVE, 0), 0);
	CHECK_EQ(shares_of("b").master, shares_of("a").group);
	CHECK_EQ(set_share("b", 0, 0, MOUNT_ATTR_NODEV), 0);
	CHECK_EQ(shares_of("b").master, shares_of("a").group);
	CHECK_EQ(set_share("b", 0, MS_PRIVATE, 0), 0);
	CHECK(is_private("b"));
	CHECK_EQ(set_share("a", 0x8000, MS_UNBINDABLE, 0), 0);
	CHECK(shares_of("a").unbindable && shares_of("a/x").unbindable);
	away("b");
	away("a");
}

/* A tree that is nowhere is told nothing until it is attached. */
TEST(a_tree_by_descriptor)
{
	int fd;

	peers();
	fd = (int)syscall(SYS_open_tree, AT_FDCWD, "a", OPEN_TREE_CLONE);
	CHECK(fd >= 0);
	tmpfs("a/d", "in_d");
	CHECK_EQ(faccessat(fd, "d/in_d", F_OK, 0), -1);
	CHECK_EQ(mkdir("t", 0755), 0);
	CHECK_EQ(syscall(SYS_move_mount, fd, "", AT_FDCWD, "t", MOVE_MOUNT_F_EMPTY_PATH), 0);
	CHECK_EQ(shares_of("t").group, shares_of("a").group);
	CHECK(!exists("t/d/in_d"));
	tmpfs("b/e", "in_e");
	CHECK(exists("t/e/in_e") && exists("a/e/in_e"));
	close(fd);
	away("t");
	away("a");
	away("b");
}

/* The master is not to be seen, the master's master is. */
static void in_root(void *dir)
{
	struct shares s;

	CHECK_EQ(chroot(dir), 0);
	CHECK_EQ(chdir("/"), 0);
	s = shares_below("", "s");
	CHECK(s.found == 1 && s.master && s.from && s.from != s.master);
	CHECK_EQ(s.from, shares_below("", "a").group);
	exit(0);
}

TEST(from_where_it_comes)
{
	tmpfs("r", "f");
	tmpfs("r/a", "f");
	CHECK_EQ(share("r/a", MS_SHARED), 0);
	bind_to("r/a", "b", 0);
	CHECK_EQ(share("b", MS_SLAVE), 0);
	CHECK_EQ(share("b", MS_SHARED), 0);
	bind_to("b", "r/s", 0);
	CHECK_EQ(share("r/s", MS_SLAVE), 0);
	CHECK_EQ(shares_of("r/s").from, 0);
	CHECK_EQ(mkdir("r/proc", 0755), 0);
	bind_to("/proc", "r/proc", 0);
	CHECK_EQ(test_child(in_root, "r"), 0);
	away("r");
	away("b");
}
