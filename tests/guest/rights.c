/* Messages with control data: descriptors (SCM_RIGHTS), credentials, several at once. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define BAD_POINTER ((void *)1)
#define ROOM 4096

struct note {
	struct msghdr m;
	struct iovec v;
	char data[64];
	_Alignas(8) char control[ROOM];
};

static struct msghdr *note(struct note *n, const char *text, size_t room)
{
	memset(n, 0, sizeof(*n));
	if (text)
		strcpy(n->data, text);
	n->v = (struct iovec){ n->data, text ? strlen(text) : sizeof(n->data) };
	n->m = (struct msghdr){ .msg_iov = &n->v, .msg_iovlen = 1, .msg_control = n->control,
				.msg_controllen = room };
	return &n->m;
}

static ssize_t send_fds(int to, const char *text, const int *fds, int count)
{
	struct note n;
	struct msghdr *m = note(&n, text, CMSG_SPACE(sizeof(int) * (size_t)count));
	struct cmsghdr *c = CMSG_FIRSTHDR(m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
	memcpy(CMSG_DATA(c), fds, sizeof(int) * (size_t)count);
	return sendmsg(to, m, MSG_NOSIGNAL);
}

/* Receive; the descriptors that came, and how many. */
static int get_fds(int from, int *fds, size_t room, int flags, int *got)
{
	struct note n;
	struct msghdr *m = note(&n, NULL, room);
	struct cmsghdr *c;
	int count = 0;

	if (recvmsg(from, m, flags) < 0)
		return -1;
	if (got)
		*got = m->msg_flags;
	for (c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
			count = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
			memcpy(fds, CMSG_DATA(c), sizeof(int) * (size_t)count);
		}
	return count;
}

