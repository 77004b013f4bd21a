/* mem/space/space_map.c -- mmap, munmap, brk. */
#include <linux/mman.h>

#include "core/base/bits.h"
#include "core/base/log.h"
#include "mem/space/commit.h"
#include "mem/space/pt.h"
#include "mem/space/shm.h"
#include "mem/space/userfault.h"
#include "mem/space/vma.h"

/* May so many bytes be added with these flags? */
static bool within_limits(struct space *s, u64 bytes, u32 flags)
{
	u64 pages = bytes >> PAGE_SHIFT;

	if (flags & VMA_ACCOUNT && !commit_may(pages, s->pages_total))
		return false;
	if (s->pages_total + pages > atomic_load_relaxed(&s->limit_as) >> PAGE_SHIFT)
		return false;
	return !vma_is_data(flags) ||
	       s->pages_data + pages <= atomic_load_relaxed(&s->limit_data) >> PAGE_SHIFT;
}

static bool is_fixed(u32 flags)
{
	return flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
}

/* Everything that can be said without the lock. Rounds the length. */
static long check_map(struct space_map *f)
{
	u64 end, len;

	if (!f->len)
		return -EINVAL;
	if (add_overflows(f->len, PAGE_SIZE - 1, &len))
		return -ENOMEM;
	f->len = len & PAGE_MASK;
	if (f->len > HAL_USER_END)
		return -ENOMEM;
	if (f->prot & ~(u32)(PROT_READ | PROT_WRITE | PROT_EXEC))
		f->prot &= PROT_READ | PROT_WRITE | PROT_EXEC;
	if (f->flags & MAP_HUGETLB)
		return -ENOMEM;
	if (is_fixed(f->flags)) {
		if (f->addr & ~PAGE_MASK)
			return -EINVAL;
		if (add_overflows(f->addr, f->len, &end) || end > HAL_USER_END)
			return -ENOMEM;
		if (f->addr < SPACE_MIN_ADDR)
			return -EPERM;
	}
	if (f->pager && add_overflows(f->pgoff, f->len >> PAGE_SHIFT, &end))
		return -EOVERFLOW;
	if (f->flags & MAP_GROWSDOWN && f->pager)
		return -EINVAL;
	return 0;
}

/* Who asks that nothing be promised is not heard where all promises are kept. */
static bool unreserved(const struct space_map *f)
{
	return f->flags & MAP_NORESERVE &&
	       atomic_load_relaxed(&commit_settings.mode) != COMMIT_STRICT;
}

static u32 flags_of(const struct space_map *f)
{
	u32 flags = f->prot | f->vma_flags;

	if (f->flags & MAP_GROWSDOWN)
		flags |= VMA_GROWSDOWN;
	flags |= f->space->lock_future;
	if (f->flags & MAP_LOCKED)
		flags |= VMA_LOCKED;
	if (unreserved(f))
		flags |= VMA_NORESERVE;
	if ((f->flags & MAP_TYPE) != MAP_PRIVATE)
		flags |= VMA_SHARED;
	if (!f->pager)
		flags |= VMA_MAYWRITE | VMA_MAYEXEC;
	return vma_accounted(flags);
}

/* The address to use, or an error. */
static i64 place(struct space *s, u64 addr, u64 len, u32 flags)
{
	u64 found;

	if (is_fixed(flags)) {
		if (flags & MAP_FIXED_NOREPLACE && !vma_range_free(s, addr, addr + len))
			return -EEXIST;
		return (i64)addr;
	}
	if (addr) {
		addr = max(PAGE_UP(addr & ~(1ul << 63)), SPACE_MIN_ADDR);
		if (addr < HAL_USER_END && len <= HAL_USER_END - addr &&
		    vma_hole_below(s, len, addr, addr + len) == addr)
			return (i64)addr;
	}
	found = vma_hole_below(s, len, SPACE_MIN_ADDR, s->mmap_base);
	if (!found)
		found = vma_hole_below(s, len, SPACE_MIN_ADDR, HAL_USER_END);
	return found ? (i64)found : -ENOMEM;
}

/* With everything checked and made, put the VMA in. */
static u64 commit_map(struct space_map *f)
{
	struct vma *v = f->new;

	v->start = f->addr;
	v->end = f->addr + f->len;
	v->flags = flags_of(f);
	vma_set_pager(v, f->made ? f->made : f->pager, f->made ? NULL : f->file, f->pgoff);
	f->new = NULL;
	vma_insert(v);
	vma_merge(v);
	return f->addr;
}

/* Bytes of [start, end) that are mapped already: they do not count as added. */
static u64 mapped_in(struct space *s, u64 start, u64 end)
{
	u64 sum = 0;

	for (struct vma *v = vma_find(s, start); v && v->start < end; v = vma_next(v))
		sum += min(v->end, end) - max(v->start, start);
	return sum;
}

