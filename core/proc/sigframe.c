/* core/proc/sigframe.c -- the signal frame: Linux's rt_sigframe for arm64.
 *
 *	higher   {x29, x30}            frame record, so that a debugger can unwind
 *	         __reserved[4096]      fpsimd_context, esr_context after a fault, terminator
 *	         struct sigcontext
 *	         struct ucontext
 *	sp ->    siginfo_t             128 bytes
 *
 * Reading and writing touch user memory without waiting: who calls faults the frame in and
 * tries again. The buffers may therefore lie on the C stack.
 */
#include <asm/sigcontext.h>
#include <asm/signal.h>
#include <asm/ucontext.h>

#include "core/proc/sigframe.h"

#include "core/proc/internal.h"
#include "coro/executor.h"
#include "hal/uaccess.h"
#include "mem/space/space.h"

struct sigframe {
	siginfo_t info;
	struct ucontext uc;
};
struct frame_record {
	u64 fp, lr;
};
static_assert(sizeof(struct sigframe) == 4688, "the ABI's rt_sigframe");
static_assert(sizeof(struct sigframe) + sizeof(struct frame_record) == SIGFRAME_SIZE, "");

#define SIGFRAME_CONTEXT  (offsetof(struct sigframe, uc) + offsetof(struct ucontext, uc_mcontext))
#define SIGFRAME_RESERVED (SIGFRAME_CONTEXT + offsetof(struct sigcontext, __reserved))
#define PSTATE_BTYPE	  (3ul << 10)

bool sigframe_on_alt_stack(const struct thread *t, u64 sp)
{
	if (t->alt_flags & SS_AUTODISARM)
		return false;
	return sp > t->alt_sp && sp - t->alt_sp <= t->alt_size;
}

u64 sigframe_place(struct thread *t, const struct sigact *act)
{
	u64 sp = t->user.sp;

	if ((act->flags & SA_ONSTACK) && t->alt_size && !sigframe_on_alt_stack(t, sp))
		sp = t->alt_sp + t->alt_size;
	sp = (sp - sizeof(struct frame_record)) & ~15ul;
	return (sp - sizeof(struct sigframe)) & ~15ul;
}

static bool sigframe_put(u64 to, const void *from, size_t n)
{
	return hal_copy_to_user(uptr_of(to), from, n) == n;
}

/* The head of ucontext, up to the mask, and sigcontext's registers. */
static bool sigframe_write_context(struct thread *t, u64 at)
{
	u64 uc = at + offsetof(struct sigframe, uc);
	struct {
		unsigned long flags;
		u64 link;
		stack_t stack;
		u64 mask;
	} head = {
		.stack = {.ss_sp = (void *)t->alt_sp, .ss_flags = (int)t->alt_flags,
			  .ss_size = t->alt_size},
		.mask = t->mask_is_saved ? t->saved_mask : t->blocked,
	};
	struct {
		u64 fault_address, regs[31], sp, pc, pstate;
	} sc = {.fault_address = t->fault_esr ? t->fault_addr : 0, .sp = t->user.sp,
		.pc = t->user.pc, .pstate = t->user.pstate};

	for (int i = 0; i < 31; i++)
		sc.regs[i] = t->user.x[i];
	return sigframe_put(uc, &head, sizeof(head)) &&
	       sigframe_put(at + SIGFRAME_CONTEXT, &sc, sizeof(sc));
}

static bool sigframe_write_records(struct thread *t, u64 at)
{
	u64 to = at + SIGFRAME_RESERVED;
	struct fpsimd_context fp = {.head = {FPSIMD_MAGIC, sizeof(fp)}};
	struct esr_context esr = {{ESR_MAGIC, sizeof(esr)}, t->fault_esr};
	struct _aarch64_ctx end = {0};

	executor_user_sync(&t->task);
	fp.fpsr = t->user.fp.fpsr;
	fp.fpcr = t->user.fp.fpcr;
	for (int i = 0; i < 32; i++)
		fp.vregs[i] = t->user.fp.v[i];
	if (!sigframe_put(to, &fp, sizeof(fp)))
		return false;
	to += sizeof(fp);
	if (t->fault_esr) {
		if (!sigframe_put(to, &esr, sizeof(esr)))
			return false;
		to += sizeof(esr);
	}
	return sigframe_put(to, &end, sizeof(end));
}

bool sigframe_write(struct thread *t, u64 at, const struct sigact *act, int sig,
		    const struct signal_info *info)
{
	struct frame_record record = {t->user.x[29], t->user.x[30]};
	siginfo_t whole = {0};

	if (at + SIGFRAME_SIZE < at)
		return false;
	if (act->flags & SA_SIGINFO) {
		memcpy(&whole, info, sizeof(*info));
		if (!sigframe_put(at + offsetof(struct sigframe, info), &whole, sizeof(whole)))
			return false;
	}
	return sigframe_write_context(t, at) && sigframe_write_records(t, at) &&
	       sigframe_put(at + sizeof(struct sigframe), &record, sizeof(record));
}

