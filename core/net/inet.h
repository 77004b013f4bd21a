/* core/net/inet.h -- TCP and UDP over the loopback, for AF_INET and AF_INET6.
 *
 * There is one interface, and it loses nothing. So a TCP connection is two sockets that queue
 * for each other (core/net/stream.h), with the states a program could see of a real one; why
 * there is no IP underneath is in docs/networking.md.
 *
 * An address is 16 bytes, an IPv4 one as ::ffff:a.b.c.d, in one table for both families.
 *
 * Ownership  an entry belongs to its socket; one that only waits for its time to pass (TIME_WAIT)
 *            to the table.
 * Units      ports in the machine's byte order.
 * Locking    inet_lock (RANK_NET_TABLE) covers entries and tables; socket.lock comes after it.
 */
#ifndef NET_INET_H
#define NET_INET_H

#include <linux/in6.h>

#include "core/net/socket.h"

/* Those that the kernel chooses from. */
#define INET_PORT_FIRST 32768u
#define INET_PORT_LAST	60999u

#define INET_TTL 64		/* of who has set none */
#define INET_OPTIONS_MOST 40u	/* bytes of options that an IP header has room for */

struct inet_address {
	u8 bytes[16];
};

struct inet_socket;

/* Under which addresses and ports a socket is known. */
struct inet_entry {
	struct list link;		/* in its port's bucket; empty: it has no port */
	struct inet_address local, remote;
	u16 lport, rport;		/* rport 0: not connected */
	struct inet_socket *socket;	/* NULL: only the end of a connection, until `until_ns` */
	u64 until_ns;
	bool reuse;			/* its socket had SO_REUSEADDR */
	u16 family;			/* [I] */
	u16 protocol;			/* [I] SOCK_STREAM or SOCK_DGRAM */
};

/* inet_socket.options */
enum {
	INET_V6ONLY = 1u << 0,
	INET_PKTINFO = 1u << 1,
	INET_PKTINFO6 = 1u << 2,
	INET_RECVERR = 1u << 3,
	INET_FREEBIND = 1u << 4,
	INET_NODELAY = 1u << 5,
	INET_CORK = 1u << 6,
	INET_QUICKACK = 1u << 7,
	INET_RECVTTL = 1u << 8,
	INET_RECVTOS = 1u << 9,
	INET_RECVOPTS = 1u << 10,
	INET_RETOPTS = 1u << 11,
	INET_ORIGDST = 1u << 12,
	INET_TRANSPARENT = 1u << 13,
	INET_RECVHOPLIMIT = 1u << 14,
	INET_RECVTCLASS = 1u << 15,
	INET_ORIGDST6 = 1u << 16,
	INET_RECVRTHDR = 1u << 17,	/* no packet has one of these four */
	INET_RECVHOPOPTS = 1u << 18,
	INET_RECVDSTOPTS = 1u << 19,
	INET_RECVPATHMTU = 1u << 20,
	INET_THIN = 1u << 21,
	INET_INQ = 1u << 22,
	INET_FASTOPEN_CONNECT = 1u << 23,
	INET_FASTOPEN_NO_COOKIE = 1u << 24,
	INET_RENO = 1u << 25,
	/* Control messages of IPv4's. */
	INET_IP_CONTROL = INET_PKTINFO | INET_RECVTTL | INET_RECVTOS | INET_RECVOPTS |
			  INET_RETOPTS | INET_ORIGDST,
	INET_IPV6_CONTROL = INET_PKTINFO6 | INET_RECVHOPLIMIT | INET_RECVTCLASS | INET_ORIGDST6,
};

/* Numbers of TCP's; 0: never set, but for those that begin as 0. An accepted end has its
 * listener's. */
struct inet_tcp {
	u32 keepidle_s, keepintvl_s, keepcnt;	/* [a], as all of these */
	u32 user_timeout_ms;	/* [a] */
	u32 notsent_lowat;	/* [a] bytes; nothing ever waits to be sent */
	u32 fastopen_queue;	/* [a] */
	u32 window_clamp;	/* [a] bytes under way to it, besides what its sender keeps */
	u16 user_mss;		/* [a] bytes */
};

