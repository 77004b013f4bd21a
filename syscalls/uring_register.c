/* syscalls/uring_register.c -- io_uring_register: what a ring knows beforehand.
 *
 * What the program gives is copied first, then changed under the ring's lock, then what it is told
 * is copied out. So nothing waits for the program's memory with the lock held.
 */
#include <linux/time.h>

#include "core/cred/cred.h"
#include "core/proc/clock.h"
#include "core/uring/uring.h"
#include "hal/clock.h"
#include "mem/phys/slab.h"
#include "mem/space/uaccess.h"
#include "syscalls/syscall.h"
#include "syscalls/uring.h"
#include "syscalls/uring_register.h"
#include "vfs/eventfd.h"
#include "vfs/fd.h"
#include "vfs/file.h"

#define REGISTER_RINGS_MOST 16u

/* The simple kinds: an argument of n elements, a change, and perhaps the argument back. */
struct register_op {
	u32 size;		/* of an element; 0: there is no argument */
	u32 most;		/* elements */
	bool one;		/* exactly one */
	bool out;
	long (*go)(struct uring *u, void *arg, u32 n);
};

/* --- eventfd --- */

static long register_set_eventfd(struct uring *u, const void *arg, bool async)
{
	struct file *file;

	if (u->eventfd)
		return -EBUSY;
	file = fd_get(task_current()->fds, *(const i32 *)arg);
	if (!file)
		return -EBADF;
	if (!eventfd_is(file)) {
		file_put(file);
		return -EINVAL;
	}
	spin_lock(&u->lock);
	u->eventfd = file;
	u->eventfd_async = async;
	spin_unlock(&u->lock);
	return 0;
}

static long register_eventfd(struct uring *u, void *arg, u32 n)
{
	return register_set_eventfd(u, arg, false);
}

static long register_eventfd_async(struct uring *u, void *arg, u32 n)
{
	return register_set_eventfd(u, arg, true);
}

static long unregister_eventfd(struct uring *u, void *arg, u32 n)
{
	struct file *file = u->eventfd;

	if (!file)
		return -ENXIO;
	spin_lock(&u->lock);
	u->eventfd = NULL;
	spin_unlock(&u->lock);
	file_put(file);
	return 0;
}

/* --- what there is --- */

static long register_probe(struct uring *u, void *arg, u32 n)
{
	struct io_uring_probe *p = arg;
	const char *bytes = arg;

	for (u64 i = 0; i < sizeof(*p) + n * sizeof(p->ops[0]); i++)
		if (bytes[i])
			return -EINVAL;
	p->last_op = IORING_OP_LAST - 1;
	p->ops_len = (u8)min(n, (u32)IORING_OP_LAST);
	for (u32 i = 0; i < p->ops_len; i++) {
		p->ops[i].op = (u8)i;
		p->ops[i].flags = uring_table[i] ? IO_URING_OP_SUPPORTED : 0;
	}
	return 0;
}

/* --- who may do what --- */

static long register_personality(struct uring *u, void *arg, u32 n)
{
	return uring_add_cred(u, task_current()->cred);
}

static long unregister_personality(struct uring *u, void *arg, u32 n)
{
	return uring_remove_cred(u, n);
}

static int register_limit(struct uring_limits *l, const struct io_uring_restriction *one)
{
	switch (one->opcode) {
	case IORING_RESTRICTION_REGISTER_OP:
		if (one->register_op >= IORING_REGISTER_LAST)
			return -EINVAL;
		l->register_ops |= 1ul << one->register_op;
		return 0;
	case IORING_RESTRICTION_SQE_OP:
		if (one->sqe_op >= IORING_OP_LAST)
			return -EINVAL;
		l->sqe_ops |= 1ul << one->sqe_op;
		return 0;
	case IORING_RESTRICTION_SQE_FLAGS_ALLOWED:
		l->flags_allowed |= one->sqe_flags;
		return 0;
	case IORING_RESTRICTION_SQE_FLAGS_REQUIRED:
		l->flags_required |= one->sqe_flags;
		return 0;
	default:
		return -EINVAL;
	}
}

