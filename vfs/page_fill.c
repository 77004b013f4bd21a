/* vfs/page_fill.c -- getting pages filled: one that is wanted now, a run around it, or a window
 * that will be wanted soon.
 */
#include "core/base/string.h"
#include "coro/task.h"
#include "mem/phys/buddy.h"
#include "mem/phys/slab.h"
#include "mem/space/reclaim.h"
#include "vfs/inode.h"
#include "vfs/page.h"

/* Adjacent pages, all claimed by us, each with a reference of ours. */
struct page_run {
	unsigned count;
	struct page *pages[PAGE_RUN_MAX];
};

/* Lengthen the run up to `want` pages with fresh ones, as far as memory is at hand and nothing
 * is there yet. The first page, if any, decides where. */
static void page_run_extend(struct mapping *m, struct page_run *run, u64 index, unsigned want)
{
	want = min(want, PAGE_RUN_MAX);
	while (run->count < want) {
		struct page *page = buddy_alloc(0, BUDDY_USER);

		if (!page)
			return;
		if (page_add(m, page, index + run->count)) {
			phys_page_put(page);
			return;
		}
		run->pages[run->count++] = page;
	}
}

static void page_run_put(struct page_run *run, unsigned from)
{
	for (unsigned i = from; i < run->count; i++)
		phys_page_put(run->pages[i]);
}

/* Read a run whose pages are claimed; each is page_filled by the file system. What became of the
 * first. */
struct page_run_read {
	struct co_frame co;
	struct mapping *mapping;
	struct page_run *run;
	unsigned i;
	long err, first;
};
static co_t page_run_read(struct co *co, struct page_run_read *f)
{
	CO_BEGIN;
	if (f->run->count > 1 && f->mapping->ops->readpages.step) {
		CO_AWAIT_OP(f->err, f->mapping->ops->readpages, .mapping = f->mapping,
			    .pages = f->run->pages, .count = f->run->count);
		CO_RETURN(f->err);
	}
	for (f->i = 0; f->i < f->run->count; f->i++) {
		CO_AWAIT_OP(f->err, f->mapping->ops->readpage, .mapping = f->mapping,
			    .page = f->run->pages[f->i]);
		f->first = f->i ? f->first : f->err;
	}
	CO_RETURN(f->first);
	CO_END;
}

int page_add_made(struct mapping *m, struct page *page, u64 index)
{
	int err = m->ops->reserve ? m->ops->reserve(m, index) : 0;

	if (err)
		goto out;
	err = page_add(m, page, index);
	if (err && m->ops->released) {
		spin_lock(&m->lock);
		m->ops->released(m, index);
		spin_unlock(&m->lock);
	}
out:
	if (!err)
		page_filled(m, page, true);
	return err;
}

/* What a reader is told of a page that could not be filled: that the device failed, unless it was
 * only memory that was missing. */
static long read_error(long err)
{
	return err == -ENOMEM ? err : -EIO;
}

