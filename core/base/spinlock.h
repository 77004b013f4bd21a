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

/* A ticket lock: 0 initialised is free (rank 0 is not checked). One atomic draws the ticket and
 * tells whose turn it is. */
typedef struct CAPABILITY("spinlock") spinlock {
	union {
		u32 both;  /* [a] */
		struct {
			u16 owner; /* [a] the low half in every provider */
			u16 next;
		};
	};
	u16 rank;  /* [I] */
	u16 pad;
} spinlock;
#define SPIN_TICKET (1u << 16)

#define SPINLOCK_INIT(r) ((spinlock){.rank = (r)})

static inline void spin_init(spinlock *l, u16 rank)
{
	*l = SPINLOCK_INIT(rank);
}

static inline void spin_lock(spinlock *l) ACQUIRES(*l) NO_LOCK_ANALYSIS
{
	u32 was;
	u16 mine;

	/* For a simulation it is the ticket that matters: the wait orders the rest. */
	hal_sim_point(&l->next);
	was = __atomic_fetch_add(&l->both, SPIN_TICKET, __ATOMIC_ACQ_REL);
	mine = was >> 16;

	if (__builtin_expect((u16)was != mine, 0))
		while (atomic_load(&l->owner) != mine)
			hal_relax();
	ranks_locked(l->rank);
}

static inline bool spin_trylock(spinlock *l) TRY_ACQUIRES(true, *l) NO_LOCK_ANALYSIS
{
	u32 was = atomic_load(&l->both);

	if ((u16)was != was >> 16 || !atomic_cas(&l->both, &was, was + SPIN_TICKET))
		return false;
	ranks_locked(l->rank);
	return true;
}

static inline void spin_unlock(spinlock *l) RELEASES(*l) NO_LOCK_ANALYSIS
{
	ranks_unlocked(l->rank);
	/* Only its holder changes it, so this read is no point where another may run. */
	atomic_store(&l->owner, (u16)(__atomic_load_n(&l->owner, __ATOMIC_RELAXED) + 1));
}

#endif
