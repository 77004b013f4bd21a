/* vfs/page.c -- the page cache: who may fill a page, and who waits for that.
 *
 * A page enters the index busy and not uptodate, claimed by who entered it. Only a claimer
 * sets PAGE_UPTODATE; others wait until it is uptodate, gone, or free to be claimed. A page
 * whose read failed stays in the index, not uptodate: the next one who wants it claims it and
 * tries again. Truncation takes pages out and clears PAGE_CACHE under the mapping's lock, so
 * a claimer that looks at that flag after claiming knows.
 *
 *                 page_add          page_filled(ok)
 *	(absent) ----------> BUSY ----------------------> UPTODATE <----> UPTODATE|BUSY
 *	    ^                 |  ^ page_claim_fill           |    page_claim, page_unclaim
 *	    |                 v  |                           |
 *	    |               (failed)                         |
 *	    +-----------------+------------------------------+   truncation, reclaim
 */
#include "vfs/page.h"

#include <linux/stat.h>

#include "core/base/log.h"
#include "core/base/string.h"
#include "mem/phys/buddy.h"
#include "mem/phys/shrink.h"
#include "mem/space/reclaim.h"
#include "vfs/index.h"
#include "vfs/inode.h"
#include "vfs/writeback.h"

#define PAGE_LOOK_FURTHER  1024ul
#define PAGE_DROP_AT_ONCE  64u	/* pages dropped in one poll without breathing */
#define PAGE_UNMAP_AT_ONCE 512ul	/* what pager_unmap takes */

/* [a] kept: those that are the only storage */
static u64 page_read_count, page_kept_count, page_dirty_count;

/* Pages in the order of entering, for reclaim. Lock order: mapping, then this. */
static spinlock page_lru_lock = SPINLOCK_INIT(RANK_POLL);
static struct list page_lru GUARDED_BY(&page_lru_lock);

u64 page_total(void)
{
	return atomic_load_relaxed(&page_read_count) + atomic_load_relaxed(&page_kept_count);
}

u64 page_total_kept(void)
{
	return atomic_load_relaxed(&page_kept_count);
}

u64 page_total_dirty(void)
{
	return atomic_load_relaxed(&page_dirty_count);
}

static u64 page_shrink_count(void)
{
	u64 read = atomic_load_relaxed(&page_read_count);

	return read - min(page_total_dirty(), read);
}

static struct shrinker page_shrinker = {
	.name = "page cache",
	.count = page_shrink_count,
	.scan = page_shrink,
};

void page_setup(void)
{
	index_setup();
	spin_lock(&page_lru_lock);
	list_init(&page_lru);
	spin_unlock(&page_lru_lock);
	page_read_count = page_kept_count = page_dirty_count = 0;
	shrink_add(&page_shrinker);
}

u64 mapping_size(const struct mapping *m)
{
	return m->inode ? inode_size(m->inode) : m->fixed_size;
}

void mapping_init(struct mapping *m, struct inode *inode)
{
	*m = (struct mapping){.inode = inode};
	pager_init(&m->pager, &page_pager_ops);
	spin_init(&m->lock, RANK_PAGE_CACHE);
	waitq_init(&m->waiters);
}

/* --- the index --- */

struct page *page_find(struct mapping *m, u64 index)
{
	struct page *page;

	spin_lock(&m->lock);
	page = index_get(m, index);
	if (page)
		phys_page_get(page);
	spin_unlock(&m->lock);
	return page;
}

struct page *page_find_uptodate(struct mapping *m, u64 index)
{
	struct page *page;

	spin_lock(&m->lock);
	page = index_get(m, index);
	if (page && !(atomic_load(&page->flags) & PAGE_UPTODATE))
		page = NULL;
	if (page)
		phys_page_get(page);
	spin_unlock(&m->lock);
	return page;
}

struct page *page_find_next(struct mapping *m, u64 *index, u64 end)
{
	struct page *page;

