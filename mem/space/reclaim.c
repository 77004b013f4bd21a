/* mem/space/reclaim.c -- waiting for memory. */
#include "mem/space/reclaim.h"

#include "core/base/bits.h"
#include "coro/task.h"
#include "hal/clock.h"
#include "mem/phys/buddy.h"
#include "mem/phys/shrink.h"
#include "mem/phys/slab.h"
#include "mem/space/shm.h"

#define ROUNDS	  4
#define AT_A_TIME 64ul /* pages: freeing one at a time would come back here for each */

static const struct reclaim_kill_ops *kill_ops; /* [a] */

static const struct reclaim_write_ops *write_ops; /* [a] */

void reclaim_set_write(const struct reclaim_write_ops *ops)
{
	atomic_store(&write_ops, ops);
}

void reclaim_set_kill(const struct reclaim_kill_ops *ops)
{
	atomic_store(&kill_ops, ops);
}

/* What the caches can give; false if that is nothing. */
static bool shrink_now(u64 pages)
{
	u64 before = buddy_free_pages();

	shrink_run(max(pages, AT_A_TIME));
	slab_drain();
	return buddy_free_pages() > before;
}

co_t reclaim_await(struct co *co, struct reclaim_await *f)
{
	CO_BEGIN;
	if (atomic_load_relaxed(&co_task(co)->flags) & TASK_KILLED)
		CO_RETURN(-EINTR);
	if (shrink_now(f->pages))
		CO_RETURN(0);
	if (atomic_load(&write_ops)) {
		CO_AWAIT_OP(f->err, atomic_load(&write_ops)->write);
		if (!f->err && shrink_now(f->pages))
			CO_RETURN(0);
	}
	/* Nobody has to end for what is coming anyway. */
	if (shm_is_freeing()) {
		CO_AWAIT(f->err, shm_await_free);
		CO_RETURN(f->err);
	}
	if (!atomic_load(&kill_ops) || task_serves())
		CO_RETURN(-ENOMEM);
	CO_AWAIT_OP(f->err, atomic_load(&kill_ops)->kill);
	CO_RETURN(f->err);
	CO_END;
}

/* --- in the background --- */

#define PAUSE_NS 50000000ul /* after it found nothing to free */

static u32 working;	  /* [a] the worker is there */
static u64 useless_until; /* [a] hal_clock_ns: no use starting it again before */

struct reclaim_worker {
	struct co_frame co;
};

static co_t reclaim_worker(struct co *co, struct reclaim_worker *f)
{
	CO_BEGIN;
	while (!buddy_is_plenty()) {
		if (!shrink_now(AT_A_TIME)) {
			atomic_store(&useless_until, hal_clock_ns() + PAUSE_NS);
			break;
		}
		CO_BREATHE;
	}
	atomic_store(&working, 0u);
	CO_RETURN(0);
	CO_END;
}

void reclaim_start(void)
{
	struct task *worker;
	u32 none = 0;

	if (hal_clock_ns() < atomic_load_relaxed(&useless_until) || !atomic_cas(&working, &none, 1u))
		return;
	CO_SPAWN(worker, "reclaim", reclaim_worker);
	if (worker)
		task_put(worker);
	else
		atomic_store(&working, 0u);
}

/* --- everything --- */

#define ALL_TURNS (1u << 20) /* a shrinker that claims to go on for ever is not believed */

static u32 asked, answered; /* [a] calls of reclaim_all, and how many of them are served */

struct reclaim_all_worker {
	struct co_frame co;
	u32 serves, turn;
};

static co_t reclaim_all_worker(struct co *co, struct reclaim_all_worker *f)
{
	CO_BEGIN;
	do {
		f->serves = atomic_load(&asked);
		for (f->turn = 0; f->turn < ALL_TURNS && shrink_run(AT_A_TIME); f->turn++)
			CO_BREATHE;
		slab_drain();
		buddy_drain();
		atomic_store(&answered, f->serves);
	} while (f->serves != atomic_load(&asked));
	CO_RETURN(0);
	CO_END;
}

int reclaim_all(void)
{
	struct task *worker;

	/* Two at once do no harm. */
	atomic_add(&asked, 1u);
	CO_SPAWN(worker, "reclaim all", reclaim_all_worker);
	if (!worker)
		return -ENOMEM;
	task_put(worker);
	return 0;
}

bool reclaim_all_is_done(void)
{
	return atomic_load(&answered) == atomic_load(&asked);
}

co_t page_alloc_await(struct co *co, struct page_alloc_await *f)
{
	CO_BEGIN;
	for (f->round = 0;; f->round++) {
		*f->page = buddy_alloc(f->order, f->flags | BUDDY_USER);
		if (*f->page) {
			reclaim_check();
			CO_RETURN(0);
		}
		if (f->round == ROUNDS)
			CO_RETURN(-ENOMEM);
		CO_AWAIT(f->freed, reclaim_await, .pages = 1ul << f->order);
		if (f->freed)
			CO_RETURN(f->freed);
	}
	CO_END;
}
