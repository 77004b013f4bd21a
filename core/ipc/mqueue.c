/* core/ipc/mqueue.c -- what is in a queue and who waits for it. */
#include "core/ipc/mqueue.h"

#include <linux/fcntl.h>

#include "core/base/bits.h"
#include "core/base/string.h"
#include "core/cred/cred.h"
#include "core/net/netlink.h"
#include "core/proc/thread.h"
#include "mem/phys/slab.h"

#define MESSAGE(n) container_of(n, struct mqueue_message, node)

struct mqueue *mqueue_of_file(const struct file *file)
{
	return file->ops == &mqueue_file_ops ? (struct mqueue *)file->inode : NULL;
}

void mqueue_setup(struct mqueue *q)
{
	spin_init(&q->lock, RANK_IPC_OBJECT);
	list_init(&q->senders);
	list_init(&q->receivers);
	waitq_init(&q->changed);
}

struct mqueue_message *mqueue_message_new(u64 size)
{
	struct mqueue_message *m = kmalloc(sizeof(*m) + size);

	if (m)
		m->size = size;
	return m;
}

static bool mqueue_before(const struct rb_node *a, const struct rb_node *b)
{
	return MESSAGE(a)->priority > MESSAGE(b)->priority;
}

static void mqueue_insert(struct mqueue *q, struct mqueue_message *m) REQUIRES(q->lock)
{
	rb_insert(&q->messages, &m->node, mqueue_before);
	q->count++;
	q->bytes += m->size;
}

/* The next one, which there is. */
static struct mqueue_message *mqueue_take(struct mqueue *q)
{
	struct mqueue_message *m = MESSAGE(rb_first(&q->messages));

	rb_remove(&q->messages, &m->node);
	q->count--;
	q->bytes -= m->size;
	return m;
}

void mqueue_clear(struct mqueue *q)
{
	while (q->count)
		kfree(mqueue_take(q));
	/* One whose descriptors others go on with. */
	process_put(q->owner);
	socket_put(q->notice.socket);
}

/* --- being told --- */

/* Taken from a queue under its lock, carried out without. */
struct mqueue_telling {
	struct process *owner;		/* a reference; NULL: nobody is to be told */
	struct mqueue_notice notice;
};

static void mqueue_take_owner(struct mqueue *q, struct mqueue_telling *t) REQUIRES(q->lock)
{
	t->owner = q->owner;
	t->notice = q->notice;
	q->owner = NULL;
	q->notice.socket = NULL;
}

/* It is told once: a message came, or (removed) it will not be told. */
static void mqueue_tell(struct mqueue_telling *t, bool removed)
{
	struct mqueue_notice *n = &t->notice;
	struct signal_info info = {.si_signo = n->signal, .si_code = SI_MESGQ};

	if (!t->owner)
		return;
	if (n->how == SIGEV_SIGNAL && n->signal && !removed) {
		info.si_pid = pid_nr(process_current()->pid, t->owner->pid->ns);
		info.si_uid = task_current()->cred->uid;
		info.si_ptr = (void *)n->value;
		signal_process(t->owner, n->signal, &info);
	}
	if (n->socket) {
		n->cookie[NOTIFY_COOKIE_LEN - 1] = removed ? NOTIFY_REMOVED : NOTIFY_WOKENUP;
		netlink_tell(n->socket, n->cookie, NOTIFY_COOKIE_LEN);
		socket_put(n->socket);
	}
	process_put(t->owner);
}

int mqueue_notify(struct mqueue *q, const struct mqueue_notice *notice)
{
	struct process *me = process_current();
	struct mqueue_telling told = {};
	int err = 0;

	spin_lock(&q->lock);
	if (!notice) {
		if (q->owner == me)
			mqueue_take_owner(q, &told);
	} else if (q->owner) {
		err = -EBUSY;
	} else {
		process_get(me);
		q->owner = me;
		q->notice = *notice;
	}
	spin_unlock(&q->lock);
	mqueue_tell(&told, true);
	return err;
}

/* --- waiting --- */

static void mqueue_wait(struct list *queue, struct mqueue_waiter *w)
{
	waitq_init(&w->wq);
	w->status = 1;
	list_add_back(queue, &w->link);
}

static void mqueue_finish(struct mqueue_waiter *w)
{
	list_remove(&w->link);
	w->status = 0;
	waitq_wake(&w->wq);
}

/* Under the lock, so that who set it is through with the frame. */
static bool mqueue_is_over(struct mqueue *q, const struct mqueue_waiter *w)
{
	bool over;

	spin_lock(&q->lock);
	over = w->status != 1;
	spin_unlock(&q->lock);
	return over;
}

static long mqueue_give_up(struct mqueue *q, struct mqueue_waiter *w, long err)
{
	spin_lock(&q->lock);
	if (w->status == 1)
		list_remove(&w->link);
	else
		err = 0;
	spin_unlock(&q->lock);
	return err;
}

static bool mqueue_may_wait(const struct file *file)
{
	return !(atomic_load_relaxed(&file->flags) & O_NONBLOCK);
}

/* --- sending --- */

