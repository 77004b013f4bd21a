/* tests/sim/sweep_second.c -- a second disk, which takes one page in a request and holds a file system of
 * shapes that are seldom seen (make_disk.py); and the first one when it fails.
 */
#include "base.h"

#define MORE (PROG_SPACE + 0x10000)	/* memory that nothing has touched yet */

static void open_at(struct prog *p, const char *name, int flags)
{
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, name)), I(flags), I(0600));
}

static void mount_second(struct prog *p)
{
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "second")), I(0755));
	SYS(p, __NR_mount, I(prog_string(p, "/dev/vdb")), I(prog_string(p, "second")),
	    I(prog_string(p, "ext4")), I(1), I(0));
	EXPECT(p, 0, 0);
}

static void list(struct prog *p, const char *name)
{
	open_at(p, name, O_RDONLY | O_DIRECTORY);
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	LOOP(p, 24, 6)
		SYS(p, __NR_getdents64, R(19), I(MORE), I(6000));
	SYS(p, __NR_close, R(19));
}

static void shapes(struct prog *p)
{
	/* All that have the same hash as another one, which lies before it. */
	static const char *const same[] = {"0253e2", "0043f3", "0224a4", "023d29", "019526"};
	char name[240];

	mount_second(p);
	list(p, "second/linear");
	open_at(p, "second/linear/none", O_RDONLY);
	EXPECT(p, 0, -ENOENT);
	list(p, "second/same");
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		snprintf(name, sizeof(name), "second/same/");
		memset(name + strlen("second/same/"), 'n', 190);
		strcpy(name + strlen("second/same/") + 190, same[i]);
		open_at(p, name, O_RDONLY);
		EXPECT_OK(p, 0);
	}
	open_at(p, "second/far/file-with-a-longer-name-299", O_RDONLY);
	EXPECT_OK(p, 0);
}

/* More requests than are under way at once. */
static void pieces(struct prog *p)
{
	mount_second(p);
	open_at(p, "/dev/vdb", O_RDONLY);
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	SYS(p, __NR_read, R(19), I(MORE), I(0x20000));
	EXPECT(p, 0, 0x20000);
	open_at(p, "second/large", O_RDONLY);
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	SYS(p, __NR_read, R(19), I(MORE), I(0x20000));
	EXPECT_OK(p, 0);
}

/* What could not be read once can be later. */
static void fails(struct prog *p)
{
	open_at(p, "/mnt/pattern", O_RDONLY);
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	open_at(p, "/proc/sys/vm/drop_caches", O_WRONLY);
	SYS(p, __NR_write, R(0), I(prog_string(p, "3")), I(1));
	work_sleep(p);
	SET(p, 23, 0);
	work_hook(p, WORK_BAD_DISK);
	SYS(p, __NR_pread64, R(19), I(MORE), I(100), I(0x8000));
	EXPECT(p, 0, -EIO);
	work_hook(p, WORK_GOOD_DISK);
	SYS(p, __NR_pread64, R(19), I(MORE), I(100), I(0x8000));
	EXPECT(p, 0, 100);
}

work_fn *const sweep_second[] = {shapes, pieces, fails, NULL};
