/* An await in a not_a_coroutine_plain function.
 * refused by compiler: undeclared identifier */
#include "coro/lock.h"
#include "coro/task.h"

static int not_a_coroutine_plain(struct task *t)
{
	CO_YIELD;
	return 0;
}

int not_a_coroutine_use(struct task *t);
int not_a_coroutine_use(struct task *t)
{
	return not_a_coroutine_plain(t);
}
