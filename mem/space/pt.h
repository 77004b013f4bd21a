/* mem/space/pt.h -- the page tables of a space; for mem/space only.
 *
 * A leaf entry is 0 (absent), valid, or, for a page whose mapping has no rights at all,
 * present but invalid: all bits as usual without HAL_PTE_VALID, and PTE_HIDDEN. Each entry
 * holds a reference and a `mappings` count of its page, the zero page's excepted.
 *
 * Every change of an entry that was valid is break-before-make: 0, flush, the new one. All
 * of it happens under pt_lock, so nobody else fills the gap; a CPU that faults on it finds
 * the new entry when it gets the lock.
 */
#ifndef SPACE_PT_H
#define SPACE_PT_H

#include "mem/space/space.h"

#define PTE_HIDDEN HAL_PTE_SW0
#define PTE_PROTECTED HAL_PTE_SW1 /* read-only as long as the program says (userfault.h) */
#define PTE_POISONED  HAL_PTE_SW2 /* hidden, with the zero page: accesses end with SIGBUS */

/* Entries worked on under one hold of pt_lock. */
#define PT_BATCH 64

extern struct page *pt_zero_page;

void pt_init(void);

/* Entry for a page with a VMA's rights; `writable` is for now, VMA_WRITE only allows it. */
u64 pt_entry(const struct page *p, u32 vma_flags, bool writable);

static inline bool pt_is_writable(u64 e)
{
	return e && !(e & HAL_PTE_RDONLY);
}

/* The entry's page; the zero page too. */
struct page *pt_page(u64 e);

/* Does the entry, of a VMA that allows it, let `access` (enum hal_access | FAULT_FORCE)
 * through? */
bool pt_allows(u64 e, unsigned access);

/* Which entry of a table at `level` (0: the root) leads to va, and the table an entry is for. */
static inline unsigned pt_index(u64 va, unsigned level)
{
	return va >> (PAGE_SHIFT + 9 * (HAL_PT_LEVELS - 1 - level)) & (HAL_PT_ENTRIES - 1);
}

static inline u64 *pt_table(u64 e)
{
	return hal_phys_to_virt(paddr_of(e & HAL_PTE_ADDR));
}

/* Where va's leaf entry is: NULL if there is no table. */
u64 *pt_slot(struct space *s, u64 va) REQUIRES(s->pt_lock);
/* The same, adding tables; NULL without memory. */
u64 *pt_slot_make(struct space *s, u64 va) REQUIRES(s->pt_lock);
/* The first slots at or after *va and before end that there is a table for: *n of them, in
 * one table, and *va becomes the first one's address. NULL: none, *va is end. *budget goes
 * down by the steps it took; when it is used up they are NULL, too, and *va less than end. */
u64 *pt_run(struct space *s, u64 *va, u64 end, unsigned *n, int *budget) REQUIRES(s->pt_lock);
/* The first present entry at or after *va and before end; *va becomes its address. */
u64 *pt_next(struct space *s, u64 *va, u64 end) REQUIRES(s->pt_lock);

/* Fill an absent entry; takes over the caller's reference of the page. */
void pt_set(struct space *s, u64 *slot, u64 e) REQUIRES(s->pt_lock);
/* The same, not writable, for those of n entries of one table that are absent and have a page
 * that is still its pager's; the pages they took are NULL then. */
void pt_fill(struct space *s, u64 *slot, struct page **pages, unsigned n, u32 vma_flags)
	REQUIRES(s->pt_lock);
/* Change a present one to the same page with other rights. */
void pt_change(struct space *s, u64 va, u64 *slot, u64 e) REQUIRES(s->pt_lock);
/* Change a present one to another page: its reference is taken over, the old one's dropped. */
void pt_replace(struct space *s, u64 va, u64 *slot, u64 e) REQUIRES(s->pt_lock);

/* What pt_clear_some takes out. */
enum pt_which {
	PT_ALL,		/* everything */
	PT_QUIET,	/* everything, and the TLB is known to hold nothing */
	PT_CACHE_ONLY,	/* all but anonymous pages */
};

/* Each of these works through [*at, end) until it is done or its budget is used up, which is
 * a few hundred entries or a few thousand empty slots; false if there is more to do. */

/* Take out entries. */
bool pt_clear_some(struct space *s, u64 *at, u64 end, enum pt_which which);
/* Give present entries the rights of vma_flags: those that could not be written before stay
 * so, until a fault. */
bool pt_protect_some(struct space *s, u64 *at, u64 end, u32 vma_flags);
/* Move entries by `delta`; the tables there exist already. */
bool pt_move_some(struct space *s, u64 *at, u64 end, u64 delta);

/* Entries on their way from a space to its copy. */
struct pt_copied {
	u64 va;				/* of the table's slot that offsets count from */
	unsigned n;
	u64 e[PT_BATCH];
	u16 offset[PT_BATCH];
};
/* The next private pages of [*at, end), all in one table: they become read-only and get a
 * reference and a mapping for the copy. true if any could be written: the TLB must forget
 * them before the copy is run. */
bool pt_take_copies(struct space *s, u64 *at, u64 end, struct pt_copied *to, int *budget);
/* Enter them in the copy, or, without memory for a table, drop them: false. */
bool pt_put_copies(struct space *s, const struct pt_copied *from);

/* What one leaf table covers. */
#define PT_LEAF_SPAN (PAGE_SIZE * HAL_PT_ENTRIES)

/* Free the tables of [start, end), multiples of PT_LEAF_SPAN, in which no VMA lies. `quiet`:
 * no CPU can have walked them since the last flush. false if there is more to do. */
bool pt_free_some(struct space *s, u64 start, u64 end, bool quiet);

#endif
