/* core/net/filter.h -- filters of what sockets receive: programs that look at a packet before it is
 * queued, and say how much of it is kept.
 *
 * Ownership  filters are counted: a socket holds one reference to its own, and so does who runs it
 *            or reads its program.
 * Locking    a socket's filter is under socket.lock; it runs without it. Nothing here waits.
 */
#ifndef NET_FILTER_H
#define NET_FILTER_H

#include "core/net/socket.h"

struct sock_filter;

/* A filter with this program, which is taken over, also on failure: 0, -EINVAL or -ENOMEM. */
int filter_new(struct sock_filter *insns, u32 len, struct filter **to);
void filter_put(struct filter *f);	/* NULL is ignored */
const struct sock_filter *filter_program(const struct filter *f, u32 *len);

/* May s have another? 0, -EPERM (locked), or -EOPNOTSUPP: TCP's segments do not exist here. */
int filter_may_attach(const struct socket *s);
/* From now on it is s's: takes over the reference. */
int filter_attach(struct socket *s, struct filter *f);
int filter_detach(struct socket *s);
int filter_lock(struct socket *s, bool on);
/* A reference to the socket's; NULL: it has none. */
struct filter *filter_get(struct socket *s);

static inline bool filter_is_there(const struct socket *s)
{
	return __builtin_expect(atomic_load_relaxed(&s->filter) != NULL, 0);
}

/* Does s take the packet, which is not queued yet? It may be shorter afterwards. */
bool filter_takes_slow(struct socket *s, struct packet *p, bool udp, u32 mark);
static inline bool filter_takes(struct socket *s, struct packet *p)
{
	return !filter_is_there(s) || filter_takes_slow(s, p, false, 0);
}
/* The same of a datagram of UDP, whose headers the program sees; with its sender's mark. */
static inline bool filter_takes_udp(struct socket *s, struct packet *p, u32 mark)
{
	return !filter_is_there(s) || filter_takes_slow(s, p, true, mark);
}

#endif
