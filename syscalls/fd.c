/* syscalls/fd.c -- descriptors: dup, fcntl, ioctl. */
#include <asm/ioctls.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "core/cred/cred.h"
#include "core/proc/async.h"
#include "core/proc/process.h"
#include "mem/space/uaccess.h"
#include "syscalls/lock.h"
#include "vfs/dnotify.h"
#include "vfs/fd.h"
#include "vfs/fiemap.h"
#include "vfs/fileattr.h"
#include "vfs/lease.h"
#include "vfs/memfd.h"
#include "vfs/pipe.h"
#include "vfs/super.h"

static u64 fd_limit(struct task *t)
{
	return rlimit_get(process_of(&t->co), RLIMIT_NOFILE);
}

/* --- dup --- */

static long fd_dup_from(struct task *t, int fd, u64 from, bool cloexec)
{
	struct file *file = fd_get_any(t->fds, fd);
	u64 limit = fd_limit(t);
	long made = -EINVAL;

	if (!file)
		return -EBADF;
	if (from < limit)
		made = fd_add(t->fds, file, (unsigned)from, limit, cloexec);
	if (made < 0)
		file_put(file);
	return made;
}

static long sys_dup(struct task *t, int fd)
{
	return fd_dup_from(t, fd, 0, false);
}
SYSCALL_PLAIN(dup, int);

