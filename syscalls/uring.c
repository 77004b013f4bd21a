/* syscalls/uring.c -- io_uring_setup, io_uring_enter. */
#include <linux/time_types.h>

#include "core/proc/clock.h"
#include "core/proc/request.h"
#include "core/proc/thread.h"
#include "core/uring/uring.h"
#include "hal/clock.h"
#include "mem/phys/slab.h"
#include "mem/space/uaccess.h"
#include "syscalls/syscall.h"
#include "syscalls/uring.h"
#include "vfs/fd.h"

#define URING_ENTER_KNOWN                                                             \
	(IORING_ENTER_GETEVENTS | IORING_ENTER_SQ_WAKEUP | IORING_ENTER_SQ_WAIT |     \
	 IORING_ENTER_EXT_ARG | IORING_ENTER_REGISTERED_RING | IORING_ENTER_ABS_TIMER)

/* --- io_uring_setup --- */

static int uring_params_are_zero(const struct io_uring_params *p)
{
	return !(p->resv[0] | p->resv[1] | p->resv[2]);
}

/* In *fd a number for a new ring. */
static long uring_setup(struct task *t, u32 entries, struct io_uring_params *p, struct file **file)
{
	int fd, err;

	if (!uring_params_are_zero(p))
		return -EINVAL;
	err = uring_make(entries, p, file);
	if (err)
		return err;
	fd = fd_reserve(t->fds, rlimit_get(thread_of(t)->process, RLIMIT_NOFILE));
	if (fd < 0)
		file_put(*file);
	return fd;
}

struct sys_io_uring_setup {
	struct co_frame co;
	u32 entries;
	uptr params;
	struct io_uring_params *p;
	struct file *file;
	long fd, err;
};
static co_t sys_io_uring_setup(struct co *co, struct sys_io_uring_setup *f)
{
	CO_BEGIN;
	if (!uring_is_allowed())
		CO_RETURN(-EPERM);
	f->p = kmalloc(sizeof(*f->p));
	if (!f->p)
		CO_RETURN(-ENOMEM);
	CO_COPY_FROM_USER(f->err, f->p, f->params, sizeof(*f->p));
	f->fd = f->err ? f->err : uring_setup(co_task(co), f->entries, f->p, &f->file);
	if (f->fd >= 0) {
		CO_COPY_TO_USER(f->err, f->params, f->p, sizeof(*f->p));
		fd_settle(fd_current(co), (int)f->fd, f->err ? NULL : f->file, true);
		if (f->err) {
			file_put(f->file);
			f->fd = f->err;
		}
	}
	kfree(f->p);
	CO_RETURN(f->fd);
	CO_END;
}
SYSCALL_CO(io_uring_setup, entries, params);

/* --- io_uring_enter --- */

/* Any two numbers are a time here; what lies before its beginning has passed. */
static u64 uring_wait_ns(const struct __kernel_timespec *ts)
{
	i64 ns;

	if (mul_overflows(ts->tv_sec, 1000000000l, &ns) || add_overflows(ns, ts->tv_nsec, &ns))
		return ts->tv_sec < 0 ? 0 : INT64_MAX;
	return (u64)max(ns, 0l);
}

