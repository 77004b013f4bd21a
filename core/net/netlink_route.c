/* core/net/netlink_route.c -- NETLINK_ROUTE: the one interface, its addresses and its routes. */
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "core/base/string.h"
#include "core/cred/cred.h"
#include "core/net/loopback.h"
#include "core/net/netlink.h"

/* --- links --- */

static void route_add_link(struct netlink_answer *a, u16 flags)
{
	struct ifinfomsg link = {.ifi_type = LOOPBACK_TYPE, .ifi_index = LOOPBACK_INDEX,
				 .ifi_flags = LOOPBACK_FLAGS};
	static const u8 address[LOOPBACK_ADDRESS_SIZE];
	struct rtnl_link_stats64 stats = {0};
	static const u8 no = 0, yes = 1;
	u64 packets, bytes;
	u32 start = netlink_begin(a, RTM_NEWLINK, flags, &link, sizeof(link));

	loopback_stats(&packets, &bytes);
	stats.rx_packets = stats.tx_packets = packets;
	stats.rx_bytes = stats.tx_bytes = bytes;
	netlink_add(a, IFLA_IFNAME, LOOPBACK_NAME, sizeof(LOOPBACK_NAME));
	netlink_add_u32(a, IFLA_TXQLEN, LOOPBACK_QUEUE);
	netlink_add(a, IFLA_OPERSTATE, &no, 1);	/* IF_OPER_UNKNOWN */
	netlink_add(a, IFLA_LINKMODE, &no, 1);
	netlink_add_u32(a, IFLA_MTU, LOOPBACK_MTU);
	netlink_add_u32(a, IFLA_MIN_MTU, 0);
	netlink_add_u32(a, IFLA_MAX_MTU, 0);
	netlink_add_u32(a, IFLA_GROUP, 0);
	netlink_add_u32(a, IFLA_PROMISCUITY, 0);
	netlink_add_u32(a, IFLA_NUM_TX_QUEUES, 1);
	netlink_add_u32(a, IFLA_NUM_RX_QUEUES, 1);
	netlink_add(a, IFLA_CARRIER, &yes, 1);
	netlink_add(a, IFLA_QDISC, "noqueue", sizeof("noqueue"));
	netlink_add(a, IFLA_ADDRESS, address, sizeof(address));
	netlink_add(a, IFLA_BROADCAST, address, sizeof(address));
	netlink_add(a, IFLA_STATS64, &stats, sizeof(stats));
	netlink_end(a, start);
}

static int route_get_link(const struct nlmsghdr *h, struct netlink_answer *a, bool dump)
{
	const struct ifinfomsg *ask = NLMSG_DATA(h);
	const struct nlattr *name;
	u32 len;

	if (dump) {
		route_add_link(a, NLM_F_MULTI);
		return 0;
	}
	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*ask)))
		return -EINVAL;
	name = netlink_attribute(h, sizeof(*ask), IFLA_IFNAME);
	if (ask->ifi_index <= 0 && !name)
		return ask->ifi_index < 0 ? -ENODEV : -EINVAL;
	if (ask->ifi_index > 0 && ask->ifi_index != LOOPBACK_INDEX)
		return -ENODEV;
	len = name ? name->nla_len - (u32)NLA_HDRLEN : 0;
	if (ask->ifi_index <= 0 &&
	    (strnlen((const char *)name + NLA_HDRLEN, len) != sizeof(LOOPBACK_NAME) - 1 ||
	     memcmp((const char *)name + NLA_HDRLEN, LOOPBACK_NAME, sizeof(LOOPBACK_NAME) - 1)))
		return -ENODEV;
	route_add_link(a, 0);
	return 0;
}

/* --- addresses --- */

