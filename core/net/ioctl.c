/* core/net/ioctl.c */
#include "core/net/ioctl.h"

#include <asm/ioctls.h>
#include <linux/sockios.h>

#include "core/base/string.h"
#include "core/proc/async.h"
#include "mem/space/uaccess.h"

/* What the next read would give. */
static int socket_readable(struct socket *s)
{
	u32 n;

	spin_lock(&s->lock);
	n = s->queued;
	/* Of messages the first only. */
	if (s->type != SOCK_STREAM && s->type != SOCK_SEQPACKET)
		n = list_empty(&s->queue) ? 0 : list_first(&s->queue, struct packet, link)->len;
	spin_unlock(&s->lock);
	return (int)n;
}

long socket_query(struct socket *s, unsigned cmd, int *value)
{
	if (cmd != FIONREAD)
		return s->ops->query ? s->ops->query(s, cmd, value) : -ENOTTY;
	if (atomic_load(&s->state) == SOCKET_LISTEN)
		return -EINVAL;
	*value = socket_readable(s);
	return 0;
}

/* The list of interfaces with an IPv4 address: how much of it there is room for. */
static void socket_list_interfaces(struct socket_ioctl *f)
{
	memset(&f->request, 0, sizeof(f->request));
	string_copy(f->request.name, LOOPBACK_NAME, sizeof(f->request.name));
	loopback_ioctl(SIOCGIFADDR, &f->request, true);
	if (!f->list.to)
		f->list.len = sizeof(f->request);
	else
		f->list.len = f->list.len < (i32)sizeof(f->request) ? 0 : (i32)sizeof(f->request);
}

static bool socket_is_inet(const struct file *file)
{
	const struct socket *s = file->private;

	return s->family == AF_INET || s->family == AF_INET6;
}

co_t socket_ioctl(struct co *co, struct socket_ioctl *f)
{
	CO_BEGIN;
	if (f->cmd == SIOCGIFCONF) {
		CO_COPY_FROM_USER(f->err, &f->list, uptr_of(f->arg), sizeof(f->list));
		if (f->err)
			CO_RETURN(f->err);
		socket_list_interfaces(f);
		if (f->list.to && f->list.len)
			CO_COPY_TO_USER(f->err, uptr_of(f->list.to), &f->request,
					sizeof(f->request));
		if (!f->err)
			CO_COPY_TO_USER(f->err, uptr_of(f->arg), &f->list, sizeof(f->list));
		CO_RETURN(f->err);
	}
	if (f->cmd >= SIOCGIFNAME && f->cmd <= SIOCGIFTXQLEN) {
		CO_COPY_FROM_USER(f->err, &f->request, uptr_of(f->arg), sizeof(f->request));
		if (!f->err)
			f->err = loopback_ioctl(f->cmd, &f->request, socket_is_inet(f->file));
		if (!f->err)
			CO_COPY_TO_USER(f->err, uptr_of(f->arg), &f->request, sizeof(f->request));
		CO_RETURN(f->err);
	}
	if (f->cmd == FIOSETOWN || f->cmd == SIOCSPGRP) {
		CO_COPY_FROM_USER(f->err, &f->value, uptr_of(f->arg), sizeof(f->value));
		CO_RETURN(f->err ? f->err : async_set_number(f->file, f->value));
	}
	if (f->cmd == FIOGETOWN || f->cmd == SIOCGPGRP)
		f->value = async_get_number(f->file);
	else
		f->err = socket_query(f->file->private, f->cmd, &f->value);
	if (!f->err)
		CO_COPY_TO_USER(f->err, uptr_of(f->arg), &f->value, sizeof(f->value));
	CO_RETURN(f->err);
	CO_END;
}