	spin_lock(&m->lock);
	page = index_next(m, index, end);
	if (page)
		phys_page_get(page);
	spin_unlock(&m->lock);
	return page;
}

/* Reclaim only looks at what can be read again. */
static bool page_is_reclaimable(const struct mapping *m)
{
	return m->ops->readpage.step;
}

static u64 *page_counter(const struct mapping *m)
{
	return page_is_reclaimable(m) ? &page_read_count : &page_kept_count;
}

int page_add(struct mapping *m, struct page *page, u64 index)
{
	int err;

	page->owner = m;
	page->index = index;
	list_init(&page->link);
	atomic_store(&page->flags,
		     PAGE_BUSY | PAGE_CACHE | (page_is_reclaimable(m) ? 0u : (u32)PAGE_SHM));
	spin_lock(&m->lock);
	err = index_set(m, index, page);
	if (!err) {
		phys_page_get(page);
		atomic_store_relaxed(&m->count, m->count + 1);
		atomic_add_relaxed(page_counter(m), 1ul);
		if (page_is_reclaimable(m)) {
			spin_lock(&page_lru_lock);
			list_add_back(&page_lru, &page->link);
			spin_unlock(&page_lru_lock);
		}
	}
	spin_unlock(&m->lock);
	if (err)
		atomic_store(&page->flags, 0u);
	return err;
}

/* Pages that are the only storage carry the flag, but nobody will clean them. */
static bool page_counts_dirty(const struct mapping *m)
{
	return m->ops->writepage.step || m->ops->writepages.step;
}

/* Out of the index; the index's reference is the caller's to drop. */
static void page_remove_locked(struct mapping *m, struct page *page) REQUIRES(m->lock)
{
	u32 flags;

	index_remove(m, page->index);
	atomic_store_relaxed(&m->count, m->count - 1);
	atomic_sub(page_counter(m), 1ul);
	spin_lock(&page_lru_lock);
	list_remove(&page->link);
	spin_unlock(&page_lru_lock);
	flags = atomic_and(&page->flags, ~(u32)(PAGE_CACHE | PAGE_DIRTY | PAGE_ROOM));
	if ((flags & PAGE_DIRTY) && page_counts_dirty(m)) {
		atomic_sub(&m->dirty, 1ul);
		atomic_sub(&page_dirty_count, 1ul);
	}
	if (flags & PAGE_PROMISED)
		m->ops->unpromise(m, page);
	if (m->ops->released)
		m->ops->released(m, page->index);
}

/* --- claims --- */

bool page_claim_fill(struct mapping *m, struct page *page, bool *mine)
{
	u32 flags = atomic_load(&page->flags);

	*mine = false;
	for (;;) {
		if ((flags & PAGE_UPTODATE) || !(flags & PAGE_CACHE))
			return true;
		if (flags & PAGE_BUSY)
			return false;
		if (atomic_cas(&page->flags, &flags, flags | PAGE_BUSY)) {
			*mine = true;
			return true;
		}
	}
}

bool page_claim(struct page *page)
{
	return !(atomic_or(&page->flags, (u32)PAGE_BUSY) & PAGE_BUSY);
}

void page_unclaim(struct mapping *m, struct page *page)
{
	if (!(atomic_and(&page->flags, ~(u32)PAGE_BUSY) & PAGE_BUSY))
		panic("a page that nobody claimed is let go");
	waitq_wake(&m->waiters);
}

void page_filled(struct mapping *m, struct page *page, bool ok)
{
	if (ok) {
		atomic_and(&page->flags, ~(u32)(PAGE_ERROR | PAGE_SYNCED));
		atomic_or(&page->flags, (u32)PAGE_UPTODATE);
	} else {
		atomic_or(&page->flags, (u32)PAGE_ERROR);
	}
	page_unclaim(m, page);
}

