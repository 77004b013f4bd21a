/* What of a file lies in memory (cachestat), bringing parts of it to storage (sync_file_range),
 * and user memory into pipes and out of them (vmsplice). */
#include <fcntl.h>
#include <linux/mman.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define PAGE 4096

static int cachestat(int fd, unsigned long off, unsigned long len, struct cachestat *to)
{
	struct cachestat_range range = { off, len };

	return (int)syscall(SYS_cachestat, fd, &range, to, 0);
}

static long cached(int fd, unsigned long off, unsigned long len)
{
	struct cachestat c;

	memset(&c, 0xff, sizeof(c));
	CHECK_EQ(cachestat(fd, off, len, &c), 0);
	CHECK_EQ(c.nr_dirty, 0);
	CHECK_EQ(c.nr_writeback, 0);
	return (long)c.nr_cache;
}

TEST(pages_of_a_file)
{
	int fd = memfd_create("x", 0), ends[2];
	static char bytes[3 * PAGE];

	CHECK_EQ(cached(fd, 0, 0), 0);
	CHECK_EQ(write(fd, bytes, 2 * PAGE + 1), 2 * PAGE + 1);
	CHECK_EQ(pwrite(fd, bytes, 1, 10 * PAGE), 1);
	CHECK_EQ(cached(fd, 0, 0), 4);
	CHECK_EQ(cached(fd, PAGE, 0), 3);
	CHECK_EQ(cached(fd, PAGE, 1), 1);
	CHECK_EQ(cached(fd, PAGE - 1, 2), 2);
	CHECK_EQ(cached(fd, 3 * PAGE, 7 * PAGE), 0);
	CHECK_EQ(cached(fd, 0, ~0ul), 4);
	CHECK_EQ(cached(fd, ~0ul, 2), 0);
	CHECK_EQ(ftruncate(fd, PAGE), 0);
	CHECK_EQ(cached(fd, 0, 0), 1);
	/* What has no pages has none. */
	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(cached(ends[0], 0, 0), 0);
	CHECK_EQ(cached(open("/dev/null", O_RDONLY), 0, 0), 0);
	CHECK_EQ(cached(open("/proc/version", O_RDONLY), 0, 0), 0);
}

static void of_root(void *fd)
{
	struct cachestat c;

	CHECK_ERR(cachestat(open("/bin/true", O_RDONLY), 0, 0, &c), EPERM);
	CHECK_EQ(cachestat(*(int *)fd, 0, 0, &c), 0);
}

TEST(wrong_questions)
{
	struct cachestat_range range = { 0, 0 };
	int fd = memfd_create("x", 0);
	struct cachestat c;

	CHECK_ERR(cachestat(99, 0, 0, &c), EBADF);
	CHECK_ERR(cachestat(open("/", O_PATH), 0, 0, &c), EBADF);
	CHECK_ERR(syscall(SYS_cachestat, fd, &range, &c, 1), EINVAL);
	CHECK_ERR(syscall(SYS_cachestat, fd, 8, &c, 0), EFAULT);
	CHECK_ERR(syscall(SYS_cachestat, fd, &range, 8, 0), EFAULT);
	CHECK_EQ(test_child_as(1000, of_root, &fd), 0);
}

TEST(parts_of_a_file)
{
	int fd = open("f", O_CREAT | O_RDWR, 0600), ends[2];
	const unsigned all = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
			     SYNC_FILE_RANGE_WAIT_AFTER;

	CHECK_EQ(write(fd, "text", 4), 4);
	CHECK_EQ(sync_file_range(fd, 0, 0, all), 0);
	CHECK_EQ(sync_file_range(fd, 2, 100, SYNC_FILE_RANGE_WRITE), 0);
	CHECK_EQ(sync_file_range(fd, 0, 0, 0), 0);
	CHECK_EQ(sync_file_range(open("f", O_RDONLY), 0, 0, all), 0);
	CHECK_EQ(sync_file_range(open(".", O_RDONLY), 0, 0, all), 0);
	CHECK_ERR(sync_file_range(fd, 0, 0, 8), EINVAL);
	CHECK_ERR(sync_file_range(fd, -1, 0, all), EINVAL);
	CHECK_ERR(sync_file_range(fd, 10, -5, all), EINVAL);
	CHECK_ERR(sync_file_range(fd, 1, __LONG_MAX__, all), EINVAL);
	CHECK_EQ(pipe(ends), 0);
	CHECK_ERR(sync_file_range(ends[0], 0, 0, all), ESPIPE);
	CHECK_ERR(sync_file_range(open("/dev/null", O_RDONLY), 0, 0, all), ESPIPE);
	CHECK_ERR(sync_file_range(99, 0, 0, all), EBADF);
	CHECK_ERR(sync_file_range(open("f", O_PATH), 0, 0, all), EBADF);
}

