/* hal/arm64/inline/hal_inline.h -- the operations that must cost nothing. */
#ifndef HAL_INLINE_H
#define HAL_INLINE_H

#define HAL_SIMULATED 0

/* Nobody's registers are saved: vectors.S gives the first arguments in x20, x21, x22. */
#define HAL_ENTRY __attribute__((preserve_none))

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

/* Whoever comes first after it was let go has it. A virtual CPU whose turn it were might not be
 * running for a long time, and all others would wait for it. */
static inline void hal_lock(u32 *lock)
{
	while (__builtin_expect(__atomic_exchange_n(lock, 1u, __ATOMIC_ACQ_REL), 0))
		while (__atomic_load_n(lock, __ATOMIC_RELAXED))
			hal_relax();
}

static inline bool hal_try_lock(u32 *lock)
{
	return !__atomic_load_n(lock, __ATOMIC_RELAXED) &&
	       !__atomic_exchange_n(lock, 1u, __ATOMIC_ACQ_REL);
}

static inline void hal_unlock(u32 *lock)
{
	__atomic_store_n(lock, 0u, __ATOMIC_RELEASE);
}

static inline bool hal_irq_pending(void)
{
	u64 isr;

	__asm__ volatile("mrs %0, isr_el1" : "=r"(isr));
	return isr != 0;
}

static inline bool hal_has_crc32c(void)
{
	u64 isar0;

	__asm__("mrs %0, id_aa64isar0_el1" : "=r"(isar0));
	return isar0 >> 16 & 0xf;
}

static inline u32 hal_crc32c(u32 crc, u64 word)
{
	__asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %1" : "+r"(crc) : "r"(word));
	return crc;
}

static inline void hal_sim_point(const volatile void *what)
{
	(void)what;
}

static inline void hal_sim_read(const volatile void *what)
{
	(void)what;
}

/* Of hal/clock.h: ns = ticks since boot * mult >> 32. Each CPU has the two at hand. */
struct arm_cpu_clock {
	struct hal_cpu cpu;
	u64 zero, mult;		/* [I] the same on all */
};

static inline u64 hal_clock_counter(void)
{
	u64 ticks;

	__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(ticks) : : "memory");
	return ticks;
}

static inline u64 hal_clock_ns(void)
{
	const struct arm_cpu_clock *c = (const struct arm_cpu_clock *)hal_cpu_self();

	return (u64)((unsigned __int128)(hal_clock_counter() - c->zero) * c->mult >> 32);
}

/* Of hal/memory.h. */
static inline void hal_space_load(u64 token)
{
	__asm__ volatile("msr ttbr0_el1, %0\n\tisb" : : "r"(token) : "memory");
}

/* Of hal/memory.h: too hot to be calls. The direct map starts at the bottom of the kernel's
 * half (DIRECT_BASE), below everything else there. */
static inline void *hal_phys_to_virt(paddr p)
{
	return (void *)(p.raw + 0xffff000000000000);
}

static inline u32 hal_mmio_read32(const volatile void *reg)
{
	u32 value;

	__asm__ volatile("ldr %w0, [%1]" : "=r"(value) : "r"(reg) : "memory");
	return value;
}

static inline void hal_mmio_write32(volatile void *reg, u32 value)
{
	__asm__ volatile("str %w0, [%1]" : : "r"(value), "r"(reg) : "memory");
}

static inline void hal_dma_write_barrier(void)
{
	__asm__ volatile("dmb oshst" ::: "memory");
}

static inline void hal_dma_read_barrier(void)
{
	__asm__ volatile("dmb oshld" ::: "memory");
}

#endif
