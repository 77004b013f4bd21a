/* Options of sockets: what they may be, what they are at first, and what they do. */
#include <errno.h>
#include <string.h>

#include <linux/sock_diag.h>

#include "inet.h"

enum { MSS_CLIENT = 32741, MSS_SERVER = 32768, MSS_CLIENT6 = 32732, STAMP = 12 };

static int get(int fd, int level, int option)
{
	int value = -1;

	CHECK_EQ(getsockopt(fd, level, option, &value, &(socklen_t){ sizeof(value) }), 0);
	return value;
}

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) ? -errno : 0;
}

/* Set, and what it is then; or the error. */
static int put(int fd, int level, int option, int value)
{
	int err = set(fd, level, option, value);

	return err ? err : get(fd, level, option);
}

TEST(segments)
{
	int fd = tcp(), pair[2];

	CHECK_EQ(get(fd, IPPROTO_TCP, TCP_MAXSEG), 536);
	CHECK_EQ(put(fd, IPPROTO_TCP, TCP_MAXSEG, 87), -EINVAL);
	CHECK_EQ(put(fd, IPPROTO_TCP, TCP_MAXSEG, 32768), -EINVAL);
	CHECK_EQ(put(fd, IPPROTO_TCP, TCP_MAXSEG, -1), -EINVAL);
	CHECK_EQ(put(fd, IPPROTO_TCP, TCP_MAXSEG, 88), 88);
	CHECK_EQ(put(fd, IPPROTO_TCP, TCP_MAXSEG, 32767), 32767);
	CHECK_EQ(put(fd, IPPROTO_TCP, TCP_MAXSEG, 0), 536);
	connection(pair);
	CHECK_EQ(get(pair[0], IPPROTO_TCP, TCP_MAXSEG), MSS_CLIENT);
	CHECK_EQ(get(pair[1], IPPROTO_TCP, TCP_MAXSEG), MSS_SERVER);
	/* It is agreed upon. */
	CHECK_EQ(put(pair[0], IPPROTO_TCP, TCP_MAXSEG, 600), MSS_CLIENT);
}

/* Both ends send what the smaller wish allows. */
static void check_segments(int listener, int client, int expected)
{
	int l = listening(1), c = tcp(), s;

	if (listener)
		CHECK_EQ(set(l, IPPROTO_TCP, TCP_MAXSEG, listener), 0);
	if (client)
		CHECK_EQ(set(c, IPPROTO_TCP, TCP_MAXSEG, client), 0);
	CHECK_EQ(connect(c, IN4(LO, port_of(l))), 0);
	s = accept(l, NULL, NULL);
	CHECK_EQ(get(c, IPPROTO_TCP, TCP_MAXSEG), expected);
	CHECK_EQ(get(s, IPPROTO_TCP, TCP_MAXSEG), expected);
	close(c);
	close(s);
	close(l);
}

TEST(segments_of_both_ends)
{
	int l = socket(AF_INET6, SOCK_STREAM, 0), c = socket(AF_INET6, SOCK_STREAM, 0);

	check_segments(1000, 0, 1000 - STAMP);
	check_segments(0, 1000, 1000 - STAMP);
	check_segments(2000, 1500, 1500 - STAMP);
	CHECK_EQ(bind(l, IN6("::1", 0)), 0);
	CHECK_EQ(listen(l, 1), 0);
	CHECK_EQ(connect(c, IN6("::1", port_of(l))), 0);
	CHECK_EQ(get(c, IPPROTO_TCP, TCP_MAXSEG), MSS_CLIENT6);
}

TEST(numbers_of_tcp)
{
	int fd = tcp(), pair[2];

	CHECK_EQ(get(fd, IPPROTO_TCP, TCP_QUICKACK), 1);
	CHECK_EQ(put(fd, IPPROTO_TCP, TCP_QUICKACK, 0), 0);
	CHECK_EQ(put(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 4096), 4096);
	CHECK_EQ(put(fd, IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, 1), 1);
	CHECK_EQ(put(fd, IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, 2), -EINVAL);
	CHECK_EQ(put(fd, IPPROTO_TCP, TCP_THIN_DUPACK, 1), 0);
	CHECK_EQ(put(fd, IPPROTO_TCP, TCP_THIN_DUPACK, 2), -EINVAL);
	CHECK_EQ(put(fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, 1), 1152);
	CHECK_EQ(put(fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, 5000), 5000);
	CHECK_EQ(put(fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, 0), 0);
	CHECK_EQ(put(fd, IPPROTO_TCP, TCP_TIMESTAMP, 1), -EPERM);
	CHECK_EQ(put(fd, IPPROTO_TCP, TCP_FASTOPEN, 5), 5);
	CHECK_EQ(put(fd, IPPROTO_TCP, TCP_FASTOPEN, 100000), 4096);
	CHECK_EQ(put(fd, IPPROTO_TCP, TCP_FASTOPEN, -1), -EINVAL);
	CHECK_EQ(put(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 2), -EINVAL);
	CHECK_EQ(put(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1), 1);
	CHECK_EQ(put(fd, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, 1), 1);
	connection(pair);
	CHECK_EQ(get(pair[0], IPPROTO_TCP, TCP_WINDOW_CLAMP), 65536);
	CHECK_EQ(put(pair[0], IPPROTO_TCP, TCP_WINDOW_CLAMP, 0), -EINVAL);
	CHECK_EQ(put(pair[0], IPPROTO_TCP, TCP_FASTOPEN, 1), -EINVAL);
	CHECK_EQ(put(pair[0], IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1), -EINVAL);
	CHECK_EQ(put(pair[0], IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, 1), -EINVAL);
}

