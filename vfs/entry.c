/* vfs/entry.c -- making, linking and removing directory entries. */
#include "vfs/entry.h"

#include <linux/fs.h>
#include <linux/stat.h>

#include "core/base/string.h"
#include "mem/phys/slab.h"
#include "vfs/acl.h"
#include "vfs/fileattr.h"
#include "vfs/fs_context.h"
#include "vfs/inotify.h"
#include "vfs/protect.h"
#include "vfs/super.h"
#include "vfs/mount_ns.h"

int entry_may_create(const struct path *dir, const struct cred *cred)
{
	struct inode *inode = dir->dentry->inode;
	int err = mount_may_write(dir->mount);

	if (atomic_load(&inode->flags) & INODE_DEAD)
		return -ENOENT;
	return err ? err : inode_permission(inode, cred, CRED_WRITE | CRED_EXEC);
}

int entry_may_delete(const struct path *dir, const struct dentry *d, bool directory,
		     const struct cred *cred)
{
	struct inode *inode = dir->dentry->inode;
	int err;

	if (!d->inode)
		return -ENOENT;
	err = entry_may_create(dir, cred);
	if (err)
		return err;
	if (fileattr_append(inode) || fileattr_fixed(d->inode) ||
	    !cred_may_delete(cred, inode->mode, inode->uid, d->inode->uid, d->inode->gid))
		return -EPERM;
	if (directory && !S_ISDIR(d->inode->mode))
		return -ENOTDIR;
	if (!directory && S_ISDIR(d->inode->mode))
		return -EISDIR;
	return 0;
}

/* The directory of a walk that ended with WALK_PARENT. */
static struct inode *entry_dir(const struct walk *w)
{
	return w->path.dentry->inode;
}

/* --- making --- */

/* The new one's group and mode, as a set-gid directory has it. */
static void entry_owner(const struct inode *dir, const struct cred *cred, u32 *mode, u32 *gid)
{
	*gid = cred->fsgid;
	if (!(dir->mode & S_ISGID))
		return;
	*gid = dir->gid;
	if (S_ISDIR(*mode))
		*mode |= S_ISGID;
	else if ((*mode & S_IXGRP) && !cred_in_group(cred, dir->gid) &&
		 !cred_capable_of(cred, dir->uid, dir->gid, CAP_FSETID))
		*mode &= ~(u32)S_ISGID;	/* a program of a group one is not in */
}

/* Does the file system's namespace know whose the new one would be? */
static bool entry_has_owner(const struct path *dir, const struct cred *cred)
{
	return user_ns_has_both(dir->dentry->inode->super->users, cred->fsuid, cred->fsgid);
}

static long entry_check_create(const struct entry_create *f)
{
	long err = entry_may_create(f->dir, f->cred);

	if (err)
		return err;
	if (!f->dir->dentry->inode->ops->create.step)
		return -EPERM;
	if (!entry_has_owner(f->dir, f->cred))
		return -EOVERFLOW;
	/* Devices are root's to make; a whiteout is not a device. */
	if ((S_ISBLK(f->mode) || (S_ISCHR(f->mode) && f->rdev)) &&
	    !cred_capable(f->cred, CAP_MKNOD))
		return -EPERM;
	return 0;
}

co_t entry_create(struct co *co, struct entry_create *f)
{
	u32 gid;

	CO_BEGIN;
	f->err = entry_check_create(f);
	if (f->err)
		CO_RETURN(f->err);
	if (S_ISLNK(f->mode))
		f->mode = S_IFLNK | 0777;
	entry_owner(f->dir->dentry->inode, f->cred, &f->mode, &gid);
	f->err = acl_inherit(f->dir->dentry->inode, atomic_load_relaxed(&fs_current(co)->umask),
			     &f->mode, &f->acl, &f->default_acl);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT_OP(f->err, f->dir->dentry->inode->ops->create, .dir = f->dir->dentry->inode,
		    .name = f->d->name, .len = f->d->len, .mode = f->mode,
		    .uid = f->cred->fsuid, .gid = gid, .rdev = f->rdev, .target = f->target,
		    .acl = f->acl, .default_acl = f->default_acl, .made = &f->made);
	acl_put(f->acl);
	acl_put(f->default_acl);
	if (!f->err) {
		dentry_fill(f->d, f->made);
		inotify_tell_entry(f->dir->dentry->inode, f->d->name, f->d->len,
				   S_ISDIR(f->mode), IN_CREATE);
	}
	CO_RETURN(f->err);
	CO_END;
}

