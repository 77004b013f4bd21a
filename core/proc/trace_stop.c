/* core/proc/trace_stop.c -- the stops of a traced thread, and how its tracer ends them.
 *
 *	trace_signal	a signal was taken
 *	trace_trap	asked for, or because of a group stop
 *	trace_syscall	entry and end of a call	   } trace_notify: siginfo says just what
 *	TRACE_EVENT	fork, exec, exit, ...	   } it is
 *	    -> trace_stop: announce it, wait until the tracer, or death, ends it
 */
#include "core/cred/cred.h"
#include "core/proc/exit.h"
#include "core/proc/internal.h"
#include "core/proc/trace.h"
#include "coro/executor.h"

/* --- stopping --- */

static bool trace_is_event_stop(const struct signal_info *info)
{
	return info && info->si_code >> 8 == PTRACE_EVENT_STOP;
}

/* false: nobody traces it any more, or it is to die. */
static bool trace_begin(struct thread *t, struct trace_stop *f)
{
	struct trace *tr = t->trace;
	struct process *p = t->process;
	bool stops;

	executor_user_sync(&t->task);
	spin_lock(&proc_tree_lock);
	spin_lock(&p->sig_lock);
	f->last = false;
	stops = tr->tracer && !(atomic_load(&t->task.flags) & TASK_KILLED);
	if (stops) {
		tr->stopped = true;
		tr->delivering = f->delivering;
		tr->code = f->code;
		tr->message = f->message;
		tr->info = f->info;
		if (f->why == CLD_STOPPED && t->stop_counted) {
			t->stop_counted = false;
			f->last = --p->stop_left == 0;
		}
		tr->trap_stop = tr->trapping = false;
		if (trace_is_event_stop(f->info))
			tr->trap_notify = false;
	}
	spin_unlock(&p->sig_lock);
	if (stops)
		exit_notify(tr->tracer->process, SIGCHLD, t, f->why, f->code & 0x7f);
	spin_unlock(&proc_tree_lock);
	if (f->last)
		deliver_complete_stop(t);
	return stops;
}

static bool trace_is_over(struct thread *t)
{
	struct process *p = t->process;
	bool over;

	spin_lock(&p->sig_lock);
	over = !t->trace->stopped;
	spin_unlock(&p->sig_lock);
	return over;
}

/* What the tracer gave; a stop that death ended has nothing. */
static int trace_finish(struct thread *t)
{
	struct trace *tr = t->trace;
	struct process *p = t->process;
	int code;

	spin_lock(&p->sig_lock);
	code = tr->stopped ? 0 : tr->code;
	tr->stopped = tr->listening = tr->delivering = false;
	tr->info = NULL;
	tr->message = 0;
	tr->code = 0;
	/* Signals that came meanwhile did not disturb it. */
	signal_recalculate_locked(p, t);
	spin_unlock(&p->sig_lock);
	return code;
}

co_t trace_stop(struct co *co, struct trace_stop *f)
{
	struct thread *t = thread_of_co(co);

	CO_BEGIN;
	if (!trace_begin(t, f))
		CO_RETURN(f->delivering ? f->code : 0);
	CO_WAIT_KILLABLE(f->err, &t->trace->wait, trace_is_over(t));
	CO_RETURN(trace_finish(t));
	CO_END;
}

co_t trace_notify(struct co *co, struct trace_notify *f)
{
	struct thread *t = thread_of_co(co);

	CO_BEGIN;
	f->info = (struct signal_info){.si_signo = f->code & 0x7f, .si_code = f->code};
	f->info.si_pid = thread_id(t);
	f->info.si_uid = cred_shown_uid(t->task.cred->uid);
	CO_AWAIT(f->sig, trace_stop, .code = f->code, .why = f->why, .message = f->message,
		 .info = &f->info);
	CO_RETURN(f->sig);
	CO_END;
}

/* --- why --- */

