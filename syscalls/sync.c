/* syscalls/sync.c -- to storage, and hints about what will be read. */
#include <linux/fadvise.h>
#include <linux/fs.h>
#include <linux/mman.h>
#include <linux/stat.h>

#include "core/base/bits.h"
#include "core/cred/cred.h"
#include "mem/space/uaccess.h"
#include "syscalls/syscall.h"
#include "vfs/fd.h"
#include "vfs/file.h"
#include "vfs/file_cache.h"
#include "vfs/reaper.h"
#include "vfs/super.h"

struct sys_sync {
	struct co_frame co;
	long ignored;
};
static co_t sys_sync(struct co *co, struct sys_sync *f)
{
	CO_BEGIN;
	CO_AWAIT(f->ignored, reaper_wait);
	CO_AWAIT(f->ignored, super_sync_all);
	if (super_devices.step)
		CO_AWAIT_OP(f->ignored, super_devices);
	CO_RETURN(0);
	CO_END;
}
SYSCALL_CO(sync);

struct sync_fd {
	struct co_frame co;
	int fd;
	bool data_only;
	struct file *file;
	long err;
};
static co_t sync_fd(struct co *co, struct sync_fd *f)
{
	CO_BEGIN;
	f->file = fd_get(fd_current(co), f->fd);
	if (!f->file)
		CO_RETURN(-EBADF);
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

struct sys_syncfs {
	struct co_frame co;
	int fd;
	struct file *file;
	long err;
};
static co_t sys_syncfs(struct co *co, struct sys_syncfs *f)
{
	CO_BEGIN;
	f->file = fd_get(fd_current(co), f->fd);
	if (!f->file)
		CO_RETURN(-EBADF);
	CO_AWAIT(f->err, super_sync_one, .super = f->file->inode->super);
	file_put(f->file);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(syncfs, fd);

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

/* --- parts of files --- */

#define SYNC_RANGE_FLAGS \
	(SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER)

/* The pages meant by a call that may mean none of them, or an error. */
static long sync_range_check(const struct file *file, i64 offset, i64 len, u32 flags)
{
	u32 mode = file->inode->mode;
	i64 end;

	if ((flags & ~(u32)SYNC_RANGE_FLAGS) || offset < 0 || add_overflows(offset, len, &end) ||
	    end < offset)
		return -EINVAL;
	if (!S_ISREG(mode) && !S_ISBLK(mode) && !S_ISDIR(mode))
		return -ESPIPE;
	return 0;
}

struct sys_sync_file_range {
	struct co_frame co;
	int fd;
	i64 offset, len;
	u32 flags;
	struct file *file;
	struct inode *data;
	long err;
};
static co_t sys_sync_file_range(struct co *co, struct sys_sync_file_range *f)
{
	CO_BEGIN;
	f->file = fd_get(fd_current(co), f->fd);
	if (!f->file)
		CO_RETURN(-EBADF);
	f->err = sync_range_check(f->file, f->offset, f->len, f->flags);
	f->data = file_data(f->file);
	/* To start writing is to have written: nobody waits less for that. */
	if (!f->err && f->flags && f->data)
		CO_AWAIT(f->err, page_write_back, .mapping = &f->data->mapping,
			 .first = (u64)f->offset >> PAGE_SHIFT,
			 .last = f->len ? (u64)(f->offset + f->len - 1) >> PAGE_SHIFT
					: UINT64_MAX - 1);
	file_put(f->file);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(sync_file_range, fd, offset, len, flags);

struct sys_cachestat {
	struct co_frame co;
	int fd;
	uptr range, to;
	u32 flags;
	struct file *file;
	struct cachestat_range want;
	struct cachestat stat;
	u64 index, last;
	long err;
};

/* Whose cache it is may be looked into by who could write it. */
static bool sync_may_look(const struct file *file, const struct cred *cred)
{
	return (file->mode & FILE_WRITE) || cred_owns(cred, file->inode->uid) ||
	       !inode_permission(file->inode, cred, CRED_WRITE);
}

/* Count the page at f->index, or the first after it; false: there is none. */
static bool sync_count_page(struct sys_cachestat *f)
{
	struct mapping *m = &f->file->inode->mapping;
	struct page *page = page_find_next(m, &f->index, f->last + 1);
	u32 flags;

	if (!page)
		return false;
	flags = atomic_load_relaxed(&page->flags);
	f->stat.nr_cache++;
	/* Pages that are the storage are never to be written. */
	if (m->ops->writepage.step)
		f->stat.nr_dirty += !!(flags & PAGE_DIRTY);
	phys_page_put(page);
	return f->index++ < f->last;
}

static co_t sys_cachestat(struct co *co, struct sys_cachestat *f)
{
	CO_BEGIN;
	f->file = fd_get(fd_current(co), f->fd);
	if (!f->file)
		CO_RETURN(-EBADF);
	CO_COPY_FROM_USER(f->err, &f->want, f->range, sizeof(f->want));
	if (!f->err && !sync_may_look(f->file, cred_current(co)))
		f->err = -EPERM;
	if (!f->err && f->flags)
		f->err = -EINVAL;
	if (f->err)
		goto out;
	f->index = f->want.off >> PAGE_SHIFT;
	f->last = f->want.len ? (f->want.off + f->want.len - 1) >> PAGE_SHIFT
			      : UINT64_MAX >> PAGE_SHIFT;
	while (f->file->inode->mapping.ops && f->index <= f->last && sync_count_page(f))
		CO_BREATHE;
	CO_COPY_TO_USER(f->err, f->to, &f->stat, sizeof(f->stat));
out:
	file_put(f->file);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(cachestat, fd, range, to, flags);
