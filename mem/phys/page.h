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
#include "hal/memory.h"

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
	PAGE_ROOM = 1u << 13,	 /* page cache: storage has room for all of it, or promised it */
	PAGE_PROMISED = 1u << 14, /* page cache: it was promised; the file system's */
	PAGE_SECRET = 1u << 12,	 /* its programs' alone: the kernel reads it for nobody */
	PAGE_SYNCED = 1u << 10,	 /* the instruction cache sees its bytes; a writer clears it */
};

struct page {
	union {		/* [a] an entry of a page table changes both at once */
		struct {
			u32 refs;	/* 0: free */
			u32 mappings;	/* user page table entries that point here */
		};
		u64 refs_and_mappings;
	};
	u32 flags;	/* [a] */
	u8 order;	/* [a] of the allocation this page heads */
	struct list link; /* buddy list; or the reclaim list; or the owner's */
	void *owner;	/* slab, or the page cache's mapping */
	u64 index;	/* page cache: position in the file */
};

/* One array of records per region of memory; nearly always there is one. */
struct phys_records {
	u64 first, count; /* [I] page frame numbers */
	struct page *pages; /* [I] */
};
extern struct phys_records phys_records[];

/* The general case of the two below. */
paddr phys_page_addr_slow(const struct page *p);
struct page *phys_page_at_slow(paddr p);

static inline paddr phys_page_addr(const struct page *p)
{
	const struct phys_records *r = phys_records;
	u64 n = (u64)(p - r->pages);

	if (__builtin_expect(n < r->count, true))
		return paddr_of((r->first + n) << PAGE_SHIFT);
	return phys_page_addr_slow(p);
}

/* NULL if it is not RAM we manage. */
static inline struct page *phys_page_at(paddr p)
{
	const struct phys_records *r = phys_records;
	u64 n = (p.raw >> PAGE_SHIFT) - r->first;

	if (__builtin_expect(n < r->count, true))
		return &r->pages[n];
	return phys_page_at_slow(p);
}

/* Through the direct map. */
static inline void *phys_page_data(const struct page *p)
{
	return hal_phys_to_virt(phys_page_addr(p));
}

struct page *phys_page_of(const void *data);	/* data in the direct map */

static inline void phys_page_get(struct page *p)
{
	atomic_add_relaxed(&p->refs, 1u);
}

/* Take one unless the page is already being freed. */
bool phys_page_get_live(struct page *p);

/* The last reference is gone: back into the buddy. */
void phys_page_release(struct page *p);

/* Drop one; the last frees the page. */
static inline void phys_page_put(struct page *p)
{
	if (atomic_sub(&p->refs, 1u) == 1)
		phys_page_release(p);
}

/* Pages that programs have mapped, each counted once. */
struct phys_mapped {
	u64 anon, file;	/* file: shared memory, too */
};
/* Add some to *to, those of the records from the *at-th on. false: there are more. Nobody counts
 * while mappings come and go: who wants to know looks at the memory that is in use. */
bool phys_page_mapped_some(u64 *at, struct phys_mapped *to);

/* An entry that points to p comes, or goes; it has a reference. true: that was the last one,
 * the caller releases the page. */
#define PHYS_PAGE_ENTRY (1ul << 32 | 1)
static inline void phys_page_map(struct page *p)
{
	atomic_add_relaxed(&p->refs_and_mappings, PHYS_PAGE_ENTRY);
}
static inline bool phys_page_unmap(struct page *p)
{
	return (u32)atomic_sub(&p->refs_and_mappings, PHYS_PAGE_ENTRY) == 1;
}

#endif
