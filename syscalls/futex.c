/* syscalls/futex.c -- futex and the robust list. */
#include "core/proc/futex.h"

#include <linux/futex.h>

#include "core/proc/clock.h"
#include "core/proc/futex_cond.h"
#include "core/proc/futex_pi.h"
#include "hal/clock.h"
#include "mem/space/uaccess.h"
#include "syscalls/retry.h"

struct sys_futex {
	struct co_frame co;
	uptr addr;
	u32 op, value;
	u64 timeout;		/* a pointer, or the second count */
	uptr addr2;
	u32 value3;
	struct __kernel_timespec ts;
	u64 ns;
	struct clock_until until;
	u32 cmd;
	bool shared;
	long result;
};

static bool futex_takes_time(u32 cmd)
{
	return cmd == FUTEX_WAIT || cmd == FUTEX_WAIT_BITSET || cmd == FUTEX_LOCK_PI ||
	       cmd == FUTEX_LOCK_PI2 || cmd == FUTEX_WAIT_REQUEUE_PI;
}

/* It is a count of those woken so far that ends a wake: none, or less, is one. */
static u32 futex_at_least_one(u32 count)
{
	return (u32)max((i32)count, 1);
}

/* FUTEX_WAIT's time is relative, the others' absolute; FUTEX_LOCK_PI's has a clock of its own. */
static int futex_set_deadline(struct sys_futex *f)
{
	bool real = (f->op & FUTEX_CLOCK_REALTIME) || f->cmd == FUTEX_LOCK_PI;
	int id = real ? CLOCK_REALTIME : CLOCK_MONOTONIC;
	int err = clock_from_timespec(&f->ts, &f->ns);

	return err ? err : clock_until_set(&f->until, id, f->ns, f->cmd != FUTEX_WAIT);
}

static co_t sys_futex(struct co *co, struct sys_futex *f)
{
	CO_BEGIN;
	f->cmd = f->op & FUTEX_CMD_MASK;
	f->shared = !(f->op & FUTEX_PRIVATE_FLAG);
	if ((f->op & FUTEX_CLOCK_REALTIME) && f->cmd != FUTEX_WAIT_BITSET &&
	    f->cmd != FUTEX_LOCK_PI2 && f->cmd != FUTEX_WAIT_REQUEUE_PI)
		CO_RETURN(-ENOSYS);
	f->until.ns = CO_FOREVER;
	if (futex_takes_time(f->cmd) && f->timeout) {
		CO_COPY_FROM_USER(f->result, &f->ts, uptr_of(f->timeout), sizeof(f->ts));
		if (!f->result)
			f->result = futex_set_deadline(f);
		if (f->result)
			CO_RETURN(f->result);
	}
	if (f->cmd == FUTEX_WAIT || f->cmd == FUTEX_WAIT_BITSET) {
		CO_AWAIT(f->result, futex_wait, .addr = f->addr, .value = f->value,
			 .bitset = f->cmd == FUTEX_WAIT ? FUTEX_BITSET_MATCH_ANY : f->value3,
			 .shared = f->shared, .until = f->until,
			 .relative = f->cmd == FUTEX_WAIT);
	} else if (f->cmd == FUTEX_WAKE || f->cmd == FUTEX_WAKE_BITSET) {
		CO_AWAIT(f->result, futex_wake, .addr = f->addr,
			 .count = futex_at_least_one(f->value),
			 .bitset = f->cmd == FUTEX_WAKE ? FUTEX_BITSET_MATCH_ANY : f->value3,
			 .shared = f->shared);
	} else if (f->cmd == FUTEX_REQUEUE || f->cmd == FUTEX_CMP_REQUEUE) {
		CO_AWAIT(f->result, futex_requeue, .addr = f->addr, .addr2 = f->addr2,
			 .wake = f->value, .requeue = (u32)f->timeout, .shared = f->shared,
			 .shared2 = f->shared, .compare = f->cmd == FUTEX_CMP_REQUEUE,
			 .value = f->value3);
	} else if (f->cmd == FUTEX_WAKE_OP) {
		CO_AWAIT(f->result, futex_wake_op, .addr = f->addr, .addr2 = f->addr2,
			 .wake = futex_at_least_one(f->value),
			 .wake2 = futex_at_least_one((u32)f->timeout), .op = f->value3,
			 .shared = f->shared);
	} else if (f->cmd == FUTEX_LOCK_PI || f->cmd == FUTEX_LOCK_PI2 ||
		   f->cmd == FUTEX_TRYLOCK_PI) {
		CO_AWAIT(f->result, futex_lock_pi, .at = {.addr = f->addr, .shared = f->shared},
			 .only_try = f->cmd == FUTEX_TRYLOCK_PI, .until = f->until);
	} else if (f->cmd == FUTEX_UNLOCK_PI) {
		CO_AWAIT(f->result, futex_unlock_pi,
			 .at = {.addr = f->addr, .shared = f->shared});
	} else if (f->cmd == FUTEX_WAIT_REQUEUE_PI) {
		CO_AWAIT(f->result, futex_cond_wait, .addr = f->addr, .value = f->value,
			 .until = f->until, .at = {.addr = f->addr2, .shared = f->shared});
	} else if (f->cmd == FUTEX_CMP_REQUEUE_PI) {
		CO_AWAIT(f->result, futex_cond_move, .addr = f->addr, .value = f->value3,
			 .wake = f->value, .requeue = (u32)f->timeout,
			 .at = {.addr = f->addr2, .shared = f->shared});
	} else {
		f->result = -ENOSYS;
	}
	CO_RETURN(f->result);
	CO_END;
}
SYSCALL_CO(futex, addr, op, value, timeout, addr2, value3);

static long sys_set_robust_list(struct task *t, uptr head, u64 len)
{
	if (len != sizeof(struct robust_list_head))
		return -EINVAL;
	thread_of(t)->robust_list = head;
	return 0;
}
SYSCALL_PLAIN(set_robust_list, uptr, u64);

static long sys_get_robust_list(struct task *t, int tid, uptr head, uptr len)
{
	struct thread *target = tid ? thread_find(tid) : NULL;
	u64 value, size = sizeof(struct robust_list_head);
	long err = 0;

	if (tid && !target)
		return -ESRCH;
	if (target)
		err = process_may_inspect(target->process);
	value = (target ? target : thread_of(t))->robust_list.raw;
	if (target)
		task_put(&target->task);
	if (err)
		return err;
	return user_put(t, len, &size, sizeof(size)) && user_put(t, head, &value, sizeof(value))
		       ? 0
		       : SYS_MUST_WAIT;
}
SYSCALL_RETRY(get_robust_list, int, uptr, uptr);
