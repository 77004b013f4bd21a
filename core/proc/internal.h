/* core/proc/internal.h -- between the files of core/proc only. */
#ifndef PROC_INTERNAL_H
#define PROC_INTERNAL_H

#include "core/proc/thread.h"

/* signal.c */
void signal_recalculate_locked(struct process *p, struct thread *t) REQUIRES(p->sig_lock);
int signal_send_locked(struct process *p, struct thread *t, int sig, const struct signal_info *info)
	REQUIRES(p->sig_lock);
void signal_group_exit_locked(struct process *p, int status) REQUIRES(p->sig_lock);
struct sigact signal_action_of(struct process *p, int sig) REQUIRES(p->sig_lock);

/* deliver.c: what stands between the end of an entry and user mode. */
struct user_return {
	struct co_frame co;
	int sig;
	struct signal_info info;
	struct sigact act;
	u64 frame;		/* where the signal frame goes */
	unsigned tries;
	int status;
	i64 restart;		/* the code a call ended with, its pc taken back to it; 0: none */
	u64 restart_pc;
	long err;
};
co_t user_return(struct co *co, struct user_return *f);

/* A thread left while others stop: if it was the last one to wait for, tell the parent. */
void exit_stop_is_complete(struct thread *t);
/* t was the last to stop: tell the parent, unless it heard of t's stop as its tracer. */
void deliver_complete_stop(struct thread *t);

/* exit.c */
void exit_tell_vfork_parent(struct thread *t);
/* Tell `to`, parent or tracer, about an event of t (CLD_*). */
void exit_notify(struct process *to, int sig, struct thread *t, int code, int status)
	REQUIRES(proc_tree_lock);
/* p is a zombie: tell whoever is to wait for it, its tracer before its parent. */
void exit_announce(struct process *p) REQUIRES(proc_tree_lock);
/* A zombie's tracer went without having waited for it. */
void exit_pass_on(struct process *p, bool foreign) REQUIRES(proc_tree_lock);

/* sigframe.c: lay a frame out at `sp` downwards; none waits. */
#define SIGFRAME_SIZE 4704ul	/* the frame record above it included */
u64 sigframe_place(struct thread *t, const struct sigact *act);
bool sigframe_write(struct thread *t, u64 at, const struct sigact *act, int sig,
		    const struct signal_info *info);
void sigframe_enter(struct thread *t, u64 at, const struct sigact *act, int sig);

/* rseq.c: keep the registered area true before user mode. `interrupted`: a critical section
 * under way is aborted. 0; -EAGAIN: retry_addr has to be faulted in; -EFAULT: it is broken. */
int rseq_update(struct thread *t, bool interrupted);

/* session.c: p and its threads are in the tree now, in its parent's group and session. */
void session_leader_exits(struct process *p);
void session_join(struct process *p, struct process *parent) REQUIRES(proc_tree_lock);

/* process.c */
extern struct process *process_first;	/* pid 1 */
void process_link(struct process *p, struct process *parent) REQUIRES(proc_tree_lock);
/* Another parent, or NULL; the lists of children are the caller's. */
void process_set_parent(struct process *p, struct process *parent) REQUIRES(proc_tree_lock);
void process_unlink(struct process *p) REQUIRES(proc_tree_lock);
void process_count_fork(void);
void process_count_thread(int by);
void process_add_usage(struct process_usage *to, const struct process_usage *u);
/* What t used, added. */
void process_add_thread(struct process_usage *u, const struct thread *t);
/* With either lock of the process held. */
void process_usage_locked(struct process *p, struct process_usage *to);

/* thread.c: SIGXCPU for who overran its budget and wants to hear of it (sched/deadline.h), or its
 * limit (rt_time.h). */
void thread_tell_overrun(struct thread *t);

/* posix_timer.c */
void posix_timer_release_all(struct process *p, bool exec);

/* vdso.c */
struct pager;
u64 vdso_size(void);		/* data page and image, bytes; 0: there is none */
struct pager *vdso_data_pager(void), *vdso_image_pager(void);
u64 vdso_sigreturn_offset(void);
void vdso_init(void);

#endif
