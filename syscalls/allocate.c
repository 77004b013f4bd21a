/* syscalls/allocate.c -- fallocate. */
#include "vfs/allocate.h"

#include <linux/falloc.h>

#include "core/proc/process.h"
#include "core/proc/signal.h"
#include "core/proc/thread.h"
#include "syscalls/syscall.h"
#include "vfs/fd.h"
#include "vfs/super.h"

struct sys_fallocate {
	struct co_frame co;
	int fd;
	u32 mode;
	i64 offset, len;
	struct file *file;
	long err;
};
static co_t sys_fallocate(struct co *co, struct sys_fallocate *f)
{
	CO_BEGIN;
	f->file = fd_get(fd_current(co), f->fd);
	if (!f->file)
		CO_RETURN(-EBADF);
	CO_AWAIT(f->err, file_allocate, .file = f->file, .mode = f->mode, .offset = f->offset,
		 .len = f->len,
		 .limit_fsize = rlimit_get(thread_of_co(co)->process, RLIMIT_FSIZE) + 1);
	/* What no file can hold is no matter of the limit, nor what moves. */
	if (f->err == -EFBIG && !(f->mode & FALLOC_FL_INSERT_RANGE) &&
	    (u64)f->offset + (u64)f->len <= f->file->inode->super->max_size)
		signal_self(SIGXFSZ);
	file_put(f->file);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(fallocate, fd, mode, offset, len);
