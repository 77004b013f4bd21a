/* core/dev/tty_io.c -- reading, writing and polling a terminal.
 *
 * A read in canonical mode ends with a line. Otherwise MIN and TIME say when it ends:
 *
 *	MIN  TIME
 *	>0   0     when MIN bytes are there
 *	>0   >0    the same, or TIME after the last byte, once there was one
 *	0    >0    with the first byte or after TIME
 *	0    0     at once
 *
 * Bytes pass through a small chunk in the frame, since user memory may be missing and nothing
 * may be held while it is fetched.
 */
#include "core/dev/tty_io.h"

#include <linux/fcntl.h>

#include "hal/clock.h"

#define DECISECOND 100000000ul

/* --- reading --- */

static void read_start(struct tty_read *f)
{
	const struct ktermios *t;

	f->deadline_ns = CO_FOREVER;
	f->min = 1;
	spin_lock(&f->tty->lock);
	t = &f->tty->ld.t;
	if (!(t->c_lflag & ICANON)) {
		u64 time = t->c_cc[VTIME] * DECISECOND;

		if (t->c_cc[VMIN]) {
			f->min = t->c_cc[VMIN];
			f->between_ns = time;
		} else {
			f->deadline_ns = time ? hal_clock_ns() + time : 0;
		}
	}
	spin_unlock(&f->tty->lock);
}

/* Move the next bytes into the chunk. */
static void read_take(struct tty_read *f)
{
	struct tty *t = f->tty;
	unsigned events;

	spin_lock(&t->lock);
	f->n = ldisc_read(&t->ld, f->chunk, min((u64)sizeof(f->chunk), f->uio->left),
			  &f->finished);
	if (f->n == f->uio->left && !f->finished)
		ldisc_skip_eof(&t->ld);
	events = tty_digest(t);
	tty_act(t, events);
	spin_unlock(&t->lock);
	tty_signal(t, events);
	f->at = 0;
	if (f->n && f->between_ns)
		f->deadline_ns = hal_clock_ns() + f->between_ns;
}

static bool readable(struct tty *t)
{
	bool yes;

	spin_lock(&t->lock);
	yes = ldisc_readable(&t->ld);
	spin_unlock(&t->lock);
	return yes;
}

/* Nothing to read: why not to wait for it. 0: wait; 1: the read ends with what it has. */
static long read_ends(const struct tty_read *f)
{
	if (atomic_load(&f->tty->gone))
		return -EIO;
	if (tty_file_hung(f->file) || !f->deadline_ns)
		return 1;
	return f->file->flags & O_NONBLOCK ? -EAGAIN : 0;
}

co_t tty_read(struct co *co, struct tty_read *f)
{
	CO_BEGIN;
	f->tty = tty_file_of(f->file)->tty;
	if (tty_file_hung(f->file) || !f->uio->left)
		CO_RETURN(0);
	f->err = tty_file_of(f->file)->console ? 0 : tty_job_check(f->tty, SIGTTIN);
	if (f->err)
		CO_RETURN(f->err);
	read_start(f);
	for (;;) {
		if (!readable(f->tty)) {
			if (f->done >= f->min)
				break;
			f->err = read_ends(f);
			if (f->err)
				break;
			CO_WAIT_UNTIL(f->err, &f->tty->readers,
				      readable(f->tty) || read_ends(f), f->deadline_ns);
			if (f->err)
				break;
			continue;
		}
		read_take(f);
		while (f->at < f->n) {
			f->at += uio_copy_to(f->uio, f->chunk + f->at, f->n - f->at);
			if (f->at == f->n)
				break;
			CO_AWAIT(f->err, uio_fault_in, .uio = f->uio, .n = f->n - f->at,
				 .write = true);
			if (f->err)
				break;
		}
		f->done += f->at;
		if (f->at < f->n || f->finished || !f->uio->left)
			break;
		CO_BREATHE;
	}
	if (f->done || f->err >= 0 || f->err == -ETIMEDOUT)
		CO_RETURN(f->done);
	CO_RETURN(f->err);
	CO_END;
}

/* --- writing --- */

/* Own the output for one write; false: another has it. */
static bool claim_output(struct tty *t)
{
	bool mine;

	spin_lock(&t->lock);
	mine = !t->writing;
	t->writing = true;
	spin_unlock(&t->lock);
	return mine;
}

static void release_output(struct tty *t)
{
	spin_lock(&t->lock);
	t->writing = false;
	waitq_wake_events(&t->writers, POLLOUT | POLLWRNORM);
	spin_unlock(&t->lock);
}

