/* core/net/filter.c -- what a filter sees of a packet.
 *
 * Of most sockets that is the message. A datagram of UDP begins with UDP's header, and before that
 * are IP's and the link's, which the loopback does not have: they are written when a program is to
 * look at them, as they would have been. Checksums are 0 in them.
 */
#include "core/net/filter.h"

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netlink.h>
#include <linux/udp.h>

#include "core/base/random.h"
#include "core/base/string.h"
#include "core/cred/cred.h"
#include "core/net/inet.h"
#include "core/net/loopback.h"
#include "core/proc/bpf.h"
#include "coro/executor.h"
#include "mem/phys/slab.h"

#define FILTER_HEAD_MAX                                                        \
	(sizeof(struct ethhdr) + sizeof(struct iphdr) + INET_OPTIONS_MOST +    \
	 sizeof(struct udphdr))
/* Attributes looked at in one run: programs may ask for them again and again. */
#define FILTER_ATTRIBUTES 4096u

struct filter {
	refcount refs;			/* [a] */
	u32 len;			/* [I] */
	struct sock_filter *insns;	/* [I] owned */
};

/* A packet with the headers before it. Places count from the first header's start. */
struct filter_view {
	struct bpf_packet bpf;		/* first */
	const struct packet *packet;
	bool udp;
	u32 mark;
	u16 protocol;
	u32 head_len, net, start;	/* of the headers; where IP begins, and the program */
	u32 attributes_left;
	u8 head[FILTER_HEAD_MAX];
};

/* --- a socket's --- */

int filter_new(struct sock_filter *insns, u32 len, struct filter **to)
{
	int err = bpf_check(insns, len, BPF_OF_PACKETS);
	struct filter *f = err ? NULL : kmalloc(sizeof(*f));

	if (!f) {
		kfree(insns);
		return err ? err : -ENOMEM;
	}
	ref_init(&f->refs);
	f->len = len;
	f->insns = insns;
	*to = f;
	return 0;
}

void filter_put(struct filter *f)
{
	if (!f || !ref_put(&f->refs))
		return;
	kfree(f->insns);
	kfree(f);
}

const struct sock_filter *filter_program(const struct filter *f, u32 *len)
{
	*len = f->len;
	return f->insns;
}

int filter_may_attach(const struct socket *s)
{
	if (socket_is_set(s, SOCKET_FILTER_LOCKED))
		return -EPERM;
	return s->family != AF_UNIX && s->type == SOCK_STREAM ? -EOPNOTSUPP : 0;
}

/* Put f in the old one's place; locked meanwhile: -EPERM. */
static int filter_swap(struct socket *s, struct filter *f, struct filter **old)
{
	int err;

	spin_lock(&s->lock);
	err = filter_may_attach(s);
	if (!err) {
		*old = s->filter;
		atomic_store(&s->filter, f);
	}
	spin_unlock(&s->lock);
	return err;
}

int filter_attach(struct socket *s, struct filter *f)
{
	struct filter *old = NULL;
	int err = filter_swap(s, f, &old);

	filter_put(err ? f : old);
	return err;
}

int filter_detach(struct socket *s)
{
	struct filter *old = NULL;
	int err = filter_swap(s, NULL, &old);

	if (err == -EOPNOTSUPP || (!err && !old))
		return -ENOENT;
	filter_put(old);
	return err;
}

int filter_lock(struct socket *s, bool on)
{
	int err = 0;

	spin_lock(&s->lock);
	if (on)
		atomic_or(&s->flags, (u32)SOCKET_FILTER_LOCKED);
	else if (socket_is_set(s, SOCKET_FILTER_LOCKED))
		err = -EPERM;
	spin_unlock(&s->lock);
	return err;
}

struct filter *filter_get(struct socket *s)
{
	struct filter *f;

	spin_lock(&s->lock);
	f = s->filter;
	if (f)
		ref_get(&f->refs);
	spin_unlock(&s->lock);
	return f;
}

/* --- headers --- */

static void *filter_add_head(struct filter_view *v, u32 n)
{
	void *at = v->head + v->head_len;

	memset(at, 0, n);
	v->head_len += n;
	return at;
}

static void filter_add_ip(struct filter_view *v)
{
	const struct packet *p = v->packet;
	struct iphdr *ip = filter_add_head(v, sizeof(*ip));

	inet_write_options(&p->ip, filter_add_head(v, p->ip.padded));
	ip->version = 4;
	ip->ihl = (u8)((sizeof(*ip) + p->ip.padded) / 4) & 15;
	ip->tos = p->ip.service;
	ip->tot_len = __builtin_bswap16((u16)(sizeof(*ip) + p->ip.padded +
					      sizeof(struct udphdr) + p->len));
	ip->frag_off = __builtin_bswap16(0x4000);	/* not to be cut */
	ip->ttl = p->ip.ttl;
	ip->protocol = IPPROTO_UDP;
	memcpy(&ip->saddr, p->from.addr + 12, sizeof(ip->saddr));
	memcpy(&ip->daddr, p->to.addr + 12, sizeof(ip->daddr));
}

static void filter_add_ipv6(struct filter_view *v)
{
	const struct packet *p = v->packet;
	struct ipv6hdr *ip = filter_add_head(v, sizeof(*ip));

	ip->version = 6;
	ip->payload_len = __builtin_bswap16((u16)(sizeof(struct udphdr) + p->len));
	ip->nexthdr = IPPROTO_UDP;
	ip->hop_limit = INET_TTL;
	memcpy(&ip->saddr, p->from.addr, sizeof(ip->saddr));
	memcpy(&ip->daddr, p->to.addr, sizeof(ip->daddr));
}

