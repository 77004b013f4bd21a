/* vfs/inotify_queue.c */
#include "vfs/inotify_queue.h"

#include <asm/ioctls.h>
#include <linux/fcntl.h>

#include "core/base/string.h"
#include "mem/phys/slab.h"
#include "mem/space/uaccess.h"

u32 inotify_events_max = 16384;
spinlock inotify_lock = SPINLOCK_INIT(RANK_INOTIFY);

static u32 inotify_queue_size(const struct inotify_record *r)
{
	return (u32)sizeof(r->event) + r->event.len;
}

static struct inotify_record *inotify_queue_record(int wd, u32 mask, u32 cookie, const char *name,
						 u32 len)
{
	/* Terminated and padded so that the next event is aligned. */
	u32 room = len ? (len + (u32)sizeof(struct inotify_event)) &
				 ~((u32)sizeof(struct inotify_event) - 1)
		       : 0;
	struct inotify_record *r = kzalloc(sizeof(*r) + room);

	if (!r)
		return NULL;
	r->event.wd = wd;
	r->event.mask = mask;
	r->event.cookie = cookie;
	r->event.len = room;
	if (len)
		memcpy(r->event.name, name, len);
	return r;
}

/* The same happened again before anybody read of it. */
static bool inotify_queue_repeats(const struct inotify *g, const struct inotify_record *r)
	REQUIRES(inotify_lock)
{
	const struct inotify_record *last;

	if (list_empty(&g->records))
		return false;
	last = list_last(&g->records, struct inotify_record, link);
	return inotify_queue_size(last) == inotify_queue_size(r) &&
	       !memcmp(&last->event, &r->event, inotify_queue_size(r));
}

static void inotify_queue_append(struct inotify *g, struct inotify_record *r) REQUIRES(inotify_lock)
{
	list_add_back(&g->records, &r->link);
	g->count++;
	g->bytes += inotify_queue_size(r);
	waitq_wake_events(&g->wait, POLLIN | POLLRDNORM);
}

void inotify_queue_add(struct inotify *g, int wd, u32 mask, u32 cookie, const char *name,
			  u32 len)
{
	struct inotify_record *r = NULL;

	if (g->count < g->most)
		r = inotify_queue_record(wd, mask, cookie, name, len);
	if (r && inotify_queue_repeats(g, r)) {
		kfree(r);
	} else if (r) {
		inotify_queue_append(g, r);
	} else if (!g->overflowed) {
		g->overflowed = true;
		inotify_queue_append(g, g->overflow);
	}
}

static void inotify_queue_remove(struct inotify *g, struct inotify_record *r) REQUIRES(inotify_lock)
{
	list_remove(&r->link);
	g->count--;
	g->bytes -= inotify_queue_size(r);
	if (r == g->overflow)
		g->overflowed = false;
}

/* Is there a record? It is taken if it has room. */
static bool inotify_queue_take(struct inotify_queue_read *f)
{
	struct inotify *g = f->file->private;
	struct inotify_record *r;
	bool any;

	spin_lock(&inotify_lock);
	any = !list_empty(&g->records);
	if (any) {
		r = list_first(&g->records, struct inotify_record, link);
		f->tight = inotify_queue_size(r) > f->uio->left;
		if (!f->tight) {
			inotify_queue_remove(g, r);
			f->record = r;
		}
	}
	spin_unlock(&inotify_lock);
	return any;
}

static bool inotify_queue_copy(struct inotify_queue_read *f)
{
	u32 size = inotify_queue_size(f->record);

	f->start = *f->uio;
	if (uio_copy_to(f->uio, &f->record->event, size) == size)
		return true;
	*f->uio = f->start;
	return false;
}

static void inotify_queue_free(const struct inotify *g, struct inotify_record *r)
{
	if (r != g->overflow)
		kfree(r);
}

co_t inotify_queue_read(struct co *co, struct inotify_queue_read *f)
{
	struct inotify *g = f->file->private;

	CO_BEGIN;
	for (;;) {
		if (!inotify_queue_take(f)) {
			if (f->done)
				break;
			if (atomic_load_relaxed(&f->file->flags) & O_NONBLOCK)
				CO_RETURN(-EAGAIN);
			CO_WAIT(f->err, &g->wait, inotify_queue_take(f));
		}
		if (!f->err && f->tight)
			f->err = -EINVAL;
		if (f->err)
			break;
		while (!f->err && !inotify_queue_copy(f))
			CO_AWAIT(f->err, uio_fault_in, .uio = f->uio, .write = true,
				 .n = inotify_queue_size(f->record));
		if (!f->err)
			f->done += inotify_queue_size(f->record);
		inotify_queue_free(g, f->record);
		f->record = NULL;
		if (f->err)
			break;
		CO_BREATHE;
	}
	CO_RETURN(f->done ? f->done : f->err);
	CO_END;
}

u32 inotify_queue_poll(struct file *file, struct poller *p)
{
	struct inotify *g = file->private;
	bool any;

	poller_add(p, &g->wait);
	spin_lock(&inotify_lock);
	any = g->count;
	spin_unlock(&inotify_lock);
	return any ? POLLIN | POLLRDNORM : 0;
}

co_t inotify_queue_ioctl(struct co *co, struct inotify_queue_ioctl *f)
{
	struct inotify *g = f->file->private;

	CO_BEGIN;
	if (f->cmd != FIONREAD)
		CO_RETURN(-ENOTTY);
	spin_lock(&inotify_lock);
	f->bytes = (int)g->bytes;
	spin_unlock(&inotify_lock);
	CO_COPY_TO_USER(f->err, uptr_of(f->arg), &f->bytes, sizeof(f->bytes));
	CO_RETURN(f->err);
	CO_END;
}

bool inotify_queue_init(struct inotify *g)
{
	list_init(&g->watches);
	list_init(&g->records);
	waitq_init(&g->wait);
	g->most = atomic_load_relaxed(&inotify_events_max);
	g->overflow = inotify_queue_record(-1, IN_Q_OVERFLOW, 0, NULL, 0);
	return g->overflow;
}

void inotify_queue_drop(struct inotify *g)
{
	struct inotify_record *r, *next;

	list_each_safe(r, next, &g->records, link)
		inotify_queue_free(g, r);
	kfree(g->overflow);
}
