/* UNIX sockets: names, connections, streams. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <linux/sockios.h>

#include "unix.h"

TEST(socket_refuses)
{
	CHECK_ERR(socket(AF_UNIX, SOCK_STREAM, 5), EPROTONOSUPPORT);
	CHECK_ERR(socket(AF_UNIX, SOCK_RDM, 0), ESOCKTNOSUPPORT);
	CHECK_ERR(socket(AF_UNIX, 12, 0), EINVAL);
	CHECK_ERR(socket(AF_UNIX, SOCK_STREAM | 0x100, 0), EINVAL);
	CHECK_ERR(socket(200, SOCK_STREAM, 0), EAFNOSUPPORT);
	CHECK_ERR(socketpair(AF_UNIX, SOCK_STREAM, 0, BAD_POINTER), EFAULT);
	CHECK_ERR(socketpair(AF_UNIX, SOCK_STREAM | 0x100, 0, BAD_POINTER), EINVAL);
	CHECK_ERR(bind(99, SUN("x"), 4), EBADF);
	CHECK_ERR(bind(open("/dev/null", O_RDWR), SUN("x"), 4), ENOTSOCK);
	CHECK_ERR(bind(open("/", O_PATH), SUN("x"), 4), EBADF);
}

TEST(flags_and_stat)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, PF_UNIX), plain;
	char link[64], want[64];
	struct stat st;

	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
	plain = socket(AF_UNIX, SOCK_RAW, 0);	/* means a datagram one */
	CHECK_EQ(fcntl(plain, F_GETFD), 0);
	CHECK_EQ(fcntl(plain, F_GETFL), O_RDWR);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_mode, S_IFSOCK | 0777);
	CHECK_EQ(st.st_size, 0);
	snprintf(want, sizeof(want), "/proc/self/fd/%d", fd);
	CHECK((readlink(want, link, sizeof(link))) > 0);
	snprintf(want, sizeof(want), "socket:[%lu]", (unsigned long)st.st_ino);
	CHECK(!strncmp(link, want, strlen(want)));
	CHECK_ERR(lseek(fd, 0, SEEK_CUR), ESPIPE);
	CHECK_ERR(pread(fd, link, 1, 0), ESPIPE);
}

TEST(bind_names_an_inode)
{
	int fd = bound(SOCK_STREAM, "s"), other = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un a;
	socklen_t len = sizeof(a);
	struct stat st;

	umask(022);
	CHECK_EQ(stat("s", &st), 0);
	CHECK_EQ(st.st_mode, S_IFSOCK | 0755);
	CHECK_EQ(getsockname(fd, (void *)&a, &len), 0);
	CHECK_EQ(len, 4);
	CHECK(!strcmp(a.sun_path, "s"));
	CHECK_ERR(bind(fd, SUN("t"), SUN_LEN_OF("t")), EINVAL);
	CHECK_ERR(bind(other, SUN("s"), SUN_LEN_OF("s")), EADDRINUSE);
	test_write_file("file", "");
	CHECK_ERR(bind(other, SUN("file"), SUN_LEN_OF("file")), EADDRINUSE);
	CHECK_ERR(bind(other, SUN("missing/s"), SUN_LEN_OF("missing/s")), ENOENT);
	CHECK_ERR(bind(other, SUN("file/s"), SUN_LEN_OF("file/s")), ENOTDIR);
	CHECK_ERR(bind(other, SUN("s"), 111), EINVAL);
	CHECK_ERR(bind(other, SUN("s"), 1), EINVAL);
	CHECK_ERR(bind(other, SUN("s"), -1), EINVAL);
	CHECK_ERR(bind(other, BAD_POINTER, 4), EFAULT);
	a.sun_family = AF_INET;
	CHECK_ERR(bind(other, (void *)&a, 4), EINVAL);
	CHECK_ERR(open("s", O_RDONLY), ENXIO);
	/* The inode stays when the socket goes; then the name is taken and nobody is there. */
	close(fd);
	CHECK_ERR(bind(other, SUN("s"), SUN_LEN_OF("s")), EADDRINUSE);
	CHECK_ERR(connect(other, SUN("s"), SUN_LEN_OF("s")), ECONNREFUSED);
	unlink("s");
	CHECK_EQ(bind(other, SUN("s"), SUN_LEN_OF("s")), 0);
}

