/* A spinlock got by trying, held over an await.
 * its twin that passes */
#include "coro/lock.h"
#include "coro/task.h"

struct other {
	struct co_frame co;
	int n;
};
co_t other(struct co *co, struct other *f);

extern spinlock lock;
extern struct waitq queue;
extern u32 ready;

struct lock_trylock_holds {
	struct co_frame co;
	long n;
	int kind;
	struct co_mutex *mutex;
	bool again;
};
co_t lock_trylock_holds(struct co *co, struct lock_trylock_holds *f);
co_t lock_trylock_holds(struct co *co, struct lock_trylock_holds *f)
{
	CO_BEGIN;
	if (spin_trylock(&lock)) {
		f->n++;
		spin_unlock(&lock);
		CO_YIELD;
	}
	CO_RETURN(0);
	CO_END;
}
