/* vfs/rename.c -- the one change that concerns two directories.
 *
 * Order of locks: the file system's rename mutex if the directories differ (so that the tree
 * stands still while ancestry is looked at), both directories, one above the other first, then
 * the inode that is replaced. With the mutex held nobody else locks two directories without
 * such a relation, so there is no circle.
 */
#include <linux/fs.h>
#include <linux/stat.h>

#include "mem/phys/slab.h"
#include "vfs/entry.h"
#include "vfs/inotify.h"
#include "vfs/super.h"
#include "vfs/mount_ns.h"

enum { LOCKED_MUTEX = 1, LOCKED_DIRS = 2, LOCKED_VICTIM = 4 };

static struct inode *rename_old_dir(const struct entry_rename *f)
{
	return f->old->path.dentry->inode;
}

static struct inode *rename_new_dir(const struct entry_rename *f)
{
	return f->new->path.dentry->inode;
}

/* After both walks, before anything is locked. */
static int rename_check_walks(const struct entry_rename *f)
{
	if (f->old->path.mount != f->new->path.mount)
		return -EXDEV;
	if (f->old->last_kind != WALK_NORMAL)
		return -EBUSY;
	if (f->new->last_kind != WALK_NORMAL)
		return f->flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	return 0;
}

static int rename_check_slashes(const struct entry_rename *f)
{
	bool from_dir = S_ISDIR(f->from->inode->mode);
	bool to_dir = f->to->inode && S_ISDIR(f->to->inode->mode);

	if (f->old->last_slash && !from_dir)
		return -ENOTDIR;
	if (f->new->last_slash && !(f->flags & RENAME_EXCHANGE ? to_dir : from_dir))
		return -ENOTDIR;
	return 0;
}

/* Both names are known and everything is locked. 0, an error, or 1: nothing to do. */
static int rename_check(const struct entry_rename *f, const struct cred *cred)
{
	bool exchange = f->flags & RENAME_EXCHANGE, from_dir;
	int err;

	if (!f->from->inode)
		return -ENOENT;
	if ((f->flags & RENAME_NOREPLACE) && f->to->inode)
		return -EEXIST;
	if (exchange && !f->to->inode)
		return -ENOENT;
	err = rename_check_slashes(f);
	if (err)
		return err;
	/* A directory must not move below itself, nor replace one above it. */
	if (dentry_is_below(f->new->path.dentry, f->from))
		return -EINVAL;
	if (dentry_is_below(f->old->path.dentry, f->to))
		return exchange ? -EINVAL : -ENOTEMPTY;
	if (f->from->inode == f->to->inode)
		return 1;
	from_dir = S_ISDIR(f->from->inode->mode);
	err = entry_may_delete(&f->old->path, f->from, from_dir, cred);
	if (err)
		return err;
	if (f->to->inode)
		err = entry_may_delete(&f->new->path, f->to,
				       exchange ? S_ISDIR(f->to->inode->mode) : from_dir, cred);
	else
		err = entry_may_create(&f->new->path, cred);
	if (err)
		return err;
	/* Its ".." changes. */
	if (from_dir && rename_old_dir(f) != rename_new_dir(f)) {
		err = inode_permission(f->from->inode, cred, CRED_WRITE);
		if (err)
			return err;
	}
	if (mount_ns_is_point(f->from) || mount_ns_is_point(f->to))
		return -EBUSY;
	return rename_old_dir(f)->ops->rename.step ? 0 : -EPERM;
}

/* The names, looked up under the locks. */
struct rename_find {
	struct co_frame co;
	struct entry_rename *r;
	long err;
};
static co_t rename_find(struct co *co, struct rename_find *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, walk_child, .dir = f->r->old->path.dentry, .name = f->r->old->last,
		 .len = f->r->old->last_len, .found = &f->r->from);
	if (!f->err)
		CO_AWAIT(f->err, walk_child, .dir = f->r->new->path.dentry,
			 .name = f->r->new->last, .len = f->r->new->last_len,
			 .found = &f->r->to);
	CO_RETURN(f->err);
	CO_END;
}

/* To those who watch. */
static void rename_tell(const struct entry_rename *r)
{
	const struct walk *old = r->old, *new = r->new;
	struct inode *from = r->from->inode, *to = r->to->inode;

	inotify_tell_move(rename_old_dir(r), old->last, old->last_len, rename_new_dir(r), new->last,
			  new->last_len, S_ISDIR(from->mode));
	if (to && !(r->flags & RENAME_EXCHANGE))
		inotify_tell_inode(to, IN_ATTRIB);
	inotify_tell_inode(from, IN_MOVE_SELF);
	if (!(r->flags & RENAME_EXCHANGE))
		return;
	inotify_tell_move(rename_new_dir(r), new->last, new->last_len, rename_old_dir(r), old->last,
			  old->last_len, S_ISDIR(to->mode));
	inotify_tell_inode(to, IN_MOVE_SELF);
}

