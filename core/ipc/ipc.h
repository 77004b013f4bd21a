/* core/ipc/ipc.h -- what System V's segments, semaphores and message queues have in common:
 * numbers, keys, owners and rights.
 *
 * A table holds the objects of one kind. An object's number is its place in the table and a
 * round that grows each time the places begin again, so that an old number finds nothing.
 *
 * Ownership  the table holds a reference of what is in it; ipc_find gives another; ipc_put
 *            drops one, the last calls the kind's `release`.
 * Locking    the table's spinlock [t], then the object's [o]. Nothing here waits.
 */
#ifndef IPC_IPC_H
#define IPC_IPC_H

#include <linux/ipc.h>

#include "core/base/rbtree.h"
#include "core/base/spinlock.h"
#include "core/cred/cred.h"

#define IPC_PLACES 32768u	/* the most of one kind: Linux's IPCMNI */

struct ipc_table;

struct ipc_object {
	refcount refs;			/* [a] */
	struct ipc_table *table;	/* [I] */
	int id;				/* [I] */
	int name;			/* [I] the key it was made with */
	int key;			/* [t] the same, or IPC_PRIVATE: it has none (any more) */
	bool listed;			/* [t] */
	struct rb_node by_key;		/* [t] unless it has none */
	spinlock lock;			/* RANK_IPC_OBJECT */
	u32 uid, gid, mode;		/* [o] */
	u32 cuid, cgid;			/* [I] its maker's */
	bool removed;			/* [o] */
};

struct ipc_kind {
	/* A new object for so many bytes, semaphores...: 0 or a negative errno. */
	int (*make)(u64 size, u32 flags, struct ipc_object **made);
	/* May what is there be asked for with this size? */
	bool (*fits)(const struct ipc_object *o, u64 size);
	void (*release)(struct ipc_object *o);
};

struct ipc_table {
	const struct ipc_kind *kind;	/* [I] */
	u32 *limit;			/* [I] to the most there may be; [a] */
	spinlock lock;			/* RANK_IPC_TABLE */
	struct ipc_object **places;	/* under lock, all of these */
	u32 size;			/* of places */
	u32 count;
	u32 next;			/* where the search for a free place begins */
	int last;			/* the place given last; -1: none yet */
	u32 round;
	struct rb_tree keys;
};

#define IPC_TABLE_INIT(kind_, limit_) \
	{.kind = (kind_), .limit = (limit_), .lock = SPINLOCK_INIT(RANK_IPC_TABLE), .last = -1}

/* The limits of /proc/sys/kernel. */
struct ipc_limits {
	u64 shmmax, shmall;		/* [a] */
	u32 shmmni;			/* [a] */
	u32 semmsl, semmns, semopm, semmni;	/* [a] */
	u32 msgmax, msgmnb, msgmni;	/* [a] */
};
extern struct ipc_limits ipc_limits;

/* At boot, after the process layer. */
void ipc_init(void);

/* semget and the like: the number of the object with this key, made if flags (IPC_CREAT,
 * IPC_EXCL, mode) say so; or a negative errno. */
int ipc_get(struct ipc_table *t, int key, u64 size, u32 flags, const struct cred *cred);

/* By number, or by place in the table; with a reference, NULL: there is none. */
struct ipc_object *ipc_find(struct ipc_table *t, int id);
struct ipc_object *ipc_look_up(struct ipc_table *t, int id, bool place);
/* The first at this place or behind it, NULL past the last; *place becomes its own. */
struct ipc_object *ipc_next(struct ipc_table *t, u32 *place);
/* The highest place in use; 0 also if there is none. */
int ipc_highest(struct ipc_table *t);
void ipc_put(struct ipc_object *o);

/* Take it out of its table; false: somebody has done so. */
bool ipc_unlist(struct ipc_object *o);
/* Its key finds it no more; its number does. */
void ipc_forget_key(struct ipc_object *o);

/* May cred do this (mode bits of one class, or of all)? 0 or -EACCES. */
int ipc_permission(const struct ipc_object *o, const struct cred *cred, u32 want)
	REQUIRES(o->lock);
/* May it change or remove it? 0 or -EPERM. */
int ipc_owns(const struct ipc_object *o, const struct cred *cred) REQUIRES(o->lock);
void ipc_show(const struct ipc_object *o, struct ipc64_perm *to) REQUIRES(o->lock);
/* IPC_SET: owner and mode; -EINVAL for no owner. */
int ipc_change(struct ipc_object *o, const struct ipc64_perm *from) REQUIRES(o->lock);

/* Kernel memory that stays in use for users without a limit of their own: a quarter of the
 * machine's at most. false: no more. */
bool ipc_charge(u64 bytes);
void ipc_uncharge(u64 bytes);

/* The wall clock in seconds, for the times that objects keep. */
i64 ipc_now(void);

#endif
