/* A guarded field touched without its lock.
 * its twin that passes */
#include "coro/lock.h"
#include "coro/task.h"

struct counter {
	spinlock lock;
	u64 n GUARDED_BY(&lock);
};
u64 guarded_counter_get(struct counter *c);
u64 guarded_counter_get(struct counter *c)
{
	u64 n;

	spin_lock(&c->lock);
	n = c->n;
	spin_unlock(&c->lock);
	return n;
}
