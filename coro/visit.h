/* coro/visit.h -- going to every CPU in turn.
 *
 * When it is over, each CPU has passed through its executor: polls that ran when it began have
 * ended, registers were saved and loaded there.
 */
#ifndef CORO_VISIT_H
#define CORO_VISIT_H

#include "coro/task.h"

/* Awaited by the task that goes. Returns 0. */
struct visit_cpus {
	struct co_frame co;
	bool one;		/* only `cpu` */
	int cpu;
	u64 affinity;
	unsigned at;
};
co_t visit_cpus(struct co *co, struct visit_cpus *f);

#endif
