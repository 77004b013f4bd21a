/* syscalls/sync.c -- to storage, and hints about what will be read. */
#include <linux/fadvise.h>
#include <linux/stat.h>

#include "syscalls/syscall.h"
#include "vfs/fd.h"
#include "vfs/file.h"
#include "vfs/reaper.h"
#include "vfs/super.h"

struct sync_super {
	struct co_frame co;
	struct super *super;
	long err;
};
static co_t sync_super(struct co *co, struct sync_super *f)
{
	CO_BEGIN;
	if (f->super->ops->sync.step)
		CO_AWAIT_OP(f->err, f->super->ops->sync, .inode = f->super->root);
	CO_RETURN(f->err);
	CO_END;
}

struct sys_sync {
	struct co_frame co;
	unsigned n;
	struct super *super;
	long ignored;
};
static co_t sys_sync(struct co *co, struct sys_sync *f)
{
	CO_BEGIN;
	CO_AWAIT(f->ignored, reaper_wait);
	for (f->n = 0; (f->super = super_nth(f->n)); f->n++) {
		CO_AWAIT(f->ignored, sync_super, .super = f->super);
		super_put(f->super);
	}
	CO_RETURN(0);
	CO_END;
}
SYSCALL_CO(sync);

struct sync_fd {
	struct co_frame co;
	int fd;
	bool data_only, whole;
	struct file *file;
	long err;
};
static co_t sync_fd(struct co *co, struct sync_fd *f)
{
	CO_BEGIN;
	f->file = fd_get(fd_current(co), f->fd);
	if (!f->file)
		CO_RETURN(-EBADF);
	if (f->whole)
		CO_AWAIT(f->err, sync_super, .super = f->file->inode->super);
	else
		CO_AWAIT(f->err, file_sync, .file = f->file, .data_only = f->data_only);
	file_put(f->file);
	CO_RETURN(f->err);
	CO_END;
}

co_t begin_fsync(struct co *co, const u64 *a);
co_t begin_fsync(struct co *co, const u64 *a)
{
	return co_begin(co, sync_fd, .fd = (int)a[0]);
}
co_t begin_fdatasync(struct co *co, const u64 *a);
co_t begin_fdatasync(struct co *co, const u64 *a)
{
	return co_begin(co, sync_fd, .fd = (int)a[0], .data_only = true);
}
co_t begin_syncfs(struct co *co, const u64 *a);
co_t begin_syncfs(struct co *co, const u64 *a)
{
	return co_begin(co, sync_fd, .fd = (int)a[0], .whole = true);
}

/* Advice changes nothing a program can see; the sequential window adapts by itself. */
static long sys_fadvise64(struct task *t, int fd, i64 offset, i64 len, u32 advice)
{
	struct file *file = fd_get(t->fds, fd);
	long err = 0;

	if (!file)
		return -EBADF;
	if (S_ISFIFO(file->inode->mode))
		err = -ESPIPE;
	else if (len < 0 || advice > POSIX_FADV_NOREUSE)
		err = -EINVAL;
	file_put(file);
	return err;
}
SYSCALL_PLAIN(fadvise64, int, i64, i64, u32);
