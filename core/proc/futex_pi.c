/* core/proc/futex_pi.c
 *
 * Whoever waits is on his lock's list and in a table by thread, so that the way from a thread
 * to what it waits for, to its owner, and so on can be followed: for circles, and to hand the
 * better place on. All of it is slow paths under one lock.
 *
 * A lock whose owner unlocks it goes to the best waiter at once, its word with it. If the owner
 * died, who inherits writes the word himself, as the memory may not be the dead one's any more;
 * until then the record is kept (`mending`).
 */
#include "core/proc/futex_pi.h"

#include <linux/futex.h>

#include "coro/executor.h"
#include "mem/phys/slab.h"
#include "mem/space/uaccess.h"
#include "sched/deadline.h"

#define PI_SLOTS     64u
#define PI_DEPTH_MAX 1024	/* links from owner to owner, as on Linux */

struct futex_pi {
	struct list by_key, by_owner;	/* in the tables */
	struct futex_key key;
	struct thread *owner;		/* borrowed: it gives it away before it ends */
	struct list waiters;		/* struct futex_pi_waiter.link */
	bool mending;
};

static spinlock pi_lock = SPINLOCK_INIT(RANK_FUTEX);
/* Under pi_lock. */
static struct list pi_keys[PI_SLOTS], pi_owners[PI_SLOTS], pi_waiting[PI_SLOTS];

void futex_pi_init(void)
{
	for (unsigned i = 0; i < PI_SLOTS; i++) {
		list_init(&pi_keys[i]);
		list_init(&pi_owners[i]);
		list_init(&pi_waiting[i]);
	}
}

static struct list *pi_slot(struct list *table, u64 a, u64 b)
{
	u64 hash = (a >> 4) * 0x9e3779b97f4a7c15ul + (b >> 2);

	return &table[hash * 0x9e3779b97f4a7c15ul >> 58];
}
static_assert(PI_SLOTS == 64, "the hash's top 6 bits");

static struct list *pi_thread_slot(struct list *table, const struct thread *t)
{
	return pi_slot(table, (u64)(uintptr_t)t, 0);
}

static struct futex_pi *pi_find(const struct futex_key *key) REQUIRES(pi_lock)
{
	struct futex_pi *pi;

	list_each(pi, pi_slot(pi_keys, key->object, key->at), by_key)
		if (pi->key.object == key->object && pi->key.at == key->at)
			return pi;
	return NULL;
}

/* What t waits for; NULL: nothing. */
static struct futex_pi *pi_blocks(const struct thread *t) REQUIRES(pi_lock)
{
	struct futex_pi_waiter *w;

	list_each(w, pi_thread_slot(pi_waiting, t), by_task)
		if (w->thread == t)
			return w->lock;
	return NULL;
}

/* --- places (coro/executor.h) --- */

static i64 pi_place(const struct thread *t)
{
	return deadline_place(&t->task);
}

/* 20: none. */
static void pi_boost(struct thread *t, i64 place)
{
	if (place < SCHED_LEVEL_DEADLINE) {
		deadline_lend(&t->task, place);
		place = SCHED_LEVEL_DEADLINE;
	}
	atomic_store_relaxed(&t->task.sched.boost, (u8)(20 - place));
	executor_reweigh(&t->task);
}

/* From t along the chain of owners: each runs at least as well as those who wait for him. */
static void pi_hand_on(struct thread *t, i64 place) REQUIRES(pi_lock)
{
	struct futex_pi *pi;

	for (int depth = 0; depth < PI_DEPTH_MAX && place < pi_place(t); depth++) {
		pi_boost(t, place);
		pi = pi_blocks(t);
		if (!pi)
			break;
		t = pi->owner;
	}
}

/* Somebody no longer waits for t. */
static void pi_settle(struct thread *t) REQUIRES(pi_lock)
{
	struct futex_pi *pi;
	struct futex_pi_waiter *w;
	i64 best = 20;

	if (!atomic_load_relaxed(&t->task.sched.boost))
		return;
	list_each(pi, pi_thread_slot(pi_owners, t), by_owner)
		if (pi->owner == t)
			list_each(w, &pi->waiters, link)
				best = min(best, pi_place(w->thread));
	pi_boost(t, best);
}

void futex_pi_reweighed(struct thread *t)
{
	struct futex_pi *pi;

	spin_lock(&pi_lock);
	pi = pi_blocks(t);
	if (pi) {
		pi_settle(pi->owner);
		pi_hand_on(pi->owner, pi_place(t));
	}
	spin_unlock(&pi_lock);
}

