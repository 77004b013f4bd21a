/* Partitions: tables of DOS's and EFI's on a loop device, and those that a program makes. */
#include <fcntl.h>
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loop.h"
#include "test.h"

#define SIZE (4l << 20)

static int bound(int file, unsigned flags)
{
	struct loop_config c = { .fd = (unsigned)file };
	int lo = loop_free(O_RDWR);

	c.info.lo_flags = flags;
	CHECK_EQ(ioctl(lo, LOOP_CONFIGURE, &c), 0);
	return lo;
}

static void let_go(int lo)
{
	CHECK_EQ(ioctl(lo, LOOP_CLR_FD), 0);
	close(lo);
}

static const char *part_name(int lo, int part)
{
	static char name[32];

	snprintf(name, sizeof(name), "/dev/loop%dp%d", loop_number(lo), part);
	return name;
}

/* Where a partition begins and how long it is, sectors; -1: there is none. */
static long part_first(int lo, int part)
{
	char name[64];

	snprintf(name, sizeof(name), "/sys/block/loop%d/loop%dp%d/start", loop_number(lo),
		 loop_number(lo), part);
	return access(name, F_OK) ? -1 : atol(test_read_file(name));
}

static long part_sectors(int lo, int part)
{
	char name[64];

	snprintf(name, sizeof(name), "/sys/block/loop%d/loop%dp%d/size", loop_number(lo),
		 loop_number(lo), part);
	return access(name, F_OK) ? -1 : atol(test_read_file(name));
}

static void put32(unsigned char *p, unsigned v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(v >> 8 * i);
}

static void mbr_entry(int file, unsigned at, int i, int type, unsigned first, unsigned sectors)
{
	unsigned char e[16] = { [4] = (unsigned char)type };

	put32(e + 8, first);
	put32(e + 12, sectors);
	CHECK_EQ(pwrite(file, e, 16, at * 512l + 446 + 16 * i), 16);
	CHECK_EQ(pwrite(file, "\x55\xaa", 2, at * 512l + 510), 2);
}

TEST(primary_and_logical)
{
	int file = loop_image("image", SIZE), lo, part;
	char bytes[8];

	mbr_entry(file, 0, 0, 0x83, 64, 1000);
	mbr_entry(file, 0, 1, 0x05, 2000, 3000);
	mbr_entry(file, 0, 3, 0x83, 6000, 5000);	/* beyond the end */
	mbr_entry(file, 2000, 0, 0x83, 10, 100);
	mbr_entry(file, 2000, 1, 0x05, 500, 300);
	mbr_entry(file, 2500, 0, 0x83, 20, 50);
	CHECK_EQ(pwrite(file, "logical", 7, 2010 * 512), 7);
	lo = bound(file, LO_FLAGS_PARTSCAN);
	CHECK_EQ(part_first(lo, 1), 64);
	CHECK_EQ(part_sectors(lo, 1), 1000);
	CHECK_EQ(part_first(lo, 2), 2000);
	CHECK_EQ(part_sectors(lo, 2), 2);
	CHECK_EQ(part_first(lo, 3), -1);
	CHECK_EQ(part_first(lo, 4), 6000);
	CHECK_EQ(part_sectors(lo, 4), SIZE / 512 - 6000);
	CHECK_EQ(part_first(lo, 5), 2010);
	CHECK_EQ(part_sectors(lo, 5), 100);
	CHECK_EQ(part_first(lo, 6), 2520);
	CHECK_EQ(part_sectors(lo, 6), 50);
	CHECK_EQ(part_first(lo, 7), -1);
	part = open(part_name(lo, 5), O_RDWR);
	CHECK(part >= 0);
	CHECK_EQ(loop_size(part), 100 * 512);
	CHECK_EQ(pread(part, bytes, 7, 0), 7);
	CHECK(!memcmp(bytes, "logical", 7));
	CHECK_EQ(pwrite(part, "LOGICAL", 7, 512), 7);
	CHECK_EQ(fsync(part), 0);
	CHECK_EQ(pread(file, bytes, 7, 2011 * 512), 7);
	CHECK(!memcmp(bytes, "LOGICAL", 7));
	CHECK_EQ(lseek(part, 0, SEEK_END), 100 * 512);
	CHECK_ERR(ioctl(lo, BLKRRPART), EBUSY);
	CHECK_ERR(ioctl(part, BLKRRPART), EINVAL);
	close(part);
	mbr_entry(file, 0, 0, 0x83, 100, 10);
	CHECK_EQ(ioctl(lo, BLKFLSBUF), 0);
	CHECK_EQ(ioctl(lo, BLKRRPART), 0);
	let_go(lo);
	CHECK_ERR(open(part_name(lo = loop_free(O_RDONLY), 1), O_RDONLY), ENOENT);
	close(lo);
}

