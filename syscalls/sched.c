/* syscalls/sched.c -- priorities, policies, affinity.
 *
 * There is one policy, that of SCHED_OTHER; SCHED_BATCH and SCHED_IDLE are remembered by
 * nobody and run the same way, the real-time ones are refused.
 */
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/sched/types.h>

#include "core/cred/cred.h"
#include "core/proc/process.h"
#include "core/proc/thread.h"
#include "coro/executor.h"
#include "syscalls/retry.h"

#define SLICE_NS 3000000l

static long sys_sched_yield(struct task *t)
{
	executor_yield(t);
	return 0;
}
SYSCALL_PLAIN(sched_yield);

/* The thread meant by a number (0: the caller), with a reference; NULL: none. */
static struct thread *sched_target(struct task *t, int pid)
{
	if (pid < 0)
		return NULL;
	if (pid)
		return thread_find(pid);
	task_get(t);
	return thread_of(t);
}

/* May the caller change that thread's scheduling? */
static int sched_may(struct task *t, struct thread *target)
{
	const struct cred *me = t->cred;
	struct cred *they = thread_cred(target);
	bool may = me->euid == they->euid || me->euid == they->uid ||
		   cred_capable(me, CAP_SYS_NICE);

	cred_put(they);
	return may ? 0 : -EPERM;
}

static u64 sched_online(void)
{
	return (1ul << hal_cpu_count()) - 1;
}

static long sys_sched_getaffinity(struct task *t, int pid, u32 len, uptr to)
{
	struct thread *target;
	u64 mask;

	if (len * 8u < hal_cpu_count() || len % sizeof(u64))
		return -EINVAL;
	target = sched_target(t, pid);
	if (!target)
		return -ESRCH;
	mask = atomic_load(&target->task.affinity) & sched_online();
	task_put(&target->task);
	return user_put(t, to, &mask, sizeof(mask)) ? (long)sizeof(mask) : SYS_MUST_WAIT;
}
SYSCALL_RETRY(sched_getaffinity, int, u32, uptr);

static long sys_sched_setaffinity(struct task *t, int pid, u32 len, uptr from)
{
	struct thread *target;
	u64 mask = 0;
	long err;

	if (!user_get(t, &mask, from, min((u64)len, sizeof(mask))))
		return SYS_MUST_WAIT;
	target = sched_target(t, pid);
	if (!target)
		return -ESRCH;
	err = sched_may(t, target);
	if (!err && !(mask & sched_online()))
		err = -EINVAL;
	if (!err) {
		atomic_store(&target->task.affinity, mask & sched_online());
		/* If it runs where it may not any more, its CPU sends it on. */
		executor_move(&target->task);
	}
	task_put(&target->task);
	return err;
}
SYSCALL_RETRY(sched_setaffinity, int, u32, uptr);

/* --- policies --- */

static bool sched_is_known(int policy)
{
	return policy == SCHED_NORMAL || policy == SCHED_BATCH || policy == SCHED_IDLE;
}

static bool sched_is_real_time(int policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR || policy == SCHED_DEADLINE;
}

static long sched_set(struct task *t, int pid, int policy, int priority)
{
	struct thread *target;
	long err;

	policy &= ~SCHED_RESET_ON_FORK;
	if ((policy == SCHED_FIFO || policy == SCHED_RR) && (priority < 1 || priority > 99))
		return -EINVAL;
	if (sched_is_real_time(policy))
		return cred_capable(t->cred, CAP_SYS_NICE) ? -EOPNOTSUPP : -EPERM;
	if (!sched_is_known(policy) || priority)
		return -EINVAL;
	target = sched_target(t, pid);
	if (!target)
		return -ESRCH;
	err = sched_may(t, target);
	task_put(&target->task);
	return err;
}

static long sys_sched_setscheduler(struct task *t, int pid, int policy, uptr from)
{
	int priority;

	if (pid < 0 || policy < 0 || !from.raw)
		return -EINVAL;
	if (!user_get(t, &priority, from, sizeof(priority)))
		return SYS_MUST_WAIT;
	return sched_set(t, pid, policy, priority);
}
SYSCALL_RETRY(sched_setscheduler, int, int, uptr);

