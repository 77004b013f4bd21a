/* A lock that is not named in full: the compiler cannot follow it.
 * its twin that passes */
#include "coro/lock.h"
#include "coro/task.h"

struct thing {
	spinlock lock;
};
void lock_pointer_thing_touch(struct thing *t);
void lock_pointer_thing_touch(struct thing *t)
{
	spin_lock(&t->lock);
	spin_unlock(&t->lock);
}
