/* POSIX message queues. */
#include <dirent.h>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

static char name[32];

/* A new queue of four messages of sixteen bytes, with a name of the test's own. */
static mqd_t queue(int flags)
{
	struct mq_attr attr = { .mq_maxmsg = 4, .mq_msgsize = 16 };
	mqd_t q;

	snprintf(name, sizeof(name), "/test-%d", getpid());
	q = mq_open(name, O_CREAT | O_EXCL | O_RDWR | flags, 0600, &attr);
	CHECK(q >= 0);
	return q;
}

static void put(mqd_t q, const char *text, unsigned priority)
{
	CHECK_EQ(mq_send(q, text, strlen(text), priority), 0);
}

static const char *take(mqd_t q)
{
	static char text[32];
	unsigned priority = 99;
	ssize_t n = mq_receive(q, text, 16, &priority);

	CHECK(n >= 0);
	sprintf(text + n, ":%u", priority);
	return text;
}

#define TAKE(q, want) CHECK(!strcmp(take(q), want))

TEST(the_highest_and_oldest_is_first)
{
	mqd_t q = queue(O_NONBLOCK);
	char text[16];
	struct mq_attr attr;

	put(q, "low", 1);
	put(q, "high", 7);
	put(q, "second", 7);
	put(q, "", 32767);
	CHECK_ERR(mq_send(q, "x", 1, 0), EAGAIN);
	CHECK_EQ(mq_getattr(q, &attr), 0);
	CHECK_EQ(attr.mq_curmsgs, 4);
	CHECK_EQ(attr.mq_maxmsg, 4);
	CHECK_EQ(attr.mq_msgsize, 16);
	CHECK_EQ(attr.mq_flags, O_NONBLOCK);
	TAKE(q, ":32767");
	TAKE(q, "high:7");
	TAKE(q, "second:7");
	TAKE(q, "low:1");
	CHECK_ERR(mq_receive(q, text, 16, NULL), EAGAIN);
	CHECK_EQ(mq_unlink(name), 0);
}

TEST(wrong_calls)
{
	mqd_t q = queue(0), reader, writer;
	char text[16], big[17] = "";
	struct timespec wrong = { 0, -1 };
	struct mq_attr attr = { .mq_flags = O_APPEND };

	CHECK_ERR(mq_send(q, big, 17, 0), EMSGSIZE);
	CHECK_ERR(mq_send(q, big, 1, 32768), EINVAL);
	CHECK_ERR(mq_receive(q, text, 15, NULL), EMSGSIZE);
	CHECK_ERR(mq_timedsend(q, big, 1, 0, &wrong), EINVAL);
	CHECK_ERR(mq_timedreceive(q, text, 16, NULL, &wrong), EINVAL);
	CHECK_ERR(mq_setattr(q, &attr, NULL), EINVAL);
	CHECK_ERR(mq_send(99, big, 1, 0), EBADF);
	CHECK_ERR(mq_receive(0, text, 16, NULL), EBADF);
	CHECK_ERR(mq_getattr(0, &attr), EBADF);
	CHECK_ERR(syscall(SYS_mq_timedsend, q, (void *)1, 4, 0, NULL), EFAULT);
	CHECK_ERR(syscall(SYS_mq_timedsend, q, text, 4, 0, (void *)1), EFAULT);
	reader = mq_open(name, O_RDONLY);
	writer = mq_open(name, O_WRONLY);
	CHECK_ERR(mq_send(reader, "x", 1, 0), EBADF);
	CHECK_ERR(mq_receive(writer, text, 16, NULL), EBADF);
	put(writer, "x", 0);
	CHECK_ERR(syscall(SYS_mq_timedreceive, reader, (void *)1, 16, NULL, NULL), EFAULT);
	CHECK_EQ(mq_getattr(q, &attr), 0);
	CHECK_EQ(attr.mq_curmsgs, 0);
	CHECK_EQ(mq_unlink(name), 0);
}