static int set_congestion(int fd, const char *name, socklen_t len)
{
	return setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, len) ? -errno : 0;
}

static void check_congestion(int fd, const char *expected)
{
	char name[64];
	socklen_t len = sizeof(name);

	CHECK_EQ(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len), 0);
	CHECK_EQ(len, 16);
	CHECK(!strcmp(name, expected));
}

TEST(names_of_tcp)
{
	int fd = tcp();
	char name[64];
	socklen_t len = 3;

	check_congestion(fd, "cubic");
	CHECK_EQ(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len), 0);
	CHECK(len == 3 && !memcmp(name, "cub", 3));
	CHECK_EQ(set_congestion(fd, "reno", 4), 0);
	check_congestion(fd, "reno");
	CHECK_EQ(set_congestion(fd, "ren", 3), -ENOENT);
	CHECK_EQ(set_congestion(fd, "", 0), -EINVAL);
	CHECK_EQ(set_congestion(fd, "cubiccubiccubiccubiccubic", 25), -ENOENT);
	CHECK_EQ(set_congestion(fd, "cubic\0x", 7), 0);
	check_congestion(fd, "cubic");
	len = sizeof(name);
	CHECK_EQ(getsockopt(fd, IPPROTO_TCP, TCP_ULP, name, &len), 0);
	CHECK_EQ(len, 0);
	CHECK_ERR(setsockopt(fd, IPPROTO_TCP, TCP_ULP, "nosuch", 6), ENOENT);
	CHECK_ERR(setsockopt(fd, IPPROTO_TCP, TCP_ULP, "", 0), EINVAL);
	len = sizeof(name);
	CHECK_EQ(getsockopt(fd, IPPROTO_TCP, TCP_CC_INFO, name, &len), 0);
	CHECK_EQ(len, 0);
}

/* One message of at most `n` bytes; *left: what TCP_INQ told, or -1. */
static long receive(int fd, size_t n, int flags, int *left)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	char bytes[16];
	struct iovec v = { bytes, n };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };
	long got = recvmsg(fd, &m, flags);
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	*left = -1;
	if (h && h->cmsg_level == IPPROTO_TCP && h->cmsg_type == TCP_CM_INQ)
		memcpy(left, CMSG_DATA(h), sizeof(*left));
	return got;
}

TEST(what_is_left_to_read)
{
	int pair[2], left;
	char byte;
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };

	connection(pair);
	CHECK_EQ(put(pair[1], IPPROTO_TCP, TCP_INQ, 2), -EINVAL);
	CHECK_EQ(write(pair[0], "hello world", 11), 11);
	await(pair[1], POLLIN);
	CHECK(receive(pair[1], 1, 0, &left) == 1 && left == -1);
	CHECK_EQ(put(pair[1], IPPROTO_TCP, TCP_INQ, 1), 1);
	CHECK(receive(pair[1], 3, 0, &left) == 3 && left == 7);
	CHECK(receive(pair[1], 4, MSG_PEEK, &left) == 4 && left == 7);
	CHECK_EQ(recvmsg(pair[1], &m, 0), 1);
	CHECK_EQ(m.msg_flags, MSG_CTRUNC);
	close(pair[0]);
	await(pair[1], POLLRDHUP);
	CHECK(receive(pair[1], 16, 0, &left) == 6 && left == 1);
	CHECK(receive(pair[1], 16, 0, &left) == 0 && left == 1);
}

