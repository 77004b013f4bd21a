/* Loop devices: binding a file, letting it go, and the errors of each ioctl. */
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "loop.h"
#include "test.h"

int mount(const char *, const char *, const char *, unsigned long, const void *);
int umount2(const char *, int);

static struct loop_info64 status(int fd)
{
	struct loop_info64 info;

	CHECK_EQ(ioctl(fd, LOOP_GET_STATUS64, &info), 0);
	return info;
}

TEST(a_file_as_a_disk)
{
	int file = loop_image("image", 1 << 20), lo = loop_free(O_RDWR);
	struct loop_info64 info;
	char bytes[1000];
	struct stat st;

	CHECK_ERR(ioctl(lo, LOOP_GET_STATUS64, &info), ENXIO);
	CHECK_EQ(ioctl(lo, LOOP_SET_FD, file), 0);
	CHECK_EQ(loop_size(lo), 1 << 20);
	CHECK_EQ(pread(lo, bytes, 4, 8192), 4);
	CHECK(!memcmp(bytes, "here", 4));
	CHECK_EQ(pwrite(lo, "from the device", 15, 12345), 15);
	CHECK_EQ(fsync(lo), 0);
	CHECK_EQ(pread(file, bytes, 15, 12345), 15);
	CHECK(!memcmp(bytes, "from the device", 15));
	CHECK_EQ(lseek(lo, 0, SEEK_END), 1 << 20);
	CHECK_ERR(pwrite(lo, bytes, 10, 1 << 20), ENOSPC);
	CHECK_EQ(pread(lo, bytes, 10, (1 << 20) - 4), 4);
	info = status(lo);
	CHECK_EQ(fstat(file, &st), 0);
	CHECK_EQ(info.lo_inode, st.st_ino);
	CHECK_EQ(info.lo_device, st.st_dev);
	CHECK_EQ(info.lo_flags, 0);
	CHECK_EQ(info.lo_number, loop_number(lo));
	CHECK_ERR(ioctl(lo, LOOP_SET_FD, file), EBUSY);
	CHECK_EQ(ioctl(lo, LOOP_CLR_FD), 0);
	close(lo);
	close(file);
}

TEST(it_goes_with_the_last_close)
{
	int file = loop_image("image", 1 << 20), lo = loop_free(O_RDWR), other;
	char name[32];

	snprintf(name, sizeof(name), "/dev/loop%d", loop_number(lo));
	CHECK_EQ(ioctl(lo, LOOP_SET_FD, file), 0);
	other = open(name, O_RDWR);
	CHECK(other >= 0);
	CHECK_EQ(ioctl(lo, LOOP_CLR_FD), 0);
	CHECK_EQ(status(other).lo_flags & LO_FLAGS_AUTOCLEAR, LO_FLAGS_AUTOCLEAR);
	close(lo);
	CHECK_EQ(loop_size(other), 1 << 20);
	close(other);
	other = open(name, O_RDWR);
	CHECK(other >= 0);
	CHECK_EQ(loop_size(other), 0);
	CHECK_ERR(ioctl(other, LOOP_CLR_FD), ENXIO);
	CHECK_ERR(ioctl(other, LOOP_SET_CAPACITY), ENXIO);
	CHECK_ERR(ioctl(other, LOOP_SET_BLOCK_SIZE, 512), ENXIO);
	CHECK_ERR(ioctl(other, LOOP_SET_DIRECT_IO, 0), ENXIO);
	close(other);
	close(file);
}

TEST(who_clears_alone)
{
	int file = loop_image("image", 1 << 20), lo = loop_free(O_RDWR);
	struct loop_info64 info;
	char name[32];

	snprintf(name, sizeof(name), "/dev/loop%d", loop_number(lo));
	CHECK_EQ(ioctl(lo, LOOP_SET_FD, file), 0);
	CHECK_EQ(ioctl(lo, LOOP_CLR_FD), 0);
	CHECK_ERR(ioctl(lo, LOOP_GET_STATUS64, &info), ENXIO);
	CHECK_ERR(ioctl(lo, LOOP_CLR_FD), ENXIO);
	CHECK_ERR(open(name, O_RDONLY), ENXIO);
	CHECK_ERR(ioctl(lo, LOOP_SET_FD, file), EBUSY);
	close(lo);
	lo = open(name, O_RDWR);
	CHECK(lo >= 0);
	CHECK_EQ(ioctl(lo, LOOP_SET_FD, file), 0);
	CHECK_EQ(ioctl(lo, LOOP_CLR_FD), 0);
	close(lo);
	close(file);
}

