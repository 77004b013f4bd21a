/* What happens to processes, as the connector tells it. */
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define HEAD (NLMSG_HDRLEN + sizeof(struct cn_msg))

static int member(void)
{
	struct sockaddr_nl nl = {.nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC};
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR);

	CHECK(fd >= 0);
	CHECK_EQ(bind(fd, (void *)&nl, sizeof(nl)), 0);
	return fd;
}

/* Say to the connector's part idx what is wanted, in so many bytes. */
static void say(int fd, unsigned idx, unsigned op, unsigned events, size_t size)
{
	unsigned words[] = {op, events};
	_Alignas(8) char buf[HEAD + sizeof(words)] = {0};
	struct nlmsghdr h = {.nlmsg_len = (unsigned)(HEAD + size), .nlmsg_type = NLMSG_DONE};
	struct cn_msg m = {.id = {idx, CN_VAL_PROC}, .seq = 5, .ack = 6,
			   .len = (unsigned short)size};

	memcpy(buf, &h, sizeof(h));
	memcpy(buf + NLMSG_HDRLEN, &m, sizeof(m));
	memcpy(buf + HEAD, words, size);
	CHECK_EQ(send(fd, buf, HEAD + size, 0), HEAD + size);
}

/* The next event, if one comes within the time. */
static bool next(int fd, struct proc_event *e, struct cn_msg *m, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	_Alignas(8) char buf[512];
	struct sockaddr_nl from;
	socklen_t len = sizeof(from);
	struct nlmsghdr h;

	if (poll(&p, 1, ms) <= 0)
		return false;
	CHECK_EQ(recvfrom(fd, buf, sizeof(buf), 0, (void *)&from, &len), HEAD + sizeof(*e));
	CHECK_EQ(from.nl_pid, 0);
	CHECK_EQ(from.nl_groups, CN_IDX_PROC);
	memcpy(&h, buf, sizeof(h));
	memcpy(m, buf + NLMSG_HDRLEN, sizeof(*m));
	memcpy(e, buf + HEAD, sizeof(*e));
	CHECK_EQ(h.nlmsg_type, NLMSG_DONE);
	CHECK_EQ(h.nlmsg_seq, m->seq);
	CHECK_EQ(m->len, sizeof(*e));
	return true;
}

/* The next event of this kind about this process; others may be told meanwhile. */
static struct proc_event await_event(int fd, unsigned what, int pid)
{
	struct proc_event e;
	struct cn_msg m;

	for (;;) {
		int about;

		CHECK(next(fd, &e, &m, 20000));
		CHECK_EQ(m.ack, 0);
		about = what == PROC_EVENT_FORK ? e.event_data.fork.child_tgid
						: e.event_data.exec.process_tgid;
		if (e.what == what && about == pid)
			return e;
	}
}

/* The wish is acknowledged by an event without a kind. */
static unsigned acknowledged(int fd)
{
	struct proc_event e;
	struct cn_msg m;

	do
		CHECK(next(fd, &e, &m, 20000));
	while (e.what != PROC_EVENT_NONE);
	CHECK_EQ(m.ack, 7);
	return e.event_data.ack.err;
}

static void listen_to(int fd)
{
	say(fd, CN_IDX_PROC, PROC_CN_MCAST_LISTEN, 0, 4);
	CHECK_EQ(acknowledged(fd), 0);
}

static int start(void (*run)(void), int status)
{
	int pid = fork();

	if (!pid) {
		if (run)
			run();
		_exit(status);
	}
	CHECK(pid > 0);
	return pid;
}

TEST(fork_and_exit)
{
	int fd = member(), pid;
	struct proc_event e;

	listen_to(fd);
	pid = start(NULL, 3);
	e = await_event(fd, PROC_EVENT_FORK, pid);
	CHECK_EQ(e.event_data.fork.parent_pid, getpid());
	CHECK_EQ(e.event_data.fork.parent_tgid, getpid());
	CHECK_EQ(e.event_data.fork.child_pid, pid);
	e = await_event(fd, PROC_EVENT_EXIT, pid);
	CHECK_EQ(e.event_data.exit.exit_code, 0x300);
	CHECK_EQ(e.event_data.exit.exit_signal, SIGCHLD);
	CHECK_EQ(e.event_data.exit.parent_pid, getpid());
	CHECK_EQ(test_wait(pid), 0x300);
}

static void run_program(void)
{
	execl("/proc/self/exe", "connector", "no such test", NULL);
}

