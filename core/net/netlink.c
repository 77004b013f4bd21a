/* core/net/netlink.c -- sockets, ports and acknowledgements. */
#include "core/net/netlink.h"

#include "core/base/string.h"
#include "core/cred/cred.h"
#include "core/net/control.h"
#include "core/net/dgram.h"
#include "core/net/family.h"
#include "core/net/filter.h"
#include "core/net/option.h"
#include "core/proc/process.h"
#include "mem/phys/slab.h"

#define NETLINK_GROUPS	   32u
#define NETLINK_ANSWER_MAX 16384u

/* Of these the kernel says nothing, and nobody asks. */
static const struct netlink_protocol netlink_uevent = {.protocol = NETLINK_KOBJECT_UEVENT};

static const struct netlink_protocol *const netlink_protocols[] = {
	&netlink_route, &netlink_connector, &netlink_uevent, &netlink_generic,
};

spinlock netlink_lock = SPINLOCK_INIT(RANK_NET_TABLE);
static struct list netlink_all GUARDED_BY(&netlink_lock) = LIST_INIT(netlink_all);

static struct netlink_socket *netlink_of(struct socket *s)
{
	return container_of(s, struct netlink_socket, socket);
}

/* --- ports --- */

static struct netlink_socket *netlink_find(const struct netlink_protocol *p, u32 port)
	REQUIRES(netlink_lock)
{
	struct netlink_socket *n;

	list_each(n, &netlink_all, all)
		if (n->protocol == p && n->port == port)
			return n;
	return NULL;
}

static int netlink_take_port(struct netlink_socket *n, u32 port)
{
	int err = 0;

	spin_lock(&netlink_lock);
	if (n->port)
		err = n->port == port ? 0 : -EINVAL;
	else if (netlink_find(n->protocol, port))
		err = -EADDRINUSE;
	else
		atomic_store(&n->port, port);
	spin_unlock(&netlink_lock);
	return err;
}

/* The process's own number for its first socket, numbers no process has for the others. */
static int netlink_autobind(struct netlink_socket *n)
{
	u32 port = process_current()->pid->own;
	int err;

	if (atomic_load(&n->port))
		return 0;
	for (u32 i = 0; (err = netlink_take_port(n, port)) == -EADDRINUSE; i++)
		port = UINT32_MAX - 4096 - i;
	return err == -EINVAL ? 0 : err;	/* another thread was first */
}

struct netlink_bind {
	struct socket_bind;
};
static co_t netlink_bind(struct co *co, struct netlink_bind *f)
{
	struct netlink_socket *n = netlink_of(f->socket);
	struct sockaddr_nl nl;
	int err;

	CO_BEGIN;
	memcpy(&nl, f->name, sizeof(nl));
	if (f->name_len < sizeof(nl) || nl.nl_family != AF_NETLINK)
		CO_RETURN(-EINVAL);
	err = nl.nl_pid ? netlink_take_port(n, nl.nl_pid) : netlink_autobind(n);
	if (!err)
		atomic_store(&n->groups, nl.nl_groups);
	CO_RETURN(err);
	CO_END;
}

struct netlink_connect {
	struct socket_connect;
};
static co_t netlink_connect(struct co *co, struct netlink_connect *f)
{
	struct netlink_socket *n = netlink_of(f->socket);
	struct sockaddr_nl nl;
	int err;

	CO_BEGIN;
	memcpy(&nl, f->name, sizeof(nl));
	if (f->name_len < sizeof(nl.nl_family))
		CO_RETURN(-EINVAL);
	if (nl.nl_family == AF_UNSPEC) {
		atomic_store(&n->to, 0u);
		CO_RETURN(0);
	}
	if (nl.nl_family != AF_NETLINK || f->name_len < sizeof(nl))
		CO_RETURN(-EINVAL);
	if ((nl.nl_pid || nl.nl_groups) && !cred_capable(cred_current(co), CAP_NET_ADMIN))
		CO_RETURN(-EPERM);
	if (nl.nl_groups)
		CO_RETURN(-EOPNOTSUPP);
	err = netlink_autobind(n);
	if (!err)
		atomic_store(&n->to, nl.nl_pid);
	CO_RETURN(err);
	CO_END;
}

