/* A local initialised before CO_BEGIN: it has that value again after every await.
 * refused by lint: initialised before CO_BEGIN */
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

struct initialised_starts {
	struct co_frame co;
	long n;
	int kind;
	bool again;
};
co_t initialised_starts(struct co *co, struct initialised_starts *f);
co_t initialised_starts(struct co *co, struct initialised_starts *f)
{
	long n = f->n + 1;

	CO_BEGIN;
	CO_YIELD;
	f->n = n;
	CO_RETURN(0);
	CO_END;
}
