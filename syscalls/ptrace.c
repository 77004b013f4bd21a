/* syscalls/ptrace.c -- ptrace(2): what a tracer asks for.
 *
 * Every request but the four that begin or end things wants the traced thread stopped. It is
 * looked at and changed under its process's sig_lock for as long as trace_holds; user memory of
 * the tracer is copied before or after that.
 */
#include <linux/capability.h>
#include <linux/ptrace.h>
#include <linux/rseq.h>
#include <linux/audit.h>
#include <linux/elf.h>

#include "core/cred/cred.h"
#include "core/proc/regset.h"
#include "core/proc/seccomp.h"
#include "core/proc/trace.h"
#include "mem/phys/slab.h"
#include "mem/space/pin.h"
#include "mem/space/space.h"
#include "mem/space/uaccess.h"
#include "syscalls/seccomp.h"
#include "syscalls/syscall.h"

#define PTRACE_SYSEMU		 31
#define PTRACE_SYSEMU_SINGLESTEP 32

/* The part of every request's frame that the pieces below work with. */
struct ptrace_on {
	struct co_frame co;
	struct thread *child;		/* borrowed */
	u64 addr;
	uptr data;
	long err;
};

/* --- memory --- */

struct ptrace_word {
	struct ptrace_on;
	bool write;
	struct space *space;
	u64 word;
};
static co_t ptrace_word(struct co *co, struct ptrace_word *f)
{
	CO_BEGIN;
	f->space = process_space(f->child->process);
	if (!f->space)
		CO_RETURN(-EIO);
	if (f->write)
		f->word = f->data.raw;
	CO_AWAIT(f->err, space_access, .space = f->space, .addr = uptr_of(f->addr),
		 .buf = &f->word, .len = sizeof(f->word), .write = f->write, .force = true);
	space_put(f->space);
	if (f->err != sizeof(f->word))
		CO_RETURN(-EIO);
	f->err = 0;
	if (!f->write)
		CO_COPY_TO_USER(f->err, f->data, &f->word, sizeof(f->word));
	CO_RETURN(f->err);
	CO_END;
}

/* --- registers --- */

/* Between the thread and the buffer: 0, -ESRCH, or what the set says. */
static long ptrace_move(struct thread *t, const struct regset *set, void *buf, size_t n, bool write)
{
	struct process *p = t->process;
	long err = -ESRCH;

	spin_lock(&p->sig_lock);
	if (trace_holds(p, t)) {
		err = write ? set->set(t, buf, n) : 0;
		if (!write)
			set->get(t, buf);
	}
	spin_unlock(&p->sig_lock);
	return err;
}

struct ptrace_regset {
	struct ptrace_on;
	bool write;
	const struct regset *set;
	struct {
		u64 base, len;
	} vec;
	char *buf;
};
static co_t ptrace_regset(struct co *co, struct ptrace_regset *f)
{
	CO_BEGIN;
	CO_COPY_FROM_USER(f->err, &f->vec, f->data, sizeof(f->vec));
	if (f->err)
		CO_RETURN(f->err);
	f->set = regset_find((u32)f->addr);
	if (!f->set || f->vec.len % f->set->unit)
		CO_RETURN(-EINVAL);
	f->vec.len = min(f->vec.len, (u64)f->set->size);
	f->buf = kmalloc(REGSET_MAX);
	if (!f->buf)
		CO_RETURN(-ENOMEM);
	if (f->write)
		CO_COPY_FROM_USER(f->err, f->buf, uptr_of(f->vec.base), f->vec.len);
	if (!f->err)
		f->err = ptrace_move(f->child, f->set, f->buf, f->vec.len, f->write);
	if (!f->err && !f->write)
		CO_COPY_TO_USER(f->err, uptr_of(f->vec.base), f->buf, f->vec.len);
	kfree(f->buf);
	if (!f->err)
		CO_COPY_TO_USER(f->err, uptr_add(f->data, sizeof(f->vec.base)), &f->vec.len,
				sizeof(f->vec.len));
	CO_RETURN(f->err);
	CO_END;
}

/* --- what the stop is about --- */

/* -EINVAL: this stop has none. */
static long ptrace_info(struct thread *t, siginfo_t *buf, bool write)
{
	struct process *p = t->process;
	long err = -ESRCH;

	spin_lock(&p->sig_lock);
	if (trace_holds(p, t)) {
		err = t->trace->info ? 0 : -EINVAL;
		if (!err && write)
			memcpy(t->trace->info, buf, sizeof(*t->trace->info));
		else if (!err)
			memcpy(buf, t->trace->info, sizeof(*t->trace->info));
	}
	spin_unlock(&p->sig_lock);
	return err;
}

