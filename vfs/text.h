/* vfs/text.h -- a text that grows: what one open file of /proc shows, and what files say of
 * themselves in fdinfo.
 *
 * Ownership  the text owns its memory until text_free.
 * Units      bytes. When memory is out, or the text would pass TEXT_MAX, it only notes that.
 * Locking    the owner's. Nothing here waits.
 */
#ifndef VFS_TEXT_H
#define VFS_TEXT_H

#include "core/base/string.h"

#define TEXT_MAX (4ul << 20)

struct text {
	char *data;
	size_t len, size;
	bool failed;
};

void text_add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_put(struct text *t, const void *bytes, size_t n);
/* Room for n more bytes at data + len; NULL without memory. */
char *text_reserve(struct text *t, size_t n);
void text_free(struct text *t);

#endif
