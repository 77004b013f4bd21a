/* core/proc/clock.c */
#include "core/proc/clock.h"

#include "core/proc/internal.h"
#include "core/proc/timerfd.h"
#include "core/proc/wall_timer.h"
#include "hal/clock.h"
#include "hal/vdso.h"
#include "vfs/inode.h"

#define NS 1000000000ul
#define COARSE_NS ((u64)HAL_VDSO_COARSE_NS)

static i64 wall_offset;		/* [a] realtime minus hal_clock_ns */
static u64 times_set;		/* [a] */

struct waitq clock_set_wait = WAITQ_INIT(clock_set_wait);

void clock_init(void)
{
	wall_offset = (i64)(hal_clock_rtc_seconds() * NS);
	hal_vdso_set_wall(wall_offset, 0, 0);
	inode_set_clock(wall_offset);
}

u64 clock_wall_ns(void)
{
	return hal_clock_ns() + (u64)atomic_load_relaxed(&wall_offset);
}

u64 clock_boot_wall_seconds(void)
{
	return (u64)atomic_load_relaxed(&wall_offset) / NS;
}

int clock_set_wall(u64 wall_ns)
{
	u64 now = hal_clock_ns();

	if (wall_ns < now)
		return -EINVAL;
	atomic_store(&wall_offset, (i64)(wall_ns - now));
	hal_vdso_set_wall((i64)(wall_ns - now), 0, 0);
	inode_set_clock((i64)(wall_ns - now));
	atomic_add(&times_set, 1ul);
	wall_timer_clock_was_set();
	timerfd_clock_was_set();
	waitq_wake(&clock_set_wait);
	return 0;
}

u64 clock_times_set(void)
{
	return atomic_load(&times_set);
}

u64 clock_wall_offset(void)
{
	return (u64)atomic_load(&wall_offset);
}

u64 clock_wall_to_boot(u64 wall_ns)
{
	u64 offset = clock_wall_offset();

	return wall_ns > offset ? wall_ns - offset : 0;
}

static u64 clock_process_ns(struct process *p)
{
	struct process_usage u;

	process_cpu_time(p, &u);
	return u.user_ns + u.system_ns;
}

static u64 clock_thread_ns(struct thread *t)
{
	struct process_usage u;

	thread_usage(t, &u);
	return u.user_ns + u.system_ns;
}

/* A CPU-time clock of some process or thread: ~id << 3, 4 for a thread, and the kind. */
static int clock_parse_cpu(int id, struct process **p, struct thread **t)
{
	int nr = ~(id >> 3);

	if ((id & 3) == 3 || nr < 0)
		return -EINVAL;
	*p = NULL;
	*t = NULL;
	if (!nr)
		return 0;
	if (id & 4)
		*t = thread_find(nr);
	else
		*p = process_find(nr);
	if (*t && (*t)->process != process_current()) {
		task_put(&(*t)->task);
		*t = NULL;
	}
	return *t || *p ? 0 : -EINVAL;
}

int clock_cpu_owner(int id, struct process **p, struct thread **t)
{
	int err;

	if (id == CLOCK_PROCESS_CPUTIME_ID)
		id = -8;	/* the caller's process by number 0 */
	err = id < 0 ? clock_parse_cpu(id, p, t) : -EINVAL;
	if (err)
		return err;
	/* A thread does not see its own time pass while it waits. */
	if ((id & 4) && (!*t || *t == thread_current())) {
		if (*t)
			task_put(&(*t)->task);
		return -EINVAL;
	}
	if (!*p) {
		*p = process_current();
		process_get(*p);
	}
	return 0;
}

static int clock_read_cpu(int id, u64 *ns)
{
	struct process *p;
	struct thread *t;
	int err = clock_parse_cpu(id, &p, &t);

	if (err)
		return err;
	if (id & 4)
		*ns = clock_thread_ns(t ? t : thread_current());
	else
		*ns = clock_process_ns(p ? p : process_current());
	if (t)
		task_put(&t->task);
	process_put(p);
	return 0;
}

