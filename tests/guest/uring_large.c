/* io_uring with much of everything: what goes in pieces in the kernel is whole for the program. */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "uring.h"

#define CHAIN 4096u
#define FILES 1000u

/* Every part of a chain whose first fails is heard of, once. */
static void chain(struct ring *r, unsigned flags)
{
	char *seen = calloc(CHAIN, 1);

	for (unsigned i = 0; i < CHAIN; i++) {
		struct io_uring_sqe *sqe = ring_nop(r, i);

		sqe->flags = i + 1 < CHAIN ? IOSQE_IO_LINK : 0;
		if (!i) {
			sqe->flags |= (unsigned char)flags;
			sqe->rw_flags = IORING_NOP_INJECT_RESULT;
			sqe->len = (unsigned)-EIO;
		}
	}
	CHECK_EQ(ring_submit(r, CHAIN), CHAIN);
	for (unsigned i = 0; i < CHAIN; i++) {
		struct io_uring_cqe cqe = ring_take(r);

		CHECK(cqe.user_data < CHAIN && !seen[cqe.user_data]);
		seen[cqe.user_data] = 1;
		CHECK_EQ(cqe.res, cqe.user_data ? -ECANCELED : -EIO);
	}
	free(seen);
}

TEST(a_long_chain_that_fails)
{
	struct ring r = ring_make(CHAIN, 0);

	chain(&r, 0);
	chain(&r, IOSQE_ASYNC);
	CHECK_EQ(ring_ready(&r), 0);
	ring_close(&r);
}

TEST(a_long_chain_that_is_wrong)
{
	struct ring r = ring_make(CHAIN, 0);
	unsigned wrong = 0, cancelled = 0;

	for (unsigned i = 0; i < CHAIN; i++) {
		struct io_uring_sqe *sqe = ring_nop(&r, i);

		sqe->flags = i + 1 < CHAIN ? IOSQE_IO_LINK : 0;
		if (i == CHAIN / 2)
			sqe->rw_flags = 0xff00;
	}
	CHECK_EQ(ring_submit(&r, CHAIN), CHAIN);
	for (unsigned i = 0; i < CHAIN; i++) {
		int res = ring_take(&r).res;

		wrong += res == -EINVAL;
		cancelled += res == -ECANCELED;
	}
	CHECK_EQ(wrong, 1);
	CHECK_EQ(cancelled, CHAIN - 1);
	ring_close(&r);
}

TEST(a_long_chain_that_goes_well)
{
	struct ring r = ring_make(CHAIN, 0);

	for (unsigned i = 0; i < CHAIN; i++)
		ring_nop(&r, i)->flags = i + 1 < CHAIN ? IOSQE_IO_LINK : 0;
	CHECK_EQ(ring_submit(&r, CHAIN), CHAIN);
	for (unsigned i = 0; i < CHAIN; i++)
		CHECK_EQ(ring_expect(&r, i), 0);
	ring_close(&r);
}

