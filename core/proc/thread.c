/* core/proc/thread.c -- thread records, and the ways in and out of user mode.
 *
 *	dispatch_syscall / thread_fault / thread_interrupted
 *	    -> executor_return -> thread_returned -> (user_return) -> user mode
 *
 * thread_returned is asked when a coroutine of a thread is done, or when a thread is about to
 * enter user mode the slow way and a flag is set: it stores a system call's result and, if there
 * is something to do or the call wants to be restarted, begins user_return.
 */
#include "core/proc/thread.h"

#include "core/base/log.h"
#include "core/cred/cred.h"
#include "core/proc/async.h"
#include "core/proc/core.h"
#include "core/proc/extra.h"
#include "core/proc/internal.h"
#include "core/proc/proc_event.h"
#include "core/proc/rt_time.h"
#include "core/proc/trace.h"
#include "coro/executor.h"
#include "hal/clock.h"
#include "mem/phys/slab.h"
#include "mem/space/fault.h"
#include "sched/deadline.h"

static struct slab_cache *threads;

const struct thread_undo_ops *thread_undo;

void thread_init(void)
{
	threads = slab_cache_new("thread", sizeof(struct thread), 0);
}

void thread_tell_overrun(struct thread *t)
{
	if (deadline_overran(&t->task))
		signal_process(t->process, SIGXCPU, NULL);
	rt_time_check(t);
}

static co_t thread_returned(struct task *task)
{
	struct thread *t = thread_of(task);
	u32 flags = atomic_load(&task->flags);
	bool call = t->syscall >= 0;
	bool restart = false, asked = flags & TASK_RETURN;

	if (task->exiting)
		return CO_DONE;
	if (asked) {
		task_clear_flags(task, TASK_RETURN);
		thread_tell_overrun(t);
		flags |= atomic_load(&task->flags) & ~(u32)TASK_RETURN;
		if (atomic_load(&async_pending)) {
			async_deliver();
			flags |= atomic_load(&task->flags);
		}
	}
	if (call) {
		t->user.x[0] = (u64)task->co.result;
		restart = thread_wants_restart(task->co.result);
	}
	/* A call may have come to be traced while it was under way. */
	if (restart || t->mask_is_saved ||
	    flags & ~(u32)(TASK_RETURN | (call ? 0 : TASK_TRACED)) ||
	    ((asked || !call) && rseq_update(t, !call))) {
		if (!executor_this()->poll_start_ns)
			executor_poll_begin(executor_this());
		return co_begin(&task->co, user_return);
	}
	t->syscall = -1;
	return CO_DONE;
}

static void thread_release(struct task *task)
{
	struct thread *t = thread_of(task);

	process_count_thread(-1);
	deadline_free(task);
	trace_free(t->trace);
	signal_queue_flush(&t->pending, ~0ul);
	extra_free(t);
	cred_put(task->cred);
	pid_put(t->tid);
	process_put(t->process);
	slab_free(threads, t);
}

const struct task_ops thread_ops = {
	.returned = thread_returned,
	.release = thread_release,
};

struct thread *thread_new(struct process *p, struct pid *tid, const char *name)
{
	struct thread *t = slab_zalloc(threads);

	if (!t)
		return NULL;
	task_init(&t->task, name, &t->user, &thread_ops);
	hal_user_init(&t->user, 0, 0);
	t->process = p;
	process_get(p);
	t->tid = tid;
	pid_get(tid);
	list_init(&t->in_process);
	signal_queue_init(&t->pending);
	t->syscall = -1;
	/* What it may have copied of another's rseq is looked at before it runs. */
	t->task.flags = TASK_RETURN;
	t->alt_flags = SS_DISABLE;
	t->rseq_cpu = UINT32_MAX;
	t->start_ns = hal_clock_ns();
	process_count_thread(1);
	return t;
}

void thread_drop(struct thread *t)
{
	task_put(&t->task);
}

