/* The old asynchronous I/O: contexts, reads, writes, events. */
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/ioprio.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "aio.h"

static int file_with(const char *text)
{
	int fd = open("f", O_CREAT | O_TRUNC | O_RDWR, 0644);

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	return fd;
}

TEST(a_context_is_made_and_destroyed)
{
	aio_context_t ctx = 0, other = 5;

	CHECK_ERR(io_setup(0, &ctx), EINVAL);
	CHECK_ERR(io_setup(8, &other), EINVAL);
	CHECK_ERR(io_setup(8, NULL), EFAULT);
	CHECK_ERR(io_setup(0x7fffffff, &ctx), EINVAL);
	CHECK_ERR(io_setup(0x80000001, &ctx), EAGAIN);
	CHECK_ERR(io_setup(4000000, &ctx), EAGAIN);
	CHECK_EQ(ctx, 0);
	CHECK_EQ(io_setup(8, &ctx), 0);
	CHECK(ctx != 0);
	CHECK_EQ(io_destroy(ctx), 0);
	CHECK_ERR(io_destroy(ctx), EINVAL);
	CHECK_ERR(io_destroy(0), EINVAL);
	CHECK_ERR(io_destroy(~0ul), EINVAL);
	CHECK_ERR(io_submit(ctx, 0, NULL), EINVAL);
	CHECK_ERR(io_getevents(ctx, 0, 0, NULL, NULL), EINVAL);
}

TEST(a_context_whose_number_cannot_be_told_is_gone)
{
	uint64_t *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long before = atol(test_read_file("/proc/sys/fs/aio-nr"));

	CHECK_ERR(io_setup(8, (aio_context_t *)page), EFAULT);
	CHECK_EQ(atol(test_read_file("/proc/sys/fs/aio-nr")), before);
}

TEST(the_memory_of_a_context)
{
	aio_context_t ctx = aio_context(8);
	struct aio_ring *ring = (struct aio_ring *)ctx;
	char maps[65536], want[64];
	int fd = open("/proc/self/maps", O_RDONLY);
	long n, used = 0;

	CHECK_EQ(ring->magic, 0xa10a10a1);
	CHECK_EQ(ring->compat, 1);
	CHECK_EQ(ring->incompat, 0);
	CHECK_EQ(ring->header_length, 32);
	CHECK_EQ(ring->head, 0);
	CHECK_EQ(ring->tail, 0);
	CHECK_EQ(ring->nr % 128, 127);
	while ((n = read(fd, maps + used, sizeof(maps) - 1 - (size_t)used)) > 0)
		used += n;
	maps[used] = 0;
	snprintf(want, sizeof(want), "%lx-%lx rw-s 00000000 ", (long)ctx, (long)ctx + 4096);
	CHECK(strstr(maps, want));
	CHECK(strstr(strstr(maps, want), "/[aio] (deleted)\n"));
}

TEST(the_limit_of_all_contexts)
{
	long before = atol(test_read_file("/proc/sys/fs/aio-nr")), most;
	aio_context_t ctx = aio_context(100), other = 0;

	CHECK_EQ(atol(test_read_file("/proc/sys/fs/aio-nr")), before + 100);
	most = atol(test_read_file("/proc/sys/fs/aio-max-nr"));
	CHECK_EQ(most, 65536);
	test_write_file("/proc/sys/fs/aio-max-nr", "150");
	CHECK_ERR(io_setup(60, &other), EAGAIN);
	CHECK_ERR(io_setup(151, &other), EAGAIN);
	test_write_file("/proc/sys/fs/aio-max-nr", "65536");
	CHECK_EQ(io_setup(60, &other), 0);
	CHECK_EQ(io_destroy(other), 0);
	CHECK_EQ(io_destroy(ctx), 0);
	CHECK_EQ(atol(test_read_file("/proc/sys/fs/aio-nr")), before);
}

