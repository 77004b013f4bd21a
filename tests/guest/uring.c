/* io_uring: rings, what goes through them, and their end. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "uring.h"

TEST(setup_says_what_there_is)
{
	struct io_uring_params p = { 0 };
	int fd = ring_setup(5, &p);

	CHECK(fd >= 0);
	CHECK_EQ(p.sq_entries, 8);
	CHECK_EQ(p.cq_entries, 16);
	CHECK(p.features & IORING_FEAT_SINGLE_MMAP);
	CHECK(p.features & IORING_FEAT_NODROP);
	CHECK_EQ(p.sq_off.head, 0);
	CHECK(p.cq_off.cqes >= 64);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
	close(fd);
	p = (struct io_uring_params){ .flags = IORING_SETUP_CQSIZE, .cq_entries = 100 };
	fd = ring_setup(1, &p);
	CHECK(fd >= 0);
	CHECK_EQ(p.sq_entries, 1);
	CHECK_EQ(p.cq_entries, 128);
	close(fd);
}

TEST(setup_refuses)
{
	struct io_uring_params p = { 0 };

	CHECK_ERR(ring_setup(0, &p), EINVAL);
	CHECK_ERR(ring_setup(32769, &p), EINVAL);
	CHECK_ERR(ring_setup(1, NULL), EFAULT);
	p.resv[1] = 1;
	CHECK_ERR(ring_setup(1, &p), EINVAL);
	p = (struct io_uring_params){ .flags = 1u << 31 };
	CHECK_ERR(ring_setup(1, &p), EINVAL);
	p = (struct io_uring_params){ .flags = IORING_SETUP_CQSIZE };
	CHECK_ERR(ring_setup(8, &p), EINVAL);
	p.cq_entries = 4;
	CHECK_ERR(ring_setup(8, &p), EINVAL);
	p = (struct io_uring_params){ .flags = IORING_SETUP_DEFER_TASKRUN };
	CHECK_ERR(ring_setup(8, &p), EINVAL);
	p = (struct io_uring_params){ .flags = IORING_SETUP_TASKRUN_FLAG };
	CHECK_ERR(ring_setup(8, &p), EINVAL);
	p = (struct io_uring_params){ .flags = IORING_SETUP_CLAMP };
	int fd = ring_setup(100000, &p);
	CHECK(fd >= 0);
	CHECK_EQ(p.sq_entries, 32768);
	close(fd);
}

TEST(enter_refuses)
{
	struct ring r = ring_make(4, 0);
	int null = open("/dev/null", O_RDWR);

	CHECK_ERR(ring_enter_raw(-1, 0, 0, 0, NULL, 0), EBADF);
	CHECK_ERR(ring_enter_raw(null, 0, 0, 0, NULL, 0), EOPNOTSUPP);
	CHECK_ERR(ring_enter_raw(r.fd, 0, 0, 1u << 30, NULL, 0), EINVAL);
	CHECK_ERR(ring_enter_raw(r.fd, 0, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, NULL, 3),
		  EINVAL);
	CHECK_EQ(ring_enter_raw(r.fd, 5, 0, 0, NULL, 0), 0);
}

TEST(mmap_knows_its_regions)
{
	struct ring r = ring_make(4, 0);
	char *all = mmap(NULL, 4096, PROT_READ, MAP_SHARED, r.fd, IORING_OFF_CQ_RING);

	CHECK(all != MAP_FAILED);
	CHECK_EQ(*(unsigned *)(all + r.p.sq_off.ring_entries), 4);
	CHECK_EQ(*(unsigned *)(all + r.p.cq_off.ring_mask), 7);
	/* More than there is can be mapped; it is not there. */
	all = mmap(NULL, 1 << 20, PROT_READ, MAP_SHARED, r.fd, IORING_OFF_SQES);
	CHECK(all != MAP_FAILED);
	CHECK_EQ(*all, 0);
	CHECK_ERR((long)mmap(NULL, 4096, PROT_READ, MAP_SHARED, r.fd, 0x70000000), ENOMEM);
}

static void nops(unsigned flags)
{
	struct ring r = ring_make(8, flags);

	for (unsigned i = 0; i < 100; i++) {
		for (unsigned j = 0; j < 1 + i % 8; j++)
			ring_nop(&r, i * 8 + j);
		CHECK_EQ(ring_submit(&r, 1 + i % 8), 1 + i % 8);
		for (unsigned j = 0; j < 1 + i % 8; j++)
			CHECK_EQ(ring_expect(&r, i * 8 + j), 0);
		CHECK_EQ(ring_ready(&r), 0);
	}
	ring_close(&r);
}

