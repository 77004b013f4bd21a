/* A spinlock taken in a loop and held over its next round.
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

struct lock_loop_holds {
	struct co_frame co;
	long n;
	int kind;
	struct co_mutex *mutex;
	bool again;
};
co_t lock_loop_holds(struct co *co, struct lock_loop_holds *f);
co_t lock_loop_holds(struct co *co, struct lock_loop_holds *f)
{
	CO_BEGIN;
	for (f->n = 0; f->n < 3; f->n++) {
		spin_lock(&lock);
		f->kind++;
		spin_unlock(&lock);
		CO_BREATHE;
	}
	CO_RETURN(0);
	CO_END;
}
