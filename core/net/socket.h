/* core/net/socket.h -- what sockets of all families have in common.
 *
 * A family embeds struct socket in its own and gives it a table of operations; the calls of
 * syscalls/socket.c go through that table, and read, write, poll and ioctl through
 * socket_file_ops.
 *
 * Ownership  a file holds one reference, and so do its connected peers, packets it is charged
 *            for, and the listener it is waiting at. `closed` is called when the file goes,
 *            `freed` when the last reference does.
 * Units      bytes; timeouts in ns.
 * Locking    socket.lock (RANK_SOCKET) covers the fields marked [s]. It is held over a copy of
 *            at most SOCKET_AT_ONCE bytes with the copy that cannot wait, never over a wait.
 *            Two sockets' locks are never held together.
 */
#ifndef NET_SOCKET_H
#define NET_SOCKET_H

#include "core/net/abi.h"
#include "core/net/name.h"
#include "core/net/packet.h"
#include "vfs/file.h"

#define SOCKET_AT_ONCE (16 * PAGE_SIZE)
/* What a buffer is unless it is set, and what it may be set to (and is then doubled). */
#define SOCKET_BUFFER  212992u

struct socket;
struct cred;
struct filter;
struct pid;

/* socket.state: Linux's numbers, which /proc/net/tcp shows. */
enum socket_state {
	SOCKET_ESTABLISHED = 1,
	SOCKET_SYN_SENT,
	SOCKET_SYN_RECV,
	SOCKET_FIN_WAIT1,
	SOCKET_FIN_WAIT2,
	SOCKET_TIME_WAIT,
	SOCKET_CLOSE,
	SOCKET_CLOSE_WAIT,
	SOCKET_LAST_ACK,
	SOCKET_LISTEN,
	SOCKET_CLOSING,
};

enum { SOCKET_SHUT_READ = 1, SOCKET_SHUT_WRITE = 2, SOCKET_SHUT = 3 };

/* socket.flags: SOL_SOCKET options that are on or off. */
enum {
	SOCKET_REUSEADDR = 1u << 0,
	SOCKET_REUSEPORT = 1u << 1,
	SOCKET_KEEPALIVE = 1u << 2,
	SOCKET_BROADCAST = 1u << 3,
	SOCKET_PASSCRED = 1u << 4,
	SOCKET_OOBINLINE = 1u << 5,
	SOCKET_TIMESTAMP = 1u << 6,
	SOCKET_TIMESTAMPNS = 1u << 7,
	SOCKET_DONTROUTE = 1u << 8,
	SOCKET_LINGER = 1u << 9,
	SOCKET_DEBUG = 1u << 12,
	SOCKET_PASSPIDFD = 1u << 13,
	SOCKET_SNDBUF_SET = 1u << 10,
	SOCKET_RCVBUF_SET = 1u << 11,
	SOCKET_FILTER_LOCKED = 1u << 14,
	SOCKET_TIMESTAMP_NEW = 1u << 15,
	SOCKET_TIMESTAMPNS_NEW = 1u << 16,
	SOCKET_STAMPS = SOCKET_TIMESTAMP | SOCKET_TIMESTAMPNS | SOCKET_TIMESTAMP_NEW |
			SOCKET_TIMESTAMPNS_NEW,	/* one of them, or none */
	SOCKET_NO_CHECK = 1u << 17,	/* nothing has a checksum */
	SOCKET_PASSSEC = 1u << 18,	/* nobody has a label */
	SOCKET_TO_LO = 1u << 19,	/* bound to the one interface there is */
};

/* What travels beside the bytes of a message. */
struct socket_control {
	struct rights *rights;	/* owned */
	struct pid *pid;	/* owned */
	bool has_cred;
	u32 uid, gid;
	u64 stamp_ns;		/* 0: none */
	bool has_to;
	struct packet_end to;	/* where a datagram was sent to */
	struct packet_ip ip;
	u32 group;		/* netlink's that it was sent to; 0: to the socket */
};

