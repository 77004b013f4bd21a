/* syscalls/message.c -- sending and receiving through sockets. */
#include <linux/uio.h>

#include "core/base/string.h"
#include "core/net/control.h"
#include "core/proc/signal.h"
#include "hal/clock.h"
#include "mem/phys/slab.h"
#include "mem/space/uaccess.h"
#include "syscalls/sockets.h"

#define MESSAGE_FEW_VECS    4
#define MESSAGE_END	    (1ul << 52)	/* beyond nothing can be the user's on any machine */
#define MESSAGE_COMPAT	    (1u << 31)	/* a flag for the kernel's own use on others */
#define MESSAGE_CONTROL_MAX 131072ul	/* net.core.optmem_max */
#define MESSAGE_MANY	    1024u	/* of one sendmmsg */
#define MESSAGE_NS_PER_SEC  1000000000l

/* --- one buffer --- */

long message_buffer(struct uio *uio, uptr buf, size_t len)
{
	len = min(len, UIO_MAX);
	if (buf.raw > MESSAGE_END || len > MESSAGE_END - buf.raw)
		return -EFAULT;
	*uio = uio_user(buf, len);
	return 0;
}

/* Without an address, flags or waiting it is a read or a write. */
static long message_try(struct task *t, int fd, uptr buf, size_t len, u32 flags, bool send)
{
	i64 (*try)(struct socket *s, struct uio *uio);
	struct file *file;
	struct uio uio;
	long n = message_buffer(&uio, buf, len);

	if (n || (flags & ~(u32)(MSG_NOSIGNAL | MSG_DONTWAIT)))
		return SYS_MUST_WAIT;
	n = sockets_get(t, fd, &file);
	if (n)
		return n;
	try = send ? socket_of(file)->ops->try_send : socket_of(file)->ops->try_receive;
	n = try ? try(socket_of(file), &uio) : -EAGAIN;
	file_put(file);
	return n == -EAGAIN ? SYS_MUST_WAIT : n;
}

static long try_sendto(struct task *t, int fd, uptr buf, size_t len, u32 flags, uptr name)
{
	return name.raw ? SYS_MUST_WAIT : message_try(t, fd, buf, len, flags, true);
}
SYSCALL_TRY(sendto, int, uptr, size_t, u32, uptr);

static long try_recvfrom(struct task *t, int fd, uptr buf, size_t len, u32 flags, uptr name)
{
	return name.raw ? SYS_MUST_WAIT : message_try(t, fd, buf, len, flags, false);
}
SYSCALL_TRY(recvfrom, int, uptr, size_t, u32, uptr);