/* Nobody waits for what waits behind it. */
TEST(a_process_ends_with_a_long_chain_under_way)
{
	int fds[2];
	pid_t pid;

	CHECK_EQ(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		struct ring r = ring_make(CHAIN, 0);
		char byte;

		ring_prepare(&r, IORING_OP_READ, fds[0], &byte, 1, 0, 0)->flags = IOSQE_IO_LINK;
		for (unsigned i = 1; i < CHAIN; i++)
			ring_nop(&r, i)->flags = i + 1 < CHAIN ? IOSQE_IO_LINK : 0;
		_exit(ring_submit(&r, 0) == (int)CHAIN ? 0 : 1);
	}
	int status;

	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

struct files {
	struct ring r;
	int fds[FILES];
	uint64_t tags[FILES];
	struct io_uring_rsrc_register all;
};

static struct files *files_make(void)
{
	struct files *f = calloc(1, sizeof(*f));

	f->r = ring_make(FILES, 0);
	for (unsigned i = 0; i < FILES; i++)
		f->tags[i] = i + 1;
	f->all = (struct io_uring_rsrc_register){ .nr = FILES, .data = (uintptr_t)f->fds,
						  .tags = (uintptr_t)f->tags };
	return f;
}

static void files_set(struct files *f, const char *name)
{
	int fd = open(name, O_RDWR);

	CHECK(fd >= 0);
	for (unsigned i = 0; i < FILES; i++)
		f->fds[i] = fd;
}

/* A read of the registered file: 3 bytes of /dev/zero, none of /dev/null. */
static int files_read(struct files *f, int index)
{
	char buf[4];

	ring_prepare(&f->r, IORING_OP_READ, index, buf, 3, 0, 9999)->flags = IOSQE_FIXED_FILE;
	return ring_do(&f->r, 9999);
}

TEST(many_files_go)
{
	struct files *f = files_make();

	files_set(f, "/dev/null");
	/* One is none: all of it fails. */
	f->fds[FILES - 1] = 9999;
	CHECK_ERR(ring_register(&f->r, IORING_REGISTER_FILES, f->fds, FILES), EBADF);
	f->fds[FILES - 1] = f->fds[0];
	CHECK_EQ(ring_register(&f->r, IORING_REGISTER_FILES2, &f->all, sizeof(f->all)), 0);
	CHECK_EQ(files_read(f, FILES - 1), 0);
	CHECK_EQ(ring_register(&f->r, IORING_UNREGISTER_FILES, NULL, 0), 0);
	/* Nobody hears of tags when all of it goes. */
	CHECK_EQ(ring_ready(&f->r), 0);
	CHECK_ERR(ring_register(&f->r, IORING_UNREGISTER_FILES, NULL, 0), ENXIO);
	CHECK_EQ(files_read(f, 0), -EBADF);
	ring_close(&f->r);
}

/* By a call, and by a request; beyond the end nothing is changed. */
TEST(many_files_are_replaced)
{
	struct files *f = files_make();
	struct io_uring_rsrc_update update = { .data = (uintptr_t)f->fds };

	files_set(f, "/dev/null");
	CHECK_EQ(ring_register(&f->r, IORING_REGISTER_FILES, f->fds, FILES), 0);
	files_set(f, "/dev/zero");
	update.offset = 1;
	CHECK_ERR(ring_register(&f->r, IORING_REGISTER_FILES_UPDATE, &update, FILES), EINVAL);
	CHECK_EQ(files_read(f, 1), 0);
	update.offset = 0;
	CHECK_EQ(ring_register(&f->r, IORING_REGISTER_FILES_UPDATE, &update, FILES), FILES);
	CHECK_EQ(files_read(f, FILES - 1), 3);
	files_set(f, "/dev/null");
	for (unsigned i = FILES - 100; i < FILES; i++)
		f->fds[i] = 9999;
	ring_prepare(&f->r, IORING_OP_FILES_UPDATE, 0, f->fds, FILES, 0, 8);
	CHECK_EQ(ring_do(&f->r, 8), FILES - 100);
	CHECK_EQ(files_read(f, FILES - 101), 0);
	/* What is no descriptor takes the file away that was there, and is the end. */
	CHECK_EQ(files_read(f, FILES - 100), -EBADF);
	CHECK_EQ(files_read(f, FILES - 99), 3);
	ring_close(&f->r);
}

#define BUFFERS	   200u
#define LARGE	   (64ul << 20)

TEST(many_buffers_and_a_large_one)
{
	struct ring r = ring_make(BUFFERS, 0);
	char *mem = mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec vecs[BUFFERS], large = { mem, LARGE };
	uint64_t tags[BUFFERS];
	struct io_uring_rsrc_register all = { .nr = BUFFERS, .data = (uintptr_t)vecs,
					      .tags = (uintptr_t)tags };

	CHECK(mem != MAP_FAILED);
	for (unsigned i = 0; i < BUFFERS; i++) {
		vecs[i] = (struct iovec){ mem + i * 8192ul, 8192 };
		tags[i] = i + 1;
	}
	CHECK_EQ(ring_register(&r, IORING_REGISTER_BUFFERS2, &all, sizeof(all)), 0);
	CHECK_EQ(ring_register(&r, IORING_UNREGISTER_BUFFERS, NULL, 0), 0);
	CHECK_EQ(ring_ready(&r), 0);
	/* What was let go of may be had again at once. */
	for (unsigned i = 0; i < 3; i++) {
		CHECK_EQ(ring_register(&r, IORING_REGISTER_BUFFERS, &large, 1), 0);
		CHECK_EQ(ring_register(&r, IORING_UNREGISTER_BUFFERS, NULL, 0), 0);
	}
	CHECK_EQ(ring_register(&r, IORING_REGISTER_BUFFERS, &large, 1), 0);
	ring_close(&r);
	munmap(mem, LARGE);
}

TEST(buffers_to_choose_among)
{
	struct ring r = ring_make(8, 0);
	char byte;

	ring_prepare(&r, IORING_OP_PROVIDE_BUFFERS, 5000, &byte, 1, 0, 1)->buf_group = 3;
	CHECK_EQ(ring_do(&r, 1), 0);
	ring_prepare(&r, IORING_OP_REMOVE_BUFFERS, 1000, NULL, 0, 0, 2)->buf_group = 3;
	CHECK_EQ(ring_do(&r, 2), 1000);
	ring_close(&r);
}

/* All have one number; each operation finds its own. */
TEST(many_that_wait_under_one_number)
{
	struct ring r = ring_make(256, 0);
	int fds[2];

	CHECK_EQ(pipe(fds), 0);
	for (unsigned i = 0; i < 200; i++)
		ring_prepare(&r, IORING_OP_POLL_ADD, fds[0], NULL, 0, 0, 5)->poll32_events = POLLIN;
	CHECK_EQ(ring_submit(&r, 0), 200);
	ring_prepare(&r, IORING_OP_TIMEOUT_REMOVE, -1, (void *)5, 0, 0, 6);
	CHECK_EQ(ring_do(&r, 6), -ENOENT);
	ring_prepare(&r, IORING_OP_POLL_REMOVE, -1, (void *)6, 0, 0, 7);
	CHECK_EQ(ring_do(&r, 7), -ENOENT);
	for (unsigned i = 0; i < 200; i++) {
		unsigned seen = 0;

		ring_prepare(&r, i % 2 ? IORING_OP_POLL_REMOVE : IORING_OP_ASYNC_CANCEL, -1,
			     (void *)5, 0, 0, 8);
		CHECK_EQ(ring_submit(&r, 2), 1);
		for (unsigned n = 0; n < 2; n++) {
			struct io_uring_cqe cqe = ring_take(&r);

			seen |= 1u << (cqe.user_data - 5);
			CHECK_EQ(cqe.res, cqe.user_data == 5 ? -ECANCELED : 0);
		}
		CHECK_EQ(seen, 9);
	}
	ring_prepare(&r, IORING_OP_ASYNC_CANCEL, -1, (void *)5, 0, 0, 9);
	CHECK_EQ(ring_do(&r, 9), -ENOENT);
	ring_close(&r);
}
