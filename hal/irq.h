/* hal/irq.h -- device interrupts.
 *
 * Locking  a handler runs on the CPU the interrupt was routed to, in an interrupt window;
 *          it never waits, and may take spinlocks (no kernel code holds one across a window).
 */
#ifndef HAL_IRQ_H
#define HAL_IRQ_H

#include "hal/types.h"

typedef void hal_irq_fn(void *arg);

/* Route interrupt `irq` (the controller's number; SPIs start at 32 on a GIC) to CPU 0 and
 * enable it. The name is the device's, and is kept. 0, -EBUSY if taken, -EINVAL if the
 * controller has no such number. */
int hal_irq_register(unsigned irq, bool edge, const char *name, hal_irq_fn *fn, void *arg);

struct hal_irq {
	const char *name;
	const char *controller;	/* NULL: it comes from another CPU */
	bool edge;
};
/* Whose it is; false: nobody's. */
bool hal_irq_info(unsigned irq, struct hal_irq *info);

/* Interrupts taken so far on `cpu` for `irq`; for /proc/interrupts. */
u64 hal_irq_count(unsigned irq, unsigned cpu);
unsigned hal_irq_max(void);

#endif
