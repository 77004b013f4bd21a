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

#include "core/proc/futex.h"

struct futex_pi;

enum futex_pi_state { FUTEX_PI_WAITS, FUTEX_PI_OWNS, FUTEX_PI_INHERITS };

struct futex_pi_waiter {
	struct list link;	/* in the record's list, first come first */
	struct list by_task;	/* in the table of those who wait */
	struct futex_pi *lock;	/* NULL: not waiting */
	struct thread *thread;
	u32 state;		/* [a] enum futex_pi_state; INHERITS: from one who died */
};

/* A lock's word, which can be reached while `page` (a reference) is there. */
struct futex_pi_place {
	uptr addr;
	bool shared;
	struct futex_key key;
	struct page *page;
};
/* Fill in the key, and the page for writing: -EINVAL, -EFAULT, ... */
struct futex_pi_reach {
	struct co_frame co;
	struct futex_pi_place *at;
	long err;
};
co_t futex_pi_reach(struct co *co, struct futex_pi_reach *f);

/* 0: it is ours. -EDEADLK, -EPERM, -ESRCH, -EINVAL, -EAGAIN (only_try), -ETIMEDOUT, a restart
 * code, ... */
struct futex_lock_pi {
	struct co_frame co;
	struct futex_pi_place at;	/* addr and shared */
	bool only_try;
	struct clock_until until;
	struct futex_pi_waiter me;
	long err;
};
co_t futex_lock_pi(struct co *co, struct futex_lock_pi *f);

struct futex_unlock_pi {
	struct co_frame co;
	struct futex_pi_place at;	/* addr and shared */
	u32 seen;
	long err;
};
co_t futex_unlock_pi(struct co *co, struct futex_unlock_pi *f);

/* --- for futex_cond.c --- */

bool futex_pi_is_over(const struct futex_pi_waiter *w);
/* false: it had been granted. */
bool futex_pi_give_up(struct futex_pi_waiter *w);
/* Granted, but FUTEX_PI_INHERITS: the word has to say so. -EFAULT: it is not there any more. */
struct futex_pi_inherit {
	struct co_frame co;
	struct futex_pi_place *at;
	long err;
};
co_t futex_pi_inherit(struct co *co, struct futex_pi_inherit *f);

/* What is tried at a place: first a look at the word and its owner, without locks. */
struct futex_pi_try {
	const struct futex_pi_place *at;
	bool only_try;
	bool flag_waiters;	/* though it is free */
	u32 seen;
	struct thread *owner;	/* owned until futex_pi_looked */
};
void futex_pi_look(struct futex_pi_try *try);
void futex_pi_looked(struct futex_pi_try *try);
/* The thread that waits as `from` wants the lock, and is w there; the lock of its bucket is held.
 * 0: it has it. FUTEX_PI_ENLISTED: it waits for it. Else it waits as before: FUTEX_PI_AGAIN (look
 * again), -EDEADLK, -EINVAL, -ESRCH, -ENOMEM. */
enum { FUTEX_PI_ENLISTED = 1, FUTEX_PI_AGAIN = 2 };
int futex_pi_requeue(const struct futex_pi_try *try, struct futex_waiter *from,
		     struct futex_pi_waiter *w);

/* Its priority changed: so does what it lends to whom it waits for. */
void futex_pi_reweighed(struct thread *t);

/* The thread ends or changes its program: what it owns goes to who waits. */
void futex_pi_exit(struct thread *t);
void futex_pi_init(void);

#endif
