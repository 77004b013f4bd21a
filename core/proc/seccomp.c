/* core/proc/seccomp.c -- filters: attaching them, and what they make of a call. */
#include <asm/unistd.h>
#include <linux/audit.h>

#include "core/proc/seccomp.h"

#include "core/base/log.h"
#include "core/base/string.h"
#include "core/cred/cred.h"
#include "core/proc/bpf.h"
#include "core/proc/core.h"
#include "core/proc/exit.h"
#include "core/proc/internal.h"
#include "core/proc/trace.h"
#include "mem/phys/slab.h"

#define SECCOMP_PATH_MAX ((1u << 18) / sizeof(struct sock_filter)) /* of a chain, in all */
#define SECCOMP_PENALTY	 4	/* each filter counts so much more */

struct seccomp_filter {
	refcount refs;			/* [a] */
	struct seccomp_filter *prev;	/* [I] owned */
	bool log;			/* [I] all but what is allowed is logged */
	u32 len;			/* [I] */
	u32 count;			/* [I] of the chain from here */
	u32 path;			/* [I] its length */
	struct sock_filter *insns;	/* [I] owned */
};

bool seccomp_may(const struct thread *t)
{
	return seccomp_no_new_privs(t) || cred_capable_own(t->task.cred, CAP_SYS_ADMIN);
}

int seccomp_filter_new(struct sock_filter *insns, u32 len, bool log, struct seccomp_filter **to)
{
	struct seccomp_filter *f = NULL;
	int err = bpf_check(insns, len, BPF_OF_CALLS);

	if (!err)
		f = kzalloc(sizeof(*f));
	if (!f) {
		kfree(insns);
		return err ? err : -ENOMEM;
	}
	ref_init(&f->refs);
	f->log = log;
	f->len = len;
	f->insns = insns;
	*to = f;
	return 0;
}

void seccomp_filter_put(struct seccomp_filter *f)
{
	struct seccomp_filter *prev;

	for (; f && ref_put(&f->refs); f = prev) {
		prev = f->prev;
		kfree(f->insns);
		kfree(f);
	}
}

int seccomp_mode(const struct thread *t)
{
	const struct trace *tr = atomic_load(&t->trace);

	return tr ? tr->seccomp_mode : SECCOMP_MODE_DISABLED;
}

bool seccomp_no_new_privs(const struct thread *t)
{
	const struct trace *tr = atomic_load(&t->trace);

	return t->task.cred->no_new_privs || (tr && tr->no_new_privs);
}

u32 seccomp_filters(const struct thread *t)
{
	const struct trace *tr = atomic_load(&t->trace);

	return tr && tr->filter ? tr->filter->count : 0;
}

/* --- attaching --- */

int seccomp_set_strict(struct thread *t)
{
	struct process *p = t->process;
	int err = 0;

	if (!trace_prepare(t))
		return -ENOMEM;
	spin_lock(&p->sig_lock);
	if (t->trace->seccomp_mode == SECCOMP_MODE_FILTER)
		err = -EINVAL;
	else
		t->trace->seccomp_mode = SECCOMP_MODE_STRICT;
	trace_update_flag(t);
	spin_unlock(&p->sig_lock);
	return err;
}

static bool seccomp_is_below(const struct seccomp_filter *f, const struct seccomp_filter *top)
{
	for (; top; top = top->prev)
		if (top == f)
			return true;
	return !f;
}

/* Records for all threads, so that nothing can fail later. */
static bool seccomp_prepare_all(struct process *p) REQUIRES(p->sig_lock)
{
	struct thread *each;

	list_each(each, &p->threads, in_process)
		if (!trace_prepare(each))
			return false;
	return true;
}

static int seccomp_other_filters(struct process *p, struct thread *t) REQUIRES(p->sig_lock)
{
	struct thread *each;

	list_each(each, &p->threads, in_process) {
		struct trace *tr = each->trace;

		if (each == t || each->leaving || tr->seccomp_mode == SECCOMP_MODE_DISABLED)
			continue;
		if (tr->seccomp_mode != SECCOMP_MODE_FILTER ||
		    !seccomp_is_below(tr->filter, t->trace->filter))
			return thread_id(each);
	}
	return 0;
}

static void seccomp_use(struct thread *t, struct seccomp_filter *f)
{
	struct seccomp_filter *old = t->trace->filter;

	ref_get(&f->refs);
	atomic_store(&t->trace->filter, f);
	atomic_store(&t->trace->seccomp_mode, (u32)SECCOMP_MODE_FILTER);
	trace_update_flag(t);
	seccomp_filter_put(old);
}

