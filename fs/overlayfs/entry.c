/* fs/overlayfs/entry.c -- directories: finding, making, linking, removing, renaming. The vfs
 * holds the locks of the overlay's directories and of the victim. */
#include <linux/fs.h>

#include "fs/overlayfs/overlay.h"

/* --- lookup --- */

/* Add a lower layer's answer: true if the layers below it are looked at too. */
static bool lookup_add(struct overlay_inode *o, const struct overlay_inode *dir, unsigned layer,
		       struct inode *found)
{
	bool first = !o->upper && !o->lowers;

	if (!found)
		return true;
	if (overlay_is_whiteout(found) || (!S_ISDIR(found->mode) && !first)) {
		inode_put(found);
		return false;
	}
	o->layer[o->lowers] = dir->layer[layer];
	o->lower[o->lowers++] = found;
	return S_ISDIR(found->mode) && !(atomic_load(&found->flags) & INODE_OPAQUE);
}

struct overlay_lookup {
	struct inode_lookup;
	struct overlay_inode *new;
	struct inode *got;
	unsigned at;
	bool more;
	long err;
};
static co_t overlay_lookup(struct co *co, struct overlay_lookup *f)
{
	CO_BEGIN;
	*f->found = NULL;
	f->new = overlay_new(overlay_of(f->dir)->lowers);
	if (!f->new)
		CO_RETURN(-ENOMEM);
	f->more = true;
	if (overlay_upper(f->dir)) {
		CO_AWAIT(f->err, overlay_real_lookup, .dir = overlay_upper(f->dir),
			 .name = f->name, .len = f->len, .found = &f->got);
		if (f->err)
			goto out;
		if (f->got && overlay_is_whiteout(f->got)) {
			inode_put(f->got);
			goto out;
		}
		f->new->upper = f->got;
		if (f->got)
			*f->found = overlay_find(overlay_fs(f->dir), f->got->ino);
		if (*f->found)
			goto out;
		f->more = !f->got || (S_ISDIR(f->got->mode) &&
				      !(atomic_load(&f->got->flags) & INODE_OPAQUE));
	}
	for (f->at = 0; f->more && f->at < overlay_of(f->dir)->lowers; f->at++) {
		CO_AWAIT(f->err, overlay_real_lookup, .dir = overlay_of(f->dir)->lower[f->at],
			 .name = f->name, .len = f->len, .found = &f->got);
		if (f->err)
			goto out;
		f->more = lookup_add(f->new, overlay_of(f->dir), f->at, f->got);
	}
	if (f->new->upper || f->new->lowers) {
		f->err = overlay_finish(overlay_fs(f->dir), f->new, f->dir, f->name, f->len,
					f->found);
		f->new = NULL;
	}
out:
	overlay_drop(f->new);
	CO_RETURN(f->err);
	CO_END;
}

/* --- making --- */

/* Is there a whiteout of this name in the upper directory? 1, 0 or an error. */
struct overlay_has_whiteout {
	struct co_frame co;
	struct inode *dir;
	const char *name;
	size_t len;
	struct inode *found;
	long err;
};
static co_t overlay_has_whiteout(struct co *co, struct overlay_has_whiteout *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, overlay_real_lookup, .dir = overlay_upper(f->dir), .name = f->name,
		 .len = f->len, .found = &f->found);
	if (!f->err && f->found)
		f->err = overlay_is_whiteout(f->found) ? 1 : -EEXIST;
	inode_put(f->found);
	CO_RETURN(f->err);
	CO_END;
}

/* In the upper directory, or, where a whiteout is in the way, in the work directory and then
 * in the whiteout's place. */
