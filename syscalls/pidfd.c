/* syscalls/pidfd.c -- processes as descriptors, and comparing what two of them have. */
#include "core/proc/pidfd.h"

#include <linux/kcmp.h>

#include "core/proc/thread.h"
#include "syscalls/retry.h"
#include "vfs/epoll.h"
#include "vfs/fd.h"
#include "vfs/fs_context.h"

static long sys_pidfd_open(struct task *t, int nr, u32 flags)
{
	struct file *file;
	long fd;

	if ((flags & ~(u32)(PIDFD_NONBLOCK | PIDFD_THREAD)) || nr <= 0)
		return -EINVAL;
	fd = pidfd_open(nr, flags, t->cred, &file);
	if (fd)
		return fd;
	fd = fd_add(t->fds, file, 0, rlimit_get(thread_of(t)->process, RLIMIT_NOFILE), true);
	if (fd < 0)
		file_put(file);
	return fd;
}
SYSCALL_PLAIN(pidfd_open, int, u32);

/* --- signals --- */

#define PIDFD_SIGNAL_SCOPES                                                                \
	(PIDFD_SIGNAL_THREAD | PIDFD_SIGNAL_THREAD_GROUP | PIDFD_SIGNAL_PROCESS_GROUP)

/* The thread or process, referenced; false: it is gone. */
static bool pidfd_target(struct pid *pid, struct thread **thread, struct process **process)
{
	*thread = NULL;
	*process = NULL;
	spin_lock(&proc_tree_lock);
	if (pid->thread)
		*thread = pid->thread;
	if (pid->process)
		*process = pid->process;
	else if (pid->thread)
		*process = pid->thread->process;
	if (*thread)
		task_get(&(*thread)->task);
	if (*process)
		process_get(*process);
	spin_unlock(&proc_tree_lock);
	return *process;
}

static void pidfd_target_put(struct thread *thread, struct process *process)
{
	if (thread)
		task_put(&thread->task);
	process_put(process);
}

static long pidfd_signal(struct pid *pid, u32 scope, int sig, const struct signal_info *info)
{
	struct process *process;
	struct thread *thread;
	long err;

	if (scope == PIDFD_SIGNAL_PROCESS_GROUP)
		return signal_kill_group(pid, sig, info);
	if (!pidfd_target(pid, &thread, &process))
		return -ESRCH;
	err = signal_may(process, sig);
	/* A leader that has ended takes signals, and nothing comes of them. */
	if (!err && sig && scope == PIDFD_SIGNAL_THREAD)
		err = thread ? signal_thread(thread, sig, info) : 0;
	else if (!err && sig)
		err = signal_process(process, sig, info);
	pidfd_target_put(thread, process);
	return err;
}

static long pidfd_signal_check(struct task *t, struct pid *pid, u32 scope, int sig,
			       const struct signal_info *info)
{
	bool self = thread_of(t)->tid == pid && scope != PIDFD_SIGNAL_PROCESS_GROUP;

	if (info->si_signo != sig)
		return -EINVAL;
	/* To others only what a program may say of itself. */
	return !self && (info->si_code >= 0 || info->si_code == SI_TKILL) ? -EPERM : 0;
}

static long sys_pidfd_send_signal(struct task *t, int fd, int sig, uptr from, u32 scope)
{
	struct signal_info info;
	struct file *file;
	struct pid *pid;
	long err = -EBADF;

	/* One scope at most. */
	if ((scope & ~(u32)PIDFD_SIGNAL_SCOPES) || (scope & (scope - 1)))
		return -EINVAL;
	if (from.raw && !user_get(t, &info, from, sizeof(info)))
		return SYS_MUST_WAIT;
	file = fd_get(t->fds, fd);
	pid = file ? pidfd_receiver(file) : NULL;
	if (!pid)
		goto out;
	/* Who is not seen cannot be meant. */
	err = pid_nr_here(pid) ? 0 : -EINVAL;
	if (err)
		goto out;
	if (!scope)
		scope = pidfd_is_thread(file) ? PIDFD_SIGNAL_THREAD : PIDFD_SIGNAL_THREAD_GROUP;
	if (from.raw)
		err = pidfd_signal_check(t, pid, scope, sig, &info);
	else
		err = 0;
	if (!err && (sig < 0 || sig > 64))
		err = -EINVAL;
	if (err)
		goto out;
	if (!from.raw)
		signal_info_user(&info, sig, scope == PIDFD_SIGNAL_THREAD ? SI_TKILL : SI_USER);
	err = pidfd_signal(pid, scope, sig, &info);
out:
	file_put(file);
	return err;
}
SYSCALL_RETRY(pidfd_send_signal, int, int, uptr, u32);

