/* core/proc/exit.h -- the end of a thread and of a process, and waiting for it. */
#ifndef PROC_EXIT_H
#define PROC_EXIT_H

#include "core/proc/thread.h"

/* End the current thread; never goes back to user mode. `status` as wait4 gives it. Awaited
 * by user_return or by exit(2) itself; afterwards return at once. */
struct thread_exit {
	struct co_frame co;
	int status;
	bool last;
	struct space *space;
	struct fd_table *fds;
	long ignored;
};
co_t thread_exit(struct co *co, struct thread_exit *f);

/* Who else is told of threads as they end, while anybody listens: `last` of its process, its space
 * still there. Set at boot. */
extern u32 exit_listeners;	/* [a] */
extern void (*exit_tell)(struct thread *t, int status, bool last);

/* The current thread lets go of its space (exec, exit): tells the vfork parent, clears
 * clear_tid, walks the robust list. Does not leave the space. */
struct exit_release_user {
	struct co_frame co;
	u32 zero;
	long err;
};
co_t exit_release_user(struct co *co, struct exit_release_user *f);

/* CLD_* for a wait status of a thread or process that ended. */
int exit_code(int status);

/* wait4 and waitid. */
enum wait_which { WAIT_ANY, WAIT_PID, WAIT_GROUP };
struct wait_result {
	int pid;		/* 0: nothing (WNOHANG) */
	u32 uid;
	int status;		/* as wait4 gives it */
	int code;		/* CLD_* */
	int code_status;	/* si_status */
	struct process_usage usage;
};
struct wait_for {
	struct co_frame co;
	enum wait_which which;
	int id;
	const struct pid *pid;	/* this one only; NULL: any */
	u32 options;		/* WEXITED, WSTOPPED, WCONTINUED, WNOHANG, WNOWAIT, __W* */
	struct wait_result *result;
	struct task *gone;	/* a local */
	long err;
};
/* 0 and *result, -ECHILD, or a restart code. */
co_t wait_for(struct co *co, struct wait_for *f);

/* p is to get the orphans of its descendants, or no longer. */
void exit_set_reaper(struct process *p, bool on);

/* Tell p's parent about an event of p (CLD_*); proc_tree_lock is held. */
void exit_notify_parent(struct process *p, int code, int status) REQUIRES(proc_tree_lock);

#endif
