/* syscalls/ioprio.c -- what a thread's reads and writes of devices count against others'. Kept and
 * told; devices take requests in the order they come, as Linux's do without a scheduler. */
#include <linux/ioprio.h>

#include "core/base/bits.h"
#include "core/cred/cred.h"
#include "core/proc/thread.h"
#include "syscalls/ioprio.h"
#include "syscalls/syscall.h"

#define IOPRIO_LEVELS 8u

u8 ioprio_pack(u32 prio)
{
	return (u8)(IOPRIO_PRIO_CLASS(prio) << 3 | (prio & (IOPRIO_LEVELS - 1)));
}

static u32 ioprio_unpack(u8 kept)
{
	return IOPRIO_PRIO_VALUE(kept >> 3, kept & (IOPRIO_LEVELS - 1));
}

long ioprio_check(const struct cred *cred, u32 prio)
{
	u32 class = IOPRIO_PRIO_CLASS(prio), level = prio & (IOPRIO_LEVELS - 1);

	if (IOPRIO_PRIO_DATA(prio) >= IOPRIO_LEVELS)	/* no device takes hints */
		return -EINVAL;
	switch (class) {
	case IOPRIO_CLASS_RT:
		return cred_capable(cred, CAP_SYS_ADMIN) || cred_capable(cred, CAP_SYS_NICE)
			       ? 0 : -EPERM;
	case IOPRIO_CLASS_BE:
	case IOPRIO_CLASS_IDLE:
		return 0;
	case IOPRIO_CLASS_NONE:
		return level ? -EINVAL : 0;
	}
	return -EINVAL;
}

/* What counts for a thread that set none: its nice value. */
static u32 ioprio_effective(struct thread *t)
{
	u8 kept = atomic_load_relaxed(&t->ioprio);

	if (kept >> 3)
		return ioprio_unpack(kept);
	return IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, (t->task.sched.nice + 20) / 5);
}

static long ioprio_set_one(const struct cred *cred, struct thread *t, u32 prio)
{
	struct cred *they = thread_cred(t);
	bool may = !they || they->uid == cred->euid || they->uid == cred->uid ||
		   cred_capable(cred, CAP_SYS_NICE);

	if (they)
		cred_put(they);
	if (!may)
		return -EPERM;
	atomic_store(&t->ioprio, ioprio_pack(prio));
	return 0;
}

struct ioprio_call {
	const struct cred *cred;
	bool set, alone;	/* alone: one thread is meant, and what it set itself */
	u32 prio;
	long result;
	bool any;
};

static void ioprio_visit(struct ioprio_call *c, struct thread *t)
{
	long prio;

	if (c->set) {
		c->result = c->any && c->result ? c->result : ioprio_set_one(c->cred, t, c->prio);
	} else {
		prio = c->alone ? ioprio_unpack(atomic_load_relaxed(&t->ioprio))
				: ioprio_effective(t);
		c->result = c->any ? min(c->result, prio) : prio;
	}
	c->any = true;
}

static bool ioprio_selects(struct process *p, int which, int who)
{
	struct process_info info;
	struct cred *c;
	bool is;

	if (which == IOPRIO_WHO_PGRP) {
		process_info(p, pid_ns_here(), &info);
		return info.pgrp == who;
	}
	c = process_cred(p);
	is = c && c->uid == (u32)who;
	if (c)
		cred_put(c);
	return is;
}

static void ioprio_each(struct ioprio_call *c, int which, int who)
{
	const struct pid_ns *ns = pid_ns_here();
	struct process *p;
	struct thread *t;

	for (int nr = 1; (p = process_next(ns, nr)); process_put(p)) {
		nr = pid_nr(p->pid, ns) + 1;
		if (!ioprio_selects(p, which, who))
			continue;
		for (unsigned n = 0; (t = thread_find(process_nth_tid(p, ns, n))); n++) {
			ioprio_visit(c, t);
			task_put(&t->task);
		}
	}
}

static long ioprio_walk(struct task *me, struct ioprio_call *c, int which, int who)
{
	struct thread *t;
	u32 uid;

	if (which == IOPRIO_WHO_PROCESS) {
		t = who ? thread_find(who) : thread_of(me);
		if (!t)
			return -ESRCH;
		c->alone = true;
		ioprio_visit(c, t);
		if (who)
			task_put(&t->task);
	} else if (which == IOPRIO_WHO_PGRP) {
		struct pid *group = thread_of(me)->process->group;

		ioprio_each(c, which, who ? who : group ? pid_nr_here(group) : 0);
	} else if (which == IOPRIO_WHO_USER) {
		uid = who ? cred_kernel_uid((u32)who) : me->cred->uid;
		if (uid != USER_NONE)
			ioprio_each(c, which, (int)uid);
	} else {
		return -EINVAL;
	}
	return c->any ? c->result : -ESRCH;
}

static long sys_ioprio_set(struct task *t, int which, int who, u32 prio)
{
	struct ioprio_call c = {.cred = t->cred, .set = true, .prio = prio};
	long err = ioprio_check(t->cred, prio);

	return err ? err : ioprio_walk(t, &c, which, who);
}
SYSCALL_PLAIN(ioprio_set, int, int, u32);

static long sys_ioprio_get(struct task *t, int which, int who)
{
	struct ioprio_call c = {.cred = t->cred};

	return ioprio_walk(t, &c, which, who);
}
SYSCALL_PLAIN(ioprio_get, int, int);
