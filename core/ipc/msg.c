/* core/ipc/msg.c */
#include "core/ipc/msg.h"

#include "core/base/bits.h"
#include "core/base/string.h"
#include "mem/phys/slab.h"

#define MSG_READ  0444u
#define MSG_WRITE 0222u

static u64 msg_bytes, msg_count; /* [a] in all queues, for MSG_INFO */

static struct msg_queue *msg_of(struct ipc_object *o)
{
	return (struct msg_queue *)o;
}

struct msg_message *msg_new(u64 size)
{
	u64 bytes = sizeof(struct msg_message) + size;
	struct msg_message *m = ipc_charge(bytes) ? kmalloc(bytes) : NULL;

	if (!m) {
		ipc_uncharge(bytes);
		return NULL;
	}
	list_init(&m->link);
	m->size = size;
	return m;
}

void msg_free(struct msg_message *m)
{
	if (!m)
		return;
	ipc_uncharge(sizeof(*m) + m->size);
	kfree(m);
}

static int msg_make(u64 size, u32 flags, struct ipc_object **made)
{
	struct msg_queue *q = ipc_charge(sizeof(*q)) ? kzalloc(sizeof(*q)) : NULL;

	if (!q) {
		ipc_uncharge(sizeof(*q));
		return -ENOMEM;
	}
	q->max_bytes = atomic_load_relaxed(&ipc_limits.msgmnb);
	q->ctime = ipc_now();
	list_init(&q->messages);
	list_init(&q->senders);
	list_init(&q->receivers);
	*made = &q->o;
	return 0;
}

static bool msg_fits(const struct ipc_object *o, u64 size)
{
	return true;
}

static void msg_take(struct msg_queue *q, struct msg_message *m)
{
	list_remove(&m->link);
	q->bytes -= m->size;
	q->count--;
	atomic_sub(&msg_bytes, m->size);
	atomic_sub(&msg_count, 1ul);
}

static void msg_release(struct ipc_object *o)
{
	struct msg_queue *q = msg_of(o);

	while (!list_empty(&q->messages)) {
		struct msg_message *m = list_first(&q->messages, struct msg_message, link);

		msg_take(q, m);
		msg_free(m);
	}
	ipc_uncharge(sizeof(*q));
	kfree(q);
}

static const struct ipc_kind msg_kind = {
	.make = msg_make, .fits = msg_fits, .release = msg_release,
};
static struct ipc_table msg_table = IPC_TABLE_INIT(&msg_kind, &ipc_limits.msgmni);

int msg_get(int key, u32 flags, const struct cred *cred)
{
	return ipc_get(&msg_table, key, 0, flags, cred);
}

/* --- waiting --- */

static void msg_wait(struct list *queue, struct msg_waiter *w)
{
	waitq_init(&w->wq);
	w->status = 1;
	list_add_back(queue, &w->link);
}

static void msg_finish(struct msg_waiter *w, int status)
{
	list_remove(&w->link);
	w->status = status;
	waitq_wake(&w->wq);
}

/* Under the lock, so that who set it is through with the frame. */
static bool msg_is_over(struct msg_queue *q, const struct msg_waiter *w)
{
	bool over;

	spin_lock(&q->o.lock);
	over = w->status != 1;
	spin_unlock(&q->o.lock);
	return over;
}

static long msg_give_up(struct msg_queue *q, struct msg_waiter *w)
{
	spin_lock(&q->o.lock);
	if (w->status == 1) {
		list_remove(&w->link);
		w->status = -ERESTARTNOHAND;
	}
	spin_unlock(&q->o.lock);
	return w->status;
}

/* --- sending --- */

static bool msg_wanted(const struct msg_waiter *w, const struct msg_message *m)
{
	switch (w->want) {
	case MSG_ANY:
		return true;
	case MSG_EQUAL:
		return m->type == w->type;
	case MSG_OTHER:
		return m->type != w->type;
	case MSG_LOWEST:
		return m->type <= w->type;
	case MSG_NTH:
		break;	/* never waits */
	}
	return false;
}

/* To somebody who waits for it; false: nobody does. */
static bool msg_hand_over(struct msg_queue *q, struct msg_message *m) REQUIRES(q->o.lock)
{
	struct msg_waiter *w, *next;

	list_each_safe(w, next, &q->receivers, link) {
		if (!msg_wanted(w, m))
			continue;
		if (m->size > w->size && !w->cut) {
			msg_finish(w, -E2BIG);
			continue;
		}
		w->message = m;
		q->lrpid = w->pid;
		q->rtime = ipc_now();
		msg_finish(w, 0);
		return true;
	}
	return false;
}

static void msg_put(struct msg_queue *q, struct msg_message *m, int pid) REQUIRES(q->o.lock)
{
	q->lspid = pid;
	q->stime = ipc_now();
	if (msg_hand_over(q, m))
		return;
	list_add_back(&q->messages, &m->link);
	q->bytes += m->size;
	q->count++;
	atomic_add(&msg_bytes, m->size);
	atomic_add(&msg_count, 1ul);
}

