/* core/net/netlink_generic.c -- NETLINK_GENERIC, and the family that knows the others. */
#include <linux/genetlink.h>

#include "core/base/string.h"
#include "core/cred/cred.h"
#include "core/net/netlink.h"

static const struct generic_family *const generic_families[] = {
	&generic_control, &netlink_taskstats,
};

const struct nlattr *netlink_generic_attribute(const struct nlmsghdr *h, u16 type)
{
	return netlink_attribute(h, GENERIC_HDRLEN, type);
}

u32 netlink_generic_begin(struct netlink_answer *a, const struct generic_family *family, u8 command,
		  u16 flags)
{
	struct genlmsghdr g = {.cmd = command, .version = family->version};

	return netlink_begin(a, family->id, flags, &g, sizeof(g));
}

static int generic_answer(struct netlink_socket *n, const struct nlmsghdr *h,
			  struct netlink_answer *a)
{
	bool dump = (h->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
	const struct generic_family *family = NULL;
	const struct genlmsghdr *g = NLMSG_DATA(h);
	const struct generic_op *op = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(generic_families); i++)
		if (generic_families[i]->id == h->nlmsg_type)
			family = generic_families[i];
	if (!family)
		return -ENOENT;
	if (h->nlmsg_len < NLMSG_LENGTH(GENERIC_HDRLEN))
		return -EINVAL;
	for (u32 i = 0; i < family->count; i++)
		if (family->ops[i].command == g->cmd)
			op = &family->ops[i];
	if (!op || !(op->flags & (dump ? GENL_CMD_CAP_DUMP : GENL_CMD_CAP_DO)))
		return -EOPNOTSUPP;
	if ((op->flags & GENL_ADMIN_PERM) && !cred_capable(task_current()->cred, CAP_NET_ADMIN))
		return -EPERM;
	return op->answer(n, h, a);
}

static void generic_closed(struct netlink_socket *n)
{
	for (size_t i = 0; i < ARRAY_SIZE(generic_families); i++)
		if (generic_families[i]->closed)
			generic_families[i]->closed(n);
}

/* --- nlctrl --- */

static void control_add(struct netlink_answer *a, const struct generic_family *family, u16 flags)
{
	u32 start = netlink_generic_begin(a, &generic_control, CTRL_CMD_NEWFAMILY, flags), ops, one;

	netlink_add(a, CTRL_ATTR_FAMILY_NAME, family->name, (u32)strlen(family->name) + 1);
	netlink_add(a, CTRL_ATTR_FAMILY_ID, &family->id, sizeof(family->id));
	netlink_add_u32(a, CTRL_ATTR_VERSION, family->version);
	netlink_add_u32(a, CTRL_ATTR_HDRSIZE, 0);
	netlink_add_u32(a, CTRL_ATTR_MAXATTR, 0);
	ops = netlink_nest(a, CTRL_ATTR_OPS);
	for (u32 i = 0; i < family->count; i++) {
		one = netlink_nest(a, (u16)(i + 1));
		netlink_add_u32(a, CTRL_ATTR_OP_ID, family->ops[i].command);
		netlink_add_u32(a, CTRL_ATTR_OP_FLAGS, family->ops[i].flags);
		netlink_nest_end(a, one);
	}
	netlink_nest_end(a, ops);
	if (family->group) {
		ops = netlink_nest(a, CTRL_ATTR_MCAST_GROUPS);
		one = netlink_nest(a, 1);
		netlink_add_u32(a, CTRL_ATTR_MCAST_GRP_ID, family->id);
		netlink_add(a, CTRL_ATTR_MCAST_GRP_NAME, family->group,
			    (u32)strlen(family->group) + 1);
		netlink_nest_end(a, one);
		netlink_nest_end(a, ops);
	}
	netlink_end(a, start);
}

/* Is it the family with this id or, without one, this name? */
static bool control_is(const struct generic_family *family, const struct nlattr *id,
		       const struct nlattr *name)
{
	u32 len;
	const void *value = netlink_value(id ? id : name, &len);
	size_t n = strlen(family->name);
	u16 number;

	if (id) {
		memcpy(&number, value, sizeof(number));
		return number == family->id;
	}
	return strnlen(value, len) == n && !memcmp(value, family->name, n);
}

static int control_get_family(struct netlink_socket *n, const struct nlmsghdr *h,
			      struct netlink_answer *a)
{
	const struct nlattr *id = netlink_generic_attribute(h, CTRL_ATTR_FAMILY_ID);
	const struct nlattr *name = netlink_generic_attribute(h, CTRL_ATTR_FAMILY_NAME);
	bool all = (h->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;

	if (!all && !id && !name)
		return -EINVAL;
	if (id && id->nla_len < NLA_HDRLEN + sizeof(u16))
		return -ERANGE;
	for (size_t i = 0; i < ARRAY_SIZE(generic_families); i++) {
		if (!all && !control_is(generic_families[i], id, name))
			continue;
		control_add(a, generic_families[i], all ? NLM_F_MULTI : 0);
		if (!all)
			return 0;
	}
	return all ? 0 : -ENOENT;
}

static const struct generic_op control_ops[] = {
	{CTRL_CMD_GETFAMILY, GENL_CMD_CAP_DO | GENL_CMD_CAP_DUMP | GENL_CMD_CAP_HASPOL,
	 control_get_family},
};

const struct generic_family generic_control = {
	.name = "nlctrl", .id = GENL_ID_CTRL, .version = 2, .group = "notify",
	.ops = control_ops, .count = ARRAY_SIZE(control_ops),
};

const struct netlink_protocol netlink_generic = {
	.protocol = NETLINK_GENERIC, .answer = generic_answer, .closed = generic_closed,
};
