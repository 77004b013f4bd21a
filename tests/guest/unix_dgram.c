/* UNIX sockets: datagrams and sequenced packets. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "unix.h"

TEST(datagrams)
{
	int a = bound(SOCK_DGRAM, "a"), b = bound(SOCK_DGRAM, "b"), n;
	struct sockaddr_un from;
	socklen_t len = sizeof(from);
	char buffer[16] = "";

	CHECK_EQ(sendto(a, "one", 3, 0, SUN("b"), SUN_LEN_OF("b")), 3);
	CHECK_EQ(sendto(a, "second", 6, 0, SUN("b"), SUN_LEN_OF("b")), 6);
	CHECK_EQ(sendto(a, "", 0, 0, SUN("b"), SUN_LEN_OF("b")), 0);
	CHECK_EQ(ioctl(b, FIONREAD, &n), 0);
	CHECK_EQ(n, 3);
	CHECK_EQ(recvfrom(b, buffer, 16, MSG_PEEK, (void *)&from, &len), 3);
	CHECK_EQ(len, 4);
	CHECK(!strcmp(from.sun_path, "a"));
	CHECK_EQ(recv(b, buffer, 16, 0), 3);
	CHECK_EQ(recv(b, buffer, 2, MSG_TRUNC), 6);
	CHECK_EQ(recv(b, buffer, 16, 0), 0);
	CHECK_ERR(recv(b, buffer, 16, MSG_DONTWAIT), EAGAIN);
	CHECK_ERR(send(a, "x", 1, 0), ENOTCONN);
	CHECK_ERR(sendto(a, "x", 1, 0, SUN("c"), SUN_LEN_OF("c")), ENOENT);
	CHECK_EQ(connect(a, SUN("b"), SUN_LEN_OF("b")), 0);
	CHECK_EQ(send(a, "x", 1, 0), 1);
	CHECK_EQ(connect(b, SUN("a"), SUN_LEN_OF("a")), 0);
	/* Now b receives from a only. */
	CHECK_ERR(sendto(bound(SOCK_DGRAM, "c"), "x", 1, 0, SUN("b"), SUN_LEN_OF("b")), EPERM);
	CHECK_ERR(connect(socket(AF_UNIX, SOCK_DGRAM, 0), SUN("b"), SUN_LEN_OF("b")), EPERM);
	CHECK_EQ(send(b, "x", 1, 0), 1);
	CHECK_EQ(connect(a, (struct sockaddr *)&(struct sockaddr_un){ 0 }, 2), 0);
	CHECK_ERR(send(a, "x", 1, 0), ENOTCONN);
	CHECK_ERR(recv(a, buffer, 1, MSG_DONTWAIT), EAGAIN);
	CHECK_ERR(send(b, "x", 1, 0), ECONNRESET);
	CHECK_EQ(send(b, "x", 1, 0), 1);
}

TEST(datagram_queue_is_short)
{
	int to = bound(SOCK_DGRAM, "to"), a = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0), n = 0;
	char buffer[16];

	CHECK_EQ(connect(a, SUN("to"), SUN_LEN_OF("to")), 0);
	while (send(a, "x", 1, 0) == 1)
		n++;
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(n, 11);
	CHECK(!(ready(a) & POLLOUT));
	CHECK_EQ(recv(to, buffer, 16, 0), 1);
	CHECK(ready(a) & POLLOUT);
	CHECK_EQ(send(a, "x", 1, 0), 1);
	CHECK_ERR(send(a, "x", 1, 0), EAGAIN);
}

static void *receive_one(void *fd)
{
	char buffer[16];

	test_sleep_ms(50);
	return (void *)(long)recv(*(int *)fd, buffer, 16, 0);
}

TEST(datagram_senders_wait)
{
	int to = bound(SOCK_DGRAM, "to"), a = socket(AF_UNIX, SOCK_DGRAM, 0);
	int b = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct pollfd p = { .fd = b, .events = POLLOUT };
	pthread_t t;

	CHECK_EQ(connect(a, SUN("to"), SUN_LEN_OF("to")), 0);
	CHECK_EQ(connect(b, SUN("to"), SUN_LEN_OF("to")), 0);
	while (send(a, "x", 1, MSG_DONTWAIT) == 1)
		;
	pthread_create(&t, NULL, receive_one, &to);
	CHECK_EQ(send(b, "y", 1, 0), 1);
	pthread_join(t, NULL);
	pthread_create(&t, NULL, receive_one, &to);
	CHECK_EQ(poll(&p, 1, 5000), 1);
	pthread_join(t, NULL);
}

TEST(big_datagrams)
{
	char *data = malloc(300000), *got = malloc(300000);
	int fds[2];

	pair(SOCK_DGRAM, fds);
	memset(data, 'x', 300000);
	data[99999] = 'y';
	CHECK_ERR(send(fds[0], data, 300000, 0), EMSGSIZE);
	CHECK_EQ(send(fds[0], data, 100000, 0), 100000);
	CHECK_EQ(recv(fds[1], got, 300000, 0), 100000);
	CHECK(!memcmp(data, got, 100000));
	CHECK_ERR(send(fds[0], BAD_POINTER, 10, 0), EFAULT);
	CHECK_EQ(shutdown(fds[1], SHUT_RD), 0);
	CHECK_ERR(send(fds[0], data, 1, MSG_NOSIGNAL), EPIPE);
	CHECK_EQ(recv(fds[1], got, 1, 0), 0);
}

TEST(sequenced_packets)
{
	int l = bound(SOCK_SEQPACKET, "s"), c, s;
	struct iovec v;
	char buffer[16] = "";
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };

	CHECK_EQ(listen(l, 1), 0);
	CHECK_ERR(connect(socket(AF_UNIX, SOCK_STREAM, 0), SUN("s"), SUN_LEN_OF("s")), EPROTOTYPE);
	c = connected(SOCK_SEQPACKET, "s");
	s = accept(l, NULL, NULL);
	CHECK_ERR(send(l, "x", 1, MSG_NOSIGNAL), ENOTCONN);
	CHECK_ERR(recv(l, buffer, 1, 0), ENOTCONN);
	CHECK_EQ(send(c, "first", 5, 0), 5);
	CHECK_EQ(write(c, "second", 6), 6);
	v = (struct iovec){ buffer, 3 };
	CHECK_EQ(recvmsg(s, &m, 0), 3);
	CHECK_EQ(m.msg_flags, MSG_TRUNC);
	v.iov_len = 16;
	CHECK_EQ(recvmsg(s, &m, 0), 6);
	CHECK_EQ(m.msg_flags, 0);
	CHECK_EQ(send(c, "", 0, 0), 0);
	CHECK_EQ(recv(s, buffer, 16, 0), 0);
	CHECK_EQ(ready(s), POLLOUT);
	close(c);
	CHECK_EQ(ready(s), POLLIN | POLLOUT | POLLHUP | POLLRDHUP);
	CHECK_EQ(recv(s, buffer, 16, 0), 0);
	CHECK_ERR(send(s, "x", 1, MSG_NOSIGNAL), EPIPE);
}
