/* core/dev/ldisc.c -- bytes in: flow control, signals, editing. Output and echo are in
 * ldisc_out.c.
 *
 * What a byte means is looked up in two tables that a change of settings computes anew:
 * `early` for the characters that act in every mode (^S, ^C), `edit` for those of the
 * canonical mode, asked after \r and \n have been mapped.
 */
#include "core/dev/ldisc.h"

#include "core/dev/ldisc_out.h"

enum ldisc_action {
	ACT_NONE,
	ACT_START,
	ACT_STOP,
	ACT_INTR,
	ACT_QUIT,
	ACT_SUSP,
	ACT_ERASE,
	ACT_KILL,
	ACT_WERASE,
	ACT_LNEXT,
	ACT_REPRINT,
	ACT_NEWLINE,
	ACT_EOF,
	ACT_EOL,
};

static u8 in_at(const struct ldisc *l, u32 at)
{
	return l->in[at % LDISC_SIZE];
}

static bool mark_at(const struct ldisc *l, u32 at)
{
	at %= LDISC_SIZE;
	return l->marks[at / 8] >> (at % 8) & 1;
}

static void mark_set(struct ldisc *l, u32 at, bool on)
{
	u8 bit = (u8)(1u << (at % 8));

	at = at % LDISC_SIZE / 8;
	l->marks[at] = on ? l->marks[at] | bit : l->marks[at] & (u8)~bit;
}

static void in_put(struct ldisc *l, u8 c)
{
	mark_set(l, l->head, false);
	l->in[l->head++ % LDISC_SIZE] = c;
}

/* A byte of a UTF-8 character that is not its first. */
static bool is_continuation(const struct ldisc *l, u8 c)
{
	return (l->t.c_iflag & IUTF8) && (c & 0xc0) == 0x80;
}

static bool is_word(u8 c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       c == '_' || (c >= 0xc0 && c != 0xd7 && c != 0xf7);
}

/* --- editing --- */

/* The column a tab at `at` of the edited line started in, relative to a multiple of 8. */
static void unecho_tab(struct ldisc *l)
{
	u32 columns = 0, at = l->head;
	bool after_tab = false;

	while (at != l->line && !after_tab) {
		u8 c = in_at(l, --at);

		if (c == '\t')
			after_tab = true;
		else if (ldisc_is_control(c))
			columns += ldisc_flag(l, ECHOCTL) ? 2 : 0;
		else if (!is_continuation(l, c))
			columns++;
	}
	if (!after_tab)
		columns += l->line_column;
	for (u32 n = 8 - columns % 8; n; n--)
		ldisc_back(l);
}

/* The character that ended at `end` and now starts at head is gone: show it. */
static void unecho(struct ldisc *l, u8 c, u32 end, bool by_char)
{
	if (ldisc_flag(l, ECHOPRT)) {
		if (!l->erasing)
			ldisc_echo_plain(l, '\\');
		l->erasing = true;
		ldisc_echo(l, c);
		for (u32 at = l->head + 1; at != end; at++)
			ldisc_echo_joined(l, in_at(l, at));
	} else if (by_char && !ldisc_flag(l, ECHOE)) {
		ldisc_echo(l, l->t.c_cc[VERASE]);
	} else if (c == '\t') {
		unecho_tab(l);
	} else if (!ldisc_is_control(c)) {
		ldisc_rub_out(l);
	} else if (ldisc_flag(l, ECHOCTL)) {
		ldisc_rub_out(l);
		ldisc_rub_out(l);
	}
}

/* Take back characters of the edited line: one, a word or all. */
static void erase(struct ldisc *l, enum ldisc_action how)
{
	bool in_word = false;

	while (l->head != l->line) {
		u32 end = l->head, at = l->head;
		u8 c;

		do
			c = in_at(l, --at);
		while (is_continuation(l, c) && at != l->line);
		if (is_continuation(l, c))
			break;	/* no first byte: nothing one could take back whole */
		if (how == ACT_WERASE && !is_word(c) && in_word)
			break;
		in_word |= is_word(c);
		l->head = at;
		if (ldisc_flag(l, ECHO))
			unecho(l, c, end, how == ACT_ERASE);
		if (how == ACT_ERASE)
			break;
	}
	if (l->head == l->line && ldisc_flag(l, ECHO))
		ldisc_finish_erasing(l);
}

