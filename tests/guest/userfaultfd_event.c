/* userfaultfd: what becomes of memory whose faults a program settles is told to it. */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define PAGE 4096ul

static int fd, fd_flags = O_CLOEXEC;
static char *area;

/* Four pages of which a monitor is told. */
static void make(uint64_t features)
{
	struct uffdio_api api = {.api = UFFD_API, .features = features};
	struct uffdio_register reg = {.mode = UFFDIO_REGISTER_MODE_MISSING};

	fd = (int)syscall(SYS_userfaultfd, fd_flags);
	CHECK(fd >= 0);
	CHECK_EQ(ioctl(fd, UFFDIO_API, &api), 0);
	area = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(area, 'a', 2 * PAGE);
	reg.range.start = (uintptr_t)area;
	reg.range.len = 4 * PAGE;
	CHECK_EQ(ioctl(fd, UFFDIO_REGISTER, &reg), 0);
}

static int zero(int with, const void *at)
{
	struct uffdio_zeropage arg = {.range = {(uintptr_t)at, PAGE}};

	return ioctl(with, UFFDIO_ZEROPAGE, &arg);
}

static struct uffd_msg msg;

/* A thread does something and has to wait until the main one has read of it. */
static pthread_t thread;
static volatile int done;

static void start(void *(*fn)(void *))
{
	done = 0;
	CHECK_EQ(pthread_create(&thread, NULL, fn, NULL), 0);
}

static void expect(int event)
{
	CHECK_EQ(read(fd, &msg, sizeof(msg)), sizeof(msg));
	CHECK_EQ(msg.event, event);
}

static void finish(void)
{
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(done, 1);
}

static void *unmaps(void *arg)
{
	(void)arg;
	done = munmap(area + PAGE, 2 * PAGE) == 0;
	return NULL;
}

TEST(munmap_is_told_of)
{
	make(UFFD_FEATURE_EVENT_UNMAP);
	start(unmaps);
	expect(UFFD_EVENT_UNMAP);
	CHECK_EQ(msg.arg.remove.start, (uintptr_t)area + PAGE);
	CHECK_EQ(msg.arg.remove.end, (uintptr_t)area + 3 * PAGE);
	finish();
	CHECK_EQ(zero(fd, area + 3 * PAGE), 0);
}

static void *unmaps_all(void *arg)
{
	(void)arg;
	done = munmap(area, 4 * PAGE) == 0;
	return NULL;
}

/* Two mappings with something between them are one range. */
TEST(munmap_is_told_of_once)
{
	struct uffdio_range middle;

	make(UFFD_FEATURE_EVENT_UNMAP);
	middle = (struct uffdio_range){(uintptr_t)area + PAGE, PAGE};
	CHECK_EQ(ioctl(fd, UFFDIO_UNREGISTER, &middle), 0);
	start(unmaps_all);
	expect(UFFD_EVENT_UNMAP);
	CHECK_EQ(msg.arg.remove.start, (uintptr_t)area);
	CHECK_EQ(msg.arg.remove.end, (uintptr_t)area + 4 * PAGE);
	finish();
	CHECK_EQ(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	CHECK_ERR(read(fd, &msg, sizeof(msg)), EAGAIN);
}

static void *removes(void *arg)
{
	(void)arg;
	done = madvise(area, 2 * PAGE, MADV_DONTNEED) == 0;
	return NULL;
}

TEST(madvise_is_told_of)
{
	make(UFFD_FEATURE_EVENT_REMOVE);
	start(removes);
	expect(UFFD_EVENT_REMOVE);
	CHECK_EQ(msg.arg.remove.start, (uintptr_t)area);
	CHECK_EQ(msg.arg.remove.end, (uintptr_t)area + 2 * PAGE);
	finish();
	CHECK_EQ(zero(fd, area), 0);
	CHECK_EQ(area[0], 0);
}

static char *moved;

static void *moves(void *arg)
{
	(void)arg;
	moved = mremap(area, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, area + 64 * PAGE);
	done = moved != MAP_FAILED;
	return NULL;
}

TEST(mremap_is_told_of)
{
	volatile char *at;

	make(UFFD_FEATURE_EVENT_REMAP);
	start(moves);
	expect(UFFD_EVENT_REMAP);
	CHECK_EQ(msg.arg.remap.from, (uintptr_t)area);
	CHECK_EQ(msg.arg.remap.len, 4 * PAGE);
	finish();
	CHECK_EQ(msg.arg.remap.to, (uintptr_t)moved);
	CHECK_EQ(moved[PAGE], 'a');
	CHECK_EQ(zero(fd, moved + 3 * PAGE), 0);
	/* Without the event, what moved is the program's no more. */
	make(0);
	moves(NULL);
	CHECK_EQ(done, 1);
	CHECK_ERR(zero(fd, moved + 3 * PAGE), ENOENT);
	at = moved + 3 * PAGE;
	CHECK_EQ(*at, 0);
}

static pid_t child;

static void *forks(void *arg)
{
	(void)arg;
	child = fork();
	if (!child)
		_exit(area[0] != 'a' || area[3 * PAGE] != 0);
	done = child > 0;
	return NULL;
}

TEST(fork_is_told_of)
{
	int other;

	make(UFFD_FEATURE_EVENT_FORK);
	start(forks);
	expect(UFFD_EVENT_FORK);
	other = (int)msg.arg.fork.ufd;
	CHECK(other > fd);
	CHECK_EQ(fcntl(other, F_GETFD), FD_CLOEXEC);
	/* The child's fault comes from its own descriptor. */
	CHECK_EQ(read(other, &msg, sizeof(msg)), sizeof(msg));
	CHECK_EQ(msg.event, UFFD_EVENT_PAGEFAULT);
	CHECK_EQ(msg.arg.pagefault.address, (uintptr_t)area + 3 * PAGE);
	CHECK_EQ(zero(other, area + 3 * PAGE), 0);
	finish();
	CHECK_EQ(test_wait(child), 0);
	CHECK_ERR(zero(other, area + 2 * PAGE), ESRCH);
	CHECK_EQ(zero(fd, area + 3 * PAGE), 0);
	/* Without the event the child is on its own. */
	CHECK_EQ(close(fd), 0);
	make(0);
	forks(NULL);
	CHECK_EQ(test_wait(child), 0);
}

/* The child's is made as this one was, whatever became of it since. */
TEST(fork_passes_the_flags_on)
{
	fd_flags = 0;
	make(UFFD_FEATURE_EVENT_FORK);
	CHECK_EQ(fcntl(fd, F_SETFD, FD_CLOEXEC), 0);
	start(forks);
	expect(UFFD_EVENT_FORK);
	CHECK_EQ(fcntl((int)msg.arg.fork.ufd, F_GETFD), 0);
	CHECK_EQ(close((int)msg.arg.fork.ufd), 0);
	finish();
	CHECK_EQ(test_wait(child), 0);
}

TEST(a_closed_descriptor_lets_go)
{
	make(UFFD_FEATURE_EVENT_UNMAP | UFFD_FEATURE_EVENT_FORK);
	start(unmaps);
	CHECK_EQ(close(fd), 0);
	finish();
}
