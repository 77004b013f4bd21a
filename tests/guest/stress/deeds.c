/* Deeds with sockets, mounts, System V's objects, events, terminals, /proc and tracing. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stress.h"
#include "work.h"

#define QUEUES "queues"

union semun_ {		/* what semctl(2) leaves to its caller to declare */
	struct semid_ds *ds;
	struct seminfo *info;
};

static bool may_fail(void)
{
	return is_scarce() || errno == EMFILE || errno == ENOBUFS;
}

/* A descriptor sent to ourselves over a socket that is then closed, half of the time unread. */
void do_unix(void)
{
	uint64_t word = pattern(1), got = 0;
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {};
	struct iovec data = {&word, sizeof(word)};
	struct msghdr msg = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	int ends[2], sent = -1;

	if (socketpair(AF_UNIX, draw(2) ? SOCK_STREAM : SOCK_DGRAM, 0, ends) < 0)
		return must(may_fail(), "socketpair");
	control.head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
					.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(&control.head), &ends[draw(2)], sizeof(int));
	if (sendmsg(ends[0], &msg, 0) < 0) {
		must(may_fail(), "sendmsg");
	} else if (draw(2)) {
		data.iov_base = &got;
		msg.msg_controllen = sizeof(control);
		must(recvmsg(ends[1], &msg, 0) == sizeof(got) && got == word, "recvmsg");
		if (msg.msg_controllen >= CMSG_LEN(sizeof(int)))
			memcpy(&sent, CMSG_DATA(&control.head), sizeof(sent));
		close(sent);
	}
	close(ends[0]);
	close(ends[1]);
}

