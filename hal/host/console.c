/* hal/host/console.c -- the serial line: kept in the result, read from the configuration.
 *
 * It takes a few bytes at a time and has room again a little later, so the sender's waiting
 * is exercised.
 */
#include <string.h>
#include <unistd.h>

#include "hal/console.h"
#include "hal/host/internal.h"

#define BYTE_NS 10000ul

static const struct hal_console_ops *console_ops;
static size_t typed;
static bool busy;

void host_console_init(void)
{
	console_ops = NULL;
	typed = 0;
	busy = false;
}

static void keep(const char *bytes, size_t n)
{
	struct host_result *r = host_result;
	size_t room = sizeof(r->console) - 1;

	if (n > room) {
		bytes += n - room;
		n = room;
	}
	if (r->console_len + n > room) {
		size_t drop = r->console_len + n - room;

		memmove(r->console, r->console + drop, r->console_len - drop);
		r->console_len -= drop;
	}
	memcpy(r->console + r->console_len, bytes, n);
	r->console_len += n;
	r->console[r->console_len] = 0;
	if (host_config.verbose)
		(void)!write(2, bytes, n);
}

/* The line's interrupt is a device event; its handlers run like any on CPU 0. */
static void pend_room(void *arg)
{
	busy = false;
	host_irq_console();
}

void host_console_interrupt(void)
{
	if (!console_ops)
		return;
	if (!busy)
		console_ops->room();
	if (host_config.input && host_config.input[typed])
		console_ops->received((u8)host_config.input[typed++]);
}

static void type_one(void *arg)
{
	host_irq_console();
	if (host_config.input[typed])
		host_event_at(host_now() + BYTE_NS * 100, type_one, NULL);
}

void hal_console_start(const struct hal_console_ops *ops)
{
	console_ops = ops;
	if (host_config.input && host_config.input[0])
		host_event_at(host_now() + BYTE_NS, type_one, NULL);
}

size_t hal_console_send(const u8 *bytes, size_t n)
{
	size_t took = 0;

	host_lock();
	if (!busy) {
		took = 1 + host_random(16);
		if (took > n)
			took = n;
		keep((const char *)bytes, took);
		if (took < n) {
			busy = true;
			host_event_at(host_now() + took * BYTE_NS, pend_room, NULL);
		}
	}
	host_unlock();
	return took;
}

void hal_console_poll(const char *bytes, size_t n)
{
	keep(bytes, n);
}
