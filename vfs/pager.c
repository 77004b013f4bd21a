/* vfs/pager.c -- files as what address spaces map: mem/space's pager over the page cache.
 *
 * A page of a mapping is the page of the file: what is stored through a shared mapping is read
 * by read(2) at once, and all programs share one copy of a library's text.
 */
#include "mem/space/pager.h"

#include <linux/falloc.h>

#include "core/base/string.h"
#include "mem/space/space.h"
#include "vfs/allocate.h"
#include "vfs/file.h"
#include "vfs/index.h"
#include "vfs/memfd.h"
#include "vfs/super.h"
#include "vfs/writeback.h"

#define PAGER_AHEAD 16u	/* pages read around a faulting one */

static struct mapping *pager_mapping(struct pager *p)
{
	return container_of(p, struct mapping, pager);
}

static u64 pager_end(struct mapping *m)
{
	return PAGE_UP(mapping_size(m)) >> PAGE_SHIFT;
}

/* No mapping that is stored to outlives a seal, but remap_file_pages may make one anew. */
static bool pager_may_write(const struct mapping *m)
{
	return !m->inode || !memfd_has(m->inode, F_SEAL_WRITE);
}

struct page_fault {
	struct pager_fault;
	struct mapping *m;
	struct page *got;
	long err;
};
static co_t page_fault(struct co *co, struct page_fault *f)
{
	CO_BEGIN;
	f->m = pager_mapping(f->pager);
	if (f->index >= pager_end(f->m))
		CO_RETURN(-ENXIO);
	if (f->write && !pager_may_write(f->m))
		CO_RETURN(-EIO);
	if (f->write && writeback_is_over()) {
		CO_AWAIT(f->err, writeback_throttle);
		if (f->err)
			CO_RETURN(f->err);
	}
	CO_AWAIT(f->err, page_get_filled, .mapping = f->m, .index = f->index, .create = true,
		 .ahead = (unsigned)min((u64)PAGER_AHEAD, pager_end(f->m) - f->index),
		 .page = &f->got);
	if (f->err)
		CO_RETURN(f->err);
	if (f->index >= pager_end(f->m)) {	/* truncated meanwhile */
		phys_page_put(f->got);
		CO_RETURN(-ENXIO);
	}
	if (f->write && f->m->ops->promise) {
		CO_AWAIT(f->err, page_dirty_await, .mapping = f->m, .page = f->got);
		if (f->err && f->err != -EAGAIN) {	/* truncated: the fault comes again */
			phys_page_put(f->got);
			CO_RETURN(f->err);
		}
	} else if (f->write) {
		page_mark_dirty(f->m, f->got);
	}
	*f->page = f->got;
	CO_RETURN(0);
	CO_END;
}

struct page_sync {
	struct pager_sync;
	long err;
};
static co_t page_sync(struct co *co, struct page_sync *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, page_write_back, .mapping = pager_mapping(f->pager), .first = f->index,
		 .last = f->index + f->count - 1);
	if (!f->err && f->file && ((struct file *)f->file)->ops->fsync.step)
		CO_AWAIT(f->err, file_sync, .file = f->file, .data_only = true);
	CO_RETURN(f->err);
	CO_END;
}