TEST(a_part_of_it)
{
	int file = loop_image("image", 1 << 20), lo = loop_free(O_RDWR);
	struct loop_info64 info = { .lo_offset = 8192, .lo_sizelimit = 10000 };
	char bytes[8];

	CHECK_EQ(ioctl(lo, LOOP_SET_FD, file), 0);
	strcpy((char *)info.lo_file_name, "a name");
	CHECK_EQ(ioctl(lo, LOOP_SET_STATUS64, &info), 0);
	CHECK_EQ(loop_size(lo), 9728);	/* whole sectors */
	CHECK_EQ(pread(lo, bytes, 4, 0), 4);
	CHECK(!memcmp(bytes, "here", 4));
	info = status(lo);
	CHECK_EQ(info.lo_offset, 8192);
	CHECK_EQ(info.lo_sizelimit, 10000);
	CHECK(!strcmp((char *)info.lo_file_name, "a name"));
	CHECK_EQ(ftruncate(file, 2 << 20), 0);
	CHECK_EQ(ioctl(lo, LOOP_SET_CAPACITY), 0);
	CHECK_EQ(loop_size(lo), 9728);
	info.lo_sizelimit = 0;
	CHECK_EQ(ioctl(lo, LOOP_SET_STATUS64, &info), 0);
	CHECK_EQ(loop_size(lo), (2 << 20) - 8192);
	info.lo_offset = 4 << 20;
	CHECK_EQ(ioctl(lo, LOOP_SET_STATUS64, &info), 0);
	CHECK_EQ(loop_size(lo), 0);
	info.lo_offset = 1ul << 63;
	CHECK_ERR(ioctl(lo, LOOP_SET_STATUS64, &info), EOVERFLOW);
	info.lo_offset = 0;
	info.lo_encrypt_type = LO_CRYPT_XOR;
	CHECK_ERR(ioctl(lo, LOOP_SET_STATUS64, &info), EINVAL);
	info.lo_encrypt_type = 0;
	info.lo_encrypt_key_size = LO_KEY_SIZE + 1;
	CHECK_ERR(ioctl(lo, LOOP_SET_STATUS64, &info), EINVAL);
	CHECK_ERR(ioctl(lo, LOOP_SET_STATUS64, 8), EFAULT);
	CHECK_ERR(ioctl(lo, LOOP_GET_STATUS64, 8), EFAULT);
	CHECK_EQ(ioctl(lo, LOOP_CLR_FD), 0);
	close(lo);
	close(file);
}

TEST(the_old_status)
{
	int file = loop_image("image", 1 << 20), lo = loop_free(O_RDWR);
	struct loop_info old = { .lo_offset = 512 };
	struct loop_info64 info;

	CHECK_ERR(ioctl(lo, LOOP_GET_STATUS, &old), ENXIO);
	CHECK_EQ(ioctl(lo, LOOP_SET_FD, file), 0);
	strcpy(old.lo_name, "old");
	CHECK_EQ(ioctl(lo, LOOP_SET_STATUS, &old), 0);
	info = status(lo);
	CHECK_EQ(info.lo_offset, 512);
	CHECK(!strcmp((char *)info.lo_file_name, "old"));
	memset(&old, 0, sizeof(old));
	CHECK_EQ(ioctl(lo, LOOP_GET_STATUS, &old), 0);
	CHECK_EQ(old.lo_offset, 512);
	CHECK_EQ(old.lo_number, loop_number(lo));
	CHECK(!strcmp(old.lo_name, "old"));
	info.lo_offset = 1ul << 33;
	CHECK_EQ(ioctl(lo, LOOP_SET_STATUS64, &info), 0);
	CHECK_ERR(ioctl(lo, LOOP_GET_STATUS, &old), EOVERFLOW);
	CHECK_EQ(ioctl(lo, LOOP_CLR_FD), 0);
	close(lo);
	close(file);
}

