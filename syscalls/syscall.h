/* syscalls/syscall.h -- how a system call is written and entered.
 *
 * table.c is the only list of calls; a family's file defines them. A call has a plain form
 * (a function that never waits), an awaitable form (a coroutine), or both: then the plain
 * one tries first and says SYS_MUST_WAIT, having changed nothing, when it cannot finish.
 *
 *	static long sys_getpid(struct task *t)
 *	{ ... }
 *	SYSCALL_PLAIN(getpid);
 *
 *	static long sys_lseek(struct task *t, int fd, i64 offset, int whence)
 *	{ ... }
 *	SYSCALL_PLAIN(lseek, int, i64, int);
 *
 *	struct sys_read { struct co_frame co; int fd; uptr buf; size_t len; ...locals... };
 *	static co_t sys_read(struct co *co, struct sys_read *f)
 *	{ CO_BEGIN; ... CO_RETURN(n); CO_END; }
 *	SYSCALL_CO(read, fd, buf, len);
 *
 *	static long try_read(struct task *t, int fd, uptr buf, size_t len)
 *	{ ... return SYS_MUST_WAIT; }
 *	SYSCALL_TRY(read, int, uptr, size_t);
 *
 * Results are a value or a negative errno (or a restart code, ERESTARTSYS...). Arguments are
 * converted from registers bit by bit: an int takes the low 32.
 */
#ifndef SYSCALLS_SYSCALL_H
#define SYSCALLS_SYSCALL_H

#include "coro/task.h"

/* No errno and no valid result. */
#define SYS_MUST_WAIT (-4096l)

#define SYS_ARG_(type, raw_) (((union { u64 raw; type as; }){.raw = (raw_)}).as)

#define SYS_CAT_(a, b)	a##b
#define SYS_CAT(a, b)	SYS_CAT_(a, b)
#define SYS_COUNT_(z, a, b, c, d, e, f, n, ...) n
#define SYS_COUNT(...)	SYS_COUNT_(0 __VA_OPT__(, ) __VA_ARGS__, 6, 5, 4, 3, 2, 1, 0)

#define SYS_CAST0()
#define SYS_CAST1(t0)		  , SYS_ARG_(t0, a[0])
#define SYS_CAST2(t0, t1)	  SYS_CAST1(t0), SYS_ARG_(t1, a[1])
#define SYS_CAST3(t0, t1, t2)	  SYS_CAST2(t0, t1), SYS_ARG_(t2, a[2])
#define SYS_CAST4(t0, t1, t2, t3) SYS_CAST3(t0, t1, t2), SYS_ARG_(t3, a[3])
#define SYS_CAST5(t0, t1, t2, t3, t4) SYS_CAST4(t0, t1, t2, t3), SYS_ARG_(t4, a[4])
#define SYS_CAST6(t0, t1, t2, t3, t4, t5) SYS_CAST5(t0, t1, t2, t3, t4), SYS_ARG_(t5, a[5])

#define SYSCALL_PLAIN(name, ...)                                              \
	long plain_##name(struct task *t, const u64 *a);                      \
	long plain_##name(struct task *t, const u64 *a)                       \
	{                                                                     \
		return sys_##name(                                            \
			t SYS_CAT(SYS_CAST, SYS_COUNT(__VA_ARGS__))(__VA_ARGS__)); \
	}                                                                     \
	static_assert(true)

/* The same for the trying half of a call that may wait: function try_<name>. */
#define SYSCALL_TRY(name, ...)                                                \
	long plain_##name(struct task *t, const u64 *a);                      \
	long plain_##name(struct task *t, const u64 *a)                       \
	{                                                                     \
		return try_##name(                                            \
			t SYS_CAT(SYS_CAST, SYS_COUNT(__VA_ARGS__))(__VA_ARGS__)); \
	}                                                                     \
	static_assert(true)

#define SYS_FIELD_(name, field, i) \
	.field = SYS_ARG_(typeof(((struct sys_##name *)0)->field), a[i])
#define SYS_FIELDS0(n)
#define SYS_FIELDS1(n, f0)	   SYS_FIELD_(n, f0, 0)
#define SYS_FIELDS2(n, f0, f1)	   SYS_FIELDS1(n, f0), SYS_FIELD_(n, f1, 1)
#define SYS_FIELDS3(n, f0, f1, f2) SYS_FIELDS2(n, f0, f1), SYS_FIELD_(n, f2, 2)
#define SYS_FIELDS4(n, f0, f1, f2, f3) SYS_FIELDS3(n, f0, f1, f2), SYS_FIELD_(n, f3, 3)
#define SYS_FIELDS5(n, f0, f1, f2, f3, f4) SYS_FIELDS4(n, f0, f1, f2, f3), SYS_FIELD_(n, f4, 4)
#define SYS_FIELDS6(n, f0, f1, f2, f3, f4, f5) \
	SYS_FIELDS5(n, f0, f1, f2, f3, f4), SYS_FIELD_(n, f5, 5)

/* The coroutine sys_<name>, its frame's fields named in argument order. */
#define SYSCALL_CO(name, ...)                                                 \
	co_t begin_##name(struct co *co, const u64 *a);                       \
	co_t begin_##name(struct co *co, const u64 *a)                        \
	{                                                                     \
		return co_begin(co, sys_##name,                               \
				SYS_CAT(SYS_FIELDS, SYS_COUNT(__VA_ARGS__))(  \
					name __VA_OPT__(, ) __VA_ARGS__));    \
	}                                                                     \
	static_assert(true)

typedef long syscall_plain_fn(struct task *t, const u64 *a);

struct syscall {
	const char *name;	/* NULL: not implemented */
	co_t (*begin)(struct co *co, const u64 *a);
};

/* Plain forms of what has none. */
syscall_plain_fn dispatch_unknown;	/* -ENOSYS */
syscall_plain_fn dispatch_must_wait;	/* SYS_MUST_WAIT */

/* Indexed by the arm64 call number; the last plain form stands for all higher ones. */
#define SYSCALL_MAX 470
extern syscall_plain_fn *const syscall_plain[SYSCALL_MAX + 1];
extern const struct syscall syscall_table[SYSCALL_MAX];

/* hal_upcalls.syscall. The thread's `orig_x0` and `syscall` (its number; -1 when the entry
 * is something else) are set for calls that wait, or end with a flag of the task set. */
struct hal_user;
HAL_ENTRY struct hal_user *dispatch_syscall(struct hal_user *u);

#endif
