/* core/uring/region.c -- memory that a ring shares with programs. */
#include "core/uring/uring.h"

#include "mem/phys/buddy.h"
#include "mem/phys/slab.h"
#include "mem/space/shm.h"
#include "mem/space/space.h"
#include "vfs/file.h"
#include "vfs/super.h"

#define REGION_NAME "anon_inode:[io_uring]"

int region_make(struct region *m, u64 size)
{
	u32 count = (u32)(PAGE_UP(size) >> PAGE_SHIFT);

	m->count = 0;
	m->pages = kcalloc(count, sizeof(char *));
	if (!m->pages)
		return -ENOMEM;
	for (; m->count < count; m->count++) {
		struct page *p = buddy_alloc(0, BUDDY_ZERO | BUDDY_USER);

		if (!p) {
			region_free(m);
			return -ENOMEM;
		}
		atomic_store_relaxed(&p->flags, PAGE_UPTODATE | PAGE_CACHE | PAGE_DIRTY | PAGE_SHM);
		m->pages[m->count] = phys_page_data(p);
	}
	return 0;
}

void region_free(struct region *m)
{
	for (u32 i = 0; i < m->count; i++)
		phys_page_put(phys_page_of(m->pages[i]));
	kfree(m->pages);
	*m = (struct region){0};
}

struct page *region_page(const struct region *m, u64 index)
{
	struct page *p;

	if (index >= m->count)
		return NULL;
	p = phys_page_of(m->pages[index]);
	phys_page_get(p);
	return p;
}

/* --- mappings --- */

static struct uring *region_ring(struct pager *p)
{
	return container_of(p, struct uring, pager);
}

/* What a program sees at offset, in bytes, and how much of it there is. */
static const struct region *region_find(const struct uring *u, u64 offset, u64 *at)
{
	u64 which = offset & IORING_OFF_MMAP_MASK;

	*at = offset & ~(u64)IORING_OFF_MMAP_MASK;
	if (which == IORING_OFF_SQES)
		return &u->sqes;
	return which == IORING_OFF_SQ_RING || which == IORING_OFF_CQ_RING ? &u->rings : NULL;
}

static struct page *region_page_of(struct uring *u, u64 index)
{
	u64 at;
	const struct region *m = region_find(u, index << PAGE_SHIFT, &at);

	return m ? region_page(m, at >> PAGE_SHIFT) : NULL;
}

static void region_peek(struct pager *p, u64 index, unsigned n, bool write, struct page **to)
{
	for (unsigned i = 0; i < n; i++)
		to[i] = region_page_of(region_ring(p), index + i);
}

struct region_fault {
	struct pager_fault;
};
static co_t region_fault(struct co *co, struct region_fault *f)
{
	CO_BEGIN;
	*f->page = region_page_of(region_ring(f->pager), f->index);
	CO_RETURN(*f->page ? 0 : -ENXIO);
	CO_END;
}

static void region_get(struct pager *p)
{
	uring_get(region_ring(p));
}

static void region_put(struct pager *p)
{
	uring_put(region_ring(p));
}

void region_file_get(void *file)
{
	file_get(file);
}

void region_file_put(void *file)
{
	file_put(file);
}

size_t region_path(struct pager *p, void *file, char *to, size_t size)
{
	return min(string_copy(to, REGION_NAME, size), size - 1);
}

void region_numbers(struct pager *p, void *file, struct vma_info *to)
{
	const struct inode *i = ((struct file *)file)->inode;

	to->dev = i->super->dev;
	to->ino = i->ino;
	to->mode = i->mode;
	to->nlink = i->nlink;
}

static const struct pager_ops region_pager_ops = {
	.fault = CO_IMPLEMENTS(pager_fault, region_fault),
	.peek = region_peek,
	.get = region_get,
	.put = region_put,
	.file_get = region_file_get,
	.file_put = region_file_put,
	.path = region_path,
	.numbers = region_numbers,
};

void region_init_pager(struct uring *u)
{
	pager_init(&u->pager, &region_pager_ops);
}

int region_mmap(struct file *file, u64 offset, u64 size, bool shared, bool write,
		struct pager **pager)
{
	struct uring *u = file->private;
	u64 at;
	const struct region *m = region_find(u, offset, &at);

	if (!shared)
		return -EINVAL;
	if ((offset & IORING_OFF_MMAP_MASK) == IORING_OFF_PBUF_RING)
		return group_mmap(u, (u16)(at >> IORING_OFF_PBUF_SHIFT), size, pager);
	/* There is no place for what is not there, Linux says. */
	if (!m)
		return -ENOMEM;
	*pager = &u->pager;
	uring_get(u);
	return 0;
}
