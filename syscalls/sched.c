/* syscalls/sched.c -- yielding, affinity, nice values. */
#include "syscalls/sched.h"

#include <linux/resource.h>

#include "core/cred/cred.h"
#include "core/proc/process.h"
#include "coro/executor.h"
#include "syscalls/retry.h"

static long sys_sched_yield(struct task *t)
{
	executor_yield(t);
	return 0;
}
SYSCALL_PLAIN(sched_yield);

struct thread *sched_target(struct task *t, int pid)
{
	if (pid < 0)
		return NULL;
	if (pid)
		return thread_find(pid);
	task_get(t);
	return thread_of(t);
}

bool sched_owns(struct task *t, struct thread *target)
{
	struct cred *they = thread_cred(target);
	bool owns = t->cred->euid == they->euid || t->cred->euid == they->uid;

	cred_put(they);
	return owns;
}

/* Or may it change those of the target's user namespace? */
static bool sched_rules(struct task *t, struct thread *target)
{
	struct cred *they = thread_cred(target);
	bool owns = t->cred->euid == they->euid || t->cred->euid == they->uid ||
		    cred_capable_in(t->cred, they->ns, CAP_SYS_NICE);

	cred_put(they);
	return owns;
}

u64 sched_online(void)
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
	err = sched_rules(t, target) ? 0 : -EPERM;
	if (!err && !(mask & sched_online()))
		err = -EINVAL;
	if (!err)
		err = sched_confine(target, mask & sched_online());
	if (!err) {
		/* If it runs where it may not any more, its CPU sends it on. */
		executor_move(&target->task);
	}
	task_put(&target->task);
	return err;
}
SYSCALL_RETRY(sched_setaffinity, int, u32, uptr);

/* --- nice --- */

bool sched_may_nice(struct thread *target, int nice)
{
	return (u64)(20 - nice) <= rlimit_get(target->process, RLIMIT_NICE);
}

static long sched_set_nice(struct task *t, struct thread *target, int nice)
{
	bool able = cred_capable(t->cred, CAP_SYS_NICE);

	nice = max(-20, min(nice, 19));
	if (!able && !sched_rules(t, target))
		return -EPERM;
	if (nice < target->task.sched.nice && !able && !sched_may_nice(target, nice))
		return -EACCES;
	atomic_store_relaxed(&target->task.sched.nice, (i8)nice);
	executor_reweigh(&target->task);
	return 0;
}

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
		process_info(p, pid_ns_here(), &info);
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
	const struct pid_ns *ns = pid_ns_here();
	struct process *p;
	struct thread *target;

	for (int nr = 1; (p = process_next(ns, nr)); process_put(p)) {
		nr = pid_nr(p->pid, ns) + 1;
		if (!nice_selects(p, which, who))
			continue;
		for (unsigned n = 0; (target = thread_find(process_nth_tid(p, ns, n))); n++) {
			nice_visit(w, target);
			task_put(&target->task);
		}
	}
}

static long nice_walk(struct nice_walk *w, int which, int who)
{
	struct process *me = thread_of(w->t)->process;
	struct thread *target;
	u32 uid;

	if (which == PRIO_PROCESS) {
		target = sched_target(w->t, who);
		if (target) {
			nice_visit(w, target);
			task_put(&target->task);
		}
	} else if (which == PRIO_PGRP) {
		nice_each(w, which, who ? who : me->group ? pid_nr_here(me->group) : 0);
	} else if (which == PRIO_USER) {
		uid = who ? cred_kernel_uid((u32)who) : w->t->cred->uid;
		if (uid != USER_NONE)
			nice_each(w, which, (int)uid);
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