void page_mark_dirty(struct mapping *m, struct page *page)
{
	if (atomic_or(&page->flags, (u32)PAGE_DIRTY) & PAGE_DIRTY || !page_counts_dirty(m))
		return;
	atomic_add(&m->dirty, 1ul);
	atomic_add_relaxed(&page_dirty_count, 1ul);
	if (m->inode)
		writeback_note(m->inode, INODE_DIRTY_PAGES);
}

bool page_clean(struct mapping *m, struct page *page)
{
	if (!(atomic_and(&page->flags, ~(u32)PAGE_DIRTY) & PAGE_DIRTY))
		return false;
	atomic_sub(&m->dirty, 1ul);
	atomic_sub(&page_dirty_count, 1ul);
	return true;
}

/* --- letting pages go --- */

/* Take the next page of [*index, end) out of the index if nobody has claimed it: it, with the
 * index's reference. *busy: one is claimed, returned with a new reference instead. */
static struct page *page_take_next(struct mapping *m, u64 *index, u64 end, bool *busy)
{
	struct page *page;

	*busy = false;
	spin_lock(&m->lock);
	page = index_next(m, index, end);
	if (page && !page_claim(page)) {
		*busy = true;
		phys_page_get(page);
	} else if (page) {
		page_remove_locked(m, page);
	}
	spin_unlock(&m->lock);
	if (page && !*busy)
		page_unclaim(m, page);
	return page;
}

int page_try_drop_all(struct mapping *m)
{
	u64 index = 0;
	bool busy;

	for (unsigned n = 0; n < PAGE_DROP_AT_ONCE; n++) {
		struct page *page = page_take_next(m, &index, UINT64_MAX, &busy);

		if (!page)
			return 0;
		phys_page_put(page);
		if (busy)
			return -EBUSY;
	}
	return atomic_load_relaxed(&m->count) ? -EBUSY : 0;
}

/* Is the page, held by the caller, used by nobody but the index and the caller? */
static bool page_is_idle(const struct page *page)
{
	return atomic_load(&page->refs) == 2 && !atomic_load(&page->mappings) &&
	       !(atomic_load(&page->flags) & (PAGE_DIRTY | PAGE_BUSY));
}

/* The oldest page that was not used lately, with a reference, and its mapping's inode pinned;
 * NULL when the list is done. */
static struct page *page_pick_oldest(u64 *budget, struct inode **inode)
{
	struct page *page = NULL;

	spin_lock(&page_lru_lock);
	while (*budget && !list_empty(&page_lru)) {
		struct page *p = list_first(&page_lru, struct page, link);
		struct mapping *m = p->owner;

		--*budget;
		list_remove(&p->link);
		list_add_back(&page_lru, &p->link);
		if (atomic_and(&p->flags, ~(u32)PAGE_ACTIVE) & PAGE_ACTIVE)
			continue;
		if (m->inode && !inode_get_live(m->inode))
			continue;
		*inode = m->inode;
		phys_page_get(p);
		page = p;
		break;
	}
	spin_unlock(&page_lru_lock);
	return page;
}

u64 page_shrink(u64 pages)
{
	u64 left = 2 * atomic_load_relaxed(&page_read_count), freed = 0;
	u64 budget = min(2 * pages + 64, left);

	left -= budget;
	while (freed < pages) {
		struct inode *inode = NULL;
		struct page *page = page_pick_oldest(&budget, &inode);
		struct mapping *m;
		bool gone = false;

		/* All were used lately, or are dirty: further on, or a process would be ended
		 * for want of what is there. */
		if (!page && !budget && !freed && left) {
			budget = min(left, PAGE_LOOK_FURTHER);
			left -= budget;
			continue;
		}
		if (!page)
			break;
		m = page->owner;
		spin_lock(&m->lock);
		if (page_is_idle(page) && index_get(m, page->index) == page) {
			page_remove_locked(m, page);
			gone = true;
		}
		spin_unlock(&m->lock);
		if (gone) {
			phys_page_put(page);
			freed++;
		}
		phys_page_put(page);
		inode_put(inode);
	}
	if (freed < pages && page_total_dirty())
		writeback_start();
	return freed;
}

