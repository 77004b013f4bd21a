/* core/net/inet_option.c -- options of IP, IPv6, TCP and UDP.
 *
 * On a loopback that neither delays nor loses, much of what can be asked for is so already
 * (TCP_NODELAY) or has nothing to act upon (keep-alive): such values are kept and given back.
 * What would change what happens, and is not there, is refused.
 */
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>

#include "core/base/string.h"
#include "core/net/inet.h"
#include "core/net/loopback.h"
#include "core/net/option.h"

#define OPTION_KEEPIDLE	 7200
#define OPTION_KEEPINTVL 75
#define OPTION_KEEPCNT	 9
#define OPTION_TIMER_MAX 32767
#define OPTION_COUNT_MAX 127
#define OPTION_MSS	 65483

/* The bit of an option that is on or off; 0: another kind. */
static u32 inet_flag(int level, int option)
{
	static const struct {
		int level, option;
		u32 flag;
	} flags[] = {
		{SOL_IP, IP_PKTINFO, INET_PKTINFO},
		{SOL_IP, IP_RECVERR, INET_RECVERR},
		{SOL_IP, IP_RECVTTL, INET_RECVTTL},
		{SOL_IP, IP_RECVTOS, INET_RECVTOS},
		{SOL_IP, IP_RECVOPTS, INET_RECVOPTS},
		{SOL_IP, IP_RETOPTS, INET_RETOPTS},
		{SOL_IP, IP_RECVORIGDSTADDR, INET_ORIGDST},
		{SOL_IP, IP_FREEBIND, INET_FREEBIND},
		{SOL_IPV6, IPV6_V6ONLY, INET_V6ONLY},
		{SOL_IPV6, IPV6_RECVPKTINFO, INET_PKTINFO6},
		{SOL_IPV6, IPV6_RECVERR, INET_RECVERR},
		{SOL_TCP, TCP_NODELAY, INET_NODELAY},
		{SOL_TCP, TCP_CORK, INET_CORK},
		{SOL_TCP, TCP_QUICKACK, INET_QUICKACK},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(flags); i++)
		if (flags[i].level == level && flags[i].option == option)
			return flags[i].flag;
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

/* A number in [least, most] into *to. */
static int inet_set_number(u32 *to, int n, int least, int most)
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
	return -ENOPROTOOPT;
}

static int inet_set_tcp(struct inet_socket *i, int option, int n)
{
	switch (option) {
	case TCP_KEEPIDLE:
		return inet_set_number(&i->keepidle_s, n, 1, OPTION_TIMER_MAX);
	case TCP_KEEPINTVL:
		return inet_set_number(&i->keepintvl_s, n, 1, OPTION_TIMER_MAX);
	case TCP_KEEPCNT:
		return inet_set_number(&i->keepcnt, n, 1, OPTION_COUNT_MAX);
	case TCP_USER_TIMEOUT:
		return inet_set_number(&i->user_timeout_ms, n, 0, INT32_MAX);
	default:
		return -ENOPROTOOPT;
	}
}

int inet_set_option(struct socket *s, int level, int option, const char *value, u32 len)
{
	struct inet_socket *i = inet_of(s);
	u32 flag = inet_flag(level, option);
	int err = inet_check_level(s, level), n = 0;

	if (err)
		return err;
	if (level == SOL_IP && option == IP_OPTIONS)
		return inet_set_ip_options(i, value, len);
	/* IP takes a byte for a number. */
	if (len >= sizeof(int))
		n = option_int(value);
	else if (level == SOL_IP && len)
		n = (u8)*value;
	else if (len || level != SOL_IP)
		return -EINVAL;
	if (flag == INET_V6ONLY && (i->entry.lport || i->bound))
		return -EINVAL;
	if (flag) {
		if (n)
			atomic_or(&i->options, flag);
		else
			atomic_and(&i->options, ~flag);
		return 0;
	}
	return level == SOL_TCP ? inet_set_tcp(i, option, n) : inet_set_ip(i, level, option, n);
}

/* --- getting --- */

static int inet_get_info(struct socket *s, char *value, u32 *len)
{
	struct tcp_info info;

	memset(&info, 0, sizeof(info));
	info.tcpi_state = atomic_load(&s->state);
	info.tcpi_pmtu = LOOPBACK_MTU;
	info.tcpi_snd_mss = info.tcpi_rcv_mss = info.tcpi_advmss = OPTION_MSS;
	info.tcpi_unacked = info.tcpi_state == SOCKET_LISTEN ? atomic_load(&s->pending_count) : 0;
	info.tcpi_sacked = info.tcpi_state == SOCKET_LISTEN ? atomic_load(&s->backlog) : 0;
	info.tcpi_rcv_space = atomic_load_relaxed(&s->rcvbuf);
	return option_put_bytes(value, len, &info, sizeof(info));
}

static int inet_get_tcp(struct socket *s, int option, char *value, u32 *len)
{
	struct inet_socket *i = inet_of(s);

	switch (option) {
	case TCP_KEEPIDLE:
		return option_put(value, len, i->keepidle_s ? (int)i->keepidle_s : OPTION_KEEPIDLE);
	case TCP_KEEPINTVL:
		return option_put(value, len,
				  i->keepintvl_s ? (int)i->keepintvl_s : OPTION_KEEPINTVL);
	case TCP_KEEPCNT:
		return option_put(value, len, i->keepcnt ? (int)i->keepcnt : OPTION_KEEPCNT);
	case TCP_USER_TIMEOUT:
		return option_put(value, len, (int)i->user_timeout_ms);
	case TCP_MAXSEG:
		return option_put(value, len, atomic_load(&s->state) == SOCKET_ESTABLISHED
						      ? OPTION_MSS : TCP_MSS_DEFAULT);
	case TCP_INFO:
		return inet_get_info(s, value, len);
	default:
		return -ENOPROTOOPT;
	}
}

struct packet_ip inet_ip(const struct inet_socket *i)
{
	u8 ttl = atomic_load(&i->ttl), nops = atomic_load(&i->ip_nops);
	struct packet_ip ip = {.service = atomic_load(&i->tos), .ttl = ttl ? ttl : INET_TTL,
			       .padded = atomic_load(&i->ip_options)};

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
	struct packet_ip ip = inet_ip(i);
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
	return -ENOPROTOOPT;
}

int inet_get_option(struct socket *s, int level, int option, char *value, u32 *len)
{
	struct inet_socket *i = inet_of(s);
	u32 flag = inet_flag(level, option);
	int err = inet_check_level(s, level);

	if (err)
		return err;
	if (flag)
		return option_put(value, len, !!(atomic_load(&i->options) & flag));
	return level == SOL_TCP ? inet_get_tcp(s, option, value, len)
				: inet_get_ip(i, level, option, value, len);
}
