/* core/net/socket.c */
#include "core/net/socket.h"

#include <linux/fcntl.h>
#include <linux/stat.h>

#include "core/base/string.h"
#include "core/cred/cred.h"
#include "core/net/family.h"
#include "core/net/filter.h"
#include "core/net/ioctl.h"
#include "core/proc/async.h"
#include "core/proc/process.h"
#include "core/proc/signal.h"
#include "hal/clock.h"

void socket_init(struct socket *s, const struct socket_ops *ops, u16 family, u16 type,
		 u16 protocol)
{
	struct task *t = task_current();

	memset(s, 0, sizeof(*s));
	s->ops = ops;
	s->family = family;
	s->type = type;
	s->protocol = protocol;
	s->state = SOCKET_CLOSE;
	s->sndbuf = s->rcvbuf = SOCKET_BUFFER;
	s->rcvlowat = 1;
	ref_init(&s->refs);
	spin_init(&s->lock, RANK_SOCKET);
	list_init(&s->queue);
	list_init(&s->pending);
	list_init(&s->pending_link);
	waitq_init(&s->can_read);
	waitq_init(&s->can_write);
	cred_get(t->cred);
	s->cred = t->cred;
	s->pid = process_current()->pid;
	pid_get(s->pid);
}

void socket_put(struct socket *s)
{
	if (!s || !ref_put(&s->refs))
		return;
	filter_put(s->filter);
	cred_put(s->cred);
	pid_put(s->pid);
	if (s->peer_cred) {
		cred_put(s->peer_cred);
		pid_put(s->peer_pid);
	}
	s->ops->freed(s);
}

struct file *socket_file(struct socket *s, u32 flags)
{
	struct inode *inode = inode_new_loose(S_IFSOCK | 0777);
	const struct cred *cred = task_current()->cred;
	struct file *file;
	char name[32];

	if (!inode)
		return NULL;
	inode->uid = cred->fsuid;
	inode->gid = cred->fsgid;
	atomic_store(&s->ino, inode->ino);
	format(name, sizeof(name), "socket:[%lu]", inode->ino);
	file = file_new_loose(inode, name, &socket_file_ops, O_RDWR | flags, cred);
	if (!file)
		return NULL;
	file->private = s;
	atomic_store(&s->file, file);
	return file;
}

/* --- errors and waits --- */

int socket_take_error(struct socket *s)
{
	return atomic_load_relaxed(&s->error) ? -atomic_swap(&s->error, 0) : 0;
}

void socket_wake(struct socket *s, u32 events)
{
	waitq_wake_events(&s->can_read, events);
	waitq_wake_events(&s->can_write, events);
}

void socket_fail(struct socket *s, int error)
{
	atomic_store(&s->error, error);
	socket_wake(s, 0);
}

u64 socket_deadline(u64 timeout_ns)
{
	u64 deadline;

	if (!timeout_ns || add_overflows(hal_clock_ns(), timeout_ns, &deadline))
		return CO_FOREVER;
	return deadline;
}

/* With a timeout set, a call is not restarted after a signal: it would wait anew. */
long socket_waited(long err, u64 deadline_ns, bool sending)
{
	if (err == -ETIMEDOUT)
		return -EAGAIN;
	if (err == -ERESTARTSYS && deadline_ns != CO_FOREVER)
		return -EINTR;
	return err;
}

/* --- the queue --- */

/* p is a byte of urgent data. One before it that nobody received is a byte like others now. */
static void socket_mark(struct socket *s, struct packet *p) REQUIRES(s->lock)
{
	struct uio uio = uio_kernel(&s->urgent_byte, 1);
	struct file *file;

	if (s->urgent_at) {
		s->urgent_at->urgent = false;
		socket_count(s, 1);
		s->urgent_at = NULL;
	}
	if (s->flags & SOCKET_OOBINLINE) {
		p->urgent = false;
		return;
	}
	packet_copy_out(p, 0, 1, &uio);
	s->urgent_at = p;
	file = atomic_load(&s->file);
	if (file)
		async_urgent(file);
	atomic_store_relaxed(&s->urgent, true);
	socket_count(s, -1u);	/* counted by the caller, and not to be read */
}

int socket_queue(struct socket *s, struct packet *p)
{
	bool refused;

	spin_lock(&s->lock);
	/* IP lets come what comes, and who does not want to read it leaves it. */
	refused = s->dead || (s->family == AF_UNIX && (s->shut & SOCKET_SHUT_READ));
	if (!refused) {
		list_add_back(&s->queue, &p->link);
		socket_count(s, p->len);
		if (p->urgent)
			socket_mark(s, p);
		atomic_store_relaxed(&s->charge, s->charge + p->charge);
		atomic_store_relaxed(&s->queue_len, s->queue_len + 1);
	}
	spin_unlock(&s->lock);
	if (refused)
		return -EPIPE;
	waitq_wake_events(&s->can_read, POLLIN | POLLRDNORM | POLLRDBAND | POLLPRI);
	return 0;
}

