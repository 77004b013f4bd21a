/* TCP and UDP over the loopback, IPv4 and IPv6. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static struct sockaddr_in in4(const char *address, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	inet_pton(AF_INET, address, &a.sin_addr);
	return a;
}

static struct sockaddr_in6 in6(const char *address, int port)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };

	inet_pton(AF_INET6, address, &a.sin6_addr);
	return a;
}
#define IN4(address, port) (void *)&(struct sockaddr_in[]){ in4(address, port) }, \
			   sizeof(struct sockaddr_in)
#define IN6(address, port) (void *)&(struct sockaddr_in6[]){ in6(address, port) }, \
			   sizeof(struct sockaddr_in6)

static int tcp(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(fd >= 0);
	return fd;
}

static int udp(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	CHECK(fd >= 0);
	return fd;
}

static void on(int fd, int option)
{
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, option, &(int){ 1 }, sizeof(int)), 0);
}

static int port_of(int fd)
{
	struct sockaddr_in6 a;
	socklen_t len = sizeof(a);

	CHECK_EQ(getsockname(fd, (void *)&a, &len), 0);
	return ntohs(a.sin6_port);
}

static int listening(int backlog)
{
	int fd = tcp();

	CHECK_EQ(bind(fd, IN4(LO, 0)), 0);
	CHECK_EQ(listen(fd, backlog), 0);
	return fd;
}

/* A connection through a listener that goes again; [0] connected, [1] accepted. */
static void connection(int fds[2])
{
	int l = listening(1);

	fds[0] = tcp();
	CHECK_EQ(connect(fds[0], IN4(LO, port_of(l))), 0);
	fds[1] = accept(l, NULL, NULL);
	CHECK(fds[1] >= 0);
	close(l);
}

static short ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP };

	CHECK(poll(&p, 1, 0) >= 0);
	return p.revents;
}

/* What is sent arrives a little later on a real network. */
static void await(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	CHECK_EQ(poll(&p, 1, 5000), 1);
}

static int error_of(int fd)
{
	int error = -1;
	socklen_t len = sizeof(error);

	CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len), 0);
	return error;
}

