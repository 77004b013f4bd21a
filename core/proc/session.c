/* core/proc/session.c -- sessions, groups, orphans. */
#include "core/proc/session.h"

#include "core/base/errno.h"
#include "core/proc/internal.h"
#include "mem/phys/slab.h"

static const struct session_ops *tty_ops;	/* [I] after boot */

void session_set_ops(const struct session_ops *ops)
{
	tty_ops = ops;
}

void session_get(struct session *s)
{
	ref_get(&s->refs);
}

void session_put(struct session *s)
{
	if (!s || !ref_put(&s->refs))
		return;
	pid_put(s->pid);
	kfree(s);
}

struct session *session_of(struct process *p)
{
	struct session *s;

	spin_lock(&proc_tree_lock);
	s = p->session;
	if (s)
		session_get(s);
	spin_unlock(&proc_tree_lock);
	return s;
}

bool session_is_leader(struct process *p)
{
	bool is;

	spin_lock(&proc_tree_lock);
	is = p->session && p->session->pid == p->pid;
	spin_unlock(&proc_tree_lock);
	return is;
}

void *session_tty(struct session *s)
{
	void *tty;

	spin_lock(&proc_tree_lock);
	tty = s->tty;
	if (tty && tty_ops)
		tty_ops->tty_get(tty);
	spin_unlock(&proc_tree_lock);
	return tty;
}

int session_set_tty(struct session *s, void *tty)
{
	int err = 0;

	spin_lock(&proc_tree_lock);
	if (tty && s->tty && s->tty != tty)
		err = -EPERM;
	else
		s->tty = tty;
	spin_unlock(&proc_tree_lock);
	return err;
}

/* p, the last thread of a leader on its way out: the terminal lets go. */
void session_leader_exits(struct process *p)
{
	/* Nobody but p itself gives it another, and it keeps this one until it is waited for. */
	struct session *s = p->session;
	void *tty;

	if (!s || s->pid != p->pid || !tty_ops)
		return;
	tty = session_tty(s);
	if (tty)
		tty_ops->leader_exited(s, tty);
}

/* --- membership --- */

static void group_leave(struct process *p) REQUIRES(proc_tree_lock)
{
	list_remove(&p->in_group);
	if (p->group)
		pid_unname(p->group);
}

static void group_enter(struct process *p, struct pid *group) REQUIRES(proc_tree_lock)
{
	struct pid *old = p->group;

	pid_get(group);
	list_remove(&p->in_group);
	list_add_back(&group->group, &p->in_group);
	p->group = group;
	if (old)
		pid_unname(old);
	pid_put(old);
}

static void session_enter(struct process *p, struct session *s) REQUIRES(proc_tree_lock)
{
	session_get(s);
	s->members++;
	p->session = s;
}

static void session_depart(struct process *p) REQUIRES(proc_tree_lock)
{
	struct session *s = p->session;

	if (!s || --s->members)
		return;
	s->pid->session = NULL;
	pid_unname(s->pid);
}

void session_join(struct process *p, struct process *parent)
{
	if (!parent || !parent->session)
		return;
	session_enter(p, parent->session);
	group_enter(p, parent->group);
}

void session_leave(struct process *p)
{
	/* The references stay until the record goes: others may still ask for the numbers. */
	group_leave(p);
	session_depart(p);
}

int session_create(struct process *p)
{
	struct session *s = kzalloc(sizeof(*s)), *old = NULL;
	int err = -EPERM;

	if (!s)
		return -ENOMEM;
	ref_init(&s->refs);
	spin_lock(&proc_tree_lock);
	if (p->pid->session || !list_empty(&p->pid->group))
		goto out;
	err = p->pid->own;
	pid_get(p->pid);
	s->pid = p->pid;
	p->pid->session = s;
	old = p->session;
	session_depart(p);
	session_enter(p, s);
	group_enter(p, p->pid);
out:
	spin_unlock(&proc_tree_lock);
	if (err < 0)
		kfree(s);
	else
		session_put(s);
	session_put(old);
	return err;
}

/* --- groups --- */

struct pid *group_of(struct process *p)
{
	struct pid *pid;

	spin_lock(&proc_tree_lock);
	pid = p->group;
	if (pid)
		pid_get(pid);
	spin_unlock(&proc_tree_lock);
	return pid;
}