/* A register shows the tracer which of the two it is: x7, as Linux has it on arm64. */
co_t trace_syscall(struct co *co, struct trace_syscall *f)
{
	struct thread *t = thread_of_co(co);
	struct trace *tr;

	CO_BEGIN;
	tr = trace_of(t);
	if (!tr)
		CO_RETURN(0);
	f->saved = t->user.x[7];
	t->user.x[7] = f->end;
	CO_AWAIT(f->sig, trace_notify, .why = CLD_TRAPPED,
		 .code = SIGTRAP | (tr->options & PTRACE_O_TRACESYSGOOD ? 0x80 : 0),
		 .message = f->end ? PTRACE_EVENTMSG_SYSCALL_EXIT : PTRACE_EVENTMSG_SYSCALL_ENTRY);
	t->user.x[7] = f->saved;
	if (f->sig > 0 && f->sig <= 64)
		signal_thread(t, (int)f->sig, NULL);
	CO_RETURN(0);
	CO_END;
}

co_t trace_call_end(struct co *co, struct trace_call_end *f)
{
	struct thread *t = thread_of_co(co);
	struct trace *tr;

	CO_BEGIN;
	tr = trace_of(t);
	if (t->user.step)
		signal_force(t, SIGTRAP, SI_USER, 0);
	else if (tr && tr->mode == TRACE_SYSCALL)
		CO_AWAIT(f->ignored, trace_syscall, .end = true);
	CO_RETURN(0);
	CO_END;
}

/* The tracer put another signal in its place: it comes from the tracer. */
static void trace_change_signal(struct trace *tr, int sig, struct signal_info *info)
{
	*info = (struct signal_info){.si_signo = sig, .si_code = SI_USER};
	spin_lock(&proc_tree_lock);
	if (tr->tracer) {
		info->si_pid = process_pid(tr->tracer->process);
		info->si_uid = cred_shown_uid(tr->tracer->task.cred->uid);
	}
	spin_unlock(&proc_tree_lock);
}

co_t trace_signal(struct co *co, struct trace_signal *f)
{
	struct thread *t = thread_of_co(co);

	CO_BEGIN;
	CO_AWAIT(f->given, trace_stop, .code = f->sig, .why = CLD_TRAPPED, .info = f->info,
		 .delivering = true);
	if (f->given <= 0 || f->given > 64)
		CO_RETURN(0);
	if (f->given != f->info->si_signo)
		trace_change_signal(t->trace, (int)f->given, f->info);
	/* Blocked by now: it has to wait, like any other. */
	if (t->blocked & SIG_BIT(f->given)) {
		signal_thread(t, (int)f->given, f->info);
		CO_RETURN(0);
	}
	CO_RETURN(f->given);
	CO_END;
}

bool trace_trap_is_due(struct process *p, struct thread *t)
{
	struct trace *tr = trace_of(t);

	return tr && (tr->trap_stop || tr->trap_notify || (p->stop_signal && t->stop_counted));
}

/* The signal such a stop shows: its group's, or just SIGTRAP. */
static int trace_trap_signal(struct thread *t)
{
	struct process *p = t->process;
	struct trace *tr = t->trace;
	int sig;

	spin_lock(&p->sig_lock);
	if (p->stop_signal)
		tr->stop_signal = p->stop_signal;
	sig = p->stop_signal || !tr->seized ? tr->stop_signal : 0;
	spin_unlock(&p->sig_lock);
	return sig ? sig : SIGTRAP;
}

co_t trace_trap(struct co *co, struct trace_trap *f)
{
	struct thread *t = thread_of_co(co);

	CO_BEGIN;
	f->sig = trace_trap_signal(t);
	if (t->trace->seized)
		CO_AWAIT(f->ignored, trace_notify, .code = f->sig | PTRACE_EVENT_STOP << 8,
			 .why = CLD_STOPPED);
	else
		CO_AWAIT(f->ignored, trace_stop, .code = f->sig, .why = CLD_STOPPED);
	CO_RETURN(0);
	CO_END;
}