TEST(names)
{
	mqd_t q = queue(0);
	char longer[300];
	struct stat st;

	CHECK_ERR(mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, NULL), EEXIST);
	CHECK(mq_open(name, O_CREAT | O_RDWR, 0600, NULL) >= 0);
	CHECK_ERR(mq_open("/nothing", O_RDWR), ENOENT);
	CHECK_ERR(syscall(SYS_mq_open, "", O_RDWR, 0, NULL), ENOENT);
	CHECK_ERR(syscall(SYS_mq_open, "a/b", O_RDWR | O_CREAT, 0600, NULL), EACCES);
	CHECK_ERR(syscall(SYS_mq_open, "..", O_RDWR | O_CREAT, 0600, NULL), EACCES);
	CHECK_ERR(syscall(SYS_mq_open, (void *)1, O_RDWR, 0, NULL), EFAULT);
	CHECK_ERR(syscall(SYS_mq_open, name + 1, O_RDWR, 0, (void *)1), EFAULT);
	CHECK_ERR(syscall(SYS_mq_open, name + 1, O_ACCMODE, 0, NULL), EINVAL);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[0] = '/';
	longer[sizeof(longer) - 1] = 0;
	CHECK_ERR(mq_open(longer, O_RDWR | O_CREAT, 0600, NULL), ENAMETOOLONG);
	CHECK_ERR(mq_unlink(longer), ENAMETOOLONG);
	CHECK_ERR(mq_unlink("/nothing"), ENOENT);
	CHECK_EQ(fstat(q, &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0600);
	CHECK_EQ(st.st_size, 80);
	CHECK_EQ(fcntl(q, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(mq_unlink(name), 0);
	CHECK_ERR(mq_unlink(name), ENOENT);
	put(q, "still there", 0);
	TAKE(q, "still there:0");
	CHECK_EQ(fstat(q, &st), 0);
	CHECK_EQ(st.st_nlink, 0);
}

static void as_a_stranger(void *)
{
	CHECK_ERR(mq_open(name, O_RDONLY), EACCES);
	CHECK_ERR(mq_open(name, O_RDWR | O_CREAT, 0666, NULL), EACCES);
	CHECK(mq_open(name, O_WRONLY) >= 0);
	CHECK_ERR(syscall(SYS_mq_unlink, name + 1), EPERM);
	CHECK_ERR(mq_open("/mine", O_RDWR | O_CREAT, 0600,
			  &(struct mq_attr) { .mq_maxmsg = 11, .mq_msgsize = 1 }), EINVAL);
	CHECK_ERR(mq_open("/mine", O_RDWR | O_CREAT, 0600,
			  &(struct mq_attr) { .mq_maxmsg = 1, .mq_msgsize = 8193 }), EINVAL);
}

TEST(rights)
{
	mqd_t q = queue(0);

	CHECK_EQ(fchmod(q, 0602), 0);
	CHECK_EQ(test_child_as(1000, as_a_stranger, NULL), 0);
	CHECK_EQ(mq_unlink(name), 0);
}

TEST(limits)
{
	struct rlimit limit = { 10 * (16 + 96), RLIM_INFINITY };
	struct mq_attr attr = { .mq_maxmsg = 10, .mq_msgsize = 16 };
	mqd_t q = queue(0);

	close(q);
	CHECK_EQ(mq_unlink(name), 0);
	CHECK_EQ(setrlimit(RLIMIT_MSGQUEUE, &limit), 0);
	q = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, &attr);
	CHECK(q >= 0);
	attr.mq_maxmsg = attr.mq_msgsize = 1;
	CHECK_ERR(mq_open("/one-more", O_CREAT | O_RDWR, 0600, &attr), EMFILE);
	CHECK_EQ(mq_unlink(name), 0);
	CHECK_ERR(mq_open("/one-more", O_CREAT | O_RDWR, 0600, &attr), EMFILE);
	close(q);
	CHECK(mq_open("/one-more", O_CREAT | O_RDWR, 0600, &attr) >= 0);
	CHECK_EQ(mq_unlink("/one-more"), 0);
	attr.mq_maxmsg = 0;
	CHECK_ERR(mq_open("/one-more", O_CREAT | O_RDWR, 0600, &attr), EINVAL);
	attr = (struct mq_attr) { .mq_maxmsg = 65537, .mq_msgsize = 1 };
	CHECK_ERR(mq_open("/one-more", O_CREAT | O_RDWR, 0600, &attr), EINVAL);
}

static void one_too_many(void *)
{
	CHECK_ERR(mq_open("/one-more", O_CREAT | O_RDWR, 0600, NULL), ENOSPC);
}

TEST(limits_of_the_machine)
{
	struct mq_attr attr;
	mqd_t q;

	CHECK_EQ(mkdir("mq", 0755) + mount("none", "mq", "mqueue", 0, NULL), 0);
	CHECK(!strcmp(test_read_file("/proc/sys/fs/mqueue/queues_max"), "256\n"));
	CHECK(!strcmp(test_read_file("/proc/sys/fs/mqueue/msg_max"), "10\n"));
	CHECK(!strcmp(test_read_file("/proc/sys/fs/mqueue/msgsize_max"), "8192\n"));
	test_write_file("/proc/sys/fs/mqueue/msg_default", "3");
	test_write_file("/proc/sys/fs/mqueue/msgsize_default", "200");
	snprintf(name, sizeof(name), "/test-%d", getpid());
	q = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, NULL);
	CHECK_EQ(mq_getattr(q, &attr), 0);
	CHECK_EQ(attr.mq_maxmsg, 3);
	CHECK_EQ(attr.mq_msgsize, 200);
	test_write_file("/proc/sys/fs/mqueue/msg_default", "10");
	test_write_file("/proc/sys/fs/mqueue/msgsize_default", "8192");
	test_write_file("/proc/sys/fs/mqueue/queues_max", "1");
	CHECK_EQ(test_child_as(1000, one_too_many, NULL), 0);
	test_write_file("/proc/sys/fs/mqueue/queues_max", "256");
	CHECK_EQ(mq_unlink(name), 0);
	CHECK_EQ(umount("mq"), 0);
}

