/* fs/overlayfs/copy_up.c -- giving a lower file an upper one.
 *
 * The copy is made in the work directory and moved to its place when it is complete, so a
 * lookup sees all of it or none.
 */
#include "fs/overlayfs/overlay.h"

#define COPY_AHEAD 16	/* pages */

size_t overlay_temp_name(struct overlay *ov, char name[OVERLAY_TEMP])
{
	return format(name, OVERLAY_TEMP, "#%lx", (unsigned long)atomic_add(&ov->temps, 1ul));
}

/* --- changing a real directory --- */

co_t overlay_place(struct co *co, struct overlay_place *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, inode_lock_two, .a = overlay_work(f->ov), .b = f->dir);
	CO_AWAIT_OP(f->err, f->dir->ops->lookup, .dir = f->dir, .name = f->name, .len = f->len,
		    .found = &f->there);
	if (!f->err)
		CO_AWAIT_OP(f->err, f->dir->ops->rename, .old_dir = overlay_work(f->ov),
			    .new_dir = f->dir, .old_name = f->temp, .old_len = f->temp_len,
			    .new_name = f->name, .new_len = f->len, .inode = f->inode,
			    .target = f->there);
	inode_unlock_two(overlay_work(f->ov), f->dir);
	inode_put(f->there);
	CO_RETURN(f->err);
	CO_END;
}

co_t overlay_remove(struct co *co, struct overlay_remove *f)
{
	CO_BEGIN;
	CO_WRITE_LOCK(&f->dir->lock);
	CO_AWAIT_OP(f->err, f->dir->ops->lookup, .dir = f->dir, .name = f->name, .len = f->len,
		    .found = &f->there);
	if (!f->err && !f->there)
		f->err = -ENOENT;
	if (!f->err)
		CO_AWAIT_OP(f->err, f->dir->ops->unlink, .dir = f->dir, .name = f->name,
			    .len = f->len, .inode = f->there);
	rwlock_unlock_write(&f->dir->lock);
	inode_put(f->there);
	CO_RETURN(f->err);
	CO_END;
}

/* --- the copy --- */

static bool is_zero(const u64 *words)
{
	for (unsigned i = 0; i < PAGE_SIZE / sizeof(*words); i++)
		if (words[i])
			return false;
	return true;
}

/* Page by page from mapping to mapping; zeros stay holes. */
struct overlay_copy_data {
	struct co_frame co;
	struct inode *from, *to;
	u64 size;
	u64 index;
	struct page *source, *target;
	long err;
};
static co_t overlay_copy_data(struct co *co, struct overlay_copy_data *f)
{
	CO_BEGIN;
	for (f->index = 0; f->index << PAGE_SHIFT < f->size; f->index++) {
		CO_AWAIT(f->err, page_get_filled, .mapping = &f->from->mapping,
			 .index = f->index,
			 .ahead = (unsigned)min((u64)COPY_AHEAD,
						(PAGE_UP(f->size) >> PAGE_SHIFT) - f->index),
			 .page = &f->source);
		if (f->err == -ENODATA)
			continue;
		if (f->err)
			CO_RETURN(f->err);
		if (is_zero(phys_page_data(f->source))) {
			phys_page_put(f->source);
			continue;
		}
		CO_AWAIT(f->err, page_get_filled, .mapping = &f->to->mapping, .index = f->index,
			 .create = true, .ahead = 1, .page = &f->target);
		if (!f->err) {
			/* Nobody else knows the new file, so its page stays in the index. */
			CO_WAIT_IO(&f->to->mapping.waiters, page_claim(f->target));
			f->err = page_dirty(&f->to->mapping, f->target);
			if (!f->err) {
				string_copy_page(phys_page_data(f->target),
						 phys_page_data(f->source));
				page_changed(f->target);
			}
			page_unclaim(&f->to->mapping, f->target);
			phys_page_put(f->target);
		}
		phys_page_put(f->source);
		if (f->err)
			CO_RETURN(f->err);
		CO_BREATHE;
	}
	atomic_store(&f->to->size, f->size);
	CO_RETURN(0);
	CO_END;
}

/* The text of a link to be copied: *text is from the heap. */
struct overlay_link_text {
	struct co_frame co;
	struct inode *real;
	char **text;
	long err;
};
static co_t overlay_link_text(struct co *co, struct overlay_link_text *f)
{
	CO_BEGIN;
	*f->text = kmalloc(PAGE_SIZE);
	if (!*f->text)
		CO_RETURN(-ENOMEM);
	if (f->real->ops->link_target && f->real->ops->link_target(f->real)) {
		string_copy(*f->text, f->real->ops->link_target(f->real), PAGE_SIZE);
		CO_RETURN(0);
	}
	CO_AWAIT_OP(f->err, f->real->ops->readlink, .inode = f->real, .to = *f->text,
		    .size = PAGE_SIZE);
	CO_RETURN(f->err < 0 ? f->err : 0);
	CO_END;
}