/* --- records --- */

static void pi_own(struct futex_pi *pi, struct thread *owner) REQUIRES(pi_lock)
{
	pi->owner = owner;
	list_remove(&pi->by_owner);
	list_add_back(pi_thread_slot(pi_owners, owner), &pi->by_owner);
}

static struct futex_pi *pi_new(const struct futex_key *key, struct thread *owner) REQUIRES(pi_lock)
{
	struct futex_pi *pi = kzalloc(sizeof(*pi));

	if (!pi)
		return NULL;
	pi->key = *key;
	list_init(&pi->waiters);
	list_init(&pi->by_owner);
	list_add_back(pi_slot(pi_keys, key->object, key->at), &pi->by_key);
	pi_own(pi, owner);
	return pi;
}

static void pi_free_if_idle(struct futex_pi *pi) REQUIRES(pi_lock)
{
	if (pi->mending || !list_empty(&pi->waiters))
		return;
	list_remove(&pi->by_key);
	list_remove(&pi->by_owner);
	kfree(pi);
}

static void pi_enlist(struct futex_pi *pi, struct futex_pi_waiter *w, struct thread *me)
	REQUIRES(pi_lock)
{
	w->lock = pi;
	w->thread = me;
	w->state = FUTEX_PI_WAITS;
	list_add_back(&pi->waiters, &w->link);
	list_add_back(pi_thread_slot(pi_waiting, me), &w->by_task);
	pi_hand_on(pi->owner, pi_place(me));
}

static void pi_delist(struct futex_pi_waiter *w) REQUIRES(pi_lock)
{
	list_remove(&w->link);
	list_remove(&w->by_task);
	w->lock = NULL;
}

static struct futex_pi_waiter *pi_best(struct futex_pi *pi) REQUIRES(pi_lock)
{
	struct futex_pi_waiter *w, *best = NULL;

	list_each(w, &pi->waiters, link)
		if (!best || pi_place(w->thread) < pi_place(best->thread))
			best = w;
	return best;
}

/* The lock is w's now, who may return from his call at once. */
static void pi_grant(struct futex_pi *pi, struct futex_pi_waiter *w, enum futex_pi_state how)
	REQUIRES(pi_lock)
{
	struct thread *old = pi->owner, *new = w->thread;
	struct futex_pi_waiter *other;

	pi_delist(w);
	pi_own(pi, new);
	pi->mending = how == FUTEX_PI_INHERITS;
	pi_settle(old);
	list_each(other, &pi->waiters, link)
		pi_hand_on(new, pi_place(other->thread));
	/* He cannot end before he has had pi_lock. */
	atomic_store(&w->state, (u32)how);
	task_wake(&new->task);
	pi_free_if_idle(pi);
}

/* --- locking --- */

static u32 *pi_word(const struct futex_pi_place *at)
{
	return (u32 *)((char *)phys_page_data(at->page) + (at->addr.raw & ~PAGE_MASK));
}

/* Would waiting for `owner` close a circle? */
static bool pi_is_circle(const struct thread *me, const struct thread *owner) REQUIRES(pi_lock)
{
	struct futex_pi *pi;

	for (int depth = 0; depth < PI_DEPTH_MAX; depth++) {
		if (owner == me)
			return true;
		pi = pi_blocks(owner);
		if (!pi)
			return false;
		owner = pi->owner;
	}
	return true;
}

/* The word has no owner: it is ours. */
static int pi_take(u32 *word, u32 old, bool flag_waiters, const struct thread *me)
{
	u32 new = (old & FUTEX_OWNER_DIED) | (u32)thread_id(me);

	if (flag_waiters)
		new |= FUTEX_WAITERS;
	return atomic_cas(word, &old, new) ? 0 : FUTEX_PI_AGAIN;
}

/* The record of a lock that `owner` took in user mode; *pi NULL: of one that others wait for. */
static int pi_attach(const struct futex_pi_try *try, u32 *word, u32 old, struct futex_pi **pi)
	REQUIRES(pi_lock)
{
	if (!(old & FUTEX_WAITERS) && !atomic_cas(word, &old, old | FUTEX_WAITERS))
		return FUTEX_PI_AGAIN;
	if (!try->owner || try->owner->pi_closed)
		return -ESRCH;
	if (try->only_try)
		return -EAGAIN;
	*pi = pi_new(&try->at->key, try->owner);
	return *pi ? 0 : -ENOMEM;
}

