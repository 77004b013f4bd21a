/* core/net/stream.h -- ordered bytes between two connected sockets: UNIX streams and TCP.
 *
 * What one sends is queued at the other, so a sender is limited by its peer's queue. The family's
 * `check` says whether the state allows it, `limit` how much may be queued.
 *
 * Locking  one socket's lock at a time. A stream's peer is set once and lives as long.
 */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "core/net/socket.h"

struct stream_send {
	struct socket_transfer;
	struct packet *packet;
	u64 deadline_ns;
	i64 sent;
	long err;
};
co_t stream_send(struct co *co, struct stream_send *f);

struct stream_receive {
	struct socket_transfer;
	u64 deadline_ns;
	u64 target, done;
	i64 n;
	u32 skip;		/* MSG_PEEK: bytes already seen */
	char byte;		/* MSG_OOB */
	bool ends;		/* what follows belongs to another message */
	bool named;		/* the message holds its sender */
	long err;
};
co_t stream_receive(struct co *co, struct stream_receive *f);

i64 stream_try_send(struct socket *s, struct uio *uio);
i64 stream_try_receive(struct socket *s, struct uio *uio);

/* May more be sent without waiting, as poll sees it? */
bool stream_is_writable(const struct socket *s);
/* socket_ops.took: wake the peer that waits for room. */
void stream_took(struct socket *s, u32 before, u32 after);

/* Make s and peer each other's: takes a reference of each. */
void stream_join(struct socket *s, struct socket *peer);

#endif
