/* core/proc/clone.c -- fork, vfork, clone, clone3. */
#include <linux/capability.h>
#include <linux/sched.h>

#include "core/cred/cred.h"
#include "core/proc/extra.h"
#include "core/proc/internal.h"
#include "core/proc/itimer.h"
#include "core/proc/pid_ns.h"
#include "core/proc/pidfd.h"
#include "core/proc/proc_event.h"
#include "core/proc/seccomp.h"
#include "core/proc/trace.h"
#include "core/proc/user_become.h"
#include "core/proc/uts.h"
#include "coro/executor.h"
#include "hal/clock.h"
#include "mem/space/pin.h"
#include "mem/space/space.h"
#include "mem/space/uaccess.h"
#include "vfs/fd.h"
#include "vfs/file.h"
#include "vfs/fs_context.h"

#define CLONE_NO_NAMESPACES \
	(CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP | CLONE_NEWTIME)
#define CLONE_NAMESPACES (CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWPID)

/* May it choose numbers in a PID namespace of these users? */
static bool clone_may_choose(const struct cred *cred, const struct user_ns *users)
{
	return cred_capable_in(cred, users, CAP_SYS_ADMIN) ||
	       cred_capable_in(cred, users, CAP_CHECKPOINT_RESTORE);
}

/* Numbers that are asked for; with those of a new namespace. */
static int clone_check_tids(const struct thread_clone *f, const struct cred *cred)
{
	const struct process *me = process_current();
	const struct pid_ns *ns = me->child_ns ? me->child_ns : me->pid->ns;
	bool made = f->flags & CLONE_NEWPID;

	if (!f->set_tid_count)
		return 0;
	if (f->set_tid_count > ns->level + made + 1u)
		return -EINVAL;
	if (f->set_tid[0] < 1 || f->set_tid[0] >= PID_MAX || (made && f->set_tid[0] != 1))
		return -EINVAL;
	/* In what it makes with a user namespace it may anything. */
	if (made && !(f->flags & CLONE_NEWUSER) && !clone_may_choose(cred, cred->ns))
		return -EPERM;
	for (unsigned n = made; n < f->set_tid_count; n++, ns = ns->parent)
		if (!clone_may_choose(cred, ns->users))
			return -EPERM;
	return 0;
}

static int clone_check(const struct thread_clone *f)
{
	u64 flags = f->flags;
	struct process *me = process_current();
	const struct cred *cred = task_current()->cred;
	const struct sched_task *me_sched = &task_current()->sched;
	u32 count = atomic_load(&me->user->processes);

	if ((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND))
		return -EINVAL;
	if ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM))
		return -EINVAL;
	if ((flags & (CLONE_NEWNS | CLONE_FS)) == (CLONE_NEWNS | CLONE_FS))
		return -EINVAL;
	if ((flags & (CLONE_NEWUSER | CLONE_FS)) == (CLONE_NEWUSER | CLONE_FS))
		return -EINVAL;
	if ((flags & CLONE_SIGHAND) && (flags & CLONE_CLEAR_SIGHAND))
		return -EINVAL;
	if ((flags & CLONE_PARENT) && process_is_first(me))
		return -EINVAL;
	if ((flags & CLONE_PIDFD) && (flags & CLONE_DETACHED))
		return -EINVAL;
	/* Threads are where their process is. */
	if ((flags & CLONE_THREAD) && ((flags & (CLONE_NEWPID | CLONE_NEWUSER)) || me->child_ns))
		return -EINVAL;
	/* Of other namespaces there is one each. */
	if (flags & CLONE_NO_NAMESPACES)
		return -EINVAL;
	if ((flags & CLONE_NAMESPACES) && !(flags & CLONE_NEWUSER) &&
	    !cred_capable_own(cred, CAP_SYS_ADMIN))
		return -EPERM;
	/* It has chosen where they are born. */
	if ((flags & CLONE_NEWPID) && me->child_ns)
		return -EINVAL;
	/* And no cgroups, so no descriptor is one. */
	if (flags & CLONE_INTO_CGROUP)
		return -EBADF;
	if (count >= rlimit_get(me, RLIMIT_NPROC) && cred->uid &&
	    !cred_capable(cred, CAP_SYS_RESOURCE) && !cred_capable(cred, CAP_SYS_ADMIN))
		return -EAGAIN;
	if (me_sched->policy == SCHED_TASK_DEADLINE && !(me_sched->marks & SCHED_FORGETS))
		return -EAGAIN;
	return clone_check_tids(f, cred);
}

