/* core/net/option.c -- SOL_SOCKET. */
#include "core/net/option.h"

#include <linux/sock_diag.h>
#include <linux/time_types.h>

#include "core/base/string.h"
#include "core/cred/cred.h"
#include "core/net/control.h"
#include "core/net/filter.h"
#include "core/net/loopback.h"
#include "core/proc/pid.h"

#define OPTION_SNDBUF_MIN   4608u
#define OPTION_RCVBUF_MIN   2304u
#define OPTION_NS_PER_SEC   1000000000l
#define OPTION_NO_ID	    (~0u)

struct option_linger {
	int on, seconds;
};

int option_int(const char *value)
{
	int n;

	memcpy(&n, value, sizeof(n));
	return n;
}

int option_put_bytes(char *value, u32 *len, const void *result, u32 size)
{
	*len = min(*len, size);
	memcpy(value, result, *len);
	return 0;
}

int option_put(char *value, u32 *len, int result)
{
	return option_put_bytes(value, len, &result, sizeof(result));
}

/* The bit of an option that is on or off; 0: it is another kind. */
static u32 option_flag(int option)
{
	switch (option) {
	case SO_DEBUG:
		return SOCKET_DEBUG;
	case SO_REUSEADDR:
		return SOCKET_REUSEADDR;
	case SO_REUSEPORT:
		return SOCKET_REUSEPORT;
	case SO_KEEPALIVE:
		return SOCKET_KEEPALIVE;
	case SO_BROADCAST:
		return SOCKET_BROADCAST;
	case SO_PASSCRED:
		return SOCKET_PASSCRED;
	case SO_PASSPIDFD:
		return SOCKET_PASSPIDFD;
	case SO_OOBINLINE:
		return SOCKET_OOBINLINE;
	case SO_DONTROUTE:
		return SOCKET_DONTROUTE;
	case SO_TIMESTAMP_OLD:
		return SOCKET_TIMESTAMP;
	case SO_TIMESTAMPNS_OLD:
		return SOCKET_TIMESTAMPNS;
	case SO_TIMESTAMP_NEW:
		return SOCKET_TIMESTAMP_NEW;
	case SO_TIMESTAMPNS_NEW:
		return SOCKET_TIMESTAMPNS_NEW;
	case SO_NO_CHECK:
		return SOCKET_NO_CHECK;
	case SO_PASSSEC:
		return SOCKET_PASSSEC;
	default:
		return 0;
	}
}

static void option_set_flag(struct socket *s, u32 flag, bool on)
{
	if (flag & SOCKET_STAMPS)
		atomic_and(&s->flags, ~(u32)SOCKET_STAMPS);
	if (on)
		atomic_or(&s->flags, flag);
	else
		atomic_and(&s->flags, ~flag);
}

static int option_set_buffer(struct socket *s, bool send, bool force, int value)
{
	u32 least = send ? OPTION_SNDBUF_MIN : OPTION_RCVBUF_MIN, size;

	if (force && !cred_capable(task_current()->cred, CAP_NET_ADMIN))
		return -EPERM;
	size = force ? (u32)min(max(value, 0), INT32_MAX / 2) : min((u32)value, SOCKET_BUFFER);
	size = max(size * 2, least);
	if (!send) {
		atomic_store(&s->rcvbuf, size);
		atomic_or(&s->flags, (u32)SOCKET_RCVBUF_SET);
		return 0;
	}
	atomic_store(&s->sndbuf, size);
	atomic_or(&s->flags, (u32)SOCKET_SNDBUF_SET);
	waitq_wake_events(&s->can_write, POLLOUT | POLLWRNORM | POLLWRBAND);
	return 0;
}

static int option_set_timeout(u64 *timeout, const char *value, u32 len)
{
	struct __kernel_sock_timeval tv;

	if (len < sizeof(tv))
		return -EINVAL;
	memcpy(&tv, value, sizeof(tv));
	if (tv.tv_usec < 0 || tv.tv_usec >= 1000000)
		return -EDOM;
	if (tv.tv_sec < 0)
		*timeout = 1;	/* it is over already */
	else if (tv.tv_sec >= INT64_MAX / OPTION_NS_PER_SEC - 1)
		*timeout = 0;
	else
		*timeout = (u64)(tv.tv_sec * OPTION_NS_PER_SEC + tv.tv_usec * 1000);
	return 0;
}