static long sys_sched_setparam(struct task *t, int pid, uptr from)
{
	int priority;

	if (pid < 0 || !from.raw)
		return -EINVAL;
	if (!user_get(t, &priority, from, sizeof(priority)))
		return SYS_MUST_WAIT;
	return sched_set(t, pid, SCHED_NORMAL, priority);
}
SYSCALL_RETRY(sched_setparam, int, uptr);

/* 0 if there is such a thread. */
static long sched_exists(struct task *t, int pid)
{
	struct thread *target;

	if (pid < 0)
		return -EINVAL;
	target = sched_target(t, pid);
	if (!target)
		return -ESRCH;
	task_put(&target->task);
	return 0;
}

static long sys_sched_getscheduler(struct task *t, int pid)
{
	long err = sched_exists(t, pid);

	return err ? err : SCHED_NORMAL;
}
SYSCALL_PLAIN(sched_getscheduler, int);

static long sys_sched_getparam(struct task *t, int pid, uptr to)
{
	int priority = 0;
	long err = to.raw ? sched_exists(t, pid) : -EINVAL;

	if (err)
		return err;
	return user_put(t, to, &priority, sizeof(priority)) ? 0 : SYS_MUST_WAIT;
}
SYSCALL_RETRY(sched_getparam, int, uptr);

static long sys_sched_get_priority_max(struct task *t, int policy)
{
	if (policy == SCHED_FIFO || policy == SCHED_RR)
		return 99;
	return sched_is_known(policy) || policy == SCHED_DEADLINE ? 0 : -EINVAL;
}
SYSCALL_PLAIN(sched_get_priority_max, int);

static long sys_sched_get_priority_min(struct task *t, int policy)
{
	if (policy == SCHED_FIFO || policy == SCHED_RR)
		return 1;
	return sched_is_known(policy) || policy == SCHED_DEADLINE ? 0 : -EINVAL;
}
SYSCALL_PLAIN(sched_get_priority_min, int);

static long sys_sched_rr_get_interval(struct task *t, int pid, uptr to)
{
	struct __kernel_timespec ts = {.tv_nsec = SLICE_NS};
	long err = sched_exists(t, pid);

	if (err)
		return err;
	return user_put(t, to, &ts, sizeof(ts)) ? 0 : SYS_MUST_WAIT;
}
SYSCALL_RETRY(sched_rr_get_interval, int, uptr);

static long sys_sched_getattr(struct task *t, int pid, uptr to, u32 size, u32 flags)
{
	struct sched_attr attr = {0};
	struct thread *target;

	if (!to.raw || pid < 0 || size < SCHED_ATTR_SIZE_VER0 || size > PAGE_SIZE || flags)
		return -EINVAL;
	target = sched_target(t, pid);
	if (!target)
		return -ESRCH;
	attr.size = min(size, (u32)sizeof(attr));
	attr.sched_nice = target->task.sched.nice;
	attr.sched_runtime = target->task.sched.slice_ns ? target->task.sched.slice_ns
							  : (u64)SLICE_NS;
	task_put(&target->task);
	return user_put(t, to, &attr, attr.size) ? 0 : SYS_MUST_WAIT;
}
SYSCALL_RETRY(sched_getattr, int, uptr, u32, u32);

/* --- nice --- */

static long sched_set_nice(struct task *t, struct thread *target, int nice)
{
	const struct cred *me = t->cred;
	struct cred *they = thread_cred(target);
	u64 limit = rlimit_get(target->process, RLIMIT_NICE);
	bool able = cred_capable(me, CAP_SYS_NICE);
	bool owner = me->euid == they->euid || me->euid == they->uid;

	cred_put(they);
	nice = nice < -20 ? -20 : nice > 19 ? 19 : nice;
	if (!owner && !able)
		return -EPERM;
	if (nice < target->task.sched.nice && !able && (u64)(20 - nice) > limit)
		return -EACCES;
	/* The run queue takes it up when the task is queued next. */
	__atomic_store_n(&target->task.sched.nice, (i8)nice, __ATOMIC_RELAXED);
	sched_task_weigh(&target->task.sched);
	return 0;
}

