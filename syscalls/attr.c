/* syscalls/attr.c -- changing what files are: mode, owner, times, size. */
#include <linux/falloc.h>
#include <linux/stat.h>
#include <linux/time_types.h>

#include "core/proc/process.h"
#include "core/proc/signal.h"
#include "syscalls/name.h"
#include "vfs/attr.h"
#include "vfs/fd.h"

/* <linux/stat.h> has no UTIME_*; Linux include/linux/stat.h. */
#define ATTR_UTIME_NOW	((1l << 30) - 1l)
#define ATTR_UTIME_OMIT ((1l << 30) - 2l)

/* Change what path (relative to dirfd) names; an empty path with AT_EMPTY_PATH: dirfd. */
struct attr_at {
	struct co_frame co;
	int dirfd;
	uptr path;
	u32 flags;		/* AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH */
	struct inode_attr *attr;
	bool now;
	bool regular;		/* only a regular file will do (truncate) */
	char *name;
	struct walk walk;
	long err;
};
static co_t attr_at(struct co *co, struct attr_at *f)
{
	u32 mode;

	CO_BEGIN;
	NAME_FROM_USER(f->err, f->name, f->path);
	if (f->err)
		goto out;
	f->err = walk_start(&f->walk, co, f->dirfd, f->name,
			    (f->flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) |
				    (f->flags & AT_EMPTY_PATH ? WALK_EMPTY : 0));
	if (!f->err)
		WALK(f->err, &f->walk);
	if (!f->err && f->regular) {
		mode = f->walk.path.dentry->inode->mode;
		f->err = S_ISDIR(mode) ? -EISDIR : S_ISREG(mode) ? 0 : -EINVAL;
	}
	if (!f->err && (f->attr->valid & ATTR_MODE) && S_ISLNK(f->walk.path.dentry->inode->mode))
		f->err = -EOPNOTSUPP;
	if (!f->err)
		CO_AWAIT(f->err, attr_change, .path = &f->walk.path, .cred = cred_current(co),
			 .attr = f->attr, .now = f->now);
	walk_finish(&f->walk);
out:
	kfree(f->name);
	CO_RETURN(f->err);
	CO_END;
}

/* Change what a descriptor names. */
struct attr_fd {
	struct co_frame co;
	int fd;
	struct inode_attr *attr;
	bool now;
	struct file *file;
	long err;
};
static co_t attr_fd(struct co *co, struct attr_fd *f)
{
	CO_BEGIN;
	f->file = fd_get(fd_current(co), f->fd);
	if (!f->file)
		CO_RETURN(-EBADF);
	CO_AWAIT(f->err, attr_change, .path = &f->file->path, .cred = cred_current(co),
		 .attr = f->attr, .now = f->now);
	file_put(f->file);
	CO_RETURN(f->err);
	CO_END;
}

/* --- chmod --- */

