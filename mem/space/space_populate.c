/* mem/space/space_populate.c -- doing for a whole range what faults do page by page, and the
 * opposite: writing what was stored. */
#include "core/base/bits.h"
#include "mem/space/fault.h"
#include "mem/space/pt.h"
#include "mem/space/vma.h"

/* How to touch the page at va: 0 if it cannot be, -ENOMEM in a hole. */
static long touch_as(struct space *s, u64 va, u32 wanted)
{
	struct vma *v = vma_at(s, va);

	if (!v)
		return -ENOMEM;
	if (wanted && !(v->flags & wanted))
		return -EINVAL;
	if (wanted)
		return wanted & VMA_WRITE ? HAL_WRITE : HAL_READ;
	/* A private page that may be written gets its copy now; a shared one stays clean. */
	if ((v->flags & (VMA_WRITE | VMA_SHARED)) == VMA_WRITE)
		return HAL_WRITE;
	return v->flags & VMA_PROT ? HAL_READ : 0;
}

static long errno_of(long fault)
{
	switch (fault) {
	case FAULT_DONE:
		return 0;
	case FAULT_OOM:
		return -ENOMEM;
	case FAULT_KILLED:
		return -EINTR;
	}
	return -EFAULT;
}

/* f->flags: VMA_READ or VMA_WRITE forces that access (MADV_POPULATE_*); 0: as the VMA is. */
co_t space_populate(struct co *co, struct space_populate *f)
{
	CO_BEGIN;
	for (f->at = PAGE_DOWN(f->addr); f->at < f->addr + f->len; f->at += PAGE_SIZE) {
		CO_READ_LOCK(&f->space->lock);
		f->err = touch_as(f->space, f->at, f->flags);
		rwlock_unlock_read(&f->space->lock);
		if (f->err < 0)
			CO_RETURN(f->err);
		if (!f->err)
			continue;
		CO_AWAIT(f->err, fault_handle, .space = f->space, .addr = uptr_of(f->at),
			 .access = (unsigned)f->err);
		f->err = errno_of(f->err);
		if (f->err)
			CO_RETURN(f->err);
		CO_BREATHE;
	}
	CO_RETURN(0);
	CO_END;
}

/* The next piece of shared mapping from f->at on, with its pager and file kept; false past
 * the end. */
static bool next_shared(struct space_sync *f)
{
	struct vma *v = vma_find(f->space, f->at);

	for (; v && f->at < f->end && v->start < f->end; v = vma_next(v)) {
		u64 from = max(v->start, f->at), to = min(v->end, f->end);

		if (v->start > f->at)
			f->hole = true;
		if (f->invalidate && (v->flags & VMA_LOCKED)) {
			f->err = -EBUSY;
			return false;
		}
		f->at = to;
		if (!f->wait || !(v->flags & VMA_SHARED) || !v->pager || !v->pager->ops->sync.step)
			continue;
		f->pager = v->pager;
		f->file = v->file;
		f->index = vma_index(v, from);
		f->count = (to - from) >> PAGE_SHIFT;
		f->pager->ops->get(f->pager);
		if (f->file && f->pager->ops->file_get)
			f->pager->ops->file_get(f->file);
		return true;
	}
	if (f->at < f->end)
		f->hole = true;
	return false;
}

co_t space_sync(struct co *co, struct space_sync *f)
{
	bool more;

	CO_BEGIN;
	if (f->addr & ~PAGE_MASK || add_overflows(f->addr, f->len, &f->end))
		CO_RETURN(-EINVAL);
	f->end = PAGE_UP(f->end);
	f->at = f->addr;
	for (;;) {
		CO_READ_LOCK(&f->space->lock);
		more = next_shared(f);
		rwlock_unlock_read(&f->space->lock);
		if (!more)
			CO_RETURN(f->err ? f->err : f->hole ? -ENOMEM : 0);
		CO_AWAIT_OP(f->err, f->pager->ops->sync, .pager = f->pager, .file = f->file,
			    .index = f->index, .count = f->count);
		if (f->file && f->pager->ops->file_put)
			f->pager->ops->file_put(f->file);
		f->pager->ops->put(f->pager);
		if (f->err)
			CO_RETURN(f->err);
	}
	CO_END;
}
