/* A loop counter that is a local, with an await in the loop.
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

struct lost_loop_loops {
	struct co_frame co;
	long n;
	int kind;
	bool again;
};
co_t lost_loop_loops(struct co *co, struct lost_loop_loops *f);
co_t lost_loop_loops(struct co *co, struct lost_loop_loops *f)
{
	CO_BEGIN;
	for (f->kind = 0; f->kind < 3; f->kind++)
		CO_YIELD;
	CO_RETURN(0);
	CO_END;
}