TEST(a_path_of_full_length)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0), other = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char got[128];
	socklen_t len = sizeof(got);

	memset(a.sun_path, 'x', sizeof(a.sun_path));
	CHECK_EQ(bind(fd, (void *)&a, sizeof(a)), 0);
	CHECK_EQ(getsockname(fd, (void *)got, &len), 0);
	CHECK_EQ(len, sizeof(a) + 1);
	CHECK_EQ(got[2 + 107], 'x');
	CHECK_EQ(connect(other, (void *)&a, sizeof(a)), 0);
}

TEST(abstract_names)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), other = socket(AF_UNIX, SOCK_STREAM, 0);
	int dgram = socket(AF_UNIX, SOCK_DGRAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un a, b;
	socklen_t len = abstract(&a, "guest-test"), got = sizeof(b);

	CHECK_EQ(bind(fd, (void *)&a, len), 0);
	CHECK_ERR(bind(other, (void *)&a, len), EADDRINUSE);
	CHECK_EQ(bind(dgram, (void *)&a, len), 0);	/* each type has its own */
	CHECK_EQ(bind(other, (void *)&a, len + 1), 0);	/* a NUL more is another name */
	CHECK_EQ(getsockname(fd, (void *)&b, &got), 0);
	CHECK_EQ(got, len);
	CHECK(!memcmp(&a, &b, len));
	CHECK_ERR(connect(c, (void *)&a, len), ECONNREFUSED);
	CHECK_EQ(listen(fd, 1), 0);
	CHECK_EQ(connect(c, (void *)&a, len), 0);
	close(fd);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_EQ(bind(fd, (void *)&a, len), 0);
	CHECK_ERR(connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, len - 1), ECONNREFUSED);
}

/* Whoever reads from a stream may ask who wrote it, if that one has a name. */
TEST(a_stream_says_who_wrote)
{
	struct sockaddr_un a = un("untouched");
	socklen_t len = sizeof(a);
	struct iovec v = { .iov_len = 1, .iov_base = (char[1]){ 0 } };
	struct msghdr m = { .msg_name = &a, .msg_iov = &v, .msg_iovlen = 1 };
	int fds[2];

	pair(SOCK_STREAM, fds);
	CHECK_EQ(write(fds[1], "abcde", 5), 5);
	CHECK_EQ(recvfrom(fds[0], v.iov_base, 1, 0, (void *)&a, &len), 1);
	CHECK_EQ(len, 0);
	CHECK(!strcmp(a.sun_path, "untouched"));
	unlink("writer");
	CHECK_EQ(bind(fds[1], SUN("writer"), SUN_LEN_OF("writer")), 0);
	len = sizeof(a);
	CHECK_EQ(recvfrom(fds[0], v.iov_base, 1, MSG_PEEK, (void *)&a, &len), 1);
	CHECK_EQ(len, SUN_LEN_OF("writer"));
	CHECK(!strcmp(a.sun_path, "writer"));
	a = un("untouched");
	m.msg_namelen = 5;
	CHECK_EQ(recvmsg(fds[0], &m, 0), 1);
	CHECK_EQ(m.msg_namelen, SUN_LEN_OF("writer"));
	CHECK(!strcmp(a.sun_path, "wriouched"));
	m.msg_name = NULL;
	m.msg_namelen = 5;
	CHECK_EQ(recvmsg(fds[0], &m, 0), 1);
	CHECK_EQ(m.msg_namelen, 5);
	close(fds[1]);
	len = sizeof(a);
	CHECK_EQ(recvfrom(fds[0], v.iov_base, 1, 0, (void *)&a, &len), 1);
	CHECK_EQ(len, SUN_LEN_OF("writer"));
	len = sizeof(a);
	CHECK_EQ(recvfrom(fds[0], v.iov_base, 1, 0, (void *)&a, &len), 1);
	CHECK_EQ(recvfrom(fds[0], v.iov_base, 1, 0, (void *)&a, &len), 0);
	CHECK_EQ(len, 0);
}