static long register_restrictions(struct uring *u, void *arg, u32 n)
{
	struct uring_limits *l;
	int err = 0;

	if (!u->disabled)
		return -EBADFD;
	if (u->limits)
		return -EBUSY;
	l = kzalloc(sizeof(*l));
	if (!l)
		return -ENOMEM;
	for (u32 i = 0; !err && i < n; i++)
		err = register_limit(l, (struct io_uring_restriction *)arg + i);
	if (err)
		kfree(l);
	else
		u->limits = l;
	return err;
}

static long register_enable(struct uring *u, void *arg, u32 n)
{
	if (!u->disabled)
		return -EBADFD;
	atomic_store(&u->disabled, false);
	if (u->flags & IORING_SETUP_SINGLE_ISSUER)
		uring_may_submit(u);
	if (u->poller)
		poller_wake(u);
	return 0;
}

/* --- workers: there are none, so that how many are allowed is only remembered --- */

static long register_workers(struct uring *u, void *arg, u32 n)
{
	u32 *new = arg, old;

	for (unsigned i = 0; i < 2; i++) {
		old = u->workers[i];
		if (new[i])
			u->workers[i] = new[i];
		new[i] = old;
	}
	return 0;
}

/* --- the rest --- */

static long register_range(struct uring *u, void *arg, u32 n)
{
	return files_set_range(u, arg);
}

static long register_unfiles(struct uring *u, void *arg, u32 n)
{
	return files_unregister(u);
}

static long register_unbuffers(struct uring *u, void *arg, u32 n)
{
	return fixed_unregister(u);
}

static long register_unring(struct uring *u, void *arg, u32 n)
{
	const struct io_uring_buf_reg *reg = arg;

	for (unsigned i = 0; i < 5; i++)
		if (reg->resv[i])
			return -EINVAL;
	return reg->flags ? -EINVAL : group_unregister(u, reg->bgid);
}

static long register_status(struct uring *u, void *arg, u32 n)
{
	return group_status(u, arg);
}

static long register_clock(struct uring *u, void *arg, u32 n)
{
	const struct io_uring_clock_register *c = arg;

	if (c->__resv[0] | c->__resv[1] | c->__resv[2])
		return -EINVAL;
	if (c->clockid != CLOCK_MONOTONIC && c->clockid != CLOCK_BOOTTIME)
		return -EINVAL;
	atomic_store(&u->clock, (int)c->clockid);
	return 0;
}

/* Numbers of the process's own for rings. How many were done; each is told where it is. */
static long register_rings(struct uring *u, void *arg, u32 n)
{
	struct io_uring_rsrc_update *each = arg;
	u32 done;
	long at = -EINVAL;

	for (done = 0; done < n; done++, each++) {
		struct file *file;

		at = -EINVAL;
		if (each->resv)
			break;
		file = fd_get(task_current()->fds, (int)each->data);
		at = !file ? -EBADF : !uring_of(file) ? -EOPNOTSUPP
						      : request_set_ring(each->offset, file);
		if (at < 0) {
			file_put(file);
			break;
		}
		each->offset = (u32)at;
	}
	return done ? done : at;
}

static long register_unrings(struct uring *u, void *arg, u32 n)
{
	struct io_uring_rsrc_update *each = arg;
	u32 done;

	for (done = 0; done < n; done++, each++)
		if (each->resv || each->data || each->offset >= REGISTER_RINGS_MOST ||
		    request_set_ring(each->offset, NULL))
			return done ? done : -EINVAL;
	return done;
}