static int netlink_name(struct socket *s, bool peer, char *to)
{
	struct netlink_socket *n = netlink_of(s);
	struct sockaddr_nl nl = {.nl_family = AF_NETLINK};

	nl.nl_pid = peer ? atomic_load(&n->to) : atomic_load(&n->port);
	nl.nl_groups = peer ? 0 : atomic_load(&n->groups);
	memcpy(to, &nl, sizeof(nl));
	return sizeof(nl);
}

/* --- asking --- */

/* Put this into its queue, as from the kernel, to this group; 0: to it alone. */
static void netlink_queue(struct netlink_socket *n, const void *data, u32 len, u32 group)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK,
				     .nl_groups = group ? 1u << (group - 1) : 0};
	struct uio uio = uio_kernel((void *)data, len);
	struct packet *p;

	p = atomic_load(&n->socket.charge) < n->socket.rcvbuf ? packet_new(len) : NULL;
	if (p)
		p->name = net_name_new(&kernel, sizeof(kernel));
	if (p && p->name) {
		p->group = group;
		packet_copy_in(p, 0, &uio);
		if (!filter_takes(&n->socket, p)) {
			packet_put(p);
			return;
		}
		if (!socket_queue(&n->socket, p))
			return;
	}
	packet_put(p);
	if (!atomic_load(&n->loses_quietly))
		socket_fail(&n->socket, ENOBUFS);
}

int netlink_hold(const struct file *file, struct socket **socket)
{
	struct socket *s = socket_of(file);

	if (!s)
		return -ENOTSOCK;
	if (s->family != AF_NETLINK)
		return -EINVAL;
	socket_get(s);
	*socket = s;
	return 0;
}

void netlink_tell(struct socket *s, const void *data, u32 len)
{
	netlink_queue(netlink_of(s), data, len, 0);
}

void netlink_broadcast(const struct netlink_protocol *p, u32 group, const void *data, u32 len,
		       bool (*wants)(const struct netlink_socket *n, const void *data))
{
	u32 mask = 1u << (group - 1);
	struct netlink_socket *n;

	spin_lock(&netlink_lock);
	list_each(n, &netlink_all, all)
		if (n->protocol == p && (atomic_load_relaxed(&n->groups) & mask) &&
		    (!wants || wants(n, data)))
			netlink_queue(n, data, len, group);
	spin_unlock(&netlink_lock);
}

void netlink_tell_port(const struct netlink_protocol *p, u32 port, const void *data, u32 len)
{
	struct netlink_socket *n = netlink_find(p, port);

	if (n)
		netlink_queue(n, data, len, 0);
}