static int option_get_timeout(u64 timeout, char *value, u32 *len)
{
	struct __kernel_sock_timeval tv = {
		.tv_sec = (i64)timeout / OPTION_NS_PER_SEC,
		.tv_usec = (i64)timeout % OPTION_NS_PER_SEC / 1000,
	};

	return option_put_bytes(value, len, &tv, sizeof(tv));
}

static int option_set_linger(struct socket *s, const char *value, u32 len)
{
	struct option_linger l;

	if (len < sizeof(l))
		return -EINVAL;
	memcpy(&l, value, sizeof(l));
	if (l.on)
		atomic_store(&s->linger_s, (u32)max(l.seconds, 0));
	option_set_flag(s, SOCKET_LINGER, l.on);
	return 0;
}

/* SO_BINDTODEVICE: a name, or nothing for any. */
static int option_set_device(struct socket *s, const char *value, u32 len)
{
	char name[sizeof(((struct loopback_request *)0)->name)] = "";

	memcpy(name, value, min(len, (u32)sizeof(name) - 1));
	if (*name && strcmp(name, LOOPBACK_NAME))
		return -ENODEV;
	option_set_flag(s, SOCKET_TO_LO, *name);
	return 0;
}

static int option_set_index(struct socket *s, int index)
{
	if (index < 0)
		return -EINVAL;
	if (index && index != LOOPBACK_INDEX)
		return -ENODEV;
	option_set_flag(s, SOCKET_TO_LO, index);
	return 0;
}

/* SO_BUF_LOCK: which of the two sizes stays as it is. */
static int option_set_locks(struct socket *s, int locks)
{
	if (locks < 0 || locks & ~(SOCK_SNDBUF_LOCK | SOCK_RCVBUF_LOCK))
		return -EINVAL;
	option_set_flag(s, SOCKET_SNDBUF_SET, locks & SOCK_SNDBUF_LOCK);
	option_set_flag(s, SOCKET_RCVBUF_SET, locks & SOCK_RCVBUF_LOCK);
	return 0;
}

bool option_is_admin(void)
{
	const struct cred *cred = task_current()->cred;

	return cred_capable(cred, CAP_NET_ADMIN) || cred_capable(cred, CAP_NET_RAW);
}

static int option_set_socket(struct socket *s, int option, const char *value, u32 len)
{
	u32 flag = option_flag(option);
	int n;

	if (option == SO_BINDTODEVICE)
		return option_set_device(s, value, len);
	if (len < sizeof(int))
		return -EINVAL;
	n = option_int(value);
	if (option == SO_DEBUG && n && !cred_capable(task_current()->cred, CAP_NET_ADMIN))
		return -EACCES;
	if (flag) {
		option_set_flag(s, flag, n);
		return 0;
	}
	switch (option) {
	case SO_SNDBUF:
	case SO_SNDBUFFORCE:
		return option_set_buffer(s, true, option == SO_SNDBUFFORCE, n);
	case SO_RCVBUF:
	case SO_RCVBUFFORCE:
		return option_set_buffer(s, false, option == SO_RCVBUFFORCE, n);
	case SO_RCVLOWAT:
		if (s->type != SOCK_STREAM && s->family == AF_UNIX && n < 0)
			n = INT32_MAX;
		atomic_store(&s->rcvlowat, n < 0 ? INT32_MAX : n ? (u32)n : 1u);
		return 0;
	case SO_RCVTIMEO_OLD:
	case SO_RCVTIMEO_NEW:
		return option_set_timeout(&s->rcvtimeo_ns, value, len);
	case SO_SNDTIMEO_OLD:
	case SO_SNDTIMEO_NEW:
		return option_set_timeout(&s->sndtimeo_ns, value, len);
	case SO_LINGER:
		return option_set_linger(s, value, len);
	case SO_PRIORITY:
		if ((n < 0 || n > 6) && !option_is_admin())
			return -EPERM;
		atomic_store(&s->priority, (u32)n);
		return 0;
	case SO_MARK:
		if (!option_is_admin())
			return -EPERM;
		atomic_store(&s->mark, (u32)n);
		return 0;
	case SO_DETACH_FILTER:
		return filter_detach(s);
	case SO_LOCK_FILTER:
		return filter_lock(s, n);
	case SO_BINDTOIFINDEX:
		return option_set_index(s, n);
	case SO_BUF_LOCK:
		return option_set_locks(s, n);
	case SO_BSDCOMPAT:
		return 0;	/* has had no meaning on Linux for long */
	default:
		return -ENOPROTOOPT;
	}
}

