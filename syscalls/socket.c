/* syscalls/socket.c -- making, naming and connecting sockets, and their options. */
#include "core/base/string.h"
#include "core/net/option.h"
#include "core/proc/thread.h"
#include "mem/phys/slab.h"
#include "mem/space/uaccess.h"
#include "syscalls/retry.h"
#include "syscalls/sockets.h"
#include "syscalls/sockfilter.h"
#include "syscalls/uring_call.h"

#define SOCKET_FLAGS ((u32)(SOCK_CLOEXEC | SOCK_NONBLOCK))

/* --- making --- */

static u64 socket_limit(struct task *t)
{
	return rlimit_get(thread_of(t)->process, RLIMIT_NOFILE);
}

struct file *sockets_open(struct socket *s, u32 flags)
{
	struct file *file = socket_file(s, flags & SOCK_NONBLOCK ? O_NONBLOCK : 0);

	if (!file) {
		s->ops->closed(s);
		socket_put(s);
	}
	return file;
}

long sockets_add(struct task *t, struct socket *s, u32 flags)
{
	struct file *file = sockets_open(s, flags);
	long fd;

	if (!file)
		return -ENOMEM;
	fd = fd_add(t->fds, file, 0, socket_limit(t), flags & SOCK_CLOEXEC);
	if (fd < 0)
		file_put(file);
	return fd;
}

static long sys_socket(struct task *t, u32 family, u32 type, u32 protocol)
{
	struct socket *s;
	long err;

	if (type & ~(SOCK_TYPE_MASK | SOCKET_FLAGS))
		return -EINVAL;
	err = socket_new(family, type & SOCK_TYPE_MASK, protocol, &s);
	return err ? err : sockets_add(t, s, type);
}
SYSCALL_PLAIN(socket, u32, u32, u32);

static long socket_add_pair(struct task *t, struct socket *made[2], u32 flags, int fds[2])
{
	struct file *a = sockets_open(made[0], flags), *b = sockets_open(made[1], flags);
	long err = -ENOMEM;

	if (a && b)
		err = fd_add_two(t->fds, a, b, socket_limit(t), flags & SOCK_CLOEXEC, fds);
	if (err) {
		file_put(a);
		file_put(b);
	}
	return err;
}

static long sys_socketpair(struct task *t, u32 family, u32 type, u32 protocol, uptr to)
{
	int fds[2] = {-1, -1};
	struct socket *made[2];
	long err;

	if (type & ~(SOCK_TYPE_MASK | SOCKET_FLAGS))
		return -EINVAL;
	if (!user_put(t, to, fds, sizeof(fds)))
		return SYS_MUST_WAIT;
	err = socket_new_pair(family, type & SOCK_TYPE_MASK, protocol, made);
	if (!err)
		err = socket_add_pair(t, made, type, fds);
	if (err || user_put(t, to, fds, sizeof(fds)))
		return err;
	for (int i = 0; i < 2; i++)
		file_put(fd_take(t->fds, fds[i]));
	return SYS_MUST_WAIT;
}
SYSCALL_RETRY(socketpair, u32, u32, u32, uptr);

/* --- addresses --- */

co_t sockets_name_in(struct co *co, struct sockets_name_in *f)
{
	CO_BEGIN;
	memset(f->name, 0, NET_NAME_MAX);
	if (f->len < 0 || f->len > (int)NET_NAME_MAX)
		CO_RETURN(-EINVAL);
	CO_COPY_FROM_USER(f->err, f->name, f->from, (size_t)f->len);
	CO_RETURN(f->err);
	CO_END;
}

co_t sockets_name_out(struct co *co, struct sockets_name_out *f)
{
	CO_BEGIN;
	CO_COPY_FROM_USER(f->err, &f->room, f->to_len, sizeof(f->room));
	if (f->err)
		CO_RETURN(f->err);
	if (f->room < 0)
		CO_RETURN(-EINVAL);
	CO_COPY_TO_USER(f->err, f->to, f->name, (size_t)min(f->room, f->len));
	if (!f->err)
		CO_COPY_TO_USER(f->err, f->to_len, &f->len, sizeof(f->len));
	CO_RETURN(f->err);
	CO_END;
}

