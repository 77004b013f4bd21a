/* vfs/attr.c -- attributes and their rules. */
#include "vfs/attr.h"

#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/stat.h>

#include "vfs/fileattr.h"
#include "vfs/inotify.h"
#include "vfs/lease.h"
#include "vfs/memfd.h"
#include "vfs/mount.h"
#include "vfs/super.h"
#include "vfs/writeback.h"

#define ATTR_DAY 86400

void attr_stat(struct inode *inode, struct attr_stat *to)
{
	if (inode->ops->refresh)
		inode->ops->refresh(inode);
	spin_lock(&inode->attr_lock);
	*to = (struct attr_stat){
		.ino = inode->ino, .size = inode_size(inode),
		.blocks = atomic_load_relaxed(&inode->blocks),
		.dev = inode->super->dev, .rdev = inode->rdev, .mode = inode->mode,
		.nlink = inode->nlink, .uid = inode->uid, .gid = inode->gid,
		.block_size = inode->super->block_size,
		.atime = inode->atime, .mtime = inode->mtime, .ctime = inode->ctime,
		.btime = inode->btime,
	};
	spin_unlock(&inode->attr_lock);
}

/* --- who may --- */

static long attr_may_chown(const struct inode *inode, const struct cred *cred,
			   const struct inode_attr *attr)
{
	if (cred_capable_of(cred, inode->uid, inode->gid, CAP_CHOWN))
		return 0;
	if ((attr->valid & ATTR_UID) && (cred->fsuid != inode->uid || attr->uid != inode->uid))
		return -EPERM;
	if ((attr->valid & ATTR_GID) &&
	    (cred->fsuid != inode->uid || (attr->gid != inode->gid && !cred_in_group(cred, attr->gid))))
		return -EPERM;
	return 0;
}

static bool attr_may_setid(const struct inode *inode, const struct cred *cred)
{
	return cred_capable_of(cred, inode->uid, inode->gid, CAP_FSETID);
}

/* The set-id bits that do not outlive a change by cred: set-group-id without execution is no
 * program's, and stays for who could set it. */
static u32 attr_dropped(const struct inode *inode, const struct cred *cred)
{
	u32 mode = inode->mode, drop = mode & S_ISUID;

	if ((mode & S_ISGID) && ((mode & S_IXGRP) || !(cred_in_group(cred, inode->gid) ||
						       attr_may_setid(inode, cred))))
		drop |= S_ISGID;
	return drop;
}

/* 0 or the error; adjusts what is asked for as the rules say. */
static long attr_prepare(struct attr_change *f, struct inode *inode)
{
	struct inode_attr *a = f->attr;
	const struct cred *cred = f->cred;
	long err;

	if (!f->opened) {
		err = mount_may_write(f->path->mount);
		if (err)
			return err;
	}
	if (!cred)
		return 0;
	if (f->now ? fileattr_immutable(inode)
		   : fileattr_fixed(inode) && (a->valid & (ATTR_UID | ATTR_GID | ATTR_MODE |
							    ATTR_ATIME | ATTR_MTIME)))
		return -EPERM;
	if (a->valid & ATTR_SIZE) {
		if (S_ISDIR(inode->mode))
			return -EISDIR;
		if (!S_ISREG(inode->mode))
			return -EINVAL;
		if (!f->opened) {
			err = inode_permission(inode, cred, CRED_WRITE);
			if (err)
				return err;
		}
		if (fileattr_append(inode))
			return -EPERM;
	}
	if (a->valid & (ATTR_UID | ATTR_GID)) {
		err = attr_may_chown(inode, cred, a);
		if (err)
			return err;
	}
	if ((a->valid & ATTR_MODE) && !cred_owns(cred, inode->uid))
		return -EPERM;
	if ((a->valid & ATTR_OWNER) && !S_ISDIR(inode->mode) && attr_dropped(inode, cred) &&
	    !cred_owns(cred, inode->uid))
		return -EPERM;
	if ((a->valid & (ATTR_ATIME | ATTR_MTIME)) && !cred_owns(cred, inode->uid)) {
		if (!f->now)
			return -EPERM;
		err = inode_permission(inode, cred, CRED_WRITE);
		if (err)
			return err;
	}
	return 0;
}

/* Linux's rules for set-id bits on chown, chmod and truncation. */
static void attr_fix_mode(struct inode *inode, const struct cred *cred, struct inode_attr *a)
{
	u32 mode = a->valid & ATTR_MODE ? a->mode : inode->mode & 07777;

	if ((a->valid & ATTR_MODE) && cred && !cred_in_group(cred, a->valid & ATTR_GID ? a->gid : inode->gid) &&
	    !attr_may_setid(inode, cred))
		mode &= ~(u32)S_ISGID;
	if (cred && (((a->valid & ATTR_OWNER) && !S_ISDIR(inode->mode)) ||
		     ((a->valid & ATTR_SIZE) && !cred_capable(cred, CAP_FSETID))))
		mode &= ~attr_dropped(inode, cred);
	if ((a->valid & ATTR_MODE) || mode != (inode->mode & 07777)) {
		a->mode = mode;
		a->valid |= ATTR_MODE;
	}
}