TEST(receivers_wait_in_order)
{
	mqd_t q = queue(0);
	char text[16];
	pid_t child[3];

	for (int n = 0; n < 3; n++) {
		child[n] = fork();
		if (!child[n])
			_exit(mq_receive(q, text, 16, NULL) == 1 ? text[0] : 99);
		test_sleep_ms(40);
	}
	for (int n = 0; n < 3; n++) {
		put(q, (char[]) { (char)(n + 1), 0 }, 3 - n);
		CHECK_EQ(test_wait(child[n]), (n + 1) << 8);
	}
	CHECK_EQ(mq_unlink(name), 0);
}

TEST(senders_wait)
{
	mqd_t q = queue(0);
	pid_t child;

	for (int n = 0; n < 4; n++)
		put(q, "x", 1);
	child = fork();
	if (!child)
		_exit(mq_send(q, "late", 4, 2) ? 1 : 0);
	test_sleep_ms(40);
	TAKE(q, "x:1");
	CHECK_EQ(test_wait(child), 0);
	TAKE(q, "late:2");
	CHECK_EQ(mq_unlink(name), 0);
}

static void nothing(int)
{
}

TEST(waits_end)
{
	mqd_t q = queue(0);
	char text[16];
	struct timespec soon;
	struct sigaction act = { .sa_handler = nothing };
	long start = test_now_ms();

	clock_gettime(CLOCK_REALTIME, &soon);
	soon.tv_nsec += 40000000;
	soon.tv_sec += soon.tv_nsec / 1000000000;
	soon.tv_nsec %= 1000000000;
	CHECK_ERR(mq_timedreceive(q, text, 16, NULL, &soon), ETIMEDOUT);
	CHECK(test_now_ms() - start >= 35);
	CHECK_ERR(mq_timedreceive(q, text, 16, NULL, &(struct timespec) { 1, 0 }), ETIMEDOUT);
	for (int n = 0; n < 4; n++)
		CHECK_EQ(mq_timedsend(q, "x", 1, 1, &(struct timespec) { 1, 0 }), 0);
	CHECK_ERR(mq_timedsend(q, "x", 1, 1, &soon), ETIMEDOUT);
	sigaction(SIGALRM, &act, NULL);
	ualarm(30000, 0);
	CHECK_ERR(mq_send(q, "x", 1, 1), EINTR);
	CHECK_EQ(mq_unlink(name), 0);
}

