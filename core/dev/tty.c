/* core/dev/tty.c -- the life of a terminal: references, input from the driver, open, close,
 * hangup. Reading and writing are in tty_io.c. */
#include "core/dev/tty.h"

#include <linux/fcntl.h>

#include "core/cred/cred.h"
#include "core/dev/console.h"
#include "core/dev/tty_io.h"
#include "mem/phys/slab.h"

const struct ktermios tty_default_termios = {
	.c_iflag = ICRNL | IXON,
	.c_oflag = OPOST | ONLCR,
	.c_cflag = B38400 | CS8 | CREAD,
	.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
	.c_cc = {[VINTR] = 3, [VQUIT] = 034, [VERASE] = 0177, [VKILL] = 025, [VEOF] = 4,
		 [VMIN] = 1, [VSTART] = 021, [VSTOP] = 023, [VSUSP] = 032, [VREPRINT] = 022,
		 [VDISCARD] = 017, [VWERASE] = 027, [VLNEXT] = 026},
	.c_ispeed = 38400,
	.c_ospeed = 38400,
};

void tty_setup(struct tty *t, const struct tty_ops *ops, const char *name, u32 number, u8 *out,
	       u8 *held)
{
	memset(t, 0, sizeof(*t));
	ref_init(&t->refs);
	t->ops = ops;
	t->number = number;
	string_copy(t->name, name, sizeof(t->name));
	spin_init(&t->lock, RANK_TTY);
	t->out = (struct ring){.data = out, .size = TTY_OUT_SIZE};
	t->held = (struct ring){.data = held, .size = TTY_HELD_SIZE};
	ldisc_init(&t->ld, &tty_default_termios, &t->out);
	waitq_init(&t->readers);
	waitq_init(&t->writers);
}

void tty_get(struct tty *t)
{
	ref_get(&t->refs);
}

void tty_put(struct tty *t)
{
	if (t && ref_put(&t->refs))
		t->ops->free(t);
}

/* --- input --- */

/* XOFF and XON to the sender when the input buffer fills and empties. */
static void throttle(struct tty *t) REQUIRES(t->lock)
{
	bool full = LDISC_SIZE - ldisc_used(&t->ld) < LDISC_LOW;

	if (!(t->ld.t.c_iflag & IXOFF))
		return;
	if (!t->throttled && full)
		t->throttled = ring_put(&t->out, t->ld.t.c_cc[VSTOP]);
	else if (t->throttled && ldisc_used(&t->ld) <= LDISC_LOW)
		t->throttled = !ring_put(&t->out, t->ld.t.c_cc[VSTART]);
}

/* Let the line discipline have what was received and it now has room for. */
unsigned tty_digest(struct tty *t)
{
	unsigned events = 0;
	const u8 *run;
	size_t taken;
	u32 n;

	while ((n = ring_peek(&t->held, &run, TTY_HELD_SIZE))) {
		events |= ldisc_receive(&t->ld, run, n, &taken);
		t->held.tail += (u32)taken;
		if (taken < n)
			break;
	}
	throttle(t);
	return events;
}

void tty_act(struct tty *t, unsigned events)
{
	if (t->ops->notice)
		t->ops->notice(t, events);
	if (events & LDISC_READABLE)
		waitq_wake_events(&t->readers, POLLIN | POLLRDNORM);
	if (events & (LDISC_FLUSHED | LDISC_STARTED))
		tty_drained(t);
	if (events & (LDISC_OUTPUT | LDISC_STARTED))
		t->ops->kick(t);
}

void tty_signal(struct tty *t, unsigned events)
{
	if (events & LDISC_SIGINT)
		tty_job_signal(t, SIGINT);
	if (events & LDISC_SIGQUIT)
		tty_job_signal(t, SIGQUIT);
	if (events & LDISC_SIGTSTP)
		tty_job_signal(t, SIGTSTP);
}

size_t tty_receive(struct tty *t, const u8 *bytes, size_t n)
{
	unsigned events;

	spin_lock(&t->lock);
	n = ring_write(&t->held, bytes, (u32)min(n, (size_t)TTY_HELD_SIZE));
	events = tty_digest(t);
	tty_act(t, events);
	spin_unlock(&t->lock);
	tty_signal(t, events);
	return n;
}

void tty_drained(struct tty *t)
{
	if (ring_used(&t->out) < TTY_OUT_SIZE / 2)
		waitq_wake_events(&t->writers, POLLOUT | POLLWRNORM);
}

