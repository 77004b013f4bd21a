/* tests/guest/loop.h -- loop devices of a test's own. */
#ifndef LOOP_H
#define LOOP_H

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "test.h"

/* A file of that size with "here" at 8192. */
static inline int loop_image(const char *name, long size)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);

	CHECK(fd >= 0);
	CHECK_EQ(ftruncate(fd, size), 0);
	CHECK_EQ(pwrite(fd, "here", 4, 8192), 4);
	return fd;
}

/* A device without a file, open. */
static inline int loop_free(int flags)
{
	int control = open("/dev/loop-control", O_RDWR), n, fd;
	char name[32];

	CHECK(control >= 0);
	n = ioctl(control, LOOP_CTL_GET_FREE);
	CHECK(n >= 0);
	close(control);
	snprintf(name, sizeof(name), "/dev/loop%d", n);
	fd = open(name, flags);
	CHECK(fd >= 0);
	return fd;
}

static inline int loop_number(int fd)
{
	struct stat st;

	CHECK_EQ(fstat(fd, &st), 0);
	return (int)minor(st.st_rdev);
}

static inline long loop_size(int fd)
{
	unsigned long size;

	CHECK_EQ(ioctl(fd, BLKGETSIZE64, &size), 0);
	return (long)size;
}

#endif
