/* core/proc/process.h -- a process: what its threads share.
 *
 * Ownership  process_get/process_put. Each thread holds a reference, and so does being in
 *            the tree (from fork until a parent has waited for it).
 * Units      times in ns; wall-clock only where it says so.
 * Locking    proc_tree_lock [t]: place in the tree, threads, exit state. sig_lock [s]:
 *            signals, group stop and exit, limits, slots that others look at (fds, fs,
 *            space, cred of threads). Lists of threads change under both, so either is
 *            enough to walk them. [a] atomic, [I] set at creation.
 */
#ifndef PROC_PROCESS_H
#define PROC_PROCESS_H

#include "core/base/string.h"
#include "core/cred/user_counts.h"
#include "core/proc/pid.h"
#include "core/proc/rlimit.h"
#include "core/proc/signal.h"
#include "coro/task.h"

struct session;
struct file;
struct posix_timer;
struct core;
struct space;
struct fd_table;
struct fs_context;
struct cred;
struct sem_undos;
struct request_set;
struct uts;

enum process_state {
	PROCESS_ALIVE,
	PROCESS_ZOMBIE,		/* every thread is gone, nobody has waited yet */
	PROCESS_DEAD,		/* waited for: out of the tree */
};

/* The caller's own, or under its process's lock. */
struct process_usage {
	u64 user_ns, system_ns;
	u64 minor_faults, major_faults;
	u64 voluntary, involuntary;
	u64 max_rss;		/* pages */
};

/* What it read (0) and wrote (1): through calls, and from and to block devices. */
struct process_io {
	u64 bytes[2], calls[2], disk[2];	/* [a] */
};

struct process {
	refcount refs;			/* [a] */
	struct pid *pid;		/* [I] owned */

	/* [t] */
	enum process_state state;
	struct process *parent;		/* borrowed: a parent outlives its list of children */
	int parent_nr;			/* [a] for a look: what it calls that; 0: nothing */
	struct list children;		/* .sibling */
	struct list sibling;
	struct list threads;		/* struct thread.in_process */
	struct list tracees;		/* struct trace.link: whom its threads trace */
	u32 trace_zombies;		/* threads gone that a tracer has yet to wait for */
	int parent_tid;			/* of the thread that made it, in the first namespace */
	u32 thread_count;
	u32 live;			/* [a] threads not yet in their exit */
	struct pid *group;		/* owned */
	struct list in_group;
	struct session *session;	/* owned */
	int exit_signal;		/* to the parent at exit; 0: none. -1: never waited for */
	bool has_execed;		/* setpgid by the parent is over */
	bool subreaper;			/* gets the orphans of its descendants */
	bool tracer_any;		/* PR_SET_PTRACER: anybody, or */
	struct pid *tracer_allowed;	/* this one and its children; owned */
	bool wait_stopped, wait_continued; /* an event that wait may report */
	int wait_stop_signal;
	int exit_status;		/* as wait4 gives it */
	char last_name[16];		/* of the thread that went last */
	u32 last_uid;
	struct process_usage children_usage;	/* waited-for children */
	struct process_usage dead_usage;	/* threads gone */
	struct waitq child_wait;	/* woken when a child changes state */
	struct waitq threads_wait;	/* woken when a thread goes: exec */

	/* [s] */
	spinlock sig_lock;		/* RANK_PROC_SIGHAND */
	struct sighand *sighand;	/* owned */
	struct signal_queue pending;
	bool group_exiting;
	int group_status;
	struct thread *exec_by;		/* the thread whose exec ends the others */
	u32 execs_running;		/* threads between an exec's choice of rights and its end */
	u32 exec_count;			/* [a] changes with each of those */
	int stop_signal;		/* not 0: a group stop is on; [a] for a look */
	struct core *core;		/* its core file is being written; [a] for a look */
	u32 stop_left;			/* threads that have yet to stop */
	bool stopped;			/* all have */
	bool stop_taken;		/* a stop signal was taken and no SIGCONT came since */
	struct waitq stop_wait;		/* woken by SIGCONT and SIGKILL */
	struct waitq signal_wait;	/* woken when a signal becomes pending: signalfd */
	struct rlimits limits;
	struct list timers;		/* struct posix_timer.link */
	u32 timer_next;
	bool tell_continued;		/* the parent has yet to hear of a SIGCONT */
	struct user_counts *user;	/* owned; of the real uid */

