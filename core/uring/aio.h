/* core/uring/aio.h -- the old asynchronous I/O: contexts, in which requests end as events.
 *
 * A context is memory that is mapped into a space: a head, a tail, and events between them. Its
 * number is the address of that mapping, and the mapping is also what a call finds it by, so that
 * it moves with mremap, and goes with munmap, exec and exit without anybody being told.
 *
 * The program writes to the memory at any time. The kernel has its own tail; a head that is not
 * true can only make it believe that there is room, or none, for events that are the program's own.
 * How many requests can be under way does not depend on it: each has its place before it begins,
 * and gets it back when its event was seen to be taken.
 *
 * Ownership  a context is held by its mappings and by each request under way; the last frees it.
 *            A fork's copy of the mapping shows the events, and is no number of a context.
 * Locking    `lock` (RANK_URING). aio_end, aio_event_get and aio_find may wait.
 */
#ifndef URING_AIO_H
#define URING_AIO_H

#include <linux/aio_abi.h>

#include "core/base/rbtree.h"
#include "core/proc/request.h"
#include "core/uring/uring.h"

/* What lies at the start of the memory. The program's C library takes events from it, too. */
struct aio_shared {
	u32 id;			/* the kernel's own matter; it has no use for it */
	u32 events;		/* how many there is room for */
	u32 head;		/* [a] the next to be taken; written by whoever takes it */
	u32 tail;		/* [a] where the next is put */
	u32 magic, compat, incompat;
	u32 header_length;
};
static_assert(sizeof(struct aio_shared) == sizeof(struct io_event));

struct aio {
	refcount refs;			/* [a] */
	struct pager pager;		/* of its mappings */
	struct region ring;		/* [I] */
	struct aio_shared *shared;	/* [I] in ring */
	struct space *space;		/* [I] whose it is: a reference, not a use */
	u32 events;			/* [I] */
	u32 charged;			/* [I] of aio_limit */

	spinlock lock;			/* RANK_URING */
	/* under lock */
	u32 tail;			/* the kernel's own */
	u32 available;			/* requests that may begin */
	u32 completed;			/* events that may not have been taken yet */
	u32 under_way;			/* [a] */
	bool dead;			/* [a] io_destroy was here */
	struct list parked;		/* struct aio_request.link */
	struct rb_tree by_iocb;		/* those that nobody cancelled yet */
	struct aio_request *spare;	/* records to use again */
	u32 spares;
	struct waitq wait;		/* woken by events, and when the last request is over */
};

struct aio_request {
	struct request request;		/* first */
	struct aio *aio;		/* a reference from aio_request_get to the end */
	struct iocb iocb;		/* a copy: read once */
	u64 at;				/* where the program has it: its name */
	struct file *file;		/* owned */
	struct file *told;		/* owned: the eventfd that is told of its end, or NULL */
	struct uio_vec *vecs;		/* owned, or NULL: one buffer */
	struct list link;		/* in parked */
	struct rb_node node;		/* in by_iocb, if */
	bool listed, cancellable;
	struct aio_request *next;	/* on the list of spare ones */
};

/* fs.aio-max-nr, and how many were asked for; [a] */
struct aio_limit {
	u64 most, used;
};
extern struct aio_limit aio_limit;

/* A context for so many requests, and its mapping: its number, or -EINVAL, -EAGAIN, -ENOMEM. */
struct aio_make {
	struct co_frame co;
	u32 requests;
	struct aio *aio;
	long at, ignored;
};
co_t aio_make(struct co *co, struct aio_make *f);

/* The current space's context with this number: 0 and *aio with a reference, or -EINVAL. */
struct aio_find {
	struct co_frame co;
	u64 number;
	struct aio **aio;
	struct pager *pager;
	long err;
};
co_t aio_find(struct co *co, struct aio_find *f);
void aio_put(struct aio *aio);

/* No more of it: cancel what is under way, await it, unmap it. -EINVAL: somebody does already. */
struct aio_end {
	struct co_frame co;
	struct aio *aio;
	u64 number;
	unsigned more;
	long ignored;
};
co_t aio_end(struct co *co, struct aio_end *f);

/* --- requests (aio_request.c) --- */

/* A record with a place for its event; NULL: no place, or no memory. `ops`: what it does. */
struct aio_request *aio_request_get(struct aio *aio, const struct request_ops *ops);
/* It never began. */
void aio_request_drop(struct aio_request *r);
/* For its ops: it waits; it is over with this result and its event is there; it is to be used
 * again. The last also for one that was over at once. */
void aio_request_waits(struct request *request);
void aio_request_over(struct aio_request *r, long result);
void aio_request_ended(struct request *request);
void aio_request_release(struct request *request);
/* Cancel the request of this name: 0, or -EINVAL if none waits. */
int aio_request_cancel(struct aio *aio, u64 at);
/* Cancel all; how many there may be yet that were not, 0: none. */
unsigned aio_request_cancel_some(struct aio *aio);

/* --- events (aio_event.c) --- */

void aio_event_put(struct aio *aio, const struct io_event *event);
/* Make room out of events that were taken meanwhile. */
void aio_event_refill(struct aio *aio) REQUIRES(aio->lock);

/* Take events to `to`: at least `least` (waiting until deadline_ns; 0: not at all), at most `most`.
 * How many; with none 0, -EINTR, -EFAULT, or -EINVAL when the context goes. */
struct aio_event_get {
	struct co_frame co;
	struct aio *aio;
	u64 least, most;
	uptr to;
	u64 deadline_ns;
	u64 got;
	bool last;
	long n;
};
co_t aio_event_get(struct co *co, struct aio_event_get *f);

#endif