struct overlay_create {
	struct inode_create;
	struct overlay_inode *new;
	struct inode *real;	/* where it is made */
	size_t temp_len;
	bool hidden;
	long err;
	char temp[OVERLAY_TEMP];
};
static co_t overlay_create(struct co *co, struct overlay_create *f)
{
	CO_BEGIN;
	if (S_ISCHR(f->mode) && !f->rdev)
		CO_RETURN(-EPERM);	/* it would be a whiteout */
	OVERLAY_COPY_UP(f->err, f->dir);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, overlay_has_whiteout, .dir = f->dir, .name = f->name, .len = f->len);
	if (f->err < 0)
		CO_RETURN(f->err);
	f->hidden = f->err;
	f->new = overlay_new(0);
	if (!f->new)
		CO_RETURN(-ENOMEM);
	f->real = f->hidden ? overlay_work(overlay_fs(f->dir)) : overlay_upper(f->dir);
	f->temp_len = overlay_temp_name(overlay_fs(f->dir), f->temp);
	CO_WRITE_LOCK(&f->real->lock);
	CO_AWAIT_OP(f->err, f->real->ops->create, .dir = f->real,
		    .name = f->hidden ? f->temp : f->name,
		    .len = f->hidden ? f->temp_len : f->len, .mode = f->mode, .uid = f->uid,
		    .gid = f->gid, .rdev = f->rdev, .target = f->target, .acl = f->acl,
		    .default_acl = f->default_acl, .made = &f->new->upper);
	rwlock_unlock_write(&f->real->lock);
	if (!f->err && S_ISDIR(f->mode))
		atomic_or(&f->new->upper->flags, (u32)INODE_OPAQUE);
	if (!f->err && f->hidden) {
		CO_AWAIT(f->err, overlay_place, .ov = overlay_fs(f->dir), .temp = f->temp,
			 .temp_len = f->temp_len, .inode = f->new->upper,
			 .dir = overlay_upper(f->dir), .name = f->name, .len = f->len);
		if (f->err) {
			long ignored;

			CO_AWAIT(ignored, overlay_remove, .dir = f->real, .name = f->temp,
				 .len = f->temp_len);
			(void)ignored;
		}
	}
	if (f->err) {
		overlay_drop(f->new);
		CO_RETURN(f->err);
	}
	overlay_changed(f->dir);
	CO_RETURN(overlay_finish(overlay_fs(f->dir), f->new, f->dir, f->name, f->len, f->made));
	CO_END;
}

/* Not in the table as long as it has no name: nobody can come upon it. */
struct overlay_tmpfile {
	struct inode_create;
	struct overlay_inode *new;
	long err;
};
static co_t overlay_tmpfile(struct co *co, struct overlay_tmpfile *f)
{
	CO_BEGIN;
	OVERLAY_COPY_UP(f->err, f->dir);
	if (f->err)
		CO_RETURN(f->err);
	if (!overlay_upper(f->dir)->ops->tmpfile.step)
		CO_RETURN(-EOPNOTSUPP);
	f->new = overlay_new(0);
	if (!f->new)
		CO_RETURN(-ENOMEM);
	CO_AWAIT_OP(f->err, overlay_upper(f->dir)->ops->tmpfile, .dir = overlay_upper(f->dir),
		    .mode = f->mode, .uid = f->uid, .gid = f->gid, .acl = f->acl,
		    .made = &f->new->upper);
	if (f->err) {
		overlay_drop(f->new);
		CO_RETURN(f->err);
	}
	f->err = overlay_finish(overlay_fs(f->dir), f->new, NULL, NULL, 0, f->made);
	if (!f->err)
		overlay_unlinked(overlay_fs(f->dir), overlay_of(*f->made));
	CO_RETURN(f->err);
	CO_END;
}

struct overlay_link {
	struct inode_link;
	struct inode *real;
	size_t temp_len;
	bool hidden, nameless;
	long err;
	char temp[OVERLAY_TEMP];
};
static co_t overlay_link(struct co *co, struct overlay_link *f)
{
	CO_BEGIN;
	OVERLAY_COPY_UP(f->err, f->inode);
	if (!f->err)
		OVERLAY_COPY_UP(f->err, f->dir);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, overlay_has_whiteout, .dir = f->dir, .name = f->name, .len = f->len);
	if (f->err < 0)
		CO_RETURN(f->err);
	f->nameless = !atomic_load(&overlay_upper(f->inode)->nlink);
	f->hidden = f->err;
	f->real = f->hidden ? overlay_work(overlay_fs(f->dir)) : overlay_upper(f->dir);
	f->temp_len = overlay_temp_name(overlay_fs(f->dir), f->temp);
	CO_AWAIT(f->err, inode_lock_two, .a = f->real, .b = overlay_upper(f->inode));
	CO_AWAIT_OP(f->err, f->real->ops->link, .dir = f->real,
		    .name = f->hidden ? f->temp : f->name,
		    .len = f->hidden ? f->temp_len : f->len, .inode = overlay_upper(f->inode));
	inode_unlock_two(f->real, overlay_upper(f->inode));
	if (!f->err && f->hidden) {
		CO_AWAIT(f->err, overlay_place, .ov = overlay_fs(f->dir), .temp = f->temp,
			 .temp_len = f->temp_len, .inode = overlay_upper(f->inode),
			 .dir = overlay_upper(f->dir), .name = f->name, .len = f->len);
		if (f->err) {
			long ignored;

			CO_AWAIT(ignored, overlay_remove, .dir = f->real, .name = f->temp,
				 .len = f->temp_len);
			(void)ignored;
		}
	}
	if (!f->err) {
		if (f->nameless)
			overlay_pin(overlay_fs(f->dir), overlay_of(f->inode));
		inode_touch(f->inode, ATTR_CTIME);
		overlay_refresh(f->inode);
		overlay_changed(f->dir);
	}
	CO_RETURN(f->err);
	CO_END;
}

