/* syscalls/fd.c -- descriptors: dup, fcntl, flock, ioctl. */
#include <asm/ioctls.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>

#include "core/cred/cred.h"
#include "core/proc/process.h"
#include "mem/space/uaccess.h"
#include "syscalls/syscall.h"
#include "vfs/fd.h"
#include "vfs/flock.h"
#include "vfs/pipe.h"

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

static long fd_set_flags(struct task *t, struct file *file, u32 flags)
{
	/* A file that is always ready sends no signals; a pipe of packets is not there. */
	if (((flags & FASYNC) && file->ops->stream) ||
	    ((flags & O_DIRECT) && !S_ISREG(file->inode->mode)))
		return -EINVAL;
	if ((flags & O_NOATIME) && !(file->flags & O_NOATIME) &&
	    !cred_owns(cred_current(&t->co), file->inode->uid))
		return -EPERM;
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
		return fd_set_flags(t, file, (u32)arg);
	case F_GETPIPE_SZ:
		return pipe_size(file);
	case F_SETPIPE_SZ:
		return pipe_set_size(file, (u32)arg, cred_current(&t->co));
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

/* The awaitable rest: record locks. */
struct sys_fcntl {
	struct co_frame co;
	int fd;
	u32 cmd;
	uptr arg;
	struct file *file;
	struct flock lock;
	struct flock_range range, found;
	i64 pos;
	long err;
};

static bool fd_is_ofd(u32 cmd)
{
	return cmd == F_OFD_GETLK || cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW;
}

/* The user's struct flock as a range: 0 or an error. */
static long fd_lock_range(struct co *co, struct sys_fcntl *f)
{
	bool ofd = fd_is_ofd(f->cmd);
	i64 start = f->lock.l_start, last;

	if (ofd && f->lock.l_pid)
		return -EINVAL;
	if (f->lock.l_whence == SEEK_CUR)
		start += f->pos;
	else if (f->lock.l_whence == SEEK_END)
		start += (i64)inode_size(f->file->inode);
	else if (f->lock.l_whence != SEEK_SET)
		return -EINVAL;
	if (start < 0)
		return -EINVAL;
	last = INT64_MAX;
	if (f->lock.l_len > 0) {
		if (add_overflows(start, f->lock.l_len - 1, &last))
			return -EOVERFLOW;
	} else if (f->lock.l_len < 0) {
		last = start - 1;
		if (add_overflows(start, f->lock.l_len, &start) || start < 0)
			return -EINVAL;
	}
	f->range = (struct flock_range){
		.kind = ofd ? FLOCK_OFD : FLOCK_POSIX,
		.owner = ofd ? (const void *)f->file : (const void *)fd_current(co),
		.pid = ofd ? ~0u : (u32)process_pid(process_of(co)),
		.start = (u64)start, .last = (u64)last,
	};
	switch (f->lock.l_type) {
	case F_RDLCK:
		f->range.type = FLOCK_SHARED;
		return f->file->mode & FILE_READ ? 0 : -EBADF;
	case F_WRLCK:
		f->range.type = FLOCK_EXCLUSIVE;
		return f->file->mode & FILE_WRITE ? 0 : -EBADF;
	case F_UNLCK:
		return 0;
	default:
		return -EINVAL;
	}
}

static void fd_show_lock(struct sys_fcntl *f)
{
	if (!flock_test(f->file, &f->range, &f->found)) {
		f->lock.l_type = F_UNLCK;
		return;
	}
	f->lock.l_type = f->found.type == FLOCK_SHARED ? F_RDLCK : F_WRLCK;
	f->lock.l_whence = SEEK_SET;
	f->lock.l_start = (i64)f->found.start;
	f->lock.l_len = f->found.last == INT64_MAX ? 0 : (i64)(f->found.last - f->found.start + 1);
	f->lock.l_pid = (int)f->found.pid;
}

static co_t sys_fcntl(struct co *co, struct sys_fcntl *f)
{
	CO_BEGIN;
	f->file = fd_get(fd_current(co), f->fd);
	if (!f->file)
		CO_RETURN(-EBADF);
	CO_COPY_FROM_USER(f->err, &f->lock, f->arg, sizeof(f->lock));
	if (!f->err && f->lock.l_whence == SEEK_CUR)
		f->pos = atomic_load_relaxed(&f->file->pos);
	if (!f->err && (f->cmd == F_GETLK || f->cmd == F_OFD_GETLK) &&
	    f->lock.l_type == F_UNLCK && f->cmd == F_GETLK)
		f->err = -EINVAL;
	if (!f->err) {
		f->err = fd_lock_range(co, f);
		/* To ask needs no right to read or write. */
		if (f->err == -EBADF && (f->cmd == F_GETLK || f->cmd == F_OFD_GETLK))
			f->err = 0;
	}
	if (f->err)
		goto out;
	if (f->cmd == F_GETLK || f->cmd == F_OFD_GETLK) {
		fd_show_lock(f);
		CO_COPY_TO_USER(f->err, f->arg, &f->lock, sizeof(f->lock));
	} else if (f->cmd == F_SETLKW || f->cmd == F_OFD_SETLKW) {
		CO_AWAIT(f->err, flock_wait, .file = f->file, .want = &f->range);
	} else {
		f->err = flock_try(f->file, &f->range);
	}
out:
	file_put(f->file);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(fcntl, fd, cmd, arg);

/* LOCK_* of flock(2). */
struct sys_flock {
	struct co_frame co;
	int fd;
	u32 how;
	struct file *file;
	struct flock_range range;
	long err;
};

/* -1: not an operation. */
static int fd_flock_type(u32 how)
{
	switch (how & ~(u32)LOCK_NB) {
	case LOCK_SH:
		return FLOCK_SHARED;
	case LOCK_EX:
		return FLOCK_EXCLUSIVE;
	case LOCK_UN:
		return FLOCK_NONE;
	default:
		return -1;
	}
}

static co_t sys_flock(struct co *co, struct sys_flock *f)
{
	CO_BEGIN;
	if (f->how & LOCK_MAND)
		CO_RETURN(0);	/* as Linux, which no longer has them */
	if (fd_flock_type(f->how) < 0)
		CO_RETURN(-EINVAL);
	f->file = fd_get(fd_current(co), f->fd);
	if (!f->file)
		CO_RETURN(-EBADF);
	f->range = (struct flock_range){
		.kind = FLOCK_WHOLE, .owner = f->file, .last = INT64_MAX,
		.pid = (u32)process_pid(process_of(co)),
		.type = (enum flock_type)fd_flock_type(f->how)};
	f->err = flock_try(f->file, &f->range);
	if (f->err == -EAGAIN && !(f->how & LOCK_NB))
		CO_AWAIT(f->err, flock_wait, .file = f->file, .want = &f->range);
	file_put(f->file);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(flock, fd, how);

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
