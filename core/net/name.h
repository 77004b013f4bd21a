/* core/net/name.h -- an address as user space sees it: shared by the socket that has it and the
 * packets that come from there.
 *
 * Ownership  counted; never changes.
 */
#ifndef NET_NAME_H
#define NET_NAME_H

#include "core/base/atomic.h"

/* The longest address there is: struct sockaddr_storage. */
#define NET_NAME_MAX 128u

struct net_name {
	refcount refs;		/* [a] */
	u32 len;		/* [I] bytes */
	alignas(8) char bytes[];	/* [I] a struct sockaddr */
};

/* NULL without memory. */
struct net_name *net_name_new(const void *bytes, u32 len);
static inline void net_name_get(struct net_name *n)
{
	ref_get(&n->refs);
}
void net_name_put(struct net_name *n);	/* NULL is ignored */

#endif
