/* core/net/netlink.h -- AF_NETLINK: questions to the kernel, and what it tells unasked.
 *
 * What is asked is answered while it is sent: the answer is in the sender's queue when sendmsg
 * returns. Of the network nothing is told unasked, as nothing of it ever changes; of processes
 * the connector tells (netlink_connector.c), and taskstats (netlink_taskstats.c).
 *
 * Locking  netlink_lock (RANK_NET_TABLE) covers who has which port.
 */
#ifndef NET_NETLINK_H
#define NET_NETLINK_H

#include <linux/netlink.h>

#include "core/net/socket.h"

struct netlink_answer;
struct netlink_socket;

/* What NETLINK_* stands for. */
struct netlink_protocol {
	u16 protocol;
	/* Answer one message: 0 or an error for the acknowledgement. NULL: nobody is asked. */
	int (*answer)(struct netlink_socket *n, const struct nlmsghdr *h,
		      struct netlink_answer *a);
	/* Instead, where nothing is acknowledged: the one message of what was sent. */
	void (*take)(struct netlink_socket *n, const struct nlmsghdr *h);
	void (*closed)(struct netlink_socket *n);	/* under netlink_lock; or NULL */
};
extern const struct netlink_protocol netlink_route, netlink_generic, netlink_connector;
void netlink_init(void);		/* at boot */

struct netlink_socket {
	struct socket socket;	/* first */
	const struct netlink_protocol *protocol;	/* [I] */
	struct list all;	/* under netlink_lock */
	u32 port;		/* [a] 0: not bound; set once, under netlink_lock */
	u32 groups;		/* [a] bit n: group n + 1 */
	u32 to;			/* [a] connected to this port; 0: the kernel */
	bool short_acks;	/* [a] NETLINK_CAP_ACK: an error does not repeat the question */
	bool wants_info;	/* [a] NETLINK_PKTINFO */
	bool loses_quietly;	/* [a] NETLINK_NO_ENOBUFS */
	bool listens;		/* the connector's, under netlink_lock: it asked to be told */
	u32 unwanted;		/* [a] PROC_EVENT_* that it does not want to hear of */
	u32 ignored;		/* [a] options that change nothing here, as they were set */
};

/* For who tells something through a program's socket (mq_notify): the socket of this file with a
 * reference; -ENOTSOCK, or -EINVAL for one of another family. */
int netlink_hold(const struct file *file, struct socket **socket);
/* Put these bytes in its queue, as from the kernel; without room they are lost. */
void netlink_tell(struct socket *s, const void *data, u32 len);

/* Tell every member of this group of a protocol for which `wants` holds (NULL: every one); it is
 * called with the lock held. Who has no room is told that something was lost. */
void netlink_broadcast(const struct netlink_protocol *p, u32 group, const void *data, u32 len,
		       bool (*wants)(const struct netlink_socket *n, const void *data));
extern spinlock netlink_lock;
/* Tell who has this port, if anybody. */
void netlink_tell_port(const struct netlink_protocol *p, u32 port, const void *data, u32 len)
	REQUIRES(netlink_lock);

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
/* The same for an attribute of attributes. */
u32 netlink_nest(struct netlink_answer *a, u16 type);
void netlink_nest_end(struct netlink_answer *a, u32 start);
/* The end of a dump; the acknowledgement of h (`brief`: an error does not repeat it). */
void netlink_done(struct netlink_answer *a);
void netlink_ack(struct netlink_answer *a, const struct nlmsghdr *h, int err, bool brief);

/* The attribute of a message whose body is `body` bytes; NULL: there is none. */
const struct nlattr *netlink_attribute(const struct nlmsghdr *h, u32 body, u16 type);
static inline const void *netlink_value(const struct nlattr *attr, u32 *len)
{
	*len = attr->nla_len - (u32)NLA_HDRLEN;
	return (const char *)attr + NLA_HDRLEN;
}

/* --- NETLINK_GENERIC: families that are found by their names --- */

#define GENERIC_HDRLEN NLMSG_ALIGN(sizeof(struct genlmsghdr))

struct genlmsghdr;
struct generic_op {
	u8 command;
	u32 flags;		/* GENL_* */
	int (*answer)(struct netlink_socket *n, const struct nlmsghdr *h,
		      struct netlink_answer *a);
};
struct generic_family {
	const char *name;
	u16 id;			/* the type of its messages */
	u8 version;
	u8 count;
	const struct generic_op *ops;
	const char *group;	/* NULL: none; its number is the family's */
	void (*closed)(struct netlink_socket *n);	/* under netlink_lock; or NULL */
};
extern const struct generic_family generic_control, netlink_taskstats;

/* The attribute of a message of these; NULL: there is none. */
const struct nlattr *netlink_generic_attribute(const struct nlmsghdr *h, u16 type);
/* Begin a message of a family. */
u32 netlink_generic_begin(struct netlink_answer *a, const struct generic_family *family, u8 command,
		  u16 flags);

void netlink_connector_init(void);
void netlink_taskstats_init(void);

#endif
