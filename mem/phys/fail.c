/* mem/phys/fail.c -- failing the n-th allocation. */
#include "mem/phys/fail.h"

static u64 countdown; /* [a] 0: off */
static bool hit;      /* [a] */
bool (*fault_chosen)(void);

/* Plain builtins, not core/base/atomic.h: asking whether to fail must not change which
 * simulated CPU runs next. */
void fault_at(u64 nth)
{
	__atomic_store_n(&hit, false, __ATOMIC_RELAXED);
	__atomic_store_n(&countdown, nth, __ATOMIC_RELAXED);
}

bool fault_hit(void)
{
	return __atomic_load_n(&hit, __ATOMIC_RELAXED);
}

bool fault_now(void)
{
	u64 n = __atomic_load_n(&countdown, __ATOMIC_RELAXED);

	if (fault_chosen && fault_chosen())
		return true;
	while (n)
		if (__atomic_compare_exchange_n(&countdown, &n, n - 1, false, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED)) {
			if (n == 1)
				__atomic_store_n(&hit, true, __ATOMIC_RELAXED);
			return n == 1;
		}
	return false;
}
