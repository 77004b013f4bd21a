/* hal/arm64/irq.c -- interrupts, above whichever GIC there is.
 *
 * Nothing in the kernel takes an interrupt exception: windows poll the controller, and only
 * user mode is really interrupted (vectors.S calls irq_take then).
 *
 * Locking  register_lock for the table's writers; a reader sees an entry whole because `fn`
 *          is published last.
 */
#include "core/base/atomic.h"
#include "core/base/errno.h"
#include "core/base/spinlock.h"
#include "hal/arm64/arm64.h"

#define IRQ_MAX	  1020
#define SPI_FIRST 32

struct irq_action {
	hal_irq_fn *fn;		/* [a] */
	void *arg;		/* [I] once fn is set, as name and edge */
	const char *name;
	bool edge;
	u64 count[HAL_MAX_CPUS];	/* its CPU's */
};

static struct irq_action actions[IRQ_MAX];
static spinlock register_lock;
static RO_AFTER_INIT const struct gic_ops *gic;

static void kicked(void *arg)
{
	hal_upcalls.kicked();
}

static void stopped(void *arg)
{
	hal_halt();
}

const char *irq_init(void)
{
	const struct gic_ops *found = arm_platform.gic_version == 3 ? &gicv3_ops : &gicv2_ops;
	const char *error = found->init();

	actions[SGI_KICK] = (struct irq_action){kicked, .name = "Rescheduling interrupts"};
	actions[SGI_STOP] = (struct irq_action){stopped, .name = "CPU stop interrupts"};
	if (!error)
		gic = found;
	return error;
}

void irq_init_cpu(struct arm_cpu *c)
{
	gic->init_cpu(c);
}

void irq_take(void)
{
	unsigned cpu = hal_cpu_self()->id;

	for (;;) {
		u32 ack = gic->ack();
		u32 irq = ack & 0x3ff;
		hal_irq_fn *fn;

		if (irq >= GIC_SPURIOUS)
			return;
		fn = atomic_load(&actions[irq].fn);
		actions[irq].count[cpu]++;
		if (fn)
			fn(actions[irq].arg);
		gic->end(ack);
	}
}

void irq_local(unsigned irq, const char *name, hal_irq_fn *fn)
{
	actions[irq].name = name;
	atomic_store(&actions[irq].fn, fn);
	gic->enable(irq, false);
}

int hal_irq_register(unsigned irq, bool edge, const char *name, hal_irq_fn *fn, void *arg)
{
	if (irq < SPI_FIRST || irq >= hal_irq_max())
		return -EINVAL;
	spin_lock(&register_lock);
	if (actions[irq].fn) {
		spin_unlock(&register_lock);
		return -EBUSY;
	}
	actions[irq].arg = arg;
	actions[irq].name = name;
	actions[irq].edge = edge;
	atomic_store(&actions[irq].fn, fn);
	gic->enable(irq, edge);
	spin_unlock(&register_lock);
	return 0;
}

bool hal_irq_info(unsigned irq, struct hal_irq *info)
{
	const struct irq_action *a = &actions[irq];

	if (irq >= IRQ_MAX || !atomic_load(&a->fn))
		return false;
	*info = (struct hal_irq){a->name, irq <= SGI_STOP ? NULL : gic->name, a->edge};
	return true;
}

u64 hal_irq_count(unsigned irq, unsigned cpu)
{
	return irq < IRQ_MAX && cpu < HAL_MAX_CPUS ? atomic_load_relaxed(&actions[irq].count[cpu]) : 0;
}

unsigned hal_irq_max(void)
{
	unsigned lines = gic->lines();

	return lines < IRQ_MAX ? lines : IRQ_MAX;
}

void hal_cpu_kick(unsigned n)
{
	/* What the other CPU is to look at must be there when it looks. */
	barrier("dsb ishst");
	gic->send(&arm_cpus[n], SGI_KICK);
}

void hal_stop_others(void)
{
	barrier("dsb ishst");
	for (unsigned i = 0; gic && i < hal_cpu_count(); i++)
		if (&arm_cpus[i] != arm_self() && arm_cpus[i].started)
			gic->send(&arm_cpus[i], SGI_STOP);
}
