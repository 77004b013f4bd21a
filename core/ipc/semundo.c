/* core/ipc/semundo.c */
#include "core/ipc/semundo.h"

#include "core/base/bits.h"
#include "core/proc/thread.h"
#include "mem/phys/slab.h"

static u64 semundo_bytes(const struct sem_set *s)
{
	return sizeof(struct sem_undo) + s->count * sizeof(i16);
}

static struct sem_undos *semundo_list(void)
{
	struct sem_undos *list = kzalloc(sizeof(*list));

	if (list) {
		ref_init(&list->refs);
		spin_init(&list->lock, RANK_IPC_UNDO);
		list_init(&list->records);
	}
	return list;
}

struct sem_undo *semundo_find(struct sem_undos *list, struct sem_set *s)
{
	struct sem_undo *u, *found = NULL;

	spin_lock(&list->lock);
	list_each(u, &list->records, link) {
		if (u->set == s) {
			found = u;
			break;
		}
	}
	spin_unlock(&list->lock);
	return found;
}

/* Enter u unless there is one already; true: entered. */
static bool semundo_enter(struct sem_undos *list, struct sem_set *s, struct sem_undo *u)
	REQUIRES(s->o.lock)
{
	if (s->o.removed || semundo_find(list, s))
		return false;
	u->owner = list;
	u->set = s;
	u->epoch = s->epoch;
	list_add_back(&s->undos, &u->in_set);
	spin_lock(&list->lock);
	list_add_front(&list->records, &u->link);
	spin_unlock(&list->lock);
	return true;
}

/* --- whose list --- */

/* A list that is not its process's. */
struct semundo_owner {
	struct list link;
	struct thread *thread;
	struct sem_undos *list;
};
static spinlock semundo_lock = SPINLOCK_INIT(RANK_IPC_UNDO);
static struct list semundo_owners GUARDED_BY(&semundo_lock) = LIST_INIT(semundo_owners);

static struct semundo_owner *semundo_owner_of(const struct thread *t)
{
	struct semundo_owner *o, *found = NULL;

	spin_lock(&semundo_lock);
	list_each(o, &semundo_owners, link)
		if (o->thread == t)
			found = o;
	spin_unlock(&semundo_lock);
	return found;
}

static struct sem_undos *semundo_of(const struct thread *t)
{
	struct semundo_owner *o = t->own_undos ? semundo_owner_of(t) : NULL;

	return t->own_undos ? (o ? o->list : NULL) : atomic_load(&t->process->undos);
}

/* Make `list` (a reference, taken over on success) the thread's own. */
static bool semundo_own(struct thread *t, struct sem_undos *list)
{
	struct semundo_owner *o = kmalloc(sizeof(*o));

	if (!o)
		return false;
	*o = (struct semundo_owner){.thread = t, .list = list};
	spin_lock(&semundo_lock);
	list_add_back(&semundo_owners, &o->link);
	spin_unlock(&semundo_lock);
	t->own_undos = true;
	return true;
}

/* The thread's list, made if there is none; NULL without memory. */
static struct sem_undos *semundo_make(struct thread *t)
{
	struct sem_undos *list = semundo_of(t), *there = NULL;

	if (list)
		return list;
	list = semundo_list();
	if (!list)
		return NULL;
	if (t->own_undos ? semundo_own(t, list) : atomic_cas(&t->process->undos, &there, list))
		return list;
	kfree(list);
	return there;
}

int semundo_prepare(struct sem_set *s, struct sem_undos **list)
{
	struct sem_undo *u;
	bool there;

	*list = semundo_make(thread_current());
	if (!*list)
		return -ENOMEM;
	spin_lock(&s->o.lock);
	there = semundo_find(*list, s);
	spin_unlock(&s->o.lock);
	if (there)
		return 0;
	u = ipc_charge(semundo_bytes(s)) ? kzalloc(semundo_bytes(s)) : NULL;
	if (!u) {
		ipc_uncharge(semundo_bytes(s));
		return -ENOMEM;
	}
	spin_lock(&s->o.lock);
	there = !semundo_enter(*list, s, u);
	spin_unlock(&s->o.lock);
	if (there) {
		ipc_uncharge(semundo_bytes(s));
		kfree(u);
	}
	return 0;
}

