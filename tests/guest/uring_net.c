/* Operations of rings on sockets. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "rings.h"

static struct sockaddr_in local(unsigned short port)
{
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = port,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* A listener, made by the ring alone; its address. */
static int listener(struct ring *r, struct sockaddr_in *name)
{
	socklen_t len = sizeof(*name);
	int fd = RUN(r, .opcode = IORING_OP_SOCKET, .fd = AF_INET, .off = SOCK_STREAM);

	CHECK(fd >= 0);
	*name = local(0);
	CHECK_EQ(RUN(r, .opcode = IORING_OP_BIND, .fd = fd, ADDRESS(name), ADDRESS2(len)), 0);
	CHECK_EQ(RUN(r, .opcode = IORING_OP_LISTEN, .fd = fd, .len = 8), 0);
	CHECK_EQ(getsockname(fd, (struct sockaddr *)name, &len), 0);
	return fd;
}

TEST(a_connection_by_rings)
{
	struct ring r = rings_new(8);
	struct sockaddr_in name, peer;
	int from = listener(&r, &name), to, got;
	socklen_t len = sizeof(peer);
	char buffer[8] = "";

	rings_submit(&r, &(struct io_uring_sqe){.opcode = IORING_OP_ACCEPT, .fd = from, ADDRESS(&peer),
		ADDRESS2(&len), .accept_flags = SOCK_CLOEXEC, .user_data = 1});
	CHECK(!ring_ready(&r));
	to = socket(AF_INET, SOCK_STREAM, 0);
	rings_submit(&r, &(struct io_uring_sqe){.opcode = IORING_OP_CONNECT, .fd = to, ADDRESS(&name),
		ADDRESS2(sizeof(name)), .user_data = 2});
	for (int i = 0; i < 2; i++) {
		struct io_uring_cqe c = ring_take(&r);

		if (c.user_data == 1)
			got = c.res;
		else
			CHECK_EQ(c.res, 0);
	}
	CHECK(got >= 0);
	CHECK_EQ(fcntl(got, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(peer.sin_family, AF_INET);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_SEND, .fd = to, ADDRESS("hello"), .len = 5), 5);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_RECV, .fd = got, ADDRESS(buffer), .len = 8), 5);
	CHECK(!strcmp(buffer, "hello"));
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_SHUTDOWN, .fd = to, .len = SHUT_WR), 0);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_RECV, .fd = got, ADDRESS(buffer), .len = 8), 0);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_SHUTDOWN, .fd = to, .len = 9), -EINVAL);
	/* No signal ends us. */
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_SEND, .fd = to, ADDRESS("hello"), .len = 5), -EPIPE);
}

TEST(what_is_wrong)
{
	struct ring r = rings_new(8);
	struct sockaddr_in name;
	int from = listener(&r, &name), file = open("f", O_CREAT | O_RDWR, 0644);
	char buffer[8];

	CHECK_EQ(RUN(&r, .opcode = IORING_OP_ACCEPT, .fd = file), -ENOTSOCK);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_ACCEPT, .fd = 1000), -EBADF);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_ACCEPT, .fd = from, .accept_flags = 1), -EINVAL);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_ACCEPT, .fd = from, .len = 1), -EINVAL);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_SEND, .fd = file, ADDRESS(buffer), .len = 1), -ENOTSOCK);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_RECV, .fd = file, ADDRESS(buffer), .len = 1), -ENOTSOCK);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_RECV, .fd = from, ADDRESS(buffer), .len = 1), -ENOTCONN);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_SOCKET, .fd = 999, .off = SOCK_STREAM), -EAFNOSUPPORT);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_BIND, .fd = from, ADDRESS(8), ADDRESS2(16)), -EFAULT);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_CONNECT, .fd = file, ADDRESS(&name),
		     ADDRESS2(sizeof(name))), -ENOTSOCK);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_LISTEN, .fd = file), -ENOTSOCK);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_ACCEPT, .fd = from, .ioprio = IORING_ACCEPT_DONTWAIT),
		 -EAGAIN);
}

