/* core/proc/thread.h -- a thread: a task with a user half.
 *
 * Ownership  the task's reference count is the thread's. The executor holds one until the
 *            thread is gone; the process's list of threads holds none of its own.
 * Locking    fields are the thread's own unless marked: [s] process->sig_lock,
 *            [t] proc_tree_lock, [I], [a].
 */
#ifndef PROC_THREAD_H
#define PROC_THREAD_H

#include "core/proc/process.h"

/* How to go on with a call that a signal without a handler interrupted. */
enum restart_kind { RESTART_SLEEP, RESTART_FUTEX };
struct restart {
	enum restart_kind kind;
	u32 arg;		/* sleep: clock id; futex: value */
	u32 arg2;		/* futex: bitset */
	u32 flags;		/* futex: operation's flags */
	uptr addr;		/* sleep: remaining time goes there (or 0); futex: the word */
	u64 deadline_ns;	/* absolute, hal_clock_ns; sleep on CPU time: that clock's */
};

struct thread {
	struct task task;		/* first */
	struct hal_user user;
	struct process *process;	/* [I] owned */
	struct pid *tid;		/* [t] owned */
	struct list in_process;		/* [t]+[s] */

	/* The entry under way; set by the dispatcher. */
	u64 orig_x0;			/* x0 as the call was made */
	i32 syscall;			/* its number; -1: not a system call */
	/* A plain call whose user memory was missing: what to fault in before it is tried
	 * again (syscalls/retry.h). */
	u32 retry_len;
	u64 retry_addr;
	bool retry_write : 1;
	/* PR_MCE_KILL: what it wants of a failure of memory, of which there are none here. */
	bool failure_set : 1, failure_early : 1;
	bool of_request : 1;		/* [I] it is a struct request's (core/proc/request.h) */

	/* Signals. */
	bool mask_is_saved;
	bool stop_counted;		/* [s] has yet to stop in the group stop under way */
	bool leaving;			/* [s] past the point where signals reach it */
	bool waits;			/* [s] for waits_for; no mask is saved then */
	bool pi_closed;			/* futex_pi.c's: no lock is taken to be its any more */
	bool vforked : 1;		/* its parent waits for it to let go of the space */
	bool own_undos : 1;		/* of semaphores, not the process's */
	bool past_core : 1;		/* [s] no core file waits for it */
	u8 ioprio;			/* [a] class << 3 | level; 0: none */
	sigmask blocked;		/* [s] written by the thread only */
	union {
		sigmask saved_mask;
		sigmask waits_for;	/* [s] sigtimedwait: wake it for these though blocked */
	};
	struct signal_queue pending;	/* [s] */
	u64 alt_sp, alt_size;		/* sigaltstack */
	u32 alt_flags;
	u32 fault_esr;			/* of the fault a forced signal stands for */
	u64 fault_addr;
	struct thread_extra *extra;	/* [a] owned, set once: what few have; NULL: nothing */

	/* User memory the kernel touches at the end. */
	uptr clear_tid;			/* set_tid_address */
	uptr robust_list;		/* set_robust_list */
	uptr rseq;
	u32 rseq_len, rseq_sig;
	u32 rseq_cpu;			/* what cpu_id holds now; ~0: nothing yet */

	u32 major_faults;		/* [a] */
	u64 minor_faults;		/* [a] */
	u64 start_ns;			/* [I] */
	struct trace *trace;		/* [a] owned: since it was traced first; NULL: never */
};

/* Five in two pages: a blocked thread's memory is mostly this. What few threads need is
 * allocated when it is used first. */
static_assert(HAL_SIMULATED || sizeof(struct thread) <= 2 * PAGE_SIZE / 5 / 16 * 16);

static inline struct thread *thread_of(struct task *t)
{
	return (struct thread *)t;
}
static inline struct thread *thread_current(void)
{
	return thread_of(task_current());
}
static inline struct thread *thread_of_co(struct co *co)
{
	return thread_of(co_task(co));
}
/* Its number as the current task sees it; 0: not at all. */
static inline int thread_id(const struct thread *t)
{
	return pid_nr_here(t->tid);
}

/* What is undone of System V's semaphores when a thread or its process ends: in the layer above.
 * Only for threads with own_undos and processes with undos. */
struct thread_leave_undos {
	struct co_frame co;
	struct thread *thread;
	bool process;		/* the process's are to go, too */
};
CO_OPERATION(thread_leave_undos);
struct thread_undo_ops {
	/* Give `to`, not running yet, what `from` has: 0 or -ENOMEM. */
	int (*share)(struct thread *from, struct thread *to);
	void (*unshare)(struct thread *to);	/* take that back */
	struct thread_leave_undos_op leave;
};
extern const struct thread_undo_ops *thread_undo;	/* set at boot */

/* CLONE_* combined; what clone and clone3 ask for after copying from user space. */
struct thread_clone {
	struct co_frame co;
	u64 flags;
	u64 stack, stack_size;		/* stack: the new sp, 0: the parent's */
	u64 tls;
	uptr parent_tid, child_tid;
	uptr pidfd;			/* where its number goes */
	const int *set_tid;		/* numbers wanted, the child's own namespace's first */
	unsigned set_tid_count;
	int exit_signal;
	struct thread *child;		/* locals */
	struct space *space;
	struct process *made;
	int nr, own_nr, traced_nr;	/* the child's for us, itself, our tracer */
	int pidfd_nr;
	unsigned event;			/* that its tracer wants to hear of; 0: none */
	bool wait;
	long err, ignored;
};
/* fork, vfork, clone, clone3: the child's number or a negative errno. */
co_t thread_clone(struct co *co, struct thread_clone *f);

/* Another thread by number (in the current task's namespace, or ns), with a reference on its task
 * (task_put); NULL: none. */
struct thread *thread_find(int tid);
struct thread *thread_find_in(const struct pid_ns *ns, int tid);

/* Is a call's result one of the codes that mean: restart, or -EINTR? */
static inline bool thread_wants_restart(i64 result)
{
	return result <= -ERESTARTSYS && result >= -ERESTART_RESTARTBLOCK;
}

/* The task_ops of every thread. */
extern const struct task_ops thread_ops;

/* A thread of p, not in any list yet; NULL without memory. */
struct thread *thread_new(struct process *p, struct pid *tid, const char *name);
/* Enter it in its process. */
void thread_add(struct thread *t) REQUIRES(proc_tree_lock);
/* Undo thread_new, before it was added. */
void thread_drop(struct thread *t);

/* A call of t was interrupted that goes on as *how if no handler runs: the code it returns,
 * -EINTR without memory to remember it. */
long thread_may_restart(struct thread *t, const struct restart *how);
/* How it goes on; NULL: there is nothing to go on with. */
const struct restart *thread_restart(const struct thread *t);
void thread_forget_restart(struct thread *t);

/* hal_upcalls.fault. */
struct hal_fault;
HAL_ENTRY struct hal_user *thread_fault(struct hal_user *u, const struct hal_fault *why);
/* hal_upcalls.interrupted. */
HAL_ENTRY struct hal_user *thread_interrupted(struct hal_user *u);

void thread_init(void);		/* the slab cache; at boot */

/* CPU time, faults and switches of t so far; by itself or under its process's lock. */
void thread_usage(struct thread *t, struct process_usage *to);

/* Replace the task's credentials: takes over the caller's reference. */
void thread_set_cred(struct thread *t, struct cred *cred);
struct cred *thread_cred(struct thread *t);	/* a reference */

#endif
