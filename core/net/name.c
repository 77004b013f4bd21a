/* core/net/name.c */
#include "core/net/name.h"

#include "core/base/string.h"
#include "mem/phys/slab.h"

struct net_name *net_name_new(const void *bytes, u32 len)
{
	struct net_name *n = kmalloc(sizeof(*n) + len);

	if (!n)
		return NULL;
	ref_init(&n->refs);
	n->len = len;
	memcpy(n->bytes, bytes, len);
	return n;
}

void net_name_put(struct net_name *n)
{
	if (n && ref_put(&n->refs))
		kfree(n);
}
