/* userfaultfd: faults that a program settles itself, and the changes of its memory it hears of. */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define PAGE 4096ul
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static int make(int flags, uint64_t features)
{
	struct uffdio_api api = {.api = UFFD_API, .features = features};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | flags);

	CHECK(fd >= 0);
	CHECK_EQ(ioctl(fd, UFFDIO_API, &api), 0);
	CHECK((api.features & features) == features);
	return fd;
}

static char *map(size_t pages, int flags)
{
	char *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, flags, -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

static int enroll(int fd, const void *at, size_t pages, uint64_t mode)
{
	struct uffdio_register reg = {.range = {(uintptr_t)at, pages * PAGE}, .mode = mode};
	int got = ioctl(fd, UFFDIO_REGISTER, &reg);

	if (!got)
		CHECK(reg.ioctls & 1ull << _UFFDIO_COPY);
	return got;
}

static int copy(int fd, void *to, const void *from, size_t pages, uint64_t mode)
{
	struct uffdio_copy arg = {(uintptr_t)to, (uintptr_t)from, pages * PAGE, mode, 0};
	int got = ioctl(fd, UFFDIO_COPY, &arg);

	if (got && arg.copy < 0)
		CHECK_EQ(-arg.copy, errno);
	return got;
}

static int protect(int fd, void *at, size_t pages, uint64_t mode)
{
	struct uffdio_writeprotect arg = {{(uintptr_t)at, pages * PAGE}, mode};

	return ioctl(fd, UFFDIO_WRITEPROTECT, &arg);
}

static struct uffd_msg next(int fd)
{
	struct uffd_msg msg;

	CHECK_EQ(read(fd, &msg, sizeof(msg)), sizeof(msg));
	return msg;
}

static void next_fault(int fd, const void *at, uint64_t flags)
{
	struct uffd_msg msg = next(fd);

	CHECK_EQ(msg.event, UFFD_EVENT_PAGEFAULT);
	CHECK_EQ(msg.arg.pagefault.address, (uintptr_t)at);
	CHECK_EQ(msg.arg.pagefault.flags, flags);
}

/* A thread that touches memory. */
struct toucher {
	pthread_t thread;
	volatile char *at;
	int store;	/* -1: read */
	int got;
	pid_t tid;
};

static void *touch(void *arg)
{
	struct toucher *t = arg;

	t->tid = gettid();
	if (t->store >= 0)
		*t->at = (char)t->store;
	t->got = *t->at;
	return NULL;
}

static void start(struct toucher *t, volatile char *at, int store)
{
	t->at = at;
	t->store = store;
	CHECK_EQ(pthread_create(&t->thread, NULL, touch, t), 0);
}

static int end(struct toucher *t)
{
	CHECK_EQ(pthread_join(t->thread, NULL), 0);
	return t->got;
}

static char *filled(char with)
{
	char *p = map(1, ANON);

	memset(p, with, PAGE);
	return p;
}

TEST(api_is_agreed_on_once)
{
	struct uffdio_api api = {.api = 1};
	int fd = (int)syscall(SYS_userfaultfd, O_NONBLOCK);
	struct pollfd p = {fd, POLLIN, 0};
	struct uffdio_range range = {0x100000, PAGE};
	char buf[64];

	CHECK_ERR(syscall(SYS_userfaultfd, 0x40), EINVAL);
	CHECK_EQ(fcntl(fd, F_GETFL), O_NONBLOCK);
	CHECK_ERR(read(fd, buf, sizeof(buf)), EINVAL);
	CHECK_ERR(ioctl(fd, UFFDIO_WAKE, &range), EINVAL);
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLERR);
	CHECK_ERR(ioctl(fd, UFFDIO_API, &api), EINVAL);
	api = (struct uffdio_api){.api = UFFD_API, .features = 1ull << 40};
	CHECK_ERR(ioctl(fd, UFFDIO_API, &api), EINVAL);
	CHECK_EQ(api.api, 0);
	CHECK_ERR(ioctl(fd, UFFDIO_API, NULL), EFAULT);
	api = (struct uffdio_api){.api = UFFD_API};
	CHECK_EQ(ioctl(fd, UFFDIO_API, &api), 0);
	CHECK_EQ(api.ioctls, 1ull << _UFFDIO_API | 1ull << _UFFDIO_REGISTER |
				     1ull << _UFFDIO_UNREGISTER);
	CHECK(api.features & UFFD_FEATURE_EVENT_FORK);
	api = (struct uffdio_api){.api = UFFD_API};
	CHECK_ERR(ioctl(fd, UFFDIO_API, &api), EINVAL);
	CHECK_EQ(poll(&p, 1, 0), 0);
	CHECK_ERR(read(fd, buf, sizeof(buf)), EAGAIN);
	CHECK_ERR(read(fd, buf, 8), EINVAL);
	CHECK_ERR(write(fd, buf, 8), EBADF);
	CHECK_ERR(ioctl(fd, 0x1234, 0), EINVAL);
	CHECK_EQ(ioctl(fd, UFFDIO_WAKE, &range), 0);
	range.start = 1;
	CHECK_ERR(ioctl(fd, UFFDIO_WAKE, &range), EINVAL);
	snprintf(buf, sizeof(buf), "/proc/self/fdinfo/%d", fd);
	CHECK(strstr(test_read_file(buf), "\npending:\t0\ntotal:\t0\nAPI:\taa:80000000:"));
}