static void pair(int type, int fds[2])
{
	CHECK_EQ(socketpair(AF_UNIX, type, 0, fds), 0);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

TEST(descriptors_travel)
{
	for (int type = SOCK_STREAM; type <= SOCK_SEQPACKET; type++) {
		int fds[2], ends[2], got[8], flags;
		char byte;

		if (type == SOCK_RAW || type == 4)
			continue;
		pair(type, fds);
		CHECK_EQ(pipe(ends), 0);
		CHECK_EQ(send_fds(fds[0], "two", ends, 2), 3);
		CHECK_EQ(get_fds(fds[1], got, ROOM, 0, &flags), 2);
		CHECK_EQ(flags, 0);
		CHECK_EQ(fcntl(got[0], F_GETFD), 0);
		CHECK_EQ(write(got[1], "x", 1), 1);
		CHECK_EQ(read(ends[0], &byte, 1), 1);
		CHECK_EQ(send_fds(fds[0], "two", ends, 1), 3);
		CHECK_EQ(get_fds(fds[1], got, ROOM, MSG_CMSG_CLOEXEC, &flags), 1);
		CHECK_EQ(flags, MSG_CMSG_CLOEXEC);
		CHECK_EQ(fcntl(got[0], F_GETFD), FD_CLOEXEC);
	}
}

TEST(descriptors_bound_what_a_stream_gives)
{
	int fds[2], got[8];
	char buffer[16];
	struct note n;

	pair(SOCK_STREAM, fds);
	CHECK_EQ(write(fds[0], "ab", 2), 2);
	CHECK_EQ(send_fds(fds[0], "cd", fds, 1), 2);
	CHECK_EQ(write(fds[0], "ef", 2), 2);
	CHECK_EQ(recvmsg(fds[1], note(&n, NULL, ROOM), 0), 4);
	CHECK_EQ(n.m.msg_controllen, CMSG_SPACE(sizeof(int)));
	CHECK_EQ(read(fds[1], buffer, 16), 2);
	CHECK_EQ(send_fds(fds[0], "cd", fds, 1), 2);
	/* The first byte brings them. */
	n.v.iov_len = 1;
	note(&n, NULL, ROOM);
	n.v.iov_len = 1;
	CHECK_EQ(recvmsg(fds[1], &n.m, 0), 1);
	CHECK_EQ(n.m.msg_controllen, CMSG_SPACE(sizeof(int)));
	CHECK_EQ(get_fds(fds[1], got, ROOM, 0, NULL), 0);
}

TEST(descriptors_are_peeked_at)
{
	int fds[2], got[8];

	pair(SOCK_DGRAM, fds);
	CHECK_EQ(send_fds(fds[0], "x", fds, 2), 1);
	CHECK_EQ(get_fds(fds[1], got, ROOM, MSG_PEEK, NULL), 2);
	CHECK(is_open(got[0]) && is_open(got[1]));
	CHECK_EQ(get_fds(fds[1], got, ROOM, 0, NULL), 2);
	pair(SOCK_STREAM, fds);
	CHECK_EQ(send_fds(fds[0], "x", fds, 2), 1);
	CHECK_EQ(get_fds(fds[1], got, ROOM, MSG_PEEK, NULL), 2);
	CHECK_EQ(get_fds(fds[1], got, ROOM, 0, NULL), 2);
}

TEST(too_little_room)
{
	int fds[2], got[8], flags, next;
	char buffer[16];

	pair(SOCK_STREAM, fds);
	next = dup(0);
	close(next);
	CHECK_EQ(send_fds(fds[0], "x", (int[]){ 0, 1, 2 }, 3), 1);
	CHECK_EQ(get_fds(fds[1], got, CMSG_LEN(2 * sizeof(int)), 0, &flags), 2);
	CHECK_EQ(flags, MSG_CTRUNC);
	CHECK(!is_open(next + 2));
	close(next);
	close(next + 1);
	CHECK_EQ(send_fds(fds[0], "x", (int[]){ 0, 1, 2 }, 3), 1);
	CHECK_EQ(get_fds(fds[1], got, CMSG_LEN(0), 0, &flags), 0);
	CHECK_EQ(flags, MSG_CTRUNC);
	CHECK_EQ(send_fds(fds[0], "x", (int[]){ 0, 1, 2 }, 3), 1);
	CHECK_EQ(read(fds[1], buffer, 16), 1);
	CHECK(!is_open(next));
}

TEST(no_descriptors_left)
{
	int fds[2], got[8], flags;
	struct rlimit few;

	pair(SOCK_STREAM, fds);
	CHECK_EQ(send_fds(fds[0], "x", (int[]){ 0, 1, 2 }, 3), 1);
	few = (struct rlimit){ (rlim_t)fds[1] + 2, 4096 };
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
	CHECK_EQ(get_fds(fds[1], got, ROOM, 0, &flags), 1);
	CHECK_EQ(flags, MSG_CTRUNC);
}

TEST(sending_refuses)
{
	static int many[254];
	struct note n;
	struct msghdr *m;
	struct cmsghdr *c;
	int fds[2];

	pair(SOCK_STREAM, fds);
	CHECK_ERR(send_fds(fds[0], "x", (int[]){ 99 }, 1), EBADF);
	CHECK_ERR(send_fds(fds[0], "x", (int[]){ -1 }, 1), EBADF);
	CHECK_EQ(send_fds(fds[0], "x", many, 253), 1);
	CHECK_ERR(send_fds(fds[0], "x", many, 254), EINVAL);
	m = note(&n, "x", CMSG_SPACE(4));
	c = CMSG_FIRSTHDR(m);
	*c = (struct cmsghdr){ CMSG_LEN(4), SOL_SOCKET, 77 };
	CHECK_ERR(sendmsg(fds[0], m, 0), EINVAL);
	*c = (struct cmsghdr){ 3, SOL_SOCKET, SCM_RIGHTS };
	CHECK_ERR(sendmsg(fds[0], m, 0), EINVAL);
	*c = (struct cmsghdr){ 100, SOL_SOCKET, SCM_RIGHTS };
	CHECK_ERR(sendmsg(fds[0], m, 0), EINVAL);
	*c = (struct cmsghdr){ CMSG_LEN(4), 6, SCM_RIGHTS };	/* another level's: not looked at */
	CHECK_EQ(sendmsg(fds[0], m, 0), 1);
	m->msg_controllen = 1ul << 40;
	CHECK_ERR(sendmsg(fds[0], m, 0), ENOBUFS);
	m->msg_controllen = 1 << 20;
	CHECK_ERR(sendmsg(fds[0], m, 0), ENOBUFS);
	m = note(&n, "x", CMSG_SPACE(4));
	m->msg_control = BAD_POINTER;
	CHECK_ERR(sendmsg(fds[0], m, 0), EFAULT);
	CHECK_ERR(sendmsg(fds[0], BAD_POINTER, 0), EFAULT);
	m = note(&n, "x", 0);
	m->msg_iovlen = 1025;
	CHECK_ERR(sendmsg(fds[0], m, 0), EMSGSIZE);
	CHECK_ERR(sendmsg(99, m, 0), EBADF);
	CHECK_ERR(recvmsg(0, m, 0), ENOTSOCK);
	m = note(&n, "x", 0);
	m->msg_name = n.data;
	m->msg_namelen = (socklen_t)-1;
	CHECK_ERR(sendmsg(fds[0], m, 0), EINVAL);
	CHECK_ERR(recvmsg(fds[1], m, 0), EINVAL);
}

/* Room that faults: the descriptors do not stay. */
TEST(control_that_faults)
{
	int fds[2], next;
	struct note n;

	pair(SOCK_STREAM, fds);
	next = dup(0);
	close(next);
	CHECK_EQ(send_fds(fds[0], "x", (int[]){ 0, 1 }, 2), 1);
	note(&n, NULL, ROOM);
	n.m.msg_control = BAD_POINTER;
	recvmsg(fds[1], &n.m, 0);	/* an error, or none; Linux gives no descriptors then */
	CHECK(!is_open(next));
}

TEST(credentials)
{
	struct note n;
	struct msghdr *m;
	struct cmsghdr *c;
	struct ucred u;
	int fds[2];

	pair(SOCK_DGRAM, fds);
	CHECK_EQ(write(fds[0], "before", 6), 6);
	CHECK_EQ(setsockopt(fds[1], SOL_SOCKET, SO_PASSCRED, &(int){ 1 }, sizeof(int)), 0);
	CHECK_EQ(write(fds[0], "after", 5), 5);
	m = note(&n, NULL, ROOM);
	CHECK_EQ(recvmsg(fds[1], m, 0), 6);
	c = CMSG_FIRSTHDR(m);
	CHECK_EQ(c->cmsg_type, SCM_CREDENTIALS);
	memcpy(&u, CMSG_DATA(c), sizeof(u));
	CHECK_EQ(u.pid, 0);
	CHECK_EQ(u.uid, 65534);
	m = note(&n, NULL, ROOM);
	CHECK_EQ(recvmsg(fds[1], m, 0), 5);
	c = CMSG_FIRSTHDR(m);
	CHECK_EQ(c->cmsg_len, CMSG_LEN(sizeof(u)));
	memcpy(&u, CMSG_DATA(c), sizeof(u));
	CHECK_EQ(u.pid, getpid());
	CHECK_EQ(u.uid, getuid());
	CHECK_EQ(write(fds[0], "x", 1), 1);
	m = note(&n, NULL, 8);
	CHECK_EQ(recvmsg(fds[1], m, 0), 1);
	CHECK_EQ(m->msg_flags, MSG_CTRUNC);
	CHECK_EQ(m->msg_controllen, 0);
	CHECK_EQ(write(fds[0], "x", 1), 1);
	m = note(&n, NULL, CMSG_LEN(4));
	CHECK_EQ(recvmsg(fds[1], m, 0), 1);
	CHECK_EQ(m->msg_flags, MSG_CTRUNC);
	CHECK_EQ(m->msg_controllen, CMSG_LEN(4));
}

static ssize_t send_cred(int fd, struct ucred u)
{
	struct note n;
	struct msghdr *m = note(&n, "cred", CMSG_SPACE(sizeof(u)));
	struct cmsghdr *c = CMSG_FIRSTHDR(m);

	*c = (struct cmsghdr){ CMSG_LEN(sizeof(u)), SOL_SOCKET, SCM_CREDENTIALS };
	memcpy(CMSG_DATA(c), &u, sizeof(u));
	return sendmsg(fd, m, 0);
}

static void pretend(void *fd)
{
	struct ucred own = { getpid(), getuid(), getgid() };

	CHECK_EQ(send_cred(*(int *)fd, own), 4);
	own.pid = getppid();
	CHECK_ERR(send_cred(*(int *)fd, own), EPERM);
	own.pid = getpid();
	own.uid = 0;
	CHECK_ERR(send_cred(*(int *)fd, own), EPERM);
	own.uid = getuid();
	own.gid = 0;
	CHECK_ERR(send_cred(*(int *)fd, own), EPERM);
}

TEST(credentials_that_are_sent)
{
	struct ucred u;
	struct note n;
	int fds[2];

	pair(SOCK_DGRAM, fds);
	CHECK_EQ(setsockopt(fds[1], SOL_SOCKET, SO_PASSCRED, &(int){ 1 }, sizeof(int)), 0);
	CHECK_EQ(test_child_as(1000, pretend, &fds[0]), 0);
	CHECK_EQ(recvmsg(fds[1], note(&n, NULL, ROOM), 0), 4);
	memcpy(&u, CMSG_DATA(CMSG_FIRSTHDR(&n.m)), sizeof(u));
	CHECK_EQ(u.uid, 1000);
	CHECK_EQ(send_cred(fds[0], (struct ucred){ 1, 5, 6 }), 4);	/* root may */
	CHECK_EQ(recvmsg(fds[1], note(&n, NULL, ROOM), 0), 4);
	memcpy(&u, CMSG_DATA(CMSG_FIRSTHDR(&n.m)), sizeof(u));
	CHECK_EQ(u.pid, 1);
	CHECK_EQ(u.uid, 5);
	CHECK_EQ(u.gid, 6);
	CHECK_ERR(send_cred(fds[0], (struct ucred){ 32000, 5, 6 }), ESRCH);
	CHECK_ERR(send_cred(fds[0], (struct ucred){ 1, (uid_t)-1, 6 }), EINVAL);
}

static pid_t listener;

static void connect_as(void *)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "\0creds" };
	struct ucred u;
	socklen_t len = sizeof(u);

	CHECK_EQ(connect(fd, (void *)&a, 8), 0);
	CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &u, &len), 0);
	CHECK_EQ(u.pid, listener);
	CHECK_EQ(u.uid, 0);
	test_sleep_ms(100);
}