struct ptrace_siginfo {
	struct ptrace_on;
	bool write;
	siginfo_t info;
};
static co_t ptrace_siginfo(struct co *co, struct ptrace_siginfo *f)
{
	CO_BEGIN;
	if (f->write)
		CO_COPY_FROM_USER(f->err, &f->info, f->data, sizeof(f->info));
	if (!f->err)
		f->err = ptrace_info(f->child, &f->info, f->write);
	if (!f->err && !f->write)
		CO_COPY_TO_USER(f->err, f->data, &f->info, sizeof(f->info));
	CO_RETURN(f->err);
	CO_END;
}

/* The n-th pending signal. false: there are not so many. */
static bool ptrace_peek_one(struct thread *t, bool shared, u64 n, siginfo_t *to)
{
	struct process *p = t->process;
	struct signal_queue *q = shared ? &p->pending : &t->pending;
	struct signal_record *r;
	bool found = false;

	memset(to, 0, sizeof(*to));
	spin_lock(&p->sig_lock);
	list_each(r, &q->records, link) {
		if (n--)
			continue;
		memcpy(to, &r->info, sizeof(r->info));
		found = true;
		break;
	}
	spin_unlock(&p->sig_lock);
	return found;
}

struct ptrace_peek_siginfo {
	struct ptrace_on;
	struct ptrace_peeksiginfo_args args;
	siginfo_t info;
	i32 done;
};
static co_t ptrace_peek_siginfo(struct co *co, struct ptrace_peek_siginfo *f)
{
	CO_BEGIN;
	CO_COPY_FROM_USER(f->err, &f->args, uptr_of(f->addr), sizeof(f->args));
	if (f->err)
		CO_RETURN(f->err);
	if ((f->args.flags & ~(u32)PTRACE_PEEKSIGINFO_SHARED) || f->args.nr < 0)
		CO_RETURN(-EINVAL);
	for (f->done = 0; f->done < f->args.nr; f->done++) {
		if (f->args.off + (u64)f->done < f->args.off ||
		    !ptrace_peek_one(f->child, f->args.flags & PTRACE_PEEKSIGINFO_SHARED,
				     f->args.off + (u64)f->done, &f->info))
			break;
		CO_COPY_TO_USER(f->err, uptr_add(f->data, (u64)f->done * sizeof(f->info)),
				&f->info, sizeof(f->info));
		if (f->err)
			break;
		CO_BREATHE;
	}
	CO_RETURN(f->done ? f->done : f->err);
	CO_END;
}

static long ptrace_mask(struct thread *t, sigmask *mask, bool write)
{
	struct process *p = t->process;
	long err = -ESRCH;

	spin_lock(&p->sig_lock);
	if (trace_holds(p, t)) {
		err = 0;
		if (write) {
			t->blocked = *mask & ~SIG_UNBLOCKABLE;
			t->mask_is_saved = false;
		} else {
			*mask = t->mask_is_saved ? t->saved_mask : t->blocked;
		}
	}
	spin_unlock(&p->sig_lock);
	return err;
}

struct ptrace_sigmask {
	struct ptrace_on;
	bool write;
	sigmask mask;
};
static co_t ptrace_sigmask(struct co *co, struct ptrace_sigmask *f)
{
	CO_BEGIN;
	if (f->addr != sizeof(f->mask))
		CO_RETURN(-EINVAL);
	if (f->write)
		CO_COPY_FROM_USER(f->err, &f->mask, f->data, sizeof(f->mask));
	if (!f->err)
		f->err = ptrace_mask(f->child, &f->mask, f->write);
	if (!f->err && !f->write)
		CO_COPY_TO_USER(f->err, f->data, &f->mask, sizeof(f->mask));
	CO_RETURN(f->err);
	CO_END;
}

/* Filled in; how many bytes of it mean something, or -ESRCH. */
static long ptrace_call_info(struct thread *t, struct ptrace_syscall_info *to)
{
	struct process *p = t->process;
	struct trace *tr = t->trace;
	int code;
	i64 result;

	memset(to, 0, sizeof(*to));
	to->arch = AUDIT_ARCH_AARCH64;
	to->instruction_pointer = t->user.pc;
	to->stack_pointer = t->user.sp;
	spin_lock(&p->sig_lock);
	code = trace_holds(p, t) ? tr->info ? tr->info->si_code : 0 : -1;
	to->entry.nr = (u64)t->syscall;
	to->entry.args[0] = t->orig_x0;
	for (int i = 1; i < 6; i++)
		to->entry.args[i] = t->user.x[i];
	result = (i64)t->user.x[0];
	spin_unlock(&p->sig_lock);
	if (code < 0)
		return -ESRCH;
	if (code == (SIGTRAP | 0x80) && tr->message == PTRACE_EVENTMSG_SYSCALL_ENTRY) {
		to->op = PTRACE_SYSCALL_INFO_ENTRY;
		return offsetof(struct ptrace_syscall_info, entry.args) + sizeof(to->entry.args);
	}
	if (code == (SIGTRAP | 0x80) && tr->message == PTRACE_EVENTMSG_SYSCALL_EXIT) {
		memset(&to->entry, 0, sizeof(to->entry));
		to->op = PTRACE_SYSCALL_INFO_EXIT;
		to->exit.rval = result;
		to->exit.is_error = (u64)result >= (u64)-4095;
		return offsetof(struct ptrace_syscall_info, exit.is_error) + 1;
	}
	if (code == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8)) {
		to->op = PTRACE_SYSCALL_INFO_SECCOMP;
		to->seccomp.ret_data = (u32)tr->message;
		return offsetof(struct ptrace_syscall_info, seccomp.ret_data) + sizeof(u32);
	}
	return offsetof(struct ptrace_syscall_info, entry);
}

