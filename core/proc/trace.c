/* core/proc/trace.c -- the relation of tracers and the traced: how it begins, passes to children,
 * and ends.
 */
#include "core/proc/trace.h"

#include <linux/sched.h>

#include "core/cred/cred.h"
#include "core/proc/exit.h"
#include "core/proc/hwdebug.h"
#include "core/proc/internal.h"
#include "core/proc/proc_event.h"
#include "core/proc/seccomp.h"
#include "mem/phys/slab.h"

bool trace_prepare(struct thread *t)
{
	struct trace *tr, *none = NULL;

	if (atomic_load(&t->trace))
		return true;
	tr = kzalloc(sizeof(*tr));
	if (!tr)
		return false;
	tr->thread = t;
	list_init(&tr->link);
	waitq_init(&tr->wait);
	if (!atomic_cas(&t->trace, &none, tr))
		kfree(tr);
	return true;
}

void trace_free(struct trace *tr)
{
	if (tr) {
		hwdebug_free(tr->hwdebug);
		seccomp_filter_put(tr->filter);
	}
	kfree(tr);
}

struct trace *trace_of_leader(const struct process *p)
{
	return p->pid->thread ? trace_of(p->pid->thread) : NULL;
}

bool trace_is_foreign(const struct trace *tr)
{
	return tr->tracer->process != tr->thread->process->parent;
}

/* --- the beginning --- */

/* cred: the tracer's. */
static void trace_link(struct process *p, struct trace *tr, struct thread *tracer,
		       const struct cred *cred, bool seized, u32 options)
	REQUIRES(proc_tree_lock, p->sig_lock)
{
	tr->seized = seized;
	tr->options = options;
	tr->mode = TRACE_RUN;
	tr->capable = cred_capable_in(cred, tr->thread->task.cred->ns, CAP_SYS_PTRACE);
	list_add_back(&tracer->process->tracees, &tr->link);
	atomic_store(&tr->tracer, tracer);
}

/* The thread that made t's process, or its process's first one. */
static struct thread *trace_parent_thread(struct thread *t) REQUIRES(proc_tree_lock)
{
	struct process *parent = t->process->parent;
	struct thread *each;

	if (!parent)
		return NULL;
	list_each(each, &parent->threads, in_process)
		if (each->tid->nr == t->process->parent_tid)
			return each;
	return list_empty(&parent->threads) ?
		       NULL : list_first(&parent->threads, struct thread, in_process);
}

int trace_nr(struct thread *t, const struct pid *pid)
{
	struct trace *tr;
	int nr;

	if (!trace_of(t))
		return pid->nr;
	spin_lock(&proc_tree_lock);
	tr = trace_of(t);
	nr = tr ? pid_nr(pid, tr->tracer->process->pid->ns) : 0;
	spin_unlock(&proc_tree_lock);
	return nr;
}

/* May one with these credentials trace a child that wants it? */
static bool trace_may_be_asked(const struct cred *parent, const struct cred *child)
{
	return (parent->ns == child->ns && !(child->permitted & ~parent->permitted)) ||
	       cred_capable_in(parent, child->ns, CAP_SYS_PTRACE);
}

int trace_me(struct thread *t)
{
	struct process *p = t->process;
	struct thread *parent;
	struct cred *they;
	int err = -EPERM;

	if (!trace_prepare(t))
		return -ENOMEM;
	spin_lock(&proc_tree_lock);
	parent = trace_parent_thread(t);
	they = parent ? thread_cred(parent) : NULL;
	if (they && !trace_of(t) && trace_may_be_asked(they, t->task.cred)) {
		err = 0;
		spin_lock(&p->sig_lock);
		if (!atomic_load(&parent->leaving))
			trace_link(p, t->trace, parent, they, false, 0);
		spin_unlock(&p->sig_lock);
	}
	cred_put(they);
	spin_unlock(&proc_tree_lock);
	return err;
}

