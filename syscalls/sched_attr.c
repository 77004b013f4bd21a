/* syscalls/sched_attr.c -- scheduling policies and their parameters. */
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/sched/types.h>

#include "core/cred/cred.h"
#include "core/proc/extra.h"
#include "core/proc/futex_pi.h"
#include "coro/executor.h"
#include "sched/deadline.h"
#include "syscalls/retry.h"
#include "syscalls/sched.h"

#define PRIORITY_MAX	99
#define SLICE_MIN_NS	100000ul
#define SLICE_MAX_NS	100000000ul
#define RUNTIME_MIN_NS	1024ul
#define NS_OF_US	1000ul
#define KEEP_POLICY	(-1)
#define DEADLINE_FLAGS	((u64)(SCHED_FLAG_RECLAIM | SCHED_FLAG_DL_OVERRUN))

static_assert(SCHED_NORMAL == SCHED_TASK_NORMAL && SCHED_FIFO == SCHED_TASK_FIFO &&
	      SCHED_RR == SCHED_TASK_RR && SCHED_BATCH == SCHED_TASK_BATCH &&
	      SCHED_IDLE == SCHED_TASK_IDLE && SCHED_DEADLINE == SCHED_TASK_DEADLINE);

/* What is looked at and then set belongs together. */
static spinlock attr_lock = SPINLOCK_INIT(RANK_PROC_OTHER);

static bool attr_forgets(const struct sched_task *s)
{
	return atomic_load_relaxed(&s->marks) & SCHED_FORGETS;
}

static bool attr_is_fair(int policy)
{
	return policy == SCHED_NORMAL || policy == SCHED_BATCH || policy == SCHED_IDLE;
}