	/* The rest. */
	struct space *space;		/* [s] the threads' one, a reference; NULL after exit */
	struct file *exe;		/* [s] owned: the program's file */
	u64 start_ns;			/* [I] */
	u32 personality;		/* [a] */
	int pdeath_signal;		/* [a] */
	int oom_score_adj;		/* [a] -1000 .. 1000 */
	int oom_score_adj_min;		/* [a] how low it may go without a privilege */
	bool oom_given_up;		/* [a] was to end for memory, and does not */
	bool over_nproc;		/* [a] when it became another user: exec asks again */
	u32 vfork_done;			/* [a] a child of vfork let go of the space */
	struct waitq vfork_wait;
	struct sem_undos *undos;	/* [a] owned, set once until the end; NULL: none */
	struct process_io io;
	struct uts *uts;		/* [s] owned: core/proc/uts.h */
	struct pid_ns *child_ns;	/* [s] owned: where children are born; NULL: in its own */
	struct request_set *requests;	/* [a] owned, set once: core/proc/request.h; NULL: none */
};

/* A call moved n bytes (or failed). */
static inline void process_count_io(struct process *p, long n, bool write)
{
	if (n > 0)
		atomic_add_relaxed(&p->io.bytes[write], (u64)n);
	atomic_add_relaxed(&p->io.calls[write], 1ul);
}

/* --- the calling task's --- */
struct process *process_current(void);
struct process *process_of(struct co *co);

void process_get(struct process *p);
void process_put(struct process *p);

/* Its number as the current task sees it; 0: not at all. */
static inline int process_pid(const struct process *p)
{
	return pid_nr_here(p->pid);
}
/* Is it the first of its namespace? */
static inline bool process_is_first(const struct process *p)
{
	return p->pid->own == 1;
}
/* As p itself sees it: 0 if it has none there (init, or the tree is changing). */
static inline int process_parent_pid(const struct process *p)
{
	return atomic_load_relaxed(&p->parent_nr);
}

/* By number (in the current task's namespace, or ns), with a reference: zombies are found too.
 * NULL: none. */
struct process *process_find(int nr);
struct process *process_find_in(const struct pid_ns *ns, int nr);

/* Iteration: the process with the smallest number of ns >= nr, referenced. */
struct process *process_next(const struct pid_ns *ns, int nr);
/* The n-th thread id of p in creation order, in ns; 0 past the last. */
int process_nth_tid(struct process *p, const struct pid_ns *ns, unsigned n);

/* --- snapshots for /proc; take the locks themselves; numbers are as ns has them --- */
struct process_info {
	int pid, ppid, pgrp, session;
	char state;		/* R S D T t Z, as Linux prints it; X does not occur */
	u32 threads;
	struct process_usage own, children;
	i8 nice;
	i8 level;		/* coro/task.h */
	u8 policy, rt_priority;
	u64 start_ns;
	int exit_signal;
	int exit_status;
	sigmask pending_thread, pending_shared, blocked, ignored, caught;
	u32 queued_signals;
	void *tty;		/* borrowed: only compare it; see session_tty */
	unsigned cpu;		/* of the leader, last */
	char name[16];
	bool no_new_privs;
	u32 filter_mode, filters;	/* seccomp's */
	int oom_score_adj;
	int tracer;		/* the leader's or thread's; 0: none */
};
void process_info(struct process *p, const struct pid_ns *ns, struct process_info *to);
/* One thread by id; false: p has no such thread. */
bool process_thread_info(struct process *p, const struct pid_ns *ns, int tid,
			 struct process_info *to);

/* References to what the process works with; NULL once it has exited. The caller puts them
 * with their own layers' put. */
struct space *process_space(struct process *p);		/* space_put */
struct cred *process_cred(struct process *p);		/* cred_put */
struct file *process_exe(struct process *p);		/* file_put */
struct fd_table *process_fds(struct process *p);	/* fd_table's put */
struct fs_context *process_fs(struct process *p);	/* fs_context's put */
struct uts *process_uts(struct process *p);		/* uts_put; never NULL */
/* The thread's task record, for its coroutine backtrace; task_put it. NULL: none. */
struct task *process_task(struct process *p, const struct pid_ns *ns, int tid);

/* May the current task look at p's memory and descriptors (ptrace's read rule)? 0, -EPERM,
 * -ESRCH. */
int process_may_inspect(struct process *p);

/* Counts for /proc/stat and loadavg. */
u64 process_forks(void);
u32 process_thread_total(void);

/* CPU time so far: all threads, those gone included. */
void process_cpu_time(struct process *p, struct process_usage *to);

/* --- for core/proc and the system calls --- */

void process_init(void);	/* at boot, after slab_init */

/* A process with nothing but its number, alive but in no tree; NULL without memory. */
struct process *process_new(struct pid *pid);

/* A process made of nothing, with one thread that is not started: the caller pushes a coroutine
 * that awaits exec_run on its task, then task_start. It has no parent, and goes without being
 * waited for. Takes over the three references; NULL without memory or a number: they are the
 * caller's still. */
struct thread *process_new_parentless(const char *name, struct cred *cred, struct fs_context *fs,
				      struct fd_table *fds);
/* The first one (pid 1). Panics without memory; once. */
struct thread *process_new_init(struct cred *cred, struct fs_context *fs, struct fd_table *fds);

#endif