/* --- files --- */

struct tty_file *tty_file_of(const struct file *file)
{
	return file->private;
}

bool tty_file_hung(const struct file *file)
{
	struct tty_file *tf = file->private;

	return !tf->console && !tf->master && atomic_load(&tf->tty->hangups) != tf->hangups;
}

int tty_attach(struct file *file, struct tty *t, bool console)
{
	struct tty_file *tf = kzalloc(sizeof(*tf));
	int err = 0;

	if (!tf)
		return -ENOMEM;
	spin_lock(&t->lock);
	if (t->ops->may_open)
		err = t->ops->may_open(t);
	if (!err && t->exclusive && !cred_capable(file->cred, CAP_SYS_ADMIN))
		err = -EBUSY;
	if (err)
		goto out;
	if (!t->opens++ && t->ops->opened)
		t->ops->opened(t);
	*tf = (struct tty_file){.tty = t, .hangups = t->hangups, .console = console};
	file->private = tf;
out:
	spin_unlock(&t->lock);
	if (err)
		kfree(tf);
	return err;
}

/* The terminal a device number stands for, referenced. */
static int find(struct inode *inode, struct tty **to)
{
	*to = NULL;
	switch (inode->rdev) {
	case CHARDEV_NUMBER(CHARDEV_TTYAUX, 0):
		*to = tty_job_current();
		return *to ? 0 : -ENXIO;
	case CHARDEV_NUMBER(CHARDEV_TTYAUX, 1):
	case CHARDEV_NUMBER(CHARDEV_AMA, 64):
		*to = console_tty();
		tty_get(*to);
		return 0;
	default:
		return -ENXIO;
	}
}

struct tty_open {
	struct file_opened;
};
static co_t tty_open(struct co *co, struct tty_open *f)
{
	struct tty *t;
	bool console;
	int err;

	CO_BEGIN;
	err = find(f->file->inode, &t);
	if (err)
		CO_RETURN(err);
	console = f->file->inode->rdev == CHARDEV_NUMBER(CHARDEV_TTYAUX, 1);
	err = tty_attach(f->file, t, console);
	if (err) {
		tty_put(t);
		CO_RETURN(err);
	}
	if (!(f->file->flags & O_NOCTTY) && !console && (f->file->mode & FILE_READ))
		tty_job_adopt(t);
	CO_RETURN(0);
	CO_END;
}

static void tty_closed(struct file *file)
{
	struct tty_file *tf = file->private;
	struct tty *t = tf->tty;
	bool last;

	spin_lock(&t->lock);
	last = !--t->opens;
	if (last) {
		t->exclusive = false;
		if (t->ops->closed)
			t->ops->closed(t);
	}
	spin_unlock(&t->lock);
	if (last)
		tty_job_closed(t);
	kfree(tf);
	tty_put(t);
}

void tty_hangup(struct tty *t)
{
	unsigned events;

	spin_lock(&t->lock);
	atomic_add(&t->hangups, 1u);
	ldisc_flush_input(&t->ld);
	t->held.tail = t->held.head;
	events = ldisc_start(&t->ld, true);
	tty_act(t, events | LDISC_READABLE);
	waitq_wake_events(&t->readers, POLLHUP | POLLERR | POLLIN);
	waitq_wake_events(&t->writers, POLLHUP | POLLERR | POLLOUT);
	spin_unlock(&t->lock);
	tty_job_disconnect(t, true);
}

const struct file_ops tty_file_ops = {
	.open = CO_IMPLEMENTS(file_opened, tty_open),
	.read = CO_IMPLEMENTS(file_transfer, tty_read),
	.write = CO_IMPLEMENTS(file_transfer, tty_write),
	.ioctl = CO_IMPLEMENTS(file_ioctl, tty_ioctl),
	.poll = tty_poll,
	.closed = tty_closed,
	.stream = true,
	.async = true,
	.async_owner = tty_job_owner,
};

static struct chardev aux = {
	.name = "/dev/tty",
	.major = CHARDEV_TTYAUX,
	.first = 0,
	.count = 1,
	.ops = &tty_file_ops,
};
static struct chardev_node aux_node = {
	"tty", S_IFCHR | 0666, CHARDEV_NUMBER(CHARDEV_TTYAUX, 0)
};

void tty_init(void)
{
	tty_job_init();
	chardev_register(&aux);
	chardev_add_node(&aux_node);
}