static int listener(struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t size = sizeof(*at);

	*at = (struct sockaddr_in){.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (fd < 0 || bind(fd, (struct sockaddr *)at, sizeof(*at)) < 0 || listen(fd, 4) < 0 ||
	    getsockname(fd, (struct sockaddr *)at, &size) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* A connection over the loopback; now and then nobody takes it. It ends without an order, as one
 * in order would leave its addresses taken for a minute (TIME_WAIT). */
void do_tcp(void)
{
	struct linger now = {.l_onoff = 1};
	uint64_t word = pattern(2), got = 0;
	struct sockaddr_in at;
	int server = listener(&at), client = socket(AF_INET, SOCK_STREAM, 0), peer = -1;

	setsockopt(client, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	if (server >= 0 && client >= 0 &&
	    connect(client, (struct sockaddr *)&at, sizeof(at)) == 0) {
		must(send(client, &word, sizeof(word), MSG_NOSIGNAL) == sizeof(word), "send");
		if (draw(4)) {
			peer = accept(server, NULL, NULL);
			setsockopt(peer, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
			if (peer >= 0)
				must(recv(peer, &got, sizeof(got), MSG_WAITALL) == sizeof(got) &&
				     got == word, "recv");
		}
	}
	close(peer);
	close(client);
	close(server);
}

/* A file system of our own, seen in two places. */
void do_mount(void)
{
	char name[64], file[80], other[64];
	bool mounted;
	int fd;

	snprintf(name, sizeof(name), "%s", own_name("mount"));
	snprintf(other, sizeof(other), "%s", own_name("bound"));
	snprintf(file, sizeof(file), "%s/file", name);
	if (mkdir(name, 0700) < 0 || mkdir(other, 0700) < 0)
		return must(is_scarce(), "mkdir");
	mounted = mount("none", name, "tmpfs", 0, "size=1m") == 0;
	must(mounted || is_scarce() || errno == EPERM, "mount");
	fd = mounted ? open(file, O_CREAT | O_RDWR, 0600) : -1;
	if (mounted && mount(name, other, NULL, MS_BIND, NULL) == 0)
		must(umount2(other, draw(2) ? MNT_DETACH : 0) == 0, "umount of the other place");
	/* In use half of the time. */
	if (fd >= 0 && draw(2)) {
		must(umount2(name, 0) < 0 && errno == EBUSY, "umount in use");
		must(umount2(name, MNT_DETACH) == 0, "detaching");
		close(fd);
	} else if (mounted) {
		close(fd);
		must(umount2(name, MNT_DETACH) == 0, "umount");
	}
	must(rmdir(name) == 0 && rmdir(other) == 0, "rmdir");
}

void do_sysvipc(void)
{
	struct {
		long type;
		uint64_t word;
	} msg = {1, pattern(3)}, got = {};
	struct sembuf up = {.sem_op = 3, .sem_flg = SEM_UNDO}, down = {.sem_op = -2};
	int shm = shmget(IPC_PRIVATE, 4 * PAGE, IPC_CREAT | 0600);
	int sem = semget(IPC_PRIVATE, 2, IPC_CREAT | 0600);
	int queue = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
	uint64_t *at = shm < 0 ? NULL : shmat(shm, NULL, 0);

	if (shm >= 0)
		must(shmctl(shm, IPC_RMID, NULL) == 0, "IPC_RMID");
	if (at && at != (void *)-1) {
		at[8] = pattern(8);
		must(at[8] == pattern(8), "a segment");
		if (draw(2))
			must(shmdt(at) == 0, "shmdt");
	}
	if (sem >= 0) {
		must(semop(sem, &up, 1) == 0 || is_scarce(), "semop");
		if (semctl(sem, 0, GETVAL) == 3)
			must(semop(sem, &down, 1) == 0, "semop down");
		must(semctl(sem, 0, IPC_RMID) == 0, "IPC_RMID");
	}
	if (queue >= 0) {
		if (msgsnd(queue, &msg, sizeof(msg.word), IPC_NOWAIT) == 0 && draw(2))
			must(msgrcv(queue, &got, sizeof(got.word), 0, 0) == sizeof(got.word) &&
			     got.word == msg.word, "msgrcv");
		must(msgctl(queue, IPC_RMID, NULL) == 0, "IPC_RMID");
	}
}

void do_mqueue(void)
{
	struct mq_attr attr = {.mq_maxmsg = 4, .mq_msgsize = 64};
	char name[80], text[64];
	mqd_t queue;

	snprintf(name, sizeof(name), "/%s", own_name("queue"));
	queue = mq_open(name, O_CREAT | O_RDWR | O_NONBLOCK, 0600, &attr);
	if (queue < 0)
		return must(may_fail(), "mq_open");
	must(mq_unlink(name) == 0, "mq_unlink");
	for (unsigned i = draw(5); i > 0; i--)
		must(mq_send(queue, name, sizeof(text) / 2, i) == 0 || errno == EAGAIN, "mq_send");
	(void)mq_receive(queue, text, sizeof(text), NULL);
	mq_close(queue);
}

/* Descriptors that wait for each other; some of them left open. */
void do_events(void)
{
	struct itimerspec soon = {.it_value.tv_nsec = 1000000};
	struct epoll_event want = {.events = EPOLLIN}, got;
	int set = epoll_create1(0), counter = eventfd(0, EFD_NONBLOCK);
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), files = inotify_init1(IN_NONBLOCK);
	int left = (int)draw(4);

	if (files >= 0)
		(void)inotify_add_watch(files, ".", IN_CREATE);
	if (set >= 0 && counter >= 0 && timer >= 0) {
		must(timerfd_settime(timer, 0, &soon, NULL) == 0, "timerfd_settime");
		if (epoll_ctl(set, EPOLL_CTL_ADD, timer, &want) == 0 &&
		    epoll_ctl(set, EPOLL_CTL_ADD, counter, &want) == 0)
			must(epoll_wait(set, &got, 1, 20000) == 1 || errno == EINTR, "epoll_wait");
	}
	if (left != 0)
		close(set);
	if (left != 1)
		close(counter);
	if (left != 2)
		close(timer);
	if (left != 3)
		close(files);
}

void do_terminal(void)
{
	int master, slave;
	char line[16];

	if (openpty(&master, &slave, NULL, NULL, NULL) < 0)
		return;
	must(write(master, "hello\n", 6) == 6, "writing to a terminal");
	if (draw(2))
		must(read(slave, line, sizeof(line)) == 6 && !memcmp(line, "hello\n", 6),
		     "a line from a terminal");
	close(draw(2) ? master : slave);
}

/* Another one's files, who may end meanwhile. */
void do_proc(void)
{
	static const char *const names[] = {"status", "maps", "stat", "fd/0", "task", "mountinfo"};
	char path[64], buffer[512];
	pid_t other = draw(2) ? getpid() : getppid();
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	if (child > 0 && draw(2))
		other = child;
	for (unsigned i = 0; i < 3; i++) {
		int fd;

		snprintf(path, sizeof(path), "/proc/%d/%s", other, names[draw(6)]);
		fd = open(path, O_RDONLY | O_NONBLOCK);
		if (fd >= 0) {
			(void)!read(fd, buffer, sizeof(buffer));
			close(fd);
		}
	}
	if (child > 0)
		must(reap(child) == 0, "a child that is looked at");
}

/* A child that stops for us; killed, let go or left to our end. */
void do_traced(void)
{
	pid_t me = getpid(), child = fork();
	int status;

	if (child == 0) {
		/* Else it would stand still for ever if we are killed before we see it. */
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		if (getppid() != me || ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			_exit(5);
		raise(SIGSTOP);
		_exit(5);
	}
	if (child < 0)
		return must(is_scarce(), "fork");
	status = reap(child);
	if (WIFEXITED(status))
		return;
	must(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP, "a traced child stops");
	switch (draw(3)) {
	case 0:
		must(kill(child, SIGKILL) == 0, "kill");
		must(WIFSIGNALED(reap(child)), "the end of a traced child");
		break;
	case 1:
		must(ptrace(PTRACE_CONT, child, NULL, NULL) == 0, "PTRACE_CONT");
		status = reap(child);
		must(WIFEXITED(status) && WEXITSTATUS(status) == 5, "a child that goes on");
		break;
	default:
		ptrace(PTRACE_DETACH, child, NULL, NULL);
		must(reap(child) >= 0, "a child that was let go");
		break;
	}
}

static void detach_mounts(void)
{
	char line[512], where[256];
	FILE *file = fopen("/proc/self/mounts", "r");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%*s %255s", where) == 1 && strstr(where, FOLDER "/"))
			umount2(where, MNT_DETACH);
	if (file)
		fclose(file);
}

/* Queues whose makers were killed before they were unlinked. */
static void unlink_queues(void)
{
	struct dirent *entry;
	char name[300];
	DIR *dir;

	if (mkdir(QUEUES, 0700) < 0 || mount("none", QUEUES, "mqueue", 0, NULL) < 0)
		return;
	dir = opendir(QUEUES);
	while (dir && (entry = readdir(dir))) {
		snprintf(name, sizeof(name), QUEUES "/%s", entry->d_name);
		if (entry->d_name[0] != '.')
			unlink(name);
	}
	if (dir)
		closedir(dir);
	umount2(QUEUES, 0);
}

void deeds_clean_up(void)
{
	struct seminfo sems;
	struct msginfo queues;
	struct shm_info segments;
	struct semid_ds sem;
	struct msqid_ds queue;
	struct shmid_ds segment;
	int last;

	detach_mounts();
	unlink_queues();
	last = semctl(0, 0, SEM_INFO, (union semun_){.info = &sems});
	for (int i = 0; i <= last; i++)
		semctl(semctl(i, 0, SEM_STAT, (union semun_){.ds = &sem}), 0, IPC_RMID);
	last = msgctl(0, MSG_INFO, (struct msqid_ds *)&queues);
	for (int i = 0; i <= last; i++)
		msgctl(msgctl(i, MSG_STAT, &queue), IPC_RMID, NULL);
	last = shmctl(0, SHM_INFO, (struct shmid_ds *)&segments);
	for (int i = 0; i <= last; i++)
		shmctl(shmctl(i, SHM_STAT, &segment), IPC_RMID, NULL);
}
