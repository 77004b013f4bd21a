/* syscalls/dispatch.c -- from the trap to the call and back. */
#include "core/base/log.h"
#include "core/proc/thread.h"
#include "coro/executor.h"
#include "syscalls/syscall.h"

static u64 unknown_logged[(SYSCALL_MAX + 63) / 64]; /* [a] bit: this number was logged */

static long dispatch_unknown(struct task *t, u64 nr)
{
	u64 bit = 1ul << (nr % 64);

	if (nr < SYSCALL_MAX && !(atomic_or(&unknown_logged[nr / 64], bit) & bit))
		log_info("%s: system call %lu is not implemented", t->name, nr);
	return -ENOSYS;
}

struct hal_user *dispatch_syscall(struct hal_user *u)
{
	struct executor *ex = executor_this();
	struct task *t = ex->current;
	struct thread *thread = thread_of(t);
	u64 nr = (u32)u->x[8];
	const struct syscall *call = &syscall_table[nr < SYSCALL_MAX ? nr : 0];
	long result;
	co_t status;

	thread->orig_x0 = u->x[0];
	thread->syscall = (i32)nr;
	if (nr >= SYSCALL_MAX || !call->name) {
		result = dispatch_unknown(t, nr);
	} else {
		result = call->plain ? call->plain(t, u->x) : SYS_MUST_WAIT;
		if (result == SYS_MUST_WAIT) {
			status = call->begin(&t->co, u->x);
			if (status == CO_PENDING)
				return executor_return(CO_PENDING);
			executor_unspill(ex, &t->co);
			result = t->co.result;
		}
	}
	if (executor_may_return(t, ex)) {
		thread->syscall = -1;
		u->x[0] = (u64)result;
		return u;
	}
	t->co.result = result;
	return executor_return(CO_DONE);
}
