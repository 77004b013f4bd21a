/* vfs/poll.h -- readiness: how poll, select and (later) epoll learn of it.
 *
 * A file's poll operation returns the events that hold and calls poller_add for each wait
 * queue that is woken (waitq_wake_events with POLL* bits) when they change.
 */
#ifndef VFS_POLL_H
#define VFS_POLL_H

#include <linux/poll.h>

#include "coro/waitq.h"

struct poller {
	/* Enlist in q; a poller that has what it needs ignores it. */
	void (*add)(struct poller *p, struct waitq *q);
};

static inline void poller_add(struct poller *p, struct waitq *q)
{
	if (p)
		p->add(p, q);
}

#endif