TEST(configured_at_once)
{
	int file = loop_image("image", 1 << 20), lo = loop_free(O_RDWR), n;
	struct loop_config c = { .fd = (unsigned)file, .block_size = 4096 };

	c.info.lo_offset = 4096;
	c.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR;
	CHECK_ERR(ioctl(lo, LOOP_CONFIGURE, 8), EFAULT);
	c.info.lo_flags |= 1 << 10;
	CHECK_ERR(ioctl(lo, LOOP_CONFIGURE, &c), EINVAL);
	c.info.lo_flags &= ~(1u << 10);
	c.block_size = 1000;
	CHECK_ERR(ioctl(lo, LOOP_CONFIGURE, &c), EINVAL);
	c.block_size = 1 << 20;
	CHECK_ERR(ioctl(lo, LOOP_CONFIGURE, &c), EINVAL);
	c.block_size = 4096;
	c.fd = 1000;
	CHECK_ERR(ioctl(lo, LOOP_CONFIGURE, &c), EBADF);
	c.fd = (unsigned)file;
	CHECK_EQ(ioctl(lo, LOOP_CONFIGURE, &c), 0);
	CHECK_EQ(loop_size(lo), (1 << 20) - 4096);
	CHECK_EQ(ioctl(lo, BLKSSZGET, &n), 0);
	CHECK_EQ(n, 4096);
	CHECK_EQ(ioctl(lo, BLKROGET, &n), 0);
	CHECK_EQ(n, 1);
	CHECK_ERR(write(lo, "x", 1), EPERM);
	CHECK_EQ(ioctl(lo, LOOP_SET_BLOCK_SIZE, 1024), 0);
	CHECK_EQ(ioctl(lo, BLKSSZGET, &n), 0);
	CHECK_EQ(n, 1024);
	CHECK_ERR(ioctl(lo, LOOP_SET_BLOCK_SIZE, 1000), EINVAL);
	CHECK_ERR(ioctl(lo, LOOP_SET_BLOCK_SIZE, 256), EINVAL);
	CHECK_EQ(ioctl(lo, LOOP_SET_DIRECT_IO, 0), 0);
	CHECK_EQ(status(lo).lo_flags, LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR);
	close(lo);
	close(file);
}

TEST(another_file)
{
	int a = loop_image("image", 1 << 20), b = loop_image("other", 1 << 20), lo, null;
	int small = loop_image("small", 1 << 19);
	struct loop_config c = { .fd = (unsigned)a };
	char byte = 0;

	CHECK_EQ(pwrite(b, "B", 1, 100000), 1);
	lo = loop_free(O_RDWR);
	CHECK_ERR(ioctl(lo, LOOP_CHANGE_FD, b), ENXIO);
	CHECK_EQ(ioctl(lo, LOOP_CONFIGURE, &c), 0);
	CHECK_ERR(ioctl(lo, LOOP_CHANGE_FD, b), EINVAL);
	CHECK_EQ(ioctl(lo, LOOP_CLR_FD), 0);
	close(lo);
	lo = loop_free(O_RDWR);
	c.info.lo_flags = LO_FLAGS_READ_ONLY;
	CHECK_EQ(ioctl(lo, LOOP_CONFIGURE, &c), 0);
	CHECK_ERR(ioctl(lo, LOOP_CHANGE_FD, 1000), EBADF);
	CHECK_ERR(ioctl(lo, LOOP_CHANGE_FD, small), EINVAL);
	null = open("/dev/null", O_RDWR);
	CHECK_ERR(ioctl(lo, LOOP_CHANGE_FD, null), EINVAL);
	CHECK_EQ(ioctl(lo, LOOP_CHANGE_FD, b), 0);
	CHECK_EQ(pread(lo, &byte, 1, 100000), 1);
	CHECK_EQ(byte, 'B');
	CHECK_EQ(ioctl(lo, LOOP_CLR_FD), 0);
	close(lo);
}