/* Nothing there: make the run and read it, or a page of zeros. -EAGAIN: look again. */
struct page_fill_absent {
	struct co_frame co;
	struct page_get_filled *get;
	struct page *fresh;
	struct page_run *run;
	long err;
};
static co_t page_fill_absent(struct co *co, struct page_fill_absent *f)
{
	CO_BEGIN;
	if (!f->get->mapping->ops->readpage.step && !f->get->create)
		CO_RETURN(-ENODATA);
	CO_AWAIT(f->err, page_alloc_await, .flags = BUDDY_ZERO, .page = &f->fresh);
	if (f->err)
		CO_RETURN(f->err);
	if (!f->get->mapping->ops->readpage.step) {
		f->err = page_add_made(f->get->mapping, f->fresh, f->get->index);
		if (f->err)
			phys_page_put(f->fresh);
		else
			f->get->found = f->fresh;
		CO_RETURN(f->err == -EEXIST ? -EAGAIN : f->err);
	}
	f->err = page_add(f->get->mapping, f->fresh, f->get->index);
	if (f->err) {
		phys_page_put(f->fresh);
		CO_RETURN(f->err == -EEXIST ? -EAGAIN : f->err);
	}
	f->run = f->get->ahead > 1 ? kmalloc(sizeof(*f->run)) : NULL;
	if (f->run) {
		f->run->count = 1;
		f->run->pages[0] = f->fresh;
		page_run_extend(f->get->mapping, f->run, f->get->index, f->get->ahead);
		CO_AWAIT(f->err, page_run_read, .mapping = f->get->mapping, .run = f->run);
		page_run_put(f->run, 1);
		kfree(f->run);
	} else {
		CO_AWAIT_OP(f->err, f->get->mapping->ops->readpage, .mapping = f->get->mapping,
			    .page = f->fresh);
	}
	f->get->found = f->fresh;
	CO_RETURN(atomic_load(&f->fresh->flags) & PAGE_UPTODATE ? 0 : read_error(f->err));
	CO_END;
}

co_t page_get_filled(struct co *co, struct page_get_filled *f)
{
	CO_BEGIN;
	do {
		f->err = 0;
		f->found = page_find(f->mapping, f->index);
		if (!f->found) {
			CO_AWAIT(f->err, page_fill_absent, .get = f);
			continue;
		}
		CO_WAIT_KILLABLE(f->err, &f->mapping->waiters,
				 page_claim_fill(f->mapping, f->found, &f->mine));
		if (f->err)
			break;
		/* Its last read failed. */
		if (f->mine)
			CO_AWAIT_OP(f->err, f->mapping->ops->readpage, .mapping = f->mapping,
				    .page = f->found);
		if (atomic_load(&f->found->flags) & PAGE_UPTODATE) {
			f->err = 0;
		} else {
			f->err = f->mine ? read_error(f->err) : -EAGAIN;
			phys_page_put(f->found);
			f->found = NULL;
		}
	} while (f->err == -EAGAIN);
	if (f->err && f->found)
		phys_page_put(f->found);
	if (!f->err)
		*f->page = f->found;
	CO_RETURN(f->err);
	CO_END;
}

/* --- ahead of need: a worker per window --- */

struct page_ahead {
	struct co_frame co;
	struct mapping *mapping;
	struct page_run *run;
	long ignored;
};
static co_t page_ahead(struct co *co, struct page_ahead *f)
{
	CO_BEGIN;
	CO_AWAIT(f->ignored, page_run_read, .mapping = f->mapping, .run = f->run);
	page_run_put(f->run, 0);
	kfree(f->run);
	inode_put(f->mapping->inode);
	CO_RETURN(0);
	CO_END;
}

void page_read_ahead(struct mapping *m, u64 index, unsigned count)
{
	struct page_run *run;
	struct task *t;
	u64 end = PAGE_UP(mapping_size(m)) >> PAGE_SHIFT;

	if (!m->ops || !m->ops->readpage.step)
		return;
	for (; count && index < end; count--, index++) {
		struct page *page = page_find(m, index);

		if (!page)
			break;
		phys_page_put(page);
	}
	count = (unsigned)min((u64)count, end > index ? end - index : 0);
	run = count ? kmalloc(sizeof(*run)) : NULL;
	if (!run)
		return;
	run->count = 0;
	page_run_extend(m, run, index, count);
	if (!run->count) {
		kfree(run);
		return;
	}
	if (m->inode)
		inode_get(m->inode);
	CO_SPAWN(t, "readahead", page_ahead, .mapping = m, .run = run);
	if (t) {
		task_put(t);
		return;
	}
	/* No memory for a worker: whoever needs the pages reads them. */
	for (unsigned i = 0; i < run->count; i++)
		page_filled(m, run->pages[i], false);
	page_run_put(run, 0);
	kfree(run);
	inode_put(m->inode);
}
