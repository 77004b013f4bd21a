/* fs/ext4/bitmap.h -- bitmaps as they lie on the disk: a bit per block or inode of a group, the
 * lowest of the first byte first. n and `end` count bits.
 */
#ifndef EXT4_BITMAP_H
#define EXT4_BITMAP_H

#include "core/base/bits.h"

static inline bool bitmap_test(const u64 *bits, u32 n)
{
	return bits[n / 64] >> n % 64 & 1;
}

static inline void bitmap_set(u64 *bits, u32 n)
{
	bits[n / 64] |= 1ul << n % 64;
}

static inline void bitmap_clear(u64 *bits, u32 n)
{
	bits[n / 64] &= ~(1ul << n % 64);
}

/* The first bit in [from, end) that is `set`, or end. */
static inline u32 bitmap_next(const u64 *bits, u32 from, u32 end, bool set)
{
	while (from < end) {
		u64 word = (set ? bits[from / 64] : ~bits[from / 64]) >> from % 64;

		if (word)
			return min(end, from + (u32)__builtin_ctzl(word));
		from += 64 - from % 64;
	}
	return end;
}

static inline void bitmap_set_run(u64 *bits, u32 from, u32 n)
{
	for (u32 end = from + n; from < end; from++)
		bitmap_set(bits, from);
}

static inline void bitmap_clear_run(u64 *bits, u32 from, u32 n)
{
	for (u32 end = from + n; from < end; from++)
		bitmap_clear(bits, from);
}

/* How many in [0, end) are clear. */
static inline u32 bitmap_count_clear(const u64 *bits, u32 end)
{
	u32 n = 0, from = 0;

	for (; from + 64 <= end; from += 64)
		n += 64u - (u32)__builtin_popcountl(bits[from / 64]);
	for (; from < end; from++)
		n += !bitmap_test(bits, from);
	return n;
}

#endif