static void filter_add_heads(struct filter_view *v)
{
	const struct packet *p = v->packet;
	struct inet_address to;
	struct ethhdr *link = filter_add_head(v, sizeof(*link));
	struct udphdr *udp;

	memcpy(&to, p->to.addr, sizeof(to));
	v->protocol = inet_is_v4(&to) ? ETH_P_IP : ETH_P_IPV6;
	link->h_proto = __builtin_bswap16(v->protocol);
	v->net = v->head_len;
	if (inet_is_v4(&to))
		filter_add_ip(v);
	else
		filter_add_ipv6(v);
	v->start = v->head_len;
	udp = filter_add_head(v, sizeof(*udp));
	udp->source = __builtin_bswap16(p->from.port);
	udp->dest = __builtin_bswap16(p->to.port);
	udp->len = __builtin_bswap16((u16)(sizeof(*udp) + p->len));
}

/* --- what programs ask for --- */

static struct filter_view *filter_view_of(struct bpf_packet *bpf)
{
	return container_of(bpf, struct filter_view, bpf);
}

/* Where `at`, as programs count, is in the view; false: nowhere. */
static bool filter_place(const struct filter_view *v, u32 at, u64 *place)
{
	if (at < (u32)SKF_LL_OFF)
		*place = (u64)at + v->start;
	else if (at >= (u32)SKF_NET_OFF)
		*place = (u64)at - (u32)SKF_NET_OFF + v->net;
	else
		*place = at - (u32)SKF_LL_OFF;
	return at < (u32)INT32_MAX + 1 || at >= (u32)SKF_NET_OFF ||
	       (at >= (u32)SKF_LL_OFF && v->udp);
}

static bool filter_load(struct bpf_packet *bpf, u32 at, u32 n, u8 *to)
{
	struct filter_view *v = filter_view_of(bpf);
	u64 place;
	u32 head;

	if (!filter_place(v, at, &place) || place + n > (u64)v->head_len + v->packet->len)
		return false;
	head = place < v->head_len ? min(n, v->head_len - (u32)place) : 0;
	memcpy(to, v->head + (head ? place : 0), head);
	if (head < n)
		packet_peek(v->packet, (u32)place + head - v->head_len, n - head, to + head);
	return true;
}

/* The attribute of this type among those in [at, end); 0: there is none. */
static u32 filter_find_attribute(struct filter_view *v, u32 at, u32 end, u32 type)
{
	struct nlattr a;

	while (end >= at && end - at >= sizeof(a) && v->attributes_left) {
		v->attributes_left--;
		if (!filter_load(&v->bpf, at, sizeof(a), (u8 *)&a) || a.nla_len < sizeof(a) ||
		    a.nla_len > end - at)
			return 0;
		if ((a.nla_type & NLA_TYPE_MASK) == type)
			return at;
		at += NLA_ALIGN(a.nla_len);
	}
	return 0;
}

static u32 filter_attribute(struct filter_view *v, bool nested, u32 at, u32 type)
{
	u32 len = v->bpf.len;
	struct nlattr a;

	if (len < sizeof(a) || at > len - sizeof(a))
		return 0;
	if (!nested)
		return filter_find_attribute(v, at, len, type);
	if (!filter_load(&v->bpf, at, sizeof(a), (u8 *)&a) || a.nla_len < sizeof(a) ||
	    a.nla_len > len - at)
		return 0;
	return filter_find_attribute(v, at + (u32)NLA_HDRLEN, at + a.nla_len, type);
}

static bool filter_extra(struct bpf_packet *bpf, u32 what, u32 a, u32 x, u32 *to)
{
	struct filter_view *v = filter_view_of(bpf);

	*to = 0;
	switch (what) {
	case SKF_AD_PROTOCOL:
		*to = v->protocol;
		return true;
	case SKF_AD_IFINDEX:
		*to = LOOPBACK_INDEX;
		return v->udp;
	case SKF_AD_HATYPE:
		*to = LOOPBACK_TYPE;
		return v->udp;
	case SKF_AD_NLATTR:
	case SKF_AD_NLATTR_NEST:
		*to = filter_attribute(v, what == SKF_AD_NLATTR_NEST, a, x);
		return true;
	case SKF_AD_MARK:
		*to = v->mark;
		return true;
	case SKF_AD_CPU:
		*to = executor_this()->id;
		return true;
	case SKF_AD_ALU_XOR_X:
		*to = a ^ x;
		return true;
	case SKF_AD_PAY_OFFSET:
		*to = v->udp ? sizeof(struct udphdr) : 0;
		return true;
	case SKF_AD_RANDOM:
		*to = (u32)random_u64();
		return true;
	default:
		/* To this machine, in the only queue, with no hash and no VLAN. */
		return true;
	}
}

bool filter_takes_slow(struct socket *s, struct packet *p, bool udp, u32 mark)
{
	struct filter_view v;
	struct filter *f = filter_get(s);
	u32 kept, head;

	if (!f)
		return true;
	v.bpf.load = filter_load;
	v.bpf.extra = filter_extra;
	v.packet = p;
	v.udp = udp;
	v.mark = mark;
	v.protocol = 0;
	v.head_len = v.net = v.start = 0;
	v.attributes_left = FILTER_ATTRIBUTES;
	if (udp)
		filter_add_heads(&v);
	head = v.head_len - v.start;
	v.bpf.len = head + p->len;
	kept = bpf_run_packet(f->insns, &v.bpf);
	filter_put(f);
	if (!kept)
		return false;
	packet_cut(p, max(kept, head) - head);
	return true;
}
