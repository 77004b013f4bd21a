/* core/uring/aio_event.c -- events: put into a context's memory, and taken from it. */
#include "core/uring/aio.h"

#include "hal/uaccess.h"
#include "mem/space/uaccess.h"

#define AIO_EVENT_BATCH 64u	/* copied in one go, under the lock */

static struct io_event *aio_event_at(struct aio *aio, u32 index)
{
	return region_at(&aio->ring,
			 sizeof(struct aio_shared) + (u64)index * sizeof(struct io_event));
}

/* Where the program says that it is: within bounds, whatever it says. */
static u32 aio_event_head(const struct aio *aio)
{
	return __atomic_load_n(&aio->shared->head, __ATOMIC_ACQUIRE) % aio->events;
}

/* How many have not been taken. */
static u32 aio_event_count(const struct aio *aio, u32 tail)
{
	u32 head = aio_event_head(aio);

	return head <= tail ? tail - head : aio->events - (head - tail);
}

void aio_event_refill(struct aio *aio)
{
	u32 untaken = aio_event_count(aio, aio->tail);

	if (untaken >= aio->completed)
		return;
	aio->available += aio->completed - untaken;
	aio->completed = untaken;
}

void aio_event_put(struct aio *aio, const struct io_event *event)
{
	u32 tail;

	spin_lock(&aio->lock);
	*aio_event_at(aio, aio->tail) = *event;
	tail = aio->tail + 1 == aio->events ? 0 : aio->tail + 1;
	atomic_store_relaxed(&aio->tail, tail);
	__atomic_store_n(&aio->shared->tail, tail, __ATOMIC_RELEASE);
	aio->completed++;
	aio_event_refill(aio);
	spin_unlock(&aio->lock);
	waitq_wake(&aio->wait);
}

/* Copy a batch to `to` and take it: how many; `*stuck`: the memory of the next one is not there. */
static u64 aio_event_take(struct aio *aio, uptr to, u64 most, bool *stuck)
{
	const u64 size = sizeof(struct io_event);
	u32 head;
	u64 n = 0;

	*stuck = false;
	spin_lock(&aio->lock);
	head = aio_event_head(aio);
	while (n < min(most, (u64)AIO_EVENT_BATCH) && head != aio->tail && !*stuck) {
		*stuck = hal_copy_to_user(uptr_of(to.raw + n * size), aio_event_at(aio, head),
					  size) != size;
		if (*stuck)
			break;
		head = head + 1 == aio->events ? 0 : head + 1;
		n++;
	}
	if (n)
		__atomic_store_n(&aio->shared->head, head, __ATOMIC_RELEASE);
	spin_unlock(&aio->lock);
	return n;
}

/* There is no use in a wait for more than there is room for. */
static bool aio_event_suffices(struct aio_event_get *f)
{
	u64 want = min(f->least - f->got, (u64)f->aio->events - 1);

	return atomic_load(&f->aio->dead) ||
	       aio_event_count(f->aio, atomic_load(&f->aio->tail)) >= want;
}

co_t aio_event_get(struct co *co, struct aio_event_get *f)
{
	bool stuck;
	u64 n;

	CO_BEGIN;
	for (;;) {
		n = aio_event_take(f->aio, uptr_of(f->to.raw + f->got * sizeof(struct io_event)),
				   f->most - f->got, &stuck);
		f->got += n;
		if (stuck) {
			CO_AWAIT(f->n, user_fault_in, .n = sizeof(struct io_event), .write = true,
				 .addr = uptr_of(f->to.raw + f->got * sizeof(struct io_event)));
			if (f->n)
				break;
			continue;
		}
		if (n == AIO_EVENT_BATCH) {
			CO_BREATHE;
			continue;
		}
		if (atomic_load(&f->aio->dead))
			f->n = -EINVAL;
		if (f->n || f->got >= f->least || f->last || !f->deadline_ns)
			break;
		CO_WAIT_UNTIL(f->n, &f->aio->wait, aio_event_suffices(f), f->deadline_ns);
		if (f->n == -ERESTARTSYS)
			f->n = -EINTR;
		if (f->n == -EINTR)
			break;
		/* What came up to the end of the time is taken. */
		f->last = f->n == -ETIMEDOUT;
		f->n = 0;
	}
	CO_RETURN(f->got ? (long)f->got : f->n);
	CO_END;
}
