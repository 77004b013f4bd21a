/* eventfd: counting, waiting, telling; and what descriptors say of themselves in fdinfo. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test.h"

static int new_counter(unsigned count, int flags)
{
	int fd = eventfd(count, flags);

	CHECK(fd >= 0);
	return fd;
}

static void add(int fd, uint64_t n)
{
	CHECK_EQ(write(fd, &n, 8), 8);
}

static uint64_t take(int fd)
{
	uint64_t n;

	CHECK_EQ(read(fd, &n, 8), 8);
	return n;
}

static int ready(int fd)
{
	struct pollfd poll_fd = { fd, POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM, 0 };

	CHECK(poll(&poll_fd, 1, 0) >= 0);
	return poll_fd.revents;
}

TEST(it_counts)
{
	int fd = new_counter(3, EFD_NONBLOCK | EFD_CLOEXEC);
	uint64_t n;

	CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	add(fd, 4);
	add(fd, 0);
	CHECK_EQ(take(fd), 7);
	CHECK_ERR(read(fd, &n, 8), EAGAIN);
	add(fd, UINT64_MAX - 1);
	n = 1;
	CHECK_ERR(write(fd, &n, 8), EAGAIN);
	CHECK_EQ(take(fd), UINT64_MAX - 1);
	fd = new_counter(UINT32_MAX, 0);
	CHECK_EQ(take(fd), UINT32_MAX);
}

TEST(a_semaphore_gives_one_at_a_time)
{
	int fd = new_counter(2, EFD_NONBLOCK | EFD_SEMAPHORE);
	uint64_t n;

	CHECK_EQ(take(fd), 1);
	CHECK_EQ(take(fd), 1);
	CHECK_ERR(read(fd, &n, 8), EAGAIN);
}

TEST(errors)
{
	int fd = new_counter(1, EFD_NONBLOCK);
	char bytes[16] = { 1 };
	uint64_t n = UINT64_MAX;

	CHECK_ERR(eventfd(0, 2), EINVAL);
	CHECK_ERR(eventfd(0, O_APPEND), EINVAL);
	CHECK_ERR(read(fd, bytes, 7), EINVAL);
	CHECK_ERR(read(fd, bytes, 0), EINVAL);
	CHECK_ERR(write(fd, bytes, 7), EINVAL);
	CHECK_ERR(write(fd, bytes, 16), EINVAL);
	CHECK_ERR(write(fd, &n, 8), EINVAL);
	CHECK_EQ(read(fd, bytes, 16), 8);
	add(fd, 1);
	CHECK_ERR(read(fd, (void *)16, 8), EFAULT);
	CHECK_ERR(write(fd, (void *)16, 8), EFAULT);
	CHECK_ERR(pread(fd, bytes, 8, 0), ESPIPE);
	CHECK_EQ(lseek(fd, 3, SEEK_SET), 0);
	CHECK_ERR(ftruncate(fd, 0), EINVAL);
	CHECK_EQ(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0), MAP_FAILED);
	CHECK_EQ(errno, ENODEV);
}

TEST(what_poll_says)
{
	int fd = new_counter(0, EFD_NONBLOCK);

	CHECK_EQ(ready(fd), POLLOUT);
	add(fd, 1);
	CHECK_EQ(ready(fd), POLLIN | POLLOUT);
	add(fd, UINT64_MAX - 2);
	CHECK_EQ(ready(fd), POLLIN);
	take(fd);
	CHECK_EQ(ready(fd), POLLOUT);
}

static void *add_later(void *fd)
{
	test_sleep_ms(50);
	add((int)(intptr_t)fd, 5);
	return NULL;
}

static void *take_later(void *fd)
{
	test_sleep_ms(50);
	take((int)(intptr_t)fd);
	return NULL;
}

TEST(a_read_waits_for_a_number)
{
	int fd = new_counter(0, 0);
	pthread_t thread;

	pthread_create(&thread, NULL, add_later, (void *)(intptr_t)fd);
	CHECK_EQ(take(fd), 5);
	pthread_join(thread, NULL);
}

TEST(a_write_waits_for_room)
{
	int fd = new_counter(0, 0);
	pthread_t thread;

	add(fd, UINT64_MAX - 1);
	pthread_create(&thread, NULL, take_later, (void *)(intptr_t)fd);
	add(fd, 9);
	CHECK_EQ(take(fd), 9);
	pthread_join(thread, NULL);
}

static void on_alarm(int sig)
{
	(void)sig;
}

TEST(a_signal_ends_a_wait)
{
	int fd = new_counter(0, 0);
	struct sigaction act = { .sa_handler = on_alarm };
	uint64_t n = 1;

	sigaction(SIGALRM, &act, NULL);
	ualarm(30000, 0);
	CHECK_ERR(read(fd, &n, 8), EINTR);
	add(fd, UINT64_MAX - 1);
	ualarm(30000, 0);
	CHECK_ERR(write(fd, &n, 8), EINTR);
}

TEST(a_missing_page_loses_nothing)
{
	int fd = new_counter(6, EFD_NONBLOCK);
	uint64_t *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK_EQ(read(fd, page, 8), 8);
	CHECK_EQ(*page, 6);
	CHECK_EQ(madvise(page, 4096, MADV_DONTNEED), 0);
	CHECK_EQ(write(fd, page, 8), 8);
	CHECK_EQ(munmap(page, 4096), 0);
}

TEST(each_write_is_an_edge)
{
	int fd = new_counter(0, EFD_NONBLOCK), set = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };

	CHECK_EQ(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event), 0);
	for (int i = 0; i < 3; i++) {
		add(fd, 1);
		CHECK_EQ(epoll_wait(set, &event, 1, 0), 1);
		CHECK_EQ(event.events, EPOLLIN);
		CHECK_EQ(epoll_wait(set, &event, 1, 0), 0);
	}
}

TEST(it_says_what_it_holds)
{
	int fd = new_counter(0x123, EFD_SEMAPHORE);
	char path[64];
	const char *text;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	text = test_read_file(path);
	CHECK(strstr(text, "eventfd-count:              123\neventfd-id: "));
	CHECK(strstr(text, "\neventfd-semaphore: 1\n"));
}

/* Two threads hand a number to and fro: none is lost. */
static int there, back;

static void *answer(void *arg)
{
	(void)arg;
	for (int i = 0; i < 5000; i++) {
		take(there);
		add(back, 1);
	}
	return NULL;
}

TEST(no_wake_is_lost)
{
	pthread_t thread;

	there = new_counter(0, 0);
	back = new_counter(0, 0);
	pthread_create(&thread, NULL, answer, NULL);
	for (int i = 0; i < 5000; i++) {
		add(there, 1);
		CHECK_EQ(take(back), 1);
	}
	pthread_join(thread, NULL);
}
