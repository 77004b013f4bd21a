/* tests/unit/test_ldisc.c -- the line discipline: what is typed, what is echoed, what is read.
 *
 * The table's expectations are what Linux 6.12 answered when the same bytes were written to a
 * pseudo terminal in one go.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/dev/ldisc.h"
#include "fake_hal.h"

struct bytes {
	const char *at;
	int len; /* -1: the read would wait */
};
#define BYTES(s) {s, sizeof(s) - 1}
#define NONE	 {NULL, -1}
#define RUB	 "\b \b"
#define RUB2	 RUB RUB
#define RUB3	 RUB RUB RUB
#define RUB5	 RUB RUB RUB RUB RUB
#define RUB12	 RUB RUB RUB RUB RUB RUB RUB RUB RUB RUB RUB RUB

struct row {
	const char *name;
	struct bytes typed, echo;
	size_t pending;
	struct {
		size_t n;
		struct bytes got;
	} reads[4];
	unsigned events;
	tcflag_t iset, iclr, oset, oclr, lset, lclr;
};

static const struct row rows[] = {
	{"line", BYTES("hello\r"),
	 BYTES("hello\r\n"), 6,
	 {{100, BYTES("hello\012")}}},
	{"erase", BYTES("abc\x7f\x7f\x7f\x7fxy\x7f\n"),
	 BYTES("abc" RUB3 "xy" RUB "\r\n"), 2,
	 {{100, BYTES("x\012")}}},
	{"werase", BYTES("foo bar_1  .\x17\x17zz\n"),
	 BYTES("foo bar_1  ." RUB12 "zz\r\n"), 3,
	 {{100, BYTES("zz\012")}}},
	{"kill", BYTES("foo\tbar\x01\x15ok\n"),
	 BYTES("foo\011bar^A" RUB5 "\b\b\b\b\b" RUB3 "ok\r\n"), 3,
	 {{100, BYTES("ok\012")}}},
	{"kill-noke", BYTES("foo\x15ok\n"),
	 BYTES("foo^U\r\nok\r\n"), 3,
	 {{100, BYTES("ok\012")}},
	 .lclr = ECHOKE},
	{"kill-nok", BYTES("foo\x15ok\n"),
	 BYTES("foo^Uok\r\n"), 3,
	 {{100, BYTES("ok\012")}},
	 .lclr = ECHOKE | ECHOK},
	{"noechoe", BYTES("foo\x7f\x7f\n"),
	 BYTES("foo^?^?\r\n"), 2,
	 {{100, BYTES("f\012")}},
	 .lclr = ECHOE},
	{"prt", BYTES("foo\x7f\x7fx\x7f\x7f\x7f\n"),
	 BYTES("foo\\oo/x\\xf/\r\n"), 1,
	 {{100, BYTES("\012")}},
	 .lset = ECHOPRT},
	{"prt2", BYTES("foo\x7f\x7fx\x17\x15z\n"),
	 BYTES("foo\\oo/x\\xf/z\r\n"), 2,
	 {{100, BYTES("z\012")}},
	 .lset = ECHOPRT, .lclr = ECHOE},
	{"prtutf", BYTES("a\xc3\xa9\xe2\x82\xac\x7f\x7fx\n"),
	 BYTES("a\303\251\342\202\254\\\342\202\254\303\251/x\r\n"), 3,
	 {{100, BYTES("ax\012")}},
	 .iset = IUTF8, .lset = ECHOPRT},
	{"utf8", BYTES("a\xc3\xa9\xe2\x82\xac\x7f\x7fx\n"),
	 BYTES("a\303\251\342\202\254" RUB2 "x\r\n"), 3,
	 {{100, BYTES("ax\012")}},
	 .iset = IUTF8},
	{"noutf8", BYTES("a\xc3\xa9\x7f\n"),
	 BYTES("a\303\251" RUB "\r\n"), 3,
	 {{100, BYTES("a\303\012")}},
	 .iclr = IUTF8},
	{"utf8bad", BYTES("\xa9\x7f\x7f\n"),
	 BYTES("\251\r\n"), 2,
	 {{100, BYTES("\251\012")}},
	 .iset = IUTF8},
	{"tab", BYTES("ab\tc\x7f\x7f\x7f\n"),
	 BYTES("ab\011c" RUB "\b\b\b\b\b\b" RUB "\r\n"), 2,
	 {{100, BYTES("a\012")}}},
	{"tab2", BYTES("a\t\tb\x01\x7f\x7f\x7f\x7f\n"),
	 BYTES("a\011\011b^A" RUB3 "\b\b\b\b\b\b\b\b\b\b\b\b\b\b\b\r\n"), 2,
	 {{100, BYTES("a\012")}}},
	{"ctl", BYTES("a\x01\x7f\x7f\n"),
	 BYTES("a^A" RUB3 "\r\n"), 1,
	 {{100, BYTES("\012")}}},
	{"noctl", BYTES("a\x01\x02\x7f\x7f\x7f\n"),
	 BYTES("a\001\002" RUB "\r\n"), 1,
	 {{100, BYTES("\012")}},
	 .lclr = ECHOCTL},
	{"lnext", BYTES("a\x16\x03\x16\n\x16\x16\n"),
	 BYTES("a^\b^C^\b^J^\b^V\r\n"), 5,
	 {{100, BYTES("a\003\012\026\012")}}},
	{"reprint", BYTES("ab\x01\x12""c\n"),
	 BYTES("ab^A^R\r\nab^Ac\r\n"), 5,
	 {{100, BYTES("ab\001c\012")}}},
	{"eof", BYTES("abc\x04""def\x04\x04"),
	 BYTES("abcdef"), 6,
	 {{100, BYTES("abc")}, {100, BYTES("def")}, {100, BYTES("")}}},
	{"eofexact", BYTES("abc\x04""def\n"),
	 BYTES("abcdef\r\n"), 7,
	 {{3, BYTES("abc")}, {100, BYTES("def\012")}}},
	{"eofsplit", BYTES("abc\x04""def\n"),
	 BYTES("abcdef\r\n"), 7,
	 {{2, BYTES("ab")}, {1, BYTES("c")}, {100, BYTES("def\012")}}},
	{"split", BYTES("hello\nworld\n"),
	 BYTES("hello\r\nworld\r\n"), 12,
	 {{3, BYTES("hel")}, {100, BYTES("lo\012")}, {100, BYTES("world\012")}}},
	{"nul", BYTES("a\0b\n"),
	 BYTES("a^@b\r\n"), 4,
	 {{100, BYTES("a\000b\012")}}},
	{"igncr", BYTES("a\rb\n"),
	 BYTES("ab\r\n"), 3,
	 {{100, BYTES("ab\012")}},
	 .iset = IGNCR},
	{"inlcr", BYTES("a\nb\x04"),
	 BYTES("a^Mb"), 3,
	 {{100, BYTES("a\015b")}, {100, NONE}},
	 .iset = INLCR, .iclr = ICRNL},
	{"nocrnl", BYTES("a\rb\n"),
	 BYTES("a^Mb\r\n"), 4,
	 {{100, BYTES("a\015b\012")}},
	 .iclr = ICRNL},
	{"istrip", BYTES("\xe1\xe2\n"),
	 BYTES("ab\r\n"), 3,
	 {{100, BYTES("ab\012")}},
	 .iset = ISTRIP},
	{"iuclc", BYTES("ABc\n"),
	 BYTES("abc\r\n"), 4,
	 {{100, BYTES("abc\012")}},
	 .iset = IUCLC},
	{"iuclc-noiext", BYTES("ABc\n"),
	 BYTES("ABc\r\n"), 4,
	 {{100, BYTES("ABc\012")}},
	 .iset = IUCLC, .lclr = IEXTEN},
	{"olcuc", BYTES("abC\n"),
	 BYTES("ABC\r\n"), 4,
	 {{100, BYTES("abC\012")}},
	 .oset = OLCUC},
	{"parmrk", BYTES("a\xff""b\n"),
	 BYTES("a\377b\r\n"), 5,
	 {{100, BYTES("a\377\377b\012")}},
	 .iset = PARMRK},
	{"ixany", BYTES("a\x13""b\x13""cd\n"),
	 BYTES("abcd\r\n"), 5,
	 {{100, BYTES("abcd\012")}},
	 .iset = IXANY},
	{"ixon", BYTES("a\x13""b\x13""cd\x11""e\n"),
	 BYTES("abcde\r\n"), 6,
	 {{100, BYTES("abcde\012")}}},
	{"noixon", BYTES("a\x13""b\x11\n"),
	 BYTES("a^Sb^Q\r\n"), 5,
	 {{100, BYTES("a\023b\021\012")}},
	 .iclr = IXON},
	{"echonl", BYTES("abc\n"),
	 BYTES("\r\n"), 4,
	 {{100, BYTES("abc\012")}},
	 .lset = ECHONL, .lclr = ECHO},
	{"noecho", BYTES("abc\x7f\x15q\n"),
	 BYTES(""), 2,
	 {{100, BYTES("q\012")}},
	 .lclr = ECHO},
	{"noopost", BYTES("abc\n"),
	 BYTES("abc\012"), 4,
	 {{100, BYTES("abc\012")}},
	 .oclr = OPOST},
	{"noonlcr", BYTES("abc\ndef\tx\x7f\x7f\n"),
	 BYTES("abc\012def\011x" RUB "\b\b\012"), 8,
	 {{100, BYTES("abc\012")}, {100, BYTES("def\012")}},
	 .oclr = ONLCR},
	{"onlret", BYTES("abc\ndef\tx\x7f\x7f\n"),
	 BYTES("abc\012def\011x" RUB "\b\b\b\b\b\012"), 8,
	 {{100, BYTES("abc\012")}, {100, BYTES("def\012")}},
	 .oset = ONLRET, .oclr = ONLCR},
	{"ocrnl", BYTES("abc\rde\n"),
	 BYTES("abc\012de\r\n"), 7,
	 {{100, BYTES("abc\015de\012")}},
	 .iclr = ICRNL, .oset = OCRNL, .lclr = ECHOCTL},
	{"onocr", BYTES("\rabc\r\rde\n"),
	 BYTES("abc\015de\r\n"), 9,
	 {{100, BYTES("\015abc\015\015de\012")}},
	 .iclr = ICRNL, .oset = ONOCR, .lclr = ECHOCTL},
	{"xtabs", BYTES("a\tb\t\x7f\x7f\n"),
	 BYTES("a       b       \b\b\b\b\b\b\b" RUB "\r\n"), 3,
	 {{100, BYTES("a\011\012")}},
	 .oset = XTABS},
	{"int", BYTES("abc\x03""def\n"),
	 BYTES("^Cdef\r\n"), 4,
	 {{100, BYTES("def\012")}}, .events = LDISC_SIGINT},
	{"int-noflsh", BYTES("abc\x03""def\n"),
	 BYTES("abc^Cdef\r\n"), 7,
	 {{100, BYTES("abcdef\012")}}, .events = LDISC_SIGINT,
	 .lset = NOFLSH},
	{"quit", BYTES("abc\n\x1c""def\n"),
	 BYTES("^\\def\r\n"), 4,
	 {{100, BYTES("def\012")}, {100, NONE}}, .events = LDISC_SIGQUIT},
	{"susp", BYTES("abc\x1a""def\n"),
	 BYTES("^Zdef\r\n"), 4,
	 {{100, BYTES("def\012")}}, .events = LDISC_SIGTSTP},
	{"noisig", BYTES("abc\x03""def\n"),
	 BYTES("abc^Cdef\r\n"), 8,
	 {{100, BYTES("abc\003def\012")}},
	 .lclr = ISIG},
	{"noiexten", BYTES("ab\x16\x17\x12""c\n"),
	 BYTES("ab^V^W^Rc\r\n"), 7,
	 {{100, BYTES("ab\026\027\022c\012")}},
	 .lclr = IEXTEN},
	{"raw", BYTES("a\r\n\x03\x04\x7f"),
	 BYTES(""), 6,
	 {{2, BYTES("a\015")}, {100, BYTES("\012\003\004\177")}},
	 .iclr = ICRNL | IXON, .oclr = OPOST, .lclr = ICANON | ECHO | ISIG | IEXTEN},
	{"cbreak", BYTES("a\rb\n\x04\x7f\x01"),
	 BYTES("a\r\nb^J^D^?^A"), 7,
	 {{100, BYTES("a\012b\012\004\177\001")}},
	 .lclr = ICANON},
	{"cbreak-noecho", BYTES("a\rb\n\x04\x7f\x16"),
	 BYTES(""), 7,
	 {{100, BYTES("a\012b\012\004\177\026")}},
	 .lclr = ICANON | ECHO},
	{"cbreak-inlcr", BYTES("a\rb\n"),
	 BYTES("a\r\nb^M"), 4,
	 {{100, BYTES("a\012b\015")}},
	 .iset = INLCR, .lclr = ICANON},
};