TEST(files_that_are_none)
{
	int lo = loop_free(O_RDWR), pipes[2], dir = open(".", O_RDONLY);
	int null = open("/dev/null", O_RDWR);

	CHECK_EQ(pipe(pipes), 0);
	CHECK_ERR(ioctl(lo, LOOP_SET_FD, 1000), EBADF);
	CHECK_ERR(ioctl(lo, LOOP_SET_FD, pipes[0]), EINVAL);
	CHECK_ERR(ioctl(lo, LOOP_SET_FD, dir), EINVAL);
	CHECK_ERR(ioctl(lo, LOOP_SET_FD, null), EINVAL);
	CHECK_ERR(ioctl(lo, LOOP_SET_FD, lo), EBADF);
	CHECK_ERR(ioctl(lo, 0x4cff, 0), EINVAL);
	close(lo);
}

TEST(one_on_another)
{
	int file = loop_image("image", 1 << 20), lo = loop_free(O_RDWR), upper, unbound;
	char bytes[4];

	CHECK_EQ(ioctl(lo, LOOP_SET_FD, file), 0);
	upper = loop_free(O_RDWR);
	CHECK(loop_number(upper) != loop_number(lo));
	CHECK_EQ(ioctl(upper, LOOP_SET_FD, lo), 0);
	CHECK_EQ(loop_size(upper), 1 << 20);
	unbound = loop_free(O_RDWR);
	CHECK_ERR(ioctl(unbound, LOOP_SET_FD, unbound), EBADF);
	CHECK_EQ(pread(upper, bytes, 4, 8192), 4);
	CHECK(!memcmp(bytes, "here", 4));
	CHECK_EQ(pwrite(upper, "two", 3, 50000), 3);
	CHECK_EQ(fsync(upper), 0);
	CHECK_EQ(pread(file, bytes, 3, 50000), 3);
	CHECK(!memcmp(bytes, "two", 3));
	CHECK_EQ(ioctl(upper, LOOP_CLR_FD), 0);
	close(upper);
	CHECK_EQ(ioctl(lo, LOOP_CLR_FD), 0);
	close(lo);
	close(unbound);
}

TEST(a_file_that_became_shorter)
{
	static char page[4096];
	int file = loop_image("image", 1 << 20), lo = loop_free(O_RDWR);
	char bytes[512];

	CHECK_EQ(pwrite(file, "far", 3, 600000), 3);
	CHECK_EQ(ioctl(lo, LOOP_SET_FD, file), 0);
	CHECK_EQ(ftruncate(file, 65536), 0);
	CHECK_EQ(loop_size(lo), 1 << 20);
	CHECK_ERR(pread(lo, bytes, 3, 600000), EIO);
	/* A whole page need not be read first; far from what was read ahead. */
	memset(page, 'p', sizeof(page));
	CHECK_EQ(pwrite(lo, page, sizeof(page), 4096 * 220), sizeof(page));
	CHECK_EQ(fsync(lo), 0);
	CHECK_EQ(pread(file, bytes, 5, 4096 * 220 + 4000), 5);
	CHECK(!memcmp(bytes, "ppppp", 5));
	CHECK_EQ(ioctl(lo, LOOP_CLR_FD), 0);
	close(lo);
}

TEST(a_full_file_system)
{
	char *block = calloc(1, 1 << 16);
	int file, lo;

	mkdir("m", 0755);
	CHECK_EQ(mount("none", "m", "tmpfs", 0, "size=256k"), 0);
	file = open("m/image", O_RDWR | O_CREAT, 0600);
	CHECK_EQ(ftruncate(file, 1 << 20), 0);
	lo = loop_free(O_RDWR);
	CHECK_EQ(ioctl(lo, LOOP_SET_FD, file), 0);
	memset(block, 7, 1 << 16);
	for (int i = 0; i < 16; i++)
		CHECK_EQ(pwrite(lo, block, 1 << 16, (long)i << 16), 1 << 16);
	CHECK_ERR(fsync(lo), EIO);
	CHECK_EQ(ioctl(lo, LOOP_CLR_FD), 0);
	close(lo);
	close(file);
	CHECK_EQ(umount2("m", 0), 0);
}

