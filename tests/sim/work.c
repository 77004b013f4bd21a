/* tests/sim/work.c -- the order of things: who does which of them when. */
#include "base.h"

u64 work_fresh(struct prog *p)
{
	return PROG_SPACE + 0x28000 + p->n / 8 % 23 * 4096;
}

void work_exit(struct prog *p, int status)
{
	SYS(p, __NR_exit_group, I(status));
}

unsigned prog_if_not_negative(struct prog *p, unsigned reg)
{
	EMIT(p, {.op = HOST_OP_IF_LT, .a = (u8)reg, .b = P_NONE});
	return p->n - 1;
}

void work_wait(struct prog *p)
{
	SYS(p, __NR_wait4, R(20), I(STATUS), I(0), I(0));
	EXPECT_REG(p, 0, 20);
	SET(p, 22, STATUS);
	LOAD(p, 4, 21, 22, 0);
}

void work_own_path(struct prog *p, unsigned reg, const char *format_)
{
	char names[8][24];

	memset(names, 0, sizeof(names));
	for (unsigned i = 0; i < 8; i++)
		snprintf(names[i], sizeof(names[i]), format_, i);
	EMIT(p, {.op = HOST_OP_MUL, .d = (u8)reg, .a = 27, .imm = sizeof(names[0])});
	ADD(p, reg, reg, prog_data(p, names, sizeof(names)));
}

static void work_mount(struct prog *p)
{
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "/tmp")), I(0777));
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "/mnt")), I(0777));
	SYS(p, __NR_mount, I(prog_string(p, "dev")), I(prog_string(p, "/dev")),
	    I(prog_string(p, "devtmpfs")), I(0), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "/proc")), I(0555));
	SYS(p, __NR_mount, I(prog_string(p, "proc")), I(prog_string(p, "/proc")),
	    I(prog_string(p, "proc")), I(0), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "/dev/pts")), I(0755));
	SYS(p, __NR_mount, I(prog_string(p, "devpts")), I(prog_string(p, "/dev/pts")),
	    I(prog_string(p, "devpts")), I(0), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "/over")), I(0755));
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "/tmp/upper")), I(0755));
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "/tmp/work")), I(0755));
	SYS(p, __NR_mount, I(prog_string(p, "/dev/vda")), I(prog_string(p, "/mnt")),
	    I(prog_string(p, "ext4")), I(1), I(0));
}

static void work_mount_overlay(struct prog *p)
{
	SYS(p, __NR_mount, I(prog_string(p, "over")), I(prog_string(p, "/over")),
	    I(prog_string(p, "overlay")), I(0),
	    I(prog_string(p, "lowerdir=/mnt,upperdir=/tmp/upper,workdir=/tmp/work")));
}

static work_fn *const *const mixed[] = {work_files, work_tasks, work_devices,
					 work_events, NULL};
static work_fn *const *const sweeps[] = {sweep_names, sweep_files, sweep_tasks, sweep_memory,
					 sweep_devices, sweep_ipc, work_files, work_tasks,
					 work_devices, work_events, NULL};

/* NULL past the last. */
static work_fn *nth_of(work_fn *const *const *lists, unsigned n)
{
	for (; *lists; lists++)
		for (work_fn *const *fn = *lists; *fn; fn++)
			if (!n--)
				return *fn;
	return NULL;
}

static work_fn *nth_thing(unsigned n)
{
	return nth_of(mixed, n);
}

static unsigned count_of(work_fn *const *const *lists)
{
	unsigned n = 0;

	while (nth_of(lists, n))
		n++;
	return n;
}

void work_mixed(struct prog *p, unsigned rounds)
{
	unsigned things = count_of(mixed);

	work_mount(p);
	IF(p, 0, EQ, -EIO) /* the disk's right */
		P_OFF_NOW(p);
	EXPECT(p, 0, 0);
	work_mount_overlay(p);
	IF(p, 0, NE, -EIO)
		EXPECT(p, 0, 0);
	LOOP(p, 27, 4) {
		CHILD(p) {
			LOOP(p, 26, rounds) {
				RANDOM(p, 25, things);
				for (unsigned i = 0; i < things; i++)
					IF(p, 25, EQ, i)
						nth_thing(i)(p);
			}
			work_exit(p, 0);
		}
		EXPECT_OK(p, 0);
	}
	LOOP(p, 27, 4) {
		SYS(p, __NR_wait4, I(-1), I(STATUS), I(0), I(0));
		EXPECT_OK(p, 0);
		SET(p, 22, STATUS);
		LOAD(p, 4, 21, 22, 0);
		IF(p, 21, NE, SIGBUS)
			EXPECT(p, 21, 0);
	}
	SYS(p, __NR_wait4, I(-1), I(STATUS), I(0), I(0));
	EXPECT(p, 0, -ECHILD);
	SYS(p, __NR_umount2, I(prog_string(p, "/over")), I(0));
	/* What the overlay held is let go by a worker. */
	SYS(p, __NR_nanosleep, I(prog_data(p, (const u64[]){0, 100000000}, 16)), I(0));
	SYS(p, __NR_umount2, I(prog_string(p, "/mnt")), I(0));
	EXPECT(p, 0, 0);
	P_OFF_NOW(p);
}

