/* core/base/string.h -- bytes, strings and formatted text without a libc.
 *
 * Units  sizes in bytes. format_* always terminates and returns the length it would need.
 */
#ifndef BASE_STRING_H
#define BASE_STRING_H

#include <stdarg.h>

#include "hal/cpu.h"

#if HAL_SIMULATED
/* The process around a simulation has a C library that owns these names (and a sanitizer that
 * watches them), so ours carry a prefix there. */
#define memcpy	lichen_memcpy
#define memmove lichen_memmove
#define memset	lichen_memset
#define memcmp	lichen_memcmp
#define memchr	lichen_memchr
#define strlen	lichen_strlen
#define strnlen lichen_strnlen
#define strcmp	lichen_strcmp
#define strncmp lichen_strncmp
#define strchr	lichen_strchr
#define strrchr lichen_strrchr
#define strstr	lichen_strstr
#endif

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *s, const char *what);

#if !HAL_SIMULATED
/* Let the compiler expand copies of a small constant size. */
#define memcpy(to, from, n) __builtin_memcpy((to), (from), (n))
#define memset(to, byte, n) __builtin_memset((to), (byte), (n))
#endif

/* A whole page, both page-aligned. */
void string_copy_page(void *restrict to, const void *restrict from);
void string_zero_page(void *to);

/* Copy what fits of `from` and terminate; returns strlen(from) (so >= size: truncated). */
size_t string_copy(char *to, const char *from, size_t size);

/* A number in base 8, 10, 16, or by prefix when base is 0; *end is past it. false if there
 * is none or it overflows. */
bool string_to_u64(const char *s, const char **end, unsigned base, u64 *value);

/* printf's %d %i %u %x %X %o %c %s %p %%, with flags, width, precision and l, ll, h, hh, z. */
size_t format(char *to, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
size_t format_va(char *to, size_t size, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));

#endif
