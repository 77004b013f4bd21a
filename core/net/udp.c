/* core/net/udp.c -- datagrams to sockets of this machine. What a receiver has no room for is
 * lost, and who sends to a port that nobody has learns of it if he is connected to it. */
#include <asm/ioctls.h>
#include <linux/in.h>
#include <linux/sockios.h>

#include "core/base/string.h"
#include "core/net/control.h"
#include "core/net/dgram.h"
#include "core/net/filter.h"
#include "core/net/inet.h"
#include "core/net/loopback.h"
#include "mem/phys/slab.h"

#define UDP_MOST4 65507u
#define UDP_MOST6 65527u

/* --- connecting --- */

struct udp_connect {
	struct socket_connect;
};
static co_t udp_connect(struct co *co, struct udp_connect *f)
{
	struct socket *s = f->socket;
	struct inet_address to, from;
	u16 family, port;
	int err;

	CO_BEGIN;
	memcpy(&family, f->name, sizeof(family));
	if (f->name_len < sizeof(family))
		CO_RETURN(-EINVAL);
	if (family == AF_UNSPEC) {
		inet_part(inet_of(s));
		atomic_store(&s->state, (u8)SOCKET_CLOSE);
		CO_RETURN(0);
	}
	err = inet_parse(s, f->name, f->name_len, &to, &port);
	if (!err)
		err = inet_route(inet_of(s), &to, &from);
	if (!err)
		err = inet_join(inet_of(s), &from, &to, port);
	if (!err)
		atomic_store(&s->state, (u8)SOCKET_ESTABLISHED);
	CO_RETURN(err == -EADDRNOTAVAIL ? -EAGAIN : err);
	CO_END;
}

/* --- sending --- */

struct udp_send {
	struct socket_transfer;
	struct packet *packet;
	struct inet_address to, from;
	u16 port;
	u32 len;
	long err;
};

