/* Two awaits on one line.
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

struct one_line_two {
	struct co_frame co;
	long n;
	int kind;
	bool again;
};
co_t one_line_two(struct co *co, struct one_line_two *f);
co_t one_line_two(struct co *co, struct one_line_two *f)
{
	CO_BEGIN;
	if (f->kind)
		CO_YIELD;
	else
		CO_YIELD;
	CO_RETURN(0);
	CO_END;
}
