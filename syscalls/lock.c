/* syscalls/lock.c */
#include "syscalls/lock.h"

#include <linux/fs.h>

#include "core/proc/process.h"
#include "mem/space/uaccess.h"
#include "vfs/fd.h"

static bool lock_is_ofd(u32 cmd)
{
	return cmd == F_OFD_GETLK || cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW;
}

/* The user's struct flock as a range: 0 or an error. */
static long lock_range(struct co *co, struct lock_records *f)
{
	bool ofd = lock_is_ofd(f->cmd);
	i64 start = f->lock.l_start, last;

	if (ofd && f->lock.l_pid)
		return -EINVAL;
	if (f->lock.l_whence == SEEK_CUR)
		start += f->here;
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
		.pid = ofd ? ~0u : process_of(co)->pid->nr,
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

static void lock_show(struct lock_records *f)
{
	if (!flock_test(f->file, &f->range, &f->found)) {
		f->lock.l_type = F_UNLCK;
		return;
	}
	f->lock.l_type = f->found.type == FLOCK_SHARED ? F_RDLCK : F_WRLCK;
	f->lock.l_whence = SEEK_SET;
	f->lock.l_start = (i64)f->found.start;
	f->lock.l_len = f->found.last == INT64_MAX ? 0 : (i64)(f->found.last - f->found.start + 1);
	f->lock.l_pid = f->found.kind == FLOCK_OFD ? -1 :
			pid_translate((int)f->found.pid, pid_ns_here());
}

co_t lock_records(struct co *co, struct lock_records *f)
{
	CO_BEGIN;
	CO_COPY_FROM_USER(f->err, &f->lock, f->arg, sizeof(f->lock));
	if (!f->err && f->lock.l_whence == SEEK_CUR)
		f->here = atomic_load_relaxed(&f->file->pos);
	if (!f->err && (f->cmd == F_GETLK || f->cmd == F_OFD_GETLK) &&
	    f->lock.l_type == F_UNLCK && f->cmd == F_GETLK)
		f->err = -EINVAL;
	if (!f->err) {
		f->err = lock_range(co, f);
		/* To ask needs no right to read or write. */
		if (f->err == -EBADF && (f->cmd == F_GETLK || f->cmd == F_OFD_GETLK))
			f->err = 0;
	}
	if (f->err)
		CO_RETURN(f->err);
	if (f->cmd == F_GETLK || f->cmd == F_OFD_GETLK) {
		lock_show(f);
		CO_COPY_TO_USER(f->err, f->arg, &f->lock, sizeof(f->lock));
	} else if (f->cmd == F_SETLKW || f->cmd == F_OFD_SETLKW) {
		CO_AWAIT(f->err, flock_wait, .file = f->file, .want = &f->range);
	} else {
		f->err = flock_try(f->file, &f->range);
	}
	CO_RETURN(f->err);
	CO_END;
}

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
static int lock_type(u32 how)
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
	if (lock_type(f->how) < 0)
		CO_RETURN(-EINVAL);
	f->file = fd_get(fd_current(co), f->fd);
	if (!f->file)
		CO_RETURN(-EBADF);
	f->range = (struct flock_range){
		.kind = FLOCK_WHOLE, .owner = f->file, .last = INT64_MAX,
		.pid = process_of(co)->pid->nr,
		.type = (enum flock_type)lock_type(f->how)};
	f->err = flock_try(f->file, &f->range);
	if (f->err == -EAGAIN && !(f->how & LOCK_NB))
		CO_AWAIT(f->err, flock_wait, .file = f->file, .want = &f->range);
	file_put(f->file);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(flock, fd, how);
