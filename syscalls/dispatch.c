/* syscalls/dispatch.c -- from the trap to the call and back. */
#include "core/base/log.h"
#include "core/proc/thread.h"
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

	if (status == CO_PENDING)
		return executor_return(CO_PENDING);
	executor_unspill(ex, &t->co);
	if (thread_wants_restart(t->co.result))
		atomic_or(&t->flags, (u32)TASK_RETURN);
	if (atomic_load_relaxed(&t->flags))
		return executor_return(CO_DONE);
	thread->syscall = -1;
	thread->user.x[0] = (u64)t->co.result;
	return executor_may_return(t, ex) ? &thread->user : executor_return(CO_DONE);
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
	result = syscall_table[nr].plain(t, u->x);
	if (__builtin_expect(result == SYS_MUST_WAIT, 0))
		return dispatch_awaiting(t, syscall_table[nr].begin(&t->co, u->x));
	if (__builtin_expect(atomic_load_relaxed(&t->flags), 0)) {
		/* thread_returned stores it. */
		t->co.result = result;
		return executor_return(CO_DONE);
	}
	lock_rank_none_held(t);
	thread->syscall = -1;
	u->x[0] = (u64)result;
	return atomic_load_relaxed(&ex->resched) ? executor_return(CO_DONE) : u;
}