TEST(a_receive_waits)
{
	struct ring r = rings_new(8);
	char buffer[8] = "";
	int pair[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	rings_submit(&r, &(struct io_uring_sqe){.opcode = IORING_OP_RECV, .fd = pair[0],
		ADDRESS(buffer), .len = 8, .user_data = 3});
	CHECK(!ring_ready(&r));
	CHECK_EQ(write(pair[1], "late", 4), 4);
	CHECK_EQ(ring_take(&r).res, 4);
	CHECK(!strcmp(buffer, "late"));
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_RECV, .fd = pair[0], ADDRESS(buffer), .len = 8,
		     .msg_flags = MSG_DONTWAIT), -EAGAIN);
	/* What its descriptor says does not count. */
	CHECK_EQ(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
	rings_submit(&r, &(struct io_uring_sqe){.opcode = IORING_OP_RECV, .fd = pair[0],
		ADDRESS(buffer), .len = 6, .msg_flags = MSG_WAITALL, .user_data = 3});
	CHECK_EQ(write(pair[1], "abc", 3), 3);
	CHECK(!ring_ready(&r));
	CHECK_EQ(write(pair[1], "def", 3), 3);
	CHECK_EQ(ring_take(&r).res, 6);
}

TEST(messages)
{
	struct ring r = rings_new(8);
	char a[4] = "", b[8] = "";
	struct iovec out[] = {{"one ", 4}, {"two", 3}}, in[] = {{a, 3}, {b, 8}};
	struct msghdr s = {.msg_iov = out, .msg_iovlen = 2}, g = {.msg_iov = in, .msg_iovlen = 2};
	int pair[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	rings_submit(&r, &(struct io_uring_sqe){.opcode = IORING_OP_RECVMSG, .fd = pair[1], ADDRESS(&g),
		.len = 1, .user_data = 4});
	CHECK(!ring_ready(&r));
	rings_submit(&r, &(struct io_uring_sqe){.opcode = IORING_OP_SENDMSG, .fd = pair[0], ADDRESS(&s),
		.len = 1, .user_data = 5});
	CHECK_EQ(ring_take(&r).res, 7);
	CHECK_EQ(ring_take(&r).res, 7);
	CHECK(!strcmp(a, "one") && !strcmp(b, " two"));
}

TEST(many_connections_of_one_request)
{
	struct ring r = rings_new(8);
	struct sockaddr_in name;
	int from = listener(&r, &name);
	struct io_uring_cqe c;

	rings_submit(&r, &(struct io_uring_sqe){.opcode = IORING_OP_ACCEPT, .fd = from,
		.ioprio = IORING_ACCEPT_MULTISHOT, .user_data = 6});
	for (int i = 0; i < 5; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		CHECK_EQ(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
		c = ring_take(&r);
		CHECK_EQ(c.user_data, 6);
		CHECK(c.flags & IORING_CQE_F_MORE);
		CHECK(c.res >= 0);
		CHECK_EQ(write(fd, "x", 1), 1);
		CHECK_EQ(read(c.res, &(char){0}, 1), 1);
		close(c.res);
		close(fd);
	}
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_SHUTDOWN, .fd = from, .len = SHUT_RD), 0);
	c = ring_take(&r);
	CHECK(!(c.flags & IORING_CQE_F_MORE));
	CHECK_EQ(c.res, -EINVAL);
}

TEST(sent_without_a_copy)
{
	struct ring r = rings_new(8);
	struct sockaddr_in name;
	int from = listener(&r, &name), to = socket(AF_INET, SOCK_STREAM, 0), got, pair[2];
	char buffer[8] = "";
	struct io_uring_cqe c;

	CHECK_EQ(connect(to, (struct sockaddr *)&name, sizeof(name)), 0);
	got = RUN(&r, .opcode = IORING_OP_ACCEPT, .fd = from);
	CHECK(got >= 0);
	rings_submit(&r, &(struct io_uring_sqe){.opcode = IORING_OP_SEND_ZC, .fd = to, ADDRESS("hello"),
		.len = 5, .user_data = 7});
	c = ring_take(&r);
	CHECK_EQ(c.res, 5);
	CHECK_EQ(c.flags, IORING_CQE_F_MORE);
	CHECK_EQ(read(got, buffer, 8), 5);
	c = ring_take(&r);
	CHECK_EQ(c.flags, IORING_CQE_F_NOTIF);
	CHECK_EQ(c.res, 0);
	CHECK_EQ(c.user_data, 7);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_SEND_ZC, .fd = to, ADDRESS("hello"), .len = 5, .addr3 = 1),
		 -EINVAL);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	rings_submit(&r, &(struct io_uring_sqe){.opcode = IORING_OP_SEND_ZC, .fd = pair[0],
		ADDRESS("hello"), .len = 5, .user_data = 8});
	c = ring_take(&r);
	CHECK_EQ(c.res, -EOPNOTSUPP);
	CHECK_EQ(c.flags, IORING_CQE_F_MORE);
	CHECK_EQ(ring_take(&r).flags, IORING_CQE_F_NOTIF);
}