TEST(holes)
{
	int file = loop_image("image", 1 << 20), lo;
	unsigned long range[2] = { 65536, 131072 };
	char *bytes = malloc(1 << 20);
	struct stat before, after;

	memset(bytes, 5, 1 << 20);
	CHECK_EQ(pwrite(file, bytes, 1 << 20, 0), 1 << 20);
	lo = loop_free(O_RDONLY);
	CHECK_EQ(ioctl(lo, LOOP_SET_FD, file), 0);
	CHECK_ERR(ioctl(lo, BLKDISCARD, range), EBADF);
	CHECK_ERR(ioctl(lo, BLKZEROOUT, range), EBADF);
	CHECK_EQ(ioctl(lo, LOOP_CLR_FD), 0);
	close(lo);
	lo = loop_free(O_RDWR);
	CHECK_EQ(ioctl(lo, LOOP_SET_FD, file), 0);
	CHECK_EQ(fsync(file), 0);
	CHECK_EQ(fstat(file, &before), 0);
	CHECK_EQ(ioctl(lo, BLKDISCARD, range), 0);
	CHECK_EQ(fstat(file, &after), 0);
	CHECK(after.st_blocks <= before.st_blocks - 256);
	CHECK_EQ(pread(lo, bytes, 10, 100000), 10);
	CHECK_EQ(bytes[0], 0);
	CHECK_EQ(pread(lo, bytes, 10, 65530), 10);
	CHECK_EQ(bytes[5], 5);
	CHECK_EQ(bytes[6], 0);
	range[0] = 500;
	CHECK_ERR(ioctl(lo, BLKDISCARD, range), EINVAL);
	CHECK_ERR(ioctl(lo, BLKZEROOUT, range), EINVAL);
	range[0] = 1 << 20;
	CHECK_ERR(ioctl(lo, BLKDISCARD, range), EINVAL);
	CHECK_ERR(ioctl(lo, BLKZEROOUT, range), EINVAL);
	CHECK_ERR(ioctl(lo, BLKDISCARD, 8), EFAULT);
	CHECK_ERR(ioctl(lo, BLKZEROOUT, 8), EFAULT);
	range[0] = 512 * 1001;
	range[1] = 512 * 3;
	CHECK_EQ(ioctl(lo, BLKZEROOUT, range), 0);
	CHECK_EQ(pread(lo, bytes, 2000, 512 * 1001 - 1), 2000);
	CHECK_EQ(bytes[0], 5);
	CHECK_EQ(bytes[1], 0);
	CHECK_EQ(bytes[512 * 3], 0);
	CHECK_EQ(bytes[512 * 3 + 1], 5);
	CHECK_EQ(ioctl(lo, LOOP_CLR_FD), 0);
	close(lo);
}

TEST(control)
{
	int control = open("/dev/loop-control", O_RDWR), lo, file = loop_image("image", 1 << 20);
	char bytes[4];
	struct stat st;

	CHECK(control >= 0);
	CHECK_EQ(fstat(control, &st), 0);
	CHECK_EQ(st.st_rdev, makedev(10, 237));
	CHECK_ERR(ioctl(control, LOOP_CTL_ADD, 0), EEXIST);
	CHECK_EQ(ioctl(control, LOOP_CTL_ADD, 77), 77);
	CHECK_EQ(stat("/dev/loop77", &st), 0);
	CHECK_EQ(st.st_rdev, makedev(7, 77));
	CHECK(S_ISBLK(st.st_mode));
	CHECK_EQ(access("/sys/block/loop77/size", R_OK), 0);
	CHECK_ERR(ioctl(control, LOOP_CTL_ADD, 77), EEXIST);
	lo = open("/dev/loop77", O_RDWR);
	CHECK_ERR(ioctl(control, LOOP_CTL_REMOVE, 77), EBUSY);
	CHECK_EQ(ioctl(lo, LOOP_SET_FD, file), 0);
	close(lo);
	CHECK_ERR(ioctl(control, LOOP_CTL_REMOVE, 77), EBUSY);
	lo = open("/dev/loop77", O_RDWR);
	CHECK_EQ(ioctl(lo, LOOP_CLR_FD), 0);
	close(lo);
	CHECK_EQ(ioctl(control, LOOP_CTL_REMOVE, 77), 0);
	CHECK_ERR(stat("/dev/loop77", &st), ENOENT);
	CHECK_ERR(access("/sys/block/loop77", F_OK), ENOENT);
	CHECK_ERR(ioctl(control, LOOP_CTL_REMOVE, 77), ENODEV);
	CHECK_ERR(ioctl(control, LOOP_CTL_REMOVE, -1), EINVAL);
	CHECK_EQ(ioctl(control, LOOP_CTL_ADD, 77), 77);
	CHECK_EQ(ioctl(control, LOOP_CTL_REMOVE, 77), 0);
	CHECK_ERR(ioctl(control, LOOP_SET_FD, 0), ENOSYS);
	CHECK_ERR(read(control, bytes, 4), EINVAL);
	lo = ioctl(control, LOOP_CTL_ADD, -1);
	CHECK(lo >= 8);
	CHECK_EQ(ioctl(control, LOOP_CTL_REMOVE, lo), 0);
}