/* --- getting --- */

static int option_get_peercred(struct socket *s, char *value, u32 *len)
{
	const struct cred *cred = atomic_load(&s->peer_cred);
	struct net_ucred u = {0, OPTION_NO_ID, OPTION_NO_ID};

	if (cred)
		u = (struct net_ucred){pid_nr_here(s->peer_pid), cred_shown_uid(cred->euid),
				       cred_shown_gid(cred->egid)};
	return option_put_bytes(value, len, &u, sizeof(u));
}

static int option_get_peergroups(struct socket *s, char *value, u32 *len)
{
	const struct cred *cred = atomic_load(&s->peer_cred);
	u32 size;

	if (!cred)
		return -ENODATA;
	size = cred->group_count * (u32)sizeof(u32);
	if (*len < size || size > SOCKET_OPTION_MAX) {
		*len = size;
		return -ERANGE;
	}
	for (u32 i = 0; i < cred->group_count; i++) {
		u32 shown = cred_shown_gid(cred->groups[i]);

		memcpy(value + i * sizeof(shown), &shown, sizeof(shown));
	}
	*len = size;
	return 0;
}

/* A descriptor for who is at the other end. */
static int option_get_peerpidfd(struct socket *s, char *value, u32 *len)
{
	int fd;

	if (*len < sizeof(int))
		return -EINVAL;
	if (!atomic_load(&s->peer_cred))
		return -ENODATA;
	fd = control_pidfd(s->peer_pid);
	return fd < 0 ? fd : option_put(value, len, fd);
}

static int option_get_peername(struct socket *s, char *value, u32 *len)
{
	int n = s->ops->name(s, true, value);

	if (n < 0)
		return -ENOTCONN;
	if ((u32)n < *len)
		return -EINVAL;
	return 0;
}

static int option_get_device(struct socket *s, char *value, u32 *len)
{
	bool bound = socket_is_set(s, SOCKET_TO_LO);

	if (bound && *len < sizeof(((struct loopback_request *)0)->name))
		return -EINVAL;
	return option_put_bytes(value, len, LOOPBACK_NAME, bound ? sizeof(LOOPBACK_NAME) : 0);
}

/* A number of its own, as long as it lives and after. */
static int option_get_cookie(struct socket *s, char *value, u32 *len)
{
	static u64 last;
	u64 none = 0;

	if (*len < sizeof(u64))
		return -EINVAL;
	if (!atomic_load(&s->cookie))
		atomic_cas(&s->cookie, &none, atomic_add(&last, 1ul) + 1);
	return option_put_bytes(value, len, &s->cookie, sizeof(s->cookie));
}

static int option_get_meminfo(struct socket *s, char *value, u32 *len)
{
	u32 info[SK_MEMINFO_VARS] = {
		[SK_MEMINFO_RMEM_ALLOC] = atomic_load_relaxed(&s->charge),
		[SK_MEMINFO_RCVBUF] = atomic_load_relaxed(&s->rcvbuf),
		[SK_MEMINFO_WMEM_ALLOC] = atomic_load_relaxed(&s->sent_charge),
		[SK_MEMINFO_SNDBUF] = atomic_load_relaxed(&s->sndbuf),
	};

	return option_put_bytes(value, len, info, sizeof(info));
}

