/* Numbers of registered files that the ring chooses. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "rings.h"

/* Another file, at a number that is chosen, or given (from 1 on). */
static int install(struct ring *r, unsigned index)
{
	return RUN(r, .opcode = IORING_OP_SOCKET, .fd = AF_UNIX, .off = SOCK_STREAM,
		   .file_index = index);
}

static int uninstall(struct ring *r, unsigned at)
{
	return RUN(r, .opcode = IORING_OP_CLOSE, .file_index = at + 1);
}

static int range(struct ring *r, unsigned off, unsigned len)
{
	struct io_uring_file_index_range range = {.off = off, .len = len};

	return ring_register(r, IORING_REGISTER_FILE_ALLOC_RANGE, &range, 0) ? -errno : 0;
}

/* n places: all taken, but for these. */
static void taken(struct ring *r, unsigned n, const unsigned *empty, unsigned count)
{
	int *fds = malloc(n * sizeof(*fds)), null = open("/dev/null", O_RDWR);
	struct rlimit most = {200000, 200000};

	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &most), 0);
	for (unsigned i = 0; i < n; i++)
		fds[i] = null;
	for (unsigned i = 0; i < count; i++)
		fds[empty[i]] = -1;
	CHECK_EQ(ring_register(r, IORING_REGISTER_FILES, fds, n), 0);
	close(null);
	free(fds);
}

TEST(the_first_free_one_from_the_last_on)
{
	static const unsigned empty[] = {3, 64, 65, 4095, 4097, 4999};
	struct ring r = rings_new(8);

	taken(&r, 5000, empty, 6);
	for (unsigned i = 0; i < 6; i++)
		CHECK_EQ(install(&r, IORING_FILE_INDEX_ALLOC), (int)empty[i]);
	CHECK_EQ(install(&r, IORING_FILE_INDEX_ALLOC), -ENFILE);
	CHECK_EQ(uninstall(&r, 7), 0);
	CHECK_EQ(uninstall(&r, 4100), 0);
	/* Where one was given back it looks first, then around. */
	CHECK_EQ(install(&r, IORING_FILE_INDEX_ALLOC), 4100);
	CHECK_EQ(install(&r, IORING_FILE_INDEX_ALLOC), 7);
	/* An update frees one, too. */
	CHECK_EQ(ring_register(&r, IORING_REGISTER_FILES_UPDATE,
			       &(struct io_uring_rsrc_update){.offset = 70, .data = (unsigned long)&(int){-1}},
			       1), 1);
	CHECK_EQ(install(&r, IORING_FILE_INDEX_ALLOC), 70);
	CHECK_EQ(install(&r, IORING_FILE_INDEX_ALLOC), -ENFILE);
}

TEST(within_a_range)
{
	static const unsigned empty[] = {3, 200, 300, 301};
	struct ring r = rings_new(8);

	taken(&r, 400, empty, 4);
	CHECK_EQ(range(&r, 150, 200), 0);
	CHECK_EQ(install(&r, IORING_FILE_INDEX_ALLOC), 200);
	/* One that takes another's place does not move where to look first. */
	CHECK_EQ(install(&r, 320), 0);
	CHECK_EQ(install(&r, IORING_FILE_INDEX_ALLOC), 300);
	CHECK_EQ(install(&r, 302), 0);
	CHECK_EQ(install(&r, IORING_FILE_INDEX_ALLOC), -ENFILE);
	CHECK_EQ(range(&r, 0, 10), 0);
	CHECK_EQ(install(&r, IORING_FILE_INDEX_ALLOC), 3);
	CHECK_EQ(range(&r, 0, 401), -EINVAL);
	CHECK_EQ(range(&r, 7, 0), 0);
	CHECK_EQ(install(&r, IORING_FILE_INDEX_ALLOC), -ENFILE);
	CHECK_EQ(ring_register(&r, IORING_UNREGISTER_FILES, NULL, 0), 0);
	CHECK_EQ(install(&r, IORING_FILE_INDEX_ALLOC), -ENFILE);
}

TEST(of_many)
{
	static const unsigned empty[] = {1, 3, 199990};
	struct ring r = rings_new(8);

	taken(&r, 200000, empty, 3);
	for (int i = 0; i < 100; i++) {
		/* The place behind the one that was given is where to look first. */
		CHECK_EQ(install(&r, 4), 0);
		CHECK_EQ(install(&r, IORING_FILE_INDEX_ALLOC), 199990);
		CHECK_EQ(install(&r, IORING_FILE_INDEX_ALLOC), 1);
		CHECK_EQ(install(&r, IORING_FILE_INDEX_ALLOC), -ENFILE);
		CHECK_EQ(uninstall(&r, 1), 0);
		CHECK_EQ(uninstall(&r, 3), 0);
		CHECK_EQ(uninstall(&r, 199990), 0);
	}
}