TEST(reads_and_writes)
{
	aio_context_t ctx = aio_context(8);
	int fd = file_with("");
	char buffer[16] = "";
	struct iocb out = request_on(IOCB_CMD_PWRITE, fd, "hello, world", 12, 3);
	struct iocb in = request_on(IOCB_CMD_PREAD, fd, buffer, sizeof(buffer), 10);

	CHECK_EQ(result_of(ctx, &out), 12);
	CHECK_EQ(result_of(ctx, &in), 5);
	CHECK(!memcmp(buffer, "world", 6));
	in.aio_offset = 100;
	CHECK_EQ(result_of(ctx, &in), 0);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
	CHECK_EQ(pread(fd, buffer, 16, 0), 15);
	CHECK(!memcmp(buffer, "\0\0\0hello, world", 15));
}

TEST(several_buffers)
{
	aio_context_t ctx = aio_context(8);
	int fd = file_with("");
	char a[4] = "", b[8] = "";
	struct iovec out[] = {{"one ", 4}, {"two", 3}}, in[] = {{a, 3}, {b, 8}};
	struct iocb w = request_on(IOCB_CMD_PWRITEV, fd, out, 2, 0);
	struct iocb r = request_on(IOCB_CMD_PREADV, fd, in, 2, 0);
	struct iovec bad = {a, (size_t)-1};

	CHECK_EQ(result_of(ctx, &w), 7);
	CHECK_EQ(result_of(ctx, &r), 7);
	CHECK(!strcmp(a, "one") && !strcmp(b, " two"));
	r.aio_nbytes = 1025;
	CHECK_ERR(submit_one(ctx, &r), EINVAL);
	r.aio_nbytes = 1;
	r.aio_buf = (unsigned long)&bad;
	CHECK_ERR(submit_one(ctx, &r), EINVAL);
	r.aio_buf = 8;
	CHECK_ERR(submit_one(ctx, &r), EFAULT);
	r.aio_nbytes = 0;
	CHECK_EQ(result_of(ctx, &r), 0);
}

TEST(what_is_wrong_with_a_request)
{
	aio_context_t ctx = aio_context(8);
	int fd = file_with("text"), only_in = open("f", O_RDONLY), only_out = open("f", O_WRONLY);
	char buffer[8];
	struct iocb good = request_on(IOCB_CMD_PREAD, fd, buffer, 8, 0), i = good, *none = NULL;

	i.aio_reserved2 = 1;
	CHECK_ERR(submit_one(ctx, &i), EINVAL);
	i = good, i.aio_nbytes = 1ul << 63;
	CHECK_ERR(submit_one(ctx, &i), EINVAL);
	i = good, i.aio_fildes = 1000;
	CHECK_ERR(submit_one(ctx, &i), EBADF);
	CHECK_EQ(i.aio_key, 77);
	i = good, i.aio_fildes = (unsigned)only_out;
	CHECK_ERR(submit_one(ctx, &i), EBADF);
	CHECK_EQ(i.aio_key, 0);
	i = good, i.aio_fildes = (unsigned)only_in, i.aio_lio_opcode = IOCB_CMD_PWRITE;
	CHECK_ERR(submit_one(ctx, &i), EBADF);
	i = good, i.aio_fildes = (unsigned)open(".", O_RDONLY);
	CHECK_ERR(submit_one(ctx, &i), EINVAL);
	i = good, i.aio_lio_opcode = IOCB_CMD_NOOP;
	CHECK_ERR(submit_one(ctx, &i), EINVAL);
	i = good, i.aio_lio_opcode = 99;
	CHECK_ERR(submit_one(ctx, &i), EINVAL);
	i = good, i.aio_offset = -1;
	CHECK_ERR(submit_one(ctx, &i), EINVAL);
	i = good, i.aio_offset = INT64_MAX;
	CHECK_ERR(submit_one(ctx, &i), EINVAL);
	i = good, i.aio_buf = ~0ul << 48;
	CHECK_ERR(submit_one(ctx, &i), EFAULT);
	i = good, i.aio_rw_flags = 1 << 30;
	CHECK_ERR(submit_one(ctx, &i), EOPNOTSUPP);
	i = good, i.aio_flags = IOCB_FLAG_IOPRIO, i.aio_reqprio = IOPRIO_CLASS_NONE << 13 | 3;
	CHECK_ERR(submit_one(ctx, &i), EINVAL);
	i = good, i.aio_flags = IOCB_FLAG_RESFD, i.aio_resfd = 1000;
	CHECK_ERR(submit_one(ctx, &i), EBADF);
	i.aio_resfd = (unsigned)fd;
	CHECK_ERR(submit_one(ctx, &i), EINVAL);
	CHECK_ERR(submit_one(ctx, none), EFAULT);
	CHECK_ERR(io_submit(ctx, -1, NULL), EINVAL);
	CHECK_ERR(io_submit(ctx, 1, NULL), EFAULT);
	CHECK_EQ(io_submit(ctx, 0, NULL), 0);
	CHECK_EQ(io_getevents(ctx, 0, 1, NULL, NULL), 0);
	/* Not said before the end: the memory is the user's, but not there. */
	i = good, i.aio_buf = 4096;
	CHECK_EQ(result_of(ctx, &i), -EFAULT);
	i = good, i.aio_flags = IOCB_FLAG_IOPRIO, i.aio_reqprio = IOPRIO_CLASS_BE << 13 | 3;
	CHECK_EQ(result_of(ctx, &i), 4);
}

