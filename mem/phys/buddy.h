/* mem/phys/buddy.h -- pages: the buddy allocator, behind small per-CPU stacks of order 0.
 *
 * Ownership  an allocation has refs 1, dropped by phys_page_put (or buddy_free).
 * Units      order n is 2^n pages, at most BUDDY_MAX_ORDER.
 * Locking    its own. Nothing here waits: NULL means none left.
 */
#ifndef PHYS_BUDDY_H
#define PHYS_BUDDY_H

#include "mem/phys/page.h"

#define BUDDY_MAX_ORDER 10

enum {
	BUDDY_ZERO = 1,		/* filled with zeros */
	BUDDY_RESERVE = 2,	/* may dip into the last pages: for who will free more */
	BUDDY_USER = 4,		/* of a program's memory: leaves some to the kernel's records */
};

/* All memory of hal_machine minus what is reserved, from the boot allocator's leftovers. */
void buddy_init(void);

struct page *buddy_alloc(unsigned order, unsigned flags);
void buddy_free(struct page *p);

/* Pages whose last reference is gone, many at once. */
void buddy_release(struct page *const *pages, unsigned n);

u64 buddy_total_pages(void);
u64 buddy_free_pages(void);	/* per-CPU stacks included */

/* Are so few pages free that caches should shrink before somebody who cannot wait finds none?
 * (The per-CPU stacks do not count.) Shrinking is done when there is `plenty`. */
bool buddy_is_low(void);
bool buddy_is_plenty(void);

/* Give the per-CPU stacks back, so that counts are exact. */
void buddy_drain(void);

#endif
