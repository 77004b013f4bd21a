/* syscalls/inotify.c */
#include "vfs/inotify.h"

#include "core/proc/process.h"
#include "syscalls/name.h"
#include "vfs/fd.h"

#define INOTIFY_KNOWN                                                                      \
	(IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ONLYDIR |            \
	 IN_DONT_FOLLOW | IN_EXCL_UNLINK | IN_MASK_CREATE | IN_MASK_ADD | IN_ISDIR |       \
	 IN_ONESHOT)

static long sys_inotify_init1(struct task *t, u32 flags)
{
	struct file *file;
	long fd;

	if (flags & ~(u32)(IN_CLOEXEC | IN_NONBLOCK))
		return -EINVAL;
	fd = inotify_make(flags, t->cred, &file);
	if (fd)
		return fd;
	fd = fd_add(t->fds, file, 0, rlimit_get(process_of(&t->co), RLIMIT_NOFILE),
		    flags & IN_CLOEXEC);
	if (fd < 0)
		file_put(file);
	return fd;
}
SYSCALL_PLAIN(inotify_init1, u32);

struct sys_inotify_add_watch {
	struct co_frame co;
	int fd;
	uptr path;
	u32 mask;
	struct file *file;
	char *name;
	struct walk walk;
	long err;
};

static long inotify_check(const struct file *file, u32 mask)
{
	if (!inotify_is(file) || ((mask & IN_MASK_ADD) && (mask & IN_MASK_CREATE)))
		return -EINVAL;
	return 0;
}

/* The walk has ended: watch what it found. */
static long inotify_add_walked(struct co *co, struct sys_inotify_add_watch *f)
{
	struct inode *inode = f->walk.path.dentry->inode;
	long err = inode_permission(inode, cred_current(co), CRED_READ);

	return err ? err : inotify_add(f->file, inode, f->mask);
}

static co_t sys_inotify_add_watch(struct co *co, struct sys_inotify_add_watch *f)
{
	CO_BEGIN;
	if (!(f->mask & INOTIFY_KNOWN) || (f->mask & ~(u32)INOTIFY_KNOWN))
		CO_RETURN(-EINVAL);
	f->file = fd_get(fd_current(co), f->fd);
	if (!f->file)
		CO_RETURN(-EBADF);
	f->err = inotify_check(f->file, f->mask);
	if (f->err)
		goto out;
	NAME_FROM_USER(f->err, f->name, f->path);
	if (f->err)
		goto out;
	f->err = walk_start(&f->walk, co, AT_FDCWD, f->name,
			    (f->mask & IN_DONT_FOLLOW ? 0u : WALK_FOLLOW) |
				    (f->mask & IN_ONLYDIR ? WALK_DIRECTORY : 0u));
	if (!f->err)
		WALK(f->err, &f->walk);
	if (!f->err)
		f->err = inotify_add_walked(co, f);
	walk_finish(&f->walk);
out:
	kfree(f->name);
	file_put(f->file);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(inotify_add_watch, fd, path, mask);

static long sys_inotify_rm_watch(struct task *t, int fd, int wd)
{
	struct file *file = fd_get(t->fds, fd);
	long err;

	if (!file)
		return -EBADF;
	err = inotify_is(file) ? inotify_remove(file, wd) : -EINVAL;
	file_put(file);
	return err;
}
SYSCALL_PLAIN(inotify_rm_watch, int, int);