struct ptrace_get_call {
	struct ptrace_on;
	struct ptrace_syscall_info info;
	long size;
};
static co_t ptrace_get_call(struct co *co, struct ptrace_get_call *f)
{
	CO_BEGIN;
	f->size = ptrace_call_info(f->child, &f->info);
	if (f->size > 0)
		CO_COPY_TO_USER(f->err, f->data, &f->info, min((u64)f->size, f->addr));
	CO_RETURN(f->err ? f->err : f->size);
	CO_END;
}

struct ptrace_get_rseq {
	struct ptrace_on;
	struct ptrace_rseq_configuration conf;
};
static co_t ptrace_get_rseq(struct co *co, struct ptrace_get_rseq *f)
{
	CO_BEGIN;
	f->conf = (struct ptrace_rseq_configuration){
		.rseq_abi_pointer = f->child->rseq.raw,
		.rseq_abi_size = f->child->rseq_len,
		.signature = f->child->rseq_sig,
	};
	CO_COPY_TO_USER(f->err, f->data, &f->conf, min(sizeof(f->conf), f->addr));
	CO_RETURN(f->err ? f->err : (long)sizeof(f->conf));
	CO_END;
}

/* --- small ones --- */

/* Only who has no filters himself may suspend others'. */
static long ptrace_check_options(u64 options)
{
	struct thread *me = thread_current();

	if (options & ~(u64)PTRACE_O_MASK)
		return -EINVAL;
	if (!(options & PTRACE_O_SUSPEND_SECCOMP))
		return 0;
	return cred_capable(me->task.cred, CAP_SYS_ADMIN) && !seccomp_mode(me) ? 0 : -EPERM;
}

static long ptrace_set_options(struct thread *t, u64 options)
{
	struct process *p = t->process;
	long err = ptrace_check_options(options);

	if (err)
		return err;
	err = -ESRCH;
	spin_lock(&p->sig_lock);
	if (trace_holds(p, t)) {
		t->trace->options = (u32)options;
		err = 0;
	}
	spin_unlock(&p->sig_lock);
	return err;
}

static long ptrace_go_on(struct thread *t, long request, u64 sig)
{
	enum trace_mode mode = TRACE_RUN;
	bool step = request == PTRACE_SINGLESTEP || request == PTRACE_SYSEMU_SINGLESTEP;

	if (sig > 64)
		return -EIO;
	if (request == PTRACE_SYSCALL)
		mode = TRACE_SYSCALL;
	else if (request == PTRACE_SYSEMU || request == PTRACE_SYSEMU_SINGLESTEP)
		mode = TRACE_EMULATE;
	return trace_resume(t, mode, step, (int)sig);
}

struct ptrace_message {
	struct ptrace_on;
	u64 message;
};
static co_t ptrace_message(struct co *co, struct ptrace_message *f)
{
	CO_BEGIN;
	f->message = f->child->trace->message;
	CO_COPY_TO_USER(f->err, f->data, &f->message, sizeof(f->message));
	CO_RETURN(f->err);
	CO_END;
}

/* --- the call --- */

/* Whether the current thread may ask for this now. PTRACE_KILL and PTRACE_INTERRUPT do not need
 * it stopped. */
static bool ptrace_is_mine(struct thread *t, bool running)
{
	struct process *p = t->process;
	bool mine;

	spin_lock(&p->sig_lock);
	mine = trace_of(t) && t->trace->tracer == thread_current() &&
	       (running || trace_holds(p, t));
	spin_unlock(&p->sig_lock);
	return mine;
}