static const struct ktermios cooked = {
	.c_iflag = ICRNL | IXON,
	.c_oflag = OPOST | ONLCR,
	.c_cflag = B38400 | CS8 | CREAD,
	.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
	.c_cc = {[VINTR] = 3, [VQUIT] = 034, [VERASE] = 0177, [VKILL] = 025, [VEOF] = 4,
		 [VMIN] = 1, [VSTART] = 021, [VSTOP] = 023, [VSUSP] = 032, [VREPRINT] = 022,
		 [VWERASE] = 027, [VLNEXT] = 026},
};

static u8 out_data[16384];
static struct ring out;
static struct ldisc l;

static void begin(const struct ktermios *t)
{
	out = (struct ring){.data = out_data, .size = sizeof(out_data)};
	ldisc_init(&l, t, &out);
	l.flush_keeps = 4095;
}

static void type(const char *bytes, size_t n)
{
	size_t taken;

	ldisc_receive(&l, (const u8 *)bytes, n, &taken);
	assert_int_equal(taken, n);
}

static void expect(const struct row *r, const char *what, const u8 *got, size_t n,
		   struct bytes want)
{
	if (n == (size_t)want.len && !memcmp(got, want.at, n))
		return;
	fail_msg("%s: %s: got \"%.*s\" (%zu), want \"%.*s\" (%d)", r->name, what, (int)n, got, n,
		 want.len, want.at, want.len);
}

