/* core/net/ioctl.c */
#include "core/net/ioctl.h"

#include <asm/ioctls.h>
#include <linux/sockios.h>

#include "core/base/string.h"
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

static long socket_query(struct socket *s, unsigned cmd, int *value)
{
	if (cmd != FIONREAD)
		return s->ops->query ? s->ops->query(s, cmd, value) : -ENOTTY;
	if (atomic_load(&s->state) == SOCKET_LISTEN)
		return -EINVAL;
	*value = socket_readable(s);
	return 0;
}

co_t socket_ioctl(struct co *co, struct socket_ioctl *f)
{
	CO_BEGIN;
	f->err = socket_query(f->file->private, f->cmd, &f->value);
	if (!f->err)
		CO_COPY_TO_USER(f->err, uptr_of(f->arg), &f->value, sizeof(f->value));
	CO_RETURN(f->err);
	CO_END;
}
