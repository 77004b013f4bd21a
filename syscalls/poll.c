/* syscalls/poll.c -- ppoll and pselect6: user structures to and from vfs/poll.h's items. */
#include <linux/fcntl.h>
#include <linux/posix_types.h>
#include <linux/time.h>
#include <linux/time_types.h>

#include "core/proc/clock.h"
#include "core/proc/signal.h"
#include "core/proc/thread.h"
#include "hal/clock.h"
#include "mem/phys/slab.h"
#include "mem/space/uaccess.h"
#include "syscalls/syscall.h"
#include "vfs/fd.h"
#include "vfs/poll.h"

#define POLL_SIGSET_SIZE sizeof(sigmask)

/* What select's three sets ask for, and what makes them ready, as Linux has it. */
#define SELECT_IN  (POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR)
#define SELECT_OUT (POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR)
#define SELECT_EX  POLLPRI

/* The common part: a temporary mask, the wait, the time left over. Small, and the time is read
 * and written by others, so that a thread that waits here does so in its own record. */
struct poll_timed {
	struct co_frame co;
	struct poll_item *items;
	unsigned count;
	uptr timeout;		/* where the time left goes, or 0 */
	uptr mask;		/* or 0 */
	sigmask set;
	u64 deadline_ns;
	long n;
};

static u64 poll_left(u64 deadline_ns)
{
	u64 now = hal_clock_ns();

	return deadline_ns > now ? deadline_ns - now : 0;
}

/* The deadline (0: do not wait) a struct timespec stands for, and whether the mask has a size
 * that it can have: errors even where nobody will wait. */
struct poll_start {
	struct co_frame co;
	uptr timeout;		/* or 0 */
	uptr mask;		/* or 0 */
	u64 mask_size;
	u64 *deadline_ns;
	struct __kernel_timespec ts;
	u64 ns;
	long err;
};
static co_t poll_start(struct co *co, struct poll_start *f)
{
	CO_BEGIN;
	*f->deadline_ns = CO_FOREVER;
	if (f->timeout.raw) {
		CO_COPY_FROM_USER(f->err, &f->ts, f->timeout, sizeof(f->ts));
		if (!f->err)
			f->err = clock_from_timespec(&f->ts, &f->ns);
		if (f->err)
			CO_RETURN(f->err);
		*f->deadline_ns = 0;
		if (f->ns)
			f->err = clock_deadline(CLOCK_MONOTONIC, f->ns, false, f->deadline_ns);
	}
	if (!f->err && f->mask.raw && f->mask_size != POLL_SIGSET_SIZE)
		f->err = -EINVAL;
	CO_RETURN(f->err);
	CO_END;
}

/* An error changes nothing: the events count. */
struct poll_put_left {
	struct co_frame co;
	uptr to;
	u64 deadline_ns;
	struct __kernel_timespec ts;
	long err;
};
static co_t poll_put_left(struct co *co, struct poll_put_left *f)
{
	CO_BEGIN;
	f->ts = clock_to_timespec(poll_left(f->deadline_ns));
	CO_COPY_TO_USER(f->err, f->to, &f->ts, sizeof(f->ts));
	CO_RETURN(0);
	CO_END;
}

static co_t poll_timed(struct co *co, struct poll_timed *f)
{
	long unused;

	CO_BEGIN;
	if (f->mask.raw) {
		CO_COPY_FROM_USER(f->n, &f->set, f->mask, sizeof(f->set));
		if (f->n)
			CO_RETURN(f->n);
		signal_set_temporary_mask(thread_of_co(co), f->set);
	}
	CO_AWAIT(f->n, poll_wait, .items = f->items, .count = f->count,
		 .deadline_ns = f->deadline_ns);
	/* After a signal the temporary mask stays until the handler has been entered. */
	if (f->mask.raw && f->n != -ERESTARTNOHAND)
		signal_restore_mask(thread_of_co(co));
	if (f->timeout.raw && f->deadline_ns)
		CO_AWAIT(unused, poll_put_left, .to = f->timeout, .deadline_ns = f->deadline_ns);
	CO_RETURN(f->n);
	CO_END;
}

