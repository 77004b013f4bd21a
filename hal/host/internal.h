/* hal/host/internal.h -- what the files of this provider share.
 *
 * Locking  seeded and explored runs have one thread at a time, which the baton orders. In a
 *          free run `machine_lock` guards everything here that is not the CPU's own.
 */
#ifndef HOST_INTERNAL_H
#define HOST_INTERNAL_H

#include <pthread.h>

#include "hal/clock.h"
#include "hal/cpu.h"
#include "hal/memory.h"
#include "hal/machine.h"
#include "hal/trap.h"
#include "hal/host/host.h"

#define HOST_RAM_BASE 0x40000000ul
#define HOST_TLB_SIZE 512
#define HOST_STEP_NS  20

enum {
	HOST_PEND_KICK = 1,
	HOST_PEND_TIMER = 2,
	HOST_PEND_DEVICE = 4,
};

struct host_tlb_entry {
	bool valid;
	u16 asid;
	u64 page;	/* virtual page number */
	u64 pte;
	u64 root;	/* the tables it was read from */
};

struct host_cpu {
	struct hal_cpu cpu;
	pthread_t thread;
	u32 go;			/* [a] futex: the baton is here */
	bool started, idle, spinning, stopped;
	const volatile void *at; /* explored: what the next step touches, */
	bool reads;		 /* and that it only reads it */
	u32 pending;		/* [a] HOST_PEND_* */
	u64 timer_ns;
	struct hal_user *user;	/* whose registers are loaded */
	struct hal_fp fp;
	u64 tls;
	u64 root;
	u16 asid;
	struct host_tlb_entry tlb[HOST_TLB_SIZE];
};

extern struct host_cpu host_cpus[HAL_MAX_CPUS];
extern unsigned host_cpu_total;
extern _Thread_local struct host_cpu *host_self;	/* NULL outside of a run */
extern bool host_attached;
extern bool host_ended;		/* [a] only the report is still being made */
extern u64 host_clock;		/* [a] */
extern struct host_result *host_result; /* shared with the parent */

/* In free runs only; nothing otherwise. */
void host_lock(void);
void host_unlock(void);

/* End the run from any thread. */
[[noreturn]] void host_end(enum host_end end, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* cpu.c */
void host_cpus_run(void);		/* CPU 0 boots; returns never */
void host_pend(unsigned cpu, u32 bits);
void host_user_loop(struct host_cpu *me);

/* event.c: what happens later. */
typedef void host_event_fn(void *arg);
void host_event_at(u64 ns, host_event_fn *fn, void *arg);
u64 host_event_next(void);		/* HAL_TIMER_NEVER: none */
void host_events_run(void);		/* what is due now */

/* irq.c */
void host_irq_raise(unsigned irq, bool level);
void host_irq_console(void);		/* the line has something to say */
void host_irq_deliver(void);		/* on CPU 0 */

/* memory.c */
void host_memory_init(void);
void *host_ram(u64 phys, u64 size);	/* NULL if it is not all RAM */
/* Where user address va lies for this access, or NULL and *why. */
void *host_translate(u64 va, enum hal_access access, bool *present);

/* console.c */
void host_console_init(void);
void host_console_interrupt(void);

/* virtio.c */
void host_virtio_init(void);
struct host_virtio_queue;

/* explore.c: the choice of the next CPU; bit n of `enabled`: CPU n could go on. */
unsigned host_explore_next(u32 enabled, unsigned current);
bool host_exploring(void);
void host_explore_round(void);	/* every CPU is idle: judge, and begin the next round */

/* branch.c */
void host_branches_end(void);

/* run.c */
void host_off_one_core(void);
void host_coverage_add(void);

#endif
