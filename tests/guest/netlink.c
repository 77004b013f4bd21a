/* What programs ask the kernel about its network. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"

static _Alignas(8) char buffer[32768];

/* Also makes sure that the loopback is up: nobody did so on Linux. */
static int route_socket(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };

	CHECK(fd >= 0);
	CHECK_EQ(ioctl(fd, SIOCSIFFLAGS, &r), 0);
	return fd;
}

struct question {
	struct nlmsghdr h;
	union {
		struct rtgenmsg gen;
		struct ifinfomsg link;
		struct rtmsg route;
	};
};

static void ask(int fd, unsigned type, unsigned flags, struct question *q)
{
	q->h = (struct nlmsghdr){ .nlmsg_len = sizeof(*q), .nlmsg_type = (unsigned short)type,
				  .nlmsg_flags = (unsigned short)(NLM_F_REQUEST | flags),
				  .nlmsg_seq = 7 };
	CHECK_EQ(send(fd, q, sizeof(*q), 0), sizeof(*q));
}

/* Messages of this type up to the end of a dump; each is checked for who asked. */
static int dumped(int fd, unsigned type)
{
	struct sockaddr_nl own;
	socklen_t len = sizeof(own);
	int count = 0;

	CHECK_EQ(getsockname(fd, (void *)&own, &len), 0);
	for (;;) {
		long n = recv(fd, buffer, sizeof(buffer), 0);

		CHECK(n > 0);
		for (struct nlmsghdr *h = (void *)buffer; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
			CHECK_EQ(h->nlmsg_seq, 7);
			CHECK_EQ(h->nlmsg_pid, own.nl_pid);
			CHECK(h->nlmsg_flags & NLM_F_MULTI);
			if (h->nlmsg_type == NLMSG_DONE)
				return count;
			CHECK_EQ(h->nlmsg_type, type);
			count++;
		}
	}
}

/* The error of an acknowledgement. */
static int refused(int fd)
{
	struct nlmsghdr *h = (void *)buffer;
	struct nlmsgerr *e = NLMSG_DATA(h);

	CHECK(recv(fd, buffer, sizeof(buffer), 0) >= (long)NLMSG_LENGTH(sizeof(*e)));
	CHECK_EQ(h->nlmsg_type, NLMSG_ERROR);
	CHECK_EQ(h->nlmsg_seq, 7);
	return -e->error;
}

TEST(sockets)
{
	CHECK_ERR(socket(AF_NETLINK, SOCK_STREAM, NETLINK_ROUTE), ESOCKTNOSUPPORT);
	CHECK_ERR(socket(AF_NETLINK, SOCK_RAW, 31), EPROTONOSUPPORT);
	CHECK_ERR(socketpair(AF_NETLINK, SOCK_RAW, 0, (int[2]){ 0 }), EOPNOTSUPP);
	CHECK_ERR(listen(route_socket(), 1), EOPNOTSUPP);
	CHECK_ERR(accept(route_socket(), NULL, NULL), EOPNOTSUPP);
	CHECK_ERR(shutdown(route_socket(), SHUT_RD), EOPNOTSUPP);
}

TEST(ports)
{
	int a = route_socket(), b = route_socket();
	struct sockaddr_nl nl = { .nl_family = AF_NETLINK }, got;
	socklen_t len = sizeof(got);

	CHECK_EQ(bind(a, (void *)&nl, sizeof(nl)), 0);
	CHECK_EQ(getsockname(a, (void *)&got, &len), 0);
	CHECK_EQ(len, sizeof(got));
	CHECK_EQ(got.nl_pid, (unsigned)getpid());
	CHECK_ERR(bind(b, (void *)&got, sizeof(got)), EADDRINUSE);
	CHECK_EQ(bind(b, (void *)&nl, sizeof(nl)), 0);
	CHECK_EQ(getsockname(b, (void *)&got, &len), 0);
	CHECK(got.nl_pid != (unsigned)getpid() && got.nl_pid);
	got.nl_pid = 12345;
	CHECK_ERR(bind(b, (void *)&got, sizeof(got)), EINVAL);
	CHECK_ERR(bind(b, (void *)&got, 8), EINVAL);
	got.nl_family = AF_INET;
	CHECK_ERR(bind(b, (void *)&got, sizeof(got)), EINVAL);
	CHECK_EQ(getpeername(a, (void *)&got, &len), 0);
	CHECK_EQ(got.nl_pid, 0);
}

TEST(links)
{
	int fd = route_socket();
	struct question q = { .link = { .ifi_index = 1 } };
	struct nlmsghdr *h = (void *)buffer;
	struct ifinfomsg *link = NLMSG_DATA(h);

	CHECK(if_nametoindex("lo") == 1);
	ask(fd, RTM_GETLINK, NLM_F_DUMP, &(struct question){ 0 });
	CHECK(dumped(fd, RTM_NEWLINK) >= 1);
	ask(fd, RTM_GETLINK, 0, &q);
	CHECK(recv(fd, buffer, sizeof(buffer), 0) > 0);
	CHECK_EQ(h->nlmsg_type, RTM_NEWLINK);
	CHECK_EQ(link->ifi_index, 1);
	CHECK_EQ(link->ifi_flags, IFF_UP | IFF_LOOPBACK | IFF_RUNNING | 0x10000);
	q.link.ifi_index = 77;
	ask(fd, RTM_GETLINK, 0, &q);
	CHECK_EQ(refused(fd), ENODEV);
	q.link.ifi_index = 0;
	ask(fd, RTM_GETLINK, 0, &q);
	CHECK_EQ(refused(fd), EINVAL);
}