static int option_get_socket(struct socket *s, int option, char *value, u32 *len)
{
	struct option_linger l = {socket_is_set(s, SOCKET_LINGER),
				  (int)atomic_load_relaxed(&s->linger_s)};
	u32 flag = option_flag(option);

	if (flag == SOCKET_TIMESTAMP_NEW)
		flag |= SOCKET_TIMESTAMPNS_NEW;		/* as Linux has it */
	if (flag)
		return option_put(value, len, !!(atomic_load(&s->flags) & flag));
	switch (option) {
	case SO_TYPE:
		return option_put(value, len, s->type);
	case SO_DOMAIN:
		return option_put(value, len, s->family);
	case SO_PROTOCOL:
		return option_put(value, len, s->protocol);
	case SO_ERROR:
		return option_put(value, len, -socket_take_error(s));
	case SO_ACCEPTCONN:
		return option_put(value, len, atomic_load(&s->state) == SOCKET_LISTEN);
	case SO_SNDBUF:
		return option_put(value, len, (int)atomic_load_relaxed(&s->sndbuf));
	case SO_RCVBUF:
		return option_put(value, len, (int)atomic_load_relaxed(&s->rcvbuf));
	case SO_RCVLOWAT:
		return option_put(value, len, (int)atomic_load_relaxed(&s->rcvlowat));
	case SO_SNDLOWAT:
		return option_put(value, len, 1);
	case SO_RCVTIMEO_OLD:
	case SO_RCVTIMEO_NEW:
		return option_get_timeout(atomic_load_relaxed(&s->rcvtimeo_ns), value, len);
	case SO_SNDTIMEO_OLD:
	case SO_SNDTIMEO_NEW:
		return option_get_timeout(atomic_load_relaxed(&s->sndtimeo_ns), value, len);
	case SO_LINGER:
		return option_put_bytes(value, len, &l, sizeof(l));
	case SO_PRIORITY:
		return option_put(value, len, (int)s->priority);
	case SO_MARK:
		return option_put(value, len, (int)s->mark);
	case SO_BSDCOMPAT:
		return option_put(value, len, 0);
	case SO_LOCK_FILTER:
		return option_put(value, len, socket_is_set(s, SOCKET_FILTER_LOCKED));
	case SO_BINDTODEVICE:
		return option_get_device(s, value, len);
	case SO_BINDTOIFINDEX:
		return option_put(value, len, socket_is_set(s, SOCKET_TO_LO) ? LOOPBACK_INDEX : 0);
	case SO_BUF_LOCK:
		return option_put(value, len,
				  (socket_is_set(s, SOCKET_SNDBUF_SET) ? SOCK_SNDBUF_LOCK : 0) |
				  (socket_is_set(s, SOCKET_RCVBUF_SET) ? SOCK_RCVBUF_LOCK : 0));
	case SO_COOKIE:
		return option_get_cookie(s, value, len);
	case SO_MEMINFO:
		return option_get_meminfo(s, value, len);
	case SO_PEERCRED:
		return option_get_peercred(s, value, len);
	case SO_PEERGROUPS:
		return option_get_peergroups(s, value, len);
	case SO_PEERPIDFD:
		return option_get_peerpidfd(s, value, len);
	case SO_PEERNAME:
		return option_get_peername(s, value, len);
	default:
		return -ENOPROTOOPT;
	}
}

int option_set(struct socket *s, int level, int option, const char *value, u32 len)
{
	if (level == SOL_SOCKET)
		return option_set_socket(s, option, value, len);
	return s->ops->set_option ? s->ops->set_option(s, level, option, value, len) : -EOPNOTSUPP;
}

int option_get(struct socket *s, int level, int option, char *value, u32 *len)
{
	if (level == SOL_SOCKET)
		return option_get_socket(s, option, value, len);
	return s->ops->get_option ? s->ops->get_option(s, level, option, value, len) : -EOPNOTSUPP;
}
