/* tests/guest/unix.h -- what the tests of UNIX sockets have in common. */
#ifndef UNIX_H
#define UNIX_H

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "test.h"

#define BAD_POINTER ((void *)1)

[[maybe_unused]] static struct sockaddr_un un(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	strcpy(a.sun_path, path);
	return a;
}
#define SUN(path) ((const struct sockaddr *)&(struct sockaddr_un[]){ un(path) })
#define SUN_LEN_OF(path) ((socklen_t)(2 + strlen(path) + 1))

/* An abstract name: a NUL and the text. */
[[maybe_unused]] static socklen_t abstract(struct sockaddr_un *a, const char *text)
{
	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	memcpy(a->sun_path + 1, text, strlen(text));
	return (socklen_t)(3 + strlen(text));
}

[[maybe_unused]] static void pair(int type, int fds[2])
{
	CHECK_EQ(socketpair(AF_UNIX, type, 0, fds), 0);
}

[[maybe_unused]] static int bound(int type, const char *path)
{
	int fd = socket(AF_UNIX, type, 0);

	unlink(path);
	CHECK(fd >= 0);
	CHECK_EQ(bind(fd, SUN(path), SUN_LEN_OF(path)), 0);
	return fd;
}

[[maybe_unused]] static int listening(const char *path, int backlog)
{
	int fd = bound(SOCK_STREAM, path);

	CHECK_EQ(listen(fd, backlog), 0);
	return fd;
}

[[maybe_unused]] static int connected(int type, const char *path)
{
	int fd = socket(AF_UNIX, type, 0);

	CHECK(fd >= 0);
	CHECK_EQ(connect(fd, SUN(path), SUN_LEN_OF(path)), 0);
	return fd;
}

[[maybe_unused]] static short ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP | POLLPRI };

	CHECK(poll(&p, 1, 0) >= 0);
	return p.revents;
}

[[maybe_unused]] static void expect_read(int fd, const char *want)
{
	char got[64] = "";
	ssize_t n = read(fd, got, sizeof(got) - 1);

	CHECK_EQ(n, strlen(want));
	CHECK(!strcmp(got, want));
}

[[maybe_unused]] static void ignore_sigpipe(void)
{
	signal(SIGPIPE, SIG_IGN);
}

#endif
