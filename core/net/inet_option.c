/* core/net/inet_option.c -- options of IP, IPv6, TCP and UDP.
 *
 * On a loopback that neither delays nor loses, much of what can be asked for is so already
 * (TCP_NODELAY) or has nothing to act upon (keep-alive): such values are kept and given back.
 * What would change what happens, and is not there, is refused. TCP's that are no flags are in
 * tcp_option.c.
 */
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>

#include "core/base/string.h"
#include "core/net/inet.h"
#include "core/net/loopback.h"
#include "core/net/option.h"

/* In which states a flag may be set. */
enum { INET_ANY_STATE, INET_NOT_CONNECTED, INET_CLOSED };

struct inet_flag {
	int level, option;
	u32 flag;
	bool strict;		/* 0 or 1, and nothing else */
	u8 state;
};

/* An option that is on or off, or NULL: another kind. */
static const struct inet_flag *inet_flag(int level, int option)
{
	static const struct inet_flag flags[] = {
		{SOL_IP, IP_PKTINFO, INET_PKTINFO},
		{SOL_IP, IP_RECVERR, INET_RECVERR},
		{SOL_IP, IP_RECVTTL, INET_RECVTTL},
		{SOL_IP, IP_RECVTOS, INET_RECVTOS},
		{SOL_IP, IP_RECVOPTS, INET_RECVOPTS},
		{SOL_IP, IP_RETOPTS, INET_RETOPTS},
		{SOL_IP, IP_RECVORIGDSTADDR, INET_ORIGDST},
		{SOL_IP, IP_FREEBIND, INET_FREEBIND},
		{SOL_IP, IP_TRANSPARENT, INET_TRANSPARENT},
		{SOL_IPV6, IPV6_V6ONLY, INET_V6ONLY},
		{SOL_IPV6, IPV6_RECVPKTINFO, INET_PKTINFO6},
		{SOL_IPV6, IPV6_RECVERR, INET_RECVERR},
		{SOL_IPV6, IPV6_RECVHOPLIMIT, INET_RECVHOPLIMIT},
		{SOL_IPV6, IPV6_RECVTCLASS, INET_RECVTCLASS},
		{SOL_IPV6, IPV6_RECVORIGDSTADDR, INET_ORIGDST6},
		{SOL_IPV6, IPV6_RECVRTHDR, INET_RECVRTHDR},
		{SOL_IPV6, IPV6_RECVHOPOPTS, INET_RECVHOPOPTS},
		{SOL_IPV6, IPV6_RECVDSTOPTS, INET_RECVDSTOPTS},
		{SOL_IPV6, IPV6_RECVPATHMTU, INET_RECVPATHMTU},
		{SOL_IPV6, IPV6_FREEBIND, INET_FREEBIND},
		{SOL_IPV6, IPV6_TRANSPARENT, INET_TRANSPARENT},
		{SOL_TCP, TCP_NODELAY, INET_NODELAY},
		{SOL_TCP, TCP_CORK, INET_CORK},
		{SOL_TCP, TCP_QUICKACK, INET_QUICKACK},
		{SOL_TCP, TCP_THIN_LINEAR_TIMEOUTS, INET_THIN, .strict = true},
		{SOL_TCP, TCP_INQ, INET_INQ, .strict = true},
		{SOL_TCP, TCP_FASTOPEN_CONNECT, INET_FASTOPEN_CONNECT, .strict = true,
		 .state = INET_CLOSED},
		{SOL_TCP, TCP_FASTOPEN_NO_COOKIE, INET_FASTOPEN_NO_COOKIE, .strict = true,
		 .state = INET_NOT_CONNECTED},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(flags); i++)
		if (flags[i].level == level && flags[i].option == option)
			return &flags[i];
	return NULL;
}

static int inet_set_flag(struct inet_socket *i, const struct inet_flag *f, int n)
{
	u8 state = atomic_load(&i->socket.state);

	if (f->flag == INET_V6ONLY && (i->entry.lport || i->bound))
		return -EINVAL;
	if (f->strict && (n < 0 || n > 1))
		return -EINVAL;
	if (f->state == INET_CLOSED && state != SOCKET_CLOSE)
		return -EINVAL;
	if (f->state && state != SOCKET_CLOSE && state != SOCKET_LISTEN)
		return -EINVAL;
	if (f->flag == INET_TRANSPARENT && n && !option_is_admin())
		return -EPERM;
	if (n)
		atomic_or(&i->options, f->flag);
	else
		atomic_and(&i->options, ~f->flag);
	return 0;
}

/* Does this level exist for s? */
static int inet_check_level(const struct socket *s, int level)
{
	if (level == SOL_IP || (level == SOL_IPV6 && s->family == AF_INET6) ||
	    (level == SOL_TCP && s->type == SOCK_STREAM) ||
	    (level == SOL_UDP && s->type == SOCK_DGRAM))
		return 0;
	return s->type == SOCK_DGRAM && level == SOL_TCP ? -EOPNOTSUPP : -ENOPROTOOPT;
}

int inet_set_number(u32 *to, int n, int least, int most)
{
	if (n < least || n > most)
		return -EINVAL;
	atomic_store(to, (u32)n);
	return 0;
}

static int inet_set_byte(u8 *to, int n, int least, int most)
{
	if (n < least || n > most)
		return -EINVAL;
	atomic_store(to, (u8)n);
	return 0;
}

