/* core/net/unix_connect.h -- connecting UNIX sockets; for this folder. */
#ifndef NET_UNIX_CONNECT_H
#define NET_UNIX_CONNECT_H

#include "core/net/unix.h"

/* Streams and sequenced packets: the other end is made here and waits to be accepted. */
struct unix_connect {
	struct socket_connect;
	struct socket *listener, *child;
	u64 deadline_ns;
	long err;
};
co_t unix_connect(struct co *co, struct unix_connect *f);

/* Datagrams: only whom to send to and receive from. AF_UNSPEC: nobody. */
struct unix_connect_dgram {
	struct socket_connect;
	struct socket *to;
	long err;
};
co_t unix_connect_dgram(struct co *co, struct unix_connect_dgram *f);

void unix_pair(struct socket *a, struct socket *b);

/* Forget whom s sends to, if that is `only` (NULL: whoever). */
void unix_disconnect(struct socket *s, struct socket *only);

#endif