TEST(no_scan_no_partitions)
{
	int file = loop_image("image", SIZE), lo;
	struct loop_info64 info = { .lo_flags = LO_FLAGS_PARTSCAN };

	mbr_entry(file, 0, 0, 0x83, 64, 1000);
	lo = bound(file, 0);
	CHECK_EQ(part_first(lo, 1), -1);
	CHECK_ERR(ioctl(lo, BLKRRPART), EINVAL);
	CHECK_EQ(ioctl(lo, LOOP_SET_STATUS64, &info), 0);
	CHECK_EQ(part_first(lo, 1), 64);
	let_go(lo);
}

/* --- EFI's --- */

static unsigned crc32(const void *bytes, unsigned long n)
{
	const unsigned char *p = bytes;
	unsigned crc = ~0u;

	while (n--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
	}
	return ~crc;
}

struct header {
	char signature[8];
	unsigned revision, size, crc, reserved;
	unsigned long my, other, first, last;
	char guid[16];
	unsigned long entries;
	unsigned count, entry_size, entries_crc;
};

struct entry {
	char type[16], guid[16];
	unsigned long first, last, flags;
	uint16_t name[36];
};

static struct entry entries[128];

static void gpt_write(int file, unsigned long my, unsigned long other, unsigned long at)
{
	struct header h = {
		"EFI PART", 0x10000, 92, 0, 0, my, other, 34, SIZE / 512 - 34, "guid", at, 128,
		sizeof(struct entry), crc32(entries, sizeof(entries)),
	};

	h.crc = crc32(&h, 92);
	CHECK_EQ(pwrite(file, &h, 92, (long)my * 512), 92);
	CHECK_EQ(pwrite(file, entries, sizeof(entries), (long)at * 512), sizeof(entries));
}

static int gpt_image(void)
{
	int file = loop_image("image", SIZE);

	mbr_entry(file, 0, 0, 0xee, 1, SIZE / 512 - 1);
	memset(entries, 0, sizeof(entries));
	entries[0] = (struct entry){ "type", "one", 100, 199, 0, {} };
	entries[2] = (struct entry){ "type", "three", 1000, 1000, 0, {} };
	entries[4] = (struct entry){ "type", "five", 3000, 1 << 20, 0, {} };
	entries[127] = (struct entry){ "type", "last", 4000, 4099, 0, {} };
	gpt_write(file, 1, SIZE / 512 - 1, 2);
	gpt_write(file, SIZE / 512 - 1, 1, SIZE / 512 - 33);
	return file;
}

TEST(a_table_of_efi)
{
	int lo = bound(gpt_image(), LO_FLAGS_PARTSCAN);

	CHECK_EQ(part_first(lo, 1), 100);
	CHECK_EQ(part_sectors(lo, 1), 100);
	CHECK_EQ(part_first(lo, 2), -1);
	CHECK_EQ(part_first(lo, 3), 1000);
	CHECK_EQ(part_sectors(lo, 3), 1);
	CHECK_EQ(part_first(lo, 4), -1);
	CHECK_EQ(part_first(lo, 5), -1);
	CHECK_EQ(part_first(lo, 128), 4000);
	CHECK_EQ(part_sectors(lo, 128), 100);
	let_go(lo);
}

TEST(a_damaged_header)
{
	int file = gpt_image(), lo;

	CHECK_EQ(pwrite(file, "x", 1, 512 + 60), 1);
	lo = bound(file, LO_FLAGS_PARTSCAN);
	CHECK_EQ(part_first(lo, 1), -1);
	let_go(lo);
}

TEST(damaged_entries)
{
	int file = gpt_image(), lo;

	CHECK_EQ(pwrite(file, "x", 1, 1024 + 20), 1);
	lo = bound(file, LO_FLAGS_PARTSCAN);
	CHECK_EQ(part_first(lo, 1), -1);
	let_go(lo);
}

/* --- by hand --- */

static int blkpg(int fd, int op, int number, long first, long length)
{
	struct blkpg_partition p = { .start = first, .length = length, .pno = number };
	struct blkpg_ioctl_arg arg = { .op = op, .datalen = sizeof(p), .data = &p };

	return ioctl(fd, BLKPG, &arg);
}

static void unprivileged(void *fd)
{
	CHECK_ERR(blkpg(*(int *)fd, BLKPG_ADD_PARTITION, 1, 4096, 8192), EACCES);
}

