/* The address of a local given to an await: the stack it is on will be gone.
 * its twin that passes */
#include "coro/lock.h"
#include "coro/task.h"

struct other {
	struct co_frame co;
	int n;
};
co_t other(struct co *co, struct other *f);

struct taker {
	struct co_frame co;
	long *to;
};
co_t taker(struct co *co, struct taker *f);
extern spinlock lock;
extern struct waitq queue;
extern u32 ready;

struct address_gives {
	struct co_frame co;
	long n;
	int kind;
	long to;
};
co_t address_gives(struct co *co, struct address_gives *f);
co_t address_gives(struct co *co, struct address_gives *f)
{
	CO_BEGIN;
	CO_AWAIT(f->n, taker, .to = &f->to);
	CO_RETURN(0);
	CO_END;
}
