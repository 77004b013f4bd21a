/* core/net/tcp.h -- for this folder. */
#ifndef NET_TCP_H
#define NET_TCP_H

#include "core/net/socket.h"

#define IPPROTO_TCP_NUMBER 6

struct socket *tcp_new(u16 family);	/* NULL without memory */

/* tcp.c */
void tcp_tell(struct socket *s);	/* everybody who waits at s */
/* The connection does not come about; harmless if it has. */
void tcp_refuse(struct socket *s);
/* An accepted end that nobody will have: its peer is reset. */
void tcp_abort(struct socket *s);
/* The first connection that waits for room at a listener, if there is some or `any`: a
 * reference, or NULL. */
struct socket *tcp_take_waiting(struct socket *l, bool any);

/* tcp_connect.c: operations */
int tcp_listen(struct socket *s, u32 backlog);
void tcp_room(struct socket *l);

struct tcp_connect {
	struct socket_connect;
	int result;
	u64 deadline_ns;
	long err;
};
co_t tcp_connect(struct co *co, struct tcp_connect *f);

#endif
