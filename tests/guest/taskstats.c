/* Generic netlink: families by their names, and taskstats. */
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/taskstats.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define BODY (NLMSG_HDRLEN + GENL_HDRLEN)

static _Alignas(8) char answer[65536];

static int generic(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	struct sockaddr_nl nl = {.nl_family = AF_NETLINK};

	CHECK(fd >= 0);
	CHECK_EQ(bind(fd, (void *)&nl, sizeof(nl)), 0);
	return fd;
}

/* Ask with one attribute (size 0: none), and take the answer. */
static const struct nlmsghdr *ask(int fd, unsigned type, unsigned flags, unsigned command,
				  unsigned attribute, const void *value, size_t size)
{
	_Alignas(8) char buf[256] = {0};
	size_t len = BODY + (size ? NLA_HDRLEN + NLA_ALIGN(size) : 0);
	struct nlmsghdr h = {.nlmsg_len = (unsigned)len, .nlmsg_type = (unsigned short)type,
			     .nlmsg_flags = (unsigned short)(NLM_F_REQUEST | flags),
			     .nlmsg_seq = 7};
	struct genlmsghdr g = {.cmd = (unsigned char)command, .version = 1};
	struct nlattr a = {(unsigned short)(NLA_HDRLEN + size), (unsigned short)attribute};

	memcpy(buf, &h, sizeof(h));
	memcpy(buf + NLMSG_HDRLEN, &g, sizeof(g));
	if (size) {
		memcpy(buf + BODY, &a, sizeof(a));
		memcpy(buf + BODY + NLA_HDRLEN, value, size);
	}
	CHECK_EQ(send(fd, buf, len, 0), len);
	CHECK(recv(fd, answer, sizeof(answer), 0) >= (long)NLMSG_HDRLEN);
	CHECK_EQ(((struct nlmsghdr *)(void *)answer)->nlmsg_seq, 7);
	return (void *)answer;
}

static int error_of(const struct nlmsghdr *h)
{
	CHECK_EQ(h->nlmsg_type, NLMSG_ERROR);
	return -((const struct nlmsgerr *)NLMSG_DATA(h))->error;
}

/* The value of an attribute among those from `at` to `end`; NULL: not there. */
static const void *find(const char *at, const char *end, unsigned type)
{
	while (end - at >= NLA_HDRLEN) {
		const struct nlattr *a = (const void *)at;

		CHECK(a->nla_len >= NLA_HDRLEN && a->nla_len <= end - at);
		if ((a->nla_type & NLA_TYPE_MASK) == type)
			return at + NLA_HDRLEN;
		at += NLA_ALIGN(a->nla_len);
	}
	return NULL;
}

static unsigned family(int fd)
{
	const struct nlmsghdr *h = ask(fd, GENL_ID_CTRL, 0, CTRL_CMD_GETFAMILY,
				       CTRL_ATTR_FAMILY_NAME, TASKSTATS_GENL_NAME,
				       sizeof(TASKSTATS_GENL_NAME));
	const uint16_t *id = find((const char *)h + BODY, (const char *)h + h->nlmsg_len,
				  CTRL_ATTR_FAMILY_ID);

	CHECK_EQ(h->nlmsg_type, GENL_ID_CTRL);
	CHECK(id && *id >= NLMSG_MIN_TYPE);
	return *id;
}

