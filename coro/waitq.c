/* coro/waitq.c */
#include "coro/waitq.h"

#include "coro/task.h"

void waitq_init(struct waitq *q)
{
	spin_init(&q->lock, RANK_WAITQ);
	list_init(&q->waiters);
}

/* Tell one waiter, whose queue's lock is held: is the wake of use to it? */
static bool waitq_tell(struct waiter *w, u32 events)
{
	w->woken = true;
	if (w->notify)
		return w->notify(w, events);
	task_wake(co_task(w->co));
	return true;
}

void waitq_wake_events(struct waitq *q, u32 events)
{
	struct waiter *w, *next;

	spin_lock(&q->lock);
	list_each_safe(w, next, &q->waiters, link)
		waitq_tell(w, events);
	spin_unlock(&q->lock);
}

void waitq_wake_one(struct waitq *q, u32 events)
{
	struct waiter *w, *next;

	spin_lock(&q->lock);
	list_each_safe(w, next, &q->waiters, link) {
		if (w->one && w->woken)
			continue;
		if (waitq_tell(w, events) && w->one)
			break;
	}
	spin_unlock(&q->lock);
}

bool waitq_has_waiters(struct waitq *q)
{
	bool any;

	spin_lock(&q->lock);
	any = !list_empty(&q->waiters);
	spin_unlock(&q->lock);
	return any;
}

/* What w stands before: ordinary waiters come before exclusive ones, each kind in turn. */
static struct list *waitq_place(struct waitq *q, const struct waiter *w) REQUIRES(q->lock)
{
	struct waiter *other;

	if (w->one || list_empty(&q->waiters) ||
	    !container_of(q->waiters.prev, struct waiter, link)->one)
		return &q->waiters;
	list_each(other, &q->waiters, link)
		if (other->one)
			break;
	return &other->link;
}

void waitq_enlist(struct waitq *q, struct waiter *w)
{
	struct list *place;

	spin_lock(&q->lock);
	w->wq = q;
	w->woken = false;
	place = waitq_place(q, w);
	list_insert_between(&w->link, place->prev, place);
	spin_unlock(&q->lock);
}

void waitq_rearm(struct waiter *w)
{
	spin_lock(&w->wq->lock);
	w->woken = false;
	spin_unlock(&w->wq->lock);
}

void waitq_leave(struct waiter *w)
{
	struct waitq *q = w->wq;

	if (!q)
		return;
	spin_lock(&q->lock);
	list_remove(&w->link);
	w->wq = NULL;
	spin_unlock(&q->lock);
}

void waitq_forget(struct waitq *q)
{
	struct waiter *w, *next;

	spin_lock(&q->lock);
	list_each_safe(w, next, &q->waiters, link) {
		list_remove(&w->link);
		w->wq = NULL;
	}
	spin_unlock(&q->lock);
}
