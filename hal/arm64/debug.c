/* hal/arm64/debug.c -- single steps, breakpoints and watchpoints of user programs.
 *
 * MDSCR_EL1.KDE stays clear, so that nothing of this happens in the kernel.
 */
#include "hal/debug.h"

#include "hal/arm64/arm64.h"

#define MDSCR_SS  (1ul << 0)
#define MDSCR_MDE (1ul << 15)

struct hal_debug_info hal_debug_info(void)
{
	u64 features = sysreg_read(id_aa64dfr0_el1);

	return (struct hal_debug_info){
		.arch = features & 15,
		.breaks = (features >> 12 & 15) + 1,
		.watches = (features >> 20 & 15) + 1,
	};
}

/* The number of such a register is part of the instruction. */
#define EACH_SLOT(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) \
	X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)

static void write_break(unsigned n, u64 addr, u64 ctrl)
{
#define WRITE(i) \
	case i: \
		sysreg_write(dbgbvr##i##_el1, addr); \
		sysreg_write(dbgbcr##i##_el1, ctrl); \
		break;
	switch (n) {
	EACH_SLOT(WRITE)
	}
#undef WRITE
}

static void write_watch(unsigned n, u64 addr, u64 ctrl)
{
#define WRITE(i) \
	case i: \
		sysreg_write(dbgwvr##i##_el1, addr); \
		sysreg_write(dbgwcr##i##_el1, ctrl); \
		break;
	switch (n) {
	EACH_SLOT(WRITE)
	}
#undef WRITE
}

void debug_init_cpu(void)
{
	struct hal_debug_info info = hal_debug_info();

	for (unsigned i = 0; i < info.breaks; i++)
		write_break(i, 0, 0);
	for (unsigned i = 0; i < info.watches; i++)
		write_watch(i, 0, 0);
}

/* What is not in use is written, too: the last one's may still be there. */
static void load_slots(const struct hal_debug *d)
{
	struct hal_debug_info info = hal_debug_info();

	for (unsigned i = 0; i < info.breaks; i++)
		write_break(i, d->breaks[i].addr, d->breaks[i].ctrl & 1 ? d->breaks[i].ctrl : 0);
	for (unsigned i = 0; i < info.watches; i++)
		write_watch(i, d->watches[i].addr, d->watches[i].ctrl & 1 ? d->watches[i].ctrl : 0);
}

/* u comes, and it or who was there before is watched. */
void debug_load(struct hal_user *u)
{
	struct arm_cpu *c = arm_self();

	if (u->debugged)
		load_slots(hal_upcalls.debug(u));
	c->watched = u->watched;
	sysreg_write(mdscr_el1, (u->step ? MDSCR_SS : 0) | (u->debugged ? MDSCR_MDE : 0));
}
