/* mem/space/pt_free.c -- giving page tables back. */
#include "mem/space/pt.h"

struct freed {
	struct page *pages[PT_BATCH];
	unsigned n;
};

/* Unhook the tables wholly inside [start, end) that hang below `table`: a leaf table because
 * no VMA has pages in it, the others when they are empty. false when `to` is full. */
static bool unhook(struct space *s, u64 *table, unsigned level, u64 start, u64 end,
		   struct freed *to) REQUIRES(s->pt_lock)
{
	u64 size = PAGE_SIZE << 9 * (HAL_PT_LEVELS - 1 - level), next;

	for (u64 va = start; va < end; va = next) {
		u64 *slot = &table[pt_index(va, level)];
		struct page *child;

		next = (va | (size - 1)) + 1;
		if (!*slot)
			continue;
		if (level < HAL_PT_LEVELS - 2 &&
		    !unhook(s, pt_table(*slot), level + 1, va, next < end ? next : end, to))
			return false;
		child = pt_page(*slot);
		if (level < HAL_PT_LEVELS - 2 && child->index)
			continue;
		if (to->n == PT_BATCH)
			return false;
		atomic_store_relaxed(slot, 0ul);
		pt_page(hal_virt_to_phys(table).raw)->index--;
		s->tables--;
		to->pages[to->n++] = child;
	}
	return true;
}

bool pt_free_some(struct space *s, u64 start, u64 end, bool quiet)
{
	struct freed freed = {.n = 0};
	bool done;

	spin_lock(&s->pt_lock);
	done = unhook(s, hal_phys_to_virt(s->hal.root), 0, start, end, &freed);
	if (freed.n && !quiet)
		hal_tlb_flush_asid(s->hal.asid); /* walkers remember upper levels too */
	spin_unlock(&s->pt_lock);
	for (unsigned i = 0; i < freed.n; i++) {
		freed.pages[i]->index = 0;
		phys_page_put(freed.pages[i]);
	}
	return done;
}