/* Of a device that somebody may read only. */
static void reader_only(void *name)
{
	struct loop_info64 info;
	int lo = open(name, O_RDONLY);

	CHECK(lo >= 0);
	CHECK_ERR(open(name, O_RDWR), EACCES);
	CHECK_EQ(ioctl(lo, LOOP_GET_STATUS64, &info), 0);
	CHECK_ERR(ioctl(lo, LOOP_SET_STATUS64, &info), EPERM);
	CHECK_ERR(ioctl(lo, LOOP_SET_STATUS, &info), EPERM);
	CHECK_ERR(ioctl(lo, LOOP_SET_CAPACITY), EPERM);
	CHECK_ERR(ioctl(lo, LOOP_SET_BLOCK_SIZE, 512), EPERM);
	CHECK_ERR(ioctl(lo, LOOP_SET_DIRECT_IO, 0), EPERM);
	CHECK_ERR(open("/dev/loop-control", O_RDWR), EACCES);
	CHECK_ERR(ioctl(lo, BLKFLSBUF), EACCES);
	CHECK_ERR(ioctl(lo, BLKRRPART), EACCES);
}

TEST(permissions)
{
	int file = loop_image("image", 1 << 20), lo = loop_free(O_RDWR);
	struct stat st;
	char name[32];

	snprintf(name, sizeof(name), "/dev/loop%d", loop_number(lo));
	CHECK_EQ(fstat(lo, &st), 0);
	CHECK_EQ(ioctl(lo, LOOP_SET_FD, file), 0);
	CHECK_EQ(chmod(name, 0604), 0);
	CHECK_EQ(test_child_as(1000, reader_only, name), 0);
	CHECK_EQ(chmod(name, st.st_mode & 07777), 0);
	CHECK_EQ(ioctl(lo, LOOP_CLR_FD), 0);
	close(lo);
}

TEST(seen_in_sysfs)
{
	int file = loop_image("image", 1 << 20), lo = loop_free(O_RDWR);
	struct loop_info64 info = { .lo_offset = 4096, .lo_sizelimit = 8192 };
	char name[64], cwd[200], want[256];

	CHECK_EQ(ioctl(lo, LOOP_SET_FD, file), 0);
	info.lo_flags = LO_FLAGS_AUTOCLEAR;
	CHECK_EQ(ioctl(lo, LOOP_SET_STATUS64, &info), 0);
	CHECK(getcwd(cwd, sizeof(cwd)));
	snprintf(want, sizeof(want), "%s/image\n", cwd);
	snprintf(name, sizeof(name), "/sys/block/loop%d/loop/backing_file", loop_number(lo));
	CHECK(!strcmp(test_read_file(name), want));
	snprintf(name, sizeof(name), "/sys/block/loop%d/loop/offset", loop_number(lo));
	CHECK(!strcmp(test_read_file(name), "4096\n"));
	snprintf(name, sizeof(name), "/sys/block/loop%d/loop/sizelimit", loop_number(lo));
	CHECK(!strcmp(test_read_file(name), "8192\n"));
	snprintf(name, sizeof(name), "/sys/block/loop%d/loop/autoclear", loop_number(lo));
	CHECK(!strcmp(test_read_file(name), "1\n"));
	snprintf(name, sizeof(name), "/sys/block/loop%d/size", loop_number(lo));
	CHECK(!strcmp(test_read_file(name), "16\n"));
	snprintf(name, sizeof(name), "/sys/block/loop%d/loop", loop_number(lo));
	close(lo);
	CHECK_ERR(access(name, F_OK), ENOENT);
}
