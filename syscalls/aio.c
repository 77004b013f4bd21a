/* syscalls/aio.c -- the calls of the old asynchronous I/O (core/uring/aio.h). */
#include <linux/aio_abi.h>
#include <linux/time_types.h>

#include "core/base/bits.h"
#include "core/proc/signal.h"
#include "core/uring/aio.h"
#include "hal/clock.h"
#include "mem/space/uaccess.h"
#include "syscalls/aio.h"
#include "syscalls/syscall.h"

/* --- contexts --- */

struct sys_io_setup {
	struct co_frame co;
	u32 requests;
	uptr to;
	u64 number;
	struct aio *aio;
	long err, ignored;
};
static co_t sys_io_setup(struct co *co, struct sys_io_setup *f)
{
	CO_BEGIN;
	CO_COPY_FROM_USER(f->err, &f->number, f->to, sizeof(f->number));
	if (f->err)
		CO_RETURN(f->err);
	if (f->number || !f->requests)
		CO_RETURN(-EINVAL);
	CO_AWAIT(f->err, aio_make, .requests = f->requests);
	if (f->err < 0)
		CO_RETURN(f->err);
	f->number = (u64)f->err;
	CO_COPY_TO_USER(f->err, f->to, &f->number, sizeof(f->number));
	if (!f->err)
		CO_RETURN(0);
	CO_AWAIT(f->ignored, aio_find, .number = f->number, .aio = &f->aio);
	if (!f->ignored) {
		CO_AWAIT(f->ignored, aio_end, .aio = f->aio, .number = f->number);
		aio_put(f->aio);
	}
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(io_setup, requests, to);

struct sys_io_destroy {
	struct co_frame co;
	u64 number;
	struct aio *aio;
	long err;
};
static co_t sys_io_destroy(struct co *co, struct sys_io_destroy *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, aio_find, .number = f->number, .aio = &f->aio);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, aio_end, .aio = f->aio, .number = f->number);
	aio_put(f->aio);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(io_destroy, number);

/* --- requests --- */

struct sys_io_submit {
	struct co_frame co;
	u64 number;
	i64 count;
	uptr list;
	struct aio *aio;
	i64 done;
	u64 at;
	long err;
};
static co_t sys_io_submit(struct co *co, struct sys_io_submit *f)
{
	CO_BEGIN;
	if (f->count < 0)
		CO_RETURN(-EINVAL);
	CO_AWAIT(f->err, aio_find, .number = f->number, .aio = &f->aio);
	if (f->err)
		CO_RETURN(f->err);
	f->count = min(f->count, (i64)f->aio->events);
	for (; f->done < f->count; f->done++) {
		CO_COPY_FROM_USER(f->err, &f->at, uptr_of(f->list.raw + (u64)f->done * 8), 8ul);
		if (!f->err)
			CO_AWAIT(f->err, aio_submit, .aio = f->aio, .at = f->at);
		if (f->err)
			break;
		CO_BREATHE;
	}
	aio_put(f->aio);
	CO_RETURN(f->done ? f->done : f->err);
	CO_END;
}
SYSCALL_CO(io_submit, number, count, list);

struct sys_io_cancel {
	struct co_frame co;
	u64 number;
	uptr iocb, result;
	struct aio *aio;
	u32 key;
	long err;
};
static co_t sys_io_cancel(struct co *co, struct sys_io_cancel *f)
{
	CO_BEGIN;
	CO_COPY_FROM_USER(f->err, &f->key,
			  uptr_of(f->iocb.raw + offsetof(struct iocb, aio_key)), sizeof(f->key));
	if (f->err)
		CO_RETURN(f->err);
	if (f->key)
		CO_RETURN(-EINVAL);
	CO_AWAIT(f->err, aio_find, .number = f->number, .aio = &f->aio);
	if (f->err)
		CO_RETURN(f->err);
	f->err = aio_request_cancel(f->aio, f->iocb.raw);
	aio_put(f->aio);
	/* Its event says how it ended. */
	CO_RETURN(f->err ? f->err : -EINPROGRESS);
	CO_END;
}
SYSCALL_CO(io_cancel, number, iocb, result);

