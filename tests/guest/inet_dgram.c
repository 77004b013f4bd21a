/* Sockets over IP: options, datagrams, both families, and what is told of interfaces. */
#include <stdio.h>
#include <string.h>

#include "inet.h"

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
