/* core/dev/tty.h -- terminals: a line discipline between a driver and the programs that have
 * it open.
 *
 *	program  write -> ldisc (OPOST) -> out -> driver
 *	         read  <- ldisc <- held <- driver (tty_receive)
 *
 * A driver drains `out` and delivers bytes. The serial line and the slave side of a pseudo
 * terminal are drivers; a pseudo terminal's master reads `out` and writes `held`, there is no
 * second terminal behind it.
 *
 * Ownership  reference-counted: each open file holds one, and whoever keeps a pointer. The
 *            session whose controlling terminal it is holds none: the last close takes it
 *            away from the session.
 * Locking    `lock` for everything not marked. [j]: tty_job_lock, taken outside of proc's locks
 *            and of `lock`. Wait queues are woken under `lock`.
 */
#ifndef DEV_TTY_H
#define DEV_TTY_H

#include <asm/termios.h>

#include "core/dev/chardev.h"
#include "core/dev/ldisc.h"
#include "core/proc/session.h"

struct tty;

struct tty_ops {
	/* There is output, or it may go on; under the tty's lock. */
	void (*kick)(struct tty *t);
	/* What the line discipline reports (LDISC_*), under the lock; may be NULL. */
	void (*notice)(struct tty *t, unsigned events);
	/* May it be opened now? 0 or an errno; under the lock; may be NULL. */
	int (*may_open)(struct tty *t);
	/* The first open, the last close; under the lock; may be NULL. */
	void (*opened)(struct tty *t);
	void (*closed)(struct tty *t);
	/* The last reference is gone; NULL: never happens. */
	void (*free)(struct tty *t);
	bool is_pty;
};

struct tty {
	refcount refs;		/* [a] */
	const struct tty_ops *ops; /* [I] */
	u32 number;		/* [I] of the device */
	char name[16];		/* [I] "ttyAMA0", "pts/0" */
	void *private;		/* [I] the driver's */
	spinlock lock;
	struct ldisc ld;
	struct ring out;	/* processed, on its way to the driver */
	struct ring held;	/* received, the line discipline had no room yet */
	struct winsize window;
	u32 opens;
	u32 hangups;		/* [a] counts up: files opened before are dead */
	bool gone;		/* the other side is closed for good */
	bool writing;		/* a write owns the output: writes do not mix */
	bool exclusive;
	bool throttled;		/* an XOFF was sent */
	struct waitq readers;	/* input, hangup */
	struct waitq writers;	/* output room, end of a write, hangup */
	struct session *session; /* [j] owned */
	struct pid *group;	/* [j] owned: the foreground group */
};

/* file->private of a terminal's file. */
struct tty_file {
	struct tty *tty;	/* [I] owned */
	u32 hangups;		/* [I] at open */
	bool console;		/* [I] /dev/console: no job control, survives hangups */
	bool master;		/* [I] a pseudo terminal's other side */
};

extern const struct file_ops tty_file_ops;
extern const struct ktermios tty_default_termios;

void tty_init(void);

/* Set up everything generic; refs 1. The rings' memory: TTY_OUT_SIZE and TTY_HELD_SIZE. */
#define TTY_OUT_SIZE  16384u
#define TTY_HELD_SIZE 4096u
void tty_setup(struct tty *t, const struct tty_ops *ops, const char *name, u32 number, u8 *out,
	       u8 *held);
void tty_get(struct tty *t);
void tty_put(struct tty *t);

/* Bytes from the line; how many were taken. From anywhere without locks, interrupt handlers
 * included. */
size_t tty_receive(struct tty *t, const u8 *bytes, size_t n);

/* The driver took bytes out of `out`: tell writers. */
void tty_drained(struct tty *t) REQUIRES(t->lock);

/* Give file an open terminal (a reference of t is taken over on success). 0 or an errno. */
int tty_attach(struct file *file, struct tty *t, bool console);

/* The line dropped: every open file is dead, the session gets SIGHUP and SIGCONT. */
void tty_hangup(struct tty *t);

struct tty_file *tty_file_of(const struct file *file);
bool tty_file_hung(const struct file *file);

/* What a poll, a flush or an ioctl of the generic part needs in several files. */
void tty_act(struct tty *t, unsigned events) REQUIRES(t->lock);
void tty_signal(struct tty *t, unsigned events);
unsigned tty_digest(struct tty *t) REQUIRES(t->lock);

struct tty_ioctl {
	struct file_ioctl;
	const struct tty_command *command;
	long err;
	union tty_argument {
		struct ktermios termios;
		struct termio termio;
		struct winsize window;
		u8 byte;
		i32 number;
	} u;
};
co_t tty_ioctl(struct co *co, struct tty_ioctl *f);

/* --- tty_job.c: sessions and process groups --- */

/* May the current process read (SIGTTIN) or change (SIGTTOU) this terminal? 0; -EIO; or
 * -ERESTARTSYS after the signal was sent. */
int tty_job_check(struct tty *t, int sig);
/* Opened by a session leader without a terminal: becomes its controlling one. */
void tty_job_adopt(struct tty *t);
int tty_job_claim(struct tty *t, bool steal, bool readable);	/* TIOCSCTTY */
int tty_job_release(struct tty *t);				/* TIOCNOTTY */
int tty_job_get_group(struct tty *t, bool any_process, const struct pid_ns *ns, i32 *nr);
int tty_job_set_group(struct tty *t, i32 nr);
int tty_job_get_session(struct tty *t, bool any_process, i32 *nr);
/* Whose the signals of O_ASYNC are: the foreground group with a reference; NULL: there is none. */
struct pid *tty_job_owner(struct file *file);
void tty_job_signal(struct tty *t, int sig);			/* the foreground group */
/* The session loses it; `hangup`: its leader gets SIGHUP and SIGCONT. */
void tty_job_disconnect(struct tty *t, bool hangup);
/* The last file is closed, unless it was opened again meanwhile: the session loses it. */
void tty_job_closed(struct tty *t);
/* The current session's terminal with a reference, or NULL. */
struct tty *tty_job_current(void);
bool tty_job_is_current(struct tty *t);
void tty_job_init(void);

#endif
