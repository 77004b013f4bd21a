/* hal/arm64/boot.c -- CPUs: bringing them up, waking, stopping. */
#include "core/base/atomic.h"
#include "core/base/errno.h"
#include "hal/arm64/arm64.h"
#include "hal/console.h"

#include "core/base/string.h"

#define CNTKCTL_EL0VCTEN (1ul << 1)

struct arm_cpu arm_cpus[HAL_MAX_CPUS];
static u8 emergency_stacks[HAL_MAX_CPUS][8192] __attribute__((aligned(16)));
static RO_AFTER_INIT unsigned cpu_count;
static RO_AFTER_INIT const char *boot_error;

extern const char secondary_entry[];

u64 boot_early(paddr dtb);
struct hal_user *boot_main(void);
struct hal_user *secondary_main(struct arm_cpu *c);

/* System registers that boot firmware leaves in any state. */
static void cpu_init(void)
{
	sysreg_write(cpacr_el1, CPACR_FP_KERNEL);
	sysreg_write(cntkctl_el1, CNTKCTL_EL0VCTEN);
	sysreg_write(mdscr_el1, 0);
	sysreg_write(oslar_el1, 0);
	debug_init_cpu();
	sysreg_write(contextidr_el1, 0);
	sysreg_write(tpidr_el0, 0);
	sysreg_write(tpidrro_el0, 0);
	if (sysreg_read(id_aa64dfr0_el1) & 0xf00)
		sysreg_write(pmuserenr_el0, 0);
	barrier("isb");
	if (hal_machine.cpu_has_pan)
		barrier(".arch_extension pan\n\tmsr pan, #1\n\t.arch_extension nopan");
	hal_space_load(hal_space_token(hal_space_empty(), 0));
	barrier("tlbi vmalle1\n\tdsb nsh\n\tisb");
}

/* On the early tables: read the device tree, make the real ones. Returns the real stack. */
u64 boot_early(paddr dtb)
{
	struct arm_cpu *c = &arm_cpus[0];

	c->stack_bottom = (u64)stacks[0];
	c->stack_top = (u64)stacks[0] + STACK_SIZE;
	c->emergency_top = (u64)emergency_stacks[0] + sizeof(emergency_stacks[0]);
	/* libfdt is compiled for FP registers. */
	sysreg_write(cpacr_el1, CPACR_FP_KERNEL);
	barrier("isb");
	boot_error = machine_read(mmu_early_dtb(dtb), dtb);
	mmu_init();

	cpu_count = arm_platform.cpu_count;
	for (unsigned i = 0; i < cpu_count; i++) {
		c = &arm_cpus[i];
		c->cpu.id = i;
		c->mpidr = arm_platform.cpu_mpidr[i];
		c->syscall = hal_upcalls.syscall;
		c->stack_top = mmu_stack_top(i);
		c->stack_bottom = c->stack_top - STACK_SIZE;
		c->emergency_top = (u64)emergency_stacks[i] + sizeof(emergency_stacks[i]);
	}
	return arm_cpus[0].stack_top;
}

/* On the real ones. */
struct hal_user *boot_main(void)
{
	static const struct hal_user nobody;

	arm_self()->started = true;
	pl011_init();
	features_read();
	cpu_init();
	counter_init();
	if (!boot_error)
		boot_error = irq_init();
	if (boot_error)
		hal_upcalls.died(boot_error, &nobody);
	irq_init_cpu(arm_self());
	counter_init_cpu();
	return hal_upcalls.boot(&hal_machine);
}

struct hal_user *secondary_main(struct arm_cpu *c)
{
	cpu_init();
	irq_init_cpu(c);
	counter_init_cpu();
	atomic_store(&c->started, true);
	return hal_upcalls.cpu_up();
}

unsigned hal_cpu_count(void)
{
	return cpu_count;
}

struct hal_cpu *hal_cpu_nth(unsigned n)
{
	return &arm_cpus[n].cpu;
}

int hal_cpu_start(unsigned n)
{
	struct arm_cpu *c;
	u64 entry = image_phys + (u64)(secondary_entry - image_start);

	if (n >= cpu_count)
		return -EIO;
	c = &arm_cpus[n];
	/* The other CPU reads nothing before its MMU is on: no cache maintenance needed. */
	barrier("dsb sy");
	return psci_cpu_on(c->mpidr, entry, (u64)c) ? -EIO : 0;
}

void hal_irq_window(void)
{
	if (hal_irq_pending())
		irq_take();
}

void hal_cpu_idle(void)
{
	/* WFI wakes for an interrupt that is pending, masked or not. */
	while (!hal_irq_pending())
		barrier("dsb sy\n\twfi");
	irq_take();
}

void hal_halt(void)
{
	for (;;)
		barrier("wfi");
}

/* How far p may be read as a frame record of this CPU's stack, or of the emergency one. */
static bool frame_valid(u64 fp)
{
	struct arm_cpu *c = arm_self();

	if (fp & 15)
		return false;
	return (fp >= c->stack_bottom && fp <= c->stack_top - 16) ||
	       (fp >= c->emergency_top - sizeof(emergency_stacks[0]) &&
		fp <= c->emergency_top - 16);
}

unsigned hal_backtrace(const struct hal_user *regs, u64 *pcs, unsigned max)
{
	u64 fp = (u64)__builtin_frame_address(0);
	unsigned n = 0;

	if (regs) {
		fp = regs->x[29];
		if (n < max)
			pcs[n++] = regs->pc;
	}
	while (n < max && frame_valid(fp)) {
		const u64 *record = (const u64 *)fp;

		if (record[1] < IMAGE_BASE)
			break;
		pcs[n++] = record[1];
		if (record[0] <= fp)
			break;
		fp = record[0];
	}
	return n;
}
