/* core/dev/pty.c -- pseudo terminals.
 *
 *	master write -> held -> ldisc -> slave read
 *	master read  <- out  <- ldisc <- slave write
 *
 * While output is stopped (^S) the master sees what was in `out` then, not the echoes that
 * come after: `stop_at` remembers where that was.
 */
#include "core/dev/pty.h"

#include <linux/fcntl.h>

#include "core/dev/tty_io.h"
#include "mem/phys/slab.h"

/* What a flush cannot take back: the master might have it already. */
#define PTY_FLUSH_KEEPS 4095u

struct pty {
	struct tty tty;		/* first */
	struct pty_host *host;	/* [I] owned until the master closes */
	unsigned index;		/* [I] */
	/* under tty.lock */
	bool locked;
	bool slave_closed;	/* it was open once and is not now */
	bool packet;
	u8 status;		/* TIOCPKT_* not yet read */
	u32 stop_at;		/* out.head when output stopped */
	struct waitq master_readers, master_writers;
	u8 out[TTY_OUT_SIZE];
	u8 held[TTY_HELD_SIZE];
};

static struct pty *pty_of(struct tty *t)
{
	return (struct pty *)t;
}

static spinlock host_lock = SPINLOCK_INIT(RANK_DEV);
static struct pty_host *default_host;
static const struct inode_ops *slave_inode_ops, *ptmx_inode_ops;

/* --- the driver's side --- */

static u32 visible(const struct pty *p)
{
	return (p->tty.ld.stopped ? p->stop_at : p->tty.out.head) - p->tty.out.tail;
}

static void kick(struct tty *t)
{
	struct pty *p = pty_of(t);

	if (visible(p))
		waitq_wake_events(&p->master_readers, POLLIN | POLLRDNORM);
}

static void add_status(struct pty *p, u8 set, u8 clear)
{
	if (!p->packet)
		return;
	p->status = (u8)((p->status & ~clear) | set);
	waitq_wake_events(&p->master_readers, POLLIN | POLLPRI | POLLRDNORM);
}

static void notice(struct tty *t, unsigned events)
{
	struct pty *p = pty_of(t);

	if (events & LDISC_STOPPED) {
		p->stop_at = t->out.head;
		add_status(p, TIOCPKT_STOP, TIOCPKT_START);
	}
	if (events & LDISC_STARTED)
		add_status(p, TIOCPKT_START, TIOCPKT_STOP);
	if (events & LDISC_FLUSHED)
		add_status(p, TIOCPKT_FLUSHREAD | TIOCPKT_FLUSHWRITE, 0);
	if (ring_room(&t->held))
		waitq_wake_events(&p->master_writers, POLLOUT | POLLWRNORM);
}

static int may_open(struct tty *t)
{
	return t->gone || pty_of(t)->locked ? -EIO : 0;
}

static void opened(struct tty *t)
{
	pty_of(t)->slave_closed = false;
}

static void closed(struct tty *t)
{
	struct pty *p = pty_of(t);

	p->slave_closed = true;
	p->packet = false;
	waitq_wake_events(&p->master_readers, POLLHUP | POLLIN);
	waitq_wake_events(&p->master_writers, POLLHUP);
}

static void free_pty(struct tty *t)
{
	kfree(pty_of(t));
}

static const struct tty_ops slave_ops = {
	.kick = kick,
	.notice = notice,
	.may_open = may_open,
	.opened = opened,
	.closed = closed,
	.free = free_pty,
	.is_pty = true,
};

/* --- settings --- */

struct super *pty_host_super(const struct tty *t)
{
	return ((const struct pty *)t)->host->super;
}

unsigned pty_index(const struct tty *t)
{
	return ((const struct pty *)t)->index;
}

void pty_set_index(struct tty *t, unsigned index)
{
	struct pty *p = pty_of(t);

	p->index = index;
	t->number = CHARDEV_NUMBER(CHARDEV_PTS, index);
	(void)format(t->name, sizeof(t->name), "pts/%u", index);
}

void pty_set_locked(struct tty *t, bool on)
{
	spin_lock(&t->lock);
	pty_of(t)->locked = on;
	spin_unlock(&t->lock);
}

bool pty_is_locked(struct tty *t)
{
	return atomic_load(&pty_of(t)->locked);
}

void pty_set_packet(struct tty *t, bool on)
{
	struct pty *p = pty_of(t);

	spin_lock(&t->lock);
	if (on && !p->packet)
		p->status = 0;
	p->packet = on;
	spin_unlock(&t->lock);
}

bool pty_has_packet(struct tty *t)
{
	return atomic_load(&pty_of(t)->packet);
}

void pty_notice_flush(struct tty *t, u8 status)
{
	if (t->ops->is_pty)
		add_status(pty_of(t), status, 0);
}

