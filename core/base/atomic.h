/* core/base/atomic.h -- atomics with the memory order in the name.
 *
 * Every operation is a point where hal/host may run another simulated CPU.
 */
#ifndef BASE_ATOMIC_H
#define BASE_ATOMIC_H

#include "hal/cpu.h"

#define atomic_load(p) \
	({ hal_sim_read(p); __atomic_load_n((p), __ATOMIC_ACQUIRE); })
#define atomic_load_relaxed(p) \
	({ hal_sim_read(p); __atomic_load_n((p), __ATOMIC_RELAXED); })
#define atomic_store(p, v) \
	({ hal_sim_point(p); __atomic_store_n((p), (v), __ATOMIC_RELEASE); })
#define atomic_store_relaxed(p, v) \
	({ hal_sim_point(p); __atomic_store_n((p), (v), __ATOMIC_RELAXED); })
#define atomic_swap(p, v) \
	({ hal_sim_point(p); __atomic_exchange_n((p), (v), __ATOMIC_ACQ_REL); })
/* The old value, for all of these. */
#define atomic_add(p, v) \
	({ hal_sim_point(p); __atomic_fetch_add((p), (v), __ATOMIC_ACQ_REL); })
#define atomic_sub(p, v) \
	({ hal_sim_point(p); __atomic_fetch_sub((p), (v), __ATOMIC_ACQ_REL); })
#define atomic_or(p, v) \
	({ hal_sim_point(p); __atomic_fetch_or((p), (v), __ATOMIC_ACQ_REL); })
#define atomic_and(p, v) \
	({ hal_sim_point(p); __atomic_fetch_and((p), (v), __ATOMIC_ACQ_REL); })
#define atomic_add_relaxed(p, v) \
	({ hal_sim_point(p); __atomic_fetch_add((p), (v), __ATOMIC_RELAXED); })
/* bool: *p was *expected and is now v; otherwise *expected is what *p was. */
#define atomic_cas(p, expected, v)                                             \
	({                                                                     \
		hal_sim_point(p);                                              \
		__atomic_compare_exchange_n((p), (expected), (v), false,       \
					    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE); \
	})
/* Of a count that one task changes and others read. */
#define atomic_count(p) atomic_store_relaxed((p), *(p) + 1)
#define atomic_fence() __atomic_thread_fence(__ATOMIC_SEQ_CST)

/* A count of references: starts at 1, frees at 0. */
typedef struct refcount {
	u32 n; /* [a] */
} refcount;

static inline void ref_init(refcount *r)
{
	r->n = 1;
}

static inline void ref_get(refcount *r)
{
	atomic_add_relaxed(&r->n, 1u);
}

/* Take one unless the count already fell to 0. */
static inline bool ref_get_live(refcount *r)
{
	u32 n = atomic_load_relaxed(&r->n);

	while (n)
		if (atomic_cas(&r->n, &n, n + 1))
			return true;
	return false;
}

/* true: that was the last, free the object. */
static inline bool ref_put(refcount *r)
{
	return atomic_sub(&r->n, 1u) == 1;
}

#endif
