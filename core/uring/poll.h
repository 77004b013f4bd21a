/* core/uring/poll.h -- waiting for one file to be ready, with nothing allocated.
 *
 * Ownership  the places lie in the caller's frame, which leaves them before it is done; the file is
 *            borrowed.
 */
#ifndef URING_POLL_H
#define URING_POLL_H

#include "coro/waitq.h"
#include "vfs/poll.h"

struct file;

/* A place in each queue that a file names; a wake only notes that there was one. */
struct poll_place {
	struct waiter waiter;
	struct poll_places *of;
};
struct poll_places {
	struct poller poller;
	struct co *co;
	u32 told;		/* [a] there was a wake */
	bool by_ring;		/* [a] one that a ring's completion made */
	u32 used;
	struct poll_place places[POLL_QUEUES];
};

/* Enlist; what holds now. */
u32 poll_enlist(struct co *co, struct poll_places *p, struct file *file);
void poll_leave(struct poll_places *p);

/* Wait until the file has one of these events (POLLERR, POLLHUP, POLLNVAL always count): those it
 * has; -ERESTARTSYS on a signal or cancellation. */
struct poll_ready {
	struct co_frame co;
	struct file *file;
	u32 events, got;
	struct poll_places places;
	long err;
};
co_t poll_ready(struct co *co, struct poll_ready *f);

#endif
