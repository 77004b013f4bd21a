/* core/base/log.h -- the kernel log, and the end.
 *
 * The log is a ring that never waits; a sink set by core/dev is told that there is more and
 * drains it from a worker. Only a panic writes to the console itself.
 *
 * Locking  log() may be called anywhere, with any lock held.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "core/base/errno.h"
#include "core/base/string.h"

enum log_level { LOG_ERR = 3, LOG_WARN = 4, LOG_NOTICE = 5, LOG_INFO = 6, LOG_DEBUG = 7 };

/* One line, without the newline; longer than 240 bytes is cut. */
void log_at(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define log_err(...)  log_at(LOG_ERR, __VA_ARGS__)
#define log_warn(...) log_at(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_at(LOG_INFO, __VA_ARGS__)

/* A record of the ring, for dmesg and the console. */
struct log_record {
	u64 sequence;	/* counts up from 0 */
	u64 time_ns;
	enum log_level level;
	u16 len;
	char text[240];
};

/* The first record at or after `sequence`; false if there is none yet. Records overwritten
 * in the meantime are skipped. */
bool log_read(u64 sequence, struct log_record *to);
/* The sequence numbers of the oldest record kept and of the next to be written. */
void log_range(u64 *oldest, u64 *next);

/* Called after each record, from anywhere: must not wait or log. NULL: none, records are
 * polled out to the console at once (early boot). */
void log_set_sink(void (*sink)(void));

/* Who shows the log, for syslog(2): set once at boot by core/dev; NULL: nobody. */
struct waitq;
struct log_console {
	unsigned (*level)(void);	/* records below it go to the console */
	void (*set_level)(unsigned level);
	struct waitq *waiters;		/* woken when there is more */
};
extern const struct log_console *log_console;

/* A kernel bug. Prints the report on the console by polling and halts the machine.
 * panic_set_report names a function that adds the poll and the task's backtrace, writing
 * with panic_print. The report starts with "KERNEL PANIC: " and ends with
 * "---[ end of panic ]---". */
[[noreturn]] void panic(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void panic_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void panic_set_report(void (*report)(void));

#define assert(cond)                                                           \
	((cond) ? (void)0                                                      \
		: panic("%s:%d: %s: assertion '%s' failed", __FILE__, __LINE__, \
			__func__, #cond))

#endif
