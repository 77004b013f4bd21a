/* syscalls/mount_fd.c -- mounts by descriptor: open_tree, move_mount, mount_setattr. */
#include <linux/fs.h>
#include <linux/mount.h>

#include "core/proc/process.h"
#include "syscalls/mount.h"
#include "syscalls/open.h"
#include "vfs/fd.h"
#include "vfs/open.h"

long mount_give(struct co *co, struct file *file, bool cloexec)
{
	long fd = fd_add(fd_current(co), file, 0, rlimit_get(process_of(co), RLIMIT_NOFILE),
			 cloexec);

	if (fd < 0)
		file_put(file);
	return fd;
}

/* --- open_tree --- */

#define TREE_FLAGS                                                                          \
	(AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW |             \
	 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)

long mount_open_tree(struct mount *m, const struct cred *cred, struct file **file)
{
	struct path path = {m, m->root};

	dentry_get(path.dentry);
	*file = file_new(&path, O_PATH, cred);
	if (!*file) {
		mount_dissolve(m);
		path_put(&path);
		return -ENOMEM;
	}
	(*file)->mode |= FILE_TREE;
	return 0;
}

struct sys_open_tree {
	struct co_frame co;
	int dirfd;
	uptr path;
	u32 flags;
	struct path at;
	struct mount *copy;
	struct file *file;
	long err;
};
static co_t sys_open_tree(struct co *co, struct sys_open_tree *f)
{
	CO_BEGIN;
	if ((f->flags & ~(u32)TREE_FLAGS) ||
	    (f->flags & (AT_RECURSIVE | OPEN_TREE_CLONE)) == AT_RECURSIVE)
		CO_RETURN(-EINVAL);
	if ((f->flags & OPEN_TREE_CLONE) && !mount_may_change())
		CO_RETURN(-EPERM);
	CO_AWAIT(f->err, mount_walk, .dirfd = f->dirfd, .path = f->path, .to = &f->at,
		 .how = (f->flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) |
			(f->flags & AT_EMPTY_PATH ? WALK_EMPTY : 0));
	if (f->err)
		CO_RETURN(f->err);
	if (f->flags & OPEN_TREE_CLONE)
		f->err = mount_clone(&f->at, f->flags & AT_RECURSIVE, &f->copy);
	else
		CO_AWAIT(f->err, open_path, .path = &f->at, .cred = cred_current(co),
			 .flags = O_PATH, .file = &f->file);
	path_put(&f->at);
	if (f->copy)
		f->err = mount_open_tree(f->copy, cred_current(co), &f->file);
	CO_RETURN(f->err ? f->err
			 : mount_give(co, f->file, f->flags & OPEN_TREE_CLOEXEC));
	CO_END;
}
SYSCALL_CO(open_tree, dirfd, path, flags);

/* --- move_mount --- */

