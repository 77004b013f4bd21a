/* core/net/unix.c -- connections, and what the three types share. */
#include "core/net/unix.h"

#include <asm/ioctls.h>
#include <linux/sockios.h>

#include "core/base/string.h"
#include "core/cred/cred.h"
#include "core/net/dgram.h"
#include "core/net/family.h"
#include "core/net/rights.h"
#include "core/net/stream.h"
#include "core/net/unix_connect.h"
#include "core/proc/process.h"
#include "mem/phys/slab.h"
#include "vfs/mount.h"

/* --- making and closing --- */

static int unix_make(u32 type, u32 protocol, struct socket **made)
{
	const struct socket_ops *ops;
	struct unix_socket *u;

	if (protocol && protocol != AF_UNIX)
		return -EPROTONOSUPPORT;
	if (type == SOCK_STREAM)
		ops = &unix_stream_ops;
	else if (type == SOCK_DGRAM || type == SOCK_RAW)
		ops = &unix_dgram_ops;
	else if (type == SOCK_SEQPACKET)
		ops = &unix_seqpacket_ops;
	else
		return -ESOCKTNOSUPPORT;
	u = kzalloc(sizeof(*u));
	if (!u)
		return -ENOMEM;
	socket_init(&u->socket, ops, AF_UNIX, type == SOCK_RAW ? SOCK_DGRAM : (u16)type, 0);
	u->socket.backlog = UNIX_QUEUE;
	list_init(&u->flying);
	list_init(&u->lost_link);
	list_init(&u->blocked);
	list_init(&u->blocked_link);
	unix_name_init(u);
	*made = &u->socket;
	return 0;
}

static void unix_freed(struct socket *s)
{
	struct unix_socket *u = unix_of(s);

	net_name_put(u->name);
	if (u->path.dentry)
		path_put(&u->path);
	kfree(u);
}

/* The other end of a connection that is closed here. */
static void unix_hang_up(struct socket *peer, bool lossy)
{
	spin_lock(&peer->lock);
	atomic_store(&peer->shut, (u8)SOCKET_SHUT);
	if (lossy)
		atomic_store(&peer->error, ECONNRESET);
	spin_unlock(&peer->lock);
	socket_wake(peer, POLLIN | POLLRDNORM | POLLHUP | POLLRDHUP | POLLERR | POLLOUT);
}

static void unix_close(struct socket *s, bool nobody_accepted)
{
	struct unix_socket *u = unix_of(s);
	struct socket *peer, *child;
	bool unread;

	unix_name_drop(u);
	spin_lock(&s->lock);
	atomic_store(&s->dead, true);
	atomic_store(&s->shut, (u8)SOCKET_SHUT);
	atomic_store(&s->state, (u8)SOCKET_CLOSE);
	spin_unlock(&s->lock);
	unread = socket_purge(s);
	unix_unblock(u);
	unix_stop_waiting(u);
	peer = atomic_swap(&s->peer, NULL);
	if (peer && s->type != SOCK_DGRAM)
		unix_hang_up(peer, unread || nobody_accepted);
	socket_put(peer);
	/* Connections nobody accepted have none of their own: this goes one level deep. */
	while ((child = unix_next_pending(s, NULL))) {
		spin_lock(&s->lock);
		list_remove(&child->pending_link);
		spin_unlock(&s->lock);
		unix_close(child, true);
		socket_put(child);
		socket_put(child);
	}
	socket_wake(s, POLLHUP);
}

static void unix_closed(struct socket *s)
{
	unix_close(s, false);
	rights_collect();
}

struct socket *unix_next_pending(struct socket *s, struct socket *after)
{
	struct list *next;
	struct socket *child = NULL;

	spin_lock(&s->lock);
	next = after ? after->pending_link.next : s->pending.next;
	/* One that was accepted meanwhile is in no list. */
	if (next != &s->pending && !(after && next == &after->pending_link)) {
		child = list_entry(next, struct socket, pending_link);
		socket_get(child);
	}
	spin_unlock(&s->lock);
	return child;
}

void unix_purge(struct unix_socket *u)
{
	struct socket *child = NULL, *next;

	socket_purge(&u->socket);
	while ((next = unix_next_pending(&u->socket, child))) {
		socket_put(child);
		child = next;
		socket_purge(child);
	}
	socket_put(child);
}