long thread_may_restart(struct thread *t, const struct restart *how)
{
	struct thread_extra *e = extra_need(t);

	if (!e)
		return -EINTR;
	e->restart = *how;
	e->restarts = true;
	return -ERESTART_RESTARTBLOCK;
}

const struct restart *thread_restart(const struct thread *t)
{
	return t->extra && t->extra->restarts ? &t->extra->restart : NULL;
}

void thread_forget_restart(struct thread *t)
{
	if (t->extra)
		t->extra->restarts = false;
}

void thread_add(struct thread *t)
{
	struct process *p = t->process;

	spin_lock(&p->sig_lock);
	list_add_back(&p->threads, &t->in_process);
	p->thread_count++;
	atomic_add(&p->user->processes, 1u);
	atomic_add(&p->live, 1u);
	t->tid->thread = t;
	rt_time_add(p, t);
	/* Born into a group stop or a group's end. */
	if (p->stop_signal || p->exec_by)
		atomic_or(&t->task.flags, (u32)TASK_WORK);
	if (p->group_exiting)
		atomic_or(&t->task.flags, (u32)(TASK_KILLED | TASK_SIGNAL));
	core_add(p);
	spin_unlock(&p->sig_lock);
}

struct thread *thread_find_in(const struct pid_ns *ns, int tid)
{
	struct thread *t = NULL;
	struct pid *pid;

	spin_lock(&proc_tree_lock);
	pid = pid_lookup_in(ns, tid);
	if (pid && pid->thread) {
		t = pid->thread;
		task_get(&t->task);
	}
	spin_unlock(&proc_tree_lock);
	return t;
}

struct thread *thread_find(int tid)
{
	return thread_find_in(pid_ns_here(), tid);
}

void thread_set_cred(struct thread *t, struct cred *cred)
{
	struct process *p = t->process;
	struct user_counts *user = NULL, *old_user = NULL;
	struct cred *old;

	if (cred->uid != p->user->uid)
		user = user_counts_find(cred->uid);
	spin_lock(&p->sig_lock);
	old = t->task.cred;
	t->task.cred = cred;
	if (user && p->user->uid != cred->uid) {
		atomic_sub(&p->user->processes, p->thread_count);
		atomic_add(&user->processes, p->thread_count);
		old_user = p->user;
		p->user = user;
		user = NULL;
	}
	spin_unlock(&p->sig_lock);
	proc_event_ids(t, old);
	cred_put(old);
	user_counts_put(user);
	user_counts_put(old_user);
}

struct cred *thread_cred(struct thread *t)
{
	struct process *p = t->process;
	struct cred *cred;

	spin_lock(&p->sig_lock);
	cred = t->task.cred;
	cred_get(cred);
	spin_unlock(&p->sig_lock);
	return cred;
}

/* --- faults and interrupts from user mode --- */

struct fault_await {
	struct co_frame co;
	u64 addr;
	unsigned access;
	long result;
};

static void fault_poison(struct thread *t, u64 addr)
{
	struct signal_info info = {.si_signo = SIGBUS, .si_code = BUS_MCEERR_AR};

	info.si_addr = (void *)addr;
	info.si_addr_lsb = PAGE_SHIFT;
	signal_force_info(t, &info);
}

/* What a fault that could not be mended means for the program. */
static void fault_signal(struct thread *t, long result, u64 addr)
{
	switch (result) {
	case FAULT_MAPERR:
		signal_force(t, SIGSEGV, SEGV_MAPERR, addr);
		break;
	case FAULT_ACCERR:
		signal_force(t, SIGSEGV, SEGV_ACCERR, addr);
		break;
	case FAULT_BUS:
		signal_force(t, SIGBUS, BUS_ADRERR, addr);
		break;
	case FAULT_POISON:
		fault_poison(t, addr);
		break;
	case FAULT_OOM:
		/* Nobody else can be ended for it. */
		log_warn("%s (%d): out of memory, killed", t->task.name, t->tid->nr);
		signal_group_exit(t->process, SIGKILL);
		break;
	default:
		break;
	}
}

