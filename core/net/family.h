/* core/net/family.h -- what makes the sockets of a family. */
#ifndef NET_FAMILY_H
#define NET_FAMILY_H

#include "core/net/socket.h"

struct socket_family {
	u32 family;
	/* A socket without a file: 0 and a reference, or an error. */
	int (*make)(u32 type, u32 protocol, struct socket **made);
	/* Connect two fresh ones; NULL: -EOPNOTSUPP. */
	void (*pair)(struct socket *a, struct socket *b);
};

extern const struct socket_family unix_family, inet_family, inet6_family, netlink_family;

#endif