static void poll_put_files(struct poll_item *items, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		file_put(items[i].file);
	kfree(items);
}

/* --- ppoll --- */

struct sys_ppoll {
	struct co_frame co;
	uptr fds;
	u32 count;
	unsigned bad;		/* descriptors that are not open */
	uptr timeout, mask;
	u64 mask_size, deadline_ns;
	struct pollfd *polls;
	struct poll_item *items;
	long n, err;
};

/* The descriptors' files; how many are not open. */
static unsigned poll_get_files(struct fd_table *t, struct sys_ppoll *f)
{
	unsigned bad = 0;

	for (u32 i = 0; i < f->count; i++) {
		struct poll_item *it = &f->items[i];

		f->polls[i].revents = 0;
		if (f->polls[i].fd < 0)
			continue;
		it->file = fd_get(t, f->polls[i].fd);
		it->events = (u16)f->polls[i].events;
		if (!it->file) {
			f->polls[i].revents = POLLNVAL;
			bad++;
		}
	}
	return bad;
}

static co_t sys_ppoll(struct co *co, struct sys_ppoll *f)
{
	CO_BEGIN;
	CO_AWAIT(f->n, poll_start, .timeout = f->timeout, .mask = f->mask,
		 .mask_size = f->mask_size, .deadline_ns = &f->deadline_ns);
	if (f->n)
		CO_RETURN(f->n);
	if (f->count > rlimit_get(thread_of_co(co)->process, RLIMIT_NOFILE))
		CO_RETURN(-EINVAL);
	f->polls = kcalloc(max(f->count, 1u), sizeof(*f->polls));
	f->items = kcalloc(max(f->count, 1u), sizeof(*f->items));
	f->n = -ENOMEM;
	if (!f->polls || !f->items)
		goto out;
	CO_COPY_FROM_USER(f->n, f->polls, f->fds, f->count * sizeof(*f->polls));
	if (f->n)
		goto out;
	f->bad = poll_get_files(fd_current(co), f);
	if (f->bad)	/* ready already: do not wait */
		f->n = poll_try(f->items, f->count);
	else
		CO_AWAIT(f->n, poll_timed, .items = f->items, .count = f->count,
			 .timeout = f->timeout, .mask = f->mask, .deadline_ns = f->deadline_ns);
	if (f->n < 0)
		goto out;
	for (u32 i = 0; i < f->count; i++)
		f->polls[i].revents |= (short)f->items[i].revents;
	f->n += f->bad;
	CO_COPY_TO_USER(f->err, f->fds, f->polls, f->count * sizeof(*f->polls));
	if (f->err)
		f->n = f->err;
out:
	if (f->items)
		poll_put_files(f->items, f->count);
	kfree(f->polls);
	CO_RETURN(f->n);
	CO_END;
}
SYSCALL_CO(ppoll, fds, count, timeout, mask, mask_size);

/* --- pselect6 --- */

struct sys_pselect6 {
	struct co_frame co;
	int count;
	u32 words;
	uptr in, out, ex, timeout, mask;
	struct {
		u64 mask, size;
	} packed;		/* what `mask` points at */
	u64 *sets;		/* in, out, ex, each `words` long */
	struct poll_item *items;
	unsigned asked;
	u64 deadline_ns;
	long n, err;
};

static bool select_has(const u64 *set, unsigned fd)
{
	return set[fd / 64] >> fd % 64 & 1;
}

/* The files asked about: 0 or -EBADF. items[i] belongs to the i-th number asked about. */
static long select_get_files(struct fd_table *t, struct sys_pselect6 *f)
{
	for (unsigned fd = 0; fd < (unsigned)f->count; fd++) {
		u32 events = (select_has(f->sets, fd) ? SELECT_IN : 0) |
			     (select_has(f->sets + f->words, fd) ? SELECT_OUT : 0) |
			     (select_has(f->sets + 2 * f->words, fd) ? SELECT_EX : 0);

		if (!events)
			continue;
		f->items[f->asked].file = fd_get(t, (int)fd);
		if (!f->items[f->asked].file)
			return -EBADF;
		f->items[f->asked++].events = events;
	}
	return 0;
}