/* --- removing --- */

/* Take a name out of dir's upper directory, or hide what the lower ones show, or both. */
struct overlay_hide {
	struct co_frame co;
	struct inode *dir;
	const char *name;
	size_t len;
	struct inode *upper;	/* what the upper directory holds, or NULL */
	struct inode *made;
	size_t temp_len;
	long err;
	char temp[OVERLAY_TEMP];
};
static co_t overlay_hide(struct co *co, struct overlay_hide *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, overlay_lower_has, .dir = f->dir, .name = f->name, .len = f->len);
	if (f->err < 0)
		CO_RETURN(f->err);
	if (!f->err) {
		CO_AWAIT(f->err, overlay_remove, .dir = overlay_upper(f->dir), .name = f->name,
			 .len = f->len);
		CO_RETURN(f->err);
	}
	if (!f->upper) {
		CO_WRITE_LOCK(&overlay_upper(f->dir)->lock);
		CO_AWAIT_OP(f->err, overlay_upper(f->dir)->ops->create,
			    .dir = overlay_upper(f->dir), .name = f->name, .len = f->len,
			    .mode = S_IFCHR, .made = &f->made);
		rwlock_unlock_write(&overlay_upper(f->dir)->lock);
		if (!f->err)
			inode_put(f->made);
		CO_RETURN(f->err);
	}
	/* In one step: the file goes to the work directory and leaves a whiteout. */
	f->temp_len = overlay_temp_name(overlay_fs(f->dir), f->temp);
	CO_AWAIT(f->err, inode_lock_two, .a = overlay_work(overlay_fs(f->dir)),
		 .b = overlay_upper(f->dir));
	CO_AWAIT_OP(f->err, overlay_upper(f->dir)->ops->rename, .old_dir = overlay_upper(f->dir),
		    .new_dir = overlay_work(overlay_fs(f->dir)), .old_name = f->name,
		    .old_len = f->len, .new_name = f->temp, .new_len = f->temp_len,
		    .inode = f->upper, .flags = RENAME_WHITEOUT);
	inode_unlock_two(overlay_work(overlay_fs(f->dir)), overlay_upper(f->dir));
	if (!f->err)
		CO_AWAIT(f->err, overlay_remove, .dir = overlay_work(overlay_fs(f->dir)),
			 .name = f->temp, .len = f->temp_len);
	CO_RETURN(f->err);
	CO_END;
}

struct overlay_unlink {
	struct inode_unlink;
	long err;
};
static co_t overlay_unlink(struct co *co, struct overlay_unlink *f)
{
	CO_BEGIN;
	f->err = 0;
	if (S_ISDIR(f->inode->mode))
		CO_AWAIT(f->err, overlay_clear, .dir = f->inode);
	if (!f->err)
		OVERLAY_COPY_UP(f->err, f->dir);
	if (!f->err)
		CO_AWAIT(f->err, overlay_hide, .dir = f->dir, .name = f->name, .len = f->len,
			 .upper = overlay_upper(f->inode));
	if (!f->err) {
		overlay_unlinked(overlay_fs(f->dir), overlay_of(f->inode));
		overlay_refresh(f->inode);
		overlay_changed(f->dir);
	}
	CO_RETURN(f->err);
	CO_END;
}

/* --- renaming --- */

/* A directory with something below it in a lower layer cannot move: its contents would stay. */
static bool cannot_move(struct inode *inode)
{
	return S_ISDIR(inode->mode) && overlay_of(inode)->lowers;
}

static void make_opaque(struct inode *inode)
{
	if (S_ISDIR(inode->mode))
		atomic_or(&overlay_upper(inode)->flags, (u32)INODE_OPAQUE);
}

