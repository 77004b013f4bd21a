/* Who may make rings: kernel.io_uring_disabled and kernel.io_uring_group. */
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>

#include "uring.h"

#define DISABLED "/proc/sys/kernel/io_uring_disabled"
#define GROUP	 "/proc/sys/kernel/io_uring_group"

/* 0, or what making one says. */
static int make(void)
{
	struct io_uring_params p = {0};
	int fd = ring_setup(1, &p);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static void expect(void *want)
{
	CHECK_EQ(make(), *(int *)want);
	/* Before anything of its arguments is looked at. */
	CHECK_ERR(ring_setup(0, NULL), *(int *)want ? *(int *)want : EFAULT);
}

static void expect_member(void *want)
{
	gid_t also = 1234;

	CHECK_EQ(setgroups(1, &also), 0);
	CHECK_EQ(setresuid(1000, 1000, 1000), 0);
	expect(want);
}

static int refuses(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	long n = write(fd, text, strlen(text));

	CHECK(fd >= 0);
	close(fd);
	return n < 0 && errno == EINVAL;
}

TEST(nobody_or_a_group)
{
	int may = 0, may_not = EPERM;

	CHECK_EQ(atoi(test_read_file(DISABLED)), 0);
	CHECK_EQ(atoi(test_read_file(GROUP)), -1);
	CHECK_EQ(test_child_as(1000, expect, &may), 0);
	test_write_file(DISABLED, "1");
	expect(&may);
	CHECK_EQ(test_child_as(1000, expect, &may_not), 0);
	CHECK_EQ(test_child(expect_member, &may_not), 0);
	test_write_file(GROUP, "1234");
	CHECK_EQ(test_child(expect_member, &may), 0);
	CHECK_EQ(test_child_as(1000, expect, &may_not), 0);
	test_write_file(DISABLED, "2");
	expect(&may_not);
	CHECK_EQ(test_child(expect_member, &may_not), 0);
	test_write_file(DISABLED, "0");
	expect(&may);
	test_write_file(GROUP, "-1");
}

TEST(what_can_be_set)
{
	CHECK(refuses(DISABLED, "3"));
	CHECK(refuses(DISABLED, "-1"));
	CHECK(refuses(DISABLED, "x"));
	CHECK(refuses(GROUP, "2147483648"));
	CHECK(refuses(GROUP, "4294967295"));
	test_write_file(GROUP, "-2");
	CHECK_EQ(atoi(test_read_file(GROUP)), -2);
	test_write_file(GROUP, "-1");
}