struct sys_fchmodat2 {
	struct co_frame co;
	int dirfd;
	uptr path;
	u32 mode, flags;
	struct inode_attr attr;
	long err;
};
static co_t sys_fchmodat2(struct co *co, struct sys_fchmodat2 *f)
{
	CO_BEGIN;
	if (f->flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		CO_RETURN(-EINVAL);
	f->attr = (struct inode_attr){.valid = ATTR_MODE, .mode = f->mode & 07777};
	CO_AWAIT(f->err, attr_at, .dirfd = f->dirfd, .path = f->path, .flags = f->flags,
		 .attr = &f->attr);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(fchmodat2, dirfd, path, mode, flags);

co_t begin_fchmodat(struct co *co, const u64 *a);
co_t begin_fchmodat(struct co *co, const u64 *a)
{
	return co_begin(co, sys_fchmodat2, .dirfd = (int)a[0], .path = uptr_of(a[1]),
			.mode = (u32)a[2]);
}

struct sys_fchmod {
	struct co_frame co;
	int fd;
	u32 mode;
	struct inode_attr attr;
	long err;
};
static co_t sys_fchmod(struct co *co, struct sys_fchmod *f)
{
	CO_BEGIN;
	f->attr = (struct inode_attr){.valid = ATTR_MODE, .mode = f->mode & 07777};
	CO_AWAIT(f->err, attr_fd, .fd = f->fd, .attr = &f->attr);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(fchmod, fd, mode);

/* --- chown: an id of -1 stays as it is --- */

/* -EINVAL: one of them has no mapping. */
static long attr_owner(u32 uid, u32 gid, struct inode_attr *to)
{
	*to = (struct inode_attr){
		.valid = ATTR_OWNER | (uid == ~0u ? 0 : ATTR_UID) | (gid == ~0u ? 0 : ATTR_GID),
		.uid = cred_kernel_uid(uid), .gid = cred_kernel_gid(gid)};
	if (((to->valid & ATTR_UID) && to->uid == USER_NONE) ||
	    ((to->valid & ATTR_GID) && to->gid == USER_NONE))
		return -EINVAL;
	return 0;
}

struct sys_fchownat {
	struct co_frame co;
	int dirfd;
	uptr path;
	u32 uid, gid, flags;
	struct inode_attr attr;
	long err;
};
static co_t sys_fchownat(struct co *co, struct sys_fchownat *f)
{
	CO_BEGIN;
	if (f->flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		CO_RETURN(-EINVAL);
	f->err = attr_owner(f->uid, f->gid, &f->attr);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, attr_at, .dirfd = f->dirfd, .path = f->path, .flags = f->flags,
		 .attr = &f->attr);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(fchownat, dirfd, path, uid, gid, flags);

struct sys_fchown {
	struct co_frame co;
	int fd;
	u32 uid, gid;
	struct inode_attr attr;
	long err;
};
static co_t sys_fchown(struct co *co, struct sys_fchown *f)
{
	CO_BEGIN;
	f->err = attr_owner(f->uid, f->gid, &f->attr);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, attr_fd, .fd = f->fd, .attr = &f->attr);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(fchown, fd, uid, gid);

/* --- utimensat --- */

struct sys_utimensat {
	struct co_frame co;
	int dirfd;
	uptr path, times;
	u32 flags;
	struct __kernel_timespec ts[2];
	struct inode_attr attr;
	bool now;
	long err;
};

/* One of the two times into the change; false if it is malformed. */
static bool attr_take_time(struct inode_attr *attr, unsigned which, struct inode_time *to,
			   const struct __kernel_timespec *ts)
{
	if (ts->tv_nsec == ATTR_UTIME_OMIT)
		return true;
	if (ts->tv_nsec != ATTR_UTIME_NOW && (ts->tv_nsec < 0 || ts->tv_nsec >= 1000000000))
		return false;
	attr->valid |= which;
	*to = ts->tv_nsec == ATTR_UTIME_NOW
		      ? inode_now()
		      : (struct inode_time){.sec = ts->tv_sec, .nsec = (u32)ts->tv_nsec};
	return true;
}

static long attr_take_times(struct sys_utimensat *f)
{
	bool both_now = f->ts[0].tv_nsec == ATTR_UTIME_NOW && f->ts[1].tv_nsec == ATTR_UTIME_NOW;

	f->now = !f->times.raw || both_now;
	if (!f->times.raw)
		f->ts[0].tv_nsec = f->ts[1].tv_nsec = ATTR_UTIME_NOW;
	if (!attr_take_time(&f->attr, ATTR_ATIME, &f->attr.atime, &f->ts[0]) ||
	    !attr_take_time(&f->attr, ATTR_MTIME, &f->attr.mtime, &f->ts[1]))
		return -EINVAL;
	return 0;
}

static co_t sys_utimensat(struct co *co, struct sys_utimensat *f)
{
	CO_BEGIN;
	if (f->times.raw)
		CO_COPY_FROM_USER(f->err, f->ts, f->times, sizeof(f->ts));
	if (f->err)
		CO_RETURN(f->err);
	/* Both left alone: not even the path is looked at. */
	if (f->times.raw && f->ts[0].tv_nsec == ATTR_UTIME_OMIT &&
	    f->ts[1].tv_nsec == ATTR_UTIME_OMIT)
		CO_RETURN(0);
	f->err = attr_take_times(f);
	if (!f->err && (f->flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)))
		f->err = -EINVAL;
	if (f->err)
		CO_RETURN(f->err);
	if (f->path.raw || f->dirfd == AT_FDCWD)
		CO_AWAIT(f->err, attr_at, .dirfd = f->dirfd, .path = f->path, .flags = f->flags,
			 .attr = &f->attr, .now = f->now);
	else
		CO_AWAIT(f->err, attr_fd, .fd = f->dirfd, .attr = &f->attr, .now = f->now);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(utimensat, dirfd, path, times, flags);

/* --- truncate --- */

/* -EINVAL, -EFBIG (and its signal), or 0. */
static long attr_check_size(struct co *co, i64 size)
{
	if (size < 0)
		return -EINVAL;
	if ((u64)size <= rlimit_get(process_of(co), RLIMIT_FSIZE))
		return 0;
	signal_self(SIGXFSZ);
	return -EFBIG;
}

struct sys_truncate {
	struct co_frame co;
	uptr path;
	i64 size;
	struct inode_attr attr;
	long err;
};
static co_t sys_truncate(struct co *co, struct sys_truncate *f)
{
	CO_BEGIN;
	f->err = attr_check_size(co, f->size);
	if (f->err)
		CO_RETURN(f->err);
	f->attr = (struct inode_attr){.valid = ATTR_SIZE, .size = (u64)f->size};
	CO_AWAIT(f->err, attr_at, .dirfd = AT_FDCWD, .path = f->path, .attr = &f->attr,
		 .regular = true);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(truncate, path, size);

struct sys_ftruncate {
	struct co_frame co;
	int fd;
	i64 size;
	struct file *file;
	struct inode_attr attr;
	long err;
};
static co_t sys_ftruncate(struct co *co, struct sys_ftruncate *f)
{
	CO_BEGIN;
	if (f->size < 0)
		CO_RETURN(-EINVAL);
	f->file = fd_get(fd_current(co), f->fd);
	if (!f->file)
		CO_RETURN(-EBADF);
	f->err = S_ISREG(f->file->inode->mode) && (f->file->mode & FILE_WRITE) ? 0 : -EINVAL;
	if (!f->err)
		f->err = attr_check_size(co, f->size);
	f->attr = (struct inode_attr){.valid = ATTR_SIZE, .size = (u64)f->size};
	if (!f->err)
		CO_AWAIT(f->err, attr_change, .path = &f->file->path, .cred = cred_current(co),
			 .attr = &f->attr, .opened = true);
	file_put(f->file);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(ftruncate, fd, size);
