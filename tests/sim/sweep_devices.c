/* tests/sim/sweep_devices.c -- devices, terminals, the log, and files of /proc that take and give. */
#include "base.h"

#define MORE (PROG_SPACE + 0x10000)	/* memory that nothing has touched yet */

static void open_at(struct prog *p, const char *name, int flags)
{
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, name)), I(flags), I(0));
}

static void memory_devices(struct prog *p)
{
	open_at(p, "/dev/zero", O_RDWR);
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	SYS(p, __NR_read, R(19), I(MORE), I(20000));
	EXPECT(p, 0, 20000);
	SYS(p, NR_MMAP, I(0), I(8192), I(3), I(MAP_PRIVATE), R(19), I(0));
	EXPECT_OK(p, 0);
	for (int i = 0; i < 2; i++) {
		open_at(p, i ? "/dev/urandom" : "/dev/random", O_RDWR);
		EXPECT_OK(p, 0);
		MOVE(p, 19, 0);
		SYS(p, __NR_read, R(19), I(MORE + 0x6000), I(9000));
		EXPECT(p, 0, 9000);
		SYS(p, __NR_write, R(19), I(MORE + 0xa000), I(9000));
		EXPECT(p, 0, 9000);
		SYS(p, __NR_ioctl, R(19), I(0x80045200), I(MORE + 0xe000)); /* RNDGETENTCNT */
		SYS(p, __NR_ioctl, R(19), I(0x40085203), I(MORE + 0xe000)); /* RNDADDENTROPY */
		SYS(p, __NR_ioctl, R(19), I(0x5204), I(0)); /* RNDZAPENTCNT */
	}
	SYS(p, __NR_getrandom, I(MORE + 0x10000), I(9000), I(2));
	EXPECT(p, 0, 9000);
	open_at(p, "/dev/full", O_RDWR);
	WITH_FD(p) {
		SYS(p, __NR_write, R(19), I(BUFFER), I(10));
		EXPECT(p, 0, -ENOSPC);
	}
}

/* Writing what is there already. */
static void the_disk_itself(struct prog *p)
{
	open_at(p, "/dev/vda", O_RDWR);
	WITH_FD(p) {
		SYS(p, __NR_ioctl, R(19), I(0x80081272), I(MORE)); /* BLKGETSIZE64 */
		SYS(p, __NR_ioctl, R(19), I(0x1260), I(MORE + 0x2000));
		SYS(p, __NR_ioctl, R(19), I(0x1268), I(MORE + 0x4000));
		SYS(p, __NR_pread64, R(19), I(MORE + 0x6000), I(10000), I(1500000));
		IF(p, 0, EQ, 10000)
			SYS(p, __NR_pwrite64, R(19), I(MORE + 0x6000), I(10000), I(1500000));
		SYS(p, __NR_fsync, R(19));
		IF(p, 0, EQ, 10000) {
			SYS(p, __NR_pread64, R(19), I(MORE + 0x9000), I(700), I(1500100));
			SYS(p, __NR_pwrite64, R(19), I(MORE + 0x9000), I(700), I(1500100));
		}
		SYS(p, NR_MMAP, I(0), I(8192), I(1), I(MAP_SHARED), R(19), I(0));
		SYS(p, __NR_ioctl, R(19), I(0x1261), I(0)); /* BLKFLSBUF */
		SYS(p, __NR_sync, I(0));
		SYS(p, __NR_close, R(19));
	}
}

static void the_log(struct prog *p)
{
	static const u64 soon[4] = {0, 0, 1, 0}, long_enough[4] = {0, 0, 20, 0};

	SYS(p, __NR_syslog, I(10), I(0), I(0));
	EXPECT_OK(p, 0);
	SYS(p, __NR_syslog, I(3), I(MORE), I(9000));
	EXPECT_OK(p, 0);
	SYS(p, __NR_syslog, I(9), I(0), I(0));
	open_at(p, "/dev/kmsg", O_RDWR | O_NONBLOCK);
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	SYS(p, __NR_write, R(19), I(prog_string(p, "<5>a word")), I(9));
	EXPECT(p, 0, 9);
	SYS(p, __NR_read, R(19), I(MORE + 0x4000), I(1000));
	SYS(p, __NR_read, R(19), I(MORE + 0x4000), I(1000));
	/* What is new; another one may have read it, and nobody says more. */
	work_handler(p, SIGALRM);
	SYS(p, __NR_setitimer, I(0), I(prog_data(p, soon, sizeof(soon))), I(0));
	SYS(p, __NR_syslog, I(2), I(MORE + 0x8000), I(4000));
	SYS(p, __NR_setitimer, I(0), I(prog_data(p, long_enough, sizeof(long_enough))), I(0));
	SYS(p, __NR_syslog, I(5), I(0), I(0));
	SYS(p, __NR_syslog, I(8), I(0), I(1));
	SYS(p, __NR_syslog, I(8), I(0), I(7));
}

