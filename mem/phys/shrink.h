/* mem/phys/shrink.h -- caches that can give memory back without waiting.
 *
 * Ownership  a shrinker is a constant of its owner, added at boot and never removed.
 * Locking    count and scan are called with no lock held and take their own; neither waits.
 */
#ifndef PHYS_SHRINK_H
#define PHYS_SHRINK_H

#include "core/base/list.h"

struct shrinker {
	const char *name;
	u64 (*count)(void);		/* pages (roughly) that scan could free */
	u64 (*scan)(u64 pages);		/* free about that many; how many it did */
	struct list link;
};

void shrink_add(struct shrinker *s);

/* Ask every shrinker in proportion to its count; pages freed. */
u64 shrink_run(u64 pages);

/* What all shrinkers could free: for "available" memory. */
u64 shrink_count(void);

#endif
