/* A local that should live across an await, a scalar.
 * refused by compiler: is uninitialized when used|may be uninitialized|is used uninitialized */
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
	bool again;
};
co_t lost_scalar_loses(struct co *co, struct lost_scalar_loses *f);
co_t lost_scalar_loses(struct co *co, struct lost_scalar_loses *f)
{
	long kept;

	CO_BEGIN;
	kept = f->n;
	CO_YIELD;
	f->n = kept;
	CO_RETURN(0);
	CO_END;
}
