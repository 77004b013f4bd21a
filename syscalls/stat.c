/* syscalls/stat.c -- what files are: stat, statx, access, readlink, statfs. */
#include <asm/stat.h>
#include <asm/statfs.h>
#include <linux/fs.h>
#include <linux/stat.h>
#include <linux/mount.h>

#include "syscalls/name.h"
#include "vfs/attr.h"
#include "vfs/fd.h"
#include "vfs/fs_context.h"
#include "vfs/mount_stat.h"
#include "vfs/super.h"

/* --- walking to what the call is about --- */

static unsigned stat_walk_flags(u32 flags)
{
	return (flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) |
	       (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);
}

/* With AT_EMPTY_PATH a null pointer is an empty name. */
static bool stat_is_null(uptr path, u32 flags)
{
	return !path.raw && (flags & AT_EMPTY_PATH);
}

/* 0 and *to (referenced), an error, or SYS_MUST_WAIT. */
static long stat_try_walk(struct task *t, int dirfd, uptr path, u32 flags, struct path *to)
{
	char name[PATH_MAX];
	struct walk w;
	long err = 0;

	name[0] = '\0';
	if (!stat_is_null(path, flags))
		err = name_try(name, path);
	if (err)
		return err;
	err = walk_start(&w, &t->co, dirfd, name, stat_walk_flags(flags));
	if (!err)
		err = walk_try(&w);
	if (!err)
		walk_take(&w, to);
	walk_finish(&w);
	return err == WALK_WAITS ? SYS_MUST_WAIT : err;
}

struct stat_walk {
	struct co_frame co;
	int dirfd;
	uptr path;
	u32 flags;		/* AT_* */
	const struct cred *cred; /* NULL: the task's */
	struct path *to;
	char *name;
	struct walk walk;
	long err;
};
static co_t stat_walk(struct co *co, struct stat_walk *f)
{
	CO_BEGIN;
	if (!stat_is_null(f->path, f->flags))
		NAME_FROM_USER(f->err, f->name, f->path);
	if (f->err)
		goto out;
	f->err = walk_start(&f->walk, co, f->dirfd, f->name ? f->name : "",
			    stat_walk_flags(f->flags));
	if (f->cred)
		f->walk.cred = f->cred;
	if (!f->err)
		WALK(f->err, &f->walk);
	if (!f->err)
		walk_take(&f->walk, f->to);
	walk_finish(&f->walk);
out:
	kfree(f->name);
	CO_RETURN(f->err);
	CO_END;
}

/* --- stat --- */

#define STAT_FLAGS (AT_STATX_SYNC_TYPE | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT)

static void stat_fill(struct stat *to, struct inode *inode)
{
	const struct user_ns *users = cred_ns();
	struct attr_stat a;

	attr_stat(inode, &a);
	*to = (struct stat){
		.st_dev = name_dev_out(a.dev), .st_ino = a.ino, .st_mode = a.mode,
		.st_nlink = a.nlink, .st_uid = user_ns_shown(users, USER_UIDS, a.uid),
		.st_gid = user_ns_shown(users, USER_GIDS, a.gid),
		.st_rdev = name_dev_out(a.rdev), .st_size = (long)a.size,
		.st_blksize = (int)a.block_size, .st_blocks = (long)a.blocks,
		.st_atime = a.atime.sec, .st_atime_nsec = a.atime.nsec,
		.st_mtime = a.mtime.sec, .st_mtime_nsec = a.mtime.nsec,
		.st_ctime = a.ctime.sec, .st_ctime_nsec = a.ctime.nsec,
	};
}

static long stat_try_out(struct inode *inode, uptr to)
{
	struct stat st;

	stat_fill(&st, inode);
	return hal_copy_to_user(to, &st, sizeof(st)) == sizeof(st) ? 0 : SYS_MUST_WAIT;
}

static long try_newfstatat(struct task *t, int dirfd, uptr path, uptr to, u32 flags)
{
	struct path at;
	long err;

	if (flags & ~(u32)STAT_FLAGS)
		return -EINVAL;
	err = stat_try_walk(t, dirfd, path, flags, &at);
	if (err)
		return err;
	err = stat_try_out(at.dentry->inode, to);
	path_put(&at);
	return err;
}
SYSCALL_TRY(newfstatat, int, uptr, uptr, u32);

struct sys_newfstatat {
	struct co_frame co;
	int dirfd;
	uptr path, to;
	u32 flags;
	struct path at;
	struct stat st;
	long err;
};
static co_t sys_newfstatat(struct co *co, struct sys_newfstatat *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, stat_walk, .dirfd = f->dirfd, .path = f->path, .flags = f->flags,
		 .to = &f->at);
	if (f->err)
		CO_RETURN(f->err);
	stat_fill(&f->st, f->at.dentry->inode);
	path_put(&f->at);
	CO_COPY_TO_USER(f->err, f->to, &f->st, sizeof(f->st));
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(newfstatat, dirfd, path, to, flags);

