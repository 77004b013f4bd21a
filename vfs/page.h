/* vfs/page.h -- the page cache: the pages of a file, in one index, shared by read, write and
 * every mapping of it.
 *
 * A page is claimed before it is filled or written back: PAGE_BUSY is set by one task, the
 * others wait on the mapping's queue. Claim under the lock, wait outside it.
 *
 * Ownership  the index holds a reference; page_find and page_get_filled give another.
 * Units      index in pages.
 * Locking    mapping.lock guards the index; a fault takes no inode lock, only this.
 */
#ifndef VFS_PAGE_H
#define VFS_PAGE_H

#include "coro/co.h"
#include "mem/phys/page.h"
#include "mem/space/pager.h"

struct inode;
struct mapping;

/* Fill page (locked busy by the caller, zeroed if new) with the file's bytes at its index,
 * zeros past the end of the file. */
struct mapping_readpage {
	struct co_frame co;
	struct mapping *mapping;
	struct page *page;
};
CO_OPERATION(mapping_readpage);
/* Fill a run of pages, all busy, indices ascending and adjacent (readahead). Optional. */
struct mapping_readpages {
	struct co_frame co;
	struct mapping *mapping;
	struct page **pages;
	unsigned count;
};
CO_OPERATION(mapping_readpages);
/* Bring the bytes of a dirty page to storage. */
struct mapping_writepage {
	struct co_frame co;
	struct mapping *mapping;
	struct page *page;
};
CO_OPERATION(mapping_writepage);

struct mapping_ops {
	/* .step NULL: there is nothing to read, a new page is zeros (tmpfs). */
	struct mapping_readpage_op readpage;
	struct mapping_readpages_op readpages;
	/* .step NULL: pages are the only storage and are never written back nor reclaimed. */
	struct mapping_writepage_op writepage;
	/* Without waiting: a byte range is about to be written: may the file system take it
	 * (space, quota)? 0 or -ENOSPC. NULL: always. */
	int (*reserve)(struct mapping *m, u64 index);
	/* Without waiting: a page left the index (truncation). NULL: nothing. */
	void (*released)(struct mapping *m, u64 index);
};

#endif
