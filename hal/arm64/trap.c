/* hal/arm64/trap.c -- what an exception means. */
#include <asm/ptrace.h>

#include "core/base/string.h"
#include "hal/arm64/arm64.h"
#include "hal/console.h"
#include "hal/uaccess.h"

static_assert(offsetof(struct hal_user, x[30]) == USER_X30);
static_assert(offsetof(struct hal_user, sp) == USER_SP);
static_assert(offsetof(struct hal_user, pc) == USER_PC);
static_assert(offsetof(struct hal_user, pstate) == USER_PSTATE);
static_assert(sizeof(struct hal_user) == USER_SIZE);
static_assert(offsetof(struct hal_fp, fpsr) == 512);
static_assert(offsetof(struct arm_cpu, stack_top) == CPU_STACK_TOP);
static_assert(offsetof(struct arm_cpu, stack_bottom) == CPU_STACK_BOTTOM);
static_assert(offsetof(struct arm_cpu, emergency_top) == CPU_EMERGENCY_TOP);
static_assert(offsetof(struct arm_cpu, syscall) == CPU_SYSCALL && CPU_SYSCALL == CPU_STACK_TOP + 8);
static_assert(offsetof(struct hal_upcalls, interrupted) == UPCALL_INTERRUPTED);

/* ESR_EL1's exception classes and the parts of its syndrome that we read. */
enum {
	EC_UNKNOWN = 0x00, EC_FP = 0x07, EC_MSR = 0x18, EC_IABT_USER = 0x20, EC_PC_ALIGN = 0x22,
	EC_DABT_USER = 0x24, EC_DABT = 0x25, EC_SP_ALIGN = 0x26, EC_SERROR = 0x2f,
	EC_HWBREAK = 0x30, EC_STEP = 0x32, EC_WATCH = 0x34, EC_BRK = 0x3c,
};
#define ESR_EC(esr)    ((esr) >> 26)
#define ESR_FSC(esr)   ((esr) & 0x3f)
#define ESR_WRITE      (1u << 6)
#define ESR_CACHE_OP   (1u << 8)
#define FSC_TRANSLATION 0x04
#define FSC_ALIGNMENT  0x21
#define KERNEL_HALF    (1ul << 55)
#define SVC	       0xd4000001u	/* svc #imm */
#define SVC_MASK       0xffe0001fu

HAL_ENTRY struct hal_user *trap_user(struct hal_user *u, u32 esr, u64 far);
void trap_kernel(struct hal_user *regs, u32 esr, u64 far);
[[noreturn]] void trap_unexpected(struct hal_user *regs, u32 esr, u64 far);
[[noreturn]] void trap_overflow(struct hal_user *regs, u32 esr, u64 far);
/* An abort's status code: address size, translation, access flag and permission at levels
 * 0 to 3 come first; what is none of these is broken memory. */
static void decode_abort(struct hal_fault *f)
{
	unsigned fsc = ESR_FSC(f->esr);

	if (fsc == FSC_ALIGNMENT) {
		f->kind = HAL_FAULT_ALIGN;
	} else if (fsc >= 0x10) {
		f->kind = HAL_FAULT_BUS;
	} else {
		f->kind = HAL_FAULT_PAGE;
		f->present = fsc >= 0x0c;
	}
	/* What lies in the kernel's half is nobody's business. */
	if (f->addr & KERNEL_HALF) {
		f->kind = HAL_FAULT_PAGE;
		f->present = false;
		f->esr = (f->esr & ~0x3fu) | FSC_TRANSLATION;
	}
}

HAL_ENTRY struct hal_user *trap_user(struct hal_user *u, u32 esr, u64 far)
{
	struct hal_fault f = {.kind = HAL_FAULT_ILLEGAL, .addr = u->pc, .esr = esr};

	switch (ESR_EC(esr)) {
	case EC_FP:
		fp_used(u);
		return u;
	case EC_IABT_USER:
		f.access = HAL_EXEC;
		f.addr = far;
		decode_abort(&f);
		break;
	case EC_DABT_USER:
		f.access = (esr & ESR_WRITE) && !(esr & ESR_CACHE_OP) ? HAL_WRITE : HAL_READ;
		f.addr = far;
		decode_abort(&f);
		break;
	case EC_PC_ALIGN:
		f.kind = HAL_FAULT_ALIGN;
		break;
	case EC_SP_ALIGN:
		f.kind = HAL_FAULT_ALIGN;
		f.addr = u->sp;
		break;
	case EC_BRK:
		f.kind = HAL_FAULT_BREAK;
		break;
	case EC_STEP:
		f.kind = HAL_FAULT_STEP;
		break;
	case EC_WATCH:
		f.addr = far;
		[[fallthrough]];
	case EC_HWBREAK:
		f.kind = HAL_FAULT_HWBREAK;
		break;
	case EC_UNKNOWN:
	case EC_MSR:
		if (features_emulate(u))
			return u;
		break;
	default:
		break;
	}
	return hal_upcalls.fault(u, &f);
}

