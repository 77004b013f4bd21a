/* core/proc/deliver.c -- between the end of an entry and user mode: death, stops, signals,
 * restarts.
 */
#include <asm/unistd.h>

#include "core/base/log.h"
#include "core/proc/core.h"
#include "core/proc/exit.h"
#include "core/proc/internal.h"
#include "core/proc/proc_event.h"
#include "core/proc/session.h"
#include "core/proc/trace.h"
#include "mem/space/uaccess.h"

/* --- group stop --- */

void deliver_complete_stop(struct thread *t)
{
	struct process *p = t->process;
	struct trace *tr;
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
		tr = trace_of(t);
		if (!tr || trace_is_foreign(tr))
			exit_notify_parent(p, CLD_STOPPED, sig);
	}
	spin_unlock(&proc_tree_lock);
}

void exit_stop_is_complete(struct thread *t)
{
	if (atomic_load_relaxed(&t->process->stop_signal))
		deliver_complete_stop(t);
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

/* All threads are to stop but those that have; a traced one may have gone on since. */
static void deliver_count_stops(struct process *p, struct thread *t, bool again)
	REQUIRES(p->sig_lock)
{
	struct thread *each;

	p->stop_left = 0;
	list_each(each, &p->threads, in_process) {
		if (each->leaving || (again && !trace_of(each)))
			continue;
		each->stop_counted = true;
		p->stop_left++;
		if (each != t)
			task_interrupt(&each->task, TASK_WORK);
		trace_group_changed(p, each);
	}
}

/* The default action of a stop signal. */
static void deliver_start_stop(struct thread *t, int sig)
{
	struct process *p = t->process;

	if (sig != SIGSTOP && p->group && group_is_orphaned(p->group))
		return;
	spin_lock(&p->sig_lock);
	if (p->stop_taken && !p->group_exiting && !p->exec_by && !t->stop_counted &&
	    (!p->stop_signal || trace_of(t))) {
		bool again = p->stop_signal;

		if (!p->stopped)
			atomic_store_relaxed(&p->stop_signal, sig);
		if (trace_of(t))
			t->trace->stop_signal = sig;
		deliver_count_stops(p, t, again);
	}
	spin_unlock(&p->sig_lock);
}

enum deliver_stop { DELIVER_GO_ON, DELIVER_GROUP_STOP, DELIVER_TRAP };

/* How this thread stops now. */
static enum deliver_stop deliver_stop_here(struct thread *t)
{
	struct process *p = t->process;
	enum deliver_stop how = DELIVER_GO_ON;
	bool last = false;

	spin_lock(&p->sig_lock);
	if (trace_of(t)) {
		if (trace_trap_is_due(p, t))
			how = DELIVER_TRAP;
	} else if (p->stop_signal) {
		how = DELIVER_GROUP_STOP;
		if (t->stop_counted) {
			t->stop_counted = false;
			last = --p->stop_left == 0;
		}
	}
	spin_unlock(&p->sig_lock);
	if (last)
		deliver_complete_stop(t);
	return how;
}

static bool deliver_may_go_on(struct thread *t)
{
	struct process *p = t->process;
	bool go;

	spin_lock(&p->sig_lock);
	go = !p->stop_signal || trace_of(t);
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

/* A call ended with a restart code: as if it had not been made, for a tracer to see so. */
static void deliver_rewind(struct thread *t, struct user_return *f)
{
	i64 result = (i64)t->user.x[0];

	if (t->syscall < 0)
		return;
	t->syscall = -1;
	if (result > -ERESTARTSYS || result < -ERESTART_RESTARTBLOCK)
		return;
	t->user.x[0] = t->orig_x0;
	t->user.pc -= 4;
	f->restart = result;
	f->restart_pc = t->user.pc;
}

static bool deliver_restarts(i64 code, const struct sigact *act)
{
	switch (code) {
	case -ERESTARTSYS:
		return !act || (act->flags & SA_RESTART);
	case -ERESTARTNOINTR:
		return true;
	default:
		return !act;
	}
}

/* -EINTR for the handler's sake, or again from the start; nothing if the tracer sent it
 * somewhere else. */
static void deliver_restart(struct thread *t, struct user_return *f, const struct sigact *act)
{
	i64 code = f->restart;

	f->restart = 0;
	if (act)
		thread_forget_restart(t);
	if (!code || t->user.pc != f->restart_pc)
		return;
	if (!deliver_restarts(code, act)) {
		t->user.x[0] = (u64)-EINTR;
		t->user.pc += 4;
		return;
	}
	if (code == -ERESTART_RESTARTBLOCK)
		t->user.x[8] = __NR_restart_syscall;
	if (!act && t->user.step)
		hal_user_step_again(&t->user);
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

/* The first of a namespace ends by its own faults, or because somebody above it wants that. */
static bool deliver_may_end(const struct process *p, int sig, const struct signal_info *info)
{
	if (!process_is_first(p) || ((SIG_BIT(sig) & SIG_SYNCHRONOUS) && info->si_code > 0))
		return true;
	return p != process_first && (SIG_BIT(sig) & SIG_UNBLOCKABLE);
}

/* What happens without a handler. */
static void deliver_default(struct thread *t, int sig, const struct signal_info *info)
{
	struct process *p = t->process;

	if (SIG_BIT(sig) & SIG_IGNORED_BY_DEFAULT)
		return;
	if (!deliver_may_end(p, sig, info))
		return;
	if (SIG_BIT(sig) & SIG_STOPS) {
		deliver_start_stop(t, sig);
		return;
	}
	signal_group_exit(p, sig);
}

static bool deliver_dumps(struct thread *t, const struct user_return *r)
{
	return (SIG_BIT(r->sig) & SIG_DUMPS) && t->process != process_first &&
	       r->act.handler == (u64)SIG_DFL &&
	       deliver_may_end(t->process, r->sig, &r->info);
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
	deliver_restart(t, r, &r->act);
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

/* One signal; user mode or the next. */
struct deliver_one {
	struct co_frame co;
	struct user_return *ret;
	long err;
};
static co_t deliver_one(struct co *co, struct deliver_one *f)
{
	struct thread *t = thread_of_co(co);
	struct user_return *r = f->ret;

	CO_BEGIN;
	if (r->sig != SIGKILL && trace_of(t)) {
		CO_AWAIT(r->sig, trace_signal, .sig = r->sig, .info = &r->info);
		if (!r->sig)
			CO_RETURN(0);
	}
	r->act = deliver_action(t->process, r->sig);
	if (deliver_is_handler(&r->act)) {
		CO_AWAIT(f->err, deliver_handler, .ret = r);
		/* A step into a handler ends at its first instruction. */
		if (t->user.step) {
			hal_user_step_done(&t->user);
			CO_AWAIT(f->err, trace_notify, .code = SIGTRAP, .why = CLD_TRAPPED);
		}
	} else if (deliver_dumps(t, r)) {
		proc_event_core(t);
		CO_AWAIT(f->err, core_dump, .sig = r->sig, .info = &r->info);
	} else if (r->act.handler == (u64)SIG_DFL) {
		deliver_default(t, r->sig, &r->info);
	}
	CO_RETURN(0);
	CO_END;
}

co_t user_return(struct co *co, struct user_return *f)
{
	struct thread *t = thread_of_co(co);
	enum deliver_stop stop;

	CO_BEGIN;
	if (t->syscall >= 0 && (atomic_load(&t->task.flags) & TASK_TRACED))
		CO_AWAIT(f->err, trace_call_end);
again:
	deliver_rewind(t, f);
	for (;;) {
		task_clear_flags(&t->task, TASK_WORK | TASK_RETURN);
		thread_tell_overrun(t);
		if (deliver_must_die(t, &f->status)) {
			/* A dump shows it where it is, and may change what it ends with. */
			if (atomic_load(&t->process->core)) {
				CO_AWAIT(f->err, core_wait);
				continue;
			}
			CO_AWAIT(f->err, thread_exit, .status = f->status);
			CO_RETURN(0);
		}
		if (t->process->tell_continued)
			deliver_tell_continued(t->process);
		stop = deliver_stop_here(t);
		if (stop == DELIVER_TRAP) {
			CO_AWAIT(f->err, trace_trap);
			continue;
		}
		if (stop == DELIVER_GROUP_STOP) {
			CO_WAIT_KILLABLE(f->err, &t->process->stop_wait, deliver_may_go_on(t));
			continue;
		}
		f->sig = signal_take(t, ~t->blocked, &f->info);
		if (!f->sig)
			break;
		CO_AWAIT(f->err, deliver_one, .ret = f);
	}
	deliver_restart(t, f, NULL);
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
	if (atomic_load(&t->task.flags) & ~(u32)TASK_TRACED)
		goto again;
	CO_RETURN(0);
	CO_END;
}