co_t space_map(struct co *co, struct space_map *f)
{
	CO_BEGIN;
	f->err = check_map(f);
	if (f->err)
		CO_RETURN(f->err);
	if (flags_of(f) & VMA_SHARED && !f->pager) {
		f->made = shm_new(f->len >> PAGE_SHIFT, !unreserved(f));
		f->pgoff = 0;
		if (!f->made)
			CO_RETURN(-ENOMEM);
	}
	f->new = vma_new(f->space);
	f->err = -ENOMEM;
	if (!f->new)
		goto out_unlocked;
	CO_WRITE_LOCK(&f->space->lock);
	f->err = place(f->space, f->addr, f->len, f->flags);
	if (f->err < 0)
		goto out;
	f->addr = (u64)f->err;
	f->err = -EAGAIN;
	if (!space_may_lock(f->space, f->len, flags_of(f), f->lock_freely))
		goto out;
	f->err = -ENOMEM;
	if (f->space->vma_count >= SPACE_MAX_VMAS ||
	    !within_limits(f->space, f->len - mapped_in(f->space, f->addr, f->addr + f->len),
			   flags_of(f)))
		goto out;
	CO_AWAIT(f->err, vma_clear, .space = f->space, .start = f->addr, .end = f->addr + f->len);
	if (!f->err)
		f->err = (long)commit_map(f);
out:
	rwlock_unlock_write(&f->space->lock);
	USERFAULT_SETTLE(f->space);
out_unlocked:
	if (f->new)
		vma_free(f->new);
	if (f->made)
		f->made->ops->put(f->made);
	CO_RETURN(f->err);
	CO_END;
}

co_t space_unmap(struct co *co, struct space_unmap *f)
{
	CO_BEGIN;
	if (f->addr & ~PAGE_MASK || !f->len || f->addr > HAL_USER_END ||
	    f->len > HAL_USER_END - f->addr)
		CO_RETURN(-EINVAL);
	CO_WRITE_LOCK(&f->space->lock);
	CO_AWAIT(f->err, vma_clear, .space = f->space, .start = f->addr,
		 .end = PAGE_UP(f->addr + f->len));
	rwlock_unlock_write(&f->space->lock);
	USERFAULT_SETTLE(f->space);
	CO_RETURN(f->err);
	CO_END;
}

/* The next mapping of the object from f->at on that lies where the first one's beginning would
 * have it; NULL: no more. The first one found says which object and how long. */
static struct vma *next_of_object(struct space_unmap_object *f)
{
	struct vma *v = vma_find(f->space, f->at);

	for (; v && v->start < f->end; v = vma_next(v)) {
		if (!v->pager || v->pager->ops != f->ops || v->start < f->addr ||
		    v->pgoff != (v->start - f->addr) >> PAGE_SHIFT)
			continue;
		if (!f->pager) {
			f->pager = v->pager;
			f->pager->ops->get(f->pager);
			f->end = min(f->end, f->addr + PAGE_UP(f->size(v->file)));
		}
		if (v->pager == f->pager && v->start < f->end)
			return v;
	}
	return NULL;
}

co_t space_unmap_object(struct co *co, struct space_unmap_object *f)
{
	struct vma *v;

	CO_BEGIN;
	f->at = f->addr;
	f->end = HAL_USER_END;
	CO_WRITE_LOCK(&f->space->lock);
	while (!f->err && (v = next_of_object(f))) {
		f->at = v->end;
		CO_AWAIT(f->err, vma_clear, .space = f->space, .start = v->start, .end = v->end);
	}
	rwlock_unlock_write(&f->space->lock);
	USERFAULT_SETTLE(f->space);
	if (!f->pager)
		CO_RETURN(-EINVAL);
	f->pager->ops->put(f->pager);
	CO_RETURN(f->err);
	CO_END;
}

static struct pager *object_at(const struct space_object *f)
{
	struct vma *v = vma_at(f->space, f->addr);
	bool is = v && v->start == f->addr && v->pager && v->pager->ops == f->ops && !v->pgoff;

	if (is)
		v->pager->ops->get(v->pager);
	return is ? v->pager : NULL;
}

co_t space_object(struct co *co, struct space_object *f)
{
	CO_BEGIN;
	CO_READ_LOCK(&f->space->lock);
	*f->pager = object_at(f);
	rwlock_unlock_read(&f->space->lock);
	CO_RETURN(*f->pager ? 0 : -EINVAL);
	CO_END;
}

/* --- brk --- */

/* Grow from page boundary `from` to `to`. */
static bool brk_grow(struct space_brk *f, u64 from, u64 to)
{
	struct space *s = f->space;
	u32 flags = vma_accounted(VMA_READ | VMA_WRITE | VMA_MAYWRITE | VMA_MAYEXEC);
	struct vma *v;

	flags |= s->lock_future;
	if (!space_may_lock(s, to - from, flags, f->lock_freely))
		return false;
	if (to > s->mmap_base || !within_limits(s, to - from, flags) ||
	    vma_hole_below(s, to - from, from, to) != from || s->vma_count >= SPACE_MAX_VMAS)
		return false;
	v = f->new;
	f->new = NULL;
	v->start = from;
	v->end = to;
	v->flags = flags;
	vma_insert(v);
	vma_merge(v);
	return true;
}

co_t space_brk(struct co *co, struct space_brk *f)
{
	CO_BEGIN;
	f->new = vma_new(f->space);
	CO_WRITE_LOCK(&f->space->lock);
	f->old = PAGE_UP(f->space->brk);
	f->now = f->space->brk;
	if (!f->new || f->brk < f->space->brk_start || f->brk > HAL_USER_END - PAGE_SIZE)
		goto out;
	if (f->brk - f->space->brk_start > atomic_load_relaxed(&f->space->limit_data))
		goto out;
	if (PAGE_UP(f->brk) < f->old) {
		CO_AWAIT(f->err, vma_clear, .space = f->space, .start = PAGE_UP(f->brk),
			 .end = f->old);
		if (f->err)
			goto out;
	} else if (PAGE_UP(f->brk) > f->old && !brk_grow(f, f->old, PAGE_UP(f->brk))) {
		goto out;
	}
	f->space->brk = f->now = f->brk;
out:
	rwlock_unlock_write(&f->space->lock);
	USERFAULT_SETTLE(f->space);
	if (f->new)
		vma_free(f->new);
	CO_RETURN((i64)f->now);
	CO_END;
}