/* A file like real, complete, under a name in the work directory. */
struct overlay_copy_to_work {
	struct co_frame co;
	struct overlay *ov;
	struct inode *inode;	/* of the overlay: its attributes count */
	struct inode *real;
	u64 most;
	const char *temp;
	size_t temp_len;
	struct inode **made;
	char *text;
	struct inode_attr *attr;
	long err;
};
static co_t overlay_copy_to_work(struct co *co, struct overlay_copy_to_work *f)
{
	CO_BEGIN;
	f->err = 0;
	f->attr = kzalloc(sizeof(*f->attr));
	if (!f->attr)
		CO_RETURN(-ENOMEM);
	if (S_ISLNK(f->real->mode))
		CO_AWAIT(f->err, overlay_link_text, .real = f->real, .text = &f->text);
	if (f->err)
		goto out;
	CO_WRITE_LOCK(&overlay_work(f->ov)->lock);
	CO_AWAIT_OP(f->err, overlay_work(f->ov)->ops->create, .dir = overlay_work(f->ov),
		    .name = f->temp, .len = f->temp_len, .mode = f->inode->mode,
		    .uid = f->inode->uid, .gid = f->inode->gid, .rdev = f->inode->rdev,
		    .target = f->text, .made = f->made);
	rwlock_unlock_write(&overlay_work(f->ov)->lock);
	if (f->err)
		goto out;
	if (S_ISREG(f->real->mode)) {
		struct inode *from = f->real->ops->data ? f->real->ops->data(f->real) : f->real;

		CO_AWAIT(f->err, overlay_copy_data, .from = from, .to = *f->made,
			 .size = min(inode_size(from), f->most));
	}
	if (!f->err)
		CO_AWAIT(f->err, overlay_copy_xattrs, .from = f->real, .to = *f->made);
	if (!f->err) {
		*f->attr = (struct inode_attr){.valid = ATTR_ATIME | ATTR_MTIME,
					       .atime = f->inode->atime,
					       .mtime = f->inode->mtime};
		inode_apply(*f->made, f->attr);
	} else {
		long ignored;

		CO_AWAIT(ignored, overlay_remove, .dir = overlay_work(f->ov), .name = f->temp,
			 .len = f->temp_len);
		(void)ignored;
		inode_put(*f->made);
		*f->made = NULL;
	}
out:
	kfree(f->attr);
	kfree(f->text);
	CO_RETURN(f->err);
	CO_END;
}

/* One inode whose parent has an upper one. */
struct overlay_copy_one {
	struct co_frame co;
	struct overlay_inode *o;
	u64 most;
	struct inode *made;
	size_t temp_len;
	long err;
	char temp[OVERLAY_TEMP];
};
static co_t overlay_copy_one(struct co *co, struct overlay_copy_one *f)
{
	CO_BEGIN;
	CO_LOCK(&f->o->copying);
	f->err = 0;
	if (f->o->upper)
		goto out;
	f->temp_len = overlay_temp_name(overlay_fs(&f->o->inode), f->temp);
	CO_AWAIT(f->err, overlay_copy_to_work, .ov = overlay_fs(&f->o->inode),
		 .inode = &f->o->inode, .real = f->o->lower[0], .most = f->most,
		 .temp = f->temp, .temp_len = f->temp_len, .made = &f->made);
	if (f->err)
		goto out;
	/* A file that is open but has no name any more gets its copy without one. */
	if (atomic_load(&f->o->removed))
		CO_AWAIT(f->err, overlay_remove, .dir = overlay_work(overlay_fs(&f->o->inode)),
			 .name = f->temp, .len = f->temp_len);
	else
		CO_AWAIT(f->err, overlay_place, .ov = overlay_fs(&f->o->inode), .temp = f->temp,
			 .temp_len = f->temp_len, .inode = f->made,
			 .dir = overlay_upper(f->o->parent), .name = f->o->name,
			 .len = f->o->len);
	if (f->err) {
		long ignored;

		CO_AWAIT(ignored, overlay_remove, .dir = overlay_work(overlay_fs(&f->o->inode)),
			 .name = f->temp, .len = f->temp_len);
		(void)ignored;
		inode_put(f->made);
		goto out;
	}
	inode_touch(&f->o->inode, ATTR_CTIME);
	atomic_store(&f->o->upper, f->made);
	if (!atomic_load(&f->o->removed))
		overlay_pin(overlay_fs(&f->o->inode), f->o);
	if (f->o->parent)
		overlay_changed(f->o->parent);
out:
	mutex_unlock(&f->o->copying);
	CO_RETURN(f->err);
	CO_END;
}

/* The topmost of inode and what is above it that has no upper one. */
static struct inode *first_missing(struct inode *inode)
{
	struct inode *parent;

	while ((parent = overlay_of(inode)->parent) && !overlay_upper(parent))
		inode = parent;
	return inode;
}

co_t overlay_copy_up(struct co *co, struct overlay_copy_up *f)
{
	CO_BEGIN;
	if (!overlay_fs(f->inode)->top.dentry)
		CO_RETURN(-EROFS);
	f->err = 0;
	while (!f->err && !overlay_upper(f->inode)) {
		f->next = first_missing(f->inode);
		CO_AWAIT(f->err, overlay_copy_one, .o = overlay_of(f->next), .most = f->most);
		CO_BREATHE;
	}
	CO_RETURN(f->err);
	CO_END;
}
