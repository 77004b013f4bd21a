/* Filters of what sockets receive: classic BPF programs over packets. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "test.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))
#define ALL	  0xffffffffu
#define RETURN(k) BPF_STMT(BPF_RET | BPF_K, (k))
#define RETURN_A  BPF_STMT(BPF_RET | BPF_A, 0)
#define LOAD(size, k) BPF_STMT(BPF_LD | BPF_ABS | (size), (k))
#define LOAD_X(size, k) BPF_STMT(BPF_LD | BPF_IND | (size), (k))
#define X(k)	  BPF_STMT(BPF_LDX | BPF_IMM, (k))
#define ALU(op, k) BPF_STMT(BPF_ALU | BPF_K | (op), (k))
#define EXTRA(what) LOAD(BPF_W, (unsigned)SKF_AD_OFF + (what))
#define NET(k)	  ((unsigned)SKF_NET_OFF + (k))
#define LINK(k)	  ((unsigned)SKF_LL_OFF + (k))

enum { RANDOM = SKF_AD_RANDOM };

static int attach(int fd, struct sock_filter *insns, size_t n)
{
	struct sock_fprog prog = {(unsigned short)n, insns};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
}
#define ATTACH(fd, ...) do { \
	struct sock_filter insns_[] = {__VA_ARGS__}; \
	CHECK_EQ(attach(fd, insns_, LENGTH(insns_)), 0); \
} while (0)

/* What comes of a message sent to the second: -1: nothing, or its length. */
static char received[8192];
static long sent(const int *fd, const void *data, size_t n)
{
	CHECK_EQ(send(fd[0], data, n, 0), (long)n);
	return recv(fd[1], received, sizeof(received), MSG_DONTWAIT);
}

static void unix_pair(int type, int *fd)
{
	CHECK_EQ(socketpair(AF_UNIX, type, 0, fd), 0);
}

static void udp_pair(int family, int *fd)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 b = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr *any = family == AF_INET ? (void *)&a : (void *)&b;
	socklen_t len = family == AF_INET ? sizeof(a) : sizeof(b);

	fd[0] = socket(family, SOCK_DGRAM, 0);
	fd[1] = socket(family, SOCK_DGRAM, 0);
	CHECK_EQ(bind(fd[1], any, len), 0);
	CHECK_EQ(getsockname(fd[1], any, &len), 0);
	CHECK_EQ(connect(fd[0], any, len), 0);
}

TEST(datagrams_are_kept_cut_or_dropped)
{
	int fd[2];

	unix_pair(SOCK_DGRAM, fd);
	ATTACH(fd[1], RETURN(0));
	CHECK_EQ(sent(fd, "hello", 5), -1);
	CHECK_EQ(errno, EAGAIN);
	ATTACH(fd[1], RETURN(3));
	CHECK_EQ(sent(fd, "hello", 5), 3);
	CHECK_EQ(memcmp(received, "hel", 3), 0);
	CHECK_EQ(sent(fd, "he", 2), 2);
	ATTACH(fd[1], RETURN(ALL));
	CHECK_EQ(sent(fd, "hello", 5), 5);
	CHECK_EQ(sent(fd, "", 0), 0);
	/* Those that begin with an a. */
	ATTACH(fd[1], LOAD(BPF_B, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'a', 0, 1), RETURN(ALL),
	       RETURN(0));
	CHECK_EQ(sent(fd, "apple", 5), 5);
	CHECK_EQ(sent(fd, "pear", 4), -1);
	CHECK_EQ(sent(fd, "", 0), -1);
	CHECK_EQ(write(fd[0], "pear", 4), 4);
	CHECK_EQ(write(fd[0], "apple", 5), 5);
	CHECK_EQ(read(fd[1], received, 100), 5);
	CHECK_EQ(setsockopt(fd[1], SOL_SOCKET, SO_DETACH_FILTER, NULL, 0), -1);
	CHECK_EQ(setsockopt(fd[1], SOL_SOCKET, SO_DETACH_FILTER, &(int){0}, sizeof(int)), 0);
	CHECK_EQ(sent(fd, "pear", 4), 4);
}

