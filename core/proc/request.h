/* core/proc/request.h -- a request: a coroutine on behalf of a process that is none of its threads.
 *
 * Whoever makes one begins it at once, on his own stack and in the middle of his own poll. If it
 * need not wait it is over then and nothing was queued; if it waits it is left behind as a task of
 * its own, which the executor steps like any other, and its end calls back. So no request needs a
 * worker that waits for it, and none needs a second form that would.
 *
 *	request_begin ---- over at once ------------------------> done, ended
 *	      | waits: ops->waits
 *	      v
 *	   parked --- wake, executor --- ... --- over ----------> done, ended
 *
 * It is a struct thread, because what it runs are coroutines of system calls: they find their
 * process, its limits and slots by it. It is in no list of the process's, so no signal finds it and
 * nobody waits for it; but a process's exit and exec cancel all of its requests and await their
 * end, because they run in its address space (request_end_all).
 *
 * Ownership  the record is its maker's, who has one reference (request_put), embedded in what he
 *            wants of it. From request_begin or request_queue to `ended` it is under way and not
 *            to be touched but through request_cancel. After `ended` it may be used again.
 *            Its thread holds the process and the thread id as long as it lives; credentials,
 *            directory and descriptors from request_begin or request_take until it is over.
 * Locking    a process's list of requests: RANK_REQUEST. Who cancels holds a lock of his own under
 *            which `done` makes the request known as over.
 */
#ifndef PROC_REQUEST_H
#define PROC_REQUEST_H

#include "core/proc/thread.h"

struct request;

struct request_ops {
	/* Begin its coroutine, on its own frame stack, which is empty: co_begin's status. */
	co_t (*begin)(struct co *co, struct request *r);
	/* It waits, or waits for its turn: on the stack of who began it, before anybody else can
	 * step it. From now on it may be cancelled. May be NULL. */
	void (*waits)(struct request *r);
	/* It is over, with this result: -ECANCELED if it was cancelled and gave up for that. In its
	 * own context, its process's space loaded; must not wait. */
	void (*done)(struct request *r, long result);
	/* It left the processor: the record may be used again, or put. Not called for one that was
	 * over at once. */
	void (*ended)(struct request *r);
	/* The last reference is gone: free it. */
	void (*release)(struct request *r);
};

struct request {
	struct thread thread;		/* first */
	const struct request_ops *ops;	/* [I] */
	struct list in_process;		/* under the list's lock: not empty while it is parked */
	bool begun;			/* its coroutine was begun */
	bool parked;			/* it waited, or was queued */
	bool cancelled;			/* [a] */
};

static inline struct request *request_of(struct task *t)
{
	return (struct request *)t;
}

#define REQUEST_RINGS 16u

/* A process's requests, made for the first of them and gone with its record. */
struct request_set {
	spinlock lock;			/* RANK_REQUEST */
	struct list parked;		/* struct request.in_process */
	u32 members;			/* under lock; [a] for a look */
	bool ending;			/* under lock: none waits any more */
	struct waitq empty;
	/* Files by numbers of the process's own (IORING_REGISTER_RING_FDS), under lock. */
	struct file *rings[REQUEST_RINGS];
};

/* Set up r, whose memory is zero, for the current task's process: as if it were the current thread.
 * 0, or -ENOMEM with nothing to put; also when all records together are an eighth of memory. */
int request_init(struct request *r, const char *name, const struct request_ops *ops);
void request_put(struct request *r);

/* It takes the current task's credentials, directory and descriptors. `cred`: others (a reference
 * is taken); NULL: the task's. Before it is queued later by somebody else. */
void request_take(struct request *r, const struct cred *cred);
/* Give those back without having begun. */
void request_drop(struct request *r);

/* Begin it at once: true if it is over (done was called), false if it waits. After request_take, by
 * a task of the same process, and only while request_may_begin. */
bool request_begin(struct request *r);
/* Is there a page for a nested frame stack? If not the caller yields, or queues it. Asked again
 * after each request_begin, before the caller goes on. */
bool request_may_begin(void);
/* Let the executor begin it. After request_take. false: its process ends, it was not begun. */
bool request_queue(struct request *r);
/* Interrupt it: its wait ends. The caller's lock keeps it from being over. `fatal`: killable waits
 * end, too. */
void request_cancel(struct request *r, bool fatal);
static inline bool request_is_cancelled(const struct request *r)
{
	return atomic_load_relaxed(&r->cancelled);
}

/* Cancel all requests of the current process and wait for their end: exec and exit, when no other
 * thread of it is left to begin one. `reopen`: there may be new ones. */
struct request_end_all {
	struct co_frame co;
	bool reopen;
	struct request_set *of;
	unsigned more;
};
co_t request_end_all(struct co *co, struct request_end_all *f);

/* The current process's: a reference to the file, or NULL. */
struct file *request_ring(u32 index);
/* Put one (a reference, taken over on success) at index, or at the first free one if it is
 * UINT32_MAX: the number, -EBUSY, -EINVAL, -ENOMEM. NULL: take out what is there; 0. */
long request_set_ring(u32 index, struct file *file);

void request_set_free(struct request_set *set);

#endif
