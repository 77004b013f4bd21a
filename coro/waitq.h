/* coro/waitq.h -- queues of those who wait for something to become true.
 *
 * Ownership  a waiter lies in a frame, or above the leaf's as long as it waits; it leaves
 *            the queue before that is popped.
 * Locking    each queue has its own. A wake runs under it, and so does leaving, so a waiter
 *            cannot vanish under a wake. All may be called from interrupt handlers.
 */
#ifndef CORO_WAITQ_H
#define CORO_WAITQ_H

#include "core/base/list.h"
#include "core/base/spinlock.h"

struct co;

struct waitq {
	spinlock lock;
	struct list waiters; /* struct waiter.link, under lock: exclusive ones behind all others */
};

/* One place in a queue. `notify` NULL: wake `co`. Otherwise it is called under the queue's
 * lock and must not wait; epoll and poll use it. It returns whether the wake is of use: if
 * not, an exclusive waiter leaves it to the next. */
struct waiter {
	struct list link;	/* under wq->lock */
	struct waitq *wq;	/* NULL: not enlisted */
	struct co *co;
	bool (*notify)(struct waiter *w, u32 events);
	bool one;		/* exclusive */
	bool woken;		/* under wq->lock */
};

#define WAITQ_INIT(q) ((struct waitq){SPINLOCK_INIT(RANK_WAITQ), LIST_INIT((q).waiters)})

void waitq_init(struct waitq *q);
/* Wake every waiter. `events` is handed to notify functions (POLL* bits; 0: all). */
void waitq_wake_events(struct waitq *q, u32 events);
static inline void waitq_wake(struct waitq *q)
{
	waitq_wake_events(q, 0);
}
/* Wake all ordinary waiters and the first exclusive one. */
void waitq_wake_one(struct waitq *q, u32 events);
bool waitq_has_waiters(struct waitq *q);

/* An exclusive waiter looks at its condition again: the next wake may choose it again. */
void waitq_rearm(struct waiter *w);

/* For waiters of one's own (poll): the waiter's co and notify are set by the caller. */
void waitq_enlist(struct waitq *q, struct waiter *w);
/* Harmless if it is not enlisted. Afterwards notify is not running and never will. */
void waitq_leave(struct waiter *w);
/* Make all leave, as the queue goes: for waiters with notify whose owner calls waitq_leave under
 * a lock that is held here too. */
void waitq_forget(struct waitq *q);

#endif