/* Everything that has to be in the upper layer first. */
struct overlay_rename_prepare {
	struct co_frame co;
	struct inode_rename *r;
	long err;
};
static co_t overlay_rename_prepare(struct co *co, struct overlay_rename_prepare *f)
{
	CO_BEGIN;
	if (f->r->flags & ~(u32)(RENAME_EXCHANGE | RENAME_NOREPLACE))
		CO_RETURN(-EINVAL);
	if (cannot_move(f->r->inode))
		CO_RETURN(-EXDEV);
	if ((f->r->flags & RENAME_EXCHANGE) && cannot_move(f->r->target))
		CO_RETURN(-EXDEV);
	f->err = 0;
	if (f->r->target && S_ISDIR(f->r->target->mode) && !(f->r->flags & RENAME_EXCHANGE))
		CO_AWAIT(f->err, overlay_clear, .dir = f->r->target);
	if (!f->err)
		OVERLAY_COPY_UP(f->err, f->r->old_dir);
	if (!f->err)
		OVERLAY_COPY_UP(f->err, f->r->new_dir);
	if (!f->err)
		OVERLAY_COPY_UP(f->err, f->r->inode);
	if (!f->err && (f->r->flags & RENAME_EXCHANGE))
		OVERLAY_COPY_UP(f->err, f->r->target);
	CO_RETURN(f->err);
	CO_END;
}

struct overlay_rename {
	struct inode_rename;
	struct inode *there;
	u32 white;
	long err;
};

/* What a successful rename means for the overlay's own inodes. */
static void rename_done(struct overlay_rename *f)
{
	bool exchange = f->flags & RENAME_EXCHANGE;

	make_opaque(f->inode);
	inode_touch(f->inode, ATTR_CTIME);
	if (exchange) {
		make_opaque(f->target);
		inode_touch(f->target, ATTR_CTIME);
	} else if (f->target) {
		overlay_unlinked(overlay_fs(f->target), overlay_of(f->target));
		overlay_refresh(f->target);
	}
	overlay_changed(f->old_dir);
	overlay_changed(f->new_dir);
}

static co_t overlay_rename(struct co *co, struct overlay_rename *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, overlay_rename_prepare, .r = (struct inode_rename *)f);
	if (f->err)
		CO_RETURN(f->err);
	if (!(f->flags & RENAME_EXCHANGE)) {
		CO_AWAIT(f->err, overlay_lower_has, .dir = f->old_dir, .name = f->old_name,
			 .len = f->old_len);
		if (f->err < 0)
			CO_RETURN(f->err);
		f->white = f->err ? RENAME_WHITEOUT : 0;
	}
	CO_AWAIT(f->err, inode_lock_two, .a = overlay_upper(f->old_dir),
		 .b = overlay_upper(f->new_dir));
	CO_AWAIT_OP(f->err, overlay_upper(f->new_dir)->ops->lookup,
		    .dir = overlay_upper(f->new_dir), .name = f->new_name, .len = f->new_len,
		    .found = &f->there);
	if (!f->err)
		CO_AWAIT_OP(f->err, overlay_upper(f->old_dir)->ops->rename,
			    .old_dir = overlay_upper(f->old_dir),
			    .new_dir = overlay_upper(f->new_dir), .old_name = f->old_name,
			    .new_name = f->new_name, .old_len = f->old_len,
			    .new_len = f->new_len, .inode = overlay_upper(f->inode),
			    .target = f->there,
			    .flags = (f->flags & RENAME_EXCHANGE) | f->white);
	inode_unlock_two(overlay_upper(f->old_dir), overlay_upper(f->new_dir));
	inode_put(f->there);
	if (!f->err)
		rename_done(f);
	CO_RETURN(f->err);
	CO_END;
}

const struct inode_ops overlay_dir_ops = {
	.lookup = CO_IMPLEMENTS(inode_lookup, overlay_lookup),
	.create = CO_IMPLEMENTS(inode_create, overlay_create),
	.tmpfile = CO_IMPLEMENTS(inode_create, overlay_tmpfile),
	.link = CO_IMPLEMENTS(inode_link, overlay_link),
	.unlink = CO_IMPLEMENTS(inode_unlink, overlay_unlink),
	.rename = CO_IMPLEMENTS(inode_rename, overlay_rename),
	.setattr = CO_IMPLEMENTS(inode_setattr, overlay_setattr),
	.readdir = CO_IMPLEMENTS(inode_readdir, overlay_readdir),
	.refresh = overlay_refresh,
	OVERLAY_XATTR_OPS,
};