/* --- names, state --- */

static int unix_name(struct socket *s, bool peer, char *to)
{
	static const u16 unnamed = AF_UNIX;
	const struct net_name *name;
	struct socket *who = s;
	int len = sizeof(unnamed);

	spin_lock(&s->lock);
	if (peer)
		who = s->peer;
	if (who)
		socket_get(who);
	spin_unlock(&s->lock);
	if (!who)
		return -ENOTCONN;
	name = atomic_load(&unix_of(who)->name);
	memcpy(to, &unnamed, sizeof(unnamed));
	if (name) {
		len = (int)name->len;
		memcpy(to, name->bytes, name->len);
	}
	socket_put(who);
	return len;
}

/* From the peer, which a connected one keeps until it is closed itself. */
static int unix_stream_from(struct socket *s, const struct packet *p, char *to)
{
	const struct net_name *name = atomic_load(&unix_of(atomic_load(&s->peer))->name);

	if (!name)
		return 0;
	memcpy(to, name->bytes, name->len);
	return (int)name->len;
}

static int unix_listen(struct socket *s, u32 backlog)
{
	struct cred *cred = task_current()->cred;
	struct pid *pid = process_current()->pid;
	int err = 0;

	if (!atomic_load(&unix_of(s)->name))
		return -EINVAL;
	spin_lock(&s->lock);
	if (s->state != SOCKET_CLOSE && s->state != SOCKET_LISTEN) {
		err = -EINVAL;
	} else {
		atomic_store_relaxed(&s->backlog, backlog);
		atomic_store(&s->state, (u8)SOCKET_LISTEN);
		if (!s->peer_cred) {
			cred_get(cred);
			pid_get(pid);
			s->peer_pid = pid;
			atomic_store(&s->peer_cred, cred);
		}
	}
	spin_unlock(&s->lock);
	if (!err)
		waitq_wake_events(&s->can_write, POLLOUT);
	return err;
}

static int unix_shutdown(struct socket *s, u32 which)
{
	struct socket *peer = NULL;
	u8 theirs = 0;

	spin_lock(&s->lock);
	atomic_store(&s->shut, (u8)(s->shut | which));
	if (s->type != SOCK_DGRAM && s->peer) {
		peer = s->peer;
		socket_get(peer);
	}
	spin_unlock(&s->lock);
	if (peer) {
		theirs = (u8)((which & SOCKET_SHUT_READ ? SOCKET_SHUT_WRITE : 0) |
			      (which & SOCKET_SHUT_WRITE ? SOCKET_SHUT_READ : 0));
		spin_lock(&peer->lock);
		atomic_store(&peer->shut, (u8)(peer->shut | theirs));
		spin_unlock(&peer->lock);
		socket_wake(peer, POLLIN | POLLRDNORM | POLLRDHUP | POLLHUP | POLLOUT);
		socket_put(peer);
	}
	socket_wake(s, POLLIN | POLLRDNORM | POLLRDHUP | POLLHUP | POLLOUT);
	return 0;
}

/* --- poll, and what may be done --- */

static bool unix_is_writable(struct socket *s)
{
	struct socket *peer;
	bool blocked = false;

	if (s->type == SOCK_STREAM)
		return stream_is_writable(s);
	if (atomic_load_relaxed(&s->sent_charge) * 4ul > atomic_load_relaxed(&s->sndbuf))
		return false;
	if (s->type != SOCK_DGRAM)
		return true;
	spin_lock(&s->lock);
	peer = s->peer;
	if (peer)
		socket_get(peer);
	spin_unlock(&s->lock);
	if (peer)
		blocked = unix_is_blocked(unix_of(s), unix_of(peer));
	socket_put(peer);
	return !blocked;
}

static u32 unix_poll(struct socket *s)
{
	u8 shut = atomic_load(&s->shut), state = atomic_load(&s->state);
	u32 events = 0;

	if (atomic_load(&s->error))
		events |= POLLERR;
	if (shut == SOCKET_SHUT)
		events |= POLLHUP;
	if (shut & SOCKET_SHUT_READ)
		events |= POLLRDHUP | POLLIN | POLLRDNORM;
	if (atomic_load(&s->queue_len) || atomic_load(&s->pending_count))
		events |= POLLIN | POLLRDNORM;
	if (s->type != SOCK_DGRAM && state == SOCKET_CLOSE)
		events |= POLLHUP;
	if (state != SOCKET_LISTEN && unix_is_writable(s))
		events |= POLLOUT | POLLWRNORM | POLLWRBAND;
	return events;
}