static const struct register_op register_ops[IORING_REGISTER_LAST] = {
	[IORING_REGISTER_PROBE] = {.go = register_probe},
	[IORING_UNREGISTER_BUFFERS] = {.go = register_unbuffers},
	[IORING_UNREGISTER_FILES] = {.go = register_unfiles},
	[IORING_REGISTER_EVENTFD] = {4, 1, true, .go = register_eventfd},
	[IORING_REGISTER_EVENTFD_ASYNC] = {4, 1, true, .go = register_eventfd_async},
	[IORING_UNREGISTER_EVENTFD] = {.go = unregister_eventfd},
	[IORING_REGISTER_PERSONALITY] = {.go = register_personality},
	[IORING_UNREGISTER_PERSONALITY] = {.go = unregister_personality},
	[IORING_REGISTER_RESTRICTIONS] = {sizeof(struct io_uring_restriction), 255,
					  .go = register_restrictions},
	[IORING_REGISTER_ENABLE_RINGS] = {.go = register_enable},
	[IORING_REGISTER_IOWQ_MAX_WORKERS] = {4, 2, .out = true, .go = register_workers},
	[IORING_REGISTER_RING_FDS] = {sizeof(struct io_uring_rsrc_update), REGISTER_RINGS_MOST,
				      .out = true, .go = register_rings},
	[IORING_UNREGISTER_RING_FDS] = {sizeof(struct io_uring_rsrc_update), REGISTER_RINGS_MOST,
					.go = register_unrings},
	[IORING_UNREGISTER_PBUF_RING] = {sizeof(struct io_uring_buf_reg), 1, true,
					 .go = register_unring},
	[IORING_REGISTER_FILE_ALLOC_RANGE] = {sizeof(struct io_uring_file_index_range), 0,
					      .go = register_range},
	[IORING_REGISTER_PBUF_STATUS] = {sizeof(struct io_uring_buf_status), 1, true, true,
					 register_status},
	[IORING_REGISTER_CLOCK] = {sizeof(struct io_uring_clock_register), 0,
				   .go = register_clock},
};

/* --- cancellation that is waited for --- */

struct register_cancel {
	struct co_frame co;
	struct sys_io_uring_register *call;
	struct io_uring_sync_cancel_reg *reg;
	struct file *file;
	u64 ns, deadline_ns;
	u32 seen;
	long n;
};

static long register_check_cancel(struct register_cancel *f)
{
	const struct io_uring_sync_cancel_reg *reg = f->reg;

	for (unsigned i = 0; i < 7; i++)
		if (reg->pad[i])
			return -EINVAL;
	if (reg->pad2[0] | reg->pad2[1] | reg->pad2[2])
		return -EINVAL;
	if (reg->flags & ~63u)
		return -EINVAL;
	f->deadline_ns = CO_FOREVER;
	if (reg->timeout.tv_sec == -1 && reg->timeout.tv_nsec == -1)
		return 0;
	if (clock_from_timespec(&reg->timeout, &f->ns))
		return -EINVAL;
	return clock_deadline(CLOCK_MONOTONIC, f->ns, false, &f->deadline_ns);
}

static long register_cancel_file(struct register_cancel *f)
{
	const struct io_uring_sync_cancel_reg *reg = f->reg;

	if (!(reg->flags & IORING_ASYNC_CANCEL_FD))
		return 0;
	f->file = reg->flags & IORING_ASYNC_CANCEL_FD_FIXED
			  ? uring_file(f->call->ring, (u32)reg->fd)
			  : fd_get(task_current()->fds, reg->fd);
	return f->file ? 0 : -EBADF;
}

static co_t register_cancel(struct co *co, struct register_cancel *f)
{
	CO_BEGIN;
	if (f->call->n != 1)
		CO_RETURN(-EINVAL);
	f->reg = kmalloc(sizeof(*f->reg));
	if (!f->reg)
		CO_RETURN(-ENOMEM);
	CO_COPY_FROM_USER(f->n, f->reg, f->call->arg, sizeof(*f->reg));
	if (!f->n)
		f->n = register_check_cancel(f);
	if (!f->n)
		f->n = register_cancel_file(f);
	complete_watch(f->call->ring);
	while (!f->n) {
		f->seen = atomic_load(&f->call->ring->completions);
		CO_AWAIT(f->n, cancel_run, .ring = f->call->ring,
			 .what = {.user_data = f->reg->addr, .file = f->file,
				  .flags = f->reg->flags, .op = f->reg->opcode});
		if (f->n != -EALREADY)
			break;
		CO_WAIT_UNTIL(f->n, &f->call->ring->wait,
			      atomic_load(&f->call->ring->completions) != f->seen,
			      f->deadline_ns);
	}
	file_put(f->file);
	kfree(f->reg);
	CO_RETURN(f->n == -ETIMEDOUT ? -ETIME : f->n);
	CO_END;
}

/* --- the call --- */

