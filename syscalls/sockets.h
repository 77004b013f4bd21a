/* syscalls/sockets.h -- what the calls of socket.c and message.c share. */
#ifndef SYSCALLS_SOCKETS_H
#define SYSCALLS_SOCKETS_H

#include <linux/fcntl.h>

#include "core/net/abi.h"
#include "core/net/socket.h"
#include "core/proc/process.h"
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

/* MSG_DONTWAIT, if the descriptor says so. */
static inline u32 sockets_flags(const struct file *file, u32 flags)
{
	return atomic_load_relaxed(&file->flags) & O_NONBLOCK ? flags | MSG_DONTWAIT : flags;
}

/* A descriptor for a new socket, whose reference is taken over in any case. */
long sockets_add(struct task *t, struct socket *s, u32 flags);

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
