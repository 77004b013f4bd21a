/* tests/sim/sweep_loop.c -- loop devices, partitions on them, and ranges of sectors. */
#include <linux/blkpg.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stddef.h>

#include "base.h"
#include "ext4_bytes.h"

#define MORE  (PROG_SPACE + 0x10000)
#define IMAGE (256 << 10)

static void put32(unsigned char *p, unsigned v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(v >> 8 * i);
}

static unsigned crc32(const void *bytes, unsigned n, unsigned crc)
{
	const unsigned char *p = bytes;

	while (n--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
	}
	return crc;
}

static void mbr_entry(unsigned char *sector, int i, unsigned char type, unsigned first, unsigned n)
{
	unsigned char *e = sector + 446 + 16 * i;

	e[4] = type;
	put32(e + 8, first);
	put32(e + 12, n);
	sector[510] = 0x55;
	sector[511] = 0xaa;
}

static void write_at(struct prog *p, const void *bytes, unsigned n, u64 pos)
{
	SYS(p, __NR_pwrite64, R(20), I(prog_data(p, bytes, n)), I(n), I(pos));
}

/* A file with a table of partitions, in x20: DOS's, with a chain of logical ones, or EFI's. */
static void image(struct prog *p, const char *name, bool efi)
{
	unsigned char sector[512] = {}, link[512] = {}, header[512] = "EFI PART";
	unsigned char entry[128] = "type";

	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, name)), I(O_RDWR | O_CREAT), I(0600));
	MOVE(p, 20, 0);
	SYS(p, NR_FTRUNCATE, R(20), I(IMAGE));
	mbr_entry(sector, 0, efi ? 0xee : 0x83, efi ? 1 : 16, 32);
	if (!efi)
		mbr_entry(sector, 1, 5, 64, 128);
	mbr_entry(link, 0, 0x83, 8, 16);
	mbr_entry(link, 1, 5, 64, 32);
	write_at(p, sector, sizeof(sector), 0);
	if (!efi) {
		write_at(p, link, sizeof(link), 64 * 512);
		return;
	}
	put32(entry + 32, 100);
	put32(entry + 40, 120);
	write_at(p, entry, sizeof(entry), 2 * 512);
	put32(header + 8, 0x10000);
	put32(header + 12, 92);
	put32(header + 24, 1);
	put32(header + 40, 3);
	put32(header + 48, IMAGE / 512 - 2);
	put32(header + 72, 2);
	put32(header + 80, 1);
	put32(header + 84, 128);
	put32(header + 88, ~crc32(entry, sizeof(entry), ~0u));
	put32(header + 16, ~crc32(header, 92, ~0u));
	write_at(p, header, sizeof(header), 512);
}

/* The file in x20 becomes the device's in x19, and goes with it, however the program ends. */
static void bind(struct prog *p, unsigned flags)
{
	SET(p, 9, MORE + 0x18000);
	STORE(p, 4, 20, 9, offsetof(struct loop_config, fd));
	SET(p, 10, flags | LO_FLAGS_AUTOCLEAR);
	STORE(p, 4, 10, 9, offsetof(struct loop_config, info.lo_flags));
	SYS(p, __NR_ioctl, R(19), I(LOOP_CONFIGURE), I(MORE + 0x18000));
}

static void status(struct prog *p, unsigned flags, u64 offset)
{
	struct loop_info64 info = { .lo_flags = flags, .lo_offset = offset };

	SYS(p, __NR_ioctl, R(19), I(LOOP_SET_STATUS64), I(prog_data(p, &info, sizeof(info))));
}

static void blkpg(struct prog *p, int op, int number, u64 first, u64 length)
{
	struct blkpg_partition part = { .start = (i64)first, .length = (i64)length, .pno = number };
	struct blkpg_ioctl_arg arg = { .op = op };

	arg.data = (void *)prog_data(p, &part, sizeof(part));
	SYS(p, __NR_ioctl, R(19), I(BLKPG), I(prog_data(p, &arg, sizeof(arg))));
}

/* What is in x19 is used, and its partition. */
static void transfer(struct prog *p, const char *part)
{
	const u64 range[2] = { 65536, 65536 };
	u64 at = prog_data(p, range, sizeof(range));

	SYS(p, __NR_pread64, R(19), I(MORE), I(20000), I(0));
	SYS(p, __NR_pwrite64, R(19), I(MORE + 0x8000), I(8192), I(131072));
	SYS(p, __NR_pwrite64, R(19), I(MORE + 0xc000), I(700), I(150100));
	SYS(p, __NR_fsync, R(19));
	SYS(p, __NR_ioctl, R(19), I(BLKDISCARD), I(at));
	SYS(p, __NR_ioctl, R(19), I(BLKZEROOUT), I(at));
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, part)), I(O_RDWR), I(0));
	MOVE(p, 21, 0);
	SYS(p, __NR_pread64, R(21), I(MORE + 0x10000), I(5000), I(0));
	SYS(p, __NR_pwrite64, R(21), I(MORE + 0x10000), I(5000), I(0));
	SYS(p, __NR_ioctl, R(19), I(BLKRRPART), I(0));
	SYS(p, __NR_close, R(21));
}

