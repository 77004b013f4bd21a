/* core/net/packet.h -- a piece of data on its way: the unit of every receive queue.
 *
 * A datagram is one packet; what is written to a stream becomes packets of at most
 * PACKET_STREAM_MAX bytes. A small one lies behind its header, a bigger one in pages of its
 * own, so that no allocation is larger than the slab's.
 *
 * Ownership  counted: the queue holds one reference, whoever looks without taking (MSG_PEEK)
 *            another. The last put frees the bytes and what travels with them.
 * Units      bytes. `charge` is the memory it stands for, which the buffer limits count.
 * Locking    a packet is its maker's until it is queued; then `at` and the link are under the
 *            socket's lock and the rest does not change.
 */
#ifndef NET_PACKET_H
#define NET_PACKET_H

#include "core/base/atomic.h"
#include "core/base/list.h"
#include "mem/space/uio.h"

#define PACKET_STREAM_MAX 32768u

struct net_name;
struct pid;
struct rights;
struct socket;

/* The address a packet of the IP family came from or goes to. */
struct packet_end {
	u8 addr[16];		/* IPv4 ones mapped */
	u16 port;		/* big endian */
};

/* What a datagram's IP header says beside addresses. Of IP's options there are only those that do
 * nothing: `nops` times IPOPT_NOOP, filled up to `padded` bytes. */
struct packet_ip {
	u8 service, ttl;
	u8 padded, nops;
};

struct packet {
	struct list link;
	refcount refs;		/* [a] */
	u32 len, at;		/* bytes in all, and taken so far (streams) */
	u32 charge;
	u32 room;		/* bytes behind the header; the rest lies in pages */
	bool urgent;		/* one byte, which is not read with the others */
	bool has_cred;		/* pid, uid and gid are the sender's */
	u32 uid, gid;
	struct pid *pid;	/* owned */
	struct rights *rights;	/* owned: descriptors that travel along */
	struct socket *sender;	/* owned: it is charged there; NULL: not charged */
	struct net_name *name;	/* owned: the sender's, or NULL */
	struct packet_end from, to;
	struct packet_ip ip;	/* of datagrams over IP */
	u32 group;		/* of netlink's that it was sent to; 0: to one socket */
	u64 stamp_ns;		/* wall clock, if anybody asked for it */
	alignas(8) char data[];	/* `room` bytes, or pointers to pages */
};

/* With room for len bytes, which are not filled; NULL without memory. */
struct packet *packet_new(u32 len);
static inline void packet_get(struct packet *p)
{
	ref_get(&p->refs);
}
void packet_put(struct packet *p);	/* NULL is ignored */

/* From the uio into an unqueued packet, from byte `at` on: bytes until it was full or user
 * memory was missing. */
u32 packet_copy_in(struct packet *p, u32 at, struct uio *uio);
/* Bytes [at, at + n) to the uio: how many until user memory was missing. */
u32 packet_copy_out(const struct packet *p, u32 at, u32 n, struct uio *uio);

/* n bytes from `at` on, which are there. */
void packet_peek(const struct packet *p, u32 at, u32 n, void *to);
/* An unqueued one loses what is behind byte `len`. */
void packet_cut(struct packet *p, u32 len);

/* Copying in and out, waiting for user memory: 0, -EFAULT, -EINTR. */
struct packet_fill {
	struct co_frame co;
	struct packet *packet;
	struct uio *uio;
	u32 at;
	long err;
};
co_t packet_fill(struct co *co, struct packet_fill *f);
struct packet_drain {
	struct co_frame co;
	const struct packet *packet;
	u32 at, n;
	struct uio *uio;
	u32 done;
	long err;
};
co_t packet_drain(struct co *co, struct packet_drain *f);

/* A packet that queues and is charged: bytes of memory. */
static inline u32 packet_charge(u32 len)
{
	return len + 256;
}

#endif