/* Large ones lie elsewhere. */
TEST(large_datagrams)
{
	static char data[8000];
	int fd[2];

	unix_pair(SOCK_DGRAM, fd);
	data[7000] = 42;
	ATTACH(fd[1], LOAD(BPF_W, 6998), ALU(BPF_RSH, 8), ALU(BPF_ADD, 4000), RETURN_A);
	CHECK_EQ(sent(fd, data, sizeof(data)), 4042);
	ATTACH(fd[1], LOAD(BPF_W, 7997), RETURN(ALL));
	CHECK_EQ(sent(fd, data, sizeof(data)), -1);
	ATTACH(fd[1], LOAD(BPF_W, 4094), RETURN(ALL));
	CHECK_EQ(sent(fd, data, sizeof(data)), 8000);
	ATTACH(fd[1], RETURN(1));
	CHECK_EQ(sent(fd, data, sizeof(data)), 1);
}

static void other_sockets(int type, long cut)
{
	int fd[2];

	unix_pair(type, fd);
	ATTACH(fd[1], RETURN(2));
	CHECK_EQ(sent(fd, "hello", 5), cut);
	ATTACH(fd[1], RETURN(0));
	CHECK_EQ(sent(fd, "hello", 5), cut == 5 ? 5 : -1);
	close(fd[0]);
	close(fd[1]);
}

TEST(sequenced_packets_and_streams)
{
	other_sockets(SOCK_SEQPACKET, 2);
	other_sockets(SOCK_STREAM, 5);	/* streams of this family do not ask */
}

/* --- values: the program leaves one, of which one more is kept; -2: it is over with 0 --- */

static long value_of(const int *fd, struct sock_filter *insns, size_t n, const void *data, size_t len,
		     unsigned header)
{
	static char padded[4096];
	struct sock_filter all[40];
	int other = -1;

	memcpy(all, insns, n * sizeof(*insns));
	all[n] = (struct sock_filter)ALU(BPF_ADD, 1 + header);
	all[n + 1] = (struct sock_filter)RETURN_A;
	CHECK_EQ(attach(fd[1], all, n + 2), 0);
	memset(padded, 0, sizeof(padded));
	memcpy(padded, data, len);
	(void)other;
	return sent(fd, padded, sizeof(padded)) - 1;
}
#define VALUE_AT(fd, header, want, ...) do { \
	struct sock_filter insns_[] = {__VA_ARGS__}; \
	CHECK_EQ(value_of(fd, insns_, LENGTH(insns_), data, sizeof(data), header), want); \
} while (0)
#define VALUE(want, ...) VALUE_AT(fd, 0, want, __VA_ARGS__)
#define UDP_VALUE(want, ...) VALUE_AT(fd, 8, want, __VA_ARGS__)