TEST(polling)
{
	mqd_t q = queue(0);
	struct pollfd p = { .fd = q, .events = POLLIN | POLLOUT };
	pid_t child;

	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLOUT);
	for (int n = 0; n < 4; n++)
		put(q, "x", 1);
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLIN);
	p.events = POLLOUT;
	child = fork();
	if (!child) {
		test_sleep_ms(40);
		TAKE(q, "x:1");
		_exit(0);
	}
	CHECK_EQ(poll(&p, 1, 20000), 1);
	CHECK_EQ(p.revents, POLLOUT);
	CHECK_EQ(test_wait(child), 0);
	CHECK_EQ(mq_unlink(name), 0);
}

/* --- being told --- */

static siginfo_t told;
static volatile int told_times;

static void on_message(int, siginfo_t *info, void *)
{
	told = *info;
	told_times++;
}

TEST(a_signal_tells_of_a_message)
{
	mqd_t q = queue(0);
	struct sigaction act = { .sa_sigaction = on_message, .sa_flags = SA_SIGINFO };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1,
				  .sigev_value.sival_int = 42 };
	pid_t child;

	sigaction(SIGUSR1, &act, NULL);
	CHECK_EQ(mq_notify(q, &event), 0);
	CHECK_ERR(mq_notify(q, &event), EBUSY);
	child = fork();
	if (!child) {
		CHECK_ERR(mq_notify(q, &event), EBUSY);
		CHECK_EQ(mq_notify(q, NULL), 0);
		CHECK_ERR(mq_notify(q, &event), EBUSY);
		put(q, "x", 1);
		_exit(0);
	}
	CHECK_EQ(test_wait(child), 0);
	CHECK_EQ(told_times, 1);
	CHECK_EQ(told.si_code, SI_MESGQ);
	CHECK_EQ(told.si_pid, child);
	CHECK_EQ(told.si_value.sival_int, 42);
	TAKE(q, "x:1");
	put(q, "y", 1);
	CHECK_EQ(told_times, 1);	/* it is told once */
	CHECK_EQ(mq_notify(q, &event), 0);
	put(q, "z", 1);
	CHECK_EQ(told_times, 1);	/* and only of the first in the queue */
	TAKE(q, "y:1");
	TAKE(q, "z:1");
	CHECK_EQ(mq_notify(q, NULL), 0);
	put(q, "z", 1);
	CHECK_EQ(told_times, 1);
	CHECK_EQ(mq_unlink(name), 0);
}

TEST(who_waits_is_told_first)
{
	mqd_t q = queue(0);
	struct sigaction act = { .sa_sigaction = on_message, .sa_flags = SA_SIGINFO };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	char text[16];
	pid_t child;

	sigaction(SIGUSR1, &act, NULL);
	CHECK_EQ(mq_notify(q, &event), 0);
	child = fork();
	if (!child)
		_exit(mq_receive(q, text, 16, NULL) == 1 ? 0 : 1);
	test_sleep_ms(40);
	put(q, "x", 1);
	CHECK_EQ(test_wait(child), 0);
	CHECK_EQ(told_times, 0);
	put(q, "y", 1);
	CHECK_EQ(told_times, 1);
	CHECK_EQ(mq_unlink(name), 0);
}

TEST(closing_ends_being_told)
{
	mqd_t q = queue(0), other;
	struct sigevent event = { .sigev_notify = SIGEV_NONE };
	pid_t child = fork();

	if (!child) {
		CHECK_EQ(mq_notify(q, &event), 0);
		_exit(0);
	}
	CHECK_EQ(test_wait(child), 0);
	CHECK_EQ(mq_notify(q, &event), 0);
	other = dup(q);
	CHECK_EQ(close(other), 0);
	CHECK_EQ(mq_notify(q, &event), 0);
	CHECK_EQ(mq_unlink(name), 0);
}

