/* IORING_FEAT_SUBMIT_STABLE: what a submission names was read when io_uring_enter returned, also of a
 * request that begins later than that: linked after one that waits, or with IOSQE_ASYNC, or drained.
 *
 * Each test has what is named where it can be spoilt, submits behind a read of an empty pipe, spoils it,
 * and lets the read end.
 */
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <linux/time_types.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include "uring.h"

#define OLD "/tmp/uring-stable"
#define NEW "/tmp/uring-stable2"

struct gate {
	struct ring r;
	int pipe[2];
	char got;
};

/* How what is to be stable comes to begin late. */
enum later { LINKED, DRAINED };
static const enum later laters[] = { LINKED, DRAINED };

/* A read that waits, and after it whatever is prepared next. */
static void gate_make(struct gate *g, enum later how)
{
	struct io_uring_sqe *sqe;

	g->r = ring_make(8, 0);
	CHECK(g->r.p.features & IORING_FEAT_SUBMIT_STABLE);
	CHECK_EQ(pipe(g->pipe), 0);
	sqe = ring_prepare(&g->r, IORING_OP_READ, g->pipe[0], &g->got, 1, 0, 1);
	if (how == LINKED)
		sqe->flags = IOSQE_IO_LINK;
}

static struct io_uring_sqe *gate_prepare(struct gate *g, enum later how, int op, int fd,
					 const void *addr, unsigned len, uint64_t off)
{
	struct io_uring_sqe *sqe = ring_prepare(&g->r, op, fd, addr, len, off, 2);

	if (how == DRAINED)
		sqe->flags = IOSQE_IO_DRAIN;
	return sqe;
}

static void gate_submit(struct gate *g)
{
	unsigned n = g->r.tail - g->r.submitted;

	CHECK_EQ(ring_submit(&g->r, 0), n);
	CHECK_EQ(ring_ready(&g->r), 0);
}

/* What was named is spoilt: the read ends, and the other's result. */
static int gate_open(struct gate *g)
{
	int res;

	CHECK_EQ(write(g->pipe[1], "x", 1), 1);
	CHECK_EQ(ring_expect(&g->r, 1), 1);
	res = ring_expect(&g->r, 2);
	close(g->pipe[0]);
	close(g->pipe[1]);
	ring_close(&g->r);
	return res;
}

static void touch(const char *name)
{
	int fd = open(name, O_CREAT | O_RDWR, 0600);

	CHECK(fd >= 0);
	close(fd);
}

static void clean(void)
{
	unlink(OLD);
	unlink(NEW);
	rmdir(OLD);
	rmdir(NEW);
}

#define EACH(how) for (unsigned i_ = 0; i_ < 2; i_++) for (enum later how = laters[i_], *o_ = &how; o_; o_ = NULL)

TEST(a_path_that_is_opened)
{
	EACH(how) {
		char path[64] = OLD;
		struct gate g;
		int fd;

		clean();
		touch(OLD);
		gate_make(&g, how);
		gate_prepare(&g, how, IORING_OP_OPENAT, AT_FDCWD, path, 0, 0);
		gate_submit(&g);
		strcpy(path, "/none");
		fd = gate_open(&g);
		CHECK(fd >= 0);
		close(fd);
	}
	clean();
}

TEST(how_it_is_opened)
{
	EACH(how) {
		struct open_how open_how = { .flags = O_CREAT | O_RDWR, .mode = 0600 };
		char path[64] = OLD;
		struct gate g;
		int fd;

		clean();
		gate_make(&g, how);
		gate_prepare(&g, how, IORING_OP_OPENAT2, AT_FDCWD, path, sizeof(open_how),
			     (uintptr_t)&open_how);
		gate_submit(&g);
		strcpy(path, "/none");
		memset(&open_how, 0xff, sizeof(open_how));
		fd = gate_open(&g);
		CHECK(fd >= 0);
		CHECK_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
		close(fd);
	}
	clean();
}