TEST(made_by_a_program)
{
	struct blkpg_ioctl_arg arg = { .op = BLKPG_ADD_PARTITION, .data = (void *)8 };
	int lo = bound(loop_image("image", SIZE), LO_FLAGS_PARTSCAN), part;
	char bytes[4];

	CHECK_EQ(test_child_as(1000, unprivileged, &lo), 0);
	CHECK_EQ(blkpg(lo, BLKPG_ADD_PARTITION, 1, 8192, 65536), 0);
	CHECK_EQ(part_first(lo, 1), 16);
	CHECK_EQ(part_sectors(lo, 1), 128);
	part = open(part_name(lo, 1), O_RDWR);
	CHECK(part >= 0);
	CHECK_EQ(pread(part, bytes, 4, 0), 4);
	CHECK(!memcmp(bytes, "here", 4));
	CHECK_ERR(blkpg(lo, BLKPG_ADD_PARTITION, 1, 1 << 20, 65536), EBUSY);
	CHECK_ERR(blkpg(lo, BLKPG_ADD_PARTITION, 2, 4096, 65536), EBUSY);
	CHECK_ERR(blkpg(lo, BLKPG_ADD_PARTITION, 2, SIZE, 65536), EINVAL);
	CHECK_ERR(blkpg(lo, BLKPG_ADD_PARTITION, 2, SIZE - 512, 1024), EINVAL);
	CHECK_ERR(blkpg(lo, BLKPG_ADD_PARTITION, 2, 1 << 20, 1000), EINVAL);
	CHECK_ERR(blkpg(lo, BLKPG_ADD_PARTITION, 2, -512, 1024), EINVAL);
	CHECK_ERR(blkpg(lo, BLKPG_ADD_PARTITION, 2, 1 << 20, 0), EINVAL);
	CHECK_ERR(blkpg(lo, BLKPG_ADD_PARTITION, 0, 1 << 20, 1024), EINVAL);
	CHECK_ERR(blkpg(part, BLKPG_ADD_PARTITION, 2, 1 << 20, 1024), EINVAL);
	CHECK_ERR(blkpg(lo, 9, 2, 1 << 20, 1024), EINVAL);
	CHECK_ERR(ioctl(lo, BLKPG, &arg), EFAULT);
	CHECK_ERR(ioctl(lo, BLKPG, 8), EFAULT);
	CHECK_ERR(blkpg(lo, BLKPG_RESIZE_PARTITION, 3, 8192, 1024), ENXIO);
	CHECK_ERR(blkpg(lo, BLKPG_RESIZE_PARTITION, 1, 4096, 1024), EINVAL);
	CHECK_EQ(blkpg(lo, BLKPG_ADD_PARTITION, 200, 1 << 20, 65536), 0);
	CHECK_ERR(blkpg(lo, BLKPG_RESIZE_PARTITION, 1, 8192, 1 << 20), EBUSY);
	CHECK_EQ(blkpg(lo, BLKPG_RESIZE_PARTITION, 1, 8192, 4096), 0);
	CHECK_EQ(loop_size(part), 4096);
	CHECK_EQ(pread(part, bytes, 4, 4094), 2);
	CHECK_ERR(blkpg(lo, BLKPG_DEL_PARTITION, 3, 0, 0), ENXIO);
	CHECK_ERR(blkpg(lo, BLKPG_DEL_PARTITION, 1, 0, 0), EBUSY);
	close(part);
	CHECK_EQ(blkpg(lo, BLKPG_DEL_PARTITION, 1, 0, 0), 0);
	CHECK_EQ(part_first(lo, 1), -1);
	CHECK_ERR(open(part_name(lo, 1), O_RDONLY), ENOENT);
	CHECK_EQ(blkpg(lo, BLKPG_ADD_PARTITION, 1, 4096, 512), 0);
	CHECK_EQ(part_sectors(lo, 1), 1);
	let_go(lo);
}

TEST(listed)
{
	int lo = bound(loop_image("image", SIZE), LO_FLAGS_PARTSCAN), n = loop_number(lo);
	char line[64];

	CHECK_EQ(blkpg(lo, BLKPG_ADD_PARTITION, 3, 8192, 65536), 0);
	snprintf(line, sizeof(line), " %10d loop%d\n", 4096, n);
	CHECK(strstr(test_read_file("/proc/partitions"), line));
	snprintf(line, sizeof(line), " %10d loop%dp3\n", 64, n);
	CHECK(strstr(test_read_file("/proc/partitions"), line));
	snprintf(line, sizeof(line), "/sys/class/block/loop%dp3/partition", n);
	CHECK(!strcmp(test_read_file(line), "3\n"));
	let_go(lo);
}
