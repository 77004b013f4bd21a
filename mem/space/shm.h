/* mem/space/shm.h -- the pagers without a file: shared anonymous memory, fixed pages.
 *
 * Ownership  shm_new returns one reference (pager->ops->put drops it).
 */
#ifndef SPACE_SHM_H
#define SPACE_SHM_H

#include "mem/space/pager.h"

/* A shared anonymous object of so many pages, all zero at first; NULL without memory, or if
 * that much may not be `promised` (mem/space/commit.h). */
struct pager *shm_new(u64 pages, bool promised);
/* One with operations of its own: shm_ops with another name and another `file`. */
struct pager *shm_new_named(u64 pages, bool promised, const struct pager_ops *ops);
extern const struct pager_ops shm_ops;
/* One of no pages yet that belong to their programs alone: PAGE_SECRET; and how many it may have
 * from now on, which is said once. */
struct pager *shm_new_secret(const struct pager_ops *ops);
void shm_set_size(struct pager *p, u64 pages);
/* How many of its pages there are. */
u64 shm_resident(struct pager *p);
/* How many there are of all objects. */
u64 shm_total(void);
/* Is memory of objects that are gone still being given back? And wait until some more of it is,
 * or all: 0, -EINTR if killed. */
bool shm_is_freeing(void);
struct shm_await_free {
	struct co_frame co;
	u64 pieces;
	long err;
};
co_t shm_await_free(struct co *co, struct shm_await_free *f);

/* A fixed array of kernel pages, such as the vDSO; never goes away. `name` shows in maps.
 * The pages must be the pager's for good. */
struct shm_fixed {
	struct pager pager;
	const char *name;
	struct page **pages;
	u64 count;
};
void shm_fixed_init(struct shm_fixed *f, const char *name, struct page **pages, u64 count);

/* At boot, by space_init. */
void shm_init(void);

#endif