/* --- truncation --- */

/* Zero up to n bytes of the claimed page; mappings see it, they share the page. */
static void page_zero_range(struct mapping *m, struct page *page, u64 at, u64 n)
{
	memset((char *)phys_page_data(page) + at, 0, min(n, PAGE_SIZE - at));
	page_changed(page);
	if (atomic_load(&page->flags) & PAGE_UPTODATE)
		page_mark_dirty(m, page);
}

co_t page_truncate(struct co *co, struct page_truncate *f)
{
	CO_BEGIN;
	CO_AWAIT(f->ignored, page_punch, .mapping = f->mapping, .from = f->size,
		 .to = PAGE_UP(f->size));
	f->index = PAGE_UP(f->size) >> PAGE_SHIFT;
	for (;;) {
		f->page = page_take_next(f->mapping, &f->index, UINT64_MAX, &f->busy);
		if (!f->page)
			break;
		if (f->busy)
			CO_WAIT_IO(&f->mapping->waiters,
				   !(atomic_load(&f->page->flags) & PAGE_BUSY));
		phys_page_put(f->page);
		CO_BREATHE;
	}
	/* What was mapped behind the end must fault from now on, private copies too. */
	for (f->index = PAGE_UP(f->size) >> PAGE_SHIFT;
	     f->index << PAGE_SHIFT < f->was && pager_is_mapped(&f->mapping->pager);
	     f->index += PAGE_UNMAP_AT_ONCE) {
		pager_unmap(&f->mapping->pager, f->index, PAGE_UNMAP_AT_ONCE, true);
		CO_BREATHE;
	}
	CO_RETURN(0);
	CO_END;
}

co_t page_punch(struct co *co, struct page_punch *f)
{
	CO_BEGIN;
	while (f->from < f->to) {
		f->index = f->from >> PAGE_SHIFT;
		if (f->from % PAGE_SIZE || f->to - f->from < PAGE_SIZE) {
			f->page = page_find(f->mapping, f->index);
			if (f->page) {
				CO_WAIT_IO(&f->mapping->waiters, page_claim(f->page));
				page_zero_range(f->mapping, f->page, f->from % PAGE_SIZE,
						f->to - f->from);
				page_unclaim(f->mapping, f->page);
				phys_page_put(f->page);
			}
			f->from = min(f->to, (f->index + 1) << PAGE_SHIFT);
			continue;
		}
		f->page = page_take_next(f->mapping, &f->index, f->to >> PAGE_SHIFT, &f->busy);
		if (!f->page) {
			f->from = PAGE_DOWN(f->to);
			continue;
		}
		if (f->busy)
			CO_WAIT_IO(&f->mapping->waiters,
				   !(atomic_load(&f->page->flags) & PAGE_BUSY));
		else
			pager_unmap(&f->mapping->pager, f->page->index, 1, false);
		f->from = f->index << PAGE_SHIFT;
		phys_page_put(f->page);
		CO_BREATHE;
	}
	CO_RETURN(0);
	CO_END;
}

co_t page_zero_tail(struct co *co, struct page_zero_tail *f)
{
	CO_BEGIN;
	if (!(f->size % PAGE_SIZE))
		CO_RETURN(0);
	if (page_is_reclaimable(f->mapping)) {
		CO_AWAIT(f->err, page_get_filled, .mapping = f->mapping,
			 .index = f->size >> PAGE_SHIFT, .ahead = 1, .page = &f->page);
		if (f->err)
			CO_RETURN(f->err);
	}
	CO_AWAIT(f->err, page_punch, .mapping = f->mapping, .from = f->size,
		 .to = PAGE_UP(f->size));
	if (f->page)	/* until here it could not be reclaimed */
		phys_page_put(f->page);
	CO_RETURN(f->err);
	CO_END;
}
