/* syscalls/usage.c -- times, getrusage, limits. */
#include "syscalls/usage.h"

#include <linux/times.h>

#include "core/cred/cred.h"
#include "core/proc/itimer.h"
#include "core/proc/rt_time.h"
#include "core/proc/thread.h"
#include "hal/clock.h"
#include "syscalls/retry.h"
#include "vfs/fd.h"

#define NS 1000000000ul
#define TICK_NS 10000000ul	/* USER_HZ is 100 */

static struct __kernel_old_timeval usage_timeval(u64 ns)
{
	return (struct __kernel_old_timeval){.tv_sec = (long)(ns / NS),
					     .tv_usec = (long)(ns % NS / 1000)};
}

void usage_to_rusage(const struct process_usage *u, struct rusage *to)
{
	struct __kernel_old_timeval user = usage_timeval(u->user_ns);
	struct __kernel_old_timeval sys = usage_timeval(u->system_ns);

	*to = (struct rusage){
		.ru_maxrss = (long)(u->max_rss << (PAGE_SHIFT - 10)),
		.ru_minflt = (long)u->minor_faults,
		.ru_majflt = (long)u->major_faults,
		.ru_nvcsw = (long)u->voluntary,
		.ru_nivcsw = (long)u->involuntary,
	};
	memcpy(&to->ru_utime, &user, sizeof(user));
	memcpy(&to->ru_stime, &sys, sizeof(sys));
}

static long sys_times(struct task *t, uptr to)
{
	struct process *p = thread_of(t)->process;
	struct process_usage own, children;
	struct tms tms;

	process_cpu_time(p, &own);
	spin_lock(&proc_tree_lock);
	children = p->children_usage;
	spin_unlock(&proc_tree_lock);
	tms = (struct tms){
		.tms_utime = (long)(own.user_ns / TICK_NS),
		.tms_stime = (long)(own.system_ns / TICK_NS),
		.tms_cutime = (long)(children.user_ns / TICK_NS),
		.tms_cstime = (long)(children.system_ns / TICK_NS),
	};
	if (to.raw && !user_put(t, to, &tms, sizeof(tms)))
		return SYS_MUST_WAIT;
	return (long)(hal_clock_ns() / TICK_NS);
}
SYSCALL_RETRY(times, uptr);

static long sys_getrusage(struct task *t, int who, uptr to)
{
	struct thread *thread = thread_of(t);
	struct process *p = thread->process;
	struct process_info info;
	struct process_usage own;
	struct rusage ru;

	if (who == RUSAGE_SELF) {
		process_cpu_time(p, &own);
	} else if (who == RUSAGE_CHILDREN) {
		spin_lock(&proc_tree_lock);
		own = p->children_usage;
		spin_unlock(&proc_tree_lock);
	} else if (who == RUSAGE_THREAD) {
		process_thread_info(p, &pid_ns_first, thread->tid->nr, &info);
		own = info.own;
	} else {
		return -EINVAL;
	}
	usage_to_rusage(&own, &ru);
	return user_put(t, to, &ru, sizeof(ru)) ? 0 : SYS_MUST_WAIT;
}
SYSCALL_RETRY(getrusage, int, uptr);

/* --- limits --- */

static int limit_check(const struct task *t, unsigned which, const struct rlimit *now,
		       const struct rlimit *new)
{
	if (new->rlim_cur > new->rlim_max)
		return -EINVAL;
	if (which == RLIMIT_NOFILE && new->rlim_max > FD_MAX)
		return -EPERM;
	if (new->rlim_max > now->rlim_max && !cred_capable(t->cred, CAP_SYS_RESOURCE))
		return -EPERM;
	return 0;
}

/* May t see and change p's limits? */
static int limit_may(const struct task *t, struct process *p)
{
	const struct cred *me = t->cred;
	struct cred *they;
	bool same;

	if (p == thread_of((struct task *)t)->process)
		return 0;
	they = process_cred(p);
	if (!they)
		return -ESRCH;
	same = me->uid == they->uid && me->uid == they->euid && me->uid == they->suid &&
	       me->gid == they->gid && me->gid == they->egid && me->gid == they->sgid;
	same = same || cred_capable_in(me, they->ns, CAP_SYS_RESOURCE);
	cred_put(they);
	return same ? 0 : -EPERM;
}

static int limit_set(struct task *t, struct process *p, unsigned which, const struct rlimit *new)
{
	int err;

	spin_lock(&p->sig_lock);
	err = limit_check(t, which, &p->limits.of[which], new);
	if (!err)
		p->limits.of[which] = *new;
	spin_unlock(&p->sig_lock);
	if (!err)
		rlimit_apply(p);
	if (!err && which == RLIMIT_RTTIME)
		rt_time_limited(p);
	if (!err && which == RLIMIT_CPU)
		err = itimer_limit(p);
	return err;
}

static long limit_call(struct task *t, int pid, unsigned which, uptr new, uptr old)
{
	struct process *p;
	struct rlimit was, wanted;
	long err;

	if (which >= RLIMIT_COUNT)
		return -EINVAL;
	if (new.raw && !user_get(t, &wanted, new, sizeof(wanted)))
		return SYS_MUST_WAIT;
	p = pid ? process_find(pid) : thread_of(t)->process;
	if (!p)
		return -ESRCH;
	err = limit_may(t, p);
	was = p->limits.of[which];
	if (!err && old.raw && !user_put(t, old, &was, sizeof(was)))
		err = SYS_MUST_WAIT;
	if (!err && new.raw)
		err = limit_set(t, p, which, &wanted);
	if (pid)
		process_put(p);
	return err;
}

static long sys_prlimit64(struct task *t, int pid, u32 which, uptr new, uptr old)
{
	return limit_call(t, pid, which, new, old);
}
SYSCALL_RETRY(prlimit64, int, u32, uptr, uptr);

static long sys_getrlimit(struct task *t, u32 which, uptr to)
{
	if (which >= RLIMIT_COUNT)
		return -EINVAL;
	return to.raw ? limit_call(t, 0, which, uptr_of(0), to) : -EFAULT;
}
SYSCALL_RETRY(getrlimit, u32, uptr);

static long sys_setrlimit(struct task *t, u32 which, uptr from)
{
	return from.raw ? limit_call(t, 0, which, from, uptr_of(0)) : -EFAULT;
}
SYSCALL_RETRY(setrlimit, u32, uptr);