int clock_own_cpu(int id, int *kind, int *tid)
{
	int nr = ~(id >> 3);
	u64 ignored;

	if (id >= 0 || clock_read_cpu(id, &ignored))
		return -EINVAL;
	*kind = id & 4 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_PROCESS_CPUTIME_ID;
	*tid = id & 4 ? nr : 0;
	return (id & 4) || !nr || nr == process_pid(process_current()) ? 0 : -EOPNOTSUPP;
}

bool clock_is_cpu(int id)
{
	return id < 0 || id == CLOCK_PROCESS_CPUTIME_ID || id == CLOCK_THREAD_CPUTIME_ID;
}

bool clock_is_wall(int id)
{
	return id == CLOCK_REALTIME || id == CLOCK_TAI || id == CLOCK_REALTIME_ALARM;
}

bool clock_is_alarm(int id)
{
	return id == CLOCK_REALTIME_ALARM || id == CLOCK_BOOTTIME_ALARM;
}

int clock_read(int id, u64 *ns)
{
	u64 now = hal_clock_ns();

	if (id < 0)
		return clock_read_cpu(id, ns);
	switch (id) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_TAI:
		*ns = clock_wall_ns();
		return 0;
	case CLOCK_REALTIME_COARSE:
		*ns = clock_wall_ns();
		*ns -= *ns % COARSE_NS;
		return 0;
	case CLOCK_MONOTONIC_COARSE:
		*ns = now - now % COARSE_NS;
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM:
		*ns = now;
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
		*ns = clock_process_ns(process_current());
		return 0;
	case CLOCK_THREAD_CPUTIME_ID:
		*ns = clock_thread_ns(thread_current());
		return 0;
	default:
		return -EINVAL;
	}
}

int clock_resolution(int id, u64 *ns)
{
	u64 ignored;
	int err = clock_read(id, &ignored);

	if (err)
		return err;
	*ns = id == CLOCK_REALTIME_COARSE || id == CLOCK_MONOTONIC_COARSE ? COARSE_NS : 1;
	return 0;
}

int clock_deadline(int id, u64 ns, bool absolute, u64 *deadline_ns)
{
	u64 now = hal_clock_ns();

	switch (id) {
	case CLOCK_REALTIME:
	case CLOCK_TAI:
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM:
		break;
	case CLOCK_PROCESS_CPUTIME_ID:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE:
		return -EOPNOTSUPP;
	default:
		return -EINVAL;
	}
	if (!absolute) {
		if (add_overflows(now, ns, deadline_ns) || *deadline_ns == CO_FOREVER)
			*deadline_ns = CO_FOREVER - 1;
	} else {
		*deadline_ns = clock_is_wall(id) ? clock_wall_to_boot(ns) : ns;
	}
	return 0;
}

int clock_until_set(struct clock_until *u, int id, u64 ns, bool absolute)
{
	int err = clock_deadline(id, ns, absolute, &u->ns);

	u->wall = absolute && clock_is_wall(id);
	if (u->wall)
		u->ns = ns;
	return err;
}

int clock_from_timespec(const struct __kernel_timespec *ts, u64 *ns)
{
	if (ts->tv_sec < 0 || ts->tv_nsec < 0 || ts->tv_nsec >= (i64)NS)
		return -EINVAL;
	if (mul_overflows((u64)ts->tv_sec, NS, ns) || add_overflows(*ns, (u64)ts->tv_nsec, ns) ||
	    *ns > INT64_MAX)
		*ns = INT64_MAX;
	return 0;
}

struct __kernel_timespec clock_to_timespec(u64 ns)
{
	return (struct __kernel_timespec){.tv_sec = (i64)(ns / NS), .tv_nsec = (i64)(ns % NS)};
}
