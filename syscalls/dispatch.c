/* syscalls/dispatch.c -- from the trap to the call and back. */
#include "core/base/log.h"
#include "core/proc/seccomp.h"
#include "core/proc/trace.h"
#include "coro/executor.h"
#include "syscalls/syscall.h"

static u64 unknown_logged[(SYSCALL_MAX + 63) / 64]; /* [a] bit: this number was logged */

long dispatch_unknown(struct task *t, const u64 *a)
{
	u32 nr = (u32)a[8];
	u64 bit = 1ul << nr % 64;

	if (nr < SYSCALL_MAX && !(atomic_or(&unknown_logged[nr / 64], bit) & bit))
		log_info("%s: system call %u is not implemented", t->name, nr);
	return -ENOSYS;
}

long dispatch_must_wait(struct task *t, const u64 *a)
{
	return SYS_MUST_WAIT;
}

/* What a restart, a tracer or /proc wants to know of the call. */
static void dispatch_note(struct thread *thread, u32 nr)
{
	thread->orig_x0 = thread->user.x[0];
	thread->syscall = (i32)nr;
}

/* The call's coroutine. */
static HAL_ENTRY __attribute__((noinline)) struct hal_user *
dispatch_awaiting(struct task *t, u32 nr)
{
	struct executor *ex = executor_this();
	struct thread *thread = thread_of(t);

	dispatch_note(thread, nr);
	executor_poll_begin(ex);
	if (syscall_table[nr].begin(&t->co, thread->user.x) == CO_PENDING)
		return executor_waits(ex, t, executor_poll_end(ex, t));
	executor_poll_end(ex, t);
	executor_unspill(ex, &t->co);
	if (thread_wants_restart(t->co.result))
		atomic_or(&t->flags, (u32)TASK_RETURN);
	if (atomic_load_relaxed(&t->flags))
		return executor_return(CO_DONE);
	thread->syscall = -1;
	thread->user.x[0] = (u64)t->co.result;
	return executor_may_return(t, ex) ? &thread->user : executor_return(CO_DONE);
}

/* --- traced --- */

/* A call of a thread with TASK_TRACED: its tracer may stop it before, change its number
 * (thread->syscall; -1: none is made) and everything else. The end of one that was made is
 * told on the way back to user mode, where it may also be one that was not traced before. */
struct dispatch_traced {
	struct co_frame co;
	u32 nr;
	bool emulate;
	long result, ignored;
};
static co_t dispatch_traced(struct co *co, struct dispatch_traced *f)
{
	struct thread *t = thread_of_co(co);
	struct task *task = co_task(co);

	CO_BEGIN;
	if (t->syscall == -1)
		t->user.x[0] = (u64)-ENOSYS;
	if (trace_sees_calls(t)) {
		f->emulate = t->trace->mode == TRACE_EMULATE;
		CO_AWAIT(f->ignored, trace_syscall);
		if (f->emulate || (atomic_load(&task->flags) & TASK_KILLED))
			t->syscall = -1;
	}
	if (t->syscall == -1) {
		CO_AWAIT(f->ignored, trace_call_end);
		CO_RETURN((long)t->user.x[0]);
	}
	if (t->trace->seccomp_mode) {
		CO_AWAIT(f->result, seccomp_check);
		if (f->result)
			CO_RETURN((long)t->user.x[0]);
	}
	f->nr = min((u32)t->syscall, (u32)SYSCALL_MAX);
	f->result = syscall_plain[f->nr](task, t->user.x);
	if (f->result == SYS_MUST_WAIT)
		CO_AWAIT_BEGUN(f->result, syscall_table[f->nr].begin(co, t->user.x));
	/* Back from a signal: there is no call any more, but there was one. */
	if (t->syscall == -1 && !task->exiting) {
		CO_AWAIT(f->ignored, trace_call_end);
		CO_RETURN((long)t->user.x[0]);
	}
	CO_RETURN(f->result);
	CO_END;
}

/* Out of line: nothing of it is to cost the others. */
static HAL_ENTRY __attribute__((noinline)) struct hal_user *dispatch_begin_traced(struct task *t)
{
	struct thread *thread = thread_of(t);
	co_t status;

	dispatch_note(thread, (u32)thread->user.x[8]);
	status = co_begin(&t->co, dispatch_traced);

	/* Its flag may be gone by now: what the call gave has yet to be stored. */
	if (status == CO_DONE)
		atomic_or(&t->flags, (u32)TASK_RETURN);
	return executor_return(status);
}

/* A plain call is over, but there is something to do: thread_returned stores its result. */
static HAL_ENTRY __attribute__((noinline)) struct hal_user *
dispatch_flagged(struct task *t, u32 nr, long result)
{
	dispatch_note(thread_of(t), nr);
	t->co.result = result;
	return executor_return(CO_DONE);
}

HAL_ENTRY struct hal_user *dispatch_syscall(struct hal_user *u)
{
	struct executor *ex = executor_this();
	struct task *t = ex->current;
	u32 nr = min((u32)u->x[8], (u32)SYSCALL_MAX);
	long result;

	if (__builtin_expect(atomic_load_relaxed(&t->flags) & TASK_TRACED, 0))
		return dispatch_begin_traced(t);
	if (co_goes_long_way() && nr < SYSCALL_MAX && syscall_table[nr].begin)
		return dispatch_awaiting(t, nr);
	result = syscall_plain[nr](t, u->x);
	if (__builtin_expect(result == SYS_MUST_WAIT, 0))
		return dispatch_awaiting(t, nr);
	if (__builtin_expect(atomic_load_relaxed(&t->flags), 0))
		return dispatch_flagged(t, nr, result);
	lock_rank_none_held(t);
	u->x[0] = (u64)result;
	return atomic_load_relaxed(&ex->resched) ? executor_done(ex, t) : u;
}