static int pi_enter(const struct futex_pi_try *try, struct futex_pi_waiter *w, struct thread *me)
	REQUIRES(pi_lock)
{
	u32 *word = pi_word(try->at), old = atomic_load(word);
	struct futex_pi *pi = pi_find(&try->at->key);
	int err = 0;

	if (old != try->seen)
		return FUTEX_PI_AGAIN;
	if ((old & FUTEX_TID_MASK) == (u32)thread_id(me))
		return -EDEADLK;
	if (!pi && !(old & FUTEX_TID_MASK))
		return pi_take(word, old, try->flag_waiters, me);
	if (pi && !(old & FUTEX_OWNER_DIED) &&
	    (old & FUTEX_TID_MASK) != (u32)thread_id(pi->owner))
		return -EINVAL;
	if (pi && try->only_try)
		return -EAGAIN;
	if (!pi)
		err = pi_attach(try, word, old, &pi);
	if (err)
		return err;
	if (pi_is_circle(me, pi->owner)) {
		pi_free_if_idle(pi);
		return -EDEADLK;
	}
	pi_enlist(pi, w, me);
	return FUTEX_PI_ENLISTED;
}

void futex_pi_look(struct futex_pi_try *try)
{
	int tid;

	try->seen = atomic_load(pi_word(try->at));
	tid = (int)(try->seen & FUTEX_TID_MASK);
	try->owner = tid ? thread_find(tid) : NULL;
}

void futex_pi_looked(struct futex_pi_try *try)
{
	if (try->owner)
		task_put(&try->owner->task);
}

/* With the page at hand: 0, FUTEX_PI_ENLISTED, FUTEX_PI_AGAIN or an error. */
static int pi_try(const struct futex_lock_pi *f, struct futex_pi_waiter *w, struct thread *me)
{
	struct futex_pi_try try = {.at = &f->at, .only_try = f->only_try};
	int result;

	futex_pi_look(&try);
	spin_lock(&pi_lock);
	result = pi_enter(&try, w, me);
	spin_unlock(&pi_lock);
	futex_pi_looked(&try);
	return result;
}

int futex_pi_requeue(const struct futex_pi_try *try, struct futex_waiter *from,
		     struct futex_pi_waiter *w)
{
	struct thread *t = thread_of(from->task);
	int result;

	spin_lock(&pi_lock);
	result = pi_enter(try, w, t);
	/* Who gives up looks at his bucket first, then here. */
	if (result == 0 || result == FUTEX_PI_ENLISTED)
		futex_left(from);
	if (result == 0) {
		/* He cannot end before he has had pi_lock. */
		atomic_store(&w->state, (u32)FUTEX_PI_OWNS);
		task_wake(&t->task);
	}
	spin_unlock(&pi_lock);
	return result;
}

bool futex_pi_is_over(const struct futex_pi_waiter *w)
{
	return atomic_load(&w->state) != FUTEX_PI_WAITS;
}

bool futex_pi_give_up(struct futex_pi_waiter *w)
{
	struct futex_pi *pi;

	spin_lock(&pi_lock);
	pi = w->lock;
	if (pi) {
		pi_delist(w);
		pi_settle(pi->owner);
		pi_free_if_idle(pi);
	}
	spin_unlock(&pi_lock);
	return pi;
}

/* Inherited: say so in the word; without a page it is gone, so the lock goes on. */
static void pi_mend(const struct futex_pi_place *at, struct thread *me)
{
	u32 *word = at->page ? pi_word(at) : NULL;
	struct futex_pi_waiter *next;
	struct futex_pi *pi;

	spin_lock(&pi_lock);
	pi = pi_find(&at->key);
	if (pi && pi->owner == me && pi->mending) {
		pi->mending = false;
		next = pi_best(pi);
		if (word)
			atomic_store(word, (u32)thread_id(me) | FUTEX_WAITERS | FUTEX_OWNER_DIED);
		if (!word && next)
			pi_grant(pi, next, FUTEX_PI_INHERITS);
		else
			pi_free_if_idle(pi);
	}
	spin_unlock(&pi_lock);
}

