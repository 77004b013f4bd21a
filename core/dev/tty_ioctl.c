/* core/dev/tty_ioctl.c -- what programs ask of a terminal besides bytes.
 *
 * A table says for each command what moves from and to user space and what must hold first;
 * one coroutine does the moving and the waiting, the rest are plain functions.
 */
#include <linux/fcntl.h>
#include <linux/tty.h>

#include "core/cred/cred.h"
#include "core/dev/pty.h"
#include "core/dev/pty_peer.h"
#include "core/dev/tty_io.h"
#include "core/dev/tty_speed.h"
#include "mem/space/uaccess.h"

struct tty_call {
	struct tty *tty;
	struct file *file;
	u64 arg;
	union tty_argument *u;
};

enum {
	NEEDS_JOB = 1,		/* not from a background group */
	NEEDS_DRAIN = 2,	/* waits for the output to be sent */
	MASTER = 4,		/* only on a pseudo terminal's master */
	SLAVE = 8,		/* not there */
};

struct tty_command {
	unsigned cmd;
	u32 in, out;	/* bytes of the argument that are copied */
	u32 needs;
	long (*run)(struct tty_call *c);
};

#define OLD_TERMIOS offsetof(struct ktermios, c_ispeed)

/* --- settings --- */

static void fix_termios(const struct tty *t, struct ktermios *to)
{
	if (t->ops->is_pty) {
		to->c_cflag &= ~(CSIZE | PARENB);
		to->c_cflag |= CS8 | CREAD;
	}
	to->c_line = 0;
}

static long set_termios(struct tty_call *c, const struct ktermios *to)
{
	struct tty *t = c->tty;
	struct ktermios fixed = *to;
	unsigned events;

	fix_termios(t, &fixed);
	spin_lock(&t->lock);
	events = ldisc_set_termios(&t->ld, &fixed);
	events |= tty_digest(t);
	tty_act(t, events);
	waitq_wake_events(&t->writers, 0);
	spin_unlock(&t->lock);
	tty_signal(t, events);
	return 0;
}

static void flush_input(struct tty *t) REQUIRES(t->lock)
{
	ldisc_flush_input(&t->ld);
	t->held.tail = t->held.head;
	tty_act(t, tty_digest(t));
	waitq_wake_events(&t->readers, 0);
}

static long flush_both(struct tty *t, bool in, bool out)
{
	spin_lock(&t->lock);
	if (in)
		flush_input(t);
	if (out)
		ldisc_flush_output(&t->ld);
	if (in)
		pty_notice_flush(t, TIOCPKT_FLUSHREAD);
	if (out)
		pty_notice_flush(t, TIOCPKT_FLUSHWRITE);
	tty_drained(t);
	spin_unlock(&t->lock);
	return 0;
}

static struct ktermios get_termios(struct tty *t)
{
	struct ktermios now;

	spin_lock(&t->lock);
	now = t->ld.t;
	spin_unlock(&t->lock);
	return now;
}

static long tcgets(struct tty_call *c)
{
	c->u->termios = get_termios(c->tty);
	return 0;
}

/* The old structure has no speeds: they are in c_cflag, or stay. */
static long tcsets(struct tty_call *c)
{
	struct ktermios now = get_termios(c->tty);

	memcpy(&now, &c->u->termios, OLD_TERMIOS);
	tty_speed_from_flags(&now);
	return set_termios(c, &now);
}

static long tcsets2(struct tty_call *c)
{
	struct ktermios to = c->u->termios;

	tty_speed_from_flags(&to);
	return set_termios(c, &to);
}

static long tcsetsf(struct tty_call *c)
{
	(void)flush_both(c->tty, true, false);
	return tcsets(c);
}

static long tcsetsf2(struct tty_call *c)
{
	(void)flush_both(c->tty, true, false);
	return tcsets2(c);
}

static long tcgeta(struct tty_call *c)
{
	struct ktermios now = get_termios(c->tty);
	struct termio *to = &c->u->termio;

	*to = (struct termio){
		.c_iflag = (u16)now.c_iflag,
		.c_oflag = (u16)now.c_oflag,
		.c_cflag = (u16)now.c_cflag,
		.c_lflag = (u16)now.c_lflag,
		.c_line = now.c_line,
	};
	memcpy(to->c_cc, now.c_cc, NCC);
	return 0;
}

