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

void work_hook(struct prog *p, unsigned what)
{
	EMIT(p, {.op = HOST_OP_HOOK, .imm = what});
}

void work_needs(struct prog *p, const char *score)
{
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/proc/self/oom_score_adj")), I(O_WRONLY));
	SYS(p, __NR_write, R(0), I(prog_string(p, score)), I(strlen(score)));
}

void work_done_unless(struct prog *p, i64 value)
{
	IF(p, 0, NE, value)
		work_exit(p, 0);
}

void work_done_after_error(struct prog *p)
{
	IF(p, 0, LT, 0)
		work_exit(p, 0);
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
					 work_events, work_ipc, NULL};
static work_fn *const *const sweeps[] = {sweep_names, sweep_files, sweep_tasks, sweep_memory,
					 sweep_devices, sweep_ipc, sweep_net, sweep_trace,
					 sweep_wait, sweep_layers, sweep_cold, sweep_more, sweep_userfault, sweep_aio,
					 sweep_uring, work_files, work_tasks,
					 work_devices, work_events, work_ipc, NULL};

/* Those after which memory is as it was at once. */
static work_fn *const *const allocating[] = {work_files, work_tasks, work_devices, work_events,
					     NULL};
/* For somebody who is alone. */
static work_fn *const *const alone[] = {sweep_names, sweep_files, sweep_tasks, sweep_memory,
					sweep_devices, sweep_ipc, sweep_net, sweep_trace,
					sweep_wait, sweep_layers, sweep_cold, sweep_more, sweep_rare, sweep_ends,
					sweep_proc, sweep_refused, sweep_second, sweep_policy, sweep_userfault,
					sweep_userfault_refused, sweep_loop, sweep_mounting, sweep_written, sweep_fat, sweep_edges, sweep_aio, sweep_uring,
					work_files, work_tasks, work_devices, work_events,
					work_ipc, NULL};

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
		for (unsigned i = 0; nth_of(allocating, i); i++)
			work_one(p, nth_of(allocating, i));
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
	static const u64 long_enough[4] = {0, 0, 20, 0};

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

/* --- one thing, with a signal at each of its awaits --- */

/* SIGURG's handler: what it returns to may be changed by the hook. */
static void points_handler(struct prog *p)
{
	/* arm64's ucontext: x0 and pc of what was interrupted. */
	enum { AT_X0 = 184, AT_PC = 440 };
	unsigned over = prog_go(p), handler = p->n, restorer;
	u64 action[4];

	LOAD(p, 8, 9, 2, AT_PC);
	LOAD(p, 8, 10, 2, AT_X0);
	work_hook(p, WORK_HANDLED);
	STORE(p, 8, 11, 2, AT_PC);
	STORE(p, 8, 12, 2, AT_X0);
	EMIT(p, {.op = HOST_OP_RETURN});
	restorer = p->n;
	SET(p, 8, __NR_rt_sigreturn);
	EMIT(p, {.op = HOST_OP_SVC});
	prog_land(p, over);
	action[0] = PROG_CODE + handler * 16ul;
	action[1] = 0x04000004; /* SA_RESTORER, SA_SIGINFO */
	action[2] = PROG_CODE + restorer * 16ul;
	action[3] = 0;
	SYS(p, __NR_rt_sigaction, I(SIGURG), I(prog_data(p, action, sizeof(action))), I(0), I(8));
	EXPECT(p, 0, 0);
}

/* After four seconds whoever is still at it is killed; x20 is the program's number. */
static void points_watchdog(struct prog *p)
{
	static const u64 long_enough[2] = {4, 0};

	CHILD(p) {
		work_hook(p, WORK_WATCH);
		SYS(p, __NR_nanosleep, I(prog_data(p, long_enough, 16)), I(0));
		work_hook(p, WORK_STUCK);
		SYS(p, __NR_kill, R(20), I(SIGKILL));
		work_exit(p, 0);
	}
}

static void points_program(struct prog *p, unsigned thing)
{
	CHILD(p) {
		SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "/tmp/0")), I(0755));
		SYS(p, __NR_chdir, I(prog_string(p, "/tmp/0")));
		SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "w")), I(0755));
		SYS(p, __NR_mount, I(prog_string(p, "own")), I(prog_string(p, "w")),
		    I(prog_string(p, "tmpfs")), I(0), I(0));
		SYS(p, __NR_chdir, I(prog_string(p, "w")));
		IF(p, 26, EQ, 1)
			work_hook(p, WORK_ARM);
		SET(p, 27, 0);
		nth_of(alone, thing)(p);
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	points_watchdog(p);
	SYS(p, __NR_wait4, R(20), I(STATUS), I(0), I(0));
	EXPECT_REG(p, 0, 20);
	SET(p, 22, STATUS);
	LOAD(p, 4, 21, 22, 0);
	work_hook(p, WORK_ENDED);
}