/* How to wait. */
struct uring_wait {
	struct co_frame co;
	struct uring *ring;
	u32 want, flags;
	uptr arg;
	u64 size;
	struct io_uring_getevents_arg ext;
	struct __kernel_timespec ts;
	u64 ns, deadline_ns;
	sigmask set;
	long err;
};
static co_t uring_wait(struct co *co, struct uring_wait *f)
{
	CO_BEGIN;
	f->deadline_ns = CO_FOREVER;
	f->ext = (struct io_uring_getevents_arg){.sigmask = f->arg.raw,
						 .sigmask_sz = (u32)f->size};
	if (f->flags & IORING_ENTER_EXT_ARG) {
		if (f->size != sizeof(f->ext))
			CO_RETURN(-EINVAL);
		CO_COPY_FROM_USER(f->err, &f->ext, f->arg, sizeof(f->ext));
		if (f->err)
			CO_RETURN(f->err);
	}
	if (f->ext.ts) {
		CO_COPY_FROM_USER(f->err, &f->ts, uptr_of(f->ext.ts), sizeof(f->ts));
		f->ns = uring_wait_ns(&f->ts);
		if (!f->err)
			f->err = clock_deadline(f->ring->clock, f->ns,
						f->flags & IORING_ENTER_ABS_TIMER,
						&f->deadline_ns);
		if (f->err)
			CO_RETURN(f->err);
	}
	if (f->ext.sigmask) {
		if (f->ext.sigmask_sz != sizeof(f->set))
			CO_RETURN(-EINVAL);
		CO_COPY_FROM_USER(f->err, &f->set, uptr_of(f->ext.sigmask), sizeof(f->set));
		if (f->err)
			CO_RETURN(f->err);
		signal_set_temporary_mask(thread_of_co(co), f->set);
	}
	CO_AWAIT(f->err, complete_wait, .ring = f->ring, .want = min(f->want, f->ring->cq_entries),
		 .deadline_ns = f->deadline_ns,
		 .settle_ns = f->ext.min_wait_usec
				      ? hal_clock_ns() + f->ext.min_wait_usec * 1000ul
				      : 0);
	/* After a signal the temporary mask stays until the handler has been entered. */
	if (f->ext.sigmask && f->err != -ERESTARTSYS)
		signal_restore_mask(thread_of_co(co));
	CO_RETURN(f->err == -ERESTARTSYS ? -ERESTARTNOHAND : f->err);
	CO_END;
}

int uring_file_of(struct co *co, int fd, bool registered, struct file **file)
{
	if (registered && (u32)fd >= REQUEST_RINGS)
		return -EINVAL;
	*file = registered ? request_ring((u32)fd) : fd_get(fd_current(co), fd);
	return *file ? 0 : -EBADF;
}

struct sys_io_uring_enter {
	struct co_frame co;
	int fd;
	u32 submit, want, flags;
	uptr arg;
	u64 size;
	struct file *file;
	struct uring *ring;
	long n, err;
};
static co_t sys_io_uring_enter(struct co *co, struct sys_io_uring_enter *f)
{
	CO_BEGIN;
	if (f->flags & ~(u32)URING_ENTER_KNOWN)
		CO_RETURN(-EINVAL);
	f->n = uring_file_of(co, f->fd, f->flags & IORING_ENTER_REGISTERED_RING, &f->file);
	if (f->n)
		CO_RETURN(f->n);
	f->ring = uring_of(f->file);
	f->n = !f->ring ? -EOPNOTSUPP : atomic_load(&f->ring->disabled) ? -EBADFD : 0;
	if (f->n)
		goto out;
	if (f->ring->poller) {
		f->n = f->submit;
		if (f->flags & IORING_ENTER_SQ_WAKEUP)
			f->err = poller_wake(f->ring);
		if (!f->err && (f->flags & IORING_ENTER_SQ_WAIT))
			CO_AWAIT(f->err, poller_room, .ring = f->ring);
		if (f->err) {
			f->n = f->err;
			goto out;
		}
	} else if (f->submit) {
		f->n = uring_may_submit(f->ring);
		if (!f->n)
			CO_AWAIT(f->n, uring_submit, .ring = f->ring, .most = f->submit);
	}
	/* Who could not submit all of it does not wait, nor may anybody but the one submitter. */
	if ((f->flags & IORING_ENTER_GETEVENTS) && (f->ring->flags & IORING_SETUP_DEFER_TASKRUN)) {
		f->err = uring_may_submit(f->ring);
		if (f->err) {
			f->n = f->err;
			goto out;
		}
	}
	if (f->n == (long)f->submit && (f->flags & IORING_ENTER_GETEVENTS)) {
		CO_AWAIT(f->err, uring_wait, .ring = f->ring, .want = f->want, .flags = f->flags,
			 .arg = f->arg, .size = f->size);
		if (!f->submit)
			f->n = f->err;
		/* What was lost is told once. */
		if (!f->n && atomic_swap(&f->ring->lost, false))
			f->n = -EBADR;
	}
out:
	file_put(f->file);
	CO_RETURN(f->n);
	CO_END;
}
SYSCALL_CO(io_uring_enter, fd, submit, want, flags, arg, size);