/* Both ends of a pseudo terminal: x19 the master, x20 the other. */
static void terminals(struct prog *p)
{
	static const u32 none;
	static const u16 size[4] = {24, 80, 0, 0};
	static const u64 ignore[4] = {1};

	/* The hang-up at the end is not to end us. */
	SYS(p, __NR_rt_sigaction, I(SIGHUP), I(prog_data(p, ignore, 32)), I(0), I(8));
	SYS(p, __NR_setsid, I(0));
	open_at(p, "/dev/ptmx", O_RDWR | 0400);
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	SYS(p, __NR_ioctl, R(19), I(0x40045431), I(prog_data(p, &none, 4)));
	EXPECT(p, 0, 0);
	SYS(p, __NR_ioctl, R(19), I(0x80045430), I(MORE)); /* TIOCGPTN */
	SYS(p, __NR_ioctl, R(19), I(0x5441), I(O_RDWR));
	EXPECT_OK(p, 0);
	MOVE(p, 20, 0);
	SYS(p, __NR_ioctl, R(20), I(0x540e), I(0)); /* TIOCSCTTY */
	SYS(p, __NR_ioctl, R(20), I(0x5401), I(MORE + 0x2000)); /* TCGETS */
	EXPECT(p, 0, 0);
	for (int i = 0; i < 3; i++) /* TCSETS, TCSETSW, TCSETSF */
		SYS(p, __NR_ioctl, R(20), I(0x5402 + i), I(MORE + 0x2000));
	SYS(p, __NR_ioctl, R(19), I(0x5414), I(prog_data(p, size, 8))); /* TIOCSWINSZ */
	SYS(p, __NR_ioctl, R(20), I(0x5413), I(MORE + 0x4000));
	SYS(p, __NR_ioctl, R(20), I(0x540f), I(MORE + 0x6000)); /* TIOCGPGRP */
	CHILD(p) {
		work_sleep(p);
		SYS(p, __NR_write, R(19), I(prog_string(p, "a line\nmore")), I(11));
		work_sleep(p);
		SYS(p, __NR_write, R(19), I(prog_string(p, "\n")), I(1));
		work_exit(p, 0);
	}
	MOVE(p, 21, 0);
	SYS(p, __NR_read, R(20), I(MORE + 0x8000), I(100));
	EXPECT(p, 0, 7);
	SYS(p, __NR_read, R(20), I(MORE + 0x8000), I(100));
	EXPECT(p, 0, 5);
	MOVE(p, 20, 20);
	SYS(p, __NR_wait4, R(21), I(STATUS), I(0), I(0));
	/* The other way, more than there is room for. */
	CHILD(p) {
		LOOP(p, 24, 6)
			SYS(p, __NR_write, R(20), I(BUFFER), I(4000));
		SYS(p, __NR_ioctl, R(20), I(0x5409), I(1)); /* TCSBRK: drain */
		work_exit(p, 0);
	}
	MOVE(p, 21, 0);
	LOOP(p, 24, 12)
		SYS(p, __NR_read, R(19), I(MORE + 0xa000), I(2000));
	SYS(p, __NR_ioctl, R(20), I(0x540b), I(2)); /* TCFLSH */
	SYS(p, __NR_ioctl, R(20), I(0x540a), I(0)); /* TCXONC */
	SYS(p, __NR_write, R(19), I(prog_string(p, "x")), I(1));
	SYS(p, __NR_ioctl, R(20), I(0x541b), I(MORE + 0xe000));
	SYS(p, __NR_ioctl, R(20), I(0x540a), I(1));
	SYS(p, __NR_kill, R(21), I(SIGKILL));
	SYS(p, __NR_wait4, R(21), I(STATUS), I(0), I(0));
	SYS(p, __NR_close, R(19)); /* hangs up */
	SYS(p, __NR_read, R(20), I(BUFFER), I(100));
	SYS(p, __NR_write, R(20), I(BUFFER), I(100));
}

static void store(struct prog *p, const char *name, const char *text)
{
	open_at(p, name, O_WRONLY);
	WITH_FD(p) {
		SYS(p, __NR_write, R(19), I(prog_string(p, text)), I(strlen(text)));
		SYS(p, __NR_close, R(19));
	}
}

static void proc_files(struct prog *p)
{
	static const char *const names[] = {
		"/proc/self/environ", "/proc/self/cmdline", "/proc/self/smaps", "/proc/self/limits",
		"/proc/self/mountinfo", "/proc/self/statm", "/proc/self/io", "/proc/executor",
		"/proc/slabinfo", "/proc/vmstat", "/proc/uptime", "/proc/loadavg", "/proc/cpuinfo",
		"/proc/interrupts", "/proc/filesystems", "/proc/devices", "/proc/partitions",
		"/proc/self/fdinfo/0", "/proc/sys/kernel/hostname", "/proc/sys/kernel/random/uuid",
		"/proc/self/task/1/stat", "/proc/version", "/proc/swaps", "/proc/diskstats",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		open_at(p, names[i], O_RDONLY);
		WITH_FD(p) {
			SYS(p, __NR_read, R(19), I(MORE + i * 4096), I(4000));
			SYS(p, __NR_close, R(19));
		}
	}
	open_at(p, "/proc/self/exe", O_RDONLY);
	open_at(p, "/proc/self/fd/0", O_RDONLY);
	open_at(p, "/proc/self/fd", O_RDONLY | O_DIRECTORY);
	WITH_FD(p)
		SYS(p, __NR_getdents64, R(19), I(BUFFER), I(1000));
	SYS(p, __NR_readlinkat, I(AT_FDCWD), I(prog_string(p, "/proc/self/cwd")), I(BUFFER), I(90));
	store(p, "/proc/sys/kernel/hostname", "sim\n");
	store(p, "/proc/self/comm", "name");
	store(p, "/proc/self/oom_score_adj", "10");
	store(p, "/proc/executor", "0");
	store(p, "/proc/sys/vm/drop_caches", "3");
	store(p, "/proc/version", "no");
}

work_fn *const sweep_devices[] = {memory_devices, the_disk_itself, the_log, terminals, proc_files,
				  NULL};
