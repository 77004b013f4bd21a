/* The address of a local stored in the frame.
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

struct stored_address_keeps {
	struct co_frame co;
	long n;
	int kind;
	int here, *to;
};
co_t stored_address_keeps(struct co *co, struct stored_address_keeps *f);
co_t stored_address_keeps(struct co *co, struct stored_address_keeps *f)
{
	CO_BEGIN;
	f->here = f->kind;
	f->to = &f->here;
	f->n = *f->to;
	CO_RETURN(0);
	CO_END;
}
