/* What can be mounted as ext2, as ext3 and as ext4: which of them has the features. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ext4_image.h"
#include "test.h"

#define COMPAT	  IMAGE_SUPER(92)
#define INCOMPAT  IMAGE_SUPER(96)
#define RO_COMPAT IMAGE_SUPER(100)

#define HAS_JOURNAL 4u
#define FILETYPE    2u
#define META_BG     0x10u
#define HUGE_FILE   8u
#define TREE	    4u
#define REVISION    IMAGE_SUPER(76)

static char device[32];

static void put(int image, long at, unsigned value)
{
	CHECK_EQ(pwrite(image, &value, sizeof(value), at), sizeof(value));
}

/* One whose root is mapped as ext2 does it; on a loop device that stays until it is closed. */
static int old_image(int *image)
{
	struct loop_config c = { .fd = 0 };
	int lo = loop_free(O_RDWR);

	*image = image_make("image");
	put(*image, COMPAT, 0);
	put(*image, INCOMPAT, FILETYPE);
	put(*image, 5 * 1024 + 256 + 32, 0);
	put(*image, 5 * 1024 + 256 + 40, IMAGE_ROOT);
	put(*image, 5 * 1024 + 256 + 44, 0);
	put(*image, 5 * 1024 + 256 + 56, 0);
	put(*image, 5 * 1024 + 256 + 60, 0);
	c.fd = (unsigned)*image;
	c.info.lo_flags = LO_FLAGS_AUTOCLEAR;
	CHECK_EQ(ioctl(lo, LOOP_CONFIGURE, &c), 0);
	snprintf(device, sizeof(device), "/dev/loop%d", loop_number(lo));
	mkdir("m", 0755);
	mkdir("n", 0755);
	return lo;
}

/* The device's cache may have the super block. */
static void features(int image, int lo, unsigned compat, unsigned incompat, unsigned ro_compat)
{
	put(image, COMPAT, compat);
	put(image, INCOMPAT, incompat);
	put(image, RO_COMPAT, ro_compat);
	CHECK_EQ(ioctl(lo, BLKFLSBUF), 0);
}

static int try(const char *type, unsigned long flags, const char *options)
{
	int err = mount(device, "m", type, flags, options) ? errno : 0;

	if (!err)
		CHECK_EQ(umount2("m", 0), 0);
	errno = err;
	return err ? -1 : 0;
}

TEST(features_it_lacks)
{
	int image, lo = old_image(&image);

	features(image, lo, 0, FILETYPE, 7);
	CHECK_EQ(try("ext2", 0, ""), 0);
	CHECK_ERR(try("ext3", 0, ""), EINVAL);	/* no journal */
	CHECK_EQ(try("ext4", 0, ""), 0);
	/* extents, which nothing here uses; flex_bg */
	features(image, lo, 0, FILETYPE | 0x40, 0);
	CHECK_ERR(try("ext2", MS_RDONLY, ""), EINVAL);
	CHECK_EQ(try("ext4", MS_RDONLY, ""), 0);
	features(image, lo, 0, FILETYPE | 0x200, 0);
	CHECK_ERR(try("ext2", MS_RDONLY, ""), EINVAL);
	CHECK_EQ(try("ext4", MS_RDONLY, ""), 0);
	close(lo);
}

/* Of revision 0, which should have none. */
TEST(features_without_a_revision)
{
	int image, lo = old_image(&image);

	put(image, REVISION, 0);
	features(image, lo, 0, FILETYPE | 0x80000000, 0);
	CHECK_ERR(try("ext4", MS_RDONLY, ""), EINVAL);
	close(lo);
	lo = old_image(&image);
	put(image, REVISION, 0);
	features(image, lo, 0, FILETYPE | 0x40, 0);
	CHECK_ERR(try("ext2", MS_RDONLY, ""), EINVAL);
	close(lo);
}

