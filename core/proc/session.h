/* core/proc/session.h -- sessions, process groups, and the controlling terminal.
 *
 * A process group is a struct pid with processes in its list. A session is a record of its
 * own, since a terminal hangs from it. The terminal is opaque here: core/dev's tty.
 *
 * Ownership  session_get/session_put; every process holds one. The session's tty pointer
 *            is borrowed: the tty clears it (session_set_tty(s, NULL)) before it goes away.
 * Locking    proc_tree_lock. Functions take it themselves unless they say REQUIRES.
 */
#ifndef PROC_SESSION_H
#define PROC_SESSION_H

#include "core/proc/process.h"

struct session {
	refcount refs;		/* [a] */
	struct pid *pid;	/* [I] owned; its number is the session's id */
	void *tty;		/* under proc_tree_lock */
	u32 members;		/* processes in it, under proc_tree_lock */
};

/* What the tty layer is told; set once at boot. */
struct session_ops {
	/* The session leader exits: the terminal lets go of the session. Called with no lock,
	 * must not wait. tty_get made the reference; it is the callee's. */
	void (*leader_exited)(struct session *s, void *tty);
	/* Take a reference of the terminal; under proc_tree_lock, must not wait. */
	void (*tty_get)(void *tty);
};
void session_set_ops(const struct session_ops *ops);

void session_get(struct session *s);
void session_put(struct session *s);
/* As the current task sees it; 0: not at all. */
static inline int session_id(const struct session *s)
{
	return pid_nr_here(s->pid);
}

/* The session of a process, with a reference. */
struct session *session_of(struct process *p);
bool session_is_leader(struct process *p);

/* The controlling terminal, with a reference through tty_get; NULL: none. */
void *session_tty(struct session *s);
/* Make `tty` the session's terminal (NULL: none): -EPERM if it has another. */
int session_set_tty(struct session *s, void *tty);

/* --- process groups: struct pid * --- */

struct pid *group_of(struct process *p);	/* with a reference */
/* The group numbered nr if it has a member in session s: a reference, or NULL. */
struct pid *group_find(int nr, struct session *s);
bool group_exists(struct pid *pgrp);
/* No member has a parent in another group of the same session: nobody could continue a
 * stopped member. */
bool group_is_orphaned(struct pid *pgrp);
/* From the kernel (terminal): to every member. 0, or -ESRCH if it is empty. */
int group_signal(struct pid *pgrp, int sig);
/* To the session's leader, e.g. SIGHUP when the line drops; `also_cont`: and SIGCONT. */
void session_signal_leader(struct session *s, int sig);

/* setsid, setpgid for the current process; negative errno. */
int session_create(struct process *p);
int group_set(struct process *caller, int pid, int pgid);

/* Leave p's group and session: exit's part. */
void session_leave(struct process *p) REQUIRES(proc_tree_lock);

/* p exits or moves away from `parent`: groups that became orphans with a stopped member get
 * SIGHUP and SIGCONT. */
void group_check_orphaned(struct process *p, struct process *parent) REQUIRES(proc_tree_lock);

#endif
