/* core/proc/futex_cond.c */
#include "core/proc/futex_cond.h"

#include <linux/futex.h>

#include "mem/space/space.h"
#include "mem/space/uaccess.h"

/* The keys of both words; the lock's page is not needed yet. */
struct futex_cond_keys {
	struct co_frame co;
	uptr addr;
	struct futex_key *key;
	struct futex_pi_place *at;
	long err;
};
static co_t futex_cond_keys(struct co *co, struct futex_cond_keys *f)
{
	CO_BEGIN;
	if (((f->addr.raw | f->at->addr.raw) & 3) || f->addr.raw == f->at->addr.raw)
		CO_RETURN(-EINVAL);
	CO_AWAIT(f->err, space_futex_key, .space = co_task(co)->space, .addr = f->addr,
		 .shared = f->at->shared, .key = f->key);
	if (!f->err)
		CO_AWAIT(f->err, space_futex_key, .space = co_task(co)->space,
			 .addr = f->at->addr, .shared = f->at->shared, .key = &f->at->key);
	if (!f->err && futex_same(f->key, &f->at->key))
		f->err = -EINVAL;
	CO_RETURN(f->err);
	CO_END;
}

co_t futex_cond_wait(struct co *co, struct futex_cond_wait *f)
{
	CO_BEGIN;
	f->me.plain.bitset = FUTEX_BITSET_MATCH_ANY;
	f->me.plain.goes_over = true;
	f->me.pi.state = FUTEX_PI_WAITS;
	for (;;) {
		CO_AWAIT(f->err, futex_cond_keys, .addr = f->addr, .key = &f->me.plain.key,
			 .at = &f->at);
		if (f->err)
			CO_RETURN(f->err);
		f->me.target = f->at.key;
		f->err = futex_enter(&f->me.plain, f->addr, f->value, co_task(co));
		if (f->err != -EFAULT)
			break;
		CO_AWAIT(f->err, user_fault_in, .addr = f->addr, .n = sizeof(u32));
		if (f->err)
			CO_RETURN(f->err);
	}
	if (f->err)
		CO_RETURN(f->err);
	CLOCK_WAIT_UNTIL(f->err, futex_pi_is_over(&f->me.pi), &f->until);
	if (f->err && futex_leave(&f->me.plain))
		CO_RETURN(f->err == -ERESTARTSYS ? -ERESTARTNOINTR : f->err);
	/* Once moved it cannot begin again: the word will have changed. */
	if (f->err && futex_pi_give_up(&f->me.pi))
		CO_RETURN(f->err == -ERESTARTSYS ? -EAGAIN : f->err);
	f->err = 0;
	if (atomic_load(&f->me.pi.state) == FUTEX_PI_INHERITS)
		CO_AWAIT(f->err, futex_pi_inherit, .at = &f->at);
	CO_RETURN(f->err);
	CO_END;
}

/* --- moving --- */

/* The first, and how many there are; NULL: none. */
static struct futex_waiter *futex_cond_first(struct futex_bucket *b, const struct futex_key *key,
					     u32 *count) REQUIRES(b->lock)
{
	struct futex_waiter *w, *first = NULL;

	*count = 0;
	list_each(w, &b->waiters, link) {
		if (!futex_same(&w->key, key))
			continue;
		first = first ? first : w;
		++*count;
	}
	return first;
}

/* One more, the bucket's lock held: as futex_pi_requeue, or -EFAULT (the word has to be faulted
 * in), -EAGAIN, -ENOENT (none is left). */
static int futex_cond_one(struct futex_cond_move *f, struct futex_bucket *b,
			  const struct futex_pi_try *try) REQUIRES(b->lock)
{
	struct futex_cond_waiter *cond;
	struct futex_waiter *w;
	u32 value = 0, count;

	if (!f->compared && !hal_load_user32(&value, f->addr))
		return -EFAULT;
	if (!f->compared && value != f->value)
		return -EAGAIN;
	w = futex_cond_first(b, &f->key, &count);
	/* Who comes while they are moved is not one of them. */
	if (!f->compared)
		f->most = min(count, f->requeue + 1);
	f->compared = true;
	if (!w || f->moved == f->most)
		return -ENOENT;
	if (!w->goes_over)
		return -EINVAL;
	cond = (struct futex_cond_waiter *)w;
	if (!futex_same(&cond->target, &f->at.key))
		return -EINVAL;
	return futex_pi_requeue(try, w, &cond->pi);
}

/* The lock's page is at hand. */
static int futex_cond_step(struct futex_cond_move *f)
{
	struct futex_pi_try try = {.at = &f->at, .flag_waiters = f->requeue};
	struct futex_bucket *b = futex_bucket(&f->key);
	int result;

	futex_pi_look(&try);
	spin_lock(&b->lock);
	result = futex_cond_one(f, b, &try);
	spin_unlock(&b->lock);
	futex_pi_looked(&try);
	if (result == 0 || result == FUTEX_PI_ENLISTED)
		f->moved++;
	return result;
}

co_t futex_cond_move(struct co *co, struct futex_cond_move *f)
{
	CO_BEGIN;
	/* One may have the lock; more cannot. */
	if (f->wake != 1 || (i32)f->requeue < 0)
		CO_RETURN(-EINVAL);
	do {
		CO_AWAIT(f->err, futex_cond_keys, .addr = f->addr, .key = &f->key, .at = &f->at);
		if (!f->err)
			CO_AWAIT(f->err, futex_pi_reach, .at = &f->at);
		if (f->err)
			CO_RETURN(f->err);
		f->err = futex_cond_step(f);
		phys_page_put(f->at.page);
		if (f->err == -EFAULT) {
			CO_AWAIT(f->err, user_fault_in, .addr = f->addr, .n = sizeof(u32));
		} else {
			CO_BREATHE;
		}
	} while (f->err >= 0);
	CO_RETURN(f->err == -ENOENT ? (long)f->moved : f->err);
	CO_END;
}