struct packet *socket_unqueue(struct socket *s)
{
	struct packet *p;

	if (list_empty(&s->queue))
		return NULL;
	p = list_first(&s->queue, struct packet, link);
	list_remove(&p->link);
	if (p != s->urgent_at)
		socket_count(s, p->at - p->len);
	else
		s->urgent_at = NULL;
	atomic_store_relaxed(&s->charge, s->charge - p->charge);
	atomic_store_relaxed(&s->queue_len, s->queue_len - 1);
	return p;
}

bool socket_purge(struct socket *s)
{
	struct packet *p;
	bool any = false;

	for (;;) {
		spin_lock(&s->lock);
		p = socket_unqueue(s);
		spin_unlock(&s->lock);
		if (!p)
			return any;
		any = true;
		packet_put(p);
	}
}

static u64 socket_now(void)
{
	struct inode_time now = inode_now();

	return (u64)now.sec * 1000000000ul + now.nsec;
}

void socket_stamp(const struct socket *s, const struct socket *to, struct packet *p,
		  const struct socket_control *c)
{
	struct task *t = task_current();

	if (s->type != SOCK_STREAM &&
	    (atomic_load_relaxed(&to->flags) & SOCKET_STAMPS))
		p->stamp_ns = socket_now();
	if (c && c->has_cred) {
		p->pid = c->pid;
		p->uid = c->uid;
		p->gid = c->gid;
	} else if (((atomic_load_relaxed(&s->flags) | atomic_load_relaxed(&to->flags)) &
		    (SOCKET_PASSCRED | SOCKET_PASSPIDFD)) || !atomic_load_relaxed(&to->file)) {
		p->pid = process_current()->pid;
		p->uid = t->cred->uid;
		p->gid = t->cred->gid;
	} else {
		return;
	}
	p->has_cred = true;
	pid_get(p->pid);
}

void socket_charge(struct socket *s, struct packet *p)
{
	socket_get(s);
	p->sender = s;
	atomic_add(&s->sent_charge, p->charge);
}

void socket_uncharge(struct socket *s, u32 charge)
{
	u32 before = atomic_sub(&s->sent_charge, charge);
	u32 limit = atomic_load_relaxed(&s->sndbuf);

	if (before >= limit || (before * 4ul > limit && (before - charge) * 4ul <= limit))
		waitq_wake_events(&s->can_write, POLLOUT | POLLWRNORM | POLLWRBAND);
	socket_put(s);
}

/* --- accepting --- */

static bool socket_take_pending(struct socket *s, struct socket **made)
{
	spin_lock(&s->lock);
	*made = NULL;
	if (!list_empty(&s->pending)) {
		*made = list_first(&s->pending, struct socket, pending_link);
		list_remove(&(*made)->pending_link);
		atomic_store_relaxed(&s->pending_count, s->pending_count - 1);
	}
	spin_unlock(&s->lock);
	if (*made)
		waitq_wake_events(&s->can_write, POLLOUT);
	if (*made && s->ops->room)
		s->ops->room(s);
	return *made || atomic_load(&s->shut) || atomic_load(&s->state) != SOCKET_LISTEN ||
	       atomic_load(&s->error);
}

co_t socket_accept(struct co *co, struct socket_accept *f)
{
	CO_BEGIN;
	if (!f->socket->ops->listen)
		CO_RETURN(-EOPNOTSUPP);
	if (atomic_load(&f->socket->state) != SOCKET_LISTEN)
		CO_RETURN(-EINVAL);
	f->deadline_ns = socket_deadline(atomic_load_relaxed(&f->socket->rcvtimeo_ns));
	if (!socket_take_pending(f->socket, f->made)) {
		if (f->no_wait)
			CO_RETURN(-EAGAIN);
		CO_WAIT_ONE_UNTIL(f->err, &f->socket->can_read,
				  socket_take_pending(f->socket, f->made), f->deadline_ns);
		if (f->err)
			CO_RETURN(socket_waited(f->err, f->deadline_ns, false));
	}
	if (!*f->made) {
		f->err = socket_take_error(f->socket);
		CO_RETURN(f->err ? f->err : -EINVAL);
	}
	CO_RETURN(0);
	CO_END;
}

/* --- as a file --- */

