/* core/net/netlink_answer.c -- messages and attributes, written and read. */
#include "core/base/string.h"
#include "core/net/netlink.h"

static void *netlink_room(struct netlink_answer *a, u32 size)
{
	u32 aligned = NLMSG_ALIGN(size);
	void *at = a->data + a->len;

	if (a->full || a->room - a->len < aligned) {
		a->full = true;
		return NULL;
	}
	memset(at, 0, aligned);
	a->len += aligned;
	return at;
}

u32 netlink_begin(struct netlink_answer *a, u16 type, u16 flags, const void *body, u32 size)
{
	u32 start = a->len;
	struct nlmsghdr *h = netlink_room(a, NLMSG_LENGTH(size));

	if (h) {
		*h = (struct nlmsghdr){.nlmsg_type = type, .nlmsg_flags = flags,
				       .nlmsg_seq = a->seq, .nlmsg_pid = a->port};
		memcpy(NLMSG_DATA(h), body, size);
	}
	return start;
}

void netlink_add(struct netlink_answer *a, u16 type, const void *data, u32 size)
{
	struct nlattr *at = netlink_room(a, NLA_HDRLEN + size);

	if (!at)
		return;
	at->nla_len = (u16)(NLA_HDRLEN + size);
	at->nla_type = type;
	if (size)
		memcpy((char *)at + NLA_HDRLEN, data, size);
}

void netlink_end(struct netlink_answer *a, u32 start)
{
	if (!a->full)
		((struct nlmsghdr *)(void *)(a->data + start))->nlmsg_len = a->len - start;
}

u32 netlink_nest(struct netlink_answer *a, u16 type)
{
	u32 start = a->len;

	netlink_add(a, type, NULL, 0);
	return start;
}

void netlink_nest_end(struct netlink_answer *a, u32 start)
{
	if (!a->full)
		((struct nlattr *)(void *)(a->data + start))->nla_len = (u16)(a->len - start);
}

void netlink_done(struct netlink_answer *a)
{
	int nothing = 0;

	netlink_end(a, netlink_begin(a, NLMSG_DONE, NLM_F_MULTI, &nothing, sizeof(nothing)));
}

void netlink_ack(struct netlink_answer *a, const struct nlmsghdr *h, int err, bool brief)
{
	struct nlmsgerr e = {.error = err, .msg = *h};
	u32 more = err && !brief ? h->nlmsg_len - (u32)sizeof(*h) : 0, start;
	char *rest;

	start = netlink_begin(a, NLMSG_ERROR, err && !brief ? 0 : NLM_F_CAPPED, &e, sizeof(e));
	if (more) {
		rest = netlink_room(a, more);
		if (rest)
			memcpy(rest, NLMSG_DATA(h), more);
	}
	netlink_end(a, start);
}

const struct nlattr *netlink_attribute(const struct nlmsghdr *h, u32 body, u16 type)
{
	u32 at = NLMSG_LENGTH(NLMSG_ALIGN(body));

	while (h->nlmsg_len >= at + NLA_HDRLEN) {
		const struct nlattr *attr = (const void *)((const char *)h + at);

		if (attr->nla_len < NLA_HDRLEN || attr->nla_len > h->nlmsg_len - at)
			return NULL;
		if ((attr->nla_type & NLA_TYPE_MASK) == type)
			return attr;
		at += NLA_ALIGN(attr->nla_len);
	}
	return NULL;
}
