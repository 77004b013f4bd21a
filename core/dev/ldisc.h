/* core/dev/ldisc.h -- the line discipline: what a terminal does to bytes on their way in and
 * out (editing, echo, signals, flow control, newline mapping).
 *
 * It is a plain state machine without locks, waits or knowledge of who reads: the tty feeds
 * it received bytes, it fills its input buffer, puts echoes into the output ring and says in
 * a set of events what has to happen besides.
 *
 *	receive: byte -> [IXON, ISIG] -> newline mapping -> [ICANON editing] -> in[]
 *	                                                       \-> echo -> out
 *	write:   byte -> OPOST -> out
 *
 * in[] holds, from tail on: complete lines (up to `line`), then the line being edited (up
 * to `head`). A mark on a byte says that a line ends with it. An end-of-file character is
 * stored as a marked 0 that is not handed to the reader. Without ICANON all up to head may be
 * read.
 *
 * Ownership  `out` belongs to the tty.
 * Units      bytes; head, line and tail run freely.
 * Locking    the tty's lock, held by every caller.
 */
#ifndef DEV_LDISC_H
#define DEV_LDISC_H

#include <asm/termbits.h>

#include "core/dev/ring.h"

#define LDISC_SIZE	 4096u	/* what one line may have, newline included */
#define LDISC_LOW	 128u	/* unthrottle at this much or less */
#define LDISC_ECHO_ROOM	 4096u	/* of the output ring, kept free for echoes */

/* What a call asks of the tty. Signals are sent to the foreground group. */
enum {
	LDISC_READABLE = 1u << 0,
	LDISC_SIGINT = 1u << 1,
	LDISC_SIGQUIT = 1u << 2,
	LDISC_SIGTSTP = 1u << 3,
	LDISC_FLUSHED = 1u << 4,	/* both directions, by a signal character */
	LDISC_STOPPED = 1u << 5,	/* output */
	LDISC_STARTED = 1u << 6,
	LDISC_OUTPUT = 1u << 7,		/* there may be something new in `out` */
};

struct ldisc {
	struct ktermios t;	/* changed by ldisc_set_termios only */
	struct ring *out;	/* [I] */
	u32 flush_keeps;	/* [I] bytes of `out` out of a flush's reach */
	u32 head, line, tail;
	u32 column;		/* of the output */
	u32 line_column;	/* where the line being edited began */
	u32 batch_head, batch_column; /* out.head and column when this receive began */
	bool literal;		/* the last character was LNEXT */
	bool erasing;		/* inside an ECHOPRT group */
	bool stopped;		/* output: by ^S or TCOOFF */
	bool held;		/* by TCOOFF: ^Q does not start it */
	bool plain;		/* received bytes go to in[] as they are */
	u8 early[256];		/* enum ldisc_action of flow and signal characters */
	u8 edit[256];		/* of the canonical ones */
	u8 marks[LDISC_SIZE / 8];
	u8 in[LDISC_SIZE];
};

void ldisc_init(struct ldisc *l, const struct ktermios *t, struct ring *out);

/* Take received bytes; *taken says how many, fewer than n when the buffer is full. */
unsigned ldisc_receive(struct ldisc *l, const u8 *bytes, size_t n, size_t *taken);

/* How much a reader gets now: 0 means he has to wait. (At least one; in canonical mode an
 * end of file counts as well.) */
bool ldisc_readable(const struct ldisc *l);
/* Move up to n bytes to a reader. *finished: the read ends here (a line or an end of file
 * was met); otherwise there is no more now, or n is used up. */
size_t ldisc_read(struct ldisc *l, u8 *to, size_t n, bool *finished);
/* A reader's buffer was filled just up to an end of file: it is his, too. */
void ldisc_skip_eof(struct ldisc *l);
/* FIONREAD. */
size_t ldisc_pending(const struct ldisc *l);

/* Process output; returns how many bytes of it were taken. */
size_t ldisc_write(struct ldisc *l, const u8 *bytes, size_t n);

unsigned ldisc_set_termios(struct ldisc *l, const struct ktermios *t);
void ldisc_flush_input(struct ldisc *l);
void ldisc_flush_output(struct ldisc *l);
/* Flow control; `by_call`: TCOOFF and TCOON. */
unsigned ldisc_stop(struct ldisc *l, bool by_call);
unsigned ldisc_start(struct ldisc *l, bool by_call);

static inline u32 ldisc_used(const struct ldisc *l)
{
	return l->head - l->tail;
}

static inline bool ldisc_flag(const struct ldisc *l, tcflag_t lflag)
{
	return l->t.c_lflag & lflag;
}

#endif