struct socket_read {
	struct file_transfer;
	struct socket_message message;
	long n;
};
static co_t socket_read(struct co *co, struct socket_read *f)
{
	struct socket *s = f->file->private;

	CO_BEGIN;
	if (!f->uio->left)
		CO_RETURN(0);
	f->message.uio = *f->uio;
	f->message.flags = f->file->flags & O_NONBLOCK ? MSG_DONTWAIT : 0;
	CO_AWAIT_OP(f->n, s->ops->receive, .socket = s, .message = &f->message);
	*f->uio = f->message.uio;
	CO_RETURN(f->n);
	CO_END;
}

struct socket_write {
	struct file_transfer;
	struct socket_message message;
	long n;
};
static co_t socket_write(struct co *co, struct socket_write *f)
{
	struct socket *s = f->file->private;

	CO_BEGIN;
	f->message.uio = *f->uio;
	f->message.flags = f->file->flags & O_NONBLOCK ? MSG_DONTWAIT : 0;
	CO_AWAIT_OP(f->n, s->ops->send, .socket = s, .message = &f->message);
	*f->uio = f->message.uio;
	CO_RETURN(f->n);
	CO_END;
}

static i64 socket_file_try_read(struct file *file, struct uio *uio)
{
	struct socket *s = file->private;

	if (!uio->left)
		return 0;
	return s->ops->try_receive ? s->ops->try_receive(s, uio) : -EAGAIN;
}

/* Need a reader wait no longer? Also where waiting is not all it takes: then `read` does it. */
static bool socket_ready(struct file *file)
{
	struct socket *s = file->private;

	return atomic_load(&s->queue_len) || !s->ops->try_receive || atomic_load(&s->ended) ||
	       atomic_load(&s->dead) || atomic_load(&s->error) ||
	       (atomic_load(&s->shut) & SOCKET_SHUT_READ) ||
	       atomic_load_relaxed(&s->rcvtimeo_ns) || atomic_load_relaxed(&s->rcvlowat) > 1 ||
	       s->ops->check(s, NULL, false);
}

static struct waitq *socket_read_queue(struct file *file)
{
	return &((struct socket *)file->private)->can_read;
}

static i64 socket_file_try_write(struct file *file, struct uio *uio)
{
	struct socket *s = file->private;

	return s->ops->try_send ? s->ops->try_send(s, uio) : -EAGAIN;
}

static u32 socket_poll(struct file *file, struct poller *p)
{
	struct socket *s = file->private;

	poller_add(p, &s->can_read);
	poller_add(p, &s->can_write);
	return s->ops->poll(s);
}

static void socket_closed(struct file *file)
{
	struct socket *s = file->private;

	atomic_store(&s->file, NULL);
	s->ops->closed(s);
	socket_put(s);
}

const struct file_ops socket_file_ops = {
	.read = CO_IMPLEMENTS(file_transfer, socket_read),
	.write = CO_IMPLEMENTS(file_transfer, socket_write),
	.ioctl = CO_IMPLEMENTS(file_ioctl, socket_ioctl),
	.poll = socket_poll,
	.stream = true,
	.async = true,
	.try_read = socket_file_try_read,
	.try_write = socket_file_try_write,
	.ready = socket_ready,
	.read_queue = socket_read_queue,
	.closed = socket_closed,
};

/* --- making --- */

static const struct socket_family *socket_family(u32 family)
{
	static const struct socket_family *const families[] = {
		&unix_family, &inet_family, &inet6_family, &netlink_family,
	};

	for (unsigned i = 0; i < ARRAY_SIZE(families); i++)
		if (families[i]->family == family)
			return families[i];
	return NULL;
}

static int socket_check(u32 family, u32 type)
{
	if (family >= AF_MAX)
		return -EAFNOSUPPORT;
	if (type >= SOCK_MAX)
		return -EINVAL;
	return socket_family(family) ? 0 : -EAFNOSUPPORT;
}

int socket_new(u32 family, u32 type, u32 protocol, struct socket **made)
{
	int err = socket_check(family, type);

	return err ? err : socket_family(family)->make(type, protocol, made);
}

int socket_new_pair(u32 family, u32 type, u32 protocol, struct socket *made[2])
{
	int err = socket_new(family, type, protocol, &made[0]);

	if (err)
		return err;
	if (!socket_family(family)->pair) {
		err = -EOPNOTSUPP;
	} else {
		err = socket_new(family, type, protocol, &made[1]);
		if (!err)
			socket_family(family)->pair(made[0], made[1]);
	}
	if (err) {
		made[0]->ops->closed(made[0]);
		socket_put(made[0]);
	}
	return err;
}
