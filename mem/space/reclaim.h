/* mem/space/reclaim.h -- allocating a page when that may take waiting for one.
 *
 * Try, run the shrinkers (mem/phys/shrink.h), try again, and if that does not help have a
 * process ended (core/proc/oom.h) and wait for that; if nobody can be ended there is no memory.
 *
 * Allocations that cannot wait (records, page tables) must find something too. So whoever
 * takes pages in numbers calls reclaim_check, and when few are left a worker shrinks the
 * caches in the background until there is plenty again.
 *
 * Locking  a space's lock may be held.
 */
#ifndef SPACE_RECLAIM_H
#define SPACE_RECLAIM_H

#include "coro/co.h"
#include "mem/phys/buddy.h"

/* 0 and *page, -ENOMEM, or -EINTR after a fatal signal. */
struct page_alloc_await {
	struct co_frame co;
	unsigned order, flags;		/* as buddy_alloc */
	struct page **page;
	unsigned round;
	long freed;
};
co_t page_alloc_await(struct co *co, struct page_alloc_await *f);

/* Wait until some memory may have come free: 0, -ENOMEM if there is no hope, -EINTR after a
 * fatal signal. For who allocates something other than pages: try, await this, try again. */
struct reclaim_await {
	struct co_frame co;
	u64 pages;
	long err;
};
co_t reclaim_await(struct co *co, struct reclaim_await *f);

/* Start the worker if memory is low; cheap if it is not. With no spinlock held. */
void reclaim_start(void);
static inline void reclaim_check(void)
{
	if (__builtin_expect(buddy_is_low(), false))
		reclaim_start();
}

/* Nothing can be freed at once: have something that is dirty written, and wait for a while. 0: it
 * may be had now; -ENOMEM: there is nothing, or it takes too long. One, set by vfs. */
struct reclaim_write {
	struct co_frame co;
};
struct reclaim_write_ops {
	CO_OPERATION(reclaim_write) write;
};
void reclaim_set_write(const struct reclaim_write_ops *ops);

/* Nothing else helps: have a process ended and wait until its memory is free. 0: it may be, try
 * again; or as reclaim_await. One, set at boot by core/proc. */
struct reclaim_kill {
	struct co_frame co;
};
struct reclaim_kill_ops {
	CO_OPERATION(reclaim_kill) kill;
};
void reclaim_set_kill(const struct reclaim_kill_ops *ops);

/* Free whatever can be freed, in the background: for measuring. Anew after each call. */
int reclaim_all(void);
bool reclaim_all_is_done(void);

#endif
