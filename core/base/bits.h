/* core/base/bits.h -- small arithmetic: alignment, powers of two, overflow-checked sizes. */
#ifndef BASE_BITS_H
#define BASE_BITS_H

#include "hal/types.h"

#define min(a, b)                        \
	({                               \
		typeof(a) min_a_ = (a);  \
		typeof(b) min_b_ = (b);  \
		min_a_ < min_b_ ? min_a_ : min_b_; \
	})
#define max(a, b)                        \
	({                               \
		typeof(a) max_a_ = (a);  \
		typeof(b) max_b_ = (b);  \
		max_a_ > max_b_ ? max_a_ : max_b_; \
	})

#define round_up(n, to)	  ((((n) + (to)-1) / (to)) * (to))
#define round_down(n, to) (((n) / (to)) * (to))

/* true on overflow, as the builtins. */
#define add_overflows(a, b, to) __builtin_add_overflow((a), (b), (to))
#define mul_overflows(a, b, to) __builtin_mul_overflow((a), (b), (to))
#define sub_overflows(a, b, to) __builtin_sub_overflow((a), (b), (to))

/* Index of the highest set bit; n is not 0. */
static inline unsigned bits_log2(u64 n)
{
	return 63u - (unsigned)__builtin_clzll(n);
}

static inline bool bits_is_power(u64 n)
{
	return n && !(n & (n - 1));
}

#endif