/* A message to send, or the place for one to receive. */
struct socket_message {
	struct uio uio;
	u32 flags;			/* MSG_*, MSG_DONTWAIT from O_NONBLOCK included */
	u32 got;			/* MSG_* that came with it */
	u32 name_len;			/* sending: of `name`; receiving: what it is now, 0: none */
	char *name;			/* NET_NAME_MAX bytes; NULL: none, or not wanted */
	struct socket_control *control;	/* NULL: none, or not wanted */
};

struct socket_bind {
	struct co_frame co;
	struct socket *socket;
	const char *name;	/* NET_NAME_MAX bytes, zero behind name_len */
	u32 name_len;
};
struct socket_connect {
	struct co_frame co;
	struct socket *socket;
	const char *name;
	u32 name_len;
	bool no_wait;
};
/* Bytes, or an error. A stream's receive gives 0 at the end. */
struct socket_transfer {
	struct co_frame co;
	struct socket *socket;
	struct socket_message *message;
};
CO_OPERATION(socket_bind);
CO_OPERATION(socket_connect);
CO_OPERATION(socket_transfer);

/* An absent operation is -EOPNOTSUPP. None waits but the CO_OPERATIONs. */
struct socket_ops {
	struct socket_bind_op bind;
	struct socket_connect_op connect;
	struct socket_transfer_op send, receive;
	/* Without waiting and without a frame: bytes, or -EAGAIN: use the other. */
	i64 (*try_send)(struct socket *s, struct uio *uio);
	i64 (*try_receive)(struct socket *s, struct uio *uio);
	int (*listen)(struct socket *s, u32 backlog);
	/* A connection was accepted: there is room for another. */
	void (*room)(struct socket *s);
	/* The own or the peer's address into NET_NAME_MAX bytes: its length or an error. */
	int (*name)(struct socket *s, bool peer, char *to);
	int (*shutdown)(struct socket *s, u32 which);	/* SOCKET_SHUT_* */
	/* May it send, or receive, in the state it is in? For streams. */
	int (*check)(struct socket *s, const struct socket_message *m, bool send);
	/* A stream's peer was closed before what is sent now. NULL: that is -EPIPE. */
	void (*unwanted)(struct socket *s);
	/* From where a message came, if its packet has no name. */
	int (*from)(struct socket *s, const struct packet *p, char *to);
	/* Control messages of the family's own. */
	void (*control)(struct socket *s, const struct socket_control *c, char *buf, u32 *used,
			u32 room, u32 *got);
	/* How much may be on its way to the peer. */
	u64 (*limit)(const struct socket *s);
	/* Some was taken from its queue: charge it was before, and is. */
	void (*took)(struct socket *s, u32 before, u32 after);
	u32 (*poll)(struct socket *s);
	/* A value into *value; -ENOTTY: not one of its own. */
	int (*query)(struct socket *s, unsigned cmd, int *value);
	/* Of other levels than SOL_SOCKET. `len` bytes, at most SOCKET_OPTION_MAX; get: the room
	 * in, the length out. */
	int (*set_option)(struct socket *s, int level, int option, const char *value, u32 len);
	int (*get_option)(struct socket *s, int level, int option, char *value, u32 *len);
	void (*closed)(struct socket *s);
	void (*freed)(struct socket *s);
};

#define SOCKET_OPTION_MAX 512u

