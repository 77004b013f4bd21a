/* core/ipc/sem.c */
#include "core/ipc/sem.h"

#include "core/base/bits.h"
#include "core/base/string.h"
#include "core/ipc/semundo.h"
#include "mem/phys/slab.h"

#define SEM_AT_ONCE 512		/* operations tried in a poll */
#define SEM_READ    0444u
#define SEM_ALTER   0222u

static u32 sem_used; /* [a] semaphores in all arrays */

static struct sem_set *sem_of(struct ipc_object *o)
{
	return (struct sem_set *)o;
}

static u64 sem_bytes(u64 count)
{
	return sizeof(struct sem_set) + count * sizeof(struct sem);
}

static int sem_make(u64 count, u32 flags, struct ipc_object **made)
{
	struct sem_set *s;

	if (!count)
		return -EINVAL;
	if (atomic_add(&sem_used, (u32)count) + count > atomic_load_relaxed(&ipc_limits.semmns)) {
		atomic_sub(&sem_used, (u32)count);
		return -ENOSPC;
	}
	s = ipc_charge(sem_bytes(count)) ? kzalloc(sem_bytes(count)) : NULL;
	if (!s) {
		ipc_uncharge(sem_bytes(count));
		atomic_sub(&sem_used, (u32)count);
		return -ENOMEM;
	}
	s->count = (u32)count;
	s->ctime = ipc_now();
	list_init(&s->waiting);
	list_init(&s->undos);
	s->cursor = &s->waiting;
	*made = &s->o;
	return 0;
}

static bool sem_fits(const struct ipc_object *o, u64 count)
{
	return count <= ((const struct sem_set *)o)->count;
}

static void sem_release(struct ipc_object *o)
{
	u32 count = sem_of(o)->count;

	atomic_sub(&sem_used, count);
	ipc_uncharge(sem_bytes(count));
	kfree(o);
}

static const struct ipc_kind sem_kind = {
	.make = sem_make, .fits = sem_fits, .release = sem_release,
};
static struct ipc_table sem_table = IPC_TABLE_INIT(&sem_kind, &ipc_limits.semmni);

int sem_get(int key, int count, u32 flags, const struct cred *cred)
{
	if (count < 0 || (u32)count > atomic_load_relaxed(&ipc_limits.semmsl))
		return -EINVAL;
	return ipc_get(&sem_table, key, (u64)count, flags, cred);
}

/* --- operations --- */

/* Apply one: 0, 1 if it has to wait, or an error. */
static int sem_apply(struct sem_set *s, const struct sembuf *op, struct sem_undo *undo)
	REQUIRES(s->o.lock)
{
	struct sem *sem = &s->sems[op->sem_num];
	int value = sem->value + op->sem_op, by;

	if (value < 0 || (!op->sem_op && value))
		return op->sem_flg & IPC_NOWAIT ? -EAGAIN : 1;
	if (value > SEM_VALUE_MAX)
		return -ERANGE;
	if (op->sem_flg & SEM_UNDO) {
		by = undo->by[op->sem_num] - op->sem_op;
		if (by < -SEMAEM - 1 || by > SEMAEM)
			return -ERANGE;
		undo->by[op->sem_num] = (i16)by;
	}
	sem->value = (u16)value;
	return 0;
}

static void sem_unapply(struct sem_set *s, const struct sembuf *op, struct sem_undo *undo)
	REQUIRES(s->o.lock)
{
	s->sems[op->sem_num].value = (u16)(s->sems[op->sem_num].value - op->sem_op);
	if (op->sem_flg & SEM_UNDO)
		undo->by[op->sem_num] = (i16)(undo->by[op->sem_num] + op->sem_op);
}