static void test_table(void **state)
{
	const unsigned signals = LDISC_SIGINT | LDISC_SIGQUIT | LDISC_SIGTSTP;
	u8 buf[512];

	for (const struct row *r = rows; r < rows + ARRAY_SIZE(rows); r++) {
		struct ktermios t = cooked;
		unsigned events;
		size_t taken;
		bool finished;

		t.c_iflag = (t.c_iflag | r->iset) & ~r->iclr;
		t.c_oflag = (t.c_oflag | r->oset) & ~r->oclr;
		t.c_lflag = (t.c_lflag | r->lset) & ~r->lclr;
		begin(&t);
		events = ldisc_receive(&l, (const u8 *)r->typed.at, (size_t)r->typed.len, &taken);
		assert_int_equal(taken, r->typed.len);
		if ((events & signals) != r->events)
			fail_msg("%s: events %x", r->name, events);
		if (ldisc_pending(&l) != r->pending)
			fail_msg("%s: %zu pending", r->name, ldisc_pending(&l));
		expect(r, "echo", buf, ring_read(&out, buf, sizeof(buf)), r->echo);
		for (unsigned i = 0; r->reads[i].n; i++) {
			size_t n;

			if (ldisc_readable(&l) != (r->reads[i].got.len >= 0))
				fail_msg("%s: read %u: readable is wrong", r->name, i);
			if (r->reads[i].got.len < 0)
				continue;
			n = ldisc_read(&l, buf, r->reads[i].n, &finished);
			if (n == r->reads[i].n && !finished)
				ldisc_skip_eof(&l);
			expect(r, "read", buf, n, r->reads[i].got);
		}
		if (ldisc_readable(&l))
			fail_msg("%s: something is left", r->name);
	}
}

