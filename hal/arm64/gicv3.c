/* hal/arm64/gicv3.c -- the interrupt controller with redistributors and system registers. */
#include "hal/arm64/arm64.h"

#define GICD_CTLR	0x0000
#define GICD_TYPER	0x0004
#define GICD_IGROUPR	0x0080
#define GICD_ISENABLER	0x0100
#define GICD_ICENABLER	0x0180
#define GICD_IPRIORITYR 0x0400
#define GICD_ICFGR	0x0c00
#define GICD_IROUTER	0x6000
#define GICD_RWP	(1u << 31)
#define GICD_ARE	(1u << 4)
#define GICD_GROUP1	(1u << 1)

#define GICR_TYPER	0x0008
#define GICR_WAKER	0x0014
#define GICR_SGI	0x10000 /* the second frame, laid out as the distributor */
#define GICR_STRIDE	0x20000
#define WAKER_SLEEP	(1u << 1)
#define WAKER_ASLEEP	(1u << 2)
#define TYPER_LAST	(1u << 4)
#define TYPER_VLPIS	(1u << 1)
#define PRIORITIES	0xa0a0a0a0

#define ICC_PMR_EL1	S3_0_C4_C6_0
#define ICC_IAR1_EL1	S3_0_C12_C12_0
#define ICC_EOIR1_EL1	S3_0_C12_C12_1
#define ICC_BPR1_EL1	S3_0_C12_C12_3
#define ICC_CTLR_EL1	S3_0_C12_C12_4
#define ICC_SRE_EL1	S3_0_C12_C12_5
#define ICC_IGRPEN1_EL1 S3_0_C12_C12_7
#define ICC_SGI1R_EL1	S3_0_C12_C11_5

static RO_AFTER_INIT u8 *gicd;

static unsigned lines(void)
{
	return 32 * ((hal_mmio_read32(gicd + GICD_TYPER) & 31) + 1);
}

static void wait_distributor(void)
{
	while (hal_mmio_read32(gicd + GICD_CTLR) & GICD_RWP)
		hal_relax();
}

/* A redistributor tells whose it is by the affinity in its type register. */
static const char *find_redistributors(void)
{
	unsigned found = 0;

	for (unsigned r = 0; r < arm_platform.gicr_count; r++) {
		u8 *at = hal_mmio_map(arm_platform.gicr[r], arm_platform.gicr_size[r]);
		u8 *region_end = at + arm_platform.gicr_size[r];
		u32 type = 0;

		if (!at)
			return "cannot map the GICv3";
		for (; at < region_end && !(type & TYPER_LAST);
		     at += type & TYPER_VLPIS ? 2 * GICR_STRIDE : GICR_STRIDE) {
			u32 who = hal_mmio_read32(at + GICR_TYPER + 4);

			type = hal_mmio_read32(at + GICR_TYPER);
			for (unsigned i = 0; i < hal_cpu_count(); i++) {
				u64 id = arm_cpus[i].mpidr;

				if (who == (u32)(id >> 8 & 0xff000000) + (u32)(id & 0xffffff)) {
					arm_cpus[i].gic = at;
					found++;
				}
			}
		}
	}
	return found == hal_cpu_count() ? NULL : "a CPU without a GIC redistributor";
}

static const char *init(void)
{
	gicd = hal_mmio_map(arm_platform.gicd, arm_platform.gicd_size);
	if (!gicd)
		return "cannot map the GICv3";
	hal_mmio_write32(gicd + GICD_CTLR, 0);
	wait_distributor();
	for (unsigned i = 32; i < lines(); i += 32) {
		hal_mmio_write32(gicd + GICD_ICENABLER + i / 8, 0xffffffff);
		hal_mmio_write32(gicd + GICD_IGROUPR + i / 8, 0xffffffff);
	}
	for (unsigned i = 32; i < lines(); i += 4)
		hal_mmio_write32(gicd + GICD_IPRIORITYR + i, PRIORITIES);
	hal_mmio_write32(gicd + GICD_CTLR, GICD_ARE | GICD_GROUP1);
	wait_distributor();
	return find_redistributors();
}

static void init_cpu(struct arm_cpu *c)
{
	u8 *gicr = c->gic, *sgi = gicr + GICR_SGI;

	hal_mmio_write32(gicr + GICR_WAKER, hal_mmio_read32(gicr + GICR_WAKER) & ~WAKER_SLEEP);
	while (hal_mmio_read32(gicr + GICR_WAKER) & WAKER_ASLEEP)
		hal_relax();
	hal_mmio_write32(sgi + GICD_ICENABLER, 0xffff0000);
	hal_mmio_write32(sgi + GICD_IGROUPR, 0xffffffff);
	hal_mmio_write32(sgi + GICD_ISENABLER, 0x0000ffff);
	for (unsigned i = 0; i < 32; i += 4)
		hal_mmio_write32(sgi + GICD_IPRIORITYR + i, PRIORITIES);

	sysreg_write(ICC_SRE_EL1, sysreg_read(ICC_SRE_EL1) | 1);
	barrier("isb");
	sysreg_write(ICC_PMR_EL1, 0xf0);
	sysreg_write(ICC_BPR1_EL1, 0);
	sysreg_write(ICC_CTLR_EL1, 0);
	sysreg_write(ICC_IGRPEN1_EL1, 1);
	barrier("isb");
}

static u32 ack(void)
{
	u32 irq = (u32)sysreg_read(ICC_IAR1_EL1);

	barrier("dsb sy");
	return irq;
}

static void end(u32 acked)
{
	sysreg_write(ICC_EOIR1_EL1, acked);
	barrier("isb");
}

static void enable(unsigned irq, bool edge)
{
	u8 *base = irq < 32 ? (u8 *)arm_self()->gic + GICR_SGI : gicd;
	u32 kind = 2u << irq % 16 * 2, old;

	if (irq >= 32) {
		u8 *config = gicd + GICD_ICFGR + irq / 16 * 4;
		u8 *route = gicd + GICD_IROUTER + irq * 8;

		hal_mmio_write32(route, (u32)(arm_cpus[0].mpidr & 0xffffff));
		hal_mmio_write32(route + 4, (u32)(arm_cpus[0].mpidr >> 32));
		old = hal_mmio_read32(config) & ~kind;
		hal_mmio_write32(config, old | (edge ? kind : 0));
	}
	hal_mmio_write32(base + GICD_ISENABLER + irq / 32 * 4, 1u << irq % 32);
}

static void send(const struct arm_cpu *to, unsigned sgi)
{
	u64 id = to->mpidr;

	sysreg_write(ICC_SGI1R_EL1, (id >> 32 & 0xff) << 48 | (id >> 16 & 0xff) << 32 |
					 (u64)sgi << 24 | (id >> 8 & 0xff) << 16 |
					 (id >> 4 & 15) << 44 | 1ul << (id & 15));
	barrier("isb");
}

const struct gic_ops gicv3_ops = {
	.name = "GICv3",
	.init = init,
	.init_cpu = init_cpu,
	.ack = ack,
	.end = end,
	.enable = enable,
	.send = send,
	.lines = lines,
};
