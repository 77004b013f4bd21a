/* A local that should live across an await, a scalar.
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

struct lost_scalar_loses {
	struct co_frame co;
	long n;
	int kind;
	long kept;
};
co_t lost_scalar_loses(struct co *co, struct lost_scalar_loses *f);
co_t lost_scalar_loses(struct co *co, struct lost_scalar_loses *f)
{
	CO_BEGIN;
	f->kept = f->n;
	CO_YIELD;
	f->n = f->kept;
	CO_RETURN(0);
	CO_END;
}