/* One thing in a child of its own; 27 is 2 while allocations fail. */
static void work_one(struct prog *p, work_fn *thing)
{
	unsigned top;

	CHILD(p) {
		SET(p, 27, 0);
		thing(p);
		work_exit(p, 0);
	}
	IF(p, 27, NE, 2)
		EXPECT_OK(p, 0);
	/* What a thing that broke off left behind would run for ever. */
	IF(p, 27, EQ, 2) {
		IF(p, 0, GE, 0) {
			MOVE(p, 20, 0);
			SYS(p, __NR_wait4, R(20), I(STATUS), I(0), I(0));
			SYS(p, __NR_kill, I(-1), I(SIGKILL));
		}
	}
	top = p->n;
	SYS(p, __NR_wait4, I(-1), I(STATUS), I(0), I(0));
	IF(p, 0, GE, 0) {
		SET(p, 22, STATUS);
		LOAD(p, 4, 21, 22, 0);
		IF(p, 27, NE, 2)
			EXPECT(p, 21, 0);
	}
	IF(p, 0, NE, -ECHILD)
		prog_go_to(p, top);
}

static void work_hook(struct prog *p, unsigned what)
{
	EMIT(p, {.op = HOST_OP_HOOK, .imm = what});
}

void work_allocations(struct prog *p)
{
	static const u64 while_workers_free[2] = {0, 50000000};

	work_mount(p);
	SYS(p, __NR_umount2, I(prog_string(p, "/mnt")), I(0));
	LOOP(p, 27, 3) {
		IF(p, 27, EQ, 2)
			work_hook(p, WORK_FAIL);
		SYS(p, __NR_mount, I(prog_string(p, "/dev/vda")), I(prog_string(p, "/mnt")),
		    I(prog_string(p, "ext4")), I(1), I(0));
		IF(p, 27, NE, 2)
			EXPECT(p, 0, 0);
		for (unsigned i = 0; nth_thing(i); i++)
			work_one(p, nth_thing(i));
		SYS(p, __NR_umount2, I(prog_string(p, "/mnt")), I(0));
		IF(p, 27, EQ, 2)
			work_hook(p, WORK_FAILED);
		IF(p, 27, EQ, 2) /* the unmounting itself may have failed */
			SYS(p, __NR_umount2, I(prog_string(p, "/mnt")), I(0));
		SYS(p, __NR_nanosleep, I(prog_data(p, while_workers_free, 16)), I(0));
		IF(p, 27, EQ, 3)
			work_hook(p, WORK_QUIET);
	}
	work_hook(p, WORK_SAME);
	P_OFF_NOW(p);
}

/* A child in a directory of its own does one of the sweeps, and nothing is left of it. */
static void work_sweep_one(struct prog *p, unsigned n)
{
	static const u64 long_enough[4] = {0, 0, 5, 0};

	CHILD(p) {
		SYS(p, __NR_setitimer, I(0), I(prog_data(p, long_enough, 32)), I(0));
		work_own_path(p, 20, "/tmp/%u");
		SYS(p, __NR_mkdirat, I(AT_FDCWD), R(20), I(0755));
		SYS(p, __NR_chdir, R(20));
		EXPECT(p, 0, 0);
		SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "w")), I(0755));
		SYS(p, __NR_mount, I(prog_string(p, "own")), I(prog_string(p, "w")),
		    I(prog_string(p, "tmpfs")), I(0), I(0));
		EXPECT(p, 0, 0);
		SYS(p, __NR_chdir, I(prog_string(p, "w")));
		EXPECT(p, 0, 0);
		nth_of(sweeps, n)(p);
		work_exit(p, 0);
	}
	IF(p, 0, GE, 0) {
		MOVE(p, 20, 0);
		work_wait(p);
		/* A bad sector in a program or a mapping, or it was taken for who needs most. */
		IF(p, 21, NE, SIGBUS)
			IF(p, 21, NE, SIGKILL)
				EXPECT(p, 21, 0);
	}
	work_own_path(p, 20, "/tmp/%u/w");
	SYS(p, __NR_umount2, R(20), I(2));
}

/* One time in three the next one finds nothing in the caches. */
static void work_drop_caches(struct prog *p)
{
	RANDOM(p, 24, 3);
	IF(p, 24, EQ, 0) {
		SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/proc/sys/vm/drop_caches")),
		    I(O_WRONLY));
		WITH_FD(p) {
			SYS(p, __NR_write, R(19), I(prog_string(p, "3")), I(1));
			SYS(p, __NR_close, R(19));
		}
		work_sleep(p);
	}
}

void work_sweep(struct prog *p, unsigned rounds)
{
	unsigned things = count_of(sweeps);

	p->forgetful = true;
	work_mount(p);
	IF(p, 0, EQ, -EIO) /* the disk's right */
		P_OFF_NOW(p);
	work_mount_overlay(p);
	work_hook(p, WORK_FAIL);
	LOOP(p, 27, 2) {
		CHILD(p) {
			LOOP(p, 26, rounds) {
				work_drop_caches(p);
				RANDOM(p, 25, things);
				for (unsigned i = 0; i < things; i++)
					IF(p, 25, EQ, i)
						work_sweep_one(p, i);
			}
			work_exit(p, 0);
		}
		IF(p, 27, EQ, 1)
			MOVE(p, 20, 0);
		IF(p, 27, EQ, 2)
			MOVE(p, 19, 0);
	}
	SYS(p, __NR_wait4, R(19), I(STATUS), I(0), I(0));
	SYS(p, __NR_wait4, R(20), I(STATUS), I(0), I(0));
	/* Whoever waits for one that failed. */
	SYS(p, __NR_kill, I(-1), I(SIGKILL));
	{
		unsigned top = p->n;

		SYS(p, __NR_wait4, I(-1), I(STATUS), I(0), I(0));
		IF(p, 0, NE, -ECHILD)
			prog_go_to(p, top);
	}
	work_hook(p, WORK_FAILED);
	SYS(p, __NR_umount2, I(prog_string(p, "/over")), I(2));
	SYS(p, __NR_umount2, I(prog_string(p, "/mnt")), I(2));
	SYS(p, __NR_nanosleep, I(prog_data(p, (const u64[]){0, 100000000}, 16)), I(0));
	P_OFF_NOW(p);
}
