/* syscalls/dispatch.c -- from the trap to the call and back. */
#include "core/base/log.h"
#include "core/proc/seccomp.h"
#include "core/proc/trace.h"
#include "coro/executor.h"
#include "syscalls/syscall.h"

static u64 unknown_logged[(SYSCALL_MAX + 63) / 64]; /* [a] bit: this number was logged */

long dispatch_unknown(struct task *t, const u64 *a)
{
	u64 nr = (u32)thread_of(t)->syscall;
	u64 bit = 1ul << (nr % 64);

	if (nr < SYSCALL_MAX && !(atomic_or(&unknown_logged[nr / 64], bit) & bit))
		log_info("%s: system call %lu is not implemented", t->name, nr);
	return -ENOSYS;
}

long dispatch_must_wait(struct task *t, const u64 *a)
{
	return SYS_MUST_WAIT;
}

/* A coroutine ended without waiting, or is under way. */
static __attribute__((noinline)) struct hal_user *dispatch_awaiting(struct task *t, co_t status)
{
	struct executor *ex = executor_this();
	struct thread *thread = thread_of(t);

	if (status == CO_PENDING) {
		ex->now_ns = executor_poll_end(ex, t);
		return executor_return(CO_PENDING);
	}
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
	const struct syscall *call;
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
	f->call = &syscall_table[min((u32)t->syscall, (u32)SYSCALL_MAX)];
	f->result = f->call->plain(task, t->user.x);
	if (f->result == SYS_MUST_WAIT)
		CO_AWAIT_BEGUN(f->result, f->call->begin(co, t->user.x));
	/* Back from a signal: there is no call any more, but there was one. */
	if (t->syscall == -1 && !task->exiting) {
		CO_AWAIT(f->ignored, trace_call_end);
		CO_RETURN((long)t->user.x[0]);
	}
	CO_RETURN(f->result);
	CO_END;
}

/* Out of line: nothing of it is to cost the others. */
[[gnu::noinline]] static struct hal_user *dispatch_begin_traced(struct task *t)
{
	co_t status = co_begin(&t->co, dispatch_traced);

	/* Its flag may be gone by now: what the call gave has yet to be stored. */
	if (status == CO_DONE)
		atomic_or(&t->flags, (u32)TASK_RETURN);
	return executor_return(status);
}

struct hal_user *dispatch_syscall(struct hal_user *u)
{
	struct executor *ex = executor_this();
	struct task *t = ex->current;
	struct thread *thread = thread_of(t);
	u64 nr = min((u32)u->x[8], (u32)SYSCALL_MAX);
	long result;

	thread->orig_x0 = u->x[0];
	thread->syscall = (i32)u->x[8];
	if (__builtin_expect(atomic_load_relaxed(&t->flags) & TASK_TRACED, 0))
		return dispatch_begin_traced(t);
	result = syscall_table[nr].plain(t, u->x);
	if (__builtin_expect(result == SYS_MUST_WAIT, 0)) {
		executor_poll_begin(ex);
		return dispatch_awaiting(t, syscall_table[nr].begin(&t->co, u->x));
	}
	if (__builtin_expect(atomic_load_relaxed(&t->flags), 0)) {
		/* thread_returned stores it. */
		t->co.result = result;
		return executor_return(CO_DONE);
	}
	lock_rank_none_held(t);
	u->x[0] = (u64)result;
	/* In user mode the number means nothing; every way in sets it. */
	if (__builtin_expect(!atomic_load_relaxed(&ex->resched), 1))
		return u;
	thread->syscall = -1;
	return executor_return(CO_DONE);
}
