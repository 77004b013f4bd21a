/* vfs/index.h -- the page index of a mapping: a radix tree of 64-way nodes; for vfs/page*.c.
 *
 * Units    positions in pages.
 * Locking  the mapping's lock, held by the caller. Nothing waits.
 */
#ifndef VFS_INDEX_H
#define VFS_INDEX_H

#include "vfs/page.h"

void index_setup(void);

struct page *index_get(const struct mapping *m, u64 index) REQUIRES(m->lock);
/* Where the pages from index on hang, as far as they hang together: *n places of a page or
 * NULL; or NULL: none of these *n is there. */
void *const *index_run(const struct mapping *m, u64 index, unsigned *n) REQUIRES(m->lock);
/* 0, -EEXIST or -ENOMEM. */
int index_set(struct mapping *m, u64 index, struct page *page) REQUIRES(m->lock);
/* What was there, or NULL; empty nodes are freed. */
struct page *index_remove(struct mapping *m, u64 index) REQUIRES(m->lock);
/* The first page at or after *index and before end; *index is moved to it. */
struct page *index_next(const struct mapping *m, u64 *index, u64 end) REQUIRES(m->lock);

#endif
