/* syscalls/signal.c */
#include "core/cred/cred.h"
#include "core/proc/signal.h"

#include <linux/fcntl.h>
#include <linux/signalfd.h>

#include "core/proc/clock.h"
#include "core/proc/sigframe.h"
#include "core/proc/signalfd.h"
#include "hal/clock.h"
#include "mem/space/uaccess.h"
#include "syscalls/retry.h"
#include "vfs/fd.h"

#define SIGSET_SIZE sizeof(u64)
#define SIGNAL_FRAME 4704ul

static bool signal_is_valid(int sig)
{
	return sig >= 1 && sig <= 64;
}

#define ACTION_FLAGS                                                                       \
	(SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_RESTORER | SA_ONSTACK | SA_RESTART | \
	 SA_NODEFER | SA_RESETHAND | SA_EXPOSE_TAGBITS)

static long sys_rt_sigaction(struct task *t, int sig, uptr act, uptr old, u64 size)
{
	struct sigact was, user;

	if (size != SIGSET_SIZE || !signal_is_valid(sig))
		return -EINVAL;
	static_assert(sizeof(struct sigact) == sizeof(struct sigaction), "the ABI's layout");
	if (act.raw && !user_get(t, &user, act, sizeof(user)))
		return SYS_MUST_WAIT;
	if (act.raw && (SIG_BIT(sig) & SIG_UNBLOCKABLE))
		return -EINVAL;
	if (old.raw) {
		signal_action(thread_of(t), sig, NULL, &was);
		if (!user_put(t, old, &was, sizeof(was)))
			return SYS_MUST_WAIT;
	}
	if (act.raw) {
		/* Bits nobody knows are cleared: that is how a program asks what is known. */
		user.flags &= ACTION_FLAGS;
		signal_action(thread_of(t), sig, &user, NULL);
	}
	return 0;
}
SYSCALL_RETRY(rt_sigaction, int, uptr, uptr, u64);

static long sys_rt_sigprocmask(struct task *t, int how, uptr set, uptr old, u64 size)
{
	struct thread *thread = thread_of(t);
	sigmask was = thread->blocked, mask = 0;

	if (size != SIGSET_SIZE)
		return -EINVAL;
	if (set.raw) {
		if (!user_get(t, &mask, set, sizeof(mask)))
			return SYS_MUST_WAIT;
		if (how != SIG_BLOCK && how != SIG_UNBLOCK && how != SIG_SETMASK)
			return -EINVAL;
		mask = how == SIG_BLOCK	    ? was | mask
		       : how == SIG_UNBLOCK ? was & ~mask
					    : mask;
	}
	if (old.raw && !user_put(t, old, &was, sizeof(was)))
		return SYS_MUST_WAIT;
	if (set.raw)
		signal_set_mask(thread, mask);
	return 0;
}
SYSCALL_RETRY(rt_sigprocmask, int, uptr, uptr, u64);

static long sys_rt_sigpending(struct task *t, uptr set, u64 size)
{
	struct thread *thread = thread_of(t);
	sigmask pending;

	if (size > SIGSET_SIZE)
		return -EINVAL;
	pending = signal_pending_set(thread) & thread->blocked;
	return user_put(t, set, &pending, size) ? 0 : SYS_MUST_WAIT;
}
SYSCALL_RETRY(rt_sigpending, uptr, u64);

struct sys_rt_sigsuspend {
	struct co_frame co;
	uptr set;
	u64 size;
	sigmask mask;
	long err;
};
static co_t sys_rt_sigsuspend(struct co *co, struct sys_rt_sigsuspend *f)
{
	CO_BEGIN;
	if (f->size != SIGSET_SIZE)
		CO_RETURN(-EINVAL);
	CO_COPY_FROM_USER(f->err, &f->mask, f->set, sizeof(f->mask));
	if (f->err)
		CO_RETURN(f->err);
	signal_set_temporary_mask(thread_of_co(co), f->mask);
	CO_WAIT(f->err, NULL, false);
	CO_RETURN(-ERESTARTNOHAND);
	CO_END;
}
SYSCALL_CO(rt_sigsuspend, set, size);

struct sys_rt_sigtimedwait {
	struct co_frame co;
	uptr set, info, timeout;
	u64 size;
	sigmask wanted;
	struct __kernel_timespec ts;
	u64 ns, deadline_ns;
	int sig;
	struct signal_info si;
	siginfo_t *whole;
	long err;
};