/* The table of user copies: a fault in [from, to) continues at fix. Each number is relative
 * to its own place. */
struct fixup {
	i32 from, to, fix;
};
extern const struct fixup extable_start[], extable_end[];

static u64 relative(const i32 *p)
{
	return (u64)p + (u64)(i64)*p;
}

void trap_kernel(struct hal_user *regs, u32 esr, u64 far)
{
	if (ESR_EC(esr) == EC_DABT && !(far & KERNEL_HALF))
		for (const struct fixup *f = extable_start; f < extable_end; f++)
			if (regs->pc >= relative(&f->from) && regs->pc < relative(&f->to)) {
				regs->pc = relative(&f->fix);
				return;
			}
	trap_unexpected(regs, esr, far);
}

static const char *class_name(u32 esr)
{
	switch (ESR_EC(esr)) {
	case EC_UNKNOWN:
		return "undefined instruction";
	case 0x0e:
		return "illegal execution state";
	case EC_MSR:
		return "system register trap";
	case EC_IABT_USER + 1:
		return "instruction abort";
	case EC_PC_ALIGN:
		return "misaligned program counter";
	case EC_DABT:
		return "data abort";
	case EC_SP_ALIGN:
		return "misaligned stack pointer";
	case EC_SERROR:
		return "system error";
	case EC_BRK:
		return "breakpoint or trap";
	default:
		return "unexpected exception";
	}
}

/* A second death on the way down has nothing to add. */
[[noreturn]] static void die(const char *what, const struct hal_user *regs, u32 esr, u64 far)
{
	static char text[HAL_MAX_CPUS][128];
	struct arm_cpu *c = arm_self();
	char *to = text[c->cpu.id];

	if (c->dying) {
		static const char again[] = "fault while reporting a fault\n";

		hal_console_poll(again, sizeof(again) - 1);
		hal_halt();
	}
	c->dying = true;
	format(to, sizeof(text[0]), "%s, esr %08x far %016lx", what, esr, (unsigned long)far);
	hal_upcalls.died(to, regs);
	hal_halt();
}

void trap_unexpected(struct hal_user *regs, u32 esr, u64 far)
{
	die(class_name(esr), regs, esr, far);
}

void trap_overflow(struct hal_user *regs, u32 esr, u64 far)
{
	die("kernel stack overflow", regs, esr, far);
}

void user_load_rest(struct hal_user *u)
{
	struct arm_cpu *c = arm_self();

	fp_enter(u);
	if (u->watched | c->watched)
		debug_load(u);
}

void hal_user_init(struct hal_user *u, u64 pc, u64 sp)
{
	memset(u, 0, sizeof(*u));
	u->pc = pc;
	u->sp = sp;
	u->pstate = PSR_MODE_EL0t;
	u->fp_cpu = -1;
}

bool hal_user_after_syscall(const struct hal_user *u)
{
	u32 insn;

	return u->pc >= 4 && hal_load_user32(&insn, uptr_of(u->pc - 4)) &&
	       (insn & SVC_MASK) == SVC;
}

bool hal_user_sanitise(struct hal_user *u)
{
	const u64 free = PSR_N_BIT | PSR_Z_BIT | PSR_C_BIT | PSR_V_BIT | PSR_DIT_BIT | PSR_SSBS_BIT |
			 PSR_BTYPE_MASK | HAL_PSTATE_SS /* harmless unless stepping */;
	u64 asked = u->pstate;

	u->pstate &= free;
	u->fp_cpu = -1;
	/* Another mode or masked interrupts: Linux refuses; other bits it drops. */
	return !(asked & (PSR_MODE_MASK | PSR_MODE32_BIT | PSR_D_BIT | PSR_A_BIT | PSR_I_BIT |
			  PSR_F_BIT));
}
