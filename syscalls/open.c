/* syscalls/open.c -- openat, close, close_range. */
#include <linux/close_range.h>

#include "core/proc/process.h"
#include "syscalls/name.h"
#include "syscalls/open.h"
#include "syscalls/syscall.h"
#include "syscalls/uring_call.h"
#include "vfs/fd.h"
#include "vfs/flock.h"
#include "vfs/open.h"

/* The number is had before anything is opened: without one no file is made or emptied. A direct
 * descriptor has no such number. */
static int open_reserve(struct co *co, u32 file_index)
{
	if (file_index)
		return 0;
	return fd_reserve(fd_current(co), rlimit_get(process_of(co), RLIMIT_NOFILE));
}

/* What became of it. */
static long open_settle(struct co *co, int fd, long err, struct file *file, bool cloexec,
			u32 file_index)
{
	if (fd < 0 || (file_index && err))
		return err;
	if (file_index)
		return uring_call_install(co, file, cloexec, file_index);
	fd_settle(fd_current(co), fd, err ? NULL : file, cloexec);
	return err ? err : fd;
}

co_t sys_openat(struct co *co, struct sys_openat *f)
{
	CO_BEGIN;
	NAME_FROM_USER(f->err, f->name, f->path);
	if (f->err)
		CO_RETURN(f->err);
	f->number = open_reserve(co, f->file_index);
	f->err = min(f->number, 0);
	if (!f->err)
		CO_AWAIT(f->err, open_at, .dirfd = f->dirfd, .name = f->name,
			 .flags = f->flags | O_LARGEFILE, .mode = f->mode & 07777,
			 .file = &f->file);
	kfree(f->name);
	CO_RETURN(open_settle(co, f->number, f->err, f->file, f->flags & O_CLOEXEC,
			      f->file_index));
	CO_END;
}
SYSCALL_CO(openat, dirfd, path, flags, mode);

/* --- openat2: nothing that is not understood is ignored --- */

#define OPEN_TMPFILE 020000000u	/* __O_TMPFILE */
#define OPEN_VALID                                                                          \
	(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC | \
	 O_DSYNC | FASYNC | O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME |  \
	 O_CLOEXEC | O_PATH | OPEN_TMPFILE)
#define OPEN_RESOLVE                                                                        \
	(RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH |    \
	 RESOLVE_IN_ROOT | RESOLVE_CACHED)

static long open_check_how(const struct open_how *how)
{
	if ((how->flags & ~(u64)OPEN_VALID) || (how->resolve & ~(u64)OPEN_RESOLVE))
		return -EINVAL;
	if ((how->resolve & RESOLVE_BENEATH) && (how->resolve & RESOLVE_IN_ROOT))
		return -EINVAL;
	if (how->mode & ~(how->flags & (O_CREAT | OPEN_TMPFILE) ? 07777ul : 0ul))
		return -EINVAL;
	if ((how->flags & O_PATH) &&
	    (how->flags & ~(u64)(O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)))
		return -EINVAL;
	if ((how->resolve & RESOLVE_CACHED) &&
	    (how->flags & (O_TRUNC | O_CREAT | OPEN_TMPFILE)))
		return -EAGAIN;
	return 0;
}

static u32 open_limits(u64 resolve)
{
	return (resolve & RESOLVE_NO_XDEV ? WALK_NO_MOUNTS : 0) |
	       (resolve & RESOLVE_NO_MAGICLINKS ? WALK_NO_MAGIC : 0) |
	       (resolve & RESOLVE_NO_SYMLINKS ? WALK_NO_LINKS : 0) |
	       (resolve & RESOLVE_BENEATH ? WALK_BENEATH : 0) |
	       (resolve & RESOLVE_IN_ROOT ? WALK_IN_ROOT : 0) |
	       (resolve & RESOLVE_CACHED ? WALK_CACHED : 0);
}

co_t open_check_rest(struct co *co, struct open_check_rest *f)
{
	CO_BEGIN;
	for (f->at = 0; f->at < f->n; f->at += sizeof(f->word)) {
		f->word = 0;
		CO_COPY_FROM_USER(f->err, &f->word, uptr_add(f->from, f->at),
				  min(f->n - f->at, sizeof(f->word)));
		if (f->err)
			CO_RETURN(f->err);
		if (f->word)
			CO_RETURN(-E2BIG);
	}
	CO_RETURN(0);
	CO_END;
}

co_t sys_openat2(struct co *co, struct sys_openat2 *f)
{
	CO_BEGIN;
	if (f->size < sizeof(f->how))
		CO_RETURN(-EINVAL);
	if (f->size > PAGE_SIZE)
		CO_RETURN(-E2BIG);
	CO_AWAIT(f->err, open_check_rest, .from = uptr_add(f->from, sizeof(f->how)),
		 .n = f->size - sizeof(f->how));
	if (!f->err)
		CO_COPY_FROM_USER(f->err, &f->how, f->from, sizeof(f->how));
	if (!f->err)
		f->err = open_check_how(&f->how);
	if (!f->err && f->file_index && (f->how.flags & O_CLOEXEC))
		f->err = -EINVAL;
	if (f->err)
		CO_RETURN(f->err);
	NAME_FROM_USER(f->err, f->name, f->path);
	if (f->err)
		CO_RETURN(f->err);
	f->number = open_reserve(co, f->file_index);
	f->err = min(f->number, 0);
	if (!f->err)
		CO_AWAIT(f->err, open_at, .dirfd = f->dirfd, .name = f->name,
			 .flags = (u32)f->how.flags, .mode = (u32)f->how.mode,
			 .limits = open_limits(f->how.resolve), .file = &f->file);
	kfree(f->name);
	CO_RETURN(open_settle(co, f->number, f->err, f->file, f->how.flags & O_CLOEXEC,
			      f->file_index));
	CO_END;
}
SYSCALL_CO(openat2, dirfd, path, from, size);

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