/* Among these signals: one that is pending is taken. */
static bool sigwait_take(struct thread *t, struct sys_rt_sigtimedwait *f)
{
	f->sig = signal_take(t, f->wanted, &f->si);
	return f->sig;
}

static void sigwait_announce(struct thread *t, sigmask wanted)
{
	struct process *p = t->process;

	spin_lock(&p->sig_lock);
	t->waits = wanted;
	t->waits_for = wanted;
	spin_unlock(&p->sig_lock);
}

static int sigwait_deadline(struct sys_rt_sigtimedwait *f)
{
	int err = clock_from_timespec(&f->ts, &f->ns);

	return err ? err : clock_deadline(CLOCK_MONOTONIC, f->ns, false, &f->deadline_ns);
}

static co_t sys_rt_sigtimedwait(struct co *co, struct sys_rt_sigtimedwait *f)
{
	struct thread *t = thread_of_co(co);

	CO_BEGIN;
	if (f->size != SIGSET_SIZE)
		CO_RETURN(-EINVAL);
	CO_COPY_FROM_USER(f->err, &f->wanted, f->set, sizeof(f->wanted));
	if (f->err)
		CO_RETURN(f->err);
	f->wanted &= ~SIG_UNBLOCKABLE;
	f->deadline_ns = CO_FOREVER;
	if (f->timeout.raw) {
		CO_COPY_FROM_USER(f->err, &f->ts, f->timeout, sizeof(f->ts));
		if (!f->err)
			f->err = sigwait_deadline(f);
		if (f->err)
			CO_RETURN(f->err);
	}
	sigwait_announce(t, f->wanted);
	CO_WAIT_UNTIL(f->err, NULL, sigwait_take(t, f), f->deadline_ns);
	sigwait_announce(t, 0);
	if (f->err)
		CO_RETURN(f->err == -ETIMEDOUT ? -EAGAIN : -EINTR);
	if (f->info.raw) {
		/* The rest of the 128 bytes is zero. */
		CO_CLEAR_USER(f->err, f->info, sizeof(siginfo_t));
		if (!f->err)
			CO_COPY_TO_USER(f->err, f->info, &f->si, sizeof(f->si));
	}
	CO_RETURN(f->err ? f->err : f->sig);
	CO_END;
}
SYSCALL_CO(rt_sigtimedwait, set, info, timeout, size);

/* --- sending --- */

static long sys_kill(struct task *t, int pid, int sig)
{
	struct signal_info info;

	if (sig < 0 || sig > 64)
		return -EINVAL;
	signal_info_user(&info, sig, SI_USER);
	return signal_kill(pid, sig, &info);
}
SYSCALL_PLAIN(kill, int, int);

/* One thread, which must belong to tgid unless that is 0. */
static long signal_one_thread(int tgid, int tid, int sig, const struct signal_info *info)
{
	struct thread *to = thread_find(tid);
	long err = -ESRCH;

	if (!to)
		return -ESRCH;
	if (!tgid || process_pid(to->process) == tgid) {
		err = signal_may(to->process, sig);
		if (!err && sig)
			err = signal_thread(to, sig, info);
	}
	task_put(&to->task);
	return err;
}

static long sys_tkill(struct task *t, int tid, int sig)
{
	struct signal_info info;

	if (tid <= 0 || sig < 0 || sig > 64)
		return -EINVAL;
	signal_info_user(&info, sig, SI_TKILL);
	return signal_one_thread(0, tid, sig, &info);
}
SYSCALL_PLAIN(tkill, int, int);

static long sys_tgkill(struct task *t, int tgid, int tid, int sig)
{
	struct signal_info info;

	if (tgid <= 0 || tid <= 0 || sig < 0 || sig > 64)
		return -EINVAL;
	signal_info_user(&info, sig, SI_TKILL);
	return signal_one_thread(tgid, tid, sig, &info);
}
SYSCALL_PLAIN(tgkill, int, int, int);

/* Whom it names is the kernel's from here on, until its receiver sees it. */
static void queueinfo_take(struct signal_info *info)
{
	if (signal_names_sender(info))
		info->si_uid = cred_kernel_uid(info->si_uid);
}