TEST(nops_complete) { nops(0); }
TEST(nops_complete_in_wide_rings) { nops(IORING_SETUP_SQE128 | IORING_SETUP_CQE32); }
TEST(nops_complete_without_an_array) { nops(IORING_SETUP_NO_SQARRAY); }
TEST(nops_complete_with_hints)
{
	nops(IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL);
	nops(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
}

/* Whoever takes a file out of the table hears of it, though the same one takes its place. */
TEST(a_tag_tells_that_a_file_is_no_longer_registered)
{
	struct ring r = ring_make(8, 0);
	int fds[2] = { 0, -1 };
	uint64_t tags[2] = { 71, 0 }, other = 72, none = 0;
	struct io_uring_rsrc_register all = { .nr = 2, .data = (uintptr_t)fds,
					      .tags = (uintptr_t)tags };
	struct io_uring_rsrc_update2 one = { .data = (uintptr_t)fds, .tags = (uintptr_t)&other,
					     .nr = 1 };

	CHECK_EQ(ring_register(&r, IORING_REGISTER_FILES2, &all, sizeof(all)), 0);
	CHECK_EQ(ring_register(&r, IORING_REGISTER_FILES_UPDATE2, &one, sizeof(one)), 1);
	CHECK_EQ(ring_expect(&r, 71), 0);
	one.data = (uintptr_t)(fds + 1);
	CHECK_ERR(ring_register(&r, IORING_REGISTER_FILES_UPDATE2, &one, sizeof(one)), EINVAL);
	one.tags = (uintptr_t)&none;
	CHECK_EQ(ring_register(&r, IORING_REGISTER_FILES_UPDATE2, &one, sizeof(one)), 1);
	CHECK_EQ(ring_expect(&r, 72), 0);
	CHECK_EQ(ring_register(&r, IORING_REGISTER_FILES_UPDATE2, &one, sizeof(one)), 1);
	CHECK_EQ(ring_ready(&r), 0);
	ring_close(&r);
}

TEST(an_unknown_operation_completes_with_an_error)
{
	struct ring r = ring_make(8, 0);

	ring_prepare(&r, 255, -1, NULL, 0, 0, 1);
	ring_nop(&r, 2);
	CHECK_EQ(ring_submit(&r, 1), 1);
	CHECK_EQ(ring_expect(&r, 1), -EINVAL);
	CHECK_EQ(ring_enter_raw(r.fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0), 1);
	CHECK_EQ(ring_expect(&r, 2), 0);
	ring_nop(&r, 3)->flags = 0x80;
	CHECK_EQ(ring_do(&r, 3), -EINVAL);
	ring_nop(&r, 4)->ioprio = 1;
	CHECK_EQ(ring_do(&r, 4), -EINVAL);
	ring_nop(&r, 5)->flags = IOSQE_BUFFER_SELECT;
	CHECK_EQ(ring_do(&r, 5), -EOPNOTSUPP);
	r = ring_make(8, IORING_SETUP_SUBMIT_ALL);
	ring_prepare(&r, 255, -1, NULL, 0, 0, 1);
	ring_nop(&r, 2);
	CHECK_EQ(ring_submit(&r, 2), 2);
	CHECK_EQ(ring_expect(&r, 1), -EINVAL);
	CHECK_EQ(ring_expect(&r, 2), 0);
}

TEST(a_wrong_index_is_dropped)
{
	struct ring r = ring_make(4, 0);

	ring_nop(&r, 1);
	ring_word(&r, r.p.sq_off.array)[0] = 4;
	ring_submit(&r, 0);
	CHECK_EQ(ring_load(&r, r.p.sq_off.dropped), 1);
	CHECK_EQ(ring_ready(&r), 0);
	ring_nop(&r, 2);
	CHECK_EQ(ring_do(&r, 2), 0);
}

/* A tail far beyond what there is room for, a head that lies: nothing but wrong completions. */
TEST(indexes_that_lie_do_no_harm)
{
	struct ring r = ring_make(4, 0);

	memset(r.sqes, 0, r.sqes_size);
	memset(ring_word(&r, r.p.sq_off.array), 0, 16);
	*ring_word(&r, r.p.sq_off.tail) = 0x80000000;
	CHECK(ring_enter_raw(r.fd, 1000, 0, 0, NULL, 0) >= 0);
	*ring_word(&r, r.p.cq_off.head) = 0x7fffffff;
	CHECK(ring_enter_raw(r.fd, 1000, 0, 0, NULL, 0) >= 0);
	*ring_word(&r, r.p.sq_off.ring_mask) = UINT32_MAX;
	*ring_word(&r, r.p.cq_off.ring_mask) = UINT32_MAX;
	*ring_word(&r, r.p.cq_off.ring_entries) = UINT32_MAX;
	*ring_word(&r, r.p.sq_off.head) = 77;
	for (int i = 0; i < 100; i++)
		CHECK(ring_enter_raw(r.fd, 1000, 0, 0, NULL, 0) >= 0);
	ring_close(&r);
}

TEST(completions_overflow_and_come_later)
{
	struct ring r = ring_make(4, 0);

	for (unsigned i = 0; i < 20; i++) {
		ring_nop(&r, i);
		CHECK_EQ(ring_submit(&r, 0), 1);
	}
	CHECK_EQ(ring_ready(&r), 8);
	CHECK(ring_load(&r, r.p.sq_off.flags) & IORING_SQ_CQ_OVERFLOW);
	for (unsigned i = 0; i < 20; i++)
		CHECK_EQ(ring_expect(&r, i), 0);
	CHECK_EQ(ring_enter_raw(r.fd, 0, 0, IORING_ENTER_GETEVENTS, NULL, 0), 0);
	CHECK(!(ring_load(&r, r.p.sq_off.flags) & IORING_SQ_CQ_OVERFLOW));
	CHECK_EQ(ring_load(&r, r.p.cq_off.overflow), 0);
}

TEST(a_read_completes_at_once_or_waits)
{
	struct ring r = ring_make(8, 0);
	char buf[8] = "", more[8] = "";
	int p[2], other[2];

	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(pipe(other), 0);
	CHECK_EQ(write(p[1], "abc", 3), 3);
	ring_prepare(&r, IORING_OP_READ, p[0], buf, 8, -1, 1);
	CHECK_EQ(ring_do(&r, 1), 3);
	CHECK_EQ(memcmp(buf, "abc", 3), 0);
	ring_prepare(&r, IORING_OP_READ, p[0], buf, 8, -1, 2);
	ring_prepare(&r, IORING_OP_READ, other[0], more, 8, 0, 3);
	CHECK_EQ(ring_submit(&r, 0), 2);
	CHECK_EQ(ring_ready(&r), 0);
	CHECK_EQ(write(p[1], "d", 1), 1);
	CHECK_EQ(ring_expect(&r, 2), 1);
	CHECK_EQ(write(other[1], "ef", 2), 2);
	CHECK_EQ(ring_expect(&r, 3), 2);
	CHECK_EQ(buf[0], 'd');
	CHECK_EQ(memcmp(more, "ef", 2), 0);
	ring_prepare(&r, IORING_OP_READ, p[0], buf, 8, 0, 4);
	CHECK_EQ(ring_submit(&r, 0), 1);
	close(p[1]);
	CHECK_EQ(ring_expect(&r, 4), 0);
	ring_prepare(&r, IORING_OP_READ, 99, buf, 8, 0, 5);
	CHECK_EQ(ring_do(&r, 5), -EBADF);
	ring_prepare(&r, IORING_OP_READ, p[0], (void *)-4096l, 8, 0, 6);
	CHECK_EQ(ring_do(&r, 6), -EFAULT);
}

TEST(a_read_of_a_file_takes_its_offset)
{
	struct ring r = ring_make(8, 0);
	int fd = open("/tmp/uring-read", O_RDWR | O_CREAT | O_TRUNC, 0600);
	char buf[8] = "";

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "0123456789", 10), 10);
	ring_prepare(&r, IORING_OP_READ, fd, buf, 4, 2, 1);
	CHECK_EQ(ring_do(&r, 1), 4);
	CHECK_EQ(memcmp(buf, "2345", 4), 0);
	CHECK_EQ(lseek(fd, 8, SEEK_SET), 8);
	ring_prepare(&r, IORING_OP_READ, fd, buf, 4, -1, 2);
	CHECK_EQ(ring_do(&r, 2), 2);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 10);
	ring_prepare(&r, IORING_OP_READ, fd, buf, 4, -2, 3);
	CHECK_EQ(ring_do(&r, 3), -EINVAL);
	unlink("/tmp/uring-read");
}

