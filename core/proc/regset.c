/* core/proc/regset.c -- register sets of a thread. */
#include <linux/elf.h>
#include <asm/ptrace.h>

#include "core/proc/regset.h"

#include "core/base/string.h"
#include "core/proc/hwdebug.h"

struct general {
	u64 x[31], sp, pc, pstate;
};
static_assert(sizeof(struct general) == sizeof(struct user_pt_regs));
static_assert(offsetof(struct hal_user, pstate) == offsetof(struct general, pstate));

static void general_get(struct thread *t, void *to)
{
	memcpy(to, &t->user, sizeof(struct general));
}

static int general_set(struct thread *t, const void *from, size_t n)
{
	struct hal_user regs = t->user;

	memcpy(&regs, from, n);
	/* Whether a step is under way is not the tracer's to say. */
	regs.pstate = (regs.pstate & ~HAL_PSTATE_SS) | (t->user.step ? HAL_PSTATE_SS : 0);
	if (!hal_user_sanitise(&regs))
		return -EINVAL;
	memcpy(&t->user, &regs, sizeof(struct general));
	return 0;
}

static void fp_get(struct thread *t, void *to)
{
	struct user_fpsimd_state fp = {.fpsr = t->user.fp.fpsr, .fpcr = t->user.fp.fpcr};

	memcpy(fp.vregs, t->user.fp.v, sizeof(fp.vregs));
	memcpy(to, &fp, sizeof(fp));
}

static int fp_set(struct thread *t, const void *from, size_t n)
{
	struct user_fpsimd_state fp;

	fp_get(t, &fp);
	memcpy(&fp, from, n);
	memcpy(t->user.fp.v, fp.vregs, sizeof(fp.vregs));
	t->user.fp.fpsr = fp.fpsr;
	t->user.fp.fpcr = fp.fpcr;
	t->user.fp_cpu = -1;
	return 0;
}

/* The second word is for machines with another thread pointer. */
static void tls_get(struct thread *t, void *to)
{
	u64 words[2] = {t->user.tls, 0};

	memcpy(to, words, sizeof(words));
}

static int tls_set(struct thread *t, const void *from, size_t n)
{
	u64 words[2] = {t->user.tls, 0};

	memcpy(words, from, n);
	t->user.tls = words[0];
	return 0;
}

static void call_get(struct thread *t, void *to)
{
	memcpy(to, &t->syscall, sizeof(t->syscall));
}

static int call_set(struct thread *t, const void *from, size_t n)
{
	memcpy(&t->syscall, from, n);
	return 0;
}

static void break_get(struct thread *t, void *to)
{
	hwdebug_get(t, false, to);
}

static int break_set(struct thread *t, const void *from, size_t n)
{
	return hwdebug_set(t, false, from, n);
}

static void watch_get(struct thread *t, void *to)
{
	hwdebug_get(t, true, to);
}

static int watch_set(struct thread *t, const void *from, size_t n)
{
	return hwdebug_set(t, true, from, n);
}

/* Tagged addresses: not asked for, so never on. */
static void tagged_get(struct thread *t, void *to)
{
	memset(to, 0, sizeof(u64));
}

static int tagged_set(struct thread *t, const void *from, size_t n)
{
	u64 asked = 0;

	memcpy(&asked, from, n);
	return asked ? -EINVAL : 0;
}

static const struct regset sets[] = {
	{NT_PRSTATUS, sizeof(struct general), 8, general_get, general_set},
	{NT_PRFPREG, sizeof(struct user_fpsimd_state), 4, fp_get, fp_set},
	{NT_ARM_TLS, 16, 8, tls_get, tls_set},
	{NT_ARM_HW_BREAK, HWDEBUG_SIZE, 4, break_get, break_set},
	{NT_ARM_HW_WATCH, HWDEBUG_SIZE, 4, watch_get, watch_set},
	{NT_ARM_SYSTEM_CALL, sizeof(i32), 4, call_get, call_set},
	{NT_ARM_TAGGED_ADDR_CTRL, 8, 8, tagged_get, tagged_set},
};

const struct regset *regset_find(u32 type)
{
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		if (sets[i].type == type)
			return &sets[i];
	return NULL;
}

const struct regset *regset_nth(unsigned n)
{
	return n < ARRAY_SIZE(sets) ? &sets[n] : NULL;
}
