/* core/net/unix_send.c -- datagrams and sequenced packets.
 *
 * A packet is charged to its sender until it is received, which limits what one sender may have
 * on its way. Beside that a socket that is not the sender's only peer takes UNIX_QUEUE
 * datagrams; senders who find more are noted there, and woken when there is room.
 */
#include "core/net/dgram.h"
#include "core/net/filter.h"
#include "core/net/rights.h"
#include "core/net/unix.h"
#include "core/net/unix_connect.h"
#include "core/proc/signal.h"

static spinlock unix_block_lock = SPINLOCK_INIT(RANK_NET_LEAF);

/* --- those who wait for room --- */

static bool unix_is_full(const struct unix_socket *to)
{
	return atomic_load(&to->socket.queue_len) > UNIX_QUEUE;
}

static void unix_wait_at(struct unix_socket *u, struct unix_socket *to)
{
	spin_lock(&unix_block_lock);
	if (u->blocked_on != to) {
		list_remove(&u->blocked_link);
		list_add_back(&to->blocked, &u->blocked_link);
		u->blocked_on = to;
	}
	spin_unlock(&unix_block_lock);
}

void unix_stop_waiting(struct unix_socket *u)
{
	spin_lock(&unix_block_lock);
	list_remove(&u->blocked_link);
	u->blocked_on = NULL;
	spin_unlock(&unix_block_lock);
}

void unix_unblock(struct unix_socket *u)
{
	struct unix_socket *waiting, *next;

	spin_lock(&unix_block_lock);
	list_each_safe(waiting, next, &u->blocked, blocked_link) {
		list_remove(&waiting->blocked_link);
		waiting->blocked_on = NULL;
		waitq_wake_events(&waiting->socket.can_write, POLLOUT | POLLWRNORM | POLLWRBAND);
	}
	spin_unlock(&unix_block_lock);
}

bool unix_is_blocked(struct unix_socket *u, struct unix_socket *to)
{
	if (to == u || atomic_load(&to->socket.peer) == &u->socket || !unix_is_full(to))
		return false;
	unix_wait_at(u, to);
	atomic_fence();
	/* Closed for good: then nobody tells, and sending finds out. */
	return unix_is_full(to) && !atomic_load(&to->socket.shut);
}

/* --- sending --- */

/* May s send to `to` as things are? 0, -EAGAIN: later; or an error. */
static long unix_may_send(struct socket *s, struct socket *to)
{
	struct socket *theirs = atomic_load(&to->peer);
	int err = socket_take_error(s);

	if (err)
		return err;
	if (atomic_load(&s->shut) & SOCKET_SHUT_WRITE)
		return -EPIPE;
	if (atomic_load(&to->dead))
		return s->type == SOCK_SEQPACKET ? -EPIPE : -ECONNREFUSED;
	if (s->type == SOCK_DGRAM && theirs && theirs != s)
		return -EPERM;
	if (atomic_load(&to->shut) & SOCKET_SHUT_READ)
		return -EPIPE;
	if (atomic_load(&s->sent_charge) >= atomic_load_relaxed(&s->sndbuf))
		return -EAGAIN;
	if (s->type == SOCK_DGRAM && unix_is_blocked(unix_of(s), unix_of(to)))
		return -EAGAIN;
	return 0;
}

static void unix_address(struct socket *s, struct packet *p)
{
	p->name = atomic_load(&unix_of(s)->name);
	if (p->name)
		net_name_get(p->name);
}

/* To whom, if the message does not say: a reference, or NULL. */
static struct socket *unix_peer(struct socket *s)
{
	struct socket *peer;

	spin_lock(&s->lock);
	peer = s->peer;
	if (peer)
		socket_get(peer);
	spin_unlock(&s->lock);
	return peer;
}

