/* A spinlock held over a wait for a condition.
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

struct lock_wait_holds {
	struct co_frame co;
	long n;
	int kind;
	struct co_mutex *mutex;
	bool again;
};
co_t lock_wait_holds(struct co *co, struct lock_wait_holds *f);
co_t lock_wait_holds(struct co *co, struct lock_wait_holds *f)
{
	CO_BEGIN;
	CO_WAIT_IO(&queue, atomic_load(&ready));
	spin_lock(&lock);
	f->n++;
	spin_unlock(&lock);
	CO_RETURN(0);
	CO_END;
}
