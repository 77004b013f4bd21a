/* User namespaces: what ids are as one reads them there. */
#include <elf.h>
#include <sys/auxv.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <linux/stat.h>

#include "users.h"

static void become(uid_t id)
{
	CHECK_EQ(setgroups(0, NULL), 0);
	CHECK_EQ(setresgid(id, id, id), 0);
	CHECK_EQ(setresuid(id, id, id), 0);
	users_open_up();
}

static int in_ns(const char *map, void (*run)(void))
{
	return users_go(users_start(0, map, map, run));
}

/* --- of oneself --- */

static void own_ids(void)
{
	unsigned r, e, s;
	gid_t groups[4];
	const char *text;

	CHECK_EQ(setgroups(2, (gid_t[]){ 6, 4 }), 0);
	CHECK_EQ(setresgid(1, 2, 3), 0);
	CHECK_EQ(setresuid(4, 5, 6), 0);
	CHECK_EQ(getuid(), 4);
	CHECK_EQ(geteuid(), 5);
	CHECK_EQ(getgid(), 1);
	CHECK_EQ(getegid(), 2);
	CHECK_EQ(getresuid(&r, &e, &s), 0);
	CHECK(r == 4 && e == 5 && s == 6);
	CHECK_EQ(getresgid(&r, &e, &s), 0);
	CHECK(r == 1 && e == 2 && s == 3);
	CHECK_EQ(getgroups(0, NULL), 2);
	CHECK_EQ(getgroups(4, groups), 2);
	CHECK(groups[0] + groups[1] == 10);
	CHECK_ERR(getgroups(1, groups), EINVAL);
	text = test_read_file("/proc/self/status");
	CHECK(strstr(text, "\nUid:\t4\t5\t6\t5\n"));
	CHECK(strstr(text, "\nGid:\t1\t2\t3\t2\n"));
	CHECK(strstr(text, "\nGroups:\t4 6 \n"));
}

TEST(ones_own)
{
	CHECK_EQ(in_ns("0 5000 10", own_ids), 0);
}

static void unmapped(void)
{
	gid_t groups[4];

	CHECK_EQ(getgroups(4, groups), 2);
	CHECK_EQ(groups[0], 7);
	CHECK_EQ(groups[1], NOBODY);
	CHECK_EQ(getuid(), NOBODY);
	CHECK(strstr(test_read_file("/proc/self/status"), "\nUid:\t65534\t65534\t65534\t65534\n"));
}

TEST(those_without_a_mapping)
{
	CHECK_EQ(setgroups(2, (gid_t[]){ 5007, 6000 }), 0);
	CHECK_EQ(in_ns("0 5000 10", unmapped), 0);
}

[[gnu::constructor]] static void say_auxv(int, char **argv)
{
	if (strcmp(argv[0], "say-auxv"))
		return;
	_exit(getauxval(AT_UID) == 4 && getauxval(AT_EUID) == 4 && getauxval(AT_GID) == 3 &&
	      getauxval(AT_EGID) == 3 ? 0 : 7);
}

static void runs(void)
{
	CHECK_EQ(setresgid(3, 3, 3), 0);
	CHECK_EQ(setresuid(4, 4, 4), 0);
	execl("/proc/self/exe", "say-auxv", (char *)NULL);
}

TEST(what_a_program_is_told)
{
	CHECK_EQ(in_ns("0 5000 10", runs), 0);
}

/* --- of files and processes --- */

static void owners(void)
{
	struct statx x;
	struct stat st;
	char path[64];

	CHECK_EQ(stat("file", &st), 0);
	CHECK_EQ(st.st_uid, 3);
	CHECK_EQ(st.st_gid, NOBODY);
	CHECK_EQ(syscall(SYS_statx, AT_FDCWD, "file", 0, STATX_BASIC_STATS, &x), 0);
	CHECK_EQ(x.stx_uid, 3);
	CHECK_EQ(x.stx_gid, NOBODY);
	become(2);
	snprintf(path, sizeof(path), "/proc/%d/stat", getpid());
	CHECK_EQ(stat(path, &st), 0);
	CHECK_EQ(st.st_uid, 2);
	CHECK_EQ(st.st_gid, 2);
	CHECK_EQ(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), 0);
	CHECK_EQ(stat(path, &st), 0);
	CHECK_EQ(st.st_uid, NOBODY);
	CHECK_EQ(stat("/proc/1/stat", &st), 0);
	CHECK_EQ(st.st_uid, NOBODY);
}

TEST(owners_of_files)
{
	test_write_file("file", "text");
	CHECK_EQ(chown("file", 5003, 6000), 0);
	CHECK_EQ(in_ns("0 5000 10", owners), 0);
}

static int queue;