long seccomp_attach(struct thread *t, struct seccomp_filter *f, bool all)
{
	struct process *p = t->process;
	struct seccomp_filter *prev;
	struct thread *each;
	long err = 0;

	if (!trace_prepare(t)) {
		seccomp_filter_put(f);
		return -ENOMEM;
	}
	spin_lock(&p->sig_lock);
	prev = t->trace->filter;
	f->count = 1 + (prev ? prev->count : 0);
	f->path = f->len + (prev ? prev->path + SECCOMP_PENALTY : 0);
	if (t->trace->seccomp_mode == SECCOMP_MODE_STRICT)
		err = -EINVAL;
	else if (f->path > SECCOMP_PATH_MAX || (all && !seccomp_prepare_all(p)))
		err = -ENOMEM;
	else if (all)
		err = seccomp_other_filters(p, t);
	if (!err) {
		f->prev = prev;
		if (prev)
			ref_get(&prev->refs);
		seccomp_use(t, f);
		list_each(each, &p->threads, in_process) {
			if (!all || each == t || each->leaving)
				continue;
			/* Its credentials are its own to replace: a mark beside them. */
			each->trace->no_new_privs |= seccomp_no_new_privs(t);
			seccomp_use(each, f);
		}
	}
	spin_unlock(&p->sig_lock);
	seccomp_filter_put(f);
	return err;
}

bool seccomp_inherit(struct thread *child, struct thread *maker)
{
	struct process *p = maker->process;
	struct trace *from = maker->trace;
	bool done = true;

	if (!from)
		return true;
	spin_lock(&p->sig_lock);
	if (from->seccomp_mode && !child->trace) {
		done = false;
	} else if (from->seccomp_mode) {
		child->trace->seccomp_mode = from->seccomp_mode;
		child->trace->no_new_privs = from->no_new_privs;
		child->trace->filter = from->filter;
		if (from->filter)
			ref_get(&from->filter->refs);
		trace_update_flag(child);
	}
	spin_unlock(&p->sig_lock);
	return done;
}

/* --- for a tracer --- */

int seccomp_filter_nth(struct thread *t, u64 n, struct seccomp_filter **to)
{
	struct process *p = t->process;
	struct seccomp_filter *f;
	int err = 0;

	spin_lock(&p->sig_lock);
	f = t->trace->filter;
	if (t->trace->seccomp_mode != SECCOMP_MODE_FILTER)
		err = -EINVAL;
	else if (!f || n >= f->count)
		err = -ENOENT;
	while (!err && f->count != n + 1)
		f = f->prev;
	if (!err)
		ref_get(&f->refs);
	*to = f;
	spin_unlock(&p->sig_lock);
	return err;
}

const struct sock_filter *seccomp_filter_program(const struct seccomp_filter *f, u32 *len)
{
	*len = f->len;
	return f->insns;
}

bool seccomp_filter_logs(const struct seccomp_filter *f)
{
	return f->log;
}

static bool seccomp_is_suspended(const struct thread *t)
{
	const struct trace *tr = trace_of(t);

	return tr && tr->options & PTRACE_O_SUSPEND_SECCOMP;
}

/* --- a call --- */

bool seccomp_has_action(u32 action)
{
	switch (action) {
	case SECCOMP_RET_KILL_PROCESS:
	case SECCOMP_RET_KILL_THREAD:
	case SECCOMP_RET_TRAP:
	case SECCOMP_RET_ERRNO:
	case SECCOMP_RET_TRACE:
	case SECCOMP_RET_LOG:
	case SECCOMP_RET_ALLOW:
		return true;
	default:
		return false;
	}
}

/* The strongest of what all say; the newest of equals. */
static u32 seccomp_ask(struct thread *t, bool *log)
{
	struct seccomp_data data = {
		.nr = t->syscall,
		.arch = AUDIT_ARCH_AARCH64,
		.instruction_pointer = t->user.pc,
	};
	u32 strongest = SECCOMP_RET_ALLOW, one;

	data.args[0] = t->orig_x0;
	for (int i = 1; i < 6; i++)
		data.args[i] = t->user.x[i];
	*log = false;
	for (const struct seccomp_filter *f = atomic_load(&t->trace->filter); f; f = f->prev) {
		one = bpf_run_call(f->insns, &data);
		if ((i32)(one & SECCOMP_RET_ACTION_FULL) <
		    (i32)(strongest & SECCOMP_RET_ACTION_FULL)) {
			strongest = one;
			*log = f->log;
		}
	}
	return strongest;
}

