/* fs/procfs/proc_net.c -- /proc/<pid>/net: sockets. There is one network, so it is the same
 * for every process. */
#include "core/net/unix.h"
#include "fs/procfs/proc.h"

/* --- unix --- */

#define NET_ACCEPTING (1u << 16)	/* Linux's __SO_ACCEPTCON */

/* Linux's SS_*: how far a socket is, told apart from whether it has a file yet. */
static unsigned unix_progress(const struct socket *s)
{
	bool connected = atomic_load(&s->state) == SOCKET_ESTABLISHED;

	if (atomic_load(&s->file))
		return connected ? 3 : 1;
	return connected ? 2 : 4;
}

static void unix_line(void *to, const struct unix_socket *u)
{
	const u32 start = offsetof(struct sockaddr_un, sun_path);
	const struct net_name *name = atomic_load(&u->name);
	const struct socket *s = &u->socket;

	text_add(to, "%016x: %08X %08X %08X %04X %02X %5lu", 0, atomic_load_relaxed(&s->refs.n), 0,
		 atomic_load(&s->state) == SOCKET_LISTEN ? NET_ACCEPTING : 0u, (unsigned)s->type,
		 unix_progress(s), atomic_load(&s->ino));
	if (name && name->len > start) {
		bool path = name->bytes[start];

		text_put(to, " ", 1);
		for (u32 i = start; i < name->len - (path ? 1 : 0); i++)
			text_put(to, name->bytes[i] ? &name->bytes[i] : "@", 1);
	}
	text_put(to, "\n", 1);
}

static int unix_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "Num       RefCount Protocol Flags    Type St Inode Path\n");
	unix_each(unix_line, to);
	return 0;
}

#define FILE(name_, ...) {.name = name_, .mode = S_IFREG | 0444, __VA_ARGS__}

const struct proc_entry proc_net_entries[] = {
	FILE("unix", .show = unix_show),
	{},
};
