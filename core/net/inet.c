/* core/net/inet.c -- addresses, and what TCP and UDP sockets share. */
#include "core/net/inet.h"

#include <linux/in.h>

#include "core/base/string.h"
#include "core/cred/cred.h"
#include "core/net/family.h"
#include "core/net/loopback.h"
#include "core/net/tcp.h"
#include "mem/phys/slab.h"

#define INET_PRIVILEGED 1024u	/* ports below are for CAP_NET_BIND_SERVICE */
#define INET_V6_MIN	24u	/* struct sockaddr_in6 before it had a scope */

const struct inet_address inet_any4 = {{[10] = 0xff, [11] = 0xff}};
const struct inet_address inet_any6 = {{0}};
const struct inet_address inet_loopback4 = {{[10] = 0xff, [11] = 0xff, 127, 0, 0, 1}};
const struct inet_address inet_loopback6 = {{[15] = 1}};

bool inet_is_v4(const struct inet_address *a)
{
	return !memcmp(a, &inet_any4, 12);
}

bool inet_is_any(const struct inet_address *a)
{
	return inet_same(a, &inet_any4) || inet_same(a, &inet_any6);
}

bool inet_is_local(const struct inet_address *a)
{
	return inet_is_v4(a) ? a->bytes[12] == 127 && memcmp(a->bytes + 12, "\x7f\xff\xff\xff", 4)
			     : inet_same(a, &inet_loopback6);
}

static u16 inet_swap(u16 port)
{
	return (u16)(port << 8 | port >> 8);
}

int inet_parse(struct socket *s, const char *name, u32 len, struct inet_address *to, u16 *port)
{
	struct sockaddr_in6 in6;
	struct sockaddr_in in;

	memcpy(&in, name, sizeof(in));
	if (len < sizeof(in))
		return -EINVAL;
	*port = inet_swap(in.sin_port);
	if (in.sin_family == AF_INET) {
		if (s->family == AF_INET6 && (inet_of(s)->options & INET_V6ONLY))
			return -ENETUNREACH;
		*to = inet_any4;
		memcpy(to->bytes + 12, &in.sin_addr, 4);
		return 0;
	}
	if (s->family != AF_INET6 || in.sin_family != AF_INET6)
		return -EAFNOSUPPORT;
	if (len < INET_V6_MIN)
		return -EINVAL;
	memcpy(&in6, name, sizeof(in6));
	memcpy(to, &in6.sin6_addr, sizeof(*to));
	if (inet_is_v4(to) && (inet_of(s)->options & INET_V6ONLY))
		return -ENETUNREACH;
	return 0;
}

int inet_format(u16 family, const struct inet_address *a, u16 port, char *to)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = inet_swap(port)};
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = inet_swap(port)};

	if (family == AF_INET) {
		memcpy(&in.sin_addr, a->bytes + 12, 4);
		memcpy(to, &in, sizeof(in));
		return sizeof(in);
	}
	memcpy(&in6.sin6_addr, a, sizeof(*a));
	memcpy(to, &in6, sizeof(in6));
	return sizeof(in6);
}

int inet_route(struct inet_socket *i, struct inet_address *to, struct inet_address *from)
{
	bool v4;

	if (inet_same(to, &inet_any4))
		*to = inet_loopback4;
	if (inet_same(to, &inet_any6))
		*to = inet_loopback6;
	v4 = inet_is_v4(to);
	if (!inet_is_local(to))
		return -ENETUNREACH;
	*from = i->entry.local;
	if (inet_is_any(from))
		*from = v4 ? inet_loopback4 : inet_loopback6;
	return v4 == inet_is_v4(from) ? 0 : -ENETUNREACH;
}

