/* core/proc/trace_access.c -- who may look into a process or control it: credentials, the dumpable
 * mark, capabilities, and yama's rule about ancestors.
 */
#include "core/cred/cred.h"
#include "core/proc/internal.h"
#include "core/proc/trace.h"
#include "mem/space/space.h"

enum { SCOPE_CLASSIC, SCOPE_DESCENDANTS, SCOPE_CAPABLE, SCOPE_NONE };

static u32 scope;		/* [a] SCOPE_* */

unsigned trace_scope(void)
{
	return atomic_load(&scope);
}

/* Once nobody may attach nobody may change that. */
int trace_set_scope(unsigned to)
{
	if (atomic_load(&scope) == SCOPE_NONE && to != SCOPE_NONE)
		return -EINVAL;
	atomic_store(&scope, to);
	return 0;
}

static bool trace_is_ancestor(const struct process *a, const struct process *p)
	REQUIRES(proc_tree_lock)
{
	for (; p; p = p->parent)
		if (p == a)
			return true;
	return false;
}

static bool trace_is_excepted(const struct process *me, const struct process *p)
	REQUIRES(proc_tree_lock)
{
	if (p->tracer_any)
		return true;
	return p->tracer_allowed && p->tracer_allowed->process &&
	       trace_is_ancestor(p->tracer_allowed->process, me);
}

static int trace_yama(struct process *p, bool capable)
{
	struct process *me = process_current();
	bool may;

	switch (trace_scope()) {
	case SCOPE_CLASSIC:
		return 0;
	case SCOPE_DESCENDANTS:
		spin_lock(&proc_tree_lock);
		may = capable || trace_is_ancestor(me, p) || trace_is_excepted(me, p);
		spin_unlock(&proc_tree_lock);
		return may ? 0 : -EPERM;
	case SCOPE_CAPABLE:
		return capable ? 0 : -EPERM;
	default:
		return -EPERM;
	}
}

static int trace_compare(const struct cred *me, const struct cred *they, unsigned how,
			 struct space *s)
{
	u32 uid = how & TRACE_REAL_IDS ? me->uid : me->fsuid;
	u32 gid = how & TRACE_REAL_IDS ? me->gid : me->fsgid;
	u64 caps = how & TRACE_REAL_IDS ? me->permitted : me->effective;

	bool able = cred_capable_in(me, they->ns, CAP_SYS_PTRACE);
	bool same = uid == they->uid && uid == they->euid && uid == they->suid &&
		    gid == they->gid && gid == they->egid && gid == they->sgid;

	if (!able && !same)
		return -EPERM;
	if (s && atomic_load(&s->dumpable) != SPACE_DUMP_USER &&
	    !cred_capable_in(me, user_ns_above(they->ns, s->user_level), CAP_SYS_PTRACE))
		return -EPERM;
	return able || (me->ns == they->ns && !(they->permitted & ~caps)) ? 0 : -EPERM;
}

int trace_may(struct thread *t, unsigned how)
{
	struct process *p = t->process;
	struct cred *they;
	struct space *s;
	bool capable;
	int err;

	if (p == process_current())
		return 0;
	they = thread_cred(t);
	s = process_space(p);
	err = trace_compare(task_current()->cred, they, how, s);
	capable = cred_capable_in(task_current()->cred, they->ns, CAP_SYS_PTRACE);
	if (s)
		space_put(s);
	cred_put(they);
	return !err && (how & TRACE_ATTACH) ? trace_yama(p, capable) : err;
}

int process_may_inspect(struct process *p)
{
	struct thread *t = NULL;
	int err = -ESRCH;

	if (p == process_current())
		return 0;
	spin_lock(&p->sig_lock);
	if (!list_empty(&p->threads)) {
		t = list_first(&p->threads, struct thread, in_process);
		task_get(&t->task);
	}
	spin_unlock(&p->sig_lock);
	if (t) {
		err = trace_may(t, 0);
		task_put(&t->task);
	}
	return err;
}

int trace_allow(struct process *p, int nr)
{
	struct pid *pid = NULL, *old;

	spin_lock(&proc_tree_lock);
	if (nr && nr != -1) {
		pid = pid_lookup(nr);
		if (pid && !pid->process)
			pid = pid->thread ? pid->thread->process->pid : NULL;
		if (!pid) {
			spin_unlock(&proc_tree_lock);
			return -EINVAL;
		}
		pid_get(pid);
	}
	old = p->tracer_allowed;
	p->tracer_allowed = pid;
	p->tracer_any = nr == -1;
	spin_unlock(&proc_tree_lock);
	pid_put(old);
	return 0;
}
