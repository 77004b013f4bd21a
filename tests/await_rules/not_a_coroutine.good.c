/* An await in a not_a_coroutine_plain function.
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

struct not_a_coroutine_plain {
	struct co_frame co;
	long n;
	int kind;
	bool again;
};
co_t not_a_coroutine_plain(struct co *co, struct not_a_coroutine_plain *f);
co_t not_a_coroutine_plain(struct co *co, struct not_a_coroutine_plain *f)
{
	CO_BEGIN;
	CO_YIELD;
	CO_RETURN(0);
	CO_END;
}