static bool attr_is_rt(int policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

static struct deadline_params attr_deadline(const struct sched_attr *attr)
{
	return (struct deadline_params){
		.runtime = attr->sched_runtime,
		.deadline = attr->sched_deadline,
		.period = attr->sched_period ? attr->sched_period : attr->sched_deadline,
		.reclaims = attr->sched_flags & SCHED_FLAG_RECLAIM,
		.tells = attr->sched_flags & SCHED_FLAG_DL_OVERRUN,
	};
}

static bool attr_has_deadline(const struct sched_attr *attr)
{
	struct deadline_params p = attr_deadline(attr);
	struct deadline_limits limits = deadline_limits();

	return p.runtime >= RUNTIME_MIN_NS && p.deadline >= p.runtime &&
	       p.period >= p.deadline && p.period >= limits.period_min_us * NS_OF_US &&
	       p.period <= limits.period_max_us * NS_OF_US;
}

/* What is asked for, with SCHED_FLAG_RESET_ON_FORK in its flags. */
static int attr_check(int policy, const struct sched_attr *attr)
{
	if (!attr_is_fair(policy) && !attr_is_rt(policy) && policy != SCHED_DEADLINE)
		return -EINVAL;
	if (attr->sched_flags & ~(u64)SCHED_FLAG_ALL)
		return -EINVAL;
	if (attr->sched_priority > PRIORITY_MAX || attr_is_rt(policy) != !!attr->sched_priority)
		return -EINVAL;
	return policy == SCHED_DEADLINE && !attr_has_deadline(attr) ? -EINVAL : 0;
}

/* What an unprivileged caller's limits allow; they are read before anything is locked. */
struct attr_rights {
	bool all, owns, old_nice, new_nice;
	u64 priority;
};

static struct attr_rights attr_rights(struct task *t, struct thread *target, int nice)
{
	return (struct attr_rights){
		.all = cred_capable(t->cred, CAP_SYS_NICE),
		.owns = sched_owns(t, target),
		.old_nice = sched_may_nice(target, target->task.sched.nice),
		.new_nice = sched_may_nice(target, nice),
		.priority = rlimit_get(target->process, RLIMIT_RTPRIO),
	};
}

static bool attr_may(const struct attr_rights *may, const struct sched_task *s, int policy,
		     const struct sched_attr *attr)
{
	if (may->all)
		return true;
	if (attr_is_fair(policy) && attr->sched_nice < s->nice && !may->new_nice)
		return false;
	if (attr_is_rt(policy) &&
	    ((policy != s->policy && !may->priority) ||
	     (attr->sched_priority > s->priority && attr->sched_priority > may->priority)))
		return false;
	if (policy == SCHED_DEADLINE)
		return false;
	if (s->policy == SCHED_IDLE && policy != SCHED_IDLE && !may->old_nice)
		return false;
	if (attr_forgets(s) && !(attr->sched_flags & SCHED_FLAG_RESET_ON_FORK))
		return false;
	return may->owns;
}

static void attr_commit(struct sched_task *s, int policy, const struct sched_attr *attr)
{
	u64 slice = max(SLICE_MIN_NS, min((u64)attr->sched_runtime, SLICE_MAX_NS));

	if (attr->sched_flags & SCHED_FLAG_RESET_ON_FORK)
		atomic_or(&s->marks, (u8)SCHED_FORGETS);
	else
		atomic_and(&s->marks, (u8)~SCHED_FORGETS);
	if (attr->sched_flags & SCHED_FLAG_KEEP_PARAMS)
		return;
	/* Its record is seen as it is now by who sees the policy. */
	atomic_store(&s->policy, (u8)policy);
	atomic_store_relaxed(&s->priority, (u8)attr->sched_priority);
	if (!attr_is_fair(policy))
		return;
	atomic_store_relaxed(&s->nice, (i8)attr->sched_nice);
	atomic_store_relaxed(&s->slice_ns, attr->sched_runtime ? (u32)slice : SCHED_SLICE_NS);
}

/* The parameters as they are, where they are to be kept or are not said. */
static void attr_keep(const struct sched_task *s, struct sched_attr *attr)
{
	attr->sched_priority = s->priority;
	attr->sched_nice = s->nice;
	attr->sched_runtime = s->priority ? 0 : s->slice_ns;
}

/* Those of one with a deadline. */
static void attr_fill_deadline(const struct task *t, struct sched_attr *attr)
{
	struct deadline_params p = deadline_params(t);

	attr->sched_runtime = p.runtime;
	attr->sched_deadline = p.deadline;
	attr->sched_period = p.period;
	attr->sched_flags &= ~DEADLINE_FLAGS;
	attr->sched_flags |= (p.reclaims ? SCHED_FLAG_RECLAIM : 0) |
			     (p.tells ? SCHED_FLAG_DL_OVERRUN : 0);
}

static bool attr_same_deadline(const struct task *t, const struct deadline_params *p)
{
	struct deadline_params now = deadline_params(t);

	return t->sched.policy == SCHED_DEADLINE && now.runtime == p->runtime &&
	       now.deadline == p->deadline && now.period == p->period &&
	       now.reclaims == p->reclaims && now.tells == p->tells;
}

/* May be anywhere, as it was admitted for all CPUs together. */
static bool attr_is_unbound(u16 affinity)
{
	return !(sched_online() & ~(u64)affinity);
}

/* Take on what SCHED_DEADLINE promises. */
static int attr_admit(struct task *t, const struct sched_attr *attr)
{
	struct deadline_params p = attr_deadline(attr);
	i32 limit = rt_limits().runtime_us;

	if ((attr->sched_flags & SCHED_FLAG_KEEP_PARAMS) || attr_same_deadline(t, &p))
		return 0;
	if (!limit || (limit > 0 && !attr_is_unbound(atomic_load(&t->affinity))))
		return -EPERM;
	return deadline_admit(t, &p);
}

int sched_confine(struct thread *target, u64 mask)
{
	struct task *t = &target->task;
	int err = 0;

	spin_lock(&attr_lock);
	if (t->sched.policy == SCHED_DEADLINE && rt_limits().runtime_us >= 0 &&
	    !attr_is_unbound((u16)mask))
		err = -EBUSY;
	else
		atomic_store(&t->affinity, (u16)mask);
	spin_unlock(&attr_lock);
	return err;
}

static long attr_set(struct task *t, struct thread *target, int policy, struct sched_attr *attr)
{
	struct sched_task *s = &target->task.sched;
	struct attr_rights may = attr_rights(t, target, attr->sched_nice);
	bool had_deadline;
	long err;

	spin_lock(&attr_lock);
	had_deadline = s->policy == SCHED_DEADLINE;
	if (policy == KEEP_POLICY) {
		policy = s->policy;
		attr->sched_flags &= ~(u64)SCHED_FLAG_RESET_ON_FORK;
		if (attr_forgets(s))
			attr->sched_flags |= SCHED_FLAG_RESET_ON_FORK;
	}
	if (attr->sched_flags & SCHED_FLAG_KEEP_PARAMS) {
		attr_keep(s, attr);
		if (had_deadline)
			attr_fill_deadline(&target->task, attr);
	}
	err = attr_check(policy, attr);
	if (!err && !attr_may(&may, s, policy, attr))
		err = -EPERM;
	if (!err && (attr->sched_flags & SCHED_FLAG_UTIL_CLAMP))
		err = -EOPNOTSUPP;
	if (!err && policy == SCHED_DEADLINE)
		err = attr_admit(&target->task, attr);
	if (!err) {
		attr_commit(s, policy, attr);
		if (had_deadline && s->policy != SCHED_DEADLINE)
			deadline_discharge(&target->task);
	}
	spin_unlock(&attr_lock);
	if (err)
		return err;
	extra_reset_slack(target);
	executor_reweigh(&target->task);
	futex_pi_reweighed(target);
	return 0;
}

/* The old calls: a policy and a priority; nice value and slice stay. */
static long attr_set_simple(struct task *t, int pid, int policy, uptr from)
{
	struct thread *target;
	struct sched_attr attr = {0};
	int priority;
	long err;

	if (pid < 0 || !from.raw)
		return -EINVAL;
	if (!user_get(t, &priority, from, sizeof(priority)))
		return SYS_MUST_WAIT;
	target = sched_target(t, pid);
	if (!target)
		return -ESRCH;
	attr_keep(&target->task.sched, &attr);
	attr.sched_priority = (u32)priority;
	if (policy != KEEP_POLICY && (policy & SCHED_RESET_ON_FORK)) {
		attr.sched_flags = SCHED_FLAG_RESET_ON_FORK;
		policy &= ~SCHED_RESET_ON_FORK;
	}
	err = attr_set(t, target, policy, &attr);
	task_put(&target->task);
	return err;
}

static long sys_sched_setscheduler(struct task *t, int pid, int policy, uptr from)
{
	return policy < 0 ? -EINVAL : attr_set_simple(t, pid, policy, from);
}
SYSCALL_RETRY(sched_setscheduler, int, int, uptr);

static long sys_sched_setparam(struct task *t, int pid, uptr from)
{
	return attr_set_simple(t, pid, KEEP_POLICY, from);
}
SYSCALL_RETRY(sched_setparam, int, uptr);

/* 0, SYS_MUST_WAIT or an error. */
static long attr_copy(struct task *t, struct sched_attr *attr, uptr from)
{
	u64 more;

	if (!user_get(t, attr, from, SCHED_ATTR_SIZE_VER0))
		return SYS_MUST_WAIT;
	if ((attr->size && attr->size < SCHED_ATTR_SIZE_VER0) || attr->size > PAGE_SIZE)
		return -E2BIG;
	/* What a newer program may ask for has to be nothing. */
	for (u32 at = SCHED_ATTR_SIZE_VER1; at < attr->size; at += sizeof(more)) {
		more = 0;
		if (!user_get(t, &more, uptr_add(from, at), min(sizeof(more), attr->size - at)))
			return SYS_MUST_WAIT;
		if (more)
			return -E2BIG;
	}
	if ((attr->sched_flags & SCHED_FLAG_UTIL_CLAMP) && attr->size < SCHED_ATTR_SIZE_VER1)
		return -EINVAL;
	attr->sched_nice = max(-20, min(attr->sched_nice, 19));
	return 0;
}

static long sys_sched_setattr(struct task *t, int pid, uptr from, u32 flags)
{
	struct sched_attr attr = {0};
	struct thread *target;
	long err;

	if (!from.raw || pid < 0 || flags)
		return -EINVAL;
	err = attr_copy(t, &attr, from);
	if (err)
		return err;
	if ((int)attr.sched_policy < 0)
		return -EINVAL;
	target = sched_target(t, pid);
	if (!target)
		return -ESRCH;
	err = attr_set(t, target, attr.sched_flags & SCHED_FLAG_KEEP_POLICY ? KEEP_POLICY :
					  (int)attr.sched_policy, &attr);
	task_put(&target->task);
	return err;
}
SYSCALL_RETRY(sched_setattr, int, uptr, u32);

/* --- asking --- */

static long sys_sched_getscheduler(struct task *t, int pid)
{
	struct thread *target = sched_target(t, pid);
	long policy;

	if (!target)
		return pid < 0 ? -EINVAL : -ESRCH;
	policy = target->task.sched.policy;
	if (attr_forgets(&target->task.sched))
		policy |= SCHED_RESET_ON_FORK;
	task_put(&target->task);
	return policy;
}
SYSCALL_PLAIN(sched_getscheduler, int);

static long sys_sched_getparam(struct task *t, int pid, uptr to)
{
	struct thread *target;
	int priority;

	if (!to.raw || pid < 0)
		return -EINVAL;
	target = sched_target(t, pid);
	if (!target)
		return -ESRCH;
	priority = target->task.sched.priority;
	task_put(&target->task);
	return user_put(t, to, &priority, sizeof(priority)) ? 0 : SYS_MUST_WAIT;
}
SYSCALL_RETRY(sched_getparam, int, uptr);

static long sys_sched_getattr(struct task *t, int pid, uptr to, u32 size, u32 flags)
{
	struct sched_attr attr = {0};
	struct thread *target;
	const struct sched_task *s;

	if (!to.raw || pid < 0 || size < SCHED_ATTR_SIZE_VER0 || size > PAGE_SIZE || flags)
		return -EINVAL;
	target = sched_target(t, pid);
	if (!target)
		return -ESRCH;
	s = &target->task.sched;
	attr.size = min(size, (u32)sizeof(attr));
	attr.sched_policy = s->policy;
	attr.sched_flags = attr_forgets(s) ? SCHED_FLAG_RESET_ON_FORK : 0;
	attr.sched_priority = s->priority;
	if (s->policy == SCHED_DEADLINE) {
		attr_fill_deadline(&target->task, &attr);
	} else if (!s->priority) {
		attr.sched_nice = s->nice;
		attr.sched_runtime = s->slice_ns;
	}
	task_put(&target->task);
	return user_put(t, to, &attr, attr.size) ? 0 : SYS_MUST_WAIT;
}
SYSCALL_RETRY(sched_getattr, int, uptr, u32, u32);

static long sys_sched_get_priority_max(struct task *t, int policy)
{
	if (attr_is_rt(policy))
		return PRIORITY_MAX;
	return attr_is_fair(policy) || policy == SCHED_DEADLINE ? 0 : -EINVAL;
}
SYSCALL_PLAIN(sched_get_priority_max, int);

static long sys_sched_get_priority_min(struct task *t, int policy)
{
	if (attr_is_rt(policy))
		return 1;
	return attr_is_fair(policy) || policy == SCHED_DEADLINE ? 0 : -EINVAL;
}
SYSCALL_PLAIN(sched_get_priority_min, int);

/* How long its turn is; none for SCHED_FIFO and SCHED_DEADLINE. */
static long sys_sched_rr_get_interval(struct task *t, int pid, uptr to)
{
	struct thread *target;
	struct __kernel_timespec ts = {0};
	u64 ns = 0;

	if (pid < 0)
		return -EINVAL;
	target = sched_target(t, pid);
	if (!target)
		return -ESRCH;
	if (target->task.sched.policy == SCHED_RR)
		ns = rt_limits().turn_ms * 1000000ul;
	else if (attr_is_fair(target->task.sched.policy))
		ns = target->task.sched.slice_ns;
	task_put(&target->task);
	ts.tv_nsec = (i64)(ns % 1000000000);
	ts.tv_sec = (i64)(ns / 1000000000);
	return user_put(t, to, &ts, sizeof(ts)) ? 0 : SYS_MUST_WAIT;
}
SYSCALL_RETRY(sched_rr_get_interval, int, uptr);
