/* core/base/string.h -- bytes, strings and formatted text without a libc.
 *
 * Units  sizes in bytes. format_* always terminates and returns the length it would need.
 */
#ifndef BASE_STRING_H
#define BASE_STRING_H

#include <stdarg.h>

#include "hal/types.h"

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

/* Copy what fits of `from` and terminate; returns strlen(from) (so >= size: truncated). */
size_t string_copy(char *to, const char *from, size_t size);

/* A number in base 8, 10, 16, or by prefix when base is 0; *end is past it. false if there
 * is none or it overflows. */
bool string_to_u64(const char *s, const char **end, unsigned base, u64 *value);

/* printf's %d %i %u %x %X %o %c %s %p %%, with flags, width, precision and l, ll, h, hh, z. */
size_t format(char *to, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
size_t format_va(char *to, size_t size, const char *fmt, va_list ap);

#endif
