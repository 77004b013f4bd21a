/* core/dev/console.h -- the serial line: its terminal, and the log on it.
 *
 * Locking  the terminal's lock covers sending; a worker brings the log to the terminal's
 *          output a line at a time, so lines do not break up what programs write.
 */
#ifndef DEV_CONSOLE_H
#define DEV_CONSOLE_H

#include "core/dev/tty.h"

/* The terminal of /dev/console and /dev/ttyAMA0; never goes away. */
struct tty *console_tty(void);

/* Records of a level below this go to the line: `quiet` and `loglevel=` on the command line,
 * syslog(2), /proc/sys/kernel/printk. */
unsigned console_level(void);
void console_set_level(unsigned level);
#define CONSOLE_LEVEL_DEFAULT 7

/* Woken when the log has more. */
extern struct waitq console_log_waiters;

/* At boot, after chardev_init, when tasks can be made: takes the serial line and the log. */
void console_init(void);

#endif