TEST(a_path_that_is_long)
{
	char *path = malloc(5000);
	struct gate g;
	int fd;

	clean();
	touch(OLD);
	memset(path, '/', 5000);
	strcpy(path + 4095 - strlen(OLD), OLD);
	gate_make(&g, LINKED);
	gate_prepare(&g, LINKED, IORING_OP_OPENAT, AT_FDCWD, path, 0, 0);
	gate_submit(&g);
	path[4090] = '0';
	fd = gate_open(&g);
	CHECK(fd >= 0);
	close(fd);
	clean();
	free(path);
}

TEST(two_paths)
{
	EACH(how) {
		char from[64] = OLD, to[64] = NEW;
		struct io_uring_sqe *sqe;
		struct gate g;

		clean();
		touch(OLD);
		gate_make(&g, how);
		sqe = gate_prepare(&g, how, IORING_OP_RENAMEAT, AT_FDCWD, from, 0, (uintptr_t)to);
		sqe->len = (unsigned)AT_FDCWD;
		gate_submit(&g);
		strcpy(from, "/none");
		strcpy(to, "/none2");
		CHECK_EQ(gate_open(&g), 0);
		CHECK_ERR(access(OLD, F_OK), ENOENT);
		CHECK_EQ(access(NEW, F_OK), 0);
	}
	clean();
}

TEST(paths_of_other_calls)
{
	char path[64] = OLD, target[64] = "target";
	struct statx st = { 0 };
	struct gate g;

	clean();
	gate_make(&g, LINKED);
	gate_prepare(&g, LINKED, IORING_OP_MKDIRAT, AT_FDCWD, path, 0700, 0);
	gate_submit(&g);
	strcpy(path, "/none/none");
	CHECK_EQ(gate_open(&g), 0);
	CHECK_EQ(access(OLD, X_OK), 0);

	strcpy(path, OLD);
	gate_make(&g, LINKED);
	gate_prepare(&g, LINKED, IORING_OP_STATX, AT_FDCWD, path, STATX_BASIC_STATS, (uintptr_t)&st);
	gate_submit(&g);
	strcpy(path, "/none/none");
	CHECK_EQ(gate_open(&g), 0);
	CHECK_EQ(st.stx_mode, S_IFDIR | 0700);

	strcpy(path, OLD);
	gate_make(&g, LINKED);
	gate_prepare(&g, LINKED, IORING_OP_UNLINKAT, AT_FDCWD, path, 0, 0)->unlink_flags = AT_REMOVEDIR;
	gate_submit(&g);
	strcpy(path, "/none/none");
	CHECK_EQ(gate_open(&g), 0);
	CHECK_ERR(access(OLD, F_OK), ENOENT);

	strcpy(path, NEW);
	gate_make(&g, LINKED);
	gate_prepare(&g, LINKED, IORING_OP_SYMLINKAT, AT_FDCWD, target, 0, (uintptr_t)path);
	gate_submit(&g);
	strcpy(path, "/none/none");
	strcpy(target, "other");
	CHECK_EQ(gate_open(&g), 0);
	CHECK_EQ(readlink(NEW, target, sizeof(target)), 6);
	CHECK_EQ(memcmp(target, "target", 6), 0);
	clean();
}

/* Where it stands and whether it is there is known when it is submitted: a part of a link that
 * names nothing fails all of it. */
TEST(a_path_that_is_nowhere)
{
	struct gate g;

	gate_make(&g, LINKED);
	gate_prepare(&g, LINKED, IORING_OP_OPENAT, AT_FDCWD, (void *)8, 0, 0);
	CHECK_EQ(ring_submit(&g.r, 2), 2);
	CHECK_EQ(ring_expect(&g.r, 1), -ECANCELED);
	CHECK_EQ(ring_expect(&g.r, 2), -EFAULT);
	ring_close(&g.r);
}

static int listening(struct sockaddr_un *name, const char *path)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	unlink(path);
	*name = (struct sockaddr_un){ .sun_family = AF_UNIX };
	strcpy(name->sun_path, path);
	CHECK_EQ(bind(fd, (struct sockaddr *)name, sizeof(*name)), 0);
	CHECK_EQ(listen(fd, 5), 0);
	return fd;
}

