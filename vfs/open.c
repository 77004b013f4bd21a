/* vfs/open.c */
#include "vfs/open.h"

#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/stat.h>

#include "vfs/attr.h"
#include "vfs/entry.h"
#include "vfs/fileattr.h"
#include "vfs/inotify.h"
#include "vfs/lease.h"
#include "vfs/pipe.h"
#include "vfs/protect.h"
#include "vfs/super.h"

#define OPEN_TMPFILE 020000000u	/* __O_TMPFILE */
#define OPEN_PATH_FLAGS (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static const struct file_ops *(*open_devices)(u32 mode, u32 rdev); /* [I] after boot */

void open_set_devices(const struct file_ops *(*lookup)(u32 mode, u32 rdev))
{
	open_devices = lookup;
}

/* --- what may be opened how --- */

static unsigned open_wants(u32 flags)
{
	unsigned want = (flags & O_ACCMODE) == O_RDONLY ? CRED_READ
			: (flags & O_ACCMODE) == O_WRONLY ? CRED_WRITE
							  : CRED_READ | CRED_WRITE;

	return flags & O_TRUNC ? want | CRED_WRITE : want;
}

static long open_check(const struct path *path, u32 flags, const struct cred *cred, bool checked)
{
	struct inode *inode = path->dentry->inode;
	unsigned want = open_wants(flags);
	long err;

	if ((flags & O_DIRECTORY) && !(flags & OPEN_TMPFILE) && !S_ISDIR(inode->mode))
		return -ENOTDIR;
	if (flags & O_PATH)
		return 0;
	if (S_ISLNK(inode->mode))
		return -ELOOP;
	if (S_ISDIR(inode->mode) && ((want & CRED_WRITE) || (flags & O_CREAT)))
		return -EISDIR;
	if (S_ISDIR(inode->mode) && (flags & O_DIRECT))
		return -EINVAL;
	if (S_ISSOCK(inode->mode))
		return -ENXIO;
	if ((S_ISCHR(inode->mode) || S_ISBLK(inode->mode)) &&
	    !mount_may_open_device(path->mount))
		return -EACCES;
	if (!checked) {
		err = inode_permission(inode, cred, want);
		if (err)
			return err;
	}
	if ((want & CRED_WRITE) && S_ISREG(inode->mode)) {
		err = mount_may_write(path->mount);
		if (err)
			return err;
	}
	if (fileattr_append(inode) &&
	    (((want & CRED_WRITE) && !(flags & O_APPEND)) || (flags & O_TRUNC)))
		return -EPERM;
	if ((flags & O_NOATIME) && !cred_owns(cred, inode->uid))
		return -EPERM;
	return 0;
}

static long open_choose_ops(struct file *file)
{
	struct inode *inode = file->inode;

	if ((file->mode & FILE_PATH) || inode->file_ops)
		return 0;
	if (S_ISFIFO(inode->mode))
		file->ops = &pipe_fifo_ops;
	if (S_ISCHR(inode->mode) || S_ISBLK(inode->mode)) {
		file->ops = open_devices ? open_devices(inode->mode, inode->rdev) : NULL;
		if (!file->ops)
			return -ENXIO;
	}
	return 0;
}

/* A file that was not opened after all: its driver does not hear of it. */
static void open_abandon(struct file *file)
{
	static const struct file_ops nothing;

	file->ops = &nothing;
	file_put(file);
}

/* O_TRUNC of what was opened. */
struct open_truncate {
	struct co_frame co;
	struct file *file;
	struct inode_attr attr;
	long err;
};
static co_t open_truncate(struct co *co, struct open_truncate *f)
{
	CO_BEGIN;
	f->attr.valid = ATTR_SIZE;
	CO_AWAIT(f->err, attr_change, .path = &f->file->path, .cred = f->file->cred,
		 .attr = &f->attr, .opened = true);
	CO_RETURN(f->err);
	CO_END;
}

