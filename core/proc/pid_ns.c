/* core/proc/pid_ns.c */
#include "core/proc/pid_ns.h"

#include "core/base/errno.h"
#include "core/proc/internal.h"
#include "core/proc/trace.h"
#include "mem/phys/slab.h"

static u64 last_id = 1;	/* [a] given */

int pid_ns_new(struct pid_ns *parent, struct user_ns *users, struct pid_ns **to)
{
	struct pid_ns *ns;

	if (!user_ns_is_within(users, parent->users))
		return -EINVAL;
	if (parent->level >= PID_NS_LEVELS)
		return -ENOSPC;
	ns = kzalloc(sizeof(*ns));
	if (!ns)
		return -ENOMEM;
	ref_init(&ns->refs);
	ns->level = parent->level + 1;
	ns->id = atomic_add_relaxed(&last_id, 1ul) + 1;
	ns->parent = parent;
	pid_ns_get(parent);
	ns->users = users;
	user_ns_get(users);
	*to = ns;
	return 0;
}

struct pid_ns *pid_ns_for_children(struct process *p)
{
	struct pid_ns *ns;

	spin_lock(&p->sig_lock);
	ns = p->child_ns ? p->child_ns : p->pid->ns;
	pid_ns_get(ns);
	spin_unlock(&p->sig_lock);
	return ns;
}

struct pid_ns *pid_ns_begun_for_children(struct process *p)
{
	struct pid_ns *ns = pid_ns_for_children(p);
	bool begun;

	spin_lock(&proc_tree_lock);
	begun = ns->first || ns->closed;
	spin_unlock(&proc_tree_lock);
	if (begun)
		return ns;
	pid_ns_put(ns);
	return NULL;
}

void pid_ns_count(struct process *p, int by)
{
	for (struct pid_ns *ns = p->pid->ns; ns->level; ns = ns->parent) {
		ns->processes += (u32)by;
		if (ns->processes == 1 && ns->closed)
			waitq_wake(&ns->first->child_wait);
	}
}

/* --- the end --- */

void pid_ns_reboot(struct pid_ns *ns, int sig)
{
	spin_lock(&proc_tree_lock);
	ns->reboot = sig;
	if (ns->first)
		signal_process(ns->first, SIGKILL, NULL);
	spin_unlock(&proc_tree_lock);
}

/* Nobody is born there any more, and who ends needs nobody to wait for it. */
static void pid_ns_close(struct thread *t)
{
	static const struct sigact ignore = {.handler = (u64)SIG_IGN};
	struct process *p = t->process, *child, *next;

	signal_action(t, SIGCHLD, &ignore, NULL);
	spin_lock(&proc_tree_lock);
	p->pid->ns->closed = true;
	list_each_safe(child, next, &p->children, sibling) {
		child->exit_signal = SIGCHLD;
		if (child->state == PROCESS_ZOMBIE && !child->trace_zombies &&
		    !trace_of_leader(child))
			process_unlink(child);
	}
	spin_unlock(&proc_tree_lock);
}

/* Kill the next, from number *nr on; false: there are no more. */
static bool pid_ns_kill(struct pid_ns *ns, int *nr)
{
	struct pid *pid;

	spin_lock(&proc_tree_lock);
	pid = pid_next_process(ns, *nr);
	if (pid) {
		signal_process(pid->process, SIGKILL, NULL);
		*nr = pid_nr(pid, ns) + 1;
	}
	spin_unlock(&proc_tree_lock);
	return pid;
}

static bool pid_ns_is_empty(const struct pid_ns *ns)
{
	bool empty;

	spin_lock(&proc_tree_lock);
	empty = ns->processes == 1;
	spin_unlock(&proc_tree_lock);
	return empty;
}

static void pid_ns_tell_status(struct process *p)
{
	int reboot;

	spin_lock(&proc_tree_lock);
	reboot = p->pid->ns->reboot;
	spin_unlock(&proc_tree_lock);
	spin_lock(&p->sig_lock);
	if (reboot)
		p->group_status = reboot;
	spin_unlock(&p->sig_lock);
}

co_t pid_ns_end(struct co *co, struct pid_ns_end *f)
{
	struct process *p = process_of(co);

	CO_BEGIN;
	pid_ns_close(thread_of_co(co));
	f->nr = 2;
	while (pid_ns_kill(p->pid->ns, &f->nr))
		CO_BREATHE;
	CO_WAIT_IO(&p->child_wait, pid_ns_is_empty(p->pid->ns));
	pid_ns_tell_status(p);
	CO_RETURN(0);
	CO_END;
}