/* The part of a new process that comes from its parent. */
static int clone_process(struct process *p, struct process *parent, u64 flags,
			 struct user_ns *users)
{
	struct sighand *hand;

	spin_lock(&parent->sig_lock);
	hand = parent->sighand;
	sighand_get(hand);
	p->limits = parent->limits;
	p->user = parent->user;
	user_counts_get(p->user);
	p->oom_score_adj = parent->oom_score_adj;
	p->oom_score_adj_min = parent->oom_score_adj_min;
	p->exe = parent->exe;
	if (p->exe)
		file_get(p->exe);
	spin_unlock(&parent->sig_lock);
	p->personality = parent->personality;
	p->uts = process_uts(parent);
	if (flags & CLONE_SIGHAND) {
		p->sighand = hand;
	} else {
		p->sighand = sighand_copy(hand);
		sighand_put(hand);
	}
	if (!p->sighand)
		return -ENOMEM;
	if (flags & CLONE_CLEAR_SIGHAND)
		for (int i = 0; i < 64; i++)
			if (p->sighand->act[i].handler != (u64)SIG_IGN)
				p->sighand->act[i] = (struct sigact){0};
	return flags & CLONE_NEWUTS && !uts_renew(&p->uts, users) ? -ENOMEM : 0;
}

/* Descriptors, root and directory, credentials. */
static int clone_slots(struct thread *child, struct thread *me, u64 flags, struct cred *cred)
{
	struct task *to = &child->task, *from = &me->task;

	to->cred = cred;
	cred_get(cred);
	if (flags & CLONE_FILES)
		fd_table_get(from->fds);
	to->fds = flags & CLONE_FILES ? from->fds : fd_table_clone(from->fds);
	if (!to->fds)
		return -ENOMEM;
	if (flags & CLONE_FS)
		fs_context_share(from->fs);
	to->fs = flags & CLONE_FS ? from->fs : fs_context_clone(from->fs);
	if (!to->fs)
		return -ENOMEM;
	return flags & CLONE_NEWNS ? fs_context_renew_ns(to->fs, cred->ns) : 0;
}

/* What semaphores get back at the end is the process's matter, unless asked for otherwise. */
static int clone_undos(struct thread *child, struct thread *me, u64 flags)
{
	if (!(flags & CLONE_SYSVSEM))
		child->own_undos = flags & CLONE_THREAD;
	else if (!(flags & CLONE_THREAD) || me->own_undos)
		return thread_undo->share(me, child);
	return 0;
}

static void clone_registers(struct thread *child, struct thread *me, const struct thread_clone *f)
{
	executor_user_sync(&me->task);
	hal_user_copy(&child->user, &me->user);
	child->user.x[0] = 0;
	if (f->stack)
		child->user.sp = f->stack;
	if (f->flags & CLONE_SETTLS)
		child->user.tls = f->tls;
}

/* What is lent is not passed on, nor what is better than usual by one who asked for that. */
static void clone_sched(struct sched_task *child, const struct sched_task *me)
{
	child->slice_ns = me->slice_ns;
	child->policy = me->policy;
	child->priority = me->priority;
	child->nice = me->nice;
	if (me->marks & SCHED_FORGETS) {
		bool rt = me->priority || me->policy == SCHED_TASK_DEADLINE;

		if (rt)
			child->policy = SCHED_TASK_NORMAL;
		child->nice = rt || me->nice < 0 ? 0 : me->nice;
		child->priority = 0;
	}
	child->level = sched_task_level(child);
}

static void clone_thread_state(struct thread *child, struct thread *me, const struct thread_clone *f)
{
	child->task.affinity = me->task.affinity;
	child->ioprio = atomic_load_relaxed(&me->ioprio);
	child->failure_set = me->failure_set;
	child->failure_early = me->failure_early;
	clone_sched(&child->task.sched, &me->task.sched);
	child->blocked = me->mask_is_saved ? me->saved_mask : me->blocked;
	if (!(f->flags & CLONE_VM) || (f->flags & CLONE_VFORK)) {
		child->alt_sp = me->alt_sp;
		child->alt_size = me->alt_size;
		child->alt_flags = me->alt_flags;
	}
	if (!(f->flags & CLONE_VM)) {
		child->rseq = me->rseq;
		child->rseq_len = me->rseq_len;
		child->rseq_sig = me->rseq_sig;
	}
	if (f->flags & CLONE_CHILD_CLEARTID)
		child->clear_tid = f->child_tid;
	child->vforked = f->made && (f->flags & CLONE_VFORK);
}

