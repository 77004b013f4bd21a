/* tests/guest/ext4_image.h -- a small ext4 (ext4_bytes.h) on a loop device, mounted at "m". */
#ifndef EXT4_IMAGE_H
#define EXT4_IMAGE_H

#include <errno.h>
#include <unistd.h>

#include "ext4_bytes.h"
#include "loop.h"

int mount(const char *, const char *, const char *, unsigned long, const void *);
int umount2(const char *, int);

static inline int image_make(const char *name)
{
	static unsigned char bytes[IMAGE_BYTES];
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);

	CHECK(fd >= 0);
	image_fill(bytes);
	CHECK_EQ(pwrite(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	CHECK_EQ(ftruncate(fd, IMAGE_BLOCKS * 1024), 0);
	return fd;
}

/* Mount it with these options, by a loop device that goes with the mount; the image's file stays
 * open. */
static inline int image_try(int file, unsigned long flags, const char *options)
{
	struct loop_config c = { .fd = (unsigned)file };
	char name[32];
	int lo = loop_free(O_RDWR), err;

	c.info.lo_flags = LO_FLAGS_AUTOCLEAR;
	CHECK_EQ(ioctl(lo, LOOP_CONFIGURE, &c), 0);
	snprintf(name, sizeof(name), "/dev/loop%d", loop_number(lo));
	mkdir("m", 0755);
	err = mount(name, "m", "ext4", flags, options) ? errno : 0;
	close(lo);
	errno = err;
	return err ? -1 : 0;
}

static inline void image_mount(int file, const char *options)
{
	CHECK_EQ(image_try(file, 0, options), 0);
}

static inline void image_unmount(void)
{
	CHECK_EQ(umount2("m", 0), 0);
}

#endif
