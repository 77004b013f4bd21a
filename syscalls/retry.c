/* syscalls/retry.c */
#include "syscalls/retry.h"

#include "core/proc/thread.h"
#include "mem/space/uaccess.h"

#define RETRY_MAX 64	/* pages taken away again and again: not by accident */

static bool retry_note(struct task *t, uptr addr, size_t n, bool write)
{
	struct thread *thread = thread_of(t);

	thread->retry_addr = addr.raw;
	thread->retry_len = (u32)n;
	thread->retry_write = write;
	return false;
}

bool user_get(struct task *t, void *to, uptr from, size_t n)
{
	return hal_copy_from_user(to, from, n) == n || uaccess_kept(to, from, n) ||
	       retry_note(t, from, n, false);
}

bool user_put(struct task *t, uptr to, const void *from, size_t n)
{
	return hal_copy_to_user(to, from, n) == n || retry_note(t, to, n, true);
}

co_t retry_call(struct co *co, struct retry_call *f)
{
	struct thread *t = thread_of_co(co);

	CO_BEGIN;
	for (f->tries = 0; f->tries < RETRY_MAX; f->tries++) {
		CO_AWAIT(f->result, user_fault_in, .addr = uptr_of(t->retry_addr),
			 .n = t->retry_len, .write = t->retry_write);
		if (f->result)
			CO_RETURN(f->result);
		f->result = f->plain(co_task(co), f->a);
		if (f->result != SYS_MUST_WAIT)
			CO_RETURN(f->result);
	}
	CO_RETURN(-EFAULT);
	CO_END;
}
