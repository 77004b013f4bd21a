/* tests/guest/inet.h -- what the tests of sockets over IP have in common. */
#ifndef INET_H
#define INET_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/sockios.h>
#include <unistd.h>

#include "test.h"

#define LO "127.0.0.1"

/* Nobody has brought the loopback up on Linux. */
[[gnu::constructor]] static void bring_up(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };

	if (fd >= 0)
		ioctl(fd, SIOCSIFFLAGS, &r);
	close(fd);
}

[[maybe_unused]] static struct sockaddr_in in4(const char *address, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	inet_pton(AF_INET, address, &a.sin_addr);
	return a;
}

[[maybe_unused]] static struct sockaddr_in6 in6(const char *address, int port)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };

	inet_pton(AF_INET6, address, &a.sin6_addr);
	return a;
}
#define IN4(address, port) (void *)&(struct sockaddr_in[]){ in4(address, port) }, \
			   sizeof(struct sockaddr_in)
#define IN6(address, port) (void *)&(struct sockaddr_in6[]){ in6(address, port) }, \
			   sizeof(struct sockaddr_in6)

[[maybe_unused]] static int tcp(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(fd >= 0);
	return fd;
}

[[maybe_unused]] static int udp(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	CHECK(fd >= 0);
	return fd;
}

[[maybe_unused]] static void on(int fd, int option)
{
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, option, &(int){ 1 }, sizeof(int)), 0);
}

[[maybe_unused]] static int port_of(int fd)
{
	struct sockaddr_in6 a;
	socklen_t len = sizeof(a);

	CHECK_EQ(getsockname(fd, (void *)&a, &len), 0);
	return ntohs(a.sin6_port);
}

[[maybe_unused]] static int listening(int backlog)
{
	int fd = tcp();

	CHECK_EQ(bind(fd, IN4(LO, 0)), 0);
	CHECK_EQ(listen(fd, backlog), 0);
	return fd;
}

/* A connection through a listener that goes again; [0] connected, [1] accepted. */
[[maybe_unused]] static void connection(int fds[2])
{
	int l = listening(1);

	fds[0] = tcp();
	CHECK_EQ(connect(fds[0], IN4(LO, port_of(l))), 0);
	fds[1] = accept(l, NULL, NULL);
	CHECK(fds[1] >= 0);
	close(l);
}

[[maybe_unused]] static short ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP };

	CHECK(poll(&p, 1, 0) >= 0);
	return p.revents;
}

/* What is sent arrives a little later on a real network. */
[[maybe_unused]] static void await(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	CHECK_EQ(poll(&p, 1, 5000), 1);
}

[[maybe_unused]] static int error_of(int fd)
{
	int error = -1;
	socklen_t len = sizeof(error);

	CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len), 0);
	return error;
}

[[maybe_unused]] static int state_of(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	CHECK_EQ(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	return info.tcpi_state;
}

#endif
