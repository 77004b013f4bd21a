/* core/proc/proc_event.c */
#include "core/proc/proc_event.h"

#include "core/base/string.h"
#include "core/cred/cred.h"
#include "hal/clock.h"
#include "hal/cpu.h"

u32 proc_event_listeners;
void (*proc_event_tell)(const struct proc_event *e);

/* The parent of t's process, by its thread that made it; 0, 0: it has none. */
static void proc_event_parent(struct thread *t, int *tid, int *tgid) REQUIRES(proc_tree_lock)
{
	const struct process *parent = t->process->parent;

	*tid = parent ? t->process->parent_tid : 0;
	*tgid = parent ? parent->pid->nr : 0;
}

void proc_event_send(struct proc_event *e)
{
	e->cpu = hal_cpu_self()->id;
	e->timestamp_ns = hal_clock_ns();
	proc_event_tell(e);
}

void proc_event_thread(struct thread *t, enum proc_cn_event what)
{
	struct proc_event e = {.what = what};

	if (!proc_event_wanted())
		return;
	/* The three begin alike. */
	e.event_data.comm.process_pid = t->tid->nr;
	e.event_data.comm.process_tgid = t->process->pid->nr;
	if (what == PROC_EVENT_COMM)
		string_copy(e.event_data.comm.comm, t->task.name, sizeof(e.event_data.comm.comm));
	proc_event_send(&e);
}

static void proc_event_id(struct thread *t, enum proc_cn_event what, u32 real, u32 effective)
{
	struct proc_event e = {.what = what};

	e.event_data.id.process_pid = t->tid->nr;
	e.event_data.id.process_tgid = t->process->pid->nr;
	e.event_data.id.r.ruid = real;
	e.event_data.id.e.euid = effective;
	proc_event_send(&e);
}

void proc_event_ids(struct thread *t, const struct cred *old)
{
	const struct cred *new = t->task.cred;

	if (!proc_event_wanted())
		return;
	if (new->uid != old->uid || new->euid != old->euid || new->suid != old->suid ||
	    new->fsuid != old->fsuid)
		proc_event_id(t, PROC_EVENT_UID, new->uid, new->euid);
	if (new->gid != old->gid || new->egid != old->egid || new->sgid != old->sgid ||
	    new->fsgid != old->fsgid)
		proc_event_id(t, PROC_EVENT_GID, new->gid, new->egid);
}

void proc_event_trace(struct thread *t, struct thread *tracer)
{
	struct proc_event e = {.what = PROC_EVENT_PTRACE};

	if (!proc_event_wanted())
		return;
	e.event_data.ptrace.process_pid = t->tid->nr;
	e.event_data.ptrace.process_tgid = t->process->pid->nr;
	if (tracer) {
		e.event_data.ptrace.tracer_pid = tracer->tid->nr;
		e.event_data.ptrace.tracer_tgid = tracer->process->pid->nr;
	}
	proc_event_send(&e);
}

void proc_event_fork(struct thread *child)
{
	struct proc_event e = {.what = PROC_EVENT_FORK};

	if (!proc_event_wanted())
		return;
	spin_lock(&proc_tree_lock);
	proc_event_parent(child, &e.event_data.fork.parent_pid, &e.event_data.fork.parent_tgid);
	spin_unlock(&proc_tree_lock);
	e.event_data.fork.child_pid = child->tid->nr;
	e.event_data.fork.child_tgid = child->process->pid->nr;
	proc_event_send(&e);
}

void proc_event_core(struct thread *t)
{
	struct proc_event e = {.what = PROC_EVENT_COREDUMP};

	if (!proc_event_wanted())
		return;
	e.event_data.coredump.process_pid = t->tid->nr;
	e.event_data.coredump.process_tgid = t->process->pid->nr;
	spin_lock(&proc_tree_lock);
	proc_event_parent(t, &e.event_data.coredump.parent_pid,
			  &e.event_data.coredump.parent_tgid);
	spin_unlock(&proc_tree_lock);
	proc_event_send(&e);
}

void proc_event_exit(struct proc_event *e, struct thread *t, int status)
{
	const struct process *p = t->process;

	*e = (struct proc_event){.what = PROC_EVENT_EXIT};
	e->event_data.exit.process_pid = t->tid->nr;
	e->event_data.exit.process_tgid = p->pid->nr;
	e->event_data.exit.exit_code = (u32)status;
	e->event_data.exit.exit_signal = (u32)(t->tid == p->pid ? p->exit_signal : -1);
	proc_event_parent(t, &e->event_data.exit.parent_pid, &e->event_data.exit.parent_tgid);
}
