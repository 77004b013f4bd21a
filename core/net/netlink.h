/* core/net/netlink.h -- AF_NETLINK: questions to the kernel about its network (NETLINK_ROUTE).
 *
 * What is asked is answered while it is sent: the answer is in the sender's queue when sendmsg
 * returns. Nothing is told unasked, as nothing of the network ever changes; so a socket may
 * join any group and never hears from it. That is also all there is of NETLINK_KOBJECT_UEVENT.
 *
 * Locking  netlink_lock (RANK_NET_TABLE) covers who has which port.
 */
#ifndef NET_NETLINK_H
#define NET_NETLINK_H

#include <linux/netlink.h>

#include "core/net/socket.h"

struct netlink_socket {
	struct socket socket;	/* first */
	struct list all;	/* under netlink_lock */
	u32 port;		/* [a] 0: not bound; set once, under netlink_lock */
	u32 groups;		/* [a] bit n: group n + 1 */
	u32 to;			/* [a] connected to this port; 0: the kernel */
	bool short_acks;	/* [a] NETLINK_CAP_ACK: an error does not repeat the question */
	bool wants_info;	/* [a] NETLINK_PKTINFO */
	u32 ignored;		/* [a] options that change nothing here, as they were set */
};

/* For who tells something through a program's socket (mq_notify): the socket of this file with a
 * reference; -ENOTSOCK, or -EINVAL for one of another family. */
int netlink_hold(const struct file *file, struct socket **socket);
/* Put these bytes in its queue, as from the kernel; without room they are lost. */
void netlink_tell(struct socket *s, const void *data, u32 len);

/* One answer, being written; the room is fixed, and too much sets `full`. */
struct netlink_answer {
	char *data;
	u32 len, room;
	bool full;
	u32 port, seq;		/* of who asks */
};

/* Begin a message; where it begins, for netlink_end. */
u32 netlink_begin(struct netlink_answer *a, u16 type, u16 flags, const void *body, u32 size);
void netlink_add(struct netlink_answer *a, u16 type, const void *data, u32 size);
static inline void netlink_add_u32(struct netlink_answer *a, u16 type, u32 value)
{
	netlink_add(a, type, &value, sizeof(value));
}
void netlink_end(struct netlink_answer *a, u32 start);

/* netlink_route.c: answer one request of NETLINK_ROUTE: 0 or an error for the acknowledgement. */
int netlink_route(const struct nlmsghdr *h, struct netlink_answer *a);

#endif