void sigframe_enter(struct thread *t, u64 at, const struct sigact *act, int sig)
{
	struct hal_user *u = &t->user;

	u->x[0] = (u64)sig;
	if (act->flags & SA_SIGINFO) {
		u->x[1] = at + offsetof(struct sigframe, info);
		u->x[2] = at + offsetof(struct sigframe, uc);
	}
	u->x[29] = at + sizeof(struct sigframe);
	if (act->flags & SA_RESTORER)
		u->x[30] = act->restorer;
	else
		u->x[30] = t->task.space->vdso + vdso_sigreturn_offset();
	u->sp = at;
	u->pc = act->handler;
	u->pstate &= ~PSTATE_BTYPE;
	t->fault_esr = 0;
	if (t->alt_flags & SS_AUTODISARM) {
		t->alt_sp = t->alt_size = 0;
		t->alt_flags = SS_DISABLE;
	}
}

/* --- the way back --- */

static bool sigframe_get(struct thread *t, void *to, u64 from, size_t n)
{
	return hal_copy_from_user(to, uptr_of(from), n) == n;
}

/* Find the FP record among those in __reserved; others that Linux knows are skipped. */
static int sigframe_read_records(struct thread *t, u64 at, struct fpsimd_context *fp)
{
	u64 base = at + SIGFRAME_RESERVED;
	struct _aarch64_ctx head;
	bool found = false;

	for (u64 offset = 0; offset + sizeof(head) <= 4096; offset += head.size) {
		if (!sigframe_get(t, &head, base + offset, sizeof(head)))
			return -EFAULT;
		if (!head.magic)
			return head.size || !found ? -EINVAL : 0;
		if (head.size < sizeof(head) || head.size % 16 || head.size > 4096 - offset)
			return -EINVAL;
		if (head.magic == FPSIMD_MAGIC) {
			if (found || head.size != sizeof(*fp))
				return -EINVAL;
			if (!sigframe_get(t, fp, base + offset, sizeof(*fp)))
				return -EFAULT;
			found = true;
		} else if (head.magic != ESR_MAGIC) {
			return -EINVAL;
		}
	}
	return -EINVAL;
}

int sigframe_read(struct thread *t)
{
	u64 at = t->user.sp;
	u64 uc = at + offsetof(struct sigframe, uc);
	struct hal_user regs = {0};
	struct fpsimd_context fp;
	stack_t alt;
	u64 mask;
	int err;

	if (at & 15 || at + SIGFRAME_SIZE < at)
		return -EINVAL;
	if (!sigframe_get(t, &mask, uc + offsetof(struct ucontext, uc_sigmask), sizeof(mask)) ||
	    !sigframe_get(t, &alt, uc + offsetof(struct ucontext, uc_stack), sizeof(alt)) ||
	    !sigframe_get(t, &regs, at + SIGFRAME_CONTEXT + offsetof(struct sigcontext, regs),
			  34 * sizeof(u64)))
		return -EFAULT;
	err = sigframe_read_records(t, at, &fp);
	if (err)
		return err;
	if (!hal_user_sanitise(&regs))
		return -EINVAL;
	executor_user_sync(&t->task);
	for (int i = 0; i < 31; i++)
		t->user.x[i] = regs.x[i];
	t->user.sp = regs.sp;
	t->user.pc = regs.pc;
	t->user.pstate = regs.pstate;
	t->user.fp.fpsr = fp.fpsr;
	t->user.fp.fpcr = fp.fpcr;
	for (int i = 0; i < 32; i++)
		t->user.fp.v[i] = fp.vregs[i];
	t->user.fp_cpu = -1;
	signal_set_mask(t, mask);
	sigframe_set_alt_stack(t, &alt, NULL);
	return 0;
}

/* --- sigaltstack --- */

int sigframe_set_alt_stack(struct thread *t, const stack_t *new, stack_t *old)
{
	u64 sp = t->user.sp;
	u32 mode;

	if (old)
		*old = (stack_t){
			.ss_sp = (void *)t->alt_sp,
			.ss_size = t->alt_size,
			.ss_flags = (int)(!t->alt_size ? SS_DISABLE :
					  sigframe_on_alt_stack(t, sp) ? SS_ONSTACK : 0) |
				    (int)(t->alt_flags & SS_AUTODISARM),
		};
	if (!new)
		return 0;
	mode = (u32)new->ss_flags & ~SS_AUTODISARM;
	if (t->alt_size && sigframe_on_alt_stack(t, sp))
		return -EPERM;
	if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
		return -EINVAL;
	if (mode == SS_DISABLE) {
		t->alt_sp = t->alt_size = 0;
		t->alt_flags = (u32)new->ss_flags;
		return 0;
	}
	if (new->ss_size < MINSIGSTKSZ)
		return -ENOMEM;
	t->alt_sp = (u64)new->ss_sp;
	t->alt_size = new->ss_size;
	t->alt_flags = (u32)new->ss_flags;
	return 0;
}