/* To who waits, or into the queue: 0; 1: it is full. */
static int mqueue_try_send(struct mqueue_send *f, struct mqueue_telling *told)
{
	struct mqueue *q = f->queue;
	int err = 0;

	spin_lock(&q->lock);
	if (!list_empty(&q->receivers)) {
		struct mqueue_waiter *w = list_first(&q->receivers, struct mqueue_waiter, link);

		w->message = f->message;
		mqueue_finish(w);
	} else if (q->count < q->max_messages) {
		mqueue_insert(q, f->message);
		if (q->count == 1)
			mqueue_take_owner(q, told);
		waitq_wake_events(&q->changed, POLLIN | POLLRDNORM);
	} else if (mqueue_may_wait(f->file)) {
		f->waiter.message = f->message;
		mqueue_wait(&q->senders, &f->waiter);
		err = 1;
	} else {
		err = -EAGAIN;
	}
	spin_unlock(&q->lock);
	return err;
}

static long mqueue_send_now(struct mqueue_send *f)
{
	struct mqueue_telling told = {};
	long err = mqueue_try_send(f, &told);

	mqueue_tell(&told, false);
	return err;
}

co_t mqueue_send(struct co *co, struct mqueue_send *f)
{
	CO_BEGIN;
	f->queue = mqueue_of_file(f->file);
	f->err = mqueue_send_now(f);
	if (f->err == 1) {
		CLOCK_WAIT_ON_UNTIL(f->err, &f->waiter.wq, mqueue_is_over(f->queue, &f->waiter),
				    &f->until);
		if (f->err)
			f->err = mqueue_give_up(f->queue, &f->waiter, f->err);
	}
	CO_RETURN(f->err);
	CO_END;
}

/* --- receiving --- */

/* The next message, and in its place that of who waits to send; 1: there is none. */
static int mqueue_try_receive(struct mqueue_receive *f)
{
	struct mqueue *q = f->queue;
	int err = 0;

	spin_lock(&q->lock);
	if (q->count) {
		*f->message = mqueue_take(q);
		if (!list_empty(&q->senders)) {
			struct mqueue_waiter *w =
				list_first(&q->senders, struct mqueue_waiter, link);

			mqueue_insert(q, w->message);
			mqueue_finish(w);
		} else {
			waitq_wake_events(&q->changed, POLLOUT | POLLWRNORM);
		}
	} else if (mqueue_may_wait(f->file)) {
		mqueue_wait(&q->receivers, &f->waiter);
		err = 1;
	} else {
		err = -EAGAIN;
	}
	spin_unlock(&q->lock);
	return err;
}

co_t mqueue_receive(struct co *co, struct mqueue_receive *f)
{
	CO_BEGIN;
	f->queue = mqueue_of_file(f->file);
	f->err = mqueue_try_receive(f);
	if (f->err == 1) {
		CLOCK_WAIT_ON_UNTIL(f->err, &f->waiter.wq, mqueue_is_over(f->queue, &f->waiter),
				    &f->until);
		if (f->err)
			f->err = mqueue_give_up(f->queue, &f->waiter, f->err);
		if (!f->err)
			*f->message = f->waiter.message;
	}
	CO_RETURN(f->err);
	CO_END;
}

void mqueue_look(struct mqueue *q, struct mq_attr *to)
{
	*to = (struct mq_attr){.mq_maxmsg = (long)q->max_messages,
			       .mq_msgsize = (long)q->max_size};
	spin_lock(&q->lock);
	to->mq_curmsgs = (long)q->count;
	spin_unlock(&q->lock);
}

/* --- as a file --- */

#define MQUEUE_TEXT 80	/* Linux's, for size and content */

static size_t mqueue_text(struct mqueue *q, char to[MQUEUE_TEXT])
{
	size_t n;

	spin_lock(&q->lock);
	n = format(to, MQUEUE_TEXT, "QSIZE:%-10lu NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n",
		   q->bytes, q->owner ? q->notice.how : 0,
		   q->owner && q->notice.how == SIGEV_SIGNAL ? q->notice.signal : 0,
		   q->owner ? process_pid(q->owner) : 0);
	spin_unlock(&q->lock);
	return min(n, (size_t)MQUEUE_TEXT - 1);
}

struct mqueue_read {
	struct file_transfer;
	char text[MQUEUE_TEXT];
	u64 size, done;
	long err;
};
static co_t mqueue_read(struct co *co, struct mqueue_read *f)
{
	CO_BEGIN;
	f->size = mqueue_text(mqueue_of_file(f->file), f->text);
	while (!f->err && f->uio->left && (u64)f->pos + f->done < f->size) {
		u64 n = uio_copy_to(f->uio, f->text + f->pos + f->done,
				    min(f->uio->left, f->size - (u64)f->pos - f->done));

		f->done += n;
		if (!n)
			CO_AWAIT(f->err, uio_fault_in, .uio = f->uio, .n = 1, .write = true);
	}
	CO_RETURN(f->done ? (i64)f->done : f->err);
	CO_END;
}

static u32 mqueue_poll(struct file *file, struct poller *p)
{
	struct mqueue *q = mqueue_of_file(file);
	u32 events = 0;

	poller_add(p, &q->changed);
	spin_lock(&q->lock);
	if (q->count)
		events |= POLLIN | POLLRDNORM;
	if (q->count < q->max_messages)
		events |= POLLOUT | POLLWRNORM;
	spin_unlock(&q->lock);
	return events;
}

/* A process that closes a queue is not told of it any more. */
static void mqueue_flush(struct file *file)
{
	(void)mqueue_notify(mqueue_of_file(file), NULL);
}

const struct file_ops mqueue_file_ops = {
	.read = CO_IMPLEMENTS(file_transfer, mqueue_read),
	.poll = mqueue_poll,
	.flush = mqueue_flush,
};
