/* core/net/inet_table.c -- who has which port.
 *
 * One table for all; an entry is found by its local port. Ends of connections that wait for
 * their time to pass stay until somebody looks at their bucket afterwards; each new end looks at
 * some others.
 */
#include "core/base/string.h"
#include "core/cred/cred.h"
#include "core/net/inet.h"
#include "hal/clock.h"
#include "mem/phys/slab.h"

#define INET_BUCKETS   4096u	/* few in each, also when every port is taken */
#define INET_COUNT     (INET_PORT_LAST - INET_PORT_FIRST + 1)
#define INET_LINGER_NS 60000000000ul
#define INET_ENDS_MAX  16384u
#define INET_REUSE_NS  1000000000ul	/* a new connection may take it over after that long */
#define INET_SWEEP     8u		/* buckets looked at for each new end */

spinlock inet_lock = SPINLOCK_INIT(RANK_NET_TABLE);
static struct list inet_table[INET_BUCKETS] GUARDED_BY(&inet_lock);
static u32 inet_next GUARDED_BY(&inet_lock);
static u32 inet_ends GUARDED_BY(&inet_lock);	/* entries without a socket */
static u32 inet_swept GUARDED_BY(&inet_lock);	/* the bucket that is looked at next */

static void inet_drop_end(struct inet_entry *e) REQUIRES(inet_lock)
{
	list_remove(&e->link);
	inet_ends--;
	kfree(e);
}

/* Of a port; ends whose time has passed go. */
static struct list *inet_bucket(u16 port) REQUIRES(inet_lock)
{
	struct list *bucket = &inet_table[port % INET_BUCKETS];
	struct inet_entry *e, *next;
	u64 now = 0;

	if (!bucket->next)
		list_init(bucket);
	list_each_safe(e, next, bucket, link) {
		if (e->socket)
			continue;
		now = now ? now : hal_clock_ns();
		if (now >= e->until_ns)
			inet_drop_end(e);
	}
	return bucket;
}

/* Ends whose time has passed go from a few more buckets, so that they do not pile up. */
static void inet_sweep(void) REQUIRES(inet_lock)
{
	for (u32 i = 0; i < INET_SWEEP; i++)
		inet_bucket((u16)(inet_swept++ % INET_BUCKETS));
}

static bool inet_is_v6only(const struct inet_entry *e)
{
	return e->family == AF_INET6 && e->socket && (e->socket->options & INET_V6ONLY);
}

/* Is there an address that is both's? */
static bool inet_overlap(const struct inet_entry *e, const struct inet_entry *f)
{
	const struct inet_address *a = &e->local, *b = &f->local;

	if (inet_same(a, b))
		return true;
	if (inet_same(a, &inet_any6))
		return !inet_is_v4(b) || !inet_is_v6only(e);
	if (inet_same(b, &inet_any6))
		return !inet_is_v4(a) || !inet_is_v6only(f);
	return inet_is_v4(a) && inet_is_v4(b) && (inet_is_any(a) || inet_is_any(b));
}

/* May i be bound to what e has too? */
static bool inet_may_share(const struct inet_socket *i, const struct inet_entry *e)
{
	u32 mine = i->socket.flags, theirs;

	if (!e->socket)
		return (mine & SOCKET_REUSEADDR) && e->reuse;
	theirs = e->socket->socket.flags;
	if ((mine & theirs & SOCKET_REUSEADDR) && e->socket->socket.state != SOCKET_LISTEN)
		return true;
	return (mine & theirs & SOCKET_REUSEPORT) &&
	       i->socket.cred->euid == e->socket->socket.cred->euid;
}

static bool inet_is_taken(const struct inet_socket *i, const struct inet_entry *want)
	REQUIRES(inet_lock)
{
	struct inet_entry *e;

	list_each(e, inet_bucket(want->lport), link)
		if (e->lport == want->lport && e->protocol == want->protocol &&
		    e->socket != i && inet_overlap(e, want) && !inet_may_share(i, e))
			return true;
	return false;
}