TEST(features_it_can_only_read)
{
	int image, lo = old_image(&image);

	features(image, lo, 0, FILETYPE, HUGE_FILE);
	CHECK_ERR(try("ext2", 0, ""), EINVAL);
	CHECK_EQ(try("ext2", MS_RDONLY, ""), 0);
	CHECK_EQ(try("ext4", 0, ""), 0);
	/* But mounted so it can be made writable. */
	CHECK_EQ(mount(device, "m", "ext2", MS_RDONLY, ""), 0);
	CHECK_EQ(mount("", "m", NULL, MS_REMOUNT, ""), 0);
	CHECK_EQ(umount2("m", 0), 0);
	close(lo);
}

/* The journal is none: not looked at with noload. */
TEST(a_journal)
{
	int image, lo = old_image(&image);

	features(image, lo, HAS_JOURNAL, FILETYPE, TREE);
	CHECK_EQ(try("ext3", MS_RDONLY, "noload"), 0);
	CHECK_ERR(try("ext2", MS_RDONLY, "noload"), EINVAL);
	features(image, lo, HAS_JOURNAL, FILETYPE | 4, 0);
	CHECK_EQ(try("ext3", MS_RDONLY, "noload"), 0);
	CHECK_ERR(try("ext2", MS_RDONLY, ""), EINVAL);
	features(image, lo, HAS_JOURNAL, FILETYPE, HUGE_FILE);
	CHECK_EQ(try("ext3", MS_RDONLY, "noload"), 0);
	features(image, lo, HAS_JOURNAL, FILETYPE | 0x80, 0);
	CHECK_ERR(try("ext3", MS_RDONLY, "noload"), EINVAL);
	close(lo);
}

TEST(options_it_lacks)
{
	static const char *const journals[] = { "noload", "norecovery", "commit=10", "data=ordered" };
	static const char *const new[] = { "delalloc", "nodelalloc", "nojournal_checksum" };
	int image, lo = old_image(&image);

	features(image, lo, 0, FILETYPE, 0);
	for (unsigned i = 0; i < sizeof(journals) / sizeof(journals[0]); i++)
		CHECK_ERR(try("ext2", MS_RDONLY, journals[i]), EINVAL);
	for (unsigned i = 0; i < sizeof(new) / sizeof(new[0]); i++) {
		CHECK_ERR(try("ext2", MS_RDONLY, new[i]), EINVAL);
		CHECK_EQ(try("ext4", MS_RDONLY, new[i]), 0);
	}
	CHECK_EQ(try("ext2", 0, "errors=continue,barrier,stripe=2,discard,auto_da_alloc"), 0);
	features(image, lo, HAS_JOURNAL, FILETYPE, 0);
	CHECK_EQ(try("ext3", MS_RDONLY, "noload"), 0);
	for (unsigned i = 0; i < sizeof(new) / sizeof(new[0]); i++) {
		char both[64];

		snprintf(both, sizeof(both), "noload,%s", new[i]);
		CHECK_ERR(try("ext3", MS_RDONLY, both), EINVAL);
	}
	close(lo);
}

TEST(mounted_as_another)
{
	int image, lo = old_image(&image);

	features(image, lo, 0, FILETYPE, 0);
	CHECK_EQ(mount(device, "m", "ext2", 0, ""), 0);
	CHECK_ERR(mount(device, "n", "ext4", 0, ""), EBUSY);
	CHECK_ERR(mount(device, "n", "ext2", MS_RDONLY, ""), EBUSY);
	CHECK_ERR(mount(device, "n", "vfat", 0, ""), EBUSY);
	CHECK_EQ(mount(device, "n", "ext2", 0, ""), 0);
	CHECK_EQ(umount2("n", 0), 0);
	CHECK_EQ(umount2("m", 0), 0);
	CHECK_EQ(mount(device, "m", "ext4", 0, ""), 0);
	CHECK_EQ(umount2("m", 0), 0);
	close(lo);
}
