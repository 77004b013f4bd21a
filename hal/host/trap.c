/* hal/host/trap.c -- user mode: an interpreter for program.h, and the up-calls it makes. */
#include <execinfo.h>
#include <string.h>

#include "hal/debug.h"
#include "hal/host/internal.h"

#define INSN_SIZE sizeof(struct host_insn)

/* ESR_EL1: exception classes and the codes of page faults. */
#define ESR_SVC	      (0x15u << 26)
#define ESR_FETCH     (0x20u << 26)
#define ESR_DATA      (0x24u << 26)
#define ESR_BREAK     (0x3cu << 26)
#define ESR_WRITE     (1u << 6)
#define ESR_ABSENT    0x07u
#define ESR_FORBIDDEN 0x0fu

#define PSR_MODE_MASK 0x1ful
#define PSR_FLAGS     0xf0000000ul

void hal_user_load(struct hal_user *u)
{
	struct host_cpu *me = host_self;

	if (me->user && me->user != u)
		host_fail("user registers are loaded over others that were not saved");
	me->user = u;
	me->fp = u->fp;
	me->tls = u->tls;
}

void hal_user_save(struct hal_user *u)
{
	struct host_cpu *me = host_self;

	if (me->user != u)
		host_fail("user registers are saved where they were not loaded");
	u->fp = me->fp;
	u->tls = me->tls;
	u->fp_cpu = (i32)me->cpu.id;
	me->user = NULL;
}

void hal_user_init(struct hal_user *u, u64 pc, u64 sp)
{
	memset(u, 0, sizeof(*u));
	u->pc = pc;
	u->sp = sp;
	u->fp_cpu = -1;
}

bool hal_user_after_syscall(const struct hal_user *u)
{
	u64 pc = u->pc - INSN_SIZE;
	const struct host_insn *at;
	bool present;

	if (pc - HOST_ROM < host_config.rom_count * INSN_SIZE)
		at = &host_config.rom[(pc - HOST_ROM) / INSN_SIZE];
	else
		at = pc % INSN_SIZE ? NULL : (void *)host_translate(pc, HAL_EXEC, &present);
	return at && at->op == HOST_OP_SVC;
}

/* The simulated machine has none. */
struct hal_debug_info hal_debug_info(void)
{
	return (struct hal_debug_info){0};
}

bool hal_user_sanitise(struct hal_user *u)
{
	bool asked_more = u->pstate & PSR_MODE_MASK;

	u->pstate &= PSR_FLAGS;
	return !asked_more;
}

unsigned hal_backtrace(const struct hal_user *regs, u64 *pcs, unsigned max)
{
	void *found[64];
	int n = backtrace(found, ARRAY_SIZE(found));
	unsigned kept = 0;

	for (int i = 1; i < n && kept < max; i++)
		pcs[kept++] = (u64)found[i];
	return kept;
}

/* --- one instruction --- */

/* What left user mode; up-calls need no more than this. */
enum left { STAYED, LEFT };

struct step {
	struct host_cpu *me;
	struct hal_user *u;
	struct hal_user *next;	/* if it left */
};

static u64 reg(const struct step *s, unsigned n)
{
	return n == P_NONE ? 0 : s->u->x[n];
}

static enum left page_fault(struct step *s, u64 addr, enum hal_access access, bool present)
{
	struct hal_fault why = {
		.kind = HAL_FAULT_PAGE, .access = access, .present = present, .addr = addr,
		.esr = (access == HAL_EXEC ? ESR_FETCH : ESR_DATA) |
		       (access == HAL_WRITE ? ESR_WRITE : 0) |
		       (present ? ESR_FORBIDDEN : ESR_ABSENT),
	};

	s->next = hal_upcalls.fault(s->u, &why);
	return LEFT;
}

static enum left trap(struct step *s, enum hal_fault_kind kind, u32 esr)
{
	struct hal_fault why = {.kind = kind, .addr = s->u->pc, .esr = esr};

