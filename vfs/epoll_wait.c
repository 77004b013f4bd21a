/* vfs/epoll_wait.c -- from a wake to the ready list, and from there to who waits.
 *
 *	queue of a file --wake--> item's place --epoll_wait_notify--> ready list --> waiters
 *	                                                                    \-> sets it is in
 *
 * A wait takes items off the front of the ready list, each with `ready` cleared before its file
 * is asked: a wake meanwhile puts it back. A level-triggered one that holds goes to the back.
 * A round ends at the first item that was taken since it began.
 */
#include "hal/uaccess.h"
#include "mem/space/uaccess.h"
#include "vfs/epoll_set.h"

/* What is not about readiness, and stays when a one-shot item is spent. */
#define EPOLL_MODES (EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE)

/* --- the ready list --- */

static void epoll_tell(struct epoll *e)
{
	waitq_wake_one(&e->waiters, POLLIN);
	waitq_wake_events(&e->watchers, POLLIN | POLLRDNORM);
}

/* Put it on the list; false: it is there. */
static bool epoll_make_ready(struct epoll *e, struct epoll_item *it) REQUIRES(e->ready_lock)
{
	if (it->ready)
		return false;
	it->ready = true;
	list_add_back(&e->ready, &it->ready_link);
	return true;
}

/* For EPOLLEXCLUSIVE: is there somebody whom this wake wakes? */
static bool epoll_takes(struct epoll_item *it, u32 events)
{
	u32 way = events & (POLLIN | POLLOUT);

	return waitq_has_waiters(&it->set->waiters) &&
	       (way == 0 || way == (POLLIN | POLLOUT) || (it->what.events & way));
}

bool epoll_wait_notify(struct waiter *w, u32 events)
{
	struct epoll_item *it = container_of(w, struct epoll_place, waiter)->item;
	struct epoll *e = it->set;
	bool fresh = false, taken;

	spin_lock(&e->ready_lock);
	if ((it->what.events & ~EPOLL_MODES) && (!events || (events & it->what.events)))
		fresh = epoll_make_ready(e, it);
	taken = fresh && w->one && epoll_takes(it, events);
	spin_unlock(&e->ready_lock);
	w->woken = false;
	/* If it was on the list, who takes it from there has been told. */
	if (fresh)
		epoll_tell(e);
	return taken;
}

static bool epoll_has_ready(struct epoll *e)
{
	bool any;

	spin_lock(&e->ready_lock);
	any = !list_empty(&e->ready);
	spin_unlock(&e->ready_lock);
	return any;
}

/* More is left than one wait could take. */
static void epoll_pass_on(struct epoll *e)
{
	if (epoll_has_ready(e))
		waitq_wake_one(&e->waiters, POLLIN);
}

/* --- looking --- */

static u32 epoll_look(struct epoll *e, struct epoll_item *it, struct poller *p) REQUIRES(e->look)
{
	/* On its way out: epoll_file_gone waits for `look`. */
	if (!atomic_load(&it->file->refs.n))
		return 0;
	return file_poll(it->file, p) & it->what.events & ~EPOLL_MODES;
}

/* The next one of this round, off the list; NULL: none. */
static struct epoll_item *epoll_pop(struct epoll *e, u64 round) REQUIRES(e->look)
{
	struct epoll_item *it = NULL;

	spin_lock(&e->ready_lock);
	if (!list_empty(&e->ready)) {
		it = list_first(&e->ready, struct epoll_item, ready_link);
		if (it->round >= round) {
			it = NULL;
		} else {
			list_remove(&it->ready_link);
			it->ready = false;
			it->round = round;
		}
	}
	spin_unlock(&e->ready_lock);
	return it;
}

/* Back to the front, for the next look. */
static void epoll_push(struct epoll_item *it)
{
	struct epoll *e = it->set;

	spin_lock(&e->ready_lock);
	if (it->ready)
		list_remove(&it->ready_link);
	it->ready = true;
	it->round = 0;
	list_add_front(&e->ready, &it->ready_link);
	spin_unlock(&e->ready_lock);
}

/* It was reported: is it still ready, or spent? */
static void epoll_reported(struct epoll_item *it)
{
	struct epoll *e = it->set;

	spin_lock(&e->ready_lock);
	if (it->what.events & EPOLLONESHOT)
		it->what.events &= EPOLL_MODES;
	else if (!(it->what.events & EPOLLET))
		epoll_make_ready(e, it);
	spin_unlock(&e->ready_lock);
}

