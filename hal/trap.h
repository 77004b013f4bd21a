/* hal/trap.h -- the way in from user mode and the way back.
 *
 * A CPU has one kernel stack and nothing on it survives an entry. The HAL saves the user's
 * registers in its struct hal_user, takes the stack from its top and makes an up-call; the
 * up-call returns the hal_user to go back to, which may be another task's. So the HAL's
 * whole life is: u = upcall(u); enter user mode at u; repeat.
 *
 * The register layout is the arm64 one in every provider: it is part of the ABI (signal
 * frames, ptrace).
 *
 * Ownership  a hal_user belongs to its task and is only touched by the CPU running it, or
 *            by anyone while the task is parked.
 */
#ifndef HAL_TRAP_H
#define HAL_TRAP_H

#include "hal/cpu.h"

/* Floating-point and SIMD registers. */
struct hal_fp {
	unsigned __int128 v[32];
	u32 fpsr, fpcr;
} __attribute__((aligned(16)));

struct hal_user {
	u64 x[31];
	u64 sp, pc, pstate;	/* pstate: SPSR_EL1 as Linux's PSR_* bits */
	u64 tls;		/* TPIDR_EL0; valid while not loaded in a CPU */
	i32 fp_cpu;		/* CPU whose FP registers hold `fp` unchanged; -1: who changes fp */
	union {
		struct {
			union {
				struct {
					/* Single-step, with HAL_PSTATE_SS in pstate. */
					u8 step : 1;
					/* hal_upcalls.debug has breakpoints for it. */
					u8 debugged : 1;
				};
				u8 watched;	/* any of these */
			};
			u8 fp_eager;	/* the provider's: how it used them lately */
		};
		u16 load_more;		/* not 0: hal_user_load has more to do than usual */
	};
	u8 fp_uses;			/* the provider's, too */
	struct hal_fp fp;	/* valid while not loaded in a CPU */
};

#include "hal_user_inline.h" /* a provider may define hal_user_load and hal_user_save there */

#define HAL_PSTATE_SS (1ul << 21)

enum hal_access { HAL_READ = 1, HAL_WRITE = 2, HAL_EXEC = 4 };

/* Why user mode was left, other than by a system call or an interrupt. */
enum hal_fault_kind {
	HAL_FAULT_PAGE,		/* translation, access flag or permission */
	HAL_FAULT_ALIGN,	/* SIGBUS BUS_ADRALN */
	HAL_FAULT_BUS,		/* synchronous external abort: SIGBUS */
	HAL_FAULT_ILLEGAL,	/* undefined instruction: SIGILL ILL_ILLOPC */
	HAL_FAULT_BREAK,	/* brk #imm: SIGTRAP TRAP_BRKPT */
	HAL_FAULT_STEP,		/* single step done: SIGTRAP TRAP_TRACE */
	HAL_FAULT_HWBREAK,	/* breakpoint or watchpoint: SIGTRAP TRAP_HWBKPT */
};

struct hal_fault {
	enum hal_fault_kind kind;
	enum hal_access access;	/* for HAL_FAULT_PAGE */
	bool present;		/* a valid entry refused the access (permission, not absence) */
	u64 addr;		/* as the CPU reported it (tag bits included) */
	u32 esr;		/* ESR_EL1, for the signal frame */
};

struct hal_machine;
struct hal_debug;

/* What the HAL calls; one constant, defined in core/main.c. All run on this CPU's kernel
 * stack with interrupts masked. Those that return a hal_user never return NULL. */
struct hal_upcalls {
	/* CPU 0, once, with the memory map and the FP unit usable by libfdt already done. */
	struct hal_user *(*boot)(const struct hal_machine *m);
	/* Every other CPU, once, after hal_cpu_start. */
	struct hal_user *(*cpu_up)(void);
	HAL_ENTRY struct hal_user *(*syscall)(struct hal_user *u);	/* pc is past the svc */
	HAL_ENTRY struct hal_user *(*fault)(struct hal_user *u, const struct hal_fault *why);
	/* Interrupts were taken from user mode (their handlers have run). */
	HAL_ENTRY struct hal_user *(*interrupted)(struct hal_user *u);
	/* From an interrupt window, as an interrupt handler: */
	void (*timer)(void);	/* the deadline of hal_timer_set has passed */
	void (*kicked)(void);	/* hal_cpu_kick */
	/* Of one with `debugged`, about to enter user mode. */
	const struct hal_debug *(*debug)(const struct hal_user *u);
	/* The kernel itself faulted (never for a user copy): print and halt. `what` is the
	 * provider's text, `regs` the kernel's registers (x, sp, pc, pstate only);
	 * kernel-stack overflow arrives here on an emergency stack. */
	void (*died)(const char *what, const struct hal_user *regs) __attribute__((noreturn));
};
extern const struct hal_upcalls hal_upcalls;

/* Make u the CPU's user context: its TLS is loaded, and its FP registers are by the time it uses
 * them. */
void hal_user_load(struct hal_user *u);

/* u stops being the CPU's user context: TLS and FP registers are saved into it. */
void hal_user_save(struct hal_user *u);

/* Is the instruction before pc a system call, in the loaded user space? false if it cannot be
 * read. */
bool hal_user_after_syscall(const struct hal_user *u);

/* Return addresses of the kernel stack, innermost first: of the caller, or of `regs` as
 * hal_upcalls.died got them. At most `max`; returns how many. */
unsigned hal_backtrace(const struct hal_user *regs, u64 *pcs, unsigned max);

/* A copy (fork, clone), which no CPU has loaded. The source is saved, or is parked. */
static inline void hal_user_copy(struct hal_user *to, const struct hal_user *from)
{
	*to = *from;
	to->fp_cpu = -1;
	to->watched = 0;
}

/* With u->step: execute one instruction before the next step is reported. */
static inline void hal_user_step_again(struct hal_user *u)
{
	u->pstate |= HAL_PSTATE_SS;
}
/* With u->step: report the step before any instruction is executed. */
static inline void hal_user_step_done(struct hal_user *u)
{
	u->pstate &= ~HAL_PSTATE_SS;
}

/* A fresh user context: registers zero, user mode, given entry and stack pointer. */
void hal_user_init(struct hal_user *u, u64 pc, u64 sp);

/* Make a register state that came from user space harmless: user-mode pstate with only the
 * flags a program may choose. false if it asked for more (Linux then delivers SIGSEGV). */
bool hal_user_sanitise(struct hal_user *u);

#endif