static void kill_line(struct ldisc *l)
{
	tcflag_t visual = ECHOK | ECHOKE | ECHOE;

	if (l->head == l->line)
		return;
	if (ldisc_flag(l, ECHO) && (l->t.c_lflag & visual) == visual) {
		erase(l, ACT_KILL);
		return;
	}
	l->head = l->line;
	if (!ldisc_flag(l, ECHO))
		return;
	ldisc_finish_erasing(l);
	ldisc_echo(l, l->t.c_cc[VKILL]);
	if (ldisc_flag(l, ECHOK))
		ldisc_echo_plain(l, '\n');
}

static void reprint(struct ldisc *l)
{
	ldisc_finish_erasing(l);
	ldisc_echo(l, l->t.c_cc[VREPRINT]);
	ldisc_echo_plain(l, '\n');
	/* Room bounds the work: who types this often and reads nothing gets no more. */
	for (u32 at = l->line; at != l->head && ring_room(l->out); at++)
		ldisc_echo(l, in_at(l, at));
}

/* Echo an ordinary character; the first of a line tells where the line began. */
static void echo_typed(struct ldisc *l, u8 c)
{
	if (l->head == l->line)
		l->line_column = l->column;
	ldisc_echo(l, c);
}

static unsigned end_line(struct ldisc *l, u8 c)
{
	in_put(l, c);
	mark_set(l, l->head - 1, true);
	l->line = l->head;
	return LDISC_READABLE;
}

/* --- receiving --- */

static void put_doubled(struct ldisc *l, u8 c)
{
	if (c == 0xff && (l->t.c_iflag & PARMRK))
		in_put(l, c);
	in_put(l, c);
}

/* `mapped`: it is not what was typed. A newline made of \r is echoed as one. */
static void receive_ordinary(struct ldisc *l, u8 c, bool mapped)
{
	if (ldisc_flag(l, ECHO)) {
		ldisc_finish_erasing(l);
		if (c == '\n' && mapped)
			ldisc_echo_plain(l, c);
		else
			echo_typed(l, c);
	}
	put_doubled(l, c);
}

static unsigned receive_edit(struct ldisc *l, u8 c, bool mapped)
{
	switch ((enum ldisc_action)l->edit[c]) {
	case ACT_ERASE:
	case ACT_WERASE:
		erase(l, l->edit[c]);
		return 0;
	case ACT_KILL:
		kill_line(l);
		return 0;
	case ACT_LNEXT:
		l->literal = true;
		if (ldisc_flag(l, ECHO)) {
			ldisc_finish_erasing(l);
			if (ldisc_flag(l, ECHOCTL)) {
				ldisc_echo_plain(l, '^');
				ldisc_echo_plain(l, '\b');
			}
		}
		return 0;
	case ACT_REPRINT:
		reprint(l);
		return 0;
	case ACT_NEWLINE:
		if (ldisc_flag(l, ECHO | ECHONL))
			ldisc_echo_plain(l, c);
		return end_line(l, c);
	case ACT_EOF:
		return end_line(l, 0);
	case ACT_EOL:
		if (ldisc_flag(l, ECHO))
			echo_typed(l, c);
		if (c == 0xff && (l->t.c_iflag & PARMRK))
			in_put(l, c);
		return end_line(l, c);
	default:
		receive_ordinary(l, c, mapped);
		return 0;
	}
}

/* The flush takes back echoes of characters that came together with this one, too: they are
 * not on their way yet. */
static unsigned receive_signal(struct ldisc *l, u8 c, unsigned event)
{
	if (!ldisc_flag(l, NOFLSH)) {
		l->out->head = l->batch_head;
		l->column = l->batch_column;
		ldisc_flush_output(l);
		ldisc_flush_input(l);
		event |= LDISC_FLUSHED;
	}
	if (l->t.c_iflag & IXON)
		event |= ldisc_start(l, false);
	if (ldisc_flag(l, ECHO))
		ldisc_echo(l, c);
	return event;
}