long pty_flush_master(struct tty *t, bool in, bool out)
{
	spin_lock(&t->lock);
	if (in)
		t->out.tail = t->out.head;
	if (out)
		t->held.tail = t->held.head;
	tty_drained(t);
	waitq_wake_events(&pty_of(t)->master_writers, POLLOUT | POLLWRNORM);
	spin_unlock(&t->lock);
	return 0;
}

/* --- the master's file --- */

struct pty_read {
	struct file_transfer;
	struct pty *pty;
	size_t n, at, done;
	long err;
	bool status;		/* the chunk is a status byte: the read ends */
	u8 chunk[TTY_CHUNK];
};

static bool master_readable(struct pty *p)
{
	bool yes;

	spin_lock(&p->tty.lock);
	yes = visible(p) || (p->packet && p->status);
	spin_unlock(&p->tty.lock);
	return yes;
}

static bool slave_is_closed(struct pty *p)
{
	return atomic_load(&p->slave_closed);
}

static void master_take(struct pty_read *f)
{
	struct pty *p = f->pty;

	f->at = f->n = 0;
	spin_lock(&p->tty.lock);
	if (p->packet && p->status && !f->done) {
		f->chunk[f->n++] = p->status;
		p->status = 0;
		f->status = true;
	} else {
		u32 n = (u32)min((u64)sizeof(f->chunk), f->uio->left);

		if (p->packet && !f->done)
			f->chunk[f->n++] = TIOCPKT_DATA;
		n = min(n - (u32)f->n, visible(p));
		f->n += ring_read(&p->tty.out, f->chunk + f->n, n);
		tty_drained(&p->tty);
	}
	spin_unlock(&p->tty.lock);
}

static co_t pty_read(struct co *co, struct pty_read *f)
{
	CO_BEGIN;
	f->pty = pty_of(tty_file_of(f->file)->tty);
	if (!f->uio->left)
		CO_RETURN(0);
	while (!master_readable(f->pty)) {
		if (slave_is_closed(f->pty))
			CO_RETURN(-EIO);
		if (f->file->flags & O_NONBLOCK)
			CO_RETURN(-EAGAIN);
		CO_WAIT(f->err, &f->pty->master_readers,
			master_readable(f->pty) || slave_is_closed(f->pty));
		if (f->err)
			CO_RETURN(f->err);
	}
	do {
		master_take(f);
		while (f->at < f->n) {
			f->at += uio_copy_to(f->uio, f->chunk + f->at, f->n - f->at);
			if (f->at == f->n)
				break;
			CO_AWAIT(f->err, uio_fault_in, .uio = f->uio, .n = f->n - f->at,
				 .write = true);
			if (f->err)
				CO_RETURN(f->done + f->at ? (long)(f->done + f->at) : f->err);
		}
		f->done += f->n;
		CO_BREATHE;
	} while (!f->status && f->n == TTY_CHUNK && f->uio->left);
	CO_RETURN(f->done);
	CO_END;
}

struct pty_write {
	struct file_transfer;
	struct tty *tty;
	size_t n, at, done;
	long err;
	u8 chunk[TTY_CHUNK];
};

static bool held_has_room(struct tty *t)
{
	bool yes;

	spin_lock(&t->lock);
	yes = ring_room(&t->held);
	spin_unlock(&t->lock);
	return yes;
}

static co_t pty_write(struct co *co, struct pty_write *f)
{
	CO_BEGIN;
	f->tty = tty_file_of(f->file)->tty;
	while (f->uio->left) {
		f->n = uio_copy_from(f->uio, f->chunk, min((u64)TTY_CHUNK, f->uio->left));
		if (!f->n) {
			CO_AWAIT(f->err, uio_fault_in, .uio = f->uio, .n = TTY_CHUNK);
			if (f->err)
				break;
			continue;
		}
		f->at = 0;
		for (;;) {
			f->at += tty_receive(f->tty, f->chunk + f->at, f->n - f->at);
			if (f->at == f->n)
				break;
			f->err = -EAGAIN;
			if (f->file->flags & O_NONBLOCK)
				break;
			CO_WAIT(f->err, &pty_of(f->tty)->master_writers, held_has_room(f->tty));
			if (f->err)
				break;
		}
		f->done += f->at;
		if (f->at < f->n)
			break;
		CO_BREATHE;
	}
	CO_RETURN(f->done ? (long)f->done : f->err);
	CO_END;
}

static u32 pty_poll(struct file *file, struct poller *poller)
{
	struct pty *p = pty_of(tty_file_of(file)->tty);
	u32 events = 0;

	poller_add(poller, &p->master_readers);
	poller_add(poller, &p->master_writers);
	spin_lock(&p->tty.lock);
	if (visible(p))
		events |= POLLIN | POLLRDNORM;
	if (p->packet && p->status)
		events |= POLLPRI | POLLIN | POLLRDNORM;
	if (p->slave_closed)
		events |= POLLHUP;
	if (ring_room(&p->tty.held))
		events |= POLLOUT | POLLWRNORM;
	spin_unlock(&p->tty.lock);
	return events;
}

