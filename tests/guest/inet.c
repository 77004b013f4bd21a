/* TCP over the loopback. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "inet.h"

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
