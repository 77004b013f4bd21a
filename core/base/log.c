/* core/base/log.c -- a ring of lines, and the panic. */
#include "core/base/log.h"

#include "core/base/bits.h"
#include "core/base/spinlock.h"
#include "hal/clock.h"
#include "hal/console.h"

#define RECORDS 1024

static spinlock lock = SPINLOCK_INIT(RANK_LOG);
static struct log_record ring[RECORDS] GUARDED_BY(&lock);
static u64 next_sequence GUARDED_BY(&lock);

const struct log_console *log_console; /* [I] after boot */

static void (*sink)(void);	   /* [a] */
static void (*panic_report)(void); /* [a] */
static unsigned panicking;	   /* [a] 1 + the CPU that panics */

/* Print a line as the console shows it. */
static void poll_line(u64 time_ns, const char *text, size_t len)
{
	char head[32];
	size_t n = format(head, sizeof(head), "[%5lu.%06lu] ", time_ns / 1000000000,
			  time_ns / 1000 % 1000000);

	hal_console_poll(head, n);
	hal_console_poll(text, len);
	hal_console_poll("\n", 1);
}

void log_at(enum log_level level, const char *fmt, ...)
{
	void (*tell)(void) = atomic_load(&sink);
	u64 now = hal_clock_ns();
	struct log_record *r;
	char text[sizeof(r->text)];
	size_t len;
	va_list ap;

	va_start(ap, fmt);
	len = format_va(text, sizeof(text), fmt, ap);
	va_end(ap);
	len = min(len, sizeof(text) - 1);

	spin_lock(&lock);
	r = &ring[next_sequence % RECORDS];
	r->sequence = next_sequence++;
	r->time_ns = now;
	r->level = level;
	r->len = (u16)len;
	memcpy(r->text, text, len + 1);
	spin_unlock(&lock);

	if (tell)
		tell();
	else
		poll_line(now, text, len);
}

static u64 oldest_kept(void) REQUIRES(lock)
{
	return next_sequence > RECORDS ? next_sequence - RECORDS : 0;
}

bool log_read(u64 sequence, struct log_record *to)
{
	bool found = false;

	spin_lock(&lock);
	sequence = max(sequence, oldest_kept());
	if (sequence < next_sequence) {
		*to = ring[sequence % RECORDS];
		found = true;
	}
	spin_unlock(&lock);
	return found;
}

void log_range(u64 *oldest, u64 *next)
{
	spin_lock(&lock);
	*oldest = oldest_kept();
	*next = next_sequence;
	spin_unlock(&lock);
}

void log_set_sink(void (*fn)(void))
{
	atomic_store(&sink, fn);
}

void panic_set_report(void (*report)(void))
{
	atomic_store(&panic_report, report);
}

static void print_va(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));
static void print_va(const char *fmt, va_list ap)
{
	char text[512];
	size_t n = format_va(text, sizeof(text), fmt, ap);

	hal_console_poll(text, min(n, sizeof(text) - 1));
}

void panic_print(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_va(fmt, ap);
	va_end(ap);
}

void panic(const char *fmt, ...)
{
	unsigned me = hal_cpu_self()->id + 1, first = 0;
	void (*report)(void) = atomic_load(&panic_report);
	va_list ap;

	/* One report: another CPU's panic is most likely a consequence, and one inside the
	 * report must not start over. */
	if (!atomic_cas(&panicking, &first, me)) {
		if (first != me)
			hal_halt();
		panic_print("\npanic inside the panic report: ");
		report = NULL;
	} else {
		hal_stop_others();
		panic_print("\nKERNEL PANIC: ");
	}
	va_start(ap, fmt);
	print_va(fmt, ap);
	va_end(ap);
	panic_print("\nCPU %u, %lu ns after boot\n", me - 1, hal_clock_ns());
	if (report)
		report();
	panic_print("---[ end of panic ]---\n");
	hal_halt();
}
