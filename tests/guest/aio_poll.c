/* The old asynchronous I/O: what waits, is cancelled, or is under way when its owner goes. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "aio.h"

static struct iocb poll_on(int fd, unsigned events)
{
	return request_on(IOCB_CMD_POLL, fd, (void *)(unsigned long)events, 0, 0);
}

TEST(a_poll_is_over_when_the_file_is_ready)
{
	aio_context_t ctx = aio_context(8);
	struct timespec none = {0, 0};
	struct io_event e;
	struct iocb i;
	int ends[2];

	CHECK_EQ(pipe(ends), 0);
	i = poll_on(ends[0], POLLIN);
	CHECK_EQ(submit_one(ctx, &i), 1);
	CHECK_EQ(io_getevents(ctx, 0, 1, &e, &none), 0);
	CHECK_EQ(write(ends[1], "x", 1), 1);
	e = next_event(ctx);
	CHECK(e.res & POLLIN);
	CHECK_EQ(e.obj, (unsigned long)&i);
	CHECK_EQ(result_of(ctx, &i), POLLIN);
	i = poll_on(ends[1], POLLOUT);
	CHECK_EQ(result_of(ctx, &i), POLLOUT);
	close(ends[0]);
	i.aio_buf = 0;
	CHECK_EQ(result_of(ctx, &i), POLLERR);
}

TEST(what_is_wrong_with_a_poll)
{
	aio_context_t ctx = aio_context(8);
	int ends[2], file = open("f", O_CREAT | O_RDWR, 0644);
	struct iocb i;

	CHECK_EQ(pipe(ends), 0);
	i = poll_on(ends[0], POLLIN), i.aio_buf |= 1 << 16;
	CHECK_ERR(submit_one(ctx, &i), EINVAL);
	i = poll_on(ends[0], POLLIN), i.aio_nbytes = 1;
	CHECK_ERR(submit_one(ctx, &i), EINVAL);
	i = poll_on(ends[0], POLLIN), i.aio_offset = 1;
	CHECK_ERR(submit_one(ctx, &i), EINVAL);
	i = poll_on(ends[0], POLLIN), i.aio_rw_flags = 1;
	CHECK_ERR(submit_one(ctx, &i), EINVAL);
	i = poll_on(1000, POLLIN);
	CHECK_ERR(submit_one(ctx, &i), EBADF);
	i = poll_on(file, POLLIN);
	CHECK_EQ(result_of(ctx, &i), POLLIN);
	i = poll_on(file, POLLPRI);
	CHECK_ERR(submit_one(ctx, &i), EINVAL);
}

TEST(a_poll_is_cancelled)
{
	aio_context_t ctx = aio_context(8);
	struct io_event e;
	struct iocb i, other;
	int ends[2];

	CHECK_EQ(pipe(ends), 0);
	i = poll_on(ends[0], POLLIN);
	other = i;
	CHECK_ERR(io_cancel(ctx, &i, &e), EINVAL);	/* its key is none yet */
	CHECK_ERR(io_cancel(ctx, NULL, &e), EFAULT);
	CHECK_EQ(submit_one(ctx, &i), 1);
	other.aio_key = 0;
	CHECK_ERR(io_cancel(ctx, &other, &e), EINVAL);
	CHECK_ERR(io_cancel(0, &i, &e), EINVAL);
	CHECK_ERR(io_cancel(ctx, &i, &e), EINPROGRESS);
	e = next_event(ctx);
	CHECK_EQ(e.res, 0);
	CHECK_EQ(e.obj, (unsigned long)&i);
	CHECK_ERR(io_cancel(ctx, &i, &e), EINVAL);
	/* It holds the file no longer, and the pipe works. */
	CHECK_EQ(write(ends[1], "x", 1), 1);
	CHECK_EQ(result_of(ctx, &i), POLLIN);
}