/* A new pseudo terminal in h (whose reference it takes over on success). */
static int pty_new(struct pty_host *h, struct pty **to)
{
	struct pty *p = kzalloc(sizeof(*p));
	int index;

	if (!p)
		return -ENOMEM;
	tty_setup(&p->tty, &slave_ops, "pts", 0, p->out, p->held);
	p->tty.ld.flush_keeps = PTY_FLUSH_KEEPS;
	waitq_init(&p->master_readers);
	waitq_init(&p->master_writers);
	p->locked = true;
	p->host = h;
	index = h->add(h, &p->tty);
	if (index < 0) {
		kfree(p);
		return index;
	}
	*to = p;
	return 0;
}

static struct pty_host *host_of(struct inode *inode)
{
	struct pty_host *h;

	spin_lock(&host_lock);
	h = inode->ops == ptmx_inode_ops ? inode->private : default_host;
	if (h)
		h->get(h);
	spin_unlock(&host_lock);
	return h;
}

struct pty_open {
	struct file_opened;
};
static co_t pty_open(struct co *co, struct pty_open *f)
{
	struct tty_file *tf;
	struct pty_host *h;
	struct pty *p = NULL;
	int err;

	CO_BEGIN;
	h = host_of(f->file->inode);
	if (!h)
		CO_RETURN(-ENODEV);
	tf = kzalloc(sizeof(*tf));
	err = tf ? pty_new(h, &p) : -ENOMEM;
	if (err) {
		kfree(tf);
		h->put(h);
		CO_RETURN(err);
	}
	*tf = (struct tty_file){.tty = &p->tty, .master = true};
	f->file->private = tf;
	CO_RETURN(0);
	CO_END;
}

static void pty_closed(struct file *file)
{
	struct tty_file *tf = file->private;
	struct pty *p = pty_of(tf->tty);

	spin_lock(&p->tty.lock);
	atomic_store(&p->tty.gone, true);
	spin_unlock(&p->tty.lock);
	tty_hangup(&p->tty);
	p->host->remove(p->host, p->index);
	p->host->put(p->host);
	kfree(tf);
	tty_put(&p->tty);
}

static const struct file_ops ptmx_file_ops = {
	.open = CO_IMPLEMENTS(file_opened, pty_open),
	.read = CO_IMPLEMENTS(file_transfer, pty_read),
	.write = CO_IMPLEMENTS(file_transfer, pty_write),
	.ioctl = CO_IMPLEMENTS(file_ioctl, tty_ioctl),
	.poll = pty_poll,
	.closed = pty_closed,
	.stream = true,
	.async = true,
	.async_owner = tty_job_owner,
};

/* --- the slave's file --- */

struct pts_open {
	struct file_opened;
};
static co_t pts_open(struct co *co, struct pts_open *f)
{
	struct tty *t;
	int err;

	CO_BEGIN;
	if (f->file->inode->ops != slave_inode_ops)
		CO_RETURN(-EIO);	/* a node that devpts did not make */
	t = f->file->inode->private;
	tty_get(t);
	err = tty_attach(f->file, t, false);
	if (err) {
		tty_put(t);
		CO_RETURN(err);
	}
	if (!(f->file->flags & O_NOCTTY) && (f->file->mode & FILE_READ))
		tty_job_adopt(t);
	CO_RETURN(0);
	CO_END;
}

static struct file_ops pts_file_ops;

void pty_set_host(struct pty_host *h)
{
	spin_lock(&host_lock);
	default_host = h;
	spin_unlock(&host_lock);
}

void pty_forget_host(struct pty_host *h)
{
	spin_lock(&host_lock);
	if (default_host == h)
		default_host = NULL;
	spin_unlock(&host_lock);
}

void pty_set_inode_ops(const struct inode_ops *slave, const struct inode_ops *ptmx)
{
	slave_inode_ops = slave;
	ptmx_inode_ops = ptmx;
}

static struct chardev ptmx = {
	.name = "/dev/ptmx", .major = CHARDEV_TTYAUX, .first = 2, .count = 1, .ops = &ptmx_file_ops
};
static struct chardev ptm = {
	.name = "ptm", .major = CHARDEV_PTM, .first = 0, .count = 0, .ops = NULL
};
static struct chardev pts = {
	.name = "pts", .major = CHARDEV_PTS, .first = 0, .count = 1u << 20, .ops = &pts_file_ops
};
static struct chardev_node ptmx_node = {
	"ptmx", S_IFCHR | 0666, CHARDEV_NUMBER(CHARDEV_TTYAUX, 2)
};

void pty_init(void)
{
	pts_file_ops = tty_file_ops;
	pts_file_ops.open = (struct file_opened_op)CO_IMPLEMENTS(file_opened, pts_open);
	chardev_register(&ptmx);
	chardev_register(&ptm);
	chardev_register(&pts);
	chardev_add_node(&ptmx_node);
}
