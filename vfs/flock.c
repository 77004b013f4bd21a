/* vfs/flock.c -- advisory locks: a short list per inode. */
#include "vfs/flock.h"

#include <linux/fcntl.h>

#include "mem/phys/slab.h"
#include "vfs/flock_list.h"
#include "vfs/lease.h"

#define FLOCK_CHAIN 10	/* so far a dead-lock is looked for, as on Linux */

struct file_lock {
	struct list link;
	struct flock_range r;
};

static spinlock flock_lock = SPINLOCK_INIT(RANK_INODE);
static struct list flock_all GUARDED_BY(&flock_lock) = LIST_INIT(flock_all);
/* Who waits for a process's record. */
static struct list flock_waiting GUARDED_BY(&flock_lock) = LIST_INIT(flock_waiting);
static u32 flock_waiters;	/* [a] in it; changed under flock_lock */

void flock_each(void (*show)(void *arg, const struct inode *inode, const struct flock_range *r),
		void *arg)
{
	struct file_locks *l;
	struct file_lock *k;

	spin_lock(&flock_lock);
	list_each(l, &flock_all, all) {
		spin_lock(&l->lock);
		list_each(k, &l->list, link)
			show(arg, l->inode, &k->r);
		lease_each(l, show, arg);
		spin_unlock(&l->lock);
	}
	spin_unlock(&flock_lock);
}

struct file_locks *flock_of(struct inode *inode, bool make)
{
	struct file_locks *l = atomic_load(&inode->locks), *there = NULL;

	if (l || !make)
		return l;
	l = kzalloc(sizeof(*l));
	if (!l)
		return NULL;
	spin_init(&l->lock, RANK_FILE);
	list_init(&l->list);
	list_init(&l->leases);
	waitq_init(&l->released);
	l->inode = inode;
	if (atomic_cas(&inode->locks, &there, l)) {
		spin_lock(&flock_lock);
		list_add_back(&flock_all, &l->all);
		spin_unlock(&flock_lock);
		return l;
	}
	kfree(l);
	return there;
}

void flock_free(struct inode *inode)
{
	if (!inode->locks)
		return;
	spin_lock(&flock_lock);
	list_remove(&inode->locks->all);
	spin_unlock(&flock_lock);
	kfree(inode->locks);	/* the list is empty: every owner is gone */
	inode->locks = NULL;
}

/* flock(2) and byte ranges do not see each other. */
static bool flock_related(const struct flock_range *a, const struct flock_range *b)
{
	return (a->kind == FLOCK_WHOLE) == (b->kind == FLOCK_WHOLE) && a->start <= b->last &&
	       b->start <= a->last;
}

static bool flock_same_owner(const struct flock_range *a, const struct flock_range *b)
{
	return a->owner == b->owner && a->kind == b->kind;
}

static struct file_lock *flock_conflict(struct file_locks *l, const struct flock_range *want)
	REQUIRES(l->lock)
{
	struct file_lock *k;

	list_each(k, &l->list, link)
		if (flock_related(&k->r, want) && !flock_same_owner(&k->r, want) &&
		    (k->r.type == FLOCK_EXCLUSIVE || want->type == FLOCK_EXCLUSIVE))
			return k;
	return NULL;
}

/* Cut `want` out of the owner's own locks; `spare` takes the second half of one that is split
 * in the middle. True if spare was used. */
static bool flock_cut(struct file_locks *l, const struct flock_range *want,
		      struct file_lock *spare, struct list *dead) REQUIRES(l->lock)
{
	struct file_lock *k, *next;
	bool used = false;

	list_each_safe(k, next, &l->list, link) {
		if (!flock_same_owner(&k->r, want) || !flock_related(&k->r, want))
			continue;
		if (k->r.start < want->start && k->r.last > want->last) {
			spare->r = k->r;
			spare->r.start = want->last + 1;
			k->r.last = want->start - 1;
			list_add_back(&l->list, &spare->link);
			used = true;
		} else if (k->r.start < want->start) {
			k->r.last = want->start - 1;
		} else if (k->r.last > want->last) {
			k->r.start = want->last + 1;
		} else {
			list_remove(&k->link);
			list_add_back(dead, &k->link);
		}
	}
	return used;
}

static void flock_bury(struct list *dead)
{
	while (!list_empty(dead)) {
		struct file_lock *k = list_first(dead, struct file_lock, link);

		list_remove(&k->link);
		kfree(k);
	}
}

/* Two records for what a change may add. */
struct flock_spares {
	struct file_lock *new, *spare;
};

static bool flock_prepare(struct flock_spares *s)
{
	s->new = kzalloc(sizeof(*s->new));
	s->spare = kzalloc(sizeof(*s->spare));
	return s->new && s->spare;
}

/* Set or clear, or say who is in the way. What is used of the spares is taken out of them. */
static int flock_apply(struct file *file, struct file_locks *l, const struct flock_range *want,
		       struct flock_spares *spares, struct list *dead, struct flock_range *blocker)
{
	struct file_lock *k = NULL;

	spin_lock(&l->lock);
	if (want->type != FLOCK_NONE)
		k = flock_conflict(l, want);
	if (k) {
		*blocker = k->r;
	} else {
		if (flock_cut(l, want, spares->spare, dead))
			spares->spare = NULL;
		if (want->type != FLOCK_NONE) {
			spares->new->r = *want;
			list_add_back(&l->list, &spares->new->link);
			spares->new = NULL;
			if (want->kind != FLOCK_POSIX)
				file->locks_seen = true;
		}
	}
	spin_unlock(&l->lock);
	return k ? -EAGAIN : 0;
}

