/* core/net/dgram.c */
#include "core/net/dgram.h"

#include "core/base/string.h"
#include "core/net/rights.h"
#include "core/proc/pid.h"

/* The first packet, or what else there is to say; false: nothing. */
static bool dgram_take(struct dgram_receive *f)
{
	struct socket *s = f->socket;
	bool peek = f->message->flags & MSG_PEEK;
	u32 before, after;

	f->err = socket_take_error(s);
	if (f->err)
		return true;
	spin_lock(&s->lock);
	before = s->charge;
	if (!peek)
		f->packet = socket_unqueue(s);
	else if (!list_empty(&s->queue))
		f->packet = list_first(&s->queue, struct packet, link);
	if (peek && f->packet)
		packet_get(f->packet);
	after = s->charge;
	spin_unlock(&s->lock);
	if (before != after && s->ops->took)
		s->ops->took(s, before, after);
	return f->packet || (atomic_load(&s->shut) & SOCKET_SHUT_READ);
}

/* A packet that was looked at is still in the queue: somebody may take its files meanwhile. */
static void dgram_copy_rights(struct dgram_receive *f)
{
	struct socket_control *c = f->message->control;

	spin_lock(&rights_lock);
	spin_lock(&f->socket->lock);
	if (f->packet->rights)
		c->rights = rights_copy(f->packet->rights);
	spin_unlock(&f->socket->lock);
	spin_unlock(&rights_lock);
}

static void dgram_take_control(struct dgram_receive *f)
{
	struct socket_control *c = f->message->control;
	struct packet *p = f->packet;

	if (!c) {
		if (p->rights)
			f->message->got |= MSG_CTRUNC;
		return;
	}
	if (f->message->flags & MSG_PEEK) {
		dgram_copy_rights(f);
	} else {
		c->rights = p->rights;
		p->rights = NULL;
	}
	c->has_cred = p->has_cred;
	c->pid = p->pid;
	c->uid = p->uid;
	c->gid = p->gid;
	if (c->pid)
		pid_get(c->pid);
	c->stamp_ns = p->stamp_ns;
	c->to = p->to;
	c->has_to = true;
	c->ip = p->ip;
	c->group = p->group;
}

static void dgram_take_name(struct dgram_receive *f)
{
	struct socket_message *m = f->message;
	const struct net_name *name = f->packet->name;

	m->name_len = 0;
	if (m->name && f->socket->ops->from)
		m->name_len = (u32)f->socket->ops->from(f->socket, f->packet, m->name);
	if (!m->name || !name)
		return;
	memcpy(m->name, name->bytes, name->len);
	m->name_len = name->len;
}

co_t dgram_receive(struct co *co, struct dgram_receive *f)
{
	struct socket *s = f->socket;

	CO_BEGIN;
	f->err = s->ops->check(s, f->message, false);
	if (f->err)
		CO_RETURN(f->err);
	f->deadline_ns = socket_deadline(atomic_load_relaxed(&s->rcvtimeo_ns));
	if (!dgram_take(f)) {
		if (f->message->flags & MSG_DONTWAIT)
			CO_RETURN(-EAGAIN);
		CO_WAIT_ONE_UNTIL(f->waited, &s->can_read, dgram_take(f), f->deadline_ns);
		if (f->waited)
			CO_RETURN(socket_waited(f->waited, f->deadline_ns, false));
	}
	if (!f->packet)
		CO_RETURN(f->err);
	f->n = (u32)min((u64)f->packet->len, f->message->uio.left);
	if (f->n < f->packet->len)
		f->message->got |= MSG_TRUNC;
	CO_AWAIT(f->err, packet_drain, .packet = f->packet, .n = f->n, .uio = &f->message->uio);
	if (!f->err) {
		dgram_take_name(f);
		dgram_take_control(f);
		f->err = f->message->flags & MSG_TRUNC ? f->packet->len : f->n;
	}
	packet_put(f->packet);
	CO_RETURN(f->err);
	CO_END;
}

i64 dgram_try_receive(struct socket *s, struct uio *uio)
{
	struct uio start = *uio;
	struct packet *p;
	u32 before, n;

	if (!atomic_load(&s->queue_len) || atomic_load_relaxed(&s->error) ||
	    s->ops->check(s, NULL, false))
		return -EAGAIN;
	spin_lock(&s->lock);
	before = s->charge;
	p = list_empty(&s->queue) ? NULL : list_first(&s->queue, struct packet, link);
	n = p ? (u32)min((u64)p->len, uio->left) : 0;
	if (!p || n > SOCKET_AT_ONCE || packet_copy_out(p, 0, n, uio) < n) {
		spin_unlock(&s->lock);
		*uio = start;
		return -EAGAIN;
	}
	p = socket_unqueue(s);
	spin_unlock(&s->lock);
	if (s->ops->took)
		s->ops->took(s, before, before - p->charge);
	packet_put(p);
	return n;
}

co_t dgram_make(struct co *co, struct dgram_make *f)
{
	CO_BEGIN;
	f->packet = packet_new((u32)f->message->uio.left);
	if (!f->packet)
		CO_RETURN(-ENOBUFS);
	CO_AWAIT(f->err, packet_fill, .packet = f->packet, .uio = &f->message->uio);
	if (f->err) {
		packet_put(f->packet);
		CO_RETURN(f->err);
	}
	*f->made = f->packet;
	CO_RETURN(0);
	CO_END;
}
