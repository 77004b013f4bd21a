/* syscalls/process.c -- making, naming and ending processes and threads. */
#include <linux/personality.h>
#include <linux/sched.h>
#include <asm/signal.h>

#include "core/cred/cred.h"
#include "core/proc/exit.h"
#include "core/proc/pid_ns.h"
#include "core/proc/proc_event.h"
#include "core/proc/session.h"
#include "coro/executor.h"
#include "mem/phys/slab.h"
#include "mem/space/space.h"
#include "mem/space/uaccess.h"
#include "syscalls/retry.h"
#include "vfs/fd.h"
#include "vfs/fs_context.h"

/* --- fork and its kin --- */

struct sys_clone {
	struct co_frame co;
	u64 flags, stack;
	uptr parent_tid;
	u64 tls;
	uptr child_tid;
	long result;
};
static co_t sys_clone(struct co *co, struct sys_clone *f)
{
	CO_BEGIN;
	f->flags = (u32)f->flags;
	if ((f->flags & (CLONE_PIDFD | CLONE_PARENT_SETTID)) == (CLONE_PIDFD | CLONE_PARENT_SETTID))
		CO_RETURN(-EINVAL);
	CO_AWAIT(f->result, thread_clone, .flags = f->flags & ~(u64)CSIGNAL, .stack = f->stack,
		 .parent_tid = f->parent_tid, .child_tid = f->child_tid, .tls = f->tls,
		 .pidfd = f->parent_tid, .exit_signal = (int)(f->flags & CSIGNAL));
	CO_RETURN(f->result);
	CO_END;
}
SYSCALL_CO(clone, flags, stack, parent_tid, tls, child_tid);

struct sys_clone3 {
	struct co_frame co;
	uptr args;
	u64 size;
	struct clone_args ca;
	int *set_tid;		/* owned; NULL: none are asked for */
	u64 extra, at;
	long result;
};

static int clone3_check(const struct clone_args *ca)
{
	if (ca->flags & ~(UINT32_MAX | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP))
		return -EINVAL;
	if (ca->flags & (CLONE_DETACHED | (CSIGNAL & ~(u64)CLONE_NEWTIME)))
		return -EINVAL;
	if ((ca->flags & (CLONE_THREAD | CLONE_PARENT)) && ca->exit_signal)
		return -EINVAL;
	if (ca->exit_signal > 64 || ca->exit_signal & ~(u64)CSIGNAL)
		return -EINVAL;
	if (!ca->stack != !ca->stack_size || ca->stack + ca->stack_size < ca->stack ||
	    ca->stack + ca->stack_size > HAL_USER_END)
		return -EINVAL;
	if ((ca->flags & CLONE_PIDFD) && (ca->flags & CLONE_PARENT_SETTID) &&
	    ca->pidfd == ca->parent_tid)
		return -EINVAL;
	return 0;
}

static int clone3_check_place(const struct clone_args *ca, u64 size)
{
	if (ca->set_tid_size > PID_NS_LEVELS || !ca->set_tid != !ca->set_tid_size)
		return -EINVAL;
	if ((ca->flags & CLONE_INTO_CGROUP) &&
	    (ca->cgroup > INT32_MAX || size < CLONE_ARGS_SIZE_VER2))
		return -EINVAL;
	return 0;
}