/* A pseudo terminal takes nothing while it is stopped; a serial line's buffer does. */
static bool has_room(const struct tty *t)
{
	return !(t->ops->is_pty && t->ld.stopped) && ring_room(&t->out) >= LDISC_ECHO_ROOM + 8;
}

static bool writable(struct tty *t)
{
	bool yes;

	spin_lock(&t->lock);
	yes = has_room(t);
	spin_unlock(&t->lock);
	return yes;
}

static size_t write_put(struct tty *t, const u8 *bytes, size_t n)
{
	size_t done = 0;

	spin_lock(&t->lock);
	if (has_room(t)) {
		done = ldisc_write(&t->ld, bytes, n);
		t->ops->kick(t);
	}
	spin_unlock(&t->lock);
	return done;
}

static bool write_dead(const struct file *file)
{
	return tty_file_hung(file) || atomic_load(&tty_file_of(file)->tty->gone);
}

static long write_may(const struct file *file)
{
	struct tty_file *tf = tty_file_of(file);

	if (write_dead(file))
		return -EIO;
	if (!tf->console && ldisc_flag(&tf->tty->ld, TOSTOP))
		return tty_job_check(tf->tty, SIGTTOU);
	return 0;
}

/* The chunk to the terminal, as far as it goes. */
struct tty_push {
	struct co_frame co;
	struct tty_write *w;
	long err;
};
static co_t tty_push(struct co *co, struct tty_push *f)
{
	CO_BEGIN;
	while (f->w->at < f->w->n) {
		if (write_dead(f->w->file))
			CO_RETURN(-EIO);
		f->w->at += write_put(f->w->tty, f->w->chunk + f->w->at, f->w->n - f->w->at);
		if (f->w->at == f->w->n)
			break;
		if (f->w->file->flags & O_NONBLOCK)
			CO_RETURN(-EAGAIN);
		CO_WAIT(f->err, &f->w->tty->writers,
			writable(f->w->tty) || write_dead(f->w->file));
		if (f->err)
			CO_RETURN(f->err);
	}
	CO_RETURN(0);
	CO_END;
}

co_t tty_write(struct co *co, struct tty_write *f)
{
	CO_BEGIN;
	f->tty = tty_file_of(f->file)->tty;
	f->err = write_may(f->file);
	if (f->err)
		CO_RETURN(f->err);
	if (!claim_output(f->tty)) {
		if (f->file->flags & O_NONBLOCK)
			CO_RETURN(-EAGAIN);
		CO_WAIT(f->err, &f->tty->writers, claim_output(f->tty));
		if (f->err)
			CO_RETURN(f->err);
	}
	while (f->uio->left) {
		f->at = 0;
		f->n = uio_copy_from(f->uio, f->chunk, min((u64)TTY_CHUNK, f->uio->left));
		if (!f->n) {
			CO_AWAIT(f->err, uio_fault_in, .uio = f->uio, .n = TTY_CHUNK);
			if (f->err)
				break;
			continue;
		}
		CO_AWAIT(f->err, tty_push, .w = f);
		f->done += f->at;
		if (f->err)
			break;
		CO_BREATHE;
	}
	release_output(f->tty);
	CO_RETURN(f->done ? (long)f->done : f->err);
	CO_END;
}

bool tty_is_drained(struct tty *t)
{
	bool yes;

	spin_lock(&t->lock);
	yes = t->ops->is_pty || !ring_used(&t->out);
	spin_unlock(&t->lock);
	return yes;
}

/* --- polling --- */

/* With MIN > 0 and no TIME poll waits for MIN bytes, as a read would. */
static bool poll_readable(const struct ldisc *l)
{
	const u8 *cc = l->t.c_cc;

	if (!(l->t.c_lflag & ICANON) && !cc[VTIME] && cc[VMIN])
		return ldisc_used(l) >= cc[VMIN];
	return ldisc_readable(l);
}

u32 tty_poll(struct file *file, struct poller *p)
{
	struct tty *t = tty_file_of(file)->tty;
	u32 events = 0;

	poller_add(p, &t->readers);
	poller_add(p, &t->writers);
	if (tty_file_hung(file))
		return POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDNORM | POLLWRNORM;
	spin_lock(&t->lock);
	if (poll_readable(&t->ld))
		events |= POLLIN | POLLRDNORM;
	if (t->gone)
		events |= POLLHUP;
	if (!t->writing && has_room(t) && (t->ops->is_pty || ring_used(&t->out) < 256))
		events |= POLLOUT | POLLWRNORM;
	spin_unlock(&t->lock);
	return events;
}