/* --- events --- */

/* Any two numbers are a time here: none is no wait, and less than none has no end. */
static u64 aio_deadline(const struct __kernel_timespec *ts)
{
	i64 ns, now = (i64)hal_clock_ns();

	if (mul_overflows(ts->tv_sec, 1000000000l, &ns) || add_overflows(ns, ts->tv_nsec, &ns) ||
	    add_overflows(now, ns, &now) || ns < 0)
		return CO_FOREVER;
	return ns ? (u64)now : 0;
}

struct aio_wait {
	struct co_frame co;
	u64 number;
	i64 least, most;
	uptr to;
	u64 deadline_ns;
	struct aio *aio;
	long n;
};
static co_t aio_wait(struct co *co, struct aio_wait *f)
{
	CO_BEGIN;
	CO_AWAIT(f->n, aio_find, .number = f->number, .aio = &f->aio);
	if (f->n)
		CO_RETURN(f->n);
	if (f->least < 0 || f->least > f->most)
		f->n = -EINVAL;
	else
		CO_AWAIT(f->n, aio_event_get, .aio = f->aio, .least = (u64)f->least,
			 .most = (u64)f->most, .to = f->to, .deadline_ns = f->deadline_ns);
	aio_put(f->aio);
	CO_RETURN(f->n);
	CO_END;
}

/* What io_pgetevents takes its mask from. */
struct aio_sigset {
	u64 mask, size;
};

struct sys_io_pgetevents {
	struct co_frame co;
	u64 number;
	i64 least, most;
	uptr to, timeout, sigset;
	bool once;		/* a signal ends it: io_getevents */
	struct __kernel_timespec ts;
	struct aio_sigset set;
	sigmask mask;
	u64 deadline_ns;
	long n;
};
static co_t sys_io_pgetevents(struct co *co, struct sys_io_pgetevents *f)
{
	CO_BEGIN;
	f->deadline_ns = CO_FOREVER;
	if (f->timeout.raw) {
		CO_COPY_FROM_USER(f->n, &f->ts, f->timeout, sizeof(f->ts));
		if (f->n)
			CO_RETURN(f->n);
		f->deadline_ns = aio_deadline(&f->ts);
	}
	if (f->sigset.raw)
		CO_COPY_FROM_USER(f->n, &f->set, f->sigset, sizeof(f->set));
	if (!f->n && f->set.mask) {
		if (f->set.size != sizeof(f->mask))
			CO_RETURN(-EINVAL);
		CO_COPY_FROM_USER(f->n, &f->mask, uptr_of(f->set.mask), sizeof(f->mask));
	}
	if (f->n)
		CO_RETURN(f->n);
	if (f->set.mask)
		signal_set_temporary_mask(thread_of_co(co), f->mask);
	CO_AWAIT(f->n, aio_wait, .number = f->number, .least = f->least, .most = f->most,
		 .to = f->to, .deadline_ns = f->deadline_ns);
	if (f->n == -EINTR)
		CO_RETURN(f->once ? -EINTR : -ERESTARTNOHAND);
	if (f->set.mask)
		signal_restore_mask(thread_of_co(co));
	CO_RETURN(f->n);
	CO_END;
}
SYSCALL_CO(io_pgetevents, number, least, most, to, timeout, sigset);

co_t begin_io_getevents(struct co *co, const u64 *a);
co_t begin_io_getevents(struct co *co, const u64 *a)
{
	return co_begin(co, sys_io_pgetevents, .number = a[0], .least = (i64)a[1],
			.most = (i64)a[2], .to = uptr_of(a[3]), .timeout = uptr_of(a[4]),
			.once = true);
}
