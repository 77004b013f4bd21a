/* syscalls/namespace.c -- unshare, setns: leaving what is shared, and going to others' namespaces.
 *
 * User, mount, UTS and PID namespaces can be left for new ones, a PID namespace for one's children;
 * the user namespace first, for the others are to belong to it. Of the other kinds there is one
 * each: going there is allowed to whom Linux allows it, and changes nothing.
 */
#include <linux/sched.h>

#include "core/cred/cred.h"
#include "core/proc/nsfs.h"
#include "core/proc/pid_ns.h"
#include "core/proc/pidfd.h"
#include "core/proc/thread.h"
#include "core/proc/user_become.h"
#include "core/proc/uts.h"
#include "syscalls/syscall.h"
#include "vfs/fd.h"
#include "vfs/fs_context.h"
#include "vfs/mount_ns.h"

#define SHARED_THINGS \
	(CLONE_FS | CLONE_FILES | CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)
#define SPACES_MADE (CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWPID)
#define SPACES_OF_ONE (CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP | CLONE_NEWTIME)

/* Names, and where children are born, are a process's, where Linux has them per thread. */
static bool space_is_threads(struct task *t, u64 flags)
{
	return (flags & (CLONE_NEWUTS | CLONE_NEWPID)) &&
	       atomic_load_relaxed(&thread_of(t)->process->thread_count) > 1;
}

static long unshare_check(struct task *t, u64 flags)
{
	/* A user is one in all of a process. */
	if (flags & CLONE_NEWUSER)
		flags |= CLONE_THREAD;
	if (flags & ~(u64)(SHARED_THINGS | SPACES_MADE | SPACES_OF_ONE | CLONE_NEWUSER))
		return -EINVAL;
	/* A single thread shares neither memory nor handlers. */
	if ((flags & (CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)) &&
	    atomic_load_relaxed(&thread_of(t)->process->thread_count) > 1)
		return -EINVAL;
	/* Who may not ask is told so first. */
	if ((flags & (SPACES_MADE | SPACES_OF_ONE)) && !(flags & CLONE_NEWUSER) &&
	    !cred_capable_own(t->cred, CAP_SYS_ADMIN))
		return -EPERM;
	return (flags & SPACES_OF_ONE) || space_is_threads(t, flags) ? -EINVAL : 0;
}

/* What is to be a thread's, and then what was; NULL: no change. */
struct unshared {
	struct fd_table *fds;
	struct fs_context *fs;
	struct uts *uts;
	struct pid_ns *child_ns;
	struct cred *cred;
};

static void unshare_put(struct unshared *u)
{
	fd_table_put(u->fds);
	fs_context_leave(u->fs);
	uts_put(u->uts);
	pid_ns_put(u->child_ns);
	cred_put(u->cred);
}

/* Copies: 0, -ENOMEM, -ENOSPC, -EINVAL, -EPERM; what there is of them is put by the caller. */
static long unshare_copy(struct task *t, u64 flags, struct unshared *to)
{
	struct process *p = thread_of(t)->process;
	struct user_ns *users;
	long err = flags & CLONE_NEWUSER ? user_become_new(&to->cred) : 0;

	if (err)
		return err;
	users = to->cred ? to->cred->ns : t->cred->ns;
	if ((flags & CLONE_FILES) && atomic_load(&t->fds->refs.n) > 1) {
		to->fds = fd_table_clone(t->fds);
		if (!to->fds)
			return -ENOMEM;
	}
	if (flags & CLONE_NEWUTS) {
		to->uts = process_uts(p);
		if (!uts_renew(&to->uts, users))
			return -ENOMEM;
	}
	/* It chooses once where they are born. */
	if (flags & CLONE_NEWPID)
		err = p->child_ns ? -EINVAL : pid_ns_new(p->pid->ns, users, &to->child_ns);
	if (err)
		return err;
	if (!(flags & CLONE_NEWNS) &&
	    !((flags & (CLONE_FS | CLONE_NEWUSER)) && atomic_load(&t->fs->users) > 1))
		return 0;
	to->fs = fs_context_clone(t->fs);
	if (!to->fs)
		return -ENOMEM;
	return flags & CLONE_NEWNS ? fs_context_renew_ns(to->fs, users) : 0;
}

/* All but the undoing of semaphores, which waits. */
static long unshare_now(struct task *t, u64 flags)
{
	struct process *p = thread_of(t)->process;
	struct unshared new = {}, old;
	long err = unshare_check(t, flags);

	if (!err)
		err = unshare_copy(t, flags, &new);
	if (err) {
		unshare_put(&new);
		return err;
	}
	spin_lock(&p->sig_lock);
	old = (struct unshared){
		.fds = new.fds ? t->fds : NULL,
		.fs = new.fs ? t->fs : NULL,
		.uts = new.uts ? p->uts : NULL,
		.child_ns = new.child_ns ? p->child_ns : NULL,
	};
	t->fds = new.fds ? new.fds : t->fds;
	t->fs = new.fs ? new.fs : t->fs;
	p->uts = new.uts ? new.uts : p->uts;
	p->child_ns = new.child_ns ? new.child_ns : p->child_ns;
	spin_unlock(&p->sig_lock);
	if (new.cred)
		user_become_go(new.cred);
	unshare_put(&old);
	return 0;
}

static bool unshare_waits(struct thread *t, u64 flags)
{
	return (flags & CLONE_SYSVSEM) && (t->own_undos || t->process->undos);
}

static long try_unshare(struct task *t, u64 flags)
{
	return unshare_waits(thread_of(t), flags) ? SYS_MUST_WAIT : unshare_now(t, flags);
}
SYSCALL_TRY(unshare, u64);

