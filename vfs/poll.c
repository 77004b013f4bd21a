/* vfs/poll.c -- waiting for any of many files.
 *
 * The first look enlists in every queue the files name; then the task sleeps until one of
 * them is woken, and looks again without enlisting. The places in the queues lie in chunks on
 * the heap, because notify may run until each has been left.
 */
#include "vfs/poll.h"

#include "coro/task.h"
#include "mem/phys/slab.h"
#include "vfs/file.h"

#define POLL_ALWAYS (POLLERR | POLLHUP | POLLNVAL)
#define POLL_CHUNK  24u

struct poll_place {
	struct waiter waiter;
	struct poll_table *table;
};

struct poll_chunk {
	struct poll_chunk *next;
	unsigned used;
	struct poll_place places[POLL_CHUNK];
};

struct poll_table {
	struct poller poller;
	struct co *co;
	u32 told;		/* [a] a queue was woken since the last look */
	bool out_of_memory;
	struct poll_chunk *chunks;
};

static bool poll_notify(struct waiter *w, u32 events)
{
	atomic_store(&container_of(w, struct poll_place, waiter)->table->told, 1u);
	task_wake(co_task(w->co));
	return true;
}

static void poll_add(struct poller *p, struct waitq *q)
{
	struct poll_table *t = container_of(p, struct poll_table, poller);
	struct poll_chunk *c = t->chunks;
	struct poll_place *place;

	if (!c || c->used == POLL_CHUNK) {
		c = kmalloc(sizeof(*c));
		if (!c) {
			t->out_of_memory = true;
			return;
		}
		c->used = 0;
		c->next = t->chunks;
		t->chunks = c;
	}
	place = &c->places[c->used++];
	*place = (struct poll_place){.waiter = {.co = t->co, .notify = poll_notify}, .table = t};
	waitq_enlist(q, &place->waiter);
}

static void poll_table_free(struct poll_table *t)
{
	while (t->chunks) {
		struct poll_chunk *c = t->chunks;

		t->chunks = c->next;
		for (unsigned i = 0; i < c->used; i++)
			waitq_leave(&c->places[i].waiter);
		kfree(c);
	}
	kfree(t);
}

static unsigned poll_look(struct poll_item *items, unsigned count, struct poller *p)
{
	unsigned ready = 0;

	for (unsigned i = 0; i < count; i++) {
		struct poll_item *it = &items[i];

		if (!it->file)
			continue;
		it->revents = file_poll(it->file, ready ? NULL : p) & (it->events | POLL_ALWAYS);
		ready += it->revents != 0;
	}
	return ready;
}

unsigned poll_try(struct poll_item *items, unsigned count)
{
	return poll_look(items, count, NULL);
}

/* Was a queue woken and is something ready now? For the wait's condition. */
static bool poll_again(struct poll_wait *f)
{
	if (!atomic_swap(&f->table->told, 0u))
		return false;
	f->ready = poll_look(f->items, f->count, NULL);
	return f->ready;
}

co_t poll_wait(struct co *co, struct poll_wait *f)
{
	CO_BEGIN;
	f->table = kzalloc(sizeof(*f->table));
	if (!f->table)
		CO_RETURN(-ENOMEM);
	f->table->poller.add = poll_add;
	f->table->co = co;
	f->ready = poll_look(f->items, f->count, f->deadline_ns ? &f->table->poller : NULL);
	if (!f->ready && f->table->out_of_memory)
		f->err = -ENOMEM;
	else if (!f->ready && f->deadline_ns)
		CO_WAIT_UNTIL(f->err, NULL, poll_again(f), f->deadline_ns);
	poll_table_free(f->table);
	if (f->ready || f->err == -ETIMEDOUT)
		CO_RETURN(f->ready);
	CO_RETURN(f->err == -ERESTARTSYS ? -ERESTARTNOHAND : f->err);
	CO_END;
}
