/* mem/space/vma.h -- the tree of a space's VMAs; for mem/space only.
 *
 * Locking  the space's lock: held for reading to look, for writing to change.
 */
#ifndef SPACE_VMA_H
#define SPACE_VMA_H

#include "mem/space/space.h"

void vma_init(void);

/* Augmentation of the tree. */
bool vma_update(struct rb_node *n);

/* A record like `like` (without its range and pager references), or an empty one. NULL
 * without memory. */
struct vma *vma_new(struct space *s);
void vma_free(struct vma *v);	/* not in a tree; drops its pager and file */

/* The first VMA that ends above addr. */
struct vma *vma_find(struct space *s, u64 addr);
struct vma *vma_next(const struct vma *v);
struct vma *vma_prev(const struct vma *v);
/* The VMA addr lies in. */
struct vma *vma_at(struct space *s, u64 addr);

/* Give a new one its source: takes references. pager may be NULL. */
void vma_set_pager(struct vma *v, struct pager *pager, void *file, u64 pgoff);

/* Put in a VMA whose range is free; counts it. */
void vma_insert(struct vma *v);
/* The same for one behind all others. */
void vma_append(struct vma *v);
/* Take it out; the caller frees it. */
void vma_remove(struct vma *v);
/* Take out the first of all, when the whole tree goes: it is neither balanced nor searched
 * any more, and pages_* are left alone. Frees it; the one that is the first now, or NULL. */
struct vma *vma_drop_first(struct space *s, struct vma *first);

/* Cut the VMA that covers `at` in its inside, if any: 0 or -ENOMEM. */
int vma_split(struct space *s, u64 at);
/* Join v with its neighbours where they continue each other; the result. */
struct vma *vma_merge(struct vma *v);
/* Merge at every border in [start, end]. */
void vma_merge_range(struct space *s, u64 start, u64 end);
/* Move a border of v, its neighbours staying apart. */
void vma_resize(struct vma *v, u64 start, u64 end);
void vma_set_flags(struct vma *v, u32 flags);

/* Highest free hole of `len` bytes in [low, high); 0 if there is none. */
u64 vma_hole_below(struct space *s, u64 len, u64 low, u64 high);
/* Is [start, end) free of VMAs? */
bool vma_range_free(struct space *s, u64 start, u64 end);

/* The index in its pager of the page at addr. */
static inline u64 vma_index(const struct vma *v, u64 addr)
{
	return v->pgoff + ((addr - v->start) >> PAGE_SHIFT);
}

static inline bool vma_is_data(u32 flags)
{
	return (flags & (VMA_WRITE | VMA_SHARED | VMA_GROWSDOWN)) == VMA_WRITE;
}

/* What a mapping with these flags promises is counted. */
static inline u32 vma_accounted(u32 flags)
{
	bool promised = (flags & (VMA_WRITE | VMA_SHARED | VMA_NORESERVE)) == VMA_WRITE;

	return promised ? flags | VMA_ACCOUNT : flags;
}

/* Take out everything in [start, end), page-aligned, splitting at the borders. The caller
 * holds the lock for writing, and says USERFAULT_SETTLE when it is gone. 0, or, nothing changed,
 * -ENOMEM or -EPERM (sealed). */
struct vma_clear {
	struct co_frame co;
	struct space *space;
	u64 start, end;
	u64 at;
};
co_t vma_clear(struct co *co, struct vma_clear *f);

#endif
