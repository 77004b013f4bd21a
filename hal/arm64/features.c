/* hal/arm64/features.c -- what the CPU can do that a program may use.
 *
 * One table gives both AT_HWCAP and the values a program sees when it reads an ID register
 * (HWCAP_CPUID: the read traps and is emulated). A feature whose state the kernel does not
 * keep (SVE, SME, pointer authentication keys, memory tags) is in neither.
 */
#include <asm/hwcap.h>

#include "core/base/bits.h"
#include "hal/arm64/arm64.h"
#include "hal/uaccess.h"

enum id_register { PFR0, PFR1, ISAR0, ISAR1, MMFR0, MMFR1, MMFR2, ID_REGISTERS };

static RO_AFTER_INIT u64 id_raw[ID_REGISTERS];
static RO_AFTER_INIT u64 id_user[ID_REGISTERS];

static const struct feature {
	enum id_register reg;
	u8 shift, least;	/* a 4-bit field, and the value from which it is there */
	bool hwcap2;
	u64 bit;
} features[] = {
	{ISAR0, 4, 1, false, HWCAP_AES},
	{ISAR0, 4, 2, false, HWCAP_PMULL},
	{ISAR0, 8, 1, false, HWCAP_SHA1},
	{ISAR0, 12, 1, false, HWCAP_SHA2},
	{ISAR0, 12, 2, false, HWCAP_SHA512},
	{ISAR0, 16, 1, false, HWCAP_CRC32},
	{ISAR0, 20, 2, false, HWCAP_ATOMICS},
	{ISAR0, 28, 1, false, HWCAP_ASIMDRDM},
	{ISAR0, 32, 1, false, HWCAP_SHA3},
	{ISAR0, 36, 1, false, HWCAP_SM3},
	{ISAR0, 40, 1, false, HWCAP_SM4},
	{ISAR0, 44, 1, false, HWCAP_ASIMDDP},
	{ISAR0, 48, 1, false, HWCAP_ASIMDFHM},
	{ISAR0, 52, 1, false, HWCAP_FLAGM},
	{ISAR0, 52, 2, true, HWCAP2_FLAGM2},
	{ISAR0, 60, 1, true, HWCAP2_RNG},
	{ISAR1, 0, 1, false, HWCAP_DCPOP},
	{ISAR1, 0, 2, true, HWCAP2_DCPODP},
	{ISAR1, 12, 1, false, HWCAP_JSCVT},
	{ISAR1, 16, 1, false, HWCAP_FCMA},
	{ISAR1, 20, 1, false, HWCAP_LRCPC},
	{ISAR1, 20, 2, false, HWCAP_ILRCPC},
	{ISAR1, 32, 1, true, HWCAP2_FRINT},
	{ISAR1, 36, 1, false, HWCAP_SB},
	{ISAR1, 44, 1, true, HWCAP2_BF16},
	{ISAR1, 48, 1, true, HWCAP2_DGH},
	{ISAR1, 52, 1, true, HWCAP2_I8MM},
	{PFR0, 48, 1, false, HWCAP_DIT},
	{PFR1, 4, 2, false, HWCAP_SSBS},
	{MMFR2, 32, 1, false, HWCAP_USCAT},
};

static unsigned field(enum id_register reg, unsigned shift)
{
	return (unsigned)(id_raw[reg] >> shift & 15);
}

static const char *cpu_name(u64 midr)
{
	static const struct {
		u32 part;
		const char *name;
	} names[] = {
		{0xd03, "Cortex-A53"}, {0xd04, "Cortex-A35"}, {0xd05, "Cortex-A55"},
		{0xd07, "Cortex-A57"}, {0xd08, "Cortex-A72"}, {0xd0b, "Cortex-A76"},
		{0xd0c, "Neoverse-N1"},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if ((midr >> 24 & 0xff) == 0x41 && (midr >> 4 & 0xfff) == names[i].part)
			return names[i].name;
	return "ARMv8";
}

void features_read(void)
{
	struct hal_machine *m = &hal_machine;

	id_raw[PFR0] = sysreg_read(id_aa64pfr0_el1);
	id_raw[PFR1] = sysreg_read(id_aa64pfr1_el1);
	id_raw[ISAR0] = sysreg_read(id_aa64isar0_el1);
	id_raw[ISAR1] = sysreg_read(id_aa64isar1_el1);
	id_raw[MMFR0] = sysreg_read(id_aa64mmfr0_el1);
	id_raw[MMFR1] = sysreg_read(id_aa64mmfr1_el1);
	id_raw[MMFR2] = sysreg_read(S3_0_C0_C7_2);

	m->midr = sysreg_read(midr_el1);
	m->cpu_name = cpu_name(m->midr);
	m->cpu_has_pan = field(MMFR1, 20) != 0;
	m->hwcap = HWCAP_CPUID;
	for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
		const struct feature *f = &features[i];

		id_user[f->reg] |= id_raw[f->reg] & 15ul << f->shift;
		if (field(f->reg, f->shift) >= f->least)
			*(f->hwcap2 ? &m->hwcap2 : &m->hwcap) |= f->bit;
	}
	/* FP and SIMD: 15 means absent, 1 adds half precision. EL0 and EL1 are AArch64. */
	id_user[PFR0] |= 0x11 | (id_raw[PFR0] & 0xff0000);
	if (field(PFR0, 16) != 15)
		m->hwcap |= HWCAP_FP | (field(PFR0, 16) >= 1 ? HWCAP_FPHP : 0);
	if (field(PFR0, 20) != 15)
		m->hwcap |= HWCAP_ASIMD | (field(PFR0, 20) >= 1 ? HWCAP_ASIMDHP : 0);
}

/* The value a program sees in S3_0_C0_Crm_op2, what Linux calls the ID space: registers of
 * it that have no name or no part for programs read as zero. */
static bool id_value(unsigned crm, unsigned op2, u64 *value)
{
	*value = 0;
	switch (crm << 4 | op2) {
	case 0x00:
		*value = hal_machine.midr;
		return true;
	case 0x05:
		*value = 1ul << 31;	/* MPIDR_EL1: nothing to learn */
		return true;
	case 0x06:
		return true;		/* REVIDR_EL1 */
	case 0x40:
		*value = id_user[PFR0];
		return true;
	case 0x41:
		*value = id_user[PFR1];
		return true;
	case 0x60:
		*value = id_user[ISAR0];
		return true;
	case 0x61:
		*value = id_user[ISAR1];
		return true;
	case 0x72:
		*value = id_user[MMFR2];
		return true;
	default:
		return crm >= 4 && crm <= 7;
	}
}

/* Whether the instruction at u->pc was `mrs xt, <ID register>`; then it has been done. Old
 * CPUs report it as undefined, new ones as a trapped access, so the instruction is read. */
bool features_emulate(struct hal_user *u)
{
	u32 insn;
	u64 value;

	if (!hal_load_user32(&insn, uptr_of(u->pc)))
		return false;
	/* mrs, op0 3, op1 0, CRn 0 */
	if ((insn & 0xfffff000) != 0xd5380000 || !id_value(insn >> 8 & 15, insn >> 5 & 7, &value))
		return false;
	if ((insn & 31) != 31)
		u->x[insn & 31] = value;
	u->pc += 4;
	return true;
}
