/* mem/space/space_fork.c -- the copy of a space.
 *
 * VMAs are copied; of the pages only the private ones that faults could not bring back:
 * anonymous memory and the copies made of private file pages. Both spaces then have them
 * read-only, and whoever writes first makes his own. The page cache's pages are left to the
 * child's faults, and a VMA of a file of which no copy was ever made is not looked at.
 *
 * pt_lock of two spaces is never held at once: a batch of entries is taken from one, then put
 * into the other. The TLB is told once, at the end: until then another thread of the parent
 * may still store to a page through an old translation, which is a store before the fork; no
 * fault can hand the page out as its own, because faults wait for the space's lock.
 */
#include "core/base/bits.h"
#include "core/base/string.h"
#include "mem/space/commit.h"
#include "mem/space/pt.h"
#include "mem/space/reclaim.h"
#include "mem/space/userfault.h"
#include "mem/space/vma.h"

#define BUDGET 4096 /* as pt_run counts */

/* Copy pages of a VMA: 1 more to do, 0 done, -ENOMEM (then *at is where to go on). */
static int copy_pages(struct space_fork *f)
{
	struct pt_copied batch;
	int budget = BUDGET;

	while (f->at < f->vma->end && budget > 0) {
		f->broken |= pt_take_copies(f->space, &f->at, f->vma->end, &batch, &budget);
		if (!pt_put_copies(f->child, &batch)) {
			f->at = batch.va;
			return -ENOMEM;
		}
	}
	return f->at < f->vma->end;
}

/* Truncate must find a page in both spaces or in none. */
static int copy_some(struct space_fork *f)
{
	struct pager *pager = f->vma->pager;
	int err;

	if (!pager)
		return copy_pages(f);
	spin_lock(&pager->lock);
	err = copy_pages(f);
	spin_unlock(&pager->lock);
	return err;
}

static int copy_marks(struct space_fork *f)
{
	return userfault_fork_marks(f->child, f->vma, &f->at);
}

/* Has v pages that are not the pager's? */
static bool has_private_pages(const struct vma *v)
{
	return !(v->flags & (VMA_SHARED | VMA_WIPEONFORK)) &&
	       (!v->pager || atomic_load_relaxed(&v->copied));
}

static int copy_vma(struct space *child, const struct vma *v, bool *special)
{
	struct vma *c;

	if (v->flags & VMA_ACCOUNT &&
	    !commit_may((v->end - v->start) >> PAGE_SHIFT, child->pages_total))
		return -ENOMEM;
	c = vma_new(child);
	if (!c)
		return -ENOMEM;
	c->start = v->start;
	c->end = v->end;
	c->flags = v->flags & ~(u32)VMA_LOCKS;
	c->copied = v->copied;
	c->policy = v->policy;
	vma_set_pager(c, v->pager, v->file, v->pgoff);
	if (v->flags & VMA_USERFAULT) {
		int noted = userfault_note_fork(c, v);

		if (noted < 0) {
			vma_free(c);
			return noted;
		}
		*special = true;
	}
	vma_append(c);
	return 0;
}

static void copy_header(struct space *to, const struct space *from)
{
	to->mmap_base = from->mmap_base;
	to->brk_start = from->brk_start;
	to->brk = from->brk;
	to->stack_start = from->stack_start;
	to->arg_start = from->arg_start;
	to->arg_end = from->arg_end;
	to->env_start = from->env_start;
	to->env_end = from->env_end;
	to->code_start = from->code_start;
	to->code_end = from->code_end;
	to->data_start = from->data_start;
	to->data_end = from->data_end;
	to->vdso = from->vdso;
	to->auxv_words = from->auxv_words;
	memcpy(to->auxv, from->auxv, sizeof(to->auxv));
	to->dumpable = from->dumpable;
	to->user_level = from->user_level;
	to->dump_filter = from->dump_filter;
	to->key0_freed = from->key0_freed;
	to->limit_as = from->limit_as;
	to->limit_data = from->limit_data;
	to->limit_stack = from->limit_stack;
	to->limit_memlock = from->limit_memlock;
}

co_t space_fork(struct co *co, struct space_fork *f)
{
	CO_BEGIN;
	f->child = space_new();
	if (!f->child)
		CO_RETURN(-ENOMEM);
	CO_WRITE_LOCK(&f->space->lock);
	copy_header(f->child, f->space);
	for (f->vma = vma_find(f->space, 0); f->vma; f->vma = vma_next(f->vma)) {
		if (f->vma->flags & VMA_DONTFORK)
			continue;
		f->err = copy_vma(f->child, f->vma, &f->special);
		if (f->err)
			break;
		f->at = f->vma->start;
		while (has_private_pages(f->vma) && (f->err = copy_some(f))) {
			if (f->err == -ENOMEM) {
				CO_AWAIT(f->err, reclaim_await, .pages = 16);
				if (f->err)
					break;
			}
			CO_BREATHE;
		}
		f->at = f->vma->start;
		while (!f->err && f->special && (f->err = copy_marks(f)) > 0)
			CO_BREATHE;
		if (f->err)
			break;
		CO_BREATHE;
	}
	if (f->broken)
		hal_tlb_flush_asid(f->space->hal.asid);
	hal_pt_publish();
	rwlock_unlock_write(&f->space->lock);
	if (f->special)
		CO_AWAIT(f->ignored, userfault_settle, .space = f->space, .drop = f->err);
	if (f->err)
		CO_AWAIT(f->ignored, space_leave, .space = f->child);
	else
		*f->to = f->child;
	CO_RETURN(f->err);
	CO_END;
}