TEST(addresses_and_routes)
{
	int fd = route_socket();

	ask(fd, RTM_GETADDR, NLM_F_DUMP, &(struct question){ .gen = { AF_UNSPEC } });
	CHECK(dumped(fd, RTM_NEWADDR) >= 2);
	ask(fd, RTM_GETADDR, NLM_F_DUMP, &(struct question){ .gen = { AF_INET } });
	CHECK(dumped(fd, RTM_NEWADDR) >= 1);
	ask(fd, RTM_GETROUTE, NLM_F_DUMP, &(struct question){ .route = { .rtm_family = AF_INET } });
	CHECK(dumped(fd, RTM_NEWROUTE) >= 3);
}

TEST(acknowledgements)
{
	int fd = route_socket();
	struct question q = { 0 };

	ask(fd, 200, 0, &q);
	CHECK_EQ(refused(fd), EOPNOTSUPP);
	ask(fd, NLMSG_NOOP, NLM_F_ACK, &q);
	CHECK_EQ(refused(fd), 0);
	/* What is damaged is not answered. */
	q.h.nlmsg_len = 4;
	CHECK_EQ(send(fd, &q, sizeof(q), 0), sizeof(q));
	CHECK_ERR(recv(fd, buffer, 1, MSG_DONTWAIT), EAGAIN);
	CHECK_ERR(send(fd, &q, 0, MSG_OOB), EOPNOTSUPP);
}

static void change(void *fd)
{
	struct question q = { .link = { .ifi_index = 1 } };

	ask(*(int *)fd, RTM_NEWLINK, NLM_F_ACK, &q);
	CHECK_EQ(refused(*(int *)fd), EPERM);
}

TEST(changes_need_privilege)
{
	int fd = route_socket();

	CHECK_EQ(test_child_as(1000, change, &fd), 0);
}

TEST(between_programs)
{
	int a = route_socket(), b = route_socket();
	struct sockaddr_nl nl = { .nl_family = AF_NETLINK }, from;
	socklen_t len = sizeof(from);
	char got[8] = "";

	CHECK_EQ(bind(a, (void *)&nl, sizeof(nl)), 0);
	nl.nl_pid = 0x7fffff00;
	CHECK_ERR(sendto(b, "hello", 6, 0, (void *)&nl, sizeof(nl)), ECONNREFUSED);
	nl.nl_pid = (unsigned)getpid();
	CHECK_EQ(sendto(b, "hello", 6, 0, (void *)&nl, sizeof(nl)), 6);
	CHECK_EQ(recvfrom(a, got, 8, 0, (void *)&from, &len), 6);
	CHECK(!strcmp(got, "hello"));
	CHECK(from.nl_pid && from.nl_pid != (unsigned)getpid());
}

TEST(libc_sees_the_loopback)
{
	struct ifaddrs *all;
	int up = route_socket();
	bool v4 = false, v6 = false;

	close(up);
	CHECK_EQ(getifaddrs(&all), 0);
	for (struct ifaddrs *a = all; a; a = a->ifa_next) {
		char text[64];

		if (!a->ifa_addr || strcmp(a->ifa_name, "lo"))
			continue;
		if (a->ifa_addr->sa_family == AF_INET) {
			inet_ntop(AF_INET, &((struct sockaddr_in *)a->ifa_addr)->sin_addr, text, 64);
			v4 = v4 || !strcmp(text, "127.0.0.1");
		}
		if (a->ifa_addr->sa_family == AF_INET6) {
			inet_ntop(AF_INET6, &((struct sockaddr_in6 *)a->ifa_addr)->sin6_addr, text, 64);
			v6 = v6 || !strcmp(text, "::1");
		}
	}
	CHECK(v4 && v6);
	freeifaddrs(all);
}

TEST(uevents_are_silent)
{
	struct sockaddr_nl nl = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);

	CHECK_EQ(bind(fd, (void *)&nl, sizeof(nl)), 0);
	CHECK_ERR(recv(fd, buffer, 1, 0), EAGAIN);
}

/* The group that the message in front came to, -1: nothing is said of one. */
static int group_told(int fd)
{
	_Alignas(struct cmsghdr) char control[64];
	struct iovec iov = { buffer, sizeof(buffer) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	struct nl_pktinfo info;

	CHECK(recvmsg(fd, &m, 0) > 0);
	c = CMSG_FIRSTHDR(&m);
	if (!c)
		return -1;
	CHECK_EQ(c->cmsg_level, SOL_NETLINK);
	CHECK_EQ(c->cmsg_type, NETLINK_PKTINFO);
	CHECK_EQ(c->cmsg_len, CMSG_LEN(sizeof(info)));
	memcpy(&info, CMSG_DATA(c), sizeof(info));
	return (int)info.group;
}

TEST(messages_name_their_group)
{
	int fd = route_socket(), on = 1, off = 0;
	struct question q = { .gen = { .rtgen_family = AF_UNSPEC } };

	ask(fd, RTM_GETADDR, NLM_F_DUMP, &q);
	CHECK_EQ(setsockopt(fd, SOL_NETLINK, NETLINK_PKTINFO, &on, sizeof(on)), 0);
	CHECK_EQ(group_told(fd), 0);
	CHECK_EQ(setsockopt(fd, SOL_NETLINK, NETLINK_PKTINFO, &off, sizeof(off)), 0);
	close(fd);
	fd = route_socket();
	ask(fd, RTM_GETADDR, NLM_F_DUMP, &q);
	CHECK_EQ(group_told(fd), -1);
}