struct inet_socket {
	struct socket socket;		/* first */
	struct inet_entry entry;	/* under inet_lock */
	u32 options;			/* [a] INET_* */
	u8 tos, ttl, tclass, hops;	/* [a] ttl, hops 0: the default */
	u8 mtu_discover, mtu_discover6;	/* [a] IP_PMTUDISC_*: each packet fits */
	struct inet_tcp tcp;		/* [a] */
	u16 mss;			/* [a] of a connection */
	bool bound;			/* under inet_lock: to an address or a port by bind */
	bool told;			/* [a] connect has reported success, or has nothing to */
	bool reset;			/* [s] the connection ended without an order */
	u8 ip_options, ip_nops;		/* [a] as struct packet_ip */
	/* A connection that waits for room at its listener. */
	struct list waiting;		/* the listener's: .waiting_link; its [s] */
	struct list waiting_link;
};

static inline struct inet_socket *inet_of(struct socket *s)
{
	return container_of(s, struct inet_socket, socket);
}

extern spinlock inet_lock;
extern const struct inet_address inet_any4, inet_any6, inet_loopback4, inet_loopback6;

static inline bool inet_same(const struct inet_address *a, const struct inet_address *b)
{
	return !__builtin_memcmp(a, b, sizeof(*a));
}
bool inet_is_v4(const struct inet_address *a);
bool inet_is_any(const struct inet_address *a);
/* Is it one of this machine's? */
bool inet_is_local(const struct inet_address *a);

/* A socket of this kind; NULL without memory. */
struct inet_socket *inet_new(u16 family, u16 type, u16 protocol);

/* A sockaddr from a program for a socket of s's family: 0 or an error. */
int inet_parse(struct socket *s, const char *name, u32 len, struct inet_address *to, u16 *port);
/* And back: its length. */
int inet_format(u16 family, const struct inet_address *a, u16 port, char *to);
/* Where a packet to this destination goes and where it comes from: -ENETUNREACH. *to: the
 * unspecified address becomes the loopback's. */
int inet_route(struct inet_socket *i, struct inet_address *to, struct inet_address *from);

struct inet_bind {
	struct socket_bind;
};
co_t inet_bind(struct co *co, struct inet_bind *f);
int inet_name(struct socket *s, bool peer, char *to);

/* --- inet_table.c --- */

/* Give i this address and port (0: one that is free) as bind does: 0, -EADDRINUSE. */
int inet_take(struct inet_socket *i, const struct inet_address *a, u16 port);
/* A port, if it has none. */
int inet_take_any(struct inet_socket *i);
/* i is connected to there: it takes a port if it has none. -EADDRNOTAVAIL: it, or every port, is
 * connected to there already. */
int inet_join(struct inet_socket *i, const struct inet_address *local,
	      const struct inet_address *remote, u16 rport);
/* The other end of that: i is entered beside its listener. */
void inet_enter_child(struct inet_socket *i, const struct inet_entry *client);
/* No longer connected; `keep_port`: bind gave it. */
void inet_part(struct inet_socket *i);
void inet_leave(struct inet_socket *i);
/* The same, but the connection's addresses stay taken for a while (TIME_WAIT). */
void inet_linger(struct inet_socket *i);
/* May i, which is bound, listen: does nobody else at its port? */
int inet_may_listen(struct inet_socket *i);
/* The socket that a packet from there to here is for, with a reference; NULL: none. */
struct socket *inet_find(u16 type, const struct inet_address *local, u16 lport,
			 const struct inet_address *remote, u16 rport);
/* For /proc/net: every entry of a type and family; line must not wait. */
void inet_each(u16 type, u16 family, void (*line)(void *arg, const struct inet_entry *e),
	       void *arg);

/* --- inet_option.c --- */

int inet_set_option(struct socket *s, int level, int option, const char *value, u32 len);
int inet_get_option(struct socket *s, int level, int option, char *value, u32 *len);
/* What the header of a datagram of i's says, of an IPv4 or an IPv6 one. */
struct packet_ip inet_ip(const struct inet_socket *i, bool v4);
/* The options it has: ip->padded bytes, at most INET_OPTIONS_MOST. */
void inet_write_options(const struct packet_ip *ip, char *to);

/* A number in [least, most] into *to: 0, -EINVAL. */
int inet_set_number(u32 *to, int n, int least, int most);

/* --- tcp_option.c: what is no flag --- */

int tcp_set_option(struct inet_socket *i, int option, const char *value, u32 len);
int tcp_get_option(struct inet_socket *i, int option, char *value, u32 *len);
/* The two ends of a connection that comes about: how long their segments would be. */
void tcp_agree(struct inet_socket *client, struct inet_socket *server);

/* tcp.c, udp.c */
extern const struct socket_ops tcp_ops, udp_ops;

#endif