static long tcseta(struct tty_call *c)
{
	struct ktermios to = get_termios(c->tty);
	const struct termio *from = &c->u->termio;

	to.c_iflag = (to.c_iflag & 0xffff0000) | from->c_iflag;
	to.c_oflag = (to.c_oflag & 0xffff0000) | from->c_oflag;
	to.c_cflag = (to.c_cflag & 0xffff0000) | from->c_cflag;
	to.c_lflag = (to.c_lflag & 0xffff0000) | from->c_lflag;
	memcpy(to.c_cc, from->c_cc, NCC);
	tty_speed_from_flags(&to);
	return set_termios(c, &to);
}

static long tcsetaf(struct tty_call *c)
{
	(void)flush_both(c->tty, true, false);
	return tcseta(c);
}

/* --- flow --- */

static long tcflsh(struct tty_call *c)
{
	if (c->arg > TCIOFLUSH)
		return -EINVAL;
	if (tty_file_of(c->file)->master)
		return pty_flush_master(c->tty, c->arg != TCOFLUSH, c->arg != TCIFLUSH);
	return flush_both(c->tty, c->arg != TCOFLUSH, c->arg != TCIFLUSH);
}

static long tcxonc(struct tty_call *c)
{
	struct tty *t = c->tty;
	long err = 0;
	u8 byte = 0;

	spin_lock(&t->lock);
	switch (c->arg) {
	case TCOOFF:
		tty_act(t, ldisc_stop(&t->ld, true));
		break;
	case TCOON:
		tty_act(t, ldisc_start(&t->ld, true));
		break;
	case TCIOFF:
		byte = t->ld.t.c_cc[VSTOP];
		break;
	case TCION:
		byte = t->ld.t.c_cc[VSTART];
		break;
	default:
		err = -EINVAL;
	}
	if (byte && ring_put(&t->out, byte))
		t->ops->kick(t);
	spin_unlock(&t->lock);
	return err;
}

/* The line has no way to send a break; a pseudo terminal has no line. */
static long send_break(struct tty_call *c)
{
	return c->tty->ops->is_pty ? 0 : -EOPNOTSUPP;
}

static long tcsbrk(struct tty_call *c)
{
	return c->arg ? 0 : send_break(c);
}

static long inq(struct tty_call *c)
{
	struct tty *t = c->tty;

	spin_lock(&t->lock);
	c->u->number = tty_file_of(c->file)->master ? (i32)ring_used(&t->out)
						    : (i32)ldisc_pending(&t->ld);
	spin_unlock(&t->lock);
	return 0;
}

static long outq(struct tty_call *c)
{
	struct tty *t = c->tty;

	spin_lock(&t->lock);
	c->u->number = t->ops->is_pty ? 0 : (i32)ring_used(&t->out);
	spin_unlock(&t->lock);
	return 0;
}

/* --- the window, the session --- */

static long gwinsz(struct tty_call *c)
{
	spin_lock(&c->tty->lock);
	c->u->window = c->tty->window;
	spin_unlock(&c->tty->lock);
	return 0;
}

static long swinsz(struct tty_call *c)
{
	bool same;

	spin_lock(&c->tty->lock);
	same = !memcmp(&c->tty->window, &c->u->window, sizeof(c->u->window));
	c->tty->window = c->u->window;
	spin_unlock(&c->tty->lock);
	if (!same)
		tty_job_signal(c->tty, SIGWINCH);
	return 0;
}

static long gpgrp(struct tty_call *c)
{
	return tty_job_get_group(c->tty, tty_file_of(c->file)->master, pid_ns_here(),
				 &c->u->number);
}

static long spgrp(struct tty_call *c)
{
	return tty_job_set_group(c->tty, c->u->number);
}

static long gsid(struct tty_call *c)
{
	return tty_job_get_session(c->tty, tty_file_of(c->file)->master, &c->u->number);
}

static long sctty(struct tty_call *c)
{
	return tty_job_claim(c->tty, c->arg == 1, c->file->mode & FILE_READ);
}

