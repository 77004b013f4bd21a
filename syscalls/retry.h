/* syscalls/retry.h -- plain calls that copy small structures from and to user memory.
 *
 * Such a call is a plain function that may find a page missing: user_get or user_put then
 * notes what is missing, and the function returns SYS_MUST_WAIT at once. Its awaitable form
 * faults that in and calls it again, from the start: so it copies in before, and out either
 * before it changes anything or where doing it twice does no harm.
 *
 *	static long sys_clock_gettime(struct task *t, int id, uptr to)
 *	{
 *		...
 *		return user_put(t, to, &ts, sizeof(ts)) ? 0 : SYS_MUST_WAIT;
 *	}
 *	SYSCALL_RETRY(clock_gettime, int, uptr);
 *
 * The copies never wait, so the buffers may lie on the C stack.
 */
#ifndef SYSCALLS_RETRY_H
#define SYSCALLS_RETRY_H

#include "syscalls/syscall.h"

bool user_get(struct task *t, void *to, uptr from, size_t n);
bool user_put(struct task *t, uptr to, const void *from, size_t n);

struct retry_call {
	struct co_frame co;
	long (*plain)(struct task *t, const u64 *a);
	const u64 *a;		/* the registers in the task's hal_user */
	unsigned tries;
	long result;
};
co_t retry_call(struct co *co, struct retry_call *f);

#define SYSCALL_RETRY(name, ...)                                              \
	SYSCALL_PLAIN(name, __VA_ARGS__);                                     \
	co_t begin_##name(struct co *co, const u64 *a);                       \
	co_t begin_##name(struct co *co, const u64 *a)                        \
	{                                                                     \
		return co_begin(co, retry_call, .plain = plain_##name, .a = a); \
	}                                                                     \
	static_assert(true)

#endif