/* A program may only pretend to be itself: codes of the kernel's go to oneself alone. */
static bool queueinfo_may(struct task *t, int pid, const struct signal_info *info)
{
	return (info->si_code < 0 && info->si_code != SI_TKILL) ||
	       process_pid(thread_of(t)->process) == pid;
}

static long sys_rt_sigqueueinfo(struct task *t, int pid, int sig, uptr from)
{
	struct signal_info info;

	if (!user_get(t, &info, from, sizeof(info)))
		return SYS_MUST_WAIT;
	info.si_signo = sig;
	queueinfo_take(&info);
	if (!queueinfo_may(t, pid, &info))
		return -EPERM;
	if (sig < 0 || sig > 64)
		return -EINVAL;
	return pid > 0 ? signal_kill(pid, sig, &info) : -ESRCH;
}
SYSCALL_RETRY(rt_sigqueueinfo, int, int, uptr);

static long sys_rt_tgsigqueueinfo(struct task *t, int tgid, int tid, int sig, uptr from)
{
	struct signal_info info;

	if (!user_get(t, &info, from, sizeof(info)))
		return SYS_MUST_WAIT;
	if (tgid <= 0 || tid <= 0)
		return -EINVAL;
	info.si_signo = sig;
	queueinfo_take(&info);
	if (!queueinfo_may(t, tgid, &info))
		return -EPERM;
	if (sig < 0 || sig > 64)
		return -EINVAL;
	return signal_one_thread(tgid, tid, sig, &info);
}
SYSCALL_RETRY(rt_tgsigqueueinfo, int, int, int, uptr);

/* --- signals as a file --- */

static long sys_signalfd4(struct task *t, int fd, uptr from, u64 size, u32 flags)
{
	struct file *file;
	sigmask set;
	long err;

	if (size != SIGSET_SIZE)
		return -EINVAL;
	if (!user_get(t, &set, from, sizeof(set)))
		return SYS_MUST_WAIT;
	if (flags & ~(u32)(SFD_CLOEXEC | SFD_NONBLOCK))
		return -EINVAL;
	if (fd != -1) {
		file = fd_get(t->fds, fd);
		if (!file)
			return -EBADF;
		err = signalfd_set(file, set);
		file_put(file);
		return err ? err : fd;
	}
	err = signalfd_make(set, flags, t->cred, &file);
	if (err)
		return err;
	err = fd_add(t->fds, file, 0, rlimit_get(thread_of(t)->process, RLIMIT_NOFILE),
		     flags & SFD_CLOEXEC);
	if (err < 0)
		file_put(file);
	return err;
}
SYSCALL_RETRY(signalfd4, int, uptr, u64, u32);

/* --- the alternate stack and the way back --- */

static long sys_sigaltstack(struct task *t, uptr new, uptr old)
{
	struct thread *thread = thread_of(t);
	stack_t wanted, was;

	if (new.raw && !user_get(t, &wanted, new, sizeof(wanted)))
		return SYS_MUST_WAIT;
	if (old.raw) {
		/* No padding of ours leaks. */
		memset(&was, 0, sizeof(was));
		sigframe_set_alt_stack(thread, NULL, &was);
		if (!user_put(t, old, &was, sizeof(was)))
			return SYS_MUST_WAIT;
	}
	return sigframe_set_alt_stack(thread, new.raw ? &wanted : NULL, NULL);
}
SYSCALL_RETRY(sigaltstack, uptr, uptr);

struct sys_rt_sigreturn {
	struct co_frame co;
	unsigned tries;
	long err;
};
static co_t sys_rt_sigreturn(struct co *co, struct sys_rt_sigreturn *f)
{
	struct thread *t = thread_of_co(co);

	CO_BEGIN;
	thread_forget_restart(t);
	for (f->tries = 0; f->tries < 8; f->tries++) {
		f->err = sigframe_read(t);
		if (f->err != -EFAULT)
			break;
		CO_AWAIT(f->err, user_fault_in, .addr = uptr_of(t->user.sp), .n = SIGNAL_FRAME);
		if (f->err)
			break;
	}
	if (f->err)
		signal_force(t, SIGSEGV, SI_KERNEL, t->user.sp);
	/* The registers are the frame's now: there is no call to restart any more. */
	t->syscall = -1;
	CO_RETURN((long)t->user.x[0]);
	CO_END;
}
SYSCALL_CO(rt_sigreturn);
