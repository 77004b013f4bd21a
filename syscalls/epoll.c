/* syscalls/epoll.c */
#include "vfs/epoll.h"

#include <linux/capability.h>

#include "core/cred/cred.h"
#include "core/proc/clock.h"
#include "core/proc/signal.h"
#include "core/proc/thread.h"
#include "hal/clock.h"
#include "hal/memory.h"
#include "mem/space/uaccess.h"
#include "syscalls/retry.h"
#include "vfs/fd.h"

#define EPOLL_EVENTS_MAX (INT32_MAX / (int)sizeof(struct epoll_record))
/* What may stand beside EPOLLEXCLUSIVE. */
#define EPOLL_EXCLUSIVE_OK                                                                 \
	(EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)

static long sys_epoll_create1(struct task *t, u32 flags)
{
	struct file *file;
	long fd;

	if (flags & ~(u32)EPOLL_CLOEXEC)
		return -EINVAL;
	fd = epoll_make(t->cred, &file);
	if (fd)
		return fd;
	fd = fd_add(t->fds, file, 0, rlimit_get(thread_of(t)->process, RLIMIT_NOFILE),
		    flags & EPOLL_CLOEXEC);
	if (fd < 0)
		file_put(file);
	return fd;
}
SYSCALL_PLAIN(epoll_create1, u32);

/* --- epoll_ctl --- */

static long epoll_ctl_check(const struct file *set, const struct file *target, int op, u32 events)
{
	if (!target->ops->poll)
		return -EPERM;
	if (set == target || !epoll_is(set))
		return -EINVAL;
	if (!(events & EPOLLEXCLUSIVE))
		return 0;
	if (op == EPOLL_CTL_MOD)
		return -EINVAL;
	if (op == EPOLL_CTL_ADD && (epoll_is(target) || (events & ~(u32)EPOLL_EXCLUSIVE_OK)))
		return -EINVAL;
	return 0;
}

static long epoll_ctl_files(struct file *set, struct file *target, int op, int fd,
			    const struct epoll_record *what)
{
	long err = epoll_ctl_check(set, target, op, what->events);

	if (err)
		return err;
	switch (op) {
	case EPOLL_CTL_ADD:
		return epoll_add(set, target, fd, what);
	case EPOLL_CTL_MOD:
		return epoll_change(set, target, fd, what);
	case EPOLL_CTL_DEL:
		return epoll_remove(set, target, fd);
	default:
		return -EINVAL;
	}
}

static long sys_epoll_ctl(struct task *t, int set_fd, int op, int fd, uptr event)
{
	struct epoll_record what = {0};
	struct file *set, *target;
	long err = -EBADF;

	if (op != EPOLL_CTL_DEL) {
		if (!user_get(t, &what, event, sizeof(what)))
			return SYS_MUST_WAIT;
		/* Nothing ever suspends; the flag is kept for who may set it. */
		if (!cred_capable(t->cred, CAP_BLOCK_SUSPEND))
			what.events &= ~(u32)EPOLLWAKEUP;
		what.events |= EPOLLERR | EPOLLHUP;
	}
	set = fd_get(t->fds, set_fd);
	target = fd_get(t->fds, fd);
	if (set && target)
		err = epoll_ctl_files(set, target, op, fd, &what);
	file_put(target);
	file_put(set);
	return err;
}
SYSCALL_RETRY(epoll_ctl, int, int, int, uptr);

/* --- waiting --- */

/* The set, with a reference, if the arguments are good. */
static long epoll_wait_start(struct task *t, int fd, uptr to, int max, struct file **set)
{
	if (max <= 0 || max > EPOLL_EVENTS_MAX)
		return -EINVAL;
	if (to.raw >= HAL_USER_END ||
	    HAL_USER_END - to.raw < (u64)max * sizeof(struct epoll_record))
		return -EFAULT;
	*set = fd_get(t->fds, fd);
	if (!*set)
		return -EBADF;
	if (epoll_is(*set))
		return 0;
	file_put(*set);
	return -EINVAL;
}