static co_t sys_clone3(struct co *co, struct sys_clone3 *f)
{
	CO_BEGIN;
	if (f->size > PAGE_SIZE)
		CO_RETURN(-E2BIG);
	if (f->size < CLONE_ARGS_SIZE_VER0)
		CO_RETURN(-EINVAL);
	CO_COPY_FROM_USER(f->result, &f->ca, f->args, min(f->size, sizeof(f->ca)));
	if (f->result)
		CO_RETURN(f->result);
	/* What a newer program may ask for has to be nothing. */
	for (f->at = sizeof(f->ca); f->at < f->size; f->at += sizeof(f->extra)) {
		f->extra = 0;
		CO_COPY_FROM_USER(f->result, &f->extra, uptr_add(f->args, f->at),
				  min(f->size - f->at, sizeof(f->extra)));
		if (f->result)
			CO_RETURN(f->result);
		if (f->extra)
			CO_RETURN(-E2BIG);
	}
	f->result = clone3_check_place(&f->ca, f->size);
	if (!f->result && f->ca.set_tid) {
		f->set_tid = kmalloc(f->ca.set_tid_size * sizeof(int));
		if (!f->set_tid)
			CO_RETURN(-ENOMEM);
		CO_COPY_FROM_USER(f->result, f->set_tid, uptr_of(f->ca.set_tid),
				  f->ca.set_tid_size * sizeof(int));
	}
	if (!f->result)
		f->result = clone3_check(&f->ca);
	if (f->result)
		goto out;
	CO_AWAIT(f->result, thread_clone, .flags = f->ca.flags,
		 .stack = f->ca.stack ? f->ca.stack + f->ca.stack_size : 0, .tls = f->ca.tls,
		 .parent_tid = uptr_of(f->ca.parent_tid), .child_tid = uptr_of(f->ca.child_tid),
		 .pidfd = uptr_of(f->ca.pidfd), .set_tid = f->set_tid,
		 .set_tid_count = (unsigned)f->ca.set_tid_size,
		 .exit_signal = (int)f->ca.exit_signal);
out:
	kfree(f->set_tid);
	CO_RETURN(f->result);
	CO_END;
}
SYSCALL_CO(clone3, args, size);

/* --- the end --- */

struct sys_exit {
	struct co_frame co;
	int code;
	long ignored;
};
static co_t sys_exit(struct co *co, struct sys_exit *f)
{
	CO_BEGIN;
	CO_AWAIT(f->ignored, thread_exit, .status = (f->code & 0xff) << 8);
	CO_RETURN(0);
	CO_END;
}
SYSCALL_CO(exit, code);

static long sys_exit_group(struct task *t, int code)
{
	/* user_return finds the group going down and ends this thread too. */
	signal_group_exit(thread_of(t)->process, (code & 0xff) << 8);
	return 0;
}
SYSCALL_PLAIN(exit_group, int);

/* --- numbers --- */

static long sys_getpid(struct task *t)
{
	return thread_of(t)->process->pid->own;
}
SYSCALL_PLAIN(getpid);

static long sys_gettid(struct task *t)
{
	return thread_of(t)->tid->own;
}
SYSCALL_PLAIN(gettid);

static long sys_getppid(struct task *t)
{
	return process_parent_pid(thread_of(t)->process);
}
SYSCALL_PLAIN(getppid);

static long sys_setpgid(struct task *t, int pid, int pgid)
{
	if (pgid < 0 || (!pgid && pid < 0))
		return -EINVAL;
	if (pid < 0)
		return -ESRCH;
	return group_set(thread_of(t)->process, pid, pgid);
}
SYSCALL_PLAIN(setpgid, int, int);

/* The process meant by a number, 0 being the caller, with a reference. */
static struct process *process_named(struct task *t, int pid)
{
	if (pid)
		return process_find(pid);
	process_get(thread_of(t)->process);
	return thread_of(t)->process;
}

static long sys_getpgid(struct task *t, int pid)
{
	struct process *p = process_named(t, pid);
	struct pid *group = p ? group_of(p) : NULL;
	long nr = p ? group ? pid_nr_here(group) : 0 : -ESRCH;

	pid_put(group);
	process_put(p);
	return nr;
}
SYSCALL_PLAIN(getpgid, int);

static long sys_getsid(struct task *t, int pid)
{
	struct process *p = process_named(t, pid);
	struct session *s = p ? session_of(p) : NULL;
	long nr = p ? s ? session_id(s) : 0 : -ESRCH;

	session_put(s);
	process_put(p);
	return nr;
}
SYSCALL_PLAIN(getsid, int);

static long sys_setsid(struct task *t)
{
	int nr = session_create(thread_of(t)->process);

	if (nr > 0)
		proc_event_thread(thread_of(t), PROC_EVENT_SID);
	return nr;
}
SYSCALL_PLAIN(setsid);

static long sys_set_tid_address(struct task *t, uptr addr)
{
	thread_of(t)->clear_tid = addr;
	return thread_of(t)->tid->own;
}
SYSCALL_PLAIN(set_tid_address, uptr);

static long sys_personality(struct task *t, u32 persona)
{
	struct process *p = thread_of(t)->process;
	u32 old = p->personality;

	if (persona != 0xffffffff)
		p->personality = persona;
	return old;
}
SYSCALL_PLAIN(personality, u32);