struct sys_sendto {
	struct co_frame co;
	int fd;
	uptr buf;
	size_t len;
	u32 flags;
	uptr name;
	int name_len;
	struct file *file;
	struct socket_message m;
	long err;
};
static co_t sys_sendto(struct co *co, struct sys_sendto *f)
{
	struct socket *s;

	CO_BEGIN;
	f->err = message_buffer(&f->m.uio, f->buf, f->len);
	if (!f->err)
		f->err = sockets_get(co_task(co), f->fd, &f->file);
	if (f->err)
		CO_RETURN(f->err);
	if (f->name.raw) {
		f->m.name = kmalloc(NET_NAME_MAX);
		f->err = -ENOMEM;
		if (f->m.name)
			CO_AWAIT(f->err, sockets_name_in, .from = f->name, .len = f->name_len,
				 .name = f->m.name);
		f->m.name_len = (u32)f->name_len;
	}
	s = socket_of(f->file);
	f->m.flags = sockets_flags(f->file, f->flags);
	if (!f->err)
		CO_AWAIT_OP(f->err, s->ops->send, .socket = s, .message = &f->m);
	kfree(f->m.name);
	file_put(f->file);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(sendto, fd, buf, len, flags, name, name_len);

struct sys_recvfrom {
	struct co_frame co;
	int fd;
	uptr buf;
	size_t len;
	u32 flags;
	uptr name, name_len;
	struct file *file;
	struct socket_message m;
	long n, err;
};
static co_t sys_recvfrom(struct co *co, struct sys_recvfrom *f)
{
	struct socket *s;

	CO_BEGIN;
	f->n = message_buffer(&f->m.uio, f->buf, f->len);
	if (!f->n)
		f->n = sockets_get(co_task(co), f->fd, &f->file);
	if (f->n)
		CO_RETURN(f->n);
	if (f->name.raw)
		f->m.name = kmalloc(NET_NAME_MAX);
	s = socket_of(f->file);
	f->m.flags = sockets_flags(f->file, f->flags);
	f->n = f->name.raw && !f->m.name ? -ENOMEM : 0;
	if (!f->n)
		CO_AWAIT_OP(f->n, s->ops->receive, .socket = s, .message = &f->m);
	if (f->n >= 0 && f->name.raw) {
		CO_AWAIT(f->err, sockets_name_out, .name = f->m.name,
			 .len = (int)f->m.name_len, .to = f->name, .to_len = f->name_len);
		if (f->err)
			f->n = f->err;
	}
	kfree(f->m.name);
	file_put(f->file);
	CO_RETURN(f->n);
	CO_END;
}
SYSCALL_CO(recvfrom, fd, buf, len, flags, name, name_len);

/* --- messages --- */

/* A message header from user space, its vectors and what it needs besides, on the heap. */
struct message {
	struct net_msghdr hdr;
	struct uio_vec few[MESSAGE_FEW_VECS];
	struct uio_vec *vecs;
	struct socket_message m;
	struct socket_control control;
	char *buf;			/* control messages */
	u32 used, flags_out;
	char name[NET_NAME_MAX];
};

static void message_free(struct message *m)
{
	if (!m)
		return;
	if (m->vecs != m->few)
		kfree(m->vecs);
	control_drop(&m->control);
	kfree(m->buf);
	kfree(m);
}

/* Read the header and its vectors: *made is to be freed in any case. */
struct message_read {
	struct co_frame co;
	uptr from;
	struct message **made;
	struct message *m;
	long err;
};
static co_t message_read(struct co *co, struct message_read *f)
{
	CO_BEGIN;
	f->m = kzalloc(sizeof(*f->m));
	if (!f->m)
		CO_RETURN(-ENOMEM);
	*f->made = f->m;
	CO_COPY_FROM_USER(f->err, &f->m->hdr, f->from, sizeof(f->m->hdr));
	if (f->err)
		CO_RETURN(f->err);
	if (!f->m->hdr.name)
		f->m->hdr.name_len = 0;
	if (f->m->hdr.name_len < 0)
		CO_RETURN(-EINVAL);
	if (f->m->hdr.iov_len > UIO_MAXIOV)
		CO_RETURN(-EMSGSIZE);
	f->m->vecs = f->m->hdr.iov_len <= MESSAGE_FEW_VECS
			     ? f->m->few
			     : kmalloc(f->m->hdr.iov_len * sizeof(*f->m->vecs));
	if (!f->m->vecs)
		CO_RETURN(-ENOMEM);
	CO_COPY_FROM_USER(f->err, f->m->vecs, uptr_of(f->m->hdr.iov),
			  f->m->hdr.iov_len * sizeof(*f->m->vecs));
	if (!f->err)
		f->err = (long)uio_check_iov(f->m->vecs, (u32)f->m->hdr.iov_len);
	if (f->err < 0)
		CO_RETURN(f->err);
	f->m->m.uio = uio_user_iov(f->m->vecs, (u32)f->m->hdr.iov_len);
	CO_RETURN(0);
	CO_END;
}

static long message_parse(struct message_send *f)
{
	f->m->m.control = &f->m->control;
	return control_parse(socket_of(f->file), f->m->buf, f->m->hdr.control_len,
			     &f->m->control);
}

co_t message_send(struct co *co, struct message_send *f)
{
	struct socket *s;

	CO_BEGIN;
	CO_AWAIT(f->n, message_read, .from = f->from, .made = &f->m);
	if (f->n)
		goto out;
	if (f->m->hdr.name_len) {
		f->m->hdr.name_len = min(f->m->hdr.name_len, (i32)NET_NAME_MAX);
		CO_AWAIT(f->n, sockets_name_in, .from = uptr_of(f->m->hdr.name),
			 .len = f->m->hdr.name_len, .name = f->m->name);
		f->m->m.name = f->m->name;
		f->m->m.name_len = (u32)f->m->hdr.name_len;
	}
	if (!f->n && f->m->hdr.control_len > MESSAGE_CONTROL_MAX)
		f->n = -ENOBUFS;
	if (!f->n && f->m->hdr.control_len) {
		f->m->buf = kmalloc(f->m->hdr.control_len);
		f->n = -ENOBUFS;
		if (f->m->buf)
			CO_COPY_FROM_USER(f->n, f->m->buf, uptr_of(f->m->hdr.control),
					  f->m->hdr.control_len);
		if (!f->n)
			f->n = message_parse(f);
	}
	if (f->n)
		goto out;
	s = socket_of(f->file);
	f->m->m.flags = sockets_flags(f->file, f->flags);
	CO_AWAIT_OP(f->n, s->ops->send, .socket = s, .message = &f->m->m);
out:
	message_free(f->m);
	CO_RETURN(f->n);
	CO_END;
}

/* Control messages into a buffer of ours; what there is no room for is cut. */
static long message_build(struct message_receive *f)
{
	struct message *m = f->m;
	struct socket *s = socket_of(f->file);

	if (!m->hdr.control || !m->hdr.control_len) {
		control_skip(s, &m->control, &m->m.got);
		return 0;
	}
	m->buf = kmalloc(CONTROL_MOST);
	if (!m->buf)
		return -ENOMEM;
	m->used = control_build(s, &m->control, m->buf,
				(u32)min(m->hdr.control_len, (u64)CONTROL_MOST),
				f->flags & MSG_CMSG_CLOEXEC, &m->m.got);
	return 0;
}

/* The buffer that was given, cut to the length of the one it stands for. */
static long message_give(struct message_receive *f)
{
	const struct message *m = f->m;

	if (m->hdr.iov_len > 1)
		return -EINVAL;
	if (m->hdr.iov_len && m->vecs[0].len)
		f->len = (u32)min((u64)f->len, m->vecs[0].len);
	return message_buffer(&f->m->m.uio, uptr_of(f->at), f->len);
}

co_t message_receive(struct co *co, struct message_receive *f)
{
	struct socket *s;

	CO_BEGIN;
	CO_AWAIT(f->n, message_read, .from = f->from, .made = &f->m);
	if (!f->n && f->given)
		f->n = message_give(f);
	if (f->n)
		goto out;
	s = socket_of(f->file);
	f->m->m.name = f->m->hdr.name ? f->m->name : NULL;
	f->m->m.control = &f->m->control;
	f->m->m.flags = sockets_flags(f->file, f->flags);
	CO_AWAIT_OP(f->n, s->ops->receive, .socket = s, .message = &f->m->m);
	if (f->n < 0)
		goto out;
	f->err = message_build(f);
	if (!f->err && f->m->used) {
		CO_COPY_TO_USER(f->err, uptr_of(f->m->hdr.control), f->m->buf, (size_t)f->m->used);
		if (f->err)
			control_undo(f->m->buf, f->m->used);
	}
	if (!f->err && f->m->m.name)
		CO_AWAIT(f->err, sockets_name_out, .name = f->m->name,
			 .len = (int)f->m->m.name_len, .to = uptr_of(f->m->hdr.name),
			 .to_len = uptr_add(f->to, offsetof(struct net_msghdr, name_len)));
	f->m->flags_out = f->m->m.got | (f->flags & MSG_CMSG_CLOEXEC);
	f->m->hdr.control_len = f->m->used;
	if (!f->err)
		CO_COPY_TO_USER(f->err,
				uptr_add(f->to, offsetof(struct net_msghdr, flags)),
				&f->m->flags_out, sizeof(f->m->flags_out));
	if (!f->err)
		CO_COPY_TO_USER(f->err,
				uptr_add(f->to, offsetof(struct net_msghdr, control_len)),
				&f->m->hdr.control_len, sizeof(f->m->hdr.control_len));
	if (f->err)
		f->n = f->err;
out:
	message_free(f->m);
	CO_RETURN(f->n);
	CO_END;
}

struct sys_sendmsg {
	struct co_frame co;
	int fd;
	uptr from;
	u32 flags;
	struct file *file;
	long n;
};
static co_t sys_sendmsg(struct co *co, struct sys_sendmsg *f)
{
	CO_BEGIN;
	if (f->flags & MESSAGE_COMPAT)
		CO_RETURN(-EINVAL);
	f->n = sockets_get(co_task(co), f->fd, &f->file);
	if (f->n)
		CO_RETURN(f->n);
	CO_AWAIT(f->n, message_send, .file = f->file, .from = f->from, .flags = f->flags);
	file_put(f->file);
	CO_RETURN(f->n);
	CO_END;
}
SYSCALL_CO(sendmsg, fd, from, flags);

struct sys_recvmsg {
	struct co_frame co;
	int fd;
	uptr from;
	u32 flags;
	struct file *file;
	long n;
};
static co_t sys_recvmsg(struct co *co, struct sys_recvmsg *f)
{
	CO_BEGIN;
	if (f->flags & MESSAGE_COMPAT)
		CO_RETURN(-EINVAL);
	f->n = sockets_get(co_task(co), f->fd, &f->file);
	if (f->n)
		CO_RETURN(f->n);
	CO_AWAIT(f->n, message_receive, .file = f->file, .from = f->from, .to = f->from,
		 .flags = f->flags);
	file_put(f->file);
	CO_RETURN(f->n);
	CO_END;
}
SYSCALL_CO(recvmsg, fd, from, flags);

/* --- several messages --- */

/* The n-th header of an array, and where its result goes. */
static uptr message_nth(uptr array, u32 n)
{
	return uptr_add(array, (u64)n * sizeof(struct net_mmsghdr));
}
static uptr message_nth_len(uptr array, u32 n)
{
	return uptr_add(message_nth(array, n), offsetof(struct net_mmsghdr, len));
}

struct sys_sendmmsg {
	struct co_frame co;
	int fd;
	uptr array;
	u32 count, flags;
	struct file *file;
	u32 done, len;
	long n;
};
static co_t sys_sendmmsg(struct co *co, struct sys_sendmmsg *f)
{
	CO_BEGIN;
	if (f->flags & MESSAGE_COMPAT)
		CO_RETURN(-EINVAL);
	f->n = sockets_get(co_task(co), f->fd, &f->file);
	if (f->n)
		CO_RETURN(f->n);
	f->count = min(f->count, MESSAGE_MANY);
	while (f->done < f->count) {
		CO_AWAIT(f->n, message_send, .file = f->file,
			 .from = message_nth(f->array, f->done), .flags = f->flags);
		if (f->n < 0)
			break;
		f->len = (u32)f->n;
		CO_COPY_TO_USER(f->n, message_nth_len(f->array, f->done), &f->len, sizeof(f->len));
		if (f->n)
			break;
		f->done++;
		CO_BREATHE;
	}
	file_put(f->file);
	CO_RETURN(f->done ? (long)f->done : f->n);
	CO_END;
}
SYSCALL_CO(sendmmsg, fd, array, count, flags);

struct sys_recvmmsg {
	struct co_frame co;
	int fd;
	uptr array;
	u32 count, flags;
	uptr timeout;
	struct file *file;
	struct { i64 sec, nsec; } left;
	u64 deadline_ns;
	u32 done, len;
	long n;
};

/* The time there is for all of them; it is looked at after each. */
static long message_deadline(struct sys_recvmmsg *f)
{
	u64 ns;

	if (f->left.sec < 0 || f->left.nsec < 0 || f->left.nsec >= MESSAGE_NS_PER_SEC)
		return -EINVAL;
	f->deadline_ns = CO_FOREVER;
	if (f->left.sec < INT64_MAX / MESSAGE_NS_PER_SEC &&
	    !add_overflows(hal_clock_ns(),
			   (u64)(f->left.sec * MESSAGE_NS_PER_SEC + f->left.nsec), &ns))
		f->deadline_ns = ns;
	return 0;
}

static void message_time_left(struct sys_recvmmsg *f)
{
	u64 now = hal_clock_ns(), left = f->deadline_ns > now ? f->deadline_ns - now : 0;

	f->left.sec = (i64)(left / MESSAGE_NS_PER_SEC);
	f->left.nsec = (i64)(left % MESSAGE_NS_PER_SEC);
}

/* Is the call over after the message just received? */
static bool message_was_last(struct sys_recvmmsg *f)
{
	if (f->flags & MSG_WAITFORONE)
		f->flags |= MSG_DONTWAIT;
	return f->timeout.raw && f->deadline_ns != CO_FOREVER && hal_clock_ns() >= f->deadline_ns;
}

static co_t sys_recvmmsg(struct co *co, struct sys_recvmmsg *f)
{
	CO_BEGIN;
	if (f->flags & MESSAGE_COMPAT)
		CO_RETURN(-EINVAL);
	if (f->timeout.raw) {
		CO_COPY_FROM_USER(f->n, &f->left, f->timeout, sizeof(f->left));
		if (!f->n)
			f->n = message_deadline(f);
	}
	if (!f->n)
		f->n = sockets_get(co_task(co), f->fd, &f->file);
	if (f->n)
		CO_RETURN(f->n);
	f->n = socket_take_error(socket_of(f->file));
	while (!f->n && f->done < f->count) {
		CO_AWAIT(f->n, message_receive, .file = f->file,
			 .from = message_nth(f->array, f->done),
			 .to = message_nth(f->array, f->done),
			 .flags = f->flags & ~(u32)MSG_WAITFORONE);
		if (f->n < 0)
			break;
		f->len = (u32)f->n;
		CO_COPY_TO_USER(f->n, message_nth_len(f->array, f->done), &f->len, sizeof(f->len));
		if (f->n)
			break;
		f->done++;
		if (message_was_last(f))
			break;
		CO_BREATHE;
	}
	/* An error after some is the next call's. */
	if (f->done && f->n < 0 && f->n != -EAGAIN && f->n >= -EHWPOISON)
		atomic_store(&socket_of(f->file)->error, (int)-f->n);
	if (f->done && f->timeout.raw) {
		message_time_left(f);
		CO_COPY_TO_USER(f->n, f->timeout, &f->left, sizeof(f->left));
		f->done = f->n ? 0 : f->done;
	}
	file_put(f->file);
	CO_RETURN(f->done ? (long)f->done : f->n);
	CO_END;
}
SYSCALL_CO(recvmmsg, fd, array, count, flags, timeout);