TEST(loads)
{
	static const unsigned char data[16] = {1, 2, 3, 4, 0x45, 6, 7, 8, 0, 0, 0, 9};
	int fd[2];

	unix_pair(SOCK_DGRAM, fd);
	VALUE(2, LOAD(BPF_B, 1));
	VALUE(0x203, LOAD(BPF_H, 1));
	VALUE(9, LOAD(BPF_W, 8));
	VALUE(0x102, LOAD(BPF_W, 0), ALU(BPF_RSH, 16));
	VALUE(-2, LOAD(BPF_B, 4096));
	VALUE(0, LOAD(BPF_B, 4095));
	VALUE(-2, LOAD(BPF_W, 4093));
	VALUE(-2, LOAD(BPF_W, 0x7fffffff));
	VALUE(3, X(1), LOAD_X(BPF_B, 1));
	VALUE(0x304, X(2), LOAD_X(BPF_H, 0));
	VALUE(2, X(-1), LOAD_X(BPF_B, 2));
	VALUE(-2, X(1), LOAD_X(BPF_B, 4095));
	VALUE(20, BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 4), BPF_STMT(BPF_MISC | BPF_TXA, 0));
	VALUE(4096 - 4095, BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), ALU(BPF_SUB, 4095));
	VALUE(1, BPF_STMT(BPF_LDX | BPF_W | BPF_LEN, 0), BPF_STMT(BPF_MISC | BPF_TXA, 0),
	      ALU(BPF_SUB, 4095));
	VALUE(2, LOAD(BPF_B, 3), ALU(BPF_SUB, 2));
	VALUE(1, BPF_STMT(BPF_LD | BPF_IMM, 7), ALU(BPF_MOD, 3));
	VALUE(2, BPF_STMT(BPF_LD | BPF_IMM, 17), X(5), BPF_STMT(BPF_ALU | BPF_MOD | BPF_X, 0));
	VALUE(-2, BPF_STMT(BPF_LD | BPF_IMM, 7), X(0), BPF_STMT(BPF_ALU | BPF_MOD | BPF_X, 0));
	VALUE(-2, BPF_STMT(BPF_LD | BPF_IMM, 7), X(0), BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0));
	VALUE(0, BPF_STMT(BPF_MISC | BPF_TXA, 0));
	/* Where there are no headers. */
	VALUE(2, LOAD(BPF_B, NET(1)));
	VALUE(-2, LOAD(BPF_B, LINK(0)));
	VALUE(-2, LOAD(BPF_B, (unsigned)SKF_LL_OFF - 1));
	VALUE(-2, LOAD(BPF_B, 0x80000000));
}

TEST(what_else_a_datagram_tells)
{
	static const unsigned char data[8];
	int fd[2];

	unix_pair(SOCK_DGRAM, fd);
	VALUE(0, EXTRA(SKF_AD_PROTOCOL));
	VALUE(0, EXTRA(SKF_AD_PKTTYPE));
	VALUE(-2, EXTRA(SKF_AD_IFINDEX));
	VALUE(-2, EXTRA(SKF_AD_HATYPE));
	VALUE(0, EXTRA(SKF_AD_MARK));
	VALUE(0, EXTRA(SKF_AD_QUEUE));
	VALUE(0, EXTRA(SKF_AD_RXHASH));
	VALUE(0, EXTRA(SKF_AD_VLAN_TAG));
	VALUE(0, EXTRA(SKF_AD_VLAN_TAG_PRESENT));
	VALUE(0, EXTRA(SKF_AD_VLAN_TPID));
	VALUE(0, EXTRA(SKF_AD_PAY_OFFSET));
	VALUE(0, EXTRA(SKF_AD_CPU), ALU(BPF_RSH, 10));
	VALUE(0, EXTRA(RANDOM), ALU(BPF_AND, 0));
	VALUE(6, X(5), BPF_STMT(BPF_LD | BPF_IMM, 3), EXTRA(SKF_AD_ALU_XOR_X));
	VALUE(3, X(5), BPF_STMT(BPF_LD | BPF_IMM, 6), LOAD(BPF_B, (unsigned)SKF_AD_OFF + SKF_AD_ALU_XOR_X));
}

/* Attributes of netlink, wherever they are. */
TEST(attributes)
{
	static const struct {
		struct nlattr a;
		char text[4];
		struct nlattr nest, b, c;
	} data[1] = {{{8, 5}, "abc", {12, 6}, {4, 7}, {4, 8}}};
	int fd[2];

	unix_pair(SOCK_DGRAM, fd);
	VALUE(0, X(5), BPF_STMT(BPF_LD | BPF_IMM, 0), EXTRA(SKF_AD_NLATTR), ALU(BPF_ADD, 0));
	VALUE(8, X(6), BPF_STMT(BPF_LD | BPF_IMM, 0), EXTRA(SKF_AD_NLATTR));
	VALUE(8, X(6), BPF_STMT(BPF_LD | BPF_IMM, 8), EXTRA(SKF_AD_NLATTR));
	VALUE(0, X(5), BPF_STMT(BPF_LD | BPF_IMM, 8), EXTRA(SKF_AD_NLATTR));
	VALUE(0, X(7), BPF_STMT(BPF_LD | BPF_IMM, 0), EXTRA(SKF_AD_NLATTR));
	VALUE(16, X(8), BPF_STMT(BPF_LD | BPF_IMM, 8), EXTRA(SKF_AD_NLATTR_NEST));
	VALUE(0, X(6), BPF_STMT(BPF_LD | BPF_IMM, 8), EXTRA(SKF_AD_NLATTR_NEST));
	VALUE(0, X(6), BPF_STMT(BPF_LD | BPF_IMM, 100000), EXTRA(SKF_AD_NLATTR));
}

