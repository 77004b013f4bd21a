/* coro/co.c -- the frame stack and the leaf loop. */
#include "coro/co.h"

#include "core/base/log.h"
#include "coro/executor.h"
#include "mem/phys/buddy.h"

void co_init(struct co *co, char *inline_area)
{
	*co = (struct co){.top = inline_area, .end = inline_area + CO_INLINE_SIZE};
}

static char *co_inline(struct co *co)
{
	return co_task(co)->frames;
}

bool co_in_chunk(const struct co *co)
{
	return co->chunk && co->end == (char *)co->chunk + CO_CHUNK_SIZE;
}

/* Note how deep the segment in use has been. */
void co_measure(struct co *co)
{
	bool spilled = co_in_chunk(co);
	char *start = spilled ? co->chunk : co_inline(co);

	co->high[spilled] = max(co->high[spilled], (u16)(co->top - start));
}

/* The inline area has no room: go on in the page the CPU lends, or lent before. */
void *co_push_spill(struct co *co, size_t size)
{
	struct executor *ex = executor_this();

	if (co_in_chunk(co) || !(co->chunk || ex->spare) || size > CO_CHUNK_SIZE)
		panic("frame stack of %s exhausted by a frame of %zu bytes",
		      co_task(co)->name, size);
	if (!co->chunk) {
		co->chunk = ex->spare;
		ex->spare = NULL;
	}
	co->inline_top = co->top;
	co->end = (char *)co->chunk + CO_CHUNK_SIZE;
	return co->chunk;
}

/* The first frame in the chunk is gone: its caller lies in the inline area. The page stays
 * until the stack is empty. */
void co_pop_spill(struct co *co)
{
	if (co->top != co->chunk)
		return;
	co->top = co->inline_top;
	co->end = co_inline(co) + CO_INLINE_SIZE;
}

void *co_push_zeroed(struct co *co, size_t size)
{
	void *frame = co_push(co, size);

	return memset(frame, 0, size);
}

u32 co_high_water(struct co *co)
{
	u32 high = co->high[0] + co->high[1];

	co->high[0] = co->high[1] = 0;
	return high;
}

co_t co_resume(struct co *co)
{
	co_t status;

	do {
		status = co->leaf->step(co, co->leaf);
	} while (status == CO_DONE && co->leaf);
	return status;
}

bool co_is_point(const struct co_point *at)
{
	return at >= co_points_start && at < co_points_end;
}

/* Does a frame lie in [area, area + size)? */
static bool co_frame_in(const struct co_frame *f, const char *area, size_t size)
{
	return area && (const char *)f >= area &&
	       (const char *)f <= area + size - sizeof(*f) && !((u64)f % 16);
}

void co_backtrace(const struct co *co, void (*line)(void *arg, const struct co_point *at),
		  void *arg)
{
	const struct co_frame *f = co->leaf;
	const char *chunk = co->chunk;

	/* No frame is smaller than 32 bytes: the bound is only for what changes under us. */
	for (unsigned n = 0; f && n < (CO_INLINE_SIZE + CO_CHUNK_SIZE) / 32; n++) {
		const struct co_point *at;

		if (!co_frame_in(f, container_of(co, struct task, co)->frames, CO_INLINE_SIZE) &&
		    !co_frame_in(f, chunk, CO_CHUNK_SIZE))
			return;
		at = f->at;
		if (co_is_point(at))
			line(arg, at);
		f = f->caller;
	}
}

void co_requeue(struct co *co)
{
	atomic_store(&co_task(co)->state, (u8)TASK_RUNNING_WOKEN);
}

/* As co_requeue, and the others go first. */
void co_yield(struct co *co)
{
	co_task(co)->sched.yielded = 1;
	co_requeue(co);
}

bool co_should_yield(struct co *co)
{
	return hal_irq_pending() || atomic_load_relaxed(&executor_this()->resched);
}

/* --- waits that need not be --- */

enum co_forced (*co_force)(struct co *co);
bool co_long_way;

bool co_pause(struct co *co)
{
	if (co_force(co) == CO_GOES_ON)
		return false;
	co_requeue(co);
	return true;
}

bool co_defer(struct co *co)
{
	co->deferred[0] = (u8)co_force(co);
	return co->deferred[0];
}

/* --- waits --- */

static u64 wait_timer_fire(struct timer *t)
{
	struct co *co = container_of(t, struct co_deadline, timer)->co;

	atomic_store(&co->wait_expired, 1u);
	task_wake(co_task(co));
	return CO_FOREVER;
}

static void wait_nodes_push(struct co *co)
{
	size_t size = co->wait_queues * sizeof(struct waiter) +
		      co->wait_timed * sizeof(struct co_deadline);

	co->waiters = size ? co_push(co, size) : NULL;
}

static void wait_nodes_pop(struct co *co)
{
	if (!co->waiters)
		return;
	co->top = (char *)co->waiters;
	if (co->top == co->chunk)
		co_pop_spill(co);
}

void co_wait_start(struct co *co, struct waitq *q1, struct waitq *q2, enum co_wait_kind kind,
		   bool one, u64 deadline_ns)
{
	struct waitq *queues[2] = {q1, q2};

	co->wait_kind = kind;
	co->wait_expired = 0;
	co->wait_queues = !q1 ? 0 : !q2 ? 1 : 2;
	co->wait_timed = deadline_ns != CO_FOREVER;
	wait_nodes_push(co);
	for (unsigned i = 0; i < co->wait_queues; i++) {
		co->waiters[i] = (struct waiter){.co = co, .one = one};
		waitq_enlist(queues[i], &co->waiters[i]);
	}
	if (co->wait_timed) {
		co_deadline(co)->co = co;
		timer_init(&co_deadline(co)->timer, wait_timer_fire);
		timer_arm(&co_deadline(co)->timer, deadline_ns);
	}
}

static int wait_check(struct co *co)
{
	u32 flags = atomic_load(&co_task(co)->flags);

	if (co->wait_kind == CO_INTERRUPTIBLE && (flags & (TASK_SIGNAL | TASK_KILLED | TASK_WORK)))
		return -ERESTARTSYS;
	if (co->wait_kind == CO_KILLABLE && (flags & TASK_KILLED))
		return -EINTR;
	if (co->wait_timed && atomic_load(&co->wait_expired))
		return -ETIMEDOUT;
	return 0;
}

int co_wait_check(struct co *co)
{
	int err = wait_check(co);

	if (co_deferred(co)) {
		bool gives_up = !err && co->deferred[0] == CO_WAITS_OUT;

		co->deferred[0] = gives_up ? CO_GIVES_UP : CO_GOES_ON;
		if (!err)
			co_requeue(co);
	}
	return err;
}

void co_wait_end(struct co *co)
{
	if (co->wait_timed)
		timer_cancel(&co_deadline(co)->timer);
	for (unsigned i = 0; i < co->wait_queues; i++) {
		struct waitq *q = co->waiters[i].wq;

		waitq_leave(&co->waiters[i]);
		/* Woken since it last looked at its condition: that wake was for another. */
		if (co->waiters[i].one && co->waiters[i].woken)
			waitq_wake_one(q, 0);
	}
	wait_nodes_pop(co);
}
