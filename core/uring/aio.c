/* core/uring/aio.c -- contexts. */
#include "core/uring/aio.h"

#include <linux/mman.h>

#include "core/base/string.h"
#include "hal/cpu.h"
#include "mem/phys/slab.h"
#include "mem/space/space.h"

#define AIO_NAME "/[aio] (deleted)"
#define AIO_MAGIC 0xa10a10a1u
#define AIO_EVENTS_MOST (0x10000000u / (u32)sizeof(struct io_event))
#define AIO_LEAST_PER_CPU 4u

struct aio_limit aio_limit = {.most = 65536};

/* --- the limit --- */

static bool aio_charge(u32 requests)
{
	u64 used = atomic_load(&aio_limit.used);

	do {
		if (used + requests > atomic_load_relaxed(&aio_limit.most))
			return false;
	} while (!atomic_cas(&aio_limit.used, &used, used + requests));
	return true;
}

/* --- a context's life --- */

static void aio_get(struct aio *aio)
{
	ref_get(&aio->refs);
}

static void aio_free_spares(struct aio *aio)
{
	while (aio->spare) {
		struct aio_request *r = aio->spare;

		aio->spare = r->next;
		request_put(&r->request);
	}
}

void aio_put(struct aio *aio)
{
	if (!ref_put(&aio->refs))
		return;
	aio_free_spares(aio);
	region_free(&aio->ring);
	space_put(aio->space);
	atomic_sub(&aio_limit.used, (u64)aio->charged);
	kfree(aio);
}

/* --- mappings: no file, the context itself is the pager --- */

static struct aio *aio_of(struct pager *p)
{
	return container_of(p, struct aio, pager);
}

static struct page *aio_page(struct aio *aio, u64 index)
{
	return region_page(&aio->ring, index);
}

static void aio_peek(struct pager *p, u64 index, unsigned n, bool write, struct page **to)
{
	for (unsigned i = 0; i < n; i++)
		to[i] = aio_page(aio_of(p), index + i);
}

struct aio_fault {
	struct pager_fault;
};
static co_t aio_fault(struct co *co, struct aio_fault *f)
{
	CO_BEGIN;
	*f->page = aio_page(aio_of(f->pager), f->index);
	CO_RETURN(*f->page ? 0 : -ENXIO);
	CO_END;
}

static void aio_pager_get(struct pager *p)
{
	aio_get(aio_of(p));
}

static void aio_pager_put(struct pager *p)
{
	aio_put(aio_of(p));
}

static size_t aio_path(struct pager *p, void *file, char *to, size_t size)
{
	return min(string_copy(to, AIO_NAME, size), size - 1);
}

static const struct pager_ops aio_pager_ops = {
	.fault = CO_IMPLEMENTS(pager_fault, aio_fault),
	.peek = aio_peek,
	.get = aio_pager_get,
	.put = aio_pager_put,
	.path = aio_path,
};

/* --- making one --- */

/* How many events there is room for if so many requests are asked for: not fewer than all CPUs
 * have use for, some more, and what a last page leaves. In u32, as wide as the number is. */
static u32 aio_room(u32 requests)
{
	u64 size = (u64)(requests + 2) * sizeof(struct io_event) + sizeof(struct aio_shared);

	return (u32)((PAGE_UP(size) - sizeof(struct aio_shared)) / sizeof(struct io_event));
}

static int aio_new(u32 requests, struct space *space, struct aio **made)
{
	u32 wanted = max(requests, hal_cpu_count() * AIO_LEAST_PER_CPU) * 2;
	struct aio *aio;

	if (wanted > AIO_EVENTS_MOST)
		return -EINVAL;
	if (!wanted || !aio_charge(requests))
		return -EAGAIN;
	aio = kzalloc(sizeof(*aio));
	if (!aio || region_make(&aio->ring, aio_room(wanted) * sizeof(struct io_event) +
						    sizeof(struct aio_shared))) {
		kfree(aio);
		atomic_sub(&aio_limit.used, (u64)requests);
		return -ENOMEM;
	}
	ref_init(&aio->refs);
	pager_init(&aio->pager, &aio_pager_ops);
	spin_init(&aio->lock, RANK_URING);
	waitq_init(&aio->wait);
	list_init(&aio->parked);
	space_get(space);
	aio->space = space;
	aio->charged = requests;
	aio->events = aio_room(wanted);
	aio->available = aio->events - 1;
	aio->shared = region_at(&aio->ring, 0);
	*aio->shared = (struct aio_shared){.events = aio->events, .magic = AIO_MAGIC, .compat = 1,
					   .header_length = sizeof(struct aio_shared)};
	*made = aio;
	return 0;
}

co_t aio_make(struct co *co, struct aio_make *f)
{
	CO_BEGIN;
	f->at = aio_new(f->requests, space_current(co), &f->aio);
	if (f->at)
		CO_RETURN(f->at);
	CO_AWAIT(f->at, space_map, .space = f->aio->space,
		 .len = (u64)f->aio->ring.count << PAGE_SHIFT, .prot = PROT_READ | PROT_WRITE,
		 .flags = MAP_SHARED, .vma_flags = VMA_MAYWRITE, .pager = &f->aio->pager);
	/* From here on it is the mapping's. */
	aio_put(f->aio);
	CO_RETURN(f->at);
	CO_END;
}

co_t aio_find(struct co *co, struct aio_find *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, space_object, .space = space_current(co), .addr = f->number,
		 .ops = &aio_pager_ops, .pager = &f->pager);
	if (f->err)
		CO_RETURN(f->err);
	*f->aio = aio_of(f->pager);
	if ((*f->aio)->space != space_current(co) || atomic_load(&(*f->aio)->dead)) {
		aio_put(*f->aio);
		CO_RETURN(-EINVAL);
	}
	CO_RETURN(0);
	CO_END;
}

/* --- the end of one --- */

static bool aio_kill(struct aio *aio)
{
	bool first;

	spin_lock(&aio->lock);
	first = !aio->dead;
	atomic_store(&aio->dead, true);
	spin_unlock(&aio->lock);
	waitq_wake(&aio->wait);
	return first;
}

co_t aio_end(struct co *co, struct aio_end *f)
{
	CO_BEGIN;
	if (!aio_kill(f->aio))
		CO_RETURN(-EINVAL);
	do {
		f->more = aio_request_cancel_some(f->aio);
		CO_BREATHE;
	} while (f->more);
	CO_WAIT_KILLABLE(f->ignored, &f->aio->wait, !atomic_load(&f->aio->under_way));
	CO_AWAIT(f->ignored, space_unmap, .space = f->aio->space, .addr = f->number,
		 .len = (u64)f->aio->ring.count << PAGE_SHIFT);
	CO_RETURN(0);
	CO_END;
}
