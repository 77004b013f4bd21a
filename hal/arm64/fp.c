/* hal/arm64/fp.c -- whose FP registers are in the CPU.
 *
 * A task that does not use them pays nothing for them: when it becomes the user context they are
 * closed to user mode (CPACR_EL1), its first use traps, and only then are its registers loaded,
 * if they are not there still. When it leaves they are written back if they were open. So a
 * parked task's registers are always in its record, any CPU may run it, and none ever has to ask
 * another for them.
 *
 * Who used them in FP_RUN slices in a row has them loaded without asking for the next FP_EAGER
 * ones: a trap costs about what a load and a save do. Then it is tried again.
 */
#include "hal/arm64/arm64.h"

#define FP_RUN	 3
#define FP_EAGER 32

void fp_save(struct hal_fp *fp);
void fp_load(const struct hal_fp *fp);

static void fp_take(struct arm_cpu *c, struct hal_user *u)
{
	if (c->fp_user != u || u->fp_cpu != (i32)c->cpu.id) {
		fp_load(&u->fp);
		c->fp_user = u;
		u->fp_cpu = (i32)c->cpu.id;
	}
	c->fp_live = u;
	if (!c->fp_open) {
		c->fp_open = true;
		sysreg_write(cpacr_el1, CPACR_FP_ALL);
	}
}

void fp_used(struct hal_user *u)
{
	if (++u->fp_uses == FP_RUN) {
		u->fp_uses--;
		u->fp_eager = FP_EAGER;
	}
	fp_take(arm_self(), u);
}

void fp_enter(struct hal_user *u)
{
	struct arm_cpu *c = arm_self();

	if (u->fp_eager) {
		u->fp_eager--;
		fp_take(c, u);
	} else if (c->fp_open) {
		c->fp_open = false;
		sysreg_write(cpacr_el1, CPACR_FP_KERNEL);
	}
}

void fp_leave(void)
{
	struct arm_cpu *c = arm_self();

	fp_save(&c->fp_live->fp);
	c->fp_live = NULL;
}
