/* An await inside an ordinary switch.
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

struct switch_in_switch {
	struct co_frame co;
	long n;
	int kind;
	bool again;
};
co_t switch_in_switch(struct co *co, struct switch_in_switch *f);
co_t switch_in_switch(struct co *co, struct switch_in_switch *f)
{
	CO_BEGIN;
	if (f->kind == 1)
		CO_AWAIT(f->n, other, .n = 1);
	CO_RETURN(0);
	CO_END;
}
