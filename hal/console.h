/* hal/console.h -- the serial line.
 *
 * Locking  hal_console_send and the handlers run under the HAL's own lock-free rules: only
 *          one caller (core/dev's console, under its lock) sends.
 */
#ifndef HAL_CONSOLE_H
#define HAL_CONSOLE_H

#include "hal/types.h"

struct hal_console_ops {
	void (*received)(u8 byte);	/* interrupt context */
	void (*room)(void);		/* the sender may go on; interrupt context */
};

/* Begin interrupt-driven work. Before this, and in a panic, only hal_console_poll works. */
void hal_console_start(const struct hal_console_ops *ops);

/* Take as many bytes as the line has room for; returns how many. If fewer than n, `room` is
 * called when there is room again. */
size_t hal_console_send(const u8 *bytes, size_t n);

/* Write by polling, a newline as CR LF; a panic's and early boot's way. Takes no lock. */
void hal_console_poll(const char *bytes, size_t n);

#endif
