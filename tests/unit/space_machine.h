/* tests/unit/space_machine.h -- address spaces on the simulated machine: a task that lives in
 * one, a file that must be waited for, and short names for the calls. */
#ifndef SPACE_MACHINE_H
#define SPACE_MACHINE_H

#include "co_machine.h"

#include <linux/mman.h>

#include "core/base/bits.h"
#include "mem/space/fault.h"
#include "mem/space/pin.h"
#include "mem/space/pt.h"
#include "mem/space/reclaim.h"
#include "mem/space/shm.h"
#include "mem/space/space.h"
#include "mem/space/uaccess.h"
#include "mem/space/uio.h"
#include "mem/space/vma.h"

#define PG PAGE_SIZE

/* Store and load one word of the task's memory: 0 or an error. */
struct put { struct co_frame co; u64 at, value; long err; };
static co_t put(struct co *co, struct put *f)
{
	CO_BEGIN;
	CO_COPY_TO_USER(f->err, uptr_of(f->at), &f->value, sizeof(f->value));
	CO_RETURN(f->err);
	CO_END;
}

struct get { struct co_frame co; u64 at; u64 *value; long err; };
static co_t get(struct co *co, struct get *f)
{
	CO_BEGIN;
	CO_COPY_FROM_USER(f->err, f->value, uptr_of(f->at), sizeof(*f->value));
	CO_RETURN(f->err);
	CO_END;
}

static void space_enter(struct co *co, struct space *s)
{
	co_task(co)->space = s;
	executor_use_space(co_task(co));
}

/* Leave it, and be nowhere. */
struct leave { struct co_frame co; long err; struct space *space; };
static co_t leave(struct co *co, struct leave *f)
{
	CO_BEGIN;
	f->space = space_current(co);
	space_enter(co, NULL);
	CO_AWAIT(f->err, space_leave, .space = f->space);
	CO_RETURN(0);
	CO_END;
}

/* The tree, its augmentation and its counts, against a plain walk. */
static void check_space(struct space *s)
{
	u64 end = 0, total = 0, data = 0, rss = 0, at = 0;
	u32 count = 0;
	struct vma *before = NULL;

	for (struct vma *v = vma_find(s, 0); v; v = vma_next(v)) {
		host_expect(v->start >= end && v->start < v->end && v->end <= HAL_USER_END);
		host_expect(!((v->start | v->end) & ~PAGE_MASK));
		end = v->end;
		total += (v->end - v->start) >> PAGE_SHIFT;
		if (vma_is_data(v->flags))
			data += (v->end - v->start) >> PAGE_SHIFT;
		count++;
		u64 lo = v->sub_lo, hi = v->sub_hi, gap = v->sub_gap;
		vma_update(&v->node);
		host_expect(lo == v->sub_lo && hi == v->sub_hi && gap == v->sub_gap);
		if (before && before->end == v->start && !v->pager && !before->pager)
			host_expect(before->flags != v->flags);
		before = v;
	}
	host_expect(count == s->vma_count && total == s->pages_total && data == s->pages_data);
	spin_lock(&s->pt_lock);
	for (u64 *slot; (slot = pt_next(s, &at, HAL_USER_END)); at += PG) {
		struct vma *v = vma_at(s, at);

		host_expect(v);
		host_expect(!pt_is_writable(*slot) || v->flags & VMA_WRITE);
		host_expect(!(*slot & HAL_PTE_VALID) == !(v->flags & VMA_PROT));
		rss += pt_page(*slot) != pt_zero_page;
	}
	spin_unlock(&s->pt_lock);
	host_expect(rss == s->rss_anon + s->rss_file + s->rss_shm);
}

static u64 memory_now(void)
{
	slab_drain();
	buddy_drain();
	return buddy_free_pages();
}

/* --- a file whose pages come after a wait --- */

#define FILE_PAGES 64
struct test_file {
	struct pager pager;
	u32 refs, file_refs;	/* [a] */
	spinlock lock;
	struct page *pages[FILE_PAGES];
	u64 count;		/* under lock: beyond is past the end */
	u32 faults;		/* [a] */
	bool broken;
};