TEST(peer_credentials)
{
	int fds[2], l = socket(AF_UNIX, SOCK_STREAM, 0), s;
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "\0creds" };
	struct ucred u;
	socklen_t len = sizeof(u);
	pid_t pid;

	CHECK_EQ(getsockopt(l, SOL_SOCKET, SO_PEERCRED, &u, &len), 0);
	CHECK_EQ(u.pid, 0);
	CHECK_EQ(u.uid, (uid_t)-1);
	pair(SOCK_STREAM, fds);
	CHECK_EQ(getsockopt(fds[0], SOL_SOCKET, SO_PEERCRED, &u, &len), 0);
	CHECK_EQ(u.pid, getpid());
	CHECK_EQ(bind(l, (void *)&a, 8), 0);
	CHECK_EQ(listen(l, 1), 0);
	listener = getpid();
	pid = fork();
	if (!pid)
		_exit(test_child_as(1000, connect_as, NULL));
	s = accept(l, NULL, NULL);
	CHECK_EQ(getsockopt(s, SOL_SOCKET, SO_PEERCRED, &u, &len), 0);
	CHECK_EQ(u.uid, 1000);
	CHECK_EQ(u.gid, 1000);
	test_wait(pid);
}

/* Once nobody can receive them, descriptors in queues are closed: seen by a pipe's end. */
static void expect_hangup(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	CHECK_EQ(poll(&p, 1, 5000), 1);
	CHECK_EQ(p.revents & POLLHUP, POLLHUP);
}