co_t trace_exec(struct co *co, struct trace_exec *f)
{
	struct thread *t = thread_of_co(co);
	struct signal_info info;
	struct trace *tr;

	CO_BEGIN;
	tr = trace_of(t);
	if (trace_wants(t, PTRACE_EVENT_EXEC)) {
		TRACE_EVENT(f->ignored, PTRACE_EVENT_EXEC, f->tid);
	} else if (tr && !tr->seized) {
		signal_info_user(&info, SIGTRAP, SI_USER);
		signal_thread(t, SIGTRAP, &info);
	}
	CO_RETURN(0);
	CO_END;
}

/* --- the tracer's side --- */

bool trace_holds(struct process *p, struct thread *t)
{
	struct trace *tr = trace_of(t);

	return tr && tr->tracer == thread_current() && tr->stopped && !tr->listening &&
	       !(atomic_load(&t->task.flags) & TASK_KILLED);
}

void trace_wake(struct process *p, struct trace *tr)
{
	struct thread *t = tr->thread;

	if (p->stop_signal || tr->trap_stop || tr->trap_notify)
		task_interrupt(&t->task, TASK_WORK);
	waitq_wake(&tr->wait);
}

void trace_update_flag(struct thread *t)
{
	if (t->trace->mode != TRACE_RUN || t->user.step || t->trace->seccomp_mode)
		atomic_or(&t->task.flags, (u32)TASK_TRACED);
	else
		task_clear_flags(&t->task, TASK_TRACED);
}

bool trace_sees_calls(struct thread *t)
{
	struct process *p = t->process;
	bool sees;

	spin_lock(&p->sig_lock);
	if (!trace_of(t))
		t->user.step = false;
	trace_update_flag(t);
	sees = trace_of(t) && t->trace->mode != TRACE_RUN;
	spin_unlock(&p->sig_lock);
	return sees;
}

/* A step that begins is one: the machine's own mark says that it is not done yet. */
void trace_set_step(struct thread *t, bool step)
{
	if (step && !t->user.step)
		hal_user_step_again(&t->user);
	t->user.step = step;
}

int trace_resume(struct thread *t, enum trace_mode mode, bool step, int sig)
{
	struct process *p = t->process;
	struct trace *tr = t->trace;
	int err = -ESRCH;

	spin_lock(&p->sig_lock);
	if (trace_holds(p, t)) {
		err = 0;
		tr->mode = mode;
		trace_set_step(t, step);
		trace_update_flag(t);
		tr->code = sig;
		tr->stopped = false;
		trace_wake(p, tr);
	}
	spin_unlock(&p->sig_lock);
	return err;
}

/* One that listens comes out of its stop to go into the next. */
static void trace_kick(struct process *p, struct trace *tr) REQUIRES(p->sig_lock)
{
	task_interrupt(&tr->thread->task, TASK_WORK);
	if (tr->stopped && tr->listening) {
		tr->stopped = false;
		tr->code = 0;
		waitq_wake(&tr->wait);
	}
}

void trace_group_changed(struct process *p, struct thread *t)
{
	struct trace *tr = trace_of(t);

	if (!tr || !tr->seized)
		return;
	tr->trap_notify = true;
	trace_kick(p, tr);
}

int trace_interrupt(struct thread *t)
{
	struct process *p = t->process;
	struct trace *tr = t->trace;
	int err = -ESRCH;

	spin_lock(&p->sig_lock);
	if (trace_of(t) && tr->tracer == thread_current()) {
		err = tr->seized && !tr->exited ? 0 : -EIO;
		if (!err && !t->leaving) {
			tr->trap_stop = true;
			trace_kick(p, tr);
		}
	}
	spin_unlock(&p->sig_lock);
	return err;
}

int trace_listen(struct thread *t)
{
	struct process *p = t->process;
	struct trace *tr = t->trace;
	int err = -ESRCH;

	spin_lock(&p->sig_lock);
	if (trace_holds(p, t)) {
		err = -EIO;
		if (tr->seized && trace_is_event_stop(tr->info)) {
			err = 0;
			tr->listening = true;
			if (tr->trap_notify)
				trace_kick(p, tr);
		}
	}
	spin_unlock(&p->sig_lock);
	return err;
}