	s->next = hal_upcalls.fault(s->u, &why);
	return LEFT;
}

/* User memory is raced for by whoever maps it, on purpose: no sanitizer looks on. */
__attribute__((no_sanitize("thread", "address"))) static void
touch(void *to, const void *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((volatile u8 *)to)[i] = ((const volatile u8 *)from)[i];
}

static enum left load_store(struct step *s, const struct host_insn *i)
{
	u64 addr = reg(s, i->a) + (u64)i->imm, value = reg(s, i->d);
	enum hal_access access = i->op == HOST_OP_LOAD ? HAL_READ : HAL_WRITE;
	bool present;
	u8 *at;

	if (addr % i->b)
		return trap(s, HAL_FAULT_ALIGN, ESR_DATA | 0x21);
	at = host_translate(addr, access, &present);
	if (!at)
		return page_fault(s, addr, access, present);
	if (access == HAL_WRITE) {
		touch(at, &value, i->b);
	} else {
		value = 0;
		touch(&value, at, i->b);
		s->u->x[i->d] = value;
	}
	return STAYED;
}

bool host_lenient;
int host_excused;
i64 host_excused_x;

static bool expect(const struct step *s, const struct host_insn *i)
{
	i64 is = (i64)reg(s, i->a), want = (i64)reg(s, i->b) + i->imm;

	if (i->op == HOST_OP_EXPECT ? is == want : is < want)
		return true;
	if (host_lenient) {
		host_excused = i->to;
		host_excused_x = is;
		return false;
	}
	host_fail("program line %d: x%u is %ld (%#lx), expected %s%ld (%#lx)", i->to, i->a, is, is,
		  i->op == HOST_OP_EXPECT ? "" : "less than ", want, want);
}

/* Fetch at pc. A pc inside an instruction's last 4 bytes means: run it again. */
static bool fetch(struct step *s, struct host_insn *i, enum left *left)
{
	u64 pc = s->u->pc & ~(INSN_SIZE - 1);
	bool present;
	void *at;

	*left = LEFT;
	if (s->u->pc != pc && s->u->pc != pc + INSN_SIZE - 4) {
		trap(s, HAL_FAULT_ILLEGAL, 0);
		return false;
	}
	if (pc - HOST_ROM < host_config.rom_count * INSN_SIZE) {
		*i = host_config.rom[(pc - HOST_ROM) / INSN_SIZE];
	} else {
		at = host_translate(pc, HAL_EXEC, &present);
		if (!at) {
			page_fault(s, pc, HAL_EXEC, present);
			return false;
		}
		touch(i, at, INSN_SIZE);
	}
	s->u->pc = pc;
	return true;
}

static bool taken(const struct step *s, const struct host_insn *i)
{
	i64 a = (i64)reg(s, i->a), b = (i64)reg(s, i->b) + i->imm;

	switch (i->op) {
	case HOST_OP_IF_EQ:
		return a == b;
	case HOST_OP_IF_NE:
		return a != b;
	default:
		return a < b;
	}
}

