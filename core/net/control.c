/* core/net/control.c */
#include "core/net/control.h"

#include <linux/fcntl.h>
#include <linux/time_types.h>

#include "core/base/string.h"
#include "core/cred/cred.h"
#include "core/net/rights.h"
#include "core/proc/pidfd.h"
#include "core/proc/process.h"
#include "core/proc/rlimit.h"
#include "vfs/fd.h"

#define CONTROL_NS_PER_SEC 1000000000ul
#define CONTROL_ALIGN(n)   (((n) + 7u) & ~7ul)

/* --- sending --- */

static int control_add_rights(struct socket_control *c, const char *data, u64 len)
{
	u32 n = (u32)(len / sizeof(int)), have = c->rights ? c->rights->count : 0;
	struct fd_table *fds = task_current()->fds;

	if (!n)
		return 0;
	if (have + n > SCM_MAX_FD)
		return -EINVAL;
	if (!c->rights)
		c->rights = rights_new(SCM_MAX_FD);
	if (!c->rights)
		return -ENOMEM;
	for (u32 i = 0; i < n; i++) {
		struct file *file;
		int fd;

		memcpy(&fd, data + i * sizeof(fd), sizeof(fd));
		file = fd_get_any(fds, fd);
		if (!file)
			return -EBADF;
		if (file->ops->unsent) {
			file_put(file);
			return -EINVAL;
		}
		c->rights->files[c->rights->count++] = file;
	}
	return 0;
}

static bool control_may_be(const struct cred *cred, const struct net_ucred *u)
{
	if (u->pid != process_current()->pid->own && 
	    !cred_capable_in(cred, pid_ns_here()->users, CAP_SYS_ADMIN))
		return false;
	if (u->uid != cred->uid && u->uid != cred->euid && u->uid != cred->suid &&
	    !cred_capable_own(cred, CAP_SETUID))
		return false;
	return u->gid == cred->gid || u->gid == cred->egid || u->gid == cred->sgid ||
	       cred_capable_own(cred, CAP_SETGID);
}

static int control_add_cred(struct socket_control *c, const char *data, u64 len)
{
	struct process *p;
	struct net_ucred u;

	if (len != sizeof(u))
		return -EINVAL;
	memcpy(&u, data, sizeof(u));
	u.uid = cred_kernel_uid(u.uid);
	u.gid = cred_kernel_gid(u.gid);
	if (!control_may_be(task_current()->cred, &u))
		return -EPERM;
	p = process_find(u.pid);
	if (!p)
		return -ESRCH;
	if (c->pid)
		pid_put(c->pid);
	pid_get(p->pid);
	c->pid = p->pid;
	process_put(p);
	if (u.uid == USER_NONE || u.gid == USER_NONE)
		return -EINVAL;
	c->has_cred = true;
	c->uid = u.uid;
	c->gid = u.gid;
	return 0;
}

static int control_parse_one(struct socket *s, const struct net_cmsghdr *h, const char *data,
			     struct socket_control *c)
{
	u64 len = h->len - sizeof(*h);

	bool inet = s->family == AF_INET || s->family == AF_INET6;

	if (h->level != SOL_SOCKET)
		return inet ? -EINVAL : 0;	/* none of IP's are there */
	if (inet)
		return h->type == SCM_RIGHTS || h->type == SCM_CREDENTIALS ? 0 : -EINVAL;
	if (h->type == SCM_RIGHTS)
		return s->family == AF_UNIX ? control_add_rights(c, data, len) : -EINVAL;
	return h->type == SCM_CREDENTIALS ? control_add_cred(c, data, len) : -EINVAL;
}

int control_parse(struct socket *s, const char *buf, u64 len, struct socket_control *c)
{
	u64 at = 0;
	int err = 0;

	while (!err && len - at >= sizeof(struct net_cmsghdr)) {
		struct net_cmsghdr h;

		memcpy(&h, buf + at, sizeof(h));
		if (h.len < sizeof(h) || h.len > len - at)
			return -EINVAL;
		err = control_parse_one(s, &h, buf + at + sizeof(h), c);
		if (CONTROL_ALIGN(h.len) > len - at)
			break;
		at += CONTROL_ALIGN(h.len);
	}
	return err;
}

/* --- receiving --- */

void control_add(char *buf, u32 *used, u32 room, int level, int type, const void *data, u32 size,
		 u32 *got)
{
	struct net_cmsghdr h = {.len = sizeof(h) + size, .level = level, .type = type};
	u32 left = room - *used;

	if (left < sizeof(h)) {
		*got |= MSG_CTRUNC;
		return;
	}
	if (left < h.len) {
		*got |= MSG_CTRUNC;
		h.len = left;
	}
	memset(buf + *used, 0, min(CONTROL_ALIGN(h.len), (u64)left));
	memcpy(buf + *used, &h, sizeof(h));
	memcpy(buf + *used + sizeof(h), data, h.len - sizeof(h));
	*used += (u32)min(CONTROL_ALIGN(h.len), (u64)left);
}

