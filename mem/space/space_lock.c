/* mem/space/space_lock.c -- pages that stay: mlock, mlockall; and mappings that stay: mseal. */
#include "core/base/bits.h"
#include "mem/space/space.h"
#include "mem/space/vma.h"

bool space_may_lock(struct space *s, u64 bytes, u32 flags, bool freely)
{
	u64 limit = atomic_load_relaxed(&s->limit_memlock) >> PAGE_SHIFT;

	return !(flags & VMA_LOCKED) || freely ||
	       s->pages_locked + (bytes >> PAGE_SHIFT) <= limit;
}

/* Pages of [start, end) that are locked already. */
static u64 locked_in(struct space *s, u64 start, u64 end)
{
	u64 sum = 0;

	for (struct vma *v = vma_find(s, start); v && v->start < end; v = vma_next(v))
		if (v->flags & VMA_LOCKED)
			sum += min(v->end, end) - max(v->start, start);
	return sum;
}

static void set_locked(struct vma *v, u32 locked)
{
	if (!(v->flags & VMA_FIXED))
		vma_set_flags(v, (v->flags & ~(u32)VMA_LOCKS) | locked);
}

static long lock_vmas(struct space *s, u64 start, u64 end, u32 locked)
{
	long err = vma_split(s, start);
	u64 at = start;

	if (!err)
		err = vma_split(s, end);
	for (struct vma *v = vma_find(s, start); !err && v && v->start < end; v = vma_next(v)) {
		if (v->start > at)
			err = -ENOMEM;
		at = v->end;
		set_locked(v, locked);
	}
	if (!err && at < end)
		err = -ENOMEM;
	vma_merge_range(s, start, end);
	return err;
}

static long lock_range(struct space_lock_range *f)
{
	u64 end;

	if (!f->len)
		return 0;
	if (add_overflows(f->addr, f->len, &end) || end > HAL_USER_END)
		return -ENOMEM;
	if (!space_may_lock(f->space, f->len - locked_in(f->space, f->addr, end), f->locked,
			    f->freely))
		return -ENOMEM;
	return lock_vmas(f->space, f->addr, end, f->locked);
}

co_t space_lock_range(struct co *co, struct space_lock_range *f)
{
	long err;

	CO_BEGIN;
	CO_WRITE_LOCK(&f->space->lock);
	err = lock_range(f);
	rwlock_unlock_write(&f->space->lock);
	CO_RETURN(err);
	CO_END;
}

/* The next one to be brought in, from f->at on; false: no more. */
static bool next_locked(struct space_lock_all *f)
{
	struct vma *v = vma_find(f->space, f->at);

	while (v && ((v->flags & VMA_LOCKS) != VMA_LOCKED || !(v->flags & VMA_PROT)))
		v = vma_next(v);
	if (v) {
		f->at = max(v->start, f->at);
		f->end = v->end;
	}
	return v;
}

co_t space_lock_all(struct co *co, struct space_lock_all *f)
{
	struct vma *v;

	CO_BEGIN;
	CO_WRITE_LOCK(&f->space->lock);
	if (f->now && !space_may_lock(f->space, (f->space->pages_total - f->space->pages_locked)
				      << PAGE_SHIFT, VMA_LOCKED, f->freely)) {
		rwlock_unlock_write(&f->space->lock);
		CO_RETURN(-ENOMEM);
	}
	f->space->lock_future = f->future;
	while (f->change && (v = vma_find(f->space, f->at))) {
		set_locked(v, f->locked);
		v = vma_merge(v);
		f->at = v->end;
		CO_BREATHE;
	}
	rwlock_unlock_write(&f->space->lock);
	/* What cannot be had now comes with a fault. */
	for (f->at = 0; f->now; f->at = f->end) {
		CO_READ_LOCK(&f->space->lock);
		f->now = next_locked(f);
		rwlock_unlock_read(&f->space->lock);
		if (f->now)
			CO_AWAIT(f->ignored, space_populate, .space = f->space, .addr = f->at,
				 .len = f->end - f->at);
	}
	CO_RETURN(0);
	CO_END;
}

co_t space_locks_at(struct co *co, struct space_locks_at *f)
{
	struct vma *v;
	u32 locks;

	CO_BEGIN;
	CO_READ_LOCK(&f->space->lock);
	v = vma_at(f->space, f->addr);
	locks = v ? v->flags & VMA_LOCKS : 0;
	rwlock_unlock_read(&f->space->lock);
	CO_RETURN(locks);
	CO_END;
}

/* --- mseal --- */

static bool has_hole(struct space *s, u64 start, u64 end)
{
	for (struct vma *v = vma_find(s, start); v && v->start <= start; v = vma_next(v)) {
		start = v->end;
		if (start >= end)
			return false;
	}
	return true;
}

static long seal(struct space *s, u64 start, u64 end)
{
	long err;

	if (has_hole(s, start, end))
		return -ENOMEM;
	err = vma_split(s, start);
	if (!err)
		err = vma_split(s, end);
	for (struct vma *v = vma_find(s, start); !err && v && v->start < end; v = vma_next(v))
		vma_set_flags(v, v->flags | VMA_SEALED);
	vma_merge_range(s, start, end);
	return err;
}

co_t space_seal(struct co *co, struct space_seal *f)
{
	u64 end;
	long err;

	CO_BEGIN;
	if (f->addr & ~PAGE_MASK || (f->len && !PAGE_UP(f->len)) ||
	    add_overflows(f->addr, PAGE_UP(f->len), &end))
		CO_RETURN(-EINVAL);
	if (!f->len)
		CO_RETURN(0);
	CO_WRITE_LOCK(&f->space->lock);
	err = seal(f->space, f->addr, f->addr + PAGE_UP(f->len));
	rwlock_unlock_write(&f->space->lock);
	CO_RETURN(err);
	CO_END;
}