static void open_loop(struct prog *p, const char *name)
{
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, name)), I(O_RDWR), I(0));
	MOVE(p, 19, 0);
}

static void a_disk_of_dos(struct prog *p)
{
	image(p, "/tmp/dos", false);
	open_loop(p, "/dev/loop0");
	bind(p, 0);
	SYS(p, __NR_ioctl, R(19), I(LOOP_SET_FD), R(20));
	status(p, LO_FLAGS_AUTOCLEAR | LO_FLAGS_PARTSCAN, 0);
	transfer(p, "/dev/loop0p5");
	SYS(p, __NR_ioctl, R(19), I(LOOP_GET_STATUS64), I(MORE + 0x14000));
	SYS(p, __NR_ioctl, R(19), I(LOOP_GET_STATUS), I(MORE + 0x15000));
	SYS(p, __NR_ioctl, R(19), I(LOOP_SET_CAPACITY), I(0));
	SYS(p, __NR_ioctl, R(19), I(LOOP_SET_BLOCK_SIZE), I(1024));
	SYS(p, __NR_ioctl, R(19), I(BLKRRPART), I(0));
	SYS(p, __NR_ioctl, R(19), I(BLKFLSBUF), I(0));
	SYS(p, __NR_pwrite64, R(19), I(MORE + 0x8000), I(8192), I(131072));
	status(p, LO_FLAGS_AUTOCLEAR, 4096);
	SYS(p, __NR_pwrite64, R(19), I(MORE + 0x8000), I(8192), I(131072));
	SYS(p, __NR_ioctl, R(19), I(LOOP_CLR_FD), I(0));
	SYS(p, __NR_close, R(19));
	SYS(p, __NR_unlinkat, I(AT_FDCWD), I(prog_string(p, "/tmp/dos")), I(0));
}

static void a_disk_of_efi(struct prog *p)
{
	unsigned char old[160] = {};	/* struct loop_info as arm64 has it */

	put32(old + 32, LO_FLAGS_AUTOCLEAR);
	image(p, "/tmp/efi", true);
	open_loop(p, "/dev/loop1");
	bind(p, LO_FLAGS_PARTSCAN);
	SYS(p, __NR_ioctl, R(19), I(LOOP_SET_STATUS), I(prog_data(p, old, sizeof(old))));
	status(p, LO_FLAGS_AUTOCLEAR | LO_FLAGS_PARTSCAN, 0);
	transfer(p, "/dev/loop1p1");
	SYS(p, __NR_ioctl, R(19), I(LOOP_CHANGE_FD), R(20));
	blkpg(p, BLKPG_ADD_PARTITION, 9, 4096, 8192);
	blkpg(p, BLKPG_RESIZE_PARTITION, 9, 4096, 4096);
	blkpg(p, BLKPG_DEL_PARTITION, 9, 0, 0);
	SYS(p, __NR_ioctl, R(19), I(LOOP_CLR_FD), I(0));
	SYS(p, __NR_close, R(19));
	SYS(p, __NR_unlinkat, I(AT_FDCWD), I(prog_string(p, "/tmp/efi")), I(0));
}

/* A file that cannot have holes. */
static void a_disk_on_a_disk(struct prog *p)
{
	const u64 range[2] = { 65536, 65536 };

	image(p, "/tmp/dos", false);
	open_loop(p, "/dev/loop0");
	bind(p, 0);
	MOVE(p, 20, 19);
	open_loop(p, "/dev/loop1");
	bind(p, 0);
	SYS(p, __NR_ioctl, R(19), I(BLKZEROOUT), I(prog_data(p, range, sizeof(range))));
	SYS(p, __NR_ioctl, R(19), I(BLKGETSIZE64), I(MORE + 0x20000));
	SYS(p, __NR_close, R(19));
	SYS(p, __NR_close, R(20));
	SYS(p, __NR_unlinkat, I(AT_FDCWD), I(prog_string(p, "/tmp/dos")), I(0));
}

/* A small ext4 in the file /tmp/ext4; `damaged`: its root directory. */
static void ext4_image(struct prog *p, bool damaged)
{
	static unsigned char bytes[IMAGE_BYTES], none[512];

	image_fill(bytes);
	if (damaged)
		bytes[IMAGE_ROOT * 1024 + 4] = 3;
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/tmp/ext4")), I(O_RDWR | O_CREAT),
	    I(0600));
	MOVE(p, 20, 0);
	SYS(p, NR_FTRUNCATE, R(20), I(IMAGE_BLOCKS * 1024));
	for (unsigned at = 0; at < IMAGE_BYTES; at += 512)
		if (memcmp(bytes + at, none, 512))
			write_at(p, bytes + at, 512, at);
}

