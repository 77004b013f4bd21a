/* coro/lock.h -- locks that may be held over an await: mutex, rwlock, condition.
 *
 * Fair: an unlock hands over to the first waiter. The holder is recorded, so a lock taken
 * twice, unlocked by another task or held at the end of a system call is reported.
 * Ranks of awaitable locks (debug builds; a task takes them in rising order):
 */
#ifndef CORO_LOCK_H
#define CORO_LOCK_H

#include "coro/task.h"

enum co_lock_rank {
	CO_RANK_NONE = 0,
	CO_RANK_EXEC = 4,	/* core/proc: one exec at a time per process */
	CO_RANK_FILE_POS = 8,	/* vfs: a file's position */
	CO_RANK_RENAME = 12,	/* vfs: one cross-directory rename per file system */
	CO_RANK_INODE = 16,	/* vfs: an inode's contents and directory entries */
	CO_RANK_INODE_CHILD = 17,
	CO_RANK_SPACE = 20,	/* mem/space: the VMA tree, if it needs one */
	CO_RANK_FS = 24,	/* file systems' own (journal, allocation) */
};

struct co_mutex {
	spinlock lock;
	u16 rank;		/* [I] */
	struct task *owner;	/* under lock */
	struct list queue;	/* struct co_lock_waiter */
};

struct co_rwlock {
	spinlock lock;
	u16 rank;		/* [I] */
	u32 readers;		/* under lock: holders */
	struct task *writer;	/* under lock */
	struct list queue;
};

void mutex_init(struct co_mutex *m, enum co_lock_rank rank);
void rwlock_init(struct co_rwlock *l, enum co_lock_rank rank);

/* Without waiting; false if it is held. */
bool mutex_trylock(struct co_mutex *m);
bool rwlock_try_read(struct co_rwlock *l);
bool rwlock_try_write(struct co_rwlock *l);

void mutex_unlock(struct co_mutex *m);
void rwlock_unlock_read(struct co_rwlock *l);
void rwlock_unlock_write(struct co_rwlock *l);
bool mutex_is_mine(const struct co_mutex *m);

/* The waiting forms. Not interruptible: holders never wait for ever. */
#define CO_LOCK(m)                                                            \
	do {                                                                  \
		if (!mutex_trylock(m)) {                                      \
			long co_unused_;                                      \
			CO_AWAIT(co_unused_, mutex_lock_slow, .mutex = (m));  \
			(void)co_unused_;                                     \
		}                                                             \
	} while (0)
#define CO_READ_LOCK(l)                                                       \
	do {                                                                  \
		if (!rwlock_try_read(l)) {                                    \
			long co_unused_;                                      \
			CO_AWAIT(co_unused_, rwlock_slow, .rwlock = (l));     \
			(void)co_unused_;                                     \
		}                                                             \
	} while (0)
#define CO_WRITE_LOCK(l)                                                      \
	do {                                                                  \
		if (!rwlock_try_write(l)) {                                   \
			long co_unused_;                                      \
			CO_AWAIT(co_unused_, rwlock_slow, .rwlock = (l), .write = true); \
			(void)co_unused_;                                     \
		}                                                             \
	} while (0)

/* A place in a lock's queue. */
struct co_lock_waiter {
	struct list link;
	struct task *task;
	bool write;
	bool granted;		/* under the lock's spinlock */
};

struct mutex_lock_slow {
	struct co_frame co;
	struct co_mutex *mutex;
	struct co_lock_waiter me;
};
co_t mutex_lock_slow(struct co *co, struct mutex_lock_slow *f);

struct rwlock_slow {
	struct co_frame co;
	struct co_rwlock *rwlock;
	bool write;
	struct co_lock_waiter me;
};
co_t rwlock_slow(struct co *co, struct rwlock_slow *f);

#endif
