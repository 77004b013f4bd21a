/* core/net/stream.c */
#include "core/net/stream.h"

#include "core/net/rights.h"
#include "core/proc/pid.h"
#include "core/proc/signal.h"

void stream_join(struct socket *s, struct socket *peer)
{
	socket_get(peer);
	socket_get(s);
	peer->peer = s;
	atomic_store(&s->peer, peer);
}

/* --- sending --- */

bool stream_is_writable(const struct socket *s)
{
	const struct socket *peer = atomic_load(&s->peer);

	return !peer || atomic_load_relaxed(&peer->charge) * 4ul <= s->ops->limit(s);
}

void stream_took(struct socket *s, u32 before, u32 after)
{
	struct socket *peer = atomic_load(&s->peer);
	u64 limit = peer ? peer->ops->limit(peer) : 0;

	if (peer && before * 4ul > limit && after * 4ul <= limit)
		waitq_wake_events(&peer->can_write, POLLOUT | POLLWRNORM | POLLWRBAND);
}

static bool stream_has_room(const struct socket *s)
{
	return atomic_load_relaxed(&s->peer->charge) < s->ops->limit(s);
}

static bool stream_may_go_on(struct socket *s)
{
	return stream_has_room(s) || (atomic_load(&s->shut) & SOCKET_SHUT_WRITE) ||
	       atomic_load(&s->error);
}

i64 stream_try_send(struct socket *s, struct uio *uio)
{
	u32 len = (u32)uio->left;
	struct uio start = *uio;
	struct packet *p;

	if (uio->left > PACKET_STREAM_MAX || !len || s->ops->check(s, NULL, true) ||
	    !stream_has_room(s))
		return -EAGAIN;
	p = packet_new(len);
	if (!p)
		return -EAGAIN;
	socket_stamp(s, s->peer, p, NULL);
	if (packet_copy_in(p, 0, uio) == len && !socket_queue(s->peer, p))
		return len;
	packet_put(p);
	*uio = start;
	return -EAGAIN;
}

/* What the peer is given of the control data: all of it with the first bytes. */
static long stream_add_control(struct stream_send *f)
{
	struct socket_control *c = f->message->control;
	long err = 0;

	socket_stamp(f->socket, f->socket->peer, f->packet, c);
	if (!c || !c->rights)
		return 0;
	err = rights_fly(c->rights, f->socket->peer);
	if (err)
		return err;
	f->packet->rights = c->rights;
	c->rights = NULL;
	return 0;
}

/* Once something was sent the error waits for the next call, which finds it anew. */
static long stream_sent(const struct stream_send *f)
{
	if (f->sent)
		return f->sent;
	if (f->err == -EPIPE && !(f->message->flags & MSG_NOSIGNAL))
		signal_self(SIGPIPE);
	return f->err;
}

/* What of the message goes with the next packet. */
static u32 stream_next(const struct stream_send *f)
{
	u64 most = max(f->socket->ops->limit(f->socket) / 2, 1024ul);

	most = min(most, (u64)PACKET_STREAM_MAX);
	/* The last byte of urgent data is a packet of its own. */
	if ((f->message->flags & MSG_OOB) && f->message->uio.left > 1)
		most = min(most, f->message->uio.left - 1);
	return (u32)min(f->message->uio.left, most);
}

co_t stream_send(struct co *co, struct stream_send *f)
{
	struct socket *s = f->socket;

	CO_BEGIN;
	f->err = s->ops->check(s, f->message, true);
	f->deadline_ns = socket_deadline(atomic_load_relaxed(&s->sndtimeo_ns));
	while (!f->err && f->message->uio.left) {
		if (!stream_may_go_on(s)) {
			if (f->message->flags & MSG_DONTWAIT)
				f->err = -EAGAIN;
			else
				CO_WAIT_UNTIL(f->err, &s->can_write, stream_may_go_on(s),
					      f->deadline_ns);
			f->err = socket_waited(f->err, f->deadline_ns, true);
		}
		if (!f->err)
			f->err = s->ops->check(s, f->message, true);
		if (f->err)
			break;
		f->packet = packet_new(stream_next(f));
		if (!f->packet) {
			f->err = -ENOBUFS;
			break;
		}
		CO_AWAIT(f->err, packet_fill, .packet = f->packet, .uio = &f->message->uio);
		if (!f->err)
			f->err = stream_add_control(f);
		if (!f->err) {
			f->sent += f->packet->len;
			f->packet->urgent = (f->message->flags & MSG_OOB) && !f->message->uio.left;
			f->err = socket_queue(s->peer, f->packet);
			if (f->err && s->ops->unwanted) {
				s->ops->unwanted(s);
				packet_put(f->packet);
				break;
			}
			if (f->err)
				f->sent -= f->packet->len;
		}
		if (f->err)
			packet_put(f->packet);
		CO_BREATHE;
	}
	CO_RETURN(stream_sent(f));
	CO_END;
}