/* Everything that only touches registers; pc already points past it. */
static bool compute(struct step *s, const struct host_insn *i)
{
	struct hal_user *u = s->u;
	u64 jump = u->pc + ((u64)(i64)i->to - 1) * INSN_SIZE;

	switch ((enum host_op)i->op) {
	case HOST_OP_SET:
		u->x[i->d] = (u64)i->imm;
		return true;
	case HOST_OP_ADD:
		u->x[i->d] = reg(s, i->a) + reg(s, i->b) + (u64)i->imm;
		return true;
	case HOST_OP_SUB:
		u->x[i->d] = reg(s, i->a) - reg(s, i->b);
		return true;
	case HOST_OP_MUL:
		u->x[i->d] = reg(s, i->a) * (u64)i->imm;
		return true;
	case HOST_OP_HERE:
		u->x[i->d] = jump;
		return true;
	case HOST_OP_SP:
		u->x[i->d] = u->sp + (u64)i->imm;
		return true;
	case HOST_OP_SET_SP:
		u->sp = reg(s, i->a) + (u64)i->imm;
		return true;
	case HOST_OP_CALL:
		u->x[30] = u->pc;
		u->pc = jump;
		return true;
	case HOST_OP_GO:
		u->pc = jump;
		return true;
	case HOST_OP_RETURN:
		u->pc = u->x[30];
		return true;
	case HOST_OP_IF_EQ:
	case HOST_OP_IF_NE:
	case HOST_OP_IF_LT:
		if (taken(s, i))
			u->pc = jump;
		return true;
	case HOST_OP_RANDOM:
		u->x[i->d] = host_random((u64)i->imm);
		return true;
	case HOST_OP_FP_SET:
		s->me->fp.v[i->d] = reg(s, i->a);
		return true;
	case HOST_OP_FP_GET:
		u->x[i->d] = (u64)s->me->fp.v[i->a];
		return true;
	case HOST_OP_TLS_SET:
		s->me->tls = reg(s, i->a);
		return true;
	case HOST_OP_TLS_GET:
		u->x[i->d] = s->me->tls;
		return true;
	default:
		return false;
	}
}

static bool registers_valid(const struct host_insn *i)
{
	bool memory = i->op == HOST_OP_LOAD || i->op == HOST_OP_STORE;

	if (memory && (i->b > 8 || !i->b || i->b & (i->b - 1)))
		return false;
	return i->d < 31 && i->a <= 31 && i->b <= 31;
}

static enum left execute(struct step *s)
{
	struct hal_user *u = s->u;
	struct host_insn i;
	enum left left;

	if (!fetch(s, &i, &left))
		return left;
	if (!registers_valid(&i))
		return trap(s, HAL_FAULT_ILLEGAL, 0);
	switch ((enum host_op)i.op) {
	case HOST_OP_LOAD:
	case HOST_OP_STORE:
		left = load_store(s, &i);
		if (left == STAYED)
			u->pc += INSN_SIZE;
		return left;
	case HOST_OP_SVC:
		u->pc += INSN_SIZE;
		if (host_config.left_user)
			host_config.left_user(u);
		s->next = hal_upcalls.syscall(u);
		return LEFT;
	case HOST_OP_BREAK:
		return trap(s, HAL_FAULT_BREAK, ESR_BREAK);
	case HOST_OP_SPIN:
		__atomic_add_fetch(&host_clock, (u64)i.imm, __ATOMIC_RELAXED);
		break;
	case HOST_OP_EXPECT:
	case HOST_OP_EXPECT_LT:
		if (!expect(s, &i))
			return trap(s, HAL_FAULT_ILLEGAL, 0);
		break;
	case HOST_OP_HOOK:
		if (host_config.hook)
			host_config.hook(u, i.imm);
		break;
	case HOST_OP_OFF:
		hal_power_off();
	default:
		u->pc += INSN_SIZE;
		if (compute(s, &i))
			return STAYED;
		u->pc -= INSN_SIZE;
		return trap(s, HAL_FAULT_ILLEGAL, 0);
	}
	u->pc += INSN_SIZE;
	return STAYED;
}

void host_user_loop(struct host_cpu *me)
{
	struct hal_user *u = me->cpu.id ? hal_upcalls.cpu_up() : hal_upcalls.boot(&hal_machine);

	for (;;) {
		struct step s = {.me = me, .u = u};

		if (!u)
			host_fail("an up-call gave no user context to enter");
		if (me->user != u)
			host_fail("user mode entered with another's FP and TLS registers");
		if (u->pstate & PSR_MODE_MASK)
			host_fail("user mode entered with pstate %#lx", u->pstate);
		if (host_config.entering_user)
			host_config.entering_user(u);
		while (me->user == u) {
			hal_sim_point(NULL);
			if (hal_irq_pending()) {
				hal_irq_window();
				u = hal_upcalls.interrupted(u);
				break;
			}
			if (execute(&s) == LEFT) {
				u = s.next;
				break;
			}
		}
	}
}