struct sys_unshare {
	struct co_frame co;
	u64 flags;
	long err, ignored;
};
static co_t sys_unshare(struct co *co, struct sys_unshare *f)
{
	CO_BEGIN;
	f->err = unshare_now(co_task(co), f->flags);
	if (f->err || !unshare_waits(thread_of_co(co), f->flags))
		CO_RETURN(f->err);
	/* The last thread of the process gives up the process's. */
	CO_AWAIT_OP(f->ignored, thread_undo->leave, .thread = thread_of_co(co),
		    .process = atomic_load(&process_of(co)->live) == 1);
	thread_of_co(co)->own_undos = atomic_load(&process_of(co)->live) > 1;
	CO_RETURN(0);
	CO_END;
}
SYSCALL_CO(unshare, flags);

/* --- setns --- */

/* Who may change a namespace of each of these kinds may have it for his own. */
static bool setns_may(const struct cred *cred, u32 kinds, const struct nsfs_spaces *to)
{
	const struct user_ns *const users[] = {
		kinds & CLONE_NEWNS ? to->mounts->users : NULL,
		kinds & CLONE_NEWUTS ? to->uts->users : NULL,
		kinds & CLONE_NEWPID ? to->pids->users : NULL,
		kinds & SPACES_OF_ONE ? &user_ns_first : NULL,
	};

	for (unsigned i = 0; i < ARRAY_SIZE(users); i++)
		if (users[i] && !cred_capable_in(cred, users[i], CAP_SYS_ADMIN))
			return false;
	return true;
}

/* May the caller go to namespaces of these kinds (CLONE_NEW*), as one of `users`? */
static long setns_check(struct task *t, u32 kinds, const struct nsfs_spaces *to,
			const struct user_ns *users)
{
	kinds &= ~(u32)CLONE_NEWUSER;
	if (!kinds)
		return 0;
	if (!cred_capable_in(t->cred, users, CAP_SYS_ADMIN) || !setns_may(t->cred, kinds, to))
		return -EPERM;
	if ((kinds & CLONE_NEWNS) && !cred_capable_in(t->cred, users, CAP_SYS_CHROOT))
		return -EPERM;
	if ((kinds & CLONE_NEWNS) && atomic_load(&t->fs->users) > 1)
		return -EINVAL;
	if ((kinds & CLONE_NEWTIME) &&
	    atomic_load_relaxed(&thread_of(t)->process->thread_count) > 1)
		return -EUSERS;
	if ((kinds & CLONE_NEWPID) && !pid_ns_is_within(to->pids, pid_ns_here()))
		return -EINVAL;
	return space_is_threads(t, kinds) ? -EINVAL : 0;
}

/* Where children are born: NULL for the process's own. */
static void setns_go_for_children(struct process *p, struct pid_ns *to)
{
	struct pid_ns *old;

	if (to)
		pid_ns_get(to);
	spin_lock(&p->sig_lock);
	old = p->child_ns;
	p->child_ns = to;
	spin_unlock(&p->sig_lock);
	pid_ns_put(old);
}

static void setns_go(struct task *t, u32 kinds, const struct nsfs_spaces *to)
{
	struct process *p = thread_of(t)->process;
	struct uts *old = NULL;

	if (kinds & CLONE_NEWUTS) {
		uts_get(to->uts);
		spin_lock(&p->sig_lock);
		old = p->uts;
		p->uts = to->uts;
		spin_unlock(&p->sig_lock);
		uts_put(old);
	}
	if (kinds & CLONE_NEWPID)
		setns_go_for_children(p, to->pids == p->pid->ns ? NULL : to->pids);
	if (kinds & CLONE_NEWNS)
		fs_context_enter_ns(t->fs, to->mounts);
}

static long setns_to(struct task *t, u32 kinds, const struct nsfs_spaces *to)
{
	struct cred *new = NULL;
	long err = kinds & CLONE_NEWUSER ? user_become(to->users, &new) : 0;

	if (!err)
		err = setns_check(t, kinds, to, new ? new->ns : t->cred->ns);
	if (err) {
		cred_put(new);
		return err;
	}
	if (new)
		user_become_go(new);
	setns_go(t, kinds, to);
	return 0;
}

/* Those that a process is in: -ESRCH, -EPERM. */
static long setns_of(struct pid *pid, struct nsfs_spaces *to)
{
	struct process *p = process_find_in(&pid_ns_first, pid->nr);
	long err = p && p->pid == pid ? process_may_inspect(p) : -ESRCH;

	if (!err && !nsfs_spaces_of(p, to))
		err = -ESRCH;
	process_put(p);
	return err;
}

static long sys_setns(struct task *t, int fd, u32 kinds)
{
	struct file *file = fd_get(t->fds, fd);
	struct nsfs_spaces to;
	u32 kind;
	long err = 0;

	if (!file)
		return -EBADF;
	kind = nsfs_of(file, &to);
	if (kind) {
		if (kinds && kinds != kind)
			err = -EINVAL;
		kinds = kind;
	} else if (!pidfd_pid(file) || !kinds ||
		   (kinds & ~(u32)(SPACES_MADE | SPACES_OF_ONE | CLONE_NEWUSER))) {
		err = -EINVAL;
	} else {
		err = setns_of(pidfd_pid(file), &to);
	}
	if (!err)
		err = setns_to(t, kinds, &to);
	nsfs_spaces_put(&to);
	file_put(file);
	return err;
}
SYSCALL_PLAIN(setns, int, u32);
