/* coro/visit.c */
#include "coro/visit.h"

#include "hal/cpu.h"

co_t visit_cpus(struct co *co, struct visit_cpus *f)
{
	CO_BEGIN;
	f->affinity = atomic_load(&co_task(co)->affinity);
	for (f->at = 0; f->at < hal_cpu_count(); f->at++) {
		if (f->one && f->cpu != (int)f->at)
			continue;
		atomic_store(&co_task(co)->affinity, 1ul << f->at);
		while (hal_cpu_self()->id != f->at)
			CO_YIELD;
	}
	atomic_store(&co_task(co)->affinity, f->affinity);
	atomic_fence();
	CO_RETURN(0);
	CO_END;
}
