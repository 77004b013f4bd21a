/* core/proc/deliver.c -- between the end of an entry and user mode: death, stops, signals,
 * restarts.
 */
#include <asm/unistd.h>

#include "core/base/log.h"
#include "core/proc/exit.h"
#include "core/proc/internal.h"
#include "core/proc/session.h"
#include "mem/space/uaccess.h"

/* --- group stop --- */

/* Everybody who had to has stopped: tell the parent, once. */
static void deliver_complete_stop(struct process *p)
{
	int sig = 0;

	spin_lock(&proc_tree_lock);
	spin_lock(&p->sig_lock);
	if (p->stop_signal && !p->stop_left && !p->stopped && atomic_load(&p->live)) {
		p->stopped = true;
		sig = p->stop_signal;
	}
	spin_unlock(&p->sig_lock);
	if (sig) {
		p->wait_stopped = true;
		p->wait_continued = false;
		p->wait_stop_signal = sig;
		exit_notify_parent(p, CLD_STOPPED, sig);
	}
	spin_unlock(&proc_tree_lock);
}

void exit_stop_is_complete(struct thread *t)
{
	if (atomic_load_relaxed(&t->process->stop_signal))
		deliver_complete_stop(t->process);
}

static void deliver_tell_continued(struct process *p)
{
	bool tell;

	spin_lock(&proc_tree_lock);
	spin_lock(&p->sig_lock);
	tell = p->tell_continued;
	p->tell_continued = false;
	spin_unlock(&p->sig_lock);
	if (tell) {
		p->wait_stopped = false;
		p->wait_continued = true;
		exit_notify_parent(p, CLD_CONTINUED, SIGCONT);
	}
	spin_unlock(&proc_tree_lock);
}

/* The default action of a stop signal: all threads are to stop. */
static void deliver_start_stop(struct thread *t, int sig)
{
	struct process *p = t->process;
	struct thread *each;

	if (sig != SIGSTOP && p->group && group_is_orphaned(p->group))
		return;
	spin_lock(&p->sig_lock);
	if (p->stop_taken && !p->stop_signal && !p->group_exiting && !p->exec_by) {
		atomic_store_relaxed(&p->stop_signal, sig);
		p->stop_left = 0;
		list_each(each, &p->threads, in_process) {
			if (each->leaving)
				continue;
			each->stop_counted = true;
			p->stop_left++;
			if (each != t)
				task_interrupt(&each->task, TASK_WORK);
		}
	}
	spin_unlock(&p->sig_lock);
}

/* This thread stops now; true if the group does have to stop. */
static bool deliver_stop_here(struct thread *t)
{
	struct process *p = t->process;
	bool stop, last = false;

	spin_lock(&p->sig_lock);
	stop = p->stop_signal;
	if (stop && t->stop_counted) {
		t->stop_counted = false;
		last = --p->stop_left == 0;
	}
	spin_unlock(&p->sig_lock);
	if (last)
		deliver_complete_stop(p);
	return stop;
}

static bool deliver_may_go_on(struct process *p)
{
	bool go;

	spin_lock(&p->sig_lock);
	go = !p->stop_signal;
	spin_unlock(&p->sig_lock);
	return go;
}

/* --- death --- */

static bool deliver_must_die(struct thread *t, int *status)
{
	struct process *p = t->process;
	bool die;

	spin_lock(&p->sig_lock);
	die = p->group_exiting || (p->exec_by && p->exec_by != t);
	*status = p->group_exiting ? p->group_status : 0;
	spin_unlock(&p->sig_lock);
	return die;
}

/* --- restarts --- */

/* A call ended with a restart code: -EINTR for the handler's sake, or again from the start. */
static void deliver_restart(struct thread *t, const struct sigact *act)
{
	i64 result = (i64)t->user.x[0];
	bool again;

	if (t->syscall < 0)
		return;
	switch (result) {
	case -ERESTARTSYS:
		again = !act || (act->flags & SA_RESTART);
		break;
	case -ERESTARTNOINTR:
		again = true;
		break;
	case -ERESTARTNOHAND:
	case -ERESTART_RESTARTBLOCK:
		again = !act;
		break;
	default:
		again = false;
		goto out;
	}
	if (again) {
		t->user.x[0] = t->orig_x0;
		t->user.pc -= 4;
		if (result == -ERESTART_RESTARTBLOCK)
			t->user.x[8] = __NR_restart_syscall;
	} else {
		t->user.x[0] = (u64)-EINTR;
	}
out:
	if (act)
		thread_forget_restart(t);
	t->syscall = -1;
}

/* --- one signal --- */

/* Look the action up; a one-shot handler is used up. */
static struct sigact deliver_action(struct process *p, int sig)
{
	struct sigact act;

