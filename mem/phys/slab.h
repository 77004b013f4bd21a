/* mem/phys/slab.h -- objects: caches of one size, with per-CPU magazines; and kmalloc.
 *
 * Ownership  the caller owns an object until it frees it into the cache it came from.
 * Locking    its own. Nothing here waits: NULL means out of memory.
 */
#ifndef PHYS_SLAB_H
#define PHYS_SLAB_H

#include "hal/types.h"

struct slab_cache;

/* Make the caches of kmalloc; once, after buddy_init and before any cache is made. */
void slab_init(void);

/* A cache of objects of `size` bytes, aligned to `align` (0: 16). Made at boot, never freed;
 * panics if there is no memory then. `name` shows in /proc/slabinfo. */
struct slab_cache *slab_cache_new(const char *name, size_t size, size_t align);
void *slab_alloc(struct slab_cache *c);		/* contents undefined */
void *slab_zalloc(struct slab_cache *c);
void slab_free(struct slab_cache *c, void *object);	/* NULL is ignored */

/* Any size, up to 4 MiB; more than 8 KiB comes straight from the buddy. */
void *kmalloc(size_t size);
void *kzalloc(size_t size);
void *kcalloc(size_t n, size_t size);	/* NULL on overflow */
void kfree(void *p);			/* NULL is ignored */

struct slab_stats {
	const char *name;
	size_t size;		/* of an object, bytes */
	u64 objects;		/* in use */
	u64 pages;		/* held by the cache */
};
/* Statistics of cache n in order of creation; false past the last. */
bool slab_stats(unsigned n, struct slab_stats *to);

/* Empty the magazines and give free slabs back, so that counts are exact. */
void slab_drain(void);

#endif
