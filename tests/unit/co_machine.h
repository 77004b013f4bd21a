/* tests/unit/co_machine.h -- coroutines on the simulated machine, with first-come-first-
 * served run queues and nothing above: a test names its first coroutine and the machine runs
 * it as a worker on CPU 0 after boot.
 *
 *	static co_t start(struct co *co, struct start *f) { ... CO_RETURN(0) ... }
 *	co_machine_run(seed, cpus, begin_start)
 *
 * The run ends when that worker ends (HOST_OFF) or an expectation fails.
 */
#ifndef CO_MACHINE_H
#define CO_MACHINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/log.h"
#include "coro/executor.h"
#include "coro/lock.h"
#include "coro/task.h"
#include "hal/clock.h"
#include "hal/host/host.h"
#include "mem/phys/buddy.h"
#include "mem/phys/fail.h"
#include "mem/phys/slab.h"

/* Starts the test's first worker and returns it. */
typedef struct task *co_machine_main(void);

/* (The first frame is a small one: a spawned frame must fit into the inline area.) */
#define CO_MACHINE_MAIN(fn, ...)                                \
	struct fn##_main {                                      \
		struct co_frame co;                             \
		long n;                                         \
	};                                                      \
	static co_t fn##_main(struct co *co, struct fn##_main *f) \
	{                                                       \
		CO_BEGIN;                                       \
		CO_AWAIT(f->n, fn __VA_OPT__(, ) __VA_ARGS__);  \
		CO_RETURN(f->n);                                \
		CO_END;                                         \
	}                                                       \
	static struct task *begin_##fn(void)                    \
	{                                                       \
		struct task *t_;                                \
		CO_SPAWN(t_, #fn, fn##_main);                   \
		return t_;                                      \
	}

/* Fields of config that matter: seed, mode, cpus, input. */
enum host_end co_machine_run(struct host_config config, co_machine_main *first,
			     struct host_result *result);

/* For runs that are started otherwise: the machine begins with this one, and goes on when it
 * has ended. */
void co_machine_begin(co_machine_main *first);

/* Every seed from 1 to n on `cpus` CPUs must end well; the first that does not is shown. */
void co_machine_seeds(unsigned n, unsigned cpus, co_machine_main *first);

/* One run that must end so, with `why` in its message or console. */
void co_machine_ends(unsigned cpus, co_machine_main *first, enum host_end end, const char *why);

/* What is on the CPU's way to user mode: the system call of rom programs. */
extern co_t (*co_machine_syscall)(struct task *t);
struct task *co_machine_user(const char *name, u64 pc);

/* Pages that frame stacks have: the task's own and what CPUs keep to lend. */
unsigned co_machine_frame_pages(const struct co *co);

#endif