static void ask(void *arg)
{
	struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_EVENT_FORK};
	int fd;

	(void)arg;
	CHECK_ERR(syscall(SYS_userfaultfd, 0), EPERM);
	fd = (int)syscall(SYS_userfaultfd, UFFD_USER_MODE_ONLY);
	CHECK(fd >= 0);
	CHECK_ERR(ioctl(fd, UFFDIO_API, &api), EPERM);
}

TEST(who_may)
{
	CHECK(!strcmp(test_read_file("/proc/sys/vm/unprivileged_userfaultfd"), "0\n"));
	CHECK_EQ(test_child_as(1000, ask, NULL), 0);
}

TEST(missing_pages_are_copied)
{
	int fd = make(O_NONBLOCK, 0);
	char *p = map(4, ANON), *from = filled('x');
	struct pollfd ready = {fd, POLLIN, 0};
	struct toucher t[2];

	CHECK_EQ(enroll(fd, p, 4, UFFDIO_REGISTER_MODE_MISSING), 0);
	start(&t[0], p + 5, -1);
	CHECK_EQ(poll(&ready, 1, -1), 1);
	CHECK_EQ(ready.revents, POLLIN);
	next_fault(fd, p, 0);
	CHECK_EQ(copy(fd, p, from, 1, 0), 0);
	CHECK_EQ(end(&t[0]), 'x');
	CHECK_ERR(copy(fd, p, from, 1, 0), EEXIST);
	start(&t[0], p + PAGE, 'y');
	CHECK_EQ(poll(&ready, 1, -1), 1);
	next_fault(fd, p + PAGE, UFFD_PAGEFAULT_FLAG_WRITE);
	CHECK_EQ(copy(fd, p + PAGE, from, 1, UFFDIO_COPY_MODE_DONTWAKE), 0);
	CHECK_EQ(ioctl(fd, UFFDIO_WAKE, &(struct uffdio_range){(uintptr_t)p + PAGE, PAGE}), 0);
	CHECK_EQ(end(&t[0]), 'y');
	CHECK_EQ(p[PAGE + 1], 'x');
	/* Two at one page: each is told of, both go on. */
	start(&t[0], p + 2 * PAGE, -1);
	start(&t[1], p + 2 * PAGE, -1);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(poll(&ready, 1, -1), 1);
		next_fault(fd, p + 2 * PAGE, 0);
	}
	CHECK_EQ(ioctl(fd, UFFDIO_ZEROPAGE,
		       &(struct uffdio_zeropage){.range = {(uintptr_t)p + 2 * PAGE, PAGE}}), 0);
	CHECK_EQ(end(&t[0]), 0);
	CHECK_EQ(end(&t[1]), 0);
	p[2 * PAGE] = 1;	/* what is there is nobody's any more */
}