#ifndef SO_PEERPIDFD
#define SO_PASSPIDFD 76
#define SO_PEERPIDFD 77
#endif
#define PIDFD 4	/* SCM_PIDFD */

/* The process a pidfd stands for. */
static int pid_of(int fd)
{
	char path[64], *at;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	at = strstr((char *)test_read_file(path), "Pid:");
	return at ? atoi(at + 4) : -1;
}

TEST(peers_as_descriptors)
{
	int fds[2], fd = -1;
	socklen_t len = sizeof(fd);
	struct cmsghdr *c;
	struct note n;

	CHECK_ERR(getsockopt(socket(AF_UNIX, SOCK_STREAM, 0), SOL_SOCKET, SO_PEERPIDFD, &fd, &len),
		  ENODATA);
	pair(SOCK_DGRAM, fds);
	CHECK_EQ(getsockopt(fds[0], SOL_SOCKET, SO_PEERPIDFD, &fd, &len), 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(pid_of(fd), getpid());
	CHECK_EQ(setsockopt(fds[1], SOL_SOCKET, SO_PASSPIDFD, &(int){ 1 }, sizeof(int)), 0);
	CHECK_EQ(write(fds[0], "x", 1), 1);
	CHECK_EQ(recvmsg(fds[1], note(&n, NULL, ROOM), 0), 1);
	c = CMSG_FIRSTHDR(&n.m);
	CHECK(c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == PIDFD);
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	CHECK_EQ(pid_of(fd), getpid());
}

TEST(what_nobody_received_is_closed)
{
	int fds[2], ends[2];

	pair(SOCK_STREAM, fds);
	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(send_fds(fds[0], "x", &ends[1], 1), 1);
	close(ends[1]);
	close(fds[0]);
	close(fds[1]);
	expect_hangup(ends[0]);
}

TEST(a_socket_in_its_own_queue_is_collected)
{
	int fds[2], ends[2];

	pair(SOCK_STREAM, fds);
	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(send_fds(fds[0], "x", (int[]){ fds[1], ends[1] }, 2), 1);
	close(ends[1]);
	close(fds[1]);
	close(fds[0]);
	expect_hangup(ends[0]);
}

TEST(a_ring_of_sockets_is_collected)
{
	enum { N = 20 };
	int in[N], out[N], ends[2], two[2];

	CHECK_EQ(pipe(ends), 0);
	for (int i = 0; i < N; i++) {
		pair(SOCK_DGRAM, two);
		in[i] = two[0];
		out[i] = two[1];
	}
	/* Into each queue the next one's receiver. */
	for (int i = 0; i < N; i++)
		CHECK_EQ(send_fds(in[i], "x", &out[(i + 1) % N], 1), 1);
	CHECK_EQ(send_fds(in[0], "x", &ends[1], 1), 1);
	close(ends[1]);
	for (int i = 0; i < N; i++)
		close(out[i]);
	for (int i = 0; i < N; i++)
		close(in[i]);
	expect_hangup(ends[0]);
}

TEST(what_can_be_received_is_kept)
{
	int a[2], b[2], c[2], got[4], ends[2];
	char byte;

	pair(SOCK_STREAM, a);
	pair(SOCK_STREAM, b);
	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(send_fds(b[0], "x", &ends[1], 1), 1);	/* waits in b[1] */
	CHECK_EQ(send_fds(a[0], "x", &b[1], 1), 1);	/* which waits in a[1] */
	close(ends[1]);
	close(b[1]);
	for (int i = 0; i < 10; i++) {	/* let it look */
		pair(SOCK_STREAM, c);
		close(c[0]);
		close(c[1]);
	}
	test_sleep_ms(20);
	CHECK_EQ(get_fds(a[1], got, ROOM, 0, NULL), 1);
	CHECK_EQ(get_fds(got[0], got + 1, ROOM, 0, NULL), 1);
	CHECK_EQ(write(got[1], "y", 1), 1);
	CHECK_EQ(read(ends[0], &byte, 1), 1);
}

TEST(a_deep_chain)
{
	int last[2], next[2], ends[2];

	CHECK_EQ(pipe(ends), 0);
	pair(SOCK_STREAM, last);
	CHECK_EQ(send_fds(last[0], "x", &ends[1], 1), 1);
	close(ends[1]);
	for (int i = 0; i < 2000; i++) {
		pair(SOCK_STREAM, next);
		if (send_fds(next[0], "x", &last[1], 1) != 1)
			break;
		close(last[0]);
		close(last[1]);
		last[0] = next[0];
		last[1] = next[1];
	}
	close(last[0]);
	close(last[1]);
	expect_hangup(ends[0]);
}

static void fill(void *)
{
	int fds[2], null = open("/dev/null", O_RDONLY), many[100], n = 0;
	struct rlimit few = { 100, 100 };

	for (int i = 0; i < 100; i++)
		many[i] = null;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
	pair(SOCK_STREAM, fds);
	while (n < 10 && send_fds(fds[0], "x", many, 100) == 1)
		n++;
	CHECK_EQ(errno, ETOOMANYREFS);
	CHECK_EQ(n, 2);
}

TEST(too_many_in_flight)
{
	CHECK_EQ(test_child_as(1000, fill, NULL), 0);
}

TEST(several_at_once)
{
	struct mmsghdr out[3] = { 0 }, in[4] = { 0 };
	struct iovec v[3], w[4];
	char buffers[4][8] = { "" };
	struct timespec soon = { 0, 30000000 }, bad = { 0, -1 };
	int fds[2];

	pair(SOCK_DGRAM, fds);
	for (int i = 0; i < 3; i++) {
		v[i] = (struct iovec){ "abcdef", (size_t)i + 1 };
		out[i].msg_hdr.msg_iov = &v[i];
		out[i].msg_hdr.msg_iovlen = 1;
	}
	for (int i = 0; i < 4; i++) {
		w[i] = (struct iovec){ buffers[i], 8 };
		in[i].msg_hdr.msg_iov = &w[i];
		in[i].msg_hdr.msg_iovlen = 1;
	}
	CHECK_EQ(sendmmsg(fds[0], out, 3, 0), 3);
	CHECK_EQ(out[2].msg_len, 3);
	CHECK_EQ(recvmmsg(fds[1], in, 2, 0, NULL), 2);
	CHECK_EQ(in[1].msg_len, 2);
	CHECK_EQ(recvmmsg(fds[1], in, 4, MSG_WAITFORONE, NULL), 1);
	CHECK_EQ(in[0].msg_len, 3);
	CHECK_ERR(recvmmsg(fds[1], in, 4, MSG_DONTWAIT, NULL), EAGAIN);
	CHECK_EQ(sendmmsg(fds[0], out, 3, 0), 3);
	CHECK_EQ(recvmmsg(fds[1], in, 3, 0, &soon), 3);
	CHECK_ERR(recvmmsg(fds[1], in, 3, 0, &bad), EINVAL);
	CHECK_ERR(recvmmsg(fds[1], in, 3, 0, BAD_POINTER), EFAULT);
	CHECK_ERR(sendmmsg(fds[0], BAD_POINTER, 3, 0), EFAULT);
	CHECK_EQ(sendmmsg(fds[0], out, 0, 0), 0);
	out[1].msg_hdr.msg_iov = BAD_POINTER;
	CHECK_EQ(sendmmsg(fds[0], out, 3, 0), 1);
	CHECK_ERR(sendmmsg(0, out, 3, 0), ENOTSOCK);
	CHECK_ERR(recvmmsg(0, in, 3, 0, NULL), ENOTSOCK);
}

/* --- many threads --- */

static int shared[2];
static volatile bool stop;

static void *pass_on(void *)
{
	while (!stop) {
		int two[2], three[3];

		if (socketpair(AF_UNIX, SOCK_STREAM, 0, two))
			continue;
		three[0] = two[0];
		three[1] = two[1];
		three[2] = shared[1];
		send_fds(two[0], "in each other", two, 2);
		send_fds(shared[0], "x", three, 3);
		close(two[0]);
		close(two[1]);
	}
	return NULL;
}

static void *take_on(void *flags)
{
	int got[64];

	while (!stop) {
		int n = get_fds(shared[1], got, ROOM, MSG_DONTWAIT | (int)(long)flags, NULL);

		for (int i = 0; i < n; i++)
			close(got[i]);
	}
	return NULL;
}

TEST(many_threads_pass_descriptors)
{
	pthread_t t[6];

	pair(SOCK_STREAM, shared);
	fcntl(shared[0], F_SETFL, O_NONBLOCK);
	for (int i = 0; i < 6; i++)
		pthread_create(&t[i], NULL, i < 3 ? pass_on : take_on,
			       (void *)(long)(i == 5 ? MSG_PEEK : 0));
	test_sleep_ms(1500);
	stop = true;
	for (int i = 0; i < 6; i++)
		pthread_join(t[i], NULL);
	close(shared[0]);
	close(shared[1]);
}
