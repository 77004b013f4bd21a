/* A spinlock held over a yield in one branch.
 * refused by compiler: is not held on every path|still held */
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

struct lock_branch_holds {
	struct co_frame co;
	long n;
	int kind;
	struct co_mutex *mutex;
	bool again;
};
co_t lock_branch_holds(struct co *co, struct lock_branch_holds *f);
co_t lock_branch_holds(struct co *co, struct lock_branch_holds *f)
{
	CO_BEGIN;
	spin_lock(&lock);
	if (f->kind) {
		CO_YIELD;
	}
	spin_unlock(&lock);
	CO_RETURN(0);
	CO_END;
}