TEST(families)
{
	int fd = generic(), count = 0;
	unsigned id = family(fd);
	uint16_t number = (uint16_t)id;
	const struct nlmsghdr *h = ask(fd, GENL_ID_CTRL, 0, CTRL_CMD_GETFAMILY,
				       CTRL_ATTR_FAMILY_ID, &number, sizeof(number));
	const char *name = find((const char *)h + BODY, (const char *)h + h->nlmsg_len,
				CTRL_ATTR_FAMILY_NAME);

	CHECK(name && !strcmp(name, TASKSTATS_GENL_NAME));
	CHECK_EQ(error_of(ask(fd, GENL_ID_CTRL, 0, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME,
			      "NOBODY", 7)), ENOENT);
	CHECK_EQ(error_of(ask(fd, GENL_ID_CTRL, 0, CTRL_CMD_GETFAMILY, 0, NULL, 0)), EINVAL);
	CHECK_EQ(error_of(ask(fd, GENL_ID_CTRL, 0, 99, 0, NULL, 0)), EOPNOTSUPP);
	CHECK_EQ(error_of(ask(fd, 999, 0, 1, 0, NULL, 0)), ENOENT);
	h = ask(fd, GENL_ID_CTRL, NLM_F_DUMP, CTRL_CMD_GETFAMILY, 0, NULL, 0);
	for (;;) {
		for (; h->nlmsg_type != NLMSG_DONE && (const char *)h < answer + sizeof(answer) &&
		       h->nlmsg_len; count++)
			h = (const void *)((const char *)h + NLMSG_ALIGN(h->nlmsg_len));
		if (h->nlmsg_type == NLMSG_DONE)
			break;
		memset(answer, 0, sizeof(answer));
		CHECK(recv(fd, answer, sizeof(answer), 0) > 0);
		h = (void *)answer;
	}
	CHECK(count >= 2);
}

/* The figures in a message; *nr: whose they are. */
static struct taskstats figures(const struct nlmsghdr *h, unsigned aggregate, unsigned type,
				unsigned *nr)
{
	const char *nest = find((const char *)h + BODY, (const char *)h + h->nlmsg_len, aggregate);
	const char *end = (const char *)h + h->nlmsg_len;
	const unsigned *number;
	const void *stats;
	struct taskstats s;

	CHECK(nest);
	number = find(nest, end, type);
	stats = find(nest, end, TASKSTATS_TYPE_STATS);
	CHECK(number && stats);
	memcpy(&s, stats, sizeof(s));
	*nr = *number;
	return s;
}

TEST(asked)
{
	int fd = generic();
	unsigned id = family(fd), nr = (unsigned)getpid(), got;
	struct taskstats s;

	CHECK_EQ(prctl(PR_SET_NAME, "measured"), 0);
	for (volatile int i = 0; i < 10000000; i++)
		;
	s = figures(ask(fd, id, 0, TASKSTATS_CMD_GET, TASKSTATS_CMD_ATTR_PID, &nr, 4),
		    TASKSTATS_TYPE_AGGR_PID, TASKSTATS_TYPE_PID, &got);
	CHECK_EQ(got, nr);
	CHECK_EQ(s.version, TASKSTATS_VERSION);
	CHECK_EQ(strcmp(s.ac_comm, "measured"), 0);
	CHECK_EQ(s.ac_pid, nr);
	CHECK_EQ(s.ac_ppid, getppid());
	CHECK_EQ(s.ac_tgid, nr);
	CHECK_EQ(s.ac_uid, 0);
	CHECK(s.ac_utime + s.ac_stime > 0 && s.ac_etime > 0 && s.ac_minflt > 0);
	CHECK(s.ac_btime64 > 1000000000);
	CHECK(s.cpu_run_real_total > 0 && s.hiwater_rss > 0 && s.hiwater_vm >= s.hiwater_rss);
	s = figures(ask(fd, id, 0, TASKSTATS_CMD_GET, TASKSTATS_CMD_ATTR_TGID, &nr, 4),
		    TASKSTATS_TYPE_AGGR_TGID, TASKSTATS_TYPE_TGID, &got);
	CHECK_EQ(got, nr);
	CHECK(s.ac_utime + s.ac_stime > 0 && !s.ac_pid);
}

static void unprivileged([[maybe_unused]] void *unused)
{
	unsigned nr = (unsigned)getpid();
	int fd = generic();

	CHECK_EQ(error_of(ask(fd, family(fd), 0, TASKSTATS_CMD_GET, TASKSTATS_CMD_ATTR_PID, &nr,
			      4)), EPERM);
}