TEST(autobind)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(a);

	CHECK_EQ(getsockname(fd, (void *)&a, &len), 0);
	CHECK_EQ(len, 2);
	CHECK_EQ(bind(fd, (void *)&a, 2), 0);
	len = sizeof(a);
	CHECK_EQ(getsockname(fd, (void *)&a, &len), 0);
	CHECK_EQ(len, 8);
	CHECK_EQ(a.sun_path[0], 0);
	CHECK_EQ(strspn(a.sun_path + 1, "0123456789abcdef"), 5);
	CHECK_EQ(bind(fd, (void *)&(struct sockaddr_un){ .sun_family = AF_UNIX }, 2), 0);
	CHECK_ERR(bind(fd, SUN("named"), SUN_LEN_OF("named")), EINVAL);
}

TEST(stream_connection)
{
	int l = listening("s", 2), c = connected(SOCK_STREAM, "s"), s, type;
	struct sockaddr_un a;
	socklen_t len = sizeof(a);

	memset(&a, 0xff, sizeof(a));
	s = accept(l, (void *)&a, &len);
	CHECK(s >= 0);
	CHECK_EQ(len, 2);
	CHECK_EQ(a.sun_family, AF_UNIX);
	len = sizeof(a);
	CHECK_EQ(getpeername(c, (void *)&a, &len), 0);
	CHECK_EQ(len, 4);
	len = sizeof(a);
	CHECK_EQ(getsockname(s, (void *)&a, &len), 0);
	CHECK_EQ(len, 4);
	CHECK_EQ(write(c, "hello", 5), 5);
	expect_read(s, "hello");
	CHECK_EQ(send(s, "there", 5, 0), 5);
	expect_read(c, "there");
	CHECK_ERR(connect(c, SUN("s"), SUN_LEN_OF("s")), EISCONN);
	CHECK_ERR(connect(l, SUN("s"), SUN_LEN_OF("s")), EINVAL);
	CHECK_ERR(listen(c, 1), EINVAL);
	CHECK_ERR(sendto(c, "x", 1, 0, SUN("s"), SUN_LEN_OF("s")), EISCONN);
	CHECK_ERR(getpeername(l, (void *)&a, &len), ENOTCONN);
	CHECK_ERR(accept(c, NULL, NULL), EINVAL);
	CHECK_ERR(accept4(l, NULL, NULL, 0x100), EINVAL);
	CHECK_ERR(recv(l, &type, 1, MSG_DONTWAIT), EINVAL);
	CHECK_ERR(send(l, &type, 1, MSG_NOSIGNAL), ENOTCONN);
	/* The name may go, the connection does not. */
	unlink("s");
	CHECK_ERR(connect(socket(AF_UNIX, SOCK_STREAM, 0), SUN("s"), SUN_LEN_OF("s")), ENOENT);
	CHECK_EQ(write(c, "x", 1), 1);
	expect_read(s, "x");
}

TEST(connect_refuses)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), not = bound(SOCK_STREAM, "not");
	int dgram = bound(SOCK_DGRAM, "dgram");

	test_write_file("file", "");
	CHECK_ERR(connect(fd, SUN("file"), SUN_LEN_OF("file")), ECONNREFUSED);
	CHECK_ERR(connect(fd, SUN("not"), SUN_LEN_OF("not")), ECONNREFUSED);
	CHECK_ERR(connect(fd, SUN("dgram"), SUN_LEN_OF("dgram")), EPROTOTYPE);
	CHECK_ERR(connect(fd, SUN("none"), SUN_LEN_OF("none")), ENOENT);
	CHECK_ERR(connect(fd, SUN("none"), 2), EINVAL);
	CHECK_ERR(connect(fd, BAD_POINTER, 5), EFAULT);
	CHECK_ERR(listen(fd, 1), EINVAL);	/* unbound */
	CHECK_ERR(listen(dgram, 1), EOPNOTSUPP);
	CHECK_ERR(accept(dgram, NULL, NULL), EOPNOTSUPP);
	CHECK_ERR(accept(not, NULL, NULL), EINVAL);
	CHECK_ERR(accept(99, NULL, NULL), EBADF);
	CHECK_ERR(shutdown(fd, 3), EINVAL);
	CHECK_ERR(shutdown(fd, -1), EINVAL);
	CHECK_EQ(shutdown(fd, SHUT_RDWR), 0);
}

