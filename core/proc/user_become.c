/* core/proc/user_become.c */
#include "core/proc/user_become.h"

#include "core/proc/core.h"
#include "core/proc/thread.h"
#include "mem/space/space.h"
#include "vfs/fs_context.h"

u32 user_become_unprivileged = 1;

int user_become_new(struct cred **to)
{
	const struct task *t = task_current();
	const struct cred *old = t->cred;
	struct user_ns *ns;
	int err;

	if (!atomic_load_relaxed(&user_become_unprivileged) && !cred_capable(old, CAP_SYS_ADMIN))
		return -EPERM;
	if (old->ns->level >= USER_LEVELS)
		return -ENOSPC;
	/* Who is confined to a part of the tree would get the means to leave it. And the owner has
	 * to be somebody where the namespace is. */
	if (fs_context_is_confined(t->fs) || !user_ns_has_both(old->ns, old->euid, old->egid))
		return -EPERM;
	err = user_ns_new(old->ns, old->euid, old->egid, cred_capable_own(old, CAP_SETFCAP), &ns);
	if (err)
		return err;
	*to = cred_clone(old);
	if (!*to) {
		user_ns_put(ns);
		return -ENOMEM;
	}
	cred_enter_ns(*to, ns);
	return 0;
}

int user_become(struct user_ns *ns, struct cred **to)
{
	const struct task *t = task_current();

	/* Nobody gets back by it what he gave up. */
	if (ns == t->cred->ns)
		return -EINVAL;
	if (atomic_load_relaxed(&process_current()->thread_count) > 1 ||
	    atomic_load(&t->fs->users) > 1)
		return -EINVAL;
	if (!cred_capable_in(t->cred, ns, CAP_SYS_ADMIN))
		return -EPERM;
	*to = cred_clone(t->cred);
	if (!*to)
		return -ENOMEM;
	user_ns_get(ns);
	cred_enter_ns(*to, ns);
	return 0;
}

void user_become_go(struct cred *new)
{
	struct thread *t = thread_current();

	/* As when one becomes another user: what he has in memory may be others'. */
	if (!cred_is_subset(new, t->task.cred)) {
		atomic_store(&t->task.space->dumpable,
			     (u8)atomic_load(&core_settings.suid_dumpable));
		atomic_store(&t->process->pdeath_signal, 0);
	}
	thread_set_cred(t, new);
}