static int state_of(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	CHECK_EQ(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	return info.tcpi_state;
}

TEST(sockets)
{
	CHECK_ERR(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
	CHECK_ERR(socket(AF_INET, SOCK_SEQPACKET, 0), ESOCKTNOSUPPORT);
	CHECK_ERR(socketpair(AF_INET, SOCK_STREAM, 0, (int[2]){ 0 }), EOPNOTSUPP);
	CHECK(socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) >= 0);
	CHECK(socket(AF_INET6, SOCK_DGRAM, IPPROTO_UDP) >= 0);
}

TEST(a_connection)
{
	int l = listening(4), c = tcp(), s;
	struct sockaddr_in a, b;
	socklen_t len = sizeof(a);
	char buffer[16] = "";

	CHECK_EQ(connect(c, IN4(LO, port_of(l))), 0);
	s = accept(l, (void *)&a, &len);
	CHECK_EQ(len, sizeof(a));
	CHECK_EQ(a.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	CHECK_EQ(ntohs(a.sin_port), port_of(c));
	CHECK_EQ(port_of(s), port_of(l));
	CHECK_EQ(getpeername(c, (void *)&b, &len), 0);
	CHECK_EQ(ntohs(b.sin_port), port_of(l));
	CHECK_EQ(write(c, "hello", 5), 5);
	await(s, POLLIN);
	CHECK_EQ(read(s, buffer, 16), 5);
	CHECK(!strcmp(buffer, "hello"));
	CHECK_EQ(send(s, "there", 5, 0), 5);
	await(c, POLLIN);
	CHECK_EQ(recv(c, buffer, 16, MSG_PEEK), 5);
	CHECK_EQ(recv(c, buffer, 16, 0), 5);
	CHECK_EQ(state_of(c), TCP_ESTABLISHED);
	CHECK_EQ(state_of(l), TCP_LISTEN);
	CHECK_ERR(connect(c, IN4(LO, port_of(l))), EISCONN);
	CHECK_ERR(connect(l, IN4(LO, port_of(l))), EISCONN);
	CHECK_ERR(listen(c, 1), EINVAL);
	CHECK_ERR(recv(l, buffer, 1, 0), ENOTCONN);
	CHECK_ERR(getpeername(l, (void *)&b, &len), ENOTCONN);
	CHECK_ERR(accept(c, NULL, NULL), EINVAL);
	CHECK_ERR(accept(udp(), NULL, NULL), EOPNOTSUPP);
	CHECK_ERR(listen(udp(), 1), EOPNOTSUPP);
}

TEST(connect_refuses)
{
	int fd = tcp(), gone = listening(1), port = port_of(gone);
	struct sockaddr_in a;
	socklen_t len = sizeof(a);

	close(gone);
	CHECK_ERR(connect(fd, IN4(LO, port)), ECONNREFUSED);
	CHECK_ERR(connect(fd, IN4(LO, port)), ECONNREFUSED);
	CHECK_ERR(connect(fd, IN4("8.8.8.8", 53)), ENETUNREACH);
	CHECK_ERR(connect(fd, IN4("224.0.0.1", 53)), ENETUNREACH);
	CHECK_ERR(connect(fd, IN6("::1", port)), EAFNOSUPPORT);
	CHECK_ERR(connect(fd, (void *)1, 16), EFAULT);
	CHECK_ERR(connect(fd, IN4(LO, port) - 1), EINVAL);
	CHECK_ERR(connect(socket(AF_INET6, SOCK_STREAM, 0), IN6("2001:db8::1", 53)), ENETUNREACH);
	CHECK_ERR(getpeername(fd, (void *)&a, &len), ENOTCONN);
	CHECK_ERR(recv(tcp(), &a, 1, 0), ENOTCONN);
	CHECK_ERR(send(tcp(), &a, 1, MSG_NOSIGNAL), EPIPE);
	CHECK_ERR(shutdown(tcp(), SHUT_WR), ENOTCONN);
	CHECK_EQ(ready(tcp()), POLLOUT | POLLHUP);
}

TEST(connect_without_waiting)
{
	int fd = tcp(), l = listening(1), port = port_of(l);

	fcntl(fd, F_SETFL, O_NONBLOCK);
	CHECK_ERR(connect(fd, IN4(LO, port)), EINPROGRESS);
	await(fd, POLLOUT);
	CHECK_EQ(error_of(fd), 0);
	CHECK_EQ(connect(fd, IN4(LO, port)), 0);
	CHECK_ERR(connect(fd, IN4(LO, port)), EISCONN);
	close(l);
	fd = tcp();
	fcntl(fd, F_SETFL, O_NONBLOCK);
	CHECK_ERR(connect(fd, IN4(LO, port)), EINPROGRESS);
	await(fd, POLLOUT);
	CHECK_EQ(ready(fd) & (POLLERR | POLLHUP), POLLERR | POLLHUP);
	CHECK_EQ(error_of(fd), ECONNREFUSED);
	CHECK_EQ(error_of(fd), 0);
	CHECK_ERR(connect(fd, IN4(LO, port)), ECONNABORTED);
	CHECK_ERR(connect(fd, IN4(LO, port)), EINPROGRESS);
}

static void unprivileged(void *)
{
	CHECK_ERR(bind(tcp(), IN4(LO, 80)), EACCES);
}

TEST(binding)
{
	int fd = tcp(), other = tcp(), port;

	CHECK_ERR(bind(fd, IN4("8.8.8.8", 0)), EADDRNOTAVAIL);
	CHECK_ERR(bind(fd, IN4(LO, 0) - 1), EINVAL);
	CHECK_ERR(bind(fd, IN6("::1", 0)), EAFNOSUPPORT);
	CHECK_EQ(bind(fd, IN4("127.5.6.7", 0)), 0);
	CHECK_ERR(bind(fd, IN4(LO, 0)), EINVAL);
	port = port_of(fd);
	CHECK(port >= 1024);
	CHECK_EQ(bind(other, IN4(LO, port)), 0);	/* another address */
	CHECK_ERR(bind(tcp(), IN4("0.0.0.0", port)), EADDRINUSE);
	CHECK_ERR(bind(tcp(), IN4(LO, port)), EADDRINUSE);
	CHECK_EQ(bind(udp(), IN4(LO, port)), 0);	/* another protocol */
	CHECK_EQ(test_child_as(1000, unprivileged, NULL), 0);
}

TEST(sharing_ports)
{
	int a = tcp(), b = tcp(), c = tcp(), d = tcp(), port;

	on(a, SO_REUSEADDR);
	on(b, SO_REUSEADDR);
	CHECK_EQ(bind(a, IN4(LO, 0)), 0);
	port = port_of(a);
	CHECK_EQ(bind(b, IN4(LO, port)), 0);
	CHECK_EQ(listen(a, 1), 0);
	CHECK_ERR(listen(b, 1), EADDRINUSE);
	on(c, SO_REUSEADDR);
	CHECK_ERR(bind(c, IN4(LO, port)), EADDRINUSE);
	close(a);
	close(b);
	on(c, SO_REUSEPORT);
	on(d, SO_REUSEPORT);
	CHECK_EQ(bind(c, IN4(LO, port)), 0);
	CHECK_EQ(bind(d, IN4(LO, port)), 0);
	CHECK_EQ(listen(c, 1), 0);
	CHECK_EQ(listen(d, 1), 0);
}

TEST(ports_after_connections)
{
	int l = listening(1), c = tcp(), s, port = port_of(l), again = tcp();

	on(l, SO_REUSEADDR);
	CHECK_EQ(connect(c, IN4(LO, port)), 0);
	s = accept(l, NULL, NULL);
	close(l);
	close(s);	/* this side first: it will be in TIME_WAIT */
	await(c, POLLIN);
	close(c);
	test_sleep_ms(100);
	CHECK_ERR(bind(again, IN4(LO, port)), EADDRINUSE);
	on(again, SO_REUSEADDR);
	for (int i = 0; i < 50 && bind(again, IN4(LO, port)); i++)
		test_sleep_ms(20);	/* until the last segment was acknowledged */
	CHECK_EQ(port_of(again), port);
	CHECK_EQ(listen(again, 1), 0);
	CHECK_EQ(connect(tcp(), IN4(LO, port)), 0);
}

TEST(ends)
{
	char buffer[16];
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	connection(fds);
	CHECK_EQ(write(fds[0], "abc", 3), 3);
	CHECK_EQ(shutdown(fds[0], SHUT_WR), 0);
	CHECK_ERR(write(fds[0], "x", 1), EPIPE);
	await(fds[1], POLLRDHUP);
	for (int i = 0; i < 50 && state_of(fds[0]) == TCP_FIN_WAIT1; i++)
		test_sleep_ms(20);
	CHECK_EQ(state_of(fds[0]), TCP_FIN_WAIT2);
	CHECK_EQ(state_of(fds[1]), TCP_CLOSE_WAIT);
	CHECK_EQ(ready(fds[1]), POLLIN | POLLOUT | POLLRDHUP);
	CHECK_EQ(read(fds[1], buffer, 16), 3);
	CHECK_EQ(read(fds[1], buffer, 16), 0);
	CHECK_EQ(write(fds[1], "back", 4), 4);
	await(fds[0], POLLIN);
	CHECK_EQ(read(fds[0], buffer, 16), 4);
	CHECK_EQ(shutdown(fds[1], SHUT_WR), 0);
	await(fds[0], POLLRDHUP);
	CHECK_EQ(ready(fds[0]), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
	CHECK_EQ(read(fds[0], buffer, 16), 0);
	test_sleep_ms(10);
	CHECK_EQ(ready(fds[1]), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
	CHECK_ERR(write(fds[1], "x", 1), EPIPE);

	/* The peer is gone: the first write still succeeds, then it is known. */
	connection(fds);
	close(fds[1]);
	await(fds[0], POLLIN);
	CHECK_EQ(write(fds[0], "x", 1), 1);
	test_sleep_ms(20);
	CHECK_ERR(write(fds[0], "x", 1), EPIPE);
	CHECK_EQ(read(fds[0], buffer, 16), 0);
}

TEST(resets)
{
	struct linger now = { 1, 0 };
	char buffer[16];
	int fds[2];

	/* Something was not read. */
	connection(fds);
	CHECK_EQ(write(fds[0], "unread", 6), 6);
	CHECK_EQ(write(fds[1], "kept", 4), 4);
	await(fds[0], POLLIN);
	await(fds[1], POLLIN);
	close(fds[1]);
	await(fds[0], POLLRDHUP);
	CHECK_EQ(ready(fds[0]) & (POLLERR | POLLHUP), POLLERR | POLLHUP);
	CHECK_EQ(read(fds[0], buffer, 16), 4);
	CHECK_ERR(read(fds[0], buffer, 16), ECONNRESET);
	CHECK_EQ(read(fds[0], buffer, 16), 0);
	CHECK_ERR(send(fds[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	/* It was asked for. */
	connection(fds);
	CHECK_EQ(setsockopt(fds[1], SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	close(fds[1]);
	await(fds[0], POLLRDHUP);
	CHECK_ERR(send(fds[0], "x", 1, MSG_NOSIGNAL), ECONNRESET);
	CHECK_ERR(send(fds[0], "x", 1, MSG_NOSIGNAL), EPIPE);
}

TEST(a_full_queue)
{
	int l = listening(0), port = port_of(l), first = tcp(), second = tcp();
	struct pollfd p = { .fd = second, .events = POLLOUT };

	CHECK_EQ(connect(first, IN4(LO, port)), 0);
	fcntl(second, F_SETFL, O_NONBLOCK);
	CHECK_ERR(connect(second, IN4(LO, port)), EINPROGRESS);
	CHECK_EQ(poll(&p, 1, 50), 0);
	CHECK_ERR(connect(second, IN4(LO, port)), EALREADY);
	CHECK(accept(l, NULL, NULL) >= 0);
	await(second, POLLOUT);
	CHECK_EQ(error_of(second), 0);
	CHECK(accept(l, NULL, NULL) >= 0);
	/* Who still waits when the listener goes is refused. */
	first = tcp();
	CHECK_EQ(connect(first, IN4(LO, port)), 0);
	p.fd = tcp();
	fcntl(p.fd, F_SETFL, O_NONBLOCK);
	CHECK_ERR(connect(p.fd, IN4(LO, port)), EINPROGRESS);
	close(l);
	await(p.fd, POLLOUT);
	CHECK_EQ(error_of(p.fd), ECONNREFUSED);
}

TEST(urgent_data)
{
	char buffer[16] = "";
	struct pollfd p;
	int fds[2], n;

	connection(fds);
	p = (struct pollfd){ .fd = fds[1], .events = POLLPRI };
	CHECK_ERR(recv(fds[1], buffer, 1, MSG_OOB), EINVAL);
	CHECK_EQ(send(fds[0], "ab", 2, 0), 2);
	CHECK_EQ(send(fds[0], "cU", 2, MSG_OOB), 2);
	CHECK_EQ(send(fds[0], "de", 2, 0), 2);
	CHECK_EQ(poll(&p, 1, 5000), 1);
	test_sleep_ms(20);
	CHECK_EQ(recv(fds[1], buffer, 1, MSG_OOB), 1);
	CHECK_EQ(buffer[0], 'U');
	CHECK_EQ(poll(&p, 1, 0), 0);
	CHECK_ERR(recv(fds[1], buffer, 1, MSG_OOB), EINVAL);
	CHECK_EQ(ioctl(fds[1], SIOCATMARK, &n), 0);
	CHECK_EQ(n, 0);
	CHECK_EQ(recv(fds[1], buffer, 16, 0), 3);	/* up to the mark */
	CHECK(!memcmp(buffer, "abc", 3));
	CHECK_EQ(ioctl(fds[1], SIOCATMARK, &n), 0);
	CHECK_EQ(n, 1);
	CHECK_EQ(recv(fds[1], buffer, 16, 0), 2);
	CHECK(!memcmp(buffer, "de", 2));
	on(fds[1], SO_OOBINLINE);
	CHECK_EQ(send(fds[0], "V", 1, MSG_OOB), 1);
	await(fds[1], POLLIN);
	CHECK_ERR(recv(fds[1], buffer, 1, MSG_OOB), EINVAL);
	CHECK_EQ(recv(fds[1], buffer, 16, 0), 1);
	CHECK_EQ(buffer[0], 'V');
}

TEST(a_listener_goes)
{
	int l = listening(4), c = tcp(), d = tcp(), port = port_of(l);
	char buffer[4];

	CHECK_EQ(connect(c, IN4(LO, port)), 0);
	CHECK_EQ(connect(d, IN4(LO, port)), 0);
	close(l);
	await(c, POLLIN);
	CHECK_ERR(read(c, buffer, 4), ECONNRESET);
	CHECK_ERR(connect(tcp(), IN4(LO, port)), ECONNREFUSED);
	l = listening(4);
	CHECK_EQ(shutdown(l, SHUT_RD), 0);
	CHECK_ERR(accept(l, NULL, NULL), EINVAL);
}

static void *drain(void *fd)
{
	static char buffer[10000];
	long sum = 0, n;

	while ((n = read(*(int *)fd, buffer, sizeof(buffer))) > 0) {
		for (long i = 0; i < n; i++)
			if (buffer[i] != (char)((sum + i) * 7))
				return (void *)-1l;
		sum += n;
	}
	return (void *)sum;
}

TEST(much_goes_through)
{
	enum { SIZE = 3 << 20 };
	char *data = malloc(SIZE);
	int fds[2];
	pthread_t t;
	void *sum;

	for (long i = 0; i < SIZE; i++)
		data[i] = (char)(i * 7);
	connection(fds);
	pthread_create(&t, NULL, drain, &fds[1]);
	CHECK_EQ(write(fds[0], data, SIZE), SIZE);
	close(fds[0]);
	pthread_join(t, &sum);
	CHECK_EQ((long)sum, SIZE);
}

TEST(a_full_connection_blocks)
{
	static char buffer[65536];
	int fds[2];

	connection(fds);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	while (write(fds[0], buffer, sizeof(buffer)) > 0)
		test_sleep_ms(1);
	CHECK_EQ(errno, EAGAIN);
	CHECK(!(ready(fds[0]) & POLLOUT));
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	while (read(fds[1], buffer, sizeof(buffer)) > 0)
		test_sleep_ms(1);
	await(fds[0], POLLOUT);
}

static int number(int fd, int level, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);

	CHECK_EQ(getsockopt(fd, level, option, &value, &len), 0);
	return value;
}

TEST(options)
{
	int fd = tcp(), value;

	CHECK_EQ(number(fd, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
	CHECK_EQ(number(fd, SOL_SOCKET, SO_SNDBUF), 16384);
	CHECK_EQ(number(fd, SOL_SOCKET, SO_RCVBUF), 131072);
	CHECK_EQ(number(udp(), SOL_SOCKET, SO_RCVBUF), 212992);
	CHECK_EQ(number(fd, IPPROTO_TCP, TCP_NODELAY), 0);
	value = 7;
	CHECK_EQ(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, 4), 0);
	CHECK_EQ(number(fd, IPPROTO_TCP, TCP_NODELAY), 1);
	CHECK_EQ(number(fd, IPPROTO_TCP, TCP_KEEPIDLE), 7200);
	CHECK_EQ(number(fd, IPPROTO_TCP, TCP_KEEPINTVL), 75);
	CHECK_EQ(number(fd, IPPROTO_TCP, TCP_KEEPCNT), 9);
	CHECK_EQ(setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &value, 4), 0);
	CHECK_EQ(number(fd, IPPROTO_TCP, TCP_KEEPIDLE), 7);
	value = 0;
	CHECK_ERR(setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &value, 4), EINVAL);
	CHECK_ERR(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, 3), EINVAL);
	CHECK_EQ(number(fd, IPPROTO_IP, IP_TTL), 64);
	value = 16;
	CHECK_EQ(setsockopt(fd, IPPROTO_IP, IP_TOS, &value, 4), 0);
	CHECK_EQ(number(fd, IPPROTO_IP, IP_TOS), 16);
	value = 300;
	CHECK_ERR(setsockopt(fd, IPPROTO_IP, IP_TTL, &value, 4), EINVAL);
	CHECK_ERR(setsockopt(fd, IPPROTO_TCP, 199, &value, 4), ENOPROTOOPT);
	CHECK_ERR(getsockopt(fd, IPPROTO_IP, 199, &value, &(socklen_t){ 4 }), ENOPROTOOPT);
}

TEST(datagrams)
{
	int a = udp(), b = udp(), n;
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	static char big[65536];
	char buffer[16] = "";

	CHECK_EQ(bind(a, IN4(LO, 0)), 0);
	CHECK_ERR(send(b, "x", 1, 0), EDESTADDRREQ);
	CHECK_ERR(sendto(b, "x", 1, 0, IN4(LO, 0)), EINVAL);
	CHECK_ERR(sendto(b, "x", 1, 0, IN4("8.8.8.8", 9)), ENETUNREACH);
	CHECK_EQ(sendto(b, "one", 3, 0, IN4(LO, port_of(a))), 3);
	CHECK_EQ(sendto(b, "second", 6, 0, IN4(LO, port_of(a))), 6);
	await(a, POLLIN);
	CHECK_EQ(ioctl(a, FIONREAD, &n), 0);
	CHECK_EQ(n, 3);
	CHECK_EQ(recvfrom(a, buffer, 16, 0, (void *)&from, &len), 3);
	CHECK_EQ(len, sizeof(from));
	CHECK_EQ(ntohs(from.sin_port), port_of(b));
	CHECK_EQ(from.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	await(a, POLLIN);
	CHECK_EQ(recv(a, buffer, 2, MSG_TRUNC), 6);
	CHECK_ERR(recv(a, buffer, 2, MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(connect(b, IN4(LO, port_of(a))), 0);
	CHECK_ERR(send(b, big, 65508, 0), EMSGSIZE);
	CHECK_EQ(send(b, big, 60000, 0), 60000);
	await(a, POLLIN);
	CHECK_EQ(recv(a, big, sizeof(big), 0), 60000);
	CHECK_EQ(connect(b, (struct sockaddr *)&(struct sockaddr){ .sa_family = AF_UNSPEC }, 16), 0);
	CHECK_ERR(send(b, "x", 1, 0), EDESTADDRREQ);
	CHECK_ERR(shutdown(b, SHUT_RD), ENOTCONN);
}

TEST(nobody_at_the_port)
{
	int gone = udp(), fd = udp(), port;
	char buffer[4];

	CHECK_EQ(bind(gone, IN4(LO, 0)), 0);
	port = port_of(gone);
	close(gone);
	CHECK_EQ(sendto(fd, "x", 1, 0, IN4(LO, port)), 1);
	CHECK_EQ(connect(fd, IN4(LO, port)), 0);
	CHECK_EQ(send(fd, "x", 1, 0), 1);
	await(fd, POLLIN);
	CHECK_ERR(send(fd, "x", 1, 0), ECONNREFUSED);
	CHECK_EQ(send(fd, "x", 1, 0), 1);
	test_sleep_ms(10);
	CHECK_ERR(recv(fd, buffer, 4, 0), ECONNREFUSED);
}

TEST(connected_datagrams_come_from_one)
{
	int a = udp(), b = udp(), c = udp();
	char buffer[4];

	CHECK_EQ(bind(a, IN4(LO, 0)), 0);
	CHECK_EQ(bind(b, IN4(LO, 0)), 0);
	CHECK_EQ(connect(a, IN4(LO, port_of(b))), 0);
	CHECK_EQ(sendto(c, "c", 1, 0, IN4(LO, port_of(a))), 1);
	CHECK_EQ(sendto(b, "b", 1, 0, IN4(LO, port_of(a))), 1);
	CHECK_EQ(recv(a, buffer, 4, 0), 1);
	CHECK_EQ(buffer[0], 'b');
	CHECK_ERR(recv(a, buffer, 4, MSG_DONTWAIT), EAGAIN);
}

TEST(where_a_datagram_was_sent_to)
{
	int a = udp(), b = udp();
	_Alignas(8) char control[128];
	char buffer[8];
	struct iovec v = { buffer, sizeof(buffer) };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr *c = (void *)control;
	struct in_pktinfo info;

	CHECK_EQ(bind(a, IN4("0.0.0.0", 0)), 0);
	CHECK_EQ(setsockopt(a, IPPROTO_IP, IP_PKTINFO, &(int){ 1 }, sizeof(int)), 0);
	CHECK_EQ(sendto(b, "x", 1, 0, IN4("127.7.7.7", port_of(a))), 1);
	CHECK_EQ(recvmsg(a, &m, 0), 1);
	CHECK_EQ(c->cmsg_level, IPPROTO_IP);
	CHECK_EQ(c->cmsg_type, IP_PKTINFO);
	memcpy(&info, CMSG_DATA(c), sizeof(info));
	CHECK_EQ(info.ipi_ifindex, 1);
	CHECK_EQ(info.ipi_addr.s_addr, inet_addr("127.7.7.7"));
}

TEST(ipv6)
{
	int l = socket(AF_INET6, SOCK_STREAM, 0), c = socket(AF_INET6, SOCK_STREAM, 0), s;
	struct sockaddr_in6 a;
	socklen_t len = sizeof(a);
	char text[64];

	CHECK_EQ(number(l, IPPROTO_IPV6, IPV6_V6ONLY), 0);
	CHECK_EQ(bind(l, IN6("::", 0)), 0);
	CHECK_EQ(listen(l, 4), 0);
	CHECK_EQ(connect(c, IN6("::1", port_of(l))), 0);
	s = accept(l, (void *)&a, &len);
	CHECK_EQ(len, sizeof(a));
	CHECK(!strcmp(inet_ntop(AF_INET6, &a.sin6_addr, text, 64), "::1"));
	CHECK_EQ(write(c, "six", 3), 3);
	CHECK_EQ(read(s, text, 64), 3);
	/* IPv4 reaches it too, in IPv6's clothes. */
	c = tcp();
	CHECK_EQ(connect(c, IN4(LO, port_of(l))), 0);
	s = accept(l, (void *)&a, &len);
	CHECK(!strcmp(inet_ntop(AF_INET6, &a.sin6_addr, text, 64), "::ffff:127.0.0.1"));
	CHECK_ERR(bind(tcp(), IN4("0.0.0.0", port_of(l))), EADDRINUSE);
	CHECK_ERR(setsockopt(l, IPPROTO_IPV6, IPV6_V6ONLY, &(int){ 1 }, sizeof(int)), EINVAL);
	close(l);
	l = socket(AF_INET6, SOCK_STREAM, 0);
	CHECK_EQ(setsockopt(l, IPPROTO_IPV6, IPV6_V6ONLY, &(int){ 1 }, sizeof(int)), 0);
	CHECK_EQ(bind(l, IN6("::", 0)), 0);
	CHECK_EQ(listen(l, 4), 0);
	CHECK_ERR(connect(tcp(), IN4(LO, port_of(l))), ECONNREFUSED);
	CHECK_EQ(bind(tcp(), IN4("0.0.0.0", port_of(l))), 0);
	c = socket(AF_INET6, SOCK_STREAM, 0);
	CHECK_ERR(connect(c, IN6("::ffff:127.0.0.1", port_of(l))), ECONNREFUSED);
}

TEST(interfaces)
{
	struct ifreq list[4], r = { .ifr_name = "lo" }, no = { .ifr_name = "none" };
	struct ifconf conf = { .ifc_len = sizeof(list), .ifc_req = list };
	int fd = udp();

	CHECK_EQ(ioctl(fd, SIOCGIFCONF, &conf), 0);
	CHECK(conf.ifc_len >= (int)sizeof(r));
	CHECK(!strcmp(list[0].ifr_name, "lo"));
	CHECK_EQ(ioctl(fd, SIOCGIFADDR, &r), 0);
	CHECK_EQ(((struct sockaddr_in *)&r.ifr_addr)->sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	CHECK_EQ(ioctl(fd, SIOCGIFNETMASK, &r), 0);
	CHECK_EQ(((struct sockaddr_in *)&r.ifr_addr)->sin_addr.s_addr, htonl(0xff000000));
	CHECK_EQ(ioctl(fd, SIOCGIFFLAGS, &r), 0);
	CHECK_EQ(r.ifr_flags, IFF_UP | IFF_LOOPBACK | IFF_RUNNING);
	CHECK_EQ(ioctl(fd, SIOCGIFINDEX, &r), 0);
	CHECK_EQ(r.ifr_ifindex, 1);
	CHECK_EQ(ioctl(fd, SIOCGIFNAME, &r), 0);
	CHECK_EQ(ioctl(fd, SIOCGIFMTU, &r), 0);
	CHECK_EQ(r.ifr_mtu, 65536);
	CHECK_ERR(ioctl(fd, SIOCGIFADDR, &no), ENODEV);
	CHECK_ERR(ioctl(fd, SIOCGIFINDEX, &no), ENODEV);
}

TEST(proc_net)
{
	char want[128], *line;
	int l = listening(5), u = udp();

	snprintf(want, sizeof(want), ": 0100007F:%04X 00000000:0000 0A ", port_of(l));
	CHECK(strstr(test_read_file("/proc/net/tcp"), want));
	CHECK_EQ(bind(u, IN4(LO, 0)), 0);
	snprintf(want, sizeof(want), ": 0100007F:%04X 00000000:0000 07 ", port_of(u));
	CHECK(strstr(test_read_file("/proc/net/udp"), want));
	CHECK(strstr(test_read_file("/proc/net/dev"), "    lo:"));
	line = strstr(test_read_file("/proc/net/if_inet6"), "00000000000000000000000000000001 01 80 10 80");
	CHECK(line);
	CHECK(strstr(test_read_file("/proc/net/route"), "Iface\tDestination"));
	CHECK(strstr(test_read_file("/proc/net/sockstat"), "TCP: inuse"));
}

/* --- many threads --- */

static int port;

static void *connect_many(void *)
{
	for (int i = 0; i < 100; i++) {
		int fd = tcp();
		char byte = 'x';

		CHECK_EQ(connect(fd, IN4(LO, port)), 0);
		CHECK_EQ(write(fd, &byte, 1), 1);
		if (i % 2)
			CHECK_EQ(read(fd, &byte, 1), 0);
		close(fd);
	}
	return NULL;
}

TEST(many_connect)
{
	int l = listening(3);
	pthread_t t[4];
	char byte;

	port = port_of(l);
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, connect_many, NULL);
	for (int i = 0; i < 400; i++) {
		int fd = accept(l, NULL, NULL);

		CHECK(fd >= 0);
		CHECK_EQ(read(fd, &byte, 1), 1);
		close(fd);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
}

static void *mangle(void *seed)
{
	unsigned x = (unsigned)(long)seed;
	char buffer[64];

	for (int i = 0; i < 60; i++) {
		int fds[2];

		x = x * 1103515245 + 12345;
		connection(fds);
		send(fds[0], "0123456789", 10, MSG_NOSIGNAL);
		if (x & 0x40000)
			shutdown(fds[x >> 20 & 1], (int)(x >> 21) % 3);
		if (x & 0x80000)
			close(fds[0]);
		recv(fds[1], buffer, sizeof(buffer), MSG_DONTWAIT);
		send(fds[1], buffer, 5, MSG_DONTWAIT | MSG_NOSIGNAL);
		close(fds[1]);
		if (!(x & 0x80000))
			close(fds[0]);
	}
	return NULL;
}

TEST(many_threads_come_and_go)
{
	pthread_t t[6];

	for (long i = 0; i < 6; i++)
		pthread_create(&t[i], NULL, mangle, (void *)(i + 1));
	for (int i = 0; i < 6; i++)
		pthread_join(t[i], NULL);
}
