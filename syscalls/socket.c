/* syscalls/socket.c -- sockets: there is no protocol family yet, and these say so.
 *
 * The difference to -ENOSYS matters: programs (PAM, syslog, name lookups) take a missing family
 * for a machine without it and go on.
 */
#include "syscalls/syscall.h"
#include "vfs/fd.h"

#define SOCKET_TYPE_MASK 15u	/* SOCK_TYPE_MASK; the rest is SOCK_CLOEXEC, SOCK_NONBLOCK */
#define SOCKET_FLAGS	 (02000000u | 04000u)
#define SOCKET_TYPES	 11	/* SOCK_MAX */
#define SOCKET_FAMILIES	 46	/* AF_MAX */

static long socket_check(u32 family, u32 type)
{
	if (type & ~(SOCKET_TYPE_MASK | SOCKET_FLAGS))
		return -EINVAL;
	if ((type & SOCKET_TYPE_MASK) >= SOCKET_TYPES && family < SOCKET_FAMILIES)
		return -EINVAL;
	return -EAFNOSUPPORT;
}

static long sys_socket(struct task *t, u32 family, u32 type, int protocol)
{
	return socket_check(family, type);
}
SYSCALL_PLAIN(socket, u32, u32, int);

static long sys_socketpair(struct task *t, u32 family, u32 type, int protocol, uptr fds)
{
	return socket_check(family, type);
}
SYSCALL_PLAIN(socketpair, u32, u32, int, uptr);

/* Whatever is open, it is no socket. */
static long socket_none(struct task *t, int fd)
{
	struct file *file = fd_get(t->fds, fd);

	file_put(file);
	return file ? -ENOTSOCK : -EBADF;
}

#define SOCKET_CALL(name)                              \
	static long sys_##name(struct task *t, int fd) \
	{                                              \
		return socket_none(t, fd);             \
	}                                              \
	SYSCALL_PLAIN(name, int)

SOCKET_CALL(bind);
SOCKET_CALL(listen);
SOCKET_CALL(accept);
SOCKET_CALL(accept4);
SOCKET_CALL(connect);
SOCKET_CALL(getsockname);
SOCKET_CALL(getpeername);
SOCKET_CALL(sendto);
SOCKET_CALL(recvfrom);
SOCKET_CALL(setsockopt);
SOCKET_CALL(getsockopt);
SOCKET_CALL(shutdown);
SOCKET_CALL(sendmsg);
SOCKET_CALL(recvmsg);
