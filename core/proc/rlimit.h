/* core/proc/rlimit.h -- resource limits of a process, and counts per user.
 *
 * Locking  limits under process->sig_lock; one aligned word may be read without it. The
 *          counts are atomic.
 */
#ifndef PROC_RLIMIT_H
#define PROC_RLIMIT_H

#include <linux/resource.h>

#include "core/base/list.h"
#include "core/base/spinlock.h"

#define RLIMIT_COUNT 16

struct rlimits {
	struct rlimit of[RLIMIT_COUNT];
};

struct process;

void rlimit_defaults(struct rlimits *r);	/* init's, as Linux's */
u64 rlimit_get(struct process *p, unsigned which); /* the soft limit, ~0: none */
/* Tell the space and others that keep a copy. */
void rlimit_apply(struct process *p);

/* How much one user has in use. */
struct user_counts {
	struct list link;	/* in the table, under its lock */
	refcount refs;		/* [a] */
	u32 uid;		/* [I] */
	u32 processes;		/* [a] threads, for RLIMIT_NPROC */
	u32 signals;		/* [a] queued, for RLIMIT_SIGPENDING */
	u32 in_flight;		/* [a] descriptors in the queues of sockets, for RLIMIT_NOFILE */
	u64 locked;		/* [a] bytes of locked segments, for RLIMIT_MEMLOCK */
	u64 queues;		/* [a] bytes of message queues, for RLIMIT_MSGQUEUE */
};
void user_counts_init(void);
struct user_counts *user_counts_find(u32 uid);	/* a reference; NULL without memory */
void user_counts_get(struct user_counts *u);
void user_counts_put(struct user_counts *u);

#endif
