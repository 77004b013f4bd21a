/* fallocate that takes a range out of a file or puts one in: what lies behind moves. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ext4_image.h"
#include "test.h"

#define BLOCK 1024l
#define OUT   FALLOC_FL_COLLAPSE_RANGE
#define IN    FALLOC_FL_INSERT_RANGE
#define MOST  (4096 * BLOCK)

/* What the file should be. */
static unsigned char model[MOST], seen[MOST];
static long model_size;

static int move(int fd, int mode, long at, long len)
{
	return (int)syscall(SYS_fallocate, fd, mode, at, len);
}

static void model_move(int mode, long at, long len)
{
	if (mode == OUT) {
		memmove(model + at, model + at + len, (size_t)(model_size - at - len));
		memset(model + model_size - len, 0, (size_t)len);
		model_size -= len;
		return;
	}
	memmove(model + at + len, model + at, (size_t)(model_size - at));
	memset(model + at, 0, (size_t)len);
	model_size += len;
}

static void check_same(int fd)
{
	struct stat st;

	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_size, model_size);
	memset(seen, 0xff, sizeof(seen));
	CHECK_EQ(pread(fd, seen, sizeof(seen), 0), model_size);
	CHECK_EQ(memcmp(seen, model, (size_t)model_size), 0);
}

static void put_block(int fd, long block, long bytes)
{
	memset(model + block * BLOCK, (int)(block % 250 + 1), (size_t)bytes);
	CHECK_EQ(pwrite(fd, model + block * BLOCK, (size_t)bytes, block * BLOCK), bytes);
	if (block * BLOCK + bytes > model_size)
		model_size = block * BLOCK + bytes;
}

static int fresh(void)
{
	int fd;

	image_mount(image_make("image"), "");
	fd = open("m/file", O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0);
	memset(model, 0, sizeof(model));
	model_size = 0;
	return fd;
}

/* Is it so on the disk, too? */
static void finish(int fd)
{
	struct stat before, st;
	int image;

	check_same(fd);
	CHECK_EQ(fsync(fd), 0);
	CHECK_EQ(fstat(fd, &before), 0);
	close(fd);
	image = open("image", O_RDWR);
	CHECK(image >= 0);
	image_unmount();
	image_mount(image, "");
	fd = open("m/file", O_RDWR);
	CHECK(fd >= 0);
	check_same(fd);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_blocks, before.st_blocks);
	close(fd);
	image_unmount();
}

TEST(a_range_goes_and_comes)
{
	int fd = fresh();

	for (long i = 0; i < 40; i++)
		put_block(fd, i, i == 39 ? 300 : BLOCK);
	CHECK_EQ(move(fd, OUT, 5 * BLOCK, 3 * BLOCK), 0);
	model_move(OUT, 5 * BLOCK, 3 * BLOCK);
	check_same(fd);
	CHECK_EQ(move(fd, IN, 9 * BLOCK, 7 * BLOCK), 0);
	model_move(IN, 9 * BLOCK, 7 * BLOCK);
	check_same(fd);
	CHECK_EQ(move(fd, OUT, 0, 4 * BLOCK), 0);
	model_move(OUT, 0, 4 * BLOCK);
	check_same(fd);
	CHECK_EQ(move(fd, IN, 0, 1 * BLOCK), 0);
	model_move(IN, 0, 1 * BLOCK);
	finish(fd);
}

TEST(what_cannot_move)
{
	int fd = fresh(), ro, dir;

	for (long i = 0; i < 8; i++)
		put_block(fd, i, BLOCK);
	CHECK_ERR(move(fd, OUT, 1, BLOCK), EINVAL);
	CHECK_ERR(move(fd, OUT, 0, 100), EINVAL);
	CHECK_ERR(move(fd, OUT, 0, 8 * BLOCK), EINVAL);
	CHECK_ERR(move(fd, OUT, 4 * BLOCK, 4 * BLOCK), EINVAL);
	CHECK_ERR(move(fd, OUT, 4 * BLOCK, 40 * BLOCK), EINVAL);
	CHECK_ERR(move(fd, IN, 8 * BLOCK, BLOCK), EINVAL);
	CHECK_ERR(move(fd, IN, 512, BLOCK), EINVAL);
	CHECK_ERR(move(fd, IN, 0, 1l << 50), EFBIG);
	CHECK_ERR(move(fd, IN, 0, (long)(0xffffffffl * BLOCK)), EFBIG);
	CHECK_ERR(move(fd, OUT | FALLOC_FL_KEEP_SIZE, 0, BLOCK), EOPNOTSUPP);
	CHECK_ERR(move(fd, IN | FALLOC_FL_KEEP_SIZE, 0, BLOCK), EOPNOTSUPP);
	CHECK_ERR(move(fd, IN | OUT, 0, BLOCK), EOPNOTSUPP);
	CHECK_ERR(move(fd, OUT, 0, 0), EINVAL);
	ro = open("m/file", O_RDONLY);
	CHECK_ERR(move(ro, OUT, 0, BLOCK), EBADF);
	close(ro);
	dir = open("m", O_RDONLY);
	CHECK_ERR(move(dir, OUT, 0, BLOCK), EBADF);
	close(dir);
	finish(fd);
}

TEST(tmpfs_moves_nothing)
{
	int fd = memfd_create("x", 0);

	CHECK_EQ(ftruncate(fd, 65536), 0);
	CHECK_ERR(move(fd, OUT, 0, 4096), EOPNOTSUPP);
	CHECK_ERR(move(fd, IN, 0, 4096), EOPNOTSUPP);
	close(fd);
}

/* A map of many extents; some are room only. */
TEST(many_extents)
{
	int fd = fresh();

	srand(5);
	for (long i = 0; i < 2400; i += 2)
		put_block(fd, i, BLOCK);
	CHECK_EQ(fsync(fd), 0);
	CHECK_EQ(move(fd, FALLOC_FL_KEEP_SIZE, 101 * BLOCK, BLOCK), 0);
	for (int round = 0; round < 30; round++) {
		int mode = round % 2 ? OUT : IN;
		long at = rand() % (model_size / BLOCK - 120) * BLOCK, len = (1 + rand() % 100) * BLOCK;

		CHECK_EQ(move(fd, mode, at, len), 0);
		model_move(mode, at, len);
		if (round % 5 == 0)
			check_same(fd);
		put_block(fd, at / BLOCK, BLOCK);
	}
	finish(fd);
}

TEST(a_mapping_sees_it)
{
	int fd = fresh();
	unsigned char *at;

	for (long i = 0; i < 40; i++)
		put_block(fd, i, BLOCK);
	at = mmap(NULL, 40 * 1024, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(at != MAP_FAILED);
	at[20 * BLOCK + 7] = model[20 * BLOCK + 7] = 99;
	CHECK_EQ(move(fd, OUT, 3 * BLOCK, 9 * BLOCK), 0);
	model_move(OUT, 3 * BLOCK, 9 * BLOCK);
	CHECK_EQ(memcmp(at, model, (size_t)model_size), 0);
	CHECK_EQ(move(fd, IN, 5 * BLOCK, 2 * BLOCK), 0);
	model_move(IN, 5 * BLOCK, 2 * BLOCK);
	CHECK_EQ(memcmp(at, model, (size_t)model_size), 0);
	CHECK_EQ(munmap(at, 40 * 1024), 0);
	finish(fd);
}