/* IP_OPTIONS: as many that do nothing as the caller likes, and then the end of them. */
static int inet_set_ip_options(struct inet_socket *i, const char *value, u32 len)
{
	u32 nops = 0;

	if (len > INET_OPTIONS_MOST)
		return -EINVAL;
	while (nops < len && value[nops] == IPOPT_NOOP)
		nops++;
	if (nops < len && value[nops] != IPOPT_END)
		return nops + 1 == len || (u8)value[nops + 1] < 2 ||
			       (u8)value[nops + 1] > len - nops ? -EINVAL : -ENOPROTOOPT;
	atomic_store(&i->ip_nops, (u8)nops);
	atomic_store(&i->ip_options, (u8)((len + 3) & ~3u));
	return 0;
}

static int inet_set_ip(struct inet_socket *i, int level, int option, int n)
{
	if (level == SOL_IP && option == IP_TOS) {
		atomic_store(&i->tos, (u8)n);
		return 0;
	}
	if (level == SOL_IP && option == IP_TTL)
		return n == -1 ? inet_set_byte(&i->ttl, 0, 0, 0)
			       : inet_set_byte(&i->ttl, n, 1, 255);
	if (level == SOL_IPV6 && option == IPV6_UNICAST_HOPS)
		return n == -1 ? inet_set_byte(&i->hops, 0, 0, 0)
			       : inet_set_byte(&i->hops, n, 0, 255);
	if (level == SOL_IPV6 && option == IPV6_TCLASS)
		return inet_set_byte(&i->tclass, max(n, 0), 0, n < -1 ? -1 : 255);
	if (level == SOL_IP && option == IP_MTU_DISCOVER)
		return inet_set_byte(&i->mtu_discover, n, IP_PMTUDISC_DONT, IP_PMTUDISC_OMIT);
	if (level == SOL_IPV6 && option == IPV6_MTU_DISCOVER)
		return inet_set_byte(&i->mtu_discover6, n, IPV6_PMTUDISC_DONT, IPV6_PMTUDISC_OMIT);
	return -ENOPROTOOPT;
}

int inet_set_option(struct socket *s, int level, int option, const char *value, u32 len)
{
	struct inet_socket *i = inet_of(s);
	const struct inet_flag *flag = inet_flag(level, option);
	int err = inet_check_level(s, level), n = 0;

	if (err)
		return err;
	if (level == SOL_TCP && !flag)
		return tcp_set_option(i, option, value, len);
	if (level == SOL_IP && option == IP_OPTIONS)
		return inet_set_ip_options(i, value, len);
	/* IP takes a byte for a number. */
	if (len >= sizeof(int))
		n = option_int(value);
	else if (level == SOL_IP && len)
		n = (u8)*value;
	else if (len || level != SOL_IP ||
		 (flag && flag->flag & (INET_FREEBIND | INET_TRANSPARENT)))
		return -EINVAL;
	return flag ? inet_set_flag(i, flag, n) : inet_set_ip(i, level, option, n);
}

/* --- getting --- */

struct packet_ip inet_ip(const struct inet_socket *i, bool v4)
{
	u8 ttl = atomic_load(&i->ttl), nops = atomic_load(&i->ip_nops);
	struct packet_ip ip = {.service = atomic_load(&i->tos), .ttl = ttl ? ttl : INET_TTL,
			       .padded = atomic_load(&i->ip_options)};

	if (!v4) {
		u8 hops = atomic_load(&i->hops);

		return (struct packet_ip){.service = atomic_load(&i->tclass),
					  .ttl = hops ? hops : INET_TTL};
	}
	ip.nops = min(nops, ip.padded);	/* both may be set meanwhile */
	return ip;
}

void inet_write_options(const struct packet_ip *ip, char *to)
{
	memset(to, IPOPT_END, ip->padded);
	memset(to, IPOPT_NOOP, ip->nops);
}

static int inet_get_ip_options(struct inet_socket *i, char *value, u32 *len)
{
	struct packet_ip ip = inet_ip(i, true);
	char options[INET_OPTIONS_MOST];

	inet_write_options(&ip, options);
	return option_put_bytes(value, len, options, ip.padded);
}

static int inet_get_ip(struct inet_socket *i, int level, int option, char *value, u32 *len)
{
	if (level == SOL_IP && option == IP_OPTIONS)
		return inet_get_ip_options(i, value, len);
	if (level == SOL_IP && option == IP_TOS)
		return option_put(value, len, i->tos);
	if (level == SOL_IP && option == IP_TTL)
		return option_put(value, len, i->ttl ? i->ttl : INET_TTL);
	if (level == SOL_IP && option == IP_MTU)
		return i->entry.rport ? option_put(value, len, LOOPBACK_MTU) : -ENOTCONN;
	if (level == SOL_IPV6 && option == IPV6_UNICAST_HOPS)
		return option_put(value, len, i->hops ? i->hops : INET_TTL);
	if (level == SOL_IPV6 && option == IPV6_TCLASS)
		return option_put(value, len, i->tclass);
	if (level == SOL_IP && option == IP_MTU_DISCOVER)
		return option_put(value, len, i->mtu_discover);
	if (level == SOL_IPV6 && option == IPV6_MTU_DISCOVER)
		return option_put(value, len, i->mtu_discover6);
	if (level == SOL_IPV6 && option == IPV6_MTU)
		return i->entry.rport ? option_put(value, len, LOOPBACK_MTU) : -ENOTCONN;
	return -ENOPROTOOPT;
}

int inet_get_option(struct socket *s, int level, int option, char *value, u32 *len)
{
	struct inet_socket *i = inet_of(s);
	const struct inet_flag *flag = inet_flag(level, option);
	int err = inet_check_level(s, level);

	if (err)
		return err;
	if (flag)
		return option_put(value, len, !!(atomic_load(&i->options) & flag->flag));
	return level == SOL_TCP ? tcp_get_option(i, option, value, len)
				: inet_get_ip(i, level, option, value, len);
}
