/* core/proc/seccomp.h -- filters of system calls.
 *
 * A thread's filters are a chain, newest first; a child and a thread of the same process share
 * what was there when they were made. Once there is one it never goes. TASK_TRACED sends the
 * thread's calls to where seccomp_check is awaited.
 *
 * Ownership  the chain's links and the thread's trace record hold references.
 * Locking    mode and filter of a thread change under sig_lock; it reads its own without.
 */
#ifndef PROC_SECCOMP_H
#define PROC_SECCOMP_H

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "core/proc/thread.h"

struct seccomp_filter;

/* Nobody gains rights through a filter that makes a program go wrong: may t set one? */
bool seccomp_may(const struct thread *t);
/* One that is not in use yet, from a program copied from user space (taken over): -EINVAL,
 * -ENOMEM. */
int seccomp_filter_new(struct sock_filter *insns, u32 len, bool log, struct seccomp_filter **to);
void seccomp_filter_put(struct seccomp_filter *f);

int seccomp_mode(const struct thread *t);	/* SECCOMP_MODE_* */
bool seccomp_no_new_privs(const struct thread *t);
u32 seccomp_filters(const struct thread *t);	/* how many */
int seccomp_set_strict(struct thread *t);	/* 0, -EINVAL, -ENOMEM */
/* Put f (a reference, taken over in any case) before t's chain; `all`: of every thread. 0, a
 * negative errno, or the number of a thread that has filters of its own. */
long seccomp_attach(struct thread *t, struct seccomp_filter *f, bool all);
/* A new thread gets its maker's; it may be that it needs a record first (false). */
bool seccomp_inherit(struct thread *child, struct thread *maker);

/* Is there this action (SECCOMP_RET_*)? */
bool seccomp_has_action(u32 action);

/* t's filters as its tracer counts them, 0 the oldest: its program, and whether all it does is
 * logged. A reference, or -EINVAL (t has none), -ENOENT. */
int seccomp_filter_nth(struct thread *t, u64 n, struct seccomp_filter **to);
const struct sock_filter *seccomp_filter_program(const struct seccomp_filter *f, u32 *len);
bool seccomp_filter_logs(const struct seccomp_filter *f);

/* The current thread is about to make a call: 0, or -1 if it is not to: the result is in x0. */
struct seccomp_check {
	struct co_frame co;
	bool again;
	u32 action;
	struct signal_info info;
	long ignored;
};
co_t seccomp_check(struct co *co, struct seccomp_check *f);

#endif
