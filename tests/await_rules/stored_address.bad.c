/* The address of a local stored in the frame.
 * refused by lint: address of local */
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
	int *to;
};
co_t stored_address_keeps(struct co *co, struct stored_address_keeps *f);
co_t stored_address_keeps(struct co *co, struct stored_address_keeps *f)
{
	int here;

	CO_BEGIN;
	here = f->kind;
	f->to = &here;
	f->n = *f->to;
	CO_RETURN(0);
	CO_END;
}
