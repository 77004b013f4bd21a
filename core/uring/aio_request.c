/* core/uring/aio_request.c -- the requests of a context: their places, their names, their end. */
#include "core/uring/aio.h"

#include "mem/phys/slab.h"
#include "vfs/eventfd.h"
#include "vfs/file.h"

#define AIO_REQUEST_SPARES 32u
#define AIO_REQUEST_BATCH  64u	/* cancelled in one go */

/* --- records --- */

/* One that is free; NULL: none. It is of use only to the process that it is of. */
static struct aio_request *aio_request_spare(struct aio *aio)
{
	struct aio_request *r;

	spin_lock(&aio->lock);
	r = aio->spare;
	if (r) {
		aio->spare = r->next;
		aio->spares--;
	}
	spin_unlock(&aio->lock);
	if (!r || r->request.thread.process == process_current())
		return r;
	request_put(&r->request);
	return NULL;
}

static struct aio_request *aio_request_new(const struct request_ops *ops)
{
	struct aio_request *r = kzalloc(sizeof(*r));

	if (r && request_init(&r->request, "aio", ops)) {
		kfree(r);
		return NULL;
	}
	return r;
}

void aio_request_release(struct request *request)
{
	kfree(request);
}

/* A place for one more event. */
static bool aio_request_reserve(struct aio *aio)
{
	bool room;

	spin_lock(&aio->lock);
	if (!aio->available)
		aio_event_refill(aio);
	room = aio->available && !aio->dead;
	if (room) {
		aio->available--;
		atomic_store_relaxed(&aio->under_way, aio->under_way + 1);
	}
	spin_unlock(&aio->lock);
	return room;
}

struct aio_request *aio_request_get(struct aio *aio, const struct request_ops *ops)
{
	struct aio_request *r = aio_request_spare(aio);

	if (!r)
		r = aio_request_new(ops);
	if (!r || !aio_request_reserve(aio)) {
		if (r)
			request_put(&r->request);
		return NULL;
	}
	ref_get(&aio->refs);
	r->aio = aio;
	r->listed = r->cancellable = false;
	return r;
}

static void aio_request_let_go(struct aio_request *r)
{
	file_put(r->file);
	file_put(r->told);
	kfree(r->vecs);
	r->file = r->told = NULL;
	r->vecs = NULL;
}

/* To be used again; it is under way no longer. */
void aio_request_ended(struct request *request)
{
	struct aio_request *r = (struct aio_request *)request;
	struct aio *aio = r->aio;
	bool keep;

	spin_lock(&aio->lock);
	keep = aio->spares < AIO_REQUEST_SPARES;
	if (keep) {
		r->next = aio->spare;
		aio->spare = r;
		aio->spares++;
	}
	atomic_store(&aio->under_way, aio->under_way - 1);
	if (!aio->under_way)
		waitq_wake(&aio->wait);
	spin_unlock(&aio->lock);
	if (!keep)
		request_put(request);
	aio_put(aio);
}

void aio_request_drop(struct aio_request *r)
{
	aio_request_let_go(r);
	spin_lock(&r->aio->lock);
	r->aio->available++;
	spin_unlock(&r->aio->lock);
	aio_request_ended(&r->request);
}

/* --- those that wait --- */

static struct aio_request *aio_request_of(struct rb_node *n)
{
	return container_of(n, struct aio_request, node);
}

static bool aio_request_before(const struct rb_node *a, const struct rb_node *b)
{
	return container_of(a, struct aio_request, node)->at <
	       container_of(b, struct aio_request, node)->at;
}

static void aio_request_unname(struct aio *aio, struct aio_request *r) REQUIRES(aio->lock)
{
	if (r->cancellable)
		rb_remove(&aio->by_iocb, &r->node);
	r->cancellable = false;
}

void aio_request_waits(struct request *request)
{
	struct aio_request *r = (struct aio_request *)request;

	spin_lock(&r->aio->lock);
	list_add_back(&r->aio->parked, &r->link);
	r->listed = true;
	/* Several may have the same name. */
	rb_insert(&r->aio->by_iocb, &r->node, aio_request_before);
	r->cancellable = true;
	if (r->aio->dead)
		request_cancel(request, true);
	spin_unlock(&r->aio->lock);
}

void aio_request_over(struct aio_request *r, long result)
{
	struct io_event event = {.data = r->iocb.aio_data, .obj = r->at, .res = result};
	struct file *told = r->told;
	struct aio *aio = r->aio;

	if (r->listed) {
		spin_lock(&aio->lock);
		list_remove(&r->link);
		r->listed = false;
		aio_request_unname(aio, r);
		spin_unlock(&aio->lock);
	}
	r->told = NULL;
	aio_request_let_go(r);
	aio_event_put(aio, &event);
	if (told)
		eventfd_signal(told, 1);
	file_put(told);
}

int aio_request_cancel(struct aio *aio, u64 at)
{
	struct rb_node *n;
	struct aio_request *r = NULL;

	spin_lock(&aio->lock);
	for (n = aio->by_iocb.root; n && aio_request_of(n)->at != at;)
		n = at < aio_request_of(n)->at ? n->left : n->right;
	if (n) {
		r = aio_request_of(n);
		aio_request_unname(aio, r);
		request_cancel(&r->request, false);
	}
	spin_unlock(&aio->lock);
	return r ? 0 : -EINVAL;
}

unsigned aio_request_cancel_some(struct aio *aio)
{
	unsigned n = 0;

	spin_lock(&aio->lock);
	while (n < AIO_REQUEST_BATCH && !list_empty(&aio->parked)) {
		struct aio_request *r = list_first(&aio->parked, struct aio_request, link);

		/* Those that were are behind the others. */
		if (atomic_load(&r->request.thread.task.flags) & TASK_KILLED)
			break;
		request_cancel(&r->request, true);
		list_remove(&r->link);
		list_add_back(&aio->parked, &r->link);
		n++;
	}
	spin_unlock(&aio->lock);
	return n;
}
