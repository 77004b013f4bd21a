/* What ext4 does with damage: it is counted in the super block, and as errors= says. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ext4_image.h"
#include "test.h"

#define FILE_INO     11
#define FILE_INODE   (5 * 1024 + (FILE_INO - 1) * 256)
#define EXTENT_MAGIC (FILE_INODE + 40)

static unsigned get(int fd, long at, int size)
{
	unsigned value = 0;

	CHECK_EQ(pread(fd, &value, (size_t)size, at), size);
	return value;
}

/* With a file whose map makes no sense. */
static int damaged(void)
{
	int image = image_make("image"), fd;

	image_mount(image, "");
	fd = open("m/file", O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "bytes", 5), 5);
	close(fd);
	image_unmount();
	CHECK_EQ(get(image, EXTENT_MAGIC, 2), 0xf30a);
	CHECK_EQ(get(image, IMAGE_SUPER(0x194), 4), 0);
	CHECK_EQ(pwrite(image, "xx", 2, EXTENT_MAGIC), 2);
	return image;
}

/* Linux sees it when the file is opened, others when it is read. */
static void stumble(void)
{
	int fd = open("m/file", O_RDONLY);
	char byte;

	if (fd >= 0) {
		CHECK_EQ(read(fd, &byte, 1), -1);
		close(fd);
	}
}

static void check_marks(int image)
{
	CHECK(get(image, IMAGE_SUPER(0x194), 4) >= 1);
	CHECK_EQ(get(image, IMAGE_SUPER(58), 2) & 2, 2);
	CHECK(get(image, IMAGE_SUPER(0x198), 4));	/* the first one's time */
	CHECK_EQ(get(image, IMAGE_SUPER(0x19c), 4), FILE_INO);
	CHECK(get(image, IMAGE_SUPER(0x1a8), 1));	/* the function */
	CHECK(get(image, IMAGE_SUPER(0x1c8), 4));	/* the line */
	CHECK(get(image, IMAGE_SUPER(0x1cc), 4));	/* the last one's */
	CHECK_EQ(get(image, IMAGE_SUPER(0x1d0), 4), FILE_INO);
	CHECK_EQ(get(image, IMAGE_SUPER(0x27a), 1), get(image, IMAGE_SUPER(0x27b), 1));
}

/* What /proc/mounts has for it. */
static const char *options_shown(void)
{
	static char line[200];
	const char *at = strstr(test_read_file("/proc/mounts"), "/m ext4 ");

	CHECK(at);
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\n"), at);
	return line;
}

TEST(it_goes_on)
{
	int image = damaged(), fd;

	image_mount(image, "errors=continue");
	stumble();
	fd = open("m/other", O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "x", 1), 1);
	close(fd);
	image_unmount();
	check_marks(image);
}

TEST(it_becomes_read_only)
{
	int image = damaged();

	image_mount(image, "errors=remount-ro");
	stumble();
	/* Linux says EIO: it takes it for shut down. */
	CHECK_EQ(open("m/other", O_RDWR | O_CREAT, 0600), -1);
	CHECK(errno == EROFS || errno == EIO);
	image_unmount();
	check_marks(image);
}

TEST(options)
{
	int image = image_make("image");

	CHECK_ERR(image_try(image, 0, "errors=sometimes"), EINVAL);
	CHECK_ERR(image_try(image, 0, "noacl"), EINVAL);
	CHECK_ERR(image_try(image, 0, "nouser_xattr"), EINVAL);
	image_mount(image, "errors=panic");
	CHECK(strstr(options_shown(), ",errors=panic"));
	image_unmount();
	image_mount(image, "errors=continue");
	CHECK(!strstr(options_shown(), ",errors="));
	image_unmount();
}