/* A hole in the file. */
struct page_discard {
	struct pager_discard;
	long err;
};
static co_t page_discard(struct co *co, struct page_discard *f)
{
	CO_BEGIN;
	if (!f->file)
		CO_RETURN(-EINVAL);
	CO_AWAIT(f->err, file_allocate, .file = f->file, .offset = (i64)(f->index << PAGE_SHIFT),
		 .len = (i64)(f->count << PAGE_SHIFT),
		 .mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
	CO_RETURN(f->err);
	CO_END;
}

/* Dirty at once, or not at all. */
static bool peek_dirty(struct mapping *m, struct page *page)
{
	bool done;

	if (!m->ops->promise) {
		page_mark_dirty(m, page);
		return true;
	}
	if (writeback_is_over() || !page_claim(page))
		return false;
	done = !page_dirty(m, page);
	page_unclaim(m, page);
	return done;
}

/* The page with a reference, if it may be handed out. */
static struct page *peek_at(struct mapping *m, struct page *page, bool write) REQUIRES(m->lock)
{
	u32 flags = page ? atomic_load(&page->flags) : 0;

	if (!(flags & PAGE_UPTODATE) ||
	    (write && ((flags & PAGE_BUSY) || !pager_may_write(m))))
		return NULL;
	if (write && !peek_dirty(m, page))
		return NULL;
	phys_page_get(page);
	if (!(flags & PAGE_ACTIVE))
		atomic_or(&page->flags, (u32)PAGE_ACTIVE);
	return page;
}

static void page_peek(struct pager *p, u64 index, unsigned n, bool write, struct page **to)
{
	struct mapping *m = pager_mapping(p);
	u64 end = min(pager_end(m), index + n);
	unsigned run = 0;

	spin_lock(&m->lock);
	for (u64 at = index; at < index + n; at += run) {
		void *const *pages = index_run(m, at, &run);

		run = (unsigned)min((u64)run, index + n - at);
		for (unsigned i = 0; i < run; i++, to++)
			*to = pages && at + i < end ? peek_at(m, pages[i], write) : NULL;
	}
	spin_unlock(&m->lock);
}

/* Pages are the only storage. */
static bool pager_in_memory(const struct mapping *m)
{
	return m->inode && m->ops && !m->ops->readpage.step && !m->ops->writepage.step;
}

static int page_has(struct pager *p, u64 index)
{
	struct mapping *m = pager_mapping(p);
	struct page *page;

	if (!pager_in_memory(m))
		return -EINVAL;
	if (index >= pager_end(m))
		return -ENXIO;
	page = page_find_uptodate(m, index);
	if (page)
		phys_page_put(page);
	return page != NULL;
}

static int page_supply(struct pager *p, u64 index, struct page *page)
{
	struct mapping *m = pager_mapping(p);
	int err;

	if (!pager_in_memory(m) || index >= pager_end(m))
		return -ENXIO;
	err = page_add_made(m, page, index);
	if (!err) {
		page_mark_dirty(m, page);
		phys_page_put(page);	/* the index has its own */
	}
	return err;
}

static void page_pager_get(struct pager *p)
{
	struct mapping *m = pager_mapping(p);

	if (m->inode)
		inode_get(m->inode);
}

static void page_pager_put(struct pager *p)
{
	inode_put(pager_mapping(p)->inode);
}

static void page_file_get(void *file)
{
	if (file)
		file_get(file);
}

static void page_file_put(void *file)
{
	file_put(file);
}

static size_t page_path(struct pager *p, void *file, char *to, size_t size)
{
	char *start;
	long len;

	if (!file)
		return 0;
	len = path_text(&((struct file *)file)->path, NULL, to, size, true, &start, NULL);
	if (len < 0)
		return 0;
	memmove(to, start, (size_t)len);
	return (size_t)len;
}

static void page_numbers(struct pager *p, void *file, struct vma_info *to)
{
	/* As stat(2) tells of the open file, which need not be the one with the pages. */
	struct inode *i = file ? ((struct file *)file)->inode : pager_mapping(p)->inode;

	if (!i)
		return;
	to->dev = i->super->dev;
	to->ino = i->ino;
	to->mode = i->mode;
	to->nlink = i->nlink;
}

const struct pager_ops page_pager_ops = {
	.fault = CO_IMPLEMENTS(pager_fault, page_fault),
	.sync = CO_IMPLEMENTS(pager_sync, page_sync),
	.discard = CO_IMPLEMENTS(pager_discard, page_discard),
	.peek = page_peek,
	.has = page_has,
	.supply = page_supply,
	.get = page_pager_get,
	.put = page_pager_put,
	.file_get = page_file_get,
	.file_put = page_file_put,
	.path = page_path,
	.numbers = page_numbers,
};
