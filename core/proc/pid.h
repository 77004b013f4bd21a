/* core/proc/pid.h -- process numbers and what they name.
 *
 * One number may name a thread, the process it leads, a process group and a session. It is
 * given again only when it names none of them; the record lives as long as somebody holds
 * a reference, and then names nothing.
 *
 * Numbers are given by namespaces, each of which has its own table; a record has a number in the
 * one it was born in and in each above that, up to the first. Where nothing else is said a number
 * is the current task's namespace's.
 *
 * Ownership  pid_get/pid_put; pid_ns_get/pid_ns_put. Who stores a struct pid * holds a reference,
 *            and that one holds its namespace, which holds the one above.
 * Locking    proc_tree_lock covers every field but the numbers, and who names what.
 */
#ifndef PROC_PID_H
#define PROC_PID_H

#include "core/base/list.h"
#include "core/base/spinlock.h"
#include "core/cred/user_ns.h"

#define PID_MAX	     32768
static_assert(PID_MAX <= UINT16_MAX + 1);
#define PID_RESERVED 300	/* after the first round numbers start here */
#define PID_LEAF     512	/* numbers of a leaf of a table */

struct thread;
struct process;
struct session;

/* The one lock of the process tree: numbers, parents, children, threads of a process,
 * groups, sessions. Rank RANK_PROC_TREE. */
extern spinlock proc_tree_lock;

struct pid_ns {
	refcount refs;			/* [a] the first's are not counted */
	u16 level;			/* [I] how many are above it */
	u64 id;				/* [I] 1: the first */
	struct pid_ns *parent;		/* [I] owned; NULL: it is the first */
	struct user_ns *users;		/* [I] owned: to whom it belongs */
	/* Two levels; leaves are made when first used and freed with the last number in them. */
	struct pid **leaves[PID_MAX / PID_LEAF];
	u16 in_leaf[PID_MAX / PID_LEAF];
	int last_given;			/* [a] for a look */
	/* pid_ns.c's. */
	struct process *first;		/* its number 1, while that is in the tree; borrowed */
	u32 processes;			/* in it and in those below; the first's are not counted */
	bool closed;			/* nobody is born there any more: number 1 is ending */
	int reboot;			/* the signal it then seems to end by; 0: none */
};
extern struct pid_ns pid_ns_first;

struct pid {
	u16 nr;				/* [I] in the first namespace */
	u16 own;			/* [I] in its own */
	refcount refs;			/* [a] */
	struct pid_ns *ns;		/* [I] its own; owned */
	struct thread *thread;		/* NULL: no thread has this number */
	struct process *process;	/* that it leads (zombies too), or NULL */
	struct session *session;	/* that it names, or NULL */
	struct list group;		/* struct process.in_group: members of this group */
	struct pid_watch *watch;	/* pidfd.c's: NULL until it has a descriptor */
	u16 below[];			/* [I] in the namespaces below the first */
};

/* A new record that names nothing yet, one reference, with numbers of ns and those above it: the
 * `count` first of them, beginning with ns's own, are wanted[], the others are the next ones. 0
 * and *pid, -EAGAIN, -ENOMEM (also: nobody is born there), -EEXIST, -EINVAL: not a number, or
 * more than there are levels. */
int pid_new(struct pid_ns *ns, const int *wanted, unsigned count, struct pid **pid);

void pid_get(struct pid *pid);
void pid_put(struct pid *pid);

void pid_ns_get(struct pid_ns *ns);
void pid_ns_put(struct pid_ns *ns);

/* The current task's; a kernel worker is in the first. */
struct pid_ns *pid_ns_here(void);

/* The one of that level that is ns or above it. */
const struct pid_ns *pid_ns_above(const struct pid_ns *ns, unsigned level);

/* Its number in a namespace that is not the first. 0: it has none there. */
int pid_nr_below(const struct pid *pid, const struct pid_ns *ns);
/* Its number in any; 0: it has none there. */
static inline int pid_nr(const struct pid *pid, const struct pid_ns *ns)
{
	return ns->level ? pid_nr_below(pid, ns) : pid->nr;
}
/* As the current task sees it. */
static inline int pid_nr_here(const struct pid *pid)
{
	return pid_nr(pid, pid_ns_here());
}

/* Whom a number of ns names now; NULL: nothing. */
struct pid *pid_lookup_in(const struct pid_ns *ns, int nr) REQUIRES(proc_tree_lock);
/* The same of the current task's namespace. */
struct pid *pid_lookup(int nr) REQUIRES(proc_tree_lock);

/* pid stopped naming something: give its numbers back if that was the last. */
void pid_unname(struct pid *pid) REQUIRES(proc_tree_lock);

/* The record with the smallest number of ns >= nr that leads a process; NULL past the last. */
struct pid *pid_next_process(const struct pid_ns *ns, int nr) REQUIRES(proc_tree_lock);

/* What is kept as a number of the first namespace: as ns has it, 0 if it names nothing there. In
 * the first it is known for longer than it names something. */
int pid_translate_locked(int nr, const struct pid_ns *ns) REQUIRES(proc_tree_lock);
int pid_translate(int nr, const struct pid_ns *ns);

/* The number given last, after which the next is looked for. */
int pid_last(const struct pid_ns *ns);
void pid_set_last(struct pid_ns *ns, int nr);

#endif