/* --- another's descriptors --- */

/* The file that number `fd` is in p, with a reference. */
static long pidfd_file_of(struct process *p, int fd, struct file **file)
{
	struct fd_table *fds;
	long err = process_may_inspect(p);

	if (err)
		return err;
	fds = process_fds(p);
	if (!fds)
		return -ESRCH;
	*file = fd_get_any(fds, fd);
	fd_table_put(fds);
	return *file ? 0 : -EBADF;
}

static long sys_pidfd_getfd(struct task *t, int pid_fd, int fd, u32 flags)
{
	struct file *file, *found;
	struct process *process;
	struct thread *thread;
	struct pid *pid;
	long err = -EBADF;

	if (flags)
		return -EINVAL;
	file = fd_get(t->fds, pid_fd);
	pid = file ? pidfd_pid(file) : NULL;
	if (!pid)
		goto out;
	err = -ESRCH;
	if (!pidfd_target(pid, &thread, &process))
		goto out;
	err = pidfd_file_of(process, fd, &found);
	pidfd_target_put(thread, process);
	if (err)
		goto out;
	err = fd_add(t->fds, found, 0, rlimit_get(thread_of(t)->process, RLIMIT_NOFILE), true);
	if (err < 0)
		file_put(found);
out:
	file_put(file);
	return err;
}
SYSCALL_PLAIN(pidfd_getfd, int, int, u32);

/* --- kcmp --- */

/* 0: the same, 1: the first goes before, 2: after. */
static long kcmp_order(const void *a, const void *b)
{
	return a == b ? 0 : (uintptr_t)a < (uintptr_t)b ? 1 : 2;
}

static long kcmp_file(struct process *a, struct process *b, u64 fd_a, u64 fd_b)
{
	struct file *file_a = NULL, *file_b = NULL;
	long result = -EBADF;

	if (!pidfd_file_of(a, (int)fd_a, &file_a) && !pidfd_file_of(b, (int)fd_b, &file_b))
		result = kcmp_order(file_a, file_b);
	file_put(file_a);
	file_put(file_b);
	return result;
}

/* A file of a against one that a set of b watches. */
static long kcmp_epoll(struct process *a, struct process *b, u64 fd,
		       const struct kcmp_epoll_slot *slot)
{
	struct file *file = NULL, *set = NULL, *watched = NULL;
	long result = -EBADF;

	if (pidfd_file_of(a, (int)fd, &file) || pidfd_file_of(b, (int)slot->efd, &set))
		goto out;
	result = epoll_is(set) ? epoll_watched(set, (int)slot->tfd, slot->toff, &watched)
			       : -EINVAL;
	if (!result)
		result = kcmp_order(file, watched);
out:
	file_put(file);
	file_put(set);
	return result;
}

static long kcmp_slots(struct thread *a, struct thread *b, int type)
{
	switch (type) {
	case KCMP_VM:
		return kcmp_order(a->task.space, b->task.space);
	case KCMP_FILES:
		return kcmp_order(a->task.fds, b->task.fds);
	case KCMP_FS:
		return kcmp_order(a->task.fs, b->task.fs);
	case KCMP_SIGHAND:
		return kcmp_order(a->process->sighand, b->process->sighand);
	case KCMP_IO:		/* nobody has either */
	case KCMP_SYSVSEM:
		return 0;
	default:
		return -EINVAL;
	}
}

static long sys_kcmp(struct task *t, int nr_a, int nr_b, int type, u64 index_a, u64 index_b)
{
	struct thread *a = thread_find(nr_a), *b = thread_find(nr_b);
	struct kcmp_epoll_slot slot;
	long result = -ESRCH;

	if (!a || !b)
		goto out;
	result = process_may_inspect(a->process);
	if (!result)
		result = process_may_inspect(b->process);
	if (result)
		goto out;
	if (type == KCMP_FILE)
		result = kcmp_file(a->process, b->process, index_a, index_b);
	else if (type != KCMP_EPOLL_TFD)
		result = kcmp_slots(a, b, type);
	else if (!user_get(t, &slot, uptr_of(index_b), sizeof(slot)))
		result = SYS_MUST_WAIT;
	else
		result = kcmp_epoll(a->process, b->process, index_a, &slot);
out:
	if (a)
		task_put(&a->task);
	if (b)
		task_put(&b->task);
	return result;
}
SYSCALL_RETRY(kcmp, int, int, int, u64, u64);