/* A request about a thread that is stopped. */
struct ptrace_request {
	struct ptrace_on;
	long request;
};
static co_t ptrace_request(struct co *co, struct ptrace_request *f)
{
#define ON .child = f->child, .addr = f->addr, .data = f->data
	CO_BEGIN;
	f->err = -EIO;
	if (f->request == PTRACE_PEEKTEXT || f->request == PTRACE_PEEKDATA)
		CO_AWAIT(f->err, ptrace_word, ON);
	else if (f->request == PTRACE_POKETEXT || f->request == PTRACE_POKEDATA)
		CO_AWAIT(f->err, ptrace_word, ON, .write = true);
	else if (f->request == PTRACE_GETREGSET || f->request == PTRACE_SETREGSET)
		CO_AWAIT(f->err, ptrace_regset, ON, .write = f->request == PTRACE_SETREGSET);
	else if (f->request == PTRACE_GETSIGINFO || f->request == PTRACE_SETSIGINFO)
		CO_AWAIT(f->err, ptrace_siginfo, ON, .write = f->request == PTRACE_SETSIGINFO);
	else if (f->request == PTRACE_GETSIGMASK || f->request == PTRACE_SETSIGMASK)
		CO_AWAIT(f->err, ptrace_sigmask, ON, .write = f->request == PTRACE_SETSIGMASK);
	else if (f->request == PTRACE_PEEKSIGINFO)
		CO_AWAIT(f->err, ptrace_peek_siginfo, ON);
	else if (f->request == PTRACE_GET_SYSCALL_INFO)
		CO_AWAIT(f->err, ptrace_get_call, ON);
	else if (f->request == PTRACE_GET_RSEQ_CONFIGURATION)
		CO_AWAIT(f->err, ptrace_get_rseq, ON);
	else if (f->request == PTRACE_SECCOMP_GET_FILTER)
		CO_AWAIT(f->err, seccomp_get_filter, ON);
	else if (f->request == PTRACE_SECCOMP_GET_METADATA)
		CO_AWAIT(f->err, seccomp_get_metadata, ON);
	else if (f->request == PTRACE_GETEVENTMSG)
		CO_AWAIT(f->err, ptrace_message, ON);
	CO_RETURN(f->err);
	CO_END;
#undef ON
}

/* Those that only change the state of a stopped thread; -ENOSYS: it is none of them. */
static long ptrace_control(struct thread *t, long request, u64 data)
{
	switch (request) {
	case PTRACE_CONT:
	case PTRACE_SYSCALL:
	case PTRACE_SINGLESTEP:
	case PTRACE_SYSEMU:
	case PTRACE_SYSEMU_SINGLESTEP:
		return ptrace_go_on(t, request, data);
	case PTRACE_DETACH:
		return data > 64 ? -EIO : trace_detach(t, (int)data);
	case PTRACE_LISTEN:
		return trace_listen(t);
	case PTRACE_SETOPTIONS:
		return ptrace_set_options(t, data);
	default:
		return -ENOSYS;
	}
}

/* Who is meant: a thread with a reference, or why not. */
static long ptrace_find(int pid, bool attach, struct thread **to)
{
	struct process *p;

	*to = thread_find(pid);
	if (*to)
		return 0;
	p = attach ? process_find(pid) : NULL;
	process_put(p);
	return p ? -EPERM : -ESRCH;
}

struct sys_ptrace {
	struct co_frame co;
	long request;
	int pid;
	u64 addr;
	uptr data;
	struct thread *child;
	long err;
	bool attach, seize;
};
static co_t sys_ptrace(struct co *co, struct sys_ptrace *f)
{
	CO_BEGIN;
	if (f->request == PTRACE_TRACEME)
		CO_RETURN(trace_me(thread_of_co(co)));
	f->seize = f->request == PTRACE_SEIZE;
	f->attach = f->request == PTRACE_ATTACH || f->seize;
	f->err = ptrace_find(f->pid, f->attach, &f->child);
	if (f->err)
		CO_RETURN(f->err);
	f->err = -ESRCH;
	if (f->attach) {
		f->err = f->seize && f->addr ? -EIO : 0;
		if (!f->err && f->seize && (f->data.raw & ~(u64)PTRACE_O_MASK))
			f->err = -EIO;
		if (!f->err && f->seize)
			f->err = ptrace_check_options(f->data.raw);
		if (!f->err)
			CO_AWAIT(f->err, trace_attach, .thread = f->child, .seize = f->seize,
				 .options = f->seize ? (u32)f->data.raw : 0);
		goto out;
	}
	if (!ptrace_is_mine(f->child,
			    f->request == PTRACE_KILL || f->request == PTRACE_INTERRUPT))
		goto out;
	if (f->request == PTRACE_KILL) {
		signal_process(f->child->process, SIGKILL, NULL);
		f->err = 0;
		goto out;
	}
	if (f->request == PTRACE_INTERRUPT) {
		f->err = trace_interrupt(f->child);
		goto out;
	}
	f->err = ptrace_control(f->child, f->request, f->data.raw);
	if (f->err == -ENOSYS)
		CO_AWAIT(f->err, ptrace_request, .child = f->child, .request = f->request,
			 .addr = f->addr, .data = f->data);
out:
	task_put(&f->child->task);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(ptrace, request, pid, addr, data);
