/* core/uring/poll.c -- requests that wait for a file to be ready, once or each time. */
#include "core/uring/ops.h"

#include "core/uring/poll.h"
#include "core/uring/uring.h"
#include "vfs/file.h"

#define POLL_ALWAYS  (POLLERR | POLLHUP | POLLNVAL)
#define POLL_LEVELED (IORING_POLL_ADD_MULTI | IORING_POLL_ADD_LEVEL)

/* --- places in a file's queues --- */

static bool poll_notify(struct waiter *w, u32 events)
{
	struct poll_places *p = container_of(w, struct poll_place, waiter)->of;

	if (events & POLL_BY_RING)
		atomic_store(&p->by_ring, true);
	atomic_store(&p->told, 1u);
	/* Once is enough until it looks again: a ring may be polled by very many requests, each of
	 * whose completions wakes those that are still there. */
	list_remove(&w->link);
	list_init(&w->link);
	task_wake(co_task(w->co));
	return true;
}

static void poll_add(struct poller *poller, struct waitq *q)
{
	struct poll_places *p = container_of(poller, struct poll_places, poller);
	struct poll_place *place = &p->places[p->used];

	if (p->used == POLL_QUEUES)
		return;
	p->used++;
	*place = (struct poll_place){.waiter = {.co = p->co, .notify = poll_notify}, .of = p};
	waitq_enlist(q, &place->waiter);
}

u32 poll_enlist(struct co *co, struct poll_places *p, struct file *file)
{
	*p = (struct poll_places){.poller = {.add = poll_add}, .co = co};
	return file_poll(file, &p->poller);
}

void poll_leave(struct poll_places *p)
{
	for (unsigned i = 0; i < p->used; i++)
		waitq_leave(&p->places[i].waiter);
	p->used = 0;
}

/* Told of something: enlist again, and what holds now. */
static u32 poll_renew(struct poll_places *p, struct file *file)
{
	poll_leave(p);
	return poll_enlist(p->co, p, file);
}

co_t poll_ready(struct co *co, struct poll_ready *f)
{
	CO_BEGIN;
	f->err = 0;
	f->got = poll_enlist(co, &f->places, f->file) & (f->events | POLL_ALWAYS);
	while (!f->got && !f->err) {
		CO_WAIT(f->err, NULL, atomic_swap(&f->places.told, 0u));
		f->got = poll_renew(&f->places, f->file) & (f->events | POLL_ALWAYS);
	}
	poll_leave(&f->places);
	CO_RETURN(f->got ? (long)f->got : f->err);
	CO_END;
}

/* --- POLL_ADD --- */

static u32 poll_events(const struct uring_request *r)
{
	return atomic_load_relaxed(&r->args[0]) | POLL_ALWAYS;
}

static int poll_add_prepare(struct uring_request *r)
{
	const struct io_uring_sqe *s = &r->sqe;

	if (s->buf_index || s->off || s->addr)
		return -EINVAL;
	if (s->len & ~(u32)POLL_LEVELED)
		return -EINVAL;
	if ((s->flags & IOSQE_CQE_SKIP_SUCCESS) && (s->len & IORING_POLL_ADD_MULTI))
		return -EINVAL;
	r->args[0] = s->poll32_events;
	r->args[1] = 0;
	return 0;
}

static long poll_add_try(struct uring_request *r)
{
	u32 got = 0;

	if (!(r->sqe.len & IORING_POLL_ADD_MULTI))
		got = file_poll(r->file, NULL) & poll_events(r);

	return got ? got : URING_WAITS;
}

/* What holds now, and with a multishot has not been told of since it changed. */
struct poll_run {
	struct co_frame co;
	struct uring_request *r;
	struct poll_places places;
	bool by_ring;		/* the last wake was a ring's completion */
	u32 got;
	u32 changes;		/* of what is asked for, seen */
	long err;
};

static bool poll_again(struct poll_run *f)
{
	u32 changes = (u32)atomic_load(&f->r->args[1]);
	bool told = atomic_swap(&f->places.told, 0u) || changes != f->changes;

	f->changes = changes;
	return told;
}

static co_t poll_run(struct co *co, struct poll_run *f)
{
	struct uring_request *r = f->r;

	CO_BEGIN;
	f->got = poll_enlist(co, &f->places, r->file) & poll_events(r);
	for (;;) {
		/* What a completion of a ring made ready it would make ready again, for ever. */
		if (f->got && (!(atomic_load(&r->sqe.len) & IORING_POLL_ADD_MULTI) || f->by_ring))
			break;
		/* One that overflows ends it: the program does not keep up. */
		if (f->got && !uring_post_more(r, f->got, 0))
			break;
		CO_WAIT(f->err, NULL, poll_again(f));
		f->got = 0;
		if (f->err)
			break;
		f->by_ring |= atomic_load(&f->places.by_ring);
		f->got = poll_renew(&f->places, r->file) & poll_events(r);
	}
	poll_leave(&f->places);
	CO_RETURN(f->err ? f->err : f->got);
	CO_END;
}

static co_t poll_add_begin(struct co *co, struct uring_request *r)
{
	return co_begin(co, poll_run, .r = r);
}

const struct uring_op uring_poll_add = {
	.flags = URING_FILE | URING_NO_ASYNC,
	.prepare = poll_add_prepare,
	.try = poll_add_try,
	.begin = poll_add_begin,
};

/* --- POLL_REMOVE, and the change of what a poll asks for --- */

#define POLL_UPDATES (IORING_POLL_UPDATE_EVENTS | IORING_POLL_UPDATE_USER_DATA)

static int poll_remove_prepare(struct uring_request *r)
{
	const struct io_uring_sqe *s = &r->sqe;
	u32 flags = s->len;

	if (s->buf_index || s->splice_fd_in)
		return -EINVAL;
	if (flags & ~(u32)(POLL_UPDATES | IORING_POLL_ADD_MULTI))
		return -EINVAL;
	/* Without anything to change it is a removal. */
	if (flags == IORING_POLL_ADD_MULTI)
		return -EINVAL;
	if (!(flags & IORING_POLL_UPDATE_USER_DATA) && s->off)
		return -EINVAL;
	return !(flags & IORING_POLL_UPDATE_EVENTS) && s->poll32_events ? -EINVAL : 0;
}

static void poll_update(struct uring_request *found, const struct uring_request *r)
{
	if (r->sqe.len & IORING_POLL_UPDATE_EVENTS) {
		atomic_store(&found->args[0], (u64)r->sqe.poll32_events);
		atomic_store(&found->sqe.len, r->sqe.len & IORING_POLL_ADD_MULTI);
	}
	if (r->sqe.len & IORING_POLL_UPDATE_USER_DATA)
		cancel_rename(found, r->sqe.off);
	atomic_store(&found->args[1], found->args[1] + 1);
	task_wake(&found->request.thread.task);
}

static long poll_remove_try(struct uring_request *r)
{
	struct uring *u = r->ring;
	struct uring_request *found;
	long err = 0;

	spin_lock(&u->lock);
	found = cancel_find(u, r->sqe.addr, &uring_poll_add);
	if (!found)
		err = -ENOENT;
	else if (request_is_cancelled(&found->request))
		err = -EALREADY;
	else if (r->sqe.len & POLL_UPDATES)
		poll_update(found, r);
	else
		request_cancel(&found->request, false);
	spin_unlock(&u->lock);
	return err;
}

const struct uring_op uring_poll_remove = {
	.prepare = poll_remove_prepare,
	.try = poll_remove_try,
};
