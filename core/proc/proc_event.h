/* core/proc/proc_event.h -- what happens to processes, for who wants to be told.
 *
 * Mostly nobody does: then an event costs a look at one word. Who passes them on is in the layer
 * above (the connector of netlink) and sets proc_event_tell at boot.
 *
 * Locking  none is needed. What is told takes locks from RANK_NET_TABLE on.
 */
#ifndef PROC_EVENT_H
#define PROC_EVENT_H

#include <linux/cn_proc.h>

#include "core/proc/thread.h"

extern u32 proc_event_listeners;	/* [a] */
extern void (*proc_event_tell)(const struct proc_event *e);

static inline bool proc_event_wanted(void)
{
	return atomic_load_relaxed(&proc_event_listeners);
}

/* Fill in what every event has, and tell it. */
void proc_event_send(struct proc_event *e);

/* About a thread and nothing else: PROC_EVENT_EXEC, _SID, _COMM. */
void proc_event_thread(struct thread *t, enum proc_cn_event what);
/* Other ids than before. */
void proc_event_ids(struct thread *t, const struct cred *old);
/* A tracer, or none any more (NULL). */
void proc_event_trace(struct thread *t, struct thread *tracer);
/* With the one who made it: a new thread, or one that is about to leave a core file. */
void proc_event_fork(struct thread *child);
void proc_event_core(struct thread *t);
/* t ends; to be sent when the lock is let go of. */
void proc_event_exit(struct proc_event *e, struct thread *t, int status) REQUIRES(proc_tree_lock);

#endif
