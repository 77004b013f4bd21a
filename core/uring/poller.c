/* core/uring/poller.c -- the kernel's own submitter (IORING_SETUP_SQPOLL): a request of the process
 * that made the ring, whose coroutine looks for submissions as long as there were some lately, and
 * then sleeps until the program, which sees that, wakes it. */
#include "core/uring/uring.h"

#include "core/cred/cred.h"
#include "hal/clock.h"
#include "hal/cpu.h"
#include "mem/phys/slab.h"

#define POLLER_IDLE_MS 1000u

struct uring_poller {
	struct request request;		/* first */
	struct uring *ring;		/* a reference until it ended */
	u64 idle_ns;			/* [I] */
	u64 busy_ns;			/* when it last found something */
	bool over;			/* [a] under the ring's lock */
	bool stops;			/* [a] */
	struct waitq wait;		/* where it sleeps */
	struct waitq room;		/* woken when it took submissions */
};

static struct uring_poller *poller_of(struct request *r)
{
	return (struct uring_poller *)r;
}

static bool poller_ends(const struct uring_poller *p)
{
	return atomic_load(&p->stops) || request_is_cancelled(&p->request);
}

/* Is there something to take? Not before the ring is enabled. */
static bool poller_has_work(const struct uring_poller *p)
{
	return !atomic_load(&p->ring->disabled) && submit_available(p->ring);
}

struct poller_run {
	struct co_frame co;
	struct uring_poller *poller;
	long n;
};
static co_t poller_run(struct co *co, struct poller_run *f)
{
	struct uring_poller *p = f->poller;

	CO_BEGIN;
	while (!poller_ends(p)) {
		if (poller_has_work(p)) {
			CO_AWAIT(f->n, uring_submit, .ring = p->ring, .most = UINT32_MAX);
			p->busy_ns = hal_clock_ns();
			waitq_wake(&p->room);
			CO_BREATHE;
			continue;
		}
		complete_flush(p->ring);
		if (hal_clock_ns() - p->busy_ns < p->idle_ns) {
			CO_YIELD;
			continue;
		}
		atomic_or(&p->ring->shared->sq_flags, (u32)IORING_SQ_NEED_WAKEUP);
		/* The program looks at the flag after it made a submission. */
		atomic_fence();
		CO_WAIT(f->n, &p->wait, poller_has_work(p) || poller_ends(p));
		atomic_and(&p->ring->shared->sq_flags, ~(u32)IORING_SQ_NEED_WAKEUP);
		p->busy_ns = hal_clock_ns();
	}
	CO_RETURN(0);
	CO_END;
}

static co_t poller_begin(struct co *co, struct request *r)
{
	return co_begin(co, poller_run, .poller = poller_of(r));
}

static void poller_done(struct request *r, long result)
{
	struct uring_poller *p = poller_of(r);

	spin_lock(&p->ring->lock);
	p->over = true;
	spin_unlock(&p->ring->lock);
	atomic_or(&p->ring->shared->sq_flags, (u32)IORING_SQ_NEED_WAKEUP);
	waitq_wake(&p->room);
}

static void poller_ended(struct request *r)
{
	uring_put(poller_of(r)->ring);
}

static void poller_release(struct request *r)
{
	kfree(poller_of(r));
}

static const struct request_ops poller_ops = {
	.begin = poller_begin,
	.done = poller_done,
	.ended = poller_ended,
	.release = poller_release,
};

int poller_start(struct uring *u, const struct io_uring_params *p)
{
	struct uring_poller *made;

	if ((p->flags & IORING_SETUP_SQ_AFF) &&
	    (p->sq_thread_cpu >= hal_cpu_count() || p->sq_thread_cpu >= 16))
		return -EINVAL;
	made = kzalloc(sizeof(*made));
	if (!made || request_init(&made->request, "iou-sqp", &poller_ops)) {
		kfree(made);
		return -ENOMEM;
	}
	made->ring = u;
	made->idle_ns = (u64)(p->sq_thread_idle ? p->sq_thread_idle : POLLER_IDLE_MS) * 1000000;
	made->busy_ns = hal_clock_ns();
	waitq_init(&made->wait);
	waitq_init(&made->room);
	u->poller = made;
	request_take(&made->request, NULL);
	if (p->flags & IORING_SETUP_SQ_AFF)
		made->request.thread.task.affinity = (u16)(1u << p->sq_thread_cpu);
	uring_get(u);
	if (request_queue(&made->request))
		return 0;
	request_drop(&made->request);
	uring_put(u);
	return -EINTR;
}

void poller_stop(struct uring *u)
{
	struct uring_poller *p = u->poller;

	if (!p)
		return;
	atomic_store(&p->stops, true);
	waitq_wake(&p->wait);
}

void poller_free(struct uring *u)
{
	if (u->poller)
		request_put(&u->poller->request);
}

int poller_wake(struct uring *u)
{
	if (atomic_load(&u->poller->over))
		return -EOWNERDEAD;
	waitq_wake(&u->poller->wait);
	return 0;
}

static bool poller_has_room(struct uring *u)
{
	return submit_available(u) < u->sq_entries || atomic_load(&u->poller->over);
}

co_t poller_room(struct co *co, struct poller_room *f)
{
	CO_BEGIN;
	CO_WAIT(f->err, &f->ring->poller->room, poller_has_room(f->ring));
	CO_RETURN(f->err);
	CO_END;
}