co_t open_path(struct co *co, struct open_path *f)
{
	struct path copy;

	CO_BEGIN;
	f->err = open_check(f->path, f->flags, f->cred, f->checked);
	if (f->err)
		CO_RETURN(f->err);
	copy = *f->path;
	path_get(&copy);
	f->new = file_new(&copy, f->flags, f->cred);
	if (!f->new) {
		path_put(&copy);
		CO_RETURN(-ENOMEM);
	}
	f->err = f->new->mode & FILE_WRITE ? file_claim(f->new, 1) : 0;
	if (f->new->mode == FILE_READ)
		file_claim_reading(f->new);
	/* Again: who makes it read-only sees the claim, or the claim is late and sees that. */
	atomic_fence();
	if (!f->err && f->new->claims && atomic_load(&f->new->inode->super->read_only))
		f->err = -EROFS;
	if (!f->err)
		f->err = open_choose_ops(f->new);
	if (!f->err && f->new->mode != FILE_PATH && lease_possible(f->new->inode))
		CO_AWAIT(f->err, lease_break, .inode = f->new->inode,
			 .write = f->new->mode & FILE_WRITE, .no_wait = f->flags & O_NONBLOCK);
	f->new->flags |= f->flags & O_NOCTTY;	/* only a terminal's open asks */
	if (!f->err && f->new->ops->open.step)
		CO_AWAIT_OP(f->err, f->new->ops->open, .file = f->new);
	f->new->flags &= ~(u32)O_NOCTTY;
	if (f->err) {
		open_abandon(f->new);
		CO_RETURN(f->err);
	}
	if (!(f->new->mode & FILE_PATH)) {
		f->new->opened = true;
		inotify_tell(f->new->path.dentry, IN_OPEN);
	}
	if ((f->flags & O_TRUNC) && !f->checked && S_ISREG(f->new->inode->mode))
		CO_AWAIT(f->err, open_truncate, .file = f->new);
	if (f->err)
		file_put(f->new);
	else
		*f->file = f->new;
	CO_RETURN(f->err);
	CO_END;
}

/* --- openat --- */

/* The walk ended at the last name's directory: make the file there, or find what it is. */
struct open_create {
	struct co_frame co;
	struct open_at *open;
	struct dentry *d;
	struct inode *dir;
	long err;
};

static long open_check_last(const struct walk *w, u32 flags)
{
	if (w->last_kind != WALK_NORMAL)
		return flags & O_EXCL ? -EEXIST : -EISDIR;
	return w->last_slash ? -EISDIR : 0;
}

/* The walk's place becomes d below it, or what is mounted there. */
static long open_descend(struct walk *w, struct dentry *d)
{
	struct path to = {w->path.mount, d};
	bool crossed;

	spin_lock(&dentry_lock);
	crossed = mount_cross_locked(&to);
	mount_get(to.mount);
	dentry_get_locked(to.dentry);
	spin_unlock(&dentry_lock);
	path_put(&w->path);
	w->path = to;
	return crossed && (w->flags & WALK_NO_MOUNTS) ? -EXDEV : 0;
}

/* 0: open.walk.path is it. 1: it is a link; the walk was taken through it. */
static co_t open_create(struct co *co, struct open_create *f)
{
	CO_BEGIN;
	f->err = open_check_last(&f->open->walk, f->open->flags);
	if (f->err)
		CO_RETURN(f->err);
	f->dir = f->open->walk.path.dentry->inode;
	CO_WRITE_LOCK(&f->dir->lock);
	CO_AWAIT(f->err, walk_child, .dir = f->open->walk.path.dentry, .name = f->open->walk.last,
		 .len = f->open->walk.last_len, .found = &f->d);
	if (!f->err && !f->d->inode) {
		CO_AWAIT(f->err, entry_create, .dir = &f->open->walk.path, .d = f->d,
			 .mode = S_IFREG | f->open->mode, .cred = cred_current(co));
		f->open->created = !f->err;
	}
	rwlock_unlock_write(&f->dir->lock);
	if (f->err)
		goto out;
	if (!f->open->created && (f->open->flags & O_EXCL)) {
		f->err = -EEXIST;
	} else if (!f->open->created && S_ISLNK(f->d->inode->mode)) {
		f->err = f->open->flags & O_NOFOLLOW
				 ? -ELOOP
				 : protect_follow(f->dir, f->d->inode, cred_current(co));
		if (!f->err)
			CO_AWAIT(f->err, walk_follow, .walk = &f->open->walk, .link = f->d);
		if (!f->err)
			f->err = 1;
	} else {
		f->err = open_descend(&f->open->walk, f->d);
	}
out:
	dentry_put(f->d);
	CO_RETURN(f->err);
	CO_END;
}

