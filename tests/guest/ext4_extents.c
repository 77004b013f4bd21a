/* Where files lie: FS_IOC_FIEMAP; FITRIM; the option `discard`; what ext4 does with options and damage. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ext4_image.h"
#include "test.h"

#define EXTENTS 64

/* struct fiemap with its extents. */
static struct {
	struct {
		unsigned long fm_start, fm_length;
		unsigned fm_flags, fm_mapped_extents, fm_extent_count, fm_reserved;
	} head;
	struct fiemap_extent at[EXTENTS];
} map;

static int fiemap(int fd, unsigned long start, unsigned long len, unsigned flags, unsigned count)
{
	memset(&map, 0, sizeof(map));
	map.head.fm_start = start;
	map.head.fm_length = len;
	map.head.fm_flags = flags;
	map.head.fm_extent_count = count;
	return ioctl(fd, FS_IOC_FIEMAP, &map);
}

static int fallocate_(int fd, int mode, long at, long len)
{
	return (int)syscall(SYS_fallocate, fd, mode, at, len);
}

/* A file with data at 0 and 16 KiB, and room for more at 32 KiB. */
static int holey(void)
{
	int fd = open("m/holey", O_RDWR | O_CREAT | O_TRUNC, 0600);
	static char bytes[4096];

	memset(bytes, 'x', sizeof(bytes));
	CHECK(fd >= 0);
	CHECK_EQ(pwrite(fd, bytes, 4096, 0), 4096);
	CHECK_EQ(pwrite(fd, bytes, 4096, 16384), 4096);
	CHECK_EQ(fallocate_(fd, 0, 32768, 8192), 0);
	return fd;
}

TEST(where_a_file_lies)
{
	int file = image_make("image"), fd;
	char byte = 0;

	image_mount(file, "");
	fd = holey();
	CHECK_EQ(fiemap(fd, 0, ~0ul, FIEMAP_FLAG_SYNC, EXTENTS), 0);
	CHECK_EQ(map.head.fm_mapped_extents, 3);
	CHECK_EQ(map.at[0].fe_logical, 0);
	CHECK_EQ(map.at[0].fe_length, 4096);
	CHECK_EQ(map.at[0].fe_flags, 0);
	CHECK_EQ(map.at[1].fe_logical, 16384);
	CHECK_EQ(map.at[1].fe_length, 4096);
	CHECK_EQ(map.at[1].fe_flags, 0);
	CHECK_EQ(map.at[2].fe_logical, 32768);
	CHECK_EQ(map.at[2].fe_length, 8192);
	CHECK_EQ(map.at[2].fe_flags, FIEMAP_EXTENT_UNWRITTEN | FIEMAP_EXTENT_LAST);
	CHECK_EQ(pread(file, &byte, 1, (long)map.at[1].fe_physical), 1);
	CHECK_EQ(byte, 'x');
	/* A part. */
	CHECK_EQ(fiemap(fd, 2048, 1, 0, EXTENTS), 0);
	CHECK_EQ(map.head.fm_mapped_extents, 1);
	CHECK_EQ(map.at[0].fe_logical, 2048);
	CHECK_EQ(map.at[0].fe_length, 1024);
	CHECK_EQ(map.at[0].fe_flags, FIEMAP_EXTENT_LAST);
	CHECK_EQ(fiemap(fd, 5000, 100, 0, EXTENTS), 0);
	CHECK_EQ(map.head.fm_mapped_extents, 0);
	/* Little room; and none: they are counted. */
	CHECK_EQ(fiemap(fd, 0, ~0ul, 0, 2), 0);
	CHECK_EQ(map.head.fm_mapped_extents, 2);
	CHECK_EQ(map.at[1].fe_flags, 0);
	CHECK_EQ(map.at[2].fe_length, 0);
	CHECK_EQ(fiemap(fd, 0, ~0ul, 0, 0), 0);
	CHECK_EQ(map.head.fm_mapped_extents, 3);
	/* Nonsense. */
	CHECK_ERR(fiemap(fd, 0, 0, 0, EXTENTS), EINVAL);
	CHECK_ERR(fiemap(fd, 0, ~0ul, 0, ~0u), EINVAL);
	CHECK_ERR(fiemap(fd, 1ul << 62, 100, 0, EXTENTS), EFBIG);
	CHECK_ERR(fiemap(fd, 0, ~0ul, 1 << 10, EXTENTS), EBADR);
	CHECK_EQ(map.head.fm_flags, 1 << 10);
	CHECK_ERR(ioctl(fd, FS_IOC_FIEMAP, 8), EFAULT);
	close(fd);
	fd = open("m", O_RDONLY);
	CHECK_EQ(fiemap(fd, 0, ~0ul, 0, EXTENTS), 0);
	CHECK_EQ(map.head.fm_mapped_extents, 1);
	CHECK_EQ(map.at[0].fe_physical, IMAGE_ROOT * 1024);
	close(fd);
	image_unmount();
}