/* bind and connect. */
struct socket_with_name {
	struct co_frame co;
	int fd;
	uptr from;
	int len;
	bool connect;
	struct file *file;
	char *name;
	long err;
};
static co_t socket_with_name(struct co *co, struct socket_with_name *f)
{
	struct socket *s;

	CO_BEGIN;
	f->err = sockets_get(co_task(co), f->fd, &f->file);
	if (f->err)
		CO_RETURN(f->err);
	f->err = -ENOMEM;
	f->name = kmalloc(NET_NAME_MAX);
	if (!f->name)
		goto out;
	CO_AWAIT(f->err, sockets_name_in, .from = f->from, .len = f->len, .name = f->name);
	if (f->err)
		goto out;
	s = socket_of(f->file);
	f->err = -EOPNOTSUPP;
	if (f->connect && s->ops->connect.step)
		CO_AWAIT_OP(f->err, s->ops->connect, .socket = s, .name = f->name,
			    .name_len = (u32)f->len,
			    .no_wait = sockets_flags(f->file, 0));
	else if (!f->connect && s->ops->bind.step)
		CO_AWAIT_OP(f->err, s->ops->bind, .socket = s, .name = f->name,
			    .name_len = (u32)f->len);
out:
	kfree(f->name);
	file_put(f->file);
	CO_RETURN(f->err);
	CO_END;
}

co_t begin_bind(struct co *co, const u64 *a);
co_t begin_bind(struct co *co, const u64 *a)
{
	return co_begin(co, socket_with_name, .fd = (int)a[0], .from = uptr_of(a[1]),
			.len = (int)a[2]);
}

co_t begin_connect(struct co *co, const u64 *a);
co_t begin_connect(struct co *co, const u64 *a)
{
	return co_begin(co, socket_with_name, .fd = (int)a[0], .from = uptr_of(a[1]),
			.len = (int)a[2], .connect = true);
}

/* getsockname and getpeername. */
struct socket_get_name {
	struct co_frame co;
	int fd;
	uptr to, to_len;
	bool peer;
	struct file *file;
	char *name;
	long err;
};
static co_t socket_get_name(struct co *co, struct socket_get_name *f)
{
	struct socket *s;

	CO_BEGIN;
	f->err = sockets_get(co_task(co), f->fd, &f->file);
	if (f->err)
		CO_RETURN(f->err);
	f->name = kmalloc(NET_NAME_MAX);
	s = socket_of(f->file);
	f->err = f->name ? s->ops->name(s, f->peer, f->name) : -ENOMEM;
	if (f->err >= 0)
		CO_AWAIT(f->err, sockets_name_out, .name = f->name, .len = (int)f->err,
			 .to = f->to, .to_len = f->to_len);
	kfree(f->name);
	file_put(f->file);
	CO_RETURN(f->err);
	CO_END;
}

co_t begin_getsockname(struct co *co, const u64 *a);
co_t begin_getsockname(struct co *co, const u64 *a)
{
	return co_begin(co, socket_get_name, .fd = (int)a[0], .to = uptr_of(a[1]),
			.to_len = uptr_of(a[2]));
}

co_t begin_getpeername(struct co *co, const u64 *a);
co_t begin_getpeername(struct co *co, const u64 *a)
{
	return co_begin(co, socket_get_name, .fd = (int)a[0], .to = uptr_of(a[1]),
			.to_len = uptr_of(a[2]), .peer = true);
}

/* --- listening and accepting --- */

static long sys_listen(struct task *t, int fd, u32 backlog)
{
	struct file *file;
	struct socket *s;
	long err = sockets_get(t, fd, &file);

	if (err)
		return err;
	s = socket_of(file);
	err = s->ops->listen ? s->ops->listen(s, min(backlog, (u32)SOMAXCONN_DEFAULT))
			     : -EOPNOTSUPP;
	file_put(file);
	return err;
}
SYSCALL_PLAIN(listen, int, u32);

/* The new connection's file, and its peer's address if that is asked for: its length. */
static long socket_accepted(struct sys_accept4 *f)
{
	long len = 0;

	f->new = sockets_open(f->made, f->flags);
	if (!f->new)
		return -ENOMEM;
	if (!f->to.raw)
		return 0;
	f->name = kmalloc(NET_NAME_MAX);
	if (!f->name)
		return -ENOMEM;
	len = f->made->ops->name(f->made, true, f->name);
	return len < 0 ? -ECONNABORTED : len;
}