static unsigned receive_byte(struct ldisc *l, u8 c)
{
	unsigned events = 0;
	u8 typed;

	if (l->t.c_iflag & ISTRIP)
		c &= 0x7f;
	if ((l->t.c_iflag & IUCLC) && ldisc_flag(l, IEXTEN) && c >= 'A' && c <= 'Z')
		c += 'a' - 'A';
	if (l->literal) {
		l->literal = false;
		receive_ordinary(l, c, false);
		return 0;
	}
	switch ((enum ldisc_action)l->early[c]) {
	case ACT_START:
		return ldisc_start(l, false);
	case ACT_STOP:
		return ldisc_stop(l, false);
	case ACT_INTR:
		return receive_signal(l, c, LDISC_SIGINT);
	case ACT_QUIT:
		return receive_signal(l, c, LDISC_SIGQUIT);
	case ACT_SUSP:
		return receive_signal(l, c, LDISC_SIGTSTP);
	default:
		break;
	}
	if ((l->t.c_iflag & (IXON | IXANY)) == (IXON | IXANY))
		events |= ldisc_start(l, false);
	typed = c;
	if (c == '\r') {
		if (l->t.c_iflag & IGNCR)
			return events;
		if (l->t.c_iflag & ICRNL)
			c = '\n';
	} else if (c == '\n' && (l->t.c_iflag & INLCR)) {
		c = '\r';
	}
	return events | receive_edit(l, c, c != typed);
}

/* Is there room for a byte, whatever becomes of it? Without a complete line the reader will
 * not make room, so a full buffer lets the last place be overwritten: a newline gets in. */
static bool make_room(struct ldisc *l)
{
	u32 need = l->t.c_iflag & PARMRK ? 3 : 1;

	if (ldisc_used(l) + need < LDISC_SIZE)
		return true;
	if (!ldisc_flag(l, ICANON) || l->line != l->tail)
		return false;
	if (ldisc_used(l) + need > LDISC_SIZE)
		l->head = l->tail + LDISC_SIZE - need;
	return true;
}

static size_t receive_plain(struct ldisc *l, const u8 *bytes, size_t n)
{
	u32 used = ldisc_used(l), at, first;

	n = used + 1 < LDISC_SIZE ? min(n, (size_t)(LDISC_SIZE - 1 - used)) : 0;
	at = l->head % LDISC_SIZE;
	first = min((u32)n, LDISC_SIZE - at);
	memcpy(l->in + at, bytes, first);
	memcpy(l->in, bytes + first, n - first);
	l->head += (u32)n;
	return n;
}

unsigned ldisc_receive(struct ldisc *l, const u8 *bytes, size_t n, size_t *taken)
{
	unsigned events = 0;
	size_t i = 0;

	l->batch_head = l->out->head;
	l->batch_column = l->column;
	if (l->plain)
		i = receive_plain(l, bytes, n);
	else
		while (i < n && make_room(l))
			events |= receive_byte(l, bytes[i++]);
	*taken = i;
	if (!ldisc_flag(l, ICANON) && ldisc_used(l))
		events |= LDISC_READABLE;
	return events | LDISC_OUTPUT;
}

/* --- reading --- */

bool ldisc_readable(const struct ldisc *l)
{
	return ldisc_flag(l, ICANON) ? l->line != l->tail : l->head != l->tail;
}

size_t ldisc_read(struct ldisc *l, u8 *to, size_t n, bool *finished)
{
	size_t done = 0;

	*finished = false;
	if (!ldisc_flag(l, ICANON)) {
		for (; done < n && l->tail != l->head; l->tail++)
			to[done++] = in_at(l, l->tail);
		return done;
	}
	while (done < n && l->tail != l->line && !*finished) {
		u8 c = in_at(l, l->tail);

		*finished = mark_at(l, l->tail);
		if (!*finished || c)
			to[done++] = c;
		mark_set(l, l->tail++, false);
	}
	return done;
}

void ldisc_skip_eof(struct ldisc *l)
{
	if (!ldisc_flag(l, ICANON) || l->tail == l->line || !mark_at(l, l->tail) ||
	    in_at(l, l->tail))
		return;
	mark_set(l, l->tail++, false);
}