TEST(an_address)
{
	EACH(how) {
		struct sockaddr_un name;
		int listener = listening(&name, OLD), fd = socket(AF_UNIX, SOCK_STREAM, 0);
		struct gate g;

		gate_make(&g, how);
		gate_prepare(&g, how, IORING_OP_CONNECT, fd, &name, 0, sizeof(name));
		gate_submit(&g);
		memset(&name, 0, sizeof(name));
		CHECK_EQ(gate_open(&g), 0);
		CHECK(accept(listener, NULL, NULL) >= 0);
		close(listener);
		close(fd);
	}
	clean();
}

TEST(an_address_to_send_to)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = OLD };
	int to = socket(AF_UNIX, SOCK_DGRAM, 0), fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct io_uring_sqe *sqe;
	struct gate g;
	char buf[8];

	clean();
	CHECK_EQ(bind(to, (struct sockaddr *)&name, sizeof(name)), 0);
	gate_make(&g, LINKED);
	sqe = gate_prepare(&g, LINKED, IORING_OP_SEND, fd, "hello", 5, (uintptr_t)&name);
	sqe->addr_len = sizeof(name);
	gate_submit(&g);
	memset(&name, 0, sizeof(name));
	CHECK_EQ(gate_open(&g), 5);
	CHECK_EQ(recv(to, buf, sizeof(buf), 0), 5);
	clean();
}

TEST(a_message)
{
	EACH(how) {
		struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = OLD };
		int to = socket(AF_UNIX, SOCK_DGRAM, 0), fd = socket(AF_UNIX, SOCK_DGRAM, 0);
		char one[4] = "abc", two[4] = "def", buf[8];
		struct iovec vecs[2] = { { one, 3 }, { two, 3 } };
		struct msghdr msg = { .msg_name = &name, .msg_namelen = sizeof(name),
				      .msg_iov = vecs, .msg_iovlen = 2 };
		struct gate g;

		clean();
		CHECK_EQ(bind(to, (struct sockaddr *)&name, sizeof(name)), 0);
		gate_make(&g, how);
		gate_prepare(&g, how, IORING_OP_SENDMSG, fd, &msg, 1, 0);
		gate_submit(&g);
		memset(&name, 0, sizeof(name));
		memset(&msg, 0xff, sizeof(msg));
		memset(vecs, 0xff, sizeof(vecs));
		/* The bytes themselves are the request's until it is over. */
		two[0] = 'D';
		CHECK_EQ(gate_open(&g), 6);
		CHECK_EQ(recv(to, buf, sizeof(buf), 0), 6);
		CHECK_EQ(memcmp(buf, "abcDef", 6), 0);
	}
	clean();
}

TEST(a_message_that_is_received)
{
	EACH(how) {
		char one[4] = "", two[4] = "";
		struct iovec vecs[2] = { { one, 3 }, { two, 3 } };
		struct msghdr msg = { .msg_iov = vecs, .msg_iovlen = 2, .msg_flags = 77 };
		struct gate g;
		int pair[2];

		CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		CHECK_EQ(write(pair[0], "abcdef", 6), 6);
		gate_make(&g, how);
		gate_prepare(&g, how, IORING_OP_RECVMSG, pair[1], &msg, 1, 0);
		gate_submit(&g);
		memset(vecs, 0xff, sizeof(vecs));
		msg.msg_iov = NULL;
		CHECK_EQ(gate_open(&g), 6);
		CHECK_EQ(memcmp(one, "abc", 3), 0);
		CHECK_EQ(memcmp(two, "def", 3), 0);
		/* It is told in the program's own header. */
		CHECK_EQ(msg.msg_flags, 0);
		CHECK(!msg.msg_iov);
		close(pair[0]);
		close(pair[1]);
	}
}

TEST(vectors)
{
	EACH(how) {
		char one[4] = "abc", two[4] = "def", buf[8];
		struct iovec vecs[2] = { { one, 3 }, { two, 3 } };
		struct gate g;
		int to[2];

		CHECK_EQ(pipe(to), 0);
		gate_make(&g, how);
		gate_prepare(&g, how, IORING_OP_WRITEV, to[1], vecs, 2, 0);
		gate_submit(&g);
		memset(vecs, 0xff, sizeof(vecs));
		CHECK_EQ(gate_open(&g), 6);
		CHECK_EQ(read(to[0], buf, sizeof(buf)), 6);
		CHECK_EQ(memcmp(buf, "abcdef", 6), 0);
		close(to[0]);
		close(to[1]);
	}
}

