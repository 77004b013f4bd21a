/* UNIX sockets: options, readiness, and many threads at once. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>

#include "unix.h"

static int option(int fd, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	CHECK_EQ(getsockopt(fd, SOL_SOCKET, name, &value, &len), 0);
	CHECK_EQ(len, sizeof(value));
	return value;
}

TEST(options)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0), value = 1, l = listening("s", 1);
	struct linger linger;
	char byte[4] = "";
	socklen_t len;

	CHECK_EQ(option(fd, SO_TYPE), SOCK_SEQPACKET);
	CHECK_EQ(option(fd, SO_DOMAIN), AF_UNIX);
	CHECK_EQ(option(fd, SO_PROTOCOL), 0);
	CHECK_EQ(option(fd, SO_ERROR), 0);
	CHECK_EQ(option(fd, SO_ACCEPTCONN), 0);
	CHECK_EQ(option(l, SO_ACCEPTCONN), 1);
	CHECK_EQ(option(fd, SO_SNDBUF), 212992);
	CHECK_EQ(option(fd, SO_RCVBUF), 212992);
	CHECK_EQ(option(fd, SO_RCVLOWAT), 1);
	for (unsigned i = 0; i < 6; i++) {
		int name = ((int[]){ SO_REUSEADDR, SO_KEEPALIVE, SO_BROADCAST, SO_PASSCRED,
				     SO_OOBINLINE, SO_DONTROUTE })[i];

		CHECK_EQ(option(fd, name), 0);
		value = 5;
		CHECK_EQ(setsockopt(fd, SOL_SOCKET, name, &value, sizeof(value)), 0);
		CHECK_EQ(option(fd, name), 1);
	}
	value = 30000;
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &value, sizeof(value)), 0);
	CHECK_EQ(option(fd, SO_SNDBUF), 60000);
	value = 1;
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &value, sizeof(value)), 0);
	CHECK_EQ(option(fd, SO_SNDBUF), 4608);
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, sizeof(value)), 0);
	CHECK_EQ(option(fd, SO_RCVBUF), 2304);
	value = 1 << 30;
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, sizeof(value)), 0);
	CHECK_EQ(option(fd, SO_RCVBUF), 425984);
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 3 }, 8), 0);
	len = sizeof(linger);
	CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len), 0);
	CHECK_EQ(linger.l_linger, 3);
	len = 1;	/* what there is room for */
	CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_TYPE, byte, &len), 0);
	CHECK_EQ(len, 1);
	CHECK_EQ(byte[0], SOCK_SEQPACKET);
	CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_TYPE, &value, 4), ENOPROTOOPT);
	CHECK_ERR(setsockopt(fd, SOL_SOCKET, 999, &value, 4), ENOPROTOOPT);
	CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, 3), EINVAL);
	CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, BAD_POINTER, 4), EFAULT);
	CHECK_ERR(setsockopt(fd, 6, 1, &value, 4), EOPNOTSUPP);
	CHECK_ERR(getsockopt(fd, 6, 1, &value, &len), EOPNOTSUPP);
	CHECK_ERR(getsockopt(fd, SOL_SOCKET, 999, &value, &len), ENOPROTOOPT);
	CHECK_ERR(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, BAD_POINTER), EFAULT);
	len = sizeof(value);
	CHECK_ERR(getsockopt(fd, SOL_SOCKET, SO_TYPE, BAD_POINTER, &len), EFAULT);
	len = (socklen_t)-1;
	CHECK_ERR(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &len), EINVAL);
}

TEST(readiness)
{
	int fresh = socket(AF_UNIX, SOCK_STREAM, 0), l = listening("s", 1), fds[2], c;

	CHECK_EQ(ready(fresh), POLLOUT | POLLHUP);
	CHECK_EQ(ready(socket(AF_UNIX, SOCK_DGRAM, 0)), POLLOUT);
	CHECK_EQ(ready(l), 0);
	c = connected(SOCK_STREAM, "s");
	CHECK_EQ(ready(l), POLLIN);
	CHECK_EQ(ready(c), POLLOUT);
	close(accept(l, NULL, NULL));
	CHECK_EQ(ready(c), POLLIN | POLLOUT | POLLHUP | POLLRDHUP);
	pair(SOCK_STREAM, fds);
	CHECK_EQ(ready(fds[0]), POLLOUT);
	CHECK_EQ(write(fds[1], "x", 1), 1);
	CHECK_EQ(ready(fds[0]), POLLIN | POLLOUT);
}

static void *close_later(void *fd)
{
	test_sleep_ms(50);
	close(*(int *)fd);
	return NULL;
}

TEST(poll_wakes_when_the_peer_goes)
{
	int fds[2];
	pthread_t t;
	struct pollfd p;

	pair(SOCK_STREAM, fds);
	p = (struct pollfd){ .fd = fds[0], .events = POLLRDHUP };
	pthread_create(&t, NULL, close_later, &fds[1]);
	CHECK_EQ(poll(&p, 1, 5000), 1);
	CHECK_EQ(p.revents, POLLRDHUP | POLLHUP);
	pthread_join(t, NULL);
}

