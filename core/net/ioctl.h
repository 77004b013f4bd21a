/* core/net/ioctl.h -- ioctl of sockets. */
#ifndef NET_IOCTL_H
#define NET_IOCTL_H

#include "core/net/loopback.h"
#include "core/net/socket.h"

struct socket_ioctl {
	struct file_ioctl;
	int value;
	struct loopback_request request;
	struct { i32 len, pad; u64 to; } list;	/* struct ifconf */
	long err;
};
co_t socket_ioctl(struct co *co, struct socket_ioctl *f);

/* Those that give a number: 0 and *value, or an error; -ENOTTY: it is none of them. */
long socket_query(struct socket *s, unsigned cmd, int *value);

#endif