/* All of them or none: 0, 1 if it has to wait (for *blocked), or an error. */
static int sem_try(struct sem_set *s, const struct sem_request *r, unsigned *blocked)
	REQUIRES(s->o.lock)
{
	int err = 0;
	unsigned n;

	if (r->undo && r->undo->epoch != s->epoch) {
		memset(r->undo->by, 0, s->count * sizeof(r->undo->by[0]));
		r->undo->epoch = s->epoch;
	}
	for (n = 0; n < r->count; n++) {
		err = sem_apply(s, &r->ops[n], r->undo);
		if (err)
			break;
	}
	if (err) {
		*blocked = n;
		while (n--)
			sem_unapply(s, &r->ops[n], r->undo);
		return err;
	}
	for (n = 0; n < r->count; n++)
		s->sems[r->ops[n].sem_num].pid = r->pid;
	s->otime = ipc_now();
	return 0;
}

/* Can what was done let somebody go on who could not before? */
static bool sem_enables(struct sem_set *s, const struct sem_request *r) REQUIRES(s->o.lock)
{
	for (unsigned n = 0; n < r->count; n++) {
		const struct sembuf *op = &r->ops[n];

		if (op->sem_op > 0 || (op->sem_op && !s->sems[op->sem_num].value))
			return true;
	}
	return false;
}

void sem_changed(struct sem_set *s)
{
	s->cursor = s->waiting.next;
}

static void sem_unwait(struct sem_set *s, struct sem_waiter *w) REQUIRES(s->o.lock)
{
	if (s->cursor == &w->link)
		s->cursor = w->link.next;
	list_remove(&w->link);
}

static void sem_finish(struct sem_set *s, struct sem_waiter *w, int status) REQUIRES(s->o.lock)
{
	sem_unwait(s, w);
	w->status = status;
	waitq_wake(&w->wq);
}

static bool sem_still_blocked(struct sem_set *s, const struct sem_waiter *w) REQUIRES(s->o.lock)
{
	const struct sembuf *op = &w->request.ops[w->blocked];
	int value = s->sems[op->sem_num].value;

	/* Operations in front of it may be on the same semaphore. */
	return !w->blocked && (op->sem_op ? value + op->sem_op < 0 : value);
}

/* Look at some of those that wait; true: at all. */
static bool sem_update_some(struct sem_set *s)
{
	bool all;

	spin_lock(&s->o.lock);
	for (unsigned done = 0; s->cursor != &s->waiting && done < SEM_AT_ONCE; done++) {
		struct sem_waiter *w = list_entry(s->cursor, struct sem_waiter, link);
		int status = 1;

		s->cursor = w->link.next;
		if (!sem_still_blocked(s, w)) {
			status = sem_try(s, &w->request, &w->blocked);
			done += w->request.count;
		}
		if (status == 1)
			continue;
		sem_finish(s, w, status);
		if (!status && sem_enables(s, &w->request))
			sem_changed(s);
	}
	all = s->cursor == &s->waiting;
	spin_unlock(&s->o.lock);
	return all;
}

co_t sem_update(struct co *co, struct sem_update *f)
{
	CO_BEGIN;
	while (!sem_update_some(f->set))
		CO_BREATHE;
	CO_RETURN(0);
	CO_END;
}

static int sem_check(struct sem_set *s, const struct sem_request *r, const struct cred *cred)
	REQUIRES(s->o.lock)
{
	u32 want = SEM_READ;

	for (unsigned n = 0; n < r->count; n++) {
		if (r->ops[n].sem_num >= s->count)
			return -EFBIG;
		if (r->ops[n].sem_op)
			want = SEM_ALTER;
	}
	return ipc_permission(&s->o, cred, want);
}

/* Do it, or begin to wait: 0, 1, or an error. */
static int sem_start(struct sem_operate *f, const struct cred *cred)
{
	struct sem_set *s = f->set;
	struct sem_waiter *w = &f->waiter;
	int err;

	w->request = (struct sem_request){.ops = f->ops, .count = f->count, .pid = f->pid};
	spin_lock(&s->o.lock);
	if (f->undos)
		w->request.undo = semundo_find(f->undos, s);
	err = s->o.removed ? -EIDRM : sem_check(s, &w->request, cred);
	if (!err)
		err = sem_try(s, &w->request, &w->blocked);
	if (!err && sem_enables(s, &w->request))
		sem_changed(s);
	if (err == 1) {
		waitq_init(&w->wq);
		w->status = 1;
		list_add_back(&s->waiting, &w->link);
	}
	spin_unlock(&s->o.lock);
	return err;
}