static long entry_place_tmpfile(const struct entry_tmpfile *f)
{
	char name[24];
	struct dentry *d;

	if (f->linkable)
		atomic_or(&f->made->flags, (u32)INODE_LINKABLE);
	format(name, sizeof(name), "#%lu", (unsigned long)f->made->ino);
	d = dentry_new_hidden(f->dir->dentry, f->made, name);
	if (!d)
		return -ENOMEM;
	mount_get(f->dir->mount);
	*f->to = (struct path){f->dir->mount, d};
	return 0;
}

co_t entry_tmpfile(struct co *co, struct entry_tmpfile *f)
{
	u32 gid;

	CO_BEGIN;
	f->err = entry_may_create(f->dir, f->cred);
	if (!f->err && !f->dir->dentry->inode->ops->tmpfile.step)
		f->err = -EOPNOTSUPP;
	if (!f->err && !entry_has_owner(f->dir, f->cred))
		f->err = -EOVERFLOW;
	if (f->err)
		CO_RETURN(f->err);
	entry_owner(f->dir->dentry->inode, f->cred, &f->mode, &gid);
	f->err = acl_inherit(f->dir->dentry->inode, atomic_load_relaxed(&fs_current(co)->umask),
			     &f->mode, &f->acl, &f->default_acl);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT_OP(f->err, f->dir->dentry->inode->ops->tmpfile, .dir = f->dir->dentry->inode,
		    .mode = f->mode, .uid = f->cred->fsuid, .gid = gid, .acl = f->acl,
		    .made = &f->made);
	acl_put(f->acl);
	acl_put(f->default_acl);
	CO_RETURN(f->err ? f->err : entry_place_tmpfile(f));
	CO_END;
}

/* What the last name of a walk may be when something is to be made there. */
static int entry_check_new(const struct walk *w, bool directory)
{
	if (w->last_kind != WALK_NORMAL)
		return -EEXIST;
	return 0;
}

co_t entry_make(struct co *co, struct entry_make *f)
{
	CO_BEGIN;
	f->err = walk_start(&f->walk, co, f->dirfd, f->name, WALK_PARENT);
	if (!f->err)
		WALK(f->err, &f->walk);
	if (!f->err)
		f->err = entry_check_new(&f->walk, S_ISDIR(f->mode));
	if (f->err)
		goto out;
	CO_WRITE_LOCK(&entry_dir(&f->walk)->lock);
	f->locked = true;
	CO_AWAIT(f->err, walk_child, .dir = f->walk.path.dentry, .name = f->walk.last,
		 .len = f->walk.last_len, .found = &f->d);
	if (f->err)
		goto out;
	if (f->d->inode)
		f->err = -EEXIST;
	else if (f->walk.last_slash && !S_ISDIR(f->mode))
		f->err = -ENOENT;
	else
		CO_AWAIT(f->err, entry_create, .dir = &f->walk.path, .d = f->d, .mode = f->mode,
			 .rdev = f->rdev, .target = f->target, .cred = cred_current(co));
	if (!f->err && f->place) {
		*f->place = (struct path){f->walk.path.mount, f->d};
		path_get(f->place);
	}
out:
	if (f->locked)
		rwlock_unlock_write(&entry_dir(&f->walk)->lock);
	dentry_put(f->d);
	walk_finish(&f->walk);
	CO_RETURN(f->err);
	CO_END;
}

/* --- linking --- */

static int entry_check_link(const struct entry_link *f, const struct cred *cred)
{
	struct inode *inode = f->from->dentry->inode;
	int err;

	if (S_ISDIR(inode->mode))
		return -EPERM;
	if (inode->super != entry_dir(&f->walk)->super || f->from->mount != f->walk.path.mount)
		return -EXDEV;
	if (fileattr_fixed(inode))
		return -EPERM;
	if (!inode->nlink && !(atomic_load(&inode->flags) & INODE_LINKABLE))
		return -ENOENT;
	err = protect_link(inode, cred);
	if (err)
		return err;
	if (!entry_dir(&f->walk)->ops->link.step)
		return -EPERM;
	return entry_may_create(&f->walk.path, cred);
}

