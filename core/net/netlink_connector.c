/* core/net/netlink_connector.c -- NETLINK_CONNECTOR: of its parts the one that tells what happens
 * to processes (linux/cn_proc.h).
 *
 * Members of its group are told while anybody listens; each may say of what it wants to hear.
 * Nothing is acknowledged but the wish itself, by an event.
 */
#include <linux/connector.h>

#include "core/base/string.h"
#include "core/net/netlink.h"
#include "core/proc/proc_event.h"
#include "hal/clock.h"

#define CONNECTOR_EVENT (sizeof(struct cn_msg) + sizeof(struct proc_event))

static u32 connector_counts[HAL_MAX_CPUS];	/* [a] events of each CPU so far */

/* Does n want this message? An end with an error can be wished for alone. */
static bool connector_wants(const struct netlink_socket *n, const void *data)
{
	struct proc_event e;
	u32 unwanted = atomic_load_relaxed(&n->unwanted);

	if (!unwanted)
		return true;
	memcpy(&e, (const char *)data + NLMSG_HDRLEN + sizeof(struct cn_msg), sizeof(e));
	if (e.what == PROC_EVENT_EXIT && e.event_data.exit.exit_code &&
	    !(unwanted & PROC_EVENT_NONZERO_EXIT))
		return true;
	return e.what & ~unwanted;
}

static void connector_broadcast(const struct proc_event *e, u32 ack)
{
	u32 n = atomic_add_relaxed(&connector_counts[e->cpu], 1u);
	struct nlmsghdr h = {.nlmsg_type = NLMSG_DONE, .nlmsg_seq = n,
			     .nlmsg_len = NLMSG_LENGTH(CONNECTOR_EVENT)};
	struct cn_msg m = {.id = {CN_IDX_PROC, CN_VAL_PROC}, .seq = n, .ack = ack,
			   .len = sizeof(*e)};
	char buf[NLMSG_LENGTH(CONNECTOR_EVENT)];

	memcpy(buf, &h, sizeof(h));
	memcpy(buf + NLMSG_HDRLEN, &m, sizeof(m));
	memcpy(buf + NLMSG_HDRLEN + sizeof(m), e, sizeof(*e));
	netlink_broadcast(&netlink_connector, CN_IDX_PROC, buf, sizeof(buf), connector_wants);
}

static void connector_tell(const struct proc_event *e)
{
	connector_broadcast(e, 0);
}

static void connector_listen(struct netlink_socket *n, bool on)
{
	if (n->listens != on)
		atomic_add(&proc_event_listeners, on ? 1u : -1u);
	n->listens = on;
}

static void connector_closed(struct netlink_socket *n)
{
	connector_listen(n, false);
}

/* A wish, alone or with the events it is for: 0 or a positive error; -1: it is neither. */
static int connector_wish(struct netlink_socket *n, const void *data, u32 len)
{
	struct proc_input in = {.event_type = PROC_EVENT_NONE};
	int err = 0;
	u32 wanted;

	if (len != sizeof(in) && len != sizeof(in.mcast_op))
		return -1;
	memcpy(&in, data, len);
	wanted = valid_event(in.event_type);
	spin_lock(&netlink_lock);
	atomic_store(&n->unwanted, wanted ? ~wanted & PROC_EVENT_ALL : 0u);
	if (in.mcast_op == PROC_CN_MCAST_LISTEN) {
		connector_listen(n, true);
	} else if (in.mcast_op == PROC_CN_MCAST_IGNORE) {
		connector_listen(n, false);
		atomic_store(&n->unwanted, UINT32_MAX);
	} else {
		err = EINVAL;
	}
	spin_unlock(&netlink_lock);
	return err;
}

static void connector_take(struct netlink_socket *n, const struct nlmsghdr *h)
{
	u32 room = h->nlmsg_len - (u32)NLMSG_HDRLEN;
	struct proc_event e = {.what = PROC_EVENT_NONE};
	struct cn_msg m;
	int err;

	if (room < sizeof(m))
		return;
	memcpy(&m, NLMSG_DATA(h), sizeof(m));
	if (m.id.idx != CN_IDX_PROC || m.id.val != CN_VAL_PROC || m.len > room - sizeof(m))
		return;
	err = connector_wish(n, (const char *)NLMSG_DATA(h) + sizeof(m), m.len);
	if (err < 0)
		return;
	e.cpu = hal_cpu_self()->id;
	e.timestamp_ns = hal_clock_ns();
	e.event_data.ack.err = (u32)err;
	connector_broadcast(&e, m.ack + 1);
}

void netlink_connector_init(void)
{
	proc_event_tell = connector_tell;
}

const struct netlink_protocol netlink_connector = {
	.protocol = NETLINK_CONNECTOR, .take = connector_take, .closed = connector_closed,
};