/* Under the lock, so that who set it is through with the frame. */
static bool sem_is_over(struct sem_operate *f)
{
	bool over;

	spin_lock(&f->set->o.lock);
	over = f->waiter.status != 1;
	spin_unlock(&f->set->o.lock);
	return over;
}

/* The wait ended without a result: none comes any more, unless one just did. */
static long sem_give_up(struct sem_operate *f, long err)
{
	spin_lock(&f->set->o.lock);
	if (f->waiter.status == 1) {
		sem_unwait(f->set, &f->waiter);
		f->waiter.status = err == -ETIMEDOUT ? -EAGAIN : -EINTR;
	}
	spin_unlock(&f->set->o.lock);
	return f->waiter.status;
}

static bool sem_is_to_be_undone(const struct sem_operate *f)
{
	for (unsigned n = 0; n < f->count; n++)
		if (f->ops[n].sem_flg & SEM_UNDO)
			return true;
	return false;
}

co_t sem_operate(struct co *co, struct sem_operate *f)
{
	CO_BEGIN;
	f->set = sem_of(ipc_find(&sem_table, f->id));
	if (!f->set)
		CO_RETURN(-EINVAL);
	if (sem_is_to_be_undone(f)) {
		f->err = semundo_prepare(f->set, &f->undos);
		if (f->err)
			goto out;
	}
	f->err = sem_start(f, cred_current(co));
	if (f->err == 1) {
		CO_WAIT_UNTIL(f->err, &f->waiter.wq, sem_is_over(f), f->deadline_ns);
		f->err = f->err ? sem_give_up(f, f->err) : f->waiter.status;
	} else if (!f->err) {
		CO_AWAIT(f->ignored, sem_update, .set = f->set);
	}
out:
	ipc_put(&f->set->o);
	CO_RETURN(f->err);
	CO_END;
}

/* --- semctl --- */

int sem_open(int id, const struct cred *cred, u32 want, struct sem_set **set)
{
	struct sem_set *s = sem_of(ipc_find(&sem_table, id));
	int err;

	if (!s)
		return -EINVAL;
	spin_lock(&s->o.lock);
	err = ipc_permission(&s->o, cred, want);
	spin_unlock(&s->o.lock);
	if (err)
		ipc_put(&s->o);
	else
		*set = s;
	return err;
}

/* How many wait for semaphore n: to grow, or to be zero. */
static int sem_waiters(struct sem_set *s, int n, bool zero) REQUIRES(s->o.lock)
{
	struct sem_waiter *w;
	int count = 0;

	list_each(w, &s->waiting, link) {
		const struct sembuf *op = &w->request.ops[w->blocked];

		if (op->sem_num == n && !op->sem_op == zero)
			count++;
	}
	return count;
}

int sem_value(int id, int n, int cmd, const struct cred *cred)
{
	struct sem_set *s;
	int result = sem_open(id, cred, SEM_READ, &s);

	if (result)
		return result;
	spin_lock(&s->o.lock);
	if (n < 0 || (u32)n >= s->count)
		result = -EINVAL;
	else if (s->o.removed)
		result = -EIDRM;
	else if (cmd == GETVAL)
		result = s->sems[n].value;
	else if (cmd == GETPID)
		result = s->sems[n].pid;
	else
		result = sem_waiters(s, n, cmd == GETZCNT);
	spin_unlock(&s->o.lock);
	ipc_put(&s->o);
	return result;
}

static void sem_describe(struct sem_set *s, struct semid64_ds *to) REQUIRES(s->o.lock)
{
	*to = (struct semid64_ds){.sem_otime = s->otime, .sem_ctime = s->ctime,
				  .sem_nsems = s->count};
	ipc_show(&s->o, &to->sem_perm);
}

