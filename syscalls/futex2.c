/* syscalls/futex2.c -- the calls that came after futex(2): one operation each, flags per word. */
#include <linux/futex.h>

#include "core/proc/clock.h"
#include "core/proc/futex.h"
#include "mem/phys/slab.h"
#include "mem/space/uaccess.h"
#include "syscalls/syscall.h"

/* 32-bit words only, as on Linux. */
static bool futex2_flags_ok(u32 flags)
{
	return !(flags & ~(u32)(FUTEX2_SIZE_MASK | FUTEX2_PRIVATE)) &&
	       (flags & FUTEX2_SIZE_MASK) == FUTEX2_SIZE_U32;
}

static bool futex2_shared(u32 flags)
{
	return !(flags & FUTEX2_PRIVATE);
}

/* An absolute time by this clock, or none. */
struct futex2_deadline {
	struct co_frame co;
	uptr timeout;
	int clock;
	struct clock_until *until;
	struct __kernel_timespec ts;
	u64 ns;
	long err;
};
static co_t futex2_deadline(struct co *co, struct futex2_deadline *f)
{
	CO_BEGIN;
	f->until->ns = CO_FOREVER;
	if (!f->timeout.raw)
		CO_RETURN(0);
	if (f->clock != CLOCK_MONOTONIC && f->clock != CLOCK_REALTIME)
		CO_RETURN(-EINVAL);
	CO_COPY_FROM_USER(f->err, &f->ts, f->timeout, sizeof(f->ts));
	if (!f->err)
		f->err = clock_from_timespec(&f->ts, &f->ns);
	if (!f->err)
		f->err = clock_until_set(f->until, f->clock, f->ns, true);
	CO_RETURN(f->err);
	CO_END;
}

struct sys_futex_wake {
	struct co_frame co;
	uptr addr;
	u64 mask;
	int count;
	u32 flags;
	long n;
};
static co_t sys_futex_wake(struct co *co, struct sys_futex_wake *f)
{
	CO_BEGIN;
	if (!futex2_flags_ok(f->flags) || f->mask > UINT32_MAX)
		CO_RETURN(-EINVAL);
	CO_AWAIT(f->n, futex_wake, .addr = f->addr,
		 .count = f->count ? (u32)max(f->count, 1) : 0,
		 .bitset = (u32)f->mask, .shared = futex2_shared(f->flags));
	CO_RETURN(f->n);
	CO_END;
}
SYSCALL_CO(futex_wake, addr, mask, count, flags);

