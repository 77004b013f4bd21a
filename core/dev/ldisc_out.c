/* core/dev/ldisc_out.c -- bytes out: output processing, echo, and the column they reach. */
#include "core/dev/ldisc_out.h"

static void emit(struct ldisc *l, u8 c)
{
	(void)ring_put(l->out, c);
}

/* How many columns to the next tab stop. */
static u32 tab_width(const struct ldisc *l)
{
	return 8 - l->column % 8;
}

static void line_begins(struct ldisc *l)
{
	l->column = l->line_column = 0;
}

/* One byte through OPOST; false: no room for what becomes of it. */
static bool process(struct ldisc *l, u8 c, u32 room)
{
	tcflag_t o = l->t.c_oflag;
	bool joined;

	if (room < (c == '\t' ? 8 : 2))
		return false;
	switch (c) {
	case '\n':
		if (o & ONLRET)
			l->column = 0;
		if (o & ONLCR) {
			line_begins(l);
			emit(l, '\r');
		}
		l->line_column = l->column;
		break;
	case '\r':
		if ((o & ONOCR) && !l->column)
			return true;
		if (o & OCRNL) {
			c = '\n';
			if (o & ONLRET)
				line_begins(l);
			break;
		}
		line_begins(l);
		break;
	case '\t': {
		u32 n = tab_width(l);

		l->column += n;
		if ((o & TABDLY) == XTABS) {
			while (n--)
				emit(l, ' ');
			return true;
		}
		break;
	}
	case '\b':
		if (l->column)
			l->column--;
		break;
	default:
		if (ldisc_is_control(c))
			break;
		if ((o & OLCUC) && c >= 'a' && c <= 'z')
			c -= 'a' - 'A';
		joined = (l->t.c_iflag & IUTF8) && (c & 0xc0) == 0x80;
		l->column += !joined;
	}
	emit(l, c);
	return true;
}

static u32 writers_room(const struct ldisc *l)
{
	u32 room = ring_room(l->out);

	return room > LDISC_ECHO_ROOM ? room - LDISC_ECHO_ROOM : 0;
}

size_t ldisc_write(struct ldisc *l, const u8 *bytes, size_t n)
{
	size_t i = 0;

	if (!(l->t.c_oflag & OPOST))
		return ring_write(l->out, bytes, (u32)min(n, (size_t)writers_room(l)));
	while (i < n && process(l, bytes[i], writers_room(l)))
		i++;
	return i;
}

void ldisc_echo_plain(struct ldisc *l, u8 c)
{
	if (l->t.c_oflag & OPOST)
		(void)process(l, c, ring_room(l->out));
	else
		emit(l, c);
}

void ldisc_echo(struct ldisc *l, u8 c)
{
	if (ldisc_is_control(c) && c != '\t' && ldisc_flag(l, ECHOCTL)) {
		emit(l, '^');
		emit(l, c ^ 0100);
		l->column += 2;
		return;
	}
	ldisc_echo_plain(l, c);
}

void ldisc_echo_joined(struct ldisc *l, u8 c)
{
	u32 column = l->column;

	ldisc_echo_plain(l, c);
	l->column = column;
}

void ldisc_rub_out(struct ldisc *l)
{
	ldisc_echo_plain(l, '\b');
	ldisc_echo_plain(l, ' ');
	ldisc_echo_plain(l, '\b');
}

void ldisc_back(struct ldisc *l)
{
	emit(l, '\b');
	if (l->column)
		l->column--;
}

void ldisc_finish_erasing(struct ldisc *l)
{
	if (l->erasing)
		ldisc_echo_plain(l, '/');
	l->erasing = false;
}

void ldisc_flush_output(struct ldisc *l)
{
	u32 keep = min(ring_used(l->out), l->flush_keeps);

	l->out->head = l->out->tail + keep;
}
