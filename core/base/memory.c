/* core/base/memory.c -- copying, filling and comparing bytes, with general registers only.
 *
 * Normal memory takes unaligned accesses on every machine Lichen runs on, so the bulk goes
 * in words of 8 bytes, 32 bytes an iteration, and the rest by overlapping or single stores.
 */
#include "core/base/string.h"

/* A word at any address. */
typedef struct __attribute__((packed)) word {
	u64 v;
} word;

#define WORD(p) (((word *)(p))->v)
#define CWORD(p) (((const word *)(p))->v)

/* As written: the compiler's own unrolling costs short copies more than it saves long ones. */
#define PLAIN_LOOP _Pragma("clang loop vectorize(disable) interleave(disable) unroll(disable)")

static void copy_up(u8 *to, const u8 *from, size_t n)
{
	PLAIN_LOOP
	for (; n >= 32; n -= 32, to += 32, from += 32) {
		u64 a = CWORD(from), b = CWORD(from + 8);
		u64 c = CWORD(from + 16), d = CWORD(from + 24);

		WORD(to) = a;
		WORD(to + 8) = b;
		WORD(to + 16) = c;
		WORD(to + 24) = d;
	}
	PLAIN_LOOP
	for (; n >= 8; n -= 8, to += 8, from += 8)
		WORD(to) = CWORD(from);
	PLAIN_LOOP
	for (; n; n--)
		*to++ = *from++;
}

static void copy_down(u8 *to, const u8 *from, size_t n)
{
	to += n;
	from += n;
	PLAIN_LOOP
	for (; n >= 32; n -= 32) {
		u64 a, b, c, d;

		to -= 32;
		from -= 32;
		a = CWORD(from);
		b = CWORD(from + 8);
		c = CWORD(from + 16);
		d = CWORD(from + 24);
		WORD(to + 24) = d;
		WORD(to + 16) = c;
		WORD(to + 8) = b;
		WORD(to) = a;
	}
	PLAIN_LOOP
	for (; n >= 8; n -= 8) {
		to -= 8;
		from -= 8;
		WORD(to) = CWORD(from);
	}
	PLAIN_LOOP
	for (; n; n--)
		*--to = *--from;
}

void *(memcpy)(void *restrict to, const void *restrict from, size_t n)
{
	copy_up(to, from, n);
	return to;
}

void *(memmove)(void *to, const void *from, size_t n)
{
	if ((uintptr_t)to - (uintptr_t)from >= n)
		copy_up(to, from, n);
	else
		copy_down(to, from, n);
	return to;
}

void *(memset)(void *to, int byte, size_t n)
{
	u64 w = (u8)byte * 0x0101010101010101ul;
	u8 *p = to;

	PLAIN_LOOP
	for (; n >= 64; n -= 64, p += 64) {
		WORD(p) = w;
		WORD(p + 8) = w;
		WORD(p + 16) = w;
		WORD(p + 24) = w;
		WORD(p + 32) = w;
		WORD(p + 40) = w;
		WORD(p + 48) = w;
		WORD(p + 56) = w;
	}
	PLAIN_LOOP
	for (; n >= 8; n -= 8, p += 8)
		WORD(p) = w;
	PLAIN_LOOP
	for (; n; n--)
		*p++ = (u8)byte;
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	PLAIN_LOOP
	for (; n >= 8 && CWORD(x) == CWORD(y); n -= 8, x += 8, y += 8)
		;
	PLAIN_LOOP
	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x < *y ? -1 : 1;
	return 0;
}

void *memchr(const void *s, int c, size_t n)
{
	const u8 *p = s;

	PLAIN_LOOP
	for (; n; n--, p++)
		if (*p == (u8)c)
			return (void *)p;
	return NULL;
}

/* Eight words there and back: pairs of registers do it. */
static inline void copy_words(u64 *restrict t, const u64 *restrict f)
{
	u64 a = f[0], b = f[1], c = f[2], d = f[3];
	u64 e = f[4], g = f[5], h = f[6], i = f[7];

	t[0] = a;
	t[1] = b;
	t[2] = c;
	t[3] = d;
	t[4] = e;
	t[5] = g;
	t[6] = h;
	t[7] = i;
}

void string_copy_page(void *restrict to, const void *restrict from)
{
	const u64 *f = from;
	u64 *t = to;

	PLAIN_LOOP
	for (const u64 *end = f + PAGE_SIZE / 8; f < end; f += 16, t += 16) {
		copy_words(t, f);
		copy_words(t + 8, f + 8);
	}
}

void string_zero_page(void *to)
{
	u64 *t = to;

	PLAIN_LOOP
	for (u64 *end = t + PAGE_SIZE / 8; t < end; t += 8) {
		t[0] = 0;
		t[1] = 0;
		t[2] = 0;
		t[3] = 0;
		t[4] = 0;
		t[5] = 0;
		t[6] = 0;
		t[7] = 0;
	}
}