static struct test_file *file_of(struct pager *p)
{
	return container_of(p, struct test_file, pager);
}

static struct page *file_page(struct test_file *t, u64 index, bool write, bool make)
{
	struct page *p = NULL, *fresh = make ? buddy_alloc(0, 0) : NULL;

	if (fresh) {
		u64 *words = phys_page_data(fresh);

		for (u64 i = 0; i < PG / 8; i++)
			words[i] = 0xf11e0000 + index;
		fresh->flags = PAGE_UPTODATE | PAGE_CACHE;
	}
	spin_lock(&t->lock);
	if (index < t->count) {
		if (!t->pages[index] && fresh) {
			t->pages[index] = fresh;
			fresh = NULL;
		}
		p = t->pages[index];
		if (p) {
			phys_page_get(p);
			if (write)
				atomic_or(&p->flags, (u32)PAGE_DIRTY);
		}
	}
	spin_unlock(&t->lock);
	if (fresh)
		phys_page_put(fresh);
	return p;
}

static void file_peek(struct pager *p, u64 index, unsigned n, bool write, struct page **to)
{
	for (unsigned i = 0; i < n; i++)
		to[i] = write ? NULL : file_page(file_of(p), index + i, false, false);
}

struct file_fault { struct pager_fault; };
static co_t file_fault(struct co *co, struct file_fault *f)
{
	CO_BEGIN;
	atomic_add(&file_of(f->pager)->faults, 1u);
	CO_YIELD;
	if (file_of(f->pager)->broken)
		CO_RETURN(-EIO);
	if (f->index >= file_of(f->pager)->count)
		CO_RETURN(-ENXIO);
	*f->page = file_page(file_of(f->pager), f->index, f->write, true);
	CO_RETURN(*f->page ? 0 : f->index >= file_of(f->pager)->count ? -ENXIO : -ENOMEM);
	CO_END;
}

static void file_get_pager(struct pager *p)
{
	atomic_add(&file_of(p)->refs, 1u);
}

static void file_put_pager(struct pager *p)
{
	host_expect(atomic_sub(&file_of(p)->refs, 1u) > 0);
}

static void file_get_file(void *file)
{
	atomic_add(&((struct test_file *)file)->file_refs, 1u);
}

static void file_put_file(void *file)
{
	host_expect(atomic_sub(&((struct test_file *)file)->file_refs, 1u) > 0);
}

static size_t file_path(struct pager *p, void *file, char *to, size_t size)
{
	memcpy(to, "/lib/libc.so", 12);
	return 12;
}

static const struct pager_ops file_ops = {
	.fault = CO_IMPLEMENTS(pager_fault, file_fault),
	.peek = file_peek, .get = file_get_pager, .put = file_put_pager,
	.file_get = file_get_file, .file_put = file_put_file, .path = file_path,
};

static struct test_file test_file;
static void file_make(u64 pages)
{
	memset(&test_file, 0, sizeof(test_file));
	pager_init(&test_file.pager, &file_ops);
	spin_init(&test_file.lock, RANK_PAGE_CACHE);
	test_file.count = pages;
}

/* As truncate does. */
static void file_cut(u64 pages)
{
	struct page *gone[FILE_PAGES] = {};

	spin_lock(&test_file.lock);
	test_file.count = pages;
	for (u64 i = pages; i < FILE_PAGES; i++) {
		gone[i] = test_file.pages[i];
		test_file.pages[i] = NULL;
		if (gone[i])
			atomic_and(&gone[i]->flags, ~(u32)(PAGE_CACHE | PAGE_DIRTY));
	}
	spin_unlock(&test_file.lock);
	pager_unmap(&test_file.pager, pages, FILE_PAGES - pages, true);
	for (u64 i = pages; i < FILE_PAGES; i++)
		if (gone[i])
			phys_page_put(gone[i]);
}

#endif
