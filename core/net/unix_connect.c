/* core/net/unix_connect.c */
#include "core/net/unix_connect.h"

#include "core/base/string.h"
#include "core/cred/cred.h"
#include "core/net/family.h"
#include "core/net/stream.h"
#include "core/proc/process.h"

/* s learns who is at the other end. */
static void unix_set_peer_cred(struct socket *s, struct cred *cred, struct pid *pid)
{
	cred_get(cred);
	pid_get(pid);
	s->peer_pid = pid;
	atomic_store(&s->peer_cred, cred);
}

void unix_pair(struct socket *a, struct socket *b)
{
	unix_set_peer_cred(a, b->cred, b->pid);
	unix_set_peer_cred(b, a->cred, a->pid);
	stream_join(a, b);
	a->state = b->state = SOCKET_ESTABLISHED;
}

/* --- streams and sequenced packets --- */

/* s is to be connected: nobody else may do it meanwhile. */
static int unix_claim(struct socket *s)
{
	int err = 0;

	spin_lock(&s->lock);
	if (s->state == SOCKET_CLOSE && !s->peer)
		atomic_store(&s->state, (u8)SOCKET_SYN_SENT);
	else
		err = s->state == SOCKET_ESTABLISHED ? -EISCONN : -EINVAL;
	spin_unlock(&s->lock);
	return err;
}

static void unix_unclaim(struct socket *s)
{
	spin_lock(&s->lock);
	atomic_store(&s->state, (u8)SOCKET_CLOSE);
	spin_unlock(&s->lock);
}

/* The end that will be accepted: named as the listener is. */
static struct socket *unix_child(struct socket *listener)
{
	struct unix_socket *u = unix_of(listener);
	struct socket *child;

	if (unix_family.make(listener->type, 0, &child))
		return NULL;
	net_name_get(u->name);
	unix_of(child)->name = u->name;
	atomic_store_relaxed(&child->flags,
			     atomic_load_relaxed(&listener->flags) &
				     (SOCKET_PASSCRED | SOCKET_PASSPIDFD));
	return child;
}

/* Put the child in the listener's queue: 0, -EAGAIN while that is full, -ECONNREFUSED. */
static long unix_offer(struct socket *s, struct socket *listener, struct socket *child)
{
	long err = 0;

	spin_lock(&listener->lock);
	if (listener->dead || listener->state != SOCKET_LISTEN ||
	    (listener->shut & SOCKET_SHUT_READ)) {
		err = -ECONNREFUSED;
	} else if (listener->pending_count > listener->backlog) {
		err = -EAGAIN;
	} else {
		unix_set_peer_cred(s, listener->peer_cred, listener->peer_pid);
		unix_set_peer_cred(child, task_current()->cred, process_current()->pid);
		stream_join(s, child);
		child->state = SOCKET_ESTABLISHED;
		atomic_store(&s->state, (u8)SOCKET_ESTABLISHED);
		socket_get(child);
		list_add_back(&listener->pending, &child->pending_link);
		atomic_store_relaxed(&listener->pending_count, listener->pending_count + 1);
	}
	spin_unlock(&listener->lock);
	if (!err)
		waitq_wake_one(&listener->can_read, POLLIN | POLLRDNORM);
	return err;
}

static bool unix_offered(struct unix_connect *f)
{
	f->err = unix_offer(f->socket, f->listener, f->child);
	return f->err != -EAGAIN;
}

co_t unix_connect(struct co *co, struct unix_connect *f)
{
	long waited;

	CO_BEGIN;
	f->err = unix_check_name(f->name, f->name_len);
	if (!f->err && socket_is_set(f->socket, SOCKET_PASSCRED))
		f->err = unix_autobind(unix_of(f->socket));
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, unix_find, .type = f->socket->type, .name = f->name,
		 .name_len = f->name_len, .found = &f->listener);
	if (f->err)
		CO_RETURN(f->err);
	f->err = -ECONNREFUSED;
	if (atomic_load(&f->listener->state) == SOCKET_LISTEN)
		f->err = unix_claim(f->socket);
	if (f->err) {
		socket_put(f->listener);
		CO_RETURN(f->err);
	}
	f->err = -ENOMEM;
	f->child = unix_child(f->listener);
	if (!f->child)
		goto out;
	f->deadline_ns = socket_deadline(atomic_load_relaxed(&f->socket->sndtimeo_ns));
	if (!unix_offered(f) && !f->no_wait) {
		CO_WAIT_UNTIL(waited, &f->listener->can_write, unix_offered(f), f->deadline_ns);
		if (waited)
			f->err = socket_waited(waited, f->deadline_ns, true);
	}
out:
	if (f->err) {
		unix_unclaim(f->socket);
		if (f->child)
			f->child->ops->closed(f->child);
	} else {
		socket_wake(f->socket, POLLOUT | POLLWRNORM);
	}
	socket_put(f->child);
	socket_put(f->listener);
	CO_RETURN(f->err);
	CO_END;
}

/* --- datagrams --- */

static void unix_set_peer(struct socket *s, struct socket *to, struct socket *only)
{
	struct socket *old;

	spin_lock(&s->lock);
	old = s->peer;
	if (only && old != only) {
		spin_unlock(&s->lock);
		return;
	}
	if (to)
		socket_get(to);
	atomic_store(&s->peer, to);
	atomic_store(&s->state, (u8)(to ? SOCKET_ESTABLISHED : SOCKET_CLOSE));
	spin_unlock(&s->lock);
	/* What came from the old one is not from the new one, and it is told if it was unread. */
	if (old && old != to && socket_purge(s) && atomic_load(&old->peer) == s &&
	    !atomic_load(&old->shut))
		socket_fail(old, ECONNRESET);
	socket_put(old);
	socket_wake(s, POLLOUT);
}

void unix_disconnect(struct socket *s, struct socket *only)
{
	unix_set_peer(s, NULL, only);
}

co_t unix_connect_dgram(struct co *co, struct unix_connect_dgram *f)
{
	struct socket *theirs;
	u16 family;

	CO_BEGIN;
	memcpy(&family, f->name, sizeof(family));
	if (f->name_len < sizeof(family))
		CO_RETURN(-EINVAL);
	if (family == AF_UNSPEC) {
		unix_disconnect(f->socket, NULL);
		CO_RETURN(0);
	}
	f->err = unix_check_name(f->name, f->name_len);
	if (!f->err && socket_is_set(f->socket, SOCKET_PASSCRED))
		f->err = unix_autobind(unix_of(f->socket));
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, unix_find, .type = f->socket->type, .name = f->name,
		 .name_len = f->name_len, .found = &f->to);
	if (f->err)
		CO_RETURN(f->err);
	theirs = atomic_load(&f->to->peer);
	if (theirs && theirs != f->socket)
		f->err = -EPERM;
	else
		unix_set_peer(f->socket, f->to, NULL);
	socket_put(f->to);
	CO_RETURN(f->err);
	CO_END;
}
