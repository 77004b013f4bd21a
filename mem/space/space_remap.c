/* mem/space/space_remap.c -- mremap, remap_file_pages. */
#include <linux/mman.h>

#include "core/base/bits.h"
#include "mem/space/commit.h"
#include "mem/space/pt.h"
#include "mem/space/userfault.h"
#include "mem/space/vma.h"

static long check_remap(struct space_remap *f)
{
	u64 end;

	if (f->flags & ~(u32)(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP) ||
	    (f->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) && !(f->flags & MREMAP_MAYMOVE)))
		return -EINVAL;
	if (f->flags & MREMAP_DONTUNMAP && f->old_len != f->new_len)
		return -EINVAL;
	if (f->addr & ~PAGE_MASK || !PAGE_UP(f->new_len))
		return -EINVAL;
	if (f->addr >= HAL_USER_END)
		return -EFAULT;
	if (f->old_len > HAL_USER_END)
		return -EINVAL;
	if (f->new_len > HAL_USER_END)
		return f->flags & MREMAP_FIXED ? -EINVAL : -ENOMEM;
	f->old_len = PAGE_UP(f->old_len);
	f->new_len = PAGE_UP(f->new_len);
	if (add_overflows(f->addr, f->old_len, &end) || end > HAL_USER_END)
		return -EINVAL;
	if (f->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) {
		if (f->new_addr & ~PAGE_MASK || f->new_addr > HAL_USER_END - f->new_len)
			return -EINVAL;
		if (f->flags & MREMAP_FIXED && f->new_addr < SPACE_MIN_ADDR)
			return -EPERM;
		if (f->addr < f->new_addr + f->new_len && f->new_addr < f->addr + f->old_len)
			return -EINVAL;
	}
	return 0;
}

static bool only_shrinks(const struct space_remap *f)
{
	return !(f->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && f->new_len <= f->old_len;
}

/* The old range must lie in one VMA, which may change; only what is cut off may be more. */
static long check_old(struct space_remap *f)
{
	struct vma *v = vma_at(f->space, f->addr);

	if (!v || (f->addr + f->old_len > v->end && !only_shrinks(f)))
		return -EFAULT;
	if (v->flags & VMA_SEALED)
		return -EPERM;
	if (v->flags & VMA_FIXED && f->new_len != f->old_len)
		return -EINVAL;
	/* An old length of 0 asks for a second mapping of the same shared memory. */
	if (!f->old_len && !(v->flags & VMA_SHARED))
		return -EINVAL;
	if (f->flags & MREMAP_DONTUNMAP && v->flags & VMA_SHARED && v->pager)
		return -EINVAL;
	return 0;
}

static bool room_for(struct space *s, const struct vma *v, u64 more)
{
	u64 pages = more >> PAGE_SHIFT;

	if (v->flags & VMA_ACCOUNT && !commit_may(pages, s->pages_total))
		return false;
	return s->pages_total + pages <= atomic_load_relaxed(&s->limit_as) >> PAGE_SHIFT &&
	       (!vma_is_data(v->flags) ||
		s->pages_data + pages <= atomic_load_relaxed(&s->limit_data) >> PAGE_SHIFT);
}

static u64 added_by(const struct space_remap *f)
{
	if (f->flags & MREMAP_DONTUNMAP)
		return f->new_len;
	return f->new_len > f->old_len ? f->new_len - f->old_len : 0;
}

/* Enlarge without moving, if the old range ends its VMA and the hole behind is wide enough. */
static bool grow_in_place(struct space_remap *f)
{
	struct vma *v = vma_at(f->space, f->addr);
	u64 end = f->addr + f->new_len;

	if (f->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) || v->end != f->addr + f->old_len ||
	    !f->old_len || end > HAL_USER_END ||
	    vma_hole_below(f->space, end - v->end, v->end, end) != v->end)
		return false;
	vma_resize(v, v->start, end);
	vma_merge(v);
	return true;
}

#define BUDGET	   4096 /* as pt_run counts */
#define COST_TABLE 256

/* Make the page tables for what will move to the new place: 1 more to do, 0 done, -ENOMEM. */
static long prepare_some(struct space_remap *f, u64 end)
{
	struct space *s = f->space;
	int budget = BUDGET;
	unsigned run;
	long err = 0;

	spin_lock(&s->pt_lock);
	while (!err && pt_run(s, &f->at, end, &run, &budget)) {
		u64 to = f->at - f->addr + f->new_addr;

		f->at += (u64)run << PAGE_SHIFT;
		budget -= COST_TABLE;
		/* One table's entries may go to two. */
		if (!pt_slot_make(s, to) ||
		    !pt_slot_make(s, to + ((u64)(run - 1) << PAGE_SHIFT)))
			err = -ENOMEM;
	}
	spin_unlock(&s->pt_lock);
	return err ? err : f->at < end;
}

static long make_new(struct space_remap *f)
{
	struct space *s = f->space;
	struct vma *v = vma_at(s, f->addr), *n;

	n = f->new;
	f->new = NULL;
	n->start = f->new_addr;
	n->end = f->new_addr + f->new_len;
	n->flags = v->flags;
	n->copied = v->copied;
	n->policy = v->policy;
	vma_set_pager(n, v->pager, v->file, vma_index(v, f->addr));
	if (v->flags & VMA_USERFAULT) {
		userfault_copy_vma(n, v);
		if (userfault_note_remap(n, f->addr, f->new_addr, f->old_len) < 0) {
			f->new = n;
			return -ENOMEM;
		}
	}
	vma_insert(n);
	return 0;
}