static int unix_stream_check(struct socket *s, const struct socket_message *m, bool send)
{
	bool connected = atomic_load(&s->state) == SOCKET_ESTABLISHED;

	/* There is no urgent data here: none can be sent, so none is there. */
	if (m && (m->flags & MSG_OOB))
		return send ? -EOPNOTSUPP : -EINVAL;
	if (!send)
		return connected ? 0 : -EINVAL;
	if (m && m->name_len)
		return connected ? -EISCONN : -EOPNOTSUPP;
	if (!connected)
		return -ENOTCONN;
	return atomic_load(&s->shut) & SOCKET_SHUT_WRITE ? -EPIPE : 0;
}

static int unix_message_check(struct socket *s, const struct socket_message *m, bool send)
{
	if (m && (m->flags & MSG_OOB))
		return -EOPNOTSUPP;
	if (s->type == SOCK_SEQPACKET && atomic_load(&s->state) != SOCKET_ESTABLISHED)
		return -ENOTCONN;
	return 0;
}

static u64 unix_limit(const struct socket *s)
{
	return atomic_load_relaxed(&s->sndbuf);
}

static void unix_took(struct socket *s, u32 before, u32 after)
{
	if (s->type == SOCK_DGRAM && atomic_load_relaxed(&s->queue_len) == UNIX_QUEUE)
		unix_unblock(unix_of(s));
}

static int unix_query(struct socket *s, unsigned cmd, int *value)
{
	struct socket *peer;

	if (cmd != SIOCOUTQ)
		return -ENOTTY;
	peer = atomic_load(&s->peer);
	*value = (int)atomic_load(&s->sent_charge);
	if (s->type == SOCK_STREAM)
		*value = peer ? (int)atomic_load(&peer->charge) : 0;
	return 0;
}

const struct socket_ops unix_stream_ops = {
	.bind = CO_IMPLEMENTS(socket_bind, unix_bind),
	.connect = CO_IMPLEMENTS(socket_connect, unix_connect),
	.send = CO_IMPLEMENTS(socket_transfer, stream_send),
	.receive = CO_IMPLEMENTS(socket_transfer, stream_receive),
	.try_send = stream_try_send,
	.try_receive = stream_try_receive,
	.listen = unix_listen,
	.name = unix_name,
	.shutdown = unix_shutdown,
	.check = unix_stream_check,
	.from = unix_stream_from,
	.limit = unix_limit,
	.took = stream_took,
	.poll = unix_poll,
	.query = unix_query,
	.closed = unix_closed,
	.freed = unix_freed,
};

const struct socket_ops unix_dgram_ops = {
	.bind = CO_IMPLEMENTS(socket_bind, unix_bind),
	.connect = CO_IMPLEMENTS(socket_connect, unix_connect_dgram),
	.send = CO_IMPLEMENTS(socket_transfer, unix_send),
	.receive = CO_IMPLEMENTS(socket_transfer, dgram_receive),
	.try_send = unix_try_send,
	.try_receive = dgram_try_receive,
	.name = unix_name,
	.shutdown = unix_shutdown,
	.check = unix_message_check,
	.took = unix_took,
	.poll = unix_poll,
	.query = unix_query,
	.closed = unix_closed,
	.freed = unix_freed,
};

const struct socket_ops unix_seqpacket_ops = {
	.bind = CO_IMPLEMENTS(socket_bind, unix_bind),
	.connect = CO_IMPLEMENTS(socket_connect, unix_connect),
	.send = CO_IMPLEMENTS(socket_transfer, unix_send),
	.receive = CO_IMPLEMENTS(socket_transfer, dgram_receive),
	.try_send = unix_try_send,
	.try_receive = dgram_try_receive,
	.listen = unix_listen,
	.name = unix_name,
	.shutdown = unix_shutdown,
	.check = unix_message_check,
	.poll = unix_poll,
	.query = unix_query,
	.closed = unix_closed,
	.freed = unix_freed,
};

const struct socket_family unix_family = {
	.family = AF_UNIX,
	.make = unix_make,
	.pair = unix_pair,
};