TEST(devices)
{
	int fd = udp();
	char name[IFNAMSIZ] = "";
	socklen_t len = sizeof(name);

	CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &len), 0);
	CHECK_EQ(len, 0);
	CHECK_EQ(get(fd, SOL_SOCKET, SO_BINDTOIFINDEX), 0);
	CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "nosuch0", 8), ENODEV);
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2), 0);
	CHECK_EQ(get(fd, SOL_SOCKET, SO_BINDTOIFINDEX), 1);
	len = sizeof(name) - 1;
	CHECK_ERR(getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &len), EINVAL);
	len = sizeof(name);
	CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &len), 0);
	CHECK(len == 3 && !strcmp(name, "lo"));
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "", 0), 0);
	CHECK_EQ(get(fd, SOL_SOCKET, SO_BINDTOIFINDEX), 0);
	CHECK_EQ(put(fd, SOL_SOCKET, SO_BINDTOIFINDEX, 1), 1);
	CHECK_EQ(put(fd, SOL_SOCKET, SO_BINDTOIFINDEX, -1), -EINVAL);
}

TEST(numbers_of_sockets)
{
	int a = tcp(), b = udp();
	unsigned long one = 0, other = 0, again = 0;
	unsigned memory[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(one);

	CHECK_EQ(getsockopt(a, SOL_SOCKET, SO_COOKIE, &one, &len), 0);
	CHECK_EQ(getsockopt(b, SOL_SOCKET, SO_COOKIE, &other, &len), 0);
	CHECK_EQ(getsockopt(a, SOL_SOCKET, SO_COOKIE, &again, &len), 0);
	CHECK(one && other && one != other && one == again);
	len = 4;
	CHECK_ERR(getsockopt(a, SOL_SOCKET, SO_COOKIE, &one, &len), EINVAL);
	len = sizeof(memory);
	CHECK_EQ(bind(b, IN4(LO, 0)), 0);
	CHECK_EQ(getsockopt(b, SOL_SOCKET, SO_MEMINFO, memory, &len), 0);
	CHECK_EQ(len, sizeof(memory));
	CHECK_EQ(memory[SK_MEMINFO_RCVBUF], get(b, SOL_SOCKET, SO_RCVBUF));
	CHECK_EQ(memory[SK_MEMINFO_SNDBUF], get(b, SOL_SOCKET, SO_SNDBUF));
	CHECK_EQ(memory[SK_MEMINFO_RMEM_ALLOC], 0);
	CHECK_EQ(sendto(b, "x", 1, 0, IN4(LO, port_of(b))), 1);
	await(b, POLLIN);
	CHECK_EQ(getsockopt(b, SOL_SOCKET, SO_MEMINFO, memory, &len), 0);
	CHECK(memory[SK_MEMINFO_RMEM_ALLOC] > 0);
	CHECK_EQ(put(a, SOL_SOCKET, SO_BUF_LOCK, 4), -EINVAL);
	CHECK_EQ(put(a, SOL_SOCKET, SO_BUF_LOCK, 2), 2);
	CHECK_EQ(set(a, SOL_SOCKET, SO_SNDBUF, 8192), 0);
	CHECK_EQ(get(a, SOL_SOCKET, SO_BUF_LOCK), 3);
	CHECK_EQ(put(a, SOL_SOCKET, SO_NO_CHECK, 7), 1);
	CHECK_EQ(put(a, SOL_SOCKET, SO_PASSSEC, 7), 1);
}

/* The four kinds of stamps exclude each other, but that nanoseconds in the newer form say that
 * microseconds are there, too; and each has its own number. */
TEST(stamps)
{
	static const int kinds[] = { SO_TIMESTAMP_OLD, SO_TIMESTAMPNS_OLD, SO_TIMESTAMP_NEW,
				     SO_TIMESTAMPNS_NEW };
	int fd = udp();

	CHECK_EQ(bind(fd, IN4(LO, 0)), 0);
	for (int i = 0; i < 4; i++) {
		union {
			struct cmsghdr align;
			char bytes[CMSG_SPACE(16)];
		} control;
		char byte;
		struct iovec v = { &byte, 1 };
		struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control.bytes,
				    .msg_controllen = sizeof(control.bytes) };

		CHECK_EQ(set(fd, SOL_SOCKET, kinds[i], 1), 0);
		for (int j = 0; j < 4; j++)
			CHECK_EQ(get(fd, SOL_SOCKET, kinds[j]), i == j || (i == 3 && j == 2));
		CHECK_EQ(sendto(fd, "x", 1, 0, IN4(LO, port_of(fd))), 1);
		CHECK_EQ(recvmsg(fd, &m, 0), 1);
		CHECK(CMSG_FIRSTHDR(&m));
		CHECK_EQ(CMSG_FIRSTHDR(&m)->cmsg_type, kinds[i]);
		CHECK_EQ(CMSG_FIRSTHDR(&m)->cmsg_len, CMSG_LEN(16));
	}
}

