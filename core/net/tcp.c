/* core/net/tcp.c -- TCP between two sockets of this machine.
 *
 * State, as /proc/net/tcp shows it; what a real connection passes through while segments are on
 * their way does not occur:
 *
 *	CLOSE -- listen --> LISTEN
 *	CLOSE -- connect --> SYN_SENT (the listener's queue is full) --> ESTABLISHED
 *	ESTABLISHED -- close, shutdown --> FIN_WAIT2 -- the peer does --> TIME_WAIT
 *	ESTABLISHED -- the peer does --> CLOSE_WAIT -- close, shutdown --> CLOSE
 *	any -- reset --> CLOSE
 *
 * TIME_WAIT is an entry of the table without a socket (inet_linger). A socket that was closed
 * in FIN_WAIT2 is kept by its peer's reference, and its entry with it.
 */
#include <asm/ioctls.h>
#include <linux/sockios.h>
#include <linux/tcp.h>

#include "core/base/string.h"
#include "core/net/control.h"
#include "core/net/inet.h"
#include "core/net/stream.h"
#include "core/net/tcp.h"
#include "mem/phys/slab.h"

/* What SO_SNDBUF and SO_RCVBUF are at first. */
#define TCP_SNDBUF	     16384u
#define TCP_RCVBUF	     131072u
/* What is on its way at most, if nobody says otherwise: more would only be memory. */
#define TCP_QUEUED	     262144u

struct socket *tcp_new(u16 family)
{
	struct inet_socket *i = inet_new(family, SOCK_STREAM, IPPROTO_TCP_NUMBER);

	if (!i)
		return NULL;
	i->socket.sndbuf = TCP_SNDBUF;
	i->socket.rcvbuf = TCP_RCVBUF;
	i->options |= INET_QUICKACK;
	return &i->socket;
}

static u8 tcp_state(const struct socket *s)
{
	return atomic_load(&s->state);
}

/* --- the end of a connection --- */

void tcp_tell(struct socket *s)
{
	socket_wake(s, POLLIN | POLLRDNORM | POLLRDHUP | POLLHUP | POLLERR | POLLOUT);
}

/* peer hears that the other side is gone without an order. */
static void tcp_reset(struct socket *peer)
{
	spin_lock(&peer->lock);
	if (!peer->dead && peer->state != SOCKET_CLOSE)
		atomic_store(&peer->error, peer->state == SOCKET_CLOSE_WAIT ? EPIPE : ECONNRESET);
	atomic_store(&peer->state, (u8)SOCKET_CLOSE);
	atomic_store(&peer->shut, (u8)SOCKET_SHUT);
	spin_unlock(&peer->lock);
	inet_leave(inet_of(peer));
	tcp_tell(peer);
}

/* s will send no more. */
static void tcp_finish(struct socket *s, struct socket *peer)
{
	bool gone, linger;

	spin_lock(&s->lock);
	gone = s->state == SOCKET_CLOSE_WAIT;
	if (s->state != SOCKET_ESTABLISHED && !gone) {
		spin_unlock(&s->lock);
		return;
	}
	atomic_store(&s->state, (u8)(gone ? SOCKET_CLOSE : SOCKET_FIN_WAIT2));
	spin_unlock(&s->lock);
	if (gone)
		inet_leave(inet_of(s));
	spin_lock(&peer->lock);
	atomic_store(&peer->ended, true);
	atomic_store(&peer->shut, (u8)(peer->shut | SOCKET_SHUT_READ));
	linger = peer->state == SOCKET_FIN_WAIT2;
	if (linger)
		atomic_store(&peer->state, (u8)SOCKET_CLOSE);
	else if (peer->state == SOCKET_ESTABLISHED)
		atomic_store(&peer->state, (u8)SOCKET_CLOSE_WAIT);
	spin_unlock(&peer->lock);
	if (linger)
		inet_linger(inet_of(peer));
	tcp_tell(peer);
}

void tcp_refuse(struct socket *s)
{
	u8 was = SOCKET_SYN_SENT;

	if (!atomic_cas(&s->state, &was, (u8)SOCKET_CLOSE))
		return;
	inet_part(inet_of(s));
	socket_fail(s, ECONNREFUSED);
}

struct socket *tcp_take_waiting(struct socket *l, bool any)
{
	struct inet_socket *i = NULL;

	spin_lock(&l->lock);
	if (!list_empty(&inet_of(l)->waiting) && (any || l->pending_count <= l->backlog)) {
		i = list_first(&inet_of(l)->waiting, struct inet_socket, waiting_link);
		list_remove(&i->waiting_link);
	}
	spin_unlock(&l->lock);
	return i ? &i->socket : NULL;
}

