/* syscalls/seccomp.c -- seccomp(2), and prctl(2)'s older way to it. */
#include "core/proc/seccomp.h"

#include <linux/capability.h>

#include "core/cred/cred.h"
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
	CO_AWAIT(f->err, program_from_user, .from = &f->prog, .to = &f->insns);
	if (f->err)
		CO_RETURN(f->err);
	f->err = seccomp_filter_new(f->insns, f->prog.len, f->asked & SECCOMP_FILTER_FLAG_LOG,
				    &f->filter);
	if (!f->err)
		f->err = seccomp_attach(t, f->filter, f->asked & SECCOMP_FILTER_FLAG_TSYNC);
	if (f->err > 0 && (f->asked & SECCOMP_FILTER_FLAG_TSYNC_ESRCH))
		f->err = -ESRCH;
	CO_RETURN(f->err);
	CO_END;
}

/* --- what a tracer asks --- */

/* Only who is under no filter himself. */
static bool seccomp_may_look(void)
{
	struct thread *me = thread_current();

	return cred_capable_own(me->task.cred, CAP_SYS_ADMIN) && !seccomp_mode(me);
}

co_t seccomp_get_filter(struct co *co, struct seccomp_get_filter *f)
{
	CO_BEGIN;
	if (!seccomp_may_look())
		CO_RETURN(-EACCES);
	f->err = seccomp_filter_nth(f->child, f->addr, &f->filter);
	if (f->err)
		CO_RETURN(f->err);
	f->insns = seccomp_filter_program(f->filter, &f->len);
	if (f->data.raw)
		CO_COPY_TO_USER(f->err, f->data, f->insns, f->len * sizeof(*f->insns));
	seccomp_filter_put(f->filter);
	CO_RETURN(f->err ? f->err : (long)f->len);
	CO_END;
}

co_t seccomp_get_metadata(struct co *co, struct seccomp_get_metadata *f)
{
	CO_BEGIN;
	if (!seccomp_may_look())
		CO_RETURN(-EACCES);
	f->size = min(f->addr, sizeof(f->what));
	if (f->size < sizeof(f->what.filter_off))
		CO_RETURN(-EINVAL);
	CO_COPY_FROM_USER(f->err, &f->what.filter_off, f->data, sizeof(f->what.filter_off));
	if (!f->err)
		f->err = seccomp_filter_nth(f->child, f->what.filter_off, &f->filter);
	if (f->err)
		CO_RETURN(f->err);
	f->what.flags = seccomp_filter_logs(f->filter) ? SECCOMP_FILTER_FLAG_LOG : 0;
	seccomp_filter_put(f->filter);
	CO_COPY_TO_USER(f->err, f->data, &f->what, f->size);
	CO_RETURN(f->err ? f->err : (long)f->size);
	CO_END;
}

/* --- the call --- */

static const struct seccomp_notif_sizes seccomp_sizes = {
	.seccomp_notif = sizeof(struct seccomp_notif),
	.seccomp_notif_resp = sizeof(struct seccomp_notif_resp),
	.seccomp_data = sizeof(struct seccomp_data),
};

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
	if ((f->op != SECCOMP_GET_ACTION_AVAIL && f->op != SECCOMP_GET_NOTIF_SIZES) || f->flags)
		CO_RETURN(-EINVAL);
	if (f->op == SECCOMP_GET_NOTIF_SIZES) {
		CO_COPY_TO_USER(f->err, f->args, &seccomp_sizes, sizeof(seccomp_sizes));
		CO_RETURN(f->err);
	}
	CO_COPY_FROM_USER(f->err, &f->action, f->args, sizeof(f->action));
	if (!f->err && !seccomp_has_action(f->action))
		f->err = -EOPNOTSUPP;
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(seccomp, op, flags, args);