static void unprivileged(void *)
{
	int fd = udp();

	CHECK_EQ(put(fd, IPPROTO_IP, IP_TRANSPARENT, 1), -EPERM);
	CHECK_EQ(put(fd, IPPROTO_IP, IP_TRANSPARENT, 0), 0);
	CHECK_ERR(bind(fd, IN4("10.1.2.3", 0)), EADDRNOTAVAIL);
	CHECK_EQ(put(fd, IPPROTO_IP, IP_FREEBIND, 1), 1);
	CHECK_EQ(bind(fd, IN4("10.1.2.3", 0)), 0);
}

TEST(numbers_of_ip)
{
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);

	CHECK_EQ(get(fd, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_WANT);
	CHECK_EQ(get(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER), IPV6_PMTUDISC_WANT);
	CHECK_EQ(put(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO), IP_PMTUDISC_DO);
	CHECK_EQ(put(fd, IPPROTO_IP, IP_MTU_DISCOVER, 6), -EINVAL);
	CHECK_EQ(get(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER), IPV6_PMTUDISC_WANT);
	CHECK_EQ(put(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, -1), -EINVAL);
	CHECK_EQ(put(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, 0), 0);
	CHECK_ERR(getsockopt(fd, IPPROTO_IPV6, IPV6_MTU, &(int){ 0 }, &(socklen_t){ 4 }), ENOTCONN);
	/* One flag under two names; and one for who may. */
	CHECK_EQ(put(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1), 1);
	CHECK_EQ(get(fd, IPPROTO_IP, IP_FREEBIND), 1);
	CHECK_EQ(put(fd, IPPROTO_IP, IP_TRANSPARENT, 1), 1);
	CHECK_EQ(get(fd, IPPROTO_IPV6, IPV6_TRANSPARENT), 1);
	CHECK_ERR(setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, "", 0), EINVAL);
	CHECK_EQ(bind(fd, IN6("2001:db8::1", 0)), 0);
	CHECK_EQ(test_child_as(1000, unprivileged, NULL), 0);
}

/* Which control messages came with a datagram: their types in order, of IPPROTO_IP's as 100 more. */
static void check_header(int to, int from, const struct sockaddr_in6 *name, const int *types)
{
	union {
		struct cmsghdr align;
		char bytes[512];
	} control;
	char byte;
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };

	CHECK_EQ(sendto(from, "x", 1, 0, (const void *)name, sizeof(*name)), 1);
	CHECK_EQ(recvmsg(to, &m, 0), 1);
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h), types++) {
		int number;

		CHECK_EQ(h->cmsg_type + (h->cmsg_level == IPPROTO_IP ? 100 : 0), *types);
		memcpy(&number, CMSG_DATA(h), sizeof(number));
		if (*types == IPV6_HOPLIMIT)
			CHECK_EQ(number, 9);
		if (*types == IPV6_TCLASS)
			CHECK_EQ(number, 0x20);
	}
	CHECK_EQ(*types, 0);
}

TEST(what_an_ipv6_header_says)
{
	static const int wanted[] = { IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS,
				      IPV6_RECVRTHDR, IPV6_RECVHOPOPTS, IPV6_RECVDSTOPTS,
				      IPV6_RECVPATHMTU, IPV6_RECVORIGDSTADDR };
	static const int six[] = { IPV6_PKTINFO, IPV6_HOPLIMIT, IPV6_TCLASS, IPV6_ORIGDSTADDR, 0 };
	static const int four[] = { IPV6_PKTINFO, 100 + IP_TTL, 100 + IP_TOS, 0 };
	int to = socket(AF_INET6, SOCK_DGRAM, 0), from = socket(AF_INET6, SOCK_DGRAM, 0);
	struct sockaddr_in6 name;

	CHECK_EQ(bind(to, IN6("::", 0)), 0);
	for (unsigned i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
		CHECK_EQ(put(to, IPPROTO_IPV6, wanted[i], 5), 1);
	CHECK_EQ(put(to, IPPROTO_IP, IP_RECVTTL, 1), 1);
	CHECK_EQ(put(to, IPPROTO_IP, IP_RECVTOS, 1), 1);
	CHECK_EQ(put(from, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 9), 9);
	CHECK_EQ(put(from, IPPROTO_IPV6, IPV6_TCLASS, 0x20), 0x20);
	name = in6("::1", port_of(to));
	check_header(to, from, &name, six);
	name = in6("::ffff:127.0.0.1", port_of(to));
	check_header(to, from, &name, four);
}
