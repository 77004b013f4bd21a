/* vfs/xattr_memory.c */
#include "vfs/xattr_memory.h"

#include "core/base/bits.h"
#include "core/base/errno.h"
#include "core/base/string.h"
#include "mem/phys/slab.h"

/* Besides name and value; Linux counts the same. */
#define KEPT_OVERHEAD 40

struct xattr_kept {
	struct rb_node node;
	u32 size;
	u32 name_size;	/* with its NUL */
	char name[];	/* then the value */
};

static struct xattr_kept *kept_of(const struct rb_node *n)
{
	return container_of((struct rb_node *)n, struct xattr_kept, node);
}

static bool kept_less(const struct rb_node *a, const struct rb_node *b)
{
	return strcmp(kept_of(a)->name, kept_of(b)->name) > 0;
}

static bool kept_before(const struct rb_node *n, u64 name)
{
	return strcmp(kept_of(n)->name, (const char *)(uintptr_t)name) > 0;
}

static struct xattr_kept *kept_find(const struct xattr_memory *m, const char *name)
{
	struct rb_node *n = rb_lower_bound(&m->names, kept_before, (u64)(uintptr_t)name);

	return n && !strcmp(kept_of(n)->name, name) ? kept_of(n) : NULL;
}

u64 xattr_memory_size(const char *name, size_t size)
{
	return KEPT_OVERHEAD + size + strlen(name) + 1;
}

long xattr_memory_get(const struct xattr_memory *m, const char *name, void *to, size_t size)
{
	const struct xattr_kept *k = kept_find(m, name);

	if (!k)
		return -ENODATA;
	if (size && k->size > size)
		return -ERANGE;
	if (size)
		memcpy(to, k->name + k->name_size, k->size);
	return (long)k->size;
}

static struct xattr_kept *kept_new(const char *name, const void *value, size_t size)
{
	size_t name_size = strlen(name) + 1;
	struct xattr_kept *k = kmalloc(sizeof(*k) + name_size + size);

	if (!k)
		return NULL;
	*k = (struct xattr_kept){.size = (u32)size, .name_size = (u32)name_size};
	memcpy(k->name, name, name_size);
	memcpy(k->name + name_size, value, size);
	return k;
}

long xattr_memory_set(struct xattr_memory *m, const char *name, const void *value, size_t size,
		      int flags, i64 *bytes)
{
	struct xattr_kept *old = kept_find(m, name), *new = NULL;

	*bytes = 0;
	if (old && (flags & XATTR_CREATE))
		return -EEXIST;
	if (!old && ((flags & XATTR_REPLACE) || !value))
		return -ENODATA;
	if (!old && m->list_size + strlen(name) + 1 > XATTR_LIST_MAX)
		return -ENOSPC;
	if (value) {
		new = kept_new(name, value, size);
		if (!new)
			return -ENOMEM;
		*bytes += (i64)xattr_memory_size(name, size);
	}
	if (old) {
		*bytes -= (i64)xattr_memory_size(name, old->size);
		m->list_size -= old->name_size;
		rb_remove(&m->names, &old->node);
		kfree(old);
	}
	if (new) {
		rb_insert(&m->names, &new->node, kept_less);
		m->list_size += new->name_size;
	}
	return 0;
}

void xattr_memory_list(const struct xattr_memory *m, struct xattr_names *to)
{
	for (struct rb_node *n = rb_first(&m->names); n; n = rb_next(n))
		xattr_names_add(to, kept_of(n)->name, kept_of(n)->name_size - 1);
}

u64 xattr_memory_user(const struct xattr_memory *m)
{
	u64 bytes = 0;

	for (struct rb_node *n = rb_first(&m->names); n; n = rb_next(n))
		if (xattr_after(kept_of(n)->name, XATTR_USER_PREFIX))
			bytes += xattr_memory_size(kept_of(n)->name, kept_of(n)->size);
	return bytes;
}

void xattr_memory_free(struct xattr_memory *m)
{
	struct rb_node *n;

	while ((n = rb_first(&m->names))) {
		rb_remove(&m->names, n);
		kfree(kept_of(n));
	}
}