static long udp_destination(struct udp_send *f)
{
	struct inet_socket *i = inet_of(f->socket);
	struct socket_message *m = f->message;
	long err = 0;

	if (m->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (m->uio.left > UINT16_MAX)
		return -EMSGSIZE;
	if (m->name_len) {
		err = inet_parse(f->socket, m->name, m->name_len, &f->to, &f->port);
		if (!err && !f->port)
			err = -EINVAL;
	} else {
		spin_lock(&inet_lock);
		f->to = i->entry.remote;
		f->port = i->entry.rport;
		spin_unlock(&inet_lock);
		if (atomic_load(&f->socket->state) != SOCKET_ESTABLISHED)
			err = -EDESTADDRREQ;
	}
	if (!err)
		err = inet_route(i, &f->to, &f->from);
	if (!err)
		err = socket_take_error(f->socket);
	if (!err && (atomic_load(&f->socket->shut) & SOCKET_SHUT_WRITE))
		err = -EPIPE;
	if (!err && m->uio.left > (inet_is_v4(&f->to) ? UDP_MOST4 : UDP_MOST6))
		err = -EMSGSIZE;
	return err ? err : inet_take_any(i);
}

static void udp_end(struct packet_end *e, const struct inet_address *a, u16 port)
{
	memcpy(e->addr, a, sizeof(e->addr));
	e->port = port;
}

/* The packet arrives, or is lost. */
static void udp_deliver(struct udp_send *f)
{
	u16 own = inet_of(f->socket)->entry.lport;
	struct packet *p = f->packet;
	struct socket *to = inet_find(SOCK_DGRAM, &f->to, f->port, &f->from, own);

	udp_end(&p->from, &f->from, own);
	udp_end(&p->to, &f->to, f->port);
	p->ip = inet_ip(inet_of(f->socket), inet_is_v4(&f->to));
	loopback_count(p->len);
	if (!to) {
		if (!f->message->name_len)
			socket_fail(f->socket, ECONNREFUSED);
		packet_put(p);
		return;
	}
	socket_stamp(f->socket, to, p, NULL);
	if (!filter_takes_udp(to, p, atomic_load_relaxed(&f->socket->mark)) ||
	    atomic_load(&to->charge) + p->charge > atomic_load_relaxed(&to->rcvbuf) ||
	    socket_queue(to, p))
		packet_put(p);
	socket_put(to);
}

static co_t udp_send(struct co *co, struct udp_send *f)
{
	CO_BEGIN;
	f->err = udp_destination(f);
	if (f->err)
		CO_RETURN(f->err);
	f->len = (u32)f->message->uio.left;
	CO_AWAIT(f->err, dgram_make, .message = f->message, .made = &f->packet);
	if (f->err)
		CO_RETURN(f->err);
	udp_deliver(f);
	CO_RETURN((long)f->len);
	CO_END;
}

/* --- receiving --- */

static int udp_from(struct socket *s, const struct packet *p, char *to)
{
	struct inet_address a;

	memcpy(&a, p->from.addr, sizeof(a));
	return inet_format(s->family, &a, p->from.port, to);
}

/* What the IPv4 header of a datagram said, to who wants to know; in this order. */
static void udp_header_control(u32 wanted, const struct socket_control *c, char *buf, u32 *used,
			       u32 room, u32 *got)
{
	const struct packet_ip *ip = &c->ip;
	struct in_pktinfo info = {.ipi_ifindex = LOOPBACK_INDEX};
	char options[INET_OPTIONS_MOST], to[sizeof(struct sockaddr_in)];
	struct inet_address address;
	int ttl = ip->ttl;

	memcpy(&address, c->to.addr, sizeof(address));
	memcpy(&info.ipi_addr, c->to.addr + 12, sizeof(info.ipi_addr));
	info.ipi_spec_dst = info.ipi_addr;
	inet_write_options(ip, options);
	if (wanted & INET_PKTINFO)
		control_add(buf, used, room, SOL_IP, IP_PKTINFO, &info, sizeof(info), got);
	if (wanted & INET_RECVTTL)
		control_add(buf, used, room, SOL_IP, IP_TTL, &ttl, sizeof(ttl), got);
	if (wanted & INET_RECVTOS)
		control_add(buf, used, room, SOL_IP, IP_TOS, &ip->service, 1, got);
	if (ip->padded && (wanted & INET_RECVOPTS))
		control_add(buf, used, room, SOL_IP, IP_RECVOPTS, options, ip->padded, got);
	/* Of options that do nothing nothing goes back. */
	if (ip->padded && (wanted & INET_RETOPTS))
		control_add(buf, used, room, SOL_IP, IP_RETOPTS, options, 0, got);
	if (wanted & INET_ORIGDST)
		control_add(buf, used, room, SOL_IP, IP_ORIGDSTADDR, to,
			    (u32)inet_format(AF_INET, &address, c->to.port, to), got);
}

/* An IPv6 socket's, of whichever header; in this order. */
static void udp_header6_control(u32 wanted, const struct socket_control *c, bool v4, char *buf,
				u32 *used, u32 room, u32 *got)
{
	struct in6_pktinfo {
		u8 addr[16];
		u32 index;
	} info = {.index = LOOPBACK_INDEX};
	int hops = c->ip.ttl, class = c->ip.service;
	char to[sizeof(struct sockaddr_in6)];
	struct inet_address address;

	memcpy(&address, c->to.addr, sizeof(address));
	memcpy(info.addr, c->to.addr, sizeof(info.addr));
	if (wanted & INET_PKTINFO6)
		control_add(buf, used, room, SOL_IPV6, IPV6_PKTINFO, &info, sizeof(info), got);
	if (v4)
		return;
	if (wanted & INET_RECVHOPLIMIT)
		control_add(buf, used, room, SOL_IPV6, IPV6_HOPLIMIT, &hops, sizeof(hops), got);
	if (wanted & INET_RECVTCLASS)
		control_add(buf, used, room, SOL_IPV6, IPV6_TCLASS, &class, sizeof(class), got);
	if (wanted & INET_ORIGDST6)
		control_add(buf, used, room, SOL_IPV6, IPV6_ORIGDSTADDR, to,
			    (u32)inet_format(AF_INET6, &address, c->to.port, to), got);
}

static void udp_control(struct socket *s, const struct socket_control *c, char *buf, u32 *used,
			u32 room, u32 *got)
{
	u32 options = atomic_load(&inet_of(s)->options);
	struct inet_address to;
	bool v4;

	if (!c->has_to)
		return;
	memcpy(&to, c->to.addr, sizeof(to));
	v4 = inet_is_v4(&to);
	if (options & INET_IPV6_CONTROL)
		udp_header6_control(options, c, v4, buf, used, room, got);
	if ((options & INET_IP_CONTROL) && v4)
		udp_header_control(options, c, buf, used, room, got);
}

static int udp_check(struct socket *s, const struct socket_message *m, bool send)
{
	if (m && (m->flags & MSG_ERRQUEUE))
		return -EAGAIN;
	return 0;
}

static u32 udp_poll(struct socket *s)
{
	u8 shut = atomic_load(&s->shut);

	return POLLOUT | POLLWRNORM | POLLWRBAND |
	       (atomic_load(&s->queue_len) ? POLLIN | POLLRDNORM : 0) |
	       (atomic_load(&s->error) ? POLLERR : 0) |
	       (shut & SOCKET_SHUT_READ ? POLLIN | POLLRDNORM | POLLRDHUP : 0) |
	       (shut == SOCKET_SHUT ? POLLHUP : 0);
}

static int udp_shutdown(struct socket *s, u32 which)
{
	spin_lock(&s->lock);
	atomic_store(&s->shut, (u8)(s->shut | which));
	spin_unlock(&s->lock);
	socket_wake(s, 0);
	return atomic_load(&s->state) == SOCKET_ESTABLISHED ? 0 : -ENOTCONN;
}

static int udp_query(struct socket *s, unsigned cmd, int *value)
{
	if (cmd != SIOCOUTQ)
		return -ENOTTY;
	*value = 0;	/* what was sent has arrived */
	return 0;
}

static void udp_closed(struct socket *s)
{
	inet_leave(inet_of(s));
	spin_lock(&s->lock);
	atomic_store(&s->dead, true);
	spin_unlock(&s->lock);
	socket_purge(s);
}

static void udp_freed(struct socket *s)
{
	kfree(inet_of(s));
}

const struct socket_ops udp_ops = {
	.bind = CO_IMPLEMENTS(socket_bind, inet_bind),
	.connect = CO_IMPLEMENTS(socket_connect, udp_connect),
	.send = CO_IMPLEMENTS(socket_transfer, udp_send),
	.receive = CO_IMPLEMENTS(socket_transfer, dgram_receive),
	.try_receive = dgram_try_receive,
	.from = udp_from,
	.control = udp_control,
	.name = inet_name,
	.shutdown = udp_shutdown,
	.check = udp_check,
	.poll = udp_poll,
	.query = udp_query,
	.set_option = inet_set_option,
	.get_option = inet_get_option,
	.closed = udp_closed,
	.freed = udp_freed,
};
