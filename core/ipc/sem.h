/* core/ipc/sem.h -- System V semaphores: arrays of counters, changed several at once.
 *
 * A call that cannot go on waits in its array's list with what it wants. Who changes the
 * array carries out, in the order they came, the waiting calls that have become possible, and
 * only then wakes them: so nobody who comes later is served first, and nobody wakes in vain.
 *
 * Locking    the array's o.lock covers its values, lists and undo records' values.
 */
#ifndef IPC_SEM_H
#define IPC_SEM_H

#include <linux/sem.h>

#include "core/ipc/ipc.h"
#include "coro/co.h"

#define SEM_VALUE_MAX 32767
#define SEM_OPS_MAX   4096	/* what semopm can be raised to */

struct sem_undo;
struct sem_undos;

struct sem {
	u16 value;
	int pid;		/* of the process that changed it last */
};

struct sem_set {
	struct ipc_object o;	/* first */
	u32 count;		/* [I] */
	i64 otime, ctime;
	struct list waiting;	/* struct sem_waiter.link, in order of arrival */
	struct list *cursor;	/* the first that was not looked at since the last change; the
				 * list's head: all were */
	struct list undos;	/* struct sem_undo.in_set */
	u64 epoch;		/* undo values of an earlier one are zero */
	struct sem sems[];
};

/* What one semop asks for. */
struct sem_request {
	const struct sembuf *ops;
	unsigned count;
	int pid;
	struct sem_undo *undo;	/* NULL: no operation is to be undone */
};

struct sem_waiter {
	struct list link;
	struct sem_request request;
	unsigned blocked;	/* the operation it waits for */
	int status;		/* 1: waits; else the result */
	struct waitq wq;
};

/* The number of the array, or a negative errno. */
int sem_get(int key, int count, u32 flags, const struct cred *cred);

/* semop: ops are the caller's until it is done. -EAGAIN at the deadline. */
struct sem_operate {
	struct co_frame co;
	int id;
	const struct sembuf *ops;
	unsigned count;
	int pid;
	u64 deadline_ns;
	struct sem_undos *undos;
	struct sem_set *set;
	struct sem_waiter waiter;
	long err, ignored;
};
co_t sem_operate(struct co *co, struct sem_operate *f);

/* Carry out what has become possible; when a change was made with the lock held. */
struct sem_update {
	struct co_frame co;
	struct sem_set *set;
};
co_t sem_update(struct co *co, struct sem_update *f);
/* Note a change: those who wait are to be looked at. */
void sem_changed(struct sem_set *s) REQUIRES(s->o.lock);

/* --- semctl; the result or a negative errno --- */

int sem_value(int id, int n, int cmd, const struct cred *cred);	/* GETVAL, GETPID... */
/* IPC_STAT, SEM_STAT (by place), SEM_STAT_ANY. */
int sem_stat(int id, int cmd, const struct cred *cred, struct semid64_ds *to);
int sem_change(int id, const struct semid64_ds *from, const struct cred *cred);	/* IPC_SET */
int sem_remove(int id, const struct cred *cred);
int sem_info(int cmd, struct seminfo *to);
/* An array to read or set as a whole, with a reference; the caller may (want: CRED_*). */
int sem_open(int id, const struct cred *cred, u32 want, struct sem_set **set);
void sem_values(struct sem_set *s, u16 *to);	/* GETALL */
/* SETVAL (n >= 0: one) and SETALL. */
struct sem_set_values {
	struct co_frame co;
	struct sem_set *set;
	int n;
	const u16 *from;
	int pid;
	long err, ignored;
};
co_t sem_set_values(struct co *co, struct sem_set_values *f);

/* For /proc/sysvipc: the array at this place or behind it; false past the last. */
bool sem_next(u32 *place, struct semid64_ds *to, int *id);

#endif