static long notty(struct tty_call *c)
{
	return tty_job_release(c->tty);
}

static bool privileged(void)
{
	return cred_capable(task_current()->cred, CAP_SYS_ADMIN);
}

static long vhangup(struct tty_call *c)
{
	if (!privileged())
		return -EPERM;
	tty_hangup(c->tty);
	return 0;
}

/* --- the rest --- */

static long sti(struct tty_call *c)
{
	if (!tty_job_is_current(c->tty) && !privileged())
		return -EPERM;
	return tty_receive(c->tty, &c->u->byte, 1) ? 0 : -EAGAIN;
}

static long set_exclusive(struct tty_call *c, bool on)
{
	spin_lock(&c->tty->lock);
	c->tty->exclusive = on;
	spin_unlock(&c->tty->lock);
	return 0;
}

static long excl(struct tty_call *c)
{
	return set_exclusive(c, true);
}

static long nxcl(struct tty_call *c)
{
	return set_exclusive(c, false);
}

static long gexcl(struct tty_call *c)
{
	spin_lock(&c->tty->lock);
	c->u->number = c->tty->exclusive;
	spin_unlock(&c->tty->lock);
	return 0;
}

static long getd(struct tty_call *c)
{
	c->u->number = N_TTY;
	return 0;
}

static long setd(struct tty_call *c)
{
	return c->u->number == N_TTY ? 0 : -EINVAL;
}

static long gdev(struct tty_call *c)
{
	/* new_encode_dev: the minor's high bits above the major. */
	u32 major = CHARDEV_MAJOR(c->tty->number), minor = CHARDEV_MINOR(c->tty->number);

	c->u->number = (i32)((minor & 0xff) | major << 8 | (minor & ~0xffu) << 12);
	return 0;
}

static long cons(struct tty_call *c)
{
	return privileged() ? -EOPNOTSUPP : -EPERM;
}

/* --- a pseudo terminal's master --- */

static long gptn(struct tty_call *c)
{
	c->u->number = pty_index(c->tty);
	return 0;
}

static long sptlck(struct tty_call *c)
{
	pty_set_locked(c->tty, c->u->number);
	return 0;
}

static long gptlck(struct tty_call *c)
{
	c->u->number = pty_is_locked(c->tty);
	return 0;
}

static long pkt(struct tty_call *c)
{
	pty_set_packet(c->tty, c->u->number);
	return 0;
}

static long gpkt(struct tty_call *c)
{
	c->u->number = pty_has_packet(c->tty);
	return 0;
}

static long sig(struct tty_call *c)
{
	if (c->arg != SIGINT && c->arg != SIGQUIT && c->arg != SIGTSTP)
		return -EINVAL;
	tty_job_signal(c->tty, (int)c->arg);
	return 0;
}

#define NUMBER sizeof(i32)

