/* core/dev/console.c -- the serial line. */
#include "core/dev/console.h"

#include "core/base/log.h"
#include "coro/task.h"
#include "hal/console.h"
#include "hal/machine.h"

static struct tty tty;
static u8 out[TTY_OUT_SIZE], held[TTY_HELD_SIZE];

static u32 level = CONSOLE_LEVEL_DEFAULT; /* [a] */
static struct task *worker;		  /* [I] after boot */
struct waitq console_log_waiters;

struct tty *console_tty(void)
{
	return &tty;
}

/* --- the line --- */

static void kick(struct tty *t) REQUIRES(t->lock)
{
	const u8 *run;
	size_t sent;
	u32 n;

	while (!t->ld.stopped && (n = ring_peek(&t->out, &run, TTY_OUT_SIZE))) {
		sent = hal_console_send(run, n);
		t->out.tail += (u32)sent;
		if (sent < n)
			break;
	}
	tty_drained(t);
}

static void received(u8 byte)
{
	(void)tty_receive(&tty, &byte, 1);	/* full: lost, as on an overrun line */
}

static void room(void)
{
	spin_lock(&tty.lock);
	kick(&tty);
	spin_unlock(&tty.lock);
}

static const struct hal_console_ops line_ops = {.received = received, .room = room};
static const struct tty_ops ops = {.kick = kick};

/* --- the log --- */

/* The record being printed; the worker's. */
static struct {
	u64 next;
	struct log_record record;
} printing;

/* What a program wrote to /dev/kmsg must not steer the terminal, nor look like anything but
 * text to who listens on the line. */
static void make_printable(struct log_record *r)
{
	for (unsigned i = 0; i < r->len; i++)
		if (r->text[i] != '\t' && (r->text[i] < ' ' || r->text[i] >= 0x7f))
			r->text[i] = '?';
}

/* As one line, or not at all. */
static bool print(void)
{
	const struct log_record *r = &printing.record;
	char head[32];
	u32 n = (u32)format(head, sizeof(head), "[%5lu.%06lu] ", r->time_ns / 1000000000,
			    r->time_ns / 1000 % 1000000);
	bool fits;

	spin_lock(&tty.lock);
	fits = ring_room(&tty.out) >= LDISC_ECHO_ROOM + n + r->len + 2;
	if (fits) {
		(void)ring_write(&tty.out, (const u8 *)head, n);
		(void)ring_write(&tty.out, (const u8 *)r->text, r->len);
		(void)ring_write(&tty.out, (const u8 *)"\r\n", 2);
		tty.ld.column = tty.ld.line_column = 0;
		kick(&tty);
	}
	spin_unlock(&tty.lock);
	return fits;
}

struct console_log {
	struct co_frame co;
};
static co_t console_log(struct co *co, struct console_log *f)
{
	CO_BEGIN;
	for (;;) {
		/* The sink wakes this task, not the queue: it may be called under any lock. */
		CO_WAIT_IO(&console_log_waiters, log_read(printing.next, &printing.record));
		printing.next = printing.record.sequence + 1;
		make_printable(&printing.record);
		if (printing.record.level < atomic_load(&level))
			CO_WAIT_IO(&tty.writers, print());
		waitq_wake_events(&console_log_waiters, POLLIN | POLLRDNORM);
		CO_BREATHE;
	}
	CO_END;
}

static const struct log_console shown = {
	.level = console_level,
	.set_level = console_set_level,
	.waiters = &console_log_waiters,
};

static void sink(void)
{
	task_wake(worker);
}

unsigned console_level(void)
{
	return atomic_load(&level);
}

void console_set_level(unsigned to)
{
	atomic_store(&level, to);
}

/* A word of the command line, or what follows `name=`; NULL if it is not there. */
static const char *option(const char *name)
{
	size_t n = strlen(name);

	for (const char *at = hal_machine.cmdline; (at = strstr(at, name)); at += n)
		if (at == hal_machine.cmdline || at[-1] == ' ')
			if (name[n - 1] == '=' || !at[n] || at[n] == ' ')
				return at + n;
	return NULL;
}

static void read_options(void)
{
	const char *value = option("loglevel="), *end;
	u64 n;

	if (option("quiet"))
		level = 4;
	if (option("debug"))
		level = 10;
	if (value && string_to_u64(value, &end, 10, &n))
		level = (u32)min(n, 15ul);
}

static struct chardev line = {
	.name = "ttyAMA", .major = CHARDEV_AMA, .first = 64, .count = 1, .ops = &tty_file_ops
};
static struct chardev aux = {
	.name = "/dev/console", .major = CHARDEV_TTYAUX, .first = 1, .count = 1,
	.ops = &tty_file_ops
};
static struct chardev_node nodes[] = {
	{"console", S_IFCHR | 0600, CHARDEV_NUMBER(CHARDEV_TTYAUX, 1)},
	{"ttyAMA0", S_IFCHR | 0600, CHARDEV_NUMBER(CHARDEV_AMA, 64)},
};

void console_init(void)
{
	struct ktermios t = tty_default_termios;
	u64 oldest;

	tty_setup(&tty, &ops, "ttyAMA0", CHARDEV_NUMBER(CHARDEV_AMA, 64), out, held);
	t.c_cflag |= CLOCAL | HUPCL;
	(void)ldisc_set_termios(&tty.ld, &t);
	chardev_register(&aux);
	chardev_register(&line);
	chardev_add_node(&nodes[0]);
	chardev_add_node(&nodes[1]);
	waitq_init(&console_log_waiters);
	read_options();
	hal_console_start(&line_ops);
	/* What came before was printed at once. The worker may run as soon as it is there. */
	log_range(&oldest, &printing.next);
	CO_SPAWN(worker, "log", console_log);
	if (!worker)
		panic("console: no memory for the log's worker");
	log_console = &shown;
	log_set_sink(sink);
}