TEST(who_cannot_tell)
{
	int pipes[2], fd = open("/dev/null", O_RDWR), size = 0;

	CHECK_EQ(pipe(pipes), 0);
	CHECK_ERR(fiemap(pipes[0], 0, ~0ul, 0, 1), EOPNOTSUPP);
	CHECK_ERR(fiemap(fd, 0, ~0ul, 0, 1), EOPNOTSUPP);
	mkdir("t", 0755);
	CHECK_EQ(mount("none", "t", "tmpfs", 0, ""), 0);
	fd = open("t/file", O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0);
	CHECK_ERR(fiemap(fd, 0, ~0ul, 0, 1), EOPNOTSUPP);
	CHECK_EQ(ioctl(fd, FIGETBSZ, &size), 0);
	CHECK_EQ(size, 4096);
	close(fd);
	CHECK_EQ(umount2("t", 0), 0);
}

static long allocated(int fd)
{
	struct stat st;

	CHECK_EQ(fstat(fd, &st), 0);
	return st.st_blocks * 512l;
}

static void unprivileged(void *fd)
{
	struct fstrim_range r = { .len = ~0ul };

	CHECK_ERR(ioctl(*(int *)fd, FITRIM, &r), EPERM);
}

/* Fill most of it with a file, and remove that. */
static void fill(void)
{
	int fd = open("m/big", O_RDWR | O_CREAT, 0600);
	static char block[65536];

	CHECK(fd >= 0);
	memset(block, 'b', sizeof(block));
	for (int i = 0; i < 96; i++)
		CHECK_EQ(write(fd, block, sizeof(block)), sizeof(block));
	CHECK_EQ(fsync(fd), 0);
	close(fd);
}

TEST(free_blocks_are_trimmed)
{
	struct fstrim_range r = { .len = ~0ul };
	int file = image_make("image"), fd;
	long full;

	image_mount(file, "");
	fill();
	full = allocated(file);
	CHECK(full >= 96 * 65536);
	CHECK_EQ(unlink("m/big"), 0);
	sync();
	CHECK(allocated(file) >= 96 * 65536);
	fd = open("m", O_RDONLY);
	CHECK_EQ(test_child_as(1000, unprivileged, &fd), 0);
	r.len = 100;
	CHECK_ERR(ioctl(fd, FITRIM, &r), EINVAL);
	r.start = 1 << 30;
	r.len = ~0ul;
	CHECK_ERR(ioctl(fd, FITRIM, &r), EINVAL);
	CHECK_ERR(ioctl(fd, FITRIM, 8), EFAULT);
	r.start = 0;
	CHECK_EQ(ioctl(fd, FITRIM, &r), 0);
	CHECK(r.len >= 96 * 65536);
	CHECK(r.len <= IMAGE_BLOCKS * 1024);
	CHECK(allocated(file) <= full - 90 * 65536);
	/* It knows. */
	r.len = ~0ul;
	CHECK_EQ(ioctl(fd, FITRIM, &r), 0);
	CHECK_EQ(r.len, 0);
	close(fd);
	image_unmount();
}

TEST(freed_blocks_are_discarded)
{
	int file = image_make("image");
	long full;

	image_mount(file, "discard");
	CHECK(strstr(test_read_file("/proc/mounts"), "discard"));
	fill();
	full = allocated(file);
	CHECK_EQ(unlink("m/big"), 0);
	sync();
	image_unmount();
	CHECK(allocated(file) <= full - 90 * 65536);
}

/* A device that cannot: it is mounted all the same. */
TEST(nothing_to_discard_with)
{
	struct fstrim_range r = { .len = ~0ul };
	int file = image_make("image"), lower = loop_free(O_RDWR), fd;

	CHECK_EQ(ioctl(lower, LOOP_SET_FD, file), 0);
	close(file);
	image_mount(lower, "discard");
	fd = open("m", O_RDONLY);
	if (ioctl(fd, FITRIM, &r))
		CHECK_EQ(errno, EOPNOTSUPP);
	close(fd);
	image_unmount();
	CHECK_EQ(ioctl(lower, LOOP_CLR_FD), 0);
	close(lower);
}
