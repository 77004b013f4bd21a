/* A guarded field touched without its lock.
 * refused by compiler: requires holding */
#include "coro/lock.h"
#include "coro/task.h"

struct counter {
	spinlock lock;
	u64 n GUARDED_BY(&lock);
};
u64 guarded_counter_get(struct counter *c);
u64 guarded_counter_get(struct counter *c)
{
	return c->n;
}