/* The child's numbers, in a new namespace if it is to have one. */
static int clone_number(const struct thread_clone *f, struct process *me, struct user_ns *users,
			struct pid **pid)
{
	struct pid_ns *ns = me->child_ns ? me->child_ns : me->pid->ns, *made = NULL;
	int err = f->flags & CLONE_NEWPID ? pid_ns_new(ns, users, &made) : 0;

	if (!err)
		err = pid_new(made ? made : ns, f->set_tid, f->set_tid_count, pid);
	pid_ns_put(made);
	return err;
}

/* The record, everything but its space. */
static int clone_make_as(struct thread_clone *f, struct thread *me, struct cred *cred)
{
	struct pid *pid;
	struct process *p = me->process;
	int err = clone_number(f, me->process, cred->ns, &pid);

	if (err)
		return err;
	err = -ENOMEM;
	if (!(f->flags & CLONE_THREAD)) {
		p = process_new(pid);
		if (!p)
			goto out;
		f->made = p;
		err = clone_process(p, me->process, f->flags, cred->ns);
		if (err)
			goto out;
		p->exit_signal = f->exit_signal;
	}
	f->child = thread_new(p, pid, me->task.name);
	err = f->child ? clone_slots(f->child, me, f->flags, cred) : -ENOMEM;
	if (!err)
		err = extra_inherit(f->child, me);
	if (!err)
		err = clone_undos(f->child, me, f->flags);
	if (!err && (trace_of(me) || seccomp_mode(me)) && !trace_prepare(f->child))
		err = -ENOMEM;
	if (!err) {
		clone_registers(f->child, me, f);
		clone_thread_state(f->child, me, f);
		f->nr = pid_nr_here(pid);
		f->own_nr = pid->own;
		f->traced_nr = trace_nr(me, pid);
	}
out:
	if (!f->child) {
		spin_lock(&proc_tree_lock);
		pid_unname(pid);
		spin_unlock(&proc_tree_lock);
	}
	pid_put(pid);
	return err;
}

/* The same in a user namespace of its own, to which what else is new then belongs. */
static int clone_make(struct thread_clone *f, struct thread *me)
{
	struct cred *cred = me->task.cred;
	int err = 0;

	if (f->flags & CLONE_NEWUSER)
		err = user_become_new(&cred);
	else
		cred_get(cred);
	if (err)
		return err;
	err = clone_make_as(f, me, cred);
	cred_put(cred);
	return err;
}

/* The point of no return: into the tree, unless the parent is on its way out. */
static int clone_publish(struct thread_clone *f, struct thread *me)
{
	struct process *p = f->child->process, *parent = me->process;
	int err = 0;

	spin_lock(&proc_tree_lock);
	/* A signal sent before the child is in the tree must find it or end the call. */
	if (atomic_load(&me->task.flags) & (TASK_SIGNAL | TASK_KILLED))
		err = -ERESTARTNOINTR;
	/* Nor may it be born where all are being killed. */
	if (!err && f->child->tid->ns->closed)
		err = -ENOMEM;
	/* Nor may it miss filters that come from another thread now. */
	if (!err && !seccomp_inherit(f->child, me))
		err = -ERESTARTNOINTR;
	if (!err && f->made) {
		if (f->flags & CLONE_PARENT)
			p->exit_signal = parent->exit_signal;
		p->parent_tid = f->flags & CLONE_PARENT ? parent->parent_tid : me->tid->nr;
		process_link(p, f->flags & CLONE_PARENT ? parent->parent : parent);
	}
	if (!err) {
		thread_add(f->child);
		if (f->event || (f->flags & CLONE_PTRACE))
			trace_inherit(f->child, me);
	}
	spin_unlock(&proc_tree_lock);
	if (!err)
		process_count_fork();
	return err;
}

/* What the tracer is told about, if it wants to be. */
static unsigned clone_event(struct thread *me, const struct thread_clone *f)
{
	unsigned event = PTRACE_EVENT_FORK;

	if (f->flags & CLONE_UNTRACED)
		return 0;
	if (f->flags & CLONE_VFORK)
		event = PTRACE_EVENT_VFORK;
	else if (f->exit_signal != SIGCHLD)
		event = PTRACE_EVENT_CLONE;
	return trace_wants(me, event) ? event : 0;
}