TEST(datagrams_over_ip)
{
	static const unsigned char data[4] = {1, 2, 3, 4};
	struct sockaddr_in to;
	socklen_t len = sizeof(to);
	int fd[2], tos = 0x20, mark = 77;

	udp_pair(AF_INET, fd);
	CHECK_EQ(getsockname(fd[1], (void *)&to, &len), 0);
	CHECK_EQ(setsockopt(fd[0], IPPROTO_IP, IP_TOS, &tos, sizeof(tos)), 0);
	CHECK_EQ(setsockopt(fd[0], SOL_SOCKET, SO_MARK, &mark, sizeof(mark)), 0);
	/* The header of UDP is part of it, and is kept. */
	ATTACH(fd[1], RETURN(0));
	CHECK_EQ(sent(fd, "hello", 5), -1);
	ATTACH(fd[1], RETURN(3));
	CHECK_EQ(sent(fd, "hello", 5), 0);
	ATTACH(fd[1], RETURN(11));
	CHECK_EQ(sent(fd, "hello", 5), 3);
	UDP_VALUE(1, LOAD(BPF_B, 8));
	UDP_VALUE(ntohs(to.sin_port) & 0xfff, LOAD(BPF_H, 2), ALU(BPF_AND, 0xfff));
	UDP_VALUE((4096 + 8) >> 4, LOAD(BPF_H, 4), ALU(BPF_RSH, 4));
	UDP_VALUE((4096 + 8) >> 4, BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), ALU(BPF_RSH, 4));
	UDP_VALUE(0x45, LOAD(BPF_B, NET(0)));
	UDP_VALUE(0x20, LOAD(BPF_B, NET(1)));
	UDP_VALUE((4096 + 28) >> 4, LOAD(BPF_H, NET(2)), ALU(BPF_RSH, 4));
	UDP_VALUE(64, LOAD(BPF_B, NET(8)));
	UDP_VALUE(17, LOAD(BPF_B, NET(9)));
	UDP_VALUE(0x7f0, LOAD(BPF_H, NET(12)), ALU(BPF_RSH, 4));
	UDP_VALUE(1, LOAD(BPF_H, NET(18)));
	UDP_VALUE(3, LOAD(BPF_B, NET(30)));
	UDP_VALUE(0x800, LOAD(BPF_H, LINK(12)));
	UDP_VALUE(0, LOAD(BPF_W, LINK(0)));
	UDP_VALUE(0x45, LOAD(BPF_B, LINK(14)));
	UDP_VALUE(0x800, EXTRA(SKF_AD_PROTOCOL));
	UDP_VALUE(0, EXTRA(SKF_AD_PKTTYPE));
	UDP_VALUE(1, EXTRA(SKF_AD_IFINDEX));
	UDP_VALUE(772, EXTRA(SKF_AD_HATYPE));
	UDP_VALUE(77, EXTRA(SKF_AD_MARK));
	UDP_VALUE(8, EXTRA(SKF_AD_PAY_OFFSET));
	UDP_VALUE(0, EXTRA(SKF_AD_QUEUE));
}

