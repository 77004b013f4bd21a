/* syscalls/time.c -- clocks, sleeps, timers, usage. */
#include <linux/timex.h>

#include "core/cred/cred.h"
#include "core/proc/clock.h"
#include "core/proc/cpu_sleep.h"
#include "core/proc/futex.h"
#include "core/proc/itimer.h"
#include "hal/clock.h"
#include "mem/space/uaccess.h"
#include "syscalls/retry.h"
#include "syscalls/usage.h"

#define NS 1000000000ul
#define TICK_NS 10000000ul	/* USER_HZ is 100 */

static struct __kernel_old_timeval time_to_timeval(u64 ns)
{
	return (struct __kernel_old_timeval){.tv_sec = (long)(ns / NS),
					     .tv_usec = (long)(ns % NS / 1000)};
}

static int time_from_timeval(const struct __kernel_old_timeval *tv, u64 *ns)
{
	struct __kernel_timespec ts = {.tv_sec = tv->tv_sec, .tv_nsec = tv->tv_usec * 1000};

	if (tv->tv_usec < 0 || tv->tv_usec >= 1000000)
		return -EINVAL;
	return clock_from_timespec(&ts, ns);
}

/* --- clocks --- */

static long sys_clock_gettime(struct task *t, int id, uptr to)
{
	struct __kernel_timespec ts;
	u64 ns;
	int err = clock_read(id, &ns);

	if (err)
		return err;
	ts = clock_to_timespec(ns);
	return user_put(t, to, &ts, sizeof(ts)) ? 0 : SYS_MUST_WAIT;
}
SYSCALL_RETRY(clock_gettime, int, uptr);

static long sys_clock_getres(struct task *t, int id, uptr to)
{
	struct __kernel_timespec ts;
	u64 ns;
	int err = clock_resolution(id, &ns);

	if (err || !to.raw)
		return err;
	ts = clock_to_timespec(ns);
	return user_put(t, to, &ts, sizeof(ts)) ? 0 : SYS_MUST_WAIT;
}
SYSCALL_RETRY(clock_getres, int, uptr);

static long sys_clock_settime(struct task *t, int id, uptr from)
{
	struct __kernel_timespec ts;
	u64 ns;
	int err;

	if (id != CLOCK_REALTIME && id >= 0)
		return -EINVAL;
	if (!user_get(t, &ts, from, sizeof(ts)))
		return SYS_MUST_WAIT;
	/* Time that was used is nobody's to set. */
	if (id < 0)
		return clock_read(id, &ns) ? -EINVAL : -EPERM;
	err = clock_from_timespec(&ts, &ns);
	if (err)
		return err;
	return cred_capable(t->cred, CAP_SYS_TIME) ? clock_set_wall(ns) : -EPERM;
}
SYSCALL_RETRY(clock_settime, int, uptr);

struct time_zone {
	int minutes_west, dst_time;
};

static long sys_gettimeofday(struct task *t, uptr to, uptr zone)
{
	struct __kernel_old_timeval tv = time_to_timeval(clock_wall_ns());
	struct time_zone tz = {0};

	if (to.raw && !user_put(t, to, &tv, sizeof(tv)))
		return SYS_MUST_WAIT;
	if (zone.raw && !user_put(t, zone, &tz, sizeof(tz)))
		return SYS_MUST_WAIT;
	return 0;
}
SYSCALL_RETRY(gettimeofday, uptr, uptr);

static long sys_settimeofday(struct task *t, uptr from, uptr zone)
{
	struct __kernel_old_timeval tv;
	int minutes_west[2] = {0};	/* a struct timezone, which means nothing here */
	u64 ns = 0;
	int err = 0;

	if (from.raw && !user_get(t, &tv, from, sizeof(tv)))
		return SYS_MUST_WAIT;
	if (from.raw)
		err = time_from_timeval(&tv, &ns);
	if (err)
		return err;
	if (zone.raw && !user_get(t, minutes_west, zone, sizeof(minutes_west)))
		return SYS_MUST_WAIT;
	if (!cred_capable(t->cred, CAP_SYS_TIME))
		return -EPERM;
	if (minutes_west[0] > 15 * 60 || minutes_west[0] < -15 * 60)
		return -EINVAL;
	return from.raw ? clock_set_wall(ns) : 0;
}
SYSCALL_RETRY(settimeofday, uptr, uptr);

