/* hal/arm64/arm64.h -- what the files of this folder share.
 *
 * Locking  struct arm_cpu belongs to its CPU once that CPU runs.
 */
#ifndef ARM64_ARM64_H
#define ARM64_ARM64_H

#include "hal/cpu.h"
#include "hal/irq.h"
#include "hal/machine.h"
#include "hal/memory.h"
#include "hal/arm64/offsets.h"
#include "hal/trap.h"

struct arm_cpu {
	struct arm_cpu_user;
	u64 stack_top;			/* [I] */
	HAL_ENTRY struct hal_user *(*syscall)(struct hal_user *u); /* [I] hal_upcalls' */
	u64 stack_bottom, emergency_top;	/* [I] */
	struct hal_user *fp_user;	/* whose FP registers are loaded; may be gone */
	bool dying;
	bool started;			/* [a] */
	u64 mpidr;			/* [I] affinity fields only */
	void *gic;			/* [I] its redistributor (GICv3) */
	u8 gic_bit;			/* [I] its bit in a target list (GICv2) */
};
extern struct arm_cpu arm_cpus[HAL_MAX_CPUS];

static inline struct arm_cpu *arm_self(void)
{
	return container_of(hal_cpu_self(), struct arm_cpu, cpu);
}

#define sysreg_name(name) #name
#define sysreg_read(name)                                                                  \
	({                                                                                 \
		u64 sysreg_;                                                               \
		__asm__ volatile("mrs %0, " sysreg_name(name) : "=r"(sysreg_) : : "memory"); \
		sysreg_;                                                                   \
	})
#define sysreg_write(name, value) \
	__asm__ volatile("msr " sysreg_name(name) ", %0" : : "r"((u64)(value)) : "memory")
#define barrier(op) __asm__ volatile(op : : : "memory")

/* CPACR_EL1: who may use the FP registers. */
#define CPACR_FP_KERNEL (1ul << 20)
#define CPACR_FP_ALL	(3ul << 20)

/* Writable until hal_memory_seal. */
#define RO_AFTER_INIT __attribute__((section(".ro_after_init")))

/* What the device tree says and only this folder wants. */
struct arm_platform {
	paddr gicd, gicc, gicr[4];
	u64 gicd_size, gicc_size, gicr_size[4];
	unsigned gic_version, gicr_count;
	paddr uart, rtc;
	unsigned uart_irq, timer_irq;
	unsigned cpu_count;
	u64 cpu_mpidr[HAL_MAX_CPUS];
	bool psci_smc;
};
extern struct arm_platform arm_platform;

/* machine.c: fill hal_machine and arm_platform; NULL, or what is wrong with the tree. */
const char *machine_read(const void *dtb, paddr dtb_at);

/* features.c: hwcaps; and doing a program's read of an ID register in its place. */
void features_read(void);
bool features_emulate(struct hal_user *u);

/* fp.c: the FP registers come and go with who uses them. */
void fp_used(struct hal_user *u);	/* user mode wants them */
void fp_enter(struct hal_user *u);	/* u is the user context now */
void fp_leave(void);			/* fp_live is no longer */

/* mmu.c */
void mmu_init(void);
const void *mmu_early_dtb(paddr dtb);
u64 mmu_stack_top(unsigned cpu);
extern u64 image_phys;
extern u8 stacks[HAL_MAX_CPUS][STACK_SIZE];
extern u64 kernel_l0[HAL_PT_ENTRIES];
extern const char image_start[], text_end[], rodata_end[], ro_after_init_end[], image_end[];

/* debug.c */
void debug_init_cpu(void);
void debug_load(struct hal_user *u);

/* psci.c */
i64 psci_cpu_on(u64 mpidr, u64 entry, u64 context);

/* irq.c, with a controller below it */
struct gic_ops {
	const char *name;
	const char *(*init)(void);	/* NULL, or what is wrong */
	void (*init_cpu)(struct arm_cpu *c);
	u32 (*ack)(void);		/* interrupt number in the low 10 bits */
	void (*end)(u32 ack);
	void (*enable)(unsigned irq, bool edge);
	void (*send)(const struct arm_cpu *to, unsigned sgi);
	unsigned (*lines)(void);
};
extern const struct gic_ops gicv2_ops, gicv3_ops;
enum { SGI_KICK, SGI_STOP };
#define GIC_SPURIOUS 1020
const char *irq_init(void);
void irq_init_cpu(struct arm_cpu *c);
void irq_take(void);
/* A per-CPU interrupt; enabled on the calling CPU. */
void irq_local(unsigned irq, const char *name, hal_irq_fn *fn);

/* clock.c */
void counter_init(void);
void counter_init_cpu(void);

/* pl011.c */
void pl011_init(void);

#endif
