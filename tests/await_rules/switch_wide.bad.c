/* The same, on a 64-bit value.
 * refused by compiler: overflow converting case value */
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

struct switch_wide_in_switch {
	struct co_frame co;
	long n;
	int kind;
	bool again;
};
co_t switch_wide_in_switch(struct co *co, struct switch_wide_in_switch *f);
co_t switch_wide_in_switch(struct co *co, struct switch_wide_in_switch *f)
{
	CO_BEGIN;
	switch ((u64)f->n) {
	case 1:
		CO_YIELD;
		break;
	}
	CO_RETURN(0);
	CO_END;
}
