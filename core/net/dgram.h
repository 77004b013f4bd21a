/* core/net/dgram.h -- receiving whole messages: datagrams, sequenced packets, netlink.
 *
 * Locking  the packet is taken from the queue (or looked at with a reference), and copied with
 *          no lock held.
 */
#ifndef NET_DGRAM_H
#define NET_DGRAM_H

#include "core/net/socket.h"

/* How many bytes were copied; MSG_TRUNC: how many there were. */
struct dgram_receive {
	struct socket_transfer;
	struct packet *packet;
	u64 deadline_ns;
	u32 n;
	long err, waited;
};
co_t dgram_receive(struct co *co, struct dgram_receive *f);

i64 dgram_try_receive(struct socket *s, struct uio *uio);

/* One packet of all the message's bytes: 0, or an error. */
struct dgram_make {
	struct co_frame co;
	struct socket_message *message;
	struct packet **made;
	struct packet *packet;
	long err;
};
co_t dgram_make(struct co *co, struct dgram_make *f);

#endif