static long unix_send_check(const struct unix_send *f)
{
	const struct socket *s = f->socket;

	if (f->message->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (s->type == SOCK_SEQPACKET && atomic_load(&s->state) != SOCKET_ESTABLISHED)
		return -ENOTCONN;
	if (s->type == SOCK_DGRAM && f->message->name_len)
		return unix_check_name(f->message->name, f->message->name_len);
	return 0;
}

static bool unix_send_may_go_on(struct unix_send *f)
{
	f->err = unix_may_send(f->socket, f->to);
	return f->err != -EAGAIN;
}

/* Hand the packet over. */
static long unix_deliver(struct unix_send *f)
{
	struct socket_control *c = f->message->control;
	struct socket *s = f->socket;
	long err;

	socket_stamp(s, f->to, f->packet, c);
	unix_address(s, f->packet);
	if (c && c->rights) {
		err = rights_fly(c->rights, f->to);
		if (err)
			return err;
		f->packet->rights = c->rights;
		c->rights = NULL;
	}
	socket_charge(s, f->packet);
	err = socket_queue(f->to, f->packet);
	if (err && s->type == SOCK_DGRAM && atomic_load(&f->to->dead))
		err = -ECONNREFUSED;
	return err;
}

co_t unix_send(struct co *co, struct unix_send *f)
{
	struct socket *s = f->socket;
	long waited;

	CO_BEGIN;
	f->err = unix_send_check(f);
	if (!f->err && socket_is_set(s, SOCKET_PASSCRED))
		f->err = unix_autobind(unix_of(s));
	if (f->err)
		CO_RETURN(f->err);
	if (s->type == SOCK_DGRAM && f->message->name_len)
		CO_AWAIT(f->err, unix_find, .type = s->type, .name = f->message->name,
			 .name_len = f->message->name_len, .found = &f->to);
	else
		f->to = unix_peer(s);
	if (!f->err && !f->to)
		f->err = -ENOTCONN;
	f->len = (u32)f->message->uio.left;
	if (!f->err && f->message->uio.left > max(atomic_load_relaxed(&s->sndbuf), 32u) - 32)
		f->err = -EMSGSIZE;
	if (f->err)
		goto out;
	CO_AWAIT(f->err, dgram_make, .message = f->message, .made = &f->packet);
	if (f->err)
		goto out;
	if (!filter_takes(f->to, f->packet)) {
		packet_put(f->packet);
		goto out;	/* as if it had been sent */
	}
	f->deadline_ns = socket_deadline(atomic_load_relaxed(&s->sndtimeo_ns));
	if (!unix_send_may_go_on(f) && !(f->message->flags & MSG_DONTWAIT)) {
		CO_WAIT_UNTIL(waited, &s->can_write, unix_send_may_go_on(f), f->deadline_ns);
		if (waited)
			f->err = socket_waited(waited, f->deadline_ns, true);
	}
	if (!f->err)
		f->err = unix_deliver(f);
	if (f->err)
		packet_put(f->packet);
out:
	if (f->err == -ECONNREFUSED && f->to && !f->message->name_len)
		unix_disconnect(s, f->to);
	socket_put(f->to);
	CO_RETURN(f->err ? f->err : (long)f->len);
	CO_END;
}

/* To the peer, in one go. */
i64 unix_try_send(struct socket *s, struct uio *uio)
{
	u32 len = (u32)uio->left;
	struct uio start = *uio;
	struct packet *p = NULL;
	struct socket *to;

	if (uio->left > SOCKET_AT_ONCE || (s->flags & SOCKET_PASSCRED) || atomic_load(&s->error) ||
	    s->ops->check(s, NULL, true))
		return -EAGAIN;
	to = unix_peer(s);
	if (to && !filter_is_there(to) &&
	    len <= max(atomic_load_relaxed(&s->sndbuf), 32u) - 32 && !unix_may_send(s, to))
		p = packet_new(len);
	if (p && packet_copy_in(p, 0, uio) == len) {
		socket_stamp(s, to, p, NULL);
		unix_address(s, p);
		socket_charge(s, p);
		if (!socket_queue(to, p)) {
			socket_put(to);
			return len;
		}
	}
	packet_put(p);
	socket_put(to);
	*uio = start;
	return -EAGAIN;
}