struct sys_dup3 {
	struct co_frame co;
	int fd, to;
	u32 flags;
	struct file *file, *old;
	long err, ignored;
};
static co_t sys_dup3(struct co *co, struct sys_dup3 *f)
{
	CO_BEGIN;
	if ((f->flags & ~(u32)O_CLOEXEC) || f->fd == f->to)
		CO_RETURN(-EINVAL);
	if (f->to < 0 || (u64)f->to >= fd_limit(co_task(co)))
		CO_RETURN(-EBADF);
	f->file = fd_get_any(fd_current(co), f->fd);
	if (!f->file)
		CO_RETURN(-EBADF);
	f->err = fd_install(fd_current(co), f->to, f->file, fd_limit(co_task(co)),
			f->flags & O_CLOEXEC, &f->old);
	if (f->err < 0) {
		file_put(f->file);
	} else if (f->old) {
		fd_closed(f->old, fd_current(co));
		CO_AWAIT(f->ignored, file_close, .file = f->old);
	}
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(dup3, fd, to, flags);

/* --- fcntl --- */

#define FD_SETTABLE (O_APPEND | O_NONBLOCK | O_NOATIME | O_DIRECT)

static long fd_set_flags(struct task *t, int fd, struct file *file, u32 flags)
{
	int err;

	if ((flags & O_NOATIME) && !(file->flags & O_NOATIME) &&
	    !cred_owns(cred_current(&t->co), file->inode->uid))
		return -EPERM;
	if (((flags ^ atomic_load_relaxed(&file->flags)) & O_APPEND) &&
	    fileattr_append(file->inode))
		return -EPERM;
	/* A pipe of packets is not there. */
	if ((flags & O_DIRECT) && !S_ISREG(file->inode->mode))
		return -EINVAL;
	if ((flags ^ atomic_load_relaxed(&file->flags)) & FASYNC) {
		err = async_switch(file, fd, flags & FASYNC);
		if (err)
			return err;
	}
	atomic_store(&file->flags, (file->flags & ~(u32)FD_SETTABLE) | (flags & FD_SETTABLE));
	return 0;
}

/* Everything that neither waits nor touches user memory; SYS_MUST_WAIT for the rest. */
static long fd_control(struct task *t, int fd, struct file *file, u32 cmd, u64 arg)
{
	switch (cmd) {
	case F_DUPFD:
		return fd_dup_from(t, fd, (u32)arg, false);
	case F_DUPFD_CLOEXEC:
		return fd_dup_from(t, fd, (u32)arg, true);
	case F_GETFD:
		return fd_get_cloexec(t->fds, fd);
	case F_SETFD:
		return fd_set_cloexec(t->fds, fd, arg & FD_CLOEXEC);
	case F_GETFL:
		return file->flags;
	}
	if (file->mode & FILE_PATH)
		return -EBADF;
	switch (cmd) {
	case F_SETFL:
		return fd_set_flags(t, fd, file, (u32)arg);
	case F_GETPIPE_SZ:
		return pipe_size(file);
	case F_SETPIPE_SZ:
		return pipe_size_set(file, (u32)arg, cred_current(&t->co));
	case F_SETOWN:
		return async_set_number(file, (int)arg);
	case F_GETOWN:
		return async_get_number(file);
	case F_SETSIG:
		return async_set_signal(file, (int)arg);
	case F_GETSIG:
		return async_get_signal(file);
	case F_SETLEASE:
		return lease_set(file, fd, (u32)arg, t->cred, process_of(&t->co)->pid->nr);
	case F_GETLEASE:
		return lease_get(file);
	case F_NOTIFY:
		return dnotify_set(file, fd, t->fds, (u32)arg);
	case F_GET_SEALS:
		return memfd_seals(file);
	case F_SETOWN_EX:
	case F_GETOWN_EX:
	case F_GETOWNER_UIDS:
	case F_ADD_SEALS:
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return SYS_MUST_WAIT;
	default:
		return -EINVAL;
	}
}

static long try_fcntl(struct task *t, int fd, u32 cmd, u64 arg)
{
	struct file *file = fd_get_any(t->fds, fd);
	long result;

	if (!file)
		return -EBADF;
	result = fd_control(t, fd, file, cmd, arg);
	file_put(file);
	return result;
}
SYSCALL_TRY(fcntl, int, u32, u64);

/* F_SETOWN_EX, F_GETOWN_EX, F_GETOWNER_UIDS. */
struct fd_owner {
	struct co_frame co;
	struct file *file;
	u32 cmd;
	uptr arg;
	struct f_owner_ex owner;
	u32 uids[2];
	long err;
};
static co_t fd_owner(struct co *co, struct fd_owner *f)
{
	CO_BEGIN;
	if (f->cmd == F_GETOWNER_UIDS) {
		async_get_uids(f->file, f->uids);
		for (unsigned i = 0; i < ARRAY_SIZE(f->uids); i++)
			f->uids[i] = user_ns_from(cred_ns(), USER_UIDS, f->uids[i]);
		CO_COPY_TO_USER(f->err, f->arg, f->uids, sizeof(f->uids));
	} else if (f->cmd == F_GETOWN_EX) {
		f->owner.pid = async_get_owner(f->file, &f->owner.type);
		CO_COPY_TO_USER(f->err, f->arg, &f->owner, sizeof(f->owner));
	} else {
		CO_COPY_FROM_USER(f->err, &f->owner, f->arg, sizeof(f->owner));
		if (!f->err && (f->owner.type < F_OWNER_TID || f->owner.type > F_OWNER_PGRP))
			f->err = -EINVAL;
		if (!f->err)
			f->err = async_set_owner(f->file, f->owner.type, f->owner.pid);
	}
	CO_RETURN(f->err);
	CO_END;
}

/* The awaitable rest. */
struct sys_fcntl {
	struct co_frame co;
	int fd;
	u32 cmd;
	u64 arg;
	struct file *file;
	long err;
};
static co_t sys_fcntl(struct co *co, struct sys_fcntl *f)
{
	CO_BEGIN;
	if (co_goes_long_way()) { /* it was not tried */
		f->err = try_fcntl(co_task(co), f->fd, f->cmd, f->arg);
		if (f->err != SYS_MUST_WAIT)
			CO_RETURN(f->err);
	}
	f->file = fd_get(fd_current(co), f->fd);
	if (!f->file)
		CO_RETURN(-EBADF);
	if (f->cmd == F_ADD_SEALS)
		CO_AWAIT(f->err, memfd_add_seals, .file = f->file, .seals = (u32)f->arg);
	else if (f->cmd == F_SETOWN_EX || f->cmd == F_GETOWN_EX || f->cmd == F_GETOWNER_UIDS)
		CO_AWAIT(f->err, fd_owner, .file = f->file, .cmd = f->cmd, .arg = uptr_of(f->arg));
	else
		CO_AWAIT(f->err, lock_records, .file = f->file, .cmd = f->cmd,
			 .arg = uptr_of(f->arg));
	file_put(f->file);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(fcntl, fd, cmd, arg);

/* --- ioctl: what every file has, then the file's own --- */

struct sys_ioctl {
	struct co_frame co;
	int fd;
	u32 cmd;
	u64 arg;
	struct file *file;
	int word;
	long err;
};
static long fd_switch_async(struct file *file, int fd, bool on)
{
	if (on == !!(atomic_load_relaxed(&file->flags) & FASYNC))
		return 0;
	return file->ops->async ? async_switch(file, fd, on) : -ENOTTY;
}

static co_t sys_ioctl(struct co *co, struct sys_ioctl *f)
{
	CO_BEGIN;
	f->file = fd_get(fd_current(co), f->fd);
	if (!f->file)
		CO_RETURN(-EBADF);
	if (f->cmd == FIOCLEX || f->cmd == FIONCLEX) {
		f->err = fd_set_cloexec(fd_current(co), f->fd, f->cmd == FIOCLEX);
	} else if (f->cmd == FIONBIO) {
		CO_COPY_FROM_USER(f->err, &f->word, uptr_of(f->arg), sizeof(f->word));
		if (!f->err && f->word)
			atomic_or(&f->file->flags, (u32)O_NONBLOCK);
		else if (!f->err)
			atomic_and(&f->file->flags, ~(u32)O_NONBLOCK);
	} else if (f->cmd == FIOASYNC) {
		CO_COPY_FROM_USER(f->err, &f->word, uptr_of(f->arg), sizeof(f->word));
		if (!f->err)
			f->err = fd_switch_async(f->file, f->fd, f->word);
	} else if (f->cmd == FS_IOC_GETFLAGS && fileattr_get(f->file->inode) >= 0) {
		f->word = (int)fileattr_get(f->file->inode);
		CO_COPY_TO_USER(f->err, uptr_of(f->arg), &f->word, sizeof(f->word));
	} else if (f->cmd == FS_IOC_SETFLAGS && fileattr_get(f->file->inode) >= 0) {
		CO_COPY_FROM_USER(f->err, &f->word, uptr_of(f->arg), sizeof(f->word));
		if (!f->err)
			CO_AWAIT(f->err, fileattr_set, .file = f->file, .cred = cred_current(co),
				 .flags = (u32)f->word);
	} else if (f->cmd == FS_IOC_FIEMAP) {
		CO_AWAIT(f->err, fiemap_run, .file = f->file, .at = uptr_of(f->arg));
	} else if (f->cmd == FIGETBSZ) {
		f->word = (int)f->file->inode->super->block_size;
		f->err = f->word ? 0 : -EINVAL;
		if (!f->err)
			CO_COPY_TO_USER(f->err, uptr_of(f->arg), &f->word, sizeof(f->word));
	} else if (f->cmd == FIONREAD && S_ISREG(f->file->inode->mode)) {
		f->word = (int)((i64)inode_size(f->file->inode) - f->file->pos);
		CO_COPY_TO_USER(f->err, uptr_of(f->arg), &f->word, sizeof(f->word));
	} else if (f->file->ops->ioctl.step) {
		CO_AWAIT_OP(f->err, f->file->ops->ioctl, .file = f->file, .cmd = f->cmd,
			    .arg = f->arg);
	} else {
		f->err = -ENOTTY;
	}
	file_put(f->file);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(ioctl, fd, cmd, arg);
