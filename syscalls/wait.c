/* syscalls/wait.c -- wait4 and waitid. */
#include <linux/wait.h>

#include "core/cred/cred.h"
#include "core/proc/exit.h"
#include "core/proc/pidfd.h"
#include "mem/space/uaccess.h"
#include "syscalls/syscall.h"
#include "syscalls/usage.h"
#include "vfs/fd.h"

/* Apart from the calls, whose frames stay while they wait. */
struct wait_put_usage {
	struct co_frame co;
	uptr to;
	const struct process_usage *usage;
	struct rusage rusage;
	long err;
};
static co_t wait_put_usage(struct co *co, struct wait_put_usage *f)
{
	CO_BEGIN;
	usage_to_rusage(f->usage, &f->rusage);
	CO_COPY_TO_USER(f->err, f->to, &f->rusage, sizeof(f->rusage));
	CO_RETURN(f->err);
	CO_END;
}

struct sys_wait4 {
	struct co_frame co;
	int pid;
	uptr status;
	u32 options;
	uptr usage;
	struct wait_result result;
	enum wait_which which;
	long err;
};
static co_t sys_wait4(struct co *co, struct sys_wait4 *f)
{
	struct pid *group;

	CO_BEGIN;
	if (f->options & ~(u32)(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL))
		CO_RETURN(-EINVAL);
	if (f->pid == INT32_MIN)
		CO_RETURN(-ESRCH);
	f->which = f->pid == -1 ? WAIT_ANY : f->pid > 0 ? WAIT_PID : WAIT_GROUP;
	if (f->pid == 0) {
		group = process_of(co)->group;
		f->pid = group ? pid_nr_here(group) : 0;
	} else if (f->pid < 0) {
		f->pid = -f->pid;
	}
	CO_AWAIT(f->err, wait_for, .which = f->which, .id = f->pid,
		 .options = f->options | WEXITED, .result = &f->result);
	if (f->err || !f->result.pid)
		CO_RETURN(f->err);
	if (f->status.raw)
		CO_COPY_TO_USER(f->err, f->status, &f->result.status, sizeof(int));
	if (!f->err && f->usage.raw)
		CO_AWAIT(f->err, wait_put_usage, .to = f->usage, .usage = &f->result.usage);
	CO_RETURN(f->err ? f->err : f->result.pid);
	CO_END;
}
SYSCALL_CO(wait4, pid, status, options, usage);

struct sys_waitid {
	struct co_frame co;
	int which, id;
	uptr info;
	u32 options;
	uptr usage;
	struct wait_result result;
	struct signal_info si;
	struct file *file;	/* the descriptor's, or NULL */
	bool again;		/* -EAGAIN instead of nothing */
	long err, waited;
};

/* Whom the descriptor stands for, by a reference of its file. */
static int waitid_take_pidfd(struct sys_waitid *f)
{
	f->file = fd_get(task_current()->fds, f->id);
	if (!f->file || !pidfd_pid(f->file))
		return -EBADF;
	if (!(f->options & WNOHANG) && (atomic_load(&f->file->flags) & PIDFD_NONBLOCK)) {
		f->options |= WNOHANG;
		f->again = true;
	}
	return 0;
}

static int waitid_check(struct sys_waitid *f)
{
	u32 known = WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD | __WCLONE |
		    __WALL;

	if ((f->options & ~known) || !(f->options & (WEXITED | WSTOPPED | WCONTINUED)))
		return -EINVAL;
	switch (f->which) {
	case P_ALL:
		f->which = WAIT_ANY;
		return 0;
	case P_PID:
		f->which = WAIT_PID;
		return f->id > 0 ? 0 : -EINVAL;
	case P_PGID:
		f->which = WAIT_GROUP;
		if (!f->id && process_current()->group)
			f->id = pid_nr_here(process_current()->group);
		return f->id >= 0 ? 0 : -EINVAL;
	case P_PIDFD:
		f->which = WAIT_ANY;
		return f->id < 0 ? -EINVAL : waitid_take_pidfd(f);
	default:
		return -EINVAL;
	}
}

static co_t sys_waitid(struct co *co, struct sys_waitid *f)
{
	CO_BEGIN;
	f->err = waitid_check(f);
	if (!f->err)
		CO_AWAIT(f->err, wait_for, .which = (enum wait_which)f->which, .id = f->id,
			 .options = f->options, .result = &f->result,
			 .pid = f->file ? pidfd_pid(f->file) : NULL);
	file_put(f->file);
	if (!f->err && f->again && !f->result.pid)
		f->err = -EAGAIN;
	f->waited = f->err;
	if (!f->err && f->result.pid && f->usage.raw) {
		CO_AWAIT(f->err, wait_put_usage, .to = f->usage, .usage = &f->result.usage);
		if (f->err)
			CO_RETURN(f->err);
	}
	if (!f->info.raw)
		CO_RETURN(f->waited);
	/* Written even if there is nothing to say. */
	f->si = (struct signal_info){0};
	if (!f->waited && f->result.pid) {
		f->si.si_signo = SIGCHLD;
		f->si.si_code = f->result.code;
		f->si.si_pid = f->result.pid;
		f->si.si_uid = cred_shown_uid(f->result.uid);
		f->si.si_status = f->result.code_status;
	}
	/* Up to and with si_status: what follows is not written, as on Linux. */
	CO_COPY_TO_USER(f->err, f->info, &f->si, offsetof(struct signal_info, si_status) + 4);
	CO_RETURN(f->err ? f->err : f->waited);
	CO_END;
}
SYSCALL_CO(waitid, which, id, info, options, usage);
