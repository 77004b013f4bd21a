/* core/proc/pid.h -- process numbers and what they name.
 *
 * One number may name a thread, the process it leads, a process group and a session. It is
 * given again only when it names none of them; the record lives as long as somebody holds
 * a reference, and then names nothing.
 *
 * Ownership  pid_get/pid_put. Who stores a struct pid * holds a reference.
 * Locking    proc_tree_lock covers every field but nr, and who names what.
 */
#ifndef PROC_PID_H
#define PROC_PID_H

#include "core/base/list.h"
#include "core/base/spinlock.h"

#define PID_MAX	     32768
static_assert(PID_MAX <= UINT16_MAX + 1);
#define PID_RESERVED 300	/* after the first round numbers start here */

struct thread;
struct process;
struct session;

/* The one lock of the process tree: numbers, parents, children, threads of a process,
 * groups, sessions. Rank RANK_PROC_TREE. */
extern spinlock proc_tree_lock;

struct pid {
	u16 nr;				/* [I] */
	bool listed;			/* in the table */
	refcount refs;			/* [a] */
	struct thread *thread;		/* NULL: no thread has this number */
	struct process *process;	/* that it leads (zombies too), or NULL */
	struct session *session;	/* that it names, or NULL */
	struct list group;		/* struct process.in_group: members of this group */
	struct pid_watch *watch;	/* pidfd.c's: NULL until it has a descriptor */
};

/* A new number that names nothing yet, one reference: `wanted`, or 0 for the next. 0 and *pid,
 * -EAGAIN, -ENOMEM, -EEXIST. */
int pid_new(int wanted, struct pid **pid);

void pid_get(struct pid *pid);
void pid_put(struct pid *pid);

/* Whom a number names now; NULL: nothing. */
struct pid *pid_lookup(int nr) REQUIRES(proc_tree_lock);

/* pid stopped naming something: give the number back if that was the last. */
void pid_unname(struct pid *pid) REQUIRES(proc_tree_lock);

/* The smallest listed number >= nr that leads a process; NULL past the last. For /proc. */
struct pid *pid_next_process(int nr) REQUIRES(proc_tree_lock);

int pid_last(void);	/* the number given last; for loadavg */

#endif
