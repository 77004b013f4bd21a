/* core/proc/trace.h -- ptrace: who traces whom, and the stops of those who are traced.
 *
 * A stop is an await (trace_stop) of the traced thread at the places where it may happen: entry
 * and end of a system call, delivery of a signal, exec, clone, exit, group stop. Before it is
 * announced the thread's registers are written to its record, so that the tracer may work on
 * them under sig_lock for as long as `stopped` holds. TASK_TRACED is set only while system
 * calls have to be looked at; a thread that nobody traces has no record at all.
 *
 *	untraced --trace_attach, trace_me, trace_inherit--> traced --trace_detach--> untraced
 *	   traced <--trace_stop / trace_resume--> stopped       traced --exit--> a zombie that its
 *	                                                        tracer has yet to wait for
 *
 * Ownership  a record belongs to its thread and lives as long as it. A zombie holds a reference
 *            of its thread's task until it is waited for.
 * Locking    [t] proc_tree_lock, [s] sig_lock of the traced thread's process, [I].
 */
#ifndef PROC_TRACE_H
#define PROC_TRACE_H

#include <linux/ptrace.h>

#include "core/proc/thread.h"

enum trace_mode { TRACE_RUN, TRACE_SYSCALL, TRACE_EMULATE };

struct trace {
	struct thread *thread;		/* [I] the traced */
	struct thread *tracer;		/* [t]+[s]: either to look; NULL: nobody */
	struct list link;		/* [t] in the tracer's process->tracees */
	u32 options;			/* [s] PTRACE_O_* */
	bool seized;			/* [s] */
	bool capable;			/* [t] the tracer had CAP_SYS_PTRACE when it began */
	enum trace_mode mode;		/* [s] what of system calls it is to stop for */

	/* [s] The stop it is in. */
	bool stopped;
	bool listening;			/* PTRACE_LISTEN: nothing to wait for but the next event */
	bool delivering;		/* it has a signal in its hands */
	int code;			/* as wait reports it, 0: it did; then the tracer's */
	u64 message;			/* PTRACE_GETEVENTMSG */
	struct signal_info *info;	/* in the stop's frame; NULL: a group stop has none */

	/* [s] Stops to come. */
	bool trap_stop;			/* asked for: interrupt, attach to a stopped one */
	bool trap_notify;		/* the state of the group stop changed */
	bool trapping;			/* its tracer waits for the stop that attaching means */
	int stop_signal;		/* of the group stop it took part in last */
	struct waitq wait;		/* woken when the stop is over */

	struct hwdebug *hwdebug;	/* [s] owned, or NULL: breakpoints and watchpoints */

	/* Filters of calls, whoever traces it: seccomp.h. */
	u32 seccomp_mode;		/* [a] SECCOMP_MODE_* */
	bool no_new_privs;		/* [s] came with another thread's filters */
	struct seccomp_filter *filter;	/* [a] owned */

	/* [t] */
	bool exited;
	int exit_status;		/* of the thread, as wait4 gives it */
};

/* t's record while somebody traces it. With either lock, or by t itself for a look. */
static inline struct trace *trace_of(const struct thread *t)
{
	struct trace *tr = __atomic_load_n(&t->trace, __ATOMIC_ACQUIRE);

	return tr && __atomic_load_n(&tr->tracer, __ATOMIC_RELAXED) ? tr : NULL;
}
/* Is the current thread to stop for this PTRACE_EVENT_*? */
static inline bool trace_wants(const struct thread *t, unsigned event)
{
	const struct trace *tr = trace_of(t);

	return tr && tr->options >> event & 1;
}

/* --- trace.c: the relation --- */

/* Make sure that t has a record; false without memory. */
bool trace_prepare(struct thread *t);
void trace_free(struct trace *tr);	/* with its thread */

int trace_me(struct thread *t);		/* PTRACE_TRACEME: 0, -EPERM, -ENOMEM */

/* PTRACE_ATTACH and PTRACE_SEIZE, permission included; waits for a stopped thread to become a
 * traced one. */
struct trace_attach {
	struct co_frame co;
	struct thread *thread;		/* borrowed */
	bool seize;
	u32 options;
	long err;
};
co_t trace_attach(struct co *co, struct trace_attach *f);

/* The current thread lets a stopped one go, with a signal or 0; -ESRCH: it is not there. */
int trace_detach(struct thread *t, int sig);
/* The same for all that t traces, on its way out: false when there are none left. */
bool trace_release_one(struct thread *tracer);

/* A new thread comes to be traced like its maker; it has a record. */
void trace_inherit(struct thread *child, struct thread *maker) REQUIRES(proc_tree_lock);

/* t leaves its process. true: it stays, a zombie for its tracer (a reference of its task was
 * taken, its number goes on naming it). */
