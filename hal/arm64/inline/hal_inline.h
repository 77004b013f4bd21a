/* hal/arm64/inline/hal_inline.h -- the operations that must cost nothing. */
#ifndef HAL_INLINE_H
#define HAL_INLINE_H

#define HAL_SIMULATED 0

static inline struct hal_cpu *hal_cpu_self(void)
{
	struct hal_cpu *cpu;

	__asm__("mrs %0, tpidr_el1" : "=r"(cpu));
	return cpu;
}

static inline void hal_relax(void)
{
	__asm__ volatile("yield" ::: "memory");
}

static inline bool hal_irq_pending(void)
{
	u64 isr;

	__asm__ volatile("mrs %0, isr_el1" : "=r"(isr));
	return isr != 0;
}

static inline void hal_sim_point(const volatile void *what)
{
	(void)what;
}

#endif