static bool msg_has_room(const struct msg_queue *q, u64 size)
{
	return q->bytes + size <= q->max_bytes && q->count + 1 <= q->max_bytes;
}

/* Room was made: take over from those who wait to send. */
static void msg_admit(struct msg_queue *q) REQUIRES(q->o.lock)
{
	while (!list_empty(&q->senders)) {
		struct msg_waiter *w = list_first(&q->senders, struct msg_waiter, link);

		if (!msg_has_room(q, w->message->size))
			return;
		msg_put(q, w->message, w->pid);
		msg_finish(w, 0);
	}
}

/* Send it, or begin to wait: 0, 1, or an error. */
static int msg_start_send(struct msg_send *f, const struct cred *cred)
{
	struct msg_queue *q = f->queue;
	int err;

	f->waiter.message = f->message;
	f->waiter.pid = f->pid;
	spin_lock(&q->o.lock);
	err = ipc_permission(&q->o, cred, MSG_WRITE);
	if (!err && q->o.removed)
		err = -EIDRM;
	if (!err && msg_has_room(q, f->message->size)) {
		msg_put(q, f->message, f->pid);
	} else if (!err && (f->flags & IPC_NOWAIT)) {
		err = -EAGAIN;
	} else if (!err) {
		msg_wait(&q->senders, &f->waiter);
		err = 1;
	}
	spin_unlock(&q->o.lock);
	return err;
}

co_t msg_send(struct co *co, struct msg_send *f)
{
	CO_BEGIN;
	f->queue = msg_of(ipc_find(&msg_table, f->id));
	if (!f->queue)
		CO_RETURN(-EINVAL);
	f->err = msg_start_send(f, cred_current(co));
	if (f->err == 1) {
		CO_WAIT(f->err, &f->waiter.wq, msg_is_over(f->queue, &f->waiter));
		f->err = f->err ? msg_give_up(f->queue, &f->waiter) : f->waiter.status;
	}
	ipc_put(&f->queue->o);
	CO_RETURN(f->err);
	CO_END;
}

/* --- receiving --- */

static struct msg_message *msg_search(struct msg_queue *q, const struct msg_waiter *w)
	REQUIRES(q->o.lock)
{
	struct msg_message *m, *best = NULL;
	i64 n = 0;

	list_each(m, &q->messages, link) {
		if (w->want == MSG_NTH ? n++ != w->type : !msg_wanted(w, m))
			continue;
		if (w->want != MSG_LOWEST)
			return m;
		if (!best || m->type < best->type)
			best = m;
	}
	return best;
}

static struct msg_message *msg_copy(const struct msg_message *m)
{
	struct msg_message *copy = msg_new(m->size);

	if (copy) {
		copy->type = m->type;
		memcpy(copy->text, m->text, m->size);
	}
	return copy;
}

static void msg_set_want(struct msg_receive *f)
{
	struct msg_waiter *w = &f->waiter;

	w->type = f->type;
	w->size = f->size;
	w->cut = f->flags & MSG_NOERROR;
	w->pid = f->pid;
	if (f->flags & MSG_COPY) {
		w->want = MSG_NTH;
	} else if (!f->type) {
		w->want = MSG_ANY;
	} else if (f->type < 0) {
		w->want = MSG_LOWEST;
		w->type = f->type == INT64_MIN ? INT64_MAX : -f->type;
	} else {
		w->want = f->flags & MSG_EXCEPT ? MSG_OTHER : MSG_EQUAL;
	}
}

/* One was found. */
static int msg_receive_found(struct msg_receive *f, struct msg_queue *q, struct msg_message *m)
	REQUIRES(q->o.lock)
{
	if (m->size > f->size && !f->waiter.cut)
		return -E2BIG;
	if (f->flags & MSG_COPY) {
		if (m->size > f->size)
			return -EINVAL;
		f->waiter.message = msg_copy(m);
		return f->waiter.message ? 0 : -ENOMEM;
	}
	msg_take(q, m);
	q->lrpid = f->pid;
	q->rtime = ipc_now();
	f->waiter.message = m;
	return 0;
}

/* Receive, or begin to wait: 0, 1, or an error. */
static int msg_start_receive(struct msg_receive *f, const struct cred *cred)
{
	struct msg_queue *q = f->queue;
	struct msg_message *m;
	int err;

	msg_set_want(f);
	spin_lock(&q->o.lock);
	err = ipc_permission(&q->o, cred, MSG_READ);
	if (!err && q->o.removed)
		err = -EIDRM;
	m = err ? NULL : msg_search(q, &f->waiter);
	if (m) {
		err = msg_receive_found(f, q, m);
		msg_admit(q);
	} else if (!err && (f->flags & IPC_NOWAIT)) {
		err = -ENOMSG;
	} else if (!err) {
		msg_wait(&q->receivers, &f->waiter);
		err = 1;
	}
	spin_unlock(&q->o.lock);
	return err;
}