/* As many of the files as there is room and there are descriptors for. */
static void control_install(struct rights *r, char *buf, u32 *used, u32 room, bool cloexec,
			    u32 *got)
{
	u64 limit = rlimit_get(process_current(), RLIMIT_NOFILE);
	u32 left = room - *used, n = 0;
	int fds[SCM_MAX_FD];
	u32 most = left > sizeof(struct net_cmsghdr)
			   ? (left - (u32)sizeof(struct net_cmsghdr)) / (u32)sizeof(int)
			   : 0;

	while (n < r->count && n < most) {
		file_get(r->files[n]);
		fds[n] = fd_add(task_current()->fds, r->files[n], 0, limit, cloexec);
		if (fds[n] < 0) {
			file_put(r->files[n]);
			break;
		}
		n++;
	}
	if (n)
		control_add(buf, used, room, SOL_SOCKET, SCM_RIGHTS, fds, n * (u32)sizeof(int),
			    got);
	if (n < r->count)
		*got |= MSG_CTRUNC;
}

static void control_add_stamp(struct socket *s, u64 ns, char *buf, u32 *used, u32 room, u32 *got)
{
	struct __kernel_timespec ts = {.tv_sec = (i64)(ns / CONTROL_NS_PER_SEC),
				       .tv_nsec = (i64)(ns % CONTROL_NS_PER_SEC)};
	struct __kernel_old_timeval tv = {.tv_sec = ts.tv_sec, .tv_usec = ts.tv_nsec / 1000};
	struct __kernel_sock_timeval wide = {.tv_sec = tv.tv_sec, .tv_usec = tv.tv_usec};

	if (socket_is_set(s, SOCKET_TIMESTAMP))
		control_add(buf, used, room, SOL_SOCKET, SO_TIMESTAMP_OLD, &tv, sizeof(tv), got);
	else if (socket_is_set(s, SOCKET_TIMESTAMPNS))
		control_add(buf, used, room, SOL_SOCKET, SO_TIMESTAMPNS_OLD, &ts, sizeof(ts), got);
	else if (socket_is_set(s, SOCKET_TIMESTAMP_NEW))
		control_add(buf, used, room, SOL_SOCKET, SO_TIMESTAMP_NEW, &wide, sizeof(wide),
			    got);
	else if (socket_is_set(s, SOCKET_TIMESTAMPNS_NEW))
		control_add(buf, used, room, SOL_SOCKET, SO_TIMESTAMPNS_NEW, &ts, sizeof(ts), got);
}

u32 control_build(struct socket *s, struct socket_control *c, char *buf, u32 room, bool cloexec,
		  u32 *got)
{
	u32 used = 0;

	if (c->stamp_ns)
		control_add_stamp(s, c->stamp_ns, buf, &used, room, got);
	if (socket_is_set(s, SOCKET_PASSCRED) &&
	    (s->family == AF_UNIX || s->family == AF_NETLINK)) {
		/* Nobody's: the numbers for who has none here. */
		struct net_ucred u = {0, 65534, 65534};

		if (c->has_cred)
			u = (struct net_ucred){c->pid ? pid_nr_here(c->pid) : 0,
				       cred_shown_uid(c->uid), cred_shown_gid(c->gid)};
		control_add(buf, &used, room, SOL_SOCKET, SCM_CREDENTIALS, &u, sizeof(u), got);
	}
	if (s->ops->control)
		s->ops->control(s, c, buf, &used, room, got);
	if (c->rights) {
		rights_land(c->rights);
		control_install(c->rights, buf, &used, room, cloexec, got);
	}
	if (socket_is_set(s, SOCKET_PASSPIDFD) && s->family == AF_UNIX && c->pid) {
		int fd = room - used < sizeof(struct net_cmsghdr) + sizeof(int)
				 ? -EMSGSIZE : control_pidfd(c->pid);

		if (fd < 0)
			*got |= MSG_CTRUNC;
		else
			control_add(buf, &used, room, SOL_SOCKET, SCM_PIDFD, &fd, sizeof(fd), got);
	}
	return used;
}

int control_pidfd(struct pid *pid)
{
	u64 limit = rlimit_get(process_current(), RLIMIT_NOFILE);
	struct task *t = task_current();
	struct file *file;
	int fd = pidfd_make(pid, 0, t->cred, &file);

	if (fd)
		return fd;
	fd = fd_add(t->fds, file, 0, limit, true);
	if (fd < 0)
		file_put(file);
	return fd;
}

void control_undo(const char *buf, u32 len)
{
	struct net_cmsghdr h;

	for (u32 at = 0; at + sizeof(h) <= len; at += (u32)CONTROL_ALIGN(h.len)) {
		memcpy(&h, buf + at, sizeof(h));
		if (h.level != SOL_SOCKET || (h.type != SCM_RIGHTS && h.type != SCM_PIDFD))
			continue;
		for (u64 i = sizeof(h); i + sizeof(int) <= h.len; i += sizeof(int)) {
			int fd;

			memcpy(&fd, buf + at + i, sizeof(fd));
			file_put(fd_take(task_current()->fds, fd));
		}
	}
}

void control_skip(struct socket *s, const struct socket_control *c, u32 *got)
{
	bool tells = socket_is_set(s, SOCKET_PASSCRED | SOCKET_PASSPIDFD);

	u32 used = 0;

	if (c->rights || (tells && s->family == AF_UNIX))
		*got |= MSG_CTRUNC;
	if (s->ops->control)
		s->ops->control(s, c, NULL, &used, 0, got);
}

void control_drop(struct socket_control *c)
{
	if (c->pid)
		pid_put(c->pid);
	if (c->rights)
		rights_drop(c->rights);
}