static long sys_sched_setattr(struct task *t, int pid, uptr from, u32 flags)
{
	struct sched_attr attr = {0};
	struct thread *target;
	u64 more;
	u32 at;
	long err;

	if (!from.raw || pid < 0 || flags)
		return -EINVAL;
	if (!user_get(t, &attr, from, SCHED_ATTR_SIZE_VER0))
		return SYS_MUST_WAIT;
	if ((attr.size && attr.size < SCHED_ATTR_SIZE_VER0) || attr.size > PAGE_SIZE)
		return -E2BIG;
	/* What a newer program may ask for has to be nothing. */
	for (at = SCHED_ATTR_SIZE_VER1; at < attr.size; at += sizeof(more)) {
		more = 0;
		if (!user_get(t, &more, uptr_add(from, at), min(sizeof(more), attr.size - at)))
			return SYS_MUST_WAIT;
		if (more)
			return -E2BIG;
	}
	err = sched_set(t, pid, (int)attr.sched_policy, (int)attr.sched_priority);
	target = err ? NULL : sched_target(t, pid);
	if (!target)
		return err ? err : -ESRCH;
	err = sched_set_nice(t, target, attr.sched_nice);
	task_put(&target->task);
	return err;
}
SYSCALL_RETRY(sched_setattr, int, uptr, u32);

struct nice_walk {
	struct task *t;
	bool set;
	int nice;
	long result;	/* get: 20 - nice of the best; set: 0 or an error */
	bool any;
};

static void nice_visit(struct nice_walk *w, struct thread *target)
{
	long one;

	w->any = true;
	if (w->set) {
		one = sched_set_nice(w->t, target, w->nice);
		w->result = one ? one : w->result;
	} else {
		w->result = max(w->result, 20l - target->task.sched.nice);
	}
}

static bool nice_selects(struct process *p, int which, int who)
{
	struct process_info info;
	struct cred *c;
	bool is;

	if (which == PRIO_PGRP) {
		process_info(p, &info);
		return info.pgrp == who;
	}
	c = process_cred(p);
	if (!c)
		return false;
	is = c->uid == (u32)who;
	cred_put(c);
	return is;
}

static void nice_each(struct nice_walk *w, int which, int who)
{
	struct process *p;
	struct thread *target;

	for (int nr = 1; (p = process_next(nr)); process_put(p)) {
		nr = process_pid(p) + 1;
		if (!nice_selects(p, which, who))
			continue;
		for (unsigned n = 0; (target = thread_find(process_nth_tid(p, n))); n++) {
			nice_visit(w, target);
			task_put(&target->task);
		}
	}
}

static long nice_walk(struct nice_walk *w, int which, int who)
{
	struct process *me = thread_of(w->t)->process;
	struct thread *target;

	if (which == PRIO_PROCESS) {
		target = sched_target(w->t, who);
		if (target) {
			nice_visit(w, target);
			task_put(&target->task);
		}
	} else if (which == PRIO_PGRP) {
		nice_each(w, which, who ? who : me->group ? me->group->nr : 0);
	} else if (which == PRIO_USER) {
		nice_each(w, which, who ? who : (int)w->t->cred->uid);
	} else {
		return -EINVAL;
	}
	return w->any ? w->result : -ESRCH;
}

static long sys_setpriority(struct task *t, int which, int who, int nice)
{
	struct nice_walk w = {.t = t, .set = true, .nice = nice};

	return nice_walk(&w, which, who);
}
SYSCALL_PLAIN(setpriority, int, int, int);

static long sys_getpriority(struct task *t, int which, int who)
{
	struct nice_walk w = {.t = t};

	return nice_walk(&w, which, who);
}
SYSCALL_PLAIN(getpriority, int, int);

static long sys_getcpu(struct task *t, uptr cpu, uptr node, uptr cache)
{
	u32 here = hal_cpu_self()->id, zero = 0;

	if (cpu.raw && !user_put(t, cpu, &here, sizeof(here)))
		return SYS_MUST_WAIT;
	if (node.raw && !user_put(t, node, &zero, sizeof(zero)))
		return SYS_MUST_WAIT;
	return 0;
}
SYSCALL_RETRY(getcpu, uptr, uptr, uptr);
