/* syscalls/seccomp.c -- seccomp(2), and prctl(2)'s older way to it. */
#include "core/proc/seccomp.h"

#include "mem/phys/slab.h"
#include "mem/space/uaccess.h"
#include "syscalls/seccomp.h"
#include "syscalls/syscall.h"

/* No one is told about calls in user space: SECCOMP_FILTER_FLAG_NEW_LISTENER is refused. */
#define SECCOMP_FLAGS                                                                   \
	(SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW | \
	 SECCOMP_FILTER_FLAG_TSYNC_ESRCH)

co_t seccomp_set_filter(struct co *co, struct seccomp_set_filter *f)
{
	struct thread *t = thread_of_co(co);

	CO_BEGIN;
	if (f->asked & ~(u32)SECCOMP_FLAGS)
		CO_RETURN(-EINVAL);
	CO_COPY_FROM_USER(f->err, &f->prog, f->from, sizeof(f->prog));
	if (f->err)
		CO_RETURN(f->err);
	if (!f->prog.len || f->prog.len > BPF_MAXINSNS)
		CO_RETURN(-EINVAL);
	if (!seccomp_may(t))
		CO_RETURN(-EACCES);
	if (!f->prog.insns)
		CO_RETURN(-EINVAL);
	f->size = f->prog.len * sizeof(*f->insns);
	f->insns = kmalloc(f->size);
	if (!f->insns)
		CO_RETURN(-ENOMEM);
	CO_COPY_FROM_USER(f->err, f->insns, uptr_of(f->prog.insns), f->size);
	if (f->err) {
		kfree(f->insns);
		CO_RETURN(f->err);
	}
	f->err = seccomp_filter_new(f->insns, f->prog.len, f->asked & SECCOMP_FILTER_FLAG_LOG,
				    &f->filter);
	if (!f->err)
		f->err = seccomp_attach(t, f->filter, f->asked & SECCOMP_FILTER_FLAG_TSYNC);
	if (f->err > 0 && (f->asked & SECCOMP_FILTER_FLAG_TSYNC_ESRCH))
		f->err = -ESRCH;
	CO_RETURN(f->err);
	CO_END;
}

struct sys_seccomp {
	struct co_frame co;
	u32 op, flags;
	uptr args;
	u32 action;
	long err;
};
static co_t sys_seccomp(struct co *co, struct sys_seccomp *f)
{
	CO_BEGIN;
	if (f->op == SECCOMP_SET_MODE_FILTER) {
		CO_AWAIT(f->err, seccomp_set_filter, .asked = f->flags, .from = f->args);
		CO_RETURN(f->err);
	}
	if (f->op == SECCOMP_SET_MODE_STRICT)
		CO_RETURN(f->flags || f->args.raw ? -EINVAL : seccomp_set_strict(thread_of_co(co)));
	if (f->op != SECCOMP_GET_ACTION_AVAIL || f->flags)
		CO_RETURN(-EINVAL);
	CO_COPY_FROM_USER(f->err, &f->action, f->args, sizeof(f->action));
	if (!f->err && !seccomp_has_action(f->action))
		f->err = -EOPNOTSUPP;
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(seccomp, op, flags, args);
