/* core/proc/wait.c -- waiting for children. */
#include <linux/wait.h>

#include "core/proc/exit.h"
#include "core/proc/internal.h"

static bool wait_matches(const struct wait_for *f, const struct process *p)
	REQUIRES(proc_tree_lock)
{
	bool clone = p->exit_signal != SIGCHLD;

	if (f->pid && p->pid != f->pid)
		return false;
	if (f->which == WAIT_PID && process_pid(p) != f->id)
		return false;
	if (f->which == WAIT_GROUP && (!p->group || p->group->nr != f->id))
		return false;
	return (f->options & __WALL) || clone == !!(f->options & __WCLONE);
}

static void wait_fill(const struct wait_for *f, struct process *p, int code, int code_status,
		      int status) REQUIRES(proc_tree_lock)
{
	*f->result = (struct wait_result){
		.pid = process_pid(p),
		.uid = p->last_uid,
		.status = status,
		.code = code,
		.code_status = code_status,
	};
	spin_lock(&p->sig_lock);
	if (!list_empty(&p->threads))
		f->result->uid = p->user->uid;
	process_usage_locked(p, &f->result->usage);
	spin_unlock(&p->sig_lock);
	process_add_usage(&f->result->usage, &p->children_usage);
}

/* A dead child is taken out of the tree, its times added to ours. */
static bool wait_zombie(const struct wait_for *f, struct process *p) REQUIRES(proc_tree_lock)
{
	int status = p->exit_status, sig = status & 0x7f;
	struct process *me = p->parent;

	if (p->state != PROCESS_ZOMBIE || !(f->options & WEXITED))
		return false;
	wait_fill(f, p, sig ? CLD_KILLED : CLD_EXITED, sig ? sig : (status >> 8) & 0xff, status);
	if (f->options & WNOWAIT)
		return true;
	process_add_usage(&me->children_usage, &f->result->usage);
	process_unlink(p);
	return true;
}

static bool wait_stopped(const struct wait_for *f, struct process *p) REQUIRES(proc_tree_lock)
{
	int sig = p->wait_stop_signal;

	if (!(f->options & WSTOPPED) || !p->wait_stopped || p->state != PROCESS_ALIVE)
		return false;
	wait_fill(f, p, CLD_STOPPED, sig, sig << 8 | 0x7f);
	if (!(f->options & WNOWAIT))
		p->wait_stopped = false;
	return true;
}

static bool wait_continued(const struct wait_for *f, struct process *p) REQUIRES(proc_tree_lock)
{
	if (!(f->options & WCONTINUED) || !p->wait_continued || p->state != PROCESS_ALIVE)
		return false;
	wait_fill(f, p, CLD_CONTINUED, SIGCONT, 0xffff);
	if (!(f->options & WNOWAIT))
		p->wait_continued = false;
	return true;
}

/* true: there is an answer, in f->err and *f->result. */
static bool wait_scan(struct wait_for *f, struct process *me)
{
	struct process *p, *next;
	bool any = false, done = false;

	spin_lock(&proc_tree_lock);
	f->err = 0;
	list_each_safe(p, next, &me->children, sibling) {
		if (!wait_matches(f, p))
			continue;
		any = true;
		done = wait_zombie(f, p) || wait_stopped(f, p) || wait_continued(f, p);
		if (done)
			break;
	}
	if (!any)
		f->err = -ECHILD;
	spin_unlock(&proc_tree_lock);
	return done || !any;
}

co_t wait_for(struct co *co, struct wait_for *f)
{
	struct process *me = process_of(co);
	long err;

	CO_BEGIN;
	*f->result = (struct wait_result){0};
	if (f->options & WNOHANG) {
		wait_scan(f, me);
		CO_RETURN(f->err);
	}
	CO_WAIT(err, &me->child_wait, wait_scan(f, me));
	CO_RETURN(err ? err : f->err);
	CO_END;
}