/* Something went, or is less than before: it is in nobody's way until they have looked. */
static void flock_tell(struct file_locks *l)
{
	struct flock_waiting *w;

	if (atomic_load(&flock_waiters)) {
		spin_lock(&flock_lock);
		list_each(w, &flock_waiting, link)
			if (w->at == l)
				w->blocker = NULL;
		spin_unlock(&flock_lock);
	}
	waitq_wake(&l->released);
}

/* Does whoever is in w's way wait for w's owner? */
static bool flock_is_deadlock(const struct flock_waiting *w) REQUIRES(flock_lock)
{
	const void *at = w->blocker;
	struct flock_waiting *other;

	for (unsigned steps = 0; at && steps < FLOCK_CHAIN; steps++) {
		const void *next = NULL;

		list_each(other, &flock_waiting, link)
			if (other->owner == at && other->blocker)
				next = other->blocker;
		if (next == w->owner)
			return true;
		at = next;
	}
	return false;
}

/* In one go with saying who waits for whom. */
static int flock_apply_waiting(struct file *file, const struct flock_range *want,
			       struct flock_spares *spares, struct list *dead,
			       struct flock_waiting *w)
{
	struct flock_range blocker;
	int err;

	spin_lock(&flock_lock);
	err = flock_apply(file, w->at, want, spares, dead, &blocker);
	w->blocker = err == -EAGAIN && blocker.kind == FLOCK_POSIX ? blocker.owner : NULL;
	if (flock_is_deadlock(w))
		err = -EDEADLK;
	spin_unlock(&flock_lock);
	return err;
}

/* flock_try; w NULL: not of a waiter. */
static int flock_try_waiting(struct file *file, const struct flock_range *want,
			     struct flock_waiting *w)
{
	struct file_locks *l = flock_of(file->inode, want->type != FLOCK_NONE);
	struct flock_spares spares;
	struct flock_range blocker;
	struct list dead;
	int err = -ENOLCK;

	if (!l)
		return want->type == FLOCK_NONE ? 0 : -ENOLCK;
	list_init(&dead);
	if (flock_prepare(&spares))
		err = w ? flock_apply_waiting(file, want, &spares, &dead, w)
			: flock_apply(file, l, want, &spares, &dead, &blocker);
	flock_bury(&dead);
	kfree(spares.new);
	kfree(spares.spare);
	if (!err)
		flock_tell(l);	/* a downgrade or an unlock lets others in */
	return err;
}

int flock_try(struct file *file, const struct flock_range *want)
{
	return flock_try_waiting(file, want, NULL);
}

/* One that waits is known to those who look for dead-locks. */
static void flock_enlist(struct flock_waiting *w)
{
	spin_lock(&flock_lock);
	list_add_back(&flock_waiting, &w->link);
	atomic_add(&flock_waiters, 1u);
	spin_unlock(&flock_lock);
}

static void flock_leave(struct flock_waiting *w)
{
	spin_lock(&flock_lock);
	list_remove(&w->link);
	atomic_sub(&flock_waiters, 1u);
	spin_unlock(&flock_lock);
}

static int flock_look(struct flock_wait *f)
{
	f->err = flock_try_waiting(f->file, f->want,
				   f->want->kind == FLOCK_POSIX ? &f->waiting : NULL);
	return f->err;
}

co_t flock_wait(struct co *co, struct flock_wait *f)
{
	int woken;

	CO_BEGIN;
	f->err = flock_try(f->file, f->want);
	if (f->err != -EAGAIN)
		CO_RETURN(f->err);
	f->waiting = (struct flock_waiting){.owner = f->want->owner,
					    .at = flock_of(f->file->inode, false)};
	if (f->want->kind == FLOCK_POSIX)
		flock_enlist(&f->waiting);
	CO_WAIT(woken, &f->waiting.at->released, flock_look(f) != -EAGAIN);
	if (f->want->kind == FLOCK_POSIX)
		flock_leave(&f->waiting);
	CO_RETURN(woken ? woken : f->err);
	CO_END;
}

bool flock_test(struct file *file, const struct flock_range *want, struct flock_range *found)
{
	struct file_locks *l = flock_of(file->inode, false);
	struct file_lock *k;

	if (!l)
		return false;
	spin_lock(&l->lock);
	k = flock_conflict(l, want);
	if (k)
		*found = k->r;
	spin_unlock(&l->lock);
	return k;
}

/* Everything of one owner goes. */
static void flock_drop(struct inode *inode, const void *owner)
{
	struct file_locks *l = flock_of(inode, false);
	struct file_lock *k, *next;
	struct list dead;

	if (!l)
		return;
	list_init(&dead);
	spin_lock(&l->lock);
	list_each_safe(k, next, &l->list, link)
		if (k->r.owner == owner) {
			list_remove(&k->link);
			list_add_back(&dead, &k->link);
		}
	spin_unlock(&l->lock);
	if (list_empty(&dead))
		return;
	flock_bury(&dead);
	flock_tell(l);
}

void flock_closed(struct file *file, const void *table)
{
	if (atomic_load_relaxed(&file->inode->locks))
		flock_drop(file->inode, table);
}

void flock_released(struct file *file)
{
	flock_drop(file->inode, file);
	lease_released(file);
}