/* The bytes of the argument, in *size: 0 or -EINVAL. */
static long register_size(const struct sys_io_uring_register *f, u64 *size)
{
	const struct register_op *how = f->how;

	*size = 0;
	if (f->op == IORING_REGISTER_PROBE) {
		*size = sizeof(struct io_uring_probe) + f->n * 8ul;
		return !f->arg.raw || f->n > 256 ? -EINVAL : 0;
	}
	if (!how->size)
		return f->arg.raw || (f->n && f->op != IORING_UNREGISTER_PERSONALITY) ? -EINVAL : 0;
	*size = (u64)how->size * max(f->n, 1u);
	if (!f->arg.raw || (!how->most && f->n))
		return -EINVAL;
	if (how->one || f->op == IORING_REGISTER_IOWQ_MAX_WORKERS)
		return f->n == how->most ? 0 : -EINVAL;
	return f->n > how->most || (how->most && !f->n) ? -EINVAL : 0;
}

static bool register_copies_out(const struct sys_io_uring_register *f)
{
	return f->result >= 0 && (f->how->out || f->op == IORING_REGISTER_PROBE);
}

struct register_simple {
	struct co_frame co;
	struct sys_io_uring_register *call;
	u64 size;
	long err;
};
static co_t register_simple(struct co *co, struct register_simple *f)
{
	struct sys_io_uring_register *c = f->call;

	CO_BEGIN;
	f->err = register_size(c, &f->size);
	if (f->err)
		CO_RETURN(f->err);
	c->buf = f->size ? kmalloc(f->size) : NULL;
	if (f->size && !c->buf)
		CO_RETURN(-ENOMEM);
	if (f->size)
		CO_COPY_FROM_USER(f->err, c->buf, c->arg, f->size);
	if (!f->err) {
		CO_LOCK(&c->ring->submit_lock);
		do {
			c->result = c->how->go(c->ring, c->buf, c->n);
			CO_BREATHE;
		} while (c->result == URING_AGAIN);
		mutex_unlock(&c->ring->submit_lock);
		f->err = c->result;
	}
	if (f->err >= 0 && register_copies_out(c)) {
		CO_COPY_TO_USER(f->err, c->arg, c->buf, f->size);
		f->err = f->err ? f->err : c->result;
	}
	kfree(c->buf);
	CO_RETURN(f->err);
	CO_END;
}

/* May it be done now, by whoever asks? */
static long register_check(const struct sys_io_uring_register *f)
{
	const struct uring *u = f->ring;

	if (f->op >= IORING_REGISTER_LAST)
		return -EINVAL;
	if ((u->flags & IORING_SETUP_SINGLE_ISSUER) && u->issuer &&
	    u->issuer != thread_current()->tid)
		return -EEXIST;
	if (u->limits && !atomic_load(&u->disabled) && !(u->limits->register_ops >> f->op & 1))
		return -EACCES;
	return 0;
}

static co_t sys_io_uring_register(struct co *co, struct sys_io_uring_register *f)
{
	CO_BEGIN;
	f->err = uring_file_of(co, f->fd, f->op & IORING_REGISTER_USE_REGISTERED_RING, &f->file);
	f->op &= ~(u32)IORING_REGISTER_USE_REGISTERED_RING;
	if (f->op >= IORING_REGISTER_LAST) {
		file_put(f->file);
		CO_RETURN(-EINVAL);
	}
	if (f->err)
		CO_RETURN(f->err);
	f->ring = uring_of(f->file);
	f->err = f->ring ? register_check(f) : -EOPNOTSUPP;
	if (f->err)
		goto out;
	f->how = &register_ops[f->op];
	if (f->how->go)
		CO_AWAIT(f->err, register_simple, .call = f);
	else if (f->op == IORING_REGISTER_PBUF_RING)
		CO_AWAIT(f->err, register_ring, .call = f);
	else if (f->op == IORING_REGISTER_SYNC_CANCEL)
		CO_AWAIT(f->err, register_cancel, .call = f);
	else if (f->op <= IORING_REGISTER_BUFFERS_UPDATE)
		CO_AWAIT(f->err, register_resources, .call = f);
	else
		f->err = -EINVAL;
out:
	file_put(f->file);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(io_uring_register, fd, op, arg, n);