/* Truncate and writeback must find a page in the old place or in the new one. */
static bool move_some(struct space_remap *f, u64 end)
{
	struct vma *n = vma_at(f->space, f->new_addr);
	u64 delta = f->new_addr - f->addr;
	bool done;

	if (!n->pager)
		return pt_move_some(f->space, &f->at, end, delta);
	spin_lock(&n->pager->lock);
	done = pt_move_some(f->space, &f->at, end, delta);
	spin_unlock(&n->pager->lock);
	return done;
}

/* Where one wishes, if that is free. */
static u64 find_place(struct space *s, u64 len, u64 wish)
{
	u64 at;

	if (wish >= SPACE_MIN_ADDR && vma_hole_below(s, len, wish, wish + len) == wish)
		return wish;
	at = vma_hole_below(s, len, SPACE_MIN_ADDR, s->mmap_base);

	return at ? at : vma_hole_below(s, len, SPACE_MIN_ADDR, HAL_USER_END);
}

co_t space_remap(struct co *co, struct space_remap *f)
{
	CO_BEGIN;
	f->err = check_remap(f);
	if (f->err)
		CO_RETURN(f->err);
	f->new = vma_new(f->space);
	if (!f->new)
		CO_RETURN(-ENOMEM);
	CO_WRITE_LOCK(&f->space->lock);
	f->err = check_old(f);
	if (f->err)
		goto out;
	if (only_shrinks(f)) {
		if (f->new_len < f->old_len)
			CO_AWAIT(f->err, vma_clear, .space = f->space,
				 .start = f->addr + f->new_len, .end = f->addr + f->old_len);
		f->new_addr = f->addr;
		goto out;
	}
	f->err = -EAGAIN;
	if (f->new_len > f->old_len &&
	    !space_may_lock(f->space, f->new_len - f->old_len,
			    vma_at(f->space, f->addr)->flags, f->lock_freely))
		goto out;
	f->err = -ENOMEM;
	if (!room_for(f->space, vma_at(f->space, f->addr), added_by(f)))
		goto out;
	if (grow_in_place(f)) {
		f->new_addr = f->addr;
		f->err = 0;
		goto out;
	}
	if (!(f->flags & MREMAP_MAYMOVE))
		goto out;
	/* So that taking the old range out, at the end, cannot fail. */
	f->err = vma_split(f->space, f->addr);
	if (!f->err)
		f->err = vma_split(f->space, f->addr + f->old_len);
	if (f->err)
		goto out_merge;
	if (f->flags & MREMAP_FIXED) {
		CO_AWAIT(f->err, vma_clear, .space = f->space, .start = f->new_addr,
			 .end = f->new_addr + f->new_len);
		if (f->err)
			goto out_merge;
	} else {
		f->new_addr = find_place(f->space, f->new_len,
					 f->flags & MREMAP_DONTUNMAP ? f->new_addr : 0);
		f->err = f->new_addr ? 0 : -ENOMEM;
		if (f->err)
			goto out_merge;
	}
	f->at = f->addr;
	while ((f->err = prepare_some(f, f->addr + min(f->old_len, f->new_len))) > 0)
		CO_BREATHE;
	if (f->err)
		goto out_merge;
	f->err = make_new(f);
	if (f->err)
		goto out_merge;
	f->at = f->addr;
	while (!move_some(f, f->addr + min(f->old_len, f->new_len)))
		CO_BREATHE;
	if (f->old_len && !(f->flags & MREMAP_DONTUNMAP))
		CO_AWAIT(f->ignored, vma_clear, .space = f->space, .start = f->addr,
			 .end = f->addr + f->old_len);
	vma_merge(vma_at(f->space, f->new_addr));
out_merge:
	vma_merge_range(f->space, f->addr, f->addr + f->old_len);
out:
	rwlock_unlock_write(&f->space->lock);
	USERFAULT_SETTLE(f->space);
	if (f->new)
		vma_free(f->new);
	CO_RETURN(f->err ? f->err : (i64)f->new_addr);
	CO_END;
}

/* --- remap_file_pages --- */

/* Is all of it mapped from one object with one set of flags? Then keep that. */
static long check_remap_file(struct space_remap_file *f)
{
	struct vma *v = vma_at(f->space, f->addr), *next;
	u64 end = f->addr + f->len;

	if (!v || !(v->flags & VMA_SHARED))
		return -EINVAL;
	for (struct vma *at = v; at->end < end; at = next) {
		next = vma_next(at);
		if (!next || next->start != at->end || next->pager != v->pager ||
		    next->flags != v->flags)
			return -EINVAL;
	}
	f->flags = v->flags;
	f->pager = v->pager;
	f->file = v->file;
	f->pager->ops->get(f->pager);
	if (f->file && f->pager->ops->file_get)
		f->pager->ops->file_get(f->file);
	return 0;
}

co_t space_remap_file(struct co *co, struct space_remap_file *f)
{
	u64 end;

	CO_BEGIN;
	f->addr = PAGE_DOWN(f->addr);
	f->len = PAGE_DOWN(f->len);
	if (!f->len || add_overflows(f->addr, f->len, &end) ||
	    add_overflows(f->pgoff, f->len >> PAGE_SHIFT, &end))
		CO_RETURN(-EINVAL);
	CO_READ_LOCK(&f->space->lock);
	f->err = check_remap_file(f);
	rwlock_unlock_read(&f->space->lock);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, space_map, .space = f->space, .addr = f->addr, .len = f->len,
		 .prot = f->flags & VMA_PROT, .flags = MAP_SHARED | MAP_FIXED,
		 .vma_flags = f->flags & ~(u32)VMA_PROT, .pager = f->pager, .file = f->file,
		 .pgoff = f->pgoff, .lock_freely = f->lock_freely);
	if (f->file && f->pager->ops->file_put)
		f->pager->ops->file_put(f->file);
	f->pager->ops->put(f->pager);
	CO_RETURN(f->err < 0 ? f->err : 0);
	CO_END;
}
