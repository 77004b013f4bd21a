/* vfs/text.c */
#include "vfs/text.h"

#include "core/base/bits.h"
#include "mem/phys/slab.h"

char *text_reserve(struct text *t, size_t n)
{
	size_t need = t->len + n + 1, size = max(t->size, 256ul);
	char *data;

	if (need <= t->size)
		return t->data + t->len;
	while (size < need)
		size *= 2;
	data = t->failed || size > TEXT_MAX ? NULL : kmalloc(size);
	if (!data) {
		t->failed = true;
		return NULL;
	}
	memcpy(data, t->data ? t->data : "", t->len);
	kfree(t->data);
	t->data = data;
	t->size = size;
	return data + t->len;
}

void text_put(struct text *t, const void *bytes, size_t n)
{
	char *to = text_reserve(t, n);

	if (!to)
		return;
	memcpy(to, bytes, n);
	t->len += n;
}

void text_add(struct text *t, const char *fmt, ...)
{
	va_list ap, again;
	size_t n;
	char *to;

	va_start(ap, fmt);
	va_copy(again, ap);
	to = text_reserve(t, 128);
	if (to) {
		n = format_va(to, t->size - t->len, fmt, ap);
		if (n >= t->size - t->len) {
			to = text_reserve(t, n);
			if (to)
				(void)format_va(to, t->size - t->len, fmt, again);
		}
		if (to)
			t->len += n;
	}
	va_end(again);
	va_end(ap);
}

void text_free(struct text *t)
{
	kfree(t->data);
	*t = (struct text){};
}
