/* A lock that is not named in full: the compiler cannot follow it.
 * refused by lint: lock named through a pointer */
#include "coro/lock.h"
#include "coro/task.h"

struct thing {
	spinlock lock;
};
void lock_pointer_thing_touch(struct thing *t);
void lock_pointer_thing_touch(struct thing *t) NO_LOCK_ANALYSIS
{
	spinlock *l = &t->lock;

	spin_lock(l);
	spin_unlock(l);
}
