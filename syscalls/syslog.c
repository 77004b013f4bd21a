/* syscalls/syslog.c -- syslog(2): the log as text. */
#include "core/base/log.h"
#include "core/cred/cred.h"
#include "mem/phys/slab.h"
#include "mem/space/uaccess.h"
#include "syscalls/syscall.h"

enum {
	SYSLOG_CLOSE,
	SYSLOG_OPEN,
	SYSLOG_READ,
	SYSLOG_READ_ALL,
	SYSLOG_READ_CLEAR,
	SYSLOG_CLEAR,
	SYSLOG_CONSOLE_OFF,
	SYSLOG_CONSOLE_ON,
	SYSLOG_CONSOLE_LEVEL,
	SYSLOG_SIZE_UNREAD,
	SYSLOG_SIZE_BUFFER,
};

#define SYSLOG_BUFFER (1024 * 256)	/* what a program should bring */

static u64 syslog_read;		/* [a] the record SYSLOG_READ gives next */
static u64 syslog_cleared;	/* [a] SYSLOG_READ_ALL starts here */
static u32 syslog_saved_level;	/* [a] before SYSLOG_CONSOLE_OFF; 0: it is on */

/* One record and the line it makes. */
struct syslog_line {
	struct log_record record;
	char text[sizeof(((struct log_record *)0)->text) + 48];
};

/* The next record at or after seq as a line: its length, 0 if there is none. */
static size_t syslog_render(u64 seq, struct syslog_line *l)
{
	const struct log_record *r = &l->record;

	if (!log_read(seq, &l->record))
		return 0;
	return format(l->text, sizeof(l->text), "<%u>[%5lu.%06lu] %s\n", (unsigned)r->level,
		      r->time_ns / 1000000000, r->time_ns / 1000 % 1000000, r->text);
}

/* Bytes of all lines from seq on. */
static size_t syslog_size(u64 seq, struct syslog_line *l)
{
	size_t sum = 0, n;

	for (; (n = syslog_render(seq, l)); seq = l->record.sequence + 1)
		sum += n;
	return sum;
}

static bool syslog_has_more(void)
{
	u64 oldest, next;

	log_range(&oldest, &next);
	return atomic_load(&syslog_read) < next;
}

/* Where lines must begin so that they fit into size bytes. */
static u64 syslog_start(u64 seq, size_t size, struct syslog_line *l)
{
	size_t sum = syslog_size(seq, l), n;

	while (sum > size && (n = syslog_render(seq, l))) {
		sum -= n;
		seq = l->record.sequence + 1;
	}
	return seq;
}

/* What needs no buffer. */
static long syslog_steer(int type, int len)
{
	const struct log_console *console = log_console;
	u64 oldest, next;

	switch (type) {
	case SYSLOG_CLOSE:
	case SYSLOG_OPEN:
		return 0;
	case SYSLOG_CLEAR:
		log_range(&oldest, &next);
		atomic_store(&syslog_cleared, next);
		return 0;
	case SYSLOG_CONSOLE_OFF:
		if (!console)
			return -ENODEV;
		if (!atomic_load(&syslog_saved_level))
			atomic_store(&syslog_saved_level, console->level());
		console->set_level(1);
		return 0;
	case SYSLOG_CONSOLE_ON:
		if (!console)
			return -ENODEV;
		if (atomic_load(&syslog_saved_level))
			console->set_level(atomic_swap(&syslog_saved_level, 0u));
		return 0;
	case SYSLOG_CONSOLE_LEVEL:
		if (len < 1 || len > 8)
			return -EINVAL;
		if (!console)
			return -ENODEV;
		console->set_level((unsigned)len);
		atomic_store(&syslog_saved_level, 0u);
		return 0;
	case SYSLOG_SIZE_BUFFER:
		return SYSLOG_BUFFER;
	default:
		return -EINVAL;
	}
}

struct sys_syslog {
	struct co_frame co;
	int type;
	uptr buf;
	int len;
	struct syslog_line *line;
	u64 seq;
	size_t n;
	long done, err;
};
static co_t sys_syslog(struct co *co, struct sys_syslog *f)
{
	CO_BEGIN;
	if (!cred_capable(cred_current(co), CAP_SYSLOG))
		CO_RETURN(-EPERM);
	if (f->type != SYSLOG_READ && f->type != SYSLOG_READ_ALL &&
	    f->type != SYSLOG_READ_CLEAR && f->type != SYSLOG_SIZE_UNREAD)
		CO_RETURN(syslog_steer(f->type, f->len));
	if (f->type != SYSLOG_SIZE_UNREAD && (!f->buf.raw || f->len < 0))
		CO_RETURN(-EINVAL);
	if (f->type != SYSLOG_SIZE_UNREAD && !f->len)
		CO_RETURN(0);
	if (f->type == SYSLOG_READ && !log_console)
		CO_RETURN(-ENODEV);
	if (f->type == SYSLOG_READ) {
		CO_WAIT(f->err, log_console->waiters, syslog_has_more());
		if (f->err)
			CO_RETURN(f->err);
	}
	f->line = kmalloc(sizeof(*f->line));
	if (!f->line)
		CO_RETURN(-ENOMEM);
	f->seq = atomic_load(f->type == SYSLOG_READ || f->type == SYSLOG_SIZE_UNREAD ?
			     &syslog_read : &syslog_cleared);
	if (f->type == SYSLOG_SIZE_UNREAD) {
		f->done = (long)syslog_size(f->seq, f->line);
		goto out;
	}
	if (f->type != SYSLOG_READ)
		f->seq = syslog_start(f->seq, (size_t)f->len, f->line);
	while ((f->n = syslog_render(f->seq, f->line)) &&
	       f->n <= (size_t)f->len - (size_t)f->done) {
		CO_COPY_TO_USER(f->err, uptr_add(f->buf, (u64)f->done), f->line->text, f->n);
		if (f->err)
			break;
		f->done += (long)f->n;
		f->seq = f->line->record.sequence + 1;
		CO_BREATHE;
	}
	if (f->type == SYSLOG_READ)
		atomic_store(&syslog_read, f->seq);
	if (f->type == SYSLOG_READ_CLEAR && !f->err)
		(void)syslog_steer(SYSLOG_CLEAR, 0);
out:
	kfree(f->line);
	CO_RETURN(f->done ? f->done : f->err);
	CO_END;
}
SYSCALL_CO(syslog, type, buf, len);
