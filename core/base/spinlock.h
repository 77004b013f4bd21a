/* core/base/spinlock.h -- mutual exclusion between CPUs.
 *
 * Interrupts are masked in the kernel, so a spinlock only excludes other CPUs; there is no
 * irq-save variant. Declared as a capability: -Wthread-safety reports a lock held over an
 * await or a return. Name a lock in full, never through a local pointer to it.
 *
 * Locking  ranks: a CPU takes locks in rising rank (checked in debug builds); the ranks
 *          are listed in core/base/ranks.h.
 */
#ifndef BASE_SPINLOCK_H
#define BASE_SPINLOCK_H

#include "core/base/atomic.h"
#include "core/base/ranks.h"

#define CAPABILITY(x)	__attribute__((capability(x)))
#define GUARDED_BY(x)	__attribute__((guarded_by(x)))
#define REQUIRES(...)	__attribute__((requires_capability(__VA_ARGS__)))
#define ACQUIRES(...)	__attribute__((acquire_capability(__VA_ARGS__)))
#define TRY_ACQUIRES(...) __attribute__((try_acquire_capability(__VA_ARGS__)))
#define RELEASES(...)	__attribute__((release_capability(__VA_ARGS__)))
#define EXCLUDES(...)	__attribute__((locks_excluded(__VA_ARGS__)))
#define NO_LOCK_ANALYSIS __attribute__((no_thread_safety_analysis))

/* 0 initialised it is free (rank 0 is not checked). */
typedef struct CAPABILITY("spinlock") spinlock {
	u32 held;  /* [a] hal's; 0: it is not */
	u16 rank;  /* [I] */
	u16 pad;
} spinlock;

#define SPINLOCK_INIT(r) ((spinlock){.rank = (r)})

static inline void spin_init(spinlock *l, u16 rank)
{
	*l = SPINLOCK_INIT(rank);
}

static inline void spin_lock(spinlock *l) ACQUIRES(*l) NO_LOCK_ANALYSIS
{
	hal_lock(&l->held);
	ranks_locked(l->rank);
}

static inline bool spin_trylock(spinlock *l) TRY_ACQUIRES(true, *l) NO_LOCK_ANALYSIS
{
	if (!hal_try_lock(&l->held))
		return false;
	ranks_locked(l->rank);
	return true;
}

static inline void spin_unlock(spinlock *l) RELEASES(*l) NO_LOCK_ANALYSIS
{
	ranks_unlocked(l->rank);
	hal_unlock(&l->held);
}

#endif
