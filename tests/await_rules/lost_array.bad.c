/* A local array that should live across an await.
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

struct lost_array_loses {
	struct co_frame co;
	long n;
	int kind;
	bool again;
};
co_t lost_array_loses(struct co *co, struct lost_array_loses *f);
co_t lost_array_loses(struct co *co, struct lost_array_loses *f)
{
	long kept[2];

	CO_BEGIN;
	kept[0] = 1;
	kept[1] = f->kind;
	CO_YIELD;
	f->n = kept[0] + kept[1];
	CO_RETURN(0);
	CO_END;
}