/* --- vmsplice --- */

static long splice_one(int fd, const void *at, size_t len, unsigned flags)
{
	struct iovec v = { (void *)at, len };

	return vmsplice(fd, &v, 1, flags);
}

TEST(into_a_pipe_and_out)
{
	struct iovec two[2] = { { "some ", 5 }, { "text", 4 } };
	char got[20] = "";
	int ends[2];

	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(vmsplice(ends[1], two, 2, 0), 9);
	CHECK_EQ(read(ends[0], got, 3), 3);
	CHECK(!memcmp(got, "som", 3));
	CHECK_EQ(splice_one(ends[0], got, sizeof(got), 0), 6);
	CHECK(!memcmp(got, "e text", 6));
	CHECK_ERR(splice_one(ends[0], got, sizeof(got), SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_EQ(splice_one(ends[1], "x", 1, SPLICE_F_GIFT | SPLICE_F_MOVE | SPLICE_F_MORE), 1);
	close(ends[1]);
	CHECK_EQ(splice_one(ends[0], got, sizeof(got), 0), 1);
	CHECK_EQ(splice_one(ends[0], got, sizeof(got), 0), 0);
}

TEST(a_full_pipe)
{
	static char bytes[1 << 17];
	char got[PAGE];
	int ends[2];
	long n;
	pid_t child;

	CHECK_EQ(pipe(ends), 0);
	n = splice_one(ends[1], bytes, sizeof(bytes), SPLICE_F_NONBLOCK);
	CHECK(n > 0 && n <= 65536);	/* less by what the first page lacks */
	CHECK_EQ(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
	while (write(ends[1], "x", 1) == 1)
		;
	CHECK_EQ(fcntl(ends[1], F_SETFL, 0), 0);
	CHECK_ERR(splice_one(ends[1], bytes, 1, SPLICE_F_NONBLOCK), EAGAIN);
	child = fork();
	if (!child)
		_exit(splice_one(ends[1], "late", 4, 0) != 4);
	test_sleep_ms(20);
	CHECK_EQ(waitpid(child, NULL, WNOHANG), 0);
	CHECK_EQ(read(ends[0], got, sizeof(got)), sizeof(got));
	CHECK_EQ(read(ends[0], got, sizeof(got)), sizeof(got));
	CHECK_EQ(test_wait(child), 0);
}

TEST(waiting_for_bytes)
{
	char got[20] = "";
	int ends[2];
	pid_t child;

	CHECK_EQ(pipe(ends), 0);
	child = fork();
	if (!child) {
		test_sleep_ms(20);
		_exit(write(ends[1], "late", 4) != 4);
	}
	/* That the file is not to wait does not count here. */
	CHECK_EQ(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	CHECK_EQ(splice_one(ends[0], got, sizeof(got), 0), 4);
	CHECK(!strcmp(got, "late"));
	CHECK_EQ(test_wait(child), 0);
}

TEST(wrong_splices)
{
	struct iovec v[2] = { { "0123456789", 10 }, { (void *)8, 10 } };
	int ends[2], fd = open("f", O_CREAT | O_RDWR, 0600);
	char got[16];

	CHECK_EQ(pipe(ends), 0);
	CHECK_ERR(vmsplice(ends[1], v, 1, 16), EINVAL);
	CHECK_ERR(vmsplice(fd, v, 1, 0), EBADF);
	CHECK_EQ(vmsplice(fd, v, 0, 0), 0);
	CHECK_ERR(vmsplice(99, v, 1, 0), EBADF);
	CHECK_ERR(vmsplice(open("f", O_PATH), v, 1, 0), EBADF);
	CHECK_ERR(vmsplice(ends[1], v, 1025, 0), EINVAL);
	CHECK_ERR(vmsplice(ends[1], (void *)8, 1, 0), EFAULT);
	CHECK_ERR(splice_one(ends[1], (void *)8, 10, 0), EFAULT);
	CHECK_ERR(splice_one(ends[1], got, -1ul, 0), EINVAL);
	CHECK_EQ(splice_one(ends[1], got, 0, 0), 0);
	CHECK_EQ(vmsplice(ends[1], v, 2, 0), 10);
	CHECK_ERR(splice_one(ends[0], (void *)8, 10, 0), EFAULT);
	CHECK_EQ(read(ends[0], got, sizeof(got)), 10);
	signal(SIGPIPE, SIG_IGN);
	close(ends[0]);
	CHECK_ERR(vmsplice(ends[1], v, 1, 0), EPIPE);
}

static void without_a_reader(void *unused)
{
	int ends[2];

	(void)unused;
	CHECK_EQ(pipe(ends), 0);
	close(ends[0]);
	splice_one(ends[1], "x", 1, 0);
}

TEST(nobody_reads)
{
	CHECK_EQ(test_child(without_a_reader, NULL), SIGPIPE);
}
