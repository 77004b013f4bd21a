/* core/proc/futex.h -- fast user-space locking: waiting on a word.
 *
 * Ownership  a waiter lies in its frame.
 * Locking    each hash bucket has a lock (RANK_FUTEX); two are taken in address order.
 */
#ifndef PROC_FUTEX_H
#define PROC_FUTEX_H

#include "core/proc/clock.h"
#include "core/proc/thread.h"
#include "mem/space/pin.h"

struct futex_bucket {
	spinlock lock;		/* rank 0: requeue takes two, by address */
	struct list waiters;	/* under lock; the most urgent first, then the oldest */
};

#define FUTEX_FIRST 100	/* it had a deadline */

struct futex_waiter {
	struct list link;		/* under the bucket's lock */
	struct futex_bucket *bucket;	/* [a] NULL: woken */
	struct futex_key key;
	struct task *task;
	u32 bitset;
	u8 urgency;			/* the real-time priority it came with, or 0; FUTEX_FIRST */
	bool goes_over;			/* [I] to a lock with an owner, never woken: futex_cond.h */
};

void futex_init(void);

/* For who waits on several words. Enter and look at the word: 0 (waiting now), -EAGAIN (another
 * value), -EFAULT (the word's page is not there). key and bitset are the caller's. */
int futex_enter(struct futex_waiter *w, uptr addr, u32 wanted, struct task *task);
bool futex_is_woken(struct futex_waiter *w);
/* true: it had not been woken. */
bool futex_leave(struct futex_waiter *w);

struct futex_wait {
	struct co_frame co;
	uptr addr;
	u32 value, bitset;
	bool shared;
	struct clock_until until;
	bool relative;		/* an interruption goes on through the restart block */
	struct futex_waiter me;
	long err;
};
co_t futex_wait(struct co *co, struct futex_wait *f);

/* Wake up to `count` waiters; how many were. */
struct futex_wake {
	struct co_frame co;
	uptr addr;
	u32 count, bitset;
	bool shared;
	struct futex_key key;
	long err;
};
co_t futex_wake(struct co *co, struct futex_wake *f);

struct futex_requeue {
	struct co_frame co;
	uptr addr, addr2;
	u32 wake, requeue;
	bool shared, shared2, compare;
	u32 value;
	struct futex_key key, key2;
	struct page *page;
	long err;
};
co_t futex_requeue(struct co *co, struct futex_requeue *f);

struct futex_wake_op {
	struct co_frame co;
	uptr addr, addr2;
	u32 wake, wake2, op;
	bool shared;
	struct futex_key key, key2;
	struct page *page;
	long err;
};
co_t futex_wake_op(struct co *co, struct futex_wake_op *f);

/* For who takes waiters off himself. */
struct futex_bucket *futex_bucket(const struct futex_key *key);
bool futex_same(const struct futex_key *a, const struct futex_key *b);
/* The bucket's lock is held; w may be gone as soon as it can know. */
void futex_left(struct futex_waiter *w);

/* Without waiting, by a key already known; how many were woken, or -EINVAL at one that is not to
 * be. */
long futex_wake_key(const struct futex_key *key, u32 count, u32 bitset);

#endif
