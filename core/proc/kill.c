/* core/proc/kill.c -- who may signal whom, and kill(2)'s ways of naming processes. */
#include <linux/capability.h>

#include "core/cred/cred.h"
#include "core/proc/internal.h"
#include "core/proc/session.h"

/* The rule of kill(2), p's credentials being those of any of its threads. */
int signal_may(struct process *p, int sig)
{
	const struct cred *me = task_current()->cred;
	struct cred *they = process_cred(p);
	bool may;

	if (!they)
		return 0;
	may = me->euid == they->suid || me->euid == they->uid || me->uid == they->suid ||
	      me->uid == they->uid || cred_capable_in(me, they->ns, CAP_KILL);
	cred_put(they);
	if (may || (sig == SIGCONT && p->session == process_current()->session))
		return 0;
	return -EPERM;
}

/* Caller holds proc_tree_lock, so p->session stands still. */
static int signal_one(struct process *p, int sig, const struct signal_info *info)
	REQUIRES(proc_tree_lock)
{
	int err = signal_may(p, sig);

	return err || !sig ? err : signal_process(p, sig, info);
}

struct kill_tally {
	bool any, done;
	int err;
};

static void kill_count(struct kill_tally *n, int err)
{
	n->any = true;
	if (!err)
		n->done = true;
	else if (err != -EPERM || !n->err)
		n->err = err;
}

static int kill_group(struct pid *pgrp, int sig, const struct signal_info *info)
	REQUIRES(proc_tree_lock)
{
	struct kill_tally n = {0};
	struct process *p;

	list_each(p, &pgrp->group, in_group)
		kill_count(&n, signal_one(p, sig, info));
	return !n.any ? -ESRCH : n.done ? 0 : n.err;
}

/* All but init and the caller; that none of them may be killed is no error. */
static int kill_all(int sig, const struct signal_info *info) REQUIRES(proc_tree_lock)
{
	struct process *me = process_current();
	const struct pid_ns *ns = me->pid->ns;
	struct kill_tally n = {0};
	struct pid *pid;

	for (int nr = 2; (pid = pid_next_process(ns, nr)); nr = pid_nr(pid, ns) + 1)
		if (pid->process != me)
			kill_count(&n, signal_one(pid->process, sig, info));
	return !n.any ? -ESRCH : n.done || n.err == -EPERM ? 0 : n.err;
}

int signal_kill_group(struct pid *pid, int sig, const struct signal_info *info)
{
	int err;

	spin_lock(&proc_tree_lock);
	err = kill_group(pid, sig, info);
	spin_unlock(&proc_tree_lock);
	return err;
}

int signal_kill(int pid, int sig, const struct signal_info *info)
{
	struct pid *named;
	int err = -ESRCH;

	if (pid == INT32_MIN)
		return -ESRCH;
	spin_lock(&proc_tree_lock);
	if (pid == -1) {
		err = kill_all(sig, info);
	} else if (pid <= 0) {
		named = pid ? pid_lookup(-pid) : process_current()->group;
		if (named)
			err = kill_group(named, sig, info);
	} else {
		named = pid_lookup(pid);
		if (named && named->process)
			err = signal_one(named->process, sig, info);
		else if (named && named->thread)
			err = signal_one(named->thread->process, sig, info);
	}
	spin_unlock(&proc_tree_lock);
	return err;
}