/* The clock is never slewed: what can be read is that it runs true. */
static long time_adjust(struct task *t, uptr to)
{
	struct timex tx;
	u64 now = clock_wall_ns();

	if (!user_get(t, &tx, to, sizeof(tx)))
		return SYS_MUST_WAIT;
	if ((tx.modes & ADJ_TICK) && (tx.tick < 9000 || tx.tick > 11000))
		return cred_capable(t->cred, CAP_SYS_TIME) ? -EINVAL : -EPERM;
	if (tx.modes)
		return cred_capable(t->cred, CAP_SYS_TIME) ? -EOPNOTSUPP : -EPERM;
	tx = (struct timex){.status = STA_UNSYNC, .precision = 1, .tolerance = 32768000,
			    .tick = 10000, .maxerror = 16000000, .esterror = 16000000};
	tx.time.tv_sec = (long)(now / NS);
	tx.time.tv_usec = (long)(now % NS / 1000);
	return user_put(t, to, &tx, sizeof(tx)) ? TIME_ERROR : SYS_MUST_WAIT;
}

static long sys_adjtimex(struct task *t, uptr to)
{
	return time_adjust(t, to);
}
SYSCALL_RETRY(adjtimex, uptr);

static long sys_clock_adjtime(struct task *t, int id, uptr to)
{
	struct timex tx;

	if (id > CLOCK_TAI || id == CLOCK_SGI_CYCLE)
		return -EINVAL;
	if (id == CLOCK_REALTIME)
		return time_adjust(t, to);
	return user_get(t, &tx, to, sizeof(tx)) ? -EOPNOTSUPP : SYS_MUST_WAIT;
}
SYSCALL_RETRY(clock_adjtime, int, uptr);

/* --- sleeping --- */

struct time_sleep {
	struct co_frame co;
	struct clock_until until;
	uptr left;		/* where the rest goes if it is cut short; 0: nowhere */
	int id;			/* a CPU-time clock, or CLOCK_MONOTONIC for all others */
	bool absolute;
	struct __kernel_timespec ts;
	long err;
};

static u64 time_left(int id, u64 deadline_ns)
{
	u64 now;

	return !clock_read(id, &now) && deadline_ns > now ? deadline_ns - now : 0;
}

static co_t time_sleep(struct co *co, struct time_sleep *f)
{
	CO_BEGIN;
	if (f->id == CLOCK_MONOTONIC) {
		CLOCK_WAIT_UNTIL(f->err, false, &f->until);
		f->err = f->err == -ETIMEDOUT ? 0 : f->err;
	} else {
		CO_AWAIT(f->err, cpu_sleep, .id = f->id, .deadline_ns = f->until.ns);
	}
	if (f->err != -ERESTARTSYS)
		CO_RETURN(f->err);
	if (f->absolute)
		CO_RETURN(-ERESTARTNOHAND);
	if (f->left.raw) {
		f->ts = clock_to_timespec(time_left(f->id, f->until.ns));
		CO_COPY_TO_USER(f->err, f->left, &f->ts, sizeof(f->ts));
		if (f->err == -EFAULT)
			CO_RETURN(-EFAULT);
	}
	f->err = thread_may_restart(thread_of_co(co), &(struct restart){
		.kind = RESTART_SLEEP, .arg = (u32)f->id, .addr = f->left,
		.deadline_ns = f->until.ns});
	CO_RETURN(f->err);
	CO_END;
}