static long try_epoll_pwait(struct task *t, int fd, uptr to, int max, int ms, uptr mask)
{
	struct file *set;
	long n;

	if (mask.raw)
		return SYS_MUST_WAIT;
	n = epoll_wait_start(t, fd, to, max, &set);
	if (n)
		return n;
	n = epoll_wait_try(set, to, (u32)max);
	file_put(set);
	return n == FILE_WAITS || (n == 0 && ms) ? SYS_MUST_WAIT : n;
}
SYSCALL_TRY(epoll_pwait, int, uptr, int, int, uptr);

/* The common part: a temporary mask, then the wait. */
struct epoll_masked_wait {
	struct co_frame co;
	int fd;
	uptr to;
	int max;
	u64 deadline_ns;
	uptr mask;
	u64 mask_size;
	sigmask set_mask;
	struct file *set;
	long n;
};
static co_t epoll_masked_wait(struct co *co, struct epoll_masked_wait *f)
{
	CO_BEGIN;
	if (f->mask.raw) {
		if (f->mask_size != sizeof(sigmask))
			CO_RETURN(-EINVAL);
		CO_COPY_FROM_USER(f->n, &f->set_mask, f->mask, sizeof(f->set_mask));
		if (f->n)
			CO_RETURN(f->n);
		signal_set_temporary_mask(thread_of_co(co), f->set_mask);
	}
	f->n = epoll_wait_start(co_task(co), f->fd, f->to, f->max, &f->set);
	if (!f->n) {
		CO_AWAIT(f->n, epoll_wait, .set = f->set, .to = f->to, .max = (u32)f->max,
			 .deadline_ns = f->deadline_ns);
		file_put(f->set);
	}
	/* After a signal the temporary mask stays until the handler has been entered. */
	if (f->mask.raw && f->n != -EINTR)
		signal_restore_mask(thread_of_co(co));
	CO_RETURN(f->n);
	CO_END;
}

struct sys_epoll_pwait {
	struct co_frame co;
	int fd;
	uptr to;
	int max, ms;
	uptr mask;
	u64 mask_size;
	long n;
};
static co_t sys_epoll_pwait(struct co *co, struct sys_epoll_pwait *f)
{
	u64 deadline_ns;

	CO_BEGIN;
	deadline_ns = f->ms < 0 ? CO_FOREVER : f->ms ? hal_clock_ns() + (u64)f->ms * 1000000 : 0;
	CO_AWAIT(f->n, epoll_masked_wait, .fd = f->fd, .to = f->to, .max = f->max,
		 .deadline_ns = deadline_ns, .mask = f->mask, .mask_size = f->mask_size);
	CO_RETURN(f->n);
	CO_END;
}
SYSCALL_CO(epoll_pwait, fd, to, max, ms, mask, mask_size);

struct sys_epoll_pwait2 {
	struct co_frame co;
	int fd;
	uptr to;
	int max;
	uptr timeout, mask;
	u64 mask_size;
	struct __kernel_timespec ts;
	u64 ns, deadline_ns;
	long n;
};
static co_t sys_epoll_pwait2(struct co *co, struct sys_epoll_pwait2 *f)
{
	CO_BEGIN;
	f->deadline_ns = CO_FOREVER;
	if (f->timeout.raw) {
		CO_COPY_FROM_USER(f->n, &f->ts, f->timeout, sizeof(f->ts));
		if (!f->n)
			f->n = clock_from_timespec(&f->ts, &f->ns);
		if (!f->n && f->ns)
			f->n = clock_deadline(CLOCK_MONOTONIC, f->ns, false, &f->deadline_ns);
		if (f->n)
			CO_RETURN(f->n);
		if (!f->ns)
			f->deadline_ns = 0;
	}
	CO_AWAIT(f->n, epoll_masked_wait, .fd = f->fd, .to = f->to, .max = f->max,
		 .deadline_ns = f->deadline_ns, .mask = f->mask, .mask_size = f->mask_size);
	CO_RETURN(f->n);
	CO_END;
}
SYSCALL_CO(epoll_pwait2, fd, to, max, timeout, mask, mask_size);
