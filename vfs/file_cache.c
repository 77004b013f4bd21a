/* vfs/file_cache.c -- read and write through the page cache.
 *
 * Copies to and from user memory never wait. When one comes back short, everything is let go
 * (the page, and for a write the inode's lock), the user's page is faulted in, and the loop
 * goes on; so a write whose source is a mapping of the very page it writes cannot dead-lock.
 */
#include "vfs/file_cache.h"

#include <linux/fcntl.h>

#include "vfs/attr.h"
#include "vfs/memfd.h"
#include "vfs/super.h"
#include "vfs/writeback.h"

#define CACHE_TRY_PAGES 16	/* what a try does in one go */
#define CACHE_FIRST_AHEAD 4u

/* --- reading --- */

/* Copy from the page what the file has there; bytes asked for in *want. */
static u64 cache_copy_out(struct inode *inode, struct page *page, struct uio *uio, i64 pos,
			  u64 *want)
{
	u64 size = inode_size(inode), at = (u64)pos % PAGE_SIZE;

	*want = min(PAGE_SIZE - at, uio->left);
	*want = min(*want, (u64)pos < size ? size - (u64)pos : 0);
	if (!(atomic_load_relaxed(&page->flags) & PAGE_ACTIVE))
		atomic_or(&page->flags, (u32)PAGE_ACTIVE);
	return uio_copy_to(uio, (char *)phys_page_data(page) + at, *want);
}

i64 file_cache_try_read(struct file *file, struct uio *uio, i64 pos)
{
	struct inode *inode = file_data(file);
	struct uio start = *uio;
	u64 want, got;
	i64 done = 0;

	if (uio->left > CACHE_TRY_PAGES * PAGE_SIZE &&
	    (u64)pos + CACHE_TRY_PAGES * PAGE_SIZE < inode_size(inode))
		return FILE_WAITS;
	while (uio->left && (u64)(pos + done) < inode_size(inode)) {
		struct page *page = page_find_uptodate(&inode->mapping,
						       (u64)(pos + done) >> PAGE_SHIFT);

		if (!page)
			goto waits;
		got = cache_copy_out(inode, page, uio, pos + done, &want);
		phys_page_put(page);
		done += (i64)got;
		if (got < want)
			goto waits;
	}
	if ((u64)pos % PAGE_SIZE == 0 || done >= (i64)PAGE_SIZE)
		atomic_store_relaxed(&file->ahead.next, (u64)(pos + done) >> PAGE_SHIFT);
	if (done)
		attr_accessed(file);
	return done;
waits:
	*uio = start;
	return FILE_WAITS;
}

/* How many pages to read from here on: one, or a window that doubles while reading goes on in
 * sequence. */
static unsigned cache_window(struct file *file, struct inode *inode, u64 index, u64 left)
{
	u64 end = PAGE_UP(inode_size(inode)) >> PAGE_SHIFT;
	u64 wanted = PAGE_UP(left) >> PAGE_SHIFT, size;

	if (index == atomic_load_relaxed(&file->ahead.next) || !index)
		size = max(2 * atomic_load_relaxed(&file->ahead.size), (u64)CACHE_FIRST_AHEAD);
	else
		size = 1;
	size = max(size, wanted);
	size = min(size, (u64)PAGE_RUN_MAX);
	atomic_store_relaxed(&file->ahead.size, size);
	atomic_store_relaxed(&file->ahead.next, index + size);
	return (unsigned)min(size, end > index ? end - index : 1);
}

/* The page at `index`, which is missing: read it and a window; when the window is a full one,
 * start on the next too, so that the disk works while we copy. */
struct cache_miss {
	struct co_frame co;
	struct file *file;
	struct inode *inode;
	u64 index, left;
	struct page **page;
	unsigned window;
	long err;
};
static co_t cache_miss(struct co *co, struct cache_miss *f)
{
	CO_BEGIN;
	f->window = cache_window(f->file, f->inode, f->index, f->left);
	CO_AWAIT(f->err, page_get_filled, .mapping = &f->inode->mapping, .index = f->index,
		 .ahead = f->window, .page = f->page);
	if (!f->err && f->window == PAGE_RUN_MAX) {
		page_read_ahead(&f->inode->mapping, f->index + f->window, PAGE_RUN_MAX);
		atomic_store_relaxed(&f->file->ahead.next, f->index + 2 * PAGE_RUN_MAX);
	}
	CO_RETURN(f->err);
	CO_END;
}

