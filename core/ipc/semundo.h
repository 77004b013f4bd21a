/* core/ipc/semundo.h -- what is taken back from semaphores when a thread ends.
 *
 * Who shares (the threads of a process, and CLONE_SYSVSEM) has one list, of a record for each
 * array; what it says is added to the array when the last of them ends. A thread that does not
 * share with its process has a place in a table.
 *
 * Ownership  a process, and such a thread, holds a reference of its list. A record belongs to its
 *            list and its array, and goes with whichever ends first.
 * Locking    a record's values: the array's lock. Lists: the array's lock, then the list's.
 */
#ifndef IPC_SEMUNDO_H
#define IPC_SEMUNDO_H

#include "core/ipc/sem.h"

struct sem_undos {
	refcount refs;		/* [a] */
	spinlock lock;		/* RANK_IPC_UNDO */
	struct list records;	/* struct sem_undo.link, under lock */
};

struct sem_undo {
	struct list link;	/* its list's */
	struct list in_set;
	struct sem_undos *owner; /* [I] */
	struct sem_set *set;	/* [I] borrowed */
	u64 epoch;
	i16 by[];		/* one for each semaphore */
};

void semundo_init(void);
/* See that the current thread has a list, and that a record for the array: 0 or -ENOMEM. */
int semundo_prepare(struct sem_set *s, struct sem_undos **list);
/* The record; NULL: there is none. */
struct sem_undo *semundo_find(struct sem_undos *list, struct sem_set *s) REQUIRES(s->o.lock);
/* The array goes: all its records with it. */
void semundo_drop(struct sem_set *s) REQUIRES(s->o.lock);
/* A semaphore was set to a value: nothing is taken back from it. */
void semundo_forget(struct sem_set *s, u32 n) REQUIRES(s->o.lock);

#endif