/* What is only found when somebody looks: sockets in flight through each other, and the ends of
 * connections, a minute later and each port's on its own. */
static void points_clean_net(struct prog *p)
{
	static const u64 linger[2] = {61, 0};

	SYS(p, __NR_socket, I(1), I(1), I(0));
	SYS(p, __NR_close, R(0));
	SYS(p, __NR_nanosleep, I(prog_data(p, linger, 16)), I(0));
	for (unsigned i = 0; i < 3; i++) {
		static const u64 ports[3] = {0x3412, 0x3612, 0x5612}; /* network order */

		SYS(p, __NR_socket, I(2), I(1), I(0));
		MOVE(p, 19, 0);
		SYS(p, __NR_bind, R(19), I(prog_data(p, (const u64[]){2 | ports[i] << 16, 0}, 16)), I(16));
		EXPECT(p, 0, 0);
		SYS(p, __NR_close, R(19));
	}
}

/* Whoever is left over, and what outlives everybody. */
static void points_clean(struct prog *p)
{
	unsigned top;

	SET(p, 22, BUFFER); /* it is to be there the first time, too */
	STORE(p, 8, 22, 22, 0);
	SYS(p, __NR_kill, I(-1), I(SIGKILL));
	top = p->n;
	SYS(p, __NR_wait4, I(-1), I(STATUS), I(0), I(0));
	IF(p, 0, NE, -ECHILD)
		prog_go_to(p, top);
	work_hook(p, WORK_ALONE);
	for (int i = 0; i < 3; i++) {
		SYS(p, __NR_msgctl, I(i), I(11), I(BUFFER)); /* MSG_STAT: its number, by place */
		IF(p, 0, GE, 0)
			SYS(p, __NR_msgctl, R(0), I(0), I(0));
		SYS(p, __NR_semctl, I(i), I(0), I(18), I(BUFFER));
		IF(p, 0, GE, 0)
			SYS(p, __NR_semctl, R(0), I(0), I(0), I(0));
		SYS(p, __NR_shmctl, I(i), I(13), I(BUFFER));
		IF(p, 0, GE, 0)
			SYS(p, __NR_shmctl, R(0), I(0), I(0));
	}
	SYS(p, __NR_mq_unlink, I(prog_string(p, "queue0")));
	points_clean_net(p);
	SYS(p, __NR_sync, I(0)); /* what was written to the disk itself */
	SYS(p, __NR_umount2, I(prog_string(p, "/tmp/0/w")), I(2));
	SYS(p, __NR_umount2, I(prog_string(p, "/over")), I(2));
}

/* What programs find: all of it is gone with the mounts. */
static void points_mount(struct prog *p)
{
	SYS(p, __NR_mount, I(prog_string(p, "/dev/vda")), I(prog_string(p, "/mnt")),
	    I(prog_string(p, "ext4")), I(1), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_mount, I(prog_string(p, "tmp")), I(prog_string(p, "/tmp")),
	    I(prog_string(p, "tmpfs")), I(0), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "/tmp/upper")), I(0755));
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "/tmp/work")), I(0755));
	work_mount_overlay(p);
	EXPECT(p, 0, 0);
}

bool work_points(struct prog *p, unsigned thing)
{
	static const u64 while_workers_free[2] = {0, 100000000};

	if (!nth_of(alone, thing))
		return false;
	points_handler(p);
	work_mount(p);
	SYS(p, __NR_umount2, I(prog_string(p, "/mnt")), I(0));
	EXPECT(p, 0, 0);
	LOOP(p, 26, 3) {
		points_mount(p);
		points_program(p, thing);
		points_clean(p);
		SYS(p, __NR_nanosleep, I(prog_data(p, while_workers_free, 16)), I(0));
		SYS(p, __NR_umount2, I(prog_string(p, "/tmp")), I(0));
		EXPECT(p, 0, 0);
		SYS(p, __NR_umount2, I(prog_string(p, "/mnt")), I(0));
		IF(p, 0, NE, -EINVAL) /* it was taken down, and not put up again */
			EXPECT(p, 0, 0);
		SYS(p, __NR_nanosleep, I(prog_data(p, while_workers_free, 16)), I(0));
		IF(p, 26, EQ, 2)
			work_hook(p, WORK_QUIET);
	}
	work_hook(p, WORK_DISARM);
	work_hook(p, WORK_SAME);
	P_OFF_NOW(p);
	return true;
}