static struct socket *tcp_take_pending(struct socket *l)
{
	struct socket *child = NULL;

	spin_lock(&l->lock);
	if (!list_empty(&l->pending)) {
		child = list_first(&l->pending, struct socket, pending_link);
		list_remove(&child->pending_link);
		atomic_store_relaxed(&l->pending_count, l->pending_count - 1);
	}
	spin_unlock(&l->lock);
	return child;
}

void tcp_abort(struct socket *s)
{
	struct socket *peer;

	spin_lock(&s->lock);
	atomic_store(&s->dead, true);
	atomic_store(&s->state, (u8)SOCKET_CLOSE);
	atomic_store(&s->shut, (u8)SOCKET_SHUT);
	spin_unlock(&s->lock);
	socket_purge(s);
	inet_leave(inet_of(s));
	peer = atomic_swap(&s->peer, NULL);
	if (peer)
		tcp_reset(peer);
	socket_put(peer);
}

/* The listener does not listen any more: nobody will accept these. */
static void tcp_stop_listening(struct socket *l)
{
	struct socket *s;

	while ((s = tcp_take_pending(l))) {
		tcp_abort(s);
		socket_put(s);
	}
	while ((s = tcp_take_waiting(l, true))) {
		tcp_refuse(s);
		socket_put(s);
	}
}

static void tcp_closed(struct socket *s)
{
	struct socket *peer;
	bool unread, at_once;
	u8 state;

	spin_lock(&s->lock);
	atomic_store(&s->dead, true);
	state = s->state;
	atomic_store(&s->shut, (u8)SOCKET_SHUT);
	if (state == SOCKET_LISTEN || state == SOCKET_SYN_SENT)
		atomic_store(&s->state, (u8)SOCKET_CLOSE);
	spin_unlock(&s->lock);
	unread = socket_purge(s);
	if (state == SOCKET_LISTEN)
		tcp_stop_listening(s);
	/* What the peer has not read yet lies in its queue: nothing is left to linger for. */
	at_once = socket_is_set(s, SOCKET_LINGER) && !atomic_load_relaxed(&s->linger_s);
	peer = atomic_swap(&s->peer, NULL);
	if (!peer || state == SOCKET_CLOSE || state == SOCKET_LISTEN || state == SOCKET_SYN_SENT) {
		inet_leave(inet_of(s));
	} else if (unread || at_once) {
		atomic_store(&s->state, (u8)SOCKET_CLOSE);
		inet_leave(inet_of(s));
		tcp_reset(peer);
	} else {
		tcp_finish(s, peer);
	}
	socket_put(peer);
}

static void tcp_freed(struct socket *s)
{
	inet_leave(inet_of(s));
	kfree(inet_of(s));
}

static int tcp_shutdown(struct socket *s, u32 which)
{
	u8 state = tcp_state(s);
	struct socket *peer = atomic_load(&s->peer);

	if (state == SOCKET_LISTEN) {
		if (!(which & SOCKET_SHUT_READ))
			return 0;
		atomic_store(&s->state, (u8)SOCKET_CLOSE);
		tcp_stop_listening(s);
		tcp_tell(s);
		return 0;
	}
	spin_lock(&s->lock);
	atomic_store(&s->shut, (u8)(s->shut | which));
	spin_unlock(&s->lock);
	if (state == SOCKET_CLOSE || state == SOCKET_SYN_SENT) {
		tcp_tell(s);
		return -ENOTCONN;
	}
	if ((which & SOCKET_SHUT_WRITE) && peer)
		tcp_finish(s, peer);
	tcp_tell(s);
	return 0;
}

/* --- bytes --- */

static int tcp_check(struct socket *s, const struct socket_message *m, bool send)
{
	u8 state = tcp_state(s);

	if (m && (m->flags & MSG_ERRQUEUE) && !send)
		return -EAGAIN;
	if (!send) {
		if (state == SOCKET_LISTEN)
			return -ENOTCONN;
		if (state == SOCKET_CLOSE && !(atomic_load(&s->shut) & SOCKET_SHUT_READ) &&
		    !atomic_load(&s->error) && !atomic_load(&s->queue_len))
			return -ENOTCONN;
		return 0;
	}
	if (atomic_load(&s->error))
		return m ? socket_take_error(s) : -EAGAIN;
	if ((atomic_load(&s->shut) & SOCKET_SHUT_WRITE) || state == SOCKET_CLOSE ||
	    state == SOCKET_LISTEN)
		return -EPIPE;
	return state == SOCKET_SYN_SENT ? -EAGAIN : 0;
}