static u64 epoll_begin_round(struct epoll *e)
{
	return atomic_add(&e->round, 1ul) + 1;
}

enum { STEP_END, STEP_NOTHING, STEP_EVENT, STEP_FAULT };

/* Look at the next item on the list, and if it holds write it to `to`. */
static int epoll_step(struct epoll *e, u64 round, uptr to)
{
	struct epoll_record record = {0};
	struct epoll_item *it;
	int step = STEP_END;

	spin_lock(&e->look);
	it = epoll_pop(e, round);
	if (it) {
		record.events = epoll_look(e, it, NULL);
		record.data = it->what.data;
		step = record.events ? STEP_EVENT : STEP_NOTHING;
	}
	if (step == STEP_EVENT &&
	    hal_copy_to_user(to, &record, sizeof(record)) < sizeof(record)) {
		epoll_push(it);
		step = STEP_FAULT;
	}
	if (step == STEP_EVENT)
		epoll_reported(it);
	spin_unlock(&e->look);
	return step;
}

#define EPOLL_TRY_STEPS 256

long epoll_wait_try(struct file *set, uptr to, u32 max)
{
	struct epoll *e = epoll_of(set);
	u64 round;
	u32 n = 0;
	int step = STEP_END;

	if (!epoll_has_ready(e))
		return 0;
	round = epoll_begin_round(e);
	for (unsigned steps = 0; n < max && steps < EPOLL_TRY_STEPS; steps++) {
		step = epoll_step(e, round, uptr_add(to, n * sizeof(struct epoll_record)));
		if (step == STEP_END || step == STEP_FAULT)
			break;
		n += step == STEP_EVENT;
	}
	if (!n && step != STEP_END)
		return FILE_WAITS;
	if (n)
		epoll_pass_on(e);
	return n;
}

/* Where the next event goes. */
static uptr epoll_wait_place(const struct epoll_wait *f)
{
	return uptr_add(f->to, f->n * sizeof(struct epoll_record));
}

co_t epoll_wait(struct co *co, struct epoll_wait *f)
{
	CO_BEGIN;
	for (;;) {
		if (!f->n)
			f->round = epoll_begin_round(epoll_of(f->set));
		while (f->n < f->max) {
			f->step = epoll_step(epoll_of(f->set), f->round, epoll_wait_place(f));
			if (f->step == STEP_END || f->step == STEP_FAULT)
				break;
			f->n += f->step == STEP_EVENT;
			CO_BREATHE;
		}
		if (f->step == STEP_FAULT && f->n < f->max) {
			CO_AWAIT(f->err, user_fault_in, .addr = epoll_wait_place(f),
				 .n = sizeof(struct epoll_record), .write = true);
			if (!f->err)
				continue;
			if (!f->n)
				CO_RETURN(f->err);
		}
		if (f->n)
			break;
		if (!f->deadline_ns)
			CO_RETURN(0);
		CO_WAIT_ONE_UNTIL(f->err, &epoll_of(f->set)->waiters,
				  epoll_has_ready(epoll_of(f->set)), f->deadline_ns);
		if (f->err)
			CO_RETURN(f->err == -ETIMEDOUT ? 0 : -EINTR);
	}
	epoll_pass_on(epoll_of(f->set));
	CO_RETURN(f->n);
	CO_END;
}

/* What holds already is ready at once. */
void epoll_wait_first(struct epoll *e, struct epoll_item *it, struct poller *p)
{
	bool fresh;

	if (!epoll_look(e, it, p))
		return;
	spin_lock(&e->ready_lock);
	fresh = epoll_make_ready(e, it);
	spin_unlock(&e->ready_lock);
	if (fresh)
		epoll_tell(e);
}

/* --- the set as a file that is polled itself --- */

#define EPOLL_POLL_MOST 1024	/* looks; beyond that what is on the list counts as ready */

u32 epoll_wait_poll(struct file *set, struct poller *p)
{
	struct epoll *e = epoll_of(set);
	struct epoll_item *it;
	u64 round;
	u32 events = 0;

	poller_add(p, &e->watchers);
	round = epoll_begin_round(e);
	spin_lock(&e->look);
	for (unsigned n = 0; !events && (it = epoll_pop(e, round)); n++) {
		if (n == EPOLL_POLL_MOST || epoll_look(e, it, NULL)) {
			epoll_push(it);
			events = POLLIN | POLLRDNORM;
		}
	}
	spin_unlock(&e->look);
	return events;
}