static void park_reads(struct ring *r, int fd, char *buf, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		ring_prepare(r, IORING_OP_READ, fd, buf + i, 1, 0, i);
	CHECK_EQ(ring_submit(r, 0), n);
}

static void exits_with_requests(void *arg)
{
	struct ring r = ring_make(64, 0);
	static char buf[64];
	int p[2];

	CHECK_EQ(pipe(p), 0);
	park_reads(&r, p[0], buf, 64);
	if (arg)
		execl("/bin/true", "true", NULL);
	_exit(0);
}

TEST(a_process_ends_with_requests_under_way)
{
	for (int i = 0; i < 20; i++)
		CHECK_EQ(test_child(exits_with_requests, NULL), 0);
}

TEST(a_program_begins_with_requests_under_way)
{
	for (int i = 0; i < 10; i++)
		CHECK_EQ(test_child(exits_with_requests, ""), 0);
}

/* The end of the ring is the end of its requests, so the pipe's reader is gone some time. */
TEST(a_ring_goes_with_requests_under_way)
{
	struct ring r = ring_make(8, 0);
	struct pollfd gone;
	char buf[8];
	int p[2];

	CHECK_EQ(pipe(p), 0);
	park_reads(&r, p[0], buf, 8);
	close(p[0]);
	gone = (struct pollfd){ .fd = p[1] };
	CHECK_EQ(poll(&gone, 1, 0), 0);
	ring_close(&r);
	CHECK_EQ(poll(&gone, 1, 20000), 1);
	CHECK_EQ(gone.revents, POLLERR);
}

