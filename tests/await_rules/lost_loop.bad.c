/* A loop counter that is a local, with an await in the loop.
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
	for (int i = 0; i < 3; i++)
		CO_YIELD;
	CO_RETURN(0);
	CO_END;
}
