/* syscalls/handle.c -- name_to_handle_at, open_by_handle_at. */
#include "vfs/handle.h"

#include <linux/fcntl.h>
#include <linux/stat.h>

#include "core/proc/process.h"
#include "syscalls/mount.h"
#include "syscalls/name.h"
#include "vfs/fd.h"
#include "vfs/fs_context.h"
#include "vfs/mount_stat.h"
#include "vfs/open.h"

#define HANDLE_FLAGS \
	(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH | AT_HANDLE_FID | AT_HANDLE_MNT_ID_UNIQUE)
#define HANDLE_HEADER   8u	/* bytes and type */
#define HANDLE_NO_TYPE  255	/* FILEID_INVALID */
#define OPEN_TMPFILE    020000000u	/* __O_TMPFILE */

struct sys_name_to_handle_at {
	struct co_frame co;
	int dirfd;
	uptr path, to, mount_id;
	u32 flags;
	struct path at;
	struct handle handle;
	u64 id;
	u32 room;
	long err, fault;
};
static co_t sys_name_to_handle_at(struct co *co, struct sys_name_to_handle_at *f)
{
	CO_BEGIN;
	if (f->flags & ~(u32)HANDLE_FLAGS)
		CO_RETURN(-EINVAL);
	CO_AWAIT(f->err, mount_walk, .dirfd = f->dirfd, .path = f->path, .to = &f->at,
		 .how = (f->flags & AT_SYMLINK_FOLLOW ? WALK_FOLLOW : 0) |
			(f->flags & AT_EMPTY_PATH ? WALK_EMPTY : 0));
	if (f->err)
		CO_RETURN(f->err);
	f->err = handle_of(f->at.dentry->inode, f->flags & AT_HANDLE_FID, &f->handle);
	f->id = f->flags & AT_HANDLE_MNT_ID_UNIQUE ? mount_stat_id(f->at.mount) : f->at.mount->id;
	path_put(&f->at);
	if (!f->err)
		CO_COPY_FROM_USER(f->err, &f->room, f->to, sizeof(f->room));
	if (!f->err && f->room > HANDLE_MAX)
		f->err = -EINVAL;
	if (f->err)
		CO_RETURN(f->err);
	/* How much room it takes is told in any case. */
	if (f->room < f->handle.bytes) {
		f->handle.type = HANDLE_NO_TYPE;
		f->err = -EOVERFLOW;
	}
	CO_COPY_TO_USER(f->fault, f->mount_id, &f->id,
			f->flags & AT_HANDLE_MNT_ID_UNIQUE ? sizeof(f->id) : sizeof(u32));
	if (!f->fault)
		CO_COPY_TO_USER(f->fault, f->to, &f->handle,
				HANDLE_HEADER + (f->err ? 0 : f->handle.bytes));
	CO_RETURN(f->fault ? f->fault : f->err);
	CO_END;
}
SYSCALL_CO(name_to_handle_at, dirfd, path, to, mount_id, flags);

/* --- opening --- */

/* Any file of the mount that is to be searched: its place, with references. */
static long handle_anchor(struct co *co, int fd, struct path *to)
{
	struct file *file;

	if (fd == AT_FDCWD) {
		fs_context_cwd(fs_current(co), to);
		return 0;
	}
	file = fd_get(fd_current(co), fd);
	if (!file)
		return -EBADF;
	*to = file->path;
	path_get(to);
	file_put(file);
	return 0;
}

/* The user's handle, of which the first bytes mean something. */
struct handle_from_user {
	struct co_frame co;
	uptr from;
	struct handle *to;
	long err;
};
static co_t handle_from_user(struct co *co, struct handle_from_user *f)
{
	CO_BEGIN;
	CO_COPY_FROM_USER(f->err, f->to, f->from, HANDLE_HEADER);
	if (f->err)
		CO_RETURN(f->err);
	if (!f->to->bytes || f->to->bytes > HANDLE_MAX)
		CO_RETURN(-EINVAL);
	CO_COPY_FROM_USER(f->err, f->to->words, uptr_add(f->from, HANDLE_HEADER),
			  min((size_t)f->to->bytes, sizeof(f->to->words)));
	CO_RETURN(f->err);
	CO_END;
}

/* What an open of the same by name would say before anything else. */
static long handle_may_open(const struct dentry *d, u32 flags)
{
	u32 mode = d->inode->mode;

	if (flags & O_PATH)
		return (flags & O_DIRECTORY) && !S_ISDIR(mode) ? -ENOTDIR : 0;
	if (S_ISLNK(mode))
		return -ELOOP;
	/* Files are not made by handle. */
	if (flags & OPEN_TMPFILE)
		return S_ISDIR(mode) ? -EOPNOTSUPP : -ENOTDIR;
	return S_ISDIR(mode) && (flags & O_CREAT) ? -EISDIR : 0;
}

struct sys_open_by_handle_at {
	struct co_frame co;
	int fd;
	uptr from;
	u32 flags;
	struct path anchor, at;
	struct handle handle;
	struct file *file;
	long err;
};
static co_t sys_open_by_handle_at(struct co *co, struct sys_open_by_handle_at *f)
{
	CO_BEGIN;
	f->err = handle_anchor(co, f->fd, &f->anchor);
	if (f->err)
		CO_RETURN(f->err);
	f->err = cred_capable(cred_current(co), CAP_DAC_READ_SEARCH) ? 0 : -EPERM;
	if (!f->err)
		CO_AWAIT(f->err, handle_from_user, .from = f->from, .to = &f->handle);
	if (!f->err)
		CO_AWAIT(f->err, handle_open, .super = f->anchor.mount->super,
			 .handle = &f->handle, .found = &f->at.dentry);
	if (!f->err) {
		f->at.mount = f->anchor.mount;
		mount_get(f->at.mount);
		f->err = handle_may_open(f->at.dentry, f->flags);
	}
	if (!f->err)
		CO_AWAIT(f->err, open_path, .path = &f->at, .cred = cred_current(co),
			 .flags = f->flags | O_LARGEFILE, .file = &f->file);
	path_put(&f->at);
	path_put(&f->anchor);
	CO_RETURN(f->err ? f->err : mount_give(co, f->file, f->flags & O_CLOEXEC));
	CO_END;
}
SYSCALL_CO(open_by_handle_at, fd, from, flags);