static bool inet_is_used(u16 protocol, u16 port) REQUIRES(inet_lock)
{
	struct inet_entry *e;

	list_each(e, inet_bucket(port), link)
		if (e->lport == port && e->protocol == protocol)
			return true;
	return false;
}

/* The n-th try for a port of the kernel's choice. */
static u16 inet_choice(u32 n) REQUIRES(inet_lock)
{
	if (!n)
		inet_next = (inet_next + 1) % INET_COUNT;
	return (u16)(INET_PORT_FIRST + (inet_next + n) % INET_COUNT);
}

static int inet_take_locked(struct inet_socket *i, const struct inet_address *a, u16 port)
	REQUIRES(inet_lock)
{
	struct inet_entry want = i->entry;

	if (i->entry.lport || i->bound)
		return -EINVAL;
	want.local = *a;
	want.lport = port;
	for (u32 n = 0; !port && n < INET_COUNT; n++) {
		want.lport = inet_choice(n);
		if (!inet_is_used(want.protocol, want.lport))
			break;
		if (n == INET_COUNT - 1)
			return -EADDRINUSE;
	}
	if (inet_is_taken(i, &want))
		return -EADDRINUSE;
	i->entry.local = *a;
	i->entry.lport = want.lport;
	list_add_back(inet_bucket(want.lport), &i->entry.link);
	return 0;
}

int inet_take(struct inet_socket *i, const struct inet_address *a, u16 port)
{
	int err;

	spin_lock(&inet_lock);
	err = inet_take_locked(i, a, port);
	if (!err)
		i->bound = true;
	spin_unlock(&inet_lock);
	return err;
}

int inet_take_any(struct inet_socket *i)
{
	int err = 0;

	spin_lock(&inet_lock);
	if (!i->entry.lport)
		err = inet_take_locked(i, &i->entry.local, 0);
	spin_unlock(&inet_lock);
	return err == -EADDRINUSE ? -EAGAIN : err;
}

/* Is there a connection between these already? An old one's end makes way. */
static bool inet_is_connected(const struct inet_entry *want) REQUIRES(inet_lock)
{
	struct inet_entry *e, *next;

	list_each_safe(e, next, inet_bucket(want->lport), link) {
		if (e->lport != want->lport || e->protocol != want->protocol ||
		    e->rport != want->rport || !inet_same(&e->local, &want->local) ||
		    !inet_same(&e->remote, &want->remote))
			continue;
		if (e->socket || hal_clock_ns() + INET_LINGER_NS - INET_REUSE_NS < e->until_ns)
			return true;
		inet_drop_end(e);
	}
	return false;
}

int inet_join(struct inet_socket *i, const struct inet_address *local,
	      const struct inet_address *remote, u16 rport)
{
	struct inet_entry want = i->entry;
	bool found = false;

	want.local = *local;
	want.remote = *remote;
	want.rport = rport;
	spin_lock(&inet_lock);
	if (i->entry.lport) {
		found = want.protocol == SOCK_DGRAM || !inet_is_connected(&want);
	} else {
		for (u32 n = 0; !found && n < INET_COUNT; n++) {
			want.lport = inet_choice(n);
			found = !inet_is_used(want.protocol, want.lport) ||
				(n >= INET_COUNT / 2 && !inet_is_connected(&want));
		}
		if (found)
			list_add_back(inet_bucket(want.lport), &i->entry.link);
	}
	if (found) {
		i->entry.local = *local;
		i->entry.lport = want.lport;
		i->entry.remote = *remote;
		i->entry.rport = rport;
	}
	spin_unlock(&inet_lock);
	return found ? 0 : -EADDRNOTAVAIL;
}

void inet_enter_child(struct inet_socket *i, const struct inet_entry *client)
{
	spin_lock(&inet_lock);
	i->entry.local = client->remote;
	i->entry.lport = client->rport;
	i->entry.remote = client->local;
	i->entry.rport = client->lport;
	list_add_back(inet_bucket(i->entry.lport), &i->entry.link);
	spin_unlock(&inet_lock);
}