static long try_fstat(struct task *t, int fd, uptr to)
{
	struct file *file = fd_get_any(t->fds, fd);
	long err;

	if (!file)
		return -EBADF;
	err = stat_try_out(file->inode, to);
	file_put(file);
	return err;
}
SYSCALL_TRY(fstat, int, uptr);

struct sys_fstat {
	struct co_frame co;
	int fd;
	uptr to;
	struct file *file;
	struct stat st;
	long err;
};
static co_t sys_fstat(struct co *co, struct sys_fstat *f)
{
	CO_BEGIN;
	f->file = fd_get_any(fd_current(co), f->fd);
	if (!f->file)
		CO_RETURN(-EBADF);
	stat_fill(&f->st, f->file->inode);
	file_put(f->file);
	CO_COPY_TO_USER(f->err, f->to, &f->st, sizeof(f->st));
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(fstat, fd, to);

/* --- statx --- */

static struct statx_timestamp stat_time(struct inode_time t)
{
	return (struct statx_timestamp){.tv_sec = t.sec, .tv_nsec = t.nsec};
}

/* Those of vfs/fileattr.h that statx tells. */
#define STAT_FILEATTR (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND | STATX_ATTR_NODUMP)

/* What others say of their files, by the flags that are there. */
static u64 stat_by_flags(u32 flags)
{
	return (flags & FS_COMPR_FL ? STATX_ATTR_COMPRESSED : 0) |
	       (flags & FS_ENCRYPT_FL ? STATX_ATTR_ENCRYPTED : 0) |
	       (flags & FS_VERITY_FL ? STATX_ATTR_VERITY : 0);
}

static u64 stat_attributes_mask(const struct super *s)
{
	return STATX_ATTR_MOUNT_ROOT | STATX_ATTR_AUTOMOUNT | STATX_ATTR_DAX |
	       (s->fileattr ? STAT_FILEATTR : 0) | stat_by_flags(s->fileattr);
}

static u64 stat_attributes(const struct path *at)
{
	const struct inode *inode = at->dentry->inode;
	u32 flags = atomic_load_relaxed(&inode->flags);

	return (at->dentry == at->mount->root ? STATX_ATTR_MOUNT_ROOT : 0) |
	       (inode->ops->getflags ? stat_by_flags(inode->ops->getflags(inode)) : 0) |
	       (flags & INODE_IMMUTABLE ? STATX_ATTR_IMMUTABLE : 0) |
	       (flags & INODE_APPEND ? STATX_ATTR_APPEND : 0) |
	       (flags & INODE_NODUMP ? STATX_ATTR_NODUMP : 0);
}

/* The time of birth is for who asks for it. */
static void stat_fill_x(struct statx *to, const struct path *at, u32 mask)
{
	bool unique = mask & STATX_MNT_ID_UNIQUE;
	struct attr_stat a;

	attr_stat(at->dentry->inode, &a);
	if (!(mask & STATX_BTIME))
		a.btime = (struct inode_time){};
	*to = (struct statx){
		.stx_mask = STATX_BASIC_STATS | (unique ? STATX_MNT_ID_UNIQUE : STATX_MNT_ID) |
			    (a.btime.sec ? STATX_BTIME : 0),
		.stx_blksize = a.block_size,
		.stx_attributes = stat_attributes(at),
		.stx_attributes_mask = stat_attributes_mask(at->mount->super),
		.stx_nlink = a.nlink, .stx_uid = cred_shown_uid(a.uid),
		.stx_gid = cred_shown_gid(a.gid),
		.stx_mode = (u16)a.mode, .stx_ino = a.ino, .stx_size = a.size,
		.stx_blocks = a.blocks, .stx_atime = stat_time(a.atime),
		.stx_mtime = stat_time(a.mtime), .stx_ctime = stat_time(a.ctime),
		.stx_btime = stat_time(a.btime),
		.stx_rdev_major = a.rdev >> 20, .stx_rdev_minor = a.rdev & 0xfffff,
		.stx_dev_major = a.dev >> 20, .stx_dev_minor = a.dev & 0xfffff,
		.stx_mnt_id = unique ? mount_stat_id(at->mount) : at->mount->id,
	};
}

struct sys_statx {
	struct co_frame co;
	int dirfd;
	uptr path;
	u32 flags, mask;
	uptr to;
	struct path at;
	struct statx *st;
	long err;
};
static co_t sys_statx(struct co *co, struct sys_statx *f)
{
	CO_BEGIN;
	if ((f->flags & ~(u32)STAT_FLAGS) ||
	    (f->flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE || (f->mask & STATX__RESERVED))
		CO_RETURN(-EINVAL);
	CO_AWAIT(f->err, stat_walk, .dirfd = f->dirfd, .path = f->path, .flags = f->flags,
		 .to = &f->at);
	if (f->err)
		CO_RETURN(f->err);
	f->st = kmalloc(sizeof(*f->st));
	f->err = -ENOMEM;
	if (f->st) {
		stat_fill_x(f->st, &f->at, f->mask);
		CO_COPY_TO_USER(f->err, f->to, f->st, sizeof(*f->st));
	}
	kfree(f->st);
	path_put(&f->at);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(statx, dirfd, path, flags, mask, to);

/* --- access --- */

#define STAT_ACCESS_FLAGS (AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)

/* access(2) asks for the real user: his credentials, or NULL if they are the effective ones. */
static struct cred *stat_real_cred(const struct cred *now, int *err)
{
	struct cred *real;

	*err = 0;
	if (now->uid == now->fsuid && now->gid == now->fsgid &&
	    now->effective == (now->uid != cred_root(now) ? now->effective : now->permitted))
		return NULL;
	real = cred_clone(now);
	if (!real) {
		*err = -ENOMEM;
		return NULL;
	}
	real->fsuid = real->uid;
	real->fsgid = real->gid;
	real->effective = real->uid == cred_root(real) ? real->permitted : 0;
	return real;
}

static long stat_permission(const struct path *at, const struct cred *cred, u32 mode)
{
	struct inode *inode = at->dentry->inode;

	if ((mode & CRED_WRITE) && (S_ISREG(inode->mode) || S_ISDIR(inode->mode)) &&
	    mount_may_write(at->mount))
		return -EROFS;
	if ((mode & CRED_EXEC) && S_ISREG(inode->mode) && (at->mount->flags & MS_NOEXEC))
		return -EACCES;
	return mode ? inode_permission(inode, cred, mode) : 0;
}

struct stat_access {
	struct co_frame co;
	int dirfd;
	uptr path;
	u32 mode, flags;
	struct cred *real;
	struct path at;
	int cred_err;
	long err;
};
static co_t stat_access(struct co *co, struct stat_access *f)
{
	CO_BEGIN;
	if ((f->mode & ~7u) || (f->flags & ~(u32)STAT_ACCESS_FLAGS))
		CO_RETURN(-EINVAL);
	if (!(f->flags & AT_EACCESS))
		f->real = stat_real_cred(cred_current(co), &f->cred_err);
	if (f->cred_err)
		CO_RETURN(f->cred_err);
	CO_AWAIT(f->err, stat_walk, .dirfd = f->dirfd, .path = f->path, .flags = f->flags,
		 .cred = f->real, .to = &f->at);
	if (!f->err) {
		f->err = stat_permission(&f->at, f->real ? f->real : cred_current(co), f->mode);
		path_put(&f->at);
	}
	if (f->real)
		cred_put(f->real);
	CO_RETURN(f->err);
	CO_END;
}

static long stat_try_access(struct task *t, int dirfd, uptr path, u32 mode, u32 flags)
{
	const struct cred *c = cred_current(&t->co);
	struct path at;
	long err;

	if ((mode & ~7u) || (flags & ~(u32)STAT_ACCESS_FLAGS))
		return -EINVAL;
	if (c->uid != c->fsuid || c->gid != c->fsgid ||
	    (c->uid == cred_root(c) && c->effective != c->permitted))
		return SYS_MUST_WAIT;
	err = stat_try_walk(t, dirfd, path, flags, &at);
	if (err)
		return err;
	err = stat_permission(&at, c, mode);
	path_put(&at);
	return err;
}

static long try_faccessat(struct task *t, int dirfd, uptr path, u32 mode)
{
	return stat_try_access(t, dirfd, path, mode, 0);
}
SYSCALL_TRY(faccessat, int, uptr, u32);

static long try_faccessat2(struct task *t, int dirfd, uptr path, u32 mode, u32 flags)
{
	return stat_try_access(t, dirfd, path, mode, flags);
}
SYSCALL_TRY(faccessat2, int, uptr, u32, u32);

co_t begin_faccessat(struct co *co, const u64 *a);
co_t begin_faccessat(struct co *co, const u64 *a)
{
	return co_begin(co, stat_access, .dirfd = (int)a[0], .path = uptr_of(a[1]),
			.mode = (u32)a[2]);
}
co_t begin_faccessat2(struct co *co, const u64 *a);
co_t begin_faccessat2(struct co *co, const u64 *a)
{
	return co_begin(co, stat_access, .dirfd = (int)a[0], .path = uptr_of(a[1]),
			.mode = (u32)a[2], .flags = (u32)a[3]);
}

/* --- readlink --- */

struct sys_readlinkat {
	struct co_frame co;
	int dirfd;
	uptr path, to;
	int size;
	char *name, *target;
	struct walk walk;
	struct inode *inode;
	const char *found;
	long len, err;
};
static co_t sys_readlinkat(struct co *co, struct sys_readlinkat *f)
{
	CO_BEGIN;
	if (f->size <= 0)
		CO_RETURN(-EINVAL);
	NAME_FROM_USER(f->err, f->name, f->path);
	if (!f->err)
		f->err = walk_start(&f->walk, co, f->dirfd, f->name, WALK_EMPTY);
	if (!f->err)
		WALK(f->err, &f->walk);
	if (f->err)
		goto out;
	f->inode = f->walk.path.dentry->inode;
	f->err = *f->name ? -EINVAL : -ENOENT;
	if (!S_ISLNK(f->inode->mode))
		goto out;
	f->found = f->inode->ops->link_target ? f->inode->ops->link_target(f->inode) : NULL;
	if (f->found) {
		f->len = (long)strlen(f->found);
	} else {
		f->err = -EINVAL;
		if (!f->inode->ops->readlink.step)
			goto out;
		f->target = kmalloc(PATH_MAX);
		f->err = -ENOMEM;
		if (!f->target)
			goto out;
		CO_AWAIT_OP(f->len, f->inode->ops->readlink, .inode = f->inode, .to = f->target,
			    .size = PATH_MAX);
		f->err = f->len;
		if (f->len < 0)
			goto out;
		f->found = f->target;
	}
	f->len = min(f->len, (long)f->size);
	CO_COPY_TO_USER(f->err, f->to, f->found, (size_t)f->len);
	if (!f->err)
		f->err = f->len;
out:
	walk_finish(&f->walk);
	kfree(f->target);
	kfree(f->name);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(readlinkat, dirfd, path, to, size);

/* --- statfs --- */

#define STAT_FLAG_VALID 0x20 /* ST_VALID, Linux include/linux/statfs.h */

static void stat_fill_fs(struct statfs *to, const struct path *at)
{
	struct super *s = at->dentry->inode->super;
	struct statfs_info info = {.block_size = PAGE_SIZE, .name_max = NAME_MAX};

	if (s->ops->statfs)
		s->ops->statfs(s, &info);
	*to = (struct statfs){
		.f_type = (long)info.type, .f_bsize = (long)info.block_size,
		.f_blocks = (long)info.blocks, .f_bfree = (long)info.blocks_free,
		.f_bavail = (long)info.blocks_available, .f_files = (long)info.files,
		.f_ffree = (long)info.files_free, .f_namelen = info.name_max,
		.f_frsize = (long)info.block_size,
		.f_fsid.val = {(int)info.fsid, (int)(info.fsid >> 32)},
		.f_flags = STAT_FLAG_VALID |
			   (long)(at->mount->flags &
				  (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)) |
			   (long)(at->mount->super->synced & (u32)MS_SYNCHRONOUS),
	};
	if (at->mount->flags & MS_NOATIME)
		to->f_flags |= 1024; /* ST_NOATIME, ST_NODIRATIME, ST_RELATIME: same header */
	if (at->mount->flags & MS_NODIRATIME)
		to->f_flags |= 2048;
	if (at->mount->flags & MS_RELATIME)
		to->f_flags |= 4096;
	if (at->mount->flags & MS_NOSYMFOLLOW)
		to->f_flags |= 8192;
	if (s->read_only)
		to->f_flags |= MS_RDONLY;
}

struct sys_statfs {
	struct co_frame co;
	uptr path, to;
	struct path at;
	struct statfs st;
	long err;
};
static co_t sys_statfs(struct co *co, struct sys_statfs *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, stat_walk, .dirfd = AT_FDCWD, .path = f->path, .to = &f->at);
	if (f->err)
		CO_RETURN(f->err);
	stat_fill_fs(&f->st, &f->at);
	path_put(&f->at);
	CO_COPY_TO_USER(f->err, f->to, &f->st, sizeof(f->st));
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(statfs, path, to);

struct sys_fstatfs {
	struct co_frame co;
	int fd;
	uptr to;
	struct file *file;
	struct statfs st;
	long err;
};
static co_t sys_fstatfs(struct co *co, struct sys_fstatfs *f)
{
	CO_BEGIN;
	f->file = fd_get_any(fd_current(co), f->fd);
	if (!f->file)
		CO_RETURN(-EBADF);
	stat_fill_fs(&f->st, &f->file->path);
	file_put(f->file);
	CO_COPY_TO_USER(f->err, f->to, &f->st, sizeof(f->st));
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(fstatfs, fd, to);
