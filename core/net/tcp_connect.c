/* core/net/tcp_connect.c -- listening and connecting.
 *
 * The other end is made by who connects, and put into the listener's queue. If that is full the
 * connection stays in SYN_SENT and waits at the listener; who accepts makes room for the next.
 */
#include "core/base/string.h"
#include "core/net/inet.h"
#include "core/net/loopback.h"
#include "core/net/stream.h"
#include "core/net/tcp.h"

/* SO_SNDBUF of a connection, if nobody set it. */
#define TCP_SNDBUF_CONNECTED 2626560u

static u8 tcp_state(const struct socket *s)
{
	return atomic_load(&s->state);
}

/* The accepted end is as the listener is. */
static struct inet_socket *tcp_child(struct socket *l)
{
	struct socket *s = tcp_new(l->family);
	struct inet_socket *i, *from = inet_of(l);

	if (!s)
		return NULL;
	i = inet_of(s);
	s->flags = atomic_load(&l->flags);
	s->sndbuf = l->flags & SOCKET_SNDBUF_SET ? l->sndbuf : TCP_SNDBUF_CONNECTED;
	s->rcvbuf = l->rcvbuf;
	s->rcvlowat = l->rcvlowat;
	s->linger_s = l->linger_s;
	s->priority = l->priority;
	s->mark = l->mark;
	s->rcvtimeo_ns = l->rcvtimeo_ns;
	s->sndtimeo_ns = l->sndtimeo_ns;
	i->options = from->options;
	i->tos = from->tos;
	i->ttl = from->ttl;
	i->tclass = from->tclass;
	i->hops = from->hops;
	i->mtu_discover = from->mtu_discover;
	i->mtu_discover6 = from->mtu_discover6;
	i->tcp = from->tcp;
	return i;
}

/* Under the listener's lock: both ends are connected and the child waits to be accepted. False:
 * s was closed meanwhile. */
static bool tcp_establish(struct socket *s, struct socket *child, struct socket *l)
	REQUIRES(l->lock)
{
	u8 was = SOCKET_SYN_SENT;

	child->state = SOCKET_ESTABLISHED;
	tcp_agree(inet_of(s), inet_of(child));
	if (!socket_is_set(s, SOCKET_SNDBUF_SET))
		atomic_store(&s->sndbuf, TCP_SNDBUF_CONNECTED);
	stream_join(s, child);
	if (!atomic_cas(&s->state, &was, (u8)SOCKET_ESTABLISHED)) {
		socket_put(atomic_swap(&s->peer, NULL));
		return false;
	}
	socket_get(child);
	list_add_back(&l->pending, &child->pending_link);
	atomic_store_relaxed(&l->pending_count, l->pending_count + 1);
	return true;
}

enum { TCP_DONE, TCP_WAITS, TCP_REFUSED };

/* Connect s, which is in SYN_SENT, to the listener. */
static int tcp_offer(struct socket *s, struct socket *l)
{
	struct inet_socket *child = tcp_child(l);
	int result = TCP_REFUSED;

	if (!child)
		return TCP_REFUSED;
	inet_enter_child(child, &inet_of(s)->entry);
	spin_lock(&l->lock);
	if (l->dead || l->state != SOCKET_LISTEN) {
		result = TCP_REFUSED;
	} else if (l->pending_count > l->backlog) {
		socket_get(s);
		list_add_back(&inet_of(l)->waiting, &inet_of(s)->waiting_link);
		result = TCP_WAITS;
	} else if (tcp_establish(s, &child->socket, l)) {
		result = TCP_DONE;
	}
	spin_unlock(&l->lock);
	if (result == TCP_DONE) {
		loopback_count(0);
		waitq_wake_one(&l->can_read, POLLIN | POLLRDNORM);
		tcp_tell(s);
	} else {
		tcp_abort(&child->socket);
	}
	socket_put(&child->socket);
	return result;
}

/* Somebody accepted: there is room for one that waits. */
void tcp_room(struct socket *l)
{
	struct socket *s;
	int result = TCP_REFUSED;

	/* Those that were closed meanwhile are passed over. */
	while (result == TCP_REFUSED && (s = tcp_take_waiting(l, false))) {
		result = tcp_offer(s, l);
		if (result == TCP_REFUSED)
			tcp_refuse(s);
		socket_put(s);
	}
}