void trace_inherit(struct thread *child, struct thread *maker)
{
	struct process *p = child->process;
	struct trace *from = trace_of(maker), *to = child->trace;

	if (!from || !to)
		return;
	spin_lock(&p->sig_lock);
	trace_link(p, to, from->tracer, maker->task.cred, from->seized, from->options);
	to->capable = from->capable;
	if (to->seized) {
		to->trap_stop = true;
		atomic_or(&child->task.flags, (u32)TASK_WORK);
	} else {
		/* Without a record, as it comes from nobody. */
		child->pending.pending |= SIG_BIT(SIGSTOP);
		atomic_or(&child->task.flags, (u32)TASK_SIGNAL);
	}
	spin_unlock(&p->sig_lock);
}

/* The state of a thread that is being attached to: a stop is on its way. */
static void trace_set_stopped(struct process *p, struct trace *tr, bool seize)
	REQUIRES(p->sig_lock)
{
	struct thread *t = tr->thread;

	if (!seize)
		signal_send_locked(p, t, SIGSTOP, NULL);
	/* It is in its group's stop: that becomes a traced one. */
	if (p->stop_signal && !t->stop_counted && !t->leaving) {
		tr->trap_stop = true;
		tr->trapping = true;
		tr->stop_signal = p->stop_signal;
		task_interrupt(&t->task, TASK_WORK);
		waitq_wake(&p->stop_wait);
	}
}

/* 0, an error, or -EAGAIN while an exec of its process works out whose rights it will have. */
static int trace_try_attach(struct trace_attach *f)
{
	struct thread *t = f->thread, *me = thread_current();
	struct process *p = t->process;
	struct trace *tr = t->trace;
	u32 execs;
	int err;

again:
	execs = atomic_load(&p->exec_count);
	err = trace_may(t, TRACE_ATTACH | TRACE_REAL_IDS);
	if (err)
		return err;
	spin_lock(&proc_tree_lock);
	spin_lock(&p->sig_lock);
	if (p->execs_running) {
		err = -EAGAIN;
	} else if (execs != p->exec_count) {
		/* It is another program than the one that was asked about. */
		spin_unlock(&p->sig_lock);
		spin_unlock(&proc_tree_lock);
		goto again;
	} else if (list_empty(&t->in_process) || tr->tracer) {
		err = -EPERM;
	} else {
		trace_link(p, tr, me, me->task.cred, f->seize, f->options);
		trace_set_stopped(p, tr, f->seize);
	}
	spin_unlock(&p->sig_lock);
	spin_unlock(&proc_tree_lock);
	return err;
}

static bool trace_attach_is_decided(struct trace_attach *f)
{
	f->err = trace_try_attach(f);
	return f->err != -EAGAIN;
}

static bool trace_is_in_place(struct thread *t)
{
	struct process *p = t->process;
	bool done;

	spin_lock(&p->sig_lock);
	done = !t->trace->trapping || t->trace->tracer != thread_current();
	spin_unlock(&p->sig_lock);
	return done;
}

co_t trace_attach(struct co *co, struct trace_attach *f)
{
	long err;

	CO_BEGIN;
	if (f->thread->process == process_of(co))
		CO_RETURN(-EPERM);
	if (!trace_prepare(f->thread))
		CO_RETURN(-ENOMEM);
	CO_WAIT(err, &f->thread->process->threads_wait, trace_attach_is_decided(f));
	if (err)
		CO_RETURN(-ERESTARTNOINTR);
	if (f->err)
		CO_RETURN(f->err);
	CO_WAIT_KILLABLE(err, &process_of(co)->child_wait, trace_is_in_place(f->thread));
	(void)err;
	proc_event_trace(f->thread, thread_of_co(co));
	CO_RETURN(0);
	CO_END;
}

/* --- the end --- */