co_t inet_bind(struct co *co, struct inet_bind *f)
{
	struct inet_socket *i = inet_of(f->socket);
	struct inet_address a;
	u16 port, family;
	int err;

	CO_BEGIN;
	err = inet_parse(f->socket, f->name, f->name_len, &a, &port);
	memcpy(&family, f->name, sizeof(family));
	/* An IPv4 address is not a name for an IPv6 socket; no family at all means IPv4's any. */
	if (f->socket->family == AF_INET6 && family != AF_INET6 && f->name_len >= INET_V6_MIN)
		err = -EAFNOSUPPORT;
	else if (f->socket->family == AF_INET6 && f->name_len < INET_V6_MIN)
		err = -EINVAL;
	else if (err == -ENETUNREACH)
		err = -EINVAL;
	if (err == -EAFNOSUPPORT && f->socket->family == AF_INET && family == AF_UNSPEC) {
		memcpy(a.bytes, f->name + 4, 4);
		err = a.bytes[0] | a.bytes[1] | a.bytes[2] | a.bytes[3] ? err : 0;
		a = inet_any4;
	}
	if (err)
		CO_RETURN(err);
	if (!inet_is_any(&a) && !inet_is_local(&a) &&
	    !(i->options & (INET_FREEBIND | INET_TRANSPARENT)))
		CO_RETURN(-EADDRNOTAVAIL);
	if (port && port < INET_PRIVILEGED &&
	    !cred_capable(cred_current(co), CAP_NET_BIND_SERVICE))
		CO_RETURN(-EACCES);
	CO_RETURN(inet_take(i, &a, port));
	CO_END;
}

int inet_name(struct socket *s, bool peer, char *to)
{
	struct inet_socket *i = inet_of(s);
	struct inet_entry e;

	spin_lock(&inet_lock);
	e = i->entry;
	spin_unlock(&inet_lock);
	if (!peer)
		return inet_format(s->family, &e.local, e.lport, to);
	if (!e.rport || (s->type == SOCK_STREAM && (atomic_load(&s->state) == SOCKET_CLOSE ||
						    atomic_load(&s->state) == SOCKET_SYN_SENT)))
		return -ENOTCONN;
	return inet_format(s->family, &e.remote, e.rport, to);
}

struct inet_socket *inet_new(u16 family, u16 type, u16 protocol)
{
	struct inet_socket *i = kzalloc(sizeof(*i));

	if (!i)
		return NULL;
	socket_init(&i->socket, type == SOCK_STREAM ? &tcp_ops : &udp_ops, family, type, protocol);
	list_init(&i->entry.link);
	list_init(&i->waiting);
	list_init(&i->waiting_link);
	i->entry.local = i->entry.remote = family == AF_INET ? inet_any4 : inet_any6;
	i->entry.socket = i;
	i->entry.family = family;
	i->entry.protocol = type;
	i->told = true;
	i->mtu_discover = i->mtu_discover6 = IP_PMTUDISC_WANT;
	return i;
}

static int inet_make(u32 family, u32 type, u32 protocol, struct socket **made)
{
	struct inet_socket *i;
	u32 own = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;

	if (type == SOCK_RAW)
		return cred_capable(task_current()->cred, CAP_NET_RAW) ? -EPROTONOSUPPORT : -EPERM;
	if (type != SOCK_STREAM && type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	if (protocol && protocol != own)
		return protocol >= IPPROTO_MAX ? -EINVAL : -EPROTONOSUPPORT;
	if (type == SOCK_STREAM) {
		*made = tcp_new((u16)family);
		return *made ? 0 : -ENOMEM;
	}
	i = inet_new((u16)family, (u16)type, (u16)own);
	if (!i)
		return -ENOMEM;
	*made = &i->socket;
	return 0;
}

static int inet_make4(u32 type, u32 protocol, struct socket **made)
{
	return inet_make(AF_INET, type, protocol, made);
}

static int inet_make6(u32 type, u32 protocol, struct socket **made)
{
	return inet_make(AF_INET6, type, protocol, made);
}

const struct socket_family inet_family = {.family = AF_INET, .make = inet_make4};
const struct socket_family inet6_family = {.family = AF_INET6, .make = inet_make6};
