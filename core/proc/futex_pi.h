/* core/proc/futex_pi.h -- locks in user memory that know their owner, who runs with the best of
 * his own priority and that of any who waits for him, real-time ones included.
 *
 * The word holds the owner's thread number, FUTEX_WAITERS (unlocking is the kernel's) and
 * FUTEX_OWNER_DIED. The kernel has a record of a lock only while somebody waits for it.
 *
 * Ownership  a waiter lies in its frame; the record goes with the last one.
 * Locking    one lock for all records, RANK_FUTEX.
 */
#ifndef PROC_FUTEX_PI_H
#define PROC_FUTEX_PI_H

#include "core/proc/clock.h"
#include "core/proc/thread.h"
#include "mem/space/pin.h"

struct futex_pi;

enum futex_pi_state { FUTEX_PI_WAITS, FUTEX_PI_OWNS, FUTEX_PI_INHERITS };

struct futex_pi_waiter {
	struct list link;	/* in the record's list, first come first */
	struct list by_task;	/* in the table of those who wait */
	struct futex_pi *lock;	/* NULL: not waiting */
	struct thread *thread;
	u32 state;		/* [a] enum futex_pi_state; INHERITS: from one who died */
};

/* 0: it is ours. -EDEADLK, -EPERM, -ESRCH, -EINVAL, -EAGAIN (only_try), -ETIMEDOUT, a restart
 * code, ... */
struct futex_lock_pi {
	struct co_frame co;
	uptr addr;
	bool shared, only_try;
	struct clock_until until;
	struct futex_key key;
	struct page *page;
	struct futex_pi_waiter me;
	long err, faulted;
};
co_t futex_lock_pi(struct co *co, struct futex_lock_pi *f);

struct futex_unlock_pi {
	struct co_frame co;
	uptr addr;
	bool shared;
	u32 seen;
	struct futex_key key;
	struct page *page;
	long err;
};
co_t futex_unlock_pi(struct co *co, struct futex_unlock_pi *f);

/* Its priority changed: so does what it lends to whom it waits for. */
void futex_pi_reweighed(struct thread *t);

/* The thread ends or changes its program: what it owns goes to who waits. */
void futex_pi_exit(struct thread *t);
void futex_pi_init(void);

#endif