TEST(a_list_stops_at_the_first_that_is_wrong)
{
	aio_context_t ctx = aio_context(8);
	char buffer[8];
	struct iocb good = request_on(IOCB_CMD_PREAD, file_with("text"), buffer, 8, 0), bad = good;
	struct iocb *list[] = {&good, &bad, &good};
	struct io_event e[4];

	bad.aio_fildes = 1000;
	CHECK_EQ(io_submit(ctx, 3, list), 1);
	CHECK_ERR(io_submit(ctx, 2, list + 1), EBADF);
	CHECK_EQ(io_getevents(ctx, 0, 4, e, NULL), 1);
}

TEST(a_request_that_fails_says_so_in_its_event)
{
	aio_context_t ctx = aio_context(8);
	int fd = file_with("text"), ends[2];
	struct rlimit limit = {100, 100};
	struct iocb w = request_on(IOCB_CMD_PWRITE, fd, "x", 1, 200);

	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
	CHECK_EQ(result_of(ctx, &w), -EFBIG);
	CHECK_EQ(pipe(ends), 0);
	close(ends[0]);
	w = request_on(IOCB_CMD_PWRITE, ends[1], "x", 1, 0);
	CHECK_EQ(result_of(ctx, &w), -EPIPE);
}

TEST(streams_have_no_place)
{
	aio_context_t ctx = aio_context(8);
	int ends[2], pair[2];
	char buffer[8] = "";
	struct iocb i;

	CHECK_EQ(pipe(ends), 0);
	i = request_on(IOCB_CMD_PWRITE, ends[1], "abc", 3, 99);
	CHECK_EQ(result_of(ctx, &i), 3);
	i = request_on(IOCB_CMD_PREAD, ends[0], buffer, 8, 99);
	CHECK_EQ(result_of(ctx, &i), 3);
	CHECK(!strcmp(buffer, "abc"));
	i.aio_offset = -1;
	CHECK_ERR(submit_one(ctx, &i), EINVAL);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	i = request_on(IOCB_CMD_PWRITE, pair[0], "xyz", 3, 0);
	CHECK_EQ(result_of(ctx, &i), 3);
	i = request_on(IOCB_CMD_PREAD, pair[1], buffer, 8, 0);
	CHECK_EQ(result_of(ctx, &i), 3);
	CHECK(!strcmp(buffer, "xyz"));
	CHECK_EQ(fcntl(pair[1], F_SETFL, O_NONBLOCK), 0);
	CHECK_EQ(result_of(ctx, &i), -EAGAIN);
}

/* It is over at the latest when the other end has written, wherever it waits till then. */
TEST(a_read_of_a_pipe_gets_what_comes)
{
	aio_context_t ctx = aio_context(8);
	char buffer[8] = "";
	int ends[2];
	struct iocb i;
	pid_t child;

	CHECK_EQ(pipe(ends), 0);
	child = fork();
	if (!child) {
		test_sleep_ms(50);
		_exit(write(ends[1], "late", 4) == 4 ? 0 : 1);
	}
	i = request_on(IOCB_CMD_PREAD, ends[0], buffer, 8, 0);
	CHECK_EQ(result_of(ctx, &i), 4);
	CHECK(!strcmp(buffer, "late"));
	CHECK_EQ(test_wait(child), 0);
}

