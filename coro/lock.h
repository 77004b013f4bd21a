/* coro/lock.h -- locks that may be held over an await: mutex, rwlock, condition.
 *
 * Fair: who waits has it in his turn; of a mutex, somebody who runs may be faster while the first
 * waiter is being woken, but not twice. The holder is recorded, so a lock taken
 * twice, unlocked by another task or held at the end of a system call is reported.
 * Ranks of awaitable locks and the order of taking them: coro/lock_rank.h.
 */
#ifndef CORO_LOCK_H
#define CORO_LOCK_H

#include "coro/lock_rank.h"

struct co_mutex {
	spinlock lock;
	u16 rank;		/* [I] */
	bool hand_over;		/* under lock: the next unlock hands it to the first waiter */
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

/* Without waiting; false if it is held. Not checked for order. */
bool mutex_trylock(struct co_mutex *m);
bool rwlock_try_read(struct co_rwlock *l);
bool rwlock_try_write(struct co_rwlock *l);

void mutex_unlock(struct co_mutex *m);
void rwlock_unlock_read(struct co_rwlock *l);
void rwlock_unlock_write(struct co_rwlock *l);
bool mutex_is_mine(const struct co_mutex *m);

/* The waiting forms. Not interruptible: holders never wait for ever. NEXT: the task may hold
 * others of the rank, and the caller sees to their order. */
#define CO_LOCK(m)                                                            \
	do {                                                                  \
		lock_rank_order(co, (m)->rank, false);                        \
		if (co_goes_long_way() || !mutex_trylock(m)) {                              \
			long co_unused_;                                      \
			CO_AWAIT(co_unused_, mutex_lock_slow, .mutex = (m));  \
			(void)co_unused_;                                     \
		}                                                             \
	} while (0)
#define CO_READ_LOCK(l)                                                       \
	do {                                                                  \
		lock_rank_order(co, (l)->rank, false);                        \
		if (co_goes_long_way() || !rwlock_try_read(l)) {                            \
			long co_unused_;                                      \
			CO_AWAIT(co_unused_, rwlock_slow, .rwlock = (l));     \
			(void)co_unused_;                                     \
		}                                                             \
	} while (0)
#define CO_WRITE_LOCK(l)      CO_WRITE_LOCK_(l, false)
#define CO_WRITE_LOCK_NEXT(l) CO_WRITE_LOCK_(l, true)
#define CO_WRITE_LOCK_(l, same)                                               \
	do {                                                                  \
		lock_rank_order(co, (l)->rank, (same));                       \
		if (co_goes_long_way() || !rwlock_try_write(l)) {                           \
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
	bool woken;		/* the same; of a mutex: it is first, and was told */
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