co_t entry_link(struct co *co, struct entry_link *f)
{
	CO_BEGIN;
	f->err = walk_start(&f->walk, co, f->dirfd, f->name, WALK_PARENT);
	if (!f->err)
		WALK(f->err, &f->walk);
	if (!f->err)
		f->err = entry_check_new(&f->walk, false);
	if (f->err)
		goto out;
	CO_AWAIT(f->err, inode_lock_two, .a = entry_dir(&f->walk),
		 .b = S_ISDIR(f->from->dentry->inode->mode) ? NULL : f->from->dentry->inode);
	f->locked = true;
	CO_AWAIT(f->err, walk_child, .dir = f->walk.path.dentry, .name = f->walk.last,
		 .len = f->walk.last_len, .found = &f->d);
	if (f->err)
		goto out;
	if (f->d->inode)
		f->err = -EEXIST;
	else if (f->walk.last_slash)
		f->err = -ENOENT;
	else
		f->err = entry_check_link(f, cred_current(co));
	if (f->err)
		goto out;
	CO_AWAIT_OP(f->err, entry_dir(&f->walk)->ops->link, .dir = entry_dir(&f->walk),
		    .name = f->d->name, .len = f->d->len, .inode = f->from->dentry->inode);
	if (!f->err) {
		atomic_and(&f->from->dentry->inode->flags, ~(u32)INODE_LINKABLE);
		inode_get(f->from->dentry->inode);
		dentry_fill(f->d, f->from->dentry->inode);
		inotify_tell_inode(f->from->dentry->inode, IN_ATTRIB);
		inotify_tell_entry(entry_dir(&f->walk), f->d->name, f->d->len, false, IN_CREATE);
	}
out:
	if (f->locked)
		inode_unlock_two(entry_dir(&f->walk), S_ISDIR(f->from->dentry->inode->mode)
							       ? NULL
							       : f->from->dentry->inode);
	dentry_put(f->d);
	walk_finish(&f->walk);
	CO_RETURN(f->err);
	CO_END;
}

/* --- removing --- */

static int entry_check_remove(const struct entry_remove *f)
{
	if (f->walk.last_kind == WALK_NORMAL)
		return 0;
	if (!f->directory)
		return -EISDIR;
	return f->walk.last_kind == WALK_DOT      ? -EINVAL
	       : f->walk.last_kind == WALK_DOTDOT ? -ENOTEMPTY
						  : -EBUSY;
}

/* With the directory locked and f->d found: may it go? */
static int entry_check_victim(const struct entry_remove *f, const struct cred *cred)
{
	int err;

	if (f->d->inode && f->walk.last_slash && !f->directory)
		return S_ISDIR(f->d->inode->mode) ? -EISDIR : -ENOTDIR;
	err = entry_may_delete(&f->walk.path, f->d, f->directory, cred);
	if (err)
		return err;
	if (mount_ns_is_point(f->d))
		return -EBUSY;
	return entry_dir(&f->walk)->ops->unlink.step ? 0 : -EPERM;
}

co_t entry_remove(struct co *co, struct entry_remove *f)
{
	CO_BEGIN;
	f->err = walk_start(&f->walk, co, f->dirfd, f->name, WALK_PARENT);
	if (!f->err)
		WALK(f->err, &f->walk);
	if (!f->err)
		f->err = entry_check_remove(f);
	if (f->err)
		goto out;
	CO_WRITE_LOCK(&entry_dir(&f->walk)->lock);
	f->locked = true;
	CO_AWAIT(f->err, walk_child, .dir = f->walk.path.dentry, .name = f->walk.last,
		 .len = f->walk.last_len, .found = &f->d);
	if (f->err)
		goto out;
	f->err = entry_check_victim(f, cred_current(co));
	if (f->err)
		goto out;
	f->victim = f->d->inode;
	inode_get(f->victim);
	CO_WRITE_LOCK_NEXT(&f->victim->lock);
	f->victim_locked = true;
	CO_AWAIT_OP(f->err, entry_dir(&f->walk)->ops->unlink, .dir = entry_dir(&f->walk),
		    .name = f->d->name, .len = f->d->len, .inode = f->victim);
	if (f->err)
		goto out;
	if (f->directory) {
		atomic_or(&f->victim->flags, (u32)INODE_DEAD);
		dentry_drop_children(f->d);
	}
	dentry_drop(f->d);
	mount_ns_point_gone(f->d);
out:
	if (f->victim_locked)
		rwlock_unlock_write(&f->victim->lock);
	if (f->locked)
		rwlock_unlock_write(&entry_dir(&f->walk)->lock);
	dentry_put(f->d);
	if (!f->err && !f->directory)
		inotify_tell_inode(f->victim, IN_ATTRIB);
	/* Awaited: the space is free when the call returns. */
	CO_AWAIT(f->ignored, inode_put_wait, .inode = f->victim);
	if (!f->err)
		inotify_tell_entry(entry_dir(&f->walk), f->walk.last, f->walk.last_len,
				   f->directory, IN_DELETE);
	walk_finish(&f->walk);
	CO_RETURN(f->err);
	CO_END;
}