struct sys_nanosleep {
	struct co_frame co;
	uptr from, left;
	struct __kernel_timespec ts;
	u64 ns;
	struct clock_until until;
	long err;
};
static co_t sys_nanosleep(struct co *co, struct sys_nanosleep *f)
{
	CO_BEGIN;
	CO_COPY_FROM_USER(f->err, &f->ts, f->from, sizeof(f->ts));
	if (!f->err)
		f->err = clock_from_timespec(&f->ts, &f->ns);
	if (!f->err)
		f->err = clock_until_set(&f->until, CLOCK_MONOTONIC, f->ns, false);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, time_sleep, .id = CLOCK_MONOTONIC, .until = f->until,
		 .left = f->left);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(nanosleep, from, left);

struct sys_clock_nanosleep {
	struct co_frame co;
	int id, flags;
	uptr from, left;
	struct __kernel_timespec ts;
	u64 ns;
	struct clock_until until;
	long err;
};
/* Asked before the time is looked at. A clock that is a descriptor is nothing to sleep on. */
static int time_can_sleep(int id)
{
	u64 ignored;

	if (id < 0)
		return (id & 7) == 3 ? -EOPNOTSUPP : 0;
	if (id == CLOCK_THREAD_CPUTIME_ID)
		return -EOPNOTSUPP;
	return clock_is_cpu(id) ? 0 : clock_deadline(id, 0, false, &ignored);
}

/* When a sleep of ns ends, on the clock that time_sleep goes by. */
static int time_sleep_end(struct sys_clock_nanosleep *f)
{
	bool absolute = f->flags & TIMER_ABSTIME;
	int err;

	if (!clock_is_cpu(f->id)) {
		err = clock_until_set(&f->until, f->id, f->ns, absolute);
		f->id = CLOCK_MONOTONIC;
		return err;
	}
	f->until.ns = 0;
	err = absolute ? 0 : clock_read(f->id, &f->until.ns);
	f->until.ns += f->ns;
	return err;
}

static co_t sys_clock_nanosleep(struct co *co, struct sys_clock_nanosleep *f)
{
	CO_BEGIN;
	f->err = time_can_sleep(f->id);
	if (f->err)
		CO_RETURN(f->err);
	CO_COPY_FROM_USER(f->err, &f->ts, f->from, sizeof(f->ts));
	if (!f->err)
		f->err = clock_from_timespec(&f->ts, &f->ns);
	if (!f->err)
		f->err = time_sleep_end(f);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, time_sleep, .id = f->id, .until = f->until,
		 .absolute = f->flags & TIMER_ABSTIME, .left = f->left);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(clock_nanosleep, id, flags, from, left);