bool trace_exit(struct thread *t, int status) REQUIRES(proc_tree_lock);
/* A zombie was waited for by its tracer; its reference is the caller's, to be put when the
 * lock is let go. */
void trace_reap(struct trace *tr) REQUIRES(proc_tree_lock);
/* p's leader, gone already, makes way for the thread that runs exec: a task to put, or NULL. */
struct task *trace_replace_leader(struct process *p) REQUIRES(proc_tree_lock);

/* The record of p's leader, a zombie one included, if it is traced. */
struct trace *trace_of_leader(const struct process *p) REQUIRES(proc_tree_lock);
/* By somebody else than p's parent? */
bool trace_is_foreign(const struct trace *tr) REQUIRES(proc_tree_lock);

/* --- trace_access.c: who may --- */

enum { TRACE_ATTACH = 1, TRACE_REAL_IDS = 2 };
/* May the current task look into t's process, or control it (TRACE_ATTACH)? 0, -EPERM. */
int trace_may(struct thread *t, unsigned how);
/* yama's ptrace_scope, 0 .. 3. */
unsigned trace_scope(void);
int trace_set_scope(unsigned scope);
/* PR_SET_PTRACER: 0, -1 (anybody) or a process. */
int trace_allow(struct process *p, int pid);

/* --- trace_stop.c: stops; all of the current thread --- */

/* Stop. The signal its tracer gave, or 0. */
struct trace_stop {
	struct co_frame co;
	int code;			/* as wait reports it: signal | event << 8 */
	int why;			/* CLD_TRAPPED, CLD_STOPPED */
	u64 message;
	struct signal_info *info;	/* the tracer may change it; NULL: none */
	bool delivering;
	bool last;			/* of a group stop */
	long err;
};
co_t trace_stop(struct co *co, struct trace_stop *f);

/* A stop whose siginfo says just what it is. */
struct trace_notify {
	struct co_frame co;
	int code, why;
	u64 message;
	struct signal_info info;
	long sig;
};
co_t trace_notify(struct co *co, struct trace_notify *f);

/* What t's tracer calls pid. */
int trace_nr(struct thread *t, const struct pid *pid);

/* A PTRACE_EVENT_* that trace_wants. */
#define TRACE_EVENT(out, event, message_)                                              \
	CO_AWAIT(out, trace_notify, .code = (int)(event) << 8 | SIGTRAP, .why = CLD_TRAPPED, \
		 .message = (u64)(message_))

/* Entry or end of a system call. */
struct trace_syscall {
	struct co_frame co;
	bool end;
	u64 saved;
	long sig;
};
co_t trace_syscall(struct co *co, struct trace_syscall *f);

/* The end of a call for whoever wants to see it: a stop, or the end of a single step. */
struct trace_call_end {
	struct co_frame co;
	long ignored;
};
co_t trace_call_end(struct co *co, struct trace_call_end *f);

/* A signal was taken: the one to go on with, 0: none. */
struct trace_signal {
	struct co_frame co;
	int sig;
	struct signal_info *info;
	long given;
};
co_t trace_signal(struct co *co, struct trace_signal *f);

/* Is there a stop that was asked for, or a group stop to take part in? */
bool trace_trap_is_due(struct process *p, struct thread *t) REQUIRES(p->sig_lock);
struct trace_trap {
	struct co_frame co;
	struct signal_info info;
	int sig;
	long ignored;
};
co_t trace_trap(struct co *co, struct trace_trap *f);

/* The exec of the current thread is done; it was called `tid` before. */
struct trace_exec {
	struct co_frame co;
	int tid;
	long ignored;
};
co_t trace_exec(struct co *co, struct trace_exec *f);

/* --- for the tracer --- */

/* Is t stopped, and the current thread its tracer? Nobody else ends that before sig_lock is
 * let go. */
bool trace_holds(struct process *p, struct thread *t) REQUIRES(p->sig_lock);
/* Let it go on: 0, or -ESRCH. `step`: for one instruction. */
int trace_resume(struct thread *t, enum trace_mode mode, bool step, int sig);
/* Something about t's group stop changed: a seized one tells. */
void trace_group_changed(struct process *p, struct thread *t) REQUIRES(p->sig_lock);
int trace_interrupt(struct thread *t);	/* PTRACE_INTERRUPT */
int trace_listen(struct thread *t);	/* PTRACE_LISTEN */
/* Wake t, whose stop is over or has to be looked at again. */
void trace_wake(struct process *p, struct trace *tr) REQUIRES(p->sig_lock);
/* Single step on or off, and TASK_TRACED according to what there is to look at. */
void trace_set_step(struct thread *t, bool step);
void trace_update_flag(struct thread *t);
/* Is the current thread, which has TASK_TRACED, to stop at a system call? If there is nothing to
 * look at any more the flag goes. */
bool trace_sees_calls(struct thread *t);

#endif