co_t file_cache_read(struct co *co, struct file_cache_read *f)
{
	u64 want, got, index;

	CO_BEGIN;
	f->inode = file_data(f->file);
	while (f->uio->left && (u64)f->pos < inode_size(f->inode)) {
		index = (u64)f->pos >> PAGE_SHIFT;
		f->page = page_find_uptodate(&f->inode->mapping, index);
		if (!f->page && f->inode->mapping.ops->readpage.step) {
			CO_AWAIT(f->err, cache_miss, .file = f->file, .inode = f->inode,
				 .index = index, .left = f->uio->left, .page = &f->page);
			if (f->err)
				break;
		}
		if (f->page) {
			got = cache_copy_out(f->inode, f->page, f->uio, f->pos, &want);
			phys_page_put(f->page);
		} else {
			want = min(PAGE_SIZE - (u64)f->pos % PAGE_SIZE, f->uio->left);
			want = min(want, inode_size(f->inode) - (u64)f->pos);
			got = uio_zero(f->uio, want);
		}
		f->pos += (i64)got;
		f->done += (i64)got;
		if (got < want) {
			CO_AWAIT(f->err, uio_fault_in, .uio = f->uio, .n = want - got,
				 .write = true);
			if (f->err)
				break;
		}
		CO_BREATHE;
	}
	if (f->done)
		attr_accessed(f->file);
	CO_RETURN(f->done ? f->done : f->err);
	CO_END;
}

/* --- writing --- */

/* With the inode's lock held: where to write and how much at most; 0 or an error. Nothing is
 * changed. */
static long cache_write_bounds(struct file *file, struct inode *inode, i64 *pos, u64 len,
			       u64 limit, u64 *most)
{
	u64 max_size = inode->super->max_size;

	if (atomic_load_relaxed(&file->flags) & O_APPEND)
		*pos = (i64)inode_size(inode);
	if (limit)
		max_size = min(max_size, limit - 1);
	if ((u64)*pos >= max_size)
		return -EFBIG;
	*most = max_size - (u64)*pos;
	return memfd_may_write(inode, (u64)*pos, len, most);
}

/* Must a writer wait for storage first? */
static bool cache_is_held_up(const struct inode *inode)
{
	return inode->mapping.ops->writepages.step && writeback_is_over();
}

/* Copy into the claimed, uptodate page and let the file grow: bytes, or an error. */
static i64 cache_copy_in(struct inode *inode, struct page *page, struct uio *uio, i64 pos, u64 n)
{
	int err = page_dirty(&inode->mapping, page);
	u64 got;

	if (err)
		return err;
	got = uio_copy_from(uio, (char *)phys_page_data(page) + (u64)pos % PAGE_SIZE, n);
	if (!got)
		return 0;
	page_changed(page);
	if ((u64)pos + got > inode_size(inode))
		atomic_store(&inode->size, (u64)pos + got);
	return (i64)got;
}

i64 file_cache_try_write(struct file *file, struct uio *uio, i64 pos, u64 limit, i64 *end)
{
	struct inode *inode = file_data(file);
	u64 at = (u64)pos % PAGE_SIZE, most, left = uio->left;
	struct page *page = NULL;
	i64 err, got = 0;

	if (!left)
		return 0;
	if (at + left > PAGE_SIZE || cache_is_held_up(inode) || !rwlock_try_write(&inode->lock))
		return FILE_WAITS;
	err = cache_write_bounds(file, inode, &pos, left, limit, &most);
	if (err)
		goto out;
	err = FILE_WAITS;
	at = (u64)pos % PAGE_SIZE;
	if (at + left > PAGE_SIZE || left > most || (u64)pos > inode_size(inode))
		goto out;
	page = page_find_uptodate(&inode->mapping, (u64)pos >> PAGE_SHIFT);
	if (!page || !page_claim(page))
		goto out;
	if (atomic_load(&page->flags) & PAGE_CACHE)
		got = cache_copy_in(inode, page, uio, pos, left);
	page_unclaim(&inode->mapping, page);
	if (got > 0) {	/* short: a partial write, and the caller comes again for the rest */
		attr_written(file->inode, file->cred);
		*end = pos + got;
		err = got;
	}
out:
	rwlock_unlock_write(&inode->lock);
	if (page)
		phys_page_put(page);
	return err;
}