TEST(wrong_notifications)
{
	mqd_t q = queue(0);
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = 65 };

	CHECK_ERR(syscall(SYS_mq_notify, q, &event), EINVAL);
	event.sigev_signo = -1;
	CHECK_ERR(syscall(SYS_mq_notify, q, &event), EINVAL);
	event.sigev_notify = 77;
	CHECK_ERR(syscall(SYS_mq_notify, q, &event), EINVAL);
	event.sigev_notify = SIGEV_NONE;
	CHECK_ERR(syscall(SYS_mq_notify, 0, &event), EBADF);
	CHECK_ERR(syscall(SYS_mq_notify, 99, &event), EBADF);
	CHECK_ERR(syscall(SYS_mq_notify, q, (void *)1), EFAULT);
	event.sigev_notify = SIGEV_THREAD;
	event.sigev_value.sival_ptr = (void *)1;
	CHECK_ERR(syscall(SYS_mq_notify, q, &event), EFAULT);
	event.sigev_value.sival_ptr = name;
	event.sigev_signo = 99;
	CHECK_ERR(syscall(SYS_mq_notify, q, &event), EBADF);
	event.sigev_signo = q;
	CHECK_ERR(syscall(SYS_mq_notify, q, &event), ENOTSOCK);
	CHECK_EQ(mq_unlink(name), 0);
}

static volatile int threads_told;

static void in_a_thread(union sigval value)
{
	__atomic_add_fetch(&threads_told, value.sival_int, __ATOMIC_SEQ_CST);
}

static void wait_until_told(int times)
{
	for (int i = 0; i < 2000 && threads_told != times; i++)
		test_sleep_ms(5);
	CHECK_EQ(threads_told, times);
}

TEST(a_thread_tells_of_a_message)
{
	mqd_t q = queue(0);
	struct sigevent event = { .sigev_notify = SIGEV_THREAD, .sigev_value.sival_int = 5,
				  .sigev_notify_function = in_a_thread };

	CHECK_EQ(mq_notify(q, &event), 0);
	CHECK_ERR(mq_notify(q, &event), EBUSY);
	put(q, "x", 1);
	wait_until_told(5);
	TAKE(q, "x:1");
	CHECK_EQ(mq_notify(q, &event), 0);
	CHECK_EQ(mq_notify(q, NULL), 0);
	put(q, "y", 1);
	TAKE(q, "y:1");
	CHECK_EQ(mq_notify(q, &event), 0);
	put(q, "z", 1);
	wait_until_told(10);
	CHECK_EQ(mq_unlink(name), 0);
}

/* --- as files --- */

TEST(queues_are_files)
{
	mqd_t q = queue(0);
	char path[64], text[128];
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct statfs fs;
	struct stat st;
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	CHECK_EQ(mkdir("mq", 0755) + mount("none", "mq", "mqueue", 0, NULL), 0);
	CHECK_EQ(statfs("mq", &fs), 0);
	CHECK_EQ(fs.f_type, 0x19800202);
	CHECK_EQ(stat("mq", &st), 0);
	CHECK_EQ(st.st_mode, S_IFDIR | 01777);
	snprintf(path, sizeof(path), "mq%s", name);
	put(q, "twelve bytes", 1);
	CHECK_EQ(mq_notify(q, &event), 0);
	snprintf(text, sizeof(text), "QSIZE:%-10d NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n", 12, 0,
		 SIGUSR1, getpid());
	CHECK(!strcmp(test_read_file(path), text));
	dir = opendir("mq");
	while ((entry = readdir(dir)))
		found |= !strcmp(entry->d_name, name + 1) && entry->d_type == DT_REG;
	CHECK(found);
	closedir(dir);
	CHECK_ERR(mkdir("mq/folder", 0755), EPERM);
	CHECK_ERR(rename(path, "mq/other"), EPERM);
	CHECK_ERR(write(q, "x", 1), EINVAL);
	CHECK_EQ(unlink(path), 0);
	CHECK_ERR(mq_unlink(name), ENOENT);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	CHECK_EQ(mq_unlink(name), 0);
	CHECK_ERR(stat(path, &st), ENOENT);
	CHECK_EQ(umount("mq"), 0);
}