static void seccomp_log(struct thread *t, u32 action)
{
	log_info("seccomp: %s (%d): system call %d at %lx: action %#x", t->task.name, t->tid->nr,
		 t->syscall, (unsigned long)t->user.pc, action);
}

/* The call as a signal's reason, its registers as they were. */
static struct signal_info seccomp_reason(struct thread *t, u32 action)
{
	struct signal_info info = {.si_signo = SIGSYS, .si_code = SYS_SECCOMP};

	info.si_errno = (int)(action & SECCOMP_RET_DATA);
	info.si_call_addr = (void *)t->user.pc;
	info.si_syscall = t->syscall;
	info.si_arch = AUDIT_ARCH_AARCH64;
	t->user.x[0] = t->orig_x0;
	return info;
}

static void seccomp_signal(struct thread *t, u32 action)
{
	struct signal_info info = seccomp_reason(t, action);

	signal_force_info(t, &info);
}

/* Only four calls; any other ends the thread. */
static bool seccomp_is_strict_call(i32 nr)
{
	return nr == __NR_read || nr == __NR_write || nr == __NR_exit || nr == __NR_rt_sigreturn;
}

/* What there is to do without waiting: 0 to go on with the call, -1 not to, -EAGAIN: ask the
 * tracer, -EINTR: the thread ends, -ESRCH: its process. */
static int seccomp_act(struct thread *t, u32 action)
{
	u32 data = action & SECCOMP_RET_DATA;

	switch (action & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
	case SECCOMP_RET_LOG:
		return 0;
	case SECCOMP_RET_ERRNO:
		t->user.x[0] = (u64)-(i64)min(data, 4095u);
		return -1;
	case SECCOMP_RET_TRAP:
		seccomp_signal(t, action);
		return -1;
	case SECCOMP_RET_TRACE:
		if (trace_wants(t, PTRACE_EVENT_SECCOMP))
			return -EAGAIN;
		[[fallthrough]];
	case SECCOMP_RET_USER_NOTIF:
		t->user.x[0] = (u64)-ENOSYS;
		return -1;
	case SECCOMP_RET_KILL_THREAD:
		if (atomic_load(&t->process->live) > 1)
			return -EINTR;
		[[fallthrough]];
	default:
		return -ESRCH;
	}
}

static bool seccomp_is_logged(u32 action, bool asked)
{
	switch (action & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
		return false;
	case SECCOMP_RET_TRAP:
	case SECCOMP_RET_ERRNO:
	case SECCOMP_RET_TRACE:
	case SECCOMP_RET_USER_NOTIF:
		return asked;
	default:
		return true;
	}
}

co_t seccomp_check(struct co *co, struct seccomp_check *f)
{
	struct thread *t = thread_of_co(co);
	bool log;
	int what;

	CO_BEGIN;
	if (seccomp_is_suspended(t))
		CO_RETURN(0);
	if (t->trace->seccomp_mode == SECCOMP_MODE_STRICT) {
		if (seccomp_is_strict_call(t->syscall))
			CO_RETURN(0);
		seccomp_log(t, SECCOMP_RET_KILL_THREAD);
		CO_AWAIT(f->ignored, thread_exit, .status = SIGKILL);
		CO_RETURN(-1);
	}
	f->action = seccomp_ask(t, &log);
	if (seccomp_is_logged(f->action, log))
		seccomp_log(t, f->action);
	what = seccomp_act(t, f->action);
	if (what == -EINTR) {
		CO_AWAIT(f->ignored, thread_exit, .status = SIGSYS);
		CO_RETURN(-1);
	}
	if (what == -ESRCH) {
		/* No handler, no tracer. */
		f->info = seccomp_reason(t, f->action);
		t->syscall = -1;
		CO_AWAIT(f->ignored, core_dump, .sig = SIGSYS, .info = &f->info);
		CO_RETURN(-1);
	}
	if (what != -EAGAIN)
		CO_RETURN(what);
	/* What the tracer made of it is asked about once more, but not told again. */
	if (f->again)
		CO_RETURN(0);
	TRACE_EVENT(f->ignored, PTRACE_EVENT_SECCOMP, f->action & SECCOMP_RET_DATA);
	if (t->syscall < 0 || (atomic_load(&co_task(co)->flags) & TASK_KILLED))
		CO_RETURN(-1);
	CO_AWAIT(f->ignored, seccomp_check, .again = true);
	CO_RETURN(f->ignored);
	CO_END;
}