static void connect_child(void *path)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	CHECK_ERR(connect(fd, SUN(path), SUN_LEN_OF(path)), EACCES);
}

TEST(connect_needs_permission)
{
	char cwd[256], path[300];

	chmod(".", 0755);
	close(listening("s", 1));
	listening("s", 1);
	chmod("s", 0700);
	CHECK(getcwd(cwd, sizeof(cwd)));
	snprintf(path, sizeof(path), "%s/s", cwd);
	CHECK_EQ(test_child_as(1000, connect_child, path), 0);
}

TEST(backlog)
{
	int l = listening("s", 1), c[3], late;

	c[0] = connected(SOCK_STREAM, "s");
	c[1] = connected(SOCK_STREAM, "s");
	late = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	CHECK_ERR(connect(late, SUN("s"), SUN_LEN_OF("s")), EAGAIN);
	setsockopt(late, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){ .tv_usec = 20000 },
		   sizeof(struct timeval));
	fcntl(late, F_SETFL, 0);
	CHECK_ERR(connect(late, SUN("s"), SUN_LEN_OF("s")), EAGAIN);
	CHECK(accept(l, NULL, NULL) >= 0);
	CHECK_EQ(connect(late, SUN("s"), SUN_LEN_OF("s")), 0);
	/* Nobody accepts these any more. */
	close(l);
	ignore_sigpipe();
	CHECK_ERR(read(c[1], c, 1), ECONNRESET);
	CHECK_EQ(read(c[1], c, 1), 0);
	CHECK_ERR(write(c[1], c, 1), EPIPE);
}

static void *connect_later(void *path)
{
	test_sleep_ms(50);
	return (void *)(long)connected(SOCK_STREAM, path);
}

TEST(accept_waits)
{
	int l = listening("s", 4);
	pthread_t t;
	void *c;

	pthread_create(&t, NULL, connect_later, "s");
	CHECK(accept(l, NULL, NULL) >= 0);
	pthread_join(t, &c);
	fcntl(l, F_SETFL, O_NONBLOCK);
	CHECK_ERR(accept(l, NULL, NULL), EAGAIN);
	fcntl(l, F_SETFL, 0);
	setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){ .tv_usec = 20000 },
		   sizeof(struct timeval));
	CHECK_ERR(accept(l, NULL, NULL), EAGAIN);
	shutdown(l, SHUT_RD);
	CHECK_ERR(accept(l, NULL, NULL), EINVAL);
}

