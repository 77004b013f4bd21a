/* What a datagram's IP header says: options that set it, control messages that tell it. */
#include <string.h>

#include "inet.h"

enum { NOP = 1, RECORD_ROUTE = 7 };

/* A bound socket and one that sends to it. */
static void make_pair(int family, int pair[2], struct sockaddr_storage *name)
{
	struct sockaddr_in four = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	socklen_t len = sizeof(*name);

	for (int i = 0; i < 2; i++) {
		pair[i] = socket(family, SOCK_DGRAM, 0);
		CHECK(pair[i] >= 0);
	}
	if (family == AF_INET)
		CHECK_EQ(bind(pair[0], (void *)&four, sizeof(four)), 0);
	else
		CHECK_EQ(bind(pair[0], (void *)&six, sizeof(six)), 0);
	CHECK_EQ(getsockname(pair[0], (void *)name, &len), 0);
	CHECK_EQ(connect(pair[1], (void *)name, len), 0);
}

static void set(int fd, int option, int value)
{
	CHECK_EQ(setsockopt(fd, IPPROTO_IP, option, &value, sizeof(value)), 0);
}

static int got(int fd, int option)
{
	int value = -1;

	CHECK_EQ(getsockopt(fd, IPPROTO_IP, option, &value, &(socklen_t){ sizeof(value) }), 0);
	return value;
}

static void set_options(int fd, const void *options, socklen_t len)
{
	CHECK_EQ(setsockopt(fd, IPPROTO_IP, IP_OPTIONS, options, len), 0);
}

static void ask_for_all(int fd)
{
	static const int all[] = { IP_RECVORIGDSTADDR, IP_RETOPTS, IP_RECVOPTS, IP_RECVTOS,
				   IP_RECVTTL, IP_PKTINFO };

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		CHECK_EQ(got(fd, all[i]), 0);
		set(fd, all[i], 7);
		CHECK_EQ(got(fd, all[i]), 1);
	}
}

/* A datagram's control messages: a pointer to the first, and where they are in *m. */
static struct cmsghdr *receive(int fd, struct msghdr *m, void *control, size_t room)
{
	char byte;
	struct iovec v = { &byte, 1 };

	*m = (struct msghdr){ .msg_iov = &v, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = room };
	CHECK_EQ(recvmsg(fd, m, 0), 1);
	m->msg_iov = NULL;
	return CMSG_FIRSTHDR(m);
}

/* The next of these is this one, with these bytes. */
static struct cmsghdr *expect(struct msghdr *m, struct cmsghdr *c, int type, const void *data,
			      size_t len)
{
	CHECK(c);
	CHECK_EQ(c->cmsg_level, IPPROTO_IP);
	CHECK_EQ(c->cmsg_type, type);
	CHECK_EQ(c->cmsg_len, CMSG_LEN(len));
	CHECK(!memcmp(CMSG_DATA(c), data, len));
	return CMSG_NXTHDR(m, c);
}

TEST(all_that_it_says)
{
	_Alignas(8) char control[512];
	struct sockaddr_storage name;
	struct cmsghdr *c;
	struct msghdr m;
	int pair[2];

	make_pair(AF_INET, pair, &name);
	ask_for_all(pair[0]);
	set(pair[1], IP_TTL, 33);
	set(pair[1], IP_TOS, 16);
	set_options(pair[1], (char[]){ NOP, NOP, 0, NOP, NOP }, 5);
	CHECK_EQ(send(pair[1], "x", 1, 0), 1);
	c = receive(pair[0], &m, control, sizeof(control));
	CHECK_EQ(m.msg_flags, 0);
	CHECK(c);
	CHECK_EQ(c->cmsg_type, IP_PKTINFO);
	c = CMSG_NXTHDR(&m, c);
	c = expect(&m, c, IP_TTL, &(int){ 33 }, sizeof(int));
	c = expect(&m, c, IP_TOS, (char[]){ 16 }, 1);
	c = expect(&m, c, IP_RECVOPTS, (char[]){ NOP, NOP, 0, 0, 0, 0, 0, 0 }, 8);
	c = expect(&m, c, IP_RETOPTS, "", 0);
	c = expect(&m, c, IP_ORIGDSTADDR, &name, sizeof(struct sockaddr_in));
	CHECK(!c);
}

TEST(only_what_was_asked_for_and_there_is)
{
	_Alignas(8) char control[512];
	struct sockaddr_storage name;
	struct cmsghdr *c;
	struct msghdr m;
	int pair[2];

	make_pair(AF_INET, pair, &name);
	ask_for_all(pair[0]);
	set(pair[0], IP_PKTINFO, 0);
	set(pair[0], IP_RECVORIGDSTADDR, 0);
	CHECK_EQ(send(pair[1], "x", 1, 0), 1);
	c = receive(pair[0], &m, control, sizeof(control));
	c = expect(&m, c, IP_TTL, &(int){ 64 }, sizeof(int));
	c = expect(&m, c, IP_TOS, "", 1);
	CHECK(!c);
	/* Cut where the room ends. */
	CHECK_EQ(send(pair[1], "x", 1, 0), 1);
	c = receive(pair[0], &m, control, CMSG_SPACE(sizeof(int)) + 8);
	CHECK_EQ(m.msg_flags, MSG_CTRUNC);
	CHECK(!expect(&m, c, IP_TTL, &(int){ 64 }, sizeof(int)));
}

TEST(of_ipv6_there_is_none)
{
	_Alignas(8) char control[512];
	struct sockaddr_storage name;
	struct msghdr m;
	int pair[2];

	make_pair(AF_INET6, pair, &name);
	ask_for_all(pair[0]);
	CHECK_EQ(send(pair[1], "x", 1, 0), 1);
	CHECK(!receive(pair[0], &m, control, sizeof(control)));
}

TEST(options_are_kept)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	char options[48];
	socklen_t len = sizeof(options);

	CHECK_EQ(getsockopt(fd, IPPROTO_IP, IP_OPTIONS, options, &len), 0);
	CHECK_EQ(len, 0);
	memset(options, NOP, sizeof(options));
	CHECK_ERR(setsockopt(fd, IPPROTO_IP, IP_OPTIONS, options, 41), EINVAL);
	set_options(fd, options, 40);
	set_options(fd, options, 3);
	len = sizeof(options);
	CHECK_EQ(getsockopt(fd, IPPROTO_IP, IP_OPTIONS, options, &len), 0);
	CHECK_EQ(len, 4);
	CHECK(!memcmp(options, (char[]){ NOP, NOP, NOP, 0 }, 4));
	/* One that is longer than what is left, or shorter than itself, or has no length. */
	CHECK_ERR(setsockopt(fd, IPPROTO_IP, IP_OPTIONS, (char[]){ NOP, RECORD_ROUTE, 4, 4 }, 4),
		  EINVAL);
	CHECK_ERR(setsockopt(fd, IPPROTO_IP, IP_OPTIONS, (char[]){ RECORD_ROUTE, 1, 4, 4 }, 4),
		  EINVAL);
	CHECK_ERR(setsockopt(fd, IPPROTO_IP, IP_OPTIONS, (char[]){ NOP, NOP, NOP, RECORD_ROUTE }, 4),
		  EINVAL);
	len = 2;
	CHECK_EQ(getsockopt(fd, IPPROTO_IP, IP_OPTIONS, options, &len), 0);
	CHECK_EQ(len, 2);
	set_options(fd, options, 0);
	CHECK_EQ(getsockopt(fd, IPPROTO_IP, IP_OPTIONS, options, &len), 0);
	CHECK_EQ(len, 0);
}
