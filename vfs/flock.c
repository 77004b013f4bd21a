/* vfs/flock.c -- advisory locks: a short list per inode. */
#include "vfs/flock.h"

#include <linux/fcntl.h>

#include "mem/phys/slab.h"
#include "vfs/flock_list.h"
#include "vfs/lease.h"

struct file_lock {
	struct list link;
	struct flock_range r;
};

static spinlock flock_lock = SPINLOCK_INIT(RANK_INODE);
static struct list flock_all GUARDED_BY(&flock_lock) = LIST_INIT(flock_all);

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

int flock_try(struct file *file, const struct flock_range *want)
{
	struct file_locks *l = flock_of(file->inode, want->type != FLOCK_NONE);
	struct file_lock *new, *spare;
	bool used_new = false, used_spare = false;
	struct list dead;
	int err = 0;

	if (!l)
		return want->type == FLOCK_NONE ? 0 : -ENOLCK;
	new = kzalloc(sizeof(*new));
	spare = kzalloc(sizeof(*spare));
	if (!new || !spare) {
		kfree(new);
		kfree(spare);
		return -ENOLCK;
	}
	list_init(&dead);
	spin_lock(&l->lock);
	if (want->type != FLOCK_NONE && flock_conflict(l, want)) {
		err = -EAGAIN;
	} else {
		used_spare = flock_cut(l, want, spare, &dead);
		if (want->type != FLOCK_NONE) {
			new->r = *want;
			list_add_back(&l->list, &new->link);
			used_new = true;
			if (want->kind != FLOCK_POSIX)
				file->locks_seen = true;
		}
	}
	spin_unlock(&l->lock);
	flock_bury(&dead);
	if (!used_new)
		kfree(new);
	if (!used_spare)
		kfree(spare);
	if (!err)
		waitq_wake(&l->released);	/* a downgrade or an unlock lets others in */
	return err;
}

co_t flock_wait(struct co *co, struct flock_wait *f)
{
	struct file_locks *l;
	int woken;

	CO_BEGIN;
	f->err = flock_try(f->file, f->want);
	if (f->err != -EAGAIN)
		CO_RETURN(f->err);
	l = flock_of(f->file->inode, true);
	if (!l)
		CO_RETURN(-ENOLCK);
	CO_WAIT(woken, &flock_of(f->file->inode, true)->released,
		(f->err = flock_try(f->file, f->want)) != -EAGAIN);
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
	waitq_wake(&l->released);
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
