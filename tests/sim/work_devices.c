/* tests/sim/work_devices.c -- /proc and pseudo terminals. */
#include "base.h"

static void work_proc_read(struct prog *p, const char *name)
{
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, name)), I(O_RDONLY));
	WITH_FD(p) {
		SYS(p, __NR_read, R(19), I(BUFFER), I(4000));
		EXPECT_OK(p, 0);
		SYS(p, __NR_close, R(19));
	}
}

static void work_proc(struct prog *p)
{
	work_proc_read(p, "/proc/self/stat");
	work_proc_read(p, "/proc/self/status");
	work_proc_read(p, "/proc/self/maps");
	work_proc_read(p, "/proc/self/stack");
	work_proc_read(p, "/proc/1/cmdline");
	work_proc_read(p, "/proc/meminfo");
	work_proc_read(p, "/proc/stat");
	work_proc_read(p, "/proc/mounts");
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/proc")), I(O_RDONLY | O_DIRECTORY));
	WITH_FD(p) {
		SYS(p, __NR_getdents64, R(19), I(BUFFER), I(4096));
		EXPECT_OK(p, 0);
		SYS(p, __NR_close, R(19));
	}
}

/* A pseudo terminal: what the master writes, the other end reads as a line. */
static void work_pty(struct prog *p)
{
	static const u32 none;

	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/dev/ptmx")), I(O_RDWR | 0400));
	WITH_FD(p) {
		SYS(p, __NR_ioctl, R(19), I(0x40045431), I(prog_data(p, &none, 4))); /* TIOCSPTLCK */
		EXPECT(p, 0, 0);
		SYS(p, __NR_ioctl, R(19), I(0x5441), I(O_RDWR | 0400)); /* TIOCGPTPEER */
		IF(p, 0, GE, 0) {
			MOVE(p, 20, 0);
			SYS(p, __NR_write, R(19), I(prog_string(p, "hello\n")), I(6));
			EXPECT(p, 0, 6);
			SYS(p, __NR_read, R(20), I(BUFFER), I(100));
			EXPECT(p, 0, 6);
			SYS(p, __NR_write, R(20), I(prog_string(p, "yes")), I(3));
			EXPECT(p, 0, 3);
			SYS(p, __NR_read, R(19), I(BUFFER), I(100));
			SYS(p, __NR_close, R(20));
		}
		SYS(p, __NR_close, R(19));
	}
}

work_fn *const work_devices[] = {work_proc, work_pty, NULL};