TEST(stream_ends)
{
	char buffer[16];
	int fds[2];

	ignore_sigpipe();
	pair(SOCK_STREAM, fds);
	CHECK_EQ(write(fds[0], "abc", 3), 3);
	CHECK_EQ(shutdown(fds[0], SHUT_WR), 0);
	CHECK_ERR(write(fds[0], "x", 1), EPIPE);
	CHECK_EQ(ready(fds[1]), POLLIN | POLLOUT | POLLRDHUP);
	expect_read(fds[1], "abc");
	CHECK_EQ(read(fds[1], buffer, 1), 0);
	CHECK_EQ(write(fds[1], "back", 4), 4);
	expect_read(fds[0], "back");
	CHECK_EQ(shutdown(fds[1], SHUT_RD), 0);
	CHECK_EQ(shutdown(fds[1], SHUT_WR), 0);
	CHECK_EQ(ready(fds[1]), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
	close(fds[0]);
	CHECK_EQ(read(fds[1], buffer, 1), 0);

	pair(SOCK_STREAM, fds);
	CHECK_EQ(write(fds[0], "unread", 6), 6);
	CHECK_EQ(write(fds[1], "kept", 4), 4);
	close(fds[1]);	/* with something unread: the other is told */
	CHECK_EQ(ready(fds[0]) & (POLLERR | POLLHUP), POLLERR | POLLHUP);
	expect_read(fds[0], "kept");
	CHECK_ERR(read(fds[0], buffer, 1), ECONNRESET);
	CHECK_EQ(read(fds[0], buffer, 1), 0);
	CHECK_ERR(send(fds[0], "x", 1, MSG_NOSIGNAL), EPIPE);
}

static volatile int pipes;
static void count_pipe(int)
{
	pipes++;
}

TEST(sigpipe)
{
	int fds[2];

	signal(SIGPIPE, count_pipe);
	pair(SOCK_STREAM, fds);
	close(fds[1]);
	CHECK_ERR(send(fds[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_EQ(pipes, 0);
	CHECK_ERR(send(fds[0], "x", 1, 0), EPIPE);
	CHECK_EQ(pipes, 1);
	CHECK_ERR(write(fds[0], "x", 1), EPIPE);
	CHECK_EQ(pipes, 2);
	pair(SOCK_DGRAM, fds);
	close(fds[1]);
	CHECK_ERR(send(fds[0], "x", 1, 0), ECONNREFUSED);
	CHECK_ERR(send(fds[0], "x", 1, 0), ENOTCONN);
	CHECK_EQ(pipes, 2);
	pair(SOCK_SEQPACKET, fds);
	close(fds[1]);
	CHECK_ERR(send(fds[0], "x", 1, 0), EPIPE);
	CHECK_ERR(write(fds[0], "x", 1), EPIPE);
	pair(SOCK_DGRAM, fds);
	CHECK_EQ(shutdown(fds[0], SHUT_WR), 0);
	CHECK_ERR(write(fds[0], "x", 1), EPIPE);
	CHECK_EQ(pipes, 2);
}

TEST(receive_flags)
{
	char buffer[16] = "";
	int fds[2], n;

	pair(SOCK_STREAM, fds);
	CHECK_ERR(recv(fds[0], buffer, 1, MSG_DONTWAIT), EAGAIN);
	CHECK_ERR(recv(fds[0], buffer, 1, MSG_OOB), EINVAL);
	CHECK_EQ(write(fds[1], "abc", 3), 3);
	CHECK_EQ(write(fds[1], "def", 3), 3);
	CHECK_EQ(recv(fds[0], buffer, 5, MSG_PEEK), 5);
	CHECK(!memcmp(buffer, "abcde", 5));
	CHECK_EQ(ioctl(fds[0], FIONREAD, &n), 0);
	CHECK_EQ(n, 6);
	CHECK_EQ(recv(fds[0], buffer, 2, 0), 2);
	CHECK_EQ(recv(fds[0], buffer, 16, MSG_PEEK), 4);
	CHECK(!memcmp(buffer, "cdef", 4));
	CHECK_EQ(recv(fds[0], buffer, 16, 0), 4);
	CHECK_EQ(ioctl(fds[0], FIONREAD, &n), 0);
	CHECK_EQ(n, 0);
	CHECK_ERR(recv(fds[0], BAD_POINTER, 4, MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(write(fds[1], "abc", 3), 3);
	CHECK_ERR(recv(fds[0], BAD_POINTER, 4, 0), EFAULT);
	CHECK_EQ(recv(fds[0], buffer, 16, 0), 3);
	CHECK_ERR(write(fds[0], BAD_POINTER, 3), EFAULT);
	CHECK_ERR(ioctl(fds[0], TIOCGWINSZ, buffer), ENOTTY);
	n = 1;
	CHECK_EQ(ioctl(fds[0], FIONBIO, &n), 0);
	CHECK_ERR(read(fds[0], buffer, 1), EAGAIN);
	CHECK_EQ(ioctl(fds[0], SIOCOUTQ, &n), 0);
	CHECK_EQ(n, 0);
	CHECK_EQ(write(fds[0], "abc", 3), 3);
	CHECK_EQ(ioctl(fds[0], SIOCOUTQ, &n), 0);
	CHECK(n >= 3);
}

static void *write_in_pieces(void *fd)
{
	for (int i = 0; i < 4; i++) {
		test_sleep_ms(10);
		CHECK_EQ(write(*(int *)fd, "1234", 4), 4);
	}
	return NULL;
}

TEST(wait_for_all)
{
	char buffer[32] = "";
	int fds[2];
	pthread_t t;

	pair(SOCK_STREAM, fds);
	pthread_create(&t, NULL, write_in_pieces, &fds[1]);
	CHECK_EQ(recv(fds[0], buffer, 16, MSG_WAITALL), 16);
	CHECK(!strcmp(buffer, "1234123412341234"));
	pthread_join(t, NULL);
	setsockopt(fds[0], SOL_SOCKET, SO_RCVLOWAT, &(int){ 8 }, sizeof(int));
	pthread_create(&t, NULL, write_in_pieces, &fds[1]);
	CHECK_EQ(recv(fds[0], buffer, 32, 0), 8);
	pthread_join(t, NULL);
	CHECK_EQ(write(fds[1], "12", 2), 2);
	close(fds[1]);
	CHECK_EQ(recv(fds[0], buffer, 32, MSG_WAITALL), 10);
}

TEST(timeouts)
{
	struct timeval tv = { .tv_usec = 40000 }, got;
	socklen_t len = sizeof(got);
	char buffer[4096];
	int fds[2];
	long before;

	pair(SOCK_STREAM, fds);
	CHECK_EQ(setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
	CHECK_EQ(setsockopt(fds[0], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)), 0);
	CHECK_EQ(getsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &got, &len), 0);
	CHECK_EQ(len, sizeof(got));
	CHECK_EQ(got.tv_usec, 40000);
	before = test_now_ms();
	CHECK_ERR(read(fds[0], buffer, 1), EAGAIN);
	CHECK(test_now_ms() - before >= 30);
	while (write(fds[0], buffer, sizeof(buffer)) == sizeof(buffer))
		;
	CHECK_ERR(write(fds[0], buffer, sizeof(buffer)), EAGAIN);
	CHECK(!(ready(fds[0]) & POLLOUT));
	while (recv(fds[1], buffer, sizeof(buffer), MSG_DONTWAIT) > 0)
		;
	CHECK(ready(fds[0]) & POLLOUT);
	tv.tv_usec = 1000000;
	CHECK_ERR(setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), EDOM);
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
	pair(SOCK_STREAM, fds);
	pthread_create(&t, NULL, drain, &fds[1]);
	CHECK_EQ(write(fds[0], data, SIZE), SIZE);
	close(fds[0]);
	pthread_join(t, &sum);
	CHECK_EQ((long)sum, SIZE);
}

TEST(vectors_and_files)
{
	struct iovec v[2] = { { "abc", 3 }, { "defg", 4 } };
	char a[2], b[16] = "";
	struct iovec in[2] = { { a, 2 }, { b, 15 } };
	int fds[2], ends[2], file;

	pair(SOCK_STREAM, fds);
	CHECK_EQ(writev(fds[0], v, 2), 7);
	CHECK_EQ(readv(fds[1], in, 2), 7);
	CHECK(!strcmp(b, "cdefg"));
	test_write_file("file", "from a file");
	file = open("file", O_RDONLY);
	CHECK_EQ(sendfile(fds[0], file, NULL, 100), 11);
	expect_read(fds[1], "from a file");
	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(write(fds[0], "spliced", 7), 7);
	CHECK_EQ(splice(fds[1], NULL, ends[1], NULL, 100, 0), 7);
	CHECK_EQ(splice(ends[0], NULL, fds[1], NULL, 100, 0), 7);
	expect_read(fds[0], "spliced");
}