static co_t fault_await(struct co *co, struct fault_await *f)
{
	struct thread *t = thread_of_co(co);

	CO_BEGIN;
	atomic_count(&t->major_faults);
	CO_AWAIT(f->result, fault_handle, .space = co_task(co)->space, .addr = uptr_of(f->addr),
		 .access = f->access);
	fault_signal(t, f->result, f->addr);
	CO_RETURN(0);
	CO_END;
}

static co_t fault_page(struct thread *t, u64 addr, enum hal_access access)
{
	enum fault_result result = FAULT_MAPERR;

	if (addr < HAL_USER_END)
		result = fault_try(t->task.space, uptr_of(addr), access | FAULT_USER);
	if (result == FAULT_WAIT) {
		executor_poll_begin(executor_this());
		return co_begin(&t->task.co, fault_await, .addr = addr,
				.access = access | FAULT_USER);
	}
	if (result == FAULT_DONE)
		atomic_count(&t->minor_faults);
	else
		fault_signal(t, result, addr);
	return CO_DONE;
}

/* Who asked for it may be gone meanwhile. */
static void thread_stepped(struct thread *t, u64 pc)
{
	if (trace_of(t)) {
		signal_force(t, SIGTRAP, TRAP_TRACE, pc);
		hal_user_step_again(&t->user);
		return;
	}
	executor_user_sync(&t->task);
	t->user.step = false;
}

static co_t fault_take(struct thread *t, const struct hal_fault *why)
{
	/* The top byte is the program's to use as a tag. */
	u64 addr = why->addr & (1ul << 55) ? why->addr : why->addr & ~(0xfful << 56);
	u64 pc = t->user.pc;

	t->fault_addr = why->addr;
	t->fault_esr = why->esr;
	switch (why->kind) {
	case HAL_FAULT_PAGE:
		return fault_page(t, addr, why->access);
	case HAL_FAULT_ALIGN:
		signal_force(t, SIGBUS, BUS_ADRALN, addr);
		break;
	case HAL_FAULT_BUS:
		signal_force(t, SIGBUS, BUS_OBJERR, addr);
		break;
	case HAL_FAULT_ILLEGAL:
		signal_force(t, SIGILL, ILL_ILLOPC, pc);
		break;
	case HAL_FAULT_BREAK:
		signal_force(t, SIGTRAP, TRAP_BRKPT, pc);
		break;
	case HAL_FAULT_STEP:
		thread_stepped(t, pc);
		break;
	case HAL_FAULT_HWBREAK:
		signal_force(t, SIGTRAP, TRAP_HWBKPT, addr);
		break;
	}
	return CO_DONE;
}

/* The way back to user mode is the slow one, so others may run first: then a restartable
 * sequence has to be left. */
static void thread_preempted(struct thread *t)
{
	if (t->rseq.raw)
		atomic_or(&t->task.flags, (u32)TASK_RETURN);
}

HAL_ENTRY struct hal_user *thread_fault(struct hal_user *u, const struct hal_fault *why)
{
	struct executor *ex = executor_this();
	struct thread *t = thread_of(ex->current);
	co_t status;

	t->syscall = -1;
	ex->sampler.fault_pc = u->pc;
	status = fault_take(t, why);
	if (ex->poll_start_ns)
		executor_poll_end(ex, &t->task);
	if (status == CO_DONE) {
		executor_unspill(ex, &t->task.co);
		if (executor_may_return(&t->task, ex))
			return u;
		thread_preempted(t);
	}
	return executor_return(status);
}

HAL_ENTRY struct hal_user *thread_interrupted(struct hal_user *u)
{
	struct thread *t = thread_current();

	t->syscall = -1;
	if (executor_may_return(&t->task, executor_this()))
		return u;
	thread_preempted(t);
	return executor_return(CO_DONE);
}
