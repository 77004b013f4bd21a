/* core/proc/wait.c -- waiting for children. */
#include <linux/wait.h>

#include "core/cred/cred.h"
#include "core/proc/exit.h"
#include "core/proc/internal.h"
#include "core/proc/trace.h"

static bool wait_matches(const struct wait_for *f, const struct process *p)
	REQUIRES(proc_tree_lock)
{
	bool clone = p->exit_signal != SIGCHLD;

	if ((f->options & __WNOTHREAD) && p->parent_tid != thread_current()->tid->nr)
		return false;
	if (f->pid && p->pid != f->pid)
		return false;
	if (f->which == WAIT_PID && process_pid(p) != f->id)
		return false;
	if (f->which == WAIT_GROUP && (!p->group || pid_nr_here(p->group) != f->id))
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

	if (p->state != PROCESS_ZOMBIE || p->trace_zombies || !(f->options & WEXITED))
		return false;
	wait_fill(f, p, exit_code(status), sig ? sig : (status >> 8) & 0xff, status);
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

static bool wait_children(struct wait_for *f, struct process *me, bool *any)
	REQUIRES(proc_tree_lock)
{
	struct process *p, *next;
	struct trace *tr;

	list_each_safe(p, next, &me->children, sibling) {
		if (!wait_matches(f, p))
			continue;
		*any = true;
		tr = trace_of_leader(p);
		/* As one that is traced it is looked at below; a foreign tracer buries it first. */
		if (tr && !trace_is_foreign(tr))
			continue;
		if ((!tr && wait_zombie(f, p)) || wait_stopped(f, p) || wait_continued(f, p))
			return true;
	}
	return false;
}

/* --- the traced --- */

static bool wait_matches_traced(const struct wait_for *f, const struct trace *tr)
	REQUIRES(proc_tree_lock)
{
	const struct process *p = tr->thread->process;

	if ((f->options & __WNOTHREAD) && tr->tracer != thread_current())
		return false;
	if (f->pid && tr->thread->tid != f->pid)
		return false;
	if (f->which == WAIT_PID && thread_id(tr->thread) != f->id)
		return false;
	return f->which != WAIT_GROUP || (p->group && pid_nr_here(p->group) == f->id);
}

static bool wait_trapped(const struct wait_for *f, struct trace *tr) REQUIRES(proc_tree_lock)
{
	struct process *p = tr->thread->process;
	int code;

	spin_lock(&p->sig_lock);
	code = tr->stopped && !tr->listening ? tr->code : 0;
	if (code && !(f->options & WNOWAIT))
		tr->code = 0;
	spin_unlock(&p->sig_lock);
	if (!code)
		return false;
	wait_fill(f, p, CLD_TRAPPED, code, code << 8 | 0x7f);
	f->result->pid = thread_id(tr->thread);
	return true;
}

/* A thread that only its tracer waits for. */
static void wait_thread(struct wait_for *f, struct trace *tr) REQUIRES(proc_tree_lock)
{
	struct process *p = tr->thread->process;
	int status = p->group_exiting ? p->group_status : tr->exit_status, sig = status & 0x7f;

	wait_fill(f, p, exit_code(status), sig ? sig : (status >> 8) & 0xff, status);
	f->result->pid = thread_id(tr->thread);
	f->result->uid = tr->thread->task.cred->uid;
	if (f->options & WNOWAIT)
		return;
	f->gone = &tr->thread->task;
	trace_reap(tr);
}

/* The leader, of a process that has ended: buried by its tracer, and, if that is not its
 * parent, then waited for by that one, too. */
static void wait_leader(struct wait_for *f, struct trace *tr) REQUIRES(proc_tree_lock)
{
	struct process *p = tr->thread->process;
	int status = p->exit_status, sig = status & 0x7f;

	if (!trace_is_foreign(tr)) {
		if (!(f->options & WNOWAIT)) {
			f->gone = &tr->thread->task;
			trace_reap(tr);
		}
		wait_zombie(f, p);
		return;
	}
	wait_fill(f, p, exit_code(status), sig ? sig : (status >> 8) & 0xff, status);
	if (f->options & WNOWAIT)
		return;
	f->gone = &tr->thread->task;
	trace_reap(tr);
	exit_announce(p);
}

static bool wait_traced(struct wait_for *f, struct process *me, bool *any)
	REQUIRES(proc_tree_lock)
{
	struct trace *tr, *next;

	list_each_safe(tr, next, &me->tracees, link) {
		struct process *p = tr->thread->process;
		bool leads = tr->thread->tid == p->pid;
		bool over = tr->exited && (!leads || (p->state == PROCESS_ZOMBIE &&
						      !p->trace_zombies));

		if (!wait_matches_traced(f, tr))
			continue;
		if (!over || (f->options & WEXITED))
			*any = true;
		if (over && (f->options & WEXITED)) {
			if (leads)
				wait_leader(f, tr);
			else
				wait_thread(f, tr);
			return true;
		}
		if (!tr->exited && (wait_trapped(f, tr) || wait_continued(f, p)))
			return true;
	}
	return false;
}

/* true: there is an answer, in f->err and *f->result. */
static bool wait_scan(struct wait_for *f, struct process *me)
{
	bool any = false, done;

	f->gone = NULL;
	spin_lock(&proc_tree_lock);
	f->err = 0;
	done = wait_children(f, me, &any) || wait_traced(f, me, &any);
	if (!done && !any)
		f->err = -ECHILD;
	spin_unlock(&proc_tree_lock);
	if (f->gone)
		task_put(f->gone);
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