static long open_check_flags(u32 *flags)
{
	if (*flags & O_PATH) {
		*flags &= OPEN_PATH_FLAGS;
		return 0;
	}
	if ((*flags & OPEN_TMPFILE) && (!(*flags & O_DIRECTORY) || !(*flags & O_ACCMODE)))
		return -EINVAL;
	if ((*flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY))
		return -EINVAL;
	return 0;
}

/* O_CREAT, and it was there: may it be what is opened? */
static long open_check_found(const struct path *path, const struct cred *cred)
{
	struct dentry *dir;
	long err;

	if (!protect_get(PROTECT_REGULAR) && !protect_get(PROTECT_FIFOS))
		return 0;
	spin_lock(&dentry_lock);
	dir = path->dentry->parent;
	dentry_get_locked(dir);
	spin_unlock(&dentry_lock);
	err = protect_create(dir->inode, path->dentry->inode, cred);
	dentry_put(dir);
	return err;
}

static unsigned open_walk_flags(u32 flags)
{
	unsigned walk = flags & O_NOFOLLOW ? 0 : WALK_FOLLOW;

	return flags & O_DIRECTORY ? walk | WALK_DIRECTORY : walk;
}

co_t open_at(struct co *co, struct open_at *f)
{
	CO_BEGIN;
	f->err = open_check_flags(&f->flags);
	if (f->err)
		CO_RETURN(f->err);
	f->err = -ENOENT;
	if (!(f->flags & O_CREAT) || !(f->flags & O_EXCL)) {
		f->err = walk_start(&f->walk, co, f->dirfd, f->name,
				    open_walk_flags(f->flags) | f->limits);
		if (!f->err)
			WALK(f->err, &f->walk);
	}
	/* Not there (or a link to nothing): make it, looking again under the directory's lock. */
	if (f->err == -ENOENT && (f->flags & O_CREAT)) {
		walk_finish(&f->walk);
		f->err = walk_start(&f->walk, co, f->dirfd, f->name, WALK_PARENT | f->limits);
		if (!f->err)
			WALK(f->err, &f->walk);
		while (!f->err) {
			CO_AWAIT(f->err, open_create, .open = f);
			if (f->err != 1)
				break;
			f->err = 0;
		}
	}
	if (!f->err && (f->flags & OPEN_TMPFILE)) {
		f->dir = f->walk.path;
		f->walk.path = (struct path){};
		CO_AWAIT(f->err, entry_tmpfile, .dir = &f->dir, .mode = S_IFREG | f->mode,
			 .cred = cred_current(co), .linkable = !(f->flags & O_EXCL),
			 .to = &f->walk.path);
		path_put(&f->dir);
		f->created = true;
	}
	if (!f->err && (f->flags & O_CREAT) && !f->created)
		f->err = open_check_found(&f->walk.path, cred_current(co));
	if (!f->err)
		CO_AWAIT(f->err, open_path, .path = &f->walk.path, .cred = cred_current(co),
			 .checked = f->created, .flags = f->flags, .file = f->file);
	walk_finish(&f->walk);
	CO_RETURN(f->err);
	CO_END;
}

co_t open_kernel(struct co *co, struct open_kernel *f)
{
	struct inode *inode;

	CO_BEGIN;
	f->err = walk_start(&f->walk, co, f->dirfd, f->name, f->walk_flags);
	if (!f->err)
		WALK(f->err, &f->walk);
	if (!f->err && (f->want & CRED_EXEC)) {
		inode = f->walk.path.dentry->inode;
		if (S_ISLNK(inode->mode))
			f->err = -ELOOP;
		else if (!S_ISREG(inode->mode) ||
			 (atomic_load_relaxed(&f->walk.path.mount->flags) & MS_NOEXEC))
			f->err = -EACCES;
		else
			f->err = inode_permission(inode, cred_current(co), f->want);
	}
	/* Execute-only files are opened all the same: the rights were just checked. */
	if (!f->err)
		CO_AWAIT(f->err, open_path, .path = &f->walk.path, .cred = cred_current(co),
			 .checked = f->want & CRED_EXEC, .flags = f->flags, .file = f->file);
	walk_finish(&f->walk);
	CO_RETURN(f->err);
	CO_END;
}