TEST(datagrams_over_ipv6)
{
	static const unsigned char data[4] = {1, 2, 3, 4};
	int fd[2];

	udp_pair(AF_INET6, fd);
	UDP_VALUE(2, LOAD(BPF_B, 9));
	UDP_VALUE(6, LOAD(BPF_B, NET(0)), ALU(BPF_RSH, 4));
	UDP_VALUE((4096 + 8) >> 4, LOAD(BPF_H, NET(4)), ALU(BPF_RSH, 4));
	UDP_VALUE(17, LOAD(BPF_B, NET(6)));
	UDP_VALUE(1, LOAD(BPF_B, NET(23)));
	UDP_VALUE(1, LOAD(BPF_B, NET(39)));
	UDP_VALUE(4, LOAD(BPF_B, NET(51)));
	UDP_VALUE(0xdd, LOAD(BPF_B, LINK(13)));
	UDP_VALUE(0x6dd, EXTRA(SKF_AD_PROTOCOL), ALU(BPF_AND, 0xfff));
	UDP_VALUE(8, EXTRA(SKF_AD_PAY_OFFSET));
}

TEST(answers_of_the_kernel)
{
	struct {
		struct nlmsghdr h;
		struct rtgenmsg g;
	} ask = {{sizeof(ask), RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1, 0}, {AF_UNSPEC}};
	struct nlmsghdr *got = (void *)received;
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	ATTACH(fd, RETURN(0));
	CHECK_EQ(send(fd, &ask, sizeof(ask), 0), sizeof(ask));
	CHECK_ERR(recv(fd, received, sizeof(received), MSG_DONTWAIT), EAGAIN);
	close(fd);
	fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	ATTACH(fd, RETURN(20));
	CHECK_EQ(send(fd, &ask, sizeof(ask), 0), sizeof(ask));
	CHECK_EQ(recv(fd, received, sizeof(received), MSG_DONTWAIT), 20);
	CHECK_EQ(got->nlmsg_type, RTM_NEWLINK);
}

/* --- what is refused --- */

static void refused(struct sock_filter *insns, size_t n, int error)
{
	int fd[2];

	unix_pair(SOCK_DGRAM, fd);
	CHECK_ERR(attach(fd[1], insns, n), error);
	CHECK_EQ(sent(fd, "hello", 5), 5);
	close(fd[0]);
	close(fd[1]);
}
#define REFUSED(error, ...) do { \
	struct sock_filter insns_[] = {__VA_ARGS__}; \
	refused(insns_, LENGTH(insns_), error); \
} while (0)

TEST(programs_that_are_refused)
{
	static struct sock_filter many[4097];

	REFUSED(EINVAL, LOAD(BPF_B, 0));
	REFUSED(EINVAL, EXTRA(64), RETURN(0));
	REFUSED(EINVAL, EXTRA(2000), RETURN(0));
	REFUSED(EINVAL, LOAD(BPF_W | 0x18, 0), RETURN(0));
	REFUSED(EINVAL, BPF_STMT(BPF_LD | BPF_H | BPF_LEN, 0), RETURN(0));
	REFUSED(EINVAL, BPF_STMT(BPF_LDX | BPF_W | BPF_ABS, 0), RETURN(0));
	REFUSED(EINVAL, BPF_STMT(BPF_LDX | BPF_W | BPF_MSH, 0), RETURN(0));
	REFUSED(EINVAL, BPF_STMT(BPF_RET | BPF_X, 0));
	REFUSED(EINVAL, BPF_STMT(BPF_LD | BPF_MEM, 0), RETURN(0));
	REFUSED(EINVAL, BPF_STMT(BPF_ST, 16), RETURN(0));
	REFUSED(EINVAL, ALU(BPF_DIV, 0), RETURN(0));
	REFUSED(EINVAL, ALU(BPF_MOD, 0), RETURN(0));
	REFUSED(EINVAL, ALU(BPF_LSH, 32), RETURN(0));
	REFUSED(EINVAL, ALU(0xb0, 1), RETURN(0));
	REFUSED(EINVAL, BPF_STMT(BPF_JMP | BPF_JA, 1), RETURN(0));
	REFUSED(EINVAL, BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), RETURN(0));
	REFUSED(EINVAL, BPF_STMT(0xffff, 0), RETURN(0));
	refused(many, 0, EINVAL);
	refused(many, 4097, EINVAL);
	refused(NULL, 1, EINVAL);
	refused((void *)8, 1, EFAULT);
	for (size_t i = 0; i < LENGTH(many); i++)
		many[i] = (struct sock_filter)RETURN(0);
	refused(many, 4097, EINVAL);
}

