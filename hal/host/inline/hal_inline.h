/* hal/host/inline/hal_inline.h -- the same operations in a simulation. */
#ifndef HAL_INLINE_H
#define HAL_INLINE_H

#define HAL_SIMULATED 1
#define HAL_ENTRY

struct hal_cpu *hal_cpu_self(void);
void hal_relax(void);
bool hal_irq_pending(void);
void hal_sim_point(const volatile void *what);
void hal_sim_read(const volatile void *what);

#endif