int sem_stat(int id, int cmd, const struct cred *cred, struct semid64_ds *to)
{
	struct sem_set *s = sem_of(ipc_look_up(&sem_table, id, cmd != IPC_STAT));
	int err = 0;

	if (!s)
		return -EINVAL;
	spin_lock(&s->o.lock);
	if (cmd != SEM_STAT_ANY)
		err = ipc_permission(&s->o, cred, SEM_READ);
	if (!err)
		sem_describe(s, to);
	spin_unlock(&s->o.lock);
	if (!err && cmd != IPC_STAT)
		err = s->o.id;
	ipc_put(&s->o);
	return err;
}

bool sem_next(u32 *place, struct semid64_ds *to, int *id)
{
	struct sem_set *s = sem_of(ipc_next(&sem_table, place));

	if (!s)
		return false;
	spin_lock(&s->o.lock);
	sem_describe(s, to);
	spin_unlock(&s->o.lock);
	*id = s->o.id;
	ipc_put(&s->o);
	return true;
}

int sem_change(int id, const struct semid64_ds *from, const struct cred *cred)
{
	struct ipc_object *o = ipc_find(&sem_table, id);
	int err;

	if (!o)
		return -EINVAL;
	spin_lock(&o->lock);
	err = ipc_owns(o, cred);
	if (!err)
		err = ipc_change(o, &from->sem_perm);
	if (!err)
		sem_of(o)->ctime = ipc_now();
	spin_unlock(&o->lock);
	ipc_put(o);
	return err;
}

int sem_remove(int id, const struct cred *cred)
{
	struct sem_set *s = sem_of(ipc_find(&sem_table, id));
	int err;

	if (!s)
		return -EINVAL;
	spin_lock(&s->o.lock);
	err = ipc_owns(&s->o, cred);
	spin_unlock(&s->o.lock);
	if (!err && !ipc_unlist(&s->o))
		err = -EIDRM;
	if (!err) {
		spin_lock(&s->o.lock);
		s->o.removed = true;
		while (!list_empty(&s->waiting))
			sem_finish(s, list_first(&s->waiting, struct sem_waiter, link), -EIDRM);
		semundo_drop(s);
		spin_unlock(&s->o.lock);
	}
	ipc_put(&s->o);
	return err;
}

int sem_info(int cmd, struct seminfo *to)
{
	*to = (struct seminfo){
		.semmni = (int)atomic_load_relaxed(&ipc_limits.semmni),
		.semmns = (int)atomic_load_relaxed(&ipc_limits.semmns),
		.semmsl = (int)atomic_load_relaxed(&ipc_limits.semmsl),
		.semopm = (int)atomic_load_relaxed(&ipc_limits.semopm),
		.semvmx = SEMVMX, .semmnu = SEMMNU, .semmap = SEMMAP, .semume = SEMUME,
		.semusz = SEMUSZ, .semaem = SEMAEM,
	};
	if (cmd == SEM_INFO) {
		to->semusz = (int)sem_table.count;
		to->semaem = (int)atomic_load_relaxed(&sem_used);
	}
	return ipc_highest(&sem_table);
}

void sem_values(struct sem_set *s, u16 *to)
{
	spin_lock(&s->o.lock);
	for (u32 n = 0; n < s->count; n++)
		to[n] = s->sems[n].value;
	spin_unlock(&s->o.lock);
}

static long sem_store(struct sem_set_values *f)
{
	struct sem_set *s = f->set;
	long err = 0;

	spin_lock(&s->o.lock);
	if (s->o.removed) {
		err = -EIDRM;
	} else if (f->n >= 0) {
		s->sems[f->n] = (struct sem){.value = *f->from, .pid = f->pid};
		semundo_forget(s, (u32)f->n);
	} else {
		for (u32 n = 0; n < s->count; n++)
			s->sems[n] = (struct sem){.value = f->from[n], .pid = f->pid};
		s->epoch++;
	}
	if (!err) {
		s->ctime = ipc_now();
		sem_changed(s);
	}
	spin_unlock(&s->o.lock);
	return err;
}

co_t sem_set_values(struct co *co, struct sem_set_values *f)
{
	CO_BEGIN;
	f->err = sem_store(f);
	if (!f->err)
		CO_AWAIT(f->ignored, sem_update, .set = f->set);
	CO_RETURN(f->err);
	CO_END;
}