TEST(proc_net_unix)
{
	const char *text;
	char want[64];
	struct stat st;
	int l = listening("named", 1);

	fstat(l, &st);
	text = test_read_file("/proc/net/unix");
	CHECK(!strncmp(text, "Num       RefCount Protocol Flags    Type St Inode Path\n", 56));
	snprintf(want, sizeof(want), " 00010000 0001 01 %5lu named\n", (unsigned long)st.st_ino);
	CHECK(strstr(test_read_file("/proc/net/unix"), want));
}

/* --- many threads --- */

static void *mangle(void *seed)
{
	unsigned x = (unsigned)(long)seed;
	char buffer[64];

	for (int i = 0; i < 400; i++) {
		int fds[2];

		x = x * 1103515245 + 12345;
		CHECK_EQ(socketpair(AF_UNIX, (x >> 16) & 1 ? SOCK_STREAM : SOCK_DGRAM, 0, fds), 0);
		CHECK_EQ(send(fds[0], "0123456789", 10, 0), 10);
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
	pthread_t t[8];

	for (long i = 0; i < 8; i++)
		pthread_create(&t[i], NULL, mangle, (void *)(i + 1));
	for (int i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
}

static int shared[2];

static void *send_counts(void *)
{
	for (int i = 0; i < 500; i++)
		CHECK_EQ(send(shared[0], &i, sizeof(i), 0), sizeof(i));
	return NULL;
}

static void *sum_counts(void *)
{
	long sum = 0;
	int i;

	while (recv(shared[1], &i, sizeof(i), 0) == sizeof(i))
		sum += i;
	return (void *)sum;
}

TEST(many_senders_many_receivers)
{
	for (int type = SOCK_STREAM; type <= SOCK_SEQPACKET; type += SOCK_SEQPACKET - SOCK_STREAM) {
		pthread_t from[4], to[4];
		long sum = 0;
		void *part;

		pair(type, shared);
		for (int i = 0; i < 4; i++) {
			pthread_create(&from[i], NULL, send_counts, NULL);
			pthread_create(&to[i], NULL, sum_counts, NULL);
		}
		for (int i = 0; i < 4; i++)
			pthread_join(from[i], NULL);
		shutdown(shared[0], SHUT_WR);
		for (int i = 0; i < 4; i++) {
			pthread_join(to[i], &part);
			sum += (long)part;
		}
		CHECK_EQ(sum, 4 * 499l * 500 / 2);
		close(shared[0]);
		close(shared[1]);
	}
}

static void *connect_many(void *path)
{
	for (int i = 0; i < 100; i++) {
		int fd = connected(SOCK_STREAM, path);

		CHECK_EQ(write(fd, "x", 1), 1);
		close(fd);
	}
	return NULL;
}

/* Three wait in read(2) of one socket. What is sent wakes as many as it is for, and the end all. */
static void *read_one(void *fd)
{
	char bytes[4];

	return (void *)read(*(int *)fd, bytes, sizeof(bytes));
}

static void check_readers(int type)
{
	pthread_t reader[3];
	long sum = 0;
	int pair[2];

	CHECK_EQ(socketpair(AF_UNIX, type, 0, pair), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&reader[i], NULL, read_one, &pair[0]), 0);
	test_sleep_ms(50);
	CHECK_EQ(write(pair[1], "four", 4), 4);
	CHECK_EQ(write(pair[1], "more", 4), 4);
	test_sleep_ms(50);
	CHECK_EQ(shutdown(pair[0], SHUT_RDWR), 0);
	for (int i = 0; i < 3; i++) {
		void *n;

		CHECK_EQ(pthread_join(reader[i], &n), 0);
		CHECK((long)n == 4 || (long)n == 0);
		sum += (long)n;
	}
	CHECK_EQ(sum, 8);
	close(pair[0]);
	close(pair[1]);
}

TEST(who_waits_in_read)
{
	check_readers(SOCK_STREAM);
	check_readers(SOCK_SEQPACKET);
	check_readers(SOCK_DGRAM);
}

/* The time of SO_RCVTIMEO counts in read(2), too. */
TEST(a_read_ends_in_time)
{
	struct timeval t = { .tv_usec = 20000 };
	char byte;
	int pair[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	CHECK_EQ(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)), 0);
	CHECK_ERR(read(pair[0], &byte, 1), EAGAIN);
}

TEST(many_connect)
{
	int l = listening("s", 3);
	pthread_t t[4];
	char byte;

	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, connect_many, "s");
	for (int i = 0; i < 400; i++) {
		int fd = accept(l, NULL, NULL);

		CHECK(fd >= 0);
		CHECK_EQ(read(fd, &byte, 1), 1);
		CHECK_EQ(read(fd, &byte, 1), 0);
		close(fd);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
}