/* An earlier connect that did not wait has come to an end, which is told once. */
static int tcp_already(struct socket *s)
{
	struct inet_socket *i = inet_of(s);
	u8 state = tcp_state(s);
	int err;

	if (state == SOCKET_SYN_SENT)
		return -EALREADY;
	if (atomic_swap(&i->told, true) || state == SOCKET_LISTEN)
		return -EISCONN;
	if (state != SOCKET_CLOSE)
		return 0;
	err = socket_take_error(s);
	return err ? err : -ECONNABORTED;
}

/* Claim s and begin: 0 and *result is TCP_*, or an error. */
static int tcp_start(struct socket *s, const char *name, u32 len, int *result)
{
	struct inet_socket *i = inet_of(s);
	struct inet_address to, from;
	struct socket *l;
	u16 port;
	int err = inet_parse(s, name, len, &to, &port);
	u8 was = SOCKET_CLOSE;

	if (err)
		return err;
	err = inet_route(i, &to, &from);
	if (!err && !atomic_cas(&s->state, &was, (u8)SOCKET_SYN_SENT))
		return -EALREADY;
	if (err)
		return err;
	err = inet_join(i, &from, &to, port);
	if (err) {
		atomic_store(&s->state, (u8)SOCKET_CLOSE);
		return err;
	}
	l = inet_find(SOCK_STREAM, &to, port, &from, i->entry.lport);
	*result = l ? tcp_offer(s, l) : TCP_REFUSED;
	socket_put(l);
	return 0;
}

co_t tcp_connect(struct co *co, struct tcp_connect *f)
{
	struct socket *s = f->socket;
	u16 family;

	CO_BEGIN;
	memcpy(&family, f->name, sizeof(family));
	if (f->name_len < sizeof(family))
		CO_RETURN(-EINVAL);
	/* To take a connection apart is not there. */
	if (family == AF_UNSPEC)
		CO_RETURN(tcp_state(s) == SOCKET_CLOSE ? 0 : -EOPNOTSUPP);
	if (tcp_state(s) != SOCKET_CLOSE || atomic_load(&s->peer) ||
	    !atomic_load(&inet_of(s)->told)) {
		f->err = tcp_already(s);
		if (f->err != -EALREADY || f->no_wait)
			CO_RETURN(f->err);
		f->result = TCP_WAITS;	/* for the connection that is under way */
	} else {
		f->err = tcp_start(s, f->name, f->name_len, &f->result);
		if (f->err)
			CO_RETURN(f->err);
	}
	if (f->no_wait) {
		atomic_store(&inet_of(s)->told, false);
		if (f->result == TCP_REFUSED)
			tcp_refuse(s);
		CO_RETURN(-EINPROGRESS);
	}
	if (f->result == TCP_REFUSED)
		tcp_refuse(s);
	f->deadline_ns = socket_deadline(atomic_load_relaxed(&s->sndtimeo_ns));
	if (f->result == TCP_WAITS) {
		CO_WAIT_UNTIL(f->err, &s->can_write, tcp_state(s) != SOCKET_SYN_SENT,
			      f->deadline_ns);
		if (f->err == -ETIMEDOUT)
			f->err = -EINPROGRESS;
		if (f->err)
			CO_RETURN(socket_waited(f->err, f->deadline_ns, true));
	}
	atomic_store(&inet_of(s)->told, true);
	if (tcp_state(s) != SOCKET_CLOSE)
		CO_RETURN(0);
	f->err = socket_take_error(s);
	CO_RETURN(f->err ? f->err : -ECONNABORTED);
	CO_END;
}

int tcp_listen(struct socket *s, u32 backlog)
{
	u8 state = tcp_state(s);
	int err = 0;

	if (state != SOCKET_CLOSE && state != SOCKET_LISTEN)
		return -EINVAL;
	if (state == SOCKET_CLOSE) {
		if (atomic_load(&s->peer))
			return -EINVAL;
		err = inet_take_any(inet_of(s));
		if (err)
			return err == -EAGAIN ? -EADDRINUSE : err;
		err = inet_may_listen(inet_of(s));
	}
	if (err)
		return err;
	spin_lock(&s->lock);
	atomic_store_relaxed(&s->backlog, backlog);
	atomic_store(&s->state, (u8)SOCKET_LISTEN);
	spin_unlock(&s->lock);
	tcp_room(s);
	return 0;
}