struct sys_futex_wait {
	struct co_frame co;
	uptr addr;
	u64 value, mask;
	u32 flags;
	uptr timeout;
	int clock;
	struct clock_until until;
	long err;
};
static co_t sys_futex_wait(struct co *co, struct sys_futex_wait *f)
{
	CO_BEGIN;
	if (!futex2_flags_ok(f->flags) || f->value > UINT32_MAX || f->mask > UINT32_MAX)
		CO_RETURN(-EINVAL);
	CO_AWAIT(f->err, futex2_deadline, .timeout = f->timeout, .clock = f->clock,
		 .until = &f->until);
	if (!f->err)
		CO_AWAIT(f->err, futex_wait, .addr = f->addr, .value = (u32)f->value,
			 .bitset = (u32)f->mask, .shared = futex2_shared(f->flags),
			 .until = f->until);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(futex_wait, addr, value, mask, flags, timeout, clock);

static bool futex2_word_ok(const struct futex_waitv *w)
{
	return futex2_flags_ok(w->flags) && !w->__reserved && w->val <= UINT32_MAX;
}

struct sys_futex_requeue {
	struct co_frame co;
	uptr words;
	u32 flags;
	int wake, requeue;
	struct futex_waitv two[2];
	long n;
};
static co_t sys_futex_requeue(struct co *co, struct sys_futex_requeue *f)
{
	CO_BEGIN;
	if (f->flags || !f->words.raw)
		CO_RETURN(-EINVAL);
	CO_COPY_FROM_USER(f->n, f->two, f->words, sizeof(f->two));
	if (f->n)
		CO_RETURN(f->n);
	if (!futex2_word_ok(&f->two[0]) || !futex2_word_ok(&f->two[1]))
		CO_RETURN(-EINVAL);
	CO_AWAIT(f->n, futex_requeue, .addr = uptr_of(f->two[0].uaddr),
		 .addr2 = uptr_of(f->two[1].uaddr), .wake = (u32)f->wake,
		 .requeue = (u32)f->requeue, .shared = futex2_shared(f->two[0].flags),
		 .shared2 = futex2_shared(f->two[1].flags), .compare = true,
		 .value = (u32)f->two[0].val);
	CO_RETURN(f->n);
	CO_END;
}
SYSCALL_CO(futex_requeue, words, flags, wake, requeue);

/* --- futex_waitv --- */

struct futex2_word {
	struct futex_waitv user;
	struct futex_waiter waiter;
};

/* Leave the first `count`: the index of one that had been woken, or -1. */
static int futex2_leave(struct futex2_word *words, u32 count)
{
	int woken = -1;

	for (u32 i = 0; i < count; i++)
		if (!futex_leave(&words[i].waiter))
			woken = (int)i;
	return woken;
}

static bool futex2_any_woken(struct futex2_word *words, u32 count)
{
	for (u32 i = 0; i < count; i++)
		if (futex_is_woken(&words[i].waiter))
			return true;
	return false;
}

/* The words are checked: wait on all at once, and say which was woken. */
struct futex2_wait_many {
	struct co_frame co;
	struct futex2_word *words;
	u32 count;
	struct clock_until until;
	u32 at;			/* how many are entered */
	int woken;
	long err;
};
static co_t futex2_wait_many(struct co *co, struct futex2_wait_many *f)
{
	struct futex2_word *w;

	CO_BEGIN;
again:
	for (f->at = 0; f->at < f->count; f->at++) {
		CO_AWAIT(f->err, space_futex_key, .space = co_task(co)->space,
			 .addr = uptr_of(f->words[f->at].user.uaddr),
			 .shared = futex2_shared(f->words[f->at].user.flags),
			 .key = &f->words[f->at].waiter.key);
		w = &f->words[f->at];
		w->waiter.bitset = FUTEX_BITSET_MATCH_ANY;
		if (!f->err)
			f->err = futex_enter(&w->waiter, uptr_of(w->user.uaddr), (u32)w->user.val,
					     co_task(co));
		if (f->err)
			break;
	}
	if (!f->err)
		CLOCK_WAIT_UNTIL(f->err, futex2_any_woken(f->words, f->count), &f->until);
	f->woken = futex2_leave(f->words, f->at);
	if (f->woken >= 0)
		CO_RETURN(f->woken);
	if (f->err == -EFAULT && f->at < f->count) {
		CO_AWAIT(f->err, user_fault_in, .addr = uptr_of(f->words[f->at].user.uaddr),
			 .n = sizeof(u32));
		if (!f->err)
			goto again;
	}
	CO_RETURN(f->err);
	CO_END;
}

struct sys_futex_waitv {
	struct co_frame co;
	uptr words;
	u32 count, flags;
	uptr timeout;
	int clock;
	struct clock_until until;
	struct futex2_word *copy;
	u32 at;
	long err;
};
static co_t sys_futex_waitv(struct co *co, struct sys_futex_waitv *f)
{
	CO_BEGIN;
	if (f->flags || !f->count || f->count > FUTEX_WAITV_MAX || !f->words.raw)
		CO_RETURN(-EINVAL);
	CO_AWAIT(f->err, futex2_deadline, .timeout = f->timeout, .clock = f->clock,
		 .until = &f->until);
	if (f->err)
		CO_RETURN(f->err);
	f->copy = kcalloc(f->count, sizeof(*f->copy));
	if (!f->copy)
		CO_RETURN(-ENOMEM);
	for (f->at = 0; f->at < f->count && !f->err; f->at++) {
		CO_COPY_FROM_USER(f->err, &f->copy[f->at].user,
				  uptr_add(f->words, f->at * sizeof(struct futex_waitv)),
				  sizeof(struct futex_waitv));
		if (!f->err && (!futex2_word_ok(&f->copy[f->at].user) ||
				(f->copy[f->at].user.uaddr & 3)))
			f->err = -EINVAL;
	}
	if (!f->err)
		CO_AWAIT(f->err, futex2_wait_many, .words = f->copy, .count = f->count,
			 .until = f->until);
	kfree(f->copy);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(futex_waitv, words, count, flags, timeout, clock);