static void trace_unlink(struct trace *tr) REQUIRES(proc_tree_lock)
{
	struct thread *t = tr->thread;
	struct process *p = t->process;

	spin_lock(&p->sig_lock);
	list_remove(&tr->link);
	atomic_store(&tr->tracer, (struct thread *)NULL);
	tr->seized = false;
	tr->options = 0;
	tr->mode = TRACE_RUN;
	tr->trap_stop = tr->trap_notify = tr->trapping = false;
	/* What was no signal to begin with does not become one. */
	if (tr->stopped && !tr->delivering)
		tr->code = 0;
	/* One that runs finds out by itself: its flags and registers are its own. */
	if (tr->stopped) {
		trace_set_step(t, false);
		trace_update_flag(t);
	}
	/* Out of its stop, or into its group's. */
	if (tr->stopped || p->stop_signal) {
		tr->stopped = false;
		trace_wake(p, tr);
	}
	spin_unlock(&p->sig_lock);
}

int trace_detach(struct thread *t, int sig)
{
	struct process *p = t->process;
	bool held;

	spin_lock(&proc_tree_lock);
	spin_lock(&p->sig_lock);
	held = trace_holds(p, t);
	if (held) {
		trace_set_step(t, false);
		t->trace->code = sig;
		t->trace->delivering = true;	/* whatever it was: this is a signal now */
	}
	spin_unlock(&p->sig_lock);
	if (held)
		trace_unlink(t->trace);
	spin_unlock(&proc_tree_lock);
	if (!held)
		return -ESRCH;
	proc_event_trace(t, NULL);
	return 0;
}

bool trace_release_one(struct thread *tracer)
{
	struct trace *tr, *found = NULL;
	struct task *gone = NULL;

	spin_lock(&proc_tree_lock);
	list_each(tr, &tracer->process->tracees, link) {
		if (tr->tracer == tracer) {
			found = tr;
			break;
		}
	}
	if (found && found->exited) {
		struct process *p = found->thread->process;
		bool foreign = trace_is_foreign(found);

		gone = &found->thread->task;
		trace_reap(found);
		if (found->thread->tid == p->pid && p->state == PROCESS_ZOMBIE)
			exit_pass_on(p, foreign);
	} else if (found) {
		if (found->options & PTRACE_O_EXITKILL)
			signal_process(found->thread->process, SIGKILL, NULL);
		trace_unlink(found);
	}
	spin_unlock(&proc_tree_lock);
	if (gone)
		task_put(gone);
	return found;
}

/* --- zombies --- */

static void trace_tell_exit(struct trace *tr) REQUIRES(proc_tree_lock)
{
	struct process *p = tr->thread->process;
	int status = p->group_exiting ? p->group_status : tr->exit_status;
	int sig = status & 0x7f;

	exit_notify(tr->tracer->process, SIGCHLD, tr->thread,
		    exit_code(status), sig ? sig : (status >> 8) & 0xff);
}

bool trace_exit(struct thread *t, int status)
{
	struct process *p = t->process;
	struct trace *tr = trace_of(t);
	bool leads = t->tid == p->pid;

	if (!tr)
		return false;
	/* Its name goes to the thread that runs exec. */
	if (leads && p->exec_by) {
		waitq_wake(&tr->tracer->process->child_wait);
		trace_unlink(tr);
		return false;
	}
	tr->exited = true;
	tr->exit_status = status;
	tr->trapping = false;
	task_get(&t->task);
	waitq_wake(&tr->tracer->process->child_wait);
	if (!leads) {
		p->trace_zombies++;
		trace_tell_exit(tr);
	}
	return true;
}

void trace_reap(struct trace *tr)
{
	struct thread *t = tr->thread;
	struct process *p = t->process;
	bool leads = t->tid == p->pid;

	trace_unlink(tr);
	tr->exited = false;
	if (t->tid->thread == t)
		t->tid->thread = NULL;
	if (!leads) {
		pid_unname(t->tid);
		if (!--p->trace_zombies && p->state == PROCESS_ZOMBIE)
			exit_announce(p);
		waitq_wake(&p->threads_wait);
	}
}

struct task *trace_replace_leader(struct process *p)
{
	struct thread *leader = p->pid->thread;
	struct trace *tr = leader ? trace_of(leader) : NULL;

	if (!tr || !tr->exited)
		return NULL;
	waitq_wake(&tr->tracer->process->child_wait);
	trace_unlink(tr);
	tr->exited = false;
	return &leader->task;
}