static void objects(void)
{
	struct msqid_ds q;
	struct shmid_ds s;
	int id;

	CHECK_EQ(msgctl(queue, IPC_STAT, &q), 0);
	CHECK_EQ(q.msg_perm.uid, 1);
	CHECK_EQ(q.msg_perm.gid, NOBODY);
	CHECK_EQ(q.msg_perm.cuid, NOBODY);
	become(4);
	id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
	CHECK_EQ(shmctl(id, IPC_STAT, &s), 0);
	CHECK_EQ(s.shm_perm.uid, 4);
	CHECK_EQ(s.shm_perm.cgid, 4);
	s.shm_perm.uid = 50;
	CHECK_ERR(shmctl(id, IPC_SET, &s), EINVAL);
	s.shm_perm.uid = 5;
	CHECK_EQ(shmctl(id, IPC_SET, &s), 0);
	CHECK_EQ(shmctl(id, IPC_STAT, &s), 0);
	CHECK_EQ(s.shm_perm.uid, 5);
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
	/* They are the first namespace's. */
	CHECK_ERR(msgctl(queue, IPC_RMID, NULL), EPERM);
}

TEST(owners_of_ipc_objects)
{
	struct msqid_ds q;

	queue = msgget(IPC_PRIVATE, IPC_CREAT | 0666);
	CHECK(queue >= 0);
	CHECK_EQ(msgctl(queue, IPC_STAT, &q), 0);
	q.msg_perm.uid = 5001;
	q.msg_perm.gid = 6000;
	CHECK_EQ(msgctl(queue, IPC_SET, &q), 0);
	CHECK_EQ(in_ns("0 5000 10", objects), 0);
	CHECK_EQ(msgctl(queue, IPC_RMID, NULL), 0);
}

/* --- of who sends --- */

static int sockets[2];

static void send_as(int fd, const struct ucred *u)
{
	char control[CMSG_SPACE(sizeof(*u))] = "";
	struct iovec v = { "x", 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_CREDENTIALS;
	c->cmsg_len = CMSG_LEN(sizeof(*u));
	memcpy(CMSG_DATA(c), u, sizeof(*u));
	errno = 0;
	if (sendmsg(fd, &m, MSG_NOSIGNAL) == 1)
		errno = 0;
}

static struct ucred receive(int fd)
{
	char control[CMSG_SPACE(sizeof(struct ucred))], byte;
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct ucred u = {};

	CHECK_EQ(recvmsg(fd, &m, 0), 1);
	CHECK(CMSG_FIRSTHDR(&m));
	memcpy(&u, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(u));
	return u;
}

static void sends(void)
{
	struct ucred u = receive(sockets[1]), peer;
	socklen_t len = sizeof(peer);

	CHECK_EQ(u.uid, NOBODY);
	CHECK_EQ(u.gid, 2);
	CHECK_EQ(getsockopt(sockets[1], SOL_SOCKET, SO_PEERCRED, &peer, &len), 0);
	CHECK_EQ(peer.uid, NOBODY);
	CHECK_EQ(setresgid(0, 0, 0), 0);
	CHECK_EQ(setresuid(0, 0, 0), 0);
	/* It may say that it is anybody who has an id here. */
	u = (struct ucred){ getpid(), 3, 4 };
	send_as(sockets[1], &u);
	CHECK_EQ(errno, 0);
	u.uid = 30;
	send_as(sockets[1], &u);
	CHECK_EQ(errno, EINVAL);
	u = (struct ucred){ 1, 0, 0 };
	send_as(sockets[1], &u);
	CHECK_EQ(errno, EPERM);
	become(5);
	CHECK_EQ(write(sockets[1], "x", 1), 1);
}

TEST(credentials_in_messages)
{
	struct users_child c;
	int one = 1;
	struct ucred u;

	CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, sockets), 0);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(setsockopt(sockets[i], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)), 0);
	c = users_start(0, "0 5000 10", "0 5000 10", sends);
	u = (struct ucred){ getpid(), 6000, 5002 };
	send_as(sockets[0], &u);
	CHECK_EQ(errno, 0);
	CHECK_EQ(users_go(c), 0);
	u = receive(sockets[0]);
	CHECK_EQ(u.uid, 5003);
	CHECK_EQ(u.gid, 5004);
	CHECK_EQ(u.pid, c.pid);
	u = receive(sockets[0]);
	CHECK_EQ(u.uid, 5005);
	CHECK_EQ(u.gid, 5005);
}

static siginfo_t next(int sig)
{
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	CHECK_EQ(sigwaitinfo(&set, &info), sig);
	return info;
}

static void block(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGCHLD);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
}

static void signals(void)
{
	pid_t parent = getppid(), pid;
	siginfo_t info;

	CHECK_EQ(next(SIGUSR1).si_uid, NOBODY);
	info = next(SIGUSR2);
	CHECK_EQ(info.si_uid, 7);
	CHECK_EQ(info.si_value.sival_int, 9);
	pid = fork();
	if (!pid) {
		become(3);
		CHECK_EQ(kill(parent, 0), -1);
		_exit(4);
	}
	CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	CHECK_EQ(info.si_uid, 3);
	CHECK_EQ(next(SIGCHLD).si_uid, 3);
	CHECK_EQ(test_wait(pid), 4 << 8);
	CHECK_EQ(kill(getpid(), SIGUSR1), 0);
	CHECK_EQ(next(SIGUSR1).si_uid, NOBODY);
	CHECK_EQ(kill(parent, SIGUSR1), 0);
	CHECK_EQ(setresgid(2, 2, 2), 0);
	CHECK_EQ(setresuid(2, 2, 2), 0);
	/* A stranger, to its parent. */
	CHECK_ERR(kill(parent, SIGUSR2), EPERM);
}