/* A line longer than the buffer loses its end but not its newline. */
static void test_overflow(void **state)
{
	struct ktermios t = cooked;
	static u8 buf[8192];
	bool finished;

	t.c_lflag &= ~ECHO;
	begin(&t);
	for (int i = 0; i < 6000; i++)
		type("a", 1);
	assert_false(ldisc_readable(&l));
	type("\n", 1);
	assert_int_equal(ldisc_pending(&l), 4096);
	assert_int_equal(ldisc_read(&l, buf, sizeof(buf), &finished), 4096);
	assert_true(finished);
	assert_int_equal(buf[4095], '\n');
}

/* With a complete line waiting, or without lines, a full buffer takes no more. */
static void test_full(void **state)
{
	struct ktermios t = cooked;
	static u8 buf[8192];
	size_t taken;

	begin(&t);
	type("line\n", 5);
	memset(buf, 'x', sizeof(buf));
	ldisc_receive(&l, buf, 8000, &taken);
	assert_int_equal(taken, 4095 - 5);

	t.c_iflag = 0;
	t.c_lflag = 0;
	begin(&t);
	ldisc_receive(&l, buf, 8000, &taken);
	assert_int_equal(taken, 4095);
}

/* The ring's ends: everything works at every offset. */
static void test_wrap(void **state)
{
	u8 buf[64];
	bool finished;

	begin(&cooked);
	for (int i = 0; i < 3000; i++) {
		type("ab\tc\177d\n", 7);
		assert_int_equal(ldisc_read(&l, buf, sizeof(buf), &finished), 5);
		assert_memory_equal(buf, "ab\td\n", 5);
		out.tail = out.head;
	}
}