/* One page's worth, the inode's lock held: bytes written, 0 if user memory is missing, or an
 * error. */
struct cache_write_page {
	struct co_frame co;
	struct inode *inode;
	struct uio *uio;
	i64 pos;
	u64 n;
	struct page *page;
	bool again;
	long err;
};
static co_t cache_write_page(struct co *co, struct cache_write_page *f)
{
	i64 got;

	CO_BEGIN;
	for (;;) {
		f->page = page_find_uptodate(&f->inode->mapping, (u64)f->pos >> PAGE_SHIFT);
		if (!f->page) {
			CO_AWAIT(f->err, page_get_filled, .mapping = &f->inode->mapping,
				 .index = (u64)f->pos >> PAGE_SHIFT, .create = true,
				 .ahead = 1, .page = &f->page);
			if (f->err)
				CO_RETURN(f->err);
		}
		CO_WAIT_IO(&f->inode->mapping.waiters, page_claim(f->page));
		got = -EAGAIN;	/* reclaimed meanwhile */
		if (atomic_load(&f->page->flags) & PAGE_CACHE)
			got = cache_copy_in(f->inode, f->page, f->uio, f->pos, f->n);
		page_unclaim(&f->inode->mapping, f->page);
		phys_page_put(f->page);
		if (got == -EAGAIN)
			continue;
		if (got != -ENOSPC || f->again)
			CO_RETURN(got);
		f->again = true;
		CO_AWAIT(f->err, page_make_room, .mapping = &f->inode->mapping);
		if (f->err)
			CO_RETURN(f->err);
	}
	CO_END;
}

co_t file_cache_write(struct co *co, struct file_cache_write *f)
{
	u64 n;

	CO_BEGIN;
	f->inode = file_data(f->file);
	if (!f->uio->left)
		CO_RETURN(0);
	CO_WRITE_LOCK(&f->inode->lock);
	f->err = cache_write_bounds(f->file, f->inode, &f->pos, f->uio->left, f->limit, &f->most);
	if (f->err)
		goto out;
	if (f->uio->left > f->most)
		uio_truncate(f->uio, f->most);
	attr_written(f->file->inode, f->file->cred);
	/* What a mapping stored behind the old end must not become part of the file. */
	if ((u64)f->pos > inode_size(f->inode))
		CO_AWAIT(f->err, page_zero_tail, .mapping = &f->inode->mapping,
			 .size = inode_size(f->inode));
	if (f->err)
		goto out;
	while (f->uio->left) {
		n = min(PAGE_SIZE - (u64)f->pos % PAGE_SIZE, f->uio->left);
		CO_AWAIT(f->err, cache_write_page, .inode = f->inode, .uio = f->uio,
			 .pos = f->pos, .n = n);
		f->begun = f->err > 0;
		if (f->err > 0) {
			f->pos += f->err;
			f->done += f->err;
			f->err = 0;
			CO_BREATHE;
			if (!f->uio->left || !cache_is_held_up(f->inode))
				continue;
		}
		if (f->err)
			break;
		rwlock_unlock_write(&f->inode->lock);
		if (f->begun)
			CO_AWAIT(f->err, writeback_throttle);
		else
			CO_AWAIT(f->err, uio_fault_in, .uio = f->uio, .n = PAGE_SIZE);
		CO_WRITE_LOCK(&f->inode->lock);
		if (!f->err)	/* the file may have grown, or been sealed */
			f->err = cache_write_bounds(f->file, f->inode, &f->pos, f->uio->left,
						    f->limit, &f->most);
		if (f->err)
			break;
		if (f->uio->left > f->most)
			uio_truncate(f->uio, f->most);
	}
	if (f->end)
		*f->end = f->pos;
out:
	rwlock_unlock_write(&f->inode->lock);
	CO_RETURN(f->done ? f->done : f->err);
	CO_END;
}
