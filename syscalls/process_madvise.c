/* syscalls/process_madvise.c -- advice about another process's memory. */
#include <linux/mman.h>
#include <linux/uio.h>

#include "core/cred/cred.h"
#include "core/proc/pidfd.h"
#include "core/proc/process.h"
#include "mem/phys/slab.h"
#include "mem/space/space.h"
#include "mem/space/uaccess.h"
#include "mem/space/uio.h"
#include "syscalls/syscall.h"
#include "vfs/fd.h"

struct sys_process_madvise {
	struct co_frame co;
	int fd;
	uptr iov;
	u32 count;
	u32 advice, flags;
	struct uio_vec *vecs;
	struct space *space;
	u64 at, done;
	long err;
};

/* The process's space, with a reference, if the caller may advise it. */
static long advised_space(struct co *co, int fd, struct space **space)
{
	struct file *file = fd_get(fd_current(co), fd);
	struct pid *pid = file ? pidfd_pid(file) : NULL;
	struct process *p = NULL;
	long err;

	if (pid) {
		spin_lock(&proc_tree_lock);
		p = pid->process;
		if (p)
			process_get(p);
		spin_unlock(&proc_tree_lock);
	}
	file_put(file);
	if (!p)
		return pid ? -ESRCH : -EBADF;
	err = process_may_inspect(p);
	*space = err ? NULL : process_space(p);
	if (!err && !*space)
		err = -ESRCH;
	if (err == -EPERM)
		err = -EACCES;
	if (!err && *space != space_current(co) &&
	    !cred_capable(cred_current(co), CAP_SYS_NICE)) {
		space_put(*space);
		err = -EPERM;
	}
	process_put(p);
	return err;
}

static bool may_be_remote(u32 advice)
{
	return advice == MADV_COLD || advice == MADV_PAGEOUT || advice == MADV_WILLNEED;
}

static co_t sys_process_madvise(struct co *co, struct sys_process_madvise *f)
{
	CO_BEGIN;
	if (f->flags || f->count > UIO_MAXIOV)
		CO_RETURN(-EINVAL);
	f->vecs = kmalloc(f->count * sizeof(*f->vecs) + 1);
	if (!f->vecs)
		CO_RETURN(-ENOMEM);
	CO_COPY_FROM_USER(f->err, f->vecs, f->iov, f->count * sizeof(*f->vecs));
	if (!f->err)
		f->err = (long)uio_check_iov(f->vecs, f->count);
	if (f->err >= 0)
		f->err = advised_space(co, f->fd, &f->space);
	if (f->err)
		goto out;
	if (!may_be_remote(f->advice))
		f->err = -EINVAL;
	for (f->at = 0; !f->err && f->at < f->count; f->at++) {
		CO_AWAIT(f->err, space_advise, .space = f->space,
			 .addr = f->vecs[f->at].base, .len = f->vecs[f->at].len,
			 .advice = f->advice);
		if (!f->err)
			f->done += f->vecs[f->at].len;
	}
	space_put(f->space);
out:
	kfree(f->vecs);
	CO_RETURN(f->done ? (i64)f->done : f->err);
	CO_END;
}
SYSCALL_CO(process_madvise, fd, iov, count, advice, flags);