static void be_another(void)
{
	CHECK_EQ(setsid(), getpid());
	CHECK_EQ(setgid(7), 0);
	CHECK_EQ(setuid(8), 0);
	CHECK_EQ(setuid(8), 0);
	CHECK_EQ(prctl(PR_SET_NAME, "renamed"), 0);
}

static void crash(void)
{
	CHECK_EQ(setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}), 0);
	raise(SIGQUIT);
}

TEST(what_it_does)
{
	int fd = member(), pid;
	struct proc_event e;

	listen_to(fd);
	pid = start(run_program, 0);
	e = await_event(fd, PROC_EVENT_EXEC, pid);
	CHECK_EQ(e.event_data.exec.process_pid, pid);
	test_wait(pid);
	pid = start(be_another, 0);
	await_event(fd, PROC_EVENT_SID, pid);
	e = await_event(fd, PROC_EVENT_GID, pid);
	CHECK_EQ(e.event_data.id.r.rgid, 7);
	CHECK_EQ(e.event_data.id.e.egid, 7);
	e = await_event(fd, PROC_EVENT_UID, pid);
	CHECK_EQ(e.event_data.id.r.ruid, 8);
	e = await_event(fd, PROC_EVENT_COMM, pid);
	CHECK_EQ(strcmp(e.event_data.comm.comm, "renamed"), 0);
	CHECK_EQ(test_wait(pid), 0);
	pid = start(crash, 0);
	e = await_event(fd, PROC_EVENT_COREDUMP, pid);
	CHECK_EQ(e.event_data.coredump.parent_tgid, getpid());
	e = await_event(fd, PROC_EVENT_EXIT, pid);
	CHECK_EQ(e.event_data.exit.exit_code & 0x7f, SIGQUIT);
	test_wait(pid);
}

/* One may hear only of what one wants to. */
TEST(wishes)
{
	int fd = member(), pid;
	struct proc_event e;
	struct cn_msg m;

	listen_to(fd);
	say(fd, CN_IDX_PROC, PROC_CN_MCAST_LISTEN, PROC_EVENT_NONZERO_EXIT, 8);
	while (next(fd, &e, &m, 0))
		;
	test_wait(start(NULL, 0));
	pid = start(NULL, 1);
	do {
		CHECK(next(fd, &e, &m, 20000));
		CHECK_EQ(e.what, PROC_EVENT_EXIT);
		CHECK(e.event_data.exit.exit_code);
	} while (e.event_data.exit.process_pid != pid);
	test_wait(pid);
	say(fd, CN_IDX_PROC, PROC_CN_MCAST_IGNORE, 0, 4);
	while (next(fd, &e, &m, 0))
		;
	test_wait(start(NULL, 1));
	CHECK(!next(fd, &e, &m, 50));
}

TEST(wrong_wishes)
{
	int fd = member();
	struct proc_event e;
	struct cn_msg m;

	say(fd, CN_IDX_PROC, 9, 0, 4);
	CHECK_EQ(acknowledged(fd), EINVAL);
	say(fd, 77, PROC_CN_MCAST_LISTEN, 0, 4);
	say(fd, CN_IDX_PROC, PROC_CN_MCAST_LISTEN, 0, 2);
	/* Not acknowledged; that is all that can be seen while others may listen. */
	while (next(fd, &e, &m, 50))
		CHECK(e.what != PROC_EVENT_NONE);
}

/* Anybody may listen; who does not read loses some, and is told. */
static void unprivileged([[maybe_unused]] void *unused)
{
	int fd = member(), size = 1;
	struct proc_event e;
	struct cn_msg m;

	listen_to(fd);
	test_wait(start(NULL, 0));
	CHECK(next(fd, &e, &m, 20000));
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
	for (int i = 0; i < 10; i++)
		test_wait(start(NULL, 0));
	CHECK_ERR(recv(fd, &e, sizeof(e), MSG_DONTWAIT), ENOBUFS);
	while (recv(fd, &e, sizeof(e), MSG_DONTWAIT) >= 0)
		;
	size = 1;
	CHECK_EQ(setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &size, sizeof(size)), 0);
	for (int i = 0; i < 10; i++)
		test_wait(start(NULL, 0));
	CHECK(recv(fd, &e, sizeof(e), MSG_DONTWAIT) >= 0);
}

TEST(another_user)
{
	CHECK_EQ(test_child_as(1000, unprivileged, NULL), 0);
}
