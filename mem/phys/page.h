/* mem/phys/page.h -- the record of one physical page.
 *
 * Ownership  a page is freed when its last reference goes (phys_page_put). Mappings of it,
 *            the page cache and pinned users each hold one.
 * Units      index is in pages.
 */
#ifndef PHYS_PAGE_H
#define PHYS_PAGE_H

#include "core/base/atomic.h"
#include "core/base/list.h"

enum {
	PAGE_BUDDY = 1u << 0,	 /* free, in the buddy's lists */
	PAGE_SLAB = 1u << 1,	 /* belongs to the slab allocator */
	PAGE_BUSY = 1u << 2,	 /* page cache: being read or written; the claimer's */
	PAGE_UPTODATE = 1u << 3, /* page cache: holds the file's bytes */
	PAGE_DIRTY = 1u << 4,
	PAGE_ANON = 1u << 5,	 /* anonymous memory */
	PAGE_CACHE = 1u << 6,	 /* in an inode's page index */
	PAGE_RESERVED = 1u << 7, /* never freed */
	PAGE_ACTIVE = 1u << 8,	 /* recently used; reclaim's second chance */
	PAGE_ERROR = 1u << 9,	 /* the last read failed */
	PAGE_SHM = 1u << 11,	 /* of shared memory (tmpfs too), not of a file on a disk */
	PAGE_SYNCED = 1u << 10,	 /* the instruction cache sees its bytes; a writer clears it */
};

struct page {
	u32 flags;	/* [a] */
	u32 refs;	/* [a] 0: free */
	u32 mappings;	/* [a] user page table entries that point here */
	u8 order;	/* of the allocation this page heads */
	struct list link; /* buddy list; or the reclaim list; or the owner's */
	void *owner;	/* slab, or the page cache's mapping */
	u64 index;	/* page cache: position in the file */
};

paddr phys_page_addr(const struct page *p);
void *phys_page_data(const struct page *p);	/* through the direct map */
struct page *phys_page_at(paddr p);		/* NULL if it is not RAM we manage */
struct page *phys_page_of(const void *data);	/* data in the direct map */

static inline void phys_page_get(struct page *p)
{
	atomic_add_relaxed(&p->refs, 1u);
}

/* Take one unless the page is already being freed. */
bool phys_page_get_live(struct page *p);

/* Drop one; the last frees the page. */
void phys_page_put(struct page *p);

#endif
