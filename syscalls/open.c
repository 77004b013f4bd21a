/* syscalls/open.c -- openat, close, close_range. */
#include <linux/close_range.h>

#include "core/proc/process.h"
#include "syscalls/name.h"
#include "syscalls/syscall.h"
#include "vfs/fd.h"
#include "vfs/flock.h"
#include "vfs/open.h"

struct sys_openat {
	struct co_frame co;
	int dirfd;
	uptr path;
	u32 flags, mode;
	char *name;
	struct file *file;
	long err;
};
static co_t sys_openat(struct co *co, struct sys_openat *f)
{
	CO_BEGIN;
	NAME_FROM_USER(f->err, f->name, f->path);
	if (!f->err)
		CO_AWAIT(f->err, open_at, .dirfd = f->dirfd, .name = f->name,
			 .flags = f->flags | O_LARGEFILE, .mode = f->mode & 07777,
			 .file = &f->file);
	kfree(f->name);
	if (f->err)
		CO_RETURN(f->err);
	f->err = fd_add(fd_current(co), f->file, 0, rlimit_get(process_of(co), RLIMIT_NOFILE),
			f->flags & O_CLOEXEC);
	if (f->err < 0)
		file_put(f->file);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(openat, dirfd, path, flags, mode);

/* Only a file whose release has something to do may have to wait. */
static long try_close(struct task *t, int fd)
{
	struct file *file = fd_get_any(t->fds, fd);
	bool waits;

	if (!file)
		return -EBADF;
	waits = file->ops->release.step;
	file_put(file);
	if (waits)
		return SYS_MUST_WAIT;
	file = fd_take(t->fds, fd);
	if (!file)
		return -EBADF;
	fd_closed(file, t->fds);
	file_put(file);
	return 0;
}
SYSCALL_TRY(close, int);

struct sys_close {
	struct co_frame co;
	int fd;
	struct file *file;
	long err;
};
static co_t sys_close(struct co *co, struct sys_close *f)
{
	CO_BEGIN;
	f->file = fd_take(fd_current(co), f->fd);
	if (!f->file)
		CO_RETURN(-EBADF);
	fd_closed(f->file, fd_current(co));
	CO_AWAIT(f->err, file_close, .file = f->file);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(close, fd);

struct sys_close_range {
	struct co_frame co;
	u32 first, last;
	u32 flags;
	struct fd_table *table;
	long ignored;
};
static co_t sys_close_range(struct co *co, struct sys_close_range *f)
{
	CO_BEGIN;
	if ((f->flags & ~(u32)(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)) || f->first > f->last)
		CO_RETURN(-EINVAL);
	if (f->flags & CLOSE_RANGE_UNSHARE) {
		f->table = fd_table_clone(fd_current(co));
		if (!f->table)
			CO_RETURN(-ENOMEM);
		fd_table_put(fd_current(co));
		co_task(co)->fds = f->table;
	}
	if (f->flags & CLOSE_RANGE_CLOEXEC)
		fd_set_cloexec_range(fd_current(co), f->first, f->last);
	else
		CO_AWAIT(f->ignored, fd_close_range, .table = fd_current(co), .first = f->first,
			 .last = f->last);
	CO_RETURN(0);
	CO_END;
}
SYSCALL_CO(close_range, first, last, flags);