/* What a program may beyond its user's rights does not outlive a change of its contents. */
static void attr_drop_caps(struct inode *inode)
{
	if ((atomic_load_relaxed(&inode->flags) & INODE_CAPS) && inode->ops->drop_caps)
		inode->ops->drop_caps(inode);
}

/* What watchers call such a change. */
static u32 attr_events(u32 valid)
{
	u32 events = 0;

	if (valid & (ATTR_MODE | ATTR_UID | ATTR_GID))
		events |= IN_ATTRIB;
	if (valid & ATTR_SIZE)
		events |= IN_MODIFY;
	if ((valid & (ATTR_ATIME | ATTR_MTIME)) == (ATTR_ATIME | ATTR_MTIME))
		events |= IN_ATTRIB;
	else if (valid & ATTR_ATIME)
		events |= IN_ACCESS;
	else if (valid & ATTR_MTIME)
		events |= IN_MODIFY;
	return events;
}

co_t attr_change(struct co *co, struct attr_change *f)
{
	struct inode_time now;
	struct inode *inode;

	CO_BEGIN;
	f->err = attr_prepare(f, f->path->dentry->inode);
	if (f->err)
		CO_RETURN(f->err);
	inode = f->path->dentry->inode;
	if (!inode->ops->setattr.step && inode->super != super_loose())
		CO_RETURN(-EPERM);
	if ((f->attr->valid & ATTR_SIZE) && !f->opened && lease_possible(inode)) {
		CO_AWAIT(f->err, lease_break, .inode = inode, .write = true);
		if (f->err)
			CO_RETURN(f->err);
	}
	CO_WRITE_LOCK(&f->path->dentry->inode->lock);
	inode = f->path->dentry->inode;
	attr_fix_mode(inode, f->cred, f->attr);
	now = inode_now();
	f->attr->ctime = now;
	f->attr->valid |= ATTR_CTIME;
	if (f->now)
		f->attr->atime = f->attr->mtime = now;
	if (f->attr->valid & ATTR_SIZE) {
		f->attr->mtime = now;
		f->attr->valid |= ATTR_MTIME;
	}
	f->err = memfd_may_change(inode, f->attr);
	if (f->err)
		goto out;
	if (inode->ops->setattr.step)
		CO_AWAIT_OP(f->err, inode->ops->setattr, .inode = inode, .attr = f->attr);
	else
		inode_apply(inode, f->attr);
	if (!f->err && (f->attr->valid & (ATTR_OWNER | ATTR_SIZE)))
		attr_drop_caps(f->path->dentry->inode);
out:
	rwlock_unlock_write(&f->path->dentry->inode->lock);
	if (!f->err)
		inotify_tell(f->path->dentry, attr_events(f->attr->valid));
	CO_RETURN(f->err);
	CO_END;
}

/* --- what reading and writing leave behind --- */

void attr_written(struct inode *inode, const struct cred *cred)
{
	u32 mode = atomic_load_relaxed(&inode->mode);
	struct inode_time now = inode_now();
	struct inode_attr attr = {.valid = ATTR_MTIME | ATTR_CTIME, .mtime = now, .ctime = now};

	if ((mode & (S_ISUID | S_ISGID)) && !cred_capable(cred, CAP_FSETID)) {
		attr.valid |= ATTR_MODE;
		attr.mode = mode & ~attr_dropped(inode, cred);
	}
	inode_apply(inode, &attr);
	attr_drop_caps(inode);
}

static bool attr_older(const struct inode_time *a, const struct inode_time *b)
{
	return a->sec < b->sec || (a->sec == b->sec && a->nsec <= b->nsec);
}

void attr_accessed(struct file *file)
{
	struct inode *inode = file->inode;
	u32 flags = atomic_load_relaxed(&file->path.mount->flags);
	struct inode_time now;
	bool stale;

	if ((atomic_load_relaxed(&file->flags) & O_NOATIME) || (flags & MS_NOATIME) ||
	    (atomic_load_relaxed(&inode->flags) & INODE_NOATIME) ||
	    mount_may_write(file->path.mount))
		return;
	if ((flags & MS_NODIRATIME) && S_ISDIR(inode->mode))
		return;
	now = inode_now();
	spin_lock(&inode->attr_lock);
	stale = !(flags & MS_RELATIME) || attr_older(&inode->atime, &inode->mtime) ||
		attr_older(&inode->atime, &inode->ctime) ||
		now.sec - inode->atime.sec >= ATTR_DAY;
	if (stale)
		inode->atime = inode_time_fit(inode->super, now);
	spin_unlock(&inode->attr_lock);
	if (stale)
		writeback_note(inode, INODE_DIRTY_ATTRS);
}