struct sys_move_mount {
	struct co_frame co;
	int from_fd;
	uptr from_path;
	int to_fd;
	uptr to_path;
	u32 flags;
	struct path from, to;
	long err;
};
static co_t sys_move_mount(struct co *co, struct sys_move_mount *f)
{
	CO_BEGIN;
	if (!mount_may_change())
		CO_RETURN(-EPERM);
	/* Nothing is put below what is there. */
	if (f->flags & ~(u32)(MOVE_MOUNT__MASK & ~MOVE_MOUNT_BENEATH))
		CO_RETURN(-EINVAL);
	CO_AWAIT(f->err, mount_walk, .dirfd = f->from_fd, .path = f->from_path, .to = &f->from,
		 .how = (f->flags & MOVE_MOUNT_F_SYMLINKS ? WALK_FOLLOW : 0) |
			(f->flags & MOVE_MOUNT_F_EMPTY_PATH ? WALK_EMPTY : 0));
	if (!f->err)
		CO_AWAIT(f->err, mount_walk, .dirfd = f->to_fd, .path = f->to_path, .to = &f->to,
			 .how = (f->flags & MOVE_MOUNT_T_SYMLINKS ? WALK_FOLLOW : 0) |
				(f->flags & MOVE_MOUNT_T_EMPTY_PATH ? WALK_EMPTY : 0));
	if (!f->err && (f->flags & MOVE_MOUNT_SET_GROUP))
		f->err = mount_join(&f->from, &f->to);
	else if (!f->err)
		f->err = mount_move(&f->from, &f->to);
	path_put(&f->from);
	path_put(&f->to);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(move_mount, from_fd, from_path, to_fd, to_path, flags);

/* --- mount_setattr --- */

#define ATTR_FLAGS (AT_EMPTY_PATH | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT)
#define ATTR_VALID                                                                          \
	(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |     \
	 MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME | MOUNT_ATTR_NOSYMFOLLOW)

#define ATTR_SHARE (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)

/* But for when access times change, which is one of three. */
static u32 mount_fd_flags(u64 attr)
{
	return (attr & MOUNT_ATTR_RDONLY ? MS_RDONLY : 0) |
	       (attr & MOUNT_ATTR_NOSUID ? MS_NOSUID : 0) |
	       (attr & MOUNT_ATTR_NODEV ? MS_NODEV : 0) |
	       (attr & MOUNT_ATTR_NOEXEC ? MS_NOEXEC : 0) |
	       (attr & MOUNT_ATTR_NODIRATIME ? MS_NODIRATIME : 0) |
	       (attr & MOUNT_ATTR_NOSYMFOLLOW ? MS_NOSYMFOLLOW : 0);
}

/* What of them is set for MOUNT_ATTR__ATIME's value; -EINVAL: it has none of that kind. */
static long mount_fd_atime(u64 attr)
{
	switch (attr & MOUNT_ATTR__ATIME) {
	case MOUNT_ATTR_RELATIME:
		return MS_RELATIME;
	case MOUNT_ATTR_NOATIME:
		return MS_NOATIME;
	case MOUNT_ATTR_STRICTATIME:
		return 0;
	default:
		return -EINVAL;
	}
}

long mount_attr_flags(u64 attr, u32 *flags)
{
	long times = mount_fd_atime(attr);

	if (attr & ~(u64)ATTR_VALID)
		return -EINVAL;
	/* Without a word it would be relatime; strictatime has to be said. */
	*flags = mount_fd_flags(attr) | (times ? 0 : MS_STRICTATIME) | (times > 0 ? (u32)times : 0);
	return times < 0 ? times : 0;
}

/* MS_* to set and to clear; 0 or -EINVAL. */
static long mount_fd_attr(const struct mount_attr *a, u32 *set, u32 *clear)
{
	u64 atime = a->attr_clr & MOUNT_ATTR__ATIME;
	long times = mount_fd_atime(a->attr_set);

	if ((a->propagation & ~(u64)ATTR_SHARE) || (a->propagation & (a->propagation - 1)) ||
	    ((a->attr_set | a->attr_clr) & ~(u64)ATTR_VALID))
		return -EINVAL;
	*set = mount_fd_flags(a->attr_set);
	*clear = mount_fd_flags(a->attr_clr);
	if (!atime)
		return a->attr_set & MOUNT_ATTR__ATIME ? -EINVAL : 0;
	if (atime != MOUNT_ATTR__ATIME || times < 0)
		return -EINVAL;
	*clear |= MS_RELATIME | MS_NOATIME | MS_STRICTATIME;
	*set |= (u32)times;
	return 0;
}

struct sys_mount_setattr {
	struct co_frame co;
	int dirfd;
	uptr path;
	u32 flags;
	uptr from;
	size_t size;
	struct mount_attr attr;
	u32 set, clear;
	struct path at;
	long err;
};
static co_t sys_mount_setattr(struct co *co, struct sys_mount_setattr *f)
{
	CO_BEGIN;
	if (f->flags & ~(u32)ATTR_FLAGS)
		CO_RETURN(-EINVAL);
	if (f->size > PAGE_SIZE)
		CO_RETURN(-E2BIG);
	if (f->size < MOUNT_ATTR_SIZE_VER0)
		CO_RETURN(-EINVAL);
	if (!mount_may_change())
		CO_RETURN(-EPERM);
	CO_AWAIT(f->err, open_check_rest, .from = uptr_add(f->from, sizeof(f->attr)),
		 .n = f->size - sizeof(f->attr));
	if (!f->err)
		CO_COPY_FROM_USER(f->err, &f->attr, f->from, sizeof(f->attr));
	if (f->err || (!f->attr.attr_set && !f->attr.attr_clr && !f->attr.propagation))
		CO_RETURN(f->err);
	f->err = mount_fd_attr(&f->attr, &f->set, &f->clear);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, mount_walk, .dirfd = f->dirfd, .path = f->path, .to = &f->at,
		 .how = (f->flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) |
			(f->flags & AT_EMPTY_PATH ? WALK_EMPTY : 0));
	if (f->err)
		CO_RETURN(f->err);
	f->err = mount_set_attr(&f->at, f->set, f->clear, (u32)f->attr.propagation,
				f->flags & AT_RECURSIVE);
	path_put(&f->at);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(mount_setattr, dirfd, path, flags, from, size);
