/* A local struct that should live across an await.
 * refused by analyzer: uninitialized|garbage */
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

struct lost_struct_loses {
	struct co_frame co;
	long n;
	int kind;
	bool again;
};
co_t lost_struct_loses(struct co *co, struct lost_struct_loses *f);
co_t lost_struct_loses(struct co *co, struct lost_struct_loses *f)
{
	struct {
		long a, b;
	} kept;

	CO_BEGIN;
	kept.a = 1;
	CO_YIELD;
	f->n = kept.a;
	CO_RETURN(0);
	CO_END;
}