/* The peer was closed before it got this: the first such write succeeds, as the answer comes
 * after it. */
static void tcp_unwanted(struct socket *s)
{
	spin_lock(&s->lock);
	if (s->state != SOCKET_CLOSE)
		atomic_store(&s->error, s->ended ? EPIPE : ECONNRESET);
	atomic_store(&s->state, (u8)SOCKET_CLOSE);
	atomic_store(&s->shut, (u8)SOCKET_SHUT);
	spin_unlock(&s->lock);
	inet_leave(inet_of(s));
	tcp_tell(s);
}

static u64 tcp_limit(const struct socket *s)
{
	struct socket *peer = atomic_load(&s->peer);
	u32 theirs = peer ? atomic_load_relaxed(&peer->rcvbuf) : 0;
	u32 own = atomic_load_relaxed(&s->sndbuf);
	u32 clamp = peer ? atomic_load_relaxed(&inet_of(peer)->tcp.window_clamp) : 0;

	theirs = clamp ? min(theirs, clamp) : theirs;
	return (socket_is_set(s, SOCKET_SNDBUF_SET) ? own : min(own, TCP_QUEUED)) + (u64)theirs;
}

static u32 tcp_poll(struct socket *s)
{
	u8 shut = atomic_load(&s->shut), state = tcp_state(s);
	u32 events = atomic_load(&s->error) ? POLLERR : 0;
	u32 queued = atomic_load_relaxed(&s->queued);

	if (state == SOCKET_LISTEN)
		return events | (atomic_load(&s->pending_count) ? POLLIN | POLLRDNORM : 0);
	if (shut == SOCKET_SHUT || state == SOCKET_CLOSE)
		events |= POLLHUP;
	if (shut & SOCKET_SHUT_READ)
		events |= POLLIN | POLLRDNORM | POLLRDHUP;
	if (state == SOCKET_SYN_SENT)
		return events;
	if (atomic_load_relaxed(&s->urgent))
		events |= POLLPRI;
	if (queued && queued >= atomic_load_relaxed(&s->rcvlowat))
		events |= POLLIN | POLLRDNORM;
	if ((shut & SOCKET_SHUT_WRITE) || stream_is_writable(s))
		events |= POLLOUT | POLLWRNORM;
	return events;
}

static int tcp_query(struct socket *s, unsigned cmd, int *value)
{
	if (tcp_state(s) == SOCKET_LISTEN)
		return -EINVAL;
	if (cmd != SIOCOUTQ && cmd != SIOCATMARK)
		return -ENOTTY;
	*value = 0;	/* SIOCOUTQ: all that was sent has arrived */
	spin_lock(&s->lock);
	if (cmd == SIOCATMARK && s->urgent_at)
		*value = list_first(&s->queue, struct packet, link) == s->urgent_at;
	spin_unlock(&s->lock);
	return 0;
}

/* What is left to read after a message; at the end there is that, 1. */
static void tcp_control(struct socket *s, const struct socket_control *, char *buf, u32 *used,
			u32 room, u32 *got)
{
	u32 queued = atomic_load(&s->queued);

	if (!(atomic_load_relaxed(&inet_of(s)->options) & INET_INQ))
		return;
	if (!queued && atomic_load(&s->ended))
		queued = 1;
	control_add(buf, used, room, SOL_TCP, TCP_CM_INQ, &queued, sizeof(queued), got);
}

const struct socket_ops tcp_ops = {
	.bind = CO_IMPLEMENTS(socket_bind, inet_bind),
	.connect = CO_IMPLEMENTS(socket_connect, tcp_connect),
	.send = CO_IMPLEMENTS(socket_transfer, stream_send),
	.receive = CO_IMPLEMENTS(socket_transfer, stream_receive),
	.try_send = stream_try_send,
	.try_receive = stream_try_receive,
	.listen = tcp_listen,
	.room = tcp_room,
	.name = inet_name,
	.shutdown = tcp_shutdown,
	.check = tcp_check,
	.control = tcp_control,
	.unwanted = tcp_unwanted,
	.limit = tcp_limit,
	.took = stream_took,
	.poll = tcp_poll,
	.query = tcp_query,
	.set_option = inet_set_option,
	.get_option = inet_get_option,
	.closed = tcp_closed,
	.freed = tcp_freed,
};