TEST(refused)
{
	int fd = generic();
	unsigned id = family(fd), nr = 4000000;

	CHECK_EQ(error_of(ask(fd, id, 0, TASKSTATS_CMD_GET, TASKSTATS_CMD_ATTR_PID, &nr, 4)),
		 ESRCH);
	CHECK_EQ(error_of(ask(fd, id, 0, TASKSTATS_CMD_GET, TASKSTATS_CMD_ATTR_TGID, &nr, 4)),
		 ESRCH);
	CHECK_EQ(error_of(ask(fd, id, 0, TASKSTATS_CMD_GET, TASKSTATS_CMD_ATTR_PID, &nr, 2)),
		 ERANGE);
	CHECK_EQ(error_of(ask(fd, id, 0, TASKSTATS_CMD_GET, 0, NULL, 0)), EINVAL);
	CHECK_EQ(error_of(ask(fd, id, NLM_F_DUMP, TASKSTATS_CMD_GET, TASKSTATS_CMD_ATTR_PID, &nr,
			      4)), EOPNOTSUPP);
	CHECK_EQ(error_of(ask(fd, id, 0, TASKSTATS_CMD_NEW, 0, NULL, 0)), EOPNOTSUPP);
	CHECK_EQ(error_of(ask(fd, id, 0, TASKSTATS_CMD_GET, TASKSTATS_CMD_ATTR_REGISTER_CPUMASK,
			      "foo", 4)), EINVAL);
	CHECK_EQ(error_of(ask(fd, id, 0, TASKSTATS_CMD_GET, TASKSTATS_CMD_ATTR_REGISTER_CPUMASK,
			      "0-999", 6)), ERANGE);
	CHECK_EQ(test_child_as(1000, unprivileged, NULL), 0);
}

static void *nothing(void *argument)
{
	return argument;
}

/* Who registers hears of each thread that ends, and of the process as a whole if it had others. */
TEST(told)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	char mask[] = {'0', '-', (char)('0' + cpus - 1), 0};
	bool whole = false, last = false;
	const struct nlmsghdr *h;
	int fd = generic(), pid;
	unsigned id = family(fd), got;
	struct pollfd p = {.fd = fd, .events = POLLIN};

	CHECK_EQ(error_of(ask(fd, id, NLM_F_ACK, TASKSTATS_CMD_GET,
			      TASKSTATS_CMD_ATTR_REGISTER_CPUMASK, mask, sizeof(mask))), 0);
	pid = fork();
	if (!pid) {
		pthread_t t;

		CHECK_EQ(pthread_create(&t, NULL, nothing, NULL), 0);
		CHECK_EQ(pthread_join(t, NULL), 0);
		_exit(3);
	}
	CHECK_EQ(test_wait(pid), 0x300);
	while (!last) {
		struct taskstats s;

		CHECK_EQ(poll(&p, 1, 20000), 1);
		CHECK(recv(fd, answer, sizeof(answer), 0) > 0);
		h = (void *)answer;
		CHECK_EQ(h->nlmsg_type, id);
		s = figures(h, TASKSTATS_TYPE_AGGR_PID, TASKSTATS_TYPE_PID, &got);
		last = (int)got == pid;
		if (!last)
			continue;
		CHECK_EQ(s.ac_exitcode, 0x300);
		CHECK_EQ(s.ac_ppid, getpid());
		whole = find((const char *)h + BODY, (const char *)h + h->nlmsg_len,
			     TASKSTATS_TYPE_AGGR_TGID);
	}
	CHECK(whole);
	CHECK_EQ(error_of(ask(fd, id, NLM_F_ACK, TASKSTATS_CMD_GET,
			      TASKSTATS_CMD_ATTR_DEREGISTER_CPUMASK, mask, sizeof(mask))), 0);
}