co_t msg_receive(struct co *co, struct msg_receive *f)
{
	CO_BEGIN;
	f->queue = msg_of(ipc_find(&msg_table, f->id));
	if (!f->queue)
		CO_RETURN(-EINVAL);
	do {
		f->err = msg_start_receive(f, cred_current(co));
		if (f->err == 1) {
			CO_WAIT(f->err, &f->waiter.wq, msg_is_over(f->queue, &f->waiter));
			f->err = f->err ? msg_give_up(f->queue, &f->waiter) : f->waiter.status;
		}
	} while (f->err == -EAGAIN);	/* the queue's rights were changed */
	*f->message = f->err ? NULL : f->waiter.message;
	ipc_put(&f->queue->o);
	CO_RETURN(f->err);
	CO_END;
}

/* --- msgctl --- */

static void msg_describe(struct msg_queue *q, struct msqid64_ds *to) REQUIRES(q->o.lock)
{
	*to = (struct msqid64_ds){.msg_stime = q->stime, .msg_rtime = q->rtime,
				  .msg_ctime = q->ctime, .msg_cbytes = q->bytes,
				  .msg_qnum = q->count, .msg_qbytes = q->max_bytes,
				  .msg_lspid = q->lspid, .msg_lrpid = q->lrpid};
	ipc_show(&q->o, &to->msg_perm);
}

int msg_stat(int id, int cmd, const struct cred *cred, struct msqid64_ds *to)
{
	struct msg_queue *q = msg_of(ipc_look_up(&msg_table, id, cmd != IPC_STAT));
	int err = 0;

	if (!q)
		return -EINVAL;
	spin_lock(&q->o.lock);
	if (cmd != MSG_STAT_ANY)
		err = ipc_permission(&q->o, cred, MSG_READ);
	if (!err)
		msg_describe(q, to);
	spin_unlock(&q->o.lock);
	if (!err && cmd != IPC_STAT)
		err = q->o.id;
	ipc_put(&q->o);
	return err;
}

bool msg_next(u32 *place, struct msqid64_ds *to, int *id)
{
	struct msg_queue *q = msg_of(ipc_next(&msg_table, place));

	if (!q)
		return false;
	spin_lock(&q->o.lock);
	msg_describe(q, to);
	spin_unlock(&q->o.lock);
	*id = q->o.id;
	ipc_put(&q->o);
	return true;
}

static int msg_change_locked(struct msg_queue *q, const struct msqid64_ds *from,
			     const struct cred *cred) REQUIRES(q->o.lock)
{
	int err = ipc_owns(&q->o, cred);

	if (!err && from->msg_qbytes > atomic_load_relaxed(&ipc_limits.msgmnb) &&
	    !cred_capable(cred, CAP_SYS_RESOURCE))
		err = -EPERM;
	if (!err)
		err = ipc_change(&q->o, &from->msg_perm);
	if (err)
		return err;
	q->max_bytes = from->msg_qbytes;
	q->ctime = ipc_now();
	/* Who may receive, and what fits, may be different now. */
	while (!list_empty(&q->receivers))
		msg_finish(list_first(&q->receivers, struct msg_waiter, link), -EAGAIN);
	msg_admit(q);
	return 0;
}

int msg_change(int id, const struct msqid64_ds *from, const struct cred *cred)
{
	struct msg_queue *q = msg_of(ipc_find(&msg_table, id));
	int err;

	if (!q)
		return -EINVAL;
	spin_lock(&q->o.lock);
	err = msg_change_locked(q, from, cred);
	spin_unlock(&q->o.lock);
	ipc_put(&q->o);
	return err;
}

int msg_remove(int id, const struct cred *cred)
{
	struct msg_queue *q = msg_of(ipc_find(&msg_table, id));
	int err;

	if (!q)
		return -EINVAL;
	spin_lock(&q->o.lock);
	err = ipc_owns(&q->o, cred);
	spin_unlock(&q->o.lock);
	if (!err && !ipc_unlist(&q->o))
		err = -EIDRM;
	if (!err) {
		spin_lock(&q->o.lock);
		q->o.removed = true;
		while (!list_empty(&q->receivers))
			msg_finish(list_first(&q->receivers, struct msg_waiter, link), -EIDRM);
		while (!list_empty(&q->senders))
			msg_finish(list_first(&q->senders, struct msg_waiter, link), -EIDRM);
		spin_unlock(&q->o.lock);
	}
	ipc_put(&q->o);
	return err;
}

int msg_info(int cmd, struct msginfo *to)
{
	*to = (struct msginfo){.msgmax = (int)atomic_load_relaxed(&ipc_limits.msgmax),
			       .msgmnb = (int)atomic_load_relaxed(&ipc_limits.msgmnb),
			       .msgmni = (int)atomic_load_relaxed(&ipc_limits.msgmni),
			       .msgpool = MSGPOOL, .msgmap = MSGMAP, .msgssz = MSGSSZ,
			       .msgtql = MSGTQL, .msgseg = MSGSEG & 0xffff};
	if (cmd == MSG_INFO) {
		to->msgpool = (int)msg_table.count;
		to->msgmap = (int)atomic_load_relaxed(&msg_count);
		to->msgtql = (int)atomic_load_relaxed(&msg_bytes);
	}
	return ipc_highest(&msg_table);
}
