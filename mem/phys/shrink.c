/* mem/phys/shrink.c -- asking the caches for memory. */
#include "mem/phys/shrink.h"

#include "core/base/bits.h"

/* Added to at boot by one CPU, never removed from: read without a lock. */
static struct list shrinkers = LIST_INIT(shrinkers);

void shrink_add(struct shrinker *s)
{
	list_add_back(&shrinkers, &s->link);
}

u64 shrink_count(void)
{
	struct shrinker *s;
	u64 sum = 0;

	list_each(s, &shrinkers, link)
		sum += s->count();
	return sum;
}

u64 shrink_run(u64 pages)
{
	u64 total = shrink_count(), freed = 0;
	struct shrinker *s;

	if (!total)
		return 0;
	list_each(s, &shrinkers, link) {
		u64 count = s->count();

		if (count)
			freed += s->scan(max(1ul, min(pages, total) * count / total));
	}
	return freed;
}