TEST(what_cannot_be)
{
	int fd = make(0, 0), other = make(0, 0), file = open("/bin/sh", O_RDONLY);
	char *p = map(4, ANON), *from = filled('x'), *text;
	struct uffdio_register reg = {.range = {(uintptr_t)p, PAGE}};

	text = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, file, 0);
	CHECK_ERR(ioctl(fd, UFFDIO_REGISTER, &reg), EINVAL);
	CHECK_ERR(enroll(fd, p, 1, 8), EINVAL);
	CHECK_ERR(enroll(fd, p + 1, 1, UFFDIO_REGISTER_MODE_MISSING), EINVAL);
	CHECK_ERR(enroll(fd, p, 0, UFFDIO_REGISTER_MODE_MISSING), EINVAL);
	CHECK_ERR(enroll(fd, text, 1, UFFDIO_REGISTER_MODE_MISSING), EINVAL);
	CHECK_ERR(enroll(fd, p, 1, UFFDIO_REGISTER_MODE_MINOR), EINVAL);
	CHECK_ERR(ioctl(fd, UFFDIO_REGISTER, NULL), EFAULT);
	CHECK_EQ(enroll(fd, p, 2, UFFDIO_REGISTER_MODE_MISSING), 0);
	CHECK_ERR(enroll(other, p, 1, UFFDIO_REGISTER_MODE_MISSING), EBUSY);
	CHECK_ERR(copy(fd, p + 2 * PAGE, from, 1, 0), ENOENT);
	CHECK_ERR(copy(fd, p + PAGE, from, 2, 0), ENOENT);
	CHECK_ERR(copy(fd, p, (void *)PAGE, 1, 0), EFAULT);
	CHECK_ERR(copy(fd, p, from, 1, 1 << 5), EINVAL);
	CHECK_ERR(copy(fd, p, from, 1, UFFDIO_COPY_MODE_WP), EINVAL);
	CHECK_ERR(protect(fd, p, 1, UFFDIO_WRITEPROTECT_MODE_WP), ENOENT);
	CHECK_ERR(protect(fd, p, 1, 1 << 5), EINVAL);
	CHECK_ERR(ioctl(fd, UFFDIO_CONTINUE, &(struct uffdio_continue){
						     .range = {(uintptr_t)p, PAGE}}), EINVAL);
	CHECK_EQ(ioctl(fd, UFFDIO_UNREGISTER, &reg.range), 0);
	p[0] = 1;
	CHECK_EQ(close(fd), 0);
	p[PAGE] = 1;
	CHECK_EQ(enroll(other, p, 1, UFFDIO_REGISTER_MODE_MISSING), 0);
}

/* Unregistering, and the end of the descriptor, let who waits go. */
TEST(who_waits_is_let_go)
{
	int fd = make(0, UFFD_FEATURE_THREAD_ID | UFFD_FEATURE_EXACT_ADDRESS);
	char *p = map(2, ANON);
	struct uffd_msg msg;
	struct toucher t;

	CHECK_EQ(enroll(fd, p, 2, UFFDIO_REGISTER_MODE_MISSING), 0);
	start(&t, p + 7, -1);
	msg = next(fd);
	CHECK_EQ(msg.arg.pagefault.address, (uintptr_t)p + 7);
	CHECK_EQ(msg.arg.pagefault.feat.ptid, t.tid);
	CHECK_EQ(ioctl(fd, UFFDIO_UNREGISTER, &(struct uffdio_range){(uintptr_t)p, PAGE}), 0);
	CHECK_EQ(end(&t), 0);
	start(&t, p + PAGE, -1);
	msg = next(fd);
	CHECK_EQ(close(fd), 0);
	CHECK_EQ(end(&t), 0);
}

static int handler_fd;
static char *handler_page, *handler_from;
static volatile int handled;

static void on_alarm(int sig)
{
	(void)sig;
	handled++;
}

static void *settle_after_signal(void *arg)
{
	pthread_t who = *(pthread_t *)arg;

	next_fault(handler_fd, handler_page, UFFD_PAGEFAULT_FLAG_WRITE);
	pthread_kill(who, SIGUSR1);
	/* The access is made again after the handler, and told of again. */
	next_fault(handler_fd, handler_page, UFFD_PAGEFAULT_FLAG_WRITE);
	CHECK_EQ(handled, 1);
	CHECK_EQ(copy(handler_fd, handler_page, handler_from, 1, 0), 0);
	return NULL;
}

TEST(a_signal_comes_first)
{
	pthread_t me = pthread_self(), thread;
	struct sigaction act = {.sa_handler = on_alarm};

	handler_fd = make(0, 0);
	handler_page = map(1, ANON);
	handler_from = filled('x');
	sigaction(SIGUSR1, &act, NULL);
	CHECK_EQ(enroll(handler_fd, handler_page, 1, UFFDIO_REGISTER_MODE_MISSING), 0);
	CHECK_EQ(pthread_create(&thread, NULL, settle_after_signal, &me), 0);
	*handler_page = 'z';
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(handler_page[0], 'z');
	CHECK_EQ(handler_page[1], 'x');
}

