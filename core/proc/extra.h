/* core/proc/extra.h -- what few threads have: made when one needs something of it first.
 *
 * Ownership  a thread's, until its record goes.
 * Units      ns.
 * Locking    [s] process->sig_lock; else the thread's own but [a]. Nothing here waits.
 */
#ifndef PROC_EXTRA_H
#define PROC_EXTRA_H

#include "core/proc/thread.h"
#include "mem/space/policy.h"

/* How late a sleep may end: Linux's value unless said otherwise. Nothing is late here on purpose,
 * but what is asked for is kept. */
#define EXTRA_SLACK_NS 50000ul

struct thread_extra {
	bool restarts;			/* there is something to go on with: */
	struct restart restart;
	struct policy policy;		/* [s] of its memory, where there is no other */
	u64 slack_ns, usual_slack_ns;	/* [a] */
};

/* The record, which is made if there is none; NULL without memory. */
struct thread_extra *extra_need(struct thread *t);
void extra_free(struct thread *t);

/* The child is not running yet and takes over what it has of its maker: 0 or -ENOMEM. */
int extra_inherit(struct thread *child, const struct thread *maker);

struct policy extra_policy(struct thread *t);
int extra_set_policy(struct thread *t, struct policy policy);	/* 0 or -ENOMEM */

/* Real-time threads have none. */
u64 extra_slack(const struct thread *t);
int extra_set_slack(struct thread *t, u64 ns);	/* 0: the usual. 0 or -ENOMEM */
/* It became real-time: later it has the usual again. */
void extra_reset_slack(struct thread *t);

#endif