TEST(a_time)
{
	struct __kernel_timespec ts = { .tv_nsec = 1000 };
	struct gate g;

	gate_make(&g, LINKED);
	gate_prepare(&g, LINKED, IORING_OP_TIMEOUT, -1, &ts, 1, 0);
	gate_submit(&g);
	ts = (struct __kernel_timespec){ .tv_sec = 1000000 };
	CHECK_EQ(gate_open(&g), -ETIME);
}

TEST(attributes)
{
	char path[64] = OLD, name[64] = "user.one", value[8] = "abc";
	struct io_uring_sqe *sqe;
	struct gate g;

	clean();
	touch(OLD);
	gate_make(&g, LINKED);
	sqe = gate_prepare(&g, LINKED, IORING_OP_SETXATTR, 0, name, 3, (uintptr_t)value);
	sqe->addr3 = (uintptr_t)path;
	gate_submit(&g);
	strcpy(path, "/none");
	strcpy(name, "bad");
	strcpy(value, "xyz");
	CHECK_EQ(gate_open(&g), 0);
	CHECK_EQ(getxattr(OLD, "user.one", value, sizeof(value)), 3);
	CHECK_EQ(memcmp(value, "abc", 3), 0);

	strcpy(path, OLD);
	strcpy(name, "user.one");
	gate_make(&g, LINKED);
	sqe = gate_prepare(&g, LINKED, IORING_OP_GETXATTR, 0, name, 8, (uintptr_t)value);
	sqe->addr3 = (uintptr_t)path;
	gate_submit(&g);
	strcpy(path, "/none");
	strcpy(name, "bad");
	CHECK_EQ(gate_open(&g), 3);
	clean();
}

TEST(an_event_of_epoll)
{
	struct epoll_event event = { .events = EPOLLOUT, .data.u64 = 7 }, got;
	int set = epoll_create1(0), fds[2];
	struct io_uring_sqe *sqe;
	struct gate g;

	CHECK_EQ(pipe(fds), 0);
	gate_make(&g, LINKED);
	sqe = gate_prepare(&g, LINKED, IORING_OP_EPOLL_CTL, set, &event, EPOLL_CTL_ADD, 0);
	sqe->off = (uint64_t)fds[1];
	gate_submit(&g);
	memset(&event, 0, sizeof(event));
	CHECK_EQ(gate_open(&g), 0);
	CHECK_EQ(epoll_wait(set, &got, 1, 0), 1);
	CHECK_EQ(got.data.u64, 7);
}

/* With IOSQE_ASYNC nobody knows when it begins: spoilt at once, often enough. */
TEST(begun_by_others)
{
	struct ring r = ring_make(8, 0);

	clean();
	touch(OLD);
	for (unsigned i = 0; i < 200; i++) {
		char path[64] = OLD, one[4] = "abc";
		struct iovec vec = { one, 3 };
		struct msghdr msg = { .msg_iov = &vec, .msg_iovlen = 1 };
		int pair[2], fd = -1;

		CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		ring_prepare(&r, IORING_OP_OPENAT, AT_FDCWD, path, 0, 0, 1)->flags = IOSQE_ASYNC;
		ring_prepare(&r, IORING_OP_SENDMSG, pair[0], &msg, 1, 0, 2)->flags = IOSQE_ASYNC;
		CHECK_EQ(ring_submit(&r, 0), 2);
		strcpy(path, "/none");
		memset(&msg, 0, sizeof(msg));
		memset(&vec, 0, sizeof(vec));
		for (unsigned n = 0; n < 2; n++) {
			struct io_uring_cqe cqe = ring_take(&r);

			if (cqe.user_data == 1)
				fd = cqe.res;
			else
				CHECK_EQ(cqe.res, 3);
		}
		CHECK(fd >= 0);
		close(fd);
		close(pair[0]);
		close(pair[1]);
	}
	clean();
}