static void route_add_address(struct netlink_answer *a, u8 family)
{
	bool v4 = family == AF_INET;
	struct ifaddrmsg address = {.ifa_family = family, .ifa_prefixlen = v4 ? 8 : 128,
				    .ifa_flags = IFA_F_PERMANENT, .ifa_scope = RT_SCOPE_HOST,
				    .ifa_index = LOOPBACK_INDEX};
	struct ifa_cacheinfo forever = {.ifa_prefered = UINT32_MAX, .ifa_valid = UINT32_MAX};
	const void *bytes = v4 ? loopback_v4 : loopback_v6;
	u32 size = v4 ? sizeof(loopback_v4) : sizeof(loopback_v6);
	u32 start = netlink_begin(a, RTM_NEWADDR, NLM_F_MULTI, &address, sizeof(address));

	netlink_add(a, IFA_ADDRESS, bytes, size);
	if (v4) {
		netlink_add(a, IFA_LOCAL, bytes, size);
		netlink_add(a, IFA_LABEL, LOOPBACK_NAME, sizeof(LOOPBACK_NAME));
	}
	netlink_add_u32(a, IFA_FLAGS, IFA_F_PERMANENT);
	netlink_add(a, IFA_CACHEINFO, &forever, sizeof(forever));
	netlink_end(a, start);
}

static int route_get_addresses(u8 family, struct netlink_answer *a, bool dump)
{
	if (!dump)
		return -EOPNOTSUPP;
	if (family == AF_INET || family == AF_UNSPEC)
		route_add_address(a, AF_INET);
	if (family == AF_INET6 || family == AF_UNSPEC)
		route_add_address(a, AF_INET6);
	return 0;
}

/* --- routes: those of the local table are all there are --- */

static void route_add_route(struct netlink_answer *a, u8 family, u8 type, const void *to, u8 bits)
{
	bool v4 = family == AF_INET;
	struct rtmsg route = {.rtm_family = family, .rtm_dst_len = bits,
			      .rtm_table = RT_TABLE_LOCAL, .rtm_protocol = RTPROT_KERNEL,
			      .rtm_scope = !v4			? RT_SCOPE_UNIVERSE
					   : type == RTN_LOCAL	? RT_SCOPE_HOST
								: RT_SCOPE_LINK,
			      .rtm_type = type};
	u32 start = netlink_begin(a, RTM_NEWROUTE, NLM_F_MULTI, &route, sizeof(route));

	netlink_add_u32(a, RTA_TABLE, RT_TABLE_LOCAL);
	netlink_add(a, RTA_DST, to, v4 ? 4 : 16);
	if (v4)
		netlink_add(a, RTA_PREFSRC, loopback_v4, sizeof(loopback_v4));
	else
		netlink_add_u32(a, RTA_PRIORITY, 0);
	netlink_add_u32(a, RTA_OIF, LOOPBACK_INDEX);
	netlink_end(a, start);
}

static int route_get_routes(u8 family, struct netlink_answer *a, bool dump)
{
	static const u8 network[4] = {127, 0, 0, 0}, broadcast[4] = {127, 255, 255, 255};

	if (!dump)
		return -EOPNOTSUPP;
	if (family == AF_INET || family == AF_UNSPEC) {
		route_add_route(a, AF_INET, RTN_LOCAL, network, 8);
		route_add_route(a, AF_INET, RTN_LOCAL, loopback_v4, 32);
		route_add_route(a, AF_INET, RTN_BROADCAST, broadcast, 32);
	}
	if (family == AF_INET6 || family == AF_UNSPEC)
		route_add_route(a, AF_INET6, RTN_LOCAL, loopback_v6, 128);
	return 0;
}

static int route_answer(struct netlink_socket *n, const struct nlmsghdr *h,
			struct netlink_answer *a)
{
	bool dump = (h->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
	u8 family;

	if (h->nlmsg_type > RTM_MAX)
		return -EOPNOTSUPP;
	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(struct rtgenmsg)))
		return 0;
	/* Numbers go in fours: new, delete, get, set. */
	if ((h->nlmsg_type - RTM_BASE) % 4 != 2 &&
	    !cred_capable(task_current()->cred, CAP_NET_ADMIN))
		return -EPERM;
	family = ((const struct rtgenmsg *)NLMSG_DATA(h))->rtgen_family;
	switch (h->nlmsg_type) {
	case RTM_GETLINK:
		return route_get_link(h, a, dump);
	case RTM_GETADDR:
		return route_get_addresses(family, a, dump);
	case RTM_GETROUTE:
		return route_get_routes(family, a, dump);
	case RTM_GETNEIGH:
		return dump ? 0 : -EOPNOTSUPP;	/* nobody is a neighbour on the loopback */
	default:
		return -EOPNOTSUPP;
	}
}

const struct netlink_protocol netlink_route = {.protocol = NETLINK_ROUTE, .answer = route_answer};