co_t futex_pi_reach(struct co *co, struct futex_pi_reach *f)
{
	CO_BEGIN;
	f->at->page = NULL;
	if (f->at->addr.raw & 3)
		CO_RETURN(-EINVAL);
	f->err = space_try_futex_key(co_task(co)->space, f->at->addr, f->at->shared, &f->at->key);
	if (f->err == -EAGAIN) {
		CO_AWAIT(f->err, space_futex_key, .space = co_task(co)->space, .addr = f->at->addr,
			 .shared = f->at->shared, .key = &f->at->key);
	}
	if (!f->err)
		CO_AWAIT(f->err, space_pin, .space = co_task(co)->space, .addr = f->at->addr,
			 .access = HAL_READ | HAL_WRITE, .page = &f->at->page);
	CO_RETURN(f->err);
	CO_END;
}

co_t futex_pi_inherit(struct co *co, struct futex_pi_inherit *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, futex_pi_reach, .at = f->at);
	pi_mend(f->at, thread_of_co(co));
	if (f->at->page)
		phys_page_put(f->at->page);
	CO_RETURN(f->err);
	CO_END;
}

co_t futex_lock_pi(struct co *co, struct futex_lock_pi *f)
{
	CO_BEGIN;
	do {
		CO_AWAIT(f->err, futex_pi_reach, .at = &f->at);
		if (f->err)
			CO_RETURN(f->err);
		f->err = pi_try(f, &f->me, thread_of_co(co));
		phys_page_put(f->at.page);
		CO_BREATHE;
	} while (f->err == FUTEX_PI_AGAIN);
	if (f->err != FUTEX_PI_ENLISTED)
		CO_RETURN(f->err);
	CLOCK_WAIT_UNTIL(f->err, futex_pi_is_over(&f->me), &f->until);
	if (f->err && futex_pi_give_up(&f->me))
		CO_RETURN(f->err == -ERESTARTSYS ? -ERESTARTNOINTR : f->err);
	f->err = 0;
	if (atomic_load(&f->me.state) == FUTEX_PI_INHERITS)
		CO_AWAIT(f->err, futex_pi_inherit, .at = &f->at);
	CO_RETURN(f->err);
	CO_END;
}

/* --- unlocking --- */

static int pi_leave(struct futex_unlock_pi *f, struct thread *me) REQUIRES(pi_lock)
{
	u32 *word = pi_word(&f->at), old = atomic_load(word);
	struct futex_pi *pi = pi_find(&f->at.key);
	struct futex_pi_waiter *next = pi ? pi_best(pi) : NULL;

	if ((old & FUTEX_TID_MASK) != (u32)thread_id(me))
		return -EPERM;
	if (pi && pi->owner != me)
		return -EINVAL;
	if (!next)
		return atomic_cas(word, &old, 0u) ? 0 : FUTEX_PI_AGAIN;
	if (!atomic_cas(word, &old, FUTEX_WAITERS | (u32)thread_id(next->thread)))
		return FUTEX_PI_AGAIN;
	pi_grant(pi, next, FUTEX_PI_OWNS);
	return 0;
}

co_t futex_unlock_pi(struct co *co, struct futex_unlock_pi *f)
{
	CO_BEGIN;
	/* Whose it is comes before where it is. */
	CO_COPY_FROM_USER(f->err, &f->seen, f->at.addr, sizeof(f->seen));
	if (f->err)
		CO_RETURN(f->err);
	if ((f->seen & FUTEX_TID_MASK) != (u32)thread_id(thread_of_co(co)))
		CO_RETURN(-EPERM);
	do {
		CO_AWAIT(f->err, futex_pi_reach, .at = &f->at);
		if (f->err)
			CO_RETURN(f->err);
		spin_lock(&pi_lock);
		f->err = pi_leave(f, thread_of_co(co));
		spin_unlock(&pi_lock);
		phys_page_put(f->at.page);
		CO_BREATHE;
	} while (f->err == FUTEX_PI_AGAIN);
	CO_RETURN(f->err);
	CO_END;
}

void futex_pi_exit(struct thread *t)
{
	struct list *slot = pi_thread_slot(pi_owners, t);
	struct futex_pi *pi, *next;
	struct futex_pi_waiter *heir;

	spin_lock(&pi_lock);
	t->pi_closed = t->leaving;
	list_each_safe(pi, next, slot, by_owner) {
		heir = pi->owner == t ? pi_best(pi) : NULL;
		if (heir)
			pi_grant(pi, heir, FUTEX_PI_INHERITS);
	}
	spin_unlock(&pi_lock);
}
