/* A local struct that should live across an await.
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

struct lost_struct_loses {
	struct co_frame co;
	long n;
	int kind;
	struct {
		long a, b;
	} kept;
};
co_t lost_struct_loses(struct co *co, struct lost_struct_loses *f);
co_t lost_struct_loses(struct co *co, struct lost_struct_loses *f)
{
	CO_BEGIN;
	f->kept.a = 1;
	CO_YIELD;
	f->n = f->kept.a;
	CO_RETURN(0);
	CO_END;
}
