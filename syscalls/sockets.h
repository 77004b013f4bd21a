/* syscalls/sockets.h -- what the calls of socket.c and message.c share. */
#ifndef SYSCALLS_SOCKETS_H
#define SYSCALLS_SOCKETS_H

#include <linux/fcntl.h>

#include "core/net/abi.h"
#include "core/net/socket.h"
#include "core/proc/thread.h"
#include "syscalls/syscall.h"
#include "vfs/fd.h"

/* The open socket, with a reference of its file, or an error: -EBADF, -ENOTSOCK. */
static inline long sockets_get(struct task *t, int fd, struct file **file)
{
	*file = fd_get(t->fds, fd);
	if (!*file)
		return -EBADF;
	if (socket_of(*file))
		return 0;
	file_put(*file);
	*file = NULL;
	return -ENOTSOCK;
}

/* MSG_DONTWAIT, if the descriptor says so; but a request may always wait. */
static inline u32 sockets_flags(const struct file *file, u32 flags)
{
	bool no_wait = (atomic_load_relaxed(&file->flags) & O_NONBLOCK) &&
		       !thread_current()->of_request;

	return no_wait ? flags | MSG_DONTWAIT : flags;
}

/* A descriptor for a new socket, whose reference is taken over in any case. */
long sockets_add(struct task *t, struct socket *s, u32 flags);

/* A file over s, whose reference is taken over in any case; NULL without memory. flags: SOCK_*. */
struct file *sockets_open(struct socket *s, u32 flags);

/* accept4; file_index: a direct descriptor of the ring whose request it is (uring_call_install). */
struct sys_accept4 {
	struct co_frame co;
	int fd, number;
	uptr to, to_len;
	u32 flags, file_index;
	struct file *file, *new;
	struct socket *made;
	char *name;
	long err;
};
co_t sys_accept4(struct co *co, struct sys_accept4 *f);

/* Send, or receive, what the header at `from` says; of what was received the one at `to` tells. */
struct message_send {
	struct co_frame co;
	struct file *file;
	uptr from;
	u32 flags;
	struct message *m;
	long n;
};
co_t message_send(struct co *co, struct message_send *f);
struct message_receive {
	struct co_frame co;
	struct file *file;
	uptr from, to;
	u32 flags;
	bool given;		/* into this buffer, which stands for the one that it may name: */
	u64 at;
	u32 len;
	struct message *m;
	long n, err;
};
co_t message_receive(struct co *co, struct message_receive *f);
/* A buffer of the user's: 0 or -EFAULT. */
long message_buffer(struct uio *uio, uptr buf, size_t len);

/* An address from user space into name[NET_NAME_MAX], zeros behind it: 0 or an error. */
struct sockets_name_in {
	struct co_frame co;
	uptr from;
	int len;
	char *name;
	long err;
};
co_t sockets_name_in(struct co *co, struct sockets_name_in *f);

/* An address of len bytes to user space, cut to *to_len there: 0 or an error. */
struct sockets_name_out {
	struct co_frame co;
	const char *name;
	int len;
	uptr to, to_len;
	int room;
	long err;
};
co_t sockets_name_out(struct co *co, struct sockets_name_out *f);

#endif