struct socket {
	const struct socket_ops *ops;	/* [I] */
	u16 family, type, protocol;	/* [I] */
	refcount refs;			/* [a] */
	struct file *file;		/* [a] borrowed; NULL: not accepted yet, or closed */
	u64 ino;			/* [a] of its file */
	spinlock lock;
	u8 state;			/* [a] enum socket_state; changed under lock */
	u8 shut;			/* [a] SOCKET_SHUT_*; changed under lock */
	bool dead;			/* [a] closed: nothing is queued any more; as shut */
	bool urgent;			/* [a] urgent_byte was not received yet; as shut */
	u8 urgent_byte;			/* [s] */
	struct packet *urgent_at;	/* [s] borrowed: its place in the queue; NULL: passed */
	bool ended;			/* [a] the peer has said that nothing follows */
	struct list queue;		/* [s] struct packet, received */
	u32 queue_len;			/* [a] packets; changed under lock */
	u32 charge;			/* [a] of the queue; changed under lock */
	u32 queued;			/* [a] bytes not yet taken; changed under lock */
	u32 sent_charge;		/* [a] own packets that count here */
	struct socket *peer;		/* [a] owned; for streams set once */
	struct list pending;		/* [s] .pending_link: connections to be accepted */
	struct list pending_link;	/* listener's [s] */
	u32 pending_count, backlog;	/* [a] changed under lock */
	struct waitq can_read, can_write;
	int error;			/* [a] positive; for the next call */
	u32 flags;			/* [a] SOCKET_* */
	u32 sndbuf, rcvbuf;		/* [a] */
	u32 rcvlowat;			/* [a] */
	u32 linger_s;			/* [a] */
	u32 priority, mark;		/* [a] */
	u64 cookie;			/* [a] 0: nobody asked yet */
	u64 rcvtimeo_ns, sndtimeo_ns;	/* [a] 0: for ever */
	struct filter *filter;		/* [s], [a] for a look: owned, or NULL */
	struct cred *cred;		/* [I] who made it, owned */
	struct cred *peer_cred;		/* [a] owned; NULL: not connected */
	struct pid *pid;		/* [a] owned: who made it, or listens */
	struct pid *peer_pid;		/* owned; with peer_cred */
};

/* Set up the common part, refs 1. `cred` and the current process are who makes it. */
void socket_init(struct socket *s, const struct socket_ops *ops, u16 family, u16 type,
		 u16 protocol);
static inline void socket_get(struct socket *s)
{
	ref_get(&s->refs);
}
void socket_put(struct socket *s);	/* NULL is ignored */

/* A file for it (the reference is taken over on success); NULL without memory. flags:
 * O_NONBLOCK or 0. */
struct file *socket_file(struct socket *s, u32 flags);
extern const struct file_ops socket_file_ops;
/* The file's socket, borrowed; NULL: it is none. */
static inline struct socket *socket_of(const struct file *file)
{
	return file->ops == &socket_file_ops ? file->private : NULL;
}

/* A new socket of any family: 0 and *made with a reference, or an error. `type` without
 * flags. */
int socket_new(u32 family, u32 type, u32 protocol, struct socket **made);
/* Two that are connected. */
int socket_new_pair(u32 family, u32 type, u32 protocol, struct socket *made[2]);

/* Wait for a connection and take it: *made gets a reference. */
struct socket_accept {
	struct co_frame co;
	struct socket *socket;
	bool no_wait;
	struct socket **made;
	u64 deadline_ns;
	long err;
};
co_t socket_accept(struct co *co, struct socket_accept *f);

/* --- for the families --- */

/* The pending error, which is thereby told: 0 or negative. */
int socket_take_error(struct socket *s);
void socket_fail(struct socket *s, int error);	/* positive; wakes everybody */

/* When a wait with this timeout ends, and what its result means. */
u64 socket_deadline(u64 timeout_ns);
long socket_waited(long err, u64 deadline_ns, bool sending);

/* Queue p (taken over) for s: 0, or -EPIPE and p is still the caller's, if s is closed or does
 * not read. Wakes its readers. */
int socket_queue(struct socket *s, struct packet *p);
/* Take the first packet out. */
struct packet *socket_unqueue(struct socket *s) REQUIRES(s->lock);
/* Is one of these SOCKET_* set? */
static inline bool socket_is_set(const struct socket *s, u32 flags)
{
	return atomic_load_relaxed(&s->flags) & flags;
}

/* So many bytes more (modulo 2^32: or fewer) are not yet taken. */
static inline void socket_count(struct socket *s, u32 more) REQUIRES(s->lock)
{
	atomic_store_relaxed(&s->queued, s->queued + more);
}

/* Drop everything that is queued; true if there was something. */
bool socket_purge(struct socket *s);
/* Note in p who sends it, if c says so or one of the two sockets wants to know. */
void socket_stamp(const struct socket *s, const struct socket *to, struct packet *p,
		  const struct socket_control *c);
/* p counts as sent by s until it is freed. */
void socket_charge(struct socket *s, struct packet *p);
void socket_uncharge(struct socket *s, u32 charge);

void socket_wake(struct socket *s, u32 events);

#endif