static void wait_for_ever(void *arg)
{
	int fd = make(0, 0);
	char *p = map(1, ANON);
	struct toucher t;

	(void)arg;
	CHECK_EQ(enroll(fd, p, 1, UFFDIO_REGISTER_MODE_MISSING), 0);
	start(&t, p, -1);
	next(fd);
	kill(getpid(), SIGKILL);
	end(&t);
}

TEST(a_fatal_signal_ends_it)
{
	int status = test_child(wait_for_ever, NULL);

	CHECK(WIFSIGNALED(status));
	CHECK_EQ(WTERMSIG(status), SIGKILL);
}

/* --- the kernel's own accesses --- */

static void *settle_one(void *arg)
{
	(void)arg;
	next(handler_fd);
	CHECK_EQ(copy(handler_fd, handler_page, handler_from, 1, 0), 0);
	return NULL;
}

TEST(system_calls_wait_too)
{
	char buf[8] = "";
	int ends[2];
	pthread_t thread;
	struct iovec here = {buf, 4}, there;

	handler_fd = make(0, 0);
	handler_page = map(2, ANON);
	handler_from = filled('x');
	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(enroll(handler_fd, handler_page, 2, UFFDIO_REGISTER_MODE_MISSING), 0);
	CHECK_EQ(pthread_create(&thread, NULL, settle_one, NULL), 0);
	CHECK_EQ(write(ends[1], handler_page, 4), 4);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(read(ends[0], buf, 4), 4);
	CHECK(!strcmp(buf, "xxxx"));
	handler_page += PAGE;
	there = (struct iovec){handler_page, 4};
	buf[0] = 0;
	CHECK_EQ(pthread_create(&thread, NULL, settle_one, NULL), 0);
	CHECK_EQ(process_vm_readv(getpid(), &here, 1, &there, 1, 0), 4);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(buf[0], 'x');
}

TEST(a_debugger_does_not_wait)
{
	int fd = make(0, 0), mem = open("/proc/self/mem", O_RDWR);
	char *p = map(1, ANON), buf[4];

	CHECK_EQ(enroll(fd, p, 1, UFFDIO_REGISTER_MODE_MISSING), 0);
	CHECK_ERR(pread(mem, buf, 4, (off_t)(uintptr_t)p), EIO);
}

TEST(only_for_user_mode)
{
	int fd = make(UFFD_USER_MODE_ONLY, 0), ends[2];
	char *p = map(1, ANON);

	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(enroll(fd, p, 1, UFFDIO_REGISTER_MODE_MISSING), 0);
	CHECK_ERR(write(ends[1], p, 4), EFAULT);
}

/* --- SIGBUS --- */

static sigjmp_buf bus_jump;
static int bus_code;

static void on_bus(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	bus_code = info->si_code;
	siglongjmp(bus_jump, 1);
}

static int bus_at(volatile char *at)
{
	struct sigaction act = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO};

	sigaction(SIGBUS, &act, NULL);
	bus_code = 0;
	if (!sigsetjmp(bus_jump, 1))
		(void)*at;
	return bus_code;
}

TEST(a_signal_instead)
{
	int fd = make(0, UFFD_FEATURE_SIGBUS);
	char *p = map(1, ANON), *from = filled('x');

	CHECK_EQ(enroll(fd, p, 1, UFFDIO_REGISTER_MODE_MISSING), 0);
	CHECK_EQ(bus_at(p), BUS_ADRERR);
	CHECK_EQ(copy(fd, p, from, 1, 0), 0);
	CHECK_EQ(*p, 'x');
}