static bool group_in_session(struct pid *pgrp, struct session *s) REQUIRES(proc_tree_lock)
{
	struct process *p;

	list_each(p, &pgrp->group, in_group)
		if (p->session == s)
			return true;
	return false;
}

struct pid *group_find(int nr, struct session *s)
{
	struct pid *pid;

	spin_lock(&proc_tree_lock);
	pid = pid_lookup(nr);
	if (pid && group_in_session(pid, s))
		pid_get(pid);
	else
		pid = NULL;
	spin_unlock(&proc_tree_lock);
	return pid;
}

bool group_exists(struct pid *pgrp)
{
	bool any;

	spin_lock(&proc_tree_lock);
	any = !list_empty(&pgrp->group);
	spin_unlock(&proc_tree_lock);
	return any;
}

/* Does p keep its group from being an orphan, as seen with `parent` for its parent? */
static bool group_is_tied(struct process *p, struct process *parent) REQUIRES(proc_tree_lock)
{
	return parent && p->state == PROCESS_ALIVE && parent != process_first &&
	       parent->group != p->group && parent->session == p->session;
}

/* `ignored` does not count. */
static bool group_orphaned_but(struct pid *pgrp, struct process *ignored)
	REQUIRES(proc_tree_lock)
{
	struct process *p;

	list_each(p, &pgrp->group, in_group)
		if (p != ignored && group_is_tied(p, p->parent))
			return false;
	return true;
}

bool group_is_orphaned(struct pid *pgrp)
{
	bool is;

	spin_lock(&proc_tree_lock);
	is = group_orphaned_but(pgrp, NULL);
	spin_unlock(&proc_tree_lock);
	return is;
}

static bool group_has_stopped(struct pid *pgrp) REQUIRES(proc_tree_lock)
{
	struct process *p;

	list_each(p, &pgrp->group, in_group)
		if (__atomic_load_n(&p->stopped, __ATOMIC_RELAXED))
			return true;
	return false;
}

static int group_signal_locked(struct pid *pgrp, int sig) REQUIRES(proc_tree_lock)
{
	struct process *p;

	list_each(p, &pgrp->group, in_group)
		signal_process(p, sig, NULL);
	return list_empty(&pgrp->group) ? -ESRCH : 0;
}

int group_signal(struct pid *pgrp, int sig)
{
	int err;

	spin_lock(&proc_tree_lock);
	err = group_signal_locked(pgrp, sig);
	spin_unlock(&proc_tree_lock);
	return err;
}

void group_check_orphaned(struct process *p, struct process *parent)
{
	struct pid *pgrp = p->group;

	/* Only if p was what tied the group to its session. */
	if (!pgrp || !parent || parent->group == pgrp || parent->session != p->session)
		return;
	if (group_orphaned_but(pgrp, p) && group_has_stopped(pgrp)) {
		group_signal_locked(pgrp, SIGHUP);
		group_signal_locked(pgrp, SIGCONT);
	}
}

void session_signal_leader(struct session *s, int sig)
{
	spin_lock(&proc_tree_lock);
	if (s->pid->process)
		signal_process(s->pid->process, sig, NULL);
	spin_unlock(&proc_tree_lock);
}

/* Which process setpgid means: the caller or a child of it that has not run exec. */
static int group_set_target(struct process *caller, int nr, struct process **to)
	REQUIRES(proc_tree_lock)
{
	struct pid *pid = nr ? pid_lookup(nr) : caller->pid;
	struct process *p = pid ? pid->process : NULL;

	if (!p || (p != caller && p->parent != caller))
		return -ESRCH;
	if (p != caller && p->session != caller->session)
		return -EPERM;
	if (p != caller && p->has_execed)
		return -EACCES;
	if (p->session && p->session->pid == p->pid)
		return -EPERM;
	*to = p;
	return 0;
}

int group_set(struct process *caller, int pid, int pgid)
{
	struct process *p = NULL;
	struct pid *group;
	int err;

	if (pgid < 0)
		return -EINVAL;
	spin_lock(&proc_tree_lock);
	err = group_set_target(caller, pid, &p);
	if (err)
		goto out;
	group = pgid ? pid_lookup(pgid) : p->pid;
	if (group != p->pid && (!group || !group_in_session(group, caller->session)))
		err = -EPERM;
	else if (group != p->group)
		group_enter(p, group);
out:
	spin_unlock(&proc_tree_lock);
	return err;
}
