/* hal/arm64/gicv2.c -- the memory-mapped interrupt controller. */
#include "core/base/spinlock.h"
#include "hal/arm64/arm64.h"

#define GICD_CTLR	0x000
#define GICD_TYPER	0x004
#define GICD_ISENABLER	0x100
#define GICD_ICENABLER	0x180
#define GICD_IPRIORITYR 0x400
#define GICD_ITARGETSR	0x800
#define GICD_ICFGR	0xc00
#define GICD_SGIR	0xf00
#define GICC_CTLR	0x00
#define GICC_PMR	0x04
#define GICC_BPR	0x08
#define GICC_IAR	0x0c
#define GICC_EOIR	0x10
#define PRIORITIES	0xa0a0a0a0

static RO_AFTER_INIT u8 *gicd, *gicc;

static unsigned lines(void)
{
	return 32 * ((hal_mmio_read32(gicd + GICD_TYPER) & 31) + 1);
}

static const char *init(void)
{
	gicd = hal_mmio_map(arm_platform.gicd, arm_platform.gicd_size);
	gicc = hal_mmio_map(arm_platform.gicc, arm_platform.gicc_size);
	if (!gicd || !gicc)
		return "cannot map the GICv2";
	hal_mmio_write32(gicd + GICD_CTLR, 0);
	for (unsigned i = 32; i < lines(); i += 32)
		hal_mmio_write32(gicd + GICD_ICENABLER + i / 8, 0xffffffff);
	for (unsigned i = 32; i < lines(); i += 4)
		hal_mmio_write32(gicd + GICD_IPRIORITYR + i, PRIORITIES);
	hal_mmio_write32(gicd + GICD_CTLR, 1);
	return NULL;
}

static void init_cpu(struct arm_cpu *c)
{
	/* The first registers of the distributor are banked: each CPU sees its own. */
	hal_mmio_write32(gicd + GICD_ICENABLER, 0xffff0000);
	hal_mmio_write32(gicd + GICD_ISENABLER, 0x0000ffff);
	for (unsigned i = 0; i < 32; i += 4)
		hal_mmio_write32(gicd + GICD_IPRIORITYR + i, PRIORITIES);
	c->gic_bit = (u8)hal_mmio_read32(gicd + GICD_ITARGETSR);
	if (!c->gic_bit)
		c->gic_bit = 1;	/* a controller for one CPU reads as zero */
	hal_mmio_write32(gicc + GICC_PMR, 0xf0);
	hal_mmio_write32(gicc + GICC_BPR, 0);
	hal_mmio_write32(gicc + GICC_CTLR, 1);
}

static u32 ack(void)
{
	return hal_mmio_read32(gicc + GICC_IAR);
}

static void end(u32 acked)
{
	hal_mmio_write32(gicc + GICC_EOIR, acked);
}

static void enable(unsigned irq, bool edge)
{
	u8 *target = gicd + GICD_ITARGETSR + irq / 4 * 4;
	u8 *config = gicd + GICD_ICFGR + irq / 16 * 4;
	u32 shift = irq % 4 * 8, kind = 2u << irq % 16 * 2, old;

	if (irq >= 32) {
		old = hal_mmio_read32(target) & ~(0xffu << shift);
		hal_mmio_write32(target, old | (u32)arm_cpus[0].gic_bit << shift);
		old = hal_mmio_read32(config) & ~kind;
		hal_mmio_write32(config, old | (edge ? kind : 0));
	}
	hal_mmio_write32(gicd + GICD_ISENABLER + irq / 32 * 4, 1u << irq % 32);
}

static void send(const struct arm_cpu *to, unsigned sgi)
{
	hal_mmio_write32(gicd + GICD_SGIR, (u32)to->gic_bit << 16 | sgi);
}

const struct gic_ops gicv2_ops = {
	.name = "GICv2",
	.init = init,
	.init_cpu = init_cpu,
	.ack = ack,
	.end = end,
	.enable = enable,
	.send = send,
	.lines = lines,
};