TEST(poison)
{
	int fd = make(0, UFFD_FEATURE_POISON), ends[2];
	char *p = map(2, ANON);
	struct uffdio_poison arg = {.range = {(uintptr_t)p, PAGE}};
	pid_t pid;

	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(enroll(fd, p, 2, UFFDIO_REGISTER_MODE_MISSING), 0);
	CHECK_EQ(ioctl(fd, UFFDIO_POISON, &arg), 0);
	CHECK_EQ(arg.updated, (long)PAGE);
	CHECK_ERR(ioctl(fd, UFFDIO_POISON, &arg), EEXIST);
	CHECK_EQ(bus_at(p), BUS_MCEERR_AR);
	CHECK_ERR(write(ends[1], p, 1), EFAULT);
	/* It outlives the descriptor, mprotect and a fork. */
	CHECK_EQ(close(fd), 0);
	CHECK_EQ(mprotect(p, PAGE, PROT_READ), 0);
	CHECK_EQ(bus_at(p), BUS_MCEERR_AR);
	pid = fork();
	if (!pid)
		_exit(bus_at(p) != BUS_MCEERR_AR);
	CHECK_EQ(test_wait(pid), 0);
	CHECK_EQ(madvise(p, PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(*p, 0);
}

/* --- write protection --- */

TEST(stores_are_told_of)
{
	int fd = make(0, UFFD_FEATURE_PAGEFAULT_FLAG_WP);
	char *p = map(3, ANON), *from = filled('x');
	struct toucher t;

	p[0] = p[PAGE] = 'a';
	CHECK_EQ(enroll(fd, p, 3, UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP), 0);
	p[0] = 'b';
	CHECK_EQ(protect(fd, p, 3, UFFDIO_WRITEPROTECT_MODE_WP), 0);
	CHECK_EQ(p[0], 'b');
	start(&t, p, 'c');
	next_fault(fd, p, UFFD_PAGEFAULT_FLAG_WP | UFFD_PAGEFAULT_FLAG_WRITE);
	CHECK_EQ(p[0], 'b');
	CHECK_EQ(protect(fd, p, 1, 0), 0);
	CHECK_EQ(end(&t), 'c');
	/* mprotect does not take it away. */
	CHECK_EQ(mprotect(p, 3 * PAGE, PROT_READ), 0);
	CHECK_EQ(mprotect(p, 3 * PAGE, PROT_READ | PROT_WRITE), 0);
	start(&t, p + PAGE, 'd');
	next_fault(fd, p + PAGE, UFFD_PAGEFAULT_FLAG_WP | UFFD_PAGEFAULT_FLAG_WRITE);
	CHECK_EQ(protect(fd, p + PAGE, 1, 0), 0);
	CHECK_EQ(end(&t), 'd');
	CHECK_EQ(copy(fd, p + 2 * PAGE, from, 1, UFFDIO_COPY_MODE_WP), 0);
	CHECK_EQ(p[2 * PAGE], 'x');
	start(&t, p + 2 * PAGE, 'e');
	next_fault(fd, p + 2 * PAGE, UFFD_PAGEFAULT_FLAG_WP | UFFD_PAGEFAULT_FLAG_WRITE);
	CHECK_EQ(ioctl(fd, UFFDIO_UNREGISTER,
		       &(struct uffdio_range){(uintptr_t)p, 3 * PAGE}), 0);
	CHECK_EQ(end(&t), 'e');
}

/* --- shared memory --- */

static void shared_memory(int flags, int file)
{
	int fd = make(0, UFFD_FEATURE_MISSING_SHMEM | UFFD_FEATURE_MINOR_SHMEM);
	char *p = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, flags, file, 0), *from = filled('x');
	struct toucher t;

	CHECK(p != MAP_FAILED);
	CHECK_EQ(enroll(fd, p, 3, UFFDIO_REGISTER_MODE_MISSING), 0);
	start(&t, p, 'y');
	next_fault(fd, p, UFFD_PAGEFAULT_FLAG_WRITE);
	CHECK_EQ(copy(fd, p, from, 1, 0), 0);
	CHECK_EQ(end(&t), 'y');
	CHECK_EQ(p[1], 'x');
	CHECK_ERR(copy(fd, p, from, 1, 0), EEXIST);
	start(&t, p + PAGE, -1);
	next_fault(fd, p + PAGE, 0);
	CHECK_EQ(ioctl(fd, UFFDIO_ZEROPAGE,
		       &(struct uffdio_zeropage){.range = {(uintptr_t)p + PAGE, PAGE}}), 0);
	CHECK_EQ(end(&t), 0);
	CHECK_EQ(munmap(p, 3 * PAGE), 0);
	CHECK_EQ(close(fd), 0);
}

TEST(missing_in_shared_memory)
{
	shared_memory(MAP_SHARED | MAP_ANONYMOUS, -1);
}

TEST(missing_in_a_file_in_memory)
{
	int file = memfd_create("m", 0);
	char got[2] = "";

	CHECK_EQ(ftruncate(file, 3 * PAGE), 0);
	shared_memory(MAP_SHARED, file);
	CHECK_EQ(pread(file, got, 2, 0), 2);
	CHECK_EQ(got[0], 'y');
	CHECK_EQ(got[1], 'x');
	CHECK_EQ(ftruncate(file, 0), 0);
	CHECK_EQ(ftruncate(file, 3 * PAGE), 0);
	shared_memory(MAP_PRIVATE, file);
	CHECK_EQ(pread(file, got, 2, 0), 2);
	CHECK_EQ(got[0], 0);
}

/* Pages that a private mapping was given are its own, and a child's. */
TEST(what_was_given_is_forked)
{
	int fd = make(0, UFFD_FEATURE_MISSING_SHMEM), file = memfd_create("m", 0);
	char *p, *from = filled('x');
	pid_t pid;

	CHECK_EQ(ftruncate(file, PAGE), 0);
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
	CHECK_EQ(enroll(fd, p, 1, UFFDIO_REGISTER_MODE_MISSING), 0);
	CHECK_EQ(copy(fd, p, from, 1, 0), 0);
	pid = fork();
	if (!pid)
		_exit(*p != 'x');
	CHECK_EQ(test_wait(pid), 0);
}

TEST(minor_faults)
{
	int fd = make(0, UFFD_FEATURE_MINOR_SHMEM), file = memfd_create("m", 0);
	char *p, *other;
	struct toucher t;
	struct uffdio_continue arg;

	CHECK_EQ(ftruncate(file, 2 * PAGE), 0);
	p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	other = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	other[0] = 'a';
	CHECK_EQ(enroll(fd, p, 2, UFFDIO_REGISTER_MODE_MINOR), 0);
	start(&t, p, -1);
	next_fault(fd, p, UFFD_PAGEFAULT_FLAG_MINOR);
	other[0] = 'b';
	arg = (struct uffdio_continue){.range = {(uintptr_t)p, PAGE}};
	CHECK_EQ(ioctl(fd, UFFDIO_CONTINUE, &arg), 0);
	CHECK_EQ(arg.mapped, (long)PAGE);
	CHECK_EQ(end(&t), 'b');
	CHECK_ERR(ioctl(fd, UFFDIO_CONTINUE, &arg), EEXIST);
	arg.range.start += PAGE;
	CHECK_ERR(ioctl(fd, UFFDIO_CONTINUE, &arg), EFAULT);
	p[PAGE] = 'c';		/* a hole is nothing that could go on */
	CHECK_EQ(other[PAGE], 'c');
	/* What is filled without being asked about does not bring in what is beside it. */
	CHECK_EQ(madvise(p, PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(madvise(other, 2 * PAGE, MADV_REMOVE), 0);
	other[0] = 'd';
	CHECK_EQ(*(volatile char *)(p + PAGE), 0);
	start(&t, p, -1);
	next_fault(fd, p, UFFD_PAGEFAULT_FLAG_MINOR);
	arg = (struct uffdio_continue){.range = {(uintptr_t)p, PAGE}};
	CHECK_EQ(ioctl(fd, UFFDIO_CONTINUE, &arg), 0);
	CHECK_EQ(end(&t), 'd');
}

/* --- moving --- */

TEST(pages_move)
{
	int fd = make(0, UFFD_FEATURE_MOVE);
	char *p = map(2, ANON), *from = filled('x');
	struct uffdio_move arg = {.dst = (uintptr_t)p, .src = (uintptr_t)from, .len = PAGE};
	struct toucher t;

	CHECK_EQ(enroll(fd, p, 2, UFFDIO_REGISTER_MODE_MISSING), 0);
	start(&t, p, -1);
	next_fault(fd, p, 0);
	CHECK_EQ(ioctl(fd, UFFDIO_MOVE, &arg), 0);
	CHECK_EQ(arg.move, (long)PAGE);
	CHECK_EQ(end(&t), 'x');
	CHECK_EQ(from[0], 0);
	CHECK_ERR(ioctl(fd, UFFDIO_MOVE, &arg), EEXIST);
	CHECK_EQ(madvise(from, PAGE, MADV_DONTNEED), 0);
	arg.dst += PAGE;
	CHECK_ERR(ioctl(fd, UFFDIO_MOVE, &arg), ENOENT);
	arg.mode = UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES;
	CHECK_EQ(ioctl(fd, UFFDIO_MOVE, &arg), 0);
}
