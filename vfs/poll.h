/* vfs/poll.h -- readiness: how poll, select and epoll learn of it.
 *
 * A file's poll operation returns the events that hold and calls poller_add for each wait
 * queue that is woken (waitq_wake_events with POLL* bits) when they change: POLL_QUEUES at
 * most, always the same.
 *
 * Ownership  the queues must live as long as the file does; one that does not is given to
 *            epoll_queue_gone.
 */
#ifndef VFS_POLL_H
#define VFS_POLL_H

#include <linux/poll.h>

#include "coro/co.h"
#include "coro/waitq.h"

#ifndef POLLRDHUP
#define POLLRDHUP 0x2000
#endif

#define POLL_QUEUES 2

/* In a wake's events: a ring's completion made it, so a request of a ring that completes because of
 * it makes another. */
#define POLL_BY_RING (1u << 27)

struct poller {
	/* Enlist in q; a poller that has what it needs ignores it. */
	void (*add)(struct poller *p, struct waitq *q);
};

static inline void poller_add(struct poller *p, struct waitq *q)
{
	if (p)
		p->add(p, q);
}

/* One file looked at: the caller fills file (a reference it keeps; NULL: skipped) and events,
 * and finds revents. */
struct poll_item {
	struct file *file;
	u32 events, revents;
};

/* Wait until one of the items has an event it asks for (POLLERR, POLLHUP, POLLNVAL always
 * count): how many have, 0 at the deadline (hal_clock_ns; 0: do not wait), -ERESTARTNOHAND
 * on a signal, -ENOMEM. */
struct poll_wait {
	struct co_frame co;
	struct poll_item *items;
	unsigned count, ready;
	u64 deadline_ns;
	struct poll_table *table;
	long err;
};
co_t poll_wait(struct co *co, struct poll_wait *f);
/* Without waiting or enlisting: how many are ready now. */
unsigned poll_try(struct poll_item *items, unsigned count);

#endif