co_t sys_accept4(struct co *co, struct sys_accept4 *f)
{
	struct socket *s;

	CO_BEGIN;
	if (f->flags & ~SOCKET_FLAGS)
		CO_RETURN(-EINVAL);
	f->err = sockets_get(co_task(co), f->fd, &f->file);
	if (f->err)
		CO_RETURN(f->err);
	/* Without a number the connection stays where it is. */
	if (!f->file_index)
		f->number = fd_reserve(fd_current(co), socket_limit(co_task(co)));
	if (f->number < 0) {
		file_put(f->file);
		CO_RETURN(f->number);
	}
	s = socket_of(f->file);
	CO_AWAIT(f->err, socket_accept, .socket = s, .no_wait = sockets_flags(f->file, 0),
		 .made = &f->made);
	if (!f->err)
		f->err = socket_accepted(f);
	if (f->err >= 0 && f->to.raw)
		CO_AWAIT(f->err, sockets_name_out, .name = f->name, .len = (int)f->err,
			 .to = f->to, .to_len = f->to_len);
	if (!f->file_index)
		fd_settle(fd_current(co), f->number, f->err ? NULL : f->new,
			  f->flags & SOCK_CLOEXEC);
	else if (!f->err)
		f->number = (int)uring_call_install(co, f->new, f->flags & SOCK_CLOEXEC,
						    f->file_index);
	if (f->err)
		file_put(f->new);
	kfree(f->name);
	file_put(f->file);
	CO_RETURN(f->err ? f->err : f->number);
	CO_END;
}
SYSCALL_CO(accept4, fd, to, to_len, flags);

co_t begin_accept(struct co *co, const u64 *a);
co_t begin_accept(struct co *co, const u64 *a)
{
	return co_begin(co, sys_accept4, .fd = (int)a[0], .to = uptr_of(a[1]),
			.to_len = uptr_of(a[2]));
}

static long sys_shutdown(struct task *t, int fd, int how)
{
	struct file *file;
	struct socket *s;
	long err = sockets_get(t, fd, &file);

	if (err)
		return err;
	s = socket_of(file);
	if (how < SHUT_RD || how > SHUT_RDWR)
		err = -EINVAL;
	else
		err = s->ops->shutdown ? s->ops->shutdown(s, (u32)how + 1) : -EOPNOTSUPP;
	file_put(file);
	return err;
}
SYSCALL_PLAIN(shutdown, int, int);

/* --- options --- */

struct sys_setsockopt {
	struct co_frame co;
	int fd, level, option;
	uptr from;
	int len;
	struct file *file;
	char *value;
	long err;
};
static co_t sys_setsockopt(struct co *co, struct sys_setsockopt *f)
{
	CO_BEGIN;
	if (f->len < 0)
		CO_RETURN(-EINVAL);
	f->err = sockets_get(co_task(co), f->fd, &f->file);
	if (f->err)
		CO_RETURN(f->err);
	if (f->level == SOL_SOCKET && f->option == SO_ATTACH_FILTER) {
		CO_AWAIT(f->err, sockfilter_set, .socket = socket_of(f->file), .from = f->from,
			 .len = (u32)f->len);
		goto out;
	}
	f->err = -ENOMEM;
	f->value = kzalloc(SOCKET_OPTION_MAX);
	if (!f->value)
		goto out;
	f->len = min(f->len, (int)SOCKET_OPTION_MAX);
	CO_COPY_FROM_USER(f->err, f->value, f->from, (size_t)f->len);
	if (!f->err)
		f->err = option_set(socket_of(f->file), f->level, f->option, f->value,
				    (u32)f->len);
out:
	kfree(f->value);
	file_put(f->file);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(setsockopt, fd, level, option, from, len);

struct sys_getsockopt {
	struct co_frame co;
	int fd, level, option;
	uptr to, to_len;
	struct file *file;
	char *value;
	int room;
	u32 len;
	long err, fault;
};
static co_t sys_getsockopt(struct co *co, struct sys_getsockopt *f)
{
	CO_BEGIN;
	f->err = sockets_get(co_task(co), f->fd, &f->file);
	if (f->err)
		CO_RETURN(f->err);
	CO_COPY_FROM_USER(f->err, &f->room, f->to_len, sizeof(f->room));
	if (!f->err && f->room < 0)
		f->err = -EINVAL;
	if (f->err)
		goto out;
	f->len = (u32)f->room;
	if (f->level == SOL_SOCKET && f->option == SO_GET_FILTER) {
		CO_AWAIT(f->err, sockfilter_get, .socket = socket_of(f->file), .to = f->to,
			 .len = &f->len);
		goto told;
	}
	f->err = -ENOMEM;
	f->value = kzalloc(SOCKET_OPTION_MAX);
	if (!f->value)
		goto out;
	f->err = option_get(socket_of(f->file), f->level, f->option, f->value, &f->len);
	if (!f->err)
		CO_COPY_TO_USER(f->err, f->to, f->value, (size_t)f->len);
	if (f->err == -EFAULT && f->level == SOL_SOCKET && f->option == SO_PEERPIDFD)
		file_put(fd_take(fd_current(co), option_int(f->value)));
told:
	if (!f->err || f->err == -ERANGE) {
		CO_COPY_TO_USER(f->fault, f->to_len, &f->len, sizeof(f->len));
		f->err = f->fault ? f->fault : f->err;
	}
out:
	kfree(f->value);
	file_put(f->file);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(getsockopt, fd, level, option, to, to_len);