struct sys_restart_syscall {
	struct co_frame co;
	struct restart r;
	long err;
};
static co_t sys_restart_syscall(struct co *co, struct sys_restart_syscall *f)
{
	CO_BEGIN;
	if (!thread_restart(thread_of_co(co)))
		CO_RETURN(-EINTR);
	f->r = *thread_restart(thread_of_co(co));
	thread_forget_restart(thread_of_co(co));
	if (f->r.kind == RESTART_SLEEP) {
		CO_AWAIT(f->err, time_sleep, .id = (int)f->r.arg, .until.ns = f->r.deadline_ns,
			 .left = f->r.addr);
	} else if (f->r.kind == RESTART_FUTEX) {
		CO_AWAIT(f->err, futex_wait, .addr = f->r.addr, .value = f->r.arg,
			 .bitset = f->r.arg2, .shared = f->r.flags,
			 .until.ns = f->r.deadline_ns, .relative = true);
	} else {
		f->err = -EINTR;
	}
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(restart_syscall);

/* --- interval timers --- */

struct time_itimerval {
	struct __kernel_old_timeval interval, value;
};

static struct time_itimerval itimer_to_user(const struct posix_timer_setting *s)
{
	return (struct time_itimerval){time_to_timeval(s->interval), time_to_timeval(s->value)};
}

static long sys_getitimer(struct task *t, int which, uptr to)
{
	struct posix_timer_setting now;
	struct time_itimerval user;
	int err = itimer_set(thread_of(t)->process, which, NULL, &now);

	if (err)
		return err;
	user = itimer_to_user(&now);
	return user_put(t, to, &user, sizeof(user)) ? 0 : SYS_MUST_WAIT;
}
SYSCALL_RETRY(getitimer, int, uptr);

static long sys_setitimer(struct task *t, int which, uptr from, uptr to)
{
	struct posix_timer_setting new = {0}, old;
	struct time_itimerval user = {0};
	struct process *p = thread_of(t)->process;
	int err;

	if (from.raw && !user_get(t, &user, from, sizeof(user)))
		return SYS_MUST_WAIT;
	err = time_from_timeval(&user.interval, &new.interval);
	if (!err)
		err = time_from_timeval(&user.value, &new.value);
	if (err)
		return err;
	if (to.raw) {
		err = itimer_set(p, which, NULL, &old);
		user = itimer_to_user(&old);
		if (!err && !user_put(t, to, &user, sizeof(user)))
			return SYS_MUST_WAIT;
	}
	return err ? err : itimer_set(p, which, &new, &old);
}
SYSCALL_RETRY(setitimer, int, uptr, uptr);

/* --- POSIX timers --- */

static long sys_timer_create(struct task *t, int clock, uptr event, uptr to)
{
	sigevent_t e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
	int id = event.raw ? 0 : -1, err, probe = 0;

	if (event.raw && !user_get(t, &e, event, sizeof(e)))
		return SYS_MUST_WAIT;
	err = posix_timer_check(clock, &e);
	if (err)
		return err;
	/* The number's place must be there before the timer is. */
	if (!user_put(t, to, &probe, sizeof(probe)))
		return SYS_MUST_WAIT;
	err = posix_timer_create(thread_of(t)->process, clock, &e, &id);
	if (err)
		return err;
	if (user_put(t, to, &id, sizeof(id)))
		return 0;
	posix_timer_delete(thread_of(t)->process, id);
	return SYS_MUST_WAIT;
}
SYSCALL_RETRY(timer_create, int, uptr, uptr);

static struct __kernel_itimerspec timer_to_user(const struct posix_timer_setting *s)
{
	return (struct __kernel_itimerspec){clock_to_timespec(s->interval),
					    clock_to_timespec(s->value)};
}

static long sys_timer_settime(struct task *t, int id, int flags, uptr from, uptr to)
{
	struct posix_timer_setting new, old;
	struct __kernel_itimerspec user;
	struct process *p = thread_of(t)->process;
	int err;

	if (!from.raw)
		return -EINVAL;
	if (!user_get(t, &user, from, sizeof(user)))
		return SYS_MUST_WAIT;
	err = clock_from_timespec(&user.it_interval, &new.interval);
	if (!err)
		err = clock_from_timespec(&user.it_value, &new.value);
	if (!err && to.raw) {
		err = posix_timer_get(p, id, &old);
		user = timer_to_user(&old);
		if (!err && !user_put(t, to, &user, sizeof(user)))
			return SYS_MUST_WAIT;
	}
	return err ? err : posix_timer_set(p, id, flags & TIMER_ABSTIME, &new, NULL);
}
SYSCALL_RETRY(timer_settime, int, int, uptr, uptr);

static long sys_timer_gettime(struct task *t, int id, uptr to)
{
	struct posix_timer_setting now;
	struct __kernel_itimerspec user;
	int err = posix_timer_get(thread_of(t)->process, id, &now);

	if (err)
		return err;
	user = timer_to_user(&now);
	return user_put(t, to, &user, sizeof(user)) ? 0 : SYS_MUST_WAIT;
}
SYSCALL_RETRY(timer_gettime, int, uptr);

static long sys_timer_getoverrun(struct task *t, int id)
{
	return posix_timer_overrun(thread_of(t)->process, id);
}
SYSCALL_PLAIN(timer_getoverrun, int);

static long sys_timer_delete(struct task *t, int id)
{
	return posix_timer_delete(thread_of(t)->process, id);
}
SYSCALL_PLAIN(timer_delete, int);