/* Mounted with `discard`: where a file lies, its room given back, all that is free told. The mount
 * is a namespace's of its own, and so goes with the program. */
static void a_file_system(struct prog *p)
{
	const struct fiemap ask = { .fm_length = ~0ul, .fm_extent_count = 4 };
	const struct fstrim_range all = { .len = ~0ul };
	u64 range = PROG_SPACE + 0x29000;

	SYS(p, __NR_unshare, I(0x20000)); /* CLONE_NEWNS */
	ext4_image(p, false);
	open_loop(p, "/dev/loop0");
	bind(p, 0);
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "/tmp/on")), I(0755));
	SYS(p, __NR_mount, I(prog_string(p, "/dev/loop0")), I(prog_string(p, "/tmp/on")),
	    I(prog_string(p, "ext4")), I(0), I(prog_string(p, "discard")));
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/tmp/on/file")), I(O_RDWR | O_CREAT),
	    I(0600));
	MOVE(p, 21, 0);
	SYS(p, __NR_write, R(21), I(MORE), I(20000));
	SET(p, 9, MORE + 0x18100);
	SET(p, 10, ask.fm_length);
	STORE(p, 8, 10, 9, offsetof(struct fiemap, fm_length));
	SET(p, 10, ask.fm_extent_count);
	STORE(p, 4, 10, 9, offsetof(struct fiemap, fm_extent_count));
	SYS(p, __NR_ioctl, R(21), I(FS_IOC_FIEMAP), I(MORE + 0x18100));
	SYS(p, __NR_ioctl, R(21), I(FIGETBSZ), I(MORE + 0x1a000));
	SET(p, 9, range);
	SET(p, 10, all.len);
	STORE(p, 8, 10, 9, offsetof(struct fstrim_range, len));
	SYS(p, __NR_ioctl, R(21), I(FITRIM), I(range));
	SYS(p, NR_FTRUNCATE, R(21), I(0));
	SYS(p, __NR_fsync, R(21));
	SYS(p, __NR_close, R(21));
	SYS(p, __NR_umount2, I(prog_string(p, "/tmp/on")), I(0));
	SYS(p, __NR_close, R(19));
	SYS(p, __NR_unlinkat, I(AT_FDCWD), I(prog_string(p, "/tmp/ext4")), I(0));
	SYS(p, __NR_unlinkat, I(AT_FDCWD), I(prog_string(p, "/tmp/on")), I(AT_REMOVEDIR));
}

/* Nothing is written any more, and the super block says why. */
static void a_damaged_one(struct prog *p)
{
	SYS(p, __NR_unshare, I(0x20000)); /* CLONE_NEWNS */
	ext4_image(p, true);
	open_loop(p, "/dev/loop0");
	bind(p, 0);
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "/tmp/on")), I(0755));
	SYS(p, __NR_mount, I(prog_string(p, "/dev/loop0")), I(prog_string(p, "/tmp/on")),
	    I(prog_string(p, "ext4")), I(0), I(prog_string(p, "errors=remount-ro")));
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/tmp/on/file")), I(O_RDONLY), I(0));
	SYS(p, __NR_mount, I(0), I(prog_string(p, "/tmp/on")), I(0), I(0x21), I(0));
	SYS(p, __NR_umount2, I(prog_string(p, "/tmp/on")), I(0));
	SYS(p, __NR_close, R(19));
	SYS(p, __NR_unlinkat, I(AT_FDCWD), I(prog_string(p, "/tmp/ext4")), I(0));
	SYS(p, __NR_unlinkat, I(AT_FDCWD), I(prog_string(p, "/tmp/on")), I(AT_REMOVEDIR));
}

static void control(struct prog *p)
{
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/dev/loop-control")), I(O_RDWR), I(0));
	WITH_FD(p) {
		SYS(p, __NR_ioctl, R(19), I(LOOP_CTL_GET_FREE), I(0));
		SYS(p, __NR_ioctl, R(19), I(LOOP_CTL_ADD), I(0));
		SYS(p, __NR_ioctl, R(19), I(LOOP_CTL_REMOVE), I(40));
	}
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/dev/vda")), I(O_RDONLY), I(0));
	WITH_FD(p) {
		SYS(p, __NR_ioctl, R(19), I(0x301), I(MORE)); /* HDIO_GETGEO */
		SYS(p, __NR_ioctl, R(19), I(BLKDISCARD), I(MORE + 0x1000));
		SYS(p, __NR_ioctl, R(19), I(BLKPG), I(MORE + 0x2000));
	}
}

work_fn *const sweep_loop[] = {a_disk_of_dos, a_disk_of_efi, a_disk_on_a_disk, a_file_system, a_damaged_one, control,
				NULL};
