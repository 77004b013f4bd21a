/* Pipes, and waiting on them. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

enum { CAPACITY = 65536 };

static char buffer[4 * CAPACITY];

TEST(end_of_file_when_no_writer_is_left)
{
	int ends[2];

	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(write(ends[1], "ab", 2), 2);
	close(ends[1]);
	CHECK_EQ(read(ends[0], buffer, 1), 1);
	CHECK_EQ(read(ends[0], buffer, 10), 1);
	CHECK_EQ(read(ends[0], buffer, 10), 0);
}

TEST(broken_pipe)
{
	int ends[2];

	CHECK_EQ(pipe(ends), 0);
	close(ends[0]);
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERR(write(ends[1], "x", 1), EPIPE);
}

static void write_to_broken(void *end)
{
	(void)!write(*(int *)end, "x", 1);
}

TEST(broken_pipe_signal)
{
	int ends[2];

	CHECK_EQ(pipe(ends), 0);
	close(ends[0]);
	CHECK_EQ(WTERMSIG(test_child(write_to_broken, &ends[1])), SIGPIPE);
}

TEST(without_waiting)
{
	int ends[2];

	CHECK_EQ(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
	CHECK_ERR(read(ends[0], buffer, 1), EAGAIN);
	CHECK_EQ(write(ends[1], buffer, sizeof(buffer)), CAPACITY);
	CHECK_ERR(write(ends[1], buffer, 1), EAGAIN);
	CHECK_EQ(read(ends[0], buffer, 4096), 4096);
	CHECK_EQ(write(ends[1], buffer, 4096), 4096);
	CHECK_ERR(write(ends[1], buffer, 1), EAGAIN);
}

TEST(wrong_ends_and_arguments)
{
	int ends[2];

	CHECK_EQ(pipe(ends), 0);
	CHECK_ERR(read(ends[1], buffer, 1), EBADF);
	CHECK_ERR(write(ends[0], buffer, 1), EBADF);
	CHECK_ERR(lseek(ends[0], 0, SEEK_CUR), ESPIPE);
	CHECK_ERR(pread(ends[0], buffer, 1, 0), ESPIPE);
	CHECK_ERR(pipe2(ends, 0x1), EINVAL);
	CHECK_ERR(pipe((int *)8), EFAULT);
	CHECK_ERR(ftruncate(ends[1], 0), EINVAL);
}

TEST(bytes_waiting)
{
	int ends[2], n;
	struct stat state;

	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(write(ends[1], buffer, 1234), 1234);
	CHECK_EQ(ioctl(ends[0], FIONREAD, &n), 0);
	CHECK_EQ(n, 1234);
	CHECK_EQ(fstat(ends[0], &state), 0);
	CHECK(S_ISFIFO(state.st_mode));
}

TEST(blocked_reader_and_writer)
{
	int ends[2];
	size_t total = 0;
	ssize_t n;
	pid_t pid;

	CHECK_EQ(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 64; i++)
			CHECK_EQ(write(ends[1], buffer, sizeof(buffer)), sizeof(buffer));
		_exit(0);
	}
	close(ends[1]);
	while ((n = read(ends[0], buffer, 7777)) > 0)
		total += (size_t)n;
	CHECK_EQ(total, 64 * sizeof(buffer));
	CHECK_EQ(test_wait(pid), 0);
}

TEST(small_writes_are_atomic)
{
	enum { WRITERS = 4, EACH = 200, SIZE = 1000 };
	int ends[2];

	CHECK_EQ(pipe(ends), 0);
	for (int w = 0; w < WRITERS; w++) {
		if (fork() == 0) {
			memset(buffer, 'a' + w, SIZE);
			for (int i = 0; i < EACH; i++)
				CHECK_EQ(write(ends[1], buffer, SIZE), SIZE);
			_exit(0);
		}
	}
	close(ends[1]);
	for (int i = 0; i < WRITERS * EACH; i++) {
		for (size_t at = 0; at < SIZE;) {
			ssize_t n = read(ends[0], buffer + at, SIZE - at);

			CHECK(n > 0);
			at += (size_t)n;
		}
		for (int j = 1; j < SIZE; j++)
			CHECK_EQ(buffer[j], buffer[0]);
	}
	CHECK_EQ(read(ends[0], buffer, 1), 0);
}

TEST(vectors)
{
	int ends[2];
	char a[3], b[5] = "";
	struct iovec out[] = { { "one", 3 }, { "two", 3 } }, in[] = { { a, 3 }, { b, 4 } };

	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(writev(ends[1], out, 2), 6);
	CHECK_EQ(readv(ends[0], in, 2), 6);
	CHECK_EQ(memcmp(a, "one", 3), 0);
	CHECK_EQ(strcmp(b, "two"), 0);
	CHECK_ERR(readv(ends[0], in, -1), EINVAL);
}

TEST(poll_tells_what_is_ready)
{
	int ends[2];
	struct pollfd ready[2];

	CHECK_EQ(pipe(ends), 0);
	ready[0] = (struct pollfd) { .fd = ends[0], .events = POLLIN };
	ready[1] = (struct pollfd) { .fd = ends[1], .events = POLLOUT };
	CHECK_EQ(poll(ready, 2, 0), 1);
	CHECK_EQ(ready[0].revents, 0);
	CHECK_EQ(ready[1].revents, POLLOUT);
	CHECK_EQ(write(ends[1], "x", 1), 1);
	CHECK_EQ(poll(ready, 2, -1), 2);
	CHECK_EQ(ready[0].revents, POLLIN);
	close(ends[1]);
	CHECK_EQ(poll(ready, 1, -1), 1);
	CHECK_EQ(ready[0].revents, POLLIN | POLLHUP);
	CHECK_EQ(poll(&ready[1], 1, 0), 1);
	CHECK_EQ(ready[1].revents, POLLNVAL);
}

TEST(poll_sees_a_lost_reader)
{
	int ends[2];
	struct pollfd ready;

	CHECK_EQ(pipe(ends), 0);
	ready = (struct pollfd) { .fd = ends[1], .events = POLLOUT };
	close(ends[0]);
	CHECK_EQ(poll(&ready, 1, 0), 1);
	CHECK(ready.revents & POLLERR);
}

TEST(poll_waits_and_times_out)
{
	int ends[2];
	struct pollfd ready;
	long before = test_now_ms();
	pid_t pid;

	CHECK_EQ(pipe(ends), 0);
	ready = (struct pollfd) { .fd = ends[0], .events = POLLIN };
	CHECK_EQ(poll(&ready, 1, 50), 0);
	CHECK(test_now_ms() - before >= 50);
	pid = fork();
	if (pid == 0) {
		test_sleep_ms(50);
		_exit(write(ends[1], "x", 1) != 1);
	}
	CHECK_EQ(poll(&ready, 1, -1), 1);
	CHECK_EQ(ready.revents, POLLIN);
	CHECK_EQ(test_wait(pid), 0);
	CHECK_EQ(poll(NULL, 0, 10), 0);
}

TEST(select_and_its_sets)
{
	int ends[2];
	fd_set in, out;
	struct timeval limit = { .tv_usec = 20000 };

	CHECK_EQ(pipe(ends), 0);
	FD_ZERO(&in);
	FD_SET(ends[0], &in);
	CHECK_EQ(select(ends[1] + 1, &in, NULL, NULL, &limit), 0);
	CHECK(!FD_ISSET(ends[0], &in));
	FD_SET(ends[0], &in);
	FD_ZERO(&out);
	FD_SET(ends[1], &out);
	CHECK_EQ(write(ends[1], "x", 1), 1);
	CHECK_EQ(select(ends[1] + 1, &in, &out, NULL, NULL), 2);
	CHECK(FD_ISSET(ends[0], &in) && FD_ISSET(ends[1], &out));
	FD_SET(ends[0], &in);
	close(ends[0]);
	CHECK_ERR(select(ends[1] + 1, &in, NULL, NULL, NULL), EBADF);
}

static void nothing(int signal)
{
	(void)signal;
}

TEST(pselect_takes_a_mask)
{
	struct timespec limit = { .tv_sec = 5 };
	sigset_t block, none;

	signal(SIGUSR1, nothing);
	sigemptyset(&none);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	sigprocmask(SIG_BLOCK, &block, NULL);
	raise(SIGUSR1);
	CHECK_ERR(pselect(0, NULL, NULL, NULL, &limit, &none), EINTR);
}

TEST(a_signal_ends_a_wait)
{
	struct sigaction action = { .sa_handler = nothing };
	int ends[2];
	pid_t pid;

	CHECK_EQ(pipe(ends), 0);
	sigaction(SIGUSR1, &action, NULL);
	pid = fork();
	if (pid == 0) {
		for (;;) {
			test_sleep_ms(20);
			kill(getppid(), SIGUSR1);
		}
	}
	CHECK_ERR(read(ends[0], buffer, 1), EINTR);
	CHECK_ERR(poll(&(struct pollfd) { .fd = ends[0], .events = POLLIN }, 1, -1), EINTR);
	kill(pid, SIGKILL);
	test_wait(pid);
}

TEST(named_pipes)
{
	int fd;
	pid_t pid;

	CHECK_EQ(mkfifo("p", 0600), 0);
	CHECK_ERR(open("p", O_WRONLY | O_NONBLOCK), ENXIO);
	pid = fork();
	if (pid == 0) {
		fd = open("p", O_WRONLY);
		_exit(write(fd, "hello", 5) != 5);
	}
	fd = open("p", O_RDONLY);
	CHECK_EQ(read(fd, buffer, 10), 5);
	CHECK_EQ(test_wait(pid), 0);
	CHECK_EQ(read(fd, buffer, 10), 0);
}

TEST(splice_and_friends)
{
	int ends[2], other[2], fd;

	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(pipe(other), 0);
	CHECK_EQ(write(ends[1], "hello", 5), 5);
	CHECK_EQ(tee(ends[0], other[1], 5, 0), 5);
	fd = open("f", O_RDWR | O_CREAT, 0600);
	CHECK_EQ(splice(ends[0], NULL, fd, NULL, 5, 0), 5);
	CHECK_EQ(pread(fd, buffer, 10, 0), 5);
	CHECK_EQ(memcmp(buffer, "hello", 5), 0);
	CHECK_EQ(read(other[0], buffer, 10), 5);
}

TEST(capacity)
{
	int ends[2];

	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(fcntl(ends[0], F_GETPIPE_SZ), CAPACITY);
	CHECK_EQ(fcntl(ends[0], F_SETPIPE_SZ, 4096), 4096);
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	CHECK_EQ(write(ends[1], buffer, 8192), 4096);
}
