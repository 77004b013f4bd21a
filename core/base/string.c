/* core/base/string.c -- NUL-terminated strings and numbers in them. */
#include "core/base/string.h"

#include "core/base/bits.h"

size_t strlen(const char *s)
{
	const char *p = s;

	while (*p)
		p++;
	return (size_t)(p - s);
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (int)(u8)*a - (int)(u8)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++)
		if (*a != *b || !*a)
			return (int)(u8)*a - (int)(u8)*b;
	return 0;
}

char *strchr(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c)
			return (char *)s;
		if (!*s)
			return NULL;
	}
}

char *strrchr(const char *s, int c)
{
	const char *found = NULL;

	do {
		if (*s == (char)c)
			found = s;
	} while (*s++);
	return (char *)found;
}

char *strstr(const char *s, const char *what)
{
	size_t n = strlen(what);

	if (!n)
		return (char *)s;
	for (s = strchr(s, *what); s; s = strchr(s + 1, *what))
		if (!strncmp(s, what, n))
			return (char *)s;
	return NULL;
}

size_t string_copy(char *to, const char *from, size_t size)
{
	size_t n = strlen(from);

	if (size) {
		size_t fits = min(n, size - 1);

		memcpy(to, from, fits);
		to[fits] = 0;
	}
	return n;
}

static unsigned digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'z')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'Z')
		return (unsigned)(c - 'A') + 10;
	return 255;
}

bool string_to_u64(const char *s, const char **end, unsigned base, u64 *value)
{
	bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X') && digit_of(s[2]) < 16;
	u64 sum = 0;

	if (base == 0)
		base = hex ? 16 : s[0] == '0' ? 8 : 10;
	if (base == 16 && hex)
		s += 2;
	if (digit_of(*s) >= base)
		return false;
	for (; digit_of(*s) < base; s++)
		if (mul_overflows(sum, base, &sum) || add_overflows(sum, digit_of(*s), &sum))
			return false;
	if (end)
		*end = s;
	*value = sum;
	return true;
}