TEST(to_storage)
{
	aio_context_t ctx = aio_context(8);
	int fd = file_with("text"), ends[2];
	struct iocb i = request_on(IOCB_CMD_FSYNC, fd, NULL, 0, 0);

	CHECK_EQ(result_of(ctx, &i), 0);
	i.aio_lio_opcode = IOCB_CMD_FDSYNC;
	CHECK_EQ(result_of(ctx, &i), 0);
	i.aio_nbytes = 1;
	CHECK_ERR(submit_one(ctx, &i), EINVAL);
	i.aio_nbytes = 0, i.aio_buf = 1;
	CHECK_ERR(submit_one(ctx, &i), EINVAL);
	i.aio_buf = 0, i.aio_rw_flags = RWF_SYNC;
	CHECK_ERR(submit_one(ctx, &i), EINVAL);
	CHECK_EQ(pipe(ends), 0);
	i = request_on(IOCB_CMD_FSYNC, ends[1], NULL, 0, 0);
	CHECK_ERR(submit_one(ctx, &i), EINVAL);
	i = request_on(IOCB_CMD_PWRITE, fd, "durable", 7, 0);
	i.aio_rw_flags = RWF_DSYNC;
	CHECK_EQ(result_of(ctx, &i), 7);
	i.aio_rw_flags = RWF_SYNC;
	CHECK_EQ(result_of(ctx, &i), 7);
}

TEST(an_eventfd_counts_events)
{
	aio_context_t ctx = aio_context(8);
	int told = eventfd(0, EFD_NONBLOCK);
	char buffer[8];
	struct iocb i = request_on(IOCB_CMD_PREAD, file_with("text"), buffer, 8, 0), *list[] = {&i, &i};
	uint64_t count;

	i.aio_flags = IOCB_FLAG_RESFD;
	i.aio_resfd = (unsigned)told;
	CHECK_EQ(io_submit(ctx, 2, list), 2);
	CHECK_EQ(read(told, &count, 8), 8);
	CHECK_EQ(count, 2);
	CHECK_ERR(read(told, &count, 8), EAGAIN);
}

TEST(events_are_taken)
{
	aio_context_t ctx = aio_context(8);
	struct aio_ring *ring = (struct aio_ring *)ctx;
	char buffer[8];
	struct iocb i = request_on(IOCB_CMD_PREAD, file_with("text"), buffer, 8, 0);
	struct iocb *list[] = {&i, &i, &i, &i, &i};
	struct io_event e[8];
	struct timespec none = {0, 0}, soon = {0, 20000000};

	CHECK_EQ(io_submit(ctx, 5, list), 5);
	CHECK_EQ(ring->tail, 5);
	CHECK_EQ(ring->head, 0);
	CHECK_ERR(io_getevents(ctx, 2, 1, e, &none), EINVAL);
	CHECK_ERR(io_getevents(ctx, -1, 1, e, &none), EINVAL);
	CHECK_ERR(io_getevents(ctx, 1, 1, e, (void *)8), EFAULT);
	CHECK_ERR(io_getevents(ctx, 1, 1, (void *)8, &none), EFAULT);
	CHECK_EQ(ring->head, 0);
	CHECK_EQ(io_getevents(ctx, 0, 0, e, &none), 0);
	CHECK_EQ(io_getevents(ctx, 1, 2, e, NULL), 2);
	CHECK_EQ(ring->head, 2);
	CHECK_EQ(io_getevents(ctx, 8, 8, e, &none), 3);
	CHECK_EQ(e[2].res, 4);
	CHECK_EQ(io_getevents(ctx, 1, 8, e, &none), 0);
	CHECK_EQ(io_getevents(ctx, 1, 8, e, &soon), 0);
	/* The program takes one by itself. */
	CHECK_EQ(io_submit(ctx, 2, list), 2);
	ring->head++;
	CHECK_EQ(io_getevents(ctx, 0, 8, e, NULL), 1);
}