/* Everything is checked and locked: do it, here and in the name cache. */
struct rename_do {
	struct co_frame co;
	struct entry_rename *r;
	long err;
};
static co_t rename_do(struct co *co, struct rename_do *f)
{
	CO_BEGIN;
	CO_AWAIT_OP(f->err, rename_old_dir(f->r)->ops->rename, .old_dir = rename_old_dir(f->r),
		    .new_dir = rename_new_dir(f->r), .old_name = f->r->from->name,
		    .old_len = f->r->from->len, .new_name = f->r->to->name,
		    .new_len = f->r->to->len, .inode = f->r->from->inode,
		    .target = f->r->to->inode, .flags = f->r->flags);
	if (f->err)
		CO_RETURN(f->err);
	rename_tell(f->r);
	if (f->r->flags & RENAME_EXCHANGE) {
		if (dentry_exchange(f->r->from, f->r->to)) {
			/* No memory for the names: forget both, they will be looked up. */
			dentry_drop(f->r->from);
			dentry_drop(f->r->to);
		}
		CO_RETURN(0);
	}
	if (f->r->to->inode && S_ISDIR(f->r->to->inode->mode)) {
		atomic_or(&f->r->to->inode->flags, (u32)INODE_DEAD);
		dentry_drop_children(f->r->to);
	}
	if (dentry_move(f->r->from, f->r->to)) {
		dentry_drop(f->r->from);
		dentry_drop(f->r->to);
	}
	mount_ns_point_gone(f->r->to);
	CO_RETURN(0);
	CO_END;
}

static void rename_unlock(struct entry_rename *f)
{
	if (f->locked & LOCKED_VICTIM)
		rwlock_unlock_write(&f->victim->lock);
	if (f->locked & LOCKED_DIRS)
		inode_unlock_two(rename_old_dir(f), rename_new_dir(f));
	if (f->locked & LOCKED_MUTEX)
		mutex_unlock(&rename_old_dir(f)->super->rename_mutex);
	f->locked = 0;
}

static int rename_start(struct entry_rename *f, struct co *co)
{
	if (f->flags & ~(u32)(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT))
		return -EINVAL;
	if ((f->flags & RENAME_EXCHANGE) && (f->flags & (RENAME_NOREPLACE | RENAME_WHITEOUT)))
		return -EINVAL;
	if ((f->flags & RENAME_WHITEOUT) && !cred_capable(cred_current(co), CAP_MKNOD))
		return -EPERM;
	f->old = kzalloc(sizeof(*f->old));
	f->new = kzalloc(sizeof(*f->new));
	if (!f->old || !f->new)
		return -ENOMEM;
	return walk_start(f->old, co, f->old_dirfd, f->old_name, WALK_PARENT);
}

static void rename_finish(struct entry_rename *f)
{
	rename_unlock(f);
	dentry_put(f->from);
	dentry_put(f->to);
	if (f->old)
		walk_finish(f->old);
	if (f->new)
		walk_finish(f->new);
	kfree(f->old);
	kfree(f->new);
}

co_t entry_rename(struct co *co, struct entry_rename *f)
{
	CO_BEGIN;
	f->err = rename_start(f, co);
	if (!f->err)
		WALK(f->err, f->old);
	if (!f->err)
		f->err = walk_start(f->new, co, f->new_dirfd, f->new_name, WALK_PARENT);
	if (!f->err)
		WALK(f->err, f->new);
	if (!f->err)
		f->err = rename_check_walks(f);
	if (f->err)
		goto out;
	if (rename_old_dir(f) != rename_new_dir(f)) {
		CO_LOCK(&rename_old_dir(f)->super->rename_mutex);
		f->locked |= LOCKED_MUTEX;
	}
	if (dentry_is_below(f->old->path.dentry, f->new->path.dentry))
		CO_AWAIT(f->err, inode_lock_two, .a = rename_new_dir(f), .b = rename_old_dir(f));
	else
		CO_AWAIT(f->err, inode_lock_two, .a = rename_old_dir(f), .b = rename_new_dir(f));
	f->locked |= LOCKED_DIRS;
	CO_AWAIT(f->err, rename_find, .r = f);
	if (f->err)
		goto out;
	f->err = rename_check(f, cred_current(co));
	if (f->err)
		goto out;
	if (f->to->inode && !(f->flags & RENAME_EXCHANGE)) {
		f->victim = f->to->inode;
		inode_get(f->victim);
		CO_WRITE_LOCK_NEXT(&f->victim->lock);
		f->locked |= LOCKED_VICTIM;
	}
	CO_AWAIT(f->err, rename_do, .r = f);
out:
	rename_finish(f);
	CO_AWAIT(f->ignored, inode_put_wait, .inode = f->victim);
	CO_RETURN(f->err > 0 ? 0 : f->err);
	CO_END;
}