/* The answer in the sets; how many bits. */
static long select_answer(struct sys_pselect6 *f)
{
	static const u32 ready[3] = {SELECT_IN, SELECT_OUT, SELECT_EX};
	unsigned item = 0;
	long bits = 0;

	for (unsigned fd = 0; fd < (unsigned)f->count; fd++) {
		bool asked = false;
		u32 got = item < f->asked ? f->items[item].revents : 0;

		for (int s = 0; s < 3; s++) {
			u64 *word = &f->sets[s * f->words + fd / 64], bit = 1ul << fd % 64;

			if (!(*word & bit))
				continue;
			asked = true;
			if (got & ready[s])
				bits++;
			else
				*word &= ~bit;
		}
		item += asked;
	}
	return bits;
}

/* One set in (or out, after the call); a null pointer is the empty set. */
struct select_copy {
	struct co_frame co;
	uptr user;
	u64 *set;
	u32 words;
	bool out;
	long err;
};
static co_t select_copy(struct co *co, struct select_copy *f)
{
	CO_BEGIN;
	if (f->user.raw && f->words && f->out)
		CO_COPY_TO_USER(f->err, f->user, f->set, f->words * sizeof(u64));
	else if (f->user.raw && f->words)
		CO_COPY_FROM_USER(f->err, f->set, f->user, f->words * sizeof(u64));
	CO_RETURN(f->err);
	CO_END;
}

static co_t sys_pselect6(struct co *co, struct sys_pselect6 *f)
{
	CO_BEGIN;
	if (f->mask.raw) {
		CO_COPY_FROM_USER(f->err, &f->packed, f->mask, sizeof(f->packed));
		if (f->err)
			CO_RETURN(f->err);
	}
	CO_AWAIT(f->n, poll_start, .timeout = f->timeout, .mask = uptr_of(f->packed.mask),
		 .mask_size = f->packed.size, .deadline_ns = &f->deadline_ns);
	if (f->n)
		CO_RETURN(f->n);
	if (f->count < 0)
		CO_RETURN(-EINVAL);
	/* More numbers than the table has can not be open. */
	f->count = min(f->count, (int)fd_table_size(fd_current(co)));
	f->words = ((u32)f->count + 63) / 64;
	f->sets = kcalloc(max(3 * f->words, 1u), sizeof(u64));
	f->items = kcalloc(max((unsigned)f->count, 1u), sizeof(*f->items));
	f->n = -ENOMEM;
	if (!f->sets || !f->items)
		goto out;
	CO_AWAIT(f->n, select_copy, .user = f->in, .set = f->sets, .words = f->words);
	if (!f->n)
		CO_AWAIT(f->n, select_copy, .user = f->out, .set = f->sets + f->words,
			 .words = f->words);
	if (!f->n)
		CO_AWAIT(f->n, select_copy, .user = f->ex, .set = f->sets + 2 * f->words,
			 .words = f->words);
	if (!f->n)
		f->n = select_get_files(fd_current(co), f);
	if (f->n)
		goto out;
	CO_AWAIT(f->n, poll_timed, .items = f->items, .count = f->asked, .timeout = f->timeout,
		 .mask = uptr_of(f->packed.mask), .deadline_ns = f->deadline_ns);
	if (f->n < 0)
		goto out;
	f->n = select_answer(f);
	CO_AWAIT(f->err, select_copy, .user = f->in, .set = f->sets, .words = f->words,
		 .out = true);
	if (!f->err)
		CO_AWAIT(f->err, select_copy, .user = f->out, .set = f->sets + f->words,
			 .words = f->words, .out = true);
	if (!f->err)
		CO_AWAIT(f->err, select_copy, .user = f->ex, .set = f->sets + 2 * f->words,
			 .words = f->words, .out = true);
	if (f->err)
		f->n = f->err;
out:
	if (f->items)
		poll_put_files(f->items, f->asked);
	kfree(f->sets);
	CO_RETURN(f->n);
	CO_END;
}
SYSCALL_CO(pselect6, count, in, out, ex, timeout, mask);