static bool clone_vfork_is_done(struct process *child)
{
	return atomic_load(&child->vfork_done);
}

/* What a failed clone leaves behind, but for the space. */
static void clone_undo(struct thread_clone *f)
{
	struct thread *t = f->child;

	if (t) {
		if (t->own_undos || f->made)
			thread_undo->unshare(t);
		fd_table_put(t->task.fds);
		fs_context_leave(t->task.fs);
		spin_lock(&proc_tree_lock);
		pid_unname(t->tid);
		spin_unlock(&proc_tree_lock);
		if (f->made && f->made->space)
			space_put(f->made->space);
		thread_drop(t);
	}
	process_put(f->made);
}

/* --- the child's descriptor --- */

/* Open before the child is seen, so that the call can still fail. */
static int clone_open_pidfd(struct thread_clone *f, struct thread *me)
{
	u32 flags = f->flags & CLONE_THREAD ? PIDFD_THREAD : 0;
	struct file *file;
	int err = pidfd_make(f->child->tid, flags, me->task.cred, &file);

	f->pidfd_nr = -1;
	if (err)
		return err;
	f->pidfd_nr = fd_add(me->task.fds, file, 0, rlimit_get(me->process, RLIMIT_NOFILE), true);
	if (f->pidfd_nr >= 0)
		return 0;
	file_put(file);
	return f->pidfd_nr;
}

static void clone_close_pidfd(struct thread_clone *f, struct thread *me)
{
	if ((f->flags & CLONE_PIDFD) && f->pidfd_nr >= 0)
		file_put(fd_take(me->task.fds, f->pidfd_nr));
}

co_t thread_clone(struct co *co, struct thread_clone *f)
{
	struct thread *me = thread_of_co(co);

	CO_BEGIN;
	f->err = clone_check(f);
	if (f->err)
		CO_RETURN(f->err);
	f->event = clone_event(me, f);
	f->err = clone_make(f, me);
	if (f->err)
		goto undo;
	if (f->flags & CLONE_VM) {
		f->space = co_task(co)->space;
		space_join(f->space);
	} else {
		CO_AWAIT(f->err, space_fork, .space = co_task(co)->space, .to = &f->space);
		if (f->err)
			goto undo;
	}
	f->child->task.space = f->space;
	if (f->made) {
		space_get(f->space);
		f->made->space = f->space;
	}
	if (f->flags & CLONE_PIDFD) {
		f->err = clone_open_pidfd(f, me);
		if (!f->err)
			CO_COPY_TO_USER(f->err, f->pidfd, &f->pidfd_nr, sizeof(f->pidfd_nr));
	}
	if (f->err)
		goto leave;
	if (f->flags & CLONE_PARENT_SETTID)
		CO_AWAIT(f->ignored, space_access, .space = co_task(co)->space, .addr = f->parent_tid,
			 .buf = &f->nr, .len = sizeof(f->nr), .write = true);
	if (f->flags & CLONE_CHILD_SETTID)
		CO_AWAIT(f->ignored, space_access, .space = f->space, .addr = f->child_tid,
			 .buf = &f->own_nr, .len = sizeof(f->own_nr), .write = true);
	f->err = clone_publish(f, me);
	if (f->err)
		goto leave;
	/* A child whose limit cannot be watched does not run. */
	if (f->made && itimer_limit(f->made))
		signal_process(f->made, SIGKILL, NULL);
	f->wait = f->child->vforked;
	proc_event_fork(f->child);
	task_start(&f->child->task);
	if (f->event)
		TRACE_EVENT(f->ignored, f->event, f->traced_nr);
	if (f->wait) {
		CO_WAIT_KILLABLE(f->err, &f->child->process->vfork_wait,
				 clone_vfork_is_done(f->child->process));
		if (!f->err && trace_wants(me, PTRACE_EVENT_VFORK_DONE))
			TRACE_EVENT(f->ignored, PTRACE_EVENT_VFORK_DONE, f->traced_nr);
	}
	thread_drop(f->child);
	process_put(f->made);
	CO_RETURN(f->nr);
leave:
	clone_close_pidfd(f, me);
	CO_AWAIT(f->ignored, space_leave, .space = f->space);
undo:
	clone_undo(f);
	CO_RETURN(f->err);
	CO_END;
}