void inet_part(struct inet_socket *i)
{
	spin_lock(&inet_lock);
	i->entry.remote = i->entry.family == AF_INET ? inet_any4 : inet_any6;
	i->entry.rport = 0;
	if (!i->bound) {
		list_remove(&i->entry.link);
		i->entry.lport = 0;
		i->entry.local = i->entry.remote;
	}
	spin_unlock(&inet_lock);
}

void inet_leave(struct inet_socket *i)
{
	/* Nobody else enters it again. */
	if (list_empty(&i->entry.link))
		return;
	spin_lock(&inet_lock);
	list_remove(&i->entry.link);
	spin_unlock(&inet_lock);
}

void inet_linger(struct inet_socket *i)
{
	struct inet_entry *e = kmalloc(sizeof(*e));

	spin_lock(&inet_lock);
	inet_sweep();
	if (e && !list_empty(&i->entry.link) && inet_ends < INET_ENDS_MAX) {
		inet_ends++;
		*e = i->entry;
		e->socket = NULL;
		e->reuse = i->socket.flags & SOCKET_REUSEADDR;
		e->until_ns = hal_clock_ns() + INET_LINGER_NS;
		list_add_back(inet_bucket(e->lport), &e->link);
		e = NULL;
	}
	list_remove(&i->entry.link);
	spin_unlock(&inet_lock);
	kfree(e);
}

int inet_may_listen(struct inet_socket *i)
{
	struct inet_entry *e;
	int err = 0;

	spin_lock(&inet_lock);
	list_each(e, inet_bucket(i->entry.lport), link) {
		const struct inet_socket *other = e->socket;

		if (!other || other == i || e->lport != i->entry.lport ||
		    e->protocol != SOCK_STREAM || other->socket.state != SOCKET_LISTEN ||
		    !inet_overlap(e, &i->entry))
			continue;
		if (!(other->socket.flags & i->socket.flags & SOCKET_REUSEPORT))
			err = -EADDRINUSE;
	}
	spin_unlock(&inet_lock);
	return err;
}

/* How well e fits a packet; 0: not at all. */
static unsigned inet_fit(const struct inet_entry *e, const struct inet_address *local,
			 const struct inet_address *remote, u16 rport)
{
	unsigned fit = 1;

	if (e->rport) {
		if (e->rport != rport || !inet_same(&e->remote, remote))
			return 0;
		fit += 4;
	}
	if (inet_same(&e->local, local))
		return fit + 2;
	if (inet_same(&e->local, &inet_any6))
		return !inet_is_v4(local) || !inet_is_v6only(e) ? fit : 0;
	return inet_same(&e->local, &inet_any4) && inet_is_v4(local) ? fit + 1 : 0;
}

struct socket *inet_find(u16 type, const struct inet_address *local, u16 lport,
			 const struct inet_address *remote, u16 rport)
{
	struct inet_entry *e, *best = NULL;
	unsigned most = 0, alike = 0;

	spin_lock(&inet_lock);
	list_each(e, inet_bucket(lport), link) {
		unsigned fit;

		if (!e->socket || e->lport != lport || e->protocol != type ||
		    (type == SOCK_STREAM && e->socket->socket.state != SOCKET_LISTEN))
			continue;
		fit = inet_fit(e, local, remote, rport);
		alike = fit == most ? alike + 1 : 1;
		/* Those that share a port take turns, by the sender's port. */
		if (fit > most || (fit && fit == most &&
				   (e->socket->socket.flags & SOCKET_REUSEPORT) &&
				   rport % alike == 0)) {
			most = fit;
			best = e;
		}
	}
	if (best)
		socket_get(&best->socket->socket);
	spin_unlock(&inet_lock);
	return best ? &best->socket->socket : NULL;
}

void inet_each(u16 type, u16 family, void (*line)(void *arg, const struct inet_entry *e),
	       void *arg)
{
	spin_lock(&inet_lock);
	for (u32 n = 0; n < INET_BUCKETS; n++) {
		struct inet_entry *e;

		list_each(e, inet_bucket((u16)n), link)
			if (e->protocol == type && e->family == family)
				line(arg, e);
	}
	spin_unlock(&inet_lock);
}