/* --- receiving --- */

/* Who sent it, for the caller. */
static void stream_note_sender(struct stream_receive *f, const struct packet *p)
{
	struct socket_message *m = f->message;
	struct socket_control *c = m->control;

	if (f->named)
		return;
	f->named = true;
	if (m->name && f->socket->ops->from)
		m->name_len = (u32)f->socket->ops->from(f->socket, p, m->name);
	if (!c || !p->has_cred)
		return;
	c->has_cred = true;
	c->pid = p->pid;
	c->uid = p->uid;
	c->gid = p->gid;
	pid_get(c->pid);
}

/* Does p come from another than what was received so far? */
static bool stream_is_from_another(const struct stream_receive *f, const struct packet *p)
{
	const struct socket_control *c = f->message->control;

	if (!c || !f->named || !socket_is_set(f->socket, SOCKET_PASSCRED))
		return false;
	return c->has_cred != p->has_cred ||
	       (p->has_cred && (c->pid != p->pid || c->uid != p->uid || c->gid != p->gid));
}

/* Descriptors are received with the first byte of what they were sent with, and end the call. */
static void stream_take_rights(struct stream_receive *f, struct packet *p, bool peek)
	NO_LOCK_ANALYSIS
{
	struct socket_control *c = f->message->control;

	if (!p->rights)
		return;
	f->ends = true;
	if (peek && c) {
		c->rights = rights_copy(p->rights);
	} else if (!peek && c) {
		c->rights = p->rights;
		p->rights = NULL;
	} else if (!peek) {
		f->message->got |= MSG_CTRUNC;
		rights_drop(p->rights);
		p->rights = NULL;
	}
}

/* Copy from one packet: false if that is as far as it goes. */
static bool stream_take_one(struct stream_receive *f, struct packet *p, u32 *skip, bool peek,
			    u64 *budget)
{
	u64 most = min(f->message->uio.left, *budget);
	u32 left = p->len - p->at, n, got;

	if (p->urgent) {
		/* Reading stops in front of it, and the next read goes over it. */
		f->ends = f->ends || f->n || f->done;
		if (!f->ends && !peek)
			p->at = p->len;
		return !f->ends;
	}
	if (*skip >= left) {
		*skip -= left;
		return true;
	}
	if (f->ends || stream_is_from_another(f, p)) {
		f->ends = true;
		return false;
	}
	n = (u32)min((u64)(left - *skip), most);
	got = packet_copy_out(p, p->at + *skip, n, &f->message->uio);
	f->n += got;
	*budget -= got;
	if (got) {
		stream_note_sender(f, p);
		stream_take_rights(f, p, peek);
	}
	if (peek)
		f->skip += got;
	else
		p->at += got;
	*skip = 0;
	return got == n && f->message->uio.left && *budget;
}

/* Copy what there is: f->n bytes, 0 if there is nothing, -EFAULT if user memory is missing. */
static void stream_take(struct stream_receive *f, bool peek)
{
	struct list used = LIST_INIT(used);
	struct socket *s = f->socket;
	struct packet *p, *next;
	u64 budget = SOCKET_AT_ONCE;
	u32 skip = peek ? f->skip : 0, before, after;
	bool unseen;

	f->n = 0;
	spin_lock(&s->lock);
	before = s->charge;
	unseen = s->queued > skip;
	list_each_safe(p, next, &s->queue, link) {
		bool on = stream_take_one(f, p, &skip, peek, &budget);

		if (!peek && p->at == p->len) {
			if (p == s->urgent_at) {
				s->urgent_at = NULL;
				atomic_store_relaxed(&s->urgent, false);
			}
			list_remove(&p->link);
			list_add_back(&used, &p->link);
			atomic_store_relaxed(&s->charge, s->charge - p->charge);
			atomic_store_relaxed(&s->queue_len, s->queue_len - 1);
		}
		if (!on)
			break;
	}
	if (!peek)
		socket_count(s, -(u32)f->n);
	if (!f->n && !f->ends && unseen)
		f->n = -EFAULT;
	after = s->charge;
	spin_unlock(&s->lock);
	if (after != before)
		s->ops->took(s, before, after);
	list_each_safe(p, next, &used, link)
		packet_put(p);
}

/* A look without taking, during which the collector of descriptors does not run. */
static void stream_peek(struct stream_receive *f)
{
	spin_lock(&rights_lock);
	stream_take(f, true);
	spin_unlock(&rights_lock);
}

