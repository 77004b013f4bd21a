/* tests/guest/users.h -- children in user namespaces of their own, with maps. */
#ifndef USERS_H
#define USERS_H

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define ME 1000	/* somebody without privileges */

/* 0 or the errno. */
static inline int users_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err;

	if (fd < 0)
		return errno;
	err = write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : errno;
	close(fd);
	return err;
}

/* The same of a process's file. */
static inline int users_give(pid_t pid, const char *name, const char *text)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return users_write(path, text);
}

/* Whoever has changed his ids may not look into himself, unless he says so. */
static inline void users_open_up(void)
{
	CHECK_EQ(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), 0);
}

/* As unshare -r does: these ids are 0 in a new namespace. */
static inline void users_become_root(unsigned long flags)
{
	unsigned uid = geteuid(), gid = getegid();
	char text[32];

	CHECK_EQ(unshare(CLONE_NEWUSER | (int)flags), 0);
	CHECK_EQ(users_write("/proc/self/setgroups", "deny"), 0);
	snprintf(text, sizeof(text), "0 %u 1", uid);
	CHECK_EQ(users_write("/proc/self/uid_map", text), 0);
	snprintf(text, sizeof(text), "0 %u 1", gid);
	CHECK_EQ(users_write("/proc/self/gid_map", text), 0);
}

struct users_run {
	unsigned long flags;
	void (*run)(void);
};

static inline void users_root(void *argument)
{
	const struct users_run *r = argument;

	users_open_up();
	users_become_root(r->flags);
	r->run();
}

/* The wait status of a child that was `ME` and is root in a namespace of its own. */
static inline int users_as_root(unsigned long flags, void (*run)(void))
{
	struct users_run r = { flags, run };

	return test_child_as(ME, users_root, &r);
}

/* A child of root's in a namespace with these maps (NULL: none); it runs when users_go says so. */
struct users_child {
	pid_t pid;
	int go;
};

static inline struct users_child users_start(unsigned long flags, const char *uids,
					     const char *gids, void (*run)(void))
{
	struct users_child c;
	int ends[2];
	char byte;

	CHECK_EQ(pipe(ends), 0);
	c.pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | flags | SIGCHLD, NULL, NULL, NULL, NULL);
	CHECK(c.pid >= 0);
	if (!c.pid) {
		close(ends[1]);
		CHECK_EQ(read(ends[0], &byte, 1), 1);
		close(ends[0]);
		run();
		_exit(0);
	}
	close(ends[0]);
	c.go = ends[1];
	if (uids)
		CHECK_EQ(users_give(c.pid, "uid_map", uids), 0);
	if (gids)
		CHECK_EQ(users_give(c.pid, "gid_map", gids), 0);
	return c;
}

static inline int users_go(struct users_child c)
{
	CHECK_EQ(write(c.go, "x", 1), 1);
	close(c.go);
	return test_wait(c.pid);
}

/* All of them, effective. */
static inline unsigned long users_caps(void)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2];

	CHECK_EQ(syscall(SYS_capget, &h, d), 0);
	return d[0].effective | (unsigned long)d[1].effective << 32;
}

#define ALL_CAPS ((2ul << CAP_LAST_CAP) - 1)
#define NOBODY 65534

#endif