size_t ldisc_pending(const struct ldisc *l)
{
	size_t n = 0;

	if (!ldisc_flag(l, ICANON))
		return ldisc_used(l);
	for (u32 at = l->tail; at != l->line; at++)
		n += !mark_at(l, at) || in_at(l, at);
	return n;
}

void ldisc_flush_input(struct ldisc *l)
{
	l->head = l->line = l->tail = 0;
	l->literal = l->erasing = false;
	memset(l->marks, 0, sizeof(l->marks));
}

/* --- settings --- */

static void compute_edit(struct ldisc *l)
{
	const u8 *cc = l->t.c_cc;

	memset(l->edit, ACT_NONE, sizeof(l->edit));
	if (!ldisc_flag(l, ICANON))
		return;
	/* The earlier of two equal characters wins: it is entered last. */
	if (ldisc_flag(l, IEXTEN))
		l->edit[cc[VEOL2]] = ACT_EOL;
	l->edit[cc[VEOL]] = ACT_EOL;
	l->edit[cc[VEOF]] = ACT_EOF;
	l->edit['\n'] = ACT_NEWLINE;
	if (ldisc_flag(l, IEXTEN)) {
		if (ldisc_flag(l, ECHO))
			l->edit[cc[VREPRINT]] = ACT_REPRINT;
		l->edit[cc[VLNEXT]] = ACT_LNEXT;
		l->edit[cc[VWERASE]] = ACT_WERASE;
	}
	l->edit[cc[VKILL]] = ACT_KILL;
	l->edit[cc[VERASE]] = ACT_ERASE;
	l->edit[0] = ACT_NONE;	/* _POSIX_VDISABLE */
}

static void compute_early(struct ldisc *l)
{
	const u8 *cc = l->t.c_cc;

	memset(l->early, ACT_NONE, sizeof(l->early));
	if (ldisc_flag(l, ISIG)) {
		l->early[cc[VSUSP]] = ACT_SUSP;
		l->early[cc[VQUIT]] = ACT_QUIT;
		l->early[cc[VINTR]] = ACT_INTR;
	}
	if (l->t.c_iflag & IXON) {
		l->early[cc[VSTOP]] = ACT_STOP;
		l->early[cc[VSTART]] = ACT_START;
	}
	l->early[0] = ACT_NONE;
}

/* What was received in one mode is read in another. */
static void switch_mode(struct ldisc *l)
{
	memset(l->marks, 0, sizeof(l->marks));
	if (ldisc_flag(l, ICANON) && l->head != l->tail) {
		mark_set(l, l->head - 1, true);
		l->line = l->head;
	} else {
		l->line = l->tail;
	}
	l->erasing = l->literal = false;
}

unsigned ldisc_set_termios(struct ldisc *l, const struct ktermios *t)
{
	tcflag_t changed = l->t.c_lflag ^ t->c_lflag;
	bool flow_ends = (l->t.c_iflag & IXON) && !(t->c_iflag & IXON);

	l->t = *t;
	if (changed & ICANON)
		switch_mode(l);
	compute_early(l);
	compute_edit(l);
	l->plain = !(t->c_iflag & (ISTRIP | IUCLC | IGNCR | ICRNL | INLCR | IXON | PARMRK)) &&
		   !(t->c_lflag & (ICANON | ISIG | ECHO));
	return LDISC_READABLE | (flow_ends ? ldisc_start(l, false) : 0);
}

unsigned ldisc_stop(struct ldisc *l, bool by_call)
{
	if (by_call && l->held)
		return 0;
	l->held |= by_call;
	if (l->stopped)
		return 0;
	l->stopped = true;
	return LDISC_STOPPED;
}

unsigned ldisc_start(struct ldisc *l, bool by_call)
{
	if (by_call)
		l->held = false;
	if (!l->stopped || l->held)
		return 0;
	l->stopped = false;
	return LDISC_STARTED | LDISC_OUTPUT;
}

void ldisc_init(struct ldisc *l, const struct ktermios *t, struct ring *out)
{
	memset(l, 0, sizeof(*l));
	l->out = out;
	(void)ldisc_set_termios(l, t);
}
