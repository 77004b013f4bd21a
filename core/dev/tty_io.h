/* core/dev/tty_io.h -- reading, writing and polling a terminal; for this folder. */
#ifndef DEV_TTY_IO_H
#define DEV_TTY_IO_H

#include "core/dev/tty.h"

#define TTY_CHUNK 128

struct tty_read {
	struct file_transfer;
	struct tty *tty;
	u64 deadline_ns;	/* of the wait; CO_FOREVER: none */
	u64 between_ns;		/* allowed between bytes once one came; 0: any */
	size_t done, min;
	size_t n, at;		/* in chunk */
	bool finished;
	long err;
	u8 chunk[TTY_CHUNK];
};
co_t tty_read(struct co *co, struct tty_read *f);

struct tty_write {
	struct file_transfer;
	struct tty *tty;
	size_t done;
	size_t n, at;
	long err;
	u8 chunk[TTY_CHUNK];
};
co_t tty_write(struct co *co, struct tty_write *f);

/* Whether output that was accepted is still on its way. */
bool tty_is_drained(struct tty *t);

u32 tty_poll(struct file *file, struct poller *p);

#endif
