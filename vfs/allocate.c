/* vfs/allocate.c */
#include "vfs/allocate.h"

#include <linux/falloc.h>
#include <linux/stat.h>

#include "mem/phys/buddy.h"
#include "vfs/attr.h"
#include "vfs/fileattr.h"
#include "vfs/file_cache.h"
#include "vfs/inotify.h"
#include "vfs/memfd.h"
#include "vfs/super.h"

#define ALLOCATE_HOLE	 (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)
#define ALLOCATE_REMOVES (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)
#define ALLOCATE_MOVES	 (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE)

static long allocate_check(const struct file_allocate *f)
{
	const struct inode *inode = f->file->inode;
	i64 end;

	if (f->offset < 0 || f->len <= 0)
		return -EINVAL;
	if (f->mode & ~(u32)(ALLOCATE_HOLE | FALLOC_FL_ZERO_RANGE | ALLOCATE_MOVES))
		return -EOPNOTSUPP;
	if ((f->mode & ALLOCATE_MOVES) && f->mode != FALLOC_FL_COLLAPSE_RANGE &&
	    f->mode != FALLOC_FL_INSERT_RANGE)
		return -EOPNOTSUPP;
	if ((f->mode & FALLOC_FL_PUNCH_HOLE) && f->mode != ALLOCATE_HOLE)
		return -EOPNOTSUPP;
	if (!(f->file->mode & FILE_WRITE))
		return -EBADF;
	if (fileattr_immutable(inode) ||
	    (fileattr_append(inode) && (f->mode & ~(u32)FALLOC_FL_KEEP_SIZE)))
		return -EPERM;
	if (S_ISFIFO(inode->mode))
		return -ESPIPE;
	if (S_ISDIR(inode->mode))
		return -EISDIR;
	if (!S_ISREG(inode->mode))
		return -ENODEV;
	if (add_overflows(f->offset, f->len, &end) || (u64)end > inode->super->max_size)
		return -EFBIG;
	return 0;
}

/* Pages for [at, end), those that are there stay. */
struct allocate_pages {
	struct co_frame co;
	struct mapping *mapping;
	u64 index, last;
	struct page *page;
	long err;
};
static co_t allocate_pages(struct co *co, struct allocate_pages *f)
{
	CO_BEGIN;
	for (; f->index <= f->last; f->index++) {
		CO_AWAIT(f->err, page_get_filled, .mapping = f->mapping, .index = f->index,
			 .create = true, .page = &f->page);
		if (f->err)
			CO_RETURN(f->err);
		phys_page_put(f->page);
		CO_BREATHE;
	}
	CO_RETURN(0);
	CO_END;
}

/* Where pages are not the storage: the file system does it. */
struct allocate_below {
	struct co_frame co;
	struct file_allocate *f;
	long err;
};
static co_t allocate_below(struct co *co, struct allocate_below *f)
{
	struct inode *inode;

	CO_BEGIN;
	CO_WRITE_LOCK(&f->f->inode->lock);
	inode = f->f->inode;
	if (!(f->f->mode & (ALLOCATE_HOLE | ALLOCATE_MOVES)) && f->f->limit_fsize &&
	    f->f->end >= f->f->limit_fsize && f->f->end > inode_size(inode))
		f->err = -EFBIG;
	else
		CO_AWAIT_OP(f->err, f->f->inode->ops->allocate, .inode = f->f->inode,
			    .mode = f->f->mode, .offset = (u64)f->f->offset, .end = f->f->end);
	if (!f->err)
		attr_written(f->f->file->inode, f->f->file->cred);
	rwlock_unlock_write(&f->f->inode->lock);
	if (!f->err)
		inotify_tell(f->f->file->path.dentry, IN_MODIFY);
	CO_RETURN(f->err);
	CO_END;
}

co_t file_allocate(struct co *co, struct file_allocate *f)
{
	CO_BEGIN;
	f->err = allocate_check(f);
	if (f->err)
		CO_RETURN(f->err);
	f->inode = file_data(f->file);
	f->end = (u64)(f->offset + f->len);
	if (f->inode && f->inode->ops->allocate.step) {
		CO_AWAIT(f->err, allocate_below, .f = f);
		CO_RETURN(f->err);
	}
	if (!f->inode || f->inode->mapping.ops->readpage.step || (f->mode & ALLOCATE_MOVES))
		CO_RETURN(-EOPNOTSUPP);
	CO_WRITE_LOCK(&f->inode->lock);
	f->err = memfd_may_allocate(f->inode, f->mode & ALLOCATE_REMOVES, f->end);
	if (f->err)
		goto out;
	if (f->mode & ALLOCATE_REMOVES)
		CO_AWAIT(f->ignored, page_punch, .mapping = &f->inode->mapping,
			 .from = (u64)f->offset, .to = f->end);
	/* Pages that are the storage: what could never be had is refused before it is tried. */
	if (!(f->mode & FALLOC_FL_PUNCH_HOLE) &&
	    (u64)f->len >> PAGE_SHIFT > buddy_total_pages()) {
		f->err = -ENOSPC;
	} else if (!(f->mode & FALLOC_FL_PUNCH_HOLE)) {
		/* The limit is on room as well: Linux asks even if the size stays. */
		if (f->limit_fsize && f->end >= f->limit_fsize && f->end > inode_size(f->inode))
			f->err = -EFBIG;
		else
			CO_AWAIT(f->err, allocate_pages, .mapping = &f->inode->mapping,
				 .index = (u64)f->offset >> PAGE_SHIFT,
				 .last = (f->end - 1) >> PAGE_SHIFT);
	}
	if (!f->err) {
		if (!(f->mode & FALLOC_FL_KEEP_SIZE) && f->end > inode_size(f->inode)) {
			CO_AWAIT(f->ignored, page_punch, .mapping = &f->inode->mapping,
				 .from = inode_size(f->inode),
				 .to = PAGE_UP(inode_size(f->inode)));
			atomic_store(&f->inode->size, f->end);
		}
		attr_written(f->file->inode, f->file->cred);
	}
out:
	rwlock_unlock_write(&f->inode->lock);
	if (!f->err)
		inotify_tell(f->file->path.dentry, IN_MODIFY);
	CO_RETURN(f->err);
	CO_END;
}