/* Is there anything to say: bytes not seen yet, an error, the end? */
static bool stream_has_news(const struct stream_receive *f)
{
	struct socket *s = f->socket;
	bool news;

	spin_lock(&s->lock);
	news = s->queued > f->skip || (s->shut & SOCKET_SHUT_READ) || s->dead ||
	       atomic_load(&s->error);
	spin_unlock(&s->lock);
	return news;
}

/* The urgent byte, wherever reading is: 1 and f->byte, 0 at the end, or an error. */
static long stream_take_urgent(struct stream_receive *f)
{
	struct socket *s = f->socket;
	long n = 1;

	spin_lock(&s->lock);
	f->byte = (char)s->urgent_byte;
	if (!s->urgent)
		n = -EINVAL;
	else if (!(f->message->flags & MSG_PEEK))
		atomic_store_relaxed(&s->urgent, false);
	spin_unlock(&s->lock);
	return n;
}

i64 stream_try_receive(struct socket *s, struct uio *uio)
{
	struct socket_message m = {.uio = *uio};
	struct stream_receive f = {.socket = s, .message = &m};

	if (!atomic_load(&s->queue_len) || uio->left > SOCKET_AT_ONCE ||
	    atomic_load_relaxed(&s->rcvlowat) > 1 || s->ops->check(s, NULL, false))
		return -EAGAIN;
	stream_take(&f, false);
	*uio = m.uio;
	return f.n > 0 ? f.n : -EAGAIN;
}

/* Will no more come? What came since the last look was sent before that. */
static bool stream_is_ending(const struct stream_receive *f)
{
	const struct socket *s = f->socket;

	return atomic_load(&s->ended) || (atomic_load(&s->shut) & SOCKET_SHUT_READ) ||
	       atomic_load(&s->dead) || atomic_load(&s->error);
}

static bool stream_has_unseen(const struct stream_receive *f)
{
	struct socket *s = f->socket;
	bool unseen;

	spin_lock(&s->lock);
	unseen = s->queued > f->skip;
	spin_unlock(&s->lock);
	return unseen;
}

/* Nothing was there: why, if that is the answer. */
static bool stream_is_over(struct stream_receive *f)
{
	struct socket *s = f->socket;

	if (atomic_load(&s->ended))
		return true;
	f->err = socket_take_error(s);
	return f->err || (atomic_load(&s->shut) & SOCKET_SHUT_READ) || atomic_load(&s->dead);
}

co_t stream_receive(struct co *co, struct stream_receive *f)
{
	struct socket *s = f->socket;

	CO_BEGIN;
	f->err = s->ops->check(s, f->message, false);
	if (f->err)
		CO_RETURN(f->err);
	if (f->message->flags & MSG_OOB) {
		f->n = stream_take_urgent(f);
		while (f->n == 1 && f->message->uio.left &&
		       !uio_copy_to(&f->message->uio, &f->byte, 1)) {
			CO_AWAIT(f->err, uio_fault_in, .uio = &f->message->uio, .n = 1,
				 .write = true);
			if (f->err)
				CO_RETURN(f->err);
		}
		if (f->n == 1)
			f->message->got |= MSG_OOB;
		CO_RETURN(f->n);
	}
	f->target = f->message->uio.left;
	if (!(f->message->flags & MSG_WAITALL))
		f->target = min(f->target, (u64)atomic_load_relaxed(&s->rcvlowat));
	f->deadline_ns = socket_deadline(atomic_load_relaxed(&s->rcvtimeo_ns));
	f->target = max(f->target, 1ul);
	while (!f->ends) {
		/* Without room it is a wait for something to be there. */
		if (!f->message->uio.left && (f->done || atomic_load(&s->queue_len)))
			break;
		if (f->message->flags & MSG_PEEK)
			stream_peek(f);
		else
			stream_take(f, false);
		if (f->n == -EFAULT) {
			CO_AWAIT(f->err, uio_fault_in, .uio = &f->message->uio, .write = true,
				 .n = min(f->message->uio.left, PAGE_SIZE));
			if (f->err)
				break;
			continue;
		}
		f->done += (u64)f->n;
		CO_BREATHE;
		if (f->n)
			continue;
		if (f->ends || f->done >= f->target)
			break;
		if (stream_is_ending(f)) {
			if (stream_has_unseen(f))
				continue;
			if (stream_is_over(f))
				break;
		}
		f->err = -EAGAIN;
		if (f->message->flags & MSG_DONTWAIT)
			break;
		CO_WAIT_UNTIL(f->err, &s->can_read, stream_has_news(f), f->deadline_ns);
		f->err = socket_waited(f->err, f->deadline_ns, false);
		if (f->err)
			break;
	}
	CO_RETURN(f->done ? (i64)f->done : f->err);
	CO_END;
}
