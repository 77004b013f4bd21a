/* vfs/page_write.c -- pages that are changed: room for them on the storage, and the way there.
 *
 * Writing back takes pages in runs: the first is waited for, those after it come along if they are
 * dirty and nobody has claimed them. So nobody waits for a page while he holds another.
 */
#include "mem/phys/slab.h"
#include "vfs/index.h"
#include "vfs/inode.h"
#include "vfs/page.h"
#include "vfs/writeback.h"

#define LOOK_AT_ONCE 512u /* pages looked at under the lock */

int page_dirty(struct mapping *m, struct page *page)
{
	u32 flags = atomic_load_relaxed(&page->flags);
	int err = 0;

	if (m->ops->promise && !(flags & PAGE_ROOM))
		err = m->ops->promise(m, page);
	if (!err && !(flags & PAGE_DIRTY))
		page_mark_dirty(m, page);
	return err;
}

co_t page_make_room(struct co *co, struct page_make_room *f)
{
	CO_BEGIN;
	if (!f->mapping->ops->make_room.step)
		CO_RETURN(-ENOSPC);
	CO_AWAIT_OP(f->err, f->mapping->ops->make_room, .mapping = f->mapping);
	CO_RETURN(f->err);
	CO_END;
}

co_t page_dirty_await(struct co *co, struct page_dirty_await *f)
{
	CO_BEGIN;
	for (;;) {
		CO_WAIT_KILLABLE(f->err, &f->mapping->waiters, page_claim(f->page));
		if (f->err)
			CO_RETURN(f->err);
		f->err = -EAGAIN;
		if (atomic_load(&f->page->flags) & PAGE_CACHE)
			f->err = page_dirty(f->mapping, f->page);
		page_unclaim(f->mapping, f->page);
		if (f->err != -ENOSPC || f->again)
			CO_RETURN(f->err);
		f->again = true;
		CO_AWAIT(f->err, page_make_room, .mapping = f->mapping);
		if (f->err)
			CO_RETURN(f->err);
	}
	CO_END;
}

/* --- writing back --- */

struct page_write_run {
	unsigned count;
	struct page *pages[PAGE_WRITE_MAX];
};

/* The next page in [*index, last] that is dirty or busy, with a reference; *index is moved to it,
 * or to where to look next. *more: that is not all. */
static struct page *write_find(struct mapping *m, u64 *index, u64 last, bool *more)
{
	struct page *page = NULL;

	*more = false;
	spin_lock(&m->lock);
	for (unsigned n = 0; *index <= last; ++*index) {
		page = index_next(m, index, last + 1);
		if (!page || (atomic_load(&page->flags) & (PAGE_DIRTY | PAGE_BUSY)))
			break;
		page = NULL;
		if (++n == LOOK_AT_ONCE) {
			++*index;
			*more = true;
			break;
		}
	}
	if (page)
		phys_page_get(page);
	spin_unlock(&m->lock);
	return page;
}

/* Clean the page, which is claimed: false if there is nothing to write. */
static bool write_take(struct mapping *m, struct page *page)
{
	return (atomic_load(&page->flags) & PAGE_CACHE) && page_clean(m, page);
}

/* Those after the first. */
static void write_gather(struct mapping *m, struct page_write_run *run, u64 last)
{
	while (run->count < PAGE_WRITE_MAX) {
		u64 index = run->pages[0]->index + run->count;
		struct page *page = index <= last ? page_find(m, index) : NULL;

		if (!page)
			return;
		if (!(atomic_load(&page->flags) & PAGE_DIRTY) || !page_claim(page)) {
			phys_page_put(page);
			return;
		}
		if (!write_take(m, page)) {
			page_unclaim(m, page);
			phys_page_put(page);
			return;
		}
		run->pages[run->count++] = page;
	}
}

/* One run, whose first page is claimed, clean and referenced; all that goes. */
struct page_write_one {
	struct co_frame co;
	struct mapping *mapping;
	struct page *page;
	u64 last, *next;
	struct page_write_run *run;	/* NULL: no memory for one, or no use */
	unsigned i;
	long err;
};

static struct page *write_nth(struct page_write_one *f, unsigned n)
{
	return f->run ? f->run->pages[n] : f->page;
}

static unsigned write_count(const struct page_write_one *f)
{
	return f->run ? f->run->count : 1;
}

static co_t page_write_one(struct co *co, struct page_write_one *f)
{
	struct page *page;

	CO_BEGIN;
	f->run = f->mapping->ops->writepages.step ? kmalloc(sizeof(*f->run)) : NULL;
	if (f->run) {
		f->run->count = 1;
		f->run->pages[0] = f->page;
		write_gather(f->mapping, f->run, f->last);
	}
	*f->next = f->page->index + write_count(f);
	for (f->i = 0; f->i < write_count(f); f->i++)
		pager_write_protect(&f->mapping->pager, write_nth(f, f->i)->index);
	if (f->mapping->ops->writepages.step)
		CO_AWAIT_OP(f->err, f->mapping->ops->writepages, .mapping = f->mapping,
			    .pages = f->run ? f->run->pages : &f->page, .count = write_count(f));
	else
		CO_AWAIT_OP(f->err, f->mapping->ops->writepage, .mapping = f->mapping,
			    .page = f->page);
	for (f->i = 0; f->i < write_count(f); f->i++) {
		page = write_nth(f, f->i);
		if (f->err)
			page_mark_dirty(f->mapping, page);
		page_unclaim(f->mapping, page);
		phys_page_put(page);
	}
	kfree(f->run);
	CO_RETURN(f->err);
	CO_END;
}

static bool is_written(const struct mapping *m)
{
	return m->ops && (m->ops->writepage.step || m->ops->writepages.step);
}

co_t page_write_back(struct co *co, struct page_write_back *f)
{
	CO_BEGIN;
	if (!is_written(f->mapping))
		CO_RETURN(0);
	while (f->first <= f->last && !page_all_written(f->mapping)) {
		f->page = write_find(f->mapping, &f->first, f->last, &f->more);
		CO_BREATHE;
		if (!f->page && !f->more)
			break;
		if (!f->page)
			continue;
		CO_WAIT_IO(&f->mapping->waiters, page_claim(f->page));
		atomic_add(&f->mapping->under_way, 1u);
		if (write_take(f->mapping, f->page)) {
			CO_AWAIT(f->err, page_write_one, .mapping = f->mapping, .page = f->page,
				 .last = f->last, .next = &f->first);
			f->failed = f->failed ? f->failed : f->err;
		} else {
			page_unclaim(f->mapping, f->page);
			phys_page_put(f->page);
			f->first++;
		}
		atomic_sub(&f->mapping->under_way, 1u);
	}
	if (!f->failed && !f->quiet)
		f->failed = atomic_swap(&f->mapping->error, 0);
	CO_RETURN(f->failed);
	CO_END;
}
