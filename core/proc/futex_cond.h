/* core/proc/futex_cond.h -- waiting on a word, then for a lock with an owner (futex_pi.h), in one
 * call: FUTEX_WAIT_REQUEUE_PI and FUTEX_CMP_REQUEUE_PI, for condition variables.
 *
 * Who waits is never woken from his word: he is moved to the lock he named, has it or waits for it
 * there, and his call ends when he has it.
 *
 * Locking    a bucket's lock, then futex_pi.c's.
 */
#ifndef PROC_FUTEX_COND_H
#define PROC_FUTEX_COND_H

#include "core/proc/futex_pi.h"

/* The words are of one kind, at.shared. */
struct futex_cond_waiter {
	struct futex_waiter plain;	/* first */
	struct futex_pi_waiter pi;
	struct futex_key target;	/* of the lock */
};

/* 0: the lock is ours. -EAGAIN, -EINVAL, -EFAULT, -ETIMEDOUT, a restart code. */
struct futex_cond_wait {
	struct co_frame co;
	uptr addr;
	u32 value;
	struct clock_until until;
	struct futex_pi_place at;	/* the lock's addr and shared */
	struct futex_cond_waiter me;
	long err;
};
co_t futex_cond_wait(struct co *co, struct futex_cond_wait *f);

/* How many were moved, at most one more than `requeue`; -EAGAIN: the word has another value;
 * -EINVAL, -EFAULT, -EDEADLK, -ESRCH, -ENOMEM. */
struct futex_cond_move {
	struct co_frame co;
	uptr addr;
	u32 value, wake, requeue;
	struct futex_pi_place at;	/* the lock's addr and shared */
	struct futex_key key;
	u32 most, moved;
	bool compared;
	long err;
};
co_t futex_cond_move(struct co *co, struct futex_cond_move *f);

#endif