TEST(who_sent_a_signal)
{
	struct users_child c;
	siginfo_t info = { .si_code = SI_QUEUE };

	block();
	c = users_start(0, "0 5000 10", "0 5000 10", signals);
	info.si_uid = 5007;
	info.si_pid = getpid();
	info.si_value.sival_int = 9;
	CHECK_EQ(kill(c.pid, SIGUSR1), 0);
	CHECK_EQ(syscall(SYS_rt_sigqueueinfo, c.pid, SIGUSR2, &info), 0);
	CHECK_EQ(write(c.go, "x", 1), 1);
	info = next(SIGCHLD);
	CHECK_EQ(info.si_uid, 5002);
	CHECK_EQ(info.si_status, 0);
	/* It had no id where it was when it sent that. */
	CHECK_EQ(next(SIGUSR1).si_uid, NOBODY);
	CHECK_EQ(waitid(P_PID, (id_t)c.pid, &info, WEXITED), 0);
	CHECK_EQ(info.si_uid, 5002);
	CHECK_EQ(info.si_status, 0);
}

/* --- more of the same --- */

static void more_ids(void)
{
	gid_t groups[4];
	socklen_t len = sizeof(groups);
	unsigned ids[2];
	int pair[2];

	CHECK_EQ(setgroups(2, (gid_t[]){ 3, 2 }), 0);
	CHECK_EQ(setresgid(4, 4, 4), 0);
	CHECK_EQ(setresuid(4, 5, 5), 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	CHECK_EQ(getsockopt(pair[0], SOL_SOCKET, SO_PEERGROUPS, groups, &len), 0);
	CHECK_EQ(len, 8);
	CHECK(groups[0] == 2 && groups[1] == 3);
	CHECK_EQ(fcntl(pair[0], F_SETOWN, getpid()), 0);
	CHECK_EQ(fcntl(pair[0], 17 /* F_GETOWNER_UIDS */, ids), 0);
	CHECK(ids[0] == 4 && ids[1] == 5);
	/* Of a user by his id here. */
	CHECK_EQ(setpriority(PRIO_USER, 4, 3), 0);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 3);
	CHECK_EQ(getpriority(PRIO_USER, 4), 3);
	CHECK_ERR(getpriority(PRIO_USER, 40), ESRCH);
	CHECK_ERR(setpriority(PRIO_USER, 40, 3), ESRCH);
	CHECK_EQ(syscall(SYS_ioprio_set, 3, 4, 2 << 13 | 5), 0);
	CHECK_EQ(syscall(SYS_ioprio_get, 3, 4), 2 << 13 | 5);
	CHECK_ERR(syscall(SYS_ioprio_get, 3, 40), ESRCH);
}

TEST(owners_groups_and_whose_priority)
{
	CHECK_EQ(in_ns("0 5000 10", more_ids), 0);
}

static void access_list(void)
{
	unsigned char acl[100];
	unsigned id;

	CHECK(syscall(SYS_getxattr, "acl", "system.posix_acl_access", acl, sizeof(acl)) >= 28);
	memcpy(&id, acl + 4 + 8 + 4, sizeof(id));
	CHECK_EQ(id, 6);
	become(0);
	id = 7;
	memcpy(acl + 4 + 8 + 4, &id, sizeof(id));
	CHECK_EQ(syscall(SYS_setxattr, "acl", "system.posix_acl_access", acl, 4 + 5 * 8, 0), 0);
	id = 70;
	memcpy(acl + 4 + 8 + 4, &id, sizeof(id));
	CHECK_ERR(syscall(SYS_setxattr, "acl", "system.posix_acl_access", acl, 4 + 5 * 8, 0),
		  EINVAL);
}

TEST(ids_in_access_lists)
{
	struct entry { unsigned short tag, perm; unsigned id; };
	struct { unsigned version; struct entry e[5]; } acl = { 2, {
		{ 1, 6, -1u }, { 2, 4, 5006 }, { 4, 4, -1u }, { 16, 4, -1u }, { 32, 0, -1u } } };

	test_write_file("acl", "text");
	CHECK_EQ(chown("acl", 5000, 5000), 0);
	CHECK_EQ(syscall(SYS_setxattr, "acl", "system.posix_acl_access", &acl, sizeof(acl), 0), 0);
	CHECK_EQ(in_ns("0 5000 10", access_list), 0);
	CHECK_EQ(syscall(SYS_getxattr, "acl", "system.posix_acl_access", &acl, sizeof(acl)),
		 sizeof(acl));
	CHECK_EQ(acl.e[1].id, 5007);
}
