/* core/net/unix.h -- AF_UNIX: streams, datagrams and sequenced packets inside the machine.
 *
 * Ownership  a name, once bound, stays until the socket is closed. A connection that nobody
 *            has accepted is the listener's.
 * Locking    unix_lock (RANK_NET_TABLE) covers names and the list of all; socket.lock the rest;
 *            rights_lock what the collector keeps.
 */
#ifndef NET_UNIX_H
#define NET_UNIX_H

#include <linux/un.h>

#include "core/net/socket.h"

/* Datagrams that may wait at a socket for which it is not the sender's only peer. */
#define UNIX_QUEUE 10u

struct unix_socket {
	struct socket socket;		/* first */
	struct net_name *name;		/* [a] owned; set once, under unix_lock; NULL: unbound */
	struct path path;		/* with it: where its inode is; .dentry NULL: abstract */
	struct list by_name;		/* under unix_lock */
	struct list all;		/* under unix_lock */
	/* The collector's, under rights_lock. */
	struct list flying, lost_link;
	u32 flights;			/* times it is in flight */
	u32 outside;			/* of those, not from queues of lost sockets */
	bool lost;
	/* Senders of datagrams that found this one's queue full, under unix_block_lock. */
	struct list blocked, blocked_link;
	struct unix_socket *blocked_on;
};

static inline struct unix_socket *unix_of(struct socket *s)
{
	return container_of(s, struct unix_socket, socket);
}

extern spinlock unix_lock;
extern const struct socket_ops unix_stream_ops, unix_dgram_ops, unix_seqpacket_ops;

/* Drop what is queued, in connections nobody accepted too. */
void unix_purge(struct unix_socket *u);
/* The pending connection after `after` (NULL: the first), with a reference. */
struct socket *unix_next_pending(struct socket *s, struct socket *after);

/* --- names: unix_name.c --- */

void unix_name_init(struct unix_socket *u);	/* enter it in the list of all */
void unix_name_drop(struct unix_socket *u);
struct unix_bind {
	struct socket_bind;
	struct net_name *made;
	struct path path;
	long err;
};
co_t unix_bind(struct co *co, struct unix_bind *f);
/* Give it an abstract name of the kernel's choice, if it has none: 0 or an error. */
int unix_autobind(struct unix_socket *u);
/* The socket of this type and name, with a reference: 0, or an error as connect gives. */
struct unix_find {
	struct co_frame co;
	u32 type;
	const char *name;
	u32 name_len;
	struct socket **found;
	struct walk *walk;
	long err;
};
co_t unix_find(struct co *co, struct unix_find *f);
/* 0, or -EINVAL. */
int unix_check_name(const char *name, u32 len);

/* --- datagrams and sequenced packets: unix_send.c --- */

struct unix_send {
	struct socket_transfer;
	struct socket *to;
	struct packet *packet;
	u64 deadline_ns;
	u32 len;
	long err;
};
co_t unix_send(struct co *co, struct unix_send *f);
i64 unix_try_send(struct socket *s, struct uio *uio);
/* Is the queue of the peer too long for s? Then s is told when it no longer is. */
bool unix_is_blocked(struct unix_socket *u, struct unix_socket *to);
/* u has room again, or is gone: tell those. */
void unix_unblock(struct unix_socket *u);
void unix_stop_waiting(struct unix_socket *u);

/* For /proc/net/unix: call line for every socket; it must not wait. */
void unix_each(void (*line)(void *arg, const struct unix_socket *u), void *arg);

#endif