	spin_lock(&p->sig_lock);
	spin_lock(&p->sighand->lock);
	act = p->sighand->act[sig - 1];
	if (act.handler > (u64)SIG_IGN && (act.flags & SA_RESETHAND))
		p->sighand->act[sig - 1].handler = (u64)SIG_DFL;
	spin_unlock(&p->sighand->lock);
	spin_unlock(&p->sig_lock);
	return act;
}

/* What happens without a handler. */
static void deliver_default(struct thread *t, int sig, const struct signal_info *info)
{
	struct process *p = t->process;

	if (SIG_BIT(sig) & SIG_IGNORED_BY_DEFAULT)
		return;
	/* Init only dies of its own faults. */
	if (p == process_first && !((SIG_BIT(sig) & SIG_SYNCHRONOUS) && info->si_code > 0))
		return;
	if (SIG_BIT(sig) & SIG_STOPS) {
		deliver_start_stop(t, sig);
		return;
	}
	signal_group_exit(p, sig);
}

static bool deliver_is_handler(const struct sigact *act)
{
	return act->handler > (u64)SIG_IGN;
}

/* The frame could not be written: SIGSEGV, which kills if that was what failed. */
static void deliver_frame_failed(struct thread *t, int sig)
{
	if (sig == SIGSEGV)
		signal_group_exit(t->process, SIGSEGV);
	else
		signal_force(t, SIGSEGV, SI_KERNEL, 0);
}

static void deliver_mask(struct thread *t, const struct sigact *act, int sig)
{
	sigmask blocked = t->blocked | act->mask;

	if (!(act->flags & SA_NODEFER))
		blocked |= SIG_BIT(sig);
	t->mask_is_saved = false;
	signal_set_mask(t, blocked);
}

struct deliver_handler {
	struct co_frame co;
	struct user_return *ret;
	unsigned tries;
	long err;
};
static co_t deliver_handler(struct co *co, struct deliver_handler *f)
{
	struct thread *t = thread_of_co(co);
	struct user_return *r = f->ret;

	CO_BEGIN;
	deliver_restart(t, &r->act);
	while ((f->err = rseq_update(t, true)) == -EAGAIN) {
		CO_AWAIT(f->err, user_fault_in, .addr = uptr_of(t->retry_addr), .n = t->retry_len,
			 .write = t->retry_write);
		if (f->err)
			break;
	}
	if (f->err && r->sig != SIGSEGV)
		goto failed;
	r->frame = sigframe_place(t, &r->act);
	for (f->tries = 0; f->tries < 8; f->tries++) {
		if (sigframe_write(t, r->frame, &r->act, r->sig, &r->info))
			break;
		CO_AWAIT(f->err, user_fault_in, .addr = uptr_of(r->frame), .n = SIGFRAME_SIZE,
			 .write = true);
		if (f->err)
			goto failed;
	}
	if (f->tries == 8)
		goto failed;
	sigframe_enter(t, r->frame, &r->act, r->sig);
	deliver_mask(t, &r->act, r->sig);
	CO_RETURN(0);
failed:
	deliver_frame_failed(t, r->sig);
	CO_RETURN(0);
	CO_END;
}

co_t user_return(struct co *co, struct user_return *f)
{
	struct thread *t = thread_of_co(co);

	CO_BEGIN;
again:
	for (;;) {
		task_clear_flags(&t->task, TASK_WORK | TASK_RETURN);
		if (deliver_must_die(t, &f->status)) {
			CO_AWAIT(f->err, thread_exit, .status = f->status);
			CO_RETURN(0);
		}
		if (t->process->tell_continued)
			deliver_tell_continued(t->process);
		if (deliver_stop_here(t)) {
			CO_WAIT_KILLABLE(f->err, &t->process->stop_wait,
					 deliver_may_go_on(t->process));
			continue;
		}
		f->sig = signal_take(t, ~t->blocked, &f->info);
		if (!f->sig)
			break;
		f->act = deliver_action(t->process, f->sig);
		if (deliver_is_handler(&f->act))
			CO_AWAIT(f->err, deliver_handler, .ret = f);
		else if (f->act.handler == (u64)SIG_DFL)
			deliver_default(t, f->sig, &f->info);
	}
	deliver_restart(t, NULL);
	signal_restore_mask(t);
	f->err = rseq_update(t, true);
	if (f->err == -EAGAIN) {
		CO_AWAIT(f->err, user_fault_in, .addr = uptr_of(t->retry_addr), .n = t->retry_len,
			 .write = t->retry_write);
		if (!f->err)
			goto again;
	}
	if (f->err)
		signal_force(t, SIGSEGV, SI_KERNEL, 0);
	if (atomic_load(&t->task.flags))
		goto again;
	CO_RETURN(0);
	CO_END;
}
