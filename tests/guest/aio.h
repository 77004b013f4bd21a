/* tests/guest/aio.h -- the calls of the old asynchronous I/O, which no C library has. */
#ifndef AIO_H
#define AIO_H

#include <linux/aio_abi.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

struct aio_ring {
	unsigned id, nr, head, tail, magic, compat, incompat, header_length;
	struct io_event events[];
};

static inline long io_setup(unsigned n, aio_context_t *ctx)
{
	return syscall(SYS_io_setup, n, ctx);
}
static inline long io_destroy(aio_context_t ctx)
{
	return syscall(SYS_io_destroy, ctx);
}
static inline long io_submit(aio_context_t ctx, long n, struct iocb **list)
{
	return syscall(SYS_io_submit, ctx, n, list);
}
static inline long io_cancel(aio_context_t ctx, struct iocb *iocb, struct io_event *event)
{
	return syscall(SYS_io_cancel, ctx, iocb, event);
}
static inline long io_getevents(aio_context_t ctx, long least, long most, struct io_event *to,
				struct timespec *timeout)
{
	return syscall(SYS_io_getevents, ctx, least, most, to, timeout);
}

static inline aio_context_t aio_context(unsigned n)
{
	aio_context_t ctx = 0;

	CHECK_EQ(io_setup(n, &ctx), 0);
	CHECK(ctx != 0);
	return ctx;
}

static inline long submit_one(aio_context_t ctx, struct iocb *iocb)
{
	return io_submit(ctx, 1, &iocb);
}

/* The event that comes next, waiting for it. */
static inline struct io_event next_event(aio_context_t ctx)
{
	struct io_event e;

	memset(&e, 0xee, sizeof(e));
	CHECK_EQ(io_getevents(ctx, 1, 1, &e, NULL), 1);
	return e;
}

static inline struct iocb request_on(int op, int fd, void *buf, size_t n, long at)
{
	return (struct iocb){.aio_lio_opcode = (unsigned short)op, .aio_fildes = (unsigned)fd,
			     .aio_buf = (unsigned long)buf, .aio_nbytes = n, .aio_offset = at,
			     .aio_data = 0x1234, .aio_key = 77};
}

/* Submit it; what its event says. */
static inline long result_of(aio_context_t ctx, struct iocb *iocb)
{
	struct io_event e;

	CHECK_EQ(submit_one(ctx, iocb), 1);
	e = next_event(ctx);
	CHECK_EQ(e.data, iocb->aio_data);
	CHECK_EQ(e.obj, (unsigned long)iocb);
	CHECK_EQ(e.res2, 0);
	CHECK_EQ(iocb->aio_key, 0);
	return (long)e.res;
}

#endif
