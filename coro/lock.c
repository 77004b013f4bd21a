/* coro/lock.c -- awaitable locks.
 *
 * A mutex that is let go of is free, and its first waiter woken: until that one runs, whoever
 * runs already may have it. Else it would be nobody's for as long as a wake takes, at each turn,
 * for ever after the first time that somebody had to wait. A waiter that was woken for nothing
 * has the next turn: it is handed over then. A rwlock is always handed over.
 */
#include "coro/lock.h"

#include "core/base/log.h"

void mutex_init(struct co_mutex *m, enum co_lock_rank rank)
{
	*m = (struct co_mutex){.lock = SPINLOCK_INIT(RANK_CO_LOCK), .rank = rank};
	list_init(&m->queue);
}

bool mutex_trylock(struct co_mutex *m)
{
	struct task *me = task_current();
	bool taken;

	spin_lock(&m->lock);
	if (m->owner == me)
		panic("%s locks a mutex of rank %u twice", me->name, m->rank);
	taken = !m->owner;
	if (taken)
		m->owner = me;
	spin_unlock(&m->lock);
	if (taken)
		lock_rank_taken(me, m->rank);
	return taken;
}

/* To the first waiter. */
static void mutex_grant(struct co_mutex *m, struct co_lock_waiter *to) REQUIRES(m->lock)
{
	list_remove(&to->link);
	m->owner = to->task;
	m->hand_over = false;
	to->granted = true;
}

void mutex_unlock(struct co_mutex *m)
{
	struct co_lock_waiter *next = NULL;

	spin_lock(&m->lock);
	if (m->owner != task_current())
		panic("a mutex of rank %u is unlocked by another than its owner", m->rank);
	lock_rank_released(m->owner, m->rank);
	m->owner = NULL;
	if (!list_empty(&m->queue)) {
		next = list_first(&m->queue, struct co_lock_waiter, link);
		if (m->hand_over)
			mutex_grant(m, next);
		if (!next->woken || next->granted)
			task_wake(next->task);
		next->woken = true;
	}
	spin_unlock(&m->lock);
}

bool mutex_is_mine(const struct co_mutex *m)
{
	return atomic_load_relaxed(&m->owner) == task_current();
}

/* Enlist, or take it after all; true if it is ours now. */
static bool mutex_queue(struct co_mutex *m, struct co_lock_waiter *me)
{
	bool mine;

	spin_lock(&m->lock);
	mine = !m->owner;
	if (mine)
		m->owner = me->task;
	else
		list_add_back(&m->queue, &me->link);
	spin_unlock(&m->lock);
	return mine;
}

/* An unlock grants and wakes under the lock: asking under it too means that the wake is
 * over before the frame that holds `me` can go. */
static bool mutex_granted(struct co_mutex *m, struct co_lock_waiter *me)
{
	bool granted;

	spin_lock(&m->lock);
	if (!me->granted && me->woken) {
		if (m->owner)
			m->hand_over = true;
		else
			mutex_grant(m, me);
	}
	granted = me->granted;
	spin_unlock(&m->lock);
	return granted;
}

co_t mutex_lock_slow(struct co *co, struct mutex_lock_slow *f)
{
	CO_BEGIN;
	f->me.task = co_task(co);
	if (!mutex_queue(f->mutex, &f->me))
		CO_WAIT_IO(NULL, mutex_granted(f->mutex, &f->me));
	lock_rank_taken(f->me.task, f->mutex->rank);
	CO_RETURN(0);
	CO_END;
}

void rwlock_init(struct co_rwlock *l, enum co_lock_rank rank)
{
	*l = (struct co_rwlock){.lock = SPINLOCK_INIT(RANK_CO_LOCK), .rank = rank};
	list_init(&l->queue);
}

/* Whether a newcomer may have it now: nobody queues before him. */
static bool rwlock_free_for(const struct co_rwlock *l, bool write) REQUIRES(l->lock)
{
	return list_empty(&l->queue) && !l->writer && (!write || !l->readers);
}

static void rwlock_grant(struct co_rwlock *l, struct task *to, bool write) REQUIRES(l->lock)
{
	if (write)
		l->writer = to;
	else
		l->readers++;
}

static bool rwlock_try(struct co_rwlock *l, bool write)
{
	bool taken;

	spin_lock(&l->lock);
	taken = rwlock_free_for(l, write);
	if (taken)
		rwlock_grant(l, task_current(), write);
	spin_unlock(&l->lock);
	if (taken)
		lock_rank_taken(task_current(), l->rank);
	return taken;
}

bool rwlock_try_read(struct co_rwlock *l)
{
	return rwlock_try(l, false);
}

bool rwlock_try_write(struct co_rwlock *l)
{
	return rwlock_try(l, true);
}

/* Hand over to the first writer, or to all readers up to the next writer. */
static void rwlock_hand_over(struct co_rwlock *l) REQUIRES(l->lock)
{
	while (!list_empty(&l->queue) && !l->writer) {
		struct co_lock_waiter *next =
			list_first(&l->queue, struct co_lock_waiter, link);

		if (next->write && l->readers)
			break;
		list_remove(&next->link);
		rwlock_grant(l, next->task, next->write);
		next->granted = true;
		task_wake(next->task);
	}
}

void rwlock_unlock_read(struct co_rwlock *l)
{
	spin_lock(&l->lock);
	if (!l->readers)
		panic("an rwlock of rank %u is unlocked without a reader", l->rank);
	lock_rank_released(task_current(), l->rank);
	l->readers--;
	rwlock_hand_over(l);
	spin_unlock(&l->lock);
}

void rwlock_unlock_write(struct co_rwlock *l)
{
	spin_lock(&l->lock);
	if (l->writer != task_current())
		panic("an rwlock of rank %u is unlocked by another than its writer", l->rank);
	lock_rank_released(l->writer, l->rank);
	l->writer = NULL;
	rwlock_hand_over(l);
	spin_unlock(&l->lock);
}

static bool rwlock_queue(struct co_rwlock *l, struct co_lock_waiter *me)
{
	bool mine;

	spin_lock(&l->lock);
	mine = rwlock_free_for(l, me->write);
	if (mine)
		rwlock_grant(l, me->task, me->write);
	else
		list_add_back(&l->queue, &me->link);
	spin_unlock(&l->lock);
	return mine;
}

static bool rwlock_granted(struct co_rwlock *l, const struct co_lock_waiter *me)
{
	bool granted;

	spin_lock(&l->lock);
	granted = me->granted;
	spin_unlock(&l->lock);
	return granted;
}

co_t rwlock_slow(struct co *co, struct rwlock_slow *f)
{
	CO_BEGIN;
	f->me.task = co_task(co);
	f->me.write = f->write;
	if (!rwlock_queue(f->rwlock, &f->me))
		CO_WAIT_IO(NULL, rwlock_granted(f->rwlock, &f->me));
	lock_rank_taken(f->me.task, f->rwlock->rank);
	CO_RETURN(0);
	CO_END;
}