static void netlink_answer_one(struct netlink_socket *n, const struct nlmsghdr *h, char *room)
{
	struct netlink_answer a = {.data = room, .room = NETLINK_ANSWER_MAX,
				   .port = atomic_load(&n->port), .seq = h->nlmsg_seq};
	bool asks = (h->nlmsg_flags & NLM_F_REQUEST) && h->nlmsg_type >= NLMSG_MIN_TYPE;
	bool dumps = false;
	int err = 0;

	if (asks)
		err = n->protocol->answer ? n->protocol->answer(n, h, &a) : -EOPNOTSUPP;
	if (err || a.full) {
		a.len = 0;
		a.full = false;
		err = err ? err : -EMSGSIZE;
	} else {
		dumps = asks && (h->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
	}
	if (dumps)
		netlink_done(&a);
	if (a.len)
		netlink_queue(n, a.data, a.len, 0);
	if (dumps || !(err || (h->nlmsg_flags & NLM_F_ACK)))
		return;
	a.len = 0;
	netlink_ack(&a, h, err, atomic_load(&n->short_acks));
	netlink_queue(n, a.data, a.len, 0);
}

struct netlink_send {
	struct socket_transfer;
	struct packet *packet;
	u32 to, len, at;
	char *buf, *room;	/* what is asked; an answer being written */
	struct uio uio;
	long err;
};

/* The next message of the buffer: those behind one that is damaged are not looked at. */
static bool netlink_answer_next(struct netlink_send *f)
{
	struct netlink_socket *n = netlink_of(f->socket);
	struct nlmsghdr *h = (void *)(f->buf + f->at);
	u32 left = f->len - f->at;

	if (left < sizeof(*h) || h->nlmsg_len < sizeof(*h) || h->nlmsg_len > left)
		return false;
	if (n->protocol->take) {
		n->protocol->take(n, h);
		return false;
	}
	netlink_answer_one(n, h, f->room);
	f->at += min(NLMSG_ALIGN(h->nlmsg_len), left);
	return true;
}

/* To whom: 0 is the kernel. */
static long netlink_destination(struct netlink_send *f)
{
	struct socket_message *m = f->message;
	struct sockaddr_nl nl;

	if (m->flags & MSG_OOB)
		return -EOPNOTSUPP;
	f->to = atomic_load(&netlink_of(f->socket)->to);
	if (m->name_len) {
		memcpy(&nl, m->name, sizeof(nl));
		if (m->name_len < sizeof(nl) || nl.nl_family != AF_NETLINK)
			return -EINVAL;
		if ((nl.nl_pid || nl.nl_groups) &&
		    !cred_capable(task_current()->cred, CAP_NET_ADMIN))
			return -EPERM;
		if (nl.nl_groups)
			return -EOPNOTSUPP;
		f->to = nl.nl_pid;
	}
	if (m->uio.left > max(atomic_load_relaxed(&f->socket->sndbuf), 32u) - 32)
		return -EMSGSIZE;
	return netlink_autobind(netlink_of(f->socket));
}

/* To another program's socket. */
static long netlink_deliver(struct netlink_send *f)
{
	struct sockaddr_nl from = {.nl_family = AF_NETLINK,
				   .nl_pid = netlink_of(f->socket)->port};
	struct netlink_socket *to;
	long err = -ECONNREFUSED;

	f->packet->name = net_name_new(&from, sizeof(from));
	if (!f->packet->name)
		return -ENOBUFS;
	spin_lock(&netlink_lock);
	to = netlink_find(netlink_of(f->socket)->protocol, f->to);
	if (to)
		socket_get(&to->socket);
	spin_unlock(&netlink_lock);
	if (!to)
		return err;
	socket_stamp(f->socket, &to->socket, f->packet, f->message->control);
	/* It does not wait for a reader that has enough to read. */
	err = -EAGAIN;
	if (!filter_takes(&to->socket, f->packet)) {
		packet_put(f->packet);
		err = 0;	/* as if it had arrived */
	} else if (atomic_load(&to->socket.charge) < to->socket.rcvbuf)
		err = socket_queue(&to->socket, f->packet) ? -ECONNREFUSED : 0;
	socket_put(&to->socket);
	return err;
}

static co_t netlink_send(struct co *co, struct netlink_send *f)
{
	CO_BEGIN;
	f->err = netlink_destination(f);
	if (f->err)
		CO_RETURN(f->err);
	f->len = (u32)f->message->uio.left;
	CO_AWAIT(f->err, dgram_make, .message = f->message, .made = &f->packet);
	if (f->err)
		CO_RETURN(f->err);
	if (f->to) {
		f->err = netlink_deliver(f);
		if (f->err)
			packet_put(f->packet);
		CO_RETURN(f->err ? f->err : (long)f->len);
	}
	f->buf = kmalloc(max(f->len, 1u));
	f->room = kmalloc(NETLINK_ANSWER_MAX);
	f->err = -ENOBUFS;
	if (f->buf && f->room) {
		f->err = 0;
		f->uio = uio_kernel(f->buf, f->len);
		packet_copy_out(f->packet, 0, f->len, &f->uio);
		while (netlink_answer_next(f))
			CO_BREATHE;
	}
	kfree(f->buf);
	kfree(f->room);
	packet_put(f->packet);
	CO_RETURN(f->err ? f->err : (long)f->len);
	CO_END;
}

/* --- the rest --- */

static int netlink_check(struct socket *s, const struct socket_message *m, bool send)
{
	return m && (m->flags & MSG_OOB) ? -EOPNOTSUPP : 0;
}

static u32 netlink_poll(struct socket *s)
{
	return POLLOUT | POLLWRNORM | POLLWRBAND |
	       (atomic_load(&s->queue_len) ? POLLIN | POLLRDNORM : 0) |
	       (atomic_load(&s->error) ? POLLERR : 0);
}

static int netlink_set_option(struct socket *s, int level, int option, const char *value, u32 len)
{
	struct netlink_socket *n = netlink_of(s);
	u32 v;

	if (level != SOL_NETLINK)
		return -ENOPROTOOPT;
	if (len < sizeof(v))
		return -EINVAL;
	v = (u32)option_int(value);
	switch (option) {
	case NETLINK_ADD_MEMBERSHIP:
	case NETLINK_DROP_MEMBERSHIP:
		if (!v || v > NETLINK_GROUPS)
			return -EINVAL;
		if (option == NETLINK_ADD_MEMBERSHIP)
			atomic_or(&n->groups, 1u << (v - 1));
		else
			atomic_and(&n->groups, ~(1u << (v - 1)));
		return 0;
	case NETLINK_PKTINFO:
		atomic_store(&n->wants_info, (bool)v);
		return 0;
	case NETLINK_CAP_ACK:
		atomic_store(&n->short_acks, (bool)v);
		return 0;
	case NETLINK_NO_ENOBUFS:
		atomic_store(&n->loses_quietly, (bool)v);
		return 0;
	case NETLINK_EXT_ACK:		/* no error has a text here */
	case NETLINK_GET_STRICT_CHK:
	case NETLINK_BROADCAST_ERROR:
		if (v)
			atomic_or(&n->ignored, 1u << option);
		else
			atomic_and(&n->ignored, ~(1u << option));
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int netlink_get_option(struct socket *s, int level, int option, char *value, u32 *len)
{
	struct netlink_socket *n = netlink_of(s);

	if (level != SOL_NETLINK)
		return -ENOPROTOOPT;
	if (*len < sizeof(int))
		return -EINVAL;
	switch (option) {
	case NETLINK_PKTINFO:
		return option_put(value, len, atomic_load(&n->wants_info));
	case NETLINK_CAP_ACK:
		return option_put(value, len, atomic_load(&n->short_acks));
	case NETLINK_NO_ENOBUFS:
		return option_put(value, len, atomic_load(&n->loses_quietly));
	case NETLINK_EXT_ACK:
	case NETLINK_GET_STRICT_CHK:
	case NETLINK_BROADCAST_ERROR:
		return option_put(value, len, atomic_load(&n->ignored) >> option & 1);
	default:
		return -ENOPROTOOPT;
	}
}

static void netlink_control(struct socket *s, const struct socket_control *c, char *buf, u32 *used,
			    u32 room, u32 *got)
{
	struct nl_pktinfo info = {.group = c->group};

	if (atomic_load(&netlink_of(s)->wants_info))
		control_add(buf, used, room, SOL_NETLINK, NETLINK_PKTINFO, &info, sizeof(info),
			    got);
}

static void netlink_closed(struct socket *s)
{
	struct netlink_socket *n = netlink_of(s);

	spin_lock(&netlink_lock);
	list_remove(&n->all);
	if (n->protocol->closed)
		n->protocol->closed(n);
	spin_unlock(&netlink_lock);
	spin_lock(&s->lock);
	atomic_store(&s->dead, true);
	spin_unlock(&s->lock);
	socket_purge(s);
}

static void netlink_freed(struct socket *s)
{
	kfree(netlink_of(s));
}

static const struct socket_ops netlink_ops = {
	.bind = CO_IMPLEMENTS(socket_bind, netlink_bind),
	.connect = CO_IMPLEMENTS(socket_connect, netlink_connect),
	.send = CO_IMPLEMENTS(socket_transfer, netlink_send),
	.receive = CO_IMPLEMENTS(socket_transfer, dgram_receive),
	.try_receive = dgram_try_receive,
	.name = netlink_name,
	.check = netlink_check,
	.control = netlink_control,
	.poll = netlink_poll,
	.set_option = netlink_set_option,
	.get_option = netlink_get_option,
	.closed = netlink_closed,
	.freed = netlink_freed,
};

static int netlink_make(u32 type, u32 protocol, struct socket **made)
{
	const struct netlink_protocol *p = NULL;
	struct netlink_socket *n;

	if (type != SOCK_RAW && type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	for (size_t i = 0; i < ARRAY_SIZE(netlink_protocols); i++)
		if (netlink_protocols[i]->protocol == protocol)
			p = netlink_protocols[i];
	if (!p)
		return -EPROTONOSUPPORT;
	n = kzalloc(sizeof(*n));
	if (!n)
		return -ENOMEM;
	socket_init(&n->socket, &netlink_ops, AF_NETLINK, (u16)type, (u16)protocol);
	n->protocol = p;
	spin_lock(&netlink_lock);
	list_add_back(&netlink_all, &n->all);
	spin_unlock(&netlink_lock);
	*made = &n->socket;
	return 0;
}

void netlink_init(void)
{
	netlink_connector_init();
	netlink_taskstats_init();
}

const struct socket_family netlink_family = {.family = AF_NETLINK, .make = netlink_make};