TEST(a_child_shares_the_ring)
{
	struct ring r = ring_make(8, 0);
	pid_t child = fork();

	if (!child) {
		ring_nop(&r, 7);
		_exit(ring_submit(&r, 0) != 1);
	}
	CHECK_EQ(test_wait(child), 0);
	CHECK_EQ(ring_expect(&r, 7), 0);
	r.tail = r.submitted = ring_load(&r, r.p.sq_off.tail);
	ring_nop(&r, 8);
	CHECK_EQ(ring_do(&r, 8), 0);
}

TEST(a_ring_can_be_polled)
{
	struct ring r = ring_make(2, 0);
	struct pollfd p = { .fd = r.fd, .events = POLLIN | POLLOUT };

	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLOUT);
	ring_nop(&r, 1);
	ring_nop(&r, 2);
	ring_publish(&r);
	CHECK_EQ(poll(&p, 1, 0), 0);
	CHECK_EQ(ring_enter_raw(r.fd, 2, 0, 0, NULL, 0), 2);
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLIN | POLLOUT);
}

TEST(waiting_ends_with_time)
{
	struct ring r = ring_make(2, 0);
	struct __kernel_timespec { long long sec, nsec; } ts = { 0, 1000000 };
	struct io_uring_getevents_arg arg = { .ts = (uint64_t)&ts };
	unsigned flags = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG;

	CHECK_ERR(ring_enter_raw(r.fd, 0, 1, flags, &arg, sizeof(arg)), ETIME);
	ring_nop(&r, 1);
	ring_publish(&r);
	CHECK_EQ(ring_enter_raw(r.fd, 1, 2, flags, &arg, sizeof(arg)), 1);
	CHECK_EQ(ring_expect(&r, 1), 0);
}

static void nothing([[maybe_unused]] int sig)
{
}

TEST(waiting_ends_with_a_signal)
{
	struct ring r = ring_make(2, 0);
	struct sigaction act = { .sa_handler = nothing };
	sigset_t set, none;

	sigaction(SIGUSR1, &act, NULL);
	sigemptyset(&set);
	sigemptyset(&none);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	CHECK_ERR(ring_enter_raw(r.fd, 0, 1, IORING_ENTER_GETEVENTS, &none, 8), EINTR);
	CHECK_ERR(ring_enter_raw(r.fd, 0, 1, IORING_ENTER_GETEVENTS, &none, 4), EINVAL);
	sigprocmask(SIG_BLOCK, NULL, &set);
	CHECK(sigismember(&set, SIGUSR1));
}