TEST(a_descriptor_is_closed_under_a_poll)
{
	aio_context_t ctx = aio_context(8);
	struct iocb i;
	int ends[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	i = poll_on(ends[0], POLLIN);
	CHECK_EQ(submit_one(ctx, &i), 1);
	close(ends[0]);
	CHECK_EQ(write(ends[1], "x", 1), 1);
	CHECK(next_event(ctx).res & POLLIN);
}

TEST(an_eventfd_is_told_of_a_poll)
{
	aio_context_t ctx = aio_context(8);
	int told = eventfd(0, 0), ends[2];
	struct pollfd p = {.fd = told, .events = POLLIN};
	struct iocb i;
	uint64_t count;

	CHECK_EQ(pipe(ends), 0);
	i = poll_on(ends[0], POLLIN);
	i.aio_flags = IOCB_FLAG_RESFD;
	i.aio_resfd = (unsigned)told;
	CHECK_EQ(submit_one(ctx, &i), 1);
	CHECK_EQ(poll(&p, 1, 0), 0);
	CHECK_EQ(write(ends[1], "x", 1), 1);
	CHECK_EQ(read(told, &count, 8), 8);
	CHECK_EQ(count, 1);
	CHECK(next_event(ctx).res & POLLIN);
}

TEST(destroyed_with_polls_under_way)
{
	long before = atol(test_read_file("/proc/sys/fs/aio-nr"));
	int ends[2];

	CHECK_EQ(pipe(ends), 0);
	for (int turn = 0; turn < 20; turn++) {
		aio_context_t ctx = aio_context(64);
		struct iocb i[30];

		for (int n = 0; n < 30; n++) {
			i[n] = poll_on(ends[0], POLLIN);
			CHECK_EQ(submit_one(ctx, &i[n]), 1);
		}
		CHECK_EQ(io_destroy(ctx), 0);
		CHECK_ERR(io_destroy(ctx), EINVAL);
	}
	CHECK_EQ(atol(test_read_file("/proc/sys/fs/aio-nr")), before);
	CHECK_EQ(write(ends[1], "x", 1), 1);
}

/* In all ways that a program ends with requests under way. */
static int leave_ends[2];
static void leave(void *how)
{
	aio_context_t ctx = aio_context(64);
	struct iocb i[30];

	for (int n = 0; n < 30; n++) {
		i[n] = poll_on(leave_ends[0], POLLIN);
		CHECK_EQ(submit_one(ctx, &i[n]), 1);
	}
	switch (*(int *)how) {
	case 0:
		_exit(7);
	case 1:
		kill(getpid(), SIGKILL);
		break;
	case 2:
		execl("/bin/true", "true", NULL);
		break;
	case 3:
		CHECK_EQ(munmap((void *)ctx, 4096), 0);
		_exit(7);
	}
	_exit(1);
}

TEST(their_program_goes)
{
	int status[] = {7 << 8, SIGKILL, 0, 7 << 8};

	CHECK_EQ(pipe(leave_ends), 0);
	for (int how = 0; how < 4; how++) {
		char got;

		CHECK_EQ(test_child(leave, &how), status[how]);
		/* No end is held by what was under way. */
		CHECK_EQ(write(leave_ends[1], "x", 1), 1);
		CHECK_EQ(read(leave_ends[0], &got, 1), 1);
	}
	close(leave_ends[0]);
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERR(write(leave_ends[1], "x", 1), EPIPE);
}

static void nothing(int)
{
}

static void *interrupt(void *thread)
{
	test_sleep_ms(50);
	pthread_kill(*(pthread_t *)thread, SIGUSR1);
	return NULL;
}

static long io_pgetevents(aio_context_t ctx, long least, long most, struct io_event *to,
			  struct timespec *timeout, void *set)
{
	return syscall(SYS_io_pgetevents, ctx, least, most, to, timeout, set);
}

TEST(a_signal_ends_the_wait)
{
	aio_context_t ctx = aio_context(8);
	pthread_t me = pthread_self(), other;
	struct sigaction action = {.sa_handler = nothing, .sa_flags = SA_RESTART};
	struct io_event e;

	CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
	CHECK_EQ(pthread_create(&other, NULL, interrupt, &me), 0);
	CHECK_ERR(io_getevents(ctx, 1, 1, &e, NULL), EINTR);
	pthread_join(other, NULL);
}

TEST(a_wait_with_a_mask)
{
	aio_context_t ctx = aio_context(8);
	sigset_t blocked, empty, now;
	struct { const void *set; size_t size; } arg = {&empty, 8};
	struct sigaction action = {.sa_handler = nothing};
	struct timespec soon = {0, 1000000};
	struct io_event e;

	sigemptyset(&empty);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &blocked, NULL), 0);
	CHECK_EQ(io_pgetevents(ctx, 1, 1, &e, &soon, NULL), 0);
	CHECK_EQ(io_pgetevents(ctx, 1, 1, &e, &soon, &arg), 0);
	CHECK_EQ(kill(getpid(), SIGUSR1), 0);
	CHECK_EQ(io_pgetevents(ctx, 1, 1, &e, &soon, NULL), 0);
	CHECK_ERR(io_pgetevents(ctx, 1, 1, &e, NULL, &arg), EINTR);
	CHECK_EQ(sigprocmask(SIG_BLOCK, NULL, &now), 0);
	CHECK(sigismember(&now, SIGUSR1));
	arg.size = 4;
	CHECK_ERR(io_pgetevents(ctx, 1, 1, &e, &soon, &arg), EINVAL);
	arg.set = NULL;
	CHECK_EQ(io_pgetevents(ctx, 1, 1, &e, &soon, &arg), 0);
	arg.set = (void *)8, arg.size = 8;
	CHECK_ERR(io_pgetevents(ctx, 1, 1, &e, &soon, &arg), EFAULT);
	CHECK_ERR(io_pgetevents(ctx, 1, 1, &e, &soon, (void *)8), EFAULT);
	CHECK_ERR(io_pgetevents(0, 1, 1, &e, &soon, NULL), EINVAL);
}

/* Threads that submit, and one that takes, until all have been seen. */
enum { THREADS = 4, EACH = 200 };
static aio_context_t shared;
static int shared_ends[2];

static void *submits(void *)
{
	struct iocb i[EACH];

	for (int n = 0; n < EACH; n++) {
		i[n] = poll_on(shared_ends[n & 1], n & 1 ? POLLOUT : POLLIN);
		while (submit_one(shared, &i[n]) != 1) {
			CHECK_EQ(errno, EAGAIN);
			sched_yield();
		}
	}
	return NULL;
}

TEST(many_threads_submit)
{
	struct timespec none = {0, 0};
	pthread_t threads[THREADS];
	struct io_event e[32];
	long seen = 0;

	CHECK_EQ(pipe(shared_ends), 0);
	shared = aio_context(THREADS * EACH);
	for (int n = 0; n < THREADS; n++)
		CHECK_EQ(pthread_create(&threads[n], NULL, submits, NULL), 0);
	while (seen < THREADS * EACH / 2)
		seen += io_getevents(shared, 1, 32, e, NULL);
	CHECK_EQ(seen, THREADS * EACH / 2);
	for (int n = 0; n < THREADS; n++)
		pthread_join(threads[n], NULL);
	CHECK_EQ(io_getevents(shared, 1, 32, e, &none), 0);
	CHECK_EQ(write(shared_ends[1], "x", 1), 1);
	while (seen < THREADS * EACH)
		seen += io_getevents(shared, 1, 32, e, NULL);
	CHECK_EQ(seen, THREADS * EACH);
	CHECK_EQ(io_destroy(shared), 0);
}