static void test_modes(void **state)
{
	struct ktermios raw = cooked;
	u8 buf[64];
	bool finished;

	raw.c_lflag &= ~(ICANON | ECHO);
	begin(&raw);
	type("xyz", 3);
	ldisc_set_termios(&l, &cooked);
	assert_true(ldisc_readable(&l));
	assert_int_equal(ldisc_read(&l, buf, sizeof(buf), &finished), 3);
	assert_true(finished);
	type("pq\nrs", 5);
	ldisc_set_termios(&l, &raw);
	assert_int_equal(ldisc_read(&l, buf, sizeof(buf), &finished), 5);
	assert_memory_equal(buf, "pq\nrs", 5);
}

static void test_flow(void **state)
{
	struct ktermios t = cooked;
	size_t taken;

	begin(&t);
	assert_true(ldisc_receive(&l, (const u8 *)"\023", 1, &taken) & LDISC_STOPPED);
	assert_true(l.stopped);
	assert_true(ldisc_receive(&l, (const u8 *)"\021", 1, &taken) & LDISC_STARTED);
	assert_true(ldisc_stop(&l, true) & LDISC_STOPPED);
	assert_false(ldisc_receive(&l, (const u8 *)"\021", 1, &taken) & LDISC_STARTED);
	assert_true(ldisc_start(&l, true) & LDISC_STARTED);
	/* Turning IXON off lets stopped output go on. */
	ldisc_receive(&l, (const u8 *)"\023", 1, &taken);
	t.c_iflag &= ~IXON;
	assert_true(ldisc_set_termios(&l, &t) & LDISC_STARTED);
}

/* Output: what one write makes of a full ring, and where a partial one stops. */
static void test_output(void **state)
{
	struct ktermios t = cooked;
	static u8 buf[16384];
	size_t n;

	begin(&t);
	memset(buf, 'y', sizeof(buf));
	n = ldisc_write(&l, buf, sizeof(buf));
	assert_in_range(n, sizeof(buf) - LDISC_ECHO_ROOM - 8, sizeof(buf) - LDISC_ECHO_ROOM);
	assert_int_equal(ldisc_write(&l, (const u8 *)"\n\n", 2), 0);
	/* An echo still finds room. */
	type("e", 1);
	assert_int_equal(ring_used(&out), n + 1);
	out.tail = out.head;
	assert_int_equal(ldisc_write(&l, (const u8 *)"\n\n", 2), 2);
	assert_int_equal(ring_read(&out, buf, 100), 4);
	assert_memory_equal(buf, "\r\n\r\n", 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table), cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_full),  cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_modes), cmocka_unit_test(test_flow),
		cmocka_unit_test(test_output),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