TEST(options_of_filters)
{
	struct sock_filter one[] = {LOAD(BPF_B, 0), RETURN(ALL)}, back[4];
	struct sock_fprog prog = {2, one};
	socklen_t len;
	int fd[2], value;

	unix_pair(SOCK_DGRAM, fd);
	CHECK_ERR(setsockopt(fd[1], SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog) - 1), EINVAL);
	CHECK_ERR(setsockopt(fd[1], SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog) + 1), EINVAL);
	CHECK_ERR(setsockopt(fd[1], SOL_SOCKET, SO_ATTACH_FILTER, &prog, 3), EINVAL);
	CHECK_ERR(setsockopt(fd[1], SOL_SOCKET, SO_ATTACH_FILTER, (void *)8, sizeof(prog)), EFAULT);
	value = 0;
	CHECK_ERR(setsockopt(fd[1], SOL_SOCKET, SO_DETACH_FILTER, &value, sizeof(value)), ENOENT);
	len = sizeof(back) / sizeof(back[0]);
	CHECK_EQ(getsockopt(fd[1], SOL_SOCKET, SO_GET_FILTER, back, &len), 0);
	CHECK_EQ(len, 0);
	CHECK_EQ(attach(fd[1], one, 2), 0);
	/* Lengths are counted in instructions. */
	len = 0;
	CHECK_EQ(getsockopt(fd[1], SOL_SOCKET, SO_GET_FILTER, NULL, &len), 0);
	CHECK_EQ(len, 2);
	len = 1;
	CHECK_ERR(getsockopt(fd[1], SOL_SOCKET, SO_GET_FILTER, back, &len), EINVAL);
	len = 3;
	CHECK_EQ(getsockopt(fd[1], SOL_SOCKET, SO_GET_FILTER, back, &len), 0);
	CHECK_EQ(len, 2);
	CHECK_EQ(memcmp(back, one, sizeof(one)), 0);
	len = 2;
	CHECK_ERR(getsockopt(fd[1], SOL_SOCKET, SO_GET_FILTER, (void *)8, &len), EFAULT);
}

TEST(locked_filters)
{
	struct sock_filter one[] = {RETURN(2)};
	socklen_t len = sizeof(int);
	int fd[2], value = 7;

	unix_pair(SOCK_DGRAM, fd);
	CHECK_EQ(attach(fd[1], one, 1), 0);
	CHECK_EQ(getsockopt(fd[1], SOL_SOCKET, SO_LOCK_FILTER, &value, &len), 0);
	CHECK_EQ(value, 0);
	CHECK_EQ(setsockopt(fd[1], SOL_SOCKET, SO_LOCK_FILTER, &value, sizeof(value)), 0);
	value = 7;
	CHECK_EQ(setsockopt(fd[1], SOL_SOCKET, SO_LOCK_FILTER, &value, sizeof(value)), 0);
	CHECK_EQ(getsockopt(fd[1], SOL_SOCKET, SO_LOCK_FILTER, &value, &len), 0);
	CHECK_EQ(value, 1);
	CHECK_ERR(attach(fd[1], one, 1), EPERM);
	CHECK_ERR(attach(fd[1], NULL, 0), EPERM);
	CHECK_ERR(setsockopt(fd[1], SOL_SOCKET, SO_DETACH_FILTER, &value, sizeof(value)), EPERM);
	value = 0;
	CHECK_ERR(setsockopt(fd[1], SOL_SOCKET, SO_LOCK_FILTER, &value, sizeof(value)), EPERM);
	CHECK_EQ(sent(fd, "hello", 5), 2);
	CHECK_EQ(setsockopt(fd[0], SOL_SOCKET, SO_LOCK_FILTER, &(int){1}, sizeof(int)), 0);
	CHECK_ERR(attach(fd[0], one, 1), EPERM);
}
