/* fs/ext4/rename.c -- the change that concerns two names. As in namei.c, first all that can be
 * refused; the new name comes before the old one goes.
 */
#include <linux/fs.h>
#include <linux/stat.h>

#include "fs/ext4/names.h"
#include "mem/phys/slab.h"

#define RENAME_KNOWN (RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT)

struct ext4_rename_work {
	struct ext4_place old, new;
	struct ext4_entry entry;
	struct inode_create white_how;
	struct inode *white;
	bool begun;	/* something was changed */
};

/* How many links a directory gains when `comes` is named in it instead of `goes`. */
static int links_gained(const struct inode *comes, const struct inode *goes)
{
	return (comes && S_ISDIR(comes->mode) ? 1 : 0) - (goes && S_ISDIR(goes->mode) ? 1 : 0);
}

static long rename_check_links(const struct inode_rename *r)
{
	bool exchange = r->flags & RENAME_EXCHANGE;

	if (r->old_dir == r->new_dir)
		return 0;
	if (links_gained(r->inode, r->target) > 0 && ext4_dir_links_full(r->new_dir))
		return -EMLINK;
	if (exchange && links_gained(r->target, r->inode) > 0 && ext4_dir_links_full(r->old_dir))
		return -EMLINK;
	return 0;
}

/* Where both names are. */
struct rename_places {
	struct co_frame co;
	const struct inode_rename *r;
	struct ext4_rename_work *w;
	long err;
};
static co_t rename_places(struct co *co, struct rename_places *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, ext4_dir_find, .dir = f->r->old_dir, .name = f->r->old_name,
		 .len = f->r->old_len, .place = &f->w->old);
	if (!f->err)
		CO_AWAIT(f->err, ext4_dir_find, .dir = f->r->new_dir, .name = f->r->new_name,
			 .len = f->r->new_len, .place = &f->w->new);
	if (f->err)
		CO_RETURN(f->err);
	if (f->w->old.ino != f->r->inode->ino ||
	    f->w->new.ino != (f->r->target ? f->r->target->ino : 0))
		CO_RETURN(-ENOENT);
	if (f->r->target && S_ISDIR(f->r->target->mode) && !(f->r->flags & RENAME_EXCHANGE))
		CO_AWAIT(f->err, ext4_dir_check_empty, .dir = f->r->target);
	CO_RETURN(f->err);
	CO_END;
}

/* Directories that moved have another parent. */
struct rename_parents {
	struct co_frame co;
	const struct inode_rename *r;
	struct handle *handle;
	long err;
};
static co_t rename_parents(struct co *co, struct rename_parents *f)
{
	CO_BEGIN;
	if (f->r->old_dir == f->r->new_dir)
		CO_RETURN(0);
	if (S_ISDIR(f->r->inode->mode))
		CO_AWAIT(f->err, ext4_dir_reparent, .handle = f->handle, .dir = f->r->inode,
			 .parent = f->r->new_dir);
	if (!f->err && (f->r->flags & RENAME_EXCHANGE) && S_ISDIR(f->r->target->mode))
		CO_AWAIT(f->err, ext4_dir_reparent, .handle = f->handle, .dir = f->r->target,
			 .parent = f->r->old_dir);
	CO_RETURN(f->err);
	CO_END;
}

static void rename_links(const struct inode_rename *r)
{
	if (r->flags & RENAME_EXCHANGE) {
		if (r->old_dir == r->new_dir)
			return;
		ext4_dir_link(r->new_dir, links_gained(r->inode, r->target));
		ext4_dir_link(r->old_dir, links_gained(r->target, r->inode));
	} else if (r->old_dir == r->new_dir) {
		ext4_dir_link(r->new_dir, links_gained(NULL, r->target));
	} else {
		ext4_dir_link(r->new_dir, links_gained(r->inode, r->target));
		ext4_dir_link(r->old_dir, links_gained(NULL, r->inode));
	}
}

/* All inodes that the change touched. */
struct rename_write {
	struct co_frame co;
	const struct inode_rename *r;
	struct handle *handle;
	long err;
};
static co_t rename_write(struct co *co, struct rename_write *f)
{
	CO_BEGIN;
	rename_links(f->r);
	inode_touch(f->r->inode, ATTR_CTIME);
	CO_AWAIT(f->err, ext4_inode_write, .handle = f->handle, .inode = f->r->inode);
	if (!f->err && f->r->target && (f->r->flags & RENAME_EXCHANGE)) {
		inode_touch(f->r->target, ATTR_CTIME);
		CO_AWAIT(f->err, ext4_inode_write, .handle = f->handle, .inode = f->r->target);
	} else if (!f->err && f->r->target) {
		CO_AWAIT(f->err, ext4_drop_link, .handle = f->handle, .inode = f->r->target);
	}
	if (!f->err)
		CO_AWAIT(f->err, ext4_dir_changed, .handle = f->handle, .dir = f->r->old_dir);
	if (!f->err && f->r->new_dir != f->r->old_dir)
		CO_AWAIT(f->err, ext4_dir_changed, .handle = f->handle, .dir = f->r->new_dir);
	CO_RETURN(f->err);
	CO_END;
}