static int semundo_share(struct thread *from, struct thread *to)
{
	struct sem_undos *list = semundo_make(from);

	if (!list)
		return -ENOMEM;
	ref_get(&list->refs);
	if (to->process != from->process) {
		to->process->undos = list;
	} else if (!semundo_own(to, list)) {
		ref_put(&list->refs);	/* not the last */
		return -ENOMEM;
	}
	return 0;
}

/* --- records --- */

static void semundo_take(struct sem_set *s, struct sem_undo *u) REQUIRES(s->o.lock)
{
	list_remove(&u->in_set);
	spin_lock(&u->owner->lock);
	list_remove(&u->link);
	spin_unlock(&u->owner->lock);
}

void semundo_drop(struct sem_set *s)
{
	while (!list_empty(&s->undos)) {
		struct sem_undo *u = list_first(&s->undos, struct sem_undo, in_set);

		semundo_take(s, u);
		ipc_uncharge(semundo_bytes(s));
		kfree(u);
	}
}

void semundo_forget(struct sem_set *s, u32 n)
{
	struct sem_undo *u;

	list_each(u, &s->undos, in_set)
		u->by[n] = 0;
}

/* --- the end of a thread --- */

static void semundo_apply(struct sem_set *s, const struct sem_undo *u, int pid)
	REQUIRES(s->o.lock)
{
	if (u->epoch != s->epoch)
		return;
	for (u32 n = 0; n < s->count; n++) {
		int value = s->sems[n].value + u->by[n];

		if (!u->by[n])
			continue;
		s->sems[n].value = (u16)max(0, min(value, SEM_VALUE_MAX));
		s->sems[n].pid = pid;
	}
	s->otime = ipc_now();
	sem_changed(s);
}

/* The array of the list's first record, with a reference. The record keeps it: an array that
 * goes takes its records along before it gives up its own. */
static struct sem_set *semundo_first(struct sem_undos *list)
{
	struct sem_set *s = NULL;

	spin_lock(&list->lock);
	if (!list_empty(&list->records)) {
		s = list_first(&list->records, struct sem_undo, link)->set;
		ref_get(&s->o.refs);
	}
	spin_unlock(&list->lock);
	return s;
}

static void semundo_carry_out(struct sem_undos *list, struct sem_set *s, int pid)
{
	struct sem_undo *u;

	spin_lock(&s->o.lock);
	u = semundo_find(list, s);
	if (u) {
		semundo_take(s, u);
		semundo_apply(s, u, pid);
	}
	spin_unlock(&s->o.lock);
	if (u)
		ipc_uncharge(semundo_bytes(s));
	kfree(u);
}

/* The list that is to go next, taken away from its owner; NULL: none. */
static struct sem_undos *semundo_take_list(struct thread *t, bool process)
{
	struct semundo_owner *o = t->own_undos ? semundo_owner_of(t) : NULL;
	struct sem_undos *list;

	if (!o)
		return process ? atomic_swap(&t->process->undos, NULL) : NULL;
	list = o->list;
	spin_lock(&semundo_lock);
	list_remove(&o->link);
	spin_unlock(&semundo_lock);
	kfree(o);
	return list;
}

struct semundo_leave {
	struct thread_leave_undos;
	struct sem_undos *list;
	struct sem_set *set;
	long ignored;
};
static co_t semundo_leave(struct co *co, struct semundo_leave *f)
{
	CO_BEGIN;
	while ((f->list = semundo_take_list(f->thread, f->process))) {
		if (!ref_put(&f->list->refs))
			continue;
		while ((f->set = semundo_first(f->list))) {
			semundo_carry_out(f->list, f->set, f->thread->process->pid->nr);
			CO_AWAIT(f->ignored, sem_update, .set = f->set);
			ipc_put(&f->set->o);
			CO_BREATHE;
		}
		kfree(f->list);
	}
	CO_RETURN(0);
	CO_END;
}

static void semundo_unshare(struct thread *to)
{
	struct sem_undos *list = semundo_take_list(to, !to->own_undos);

	if (list)
		ref_put(&list->refs);	/* not the last: it was shared */
}

static const struct thread_undo_ops semundo_ops = {
	.unshare = semundo_unshare,
	.share = semundo_share,
	.leave = CO_IMPLEMENTS(thread_leave_undos, semundo_leave),
};

void semundo_init(void)
{
	thread_undo = &semundo_ops;
}
