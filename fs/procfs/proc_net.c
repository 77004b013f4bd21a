/* fs/procfs/proc_net.c -- /proc/<pid>/net: sockets. There is one network, so it is the same
 * for every process. */
#include "core/cred/cred.h"
#include "core/net/inet.h"
#include "core/net/loopback.h"
#include "core/net/unix.h"
#include "fs/procfs/proc.h"

/* --- unix --- */

#define NET_ACCEPTING (1u << 16)	/* Linux's __SO_ACCEPTCON */

/* Linux's SS_*: how far a socket is, told apart from whether it has a file yet. */
static unsigned unix_progress(const struct socket *s)
{
	bool connected = atomic_load(&s->state) == SOCKET_ESTABLISHED;

	if (atomic_load(&s->file))
		return connected ? 3 : 1;
	return connected ? 2 : 4;
}

static void unix_line(void *to, const struct unix_socket *u)
{
	const u32 start = offsetof(struct sockaddr_un, sun_path);
	const struct net_name *name = atomic_load(&u->name);
	const struct socket *s = &u->socket;

	text_add(to, "%016x: %08X %08X %08X %04X %02X %5lu", 0, atomic_load_relaxed(&s->refs.n), 0,
		 atomic_load(&s->state) == SOCKET_LISTEN ? NET_ACCEPTING : 0u, (unsigned)s->type,
		 unix_progress(s), atomic_load(&s->ino));
	if (name && name->len > start) {
		bool path = name->bytes[start];

		text_put(to, " ", 1);
		for (u32 i = start; i < name->len - (path ? 1 : 0); i++)
			text_put(to, name->bytes[i] ? &name->bytes[i] : "@", 1);
	}
	text_put(to, "\n", 1);
}

static int unix_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "Num       RefCount Protocol Flags    Type St Inode Path\n");
	unix_each(unix_line, to);
	return 0;
}

/* --- TCP and UDP --- */

struct net_list {
	struct text *to;
	unsigned n;
	bool listening;		/* of TCP's those that listen, or else the others */
};

/* An address as Linux prints it: words in the machine's byte order. */
static void net_address(struct text *to, u16 family, const struct inet_address *a, u16 port)
{
	u32 word;

	for (unsigned i = family == AF_INET ? 12 : 0; i < 16; i += 4) {
		memcpy(&word, a->bytes + i, sizeof(word));
		text_add(to, "%08X", word);
	}
	text_add(to, ":%04X", (unsigned)port);
}

static void net_line(void *arg, const struct inet_entry *e)
{
	const struct socket *s = e->socket ? &e->socket->socket : NULL;
	bool tcp = e->protocol == SOCK_STREAM;
	unsigned state = s ? atomic_load(&s->state) : SOCKET_TIME_WAIT;
	struct net_list *l = arg;

	if (tcp && (state == SOCKET_LISTEN) != l->listening)
		return;
	text_add(l->to, tcp ? "%4u: " : "%5u: ", l->n++);
	net_address(l->to, e->family, &e->local, e->lport);
	text_add(l->to, " ");
	net_address(l->to, e->family, &e->remote, e->rport);
	/* Queues: a listener's is of connections. Timers, retransmissions: none. */
	text_add(l->to, " %02X %08X:%08X %02X:%08X %08X %5u %8d %lu %d %016x", state, 0,
		 !s ? 0 : state == SOCKET_LISTEN ? s->pending_count : s->queued, 0, 0, 0,
		 s ? cred_shown_uid(s->cred->uid) : 0, 0, s ? atomic_load(&s->ino) : 0ul,
		 s ? (int)atomic_load(&s->refs.n) : 0, 0);
	text_add(l->to, tcp ? " 20 4 30 10 -1\n" : " 0\n");
}

static int net_show(struct text *to, u16 type, u16 family)
{
	const char *blank = family == AF_INET ? "" : "                        ";
	struct net_list l = {.to = to, .listening = true};

	text_add(to, "%s local_address%s rem_address %s st tx_queue rx_queue tr tm->when retrnsmt"
		     "   uid  timeout inode%s\n",
		 type == SOCK_STREAM ? "  sl " : "   sl ", blank, blank,
		 type == SOCK_STREAM ? "" : " ref pointer drops");
	/* As Linux has it: however many connections there were, those that listen come first. */
	if (type == SOCK_STREAM)
		inet_each(type, family, net_line, &l);
	l.listening = false;
	inet_each(type, family, net_line, &l);
	return 0;
}

static int tcp_show(const struct proc_subject *who, struct text *to)
{
	return net_show(to, SOCK_STREAM, AF_INET);
}

static int tcp6_show(const struct proc_subject *who, struct text *to)
{
	return net_show(to, SOCK_STREAM, AF_INET6);
}

static int udp_show(const struct proc_subject *who, struct text *to)
{
	return net_show(to, SOCK_DGRAM, AF_INET);
}

static int udp6_show(const struct proc_subject *who, struct text *to)
{
	return net_show(to, SOCK_DGRAM, AF_INET6);
}

struct net_count {
	unsigned used, ended;
};

static void net_count(void *arg, const struct inet_entry *e)
{
	struct net_count *c = arg;

	if (e->socket)
		c->used++;
	else
		c->ended++;
}

static int sockstat_show(const struct proc_subject *who, struct text *to)
{
	struct net_count tcp = {0}, udp = {0};

	inet_each(SOCK_STREAM, AF_INET, net_count, &tcp);
	inet_each(SOCK_DGRAM, AF_INET, net_count, &udp);
	text_add(to, "TCP: inuse %u orphan 0 tw %u\nUDP: inuse %u\n", tcp.used, tcp.ended,
		 udp.used);
	return 0;
}

/* --- the interface --- */

static int dev_show(const struct proc_subject *who, struct text *to)
{
	u64 packets, bytes;

	loopback_stats(&packets, &bytes);
	text_add(to, "Inter-|   Receive                                                |"
		     "  Transmit\n"
		     " face |bytes    packets errs drop fifo frame compressed multicast|"
		     "bytes    packets errs drop fifo colls carrier compressed\n");
	text_add(to, "%6s: %7lu %7lu    0    0    0     0          0         0 ", LOOPBACK_NAME,
		 bytes, packets);
	text_add(to, "%8lu %7lu    0    0    0     0       0          0\n", bytes, packets);
	return 0;
}

/* The main table, in which nothing is. */
static int route_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%-127s\n", "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask"
				 "\t\tMTU\tWindow\tIRTT");
	return 0;
}

static int if_inet6_show(const struct proc_subject *who, struct text *to)
{
	for (unsigned i = 0; i < sizeof(loopback_v6); i++)
		text_add(to, "%02x", (unsigned)loopback_v6[i]);
	text_add(to, " %02x 80 10 80 %8s\n", LOOPBACK_INDEX, LOOPBACK_NAME);
	return 0;
}

#define FILE(name_, ...) {.name = name_, .mode = S_IFREG | 0444, __VA_ARGS__}

const struct proc_entry proc_net_entries[] = {
	FILE("dev", .show = dev_show),
	FILE("if_inet6", .show = if_inet6_show),
	FILE("route", .show = route_show),
	FILE("sockstat", .show = sockstat_show),
	FILE("tcp", .show = tcp_show),
	FILE("tcp6", .show = tcp6_show),
	FILE("udp", .show = udp_show),
	FILE("udp6", .show = udp6_show),
	FILE("unix", .show = unix_show),
	{},
};