/* The new name leads to the inode: what stood there, or a new entry. */
struct rename_new_name {
	struct co_frame co;
	const struct inode_rename *r;
	struct ext4_rename_work *w;
	struct handle *handle;
	long err;
};
static co_t rename_new_name(struct co *co, struct rename_new_name *f)
{
	CO_BEGIN;
	if (f->r->target) {
		CO_AWAIT(f->err, ext4_entry_set, .handle = f->handle, .dir = f->r->new_dir,
			 .place = &f->w->new, .ino = (u32)f->r->inode->ino,
			 .mode = f->r->inode->mode);
		CO_RETURN(f->err);
	}
	f->w->entry = (struct ext4_entry){f->r->new_name, f->r->new_len, (u32)f->r->inode->ino,
					  f->r->inode->mode};
	CO_AWAIT(f->err, ext4_entry_add, .handle = f->handle, .dir = f->r->new_dir,
		 .entry = &f->w->entry);
	/* The old one may lie elsewhere now. */
	if (!f->err && f->r->old_dir == f->r->new_dir) {
		f->w->begun = true;
		CO_AWAIT(f->err, ext4_dir_find, .dir = f->r->old_dir, .name = f->r->old_name,
			 .len = f->r->old_len, .place = &f->w->old);
		if (!f->err && f->w->old.ino != f->r->inode->ino)
			f->err = -EUCLEAN;
	}
	CO_RETURN(f->err);
	CO_END;
}

/* What stands under the old name afterwards: nothing, a whiteout, or what was exchanged. */
static u32 old_becomes(const struct inode_rename *r, const struct ext4_rename_work *w, u32 *mode)
{
	const struct inode *inode = r->flags & RENAME_EXCHANGE ? r->target : w->white;

	*mode = inode ? inode->mode : 0;
	return inode ? (u32)inode->ino : 0;
}

struct rename_entries {
	struct co_frame co;
	const struct inode_rename *r;
	struct ext4_rename_work *w;
	struct handle *handle;
	u32 ino, mode;
	long err;
};
static co_t rename_entries(struct co *co, struct rename_entries *f)
{
	CO_BEGIN;
	if (f->r->flags & RENAME_WHITEOUT) {
		f->w->white_how = (struct inode_create){.dir = f->r->old_dir, .mode = S_IFCHR};
		CO_AWAIT(f->err, ext4_make, .handle = f->handle, .how = &f->w->white_how,
			 .inode = &f->w->white);
		if (f->err)
			CO_RETURN(f->err);
	}
	CO_AWAIT(f->err, rename_new_name, .r = f->r, .w = f->w, .handle = f->handle);
	if (f->err)
		CO_RETURN(f->err);
	f->w->begun = true;
	f->ino = old_becomes(f->r, f->w, &f->mode);
	CO_AWAIT(f->err, ext4_entry_set, .handle = f->handle, .dir = f->r->old_dir,
		 .place = &f->w->old, .ino = f->ino, .mode = f->mode);
	if (!f->err)
		CO_AWAIT(f->err, rename_parents, .r = f->r, .handle = f->handle);
	if (!f->err)
		CO_AWAIT(f->err, rename_write, .r = f->r, .handle = f->handle);
	CO_RETURN(f->err);
	CO_END;
}

struct rename_once {
	struct ext4_once;
	struct handle handle;
	struct ext4_rename_work *work;
	long err, ignored;
};
static co_t rename_once(struct co *co, struct rename_once *f)
{
	const struct inode_rename *r = f->of;

	CO_BEGIN;
	f->work = kzalloc(sizeof(*f->work));
	if (!f->work)
		CO_RETURN(-ENOMEM);
	CO_AWAIT(f->err, rename_places, .r = r, .w = f->work);
	if (!f->err)
		f->err = rename_check_links(r);
	if (!f->err)
		CO_AWAIT(f->err, journal_start, .journal = ext4_of(r->old_dir)->journal,
			 .handle = &f->handle, .credits = ext4_entry_credits(r->new_dir) + 24);
	if (f->err)
		goto out;
	CO_AWAIT(f->err, rename_entries, .r = r, .w = f->work, .handle = &f->handle);
	if (f->err && f->work->begun)
		ext4_give_up(ext4_of(r->old_dir), "a rename", f->err);
	if (f->err && f->work->white)
		CO_AWAIT(f->ignored, ext4_unmake, .handle = &f->handle, .inode = f->work->white);
	else
		inode_put(f->work->white);
	CO_AWAIT(f->ignored, ext4_names_stop, .handle = &f->handle, .dir = r->new_dir);
	if (!f->err)
		f->err = f->ignored;
out:
	kfree(f->work);
	CO_RETURN(f->err);
	CO_END;
}

co_t ext4_rename(struct co *co, struct ext4_rename *f)
{
	static const struct ext4_once_op once = CO_IMPLEMENTS(ext4_once, rename_once);

	CO_BEGIN;
	if (f->flags & ~(unsigned)RENAME_KNOWN)
		CO_RETURN(-EINVAL);
	if (f->new_len > EXT4_NAME_MAX)
		CO_RETURN(-ENAMETOOLONG);
	CO_AWAIT(f->err, ext4_with_room, .fs = ext4_of(f->new_dir), .once = &once, .of = f);
	CO_RETURN(f->err);
	CO_END;
}