static const struct tty_command commands[] = {
	{TCGETS, 0, OLD_TERMIOS, 0, tcgets},
	{TCSETS, OLD_TERMIOS, 0, NEEDS_JOB, tcsets},
	{TCSETSW, OLD_TERMIOS, 0, NEEDS_JOB | NEEDS_DRAIN, tcsets},
	{TCSETSF, OLD_TERMIOS, 0, NEEDS_JOB | NEEDS_DRAIN, tcsetsf},
	{TCGETS2, 0, sizeof(struct ktermios), 0, tcgets},
	{TCSETS2, sizeof(struct ktermios), 0, NEEDS_JOB, tcsets2},
	{TCSETSW2, sizeof(struct ktermios), 0, NEEDS_JOB | NEEDS_DRAIN, tcsets2},
	{TCSETSF2, sizeof(struct ktermios), 0, NEEDS_JOB | NEEDS_DRAIN, tcsetsf2},
	{TCGETA, 0, sizeof(struct termio), 0, tcgeta},
	{TCSETA, sizeof(struct termio), 0, NEEDS_JOB, tcseta},
	{TCSETAW, sizeof(struct termio), 0, NEEDS_JOB | NEEDS_DRAIN, tcseta},
	{TCSETAF, sizeof(struct termio), 0, NEEDS_JOB | NEEDS_DRAIN, tcsetaf},
	{TCSBRK, 0, 0, NEEDS_JOB | NEEDS_DRAIN, tcsbrk},
	{TCSBRKP, 0, 0, NEEDS_JOB | NEEDS_DRAIN, send_break},
	{TCXONC, 0, 0, NEEDS_JOB | SLAVE, tcxonc},
	{TCFLSH, 0, 0, NEEDS_JOB, tcflsh},
	{TIOCINQ, 0, NUMBER, 0, inq},
	{TIOCOUTQ, 0, NUMBER, 0, outq},
	{TIOCGWINSZ, 0, sizeof(struct winsize), 0, gwinsz},
	{TIOCSWINSZ, sizeof(struct winsize), 0, 0, swinsz},
	{TIOCGPGRP, 0, NUMBER, 0, gpgrp},
	{TIOCSPGRP, NUMBER, 0, 0, spgrp},
	{TIOCGSID, 0, NUMBER, 0, gsid},
	{TIOCSCTTY, 0, 0, SLAVE, sctty},
	{TIOCNOTTY, 0, 0, 0, notty},
	{TIOCVHANGUP, 0, 0, SLAVE, vhangup},
	{TIOCSTI, 1, 0, SLAVE, sti},
	{TIOCEXCL, 0, 0, 0, excl},
	{TIOCNXCL, 0, 0, 0, nxcl},
	{TIOCGEXCL, 0, NUMBER, 0, gexcl},
	{TIOCGETD, 0, NUMBER, 0, getd},
	{TIOCSETD, NUMBER, 0, NEEDS_JOB, setd},
	{TIOCGDEV, 0, NUMBER, 0, gdev},
	{TIOCCONS, 0, 0, 0, cons},
	{TIOCGPTN, 0, NUMBER, MASTER, gptn},
	{TIOCSPTLCK, NUMBER, 0, MASTER, sptlck},
	{TIOCGPTLCK, 0, NUMBER, MASTER, gptlck},
	{TIOCPKT, NUMBER, 0, MASTER, pkt},
	{TIOCGPKT, 0, NUMBER, MASTER, gpkt},
	{TIOCSIG, 0, 0, MASTER, sig},
};

static const struct tty_command *find(unsigned cmd, bool master)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (commands[i].cmd == cmd)
			return commands[i].needs & (master ? SLAVE : MASTER) ? NULL : &commands[i];
	return NULL;
}

co_t tty_ioctl(struct co *co, struct tty_ioctl *f)
{
	struct tty_call c;

	CO_BEGIN;
	if (tty_file_hung(f->file))
		CO_RETURN(f->cmd == TIOCSPGRP ? -ENOTTY : -EIO);
	if (f->cmd == TIOCGPTPEER && tty_file_of(f->file)->master) {
		CO_AWAIT(f->err, pty_peer, .tty = tty_file_of(f->file)->tty,
			 .flags = (u32)f->arg);
		CO_RETURN(f->err);
	}
	f->command = find(f->cmd, tty_file_of(f->file)->master);
	if (!f->command)
		CO_RETURN(-ENOTTY);
	if (f->command->needs & NEEDS_JOB) {
		f->err = tty_job_check(tty_file_of(f->file)->tty, SIGTTOU);
		if (f->err)
			CO_RETURN(f->err);
	}
	if (f->command->in) {
		CO_COPY_FROM_USER(f->err, &f->u, uptr_of(f->arg), f->command->in);
		if (f->err)
			CO_RETURN(f->err);
	}
	if (f->command->needs & NEEDS_DRAIN) {
		CO_WAIT(f->err, &tty_file_of(f->file)->tty->writers,
			tty_is_drained(tty_file_of(f->file)->tty) || tty_file_hung(f->file));
		if (f->err)
			CO_RETURN(f->err);
	}
	c = (struct tty_call){tty_file_of(f->file)->tty, f->file, f->arg, &f->u};
	f->err = f->command->run(&c);
	if (f->err || !f->command->out)
		CO_RETURN(f->err);
	CO_COPY_TO_USER(f->err, uptr_of(f->arg), &f->u, f->command->out);
	CO_RETURN(f->err);
	CO_END;
}