/* More events than there is room for are not begun. Linux gives places out by the batch. */
TEST(a_context_that_is_full)
{
	aio_context_t ctx = aio_context(1);
	struct aio_ring *ring = (struct aio_ring *)ctx;
	unsigned room = ring->nr - 1, n = 0;
	char buffer[8];
	struct iocb i = request_on(IOCB_CMD_PREAD, file_with("text"), buffer, 8, 0);
	static struct io_event e[1024];

	while (n < 2 * room && submit_one(ctx, &i) == 1)
		n++;
	CHECK_EQ(errno, EAGAIN);
	CHECK(n >= room / 2 && n <= room);
	CHECK_ERR(submit_one(ctx, &i), EAGAIN);
	CHECK_EQ(io_getevents(ctx, 1, 1024, e, NULL), n);
	CHECK_EQ(submit_one(ctx, &i), 1);
}

/* What the program writes there is its own harm. */
TEST(the_memory_is_written_with_nonsense)
{
	aio_context_t ctx = aio_context(8);
	struct aio_ring *ring = (struct aio_ring *)ctx;
	unsigned nr = ring->nr, values[] = {~0u, 1u << 31, nr, nr - 1, 7, 0xa5a5a5a5};
	char buffer[8];
	struct iocb i = request_on(IOCB_CMD_PREAD, file_with("text"), buffer, 8, 0);
	static struct io_event e[4096];
	struct timespec none = {0, 0};
	long n;

	for (unsigned v = 0; v < sizeof(values) / sizeof(*values); v++) {
		for (unsigned turn = 0; turn < 300; turn++) {
			ring->head = values[v];
			ring->tail = values[v] ^ turn;
			ring->nr = turn & 1 ? 0 : ~0u;
			ring->header_length = values[v];
			n = submit_one(ctx, &i);
			CHECK(n == 1 || (n == -1 && errno == EAGAIN));
			ring->head = values[v] + turn;
			n = io_getevents(ctx, 0, 4096, e, &none);
			CHECK(n >= 0 && n < nr);
		}
	}
	memset(ring, 0xff, sizeof(*ring));
	io_destroy(ctx);
}

TEST(a_mapping_that_moves_takes_the_context_along)
{
	aio_context_t ctx = aio_context(8), moved;
	char buffer[8];
	struct iocb i = request_on(IOCB_CMD_PREAD, file_with("text"), buffer, 8, 0);
	void *to = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	moved = (aio_context_t)mremap((void *)ctx, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	CHECK_EQ(moved, (aio_context_t)to);
	CHECK_ERR(submit_one(ctx, &i), EINVAL);
	CHECK_EQ(result_of(moved, &i), 4);
	CHECK_EQ(io_destroy(moved), 0);
	CHECK_ERR(submit_one(moved, &i), EINVAL);
}

TEST(a_mapping_that_goes)
{
	aio_context_t ctx = aio_context(8);
	char buffer[8];
	struct iocb i = request_on(IOCB_CMD_PREAD, file_with("text"), buffer, 8, 0);

	CHECK_EQ(munmap((void *)ctx, 4096), 0);
	CHECK_ERR(submit_one(ctx, &i), EINVAL);
	CHECK_ERR(io_destroy(ctx), EINVAL);
}

static void use(void *number)
{
	aio_context_t ctx = *(aio_context_t *)number;
	char buffer[8];
	struct iocb i = request_on(IOCB_CMD_PREAD, open("f", O_RDONLY), buffer, 8, 0);

	CHECK_EQ(((struct aio_ring *)ctx)->magic, 0xa10a10a1);
	CHECK_ERR(submit_one(ctx, &i), EINVAL);
	CHECK_ERR(io_destroy(ctx), EINVAL);
	_exit(0);
}

TEST(a_context_is_not_a_childs)
{
	aio_context_t ctx = aio_context(8);
	char buffer[8];
	struct iocb i = request_on(IOCB_CMD_PREAD, file_with("text"), buffer, 8, 0);

	CHECK_EQ(test_child(use, &ctx), 0);
	CHECK_EQ(result_of(ctx, &i), 4);
}
